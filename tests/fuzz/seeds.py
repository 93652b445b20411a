#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of those fuzzers whose inputs are binary or framed: tests/fuzz/corpus/<fuzzer>/<what it is>. Valid input of every
kind, small, so that a fuzzer begins behind the first checks. Run it again after a change here: ~/.cache/sluice/venv/bin/python
tests/fuzz/seeds.py. The seeds of the other fuzzers are texts and were written by hand."""

import io
import json
import pathlib
import re
import struct

import fastavro

HERE = pathlib.Path(__file__).resolve().parent
UNIT = HERE.parent / "unit"


def connect_schema(kind, **more):
    return {"type": kind, "optional": False, **more}


def json_seeds():
    def field(label, kind, **more):
        return connect_schema(kind, field=label, **more)

    scalars = {"int8": 7, "int16": -300, "int32": 1 << 30, "int64": -(1 << 60), "float": 1.5, "double": -2.25e30, "boolean": True,
               "string": "a\u00e9\U0001f600\n", "bytes": "AAEC"}  # fmt: skip
    logical = [("org.apache.kafka.connect.data.Decimal", "bytes", "AeI6", {"parameters": {"scale": "3"}}),
               ("org.apache.kafka.connect.data.Date", "int32", 19000, {}), ("org.apache.kafka.connect.data.Time", "int32", 86399999, {}),
               ("org.apache.kafka.connect.data.Timestamp", "int64", 1700000000123, {})]  # fmt: skip
    yield "scalars", {"schema": connect_schema("struct", fields=[field(k, k) for k in scalars]), "payload": scalars}
    yield "optional", {
        "schema": connect_schema("struct", name="x.O", version=2, fields=[
            {**field(k, k), "optional": True, "default": v} for k, v in scalars.items()]),
        "payload": dict.fromkeys(scalars)}  # fmt: skip
    yield "logical", {
        "schema": connect_schema("struct", fields=[field(f"f{i}", kind, name=name, **more) for i, (name, kind, _, more) in enumerate(logical)]),
        "payload": {f"f{i}": row[2] for i, row in enumerate(logical)}}  # fmt: skip
    yield "array", {"schema": connect_schema("array", items=connect_schema("int32")), "payload": [1, 2, 3]}
    yield "map", {"schema": connect_schema("map", keys=connect_schema("string"), values=connect_schema("int64")), "payload": {"k": 1}}
    yield "map-any", {"schema": connect_schema("map", keys=connect_schema("int32"), values=connect_schema("string")), "payload": [[1, "a"]]}
    inner = connect_schema("struct", name="I", fields=[field("id", "int32")])
    yield "nested", {
        "schema": connect_schema("struct", fields=[{**inner, "field": "after", "optional": True}, field("op", "string"),
                                                   field("list", "array", items=inner)]),
        "payload": {"after": {"id": 1}, "op": "c", "list": [{"id": 2}]}}  # fmt: skip
    yield "null", {"schema": None, "payload": None}
    yield "bare", {"a": [1, -2.5e-3, 12345678901234567890, None, True, "\\u\"\u0001"], "b": {"c": {}}}


def avro_seeds():
    def record(*fields, **more):
        return {"type": "record", "name": "R", "fields": [{"name": name, "type": kind} for name, kind in fields], **more}

    yield "scalars", record(("a", "int"), ("b", "long"), ("c", "float"), ("d", "double"), ("e", "boolean"), ("f", "string"), ("g", "bytes")), {
        "a": -5, "b": 1 << 40, "c": 0.5, "d": -1e300, "e": True, "f": "a\u00e9", "g": b"\0\1"}  # fmt: skip
    yield "nested", record(("u", ["null", "string"]), ("l", {"type": "array", "items": "int"}), ("m", {"type": "map", "values": "long"}),
                           ("r", record(("x", "int"), name="N")), ("again", ["null", "N"]),
                           ("e", {"type": "enum", "name": "E", "symbols": ["A", "B"]}), ("f", {"type": "fixed", "name": "F", "size": 4})), {
        "u": "x", "l": [1, 2, 3], "m": {"k": 7}, "r": {"x": 1}, "again": {"x": 2}, "e": "B", "f": b"abcd"}  # fmt: skip
    yield "union", record(("u", ["int", "string", "double", "null", {"type": "array", "items": "string"}])), {"u": ["a", "b"]}
    logical = [("d", "date", "int", 19000), ("t", "time-millis", "int", 5), ("tm", "time-micros", "long", 6), ("ts", "timestamp-millis", "long", 1 << 40),
               ("tu", "timestamp-micros", "long", 1 << 50)]  # fmt: skip
    plain = record(*[(name, kind) for name, _, kind, _ in logical], ("dec", "bytes"), ("uuid", "string"))
    data = {name: value for name, _, _, value in logical} | {"dec": b"\x01\xe2\x3a", "uuid": "11111111-2222-3333-8444-555555555555"}
    named = record(*[(name, {"type": kind, "logicalType": logic}) for name, logic, kind, _ in logical],
                   ("dec", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}),
                   ("uuid", {"type": "string", "logicalType": "uuid"}))  # fmt: skip
    yield "logical", plain, data, named
    connect = {"type": "int", "connect.type": "int16", "connect.version": 1, "connect.name": "x.Y", "connect.doc": "d",
               "connect.parameters": {"p": "v"}, "connect.default": 3}  # fmt: skip
    yield "connect", record(("a", "int"), ("b", ["null", "int"])), {"a": 1, "b": None}, {
        **record(("a", connect), ("b", ["null", connect]), namespace="n.s", aliases=["Old"], doc="words"), "connect.name": "n.s.R"}  # fmt: skip
    entry = record(("key", "int"), ("value", "string"), name="MapEntry", namespace="io.confluent.connect.avro")
    yield "map-entries", {"type": "array", "items": entry}, [{"key": 1, "value": "a"}]
    yield "recursive", record(("next", ["null", "R"])), {"next": {"next": None}}
    yield "defaults", {**record(("a", "int"), ("s", "string")), "fields": [
        {"name": "a", "type": "int", "default": 5}, {"name": "s", "type": "string", "default": "x"}]}, {"a": 1, "s": "y"}  # fmt: skip
    for kind, value in {"int": 3, "long": -3, "string": "s", "bytes": b"b", "boolean": False, "double": 1.0, "null": None}.items():
        yield kind, kind, value


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def pb_int(number, value):
    return varint(number << 3) + varint(value)


def pb_bytes(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def protobuf_seeds():
    """Of the fuzzer's own text by field; after them whole texts with bytes of their first message."""
    n = pb_int(1, 7) + pb_bytes(2, b"y") + pb_bytes(2, b"")
    yield "scalars", (pb_int(1, -1) + pb_int(2, 5) + b"\x1d" + struct.pack("<I", 9) + pb_bytes(4, "a\u00e9".encode()) + pb_bytes(5, b"\0\xff")
                      + b"\xa5\x01" + struct.pack("<f", 1.5) + b"\xa9\x01" + struct.pack("<d", -2.5))  # fmt: skip
    yield "repeated", pb_bytes(6, varint(1) + varint(2) + varint(300)) + pb_int(6, 4) + pb_bytes(7, n) + pb_bytes(7, b"")
    yield "maps", pb_bytes(8, pb_bytes(1, b"k") + pb_bytes(2, n)) + pb_bytes(8, b"") + pb_bytes(9, pb_int(1, 1) + pb_int(2, -9))
    yield "oneof-message", pb_bytes(10, n)
    yield "oneof-string", pb_bytes(10, n) + pb_bytes(11, b"last wins")
    yield "oneof-bool", pb_int(12, 1)
    yield "enums", pb_int(13, -5) + pb_bytes(14, varint(0) + varint(1) + varint(99))
    yield "known", (pb_bytes(15, pb_bytes(1, b"wrapped")) + pb_bytes(16, pb_int(1, 2024) + pb_int(2, 2) + pb_int(3, 29))
                    + pb_bytes(17, pb_int(1, 23) + pb_int(2, 59) + pb_int(3, 58) + pb_int(4, 999000000))
                    + pb_bytes(18, pb_int(1, 1700000000) + pb_int(2, 123000000)) + pb_bytes(19, pb_bytes(1, b"\x01\xe2\x3a") + pb_int(2, 9) + pb_int(3, 3)))  # fmt: skip
    yield "unknown-fields", pb_int(500, 1) + pb_bytes(501, b"x") + b"\xa3\x1f" + pb_int(1, 1) + b"\xa4\x1f"
    two = ('syntax = "proto2"; message A { required int32 a = 1 [default = -4]; optional string s = 2 [default = "x\\n"]; repeated E e = 3 [packed=true];\n'
           "  optional group G = 4 { optional bool b = 1; } extensions 100 to max; reserved 7, 9 to 11; enum E { P = 1; Q = 2; } }")  # fmt: skip
    yield "proto2", two.encode() + b"\0" + pb_int(1, 3) + pb_bytes(2, b"z") + pb_bytes(3, varint(1) + varint(2))
    meta = ('syntax = "proto3"; import "confluent/meta.proto"; message A { int32 a = 1 [(confluent.field_meta) = '
            '{params: [{key: "connect.type", value: "int16"}]}]; optional B b = 2; message B { map<int32, string> m = 1; } }')  # fmt: skip
    yield "meta", meta.encode() + b"\0" + pb_int(1, 300) + pb_bytes(2, pb_bytes(1, pb_int(1, 1) + pb_bytes(2, b"v")))
    yield "several", b'syntax = "proto3"; message A { repeated C c = 1; } message C { A a = 1; uint64 u = 2; }\0' + pb_bytes(1, pb_int(2, 1))


def json_schema_seeds():
    connect = {"type": "object", "title": "R", "connect.version": 1, "properties": {
        f"f{i}": {"connect.index": i, **kind} for i, kind in enumerate([
            {"type": "integer", "connect.type": "int8"}, {"type": "integer", "connect.type": "int64"}, {"type": "number", "connect.type": "float32"},
            {"type": "boolean"}, {"type": "string", "connect.type": "bytes"}, {"oneOf": [{"type": "null"}, {"type": "string"}]},
            {"type": "array", "items": {"type": "number", "connect.type": "float64"}},
            {"type": "object", "connect.type": "map", "additionalProperties": {"type": "boolean"}},
            {"type": "number", "title": "org.apache.kafka.connect.data.Decimal", "connect.type": "bytes", "connect.parameters": {"scale": "2"}},
            {"type": "integer", "title": "org.apache.kafka.connect.data.Date", "connect.type": "int32"},
            {"type": "integer", "title": "org.apache.kafka.connect.data.Timestamp", "connect.type": "int64"}])},
        "required": ["f0"]}  # fmt: skip
    yield "connect", connect, {"f0": 1, "f1": 1 << 50, "f2": 1.5, "f3": True, "f4": "AAEC", "f5": None, "f6": [1, 2.5], "f7": {"k": False},
                               "f8": 12.34, "f9": 19000, "f10": 1700000000000}  # fmt: skip
    yield "plain", {"type": "object", "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": ["null", "integer"]}}}, {"a": "s", "b": 4}
    yield "one-of", {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "object", "properties": {"x": {"type": "number"}}}]}, {"x": 1.0}
    yield "refs", {"type": "object", "properties": {"a": {"$ref": "#/definitions/A"}, "l": {"type": "array", "items": {"$ref": "#/definitions/A"}}},
                   "definitions": {"A": {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/definitions/A"}}}}}, {"a": {"n": 1}, "l": [{"n": 2}]}  # fmt: skip
    yield "all-of", {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "object", "properties": {"b": {"type": "string"}}}]}, {"a": 1, "b": "c"}
    yield "enum", {"enum": ["a", "b"], "type": "string"}, "b"
    yield "const", {"type": "object", "properties": {"c": {"const": 3}}, "additionalProperties": False}, {"c": 3}
    yield "map-entries", {"type": "array", "connect.type": "map", "items": {"type": "object", "properties": {
        "key": {"type": "integer", "connect.index": 0}, "value": {"type": "string", "connect.index": 1}}}}, [{"key": 1, "value": "v"}]  # fmt: skip
    yield "decimals", {"type": "string", "title": "org.apache.kafka.connect.data.Decimal", "connect.type": "bytes", "connect.parameters": {"scale": "3"}}, "AeI6"
    yield "any", True, [1, {"a": None}]


def registry_seeds():
    """First byte: the question (register, look up, by id, a version, the latest); second: the status, 0x80 for 200."""
    schema = {"subject": "s", "version": 3, "id": 7, "schema": '{"type":"int"}'}
    yield "registered", 0, 0x80, {"id": 7}
    yield "registered-whole", 0, 0x80, {**schema, "schemaType": "JSON", "references": [{"name": "a", "subject": "b", "version": 1}]}
    yield "looked-up", 1, 0x80, schema
    yield "by-id", 2, 0x80, {"schema": '"string"', "maxId": 9}
    yield "by-id-protobuf", 2, 0x80, {"schemaType": "PROTOBUF", "schema": 'syntax = "proto3"; message A { B b = 1; }', "references": [
        {"name": "b.proto", "subject": "b", "version": 2}, {"name": "c.proto", "subject": "c", "version": 1}]}  # fmt: skip
    yield "version", 3, 0x80, {**schema, "deleted": False, "guid": "x", "ts": 1}
    yield "latest", 4, 0x80, {**schema, "metadata": {"properties": {}}, "ruleSet": None}
    errors = [(3, 40001, "bad"), (4, 401, "Unauthorized"), (5, 40301, "no"), (6, 40403, "Schema not found"), (6, 40401, "Subject not found"),
              (8, 409, "Schema being registered is incompatible with an earlier schema"), (10, 42201, "Invalid schema"), (11, 42901, "slow"),
              (12, 50001, "store"), (13, 50003, "forward")]  # fmt: skip
    for i, (status, code, words) in enumerate(errors):
        yield f"error-{code}", i % 5, status, {"error_code": code, "message": words}


def regex_seeds():
    yield "groups", r"^(?:db\.)?(\w+)\.(?<table>[a-z_]+)$", r"$1-${table}", "db.public.my_table"
    yield "classes", r"[^\p{Lu}\d&&[a-f]]+|\Qa.b\E|\x41\u0042", r"\$x\\", "a.bAB"
    yield "quantifiers", r"(a*+|b+?|c{2,3}?)*", "$0", "aabccc"
    yield "look-around", r"(?i)(?<=t)o(?=p)(?!q)(?<!x).*", "n", "TOPic"
    yield "back-reference", r"(.+)\1(?>\w)", "$1", "ababc"
    yield "flags", "(?xs-m:a # words)\\b.$", "b", "a-"
    yield "utf8", "[\u00e9\U0001f600-\U0001f64f]+\\p{IsGreek}?", "\u00fc", "\u00e9\U0001f600\u03b1"
    yield "costly", "(a+)+b", "x", "a" * 30
    yield "empty", "", "", ""
    yield "bad-group", "(a)", "$2", "a"


def javaserial_seeds():
    """The arrays that the JDK wrote for the unit test: macros of hex, then rows that are told by their first macro."""
    text = (UNIT / "test_javaserial.c").read_text()
    macros = dict(re.findall(r'#define (\w+) (.*"[0-9a-f]+".*|".*")', text))
    def of(expression):
        return "".join(of(macros[word]) if word else literal for literal, word in re.findall(r'"([^"]*)"|(\b[A-Z]+\b)', expression))
    body = text[text.index("jdk[] = {"):text.index("refused[] = {")]
    for i, expression in enumerate(re.findall(r"\{(ARRAY(?:\s+(?:\"[0-9a-f]*\"|[A-Z]+))+)", body)):
        yield f"jdk-{i}", bytes.fromhex(of(expression))
    yield "null", bytes.fromhex("aced000570")


def text_tuple(*values):
    out = struct.pack(">H", len(values))
    for value in values:
        out += value if value in (b"n", b"u") else b"t" + struct.pack(">I", len(value)) + value
    return out


def pgoutput_seeds():
    xid, oid = struct.pack(">I", 555), struct.pack(">I", 0x4001)
    commit = struct.pack(">QQq", 7, 9, -1)
    relation = b"public\0t\0d\0\2\1id\0" + struct.pack(">Ii", 23, -1) + b"\0name\0" + struct.pack(">Ii", 1043, 24)
    row = b"N" + text_tuple(b"42", b"ab", b"n", b"u")
    messages = {
        "begin": b"B" + struct.pack(">QqI", 1 << 32, 1, 555),
        "commit": b"C\0" + commit,
        "origin": b"O" + struct.pack(">Q", 3) + b"other\0",
        "relation": b"R" + oid + relation,
        "type": b"Y" + oid + b"public\0mood\0",
        "insert": b"I" + oid + row,
        "update": b"U" + oid + row,
        "update-key": b"U" + oid + b"K" + text_tuple(b"41", b"n") + row,
        "update-old": b"U" + oid + b"O" + text_tuple(b"41", b"x") + row,
        "delete-key": b"D" + oid + b"K" + text_tuple(b"41", b"n"),
        "delete-old": b"D" + oid + b"O" + text_tuple(b"41", b"x"),
        "truncate": b"T" + struct.pack(">IB", 2, 3) + oid + oid,
        "message": b"M\1" + struct.pack(">Q", 9) + b"pre\0" + struct.pack(">I", 3) + b"a\0b",
    }
    yield from messages.items()

    # The other half of the fuzzer: a byte for the memory that a spool has, then lengths and messages of streamed transactions.
    def streamed(memory, *parts):
        return bytes([memory]) + b"".join(bytes([len(part)]) + part for part in parts)

    start, again, stop = b"S" + xid + b"\1", b"S" + xid + b"\0", b"E"
    insert = b"I" + xid + oid + b"N" + text_tuple(b"42")
    sub = struct.pack(">I", 556)
    inner = b"I" + sub + oid + b"N" + text_tuple(b"43")
    end = b"c" + xid + b"\0" + commit
    yield "stream-memory", streamed(255, start, b"O" + struct.pack(">Q", 3) + b"o\0", insert, stop, end)
    yield "stream-file", streamed(0, start, insert, insert, stop, again, insert, stop, end)
    yield "stream-savepoint", streamed(9, start, insert, inner, inner, stop, b"A" + xid + sub, again, insert, stop, end)
    yield "stream-abort", streamed(9, start, insert, stop, b"A" + xid + xid)
    other = struct.pack(">I", 700)
    yield "stream-two", streamed(20, start, insert, stop, b"S" + other + b"\1", b"I" + other + oid + b"N" + text_tuple(b"1"), stop, end,
                                 b"c" + other + b"\0" + commit)  # fmt: skip


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def avro_bytes(schema, data):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), data)
    return out.getvalue()


def main():
    seeds = {
        "json": {name: compact(value) for name, value in json_seeds()},
        "avro": {name: compact(shown[0] if shown else schema) + b"\n" + avro_bytes(schema, data) for name, schema, data, *shown in avro_seeds()},
        "protobuf": dict(protobuf_seeds()),
        "json_schema": {name: compact(schema) + b"\0" + compact(value) for name, schema, value in json_schema_seeds()},
        "registry": {name: bytes([ask, status]) + compact(body) for name, ask, status, body in registry_seeds()},
        "regex": {name: "\n".join(lines).encode() for name, *lines in regex_seeds()},
        "javaserial": dict(javaserial_seeds()),
        "pgoutput": dict(pgoutput_seeds()),
    }
    for fuzzer, files in seeds.items():
        folder = HERE / "corpus" / fuzzer
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        print(f"{fuzzer}: {len(files)}")


if __name__ == "__main__":
    main()
