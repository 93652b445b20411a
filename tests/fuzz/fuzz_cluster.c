/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any records in the config, status, offset and cluster topics. Lines: which topic (c, s, o, p) and the key, then the value ("-" is a
 * null). What is told to the herder must be text, and a placement that can be read must be written again as the same one. */
#include "worker/cluster/store.c"

#include "cluster/offsets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void check(bool fine)
{
        if (!fine)
                abort();
}

static void see_config(void *arg, const char *name, const struct sl_props *config)
{
        const char *key, *value;
        (void)arg;
        check(sl_utf8_valid(sl_str_c(name)));
        for (size_t i = 0; config && sl_props_next(config, &i, &key, &value);)
                check(sl_utf8_valid(sl_str_c(key)));
}
static void see_target(void *arg, const char *name, enum sl_target target)
{
        (void)arg, (void)name;
        check(sl_target_name(target) != NULL);
}
static void see_restart(void *arg, const char *name, bool include_tasks, bool only_failed)
{
        (void)arg, (void)name, (void)include_tasks, (void)only_failed;
}
static void see_status(void *arg, const char *name, int64_t task, const struct sl_status *status, bool live)
{
        (void)arg, (void)name, (void)status, (void)live;
        check(task >= -1 && task < SL_TASKS_MAX);
}
static void see_topic(void *arg, const char *name, const char *topic, bool gone)
{
        (void)arg, (void)gone;
        check(sl_utf8_valid(sl_str_c(name)) && sl_utf8_valid(sl_str_c(topic)));
}
static void see_logger(void *arg, const char *logger, const char *level)
{
        (void)arg;
        check(logger && level);
}

static bool line(struct sl_str *rest, struct sl_str *ret)
{
        if (!rest->len)
                return false;
        const char *nl = memchr(rest->ptr, '\n', rest->len);
        size_t n = nl ? (size_t)(nl - rest->ptr) : rest->len;
        *ret = (struct sl_str){rest->ptr, n};
        *rest = (struct sl_str){rest->ptr + n + (nl != NULL), rest->len - n - (nl != NULL)};
        return true;
}

static void place(struct sl_str text)
{
        struct sl_placement first = {0}, second = {0};
        struct sl_buf one = {0}, two = {0};
        if (text.ptr && sl_placement_parse(text, &first, NULL) == SL_OK) {
                sl_placement_dump(&first, &one);
                check(sl_placement_parse((struct sl_str){one.ptr, one.len}, &second, NULL) == SL_OK);
                sl_placement_dump(&second, &two);
                check(sl_placement_same_tasks(&first, &second));
                check(sl_str_eq((struct sl_str){one.ptr, one.len}, (struct sl_str){two.ptr, two.len}));
        }
        sl_placement_free(&first);
        sl_placement_free(&second);
        sl_buf_free(&one);
        sl_buf_free(&two);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc, (void)argv;
        sl_log_set_level(SL_LOG_FATAL);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sl_str rest = {(const char *)data, size}, head, value;
        struct sl_store *st = sl_calloc(1, sizeof(*st));
        struct sl_stored_offsets offsets = {.connector = "c"};
        st->opts = (struct sl_store_opts){.on_config = see_config, .on_target = see_target, .on_restart = see_restart,
                                          .on_status = see_status, .on_topic = see_topic, .on_logger = see_logger, .worker_id = "h:1"};
        st->live = size % 2;
        while (line(&rest, &head) && line(&rest, &value)) {
                struct sl_str key = {head.ptr + (head.len > 0), head.len - (head.len > 0)};
                if (sl_str_eqc(value, "-"))
                        value = SL_STR_NULL;
                switch (head.len ? *head.ptr : 0) {
                case 'c':
                        apply_config(st, key, value, 1);
                        break;
                case 's':
                        apply_status_record(st, key, value, 1);
                        break;
                case 'o':
                        sl_stored_offsets_see(&offsets, key, value);
                        break;
                default:
                        place(value);
                }
        }
        json_decref(sl_stored_offsets_json(&offsets, NULL));
        sl_stored_offsets_free(&offsets);
        sl_store_close(st);
        return 0;
}
