/* SPDX-License-Identifier: Apache-2.0 */
/* REST under /dlq: the commands of `sluice dlq` over HTTP, on the worker's brokers. cmd_rest.c has the routes and turns
 * a request into a command, cmd_jobs.c the replays that run on threads of their own. What a command prints with --json
 * is the answer. */
#ifndef SL_DLQ_CMD_REST_H
#define SL_DLQ_CMD_REST_H
#include "cluster/workercfg.h"
#include "dlq/cmd.h"
#include "dlq/job.h"
#include "rest/route.h"

struct sl_dlq_rest;
/* cfg outlives it. */
struct sl_dlq_rest *sl_dlq_rest_new(const struct sl_worker_cfg *cfg);
/* For sl_rest_server_serve; lives as long as r does. */
const struct sl_rest_extra *sl_dlq_rest_routes(struct sl_dlq_rest *r);
/* Everything that runs is told to end; later requests are refused. What replays have done stands. */
void sl_dlq_rest_stop(struct sl_dlq_rest *r);
/* Waits for replays. After the server, whose requests use it. NULL ok. */
void sl_dlq_rest_free(struct sl_dlq_rest *r);

/* --- between cmd_rest.c and cmd_jobs.c */

#define SL_DLQ_REQUEST_ARGS 250
struct sl_dlq_request {
        struct sl_dlq_run run;
        char *args[SL_DLQ_REQUEST_ARGS]; /* run.argv; owned */
        char *out, *say;                 /* what run printed, once flushed; owned */
        size_t out_len, say_len;
        struct sl_dlq_request *next; /* of those that run */
};
/* Note it among those that run; false: the worker is stopping. */
bool sl_dlq_rest_enter(struct sl_dlq_rest *r, struct sl_dlq_request *q);
void sl_dlq_rest_leave(struct sl_dlq_rest *r, struct sl_dlq_request *q);
/* One writer a topic in this worker: false when there is one, whom *ret_who names (the caller frees). */
bool sl_dlq_rest_claim(struct sl_dlq_rest *r, const char *topic, const char *who, char **ret_who);
void sl_dlq_rest_unclaim(struct sl_dlq_rest *r, const char *topic);

void sl_dlq_request_free(struct sl_dlq_rest *r, struct sl_dlq_request *q); /* leaves, too */
/* Flush both streams and answer with the error that a command ended with. */
void sl_dlq_request_fail(struct sl_rest_call *c, struct sl_dlq_request *q, int code);
/* The same as text, which the caller frees. */
char *sl_dlq_request_error(struct sl_dlq_request *q, int code);
int sl_dlq_request_status(int code); /* HTTP's */

/* Begin the replay of a request that is connected, and wait until it has begun; takes q over. false = answered with why
 * not. */
bool sl_dlq_jobs_start(struct sl_rest_call *c, struct sl_dlq_request *q, char id[SL_DLQ_JOB_ID + 1]);
/* The jobs of q's topic, or of all (topic NULL): {"topic","job","state",...} each, as an array; owned by the caller. */
enum sl_rc sl_dlq_jobs_list(struct sl_dlq_rest *r, struct sl_dlq_request *q, const char *topic, json_t **ret);
/* End a replay that runs here, and wait for that; false: none of that name runs here. */
bool sl_dlq_jobs_cancel(struct sl_dlq_rest *r, const char *topic, const char *id);

struct sl_dlq_jobs; /* what cmd_jobs.c keeps */
struct sl_dlq_jobs *sl_dlq_rest_jobs(struct sl_dlq_rest *r);
struct sl_dlq_jobs *sl_dlq_jobs_new(void);
void sl_dlq_jobs_free(struct sl_dlq_jobs *j); /* waits for their threads */
#endif
