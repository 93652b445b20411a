# SPDX-License-Identifier: Apache-2.0
"""What a changed row becomes: TOAST, replica identities, keys, operations, tombstones, filters, names, topics, transactions."""

from scenario import case, scenario

# --- Unchanged TOAST --------------------------------------------------------------------------------------------------

COLUMNS = ("body text, bin bytea, j json, jb jsonb, ta text[], ia int[], ba bigint[], v varchar, c char(3000), n numeric,"
           " x xml, da date[], va varchar[]")
LARGE = """repeat('body', 3000), decode(repeat('ab', 9000), 'hex'), json_build_object('a', repeat('x', 9000)),
    jsonb_build_object('a', repeat('x', 9000)), array[repeat('y', 9000)], array(select generate_series(1, 4000)),
    array(select generate_series(1, 4000)), repeat('v', 9000), repeat('c', 2999), repeat('9', 9000)::numeric,
    ('<a>' || repeat('x', 9000) || '</a>')::xml, array(select date '2024-01-01' + n from generate_series(1, 4000) n),
    array[repeat('z', 9000)]"""


def toast(identity=""):
    names = [column.split()[0] for column in COLUMNS.split(", ")]
    external = ", ".join(f"alter {name} set storage external" for name in names)
    return (f"create table toast (id int primary key, k int not null unique, state text, {COLUMNS});"
            f" alter table toast {external}; {identity and f'alter table toast replica identity {identity};'}")


TOAST_STEPS = [
    f"insert into toast select i, i * 10, 's', {LARGE} from generate_series(1, 2) i",
    "update toast set state = 'new' where id = 1",
    "update toast set body = null, ia = '{1}' where id = 1",
    "update toast set id = 3 where id = 2",
    "delete from toast where id = 1",
]
scenario("toast-identity-default", toast(), *TOAST_STEPS)
scenario("toast-identity-full", toast("full"), *TOAST_STEPS)
scenario("toast-identity-index", toast("using index toast_k_key"), *TOAST_STEPS[:3], "update toast set k = 21 where id = 2")
scenario("toast-other-modes", toast(), *TOAST_STEPS[:4],
         config={"decimal.handling.mode": "string", "binary.handling.mode": "base64"},
         differs={"toast-base64": r"toast value\.payload\.after\.bin$"})
scenario("toast-as-double", toast(), *TOAST_STEPS[:4],
         config={"decimal.handling.mode": "double", "binary.handling.mode": "hex"})
scenario("toast-placeholder", toast(), *TOAST_STEPS[:3], config={"unavailable.value.placeholder": "missing"})
scenario("toast-placeholder-hex", toast(), *TOAST_STEPS[:3], config={"unavailable.value.placeholder": "hex:4D697373"})
scenario("toast-placeholder-no-text", toast(), *TOAST_STEPS[:3], config={"unavailable.value.placeholder": "hex:00ff41"},
         needs="placeholders that are no UTF-8")
scenario("toast-collision", toast(), "insert into toast (id, k, body) values (1, 1, '__debezium_unavailable_value')",
         "update toast set state = 'x'")

ODD = "create extension hstore; create table toast (id int primary key, state text, ua uuid[], h hstore, da date[], na numeric[]," \
      " fa float8[], ba bool[], ea text[] not null default '{}', xs bytea[]);" + "".join(
          f"alter table toast alter {name} set storage external;" for name in ("ua", "h", "da", "na", "fa", "ba", "ea", "xs"))
ODD_STEPS = ["""insert into toast select 1, 's', array(select lpad(to_hex(n), 32, '0')::uuid from generate_series(1, 1000) n),
    hstore('a', repeat('h', 9000)), array(select date '2024-01-01' + n from generate_series(1, 4000) n),
    array(select n::numeric from generate_series(1, 2000) n), array(select n::float8 from generate_series(1, 2000) n),
    array(select true from generate_series(1, 4000) n), array[repeat('z', 9000)], array[decode(repeat('ab', 9000), 'hex')]""",
             "update toast set state = 'new'"]
for name, config in {"": {}, "-map": {"hstore.handling.mode": "map"}, "-connect": {"time.precision.mode": "connect"},
                     "-double": {"decimal.handling.mode": "double"}}.items():
    scenario(f"toast-odd-types{name}", ODD, *ODD_STEPS, config=config,
             needs="placeholders of date[]" if name == "-connect" else None)

# --- Replica identity -------------------------------------------------------------------------------------------------

IDENTITY = "create table rows (id int primary key, a int not null, b text, c int);"
IDENTITY_STEPS = [
    "insert into rows select i, i * 10, 'b', null from generate_series(1, 4) i",
    "update rows set b = 'x' where id = 1; update rows set a = 99, c = 1 where id = 2",
    "update rows set b = b where id = 1; update rows set id = 33 where id = 3; update rows set id = 44, b = 'y' where id = 4",
    "delete from rows where id in (2, 33); insert into rows values (2, 1, 'again', 2)",
]
scenario("identity-default", IDENTITY, *IDENTITY_STEPS, partitions=3)
scenario("identity-full", IDENTITY + "alter table rows replica identity full;", *IDENTITY_STEPS, partitions=3)
scenario("identity-index", IDENTITY + "create unique index ix on rows (a); alter table rows replica identity using index ix;",
         *IDENTITY_STEPS)
scenario("identity-index-of-key", "create table rows (id int primary key, a int not null, b text, c int);"
         "create unique index ix on rows (id); alter table rows replica identity using index ix;", *IDENTITY_STEPS)
scenario("identity-nothing", IDENTITY + "alter table rows replica identity nothing;", IDENTITY_STEPS[0])
scenario("identity-changes", IDENTITY, IDENTITY_STEPS[0], "update rows set b = 'x' where id = 1",
         "alter table rows replica identity full", "update rows set b = 'y' where id = 1; delete from rows where id = 2",
         "alter table rows replica identity default", "update rows set b = 'z' where id = 1; delete from rows where id = 3")
scenario("identity-full-keyless", "create table bare (a int, b text); alter table bare replica identity full;",
         "insert into bare values (1, 'a'), (null, null), (1, 'a')", "update bare set b = 'x' where a = 1",
         "delete from bare where a is null")
scenario("identity-autoset", IDENTITY + "create table others (id int primary key, v text);",
         *IDENTITY_STEPS[:2], "insert into others values (1, 'a'); update others set v = 'b'; delete from others",
         config={"replica.identity.autoset.values": "public.rows:FULL,public.others:DEFAULT"})

# --- Keys -------------------------------------------------------------------------------------------------------------

scenario("key-change", "create table moving (id int primary key, name text not null, v int);",
         "insert into moving select i, 'n' || i, i from generate_series(1, 6) i",
         "update moving set id = 10 where id = 1; update moving set id = id + 100, name = 'x' where id in (2, 3)",
         "delete from moving where id = 10; update moving set v = null where id = 102")
scenario("key-change-without-tombstones", "create table moving (id int primary key, v int);",
         "insert into moving values (1, 1), (2, 2)", "update moving set id = 10 where id = 1; delete from moving where id = 2",
         config={"tombstones.on.delete": "false"})
scenario("key-composite", "create table composite (b text, a int, c uuid, v text, primary key (c, a, b));",
         """insert into composite values ('b', 1, '11111111-2222-3333-4444-555555555555', 'v'),
         ('é"', 2, '11111111-2222-3333-4444-555555555555', null)""",
         "delete from composite where a = 1; update composite set b = 'moved' where a = 2", partitions=3)
scenario("key-of-many-types", "create type mood as enum ('sad', 'ok'); create table keyed (t timestamptz, d date, n numeric(5,2),"
         " m numeric, b boolean, e mood, u uuid, bin bytea, f float8, tm time, c char(3), i8 bigint, v int,"
         " primary key (t, d, n, m, b, e, u, bin, f, tm, c, i8));",
         """insert into keyed values ('2024-01-01 00:00:00+00', '2024-01-01', 1.5, 1.50, true, 'ok',
         '11111111-2222-3333-4444-555555555555', '\\x01ff', 1.5, '10:11:12.000001', 'a', 5, 1)""",
         "update keyed set v = 2", "update keyed set e = 'sad'", "delete from keyed", partitions=5)
scenario("key-none", "create table bare (a int, b text);", "insert into bare values (1, 'a'), (null, null)",
         "insert into bare select i, 'bulk' from generate_series(1, 5) i")
scenario("key-unique-index", "create table uniq (a int not null, b text, c int not null); create unique index on uniq (c, a);"
         "alter table uniq replica identity full;",
         "insert into uniq values (1, 'x', 2), (3, null, 4)", "update uniq set b = 'y' where a = 1; delete from uniq where a = 3")
scenario("key-odd-indexes", "create table partly (a int, b text); create unique index on partly (a) where a > 0;"
         "create table expressed (a int, b text); create unique index on expressed (lower(b));"
         "create table nullable (a int, b text unique); create table two (a int not null, b int not null);"
         "create unique index z on two (a); create unique index y on two (b);"
         "create table included (a int not null, b int); create unique index on included (a) include (b);",
         "insert into partly values (1, 'a'), (2, null); insert into expressed values (1, 'A');"
         "insert into nullable values (1, null), (2, 'x'); insert into two values (1, 2); insert into included values (1, 2)",
         differs={"key-include-columns": r"included key\."})
KEYS = "create table orders (id int primary key, customer int, region text); create table bare (a int, b text);"
KEY_STEPS = ["insert into orders values (1, 7, 'eu'), (2, null, 'us'); insert into bare values (1, 'x'), (2, null)",
             "update orders set customer = 8 where id = 1; delete from orders where id = 2"]
scenario("message-key-columns", KEYS, *KEY_STEPS,
         config={"message.key.columns": "public.orders:customer,region;(.*).bare:b"})
scenario("message-key-columns-full", KEYS + "alter table orders replica identity full;", *KEY_STEPS,
         config={"message.key.columns": "public.orders:region;public.bare:b,a"})

# --- Operations -------------------------------------------------------------------------------------------------------

OPERATIONS = "create table ops (id int primary key, v int); create table child (id int primary key, ops int references ops);" \
             "create table bare (a int);"
OPERATION_STEPS = [
    "insert into ops select i, i from generate_series(1, 4) i; insert into child values (1, 1); insert into bare values (1)",
    "update ops set v = 0 where id < 3", "delete from ops where id = 4", "update ops set id = 30 where id = 3",
    "truncate ops cascade", "truncate bare restart identity", "insert into ops values (9, 9)",
]
scenario("truncate-skipped-by-default", OPERATIONS, *OPERATION_STEPS)
scenario("truncate", OPERATIONS, *OPERATION_STEPS, config={"skipped.operations": "none"})
scenario("truncate-many", OPERATIONS, *OPERATION_STEPS[:1], "insert into bare values (2); truncate ops, bare, child;"
         "insert into bare values (3)", config={"skipped.operations": "none"})
scenario("skipped-create", OPERATIONS, *OPERATION_STEPS, config={"skipped.operations": "c"}, marker="update")
scenario("skipped-update", OPERATIONS, *OPERATION_STEPS, config={"skipped.operations": "u"})
scenario("skipped-delete", OPERATIONS, *OPERATION_STEPS, config={"skipped.operations": "d,t"})
scenario("skipped-create-delete", OPERATIONS, *OPERATION_STEPS, config={"skipped.operations": "d, c"}, marker="update")
scenario("tombstones-off", OPERATIONS, *OPERATION_STEPS, config={"tombstones.on.delete": "false"})
UNCHANGED = "create table same (id int primary key, a int, b text); alter table same replica identity full;" \
            "create table plain (id int primary key, a int, b text);"
UNCHANGED_STEPS = [
    "insert into same values (1, 1, 'x'), (2, null, null); insert into plain values (1, 1, 'x')",
    "update same set a = a; update plain set a = a", "update same set b = 'y' where id = 1; update plain set b = 'y'",
    "update same set a = 5 where id = 2; update same set id = id; update same set b = null where id = 2",
]
scenario("skip-without-change", UNCHANGED, *UNCHANGED_STEPS, config={"skip.messages.without.change": "true"})
scenario("skip-without-change-included", UNCHANGED, *UNCHANGED_STEPS,
         config={"skip.messages.without.change": "true", "column.include.list": "public.same.(id|a),public.plain.(id|a)"})
scenario("extended-headers-off", OPERATIONS, *OPERATION_STEPS[:4], config={"extended.headers.enabled": "false"})

# --- Filters ----------------------------------------------------------------------------------------------------------

FILTERED = "create schema sales; create schema \"Sa-les\"; create table sales.a (id int primary key, secret text, v int);" \
           "create table sales.b (id int primary key, v int); create table \"Sa-les\".a (id int primary key, v int);" \
           "create table a (id int primary key, secret text, v int); create table ab (k int, id int, v int, primary key (k, id));"
FILTER_STEPS = [
    "insert into sales.a values (1, 's', 1); insert into sales.b values (1, 1); insert into \"Sa-les\".a values (1, 1);"
    "insert into a values (1, 's', 1); insert into ab values (1, 1, 1)",
    "update sales.a set v = 2; update a set v = 2; update ab set k = 2; delete from sales.b",
]
FILTERS = {
    "schema-include": {"schema.include.list": "sales"},
    "schema-include-two": {"schema.include.list": "sa.*, public"},
    "schema-exclude": {"schema.exclude.list": "public"},
    "table-include": {"table.include.list": "sales.a,public.a"},
    "table-include-patterns": {"table.include.list": "(sales|public)\\..*a"},
    "table-exclude": {"table.exclude.list": "sales.*,.*\\.ab"},
    "column-include": {"column.include.list": "sales.a.v,public..*"},
    "column-exclude": {"column.exclude.list": ".*.secret,public.ab.v"},
    "column-exclude-keys": {"column.exclude.list": "public.ab.k,sales.a.id"},
    "column-exclude-case": {"column.exclude.list": "PUBLIC.A.SECRET"},
    "schema-and-table": {"schema.include.list": "sales", "table.exclude.list": "sales.b"},
}
LOST_KEYS = {"column-include": [r"(snapshot|stream) sales\.a key\.", r"stream \S+ key\.schema\.fields\.id\.optional$"],
             "column-exclude-keys": [r"snapshot \S+ key\.payload\.(k|id)$", r"stream \S+ key\.schema\.fields\.(k|id)\.optional$"]}
for name, config in FILTERS.items():
    rows = FILTER_STEPS[0].replace("(1,", "(50,").replace("(50, 1, 1)", "(50, 50, 1)")
    scenario(f"filter-{name}", FILTERED, *FILTER_STEPS, rows=rows, snapshot="initial", config=config,
             differs={"excluded-key-columns": LOST_KEYS[name]} if name in LOST_KEYS else {})
scenario("filter-of-publication", FILTERED, *FILTER_STEPS,
         publication="create publication conformance for table sales.a (id, v), ab where (k < 2), zz.marker"
                     " with (publish = 'insert, update')")

# --- Names ------------------------------------------------------------------------------------------------------------

NAMES = """create schema "sch-ema"; create table "sch-ema"."Odd Näme" (id int primary key, "select" text, "a.b" int, "ünï" int,
    "a-c" int, "sp ace" int default 5, "_" int, "$x" int, "日本" int);
    create table "UPPER" ("ID" int primary key, "Id2" int); create table "dot.ted" ("k.1" int, v int, primary key ("k.1"));"""
NAME_STEPS = [
    """insert into "sch-ema"."Odd Näme" values (1, 's', 2, 3, 4); insert into "UPPER" values (1, 2);
    insert into "dot.ted" values (1, 2)""",
    """update "sch-ema"."Odd Näme" set "select" = null; delete from "sch-ema"."Odd Näme"; update "dot.ted" set "k.1" = 2""",
]
ADJUSTED = {"none": ("none", "none"), "avro": ("avro", "avro"), "avro-unicode": ("avro_unicode", "avro_unicode"),
            "mixed": ("avro", "avro_unicode"), "schemas-only": ("avro_unicode", "none")}
for name, (schemas, fields) in ADJUSTED.items():
    scenario(f"names-{name}", NAMES, *NAME_STEPS,
             config={"schema.name.adjustment.mode": schemas, "field.name.adjustment.mode": fields})
scenario("names-avro-digit", 'create table digits (id int primary key, "1st" int, "2é" int);',
         "insert into digits values (1, 2, 3)", config={"field.name.adjustment.mode": "avro"})
scenario("names-avro-unicode-digit", 'create table digits (id int primary key, "1st" int, "2é" int);',
         "insert into digits values (1, 2, 3)", config={"field.name.adjustment.mode": "avro_unicode"})
scenario("names-colliding-topics", 'create table "a b" (id int primary key); create table "a_b" (id int primary key);',
         'insert into "a b" values (1)', 'insert into "a_b" values (2)')
for name, delimiter in {"dash": "-", "underscore": "_"}.items():
    scenario(f"topic-delimiter-{name}", OPERATIONS, *OPERATION_STEPS[:2], config={"topic.delimiter": delimiter})

# --- Transactions -----------------------------------------------------------------------------------------------------

TWO = "create table one (id int primary key, v int); create table two (id int primary key, v int); create table bare (a int);"
scenario("transaction-of-tables", TWO, "insert into one values (1, 1); insert into two values (1, 1); insert into one values"
         " (2, 2); update two set v = 2; delete from one where id = 1; insert into one values (1, 3)")
scenario("transaction-savepoints", TWO, "begin; insert into one values (1, 1); savepoint a; insert into one values (2, 2);"
         " rollback to a; insert into one values (3, 3); savepoint b; insert into two values (1, 1); release b; commit")
scenario("transaction-empty", TWO, "select txid_current()", "create table untracked (id int)", "drop table untracked",
         "insert into one values (1, 1)", "begin; insert into one values (9, 9); rollback", "insert into two values (1, 1)")
scenario("transaction-large", TWO, "insert into one select i, i from generate_series(1, 600) i",
         "update one set v = 0 where id % 3 = 0; delete from one where id % 3 = 1")
scenario("transaction-copy", TWO, "copy one from program 'seq 1 200 | sed \"s/.*/&\\t&/\"'; insert into one values (1000, 1)",
         "insert into bare select generate_series(1, 300)")


def overlapping(pair):
    with pair.connect(autocommit=False) as first, pair.connect(autocommit=False) as second:
        first.execute("insert into one values (1, 1)")
        second.execute("insert into two values (1, 1)")
        first.execute("insert into one values (2, 2)")
        pair.sql("insert into one values (3, 3)")
        second.execute("insert into one values (4, 4)")
        second.commit()
        first.execute("insert into two values (5, 5)")
        first.commit()


def prepared(pair):
    pair.sql("begin; insert into one values (1, 1); insert into two values (1, 1); prepare transaction 'p1'")
    pair.sql("insert into one values (2, 2)")
    pair.sql("commit prepared 'p1'")
    pair.sql("begin; insert into one values (3, 3); prepare transaction 'p2'")
    pair.sql("rollback prepared 'p2'")


scenario("transaction-overlapping", TWO, overlapping, alone=True)
scenario("transaction-prepared", TWO, prepared, alone=True)


@case("replication-origin", TWO, alone=True)
def origin(pair):
    """What the `origin` fields say; origins are shared by all databases."""
    pair.start()
    with pair.connect() as session:
        session.execute("select pg_replication_origin_create('far away')")
        session.execute("select pg_replication_origin_session_setup('far away')")
        session.execute("begin; insert into one values (1, 1); insert into two values (1, 1);"
                        "select pg_replication_origin_xact_setup('0/AABBCC', '2020-01-01 00:00:00+00'); commit")
        session.execute("insert into one values (2, 2)")
    pair.sync()
    pair.sql("insert into one values (3, 3)")
    pair.sync()


# --- Partitioned tables -----------------------------------------------------------------------------------------------

PARTED = """create table parted (id int, k int, v text, primary key (k, id)) partition by list (k);
    create table parted_1 partition of parted for values in (1); create table parted_2 partition of parted for values in (2);"""
PARTED_STEPS = [
    "insert into parted values (1, 1, 'a'), (2, 2, 'b')",
    "update parted set v = 'c' where id = 1; update parted set k = 2 where id = 1; delete from parted where id = 2",
    "create table parted_3 partition of parted for values in (3)", "insert into parted values (3, 3, 'new')",
    "alter table parted detach partition parted_2", "insert into parted_2 values (7, 2, 'detached')",
    "insert into parted values (8, 1, 'rest')",
]
ROOT = "create publication conformance for all tables with (publish_via_partition_root = true)"
scenario("partitioned-leaves", PARTED, *PARTED_STEPS)
scenario("partitioned-root", PARTED, *PARTED_STEPS, publication=ROOT)
