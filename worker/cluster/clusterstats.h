/* SPDX-License-Identifier: Apache-2.0 */
/* What the metrics say about a worker's part in its cluster. The code that knows fills it in; /metrics prints it.
 * @thread any */
#ifndef SL_CLUSTER_CLUSTERSTATS_H
#define SL_CLUSTER_CLUSTERSTATS_H
#include <stdbool.h>
#include <stdint.h>

struct sl_cluster_stats {
        int64_t epoch;                 /* generation of the group; 0 = none yet */
        uint64_t completed_rebalances;
        bool rebalancing;
        int64_t rebalance_ended_ms;    /* monotonic, of the last one; 0 = none yet */
        int64_t rebalance_total_ms, rebalance_max_ms; /* of the completed ones */
        char leader_url[512];          /* "http://host:port/"; "" = not known */
};
/* Replace what is shown. */
void sl_cluster_stats_set(const struct sl_cluster_stats *stats);
/* A connector was started (or could not be): its config was resolved and its class found, or not. */
void sl_cluster_stats_connector_start(bool ok);
#endif
