"""What the Postgres source sends that is no row: transaction metadata, logical decoding messages, heartbeats; and source.xmin."""

import base64
import collections
import json

import pytest

from conftest import PG_PASSWORD, STRING, read, wait_until

TABLES = "create table a (id int primary key, v text); create table b (id int primary key, v text);"


def begin_of(record):
    return int(json.loads(record.key)["id"].split(":")[0])


def transactions(records):
    """{xid: [status of each record, in order]}, {xid: its END}"""
    seen, ends = collections.defaultdict(list), {}
    for record in records:
        assert json.loads(record.key) == {"id": record.value["id"]} and record.headers == []
        seen[begin_of(record)].append(record.value["status"])
        if record.value["status"] == "END":
            ends[begin_of(record)] = record.value
    return seen, ends


def test_metadata_and_messages(worker, kafka, database):
    """A transaction of everything: numbered in order, counted at its end; messages that belong to it, and one that does not."""
    database.sql(TABLES + "create table other (id int primary key);")
    worker.run("pg", database.config(
        table_include_list="public.[ab]", provide_transaction_metadata="true", topic_transaction="tx", skipped_operations="none",
        message_prefix_exclude_list="secret.*,x", xmin_fetch_interval_ms="50"))
    with database.connect(autocommit=False) as connection:
        for text in ("insert into a values (1, 'x')", "insert into b values (1, 'x')", "insert into other values (1)",
                     "select pg_logical_emit_message(true, 'pfx', 'hello')", "select pg_logical_emit_message(true, 'SECRETS', '')",
                     "select pg_logical_emit_message(false, 'now', '\\x00ff'::bytea)", "update a set v = 'y'",
                     "delete from b", "update a set id = 2", "truncate a, b", "insert into b values (2)"):
            connection.execute(text)
        connection.commit()
    prefix = database.prefix
    begin, end = read(kafka, f"{prefix}.tx", 2)
    rows = read(kafka, f"{prefix}.public.a", 6) + read(kafka, f"{prefix}.public.b", 5)
    loose, message = read(kafka, f"{prefix}.message", 2)
    xid = rows[0].value["source"]["txId"]
    assert list(begin.value) == ["status", "id", "event_count", "data_collections", "ts_ms"]
    assert begin.value["status"] == "BEGIN" and begin.value["event_count"] is None and begin.value["data_collections"] is None
    assert begin.value["id"] == f"{xid}:{rows[0].value['source']['lsn']}" == json.loads(begin.key)["id"]
    assert begin.value["ts_ms"] == end.value["ts_ms"] == rows[0].value["source"]["ts_ms"]
    counted = {part["data_collection"]: part["event_count"] for part in end.value["data_collections"]}
    assert end.value["status"] == "END" and end.value["event_count"] == 10
    assert counted == {"public.a": 5, "public.b": 4, "LOGICAL_DECODING_MESSAGE": 1}

    blocks = [record.value for record in [*rows, message] if record.value]
    blocks.sort(key=lambda value: value["transaction"]["total_order"])
    assert [value["transaction"]["total_order"] for value in blocks] == list(range(1, 11))
    assert [value["op"] for value in blocks] == ["c", "c", "m", "u", "d", "d", "c", "t", "t", "c"]
    orders = collections.defaultdict(list)
    for value in blocks:
        assert value["transaction"]["id"] == f"{xid}:{value['source']['lsn']}"
        orders[value["source"]["table"]].append(value["transaction"]["data_collection_order"])
        assert value["source"]["xmin"] is not None
    assert orders == {"a": [1, 2, 3, 4, 5], "b": [1, 2, 3, 4], "": [1]}

    assert list(message.value) == ["op", "ts_ms", "source", "transaction", "message"]
    assert json.loads(message.key) == {"prefix": "pfx"} and message.headers == []
    assert message.value["message"] == {"prefix": "pfx", "content": base64.b64encode(b"hello").decode()}
    assert message.value["source"]["txId"] == xid and message.value["source"]["schema"] == ""
    # It was sent when it was written, before the transaction around it; it is a commit point of its own.
    assert loose.value["message"] == {"prefix": "now", "content": "AP8="} and loose.value["transaction"] is None
    lsn = str(loose.value["source"]["lsn"])
    assert loose.value["source"]["txId"] is None and json.loads(loose.value["source"]["sequence"]) == [lsn, lsn]
    assert json.loads(rows[0].value["source"]["sequence"])[0] == lsn

    # Without records of ours: the position follows all the same, and so does the slot.
    at = database.wal_position()
    database.sql("select pg_logical_emit_message(false, 'x', 'left out')")
    database.sql("select pg_logical_emit_message(false, 'last', 'one')")
    (record,) = read(kafka, f"{prefix}.message", 3)[2:]
    assert record.value["message"]["prefix"] == "last"
    offsets = worker.properties["offset.storage.topic"]
    wait_until(lambda: json.loads(kafka.consume_all(offsets)[-1].value)["lsn"] > at, what="the offset behind it")
    stored = json.loads(kafka.consume_all(offsets)[-1].value)
    assert stored["messageType"] == "MESSAGE" and stored["lsn"] == stored["lsn_commit"] == record.value["source"]["lsn"]
    assert "txId" not in stored
    wait_until(lambda: database.confirmed() >= stored["lsn"], what="the slot behind it")


def check_numbers(kafka, database, count, timeout=60):
    """Every row once; BEGIN and END once around each transaction's rows, which are numbered without a gap."""
    prefix = database.prefix
    rows = read(kafka, f"{prefix}.public.a", count, timeout)
    assert sorted(record.value["after"]["id"] for record in rows) == list(range(1, count + 1))
    blocks = collections.defaultdict(list)
    for record in rows + read(kafka, f"{prefix}.message", 1):
        if record.value["transaction"]:
            assert record.value["transaction"]["id"] == f"{record.value['source']['txId']}:{record.value['source']['lsn']}"
            blocks[record.value["source"]["txId"]].append(record.value["transaction"])
    wait_until(lambda: transactions(read(kafka, f"{prefix}.transaction", 2))[1].keys() >= blocks.keys(), what="all ENDs")
    seen, ends = transactions(read(kafka, f"{prefix}.transaction", 2))
    assert set(map(tuple, seen.values())) == {("BEGIN", "END")}
    for xid, numbers in blocks.items():
        assert sorted(block["total_order"] for block in numbers) == list(range(1, len(numbers) + 1))
        assert ends[xid]["event_count"] == len(numbers)
    return rows


def write(database, first, rows):
    """One transaction: half of its rows at LSNs they share, a message in the middle; and a message outside of it."""
    with database.connect(autocommit=False) as connection:
        half = first + rows // 2
        connection.execute(f"insert into a select i, repeat('x', 50) from generate_series({first}, {half - 1}) i")
        connection.execute("select pg_logical_emit_message(true, 'in', 'the middle')")
        connection.execute("select pg_logical_emit_message(false, 'out', 'of it')")
        with connection.cursor().copy("copy a from stdin") as copy:
            for i in range(half, first + rows):
                copy.write_row((i, "copied"))
        connection.commit()


SMALL = {"sluice.transaction.interval.ms": "1", "sluice.transaction.bytes": "65536"}


def test_metadata_survives_kills(make_worker, kafka, database):
    """Kafka transactions are cut everywhere inside of the database's; the worker is killed again and again. The second half is
    read through SQL."""
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql(TABLES)
    config = database.config(table_include_list="public.a", provide_transaction_metadata="true", **SMALL)
    worker.run("pg", config)
    written, topic = 1, f"{database.prefix}.public.a"
    for turn in range(4):
        if turn == 2:
            worker.kill()
        for rows in (3, 1500, 40):
            write(database, written, rows)
            written += rows
        if turn == 2:
            worker.start()
        wait_until(lambda: len(kafka.consume_all(topic)) > written - 1400, 60, "the beginning of the rows")
        worker.kill()
        worker.start()
        if turn == 1:
            check_numbers(kafka, database, written - 1)
            worker.rest("PUT", "/connectors/pg/config", json={**config, "sluice.backlog.bytes": "0"}).raise_for_status()
    check_numbers(kafka, database, written - 1)
    messages = [record.value["message"]["prefix"] for record in read(kafka, f"{database.prefix}.message", 24)]
    assert collections.Counter(messages) == {"in": 12, "out": 12}


OUTBOX = {
    "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.outbox.table.expand.json.payload": "true",
    "transforms.outbox.table.fields.additional.placement": "type:header:eventType",
}


def test_outbox_table_and_outbox_messages(worker, kafka, database, unique):
    """EventRouter on a table, and on messages through DecodeLogicalDecodingMessageContent: the same events on the same topics."""
    columns = "id, aggregatetype, aggregateid, type, payload"
    database.sql("""create table outbox (id uuid primary key, aggregatetype text not null, aggregateid text not null,
                      type text not null, payload jsonb)""")
    uuid = "11111111-2222-3333-4444-55555555555"
    keys = {"key.converter": STRING, "transforms.outbox.route.topic.replacement": f"{unique}-${{routedByValue}}"}
    worker.run("table", database.config(table_include_list="public.outbox", transforms="outbox", **OUTBOX, **keys))
    config = database.config(table_include_list="public.none", transforms="decode,outbox", topic_prefix=f"{unique}m",
                             message_prefix_include_list="outbox", **OUTBOX, **keys)
    config |= {
        "slot.name": f"{database.slot}2",
        "transforms.decode.type": "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent",
        "transforms.outbox.route.topic.replacement": f"{unique}m-${{routedByValue}}",
    }
    worker.run("messages", config)
    for i, (kind, order) in enumerate([("order", "7"), ("customer", "8"), ("order", "9")]):
        event = {"id": f"{uuid}{i}", "aggregatetype": kind, "aggregateid": order, "type": f"{kind}Created", "payload": {"n": i}}
        text = json.dumps(event)
        database.sql(f"""begin; insert into outbox select {columns} from jsonb_populate_record(null::outbox, '{text}'); delete from outbox;
                         select pg_logical_emit_message(true, 'outbox', '{text}');
                         select pg_logical_emit_message(true, 'other', 'nobody''s'); commit""")
    for prefix in (unique, f"{unique}m"):
        orders, customers = read(kafka, f"{prefix}-order", 2), read(kafka, f"{prefix}-customer", 1)
        assert [(record.key, record.value) for record in orders] == [(b"7", {"n": 0}), (b"9", {"n": 2})]
        assert [(record.key, record.value) for record in customers] == [(b"8", {"n": 1})]
        assert dict(orders[0].headers)["id"] == f"{uuid}0".encode()
        assert dict(orders[1].headers)["eventType"] == b"orderCreated"


def test_heartbeat_query(worker, kafka, database):
    """The query runs with every heartbeat, so that its own rows come back; a failing one is only that, unless its table is gone."""
    database.sql(TABLES + "create table beats (id int primary key, n int); insert into beats values (1, 0)")
    worker.run("pg", database.config(
        table_include_list="public.(a|beats)", heartbeat_interval_ms="100", topic_heartbeat_prefix="hb", snapshot_mode="no_data",
        heartbeat_action_query="update beats set n = n + 1 where id = 1"))
    beats = read(kafka, f"hb.{database.prefix}", 3)
    assert json.loads(beats[0].key) == {"serverName": database.prefix} and list(beats[0].value) == ["ts_ms"]
    assert beats[0].partition == 0 and beats[0].headers == []
    rows = read(kafka, f"{database.prefix}.public.beats", 3)
    assert [record.value["after"]["n"] for record in rows[:3]] == [1, 2, 3]
    database.sql("alter table beats add check (n < 0) not valid")
    database.sql("insert into a values (1, 'still here')")
    read(kafka, f"{database.prefix}.public.a", 1)
    database.sql("drop table beats")
    assert "heartbeat.action.query failed" in worker.wait_failed("pg")


@pytest.mark.parametrize("mode, said", [("warn", True), ("skip", False)])
def test_changes_left_out(worker, kafka, database, mode, said):
    """event.processing.failure.handling.mode: a value that does not fit costs its change, not the task."""
    database.sql("create table n (id int primary key, v numeric(5,2))")
    worker.run("pg", database.config(table_include_list="public.n", event_converting_failure_handling_mode="fail",
                                     event_processing_failure_handling_mode=mode, provide_transaction_metadata="true"))
    database.sql("insert into n values (1, 1), (2, 'NaN'), (3, 3)")
    assert [record.value["after"]["id"] for record in read(kafka, f"{database.prefix}.public.n", 2)] == [1, 3]
    assert ("a change was left out" in worker.log_text()) == said
