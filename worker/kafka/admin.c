/* SPDX-License-Identifier: Apache-2.0 */
/* Admin calls over librdkafka's admin API, each on a queue of its own and waited for. The handle is a bare producer
 * that never produces and never lets a broker create a topic. Does not retry: callers know whether a failure may pass.
 */
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "kafka/admin_call.h"


/* What to do about a refused certificate. */
static const char *cure(int x509)
{
        switch (x509) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return "renew it on the broker, or set this machine's clock";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return "use a name that is in the certificate, in bootstrap.servers and the broker's "
                       "advertised.listeners, or set ssl.endpoint.identification.algorithm to an empty value";
        default:
                return "ssl.truststore.location (with ssl.truststore.type=PEM) or ssl.truststore.certificates must "
                       "hold the CA that signed it";
        }
}

/* From one of librdkafka's threads: decides nothing, but keeps the reason, which librdkafka's error lacks. */
static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *x509, int depth, const char *der,
                          size_t size, char *why, size_t room, void *opaque)
{
        struct sl_admin *a = opaque;

        (void)rk, (void)id, (void)depth, (void)der, (void)size;
        if (*x509 == X509_V_OK)
                return 1;
        snprintf(why, room, "%s", X509_verify_cert_error_string(*x509));
        pthread_mutex_lock(&a->lock);
        snprintf(a->distrust, sizeof(a->distrust), "The certificate of the broker %s is refused (%s): %s", broker, why,
                 cure(*x509));
        pthread_mutex_unlock(&a->lock);
        return 0;
}

static void keep_reason(struct sl_admin *a, const char *reason)
{
        size_t n = strnlen(reason, sizeof(a->down_reason) - 1);

        memcpy(a->down_reason, reason, n);
        a->down_reason[n] = '\0';
}

/* A token endpoint that says no will go on saying it (OAuth's error codes); one that is away may come back. */
static bool may_pass(int code, const char *reason)
{
        static const char *const final[] = {"\"invalid_client\"",      "\"unauthorized_client\"", "\"invalid_scope\"",
                                            "\"invalid_grant\"",       "\"invalid_request\"",
                                            "\"unsupported_grant_type\""};

        for (size_t i = 0; i < sizeof(final) / sizeof(*final); i++)
                if (strstr(reason, final[i]))
                        return false;
        return sl_kafka_no_token(code, reason);
}

/* Is it about who we or the brokers are, so that waiting is of no use? With TLS 1.3 a broker says after the handshake, as
 * an alert that librdkafka counts as a lost connection, that it doesn't like our certificate. */
static bool is_refusal(int code, const char *reason)
{
        return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
               (code == RD_KAFKA_RESP_ERR__TRANSPORT && strstr(reason, " alert ") && *sl_kafka_advice(reason));
}

/* The first reason is kept: the next ones only repeat it, without what on_certificate knew. */
static void keep_refusal(struct sl_admin *a, int code, const char *reason)
{
        enum sl_rc ignored = SL_OK;
        bool known = code == RD_KAFKA_RESP_ERR__SSL && *a->distrust;

        if (a->refused.id == SL_E_NONE)
                ignored = sl_kafka_fail(&a->refused,
                                        code == RD_KAFKA_RESP_ERR__TRANSPORT ? RD_KAFKA_RESP_ERR__SSL
                                                                             : (rd_kafka_resp_err_t)code,
                                        "%s", known ? a->distrust : reason);
        *a->distrust = '\0';
        (void)ignored; /* kept in a->refused */
}

/* From rd_kafka_poll, under the lock. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
        struct sl_admin *a = opaque;

        (void)rk;
        if (may_pass(code, reason)) {
                keep_reason(a, reason);
        } else if (is_refusal(code, reason)) {
                keep_refusal(a, code, reason);
        } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
                a->all_down = true;
        } else if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__RESOLVE) {
                keep_reason(a, reason);
        }
}

enum sl_rc sl_admin_new(const struct sl_kafka_cfg *cfg, const char *client_id, struct sl_admin **ret,
                        struct sl_err *err)
{
        rd_kafka_conf_t *conf;
        char why[512], servers[1024];
        size_t room = sizeof(servers);

        SL_TRY(sl_kconf_new(cfg, SL_K_ADMIN, client_id, &conf, err));
        struct sl_admin *a = sl_calloc(1, sizeof(*a));
        if (rd_kafka_conf_get(conf, "bootstrap.servers", servers, &room) != RD_KAFKA_CONF_OK)
                snprintf(servers, sizeof(servers), "bootstrap.servers");
        a->servers = sl_strdup(servers);
        pthread_mutex_init(&a->lock, NULL);
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate);
        rd_kafka_conf_set_opaque(conf, a);
        a->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
        if (!a->rk) {
                rd_kafka_conf_destroy(conf);
                sl_admin_free(a);
                return sl_kafka_refused(err, "admin client", why);
        }
        *ret = a;
        return SL_OK;
}

void sl_admin_free(struct sl_admin *a)
{
        if (!a)
                return;
        if (a->rk)
                rd_kafka_destroy(a->rk);
        pthread_mutex_destroy(&a->lock);
        free(a->servers);
        free(a);
}

/* --- Failures --------------------------------------------------------------------------------------------------------
 */

/* Why a call that timed out did: the credentials, the network, or neither (SL_OK). */
static enum sl_rc blame(struct sl_admin *a, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;

        pthread_mutex_lock(&a->lock);
        a->all_down = false;
        rd_kafka_poll(a->rk, 0);
        if (a->refused.id != SL_E_NONE) {
                rc = a->refused.rc;
                if (err && err->id == SL_E_NONE)
                        *err = a->refused;
                sl_err_clear(&a->refused);
        } else if (a->all_down) {
                rc = sl_fail(err, SL_E_KAFKA_UNREACHABLE, "No broker of bootstrap.servers=%s answers%s%s", a->servers,
                             *a->down_reason ? ": " : "", a->down_reason);
        }
        pthread_mutex_unlock(&a->lock);
        return rc;
}

static enum sl_rc admin_fail(struct sl_admin *a, rd_kafka_resp_err_t code, const char *reason, const char *what,
                             struct sl_err *err)
{
        if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT)
                SL_TRY(blame(a, err));
        return sl_kafka_fail(err, code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

enum sl_rc sl_admin_ping(struct sl_admin *a, int timeout_ms, struct sl_buf *ret_cluster_id, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;

        for (;;) {
                int64_t left = deadline - sl_mono_ms();
                const struct rd_kafka_metadata *metadata;
                rd_kafka_resp_err_t code = rd_kafka_metadata(a->rk, 0, NULL, &metadata,
                                                             left < 1     ? 1
                                                             : left < 500 ? (int)left
                                                                          : 500);
                if (!code) {
                        rd_kafka_metadata_destroy(metadata);
                        break;
                }
                pthread_mutex_lock(&a->lock);
                rd_kafka_poll(a->rk, 0);
                bool refused = a->refused.id != SL_E_NONE;
                if (refused && err && err->id == SL_E_NONE)
                        *err = a->refused;
                sl_err_clear(&a->refused);
                pthread_mutex_unlock(&a->lock);
                if (refused)
                        return SL_FATAL;
                if (sl_mono_ms() >= deadline)
                        return sl_fail(err, SL_E_KAFKA_UNREACHABLE,
                                       "No broker of bootstrap.servers=%s answers in %d ms%s%s%s", a->servers, timeout_ms,
                                       *a->down_reason ? ": " : "", a->down_reason, sl_kafka_advice(a->down_reason));
        }
        if (!ret_cluster_id)
                return SL_OK;
        char *id = rd_kafka_clusterid(a->rk, timeout_ms);
        if (id)
                sl_buf_adds(ret_cluster_id, id);
        rd_kafka_mem_free(a->rk, id);
        return SL_OK;
}

/* --- Calls -----------------------------------------------------------------------------------------------------------
 */

void sl_admin_call_begin(struct sl_admin_call *call, struct sl_admin *a, rd_kafka_admin_op_t op, int timeout_ms)
{
        char why[128];

        *call = (struct sl_admin_call){.a = a, .timeout_ms = timeout_ms};
        call->queue = rd_kafka_queue_new(a->rk);
        call->options = rd_kafka_AdminOptions_new(a->rk, op);
        rd_kafka_AdminOptions_set_request_timeout(call->options,
                                                  timeout_ms < 1         ? 1
                                                  : timeout_ms > 3600000 ? 3600000
                                                                         : timeout_ms,
                                                  why, sizeof(why));
}

enum sl_rc sl_admin_call_wait(struct sl_admin_call *call, const char *what, struct sl_err *err)
{
        call->event = rd_kafka_queue_poll(call->queue, call->timeout_ms + 500); /* it times out by itself */
        if (!call->event)
                return admin_fail(call->a, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what, err);
        rd_kafka_resp_err_t code = rd_kafka_event_error(call->event);
        return code ? admin_fail(call->a, code, rd_kafka_event_error_string(call->event), what, err) : SL_OK;
}

void sl_admin_call_end(struct sl_admin_call *call)
{
        if (call->event)
                rd_kafka_event_destroy(call->event);
        rd_kafka_AdminOptions_destroy(call->options);
        rd_kafka_queue_destroy(call->queue);
}

/* *ret NULL: there is no such topic. */
static enum sl_rc described(struct sl_admin_call *call, const char *topic, const rd_kafka_TopicDescription_t **ret,
                            struct sl_err *err)
{
        size_t n = 0;
        const rd_kafka_TopicDescription_t **topics =
                rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(call->event), &n);
        const rd_kafka_error_t *e = n ? rd_kafka_TopicDescription_error(topics[0]) : NULL;
        rd_kafka_resp_err_t code = e ? rd_kafka_error_code(e) : RD_KAFKA_RESP_ERR_NO_ERROR;
        bool missing = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;

        *ret = n && !missing ? topics[0] : NULL;
        if (code && !missing)
                return sl_kafka_fail(err, code, "Topic %s could not be described", topic);
        return SL_OK;
}

static enum sl_rc read_partitions(struct sl_admin_call *call, const char *topic, void *ret, struct sl_err *err)
{
        const rd_kafka_TopicDescription_t *d;
        size_t count = 0;

        SL_TRY(described(call, topic, &d, err));
        if (d)
                rd_kafka_TopicDescription_partitions(d, &count);
        *(int32_t *)ret = (int32_t)count;
        return SL_OK;
}

static enum sl_rc read_id(struct sl_admin_call *call, const char *topic, void *ret, struct sl_err *err)
{
        const rd_kafka_TopicDescription_t *d;

        SL_TRY(described(call, topic, &d, err));
        const rd_kafka_Uuid_t *id = d ? rd_kafka_TopicDescription_topic_id(d) : NULL;
        if (id && (rd_kafka_Uuid_most_significant_bits(id) || rd_kafka_Uuid_least_significant_bits(id)))
                sl_buf_adds(ret, rd_kafka_Uuid_base64str(id));
        return SL_OK;
}

/* Describe one topic and have its answer read. */
static enum sl_rc describe(struct sl_admin *a, const char *topic, int timeout_ms,
                           enum sl_rc (*read)(struct sl_admin_call *call, const char *topic, void *ret, struct sl_err *err),
                           void *ret, struct sl_err *err)
{
        struct sl_admin_call call;
        rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(&topic, 1);

        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout_ms);
        rd_kafka_DescribeTopics(a->rk, topics, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A topic could not be described", err);
        if (rc == SL_OK)
                rc = read(&call, topic, ret, err);
        sl_admin_call_end(&call);
        rd_kafka_TopicCollection_destroy(topics);
        return rc;
}

enum sl_rc sl_admin_topic_partitions(struct sl_admin *a, const char *topic, int timeout_ms, int32_t *ret,
                                     struct sl_err *err)
{
        return describe(a, topic, timeout_ms, read_partitions, ret, err);
}

enum sl_rc sl_admin_topic_id(struct sl_admin *a, const char *topic, int timeout_ms, struct sl_buf *out, struct sl_err *err)
{
        return describe(a, topic, timeout_ms, read_id, out, err);
}

static enum sl_rc read_created(struct sl_admin_call *call, const char *topic, bool *ret_created, struct sl_err *err)
{
        size_t n = 0;
        const rd_kafka_topic_result_t **results =
                rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(call->event), &n);
        rd_kafka_resp_err_t code = n ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;

        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
                const char *text = n ? rd_kafka_topic_result_error_string(results[0]) : NULL;
                return sl_kafka_fail(err, code, "Topic %s could not be created%s%s", topic, text ? ": " : "",
                                     text ? text : "");
        }
        *ret_created = !code;
        return SL_OK;
}

enum sl_rc sl_admin_create_topic(struct sl_admin *a, const struct sl_topic_spec *spec, int timeout_ms,
                                 bool *ret_created, struct sl_err *err)
{
        struct sl_admin_call call;
        char why[256];
        rd_kafka_NewTopic_t *topic =
                rd_kafka_NewTopic_new(spec->name, spec->partitions > 0 ? spec->partitions : -1,
                                      spec->replication > 0 ? spec->replication : -1, why, sizeof(why));

        if (!topic)
                return sl_fail(err, SL_E_KAFKA_FATAL, "Topic %s can't be created: %s", spec->name, why);
        for (const char *const *kv = spec->config; kv && kv[0]; kv += 2) {
                rd_kafka_resp_err_t code = rd_kafka_NewTopic_set_config(topic, kv[0], kv[1]);
                if (code) {
                        rd_kafka_NewTopic_destroy(topic);
                        return sl_kafka_fail(err, code, "Topic %s can't have the configuration %s", spec->name, kv[0]);
                }
        }
        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
        rd_kafka_AdminOptions_set_operation_timeout(call.options, timeout_ms < 1 ? 1 : timeout_ms, why, sizeof(why));
        rd_kafka_CreateTopics(a->rk, &topic, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A topic could not be created", err);
        if (rc == SL_OK)
                rc = read_created(&call, spec->name, ret_created, err);
        sl_admin_call_end(&call);
        rd_kafka_NewTopic_destroy(topic);
        return rc;
}

static enum sl_rc read_config(struct sl_admin_call *call, const char *topic, const char *key, struct sl_buf *out,
                              struct sl_err *err)
{
        size_t n = 0, entries = 0;
        const rd_kafka_ConfigResource_t **resources =
                rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(call->event), &n);

        if (!n || rd_kafka_ConfigResource_error(resources[0])) {
                const char *text = n ? rd_kafka_ConfigResource_error_string(resources[0]) : NULL;
                return sl_kafka_fail(err, n ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__BAD_MSG,
                                     "The configuration of topic %s could not be read%s%s", topic, text ? ": " : "",
                                     text ? text : "");
        }
        const rd_kafka_ConfigEntry_t **list = rd_kafka_ConfigResource_configs(resources[0], &entries);
        for (size_t i = 0; i < entries; i++)
                if (strcmp(rd_kafka_ConfigEntry_name(list[i]), key) == 0) {
                        const char *value = rd_kafka_ConfigEntry_value(list[i]);
                        sl_buf_adds(out, value ? value : "");
                }
        return SL_OK;
}

enum sl_rc sl_admin_topic_config(struct sl_admin *a, const char *topic, const char *key, int timeout_ms,
                                 struct sl_buf *out, struct sl_err *err)
{
        struct sl_admin_call call;
        rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

        sl_admin_call_begin(&call, a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
        rd_kafka_DescribeConfigs(a->rk, &resource, 1, call.options, call.queue);
        enum sl_rc rc = sl_admin_call_wait(&call, "A topic's configuration could not be read", err);
        if (rc == SL_OK)
                rc = read_config(&call, topic, key, out, err);
        sl_admin_call_end(&call);
        rd_kafka_ConfigResource_destroy(resource);
        return rc;
}
