# SPDX-License-Identifier: Apache-2.0
"""Columns of the Postgres source end to end: masks, hashes, truncation, keys, propagated types, time modes, names of topics.
What the values must be was measured on Debezium 3.6.1 (tests/conformance/debezium)."""

import hashlib
import json
import re

import pytest
from conftest import read, wait_until

SALT = "s4lt-of-the-earth"
PEOPLE = """
    create table people (id int primary key, mail varchar(20) not null, phone text, note text, raw bytea, age int, nick text);
    alter table people replica identity full;
    comment on column people.note is 'free text';
    insert into people values (1, 'ann@example.org', '+49 1', 'short', '\\x0102030405', 30, null),
        (2, 'bob', null, E'four😀 and more', null, null, 'b😀b');
"""


def hashed(text):
    return hashlib.sha256((SALT + text).encode()).hexdigest()


def payload(record):
    """A record of JsonConverter with schemas: (key, value, fields of after, fields of the key)."""
    key, value = json.loads(record.key), record.value
    row = next(field for field in value["schema"]["fields"] if field["field"] == "after")
    named = [{field["field"]: field for field in part} for part in (row["fields"], key["schema"]["fields"])]
    return key["payload"], value["payload"], *named


def test_masks_keys_and_propagation(worker, kafka, database):
    database.sql(PEOPLE)
    config = database.config(
        table_include_list="public.people",
        message_key_columns="public.p.*:mail,id",
        include_schema_comments="true",
        column_propagate_source_type="public.people.(id|mail|note|raw)",
        datatype_propagate_source_type="public.people.int4",
    )
    config |= {
        f"column.mask.hash.v2.SHA-256.with.salt.{SALT}": "public.people.mail",
        "column.mask.with.3.chars": ".*[.]phone,.*[.]age",
        "column.truncate.to.5.chars": "public.people.note,public.people.raw,public.people.nick",
        "key.converter.schemas.enable": "true",
        "value.converter.schemas.enable": "true",
    }
    worker.run("pg", config)
    topic = f"{database.prefix}.public.people"
    records = [payload(record) for record in read(kafka, topic, 2)]
    by_id = {key["id"]: (key, value["after"], fields, keys) for key, value, fields, keys in records}
    key, row, fields, keys = by_id[1]
    assert list(key.items()) == [("mail", "ann@example.org"), ("id", 1)]  # keys are not masked
    assert row["mail"] == hashed("ann@example.org")[:20]  # as long as varchar(20) allows
    assert row["phone"] == "***" and by_id[2][1]["phone"] == "***"  # null, too
    assert row["age"] == 30 and fields["age"]["parameters"]["masked"] == "true"
    assert row["note"] == "short" and by_id[2][1]["note"] == "four" and by_id[2][1]["nick"] == "b😀b"
    assert row["raw"] == "AQIDBAU=" and row["nick"] is None
    assert fields["mail"]["parameters"] == {"masked": "true"} and "parameters" not in keys["mail"]
    assert fields["note"]["parameters"] == {"truncateLength": "5"} and fields["note"]["doc"] == "free text"
    assert fields["id"]["parameters"] == {
        "__debezium.source.column.type": "INT4",
        "__debezium.source.column.length": "10",
        "__debezium.source.column.scale": "0",
        "__debezium.source.column.name": "id",
    }
    assert "parameters" not in keys["id"] and not fields["mail"]["optional"]

    # The stream says the same, before and after; a changed key is a delete and a create.
    database.sql("update people set note = 'other text', mail = 'eve' where id = 1; delete from people where id = 2")
    wanted = read(kafka, topic, 7)[2:]
    old, tombstone, new, delete, _ = wanted
    assert tombstone.value is None and json.loads(tombstone.key) == json.loads(old.key)
    key, value, fields, _ = payload(old)
    assert value["op"] == "d" and key == {"mail": "ann@example.org", "id": 1}
    assert value["before"]["mail"] == hashed("ann@example.org")[:20] and value["before"]["phone"] == "***"
    key, value, fields, _ = payload(new)
    assert value["op"] == "c" and key == {"mail": "eve", "id": 1} and value["after"]["note"] == "other"
    assert value["after"]["mail"] == hashed("eve")[:20]
    key, value, *_ = payload(delete)
    assert key == {"mail": "bob", "id": 2} and value["before"]["mail"] == hashed("bob")[:20]
    assert value["before"]["note"] == "four"

    # Nothing that was hidden is anywhere but in keys, and the salt nowhere but in the configuration.
    secrets = (b"+49 1", b"four\xf0\x9f\x98\x80 and")
    assert not any(secret in record.value for record in kafka.consume_all(topic) if record.value for secret in secrets)
    assert SALT not in worker.log_text()
    assert worker.rest("GET", "/connectors/pg/config").json() == config | {"name": "pg"}


def test_wrong_columns_are_refused_without_their_salt(worker, database):
    config = database.config(message_key_columns="people", topic_regex="(", topic_replacement="x")
    config |= {
        f"column.mask.hash.ROT13.with.salt.{SALT}": "public.people.mail",
        f"column.mask.hash.SHA-256.with.salt.{SALT}": "public.(people",
        "column.mask.with.few.chars": "public.people.mail",
        "column.truncate.to.5.chars": "public.people.note",
        "topic.naming.strategy": "io.debezium.schema.SchemaRegexTopicNamingStrategy",
        "topic.key.field.regex": "x",
    }
    answer = worker.rest("POST", "/connectors", json={"name": "pg", "config": config})
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert "contains the following 6 error(s)" in message and SALT not in message
    assert "ROT13 is not a hash algorithm" in message and "public.(people" in message
    assert "people has an invalid format" in message and "column.mask.with.few.chars" in message
    assert "topic.regex: '(' is not a valid regular expression" in message
    assert "topic.key.field.replacement must be non-empty if topic.key.field.regex is set" in message
    assert SALT not in worker.log_text()


def test_the_table_s_columns_travel_to_extract_schema(worker, kafka, database):
    database.sql(PEOPLE)
    config = database.config(table_include_list="public.people", column_propagate_source_type=".*")
    config |= {
        "include.schema.comments": "true",
        "transforms": "schema",
        "transforms.schema.type": "io.debezium.transforms.ExtractSchemaToNewRecord",
    }
    worker.run("pg", config)
    value = read(kafka, f"{database.prefix}.public.people", 2)[0].value
    assert value["after"]["mail"] == "ann@example.org" and value["sourceSchema"]["id"] == "people"
    columns = {column["name"]: column for column in value["sourceSchema"]["table"]["columns"]}
    assert list(columns) == ["id", "mail", "phone", "note", "raw", "age", "nick"]
    assert columns["mail"] == {"name": "mail", "typeName": "VARCHAR", "length": 20, "scale": 0, "comment": None}
    assert columns["note"]["comment"] == "free text" and columns["raw"]["typeName"] == "BYTEA"


TIMES = """
    create table times (id int primary key, d date not null default '2024-02-29', t time not null default '12:34:56.789012',
        ts timestamp default '2024-02-29 12:34:56.7', ts3 timestamp(3), da date[], ta time[], tsa timestamp[],
        n timestamp not null default now());
    insert into times values (1, '2024-02-29', '24:00', '1969-12-31 23:59:59.999999', '2024-01-02 03:04:05.678', '{2024-02-29,NULL}',
            '{00:00:00.5}', '{2024-02-29 12:34:56.7,infinity}', '2024-01-01'),
        (2, 'infinity', '0:0', 'infinity', '-infinity', null, null, null, '0044-03-15 12:00:00 BC'),
        (3, '0044-03-15 BC', '23:59:59.999999', '2262-04-11 23:47:16.854775', null, '{}', null, null, '12345-01-01');
"""
MODES = {
    "isostring": (
        ["IsoDate", "IsoTime", "IsoTimestamp", "IsoTimestamp"],
        {
            1: ["2024-02-29Z", "00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-01-02T03:04:05.678Z", ["2024-02-29Z", None],
                ["00:00:00.5Z"], ["2024-02-29T12:34:56.7Z", "+294247-01-10T04:00:25.2Z"], "2024-01-01T00:00:00Z"],
            2: ["-5877611-06-21Z", "00:00:00Z", "+294247-01-10T04:00:25.2Z", "-290308-12-21T19:59:27.6Z", None, None, None,
                "-0043-03-15T12:00:00Z"],
            3: ["-0043-03-15Z", "23:59:59.999999Z", "2262-04-11T23:47:16.854775Z", None, [], None, None,
                "+12345-01-01T00:00:00Z"],
        },
        ["2024-02-29Z", "12:34:56.789012Z", "2024-02-29T12:34:56.7Z", "1970-01-01T00:00:00Z"],
    ),
    "microseconds": (
        ["Date", "MicroTime", "MicroTimestamp", "MicroTimestamp"],
        {
            1: [19782, 86400000000, -1, 1704164645678000, [19782, None], [500000],
                [1709210096700000, 9223372036825200000], 1704067200000000],
            2: [-2147472692, 0, 9223372036825200000, -9223372036832400000, None, None, None, -63517780800000000],
            3: [-735160, 86399999999, 9223372036854775, None, [], None, None, 327403382400000000],
        },
        [19782, 45296789012, 1709210096700000, 0],
    ),
    "nanoseconds": (
        ["Date", "NanoTime", "NanoTimestamp", "NanoTimestamp"],
        {
            1: [19782, 86400000000000, -1000, 1704164645678000000, [19782, None], [500000000],
                [1709210096700000000, 9223372036854775807], 1704067200000000000],
            # Year 12345 does not fit into int64: null, for which the converter writes the default.
            3: [-735160, 86399999999000, 9223372036854775000, None, [], None, None, 0],
        },
        [19782, 45296789012000, 1709210096700000000, 0],
    ),
}


COLUMNS = ["d", "t", "ts", "ts3", "da", "ta", "tsa", "n"]


@pytest.mark.parametrize("mode", MODES)
def test_time_modes(worker, kafka, database, mode):
    names, rows, defaults = MODES[mode]
    database.sql(TIMES)
    config = database.config(table_include_list="public.times", time_precision_mode=mode)
    worker.run("pg", config | {"value.converter.schemas.enable": "true"})
    topic = f"{database.prefix}.public.times"
    read(kafka, topic, 3)
    database.sql("update times set id = id + 10; delete from times where id = 11")
    records = read(kafka, topic, 3 + 9 + 2)
    fields = {field["field"]: field for field in records[0].value["schema"]["fields"][1]["fields"]}
    assert [fields[name]["name"].removeprefix("io.debezium.time.") for name in COLUMNS[:4]] == names
    assert [fields[name]["items"]["name"].removeprefix("io.debezium.time.") for name in COLUMNS[4:7]] == names[:3]
    assert [fields[name]["default"] for name in ("d", "t", "ts", "n")] == defaults
    for record in records:
        after = record.value and record.value["payload"]["after"]
        if after and after["id"] % 10 in rows:
            assert [after[name] for name in COLUMNS] == rows[after["id"] % 10], after["id"]
    before = records[-2].value["payload"]["before"]  # the defaults stand in for what the server did not send
    assert [before[name] for name in ("d", "t", "ts", "n")] == defaults


def test_names_of_topics(worker, kafka, database):
    database.sql(
        """create table orders_1 (id int primary key); create table orders_2 (id int primary key); create table loose (v int);
           create schema "other shop"; create table "other shop".orders_1 (id int primary key);
           insert into orders_1 values (1); insert into orders_2 values (1); insert into loose values (1);
           insert into "other shop".orders_1 values (1)"""
    )
    config = database.config(
        topic_regex=r"(.*)\.public\.(\w+)_(?<shard>\d+)",
        topic_replacement="$1.all.$2",
        topic_key_field_name="table",
        topic_key_field_regex=r"(.*)\.([^.]*)",
        topic_key_field_replacement="$2",
    )
    config["topic.naming.strategy"] = "io.debezium.schema.SchemaRegexTopicNamingStrategy"
    worker.run("regex", config)
    records = read(kafka, f"{database.prefix}.all.orders", 2)
    assert sorted(record.key for record in records) == sorted(
        [b"Struct{id=1,table=orders_1}", b"Struct{id=1,table=orders_2}"]
    ) or sorted(json.loads(record.key)["table"] for record in records) == ["orders_1", "orders_2"]
    assert json.loads(read(kafka, f"{database.prefix}.public.loose", 1)[0].key) == {"table": "loose"}
    assert json.loads(read(kafka, f"{database.prefix}.other_shop.orders_1", 1)[0].key) == {"id": 1, "table": "orders_1"}
    worker.delete("regex")

    # Without the schema two tables share a topic; the check of a configuration warns of it.
    config = database.config(topic_prefix="plain", slot_name=f"{database.slot}2", publication_name=database.publication)
    config["topic.naming.strategy"] = "io.debezium.schema.DefaultTopicNamingStrategy"
    worker.run("plain", config)
    assert len(read(kafka, "plain.orders_1", 2)) == 2
    wait_until(lambda: re.search(r"have the same topic.*plain\.orders_1", worker.log_text()), what="the warning")


def test_guardrail(worker, database):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    config = database.config(guardrail_collections_max="1", guardrail_collections_limit_action="fail")
    answer = worker.rest("POST", "/connectors", json={"name": "pg", "config": config})
    assert answer.status_code == 400 and "2 tables/collections configured for capture" in answer.json()["message"]
    config["guardrail.collections.limit.action"] = "warn"
    worker.run("pg", config)
    wait_until(lambda: "maximum allowed is 1" in worker.log_text(), what="the warning")
