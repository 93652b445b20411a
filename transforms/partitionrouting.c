/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's PartitionRouting: the partition of a change event is a hash over fields of its envelope. The fields'
 * places are looked up once for an envelope's schema. The hashes are those of Java's hashCode (with murmur: of
 * Debezium's MurmurHash3 over texts and bytes, or over that hashCode); what Java hashes differently in every process,
 * structs and with `java` bytes, has a fixed hash here. Other records pass. */
#include "transforms/structs.h"

enum hash_function { HASH_JAVA, HASH_MURMUR };

struct partition_cfg {
        struct sl_cfg_list fields;
        int32_t partitions;
        int hash;
};

struct path {
        char **steps;
        uint32_t count;
        char *text;
};

struct partition_router {
        const struct partition_cfg *cfg;
        struct path *paths;
        uint32_t path_count, step_count; /* steps: of all paths */
        struct sl_plans plans;
};

/* For an envelope's schema: where each path's steps lead, once for `change` as after and once as before. */
struct plan {
        uint32_t op;  /* UINT32_MAX: the envelope has none */
        int32_t at[]; /* [2][step_count]; -1: from here the path leads nowhere */
};

/* ---- hashes ---- */

struct murmur {
        uint64_t h1, h2, k1, k2, c1, c2;
};

static uint64_t rotate(uint64_t v, unsigned n)
{
        return v << n | v >> (64 - n);
}

static void mix(struct murmur *m)
{
        m->k1 = rotate(m->k1 * m->c1, 23) * m->c2;
        m->h1 = (m->h1 ^ m->k1) + m->h2;
        m->h2 = rotate(m->h2, 41);
        m->k2 = rotate(m->k2 * m->c2, 23) * m->c1;
        m->h2 = (m->h2 ^ m->k2) + m->h1;
        m->h1 = m->h1 * 3 + 0x52dce729;
        m->h2 = m->h2 * 3 + 0x38495ab5;
        m->c1 = m->c1 * 5 + 0x7b7d159c;
        m->c2 = m->c2 * 5 + 0x6bce6396;
}

static uint64_t final_mix(uint64_t k)
{
        k = (k ^ k >> 33) * 0xff51afd7ed558ccd;
        k = (k ^ k >> 33) * 0xc4ceb9fe1a85ec53;
        return k ^ k >> 33;
}

/* Bytes of the tail are widened with their sign, as in Java. */
static uint64_t tail(const uint8_t *p, size_t n)
{
        uint64_t k = 0;
        for (size_t i = 0; i < n; i++)
                k ^= (uint64_t)(int64_t)(int8_t)p[i] << (8 * i);
        return k;
}

static uint32_t murmur(const uint8_t *p, size_t n)
{
        struct murmur m = {.h1 = 0x9368e53c2f6af274 ^ 9001,
                           .h2 = 0x586dcd208f7cd3fd ^ 9001,
                           .c1 = 0x87c37b91114253d5,
                           .c2 = 0x4cf5ad432745937f};
        size_t left = n;
        for (; left >= 16; left -= 16, p += 16) {
                memcpy(&m.k1, p, 8);
                memcpy(&m.k2, p + 8, 8);
                mix(&m);
        }
        if (left) {
                m.k1 = tail(p, left < 8 ? left : 8);
                m.k2 = left > 8 ? tail(p + 8, left - 8) : 0;
                mix(&m);
        }
        m.h2 ^= n;
        m.h1 += m.h2;
        m.h2 += m.h1;
        return (uint32_t)((final_mix(m.h1) + final_mix(m.h2)) >> 32);
}

/* Of a text's UTF-16 units. */
static uint32_t hash_text(const struct sl_value *v)
{
        uint32_t h = 0;
        for (uint32_t i = 0; i < v->len;) {
                uint32_t c = (uint8_t)v->ptr[i];
                uint32_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
                if (n > 1)
                        c &= 0xffu >> (n + 1);
                for (uint32_t k = 1; k < n && i + k < v->len; k++)
                        c = c << 6 | ((uint8_t)v->ptr[i + k] & 0x3f);
                i += n;
                if (c >= 0x10000) {
                        h = 31 * h + 0xd800 + ((c - 0x10000) >> 10);
                        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
                }
                h = 31 * h + c;
        }
        return h;
}

/* java.nio.ByteBuffer's, which is what Debezium puts into its records. */
static uint32_t hash_bytes(const struct sl_value *v)
{
        uint32_t h = 1;
        for (uint32_t i = v->len; i-- > 0;)
                h = 31 * h + (uint32_t)(int8_t)v->ptr[i];
        return h;
}

static uint32_t hash_decimal(const struct sl_schema *s, const struct sl_value *v)
{
        const uint8_t *p = (const uint8_t *)v->ptr;
        bool minus = v->len && (p[0] & 0x80);
        uint32_t h = 0, word = 0, borrow = minus;
        uint8_t byte;
        /* the magnitude's 32-bit words from the top: 31 * h + word, so the powers of 31 grow from the end */
        for (uint32_t i = 0, power = 1; i < v->len; i++) {
                byte = p[v->len - 1 - i];
                if (minus) {
                        uint32_t inverted = (uint32_t)(uint8_t)~byte + borrow;
                        byte = (uint8_t)inverted;
                        borrow = inverted >> 8;
                }
                word |= (uint32_t)byte << (8 * (i % 4));
                if (i % 4 == 3 || i + 1 == v->len) {
                        h += word * power;
                        power *= 31;
                        word = 0;
                }
        }
        return 31 * (minus ? -h : h) + (uint32_t)s->decimal_scale;
}

static uint32_t fold(uint64_t v)
{
        return (uint32_t)(v ^ v >> 32);
}

static uint32_t hash_float(const struct sl_value *v)
{
        float f = (float)v->f64;
        uint64_t wide;
        uint32_t narrow;
        if (v->f64 != v->f64)
                return v->type == SL_FLOAT32 ? 0x7fc00000 : fold(0x7ff8000000000000);
        memcpy(&wide, &v->f64, sizeof(wide));
        memcpy(&narrow, &f, sizeof(narrow));
        return v->type == SL_FLOAT32 ? narrow : fold(wide);
}

static uint32_t java_hash(const struct sl_schema *s, const struct sl_value *v)
{
        uint32_t h = 0;
        switch (v->type) {
        case SL_BOOLEAN:
                return v->b ? 1231 : 1237;
        case SL_INT8:
        case SL_INT16:
                return (uint32_t)v->i64;
        case SL_INT32:
                return s->logical == SL_LOGICAL_DATE   ? fold((uint64_t)v->i64 * 86400000)
                       : s->logical == SL_LOGICAL_TIME ? fold((uint64_t)v->i64)
                                                       : (uint32_t)v->i64;
        case SL_INT64:
                return fold((uint64_t)v->i64);
        case SL_FLOAT32:
        case SL_FLOAT64:
                return hash_float(v);
        case SL_STRING:
                return hash_text(v);
        case SL_BYTES:
                return s->logical == SL_LOGICAL_DECIMAL ? hash_decimal(s, v) : hash_bytes(v);
        case SL_ARRAY:
                h = 1;
                for (uint32_t i = 0; i < v->len; i++)
                        h = 31 * h + java_hash(s->value, &v->items[i]);
                return h;
        case SL_MAP:
                for (uint32_t i = 0; i < v->len; i++)
                        h += java_hash(s->key, &v->items[2 * i]) ^ java_hash(s->value, &v->items[2 * i + 1]);
                return h;
        case SL_STRUCT:
                h = 1;
                for (uint32_t i = 0; i < v->len; i++)
                        h = 31 * h + java_hash(s->fields[i].schema, &v->items[i]);
                return h;
        default:
                return 0;
        }
}

static uint32_t hash_value(const struct partition_router *st, const struct sl_schema *s, const struct sl_value *v)
{
        if (st->cfg->hash == HASH_MURMUR && (v->type == SL_STRING || (v->type == SL_BYTES && !s->logical)))
                return murmur((const uint8_t *)v->ptr, v->len);
        uint32_t h = java_hash(s, v);
        return st->cfg->hash == HASH_MURMUR ? murmur((const uint8_t *)&h, sizeof(h)) : h;
}

/* ---- config ---- */

/* The steps between dots without blanks around them; empty ones at the end don't count. */
static void cut_path(const char *text, struct path *ret)
{
        uint32_t room = 1;
        for (const char *p = text; *p; p++)
                room += *p == '.';
        ret->steps = sl_calloc(room, sizeof(*ret->steps));
        char *p = ret->text = sl_strdup(text);
        for (bool more = true; more;) {
                size_t n = strcspn(p, ".");
                more = p[n] == '.';
                p[n] = '\0';
                ret->steps[ret->count++] = p;
                p += n + 1;
        }
        while (ret->count > 1 && !ret->steps[ret->count - 1][0])
                ret->count--;
        for (uint32_t i = 0; i < ret->count; i++) {
                char *step = ret->steps[i] += strspn(ret->steps[i], " \t");
                for (size_t n = strlen(step); n && strchr(" \t", step[n - 1]);)
                        step[--n] = '\0';
        }
}

/* Without the empty ones at the end. */
static uint32_t count_fields(const struct sl_cfg_list *list)
{
        uint32_t n = list->count;
        while (n && !list->items[n - 1][0])
                n--;
        return n;
}

static enum sl_rc partition_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                                 struct sl_err *err sl_unused)
{
        struct partition_router *st = state;
        st->cfg = config;
        st->path_count = count_fields(&st->cfg->fields);
        st->paths = sl_calloc(st->path_count + 1, sizeof(*st->paths));
        for (uint32_t i = 0; i < st->path_count; i++) {
                cut_path(st->cfg->fields.items[i], &st->paths[i]);
                st->step_count += st->paths[i].count;
        }
        return SL_OK;
}

static void partition_close(void *state)
{
        struct partition_router *st = state;
        for (uint32_t i = 0; i < st->path_count; i++) {
                free(st->paths[i].steps);
                free(st->paths[i].text);
        }
        free(st->paths);
        sl_plans_free(&st->plans, free);
        *st = (struct partition_router){0};
}

static void partition_check(const void *config, struct sl_cfg_report *report)
{
        const struct partition_cfg *cfg = config;
        const char *key = "partition.payload.fields";
        uint32_t n = count_fields(&cfg->fields);
        if (!n && !sl_cfg_has_error(report, key))
                sl_cfg_add_error(report, key, "The '%s' value is invalid: A value is required", key);
        for (uint32_t i = 0; i < n; i++)
                if (!cfg->fields.items[i][0]) {
                        sl_cfg_add_error(report, key, "Empty string element(s) not permitted");
                        return;
                }
}

/* ---- rows ---- */

/* Where the path leads; -1 where it goes on to nowhere. change: NULL when the envelope has no op to tell what it means.
 */
static void bind_path(const struct path *path, const struct sl_schema *s, const char *change, int32_t *at)
{
        for (uint32_t i = 0; i < path->count; i++) {
                bool last = i + 1 == path->count;
                const char *step = !last && strcmp(path->steps[i], "change") == 0 ? change : path->steps[i];
                int found = step ? sl_schema_field(s, step, strlen(step)) : -1;
                if (found < 0 || (!last && s->fields[found].schema->type != SL_STRUCT)) {
                        at[i] = -1;
                        return;
                }
                at[i] = found;
                s = s->fields[found].schema;
        }
}

static sl_cold enum sl_rc make_plan(struct partition_router *st, const struct sl_schema *s, struct sl_err *err)
{
        if (s->type != SL_STRUCT)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "The envelope is no struct");
        struct plan *plan = sl_calloc(1, sizeof(*plan) + 2 * (size_t)st->step_count * sizeof(*plan->at));
        int op = sl_schema_field(s, "op", 2);
        plan->op = op >= 0 ? (uint32_t)op : UINT32_MAX;
        int32_t *at = plan->at;
        for (int k = 0; k < 2; k++)
                for (uint32_t i = 0; i < st->path_count; i++) {
                        bind_path(&st->paths[i], s, op < 0 ? NULL : k ? "before" : "after", at);
                        at += st->paths[i].count;
                }
        sl_plans_put(&st->plans, s, plan);
        return SL_OK;
}

static enum sl_rc unprocessable(const struct sl_record *rec, struct sl_err *err)
{
        struct sl_buf text = {0};
        sl_value_print(rec->value_schema, &rec->value, &text);
        enum sl_rc rc = SL_FAIL_AS(err, SL_JAVA_DEBEZIUM, "Unprocessable message %s", sl_buf_cstr(&text));
        sl_buf_free(&text);
        return rc;
}

/* The value at the end of a path (null when it leads nowhere), and its schema into *s. False: a struct on the way is
 * null, as before is in an insert. */
static bool follow(const int32_t *at, uint32_t count, const struct sl_schema **s, const struct sl_record *rec,
                   struct sl_value *ret)
{
        struct sl_value v = rec->value;
        *ret = SL_V_NULL;
        for (uint32_t k = 0; k < count; k++) {
                if (v.type == SL_NULL)
                        return false;
                if (at[k] < 0)
                        return true;
                v = sl_read_field((*s)->fields[at[k]].schema, &v.items[at[k]], k + 1 == count);
                *s = (*s)->fields[at[k]].schema;
        }
        *ret = v;
        return true;
}

static enum sl_rc partition_apply(void *state, struct sl_record *rec, struct sl_arena *arena sl_unused,
                                  struct sl_err *err)
{
        struct partition_router *st = state;
        if (rec->value.type == SL_NULL || !sl_is_envelope(rec->value_schema))
                return SL_OK;
        if (sl_unlikely(!sl_plans_get(&st->plans, rec->value_schema)))
                SL_TRY(make_plan(st, rec->value_schema, err));
        const struct plan *plan = sl_plans_get(&st->plans, rec->value_schema);
        const struct sl_value *op = plan->op == UINT32_MAX ? NULL : &rec->value.items[plan->op];
        if (rec->offset >= 0 || (op && rec->value_schema->fields[plan->op].schema->type != SL_STRING))
                return unprocessable(rec, err); /* a sink's record is in a partition already */
        char code = op && op->len == 1 ? (char)(op->ptr[0] | 32) : 0;
        if (code == 't' || code == 'm')
                return SL_OK;
        const int32_t *at = plan->at + (code == 'd' ? st->step_count : 0);
        uint32_t sum = 0, found = 0;
        for (uint32_t i = 0; i < st->path_count; at += st->paths[i++].count) {
                const struct sl_schema *s = rec->value_schema;
                struct sl_value v;
                if (!follow(at, st->paths[i].count, &s, rec, &v))
                        return unprocessable(rec, err);
                if (v.type == SL_NULL)
                        continue;
                sum += hash_value(st, s, &v);
                found++;
        }
        sum &= INT32_MAX;
        if (found)
                rec->partition = sum == INT32_MAX ? 0 : (int32_t)sum % st->cfg->partitions;
        return SL_OK;
}

static const struct sl_cfg_enum hash_values[] = {{"java", HASH_JAVA, NULL}, {"murmur", HASH_MURMUR, NULL}, {0}};

#define T struct partition_cfg
static const struct sl_cfg_def partition_config[] = {
        {SL_CFG_LIST(T, fields, "partition.payload.fields"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .group = "partitions",
         .doc = "Fields of the envelope, as paths with dots (after.customer, source.table); change stands for before "
                "in a "
                "delete, else for after. Fields that a record lacks or that are null don't count."},
        {SL_CFG_INT(T, partitions, "partition.topic.num"), .flags = SL_CFG_REQUIRED | SL_CFG_HAS_MIN, .min = 1,
         .importance = SL_HIGH, .group = "partitions", .doc = "How many partitions the topic has."},
        {SL_CFG_ENUM(T, hash, "partition.hash.function", hash_values), .flags = SL_CFG_CASE_INSENSITIVE, .def = "java",
         .importance = SL_LOW, .group = "partitions",
         .doc = "java: the sum of the values' hashCode; murmur: of their MurmurHash3."},
        {0},
};
#undef T

static const char *const partition_aliases[] = {"io.debezium.transforms.partitions.PartitionRouting", NULL};

extern const struct sl_transform_ops sl_partition_routing;
const struct sl_transform_ops sl_partition_routing = {
        .name = "PartitionRouting",
        .aliases = partition_aliases,
        .config = partition_config,
        .config_size = sizeof(struct partition_cfg),
        .state_size = sizeof(struct partition_router),
        .check = partition_check,
        .open = partition_open,
        .apply = partition_apply,
        .close = partition_close,
};
