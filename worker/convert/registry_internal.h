/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the registry client share: registry_access.c (settings), registry_wire.c (requests and answers),
 * registry_client.c (cache, thread, retries). Not for converters. */
#ifndef SL_CONVERT_REGISTRY_INTERNAL_H
#define SL_CONVERT_REGISTRY_INTERNAL_H
#include "base/http.h"
#include "convert/registry.h"

/* ---- settings: how to reach a registry ---- */
struct sl_raccess {
        struct sl_arena arena;
        uint32_t count;
        const char **bases;  /* "http://host:8081/path": without user and slash at the end, so that it may be shown */
        const char **auths;  /* "Authorization: ..." of each, or NULL */
        const char *hint;    /* added to a 401: what looks forgotten in the settings; NULL = nothing */
        struct sl_http_opts http;
        int32_t max_retries;
        int64_t wait_ms, max_wait_ms;
        struct sl_str same;  /* equal for equal settings; holds secrets */
};
/* SL_E_CONFIG says which key. Reads the files of schema.registry.ssl.*. A failed one must be freed too. */
enum sl_rc sl_raccess_init(struct sl_raccess *a, const struct sl_registry_cfg *cfg, struct sl_err *err);
void sl_raccess_free(struct sl_raccess *a); /* wipes; accepts a zeroed struct */

/* ---- requests and answers ---- */
enum sl_rask { SL_RASK_REGISTER, SL_RASK_LOOKUP, SL_RASK_ID, SL_RASK_VERSION };
struct sl_rquestion {
        enum sl_rask ask;
        int32_t number;       /* ID: the id; VERSION: the version, 0 = latest */
        const char *subject;  /* all but ID */
        bool normalize;       /* REGISTER, LOOKUP */
        enum sl_registry_type type; /* REGISTER, LOOKUP: the schema */
        struct sl_str text;
        const struct sl_registry_ref *refs;
        uint32_t ref_count;
};
/* "/subjects/orders-value/versions?normalize=true" */
void sl_rwire_path(const struct sl_rquestion *q, struct sl_buf *out);
/* The JSON body; appends nothing for the questions without one. */
void sl_rwire_body(const struct sl_rquestion *q, struct sl_buf *out);
/* What the question is after, for messages: `subject "orders-value"`, `schema 7`. */
void sl_rwire_what(const struct sl_rquestion *q, struct sl_buf *out);
/* A HTTP answer's meaning. SL_OK: *ret is a new schema on the heap. *ret_again: the same question may be answered later (408, 429, 5xx).
 * who: the registry's address, for messages. */
enum sl_rc sl_rwire_answer(const struct sl_rquestion *q, const char *who, int status, struct sl_str body,
                           struct sl_registry_schema **ret, bool *ret_again, struct sl_err *err);
/* A schema in one piece on the heap, with copies of text and refs. */
struct sl_registry_schema *sl_rschema_new(int32_t id, int32_t version, enum sl_registry_type type, struct sl_str text,
                                          const struct sl_registry_ref *refs, uint32_t ref_count);
#endif
