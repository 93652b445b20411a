"""Parquet through the real sink, read by pyarrow and by DuckDB: every Connect type, nested, null and not."""

import base64
import datetime
import decimal
import io
import json

import duckdb
import pyarrow.parquet
import pytest

from conftest import JSON, s3_config, wait_until

PARQUET = "io.confluent.connect.s3.format.parquet.ParquetFormat"


def field(name, kind, optional=True, **more):
    schema = kind if isinstance(kind, dict) else {"type": kind}
    return {"field": name, "optional": optional, **schema, **more}


def struct(*fields, **more):
    return {"type": "struct", "fields": list(fields), **more}


def array(items, optional=True):
    return {"type": "array", "items": {"optional": optional, **items}}


def mapping(values, optional=True):
    return {"type": "map", "keys": {"type": "string", "optional": False}, "values": {"optional": optional, **values}}


def logical(kind, name, **parameters):
    return {"type": kind, "name": f"org.apache.kafka.connect.data.{name}", "version": 1, "parameters": parameters}


def dec(text, scale):
    """Decimal's bytes in base64; the text has all its `scale` digits, or is a whole number 0."""
    assert not float(text) or len(text.partition(".")[2]) == scale
    number = int(text.replace(".", ""))
    return base64.b64encode(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)).decode()


@pytest.fixture
def lake(worker, kafka, store, unique):
    """lake(schema, payloads) sends the rows and gives the objects' bytes in order, once all rows are there."""

    def run(schema, payloads, flush_size=1000, **more):
        kafka.create_topic(unique)
        schema = {"optional": False, "name": "Row", **schema}
        kafka.produce(unique, [(None, json.dumps({"schema": schema, "payload": p})) for p in payloads])
        config = s3_config(store, unique, flush_size=flush_size, sluice_rotate_idle_ms=700, **more)
        config |= {"format.class": PARQUET, "value.converter": JSON, "value.converter.schemas.enable": "true"}
        worker.run("s3", config)

        def rows():
            found = [store.get("lake", o.key) for o in store.list("lake", f"topics/{unique}/")]
            count = sum(pyarrow.parquet.read_metadata(io.BytesIO(data)).num_rows for data in found)
            return found if count >= len(payloads) else None

        return wait_until(rows, what=f"{len(payloads)} rows")

    return run


def tables(objects):
    return pyarrow.concat_tables([pyarrow.parquet.read_table(io.BytesIO(data)) for data in objects])


def duck(objects, tmp_path, query="select * from rows"):
    for number, data in enumerate(objects):
        (tmp_path / f"{number:05}.parquet").write_bytes(data)
    db = duckdb.connect()
    db.execute(f"create view rows as from read_parquet('{tmp_path}/*.parquet')")
    found = db.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


SCALARS = struct(
    field("id", "int64", False), field("i8", "int8"), field("i16", "int16"), field("i32", "int32"),
    field("f32", "float"), field("f64", "double"), field("yes", "boolean"), field("text", "string"), field("raw", "bytes"),
    field("price", logical("bytes", "Decimal", scale="2", **{"connect.decimal.precision": "12"})),
    field("day", logical("int32", "Date")), field("clock", logical("int32", "Time")),
    field("moment", logical("int64", "Timestamp")),
    field("micros", {"type": "int64", "name": "io.debezium.time.MicroTimestamp", "version": 1}),
)


def scalars(i):
    if i % 5 == 4:
        return {"id": i, **{f["field"]: None for f in SCALARS["fields"][1:]}}
    return {
        "id": i, "i8": -(i % 100), "i16": i * 7 % 30000, "i32": -i, "f32": i / 4, "f64": i / 3, "yes": i % 2 == 0,
        "text": f"é{i}" if i % 7 else "", "raw": base64.b64encode(bytes([i % 256, 0, 255])).decode(),
        "price": dec(f"{(-1) ** i * i}.25", 2), "day": 19000 + i, "clock": i * 1000, "moment": 1700000000000 + i,
        "micros": 1700000000000000 + i,
    }


def test_scalars(lake, tmp_path):
    payloads = [scalars(i) for i in range(2500)]
    objects = lake(SCALARS, payloads)
    assert len(objects) == 3
    table = tables(objects)
    kinds = {f.name: str(f.type) for f in table.schema}
    assert kinds["price"] == "decimal128(12, 2)" and kinds["day"] == "date32[day]" and kinds["text"] == "string"
    assert kinds["clock"].startswith("time32[ms") and kinds["moment"].startswith("timestamp[ms")
    assert not table.schema.field("id").nullable and table.schema.field("i8").nullable
    utc = datetime.timezone.utc
    for row, sent in zip(table.to_pylist(), payloads, strict=True):
        if sent["i8"] is None:
            assert {k for k, v in row.items() if v is not None} == {"id"}
            continue
        for name in ("id", "i8", "i16", "i32", "f32", "f64", "yes", "text", "micros"):
            assert row[name] == sent[name], name
        assert row["raw"] == base64.b64decode(sent["raw"])
        sign = -1 if sent["id"] % 2 else 1
        assert row["price"] == decimal.Decimal(f"{sign * sent['id']}.25") or sent["id"] == 0
        assert row["day"] == datetime.date(1970, 1, 1) + datetime.timedelta(days=sent["day"])
        assert row["moment"].replace(tzinfo=utc) == datetime.datetime.fromtimestamp(sent["moment"] / 1000, utc)
    seen = duck(objects, tmp_path, "select count(*) n, sum(id) s, sum(price) p, max(text) t, count(raw) r from rows")[0]
    assert seen["n"] == 2500 and seen["s"] == sum(range(2500)) and seen["r"] == 2000
    assert seen["p"] == sum(row["price"] for row in table.to_pylist() if row["price"] is not None)


def test_extreme_numbers(lake):
    schema = struct(field("i64", "int64"), field("f64", "double"), field("price", logical("bytes", "Decimal", scale="3")))
    payloads = [
        {"i64": -(2**63), "f64": 1.7976931348623157e308, "price": dec("0", 3)},
        {"i64": 2**63 - 1, "f64": 5e-324, "price": dec("-0.001", 3)},
        {"i64": 0, "f64": 0.1, "price": dec("99999999999999999999999999.999", 3)},
        {"i64": None, "f64": None, "price": dec("-128.000", 3)},
    ]
    rows = tables(lake(schema, payloads)).to_pylist()
    assert [row["i64"] for row in rows] == [p["i64"] for p in payloads]
    assert [row["f64"] for row in rows] == [p["f64"] for p in payloads]
    wanted = ["0.000", "-0.001", "99999999999999999999999999.999", "-128.000"]
    assert [row["price"] for row in rows] == [decimal.Decimal(text) for text in wanted]


INNER = struct(field("a", "int32"), field("b", "string", False))
NESTED = struct(
    field("id", "int32", False),
    field("inner", INNER),
    field("deep", struct(field("one", struct(field("two", struct(field("three", "string"))))))),
    field("list", array({"type": "int32"})),
    field("solid", array({"type": "string"}, optional=False)),
    field("structs", array(INNER)),
    field("lists", array(array({"type": "int64"}))),
    field("dict", mapping({"type": "double"})),
    field("dicts", mapping(array({"type": "string"}))),
)


def nested(i):
    inner = {"a": i if i % 2 else None, "b": f"b{i}"}
    return {
        "id": i,
        "inner": inner if i % 3 else None,
        "deep": [None, {"one": None}, {"one": {"two": None}}, {"one": {"two": {"three": None}}},
                 {"one": {"two": {"three": "x"}}}][i % 5],
        "list": [None, [], [None], [1, None, 3], list(range(i % 50))][i % 5],
        "solid": [None, [], ["a"], ["a", "", "c"]][i % 4],
        "structs": [None, [], [inner, None, inner], [None]][i % 4],
        "lists": [None, [], [None], [[]], [[1, None], None, [], [2]]][i % 5],
        "dict": [None, {}, {"k": None}, {"a": 1.5, "b": -2.0}][i % 4],
        "dicts": [None, {}, {"k": None}, {"k": []}, {"a": ["x", None], "b": ["y"]}][i % 5],
    }


@pytest.mark.parametrize("codec", ["snappy", "none", "zstd", "gzip"])
def test_nested(lake, worker, store, tmp_path, codec):
    payloads = [nested(i) for i in range(1200)]
    try:
        objects = lake(NESTED, payloads, flush_size=700, parquet_codec=codec)
    except AssertionError as error:
        # A codec may be missing from this build, but then it is refused by name.
        assert codec in ("zstd", "gzip") and "parquet.codec" in str(error)
        return
    got = tables(objects).to_pylist()
    for row in got:
        for name in ("dict", "dicts"):  # pyarrow shows maps as lists of pairs
            row[name] = None if row[name] is None else dict(row[name])
    assert got == payloads
    seen = duck(objects, tmp_path, "select id, deep.one.two.three as three, len(list) as n, dict['a'] as a from rows")
    for row, sent in zip(seen, payloads, strict=True):
        three = (((sent["deep"] or {}).get("one") or {}).get("two") or {}).get("three")
        assert row["three"] == three
        assert row["n"] == (None if sent["list"] is None else len(sent["list"]))
        assert row["a"] == (None if sent["dict"] is None else sent["dict"].get("a"))


def test_wide_and_long(lake):
    """Many columns, long values, few distinct ones: pages, dictionaries and statistics that readers trust."""
    schema = struct(*[field(f"c{i}", "string") for i in range(120)], field("long", "string"))
    payloads = [{**{f"c{i}": f"{n % (i + 1)}" for i in range(120)}, "long": "é" * (n * 37 % 5000)} for n in range(600)]
    objects = lake(schema, payloads, flush_size=600)
    assert tables(objects).to_pylist() == payloads
    meta = pyarrow.parquet.read_metadata(io.BytesIO(objects[0]))
    assert meta.num_rows == 600 and meta.created_by.lower().startswith("sluice")
    for number in range(meta.row_group(0).num_columns):
        column = meta.row_group(0).column(number)
        assert column.statistics is None or not column.statistics.has_null_count or column.statistics.null_count == 0


def test_keys_reach_the_writer(lake):
    """One file with most of ParquetFormat's own keys away from their defaults."""
    schema = struct(
        field("id", "int64", False), field("tiny", "int8"), field("tags", array({"type": "string"}, optional=False)),
        field("price", logical("bytes", "Decimal", scale="2", **{"connect.decimal.precision": "12"})),
        field("free", logical("bytes", "Decimal", scale="2")),
        field("at", {"type": "int64", "name": "io.debezium.time.MicroTimestamp", "version": 1}),
        field("key", {"type": "string", "name": "io.debezium.data.Uuid", "version": 1}),
        field("noise", "double"),
    )
    uuid = "0011aabb-4455-6677-8899-aabbccddeeff"
    payloads = [{"id": i, "tiny": i % 100, "tags": ["x"] * (i % 3), "price": dec(f"{i}.25", 2), "free": dec("1.00", 2),
                 "at": 1700000000000000 + i, "key": uuid, "noise": (i * 7919 % 4093) / 4093} for i in range(1500)]
    keys = {"parquet.writer.version": "v2", "parquet.codec": "lz4_raw", "parquet.page.row.count.limit": "320",
            "parquet.page.write-checksum.enabled": "true", "sluice.parquet.bloom.columns": "id,key",
            "sluice.parquet.list.two.level": "true", "sluice.parquet.decimal": "smallest", "sluice.parquet.decimal.precision": "38",
            "sluice.parquet.exact.types": "true", "sluice.parquet.field.ids": "iceberg", "sluice.parquet.encodings": "all",
            "parquet.enable.dictionary": "false"}
    objects = lake(schema, payloads, flush_size=1500, **keys)
    file = pyarrow.parquet.ParquetFile(io.BytesIO(objects[0]), page_checksum_verification=True)
    table = file.read()
    table.validate(full=True)
    kinds = {f.name: str(f.type) for f in table.schema}
    assert kinds["tiny"] == "int8" and kinds["at"] == "timestamp[us]" and "uuid" in kinds["key"]
    assert kinds["price"] == "decimal128(12, 2)" and kinds["free"] == "decimal128(38, 2)"
    assert [int(f.metadata[b"PARQUET:field_id"]) for f in table.schema] == list(range(1, 9))
    parts = {file.metadata.row_group(0).column(i).path_in_schema: file.metadata.row_group(0).column(i) for i in range(8)}
    assert "tags.array" in parts and parts["price"].physical_type == "INT64" and parts["free"].physical_type == "FIXED_LEN_BYTE_ARRAY"
    assert all(part.has_column_index and part.has_offset_index for part in parts.values())
    assert all("RLE_DICTIONARY" not in part.encodings for part in parts.values())
    assert "DELTA_BINARY_PACKED" in parts["id"].encodings and parts["key"].compression == "LZ4"
    assert [row["id"] for row in table.to_pylist()] == list(range(1500)) and table["tags"].to_pylist() == [p["tags"] for p in payloads]
    assert table["price"].to_pylist()[7] == decimal.Decimal("7.25") and table["noise"].to_pylist() == [p["noise"] for p in payloads]


def test_schema_change_cuts_the_object(worker, kafka, store, unique):
    """schema.compatibility=NONE: another schema starts another object."""
    kafka.create_topic(unique)
    one = {"optional": False, **struct(field("id", "int32"))}
    two = {"optional": False, **struct(field("id", "int32"), field("more", "string"))}
    sent = [(one, {"id": 1}), (one, {"id": 2}), (two, {"id": 3, "more": "x"}), (one, {"id": 4})]
    kafka.produce(unique, [(None, json.dumps({"schema": s, "payload": p})) for s, p in sent])
    config = s3_config(store, unique, flush_size=100, sluice_rotate_idle_ms=700)
    config |= {"format.class": PARQUET, "value.converter": JSON, "value.converter.schemas.enable": "true"}
    worker.run("s3", config)
    wait_until(lambda: len(store.list("lake", f"topics/{unique}/")) == 3, what="three objects")
    found = [store.get("lake", o.key) for o in store.list("lake", f"topics/{unique}/")]
    rows = [row for data in found for row in pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()]
    assert rows == [payload for _, payload in sent]


def test_schemaless_is_refused(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, [(None, '{"id": 1}')] * 10)
    worker.create("s3", s3_config(store, unique, format_class=PARQUET))
    trace = worker.wait_failed("s3")
    assert "schema" in trace.lower()
