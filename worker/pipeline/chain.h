/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a connector and Kafka in both lines: the transforms in order, and the converters of key, value and headers.
 * Made once per task run from the connector's config. @thread the task's. */
#ifndef SL_PIPELINE_CHAIN_H
#define SL_PIPELINE_CHAIN_H
#include "api/plugin.h"
#include "pipeline/conncfg.h"

struct sl_chain;
/* config: the connector's, references resolved. plugins must outlive the chain. */
enum sl_rc sl_chain_new(const struct sl_plugins *plugins, const struct sl_props *config, const struct sl_conn_cfg *common, struct sl_chain **ret,
                        struct sl_err *err);
/* One of the transforms, by its place, where its predicate says so (*ret_ran tells; may be NULL): for who wants to look between them. */
uint32_t sl_chain_count(const struct sl_chain *c);
const char *sl_chain_alias(const struct sl_chain *c, uint32_t i);
enum sl_rc sl_chain_step(struct sl_chain *c, uint32_t i, struct sl_record *rec, struct sl_arena *arena, bool *ret_ran,
                         struct sl_err *err);
/* Runs the transforms until one drops the record. err->stage is TRANSFORMATION on failure. */
enum sl_rc sl_chain_apply(struct sl_chain *c, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err);
void sl_chain_free(struct sl_chain *c); /* NULL ok */

struct sl_converter {
        const struct sl_converter_ops *ops;
        void *st;
};
struct sl_codec {
        struct sl_converter key, value, header;
        struct sl_converter_env env;
        struct sl_arena arena; /* their configs */
};
/* The connector's converters, else the worker's. Not merged, as in Connect: a connector that names a converter brings all of its keys. */
enum sl_rc sl_codec_open(struct sl_codec *c, const struct sl_converter_env *env, const struct sl_props *worker,
                         const struct sl_props *config, struct sl_err *err);
void sl_codec_close(struct sl_codec *c); /* accepts a zeroed or half-open struct */
/* Sink side: fill key, value and headers of a record from its raw bytes. err->stage says which converter failed. */
enum sl_rc sl_codec_decode(struct sl_codec *c, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err);
#endif
