/* SPDX-License-Identifier: Apache-2.0 */
/* Between kconf.c (layers), kconf_rows.c (the table of Java's client keys) and kconf_security.c (TLS, SASL). */
#ifndef SL_KAFKA_KCONF_INTERNAL_H
#define SL_KAFKA_KCONF_INTERNAL_H
#include "kafka/kconf.h"

#define SL_KR_P 1
#define SL_KR_C 2
#define SL_KR_A 4
#define SL_KR_ALL (SL_KR_P | SL_KR_C | SL_KR_A)

/* The keys of one client after all layers. */
struct sl_keff {
        struct sl_props values;  /* Java key -> value */
        struct sl_props origins; /* Java key -> prefix under which the user wrote it */
};
struct sl_kctx {
        rd_kafka_conf_t *conf;
        const struct sl_keff *eff;
        enum sl_kclient kind;
        char key[256];                /* of the value at hand, as the user wrote it, with prefix: for messages */
        struct sl_cfg_report *report; /* for warnings; NULL = nobody asks */
        struct sl_err *err;
};
struct sl_krow {
        const char *java;
        int who;
        const char *rk; /* librdkafka's name; NULL: nothing to set */
        enum sl_rc (*apply)(struct sl_kctx *x, const struct sl_krow *row, const char *value); /* NULL: pass */
        const char *arg;  /* what the function wants to know: range, allowed values, reason of a refusal */
        const char *note; /* for the reference page; NULL = nothing to add */
};
extern const struct sl_krow sl_krows[]; /* ends with a zeroed row */

/* Set a librdkafka key; a message never shows a secret's value. */
enum sl_rc sl_kctx_set(struct sl_kctx *x, const char *rk, const char *value);
/* A Java key's value, NULL when nobody set it. */
const char *sl_kctx_get(const struct sl_kctx *x, const char *java);
/* Make x->key the name under which the user wrote a Java key. */
void sl_kctx_at(struct sl_kctx *x, const char *java);
/* Does security.protocol have this part ("SSL", "SASL")? */
bool sl_keff_protocol_has(const struct sl_keff *eff, const char *part);

/* Row functions that both files use. */
enum sl_rc sl_krow_take(struct sl_kctx *x, const struct sl_krow *row, const char *value);   /* no effect here */
enum sl_rc sl_krow_later(struct sl_kctx *x, const struct sl_krow *row, const char *value);  /* sl_ksec_finish reads it */
enum sl_rc sl_krow_refuse(struct sl_kctx *x, const struct sl_krow *row, const char *value); /* arg: why */

/* Row functions of kconf_security.c. */
enum sl_rc sl_ksec_truststore(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_keystore(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_pem(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_cipher_suites(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_tls_versions(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_mechanism(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_jaas(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_login_handler(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_retriever(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_validator(struct sl_kctx *x, const struct sl_krow *row, const char *value);
enum sl_rc sl_ksec_token_url(struct sl_kctx *x, const struct sl_krow *row, const char *value);
/* What needs several keys: credentials, tokens, keystores. After all rows. */
enum sl_rc sl_ksec_finish(struct sl_kctx *x);
#endif
