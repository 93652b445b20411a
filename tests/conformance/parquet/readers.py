# SPDX-License-Identifier: Apache-2.0
"""pyarrow, DuckDB and parquet-java over one file: what they read in the canonical form of generate.py, and which rows their filters
let through. Each method returns sentences about what is wrong."""
import decimal
import json
import os
import pathlib
import subprocess
import uuid

import duckdb
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

import generate

HERE = pathlib.Path(__file__).resolve().parent
WIDE = decimal.Context(prec=200)
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class Unlike(Exception):
    """A column has not the type that it should have."""


# ---- Arrow arrays to the canonical form ----


def in_unit(values, has, wanted):
    """Whole numbers in another unit of time."""
    if has == wanted:
        return values
    up, down = UNITS[wanted], UNITS[has]
    if up >= down:
        return [v if v is None else v * (up // down) for v in values]
    factor = down // up
    if any(v % factor for v in values if v is not None):
        raise Unlike(f"there is a value that is no multiple of a {wanted}")
    return [v if v is None else v // factor for v in values]


def instants(array, unit):
    if pyarrow.types.is_integer(array.type):
        return array.to_pylist()
    if array.type.bit_width == 32:
        return in_unit(array.cast(pyarrow.int32()).to_pylist(), array.type.unit, unit)
    return in_unit(array.cast(pyarrow.int64()).to_pylist(), array.type.unit, unit)


def decimals(array, schema, coarse):
    if not generate.is_decimal(schema):
        return [v if v is None else v.hex() for v in array.to_pylist()]
    if coarse and generate.precision_of(schema) > 38:  # DuckDB reads a double
        return [v if v is None else 0 for v in array.to_pylist()]
    scale = generate.scale_of(schema)
    if not pyarrow.types.is_decimal(array.type) or (array.type.precision, array.type.scale) != (generate.precision_of(schema), scale):
        raise Unlike(f"a decimal is {array.type}")
    return [v if v is None else int(v.scaleb(scale, WIDE)) for v in array.to_pylist()]


def floats(array):
    bits = array.view(pyarrow.int32() if array.type == pyarrow.float32() else pyarrow.int64()).to_pylist()
    nans = pyarrow.compute.is_nan(array).to_pylist()
    return [generate.NAN if nan else v for v, nan in zip(bits, nans)]


def leaves(array, schema, coarse):
    kind, of = generate.kind_of(schema), array.type
    if kind == "decimal":
        return decimals(array, schema, coarse)
    if kind in ("float", "double"):
        if of != (pyarrow.float32() if kind == "float" else pyarrow.float64()):
            raise Unlike(f"a {kind} is {of}")
        return floats(array)
    if kind == "timestamp":
        if not pyarrow.types.is_timestamp(of) or not of.tz:
            raise Unlike(f"a timestamp is {of}")
        return instants(array, "ms")
    if kind == "time":
        if not pyarrow.types.is_time(of):
            raise Unlike(f"a time is {of}")
        return instants(array, "ms")
    if kind == "date":
        if of != pyarrow.date32():
            raise Unlike(f"a date is {of}")
        return array.cast(pyarrow.int32()).to_pylist()
    counted = generate.time_of(schema)
    if counted == "date":
        return array.cast(pyarrow.int32()).to_pylist()
    if counted:
        return instants(array, counted.removeprefix("time "))
    values = array.to_pylist()
    if schema.get("name") == generate.UUID:
        return [str(uuid.UUID(bytes=v)) if isinstance(v, bytes) else v and str(v) for v in values]
    if kind == "string":
        return [v.decode() if isinstance(v, bytes) else v for v in values]
    if kind == "bytes":
        return [v if v is None else v.hex() for v in values]
    return values


def values_of(array, schema, coarse=False):
    """A list of canonical values."""
    if isinstance(array, pyarrow.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pyarrow.ChunkedArray):
            array = pyarrow.concat_arrays(array.chunks) if array.num_chunks else pyarrow.array([], array.type)
    of, kind = array.type, schema["type"]
    if isinstance(array, pyarrow.ExtensionArray):
        return values_of(array.storage, schema, coarse)
    if pyarrow.types.is_dictionary(of):
        return values_of(array.dictionary_decode(), schema, coarse)
    if kind == "struct":
        if not pyarrow.types.is_struct(of) or [of.field(i).name for i in range(of.num_fields)] != [f["field"] for f in schema["fields"]]:
            raise Unlike(f"a struct is {of}")
        children = [values_of(array.field(i), f, coarse) for i, f in enumerate(schema["fields"])]
        return [list(row) if valid else None for row, valid in zip(zip(*children), array.is_valid().to_pylist())]
    if kind not in ("array", "map"):
        return leaves(array, schema, coarse)
    if pyarrow.types.is_map(of):
        keys, items = values_of(array.keys, schema["keys"], coarse), values_of(array.items, schema["values"], coarse)
        below = [list(pair) for pair in zip(keys, items)]
    elif kind == "map":
        pairs = {"type": "struct", "fields": [{**schema["keys"], "field": "key"}, {**schema["values"], "field": "value"}]}
        below = values_of(array.values, pairs, coarse)
    else:
        below = values_of(array.values, schema["items"], coarse)
    offsets = array.offsets.to_pylist()
    return [below[a:b] if valid else None for a, b, valid in zip(offsets, offsets[1:], array.is_valid().to_pylist())]


def nullability(field, schema, path):
    """Of pyarrow's schema against ours."""
    found = [] if field.nullable == schema["optional"] else [f"{path} is {'' if field.nullable else 'not '}nullable"]
    of = field.type
    if schema["type"] == "struct":
        for i, f in enumerate(schema["fields"]):
            found += nullability(of.field(i), f, f"{path}.{f['field']}")
    elif schema["type"] == "array":
        found += nullability(of.value_field, schema["items"], f"{path}[]")
    return found


def rows_of(table, schema, coarse=False):
    names = [f["field"] for f in schema["fields"]]
    if len(table.column_names) != len(names):
        raise Unlike(f"columns are {table.column_names}, wanted {names}")
    columns = []
    for i, f in enumerate(schema["fields"]):
        try:
            columns.append(values_of(table.column(i), f, coarse))
        except Unlike as error:
            raise Unlike(f"column {f['field']}: {error}") from None
    return [list(row) for row in zip(*columns)]


def coarse_canon(schema, value):
    """What DuckDB's rows are compared with: decimals that it can't hold count as there or not."""
    if value is None:
        return None
    kind = schema["type"]
    if kind == "struct":
        return [coarse_canon(f, value[f["field"]]) for f in schema["fields"]]
    if kind == "array":
        return [coarse_canon(schema["items"], v) for v in value]
    if kind == "map":
        return [[coarse_canon(schema["keys"], k), coarse_canon(schema["values"], v)] for k, v in value]
    if generate.kind_of(schema) == "decimal" and generate.is_decimal(schema) and generate.precision_of(schema) > 38:
        return 0
    return generate.canon(schema, value)


def differences(who, got, wanted):
    if len(got) != len(wanted):
        return [f"{who}: {len(got)} rows, wanted {len(wanted)}"]
    for number, (a, b) in enumerate(zip(got, wanted)):
        if a != b:
            column = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
            return [f"{who}: row {number}, column {column}: {json.dumps(a[column], ensure_ascii=False):.300}, "
                    f"wanted {json.dumps(b[column], ensure_ascii=False):.300}"]
    return []


def compare_filter(who, spec, got, wanted):
    if sorted(got) == wanted:
        return []
    lost, more = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    return [f"{who}: filter {'.'.join(spec.path)} {spec.op} {spec.value!r:.100}: {len(got)} rows, wanted {len(wanted)}; "
            f"lost {lost[:5]}, too many {more[:5]}"]


# ---- pyarrow ----


def arrow_literal(spec, of):
    kind = generate.kind_of(spec.schema)
    if kind == "decimal" and generate.is_decimal(spec.schema):
        return pyarrow.scalar(decimal.Decimal(spec.value).scaleb(-generate.scale_of(spec.schema), WIDE), of)
    if kind == "decimal":
        return pyarrow.scalar(generate.decimal_bytes(spec.value), of)
    if kind == "string" and not pyarrow.types.is_string(of):
        return pyarrow.scalar(spec.value.encode(), of)
    if pyarrow.types.is_timestamp(of):
        return pyarrow.scalar(spec.value, pyarrow.int64()).cast(of)
    if pyarrow.types.is_date(of) or pyarrow.types.is_time(of):
        return pyarrow.scalar(spec.value, pyarrow.int32() if of.bit_width == 32 else pyarrow.int64()).cast(of)
    return pyarrow.scalar(spec.value, of)


def with_pyarrow(path, schema, wanted, filters):
    file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
    table = file.read()
    table.validate(full=True)
    found = []
    for i, f in enumerate(schema["fields"]):
        found += [f"pyarrow: {text}" for text in nullability(table.schema.field(i), f, f["field"])]
    found += differences("pyarrow", rows_of(table, schema), wanted)
    dataset = pyarrow.dataset.dataset(path, format="parquet")
    for spec in filters:
        of = pyarrow.compute.field(*spec.path)
        kind = table.schema.field(spec.path[0]).type
        for name in spec.path[1:]:
            kind = kind.field(name).type
        if spec.value is None:
            expression = of.is_null() if spec.op == "eq" else of.is_valid()
        else:
            expression = getattr(of, f"__{spec.op}__")(arrow_literal(spec, kind))
        got = dataset.to_table(columns=["n"], filter=expression).column(0).to_pylist()
        found += compare_filter("pyarrow", spec, got, spec.rows)
    return found


# ---- DuckDB ----

OPERATORS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def duck_literal(spec, parameters):
    """None: DuckDB has no such type."""
    kind, value = generate.kind_of(spec.schema), spec.value
    if kind == "decimal" and generate.is_decimal(spec.schema):
        precision, scale = generate.precision_of(spec.schema), generate.scale_of(spec.schema)
        if precision > 38:
            return None
        return f"'{decimal.Decimal(value).scaleb(-scale, WIDE):f}'::DECIMAL({precision}, {scale})"
    if kind in ("string", "bytes", "decimal"):
        parameters.append(generate.decimal_bytes(value) if kind == "decimal" else value)
        return "?"
    if kind == "date":
        return f"(DATE '1970-01-01' + ({value}))"
    if kind == "time":
        seconds, ms = divmod(value, 1000)
        return f"TIMETZ '{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}+00'"
    if kind == "timestamp":
        return f"make_timestamptz({value * 1000})"
    if kind in ("float", "double"):
        return f"'{value!r}'::{kind}"
    return str(value).lower()


class Duck:
    def __init__(self):
        self.db = duckdb.connect(config={"threads": 1})

    def check(self, path, schema, rows, filters):
        table = self.db.sql("select * from read_parquet(?)", params=[str(path)]).to_arrow_table()
        found = differences("DuckDB", rows_of(table, schema, coarse=True), [coarse_canon(schema, row) for row in rows])
        for spec in filters:
            column = "t." + ".".join('"' + name.replace('"', '""') + '"' for name in spec.path)
            parameters = [str(path)]
            if spec.value is None:
                condition = f"{column} is {'' if spec.op == 'eq' else 'not '}null"
            else:
                literal = duck_literal(spec, parameters)
                # Bounds say nothing about NaN, and DuckDB leaves out a filter that all values between them pass.
                if literal is None or generate.time_of(spec.schema) or spec.nan:
                    continue
                condition = f"{column} {OPERATORS[spec.op]} {literal}"
            got = self.db.execute(f"select n from read_parquet(?) t where {condition}", parameters).fetchall()
            found += compare_filter("DuckDB", spec, [row[0] for row in got], spec.rows)
        return found


# ---- parquet-java ----


class Java:
    """One JVM for all files."""

    def __init__(self, work):
        jars = f"{os.environ['SLUICE_PARQUET']}/*"
        subprocess.run(["javac", "-proc:none", "-cp", jars, "-d", work, HERE / "Reader.java"], check=True)
        self.process = subprocess.Popen(
            ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8",
             "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{work}:{jars}", "Reader"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pruned = self.filters = self.blooms = 0

    def ask(self, path, filters):
        self.out = path.with_suffix(".java")
        specs = [{"column": ".".join(s.path), "op": s.op, "value": None if s.value is None else generate.canon(s.schema, s.value)}
                 for s in filters if not any("." in name for name in s.path)]
        self.process.stdin.write(json.dumps({"file": str(path), "out": str(self.out), "filters": specs}) + "\n")
        self.process.stdin.flush()

    def check(self, wanted, filters, blooms, small):
        """The answer to what ask asked for. small: bloom filters are too small to be of use."""
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("parquet-java: the JVM has ended")
        answer = json.loads(line)
        if "error" in answer:
            return [f"parquet-java: {answer['error']}"]
        with open(self.out) as lines:
            got = [json.loads(row) for row in lines]
        found = differences("parquet-java", got, wanted)
        asked = [s for s in filters if not any("." in name for name in s.path)]
        for spec, rows, read in zip(asked, answer["filters"], answer["read"]):
            found += compare_filter("parquet-java", spec, rows, spec.rows)
            self.filters += 1
            self.pruned += read < len(wanted)
        for column, bloom in answer["bloom"].items():
            self.blooms += 1
            if bloom["missing"]:
                found.append(f"parquet-java: the bloom filter of {column} lacks {bloom['missing']} of {bloom['tested']} values")
            if bloom["false"] > 0.1 and not small:
                found.append(f"parquet-java: the bloom filter of {column} says yes to {bloom['false']:.0%} of absent values")
        missing = set(blooms) - set(answer["bloom"])
        if missing and wanted:
            found.append(f"parquet-java: no bloom filter for {sorted(missing)}")
        if extra := set(answer["bloom"]) - set(blooms):
            found.append(f"parquet-java: a bloom filter for {sorted(extra)}")
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait()
