# SPDX-License-Identifier: Apache-2.0
"""Random Connect schemas and rows of them, for compare.py. A value is kept in its model form: None, bool, int, float, str, bytes,
dict (struct), list (array), list of pairs (map); logical types are the integers that Connect has under them, a Decimal is its
unscaled integer. From that come the JSON that format_lines reads, and the canonical form that readers' values are compared in."""
import base64
import math
import struct
import uuid

KAFKA = "org.apache.kafka.connect.data."
NAN = "NaN"
DAY_MAX = 2_000_000_000
MS_MAX = 9_000_000_000_000_000  # what DuckDB's microseconds in 64 bits hold

# Debezium's: what integers they are, and how far apart from zero ours go (DuckDB has microseconds in 64 bits).
TIMES = {"io.debezium.time.Date": ("int32", "date", DAY_MAX), "io.debezium.time.Timestamp": ("int64", "ms", MS_MAX),
         "io.debezium.time.MicroTimestamp": ("int64", "us", MS_MAX * 1000), "io.debezium.time.NanoTimestamp": ("int64", "ns", 9 * 10**18),
         "io.debezium.time.Time": ("int32", "time ms", 86_399_999), "io.debezium.time.MicroTime": ("int64", "time us", 86_399_999_999)}
UUID = "io.debezium.data.Uuid"

# Where hybrid runs, their bit-packed groups of 8 and miniblocks of delta encodings begin and end.
BOUNDARIES = (0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 503, 504, 505, 512, 513)

NAMES = ("a", "b", "key", "value", "list", "element", "array", "item", "key_value", "max", "Größe", "with space", "dot.ted", "x-y", "日本", "_1",
         "select", "id", "emoji😀", "quote\"d", "tick`", "end ", "0")


# ---- schemas ----


def leaf_schema(rng, plain=False):
    """A schema without its optionality."""
    kinds = ["boolean", "int8", "int16", "int32", "int64", "float", "double", "string", "string", "bytes"]
    if not plain:
        kinds += ["decimal", "decimal", "date", "time", "timestamp", "enum", "fixed", "debezium", "uuid"]
    kind = rng.choice(kinds)
    if kind == "decimal":
        precision = rng.choice((None, 1, 4, 9, 10, 18, 19, 28, 38, 39, 64, 76))
        scale = rng.choice((0, 1, 2, precision or 10, -2, (precision or 64) + 3, rng.randint(0, precision or 20)))
        parameters = {"scale": str(scale)}
        if precision:
            parameters["connect.decimal.precision"] = str(precision)
        return {"type": "bytes", "name": KAFKA + "Decimal", "version": 1, "parameters": parameters}
    if kind in ("date", "time"):
        return {"type": "int32", "name": KAFKA + kind.capitalize(), "version": 1}
    if kind == "timestamp":
        return {"type": "int64", "name": KAFKA + "Timestamp", "version": 1}
    if kind == "debezium":
        name = rng.choice(list(TIMES))
        return {"type": TIMES[name][0], "name": name, "version": 1}
    if kind == "uuid":
        return {"type": "string", "name": UUID, "version": 1}
    if kind == "enum":
        symbols = ["RED", "GREEN", "BLUE"]
        parameters = {"io.confluent.connect.avro.Enum": "Colour", **{f"io.confluent.connect.avro.Enum.{s}": s for s in symbols}}
        return {"type": "string", "name": "Colour", "parameters": parameters}
    if kind == "fixed":
        return {"type": "bytes", "name": "Token", "parameters": {"connect.fixed.size": str(rng.choice((1, 4, 16)))}}
    return {"type": kind}


def key_schema(rng):
    """Of a map; null keys and floats as keys are left to those who like them."""
    if rng.random() < 0.6:
        return {"type": "string", "optional": False}
    if rng.random() < 0.2:
        return {"type": "struct", "optional": False, "fields": [{**leaf_schema(rng, True), "field": "k", "optional": rng.random() < 0.5},
                                                                {"type": "int32", "field": "j", "optional": False}]}
    return {**rng.choice(({"type": "int32"}, {"type": "int64"}, {"type": "boolean"}, {"type": "bytes"}, {"type": "int16"})),
            "optional": rng.random() < 0.3}


def any_schema(rng, depth):
    """depth: levels of nesting that are still allowed."""
    what = rng.random()
    optional = rng.random() < 0.6
    if depth == 0 or what < 0.5:
        return {**leaf_schema(rng), "optional": optional}
    if what < 0.7:
        return struct_schema(rng, rng.randint(1, 3), depth - 1, optional)
    if what < 0.87:
        return {"type": "array", "optional": optional, "items": any_schema(rng, depth - 1)}
    return {"type": "map", "optional": optional, "keys": key_schema(rng), "values": any_schema(rng, depth - 1)}


def struct_schema(rng, count, depth, optional=False):
    names = rng.sample(NAMES, count)
    fields = [{**any_schema(rng, depth), "field": name} for name in names]
    return {"type": "struct", "optional": optional, "fields": fields}


def record_schema(rng, only=None):
    """The first column numbers the rows, so that a filter's rows can be told. only: leaves of this type under it."""
    if only:
        fields = [{"type": only, "field": f"c{i}", "optional": i % 2 == 1} for i in range(2)]
    else:
        fields = struct_schema(rng, rng.choice((1, 1, 2, 3, 6)), 4)["fields"]
    record = {"type": "struct", "optional": False, "fields": [{"type": "int64", "field": "n", "optional": False}, *fields]}
    if rng.random() < 0.5:
        record["name"] = "lake.Row"
    return record


def kind_of(schema):
    """What a leaf's values mean: its type, or "decimal", "date", "time", "timestamp"."""
    name = schema.get("name") or ""
    return name[len(KAFKA):].lower() if name.startswith(KAFKA) else schema["type"]


def time_of(schema):
    """What Debezium's integers count: "date", "ms", "time us"...; None for other schemas."""
    return TIMES.get(schema.get("name") or "", (None, None))[1]


default_precision = 64


def use(options):
    """What the options of a case change in what its schema means."""
    global default_precision
    default_precision = int(options.get("sluice.parquet.decimal.precision", 64))


def one_member_lists(schema):
    """Is there an array of structs with one member in it? As two-level lists DuckDB takes those for three-level ones."""
    if schema["type"] == "array" and schema["items"]["type"] == "struct" and len(schema["items"]["fields"]) == 1:
        return True
    below = schema.get("fields") or [schema[name] for name in ("items", "keys", "values") if name in schema]
    return any(map(one_member_lists, below))


def precision_of(schema):
    return int(schema["parameters"].get("connect.decimal.precision", default_precision))


def scale_of(schema):
    return int(schema["parameters"]["scale"])


def is_decimal(schema):
    """Parquet has no negative scales and none above the precision: those stay bytes."""
    return kind_of(schema) == "decimal" and 0 <= scale_of(schema) <= precision_of(schema)


# ---- values ----


def float32(value):
    if math.isnan(value) or math.isinf(value):
        return value
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def text(rng):
    what = rng.random()
    if what < 0.1:
        return ""
    if what < 0.6:
        return f"value {rng.randint(0, 10**6)}"
    if what < 0.9:
        alphabet = ("abc", "äöü", "日本語", "😀🎉", "\x00\n\"\\", "\U0010ffff", "\uffff", "zz~")
        return "".join(rng.choice(rng.choice(alphabet)) for _ in range(rng.choice((1, 5, 63, 64, 65, 100))))
    if what < 0.97:
        return "\U0010ffff" * rng.choice((15, 16, 17, 40)) + rng.choice(("", "a"))
    return rng.choice("xyé") * rng.choice((300, 5000, 70_000))


def leaf(rng, schema):
    kind = kind_of(schema)
    small = rng.random() < 0.5
    if time_of(schema):
        most = TIMES[schema["name"]][2]
        return rng.randint(0 if "time " in time_of(schema) else -most, most) if small else rng.randint(0, min(most, 10**6))
    if schema.get("name") == UUID:
        return str(uuid.UUID(bytes=rng.randbytes(16)))
    if kind == "boolean":
        return small
    if kind in ("int8", "int16", "int32", "int64"):
        bits = int(kind[3:]) - 1
        edge = rng.random()
        if edge < 0.04:
            return rng.choice((-(2**bits), 2**bits - 1))
        return rng.randint(-100, 100) if small else rng.randint(-(2**bits), 2**bits - 1)
    if kind in ("float", "double"):
        edge = rng.random()
        if edge < 0.25:
            value = rng.choice((math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e-45, 3.4028234663852886e38))
        else:
            value = rng.randint(-1000, 1000) / 4 if small else rng.gauss(0, 1e6)
        return float32(value) if kind == "float" else value
    if kind == "string":
        return rng.choice(("RED", "GREEN", "BLUE")) if schema.get("name") else text(rng)
    if kind == "decimal":
        digits = rng.randint(0, precision_of(schema))
        return rng.choice((-1, 1)) * rng.randint(0, 10**digits - 1)
    if kind == "date":
        return rng.randint(-1000, 30000) if small else rng.randint(-DAY_MAX, DAY_MAX)
    if kind == "time":
        return rng.randint(0, 86_399_999)
    if kind == "timestamp":
        return rng.randint(0, 2 * 10**12) if small else rng.randint(-MS_MAX, MS_MAX)
    size = (schema.get("parameters") or {}).get("connect.fixed.size")
    if size:
        return rng.randbytes(int(size))
    if rng.random() < 0.1:
        return b"\xff" * rng.choice((3, 63, 64, 65, 100))
    return rng.randbytes(rng.choice((0, 1, 3, 16, 16, 100)))


def sort_key(value):
    return (value != value, value) if isinstance(value, float) else value


class Source:
    """Values of one node of a schema, in the manner that was drawn for it: how many nulls, how many distinct, in which order."""

    def __init__(self, rng, schema, depth=0):
        self.rng, self.schema = rng, schema
        self.nulls = rng.choice((0, 0.1, 0.1, 0.5, 0.95, 1)) if schema["optional"] else 0
        self.run = rng.choice((1, 1, 1, 3, 20, 300))
        self.left, self.was_null = 0, False
        kind = schema["type"]
        if kind == "struct":
            self.children = [Source(rng, f, depth) for f in schema["fields"]]
        elif kind in ("array", "map"):
            self.sizes = rng.choice(((0,), (1,), (0, 1, 2), (0, 1, 2), (0, 0, 0, 0, 0, 40 if depth < 2 else 3)))
            self.children = [Source(rng, schema[name], depth + 1) for name in (("items",) if kind == "array" else ("keys", "values"))]
        else:
            self.pool = [leaf(rng, schema) for _ in range(rng.choice((1, 2, 3, 17, 200, 2000, 10_000)))]
            self.order = rng.choice(("random", "random", "up", "down"))
            if self.order != "random":
                self.pool.sort(key=sort_key, reverse=self.order == "down")
            self.at = 0

    def next(self):
        if self.schema["optional"]:
            if self.left == 0:
                self.left, self.was_null = self.rng.randint(1, self.run), self.rng.random() < self.nulls
            self.left -= 1
            if self.was_null:
                return None
        kind = self.schema["type"]
        if kind == "struct":
            return {f["field"]: child.next() for f, child in zip(self.schema["fields"], self.children)}
        if kind == "array":
            return [self.children[0].next() for _ in range(self.rng.choice(self.sizes))]
        if kind == "map":
            pairs = {}
            for _ in range(self.rng.choice(self.sizes)):
                key, value = self.children[0].next(), self.children[1].next()
                pairs.setdefault(repr(key), (key, value))
            return list(pairs.values())
        if self.order == "random":
            return self.rng.choice(self.pool)
        self.at = min(self.at + (self.rng.random() < 0.5), len(self.pool) - 1)
        return self.pool[self.at]


def rows_of(rng, schema, count):
    source = Source(rng, schema)
    rows = [source.next() for _ in range(count)]
    for number, row in enumerate(rows):
        row["n"] = number
    return rows


def wide_schema():
    """For files of several row groups."""
    fields = [{"type": "int64", "field": "n", "optional": False}, {"type": "bytes", "field": "noise", "optional": True},
              {"type": "double", "field": "number", "optional": False}, {"type": "float", "field": "measure", "optional": True},
              {"type": "string", "field": "text", "optional": False},
              {"type": "array", "field": "list", "optional": True, "items": {"type": "int64", "optional": True}}]
    return {"type": "struct", "optional": False, "fields": fields}


def noise_rows(rng, schema, count):
    return [{"n": n, "noise": rng.randbytes(rng.randint(0, 400)) if rng.random() < 0.9 else None, "number": rng.random(), "measure": float32(rng.gauss(20, 3)),
             "text": f"row {n} {rng.random()}", "list": [rng.randrange(2**60) for _ in range(n % 4)] if n % 7 else None} for n in range(count)]


# ---- other forms ----


def decimal_bytes(value):
    """The fewest bytes that hold it, as Java's BigInteger gives them."""
    return value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)


def payload(schema, value):
    """For format_lines: JsonConverter's payload, with what JSON lacks as strings."""
    if value is None:
        return None
    kind = kind_of(schema)
    if kind == "struct":
        return {f["field"]: payload(f, value[f["field"]]) for f in schema["fields"]}
    if kind == "array":
        return [payload(schema["items"], item) for item in value]
    if kind == "map":
        pairs = [[payload(schema["keys"], k), payload(schema["values"], v)] for k, v in value]
        return dict(pairs) if schema["keys"]["type"] == "string" else pairs
    if kind in ("float", "double"):
        if math.isnan(value):
            return NAN
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return "-0.0" if value == 0 and math.copysign(1, value) < 0 else value
    if kind == "decimal":
        return base64.b64encode(decimal_bytes(value)).decode()
    return base64.b64encode(value).decode() if kind == "bytes" else value


def float_bits(value, single=False):
    """Canonical: the bits as a signed integer, one for all NaNs."""
    if math.isnan(value):
        return NAN
    return struct.unpack("<i" if single else "<q", struct.pack("<f" if single else "<d", value))[0]


def canon(schema, value):
    """What each reader's value is brought to: JSON, a struct as the list of its members, a map as list of pairs, floats as
    their bits, bytes as hexadecimal digits."""
    if value is None:
        return None
    kind = kind_of(schema)
    if kind == "struct":
        return [canon(f, value[f["field"]]) for f in schema["fields"]]
    if kind == "array":
        return [canon(schema["items"], item) for item in value]
    if kind == "map":
        return [[canon(schema["keys"], k), canon(schema["values"], v)] for k, v in value]
    if kind in ("float", "double"):
        return float_bits(value, kind == "float")
    if kind == "decimal":
        return value if is_decimal(schema) else decimal_bytes(value).hex()
    return value.hex() if kind == "bytes" else value


# ---- columns ----


class Column:
    """A leaf with its name in the file (three-level lists), and with its entries: (row, repetition level, definition level, value or None), as Dremel's shredding gives them."""

    def __init__(self, schema, path, max_def, max_rep):
        self.schema, self.path, self.max_def, self.max_rep = schema, path, max_def, max_rep
        self.entries = []
        self.starts = []  # a row's first entry; one more at the end

    def entries_by_row(self, first, count):
        return self.entries[self.starts[first] : self.starts[first + count]]


def columns_of(schema, rows):
    """All leaves in file order, for three-level lists (two-level ones have the same levels)."""
    columns = []

    def compile_node(node, path, defs, reps):
        defs += node["optional"]
        kind = node["type"]
        if kind == "struct":
            return [compile_node(f, (*path, f["field"]), defs, reps) for f in node["fields"]]
        if kind == "array":
            return [compile_node(node["items"], (*path, "list", "element"), defs + 1, reps + 1)]
        if kind == "map":
            plain = node["keys"]["type"] == "string" and not node["keys"]["optional"]
            path += ("key_value",) if plain else ("list", "element")
            return [compile_node(node[part], (*path, part[:-1]), defs + 1, reps + 1) for part in ("keys", "values")]
        columns.append(Column(node, path, defs, reps))
        return columns[-1]

    def nulls(plan, row, rep, defs):
        if isinstance(plan, Column):
            plan.entries.append((row, rep, defs, None))
        else:
            for child in plan:
                nulls(child, row, rep, defs)

    def shred(node, plan, value, row, rep, defs, depth):
        if node["optional"]:
            if value is None:
                return nulls(plan, row, rep, defs)
            defs += 1
        kind = node["type"]
        if kind == "struct":
            for f, child in zip(node["fields"], plan):
                shred(f, child, value[f["field"]], row, rep, defs, depth)
        elif kind in ("array", "map"):
            parts = (node["items"],) if kind == "array" else (node["keys"], node["values"])
            if not value:
                return nulls(plan, row, rep, defs)
            for i, item in enumerate(value):
                for part, child, one in zip(parts, plan, (item,) if kind == "array" else item):
                    shred(part, child, one, row, depth + 1 if i else rep, defs + 1, depth + 1)
        else:
            plan.entries.append((row, rep, defs, value))

    plan = [compile_node(f, (f["field"],), 0, 0) for f in schema["fields"]]
    for number, row in enumerate(rows):
        for column in columns:
            column.starts.append(len(column.entries))
        for f, child in zip(schema["fields"], plan):
            shred(f, child, row[f["field"]], number, 0, 0, 0)
    for column in columns:
        column.starts.append(len(column.entries))
    return columns
