# SPDX-License-Identifier: Apache-2.0
"""Postgres to Kafka to a file with ProtobufConverter and JsonSchemaConverter on both sides, and a Schema Registry between them; what is in
the topic is read by others' means."""

import json
import struct

import pytest

from conftest import wait_until

FILE = "org.apache.kafka.connect.file.FileStreamSinkConnector"
TABLE = """
    create table items (id int primary key, name text, price numeric(10,2), day date, tags text[], ok boolean not null);
    insert into items values (1, 'one', 12.50, '2024-02-29', '{a,b}', true), (2, null, -0.01, null, null, false);
"""
STRICT = ["latest.compatibility.strict", "id.compatibility.strict"]
CONVERTERS = {
    "avro": "io.confluent.connect.avro.AvroConverter",
    "protobuf": "io.confluent.connect.protobuf.ProtobufConverter",
    "json": "io.confluent.connect.json.JsonSchemaConverter",
}


def converters(kind, registry, **more):
    config = {}
    for side in ("key.converter", "value.converter"):
        config[side] = CONVERTERS[kind]
        config[f"{side}.schema.registry.url"] = registry.url
        config |= {f"{side}.{key.replace('_', '.')}": value for key, value in more.items()}
    return config


def source(kind, registry, database):
    config = database.config(table_include_list="public.items", decimal_handling_mode="precise", time_precision_mode="connect")
    for key in [k for k in config if k.startswith(("key.converter", "value.converter"))]:
        del config[key]
    return config | converters(kind, registry)


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("kind", ["protobuf", "json"])
def test_there_and_back(worker, kafka, registry, database, tmp_path, kind):
    database.sql(TABLE)
    topic, out = f"{database.prefix}.public.items", tmp_path / "out.txt"
    worker.run("pg", source(kind, registry, database), tasks=1)
    worker.run("file", {"connector.class": FILE, "tasks.max": "1", "topics": topic, "file": str(out)} | converters(kind, registry), tasks=1)
    database.sql("update items set name = 'eins' where id = 1; delete from items where id = 2")
    wait_until(lambda: len(lines(out)) == 5, what="five lines in the file")  # two read, one updated, a delete and its tombstone
    got = lines(out)
    empty = "" if kind == "protobuf" else "null"
    for n, words in enumerate((["op=r", "id=1", "name=one", "tags=[a, b]", "ok=true"], ["op=r", "id=2", "ok=false"],
                               ["op=u", "id=1", "name=eins"], ["op=d", "before=Struct{id=2"])):  # fmt: skip
        for word in words:
            assert word in got[n], got[n]
    assert ("name=" + empty) in got[1] or kind == "json"
    assert got[4] == "null"

    value = registry.latest(f"{topic}-value")
    assert value["schemaType"] == kind.upper() and registry.latest(f"{topic}-key")["schemaType"] == kind.upper()
    records = kafka.consume_all(topic)
    magic, schema_id = struct.unpack(">bI", records[0].value[:5])
    assert (magic, schema_id) == (0, value["id"])
    if kind == "protobuf":
        assert f"package {topic};" in value["schema"] and "message Envelope {" in value["schema"]
        assert "confluent.type.Decimal price = 3" in value["schema"] and "google.type.Date day = 4;" in value["schema"]
        assert records[0].value[5] == 0  # the first message of the text
    else:
        body = json.loads(records[0].value[5:])
        assert body["op"] == "r" and body["after"]["name"] == "one" and body["after"]["tags"] == ["a", "b"]
        assert json.loads(value["schema"])["title"] == f"{topic}.Envelope"


def test_foreign_bytes_are_named(worker, kafka, registry, unique, tmp_path):
    """A record of another format fails its sink task with a sentence that says so."""
    schema_id = registry.register(f"{unique}-value", '{"type":"string"}', "JSON")
    kafka.produce(unique, [(None, b"\0" + struct.pack(">I", schema_id) + b'"x"')])
    config = {"connector.class": FILE, "tasks.max": "1", "topics": unique, "file": str(tmp_path / "out.txt")}
    worker.create("file", config | converters("protobuf", registry) | {"key.converter": "org.apache.kafka.connect.storage.StringConverter"})
    trace = worker.wait_failed("file")
    assert "is not a Protobuf schema" in trace and f"topic {unique} to Protobuf" in trace


@pytest.mark.parametrize(
    ("kind", "other", "same", "words", "head"),
    [
        (
            "protobuf",
            'syntax = "proto3"; message Row { string value = 1; }',
            None,
            "no message google.protobuf.StringValue",
            b"\0\x0a\x05first",
        ),
        ("json", '{"type":"integer"}', '{"type":"string","title":"a line"}', "does not fit the schema", b'"first"'),
    ],
    ids=["protobuf", "json"],
)
def test_newest_version(worker, kafka, registry, unique, tmp_path, kind, other, same, words, head):
    """use.latest.version: what does not fit is refused unless told otherwise, and the id is the registered one."""
    given = tmp_path / "given.txt"
    given.write_text("first\n")
    schema_id = registry.register(f"{unique}-value", other, kind.upper())
    latest = {"auto_register_schemas": "false", "use_latest_version": "true"}
    config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "file": str(given), "topic": unique}
    worker.create("strict", config | converters(kind, registry, **latest))
    assert words in worker.wait_failed("strict")
    worker.delete("strict")
    if same:
        unique += "-2"
        config["topic"] = unique
        schema_id = registry.register(f"{unique}-value", same, kind.upper())
    else:
        latest["latest_compatibility_strict"] = "false"
    worker.run("lenient", config | converters(kind, registry, **latest), tasks=1)
    wait_until(lambda: kafka.consume_all(unique), what="the line in the topic")
    assert kafka.consume_all(unique)[0].value == b"\0" + struct.pack(">I", schema_id) + head


def selected(key, schema_id, strict):
    """Write with a schema that is not the record's own. A given id goes before the newest version, and the other key has no say."""
    chosen = {"auto_register_schemas": "false", "use_latest_version": "true", key: strict,
              STRICT[key == STRICT[0]]: "false" if strict == "true" else "true"}  # fmt: skip
    return chosen | ({"use_schema_id": str(schema_id)} if key == STRICT[1] else {})


def lines_source(tmp_path, topic):
    given = tmp_path / "given.txt"
    given.write_text("first\n")
    return {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "file": str(given), "topic": topic}


@pytest.mark.parametrize("key", STRICT)
@pytest.mark.parametrize(
    ("kind", "other", "head"),
    [("protobuf", 'syntax = "proto3"; message Row { string value = 1; }', b"\0\x0a\x05first"), ("json", '{"type":"integer"}', b'"first"')],
    ids=["protobuf", "json"],
)
def test_compatibility_strict(worker, kafka, registry, unique, tmp_path, kind, other, head, key):
    """What does not fit the chosen schema is refused with the name of the key that allows it; with false it is written under that schema's
    id, as Confluent's serializers do."""
    schema_id = registry.register(f"{unique}-value", other, kind.upper())
    config = lines_source(tmp_path, unique)
    worker.create("strict", config | converters(kind, registry, **selected(key, schema_id, "true")))
    assert f"Set {key} to false" in worker.wait_failed("strict")
    assert not kafka.consume_all(unique)
    worker.delete("strict")
    worker.run("lenient", config | converters(kind, registry, **selected(key, schema_id, "false")), tasks=1)
    wait_until(lambda: kafka.consume_all(unique), what="the line in the topic")
    assert kafka.consume_all(unique)[0].value == b"\0" + struct.pack(">I", schema_id) + head


@pytest.mark.parametrize("key", STRICT)
def test_compatibility_strict_of_avro(worker, kafka, registry, unique, tmp_path, key):
    """A schema that can read the record's is written with. One that can't is refused with false, too: there are no bytes for it, in Java
    neither (ClassCastException)."""
    misfit = registry.register(f"{unique}-value", '"int"')
    config = lines_source(tmp_path, unique)
    for strict in ("true", "false"):
        worker.create(strict, config | converters("avro", registry, **selected(key, misfit, strict)))
        assert f"does not fit schema {misfit}" in worker.wait_failed(strict)
        worker.delete(strict)
    assert not kafka.consume_all(unique)
    topic = f"{unique}-2"
    fits = registry.register(f"{topic}-value", '["null","string"]')
    worker.run("fits", config | {"topic": topic} | converters("avro", registry, **selected(key, fits, "true")), tasks=1)
    wait_until(lambda: kafka.consume_all(topic), what="the line in the topic")
    assert kafka.consume_all(topic)[0].value == b"\0" + struct.pack(">I", fits) + b"\x02\x0afirst"
