# SPDX-License-Identifier: Apache-2.0
"""Types that are seldom used, and arrays of nearly all; large values of them that do not change; required ones."""

from scenario import scenario

TYPES = """create extension hstore; create extension citext; create extension ltree; create extension isn; create extension cube;
    create extension seg; create type mood as enum ('sad', 'ok', 'it''s, bad'); create type pair as (a int, b text);
    create domain positive as int check (value > 0); create domain numbers as int[]; create domain wide as numeric(12,3);"""
MORE_TABLE = TYPES + """
    create table more (id int primary key, ean ean13, isbn isbn, isbn13 isbn13, issn issn, lq lquery, cub cube, sg seg,
        mr int4multirange, lsn pg_lsn, tsq tsquery, xi xid, rc regclass, cmp pair, nums numbers, wid wide, doma positive[],
        jp jsonpath, ln line, ls lseg, pa path, po polygon, ci circle, snap txid_snapshot, ref refcursor, mac8 macaddr8,
        nr numrange, tr tsrange, dr daterange, i8r int8range, vbu varbit, vb1 varbit(1), b3 bit(3), tm0 time(0),
        tm6 time(6), ts6 timestamp(6), tz0 timestamptz(0), ivp interval day to second(2), n50 numeric(5), n3812 numeric(38,12),
        i2a smallint[], f4a real[], oa oid[], va varchar(9)[], ca char(3)[], qa "char"[], nua numeric[], tma time[],
        tm3a time(3)[], ttza timetz[], ts3a timestamp(3)[], bya bytea[], ja json[], jba jsonb[], ipa inet[], cia cidr[],
        maa macaddr[], ma8a macaddr8[], ira int4range[], nra numrange[], tra tsrange[], tzra tstzrange[], dra daterange[],
        i8ra int8range[], cta citext[], hsa hstore[], lta ltree[], mona money[], nama name[], iva interval[],
        vba varbit[], xa xml[], pta point[], cmpa pair[], boa box[], mra int4multirange[]);"""
REQUIRED_TABLE = TYPES + """
    create table more_required (id int primary key, ean ean13 not null, isbn isbn not null, nums numbers not null,
        wid wide not null, mac8 macaddr8 not null, vbu varbit not null, tm0 time(0) not null, tm6 time(6) not null,
        ts6 timestamp(6) not null, ttz timetz not null, tz0 timestamptz(0) not null, x xml not null, ct citext not null,
        lt ltree not null, tv tsvector not null, da date[] not null, e mood not null, q "char" not null,
        tr tsrange not null, f4a real[] not null, vb varbit(9) not null, nm name not null);"""
HEAVY_TABLE = TYPES + """
    create table heavy (id int primary key, state text, ua uuid[], ct citext, hs hstore, jba jsonb[], da date[],
        ia inet[], na numeric[], x xml, fa float8[], ba bytea[], i8a bigint[], i2a smallint[], tsa timestamp[], va varchar(40)[],
        e mood[], cta citext[], n numeric, tv tsvector, lt ltree, vb varbit, path path, tza timetz[], tma time[]);"""
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
REQUIRED = """({id}, '9771436452008', '0-393-04002-X', '{1,2}', 1.5, '08:00:2b:01:02:03:04:05', B'101', '12:34', '12:34:56.5',
    '2024-01-02 03:04:05.5', '12:34:56+02', '2024-01-02 03:04:05+00', '<a/>', 'ct', 'a.b', 'a b', '{2024-01-01}', 'ok', 'q',
    '[2024-01-01,2024-01-02)', '{1.5}', B'101', 'nm')"""
HEAVY = """insert into heavy select i, 's', array_agg(md5(n::text)::uuid), repeat('c', 9000), hstore('k', string_agg(md5(n::text), '')),
        array_agg(jsonb_build_object('a', md5(n::text))), array_agg(date '2000-01-01' + n), array_agg(('10.0.' || n % 250 || '.1')::inet),
        array_agg(n * 1000000007.5), xmlparse(content string_agg(md5(n::text), '')), array_agg(n / 7.0), array_agg(md5(n::text)::bytea),
        array_agg(n::bigint * 123456789), array_agg((n % 30000)::smallint), array_agg(timestamp '2000-01-01' + n * interval '1 second'),
        array_agg(md5(n::text)), array_agg('ok'::mood), array_agg(md5(n::text)::citext), (repeat('123456789', 4000))::numeric,
        to_tsvector(string_agg(md5(n::text), ' ')), string_agg(md5(n::text), '.')::ltree,
        string_agg(n::bit(32)::text, '')::varbit, ('[' || string_agg('(' || n || ',2)', ',') || ']')::path,
        array_agg(timetz '00:00:00+00' + n * interval '1 second'), array_agg(time '00:00' + n * interval '1 second')
    from generate_series(1, 2) i, generate_series(1, 1500) n group by i"""

MORE_DIFFERS = {"time-arrays": r"more value\.payload\.(after|before)\.(tma|ttza)",
                "bc-arrays": r"more value\.payload\.(after|before)\.(ts3a|tza)"}
MODES = {
    "": {},
    "-other-modes": {"decimal.handling.mode": "string", "time.precision.mode": "connect", "binary.handling.mode": "base64",
                     "hstore.handling.mode": "map"},
    "-isostring": {"time.precision.mode": "isostring"},
    "-microseconds": {"time.precision.mode": "microseconds"},
}
for name, config in MODES.items():
    # A refcursor kills Debezium's snapshot.
    scenario(f"more-types{name}", MORE_TABLE, *(f"insert into more values ({row})" for row in MORE),
             "delete from more where id = 1", config=config,
             differs=MORE_DIFFERS | ({"nan-in-arrays": r"more value\.payload\.(after|before)\.nua$"} if name == "-other-modes" else {}))
    scenario(f"more-types-required{name}", REQUIRED_TABLE, *(f"insert into more_required values {REQUIRED.replace('{id}', n)}"
             for n in "12"), "update more_required set tm0 = '1:00' where id = 1; delete from more_required where id = 1",
             config=config, differs={"name-in-stream": r"value\.payload\.(after|before)\.nm$"})
    scenario(f"more-types-unchanged{name}", HEAVY_TABLE, HEAVY, "update heavy set state = 'new' where id = 1;"
             "delete from heavy where id = 1", config=config,
             differs={"toast-text-arrays": r"heavy value\.payload\.after\.(e|ia|cta|tza|da|tsa|tma|na|ba)$"})
scenario("more-types-nanoseconds", MORE_TABLE, *(f"insert into more values ({row})" for row in MORE),
         config={"time.precision.mode": "nanoseconds"},
         differs=MORE_DIFFERS | {"nanosecond-range": r"more value\.payload\.after\.ts6$"})
