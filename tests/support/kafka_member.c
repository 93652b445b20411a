/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's membership and one compacted store, without the worker: for tests that kill and stop it. Takes a command
 * a line on standard input, answers each with a line of JSON, and ends with its input.
 *
 * - kafka_member BOOTSTRAP GROUP TOPIC INSTANCE SESSION_MS HEARTBEAT_MS REBALANCE_MS: a member; the topic exists.
 *   state | prove MS | list | hammer | sleep MS | leave
 * - kafka_member BOOTSTRAP TOPIC: a store; the topic is made.
 *   fence ID (- = plain) | put K=V... | refresh MS | state
 *
 * Members are polled when librdkafka calls, and every second. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "kafka/aside.h"
#include "kafka/compact.h"
#include "kafka/member.h"

static struct sl_props props;
static const struct sl_kafka_cfg cfg = {&props, NULL};
static struct sl_admin *admin;
static struct sl_member *member;
static struct sl_member_state state;
static struct sl_err fatal;
static pthread_t hammerer;
static _Atomic bool hammering;
static struct sl_compact *store;
static struct sl_buf applied;
static uint32_t wakes;
static int wake_fd;

static void wake(void *arg)
{
        uint64_t one = 1;
        ssize_t n = write(wake_fd, &one, sizeof(one));
        (void)arg, (void)n;
}

static void answer(enum sl_rc rc, const struct sl_err *err, int64_t began_us, const char *more)
{
        struct sl_buf out = {0};

        sl_buf_printf(&out, "{\"ok\":%s,\"ms\":%.1f", rc == SL_OK ? "true" : "false",
                      (double)(sl_mono_us() - began_us) / 1000);
        if (rc != SL_OK) {
                sl_buf_printf(&out, ",\"class\":\"%s\",\"id\":\"%s\",\"error\":", sl_rc_name(rc),
                              sl_errid_text(err->id));
                sl_buf_add_json_str(&out, err->msg, strlen(err->msg));
        }
        sl_buf_printf(&out, "%s}\n", more);
        fputs(sl_buf_cstr(&out), stdout);
        fflush(stdout);
        sl_buf_free(&out);
}

/* --- A member --------------------------------------------------------------------------------------------------------
 */

static void poll_member(void)
{
        struct sl_err err = {0};
        if (sl_member_poll(member, &state, &err) != SL_OK)
                fatal = err;
}

static void list(int64_t began)
{
        struct sl_arena arena = {0};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        const char **ids = NULL;
        uint32_t count = 0;
        bool stable = false;
        enum sl_rc rc = sl_member_list(member, 5000, &arena, &ids, &count, &stable, &err);

        sl_buf_printf(&out, ",\"stable\":%s,\"ids\":[", stable ? "true" : "false");
        for (uint32_t i = 0; i < count; i++)
                sl_buf_printf(&out, "%s\"%s\"", i ? "," : "", ids[i]);
        sl_buf_addc(&out, ']');
        answer(rc, &err, began, sl_buf_cstr(&out));
        sl_buf_free(&out);
        sl_arena_free(&arena);
}

static void *hammer(void *arg)
{
        while (hammering)
                if (sl_member_prove(member, 100, NULL) != SL_OK)
                        poll(NULL, 0, 5);
        return arg;
}

static void end_member(void)
{
        if (hammering) {
                hammering = false;
                pthread_join(hammerer, NULL);
        }
        sl_member_free(member);
        member = NULL;
}

static void member_command(char *line, int64_t began)
{
        struct sl_err err = {0};

        if (strncmp(line, "prove ", 6) == 0) {
                enum sl_rc rc = sl_member_prove(member, atoi(line + 6), &err);
                answer(rc, &err, began, "");
        } else if (strcmp(line, "hammer") == 0) {
                hammering = true;
                hammering = pthread_create(&hammerer, NULL, hammer, NULL) == 0;
                answer(SL_OK, NULL, began, "");
        } else if (strcmp(line, "list") == 0) {
                list(began);
        } else if (strncmp(line, "sleep ", 6) == 0) {
                poll(NULL, 0, atoi(line + 6)); /* and nothing is polled */
                answer(SL_OK, NULL, began, "");
        } else if (strcmp(line, "leave") == 0) {
                end_member();
                answer(SL_OK, NULL, began, "");
        } else {
                char more[200];
                poll_member();
                snprintf(more, sizeof(more),
                         ",\"joined\":%s,\"leader\":%s,\"changes\":%lu,\"generation\":%d,\"wakes\":%u",
                         state.joined ? "true" : "false", state.leader ? "true" : "false", state.changes,
                         state.generation, wakes);
                answer(fatal.rc, &fatal, began, more);
        }
}

static enum sl_rc open_member(char **argv, struct sl_err *err)
{
        struct sl_member_opts opts = {.cfg = cfg,
                                      .admin = admin,
                                      .group_id = argv[2],
                                      .topic = argv[3],
                                      .instance_id = argv[4],
                                      .client_id = argv[4],
                                      .session_timeout_ms = atoi(argv[5]),
                                      .heartbeat_ms = atoi(argv[6]),
                                      .rebalance_timeout_ms = atoi(argv[7]),
                                      .wake = wake};
        return sl_member_new(&opts, &member, err);
}

/* --- A store ---------------------------------------------------------------------------------------------------------
 */

static void apply(void *arg, struct sl_str key, struct sl_str value, int64_t offset)
{
        (void)arg, (void)offset;
        sl_buf_printf(&applied, "%s\"%.*s=%.*s\"", applied.len ? "," : "", SL_FMT(key), SL_FMT(value));
}

static enum sl_rc put(char *text, struct sl_err *err)
{
        struct sl_compact_record records[1000];
        uint32_t n = 0;
        char *rest = NULL;

        for (char *word = strtok_r(text, " ", &rest); word && n < 1000; word = strtok_r(NULL, " ", &rest)) {
                char *value = strchr(word, '=');
                static char large[4 << 20];
                records[n].key = (struct sl_str){word, (size_t)(value - word)};
                records[n++].value = value[1] == '@' ? (struct sl_str){large, (size_t)atoi(value + 2)}
                                     : value[1]      ? sl_str_c(value + 1)
                                                     : SL_STR_NULL;
        }
        return sl_compact_put_all(store, records, n, 15000, err);
}

static void store_command(char *line, int64_t began)
{
        struct sl_err err = {0};
        struct sl_buf more = {0};
        enum sl_rc rc = SL_OK;

        if (strncmp(line, "fence ", 6) == 0)
                rc = sl_compact_fence(store, strcmp(line + 6, "-") == 0 ? NULL : line + 6, 15000, &err);
        else if (strncmp(line, "put ", 4) == 0)
                rc = put(line + 4, &err);
        else if (strncmp(line, "refresh ", 8) == 0)
                rc = sl_compact_refresh(store, atoi(line + 8), &err);
        sl_buf_printf(&more, ",\"wakes\":%u,\"applied\":[%s]", wakes, sl_buf_cstr(&applied));
        sl_buf_clear(&applied);
        answer(rc, &err, began, sl_buf_cstr(&more));
        sl_buf_free(&more);
}

static enum sl_rc open_store(char **argv, struct sl_err *err)
{
        struct sl_compact_opts opts = {.cfg = cfg,
                                       .admin = admin,
                                       .topic = argv[2],
                                       .partitions = 1,
                                       .replication = 1,
                                       .role = "config.storage.topic",
                                       .apply = apply,
                                       .wake = wake};
        return sl_compact_open(&opts, 120000, &store, err);
}

/* --- Both ------------------------------------------------------------------------------------------------------------
 */

static void serve(void)
{
        struct sl_err err = {0};

        if (member)
                poll_member();
        if (store && sl_compact_poll(store, &err) != SL_OK)
                sl_log_err(SL_LOG_WARN, &err, "poll");
}

static void run(void)
{
        char line[65536];
        size_t have = 0;
        struct pollfd wait[] = {{.fd = 0, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};

        for (;;) {
                poll(wait, 2, 1000);
                uint64_t count;
                if (wait[1].revents && read(wake_fd, &count, sizeof(count)) > 0)
                        wakes++;
                serve();
                if (!wait[0].revents)
                        continue;
                ssize_t n = read(0, line + have, sizeof(line) - have - 1);
                if (n <= 0)
                        return;
                have += (size_t)n;
                char *end = memchr(line, '\n', have);
                if (!end)
                        continue;
                *end = '\0';
                if (store)
                        store_command(line, sl_mono_us());
                else if (member)
                        member_command(line, sl_mono_us());
                have = 0; /* the other side waits for the answer */
        }
}

int main(int argc, char **argv)
{
        struct sl_err err = {0};

        if (argc != 3 && argc != 8)
                return 2;
        sl_log_init(getenv("MEMBER_DEBUG") ? SL_LOG_DEBUG : SL_LOG_INFO, false);
        sl_props_set(&props, "bootstrap.servers", argv[1]);
        for (int i = 0; getenv("MEMBER_DEBUG") && i < 3; i++) {
                static const char *const clients[] = {"producer", "consumer", "admin"};
                char key[32];
                snprintf(key, sizeof(key), "%s.debug", clients[i]);
                sl_props_set(&props, key, getenv("MEMBER_DEBUG"));
                snprintf(key, sizeof(key), "%s.log_level", clients[i]);
                sl_props_set(&props, key, "7");
        }
        wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        enum sl_rc rc = sl_admin_new(&cfg, "admin", &admin, &err);
        if (rc == SL_OK)
                rc = argc == 8 ? open_member(argv, &err) : open_store(argv, &err);
        if (rc == SL_OK)
                run();
        else
                sl_log_err(SL_LOG_ERROR, &err, "not started");
        end_member();
        sl_compact_close(store);
        sl_admin_free(admin);
        sl_props_free(&props);
        sl_buf_free(&applied);
        sl_kafka_wait_aside(60000); /* exit() frees what clients use */
        return rc == SL_OK ? 0 : 1;
}
