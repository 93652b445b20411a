/* SPDX-License-Identifier: Apache-2.0 */
/* What the server publishes: see publication.c. */
#ifndef SL_POSTGRES_PUBLICATION_H
#define SL_POSTGRES_PUBLICATION_H
#include "connectors/postgres/task.h"

/* The publication as publication.autocreate.mode wants it: created, kept equal to the captured tables, or refused.
 * SL_E_PG_SETUP with what to do. */
enum sl_rc sl_pg_publication(struct sl_pg_task *t, struct sl_err *err);
/* replica.identity.autoset.values; a table that can't be altered is logged. */
enum sl_rc sl_pg_replica_identities(struct sl_pg_task *t, struct sl_err *err);

/* One item of that key, "<regular expression>:<identity>". *text moves behind it; false: it is malformed. */
struct sl_pg_identity_rule {
        char tables[400];
        char what[8];   /* DEFAULT, FULL, NOTHING, INDEX */
        char index[64]; /* of INDEX */
};
bool sl_pg_identity_item(const char **text, struct sl_pg_identity_rule *ret);
#endif
