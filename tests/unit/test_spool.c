/* SPDX-License-Identifier: Apache-2.0 */
/* The spool against a plain model: several transactions at once with nested subtransactions and aborts, in memory, partly and
 * wholly on disk; and a disk that is full. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <cmocka.h>
#include "connectors/postgres/spool.h"

#define TXNS 4
#define DEPTH 6
#define MESSAGES 4000

struct entry {
        uint64_t lsn;
        uint32_t size;
        char fill;
};
struct model {
        uint32_t xid; /* 0 = not open */
        bool begun;
        struct entry *entries;
        uint32_t count;
        struct {
                uint32_t xid, start;
                bool wrote;
        } stack[DEPTH]; /* open subtransactions */
        uint32_t depth;
        /* subtransactions released into what stack[depth - 1] is, in the order of their xids */
        struct {
                uint32_t xid, depth;
        } released[MESSAGES];
        uint32_t released_count;
};

static uint32_t next_xid;
static uint64_t next_lsn;

static uint32_t random_size(void)
{
        return rand() % 200 == 0 ? (uint32_t)rand() % 600000 : (uint32_t)rand() % 300;
}

static void add(struct sl_pg_spool *sp, struct model *m)
{
        static char body[600001];
        struct entry *e = &m->entries[m->count++];
        uint32_t xid = m->xid;
        if (m->depth) {
                m->stack[m->depth - 1].wrote = true;
                xid = m->stack[m->depth - 1].xid;
        }
        *e = (struct entry){++next_lsn, random_size(), (char)rand()};
        memset(body, e->fill, e->size);
        assert_int_equal(sl_pg_spool_block(sp, m->xid, !m->begun, NULL), SL_OK);
        m->begun = true;
        struct sl_err err = {0};
        if (sl_pg_spool_add(sp, xid, e->lsn, 'I', (struct sl_str){body, e->size}, &err) != SL_OK)
                fail_msg("%s", err.msg);
}

/* The innermost subtransaction and what was released into it; the server tells of each that wrote, children first. */
static void abort_sub(struct sl_pg_spool *sp, struct model *m)
{
        uint32_t d = m->depth - 1, kept = 0;
        for (uint32_t i = 0; i < m->released_count; i++) {
                if (m->released[i].depth <= d)
                        m->released[kept++] = m->released[i];
                else
                        assert_int_equal(sl_pg_spool_abort(sp, m->xid, m->released[i].xid, NULL), SL_OK);
        }
        m->released_count = kept;
        if (m->stack[d].wrote)
                assert_int_equal(sl_pg_spool_abort(sp, m->xid, m->stack[d].xid, NULL), SL_OK);
        m->count = m->stack[d].start;
        m->depth = d;
}

static void release(struct model *m)
{
        uint32_t d = --m->depth;
        for (uint32_t i = 0; i < m->released_count; i++)
                if (m->released[i].depth > d)
                        m->released[i].depth = d;
        if (m->stack[d].wrote) {
                m->released[m->released_count].xid = m->stack[d].xid;
                m->released[m->released_count++].depth = d;
        }
}

static void replay(struct sl_pg_spool *sp, struct model *m)
{
        enum sl_pg_spool_step step;
        struct sl_str msg;
        uint64_t lsn;
        struct sl_str held[50];
        uint32_t i = 0, holding = 0;
        uint64_t first;
        bool empty;
        assert_int_equal(sl_pg_spool_replay(sp, m->xid, &empty, &first, NULL), SL_OK);
        assert_int_equal(empty, m->count == 0);
        for (;;) {
                bool may = holding < 50 && rand() % 20;
                if (!may) {
                        for (uint32_t k = 0; k < holding; k++) /* still what it was */
                                for (uint32_t b = 1; b < held[k].len; b++)
                                        assert_true(held[k].ptr[b] == m->entries[i - holding + k].fill);
                        sl_pg_spool_tidy(sp);
                        holding = 0;
                }
                assert_int_equal(sl_pg_spool_next(sp, holding > 0, &step, &lsn, &msg, NULL), SL_OK);
                if (step == SL_PG_SPOOL_END)
                        break;
                if (step == SL_PG_SPOOL_HELD) {
                        assert_true(holding > 0);
                        holding = 0;
                        continue;
                }
                assert_true(i < m->count);
                assert_true(lsn == m->entries[i].lsn && msg.len == m->entries[i].size + 1 && *msg.ptr == 'I');
                assert_true(msg.len == 1 || (msg.ptr[1] == m->entries[i].fill && msg.ptr[msg.len - 1] == m->entries[i].fill));
                held[holding++] = msg;
                i++;
        }
        assert_int_equal(i, m->count);
}

static void one_run(size_t memory)
{
        static struct model models[TXNS];
        struct sl_pg_spool *sp = sl_pg_spool_new(memory, "/tmp");
        for (int step = 0; step < MESSAGES; step++) {
                struct model *m = &models[rand() % TXNS];
                int what = rand() % 100;
                if (!m->xid) {
                        struct entry *own = m->entries ? m->entries : malloc(MESSAGES * sizeof(*own));
                        *m = (struct model){.xid = ++next_xid, .entries = own};
                } else if (what < 70) {
                        add(sp, m);
                } else if (what < 82 && m->depth < DEPTH) {
                        m->stack[m->depth].xid = ++next_xid;
                        m->stack[m->depth].start = m->count;
                        m->stack[m->depth++].wrote = false;
                } else if (what < 88 && m->depth) {
                        release(m);
                } else if (what < 94 && m->depth) {
                        abort_sub(sp, m);
                } else if (what >= 98 && m->begun) {
                        if (rand() % 3)
                                replay(sp, m);
                        else
                                assert_int_equal(sl_pg_spool_abort(sp, m->xid, m->xid, NULL), SL_OK);
                        sl_pg_spool_tidy(sp);
                        m->xid = 0;
                }
        }
        for (int i = 0; i < TXNS; i++) {
                if (models[i].xid && models[i].begun)
                        replay(sp, &models[i]);
                models[i].xid = 0;
                free(models[i].entries);
                models[i].entries = NULL;
        }
        sl_pg_spool_tidy(sp);
        assert_int_equal(sl_pg_spool_bytes(sp), 0);
        sl_pg_spool_free(sp);
}

static void like_the_model(void **state)
{
        static const size_t memories[] = {0, 100, 5000, 1 << 20, 1 << 26};
        unsigned seed = (unsigned)time(NULL);
        (void)state;
        print_message("seed %u\n", seed);
        srand(seed);
        next_xid = UINT32_MAX - 300; /* xids wrap */
        for (int i = 0; i < 20; i++) {
                if (next_xid < 5) /* 0 is no xid */
                        next_xid = 5;
                one_run(memories[i % 5]);
        }
}

static void full_disk(void **state)
{
        struct sl_pg_spool *sp = sl_pg_spool_new(0, "/tmp");
        struct rlimit old, small;
        static char body[8192];
        struct sl_err err = {0};
        (void)state;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        small = old;
        small.rlim_cur = 20000;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        assert_int_equal(sl_pg_spool_block(sp, 7, true, NULL), SL_OK);
        enum sl_rc rc = SL_OK;
        for (int i = 0; i < 3 && rc == SL_OK; i++)
                rc = sl_pg_spool_add(sp, 7, 1, 'I', (struct sl_str){body, sizeof(body)}, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(rc, SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_PG_SPOOL);
        assert_non_null(strstr(err.msg, "sluice.spool.directory"));
        sl_pg_spool_free(sp);
        sp = sl_pg_spool_new(0, "/nowhere/at/all");
        sl_err_clear(&err);
        assert_int_equal(sl_pg_spool_block(sp, 7, true, NULL), SL_OK);
        assert_int_equal(sl_pg_spool_add(sp, 7, 1, 'I', SL_STR("x"), &err), SL_TRANSIENT);
        assert_non_null(strstr(err.msg, "/nowhere/at/all"));
        sl_pg_spool_free(sp);
}

static void out_of_order(void **state)
{
        struct sl_pg_spool *sp = sl_pg_spool_new(1000, "/tmp");
        uint64_t first;
        bool empty;
        (void)state;
        assert_int_equal(sl_pg_spool_block(sp, 7, false, NULL), SL_FATAL); /* its beginning is missing */
        assert_int_equal(sl_pg_spool_add(sp, 7, 1, 'I', SL_STR("x"), NULL), SL_FATAL);
        assert_int_equal(sl_pg_spool_replay(sp, 7, &empty, &first, NULL), SL_FATAL);
        assert_int_equal(sl_pg_spool_block(sp, 7, true, NULL), SL_OK);
        assert_int_equal(sl_pg_spool_block(sp, 7, true, NULL), SL_FATAL);
        assert_int_equal(sl_pg_spool_abort(sp, 8, 8, NULL), SL_OK);
        assert_int_equal(sl_pg_spool_abort(sp, 7, 9, NULL), SL_OK);
        sl_pg_spool_free(sp);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(like_the_model), cmocka_unit_test(full_disk),
                                           cmocka_unit_test(out_of_order)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
