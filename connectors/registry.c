/* SPDX-License-Identifier: Apache-2.0 */
/* The connectors of this build. A new one is a folder and one line here. */
#include "api/plugin.h"

extern const struct sl_source_ops sl_pg_source, sl_file_source;
extern const struct sl_sink_ops sl_s3_sink, sl_snowflake_sink, sl_snowflake_classic_sink, sl_file_sink, sl_dlq_connector;

const struct sl_source_ops *const sl_sources[] = {
        &sl_pg_source,
        &sl_file_source,
        NULL,
};

const struct sl_sink_ops *const sl_sinks[] = {
        &sl_s3_sink,
        &sl_snowflake_sink,
        &sl_snowflake_classic_sink,
        &sl_file_sink,
        &sl_dlq_connector,
        NULL,
};
