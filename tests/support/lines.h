/* SPDX-License-Identifier: Apache-2.0 */
/* What avro_tool and convert_lines share: records as JsonConverter's envelopes, and bytes as hex. */
#ifndef SL_TESTS_LINES_H
#define SL_TESTS_LINES_H
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/cfgdef.h"
#include "convert/convert.h"

struct json_side {
        const struct sl_converter_ops *ops;
        void *st;
        struct sl_arena arena;
};

static inline struct json_side open_json(void)
{
        struct json_side s = {.ops = sl_converter_find("JsonConverter")};
        struct sl_props props = {0};
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        sl_props_set(&props, "replace.null.with.default", "false");
        void *cfg = sl_arena_zalloc(&s.arena, s.ops->config_size);
        s.st = sl_arena_zalloc(&s.arena, s.ops->state_size);
        sl_cfg_parse(s.ops->config, &props, cfg, &s.arena, &report);
        if (report.errors || s.ops->open(s.st, cfg, false, NULL, &err) != SL_OK)
                exit(1);
        sl_props_free(&props);
        sl_cfg_report_free(&report);
        return s;
}

static inline void close_json(struct json_side *s)
{
        s->ops->close(s->st);
        sl_arena_free(&s->arena);
}

static inline void add_hex(json_t *out, const char *key, const struct sl_buf *b)
{
        char *hex = malloc(2 * b->len + 1);
        for (size_t i = 0; i < b->len; i++)
                snprintf(hex + 2 * i, 3, "%02x", (unsigned char)b->ptr[i]);
        hex[2 * b->len] = 0;
        json_object_set_new(out, key, json_string(hex));
        free(hex);
}

/* hex may be NULL. */
static inline struct sl_str from_hex(const char *hex, struct sl_arena *arena)
{
        size_t n = hex ? strlen(hex) / 2 : 0;
        char *to = sl_arena_alloc(arena, n + 1);
        for (size_t i = 0; i < n; i++) {
                unsigned v = 0;
                sscanf(hex + 2 * i, "%2x", &v);
                to[i] = (char)v;
        }
        return (struct sl_str){to, n};
}
#endif
