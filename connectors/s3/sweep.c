/* SPDX-License-Identifier: Apache-2.0 */
/* The janitor: aborts what crashed predecessors left of multipart uploads, in the background. An upload is a
 * predecessor's when its key is one of a topic-partition that was just assigned to this task, and it was started before:
 * this task has none there yet (none is started until the list is read), and who had the partition before does not own it any more. Were that one only frozen, its
 * next part fails with NoSuchUpload, and so it does with a lifecycle rule: it writes the object again from its records,
 * or finds that the partition is gone. What can't be told apart is another connector that writes the same topic under the
 * same topics.dir and with the same extension: see sluice.s3.abort.orphans.
 *
 * MinIO takes the prefix for a key and lists that key's uploads; without one it lists all of the bucket that were started since its own
 * start (others it removes after a day). So it is asked again without. s3proxy says of each upload that it was started just now. */
#include "connectors/s3/client_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define SKEW_MS 5000
#define JUST_NOW_MS 2000 /* sooner nobody else gets the partition and starts uploads of its own */

struct sweep {
        struct sl_s3_client *client;
        char *prefix, *suffix, **names;
        size_t n;
        int64_t before_ms; /* our clock, then the server's */
        bool corrected;
        bool whole; /* asks without the prefix */
        struct sl_buf key_marker, id_marker;
        int32_t aborted;
};

static void sweep_free(void *arg)
{
        struct sweep *s = arg;
        s->client->sweeping--;
        s->client->next_ms = 0;
        for (size_t i = 0; i < s->n; i++)
                free(s->names[i]);
        free(s->names);
        free(s->prefix);
        free(s->suffix);
        sl_buf_free(&s->key_marker);
        sl_buf_free(&s->id_marker);
        free(s);
}

/* "<prefix><anything><name><digits><suffix>" */
static bool ours(const struct sweep *s, struct sl_str key)
{
        size_t head = strlen(s->prefix), tail = strlen(s->suffix), digits = 0;
        if (key.len < head + tail || memcmp(key.ptr, s->prefix, head) != 0 || memcmp(key.ptr + key.len - tail, s->suffix, tail) != 0)
                return false;
        size_t end = key.len - tail;
        while (digits < end && isdigit((unsigned char)key.ptr[end - digits - 1]))
                digits++;
        end -= digits;
        for (size_t i = 0; digits && i < s->n; i++) {
                size_t n = strlen(s->names[i]);
                if (end >= n && memcmp(key.ptr + end - n, s->names[i], n) == 0)
                        return true;
        }
        return false;
}

static int64_t iso_ms(const char *text)
{
        struct tm tm = {0};
        return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) * 1000 : INT64_MAX;
}

static void ask(struct sweep *s);

/* The next page's markers; false at the end. */
static bool next_page(struct sweep *s, struct sl_str xml)
{
        struct sl_buf truncated = {0};
        sl_buf_clear(&s->key_marker);
        sl_buf_clear(&s->id_marker);
        bool more = sl_s3_xml_text(xml, "IsTruncated", &truncated) && sl_str_eqc((struct sl_str){truncated.ptr, truncated.len}, "true") &&
                    sl_s3_xml_text(xml, "NextKeyMarker", &s->key_marker);
        sl_s3_xml_text(xml, "NextUploadIdMarker", &s->id_marker);
        sl_buf_free(&truncated);
        return more;
}

static void look_through(struct sweep *s, struct sl_str xml)
{
        struct sl_buf key = {0}, id = {0}, when = {0};
        const char *p = xml.ptr, *end = p ? p + xml.len : NULL;
        while (p && p < end && (p = memmem(p, (size_t)(end - p), "<Upload>", 8))) {
                const char *stop = memmem(p, (size_t)(end - p), "</Upload>", 9);
                struct sl_str one = {p, (size_t)((stop ? stop : end) - p)};
                sl_buf_clear(&key), sl_buf_clear(&id), sl_buf_clear(&when);
                if (sl_s3_xml_text(one, "Key", &key) && sl_s3_xml_text(one, "UploadId", &id) &&
                    sl_s3_xml_text(one, "Initiated", &when) && ours(s, (struct sl_str){key.ptr, key.len}) &&
                    iso_ms(sl_buf_cstr(&when)) < s->before_ms + JUST_NOW_MS) {
                        sl_s3_abort_loose(s->client, (struct sl_str){key.ptr, key.len}, (struct sl_str){id.ptr, id.len});
                        s->aborted++;
                }
                p += one.len;
        }
        sl_buf_free(&key);
        sl_buf_free(&id);
        sl_buf_free(&when);
}

static bool is_minio(struct sl_s3_call *call)
{
        struct sl_str server = sl_http_header(&call->resp, "Server");
        return server.len && memmem(server.ptr, server.len, "MinIO", 5);
}

static void listed(struct sl_s3_call *call, void *arg)
{
        struct sweep *s = arg;
        int64_t server_ms;
        s->client->loose--;
        if (call->rc != SL_OK) {
                sl_warn("unfinished uploads of crashed tasks are not looked for (the right s3:ListBucketMultipartUploads "
                        "is needed; a lifecycle rule AbortIncompleteMultipartUpload takes them too): %s",
                        call->err.msg);
        } else {
                /* The server's clock counts for what it says about its uploads; its Date has whole seconds. */
                int64_t skew_ms = 0;
                if (sl_s3_http_date(sl_http_header(&call->resp, "Date"), &server_ms))
                        skew_ms = server_ms - sl_wall_ms();
                if (!s->corrected && (skew_ms > SKEW_MS || skew_ms < -SKEW_MS))
                        s->before_ms += skew_ms;
                s->corrected = true;
                look_through(s, sl_s3_body_of(call));
                bool more = next_page(s, sl_s3_body_of(call)), again = !more && !s->whole && is_minio(call);
                s->whole |= again;
                if (more || again) {
                        sl_s3_call_free(call);
                        ask(s);
                        return;
                }
                if (s->aborted)
                        sl_info("%d unfinished uploads that a crashed task left under %s are aborted", s->aborted, s->prefix);
        }
        sl_s3_call_free(call);
        sweep_free(s);
}

static void ask(struct sweep *s)
{
        struct sl_s3_call *call = sl_s3_call_new(s->client, "GET", SL_STR_NULL, "list the unfinished uploads in");
        struct sl_buf *q = &call->query;
        if (s->key_marker.len) {
                sl_buf_adds(q, "key-marker=");
                sl_sigv4_encode(q, (struct sl_str){s->key_marker.ptr, s->key_marker.len}, false);
                sl_buf_addc(q, '&');
        }
        if (!s->whole) {
                sl_buf_adds(q, "prefix=");
                sl_sigv4_encode(q, sl_str_c(s->prefix), false);
                sl_buf_addc(q, '&');
        }
        if (s->id_marker.len) {
                sl_buf_adds(q, "upload-id-marker=");
                sl_sigv4_encode(q, (struct sl_str){s->id_marker.ptr, s->id_marker.len}, false);
                sl_buf_addc(q, '&');
        }
        sl_buf_adds(q, "uploads=");
        sl_s3_call_start_loose(s->client, call);
        call->done = listed;
        call->drop = sweep_free;
        call->arg = s;
}

void sl_s3_sweep(struct sl_s3_client *c, struct sl_str prefix, const char *const *names, size_t n, const char *suffix)
{
        struct sweep *s = sl_calloc(1, sizeof(*s));
        s->client = c;
        c->sweeping++;
        s->prefix = sl_strndup(prefix.ptr, prefix.len);
        s->suffix = sl_strdup(suffix);
        s->names = sl_calloc(n, sizeof(char *));
        s->n = n;
        s->before_ms = sl_wall_ms();
        for (size_t i = 0; i < n; i++)
                s->names[i] = sl_strdup(names[i]);
        ask(s);
}
