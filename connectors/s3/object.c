/* SPDX-License-Identifier: Apache-2.0 */
/* An object in the background: one PUT, or a multipart upload whose parts are on their way while bytes are added.
 *
 * Every object carries a random id in its metadata (x-amz-meta-sluice-write). It answers what a lost answer leaves open:
 * a PUT or Complete that was tried again and finds an object of that name (412), or no upload any more (NoSuchUpload),
 * looks at the object: with our id it was ours. */
#include "connectors/s3/object.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "connectors/s3/client_internal.h"

#define CONTENT_TYPE "binary/octet-stream"
#define WRITE_ID "x-amz-meta-sluice-write"
#define PARTS_A_STEP 1000
#define PART_MAX ((size_t)1 << 30)
#define ABORT_AGAIN_MS 500
#define TAIL_MAX ((size_t)4 << 30)

struct part {
        struct sl_s3_object *object;
        int32_t number;
        struct sl_buf body; /* freed when the server has it */
        char *etag;         /* NULL: the server has it not */
        char crc[SL_S3_CRC];
        struct sl_s3_call *call; /* NULL: not under way */
};

enum step { COLLECTING, UPLOADING, COMPLETING, LOOKING, TAGGING, ENDED };

struct sl_s3_object {
        struct sl_s3_client *client;
        struct sl_buf key, meta, tags; /* meta, tags: "name\0value\0" ... */
        bool if_none_match;
        char *content_type;
        char id[17];
        struct sl_buf tail;  /* not in a part yet */
        struct part **parts; /* empty: no multipart upload so far */
        int32_t count, cap, there, under_way; /* under_way: parts */
        struct sl_buf upload; /* its id; len 0 = not created */
        uint64_t bytes;
        size_t held;
        enum step step;
        bool finished, failed, lost; /* lost: retry has nothing to send again */
        enum sl_s3_state end;        /* when step is ENDED */
        struct sl_s3_call *call;     /* Create, PUT, Complete, HEAD or tags; NULL = none under way */
        struct sl_err err;
};

size_t sl_s3_part_bytes(size_t base, int32_t n)
{
        size_t bytes = base;
        for (int32_t step = (n - 1) / PARTS_A_STEP; step > 0 && bytes < PART_MAX; step--)
                bytes *= 2;
        return bytes > PART_MAX ? PART_MAX : bytes;
}

static struct sl_str str_of(const struct sl_buf *b)
{
        return (struct sl_str){b->ptr, b->len};
}

/* --- memory */

static void hold(struct sl_s3_object *o, const struct sl_buf *b)
{
        o->held += b->cap;
        o->client->held += b->cap;
}

static void unhold(struct sl_s3_object *o, const struct sl_buf *b)
{
        o->held -= b->cap;
        o->client->held -= b->cap;
}

/* No byte may be lost: out of memory ends the process, as everywhere. */
static void must_fit(const struct sl_buf *b)
{
        if (!sl_buf_ok(b))
                abort();
}

static void drop(struct sl_s3_object *o, struct sl_buf *b)
{
        unhold(o, b);
        sl_buf_free(b);
}

/* --- making one */

static void add_pair(struct sl_s3_object *o, const char *name, const char *value)
{
        sl_buf_printf(&o->meta, "x-amz-meta-%s%c", name, 0);
        for (; *value; value++) /* a header holds one line of ASCII */
                sl_buf_addc(&o->meta, (unsigned char)*value < ' ' || (unsigned char)*value > '~' ? '?' : *value);
        sl_buf_addc(&o->meta, '\0');
}

struct sl_s3_object *sl_s3_object_new(struct sl_s3_client *c, struct sl_str key, const struct sl_s3_object_opts *opts)
{
        struct sl_s3_object *o = sl_calloc(1, sizeof(*o));
        o->client = c;
        sl_buf_add_str(&o->key, key);
        o->if_none_match = opts && opts->if_none_match;
        o->content_type = sl_strdup(opts && opts->content_type ? opts->content_type : CONTENT_TYPE);
        snprintf(o->id, sizeof(o->id), "%08" PRIx32 "%08" PRIx32, sl_s3_random(c), sl_s3_random(c));
        for (const struct sl_s3_pair *p = opts ? opts->meta : NULL; p && p->name; p++)
                add_pair(o, p->name, p->value);
        return o;
}

bool sl_s3_object_set_meta(struct sl_s3_object *o, const char *name, const char *value)
{
        struct sl_buf old = o->meta;
        if (o->count || o->step != COLLECTING)
                return false;
        o->meta = (struct sl_buf){0};
        for (const char *p = old.ptr, *end = p ? p + old.len : NULL; p < end;) {
                const char *v = p + strlen(p) + 1, *next = v + strlen(v) + 1;
                if (strcmp(p + strlen("x-amz-meta-"), name) != 0)
                        sl_buf_add(&o->meta, p, (size_t)(next - p));
                p = next;
        }
        sl_buf_free(&old);
        add_pair(o, name, value);
        return true;
}

void sl_s3_object_set_tag(struct sl_s3_object *o, const char *name, const char *value)
{
        sl_buf_add(&o->tags, name, strlen(name) + 1);
        sl_buf_add(&o->tags, value, strlen(value) + 1);
}

/* --- requests */

static void set_failed(struct sl_s3_object *o, const struct sl_err *why)
{
        if (!o->failed) {
                sl_err_clear(&o->err);
                o->err = *why;
        }
        o->failed = true;
}

static void set_lost(struct sl_s3_object *o)
{
        struct sl_err why = {0};
        (void)sl_fail(&why, SL_E_S3_RETRY,
                      "The upload of s3://%s/%.*s is gone on the server (aborted by somebody, or by a lifecycle rule): its "
                      "records are written again",
                      o->client->opts.bucket, SL_FMT(str_of(&o->key)));
        o->failed = false;
        set_failed(o, &why);
        o->lost = true;
        sl_buf_clear(&o->upload);
        for (int32_t i = 0; i < o->count; i++) {
                sl_s3_call_cancel(o->client, o->parts[i]->call);
                o->parts[i]->call = NULL;
        }
        o->under_way = 0;
}

static void set_end(struct sl_s3_object *o, enum sl_s3_state state)
{
        o->step = ENDED;
        o->end = state;
        o->failed = false;
        if (state == SL_S3_EXISTS && o->upload.len)
                sl_s3_abort_loose(o->client, str_of(&o->key), str_of(&o->upload));
        sl_buf_clear(&o->upload);
        drop(o, &o->tail);
        for (int32_t i = 0; i < o->count; i++)
                drop(o, &o->parts[i]->body);
}

static struct sl_s3_call *request(struct sl_s3_object *o, const char *method, const char *what)
{
        struct sl_s3_call *call = sl_s3_call_new(o->client, method, str_of(&o->key), what);
        call->arg = o;
        return call;
}

/* What Create and PUT say about the object. */
static void describe(const struct sl_s3_object *o, struct sl_s3_call *call)
{
        call->content_type = o->content_type;
        call->flags |= SL_S3_C_OBJECT | SL_S3_C_SSEC;
        sl_s3_call_header(call, WRITE_ID, o->id);
        sl_buf_add(&call->headers, o->meta.ptr, o->meta.len);
}

static void start(struct sl_s3_object *o, struct sl_s3_call *call, void (*done)(struct sl_s3_call *, void *))
{
        call->done = done;
        o->call = call;
        sl_s3_call_start(o->client, call);
}

/* --- parts */

static void part_done(struct sl_s3_call *call, void *arg)
{
        struct part *p = arg;
        struct sl_s3_object *o = p->object;
        struct sl_str etag = sl_http_header(&call->resp, "ETag");
        p->call = NULL;
        o->under_way--;
        if (call->rc == SL_OK && SL_FAULT("s3.after_part"))
                call->rc = sl_fail(&call->err, SL_E_S3_RETRY, "fault point s3.after_part");
        if (call->rc == SL_OK && !etag.ptr)
                call->rc = sl_fail(&call->err, SL_E_S3_REFUSED,
                                   "S3 at %s answered a part without an ETag: is store.url an S3 endpoint?",
                                   sl_buf_cstr(&o->client->host));
        if (call->rc == SL_OK) {
                p->etag = sl_strndup(etag.ptr, etag.len);
                memcpy(p->crc, call->crc, sizeof(p->crc));
                drop(o, &p->body);
                o->there++;
        } else if (sl_s3_code_is(call, "NoSuchUpload")) {
                set_lost(o);
        } else {
                set_failed(o, &call->err);
        }
        sl_s3_call_free(call);
}

static void send_part(struct part *p)
{
        struct sl_s3_object *o = p->object;
        struct sl_s3_call *call = request(o, "PUT", "write a part of");
        sl_buf_printf(&call->query, "partNumber=%" PRId32, p->number);
        sl_s3_call_upload(call, str_of(&o->upload));
        call->flags = SL_S3_C_DATA | SL_S3_C_SSEC;
        call->content_type = CONTENT_TYPE;
        call->body = (struct sl_str){p->body.ptr ? p->body.ptr : "", p->body.len};
        call->arg = p;
        call->done = part_done;
        p->call = call;
        o->under_way++;
        sl_s3_call_start(o->client, call);
}

static void send_parts(struct sl_s3_object *o)
{
        for (int32_t i = 0; i < o->count && o->upload.len; i++)
                if (!o->parts[i]->etag && !o->parts[i]->call)
                        send_part(o->parts[i]);
}

static bool take_upload_id(struct sl_s3_call *call, struct sl_buf *id)
{
        return call->rc == SL_OK && sl_s3_xml_text(sl_s3_body_of(call), "UploadId", id) && id->len > 0;
}

static void created(struct sl_s3_call *call, void *arg)
{
        struct sl_s3_object *o = arg;
        o->call = NULL;
        if (call->rc == SL_OK && SL_FAULT("s3.after_create"))
                call->rc = sl_fail(&call->err, SL_E_S3_RETRY, "fault point s3.after_create");
        if (take_upload_id(call, &o->upload)) {
                send_parts(o);
        } else {
                if (call->rc == SL_OK)
                        (void)sl_fail(&call->err, SL_E_S3_REFUSED,
                                      "S3 at %s answered without an upload id: is store.url an S3 endpoint?",
                                      sl_buf_cstr(&o->client->host));
                set_failed(o, &call->err);
        }
        sl_s3_call_free(call);
}

static void create(struct sl_s3_object *o)
{
        struct sl_s3_call *call = request(o, "POST", "start the upload of");
        sl_buf_adds(&call->query, "uploads=");
        call->body = SL_STR("");
        call->flags = SL_S3_C_CREATE;
        describe(o, call);
        start(o, call, created);
}

/* The tail becomes a part. */
static void cut_part(struct sl_s3_object *o)
{
        struct part *p = sl_calloc(1, sizeof(*p));
        p->object = o;
        p->number = o->count + 1;
        p->body = o->tail;
        o->tail = (struct sl_buf){0};
        if (o->count == o->cap) {
                o->cap = o->cap ? o->cap * 2 : 8;
                o->parts = sl_realloc(o->parts, (size_t)o->cap * sizeof(struct part *));
        }
        o->parts[o->count++] = p;
        if (o->failed)
                return; /* retry sends it */
        if (o->upload.len)
                send_part(p);
        else if (!o->call)
                create(o);
}

static void set_too_large(struct sl_s3_object *o)
{
        struct sl_err why = {0};
        (void)sl_fail(&why, SL_E_S3_REFUSED, "Object %.*s needs more than %d parts: raise s3.part.size or lower flush.size",
                      SL_FMT(str_of(&o->key)), SL_S3_PARTS_MAX);
        set_failed(o, &why);
}

/* A full tail is cut when more comes: the last part must not be empty. */
void sl_s3_object_add(struct sl_s3_object *o, struct sl_buf *piece)
{
        assert(o->step == COLLECTING);
        o->bytes += piece->len;
        for (size_t at = 0; at < piece->len;) {
                size_t full = sl_s3_part_bytes(o->client->part_size, o->count + 1), n = piece->len - at;
                if (o->tail.len >= full && o->count < SL_S3_PARTS_MAX - 1) {
                        cut_part(o);
                        continue;
                }
                if (o->tail.len >= full)
                        set_too_large(o);
                else if (n > full - o->tail.len)
                        n = full - o->tail.len;
                unhold(o, &o->tail);
                o->tail.max = full >= o->tail.len + n ? full : TAIL_MAX; /* doubling ends at a part's size */
                sl_buf_add(&o->tail, piece->ptr + at, n);
                must_fit(&o->tail);
                hold(o, &o->tail);
                at += n;
        }
        sl_buf_clear(piece);
}

void sl_s3_object_finish(struct sl_s3_object *o)
{
        o->finished = true;
        o->step = UPLOADING;
        if (o->count && o->tail.len)
                cut_part(o);
}

/* --- the end */

static void complete(struct sl_s3_object *o);

static void tags_done(struct sl_s3_call *call, void *arg)
{
        struct sl_s3_object *o = arg;
        o->call = NULL;
        if (call->rc != SL_OK && o->client->opts.tag_errors_fail) {
                set_failed(o, &call->err);
        } else {
                if (call->rc != SL_OK)
                        sl_warn("the tags of an object could not be set, which is ignored: %s", call->err.msg);
                set_end(o, SL_S3_DONE);
        }
        sl_s3_call_free(call);
}

static void add_xml(struct sl_buf *out, const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *entity = p[i] == '&'   ? "&amp;"
                                     : p[i] == '<' ? "&lt;"
                                     : p[i] == '>' ? "&gt;"
                                     : p[i] == '"' ? "&quot;"
                                                   : NULL;
                if (entity)
                        sl_buf_adds(out, entity);
                else
                        sl_buf_addc(out, p[i]);
        }
}

static void set_tags(struct sl_s3_object *o)
{
        struct sl_s3_call *call = request(o, "PUT", "set the tags of");
        struct sl_buf *b = &call->own_body;
        sl_buf_adds(&call->query, "tagging=");
        sl_buf_adds(b, "<Tagging xmlns=\"" SL_S3_XML_NAMESPACE "\"><TagSet>");
        for (const char *p = o->tags.ptr, *end = p + o->tags.len; p < end;) {
                const char *value = p + strlen(p) + 1;
                sl_buf_adds(b, "<Tag><Key>");
                add_xml(b, p, strlen(p));
                sl_buf_adds(b, "</Key><Value>");
                add_xml(b, value, strlen(value));
                sl_buf_adds(b, "</Value></Tag>");
                p = value + strlen(value) + 1;
        }
        sl_buf_adds(b, "</TagSet></Tagging>");
        sl_s3_call_own(call);
        call->content_type = "application/xml";
        call->flags = SL_S3_C_DATA; /* the server wants a checksum of it */
        o->step = TAGGING;
        start(o, call, tags_done);
}

static void is_there(struct sl_s3_object *o)
{
        sl_buf_clear(&o->upload);
        if (o->count && o->tags.len)
                set_tags(o);
        else
                set_end(o, SL_S3_DONE);
}

/* Is the object that is there ours? Without an id (a server that keeps no metadata) its size decides, but only where
 * it can't be somebody else's. */
static bool ours(const struct sl_s3_object *o, const struct sl_s3_call *head)
{
        struct sl_str id = sl_http_header(&head->resp, WRITE_ID);
        int64_t size;
        bool same = sl_parse_i64(sl_http_header(&head->resp, "Content-Length"), &size) && (uint64_t)size == o->bytes;
        return same && (id.ptr ? sl_str_eqc(id, o->id) : !o->if_none_match);
}

static void looked(struct sl_s3_call *call, void *arg)
{
        struct sl_s3_object *o = arg;
        bool gone = o->count && !o->upload.len; /* asked after NoSuchUpload; else after 412 */
        o->call = NULL;
        if (call->rc == SL_OK && ours(o, call)) {
                is_there(o);
        } else if (call->rc == SL_OK || call->resp.status == 403) {
                if (o->if_none_match && !(gone && call->resp.status == 403))
                        set_end(o, SL_S3_EXISTS);
                else
                        set_lost(o);
        } else if (call->resp.status == 404) {
                if (gone)
                        set_lost(o);
                else
                        complete(o); /* it was there and isn't any more */
        } else {
                set_failed(o, &call->err);
        }
        sl_s3_call_free(call);
}

static void look(struct sl_s3_object *o)
{
        struct sl_s3_call *call = request(o, "HEAD", "look at");
        call->flags = SL_S3_C_SSEC;
        o->step = LOOKING;
        start(o, call, looked);
}

/* S3 names the ETag of what it has stored. Who answers 200 without it, a proxy or a page in front of the network, has stored nothing. */
static void check_stored(const struct sl_s3_object *o, struct sl_s3_call *call)
{
        struct sl_str body = sl_s3_body_of(call);
        bool told = o->count ? memmem(body.ptr, body.len, "<ETag>", 6) : sl_http_header(&call->resp, "ETag").ptr;
        if (call->rc == SL_OK && !told)
                call->rc = sl_fail(&call->err, SL_E_S3_SETUP,
                                   "S3 at %s answered %d without an ETag when it was to %s s3://%s/%.*s: is store.url an S3 endpoint?",
                                   sl_buf_cstr(&o->client->host), call->resp.status, call->what, o->client->opts.bucket,
                                   SL_FMT(sl_s3_key_of(call)));
}

static void completed(struct sl_s3_call *call, void *arg)
{
        struct sl_s3_object *o = arg;
        o->call = NULL;
        check_stored(o, call);
        if (call->rc == SL_OK && SL_FAULT("s3.after_complete"))
                call->rc = sl_fail(&call->err, SL_E_S3_RETRY, "fault point s3.after_complete");
        if (call->rc == SL_OK) {
                is_there(o);
        } else if (o->count && call->err.native == 404 && !sl_s3_code_is(call, "NoSuchBucket")) {
                /* NoSuchUpload, with some servers NoSuchKey: aborted by somebody, or done by a try whose answer was lost. That try may have been libcurl's own (it
                 * repeats a request when a kept connection turns out to be dead), so the number of tries says nothing. */
                sl_buf_clear(&o->upload);
                look(o);
        } else if (sl_s3_code_is(call, "PreconditionFailed") || call->err.native == 412) {
                look(o);
        } else {
                set_failed(o, &call->err);
        }
        sl_s3_call_free(call);
}

static void add_part_xml(struct sl_buf *b, const struct part *p)
{
        sl_buf_printf(b, "<Part><PartNumber>%" PRId32 "</PartNumber><ETag>", p->number);
        add_xml(b, p->etag, strlen(p->etag));
        sl_buf_adds(b, "</ETag>");
        if (*p->crc)
                sl_buf_printf(b, "<ChecksumCRC32C>%s</ChecksumCRC32C>", p->crc);
        sl_buf_adds(b, "</Part>");
}

static struct sl_s3_call *complete_upload(struct sl_s3_object *o)
{
        struct sl_s3_call *call = request(o, "POST", "complete the upload of");
        struct sl_buf *b = &call->own_body;
        sl_s3_call_upload(call, str_of(&o->upload));
        sl_buf_adds(b, "<CompleteMultipartUpload xmlns=\"" SL_S3_XML_NAMESPACE "\">");
        for (int32_t i = 0; i < o->count; i++)
                add_part_xml(b, o->parts[i]);
        sl_buf_adds(b, "</CompleteMultipartUpload>");
        sl_s3_call_own(call);
        call->content_type = "application/xml";
        call->flags = o->client->tls && o->client->opts.crc32c ? SL_S3_C_SSEC : 0;
        return call;
}

static void add_tagging(const struct sl_s3_object *o, struct sl_s3_call *call)
{
        struct sl_buf text = {0};
        for (const char *p = o->tags.ptr, *end = p ? p + o->tags.len : NULL; p < end;) {
                const char *value = p + strlen(p) + 1;
                sl_buf_adds(&text, text.len ? "&" : "");
                sl_sigv4_encode(&text, sl_str_c(p), false);
                sl_buf_addc(&text, '=');
                sl_sigv4_encode(&text, sl_str_c(value), false);
                p = value + strlen(value) + 1;
        }
        if (text.len)
                sl_s3_call_header(call, "x-amz-tagging", sl_buf_cstr(&text));
        sl_buf_free(&text);
}

static struct sl_s3_call *put_object(struct sl_s3_object *o)
{
        struct sl_s3_call *call = request(o, "PUT", "write");
        call->body = (struct sl_str){o->tail.ptr ? o->tail.ptr : "", o->tail.len};
        call->flags = SL_S3_C_DATA;
        describe(o, call);
        add_tagging(o, call);
        return call;
}

static void complete(struct sl_s3_object *o)
{
        struct sl_s3_call *call = o->count ? complete_upload(o) : put_object(o);
        if (o->if_none_match)
                sl_s3_call_header(call, "if-none-match", "*");
        o->step = COMPLETING;
        start(o, call, completed);
}

void sl_s3_object_complete(struct sl_s3_object *o)
{
        assert(sl_s3_object_state(o, NULL) == SL_S3_READY);
        complete(o);
}

enum sl_s3_state sl_s3_object_state(const struct sl_s3_object *o, struct sl_err *why)
{
        if (o->failed && !o->under_way) { /* parts that still have tries get them first */
                if (why && why->rc == SL_OK)
                        *why = o->err;
                return SL_S3_FAILED;
        }
        switch (o->step) {
        case COLLECTING:
                return SL_S3_OPEN;
        case UPLOADING:
                return o->there == o->count && !o->failed ? SL_S3_READY : SL_S3_BUSY;
        case ENDED:
                return o->end;
        case COMPLETING:
        case LOOKING:
        case TAGGING:
                break;
        }
        return SL_S3_BUSY;
}

bool sl_s3_object_retry(struct sl_s3_object *o)
{
        if (!o->failed)
                return true;
        if (o->lost && o->there)
                return false;
        o->failed = o->lost = false;
        sl_err_clear(&o->err);
        if (o->step == COLLECTING || o->step == UPLOADING || (o->count && o->there < o->count)) {
                o->step = o->finished ? UPLOADING : COLLECTING;
                if (o->count && !o->upload.len)
                        create(o);
                send_parts(o);
        } else if (o->step == TAGGING) {
                set_tags(o);
        } else if (o->step == LOOKING) {
                look(o);
        } else {
                complete(o);
        }
        return true;
}

uint64_t sl_s3_object_bytes(const struct sl_s3_object *o)
{
        return o->bytes;
}

size_t sl_s3_object_tail(const struct sl_s3_object *o)
{
        return o->tail.cap;
}

size_t sl_s3_object_held(const struct sl_s3_object *o)
{
        return o->held;
}

/* --- giving up */

static void abort_in(struct sl_s3_client *c, struct sl_str key, struct sl_str id, int64_t ms)
{
        struct sl_s3_call *call = sl_s3_call_new(c, "DELETE", key, "abort the upload of");
        sl_s3_call_upload(call, id);
        call->not_before_ms = sl_mono_ms() + ms;
        sl_s3_call_start_loose(c, call);
}

void sl_s3_abort_loose(struct sl_s3_client *c, struct sl_str key, struct sl_str id)
{
        abort_in(c, key, id, 0);
}

/* The answer to a Create whose object is gone. */
static void created_in_vain(struct sl_s3_call *call, void *arg)
{
        struct sl_s3_client *c = arg;
        struct sl_buf id = {0};
        c->loose--;
        if (take_upload_id(call, &id))
                sl_s3_abort_loose(c, sl_s3_key_of(call), str_of(&id));
        sl_buf_free(&id);
        sl_s3_call_free(call);
}

void sl_s3_object_free(struct sl_s3_object *o)
{
        if (!o)
                return;
        struct sl_s3_client *c = o->client;
        bool broken_off = false;
        for (int32_t i = 0; i < o->count; i++) {
                struct part *p = o->parts[i];
                broken_off |= p->call && p->call->state == SL_S3_C_FLYING;
                sl_s3_call_cancel(c, p->call);
                unhold(o, &p->body);
                sl_buf_free(&p->body);
                free(p->etag);
                free(p);
        }
        if (o->call && o->call->done == created && o->call->state == SL_S3_C_FLYING) {
                o->call->content_type = NULL;
                o->call->done = created_in_vain;
                o->call->arg = c;
                c->loose++;
        } else {
                sl_s3_call_cancel(c, o->call);
        }
        if (o->upload.len)
                sl_s3_abort_loose(c, str_of(&o->key), str_of(&o->upload));
        /* A part that the server was still taking may be kept although the upload is gone: once more, when it is over. */
        if (o->upload.len && broken_off)
                abort_in(c, str_of(&o->key), str_of(&o->upload), ABORT_AGAIN_MS);
        unhold(o, &o->tail);
        sl_buf_free(&o->tail);
        free(o->parts);
        free(o->content_type);
        sl_buf_free(&o->key);
        sl_buf_free(&o->meta);
        sl_buf_free(&o->tags);
        sl_buf_free(&o->upload);
        free(o);
}
