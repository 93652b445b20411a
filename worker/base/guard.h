/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into code that isn't ours (plugins): a crash in it (SIGSEGV, SIGBUS, SIGFPE, SIGILL, abort) comes back as a number instead
 * of ending the process. A crash in the program's own code, even called by a plugin, ends it as ever: its locks may be held.
 * What a plugin left half done is not undone; whoever calls must not call it again. */
#ifndef SL_BASE_GUARD_H
#define SL_BASE_GUARD_H

/* Take over the signals; before the first call, once is enough. Does nothing in sanitizer builds, which have handlers of their own. */
void sl_guard_install(void);
/* Run fn(arg). 0 = it returned, else the signal that ended it. fn must hold nothing that only it can release. @thread any */
int sl_guard_call(void (*fn)(void *), void *arg);
#endif
