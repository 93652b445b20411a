/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the S3 client share: the client, and a request with its tries. */
#ifndef SL_S3_CLIENT_INTERNAL_H
#define SL_S3_CLIENT_INTERNAL_H
#include "base/http.h"
#include "connectors/s3/client.h"
#include "connectors/s3/credentials.h"
#include "connectors/s3/sigv4.h"

#define SL_S3_XML_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define SL_S3_PARTS_MAX 10000
#define SL_S3_CRC 9  /* base64 of a CRC-32C, with NUL */
#define SL_S3_MD5 25 /* base64 of an MD5, with NUL */

/* How a request ends or goes on after an answer. */
enum sl_s3_verdict { SL_S3_V_DONE, SL_S3_V_RETRY, SL_S3_V_RETRY_NOW, SL_S3_V_SETUP, SL_S3_V_REFUSED };

enum sl_s3_call_flag {
        SL_S3_C_OBJECT = 1,   /* send the headers of new objects */
        SL_S3_C_SSEC = 2,     /* send the customer's key, if there is one */
        SL_S3_C_DATA = 4,     /* the body is an object's bytes: checksums, Expect */
        SL_S3_C_URGENT = 8,   /* does not wait for its turn */
        SL_S3_C_CREATE = 16   /* of a multipart upload: announces the checksums of its parts, waits for sweeps */
};
enum sl_s3_call_state { SL_S3_C_NEW, SL_S3_C_WAITING, SL_S3_C_FLYING, SL_S3_C_ENDED };

/* One request, kept the same over its tries. */
struct sl_s3_call {
        struct sl_s3_call *next, *prev; /* in the client's list of waiting or flying ones */
        const char *method, *what;      /* what: for messages, "write", "complete the upload of"; static */
        const char *content_type;       /* NULL: none; outlives the call */
        struct sl_buf key;              /* len 0: the bucket itself */
        struct sl_buf query;            /* canonical: encoded, sorted */
        struct sl_buf own_body;
        struct sl_str body;    /* ptr NULL: none. Somebody else's, or own_body */
        struct sl_buf headers; /* more of them: "name\0value\0" ... */
        int flags;             /* enum sl_s3_call_flag */
        int32_t attempts, tries;
        int64_t not_before_ms;
        bool fixed_clock, fixed_region, fixed_keys, hashed;
        uint32_t region_gen, keys_gen; /* with what it was sent */
        char hash[SL_SHA256_HEX], crc[SL_S3_CRC], md5[SL_S3_MD5];
        enum sl_s3_call_state state;
        struct sl_http_transfer *transfer;
        struct sl_http_response resp;
        enum sl_rc rc; /* with err: how it ended */
        struct sl_err err;
        struct sl_buf code, message; /* the server's */
        /* Called by work when it has ended; owns the call from there on. NULL: it is freed. */
        void (*done)(struct sl_s3_call *call, void *arg);
        void (*drop)(void *arg); /* called instead when it is cancelled; NULL = nothing */
        void *arg;
};

struct sl_s3_client {
        struct sl_s3_client_opts opts;
        struct sl_s3_creds *creds;
        struct sl_http *http;
        char *region;       /* the config's, or what the server said */
        uint32_t region_gen;
        bool tls;
        struct sl_buf base; /* scheme://host[:port] */
        struct sl_buf host; /* host[:port] as it stands in the Host header */
        bool bucket_in_path;
        char *sse_md5;      /* of the customer's key; NULL = no such key */
        struct sl_buf path, url, auth, headers;
        int64_t skew_ms;    /* server's clock minus ours */
        struct sl_s3_call *waiting, *waiting_last, *flying;
        int32_t in_flight;  /* of those that wait for their turn */
        int32_t parallel, allowed, good; /* allowed: fewer than parallel after SlowDown, grows with good answers */
        int64_t paused_until_ms, next_ms; /* next_ms: when a waiting one may go; INT64_MAX = none */
        int32_t loose;      /* calls that nobody waits for: aborts */
        size_t held, part_size;
        uint64_t random;
        bool keys_pending;
        int32_t sweeping;   /* sweeps that have not read their lists: no upload is started */
};

/* --- endpoint.c */
/* Set base, host, tls and bucket_in_path from opts and region. */
void sl_s3_set_addresses(struct sl_s3_client *c);

/* --- request.c */
struct sl_s3_call *sl_s3_call_new(struct sl_s3_client *c, const char *method, struct sl_str key, const char *what);
void sl_s3_call_free(struct sl_s3_call *call);
/* Add a header (name in lower case). */
void sl_s3_call_header(struct sl_s3_call *call, const char *name, const char *value);
/* Put "uploadId=..." behind the query. */
void sl_s3_call_upload(struct sl_s3_call *call, struct sl_str id);
/* The body is what was put into own_body. */
void sl_s3_call_own(struct sl_s3_call *call);
/* Sign and begin one try. keys NULL: anonymous. */
enum sl_rc sl_s3_send(struct sl_s3_client *c, struct sl_s3_call *call, const struct sl_s3_keys *keys,
                      struct sl_err *err);

/* --- answer.c */
/* The text of the next <tag>, appended to out; *xml moves behind it. */
bool sl_s3_xml_next(struct sl_str *xml, const char *tag, struct sl_buf *out);
/* An HTTP Date header's time. */
bool sl_s3_http_date(struct sl_str date, int64_t *ret_ms);
/* Read code and message of the answer and say what is to be done. May correct the client's clock and region. */
enum sl_s3_verdict sl_s3_judge(struct sl_s3_client *c, struct sl_s3_call *call);
bool sl_s3_code_is(const struct sl_s3_call *call, const char *code);
/* Was it "slow down"? */
bool sl_s3_throttled(const struct sl_s3_call *call);
/* call->err from the answer. */
enum sl_rc sl_s3_fail_answer(const struct sl_s3_client *c, struct sl_s3_call *call, enum sl_s3_verdict v);
static inline struct sl_str sl_s3_body_of(const struct sl_s3_call *call)
{
        return (struct sl_str){call->resp.body.ptr, call->resp.body.len};
}
static inline struct sl_str sl_s3_key_of(const struct sl_s3_call *call)
{
        return (struct sl_str){call->key.ptr, call->key.len};
}

/* --- client.c */
/* Queue it; done is called by a later work. */
void sl_s3_call_start(struct sl_s3_client *c, struct sl_s3_call *call);
/* Forget it wherever it is, without done, and free it. NULL ok. */
void sl_s3_call_cancel(struct sl_s3_client *c, struct sl_s3_call *call);
/* Nobody waits for it: it is freed when it has ended, and the client's end waits for it a moment. */
void sl_s3_call_start_loose(struct sl_s3_client *c, struct sl_s3_call *call);
/* Run it to its end in the caller's thread. The call stays the caller's. */
enum sl_rc sl_s3_call_run(struct sl_s3_client *c, struct sl_s3_call *call, struct sl_err *err);
uint32_t sl_s3_random(struct sl_s3_client *c);

/* --- object.c */
/* Bytes of part number n (from 1): they grow so that 10,000 parts are enough for any object. */
size_t sl_s3_part_bytes(size_t base, int32_t n);
/* Queue the abort of an upload that nobody waits for. */
void sl_s3_abort_loose(struct sl_s3_client *c, struct sl_str key, struct sl_str id);

/* --- crc32c.c: Castagnoli, as in RFC 3720 */
uint32_t sl_s3_crc32c(const void *p, size_t n);
uint32_t sl_s3_crc32c_portable(const void *p, size_t n); /* the same without the instruction */
#endif
