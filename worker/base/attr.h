/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes, gated per compiler; the only place that spells __attribute__.
 * GCC 12 and clang 14 differ: what only one of them takes is empty for the other. */
#ifndef SL_BASE_ATTR_H
#define SL_BASE_ATTR_H

#define sl_printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define sl_cold __attribute__((cold))
#define sl_noinline __attribute__((noinline))
#define sl_unused __attribute__((unused))
#define sl_noreturn __attribute__((noreturn))
#define sl_likely(x) __builtin_expect(!!(x), 1)
#define sl_unlikely(x) __builtin_expect(!!(x), 0)

/* Local ownership on the control plane: `sl_cleanup(free_fn) T *x = NULL;` where free_fn takes T **.
 * No goto in a function that uses it (the destructor would run on garbage). */
#define sl_cleanup(fn) __attribute__((cleanup(fn)))

#endif
