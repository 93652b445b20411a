/* SPDX-License-Identifier: Apache-2.0 */
/* MaskField$Key and MaskField$Value: the listed fields take the empty value of their type (0, false, "", an empty list
 * ...) or, with `replacement`, that text as a number or string. Null stays null, the schema stays. The replacement is
 * read once (Java's BigDecimal grammar, integers cut and wrapped as in Java); the values for a schema's fields are
 * worked out once. */
#include "transforms/common.h"

#include "record/logical.h"

#define PURPOSE "mask fields"

struct mask_cfg {
        struct sl_cfg_list fields;
        const char *replacement;
        bool replace_null;
};

struct mask {
        const struct mask_cfg *cfg;
        int side;
        struct sl_str number; /* the replacement as sl_decimal_parse reads it; ptr NULL = it is no number */
        int64_t whole;        /* BigDecimal.longValue of it */
        double real;
        struct sl_arena arena; /* of the plans */
        struct sl_plans plans;
};

/* A plan has one for each field. */
struct cell {
        bool masked;
        struct sl_value value; /* null: this field can't be masked */
};

/* ---- the replacement ---- */

static size_t digits_at(const char *p)
{
        return strspn(p, "0123456789");
}

/* What new BigDecimal(text) takes. */
static bool is_decimal(const char *p)
{
        size_t sign = *p == '+' || *p == '-', whole = digits_at(p += sign), point = p[whole] == '.';
        size_t fraction = point ? digits_at(p + whole + 1) : 0;
        if (!whole && !fraction)
                return false;
        p += whole + point + fraction;
        if (*p != 'e' && *p != 'E')
                return !*p;
        p++;
        sign = *p == '+' || *p == '-';
        size_t n = digits_at(p + sign);
        int64_t exponent;
        return n && !p[sign + n] && sl_parse_i64(sl_str_c(p), &exponent) && exponent >= INT32_MIN &&
               exponent <= INT32_MAX;
}

static void read_number(struct mask *st, const char *text)
{
        if (!is_decimal(text))
                return;
        st->number = sl_str_c(*text == '+' ? text + 1 : text);
        st->whole = sl_decimal_low_bits(st->number);
        char first = text[strcspn(text, "123456789eE")];
        if (first < '1' || first > '9' || !sl_parse_f64(st->number, &st->real)) /* a BigDecimal has no -0 */
                st->real = 0;
}

/* ---- one value ---- */

static enum sl_rc cannot_mask(const struct mask *st, const char *class, struct sl_err *err)
{
        return st->cfg->replacement ? sl_fail(err, SL_E_TRANSFORM,
                                              "Cannot mask value of type class %s with custom replacement.", class)
                                    : sl_fail(err, SL_E_TRANSFORM, "Cannot mask value of type: class %s", class);
}

/* v is not null, and no decimal. */
static enum sl_rc mask_value(const struct mask *st, const struct sl_schema *schema, const struct sl_value *v,
                             struct sl_value *ret, struct sl_err *err)
{
        const char *text = st->cfg->replacement;
        enum sl_type type = v->type;
        bool logical = schema && schema->logical != SL_LOGICAL_NONE;
        bool number = type >= SL_INT8 && type <= SL_FLOAT64;
        *ret = SL_V_NULL;
        if (text && number && !logical && !st->number.ptr)
                return sl_fail(err, SL_E_TRANSFORM, "Unable to convert %s (class java.lang.String) to a number", text);
        if (type == SL_STRING)
                *ret = sl_v_str(text ? sl_str_c(text) : SL_STR(""));
        else if (number && !text)
                ret->type = (uint8_t)type; /* 0, also for dates */
        else if (!text && type == SL_BOOLEAN)
                *ret = sl_v_bool(false);
        else if (!text && (type == SL_ARRAY || type == SL_MAP))
                *ret = sl_v_items(type, NULL, 0);
        else if (!number || logical)
                return cannot_mask(st, sl_java_class(schema, v), err);
        else if (type == SL_INT8)
                *ret = sl_v_i64(type, (int8_t)st->whole);
        else if (type == SL_INT16)
                *ret = sl_v_i64(type, (int16_t)st->whole);
        else if (type == SL_INT32)
                *ret = sl_v_i64(type, (int32_t)st->whole);
        else if (type == SL_INT64)
                *ret = sl_v_i64(type, st->whole);
        else
                *ret = sl_v_f64(type, type == SL_FLOAT32 ? (float)st->real : st->real);
        return SL_OK;
}

/* Java leaves the scale of the text in a decimal, and the converter refuses it; here the value takes the schema's scale
 * where it has the digits for it. */
static enum sl_rc mask_decimal(struct mask *st, const struct sl_schema *schema, struct sl_value *ret,
                               struct sl_err *err)
{
        const char *text = st->cfg->replacement;
        struct sl_err why = {0};
        if (text && !st->number.ptr)
                return sl_fail(err, SL_E_TRANSFORM, "Unable to convert %s (class java.lang.String) to number", text);
        if (sl_decimal_parse(text ? st->number : SL_STR("0"), schema->decimal_scale, &st->arena, ret, &why) != SL_OK)
                return sl_fail(err, SL_E_TRANSFORM, "%s", why.msg);
        return SL_OK;
}

static enum sl_rc mask_field(struct mask *st, const struct sl_schema *schema, struct sl_value *ret, struct sl_err *err)
{
        struct sl_value sample = {.type = (uint8_t)schema->type};
        *ret = SL_V_NULL;
        return schema->logical == SL_LOGICAL_DECIMAL ? mask_decimal(st, schema, ret, err)
                                                     : mask_value(st, schema, &sample, ret, err);
}

/* ---- rows ---- */

static sl_cold const struct cell *bind_schema(struct mask *st, const struct sl_schema *in)
{
        struct cell *cells = sl_arena_zalloc(&st->arena, (in->field_count + 1) * sizeof(*cells));
        for (uint32_t i = 0; i < st->cfg->fields.count; i++) {
                const char *name = st->cfg->fields.items[i];
                int at = sl_schema_field(in, name, strlen(name));
                struct sl_err untold = {0}; /* told for the row that has a value there */
                if (at < 0)
                        continue;
                cells[at].masked = true;
                if (mask_field(st, in->fields[at].schema, &cells[at].value, &untold) != SL_OK)
                        cells[at].value = SL_V_NULL;
        }
        sl_plans_put(&st->plans, in, cells);
        return cells;
}

static enum sl_rc mask_struct(struct mask *st, const struct sl_schema *s, struct sl_value *value,
                              struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_struct(s, value, PURPOSE, err));
        const struct cell *cell = sl_plans_get(&st->plans, s);
        if (sl_unlikely(!cell))
                cell = bind_schema(st, s);
        struct sl_value *items = sl_arena_alloc(arena, s->field_count * sizeof(*items)), unused;
        for (uint32_t i = 0; i < s->field_count; i++, cell++) {
                items[i] = sl_read_field(s->fields[i].schema, &value->items[i], st->cfg->replace_null);
                if (!cell->masked || items[i].type == SL_NULL)
                        continue;
                if (sl_unlikely(cell->value.type == SL_NULL))
                        return mask_field(st, s->fields[i].schema, &unused, err);
                items[i] = cell->value;
        }
        value->items = items;
        return SL_OK;
}

/* A listed field that is not there becomes a null entry, as in Java. */
static enum sl_rc mask_map(struct mask *st, struct sl_value *value, struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_map(value, PURPOSE, err));
        const struct sl_cfg_list *fields = &st->cfg->fields;
        uint32_t n = value->len;
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)(n + fields->count) * sizeof(*items));
        if (n)
                memcpy(items, value->items, 2 * (size_t)n * sizeof(*items));
        for (uint32_t i = 0; i < fields->count; i++) {
                struct sl_str name = sl_str_c(fields->items[i]);
                int at = sl_map_find(value, name);
                struct sl_value *v = &items[2 * (at < 0 ? n : (uint32_t)at) + 1];
                if (at < 0) {
                        items[2 * n++] = sl_v_str(name);
                        *v = SL_V_NULL;
                }
                struct sl_value old = *v;
                if (old.type != SL_NULL)
                        SL_TRY(mask_value(st, NULL, &old, v, err));
        }
        *value = sl_v_items(SL_MAP, items, n);
        return SL_OK;
}

static enum sl_rc mask_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct mask *st = state;
        const struct sl_schema *schema = *sl_side_schema(rec, st->side);
        struct sl_value *value = sl_side_value(rec, st->side);
        return schema ? mask_struct(st, schema, value, arena, err) : mask_map(st, value, arena, err);
}

/* ---- config ---- */

static enum sl_rc mask_open(void *state, const void *config, const struct sl_transform_ops *ops,
                            struct sl_err *err sl_unused)
{
        struct mask *st = state;
        st->cfg = config;
        st->side = ops->side;
        sl_arena_init(&st->arena, 0);
        if (st->cfg->replacement)
                read_number(st, st->cfg->replacement);
        return SL_OK;
}

static void mask_close(void *state)
{
        struct mask *st = state;
        sl_plans_free(&st->plans, NULL);
        sl_arena_free(&st->arena);
        *st = (struct mask){0};
}

static const struct sl_cfg_def mask_config[] = {
        {SL_CFG_LIST(struct mask_cfg, fields, "fields"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY | SL_CFG_UNIQUE,
         .importance = SL_HIGH, .doc = "Fields to mask."},
        {SL_CFG_STR(struct mask_cfg, replacement, "replacement"), .flags = SL_CFG_NONEMPTY, .importance = SL_LOW,
         .doc = "What number and text fields show in place of their value; without it each type's empty value."},
        SL_CFG_REPLACE_NULL(struct mask_cfg),
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.MaskField$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.MaskField$Value", NULL};

#define MASK_OPS(text, names, which)                                                                                   \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = mask_config,                            \
                .config_size = sizeof(struct mask_cfg), .state_size = sizeof(struct mask), .open = mask_open,          \
                .apply = mask_apply, .close = mask_close,                                                              \
        }
extern const struct sl_transform_ops sl_mask_field_key, sl_mask_field_value;
const struct sl_transform_ops sl_mask_field_key = MASK_OPS("MaskField$Key", key_aliases, 1);
const struct sl_transform_ops sl_mask_field_value = MASK_OPS("MaskField$Value", value_aliases, 0);
