/* SPDX-License-Identifier: Apache-2.0 */
/* The value of sasl.jaas.config: `<login module> <flag> key=value ... ;`, read as Java's clients read it. */
#ifndef SL_KAFKA_JAAS_H
#define SL_KAFKA_JAAS_H
#include "config/props.h"

struct sl_jaas {
        char module[256];        /* the class as written */
        struct sl_props options; /* may hold secrets */
};
/* Fill jaas (zeroed). NULL, or what is wrong in Java's words: a static text, so nothing of the value is in it. */
const char *sl_jaas_parse(const char *text, struct sl_jaas *jaas);
/* The module's name without its package. */
const char *sl_jaas_module(const struct sl_jaas *jaas);
void sl_jaas_free(struct sl_jaas *jaas); /* accepts a zeroed struct */
#endif
