/* SPDX-License-Identifier: Apache-2.0 */
/* Client-side validation: see validate.h. Accepts and refuses what RowValidator and DataValidationUtil of Snowflake's
 * connector for Kafka do, with their reasons. Written differently where the service needs no guess then: a decimal in a
 * text column is a string (its zeros stay), a scalar in an ARRAY column is an array of one, JSON text in an OBJECT
 * column is an object. */
#include "connectors/snowflake/validate.h"
#include "connectors/snowflake/isotime.h"
#include "connectors/snowflake/text.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define TEXT_MAX (16 * 1024 * 1024)
#define SEMI_MAX (16 * 1024 * 1024 - 64)

static sl_cold enum sl_rc bad_value(const struct sl_sf_column *c, const char *why, struct sl_err *err)
{
        return sl_fail(err, SL_E_SF_RECORD,
                       "Value cannot be ingested into Snowflake column %.*s of type %s, reason: %s", SL_FMT(c->name),
                       sl_sf_kind_name(c->type.kind), why);
}

static sl_cold enum sl_rc bad_type(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_err *err)
{
        static const char *const names[] = {
                [SL_SF_GIVEN_BOOL] = "java.lang.Boolean",    [SL_SF_GIVEN_INT] = "java.lang.Long",
                [SL_SF_GIVEN_FLOAT] = "java.lang.Double",    [SL_SF_GIVEN_DECIMAL] = "java.math.BigDecimal",
                [SL_SF_GIVEN_STRING] = "java.lang.String",   [SL_SF_GIVEN_BYTES] = "[B",
                [SL_SF_GIVEN_ARRAY] = "java.util.ArrayList", [SL_SF_GIVEN_OBJECT] = "java.util.HashMap",
        };
        return sl_fail(err, SL_E_SF_RECORD,
                       "Object of type %s cannot be ingested into Snowflake column %.*s of type %s", names[v->kind],
                       SL_FMT(c->name), sl_sf_kind_name(c->type.kind));
}

/* ---- numbers ---- */

/* 0.d1d2d3... * 10^exp; digits without zeros in front and behind; count 0: zero. */
struct number {
        bool neg;
        char digits[80]; /* more are cut: they change no answer */
        size_t count;
        bool more; /* something other than zero was cut */
        int64_t exp;
};

static void add_digit(struct number *n, char c)
{
        if (n->count < sizeof(n->digits))
                n->digits[n->count++] = c;
        else
                n->more |= c != '0';
}

/* Java's BigDecimal(String). */
static bool parse_number(struct sl_str s, struct number *n)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        bool any = false, point = false;
        int64_t e = 0;
        *n = (struct number){0};
        if (p < end && (*p == '-' || *p == '+'))
                n->neg = *p++ == '-';
        for (; p < end && (isdigit((unsigned char)*p) || (*p == '.' && !point)); p++) {
                if (*p == '.') {
                        point = true;
                        continue;
                }
                any = true;
                if (n->count || *p != '0') {
                        add_digit(n, *p);
                        n->exp += !point;
                } else {
                        n->exp -= point;
                }
        }
        if (!any)
                return false;
        if (p < end && (*p == 'e' || *p == 'E')) {
                struct sl_str rest = {p + 1, (size_t)(end - p - 1)};
                if (!sl_parse_i64(rest, &e) || e > INT32_MAX || e < INT32_MIN)
                        return false;
                p = end;
        }
        while (n->count && n->digits[n->count - 1] == '0')
                n->count--;
        n->exp = n->count ? n->exp + e : 0;
        return p == end;
}

static struct sl_str trimmed(struct sl_str s)
{
        while (s.len && (unsigned char)s.ptr[0] <= ' ')
                s = (struct sl_str){s.ptr + 1, s.len - 1};
        while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
                s.len--;
        return s;
}

/* Rounded half up to the scale, is it below 10^(precision - scale)? */
static bool in_range(const struct number *n, int32_t precision, int32_t scale)
{
        int64_t whole = (int64_t)precision - scale;
        if (!n->count || n->exp < whole)
                return true;
        if (n->exp > whole)
                return false;
        for (size_t i = 0; i < (size_t)precision; i++)
                if (i >= n->count || n->digits[i] != '9')
                        return true;
        return n->count <= (size_t)precision || n->digits[precision] < '5';
}

/* What the caller gave, as a number. */
static bool number_of(const struct sl_sf_value *v, struct number *n)
{
        struct sl_buf text = {0};
        char room[24];
        switch (v->kind) {
        case SL_SF_GIVEN_INT:
                text = (struct sl_buf){.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
                sl_buf_add_i64(&text, v->i64);
                return parse_number((struct sl_str){text.ptr, text.len}, n);
        case SL_SF_GIVEN_FLOAT:
        case SL_SF_GIVEN_DECIMAL:
                return parse_number(v->text, n);
        case SL_SF_GIVEN_STRING:
                return parse_number(trimmed(v->text), n);
        default:
                return false;
        }
}

static bool is_number(const struct sl_sf_value *v)
{
        return v->kind == SL_SF_GIVEN_INT || v->kind == SL_SF_GIVEN_FLOAT || v->kind == SL_SF_GIVEN_DECIMAL;
}

/* The value as it is. */
static void add_native(const struct sl_sf_value *v, struct sl_buf *out)
{
        switch (v->kind) {
        case SL_SF_GIVEN_BOOL:
                sl_buf_adds(out, v->i64 ? "true" : "false");
                return;
        case SL_SF_GIVEN_INT:
                sl_buf_add_i64(out, v->i64);
                return;
        case SL_SF_GIVEN_STRING:
                sl_sf_add_string(out, v->text, NULL);
                return;
        case SL_SF_GIVEN_BYTES:
                sl_sf_add_quoted_base64(out, v->text);
                return;
        default:
                sl_buf_add_str(out, v->text);
        }
}

static enum sl_rc fixed(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                        struct sl_err *err)
{
        struct number n;
        if (!is_number(v) && v->kind != SL_SF_GIVEN_STRING)
                return bad_type(c, v, err);
        if (!number_of(v, &n))
                return bad_value(c, "Not a valid number", err);
        if (!in_range(&n, c->type.precision, c->type.scale))
                return sl_fail(err, SL_E_SF_RECORD,
                               "Number out of representable exclusive range of (-1e%d..1e%d), column: %.*s of type "
                               "NUMBER(%d,%d)",
                               c->type.precision - c->type.scale, c->type.precision - c->type.scale, SL_FMT(c->name),
                               c->type.precision, c->type.scale);
        add_native(v, out);
        return SL_OK;
}

static enum sl_rc real(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                       struct sl_err *err)
{
        double d;
        struct sl_str s = trimmed(v->text);
        if (!is_number(v) && v->kind != SL_SF_GIVEN_STRING)
                return bad_type(c, v, err);
        if (v->kind == SL_SF_GIVEN_STRING && !sl_parse_java_float(s, false, &d) &&
            !(s.len == 3 && (!strncasecmp(s.ptr, "nan", 3) || !strncasecmp(s.ptr, "inf", 3))) &&
            !(s.len == 4 && !strncasecmp(s.ptr, "-inf", 4)))
                return bad_value(c, "Not a valid decimal number", err);
        add_native(v, out);
        return SL_OK;
}

/* ---- booleans ---- */

static enum sl_rc boolean(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                          struct sl_err *err)
{
        static const char *const words[] = {"1", "yes", "y", "t", "true", "on", "0", "no", "n", "f", "false", "off"};
        bool yes = v->i64 != 0;
        if (is_number(v)) {
                struct number n;
                if (!number_of(v, &n) || (n.count && (n.neg || n.exp != 1 || n.count != 1 || n.digits[0] != '1')))
                        return bad_value(c, "Only 0 and 1 are accepted for numeric boolean values", err);
                yes = n.count != 0;
        } else if (v->kind == SL_SF_GIVEN_STRING) {
                struct sl_str s = trimmed(v->text);
                size_t i = 0;
                while (i < 12 && (strlen(words[i]) != s.len || strncasecmp(words[i], s.ptr, s.len) != 0))
                        i++;
                if (i == 12)
                        return bad_value(c, "Not a valid boolean", err);
                yes = i < 6;
        } else if (v->kind != SL_SF_GIVEN_BOOL) {
                return bad_type(c, v, err);
        }
        sl_buf_adds(out, yes ? "true" : "false");
        return SL_OK;
}

/* ---- text and bytes ---- */

static int64_t characters(struct sl_str s)
{
        int64_t n = 0;
        for (size_t i = 0; i < s.len; i++)
                n += ((uint8_t)s.ptr[i] & 0xc0) != 0x80;
        return n;
}

/* Characters of the number written without an exponent and without zeros at its end. */
static int64_t plain_length(const struct number *n)
{
        int64_t count = (int64_t)n->count, len = n->exp <= 0       ? 2 - n->exp + count
                                                 : n->exp >= count ? n->exp
                                                                   : count + 1;
        return count ? len + n->neg : 1;
}

static enum sl_rc text(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                       struct sl_err *err)
{
        char why[120];
        struct number n;
        int64_t length = 0;
        if (v->kind == SL_SF_GIVEN_BYTES)
                return bad_type(c, v, err);
        if (v->kind == SL_SF_GIVEN_BOOL)
                length = v->i64 ? 4 : 5;
        else if (v->kind == SL_SF_GIVEN_INT || v->kind == SL_SF_GIVEN_FLOAT)
                length = number_of(v, &n) ? plain_length(&n) : 0;
        else if (!sl_utf8_valid(v->text))
                return bad_value(c, "Invalid Unicode string", err);
        else
                length = characters(v->text);
        if (v->kind >= SL_SF_GIVEN_DECIMAL && v->text.len > TEXT_MAX) {
                snprintf(why, sizeof(why), "String too long: length=%zu bytes maxLength=%d bytes", v->text.len,
                         TEXT_MAX);
                return bad_value(c, why, err);
        }
        if (length > c->type.length) {
                snprintf(why, sizeof(why), "String too long: length=%lld characters maxLength=%lld characters",
                         (long long)length, (long long)c->type.length);
                return bad_value(c, why, err);
        }
        if (v->kind >= SL_SF_GIVEN_DECIMAL)
                sl_sf_add_string(out, v->text, NULL);
        else
                add_native(v, out);
        return SL_OK;
}

static int hex_digit(char c)
{
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

/* A string of hexadecimal digits stands for the bytes. */
static bool from_hex(struct sl_str s, struct sl_buf *bytes)
{
        if (s.len % 2)
                return false;
        for (size_t i = 0; i < s.len; i += 2) {
                int high = hex_digit(s.ptr[i]), low = hex_digit(s.ptr[i + 1]);
                if (high < 0 || low < 0)
                        return false;
                sl_buf_addc(bytes, (char)(high << 4 | low));
        }
        return true;
}

static enum sl_rc binary(const struct sl_sf_column *c, const struct sl_sf_value *v, bool hex, struct sl_buf *out,
                         struct sl_err *err)
{
        char why[100];
        struct sl_buf own = {0};
        struct sl_str bytes = v->text;
        enum sl_rc rc = SL_OK;
        if (v->kind == SL_SF_GIVEN_STRING) {
                if (!from_hex(trimmed(v->text), &own))
                        rc = bad_value(c, "Not a valid hex string", err);
                bytes = (struct sl_str){own.ptr, own.len};
        } else if (v->kind != SL_SF_GIVEN_BYTES) {
                return bad_type(c, v, err);
        }
        if (rc == SL_OK && (int64_t)bytes.len > c->type.length) {
                snprintf(why, sizeof(why), "Binary too long: length=%zu maxLength=%lld", bytes.len,
                         (long long)c->type.length);
                rc = bad_value(c, why, err);
        }
        if (rc == SL_OK && hex)
                sl_sf_add_hex(out, bytes);
        else if (rc == SL_OK)
                sl_sf_add_quoted_base64(out, bytes);
        sl_buf_free(&own);
        return rc;
}

/* ---- moments ---- */

static enum sl_rc moment(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                         struct sl_err *err)
{
        bool date = c->type.kind == SL_SF_DATE, whole = v->kind == SL_SF_GIVEN_INT && !date;
        char room[24];
        struct sl_buf digits = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
        struct sl_sf_moment m = {0};
        if (!whole && v->kind != SL_SF_GIVEN_STRING)
                return bad_type(c, v, err);
        if (whole)
                sl_buf_add_i64(&digits, v->i64);
        if (!sl_sf_parse_moment(whole ? (struct sl_str){digits.ptr, digits.len} : v->text, &m))
                return bad_value(c, date ? "Not a valid date" : "Not a valid timestamp", err);
        if (m.year > 9999 || m.year < (date ? -9999 : 1))
                return sl_fail(err, SL_E_SF_RECORD,
                               "%s out of representable inclusive range of years between %s and 9999, column: %.*s",
                               date ? "Date" : "Timestamp", date ? "-9999" : "1", SL_FMT(c->name));
        if (whole)
                sl_sf_add_moment(out, m.seconds, m.ns, m.ns ? 9 : 0, c->type.kind != SL_SF_TIMESTAMP_NTZ);
        else
                add_native(v, out);
        return SL_OK;
}

static enum sl_rc time_of_day(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                              struct sl_err *err)
{
        int64_t ns;
        if (v->kind != SL_SF_GIVEN_STRING)
                return bad_type(c, v, err);
        if (!sl_sf_parse_time(v->text, &ns))
                return bad_value(c, "Not a valid time", err);
        sl_sf_add_time(out, ns, ns % 1000000000 == 0 ? 0 : ns % 1000000 == 0 ? 3 : ns % 1000 == 0 ? 6 : 9);
        return SL_OK;
}

/* ---- semi-structured ---- */

static enum sl_rc semi(const struct sl_sf_column *c, const struct sl_sf_value *v, struct sl_buf *out,
                       struct sl_err *err)
{
        size_t start = out->len;
        char why[100], type = v->kind == SL_SF_GIVEN_ARRAY ? '[' : v->kind == SL_SF_GIVEN_OBJECT ? '{' : '1';
        bool array = c->type.kind == SL_SF_ARRAY;
        if (array && v->kind != SL_SF_GIVEN_ARRAY)
                sl_buf_addc(out, '['); /* taken back if the text turns out to be an array */
        size_t at = out->len;
        if (v->kind != SL_SF_GIVEN_STRING) {
                add_native(v, out);
        } else if (!sl_sf_json_compact(v->text, out, &type)) {
                out->len = start;
                return bad_value(c, "Not a valid JSON", err);
        } else if (!type) {
                sl_buf_adds(out, "null");
        }
        if (c->type.kind == SL_SF_OBJECT && type != '{') {
                out->len = start;
                return bad_value(c, "Not an object", err);
        }
        if (array && at > start && type == '[' && sl_buf_ok(out)) {
                memmove(out->ptr + start, out->ptr + at, out->len - at);
                out->len--;
        } else if (array && at > start) {
                sl_buf_addc(out, ']');
        }
        if (out->len - start > SEMI_MAX) {
                snprintf(why, sizeof(why), "%s too long: length=%zu maxLength=%d", sl_sf_kind_name(c->type.kind),
                         out->len - start, SEMI_MAX);
                out->len = start;
                return bad_value(c, why, err);
        }
        return SL_OK;
}

enum sl_rc sl_sf_validate(const struct sl_sf_column *c, const struct sl_sf_value *v, bool hex, struct sl_buf *out,
                          struct sl_err *err)
{
        switch (c->type.kind) {
        case SL_SF_FIXED:
                return fixed(c, v, out, err);
        case SL_SF_REAL:
                return real(c, v, out, err);
        case SL_SF_BOOLEAN:
                return boolean(c, v, out, err);
        case SL_SF_TEXT:
                return text(c, v, out, err);
        case SL_SF_BINARY:
                return binary(c, v, hex, out, err);
        case SL_SF_DATE:
        case SL_SF_TIMESTAMP_NTZ:
        case SL_SF_TIMESTAMP_LTZ:
        case SL_SF_TIMESTAMP_TZ:
                return moment(c, v, out, err);
        case SL_SF_TIME:
                return time_of_day(c, v, out, err);
        case SL_SF_VARIANT:
        case SL_SF_ARRAY:
        case SL_SF_OBJECT:
                return semi(c, v, out, err);
        case SL_SF_OTHER:
                break;
        }
        add_native(v, out);
        return SL_OK;
}

enum sl_rc sl_sf_validate_table(const struct sl_sf_desc *d, struct sl_err *err)
{
        for (uint32_t i = 0; i < d->count; i++)
                if (d->columns[i]->type.collated)
                        return sl_fail(
                                err, SL_E_SF_REFUSED,
                                "Column %.*s has a collation, which snowflake.validation=client_side can't check: use "
                                "server_side, or take the collation off the column",
                                SL_FMT(d->columns[i]->name));
        return SL_OK;
}
