/* SPDX-License-Identifier: Apache-2.0 */
/* Stored offsets to text and back: see offset.h for the keys. */
#include <stdlib.h>
#include "base/json.h"
#include "connectors/postgres/offset.h"

static const char *message_type(uint64_t flags)
{
        switch (flags >> 8 & 0xff) {
        case 'I':
                return "INSERT";
        case 'U':
                return "UPDATE";
        case 'D':
                return "DELETE";
        case 'T':
                return "TRUNCATE";
        case 'M':
                return "MESSAGE";
        case 'B':
                return "BEGIN";
        default:
                return "COMMIT";
        }
}

static void times(const struct sl_position *pos, struct sl_buf *out)
{
        if (pos->w[SL_PG_W_FLAGS] & SL_PG_F_XID)
                sl_buf_printf(out, ",\"txId\":%llu", (unsigned long long)pos->w[SL_PG_W_XID]);
        sl_buf_printf(out, ",\"ts_usec\":%lld", (long long)pos->w[SL_PG_W_TIME]);
}

void sl_pg_offset_write(const struct sl_position *pos, const struct sl_pg_identity *server, struct sl_buf *out)
{
        bool inside = pos->w[SL_PG_W_COMMIT] != 0;
        unsigned long long done = pos->w[SL_PG_W_DONE], lsn = inside ? pos->w[SL_PG_W_ROW] : done;
        bool running = pos->w[SL_PG_W_FLAGS] & SL_PG_F_RUNNING;
        if (running || (!inside && pos->w[SL_PG_W_FLAGS] & SL_PG_F_SNAPSHOT)) {
                const char *over = running ? "false" : "true";
                sl_buf_printf(out,
                              "{\"snapshot\":\"INITIAL\",\"last_snapshot_record\":%s,\"snapshot_completed\":%s,"
                              "\"lsn\":%llu",
                              over, over, done);
        } else {
                /* As Debezium: BEGIN completes nothing, nor does a message inside a transaction. */
                bool complete = !inside || (pos->w[SL_PG_W_ORDINAL] && pos->w[SL_PG_W_FLAGS] >> 8 != 'M');
                sl_buf_printf(out, "{\"lsn_proc\":%llu,\"messageType\":\"%s\",\"lsn_commit\":%llu,\"lsn\":%llu",
                              complete ? lsn : done, message_type(pos->w[SL_PG_W_FLAGS]), done, lsn);
        }
        times(pos, out);
        if (inside)
                sl_buf_printf(out, ",\"sluice_txn\":\"%llu/%llu\"", (unsigned long long)pos->w[SL_PG_W_COMMIT],
                              (unsigned long long)pos->w[SL_PG_W_ORDINAL]);
        if (server->system[0]) {
                sl_buf_adds(out, ",\"sluice_server\":\"");
                sl_pg_identity_write(server, out);
                sl_buf_addc(out, '"');
        }
        sl_buf_addc(out, '}');
}

/* true, "true" */
static bool truth(const json_t *obj, const char *key)
{
        const json_t *v = json_object_get(obj, key);
        return json_is_true(v) || (json_is_string(v) && strcmp(json_string_value(v), "true") == 0);
}

static bool row_type(const char *type)
{
        return type && (strcmp(type, "INSERT") == 0 || strcmp(type, "UPDATE") == 0 || strcmp(type, "DELETE") == 0 ||
                        strcmp(type, "TRUNCATE") == 0);
}

static enum sl_rc bad(struct sl_err *err, const char *why)
{
        return sl_fail(err, SL_E_CONFIG,
                       "the offset can't be used: %s. Stop the connector and delete or repair its offsets", why);
}

static enum sl_rc read_txn(const char *text, struct sl_pg_offset *ret, struct sl_err *err)
{
        char *end;
        ret->txn_lsn = strtoull(text, &end, 10);
        if (end == text || *end != '/' || !ret->txn_lsn)
                return bad(err, "sluice_txn is not <commit lsn>/<ordinal>");
        const char *ordinal = end + 1;
        ret->ordinal = strtoull(ordinal, &end, 10);
        if (end == ordinal || *end)
                return bad(err, "sluice_txn is not <commit lsn>/<ordinal>");
        return SL_OK;
}

enum sl_rc sl_pg_offset_read(const char *text, struct sl_pg_offset *ret, struct sl_err *err)
{
        sl_auto_json *j = NULL;
        *ret = (struct sl_pg_offset){0};
        SL_TRY(sl_json_parse(sl_str_c(text), &j, err));
        if (!json_is_object(j))
                return bad(err, "it is not an object");
        const json_t *snapshot = json_object_get(j, "snapshot");
        bool whole = snapshot && !json_is_false(snapshot) && !json_is_null(snapshot) &&
                     !(json_is_string(snapshot) && strcmp(json_string_value(snapshot), "INCREMENTAL") == 0);
        if (whole) {
                ret->snapshot_done = truth(j, "snapshot_completed") || truth(j, "last_snapshot_record");
                ret->snapshot_running = !ret->snapshot_done;
        }
        uint64_t proc = (uint64_t)sl_json_int(j, "lsn_proc", 0), commit = (uint64_t)sl_json_int(j, "lsn_commit", 0);
        ret->lsn = (uint64_t)sl_json_int(j, "lsn", 0);
        ret->xid = (uint64_t)sl_json_int(j, "txId", 0);
        ret->ts_us = sl_json_int(j, "ts_usec", 0);
        ret->has_commit = commit != 0;
        ret->done_lsn = commit ? commit : proc ? proc : ret->lsn;
        if (!ret->done_lsn && !ret->snapshot_running)
                return bad(err, "it has none of lsn_commit, lsn_proc, lsn");
        const char *txn = sl_json_str(j, "sluice_txn"), *server = sl_json_str(j, "sluice_server");
        if (server && !sl_pg_identity_parse(server, &ret->server))
                return bad(err, "sluice_server is not <system identifier>/<timeline>");
        if (txn)
                return read_txn(txn, ret, err);
        /* Without lsn_commit it is the first transaction after a snapshot: done_lsn is then the row's LSN, and that
         * transaction is the first one whose commit lies behind it. lsn_proc may equal lsn_commit: the end of a commit is
         * where the next transaction's first row can stand. */
        const char *type = sl_json_str(j, "messageType"), *xid = sl_json_str(j, "transaction_id");
        if (proc && row_type(type)) {
                ret->foreign_lsn = proc;
                ret->foreign_same = (uint64_t)sl_json_int(j, "lsn_events_processed", 1);
        } else if (type && strcmp(type, "MESSAGE") == 0 && ret->lsn && ret->lsn != commit) { /* inside a transaction */
                ret->foreign_lsn = ret->lsn;
                ret->foreign_same = 1;
                ret->foreign_message = true;
        }
        if (xid)
                ret->foreign_xid = strtoull(xid, NULL, 10);
        return SL_OK;
}
