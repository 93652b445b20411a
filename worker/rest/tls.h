/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the REST server and of a worker that calls another worker's REST: from Kafka's ssl.* keys to PEM. Keystores
 * and truststores are PEM (a file, or the text in the configuration) or PKCS12, recognised by their bytes, because Java
 * reads a PKCS12 file whatever ssl.keystore.type says; JKS is refused with the command that converts it. GnuTLS, on
 * which libmicrohttpd is built, appears only in tls.c and auth.c. */
#ifndef SL_REST_TLS_H
#define SL_REST_TLS_H
#include "base/http.h"
#include "cluster/workercfg.h"

struct sl_rest_tls {
        struct sl_buf key, chain, trust; /* PEM; empty = none */
        char *key_password;              /* of an encrypted key; NULL = none */
        char priorities[128];            /* GnuTLS's, from ssl.enabled.protocols */
        enum { SL_CLIENT_AUTH_NONE, SL_CLIENT_AUTH_REQUESTED, SL_CLIENT_AUTH_REQUIRED } client_auth;
        bool verify_host; /* as a client */
};
/* The keys behind prefix ("listeners.https.", "admin.listeners.https.") when the configuration has any such key, else
 * the plain ssl.* ones. server: a key and its certificate are needed, and they must fit. SL_E_CONFIG names the key, the
 * file and what to do, never a password. ret is zeroed by the caller and freed in any case. */
enum sl_rc sl_rest_tls_load(const struct sl_props *props, const char *prefix, bool server, struct sl_rest_tls *ret,
                            struct sl_err *err);
void sl_rest_tls_free(struct sl_rest_tls *tls); /* wipes; accepts a zeroed struct */
/* Make a server's session ask for the client's certificate and check it in the handshake against the truststore.
 * session: gnutls_session_t. */
void sl_rest_tls_ask_client(const struct sl_rest_tls *tls, void *session);
/* What a call of this worker to another worker's REST needs: truststore, own certificate and key, host check, as
 * Connect takes them from listeners.https.* or ssl.*; added to opts. Texts live in arena. A worker whose own REST has
 * nothing to do with https adds nothing. */
enum sl_rc sl_rest_forward_opts(const struct sl_worker_cfg *cfg, struct sl_arena *arena, struct sl_http_opts *opts,
                                struct sl_err *err);
#endif
