/* SPDX-License-Identifier: Apache-2.0 */
/* Which rotation rules a configuration means, and what it must not combine. */
#include "connectors/s3/config.h"
#include "connectors/s3/partition.h"

struct sl_s3_rules sl_s3_rules_of(const struct sl_s3_cfg *cfg)
{
        struct sl_s3_layout layout = sl_s3_layout_of(cfg);
        return (struct sl_s3_rules){
                .flush_size = cfg->flush_size,
                .flush_bytes = cfg->flush_bytes,
                .interval_ms = cfg->rotate_interval_ms,
                .idle_ms = cfg->rotate_idle_ms,
                .max_open = cfg->max_open,
                .on_change = layout.timed && cfg->on_change,
                .wallclock = layout.wallclock,
                .scheduled = cfg->rotate_schedule_ms > 0,
        };
}

void sl_s3_delivery_check(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        struct sl_s3_rules rules = sl_s3_rules_of(cfg);
        if (cfg->nulls == SL_S3_NULLS_WRITE && !cfg->store_keys)
                sl_cfg_add_error(r, "behavior.on.null.values",
                                 "behavior.on.null.values=write writes the keys of tombstones: it needs "
                                 "store.kafka.keys=true");
        if (rules.idle_ms > 0 && rules.idle_ms < 100)
                sl_cfg_add_error(r, "sluice.rotate.idle.ms",
                                 "Invalid value for configuration sluice.rotate.idle.ms: Value must be at least 100, or "
                                 "-1 for off");
        if (rules.flush_bytes > 0 && rules.flush_bytes < 4096)
                sl_cfg_add_error(r, "sluice.flush.bytes",
                                 "Invalid value for configuration sluice.flush.bytes: Value must be at least 4096, or -1 "
                                 "for off");
        if (sl_s3_rules_clocked(&rules) && !cfg->conditional)
                sl_cfg_add_warning(r, "enable.conditional.writes",
                                   "Where files end depends on the clock (%s). Each record is still in exactly one object, by "
                                   "the plans that are committed with the offsets; but with enable.conditional.writes=false "
                                   "an object that something else wrote under the same name is replaced",
                                   rules.wallclock     ? "timestamp.extractor=Wallclock"
                                   : rules.scheduled   ? "rotate.schedule.interval.ms"
                                   : rules.idle_ms > 0 ? "sluice.rotate.idle.ms"
                                                       : "sluice.flush.bytes");
}
