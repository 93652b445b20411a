# SPDX-License-Identifier: Apache-2.0
"""AvroConverter with real servers: a table's changes as Avro into Kafka and from there into Parquet, schemas that change, subjects named
after records, readers with the newest schema, and registries that say no. What each type becomes is compared with Java by
tests/conformance/converters/run."""

import io
import json
import re

import fastavro
import pyarrow.parquet

from conftest import s3_config, wait_until

AVRO = "io.confluent.connect.avro.AvroConverter"
PARQUET = "io.confluent.connect.s3.format.parquet.ParquetFormat"


def both(registry, **more):
    sides = {}
    for side in ("key", "value"):
        sides |= {f"{side}.converter": AVRO, f"{side}.converter.schema.registry.url": registry.url}
        sides |= {f"{side}.converter.{k.replace('_', '.')}": v for k, v in more.items()}
    return sides


def source_config(database, registry, **more):
    """The contract's source: everything but the addresses as users write it."""
    config = database.config(table_include_list="public.transactions", snapshot_mode="initial")
    config = {k: v for k, v in config.items() if not k.startswith(("key.converter", "value.converter", "topic.prefix"))}
    route = {"transforms": "route", "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
             "transforms.route.regex": "([^.]+)\\.([^.]+)\\.([^.]+)", "transforms.route.replacement": f"{database.prefix}-$3"}  # fmt: skip
    return config | {"database.server.name": database.prefix} | route | both(registry) | more


def decoded(registry, data):
    """(schema's id, value) of a message, read by fastavro with the registry's schema."""
    assert data[0] == 0
    number, source = int.from_bytes(data[1:5], "big"), io.BytesIO(data[5:])
    value = fastavro.schemaless_reader(source, json.loads(registry.schema(number)["schema"]))
    assert not source.read()
    return number, value


def raw(kafka, topic, count):
    def enough():
        records = kafka.consume_all(topic)
        return records if len(records) >= count else None

    return wait_until(enough, 30, f"{count} records in {topic}")


def parquet_rows(store, topic, count):
    def enough():
        found = [store.get("lake", o.key) for o in store.list("lake", f"topics/{topic}/")]
        rows = [row for data in found for row in pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()]
        return rows if len(rows) >= count else None

    return wait_until(enough, 40, f"{count} rows of {topic} in the store")


def test_postgres_to_kafka_to_parquet(worker, kafka, database, registry, store):
    database.sql("""create table transactions (id int primary key, name text not null, amount numeric(10,2), at timestamptz, tags text[]);
                    insert into transactions select i, 'name ' || i, i * 1.25, '2024-02-03T04:05:06Z', '{a,b}' from generate_series(1, 3) i""")
    worker.run("pg", source_config(database, registry))
    topic = f"{database.prefix}-transactions"
    database.sql("update transactions set amount = null where id = 2; delete from transactions where id = 3")
    records = raw(kafka, topic, 6)
    keys = [decoded(registry, r.key)[1] for r in records]
    assert [k["id"] for k in keys] == [1, 2, 3, 2, 3, 3]
    values = [r.value and decoded(registry, r.value) for r in records]
    assert values[5] is None and len({v[0] for v in values[:5]}) == 1
    assert [v[1]["op"] for v in values[:5]] == ["r", "r", "r", "u", "d"]
    after = values[0][1]["after"]
    assert after["name"] == "name 1" and str(after["amount"]) == "1.25" and after["tags"] == ["a", "b"]
    assert values[3][1]["after"]["amount"] is None
    assert set(registry.subjects()) >= {f"{topic}-key", f"{topic}-value"}
    schema = json.loads(registry.latest(f"{topic}-value")["schema"])
    assert (schema["name"], schema["connect.name"]) == ("Envelope", f"{database.prefix}.public.transactions.Envelope")

    # A new column is a new version of the subject's schema.
    database.sql("alter table transactions add column note text; insert into transactions values (4, 'four', 4, null, null, 'new')")
    records = raw(kafka, topic, 7)
    number, value = decoded(registry, records[6].value)
    assert value["after"]["note"] == "new" and number != values[0][0]
    assert registry.latest(f"{topic}-value")["version"] == 2

    config = s3_config(store, topic, flush_size=1000, sluice_rotate_idle_ms=500)
    config |= {"format.class": PARQUET, "behavior.on.null.values": "ignore"} | both(registry)
    config = {k: v for k, v in config.items() if "schemas.enable" not in k}
    worker.run("s3", config)
    rows = parquet_rows(store, topic, 6)
    rows.sort(key=lambda r: r["source"]["lsn"])
    found = sorted((r["op"], (r["after"] or r["before"])["id"], r["after"] and r["after"].get("note")) for r in rows)
    assert found == [("c", 4, "new"), ("d", 3, None), ("r", 1, None), ("r", 2, None), ("r", 3, None), ("u", 2, None)]
    assert sum(r["op"] == "u" and r["after"]["amount"] is None for r in rows) == 1


def write(registry, schema, value, subject):
    number = registry.register(subject, schema)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return b"\0" + number.to_bytes(4, "big") + out.getvalue()


def sink_config(store, registry, topic, **more):
    config = s3_config(store, topic, flush_size=1000, sluice_rotate_idle_ms=500)
    config = {k: v for k, v in config.items() if not k.startswith(("key.converter", "value.converter"))}
    converter = {"value.converter": AVRO, "value.converter.schema.registry.url": registry.url,
                 "key.converter": "org.apache.kafka.connect.storage.StringConverter"}  # fmt: skip
    return config | converter | more


def rows_of(store, topic, count):
    def enough():
        found = [json.loads(line) for o in store.list("lake", f"topics/{topic}/") for line in store.get("lake", o.key).splitlines()]
        return found if len(found) >= count else None

    return wait_until(enough, 40, f"{count} rows of {topic} in the store")


def record(*fields):
    return {"type": "record", "name": "Row", "namespace": "n", "fields": [dict(f) for f in fields]}


def test_sink_reads_old_and_newest_schema(worker, kafka, store, registry, unique):
    """Two schemas in one topic; with use.latest.version the newest is everybody's."""
    old = record({"name": "a", "type": "int"})
    new = record({"name": "a", "type": "int"}, {"name": "b", "type": "string", "default": "none"})
    for name, more in (("own", {}), ("newest", {"value.converter.use.latest.version": "true"})):
        topic = f"{unique}-{name}"
        kafka.create_topic(topic)
        subject = f"{topic}-value"
        kafka.produce(topic, [("k", write(registry, old, {"a": 1}, subject)), ("k", write(registry, new, {"a": 2, "b": "x"}, subject))])
        worker.run(name, sink_config(store, registry, topic, **more))
        rows = sorted(rows_of(store, topic, 2), key=lambda r: r["a"])
        assert rows == [{"a": 1} | ({"b": "none"} if more else {}), {"a": 2, "b": "x"}]


def test_versions_come_from_the_registry(worker, kafka, store, registry, unique):
    """A record's schema has the version that the topic's subject counts, unless it says one itself."""
    old, new = record({"name": "a", "type": "int"}), record({"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 0})
    own = new | {"fields": new["fields"][:1], "connect.version": 7}
    subject = f"{unique}-value"
    kafka.create_topic(unique)
    rows = [(old, {"a": 1}), (new, {"a": 2, "b": 0}), (old, {"a": 3}), (own, {"a": 4})]
    kafka.produce(unique, [("k", write(registry, schema, value, subject)) for schema, value in rows])
    worker.run("s3", sink_config(store, registry, unique, **{"format.class": "AvroFormat"}))

    assert versions(store, unique, 4) == [(1, 1), (2, 2), (3, 1), (4, 7)]


def versions(store, topic, count):
    """(a, connect.version of the file) of each row in the topic's Avro files."""

    def enough():
        files = [fastavro.reader(io.BytesIO(store.get("lake", o.key))) for o in store.list("lake", f"topics/{topic}/")]
        found = sorted((row["a"], json.loads(f.metadata["avro.schema"]).get("connect.version")) for f in files for row in f)
        return found if len(found) >= count else None

    return wait_until(enough, 40, f"{count} rows in Avro files of {topic}")


def test_versions_of_json_schema_and_protobuf(worker, kafka, store, registry, unique):
    """The same for the other two; a version that the registry does not know (another subject's) leaves the schema without one."""
    def proto(fields):
        return 'syntax = "proto3"; message Row { ' + fields + " }"

    def js(**properties):
        return json.dumps({"type": "object", "title": "Row", "properties": {k: {"type": t} for k, t in properties.items()}})

    kinds = {"json.JsonSchemaConverter": ("JSON", [js(a="integer"), js(a="integer", b="string"), js(a="integer", c="string")],
                                         [b'{"a":1}', b'{"a":2,"b":"x"}', b'{"a":3,"c":"x"}']),
             "protobuf.ProtobufConverter": ("PROTOBUF", [proto(f"int32 a = 1;{more}") for more in ("", " int32 b = 2;", " int32 c = 2;")],
                                            [b"\0\x08\x01", b"\0\x08\x02", b"\0\x08\x03"])}
    for converter, (kind, texts, values) in kinds.items():
        topic = f"{unique}-{kind.lower()}"
        kafka.create_topic(topic)
        subjects = [f"{topic}-value", f"{topic}-value", f"{topic}-elsewhere"]
        ids = [registry.register(subject, text, kind) for subject, text in zip(subjects, texts)]
        kafka.produce(topic, [("k", b"\0" + i.to_bytes(4, "big") + v) for i, v in zip(ids, values)])
        more = {"format.class": "AvroFormat", "value.converter": f"io.confluent.connect.{converter}"}
        worker.run(kind.lower(), sink_config(store, registry, topic, **more))
        assert versions(store, topic, 3) == [(1, 1), (2, 2), (3, None)]


def test_references(worker, kafka, store, registry, unique):
    """A schema that uses a type of another subject."""
    inner = {"type": "record", "name": "Inner", "namespace": "n", "fields": [{"name": "x", "type": "long"}]}
    registry.register(f"{unique}-inner", inner)
    outer = {"type": "record", "name": "Outer", "namespace": "n", "fields": [{"name": "i", "type": "n.Inner"}, {"name": "j", "type": "Inner"}]}
    number = registry.register(f"{unique}-value", outer, references=[{"name": "n.Inner", "subject": f"{unique}-inner", "version": 1}])
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b"\0" + number.to_bytes(4, "big") + b"\x02\x04")])
    worker.run("s3", sink_config(store, registry, unique))
    assert rows_of(store, unique, 1) == [{"i": {"x": 1}, "j": {"x": 2}}]


def test_what_is_no_avro_fails_with_confluents_sentence(worker, kafka, store, registry, unique):
    broken = write(registry, record({"name": "s", "type": "string"}), {"s": "x"}, f"{unique}-value")[:5] + b"\x7f"
    unknown = b"\0\x7f\xff\xff\xff\x00"
    for name, value, words in (("text", b'{"a":1}', "Unknown magic byte!"), ("broken", broken, "Error deserializing Avro message for id"),
                               ("unknown", unknown, "2147483647")):  # fmt: skip
        topic = f"{unique}-{name}"
        kafka.create_topic(topic)
        kafka.produce(topic, [("k", value)])
        worker.create(name, sink_config(store, registry, topic))
        trace = worker.wait_failed(name)
        assert "DataException: Failed to deserialize data for topic " + topic + " to Avro" in trace, trace
        assert words in trace, trace


def test_record_names_as_subjects(worker, kafka, database, registry):
    database.sql("create table transactions (id int primary key); insert into transactions values (1)")
    strategy = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"
    more = {f"{side}.converter.{side}.subject.name.strategy": strategy for side in ("key", "value")}
    worker.run("pg", source_config(database, registry, **more))
    topic = f"{database.prefix}-transactions"
    raw(kafka, topic, 1)
    names = {s for s in registry.subjects() if s.startswith(topic)}
    prefix = re.sub(r"[^A-Za-z0-9_.]", "_", database.prefix)
    assert names == {f"{topic}-{prefix}.public.transactions.{part}" for part in ("Key", "Envelope")}


def test_incompatible_schema_is_refused(worker, kafka, database, registry):
    """409 fails the task with the registry's own words."""
    topic = f"{database.prefix}-transactions"
    registry.register(f"{topic}-value", record({"name": "a", "type": "int"}))
    database.sql("create table transactions (id int primary key); insert into transactions values (1)")
    worker.create("pg", source_config(database, registry))
    trace = worker.wait_failed("pg")
    assert f"Failed to serialize Avro data from topic {topic}" in trace and "409" in trace, trace
