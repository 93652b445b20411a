# SPDX-License-Identifier: Apache-2.0
"""The failures of the corpus: per connector configuration the values that fail in it, and the class that a person gives them.

D bytes that can't be read, S bytes and schema (or transform) disagree. A value that Connect lets pass is in no dead-letter topic, and
so in no count.
"""

import json
import struct

JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
D, S = "deserialization", "schema_mismatch"

PLAIN = {"key.converter": STRING, "value.converter": JSON, "value.converter.schemas.enable": "false"}
ENVELOPE = {"key.converter": STRING, "value.converter": JSON, "value.converter.schemas.enable": "true"}
STRINGS = {"key.converter": STRING, "value.converter": STRING}

BROKEN = [
    b"{bad", b'{"a":', b"[1,2", b'"unterminated', b"nul", b"\xff\xfe\x00", b"{'a':1}", b"<xml/>", b"hello world", b'{"a" 1}', b"tru",
    b'{"a":1,}', b"\x00\x00\x00\x00\x07abc", b"a,b,c", b"}", b'{"a":+1}', b'{"a":.5}', b"\x1f\x8b\x08\x00", b'{"a":"\\x"}', b"NaN,",
    b'{"id":17,"name":"Bob', b"{id:17}", b'{"a":1;"b":2}', b'["x" "y"]', b"falsch", b"2026-11-22T10:00:00Z", b"-", b'{"a":1e}', b"<html><body>503</body></html>",
    b'{"a":\x01}', b"--- yaml", b"a=1&b=2", b'{"a":"\\u12"}', b"\x0a\x03abc\x10\x05", b'{"a":tru}', b'[{"a":1},', b"Obj\x01\x04", b'{"a":"x\ny', b"/* c */",
]  # fmt: skip


def envelope(schema, payload):
    return json.dumps({"schema": schema, "payload": payload}).encode()


def struct_of(**fields):
    return {"type": "struct", "fields": [{"field": name, "optional": False, "type": kind} for name, kind in fields.items()]}


def smt(name, **config):
    return {"transforms": "t", "transforms.t.type": f"org.apache.kafka.connect.transforms.{name}",
            **{f"transforms.t.{key.replace('__', '.')}": value for key, value in config.items()}}  # fmt: skip


NO_ENVELOPE = [b'{"a":1}', b"1", b'"x"', b"[1]", b"true", b'{"payload":1}', b'{"schema":null}', b'{"schema":{"type":"int32"},"payload":1,"x":2}', b'{"a":1,"b":2}']
MISFITS = [
    envelope(struct_of(a="int32"), {"a": None}),
    envelope(struct_of(a="string", b="string"), {"a": "x"}),
    envelope({"type": "int32", "optional": False}, None),
    envelope({"type": "string", "optional": False}, None),
    envelope({"type": "money"}, 1),
    envelope({"type": "int"}, 1),
    envelope({"optional": True}, 1),
    envelope({"type": "array"}, [1]),
    envelope({"type": "map", "keys": {"type": "string"}}, {"a": 1}),
    envelope({"type": "struct"}, {"a": 1}),
    envelope({"type": "struct", "fields": [{"type": "int32"}]}, {"a": 1}),
    envelope({"type": 5}, 1),
    envelope(struct_of(a="boolean"), {}),
    envelope({"type": "array", "items": {"type": "odd"}}, [1]),
]
NO_MAPS = [b'"text"', b"5", b"[1,2]", b"true", b'[{"a":1}]', b"2.5", b'""']
NARROW = [struct.pack(">i", 7), b"1234567", b"\x00", b"123456789", b"12", b"abcde"]
ROW = envelope(struct_of(a="int32", b="string"), {"a": 1, "b": "x"})
OTHER_ROW = envelope(struct_of(b="string"), {"b": "x"})
TEXTS = [envelope({"type": "string"}, "x"), envelope({"type": "int32"}, 5), envelope({"type": "array", "items": {"type": "int32"}}, [1])]


def rows(*names):
    return [json.dumps({"a": name}).encode() for name in names]


# name: (configuration, {class: values})
CASES = {
    "json": (PLAIN, {D: BROKEN}),
    "json-schemas": (ENVELOPE, {D: BROKEN + NO_ENVELOPE, S: MISFITS}),
    "json-key": ({**PLAIN, "key.converter": JSON, "key.converter.schemas.enable": "false"}, {D: [(v, b"{}") for v in BROKEN]}),
    "json-key-schemas": ({**PLAIN, "key.converter": JSON}, {D: [(v, b"{}") for v in NO_ENVELOPE], S: [(v, b"{}") for v in MISFITS]}),
    "long": ({**STRINGS, "value.converter": "org.apache.kafka.connect.converters.LongConverter"}, {D: NARROW}),
    "integer": ({**STRINGS, "value.converter": "org.apache.kafka.connect.converters.IntegerConverter"}, {D: NARROW[1:]}),
    "short": ({**STRINGS, "value.converter": "org.apache.kafka.connect.converters.ShortConverter"}, {D: [v for v in NARROW if len(v) != 2]}),
    "double": ({**STRINGS, "value.converter": "org.apache.kafka.connect.converters.DoubleConverter"}, {D: NARROW}),
    "float": ({**STRINGS, "value.converter": "org.apache.kafka.connect.converters.FloatConverter"}, {D: NARROW[1:]}),
    "boolean": ({**STRINGS, "value.converter": "org.apache.kafka.connect.converters.BooleanConverter"}, {D: [b"12", b"\x05", b"true"]}),
    "long-key": ({**STRINGS, "key.converter": "org.apache.kafka.connect.converters.LongConverter"}, {D: [(v, b"v") for v in NARROW]}),
    "insert": ({**PLAIN, **smt("InsertField$Value", static__field="x", static__value="y")}, {D: BROKEN[:6], S: NO_MAPS}),
    "insert-twice": ({**ENVELOPE, **smt("InsertField$Value", static__field="b", static__value="y")}, {S: [ROW, OTHER_ROW, *TEXTS]}),
    "extract": ({**ENVELOPE, **smt("ExtractField$Value", field="a")}, {S: [OTHER_ROW, *TEXTS], D: NO_ENVELOPE}),
    "extract-plain": ({**PLAIN, **smt("ExtractField$Value", field="a")}, {S: NO_MAPS}),
    "replace": ({**PLAIN, **smt("ReplaceField$Value", exclude="a")}, {S: NO_MAPS}),
    "replace-schemas": ({**ENVELOPE, **smt("ReplaceField$Value", exclude="a")}, {S: TEXTS}),
    "mask": ({**PLAIN, **smt("MaskField$Value", fields="a")}, {S: NO_MAPS + rows([1], {"b": 1})[2:]}),
    "flatten": ({**PLAIN, **smt("Flatten$Value")}, {S: NO_MAPS}),
    "cast": ({**PLAIN, **smt("Cast$Value", spec="a:int32")}, {S: rows("abc", "1x", "", "twelve", "--1", "0x10", "1 2") + NO_MAPS[:4]}),
    "cast-float": ({**PLAIN, **smt("Cast$Value", spec="a:float64")}, {S: rows("abc", "1,5", "one", "..")}),
    "cast-whole": ({**PLAIN, **smt("Cast$Value", spec="int64")}, {S: [b'"abc"', b'"12 "', b'"nine"', b"[1]", b'{"a":1}']}),
    "to-key": ({**ENVELOPE, **smt("ValueToKey", fields="a")}, {S: [OTHER_ROW, *TEXTS]}),
    "to-key-plain": ({**PLAIN, **smt("ValueToKey", fields="a")}, {S: NO_MAPS}),
    "time": ({**PLAIN, **smt("TimestampConverter$Value", field="a", target__type="Timestamp", format="yyyy-MM-dd")},
             {S: rows("22.11.2026", "soon", "2026/11/22", "", "x-y-z") + NO_MAPS[:4]}),
    "time-whole": ({**PLAIN, **smt("TimestampConverter$Value", target__type="unix", format="yyyy-MM-dd HH:mm")},
                   {S: [b'"tomorrow"', b'"2026-11-22"', b'"12:00"', b'{"a":1}', b"[1]"]}),
    "schema-meta": ({**PLAIN, **smt("SetSchemaMetadata$Value", schema__name="n")}, {S: [b'{"a":1}', b"5", b'"x"', b"[1]"]}),
    "header-from": ({**PLAIN, **smt("HeaderFrom$Value", fields="a", headers="h", operation="move")}, {S: NO_MAPS}),
    "two-steps": ({**ENVELOPE, "transforms": "one,two",
                   "transforms.one.type": "org.apache.kafka.connect.transforms.HoistField$Value", "transforms.one.field": "inner",
                   "transforms.two.type": "org.apache.kafka.connect.transforms.ExtractField$Value", "transforms.two.field": "outer"},
                  {S: [ROW, *TEXTS]}),
}  # fmt: skip
