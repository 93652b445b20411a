/* SPDX-License-Identifier: Apache-2.0 */
/* The channel's state machine (channel.h has the picture). What keeps every row there once:
 *  1. One append in flight, with the token that the last answer gave. In doubt the same bytes go with the same token:
 * the server took it before (then the token is stale) or takes it now.
 *  2. A stale token is settled by an open, never by a guess: its committed offset decides about the batch in doubt.
 *  3. An open waits for accepted rows of the last session (fail_on_uncommitted_rows), or by force drops them: either
 * way the committed offset that it gives is final, as all older tokens are stale from then on. The writer decides when
 * to open, as that fences. */
#include "connectors/snowflake/client_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"

#define OPEN_POLL_MS 500  /* rows of the last session are on their way */
#define OPEN_RACE_MS 2000 /* two opens race: 2, 4, 8, 8 s */
#define OPEN_RACE_MAX_MS 8000
#define BACKOFF_MAX_MS 10000
#define AUTH_BACKOFF_MAX_MS 60000
#define DOUBT_TRIES 6 /* of one append, before the channel is opened again to find out */
#define OPEN_TRIES 5  /* with answers that another try seldom changes */
#define RECOVERIES_MAX 5
#define FENCES_MAX 10 /* by other sessions, within LOSS_WINDOW_MS, appends between them or not */
#define LOSS_WINDOW_MS 600000
#define APPEND_GAP_MS 100 /* a channel may be asked ten times a second */

const char *sl_sf_channel_state_name(enum sl_sf_channel_state s)
{
        static const char *const names[] = {"CLOSED",  "OPENING",   "WAIT_UNCOMMITTED", "READY",
                                            "SENDING", "AMBIGUOUS", "BACKPRESSURE",     "LOST",
                                            "FAILED",  "REVOKED"};
        return names[s];
}

struct sl_sf_channel *sl_sf_channel_new(struct sl_sf_client *c, const char *database, const char *schema,
                                        const char *pipe, const char *name)
{
        struct sl_sf_channel *ch = sl_calloc(1, sizeof(*ch));
        ch->client = c;
        ch->pipe = sl_sf_pipe_get(c, database, schema, pipe);
        ch->name = sl_strdup(name);
        ch->committed = ch->accepted = ch->first_ever = -1;
        ch->due_ms = INT64_MAX;
        ch->next = c->channels;
        if (c->channels)
                c->channels->prev = ch;
        c->channels = ch;
        return ch;
}

static void break_off(struct sl_sf_channel *ch)
{
        sl_sf_call_cancel(ch->client, ch->call);
        ch->call = NULL;
        ch->due_ms = INT64_MAX;
}

void sl_sf_channel_free(struct sl_sf_channel *ch)
{
        if (!ch)
                return;
        struct sl_sf_client *c = ch->client;
        break_off(ch);
        if (ch->prev)
                ch->prev->next = ch->next;
        else
                c->channels = ch->next;
        if (ch->next)
                ch->next->prev = ch->prev;
        sl_sf_pipe_put(c, ch->pipe);
        sl_buf_free(&ch->token);
        sl_buf_free(&ch->body);
        sl_buf_free(&ch->row_error);
        free(ch->name);
        free(ch->server_name);
        free(ch);
}

bool sl_sf_channel_live(const struct sl_sf_channel *ch)
{
        return ch->state == SL_SF_READY || ch->state == SL_SF_SENDING || ch->state == SL_SF_AMBIGUOUS ||
               ch->state == SL_SF_BACKPRESSURE;
}

static void set_due(struct sl_sf_channel *ch, int64_t ms)
{
        ch->due_ms = ms;
        sl_sf_client_due(ch->client, ms);
}

static void drop_body(struct sl_sf_channel *ch)
{
        sl_buf_free(&ch->body); /* not kept: a thousand idle channels would hold gigabytes */
        ch->has_body = false;
}

/* The writer sees the newest event; of two that want a rewind the lower offset counts. */
static void add_event(struct sl_sf_channel *ch, enum sl_sf_event_type type, int64_t rewind)
{
        struct sl_sf_event *e = &ch->event;
        if (e->type != SL_SF_EV_NONE && e->rewind >= 0 && (rewind < 0 || e->rewind < rewind))
                rewind = e->rewind;
        if (e->type != SL_SF_EV_OPENED) /* who has not seen the first open must see it */
                e->type = type;
        e->rewind = rewind;
        e->committed = ch->committed;
}

/* --- ends */

static void fail_with(struct sl_sf_channel *ch, const struct sl_err *why)
{
        break_off(ch);
        ch->err = *why;
        ch->state = SL_SF_FAILED;
        drop_body(ch);
}

/* Lost too often? What is long ago doesn't count, and an append that was taken forgives all but fences. */
static bool too_often(struct sl_sf_channel *ch, enum sl_sf_loss loss)
{
        int64_t now = sl_mono_ms();
        if (now - ch->lost_ms > LOSS_WINDOW_MS)
                ch->recoveries = 0;
        if (now - ch->fenced_since_ms > LOSS_WINDOW_MS) {
                ch->fenced_since_ms = now;
                ch->fences = 0;
        }
        ch->lost_ms = now;
        if (loss == SL_SF_LOSS_ASKED)
                return false;
        ch->recoveries++;
        ch->fences += loss == SL_SF_LOSS_FENCED && !ch->tries; /* without a doubt before, it was somebody else */
        return ch->recoveries > RECOVERIES_MAX || ch->fences > FENCES_MAX;
}

void sl_sf_channel_lost(struct sl_sf_channel *ch, enum sl_sf_loss loss, const struct sl_err *why)
{
        break_off(ch);
        ch->state = SL_SF_LOST;
        ch->loss = loss;
        ch->losses++;
        sl_err_clear(&ch->err);
        if (why)
                ch->err = *why;
        if (!too_often(ch, loss))
                return;
        struct sl_err err = {0};
        (void)sl_fail(&err, SL_E_SF_CHANNEL,
                      "ERROR_5028: channel %s is lost again and again, lately: %s. Another connector of this name that "
                      "writes the same table "
                      "takes its channels: give each its own name",
                      ch->name, ch->err.msg);
        fail_with(ch, &err);
}

void sl_sf_channel_revoke(struct sl_sf_channel *ch)
{
        break_off(ch);
        drop_body(ch);
        ch->event.type = SL_SF_EV_NONE;
        ch->state = SL_SF_REVOKED;
}

void sl_sf_channel_lose(struct sl_sf_channel *ch)
{
        if (ch->state == SL_SF_READY)
                sl_sf_channel_lost(ch, SL_SF_LOSS_ASKED, NULL);
}

/* Once more, after a while; what is in the way stays visible. */
static void again(struct sl_sf_channel *ch, struct sl_sf_call *call, int64_t base_tries)
{
        bool login = call->err.id == SL_E_SF_AUTH;
        int64_t wait = sl_sf_backoff_ms(ch->client, (int32_t)base_tries, login ? AUTH_BACKOFF_MAX_MS : BACKOFF_MAX_MS);
        ch->err = call->err;
        ch->client->counts.retries++;
        set_due(ch, sl_mono_ms() + (call->answer.retry_after_ms > wait ? call->answer.retry_after_ms : wait));
}

/* --- append */

static void add_number(struct sl_buf *out, const char *name, int64_t v)
{
        sl_buf_adds(out, name);
        sl_buf_add_i64(out, v);
}

static void append_done(struct sl_sf_call *call, void *arg);

static void send_body(struct sl_sf_channel *ch)
{
        static const char *const encodings[] = {NULL, "gzip", "zstd"};
        struct sl_sf_call *call = sl_sf_call_new("POST", "append rows to channel", ch->name, SL_SF_T_INGEST);
        char id[SL_SF_UUID];
        sl_sf_uuid(id);
        sl_buf_adds(&call->path, "/v2/streaming/data");
        sl_buf_add(&call->path, ch->pipe->path.ptr, ch->pipe->path.len);
        sl_buf_adds(&call->path, "/channels/");
        sl_sf_encode(&call->path, sl_str_c(ch->name));
        sl_buf_adds(&call->path, "/rows?continuationToken=");
        sl_sf_encode(&call->path, (struct sl_str){ch->token.ptr, ch->token.len});
        add_number(&call->path, "&startOffsetToken=", ch->first);
        add_number(&call->path, "&endOffsetToken=", ch->last);
        sl_buf_adds(&call->path, "&requestId=");
        sl_buf_adds(&call->path, id);
        call->body = (struct sl_str){ch->body.ptr, ch->body.len};
        call->content_type = "application/x-ndjson";
        call->encoding = encodings[ch->encoding];
        call->plain_len = ch->plain_len;
        call->bulk = true;
        call->done = append_done;
        call->arg = ch;
        ch->call = call;
        ch->state = SL_SF_SENDING;
        ch->due_ms = INT64_MAX;
        ch->sent_ms = sl_mono_ms();
        (void)SL_FAULT("snowflake.before_append");
        sl_sf_call_start(ch->client, call);
}

void sl_sf_channel_append(struct sl_sf_channel *ch, struct sl_buf *body, enum sl_sf_encoding encoding, size_t plain_len,
                          int64_t first, int64_t last)
{
        if (ch->state != SL_SF_READY || !body->len || last < first)
                return; /* against the rules of the header: the bytes stay the caller's */
        sl_buf_free(&ch->body);
        ch->body = *body;
        *body = (struct sl_buf){0};
        ch->has_body = true;
        ch->encoding = encoding;
        ch->plain_len = plain_len;
        ch->first = first;
        ch->last = last;
        ch->tries = 0;
        if (ch->first_ever < 0)
                ch->first_ever = first;
        int64_t now = sl_mono_ms(), earliest = ch->opens && ch->sent_ms ? ch->sent_ms + APPEND_GAP_MS : now;
        ch->state = SL_SF_SENDING;
        if (earliest <= now)
                send_body(ch);
        else
                set_due(ch, earliest);
}

void sl_sf_channel_take_back(struct sl_sf_channel *ch, struct sl_buf *body)
{
        if (ch->has_body)
                return;
        sl_buf_free(body);
        *body = ch->body;
        ch->body = (struct sl_buf){0};
}

static bool take_token(struct sl_sf_channel *ch, const json_t *body)
{
        const char *token = sl_json_str(body, "next_continuation_token");
        if (!token || !*token)
                return false;
        sl_buf_clear(&ch->token);
        sl_buf_adds(&ch->token, token);
        return true;
}

static void accepted(struct sl_sf_channel *ch, struct sl_sf_call *call)
{
        if (!take_token(ch, call->answer.body)) {
                (void)sl_fail(&call->err, SL_E_SF_RETRY, "Snowflake took rows for channel %s and gave no next token",
                              ch->name);
                sl_sf_channel_lost(ch, SL_SF_LOSS_INVALID, &call->err);
                return;
        }
        if (ch->committed >= ch->accepted)
                ch->moved_ms = sl_mono_ms();
        ch->accepted = ch->last;
        ch->tries = ch->recoveries = 0;
        sl_err_clear(&ch->err);
        drop_body(ch);
        ch->state = SL_SF_READY;
        set_due(ch, ch->moved_ms + ch->client->opts.stall_ms);
        sl_sf_client_due(ch->client, 0); /* its pipe may be due for a status */
}

static void append_done(struct sl_sf_call *call, void *arg)
{
        struct sl_sf_channel *ch = arg;
        enum sl_sf_verdict v = call->answer.verdict;
        ch->call = NULL;
        if (v == SL_SF_V_OK && SL_FAULT("snowflake.after_append"))
                v = SL_SF_V_NO_ANSWER; /* the rows are there, and nobody said so */
        switch (v) {
        case SL_SF_V_OK:
                accepted(ch, call);
                break;
        case SL_SF_V_BUSY:
        case SL_SF_V_AUTH:
                ch->state = SL_SF_BACKPRESSURE;
                again(ch, call, ++ch->tries);
                break;
        case SL_SF_V_NO_ANSWER:
        case SL_SF_V_RETRY:
                if (call->err.rc == SL_FATAL) {
                        fail_with(ch, &call->err);
                } else if (!call->sent) {
                        ch->state = SL_SF_BACKPRESSURE; /* for want of a token or a host: in no doubt */
                        again(ch, call, ++ch->tries);
                } else if (++ch->tries >= DOUBT_TRIES) {
                        sl_sf_channel_lost(ch, SL_SF_LOSS_DOUBT, &call->err);
                } else {
                        ch->state = SL_SF_AMBIGUOUS;
                        again(ch, call, ch->tries);
                }
                break;
        case SL_SF_V_STALE:
                sl_sf_channel_lost(ch, SL_SF_LOSS_FENCED, &call->err);
                break;
        case SL_SF_V_GONE:
                sl_sf_channel_lost(ch, SL_SF_LOSS_GONE, &call->err);
                break;
        case SL_SF_V_MOVED:
                sl_sf_client_forget_host(ch->client, call->host_generation);
                sl_sf_channel_lost(ch, SL_SF_LOSS_MOVED, &call->err);
                break;
        case SL_SF_V_TOO_LARGE:
                ch->has_body = false; /* the bytes stay for take_back */
                ch->state = SL_SF_READY;
                add_event(ch, SL_SF_EV_TOO_LARGE, ch->first);
                break;
        case SL_SF_V_MISSING:
        case SL_SF_V_INVALID:
        case SL_SF_V_REFUSED:
                fail_with(ch, &call->err);
                break;
        default:
                sl_sf_channel_lost(ch, SL_SF_LOSS_INVALID, &call->err);
                break;
        }
        sl_sf_call_free(call);
}

/* --- open */

static void open_done(struct sl_sf_call *call, void *arg);

static void send_open(struct sl_sf_channel *ch)
{
        struct sl_sf_call *call =
                sl_sf_call_new(ch->dropping ? "DELETE" : "PUT", ch->dropping ? "drop channel" : "open channel",
                               ch->name, SL_SF_T_INGEST);
        char id[SL_SF_UUID];
        sl_sf_uuid(id);
        sl_buf_adds(&call->path, "/v2/streaming");
        sl_buf_add(&call->path, ch->pipe->path.ptr, ch->pipe->path.len);
        sl_buf_adds(&call->path, "/channels/");
        sl_sf_encode(&call->path, sl_str_c(ch->name));
        sl_buf_adds(&call->path, "?requestId=");
        sl_buf_adds(&call->path, id);
        call->body = ch->forced ? SL_STR("{}") : SL_STR("{\"fail_on_uncommitted_rows\":true}");
        call->content_type = "application/json";
        call->done = open_done;
        call->arg = ch;
        ch->call = call;
        ch->state = SL_SF_OPENING;
        ch->due_ms = INT64_MAX;
        sl_sf_call_start(ch->client, call);
}

void sl_sf_channel_open(struct sl_sf_channel *ch, bool forced)
{
        if (ch->state != SL_SF_CLOSED && ch->state != SL_SF_LOST)
                return;
        ch->forced = forced;
        ch->tries = 0;
        ch->open_since_ms = sl_mono_ms();
        send_open(ch);
}

void sl_sf_channel_drop(struct sl_sf_channel *ch)
{
        if (ch->state != SL_SF_READY)
                return;
        ch->dropping = true;
        ch->forced = true; /* rows of the last session go with it, as what they continue */
        ch->tries = 0;
        ch->open_since_ms = sl_mono_ms();
        send_open(ch);
}

/* It is gone: the next open makes a new one. */
static void dropped(struct sl_sf_channel *ch)
{
        ch->dropping = ch->opened = false;
        ch->committed = ch->accepted = ch->first_ever = -1;
        ch->rows = (struct sl_sf_row_counts){0};
        ch->event = (struct sl_sf_event){.committed = -1, .rewind = -1};
        ch->tries = 0;
        send_open(ch);
}

static int64_t count_of(const json_t *status, const char *name, int64_t fallback)
{
        return sl_json_int(status, name, fallback);
}

static void read_counts(struct sl_sf_channel *ch, const json_t *status)
{
        struct sl_sf_row_counts *r = &ch->rows;
        const char *text = sl_json_str(status, "last_error_message");
        r->inserted = count_of(status, "rows_inserted", r->inserted);
        r->parsed = count_of(status, "rows_parsed", r->parsed);
        r->errors = count_of(status, "rows_error_count", count_of(status, "rows_errors", r->errors));
        r->latency_ms = count_of(status, "snowflake_avg_processing_latency_ms", r->latency_ms);
        sl_buf_clear(&ch->row_error);
        if (text)
                sl_buf_add(&ch->row_error, text, strnlen(text, 500));
}

/* The committed offset in a status, -1 for null. */
static bool read_offset(struct sl_sf_channel *ch, const json_t *status, int64_t *ret, struct sl_err *err)
{
        const json_t *v = json_object_get(status, "last_committed_offset_token");
        *ret = -1;
        if (!v || json_is_null(v))
                return true;
        struct sl_str text =
                json_is_string(v) ? (struct sl_str){json_string_value(v), json_string_length(v)} : SL_STR("");
        bool digits = text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9';
        if (digits && sl_parse_i64(text, ret))
                return true;
        (void)sl_fail(err, SL_E_SF_CHANNEL,
                      "ERROR_5028: the offset token \"%.60s\" of channel %s is no Kafka offset: another program writes "
                      "to this channel. Give the "
                      "connector another name, or drop the channel",
                      text.ptr, ch->name);
        return false;
}

/* A channel of an invalid pipe opens, takes rows and throws them away: only its status says so. */
static enum sl_sf_verdict status_verdict(const json_t *status, struct sl_str *ret_code)
{
        const json_t *v = json_object_get(status, "channel_status_code");
        *ret_code = json_is_string(v) ? sl_str_c(json_string_value(v)) : SL_STR("");
        if (json_is_integer(v))
                return json_integer_value(v) ? SL_SF_V_REFUSED : SL_SF_V_OK;
        return v ? sl_sf_code_verdict(*ret_code) : SL_SF_V_OK;
}

/* Settle what was in doubt when the last session ended; offset: what the server has committed. */
static void settle(struct sl_sf_channel *ch, int64_t offset)
{
        int64_t before = ch->accepted;
        bool resend = ch->has_body && offset >= before && offset < ch->first;
        bool missing = offset < before || (ch->has_body && !resend && offset < ch->last);
        ch->committed = ch->accepted = offset;
        if (ch->has_body && !resend)
                drop_body(ch);
        add_event(ch, SL_SF_EV_REOPENED, !missing ? -1 : offset >= 0 ? offset + 1 : ch->first_ever);
        ch->tries = 0;
        if (resend)
                send_body(ch);
}

static void opened(struct sl_sf_channel *ch, struct sl_sf_call *call)
{
        const json_t *status = json_object_get(call->answer.body, "channel_status");
        const char *name = sl_json_str(status, "channel_name");
        struct sl_str code;
        int64_t offset;
        struct sl_err err = {0};
        if (status_verdict(status, &code) != SL_SF_V_OK)
                (void)sl_fail(&err, SL_E_SF_CHANNEL,
                              "ERROR_5028: channel %s of pipe %s opened with status %.*s: its rows would be thrown "
                              "away. Create the pipe again, "
                              "or drop it so that the default pipe is used",
                              ch->name, ch->pipe->name, SL_FMT(code));
        else if (!json_is_object(status) || !take_token(ch, call->answer.body))
                (void)sl_fail(&err, SL_E_SF_REFUSED,
                              "ERROR_5028: Snowflake opened channel %s without saying its status and token", ch->name);
        else if (read_offset(ch, status, &offset, &err) && offset >= 0 && offset < ch->committed)
                (void)sl_fail(&err, SL_E_SF_CHANNEL,
                              "ERROR_5028: the offset token of channel %s went back from %lld to %lld: somebody else "
                              "has set it",
                              ch->name, (long long)ch->committed, (long long)offset);
        if (err.rc != SL_OK) {
                fail_with(ch, &err);
                return;
        }
        free(ch->server_name);
        ch->server_name = name ? sl_strdup(name) : NULL;
        read_counts(ch, status);
        (void)SL_FAULT("snowflake.after_open");
        ch->state = SL_SF_READY;
        ch->opens++;
        ch->tries = 0;
        ch->due_ms = INT64_MAX;
        sl_err_clear(&ch->err);
        if (ch->opened) {
                /* Dropped or its table replaced: what was committed stays so, as far as this task is concerned. */
                settle(ch, offset < 0 ? ch->committed : offset);
        } else {
                ch->opened = true;
                ch->baseline = ch->rows;
                ch->committed = ch->accepted = offset;
                add_event(ch, SL_SF_EV_OPENED, offset >= 0 ? offset + 1 : -1);
        }
        sl_sf_client_due(ch->client, 0);
}

static void open_later(struct sl_sf_channel *ch, struct sl_sf_call *call, int64_t wait)
{
        ch->err = call->err;
        set_due(ch, sl_mono_ms() + wait);
}

static void open_refused(struct sl_sf_channel *ch, struct sl_sf_call *call, enum sl_sf_verdict v)
{
        int32_t tries = ++ch->tries;
        if (v == SL_SF_V_MOVED)
                sl_sf_client_forget_host(ch->client, call->host_generation);
        if (tries < OPEN_TRIES) {
                again(ch, call, tries);
                return;
        }
        struct sl_err err = {0};
        (void)sl_fail(&err, v == SL_SF_V_GONE ? SL_E_SF_MISSING : SL_E_SF_CHANNEL,
                      "ERROR_5028: channel %s of pipe %s can't be opened, tried %d times: %s%s", ch->name,
                      ch->pipe->name, (int)tries, call->err.msg,
                      v == SL_SF_V_GONE ? ". Check the names of database, schema and table and the role's rights: "
                                          "INSERT on the table, OPERATE on "
                                          "its pipe, CREATE PIPE for a default pipe"
                                        : "");
        fail_with(ch, &err);
}

static void open_done(struct sl_sf_call *call, void *arg)
{
        struct sl_sf_channel *ch = arg;
        enum sl_sf_verdict v = call->answer.verdict;
        ch->call = NULL;
        switch (v) {
        case SL_SF_V_OK:
                if (ch->dropping)
                        dropped(ch);
                else
                        opened(ch, call);
                break;
        case SL_SF_V_UNCOMMITTED:
                ch->state = SL_SF_WAIT_UNCOMMITTED;
                ch->forced = sl_mono_ms() - ch->open_since_ms >= ch->client->opts.safe_open_ms;
                open_later(ch, call, ch->forced ? 0 : OPEN_POLL_MS);
                break;
        case SL_SF_V_OPENING: {
                int64_t wait = OPEN_RACE_MS << (ch->tries < 2 ? ch->tries : 2);
                ch->tries++;
                open_later(ch, call,
                           wait / 2 +
                                   sl_sf_backoff_ms(ch->client, 8, wait < OPEN_RACE_MAX_MS ? wait : OPEN_RACE_MAX_MS));
                break;
        }
        case SL_SF_V_NO_ANSWER:
        case SL_SF_V_RETRY:
        case SL_SF_V_BUSY:
        case SL_SF_V_AUTH:
                if (call->err.rc == SL_FATAL)
                        fail_with(ch, &call->err);
                else
                        again(ch, call, ++ch->tries);
                break;
        case SL_SF_V_STALE:
        case SL_SF_V_REOPEN:
        case SL_SF_V_GONE:
        case SL_SF_V_MOVED:
                if (ch->dropping && v == SL_SF_V_GONE)
                        dropped(ch);
                else
                        open_refused(ch, call, v);
                break;
        default:
                fail_with(ch, &call->err);
                break;
        }
        sl_sf_call_free(call);
}

/* --- what time and the status bring */

static void stalled(struct sl_sf_channel *ch)
{
        struct sl_err err = {0};
        (void)sl_fail(
                &err, SL_E_SF_RETRY,
                "channel %s: rows up to offset %lld were accepted, and after %lld s no more than %lld is committed",
                ch->name, (long long)ch->accepted, (long long)(ch->client->opts.stall_ms / 1000),
                (long long)ch->committed);
        sl_sf_channel_lost(ch, SL_SF_LOSS_STALLED, &err);
}

void sl_sf_channel_step(struct sl_sf_channel *ch, int64_t now)
{
        if (now < ch->due_ms)
                return;
        ch->due_ms = INT64_MAX;
        switch (ch->state) {
        case SL_SF_OPENING:
        case SL_SF_WAIT_UNCOMMITTED:
                send_open(ch);
                break;
        case SL_SF_SENDING:
        case SL_SF_AMBIGUOUS:
        case SL_SF_BACKPRESSURE:
                send_body(ch);
                break;
        case SL_SF_READY:
                if (ch->committed >= ch->accepted)
                        break;
                if (now - ch->moved_ms >= ch->client->opts.stall_ms)
                        stalled(ch);
                else
                        set_due(ch, ch->moved_ms + ch->client->opts.stall_ms);
                break;
        default:
                break;
        }
}

void sl_sf_channel_status(struct sl_sf_channel *ch, const json_t *status)
{
        struct sl_err err = {0};
        struct sl_str code;
        int64_t offset;
        if (!status) {
                (void)sl_fail(&err, SL_E_SF_RETRY, "Snowflake no longer knows channel %s", ch->name);
                if (ch->state == SL_SF_READY)
                        sl_sf_channel_lost(ch, SL_SF_LOSS_GONE, &err);
                return; /* else the append's answer says it */
        }
        if (!read_offset(ch, status, &offset, &err)) {
                fail_with(ch, &err);
                return;
        }
        read_counts(ch, status);
        if (offset > ch->committed) {
                ch->committed = offset;
                ch->moved_ms = sl_mono_ms();
        }
        enum sl_sf_verdict v = status_verdict(status, &code);
        if (v == SL_SF_V_OK || v == SL_SF_V_BUSY || v == SL_SF_V_RETRY)
                return;
        (void)sl_fail(&err, SL_E_SF_RETRY, "Snowflake says %.*s about channel %s", SL_FMT(code), ch->name);
        if (ch->state == SL_SF_READY)
                sl_sf_channel_lost(ch,
                                   v == SL_SF_V_STALE  ? SL_SF_LOSS_FENCED
                                   : v == SL_SF_V_GONE ? SL_SF_LOSS_GONE
                                                       : SL_SF_LOSS_INVALID,
                                   &err);
}

/* --- what the writer asks */

enum sl_sf_channel_state sl_sf_channel_state(const struct sl_sf_channel *ch)
{
        return ch->state;
}

enum sl_sf_loss sl_sf_channel_loss(const struct sl_sf_channel *ch)
{
        return ch->loss;
}

const struct sl_err *sl_sf_channel_error(const struct sl_sf_channel *ch)
{
        return &ch->err;
}

int64_t sl_sf_channel_committed(const struct sl_sf_channel *ch)
{
        return ch->committed;
}

int64_t sl_sf_channel_accepted(const struct sl_sf_channel *ch)
{
        return ch->accepted > ch->committed ? ch->accepted : ch->committed;
}

struct sl_sf_row_counts sl_sf_channel_rows(const struct sl_sf_channel *ch)
{
        return ch->rows;
}

struct sl_sf_row_counts sl_sf_channel_baseline(const struct sl_sf_channel *ch)
{
        return ch->baseline;
}

const char *sl_sf_channel_row_error(const struct sl_sf_channel *ch)
{
        return ch->row_error.len ? sl_buf_cstr((struct sl_buf *)&ch->row_error) : "";
}

uint32_t sl_sf_channel_opens(const struct sl_sf_channel *ch)
{
        return ch->opens;
}

uint32_t sl_sf_channel_losses(const struct sl_sf_channel *ch)
{
        return ch->losses;
}

struct sl_sf_event sl_sf_channel_event(struct sl_sf_channel *ch)
{
        struct sl_sf_event e = ch->event;
        ch->event = (struct sl_sf_event){.type = SL_SF_EV_NONE, .committed = -1, .rewind = -1};
        return e;
}
