/* SPDX-License-Identifier: Apache-2.0 */
/* A connector's offsets as REST shows and changes them (KIP-875). A source's are records of the offsets topic, a sink's
 * are its consumer group's. Texts and status codes are Connect's. Knows no herder: the caller has made sure that the
 * connector is stopped before it changes anything. Calls wait for Kafka, at most SL_OFFSETS_LIMIT_MS for each thing that
 * they ask of it. Keeps no state: any thread. */
#ifndef SL_CLUSTER_OFFSETS_H
#define SL_CLUSTER_OFFSETS_H
#include "cluster/plugins.h"
#include "cluster/workercfg.h"
#include "kafka/admin.h"

#define SL_OFFSETS_LIMIT_MS 15000

struct sl_offsets_of {
        const struct sl_worker_cfg *cfg;
        struct sl_admin *admin; /* the worker's */
        const char *connector;
        const struct sl_props *config;      /* references resolved */
        const struct sl_source_ops *source; /* exactly one of the two */
        const struct sl_sink_ops *sink;
};
/* What becomes of a change: HTTP's status and, for every status, a sentence. */
struct sl_offsets_answer {
        int status;
        char message[1280];
};

/* The array [{"partition":{...},"offset":{...}}]; owned by the caller. */
enum sl_rc sl_offsets_read(const struct sl_offsets_of *of, json_t **ret, struct sl_err *err);
/* offsets: the request's array, its elements {"partition","offset"} objects; NULL = forget all. */
void sl_offsets_change(const struct sl_offsets_of *of, const json_t *offsets, struct sl_offsets_answer *ret);

/* A PATCH's partitions of a sink as group offsets: to be set, and (offset null) to be forgotten. The last element for a
 * partition counts. false: answered with the reason. */
bool sl_offsets_parse_sink(const json_t *offsets, struct sl_offsets *set, struct sl_offsets *forget,
                           struct sl_offsets_answer *ret);

/* What an offsets topic holds for one connector (offsets_source.c). A partition may be there in more than one spelling:
 * Java writes its maps' keys in any order. */
struct sl_stored_offset {
        char *canonical; /* the partition's text with sorted keys: equal for all spellings */
        json_t *partition;
        json_t *offset; /* NULL = tombstone */
};
struct sl_stored_offsets {
        const char *connector;
        struct sl_map rows; /* the record's key as it was written -> struct sl_stored_offset *, newest last */
};
/* One record of an offsets topic; later ones win. Records of others and what can't be read are passed over. */
void sl_stored_offsets_see(struct sl_stored_offsets *s, struct sl_str key, struct sl_str value);
/* The array of REST's answer: what own (first) has, and what below (may be NULL) has beside it. Owned by the caller. */
json_t *sl_stored_offsets_json(const struct sl_stored_offsets *own, const struct sl_stored_offsets *below);
void sl_stored_offsets_free(struct sl_stored_offsets *s);

/* Shared by both kinds. */
void sl_offsets_say(struct sl_offsets_answer *ret, int status, const char *fmt, ...) sl_printf(3, 4);
/* 200 with Connect's sentence. complete: nothing of the connector's positions is kept outside of Kafka. */
void sl_offsets_done(struct sl_offsets_answer *ret, bool reset, bool complete);
enum sl_rc sl_offsets_read_source(const struct sl_offsets_of *of, json_t **ret, struct sl_err *err);
void sl_offsets_change_source(const struct sl_offsets_of *of, const json_t *offsets, struct sl_offsets_answer *ret);
#endif
