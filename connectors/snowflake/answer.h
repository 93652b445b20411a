/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of Snowflake means: the one classification for streaming, statements and tokens. Reads the shapes that errors
 * have been seen in: {"code", "message"}, {"error_code", ...}, a bare JSON string, a numeric status_code (also with HTTP 200), and
 * OAuth's {"error", "error_description"}. Pure: sends nothing, waits for nothing. */
#ifndef SL_SNOWFLAKE_ANSWER_H
#define SL_SNOWFLAKE_ANSWER_H
#include <jansson.h>
#include "base/err.h"
#include "base/http.h"

enum sl_sf_verdict {
        SL_SF_V_OK,
        SL_SF_V_NO_ANSWER,   /* sent or not, done or not: unknown */
        SL_SF_V_RETRY,       /* the same request after a while; whether it was done is unknown */
        SL_SF_V_BUSY,        /* not done; the same request after a while */
        SL_SF_V_AUTH,        /* a new token, once; then a person has to do something */
        SL_SF_V_STALE,       /* the continuation token is another session's, or was used */
        SL_SF_V_REOPEN,      /* the channel wants to be opened again */
        SL_SF_V_OPENING,     /* two opens race */
        SL_SF_V_UNCOMMITTED, /* rows of the last session are on their way */
        SL_SF_V_GONE,        /* there is no such channel */
        SL_SF_V_MOVED,       /* ask for the host again */
        SL_SF_V_TOO_LARGE,
        SL_SF_V_MISSING,     /* database, schema, table or pipe */
        SL_SF_V_INVALID,     /* the pipe can't take rows */
        SL_SF_V_REFUSED,
};

struct sl_sf_answer {
        enum sl_sf_verdict verdict;
        int status;
        json_t *body; /* NULL: no JSON */
        struct sl_buf code, message; /* the server's, shortened; what looks like a token is blotted out */
        int64_t retry_after_ms;      /* 0 = not said */
};
/* Replaces what a holds (zeroed before the first use). resp->status is not 0. */
void sl_sf_answer_read(struct sl_sf_answer *a, const struct sl_http_response *resp);
void sl_sf_answer_free(struct sl_sf_answer *a); /* accepts a zeroed struct; leaves it zeroed */
/* What a code means by itself (error codes and channel_status_code); SL_SF_V_REFUSED for unknown ones, SL_SF_V_OK for SUCCESS and
 * ACTIVE. */
enum sl_sf_verdict sl_sf_code_verdict(struct sl_str code);
/* Fail with the id that belongs to the verdict; what: "append rows to channel X" and the like. */
enum sl_rc sl_sf_answer_fail(const struct sl_sf_answer *a, const char *host, const char *what, struct sl_err *err);
/* An HTTP Date header's time. */
bool sl_sf_http_date(struct sl_str date, int64_t *ret_ms);
#endif
