/* SPDX-License-Identifier: Apache-2.0 */
/* Host names are checked letter by letter: what goes into a URL holds no user part, path or anything else that would
 * lead a token astray. Underscores fail TLS, as no certificate covers them; Snowflake answers under dashes, too. */
#include "connectors/snowflake/host.h"

#include <stdlib.h>
#include <strings.h>

#include "base/json.h"

static bool host_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* host[:port] appended to out; false if it is none. */
static bool add_host(struct sl_buf *out, struct sl_str s)
{
        size_t from = out->len, i = 0;
        int64_t port;
        for (; i < s.len && s.ptr[i] != ':'; i++) {
                char c = s.ptr[i] == '_' ? '-' : s.ptr[i];
                if (!host_char(c))
                        return false;
                sl_buf_addc(out, c);
        }
        if (out->len == from || out->ptr[from] == '.' || out->ptr[from] == '-')
                return false;
        if (i == s.len)
                return true;
        if (!sl_parse_i64((struct sl_str){s.ptr + i + 1, s.len - i - 1}, &port) || port < 1 || port > 65535)
                return false;
        sl_buf_printf(out, ":%d", (int)port);
        return true;
}

enum sl_rc sl_sf_url_parse(const char *text, struct sl_sf_url *ret, struct sl_err *err)
{
        if (!text || !*text)
                return sl_fail(err, SL_E_CONFIG, "ERROR_0017: snowflake.url.name is missing");
        bool plain = strncasecmp(text, "http://", 7) == 0;
        const char *p = plain ? text + 7 : strncasecmp(text, "https://", 8) == 0 ? text + 8 : text;
        size_t n = strlen(p);
        struct sl_buf host = {0};
        if (n && p[n - 1] == '/')
                n--;
        if (!add_host(&host, (struct sl_str){p, n}) || !memchr(host.ptr, '.', host.len)) {
                sl_buf_free(&host);
                return sl_fail(
                        err, SL_E_CONFIG,
                        "ERROR_0007: snowflake.url.name must be [http(s)://]account.snowflakecomputing.com[:port]");
        }
        sl_buf_cstr(&host);
        *ret = (struct sl_sf_url){.tls = !plain, .host = host.ptr, .account = sl_strndup(p, strcspn(p, "."))};
        return SL_OK;
}

void sl_sf_url_free(struct sl_sf_url *u)
{
        free(u->host);
        free(u->account);
        *u = (struct sl_sf_url){0};
}

static bool ends_in(struct sl_str host, const char *domain)
{
        size_t n = strlen(domain);
        return n && host.len >= n && strncasecmp(host.ptr + host.len - n, domain, n) == 0 &&
               (host.len == n || host.ptr[host.len - n - 1] == '.');
}

static struct sl_str without_port(const char *host)
{
        return (struct sl_str){host, strcspn(host, ":")};
}

static bool allowed(const char *host, const char *account_host, const char *also)
{
        static const char *const domains[] = {"snowflakecomputing.com", "snowflakecomputing.cn", NULL};
        struct sl_str h = without_port(host), a = without_port(account_host);
        if (also && ends_in(h, also))
                return true;
        for (const char *const *d = domains; *d; d++)
                if (ends_in(a, *d))
                        return ends_in(h, *d) && h.len > strlen(*d) && !strchr(host, ':');
        return false;
}

static struct sl_str hostname_of(struct sl_str answer, const json_t *j)
{
        const char *text = json_is_string(j) ? json_string_value(j) : sl_json_str(j, "hostname");
        struct sl_str s = text ? sl_str_c(text) : j ? SL_STR("") : answer;
        while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
                s.len--;
        while (s.len && (unsigned char)*s.ptr <= ' ')
                s.ptr++, s.len--;
        return s;
}

enum sl_rc sl_sf_host_take(struct sl_str answer, const char *account_host, const char *also, struct sl_buf *out,
                           struct sl_err *err)
{
        sl_auto_json *j = NULL;
        struct sl_buf host = {0};
        bool json = answer.len && (*answer.ptr == '{' || *answer.ptr == '"');
        if (json && sl_json_parse(answer, &j, NULL) != SL_OK)
                j = NULL;
        struct sl_str name = hostname_of(answer, j);
        enum sl_rc rc = SL_OK;
        if (name.len > 255 || !add_host(&host, name))
                rc = sl_fail(
                        err, SL_E_SF_REFUSED,
                        "Snowflake at %s answered the question for the ingest host with something that is no host name",
                        account_host);
        else if (!allowed(sl_buf_cstr(&host), account_host, also))
                rc = sl_fail(err, SL_E_SF_REFUSED,
                             "Snowflake at %s named %s as its ingest host, which is not in the account's domain: no "
                             "token is sent there. A "
                             "proxy that rewrites answers does such things",
                             account_host, host.ptr);
        if (rc == SL_OK)
                sl_buf_add_str(out, (struct sl_str){host.ptr, host.len});
        sl_buf_free(&host);
        return rc;
}
