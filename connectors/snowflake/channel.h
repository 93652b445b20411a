/* SPDX-License-Identifier: Apache-2.0 */
/* A channel: one topic-partition's way into a pipe. Offset tokens are decimal Kafka offsets, as the Kafka connector of
 * Snowflake writes them, so that a pipeline moves over in place.
 *
 *   CLOSED --open--> OPENING --409 rows of the last session--> WAIT_UNCOMMITTED --> OPENING ... --> READY
 *   READY --append--> SENDING --200--> READY
 *   SENDING --no answer, 408, 5xx--> AMBIGUOUS --same token, same bytes--> SENDING
 *   SENDING --429, 503, refused login--> BACKPRESSURE --same token, same bytes--> SENDING
 *   any --fenced, invalidated, gone, stalled--> LOST --open--> OPENING
 *   any --for good--> FAILED;   any --revoke--> REVOKED
 *
 * A channel never opens itself: opening fences whoever has it, so the writer opens a LOST one again, and only when it can
 * prove that the partition is still its own (a commit of the group went through). What was in doubt is settled by the reopen:
 * the server's token says what is committed; a batch in doubt that is not, and before which nothing is missing, is sent again
 * from the channel's own copy; else the event REOPENED says where to read again. Never appends with a new token before that. */
#ifndef SL_SNOWFLAKE_CHANNEL_H
#define SL_SNOWFLAKE_CHANNEL_H
#include "connectors/snowflake/client.h"

enum sl_sf_channel_state {
        SL_SF_CLOSED,
        SL_SF_OPENING,
        SL_SF_WAIT_UNCOMMITTED, /* opens when the last session's rows are committed; after safe_open_ms by force */
        SL_SF_READY,
        SL_SF_SENDING,
        SL_SF_AMBIGUOUS,
        SL_SF_BACKPRESSURE,
        SL_SF_LOST,    /* see sl_sf_channel_loss, then sl_sf_channel_open */
        SL_SF_FAILED,  /* see sl_sf_channel_error; stays */
        SL_SF_REVOKED, /* stays */
};
const char *sl_sf_channel_state_name(enum sl_sf_channel_state s);

enum sl_sf_loss {
        SL_SF_LOSS_NONE,
        SL_SF_LOSS_FENCED,  /* the token is stale: another session opened it, or an append in doubt had been taken */
        SL_SF_LOSS_INVALID, /* the server wants it reopened */
        SL_SF_LOSS_GONE,    /* it is not there any more */
        SL_SF_LOSS_MOVED,   /* the pipe went to another host */
        SL_SF_LOSS_DOUBT,   /* an append got no clear answer too often */
        SL_SF_LOSS_STALLED, /* rows were accepted and are not committed after stall_ms */
        SL_SF_LOSS_ASKED,   /* sl_sf_channel_lose */
};

enum sl_sf_encoding { SL_SF_PLAIN, SL_SF_GZIP, SL_SF_ZSTD };

/* Cumulative over the channel's life at the server. */
struct sl_sf_row_counts {
        int64_t inserted, parsed, errors; /* errors: rows that were rejected after they had been accepted */
        int64_t latency_ms;               /* the server's average */
};

struct sl_sf_channel;
/* database and schema as in the config (unquoted or quoted); pipe is its exact name without quotes. All copied. */
struct sl_sf_channel *sl_sf_channel_new(struct sl_sf_client *c, const char *database, const char *schema, const char *pipe,
                                        const char *name);
void sl_sf_channel_free(struct sl_sf_channel *ch); /* breaks off what is on its way; doesn't drop it at the server. NULL ok */

/* Begin to open it: from CLOSED or LOST only, else nothing. forced: don't wait for rows of the last session, the server drops them. */
void sl_sf_channel_open(struct sl_sf_channel *ch, bool forced);
/* The partition is another's: nothing is sent for it any more, ever. What is on its way is broken off. */
void sl_sf_channel_revoke(struct sl_sf_channel *ch);
/* It must be reopened before the next append (its table was altered). From READY only, else nothing: becomes LOST. */
void sl_sf_channel_lose(struct sl_sf_channel *ch);
/* Drop it at the server with its offset token, and open it anew: OPENED comes again, with committed -1. From READY only, else
 * nothing. For a token that belongs to a topic that is no more. */
void sl_sf_channel_drop(struct sl_sf_channel *ch);

enum sl_sf_channel_state sl_sf_channel_state(const struct sl_sf_channel *ch);
/* Why it was lost the last time. */
enum sl_sf_loss sl_sf_channel_loss(const struct sl_sf_channel *ch);
/* FAILED: why. LOST, AMBIGUOUS, BACKPRESSURE, OPENING, WAIT_UNCOMMITTED: what is in the way (SL_E_SF_AUTH stands out), rc SL_OK = nothing. */
const struct sl_err *sl_sf_channel_error(const struct sl_sf_channel *ch);

/* Send rows; READY only. Takes the bytes of body over, which is zeroed, and keeps them until their fate is known. first and last: Kafka offsets that the batch covers, records without a row included. Never with no rows. */
void sl_sf_channel_append(struct sl_sf_channel *ch, struct sl_buf *body, enum sl_sf_encoding encoding, size_t plain_len,
                          int64_t first, int64_t last);
/* After TOO_LARGE: the bytes that were refused go to *body, whose own are freed. */
void sl_sf_channel_take_back(struct sl_sf_channel *ch, struct sl_buf *body);
/* Offset of the last row that is durable, -1 = none known. Never goes back. */
int64_t sl_sf_channel_committed(const struct sl_sf_channel *ch);
/* Last offset of what was accepted (committed or not). committed == accepted and READY: nothing is pending. */
int64_t sl_sf_channel_accepted(const struct sl_sf_channel *ch);
/* Now, and as the first open found them: rows_error counts from earlier runs are no news. */
struct sl_sf_row_counts sl_sf_channel_rows(const struct sl_sf_channel *ch);
struct sl_sf_row_counts sl_sf_channel_baseline(const struct sl_sf_channel *ch);
/* The server's words about the last rejected row, "" = none. Lives until the next work. */
const char *sl_sf_channel_row_error(const struct sl_sf_channel *ch);
/* Opens that succeeded, and how often it was lost. */
uint32_t sl_sf_channel_opens(const struct sl_sf_channel *ch);
uint32_t sl_sf_channel_losses(const struct sl_sf_channel *ch);

enum sl_sf_event_type {
        SL_SF_EV_NONE,
        SL_SF_EV_OPENED,    /* READY for the first time: committed (-1 = no token); skip records up to it. rewind is committed + 1, or -1 */
        SL_SF_EV_REOPENED,  /* READY again; rewind >= 0: rows from there on were lost with the last session, read them again */
        SL_SF_EV_TOO_LARGE, /* the server refused a batch for its size (READY again): take it back, send smaller ones; rewind: its first offset */
};
struct sl_sf_event {
        enum sl_sf_event_type type;
        int64_t committed, rewind;
};
/* The oldest event not asked for yet; type NONE when there is none. */
struct sl_sf_event sl_sf_channel_event(struct sl_sf_channel *ch);
#endif
