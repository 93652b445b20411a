/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of regular expressions: see regexes.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "connectors/postgres/regexes.h"

static enum sl_rc add(struct sl_pg_regexes *r, const char *expr, size_t len, struct sl_err *err)
{
        int code;
        PCRE2_SIZE at;
        PCRE2_UCHAR why[200];
        pcre2_code *re = pcre2_compile((PCRE2_SPTR)expr, len, PCRE2_CASELESS | PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        if (!re) {
                pcre2_get_error_message(code, why, sizeof(why));
                return sl_fail(err, SL_E_CONFIG, "'%.*s' is not a valid regular expression: %s at character %zu",
                               (int)len, expr, (const char *)why, (size_t)at);
        }
        pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
        r->codes = sl_realloc(r->codes, (r->count + 1) * sizeof(*r->codes));
        r->codes[r->count++] = re;
        return SL_OK;
}

enum sl_rc sl_pg_regexes_open(struct sl_pg_regexes *r, const char *text, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        struct sl_buf item = {0};
        for (const char *p = text; p && rc == SL_OK; p++) {
                if (*p == '\\' && p[1] == ',') {
                        sl_buf_addc(&item, *++p);
                        continue;
                }
                if (*p && *p != ',') {
                        if (item.len || !isspace((unsigned char)*p))
                                sl_buf_addc(&item, *p);
                        continue;
                }
                while (item.len && isspace((unsigned char)item.ptr[item.len - 1]))
                        item.len--;
                if (item.len)
                        rc = add(r, item.ptr, item.len, err);
                sl_buf_clear(&item);
                if (!*p)
                        break;
        }
        sl_buf_free(&item);
        return rc;
}

void sl_pg_regexes_free(struct sl_pg_regexes *r)
{
        for (uint32_t i = 0; i < r->count; i++)
                pcre2_code_free(r->codes[i]);
        free(r->codes);
        *r = (struct sl_pg_regexes){0};
}

enum sl_rc sl_pg_regexes_check(const char *text, struct sl_err *err)
{
        struct sl_pg_regexes r = {0};
        enum sl_rc rc = sl_pg_regexes_open(&r, text, err);
        sl_pg_regexes_free(&r);
        return rc;
}

uint32_t sl_pg_regexes_first(const struct sl_pg_regexes *r, const char *name)
{
        for (uint32_t i = 0; i < r->count; i++) {
                pcre2_match_data *md = pcre2_match_data_create_from_pattern(r->codes[i], NULL);
                size_t len = strlen(name);
                int rc = pcre2_match(r->codes[i], (PCRE2_SPTR)name, len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, md,
                                     NULL);
                pcre2_match_data_free(md);
                if (rc >= 0)
                        return i;
        }
        return r->count;
}

bool sl_pg_regexes_match(const struct sl_pg_regexes *r, const char *name)
{
        return sl_pg_regexes_first(r, name) < r->count;
}

enum sl_rc sl_pg_regexes_table(const char *text, const char *schema, const char *table, bool *ret, struct sl_err *err)
{
        struct sl_pg_regexes r = {0};
        char name[300];
        enum sl_rc rc = sl_pg_regexes_open(&r, text, err);
        snprintf(name, sizeof(name), "%s.%s", schema, table);
        *ret = rc == SL_OK && sl_pg_regexes_match(&r, name);
        sl_pg_regexes_free(&r);
        return rc;
}

bool sl_pg_regex_matches(const char *expr, const char *name, bool caseless)
{
        int code;
        PCRE2_SIZE at;
        void *re = pcre2_compile((PCRE2_SPTR)expr, PCRE2_ZERO_TERMINATED,
                                 (caseless ? PCRE2_CASELESS : 0) | PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        struct sl_pg_regexes one = {.codes = &re, .count = re ? 1 : 0};
        bool hit = sl_pg_regexes_match(&one, name);
        pcre2_code_free(re);
        return hit;
}
