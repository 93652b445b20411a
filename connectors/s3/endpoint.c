/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bucket is: Amazon's names (AWS documentation: "Amazon S3 endpoints and quotas", "Making requests to Amazon
 * S3 over IPv6", "Configuring fast, secure file transfers using Transfer Acceleration"), or a server of one's own. */
#include "connectors/s3/client_internal.h"

static bool starts(const char *s, const char *head)
{
        return strncmp(s, head, strlen(head)) == 0;
}

static void add_amazon(struct sl_s3_client *c)
{
        const struct sl_s3_client_opts *o = &c->opts;
        const char *zone = starts(c->region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
        sl_buf_adds(&c->base, "https://");
        if (!c->bucket_in_path)
                sl_buf_printf(&c->base, "%s.", o->bucket);
        if (o->accelerate)
                sl_buf_printf(&c->base, "s3-accelerate%s.amazonaws.com", o->dualstack ? ".dualstack" : "");
        else
                sl_buf_printf(&c->base, "s3%s%s.%s.%s", o->fips ? "-fips" : "", o->dualstack ? ".dualstack" : "",
                              c->region, zone);
}

void sl_s3_set_addresses(struct sl_s3_client *c)
{
        const struct sl_s3_client_opts *o = &c->opts;
        sl_buf_clear(&c->base);
        if (o->endpoint) {
                const char *host = strstr(o->endpoint, "://");
                size_t scheme = host ? (size_t)(host + 3 - o->endpoint) : 0;
                c->bucket_in_path = o->path_style;
                sl_buf_adds(&c->base, scheme ? "" : "https://");
                sl_buf_add(&c->base, o->endpoint, scheme);
                if (!o->path_style)
                        sl_buf_printf(&c->base, "%s.", o->bucket);
                sl_buf_adds(&c->base, o->endpoint + scheme);
        } else {
                /* A dot in the name breaks the certificate's wildcard. */
                c->bucket_in_path = strchr(o->bucket, '.') && !o->accelerate;
                add_amazon(c);
        }
        while (c->base.len && c->base.ptr[c->base.len - 1] == '/')
                c->base.len--;
        struct sl_str url = {c->base.ptr, c->base.len};
        c->tls = url.len > 8 && memcmp(url.ptr, "https://", 8) == 0;
        const char *suffix = c->tls ? ":443" : ":80";
        size_t n = strlen(suffix), start = c->tls ? 8 : 7;
        if (url.len > n && memcmp(url.ptr + url.len - n, suffix, n) == 0)
                c->base.len = url.len -= n; /* a default port is not in the Host header */
        sl_buf_clear(&c->host);
        if (url.len > start)
                sl_buf_add(&c->host, url.ptr + start, url.len - start);
        sl_buf_cstr(&c->host);
}
