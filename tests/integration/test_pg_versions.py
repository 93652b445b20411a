"""Postgres 14 to 18: snapshot, every kind of change, a row of types, a restart from the stored offset, a backlog, and what
only some majors have."""

import pytest

import stand
from conftest import PG_PASSWORD, Database, read, wait_until

TYPES = {
    "boolean": ("true", True),
    "smallint": ("7", 7),
    "bigint": ("-9000000000", -9000000000),
    "real": ("1.5", 1.5),
    "numeric(6,2)": ("12.34", "BNI="),
    "text": ("'é'", "é"),
    "uuid": ("'0b9d5ba9-3a5f-4f1b-9f2a-0d8a3c1f2e44'", "0b9d5ba9-3a5f-4f1b-9f2a-0d8a3c1f2e44"),
    "date": ("'2024-02-29'", 19782),
    "timestamptz": ("'2024-02-29 12:00+02'", "2024-02-29T10:00:00.000000Z"),
    "bytea": ("'\\x0102'", "AQI="),
    "jsonb": ("'{\"a\": [1]}'", '{"a": [1]}'),
    "int[]": ("'{1,null,3}'", [1, None, 3]),
    "inet": ("'10.0.0.1/8'", "10.0.0.1/8"),
    "mood": ("'glad'", "glad"),
}
NAMES = [f"c{i}" for i in range(len(TYPES))]
SCHEMA = f"""
    create type mood as enum ('sad', 'glad');
    create table kinds (id int primary key, {", ".join(f"{n} {t}" for n, t in zip(NAMES, TYPES))});
    create table derived (id int primary key, twice int generated always as (id * 2) stored);
    create table parts (id int, day date, primary key (id, day)) partition by range (day);
    create table parts_24 partition of parts for values from ('2024-01-01') to ('2025-01-01');
    alter table kinds replica identity full;
"""
ROW = f"insert into kinds select i, {', '.join(text for text, _ in TYPES.values())} from generate_series(%d, %d) i"
WANTED = {name: value for name, (_, value) in zip(NAMES, TYPES.values())}


@pytest.fixture(scope="session", params=sorted(stand.POSTGRES_MAJORS))
def postgres(request, tmp_path_factory):
    config = {"wal_sender_timeout": "20s", "idle_session_timeout": "1s"}
    with stand.Postgres(tmp_path_factory.mktemp("postgres"), major=request.param, config=config) as part:
        part.sql(f"create role cdc superuser login replication password '{PG_PASSWORD}'")
        part.major = request.param
        yield part


def test_a_major(make_worker, kafka, postgres, unique):
    major = postgres.major
    assert postgres.sql("show server_version_num")[0][0].startswith(str(major))
    database = Database(postgres, unique)
    database.sql(SCHEMA + ROW % (1, 2))
    more = {"slot_failover": "true"} if major >= 17 else {}
    more |= {"slot_stream_params": "origin=none"} if major >= 16 else {}
    config = database.config(
        table_include_list="public.*", skipped_operations="none", publish_via_partition_root="true",
        sluice_backlog_bytes="100000", **more)  # fmt: skip
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    worker.run("pg", config, tasks=1)
    topic = f"{database.prefix}.public.kinds"
    records = read(kafka, topic, 2)
    assert [record.value["op"] for record in records] == ["r", "r"]
    assert records[0].value["after"] == {"id": 1, **WANTED}

    with database.connect(autocommit=False) as connection:
        connection.execute(ROW % (3, 3))
        connection.execute("update kinds set c1 = 8 where id = 3")
        connection.execute("delete from kinds where id = 3")
        connection.execute("insert into parts values (1, '2024-05-01')")
        connection.commit()
    database.sql("truncate kinds")
    records = read(kafka, topic, 7)[2:]
    assert [record.value and record.value["op"] for record in records] == ["c", "u", "d", None, "t"]
    assert records[0].value["after"] == records[1].value["before"] == {"id": 3, **WANTED}
    assert records[2].value["before"] == {"id": 3, **WANTED, "c1": 8}
    assert read(kafka, f"{database.prefix}.public.parts", 1)[0].value["after"]["day"] == 19844

    # Stopped, far behind, and back: nothing is missing, nothing comes twice.
    assert worker.stop() == 0
    database.sql(ROW % (10, 3009))
    worker.start()
    database.sql(ROW % (4000, 4000))
    records = read(kafka, topic, 3008, timeout=60)[7:]
    assert [record.value["after"]["id"] for record in records] == [*range(10, 3010), 4000]
    assert records[2999].value["after"] == {"id": 3009, **WANTED}
    # The server's limit on idle sessions does not end ours.
    idle = "select 1 from pg_stat_activity where application_name = 'sluice:pg' and state = 'idle' and {} > '1.3s'"
    wait_until(lambda: database.sql(idle.format("now() - state_change")), 20, "an idle session that lives")
    newer(postgres, database, worker, kafka, config)


def newer(postgres, database, worker, kafka, config):
    """What only some majors have."""
    column = f"select {{}} from pg_replication_slots where slot_name = '{database.slot}'"
    if postgres.major >= 17:
        assert database.sql(column.format("failover")) == [(True,)]
    if postgres.major >= 18:
        # Stored generated columns can be published: they come with the rows.
        database.sql(f"alter publication {database.publication} set (publish_generated_columns = stored)")
    database.sql("insert into derived values (1)")
    derived = read(kafka, f"{database.prefix}.public.derived", 1)[0].value["after"]
    assert derived == ({"id": 1, "twice": 2} if postgres.major >= 18 else {"id": 1})
    # A slot that decodes prepared transactions would give them before their commit.
    worker.delete("pg")
    busy = f"select 1 from pg_replication_slots where slot_name = '{database.slot}' and active"
    wait_until(lambda: not postgres.sql(busy), 20, "the slot to be free")
    two = "two_phase_slot"
    database.sql(f"select pg_create_logical_replication_slot('{two}', 'pgoutput', false, true)")
    message = worker.create("pg2", config | {"slot.name": two}, status=400)["message"]
    assert "two_phase" in message
