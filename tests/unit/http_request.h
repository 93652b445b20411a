/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that are an HTTP server themselves. */
#ifndef SL_TESTS_HTTP_REQUEST_H
#define SL_TESTS_HTTP_REQUEST_H
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

/* One request with its body into b, which is empty; false at the end of the connection. */
static bool read_request(int fd, struct sl_buf *b)
{
        for (;;) {
                const char *end = b->len ? strstr(sl_buf_cstr(b), "\r\n\r\n") : NULL;
                const char *length = end ? strcasestr(b->ptr, "\r\nContent-Length:") : NULL;
                if (end && b->len >= (size_t)(end + 4 - b->ptr) + (length ? strtoul(length + 17, NULL, 10) : 0))
                        return true;
                if (!sl_buf_room(b, 65536))
                        return false;
                ssize_t n = recv(fd, b->ptr + b->len, 65536, 0);
                if (n <= 0)
                        return false;
                b->len += (size_t)n;
        }
}
#endif
