/* SPDX-License-Identifier: Apache-2.0 */
/* User and password for REST, as Connect's BasicAuthSecurityRestExtension asks for them: a JAAS section KafkaConnect
 * with PropertyFileLoginModule, whose file has lines user=password. The file is read once; an empty one lets everybody
 * in, one that can't be read nobody. Passwords are kept as keyed digests and compared in constant time. */
#ifndef SL_REST_AUTH_H
#define SL_REST_AUTH_H
#include "cluster/workercfg.h"

struct sl_rest_auth;
/* *ret NULL: the configuration asks for no password. SL_E_CONFIG: an extension or login module that isn't built in, or
 * no JAAS configuration. A password file that can't be read is logged as an error. */
enum sl_rc sl_rest_auth_new(const struct sl_worker_cfg *cfg, struct sl_rest_auth **ret, struct sl_err *err);
void sl_rest_auth_free(struct sl_rest_auth *a); /* NULL ok */
/* May a request with this Authorization header (NULL = none) pass? The user's name is added to user when one was
 * checked. Safe from any thread. */
bool sl_rest_auth_allows(const struct sl_rest_auth *a, const char *authorization, struct sl_buf *user);
/* The option `file` of PropertyFileLoginModule in JAAS text, appended to file: the section KafkaConnect of a JAAS file,
 * or the login module's line alone. SL_E_CONFIG says what is missing or not built in. */
enum sl_rc sl_rest_jaas_file(const char *text, struct sl_buf *file, struct sl_err *err);
#endif
