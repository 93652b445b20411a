/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any text as a column's value of every type that has a mapping, in several modes, and as an expression of a default. What a
 * codec takes must be a value of its schema that can be printed. First two bytes: type and mode; the third: the type's modifier. */
#include <stdlib.h>

#include "connectors/postgres/relation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t oids[] = {16,   17,   18,   19,   20,   21,   23,   25,   26,   114,  142,  600,   601,   603,   650,   700,   701,
                                718,  774,  790,  829,  869,  1000, 1005, 1007, 1009, 1016, 1021, 1022,  1042,  1043,  1082,  1083,  1114,
                                1115, 1182, 1184, 1185, 1186, 1187, 1231, 1266, 1270, 1560, 1562, 1700,  2950,  2951,  3614,  3802,  3807,
                                3904, 3906, 3908, 3910, 3912, 3926, 4451, 20001, 20002, 20003, 20004, 20005, 20006, 20007, 20008, 20009, 20010};

static enum sl_rc lookup(void *arg, uint32_t oid, struct sl_pg_typeinfo *ret, struct sl_err *err)
{
        static const struct sl_pg_typeinfo infos[] = {
                {.name = "mood", .kind = 'e', .labels = "sad,ok"},
                {.name = "dom", .kind = 'd', .base = 20001, .base_typmod = -1},
                {.name = "_mood", .kind = 'b', .elem = 20001, .delim = ','},
                {.name = "hstore", .kind = 'b', .delim = ','},
                {.name = "amount", .kind = 'd', .base = 1700, .base_typmod = (8 << 16 | 3) + 4},
                {.name = "vector", .kind = 'b', .delim = ','},
                {.name = "geometry", .kind = 'b', .delim = ':'},
                {.name = "_hstore", .kind = 'b', .delim = ',', .elem = 20004},
                {.name = "_amount", .kind = 'b', .delim = ';', .elem = 20005},
                {.name = "sparsevec", .kind = 'b', .delim = ','},
        };
        (void)arg, (void)err;
        *ret = oid > 20000 && oid <= 20010 ? infos[oid - 20001] : (struct sl_pg_typeinfo){0};
        return SL_OK;
}

static void check(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena)
{
        struct sl_value v = {0};
        struct sl_buf out = {0};
        if (c->parse(c, text, arena, &v)) {
                if (v.type != SL_NULL && v.type != c->spec.type)
                        abort();
                sl_value_print(sl_schema_intern(&c->spec), &v, &out);
        }
        sl_buf_clear(&out);
        sl_buf_add(&out, text.ptr, text.len);
        if (sl_pg_default_value(c, sl_buf_cstr(&out), arena, &v) && v.type != SL_NULL && v.type != c->spec.type)
                abort();
        sl_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 3)
                return 0;
        unsigned mode = data[1];
        struct sl_pg_cfg cfg = {.placeholder = "__debezium_unavailable_value", .money_digits = 2, .delimiter = "."};
        cfg.decimal = mode % 3;
        cfg.time = mode / 3 % 6;
        cfg.binary = mode / 18 % 4;
        cfg.hstore = mode / 72 % 2;
        cfg.interval = mode / 144 % 2;
        struct sl_pg_types types = {.lookup = lookup};
        struct sl_arena arena = {0};
        const struct sl_pg_codec *c = NULL;
        int32_t typmod = data[2] == 255 ? -1 : data[2] < 128 ? data[2] : (int32_t)(data[2] & 31) << 16 | (data[2] >> 5);
        sl_arena_init(&arena, 0);
        sl_pg_types_init(&types, &cfg);
        if (sl_pg_types_codec(&types, oids[data[0] % (sizeof(oids) / sizeof(*oids))], typmod, &c, NULL) == SL_OK && c)
                check(c, (struct sl_str){(const char *)data + 3, size - 3}, &arena);
        sl_pg_types_free(&types);
        sl_arena_free(&arena);
        return 0;
}
