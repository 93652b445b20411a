/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a replay that failed again: they come back to the dead-letter topic with the job's id in their headers,
 * which whoever dead-letters them keeps (Connect, Spring Kafka, Kafka Streams do). What does not keep headers, or
 * dead-letters elsewhere, is not seen.
 * @thread one at a time. */
#ifndef SL_DLQ_RETURNS_H
#define SL_DLQ_RETURNS_H
#include "kafka/reader.h"

struct sl_returns {
        struct sl_reader_opts opts; /* the dead-letter topic; what it points at is borrowed */
        const char *job;
        struct sl_reader_part *parts; /* begin: what was not looked at yet */
        uint32_t count;
        uint64_t seen; /* so many have come back */
};
/* From the present ends on. */
enum sl_rc sl_returns_begin(struct sl_returns *r, const struct sl_reader_opts *opts, const char *job,
                            struct sl_err *err);
/* Count what has come since the last look. Cheap when nothing has. */
enum sl_rc sl_returns_look(struct sl_returns *r, struct sl_err *err);
void sl_returns_end(struct sl_returns *r); /* accepts a zeroed struct */
#endif
