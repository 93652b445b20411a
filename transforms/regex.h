/* SPDX-License-Identifier: Apache-2.0 */
/* Java's regular expressions on PCRE2: \uXXXX and the ASCII classes (\p{Alpha}, \p{Lower} ...) are translated; unions and
 * intersections inside [...] are refused by name. */
#ifndef SL_TRANSFORMS_REGEX_H
#define SL_TRANSFORMS_REGEX_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "base/str.h"

/* The compiled expression (the caller's, pcre2_code_free), or NULL with the reason appended to why. @thread any. */
pcre2_code *sl_java_regex(const char *regex, struct sl_buf *why);
#endif
