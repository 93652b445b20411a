/* SPDX-License-Identifier: Apache-2.0 */
/* What the server publishes: the captured tables, publication.autocreate.mode, and the tables' replica identities
 * (replica.identity.autoset.values). Facts: PostgreSQL's CREATE and ALTER PUBLICATION. ALTER ... SET TABLE takes no
 * options, and would drop row filters and column lists that somebody gave a table: tables are added and dropped one by one,
 * options are set by a statement of their own. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "connectors/postgres/publication.h"

enum sl_rc sl_pg_tables(PGconn *conn, const struct sl_pg_who *who, const struct sl_pg_filter *f, struct sl_arena *arena,
                        struct sl_pg_table **ret, uint32_t *ret_n, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        SL_TRY(sl_pg_query(conn, who, &res, err,
                           "SELECT c.oid, n.nspname, c.relname, c.relkind, CASE WHEN c.relispartition THEN"
                           " pg_catalog.pg_partition_root(c.oid)::oid END FROM pg_catalog.pg_class c JOIN "
                           "pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                           " WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' ORDER BY n.nspname, c.relname",
                           0, NULL));
        uint32_t n = 0;
        *ret = sl_arena_alloc(arena, ((size_t)PQntuples(res) + 1) * sizeof(**ret));
        for (int i = 0; i < PQntuples(res); i++) {
                if (!sl_pg_filter_table(f, PQgetvalue(res, i, 1), PQgetvalue(res, i, 2)))
                        continue;
                (*ret)[n++] = (struct sl_pg_table){.oid = (uint32_t)strtoul(PQgetvalue(res, i, 0), NULL, 10),
                                                   .root = (uint32_t)strtoul(PQgetvalue(res, i, 4), NULL, 10),
                                                   .kind = PQgetvalue(res, i, 3)[0],
                                                   .schema = sl_arena_strdup(arena, PQgetvalue(res, i, 1)),
                                                   .name = sl_arena_strdup(arena, PQgetvalue(res, i, 2))};
        }
        *ret_n = n;
        return SL_OK;
}

static enum sl_rc captured(struct sl_pg_task *t, struct sl_pg_table **tables, uint32_t *n, struct sl_err *err)
{
        SL_TRY(sl_pg_tables(t->ctl, &t->who, &t->filter, &t->arena, tables, n, err));
        if (*n == 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "no table of database %s matches the include and exclude lists, so publication %s "
                               "can't be created for them: correct table.include.list",
                               t->cfg->dbname, t->cfg->publication);
        return SL_OK;
}

/* Run CREATE or ALTER PUBLICATION and say what to do when rights are missing. */
static enum sl_rc publication_sql(struct sl_pg_task *t, struct sl_buf *sql, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = sl_pg_exec(t->ctl, &t->who, &why, sl_buf_cstr(sql));
        if (rc == SL_OK)
                return SL_OK;
        if (strcmp(why.sqlstate, "42501") == 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "user %s may not do this: %s. Run it as a superuser or the tables' owner: %.500s; "
                               "or set publication.autocreate.mode to filtered with a user that owns the tables",
                               t->cfg->user, why.msg, sl_buf_cstr(sql));
        if (strcmp(why.sqlstate, "25006") == 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "this server is a standby, where publication %s can't be made or changed: run this on its "
                               "primary: %.500s",
                               t->cfg->publication, sl_buf_cstr(sql));
        if (strcmp(why.sqlstate, "42710") == 0) /* somebody else made it just now */
                return SL_OK;
        *err = why;
        sl_err_prefix(err, "publication %s", t->cfg->publication);
        return rc;
}

static void add_name(struct sl_buf *sql, const struct sl_pg_table *table, bool first)
{
        char name[256];
        sl_buf_printf(sql, "%s%s.", first ? "TABLE " : ", ", sl_pg_ident(name, table->schema));
        sl_buf_adds(sql, sl_pg_ident(name, table->name));
}

/* What skipped.operations leaves of "insert, update, delete, truncate"; false: the key is not set, or skips nothing. */
static bool published(const struct sl_pg_cfg *cfg, char out[40])
{
        static const char *const names[] = {"insert", "update", "delete", "truncate"};
        bool skipped[4] = {false};
        if (!cfg->skipped_text)
                return false;
        for (uint32_t i = 0; i < cfg->skipped.count; i++) {
                const char *op = cfg->skipped.items[i], *hit = strlen(op) == 1 ? strchr("cudt", *op) : NULL;
                if (hit)
                        skipped[hit - "cudt"] = true;
        }
        size_t n = 0;
        out[0] = '\0';
        for (int i = 0; i < 4; i++)
                if (!skipped[i])
                        n += (size_t)snprintf(out + n, 40 - n, "%s%s", n ? ", " : "", names[i]);
        return skipped[0] || skipped[1] || skipped[2] || skipped[3];
}

static enum sl_rc create(struct sl_pg_task *t, struct sl_buf *sql, struct sl_err *err)
{
        char name[256], ops[40];
        struct sl_pg_table *tables;
        uint32_t n;
        sl_buf_printf(sql, "CREATE PUBLICATION %s ", sl_pg_ident(name, t->cfg->publication));
        switch ((enum sl_pg_autocreate)t->cfg->autocreate) {
        case SL_PG_PUB_DISABLED:
                return sl_fail(err, SL_E_PG_SETUP,
                               "publication %s does not exist and publication.autocreate.mode is disabled: create "
                               "it (CREATE PUBLICATION %s FOR TABLE ...)",
                               t->cfg->publication, name);
        case SL_PG_PUB_FILTERED:
                SL_TRY(captured(t, &tables, &n, err));
                sl_buf_adds(sql, "FOR ");
                for (uint32_t i = 0; i < n; i++)
                        add_name(sql, &tables[i], i == 0);
                break;
        case SL_PG_PUB_ALL:
                sl_buf_adds(sql, "FOR ALL TABLES");
                break;
        case SL_PG_PUB_NO_TABLES:
                break;
        }
        bool some = published(t->cfg, ops);
        if (t->cfg->via_root || some)
                sl_buf_adds(sql, " WITH (");
        if (t->cfg->via_root)
                sl_buf_adds(sql, "publish_via_partition_root = true");
        if (some)
                sl_buf_printf(sql, "%spublish = '%s'", t->cfg->via_root ? ", " : "", ops);
        if (t->cfg->via_root || some)
                sl_buf_addc(sql, ')');
        return publication_sql(t, sql, err);
}

/* An existing publication. */
struct publication {
        bool all_tables, via_root;
        char ops[40]; /* as published() writes them */
};

static bool has_oid(const PGresult *res, uint32_t oid)
{
        for (int i = 0; i < PQntuples(res); i++)
                if (strtoul(PQgetvalue(res, i, 0), NULL, 10) == oid)
                        return true;
        return false;
}

/* Add the captured tables that are not in it, drop those that are no longer captured. */
static enum sl_rc align_tables(struct sl_pg_task *t, struct sl_buf *sql, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {t->cfg->publication};
        struct sl_pg_table *tables;
        uint32_t n, changes = 0;
        char name[256];
        SL_TRY(captured(t, &tables, &n, err));
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                           "SELECT c.oid, s.nspname, c.relname FROM pg_catalog.pg_publication_rel r"
                           " JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid"
                           " JOIN pg_catalog.pg_class c ON c.oid = r.prrelid"
                           " JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace WHERE p.pubname = $1",
                           1, params));
        sl_pg_ident(name, t->cfg->publication);
        for (uint32_t i = 0; i < n; i++) {
                if (has_oid(res, tables[i].oid))
                        continue;
                if (!changes++)
                        sl_buf_printf(sql, "ALTER PUBLICATION %s ADD ", name);
                add_name(sql, &tables[i], changes == 1);
        }
        if (changes) {
                sl_info("publication %s gets %u more tables", t->cfg->publication, changes);
                SL_TRY(publication_sql(t, sql, err));
        }
        sl_buf_clear(sql);
        changes = 0;
        for (int i = 0; i < PQntuples(res); i++) {
                struct sl_pg_table gone = {.oid = (uint32_t)strtoul(PQgetvalue(res, i, 0), NULL, 10),
                                           .schema = PQgetvalue(res, i, 1),
                                           .name = PQgetvalue(res, i, 2)};
                bool wanted = false;
                for (uint32_t k = 0; k < n && !wanted; k++)
                        wanted = tables[k].oid == gone.oid;
                if (wanted)
                        continue;
                if (!changes++)
                        sl_buf_printf(sql, "ALTER PUBLICATION %s DROP ", name);
                add_name(sql, &gone, changes == 1);
        }
        if (!changes)
                return SL_OK;
        sl_info("publication %s loses %u tables that are not captured", t->cfg->publication, changes);
        return publication_sql(t, sql, err);
}

/* publication.autocreate.mode=filtered keeps the publication equal to what is captured. */
static enum sl_rc align(struct sl_pg_task *t, const struct publication *p, struct sl_buf *sql, struct sl_err *err)
{
        char name[256], ops[40];
        if (p->all_tables)
                return sl_fail(err, SL_E_PG_SETUP,
                               "publication %s is FOR ALL TABLES but publication.autocreate.mode is filtered: drop "
                               "it, choose another publication.name, or set the mode to all_tables",
                               t->cfg->publication);
        SL_TRY(align_tables(t, sql, err));
        sl_buf_clear(sql);
        if (!published(t->cfg, ops) || strcmp(ops, p->ops) == 0)
                return SL_OK;
        sl_buf_printf(sql, "ALTER PUBLICATION %s SET (publish = '%s')", sl_pg_ident(name, t->cfg->publication), ops);
        return publication_sql(t, sql, err);
}

/* Minors before these lose rows of a transaction that is open on a table while the table is added to a publication. */
static void warn_minor(const struct sl_pg_task *t, const struct publication *p)
{
        static const int fixed[] = {130021, 140018, 150013, 160009, 170005};
        int version = PQserverVersion(t->ctl);
        bool old = version < 130000;
        for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
                old |= version / 10000 == fixed[i] / 10000 && version < fixed[i];
        if (old && !p->all_tables)
                sl_warn("this server (%d.%d) can lose changes of transactions that are open on a table while the table is "
                        "added to publication %s: change it only when nobody writes, or update the server (13.21, 14.18, "
                        "15.13, 16.9, 17.5 and later have it right)",
                        version / 10000, version % 10000, t->cfg->publication);
}

static enum sl_rc read_publication(struct sl_pg_task *t, bool *ret_found, struct publication *p, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {t->cfg->publication};
        static const char *const names[] = {"insert", "update", "delete", "truncate"};
        size_t n = 0;
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                           PQserverVersion(t->ctl) >= 130000
                                   ? "SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot"
                                     " FROM pg_catalog.pg_publication WHERE pubname = $1"
                                   : "SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, false"
                                     " FROM pg_catalog.pg_publication WHERE pubname = $1",
                           1, params));
        *p = (struct publication){.all_tables = t->cfg->autocreate == SL_PG_PUB_ALL};
        *ret_found = PQntuples(res) == 1;
        if (!*ret_found)
                return SL_OK;
        p->all_tables = PQgetvalue(res, 0, 0)[0] == 't';
        p->via_root = PQgetvalue(res, 0, 5)[0] == 't';
        for (int i = 0; i < 4; i++)
                if (PQgetvalue(res, 0, 1 + i)[0] == 't')
                        n += (size_t)snprintf(p->ops + n, sizeof(p->ops) - n, "%s%s", n ? ", " : "", names[i]);
        return SL_OK;
}

enum sl_rc sl_pg_publication(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_buf sql = {0};
        struct publication p;
        bool found;
        SL_TRY(read_publication(t, &found, &p, err));
        warn_minor(t, &p);
        if (found && t->cfg->via_root && !p.via_root)
                sl_warn("publish.via.partition.root only counts when the connector makes the publication, and %s exists "
                        "without it: run ALTER PUBLICATION ... SET (publish_via_partition_root = true)",
                        t->cfg->publication);
        enum sl_rc rc = SL_OK;
        if (!found)
                rc = create(t, &sql, err);
        else if (t->cfg->autocreate == SL_PG_PUB_FILTERED)
                rc = align(t, &p, &sql, err);
        sl_buf_free(&sql);
        return rc;
}

/* ---- replica.identity.autoset.values ---- */

static const char *word(const char *p, const char *end, size_t *ret_len)
{
        while (p < end && isspace((unsigned char)*p))
                p++;
        const char *from = p;
        while (p < end && !isspace((unsigned char)*p))
                p++;
        *ret_len = (size_t)(p - from);
        return from;
}

bool sl_pg_identity_item(const char **text, struct sl_pg_identity_rule *ret)
{
        const char *item = *text, *end = item + strcspn(item, ","), *colon = memchr(item, ':', (size_t)(end - item));
        size_t len, words = 0;
        *text = *end ? end + 1 : end;
        *ret = (struct sl_pg_identity_rule){0};
        if (!colon)
                return false;
        const char *expr = word(item, colon, &len);
        if (!len || len >= sizeof(ret->tables) || expr + len != colon)
                return false;
        snprintf(ret->tables, sizeof(ret->tables), "%.*s", (int)len, expr);
        for (const char *p = colon + 1;; p += len, words++) {
                p = word(p, end, &len);
                if (!len)
                        break;
                char *to = words == 0 ? ret->what : ret->index;
                size_t room = words == 0 ? sizeof(ret->what) : sizeof(ret->index);
                if (words > 1 || len >= room)
                        return false;
                snprintf(to, room, "%.*s", (int)len, p);
        }
        for (char *p = ret->what; *p; p++)
                *p = (char)toupper((unsigned char)*p);
        bool index = strcmp(ret->what, "INDEX") == 0;
        return index ? words == 2
                     : words == 1 && (strcmp(ret->what, "DEFAULT") == 0 || strcmp(ret->what, "FULL") == 0 ||
                                      strcmp(ret->what, "NOTHING") == 0);
}

/* The one rule for a table. */
static enum sl_rc find_rule(const char *text, const struct sl_pg_table *table, struct sl_pg_identity_rule *ret,
                            bool *ret_found, struct sl_err *err)
{
        *ret_found = false;
        while (*text) {
                struct sl_pg_identity_rule rule;
                bool hit;
                if (!sl_pg_identity_item(&text, &rule))
                        return sl_fail(err, SL_E_CONFIG,
                                       "replica.identity.autoset.values must be <regular expression>:<DEFAULT, FULL, "
                                       "NOTHING or INDEX name>, separated by commas");
                SL_TRY(sl_pg_regexes_table(rule.tables, table->schema, table->name, &hit, err));
                if (hit && *ret_found)
                        return sl_fail(err, SL_E_CONFIG,
                                       "replica.identity.autoset.values: More than one Regular expressions matched "
                                       "table %s.%s",
                                       table->schema, table->name);
                if (hit)
                        *ret = rule;
                *ret_found |= hit;
        }
        return SL_OK;
}

static enum sl_rc set_identity(struct sl_pg_task *t, const struct sl_pg_table *table,
                               const struct sl_pg_identity_rule *rule, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        struct sl_err why = {0};
        struct sl_buf sql = {0};
        char oid[16], name[256];
        snprintf(oid, sizeof(oid), "%u", table->oid);
        const char *params[] = {oid};
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                           "SELECT relreplident, (SELECT x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x"
                           " ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident)"
                           " FROM pg_catalog.pg_class c WHERE c.oid = $1::oid",
                           1, params));
        if (PQntuples(res) == 0)
                return SL_OK;
        char now = PQgetvalue(res, 0, 0)[0]; /* d, n, f, i */
        if (now == tolower((unsigned char)rule->what[0]) && (now != 'i' || strcmp(PQgetvalue(res, 0, 1), rule->index) == 0))
                return SL_OK;
        sl_buf_printf(&sql, "ALTER TABLE ONLY %s.", sl_pg_ident(name, table->schema));
        sl_buf_adds(&sql, sl_pg_ident(name, table->name));
        sl_buf_printf(&sql, " REPLICA IDENTITY %s", rule->index[0] ? "USING INDEX " : rule->what);
        if (rule->index[0])
                sl_buf_adds(&sql, sl_pg_ident(name, rule->index));
        enum sl_rc rc = sl_pg_exec(t->ctl, &t->who, &why, sl_buf_cstr(&sql));
        if (rc == SL_OK)
                sl_info("replica.identity.autoset.values: %s", sl_buf_cstr(&sql));
        else if (why.sqlstate[0])
                sl_warn("replica.identity.autoset.values: %s failed, the table keeps its identity: %s", sl_buf_cstr(&sql),
                        why.msg);
        else
                *err = why; /* not the statement's fault: a stop, a lost connection */
        sl_buf_free(&sql);
        return rc != SL_OK && !why.sqlstate[0] ? rc : SL_OK;
}

enum sl_rc sl_pg_replica_identities(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_table *tables;
        uint32_t n;
        if (!t->cfg->replica_identity)
                return SL_OK;
        SL_TRY(sl_pg_tables(t->ctl, &t->who, &t->filter, &t->arena, &tables, &n, err));
        for (uint32_t i = 0; i < n; i++) {
                struct sl_pg_identity_rule rule;
                bool found;
                SL_TRY(find_rule(t->cfg->replica_identity, &tables[i], &rule, &found, err));
                if (found)
                        SL_TRY(set_identity(t, &tables[i], &rule, err));
        }
        return SL_OK;
}
