"""Fixtures: real servers for the session of one file, workers for one test. Tests wait for conditions, never for time."""

import json
import os
import pathlib
import re
import uuid

import confluent_kafka
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

import sf
import stand

SLOW = int(os.environ.get("SLUICE_SLOW", "1"))  # how much longer things may take under sanitizers
JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
SCHEMALESS = {
    "key.converter": STRING,
    "value.converter": JSON,
    "value.converter.schemas.enable": "false",
}
PG_PASSWORD = "pg-s3cret-4711"


def wait_until(fn, timeout=30, what="the condition", interval=0.05):
    return stand.wait_until(fn, timeout * SLOW, what, interval)


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("SLUICE_BINARY", stand.PLACES["SLUICE_ROOT"] / "build" / "dev" / "sluice")
    assert pathlib.Path(path).exists(), f"{path} is not built"
    return path


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    with stand.Kafka(tmp_path_factory.mktemp("kafka")) as part:
        yield part


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with stand.Postgres(tmp_path_factory.mktemp("postgres"), config={"wal_sender_timeout": "20s"}) as part:
        part.sql(f"create role cdc superuser login replication password '{PG_PASSWORD}'")
        yield part


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    with stand.S3(tmp_path_factory.mktemp("s3")) as part:
        part.create_bucket("lake")
        yield part


@pytest.fixture(scope="session")
def minio(tmp_path_factory):
    if not stand.Minio.present():
        pytest.skip("MinIO is not built: run tests/setup --minio")
    with stand.Minio(tmp_path_factory.mktemp("minio")) as part:
        part.create_bucket("lake")
        yield part


@pytest.fixture(scope="session")
def snowflake(tmp_path_factory):
    with sf.Snowflake(tmp_path_factory.mktemp("snowflake")) as part:
        yield part


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    with stand.Registry(tmp_path_factory.mktemp("registry")) as part:
        yield part


class Sluice(stand.Worker):
    """A worker with what these tests often do with one."""

    def __init__(self, binary, workdir, kafka, properties, **more):
        super().__init__(binary, workdir, properties, **more)
        self.kafka = kafka
        self.start_timeout *= SLOW

    def _ready(self):
        """REST answers before the worker has read its topics; only then can it be used."""
        return self.rest("GET", "/connectors", timeout=5).ok

    def create(self, name, config, status=201):
        """POST /connectors; returns the answer's body."""
        answer = self.rest("POST", "/connectors", json={"name": name, "config": config})
        assert answer.status_code == status, answer.text
        return answer.json()

    def run(self, name, config, tasks=None):
        """POST /connectors and wait until it runs."""
        body = self.create(name, config)
        self.wait_running(name, tasks, timeout=30 * SLOW)
        return body

    def delete(self, name):
        answer = self.rest("DELETE", f"/connectors/{name}")
        assert answer.status_code == 204, answer.text

    def wait_failed(self, name, timeout=30):
        """Waits until the connector or a task is FAILED, and returns its trace."""

        def failed():
            status = self.status(name)
            return [part["trace"] for part in [status["connector"], *status["tasks"]] if part["state"] == "FAILED"]

        return wait_until(failed, timeout, f"{name} FAILED")[0]


@pytest.fixture
def make_worker(binary, kafka, tmp_path):
    """make_worker(properties={}, env={}, ...) gives a distributed worker, not started. At the end of the test workers
    that still run must end by themselves with 0 (sanitizers report leaks by their exit code) and have nothing to say
    that only a sanitizer says."""
    made = []

    def make(properties=None, standalone=False, name="worker", **more):
        group = f"group-{uuid.uuid4().hex[:8]}"
        # A killed worker's consumers leave their groups when their session ends; the default is 45 s.
        base = {"bootstrap.servers": kafka.bootstrap, "consumer.session.timeout.ms": 6000}
        if standalone:
            base["offset.storage.file.filename"] = tmp_path / "offsets"
            base["offset.storage.topic"] = f"{group}-offsets"
        else:
            base["group.id"] = group
            for kind in ("config", "offset", "status"):
                base[f"{kind}.storage.topic"] = f"{group}-{kind}"
                base[f"{kind}.storage.replication.factor"] = 1
            base["offset.storage.partitions"] = 5
        worker = Sluice(binary, tmp_path / name, kafka, {**base, **(properties or {})}, **more)
        made.append(worker)
        return worker

    yield make
    codes = {}
    for worker in made:
        if worker.running:
            codes[str(worker.workdir)] = worker.stop()
    for worker in made:
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer"):
            assert word not in worker.log_text(), worker.log_text()[-8000:]
    assert not any(codes.values()), f"{codes}\n{made[-1].log_text()[-4000:]}"


@pytest.fixture
def worker(make_worker):
    """A started distributed worker."""
    return make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()


@pytest.fixture
def unique():
    """A name nobody else uses."""
    return "t" + uuid.uuid4().hex[:8]


class Metrics:
    """One answer of /metrics, parsed."""

    def __init__(self, worker):
        answer = worker.rest("GET", "/metrics")
        assert answer.ok and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        self.text = answer.text
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def all(self, name, **labels):
        return [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]

    def value(self, name, **labels):
        found = self.all(name, **labels)
        assert len(found) == 1, (name, labels, found)
        return found[0].value

    def types(self):
        """{name: type} by the lines themselves, in which nothing may stand twice."""
        heads = re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.M)
        assert len(heads) == len(dict(heads)), heads
        return dict(heads)


class Database:
    """A database of the test's own, with the config of a connector for it."""

    def __init__(self, postgres, name):
        self.postgres, self.name = postgres, name
        self.slot, self.publication, self.prefix = f"{name}_slot", f"{name}_pub", name
        postgres.create_db(name)

    def sql(self, text):
        return self.postgres.sql(text, self.name)

    def connect(self, **options):
        return self.postgres.connect(self.name, **options)

    def config(self, **more):
        """Keys with underscores stand for those with dots."""
        return {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": stand.HOST,
            "database.port": str(self.postgres.port),
            "database.user": "cdc",
            "database.password": "${env:PGPASSWORD}",
            "database.dbname": self.name,
            "topic.prefix": self.prefix,
            "plugin.name": "pgoutput",
            "slot.name": self.slot,
            "publication.name": self.publication,
            "key.converter": JSON,
            "key.converter.schemas.enable": "false",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
            **{key.replace("_", "."): value for key, value in more.items()},
        }

    def confirmed(self):
        """The slot's confirmed_flush_lsn as a number."""
        rows = self.postgres.sql(
            "select (confirmed_flush_lsn - '0/0')::bigint from pg_replication_slots"
            f" where slot_name = '{self.slot}'"
        )
        return rows[0][0] if rows else None

    def wal_position(self):
        return self.postgres.sql("select (pg_current_wal_lsn() - '0/0')::bigint")[0][0]


@pytest.fixture
def database(postgres, unique):
    made = Database(postgres, unique)
    yield made
    # A worker of the test may still read the slot; what is left goes with the server at the end.
    try:
        postgres.sql(f"drop database if exists {made.name} with (force)")
    except psycopg.Error:
        pass


def read(kafka, topic, count, timeout=30, isolation="read_committed"):
    """Waits for at least `count` records of a topic, and returns all as stand.Record with the value parsed."""

    def enough():
        records = kafka.consume_all(topic, isolation)
        return records if len(records) >= count else None

    records = wait_until(enough, timeout, f"{count} records in {topic}")
    return [record._replace(value=record.value and json.loads(record.value)) for record in records]


def committed(kafka, group, topic, least=1):
    """The group's committed offsets of a topic, by partition; without those at 0, which hold only a mark (docs/errors.md)."""
    admin = kafka.admin()
    asked = confluent_kafka.ConsumerGroupTopicPartitions(group)
    parts = admin.list_consumer_group_offsets([asked])[group].result(10).topic_partitions
    return {part.partition: part.offset for part in parts if part.topic == topic and part.offset >= least}


def s3_config(store, topics, **more):
    """A JSON S3 sink with schemaless values; keys with underscores stand for those with dots."""
    return {
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "topics": topics,
        "s3.bucket.name": "lake",
        "s3.region": "us-east-1",
        "store.url": store.endpoint,
        "aws.access.key.id": store.access_key,
        "aws.secret.access.key": store.secret_key,
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        "flush.size": "10",
        **SCHEMALESS,
        **{key.replace("_", "."): str(value) for key, value in more.items()},
    }


def json_objects(store, topic):
    """All objects of a topic: {key: [row, ...]}."""
    found = store.list("lake", f"topics/{topic}/")
    return {o.key: [json.loads(line) for line in store.get("lake", o.key).splitlines()] for o in found}
