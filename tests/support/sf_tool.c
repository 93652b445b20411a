/* SPDX-License-Identifier: Apache-2.0 */
/* The Snowflake client without a worker and without Kafka: takes a line of standard input as one order and answers each with a
 * line of JSON. sf_tool KEY=VALUE...: url account user role auth (jwt, oauth, pat) key_file passphrase client_id client_secret
 * refresh_token endpoint scope pat scope_role suffix backoff_ms status_ms idle_status_ms safe_open_ms stall_ms answer_ms db schema
 * pipe. Orders, their words apart by tabs; NAME is a channel, made when it is first named:
 *   open NAME [forced]              begin to open it
 *   append NAME FIRST LAST [ENCODING] [PAD]  rows {"ID": FIRST} ... {"ID": LAST}, each with PAD bytes more
 *   until NAME STATE... [MS]        until it is in one of the states, at most MS (30,000)
 *   commit NAME OFFSET              until committed is there, or the channel is LOST or FAILED
 *   lose | revoke | drop | free | state | event | back NAME
 *   work MS | poll | counts | sql STATEMENT [BIND...] */
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/clock.h"
#include "connectors/snowflake/channel.h"
#include "connectors/snowflake/sql.h"

#define CHANNELS_MAX 64
#define WORDS_MAX 24
#define UNTIL_MS 30000

static struct sl_sf_client *client;
static struct {
        char *name;
        struct sl_sf_channel *channel;
} channels[CHANNELS_MAX];
static char **settings;

static const char *setting(const char *name)
{
        size_t n = strlen(name);
        for (char **s = settings; *s; s++)
                if (strncmp(*s, name, n) == 0 && (*s)[n] == '=')
                        return *s + n + 1;
        return NULL;
}

static int64_t number(const char *name)
{
        return setting(name) ? strtoll(setting(name), NULL, 10) : 0;
}

static void print(struct sl_buf *out)
{
        puts(sl_buf_cstr(out));
        fflush(stdout);
        sl_buf_free(out);
}

static void add_err(struct sl_buf *out, const struct sl_err *err)
{
        if (!err || err->rc == SL_OK)
                return;
        sl_buf_printf(out, ",\"class\":\"%s\",\"error\":\"%s\",\"native\":%d,\"sqlstate\":\"%s\",\"message\":",
                      sl_rc_name(err->rc), sl_errid_text(err->id), err->native, err->sqlstate);
        sl_buf_add_json_str(out, err->msg, strlen(err->msg));
}

static void answer(const struct sl_err *err)
{
        struct sl_buf out = {0};
        sl_buf_printf(&out, "{\"ok\":%s", err->rc == SL_OK ? "true" : "false");
        add_err(&out, err);
        sl_buf_addc(&out, '}');
        print(&out);
}

static void work(int64_t most_ms)
{
        struct sl_err err = {0};
        struct sl_wait w = {.timeout_ms = (int)(most_ms > 0 ? most_ms : 0)};
        sl_sf_client_wait(client, &w);
        poll(w.fds, w.count, w.timeout_ms);
        if (sl_sf_client_work(client, &err) != SL_OK) {
                fprintf(stderr, "%s\n", err.msg);
                exit(1);
        }
}

static int find(const char *name)
{
        int i = 0;
        while (i < CHANNELS_MAX - 1 && channels[i].name && strcmp(channels[i].name, name) != 0)
                i++;
        if (!channels[i].name) {
                channels[i].name = sl_strdup(name);
                channels[i].channel = sl_sf_channel_new(client, setting("db"), setting("schema"), setting("pipe"), name);
        }
        return i;
}

static void tell(struct sl_sf_channel *ch)
{
        static const char *const losses[] = {"",     "FENCED", "INVALID", "GONE",
                                             "MOVED", "DOUBT",  "STALLED", "ASKED"};
        struct sl_buf out = {0};
        struct sl_sf_row_counts rows = sl_sf_channel_rows(ch), base = sl_sf_channel_baseline(ch);
        sl_buf_printf(&out,
                      "{\"state\":\"%s\",\"loss\":\"%s\",\"committed\":%lld,\"accepted\":%lld,\"rows\":%lld,\"errors\":%lld,"
                      "\"base_errors\":%lld,\"opens\":%u,\"losses\":%u,\"row_error\":",
                      sl_sf_channel_state_name(sl_sf_channel_state(ch)), losses[sl_sf_channel_loss(ch)],
                      (long long)sl_sf_channel_committed(ch), (long long)sl_sf_channel_accepted(ch), (long long)rows.inserted,
                      (long long)rows.errors, (long long)base.errors, sl_sf_channel_opens(ch), sl_sf_channel_losses(ch));
        const char *why = sl_sf_channel_row_error(ch);
        sl_buf_add_json_str(&out, why, strlen(why));
        add_err(&out, sl_sf_channel_error(ch));
        sl_buf_addc(&out, '}');
        print(&out);
}

static void tell_event(struct sl_sf_channel *ch)
{
        static const char *const types[] = {"NONE", "OPENED", "REOPENED", "TOO_LARGE"};
        struct sl_sf_event e = sl_sf_channel_event(ch);
        struct sl_buf out = {0};
        sl_buf_printf(&out, "{\"event\":\"%s\",\"committed\":%lld,\"rewind\":%lld}", types[e.type], (long long)e.committed,
                      (long long)e.rewind);
        print(&out);
}

static void compress(struct sl_buf *body)
{
        struct sl_buf packed = {0};
        sl_buf_room(&packed, ZSTD_compressBound(body->len));
        packed.len = ZSTD_compress(packed.ptr, packed.cap, body->ptr, body->len, 3);
        sl_buf_free(body);
        *body = packed;
}

static void append(struct sl_sf_channel *ch, char **word, int words)
{
        struct sl_buf body = {0};
        int64_t first = strtoll(word[2], NULL, 10), last = strtoll(word[3], NULL, 10);
        bool zstd = words > 4 && strcmp(word[4], "zstd") == 0;
        uint64_t pad = words > 5 ? strtoull(word[5], NULL, 10) : 0, noise = 88172645463325252u;
        for (int64_t i = first; i <= last; i++) {
                sl_buf_printf(&body, "{\"ID\":%lld", (long long)i);
                if (pad)
                        sl_buf_adds(&body, ",\"PAD\":\"");
                for (uint64_t k = 0; k < pad; k++) {
                        noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
                        sl_buf_addc(&body, (char)('a' + noise % 26));
                }
                sl_buf_adds(&body, pad ? "\"}\n" : "}\n");
        }
        size_t plain = body.len;
        if (zstd)
                compress(&body);
        sl_sf_channel_append(ch, &body, zstd ? SL_SF_ZSTD : SL_SF_PLAIN, plain, first, last);
        sl_buf_free(&body);
}

static void until(struct sl_sf_channel *ch, char **word, int words)
{
        int64_t end = sl_mono_ms() + (strtoll(word[words - 1], NULL, 10) ?: UNTIL_MS);
        for (;;) {
                work(0);
                const char *now = sl_sf_channel_state_name(sl_sf_channel_state(ch));
                bool there = sl_mono_ms() >= end;
                for (int i = 2; i < words; i++)
                        there |= strcmp(word[i], now) == 0;
                if (there)
                        break;
                work(end - sl_mono_ms() < 1000 ? end - sl_mono_ms() : 1000);
        }
        tell(ch);
}

static void commit(struct sl_sf_channel *ch, const char *offset)
{
        int64_t wanted = strtoll(offset, NULL, 10), end = sl_mono_ms() + UNTIL_MS;
        while (sl_sf_channel_committed(ch) < wanted && sl_mono_ms() < end) {
                enum sl_sf_channel_state s = sl_sf_channel_state(ch);
                if (s == SL_SF_LOST || s == SL_SF_FAILED)
                        break;
                work(200);
        }
        tell(ch);
}

static void sql(char **word, int words)
{
        struct sl_sf_statement s = {.text = word[1], .database = setting("db"), .schema = setting("schema")};
        struct sl_sf_rows rows = {0};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        for (int i = 2; i < words && i - 2 < SL_SF_BINDS_MAX; i++)
                s.binds[i - 2] = word[i];
        if (sl_sf_sql_run(client, &s, &rows, &err) != SL_OK) {
                answer(&err);
                return;
        }
        sl_buf_printf(&out, "{\"ok\":true,\"rows\":[");
        for (uint32_t i = 0; i < rows.count; i++) {
                struct sl_str name = sl_sf_rows_get(&rows, i, "NAME");
                sl_buf_adds(&out, i ? "," : "");
                sl_buf_add_json_str(&out, name.ptr ? name.ptr : "", name.len);
        }
        sl_buf_printf(&out, "],\"named\":%s}", sl_sf_rows_has(&rows, "name") ? "true" : "false");
        print(&out);
        sl_sf_rows_free(&rows);
}

static void of_channel(char **word, int words)
{
        int i = find(word[1]);
        struct sl_sf_channel *ch = channels[i].channel;
        if (!strcmp(*word, "open")) {
                sl_sf_channel_open(ch, words > 2);
        } else if (!strcmp(*word, "append") && words >= 4) {
                append(ch, word, words);
        } else if (!strcmp(*word, "until")) {
                until(ch, word, words);
                return;
        } else if (!strcmp(*word, "commit") && words == 3) {
                commit(ch, word[2]);
                return;
        } else if (!strcmp(*word, "event")) {
                tell_event(ch);
                return;
        } else if (!strcmp(*word, "back")) {
                struct sl_buf body = {0};
                sl_sf_channel_take_back(ch, &body);
                printf("{\"bytes\":%zu}\n", body.len);
                fflush(stdout);
                sl_buf_free(&body);
                return;
        } else if (!strcmp(*word, "lose")) {
                sl_sf_channel_lose(ch);
        } else if (!strcmp(*word, "revoke")) {
                sl_sf_channel_revoke(ch);
        } else if (!strcmp(*word, "drop")) {
                sl_sf_channel_drop(ch);
        } else if (!strcmp(*word, "free")) {
                sl_sf_channel_free(ch);
                channels[i].channel = sl_sf_channel_new(client, setting("db"), setting("schema"), setting("pipe"), word[1]);
                ch = channels[i].channel;
        }
        tell(ch);
}

static void order(char *line)
{
        char *word[WORDS_MAX] = {line};
        int words = 0;
        line[strcspn(line, "\n")] = '\0';
        while (line && words < WORDS_MAX)
                word[words++] = strsep(&line, "\t");
        if (!strcmp(*word, "sql") && words > 1) {
                sql(word, words);
        } else if (!strcmp(*word, "work") && words == 2) {
                int64_t end = sl_mono_ms() + strtoll(word[1], NULL, 10);
                while (sl_mono_ms() < end)
                        work(end - sl_mono_ms());
                answer(&(struct sl_err){0});
        } else if (!strcmp(*word, "poll")) {
                sl_sf_client_poll_now(client);
                answer(&(struct sl_err){0});
        } else if (!strcmp(*word, "counts")) {
                struct sl_sf_counts n = sl_sf_client_counts(client);
                printf("{\"requests\":%llu,\"retries\":%llu,\"tokens\":%llu,\"statuses\":%llu,\"throttled\":%llu}\n",
                       (unsigned long long)n.requests, (unsigned long long)n.retries, (unsigned long long)n.tokens,
                       (unsigned long long)n.statuses, (unsigned long long)n.throttled);
                fflush(stdout);
        } else if (words > 1) {
                of_channel(word, words);
        }
}

static char *read_file(const char *path)
{
        struct sl_buf text = {0};
        FILE *f = path ? fopen(path, "r") : NULL;
        for (int c; f && (c = fgetc(f)) != EOF;)
                sl_buf_addc(&text, (char)c);
        if (f)
                fclose(f);
        sl_buf_cstr(&text);
        return text.ptr;
}

static enum sl_rc start(struct sl_err *err)
{
        const char *auth = setting("auth");
        char *key = read_file(setting("key_file"));
        struct sl_sf_client_opts opts = {
                .url = setting("url"),
                .account = setting("account"),
                .user = setting("user"),
                .role = setting("role"),
                .authenticator = !auth                  ? SL_SF_AUTH_JWT
                                 : !strcmp(auth, "pat") ? SL_SF_AUTH_PAT
                                                        : SL_SF_AUTH_OAUTH,
                .private_key = key,
                .passphrase = setting("passphrase"),
                .oauth_client_id = setting("client_id"),
                .oauth_client_secret = setting("client_secret"),
                .oauth_refresh_token = setting("refresh_token"),
                .oauth_endpoint = setting("endpoint"),
                .oauth_scope = setting("scope"),
                .pat = setting("pat"),
                .scope_role = setting("scope_role") != NULL,
                .ingest_suffix = setting("suffix"),
                .ca_file = setting("ca_file"),
                .backoff_ms = number("backoff_ms"),
                .status_ms = number("status_ms"),
                .idle_status_ms = number("idle_status_ms"),
                .safe_open_ms = number("safe_open_ms"),
                .stall_ms = number("stall_ms"),
                .answer_ms = number("answer_ms"),
        };
        enum sl_rc rc = sl_sf_client_new(&opts, &client, err);
        if (key)
                OPENSSL_cleanse(key, strlen(key)); /* the client must not need it any more */
        free(key);
        return rc;
}

int main(int argc, char **argv)
{
        struct sl_err err = {0};
        char *line = NULL;
        size_t room = 0;
        settings = argv + (argc > 0);
        enum sl_rc rc = start(&err);
        answer(&err);
        while (rc == SL_OK && getline(&line, &room, stdin) > 0)
                order(line);
        for (int i = 0; i < CHANNELS_MAX && channels[i].name; i++) {
                sl_sf_channel_free(channels[i].channel);
                free(channels[i].name);
        }
        sl_sf_client_stop(rc == SL_OK ? client : NULL);
        free(line);
        return 0;
}
