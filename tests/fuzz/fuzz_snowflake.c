/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any status, headers and body as an answer of Snowflake: what it means, which host it sends us to, and what a channel's status
 * makes of a channel. Two bytes: the status; headers end at the first NUL. Offsets never go back, and a token goes to no foreign host. */
#include <stdlib.h>

#include "base/json.h"
#include "connectors/snowflake/client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
        if (!fine)
                abort();
}

static void check_host(struct sl_str body)
{
        static const char domain[] = ".snowflakecomputing.com";
        struct sl_buf host = {0};
        struct sl_err err = {0};
        if (sl_sf_host_take(body, "acc.snowflakecomputing.com", NULL, &host, &err) == SL_OK) {
                size_t name = strcspn(sl_buf_cstr(&host), ":/?#@"), n = sizeof(domain) - 1;
                check(name > n && strncasecmp(host.ptr + name - n, domain, n) == 0);
                check(strlen(host.ptr) == host.len && !strpbrk(host.ptr, "/?#@ \r\n"));
        } else {
                check(*err.msg);
        }
        sl_buf_free(&host);
}

static void check_channel(const json_t *status, bool known)
{
        static struct sl_sf_client *client;
        struct sl_sf_client_opts opts = {.url = "http://acc.snowflakecomputing.com", .user = "u", .authenticator = SL_SF_AUTH_PAT, .pat = "p"};
        if (!client)
                check(sl_sf_client_new(&opts, &client, NULL) == SL_OK);
        struct sl_sf_channel *ch = sl_sf_channel_new(client, "D", "S", "P", "t_0");
        ch->state = SL_SF_READY;
        ch->committed = 5;
        ch->accepted = 9;
        sl_sf_channel_status(ch, known ? status : NULL);
        check(sl_sf_channel_committed(ch) >= 5);
        enum sl_sf_channel_state s = sl_sf_channel_state(ch);
        check(s == SL_SF_READY || s == SL_SF_LOST || (s == SL_SF_FAILED && *sl_sf_channel_error(ch)->msg));
        sl_sf_channel_free(ch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sl_http_response resp = {0};
        struct sl_sf_answer a = {0};
        struct sl_err err = {0};
        int64_t ms;
        if (size < 2)
                return 0;
        const uint8_t *nul = memchr(data + 2, 0, size - 2);
        struct sl_str headers = {(const char *)data + 2, nul ? (size_t)(nul - data) - 2 : 0};
        struct sl_str body = {(const char *)data + 2 + (nul ? headers.len + 1 : 0), size - 2 - (nul ? headers.len + 1 : 0)};
        resp.status = 100 + (data[0] << 8 | data[1]) % 500;
        sl_buf_add_str(&resp.headers, headers);
        sl_buf_add_str(&resp.body, body);
        sl_sf_answer_read(&a, &resp);
        if (a.verdict != SL_SF_V_OK)
                check(sl_sf_answer_fail(&a, "host", "append rows", &err) != SL_OK && *err.msg);
        check(a.retry_after_ms >= 0 && a.retry_after_ms <= 60000);
        sl_sf_http_date(headers, &ms);
        check_host(body);
        check_channel(a.body, a.body != NULL);
        sl_sf_answer_free(&a);
        sl_http_response_free(&resp);
        return 0;
}
