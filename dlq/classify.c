/* SPDX-License-Identifier: Apache-2.0 */
/* From what a dead letter says to a class, in the order of trust: our own typed code, the chain of exceptions from its deepest cause
 * outwards, messages, native codes, the stage. A user's rule goes before all of it, and what a second run says behind it (scan.c,
 * explain.c). A pure function of the texts: scan.c remembers its answers by their shape. */
#include "dlq/internal.h"

#define SURE 75 /* no look further out */

static void evidence(struct sl_dlq_verdict *v, enum sl_dlq_reason by, const char *what)
{
        if (v->evidence_count < SL_DLQ_EVIDENCE_MAX && *what)
                v->evidence[v->evidence_count++] = (struct sl_dlq_evidence){by, sl_str_c(what)};
}

/* Take what a table says if it is better than what is there. */
static void take(struct sl_dlq_verdict *v, const struct sl_dlq_says *s, enum sl_dlq_reason by)
{
        if (s->confidence <= v->confidence)
                return;
        v->class = s->class;
        v->confidence = s->confidence;
        v->code = s->code && *s->code ? s->code : "unknown";
        v->evidence_count = 0;
        evidence(v, by, s->what);
}

/* The better of known text and native code of one message. */
static void take_message(struct sl_dlq_verdict *v, struct sl_str message)
{
        struct sl_dlq_says says;
        if (sl_dlq_text_find(message, &says))
                take(v, &says, SL_DLQ_BY_MESSAGE);
        if (sl_dlq_native_find(message, &says))
                take(v, &says, SL_DLQ_BY_NATIVE);
}

static bool is_converter(enum sl_stage stage)
{
        return stage == SL_STAGE_KEY_CONVERTER || stage == SL_STAGE_VALUE_CONVERTER || stage == SL_STAGE_HEADER_CONVERTER;
}

/* Does an exception further out say that bytes were being read? */
static bool reads_bytes(const struct sl_dlq_link *links, uint32_t i)
{
        struct sl_dlq_says says;
        for (uint32_t k = 0; k < i; k++)
                if (sl_dlq_class_find(links[k].class, &says) == SL_DLQ_CLASS_TEXT && says.class == SL_DESERIALIZATION)
                        return true;
        return false;
}

/* Was it thrown by the application's own code? Without frames nobody knows: then it is taken for that. */
static bool is_own(const struct sl_dlq_link *link)
{
        struct sl_str frames = link->frames, f;
        for (int i = 0; i < 12 && sl_dlq_next_frame(&frames, &f); i++) {
                if (sl_str_starts(f, "java.") || sl_str_starts(f, "jdk.") || sl_str_starts(f, "sun."))
                        continue; /* UUID.fromString, Objects.requireNonNull: whoever called them */
                return sl_dlq_own_frame(f);
        }
        return !link->frames.ptr;
}

/* A value that somebody refused: bytes in a converter, a shape in a transform, a rule in an application. */
static void take_value(struct sl_dlq_verdict *v, const struct sl_dlq_item *it, const struct sl_dlq_link *links, uint32_t i,
                       struct sl_dlq_says *says)
{
        struct sl_dlq_verdict text = {0};
        bool bytes = is_converter(it->stage) || reads_bytes(links, i);
        take_message(&text, links[i].message);
        if (text.confidence >= SURE) {
                *v = text;
                return;
        }
        if (says->class == SL_UNKNOWN) { /* NullPointerException */
                if (!it->value.ptr && it->family != SL_DLQ_PLAIN)
                        says->code = "null.value";
                if (bytes || it->stage == SL_STAGE_TRANSFORMATION)
                        says->confidence = 50; /* who called it knows more */
                take(v, says, SL_DLQ_BY_CAUSE);
                return;
        }
        if (bytes) {
                *says = (struct sl_dlq_says){SL_DESERIALIZATION, 76, says->class == SL_DESERIALIZATION ? says->code : "bytes", says->what};
        } else if (it->stage == SL_STAGE_TRANSFORMATION) {
                *says = (struct sl_dlq_says){SL_SCHEMA, 76, "transform.value", says->what};
        } else if (says->class == SL_DESERIALIZATION) { /* an end of file or index outside of a parser */
                bool eof = strcmp(says->what, "EOFException") == 0;
                *says = (struct sl_dlq_says){eof ? SL_TRANSIENT : SL_UNKNOWN, eof ? 60 : 40, eof ? "network" : "code", says->what};
        } else if (!is_own(&links[i])) {
                says->confidence = 40;
        }
        take(v, says, SL_DLQ_BY_CAUSE);
}

static void take_link(struct sl_dlq_verdict *v, const struct sl_dlq_item *it, const struct sl_dlq_link *links, uint32_t i)
{
        struct sl_dlq_says says;
        struct sl_dlq_verdict text = {0};
        switch (sl_dlq_class_find(links[i].class, &says)) {
        case SL_DLQ_CLASS_WRAPPER:
                return;
        case SL_DLQ_CLASS_VERDICT:
                take(v, &says, SL_DLQ_BY_CAUSE);
                return;
        case SL_DLQ_CLASS_VALUE:
                take_value(v, it, links, i, &says);
                return;
        case SL_DLQ_CLASS_TEXT:
                take_message(&text, links[i].message);
                if (text.confidence >= says.confidence && text.confidence > v->confidence) {
                        *v = text;
                        evidence(v, SL_DLQ_BY_CAUSE, says.what);
                } else if (text.confidence < says.confidence) {
                        take(v, &says, SL_DLQ_BY_CAUSE);
                }
                return;
        case SL_DLQ_CLASS_UNKNOWN:
                take_message(&text, links[i].message);
                if (sl_dlq_class_guess(sl_dlq_simple_name(links[i].class), &says) && text.confidence < SURE)
                        take(v, &says, SL_DLQ_BY_CAUSE);
                if (text.confidence > v->confidence)
                        *v = text;
        }
}

/* Our worker's typed code. What a transform refuses is not typed further than that: its text says more. */
static bool take_own_code(struct sl_dlq_verdict *v, struct sl_str trace)
{
        struct sl_str id = sl_dlq_own_id(trace);
        if (!id.ptr || sl_str_eqc(id, sl_errid_text(SL_E_TRANSFORM)))
                return false;
        for (int i = 1; i < SL_E_COUNT; i++) {
                if (!sl_str_eqc(id, sl_errid_text((enum sl_errid)i)))
                        continue;
                struct sl_err e = {0};
                enum sl_rc rc = sl_fail(&e, (enum sl_errid)i, "%s", "");
                if (rc == SL_FATAL)
                        return false;
                take(v, &(struct sl_dlq_says){rc, 96, sl_errid_text((enum sl_errid)i), sl_errid_text((enum sl_errid)i)},
                     SL_DLQ_BY_OWN_CODE);
                return true;
        }
        return false;
}

static void take_stage(struct sl_dlq_verdict *v, enum sl_stage stage)
{
        struct sl_dlq_says says = {SL_UNKNOWN, 20, "unknown", stage == SL_STAGE_NONE ? "" : sl_stage_name(stage)};
        if (is_converter(stage))
                says = (struct sl_dlq_says){SL_DESERIALIZATION, 55, "bytes", says.what};
        else if (stage == SL_STAGE_TRANSFORMATION)
                says = (struct sl_dlq_says){SL_SCHEMA, 55, "transform", says.what};
        take(v, &says, SL_DLQ_BY_STAGE);
}

void sl_dlq_classify(const struct sl_dlq_item *it, const struct sl_dlq_link *links, uint32_t n, struct sl_dlq_verdict *ret)
{
        struct sl_dlq_verdict v = {.class = SL_UNKNOWN, .code = "unknown"};
        if (!take_own_code(&v, it->trace)) {
                for (uint32_t i = n; i-- > 0 && v.confidence < SURE;)
                        take_link(&v, it, links, i);
                if (v.confidence < 60)
                        take_message(&v, it->message);
                if (v.confidence < 60)
                        take_message(&v, it->cause_message);
                if (v.confidence < 50)
                        take_stage(&v, it->stage);
        }
        if (it->stage != SL_STAGE_NONE && v.evidence_count && v.evidence[0].by != SL_DLQ_BY_STAGE)
                evidence(&v, SL_DLQ_BY_STAGE, sl_stage_name(it->stage));
        *ret = v;
}
