/* SPDX-License-Identifier: Apache-2.0 */
/* See plan.h for the form. */
#include "connectors/s3/plan.h"

#include <inttypes.h>
#include <stdlib.h>

#define MARK "sluice-s3/"
#define VERSION MARK "1 "

void sl_s3_plan_start(struct sl_buf *out, int64_t from)
{
        sl_buf_printf(out, VERSION "%" PRId64, from);
}

bool sl_s3_plan_add(struct sl_buf *out, int64_t from, const struct sl_s3_planned *cut, size_t max)
{
        size_t start = out->len;
        sl_buf_printf(out, " %" PRId64 ":%016" PRIx64, cut->end - from, cut->id);
        for (uint32_t i = 0; i < cut->run_count; i++)
                sl_buf_printf(out, "%c%" PRId64 "=%" PRId64, i ? ',' : '@', cut->runs[i].offset - from,
                              cut->runs[i].wall_ms);
        if (out->len <= max)
                return true;
        out->len = start;
        return false;
}

/* A number up to one of the characters of ends; *at moves behind it and that character is returned in *ret_end ('\0' at
 * the end of the text, where *at stays). */
static bool take(const char **at, const char *ends, int base, uint64_t *ret, char *ret_end)
{
        char *end;
        bool digit = (**at >= '0' && **at <= '9') || (base == 16 && **at >= 'a' && **at <= 'f');
        if (!digit)
                return false;
        *ret = strtoull(*at, &end, base);
        *ret_end = *end;
        *at = *end ? end + 1 : end;
        return !*ret_end || strchr(ends, *ret_end);
}

static bool read_cut(const char **at, int64_t from, struct sl_s3_planned *cut, char *ret_end)
{
        uint64_t n, ms;
        char end;
        if (!take(at, ":", 10, &n, &end) || end != ':' || n > INT64_MAX / 2 || !take(at, "@ ", 16, &cut->id, &end))
                return false;
        cut->end = from + (int64_t)n;
        while (end == '@' || end == ',') {
                if (cut->run_count == SL_S3_RUNS_MAX || !take(at, "=", 10, &n, &end) || end != '=' ||
                    !take(at, ", ", 10, &ms, &end))
                        return false;
                cut->runs[cut->run_count++] = (struct sl_s3_run){from + (int64_t)n, (int64_t)ms};
        }
        *ret_end = end;
        return true;
}

static bool read_cuts(const char *at, struct sl_s3_plan *plan)
{
        uint64_t n;
        char end;
        if (!take(&at, " ", 10, &n, &end) || n > INT64_MAX / 2)
                return false;
        int64_t from = plan->from = (int64_t)n;
        while (end == ' ') {
                plan->cuts = sl_realloc(plan->cuts, (plan->count + 1) * sizeof(*plan->cuts));
                struct sl_s3_planned *cut = &plan->cuts[plan->count];
                *cut = (struct sl_s3_planned){0};
                if (!read_cut(&at, from, cut, &end))
                        return false;
                from = cut->end;
                plan->count++;
        }
        return true;
}

enum sl_rc sl_s3_plan_read(const char *metadata, int64_t offset, struct sl_s3_plan *ret, struct sl_err *err)
{
        *ret = (struct sl_s3_plan){0};
        if (!metadata || strncmp(metadata, MARK, sizeof(MARK) - 1) != 0)
                return SL_OK;
        if (strncmp(metadata, VERSION, sizeof(VERSION) - 1) != 0 ||
            !read_cuts(metadata + sizeof(VERSION) - 1, ret)) {
                sl_s3_plan_free(ret);
                return sl_fail(err, SL_E_CONFIG,
                               "The committed offset %" PRId64 " carries a plan of files that this version can't read "
                               "(\"%.60s\"): start the version of Sluice that wrote it, or set the group's offset again "
                               "without metadata, which may write the records behind it twice",
                               offset, metadata);
        }
        uint32_t done = 0;
        while (done < ret->count && ret->cuts[done].end <= offset)
                done++;
        if (offset < ret->from) /* somebody set the offset back: the plan is of another life */
                done = ret->count;
        ret->count -= done;
        if (ret->count)
                memmove(ret->cuts, ret->cuts + done, ret->count * sizeof(*ret->cuts));
        return SL_OK;
}

void sl_s3_plan_free(struct sl_s3_plan *plan)
{
        free(plan->cuts);
        *plan = (struct sl_s3_plan){0};
}

int64_t sl_s3_planned_wall(const struct sl_s3_planned *cut, int64_t offset, int64_t otherwise)
{
        for (uint32_t i = cut->run_count; i-- > 0;)
                if (cut->runs[i].offset <= offset)
                        return cut->runs[i].wall_ms;
        return otherwise;
}
