/* SPDX-License-Identifier: Apache-2.0 */
/* Java serialization of key arrays: see javaserial.h. The stream is magic and version, then one `content`:
 *   70 null   71 int handle: what came before   72 class description   73 object   74 string   75 array   78 end of a block
 * A class description is utf name, int64 serialVersionUID, [handle], byte flags, int16 fields, fields, annotation (78), super
 * class description; a field is a type character, utf name and, for L and [, its type's name as a string content. An object's
 * data is that of its classes, topmost first; flag 1 says that an annotation follows. Handles count from 7e0000 in order of
 * appearance. The bytes of what is written equal the JDK's; only an object that comes twice is written twice. */
#include <stdio.h>
#include <stdlib.h>
#include "base/bytes.h"
#include "connectors/postgres/javaserial.h"

#define HANDLE0 0x7e0000u
#define MAX_HANDLES 8192
#define MAX_FIELDS 8
#define MAX_DEPTH 8
#define MAX_DIGITS 2000

/* ---- writing ---- */

struct writer {
        struct sl_buf *hex;
        uint32_t next;                                              /* handle */
        uint32_t number, integer, lng, bool_, flt, dbl, uuid, decimal, big, bytes; /* handles of class descriptions, 0 = none yet */
};

static void byte(struct writer *w, uint8_t b)
{
        static const char digits[] = "0123456789abcdef";
        char out[2] = {digits[b >> 4], digits[b & 15]};
        sl_buf_add(w->hex, out, 2);
}

static void number(struct writer *w, uint64_t v, int bytes)
{
        while (bytes--)
                byte(w, (uint8_t)(v >> (8 * bytes)));
}

static void utf(struct writer *w, const char *text)
{
        size_t n = strlen(text);
        number(w, n, 2);
        for (size_t i = 0; i < n; i++)
                byte(w, (uint8_t)text[i]);
}

static void reference(struct writer *w, uint32_t handle)
{
        byte(w, 0x71);
        number(w, handle, 4);
}

/* Begins a class description that is not known yet. fields: "Ivalue" separated by spaces, primitive ones only. */
static uint32_t describe(struct writer *w, const char *name, uint64_t uid, uint8_t flags, uint32_t n, const char *fields)
{
        byte(w, 0x72);
        utf(w, name);
        number(w, uid, 8);
        uint32_t handle = w->next++;
        byte(w, flags);
        number(w, n, 2);
        while (*fields) {
                char field[40];
                size_t len = strcspn(fields, " ");
                snprintf(field, sizeof(field), "%.*s", (int)len - 1, fields + 1);
                byte(w, (uint8_t)fields[0]);
                utf(w, field);
                fields += len + (fields[len] == ' ');
        }
        return handle;
}

/* The end of a description whose super class is java.lang.Number, or none. */
static void super(struct writer *w, bool is_number)
{
        byte(w, 0x78);
        if (!is_number) {
                byte(w, 0x70);
        } else if (w->number) {
                reference(w, w->number);
        } else {
                w->number = describe(w, "java.lang.Number", 0x86ac951d0b94e08bu, 2, 0, "");
                byte(w, 0x78);
                byte(w, 0x70);
        }
}

/* An object's head: its class in full the first time. */
static void object(struct writer *w, uint32_t *handle, const char *name, uint64_t uid, const char *fields, uint32_t n,
                   bool is_number)
{
        byte(w, 0x73);
        if (*handle) {
                reference(w, *handle);
        } else {
                *handle = describe(w, name, uid, 2, n, fields);
                super(w, is_number);
        }
        w->next++;
}

static bool whole(struct sl_str text, int64_t min, int64_t max, int64_t *ret)
{
        return sl_parse_i64(text, ret) && *ret >= min && *ret <= max;
}

/* Modified UTF-8: NUL as two bytes, and what needs two UTF-16 units as two times three bytes. */
static void string(struct writer *w, struct sl_str text)
{
        struct sl_buf utf8 = {0};
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                if (c == 0) {
                        sl_buf_add(&utf8, "\xc0\x80", 2);
                } else if (c >= 0xf0 && i + 3 < text.len) {
                        uint32_t cp = (c & 7u) << 18 | (text.ptr[i + 1] & 63u) << 12 | (text.ptr[i + 2] & 63u) << 6 |
                                      (text.ptr[i + 3] & 63u);
                        cp -= 0x10000;
                        uint32_t units[2] = {0xd800 | (cp >> 10 & 0x3ff), 0xdc00 | (cp & 0x3ff)};
                        for (int k = 0; k < 2; k++) {
                                sl_buf_addc(&utf8, (char)(0xe0 | units[k] >> 12));
                                sl_buf_addc(&utf8, (char)(0x80 | (units[k] >> 6 & 63)));
                                sl_buf_addc(&utf8, (char)(0x80 | (units[k] & 63)));
                        }
                        i += 3;
                } else {
                        sl_buf_addc(&utf8, (char)c);
                }
        }
        bool lng = utf8.len > 0xffff;
        byte(w, lng ? 0x7c : 0x74);
        w->next++;
        number(w, utf8.len, lng ? 8 : 2);
        for (size_t i = 0; i < utf8.len; i++)
                byte(w, (uint8_t)utf8.ptr[i]);
        sl_buf_free(&utf8);
}

static bool uuid(struct writer *w, struct sl_str text)
{
        uint64_t half[2] = {0, 0};
        uint32_t n = 0;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                if (c == '-')
                        continue;
                int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
                if (d < 0 || n == 32)
                        return false;
                half[n / 16] = half[n / 16] << 4 | (uint64_t)d;
                n++;
        }
        if (n != 32)
                return false;
        object(w, &w->uuid, "java.util.UUID", 0xbc9903f7986d852fu, "JleastSigBits JmostSigBits", 2, false);
        number(w, half[1], 8);
        number(w, half[0], 8);
        return true;
}

/* The digits of a decimal text as big-endian bytes without leading zeros; false when it is none. */
static bool magnitude(struct sl_str text, uint8_t *out, uint32_t *ret_n, int32_t *ret_scale, int *ret_sign)
{
        uint32_t n = 0, digits = 0;
        bool point = false;
        size_t i = 0;
        *ret_scale = 0;
        *ret_sign = 1;
        if (text.len && text.ptr[0] == '-') {
                *ret_sign = -1;
                i++;
        }
        if (text.len > MAX_DIGITS)
                return false;
        for (; i < text.len; i++) {
                if (text.ptr[i] == '.' && !point) {
                        point = true;
                        continue;
                }
                if (text.ptr[i] < '0' || text.ptr[i] > '9')
                        return false;
                uint32_t carry = (uint32_t)(text.ptr[i] - '0');
                for (uint32_t k = 0; k < n; k++) { /* little-endian while it grows */
                        carry += out[k] * 10u;
                        out[k] = (uint8_t)carry;
                        carry >>= 8;
                }
                if (carry)
                        out[n++] = (uint8_t)carry;
                digits++;
                *ret_scale += point;
        }
        for (uint32_t k = 0; k < n / 2; k++) {
                uint8_t t = out[k];
                out[k] = out[n - 1 - k];
                out[n - 1 - k] = t;
        }
        *ret_n = n;
        if (n == 0)
                *ret_sign = 0;
        return digits > 0;
}

static bool decimal(struct writer *w, struct sl_str text)
{
        uint8_t mag[MAX_DIGITS];
        uint32_t n;
        int32_t scale;
        int sign;
        if (!magnitude(text, mag, &n, &scale, &sign))
                return false;
        byte(w, 0x73);
        if (w->decimal) {
                reference(w, w->decimal);
        } else {
                w->decimal = describe(w, "java.math.BigDecimal", 0x54c71557f981284fu, 3, 2, "Iscale");
                byte(w, 'L');
                utf(w, "intVal");
                string(w, SL_STR("Ljava/math/BigInteger;"));
                super(w, true);
        }
        w->next++;
        number(w, (uint32_t)scale, 4);
        byte(w, 0x73);
        if (w->big) {
                reference(w, w->big);
        } else {
                w->big = describe(w, "java.math.BigInteger", 0x8cfc9f1fa93bfb1du, 3, 6,
                                  "IbitCount IbitLength IfirstNonzeroByteNum IlowestSetBit Isignum");
                byte(w, '[');
                utf(w, "magnitude");
                string(w, SL_STR("[B"));
                super(w, true);
        }
        w->next++;
        number(w, UINT32_MAX, 4); /* four fields that are kept for old readers */
        number(w, UINT32_MAX, 4);
        number(w, (uint32_t)-2, 4);
        number(w, (uint32_t)-2, 4);
        number(w, (uint32_t)sign, 4);
        byte(w, 0x75);
        if (w->bytes) {
                reference(w, w->bytes);
        } else {
                w->bytes = describe(w, "[B", 0xacf317f8060854e0u, 2, 0, "");
                super(w, false);
        }
        w->next++;
        number(w, n, 4);
        for (uint32_t i = 0; i < n; i++)
                byte(w, mag[i]);
        byte(w, 0x78);
        byte(w, 0x78);
        return true;
}

static bool floating(struct writer *w, struct sl_str text, bool single)
{
        double d;
        if (!sl_parse_f64(text, &d))
                return false;
        uint64_t bits = 0;
        if (single) {
                float f = (float)d;
                uint32_t b;
                memcpy(&b, &f, 4);
                object(w, &w->flt, "java.lang.Float", 0xdaedc9a2db3cf0ecu, "Fvalue", 1, true);
                number(w, b, 4);
                return true;
        }
        memcpy(&bits, &d, 8);
        object(w, &w->dbl, "java.lang.Double", 0x80b3c24a296bfb04u, "Dvalue", 1, true);
        number(w, bits, 8);
        return true;
}

static bool typed(struct writer *w, struct sl_str text, enum sl_java_type type)
{
        int64_t v;
        switch (type) {
        case SL_JAVA_INTEGER:
                if (!whole(text, INT32_MIN, INT32_MAX, &v))
                        return false;
                object(w, &w->integer, "java.lang.Integer", 0x12e2a0a4f7818738u, "Ivalue", 1, true);
                number(w, (uint64_t)v, 4);
                return true;
        case SL_JAVA_LONG:
                if (!whole(text, INT64_MIN, INT64_MAX, &v))
                        return false;
                object(w, &w->lng, "java.lang.Long", 0x3b8be490cc8f23dfu, "Jvalue", 1, true);
                number(w, (uint64_t)v, 8);
                return true;
        case SL_JAVA_BOOLEAN:
                object(w, &w->bool_, "java.lang.Boolean", 0xcd207280d59cfaeeu, "Zvalue", 1, false);
                byte(w, text.len && text.ptr[0] == 't');
                return true;
        case SL_JAVA_FLOAT:
        case SL_JAVA_DOUBLE:
                return floating(w, text, type == SL_JAVA_FLOAT);
        case SL_JAVA_UUID:
                return uuid(w, text);
        case SL_JAVA_DECIMAL:
                return decimal(w, text);
        case SL_JAVA_STRING:
                break;
        }
        return false;
}

void sl_java_write_keys(const struct sl_str *texts, const enum sl_java_type *types, uint32_t n, struct sl_buf *hex)
{
        struct writer w = {.hex = hex, .next = HANDLE0};
        number(&w, 0xaced0005, 4);
        if (!texts) {
                byte(&w, 0x70);
                return;
        }
        byte(&w, 0x75);
        describe(&w, "[Ljava.lang.Object;", 0x90ce589f1073296cu, 2, 0, "");
        super(&w, false);
        w.next++;
        number(&w, n, 4);
        for (uint32_t i = 0; i < n; i++) {
                if (!texts[i].ptr)
                        byte(&w, 0x70);
                else if (!typed(&w, texts[i], types[i]))
                        string(&w, texts[i]);
        }
}

/* ---- reading ---- */

struct cls {
        struct sl_str name;
        uint8_t flags;
        uint32_t n;
        struct {
                char type;
                struct sl_str name;
        } fields[MAX_FIELDS];
        const struct cls *up;
};
struct item;
struct field {
        struct sl_str name;
        char type;
        uint64_t bits;
        const struct item *obj;
};
struct item {
        enum { I_NULL, I_CLASS, I_OBJECT, I_STRING, I_ARRAY } kind;
        const struct cls *cls;
        struct sl_str str; /* I_STRING; I_ARRAY of bytes */
        const struct item **items;
        uint32_t n;
        struct field fields[2 * MAX_FIELDS];
};
struct reader {
        struct sl_cur cur;
        struct sl_arena *arena;
        const struct item **handles;
        uint32_t count;
};

static const struct item *content(struct reader *r, int depth);

static struct item *keep(struct reader *r)
{
        struct item *it = sl_arena_zalloc(r->arena, sizeof(*it));
        if (r->count == MAX_HANDLES) {
                r->cur.bad = true;
                return it;
        }
        r->handles[r->count++] = it;
        return it;
}

static struct sl_str take(struct reader *r, uint64_t n)
{
        if (n > sl_cur_left(&r->cur)) {
                r->cur.bad = true;
                return (struct sl_str){"", 0};
        }
        const char *p = (const char *)sl_cur_take(&r->cur, (uint32_t)n);
        return p ? (struct sl_str){p, (size_t)n} : (struct sl_str){"", 0};
}

static const struct item *class_of(struct reader *r, int depth);

static const struct item *new_class(struct reader *r, int depth)
{
        struct cls *c = sl_arena_zalloc(r->arena, sizeof(*c));
        c->name = take(r, sl_cur_u16(&r->cur));
        sl_cur_u64(&r->cur);
        struct item *it = keep(r);
        it->kind = I_CLASS;
        it->cls = c;
        c->flags = sl_cur_u8(&r->cur);
        c->n = sl_cur_u16(&r->cur);
        if (c->n > MAX_FIELDS || (c->flags & ~3) != 0)
                r->cur.bad = true;
        for (uint32_t i = 0; !r->cur.bad && i < c->n; i++) {
                c->fields[i].type = (char)sl_cur_u8(&r->cur);
                c->fields[i].name = take(r, sl_cur_u16(&r->cur));
                if (c->fields[i].type == 'L' || c->fields[i].type == '[') {
                        const struct item *type = content(r, depth + 1);
                        r->cur.bad |= type->kind != I_STRING;
                }
        }
        r->cur.bad |= sl_cur_u8(&r->cur) != 0x78;
        c->up = class_of(r, depth + 1)->cls;
        return it;
}

/* A description, a reference to one, or null: cls is NULL then. */
static const struct item *class_of(struct reader *r, int depth)
{
        const struct item *it = content(r, depth);
        if (it->kind != I_CLASS && it->kind != I_NULL)
                r->cur.bad = true;
        return it;
}

static uint64_t primitive(struct reader *r, char type)
{
        switch (type) {
        case 'B':
                return (uint64_t)(int8_t)sl_cur_u8(&r->cur);
        case 'Z':
                return sl_cur_u8(&r->cur);
        case 'C':
                return sl_cur_u16(&r->cur);
        case 'S':
                return (uint64_t)(int16_t)sl_cur_u16(&r->cur);
        case 'I':
                return (uint64_t)(int32_t)sl_cur_u32(&r->cur);
        case 'F':
                return sl_cur_u32(&r->cur);
        case 'J':
        case 'D':
                return sl_cur_u64(&r->cur);
        default:
                r->cur.bad = true;
                return 0;
        }
}

static void class_data(struct reader *r, struct item *it, const struct cls *c, int depth)
{
        if (!c || r->cur.bad || depth > MAX_DEPTH) {
                r->cur.bad |= depth > MAX_DEPTH;
                return;
        }
        class_data(r, it, c->up, depth + 1);
        for (uint32_t i = 0; i < c->n && !r->cur.bad; i++) {
                if (it->n == 2 * MAX_FIELDS) {
                        r->cur.bad = true;
                        return;
                }
                struct field *f = &it->fields[it->n++];
                f->name = c->fields[i].name;
                f->type = c->fields[i].type;
                if (f->type == 'L' || f->type == '[')
                        f->obj = content(r, depth + 1);
                else
                        f->bits = primitive(r, f->type);
        }
        if (c->flags & 1) /* what writeObject added: none of our classes needs it */
                r->cur.bad |= sl_cur_u8(&r->cur) != 0x78;
}

static const struct item *new_array(struct reader *r, int depth)
{
        const struct cls *c = class_of(r, depth + 1)->cls;
        struct item *it = keep(r);
        it->kind = I_ARRAY;
        it->cls = c;
        it->n = sl_cur_u32(&r->cur);
        if (!c || it->n > sl_cur_left(&r->cur)) {
                r->cur.bad = true;
                return it;
        }
        if (sl_str_eqc(c->name, "[B")) {
                it->str = take(r, it->n);
                return it;
        }
        if (!sl_str_eqc(c->name, "[Ljava.lang.Object;"))
                r->cur.bad = true;
        it->items = sl_arena_zalloc(r->arena, ((size_t)it->n + 1) * sizeof(*it->items));
        for (uint32_t i = 0; i < it->n && !r->cur.bad; i++)
                it->items[i] = content(r, depth + 1);
        return it;
}

static const struct item *content(struct reader *r, int depth)
{
        static const struct item null = {.kind = I_NULL};
        struct item *it;
        uint32_t handle;
        if (depth > MAX_DEPTH)
                r->cur.bad = true;
        if (r->cur.bad)
                return &null;
        uint8_t tag = sl_cur_u8(&r->cur);
        switch (tag) {
        case 0x70:
                return &null;
        case 0x71:
                handle = sl_cur_u32(&r->cur) - HANDLE0;
                if (!r->cur.bad && handle < r->count)
                        return r->handles[handle];
                break;
        case 0x72:
                return new_class(r, depth);
        case 0x73: {
                const struct cls *c = class_of(r, depth + 1)->cls;
                it = keep(r);
                it->kind = I_OBJECT;
                it->cls = c;
                r->cur.bad |= !c;
                class_data(r, it, c, depth + 1);
                return it;
        }
        case 0x74:
        case 0x7c:
                it = keep(r);
                it->kind = I_STRING;
                it->str = take(r, tag == 0x74 ? sl_cur_u16(&r->cur) : sl_cur_u64(&r->cur));
                return it;
        case 0x75:
                return new_array(r, depth);
        default:
                break;
        }
        r->cur.bad = true;
        return &null;
}

static const struct field *field(const struct item *it, const char *name)
{
        for (uint32_t i = 0; it->kind == I_OBJECT && i < it->n; i++)
                if (sl_str_eqc(it->fields[i].name, name))
                        return &it->fields[i];
        return NULL;
}

/* Java's UTF-8 to UTF-8: pairs of surrogates become one character. */
static struct sl_str from_modified(struct sl_str s, struct sl_arena *arena)
{
        char *out = sl_arena_alloc(arena, s.len + 1), *w = out;
        const unsigned char *p = (const unsigned char *)s.ptr;
        for (size_t i = 0; i < s.len;) {
                if (p[i] == 0xc0 && i + 1 < s.len && p[i + 1] == 0x80) {
                        i += 2; /* Postgres has no NUL */
                } else if (p[i] == 0xed && i + 5 < s.len && p[i + 1] >= 0xa0 && p[i + 1] < 0xb0 && p[i + 3] == 0xed) {
                        uint32_t hi = (p[i + 1] & 15u) << 6 | (p[i + 2] & 63u), lo = (p[i + 4] & 15u) << 6 | (p[i + 5] & 63u);
                        w = sl_utf8_put(w, 0x10000 + (hi << 10) + lo);
                        i += 6;
                } else {
                        *w++ = (char)p[i++];
                }
        }
        *w = 0;
        return (struct sl_str){out, (size_t)(w - out)};
}

/* mag (big-endian) and scale as decimal text. */
static bool decimal_text(struct sl_str mag, int64_t sign, int64_t scale, struct sl_buf *out)
{
        uint8_t digits[MAX_DIGITS];
        uint32_t n = 0;
        if (mag.len > 800 || scale > 16383 || scale < -16383)
                return false;
        for (size_t i = 0; i < mag.len; i++) {
                uint32_t carry = (unsigned char)mag.ptr[i];
                for (uint32_t k = 0; k < n; k++) {
                        carry += digits[k] * 256u;
                        digits[k] = (uint8_t)(carry % 10);
                        carry /= 10;
                }
                for (; carry && n < MAX_DIGITS; carry /= 10)
                        digits[n++] = (uint8_t)(carry % 10);
        }
        if (sign < 0)
                sl_buf_addc(out, '-');
        if (n == 0)
                digits[n++] = 0;
        while (n--)
                sl_buf_addc(out, (char)('0' + digits[n]));
        if (scale)
                sl_buf_printf(out, "e%lld", (long long)-scale); /* numeric's input takes it */
        return true;
}

static bool big_text(const struct item *it, int64_t scale, struct sl_buf *out)
{
        const struct field *sign = it ? field(it, "signum") : NULL, *mag = it ? field(it, "magnitude") : NULL;
        return sign && mag && mag->obj && mag->obj->kind == I_ARRAY && mag->obj->str.ptr &&
               decimal_text(mag->obj->str, (int64_t)sign->bits, scale, out);
}

static void uuid_text(uint64_t hi, uint64_t lo, struct sl_buf *out)
{
        sl_buf_printf(out, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(hi >> 32), (unsigned)(hi >> 16 & 0xffff),
                      (unsigned)(hi & 0xffff), (unsigned)(lo >> 48), (unsigned long long)(lo & 0xffffffffffffULL));
}

static bool boxed_text(const struct field *value, struct sl_buf *out)
{
        double d;
        float f;
        uint32_t bits = (uint32_t)value->bits;
        switch (value->type) {
        case 'B':
        case 'S':
        case 'I':
        case 'J':
                sl_buf_add_i64(out, (int64_t)value->bits);
                return true;
        case 'Z':
                sl_buf_addc(out, value->bits ? 't' : 'f');
                return true;
        case 'C':
                if (value->bits >= 0xd800 && value->bits < 0xe000)
                        return false;
                sl_buf_add_utf8(out, (uint32_t)value->bits);
                return true;
        case 'F':
                memcpy(&f, &bits, 4);
                sl_buf_printf(out, "%.9g", (double)f);
                return true;
        case 'D':
                memcpy(&d, &value->bits, 8);
                sl_buf_printf(out, "%.17g", d);
                return true;
        default:
                return false;
        }
}

static bool text_of(const struct item *it, struct sl_arena *arena, struct sl_str *ret)
{
        struct sl_buf out = {0};
        bool ok = false;
        const struct field *value = field(it, "value"), *scale = field(it, "scale"), *big = field(it, "intVal"),
                           *hi = field(it, "mostSigBits"), *lo = field(it, "leastSigBits");
        if (it->kind == I_STRING) {
                *ret = from_modified(it->str, arena);
                return true;
        }
        if (it->kind != I_OBJECT)
                return false;
        if (hi && lo && sl_str_eqc(it->cls->name, "java.util.UUID")) {
                uuid_text(hi->bits, lo->bits, &out);
                ok = true;
        } else if (scale && big && sl_str_eqc(it->cls->name, "java.math.BigDecimal")) {
                ok = big_text(big->obj, (int64_t)scale->bits, &out);
        } else if (sl_str_eqc(it->cls->name, "java.math.BigInteger")) {
                ok = big_text(it, 0, &out);
        } else if (value && it->cls->name.len > 10 && memcmp(it->cls->name.ptr, "java.lang.", 10) == 0) {
                ok = boxed_text(value, &out);
        }
        if (ok)
                *ret = (struct sl_str){sl_arena_strndup(arena, out.ptr, out.len), out.len};
        sl_buf_free(&out);
        return ok;
}

static int nibble(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool sl_java_read_keys(struct sl_str hex, struct sl_arena *arena, struct sl_str **ret, uint32_t *ret_n)
{
        uint8_t *bytes = sl_arena_alloc(arena, hex.len / 2 + 1);
        for (size_t i = 0; i + 1 < hex.len; i += 2) {
                int a = nibble(hex.ptr[i]), b = nibble(hex.ptr[i + 1]);
                if (a < 0 || b < 0)
                        return false;
                bytes[i / 2] = (uint8_t)(a << 4 | b);
        }
        struct reader r = {.cur = sl_cur_of(bytes, hex.len / 2), .arena = arena};
        r.handles = sl_arena_alloc(arena, MAX_HANDLES * sizeof(*r.handles));
        *ret = NULL;
        *ret_n = 0;
        if (hex.len % 2 || sl_cur_u32(&r.cur) != 0xaced0005)
                return false;
        const struct item *it = content(&r, 0);
        if (r.cur.bad || sl_cur_left(&r.cur) != 0)
                return false;
        if (it->kind == I_NULL)
                return true;
        if (it->kind != I_ARRAY || !it->items || it->n == 0 || it->n > 1600)
                return false;
        *ret = sl_arena_zalloc(arena, it->n * sizeof(**ret));
        for (uint32_t i = 0; i < it->n; i++)
                if (it->items[i]->kind != I_NULL && !text_of(it->items[i], arena, &(*ret)[i]))
                        return false;
        *ret_n = it->n;
        return true;
}
