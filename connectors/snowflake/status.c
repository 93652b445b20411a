/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk status: what is committed, one call a pipe for all its open channels. Often while rows wait for their commit,
 * seldom otherwise: a channel that was invalidated is found without traffic, too. */
#include "connectors/snowflake/client_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

#define BACKOFF_MAX_MS 10000

static void add_segment(struct sl_buf *out, const char *before, const char *name)
{
        sl_buf_adds(out, before);
        sl_sf_encode(out, sl_str_c(name));
}

static struct sl_sf_pipe *find(struct sl_sf_client *c, const struct sl_buf *path)
{
        struct sl_sf_pipe *p = c->pipes;
        while (p && !sl_str_eq((struct sl_str){p->path.ptr, p->path.len}, (struct sl_str){path->ptr, path->len}))
                p = p->next;
        return p;
}

struct sl_sf_pipe *sl_sf_pipe_get(struct sl_sf_client *c, const char *database, const char *schema, const char *pipe)
{
        struct sl_buf quoted = {0}, path = {0};
        sl_buf_addc(&quoted, '"');
        for (const char *p = pipe; *p; p++) {
                if (*p == '"')
                        sl_buf_addc(&quoted, '"');
                sl_buf_addc(&quoted, *p);
        }
        sl_buf_addc(&quoted, '"');
        add_segment(&path, "/databases/", database);
        add_segment(&path, "/schemas/", schema);
        add_segment(&path, "/pipes/", sl_buf_cstr(&quoted));
        struct sl_sf_pipe *found = find(c, &path);
        if (!found) {
                found = sl_calloc(1, sizeof(*found));
                found->name = sl_strdup(pipe);
                found->next = c->pipes;
                c->pipes = found;
                found->last_ms = sl_mono_ms();
                sl_buf_add(&found->path, path.ptr, path.len);
        }
        found->users++;
        sl_buf_free(&quoted);
        sl_buf_free(&path);
        return found;
}

void sl_sf_pipe_put(struct sl_sf_client *c, struct sl_sf_pipe *p)
{
        if (--p->users)
                return;
        struct sl_sf_pipe **at = &c->pipes;
        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
        sl_sf_call_cancel(c, p->call);
        sl_buf_free(&p->path);
        free(p->name);
        free(p);
}

static bool pending(const struct sl_sf_channel *ch)
{
        return ch->committed < ch->accepted;
}

static const char *name_of(const struct sl_sf_channel *ch)
{
        return ch->server_name ? ch->server_name : ch->name;
}

/* A status that was asked for before an open says nothing about the session after it. */
static void spread(struct sl_sf_client *c, struct sl_sf_pipe *p, const json_t *statuses)
{
        for (struct sl_sf_channel *ch = c->channels; ch; ch = ch->next)
                if (ch->pipe == p && ch->asked && ch->asked == ch->opens && sl_sf_channel_live(ch))
                        sl_sf_channel_status(ch, json_object_get(statuses, name_of(ch)));
}

static void lose_all(struct sl_sf_client *c, const struct sl_sf_pipe *p, enum sl_sf_loss loss, const struct sl_err *why)
{
        for (struct sl_sf_channel *ch = c->channels; ch; ch = ch->next)
                if (ch->pipe == p && ch->state == SL_SF_READY)
                        sl_sf_channel_lost(ch, loss, why);
}

static void done(struct sl_sf_call *call, void *arg)
{
        struct sl_sf_pipe *p = call->pipe;
        struct sl_sf_client *c = arg;
        const json_t *statuses = json_object_get(call->answer.body, "channel_statuses");
        enum sl_sf_verdict v = call->answer.verdict;
        p->call = NULL;
        p->last_ms = sl_mono_ms();
        c->counts.statuses++;
        if (v == SL_SF_V_OK && json_is_object(statuses)) {
                p->failures = 0;
                p->next_ms = p->last_ms + c->opts.status_ms;
                spread(c, p, statuses);
        } else {
                p->failures++;
                p->next_ms = p->last_ms + sl_sf_backoff_ms(c, p->failures, BACKOFF_MAX_MS);
                if (v == SL_SF_V_MOVED) {
                        sl_sf_client_forget_host(c, call->host_generation);
                        lose_all(c, p, SL_SF_LOSS_MOVED, &call->err);
                } else if (v == SL_SF_V_GONE || v == SL_SF_V_MISSING) { /* opening them says what is missing */
                        lose_all(c, p, SL_SF_LOSS_GONE, &call->err);
                }
        }
        sl_sf_call_free(call);
        sl_sf_client_due(c, p->next_ms);
}

static void ask(struct sl_sf_client *c, struct sl_sf_pipe *p)
{
        struct sl_sf_call *call =
                sl_sf_call_new("POST", "tell the status of the channels of pipe", p->name, SL_SF_T_INGEST);
        char comma = '[';
        sl_buf_adds(&call->path, "/v2/streaming");
        sl_buf_add(&call->path, p->path.ptr, p->path.len);
        sl_buf_adds(&call->path, ":bulk-channel-status");
        sl_buf_adds(&call->own_body, "{\"channel_names\":");
        for (struct sl_sf_channel *ch = c->channels; ch; ch = ch->next) {
                if (ch->pipe != p)
                        continue;
                ch->asked = sl_sf_channel_live(ch) ? ch->opens : 0;
                if (!ch->asked)
                        continue;
                sl_buf_addc(&call->own_body, comma);
                sl_buf_add_json_str(&call->own_body, name_of(ch), strlen(name_of(ch)));
                comma = ',';
        }
        sl_buf_adds(&call->own_body, "]}");
        call->body = (struct sl_str){call->own_body.ptr, call->own_body.len};
        call->content_type = "application/json";
        call->pipe = p;
        call->done = done;
        call->arg = c;
        p->call = call;
        sl_sf_call_start(c, call);
}

/* When p wants a status call; INT64_MAX = it needs none. */
static int64_t due_of(const struct sl_sf_client *c, const struct sl_sf_pipe *p)
{
        int64_t idle = p->last_ms + c->opts.idle_status_ms, due = INT64_MAX;
        for (const struct sl_sf_channel *ch = c->channels; ch; ch = ch->next) {
                if (ch->pipe != p || !sl_sf_channel_live(ch))
                        continue;
                if (pending(ch))
                        return p->next_ms;
                due = idle > p->next_ms ? idle : p->next_ms;
        }
        return due;
}

void sl_sf_pipes_work(struct sl_sf_client *c, int64_t now)
{
        for (struct sl_sf_pipe *p = c->pipes; p; p = p->next) {
                if (p->call)
                        continue;
                int64_t due = due_of(c, p);
                if (due <= now)
                        ask(c, p);
                else
                        sl_sf_client_due(c, due);
        }
}
