# SPDX-License-Identifier: Apache-2.0
"""Compares the records of Sluice's Postgres source with those of a real Debezium on a JVM Kafka Connect worker.

Both read the same database, each from its own copy of one slot, so that lsn, txId and sequence must be equal. What is
compared, byte for byte: topics, partitions, keys, values with their schemas, headers, tombstones. What is not: when the
connector saw a change (top level ts_*), the run id, and for snapshots the positions and times of `source`. Cases where
Debezium is known to be wrong are listed in KNOWN below and explained in docs/debezium-differences.md.

It is not a part of tests/run: it fetches about 60 MB of jars and needs 1.5 GB of memory. By hand, after tests/setup and
a build:

    ~/.cache/sluice/venv/bin/python tests/integration/oracle/compare.py [--binary build/release/sluice] [--dir D]

The JVM worker is tests/support/jvm_connect.py. Ends with 0 when there are no differences but the known ones. --dir keeps
logs and both sides' records (ours.json, theirs.json) there.
"""

import argparse
import itertools
import json
import pathlib
import re
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import jvm_connect  # noqa: E402
import stand  # noqa: E402

OURS, THEIRS = "", "theirs."  # what the topics' names begin with; the prefix is the same, as keys and partitions show it

# Differences that are meant: what matches "PHASE TABLE PATH" -> why. See docs/debezium-differences.md.
KNOWN = [
    (r"^(?!snap)\w+ (types|more_required) value.payload.after.nm$", "a name column is null in Debezium's stream"),
    (r"^\w+ more value.payload.after.(tma|ttza)", "fractions of seconds and 24:00 in arrays of time and timetz"),
    (r"^\w+ more value.payload.after.(ts3a|tza)", "BC in arrays of timestamps"),
    (r"^\w+ heavy value.payload.after.(e|ia|cta|tza|da|tsa|tma)$", "placeholders of other arrays of texts"),
    (r"^modes toast value.payload.after.bin$", "the placeholder of bytea as base64 is null in Debezium"),
    (r"^(modes|micro) (types|more|heavy) value.payload.(after|before).(bx|boa|path|po|pa|ls|ln|ci)\b",
     "unknown types: the server's text, not a Java object's"),
    (r"^\w+ strange .*fields\.(ch\.default|cu\.default|cc fields)$", "defaults that Debezium cuts or takes for literals"),
    (r"^\w+ strange .*\.neg(\.parameters.*)?$", "a negative scale"),
    (r"^\w+ strange .*\.ba(\.parameters fields| fields|\.type)?$", "arrays of bit(n)"),
    (r"^\w+ strange value.payload.after.aa$", "an array of arrays is null as a whole"),
    (r"^\w+ strange value.payload.after.ttz$", "24:00 as timetz"),
    (r"^(modes|micro) more .*(after|before|fields) fields$", "unknown types: money[], name[], interval[], xml[] ... too"),
    (r"^\w+ more value.payload.after.ts6$", "the last hours of 1677-09-21 in nanoseconds"),
    (r"^snapmapped .*(big|id|ser)\.parameters.__debezium.source.column.type$", "SERIAL in Debezium's snapshot"),
    (r"^snapmapped .*nn\.parameters( fields|.__debezium.source.column.length)$", "length of numeric in its snapshot"),
    (r"^snap\w* strange value.payload.after.d$", "infinity and BC dates in Debezium's snapshot"),
    (r"^snap\w* strange value.*(after|before\.fields|after\.fields) fields$", "generated columns in Debezium's snapshot"),
]


# --- The database -----------------------------------------------------------------------------------------------------

TYPES = """
    id int primary key, i2 smallint, i4 int, i8 bigint, ser serial, n102 numeric(10,2), n5 numeric(5), nn numeric,
    f4 real, f8 double precision, b boolean, t text, v varchar(20), c char(5), bin bytea, u uuid, j json, jb jsonb,
    d date, tm time, tm3 time(3), ttz timetz, ts timestamp, ts3 timestamp(3), ts0 timestamp(0), tstz timestamptz,
    tstz3 timestamptz(3), iv interval, e mood, ia int[], ba bigint[], ta text[], na numeric(6,2)[], ua uuid[],
    tsa timestamp[], tza timestamptz[], da date[], bla bool[], fa float8[], ea mood[], ip inet, ci cidr, mac macaddr,
    b1 bit(1), b8 bit(8), b20 bit(20), vb varbit(12), dom positive, domt short, mon money, x xml, o oid, nm name,
    q "char", pt point, ir int4range, tsr tstzrange, tv tsvector, hs hstore, ct citext, lt ltree, bx box, "Mixed Case" int
"""
ROWS = [
    """1, -2, 3, 9007199254740993, 7, 123.45, 12345, 1.10, 1.1, 2.1, true, E'a"é😀\\\\ \\t\\u2028/\\x7f<', 'v', 'c',
    '\\xdeadbeef00', '11111111-2222-3333-4444-555555555555', '{"x": [1],  "y":1}', '{"y":2, "x": 1.50}',
    '2024-02-29', '12:34:56.789012', '12:34:56.789', '12:34:56.5+02', '2024-02-29 12:34:56.789012',
    '2024-02-29 12:34:56.789', '2024-02-29 12:34:56', '2024-02-29 12:34:56.7+02', '2024-02-29 12:34:56.7+02',
    '1 year 2 mons 3 days 04:05:06.789', 'sad', '{1,NULL,3}', '{-1,9007199254740993}', '{a,"b,c",NULL,""}',
    '{1.5,NULL,-2.25}', '{11111111-2222-3333-4444-555555555555}', '{2024-02-29 12:34:56.789012}',
    '{2024-02-29 12:34:56.7+02}', '{2024-02-29}', '{t,f}', '{1.5,NaN}', '{sad,ok}', '10.1.2.3/8', '10.0.0.0/8',
    '08:00:2b:01:02:03', B'1', B'10000001', B'00000000000100000001', B'101', 5, 'dom', '1234.56', '<a>1</a>', 42, 'nm',
    'q', '(1.5,-2)', '[1,5)', '[2024-01-01 00:00:00+00,2024-01-02 00:00:00+00)', 'a fat cat', 'a=>1, b=>NULL',
    'CiText', 'a.b', '(1,1),(0,0)', 5""",
    "2",  # what is not given is NULL, but the serial
    """3, 32767, -2147483648, -9223372036854775808, 9, -99999999.99, -1, 123456789012345678901234567890.000123, -0.0,
    1e300, false, '', '', '', '', '00000000-0000-0000-0000-000000000000', 'null', 'null', '0001-01-01', '00:00:00',
    '23:59:59.999', '00:00:00-12', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999', '0001-01-01 00:00:00',
    '1883-11-18 12:00:00.000001+00', '9999-12-31 23:59:59.999+00', '-1 year -2 mons +3 days -04:05:06.7', 'it''s, bad',
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '::1', '::/0', 'ff:ff:ff:ff:ff:ff', B'0',
    B'00000000', B'10000000000000000000', B'', 1, '', '-0.05', NULL, 4294967295, '', '', '(0,0)', 'empty', '(,)', '',
    '', '', '', NULL, 0""",
    """4, 0, 0, 0, 10, 0, 0, 0, 3.4028235e38, 1e-7, true, repeat('x', 300), 'é', 'ééééé', '\\x00ff',
    'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '{"a": "\\u00e9\\ud83d\\ude00"}', '9999-12-31', '24:00:00',
    '00:00:00.001', '12:00:00.123456+05:30', '9999-12-31 23:59:59.999999', '2000-01-01', '1970-01-01',
    '2024-06-01 00:00:00+00', '2024-06-01 00:00:00+00', '00:00:00', 'ok', '{2147483647}', '{0}', '{NULL}', '{0}',
    '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{1e300,Infinity}', '{ok}', '10.1.2.3', '10.1.2.0/24',
    '00:00:00:00:00:00', B'1', B'11111111', B'11111111111111111111', B'111111111111', 2147483647, 'é', '0', '<b/>', 0,
    'x', ' ', '(1e10,1e-7)', '(,5)', '[2024-01-01,)', $$'q':1A,2B$$, '"a b"=>"c\\"d"', 'x', 'a', '(1,1),(0,0)', NULL""",
    """5, 1, 1, 1, 11, 'NaN', 1, 1000, 'NaN', 'Infinity', true, 't', 'v', 'c', '\\x01', NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, '2024-06-01 00:00:00.000001+00', NULL, '1000 years'""",
    """6, 1, 1, 1, 12, 0.05, 1, 0.00000001, '-Infinity', 100, true, 't', 'v', 'c', '\\x01', NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, 'infinity', '-infinity', '0.000001'""",
    """7, 1, 1, 1, 13, 0.05, 1, 1e20, 1e7, 12345678.9, true, 't', 'v', 'c', '\\x01', NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, 'infinity', '-infinity', NULL, NULL, NULL, '-0.5 seconds'""",
]
SETUP = f"""
    create extension hstore; create extension citext; create extension ltree; create extension isn; create extension cube;
    create extension seg;
    create type mood as enum ('sad', 'ok', 'it''s, bad');
    create domain positive as int check (value > 0);
    create domain short as varchar(9);
    create table types ({TYPES});
    create table defaults (id serial primary key, i2 smallint not null default 3, i4 int not null default -4,
        i8 bigint not null default 5, big bigserial, n numeric(10,2) not null default 1.5, nn numeric not null default 2,
        f4 real not null default 1.5, f8 float8 not null default 1e10, b boolean not null default true,
        t text not null default 'text', v varchar(20) not null default 'it', c char(5) not null default 'c',
        u uuid not null default gen_random_uuid(), j json not null default '{{"a": 1}}', jb jsonb not null default '{{}}',
        d date not null default '2020-01-02', dn date not null default current_date, tm time not null default '10:11:12',
        ts timestamp not null default '2020-01-02 03:04:05.123456', tsn timestamp not null default now(),
        ts3 timestamp(3) not null default '2020-01-02 03:04:05.123', tstz timestamptz not null default now(),
        tzl timestamptz not null default '2020-01-02 03:04:05+00', ctz timestamptz not null default current_timestamp,
        ltz timestamp not null default localtimestamp, iv interval not null default '1 day', e mood not null default 'ok',
        b1 bit(1) not null default B'1', b8 bit(8) not null default B'00000101', ia int[] not null default '{{}}',
        bin bytea not null default '\\x01', opt int default 7, optt text default 'x', optn text default null,
        optnow timestamptz default now(), dom positive not null default 3, up text not null default upper('x'),
        neg numeric(6,3) not null default -0.001, empty text not null default '', ct citext not null default 'ci');
    create table required (id int primary key, i2 smallint not null, i4 int not null, i8 bigint not null,
        n numeric(10,2) not null, nn numeric not null, f4 real not null, f8 float8 not null, b boolean not null,
        t text not null, v varchar(20) not null, c char(5) not null, bin bytea not null, u uuid not null,
        j json not null, jb jsonb not null, d date not null, tm time not null, tm3 time(3) not null, ttz timetz not null,
        ts timestamp not null, ts3 timestamp(3) not null, tstz timestamptz not null, iv interval not null,
        e mood not null, ia int[] not null, ta text[] not null, ip inet not null, b1 bit(1) not null, b8 bit(8) not null,
        dom positive not null, domt short not null, mon money not null, o oid not null, pt point not null,
        ir int4range not null, hs hstore not null);
    create table whole (id int primary key, name text, n numeric(5,1) not null, big text);
    alter table whole alter big set storage external;
    alter table whole replica identity full;
    create table toast (id int primary key, state text, body text, bin bytea, j jsonb, ta text[], ia int[], v varchar);
    alter table toast alter body set storage external, alter bin set storage external, alter j set storage external,
        alter ta set storage external, alter ia set storage external, alter v set storage external;
    create table keyless (a int, b text);
    create table uniq (a int not null, b text, c int not null);
    create unique index on uniq (c, a);
    create table moving (id int primary key, name text not null, v int);
    create table growing (id int primary key, name text);
    create table composite (b text, a int, c uuid, v text, primary key (c, a, b));
    create table "Odd Näme" (id int primary key, "select" text, "a.b" int, "ünï" int);
    create table strange (id int primary key, d date, ts timestamp, tz timestamptz, neg numeric(3,-2), aa int[], ea mood[],
        ba bit(3)[], iv interval, ttz timetz, ch varchar(5) default 'it''s', cu text default current_user,
        cc text default ('a' || 'b'), sum int default (1 + 2), ip inet default '::1', o oid default 5,
        tz2 timetz default '10:00+00', gen int generated always as (id * 2) stored);
    create table indexed (id int primary key, a int not null, b text);
    create unique index indexed_a on indexed (a);
    alter table indexed replica identity using index indexed_a;
    create table nothing (id int primary key, a int);
    alter table nothing replica identity nothing;
    create table partly (a int, b text);
    create unique index on partly (a) where a > 0;
    create table parted (id int, k int, v text, primary key (k, id)) partition by list (k);
    create table parted_1 partition of parted for values in (1);
    create table parted_2 partition of parted for values in (2);
    create type pair as (a int, b text);
    create domain numbers as int[];
    create domain wide as numeric(12,3);
    create table more (id int primary key, ean ean13, isbn isbn, isbn13 isbn13, issn issn, lq lquery, cub cube, sg seg,
        mr int4multirange, lsn pg_lsn, tsq tsquery, xi xid, rc regclass, cmp pair, nums numbers, wid wide, doma positive[],
        jp jsonpath, ln line, ls lseg, pa path, po polygon, ci circle, snap txid_snapshot, ref refcursor, mac8 macaddr8,
        nr numrange, tr tsrange, dr daterange, i8r int8range, vbu varbit, vb1 varbit(1), b3 bit(3), tm0 time(0),
        tm6 time(6), ts6 timestamp(6), tz0 timestamptz(0), ivp interval day to second(2), n50 numeric(5), n3812 numeric(38,12),
        i2a smallint[], f4a real[], oa oid[], va varchar(9)[], ca char(3)[], qa "char"[], nua numeric[], tma time[],
        tm3a time(3)[], ttza timetz[], ts3a timestamp(3)[], bya bytea[], ja json[], jba jsonb[], ipa inet[], cia cidr[],
        maa macaddr[], ma8a macaddr8[], ira int4range[], nra numrange[], tra tsrange[], tzra tstzrange[], dra daterange[],
        i8ra int8range[], cta citext[], hsa hstore[], lta ltree[], mona money[], nama name[], iva interval[],
        vba varbit[], xa xml[], pta point[], cmpa pair[], boa box[], mra int4multirange[]);
    create table more_required (id int primary key, ean ean13 not null, isbn isbn not null, nums numbers not null,
        wid wide not null, mac8 macaddr8 not null, vbu varbit not null, tm0 time(0) not null, tm6 time(6) not null,
        ts6 timestamp(6) not null, ttz timetz not null, tz0 timestamptz(0) not null, x xml not null, ct citext not null,
        lt ltree not null, tv tsvector not null, da date[] not null, e mood not null, q "char" not null,
        tr tsrange not null, f4a real[] not null, vb varbit(9) not null, nm name not null);
    create table heavy (id int primary key, state text, ua uuid[], ct citext, hs hstore, jba jsonb[], da date[],
        ia inet[], na numeric[], x xml, fa float8[], ba bytea[], i8a bigint[], i2a smallint[], tsa timestamp[], va varchar(40)[],
        e mood[], cta citext[], n numeric, tv tsvector, lt ltree, vb varbit, path path, tza timetz[], tma time[]);
    create table empty (id int primary key);
    create table marker (id int primary key);
"""
REQUIRED = """insert into required values ({0}, 1, 2, 3, 4.5, 5.5, 1.5, 2.5, true, 't', 'v', 'c', '\\x01',
    '11111111-2222-3333-4444-555555555555', '{{}}', '{{}}', '2024-01-01', '10:00', '10:00', '10:00+00', '2024-01-01',
    '2024-01-01', '2024-01-01 00:00:00+00', '1 day', 'ok', '{{1}}', '{{a}}', '::1', B'1', B'00000001', 3, 'd', '1', 1,
    '(1,1)', '[1,2)', 'a=>1')"""
MORE = [
    """1, '9771436452008', '0-393-04002-X', '978-0393040029', '1436-4522', 'a.*', '(1,2),(3,4)', '1 .. 2', '{[1,3),[5,6)}',
    '16/B374D848', 'a & b', '700', 'more', '(1,x)', '{1,2}', 12.5, '{1,2}', '$.a', '{1,2,3}', '[(1,2),(3,4)]',
    '((1,2),(3,4))', '((1,2),(3,4),(5,6))', '<(1,2),3>', '10:20:10,14,15', null, '08:00:2b:01:02:03:04:05', '[1.5,2.5)',
    '[2024-01-01,2024-01-02)', '[2024-01-01,2024-01-02)', '[1,9007199254740993)', B'101', B'1', B'101', '12:34:56',
    '12:34:56.7', '2024-01-02 03:04:05.1', '2024-01-02 03:04:05+02', '1 day 2:03:04.56', 12345, 12345678901234567890.123456789012,
    '{1,NULL,-3}', '{1.5,NULL}', '{1,4294967295,NULL}', '{a,NULL,"b,c"}', '{a,bcd}', '{a,b}', '{1.50,NULL,1e20,0.0001}',
    '{12:34:56.789012,NULL}', '{12:34:56.789}', '{12:34:56+02,NULL}', '{2024-01-02 03:04:05.678,NULL}',
    '{"\\\\xdeadbeef",NULL}', '{"{\\"a\\": 1}",NULL}', '{"{\\"a\\": 1}",NULL}', '{10.1.2.3/8,NULL}', '{10.0.0.0/8}',
    '{08:00:2b:01:02:03}', '{08:00:2b:01:02:03:04:05}', '{"[1,2)",NULL,empty}', '{"[1.5,2)"}',
    '{"[2024-01-01,2024-01-02)"}', '{"[2024-01-01 00:00:00+00,)"}', '{"[2024-01-01,2024-01-02)"}', '{"[1,2)"}',
    '{CiText,NULL}', array['a=>1'::hstore, null], '{a.b,c}', '{1.50}', '{nm}', '{1 day}', '{101}', '{<a/>}', '{"(1,2)"}',
    '{"(1,x)"}', '{(1,1),(0,0)}', '{"{[1,2)}"}'""",
    "2",
    """3, null, null, null, null, null, null, null, '{}', '0/0', '', null, null, '(,)', '{}', -0.001, '{}', null, null,
    null, null, null, null, null, null, null, 'empty', '(,)', '(,2024-01-01]', '[5,5]', B'', B'0', B'000', '24:00', '24:00',
    '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC', '-1 day -0:00:00.5', -99999, -0.000000000001,
    '{}', '{NaN,Infinity,-0}', '{}', '{}', '{}', '{}', '{NaN}', '{24:00}', '{00:00}', '{23:59:59.999999-12}',
    '{0044-03-15 12:00:00.1 BC,infinity}', '{"\\\\x"}', '{null}', '{null}', '{::1}', '{::/0}', '{}', '{}', '{}', '{}', '{}',
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'""",
    """4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, '00:00', '00:00:00.000001',
    '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59+00', '100 days 25:00:00.01'""",
    """5, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, '1677-09-21 00:12:43.145224'""",
    """6, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, '1677-09-21 00:12:43.145225'""",
    """7, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, '2262-04-11 23:47:16.854776',
    '12345-06-07 08:09:10+00', '178000000 years'""",
]
MORE_REQUIRED = [
    """({id}, '9771436452008', '0-393-04002-X', '{{1,2}}', 1.5, '08:00:2b:01:02:03:04:05', B'101', '12:34', '12:34:56.5',
    '2024-01-02 03:04:05.5', '12:34:56+02', '2024-01-02 03:04:05+00', '<a/>', 'ct', 'a.b', 'a b', '{{2024-01-01}}', 'ok', 'q',
    '[2024-01-01,2024-01-02)', '{{1.5}}', B'101', 'nm')""".format(id=number)
    for number in (1, 2)
]
HEAVY = """insert into heavy select i, 's', array_agg(md5(n::text)::uuid), repeat('c', 9000), hstore('k', string_agg(md5(n::text), '')),
        array_agg(jsonb_build_object('a', md5(n::text))), array_agg(date '2000-01-01' + n), array_agg(('10.0.' || n % 250 || '.1')::inet),
        array_agg(n * 1000000007.5), xmlparse(content string_agg(md5(n::text), '')), array_agg(n / 7.0), array_agg(md5(n::text)::bytea),
        array_agg(n::bigint * 123456789), array_agg((n % 30000)::smallint), array_agg(timestamp '2000-01-01' + n * interval '1 second'),
        array_agg(md5(n::text)), array_agg('ok'::mood), array_agg(md5(n::text)::citext), (repeat('123456789', 4000))::numeric,
        to_tsvector(string_agg(md5(n::text), ' ')), string_agg(md5(n::text), '.')::ltree,
        string_agg(n::bit(32)::text, '')::varbit, ('[' || string_agg('(' || n || ',2)', ',') || ']')::path,
        array_agg(timetz '00:00:00+00' + n * interval '1 second'), array_agg(time '00:00' + n * interval '1 second')
    from generate_series(1, 2) i, generate_series(1, 1500) n group by i"""
FILL = [
    *(f"insert into types values ({row})" for row in ROWS),
    f"insert into defaults default values; {REQUIRED.format(1)}; {REQUIRED.format(2)}",
    "insert into whole values (1, 'a', 1.5, repeat('long ', 2000)), (2, null, -1, null)",
    """insert into toast select i, 's', repeat('body', 3000), decode(repeat('ab', 9000), 'hex'),
        jsonb_build_object('a', repeat('x', 9000)), array[repeat('y', 9000)], array(select generate_series(1, 4000)),
        repeat('v', 9000) from generate_series(1, 2) i""",
    "insert into keyless values (1, 'a'), (null, null)",
    "insert into uniq values (1, 'x', 2), (3, null, 4)",
    "insert into moving select i, 'n' || i, i from generate_series(1, 6) i",
    "insert into growing values (1, 'a'), (2, null)",
    """insert into composite values ('b', 1, '11111111-2222-3333-4444-555555555555', 'v'),
        ('é"', 2, '11111111-2222-3333-4444-555555555555', null)""",
    """insert into "Odd Näme" values (1, 's', 2, 3)""",
    "insert into strange values (1, 'infinity', 'infinity', 'infinity', 12300, '{{1,2},{3,4}}', '{sad,NULL}', '{101}')",
    "insert into strange values (2, '-infinity', '-infinity', '-infinity', -100, '[0:1]={1,2}', '{ok}', '{}')",
    """insert into strange (id, d, ts, tz, iv, ttz) values (3, '0044-03-15 BC', '0044-03-15 12:00:00 BC',
        '0044-03-15 12:00:00+00 BC', '300000 years', '24:00+00')""",
    "insert into indexed select i, i * 10, 'b' from generate_series(1, 3) i",
    "insert into nothing values (1, 2); insert into partly values (1, 'a'), (2, null)",
    "insert into parted values (1, 1, 'a'), (2, 2, 'b')",
    *(f"insert into more values ({row})" for row in MORE),
    *(f"insert into more_required values {row}" for row in MORE_REQUIRED),
    HEAVY,
]
# Each text is one transaction; the next one begins when both sides have written it.
CHANGES = [
    *FILL,
    "update types set i4 = 5 where id = 1; update types set b = null where id = 4; delete from types where id = 3",
    "update required set t = 'new' where id = 1; delete from required where id = 1; update required set id = 22 where id = 2",
    "update whole set name = 'b' where id = 1; update whole set big = 'short' where id = 2; delete from whole where id = 2",
    "update whole set id = 11 where id = 1",
    "update toast set state = 'new' where id = 1; update toast set body = null where id = 1; delete from toast where id = 1",
    "update toast set id = 3 where id = 2",
    "insert into keyless select i, 'bulk' from generate_series(1, 5) i",
    "update moving set id = 10 where id = 1; update moving set id = id + 100, name = 'x' where id in (2, 3)",
    "delete from moving where id = 10; update moving set v = null where id = 102; truncate moving",
    "insert into growing values (3, 'before'); update growing set name = 'changed' where id = 1",
    "alter table growing add column city text, add column zip int not null default 7",
    "insert into growing values (4, 'after', 'Ulm', 1); update growing set name = 'z' where id = 2",
    "alter table growing drop column name; alter table growing rename city to town",
    "insert into growing values (5, 'Bonn'); delete from growing where id = 4",
    "alter table growing alter zip type bigint, alter zip drop not null",
    "insert into growing values (6, 'Rom', 3000000000); delete from growing where id = 6",
    "delete from composite where a = 1; update composite set b = 'moved' where a = 2",
    """update "Odd Näme" set "select" = null; delete from "Odd Näme\"""",
    "update defaults set opt = null; delete from defaults",
    "update indexed set b = 'x' where id = 1; update indexed set a = 99 where id = 2; delete from indexed where id = 3",
    "update parted set v = 'c' where id = 1; update parted set k = 2 where id = 1; delete from parted where id = 2",
    "update more_required set tm0 = '1:00' where id = 1; delete from more_required where id = 1",
    "update heavy set state = 'new' where id = 1; delete from heavy where id = 1; delete from more where id = 1",
    "update whole set n = 3.5 where id = 11; update whole set name = name where id = 11",
]


# --- Running both -----------------------------------------------------------------------------------------------------


def config(postgres, database, slot, **more):
    """Keys with underscores stand for those with dots."""
    converter = "org.apache.kafka.connect.json.JsonConverter"
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": stand.HOST,
        "database.port": str(postgres.port),
        "database.user": "postgres",
        "database.password": "none",
        "database.dbname": database,
        "topic.prefix": database,
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": "oracle",
        "publication.autocreate.mode": "disabled",
        "key.converter": converter,
        "key.converter.schemas.enable": "true",
        "value.converter": converter,
        "value.converter.schemas.enable": "true",
        "poll.interval.ms": "50",
        **{key.replace("_", "."): value for key, value in more.items()},
    }


class Sides:
    """Both workers with one connector each, whose topic.prefix is the name of the phase and of the database. renamed makes
    a topic's name of its usual one."""

    def __init__(self, options, work, kafka, postgres, phase, renamed=lambda name: name, **more):
        self._renamed = renamed
        self.kafka, self.postgres, self.phase, self.database = kafka, postgres, phase, phase
        self._config = config(postgres, phase, f"{phase}_ours", **more)
        theirs = config(postgres, phase, f"{phase}_theirs", **more) | {
            "transforms": "route",
            "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
            "transforms.route.regex": ".*",
            "transforms.route.replacement": f"{THEIRS}$0",
        }
        tables = postgres.sql("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
                              phase)
        made = set()
        for (table,), side in itertools.product(tables, (OURS, THEIRS)):
            # Several partitions, so that keys must choose the same one. Without a key, as for a truncation, any will do.
            if self.topic(side, table) not in made:
                kafka.create_topic(self.topic(side, table), 1 if table in ("keyless", "moving") else 3)
            made.add(self.topic(side, table))
        properties = {"bootstrap.servers": kafka.bootstrap, "group.id": phase}
        for kind in ("config", "offset", "status"):
            properties |= {f"{kind}.storage.topic": f"{phase}-{kind}", f"{kind}.storage.replication.factor": 1}
        self.ours = stand.Worker(options.binary, work / f"{phase}-ours", properties)
        self.theirs = jvm_connect.Standalone(work / f"{phase}-theirs", kafka.bootstrap, {"pg": theirs})
        self.tables = sorted(table for (table,) in tables)

    def topic(self, side, table):
        return side + self._renamed(re.sub("[^A-Za-z0-9._-]", "_", f"{self.phase}.public.{table}"))

    def __enter__(self):
        stand.start_all([self.ours, self.theirs])
        stand.wait_until(lambda: self.ours.rest("POST", "/connectors", json={"name": "pg", "config": self._config}).ok)
        self.ours.wait_running("pg", 1)
        return self

    def __exit__(self, *_):
        stand.stop_all([self.ours, self.theirs])

    def wait_for_marker(self, number):
        """A row of `marker`, written after all others, is in Kafka on both sides."""
        for side, worker in ((OURS, self.ours), (THEIRS, self.theirs)):

            def there():
                if not worker.running:
                    raise stand.StandError(worker.log_text()[-3000:])
                records = self.kafka.consume_all(self.topic(side, "marker"))
                return any(json.loads(record.key)["payload"]["id"] == number for record in records)

            try:
                stand.wait_until(there, 60, f"{self.phase}: marker {number} of {worker.name}", 0.1)
            except TimeoutError as error:
                raise stand.StandError(f"{error}\n{worker.log_text()[-5000:]}") from None

    def records(self, side):
        """{table: [(partition, key, value, headers), ...]}, each partition's in order."""

        def plain(data):
            return data and data.decode()

        return {
            table: [
                (record.partition, plain(record.key), plain(record.value), [(n, plain(v)) for n, v in record.headers])
                for record in self.kafka.consume_all(self.topic(side, table))
            ]
            for table in self.tables
        }


def run_snapshot(options, work, kafka, postgres, phase="snap", **more):
    postgres.create_db(phase)
    postgres.sql(SETUP, phase)
    for text in FILL:
        postgres.sql(text, phase)
    postgres.sql("insert into marker values (1); create publication oracle for all tables", phase)
    with Sides(options, work, kafka, postgres, phase, snapshot_mode="initial", **more) as sides:
        sides.wait_for_marker(1)
        postgres.sql("insert into marker values (2)", phase)
        sides.wait_for_marker(2)
        return sides.records(OURS), sides.records(THEIRS)


def run_stream(options, work, kafka, postgres, phase="stream", setup=SETUP, **more):
    postgres.create_db(phase)
    postgres.sql(setup + "create publication oracle for all tables", phase)
    postgres.sql(f"select pg_create_logical_replication_slot('{phase}_ours', 'pgoutput')", phase)
    postgres.sql(f"select pg_copy_logical_replication_slot('{phase}_ours', '{phase}_theirs')", phase)
    with Sides(options, work, kafka, postgres, phase, snapshot_mode="no_data", **more) as sides:
        for number, text in enumerate(CHANGES):
            postgres.sql(text, phase)
            postgres.sql(f"insert into marker values ({number})", phase)
            sides.wait_for_marker(number)
        return sides.records(OURS), sides.records(THEIRS)


def run_modes(*parts):
    return run_stream(
        *parts,
        phase="modes",
        decimal_handling_mode="string",
        time_precision_mode="connect",
        interval_handling_mode="string",
        hstore_handling_mode="map",
        binary_handling_mode="base64",
        schema_name_adjustment_mode="avro",
        field_name_adjustment_mode="avro_unicode",
        include_unknown_datatypes="true",
        tombstones_on_delete="false",
        skipped_operations="none",
    )


def run_others(*parts):
    return run_stream(
        *parts,
        phase="others",
        decimal_handling_mode="double",
        time_precision_mode="adaptive_time_microseconds",
        binary_handling_mode="hex",
        schema_name_adjustment_mode="avro_unicode",
        field_name_adjustment_mode="avro",
        extended_headers_enabled="false",
        skip_messages_without_change="true",
        unavailable_value_placeholder="missing",
        money_fraction_digits="3",
        skipped_operations="d",
        column_exclude_list="public.types.(ia|t|Mixed Case),public.whole.n",
    )


def run_iso(*parts):
    return run_stream(*parts, phase="iso", time_precision_mode="isostring", event_converting_failure_handling_mode="skip")


def run_micro(*parts):
    return run_stream(*parts, phase="micro", time_precision_mode="microseconds", include_unknown_datatypes="true",
                      hstore_handling_mode="map")


def run_nano(*parts):
    # A NOT NULL timestamp without a default kills Debezium's task in this mode, when a deleted row comes without it.
    setup = re.sub(r"(ts3?|ts6) (timestamp(\(\d\))?) not null,", r"\1 \2,", SETUP)
    return run_stream(*parts, phase="nano", setup=setup, time_precision_mode="nanoseconds",
                      datatype_propagate_source_type=".*")


MAPPED = {
    "message.key.columns": "public.(types|whole):v;public.growing:name,id;public.uniq:b,nothing;public.toast:body,id",
    "column.propagate.source.type": "public.(types|defaults|more|strange)[.].*",
    "column.mask.with.3.chars": "public.required.(t|v|c|i4|e),public.moving.name,public.toast.body",
    "column.mask.hash.SHA-256.with.salt.pepper": "public.whole.big,public.composite.(b|v),public.toast.v",
    "column.mask.hash.v2.SHA-512.with.salt.pep.per": "public.whole.name,public.keyless.b",
    "column.truncate.to.4.chars": "public.toast.(bin|j|ta|ia),public.indexed.b,public.parted.v,public.growing.name,"
                                  "public.more_required.*",
}


def run_mapped(*parts):
    return run_stream(*parts, phase="mapped", **MAPPED)


def run_snap_mapped(*parts):
    return run_snapshot(*parts, phase="snapmapped", **MAPPED)


NAMED = {
    "topic.naming.strategy": "io.debezium.schema.DefaultRegexTopicNamingStrategy",
    "topic.regex": r"(.*)[.](\w+)_(?<part>[0-9]+)",
    "topic.replacement": "$1.all.$2",
    "topic.key.field.name": "which",
    "topic.key.field.regex": r"(.*)[.]([^.]*)",
    "topic.key.field.replacement": "$2",
}


def run_named(*parts):
    def renamed(name):
        return re.sub(r"^(.*)[.](\w+)_[0-9]+$", r"\1.all.\2", name.replace(".public.", "."))

    return run_snapshot(*parts, phase="snapnamed", renamed=renamed, **NAMED)


PHASES = {
    "snap": run_snapshot, "stream": run_stream, "modes": run_modes, "others": run_others, "iso": run_iso,
    "micro": run_micro, "nano": run_nano, "mapped": run_mapped, "snapmapped": run_snap_mapped,
    "snapnamed": run_named,
}


# --- Comparing --------------------------------------------------------------------------------------------------------

SEEN = (re.compile(r'"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+}'), '"ts_ms":0,"ts_us":0,"ts_ns":0}')
POSITIONS = [
    (re.compile(r'"ts_ms":\d+,"snapshot"'), '"ts_ms":0,"snapshot"'),
    (re.compile(r'"sequence":"[^}]*?","ts_us":\d+,"ts_ns":\d+,"schema"'), '"sequence":"","ts_us":0,"ts_ns":0,"schema"'),
    (re.compile(r'"txId":\d+,"lsn":\d+'), '"txId":0,"lsn":0'),
]


def masked(phase, record):
    partition, key, value, headers = record
    for pattern, neutral in [SEEN, *(POSITIONS if phase.startswith("snap") else [])]:
        value = value and pattern.sub(neutral, value)
    headers = [(name, "ID" if name.endswith(".runId") else text) for name, text in headers]
    return partition, key, value, headers


def paths(ours, theirs, path=""):
    """Where two parsed JSON values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if list(ours) != list(theirs):
            yield path + " fields", list(ours), list(theirs)
        for name in ours.keys() & theirs.keys():
            yield from paths(ours[name], theirs[name], f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if path.endswith(".fields"):  # of a schema: by their names
            yield from paths({f["field"]: f for f in ours}, {f["field"]: f for f in theirs}, path)
            return
        if len(ours) != len(theirs):
            yield path, ours, theirs
        for number, (left, right) in enumerate(zip(ours, theirs)):
            yield from paths(left, right, f"{path}[{number}]")
    elif repr(ours) != repr(theirs):
        yield path, ours, theirs


def differences(phase, table, ours, theirs):
    if len(ours) != len(theirs):
        yield "", "count", len(ours), len(theirs)
    for number, (left, right) in enumerate(zip(ours, theirs)):
        left, right = masked(phase, left), masked(phase, right)
        for what, mine, other in zip(("partition", "key", "value", "headers"), left, right):
            if mine == other:
                continue
            found = False
            if what in ("key", "value") and mine and other:
                for path, a, b in paths(json.loads(mine), json.loads(other)):
                    found = True
                    yield number, what + path, a, b
            if not found:
                yield number, what + " bytes", mine, other


def report(phase, ours, theirs):
    """Prints the differences, each place once, and returns how many are not known."""
    unknown = count = 0
    for table in ours:
        count += len(theirs[table])
        shown = {}
        for number, path, mine, other in differences(phase, table, ours[table], theirs[table]):
            place = re.sub(r"\[\d+\]", "[]", f"{path}")
            shown.setdefault((place, repr(mine), repr(other)), []).append(number)
        for (path, mine, other), numbers in shown.items():
            where = f"{phase} {table} {path}"
            why = next((why for pattern, why in KNOWN if re.search(pattern, where)), None)
            unknown += why is None
            print(f"{'known' if why else 'DIFFERS'}: {where} (records {numbers})")
            if not why:
                print(f"    ours   {mine[:600]}\n    theirs {other[:600]}")
    print(f"{phase}: {count} records compared, {unknown} unknown differences", flush=True)
    return unknown


def main():
    parser = argparse.ArgumentParser(description="Sluice's Postgres records against a real Debezium's.")
    parser.add_argument("--binary", default=ROOT / "build" / "release" / "sluice", type=pathlib.Path)
    parser.add_argument("--dir", type=pathlib.Path, help="where logs and records are kept")
    parser.add_argument("--only", choices=tuple(PHASES))
    options = parser.parse_args()
    work = options.dir or pathlib.Path(tempfile.mkdtemp(prefix="sluice-oracle-"))
    unknown = 0
    try:
        with stand.Kafka(work / "kafka") as kafka, stand.Postgres(work / "postgres") as postgres:
            for phase, run in PHASES.items():
                if options.only in (None, phase):
                    ours, theirs = run(options, work, kafka, postgres)
                    (work / f"{phase}-ours.json").write_text(json.dumps(ours, indent=1, ensure_ascii=False))
                    (work / f"{phase}-theirs.json").write_text(json.dumps(theirs, indent=1, ensure_ascii=False))
                    unknown += report(phase, ours, theirs)
    finally:
        if not options.dir:
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if unknown else 0)


if __name__ == "__main__":
    main()
