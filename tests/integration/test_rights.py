# SPDX-License-Identifier: Apache-2.0
"""The table of docs/cluster.md, "Rights on a cluster with ACLs", on a real broker that asks who may what (StandardAuthorizer): with all of it a
cluster of two, a Postgres source exactly once, a sink with dead letters, the dead-letter connector work; with a row left out the worker or
the task says which right of which name is missing."""

import contextlib
import json
import pathlib
import re

import pytest
import requests
import secured
import stand
from confluent_kafka import admin

from conftest import PG_PASSWORD, SLOW, STRING, wait_until

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "cluster.md"
USER, PASSWORD = "sluice", "acl-s3cret-1"
JSON = "org.apache.kafka.connect.json.JsonConverter"
FILE = "org.apache.kafka.connect.file.FileStream"


def rows():
    """{(resource, name): [operation]} of the page, with the names' placeholders."""
    part = PAGE.read_text().partition("## Rights on a cluster with ACLs")[2].partition("\n## ")[0]
    found = {}
    for kind, name, operations in re.findall(r"^\| (topic|group|transactional id) \| `([^`]+)` \| ([A-Z_, ]+) \|", part, re.M):
        found[kind, name] = operations.split(", ")
    assert len(found) > 10
    return found


ROWS = rows()


class GuardedKafka(stand.Kafka):
    """The plain listener's anonymous clients may everything; those of the guarded one are USER, who may what ACLs say."""

    def __init__(self, workdir):
        super().__init__(workdir)
        self.guarded = f"{stand.HOST}:{stand.free_port()}"
        names = ("PLAINTEXT", "CONTROLLER")
        self._config |= {
            "listener.security.protocol.map": ",".join(f"{n}:PLAINTEXT" for n in names) + ",GUARDED:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f'{secured.PLAIN} required user_{USER}="{PASSWORD}";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        for key in ("listeners", "advertised.listeners"):
            self._config[key] += f",GUARDED://{self.guarded}"

    def grant(self, kind, name, operations):
        kinds = {"topic": "TOPIC", "group": "GROUP", "transactional id": "TRANSACTIONAL_ID"}
        pattern = admin.ResourcePatternType["PREFIXED" if name.endswith("*") else "LITERAL"]
        client = self.admin()
        acls = [admin.AclBinding(admin.ResourceType[kinds[kind]], name.rstrip("*"), pattern, f"User:{USER}", "*",
                                 admin.AclOperation[operation], admin.AclPermissionType.ALLOW) for operation in operations]  # fmt: skip
        for answer in client.create_acls(acls).values():
            answer.result(30)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    with GuardedKafka(tmp_path_factory.mktemp("kafka")) as part:
        yield part


def client():
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'{secured.PLAIN} required username="{USER}" password="{PASSWORD}";',
    }


class Stand:
    """What a test uses, under names of its own."""

    def __init__(self, kafka, make_worker, tmp_path, name):
        self.kafka, self.make_worker, self.tmp_path, self.name = kafka, make_worker, tmp_path, name
        self.topic, self.dead = f"{name}-lines", f"{name}-dead"
        self.given, self.copied = tmp_path / "given.txt", tmp_path / "copied.txt"
        self.properties = {
            "bootstrap.servers": kafka.guarded, "group.id": name, "key.converter": STRING, "value.converter": STRING,
            **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")},
            **{f"{prefix}{key}": value for key, value in client().items() for prefix in ("", "producer.", "consumer.", "admin.")},
        }  # fmt: skip
        self.values = {
            "group.id": name,
            **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")},
            "topic of a source": f"{name}-lines",
            "topic.prefix": f"{name}.pg",
            "topic of a sink": f"{name}-lines",
            "original topic": f"{name}-lines",
            "connector": f"sink-{name}",
            "dead-letter topic": self.dead,
            "ledger topic": f"{name}-ledger",
            "audit topic": f"{name}-audit",
            "quarantine topic": f"{self.dead}-quarantine",
        }

    def resolve(self, name):
        return re.sub(r"<([^>]+)>", lambda m: self.values[m[1]], name)

    def grant(self, without=()):
        for (kind, name), operations in ROWS.items():
            if (kind, name) not in without:
                self.kafka.grant(kind, self.resolve(name), operations)

    def worker(self, **more):
        return self.make_worker(self.properties, env={"PGPASSWORD": PG_PASSWORD}, **more)

    def source(self):
        return {"connector.class": f"{FILE}SourceConnector", "file": str(self.given), "topic": self.topic, "exactly.once.support": "required",
                "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1"}  # fmt: skip

    def sink(self):
        return {"connector.class": f"{FILE}SinkConnector", "file": str(self.copied), "topics": self.topic, "value.converter": JSON,
                "value.converter.schemas.enable": "false", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": self.dead,
                "errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true"}  # fmt: skip

    def mender(self):
        return {"connector.class": "sluice.dlq", "dlq.topics": self.dead, "dlq.ledger.topic": self.values["ledger topic"],
                "dlq.audit.topic": self.values["audit topic"], "dlq.poll.interval.ms": "100"}  # fmt: skip

    def create(self, worker):
        """All three, as far as they come."""
        self.given.write_text('{"id": 1}\nno json\n')
        for name, config in (("source", self.source()), (self.values["connector"], self.sink()), ("mender", self.mender())):
            with contextlib.suppress(requests.RequestException):
                worker.rest("POST", "/connectors", json={"name": name, "config": config})
            if name == "source":
                with contextlib.suppress(TimeoutError):
                    wait_until(lambda: self.kafka.consume_all(self.topic), 6, "the source's lines")


@pytest.fixture
def made(kafka, make_worker, tmp_path, unique):
    return Stand(kafka, make_worker, tmp_path, unique)


def refusals(worker, names):
    """What log and tasks say of rights to what has one of these names."""
    said = worker.log_text()
    if worker.running:
        with contextlib.suppress(requests.RequestException):
            said += "\n" + json.dumps(worker.rest("GET", "/connectors?expand=status").json(), indent=1)
    return [line for line in said.splitlines() if re.search("[Aa]uthoriz", line) and any(name in line for name in names)]


def test_the_list_is_enough(made, kafka, database):
    """Two workers and all kinds of connectors; nobody says a word of rights."""
    made.grant()
    workers = [made.worker(name=name).start() for name in ("first", "second")]
    database.sql("create table t (id int primary key); insert into t values (1)")
    rows = f"{made.values['topic.prefix']}.public.t"
    made.create(workers[0])
    config = database.config(table_include_list="public.t", topic_prefix=made.values["topic.prefix"])
    assert workers[1].rest("POST", "/connectors", json={"name": "rows", "config": config}).status_code == 201
    for name in ("source", made.values["connector"], "mender", "rows"):
        workers[0].wait_running(name, 1)
    wait_until(lambda: kafka.consume_all(rows), what="the row")
    database.sql("insert into t values (2)")
    wait_until(lambda: len(kafka.consume_all(rows)) == 2, what="the change")
    wait_until(lambda: made.copied.exists() and made.copied.read_text(), what="the line at the other end")
    wait_until(lambda: kafka.consume_all(made.dead), what="the dead letter")
    for worker in workers:
        assert not refusals(worker, [""])


@pytest.mark.parametrize("row", [row for row in ROWS if not re.search("prefix|quarantine", row[1])], ids=" ".join)
def test_a_right_that_is_missing_is_named(made, row):
    """All rows of that name are left out: some topics have several parts here."""
    wanted = made.resolve(row[1])
    made.grant([other for other in ROWS if other[0] == row[0] and made.resolve(other[1]) == wanted])
    worker = made.worker()
    worker.start_timeout = 15 * SLOW
    with contextlib.suppress(stand.StandError):  # it may end, or not get ready
        worker.start()
        made.create(worker)
    wait_until(lambda: refusals(worker, [wanted.rstrip("*")]), 25, f"{row} in {worker.log_path}:\n{worker.log_text()[-3000:]}")
    worker.kill()
