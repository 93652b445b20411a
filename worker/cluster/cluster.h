/* SPDX-License-Identifier: Apache-2.0 */
/* This worker among the workers of its group.id. Two mechanisms, both Kafka's:
 *   kafka/member.h     who is alive and who leads (a consumer group with static membership)
 *   kafka/compact.h    what the leader decided, in the topic sluice-cluster-<group.id>:
 *       placement          see placement.h; written by the leader through a transactional producer, so that a leader that was
 *                          frozen and comes back is fenced
 *       worker-<instance>  {"worker_id":"h:8083","url":"http://h:8083","applied":7}: the worker's own, at its start and whenever it
 *                          has ended tasks that were taken from it
 * A restarted worker goes on with what the last placement gave it before the group has settled: it is the same member.
 * @thread the herder's, except sl_cluster_prove */
#ifndef SL_CLUSTER_CLUSTER_H
#define SL_CLUSTER_CLUSTER_H
#include "cluster/placement.h"
#include "cluster/workercfg.h"
#include <stdatomic.h>
#include "kafka/admin.h"

struct sl_cluster;
struct sl_cluster_opts {
        const struct sl_worker_cfg *cfg;
        struct sl_admin *admin;
        const char *worker_id; /* "host:port", as other workers and programs see it */
        const char *url;       /* base URL of this worker's REST */
        const atomic_bool *hurry; /* kafka/compact.h */
        void (*wake)(void *arg); /* something to poll for; from any thread */
        void *arg;
};
/* Opens the topic, reads the placement, starts joining the group. */
enum sl_rc sl_cluster_open(const struct sl_cluster_opts *opts, struct sl_cluster **ret, struct sl_err *err);
/* Leave the group at once. Reads and sl_cluster_prove (which then fails) may still be called. */
void sl_cluster_leave(struct sl_cluster *c);
void sl_cluster_close(struct sl_cluster *c); /* leaves, if that was not done; NULL ok */
/* Serve membership and records, doesn't wait. A fatal failure means that this worker must end. */
enum sl_rc sl_cluster_poll(struct sl_cluster *c, struct sl_err *err);

/* The group says that this worker leads; it acts as the leader after sl_cluster_take_office. */
bool sl_cluster_elected(const struct sl_cluster *c);
bool sl_cluster_leads(const struct sl_cluster *c);
/* Fence the leader before us and read what it left. */
enum sl_rc sl_cluster_take_office(struct sl_cluster *c, struct sl_err *err);
/* Something that a leader writes was fenced or failed: look again before going on. */
void sl_cluster_resign(struct sl_cluster *c);
/* Leader: look at members and wishes and write the next placement if it differs. */
enum sl_rc sl_cluster_place(struct sl_cluster *c, const struct sl_place_conn *conns, uint32_t n, struct sl_err *err);
/* Nothing runs here any more that the current placement doesn't give to this worker: say so, if somebody waits for it. */
enum sl_rc sl_cluster_applied(struct sl_cluster *c, struct sl_err *err);

/* REST's base URL of the leader; NULL: not known at the moment (the group is settling). */
const char *sl_cluster_leader_url(const struct sl_cluster *c);
bool sl_cluster_mine(const struct sl_cluster *c, const char *connector, uint32_t task);
/* Base URL of the task's worker; NULL: nobody has it. */
const char *sl_cluster_owner_url(const struct sl_cluster *c, const char *connector, uint32_t task);
/* How many tasks the placement has for this connector. */
uint32_t sl_cluster_task_count(const struct sl_cluster *c, const char *connector);
int32_t sl_cluster_generation(const struct sl_cluster *c);
/* Grows with every placement. */
uint64_t sl_cluster_version(const struct sl_cluster *c);
/* A leader is known, and the placement is of the group's generation. */
bool sl_cluster_settled(const struct sl_cluster *c);

/* Is this worker a member now, as the group's coordinator sees it? Passes too while a worker that has just been started is not yet
 * in the group. @thread any */
enum sl_rc sl_cluster_prove(struct sl_cluster *c, struct sl_err *err);
#endif
