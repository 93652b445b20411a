/* SPDX-License-Identifier: Apache-2.0 */
/* The part of Groovy that Debezium's Filter and ContentBasedRouter are mostly given, as a tree that is evaluated per
 * record: the bindings value, key, topic, header, valueSchema and keySchema; properties with . and ?. and ['name'];
 * comparisons, && || !, in, ==~,
 * ?: and the ternary; + - * %; some methods of texts, lists and maps. docs/transforms.md lists it; all else is refused
 * by name when it is parsed. Not thread safe: one a transform. */
#ifndef SL_TRANSFORMS_EXPR_H
#define SL_TRANSFORMS_EXPR_H
#include "base/err.h"
#include "record/record.h"
#include "transforms/regex.h"

enum sl_expr_op {
        SL_X_CONST,
        SL_X_LIST, /* its members: first, then next */
        SL_X_VALUE,
        SL_X_KEY,
        SL_X_TOPIC,
        SL_X_HEADERS,
        SL_X_VALUE_SCHEMA,
        SL_X_KEY_SCHEMA,
        SL_X_GET,  /* a.name */
        SL_X_CALL, /* a.method(first) */
        SL_X_NOT,
        SL_X_NEGATE,
        SL_X_AND,
        SL_X_OR,
        SL_X_EQ,
        SL_X_NE,
        SL_X_LT,
        SL_X_LE,
        SL_X_GT,
        SL_X_GE,
        SL_X_IN,
        SL_X_NOT_IN,
        SL_X_MATCHES, /* a ==~ the regular expression */
        SL_X_TERNARY,
        SL_X_ELVIS,
        SL_X_ADD,
        SL_X_SUB,
        SL_X_MUL,
        SL_X_MOD,
};
enum sl_expr_method {
        SL_M_STARTS_WITH,
        SL_M_ENDS_WITH,
        SL_M_CONTAINS,
        SL_M_EQUALS,
        SL_M_MATCHES,
        SL_M_IS_EMPTY,
        SL_M_LENGTH,
        SL_M_SIZE,
        SL_M_TRIM,
        SL_M_TO_STRING,
        SL_M_CONTAINS_KEY,
        SL_M_NAME,
};

struct sl_expr_node {
        enum sl_expr_op op;
        enum sl_expr_method method;
        bool safe; /* ?. */
        struct sl_expr_node *a, *b, *c;
        struct sl_expr_node *first, *next; /* arguments, members of a list */
        struct sl_value value;             /* CONST */
        struct sl_str name;                /* GET */
        pcre2_code *regex;
        pcre2_match_data *match;
        const struct sl_schema *seen; /* GET: the schema met last, and the field's index there (-1: none) */
        int seen_at;
};

struct sl_expr {
        struct sl_arena arena;
        struct sl_expr_node *root;
        struct sl_expr_node *patterns[32]; /* nodes with a regular expression */
        uint32_t pattern_count;
        struct sl_buf text; /* of what is put together */
};

/* Fill a zeroed e. False: what can't be taken and why is appended; e is to be closed all the same. */
bool sl_expr_parse(struct sl_expr *e, const char *text, struct sl_buf *why);
/* The expression's value for a record; what it points at is the record's, e's or the arena's. False: Groovy would
 * throw; *ret_why says what (static). */
bool sl_expr_eval(struct sl_expr *e, const struct sl_record *rec, struct sl_arena *arena, struct sl_value *ret,
                  const char **ret_why);
void sl_expr_close(struct sl_expr *e); /* accepts a zeroed struct */
#endif
