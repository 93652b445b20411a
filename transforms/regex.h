/* SPDX-License-Identifier: Apache-2.0 */
/* Java's regular expressions (java.util.regex.Pattern of JDK 17) on PCRE2. Translated: \uXXXX, \0n, \xhh, \cX, back references of
 * several digits, \b, the ASCII classes (\p{Alpha}, \p{Lower} ...), \p{Is...}. Refused: what PCRE2 would understand but Java does not
 * (\K, (?R), (?|...), verbs, "{" as text), and of Java's own unions and intersections inside [...], \N{...} and the flags x, d, u
 * and U. Different: without (?s) a dot stops at \r and \n only (Java: also at U+0085, U+2028, U+2029), (?i) folds all letters (Java:
 * ASCII's). */
#ifndef SL_TRANSFORMS_REGEX_H
#define SL_TRANSFORMS_REGEX_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "base/str.h"

/* The compiled expression (the caller's, pcre2_code_free), or NULL with the reason appended to why. @thread any. */
pcre2_code *sl_java_regex(const char *regex, struct sl_buf *why);
#endif
