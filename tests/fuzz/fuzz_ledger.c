/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any records in a ledger's topic, and any record of a job: they are read, refused or passed over, and what was read is written
 * again so that it reads the same. Lines: the key, then the value ("-" is a null); %T in a key stands for this dead-letter topic. */
#include "dlq/ledger.c"

#include "dlq/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
        if (!fine)
                abort();
}

static bool line(struct sl_str *rest, struct sl_str *ret)
{
        if (!rest->len)
                return false;
        const char *nl = memchr(rest->ptr, '\n', rest->len);
        size_t n = nl ? (size_t)(nl - rest->ptr) : rest->len;
        *ret = (struct sl_str){rest->ptr, n};
        *rest = (struct sl_str){rest->ptr + n + (nl != NULL), rest->len - n - (nl != NULL)};
        return true;
}

static void states_there_and_back(struct sl_str text)
{
        uint8_t one[SL_DLQ_BUCKET], two[SL_DLQ_BUCKET];
        struct sl_buf out = {0};
        if (sl_dlq_states_parse(text, one, NULL) == SL_OK) {
                sl_dlq_states_print(one, &out);
                check(sl_dlq_states_parse((struct sl_str){out.ptr, out.len}, two, NULL) == SL_OK);
                check(memcmp(one, two, sizeof(one)) == 0);
        }
        sl_buf_free(&out);
}

static void load_job(struct sl_dlq_ledger *l)
{
        struct sl_dlq_job job = {.id = "0123456789abcdef"};
        struct sl_buf first = {0};
        if (sl_dlq_job_load(&job, l, NULL) == SL_OK && job.state == SL_JOB_RUNNING) {
                sl_buf_adds(&job.args, "[]");
                sl_dlq_job_save(&job, l);
                sl_buf_add_str(&first, sl_dlq_ledger_job(l, job.id));
                struct sl_dlq_job again = {.id = "0123456789abcdef"};
                check(sl_dlq_job_load(&again, l, NULL) == SL_OK);
                sl_buf_adds(&again.args, "[]");
                sl_dlq_job_save(&again, l);
                check(sl_str_eq(sl_dlq_ledger_job(l, job.id), (struct sl_str){first.ptr, first.len}));
                sl_dlq_job_free(&again);
        }
        sl_buf_free(&first);
        sl_dlq_job_free(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char job_key[] = "[\"job\",\"t\",\"\",\"0123456789abcdef\"]";
        struct sl_str rest = {(const char *)data, size}, key, value;
        struct sl_dlq_ledger *l = sl_calloc(1, sizeof(*l));
        l->opts = (struct sl_dlq_ledger_opts){.topic = "t", .target = "topic:x"};
        while (line(&rest, &key) && line(&rest, &value)) {
                if (sl_str_eqc(value, "-"))
                        value = SL_STR_NULL;
                else
                        states_there_and_back(value);
                bool job = sl_str_eqc(key, "job");
                struct sl_kmsg m = {.key = job ? (struct sl_str){job_key, sizeof(job_key) - 1} : key, .value = value, .timestamp_ms = 1};
                enum sl_rc rc = apply(l, &m, NULL);
                (void)rc;
        }
        for (int32_t p = -1; p < 3; p++)
                check((unsigned)sl_dlq_ledger_state(l, p, 17) < SL_DLQ_STATE_COUNT);
        load_job(l);
        sl_dlq_ledger_close(l);
        return 0;
}
