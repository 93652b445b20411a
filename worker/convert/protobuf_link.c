/* SPDX-License-Identifier: Apache-2.0 */
/* Messages by name and by place: what a field's type name means, and the list of indexes that tells a reader which message of a text was
 * written. A name is looked up from the innermost scope outward; imports are not checked for visibility, as nothing wrong would come of
 * a name that a compiler would refuse. */
#include "convert/protobuf.h"

enum pb_type sl_pb_scalar(const char *name)
{
        static const struct {
                const char *name;
                enum pb_type type;
        } scalars[] = {
                {"double", PB_DOUBLE},     {"float", PB_FLOAT},       {"int64", PB_INT64},   {"uint64", PB_UINT64},
                {"int32", PB_INT32},       {"fixed64", PB_FIXED64},   {"bool", PB_BOOL},     {"fixed32", PB_FIXED32},
                {"string", PB_STRING},     {"bytes", PB_BYTES},       {"uint32", PB_UINT32}, {"sfixed32", PB_SFIXED32},
                {"sfixed64", PB_SFIXED64}, {"sint32", PB_SINT32},     {"sint64", PB_SINT64},
        };
        for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
                if (strcmp(name, scalars[i].name) == 0)
                        return scalars[i].type;
        return PB_NAMED;
}

struct pb_message *sl_pb_message_new(struct sl_arena *arena, const char *name, struct pb_message *parent, const char *package)
{
        struct pb_message *m = sl_arena_zalloc(arena, sizeof(*m));
        const char *scope = parent ? parent->full : package;
        m->name = name;
        m->full = scope ? sl_arena_printf(arena, "%s.%s", scope, name) : name;
        m->parent = parent;
        m->field_tail = &m->fields;
        m->oneof_tail = &m->oneofs;
        m->message_tail = &m->messages;
        m->enum_tail = &m->enums;
        return m;
}

struct pb_field *sl_pb_field_add(struct sl_arena *arena, struct pb_message *m, const char *name)
{
        struct pb_field *f = sl_arena_zalloc(arena, sizeof(*f));
        f->name = name;
        f->oneof = -1;
        *m->field_tail = f;
        m->field_tail = &f->next;
        m->field_count++;
        return f;
}

/* ---- map entries ---- */

const char *sl_pb_map_entry(struct sl_arena *arena, const char *name)
{
        size_t n = strlen(name);
        char *to = sl_arena_alloc(arena, n + sizeof("Entry")), *w = to;
        bool camel = strchr(name, '_') != NULL, first = true;
        for (const char *p = name; *p; p++) {
                char c = *p;
                if (camel && c == '_') {
                        first = true;
                        continue;
                }
                if (camel && first && c >= 'a' && c <= 'z')
                        c = (char)(c - 32);
                else if (camel && !first && c >= 'A' && c <= 'Z')
                        c = (char)(c + 32);
                first = false;
                *w++ = c;
        }
        memcpy(w, "Entry", sizeof("Entry"));
        return to;
}

const char *sl_pb_map_field(struct sl_arena *arena, const char *name)
{
        const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
        size_t head = (size_t)(last - name), n = strlen(last);
        if (n < 5 || strcmp(last + n - 5, "Entry") != 0)
                return name;
        char *to = sl_arena_alloc(arena, head + 2 * n + 1), *w = to;
        memcpy(to, name, head);
        w += head;
        for (size_t i = 0; i < n - 5; i++) {
                bool upper = last[i] >= 'A' && last[i] <= 'Z';
                if (upper && i > 0)
                        *w++ = '_';
                *w++ = (char)(upper ? last[i] + 32 : last[i]);
        }
        *w = 0;
        return to;
}

/* ---- names ---- */

static enum sl_rc define(struct sl_map *symbols, struct sl_arena *arena, const char *full, struct pb_message *m, struct pb_enum *e,
                         struct sl_err *err)
{
        if (sl_map_get(symbols, sl_str_c(full)))
                return sl_fail(err, SL_E_DECODE, "the Protobuf schema defines %s twice", full);
        struct pb_symbol *symbol = sl_arena_zalloc(arena, sizeof(*symbol));
        *symbol = (struct pb_symbol){m, e};
        sl_map_put(symbols, sl_str_c(full), symbol);
        return SL_OK;
}

static enum sl_rc define_types(struct pb_message *messages, struct pb_enum *enums, struct sl_map *symbols, struct sl_arena *arena,
                               struct sl_err *err)
{
        for (struct pb_message *m = messages; m; m = m->next) {
                SL_TRY(define(symbols, arena, m->full, m, NULL, err));
                SL_TRY(define_types(m->messages, m->enums, symbols, arena, err));
        }
        for (struct pb_enum *e = enums; e; e = e->next)
                SL_TRY(define(symbols, arena, e->full, NULL, e, err));
        return SL_OK;
}

enum sl_rc sl_pb_define(const struct pb_file *file, struct sl_map *symbols, struct sl_arena *arena, struct sl_err *err)
{
        return define_types(file->messages, file->enums, symbols, arena, err);
}

static const struct pb_symbol *look_up(const struct sl_map *symbols, const char *scope, const char *name)
{
        const struct pb_symbol *found = NULL;
        struct sl_buf full = {0};
        if (name[0] == '.')
                return sl_map_get(symbols, sl_str_c(name + 1));
        for (size_t n = strlen(scope); !found;) {
                sl_buf_clear(&full);
                sl_buf_add(&full, scope, n);
                if (n)
                        sl_buf_addc(&full, '.');
                sl_buf_adds(&full, name);
                found = sl_map_get(symbols, (struct sl_str){full.ptr, full.len});
                if (n == 0)
                        break;
                while (n > 0 && scope[n - 1] != '.')
                        n--;
                n -= n > 0;
        }
        sl_buf_free(&full);
        return found;
}

static enum sl_rc link_message(const struct pb_message *m, const struct sl_map *symbols, struct sl_err *err)
{
        for (struct pb_field *f = m->fields; f; f = f->next) {
                for (const struct pb_field *other = m->fields; other != f; other = other->next)
                        if (other->number == f->number || strcmp(other->name, f->name) == 0)
                                return sl_fail(err, SL_E_DECODE, "the Protobuf message %s has two fields %s, or two with the number %u",
                                               m->full, f->name, f->number);
                if (f->type == PB_MESSAGE && f->message) {
                        SL_TRY(link_message(f->message, symbols, err));
                        continue;
                }
                if (f->type != PB_NAMED)
                        continue;
                const struct pb_symbol *symbol = look_up(symbols, m->full, f->type_name);
                if (!symbol)
                        return sl_fail(err, SL_E_DECODE, "the Protobuf schema does not define %s, the type of %s.%s", f->type_name,
                                       m->full, f->name);
                f->message = symbol->message;
                f->enumeration = symbol->enumeration;
                f->type = symbol->message ? PB_MESSAGE : PB_ENUM;
        }
        for (const struct pb_message *n = m->messages; n; n = n->next)
                SL_TRY(link_message(n, symbols, err));
        return SL_OK;
}

enum sl_rc sl_pb_link(const struct pb_file *file, const struct sl_map *symbols, struct sl_err *err)
{
        for (const struct pb_message *m = file->messages; m; m = m->next)
                SL_TRY(link_message(m, symbols, err));
        return SL_OK;
}

/* ---- places ---- */

struct pb_message *sl_pb_at(const struct pb_file *file, const uint32_t *index, uint32_t count)
{
        struct pb_message *m = NULL;
        for (uint32_t i = 0; i < count; i++) {
                struct pb_message *list = i ? m->messages : file->messages;
                for (uint32_t n = index[i]; list && n; n--)
                        list = list->next;
                if (!list)
                        return NULL;
                m = list;
        }
        return m;
}

static uint32_t index_in(const struct pb_message *list, const char *full, uint32_t *index, uint32_t depth)
{
        uint32_t at = 0;
        for (const struct pb_message *m = list; m; m = m->next, at++) {
                size_t n = strlen(m->full);
                if (strncmp(m->full, full, n) != 0 || (full[n] && full[n] != '.') || depth >= PB_DEPTH)
                        continue;
                index[depth] = at;
                if (!full[n])
                        return depth + 1;
                return index_in(m->messages, full, index, depth + 1);
        }
        return 0;
}

uint32_t sl_pb_index_of(const struct pb_file *file, const char *full, uint32_t index[PB_DEPTH])
{
        return index_in(file->messages, full, index, 0);
}

/* ---- compatibility ---- */

static int wire_class(const struct pb_field *f)
{
        switch (f->type) {
        case PB_SINT32:
        case PB_SINT64:
                return 1;
        case PB_FIXED32:
        case PB_SFIXED32:
                return 2;
        case PB_FIXED64:
        case PB_SFIXED64:
                return 3;
        case PB_FLOAT:
                return 4;
        case PB_DOUBLE:
                return 5;
        case PB_STRING:
        case PB_BYTES:
                return 6;
        case PB_MESSAGE:
                return 7;
        default:
                return 0; /* plain varints, enums too */
        }
}

static const char *differs(const struct pb_message *latest, const struct pb_message *written, struct sl_arena *arena, int depth)
{
        for (const struct pb_field *w = written->fields; w; w = w->next) {
                const struct pb_field *l = latest->fields;
                while (l && l->number != w->number)
                        l = l->next;
                if (!l)
                        continue;
                if (wire_class(l) != wire_class(w) || l->repeated != w->repeated)
                        return sl_arena_printf(arena, "field %u is %s %s there and %s %s here", w->number, l->type_name, l->name,
                                               w->type_name, w->name);
                if (l->message && w->message && depth < PB_DEPTH) {
                        const char *why = differs(l->message, w->message, arena, depth + 1);
                        if (why)
                                return why;
                }
        }
        for (const struct pb_field *l = latest->fields; l; l = l->next) {
                const struct pb_field *w = written->fields;
                while (w && w->number != l->number)
                        w = w->next;
                if (!w && l->required)
                        return sl_arena_printf(arena, "it requires the field %s, which is not here", l->name);
        }
        return NULL;
}

const char *sl_pb_differs(const struct pb_message *latest, const struct pb_message *written, struct sl_arena *arena)
{
        return differs(latest, written, arena, 0);
}
