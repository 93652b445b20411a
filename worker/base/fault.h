/* SPDX-License-Identifier: Apache-2.0 */
/* Named fault points, scripted by tests through the environment variable SLUICE_FAULTS:
 *   "name=action[@n][,name=action...]"   action: fail | exit | kill | sleep:<ms>
 * @n: at the n-th hit only; without it at the first hit, and fail at every hit. exit leaves with status 86. A
 * malformed script aborts.
 * e.g. SLUICE_FAULTS=source.before_commit=kill@3. Compiled out (constant 0) unless SL_FAULTS is defined
 * (presets dev, asan, tsan). SL_FAULT(name) is true when the caller must pretend that the step failed. */
#ifndef SL_BASE_FAULT_H
#define SL_BASE_FAULT_H
#include <stdbool.h>
#ifdef SL_FAULTS
bool sl_fault_hit(const char *name);
#define SL_FAULT(name) sl_fault_hit(name)
#else
#define SL_FAULT(name) false
#endif
/* For a step that can fail: the function returns the error when the point says so. Needs base/err.h. */
#define SL_FAULT_TRY(name, id, err)                                                                                    \
        do {                                                                                                           \
                if (SL_FAULT(name))                                                                                    \
                        return sl_fail(err, id, "fault point %s", name);                                               \
        } while (0)
#endif
