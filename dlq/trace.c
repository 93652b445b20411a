/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of exceptions of a dead letter: out of a Java stack trace ("Caused by: "), else out of the class and message headers, with
 * what messages quote of the exception under them ("nested exception is ...", "<class>: <message>"). Suppressed exceptions are
 * left out. Other languages' traces are taken when their last line says class and text (Python). */
#include <stdlib.h>
#include "base/map.h"
#include "dlq/internal.h"

static inline bool is_name(char c)
{
        static const bool names[256] = {['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
                                        ['.'] = true,         ['_'] = true,         ['$'] = true};
        return names[(uint8_t)c];
}

/* The name of a Java class at the begin of text, followed by ": " or its end; ptr NULL when there is none. A class without a package is
 * one only where a trace says so: elsewhere it is a word. */
static struct sl_str class_at(struct sl_str text, bool in_trace)
{
        size_t n = 0, dots = 0, last = 0;
        while (n < text.len && is_name(text.ptr[n])) {
                if (text.ptr[n] == '.') {
                        dots++;
                        last = n + 1;
                }
                n++;
        }
        bool ends = n == text.len || text.ptr[n] == '\n' || text.ptr[n] == '\r' || text.ptr[n] == ':';
        bool upper = last < n && text.ptr[last] >= 'A' && text.ptr[last] <= 'Z';
        return n && n < 300 && (dots || in_trace) && ends && upper ? (struct sl_str){text.ptr, n} : SL_STR_NULL;
}

static struct sl_str trim(struct sl_str s)
{
        while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == ' '))
                s.len--;
        return s;
}

/* "class: message" or "class"; without a class name nothing. */
static bool split(struct sl_str head, bool in_trace, struct sl_dlq_link *ret)
{
        struct sl_str class = class_at(head, in_trace);
        if (!class.ptr)
                return false;
        size_t at = class.len;
        if (at < head.len && head.ptr[at] == ':')
                at++;
        while (at < head.len && head.ptr[at] == ' ')
                at++;
        *ret = (struct sl_dlq_link){.class = class};
        if (at < head.len)
                ret->message = trim((struct sl_str){head.ptr + at, head.len - at});
        return true;
}

/* Add a link; of too many the middle goes. */
static uint32_t add(struct sl_dlq_link *links, uint32_t n, const struct sl_dlq_link *link)
{
        uint32_t at = n < SL_DLQ_LINKS_MAX ? n : SL_DLQ_LINKS_MAX - 1;
        links[at] = *link;
        return at + 1;
}

static bool starts(const char *p, const char *end, const char *prefix)
{
        size_t n = strlen(prefix);
        return (size_t)(end - p) >= n && memcmp(p, prefix, n) == 0;
}

/* Where the frames of the exception that begins at p begin: the end of its message, which may have several lines. */
static const char *skip_message(const char *p, const char *end)
{
        while (p < end) {
                const char *nl = memchr(p, '\n', (size_t)(end - p));
                if (!nl)
                        return end;
                p = nl + 1;
                if (starts(p, end, "\tat ") || starts(p, end, "\t... ") || starts(p, end, "Caused by: ") ||
                    starts(p, end, "\tSuppressed: "))
                        return p;
        }
        return end;
}

static const char *skip_frames(const char *p, const char *end)
{
        while (p < end && *p == '\t') { /* also what is suppressed, which stands further in */
                const char *nl = memchr(p, '\n', (size_t)(end - p));
                p = nl ? nl + 1 : end;
        }
        return p;
}

/* Python's last line. */
static uint32_t python(struct sl_str trace, struct sl_dlq_link *links)
{
        struct sl_str t = trim(trace);
        const char *nl = memrchr(t.ptr, '\n', t.len);
        struct sl_str last = nl ? (struct sl_str){nl + 1, t.len - (size_t)(nl + 1 - t.ptr)} : t;
        size_t n = 0;
        while (n < last.len && is_name(last.ptr[n]))
                n++;
        if (!n || (n < last.len && last.ptr[n] != ':'))
                return 0;
        links[0] = (struct sl_dlq_link){.class = {last.ptr, n}};
        if (n + 2 <= last.len)
                links[0].message = (struct sl_str){last.ptr + n + 2, last.len - n - 2};
        return 1;
}

/* ---- stacks ---- */

#define FRAMES 60 /* looked at for the application's own */
#define STACKS 128
#define STACK_BYTES 8192 /* longer ones are not remembered, nor those that break off in a line */
#define STACK_HEAD 64

struct stack {
        char *text;
        size_t len; /* 0 = free */
        uint64_t own[SL_DLQ_OWN];
        uint32_t own_count;
};
struct sl_dlq_stacks {
        struct stack slots[STACKS];
};

struct sl_dlq_stacks *sl_dlq_stacks_new(void)
{
        return sl_calloc(1, sizeof(struct sl_dlq_stacks));
}

void sl_dlq_stacks_free(struct sl_dlq_stacks *s)
{
        for (size_t i = 0; s && i < STACKS; i++)
                free(s->slots[i].text);
        free(s);
}

/* Without what a compiler or a framework numbers. */
static uint64_t frame_hash(struct sl_str f)
{
        char out[200];
        size_t n = 0;
        for (size_t i = 0; i < f.len && n < sizeof(out); i++) {
                if (f.len - i >= 2 && f.ptr[i] == '$' && f.ptr[i + 1] == '$') /* Foo$$Lambda..., Foo$$SpringCGLIB... */
                        break;
                if (f.ptr[i] != '$' && (f.ptr[i] < '0' || f.ptr[i] > '9'))
                        out[n++] = f.ptr[i];
        }
        return sl_hash(out, n);
}

static bool generated(struct sl_str frame)
{
        return sl_str_has(frame, "$$") || sl_str_has(frame, "lambda$") || sl_str_has(frame, "$Proxy") || sl_str_has(frame, "GeneratedMethodAccessor");
}

static void find_own(struct sl_dlq_link *link)
{
        struct sl_str frames = link->frames, f;
        for (uint32_t i = 0; i < FRAMES && link->own_count < SL_DLQ_OWN && sl_dlq_next_frame(&frames, &f); i++)
                if (sl_dlq_own_frame(f) && !generated(f))
                        link->own[link->own_count++] = frame_hash(f);
}

/* Frames and own frames of the exception whose class is known, from p on. */
static void take_frames(struct sl_dlq_stacks *stacks, const char *p, const char *end, struct sl_dlq_link *link)
{
        size_t left = (size_t)(end - p);
        struct stack *s = NULL;
        link->own_count = 0;
        if (stacks && left) {
                uint64_t hash = sl_hash(p, left < STACK_HEAD ? left : STACK_HEAD) ^ sl_hash(link->class.ptr, link->class.len);
                s = &stacks->slots[(hash ^ hash >> 32) % STACKS];
                if (s->len && s->len <= left && (s->len == left || p[s->len] != '\t') && memcmp(s->text, p, s->len) == 0) {
                        link->frames = (struct sl_str){p, s->len};
                        memcpy(link->own, s->own, sizeof(s->own));
                        link->own_count = s->own_count;
                        return;
                }
        }
        link->frames = (struct sl_str){p, (size_t)(skip_frames(p, end) - p)};
        find_own(link);
        if (!s || link->frames.len > STACK_BYTES || !link->frames.len || link->frames.ptr[link->frames.len - 1] != '\n')
                return;
        s->text = sl_realloc(s->text, link->frames.len + 1);
        memcpy(s->text, p, link->frames.len);
        s->len = link->frames.len;
        memcpy(s->own, link->own, sizeof(s->own));
        s->own_count = link->own_count;
}

/* ---- the chain ---- */

static uint32_t from_trace(struct sl_str trace, struct sl_dlq_stacks *stacks, struct sl_dlq_link *links)
{
        const char *p = trace.ptr, *end = p + trace.len;
        uint32_t n = 0;
        if (sl_str_starts(trace, "Traceback (most recent call last)"))
                return python(trace, links);
        while (p < end) {
                const char *frames = skip_message(p, end);
                struct sl_dlq_link link;
                if (!split(trim((struct sl_str){p, (size_t)(frames - p)}), true, &link))
                        return n;
                take_frames(stacks, frames, end, &link);
                n = add(links, n, &link);
                p = frames + link.frames.len;
                if (!starts(p, end, "Caused by: "))
                        return n;
                p += strlen("Caused by: ");
        }
        return n;
}

/* What a message quotes of the exception under its own. */
static uint32_t add_nested(struct sl_dlq_link *links, uint32_t n)
{
        while (n && n < SL_DLQ_LINKS_MAX) {
                struct sl_str m = links[n - 1].message;
                const char *nested = m.ptr ? memmem(m.ptr, m.len, "nested exception is ", 20) : NULL;
                struct sl_str rest = nested ? (struct sl_str){nested + 20, m.len - (size_t)(nested + 20 - m.ptr)} : m;
                struct sl_dlq_link link;
                if (!rest.ptr || !split(rest, false, &link) || sl_str_eq(link.class, links[n - 1].class))
                        return n;
                links[n++] = link;
        }
        return n;
}

static uint32_t from_headers(const struct sl_dlq_item *it, struct sl_dlq_link *links)
{
        uint32_t n = 0;
        if (it->exception.ptr && it->exception.len) {
                struct sl_dlq_link link;
                if (!split(it->exception, false, &link))
                        link = (struct sl_dlq_link){.class = it->exception};
                if (it->message.ptr)
                        link.message = it->message;
                n = add(links, n, &link);
        } else if (it->message.ptr) {
                struct sl_dlq_link link;
                if (split(it->message, false, &link))
                        n = add(links, n, &link);
        }
        return n;
}

uint32_t sl_dlq_chain(const struct sl_dlq_item *it, struct sl_dlq_stacks *stacks, struct sl_dlq_link links[SL_DLQ_LINKS_MAX])
{
        uint32_t n = it->trace.ptr ? from_trace(it->trace, stacks, links) : 0;
        if (!n)
                n = from_headers(it, links);
        n = add_nested(links, n);
        bool known = !it->cause.len;
        for (uint32_t i = 0; i < n && !known; i++)
                known = sl_str_eq(links[i].class, it->cause);
        if (!known)
                n = add(links, n, &(struct sl_dlq_link){.class = it->cause, .message = it->cause_message});
        return n;
}

struct sl_str sl_dlq_simple_name(struct sl_str class)
{
        const char *dot = class.len ? memrchr(class.ptr, '.', class.len) : NULL;
        return dot ? (struct sl_str){dot + 1, class.len - (size_t)(dot + 1 - class.ptr)} : class;
}

bool sl_dlq_next_frame(struct sl_str *frames, struct sl_str *ret)
{
        while (frames->len) {
                const char *nl = memchr(frames->ptr, '\n', frames->len);
                size_t line = nl ? (size_t)(nl - frames->ptr) : frames->len;
                struct sl_str s = {frames->ptr, line};
                frames->ptr += nl ? line + 1 : line;
                frames->len -= nl ? line + 1 : line;
                if (!sl_str_starts(s, "\tat "))
                        continue;
                s = (struct sl_str){s.ptr + 4, s.len - 4};
                const char *paren = memchr(s.ptr, '(', s.len);
                if (paren)
                        s.len = (size_t)(paren - s.ptr);
                const char *slash = memrchr(s.ptr, '/', s.len); /* java.base/java.util ..., app//com ... */
                const char *lambda = slash ? memmem(s.ptr, s.len, "$$Lambda", 8) : NULL;
                if (slash && !lambda) {
                        s.len -= (size_t)(slash + 1 - s.ptr);
                        s.ptr = slash + 1;
                }
                *ret = s;
                return true;
        }
        return false;
}

bool sl_dlq_own_frame(struct sl_str frame)
{
        static const char *const others[] = {
                "java.",           "javax.",         "jakarta.",        "jdk.",           "sun.",           "com.sun.",
                "kotlin.",         "scala.",         "groovy.",         "org.apache.",    "org.springframework.",
                "com.fasterxml.",  "io.confluent.",  "org.postgresql.", "com.zaxxer.",    "org.hibernate.", "com.amazonaws.",
                "software.amazon.", "com.google.",   "io.netty.",       "io.smallrye.",   "io.quarkus.",    "io.vertx.",
                "io.micrometer.",  "io.opentelemetry.", "reactor.",     "rx.",            "io.reactivex.",  "io.debezium.",
                "com.mysql.",      "oracle.",        "com.microsoft.sqlserver.", "com.mongodb.", "org.bson.", "org.elasticsearch.",
                "co.elastic.",     "com.snowflake.", "net.snowflake.",  "org.everit.",    "org.json.",      "com.squareup.",
                "okhttp3.",        "retrofit2.",     "feign.",          "io.grpc.",       "org.jboss.",     "net.bytebuddy.",
                "org.aspectj.",    "org.slf4j.",     "ch.qos.",         "org.junit.",     "io.strimzi.",    "io.apicurio.",
                "sluice.",         "worker",         "app//",
        };
        if (frame.len < 2)
                return false;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (others[i][0] == frame.ptr[0] && others[i][1] == frame.ptr[1] && sl_str_starts(frame, others[i]))
                        return false;
        return !sl_str_starts(frame, "$Proxy");
}

struct sl_str sl_dlq_own_id(struct sl_str trace)
{
        const char *at = trace.ptr ? memmem(trace.ptr, trace.len, "\tat sluice.", 11) : NULL;
        if (!at)
                return SL_STR_NULL;
        const char *end = trace.ptr + trace.len, *nl = memchr(at, '\n', (size_t)(end - at));
        struct sl_str line = {at, (size_t)((nl ? nl : end) - at)};
        const char *open = memrchr(line.ptr, '[', line.len);
        const char *close = open ? memchr(open, ']', (size_t)(line.ptr + line.len - open)) : NULL;
        return close ? (struct sl_str){open + 1, (size_t)(close - open - 1)} : SL_STR_NULL;
}
