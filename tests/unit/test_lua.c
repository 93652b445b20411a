/* SPDX-License-Identifier: Apache-2.0 */
/* sluice.transforms.Lua: the sandbox and each way out of it that is known, the limits, what a script sees of a record and what it
 * may write, and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/allocations.h"
#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_lua;

struct run {
        struct smt t;
        struct sl_record rec;
        struct sl_err err;
};

static enum sl_rc apply(struct run *r)
{
        r->err = (struct sl_err){0};
        return r->t.ops->apply(r->t.st, &r->rec, &r->t.arena, &r->err);
}

/* The body of apply over one record; limits as strings. */
static enum sl_rc body_with(struct run *r, const char *body, const char *instructions, const char *memory)
{
        char script[4096];
        snprintf(script, sizeof(script), "function apply(record)\n%s\nend", body);
        if (!OPEN(&r->t, &sl_lua, "script", script, "instructions.max", instructions, "memory.max.bytes", memory))
                fail_msg("%s: %s", body, sl_buf_cstr(&r->t.problem));
        return apply(r);
}

static enum sl_rc body(struct run *r, const char *text)
{
        return body_with(r, text, "1000000", "16777216");
}

static const struct sl_schema *logical(enum sl_type type, const char *name, const char *scale)
{
        const struct sl_param param = {"scale", scale};
        return sl_schema_intern(&(struct sl_schema){
                .type = type, .name = name, .optional = true, .param_count = scale != NULL, .params = &param});
}

/* {big, small, price, flag, ratio, text, blob, inner {x}, list [], map {}, none = 'd' by default} */
static void struct_record(struct run *r)
{
        static const uint8_t unscaled[] = {0x04, 0xd2}; /* 12.34 */
        const struct sl_schema *int64 = sl_schema_of(SL_INT64, false), *text = sl_schema_of(SL_STRING, true);
        const struct sl_field x = {.name = "x", .schema = int64};
        const struct sl_schema *inner = sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Inner", .optional = true, .field_count = 1, .fields = &x});
        const struct sl_schema *list = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = int64});
        const struct sl_schema *map = sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = text, .value = int64});
        const struct sl_schema *def = sl_schema_intern(&(struct sl_schema){
                .type = SL_STRING, .optional = true, .has_default = true, .def = sl_v_str(SL_STR("d"))});
        const struct sl_field fields[] = {{.name = "big", .schema = int64},
                                          {.name = "small", .schema = sl_schema_of(SL_INT8, false)},
                                          {.name = "price", .schema = logical(SL_BYTES, SL_NAME_DECIMAL, "2")},
                                          {.name = "flag", .schema = sl_schema_of(SL_BOOLEAN, false)},
                                          {.name = "ratio", .schema = sl_schema_of(SL_FLOAT32, false)},
                                          {.name = "text", .schema = text},
                                          {.name = "blob", .schema = sl_schema_of(SL_BYTES, true)},
                                          {.name = "inner", .schema = inner},
                                          {.name = "list", .schema = list},
                                          {.name = "map", .schema = map},
                                          {.name = "none", .schema = def}};
        static const struct sl_value one = {.type = SL_INT64, .i64 = 1};
        static const struct sl_value three[] = {{.type = SL_INT64, .i64 = 10}, {.type = SL_INT64, .i64 = 20},
                                                {.type = SL_INT64, .i64 = 30}};
        static struct sl_value pair[2];
        pair[0] = sl_v_str(SL_STR("a"));
        pair[1] = one;
        static struct sl_value items[11];
        items[0] = sl_v_i64(SL_INT64, INT64_MAX);
        items[1] = sl_v_i64(SL_INT8, 7);
        items[2] = sl_v_bytes(unscaled, 2);
        items[3] = sl_v_bool(true);
        items[4] = sl_v_f64(SL_FLOAT32, 1.5);
        items[5] = sl_v_str(SL_STR("hello"));
        items[6] = sl_v_bytes("\x00\xff", 2);
        items[7] = sl_v_items(SL_STRUCT, &one, 1);
        items[8] = sl_v_items(SL_ARRAY, three, 3);
        items[9] = sl_v_items(SL_MAP, pair, 1);
        items[10] = SL_V_NULL;
        r->rec = (struct sl_record){.topic = SL_STR("t"), .partition = 3, .timestamp_ms = 99, .offset = -1};
        r->rec.value_schema = sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Row", .field_count = 11, .fields = fields});
        r->rec.value = sl_v_items(SL_STRUCT, items, 11);
}

static void map_record(struct run *r)
{
        static struct sl_value items[4], inner[2];
        inner[0] = sl_v_str(SL_STR("y"));
        inner[1] = sl_v_i64(SL_INT64, 5);
        items[0] = sl_v_str(SL_STR("a"));
        items[1] = sl_v_i64(SL_INT64, 1);
        items[2] = sl_v_str(SL_STR("m"));
        items[3] = sl_v_items(SL_MAP, inner, 1);
        r->rec = (struct sl_record){.topic = SL_STR("t"), .partition = -1, .timestamp_ms = -1, .offset = 4};
        r->rec.value = sl_v_items(SL_MAP, items, 2);
}

static void expect_text(const struct run *r, const char *want)
{
        struct sl_buf text = {0};
        sl_value_print(r->rec.value_schema, &r->rec.value, &text);
        assert_string_equal(sl_buf_cstr(&text), want);
        sl_buf_free(&text);
}

/* Every line must hold; the record is kept when all do. */
static void check_all(void (*make)(struct run *), const char *const *lines)
{
        for (; *lines; lines++) {
                struct run r;
                char text[2048];
                make(&r);
                snprintf(text, sizeof(text), "local r, v = record, record.value\n%s\nreturn true", *lines);
                if (body(&r, text) != SL_OK || r.rec.dropped)
                        fail_msg("%s: %s", *lines, r.err.msg);
                smt_close(&r.t);
        }
}

/* ---- the sandbox ---- */

static void no_way_out(void **state)
{
        (void)state;
        static const char *const lines[] = {
                "assert(io == nil and os == nil and debug == nil and package == nil and require == nil)",
                "assert(load == nil and loadstring == nil and dofile == nil and loadfile == nil and string.dump == nil)",
                "assert(collectgarbage == nil and coroutine == nil and xpcall == nil and print == nil and warn == nil)",
                "for k in pairs(_G) do assert(not k:find('load')) end",
                "assert(getmetatable('') == false and not pcall(setmetatable, '', {}))",
                "assert(getmetatable(r) == false and getmetatable(v) == false and getmetatable(r.headers) == false)",
                "assert(not pcall(setmetatable, v, {}) and not pcall(rawset, v, 'big', 1) and not pcall(next, v))",
                "assert(not pcall(setmetatable, {}, {__gc = function() while true do end end}))",
                "local m = {} setmetatable({}, m) m.__gc = function() while true do end end",
                "local f = r.add_header assert(not pcall(f, {}, 'a', 'b') and not pcall(f))",
                "assert(string.rep('', 1 << 62) == '' and not pcall(string.rep, 'x', 1 << 62))",
                "assert(('x'):rep(3, '-') == 'x-x-x' and ('ab'):rep(2) == 'abab' and ('x'):rep(0) == '')",
                "local t = {3, 1, 2} table.sort(t) assert(table.concat(t) == '123')",
                "local t = {1, 2, 3} table.sort(t, function(a, b) return a > b end) assert(table.concat(t) == '321')",
                "local t = {1, 3} table.insert(t, 2, 2) table.insert(t, 4) assert(table.concat(t) == '1234')",
                "local t = {1, 2, 3} assert(table.remove(t, 1) == 1 and table.remove(t) == 3 and #t == 1)",
                "assert(table.concat(table.move({1, 2, 3}, 2, 3, 1)) == '233' and table.remove({}) == nil)",
                "assert(math.floor(2.5) == 2 and utf8.len('\\u{e9}') == 1 and string.format('%5.2f', 1) == ' 1.00')",
                NULL};
        check_all(struct_record, lines);
}

/* A script in a file that is gone when the transform is open. */
static bool open_file(struct smt *t, const char *text, char *path)
{
        FILE *f = fdopen(mkstemps(path, 4), "w");
        fputs(text, f);
        fclose(f);
        bool ok = OPEN(t, &sl_lua, "file", path);
        remove(path);
        return ok;
}

static void bytecode_is_refused(void **state)
{
        (void)state;
        char path[] = "/tmp/sluice-XXXXXX.lua";
        struct smt t;
        assert_false(open_file(&t, "\x1bLuaT", path));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "attempt to load a binary chunk"));
        smt_close(&t);
}

/* Each would run for hours, or take all memory; each must end as its record's failure, and the next record must run. */
static void bombs(void **state)
{
        (void)state;
        static const char *const bodies[][2] = {
                {"while true do end", "instructions"},
                {"while true do pcall(function() while true do end end) end", "instructions"},
                {"local m = {__close = function() while true do end end} while true do\n"
                 "pcall(function() local x <close> = setmetatable({}, m) while true do end end) end", "instructions"},
                {"local t = setmetatable({}, {__index = function(t, k) while true do end end}) while true do pcall(ipairs(t), t, 0) end",
                 "instructions"},
                {"repeat until pcall(error) and false", "instructions"},
                {"local s = ('x'):rep(4000000) while true do s = s:upper() end", "instructions"},
                {"local s = ('x'):rep(1000000) local t = {} for i = 1, 1e9 do t[i % 4] = s .. i end", "instructions"},
                {"local s = ('a'):rep(5000) return s:find('.-.-.-.-b') == nil", "instructions"},
                {"local s = ('a'):rep(30000) return s:match('a*a*a*a*b') == nil", "instructions"},
                {"local s = ('a'):rep(100000) return s:gsub('a-b', '') == nil", "instructions"},
                {"table.insert(setmetatable({}, {__len = function() return 1 << 62 end}), 1, 5)", "instructions"},
                {"table.remove(setmetatable({}, {__len = function() return 1 << 62 end}), 1)", "instructions"},
                {"table.move({}, 1, (1 << 62), 2)", "instructions"},
                {"local s, t = ('x'):rep(4000000), {} for i = 1, 50000 do t[i] = s end table.sort(t) return true", ""},
                {"local t = {} while true do t[#t + 1] = {} end", "memory"},
                {"local s = 'x' while true do s = s .. s end", "memory"},
                {"return #('x'):rep(15000000, 'yy') > 0", "resulting string too large"},
                {"local t = setmetatable({}, {__index = function() return 'xxxxxxxx' end}) return table.concat(t, ',', 1, 1 << 62)",
                 "instructions"},
                {"local t = setmetatable({}, {__index = type}) return table.concat(t, ',', 1, 1 << 62)", "memory"},
                {"local function f() return f() + 1 end return f()", ""},
                {"for i = 1, 1e9 do record.value = ('x'):rep(100000) end", "instructions"},
                {"local t = {} t.t = t record.value = t", "nested too deeply"},
                {"while true do record.value = {a = record.value} end", "nested too deeply"},
                {"while true do record.value.a = record.value end", "nested too deeply"},
                {"for k in pairs(record.value) do record.value = nil record.value = {7} local x = record.value[1] end", "assigned anew"},
                {"return ('x'):rep(250):find(('x?'):rep(250) .. ('x'):rep(250)) and string.find('a', ('('):rep(40))", ""},
        };
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
                struct run r;
                char text[1024];
                map_record(&r);
                snprintf(text, sizeof(text), "if calm then return true end calm = true\n%s", bodies[i][0]);
                const char *budget = strcmp(bodies[i][1], "memory") == 0 ? "100000000" : "1000000";
                if (body_with(&r, text, budget, "16777216") == SL_OK || r.err.id != SL_E_TRANSFORM || r.err.scope != SL_SCOPE_RECORD)
                        fail_msg("%s: %s", bodies[i][0], r.err.msg);
                if (!strstr(r.err.msg, bodies[i][1]))
                        fail_msg("%s: %s", bodies[i][0], r.err.msg);
                if (strcmp(bodies[i][1], "memory") != 0) { /* the state is the same one */
                        assert_int_equal(apply(&r), SL_OK);
                        assert_false(r.rec.dropped);
                }
                smt_close(&r.t);
        }
}

static void memory_makes_the_state_anew(void **state)
{
        (void)state;
        struct run r;
        map_record(&r);
        assert_int_equal(body_with(&r, "n = (n or 0) + 1 hoard = hoard or {} record.topic = 'n' .. n\n"
                                  "if n == 3 then while true do hoard[#hoard + 1] = ('x'):rep(1000) .. #hoard end end return true",
                                   "100000000", "16777216"), SL_OK);
        assert_int_equal(apply(&r), SL_OK);
        assert_true(sl_str_eqc(r.rec.topic, "n2"));
        assert_int_equal(apply(&r), SL_BUSINESS);
        assert_string_equal(r.err.msg, "it used up its 16777216 bytes of memory (memory.max.bytes)");
        assert_int_equal(apply(&r), SL_OK);
        assert_true(sl_str_eqc(r.rec.topic, "n1"));
        smt_close(&r.t);
}

static void instructions_are_a_record_s(void **state)
{
        (void)state;
        struct run r;
        map_record(&r);
        assert_int_equal(body_with(&r, "for i = 1, 200 do end return true", "1000", "1000000"), SL_OK);
        for (int i = 0; i < 100; i++)
                assert_int_equal(apply(&r), SL_OK);
        smt_close(&r.t);
        assert_int_equal(body_with(&r, "\nfor i = 1, 2000 do end return true", "1000", "1000000"), SL_BUSINESS);
        assert_string_equal(r.err.msg, "script:3: it used up its 1000 instructions for one record (instructions.max)");
        smt_close(&r.t);
}

/* ---- patterns: our matcher against what the manual says ---- */

static void patterns(void **state)
{
        (void)state;
        static const char *const lines[] = {
                "local a, b = ('hello world'):find('o w') assert(a == 5 and b == 7)",
                "local a, b, c = ('key = 12'):find('(%w+)%s*=') assert(a == 1 and b == 5 and c == 'key')",
                "assert(('x.y'):find('.', 1, true) == 2 and ('x.y'):find('%.') == 2 and ('abc'):find('', 10) == nil)",
                "assert(('abc'):find('b', -2) == 2 and ('abc'):find('a', -2) == nil and ('abc'):find('', 4) == 4)",
                "assert(('2024-02-29'):match('^(%d+)-(%d+)-(%d+)$') == '2024')",
                "local y, m, d = ('2024-02-29'):match('(%d+)-(%d+)-(%d+)') assert(y .. m .. d == '20240229')",
                "assert(('[[x]]'):match('%[(%b[])%]') == '[x]' and ('f(a(b)c)d'):match('%b()') == '(a(b)c)')",
                "assert(('THE (quick) fox'):find('%f[%a]%a+%f[%A]') == 1 and ('a1b'):match('%f[%d]%d') == '1')",
                "assert(('abcabc'):match('(abc)%1') == 'abc' and ('abcabd'):match('(abc)%1') == nil and ('aa'):match('()a%1') == nil)",
                "assert(('a]b'):match('[]]') == ']' and ('a-b'):match('[a%-]+') == 'a-' and ('x^'):match('[%^x]+') == 'x^')",
                "assert(('hello'):match('.-l') == 'hel' and ('hello'):match('.*l') == 'hell' and ('ab'):match('a?b?c?') == 'ab')",
                "assert(('  trim '):match('^%s*(.-)%s*$') == 'trim' and ('abc'):match('()b()') == 2)",
                "assert(('abc'):gsub('%w', '%0%0') == 'aabbcc' and ('abc'):gsub('', '-') == '-a-b-c-')",
                "local s, n = ('hello world'):gsub('o', '0', 1) assert(s == 'hell0 world' and n == 1)",
                "assert(('$name is $age'):gsub('%$(%w+)', {name = 'x', age = 3}) == 'x is 3')",
                "assert(('abc'):gsub('b', function(c) return nil end) == 'abc' and ('abc'):gsub('^a', 'x') == 'xbc')",
                "assert(('hello world'):gsub('(%w+) (%w+)', '%2 %1') == 'world hello' and ('a b'):gsub('%s', '%%') == 'a%b')",
                "local t = {} for k, x in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. x end assert(t[1] .. t[2] == 'a1b2')",
                "local n = 0 for w in ('one two'):gmatch('%a+') do n = n + 1 end assert(n == 2)",
                "local n = 0 for w in ('abc'):gmatch('') do n = n + 1 end assert(n == 4)",
                "local t = {} for w in ('a,b,,c'):gmatch('([^,]*)') do t[#t + 1] = '<' .. w .. '>' end\n"
                "assert(table.concat(t) == '<a><b><><c>')",
                "assert(('a\\0b'):find('\\0') == 2 and ('a\\0b'):match('%z?.') == 'a' and ('\\xff'):match('[\\xf0-\\xff]') == '\\xff')",
                "for _, p in ipairs{'[a', '%', '(', ')', '%1', '[a-%', '%b', '%bx', '%f', '(()', '[]', '[^]'} do\n"
                "  assert(not pcall(string.match, 'aaa', p), p) end",
                "assert(not pcall(string.gsub, 'a', 'a', '%2') and not pcall(string.gsub, 'a', 'a', '%x'))",
                "assert(not pcall(string.gsub, 'a', 'a', function() return {} end) and not pcall(string.gsub, 'a', 'a', nil))",
                NULL};
        check_all(struct_record, lines);
}

/* ---- what a script reads ---- */

static void reads(void **state)
{
        (void)state;
        static const char *const lines[] = {
                "assert(r.topic == 't' and r.partition == 3 and r.timestamp == 99 and r.offset == nil and r.key == nil)",
                "assert(r.value_schema == 'Row' and r.key_schema == nil and #r.headers == 0)",
                "assert(v.big == math.maxinteger and v.big == 9223372036854775807 and v.small == 7 and v.flag == true)",
                "assert(v.price == '12.34' and v.ratio == 1.5 and v.text == 'hello' and v.blob == '\\0\\xff')",
                "assert(v.none == 'd' and v.missing == nil and v[1] == nil)",
                "assert(v.inner.x == 1 and v.inner == v.inner and #v.list == 3 and v.list[3] == 30 and v.list[4] == nil)",
                "assert(v.map.a == 1 and v.map.b == nil and #v.map == 1 and v.list['1'] == nil)",
                "local s = 0 for _, x in ipairs(v.list) do s = s + x end assert(s == 60)",
                "local n = {} for k in pairs(v) do n[#n + 1] = k end assert(#n == 11 and n[1] == 'big' and n[11] == 'none')",
                "for k, x in pairs(v.map) do assert(k == 'a' and x == 1) end",
                "for i, x in pairs(v.list) do assert(x == i * 10) end",
                "assert(tostring(v.inner) == 'Struct{x=1}' and tostring(r):find('topic t'))",
                "local ok, e = pcall(function() return r.nope end) assert(not ok and e:find('a record has no nope'))",
                NULL};
        check_all(struct_record, lines);
        static const char *const maps[] = {"assert(r.offset == 4 and r.partition == nil and r.timestamp == nil)",
                                           "assert(v.a == 1 and v.m.y == 5 and v.q == nil and #v == 2)", NULL};
        check_all(map_record, maps);
}

/* ---- what it writes ---- */

static void struct_writes(void **state)
{
        (void)state;
        static const char *const good[][2] = {
                {"v.big = -5 v.small = -128 v.flag = false v.text = nil",
                 "Struct{big=-5,small=-128,price="},
                {"v.inner.x = 9 v.list[2] = 7 v.list[4] = 8 v.map.b = 2 v.map.a = nil",
                 "inner=Struct{x=9},list=[10, 7, 30, 8],map={b=2}}"},
                {"v.inner = {x = 4} v.list = {1} v.map = {z = 1, c = 2}", "inner=Struct{x=4},list=[1],map={c=2, z=1}}"},
                {"v.inner = nil v.list = {} v.map = {}", "list=[],map={}}"},
                {"v.list[3] = nil v.small = 5.0", "list=[10, 20],map={a=1}}"},
                {"local i = v.inner v.inner = {x = 3} i.x = 8", "inner=Struct{x=3}"},
                {"local i = v.inner i.x = 6 v.inner = i i.x = 7", "inner=Struct{x=6}"},
                {"for k in pairs(v.map) do v.map[k] = nil end", "map={}}"},
                {"local a, b = v.inner, v.inner a.x = 3 assert(b.x == 3) b.x = 4 assert(a.x == 4)", "inner=Struct{x=4}"},
                {"record.value = {big = 1, small = 1, flag = true, ratio = 2, list = {}, map = {}}",
                 "Struct{big=1,small=1,flag=true,ratio=2.0,list=[],map={},none=d}"},
                {"record.value = {big = 1, small = 1, flag = true, ratio = 2, list = {}, map = {}} record.value.text = 'q'", "text=q"},
        };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                struct run r;
                char text[1024];
                struct_record(&r);
                struct sl_value before = r.rec.value, items[11];
                memcpy(items, before.items, sizeof(items));
                snprintf(text, sizeof(text), "local v = record.value %s return record", good[i][0]);
                if (body(&r, text) != SL_OK)
                        fail_msg("%s: %s", good[i][0], r.err.msg);
                struct sl_buf out = {0};
                sl_value_print(r.rec.value_schema, &r.rec.value, &out);
                if (!strstr(sl_buf_cstr(&out), good[i][1]))
                        fail_msg("%s: %s", good[i][0], sl_buf_cstr(&out));
                sl_buf_free(&out);
                assert_memory_equal(before.items, items, sizeof(items)); /* the original is not written */
                smt_close(&r.t);
        }
}

static void writes_are_checked(void **state)
{
        (void)state;
        static const char *const bad[][2] = {
                {"v.small = 128", "script:2: small is INT8: 128 does not fit"},
                {"v.big = 1.5", "big is INT64: 1.5 does not fit"},
                {"v.big = '5'", "big is INT64, and a string does not fit"},
                {"v.big = nil", "big is INT64 and not optional: it can't be nil"},
                {"v.flag = 1", "flag is BOOLEAN, and a number does not fit"},
                {"v.text = 5", "text is STRING, and a number does not fit"},
                {"v.text = '\\xff'", "text is STRING, and the bytes assigned to it are no UTF-8"},
                {"v.price = 1.5", "price is org.apache.kafka.connect.data.Decimal, and a number does not fit"},
                {"v.price = '1.234'", "price: "},
                {"v.ratio = 1e300", "ratio is FLOAT32"},
                {"v.inner = {y = 1}", "inner has no field y"},
                {"v.inner = {}", "x is INT64 and not optional"},
                {"v.inner = 5", "inner is Inner, and a number does not fit"},
                {"v.inner = v", "inner has another schema"},
                {"v.inner = record", "inner can't become the record"},
                {"v.list[9] = 1", "an array of 3 has no element 9: the next one is 4"},
                {"v.list[1] = nil", "only the last element of an array can be removed"},
                {"v.list = {1, 'x'}", "list is INT64, and a string does not fit"},
                {"v.map.c = 'x'", "c is INT64, and a string does not fit"},
                {"v.extra = 1", "the schema Row has no field extra, and a hook can't add one: InsertField does"},
                {"record.topic = ''", "a record's topic is a string with at least one character"},
                {"record.timestamp = -1", "a record's timestamp is an integer from 0 on, or nil"},
                {"record.offset = 1", "a record's offset can't be assigned"},
                {"record.headers = {}", "a record's headers can't be assigned"},
                {"record.headers.a = print", "script:2:"},
                {"record.colour = 1", "a record has no colour"},
                {"error({})", "error with a table instead of a message"},
                {"error('\\xff')", "script:2: ?"},
                {"return 5", "apply returned a number: it must return true or the record to keep it"},
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct run r;
                char text[1024];
                struct_record(&r);
                snprintf(text, sizeof(text), "local v = record.value %s", bad[i][0]);
                enum sl_rc rc = body(&r, text);
                if (strstr(bad[i][0], "print")) /* nil: a header that is not there is taken away */
                        assert_int_equal(rc, SL_OK);
                else if (rc != SL_BUSINESS || !strstr(r.err.msg, bad[i][1]))
                        fail_msg("%s: %s", bad[i][0], r.err.msg);
                smt_close(&r.t);
        }
}

static void decimals(void **state)
{
        (void)state;
        struct run r;
        struct_record(&r);
        assert_int_equal(body(&r, "local v = record.value v.price = '-0.5' assert(v.price == '-0.50') v.price = 3\n"
                                  "assert(v.price == '3.00') v.price = ('9'):rep(200) .. '.25' assert(#v.price == 203)\n"
                                  "v.price = '1.2' return true"), SL_OK);
        const struct sl_value *price = &r.rec.value.items[2];
        assert_int_equal(price->len, 1);
        assert_int_equal(price->ptr[0], 120);
        smt_close(&r.t);
}

static void map_writes(void **state)
{
        (void)state;
        static const char *const good[][2] = {
                {"v.b = 'x' v.a = nil", "{m={y=5}, b=x}"},
                {"v.m.z = {1, 2.5, true} v.m.y = nil", "{a=1, m={z=[1, 2.5, true]}}"},
                {"v.n = {z = 1, b = {}, c = 'q'}", "{a=1, m={y=5}, n={b={}, c=q, z=1}}"},
                {"local m = v.m v.a = nil m.y = 6", "{m={y=6}}"},
                {"v.copy = v.m v.m.y = 7", "{a=1, m={y=7}, copy={y=5}}"},
                {"for k in pairs(v) do v[k] = nil end v.z = 1", "{z=1}"},
                {"for k, x in pairs(v) do v[k .. k] = 1 end", "{a=1, m={y=5}, aa=1, mm=1}"},
                {"record.value = {1, 2}", "[1, 2]"},
                {"record.value = 'plain'", "plain"},
                {"record.value = nil", "null"},
                {"record.value = v.m", "{y=5}"},
        };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                struct run r;
                char text[1024];
                map_record(&r);
                snprintf(text, sizeof(text), "local v = record.value %s return true", good[i][0]);
                if (body(&r, text) != SL_OK)
                        fail_msg("%s: %s", good[i][0], r.err.msg);
                expect_text(&r, good[i][1]);
                smt_close(&r.t);
        }
}

static void headers(void **state)
{
        (void)state;
        static const struct sl_value nested = {.type = SL_INT64, .i64 = 1};
        struct run r;
        map_record(&r);
        struct sl_header own[] = {{.key = SL_STR("a"), .value = sl_v_str(SL_STR("1"))},
                                  {.key = SL_STR("a"), .value = sl_v_str(SL_STR("2"))},
                                  {.key = SL_STR("l"), .value = sl_v_items(SL_ARRAY, &nested, 1)}};
        r.rec.headers = (const struct sl_header *[]){&own[0], &own[1], &own[2]};
        r.rec.header_count = 3;
        assert_int_equal(body(&r, "local h = record.headers assert(#h == 3 and h.a == '2' and h.b == nil and h.l[1] == 1)\n"
                                  "local t = {} for k, x in pairs(h) do t[#t + 1] = k .. tostring(x) end\n"
                                  "assert(table.concat(t, ' ') == 'a1 a2 l[1]') assert(not pcall(function() h.l[1] = 2 end))\n"
                                  "h.a = nil h.n = 5 record:add_header('n', 'x') h.f = 1.5 h.t = true h.l = nil assert(#h == 4)\n"
                                  "return true"), SL_OK);
        assert_int_equal(r.rec.header_count, 4);
        assert_ptr_equal(r.rec.headers[0]->schema, sl_schema_of(SL_INT64, false));
        assert_ptr_equal(r.rec.headers[1]->schema, sl_schema_of(SL_STRING, false));
        assert_ptr_equal(r.rec.headers[2]->schema, sl_schema_of(SL_FLOAT64, false));
        assert_ptr_equal(r.rec.headers[3]->schema, sl_schema_of(SL_BOOLEAN, false));
        assert_true(sl_str_eqc(own[0].key, "a") && sl_str_eqc(own[2].key, "l"));
        smt_close(&r.t);
}

static void results(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                bool dropped;
        } cases[] = {{"return true", false}, {"return record", false}, {"return false", true}, {"return nil", true}, {"", true}};
        for (size_t i = 0; i < 5; i++) {
                struct run r;
                map_record(&r);
                assert_int_equal(body(&r, cases[i].text), SL_OK);
                assert_int_equal(r.rec.dropped, cases[i].dropped);
                smt_close(&r.t);
        }
}

/* Globals live as long as the state; what is kept of a record is refused when the record is gone. */
static void across_records(void **state)
{
        (void)state;
        struct run r;
        map_record(&r);
        assert_int_equal(body(&r, "n = (n or 0) + 1 record.timestamp = n\n"
                                  "if n == 2 then return kept.y end\n"
                                  "if n == 3 then return walk(nil, nil) end\n"
                                  "kept = record.value.m walk = pairs(record.value) return true"), SL_OK);
        assert_int_equal(apply(&r), SL_BUSINESS);
        assert_non_null(strstr(r.err.msg, "script:3: this is a part of a record that is gone"));
        assert_int_equal(apply(&r), SL_BUSINESS);
        assert_non_null(strstr(r.err.msg, "a record that is gone"));
        assert_int_equal(apply(&r), SL_OK);
        assert_int_equal(r.rec.timestamp_ms, 4);
        smt_close(&r.t);
}

/* ---- configuration ---- */

static void bad_configs(void **state)
{
        (void)state;
        static const char *const cases[][3] = {
                {"script", "function apply(r)\n  retrun true\nend", "script: script:2: syntax error near 'true'"},
                {"script", "x = 1", "script: script: the script defines no function apply(record)"},
                {"script", "apply = 5", "defines no function apply"},
                {"script", "local x = nil + 1", "script:1: attempt to perform arithmetic on a nil value"},
                {"script", "while true do end", "script:1: it used up its 1000000 instructions"},
                {"script", "function apply() end x = record.value", "attempt to index a nil value (global 'record')"},
                {"file", "/nowhere/x.lua", "/nowhere/x.lua could not be opened"},
                {"file", "/etc/passwd", "must end in .lua"},
                {"instructions.max", "1000", "exactly one of the two"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct smt t;
                assert_false(OPEN(&t, &sl_lua, cases[i][0], cases[i][1]));
                if (!strstr(sl_buf_cstr(&t.problem), cases[i][2]))
                        fail_msg("%s: %s", cases[i][1], sl_buf_cstr(&t.problem));
                smt_close(&t);
        }
        struct smt t;
        assert_false(OPEN(&t, &sl_lua, "script", "function apply() end", "file", "x.lua"));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "exactly one of the two"));
        smt_close(&t);
}

static void from_a_file(void **state)
{
        (void)state;
        char path[] = "/tmp/sluice-XXXXXX.lua";
        struct run r;
        map_record(&r);
        assert_true(open_file(&r.t, "function apply(record)\n\n return record.value.a.b end", path));
        assert_int_equal(apply(&r), SL_BUSINESS);
        assert_non_null(strstr(r.err.msg, strrchr(path, '/') + 1));
        assert_non_null(strstr(r.err.msg, ".lua:3: attempt to index a number value (field 'a')"));
        smt_close(&r.t);
}

static void rows_allocate_nothing(void **state)
{
        (void)state;
        struct run r;
        struct_record(&r);
        assert_int_equal(body(&r, "local v = record.value return v.big > 100 and v.inner.x == 1 and v.text == 'hello'"), SL_OK);
        const struct sl_value *items = r.rec.value.items;
        for (int i = 0; i < 100; i++) {
                sl_arena_reset(&r.t.arena);
                assert_int_equal(apply(&r), SL_OK);
        }
        uint64_t before = allocations();
        for (int i = 0; i < 10000; i++) {
                sl_arena_reset(&r.t.arena);
                assert_int_equal(apply(&r), SL_OK);
        }
        assert_int_equal(allocations() - before, 0);
        assert_ptr_equal(r.rec.value.items, items); /* nothing was copied */
        smt_close(&r.t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_way_out),
                cmocka_unit_test(bytecode_is_refused),
                cmocka_unit_test(bombs),
                cmocka_unit_test(memory_makes_the_state_anew),
                cmocka_unit_test(instructions_are_a_record_s),
                cmocka_unit_test(patterns),
                cmocka_unit_test(reads),
                cmocka_unit_test(struct_writes),
                cmocka_unit_test(writes_are_checked),
                cmocka_unit_test(decimals),
                cmocka_unit_test(map_writes),
                cmocka_unit_test(headers),
                cmocka_unit_test(results),
                cmocka_unit_test(across_records),
                cmocka_unit_test(bad_configs),
                cmocka_unit_test(from_a_file),
                cmocka_unit_test(rows_allocate_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
