/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 sink (io.confluent.connect.s3.S3SinkConnector). */
#ifndef SL_S3_SINK_H
#define SL_S3_SINK_H
#include "api/connector.h"

extern const struct sl_sink_ops sl_s3_sink;
#endif
