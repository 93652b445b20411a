/* SPDX-License-Identifier: Apache-2.0 */
/* The access log line of a request: NCSA's combined format and the milliseconds it took, as Connect writes it. Never a
 * header but Referer and User-Agent, never a body. */
#ifndef SL_REST_ACCESS_H
#define SL_REST_ACCESS_H
#include <sys/socket.h>
#include "base/str.h"

struct sl_rest_access {
        const struct sockaddr *client;                        /* NULL = unknown */
        const char *user;                                     /* "" = none */
        const char *method, *uri, *version, *referer, *agent; /* NULL = "" */
        int status;
        size_t bytes;
        int64_t began_ms, took_ms; /* epoch; duration */
};
/* Append the line to out, with everything that isn't printable ASCII, quotes and backslashes as \xHH. */
void sl_rest_access_line(const struct sl_rest_access *a, struct sl_buf *out);
#endif
