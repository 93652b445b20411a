"""Postgres to Kafka: snapshot, every kind of change, TOAST, changing tables, positions, stop and restart."""

import json

import psycopg
import pytest

from conftest import PG_PASSWORD, read, wait_until

ACCOUNTS = """
    create table accounts (id int primary key, name text not null, balance numeric(10,2), opened date, meta jsonb);
    insert into accounts select i, 'name ' || i, i * 1.25, date '2024-01-01' + i, '{"a": 1}'
        from generate_series(1, 3) i;
"""


@pytest.fixture
def env_worker(make_worker):
    return make_worker(env={"PGPASSWORD": PG_PASSWORD})


def ops(records):
    return [record.value and record.value["op"] for record in records]


def source_of(record):
    return record.value["source"]


def test_snapshot_then_stream(worker, kafka, database):
    database.sql(ACCOUNTS)
    topic = f"{database.prefix}.public.accounts"
    body = worker.run("pg", database.config(table_include_list="public.accounts"), tasks=1)
    assert body["name"] == "pg" and body["type"] == "source" and body["config"]["name"] == "pg"
    assert body["config"]["database.password"] == "${env:PGPASSWORD}"

    records = read(kafka, topic, 3)
    assert ops(records) == ["r"] * 3
    assert [json.loads(record.key) for record in records] == [{"id": 1}, {"id": 2}, {"id": 3}]
    first, last = records[0].value, records[2].value
    assert list(first) == ["before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"]
    assert first["before"] is None and first["transaction"] is None
    assert first["after"] == {"id": 1, "name": "name 1", "balance": "fQ==", "opened": 19724, "meta": '{"a": 1}'}
    assert [record.value["source"]["snapshot"] for record in records] == ["first", "true", "last"]
    assert list(first["source"]) == (
        "version connector name ts_ms snapshot db sequence ts_us ts_ns schema table txId lsn xmin origin origin_lsn"
    ).split()
    assert last["source"]["connector"] == "postgresql" and last["source"]["name"] == database.prefix
    assert last["source"]["db"] == database.name
    assert (last["source"]["schema"], last["source"]["table"]) == ("public", "accounts")

    with database.connect(autocommit=False) as connection:
        connection.execute("insert into accounts values (4, 'four', 4.00, null, null)")
        connection.execute("update accounts set name = 'vier' where id = 4")
        connection.execute("delete from accounts where id = 4")
        connection.commit()
    database.sql("update accounts set id = 33 where id = 3")  # another key: a delete and a create
    records = read(kafka, topic, 10)[3:]
    assert ops(records) == ["c", "u", "d", None, "d", None, "c"]
    create, update, delete, tombstone, old, old_tombstone, new = records
    assert create.value["after"] == {"id": 4, "name": "four", "balance": "AZA=", "opened": None, "meta": None}
    assert update.value["before"] is None and update.value["after"]["name"] == "vier"
    assert delete.value["after"] is None and delete.value["before"]["id"] == 4
    assert tombstone.key == delete.key and tombstone.value is None
    assert json.loads(old.key) == {"id": 3} and json.loads(new.key) == {"id": 33} and old_tombstone.key == old.key
    assert dict(old.headers)["__debezium.newkey"] and dict(new.headers)["__debezium.oldkey"]
    sources = [source_of(record) for record in (create, update, delete)]
    assert len({source["txId"] for source in sources}) == 1
    assert sources[0]["lsn"] < sources[1]["lsn"] < sources[2]["lsn"]
    assert all(source["snapshot"] == "false" for source in sources)
    assert all(source["ts_ms"] == source["ts_us"] // 1000 for source in sources)
    assert json.loads(source_of(new)["sequence"])[1] == str(source_of(new)["lsn"])


def test_headers_are_those_of_their_own_batch(worker, kafka, database):
    """Headers are packed once for records that share them; the next batch's lie at the same addresses."""
    database.sql(ACCOUNTS)
    topic = f"{database.prefix}.public.accounts"
    header = {"transforms": "h", "transforms.h.type": "org.apache.kafka.connect.transforms.HeaderFrom$Key"}
    header |= {"transforms.h.fields": "id", "transforms.h.headers": "id", "transforms.h.operation": "copy"}
    worker.run("pg", database.config(table_include_list="public.accounts", **header))
    read(kafka, topic, 3)
    for number in range(5):
        database.sql(f"insert into accounts (id, name) values ({100 + number}, 'x')")
        record = read(kafka, topic, 4 + number)[-1]
        assert json.loads(dict(record.headers)["id"]) == json.loads(record.key)["id"] == 100 + number


def test_tables_that_are_not_wanted_stay_out(worker, kafka, database):
    database.sql(ACCOUNTS + "create table other (id int primary key); insert into other values (1);")
    worker.run("pg", database.config(table_include_list="public.acc.*", tombstones_on_delete="false"))
    database.sql("insert into other values (2); delete from accounts where id = 1; insert into accounts values (9, 'x')")
    records = read(kafka, f"{database.prefix}.public.accounts", 5)
    assert ops(records) == ["r", "r", "r", "d", "c"]
    assert kafka.consume_all(f"{database.prefix}.public.other") == []


def test_truncate(worker, kafka, database):
    database.sql(ACCOUNTS)
    worker.run("skips", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    read(kafka, topic, 3)
    database.sql("truncate accounts; insert into accounts values (1, 'after')")
    assert ops(read(kafka, topic, 4)) == ["r", "r", "r", "c"]
    worker.delete("skips")
    config = database.config(table_include_list="public.accounts", skipped_operations="none", topic_prefix="all")
    config |= {"slot.name": f"{database.slot}2", "publication.name": f"{database.publication}2"}
    worker.run("all", config)
    topic = "all.public.accounts"
    read(kafka, topic, 1)
    database.sql("truncate accounts; insert into accounts values (2, 'after')")
    records = read(kafka, topic, 3)
    assert ops(records) == ["r", "t", "c"]
    assert records[1].key is None and records[1].value["before"] is None and records[1].value["after"] is None


def test_unchanged_toast_is_marked_never_null(worker, kafka, database):
    database.sql(
        """create table docs (id int primary key, state text, body text, raw bytea);
           alter table docs alter body set storage external, alter raw set storage external;
           insert into docs values (1, 'new', repeat('long ', 4000), decode(repeat('ab', 9000), 'hex'))"""
    )
    worker.run("pg", database.config(table_include_list="public.docs"))
    topic = f"{database.prefix}.public.docs"
    read(kafka, topic, 1)
    database.sql("update docs set state = 'seen'")
    database.sql("update docs set body = null")
    database.sql("alter table docs replica identity full")
    database.sql("update docs set body = repeat('again ', 4000)")
    database.sql("update docs set state = 'done'")
    records = read(kafka, topic, 5)
    assert records[0].value["after"]["body"] == "long " * 4000
    seen, emptied, again, done = (record.value for record in records[1:])
    assert seen["after"]["state"] == "seen" and seen["after"]["body"] == "__debezium_unavailable_value"
    assert seen["after"]["raw"] == "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
    assert emptied["after"]["body"] is None
    assert again["after"]["body"] == "again " * 4000
    # With the full identity the old row fills what the new one does not carry.
    assert done["before"]["state"] == "seen" and done["after"]["body"] == "again " * 4000


def test_table_changes_mid_stream(worker, kafka, database):
    database.sql(ACCOUNTS)
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    read(kafka, topic, 3)
    database.sql("insert into accounts values (4, 'four')")
    with database.connect(autocommit=False) as connection:  # in the middle of a transaction, too
        connection.execute("insert into accounts values (5, 'five')")
        connection.execute("alter table accounts add column city text, add column zip int not null default 7")
        connection.execute("insert into accounts (id, name, city) values (6, 'six', 'Ulm')")
        connection.commit()
    database.sql("alter table accounts drop column meta; alter table accounts rename city to town")
    database.sql("insert into accounts (id, name, town) values (7, 'seven', 'Bonn')")
    records = [record.value["after"] for record in read(kafka, topic, 7)[3:]]
    assert list(records[0]) == ["id", "name", "balance", "opened", "meta"]
    assert list(records[1]) == ["id", "name", "balance", "opened", "meta"]
    assert list(records[2]) == ["id", "name", "balance", "opened", "meta", "city", "zip"]
    assert records[2]["city"] == "Ulm" and records[2]["zip"] == 7
    assert list(records[3]) == ["id", "name", "balance", "opened", "town", "zip"]
    assert records[3]["town"] == "Bonn"


def test_common_types_are_alike_in_snapshot_and_stream(worker, kafka, database):
    database.sql(
        """create table kinds (id int primary key, b boolean, i2 smallint, i8 bigint, f4 real, f8 float8,
             n numeric(12,3), nn numeric, t text, v varchar(9), c char(5), bin bytea, u uuid, j json, jb jsonb,
             d date, tm time(6), ts timestamp, tz timestamptz, iv interval, ia int[], ta text[]);
           create function fill(int) returns void language sql as $$ insert into kinds values ($1, true, -2,
             9007199254740993, 1.5, 2.1, 123.456, 1.10, 'a"é😀\\n', 'v', 'c', '\\xdeadbeef',
             '11111111-2222-3333-4444-555555555555', '{"x": [1]}', '{"y":2}', '2024-02-29', '12:34:56.789012',
             '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.7+02', '1 day 2 hours', '{1,NULL,3}', '{a,"b,c"}'),
             ($1 + 1, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
             null, null, null, null, null) $$;
           select fill(1)"""
    )
    worker.run("pg", database.config(table_include_list="public.kinds"))
    topic = f"{database.prefix}.public.kinds"
    read(kafka, topic, 2)
    database.sql("select fill(3)")
    rows = [record.value["after"] for record in read(kafka, topic, 4)]
    assert {**rows[0], "id": 0} == {**rows[2], "id": 0}
    assert {**rows[1], "id": 0} == {**rows[3], "id": 0}
    full = rows[2]
    assert full["b"] is True and full["i2"] == -2 and full["i8"] == 9007199254740993
    assert full["f4"] == 1.5 and full["f8"] == 2.1
    assert full["n"] == "AeJA"  # 123456
    assert full["nn"] == {"scale": 1, "value": "Cw=="}  # 11: Debezium strips zeros here
    assert full["t"] == 'a"é😀\\n' and full["c"] == "c    " and full["bin"] == "3q2+7w=="
    assert full["u"] == "11111111-2222-3333-4444-555555555555"
    assert full["j"] == '{"x": [1]}' and full["jb"] == '{"y": 2}'
    assert full["d"] == 19782 and full["tm"] == 45296789012
    assert full["ts"] == 1709210096789012 and full["tz"] == "2024-02-29T10:34:56.700000Z"
    assert full["ia"] == [1, None, 3] and full["ta"] == ["a", "b,c"]
    assert set(rows[3].values()) == {4, None}


def test_idle_database_moves_the_slot(worker, kafka, database):
    database.sql(ACCOUNTS + "create table noise (x text)")
    worker.run("pg", database.config(table_include_list="public.accounts", status_update_interval_ms="500"))
    read(kafka, f"{database.prefix}.public.accounts", 3)
    before = database.confirmed()
    database.sql("insert into noise select repeat('x', 500) from generate_series(1, 60000)")
    assert database.wal_position() - before > 32 << 20
    # Every 16 MB; what is less than that after a minute.
    wait_until(lambda: database.wal_position() - database.confirmed() < 16 << 20, 40, "the slot past changes nobody wants")


def test_heartbeats(worker, kafka, database):
    database.sql(ACCOUNTS)
    worker.run("pg", database.config(table_include_list="public.accounts", heartbeat_interval_ms="200"))
    beats = read(kafka, f"__debezium-heartbeat.{database.prefix}", 3)
    assert json.loads(beats[0].key) == {"serverName": database.prefix}
    assert list(beats[0].value) == ["ts_ms"] and beats[0].partition == 0


def test_slot_never_passes_what_kafka_has(worker, kafka, database):
    database.sql(ACCOUNTS)
    config = database.config(table_include_list="public.accounts", status_update_interval_ms="200")
    worker.run("pg", config)
    read(kafka, f"{database.prefix}.public.accounts", 3)
    kafka.signal(19)  # SIGSTOP: Kafka hangs
    try:
        before = database.confirmed()
        database.sql("insert into accounts select i, 'late' from generate_series(100, 300) i")
        first_commit = database.wal_position()
        # The connection to Postgres stays alive meanwhile: replies keep coming.
        reply = "select reply_time from pg_stat_replication where pid = (select active_pid from pg_replication_slots" \
                f" where slot_name = '{database.slot}')"
        seen = database.sql(reply)
        wait_until(lambda: database.sql(reply) > seen, 20, "feedback while Kafka hangs")
        assert before <= database.confirmed() < first_commit
    finally:
        kafka.signal(18)
    records = read(kafka, f"{database.prefix}.public.accounts", 204, timeout=60)
    assert len(records) == 204
    wait_until(lambda: database.confirmed() >= first_commit, 20, "the slot after the commit")


def test_stop_and_restart_without_loss_or_duplicate(env_worker, kafka, database):
    worker = env_worker.start()
    database.sql(ACCOUNTS)
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    written = 3
    read(kafka, topic, written)  # RUNNING comes before the snapshot, as in Connect
    for turn in range(4):
        rows = 2000
        database.sql(f"insert into accounts select i, 'x' from generate_series({written + 1}, {written + rows}) i")
        written += rows
        if turn % 2:
            read(kafka, topic, written - rows // 2)
        code = worker.stop()
        assert code == 0, worker.log_text()[-3000:]
        database.sql(f"insert into accounts select i, 'y' from generate_series({written + 1}, {written + 10}) i")
        written += 10
        worker.start()
        worker.wait_running("pg", 1)
    records = read(kafka, topic, written)
    assert [record.value["after"]["id"] for record in records] == list(range(1, written + 1))
    assert ops(records) == ["r"] * 3 + ["c"] * (written - 3)  # the snapshot was not taken again


def test_killed_worker_continues(env_worker, kafka, database):
    worker = env_worker.start()
    database.sql("create table accounts (id int primary key, name text)")
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    written = 0
    for turn in range(4):
        for _ in range(10):
            database.sql(f"insert into accounts select i, 'x' from generate_series({written + 1}, {written + 1000}) i")
            written += 1000
        read(kafka, topic, (turn + 1) * 2500)
        worker.kill()
        worker.start()
        worker.wait_running("pg", 1, timeout=60)
    records = read(kafka, topic, written, timeout=60)
    assert [record.value["after"]["id"] for record in records] == list(range(1, written + 1))


def test_killed_in_the_snapshot(env_worker, kafka, database):
    worker = env_worker.start()
    database.sql(
        "create table accounts (id int primary key, name text);"
        "insert into accounts select i, repeat('x', 200) from generate_series(1, 200000) i"
    )
    worker.create("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    wait_until(lambda: kafka.consume_all(topic, "read_uncommitted"), 30, "first rows", 0.01)
    worker.kill()
    worker.start()
    worker.wait_running("pg", 1, timeout=60)
    database.sql("insert into accounts values (0, 'streamed')")
    # A snapshot that is one transaction is seen once; one that was cut is repeated, but never with a row missing.
    wait_until(lambda: read(kafka, topic, 200001)[-1].value["op"] == "c", 90, "the streamed row")
    records = read(kafka, topic, 200001)
    assert {record.value["after"]["id"] for record in records} == set(range(200001))


def test_postgres_restart(worker, kafka, database, postgres):
    database.sql(ACCOUNTS)
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    read(kafka, topic, 3)
    postgres.restart()
    database.sql("insert into accounts values (4, 'four')")
    assert ops(read(kafka, topic, 4, timeout=60)) == ["r", "r", "r", "c"]


def test_walsender_terminated(worker, kafka, database):
    database.sql(ACCOUNTS)
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    read(kafka, topic, 3)
    for number in range(3):
        end = "select pg_terminate_backend(active_pid) from pg_replication_slots" \
              f" where slot_name = '{database.slot}' and active_pid is not null"
        wait_until(lambda: database.sql(end), 20, "a walsender to end")
        database.sql(f"insert into accounts values ({10 + number}, 'x')")
        read(kafka, topic, 4 + number, timeout=60)
    records = read(kafka, topic, 6)
    assert [record.value["after"]["id"] for record in records] == [1, 2, 3, 10, 11, 12]


def test_existing_slot_and_publication_are_used(worker, kafka, database):
    database.sql(ACCOUNTS + f"create publication {database.publication} for table accounts")
    database.sql(f"select pg_create_logical_replication_slot('{database.slot}', 'pgoutput')")
    database.sql("insert into accounts values (4, 'before the start')")
    config = database.config(table_include_list="public.accounts", snapshot_mode="no_data")
    worker.run("pg", config)
    database.sql("insert into accounts values (5, 'after the start')")
    records = read(kafka, f"{database.prefix}.public.accounts", 2)
    assert [record.value["after"]["id"] for record in records] == [4, 5]
    worker.delete("pg")
    # DELETE leaves the slot, which may hold changes that nobody has read.
    wait_until(lambda: not database.sql("select 1 from pg_replication_slots where active"), 20, "the slot to be free")
    assert database.confirmed() is not None
    with pytest.raises(psycopg.errors.DuplicateObject):
        database.sql(f"select pg_create_logical_replication_slot('{database.slot}', 'pgoutput')")


def test_route_to_short_topic(worker, kafka, database):
    """The contract's transform."""
    database.sql(f"create table {database.name} (id int primary key); insert into {database.name} values (1)")
    config = database.config(table_include_list=f"public.{database.name}", transforms="route")
    config |= {
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "([^.]+)\\.([^.]+)\\.([^.]+)",
        "transforms.route.replacement": "$3",
    }
    worker.run("pg", config)
    assert ops(read(kafka, database.name, 1)) == ["r"]


def test_at_least_once(make_worker, kafka, database):
    """exactly.once.source.support=disabled: graceful stops repeat nothing, kills lose nothing, the slot follows."""
    worker = make_worker({"exactly.once.source.support": "disabled"}, env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql(ACCOUNTS)
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    written = 3

    def write(rows):
        nonlocal written
        database.sql(f"insert into accounts select i, 'x' from generate_series({written + 1}, {written + rows}) i")
        written += rows

    write(2000)
    read(kafka, topic, written)
    assert worker.stop() == 0, worker.log_text()[-3000:]
    write(1000)
    worker.start()
    records = read(kafka, topic, written)
    assert [record.value["after"]["id"] for record in records] == list(range(1, written + 1))
    for _ in range(3):
        write(5000)
        read(kafka, topic, written - 4000)
        worker.kill()
        worker.start()
    every = set(range(1, written + 1))
    wait_until(lambda: {r.value["after"]["id"] for r in read(kafka, topic, written)} == every, 60, "every row at least once")
    position = database.wal_position()
    write(1)
    wait_until(lambda: database.confirmed() > position, 30, "the slot to follow")


UNWRAP = {
    "transforms": "unwrap",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
    "transforms.unwrap.add.fields": "op,table,source.lsn:at",
    "transforms.unwrap.add.headers": "op,source.snapshot",
}


def test_rows_as_they_are_now(worker, kafka, database):
    """ExtractNewRecordState on a stream: deletes are rows with __deleted, tombstones go, parts of the envelope are fields."""
    database.sql(ACCOUNTS + "alter table accounts replica identity full;")
    config = database.config(table_include_list="public.accounts", value_converter_schemas_enable="true")
    worker.run("pg", config | UNWRAP)
    topic = f"{database.prefix}.public.accounts"
    assert [record.value["payload"]["__op"] for record in read(kafka, topic, 3)] == ["r"] * 3
    with database.connect(autocommit=False) as connection:
        connection.execute("insert into accounts values (4, 'four', 4.00, null, null)")
        connection.execute("update accounts set name = 'vier' where id = 4")
        connection.execute("delete from accounts where id = 4")
        connection.commit()
    database.sql("insert into accounts values (5, 'five', null, null, null)")
    records = read(kafka, topic, 7)
    assert len(records) == 7
    rows = [record.value["payload"] for record in records]
    assert [(row["id"], row["name"], row["__deleted"], row["__op"]) for row in rows[3:]] == [
        (4, "four", "false", "c"), (4, "vier", "false", "u"), (4, "vier", "true", "d"), (5, "five", "false", "c")]
    assert all(row["__table"] == "accounts" for row in rows)
    assert rows[3]["__at"] < rows[4]["__at"] < rows[5]["__at"] < rows[6]["__at"]
    assert rows[5]["balance"] == "AZA=" and rows[6]["balance"] is None
    assert [dict(record.headers)["__op"] for record in records] == [b"r", b"r", b"r", b"c", b"u", b"d", b"c"]
    assert dict(records[0].headers)["__source_snapshot"] == b"first"
    assert [json.loads(record.key) for record in records[3:]] == [{"id": 4}] * 3 + [{"id": 5}]
    schema = records[3].value["schema"]
    assert all(record.value["schema"] == schema for record in records)
    assert schema["name"] == f"{topic}.Value" and schema["optional"] is False
    assert [field["field"] for field in schema["fields"]] == [
        "id", "name", "balance", "opened", "meta", "__deleted", "__op", "__table", "__at"]
    assert schema["fields"][-1] == {"type": "int64", "optional": True, "field": "__at"}


def test_rows_name_their_topic(worker, kafka, database):
    """route.by.field, and a delete as one null under the row's key."""
    database.sql(
        """create table docs (id int primary key, place text);
           alter table docs replica identity full;
           insert into docs select i, 'place-' || i % 3 from generate_series(1, 30) i"""
    )
    config = database.config(table_include_list="public.docs") | UNWRAP
    config["transforms.unwrap.delete.tombstone.handling.mode"] = "tombstone"
    config["transforms.unwrap.route.by.field"] = "place"
    worker.run("pg", config)
    for i in range(3):
        assert [record.value["id"] % 3 for record in read(kafka, f"place-{i}", 10)] == [i] * 10
    database.sql("insert into docs select i, 'place-' || i % 3 from generate_series(31, 60) i")
    database.sql("insert into docs values (61, '  '); delete from docs where id = 32")
    for i in range(3):
        records = read(kafka, f"place-{i}", 21 if i == 2 else 20)
        assert [record.value["id"] % 3 for record in records[:20]] == [i] * 20
    assert records[20].value is None and json.loads(records[20].key) == {"id": 32}
    assert [record.value["id"] for record in read(kafka, f"{database.prefix}.public.docs", 1)] == [61]
