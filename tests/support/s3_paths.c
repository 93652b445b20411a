/* SPDX-License-Identifier: Apache-2.0 */
/* For tests/conformance/s3_paths: answers lines of standard input with what connectors/s3 makes of them, one line for each. Fields are
 * separated by tabs.
 *   P zone locale duration pattern ms   the directory of TimeBasedPartitioner
 *   S zone interval now                 the next scheduled rotation
 *   T text                              the time in a text field, or "-" */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/s3/partition.h"
#include "connectors/s3/timefield.h"

#define FIELDS 6

static int64_t number(const char *s)
{
        return strtoll(s, NULL, 10);
}

static void fail(struct sl_s3_partitioner *p, struct sl_err *err)
{
        printf("! %s\n", err->msg);
        sl_s3_partitioner_free(p);
}

static void path(char **f)
{
        struct sl_s3_cfg cfg = {.partitioner = SL_S3_BY_TIME, .timezone = f[1], .locale = f[2], .duration_ms = number(f[3]),
                                .path_format = f[4], .dir_delim = "/", .extractor = SL_S3_RECORD_FIELD,
                                .timestamp_field = "t"};
        struct sl_value items[2] = {sl_v_str(SL_STR("t")), sl_v_i64(SL_INT64, number(f[5]))};
        struct sl_record rec = {.value = sl_v_items(SL_MAP, items, 1)};
        struct sl_s3_partitioner *p = NULL;
        struct sl_err err = {0};
        struct sl_str text;
        int64_t ms;
        if (sl_s3_partitioner_new(&cfg, NULL, &p, &err) != SL_OK ||
            sl_s3_partition_of(p, &rec, 0, &ms, &text, &err) != SL_OK) {
                fail(p, &err);
                return;
        }
        printf("%.*s\n", SL_FMT(text));
        sl_s3_partitioner_free(p);
}

static void schedule(char **f)
{
        struct sl_s3_cfg cfg = {.timezone = f[1], .rotate_schedule_ms = number(f[2]), .dir_delim = "/"};
        struct sl_s3_partitioner *p = NULL;
        struct sl_err err = {0};
        if (sl_s3_partitioner_new(&cfg, NULL, &p, &err) != SL_OK) {
                fail(p, &err);
                return;
        }
        printf("%" PRId64 "\n", sl_s3_next_schedule(p, number(f[3])));
        sl_s3_partitioner_free(p);
}

static void text(char **f)
{
        struct sl_value v = sl_v_str(sl_str_c(f[1]));
        int64_t ms;
        if (sl_s3_time_read(SL_S3_TIME_TEXT, SL_S3_UNIT_MS, &v, &ms))
                printf("%" PRId64 "\n", ms);
        else
                puts("-");
}

int main(void)
{
        char *line = NULL, *f[FIELDS];
        size_t size = 0;
        for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
                line[n - 1] = 0;
                char *rest = line;
                for (int i = 0; i < FIELDS; i++)
                        f[i] = rest ? strsep(&rest, "\t") : (char *)"";
                if (*f[0] == 'P')
                        path(f);
                else if (*f[0] == 'S')
                        schedule(f);
                else
                        text(f);
        }
        free(line);
        return 0;
}
