# SPDX-License-Identifier: Apache-2.0
"""Types: each value read by the snapshot and again by the stream, in all modes; defaults; what stands for NULL."""

from scenario import both, scenario

EXTENSIONS = "create extension hstore; create extension citext; create extension ltree; create extension isn;"
ENUM = "create type mood as enum ('sad', 'ok', 'it''s, bad');"

# --- A table with every type ------------------------------------------------------------------------------------------

EVERY = EXTENSIONS + ENUM + """
    create domain positive as int check (value > 0); create domain short as varchar(9); create domain deeper as short;
    create table types (id int primary key, i2 smallint, i4 int, i8 bigint, ser serial, ser2 smallserial, ser8 bigserial,
    n102 numeric(10,2), n5 numeric(5), nn numeric, f4 real, f8 double precision, b boolean, t text, v varchar(20), vv varchar,
    c char(5), c1 char, bin bytea, u uuid, j json, jb jsonb, d date, tm time, tm3 time(3), tm0 time(0), ttz timetz,
    ttz3 timetz(3), ts timestamp, ts3 timestamp(3), ts0 timestamp(0), tstz timestamptz, tstz3 timestamptz(3),
    tstz0 timestamptz(0), iv interval, e mood, ip inet, ci cidr, mac macaddr, mac8 macaddr8, b1 bit(1), bb bit, b8 bit(8),
    b20 bit(20), b64 bit(64), vb varbit(12), vb1 varbit(1), vbu varbit, dom positive, domt short, domd deeper, mon money,
    x xml, o oid, nm name, q "char", pt point, i4r int4range, i8r int8range, nr numrange, tr tsrange, tzr tstzrange,
    dr daterange, tv tsvector, hs hstore, ct citext, lt ltree, isb isbn, bx box, ls lseg, pa path, po polygon, ci2 circle,
    li line, mr int4multirange, lsn pg_lsn, tq tsquery, snp txid_snapshot, jp jsonpath, rc regclass,
    "Mixed Case" int);"""
EVERY_ROWS = [
    """insert into types values ({0}1, -2, 3, 9007199254740993, 7, 1, 2, 123.45, 12345, 1.10, 1.1, 2.1, true,
    E'a"é😀\\\\ \\t\\u2028/\\x7f<', 'v', 'vv', 'c', 'x', '\\xdeadbeef00', '11111111-2222-3333-4444-555555555555',
    '{"x": [1],  "y":1}', '{"y":2, "x": 1.50}', '2024-02-29', '12:34:56.789012', '12:34:56.789', '12:34:56',
    '12:34:56.5+02', '12:34:56.5-03:30', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56',
    '2024-02-29 12:34:56.7+02', '2024-02-29 12:34:56.7+02', '2024-02-29 12:34:56+02', '1 year 2 mons 3 days 04:05:06.789',
    'sad', '10.1.2.3/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'1', B'0', B'10000001',
    B'00000000000100000001', repeat('10', 32)::bit(64), B'101', B'1', B'1111000011110000', 5, 'dom', 'deep', '1234.56',
    '<a>1</a>', 42, 'nm', 'q', '(1.5,-2)', '[1,5)', '[1,5]', '[1.5,2.5)', '[2024-01-01 00:00:00,2024-01-02 00:00:00)',
    '[2024-01-01 00:00:00+00,2024-01-02 00:00:00+00)', '[2024-01-01,2024-01-05)', 'a fat cat', 'a=>1, b=>NULL', 'CiText',
    'a.b', '978-0-393-04002-9', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0))', '<(0,0),1>',
    '{1,2,3}', '{[1,3)}', '0/16B3748', 'fat & rat', '10:20:10,14,15', '$.a', 'pg_class', 5)""",
    "insert into types (id) values ({0}2)",  # what is not given is NULL, but the serials
    """insert into types (id, i2, i4, i8, n102, n5, nn, f4, f8, b, t, v, vv, c, c1, bin, u, j, jb, d, tm, tm3, ttz, ts, ts3,
    ts0, tstz, tstz3, iv, e, ip, ci, mac, b1, b8, b20, vb, vbu, dom, domt, mon, o, nm, q, pt, i4r, tzr, tv, hs, ct, lt)
    values ({0}3, 32767, -2147483648, -9223372036854775808, -99999999.99, -1, 123456789012345678901234567890.000123, -0.0,
    1e300, false, '', '', '', '', '', '', '00000000-0000-0000-0000-000000000000', 'null', 'null', '0001-01-01', '00:00:00',
    '23:59:59.999', '00:00:00-12', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999', '0001-01-01 00:00:00',
    '1883-11-18 12:00:00.000001+00', '9999-12-31 23:59:59.999+00', '-1 year -2 mons +3 days -04:05:06.7', 'it''s, bad',
    '::1', '::/0', 'ff:ff:ff:ff:ff:ff', B'0', B'00000000', B'10000000000000000000', B'', B'', 1, '', '-0.05', 4294967295,
    '', '', '(0,0)', 'empty', '(,)', '', '', '', '')""",
    """insert into types (id, i2, i4, i8, n102, n5, nn, f4, f8, b, t, v, c, bin, u, j, jb, d, tm, tm3, ttz, ts, ts3, ts0,
    tstz, tstz3, iv, e, ip, ci, mac, b1, b8, b20, vb, vbu, mon, x, o, nm, q, pt, i4r, tzr, tv, hs, ct, lt)
    values ({0}4, 0, 0, 0, 0, 0, 0, 3.4028235e38, 1e-7, true, repeat('x', 300), 'é', 'ééééé', '\\x00ff',
    'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '{"a": "\\u00e9\\ud83d\\ude00"}', '9999-12-31', '24:00:00',
    '00:00:00.001', '12:00:00.123456+05:30', '9999-12-31 23:59:59.999999', '2000-01-01', '1970-01-01',
    '2024-06-01 00:00:00+00', '2024-06-01 00:00:00+00', '00:00:00', 'ok', '10.1.2.3', '10.1.2.0/24', '00:00:00:00:00:00',
    B'1', B'11111111', B'11111111111111111111', B'111111111111', B'1', '-92233720368547758.08', '<b/>', 2147483647, 'é',
    '0', '(1e10,1e-7)', '(,5)', '[2024-01-01,)', $$'q':1A,2B$$, '"a b"=>"c\\"d"', 'x', 'a')""",
]
NAME = {"name-in-stream": r"stream \S+types value\.payload\.(after|before)\.nm$"}
# Geometry other than points, and what Debezium has no mapping for.
both("types-all", EVERY, EVERY_ROWS,
     "update types set i4 = 5 where id = 101; update types set b = null where id = 104; delete from types where id = 103",
     partitions=3, differs=NAME)
both("types-unknown-as-bytes", EVERY, EVERY_ROWS[:2], config={"include.unknown.datatypes": "true"},
     differs={"unknown-types-text": r"types value\.payload\.after\.(bx|ls|pa|po|ci2|li)$"})
both("types-unknown-as-hex", EVERY, EVERY_ROWS[:2],
     config={"include.unknown.datatypes": "true", "binary.handling.mode": "hex"},
     differs={"unknown-types-text": r"types value\.payload\.after\.(bx|ls|pa|po|ci2|li)$"})

# --- Numbers ----------------------------------------------------------------------------------------------------------

NUMBERS = "create table numbers (id int primary key, n102 numeric(10,2), n5 numeric(5), nn numeric, big numeric(38,10)," \
          " small numeric(3,3), f4 real, f8 float8, mon money, na numeric(6,2)[], nna numeric[], f4a real[], f8a float8[]);"
NUMBER_ROWS = [
    """insert into numbers values ({0}1, 123.45, 12345, 1.10, 1.5, 0.001, 1.1, 2.1, '1234.56', '{1.5,NULL,-2.25}',
    '{1.10,100}', '{1.5}', '{1.5,NaN}')""",
    "insert into numbers (id) values ({0}2)",
    """insert into numbers values ({0}3, -99999999.99, -1, 123456789012345678901234567890.000123,
    -9999999999999999999999999999.9999999999, -0.999, -0.0, 1e300, '-0.05', '{}', '{}', '{NaN}', '{-Infinity}')""",
    "insert into numbers (id, nn, f4, f8, mon) values ({0}4, 1000, 1e7, 12345678.9, '1,000.005')",
    "insert into numbers (id, nn, f4, f8, mon) values ({0}5, 0.00000001, 3.4028235e38, 1e-7, '0')",
    "insert into numbers (id, nn, f4, f8) values ({0}6, 1e20, 1.5e-38, 123456789012)",
    "insert into numbers (id, nn, f4, f8) values ({0}7, 0, 100, 9007199254740993), ({0}8, -0.10, 0.1, 1e16)",
    "insert into numbers (id, f4, f8) values ({0}9, 'NaN', 'Infinity'), ({0}10, '-Infinity', 'NaN')",
    "insert into numbers (id, n102, n5, nn) values ({0}11, 'NaN', 'NaN', 'NaN')",
    "insert into numbers (id, nn) values ({0}12, 'Infinity'), ({0}13, '-Infinity')",
]
for mode in ("precise", "double", "string"):
    both(f"decimal-{mode}", NUMBERS, NUMBER_ROWS, "delete from numbers where id > 110",
         config={"decimal.handling.mode": mode})
both("money-digits", NUMBERS, NUMBER_ROWS[:4], config={"money.fraction.digits": "4"})
both("money-no-digits", NUMBERS, NUMBER_ROWS[:4], config={"money.fraction.digits": "0"})

# --- Times ------------------------------------------------------------------------------------------------------------

TIME_ARRAYS = {"time-arrays": [r"value\.payload\.(after|before)\.(tma|tm)\[\d+\]$",
                               r"value\.payload\.(after|before)\.(ttza|ttz)\[\d+\]$"]}
TIMETZ_ARRAYS = {"time-arrays": r"value\.payload\.(after|before)\.(ttza|ttz)\[\d+\]$"}  # milliseconds are enough for K.Time
TIMES = "create table times (id int primary key, d date, tm time, tm0 time(0), tm2 time(2), tm3 time(3), tm4 time(4)," \
        " ttz timetz, ttz3 timetz(3), ts timestamp, ts0 timestamp(0), ts2 timestamp(2), ts3 timestamp(3), ts5 timestamp(5)," \
        " tstz timestamptz, tstz0 timestamptz(0), tstz3 timestamptz(3), da date[], tma time[], tsa timestamp[]," \
        " tza timestamptz[], ttza timetz[]);"
TIME_ROWS = [
    """insert into times values ({0}1, '2024-02-29', '12:34:56.789012', '12:34:56', '12:34:56.78', '12:34:56.789',
    '12:34:56.7891', '12:34:56.5+02', '12:34:56.5-03:30', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56',
    '2024-02-29 12:34:56.78', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.78901', '2024-02-29 12:34:56.7+02',
    '2024-02-29 12:34:56+02', '2024-02-29 12:34:56.789+02', '{2024-02-29,NULL}', '{12:34:56.789012}',
    '{2024-02-29 12:34:56.789012}', '{2024-02-29 12:34:56.7+02,NULL}', '{12:34:56.5+02}')""",
    "insert into times (id) values ({0}2)",
    """insert into times values ({0}3, '0001-01-01', '00:00:00', '00:00:00', '00:00:00', '23:59:59.999', '23:59:59.9999',
    '00:00:00-12', '23:59:59.999+12', '1969-12-31 23:59:59.999999', '0001-01-01 00:00:00', '1970-01-01 00:00:00',
    '1969-12-31 23:59:59.999', '1582-10-04 00:00:00', '1883-11-18 12:00:00.000001+00', '0001-01-01 00:00:00+00',
    '9999-12-31 23:59:59.999+00', '{}', '{}', '{}', '{}', '{}')""",
    """insert into times (id, d, tm, tm3, ts, ts3, tstz) values ({0}4, '9999-12-31', '24:00:00', '24:00:00',
    '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999', '2024-06-01 00:00:00+00')""",
    "insert into times (id, ts, ts3, tstz, tstz3) values ({0}5, 'infinity', 'infinity', 'infinity', 'infinity')",
    "insert into times (id, ts, ts3, tstz, tstz3) values ({0}6, '-infinity', '-infinity', '-infinity', '-infinity')",
    "insert into times (id, d, ts, tstz) values ({0}7, '12000-01-01', '12000-01-01 00:00:00', '12000-01-01 00:00:00+00')",
    "insert into times (id, d, ts, tstz) values ({0}8, '2262-04-12', '2262-04-12 00:00:00', '2500-01-01 00:00:00+00')",
]
for mode in ("adaptive", "adaptive_time_microseconds", "connect"):
    both(f"time-{mode}", TIMES, TIME_ROWS, config={"time.precision.mode": mode},
         differs=TIMETZ_ARRAYS if mode == "connect" else TIME_ARRAYS)
for mode in ("isostring", "microseconds", "nanoseconds"):
    both(f"time-{mode}", TIMES, TIME_ROWS, config={"time.precision.mode": mode}, differs=TIME_ARRAYS)
# What Debezium's snapshot reads in another way than its stream.
both("time-extremes", "create table times (id int primary key, d date, ts timestamp, tz timestamptz, ttz timetz);",
     ["insert into times values ({0}1, 'infinity', 'infinity', 'infinity', '24:00+00')",
      "insert into times values ({0}2, '-infinity', '-infinity', '-infinity', '00:00+14')",
      "insert into times values ({0}3, '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC', '24:00+00')"],
     differs={"dates-in-snapshot": r"times value\.payload\.after\.d$", "timetz-24": r"times value\.payload\.after\.ttz$"})

INTERVALS = "create table intervals (id int primary key, iv interval, s interval second(3), y interval year to month);"
INTERVAL_ROWS = [
    "insert into intervals values ({0}1, '1 year 2 mons 3 days 04:05:06.789', '5.678', '3 years 1 month')",
    "insert into intervals values ({0}2, null, null, null)",
    "insert into intervals values ({0}3, '-1 year -2 mons +3 days -04:05:06.7', '-0.5', '-1 month')",
    "insert into intervals values ({0}4, '00:00:00', '0', '0'), ({0}5, '1000 years', '100000', '100 years')",
    "insert into intervals values ({0}6, '0.000001', '0.001', '1'), ({0}7, '-0.5 seconds', null, null)",
    "insert into intervals values ({0}8, '1 day -00:00:01', null, null), ({0}9, '178000000 years', null, null)",
]
both("interval-numeric", INTERVALS, INTERVAL_ROWS)
both("interval-string", INTERVALS, INTERVAL_ROWS, config={"interval.handling.mode": "string"})

# --- hstore and bytes -------------------------------------------------------------------------------------------------

HSTORE = "create extension hstore; create table stores (id int primary key, h hstore, nn hstore not null, ha hstore[]);"
HSTORE_ROWS = [
    "insert into stores values ({0}1, 'a=>1', 'k=>v', '{}')",
    "insert into stores values ({0}2, null, '', null)",
    """insert into stores values ({0}3, '"a b"=>"c\\"d", "é"=>"😀"', 'n=>NULL', array['a=>1'::hstore, null])""",
    """insert into stores values ({0}4, 'a=>"", ""=>x', '"k,"=>"{}"', array['a=>NULL'::hstore])""",
]
for mode in ("json", "map"):
    both(f"hstore-{mode}", HSTORE, HSTORE_ROWS, "delete from stores where id = 101",
         config={"hstore.handling.mode": mode}, differs={"hstore-order": r"stores value\.payload\.(after|before)\.h( fields)?$"})

BINARY = "create table bins (id int primary key, b bytea, nn bytea not null, ba bytea[], dflt bytea default '\\x0102');"
BINARY_ROWS = [
    "insert into bins values ({0}1, '\\xdeadbeef00', '\\x00', '{\"\\\\x01\",\"\\\\xffee\",NULL}')",
    "insert into bins values ({0}2, null, '', null, null)",
    "insert into bins values ({0}3, '\\xfbefbe', '\\xffffff', '{}', '\\x')",
]
for mode in ("bytes", "base64", "base64-url-safe", "hex"):
    both(f"binary-{mode}", BINARY, BINARY_ROWS, "delete from bins where id = 101", config={"binary.handling.mode": mode})

# --- Arrays -----------------------------------------------------------------------------------------------------------

ARRAYS = EXTENSIONS + ENUM + """create table arrays (id int primary key, i2 smallint[], i4 int[], i8 bigint[], oids oid[],
    t text[], v varchar(9)[], c char(3)[], q "char"[], n numeric(6,2)[], nn numeric[], f4 real[], f8 float8[], b bool[],
    d date[], tm time[], ttz timetz[], ts timestamp[], tz timestamptz[], u uuid[], j json[], jb jsonb[], ip inet[],
    ci cidr[], mac macaddr[], mac8 macaddr8[], i4r int4range[], i8r int8range[], nr numrange[], tr tsrange[],
    tzr tstzrange[], dr daterange[], bin bytea[], ct citext[], hs hstore[], lt ltree[], e mood[],
    mon money[], nm name[], iv interval[], vb varbit[], x xml[], pt point[], req int[] not null default '{1,2}');"""
ARRAY_ROWS = [
    """insert into arrays values ({0}1, '{1,NULL,-3}', '{1,NULL,3}', '{-1,9007199254740993}', '{1,4294967295}',
    '{a,"b,c",NULL,"","NULL","{x}"}', '{v,NULL}', '{c,cc}', '{x}', '{1.5,NULL,-2.25}', '{1.10,1000,0.001}', '{1.5,NULL}',
    '{1.5,NULL}', '{t,f,NULL}', '{2024-02-29,NULL}', '{12:34:56.789012}', '{12:34:56.5+02}',
    '{2024-02-29 12:34:56.789012,NULL}', '{2024-02-29 12:34:56.7+02}', '{11111111-2222-3333-4444-555555555555,NULL}',
    array['{"a": 1}'::json, null], array['{"a": 1}'::jsonb], '{10.1.2.3/8,::1}', '{10.0.0.0/8}', '{08:00:2b:01:02:03}',
    '{08:00:2b:01:02:03:04:05}', '{"[1,5)",empty}', '{"[1,5)"}', '{"[1.5,2.5)"}',
    array['[2024-01-01,2024-01-02)'::tsrange], array['[2024-01-01 00:00:00+00,)'::tstzrange], '{"[2024-01-01,2024-01-05)"}',
    '{"\\\\x01"}', '{CiText}', array['a=>1'::hstore], '{a.b}', '{sad,ok,"it''s, bad"}', '{1.00}', '{nm}', '{1 day}',
    '{101}', '{<a/>}', '{"(1,2)"}', '{3}')""",
    "insert into arrays (id) values ({0}2)",
    """insert into arrays select {0}3, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'""",
    """insert into arrays (id, i4, t, n, d, b, u) values ({0}4, '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}')""",
]
both("arrays", ARRAYS, ARRAY_ROWS, "delete from arrays where id = 101", differs=TIME_ARRAYS)
both("arrays-other-modes", ARRAYS, ARRAY_ROWS, differs=TIMETZ_ARRAYS,
     config={"decimal.handling.mode": "string", "time.precision.mode": "connect", "binary.handling.mode": "hex",
             "hstore.handling.mode": "map", "interval.handling.mode": "string"})
both("arrays-as-double", ARRAYS, ARRAY_ROWS, differs=TIME_ARRAYS,
     config={"decimal.handling.mode": "double", "time.precision.mode": "adaptive_time_microseconds",
             "binary.handling.mode": "base64"})
both("arrays-strange", ENUM + "create table arrays (id int primary key, aa int[], ta text[], ea mood[], ba bit(3)[]);",
     ["insert into arrays values ({0}1, '{{1,2},{3,4}}', '{{a},{b}}', '{sad,NULL}', '{101}')",
      "insert into arrays values ({0}2, '[0:1]={1,2}', '{a}', '{ok}', '{}')"],
     differs={"nested-arrays": r"arrays value\.payload\.after\.(aa|ta)$",
              "bit-arrays": r"arrays value\..*\.ba( fields|\.\w+)?$"})

# --- Domains, enums, strange ones -------------------------------------------------------------------------------------

both("domains", "create domain price as numeric(8,3); create domain deep as price; create domain stamp as timestamp(3);"
     "create domain code as char(4); create domain bits as bit(5); "
     "create table doms (id int primary key, p price, d deep, s stamp, c code, b bits, n price not null default 1.5);",
     ["insert into doms values ({0}1, 1.5, 2.125, '2024-01-02 03:04:05.678', 'ab', B'10101')",
      "insert into doms values ({0}2, null, null, null, null, null, 0)"], "delete from doms where id = 101")
both("domain-not-null", "create domain must as int not null default 4; create domain over as must;"
     "create table doms (id int primary key, m must, o over, n must not null default 5);",
     ["insert into doms values ({0}1, 1, 2)", "insert into doms values ({0}2, 7, 8, 9)"],
     "update doms set m = 3; delete from doms where id = 101")
both("enums", ENUM + "create type \"Od d\" as enum ('a,b', '', 'é'); create schema other; create type other.mood as enum"
     " ('x', 'y'); create table enums (id int primary key, e mood, n mood not null default 'ok', o \"Od d\", s other.mood);",
     ["insert into enums values ({0}1, 'sad', 'it''s, bad', 'a,b', 'x')", "insert into enums (id, o) values ({0}2, '')"],
     "delete from enums where id = 101")
scenario("enum-label-added", ENUM + "create table enums (id int primary key, e mood);",
         "insert into enums values (1, 'sad')", "alter type mood add value 'new'",
         "insert into enums values (2, 'new'), (3, 'ok')", "alter table enums add more int",
         "insert into enums values (4, 'new', 1)")
both("numeric-negative-scale", "create table strange (id int primary key, neg numeric(3,-2));",
     ["insert into strange values ({0}1, 12300)", "insert into strange values ({0}2, null)"],
     differs={"negative-scale": r"strange value\..*\.neg(\..*)?$"})
both("generated-columns", "create table gen (id int primary key, a int, g int generated always as (a * 2) stored,"
     " i int generated always as identity, j int generated by default as identity);",
     ["insert into gen (id, a) values ({0}1, 2)"], "update gen set a = 3",
     differs={"generated-columns": r"gen value\..*(after|before|\.fields) fields$"})
both("text-escapes", "create table texts (id int primary key, t text, c char(8), v varchar(4), q \"char\");",
     ["insert into texts values ({0}1, E'\\t\\n\\r\\b\\f\\\\\"/\\x01\\x1f\\x7f', 'a', 'a', 'a')",
      "insert into texts values ({0}2, E'\\u2028\\u2029\\u0080é😀\\uFFFD<>&''=', E'é  ', '😀😀', '')",
      "insert into texts values ({0}3, repeat('long é ', 5000), '', '', ' ')", "insert into texts values ({0}4)"])

# --- Defaults ---------------------------------------------------------------------------------------------------------

DEFAULTS = EXTENSIONS + ENUM + """create domain positive as int check (value > 0);
    create table defaults (id serial primary key, i2 smallint not null default 3, i4 int not null default -4,
    i8 bigint not null default 5, big bigserial, n numeric(10,2) not null default 1.5, nn numeric not null default 2,
    f4 real not null default 1.5, f8 float8 not null default 1e10, b boolean not null default true,
    t text not null default 'text', v varchar(20) not null default 'it', c char(5) not null default 'c',
    u uuid not null default gen_random_uuid(), ul uuid default '11111111-2222-3333-4444-555555555555',
    j json not null default '{"a": 1}', jb jsonb not null default '{}',
    d date not null default '2020-01-02', dn date not null default current_date, tm time not null default '10:11:12',
    ts timestamp not null default '2020-01-02 03:04:05.123456', tsn timestamp not null default now(),
    ts3 timestamp(3) not null default '2020-01-02 03:04:05.123', tstz timestamptz not null default now(),
    tzl timestamptz not null default '2020-01-02 03:04:05+00', ctz timestamptz not null default current_timestamp,
    ltz timestamp not null default localtimestamp, iv interval not null default '1 day', e mood not null default 'ok',
    b1 bit(1) not null default B'1', b8 bit(8) not null default B'00000101', ia int[] not null default '{}',
    bin bytea not null default '\\x01', opt int default 7, optt text default 'x', optn text default null,
    optnow timestamptz default now(), dom positive not null default 3, up text not null default upper('x'),
    neg numeric(6,3) not null default -0.001, empty text not null default '', ct citext not null default 'ci',
    sum int default (1 + 2), ip inet default '::1', o oid default 5, tz2 timetz default '10:00+00', x xml default '<a/>',
    ti time not null default current_time, mon money default 5, r int4range default '[1,2)', nul int default null::int);"""
DEFAULT_STEPS = ["insert into defaults (u, dn, tsn, tstz, ctz, ltz, optnow, ti) values (repeat('1', 32)::uuid, '2024-01-01',"
                 " '2024-01-01', '2024-01-01+00', '2024-01-01+00', '2024-01-01', '2024-01-01+00', '10:00')"]
both("defaults", DEFAULTS, DEFAULT_STEPS, "update defaults set opt = null; delete from defaults where id = 2")
both("defaults-other-modes", DEFAULTS, DEFAULT_STEPS, "delete from defaults where id = 2",
     config={"decimal.handling.mode": "string", "time.precision.mode": "connect", "interval.handling.mode": "string",
             "binary.handling.mode": "base64"})
both("defaults-as-double", DEFAULTS, DEFAULT_STEPS, "delete from defaults where id = 2",
     config={"decimal.handling.mode": "double", "time.precision.mode": "adaptive_time_microseconds",
             "binary.handling.mode": "hex"})
for mode in ("isostring", "microseconds", "nanoseconds"):
    both(f"defaults-{mode}", DEFAULTS, DEFAULT_STEPS, "delete from defaults where id = 2",
         config={"time.precision.mode": mode})
both("defaults-strange", "create table strange (id int primary key, ch varchar(5) default 'it''s',"
     " cu text default current_user, cc text default ('a' || 'b'), e text default E'a\\nb', neg int default '-5',"
     " cast8 bigint default '5'::int, tl time(0) default '10:11:12.7');",
     ["insert into strange (id, cu) values ({0}1, 'u')"],
     differs={"default-quotes": r"strange value\..*ch\.default$", "default-current-user": r"strange value\..*cu\.default$",
              "default-concatenation": r"strange value\..*cc fields$", "default-escapes": r"strange value\..*fields\.e fields$"})

# --- NULL where the schema has none -----------------------------------------------------------------------------------

REQUIRED = EXTENSIONS + ENUM + """create domain positive as int check (value > 0); create domain short as varchar(9);
    create table required (id int primary key, i2 smallint not null, i4 int not null, i8 bigint not null,
    n numeric(10,2) not null, nn numeric not null, f4 real not null, f8 float8 not null, b boolean not null,
    t text not null, v varchar(20) not null, c char(5) not null, bin bytea not null, u uuid not null,
    j json not null, jb jsonb not null, d date not null, tm time not null, tm3 time(3) not null, ttz timetz not null,
    ts timestamp not null, ts3 timestamp(3) not null, tstz timestamptz not null, iv interval not null,
    e mood not null, ia int[] not null, ta text[] not null, ip inet not null, b1 bit(1) not null, b8 bit(8) not null,
    dom positive not null, domt short not null, mon money not null, o oid not null, pt point not null,
    ir int4range not null, hs hstore not null, x xml not null, ct citext not null, lt ltree not null, tv tsvector not null,
    mac macaddr not null, vb varbit(5) not null, nm name not null default 'n', da date[] not null, ca cidr not null);"""
REQUIRED_ROW = """insert into required values ({0}, 1, 2, 3, 4.5, 5.5, 1.5, 2.5, true, 't', 'v', 'c', '\\x01',
    '11111111-2222-3333-4444-555555555555', '{}', '{}', '2024-01-01', '10:00', '10:00', '10:00+00', '2024-01-01',
    '2024-01-01', '2024-01-01 00:00:00+00', '1 day', 'ok', '{1}', '{a}', '::1', B'1', B'00000001', 3, 'd', '1', 1,
    '(1,1)', '[1,2)', 'a=>1', '<a/>', 'c', 'l', 'v', '08:00:2b:01:02:03', B'1', 'n', '{}', '::/0')"""
REQUIRED_STEPS = [REQUIRED_ROW.replace("{0}", "1") + ";" + REQUIRED_ROW.replace("{0}", "2"),
                  "update required set t = 'new' where id = 1; delete from required where id = 1",
                  "update required set id = 22 where id = 2"]
MODES = {
    "": {},
    "-other-modes": {"decimal.handling.mode": "string", "time.precision.mode": "connect", "interval.handling.mode": "string",
                     "binary.handling.mode": "base64", "hstore.handling.mode": "map"},
    "-as-double": {"decimal.handling.mode": "double", "time.precision.mode": "adaptive_time_microseconds",
                   "binary.handling.mode": "hex"},
}
for suffix, config in MODES.items():
    scenario(f"not-null-fallbacks{suffix}", REQUIRED, *REQUIRED_STEPS, config=config,
             differs={"name-in-stream": r"stream \S+required value\.payload\.(after|before)\.nm$"})
# With nanoseconds Debezium's task dies of the missing timestamp.
scenario("not-null-fallbacks-isostring", REQUIRED, *REQUIRED_STEPS, config={"time.precision.mode": "isostring"},
         differs={"name-in-stream": r"stream \S+required value\.payload\.(after|before)\.nm$"})
