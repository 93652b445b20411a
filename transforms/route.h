/* SPDX-License-Identifier: Apache-2.0 */
/* A name made of another by a Java regular expression and a replacement: what matches as a whole becomes what Java's
 * Matcher.replaceFirst gives. Answers are kept, so a row costs a look-up. Not thread safe: one a transform. */
#ifndef SL_TRANSFORMS_ROUTE_H
#define SL_TRANSFORMS_ROUTE_H
#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "transforms/regex.h"

struct sl_route {
        const char *who; /* for messages: the transform's name, static */
        pcre2_code *code;
        pcre2_match_data *match;
        struct sl_route_piece *pieces; /* of the replacement */
        uint32_t piece_count;
        char *texts;         /* owns the pieces' text */
        struct sl_map names; /* name -> struct answer */
        const void *last;    /* the answer given last */
};

/* Fill a zeroed r. False: *ret_bad says whether the replacement (or the regex) is bad, and why (appended) says what
 * Java would; r is to be closed all the same. */
bool sl_route_open(struct sl_route *r, const char *who, const char *regex, const char *replacement,
                   bool *ret_bad_replacement, struct sl_buf *why);
/* The new name of `name`, or `name` itself when the expression does not match (*ret_matched, may be NULL). Owned by r
 * or, of names beyond the 4096 that are kept, by the arena. */
enum sl_rc sl_route_name(struct sl_route *r, struct sl_str name, struct sl_arena *arena, struct sl_str *ret,
                         bool *ret_matched, struct sl_err *err);
void sl_route_close(struct sl_route *r); /* accepts a zeroed struct */
#endif
