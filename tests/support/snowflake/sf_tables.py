# SPDX-License-Identifier: Apache-2.0
"""Tables, their Snowflake types, and rows that land: JSON values are cast as a COPY of JSON would cast them, and what can't be cast is
an error row, counted and kept in the table's error table. Values live in DuckDB, VARIANT and its kin as JSON text.

Names are Snowflake's: case-sensitive once resolved. DuckDB ignores case, so that a second name that differs in case only gets
another physical name (`physical`)."""

import datetime
import decimal
import json
import re
import threading
import time

import duckdb
import pyarrow

DEC = decimal.Context(prec=80, rounding=decimal.ROUND_HALF_UP)
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
MAX_TEXT = 16 << 20
MAX_BINARY = 8 << 20
MAX_VARIANT = (16 << 20) - 64
TRUES, FALSES = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0"}


class Bad(Exception):
    """A value that its column does not take."""


class SqlError(Exception):
    """A statement that fails: code, sqlState, message."""

    def __init__(self, code, state, message):
        super().__init__(message)
        self.code, self.state, self.message = code, state, message


def missing(kind, name):
    return SqlError("002003", "02000" if kind == "Pipe" else "42S02", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


# --- Types ------------------------------------------------------------------------------------------------------------

INTS = {"INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT", "LONG"}
FLOATS = {"FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"}
TEXTS = {"VARCHAR", "STRING", "TEXT", "CHAR", "CHARACTER", "NVARCHAR"}
STAMPS = {"TIMESTAMP": "TIMESTAMP_NTZ", "DATETIME": "TIMESTAMP_NTZ", "TIMESTAMP_NTZ": "TIMESTAMP_NTZ", "TIMESTAMPNTZ": "TIMESTAMP_NTZ",
          "TIMESTAMP_LTZ": "TIMESTAMP_LTZ", "TIMESTAMPLTZ": "TIMESTAMP_LTZ", "TIMESTAMP_TZ": "TIMESTAMP_TZ",
          "TIMESTAMPTZ": "TIMESTAMP_TZ"}  # fmt: skip


class Type:
    """A column's type: `base` and its numbers; `text` as DESC TABLE shows it."""

    def __init__(self, text):
        match = re.fullmatch(r"([A-Za-z_0-9]+(?: PRECISION)?)\s*(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?", text.strip(), re.I)
        if not match:
            raise SqlError("002040", "42601", f"SQL compilation error:\nUnsupported data type '{text}'.")
        name, args = match[1].upper(), match[2]
        numbers = [int(n) for n in args.split(",")] if args and re.fullmatch(r"[\d\s,]+", args) else []
        self.a = self.b = None
        if name in INTS:
            self.base, self.a, self.b, self.text = "NUMBER", 38, 0, "NUMBER(38,0)"
        elif name in ("NUMBER", "DECIMAL", "NUMERIC"):
            self.base, self.a, self.b = "NUMBER", *([*numbers, 0][:2] if numbers else (38, 0))
            if not 1 <= self.a <= 38 or not 0 <= self.b <= min(self.a, 37):
                raise SqlError("002204", "42601", f"SQL compilation error:\ninvalid precision or scale in {text}.")
            self.text = f"NUMBER({self.a},{self.b})"
        elif name in FLOATS:
            self.base = self.text = "FLOAT"
        elif name in TEXTS:
            self.base, self.a = "VARCHAR", numbers[0] if numbers else 1 if name in ("CHAR", "CHARACTER") else 16777216
            self.text = f"VARCHAR({self.a})"
        elif name in ("BINARY", "VARBINARY"):
            self.base, self.a = "BINARY", numbers[0] if numbers else MAX_BINARY
            self.text = f"BINARY({self.a})"
        elif name in ("BOOLEAN", "DATE", "VARIANT", "ARRAY", "GEOGRAPHY", "GEOMETRY"):
            self.base = self.text = name
        elif name == "TIME":
            self.base, self.a = "TIME", numbers[0] if numbers else 9
            self.text = f"TIME({self.a})"
        elif name in STAMPS:
            self.base, self.a = STAMPS[name], numbers[0] if numbers else 9
            self.text = f"{self.base}({self.a})"
        elif name in ("OBJECT", "MAP"):
            self.base, self.text = "OBJECT", text.strip().upper() if args else name
        else:
            raise SqlError("002040", "42601", f"SQL compilation error:\nUnsupported data type '{text}'.")

    @property
    def duck(self):
        return {"NUMBER": f"DECIMAL({self.a},{self.b})", "FLOAT": "DOUBLE", "BOOLEAN": "BOOLEAN", "VARCHAR": "VARCHAR", "BINARY": "BLOB",
                "DATE": "DATE", "TIME": "TIME", "TIMESTAMP_NTZ": "TIMESTAMP", "TIMESTAMP_LTZ": "TIMESTAMPTZ",
                "TIMESTAMP_TZ": "TIMESTAMPTZ"}.get(self.base, "JSON")  # fmt: skip

    @property
    def arrow(self):
        kinds = {"FLOAT": pyarrow.float64(), "BOOLEAN": pyarrow.bool_(), "BINARY": pyarrow.binary(), "DATE": pyarrow.date32(),
                 "TIME": pyarrow.time64("us"), "TIMESTAMP_NTZ": pyarrow.timestamp("us"),
                 "TIMESTAMP_LTZ": pyarrow.timestamp("us", "UTC"), "TIMESTAMP_TZ": pyarrow.timestamp("us", "UTC")}  # fmt: skip
        return pyarrow.decimal128(self.a, self.b) if self.base == "NUMBER" else kinds.get(self.base, pyarrow.string())

    @property
    def cast(self):
        return CASTS.get(self.base) or _variant


def dump(value):
    """JSON text of a parsed value; numbers with a fraction or exponent come out as they went in, not through a double."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except TypeError:
        pass
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return str(value) if isinstance(value, decimal.Decimal) else json.dumps(value, ensure_ascii=False)


def _number(value, kind):
    if isinstance(value, str):
        try:
            value = DEC.create_decimal(value.strip())
        except decimal.InvalidOperation:
            raise Bad(f"Numeric value '{value[:60]}' is not recognized") from None
        if not value.is_finite():
            raise Bad(f"Numeric value '{value}' is not recognized")
    if type(value) is int:
        if kind.b == 0:
            if abs(value) >= 10**kind.a:
                raise Bad(f"Numeric value '{value}' is out of range")
            return decimal.Decimal(value)
        value = decimal.Decimal(value)
    if not isinstance(value, decimal.Decimal):
        raise Bad(f"Failed to cast variant value {dump(value)[:60]} to FIXED")
    value = value.quantize(decimal.Decimal(1).scaleb(-kind.b), context=DEC)
    if abs(value) >= 10 ** (kind.a - kind.b):
        raise Bad(f"Numeric value '{value}' is out of range")
    return value


def _float(value, _):
    if isinstance(value, bool) or not isinstance(value, (int, decimal.Decimal, str)):
        raise Bad(f"Failed to cast variant value {dump(value)[:60]} to REAL")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise Bad(f"Numeric value '{str(value)[:60]}' is not recognized") from None


def _boolean(value, _):
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, decimal.Decimal)):
        return value != 0
    if isinstance(value, str) and value.strip().lower() in TRUES | FALSES:
        return value.strip().lower() in TRUES
    raise Bad(f"Boolean value '{dump(value)[:60]}' is not recognized")


def _text(value, kind):
    if not isinstance(value, str):
        value = dump(value)
    if len(value) > kind.a or len(value) * 4 > MAX_TEXT and len(value.encode()) > MAX_TEXT:
        raise Bad(f"String of {len(value)} characters is too long and would be truncated")
    return value


def _binary(value, kind):
    try:
        if not isinstance(value, str):
            raise ValueError
        data = bytes.fromhex(value) if " " not in value else None
        if data is None:
            raise ValueError
    except ValueError:
        raise Bad(f"The following string is not a legal hex-encoded value: '{dump(value)[:60]}'") from None
    if len(data) > kind.a:
        raise Bad("Binary value is too long and would be truncated")
    return data


def _epoch(text):
    """An integer as seconds, milliseconds, microseconds or nanoseconds, by its size."""
    n = int(text)
    size = abs(n)
    scale = 1 if size < 31536000000 else 10**3 if size < 31536000000000 else 10**6 if size < 31536000000000000 else 10**9
    try:
        return EPOCH + datetime.timedelta(microseconds=n * 10**6 // scale)
    except OverflowError:
        raise Bad(f"Timestamp '{text}' is out of range") from None


STAMP = re.compile(r"([+-]?\d{4,})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?", re.A)
TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.A)


def _moment(value, what):
    """(naive datetime, offset or None) of a string or number."""
    if type(value) is int or isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value, re.A):
        return _epoch(value), None
    match = STAMP.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise Bad(f"{what} '{dump(value)[:60]}' is not recognized")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
                                   int((fraction or "0").ljust(9, "0")[:6]))  # fmt: skip
    except ValueError:
        raise Bad(f"{what} '{value[:60]}' is not recognized") from None
    if zone is None:
        return moment, None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = 0 if zone == "Z" else (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:]))
    return moment, datetime.timedelta(minutes=minutes)


def _date(value, _):
    return _moment(value, "Date")[0].date()


def _time(value, kind):
    if isinstance(value, str) and re.fullmatch(r"\d+", value, re.A):
        return _epoch(value).time()
    match = TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        if match:
            hour, minute, second, fraction = match.groups()
            return datetime.time(int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(9, "0")[:6]))
    except ValueError:
        pass
    raise Bad(f"Time '{dump(value)[:60]}' is not recognized")


def _ntz(value, _):
    return _moment(value, "Timestamp")[0]


def _zoned(value, _):
    moment, offset = _moment(value, "Timestamp")
    return (moment - (offset or datetime.timedelta())).replace(tzinfo=UTC)


def _variant(value, _):
    text = dump(value)
    if len(text) * 4 > MAX_VARIANT and len(text.encode()) > MAX_VARIANT:
        raise Bad("Max LOB size (16777216) exceeded")
    return text


def _array(value, kind):
    return _variant(value if isinstance(value, list) else [value], kind)


def _object(value, kind):
    if not isinstance(value, dict):
        raise Bad(f"Failed to cast variant value {dump(value)[:60]} to OBJECT")
    return _variant(value, kind)


CASTS = {"NUMBER": _number, "FLOAT": _float, "BOOLEAN": _boolean, "VARCHAR": _text, "BINARY": _binary, "DATE": _date, "TIME": _time,
         "TIMESTAMP_NTZ": _ntz, "TIMESTAMP_LTZ": _zoned, "TIMESTAMP_TZ": _zoned, "ARRAY": _array, "OBJECT": _object}  # fmt: skip


def _refuse(name):
    raise ValueError(f"{name} is no JSON")


def _no_twice(pairs):
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a name twice")
    return made


_decoder = json.JSONDecoder(parse_float=decimal.Decimal, parse_constant=_refuse, object_pairs_hook=_no_twice, strict=True)


def parse_lines(body):
    """(rows, errors) of NDJSON: parsed objects, and (line, why) of lines that are none. Strict RFC 8259; CRLF is taken for LF."""
    rows, errors = [], []
    for line in body.split(b"\n"):
        if line.endswith(b"\r"):
            line = line[:-1]
        if not line:
            continue
        try:
            text = line.decode()
            row, end = _decoder.raw_decode(text)
            if end != len(text) or not isinstance(row, dict):
                raise ValueError("not one object in one line")
            if "\\ud" in text or "\\uD" in text:
                dump(row).encode()  # a lone surrogate
            rows.append(row)
        except (ValueError, RecursionError) as error:
            errors.append((line[:2000].decode(errors="replace"), f"Error parsing JSON: {error}"))
    return rows, errors


# --- Tables -----------------------------------------------------------------------------------------------------------


class Column:
    def __init__(self, name, kind, not_null=False, default=None, comment=None, autoincrement=False):
        self.name, self.type, self.not_null, self.default = name, kind, not_null, default
        self.comment, self.autoincrement = comment, autoincrement
        self.physical = name


class Table:
    def __init__(self, db, schema, name, owner):
        self.db, self.schema, self.name, self.owner = db, schema, name, owner
        self.columns = {}  # name: Column
        self.iceberg = self.evolution = self.error_logging = False
        self.comment = ""
        self.grants = {}  # role: set of privileges
        self.rows = 0
        self.created = time.time()
        self.physical = name

    def may(self, role, *privileges):
        held = self.grants.get(role, set()) | ({"OWNERSHIP"} if role == self.owner else set())
        return "OWNERSHIP" in held or "ALL" in held or all(p in held for p in privileges)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Store:
    """All tables, over one DuckDB."""

    def __init__(self, path=":memory:"):
        self.lock = threading.RLock()  # one statement at a time
        self.duck = duckdb.connect(str(path))
        self.duck.execute("set timezone = 'UTC'")
        self.duck.execute("create schema errors")
        self.duck.execute("create table commits(tbl varchar, channel varchar, first varchar, last varchar, rows bigint, landed double,"
                          " row_from bigint, row_to bigint)")  # fmt: skip
        self.tables = {}  # (db, schema, name): Table
        self.schemas = set()  # (db, schema)
        self.errors = 0

    def physical_schema(self, db, schema):
        return f"{db}.{schema}"

    def add_schema(self, db, schema):
        self.duck.execute(f"create schema if not exists {quoted(self.physical_schema(db, schema))}")
        if not self.schemas:  # names without a path are those of the first
            self.duck.execute("set search_path = '" + quoted(self.physical_schema(db, schema)).replace("'", "''") + ",main'")
        self.schemas.add((db, schema))

    def path(self, table):
        return f"{quoted(self.physical_schema(table.db, table.schema))}.{quoted(table.physical)}"

    def get(self, db, schema, name):
        table = self.tables.get((db, schema, name))
        if table is None:
            raise missing("Table", f"{db}.{schema}.{name}")
        return table

    @staticmethod
    def _physical(name, others):
        taken = {other.lower() for other in others}
        found, n = name, 2
        while found.lower() in taken:
            found, n = f"{name}__{n}", n + 1
        return found

    def create(self, table, columns):
        with self.lock:
            table.physical = self._physical(table.name, [t.physical for t in self.tables.values() if (t.db, t.schema) == (table.db, table.schema)])
            for column in columns:
                column.physical = self._physical(column.name, [c.physical for c in table.columns.values()])
                table.columns[column.name] = column
            body = ", ".join(f"{quoted(c.physical)} {c.type.duck}" for c in columns) or '"__none" int'
            self.duck.execute(f"create table {self.path(table)} ({body})")
            self.duck.execute(f"create or replace table errors.{quoted(table.physical)}(landed double, channel varchar, why varchar, line varchar)")
            self.tables[table.db, table.schema, table.name] = table

    def drop(self, table):
        with self.lock:
            self.duck.execute(f"drop table {self.path(table)}")
            self.duck.execute(f"drop table errors.{quoted(table.physical)}")
            del self.tables[table.db, table.schema, table.name]

    def add_column(self, table, column):
        with self.lock:
            column.physical = self._physical(column.name, [c.physical for c in table.columns.values()])
            self.duck.execute(f"alter table {self.path(table)} add column {quoted(column.physical)} {column.type.duck}")
            table.columns[column.name] = column

    # --- Rows ---------------------------------------------------------------------------------------------------------

    def land(self, table, rows, role, match, evolve):
        """Casts parsed rows to columns. Returns (arrow arrays by column, good rows, [(row text, why)]). match: exact or any_case;
        evolve: unknown names become columns where the table and the role allow it."""
        evolve = evolve and table.evolution and table.may(role, "EVOLVE SCHEMA")
        by_name = table.columns if match == "exact" else {c.name.upper(): c for c in table.columns.values()}
        columns = {}  # Column: list
        good, errors = 0, []
        for row in rows:
            made = {}
            try:
                for name, value in row.items():
                    column = by_name.get(name if match == "exact" else name.upper())
                    if column is None:
                        if evolve and value is not None:
                            column = Column(name, infer(value))
                            self.add_column(table, column)
                            by_name[name if match == "exact" else name.upper()] = column
                        else:
                            continue  # dropped without a word
                    if value is not None:
                        try:
                            made[column] = column.type.cast(value, column.type)
                        except Bad as why:
                            raise Bad(f"{why}; column {column.name}") from None
                for column in table.columns.values():
                    if column.not_null and made.get(column) is None and column.default is None and not column.autoincrement:
                        if not evolve:
                            raise Bad(f"NULL result in a non-nullable column {column.name}")
                        column.not_null = False
            except Bad as why:
                errors.append((dump(row)[:4000], str(why)))
                continue
            for column, value in made.items():
                values = columns.setdefault(column, [])
                if len(values) < good:
                    values.extend([None] * (good - len(values)))
                values.append(value)
            good += 1
        arrays = {}
        for column, values in columns.items():
            values.extend([None] * (good - len(values)))
            arrays[column] = pyarrow.array(values, column.type.arrow)
        return arrays, good, errors

    def insert(self, table, arrays, good, errors, channel, first, last):
        """Rows and errors of one commit, in one transaction."""
        at = time.time()
        with self.lock:
            self.duck.execute("begin")
            if good:
                names = ", ".join(quoted(c.physical) for c in arrays)
                if arrays:
                    batch = pyarrow.table(list(arrays.values()), names=[f"c{i}" for i in range(len(arrays))])
                    self.duck.register("batch", batch)
                    self.duck.execute(f"insert into {self.path(table)} ({names}) select * from batch")
                    self.duck.unregister("batch")
                else:
                    first_column = quoted(next(iter(table.columns.values())).physical)
                    self.duck.execute(f"insert into {self.path(table)} ({first_column}) select null from range({good})")
            if errors and table.error_logging:
                self.duck.executemany(f"insert into errors.{quoted(table.physical)} values (?, ?, ?, ?)",
                                      [(at, channel, why, line) for line, why in errors])  # fmt: skip
            self.duck.execute("insert into commits values (?, ?, ?, ?, ?, ?, ?, ?)",
                              (table.physical, channel, first, last, good, at, table.rows, table.rows + good))  # fmt: skip
            self.duck.execute("commit")
            table.rows += good

    def query(self, sql):
        """An Arrow table, for tests."""
        with self.lock:
            return self.duck.execute(sql).to_arrow_table()


def infer(value):
    """The type that server-side evolution gives a new column."""
    if isinstance(value, bool):
        return Type("BOOLEAN")
    if isinstance(value, int):
        return Type("NUMBER(38,0)")
    if isinstance(value, decimal.Decimal):
        return Type("FLOAT")
    return Type("VARCHAR" if isinstance(value, str) else "ARRAY" if isinstance(value, list) else "VARIANT")
