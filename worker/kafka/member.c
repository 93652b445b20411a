/* SPDX-License-Identifier: Apache-2.0 */
/* Membership in a worker cluster over librdkafka's group consumer (see member.h). Rebalances are served by
 * sl_member_poll in the caller's thread; librdkafka calls back for each one, with an empty list when this member's own
 * partitions stay. Being a member is proved by an offset commit, which carries member id and generation to the group's
 * coordinator. librdkafka sends a commit late (after its coordinator was away) with the member id of that moment, and
 * an empty one is answered by FENCED_INSTANCE_ID, which it takes as fatal. So does an answer that comes late to a commit
 * of the membership before this one. After a real fence another member has our group.instance.id: that is how they are
 * told apart, and the handle is made again after a false one. Does not decide who runs what. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "kafka/aside.h"
#include "kafka/kconf.h"
#include "kafka/member.h"

#define FRESH_MS 500
#define PAUSE_MS 20
#define LEAVE_MS 5000
#define ASK_MS 3000
#define JOIN_PATIENCE_MS 2000
#define SOCKET_MOST_MS 300000 /* librdkafka takes no more */
#define POLL_MOST_MS 86400000 /* nor of this */

/* Where a handle thinks it stands in the group. */
struct place {
        char id[320]; /* member id, client id and 36 characters; "" = none */
        int32_t generation;
};
struct sl_member {
        struct sl_member_opts opts; /* texts are copies */
        rd_kafka_t *rk;
        rd_kafka_queue_t *queue;
        pthread_rwlock_t life; /* of rk: held for reading by proofs, for writing while it is replaced */
        bool synced;           /* the group's answer to our last join has arrived */
        bool holding;          /* the partition is assigned to us */
        struct place place;    /* when that answer arrived */
        struct sl_member_state state;
        rd_kafka_resp_err_t told; /* the last transient failure that was logged */
        struct sl_err failure;    /* for good */
        pthread_mutex_t lock;     /* of proved_at */
        int64_t proved_at;        /* when the last request that succeeded was begun; 0 = never */
};

static struct place look(rd_kafka_t *rk)
{
        struct place place = {.generation = -1};
        rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(rk);

        if (!metadata)
                return place;
        snprintf(place.id, sizeof(place.id), "%s", rd_kafka_consumer_group_metadata_member_id(metadata));
        place.generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
        rd_kafka_consumer_group_metadata_destroy(metadata);
        return place;
}

static bool in_group(const struct place *place)
{
        return *place->id && place->generation >= 0;
}

static void pause_ms(int ms)
{
        nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* --- Callbacks, from inside poll -------------------------------------------------------------------------------------
 */

static void note_failure(struct sl_member *m, rd_kafka_resp_err_t code, const char *what)
{
        struct sl_err why = {0};
        enum sl_rc rc = sl_kafka_fail(&why, code, "The cluster's group %s can't be joined: %s", m->opts.group_id, what);

        if (code == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL) {
                if (m->told != code)
                        sl_warn("the cluster's group %s is in use by members of another kind, such as a Java Connect "
                                "worker "
                                "with this group.id: stop them; until then this worker keeps trying and runs nothing",
                                m->opts.group_id);
        } else if (rc == SL_FATAL) {
                if (m->failure.id == SL_E_NONE)
                        m->failure = why;
        } else if (m->told != code) {
                sl_log_err(SL_LOG_WARN, &why, "cluster membership; trying again");
        }
        m->told = code;
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *parts, void *opaque)
{
        struct sl_member *m = opaque;
        rd_kafka_error_t *e = NULL;

        m->state.changes++;
        if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
                e = rd_kafka_incremental_assign(rk, parts);
                if (parts->cnt && !e)
                        rd_kafka_pause_partitions(rk, parts);
                m->holding |= parts->cnt > 0;
                m->synced = true;
                m->place = look(rk);
                m->told = RD_KAFKA_RESP_ERR_NO_ERROR;
        } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
                m->holding &= parts->cnt == 0;
                e = rd_kafka_incremental_unassign(rk, parts);
        } else {
                m->holding = m->synced = false;
                note_failure(m, code, rd_kafka_err2str(code));
                rd_kafka_assign(rk, NULL);
        }
        if (e) { /* the handle is ending, or fatal: poll tells */
                sl_debug("cluster membership: %s", rd_kafka_error_string(e));
                rd_kafka_error_destroy(e);
        }
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
        (void)rk;
        if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL)
                note_failure(opaque, (rd_kafka_resp_err_t)code, reason);
}

/* In one of librdkafka's threads. */
static void on_event(rd_kafka_t *rk, void *opaque)
{
        struct sl_member *m = opaque;

        (void)rk;
        m->opts.wake(m->opts.arg);
}

/* --- The handle ------------------------------------------------------------------------------------------------------
 */

static enum sl_rc configure(const struct sl_member *m, rd_kafka_conf_t *conf, struct sl_err *err)
{
        char session[16], heartbeat[16], rebalance[16], limit[16], why[256];
        const char *const forced[] = {
                "group.id", m->opts.group_id, "group.instance.id", m->opts.instance_id, "group.protocol", "classic",
                "partition.assignment.strategy", "cooperative-sticky", "session.timeout.ms", session,
                "heartbeat.interval.ms", heartbeat,
                /* Also how long a rebalance waits for a live member that does not come, and how long the answer to JoinGroup is
                   waited for: one that got lost with its connection's other end keeps us out for so long. */
                "max.poll.interval.ms", rebalance,
                /* A rebalance is not gone through while a commit, one of our proofs, has no answer: librdkafka gives up one
                   that waits for a coordinator that was away after this time. Joining has a limit of its own. */
                "socket.timeout.ms", limit, "topic.metadata.refresh.interval.ms", "2000", "enable.auto.commit",
                "false", "enable.auto.offset.store", "false", "enable.partition.eof", "false",
                "allow.auto.create.topics", "false", "queued.max.messages.kbytes", "1024", NULL};

        const int wait = m->opts.rebalance_timeout_ms;
        snprintf(session, sizeof(session), "%d", m->opts.session_timeout_ms);
        snprintf(heartbeat, sizeof(heartbeat), "%d", m->opts.heartbeat_ms);
        snprintf(rebalance, sizeof(rebalance), "%d",
                 wait < m->opts.session_timeout_ms ? m->opts.session_timeout_ms
                 : wait > POLL_MOST_MS             ? POLL_MOST_MS
                                                   : wait); /* as librdkafka takes it */
        snprintf(limit, sizeof(limit), "%d",
                 m->opts.session_timeout_ms < SOCKET_MOST_MS ? m->opts.session_timeout_ms : SOCKET_MOST_MS);
        for (size_t i = 0; forced[i]; i += 2)
                if (rd_kafka_conf_set(conf, forced[i], forced[i + 1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
                        return sl_fail(err, SL_E_CONFIG, "Invalid value %s for the cluster membership's %s: %s",
                                       forced[i + 1], forced[i], why);
        return SL_OK;
}

static enum sl_rc start(struct sl_member *m, struct sl_err *err)
{
        rd_kafka_conf_t *conf;
        char why[512];

        SL_TRY(sl_kconf_new(&m->opts.cfg, SL_K_CONSUMER, m->opts.client_id, &conf, err));
        enum sl_rc rc = configure(m, conf, err);
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_opaque(conf, m);
        m->rk = rc == SL_OK ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why)) : NULL;
        if (!m->rk) {
                rd_kafka_conf_destroy(conf);
                return rc != SL_OK ? rc
                                   : sl_fail(err, SL_E_CONFIG, "The cluster membership's configuration is refused: %s",
                                             why);
        }
        rd_kafka_poll_set_consumer(m->rk);
        m->queue = rd_kafka_queue_get_consumer(m->rk);
        if (m->opts.wake)
                rd_kafka_queue_cb_event_enable(m->queue, on_event, m);
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, m->opts.topic, RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t code = rd_kafka_subscribe(m->rk, topics);
        rd_kafka_topic_partition_list_destroy(topics);
        return code ? sl_kafka_fail(err, code, "Topic %s can't be subscribed to", m->opts.topic) : SL_OK;
}

/* Serve rebalances and errors that are there. */
static void serve(struct sl_member *m)
{
        rd_kafka_message_t *message;

        while ((message = rd_kafka_consumer_poll(m->rk, 0))) {
                if (message->err && message->err != RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED &&
                    message->err != RD_KAFKA_RESP_ERR__FATAL)
                        note_failure(m, message->err, rd_kafka_message_errstr(message));
                rd_kafka_message_destroy(message);
        }
}

static void end_handle(void *rk)
{
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/* Give up the handle, leaving the group if there is time for it. Closing alone keeps a static member's place: so
 * unsubscribe, wait until the request to leave is on its way, and let the close wait for its answer. */
static void stop(struct sl_member *m, int64_t deadline)
{
        if (!m->rk)
                return;
        if (m->queue)
                rd_kafka_queue_cb_event_enable(m->queue, NULL, NULL);
        if (sl_mono_ms() < deadline && !rd_kafka_fatal_error(m->rk, NULL, 0)) {
                rd_kafka_unsubscribe(m->rk);
                for (serve(m); *look(m->rk).id && sl_mono_ms() < deadline; serve(m))
                        pause_ms(PAUSE_MS / 4);
                rd_kafka_queue_t *last = rd_kafka_queue_new(m->rk);
                rd_kafka_error_t *e = rd_kafka_consumer_close_queue(m->rk, last);
                if (e)
                        rd_kafka_error_destroy(e);
                while (!e && !rd_kafka_consumer_closed(m->rk) && sl_mono_ms() < deadline) {
                        rd_kafka_message_t *message = NULL;
                        if (rd_kafka_consume_batch_queue(last, PAUSE_MS, &message, 1) > 0)
                                rd_kafka_message_destroy(message);
                }
                rd_kafka_queue_destroy(last);
        }
        if (m->queue)
                rd_kafka_queue_destroy(m->queue);
        sl_kafka_aside(end_handle, m->rk); /* it waits for proofs whose answers are not there yet; none calls back */
        m->queue = NULL;
        m->rk = NULL;
}

enum sl_rc sl_member_new(const struct sl_member_opts *opts, struct sl_member **ret, struct sl_err *err)
{
        struct sl_member *m = sl_calloc(1, sizeof(*m));

        m->opts = *opts;
        m->opts.group_id = sl_strdup(opts->group_id);
        m->opts.topic = sl_strdup(opts->topic);
        m->opts.instance_id = sl_strdup(opts->instance_id);
        m->opts.client_id = sl_strdup(opts->client_id);
        m->state.generation = -1;
        pthread_rwlock_init(&m->life, NULL);
        pthread_mutex_init(&m->lock, NULL);
        enum sl_rc rc = start(m, err);
        if (rc != SL_OK) {
                stop(m, 0);
                sl_member_free(m);
                return rc;
        }
        *ret = m;
        return SL_OK;
}

void sl_member_free(struct sl_member *m)
{
        if (!m)
                return;
        if (m->rk) {
                /* A join that is under way has no member id yet to leave with. */
                int64_t now = sl_mono_ms();
                for (serve(m); !*look(m->rk).id && !rd_kafka_fatal_error(m->rk, NULL, 0) &&
                               m->failure.id == SL_E_NONE && sl_mono_ms() < now + JOIN_PATIENCE_MS;
                     serve(m))
                        pause_ms(PAUSE_MS);
                stop(m, now + LEAVE_MS);
        }
        pthread_rwlock_destroy(&m->life);
        pthread_mutex_destroy(&m->lock);
        free((char *)m->opts.group_id);
        free((char *)m->opts.topic);
        free((char *)m->opts.instance_id);
        free((char *)m->opts.client_id);
        free(m);
}

/* --- Polling ---------------------------------------------------------------------------------------------------------
 */

/* The coordinator calls FENCED_INSTANCE_ID who comes with another member id than the one that has our group.instance.id.
 * Is that another process? Not known for sure = it is not: we are told again. */
static bool has_successor(struct sl_member *m, const struct place *now)
{
        struct sl_arena arena;
        const struct sl_group_member *members = NULL;
        uint32_t count = 0;
        bool stable, other = false;

        if (strcmp(now->id, m->place.id) != 0) /* between two memberships: the commit had no id or an old one */
                return false;
        sl_arena_init(&arena, 1024);
        if (sl_admin_group_members(m->opts.admin, m->opts.group_id, ASK_MS, &arena, &members, &count, &stable, NULL) !=
            SL_OK)
                count = 0;
        for (uint32_t i = 0; i < count; i++)
                other |= strcmp(members[i].instance, m->opts.instance_id) == 0 && strcmp(members[i].id, now->id) != 0;
        sl_arena_free(&arena);
        return other;
}

/* librdkafka has ended the handle. *ret_false: without need, see the head of this file. */
static void judge_fatal(struct sl_member *m, const struct place *now, bool *ret_false)
{
        char text[512];
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(m->rk, text, sizeof(text));
        enum sl_rc ignored = SL_OK;

        *ret_false = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && m->failure.id == SL_E_NONE &&
                     !has_successor(m, now);
        if (!code || *ret_false || m->failure.id != SL_E_NONE)
                return;
        if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
                ignored = sl_fail(&m->failure, SL_E_KAFKA_FATAL,
                                  "Another worker has joined the cluster %s as %s and has taken this one's place: two "
                                  "workers must not have the same address (rest.advertised.host.name and "
                                  "rest.advertised.port)",
                                  m->opts.group_id, m->opts.instance_id);
        else
                ignored = sl_fail(&m->failure, SL_E_KAFKA_FATAL, "The membership in the cluster %s can't go on: %s",
                                  m->opts.group_id, text);
        m->failure.native = code;
        (void)ignored; /* kept in m->failure */
}

/* A new handle, unless a proof is using the old one: then at the next poll. */
static enum sl_rc make_again(struct sl_member *m, struct sl_err *err)
{
        if (pthread_rwlock_trywrlock(&m->life) != 0)
                return SL_OK;
        stop(m, 0);
        m->holding = m->synced = false;
        enum sl_rc rc = start(m, err);
        pthread_rwlock_unlock(&m->life);
        return rc;
}

enum sl_rc sl_member_poll(struct sl_member *m, struct sl_member_state *ret, struct sl_err *err)
{
        bool again, was = m->state.joined;

        serve(m);
        struct place place = look(m->rk);
        judge_fatal(m, &place, &again);
        if (!in_group(&place) || again || m->failure.id != SL_E_NONE)
                m->synced = false;
        m->state.joined = m->synced;
        m->state.leader = m->synced && m->holding;
        m->state.generation = m->synced ? place.generation : -1;
        if (was && !m->synced)
                m->state.changes++;
        *ret = m->state;
        if (m->failure.id != SL_E_NONE) {
                if (err && err->id == SL_E_NONE)
                        *err = m->failure;
                return m->failure.rc;
        }
        return again ? make_again(m, err) : SL_OK;
}

/* --- Proof -----------------------------------------------------------------------------------------------------------
 */

static bool is_fresh(struct sl_member *m)
{
        pthread_mutex_lock(&m->lock);
        bool fresh = m->proved_at && sl_mono_ms() - m->proved_at < FRESH_MS;
        pthread_mutex_unlock(&m->lock);
        return fresh;
}

/* Commit offset 0. */
static rd_kafka_resp_err_t commit(struct sl_member *m, int timeout_ms)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_queue_t *answers = rd_kafka_queue_new(m->rk);

        rd_kafka_topic_partition_list_add(list, m->opts.topic, 0)->offset = 0;
        rd_kafka_resp_err_t code = rd_kafka_commit_queue(m->rk, list, answers, NULL, NULL);
        if (!code) {
                rd_kafka_event_t *event = rd_kafka_queue_poll(answers, timeout_ms);
                code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
                const rd_kafka_topic_partition_list_t *done = event ? rd_kafka_event_topic_partition_list(event) : NULL;
                if (!code && done && done->cnt)
                        code = done->elems[0].err;
                if (event)
                        rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(answers);
        rd_kafka_topic_partition_list_destroy(list);
        return code;
}

/* One question. *ret_again: a rebalance is under way. */
static enum sl_rc ask(struct sl_member *m, int timeout_ms, bool *ret_again, struct sl_err *err)
{
        *ret_again = false;
        struct place before = look(m->rk);
        if (!in_group(&before)) /* a commit without a generation would be taken from anybody while the group is empty */
                return sl_fail(err, SL_E_KAFKA, "This worker is not a member of the cluster %s at the moment",
                               m->opts.group_id);
        rd_kafka_resp_err_t code = commit(m, timeout_ms);
        if (!code) {
                struct place after = look(m->rk);
                if (after.generation == before.generation && strcmp(after.id, before.id) == 0)
                        return SL_OK;
                code = RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
        }
        *ret_again = code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
        if (err)
                err->native = code;
        return sl_fail(err, SL_E_KAFKA, "This worker's membership in the cluster %s is not confirmed: %s",
                       m->opts.group_id, rd_kafka_err2str(code)); /* what is final is for poll to tell */
}

enum sl_rc sl_member_prove(struct sl_member *m, int timeout_ms, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;

        if (is_fresh(m))
                return SL_OK;
        for (;;) {
                struct sl_err why = {0};
                bool again;
                int64_t asked = sl_mono_ms();
                int64_t left = deadline - asked;
                pthread_rwlock_rdlock(&m->life);
                enum sl_rc rc = ask(m, left < 1 ? 1 : (int)left, &again, &why);
                pthread_rwlock_unlock(&m->life);
                if (rc == SL_OK) {
                        pthread_mutex_lock(&m->lock);
                        m->proved_at = asked > m->proved_at ? asked : m->proved_at;
                        pthread_mutex_unlock(&m->lock);
                        return SL_OK;
                }
                if (!again || sl_mono_ms() >= deadline) {
                        if (err && err->id == SL_E_NONE)
                                *err = why;
                        return rc;
                }
                pause_ms(PAUSE_MS);
        }
}

enum sl_rc sl_member_list(struct sl_member *m, int timeout_ms, struct sl_arena *arena, const char ***ret,
                          uint32_t *ret_count, bool *ret_stable, struct sl_err *err)
{
        const struct sl_group_member *members;

        SL_TRY(sl_admin_group_members(m->opts.admin, m->opts.group_id, timeout_ms, arena, &members, ret_count,
                                      ret_stable, err));
        *ret = sl_arena_alloc(arena, (*ret_count + 1) * sizeof(**ret));
        for (uint32_t i = 0; i < *ret_count; i++)
                (*ret)[i] = members[i].instance;
        return SL_OK;
}
