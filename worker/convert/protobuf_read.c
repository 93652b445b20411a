/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's bytes by a reader's plan. A message is read in two turns: the first walks its fields and keeps nested messages as slices
 * (a singular one that comes twice is the two put together, as the format wants it), the second reads those and fills in what did not
 * come. Fields that the plan does not know, or that come in another wire type than it says, are stepped over. Hostile bytes are bounded
 * by PB_VALUES values a record and by the plan's own depth. */
#include "convert/protobuf_plan.h"
#include "record/logical.h"

struct input {
        struct sl_arena *arena;
        struct sl_err *err;
        size_t left; /* values that may still be made */
};

struct bytes {
        const uint8_t *p, *end;
        bool bad;
};

static const struct sl_value none[1];

static enum sl_rc read_struct(struct input *in, const struct pb_reader *r, struct sl_str text, struct sl_value *items);

/* ---- pieces ---- */

static uint64_t varint(struct bytes *b)
{
        uint64_t v = 0;
        if (sl_likely(b->p < b->end && *b->p < 128))
                return *b->p++;
        for (unsigned shift = 0; shift < 70; shift += 7) {
                if (b->p >= b->end)
                        break;
                uint8_t c = *b->p++;
                if (shift < 64)
                        v |= (uint64_t)(c & 127) << shift;
                if (c < 128)
                        return v;
        }
        b->bad = true;
        return 0;
}

static uint64_t fixed(struct bytes *b, unsigned n)
{
        uint64_t v = 0;
        if ((size_t)(b->end - b->p) < n) {
                b->bad = true;
                return 0;
        }
        memcpy(&v, b->p, n); /* little-endian machines only */
        b->p += n;
        return v;
}

static struct sl_str delimited(struct bytes *b)
{
        uint64_t n = varint(b);
        if (b->bad || n > (uint64_t)(b->end - b->p)) {
                b->bad = true;
                return SL_STR("");
        }
        struct sl_str s = {(const char *)b->p, (size_t)n};
        b->p += n;
        return s;
}

static void skip(struct bytes *b, uint32_t tag, int depth)
{
        switch (tag & 7) {
        case 0:
                varint(b);
                return;
        case 1:
                fixed(b, 8);
                return;
        case 2:
                delimited(b);
                return;
        case 5:
                fixed(b, 4);
                return;
        case 3:
                while (depth < 100 && !b->bad && b->p < b->end) {
                        uint64_t next = varint(b);
                        if ((next & 7) == 4 && next >> 3 == tag >> 3)
                                return;
                        if (next == 0 || next > UINT32_MAX)
                                break;
                        skip(b, (uint32_t)next, depth + 1);
                }
                break;
        default:
                break;
        }
        b->bad = true;
}

static sl_cold enum sl_rc malformed(struct input *in, const struct pb_reader *r)
{
        return sl_fail(in->err, SL_E_DECODE, "the Protobuf bytes of a message %s are malformed or cut off", r->name);
}

static enum sl_rc spend(struct input *in, size_t n)
{
        if (sl_unlikely(n > in->left))
                return sl_fail(in->err, SL_E_TOO_LARGE, "the Protobuf bytes of a record make more than %u values", PB_VALUES);
        in->left -= n;
        return SL_OK;
}

/* ---- scalars ---- */

static uint32_t wire_of(enum pb_type type)
{
        if (type == PB_DOUBLE || type == PB_FIXED64 || type == PB_SFIXED64)
                return 1;
        if (type == PB_FLOAT || type == PB_FIXED32 || type == PB_SFIXED32)
                return 5;
        return type == PB_STRING || type == PB_BYTES ? 2 : 0;
}

static int64_t unzigzag(uint64_t v)
{
        return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static int64_t integer(enum pb_type type, uint64_t v)
{
        switch (type) {
        case PB_INT32:
        case PB_SFIXED32:
                return (int32_t)v;
        case PB_UINT32:
        case PB_FIXED32:
                return (uint32_t)v;
        case PB_SINT32:
                return (int32_t)unzigzag((uint32_t)v);
        case PB_SINT64:
                return unzigzag(v);
        default:
                return (int64_t)v;
        }
}

static struct sl_value scalar(const struct pb_slot *f, struct bytes *b)
{
        enum sl_type tag = (enum sl_type)f->value_type;
        enum pb_type type = (enum pb_type)f->type;
        uint64_t bits;
        float single;
        double number;
        switch (type) {
        case PB_DOUBLE:
                bits = fixed(b, 8);
                memcpy(&number, &bits, 8);
                return sl_v_f64(tag, number);
        case PB_FLOAT:
                bits = fixed(b, 4);
                memcpy(&single, &bits, 4);
                return sl_v_f64(tag, (double)single);
        case PB_BOOL:
                return sl_v_bool(varint(b) != 0);
        case PB_STRING:
        case PB_BYTES: {
                struct sl_str s = delimited(b);
                return (struct sl_value){.type = f->value_type, .len = (uint32_t)s.len, .ptr = s.ptr};
        }
        default:
                break;
        }
        uint32_t wire = wire_of(type);
        int64_t v = integer(type, wire == 0 ? varint(b) : fixed(b, wire == 1 ? 8 : 4));
        return sl_v_i64(tag, tag == SL_INT8 ? (int8_t)v : tag == SL_INT16 ? (int16_t)v : v);
}

/* Null: a number that a closed enum does not have. */
static struct sl_value enum_value(struct input *in, const struct pb_slot *f, int32_t number)
{
        for (uint32_t i = 0; i < f->symbol_count; i++)
                if (f->symbols[i].number == number)
                        return f->kind == PB_ENUM_NUMBER ? sl_v_i64(SL_INT32, number) : sl_v_str(f->symbols[i].name);
        if (f->closed)
                return SL_V_NULL;
        if (f->kind == PB_ENUM_NUMBER)
                return sl_v_i64(SL_INT32, number);
        return sl_v_str(sl_str_c(sl_arena_printf(in->arena, "UNKNOWN_ENUM_VALUE_%s_%d", f->enum_name, number)));
}

static uint32_t wire_type(const struct pb_slot *f)
{
        if (f->kind == PB_SCALAR)
                return wire_of((enum pb_type)f->type);
        return f->kind == PB_ENUM_NAME || f->kind == PB_ENUM_NUMBER ? 0 : 2;
}

/* One value as it stands; messages stay bytes until their turn comes. */
static enum sl_rc read_one(struct input *in, const struct pb_slot *f, struct bytes *b, struct sl_value *ret)
{
        if (f->kind == PB_SCALAR)
                *ret = scalar(f, b);
        else if (f->kind == PB_ENUM_NAME || f->kind == PB_ENUM_NUMBER)
                *ret = enum_value(in, f, (int32_t)varint(b));
        else
                *ret = (struct sl_value){.type = SL_BYTES};
        if (ret->type == SL_BYTES && f->kind != PB_SCALAR) {
                struct sl_str s = delimited(b);
                *ret = sl_v_bytes(s.ptr, s.len);
        }
        if (ret->type == SL_STRING && f->kind == PB_SCALAR && !b->bad && !sl_utf8_valid(sl_v_as_str(ret)))
                return sl_fail(in->err, SL_E_DECODE, "the Protobuf field %s is a string that is not UTF-8", f->name);
        return SL_OK;
}

/* ---- small messages ---- */

/* Fields 1 to 4 of Timestamp, Date, TimeOfDay and Decimal: integers, and one text. */
static bool read_small(struct sl_str text, int64_t v[5], struct sl_str *ret_text)
{
        struct bytes b = {(const uint8_t *)text.ptr, (const uint8_t *)text.ptr + text.len, false};
        while (b.p < b.end && !b.bad) {
                uint64_t tag = varint(&b);
                if (tag >> 3 == 0 || tag > UINT32_MAX)
                        return false;
                if (tag >> 3 <= 4 && (tag & 7) == 0)
                        v[tag >> 3] = (int64_t)varint(&b);
                else if (tag == (1 << 3 | 2))
                        *ret_text = delimited(&b);
                else
                        skip(&b, (uint32_t)tag, 0);
        }
        return !b.bad;
}

/* The unscaled value at another scale, if no digit is lost. */
static enum sl_rc rescale(struct input *in, const struct pb_slot *f, struct sl_value *v, int32_t from)
{
        struct sl_buf scratch = {0}, text = {0};
        sl_buf_init(&text, 64 << 10);
        enum sl_rc rc = SL_DESERIALIZATION;
        if (from > -4096 && from < 4096) {
                sl_decimal_print(v->ptr, v->len, from, &scratch, &text);
                rc = sl_buf_ok(&text) ? sl_decimal_parse((struct sl_str){text.ptr, text.len}, f->scale, in->arena, v, NULL) : rc;
        }
        sl_buf_free(&scratch);
        sl_buf_free(&text);
        if (rc == SL_OK)
                return SL_OK;
        return sl_fail(in->err, SL_E_DECODE, "the Decimal in the Protobuf field %s has the scale %d, but its schema says %d", f->name, from,
                       f->scale);
}

static enum sl_rc decimal(struct input *in, const struct pb_slot *f, const int64_t v[5], struct sl_str text, struct sl_value *ret)
{
        if (!text.len)
                return sl_fail(in->err, SL_E_DECODE, "the Decimal in the Protobuf field %s has no value", f->name);
        *ret = sl_v_bytes(text.ptr, text.len);
        return (int32_t)v[3] == f->scale ? SL_OK : rescale(in, f, ret, (int32_t)v[3]);
}

static enum sl_rc logical(struct input *in, const struct pb_slot *f, const int64_t v[5], struct sl_str text, struct sl_value *ret)
{
        const int32_t ymd[3] = {(int32_t)v[1], (int32_t)v[2], (int32_t)v[3]};
        const int32_t nanos = (int32_t)v[4];
        int32_t days = 0;
        int64_t ms;
        switch ((enum pb_kind)f->kind) {
        case PB_DECIMAL:
                return decimal(in, f, v, text, ret);
        case PB_DATE:
                if (!sl_pb_date_days(ymd, &days))
                        return sl_fail(in->err, SL_E_DECODE, "the Protobuf field %s is no date: year %d, month %d, day %d", f->name, ymd[0],
                                       ymd[1], ymd[2]);
                *ret = sl_v_i64(SL_INT32, days);
                return SL_OK;
        case PB_TIME:
                if (ymd[0] < 0 || ymd[0] > 23 || ymd[1] < 0 || ymd[1] > 59 || ymd[2] < 0 || ymd[2] > 59 || nanos < 0 || nanos > 999999999)
                        return sl_fail(in->err, SL_E_DECODE, "the Protobuf field %s is no time of day: %d:%d:%d and %d ns", f->name, ymd[0],
                                       ymd[1], ymd[2], nanos);
                *ret = sl_v_i64(SL_INT32, ymd[0] * 3600000LL + ymd[1] * 60000LL + ymd[2] * 1000LL + nanos / 1000000);
                return SL_OK;
        default:
                break;
        }
        if (v[1] < -62135596800 || v[1] > 253402300799 || ymd[1] < 0 || ymd[1] > 999999999)
                return sl_fail(in->err, SL_E_DECODE, "the Protobuf field %s is no timestamp of the years 1 to 9999", f->name);
        ms = v[1] * 1000 + ymd[1] / 1000000;
        *ret = sl_v_i64(SL_INT64, ms);
        return SL_OK;
}

/* ---- messages ---- */

static enum sl_rc unwrap(struct input *in, const struct pb_slot *f, struct sl_str text, struct sl_value *ret)
{
        struct pb_slot value = *f;
        struct bytes b = {(const uint8_t *)text.ptr, (const uint8_t *)text.ptr + text.len, false};
        value.kind = PB_SCALAR;
        *ret = f->def;
        while (b.p < b.end && !b.bad) {
                uint64_t tag = varint(&b);
                if (tag == (1 << 3 | wire_of((enum pb_type)f->type)))
                        SL_TRY(read_one(in, &value, &b, ret));
                else if (tag >> 3 == 0 || tag > UINT32_MAX)
                        b.bad = true;
                else
                        skip(&b, (uint32_t)tag, 0);
        }
        return b.bad ? sl_fail(in->err, SL_E_DECODE, "the Protobuf bytes of the field %s are malformed or cut off", f->name) : SL_OK;
}

/* The value of a message that is held as bytes. */
static enum sl_rc read_message(struct input *in, const struct pb_slot *f, struct sl_str text, struct sl_value *ret)
{
        int64_t v[5] = {0};
        struct sl_str s = SL_STR("");
        if (f->kind == PB_WRAPPED)
                return unwrap(in, f, text, ret);
        if (f->kind == PB_STRUCT) {
                SL_TRY(spend(in, f->sub->slots + 1));
                struct sl_value *items = sl_arena_alloc(in->arena, f->sub->slots * sizeof(*items));
                SL_TRY(read_struct(in, f->sub, text, items));
                *ret = sl_v_items(SL_STRUCT, items, f->sub->slots);
                return SL_OK;
        }
        if (!read_small(text, v, &s))
                return sl_fail(in->err, SL_E_DECODE, "the Protobuf bytes of the field %s are malformed or cut off", f->name);
        return logical(in, f, v, s, ret);
}

static bool is_message(const struct pb_slot *f)
{
        return f->kind != PB_SCALAR && f->kind != PB_ENUM_NAME && f->kind != PB_ENUM_NUMBER;
}

static uint64_t key_hash(const struct sl_value *k)
{
        return k->type == SL_STRING || k->type == SL_BYTES ? sl_hash(k->ptr, k->len) : sl_hash(&k->i64, sizeof(k->i64));
}

/* Entries to key and value; of equal keys the last counts, in the place of the first. */
static enum sl_rc read_map(struct input *in, const struct pb_slot *f, struct sl_value *v)
{
        uint32_t n = v->len, kept = 0, slots = 8;
        while (slots < 2 * n)
                slots *= 2;
        SL_TRY(spend(in, 2 * (size_t)n + slots / 4));
        struct sl_value *items = sl_arena_alloc(in->arena, 2 * (size_t)n * sizeof(*items));
        uint32_t *seen = sl_arena_zalloc(in->arena, slots * sizeof(*seen));
        for (uint32_t i = 0; i < n; i++) {
                struct sl_value *entry = &items[2 * kept];
                SL_TRY(read_struct(in, f->sub, sl_v_as_str(&v->items[i]), entry));
                uint32_t at = (uint32_t)key_hash(entry) & (slots - 1);
                while (seen[at] && !sl_value_equal(&items[2 * (seen[at] - 1)], entry))
                        at = (at + 1) & (slots - 1);
                if (seen[at])
                        items[2 * (seen[at] - 1) + 1] = entry[1];
                else
                        seen[at] = ++kept;
        }
        *v = sl_v_items(SL_MAP, items, kept);
        return SL_OK;
}

/* The second turn of one field that came. */
static enum sl_rc finish(struct input *in, const struct pb_slot *f, struct sl_value *v)
{
        if (!is_message(f))
                return SL_OK;
        if (f->kind == PB_MAP)
                return read_map(in, f, v);
        if (!f->repeated)
                return read_message(in, f, sl_v_as_str(v), v);
        struct sl_value *items = (struct sl_value *)(uintptr_t)v->items;
        for (uint32_t i = 0; i < v->len; i++)
                SL_TRY(read_message(in, f, sl_v_as_str(&items[i]), &items[i]));
        return SL_OK;
}

static enum sl_rc absent(struct input *in, const struct pb_reader *r, const struct pb_slot *f, struct sl_value *v)
{
        if (f->required)
                return sl_fail(in->err, SL_E_DECODE, "the Protobuf message %s lacks the required field %s", r->name, f->name);
        if (!f->always)
                return SL_OK;
        if (f->repeated)
                *v = sl_v_items(f->kind == PB_MAP ? SL_MAP : SL_ARRAY, none, 0);
        else if (is_message(f))
                return read_message(in, f, SL_STR(""), v);
        else
                *v = f->def;
        return SL_OK;
}

/* ---- the first turn ---- */

static enum sl_rc append(struct input *in, struct sl_value *list, const struct sl_value *v)
{
        uint32_t n = list->type == SL_ARRAY ? list->len : 0;
        if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) {
                uint32_t room = n ? 2 * n : 8;
                SL_TRY(spend(in, room - n));
                struct sl_value *more = sl_arena_alloc(in->arena, room * sizeof(*more));
                if (n)
                        memcpy(more, list->items, n * sizeof(*more));
                *list = sl_v_items(SL_ARRAY, more, n);
        }
        ((struct sl_value *)(uintptr_t)list->items)[n] = *v;
        list->len = n + 1;
        return SL_OK;
}

static enum sl_rc append_packed(struct input *in, const struct pb_slot *f, struct bytes *b, struct sl_value *list)
{
        struct sl_str s = delimited(b);
        struct bytes packed = {(const uint8_t *)s.ptr, (const uint8_t *)s.ptr + s.len, b->bad};
        while (packed.p < packed.end && !packed.bad) {
                struct sl_value v;
                SL_TRY(read_one(in, f, &packed, &v));
                if (v.type != SL_NULL && !packed.bad)
                        SL_TRY(append(in, list, &v));
        }
        b->bad = packed.bad;
        return SL_OK;
}

/* A oneof has one field: the others of its group go. */
static enum sl_rc take_place(struct input *in, const struct pb_reader *r, const struct pb_slot *f, struct sl_value *items,
                             struct sl_value **ret)
{
        struct sl_value *at = &items[f->slot];
        if (f->group < 0 || f->member < 0) {
                for (uint32_t i = 0; f->group >= 0 && i < r->count; i++)
                        if (r->fields[i].group == f->group && &r->fields[i] != f)
                                items[r->fields[i].slot] = SL_V_NULL;
                *ret = at;
                return SL_OK;
        }
        if (at->type == SL_NULL) {
                SL_TRY(spend(in, f->union_size));
                struct sl_value *members = sl_arena_zalloc(in->arena, f->union_size * sizeof(*members));
                *at = sl_v_items(SL_STRUCT, members, f->union_size);
        }
        struct sl_value *members = (struct sl_value *)(uintptr_t)at->items;
        for (uint32_t i = 0; i < f->union_size; i++)
                if ((int32_t)i != f->member)
                        members[i] = SL_V_NULL;
        *ret = &members[f->member];
        return SL_OK;
}

static enum sl_rc put(struct input *in, const struct pb_reader *r, const struct pb_slot *f, const struct sl_value *v,
                      struct sl_value *items)
{
        struct sl_value *at;
        if (v->type == SL_NULL)
                return SL_OK;
        if (f->repeated)
                return append(in, &items[f->slot], v);
        SL_TRY(take_place(in, r, f, items, &at));
        if (sl_unlikely(at->type == SL_BYTES && is_message(f))) {
                SL_TRY(spend(in, (at->len + v->len) / sizeof(*v) + 1));
                char *both = sl_arena_alloc(in->arena, (size_t)at->len + v->len);
                memcpy(both, at->ptr, at->len);
                memcpy(both + at->len, v->ptr, v->len);
                *at = sl_v_bytes(both, (size_t)at->len + v->len);
                return SL_OK;
        }
        *at = *v;
        return SL_OK;
}

/* The field of a number. Fields mostly come in order: the next one is tried first. */
static const struct pb_slot *field_of(const struct pb_reader *r, uint32_t number, uint32_t *hint)
{
        if (sl_likely(*hint < r->count && r->fields[*hint].number == number))
                return &r->fields[(*hint)++];
        uint32_t low = 0, high = r->count;
        while (low < high) {
                uint32_t mid = (low + high) / 2;
                if (r->fields[mid].number < number)
                        low = mid + 1;
                else
                        high = mid;
        }
        if (low == r->count || r->fields[low].number != number)
                return NULL;
        *hint = low + 1;
        return &r->fields[low];
}

static enum sl_rc read_fields(struct input *in, const struct pb_reader *r, struct sl_str text, struct sl_value *items)
{
        struct bytes b = {(const uint8_t *)text.ptr, (const uint8_t *)text.ptr + text.len, false};
        uint32_t hint = 0;
        while (b.p < b.end && !b.bad) {
                uint64_t tag = varint(&b);
                if (tag >> 3 == 0 || tag > UINT32_MAX)
                        return malformed(in, r);
                const struct pb_slot *f = field_of(r, (uint32_t)tag >> 3, &hint);
                struct sl_value v;
                if (f && f->repeated)
                        hint = (uint32_t)(f - r->fields);
                uint32_t wire = f ? wire_type(f) : 8;
                if (f && wire == (tag & 7)) {
                        SL_TRY(read_one(in, f, &b, &v));
                        if (!b.bad)
                                SL_TRY(put(in, r, f, &v, items));
                } else if (f && f->repeated && wire != 2 && (tag & 7) == 2) {
                        SL_TRY(append_packed(in, f, &b, &items[f->slot]));
                } else {
                        skip(&b, (uint32_t)tag, 0);
                }
        }
        return b.bad ? malformed(in, r) : SL_OK;
}

static enum sl_rc read_struct(struct input *in, const struct pb_reader *r, struct sl_str text, struct sl_value *items)
{
        memset(items, 0, r->slots * sizeof(*items));
        SL_TRY(read_fields(in, r, text, items));
        for (uint32_t i = 0; i < r->count; i++) {
                const struct pb_slot *f = &r->fields[i];
                struct sl_value *v = &items[f->slot];
                if (f->member >= 0) {
                        if (v->type == SL_NULL)
                                continue;
                        v = (struct sl_value *)(uintptr_t)&v->items[f->member];
                }
                if (v->type == SL_NULL)
                        SL_TRY(absent(in, r, f, v));
                else
                        SL_TRY(finish(in, f, v));
        }
        return SL_OK;
}

enum sl_rc sl_pb_read(const struct pb_reader *r, struct sl_str bytes, struct sl_arena *arena, struct sl_value *ret, struct sl_err *err)
{
        struct input in = {arena, err, PB_VALUES};
        SL_TRY(spend(&in, r->slots));
        struct sl_value *items = sl_arena_alloc(arena, r->slots * sizeof(*items));
        SL_TRY(read_struct(&in, r, bytes, items));
        *ret = r->bare ? items[0] : sl_v_items(SL_STRUCT, items, r->slots);
        return SL_OK;
}
