/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any status and body as a registry's answer to each kind of question. An accepted schema must keep its promises, a refused
 * one must leave nothing behind and have a class and a message. First byte: the question, second: the status; the rest is the body. */
#include <stdlib.h>

#include "convert/registry_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
        if (!fine)
                abort();
}

static void check_schema(const struct sl_registry_schema *s)
{
        check(s->id >= 0 && s->version >= 0 && (unsigned)s->type <= SL_REGISTRY_PROTOBUF);
        check(s->text.ptr && s->text.ptr[s->text.len] == '\0');
        for (uint32_t i = 0; i < s->ref_count; i++)
                check(strlen(s->refs[i].name) + strlen(s->refs[i].subject) < SIZE_MAX && s->refs[i].version > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int statuses[] = {200, 204, 302, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503};
        static const struct sl_registry_ref refs[] = {{"a", "b", 1}};
        const struct sl_rquestion questions[] = {
                {.ask = SL_RASK_REGISTER, .subject = "s", .text = SL_STR("x"), .refs = refs, .ref_count = 1},
                {.ask = SL_RASK_LOOKUP, .subject = "s", .text = SL_STR("x")},
                {.ask = SL_RASK_ID, .number = 7},
                {.ask = SL_RASK_VERSION, .subject = "s", .number = 3},
                {.ask = SL_RASK_VERSION, .subject = "s"},
        };
        if (size < 2)
                return 0;
        const struct sl_rquestion *q = &questions[data[0] % (sizeof(questions) / sizeof(*questions))];
        int status = data[1] & 0x80 ? 200 : statuses[data[1] % (sizeof(statuses) / sizeof(*statuses))];
        struct sl_registry_schema *schema = NULL;
        struct sl_err err = {0};
        bool again;
        enum sl_rc rc = sl_rwire_answer(q, "http://r", status, (struct sl_str){(const char *)data + 2, size - 2}, &schema, &again, &err);
        if (rc == SL_OK) {
                check_schema(schema);
        } else {
                check(!schema && err.rc == rc && err.native == status && *err.msg && strlen(err.msg) < sizeof(err.msg));
                check(sl_utf8_valid(sl_str_c(err.msg)) || !sl_utf8_valid((struct sl_str){(const char *)data + 2, size - 2}) ||
                      strlen(err.msg) + 1 == sizeof(err.msg));
        }
        free(schema);
        return 0;
}
