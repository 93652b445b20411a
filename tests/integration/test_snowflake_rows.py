# SPDX-License-Identifier: Apache-2.0
"""Rows and tables of the Snowflake sink (tests/support/sf_rows.c: encoder, batch, table, one channel) against the stand-in for an account:
what DuckDB has is what was sent, for every Connect type, random values (the seed is printed), tables that grow with their records,
change logs and the rows that are made from them."""

import base64
import datetime
import decimal
import json
import os
import random
import subprocess
import time

import pytest

import stand
from conftest import SLOW

TOOL = os.environ.get("SLUICE_SF_ROWS", stand.PLACES["SLUICE_ROOT"] / "build/dev/tests/sf_rows")
SWITCHES = {"schematize": 1, "metadata": 1, "hex": 1}
CONNECT = "org.apache.kafka.connect.data."


@pytest.fixture
def table(snowflake):
    """The name of a table that is not there yet."""
    snowflake.quiet()
    snowflake.settings(commit_delay=[0, 0.05], requests_per_second=0)
    snowflake.made = getattr(snowflake, "made", 0) + 1
    yield f"Rows {snowflake.made}"
    assert snowflake.violations() == []


def run(account, table, records, first=0, fails=False, **switches):
    """Sends records (key, value), each None, plain JSON (a pair without "schema") or an envelope. Answers a line a record."""
    given = {"url": account.url, "user": account.user, "role": account.role, "key_file": account.key_file, "db": account.db,
             "schema": account.schema, "table": table, "first": first} | (switches or SWITCHES)  # fmt: skip
    text = "".join(f"{json.dumps(envelope(k))}\t{json.dumps(envelope(v))}\n" for k, v in records)
    done = subprocess.run([TOOL, *(f"{k}={v}" for k, v in given.items() if v is not None)], input=text, capture_output=True, text=True,
                          timeout=60 * SLOW)  # fmt: skip
    assert not done.stderr, done.stderr
    *lines, end = [json.loads(line) for line in done.stdout.splitlines()]
    assert fails or end["error"] == "", end
    return [line["row"] if line["row"] != "error" else line["error"] for line in lines] + ([end["error"]] if fails else [])


def envelope(value):
    return value if value is None or isinstance(value, dict) and set(value) == {"schema", "payload"} else {"schema": None, "payload": value}


def field(field_name, kind, **more):
    return {"field": field_name, "type": kind, "optional": True} | more


def struct(*fields, **more):
    return {"type": "struct", "fields": list(fields), "optional": True} | more


def b64(data):
    return base64.b64encode(data).decode()


def unscaled(value, scale):
    number = int(decimal.Context(prec=200).scaleb(value, scale))
    return b64(number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True))


def dec(field_name, scale, **more):
    return field(field_name, "bytes", name=CONNECT + "Decimal", parameters={"scale": str(scale)} | more)


ALL = struct(field("i8", "int8"), field("i16", "int16"), field("i32", "int32"), field("i64", "int64"), field("f32", "float"),
             field("f64", "double"), field("b", "boolean"), field("s", "string"), field("y", "bytes"), dec("d", 4), dec("wide", 10),
             field("day", "int32", name=CONNECT + "Date"), field("t", "int32", name=CONNECT + "Time"),
             field("ts", "int64", name=CONNECT + "Timestamp"), field("list", "array", items={"type": "int64", "optional": True}),
             field("map", "map", keys={"type": "string"}, values={"type": "string", "optional": True}),
             field("pairs", "map", keys={"type": "int32"}, values={"type": "double"}),
             field("in", "struct", fields=[field("x", "int64"), field("y", "struct", fields=[field("z", "string")])]))  # fmt: skip


def random_text(rng):
    return "".join(chr(rng.choice([rng.randrange(1, 128), rng.randrange(160, 0x800), rng.randrange(0xE000, 0xFFFE), rng.randrange(0x1F300, 0x1F600),
                                   34, 92])) for _ in range(rng.randrange(0, 30)))  # fmt: skip


def random_row(rng):
    """(payload, what DuckDB must have)."""
    day, ms, ts = rng.randrange(-700000, 2900000), rng.randrange(86400000), rng.randrange(-62135596800000, 253402300799999)
    small = decimal.Decimal(rng.randrange(-(10**20), 10**20)).scaleb(-4)
    wide = decimal.Context(prec=60).scaleb(decimal.Decimal(rng.randrange(-(10**50), 10**50)), -10)
    f32 = rng.choice([0.5, -1.25, 1e30, 3.0])
    f64 = rng.choice([rng.uniform(-1e9, 1e9), 1e300, 5e-324, 0.1])
    texts = {random_text(rng): random_text(rng) for _ in range(3)}
    payload = {"i8": rng.randrange(-128, 128), "i16": rng.randrange(-32768, 32768), "i32": rng.randrange(-(2**31), 2**31),
               "i64": rng.choice([rng.randrange(-(2**63), 2**63), 2**63 - 1, -(2**63)]), "f32": f32, "f64": f64, "b": rng.random() < 0.5,
               "s": random_text(rng), "y": b64(rng.randbytes(rng.randrange(20))), "d": unscaled(small, 4), "wide": unscaled(wide, 10),
               "day": day, "t": ms, "ts": ts, "list": [rng.randrange(-(2**63), 2**63), None], "map": texts,
               "pairs": [[rng.randrange(100), 0.25]], "in": {"x": rng.randrange(2**62), "y": {"z": random_text(rng)}}}  # fmt: skip
    epoch = datetime.datetime(1970, 1, 1)
    want = dict(payload) | {"y": base64.b64decode(payload["y"]), "d": str(small), "wide": str(wide),
                            "day": (epoch + datetime.timedelta(days=day)).date(), "t": (epoch + datetime.timedelta(milliseconds=ms)).time(),
                            "ts": epoch + datetime.timedelta(milliseconds=ts)}  # fmt: skip
    for name in payload:
        if rng.random() < 0.1:
            payload[name] = want[name] = None
    return payload, want


def landed(account, table, order="cast(RECORD_METADATA->>'offset' as bigint)"):
    names = [c["name"] for t in account.ask("tables").json()["tables"] if t["name"] == table for c in t["columns"]]
    found = account.rows(f'select * from "{table}" order by {order}')
    assert account.rows(f'select * from errors."{table}"') == []
    return [dict(zip(names, row)) for row in found]


@pytest.mark.parametrize("validate", [None, 1])
def test_every_type_random(snowflake, table, validate):
    seed = int(os.environ.get("SEED", time.time_ns() % 10**9))
    print("seed", seed)
    rng = random.Random(seed)
    made = [random_row(rng) for _ in range(300)]
    answers = run(snowflake, table, [(None, {"schema": ALL, "payload": p}) for p, _ in made], validate=validate, **SWITCHES)
    assert set(answers) == {"done"}
    rows = landed(snowflake, table)
    assert len(rows) == len(made)
    for i, (row, (_, want)) in enumerate(zip(rows, made)):
        meta = json.loads(row.pop("RECORD_METADATA"))
        assert meta == {"topic": "t", "partition": 1, "offset": i, "CreateTime": 1700000000000 + i, "SnowflakeConnectorPushTime": 1700000000123}
        for name, value in want.items():
            got = row[name]
            if name in ("list", "map", "pairs", "in") and got is not None:
                got = json.loads(got)
            if isinstance(value, str) and name in ("d", "wide"):
                got, value = decimal.Decimal(got), decimal.Decimal(value)
            assert got == value, (seed, i, name, got, value)
    types = {c["name"]: c["type"] for t in snowflake.ask("tables").json()["tables"] if t["name"] == table for c in t["columns"]}
    assert types["d"].startswith("VARCHAR") and types["day"] == "DATE" and types["t"] == "TIME(6)" and types["y"].startswith("BINARY")
    assert types["ts"] == "TIMESTAMP_NTZ(6)" and types["list"] == "ARRAY" and types["map"] == types["in"] == "VARIANT"


def test_table_grows_with_its_records(snowflake, table):
    v1 = {"schema": struct(field("id", "int64"), field("select", "string", doc="it's \"quoted\" \\ twice")), "payload": {"id": 1, "select": "a"}}
    v2 = {"schema": struct(field("id", "int64"), field('we"ird, name', "double")), "payload": {"id": 2, 'we"ird, name': 0.5}}
    nulls = {"id": 3, "unknown": None}
    later = {"id": 4, "unknown": {"a": [1, 2.50]}, "Case": True, "case": 7, "n": None}
    assert run(snowflake, table, [(None, v1), (None, v2), (None, nulls), (None, later)]) == ["done"] * 4
    rows = landed(snowflake, table)
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["select"] == "a" and rows[1]['we"ird, name'] == 0.5 and rows[3]["Case"] is True and rows[3]["case"] == 7
    assert json.loads(rows[3]["unknown"], parse_float=str) == {"a": [1, "2.5"]}  # a JSON number without a schema is a double
    assert "n" not in rows[3]
    columns = {c["name"]: c for t in snowflake.ask("tables").json()["tables"] if t["name"] == table for c in t["columns"]}
    assert columns["select"]["comment"].replace("\\\\", "\\") == 'it\'s "quoted" \\ twice' and columns["unknown"]["type"] == "VARIANT"


def test_not_null_goes(snowflake, table):
    snowflake.sql(f'create table "{table}" ("id" int not null, "must" varchar not null, "n" int autoincrement not null, '
                  "RECORD_METADATA variant) enable_schema_evolution = true")  # fmt: skip
    assert run(snowflake, table, [(None, {"id": 1})]) == ["done"]
    assert run(snowflake, table, [(None, None)], first=1) == ["done"]
    columns = {c["name"]: c["not_null"] for t in snowflake.ask("tables").json()["tables"] if t["name"] == table for c in t["columns"]}
    assert columns == {"id": False, "must": False, "n": True, "RECORD_METADATA": False}


def test_table_that_must_not_change(snowflake, table):
    snowflake.sql(f'create table "{table}" ("id" number(3,0), RECORD_METADATA variant)')
    got = run(snowflake, table, [(None, {"id": 1}), (None, {"id": 2, "more": 1}), (None, {"id": 1000})], validate=1, **SWITCHES)
    assert got[0] == "done" and 'no column "more"' in got[1] and "ENABLE_SCHEMA_EVOLUTION" in got[1] and "(-1e3..1e3), column: id" in got[2]
    assert [row["id"] for row in landed(snowflake, table)] == [1]
    snowflake.sql(f'alter table "{table}" set enable_schema_evolution = true')
    snowflake.ask("grant", {"db": "DB", "schema": "PUBLIC", "table": table, "role": "INGEST", "owner": "SYSADMIN", "privileges": ["SELECT", "INSERT"]})
    got = run(snowflake, table, [(None, {"id": 2, "more": 1})], first=10)
    assert "grant EVOLVE SCHEMA" in got[0]
    snowflake.ask("grant", {"db": "DB", "schema": "PUBLIC", "table": table, "role": "INGEST", "privileges": ["SELECT", "INSERT", "EVOLVE SCHEMA"]})
    assert run(snowflake, table, [(None, {"id": 2, "more": 1})], first=10) == ["done"]


def test_missing_table(snowflake, table):
    assert "snowflake.autocreate.table.type is none" in run(snowflake, table, [], fails=True, none=1, **SWITCHES)[-1]


def test_record_content(snowflake, table):
    values = [{"a": {"b": [1, None]}}, "text", 5, [1, 2], True, {"schema": struct(field("x", "bytes")), "payload": {"x": b64(b"\xff")}}]
    assert run(snowflake, table, [({"k": 1}, v) for v in values], metadata=1, hex=1) == ["done"] * 6
    rows = landed(snowflake, table)
    assert [json.loads(row["RECORD_CONTENT"]) for row in rows] == values[:5] + [{"x": b64(b"\xff")}]
    assert json.loads(rows[0]["RECORD_METADATA"])["key"] == {"k": 1}


def test_iceberg_metadata_is_an_object(snowflake, table):
    snowflake.settings(iceberg_variant=False)
    switches = SWITCHES | {"iceberg": "external_volume = 'v' base_location = 'b'"}
    try:
        assert run(snowflake, table, [({"k": 1}, {"id": 1})], **switches) == ["done"]
    finally:
        snowflake.settings(iceberg_variant=True)
    meta = json.loads(landed(snowflake, table)[0]["RECORD_METADATA"])
    assert meta == {"topic": "t", "partition": 1, "offset": 0, "CreateTime": 1700000000000, "LogAppendTime": None,
                    "SnowflakeConnectorPushTime": 1700000000123, "key": "{k=1}", "headers": None}  # fmt: skip


# --- Change logs ------------------------------------------------------------------------------------------------------

ROW = struct(field("id", "int64", optional=False), field("name", "string"), dec("sum", 2, **{"connect.decimal.precision": "12"}),
             field("at", "int64", name="io.debezium.time.MicroTimestamp"), field("doc", "string", name="io.debezium.data.Json"))  # fmt: skip
EVENT = struct({**ROW, "field": "before"}, {**ROW, "field": "after"},
               {**struct(field("lsn", "int64"), field("ts_us", "int64")), "field": "source"}, field("op", "string"))  # fmt: skip
KEY = struct(field("id", "int64", optional=False), optional=False)


def event(op, lsn, before=None, after=None):
    def row(values):
        return values and {"id": values[0], "name": values[1], "sum": values[1] and unscaled(decimal.Decimal("1.50"), 2), "at": values[1] and 1,
                           "doc": values[1] and '{"k": 1.10}'}  # fmt: skip

    payload = {"before": row(before), "after": row(after), "source": {"lsn": lsn, "ts_us": 1700000000123456}, "op": op}
    return {"schema": KEY, "payload": {"id": (after or before)[0]}}, {"schema": EVENT, "payload": payload}


CHANGES = [event("r", 10, after=(1, "one")), event("r", 10, after=(2, "two")), event("c", 11, after=(3, "three")),
           event("u", 12, before=(1, None), after=(1, "uno")), event("d", 13, before=(2, None)),
           (event("d", 13, before=(2, None))[0], None)]  # fmt: skip
LOG = {"schematize": 1, "metadata": 1, "hex": 1, "cdc": 1, "warehouse": "wh"}


def test_change_log_and_dynamic_table(snowflake, table):
    assert run(snowflake, table, CHANGES, **LOG) == ["done"] * 5 + ["skipped"]
    rows = landed(snowflake, table)
    assert [(row["__OP"], row["__LSN"], row["id"]) for row in rows] == [("r", 10, 1), ("r", 10, 2), ("c", 11, 3), ("u", 12, 1), ("d", 13, 2)]
    assert rows[0]["__COMMIT_TS"] == datetime.datetime(2023, 11, 14, 22, 13, 20, 123456)
    assert rows[0]["sum"] == decimal.Decimal("1.50") and rows[0]["at"] == datetime.datetime(1970, 1, 1, 0, 0, 0, 1)
    assert json.loads(rows[0]["doc"], parse_float=str) == {"k": "1.10"}
    now = snowflake.rows(f'select "id", "name" from "{table}_CURRENT" order by 1')
    assert now == [(1, "uno"), (3, "three")]
    assert run(snowflake, table, [event("c", 14, after=(2, "again"))], first=9, **LOG) == ["done"]
    assert snowflake.rows(f'select "id", "name" from "{table}_CURRENT" order by 1') == [(1, "uno"), (2, "again"), (3, "three")]
    # a change that was delivered late is not the newest
    assert run(snowflake, table, [event("u", 11, after=(2, "late"))], first=10, **LOG) == ["done"]
    assert snowflake.rows(f'select "name" from "{table}_CURRENT" where "id" = 2') == [("again",)]


def test_change_log_and_merge_task(snowflake, table):
    assert run(snowflake, table, CHANGES, task=1, **LOG) == ["done"] * 5 + ["skipped"]
    assert snowflake.run_tasks() == 1
    query = f'select "id", "name" from "{table}_CURRENT" order by 1'
    assert snowflake.rows(query) == [(1, "uno"), (3, "three")]
    more = {**ROW, "fields": ROW["fields"] + [field("new", "int32")]}
    grown = struct({**more, "field": "before"}, {**more, "field": "after"}, *EVENT["fields"][2:])
    key, value = event("u", 20, after=(3, "trois"))
    value = {"schema": grown, "payload": value["payload"] | {"after": value["payload"]["after"] | {"new": 9}}}
    assert run(snowflake, table, [(key, value), event("d", 21, before=(1, None))], first=20, task=1, **LOG) == ["done"] * 2
    snowflake.run_tasks()
    assert snowflake.rows(f'select "id", "name", "new" from "{table}_CURRENT" order by 1') == [(3, "trois", 9)]
