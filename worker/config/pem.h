/* SPDX-License-Identifier: Apache-2.0 */
/* What Java's clients accept as key and trust stores, seen from OpenSSL: which kind a file is, and PEM text put in order. */
#ifndef SL_CONFIG_PEM_H
#define SL_CONFIG_PEM_H
#include "base/str.h"

enum sl_pem_content { SL_PEM_UNREADABLE, SL_PEM_TEXT, SL_PEM_DER, SL_PEM_JKS, SL_PEM_OTHER };
/* What the file is by its first bytes: DER is what PKCS12 is written in. UNREADABLE leaves the reason in errno. */
enum sl_pem_content sl_pem_look(const char *path);
/* Append PEM text in the lines that OpenSSL wants; Java takes it in one line too, as properties files with continuation lines
 * give it. False when it isn't PEM. */
bool sl_pem_lines(const char *text, struct sl_buf *out);
#endif
