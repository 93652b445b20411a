/* SPDX-License-Identifier: Apache-2.0 */
/* A user's RSA private key as Snowflake's connectors take it, and what it is needed for: signing and its public half's
 * fingerprint. Accepted: PEM (PKCS#8 plain or encrypted, PKCS#1, also encrypted the old way) and the base64 body of either
 * without its armour; line breaks may be real ones, spaces, or the two characters \n, as they come out of JSON and
 * environment files. The key stays inside OpenSSL; text and passphrase are never kept, and no message quotes them. */
#ifndef SL_SNOWFLAKE_KEY_H
#define SL_SNOWFLAKE_KEY_H
#include "base/err.h"
#include "base/str.h"

#define SL_SF_KEY_BITS_MIN 2048

struct sl_sf_key;
/* passphrase NULL or "": none. SL_E_SF_KEY with Snowflake's number (ERROR_0013 no key, ERROR_0018 anything else) and the reason:
 * not base64, a public key, not RSA, too short, encrypted without a passphrase, wrong passphrase. */
enum sl_rc sl_sf_key_load(const char *text, const char *passphrase, struct sl_sf_key **ret, struct sl_err *err);
void sl_sf_key_free(struct sl_sf_key *k); /* NULL ok */
/* "SHA256:<base64 of the SHA-256 of the public key's SubjectPublicKeyInfo>"; lives as long as the key. It is what
 * DESC USER shows as RSA_PUBLIC_KEY_FP. */
const char *sl_sf_key_fingerprint(const struct sl_sf_key *k);
/* RSASSA-PKCS1-v1_5 with SHA-256 over text; the raw signature is appended to out. */
enum sl_rc sl_sf_key_sign(const struct sl_sf_key *k, struct sl_str text, struct sl_buf *out, struct sl_err *err);
#endif
