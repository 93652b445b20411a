/* SPDX-License-Identifier: Apache-2.0 */
/* The schema interner: one hash table and one arena for the process, behind a lock. Children are interned before
 * their parents, so comparing two schemas compares child pointers; the fingerprint is over content only (children
 * by their fingerprints), hence the same in every run. Parsing and printing schemas is worker/convert's. */
#include "record/schema.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct interner {
        pthread_mutex_t lock;
        struct sl_arena arena;
        const struct sl_schema **slots; /* open addressing by fingerprint */
        uint32_t nslots;
        _Atomic uint32_t count;
};
static struct interner interner = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- fingerprint ---- */

static uint64_t mix_u64(uint64_t h, uint64_t v)
{
        uint64_t both[2] = {h, v};
        return sl_hash(both, sizeof(both));
}

static uint64_t mix_text(uint64_t h, const char *s)
{
        return s ? mix_u64(mix_u64(h, 1), sl_hash(s, strlen(s))) : mix_u64(h, 0);
}

/* Equal values (sl_value_equal) hash alike: NaN has one hash, a map's entries are summed. */
static uint64_t hash_value(const struct sl_value *v)
{
        uint64_t h = mix_u64(v->type, v->len), bits = 0;
        switch ((enum sl_type)v->type) {
        case SL_BOOLEAN:
                return mix_u64(h, v->b);
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                return mix_u64(h, (uint64_t)v->i64);
        case SL_FLOAT32:
        case SL_FLOAT64:
                if (v->f64 == v->f64)
                        memcpy(&bits, &v->f64, sizeof(bits));
                else
                        bits = 0x7ff8000000000000;
                return mix_u64(h, bits);
        case SL_STRING:
        case SL_BYTES:
                return mix_u64(h, v->len ? sl_hash(v->ptr, v->len) : 0);
        case SL_ARRAY:
        case SL_STRUCT:
                for (uint32_t i = 0; i < v->len; i++)
                        h = mix_u64(h, hash_value(&v->items[i]));
                return h;
        case SL_MAP:
                for (uint32_t i = 0; i < v->len; i++)
                        bits += mix_u64(hash_value(&v->items[2 * i]), hash_value(&v->items[2 * i + 1]));
                return mix_u64(h, bits);
        case SL_NULL:
        case SL_TYPE_COUNT:
                break;
        }
        return h;
}

/* A default of null is no default, as in Connect. */
static bool has_default(const struct sl_schema *s)
{
        return s->has_default && s->def.type != SL_NULL;
}

static uint64_t fingerprint(const struct sl_schema *s)
{
        uint64_t h = mix_u64((uint64_t)s->type << 1 | s->optional, (uint64_t)(int64_t)s->version), params = 0;
        h = mix_text(mix_text(h, s->name), s->doc);
        for (uint32_t i = 0; i < s->param_count; i++) /* a Java map: the order does not count */
                params += mix_text(mix_text(0, s->params[i].name), s->params[i].value);
        h = mix_u64(mix_u64(h, s->param_count), params);
        h = mix_u64(h, has_default(s) ? hash_value(&s->def) | 1 : 0);
        for (uint32_t i = 0; i < s->field_count; i++)
                h = mix_u64(mix_text(h, s->fields[i].name), s->fields[i].schema->fingerprint);
        h = mix_u64(h, s->key ? s->key->fingerprint : 0);
        return mix_u64(h, s->value ? s->value->fingerprint : 0);
}

/* ---- equality ---- */

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_params(const struct sl_schema *a, const struct sl_schema *b)
{
        if (a->param_count != b->param_count)
                return false;
        for (uint32_t i = 0; i < a->param_count; i++) {
                /* By place first: a name that comes twice (Java's maps have none) must not make a schema unlike itself. */
                const char *other = same_text(a->params[i].name, b->params[i].name) ? b->params[i].value
                                                                                     : sl_schema_param(b, a->params[i].name);
                if (!other || !same_text(a->params[i].value, other))
                        return false;
        }
        return true;
}

static bool same_fields(const struct sl_schema *a, const struct sl_schema *b)
{
        if (a->field_count != b->field_count)
                return false;
        for (uint32_t i = 0; i < a->field_count; i++)
                if (a->fields[i].schema != b->fields[i].schema || strcmp(a->fields[i].name, b->fields[i].name) != 0)
                        return false;
        return true;
}

static bool same_schema(const struct sl_schema *a, const struct sl_schema *b)
{
        return a->type == b->type && a->optional == b->optional && a->version == b->version && a->key == b->key &&
               a->value == b->value && same_text(a->name, b->name) && same_text(a->doc, b->doc) &&
               has_default(a) == has_default(b) && (!has_default(a) || sl_value_equal(&a->def, &b->def)) &&
               same_params(a, b) && same_fields(a, b);
}

/* ---- interning ---- */

static char *copy_text(const char *s)
{
        return s ? sl_arena_strdup(&interner.arena, s) : NULL;
}

static const struct sl_param *copy_params(const struct sl_schema *spec)
{
        if (!spec->param_count)
                return NULL;
        struct sl_param *p = sl_arena_alloc(&interner.arena, spec->param_count * sizeof(*p));
        for (uint32_t i = 0; i < spec->param_count; i++)
                p[i] = (struct sl_param){copy_text(spec->params[i].name), copy_text(spec->params[i].value)};
        return p;
}

static const struct sl_field *copy_fields(const struct sl_schema *spec)
{
        if (!spec->field_count)
                return NULL;
        struct sl_field *f = sl_arena_alloc(&interner.arena, spec->field_count * sizeof(*f));
        for (uint32_t i = 0; i < spec->field_count; i++) {
                const char *name = copy_text(spec->fields[i].name);
                f[i] = (struct sl_field){name, (uint32_t)strlen(name), spec->fields[i].schema};
        }
        return f;
}

static enum sl_logical logical_of(const struct sl_schema *s)
{
        if (!s->name)
                return SL_LOGICAL_NONE;
        if (s->type == SL_BYTES && strcmp(s->name, SL_NAME_DECIMAL) == 0)
                return SL_LOGICAL_DECIMAL;
        if (s->type == SL_INT32 && strcmp(s->name, SL_NAME_DATE) == 0)
                return SL_LOGICAL_DATE;
        if (s->type == SL_INT32 && strcmp(s->name, SL_NAME_TIME) == 0)
                return SL_LOGICAL_TIME;
        if (s->type == SL_INT64 && strcmp(s->name, SL_NAME_TIMESTAMP) == 0)
                return SL_LOGICAL_TIMESTAMP;
        return SL_LOGICAL_NONE;
}

static int32_t scale_of(const struct sl_schema *s)
{
        const char *text = sl_schema_param(s, "scale");
        int64_t scale = 0;
        if (!text || !sl_parse_i64(sl_str_c(text), &scale) || scale < INT32_MIN || scale > INT32_MAX)
                return 0;
        return (int32_t)scale;
}

static const struct sl_schema *copy_schema(const struct sl_schema *spec, uint64_t print)
{
        struct sl_schema *s = sl_arena_alloc(&interner.arena, sizeof(*s));
        *s = *spec;
        s->name = copy_text(spec->name);
        s->doc = copy_text(spec->doc);
        s->params = copy_params(spec);
        s->fields = copy_fields(spec);
        s->has_default = has_default(spec);
        s->def = s->has_default ? sl_value_copy(&interner.arena, &spec->def) : SL_V_NULL;
        s->logical = logical_of(s);
        s->decimal_scale = s->logical == SL_LOGICAL_DECIMAL ? scale_of(s) : 0;
        s->fingerprint = print;
        s->id = atomic_fetch_add(&interner.count, 1);
        return s;
}

/* The slot of an equal schema, or the empty one where it belongs. */
static const struct sl_schema **find_slot(const struct sl_schema *spec, uint64_t print)
{
        uint32_t mask = interner.nslots - 1, i = (uint32_t)print & mask;
        while (interner.slots[i] && (interner.slots[i]->fingerprint != print || !same_schema(interner.slots[i], spec)))
                i = (i + 1) & mask;
        return &interner.slots[i];
}

static void grow_slots(void)
{
        const struct sl_schema **old = interner.slots;
        uint32_t n = interner.nslots;
        interner.nslots = n ? n * 2 : 256;
        interner.slots = sl_calloc(interner.nslots, sizeof(const struct sl_schema *));
        for (uint32_t i = 0; i < n; i++)
                if (old[i])
                        *find_slot(old[i], old[i]->fingerprint) = old[i];
        free(old);
}

const struct sl_schema *sl_schema_intern(const struct sl_schema *spec)
{
        uint64_t print = fingerprint(spec);
        pthread_mutex_lock(&interner.lock);
        if (atomic_load(&interner.count) >= interner.nslots / 2)
                grow_slots();
        const struct sl_schema **slot = find_slot(spec, print);
        if (!*slot)
                *slot = copy_schema(spec, print);
        const struct sl_schema *s = *slot;
        pthread_mutex_unlock(&interner.lock);
        return s;
}

const struct sl_schema *sl_schema_of(enum sl_type type, bool optional)
{
        static const struct sl_schema *_Atomic plain[SL_BYTES + 1][2];
        assert(type > SL_NULL && type <= SL_BYTES);
        const struct sl_schema *s = atomic_load_explicit(&plain[type][optional], memory_order_acquire);
        if (!s) {
                s = sl_schema_intern(&(struct sl_schema){.type = type, .optional = optional});
                atomic_store_explicit(&plain[type][optional], s, memory_order_release);
        }
        return s;
}

int sl_schema_field(const struct sl_schema *s, const char *name, size_t len)
{
        for (uint32_t i = 0; i < s->field_count; i++)
                if (s->fields[i].name_len == len && memcmp(s->fields[i].name, name, len) == 0)
                        return (int)i;
        return -1;
}

const char *sl_schema_param(const struct sl_schema *s, const char *name)
{
        for (uint32_t i = 0; i < s->param_count; i++)
                if (strcmp(s->params[i].name, name) == 0)
                        return s->params[i].value;
        return NULL;
}

const char *sl_type_name(enum sl_type type)
{
        static const char *const names[] = {"NULL",    "BOOLEAN", "INT8",  "INT16", "INT32", "INT64", "FLOAT32",
                                            "FLOAT64", "STRING",  "BYTES", "ARRAY", "MAP",   "STRUCT"};
        static_assert(sizeof(names) / sizeof(names[0]) == SL_TYPE_COUNT, "one name per type");
        return (unsigned)type < SL_TYPE_COUNT ? names[type] : "UNKNOWN";
}

uint32_t sl_schema_count(void)
{
        return atomic_load(&interner.count);
}
