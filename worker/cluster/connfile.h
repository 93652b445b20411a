/* SPDX-License-Identifier: Apache-2.0 */
/* A connector config in a file, as the command line takes it: {"name","config","initial_state"}, a flat JSON map with
 * "name", or Java properties. */
#ifndef SL_CLUSTER_CONNFILE_H
#define SL_CLUSTER_CONNFILE_H
#include "cluster/herder.h"

/* Fills ret (zeroed by the caller): name is "" when the file has none, and config has it as "name" otherwise. */
enum sl_rc sl_connfile_load(const char *path, struct sl_herder_initial *ret, struct sl_err *err);
void sl_connfile_free(struct sl_herder_initial *c); /* accepts a zeroed struct */
#endif
