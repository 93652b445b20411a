/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way. All wait in one list until what they need is there (a token, the ingest host: fetch.c) and it
 * is their turn; each is tried once, but a token that the server refuses is replaced and the request sent again. Never
 * blocks but in sl_sf_client_step. Does not know what requests mean (channel.c, status.c, sql.c). */
#include "connectors/snowflake/client_internal.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "connectors/snowflake/jwt.h"

#define BACKOFF_MS 500
#define STATUS_MS 500
#define IDLE_STATUS_MS 60000
#define SAFE_OPEN_MS 180000
#define STALL_MS 120000
#define ANSWER_MS 30000
#define REQUEST_MS 300000
#define PARALLEL 16     /* requests with rows beside each other */
#define HOST_FAILURES 3 /* without an answer, before the host is asked for again */

static int64_t or_else(int64_t value, int64_t fallback)
{
        return value > 0 ? value : fallback;
}

static void set_defaults(struct sl_sf_client_opts *o)
{
        o->backoff_ms = or_else(o->backoff_ms, BACKOFF_MS);
        o->status_ms = or_else(o->status_ms, STATUS_MS);
        o->idle_status_ms = or_else(o->idle_status_ms, IDLE_STATUS_MS);
        o->safe_open_ms = or_else(o->safe_open_ms, SAFE_OPEN_MS);
        o->stall_ms = or_else(o->stall_ms, STALL_MS);
        o->answer_ms = or_else(o->answer_ms, ANSWER_MS);
        o->private_key = o->passphrase = NULL; /* read already; not kept */
}

enum sl_rc sl_sf_client_new(const struct sl_sf_client_opts *opts, struct sl_sf_client **ret, struct sl_err *err)
{
        struct sl_sf_client *c = sl_calloc(1, sizeof(*c));
        c->opts = *opts;
        enum sl_rc rc = sl_sf_url_parse(opts->url, &c->url, err);
        if (rc == SL_OK && !(opts->user && *opts->user) && opts->authenticator == SL_SF_AUTH_JWT)
                rc = sl_fail(err, SL_E_CONFIG, "ERROR_0003: snowflake.user.name is missing");
        if (rc == SL_OK)
                rc = sl_sf_auth_init(&c->auth, &c->opts, opts->account ? opts->account : c->url.account, err);
        if (rc != SL_OK) {
                sl_sf_client_stop(c);
                return rc;
        }
        set_defaults(&c->opts);
        c->random = ((uint64_t)sl_mono_us() * 0x9E3779B97F4A7C15u ^ (uintptr_t)c) | 1;
        c->due_ms = INT64_MAX;
        c->http = sl_http_new(&(struct sl_http_opts){.proxy = opts->proxy,
                                                     .proxy_user = opts->proxy_user,
                                                     .proxy_password = opts->proxy_password,
                                                     .ca_file = opts->ca_file,
                                                     .timeout_ms = REQUEST_MS,
                                                     .stall_ms = (uint32_t)c->opts.answer_ms});
        *ret = c;
        return SL_OK;
}

void sl_sf_client_stop(struct sl_sf_client *c)
{
        if (!c)
                return;
        sl_sf_fetch_stop(c);
        while (c->flying)
                sl_sf_call_cancel(c, c->flying);
        while (c->waiting)
                sl_sf_call_cancel(c, c->waiting);
        sl_http_free(c->http);
        sl_sf_auth_free(&c->auth);
        sl_sf_url_free(&c->url);
        sl_sf_wipe(&c->auth_line);
        sl_buf_free(&c->ingest);
        sl_buf_free(&c->url_text);
        sl_buf_free(&c->length_line);
        sl_buf_free(&c->type_line);
        free(c);
}

struct sl_sf_counts sl_sf_client_counts(const struct sl_sf_client *c)
{
        return c->counts;
}

const struct sl_err *sl_sf_client_trouble(const struct sl_sf_client *c)
{
        return c->trouble.rc == SL_OK ? NULL : &c->trouble;
}

int64_t sl_sf_backoff_ms(struct sl_sf_client *c, int32_t tries, int64_t most_ms)
{
        int64_t ms = c->opts.backoff_ms;
        for (int32_t i = 1; i < tries && ms < most_ms; i++)
                ms *= 2;
        if (ms > most_ms)
                ms = most_ms;
        c->random ^= c->random << 13;
        c->random ^= c->random >> 7;
        c->random ^= c->random << 17;
        return ms / 2 + (int64_t)((c->random >> 32) * (uint64_t)(ms / 2 + 1) >> 32);
}

void sl_sf_uuid(char ret[SL_SF_UUID])
{
        unsigned char b[16];
        static const char hex[] = "0123456789abcdef";
        if (RAND_bytes(b, sizeof(b)) != 1)
                abort(); /* no randomness at all */
        b[6] = (b[6] & 0x0F) | 0x40;
        b[8] = (b[8] & 0x3F) | 0x80;
        for (int i = 0, at = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        ret[at++] = '-';
                ret[at++] = hex[b[i] >> 4];
                ret[at++] = hex[b[i] & 15];
        }
        ret[SL_SF_UUID - 1] = '\0';
}

/* --- lists */

struct sl_sf_call *sl_sf_call_new(const char *method, const char *what, const char *subject, enum sl_sf_target target)
{
        struct sl_sf_call *call = sl_calloc(1, sizeof(*call));
        call->method = method;
        call->what = what;
        call->subject = subject;
        call->target = target;
        return call;
}

void sl_sf_call_free(struct sl_sf_call *call)
{
        if (!call)
                return;
        sl_http_transfer_free(call->transfer);
        sl_buf_free(&call->path);
        sl_sf_wipe(&call->own_body); /* forms hold refresh tokens, answers tokens */
        sl_sf_wipe(&call->header);
        sl_sf_wipe(&call->resp.body);
        sl_http_response_free(&call->resp);
        sl_sf_answer_free(&call->answer);
        free(call);
}

static void unlink_call(struct sl_sf_client *c, struct sl_sf_call *call)
{
        if (call->state == SL_SF_C_NEW)
                return;
        struct sl_sf_call **first = call->state == SL_SF_C_FLYING ? &c->flying : &c->waiting;
        if (call->state == SL_SF_C_WAITING && c->waiting_last == call)
                c->waiting_last = call->prev;
        if (call->state == SL_SF_C_FLYING && call->bulk)
                c->bulk_flying--;
        if (call->prev)
                call->prev->next = call->next;
        else
                *first = call->next;
        if (call->next)
                call->next->prev = call->prev;
        call->next = call->prev = NULL;
        call->state = SL_SF_C_NEW;
}

void sl_sf_call_start(struct sl_sf_client *c, struct sl_sf_call *call)
{
        call->state = SL_SF_C_WAITING;
        call->next = NULL;
        call->prev = c->waiting_last;
        if (c->waiting_last)
                c->waiting_last->next = call;
        else
                c->waiting = call;
        c->waiting_last = call;
}

static void fly(struct sl_sf_client *c, struct sl_sf_call *call)
{
        call->state = SL_SF_C_FLYING;
        call->sent = true;
        call->prev = NULL;
        call->next = c->flying;
        if (c->flying)
                c->flying->prev = call;
        c->flying = call;
        c->bulk_flying += call->bulk;
        c->counts.requests++;
}

void sl_sf_call_cancel(struct sl_sf_client *c, struct sl_sf_call *call)
{
        if (!call)
                return;
        unlink_call(c, call);
        sl_sf_call_free(call);
}

static const char *host_of(struct sl_sf_client *c, enum sl_sf_target target)
{
        return target == SL_SF_T_INGEST    ? sl_buf_cstr(&c->ingest)
               : target == SL_SF_T_CONTROL ? c->url.host
                                           : "its OAuth endpoint";
}

void sl_sf_call_explain(struct sl_sf_client *c, struct sl_sf_call *call)
{
        char what[200];
        if (call->err.rc != SL_OK)
                return;
        snprintf(what, sizeof(what), "%s %.150s", call->what, call->subject ? call->subject : "");
        (void)sl_sf_answer_fail(&call->answer, host_of(c, call->target), what, &call->err);
        if (call->err.id == SL_E_SF_AUTH)
                sl_err_prefix(&call->err, "%s", call->target == SL_SF_T_ENDPOINT ? "ERROR_1004" : "ERROR_1005");
}

/* --- how a try ends */

static void end(struct sl_sf_client *c, struct sl_sf_call *call)
{
        unlink_call(c, call);
        sl_http_transfer_free(call->transfer);
        call->transfer = NULL;
        call->done(call, call->arg);
}

void sl_sf_client_forget_host(struct sl_sf_client *c, uint32_t generation)
{
        if (generation != c->ingest_generation)
                return;
        sl_buf_clear(&c->ingest);
        c->ingest_failures = 0;
}

/* Nothing came back: whether the server did it is unknown. */
static void no_answer(struct sl_sf_client *c, struct sl_sf_call *call, const struct sl_err *why)
{
        call->answer.verdict = SL_SF_V_NO_ANSWER;
        call->answer.status = 0;
        if (why->id == SL_E_HTTP_UNREACHABLE)
                (void)sl_fail(&call->err, SL_E_SF_RETRY, "ERROR_1001: Snowflake could not be asked to %s %s: %s",
                              call->what, call->subject ? call->subject : "", why->msg);
        else
                call->err = *why;
        if (call->target == SL_SF_T_INGEST && ++c->ingest_failures >= HOST_FAILURES)
                sl_sf_client_forget_host(c, call->host_generation);
        end(c, call);
}

/* A refused token is dropped, so that the next try gets another one; false if there has been a try already. */
static bool renew_token(struct sl_sf_client *c, struct sl_sf_call *call)
{
        if (call->renewed || call->target == SL_SF_T_ENDPOINT)
                return false;
        call->renewed = true;
        if (call->target == SL_SF_T_INGEST && !sl_sf_auth_direct(&c->auth)) {
                sl_sf_auth_drop_scoped(&c->auth, call->token_generation);
                return true;
        }
        return sl_sf_auth_drop_own(&c->auth, call->token_generation);
}

static void answered(struct sl_sf_client *c, struct sl_sf_call *call)
{
        if (call->target == SL_SF_T_INGEST)
                c->ingest_failures = 0;
        if (call->target != SL_SF_T_ENDPOINT) /* which may be another company's */
                sl_sf_auth_clock(&c->auth, &call->resp);
        sl_sf_answer_read(&call->answer, &call->resp);
        c->counts.throttled += call->resp.status == 429 || call->resp.status == 503;
        if (call->target == SL_SF_T_ENDPOINT && call->answer.verdict > SL_SF_V_AUTH)
                call->answer.verdict = SL_SF_V_AUTH; /* it knows nothing else than tokens */
        if (call->answer.verdict == SL_SF_V_AUTH && renew_token(c, call)) {
                unlink_call(c, call);
                sl_http_transfer_free(call->transfer);
                call->transfer = NULL;
                call->sent = false; /* refused: not done */
                c->counts.retries++;
                sl_sf_call_start(c, call);
                return;
        }
        if (call->answer.verdict != SL_SF_V_OK)
                sl_sf_call_explain(c, call);
        end(c, call);
}

/* Look after what is on its way. done may cancel any call, so the list is looked at from its start again. */
static bool land(struct sl_sf_client *c)
{
        bool any = false;
        for (struct sl_sf_call *call = c->flying; call;) {
                struct sl_err why = {0};
                enum sl_rc rc;
                if (!sl_http_ended(call->transfer, &rc, &why)) {
                        call = call->next;
                        continue;
                }
                any = true;
                if (rc == SL_OK)
                        answered(c, call);
                else
                        no_answer(c, call, &why);
                call = c->flying;
        }
        return any;
}

/* --- sending */

static void token_line(struct sl_sf_client *c, struct sl_sf_call *call)
{
        bool scoped = call->target == SL_SF_T_INGEST && !sl_sf_auth_direct(&c->auth);
        const struct sl_sf_token *t = scoped ? &c->auth.scoped : &c->auth.own;
        call->token_generation = t->generation;
        sl_buf_clear(&c->auth_line);
        sl_buf_adds(&c->auth_line, "Authorization: Bearer ");
        sl_buf_add(&c->auth_line, t->text.ptr, t->text.len);
        sl_buf_clear(&c->type_line);
        sl_buf_printf(&c->type_line, "X-Snowflake-Authorization-Token-Type: %s",
                      scoped ? "OAUTH" : sl_sf_auth_type(&c->auth));
}

static enum sl_rc send_call(struct sl_sf_client *c, struct sl_sf_call *call, struct sl_err *err)
{
        const char *headers[8];
        char type[64], encoding[64];
        int n = 0;
        sl_buf_clear(&c->url_text);
        if (call->target != SL_SF_T_ENDPOINT) {
                sl_buf_printf(&c->url_text, "%s://%s", c->url.tls ? "https" : "http", host_of(c, call->target));
                token_line(c, call);
                headers[n++] = sl_buf_cstr(&c->auth_line);
                headers[n++] = sl_buf_cstr(&c->type_line);
        }
        sl_buf_add(&c->url_text, call->path.ptr, call->path.len);
        headers[n++] = "Accept: application/json";
        if (call->header.len)
                headers[n++] = sl_buf_cstr(&call->header);
        if (call->content_type) {
                snprintf(type, sizeof(type), "Content-Type: %s", call->content_type);
                headers[n++] = type;
        }
        if (call->encoding) {
                snprintf(encoding, sizeof(encoding), "Content-Encoding: %s", call->encoding);
                headers[n++] = encoding;
                sl_buf_clear(&c->length_line);
                sl_buf_printf(&c->length_line, "x-snowflake-uncompressed-content-length: %zu", call->plain_len);
                headers[n++] = sl_buf_cstr(&c->length_line);
        }
        headers[n] = NULL;
        struct sl_http_request req = {call->method, sl_buf_cstr(&c->url_text), headers, call->body};
        call->host_generation = c->ingest_generation;
        return sl_http_start(c->http, &req, &call->resp, &call->transfer, err);
}

/* Something that all need can't be got: who waits for it is told. Fetches themselves wait for nothing else but the own
 * token. */
static void fail_waiting(struct sl_sf_client *c, enum sl_sf_target target, const struct sl_err *why)
{
        for (struct sl_sf_call *call = c->waiting, *next; call; call = next) {
                next = call->next;
                if (call->target != target)
                        continue;
                call->answer.verdict = why->id == SL_E_SF_AUTH ? SL_SF_V_AUTH : SL_SF_V_NO_ANSWER;
                call->err = *why;
                end(c, call);
                next = c->waiting; /* its owner may have changed the list */
        }
}

/* Send what may go; true if anything was. */
static bool pump(struct sl_sf_client *c)
{
        bool any = false;
        struct sl_err why[SL_SF_T_INGEST + 1] = {0};
        bool ready[SL_SF_T_INGEST + 1], asked[SL_SF_T_INGEST + 1] = {0};
        for (struct sl_sf_call *call = c->waiting, *next; call; call = next) {
                next = call->next;
                enum sl_sf_target t = call->target;
                if (!asked[t]) {
                        asked[t] = true;
                        ready[t] = sl_sf_fetch_ready(c, t, &why[t]);
                        next = call->next; /* a fetch may stand behind it now */
                }
                if (!ready[t] || (call->bulk && c->bulk_flying >= PARALLEL))
                        continue;
                unlink_call(c, call);
                struct sl_err failed = {0};
                if (send_call(c, call, &failed) == SL_OK) {
                        fly(c, call);
                        any = true;
                        continue;
                }
                no_answer(c, call, &failed);
                next = c->waiting;
        }
        for (int t = 0; t <= SL_SF_T_INGEST; t++)
                if (why[t].rc != SL_OK)
                        fail_waiting(c, (enum sl_sf_target)t, &why[t]);
        return any;
}

void sl_sf_client_due(struct sl_sf_client *c, int64_t ms)
{
        if (ms < c->due_ms)
                c->due_ms = ms;
}

static void look_after(struct sl_sf_client *c)
{
        int64_t now = sl_mono_ms();
        if (now < c->due_ms)
                return;
        c->due_ms = INT64_MAX;
        for (struct sl_sf_channel *ch = c->channels; ch; ch = ch->next) {
                sl_sf_channel_step(ch, now);
                sl_sf_client_due(c, ch->due_ms);
        }
        sl_sf_pipes_work(c, now);
}

enum sl_rc sl_sf_client_work(struct sl_sf_client *c, struct sl_err *err)
{
        bool moved;
        do {
                SL_TRY(sl_http_work(c->http, err));
                moved = land(c);
                look_after(c);
                moved |= pump(c); /* curl begins with a request at once */
        } while (moved);
        return SL_OK;
}

static int64_t deadline_of(const struct sl_sf_client *c)
{
        int64_t ms = sl_http_deadline_ms(c->http);
        return ms >= 0 && ms < c->due_ms ? ms : c->due_ms;
}

void sl_sf_client_wait(struct sl_sf_client *c, struct sl_wait *w)
{
        int64_t due = deadline_of(c);
        sl_wait_fd(w, sl_http_fd(c->http), POLLIN);
        if (due != INT64_MAX)
                sl_wait_ms(w, due - sl_mono_ms());
}

enum sl_rc sl_sf_client_step(struct sl_sf_client *c, int64_t most_ms, struct sl_err *err)
{
        struct sl_wait w = {.timeout_ms = (int)(most_ms > 0 ? most_ms : 0)};
        sl_sf_client_wait(c, &w);
        poll(w.fds, w.count, w.timeout_ms);
        return sl_sf_client_work(c, err);
}

void sl_sf_client_poll_now(struct sl_sf_client *c)
{
        for (struct sl_sf_pipe *p = c->pipes; p; p = p->next)
                p->next_ms = p->last_ms = INT64_MIN / 2;
        c->due_ms = 0;
}
