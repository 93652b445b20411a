/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker runs which task: the record that the leader writes to the cluster's topic and every worker follows, and the rule by
 * which the next one follows from the last. Pure: no Kafka, no clock, no lock.
 *
 * The rule: a task stays where it is while its worker lives; one without a worker goes to the one with the fewest; then tasks move
 * from the fullest to the emptiest worker until they differ by one at most, which moves the least. A task that moves between live
 * workers is first taken away (owner null, from and since say whose it was); it is given on once that worker has said that it
 * ended it. A worker is its group.instance.id.
 *
 * {"version":7,"generation":3,"leader":"h1_8083","url":"http://h1:8083",
 *  "tasks":{"orders":["h1_8083",null,{"from":"h2_8083","since":7}]}} */
#ifndef SL_CLUSTER_PLACEMENT_H
#define SL_CLUSTER_PLACEMENT_H
#include "base/err.h"
#include "base/map.h"

#define SL_TASKS_MAX 10000 /* of a connector: more in a record was not written by a worker */

struct sl_place {
        char *owner;    /* NULL = nobody */
        char *from;     /* whose it was, when that worker must end it first */
        uint64_t since; /* version in which it was taken away */
};
struct sl_placed {
        struct sl_place *tasks;
        uint32_t count;
};
struct sl_placement {
        uint64_t version;   /* 0 = none yet */
        int32_t generation; /* of the group, when it was written */
        char *leader, *leader_url;
        struct sl_map conns; /* name -> struct sl_placed * */
};
struct sl_place_worker {
        const char *id;
        uint64_t applied; /* the version up to which it has ended what was taken from it */
        bool away;        /* keeps what it has and gets nothing: not a member any more, but may come back */
};
struct sl_place_conn {
        const char *name;
        uint32_t tasks;
};
/* Fill ret (zeroed) with the successor of cur; version, generation and leader are left to the caller. workers: those that count.
 * Moves begun here carry `version` as since. */
void sl_placement_next(const struct sl_placement *cur, uint64_t version, const struct sl_place_worker *workers,
                       uint32_t nworkers, const struct sl_place_conn *conns, uint32_t nconns, struct sl_placement *ret);
bool sl_placement_same_tasks(const struct sl_placement *a, const struct sl_placement *b);
/* NULL = no such task. */
const struct sl_place *sl_placement_get(const struct sl_placement *p, const char *connector, uint32_t task);
enum sl_rc sl_placement_parse(struct sl_str text, struct sl_placement *ret, struct sl_err *err);
void sl_placement_dump(const struct sl_placement *p, struct sl_buf *out);
void sl_placement_free(struct sl_placement *p); /* leaves it zeroed */
#endif
