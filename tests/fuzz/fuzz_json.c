/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes through JsonConverter, with and without the schema envelope. What decodes must encode again. */
#include <stdlib.h>

#include "config/cfgdef.h"
#include "convert/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
        const struct sl_converter_ops *ops;
        void *st, *cfg;
        struct sl_arena arena;
};

static struct side open_side(const char *schemas)
{
        struct side s = {.ops = sl_converter_find("JsonConverter")};
        struct sl_props props = {0};
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        sl_props_set(&props, "schemas.enable", schemas);
        s.cfg = sl_arena_zalloc(&s.arena, s.ops->config_size);
        s.st = sl_arena_zalloc(&s.arena, s.ops->state_size);
        sl_cfg_parse(s.ops->config, &props, s.cfg, &s.arena, &report);
        if (s.ops->open(s.st, s.cfg, false, NULL, &err) != SL_OK)
                abort();
        sl_props_free(&props);
        sl_cfg_report_free(&report);
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct side sides[2];
        static struct sl_arena arena;
        static struct sl_buf out;
        if (!sides[0].ops) {
                sides[0] = open_side("true");
                sides[1] = open_side("false");
        }
        for (int i = 0; i < 2; i++) {
                const struct sl_schema *schema = NULL;
                struct sl_value value = SL_V_NULL;
                struct sl_err err = {0};
                bool null = false;
                sl_arena_reset(&arena);
                sl_buf_clear(&out);
                if (sides[i].ops->decode(sides[i].st, SL_STR("t"), (struct sl_str){(const char *)data, size}, &arena, &schema,
                                         &value, &err) != SL_OK)
                        continue;
                enum sl_rc rc = sides[i].ops->encode(sides[i].st, SL_STR("t"), schema, &value, &out, &null, &err);
                (void)rc; /* a lenient read can give a null that a required field refuses to write */
        }
        return 0;
}
