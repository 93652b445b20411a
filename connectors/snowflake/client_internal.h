/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Snowflake client share: the client, one request (a call), and a pipe's status poller. */
#ifndef SL_SNOWFLAKE_CLIENT_INTERNAL_H
#define SL_SNOWFLAKE_CLIENT_INTERNAL_H
#include "base/http.h"
#include "connectors/snowflake/answer.h"
#include "connectors/snowflake/auth.h"
#include "connectors/snowflake/channel.h"
#include "connectors/snowflake/host.h"

#define SL_SF_UUID 37 /* with NUL */

enum sl_sf_target {
        SL_SF_T_ENDPOINT, /* path is a whole URL, header the authorization: the OAuth token request */
        SL_SF_T_CONTROL,  /* the account's host */
        SL_SF_T_INGEST,
};
enum sl_sf_call_state { SL_SF_C_NEW, SL_SF_C_WAITING, SL_SF_C_FLYING };

struct sl_sf_pipe;
/* One try of a request; who made it decides whether there is another. A refused token is replaced once on the way. */
struct sl_sf_call {
        struct sl_sf_call *next, *prev; /* in the client's list of waiting or flying ones */
        const char *method, *what;      /* what: for messages, "open", "append rows to"; static */
        const char *subject;            /* what it is about, for messages; outlives the call */
        enum sl_sf_target target;
        bool bulk;                      /* rows: waits for its turn behind others */
        bool renewed;                   /* a new token was got for it */
        bool sent;                      /* it may have been done */
        struct sl_buf path;             /* with the query, encoded */
        struct sl_buf own_body;
        struct sl_str body;             /* ptr NULL: none. own_body, or bytes that stay where they are */
        struct sl_buf header;           /* one more header line; may hold a secret */
        const char *content_type, *encoding; /* static; NULL = none */
        size_t plain_len;               /* with encoding */
        uint32_t token_generation, host_generation;
        enum sl_sf_call_state state;
        struct sl_http_transfer *transfer;
        struct sl_http_response resp;
        struct sl_sf_answer answer;     /* verdict NO_ANSWER: see err */
        struct sl_err err;
        /* Called by work when it has ended; owns the call from there on. */
        void (*done)(struct sl_sf_call *call, void *arg);
        void *arg;
        struct sl_sf_pipe *pipe; /* status.c's */
};

/* Something that all others wait for: the access token, the ingest host, the scoped token. */
struct sl_sf_fetch {
        struct sl_sf_call *call; /* on its way; NULL = none */
        int64_t not_before_ms;
        int32_t failures;        /* in a row */
        struct sl_err err;       /* of the last one */
};
enum sl_sf_fetch_kind { SL_SF_F_OAUTH, SL_SF_F_HOST, SL_SF_F_SCOPED, SL_SF_F_COUNT };

/* Channels of one pipe share one status call. */
struct sl_sf_pipe {
        struct sl_sf_pipe *next;
        struct sl_buf path; /* /databases/D/schemas/S/pipes/P */
        char *name;
        uint32_t users;
        struct sl_sf_call *call;
        int64_t next_ms;    /* no status call before */
        int64_t last_ms;    /* when the last one ended */
        int32_t failures;
};

struct sl_sf_client {
        struct sl_sf_client_opts opts;
        struct sl_sf_url url;
        struct sl_sf_auth auth;
        struct sl_http *http;
        struct sl_buf ingest;      /* host[:port], "" = not known */
        uint32_t ingest_generation;
        int32_t ingest_failures;   /* in a row, without an answer */
        struct sl_sf_fetch fetch[SL_SF_F_COUNT];
        struct sl_sf_call *waiting, *waiting_last, *flying;
        int32_t bulk_flying;
        struct sl_sf_pipe *pipes;
        struct sl_sf_channel *channels;
        int64_t due_ms;            /* when a channel or a pipe wants to be looked after */
        uint64_t random;
        struct sl_err trouble;
        struct sl_sf_counts counts;
        struct sl_buf url_text, auth_line, length_line, type_line;
};

/* --- client.c */
struct sl_sf_call *sl_sf_call_new(const char *method, const char *what, const char *subject, enum sl_sf_target target);
/* Queue it; done is called by a later work. */
void sl_sf_call_start(struct sl_sf_client *c, struct sl_sf_call *call);
/* Forget it wherever it is, without done. NULL ok. */
void sl_sf_call_cancel(struct sl_sf_client *c, struct sl_sf_call *call);
void sl_sf_call_free(struct sl_sf_call *call);
/* call->err from the answer, if there is none yet. */
void sl_sf_call_explain(struct sl_sf_client *c, struct sl_sf_call *call);
/* The ingest host is no longer the right one: ask again. generation: with what the call was sent. */
void sl_sf_client_forget_host(struct sl_sf_client *c, uint32_t generation);
/* work must look after channels at this time. */
void sl_sf_client_due(struct sl_sf_client *c, int64_t ms);
/* Milliseconds before try number `tries` + 1 (tries from 1), with jitter, at most most_ms. */
int64_t sl_sf_backoff_ms(struct sl_sf_client *c, int32_t tries, int64_t most_ms);
/* A random UUID (RFC 9562, version 4). */
void sl_sf_uuid(char ret[SL_SF_UUID]);
/* Wait until something moves, at most most_ms, and move it. */
enum sl_rc sl_sf_client_step(struct sl_sf_client *c, int64_t most_ms, struct sl_err *err);

/* --- fetch.c: what requests need before they can go */
/* May a request to this target go now? Begins to fetch what is missing or will end soon. False with err: it can't be got just
 * now. */
bool sl_sf_fetch_ready(struct sl_sf_client *c, enum sl_sf_target target, struct sl_err *err);
void sl_sf_fetch_stop(struct sl_sf_client *c);

/* --- status.c */
struct sl_sf_pipe *sl_sf_pipe_get(struct sl_sf_client *c, const char *database, const char *schema, const char *pipe);
void sl_sf_pipe_put(struct sl_sf_client *c, struct sl_sf_pipe *p);
/* Begin the status calls that are due; lowers the client's due time. */
void sl_sf_pipes_work(struct sl_sf_client *c, int64_t now);

/* --- channel.c, what status.c and client.c see of a channel */
struct sl_sf_channel {
        struct sl_sf_channel *next, *prev;
        struct sl_sf_client *client;
        struct sl_sf_pipe *pipe;
        char *name;
        char *server_name; /* as the server wrote it; NULL = name */
        enum sl_sf_channel_state state;
        enum sl_sf_loss loss;
        struct sl_err err;
        struct sl_buf token; /* continuation token, opaque */
        struct sl_sf_call *call;
        struct sl_buf body;
        bool has_body;
        enum sl_sf_encoding encoding;
        size_t plain_len;
        int64_t first, last;      /* of the body */
        int64_t first_ever;       /* offset of the first append, -1 = none yet */
        int64_t committed, accepted;
        struct sl_sf_row_counts rows, baseline;
        struct sl_buf row_error;
        bool opened, forced, dropping;
        int32_t tries;
        int32_t recoveries;       /* losses since an append was accepted */
        int32_t fences;           /* since fenced_since_ms */
        int64_t lost_ms, fenced_since_ms;
        uint32_t opens, losses;
        uint32_t asked;           /* opens when the last status call was sent with its name; 0 = without */
        int64_t due_ms;           /* next step; INT64_MAX = none */
        int64_t sent_ms;          /* the last append */
        int64_t open_since_ms;
        int64_t moved_ms;         /* when committed moved, or rows began to wait for it */
        struct sl_sf_event event;
};
/* It is open as far as we know: READY, SENDING, AMBIGUOUS, BACKPRESSURE. */
bool sl_sf_channel_live(const struct sl_sf_channel *ch);
/* A status of its open session; NULL: the server doesn't know it. */
void sl_sf_channel_status(struct sl_sf_channel *ch, const json_t *status);
void sl_sf_channel_lost(struct sl_sf_channel *ch, enum sl_sf_loss loss, const struct sl_err *why);
/* Do what is due. */
void sl_sf_channel_step(struct sl_sf_channel *ch, int64_t now);
#endif
