/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any text as a Java regular expression, a replacement and a topic, separated by newlines. A refused expression must have
 * a reason; an accepted one must match, or fail, within the topic's bounds and give a name twice the same. Matching has a limit of its
 * own, so that a costly expression is not taken for a hang. */
#include <stdlib.h>

#include "record/record.h"
#include "transforms/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
        if (!fine)
                abort();
}

/* The next line of the input as a string of its own. */
static char *line(const uint8_t **data, const uint8_t *end)
{
        const uint8_t *stop = memchr(*data, '\n', (size_t)(end - *data));
        size_t n = (size_t)((stop ? stop : end) - *data);
        char *text = strndup((const char *)*data, n);
        *data = stop ? stop + 1 : end;
        return text;
}

static void try_topic(struct sl_route *route, struct sl_str topic)
{
        struct sl_str names[2] = {topic, topic};
        struct sl_arena arena;
        sl_arena_init(&arena, 1024);
        for (int i = 0; i < 2; i++) {
                struct sl_err err = {0};
                bool matched;
                if (sl_route_name(route, topic, &arena, &names[i], &matched, &err) != SL_OK)
                        check(err.msg[0] != '\0');
                else
                        check(matched || sl_str_eq(names[i], topic));
        }
        check(sl_str_eq(names[0], names[1]));
        sl_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *end = data + size;
        if (size > 400)
                return 0;
        char *regex = line(&data, end), *replacement = line(&data, end), *topic = line(&data, end);
        struct sl_route route = {0};
        struct sl_buf why = {0};
        bool bad_replacement;
        if (sl_route_open(&route, "fuzz", regex, replacement, &bad_replacement, &why))
                try_topic(&route, sl_str_c(topic));
        else
                check(why.len > sizeof("Invalid regex: ") - 1 || bad_replacement);
        sl_route_close(&route);
        sl_buf_free(&why);
        free(regex);
        free(replacement);
        free(topic);
        return 0;
}
