/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a failure: one sentence or two by class and code. */
#ifndef SL_DLQ_ADVICE_H
#define SL_DLQ_ADVICE_H
#include "base/err.h"

const char *sl_dlq_advice(enum sl_rc class, const char *code);
#endif
