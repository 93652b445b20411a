/* SPDX-License-Identifier: Apache-2.0 */
/* Config providers: ${env:NAME}, ${file:/path:key}, ${dir:/path:file} in connector configs. env is built in; file and
 * dir only when the worker's config.providers names them (else REST could read any file). Resolved values are used when
 * a task starts and in validate; the stored config keeps the reference. Java class names of Kafka's three providers
 * (org.apache.kafka.common.config.provider.{EnvVar,File,Directory}ConfigProvider) with their keys (allowlist.pattern,
 * allowed.paths) are taken from config.providers.<name>.class and config.providers.<name>.param.*. */
#ifndef SL_CONFIG_PROVIDER_H
#define SL_CONFIG_PROVIDER_H
#include "base/err.h"
#include "config/props.h"

struct sl_providers;
/* From the worker's properties. */
enum sl_rc sl_providers_new(const struct sl_props *worker, struct sl_providers **ret, struct sl_err *err);
void sl_providers_free(struct sl_providers *p); /* NULL ok */
/* Copy src to dst with every reference resolved. An unknown provider name leaves the text as it is, as Java does
 * (transforms use ${...} too); a known one that fails (missing variable, file or key) is SL_E_CONFIG_PROVIDER and says
 * which key of the config and what to do, never a value. Values are not expanded again. dst is untouched on failure. */
enum sl_rc sl_providers_resolve(const struct sl_providers *p, const struct sl_props *src, struct sl_props *dst,
                                struct sl_err *err);
#endif
