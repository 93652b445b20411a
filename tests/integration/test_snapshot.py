"""The initial snapshot: over several connections, with every way to say what is read and in which order, while others write,
and when it is cut off. The oracle is always the table itself."""

import collections
import json
import re
import threading

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from conftest import PG_PASSWORD, Metrics, read, wait_until

READ = ["first", "first_in_data_collection", "true", "last_in_data_collection", "last"]


def one_topic(prefix):
    """A transform that puts all tables into one topic of one partition, so that their order can be seen."""
    return {"transforms": "one", "transforms.one.type": "org.apache.kafka.connect.transforms.RegexRouter",
            "transforms.one.regex": ".*", "transforms.one.replacement": f"{prefix}.all"}


def marker(record):
    return record.value["source"]["snapshot"]


def table_of(record):
    return record.value["source"]["table"]


def state_of(records):
    """What a consumer holds after these records, by key."""
    state = {}
    for record in records:
        if record.value is None:
            continue
        row = record.value["after"]
        if row is None:
            state.pop(record.key)
        else:
            state[record.key] = row
    return state


def rows_of(database, table):
    return {json.dumps({"id": row["id"]}, separators=(",", ":")).encode(): row
            for (row,) in database.sql(f"select to_jsonb(t) from {table} t")}


def check_markers(records, tables):
    """records: all of the snapshot, in the order of reading."""
    seen = [marker(record) for record in records]
    assert set(seen) <= set(READ)
    assert seen[0] in ("first", "last") and seen[-1] == "last"
    assert seen.count("last") == 1 and seen.count("first") == (len(records) > 1)
    for table in tables:
        of_table = [marker(record) for record in records if table_of(record) == table]
        if not of_table:
            continue
        last_in = of_table.count("last_in_data_collection") + of_table.count("last")
        first_in = of_table.count("first_in_data_collection") + of_table.count("first")
        assert last_in == (of_table != ["first"]) and of_table[-1] in ("last_in_data_collection", "last", "first"), of_table
        assert first_in == (len(of_table) > 1 or of_table == ["first"]), of_table


def test_parallel_parts_give_every_row_once_while_others_write(worker, kafka, database):
    """Holes in a table, an empty one, one of one row, partitions without a key that are published through their parent."""
    database.sql(
        """create table big (id int primary key, v int not null, pad text not null);
           insert into big select i, 0, repeat('x', 700) from generate_series(1, 5000) i;
           delete from big where id between 1000 and 2500 or id > 4700;
           create table nothing (id int primary key);
           create table single (id int primary key, v int); insert into single values (1, 1);
           create table parted (gone int, id int, pad text) partition by range (id);
           create table parted_a (pad text, id int);
           alter table parted drop column gone;
           alter table parted attach partition parted_a for values from (0) to (3000);
           create table parted_b partition of parted for values from (3000) to (6000);
           create table parted_c partition of parted for values from (6000) to (9000);
           insert into parted select i * 3 % 6000, repeat('y', 400) from generate_series(1, 4000) i;"""
    )
    with database.connect(autocommit=True) as connection:
        connection.execute("vacuum analyze big")
    stop = threading.Event()

    def write():
        with database.connect(autocommit=True) as connection:
            n = 0
            while not stop.is_set() and n < 1500:
                n += 1
                connection.execute("update big set v = v + 1 where id = %s", (n * 37 % 900 + 1,))
                connection.execute("insert into big values (%s, 0, 'new')", (20000 + n,))
                connection.execute("delete from big where id = %s", (20000 + n - 5,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        worker.run("pg", database.config(
            table_include_list="public.big,public.nothing,public.single,public.parted", snapshot_max_threads=4,
            snapshot_max_threads_multiplier=2, publish_via_partition_root="true", **one_topic(database.prefix)))
        topic = f"{database.prefix}.all"
        wait_until(lambda: Metrics(worker).value("sluice_source_snapshot_tables_remaining") == 0, 60, "the snapshot's end")
    finally:
        stop.set()
        writer.join()
    database.sql("insert into single values (2, 2)")

    def whole():
        records = read(kafka, topic, 1)
        return any(r.value and table_of(r) == "single" and r.value["op"] == "c" for r in records) and records

    records = wait_until(whole, 60, "the last change", interval=0.5)
    assert int(re.search(r"4 tables in (\d+) parts over 4 connections", worker.log_text()).group(1)) > 9
    snapshot = [record for record in records if record.value and record.value["op"] == "r"]
    check_markers(snapshot, ["big", "nothing", "single", "parted"])
    big = [record for record in snapshot if table_of(record) == "big"]
    assert len({record.key for record in big}) == len(big)
    parted = [record for record in snapshot if table_of(record) == "parted"]
    assert collections.Counter(r.value["after"]["id"] for r in parted) == \
        dict(database.sql("select id, count(*)::int from parted group by id"))
    assert all(r.value["after"]["pad"] == "y" * 400 and r.key is None for r in parted)
    assert Metrics(worker).value("sluice_source_snapshot_rows_total") == len(snapshot)
    assert Metrics(worker).value("sluice_source_snapshot_tables") == 4
    assert state_of([r for r in records if r.value and table_of(r) == "big"]) == rows_of(database, "big")


@pytest.mark.parametrize("threads", [1, 3])
def test_order_overrides_and_markers(worker, kafka, database, threads):
    """table.include.list gives the order, an override gives rows and columns, snapshot.include.collection.list only filters."""
    database.sql(
        """create table zeta (id int primary key, v text);   insert into zeta values (1, 'z');
           create table alpha (id int primary key, v text not null default 'dflt', w int);
           insert into alpha select i, 'a' || i, i from generate_series(1, 5) i;
           create table beta (id int primary key);            insert into beta values (1), (2);
           create table left_out (id int primary key);        insert into left_out values (1);
           create table omega (id int primary key);"""
    )
    config = database.config(
        table_include_list="public.zeta, public.(alpha|beta|left_out), public.omega", snapshot_max_threads=threads,
        snapshot_include_collection_list="public.omega,public.beta,public.alpha,public.zeta", snapshot_locking_mode="shared",
        legacy_snapshot_max_threads="true", **one_topic(database.prefix))
    config["snapshot.select.statement.overrides"] = "public.alpha,public.zeta"
    config["snapshot.select.statement.overrides.public.zeta"] = "select * from zeta ;\n"
    config["snapshot.select.statement.overrides.public.alpha"] = \
        "select w, id, 1 as more from alpha where id % 2 = 1 order by id desc -- odd ones\n"
    worker.run("pg", config)
    records = read(kafka, f"{database.prefix}.all", 6)
    check_markers(records, ["zeta", "alpha", "beta", "omega"])
    if threads == 1:
        assert [(table_of(r), r.value["after"]["id"], marker(r)) for r in records] == [
            ("zeta", 1, "first"), ("alpha", 5, "first_in_data_collection"), ("alpha", 3, "true"),
            ("alpha", 1, "last_in_data_collection"), ("beta", 1, "first_in_data_collection"), ("beta", 2, "last")]
    alpha = {r.value["after"]["id"]: r.value["after"] for r in records if table_of(r) == "alpha"}
    assert alpha[3] == {"id": 3, "v": "dflt", "w": 3}  # not null and not selected: the column's default
    database.sql("insert into left_out values (2); insert into alpha values (6, 'six', 6)")
    streamed = read(kafka, f"{database.prefix}.all", 8)[6:]
    assert [(table_of(r), r.value["op"]) for r in streamed] == [("left_out", "c"), ("alpha", "c")]


def test_order_by_row_count(worker, kafka, database):
    database.sql(
        """create table a (id int); insert into a select generate_series(1, 300);
           create table b (id int); insert into b select generate_series(1, 3000);
           create table c (id int); insert into c select generate_series(1, 30); create table d (id int)"""
    )
    with database.connect(autocommit=True) as connection:
        connection.execute("analyze")
    worker.run("pg", database.config(snapshot_tables_order_by_row_count="descending", **one_topic(database.prefix)))
    records = read(kafka, f"{database.prefix}.all", 3330)
    assert list(dict.fromkeys(table_of(r) for r in records)) == ["b", "a", "c"]
    check_markers(records, ["a", "b", "c", "d"])


def test_initial_only_has_a_snapshot_of_its_own(worker, kafka, database):
    database.sql("create table t (id int primary key, pad text);"
                 "insert into t select i, repeat('x', 900) from generate_series(1, 3000) i; create table empty (id int)")
    for isolation, threads in (("serializable", 4), ("read_committed", 4), ("repeatable_read", 1)):
        name = isolation.replace("_", "")
        worker.run(name, {**database.config(snapshot_mode="initial_only", snapshot_isolation_mode=isolation,
                                            table_include_list="public.t", snapshot_max_threads=threads),
                          "topic.prefix": name})
        records = read(kafka, f"{name}.public.t", 3000)
        assert sorted(r.value["after"]["id"] for r in records) == list(range(1, 3001))
        check_markers(records, ["t"])
        offset = wait_until(lambda n=name: worker.rest("GET", f"/connectors/{n}/offsets").json()["offsets"], 10, "the offset")
        assert offset[0]["offset"]["snapshot_completed"] is True
        connections = re.findall(r"snapshot: 1 tables in \d+ parts over (\d) connections", worker.log_text())
        assert connections[-1] == ("4" if isolation == "serializable" else "1")
    assert database.confirmed() is None


def test_generated_columns_are_alike_in_snapshot_and_stream(worker, kafka, database):
    database.sql("create table g (id int primary key, a int, twice int generated always as (a * 2) stored);"
                 "insert into g values (1, 1)")
    worker.run("pg", database.config(table_include_list="public.g", streaming_delay_ms=200, snapshot_delay_ms=200))
    topic = f"{database.prefix}.public.g"
    read(kafka, topic, 1)
    database.sql("insert into g values (2, 2)")
    assert [list(r.value["after"]) for r in read(kafka, topic, 2)] == [["id", "a"]] * 2


def test_a_locked_table_is_waited_for_so_long(worker, kafka, database):
    database.sql("create table held (id int primary key); insert into held values (1)")
    with database.connect(autocommit=False) as connection:
        connection.execute("lock table held in access exclusive mode")
        worker.create("pg", database.config(table_include_list="public.held", snapshot_locking_mode="shared",
                                            snapshot_lock_timeout_ms=200, snapshot_mode="initial_only"))
        wait_until(lambda: "snapshot.locking.mode=shared, table public.held" in worker.log_text(), 30, "the lock's timeout")
    assert [marker(r) for r in read(kafka, f"{database.prefix}.public.held", 1, timeout=60)] == ["last"]


def test_override_that_fails_names_its_key(worker, database):
    database.sql("create table t (id int primary key)")
    config = database.config(table_include_list="public.t", snapshot_select_statement_overrides="public.t")
    worker.create("pg", {**config, "snapshot.select.statement.overrides.public.t": "select nope from t"})
    trace = worker.wait_failed("pg")
    assert "snapshot.select.statement.overrides.public.t" in trace and "nope" in trace


def test_a_snapshot_longer_than_a_transaction_begins_again_after_a_crash(make_worker, kafka, database):
    """It is cut into Kafka transactions; after a crash everything is read again, marked by a new `first`, and what was
    deleted meanwhile is told: nothing is lost, and no row stays that is not there."""
    rows = 2500
    database.sql("create table t (id int primary key, v int);"
                 f"insert into t select i, 0 from generate_series(1, {rows}) i")
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    config = database.config(table_include_list="public.t", snapshot_select_statement_overrides="public.t")
    config["snapshot.select.statement.overrides.public.t"] = "select * from t where pg_sleep(0.001) is not null"
    config["producer.override.transaction.timeout.ms"] = "2000"
    worker.run("pg", config)
    topic = f"{database.prefix}.public.t"
    first = read(kafka, topic, 1, timeout=60)  # a transaction was committed in the middle of the snapshot
    assert len(first) < rows and marker(first[0]) == "first"
    worker.kill()
    point = database.confirmed()
    gone, changed = (json.loads(first[i].key)["id"] for i in (0, 1))
    database.sql(f"delete from t where id = {gone}; update t set v = 1 where id = {changed}")
    worker.start()
    wait_until(lambda: any(r.value and marker(r) == "last" for r in read(kafka, topic, 1)), 60, "the second snapshot's end")
    assert '"snapshot_completed":false' in worker.log_text()
    database.sql("insert into t values (0, 0)")

    def whole():
        records = read(kafka, topic, 1)
        return any(json.loads(r.key) == {"id": 0} for r in records) and records

    records = wait_until(whole, 30, "the last change")
    marks = collections.Counter(marker(r) for r in records if r.value)
    assert marks["first"] == 2 and marks["last"] == 1
    assert state_of(records) == rows_of(database, "t")
    again = [r for r in records if r.value and r.value["op"] == "r"][len(first):]
    assert sorted(json.loads(r.key)["id"] for r in again[-(rows - 1):]) == [i for i in range(1, rows + 1) if i != gone]
    assert all(r.value["source"]["lsn"] >= point for r in again)


def test_a_snapshot_whose_acknowledgements_are_held_comes_again(make_worker, kafka, database):
    database.sql("create table t (id int primary key); insert into t select generate_series(1, 500)")
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    topic = f"{database.prefix}.public.t"
    kafka.create_topic(topic)
    config = database.config(table_include_list="public.t", snapshot_delay_ms=2000, status_update_interval_ms=200)
    worker.run("pg", config)
    kafka.signal(19)
    try:
        wait_until(lambda: Metrics(worker).value("sluice_source_snapshot_rows_total") == 500, 30, "the snapshot's end")
        point = database.confirmed()
        database.sql("delete from t where id = 500; insert into t values (501)")
        worker.kill()
        assert database.confirmed() == point
    finally:
        kafka.signal(18)
    worker.start()
    records = read(kafka, topic, 500, timeout=60)
    assert [marker(r) for r in records].count("first") == 1
    assert state_of(records) == rows_of(database, "t")
    assert len(records) == 500


def test_a_row_that_kafka_refuses_does_not_move_the_slot(worker, kafka, database):
    database.sql("create table t (id int primary key, v text); insert into t values (1, 'a'), (2, repeat('b', 20000)), (3, 'c')")
    topic = f"{database.prefix}.public.t"
    kafka.create_topic(topic, config={"max.message.bytes": "5000"})
    worker.create("pg", database.config(table_include_list="public.t", status_update_interval_ms=200,
                                        **{"producer.override.compression.type": "none"}))
    trace = worker.wait_failed("pg")
    assert "large" in trace.lower(), trace
    point = database.confirmed()
    database.sql("insert into t values (4, 'd')")
    assert kafka.consume_all(topic) == [] and database.confirmed() == point
    assert worker.rest("GET", "/connectors/pg/offsets").json()["offsets"] == []
    wider = ConfigEntry("max.message.bytes", "100000", incremental_operation=AlterConfigOpType.SET)
    admin = kafka.admin()
    for done in admin.incremental_alter_configs([ConfigResource("topic", topic, incremental_configs=[wider])]).values():
        done.result(30)

    def written():  # the broker may take a moment to see its topic's new limit
        if worker.status("pg")["tasks"][0]["state"] == "FAILED":
            worker.rest("POST", "/connectors/pg/tasks/0/restart")
        records = kafka.consume_all(topic)
        return len(records) >= 4 and [r._replace(value=json.loads(r.value)) for r in records]

    records = wait_until(written, 60, "the rows", interval=0.5)
    assert [r.value["after"]["id"] for r in records] == [1, 2, 3, 4] and records[0].value["source"]["snapshot"] == "first"

