/* SPDX-License-Identifier: Apache-2.0 */
/* Makes librdkafka configurations out of Kafka's keys. Layers, later ones win. For a connector's client: our defaults,
 * the worker's address and security keys, "producer." and its kind, "producer.override." and its kind. For a client of
 * the worker itself: our defaults and the worker's own keys. The worker's security keys go only to the brokers of its own
 * bootstrap.servers: a client that is sent elsewhere brings its own, so that no connector can collect the worker's
 * password. ssl.* and sasl.* count only when security.protocol uses them, as in Java (a worker may carry ssl.* for REST).
 * What each key means is in kconf_rows.c and kconf_security.c. Does not connect, and knows nothing of group ids, topics
 * or transactions: the clients force theirs afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/log.h"
#include "kafka/kconf_internal.h"

enum sl_rc sl_kctx_set(struct sl_kctx *x, const char *rk, const char *value)
{
        char why[256] = "";

        if (rd_kafka_conf_set(x->conf, rk, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
                return SL_OK;
        if (sl_cfg_is_secret(NULL, 0, x->key) || sl_cfg_is_secret(NULL, 0, rk))
                return sl_fail(x->err, SL_E_CONFIG, "Invalid value [hidden] for configuration %s", x->key);
        return sl_fail(x->err, SL_E_CONFIG, "Invalid value %s for configuration %s: %s", value, x->key, why);
}

const char *sl_kctx_get(const struct sl_kctx *x, const char *java)
{
        return sl_props_get(&x->eff->values, java);
}

static void name_key(struct sl_kctx *x, const char *key)
{
        snprintf(x->key, sizeof(x->key), "%s", key);
}

void sl_kctx_at(struct sl_kctx *x, const char *java)
{
        const char *origin = sl_props_get(&x->eff->origins, java);
        snprintf(x->key, sizeof(x->key), "%s%s", origin ? origin : "", java);
}

bool sl_keff_protocol_has(const struct sl_keff *eff, const char *part)
{
        const char *protocol = sl_props_get(&eff->values, "security.protocol");
        return protocol && strcasestr(protocol, part);
}

static const struct sl_krow *find_row(const char *key)
{
        for (const struct sl_krow *row = sl_krows; row->java; row++)
                if (strcmp(row->java, key) == 0)
                        return row;
        return NULL;
}

/* --- Layers ----------------------------------------------------------------------------------------------------------
 */

static const char *const prefixes[] = {"producer.", "consumer.", "admin."};
static const char *const override_prefixes[] = {"producer.override.", "consumer.override.", "admin.override."};
static const int kind_bits[] = {SL_KR_P, SL_KR_C, SL_KR_A};

static void put(struct sl_keff *eff, const char *origin, const char *java, const char *value)
{
        sl_props_set(&eff->values, java, value);
        sl_props_set(&eff->origins, java, origin);
}

static void layer(struct sl_keff *eff, const struct sl_props *src, const char *prefix)
{
        const char *key, *value;
        size_t n = strlen(prefix);

        for (size_t i = 0; src && sl_props_next(src, &i, &key, &value);) {
                if (strncmp(key, prefix, n) != 0 || !key[n])
                        continue;
                if (value)
                        put(eff, prefix, key + n, value);
                else
                        sl_props_remove(&eff->values, key + n);
        }
}

static bool is_security(const char *key)
{
        return strcmp(key, "security.protocol") == 0 || strncmp(key, "sasl.", 5) == 0 || strncmp(key, "ssl.", 4) == 0;
}

/* What a client has from the worker's own keys; own: it is the worker's. */
static bool inherited(const char *key, bool own, bool security)
{
        const struct sl_krow *row;

        if (is_security(key))
                return security;
        if (strcmp(key, "bootstrap.servers") == 0 || strcmp(key, "client.dns.lookup") == 0)
                return true;
        row = own && strcmp(key, "client.id") != 0 && strcmp(key, "config.providers") != 0 ? find_row(key) : NULL;
        return row && row->who == SL_KR_ALL;
}

static void layer_worker(struct sl_keff *eff, const struct sl_props *worker, bool own, bool security)
{
        const char *key, *value;

        for (size_t i = 0; worker && sl_props_next(worker, &i, &key, &value);)
                if (value && inherited(key, own, security))
                        put(eff, "", key, value);
        if (!sl_props_get(&eff->values, "bootstrap.servers"))
                sl_props_set(&eff->values, "bootstrap.servers", "localhost:9092");
}

static const char *get_at(const struct sl_props *props, const char *prefix, const char *key)
{
        char name[128];

        snprintf(name, sizeof(name), "%s%s", prefix, key);
        return props ? sl_props_get(props, name) : NULL;
}

/* Does a connector's client talk to the brokers that the worker's own security keys are for? */
static bool same_brokers(const struct sl_kafka_cfg *cfg, enum sl_kclient kind)
{
        const char *mine = cfg->worker ? sl_props_get(cfg->worker, "bootstrap.servers") : NULL;
        const char *its = get_at(cfg->connector, override_prefixes[kind], "bootstrap.servers");

        if (!its)
                its = get_at(cfg->worker, prefixes[kind], "bootstrap.servers");
        return !its || (mine && strcmp(its, mine) == 0);
}

static void layers(struct sl_keff *eff, const struct sl_kafka_cfg *cfg, enum sl_kclient kind)
{
        if (!cfg->connector) {
                layer_worker(eff, cfg->worker, true, true);
                return;
        }
        layer_worker(eff, cfg->worker, false, same_brokers(cfg, kind));
        layer(eff, cfg->worker, prefixes[kind]);
        layer(eff, cfg->connector, override_prefixes[kind]);
}

static void eff_free(struct sl_keff *eff)
{
        sl_props_free(&eff->values);
        sl_props_free(&eff->origins);
}

/* --- Applying --------------------------------------------------------------------------------------------------------
 */

enum found { KNOWN, UNKNOWN, OTHER_CLIENT };

/* One key, named by x->key. *ret_found says whether anybody knows it. */
static enum sl_rc apply_key(struct sl_kctx *x, const char *java, const char *value, enum found *ret_found)
{
        const struct sl_krow *row = find_row(java);
        char text[256], why[8];

        *ret_found = KNOWN;
        if ((strncmp(java, "ssl.", 4) == 0 && !sl_keff_protocol_has(x->eff, "SSL")) ||
            (strncmp(java, "sasl.", 5) == 0 && !sl_keff_protocol_has(x->eff, "SASL")))
                return SL_OK;
        if (row && !(row->who & kind_bits[x->kind])) {
                *ret_found = OTHER_CLIENT;
                return SL_OK;
        }
        if (row)
                return row->apply ? row->apply(x, row, value) : sl_kctx_set(x, row->rk, value);
        size_t room = sizeof(text);
        if (rd_kafka_conf_get(x->conf, java, text, &room) == RD_KAFKA_CONF_UNKNOWN &&
            rd_kafka_conf_set(x->conf, java, value, why, sizeof(why)) == RD_KAFKA_CONF_UNKNOWN) {
                *ret_found = UNKNOWN;
                return SL_OK;
        }
        return sl_kctx_set(x, java, value);
}

static void log_line(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
        if (level <= 4 && strcmp(fac, "GETPID") != 0) /* its retries are the normal course after a dead producer */
                sl_warn("kafka client: %s fac=%s client=%s", buf, fac, rk ? rd_kafka_name(rk) : "");
        else
                sl_debug("kafka client: %s fac=%s client=%s", buf, fac, rk ? rd_kafka_name(rk) : "");
}

struct def {
        int who;
        const char *key, *value;
};
static const struct def defaults[] = {
        {SL_KR_ALL, "socket.nagle.disable", "true"},
        {SL_KR_ALL, "enable.metrics.push", "false"},
        {SL_KR_ALL, "log.connection.close", "false"}, /* brokers close idle connections all the time */
        {SL_KR_ALL, "log_level", "6"},
        {SL_KR_ALL, "reconnect.backoff.ms", "50"}, /* these two are Java's; half of the first also delays every start */
        {SL_KR_ALL, "reconnect.backoff.max.ms", "1000"},
        {SL_KR_A, "allow.auto.create.topics", "false"},
        {SL_KR_P, "partitioner", "murmur2_random"}, /* Java's placement; librdkafka's own is CRC32 */
        {SL_KR_P, "enable.idempotence", "true"},
        {SL_KR_P, "message.timeout.ms", "0"}, /* a gap is worse than waiting */
        {SL_KR_P, "socket.timeout.ms",
         "30000"}, /* with transactions librdkafka would wait 15 minutes for a dead connection */
        {SL_KR_P, "queue.buffering.max.messages", "0"},
        /* Java's is none. Rows are repetitive: lz4 costs us no more than the copies it saves, and the broker half its time. */
        {SL_KR_P, "compression.type", "lz4"},
        {SL_KR_P, "linger.ms", "5"},
        {SL_KR_P, "batch.size", "1000000"},
        {SL_KR_P, "batch.num.messages", "100000"},
        {SL_KR_P, "message.max.bytes", "1048576"}, /* Java's max.request.size */
        {SL_KR_C, "topic.blacklist", "^__consumer_offsets$,^__transaction_state$,^__share_group_state$"},
        {SL_KR_C, "enable.auto.commit", "false"},
        {SL_KR_C, "enable.auto.offset.store", "false"},
        {SL_KR_C, "auto.offset.reset", "earliest"},
        {SL_KR_C, "isolation.level", "read_committed"},
        {SL_KR_C, "check.crcs", "true"}, /* as in Java: else damaged records are taken for others, or end a task */
        {SL_KR_C, "allow.auto.create.topics", "true"},            /* as in Java: a sink may start before its source */
        {SL_KR_C, "topic.metadata.refresh.interval.ms", "10000"}, /* how soon a new topic is seen */
        /* What is fetched ahead. librdkafka counts the bytes of the values only, and each message takes 320 more: small ones are
         * bounded by their number. It stops asking when a bound is passed, so a whole fetch comes on top, uncompressed: Java's
         * fetch.max.bytes of 50 MB is much for that. All three are far more than what is read while a fetch is on its way. */
        {SL_KR_C, "queued.max.messages.kbytes", "8192"},
        {SL_KR_C, "queued.min.messages", "10000"},
        {SL_KR_C, "fetch.max.bytes", "2097152"},
        {SL_KR_C, "fetch.queue.backoff.ms", "10"}, /* a full queue is looked at again soon: it drains in milliseconds */
        {SL_KR_C, "fetch.error.backoff.ms", "100"},
};

static enum sl_rc apply_defaults(struct sl_kctx *x, const char *client_id)
{
        name_key(x, "client.id");
        if (client_id)
                SL_TRY(sl_kctx_set(x, "client.id", client_id));
        for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
                if (defaults[i].who & kind_bits[x->kind]) {
                        name_key(x, defaults[i].key);
                        SL_TRY(sl_kctx_set(x, defaults[i].key, defaults[i].value));
                }
        rd_kafka_conf_set_log_cb(x->conf, log_line);
        return SL_OK;
}

static int64_t conf_int(const rd_kafka_conf_t *conf, const char *key)
{
        char text[64];
        size_t room = sizeof(text);

        return rd_kafka_conf_get(conf, key, text, &room) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 0;
}

/* Pairs that librdkafka refuses to have in the wrong order, and Java doesn't. */
static enum sl_rc reconcile(struct sl_kctx *x)
{
        char text[32];

        name_key(x, "reconnect.backoff.max.ms");
        if (conf_int(x->conf, "reconnect.backoff.max.ms") < conf_int(x->conf, "reconnect.backoff.ms")) {
                snprintf(text, sizeof(text), "%ld", conf_int(x->conf, "reconnect.backoff.ms"));
                SL_TRY(sl_kctx_set(x, "reconnect.backoff.max.ms", text));
        }
        name_key(x, "fetch.max.bytes");
        if (x->kind == SL_K_CONSUMER && conf_int(x->conf, "fetch.max.bytes") < conf_int(x->conf, "message.max.bytes")) {
                snprintf(text, sizeof(text), "%ld", conf_int(x->conf, "fetch.max.bytes"));
                SL_TRY(sl_kctx_set(x, "message.max.bytes", text));
        }
        return SL_OK;
}

static enum sl_rc apply_all(struct sl_kctx *x, const char *client_id)
{
        const char *java, *value;

        SL_TRY(apply_defaults(x, client_id));
        for (size_t i = 0; sl_props_next(&x->eff->values, &i, &java, &value);) {
                enum found found;
                sl_kctx_at(x, java);
                SL_TRY(apply_key(x, java, value, &found));
                if (found == UNKNOWN)
                        sl_debug("kafka: the configuration %s was supplied but isn't a known config", x->key);
        }
        SL_TRY(sl_ksec_finish(x));
        return reconcile(x);
}

enum sl_rc sl_kconf_new(const struct sl_kafka_cfg *cfg, enum sl_kclient kind, const char *client_id,
                        rd_kafka_conf_t **ret, struct sl_err *err)
{
        struct sl_keff eff = {0};
        struct sl_kctx x = {.conf = rd_kafka_conf_new(), .eff = &eff, .kind = kind, .err = err};

        layers(&eff, cfg, kind);
        enum sl_rc rc = apply_all(&x, client_id);
        eff_free(&eff);
        if (rc != SL_OK) {
                rd_kafka_conf_destroy(x.conf);
                return rc;
        }
        *ret = x.conf;
        return SL_OK;
}

/* --- Checking --------------------------------------------------------------------------------------------------------
 */

/* The keys that came under one prefix, and, when the whole is known, whether they go together. */
static void check(const struct sl_keff *eff, enum sl_kclient kind, const char *prefix, bool whole,
                  struct sl_cfg_report *r)
{
        struct sl_err err = {0};
        struct sl_kctx x = {.conf = rd_kafka_conf_new(), .eff = eff, .kind = kind, .report = r, .err = &err};
        const char *java, *value;
        uint32_t mine = 0, before = r->errors;

        for (size_t i = 0; sl_props_next(&eff->values, &i, &java, &value);) {
                enum found found;
                const char *origin = sl_props_get(&eff->origins, java);
                if (!origin || strcmp(origin, prefix) != 0)
                        continue;
                mine++;
                sl_kctx_at(&x, java);
                if (apply_key(&x, java, value, &found) != SL_OK)
                        sl_cfg_add_error(r, x.key, "%s", err.msg);
                else if (found == UNKNOWN)
                        sl_cfg_add_warning(r, x.key, "No Kafka client knows the configuration %s; it has no effect",
                                           x.key);
                else if (found == OTHER_CLIENT)
                        sl_cfg_add_warning(r, x.key, "%s belongs to another kind of Kafka client; it has no effect",
                                           x.key);
                sl_err_clear(&err);
        }
        if (mine && whole && r->errors == before && sl_ksec_finish(&x) != SL_OK)
                sl_cfg_add_error(r, x.key, "%s", err.msg);
        rd_kafka_conf_destroy(x.conf);
}

void sl_kafka_check_worker(const struct sl_props *worker, struct sl_cfg_report *r)
{
        const struct sl_props none = {0};
        struct sl_keff own = {0};

        layer_worker(&own, worker, true, true);
        check(&own, SL_K_ADMIN, "", true, r);
        eff_free(&own);
        for (int kind = SL_K_PRODUCER; kind <= SL_K_ADMIN; kind++) {
                struct sl_keff eff = {0};
                layers(&eff, &(struct sl_kafka_cfg){worker, &none}, (enum sl_kclient)kind);
                check(&eff, (enum sl_kclient)kind, prefixes[kind], true, r);
                eff_free(&eff);
        }
}

void sl_kafka_check_overrides(const struct sl_kafka_cfg *cfg, struct sl_cfg_report *r)
{
        for (int kind = SL_K_PRODUCER; kind <= SL_K_ADMIN; kind++) {
                struct sl_keff eff = {0};
                layers(&eff, cfg, (enum sl_kclient)kind);
                /* Without the worker's keys, TLS and SASL keys are checked by themselves. */
                bool whole = cfg->worker || sl_props_get(&eff.values, "security.protocol");
                if (!whole)
                        sl_props_set(&eff.values, "security.protocol", "SASL_SSL");
                check(&eff, (enum sl_kclient)kind, override_prefixes[kind], whole, r);
                eff_free(&eff);
        }
}
