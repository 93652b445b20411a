/* SPDX-License-Identifier: Apache-2.0 */
/* HoistField$Key and HoistField$Value: the key or value becomes the only field of a new struct (an unnamed, required
 * schema made once per input schema) or, without a schema, of a map. */
#include "transforms/common.h"

struct hoist_cfg {
        const char *field;
};

struct hoist {
        const char *field;
        int side;
        struct sl_plans plans; /* the output schema itself */
};

static enum sl_rc hoist_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct hoist *st = state;
        const struct hoist_cfg *cfg = config;
        (void)err;
        st->field = cfg->field;
        st->side = ops->side;
        return SL_OK;
}

static sl_cold enum sl_rc bind_schema(struct hoist *st, const struct sl_schema *in, struct sl_err *err)
{
        struct sl_field field[1];
        struct sl_schema out = {.type = SL_STRUCT, .fields = field};
        SL_TRY(sl_add_field(&out, field, st->field, in, err));
        sl_plans_put(&st->plans, in, (void *)sl_schema_intern(&out));
        return SL_OK;
}

static enum sl_rc hoist_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct hoist *st = state;
        const struct sl_schema **schema = sl_side_schema(rec, st->side), *in = *schema;
        struct sl_value *value = sl_side_value(rec, st->side);
        uint32_t n = in ? 1 : 2;
        if (in && sl_unlikely(!sl_plans_get(&st->plans, in)))
                SL_TRY(bind_schema(st, in, err));
        if (sl_unlikely(in && value->type == SL_NULL && !in->optional))
                return sl_fail(err, SL_E_TRANSFORM,
                               "Invalid value: null used for required field: \"%s\", schema type: %s", st->field,
                               sl_type_name(in->type));
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        items[n - 1] = *value;
        if (in)
                *schema = sl_plans_get(&st->plans, in);
        else
                items[0] = sl_v_str(sl_str_c(st->field));
        *value = sl_v_items(in ? SL_STRUCT : SL_MAP, items, 1);
        return SL_OK;
}

static void hoist_close(void *state)
{
        struct hoist *st = state;
        sl_plans_free(&st->plans, NULL);
}

static const struct sl_cfg_def hoist_config[] = {
        {SL_CFG_STR(struct hoist_cfg, field, "field"), .flags = SL_CFG_REQUIRED, .importance = SL_MEDIUM,
         .doc = "Name of the field that takes the whole key or value."},
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.HoistField$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.HoistField$Value", NULL};

#define HOIST_OPS(text, names, which)                                                                                  \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = hoist_config,                           \
                .config_size = sizeof(struct hoist_cfg), .state_size = sizeof(struct hoist), .open = hoist_open,       \
                .apply = hoist_apply, .close = hoist_close,                                                            \
        }
extern const struct sl_transform_ops sl_hoist_field_key, sl_hoist_field_value;
const struct sl_transform_ops sl_hoist_field_key = HOIST_OPS("HoistField$Key", key_aliases, 1);
const struct sl_transform_ops sl_hoist_field_value = HOIST_OPS("HoistField$Value", value_aliases, 0);
