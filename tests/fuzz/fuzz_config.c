/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any text as a connector's config: a JSON object, or a properties file. It goes through the whole check that needs no network,
 * becomes the answer of validate, and its transforms are opened and see a record. A secret's value must not be in what a GET would show. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "cluster/validate.h"
#include "cluster/workercfg.h"
#include "pipeline/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

extern const struct sl_predicate_ops *const sl_predicates[];
extern const struct sl_converter_ops *const sl_converters[];
static struct sl_plugins plugins;
static int file = -1;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc, (void)argv;
        sl_log_set_level(SL_LOG_FATAL);
        plugins = (struct sl_plugins){sl_sources, sl_sinks, sl_transforms, sl_converters, sl_predicates};
        file = memfd_create("config", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        return file < 0;
}

static bool load(const uint8_t *data, size_t size, struct sl_props *ret)
{
        sl_auto_json *obj = NULL;
        struct sl_str text = {(const char *)data, size};
        if (size && data[0] == '{')
                return sl_json_parse(text, &obj, NULL) == SL_OK && json_is_object(obj) && sl_props_from_json(ret, obj, NULL) == SL_OK;
        if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size)
                abort();
        return sl_props_load(ret, path, NULL) == SL_OK;
}

static void run_chain(const struct sl_validation *v)
{
        struct sl_chain *chain = NULL;
        struct sl_arena arena = {0};
        struct sl_err err = {0};
        struct sl_value pair[2] = {sl_v_str(SL_STR("a")), sl_v_i64(SL_INT64, 7)};
        struct sl_record rec = {.topic = SL_STR("t"), .timestamp_ms = 1, .offset = 3, .value = sl_v_items(SL_MAP, pair, 1)};
        sl_arena_init(&arena, 0);
        if (sl_chain_new(&plugins, &v->resolved, &v->common, &chain, &err) == SL_OK) {
                enum sl_rc rc = sl_chain_apply(chain, &rec, &arena, &err);
                (void)rc;
                sl_chain_free(chain);
        }
        sl_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sl_props props = {0};
        struct sl_validation v = {0};
        const struct sl_validate_opts opts = {.plugins = &plugins, .offline = true};
        if (load(data, size, &props)) {
                if (sl_validate(&opts, &props, &v, NULL) == SL_OK) {
                        json_decref(sl_validation_json(&v, "x"));
                        struct sl_buf text = {0};
                        sl_cfg_report_text(&v.report, &text);
                        sl_buf_free(&text);
                        if (!v.report.errors)
                                run_chain(&v);
                }
                sl_validation_free(&v);
                sl_auto_json *masked = sl_config_masked_json(&plugins, &props);
                if (json_object_get(masked, "database.password") && sl_props_get(&props, "database.password") &&
                    !strchr(sl_props_get(&props, "database.password"), '$') &&
                    strcmp(json_string_value(json_object_get(masked, "database.password")), SL_MASK) != 0)
                        abort();
        }
        sl_props_free(&props);
        return 0;
}
