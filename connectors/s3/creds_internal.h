/* SPDX-License-Identifier: Apache-2.0 */
/* What the providers of credentials share. All of it runs in the fetching thread (credentials.c). */
#ifndef SL_S3_CREDS_INTERNAL_H
#define SL_S3_CREDS_INTERNAL_H
#include <stdatomic.h>

#include "base/http.h"
#include "connectors/s3/credentials.h"

/* One fetch of keys. */
struct sl_s3_fetch {
        const struct sl_s3_creds_opts *opts;
        const atomic_bool *stop;
        struct sl_http *http;        /* for STS: through the proxy; made when it is needed */
        struct sl_http *direct;      /* for metadata: short timeouts, never through a proxy */
        struct sl_http_response resp;
        struct sl_buf tried;         /* what was not there, for the message when nothing was */
};
enum sl_s3_found { SL_S3_FOUND, SL_S3_ABSENT, SL_S3_BROKEN }; /* BROKEN: it is configured and failed; err says why */

/* --- credentials.c */
void sl_s3_keys_free(struct sl_s3_keys *k); /* wipes; accepts a zeroed struct */
static inline bool sl_s3_set(const char *s)
{
        return s && *s;
}

/* --- creds_chain.c: *ret is zeroed, and set when found */
enum sl_s3_found sl_s3_fetch_keys(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err);
enum sl_s3_found sl_s3_fetch_environment(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err);
enum sl_s3_found sl_s3_fetch_container(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err);
enum sl_s3_found sl_s3_fetch_instance(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err);
void sl_s3_keys_set(struct sl_s3_keys *k, const char *access, const char *secret, const char *token, const char *origin);

/* --- creds_profile.c */
enum sl_s3_found sl_s3_fetch_profile(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err);
/* A value of an INI file's section; ptr NULL if it isn't there. Points into text. */
struct sl_str sl_s3_ini_get(struct sl_str text, const char *section, const char *key);
/* Does the file have the section? */
bool sl_s3_ini_has(struct sl_str text, const char *section);
/* Split a command line at blanks; quotes and backslashes keep them. Words NUL-terminated one after another in out; their
 * number, -1 when a quote is not closed. */
int sl_s3_split_command(const char *line, struct sl_buf *out);
/* Run a program without a shell and read what it prints. */
enum sl_rc sl_s3_run_program(const struct sl_s3_fetch *f, const char *line, int64_t timeout_ms, struct sl_buf *out,
                             struct sl_err *err);
/* The file's bytes; false (with errno) if it can't be read or is larger than 1 MiB. */
bool sl_s3_read_file(const char *path, struct sl_buf *out);

/* --- creds_remote.c */
/* May credentials be asked for at this URL (AWS_CONTAINER_CREDENTIALS_FULL_URI)? */
bool sl_s3_container_allowed(const char *url);
struct sl_s3_role {
        const char *arn, *session, *external_id, *region;
        int64_t seconds; /* 0 = STS's default */
};
enum sl_rc sl_s3_assume_role(struct sl_s3_fetch *f, const struct sl_s3_role *role, const struct sl_s3_keys *with,
                             struct sl_s3_keys *ret, struct sl_err *err);
enum sl_rc sl_s3_assume_web_identity(struct sl_s3_fetch *f, const struct sl_s3_role *role, const char *token_file,
                                     struct sl_s3_keys *ret, struct sl_err *err);
/* {AccessKeyId, SecretAccessKey, Token or SessionToken, Expiration} as containers, instances and programs give it. */
enum sl_rc sl_s3_keys_of_json(struct sl_str text, const char *from, struct sl_s3_keys *ret, struct sl_err *err);
/* Milliseconds of "2026-11-22T05:00:00Z" (fractions are dropped); 0 if it is none. */
int64_t sl_s3_iso_ms(const char *text);
#endif
