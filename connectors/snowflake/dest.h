/* SPDX-License-Identifier: Apache-2.0 */
/* A table that topics of a task go to: its pipe, its description, and what makes rows for it. All topics with the same table
 * share one. Used by the task's thread; what asks Snowflake waits for the answer (sql.h), with the client's tick. */
#ifndef SL_SF_DEST_H
#define SL_SF_DEST_H
#include "connectors/snowflake/config.h"
#include "connectors/snowflake/names.h"
#include "connectors/snowflake/rows.h"
#include "connectors/snowflake/table.h"

struct sl_sf_dest {
        char *name; /* as stored */
        struct sl_buf pipe;
        struct sl_sf_table *table;
        struct sl_sf_encoder *encoder;
        uint64_t serial;               /* of the description that the encoder has; the table may have freed it since */
        uint32_t altered;              /* grows with each change of its columns that a record was in want of: channels are opened again */
        bool ready;
        bool checked; /* rows are compared with desc; false: Snowflake alone says what it makes of them */
        bool silent;  /* the warning about lost rejects was given */
        bool current_due; /* sluice.snowflake.cdc: the table of current rows has to be made, or made anew */
        int64_t current_ms; /* not before: its statement failed */
        int64_t again_ms;   /* when it was described because a record did not fit */
};
struct sl_sf_dests {
        const struct sl_sf_cfg *cfg;
        struct sl_sf_client *client;
        struct sl_sf_names *names;
        const char *account; /* host */
        enum sl_rc (*tick)(void *arg, struct sl_err *err); /* the task's */
        void *tick_arg;
        struct sl_sf_dest **items;
        uint32_t count, cap;
};

/* The destination of a topic; made, but not ready, when it is new. Lives as long as the destinations. */
struct sl_sf_dest *sl_sf_dest_of(struct sl_sf_dests *ts, const char *topic);
/* Make or find the table, describe it, choose the pipe. Does nothing when it is ready and its description is young enough. */
enum sl_rc sl_sf_dest_prepare(struct sl_sf_dests *ts, struct sl_sf_dest *t, struct sl_err *err);
/* After SL_SF_ROW_EVOLVE: change the table as the last row needs it. */
enum sl_rc sl_sf_dest_evolve(struct sl_sf_dests *ts, struct sl_sf_dest *t, struct sl_err *err);
/* A record does not fit: somebody may have changed the table since it was described. *ret: it is described anew, which happens every
 * two seconds at most; try the record once more. */
enum sl_rc sl_sf_dest_again(struct sl_sf_dests *ts, struct sl_sf_dest *t, bool *ret, struct sl_err *err);
/* sluice.snowflake.cdc: make the table of current rows when it is due and a key was seen. Never fails: what Snowflake
 * refuses is logged, and tried again after some minutes, because the rows themselves are safe. */
void sl_sf_dest_current(struct sl_sf_dests *ts, struct sl_sf_dest *t);
/* The offset that version 3's channel of this partition had, which becomes the token of ours; -1 = none (strict: an error). */
enum sl_rc sl_sf_dest_migrate(struct sl_sf_dests *ts, struct sl_sf_dest *t, const char *old_channel, const char *channel,
                                int64_t *ret, struct sl_err *err);
void sl_sf_dests_free(struct sl_sf_dests *ts); /* names and client are the caller's */
#endif
