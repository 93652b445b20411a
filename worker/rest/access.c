/* SPDX-License-Identifier: Apache-2.0 */
/* Access log line (see access.h). */
#include "rest/access.h"
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#define TEXT_MAX 1024

static void add_text(struct sl_buf *out, const char *text)
{
        for (size_t i = 0; text && text[i] && i < TEXT_MAX; i++)
                if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
                        sl_buf_printf(out, "\\x%02x", (unsigned char)text[i]);
                else
                        sl_buf_addc(out, text[i]);
}

static void add_time(struct sl_buf *out, int64_t ms)
{
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t t = ms / 1000;
        struct tm tm = {0};
        gmtime_r(&t, &tm);
        sl_buf_printf(out, "[%02d/%s/%d:%02d:%02d:%02d +0000]", tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void sl_rest_access_line(const struct sl_rest_access *a, struct sl_buf *out)
{
        char host[64] = "-";
        if (a->client) {
                socklen_t len =
                        a->client->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
                if (getnameinfo(a->client, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
                        snprintf(host, sizeof(host), "-");
        }
        sl_buf_printf(out, "%s - ", host);
        add_text(out, *a->user ? a->user : "-");
        sl_buf_addc(out, ' ');
        add_time(out, a->began_ms);
        sl_buf_adds(out, " \"");
        add_text(out, a->method);
        sl_buf_addc(out, ' ');
        add_text(out, a->uri);
        sl_buf_addc(out, ' ');
        add_text(out, a->version);
        sl_buf_printf(out, "\" %d %zu \"", a->status, a->bytes);
        add_text(out, a->referer);
        sl_buf_adds(out, "\" \"");
        add_text(out, a->agent);
        sl_buf_printf(out, "\" %lld", (long long)a->took_ms);
}
