# SPDX-License-Identifier: Apache-2.0
"""The records of tests/conformance/converters. WRITES: (name, options, Connect schema, payload); READS: (name, options, Avro schema,
value for fastavro, reader's schema or None)."""
import base64

D = "org.apache.kafka.connect.data."
ENHANCED, SUMS, META = "enhanced.avro.schema.support", "generalized.sum.type.support", "connect.meta.data=false"


def b64(data):
    return base64.b64encode(data).decode()


def t(kind, optional=False, **more):
    return {"type": kind, "optional": optional, **more}


def field(name, schema):
    return {**schema, "field": name}


def struct(name, optional=False, fields=None, **more):
    return {"type": "struct", "optional": optional, **({"name": name} if name else {}), **more,
            "fields": [field(k, v) for k, v in (fields or {}).items()]}


def array(items, **more):
    return {"type": "array", "items": items, "optional": False, **more}


def dict_of(keys, values, **more):
    return {"type": "map", "keys": keys, "values": values, "optional": False, **more}


def decimal(scale, **more):
    params = {"scale": str(scale), **more.pop("parameters", {})}
    return t("bytes", name=D + "Decimal", version=1, parameters=params, **more)


def dec(n):
    return b64(n.to_bytes((n if n >= 0 else ~n).bit_length() // 8 + 1, "big", signed=True))


SCALARS = {
    "boolean": (t("boolean"), [True, False]),
    "int8": (t("int8"), [0, 1, -1, 127, -128]),
    "int16": (t("int16"), [0, 32767, -32768]),
    "int32": (t("int32"), [0, 63, 64, -64, -65, 2147483647, -2147483648]),
    "int64": (t("int64"), [0, 9007199254740993, 9223372036854775807, -9223372036854775808]),
    "float": (t("float"), [0.0, 1.5, -1.100000023841858, 3.4028234663852886e38]),
    "double": (t("double"), [0.0, 1.1, -2.5e-300, 1.7976931348623157e308]),
    "string": (t("string"), ["", "x", "äöü €", "\U0001f600", "\x00\x01\"\\\n\x7f", "y" * 300]),
    "bytes": (t("bytes"), ["", b64(b"\x00\xff\x80"), b64(bytes(range(256)))]),
    "decimal": (decimal(2), [dec(0), dec(-1), dec(12345678901234567890), dec(127), dec(128), dec(-129)]),
    "decimal0": (decimal(0), [dec(5)]),
    "decimal-negative": (decimal(-3), [dec(5)]),
    "decimal-wide": (decimal(80), [dec(5)]),
    "decimal-precision": (decimal(4, parameters={"connect.decimal.precision": "10"}), [dec(99)]),
    "decimal-too-precise": (decimal(12, parameters={"connect.decimal.precision": "10"}), [dec(99)]),
    "date": (t("int32", name=D + "Date", version=1), [0, 19782, -1]),
    "time": (t("int32", name=D + "Time", version=1), [0, 86399999]),
    "timestamp": (t("int64", name=D + "Timestamp", version=1), [0, 1709200000123, -1]),
    "micro": (t("int64", name="io.debezium.time.MicroTimestamp", version=1), [1709200000123456]),
    "uuid": (t("string", name="io.debezium.data.Uuid", version=1), ["a"]),
    "json": (t("string", name="io.debezium.data.Json", version=1, doc="a doc", parameters={"b": "2", "a": "1"}), ["{}"]),
}

WRITES = []


def add(name, schema, payload, *options):
    WRITES.append((name, list(options), schema, payload))


for kind, (schema, values) in SCALARS.items():
    for i, v in enumerate(values):
        add(f"top {kind} {i}", schema, v)
    v = values[-1]
    add(f"top optional {kind}", {**schema, "optional": True}, v)
    add(f"top optional {kind} null", {**schema, "optional": True}, None)
    rec = struct("a.b.R", fields={
        "plain": schema, "opt": {**schema, "optional": True}, "nul": {**schema, "optional": True},
        "def": {**schema, "default": v}, "optdef": {**schema, "optional": True, "default": values[0]},
        "optdefnull": {**schema, "optional": True, "default": v}})
    payload = {"plain": v, "opt": v, "nul": None, "def": v, "optdef": v, "optdefnull": None}
    add(f"record of {kind}", rec, payload)
    add(f"record of {kind}, no metadata", rec, payload, META)
    add(f"array of {kind}", array(schema), values)
    add(f"array of optional {kind}", array({**schema, "optional": True}), [v, None])
    add(f"map of {kind}", dict_of(t("string"), schema), {"k": v})
    if kind not in ("bytes", "decimal", "decimal0", "float", "double"):
        add(f"map by {kind}", dict_of(schema, t("string", optional=True)), {v: None} if isinstance(v, str) and "decimal" not in kind
            else [[v, "x"]])

INNER = struct("a.b.Inner", fields={"x": t("int32"), "y": t("string", optional=True)})
OTHER = struct("c.Other", fields={"x": t("double")})
add("nested", struct("a.Outer", fields={"one": INNER, "two": INNER, "opt": {**INNER, "optional": True}, "far": OTHER}),
    {"one": {"x": 1, "y": None}, "two": {"x": 2, "y": "b"}, "opt": None, "far": {"x": 0.5}})
add("nested without names", struct(None, fields={"a": struct(None, fields={"x": t("int32")}), "b": struct(None, fields={"y": t("int32")}),
                                                  "c": struct(None, optional=True, fields={"y": t("int32")})}),
    {"a": {"x": 1}, "b": {"y": 2}, "c": {"y": 3}})
add("equal without names", struct(None, fields={"a": struct(None, fields={"x": t("int32")}), "b": struct(None, fields={"x": t("int32")})}),
    {"a": {"x": 1}, "b": {"x": 2}})
add("name without namespace", struct("R", fields={"i": struct("x.I", fields={"j": struct("J", fields={"k": t("int8")})})}),
    {"i": {"j": {"k": 3}}})
add("name like a type", struct("n.record", fields={"i": struct("n.int", fields={"k": t("int8")}), "j": struct("n.int", fields={"k": t("int8")})}),
    {"i": {"k": 3}, "j": {"k": 4}})
add("same name, other fields", struct("a.R", fields={"i": struct("a.I", fields={"k": t("int8")}), "j": struct("a.I", fields={"l": t("int8")})}),
    {"i": {"k": 3}, "j": {"l": 4}})
add("empty struct", struct("a.Empty"), {})
add("optional struct at the top", struct("a.R", optional=True, fields={"x": t("int32")}), {"x": 1})
add("struct with default", struct("a.R", fields={"s": {**INNER, "default": {"x": 3, "y": "z"}}}), {"s": None})
add("optional struct with default", struct("a.R", fields={"s": {**INNER, "optional": True, "default": {"x": 3, "y": "z"}}}),
    {"s": {"x": 1, "y": None}})
add("struct with half a default", struct("a.R", fields={"s": struct("a.S", default={"y": None}, fields={
    "x": t("int32", default=7), "y": t("string", optional=True, default="q")})}), {"s": {"x": 1, "y": None}})
add("array with default", struct("a.R", fields={"l": array(t("int32"), default=[1, 2])}), {"l": [3]})
add("array of floats with default", struct("a.R", fields={"l": array(t("float"), default=[1.5, 2.1])}), {"l": [3.5]})
add("optional array", struct("a.R", fields={"l": array(t("int32"), optional=True), "m": array(t("int32"), optional=True)}),
    {"l": [3], "m": None})
add("map with default", struct("a.R", fields={"m": dict_of(t("string"), t("int64"), default={"k": 1})}), {"m": {}})
add("map by ints with default", struct("a.R", fields={"m": dict_of(t("int32"), t("int64"), default=[[1, 2]])}), {"m": [[5, 6]]})
add("named map by ints", struct("a.R", fields={"m": dict_of(t("int32"), t("int64"), name="a.M", doc="d")}), {"m": [[5, 6]]})
add("two maps by ints", struct("a.R", fields={"m": dict_of(t("int32"), t("int64")), "n": dict_of(t("int32"), t("int64"), doc="x")}),
    {"m": [[5, 6]], "n": [[7, 8]]})
add("two different maps by ints", struct("a.R", fields={"m": dict_of(t("int32"), t("int64")), "n": dict_of(t("int64"), t("int64"))}),
    {"m": [[5, 6]], "n": [[7, 8]]})
add("optional map by ints", struct("a.R", fields={"m": dict_of(t("int32"), t("int64"), optional=True)}), {"m": [[5, 6]]})
add("map with optional string keys", dict_of(t("string", optional=True), t("int32")), {"k": 1})
add("map of maps", dict_of(t("string"), dict_of(t("string"), array(INNER))), {"a": {"b": [{"x": 1, "y": "q"}]}})
add("map of three", dict_of(t("string"), t("int32")), {"a": 1, "b": 2, "c": 3})
add("array of arrays", array(array(t("int64"))), [[1, 2], [], [3]])
add("array of optional structs", array({**INNER, "optional": True}), [{"x": 1, "y": None}, None])
add("200 items", array(t("int32")), list(range(200)))
add("docs", struct("a.R", doc="the record", version=3, fields={"x": t("int32", doc="the field"), "y": t("string", version=5)}),
    {"x": 1, "y": "2"})
add("docs as parameters", struct("a.R", parameters={"io.confluent.connect.avro.record.doc": "rd", "io.confluent.connect.avro.field.doc.x":
                                                    "fd"}, fields={"x": t("int32")}), {"x": 1})
add("default that came from Avro", struct("a.R", fields={"x": t("int32", default=5, parameters={
    "io.confluent.connect.avro.field.default": "true"})}), {"x": 1})
add("avro parameters", struct("a.R", fields={"x": t("string", parameters={"avro.java.string": "String", "other": "1"})}), {"x": "1"})
add("bad field name", struct("a.R", fields={"a-b": t("int32")}), {"a-b": 1})
add("bad record name", struct("a.1R", fields={"a": t("int32")}), {"a": 1})
add("required null", struct("a.R", fields={"a": t("string", optional=True), "b": array(t("string"))}), {"a": None, "b": ["x"]})

ENUM = t("string", name="a.Color", parameters={"io.confluent.connect.avro.Enum": "a.Color", "io.confluent.connect.avro.Enum.RED": "RED",
                                               "io.confluent.connect.avro.Enum.BLUE": "BLUE"})
for options in ([], [ENHANCED]):
    suffix = " ".join(["", *options])
    add(f"enum{suffix}", struct("a.R", fields={"c": ENUM, "o": {**ENUM, "optional": True}, "p": {**ENUM, "optional": True}}),
        {"c": "BLUE", "o": None, "p": "RED"}, *options)
    add(f"top enum{suffix}", ENUM, "BLUE", *options)
    add(f"enum with default{suffix}", struct("a.R", fields={"c": {**ENUM, "default": "RED"}}), {"c": "BLUE"}, *options)
    add(f"enum with doc{suffix}", {**ENUM, "parameters": {"io.confluent.connect.avro.enum.doc.Color": "ed", **ENUM["parameters"]}}, "RED", *options)
FIXED = t("bytes", name="a.Four", parameters={"connect.fixed.size": "4"})
add("fixed", struct("a.R", fields={"f": FIXED, "o": {**FIXED, "optional": True}, "n": {**FIXED, "optional": True}}),
    {"f": b64(b"1234"), "o": b64(b"\0\xff\x80a"), "n": None})
add("top fixed", FIXED, b64(b"1234"))
WITH_ENUM = struct("io.confluent.connect.avro.Union", fields={
    "a.Color": {**ENUM, "optional": True}, "string": t("string", optional=True), "a.b.Inner": {**INNER, "optional": True}})
for name, v in (("a.Color", "RED"), ("string", "RED"), ("a.b.Inner", {"x": 1, "y": "z"})):
    add(f"union with an enum {name}", struct("a.R", fields={"u": WITH_ENUM}), {"u": {"a.Color": None, "string": None, "a.b.Inner": None, name: v}},
        ENHANCED)
add("array of enums", array(ENUM), ["RED", "BLUE"], ENHANCED)
add("map of optional enums", dict_of(t("string"), {**ENUM, "optional": True}), {"k": None}, ENHANCED)
add("a symbol that is none", ENUM, "GREEN", ENHANCED)
UNION = struct("io.confluent.connect.avro.Union", optional=True, fields={
    "int": t("int32", optional=True), "string": t("string", optional=True), "Inner": {**INNER, "optional": True},
    "array": array(t("int64"), optional=True)})
EMPTY = {"int": None, "string": None, "Inner": None, "array": None}
for name, v in (("int", 5), ("string", "s"), ("Inner", {"x": 1, "y": None}), ("array", [1, 2])):
    add(f"union {name}", struct("a.R", fields={"u": UNION}), {"u": {**EMPTY, name: v}})
    add(f"required union {name}", struct("a.R", fields={"u": {**UNION, "optional": False}}), {"u": {**EMPTY, name: v}})
    add(f"array of unions {name}", array({**UNION, "optional": False}), [{**EMPTY, name: v}])
add("union null", struct("a.R", fields={"u": UNION}), {"u": None})
for i, v in enumerate((True, 5, 1.5, "s", [1, "a", None, [True]], {"k": 1}, {"k": {"l": [None, 2.5]}}, [], {})):
    add(f"schemaless {i}", None, v)
ENVELOPE = {"op": t("string"), "before": struct("s.t.Value", optional=True, fields={"id": t("int32"), "v": t("string", optional=True)}),
            "after": struct("s.t.Value", optional=True, fields={"id": t("int32"), "v": t("string", optional=True)}),
            "source": struct("io.debezium.connector.postgresql.Source", fields={
                "version": t("string"), "snapshot": t("string", optional=True, name="io.debezium.data.Enum", version=1,
                                                      parameters={"allowed": "true,last,false"}, default="false"), "lsn": t("int64", optional=True)}),
            "transaction": struct("event.block", optional=True, version=1, fields={"id": t("string"), "total_order": t("int64")}),
            "ts_ms": t("int64", optional=True)}
add("a Debezium envelope", struct("s.t.Envelope", version=2, fields=ENVELOPE),
    {"op": "u", "before": None, "after": {"id": 1, "v": "x"}, "source": {"version": "3", "snapshot": None, "lsn": 99}, "transaction": None,
     "ts_ms": 1})

READS = []


def read(name, schema, value, *options, reader=None):
    READS.append((name, list(options), schema, value, reader))


def record(name, fields, **more):
    return {"type": "record", "name": name, "fields": fields, **more}


def f(name, kind, **more):
    return {"name": name, "type": kind, **more}


for kind, v in {"boolean": True, "int": -5, "long": 1 << 40, "float": 1.5, "double": 2.5, "string": "ä", "bytes": b"\x00\xff"}.items():
    read(f"top {kind}", kind, v)
    read(f"top union {kind}", ["null", kind], v)
    read(f"top union {kind} null", [kind, "null"], None)
    read(f"record {kind}", record("a.R", [f("x", kind), f("y", ["null", kind], default=None), f("z", [kind, "null"])]),
         {"x": v, "y": v, "z": None})
    read(f"array {kind}", {"type": "array", "items": kind}, [v, v])
    read(f"map {kind}", {"type": "map", "values": ["null", kind]}, {"k": v})
E2 = {"type": "enum", "name": "E", "namespace": "n", "doc": "ed", "symbols": ["A", "B"]}
F4 = {"type": "fixed", "name": "F", "namespace": "n", "size": 4}
read("enum", record("R", [f("e", E2), f("o", ["null", "n.E"])]), {"e": "B", "o": "A"})
read("enum, enhanced", record("R", [f("e", E2, doc="fd"), f("o", ["null", "n.E"])]), {"e": "B", "o": None}, ENHANCED)
read("enum with a default for its field", record("R", [f("e", E2, default="A")]), {"e": "B"})
read("fixed", record("R", [f("e", F4), f("o", ["null", "n.F"])]), {"e": b"1234", "o": b"\x00\x01\xff\x80"})
read("docs and defaults", record("n.R", [f("i", "int", default=3, doc="id"), f("s", "string", default="q"), f("b", "bytes", default="\u00ff\u0001"),
                                         f("d", "double", default=1.25), f("g", "float", default=2), f("l", "long", default=7), f("t", "boolean", default=True)],
                                   doc="rd", aliases=["Old"]), {"i": 1, "s": "", "b": b"", "d": 1.0, "g": 1.0, "l": 1, "t": False})
read("docs without metadata", record("n.R", [f("i", "int", default=3, doc="id"), f("e", E2)], doc="rd"), {"i": 1, "e": "A"}, META)
read("defaults of containers", record("n.R", [f("a", {"type": "array", "items": "int"}, default=[1, 2]), f("m", {"type": "map", "values": "string"}, default={"k": "v"}),
                                              f("r", record("S", [f("x", "int"), f("y", ["null", "int"], default=None)]), default={"x": 4, "y": None})]),
     {"a": [], "m": {}, "r": {"x": 1, "y": 2}})
read("union of many", record("n.R", [f("u", ["null", "int", "string", record("S", [f("x", "int")]), E2, F4, {"type": "array", "items": "long"}])]), {"u": 5})
for i, v in enumerate((None, "s", ("n.S", {"x": 1}), ("n.E", "B"), [1, 2])):
    u = ["null", "int", "string", record("S", [f("x", "int")], namespace="n"), E2, {"type": "array", "items": "long"}]
    read(f"union value {i}", record("n.R", [f("u", u)]), {"u": v})
    read(f"union value {i}, enhanced", record("n.R", [f("u", u)]), {"u": v}, ENHANCED)
read("top union of many", ["int", "string"], "x")
read("union with a default", record("n.R", [f("u", ["int", "string"], default=4)]), {"u": "x"})
read("union of equal local names", record("n.R", [f("u", [record("a.S", [f("x", "int")]), record("b.S", [f("y", "int")])])]), {"u": ("b.S", {"y": 1})})
read("union of equal local names, enhanced", record("n.R", [f("u", [record("a.S", [f("x", "int")]), record("b.S", [f("y", "int")])])]),
     {"u": ("b.S", {"y": 1})}, ENHANCED)
for kind, base, v in (("date", "int", -3), ("time-millis", "int", 86399999), ("timestamp-millis", "long", 1), ("time-micros", "long", 5),
                      ("timestamp-micros", "long", 6), ("local-timestamp-millis", "long", 7), ("nothing-known", "int", 8)):
    read(f"logical {kind}", record("n.R", [f("x", {"type": base, "logicalType": kind}), f("y", ["null", {"type": base, "logicalType": kind}])]),
         {"x": v, "y": v})
DEC = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
read("decimal", record("n.R", [f("x", DEC), f("y", ["null", {**DEC, "precision": 64}]), f("z", {"type": "bytes", "logicalType": "decimal", "precision": 5})]),
     {"x": b"\x7f", "y": b"\xff\x00", "z": b"\x00"})
read("uuid", record("n.R", [f("x", {"type": "string", "logicalType": "uuid"})]), {"x": "3b0a2a2e-8d0e-4b62-8d58-0a5f3a3d1b52"})
read("connect properties", record("n.R", [f("x", {"type": "int", "connect.type": "int8", "connect.doc": "cd", "connect.version": 4, "connect.name": "cn",
                                                   "connect.default": 9, "connect.parameters": {"p": "q"}})], **{"connect.name": "other.Name", "connect.version": 6}),
     {"x": 300})
read("avro properties", record("n.R", [f("x", {"type": "string", "avro.java.string": "String"})]), {"x": "s"})
read("map entries", record("n.R", [f("m", {"type": "array", "items": record("io.confluent.connect.avro.MapEntry", [f("key", "int"), f("value", ["null", "string"])])})]),
     {"m": [{"key": 1, "value": "a"}]})
read("map entries of a named map", {"type": "array", "items": record("a.M", [f("key", "int"), f("value", "string")], **{"connect.internal.type": "MapEntry"})},
     [{"key": 1, "value": "a"}])
read("namespaces", record("a.R", [f("x", record("S", [f("y", record("b.T", [f("z", "int")]))])), f("u", "S"), f("v", "b.T")]),
     {"x": {"y": {"z": 1}}, "u": {"y": {"z": 2}}, "v": {"z": 3}})
read("default name", record("io.confluent.connect.avro.ConnectDefault", [f("x", "int")]), {"x": 1})
read("a null alone", "null", None)
read("a null in a record", record("n.R", [f("x", "null")]), {"x": None})
read("order and aliases", record("n.R", [f("x", "int", order="descending", aliases=["y"], extra={"a": [1, 2.5, None]})]), {"x": 1})
read("empty record", record("n.R", []), {})

# With a reader's schema, as use.latest.version does.
W = record("n.R", [f("a", "int"), f("b", "string"), f("c", ["null", "long"])])
V = {"a": 1, "b": "x", "c": 5}
read("resolve: the same", W, V, reader=W)
read("resolve: a field goes", W, V, reader=record("n.R", [f("b", "string")]))
read("resolve: a field comes", W, V, reader=record("n.R", [f("n", "int", default=9), f("o", ["null", "string"], default=None), *W["fields"]]))
read("resolve: a field comes without a default", W, V, reader=record("n.R", [f("n", "int"), *W["fields"]]))
read("resolve: other order", W, V, reader=record("n.R", W["fields"][::-1]))
read("resolve: an alias", W, V, reader=record("n.R", [f("z", "int", aliases=["a"]), f("b", "string")]))
read("resolve: promotions", W, V, reader=record("n.R", [f("a", "double"), f("b", "bytes"), f("c", ["null", "float"])]))
read("resolve: int to long", W, V, reader=record("n.R", [f("a", "long")]))
read("resolve: becomes optional", W, V, reader=record("n.R", [f("a", ["null", "int"])]))
read("resolve: becomes required", W, V, reader=record("n.R", [f("c", "long")]))
read("resolve: becomes required, null", W, {**V, "c": None}, reader=record("n.R", [f("c", "long")]))
read("resolve: cannot be", W, V, reader=record("n.R", [f("b", "int")]))
read("resolve: dropped containers", record("n.Z", [f("l", {"type": "array", "items": W}), f("m", {"type": "map", "values": "string"}), f("z", "int")]),
     {"l": [V, V], "m": {"k": "v"}, "z": 7}, reader=record("n.Z", [f("z", "int")]))
read("resolve: enum default", record("n.R", [f("e", E2)]), {"e": "B"}, reader=record("n.R", [f("e", {**E2, "symbols": ["A", "C"], "default": "C"})]))
read("resolve: union of many", record("n.R", [f("u", ["int", "string"])]), {"u": 5}, reader=record("n.R", [f("u", ["string", "long", "null"])]))
