/* SPDX-License-Identifier: Apache-2.0 */
/* The server's identity and what it says about a stored position: see identity.h. A timeline's history is text, a line
 * for each timeline before it: "<timeline>\t<lsn where it was left>\t<reason>"; lines may be empty or comments. */
#include <stdio.h>
#include <stdlib.h>
#include "connectors/postgres/identity.h"

#define NEW_SNAPSHOT                                                                                                   \
        "Delete the connector's offsets for a new snapshot, or set sluice.slot.lost to snapshot to have one taken"

enum sl_rc sl_pg_identity_read(PGconn *repl, const struct sl_pg_who *who, struct sl_pg_identity *ret, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        *ret = (struct sl_pg_identity){0};
        SL_TRY(sl_pg_query(repl, who, &res, err, "IDENTIFY_SYSTEM", 0, NULL));
        if (PQntuples(res) != 1 || PQnfields(res) < 2)
                return sl_fail(err, SL_E_PG_PROTOCOL, "the server does not say which one it is");
        snprintf(ret->system, sizeof(ret->system), "%s", PQgetvalue(res, 0, 0));
        ret->timeline = (uint32_t)strtoul(PQgetvalue(res, 0, 1), NULL, 10);
        return SL_OK;
}

bool sl_pg_identity_left(const char *text, uint32_t timeline, uint64_t *ret_lsn)
{
        for (const char *line = text; line && *line;) {
                size_t len = strcspn(line, "\n");
                char *end, lsn[24];
                unsigned long id = strtoul(line, &end, 10);
                if (end > line && end < line + len && id == timeline) {
                        end += strspn(end, " \t");
                        snprintf(lsn, sizeof(lsn), "%.*s", (int)strcspn(end, " \t\r\n"), end);
                        return sl_pg_lsn_parse(lsn, ret_lsn);
                }
                line += len + (line[len] == '\n');
        }
        return false;
}

enum sl_rc sl_pg_identity_check(PGconn *repl, const struct sl_pg_who *who, const struct sl_pg_identity *then,
                                const struct sl_pg_identity *now, uint64_t lsn, struct sl_err *err)
{
        char sql[64], a[24], b[24];
        uint64_t left;
        if (!then->system[0] || !now->system[0])
                return SL_OK;
        if (strcmp(then->system, now->system) != 0)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "the stored offset was written for another server (system identifier %s) than this one "
                               "(%s), so it says nothing about it: correct database.hostname. " NEW_SNAPSHOT,
                               then->system, now->system);
        if (then->timeline == now->timeline)
                return SL_OK;
        sl_auto_pgresult *res = NULL;
        snprintf(sql, sizeof(sql), "TIMELINE_HISTORY %u", now->timeline);
        if (now->timeline > 1) /* the first has no history */
                SL_TRY(sl_pg_query(repl, who, &res, err, sql, 0, NULL));
        if (!res || PQntuples(res) != 1 || PQnfields(res) < 2 ||
            !sl_pg_identity_left(PQgetvalue(res, 0, 1), then->timeline, &left))
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "the stored offset is of timeline %u, and this server's timeline %u does not come from "
                               "it: it was restored from an older backup. " NEW_SNAPSHOT,
                               then->timeline, now->timeline);
        if (lsn <= left)
                return SL_OK;
        return sl_fail(err, SL_E_PG_SLOT_LOST,
                       "the server was promoted to timeline %u at %s, before the stored offset %s of timeline %u: "
                       "changes that are in Kafka never reached it, and what it wrote instead can't be read from "
                       "there. " NEW_SNAPSHOT,
                       now->timeline, sl_pg_lsn_text(a, left), sl_pg_lsn_text(b, lsn), then->timeline);
}

void sl_pg_identity_write(const struct sl_pg_identity *id, struct sl_buf *out)
{
        sl_buf_printf(out, "%s/%u", id->system, id->timeline);
}

bool sl_pg_identity_parse(const char *text, struct sl_pg_identity *ret)
{
        char *end;
        size_t n = strspn(text, "0123456789");
        if (n == 0 || n >= sizeof(ret->system) || text[n] != '/')
                return false;
        snprintf(ret->system, sizeof(ret->system), "%.*s", (int)n, text);
        unsigned long timeline = strtoul(text + n + 1, &end, 10);
        ret->timeline = (uint32_t)timeline;
        return end > text + n + 1 && !*end && timeline >= 1 && timeline <= UINT32_MAX;
}
