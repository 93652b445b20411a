/* SPDX-License-Identifier: Apache-2.0 */
/* What a converter is: bytes <-> (schema, value). st is per (task, side), zeroed by the core. */
#ifndef SL_API_CONVERTER_H
#define SL_API_CONVERTER_H
#include "base/err.h"
#include "config/cfgdef.h"
#include "record/record.h"

/* What a converter may ask of the task it works for. */
struct sl_converter_env {
        /* A call that waits for another system (a schema registry) calls tick at least every 100 ms, so that the source stays alive and
         * the consumer a member; it fails with SL_E_STOPPED when the task must end. NULL: nobody waits. */
        enum sl_rc (*tick)(void *tick_arg, struct sl_err *err);
        void *tick_arg;
};

struct sl_converter_ops {
        const char *name;             /* short, "JsonConverter" */
        const char *const *aliases;   /* Java class names, NULL-terminated */
        bool header;                  /* may be a header converter */
        const struct sl_cfg_def *config;
        uint32_t config_size, state_size;
        /* env lives as long as st. May be NULL. */
        enum sl_rc (*open)(void *st, const void *cfg, bool is_key, const struct sl_converter_env *env, struct sl_err *err);
        /* Append the encoded bytes to out. *ret_null: the encoded form is null (tombstone); nothing is appended then.
         * schema NULL = schemaless. Encoders are compiled per schema at first sight; a bound row allocates nothing. */
        enum sl_rc (*encode)(void *st, struct sl_str topic, const struct sl_schema *schema, const struct sl_value *value,
                             struct sl_buf *out, bool *ret_null, struct sl_err *err);
        /* bytes.ptr NULL = null. The value may point into bytes and into arena. */
        enum sl_rc (*decode)(void *st, struct sl_str topic, struct sl_str bytes, struct sl_arena *arena,
                             const struct sl_schema **ret_schema, struct sl_value *ret_value, struct sl_err *err);
        /* encode or decode will be called with these soon: start now what takes time (ids and schemas of a registry). Never waits, never
         * fails, cheap when all is known: called for each record of a batch. bytes.ptr NULL = null. May be NULL. */
        void (*expect_encode)(void *st, struct sl_str topic, const struct sl_schema *schema);
        void (*expect_decode)(void *st, struct sl_str topic, struct sl_str bytes);
        void (*close)(void *st); /* may be NULL; accepts a half-open state */
};
#endif
