"""Faults that others' Postgres sources had, by their number in docs/bug-catalogue.md.

SLUICE_SEED repeats a run; SLUICE_STALL=180 is how long Kafka hangs in test_30 (8 s otherwise)."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import confluent_kafka
import psycopg
import pytest

import stand
from conftest import PG_PASSWORD, SLOW, Database, read, wait_until

SMALL = {"sluice.transaction.interval.ms": "1", "sluice.transaction.bytes": "65536"}


@pytest.fixture
def own_worker(make_worker):
    return make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()


def written(kafka, topic):
    """How many records (and transaction marks) the topic's only partition has: what is cheap to ask again and again."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none"})
    try:
        return consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=10)[1]
    except confluent_kafka.KafkaException:
        return 0  # the topic is not there yet
    finally:
        consumer.close()


def has_controller(kafka, topic):
    try:
        kafka.create_topic(topic)
        return True
    except confluent_kafka.KafkaException as error:
        return error.args[0].code() == confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS


class Writers:
    """Transactions that overlap at random: rows one by one, many in a statement, and by COPY."""

    def __init__(self, database, rng):
        self.database, self.rng, self.next = database, rng, 1
        self.open = [database.connect(autocommit=False) for _ in range(4)]

    def step(self):
        connection, first = self.rng.choice(self.open), self.next
        kind = self.rng.random()
        if kind < 0.4:
            connection.commit()
            return
        count = 1 if kind < 0.6 else self.rng.randrange(2, 60)
        self.next += count
        if kind < 0.8:
            connection.execute(f"insert into t select i, 'x' from generate_series({first}, {self.next - 1}) i")
        else:
            self.copy(connection, first, self.next)

    def copy(self, connection, first, end):
        with connection.cursor().copy("copy t from stdin") as copy:
            for i in range(first, end):
                copy.write_row((i, "copied"))

    def large(self, rows):
        """One transaction that is larger than a batch and a Kafka transaction may be, many times over."""
        first, self.next = self.next, self.next + rows
        self.copy(self.open[0], first, self.next)
        self.open[0].commit()

    def end(self):
        for connection in self.open:
            connection.commit()
            connection.close()


def test_1_8_14_19_rows_that_share_lsns_and_transactions_that_overlap(own_worker, kafka, database):
    """kill -9 anywhere, with Kafka transactions cut inside the database's: every key once, in an order that source.sequence shows
    although LSNs go back and forth."""
    seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed} (SLUICE_SEED={seed} repeats it)")
    database.sql("create table t (id int primary key, v text)")
    own_worker.run("pg", database.config(table_include_list="public.t", **SMALL))
    topic, rng = f"{database.prefix}.public.t", random.Random(seed)
    writers = Writers(database, rng)
    for _ in range(3):
        for _ in range(150):
            writers.step()
        before = written(kafka, topic)
        writers.large(3000)
        at = rng.randrange(1, 2500)
        wait_until(lambda: written(kafka, topic) >= before + at, 60, "rows", 0.01)
        own_worker.kill()
        own_worker.start()
    writers.end()
    records = read(kafka, topic, writers.next - 1, 90)
    assert sorted(record.value["after"]["id"] for record in records) == list(range(1, writers.next))
    lsns = [record.value["source"]["lsn"] for record in records]
    order = [tuple(int(part or 0) for part in json.loads(record.value["source"]["sequence"])) for record in records]
    assert order == sorted(order) and lsns != sorted(lsns) and len(set(lsns)) < len(lsns)


def test_18_30_kafka_hangs(own_worker, kafka, database):
    """Keepalives with later LSNs while nothing can be delivered move nothing; the server hears from us, so its walsender stays; a
    worker that is killed then has lost nothing."""
    database.sql(f"alter role cdc in database {database.name} set wal_sender_timeout = '3s'")
    database.sql("create table t (id int primary key, v text); create table unpublished (x text);")
    config = database.config(table_include_list="public.t", status_update_interval_ms="500",
                             publication_autocreate_mode="filtered")
    own_worker.run("pg", config)
    database.sql("insert into t values (0, 'first')")
    topic = f"{database.prefix}.public.t"
    read(kafka, topic, 1)
    walsender = "select active_pid from pg_replication_slots where slot_name = '" + database.slot + "'"
    pid = database.sql(walsender)
    kafka.signal(signal.SIGSTOP)
    try:
        database.sql("insert into t select i, 'late' from generate_series(1, 2000) i")
        committed = database.wal_position()
        end = time.monotonic() + float(os.environ.get("SLUICE_STALL", 8))
        while time.monotonic() < end:
            database.sql("insert into unpublished select repeat('x', 1000) from generate_series(1, 2000)")
            assert database.confirmed() < committed
            time.sleep(0.5)  # what is tested is that time passes
        assert database.sql(walsender) == pid
        own_worker.kill()
    finally:
        kafka.signal(signal.SIGCONT)
    assert database.confirmed() < committed
    wait_until(lambda: has_controller(kafka, f"{database.name}-again"), 120, "Kafka to be itself again")
    own_worker.start()
    records = read(kafka, topic, 2001, 90)
    assert [record.value["after"]["id"] for record in records] == list(range(2001))
    wait_until(lambda: database.confirmed() >= committed, 40, "the slot behind it")


LARGE = {
    "t": "(select string_agg(md5(i::text), '') from generate_series(1, 300) i)",
    "j": "(select jsonb_build_object('k', string_agg(md5(i::text), '')) from generate_series(1, 300) i)",
    "b": "(select decode(string_agg(md5(i::text), ''), 'hex') from generate_series(1, 600) i)",
    "ta": "array(select md5(i::text) from generate_series(1, 300) i)",
    "ia": "array(select (random() * 1e9)::int from generate_series(1, 3000) i)",
}


def test_21_29_40_all_that_a_stream_may_hold(own_worker, kafka, database):
    """TOAST under each replica identity; every kind of message; tables that change inside of transactions."""
    database.sql("create type mood as enum ('sad', 'ok'); create table kinds (id int primary key, m mood);"
                 "create table child (id int primary key references kinds); create table growing (id int primary key, a text);"
                 "select pg_replication_origin_create('elsewhere');")
    for identity in ("default", "full", "using index i_u"):
        name = identity.split()[0]
        database.sql(f"create table {name}_ (id int primary key, u int not null, s text, t text, j jsonb, b bytea, ta text[], ia int[])")
        if name == "using":
            database.sql("create unique index i_u on using_ (u)")
        database.sql(f"alter table {name}_ replica identity {identity}; insert into {name}_ values (1, 1, 'new', {', '.join(LARGE.values())})")
    own_worker.run("pg", database.config(skipped_operations="none"))
    prefix = f"{database.prefix}.public."
    for name in ("default", "full", "using"):
        database.sql(f"update {name}_ set s = 'seen'; update {name}_ set s = 'again'")
        whole, *updates = (record.value for record in read(kafka, f"{prefix}{name}_", 3))
        assert [update["after"]["s"] for update in updates] == ["seen", "again"]
        for after in (update["after"] for update in updates):
            if name == "full":
                assert {column: after[column] for column in LARGE} == {column: whole["after"][column] for column in LARGE}
            else:
                assert after["t"] == after["j"] == "__debezium_unavailable_value" and after["ta"] == [after["t"]]
                assert after["b"] == "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
                assert after["ia"] == [ord(char) for char in after["t"]]

    with database.connect(autocommit=True) as connection:  # TYPE, ORIGIN, MESSAGE, TRUNCATE of several tables
        connection.execute("select pg_replication_origin_session_setup('elsewhere')")
        connection.execute("begin; select pg_replication_origin_xact_setup('0/1234', now()); insert into kinds values (1, 'ok');"
                           "insert into child values (1); select pg_logical_emit_message(true, 'p', 'm');"
                           "truncate kinds cascade; insert into kinds values (2, 'sad'); commit")
    rows = [record.value for record in read(kafka, f"{prefix}kinds", 3)]
    assert [(row["op"], row["after"] and row["after"]["m"]) for row in rows] == [("c", "ok"), ("t", None), ("c", "sad")]
    assert {(row["source"]["origin"], row["source"]["origin_lsn"]) for row in rows} == {("elsewhere", 0x1234)}
    assert [record.value["op"] for record in read(kafka, f"{prefix}child", 2)] == ["c", "t"]
    assert len(read(kafka, f"{database.prefix}.message", 1)) == 1

    with database.connect(autocommit=False) as connection:
        for text in ("insert into growing values (1, 'x')", "alter table growing add b int default 7",
                     "insert into growing values (2, 'x', 2)", "savepoint s", "alter table growing add c int",
                     "insert into growing values (3, 'x', 3, 3)", "rollback to s", "insert into growing values (4, 'x', 4)",
                     "alter table growing drop a", "insert into growing values (5, 5)",
                     "alter table growing alter b type text using 'n' || b", "insert into growing values (6, 'n6')"):
            connection.execute(text)
        connection.commit()
    database.sql("alter table growing rename b to z; insert into growing values (7, 'n7')")
    assert [record.value["after"] for record in read(kafka, f"{prefix}growing", 6)] == [
        {"id": 1, "a": "x"}, {"id": 2, "a": "x", "b": 2}, {"id": 4, "a": "x", "b": 4}, {"id": 5, "b": 5}, {"id": 6, "b": "n6"},
        {"id": 7, "z": "n7"}]


def test_39_a_value_of_300_mb(own_worker, kafka, database):
    """More than Kafka takes: the task says so and fails, the worker goes on, and without that row so does the task."""
    megabytes = 300 if SLOW == 1 else 40
    database.sql("create table t (id int primary key, v bytea); alter table t alter v set storage external")
    config = database.config(table_include_list="public.t")
    own_worker.run("pg", config)
    database.sql(f"insert into t values (1, convert_to(repeat('x', {megabytes << 20}), 'UTF8'))")
    trace = own_worker.wait_failed("pg", 120)
    assert "too large" in trace.lower() or "max.request.size" in trace or "message.max.bytes" in trace, trace
    own_worker.rest("PUT", "/connectors/pg/config", json={
        **config, "transforms": "small", "transforms.small.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
        "transforms.small.exclude": "after"}).raise_for_status()
    own_worker.wait_running("pg", 1, timeout=60, fail_fast=False)
    database.sql("insert into t values (2, 'small')")
    assert [record.value["op"] for record in read(kafka, f"{database.prefix}.public.t", 2, 120)] == ["c", "c"]


def test_a_table_that_is_described_again_and_again(own_worker, kafka, database):
    """Postgres does so after every ANALYZE, of autovacuum's too: what stays the same takes no more memory."""
    columns = ", ".join(f"c{i} int" for i in range(800))
    database.sql(f"create table t (id int primary key, {columns})")
    own_worker.run("pg", database.config(table_include_list="public.t"))
    topic, rounds = f"{database.prefix}.public.t", 0

    def analyzed(times):
        nonlocal rounds
        with database.connect(autocommit=True) as db:
            for rounds in range(rounds + 1, rounds + times + 1):
                db.execute(f"insert into t (id) values ({rounds})")
                db.execute("analyze t")
        wait_until(lambda: written(kafka, topic) >= rounds, 60, "the records")
        assert len(read(kafka, topic, rounds)) == rounds
        return int(pathlib.Path(f"/proc/{own_worker.pid}/statm").read_text().split()[1]) * 4096 >> 20

    before = analyzed(30)
    after = analyzed(200)
    if SLOW == 1:
        assert after - before < 10, f"{before} MB, then {after} MB"


class LazyPostgres(stand.Postgres):
    """Flushes WAL when a synchronous commit asks for it. The end of a segment would flush, so one segment holds all."""

    def __init__(self, workdir):
        lazy = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "2GB", "wal_buffers": "64kB",
                "min_wal_size": "1GB", "wal_init_zero": "off", "autovacuum": "off", "checkpoint_timeout": "1d",
                "shared_buffers": "512MB"}  # fmt: skip
        super().__init__(workdir, config=lazy)

    def _prepare(self):
        super()._prepare()
        self._run("pg_resetwal", "--wal-segsize=256", "-D", self._data)


def begin_small_steps(server, worker, kafka, prefix):
    """A connector that reads a backlog in steps of 64 KB, its first row read, and stopped: what is written now is its backlog."""
    server.sql(f"create role cdc superuser login replication password '{PG_PASSWORD}'")
    database = Database(server, prefix)
    database.sql("create table t (id bigint primary key); create table unpublished (x text)")
    worker.run("pg", database.config(table_include_list="public.t", publication_autocreate_mode="filtered",
                                     sluice_backlog_bytes="0", sluice_backlog_step_bytes="65536"))  # fmt: skip
    database.sql("set synchronous_commit = on; insert into t values (0)")
    topic = f"{database.prefix}.public.t"
    read(kafka, topic, 1)
    assert worker.stop() == 0
    return database, topic


def write_backlog(connection, first, commits):
    """Rows from first on, a transaction of 100 KB each."""
    for i in range(first, first + commits):
        connection.execute("with a as (insert into unpublished select repeat('x', 1000) from generate_series(1, 100)) "
                           f"insert into t values ({i})")  # fmt: skip


def test_a_backlog_of_what_is_not_flushed(own_worker, kafka, tmp_path):
    """Asynchronous commits: WAL that the server has written but not flushed, and so does not decode yet, becomes readable between
    two steps of a backlog. A step that had been planned to end in it would have ended early, and the next one begun behind."""
    with LazyPostgres(tmp_path / "lazy") as server:
        database, topic = begin_small_steps(server, own_worker, kafka, "lazy")
        writer = server.sql("select pid from pg_stat_activity where backend_type = 'walwriter'")[0][0]
        os.kill(writer, signal.SIGSTOP)
        try:
            rows = unflushed_backlog(own_worker, server, database)
        finally:
            os.kill(writer, signal.SIGCONT)

        def up_to_the_last():
            ids = [record.value["after"]["id"] for record in read(kafka, topic, 1)]
            assert ids == list(range(len(ids)))
            return ids[-1] == rows

        wait_until(up_to_the_last, 60, "the last row")
        own_worker.delete("pg")


def unflushed_backlog(worker, server, database):
    """2 MB are flushed, 120 MB behind them, about 2,000 steps, only written. The flush comes while the backlog looks at those, if
    it does."""
    ahead = "select (pg_current_wal_lsn() - pg_current_wal_flush_lsn())::bigint, pg_current_wal_flush_lsn()::text"
    with database.connect(autocommit=True) as connection:
        for first, commits, mode in ((1, 20, "on"), (21, 1100, "off")):
            connection.execute(f"set synchronous_commit = {mode}")
            write_backlog(connection, first, commits)
    unflushed, flushed = server.sql(ahead)[0]
    assert unflushed > 100 << 20
    worker.start()
    there = (f"select 1 from pg_replication_slots where slot_name like 'sluice_backlog%' and confirmed_flush_lsn >= '{flushed}'"
             f" union all select 1 from pg_stat_replication where state = 'streaming'")
    wait_until(lambda: server.sql(there), 60, "the backlog to be read", 0.005)
    time.sleep(0.1)  # some steps that find nothing
    assert server.sql(ahead)[0][1] == flushed, "something else has flushed"
    database.sql("set synchronous_commit = on; insert into t values (1121)")
    return 1121


def steal_slot(server, over, stolen):
    """A slot of our own, from the moment when all of the server's are in use and one of them is given back."""
    wait_until(lambda: over.is_set() or len(server.sql("select 1 from pg_replication_slots")) == 3, 60, "all slots", 0.005)
    with server.connect() as connection:
        while not over.is_set() and not stolen.is_set():
            with contextlib.suppress(psycopg.errors.ConfigurationLimitExceeded):
                connection.execute("select pg_create_physical_replication_slot('thief')")
                readers = connection.execute("select count(*) from pg_replication_slots where slot_name like 'sluice_backlog%'").fetchone()[0]
                stolen.set() if readers else over.set()  # none: both were done, and nothing is shown


def test_a_slot_taken_while_a_backlog_is_read(own_worker, kafka, tmp_path):
    """The two readers of a backlog copy each other's slot at every step. Whose slot is gone meanwhile leaves the rest to the other."""
    with stand.Postgres(tmp_path / "few", config={"max_replication_slots": "3"}) as server:
        database, topic = begin_small_steps(server, own_worker, kafka, "few")
        with database.connect(autocommit=True) as connection:
            write_backlog(connection, 1, 100)
        over, stolen = threading.Event(), threading.Event()
        thief = threading.Thread(target=steal_slot, args=(server, over, stolen))
        thief.start()
        try:
            own_worker.start()
            assert [record.value["after"]["id"] for record in read(kafka, topic, 101, 120)] == list(range(101))
        finally:
            over.set()
            thief.join()
        assert stolen.is_set(), "no slot was to be had for a moment"
        assert "all replication slots are in use" not in own_worker.log_path.read_text()
        own_worker.delete("pg")


def test_source_without_kafka(postgres):
    """The source's own reading, record for record: cut anywhere and restarted, streamed or in steps of WAL, with two
    readers and with one."""
    program = pathlib.Path(os.environ["SLUICE_BINARY"]).parent / "tests" / "test_pg_live"
    dsn = f"host=127.0.0.1 port={postgres.port} user=postgres dbname=postgres"
    done = subprocess.run([program], env={**os.environ, "SLUICE_TEST_PG_DSN": dsn}, capture_output=True, text=True, timeout=200 * SLOW)
    assert done.returncode == 0 and "SKIPPED" not in done.stdout + done.stderr, done.stdout + done.stderr
