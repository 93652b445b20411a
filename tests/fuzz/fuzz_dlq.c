/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any headers, key and value as a dead letter: who wrote it, its origin, its chain of exceptions, its class and its group, and
 * what a user's rules say about it. Parts of the input are framed by a length byte: 255 is a null, the first part is a text of rules (empty:
 * none), then the value, then header names and values. Numbers that are told must be none or not negative, and the same letter always gets
 * the same fingerprint. */
#include <stdlib.h>

#include "dlq/internal.h"
#include "dlq/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS 40

static void check(bool fine)
{
        if (!fine)
                abort();
}

/* A length byte, or two when the first is 254. */
static bool part(const uint8_t **p, const uint8_t *end, struct sl_str *ret)
{
        *ret = SL_STR_NULL;
        if (*p == end)
                return false;
        size_t n = *(*p)++;
        if (n == 255)
                return true;
        if (n == 254 && *p < end)
                n = 254 + 8 * (size_t)*(*p)++;
        if (n > (size_t)(end - *p))
                n = (size_t)(end - *p);
        *ret = (struct sl_str){(const char *)*p, n};
        *p += n;
        return true;
}

static void judge(const struct sl_kmsg *m, const struct sl_dlq_rules *rules, uint64_t *ret)
{
        struct sl_arena arena = {0};
        struct sl_dlq_item it;
        struct sl_dlq_link links[SL_DLQ_LINKS_MAX];
        sl_arena_init(&arena, 0);
        sl_dlq_item_read(&it, m, rules, &arena);
        check((unsigned)it.family < SL_DLQ_FAMILY_COUNT && it.code && it.confidence <= 100);
        check(it.origin.partition >= -1 && it.origin.offset >= -1);
        check(it.evidence_count <= SL_DLQ_EVIDENCE_MAX);
        /* What is remembered of all inputs so far says what looking says. */
        static struct sl_dlq_stacks *stacks;
        static struct sl_dlq_messages messages;
        struct sl_dlq_link known[SL_DLQ_LINKS_MAX];
        stacks = stacks ? stacks : sl_dlq_stacks_new();
        uint32_t n = sl_dlq_chain(&it, NULL, links);
        check(n <= SL_DLQ_LINKS_MAX && sl_dlq_chain(&it, stacks, known) == n);
        check(sl_dlq_shape(&it, NULL, links, n) == sl_dlq_shape(&it, &messages, known, n));
        *ret = it.fingerprint;
        sl_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *p = data, *end = data + size;
        struct sl_kheader headers[HEADERS];
        struct sl_kmsg m = {.partition = 3, .offset = 42, .timestamp_ms = 1000, .key = SL_STR("k"), .headers = headers};
        struct sl_dlq_rules *rules = NULL;
        struct sl_str text, out;
        uint64_t first, second;
        char normal[300];
        part(&p, end, &text);
        if (text.len && sl_dlq_rules_parse(text, &rules, NULL) != SL_OK)
                rules = NULL;
        part(&p, end, &m.value);
        while (m.header_count < HEADERS && part(&p, end, &headers[m.header_count].key)) {
                if (!headers[m.header_count].key.ptr)
                        headers[m.header_count].key = SL_STR("");
                part(&p, end, &headers[m.header_count].value);
                m.header_count++;
        }
        judge(&m, rules, &first);
        judge(&m, rules, &second);
        check(first == second);
        if (m.value.ptr)
                check(sl_dlq_normalise(m.value, normal, sizeof(normal)) <= sizeof(normal));
        struct sl_arena arena = {0};
        sl_arena_init(&arena, 0);
        if (m.value.ptr && m.header_count && headers[0].value.ptr)
                sl_dlq_json_at(m.value, sl_arena_printf(&arena, "%.*s", SL_FMT(headers[0].value)), &arena, &out);
        sl_arena_free(&arena);
        sl_dlq_rules_free(rules);
        return 0;
}
