/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins of the user's own: the shared objects (*.so) in the directories of plugin.path. */
#ifndef SL_CLUSTER_PLUGLOAD_H
#define SL_CLUSTER_PLUGLOAD_H
#include "cluster/plugins.h"
#include "config/cfgdef.h"

struct sl_plugin_set {
        struct sl_plugins all; /* the built-in ones, and behind them the loaded ones */
        struct sl_arena arena;
};
/* Load what stands in dirs (in the order of dirs, then of file names). What can't be used is left out as a whole, and report has the
 * sentence: an error for a refused plugin, a warning for a directory that can't be read and for Java archives. set is zeroed
 * before; what was loaded stays until the process ends. Once, before threads. */
void sl_plugin_set_load(struct sl_plugin_set *set, const struct sl_plugins *built_in, const struct sl_cfg_list *dirs,
                        struct sl_cfg_report *report);
void sl_plugin_set_free(struct sl_plugin_set *set); /* accepts a zeroed struct */
#endif
