/* SPDX-License-Identifier: Apache-2.0 */
/* What a server must have before a connector can run, for `sluice validate` and PUT .../config/validate: settings, rights,
 * slot, publication, tables and their columns. One connection, five queries (and one a type that is not built in), all
 * within connection.validation.timeout.ms. What would make the task fail is an error, what would surprise a warning; each
 * says the SQL that mends it, on the key where a user would look.
 *
 * It changes nothing on the server, and does not know the connector's offset: whether the slot has what that needs is
 * found at the start (setup.c). */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "connectors/postgres/slot.h"

#define SHOWN 8 /* names in a message */

struct names {
        struct sl_buf text;
        uint32_t n;
};
struct table {
        uint32_t oid;
        char kind, identity;
        bool partition, has_key, usage, owner, published, hidden_rows, derived, snapshot;
        const char *schema, *name;
};
struct check {
        const struct sl_pg_cfg *cfg;
        struct sl_cfg_report *r;
        struct sl_pg_who who;
        PGconn *conn;
        struct sl_arena arena;
        struct sl_pg_filter filter;
        bool slotless; /* initial_only: neither slot nor publication */
        bool super, cloud_admin, standby, may_create, slot_exists, slot_ours;
        bool pub_exists, pub_all, pub_owner, pub_generated, via_root;
        int version, slots, slots_used, senders, senders_used;
        const char *user;
        struct table *tables;
        uint32_t n;
};

static const char server_sql[] =
        "SELECT current_setting('wal_level'), r.rolsuper, r.rolreplication, pg_is_in_recovery(),"
        " current_setting('max_replication_slots'), (SELECT count(*) FROM pg_catalog.pg_replication_slots),"
        " current_setting('max_wal_senders'), (SELECT count(*) FROM pg_catalog.pg_stat_replication),"
        " has_database_privilege(current_database(), 'CREATE'), current_setting('rds.logical_replication', true),"
        " current_setting('cloudsql.logical_decoding', true), current_setting('azure.replication_support', true),"
        " current_setting('max_slot_wal_keep_size', true), current_setting('idle_replication_slot_timeout', true),"
        " current_setting('synchronized_standby_slots', true), current_user,"
        " EXISTS (SELECT FROM pg_catalog.pg_roles a WHERE a.rolname IN ('rds_superuser', 'cloudsqlsuperuser',"
        " 'azure_pg_admin') AND pg_has_role(a.oid, 'member')),"
        " EXISTS (SELECT FROM pg_catalog.pg_roles a WHERE a.rolname IN ('rds_superuser', 'rdsadmin', 'rdsrepladmin',"
        " 'rds_replication') AND pg_has_role(a.oid, 'member'))"
        " FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
enum { V_WAL_LEVEL, V_SUPER, V_REPLICATION, V_STANDBY, V_SLOTS, V_SLOTS_USED, V_SENDERS, V_SENDERS_USED, V_CREATE, V_RDS,
       V_CLOUDSQL, V_AZURE, V_KEEP, V_IDLE, V_SYNCED, V_USER, V_CLOUD_ADMIN, V_RDS_REPLICATION };
/* Columns that only newer servers have are read through JSON. */
static const char slot_sql[] =
        "SELECT s.plugin, s.database = current_database(), s.active, to_jsonb(s)->>'wal_status', s.restart_lsn IS NULL,"
        " coalesce(to_jsonb(s)->>'invalidation_reason', CASE to_jsonb(s)->>'conflicting' WHEN 'true' THEN 'conflict' END),"
        " (SELECT a.application_name = current_setting('application_name') FROM pg_catalog.pg_stat_activity a"
        " WHERE a.pid = s.active_pid), to_jsonb(s)->>'two_phase', s.temporary, to_jsonb(s)->>'failover'"
        " FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1";
enum { S_PLUGIN, S_HERE, S_ACTIVE, S_WAL, S_NO_LSN, S_INVALID, S_OURS, S_TWO_PHASE, S_TEMPORARY, S_FAILOVER };
static const char publication_sql[] =
        "SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, to_jsonb(p)->>'pubviaroot',"
        " to_jsonb(p)->>'pubgencols', pg_has_role(pubowner, 'USAGE') FROM pg_catalog.pg_publication p WHERE pubname = $1";
enum { P_ALL, P_INSERT, P_UPDATE, P_DELETE, P_TRUNCATE, P_ROOT, P_GENERATED, P_OWNER };
static const char tables_sql[] =
        "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relreplident,"
        " EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND CASE c.relreplident"
        " WHEN 'i' THEN i.indisreplident ELSE i.indisprimary AND i.indimmediate END),"
        " has_schema_privilege(n.oid, 'USAGE'), pg_has_role(c.relowner, 'USAGE'), p.tablename IS NOT NULL,"
        " row_security_active(c.oid),"
        " EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attgenerated <> ''"
        " AND NOT a.attisdropped)"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN (SELECT DISTINCT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = $1) p"
        " ON p.schemaname = n.nspname AND p.tablename = c.relname"
        " WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' ORDER BY n.nspname, c.relname";
enum { T_OID, T_SCHEMA, T_NAME, T_KIND, T_PARTITION, T_IDENTITY, T_KEY, T_USAGE, T_OWNER, T_PUBLISHED, T_HIDDEN, T_DERIVED };
static const char columns_sql[] =
        "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, has_column_privilege(a.attrelid, a.attnum, 'SELECT'),"
        " pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a"
        " WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " ORDER BY a.attrelid, a.attnum";
enum { C_TABLE, C_NAME, C_TYPE, C_TYPMOD, C_SELECT, C_SAID };

static bool yes(const PGresult *res, int column)
{
        return PQgetvalue(res, 0, column)[0] == 't';
}

static bool is(const PGresult *res, int column, const char *text)
{
        return strcmp(PQgetvalue(res, 0, column), text) == 0;
}

/* Add "schema"."table" (column NULL) or schema.table.column (type). */
static void name(struct names *l, const struct table *t, const char *column, const char *type)
{
        char a[256], b[256];
        if (l->n++ >= SHOWN)
                return;
        sl_buf_adds(&l->text, l->n > 1 ? ", " : "");
        if (column)
                sl_buf_printf(&l->text, "%s.%s.%s (%s)", t->schema, t->name, column, type);
        else
                sl_buf_printf(&l->text, "%s.%s", sl_pg_ident(a, t->schema), sl_pg_ident(b, t->name));
}

static const char *named(struct names *l)
{
        if (l->n > SHOWN)
                sl_buf_printf(&l->text, " (and %u more)", l->n - SHOWN);
        l->n = l->n > SHOWN ? SHOWN : l->n; /* said once */
        return sl_buf_cstr(&l->text);
}

/* ---- server and role ---- */

static void check_wal_level(const struct check *c, const PGresult *res)
{
        if (c->slotless || is(res, V_WAL_LEVEL, "logical"))
                return;
        const char *how = "run ALTER SYSTEM SET wal_level = logical and restart the server";
        if (!PQgetisnull(res, 0, V_RDS))
                how = "set rds.logical_replication = 1 in the instance's parameter group and reboot it";
        else if (!PQgetisnull(res, 0, V_CLOUDSQL))
                how = "set the flag cloudsql.logical_decoding = on, which restarts the instance";
        else if (!PQgetisnull(res, 0, V_AZURE))
                how = "set the server parameter azure.replication_support = logical (flexible server: wal_level = logical) "
                      "and restart the server";
        sl_cfg_add_error(c->r, "database.hostname", "The server's wal_level is %s but must be logical: %s%s",
                         PQgetvalue(res, 0, V_WAL_LEVEL), how, c->standby ? " (the primary's too)" : "");
}

static void check_role(const struct check *c, const PGresult *res)
{
        char user[256];
        if (c->slotless || c->super || yes(res, V_REPLICATION) || yes(res, V_RDS_REPLICATION))
                return;
        sl_pg_ident(user, c->user);
        if (!PQgetisnull(res, 0, V_RDS))
                sl_cfg_add_error(c->r, "database.user", "User %s may not replicate: run GRANT rds_replication TO %s",
                                 c->user, user);
        else
                sl_cfg_add_error(c->r, "database.user", "User %s may not replicate: run ALTER ROLE %s REPLICATION as %s",
                                 c->user, user,
                                 !PQgetisnull(res, 0, V_CLOUDSQL) || !PQgetisnull(res, 0, V_AZURE)
                                         ? "the administrator that the cloud gave you"
                                         : "a superuser");
}

/* Rows can be lost by servers from before these minors, when a publication or a table changes while a transaction on it
 * is open: invalidations were not handed to transactions in progress. */
static void check_version(const struct check *c)
{
        static const struct {
                int major, minor;
        } fixed[] = {{13, 21}, {14, 18}, {15, 13}, {16, 9}, {17, 5}};
        for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
                if (c->version / 10000 == fixed[i].major && c->version % 10000 < fixed[i].minor)
                        sl_cfg_add_warning(c->r, "database.hostname",
                                           "The server is Postgres %d.%d: before %d.%d changes can be missing from a slot when "
                                           "ALTER PUBLICATION or ALTER TYPE runs beside open transactions. Update it",
                                           fixed[i].major, c->version % 10000, fixed[i].major, fixed[i].minor);
        if (c->version < 120000)
                sl_cfg_add_error(c->r, "database.hostname", "The server is Postgres %d; 12 or later is needed",
                                 c->version / 10000);
        if (c->standby && c->version < 160000 && !c->slotless)
                sl_cfg_add_error(c->r, "database.hostname",
                                 "The server is a standby: a slot on a standby needs Postgres 16 or later. Connect to the "
                                 "primary (with several hosts: database.targetServerType=primary)");
}

static void check_limits(const struct check *c, const PGresult *res)
{
        const char *keep = PQgetvalue(res, 0, V_KEEP), *idle = PQgetvalue(res, 0, V_IDLE);
        if (*keep && strcmp(keep, "-1") != 0)
                sl_cfg_add_warning(c->r, "slot.name",
                                   "The server's max_slot_wal_keep_size is %s: when the connector is further behind, the slot "
                                   "is lost and a new snapshot is needed. Raise it to what the connector may miss, or -1",
                                   keep);
        if (*idle && strcmp(idle, "0") != 0)
                sl_cfg_add_warning(c->r, "slot.name",
                                   "The server's idle_replication_slot_timeout is %s: when the connector is stopped for longer, "
                                   "the slot is lost. Run ALTER SYSTEM SET idle_replication_slot_timeout = 0",
                                   idle);
        if (!c->cfg->slot_failover)
                return;
        if (c->version < 170000 || c->standby)
                sl_cfg_add_warning(c->r, "slot.failover", "slot.failover has no effect: %s",
                                   c->standby ? "the server is a standby" : "it needs Postgres 17 or later");
        else if (PQgetvalue(res, 0, V_SYNCED)[0] == 0)
                sl_cfg_add_warning(c->r, "slot.failover",
                                   "The server's synchronized_standby_slots is empty: changes can reach Kafka before the "
                                   "standby has them, and the slot is then unusable after a failover. Set it to the "
                                   "physical slot of the standby that will be promoted");
}

static enum sl_rc check_server(struct check *c, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        SL_TRY(sl_pg_query(c->conn, &c->who, &res, err, server_sql, 0, NULL));
        if (PQntuples(res) != 1)
                return sl_fail(err, SL_E_PG_SETUP, "the server knows no role %s", c->cfg->user);
        c->version = PQserverVersion(c->conn);
        c->super = yes(res, V_SUPER);
        c->cloud_admin = yes(res, V_CLOUD_ADMIN);
        c->standby = yes(res, V_STANDBY);
        c->may_create = yes(res, V_CREATE);
        c->slots = atoi(PQgetvalue(res, 0, V_SLOTS));
        c->slots_used = atoi(PQgetvalue(res, 0, V_SLOTS_USED));
        c->senders = atoi(PQgetvalue(res, 0, V_SENDERS));
        c->senders_used = atoi(PQgetvalue(res, 0, V_SENDERS_USED));
        c->user = sl_arena_strdup(&c->arena, PQgetvalue(res, 0, V_USER));
        check_version(c);
        check_wal_level(c, res);
        check_role(c, res);
        if (!c->slotless)
                check_limits(c, res);
        return SL_OK;
}

/* ---- slot ---- */

static void check_slot_row(struct check *c, const PGresult *res)
{
        const char *slot = c->cfg->slot, *key = "slot.name", *lost = PQgetvalue(res, 0, S_INVALID);
        if (!is(res, S_PLUGIN, "pgoutput"))
                sl_cfg_add_error(c->r, key, "Slot %s exists with the plugin %s, not pgoutput: choose another slot.name", slot,
                                 PQgetisnull(res, 0, S_PLUGIN) ? "of physical replication" : PQgetvalue(res, 0, S_PLUGIN));
        else if (!yes(res, S_HERE))
                sl_cfg_add_error(c->r, key, "Slot %s belongs to another database: choose another slot.name", slot);
        else if ((*lost || is(res, S_WAL, "lost")) && sl_pg_slot_snapshot_when_lost(c->cfg))
                sl_cfg_add_warning(c->r, key, "Slot %s is lost (%s): it will be made anew, and a new snapshot be taken", slot,
                                   *lost ? lost : "its WAL was removed");
        else if (*lost || is(res, S_WAL, "lost"))
                sl_cfg_add_error(c->r, key,
                                 "Slot %s is lost (%s): run SELECT pg_drop_replication_slot('%s'), delete the connector's "
                                 "offsets and start it for a new snapshot",
                                 slot, *lost ? lost : "its WAL was removed", slot);
        else if (is(res, S_TWO_PHASE, "true"))
                sl_cfg_add_error(c->r, key,
                                 "Slot %s was created with two_phase: prepared transactions would come before their commit. "
                                 "Drop it and create it without, or choose another slot.name",
                                 slot);
        else if (yes(res, S_ACTIVE) && !c->slot_ours)
                sl_cfg_add_warning(c->r, key, "Slot %s is being read by another process: the task waits until it is free",
                                   slot);
        else if (is(res, S_WAL, "unreserved"))
                sl_cfg_add_warning(c->r, key,
                                   "Slot %s holds more WAL than max_slot_wal_keep_size and is lost at the next checkpoint: "
                                   "raise that setting now",
                                   slot);
        if (c->cfg->slot_failover && is(res, S_FAILOVER, "false"))
                sl_cfg_add_warning(c->r, "slot.failover",
                                   "Slot %s exists and is no failover slot: over a replication connection run "
                                   "ALTER_REPLICATION_SLOT %s (FAILOVER true), while nobody reads it",
                                   slot, slot);
}

static enum sl_rc check_slot(struct check *c, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {c->cfg->slot};
        bool snapshot = c->cfg->snapshot == SL_PG_SNAP_ALWAYS;
        SL_TRY(sl_pg_query(c->conn, &c->who, &res, err, slot_sql, 1, params));
        c->slot_exists = PQntuples(res) > 0;
        c->slot_ours = c->slot_exists && yes(res, S_OURS);
        if (c->slot_exists)
                check_slot_row(c, res);
        if (c->slots_used >= c->slots && (!c->slot_exists || snapshot))
                sl_cfg_add_error(c->r, "slot.name",
                                 "All %d replication slots of the server are used: drop those that nobody reads (SELECT "
                                 "slot_name, active FROM pg_replication_slots) or run ALTER SYSTEM SET max_replication_slots = "
                                 "%d and restart it",
                                 c->slots, c->slots + 5);
        if (c->senders_used >= c->senders && !c->slot_ours)
                sl_cfg_add_error(c->r, "database.hostname",
                                 "All %d walsenders of the server are busy: run ALTER SYSTEM SET max_wal_senders = %d and "
                                 "restart it",
                                 c->senders, c->senders + 5);
        return SL_OK;
}

/* ---- publication ---- */

static enum sl_rc read_publication(struct check *c, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {c->cfg->publication};
        static const char *const kinds[] = {"insert", "update", "delete"};
        char name[256];
        SL_TRY(sl_pg_query(c->conn, &c->who, &res, err, publication_sql, 1, params));
        c->via_root = c->cfg->via_root;
        c->pub_exists = PQntuples(res) > 0;
        if (!c->pub_exists)
                return SL_OK;
        c->pub_all = yes(res, P_ALL);
        c->pub_owner = yes(res, P_OWNER);
        c->via_root = is(res, P_ROOT, "true");
        c->pub_generated = is(res, P_GENERATED, "s");
        for (int i = 0; i < 3; i++)
                if (!yes(res, P_INSERT + i))
                        sl_cfg_add_warning(c->r, "publication.name",
                                           "Publication %s leaves out every %s: run ALTER PUBLICATION %s SET (publish = "
                                           "'insert, update, delete, truncate')",
                                           c->cfg->publication, kinds[i], sl_pg_ident(name, c->cfg->publication));
        if (c->via_root != c->cfg->via_root)
                sl_cfg_add_warning(c->r, "publish.via.partition.root",
                                   "Publication %s exists with publish_via_partition_root = %s, which is what counts",
                                   c->cfg->publication, c->via_root ? "true" : "false");
        return SL_OK;
}

/* Would its rows come through this publication? Partitions or their root, never both. */
static bool leads(const struct check *c, const struct table *t)
{
        return c->via_root ? !t->partition : t->kind == 'r';
}

static void publication_missing(const struct check *c, struct names *wanted, struct names *foreign)
{
        const char *key = "publication.autocreate.mode", *pub = c->cfg->publication;
        char name[256], user[256];
        sl_pg_ident(name, pub);
        sl_pg_ident(user, c->user);
        if (c->standby) {
                sl_cfg_add_error(c->r, "publication.name",
                                 "Publication %s does not exist, and a standby can't create it: on the primary run CREATE "
                                 "PUBLICATION %s FOR TABLE %s",
                                 pub, name, named(wanted));
                return;
        }
        switch ((enum sl_pg_autocreate)c->cfg->autocreate) {
        case SL_PG_PUB_DISABLED:
                sl_cfg_add_error(c->r, "publication.name",
                                 "Publication %s does not exist and publication.autocreate.mode is disabled: as the tables' "
                                 "owner run CREATE PUBLICATION %s FOR TABLE %s",
                                 pub, name, named(wanted));
                return;
        case SL_PG_PUB_ALL:
                if (!c->super && !c->cloud_admin)
                        sl_cfg_add_error(c->r, key,
                                         "Only a superuser can create a publication FOR ALL TABLES, and %s is none: as one run "
                                         "CREATE PUBLICATION %s FOR ALL TABLES, or set publication.autocreate.mode to filtered "
                                         "(with a user that owns the tables) or disabled (with a publication that you made)",
                                         c->user, name);
                return;
        case SL_PG_PUB_FILTERED:
                if (foreign->n && !c->super)
                        sl_cfg_add_error(c->r, key,
                                         "User %s can't publish tables of other owners: %s. As their owner run CREATE PUBLICATION "
                                         "%s FOR TABLE %s and set publication.autocreate.mode to disabled",
                                         c->user, named(foreign), name, named(wanted));
                break;
        case SL_PG_PUB_NO_TABLES:
                break;
        }
        if (!c->may_create && !c->super)
                sl_cfg_add_error(c->r, key, "User %s may not create publications: run GRANT CREATE ON DATABASE %s TO %s",
                                 c->user, sl_pg_ident(name, c->cfg->dbname), user);
}

static void check_publication(const struct check *c)
{
        struct names wanted = {0}, missing = {0}, foreign = {0};
        const char *pub = c->cfg->publication;
        bool filtered = c->cfg->autocreate == SL_PG_PUB_FILTERED;
        char name_[256];
        for (uint32_t i = 0; i < c->n; i++) {
                const struct table *t = &c->tables[i];
                if (leads(c, t))
                        name(&wanted, t, NULL, NULL);
                if (leads(c, t) && !t->published)
                        name(&missing, t, NULL, NULL);
                if (!t->owner)
                        name(&foreign, t, NULL, NULL);
        }
        sl_pg_ident(name_, pub);
        if (!c->pub_exists)
                publication_missing(c, &wanted, &foreign);
        else if (filtered && c->pub_all)
                sl_cfg_add_error(c->r, "publication.autocreate.mode",
                                 "Publication %s is FOR ALL TABLES but publication.autocreate.mode is filtered: choose another "
                                 "publication.name, or set the mode to all_tables",
                                 pub);
        else if (filtered && missing.n && !c->super && (!c->pub_owner || foreign.n))
                sl_cfg_add_error(c->r, "publication.autocreate.mode",
                                 "User %s can't add tables to publication %s, as it does not own %s: as %s run ALTER PUBLICATION "
                                 "%s ADD TABLE %s, and set publication.autocreate.mode to disabled",
                                 c->user, pub, c->pub_owner ? "the tables" : "it",
                                 c->pub_owner ? "their owner" : "its owner", name_, named(&missing));
        else if (!filtered && missing.n)
                sl_cfg_add_warning(c->r, "publication.name",
                                   "Publication %s does not publish %s, so no change of them arrives: run ALTER PUBLICATION %s ADD "
                                   "TABLE %s",
                                   pub, named(&missing), name_, named(&missing));
        sl_buf_free(&wanted.text);
        sl_buf_free(&missing.text);
        sl_buf_free(&foreign.text);
}

/* ---- tables and columns ---- */

static enum sl_rc read_tables(struct check *c, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {c->cfg->publication};
        SL_TRY(sl_pg_query(c->conn, &c->who, &res, err, tables_sql, 1, params));
        c->tables = sl_arena_zalloc(&c->arena, ((size_t)PQntuples(res) + 1) * sizeof(*c->tables));
        for (int i = 0; i < PQntuples(res); i++) {
                const char *schema = PQgetvalue(res, i, T_SCHEMA), *table = PQgetvalue(res, i, T_NAME);
                if (!sl_pg_filter_table(&c->filter, schema, table))
                        continue;
                bool reads = c->cfg->snapshot != SL_PG_SNAP_NO_DATA;
                c->tables[c->n++] = (struct table){.oid = (uint32_t)strtoul(PQgetvalue(res, i, T_OID), NULL, 10),
                                                   .kind = PQgetvalue(res, i, T_KIND)[0],
                                                   .identity = PQgetvalue(res, i, T_IDENTITY)[0],
                                                   .partition = PQgetvalue(res, i, T_PARTITION)[0] == 't',
                                                   .has_key = PQgetvalue(res, i, T_KEY)[0] == 't',
                                                   .usage = PQgetvalue(res, i, T_USAGE)[0] == 't',
                                                   .owner = PQgetvalue(res, i, T_OWNER)[0] == 't',
                                                   .published = PQgetvalue(res, i, T_PUBLISHED)[0] == 't',
                                                   .hidden_rows = PQgetvalue(res, i, T_HIDDEN)[0] == 't',
                                                   .derived = PQgetvalue(res, i, T_DERIVED)[0] == 't',
                                                   .snapshot = reads && sl_pg_filter_snapshot(&c->filter, schema, table),
                                                   .schema = sl_arena_strdup(&c->arena, schema),
                                                   .name = sl_arena_strdup(&c->arena, table)};
        }
        return SL_OK;
}

static void check_tables(const struct check *c)
{
        struct names keyless = {0}, hidden = {0}, derived = {0};
        char user[256];
        if (c->n == 0)
                sl_cfg_add_warning(c->r, "table.include.list",
                                   "No table of database %s matches the include and exclude lists", c->cfg->dbname);
        for (uint32_t i = 0; i < c->n; i++) {
                const struct table *t = &c->tables[i];
                if (leads(c, t) && t->identity != 'f' && (t->identity == 'n' || !t->has_key))
                        name(&keyless, t, NULL, NULL);
                if (leads(c, t) && t->identity == 'f' && t->derived && !c->pub_generated)
                        name(&derived, t, NULL, NULL);
                if (t->hidden_rows && t->snapshot)
                        name(&hidden, t, NULL, NULL);
        }
        if (keyless.n && !c->slotless)
                sl_cfg_add_warning(c->r, "table.include.list",
                                   "Once published, the server refuses UPDATE and DELETE on tables without a replica identity: "
                                   "%s. Add a primary key, or run ALTER TABLE ... REPLICA IDENTITY FULL for each",
                                   named(&keyless));
        if (derived.n && !c->slotless && c->version >= 180000)
                sl_cfg_add_warning(c->r, "table.include.list",
                                   "Once published, the server refuses UPDATE and DELETE on tables with REPLICA IDENTITY FULL and "
                                   "generated columns that are not published: %s. Run ALTER TABLE ... REPLICA IDENTITY DEFAULT for "
                                   "each, or ALTER PUBLICATION ... SET (publish_generated_columns = stored)",
                                   named(&derived));
        if (hidden.n)
                sl_cfg_add_warning(c->r, "database.user",
                                   "Row level security hides rows from user %s, so the snapshot is not complete: %s. Run ALTER "
                                   "ROLE %s BYPASSRLS",
                                   c->user, named(&hidden), sl_pg_ident(user, c->user));
        sl_buf_free(&keyless.text);
        sl_buf_free(&derived.text);
        sl_buf_free(&hidden.text);
}

/* What the captured tables tell about the configuration: too many, or several with one topic. */
static void check_topics(const struct check *c)
{
        const struct sl_pg_cfg *cfg = c->cfg;
        const char *prefix = cfg->prefix && *cfg->prefix ? cfg->prefix : c->who.connector;
        struct sl_map topics = {0};
        if (cfg->guard_max > 0 && c->n > (uint32_t)cfg->guard_max)
                (cfg->guard_fails ? sl_cfg_add_error : sl_cfg_add_warning)(c->r, "guardrail.collections.max", SL_PG_GUARD_TEXT,
                                                                           c->n, cfg->guard_max);
        for (uint32_t i = 0; i < c->n && !c->filter.names.topic; i++) {
                const struct table *t = &c->tables[i], *other;
                struct sl_str topic = sl_str_c(sl_pg_table_topic(&c->filter.names, cfg, prefix, t->schema, t->name, &c->r->arena));
                if ((other = sl_map_get(&topics, topic)))
                        sl_cfg_add_warning(c->r, "topic.prefix",
                                           "Tables %s.%s and %s.%s have the same topic %.*s, and rows of both go there",
                                           other->schema, other->name, t->schema, t->name, SL_FMT(topic));
                else
                        sl_map_put(&topics, topic, (void *)t);
        }
        sl_map_free(&topics, NULL);
}

/* Columns come table by table: before is the last one's. */
static const struct table *table_of(const struct check *c, const char *oid, const struct table *before)
{
        uint32_t wanted = (uint32_t)strtoul(oid, NULL, 10);
        if (before && before->oid == wanted)
                return before;
        for (uint32_t i = 0; i < c->n; i++)
                if (c->tables[i].oid == wanted)
                        return &c->tables[i];
        return NULL;
}

/* Rights on what the snapshot reads. With a slot there the snapshot may be long done. */
static void report_rights(const struct check *c, struct names *closed, struct names *unreadable)
{
        void (*add)(struct sl_cfg_report *, const char *, const char *, ...) =
                c->slot_exists ? sl_cfg_add_warning : sl_cfg_add_error;
        char user[256];
        sl_pg_ident(user, c->user);
        if (closed->n)
                add(c->r, "database.user", "User %s may not use the schemas of captured tables: run GRANT USAGE ON SCHEMA %s TO %s",
                    c->user, named(closed), user);
        if (unreadable->n)
                add(c->r, "database.user", "User %s may not read captured tables, for their snapshot: run GRANT SELECT ON %s TO %s",
                    c->user, named(unreadable), user);
}

static void check_rights(const struct check *c, const PGresult *cols)
{
        struct names closed = {0}, unreadable = {0};
        const struct table *last = NULL, *t = NULL;
        const char *schema = "";
        char name_[256];
        for (uint32_t i = 0; i < c->n; i++) {
                t = &c->tables[i];
                if (t->usage || !t->snapshot || strcmp(t->schema, schema) == 0)
                        continue;
                schema = t->schema;
                if (closed.n++ < SHOWN)
                        sl_buf_printf(&closed.text, "%s%s", closed.n > 1 ? ", " : "", sl_pg_ident(name_, schema));
        }
        for (int i = 0; i < PQntuples(cols); i++) {
                t = table_of(c, PQgetvalue(cols, i, C_TABLE), t);
                if (!t || t == last || !t->snapshot || PQgetvalue(cols, i, C_SELECT)[0] == 't' ||
                    !sl_pg_filter_column(&c->filter, t->schema, t->name, PQgetvalue(cols, i, C_NAME)))
                        continue;
                name(&unreadable, t, NULL, NULL);
                last = t;
        }
        report_rights(c, &closed, &unreadable);
        sl_buf_free(&closed.text);
        sl_buf_free(&unreadable.text);
}

static enum sl_rc check_types(struct check *c, const PGresult *cols, struct sl_err *err)
{
        struct sl_pg_types types = {0};
        struct sl_pg_relations rels = {.cfg = c->cfg, .types = &types, .who = &c->who, .catalog = &c->conn};
        struct names left_out = {0};
        const struct table *t = NULL;
        enum sl_rc rc = SL_OK;
        sl_pg_types_init(&types, c->cfg);
        types.lookup = sl_pg_relation_type_lookup;
        types.arg = &rels;
        for (int i = 0; i < PQntuples(cols) && rc == SL_OK; i++) {
                const char *column = PQgetvalue(cols, i, C_NAME);
                const struct sl_pg_codec *codec = NULL;
                t = table_of(c, PQgetvalue(cols, i, C_TABLE), t);
                if (!t || !sl_pg_filter_column(&c->filter, t->schema, t->name, column))
                        continue;
                rc = sl_pg_types_codec(&types, (uint32_t)strtoul(PQgetvalue(cols, i, C_TYPE), NULL, 10),
                                       atoi(PQgetvalue(cols, i, C_TYPMOD)), &codec, err);
                if (rc == SL_OK && !codec)
                        name(&left_out, t, column, PQgetvalue(cols, i, C_SAID));
        }
        if (left_out.n)
                sl_cfg_add_warning(c->r, "include.unknown.datatypes",
                                   "Columns of types without a mapping are left out: %s. With include.unknown.datatypes=true they "
                                   "come as the server's text",
                                   named(&left_out));
        sl_buf_free(&left_out.text);
        sl_pg_types_free(&types);
        return rc;
}

static enum sl_rc check_columns(struct check *c, struct sl_err *err)
{
        sl_auto_pgresult *cols = NULL;
        struct sl_buf oids = {0};
        for (uint32_t i = 0; i < c->n; i++)
                sl_buf_printf(&oids, "%c%u", i ? ',' : '{', c->tables[i].oid);
        sl_buf_adds(&oids, c->n ? "}" : "{}");
        const char *params[] = {sl_buf_cstr(&oids)};
        enum sl_rc rc = sl_pg_query(c->conn, &c->who, &cols, err, columns_sql, 1, params);
        sl_buf_free(&oids);
        SL_TRY(rc);
        check_rights(c, cols);
        return check_types(c, cols, err);
}

static enum sl_rc check_all(struct check *c, struct sl_err *err)
{
        SL_TRY(check_server(c, err));
        if (!c->slotless) {
                SL_TRY(check_slot(c, err));
                SL_TRY(read_publication(c, err));
        }
        SL_TRY(read_tables(c, err));
        if (!c->slotless)
                check_publication(c);
        check_tables(c);
        check_topics(c);
        return check_columns(c, err);
}

void sl_pg_check_server(const struct sl_pg_cfg *cfg, const char *connector, struct sl_cfg_report *r)
{
        struct sl_err err = {0};
        struct check c = {.cfg = cfg,
                          .r = r,
                          .who = {.cfg = cfg, .connector = connector, .deadline_ms = sl_mono_ms() + cfg->validation_ms},
                          .slotless = cfg->snapshot == SL_PG_SNAP_INITIAL_ONLY};
        int wait = cfg->validation_ms < INT32_MAX ? (int)cfg->validation_ms : INT32_MAX;
        if (sl_pg_filter_open(&c.filter, cfg, &err) != SL_OK) { /* said on the key by others */
                sl_pg_filter_free(&c.filter);
                return;
        }
        sl_arena_init(&c.arena, 4096);
        if (sl_pg_connect(&c.who, false, wait, &c.conn, &err) != SL_OK)
                sl_cfg_add_error(r, "database.hostname", "Unable to connect: %s", err.msg);
        else if (check_all(&c, &err) != SL_OK)
                sl_cfg_add_error(r, "database.hostname", "The server could not be checked: %s", err.msg);
        sl_pg_filter_free(&c.filter);
        sl_arena_free(&c.arena);
        if (c.conn)
                PQfinish(c.conn);
}
