/* SPDX-License-Identifier: Apache-2.0 */
/* TLS files as JDBC users have them, made into what libpq reads: PEM files stay where they are; a key in PKCS-8 DER or a
 * PKCS#12 store and DER certificates are converted into files that exist in this process only. */
#ifndef SL_POSTGRES_TLS_H
#define SL_POSTGRES_TLS_H
#include "base/err.h"
#include "connectors/postgres/cfg.h"

struct sl_pg_tls {
        const char *cert, *key, *root; /* paths for libpq; NULL = not set. They live as long as this struct */
        const char *password;          /* of a key that libpq decrypts itself */
        int fds[3];                    /* -1 = not converted */
        char paths[3][32];
};
/* Reads the files of cfg. Close it also after a failure. */
enum sl_rc sl_pg_tls_open(struct sl_pg_tls *t, const struct sl_pg_cfg *cfg, struct sl_err *err);
void sl_pg_tls_close(struct sl_pg_tls *t);
#endif
