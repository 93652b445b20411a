/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of reading a dead letter share. Not for other folders. */
#ifndef SL_DLQ_INTERNAL_H
#define SL_DLQ_INTERNAL_H
#include "base/arena.h"
#include "dlq/item.h"
#include "dlq/rules.h"
#include "kafka/reader.h"

/* ---- headers.c ---- */

/* Family, origin and diagnostics by the headers; the rest of the item is set. */
void sl_dlq_headers_read(struct sl_dlq_item *it);
/* Is it a name that some family tells failures by? Such headers are none of the record's own. */
bool sl_dlq_is_told(struct sl_str name);
/* A number as decimal text, or big-endian two's complement of 1 to 8 bytes; -1 when it is neither or negative. */
int64_t sl_dlq_number(struct sl_str v);

/* ---- wrapper.c ---- */

/* An item without headers whose value is one of the two JSON envelopes that need no rule: topic, message, attempts, payload. */
void sl_dlq_wrapper_read(struct sl_dlq_item *it, struct sl_arena *arena);
/* The JSON value at a path (a.b[0].c, with or without "$." before it) of a JSON text: *ret is its text, strings without quotes and
 * escapes, objects and arrays as they stand. False: there is none. null gives ptr NULL. */
bool sl_dlq_json_at(struct sl_str json, const char *path, struct sl_arena *arena, struct sl_str *ret);
bool sl_dlq_json_path(const char *path); /* is it one? */

/* ---- trace.c ---- */

#define SL_DLQ_OWN 3
/* One exception of a chain. */
struct sl_dlq_link {
        struct sl_str class, message;  /* message ptr NULL = none */
        struct sl_str frames;          /* its "at ..." lines; ptr NULL = none */
        uint64_t own[SL_DLQ_OWN];      /* hashes of the topmost frames of the application's own code */
        uint32_t own_count;
};
#define SL_DLQ_LINKS_MAX 10
/* Stacks that were seen: most records of a topic fail at the same places, and comparing is cheaper than looking at lines. Bounded. */
struct sl_dlq_stacks;
struct sl_dlq_stacks *sl_dlq_stacks_new(void);
void sl_dlq_stacks_free(struct sl_dlq_stacks *s); /* accepts NULL */
/* The exceptions of an item, outermost first, from its trace, else from its headers. 0 = none. A chain that is longer keeps its
 * deepest. stacks: NULL = nothing is remembered. */
uint32_t sl_dlq_chain(const struct sl_dlq_item *it, struct sl_dlq_stacks *stacks, struct sl_dlq_link links[SL_DLQ_LINKS_MAX]);
/* The last part of a Java class's name. */
struct sl_str sl_dlq_simple_name(struct sl_str class);
/* The next frame's "package.Class.method" of a link's frames; false at the end. */
bool sl_dlq_next_frame(struct sl_str *frames, struct sl_str *ret);
/* Is it a frame of an application's own code, not of Java, Kafka, a client or a framework? */
bool sl_dlq_own_frame(struct sl_str frame);
/* Our worker's trace names an error id in brackets; "" = none. */
struct sl_str sl_dlq_own_id(struct sl_str trace);

/* ---- fingerprint.c ---- */

/* text with values, ids, hosts and numbers replaced, at most cap bytes; the length. Names of fields, columns and constraints stay. */
size_t sl_dlq_normalise(struct sl_str text, char *out, size_t cap);
/* Texts that were seen, by what they are when numbers of three digits and more are alike: their hashes when values are taken out. */
#define SL_DLQ_MESSAGES 4096
struct sl_dlq_messages {
        struct {
                uint64_t key, hash; /* key 0 = free */
        } slots[SL_DLQ_MESSAGES];
};
/* Hash of what a failure says with its values taken out: the group before it has a class. texts: NULL = nothing is remembered. */
uint64_t sl_dlq_shape(const struct sl_dlq_item *it, struct sl_dlq_messages *texts, const struct sl_dlq_link *links, uint32_t n);

/* ---- classify.c ---- */

/* A verdict without what it points at. */
struct sl_dlq_verdict {
        enum sl_rc class;
        uint8_t confidence;
        const char *code;
        uint8_t evidence_count;
        struct sl_dlq_evidence evidence[SL_DLQ_EVIDENCE_MAX]; /* static texts */
};
void sl_dlq_classify(const struct sl_dlq_item *it, const struct sl_dlq_link *links, uint32_t n, struct sl_dlq_verdict *ret);

/* What the tables of classify_classes.c and classify_texts.c say. */
struct sl_dlq_says {
        enum sl_rc class;
        uint8_t confidence; /* 0 = nothing */
        const char *code;
        const char *what; /* the row's own text */
};
enum sl_dlq_class_kind {
        SL_DLQ_CLASS_UNKNOWN,  /* not in the table */
        SL_DLQ_CLASS_WRAPPER,  /* says nothing: look at the next */
        SL_DLQ_CLASS_VERDICT,
        SL_DLQ_CLASS_TEXT,     /* its text decides; the verdict is for texts that don't */
        SL_DLQ_CLASS_VALUE,    /* a value does not fit: whose fault it is depends on the stage and on who threw it */
};
enum sl_dlq_class_kind sl_dlq_class_find(struct sl_str class, struct sl_dlq_says *ret);
/* By the words that a class's name is made of, for application code. */
bool sl_dlq_class_guess(struct sl_str simple_name, struct sl_dlq_says *ret);
/* A known text in a message. */
bool sl_dlq_text_find(struct sl_str message, struct sl_dlq_says *ret);
/* SQLSTATE, HTTP status, codes of registries, S3, librdkafka and gRPC in a message, where it says that they are codes. */
bool sl_dlq_native_find(struct sl_str message, struct sl_dlq_says *ret);

/* ---- rules.c ---- */

/* The origin rules' wrappers and headers; then the first rule that matches decides. */
void sl_dlq_rules_origin(const struct sl_dlq_rules *r, struct sl_dlq_item *it, struct sl_arena *arena);
const struct sl_dlq_rule *sl_dlq_rules_match(const struct sl_dlq_rules *r, const struct sl_dlq_item *it, struct sl_arena *arena);

/* ---- scan.c ---- */

/* Verdicts by shape: most records of a topic fail alike. */
struct sl_dlq_memo;
struct sl_dlq_memo *sl_dlq_memo_new(void);
void sl_dlq_memo_free(struct sl_dlq_memo *m);
/* What the record says: headers, wrapper, origin. */
void sl_dlq_item_parse(struct sl_dlq_item *it, const struct sl_kmsg *m, const struct sl_dlq_rules *rules, struct sl_arena *arena);
/* What we make of it; memo may be NULL. */
void sl_dlq_item_judge(struct sl_dlq_item *it, const struct sl_dlq_rules *rules, struct sl_dlq_memo *memo, struct sl_arena *arena);

static inline bool sl_str_starts(struct sl_str s, const char *prefix)
{
        size_t n = strlen(prefix);
        return s.ptr && s.len >= n && memcmp(s.ptr, prefix, n) == 0;
}
static inline bool sl_str_has(struct sl_str s, const char *needle)
{
        return s.ptr && memmem(s.ptr, s.len, needle, strlen(needle)) != NULL;
}
#endif
