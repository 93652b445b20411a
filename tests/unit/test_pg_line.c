/* SPDX-License-Identifier: Apache-2.0 */
/* The line over random histories, of which a model of the server sends what a slot would send: cut and started again
 * anywhere, it gives what one undisturbed reading gives. Positions meet at their edges all the time: a record begins where the one
 * before ends, rows of one page share an LSN, a message's LSN is where the next row begins, a keepalive says where the next commit
 * begins. SLUICE_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "connectors/postgres/line.h"

#define TABLES 3
#define OPEN 4
#define MAX_UNITS 400
#define MAX_CHANGES 64

static struct sl_pg_cfg cfg = {.delimiter = ".", .tx_topic = "transaction", .dbname = "db", .heartbeat_prefix = "h"};
static struct sl_pg_filter filter;
static struct sl_pg_types types;
static struct sl_pg_relations rels;
static struct sl_arena life;
static struct sl_pg_relation tables[TABLES];
static struct sl_pg_emit emit;
static struct sl_pg_tx tx;
static struct sl_pg_line line;
static struct sl_batch batch;

/* ---- the history ---- */

struct msg {
        uint64_t lsn;
        char bytes[48];
        size_t len;
};
/* What the server sends in one go: a committed transaction, or a message outside of one. It starts at `start` in the WAL. */
struct unit {
        uint64_t start, end;
        struct msg msgs[MAX_CHANGES + 2];
        uint32_t count;
};
static struct unit units[MAX_UNITS];
static uint32_t unit_count, next_xid, next_id;
static uint64_t wal;

static uint32_t chance(uint32_t n)
{
        return (uint32_t)rand() % n;
}

static void put(struct msg *m, uint64_t v, int bytes)
{
        for (int i = bytes - 1; i >= 0; i--)
                m->bytes[m->len++] = (char)(v >> (8 * i));
}

static struct msg *add(struct unit *u, char kind, uint64_t lsn)
{
        struct msg *m = &u->msgs[u->count++];
        *m = (struct msg){.lsn = lsn};
        put(m, (uint8_t)kind, 1);
        return m;
}

static void row(struct unit *u, uint64_t lsn)
{
        struct msg *m = add(u, 'I', lsn);
        char digits[12];
        int n = snprintf(digits, sizeof(digits), "%u", ++next_id);
        put(m, 1 + chance(TABLES), 4);
        put(m, 'N', 1);
        put(m, 1, 2);
        put(m, 't', 1);
        put(m, (uint64_t)n, 4);
        memcpy(m->bytes + m->len, digits, (size_t)n);
        m->len += (size_t)n;
}

static void logical(struct unit *u, bool transactional, uint64_t end)
{
        struct msg *m = add(u, 'M', end);
        put(m, transactional, 1);
        put(m, end, 8);
        put(m, 'p', 1);
        put(m, 0, 1);
        put(m, 4, 4);
        put(m, ++next_id, 4);
}

static void truncated(struct unit *u, uint64_t lsn)
{
        struct msg *m = add(u, 'T', lsn);
        put(m, 2, 4);
        put(m, 0, 1);
        put(m, 1, 4);
        put(m, 2, 4);
}

/* Records of some transactions, one behind the other in the WAL; the server sends each when it commits. */
static void make_history(void)
{
        static struct unit open[OPEN];
        memset(open, 0, sizeof(open));
        unit_count = next_xid = next_id = 0;
        wal = 1000;
        while (unit_count < MAX_UNITS) {
                struct unit *u = &open[chance(OPEN)];
                uint64_t at = wal;
                wal += 8 + 8 * chance(6);
                if (chance(12) == 0) {
                        struct unit *now = &units[unit_count++];
                        *now = (struct unit){.start = at, .end = wal};
                        logical(now, false, wal);
                        continue;
                }
                if (u->count == 0)
                        add(u, 'B', at);
                if (chance(8) == 0 || u->count > MAX_CHANGES - 4) {
                        struct msg *b = &u->msgs[0];
                        u->start = at;
                        u->end = wal;
                        b->len = 1;
                        put(b, at, 8);
                        put(b, unit_count * 1000003ull, 8);
                        put(b, 500 + ++next_xid, 4);
                        struct msg *c = add(u, 'C', wal);
                        put(c, 0, 1);
                        put(c, at, 8);
                        put(c, wal, 8);
                        put(c, unit_count * 1000003ull, 8);
                        units[unit_count++] = *u;
                        *u = (struct unit){0};
                } else if (chance(6) == 0) {
                        logical(u, true, wal);
                } else if (chance(10) == 0) {
                        truncated(u, at);
                } else {
                        for (uint32_t n = 1 + chance(3); n; n--)
                                row(u, at);
                }
        }
}

/* ---- the line ---- */

static enum sl_rc idle(void *arg, struct sl_err *err)
{
        (void)arg;
        (void)err;
        return SL_OK;
}

static void make_table(uint32_t i)
{
        static struct sl_pg_column cols[TABLES];
        struct sl_pg_relation *rel = &tables[i];
        const struct sl_field id[] = {{"id", 0, sl_schema_of(SL_INT32, true)}};
        struct sl_schema r = {.type = SL_STRUCT, .optional = true, .name = "row", .fields = id, .field_count = 1};
        const struct sl_schema *s = sl_schema_of(SL_STRING, false), *t = sl_schema_of(SL_INT64, true);
        const struct sl_schema *value = sl_schema_intern(&r);
        const struct sl_field fields[] = {{"before", 0, value}, {"after", 0, value}, {"source", 0, rels.source_schema},
                                          {"transaction", 0, rels.block_schema}, {"op", 0, s}, {"ts_ms", 0, t},
                                          {"ts_us", 0, t}, {"ts_ns", 0, t}};
        struct sl_schema e = {.type = SL_STRUCT, .name = "Envelope", .fields = fields, .field_count = 8};
        uint32_t oid = i + 1;
        /* The last table is not captured: its rows count in the position all the same. */
        *rel = (struct sl_pg_relation){.oid = oid, .schema = "s", .table = (const char *[]){"a", "b", "c"}[i],
                                       .captured = i + 1 < TABLES, .n = 1, .nout = 1, .cols = &cols[i], .row_schema = value,
                                       .envelope_schema = sl_schema_intern(&e), .topic = SL_STR("rows")};
        cols[i] = (struct sl_pg_column){.name = "id", .type = 23, .typmod = -1, .out = 0, .key = -1};
        assert_int_equal(sl_pg_types_codec(&types, 23, -1, &cols[i].codec, NULL), SL_OK);
        sl_pg_relation_source(&rels, rel);
        sl_map_put(&rels.map, (struct sl_str){(const char *)&oid, sizeof(oid)}, rel);
}

static int set_up(void **state)
{
        (void)state;
        sl_arena_init(&life, 4096);
        sl_pg_types_init(&types, &cfg);
        rels = (struct sl_pg_relations){.cfg = &cfg, .prefix = "p", .filter = &filter, .types = &types};
        sl_pg_relations_init(&rels);
        emit = (struct sl_pg_emit){0};
        tx = (struct sl_pg_tx){0};
        sl_pg_emit_init(&emit, &rels, 0, &life);
        sl_pg_tx_init(&tx, &cfg, "p", &life);
        for (uint32_t i = 0; i < TABLES; i++)
                make_table(i);
        sl_batch_init(&batch, 1000, 1 << 20);
        line = (struct sl_pg_line){.rels = &rels, .emit = &emit, .life = &life, .before_catalog = idle};
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        sl_batch_free(&batch);
        sl_pg_tx_free(&tx);
        sl_pg_relations_free(&rels);
        sl_pg_types_free(&types);
        sl_arena_free(&life);
        return 0;
}

static bool keepalives; /* the server sends some: behind one, a restart takes it for the last commit in source.sequence */

static void cut_sequence(struct sl_buf *out, size_t at)
{
        char *from = strstr(sl_buf_cstr(out) + at, "sequence=["), *to = from ? strchr(from, ']') : NULL;
        if (!to)
                return;
        memmove(from, to, (size_t)(out->ptr + out->len - to));
        out->len -= (size_t)(to - from);
}

/* Everything of a record but when it was made. */
static void print(const struct sl_record *rec, struct sl_buf *out)
{
        size_t at = out->len;
        sl_buf_printf(out, "%.*s ", SL_FMT(rec->topic));
        for (uint32_t i = 0; i < rec->value_schema->field_count; i++) {
                const struct sl_field *f = &rec->value_schema->fields[i];
                if (strncmp(f->name, "ts_", 3) != 0)
                        sl_value_print(f->schema, &rec->value.items[i], out);
                sl_buf_addc(out, ' ');
        }
        sl_buf_addc(out, '\n');
        if (keepalives)
                cut_sequence(out, at);
}

static void feed(const struct msg *m, struct sl_buf *out)
{
        struct sl_err err = {0};
        bool used;
        sl_batch_reset(&batch);
        enum sl_rc rc = sl_pg_line_message(&line, m->lsn, (struct sl_str){m->bytes, m->len}, &batch, &used, &err);
        if (rc != SL_OK)
                fail_msg("%s", err.msg);
        for (uint32_t i = 0; i < batch.count; i++)
                print(&batch.records[i], out);
}

static void start(const char *offset)
{
        struct sl_pg_offset o;
        struct sl_err err = {0};
        if (sl_pg_offset_read(offset, &o, &err) != SL_OK)
                fail_msg("%s: %s", offset, err.msg);
        emit.commit_us = 0;
        sl_pg_line_init(&line, &o);
}

#define BEGINNING "{\"lsn_proc\":1000,\"messageType\":\"COMMIT\",\"lsn_commit\":1000,\"lsn\":1000,\"ts_usec\":5}"

static void undisturbed(struct sl_buf *out)
{
        start(BEGINNING);
        for (uint32_t u = 0; u < unit_count; u++)
                for (uint32_t i = 0; i < units[u].count; i++)
                        feed(&units[u].msgs[i], out);
}

/* ---- cut and started again ---- */

struct run {
        struct sl_buf durable, pending, offset;
        uint64_t slot;
        uint32_t crashes;
};

static bool cut(struct run *r)
{
        struct sl_position pos;
        bool boundary;
        if (!sl_pg_line_position(&line, &pos, &boundary))
                return false;
        sl_buf_clear(&r->offset);
        sl_pg_offset_write(&pos, &(struct sl_pg_identity){0}, &r->offset);
        sl_buf_add(&r->durable, r->pending.ptr, r->pending.len);
        sl_buf_clear(&r->pending);
        if (chance(2)) /* or the feedback is lost */
                r->slot = pos.w[SL_PG_W_DONE];
        return true;
}

/* true = it came to the end */
static bool live(struct run *r, uint32_t crash_one_in)
{
        start(sl_buf_cstr(&r->offset));
        for (uint32_t u = 0; u < unit_count; u++) {
                if (units[u].start < r->slot)
                        continue;
                for (uint32_t i = 0; i < units[u].count; i++) {
                        feed(&units[u].msgs[i], &r->pending);
                        if (chance(3) == 0)
                                cut(r);
                        if (chance(crash_one_in) == 0)
                                return false;
                }
                if (keepalives && chance(10) == 0 && u + 1 < unit_count && units[u + 1].start > line.done_lsn && !line.txn_lsn) {
                        sl_pg_line_keepalive(&line, units[u + 1].start);
                        cut(r);
                }
        }
        return cut(r);
}

static void crash_runs(bool metadata, uint32_t crash_one_in)
{
        struct sl_buf expected = {0};
        struct run r = {.slot = 1000};
        emit.tx = metadata ? &tx : NULL;
        make_history();
        undisturbed(&expected);
        sl_buf_adds(&r.offset, BEGINNING);
        while (!live(&r, crash_one_in)) {
                sl_buf_clear(&r.pending);
                r.crashes++;
        }
        assert_true(r.crashes > 0);
        const char *a = sl_buf_cstr(&r.durable), *b = sl_buf_cstr(&expected);
        size_t same = 0;
        while (a[same] && a[same] == b[same])
                same++;
        if (a[same] != b[same])
                fail_msg("after %u crashes:\n%.900s\n-- instead of\n%.900s", r.crashes, a + (same < 400 ? 0 : same - 400),
                         b + (same < 400 ? 0 : same - 400));
        sl_buf_free(&expected);
        sl_buf_free(&r.durable);
        sl_buf_free(&r.pending);
        sl_buf_free(&r.offset);
}

static void nothing_lost_nothing_twice(void **state)
{
        (void)state;
        for (int i = 0; i < 40; i++) {
                keepalives = i % 2;
                crash_runs(false, 20 + chance(200));
                crash_runs(true, 20 + chance(200));
        }
        keepalives = false;
}

/* ---- an offset that Debezium wrote behind any event ---- */

static const char *type_of(char kind)
{
        return kind == 'I' ? "INSERT" : kind == 'T' ? "TRUNCATE" : kind == 'M' ? "MESSAGE" : kind == 'B' ? "BEGIN" : "COMMIT";
}

struct before {
        uint64_t done, time_us; /* end of the unit before; time of the last transaction that has begun */
        uint32_t xid;           /* its id */
};

/* What Debezium 3.6.1 stores behind message i of a unit. */
static void their_offset(const struct unit *u, uint32_t i, struct before b, struct sl_buf *out)
{
        uint64_t done = b.done;
        const struct msg *m = &u->msgs[i];
        uint64_t proc = done;
        bool alone = u->count == 1 || m->bytes[0] == 'C';
        for (uint32_t k = 0; k <= i; k++)
                if (strchr("ITC", u->msgs[k].bytes[0]) || u->count == 1)
                        proc = u->msgs[k].lsn;
        sl_buf_clear(out);
        sl_buf_printf(out, "{\"lsn_proc\":%llu,\"messageType\":\"%s\",\"lsn_commit\":%llu,\"lsn\":%llu,\"ts_usec\":%llu",
                      (unsigned long long)proc, type_of(m->bytes[0]), (unsigned long long)(alone ? m->lsn : done),
                      (unsigned long long)m->lsn, (unsigned long long)b.time_us);
        if (emit.tx && u->count > 1)
                sl_buf_printf(out, ",\"transaction_id\":\"%u\",\"transaction_data_collection_order_s.a\":2", b.xid);
        sl_buf_addc(out, '}');
}

/* Everything behind it comes. What comes twice are changes at the very same LSN. */
static void takes_over(uint32_t at, uint32_t i, struct before b)
{
        struct sl_buf rest = {0}, got = {0}, offset = {0};
        char same[40];
        start(BEGINNING);
        for (uint32_t u = 0; u < unit_count; u++)
                for (uint32_t k = 0; k < units[u].count; k++) {
                        if (u < at || (u == at && k <= i))
                                sl_buf_clear(&rest);
                        feed(&units[u].msgs[k], &rest);
                        if (u < at || (u == at && k <= i))
                                sl_buf_clear(&rest);
                }
        their_offset(&units[at], i, b, &offset);
        start(sl_buf_cstr(&offset));
        for (uint32_t u = 0; u < unit_count; u++)
                for (uint32_t k = 0; units[u].start >= b.done && k < units[u].count; k++)
                        feed(&units[u].msgs[k], &got);
        const char *all = sl_buf_cstr(&got), *end = sl_buf_cstr(&rest);
        assert_true(got.len >= rest.len);
        if (strcmp(all + got.len - rest.len, end) != 0)
                fail_msg("%s: %.2000s\n-- wanted the end to be\n%.2000s", sl_buf_cstr(&offset), all, end);
        const struct msg *m = &units[at].msgs[i];
        bool first = m->bytes[0] == 'M' || i == 0 || m[-1].lsn != m->lsn || !strchr("IT", m[-1].bytes[0]);
        if (first && got.len != rest.len)
                fail_msg("%s: %.600s comes twice, though it is alone there", sl_buf_cstr(&offset), all);
        snprintf(same, sizeof(same), ",lsn=%llu", (unsigned long long)units[at].msgs[i].lsn);
        for (const char *p = all; p < all + got.len - rest.len; p = strchr(p, '\n') + 1) {
                const char *lsn = strstr(p, same);
                if (!lsn || lsn > strchr(p, '\n'))
                        fail_msg("%s: comes twice: %.600s", sl_buf_cstr(&offset), p);
        }
        sl_buf_free(&rest);
        sl_buf_free(&got);
        sl_buf_free(&offset);
}

static void debezium_stopped_anywhere(void **state)
{
        (void)state;
        for (int round = 0; round < 400; round++) {
                emit.tx = round % 2 ? &tx : NULL;
                make_history();
                unit_count = 40;
                uint32_t at = chance(unit_count - 1);
                struct before b = {.done = 1000, .time_us = 5, .xid = 500};
                for (uint32_t u = 0; u <= at; u++) {
                        if (u < at)
                                b.done = units[u].end;
                        if (units[u].count > 1) {
                                b.xid++;
                                b.time_us = SL_PG_EPOCH_US + u * 1000003ull;
                        }
                }
                takes_over(at, chance(units[at].count), b);
        }
}

/* ---- another history ---- */

static enum sl_rc continue_at(const char *offset, const struct msg *msgs, uint32_t n, struct sl_err *err)
{
        bool used;
        start(offset);
        for (uint32_t i = 0; i < n; i++)
                SL_TRY(sl_pg_line_message(&line, msgs[i].lsn, (struct sl_str){msgs[i].bytes, msgs[i].len}, &batch, &used, err));
        return SL_OK;
}

/* The slot does not show the transaction in which the offset stands: said, not papered over. */
static void other_history_is_refused(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct unit *u = units;
        char offset[160];
        emit.tx = &tx;
        do
                make_history();
        while (u->count < 5 || u->msgs[2].lsn == u->msgs[3].lsn);
        const uint64_t final = u->start;
        static const struct {
                int commit, ordinal, lsn;
                bool ok;
        } at[] = {{0, 2, 0, true}, {0, 0, 0, true}, {-1, 2, 0, false}, {0, 2, 1, false}, {0, 60, 0, false}};
        for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                snprintf(offset, sizeof(offset),
                         "{\"lsn_proc\":1000,\"lsn_commit\":1000,\"lsn\":%llu,\"sluice_txn\":\"%llu/%d\"}",
                         (unsigned long long)u->msgs[2].lsn + (unsigned)at[i].lsn,
                         (unsigned long long)final + (unsigned long long)at[i].commit, at[i].ordinal);
                sl_err_clear(&err);
                enum sl_rc rc = continue_at(offset, u->msgs, u->count, &err);
                assert_int_equal(rc == SL_OK, at[i].ok);
                if (!at[i].ok)
                        assert_int_equal(err.id, SL_E_PG_SLOT_LOST);
        }
}

int main(void)
{
        const char *given = getenv("SLUICE_SEED");
        unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
        print_message("seed %u\n", seed);
        srand(seed);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nothing_lost_nothing_twice, set_up, tear_down),
                cmocka_unit_test_setup_teardown(debezium_stopped_anywhere, set_up, tear_down),
                cmocka_unit_test_setup_teardown(other_history_is_refused, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
