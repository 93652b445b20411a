/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 client of a task: a queue of requests, of which a bounded number is on its way. A request is tried again with
 * exponential backoff and full jitter; clock, region and keys are put right when the server says they are wrong, each
 * once a request. When a server says "slow down", the whole client pauses and goes on with half of the requests beside
 * each other, which grow again with good answers: a task with a thousand open files does not hammer. Never blocks but
 * in sl_s3_call_run and in sl_s3_client_free. Does not know what requests mean (calls.c, object.c, sweep.c). */
#include "connectors/s3/client_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"

#define BACKOFF_CAP_MS 20000
#define PARALLEL 4
#define PART_SIZE ((size_t)25 << 20)
#define STALL_MS 60000
#define REQUEST_MS 3600000
#define TICK_MS 80
#define GOODBYE_MS 3000

/* The MD5 of the customer's key goes with it; a key that is not base64 is refused by the config's check. */
static char *md5_of_key(const char *key)
{
        uint8_t raw[256], md5[16];
        size_t n = key ? strlen(key) : 0;
        int64_t len = n && n < sizeof(raw) ? sl_base64_decode(key, n, raw) : -1;
        if (len <= 0 || !EVP_Digest(raw, (size_t)len, md5, NULL, EVP_md5(), NULL))
                return NULL;
        OPENSSL_cleanse(raw, sizeof(raw));
        struct sl_buf text = {0};
        sl_buf_add_base64(&text, md5, sizeof(md5));
        sl_buf_cstr(&text);
        return text.ptr;
}

enum sl_rc sl_s3_client_new(const struct sl_s3_client_opts *opts, struct sl_s3_client **ret, struct sl_err *err)
{
        if (opts->sse_customer_key && *opts->sse_customer_key && !opts->endpoint && opts->accelerate && opts->fips)
                return sl_fail(err, SL_E_CONFIG, "There are no FIPS endpoints with transfer acceleration");
        struct sl_s3_client *c = sl_calloc(1, sizeof(*c));
        c->opts = *opts;
        c->region = sl_strdup(opts->region);
        c->random = ((uint64_t)sl_mono_us() * 0x9E3779B97F4A7C15u ^ (uintptr_t)c) | 1;
        c->parallel = c->allowed = opts->parallel > 0 ? opts->parallel : PARALLEL;
        c->part_size = opts->part_size ?: PART_SIZE;
        c->next_ms = INT64_MAX;
        c->sse_md5 = md5_of_key(opts->sse_customer_key);
        c->http = sl_http_new(&(struct sl_http_opts){.proxy = opts->proxy,
                                                     .proxy_user = opts->proxy_user,
                                                     .proxy_password = opts->proxy_password,
                                                     .ca_file = opts->ca_file,
                                                     .timeout_ms = REQUEST_MS,
                                                     .stall_ms = STALL_MS});
        c->creds = sl_s3_creds_new(&opts->creds);
        sl_s3_set_addresses(c);
        *ret = c;
        return SL_OK;
}

size_t sl_s3_client_held(const struct sl_s3_client *c)
{
        return c->held;
}

uint32_t sl_s3_random(struct sl_s3_client *c)
{
        c->random ^= c->random << 13;
        c->random ^= c->random >> 7;
        c->random ^= c->random << 17;
        return (uint32_t)(c->random >> 32);
}

int64_t sl_s3_backoff_ms(int64_t base_ms, int32_t attempt, uint32_t random)
{
        int64_t ceiling = base_ms > 0 ? base_ms : 0;
        for (int32_t i = 1; i < attempt && ceiling < BACKOFF_CAP_MS; i++)
                ceiling *= 2;
        if (ceiling > BACKOFF_CAP_MS)
                ceiling = BACKOFF_CAP_MS;
        return (int64_t)((uint64_t)random * (uint64_t)(ceiling + 1) >> 32);
}

/* --- lists */

static void unlink_call(struct sl_s3_client *c, struct sl_s3_call *call)
{
        struct sl_s3_call **first = call->state == SL_S3_C_FLYING ? &c->flying : &c->waiting;
        if (call->state == SL_S3_C_WAITING && c->waiting_last == call)
                c->waiting_last = call->prev;
        if (call->state == SL_S3_C_FLYING && !(call->flags & SL_S3_C_URGENT))
                c->in_flight--;
        if (call->prev)
                call->prev->next = call->next;
        else
                *first = call->next;
        if (call->next)
                call->next->prev = call->prev;
        call->next = call->prev = NULL;
}

/* Urgent ones stand before all others. */
static void enqueue(struct sl_s3_client *c, struct sl_s3_call *call)
{
        call->state = SL_S3_C_WAITING;
        if (call->flags & SL_S3_C_URGENT) {
                call->prev = NULL;
                call->next = c->waiting;
                if (c->waiting)
                        c->waiting->prev = call;
                else
                        c->waiting_last = call;
                c->waiting = call;
                return;
        }
        call->next = NULL;
        call->prev = c->waiting_last;
        if (c->waiting_last)
                c->waiting_last->next = call;
        else
                c->waiting = call;
        c->waiting_last = call;
}

static void fly(struct sl_s3_client *c, struct sl_s3_call *call)
{
        call->state = SL_S3_C_FLYING;
        call->prev = NULL;
        call->next = c->flying;
        if (c->flying)
                c->flying->prev = call;
        c->flying = call;
        if (!(call->flags & SL_S3_C_URGENT))
                c->in_flight++;
}

void sl_s3_call_start(struct sl_s3_client *c, struct sl_s3_call *call)
{
        enqueue(c, call);
        c->next_ms = 0;
}

static void loose_done(struct sl_s3_call *call, void *arg)
{
        struct sl_s3_client *c = arg;
        c->loose--;
        sl_s3_call_free(call);
}

void sl_s3_call_start_loose(struct sl_s3_client *c, struct sl_s3_call *call)
{
        c->loose++;
        call->done = loose_done;
        call->arg = c;
        sl_s3_call_start(c, call);
}

static void drop_transfer(struct sl_s3_call *call)
{
        sl_http_transfer_free(call->transfer);
        call->transfer = NULL;
}

void sl_s3_call_cancel(struct sl_s3_client *c, struct sl_s3_call *call)
{
        if (!call)
                return;
        if (call->state == SL_S3_C_WAITING || call->state == SL_S3_C_FLYING)
                unlink_call(c, call);
        drop_transfer(call);
        if (call->drop)
                call->drop(call->arg);
        sl_s3_call_free(call);
}

/* --- how a try ends */

static void end(struct sl_s3_client *c, struct sl_s3_call *call, enum sl_rc rc)
{
        if (call->state == SL_S3_C_WAITING || call->state == SL_S3_C_FLYING)
                unlink_call(c, call);
        drop_transfer(call);
        call->state = SL_S3_C_ENDED;
        call->rc = rc;
        if (call->done)
                call->done(call, call->arg);
}

/* Once more, after a while. */
static void put_off(struct sl_s3_client *c, struct sl_s3_call *call)
{
        int64_t wait = sl_s3_backoff_ms(c->opts.backoff_ms, call->tries, sl_s3_random(c)), seconds;
        struct sl_str said = call->resp.status ? sl_http_header(&call->resp, "Retry-After") : SL_STR_NULL;
        if (said.ptr && sl_parse_i64(said, &seconds) && seconds > 0 && seconds * 1000 > wait)
                wait = seconds > BACKOFF_CAP_MS / 1000 ? BACKOFF_CAP_MS : seconds * 1000;
        call->not_before_ms = sl_mono_ms() + wait;
        if (call->resp.status && sl_s3_throttled(call)) {
                c->allowed = c->allowed > 1 ? c->allowed / 2 : 1;
                c->good = 0;
                if (call->not_before_ms > c->paused_until_ms)
                        c->paused_until_ms = call->not_before_ms;
        }
        unlink_call(c, call);
        drop_transfer(call);
        sl_s3_call_start(c, call);
}

static void no_answer(struct sl_s3_client *c, struct sl_s3_call *call, const struct sl_err *why)
{
        if (why->id != SL_E_HTTP_UNREACHABLE) {
                call->err = *why;
                end(c, call, why->rc);
        } else if (call->tries < call->attempts) {
                put_off(c, call);
        } else {
                end(c, call,
                    sl_fail(&call->err, SL_E_S3_RETRY, "S3 could not %s s3://%s/%.*s, tried %d times: %s", call->what,
                            c->opts.bucket, SL_FMT(sl_s3_key_of(call)), call->tries, why->msg));
        }
}

static void answered(struct sl_s3_client *c, struct sl_s3_call *call)
{
        enum sl_s3_verdict v = sl_s3_judge(c, call);
        if (v == SL_S3_V_DONE) {
                if (c->allowed < c->parallel && ++c->good >= c->allowed * 4) {
                        c->allowed++;
                        c->good = 0;
                }
                end(c, call, SL_OK);
        } else if (v == SL_S3_V_RETRY_NOW) {
                call->tries--; /* each kind happens once a request */
                unlink_call(c, call);
                drop_transfer(call);
                sl_s3_call_start(c, call);
        } else if (v == SL_S3_V_RETRY && call->tries < call->attempts) {
                put_off(c, call);
        } else {
                if (v == SL_S3_V_RETRY && sl_s3_throttled(call))
                        c->allowed = c->allowed > 1 ? c->allowed / 2 : 1;
                end(c, call, sl_s3_fail_answer(c, call, v));
        }
}

/* Look after what is on its way. Callbacks may cancel any call, so the list is looked at from its start again. */
static void land(struct sl_s3_client *c)
{
        for (struct sl_s3_call *call = c->flying; call;) {
                struct sl_err why = {0};
                enum sl_rc rc;
                if (!sl_http_ended(call->transfer, &rc, &why)) {
                        call = call->next;
                        continue;
                }
                call->tries++;
                if (rc == SL_OK)
                        answered(c, call);
                else
                        no_answer(c, call, &why);
                call = c->flying;
        }
}

static void fail_waiting(struct sl_s3_client *c, const struct sl_err *why)
{
        while (c->waiting) {
                struct sl_s3_call *call = c->waiting;
                call->err = *why;
                end(c, call, why->rc);
        }
}

/* Send what may go. */
static void pump(struct sl_s3_client *c)
{
        const struct sl_s3_keys *keys = NULL;
        struct sl_err why = {0};
        int64_t now = sl_mono_ms();
        if (now < c->next_ms && !c->keys_pending)
                return;
        c->next_ms = INT64_MAX;
        c->keys_pending = false;
        if (!c->waiting)
                return;
        enum sl_s3_creds_state state = sl_s3_creds_get(c->creds, &keys, &why);
        c->keys_pending = state == SL_S3_CREDS_PENDING; /* a descriptor says when */
        if (state == SL_S3_CREDS_FAILED)
                fail_waiting(c, &why);
        if (state == SL_S3_CREDS_PENDING || state == SL_S3_CREDS_FAILED)
                return;
        for (struct sl_s3_call *call = c->waiting, *next; call; call = next) {
                next = call->next;
                bool urgent = call->flags & SL_S3_C_URGENT;
                if (!urgent && c->in_flight >= c->allowed)
                        break; /* an answer makes room */
                if (c->sweeping && (call->flags & SL_S3_C_CREATE))
                        continue;
                int64_t due = !urgent && c->paused_until_ms > call->not_before_ms ? c->paused_until_ms
                                                                                  : call->not_before_ms;
                if (due > now) {
                        c->next_ms = due < c->next_ms ? due : c->next_ms;
                        if (!urgent && due == c->paused_until_ms)
                                break;
                        continue;
                }
                unlink_call(c, call);
                struct sl_err failed = {0};
                enum sl_rc rc = sl_s3_send(c, call, keys, &failed);
                call->state = SL_S3_C_NEW;
                if (rc == SL_OK) {
                        fly(c, call);
                } else {
                        call->err = failed;
                        end(c, call, rc);
                        next = c->waiting; /* its callback may have changed the list */
                }
        }
}

enum sl_rc sl_s3_client_work(struct sl_s3_client *c, struct sl_err *err)
{
        bool sent;
        do {
                SL_TRY(sl_http_work(c->http, err));
                int32_t before = c->in_flight;
                land(c);
                if (c->in_flight < before)
                        c->next_ms = 0; /* there is room */
                struct sl_s3_call *first = c->flying;
                pump(c);
                sent = c->flying != first; /* curl begins with it at once */
        } while (sent);
        return SL_OK;
}

static int64_t deadline_of(const struct sl_s3_client *c)
{
        int64_t ms = sl_http_deadline_ms(c->http), next = c->waiting ? c->next_ms : INT64_MAX;
        return ms >= 0 && ms < next ? ms : next;
}

void sl_s3_client_wait(struct sl_s3_client *c, struct sl_wait *w)
{
        int64_t deadline = deadline_of(c);
        sl_wait_fd(w, sl_http_fd(c->http), POLLIN);
        sl_wait_fd(w, sl_s3_creds_fd(c->creds), POLLIN);
        if (deadline != INT64_MAX)
                sl_wait_ms(w, deadline - sl_mono_ms());
}

/* --- the blocking parts */

static void wait_for_work(struct sl_s3_client *c, int64_t most_ms)
{
        struct sl_wait w = {.timeout_ms = (int)(most_ms > 0 ? most_ms : 0)};
        sl_s3_client_wait(c, &w);
        poll(w.fds, w.count, w.timeout_ms);
}

static void stays_the_callers(struct sl_s3_call *call, void *arg)
{
        (void)call, (void)arg;
}

enum sl_rc sl_s3_call_run(struct sl_s3_client *c, struct sl_s3_call *call, struct sl_err *err)
{
        int64_t next_tick = sl_mono_ms() + TICK_MS;
        call->flags |= SL_S3_C_URGENT;
        call->done = stays_the_callers;
        sl_s3_call_start(c, call);
        for (;;) {
                SL_TRY(sl_s3_client_work(c, err));
                if (call->state == SL_S3_C_ENDED)
                        break;
                wait_for_work(c, next_tick - sl_mono_ms());
                if (sl_mono_ms() < next_tick)
                        continue;
                if (c->opts.tick)
                        SL_TRY(c->opts.tick(c->opts.tick_arg, err));
                next_tick = sl_mono_ms() + TICK_MS;
        }
        if (call->rc != SL_OK && err && err->rc == SL_OK)
                *err = call->err;
        return call->rc;
}

void sl_s3_client_free(struct sl_s3_client *c)
{
        if (!c)
                return;
        int64_t until = sl_mono_ms() + GOODBYE_MS;
        while (c->loose && sl_mono_ms() < until && sl_s3_client_work(c, NULL) == SL_OK)
                if (c->loose)
                        wait_for_work(c, until - sl_mono_ms());
        while (c->flying)
                sl_s3_call_cancel(c, c->flying);
        while (c->waiting)
                sl_s3_call_cancel(c, c->waiting);
        sl_http_free(c->http);
        sl_s3_creds_free(c->creds);
        struct sl_buf *bufs[] = {&c->base, &c->host, &c->path, &c->url, &c->auth, &c->headers};
        for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
                sl_buf_free(bufs[i]);
        if (c->sse_md5)
                OPENSSL_cleanse(c->sse_md5, strlen(c->sse_md5));
        free(c->sse_md5);
        free(c->region);
        free(c);
}
