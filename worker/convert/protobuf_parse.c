/* SPDX-License-Identifier: Apache-2.0 */
/* .proto text (proto2 and proto3 by the language's specification) to a tree of messages, as far as records need it: messages, fields,
 * enums, oneofs, maps, imports, and of options packed, default and Confluent's field_meta. Services, extensions, reserved ranges and all
 * other options are stepped over, not checked. Refused: groups, editions, and descriptors in base64, which registries hold for clients
 * that asked for it. Names are looked up by protobuf_link.c. */
#include "convert/protobuf.h"

#include <stdio.h>
#include <stdlib.h>

enum token { T_END, T_NAME, T_NUMBER, T_TEXT, T_SIGN };

struct parser {
        const char *p, *end;
        struct sl_arena *arena;
        struct pb_file *file;
        struct sl_err *err;
        uint32_t line;
        enum token token;
        struct sl_str word; /* of the token; of a text what is between its quotes, read */
};

static sl_cold enum sl_rc bad(struct parser *s, const char *what)
{
        return sl_fail(s->err, SL_E_DECODE, "line %u of the Protobuf schema: %s, at \"%.*s\"", s->line, what,
                       (int)(s->word.len < 40 ? s->word.len : 40), s->word.ptr ? s->word.ptr : "");
}

/* ---- tokens ---- */

static void skip_space(struct parser *s)
{
        while (s->p < s->end) {
                char c = *s->p;
                if (c == '\n')
                        s->line++;
                if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v') {
                        s->p++;
                } else if (c == '/' && s->end - s->p > 1 && s->p[1] == '/') {
                        while (s->p < s->end && *s->p != '\n')
                                s->p++;
                } else if (c == '/' && s->end - s->p > 1 && s->p[1] == '*') {
                        for (s->p += 2; s->p < s->end && !(s->p[0] == '*' && s->end - s->p > 1 && s->p[1] == '/'); s->p++)
                                s->line += *s->p == '\n';
                        s->p = s->end - s->p > 2 ? s->p + 2 : s->end;
                } else {
                        return;
                }
        }
}

static bool name_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int digit_of(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 32);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* \ooo or \xhh; p is behind the backslash. */
static char numeric_escape(struct parser *s)
{
        int base = *s->p == 'x' || *s->p == 'X' ? 16 : 8, v = 0;
        if (base == 16)
                s->p++;
        for (int i = 0; i < (base == 16 ? 2 : 3) && s->p < s->end && digit_of(*s->p) < base; i++)
                v = v * base + digit_of(*s->p++);
        return (char)v;
}

static char escape(struct parser *s)
{
        static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
        const char *at = memchr(from, *s->p, sizeof(from) - 1);
        if (at) {
                s->p++;
                return to[at - from];
        }
        if (digit_of(*s->p) < 8 || *s->p == 'x' || *s->p == 'X')
                return numeric_escape(s);
        return *s->p++;
}

/* Texts that follow one another are one. */
static enum sl_rc read_text(struct parser *s)
{
        char *to = sl_arena_alloc(s->arena, (size_t)(s->end - s->p) < 256 ? (size_t)(s->end - s->p) : 256), *w = to;
        size_t room = (size_t)(s->end - s->p) < 256 ? (size_t)(s->end - s->p) : 256;
        for (;;) {
                char quote = *s->p++;
                while (s->p < s->end && *s->p != quote && *s->p != '\n') {
                        char c = *s->p++;
                        if (c == '\\' && s->p < s->end)
                                c = escape(s);
                        if ((size_t)(w - to) == room) {
                                char *more = sl_arena_alloc(s->arena, room * 2);
                                memcpy(more, to, room);
                                w = more + room;
                                to = more;
                                room *= 2;
                        }
                        *w++ = c;
                }
                if (s->p >= s->end || *s->p != quote)
                        return bad(s, "a text does not end");
                s->p++;
                skip_space(s);
                if (s->p >= s->end || (*s->p != '"' && *s->p != '\''))
                        break;
        }
        s->token = T_TEXT;
        s->word = (struct sl_str){to, (size_t)(w - to)};
        return SL_OK;
}

static enum sl_rc next(struct parser *s)
{
        skip_space(s);
        const char *from = s->p;
        if (s->p >= s->end) {
                s->token = T_END;
                s->word = SL_STR("");
                return SL_OK;
        }
        if (*s->p == '"' || *s->p == '\'')
                return read_text(s);
        if (*s->p >= '0' && *s->p <= '9') {
                while (s->p < s->end && (name_char(*s->p) || *s->p == '.' || ((*s->p == '+' || *s->p == '-') && (s->p[-1] | 32) == 'e')))
                        s->p++;
                s->token = T_NUMBER;
        } else if (name_char(*s->p)) {
                while (s->p < s->end && name_char(*s->p))
                        s->p++;
                s->token = T_NAME;
        } else {
                s->p++;
                s->token = T_SIGN;
        }
        s->word = (struct sl_str){from, (size_t)(s->p - from)};
        return SL_OK;
}

static bool is(const struct parser *s, const char *word)
{
        return s->token != T_TEXT && sl_str_eqc(s->word, word);
}

static enum sl_rc expect(struct parser *s, const char *word)
{
        char what[64];
        if (is(s, word))
                return next(s);
        snprintf(what, sizeof(what), "there must be %s", word);
        return bad(s, what);
}

static enum sl_rc read_name(struct parser *s, const char **ret)
{
        if (s->token != T_NAME)
                return bad(s, "there must be a name");
        *ret = sl_arena_strndup(s->arena, s->word.ptr, s->word.len);
        return next(s);
}

/* a.b.c or .a.b.c */
static enum sl_rc read_path(struct parser *s, const char **ret)
{
        struct sl_buf path = {0};
        enum sl_rc rc = SL_OK;
        if (is(s, ".")) {
                sl_buf_addc(&path, '.');
                rc = next(s);
        }
        while (rc == SL_OK) {
                if (s->token != T_NAME) {
                        rc = bad(s, "there must be a name");
                        break;
                }
                sl_buf_add_str(&path, s->word);
                rc = next(s);
                if (rc != SL_OK || !is(s, "."))
                        break;
                sl_buf_addc(&path, '.');
                rc = next(s);
        }
        *ret = sl_arena_strndup(s->arena, path.ptr ? path.ptr : "", path.len);
        sl_buf_free(&path);
        return rc;
}

static enum sl_rc read_number(struct parser *s, int64_t min, int64_t max, int64_t *ret)
{
        char text[32], *stop;
        bool minus = is(s, "-");
        if (minus)
                SL_TRY(next(s));
        if (s->token != T_NUMBER || s->word.len >= sizeof(text))
                return bad(s, "there must be a whole number");
        memcpy(text, s->word.ptr, s->word.len);
        text[s->word.len] = 0;
        int64_t v = strtoll(text, &stop, 0);
        v = minus ? -v : v;
        if (*stop || v < min || v > max)
                return bad(s, "this number is out of its range");
        *ret = v;
        return next(s);
}

/* ---- what is stepped over ---- */

static int nesting(const struct parser *s)
{
        if (s->token != T_SIGN)
                return 0;
        char c = *s->word.ptr;
        return c == '{' || c == '[' || c == '(' ? 1 : c == '}' || c == ']' || c == ')' ? -1 : 0;
}

/* To the end of a statement, or with block of the first { }. */
static enum sl_rc skip_statement(struct parser *s, bool block)
{
        for (int depth = 0; s->token != T_END;) {
                depth += nesting(s);
                bool end = depth <= 0 && (is(s, ";") || (block && is(s, "}")));
                SL_TRY(next(s));
                if (end)
                        return SL_OK;
        }
        return bad(s, "a statement does not end");
}

/* One value of an option or of an aggregate: to a comma, semicolon or closing bracket that is not its own. */
static enum sl_rc skip_value(struct parser *s)
{
        for (int depth = 0; s->token != T_END;) {
                int step = nesting(s);
                if (depth == 0 && (step < 0 || is(s, ",") || is(s, ";")))
                        return SL_OK;
                depth += step;
                SL_TRY(next(s));
                if (depth == 0 && step < 0)
                        return SL_OK;
        }
        return bad(s, "an option does not end");
}

/* ---- options of a field ---- */

/* { key: "scale", value: "2" } */
static enum sl_rc read_param(struct parser *s, struct pb_field *f)
{
        struct sl_str key = SL_STR(""), value = SL_STR("");
        SL_TRY(expect(s, "{"));
        while (!is(s, "}")) {
                bool is_key = is(s, "key"), known = is_key || is(s, "value");
                SL_TRY(next(s));
                if (is(s, ":"))
                        SL_TRY(next(s));
                if (known && s->token == T_TEXT) {
                        *(is_key ? &key : &value) = s->word;
                        SL_TRY(next(s));
                } else {
                        SL_TRY(skip_value(s));
                }
                if (is(s, ",") || is(s, ";"))
                        SL_TRY(next(s));
                if (s->token == T_END)
                        return bad(s, "an option does not end");
        }
        const char **to = sl_str_eqc(key, "connect.type") ? &f->meta_type
                          : sl_str_eqc(key, "precision")  ? &f->precision
                          : sl_str_eqc(key, "scale")      ? &f->scale
                                                          : NULL;
        if (to)
                *to = sl_arena_strndup(s->arena, value.ptr, value.len);
        return next(s);
}

static enum sl_rc read_params(struct parser *s, struct pb_field *f)
{
        if (is(s, "{"))
                return read_param(s, f);
        SL_TRY(expect(s, "["));
        while (!is(s, "]")) {
                SL_TRY(read_param(s, f));
                if (is(s, ","))
                        SL_TRY(next(s));
        }
        return next(s);
}

/* { doc: "...", params: [...] } */
static enum sl_rc read_meta(struct parser *s, struct pb_field *f)
{
        SL_TRY(expect(s, "{"));
        while (!is(s, "}")) {
                bool params = is(s, "params");
                if (s->token == T_END)
                        return bad(s, "an option does not end");
                SL_TRY(next(s));
                if (is(s, ":"))
                        SL_TRY(next(s));
                SL_TRY(params ? read_params(s, f) : skip_value(s));
                if (is(s, ",") || is(s, ";"))
                        SL_TRY(next(s));
        }
        return next(s);
}

static enum sl_rc read_default(struct parser *s, struct pb_field *f)
{
        bool minus = is(s, "-");
        if (minus)
                SL_TRY(next(s));
        f->def = sl_arena_printf(s->arena, "%s%.*s", minus ? "-" : "", SL_FMT(s->word));
        return skip_value(s);
}

static enum sl_rc read_option(struct parser *s, struct pb_field *f)
{
        const char *name = "", *part = "";
        bool custom = is(s, "(");
        if (custom)
                SL_TRY(next(s));
        SL_TRY(read_path(s, &name));
        if (custom)
                SL_TRY(expect(s, ")"));
        if (is(s, ".")) {
                SL_TRY(next(s));
                SL_TRY(read_path(s, &part));
        }
        SL_TRY(expect(s, "="));
        bool meta = custom && strcmp(name[0] == '.' ? name + 1 : name, "confluent.field_meta") == 0;
        if (meta && !*part && is(s, "{"))
                return read_meta(s, f);
        if (meta && strcmp(part, "params") == 0)
                return read_params(s, f);
        if (!custom && strcmp(name, "default") == 0)
                return read_default(s, f);
        return skip_value(s);
}

static enum sl_rc read_options(struct parser *s, struct pb_field *f)
{
        if (!is(s, "["))
                return SL_OK;
        SL_TRY(next(s));
        while (!is(s, "]")) {
                SL_TRY(read_option(s, f));
                if (!is(s, "]"))
                        SL_TRY(expect(s, ","));
        }
        return next(s);
}

/* ---- fields ---- */

static enum sl_rc finish_field(struct parser *s, struct pb_field *f)
{
        int64_t number;
        SL_TRY(expect(s, "="));
        SL_TRY(read_number(s, 1, 536870911, &number));
        f->number = (uint32_t)number;
        SL_TRY(read_options(s, f));
        return expect(s, ";");
}

static void set_type(struct pb_field *f, const char *type)
{
        f->type_name = type;
        f->type = sl_pb_scalar(type);
}

/* map<key, value> name = 1; is a repeated message of the two. */
static enum sl_rc read_map(struct parser *s, struct pb_message *m)
{
        const char *key, *value, *name = NULL;
        SL_TRY(expect(s, "<"));
        SL_TRY(read_path(s, &key));
        SL_TRY(expect(s, ","));
        SL_TRY(read_path(s, &value));
        SL_TRY(expect(s, ">"));
        SL_TRY(read_name(s, &name));
        enum pb_type kt = sl_pb_scalar(key);
        if (kt == PB_NAMED || kt == PB_FLOAT || kt == PB_DOUBLE || kt == PB_BYTES)
                return bad(s, "a map's key must be an integer, bool or string");
        struct pb_field *f = sl_pb_field_add(s->arena, m, name);
        f->message = sl_pb_message_new(s->arena, sl_pb_map_entry(s->arena, name), m, NULL);
        f->message->proto3 = m->proto3;
        f->message->map_entry = true;
        f->type = PB_MESSAGE;
        f->repeated = true;
        f->type_name = f->message->name;
        set_type(sl_pb_field_add(s->arena, f->message, "key"), key);
        set_type(sl_pb_field_add(s->arena, f->message, "value"), value);
        f->message->fields->number = 1;
        f->message->fields->next->number = 2;
        return finish_field(s, f);
}

static enum sl_rc read_field(struct parser *s, struct pb_message *m, int32_t oneof)
{
        const char *type, *name = NULL;
        if (m->field_count >= 5000)
                return bad(s, "a message has more than 5000 fields");
        bool repeated = is(s, "repeated"), required = is(s, "required"), optional = is(s, "optional");
        if (oneof < 0 && (repeated || required || optional))
                SL_TRY(next(s));
        SL_TRY(read_path(s, &type));
        if (strcmp(type, "map") == 0 && is(s, "<") && oneof < 0)
                return read_map(s, m);
        if (strcmp(type, "group") == 0)
                return bad(s, "groups are not read; use a message");
        SL_TRY(read_name(s, &name));
        struct pb_field *f = sl_pb_field_add(s->arena, m, name);
        set_type(f, type);
        f->oneof = oneof;
        if (oneof < 0) {
                f->repeated = repeated;
                f->required = required;
                f->optional = optional;
        }
        return finish_field(s, f);
}

static enum sl_rc read_oneof(struct parser *s, struct pb_message *m)
{
        struct pb_oneof *o = sl_arena_zalloc(s->arena, sizeof(*o));
        SL_TRY(read_name(s, &o->name));
        *m->oneof_tail = o;
        m->oneof_tail = &o->next;
        int32_t at = (int32_t)m->oneof_count++;
        SL_TRY(expect(s, "{"));
        while (!is(s, "}")) {
                if (is(s, "option"))
                        SL_TRY(skip_statement(s, false));
                else if (is(s, ";"))
                        SL_TRY(next(s));
                else
                        SL_TRY(read_field(s, m, at));
        }
        return next(s);
}

/* ---- types ---- */

static enum sl_rc read_enum(struct parser *s, struct pb_message *parent)
{
        struct pb_enum *e = sl_arena_zalloc(s->arena, sizeof(*e));
        const char *scope = parent ? parent->full : s->file->package;
        int64_t number;
        SL_TRY(read_name(s, &e->name));
        e->full = scope ? sl_arena_printf(s->arena, "%s.%s", scope, e->name) : e->name;
        e->closed = !s->file->proto3;
        e->tail = &e->values;
        struct pb_enum ***tail = parent ? &parent->enum_tail : &s->file->enum_tail;
        **tail = e;
        *tail = &e->next;
        SL_TRY(expect(s, "{"));
        while (!is(s, "}")) {
                if (is(s, "option") || is(s, "reserved") || is(s, ";")) {
                        SL_TRY(skip_statement(s, false));
                        continue;
                }
                if (e->count >= 5000)
                        return bad(s, "an enum has more than 5000 values");
                struct pb_enum_value *v = sl_arena_zalloc(s->arena, sizeof(*v));
                struct pb_field unused = {0};
                SL_TRY(read_name(s, &v->name));
                SL_TRY(expect(s, "="));
                SL_TRY(read_number(s, INT32_MIN, INT32_MAX, &number));
                SL_TRY(read_options(s, &unused));
                SL_TRY(expect(s, ";"));
                v->number = (int32_t)number;
                *e->tail = v;
                e->tail = &v->next;
                e->count++;
        }
        return e->count ? next(s) : bad(s, "an enum must have a value");
}

static enum sl_rc read_message(struct parser *s, struct pb_message *parent, int depth);

static enum sl_rc read_member(struct parser *s, struct pb_message *m, int depth)
{
        /* A word that begins a statement can be a field's type as well; what follows it tells. */
        const char *at = s->p;
        while (at < s->end && (*at == ' ' || *at == '\t'))
                at++;
        bool word = s->token == T_NAME && at < s->end && *at != '.';
        if (is(s, ";"))
                return next(s);
        if (word && is(s, "message")) {
                SL_TRY(next(s));
                return read_message(s, m, depth + 1);
        }
        if (word && is(s, "enum")) {
                SL_TRY(next(s));
                return read_enum(s, m);
        }
        if (word && is(s, "oneof")) {
                SL_TRY(next(s));
                return read_oneof(s, m);
        }
        if (word && is(s, "extend"))
                return skip_statement(s, true);
        if (word && (is(s, "option") || is(s, "reserved") || is(s, "extensions")))
                return skip_statement(s, false);
        return read_field(s, m, -1);
}

static enum sl_rc read_message(struct parser *s, struct pb_message *parent, int depth)
{
        const char *name = NULL;
        if (depth > PB_DEPTH)
                return bad(s, "messages are nested too deep");
        SL_TRY(read_name(s, &name));
        struct pb_message *m = sl_pb_message_new(s->arena, name, parent, s->file->package);
        struct pb_message ***tail = parent ? &parent->message_tail : &s->file->message_tail;
        m->proto3 = s->file->proto3;
        **tail = m;
        *tail = &m->next;
        SL_TRY(expect(s, "{"));
        while (!is(s, "}"))
                SL_TRY(read_member(s, m, depth));
        return next(s);
}

/* ---- the file ---- */

static enum sl_rc read_syntax(struct parser *s)
{
        SL_TRY(next(s));
        SL_TRY(expect(s, "="));
        if (s->token != T_TEXT || (!sl_str_eqc(s->word, "proto3") && !sl_str_eqc(s->word, "proto2")))
                return bad(s, "the syntax must be \"proto2\" or \"proto3\"");
        s->file->proto3 = sl_str_eqc(s->word, "proto3");
        SL_TRY(next(s));
        return expect(s, ";");
}

static enum sl_rc read_import(struct parser *s)
{
        SL_TRY(next(s));
        if (is(s, "public") || is(s, "weak"))
                SL_TRY(next(s));
        if (s->token != T_TEXT)
                return bad(s, "there must be the name of a file");
        struct pb_import *i = sl_arena_zalloc(s->arena, sizeof(*i));
        i->name = sl_arena_strndup(s->arena, s->word.ptr, s->word.len);
        *s->file->import_tail = i;
        s->file->import_tail = &i->next;
        SL_TRY(next(s));
        return expect(s, ";");
}

static enum sl_rc read_statement(struct parser *s)
{
        if (is(s, ";"))
                return next(s);
        if (is(s, "syntax"))
                return read_syntax(s);
        if (is(s, "import"))
                return read_import(s);
        if (is(s, "package")) {
                SL_TRY(next(s));
                SL_TRY(read_path(s, &s->file->package));
                return expect(s, ";");
        }
        if (is(s, "message")) {
                SL_TRY(next(s));
                return read_message(s, NULL, 1);
        }
        if (is(s, "enum")) {
                SL_TRY(next(s));
                return read_enum(s, NULL);
        }
        if (is(s, "option"))
                return skip_statement(s, false);
        if (is(s, "service") || is(s, "extend"))
                return skip_statement(s, true);
        if (is(s, "edition"))
                return bad(s, "editions are not read; use proto3 or proto2");
        return bad(s, "this is no .proto text (schemas in another format, such as serialized descriptors, are not read)");
}

enum sl_rc sl_pb_parse(struct sl_str text, struct sl_arena *arena, struct pb_file **ret, struct sl_err *err)
{
        struct pb_file *file = sl_arena_zalloc(arena, sizeof(*file));
        struct parser s = {.p = text.ptr, .end = text.ptr + text.len, .arena = arena, .file = file, .err = err, .line = 1};
        file->import_tail = &file->imports;
        file->message_tail = &file->messages;
        file->enum_tail = &file->enums;
        SL_TRY(next(&s));
        while (s.token != T_END)
                SL_TRY(read_statement(&s));
        *ret = file;
        return SL_OK;
}
