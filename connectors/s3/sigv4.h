/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4 in the Authorization header. Pure functions: no clock, no network, no state. */
#ifndef SL_S3_SIGV4_H
#define SL_S3_SIGV4_H
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"

#define SL_SHA256_HEX 65 /* with NUL */
#define SL_AMZ_DATE 17   /* "20130524T000000Z" with NUL */
#define SL_SIGV4_HEADERS_MAX 48

struct sl_sigv4_header {
        const char *name; /* lower case */
        const char *value;
};
struct sl_sigv4_request {
        const char *method;
        struct sl_str path;                    /* percent-encoded once, starts with "/" */
        struct sl_str query;                   /* encoded, sorted by name, "name=" for an empty value; len 0 = none */
        const struct sl_sigv4_header *headers; /* all are signed; must hold host and x-amz-date; any order */
        size_t header_count;
        const char *payload_hash; /* hex, or "UNSIGNED-PAYLOAD" */
};
struct sl_sigv4_keys {
        const char *access, *secret;
};

/* Append the value of the Authorization header. amz_date: the x-amz-date that is among the headers. */
void sl_sigv4_authorization(const struct sl_sigv4_request *req, const struct sl_sigv4_keys *keys, const char *region,
                            const char *service, const char *amz_date, struct sl_buf *out);
void sl_sigv4_sha256(const void *p, size_t n, char out[SL_SHA256_HEX]);
/* Percent-encode all but A-Z a-z 0-9 - _ . ~ (and "/" when keep_slash). */
void sl_sigv4_encode(struct sl_buf *out, struct sl_str text, bool keep_slash);
void sl_sigv4_date(int64_t wall_ms, char out[SL_AMZ_DATE]);
#endif
