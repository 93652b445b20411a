/* SPDX-License-Identifier: Apache-2.0 */
/* Lua's patterns (reference manual 5.4, section 6.4.1) with a matcher that counts its steps: a pattern such as
 * ".-.-.-x" takes time that grows with a power of the subject's length, and Lua's own matcher can't be stopped. Same
 * syntax and results as string.find, match, gmatch and gsub; recursion is bounded. */
#include <ctype.h>
#include <string.h>
#include "transforms/lua_hook.h"

#define MAX_CAPTURES 32
#define MAX_DEPTH 200
#define STEPS 16 /* so many cost one instruction */

enum { OPEN = -1, POSITION = -2 };
struct capture {
        const char *from;
        ptrdiff_t len; /* or OPEN, POSITION */
};
struct matcher {
        lua_State *L;
        struct lua_hook *h;
        const char *begin, *end, *pattern_end;
        uint32_t steps;
        int depth, count;
        struct capture captures[MAX_CAPTURES];
};

static const char *match(struct matcher *m, const char *s, const char *p);

static void step(struct matcher *m)
{
        if (++m->steps % STEPS == 0)
                lua_charge(m->L, m->h, 1);
}

static bool in_class(unsigned char c, unsigned char class)
{
        bool yes;
        switch (tolower(class)) {
        case 'a':
                yes = isalpha(c);
                break;
        case 'c':
                yes = iscntrl(c);
                break;
        case 'd':
                yes = isdigit(c);
                break;
        case 'g':
                yes = isgraph(c);
                break;
        case 'l':
                yes = islower(c);
                break;
        case 'p':
                yes = ispunct(c);
                break;
        case 's':
                yes = isspace(c);
                break;
        case 'u':
                yes = isupper(c);
                break;
        case 'w':
                yes = isalnum(c);
                break;
        case 'x':
                yes = isxdigit(c);
                break;
        default:
                return c == class;
        }
        return isupper(class) ? !yes : yes;
}

/* Behind the single-character item that begins at p. */
static const char *item_end(struct matcher *m, const char *p)
{
        if (*p == '%') {
                if (p + 1 == m->pattern_end)
                        luaL_error(m->L, "malformed pattern (ends with '%%')");
                return p + 2;
        }
        if (*p++ != '[')
                return p;
        if (p < m->pattern_end && *p == '^')
                p++;
        do { /* a ] at the very beginning is a member */
                if (p == m->pattern_end)
                        luaL_error(m->L, "malformed pattern (missing ']')");
                p += *p == '%' ? 2 : 1;
                if (p > m->pattern_end)
                        luaL_error(m->L, "malformed pattern (missing ']')");
        } while (p == m->pattern_end || *p != ']');
        return p + 1;
}

/* [set]; last is its closing bracket. */
static bool in_set(unsigned char c, const char *p, const char *last)
{
        bool yes = true;
        if (*++p == '^') {
                yes = false;
                p++;
        }
        while (p < last) {
                if (*p == '%') {
                        if (in_class(c, (unsigned char)p[1]))
                                return yes;
                        p += 2;
                } else if (p[1] == '-' && p + 2 < last) {
                        if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                                return yes;
                        p += 3;
                } else if ((unsigned char)*p++ == c) {
                        return yes;
                }
        }
        return !yes;
}

static bool one(struct matcher *m, const char *s, const char *p, const char *end)
{
        step(m);
        if (s >= m->end)
                return false;
        switch (*p) {
        case '.':
                return true;
        case '%':
                return in_class((unsigned char)*s, (unsigned char)p[1]);
        case '[':
                return in_set((unsigned char)*s, p, end - 1);
        default:
                return *p == *s;
        }
}

static const char *greedy(struct matcher *m, const char *s, const char *p, const char *end)
{
        ptrdiff_t n = 0;
        while (one(m, s + n, p, end))
                n++;
        for (; n >= 0; n--) {
                const char *r = match(m, s + n, end + 1);
                if (r)
                        return r;
                step(m);
        }
        return NULL;
}

static const char *lazy(struct matcher *m, const char *s, const char *p, const char *end)
{
        for (;;) {
                const char *r = match(m, s, end + 1);
                if (r)
                        return r;
                if (!one(m, s, p, end))
                        return NULL;
                s++;
        }
}

static const char *balance(struct matcher *m, const char *s, const char *p)
{
        int depth = 1;
        if (m->pattern_end - p < 2)
                luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
        if (s >= m->end || *s != p[0])
                return NULL;
        while (++s < m->end) {
                step(m);
                if (*s == p[1]) {
                        if (--depth == 0)
                                return s + 1;
                } else if (*s == p[0]) {
                        depth++;
                }
        }
        return NULL;
}

static const char *start_capture(struct matcher *m, const char *s, const char *p, ptrdiff_t what)
{
        if (m->count == MAX_CAPTURES)
                luaL_error(m->L, "too many captures");
        m->captures[m->count++] = (struct capture){s, what};
        const char *r = match(m, s, p);
        if (!r)
                m->count--;
        return r;
}

static const char *end_capture(struct matcher *m, const char *s, const char *p)
{
        int i = m->count - 1;
        while (i >= 0 && m->captures[i].len != OPEN)
                i--;
        if (i < 0)
                luaL_error(m->L, "invalid pattern capture");
        m->captures[i].len = s - m->captures[i].from;
        const char *r = match(m, s, p);
        if (!r)
                m->captures[i].len = OPEN;
        return r;
}

static const char *again(struct matcher *m, const char *s, unsigned char digit)
{
        int i = digit - '1';
        if (i < 0 || i >= m->count || m->captures[i].len == OPEN)
                luaL_error(m->L, "invalid capture index %%%d", i + 1);
        if (m->captures[i].len == POSITION)
                return NULL; /* as in Lua */
        size_t n = (size_t)m->captures[i].len;
        lua_charge(m->L, m->h, n / LUA_STEPS_PER_BYTES);
        return (size_t)(m->end - s) >= n && memcmp(m->captures[i].from, s, n) == 0 ? s + n : NULL;
}

static bool frontier(struct matcher *m, const char *s, const char *p, const char *end)
{
        unsigned char before = s == m->begin ? 0 : (unsigned char)s[-1], here = s == m->end ? 0 : (unsigned char)*s;
        return !in_set(before, p, end - 1) && in_set(here, p, end - 1);
}

/* A class with what follows it. *ret_done: the answer is the returned one, else go on at *s, *p. */
static const char *item(struct matcher *m, const char **s, const char **p, bool *ret_done)
{
        const char *end = item_end(m, *p), *r;
        char suffix = '\0';
        if (end < m->pattern_end)
                suffix = *end;
        *ret_done = true;
        switch (suffix) {
        case '?':
                if (one(m, *s, *p, end) && (r = match(m, *s + 1, end + 1)))
                        return r;
                *p = end + 1;
                *ret_done = false;
                return NULL;
        case '+':
                return one(m, *s, *p, end) ? greedy(m, *s + 1, *p, end) : NULL;
        case '*':
                return greedy(m, *s, *p, end);
        case '-':
                return lazy(m, *s, *p, end);
        default:
                if (!one(m, *s, *p, end))
                        return NULL;
                ++*s;
                *p = end;
                *ret_done = false;
                return NULL;
        }
}

/* The items that begin with %; *ret_done as above. Not one of them: an item like others. */
static const char *escaped(struct matcher *m, const char **s, const char **p, bool *ret_done)
{
        const char *q = *p + 2;
        unsigned char c = *p + 1 < m->pattern_end ? (unsigned char)(*p)[1] : 0;
        *ret_done = false;
        if (c == 'b') {
                *s = balance(m, *s, q);
                *p = q + 2;
        } else if (c == 'f') {
                if (q == m->pattern_end || *q != '[')
                        luaL_error(m->L, "missing '[' after '%%f' in pattern");
                const char *end = item_end(m, q);
                if (!frontier(m, *s, q, end))
                        *s = NULL;
                *p = end;
        } else if (isdigit(c)) {
                *s = again(m, *s, c);
                *p = q;
        } else {
                return item(m, s, p, ret_done);
        }
        *ret_done = *s == NULL;
        return NULL;
}

static const char *walk(struct matcher *m, const char *s, const char *p)
{
        bool done = false;
        const char *r = NULL;
        while (!done) {
                step(m);
                if (p == m->pattern_end)
                        return s;
                switch (*p) {
                case '(':
                        if (p + 1 < m->pattern_end && p[1] == ')')
                                return start_capture(m, s, p + 2, POSITION);
                        return start_capture(m, s, p + 1, OPEN);
                case ')':
                        return end_capture(m, s, p + 1);
                case '$':
                        if (p + 1 == m->pattern_end)
                                return s == m->end ? s : NULL;
                        r = item(m, &s, &p, &done);
                        break;
                case '%':
                        r = escaped(m, &s, &p, &done);
                        break;
                default:
                        r = item(m, &s, &p, &done);
                        break;
                }
        }
        return r;
}

static const char *match(struct matcher *m, const char *s, const char *p)
{
        if (++m->depth > MAX_DEPTH)
                luaL_error(m->L, "pattern too complex");
        const char *r = walk(m, s, p);
        m->depth--;
        return r;
}

static void prepare(struct matcher *m, lua_State *L, const char *s, size_t ns, const char *p, size_t np)
{
        *m = (struct matcher){.L = L, .h = lua_hook_of(L), .begin = s, .end = s + ns, .pattern_end = p + np};
}

/* Where the first match at or behind s begins; NULL = none. */
static const char *search(struct matcher *m, const char *s, const char *p, bool anchored, const char **ret_end)
{
        do {
                m->count = 0;
                m->depth = 0;
                if ((*ret_end = match(m, s, p)))
                        return s;
        } while (s++ < m->end && !anchored);
        return NULL;
}

static void push_capture(struct matcher *m, int i, const char *from, const char *to)
{
        if (i >= m->count) {
                if (i)
                        luaL_error(m->L, "invalid capture index %%%d", i + 1);
                lua_pushlstring(m->L, from, (size_t)(to - from));
        } else if (m->captures[i].len == POSITION) {
                lua_pushinteger(m->L, m->captures[i].from - m->begin + 1);
        } else if (m->captures[i].len == OPEN) {
                luaL_error(m->L, "unfinished capture");
        } else {
                lua_pushlstring(m->L, m->captures[i].from, (size_t)m->captures[i].len);
        }
}

/* All captures; without any the whole match, if it is asked for. */
static int push_captures(struct matcher *m, const char *from, const char *to, bool whole)
{
        int n = m->count ? m->count : whole;
        luaL_checkstack(m->L, n, "too many captures");
        for (int i = 0; i < n; i++)
                push_capture(m, i, from, to);
        return n;
}

/* A position that may be negative, as an offset into n bytes; more than n = behind the end. */
static size_t start_of(lua_Integer at, size_t n)
{
        if (at > 0)
                return (size_t)at - 1;
        if (at == 0 || at < -(lua_Integer)n)
                return 0;
        return n - (size_t)-at;
}

static int find_or_match(lua_State *L, bool find)
{
        size_t ns, np;
        const char *s = luaL_checklstring(L, 1, &ns), *p = luaL_checklstring(L, 2, &np);
        size_t from = start_of(luaL_optinteger(L, 3, 1), ns);
        struct matcher m;
        if (from > ns) {
                lua_pushnil(L);
                return 1;
        }
        if (find && (lua_toboolean(L, 4) || strcspn(p, "^$*+?.([%-") == np)) {
                lua_charge(L, lua_hook_of(L), ns / LUA_STEPS_PER_BYTES);
                const char *at = memmem(s + from, ns - from, p, np);
                if (!at) {
                        lua_pushnil(L);
                        return 1;
                }
                lua_pushinteger(L, at - s + 1);
                lua_pushinteger(L, at - s + (lua_Integer)np);
                return 2;
        }
        prepare(&m, L, s, ns, p, np);
        bool anchored = np && *p == '^';
        const char *end, *at = search(&m, s + from, p + anchored, anchored, &end);
        if (!at) {
                lua_pushnil(L);
                return 1;
        }
        if (!find)
                return push_captures(&m, at, end, true);
        lua_pushinteger(L, at - s + 1);
        lua_pushinteger(L, end - s);
        return 2 + push_captures(&m, at, end, false);
}

static int safe_find(lua_State *L)
{
        return find_or_match(L, true);
}

static int safe_match(lua_State *L)
{
        return find_or_match(L, false);
}

/* Upvalues: subject, pattern, offset of the next try, end of the last match (or -1). */
static int next_match(lua_State *L)
{
        size_t ns, np;
        const char *s = lua_tolstring(L, lua_upvalueindex(1), &ns), *p = lua_tolstring(L, lua_upvalueindex(2), &np);
        lua_Integer from = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
        struct matcher m;
        const char *end, *at;
        prepare(&m, L, s, ns, p, np);
        while ((size_t)from <= ns && (at = search(&m, s + from, p, false, &end))) {
                if (end - s == last) { /* nothing, where the last match ended */
                        from = at - s + 1;
                        continue;
                }
                lua_pushinteger(L, end - s);
                lua_copy(L, -1, lua_upvalueindex(3));
                lua_replace(L, lua_upvalueindex(4));
                return push_captures(&m, at, end, true);
        }
        lua_pushinteger(L, (lua_Integer)ns + 1);
        lua_replace(L, lua_upvalueindex(3));
        return 0;
}

static int safe_gmatch(lua_State *L)
{
        size_t ns;
        luaL_checklstring(L, 1, &ns);
        luaL_checkstring(L, 2);
        size_t from = start_of(luaL_optinteger(L, 3, 1), ns);
        lua_settop(L, 2);
        lua_pushinteger(L, (lua_Integer)(from > ns ? ns + 1 : from));
        lua_pushinteger(L, -1);
        lua_pushcclosure(L, next_match, 4);
        return 1;
}

/* %0 to %9 and %% in the replacement at index 3. */
static void add_text(struct matcher *m, luaL_Buffer *b, const char *from, const char *to)
{
        size_t n;
        const char *r = lua_tolstring(m->L, 3, &n);
        for (size_t i = 0; i < n; i++) {
                if (r[i] != '%') {
                        luaL_addchar(b, r[i]);
                } else if (i + 1 < n && r[i + 1] == '%') {
                        luaL_addchar(b, r[++i]);
                } else if (i + 1 < n && r[i + 1] == '0') {
                        luaL_addlstring(b, from, (size_t)(to - from));
                        i++;
                } else if (i + 1 < n && isdigit((unsigned char)r[i + 1])) {
                        push_capture(m, r[++i] - '1', from, to);
                        luaL_tolstring(m->L, -1, NULL); /* a position is a number */
                        lua_remove(m->L, -2);
                        luaL_addvalue(b);
                } else {
                        luaL_error(m->L, "invalid use of '%%' in replacement string");
                }
        }
}

static void add_replacement(struct matcher *m, luaL_Buffer *b, const char *from, const char *to, int type)
{
        lua_State *L = m->L;
        if (type == LUA_TSTRING || type == LUA_TNUMBER) {
                add_text(m, b, from, to);
                return;
        }
        if (type == LUA_TFUNCTION) {
                lua_pushvalue(L, 3);
                lua_call(L, push_captures(m, from, to, true), 1);
        } else {
                push_capture(m, 0, from, to);
                lua_gettable(L, 3);
        }
        if (!lua_toboolean(L, -1)) {
                lua_pop(L, 1);
                luaL_addlstring(b, from, (size_t)(to - from));
        } else if (lua_isstring(L, -1)) {
                luaL_addvalue(b);
        } else {
                luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
        }
}

static int safe_gsub(lua_State *L)
{
        size_t ns, np;
        const char *s = luaL_checklstring(L, 1, &ns), *p = luaL_checklstring(L, 2, &np), *last = NULL;
        int type = lua_type(L, 3);
        lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)ns + 1), n = 0;
        bool anchored = np && *p == '^';
        struct matcher m;
        luaL_Buffer b;
        luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE,
                         3, "string/function/table");
        if (type == LUA_TNUMBER)
                lua_tostring(L, 3);
        prepare(&m, L, s, ns, p, np);
        luaL_buffinit(L, &b);
        while (n < max) {
                m.count = m.depth = 0;
                const char *end = match(&m, s, p + anchored);
                if (end && end != last) {
                        n++;
                        add_replacement(&m, &b, s, end, type);
                        s = last = end;
                } else if (s < m.end) {
                        luaL_addchar(&b, *s++);
                } else {
                        break;
                }
                if (anchored)
                        break;
        }
        luaL_addlstring(&b, s, (size_t)(m.end - s));
        luaL_pushresult(&b);
        lua_pushinteger(L, n);
        return 2;
}

void lua_pattern_open(lua_State *L)
{
        static const luaL_Reg functions[] = {
                {"find", safe_find}, {"match", safe_match}, {"gmatch", safe_gmatch}, {"gsub", safe_gsub}, {NULL, NULL}};
        luaL_setfuncs(L, functions, 0);
}
