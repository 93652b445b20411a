"""The demo: rows walk from a Postgres table through Kafka into Parquet objects in S3, all of it real and on this machine,
and a DuckDB query proves that each change arrived exactly once. Started by ./demo.

The truth is what Postgres said in RETURNING for every statement; the claim is what lies in S3 at the end.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid

import confluent_kafka
import duckdb
import pyarrow
import pyarrow.parquet
import requests

import stand

CONFIGS = stand.PLACES["SLUICE_ROOT"] / "docker" / "config"
DATABASE, TABLE, TOPIC, BUCKET = "bank", "public.transactions", "transactions", "lake"
USER, PASSWORD = "cdc", "correct horse battery staple"
SNAPSHOT_ROWS = 5_000
LAST_ROWS, LAST_RATE = 2_000, 500  # single-row commits and how many a second, to measure latency
ENDS_WITHIN = 180  # seconds that any one step may take

RETURNING = "returning {op}, pg_current_xact_id()::text::bigint, id, account, amount, currency, status, note"
TRUTH_COLUMNS = ["op", "tx", "id", "account", "amount", "currency", "status", "note"]
INSERT = """insert into transactions (id, account, amount, currency, status, note)
    select id, (id * 7919) % 10000, ((id * 104729) % 10000000)::numeric / 100 - 20000,
           (array['EUR','USD','CHF'])[1 + id % 3], 'booked', case when id % 4 = 0 then null else 'note é ' || id end
    from generate_series({first}::bigint, {last}) id """ + RETURNING.format(op="'c'")
UPDATE = """update transactions set status = 'settled', amount = amount + 0.01, updated_at = now()
    where id between {first} and {last} """ + RETURNING.format(op="'u'")
DELETE = "delete from transactions where id between {first} and {last} " + RETURNING.format(op="'d'")


# --- What the user sees -----------------------------------------------------------------------------------------------


class Screen:
    """Steps with a moving last line on a terminal, plain lines otherwise."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.started = time.monotonic()

    def step(self, text):
        self._clear()
        print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def progress(self, text, done, total):
        if not self.live:
            return
        filled = int(30 * min(done / total, 1))
        print(f"\r\033[K          {text} [{'#' * filled}{'.' * (30 - filled)}] {done:,} of {total:,}", end="", flush=True)

    def detail(self, text):
        self._clear()
        print(f"          {text}", flush=True)

    def _clear(self):
        if self.live:
            print("\r\033[K", end="")


class Failed(Exception):
    """The demo did not prove what it is there to prove."""


def wait_for(screen, text, count, wanted, worker):
    """Waits until count() is at least wanted, and shows how far it is; fails soon when a connector has failed."""
    deadline = time.monotonic() + ENDS_WITHIN
    while (done := count()) < wanted:
        screen.progress(text, done, wanted)
        if time.monotonic() > deadline:
            raise Failed(f"{text}: {done:,} of {wanted:,} after {ENDS_WITHIN} s")
        refuse_failed(worker)
        time.sleep(0.1)
    return done


def refuse_failed(worker):
    if not worker.running:
        raise Failed(f"the worker ended by itself; its log is {worker.log_path}")
    for name, answer in worker.rest("GET", "/connectors?expand=status").json().items():
        status = answer["status"]
        for part in [status["connector"], *status["tasks"]]:
            if part["state"] == "FAILED":
                raise Failed(f"{name} is FAILED: {part.get('trace', '').splitlines()[:1]}")


# --- Parts ------------------------------------------------------------------------------------------------------------


def prepare_database(postgres):
    postgres.create_db(DATABASE)
    postgres.sql((CONFIGS / "bank.sql").read_text(), DATABASE)
    # What a careful owner gives a CDC user: it may replicate and read, and finds its publication made.
    postgres.sql(
        f"""create role {USER} login replication password '{PASSWORD}';
            grant select on {TABLE} to {USER};
            create publication bank_publication for table {TABLE}""",
        DATABASE,
    )


def make_worker(binary, workdir, kafka, store):
    properties = {
        "bootstrap.servers": kafka.bootstrap,
        "group.id": "demo",
        **{f"{kind}.storage.topic": f"connect-{kind}s" for kind in ("config", "offset")},
        "status.storage.topic": "connect-status",
        **{f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")},
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "true",
        "value.converter.schemas.enable": "true",
    }
    env = {
        "PGPASSWORD": PASSWORD,
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
    }
    return stand.Worker(binary, workdir, properties, env=env)


def post(worker, name, machine):
    """POST /connectors as `curl -X POST -d @name.json` does, with what the connector must know of this machine."""
    connector = json.loads((CONFIGS / f"{name}.json").read_text())
    connector["config"].update(machine)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = worker.rest("POST", "/connectors", raw=json.dumps(connector).encode(), headers=form)
    if answer.status_code != 201:
        raise Failed(f"POST /connectors for {name}: {answer.status_code} {answer.text}")
    return connector


class Reader(threading.Thread):
    """A read_committed consumer of the topic that notes the clock at each record."""

    def __init__(self, bootstrap):
        super().__init__(daemon=True, name="reader")
        self.records = 0  # with a value
        self.tombstones = 0
        self.last_offset = -1
        self.watch = False  # keep arrival times from now on
        self.arrivals = []  # (wall clock in seconds, value)
        self._ended = threading.Event()
        self._consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"demo-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 500,
                "fetch.error.backoff.ms": 20,
                "allow.auto.create.topics": False,
                "log_level": 0,
            }
        )

    def run(self):
        self._consumer.subscribe([TOPIC])
        while not self._ended.is_set():
            # Single polls while latency is measured: a batch would be seen only when its last record is there.
            messages = [self._consumer.poll(0.1)] if self.watch else self._consumer.consume(2000, 0.05)
            now = time.time()
            for message in messages:
                if message is None or message.error():
                    continue
                self.last_offset = message.offset()
                if message.value() is None:
                    self.tombstones += 1
                    continue
                self.records += 1
                if self.watch:
                    self.arrivals.append((now, message.value()))
        self._consumer.close()

    def end(self):
        self._ended.set()
        self.join(10)

    def latencies_ms(self):
        """From the commit in the database, as the record tells it, to this consumer; sorted."""
        commit = re.compile(rb'"payload":.*?"source":\{[^{}]*?"ts_us":(\d+)', re.S)
        found = ((now, commit.search(value)) for now, value in self.arrivals)
        return sorted(now * 1000 - int(match[1]) / 1000 for now, match in found if match)


# --- Writing ----------------------------------------------------------------------------------------------------------


def plan():
    """The streamed changes: transactions, each a list of statements, of one row up to 30,000."""
    next_id = SNAPSHOT_ROWS + 1

    def ids(count):
        nonlocal next_id
        next_id += count
        return {"first": next_id - count, "last": next_id - 1}

    yield [INSERT.format(**ids(30_000))]
    for _ in range(20):
        yield [INSERT.format(**ids(1_500))]
    for _ in range(500):
        yield [INSERT.format(**ids(1))]
    yield [UPDATE.format(first=1, last=20_000)]
    for number in range(10):
        yield [UPDATE.format(first=20_001 + 1_500 * number, last=20_000 + 1_500 * (number + 1))]
    for number in range(10):
        yield [DELETE.format(first=1_001 + 2_000 * number, last=2_000 + 2_000 * number)]
    for _ in range(100):  # one row's whole life in one transaction, and a change beside it
        life = ids(1)
        yield [
            INSERT.format(**life),
            UPDATE.format(**life),
            UPDATE.format(first=life["first"] - 40_000, last=life["first"] - 39_999),
            DELETE.format(**life),
        ]


def write_changes(postgres, truth):
    changes = 0
    with postgres.connect(DATABASE, autocommit=False) as connection:
        for transaction in plan():
            for statement in transaction:
                rows = connection.execute(statement).fetchall()
                truth.extend(rows)
                changes += len(rows)
            connection.commit()
    return changes


def write_last(postgres, truth, screen):
    first = 10_000_000
    with postgres.connect(DATABASE) as connection:
        started = time.monotonic()
        for number in range(LAST_ROWS):
            pause = started + number / LAST_RATE - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            statement = INSERT.format(first=first + number, last=first + number)
            truth.extend(connection.execute(statement).fetchall())
            if number % 50 == 0:
                screen.progress("writing", number, LAST_ROWS)
    return LAST_ROWS


# --- The proof --------------------------------------------------------------------------------------------------------


class Lake:
    """The Parquet objects, downloaded as they appear."""

    def __init__(self, store, directory):
        self._store = store
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self._rows = {}  # key: (etag, rows)

    def rows(self):
        for found in self._store.list(BUCKET, f"topics/{TOPIC}/"):
            if self._rows.get(found.key, ("",))[0] == found.etag:
                continue
            path = self.directory / found.key.replace("/", "_")
            path.write_bytes(self._store.get(BUCKET, found.key))
            self._rows[found.key] = found.etag, pyarrow.parquet.read_metadata(path).num_rows
        return sum(rows for _, rows in self._rows.values())

    @property
    def objects(self):
        return len(self._rows)


TRUTH_SCHEMA = pyarrow.schema(
    [
        ("op", pyarrow.string()),
        ("tx", pyarrow.int64()),
        ("id", pyarrow.int64()),
        ("account", pyarrow.int32()),
        ("amount", pyarrow.decimal128(12, 2)),
        ("currency", pyarrow.string()),
        ("status", pyarrow.string()),
        ("note", pyarrow.string()),
    ]
)
EVENTS = """create table events as select op,
        case when op = 'r' then null else source."txId" end as tx, source.lsn as lsn,
        coalesce("after".id, "before".id) as id, "after".account as account,
        cast("after".amount as decimal(12, 2)) as amount, "after".currency as currency, "after".status as status,
        "after".note as note, filename, file_row_number as number
    from read_parquet('{files}', filename = true, file_row_number = true)"""
CHECKS = {
    # A delete's event carries only the key, so only that is compared.
    "changes that did not arrive": """select count(*) from (
        select op, tx, id, account, amount, currency, status, note from truth
        except all select op, tx, id, account, amount, currency, status, note from events)""",
    "events that nobody wrote, or that came twice": """select count(*) from (
        select op, tx, id, account, amount, currency, status, note from events
        except all select op, tx, id, account, amount, currency, status, note from truth)""",
    "rows (lsn, id, op) that are there twice": """select count(*) from (
        select lsn, id, op from events where op <> 'r' group by all having count(*) > 1)""",
    "events out of commit order": """select count(*) from (
        select lsn < lag(lsn) over (order by filename, number) as back from events where op <> 'r') where back""",
    "rows whose last event is not what the table says": """with state as (
        select * from events qualify row_number() over (partition by id order by filename desc, number desc) = 1),
        alive as (select id, account, amount, currency, status, note from state where op <> 'd')
        select count(*) from ((from alive except all from now_there) union all (from now_there except all from alive))""",
}


def prove(lake, postgres, truth, screen):
    """Runs the checks; True when all of them found nothing."""
    rows = [row if row[0] != "d" else (*row[:3], *[None] * 5) for row in truth]
    columns = zip(*rows)
    wanted = pyarrow.table([pyarrow.array(c, t) for c, t in zip(columns, TRUTH_SCHEMA.types)], schema=TRUTH_SCHEMA)
    table = postgres.sql("select id, account, amount, currency, status, note from transactions", DATABASE)
    fields = [TRUTH_SCHEMA.field(name) for name in TRUTH_COLUMNS[2:]]
    there = pyarrow.table(
        [pyarrow.array(c, f.type) for c, f in zip(zip(*table), fields)], schema=pyarrow.schema(fields)
    )
    db = duckdb.connect()
    db.register("truth", wanted)
    db.register("now_there", there)
    db.execute(EVENTS.format(files=lake.directory / "*.parquet"))
    screen.step(f"DuckDB over {lake.objects} Parquet objects")
    kinds = {"r": "snapshot", "c": "insert", "u": "update", "d": "delete"}
    counts = "select op, count(*) from {} group by op"
    arrived = dict(db.execute(counts.format("events")).fetchall())
    written = dict(db.execute(counts.format("truth")).fetchall())
    for op, kind in kinds.items():
        screen.detail(f"{kind:9} {written.get(op, 0):>8,} written  {arrived.get(op, 0):>8,} in S3")
    good = written == arrived
    for what, query in CHECKS.items():
        found = db.execute(query).fetchone()[0]
        screen.detail(f"{'ok  ' if found == 0 else 'BAD '} {found} {what}")
        good = good and found == 0
    return good


def show_lag(kafka, postgres, reader, screen):
    slot = postgres.sql(
        "select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) from pg_replication_slots"
        " where slot_name = 'bank_slot'"
    )[0][0]
    screen.detail(f"lag: Postgres to Kafka {int(slot):,} bytes of WAL; Kafka to S3 {sink_lag(kafka, reader):,} records")


def sink_lag(kafka, reader):
    """Records of the topic that the sink has not committed."""
    group = confluent_kafka.ConsumerGroupTopicPartitions("connect-s3-sink")
    admin = kafka.admin(**{"log_level": 0})
    answer = admin.list_consumer_group_offsets([group])["connect-s3-sink"].result(10)
    offsets = {part.partition: part.offset for part in answer.topic_partitions if part.topic == TOPIC}
    return max(0, reader.last_offset + 1 - max(offsets.get(0, 0), 0))


# --- The walk ---------------------------------------------------------------------------------------------------------


def walk(options, screen, directory, parts, readers):
    kafka = stand.Kafka(directory / "kafka")
    postgres = stand.Postgres(directory / "postgres")
    store = stand.S3(directory / "s3")
    screen.step("starting Kafka, Postgres and an S3 server")
    stand.start_all([kafka, postgres, store])
    parts += [kafka, postgres, store]
    store.create_bucket(BUCKET)
    prepare_database(postgres)
    truth = [("r", None, *row[2:]) for row in postgres.sql(INSERT.format(first=1, last=SNAPSHOT_ROWS), DATABASE)]
    screen.step(f"the bank's table has {SNAPSHOT_ROWS:,} rows; starting Sluice")
    worker = make_worker(options.binary, directory / "worker", kafka, store)
    parts.append(worker)
    began = time.monotonic()
    worker.start()
    stand.wait_until(lambda: worker.rest("GET", "/health").ok, ENDS_WITHIN, "the worker's start")
    screen.detail(f"the worker is ready after {time.monotonic() - began:.2f} s")

    database = {"database.hostname": stand.HOST, "database.port": str(postgres.port), "database.user": USER}
    post(worker, "postgres-source", database)
    post(worker, "s3-sink", {"store.url": store.endpoint})
    screen.step("posted postgres-source and s3-sink")
    reader = Reader(kafka.bootstrap)
    reader.start()
    readers.append(reader)
    expected = SNAPSHOT_ROWS
    wait_for(screen, "snapshot", lambda: reader.records, expected, worker)
    screen.step(f"snapshot: {expected:,} rows are in Kafka")

    began = time.monotonic()
    expected += write_changes(postgres, truth)
    written = time.monotonic() - began
    screen.step(f"wrote {expected - SNAPSHOT_ROWS:,} inserts, updates and deletes in {written:.1f} s")
    wait_for(screen, "in Kafka", lambda: reader.records, expected, worker)
    behind = time.monotonic() - began - written
    screen.step(f"all of them are in Kafka {behind:.1f} s after the last commit")

    reader.watch = True
    screen.step(f"{LAST_ROWS:,} single-row commits at {LAST_RATE} a second, for the latency")
    expected += write_last(postgres, truth, screen)
    wait_for(screen, "in Kafka", lambda: reader.records, expected, worker)
    lake = Lake(store, directory / "lake")
    wait_for(screen, "in S3", lake.rows, expected, worker)
    # What comes twice would be there when the sink has committed all it read.
    wait_for(screen, "offsets", lambda: 1 if sink_lag(kafka, reader) == 0 else 0, 1, worker)
    lake.rows()
    reader.end()
    screen.step(f"all of {expected:,} events are in S3, {reader.tombstones:,} tombstones were passed over")

    good = prove(lake, postgres, truth, screen)
    show_lag(kafka, postgres, reader, screen)
    times = reader.latencies_ms()
    if len(times) < LAST_ROWS:
        raise Failed(f"only {len(times)} of {LAST_ROWS} last rows carried a commit time")
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    screen.detail(f"latency from commit to a read_committed consumer: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    screen.detail(f"the worker's peak memory {worker.rss_peak_kb() / 1024:.0f} MB, {worker.cpu_seconds():.1f} CPU-seconds")
    if not good:
        raise Failed("not every row arrived exactly once")
    screen.step("every row arrived exactly once")
    return worker, kafka, postgres, store


def keep(screen, directory, worker, kafka, postgres, store):
    screen.step("left running; Ctrl-C stops it")
    screen.detail(f"Sluice    {worker.url}/connectors")
    screen.detail(f"Kafka     {kafka.bootstrap}, topic {TOPIC}")
    screen.detail(f"Postgres  psql 'host={stand.HOST} port={postgres.port} user=postgres dbname={DATABASE}'")
    screen.detail(f"S3        {store.endpoint}, bucket {BUCKET}, key {store.access_key}, secret {store.secret_key}")
    screen.detail(f"files     {directory}")
    while all(part.running for part in (worker, kafka, postgres, store)):
        time.sleep(0.5)
    raise Failed("a part ended by itself")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen = Screen()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    directory.chmod(0o755)
    parts, readers, code = [], [], 1
    try:
        running = walk(options, screen, directory, parts, readers)
        code = 0
        if options.keep:
            keep(screen, directory, *running)
    except KeyboardInterrupt:
        code = code if options.keep else 130
    except (Failed, stand.StandError, TimeoutError, requests.RequestException) as error:
        code = 1
        screen.step(f"FAILED: {error}")
        for part in parts:
            if part.name == "worker":
                screen.detail(f"the worker's last lines:\n{part.log_text()[-4000:]}")
    finally:
        stopping = time.monotonic()
        for reader in readers:
            reader.end()
        stand.stop_all(list(reversed(parts)))
        if os.environ.get("SLUICE_DEMO_FILES") or (code and options.keep):
            screen.detail(f"files are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
        screen.step(f"stopped everything ({time.monotonic() - stopping:.1f} s)")
    sys.exit(code)


if __name__ == "__main__":
    main()
