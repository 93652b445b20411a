/* SPDX-License-Identifier: Apache-2.0 */
/* Scripted fault points (see fault.h). The script is read once, at the first point that is reached. Without
 * SL_FAULTS this file is empty. */
#include "base/fault.h"

#ifdef SL_FAULTS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#define MAX_FAULTS 32
#define EXIT_STATUS 86

enum action { ACT_FAIL, ACT_EXIT, ACT_KILL, ACT_SLEEP };

struct fault {
        char *name;
        enum action action;
        int64_t at; /* the n-th hit; 0 = not said */
        int64_t ms;
        _Atomic int64_t hits;
};

static struct fault faults[MAX_FAULTS];
static int fault_count;

/* A test whose script is not understood must not pass. */
static sl_noreturn void refuse(const char *text)
{
        fprintf(stderr, "sluice: SLUICE_FAULTS: can't read \"%s\"\n", text);
        abort();
}

static bool parse_action(struct fault *f, const char *text)
{
        if (strcmp(text, "fail") == 0) {
                f->action = ACT_FAIL;
        } else if (strcmp(text, "exit") == 0) {
                f->action = ACT_EXIT;
        } else if (strcmp(text, "kill") == 0) {
                f->action = ACT_KILL;
        } else if (strncmp(text, "sleep:", 6) == 0) {
                f->action = ACT_SLEEP;
                return sl_parse_i64(sl_str_c(text + 6), &f->ms) && f->ms >= 0;
        } else {
                return false;
        }
        return true;
}

static void parse_one(char *text)
{
        char *eq = strchr(text, '='), *at = eq ? strchr(eq, '@') : NULL;
        if (!eq || eq == text || fault_count == MAX_FAULTS)
                refuse(text);
        struct fault *f = &faults[fault_count++];
        f->name = sl_strndup(text, (size_t)(eq - text));
        if (at)
                *at++ = '\0';
        if (!parse_action(f, eq + 1) || (at && (!sl_parse_i64(sl_str_c(at), &f->at) || f->at < 1)))
                refuse(text);
}

static void parse_script(void)
{
        const char *env = getenv("SLUICE_FAULTS");
        if (!env || !*env)
                return;
        char *script = sl_strdup(env), *save = NULL;
        for (char *p = strtok_r(script, ",", &save); p; p = strtok_r(NULL, ",", &save))
                parse_one(p);
        free(script);
}

static bool strike(const struct fault *f)
{
        switch (f->action) {
        case ACT_EXIT:
                _exit(EXIT_STATUS);
        case ACT_KILL:
                kill(getpid(), SIGKILL);
                return false;
        case ACT_SLEEP:
                usleep((useconds_t)f->ms * 1000);
                return false;
        case ACT_FAIL:
                break;
        }
        if (f->at) /* a step whose failure ends nothing (while a line is closing) says nothing itself */
                sl_warn("fault point %s struck", f->name);
        return true;
}

bool sl_fault_hit(const char *name)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        bool fail = false;
        pthread_once(&once, parse_script);
        for (int i = 0; i < fault_count; i++) {
                struct fault *f = &faults[i];
                if (strcmp(f->name, name) != 0)
                        continue;
                int64_t hit = atomic_fetch_add(&f->hits, 1) + 1;
                bool always = !f->at && f->action == ACT_FAIL;
                if (always || hit == (f->at ? f->at : 1))
                        fail |= strike(f);
        }
        return fail;
}
#endif
