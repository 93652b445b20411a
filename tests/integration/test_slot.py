"""The slot, the publication and the first start: what was lost is said, and never a silent gap. Numbers in the names of
tests are those of our catalogue of other tools' bugs: each test fails on the design that had the bug.

SLUICE_FIRST_STARTS=50 repeats the writer during a first start so often; SLUICE_SEED makes it begin with that seed."""

import json
import os
import random
import threading
import time

import confluent_kafka
import psycopg
import pytest

import stand
from conftest import PG_PASSWORD, Database, Metrics, Sluice, read, wait_until

TABLE = "create table t (id int primary key, v text);"


@pytest.fixture(scope="module")
def worker(binary, kafka, tmp_path_factory):
    """One worker for all tests that don't kill it."""
    name = f"slot-{os.getpid()}"
    topics = {f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")}
    topics |= {f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")}
    properties = {"bootstrap.servers": kafka.bootstrap, "group.id": name, "offset.storage.partitions": 1, **topics}
    made = Sluice(binary, tmp_path_factory.mktemp("slot"), kafka, properties, env={"PGPASSWORD": PG_PASSWORD}).start()
    yield made
    assert made.stop() == 0, made.log_text()[-4000:]
    for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer"):
        assert word not in made.log_text(), made.log_text()[-8000:]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server that throws WAL away after 64 MB, slots or not."""
    config = {"max_slot_wal_keep_size": "64MB", "min_wal_size": "32MB", "max_wal_size": "64MB", "autovacuum": "off"}
    with stand.Postgres(tmp_path_factory.mktemp("small"), config=config) as part:
        part.sql(f"create role cdc superuser login replication password '{PG_PASSWORD}'")
        yield part


class Connector:
    """A connector for a table t in a database of its own."""

    def __init__(self, worker, database, **more):
        self.worker, self.database, self.name = worker, database, database.name
        self.topic = f"{database.prefix}.public.t"
        self.config = database.config(table_include_list="public.t", status_update_interval_ms="200") | more

    def create(self):
        """Also when the worker has just lost its lead, because Kafka hung."""
        body = {"name": self.name, "config": self.config}
        answer = wait_until(lambda: (a := self.worker.rest("POST", "/connectors", json=body)).status_code != 409 and a)
        assert answer.status_code == 201, answer.text

    def run(self):
        self.create()
        self.worker.wait_running(self.name, 1, timeout=60)
        return self

    def stop(self):
        """STOPPED, and the slot free."""
        assert self.worker.rest("PUT", f"/connectors/{self.name}/stop").status_code == 204
        mine = f"select 1 from pg_stat_activity where application_name = 'sluice:{self.name}'"
        wait_until(lambda: not self.database.sql(mine), 30, "the task's end")

    def resume(self, running=True, **more):
        self.config |= more
        if more:
            assert self.worker.rest("PUT", f"/connectors/{self.name}/config", json=self.config).ok
        assert self.worker.rest("PUT", f"/connectors/{self.name}/resume").status_code == 202
        if running:
            self.worker.wait_running(self.name, 1, timeout=60, fail_fast=False)

    def refused(self, *words):
        trace = self.worker.wait_failed(self.name)
        assert all(word in trace for word in words), trace

    def ids(self, count):
        return [(r.value["op"], r.value["after"]["id"]) for r in read(self.worker.kafka, self.topic, count)]

    def offset(self):
        found = self.worker.rest("GET", f"/connectors/{self.name}/offsets").json()["offsets"]
        return found[0]["offset"] if found else None

    def alter(self, offset):
        body = {"offsets": [{"partition": {"server": self.database.prefix}, "offset": offset}]}
        answer = self.worker.rest("PATCH", f"/connectors/{self.name}/offsets", json=body)
        assert answer.ok, answer.text

    def log(self):
        """Lines of this connector."""
        return "\n".join(line for line in self.worker.log_text().splitlines() if self.name in line)


@pytest.fixture
def connect(worker, database, request):
    """connect(**config) makes a running connector for an empty table t of three rows."""
    made = []

    def make(**more):
        database.sql(TABLE + "insert into t select i, 'old' from generate_series(1, 3) i")
        made.append(Connector(worker, database, **{key.replace("_", "."): value for key, value in more.items()}))
        return made[-1]

    yield make
    for connector in made:
        worker.delete(connector.name)


def slot_sql(database, columns):
    return database.sql(f"select {columns} from pg_replication_slots where slot_name = '{database.slot}'")[0]


def make_anew(database):
    database.sql(f"select pg_drop_replication_slot('{database.slot}')")
    database.sql(f"select pg_create_logical_replication_slot('{database.slot}', 'pgoutput')")


def switch_wal(database, segments):
    """So many segments of 16 MB are written, nearly for nothing."""
    for _ in range(segments):
        database.sql("select pg_logical_emit_message(false, 'x', 'x'); select pg_switch_wal()")


OLD = [("r", 1), ("r", 2), ("r", 3)]


def test_02_slot_made_anew_is_refused_or_read_anew(connect, database):
    """Also: the slot dropped; and with sluice.slot.lost=snapshot the rows are read again, none is missing."""
    connector = connect().run()
    assert connector.ids(3) == OLD
    connector.stop()
    assert connector.offset()["sluice_server"].count("/") == 1
    make_anew(database)
    database.sql("insert into t values (4, 'lost?')")
    connector.resume(running=False)
    connector.refused("pg.slot.lost", "past the stored offset", "sluice.slot.lost")
    connector.stop()
    database.sql(f"select pg_drop_replication_slot('{database.slot}')")
    connector.resume(running=False)
    connector.refused("pg.slot.lost", "does not exist", "sluice.slot.lost")
    connector.stop()
    connector.resume(**{"sluice.slot.lost": "snapshot"})
    assert connector.ids(7)[3:] == [*OLD, ("r", 4)]
    assert "a new snapshot is taken, as sluice.slot.lost says" in connector.worker.log_text()
    connector.stop()
    make_anew(database)  # a gap on a slot that exists
    database.sql("delete from t where id < 4; insert into t values (5, 'also')")
    connector.resume()
    database.sql("insert into t values (6, 'streamed')")
    assert connector.ids(10)[7:] == [("r", 4), ("r", 5), ("c", 6)]


def test_02_slot_made_anew_while_nothing_was_written(connect, database):
    connector = connect().run()
    connector.ids(3)
    position = database.wal_position()
    wait_until(lambda: database.confirmed() >= position, 40, "the slot at the end of the WAL")
    connector.stop()
    database.sql("checkpoint")
    quiet = database.confirmed() == database.wal_position()
    make_anew(database)
    connector.resume(running=False)
    if not quiet:  # something else wrote (a checkpoint, another test's server): then it has to refuse
        connector.refused("past the stored offset")
        return
    database.sql("insert into t values (4, 'next')")
    assert connector.ids(4)[3:] == [("c", 4)]


def test_03_offsets_lost_while_the_slot_lives(connect, database):
    """With initial: the rows are read again. With no_data: from where the slot stands. Never from the WAL's end."""
    connector = connect().run()
    connector.ids(3)
    connector.stop()
    assert connector.worker.rest("DELETE", f"/connectors/{connector.name}/offsets").ok
    database.sql("insert into t values (4, 'meanwhile')")
    connector.resume()
    database.sql("insert into t values (5, 'after')")
    assert connector.ids(8)[3:] == [*OLD, ("r", 4), ("c", 5)]
    connector.stop()
    assert connector.worker.rest("DELETE", f"/connectors/{connector.name}/offsets").ok
    database.sql("insert into t values (6, 'meanwhile')")
    connector.resume(**{"snapshot.mode": "no_data"})
    database.sql("insert into t values (7, 'after')")
    wait_until(lambda: connector.ids(10)[-2:] == [("c", 6), ("c", 7)], 30, "both rows")


def first_start(worker, database, rng):
    """A writer while the connector is created; then table and records must say the same."""
    database.sql(TABLE + "insert into t select i, 'old' from generate_series(-200, -1) i")
    connector = Connector(worker, database)
    delays = [rng.uniform(0, 0.02) for _ in range(2000)]
    lead, until = rng.uniform(0, 0.3), rng.randint(20, 120)
    stop = threading.Event()
    written = []

    def write():
        with database.connect(autocommit=False) as connection:
            for number, delay in enumerate(delays):
                connection.execute("insert into t values (%s, 'new')", [number])
                if number % 3 == 0:
                    connection.execute("update t set v = %s where id = %s", [f"v{number}", number - 200])
                if number % 7 == 0:
                    connection.execute("delete from t where id = %s", [number // 2])
                connection.commit()
                written.append(number)
                if stop.is_set():
                    return
                time.sleep(delay)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(lead)
        connector.run()
        reached = len(written) + until
        wait_until(lambda: len(written) >= min(reached, len(delays)) or not writer.is_alive(), 60, "the writer")
    finally:
        stop.set()
        writer.join()
    expected = dict(database.sql("select id, v from t"))

    def state():
        rows = {}
        for record in read(worker.kafka, connector.topic, 200):
            key = json.loads(record.key)["id"]
            rows.pop(key, None)
            if record.value and record.value["after"]:
                rows[key] = record.value["after"]["v"]
        return rows

    wait_until(lambda: state() == expected, 30, "records that give the table")
    worker.delete(connector.name)


def test_04_writer_during_the_first_start(worker, postgres, unique):
    seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
    for turn in range(int(os.environ.get("SLUICE_FIRST_STARTS", "5"))):
        print(f"turn {turn}: SLUICE_SEED={seed + turn}", flush=True)
        database = Database(postgres, f"{unique}_{turn}")
        first_start(worker, database, random.Random(seed + turn))
        wait_until(lambda db=database: not slot_sql(db, "active")[0], 20, "the slot to be free")
        database.sql(f"select pg_drop_replication_slot('{database.slot}')")
        postgres.sql(f"drop database {database.name} with (force)")


def test_05_slot_that_waits_for_an_open_transaction(connect, database):
    """Somebody's creation is waited for, then ours; both say for whom."""
    connector = connect()
    wait = "select 1 from pg_replication_slots where confirmed_flush_lsn is null and active"
    with database.connect(autocommit=False) as long:
        pid = long.execute("select pg_backend_pid(), txid_current()").fetchone()[0]
        other = threading.Thread(
            target=database.sql, args=[f"select pg_create_logical_replication_slot('{database.slot}', 'pgoutput')"]
        )
        other.start()
        wait_until(lambda: database.sql(wait), 20, "the slot without a position")
        connector.create()
        wait_until(lambda: f"slot {database.slot} is not complete yet" in connector.worker.log_text(), 20, "the log")
        assert f"pid {pid} of user postgres" in connector.worker.log_text()
        long.rollback()
    other.join()
    assert connector.ids(3) == OLD
    connector.stop()
    # Ours, and a stop in the middle of it.
    connector.worker.rest("DELETE", f"/connectors/{connector.name}/offsets")
    database.sql(f"select pg_drop_replication_slot('{database.slot}')")
    with database.connect(autocommit=False) as long:
        long.execute("select txid_current()")
        connector.resume(running=False)
        wait_until(lambda: connector.worker.log_text().count(f"slot {database.slot} is not complete yet") >= 2, 20, "it")
        connector.stop()
        mine = f"select 1 from pg_replication_slots where slot_name = '{database.slot}'"
        wait_until(lambda: not database.sql(mine), 10, "the end of the creation")
        connector.resume(running=False)
        wait_until(lambda: database.sql(wait), 20, "the slot again")
        long.rollback()
    assert connector.ids(6)[3:] == OLD


def controller_answers(kafka, topic):
    """A broker that was frozen may be fenced by its controller for a while; a new worker needs both."""
    try:
        kafka.create_topic(topic)
    except confluent_kafka.KafkaException as error:
        return error.args[0].code() == confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS
    except TimeoutError:
        return False
    return True


def test_09_nothing_is_confirmed_before_it_is_durable(make_worker, kafka, database):
    """Kafka hangs while rows are in flight and WAL goes on (keepalives): the slot stays before the rows; then kill -9."""
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql(TABLE + "create table other (x text); insert into t values (0, 'old')")
    connector = Connector(worker, database).run()
    connector.ids(1)
    kafka.signal(19)
    try:
        before = database.confirmed()
        database.sql("insert into t select i, 'x' from generate_series(1, 500) i")
        committed = database.wal_position()
        switch_wal(database, 3)
        reply = f"""select reply_time from pg_stat_replication where pid =
            (select active_pid from pg_replication_slots where slot_name = '{database.slot}')"""
        for _ in range(2):
            seen = database.sql(reply)
            wait_until(lambda seen=seen: database.sql(reply) > seen, 20, "feedback while Kafka hangs")
        assert before <= database.confirmed() < committed
        worker.kill()
    finally:
        kafka.signal(18)
    wait_until(lambda: controller_answers(kafka, f"{database.name}-probe"), 90, "the broker's controller", 1)
    worker.start()
    assert connector.ids(501) == [("r", 0), *(("c", i) for i in range(1, 501))]
    wait_until(lambda: database.confirmed() >= committed, 30, "the slot past the rows")


def test_16_slot_made_anew_at_an_older_place(connect, database):
    """A copy from before takes its place: everything since the offset is there, so it goes on, once each."""
    connector = connect().run()
    connector.ids(3)
    connector.stop()
    copy = f"select pg_copy_logical_replication_slot('{database.slot}', '{database.slot}_copy')"
    database.sql(copy)
    connector.resume()
    database.sql("insert into t values (4, 'first')")
    assert connector.ids(4)[3:] == [("c", 4)]
    connector.stop()
    database.sql("insert into t values (5, 'stopped')")
    database.sql(f"select pg_drop_replication_slot('{database.slot}')")
    database.sql(f"select pg_copy_logical_replication_slot('{database.slot}_copy', '{database.slot}')")
    database.sql(f"select pg_drop_replication_slot('{database.slot}_copy')")
    assert database.confirmed() < int(connector.offset()["lsn_commit"])
    connector.resume(**{"offset.mismatch.strategy": "trust_greater_lsn"})
    assert "is moved to the stored offset" in connector.worker.log_text()
    database.sql("insert into t values (6, 'after')")
    assert connector.ids(6)[4:] == [("c", 5), ("c", 6)]


def test_17_32_idle_tables_hold_no_wal(worker, small, unique):
    """Four times the limit is written into a table nobody publishes, also by heartbeat.action.query: the slot follows."""
    database = Database(small, unique)
    database.sql(TABLE + "create table noise (x text); insert into t values (1, 'old')")
    more = {"heartbeat.interval.ms": "200", "heartbeat.action.query": "insert into noise values ('beat')",
            "publication.autocreate.mode": "filtered"}  # fmt: skip
    connector = Connector(worker, database, **more).run()
    connector.ids(1)
    for _ in range(8):
        switch_wal(database, 2)
        end = database.wal_position()
        wait_until(lambda end=end: end - database.confirmed() < 16 << 20, 20, "the slot to follow")
        database.sql("checkpoint")
        assert slot_sql(database, "wal_status")[0] in ("reserved", "extended")
    assert database.sql("select count(*) from noise")[0][0] > 0
    worker.delete(connector.name)


def test_slot_is_watched_and_its_loss_is_told_before(worker, kafka, small, unique):
    """Kafka hangs, WAL grows to the limit: metrics, a warning, RUNNING. Then nothing was lost."""
    database = Database(small, unique)
    database.sql(TABLE + "insert into t values (1, 'old')")
    connector = Connector(worker, database, **{"sluice.slot.watch.ms": "100"}).run()
    connector.ids(1)
    labels = {"connector": connector.name, "task": "0"}
    metric = lambda name: Metrics(worker).value(f"sluice_postgres_{name}", **labels)  # noqa: E731
    wait_until(lambda: metric("slot_wal_status") == 0 and metric("slot_active") == 1, 20, "the metrics")
    assert metric("slot_safe_bytes") > 0 and metric("feedback_timestamp_seconds") > time.time() - 60
    with database.connect(autocommit=False) as long:
        long.execute("select txid_current()")
        wait_until(lambda: metric("oldest_transaction_seconds") >= 1, 20, "the transaction's age")
        long.rollback()
    kafka.signal(19)
    try:
        database.sql("insert into t values (2, 'late')")
        switch_wal(database, 3)
        wait_until(lambda: metric("slot_retained_bytes") > 32 << 20, 20, "retained bytes")
        wait_until(lambda: f"slot {database.slot} may be lost" in worker.log_text(), 20, "the warning")
        assert worker.status(connector.name)["tasks"][0]["state"] == "RUNNING"
    finally:
        kafka.signal(18)
    assert connector.ids(2) == [("r", 1), ("c", 2)]
    worker.delete(connector.name)


def test_invalidated_slot(worker, kafka, small, unique):
    """Past max_slot_wal_keep_size while stopped: refused; when_needed makes a new slot and reads the rows again."""
    database = Database(small, unique)
    database.sql(TABLE + "insert into t select i, 'old' from generate_series(1, 3) i")
    connector = Connector(worker, database).run()
    connector.ids(3)
    connector.stop()
    database.sql("insert into t values (4, 'lost?')")

    def lost():
        switch_wal(database, 2)
        database.sql("checkpoint")
        return slot_sql(database, "wal_status")[0] == "lost"

    wait_until(lost, 60, "the slot's invalidation")
    connector.resume(running=False)
    connector.refused("pg.slot.lost", "is lost", "sluice.slot.lost")
    connector.stop()
    connector.resume(**{"snapshot.mode": "when_needed", "lsn.flush.mode": "manual"})
    database.sql("insert into t values (5, 'streamed')")
    assert connector.ids(8)[3:] == [*OLD, ("r", 4), ("c", 5)]
    assert slot_sql(database, "wal_status")[0] != "lost"
    assert "a new snapshot is taken, as snapshot.mode says" in worker.log_text()
    # Under a running stream, whose slot nobody moves: the walsender is ended, and the same happens by itself.
    wait_until(lambda: lost() or len(kafka.consume_all(connector.topic)) >= 13, 60, "the slot's invalidation")
    assert connector.ids(13)[8:] == [*OLD, ("r", 4), ("r", 5)]
    worker.wait_running(connector.name, 1, fail_fast=False)
    worker.delete(connector.name)


def test_23_server_crashes_and_checkpoints(worker, small, unique):
    """pg_ctl restart -m immediate again and again, checkpoints between, transactions open: every row once, in order."""
    database = Database(small, unique)
    database.sql(TABLE + "insert into t values (-1, 'before')")
    connector = Connector(worker, database).run()
    assert connector.ids(1) == [("r", -1)]  # a snapshot that a crash interrupts would begin again
    stop = threading.Event()

    def checkpoints():
        while not stop.wait(0.2):
            try:
                small.sql("checkpoint")
            except psycopg.Error:
                pass

    thread = threading.Thread(target=checkpoints)
    thread.start()
    written = 0
    try:
        for _ in range(3):
            for _ in range(5):
                with database.connect(autocommit=False) as a, database.connect(autocommit=False) as b:
                    a.execute("insert into t values (%s, 'a')", [written + 1])
                    b.execute("insert into t values (%s, 'b')", [written])
                    b.commit()
                    a.execute("insert into t values (%s, 'a')", [written + 2])
                    a.commit()
                written += 3
            small.signal(3)  # SIGQUIT: immediate shutdown
            small.process.wait()
            small.start()
    finally:
        stop.set()
        thread.join()
    worker.wait_running(connector.name, 1, timeout=60, fail_fast=False)
    assert connector.ids(1 + written) == [("r", -1), *(("c", i) for i in range(written))]
    worker.delete(connector.name)


def test_mismatch_strategies(connect, database):
    """The slot is moved by somebody while the connector is stopped: refused; trust_slot goes on without the changes."""
    connector = connect(**{"lsn.flush.mode": "manual"}).run()
    connector.ids(3)
    created = database.confirmed()
    database.sql("insert into t values (4, 'read')")
    connector.ids(4)
    connector.stop()
    assert database.confirmed() == created  # manual: nobody moved it
    database.sql("insert into t values (5, 'skipped')")
    database.sql(f"select pg_replication_slot_advance('{database.slot}', pg_current_wal_lsn())")
    connector.resume(running=False)
    connector.refused("pg.slot.lost", "past the stored offset", "trust_slot")
    connector.stop()
    connector.resume(**{"offset.mismatch.strategy": "trust_slot"})
    assert "the changes between are left out, as offset.mismatch.strategy says" in connector.worker.log_text()
    database.sql("insert into t values (6, 'after')")
    assert connector.ids(5)[3:] == [("c", 4), ("c", 6)]


def test_slot_moved_between_check_and_start(make_worker, database):
    """The server itself would start at the slot's place and say nothing."""
    env = {"PGPASSWORD": PG_PASSWORD, "SLUICE_FAULTS": "postgres.start=sleep:3000@2"}
    worker = make_worker(env=env).start()
    database.sql(TABLE + "insert into t select i, 'old' from generate_series(1, 3) i")
    connector = Connector(worker, database).run()
    connector.ids(3)
    wait_until(lambda: slot_sql(database, "active")[0], 20, "the stream")
    connector.stop()
    database.sql("insert into t values (4, 'lost?')")
    connector.resume(running=False)
    # The last thing that is asked before the start is where the WAL ends.
    last = f"""select 1 from pg_stat_activity where application_name = 'sluice:{connector.name}'
        and query like 'SELECT CASE WHEN pg_is_in_recovery()%' and state = 'idle'"""
    wait_until(lambda: database.sql(last), 20, "the check")
    database.sql(f"select pg_replication_slot_advance('{database.slot}', pg_current_wal_lsn())")
    connector.refused("pg.slot.lost", "it was moved or made anew just now")
    assert connector.ids(3) == OLD


def test_another_server_and_timeline(connect, database):
    """The offset names the server; one of another system, or of a later timeline, is refused. Debezium's names none."""
    connector = connect().run()
    connector.ids(3)
    connector.stop()
    offset = connector.offset()
    system, timeline = offset["sluice_server"].split("/")
    for server, words in (("1/1", "another server"), (f"{system}/{int(timeline) + 1}", "does not come from it")):
        connector.alter(offset | {"sluice_server": server})
        connector.resume(running=False)
        connector.refused("pg.slot.lost", words)
        connector.stop()
    offset.pop("sluice_server")
    connector.alter(offset)
    connector.resume()
    database.sql("insert into t values (4, 'next')")
    assert connector.ids(4)[3:] == [("c", 4)]
    wait_until(lambda: connector.offset().get("sluice_server") == f"{system}/{timeline}", 20, "the server's name")


def test_snapshot_modes(connect, database):
    """no_data after an interrupted snapshot; configuration_based without a stream, then without a snapshot."""
    based = "snapshot.mode.configuration.based."
    connector = connect(**{"snapshot.mode": "configuration_based", f"{based}snapshot.data": "true"}).run()
    assert connector.ids(3) == OLD
    assert not database.sql(f"select 1 from pg_replication_slots where slot_name = '{database.slot}'")
    connector.stop()
    connector.alter({"snapshot": "INITIAL", "last_snapshot_record": False, "snapshot_completed": False, "lsn": 5})
    connector.resume(running=False, **{"snapshot.mode": "no_data"})
    connector.refused("pg.setup", "previously stopped while taking a snapshot")
    connector.stop()
    assert connector.worker.rest("DELETE", f"/connectors/{connector.name}/offsets").ok
    more = {f"{based}snapshot.data": "false", f"{based}start.stream": "true"}
    connector.resume(**{"snapshot.mode": "configuration_based", **more})
    wait_until(lambda: slot_sql(database, "active")[0], 20, "the stream")
    database.sql("insert into t values (4, 'streamed')")
    assert connector.ids(4)[3:] == [("c", 4)]


def test_slot_dropped_on_stop(connect, database):
    connector = connect(slot_drop_on_stop="true").run()
    connector.ids(3)
    wait_until(lambda: slot_sql(database, "active")[0], 20, "the stream")
    connector.stop()
    mine = f"select 1 from pg_replication_slots where slot_name = '{database.slot}'"
    wait_until(lambda: not database.sql(mine), 10, "the slot to go")


def published(database):
    return [row[0] for row in database.sql(
        f"select tablename from pg_publication_tables where pubname = '{database.publication}' order by 1")]  # fmt: skip


def test_filtered_publication_follows_the_tables(connect, database):
    """At a restart tables come and go, a row filter that somebody gave stays, and publish follows skipped.operations."""
    ops = f"select pubinsert, pubupdate, pubdelete, pubtruncate from pg_publication where pubname = '{database.publication}'"
    database.sql("create table u (id int primary key); create table gone (id int primary key)")
    tables = {"table.include.list": "public.t,public.gone"}
    connector = connect(publication_autocreate_mode="filtered", **tables).run()
    connector.ids(3)
    assert published(database) == ["gone", "t"] and database.sql(ops) == [(True, True, True, True)]
    connector.stop()
    database.sql(f"alter publication {database.publication} set table t where (id < 100), gone")
    connector.resume(**{"table.include.list": "public.t,public.u", "skipped.operations": "d,t"})
    wait_until(lambda: slot_sql(database, "active")[0], 20, "the stream")
    assert published(database) == ["t", "u"] and database.sql(ops) == [(True, True, False, False)]
    assert database.sql("select count(*) from pg_publication_rel where prqual is not null") == [(1,)]
    database.sql("insert into t values (4, 'in'), (200, 'filtered'); delete from t where id = 1; insert into u values (7)")
    assert [r.value["after"] for r in read(connector.worker.kafka, f"{database.prefix}.public.u", 1)] == [{"id": 7}]
    assert connector.ids(4)[3:] == [("c", 4)]


def test_publication_for_all_tables(connect, database):
    """Made with publish and via root; a table that comes later is read without a restart; identities are set."""
    identities = "public.t:FULL,public.no.*:nothing,public.ghost:INDEX nope"
    database.sql("create table ghost (id int primary key); create table none (id int primary key)")
    more = {"table.include.list": "public.*", "publish.via.partition.root": "true", "skipped.operations": "u"}
    connector = connect(replica_identity_autoset_values=identities, **more).run()
    connector.ids(3)
    columns = "puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate"
    made = database.sql(f"select {columns} from pg_publication where pubname = '{database.publication}'")
    assert made == [(True, True, True, False, True, True)]
    kinds = dict(database.sql("select relname, relreplident from pg_class where relname in ('t', 'none', 'ghost')"))
    assert kinds == {"t": b"f", "none": b"n", "ghost": b"d"} or kinds == {"t": "f", "none": "n", "ghost": "d"}
    assert 'REPLICA IDENTITY USING INDEX "nope" failed' in connector.worker.log_text()
    database.sql("create table late (id int primary key); insert into late values (1); update t set v = 'x'")
    assert [r.value["op"] for r in read(connector.worker.kafka, f"{database.prefix}.public.late", 1)] == ["c"]
    assert connector.ids(3) == OLD  # updates are not published


def test_publication_that_must_exist(connect, database):
    connector = connect(publication_autocreate_mode="disabled")
    answer = connector.worker.rest("POST", "/connectors", json={"name": connector.name, "config": connector.config})
    assert answer.status_code == 400 and "publication.autocreate.mode is disabled" in answer.text
    database.sql(f"create publication {database.publication} for table t")
    connector.run().stop()
    database.sql(f"drop publication {database.publication}")
    connector.resume(running=False)
    connector.refused("pg.setup", "publication.autocreate.mode is disabled")
    connector.stop()
    connector.resume(**{"publication.autocreate.mode": "no_tables"})
    connector.ids(3)
    assert published(database) == []
    database.sql(f"alter publication {database.publication} add table t; insert into t values (4, 'now')")
    assert connector.ids(4)[3:] == [("c", 4)]
