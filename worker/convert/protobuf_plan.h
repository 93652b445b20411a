/* SPDX-License-Identifier: Apache-2.0 */
/* Inside worker/convert: the plan that protobuf_bind.c makes and protobuf_write.c walks. */
#ifndef SL_CONVERT_PROTOBUF_PLAN_H
#define SL_CONVERT_PROTOBUF_PLAN_H
#include "convert/protobuf.h"

enum pb_kind { PB_SCALAR, PB_WRAPPED, PB_STRUCT, PB_MAP, PB_ENUM_NAME, PB_ENUM_NUMBER, PB_DECIMAL, PB_DATE, PB_TIME, PB_TIMESTAMP };

/* One field of a message, in the order of the numbers. */
struct pb_step {
        uint8_t kind;       /* enum pb_kind, of the element where repeated */
        uint8_t type;       /* enum pb_type of PB_SCALAR and PB_WRAPPED */
        uint8_t value_type; /* the tag a value must have; of the element where repeated */
        bool repeated, packed, presence; /* presence: a zero is written too */
        uint8_t tag[5], tag_len;
        uint32_t slot;      /* in the struct's items */
        int32_t member;     /* in the union's items, or -1: no union */
        const struct pb_step *members; /* of the union: all its fields, in the union's order */
        const struct sl_value *def;    /* stands for null */
        const struct pb_writer *sub;   /* PB_STRUCT, PB_MAP */
        const struct sl_schema *schema; /* PB_ENUM_*: of the element. For messages too */
        const struct pb_enum *enumeration;
        const char *name;
        int32_t scale; /* PB_DECIMAL */
};
struct pb_writer {
        uint32_t fields; /* of the struct */
        bool bare;       /* the value is no struct: it goes into its wrapper */
        uint32_t count;
        struct pb_step *steps;
};

/* ---- the reader's ---- */
struct pb_slot {
        uint32_t number;
        uint8_t kind;      /* enum pb_kind, of the element where repeated */
        uint8_t type;      /* enum pb_type of PB_SCALAR and PB_WRAPPED */
        uint8_t value_type; /* the tag its values get; of the element where repeated */
        bool repeated, required;
        bool always; /* absent is def (a message: what no bytes give), not null */
        bool closed; /* an enum that keeps no unknown numbers */
        uint32_t slot;
        int32_t member;       /* in the union's struct, or -1 */
        uint32_t union_size;  /* fields of that struct */
        int32_t group;        /* fields of one oneof, or -1 */
        struct sl_value def;
        const struct pb_reader *sub; /* PB_STRUCT, PB_MAP (its fields are key and value) */
        const struct pb_symbol_name *symbols; /* PB_ENUM_NAME; PB_ENUM_NUMBER when closed */
        uint32_t symbol_count;
        const char *name, *enum_name;
        int32_t scale; /* PB_DECIMAL */
};
struct pb_symbol_name {
        int32_t number;
        struct sl_str name;
};
struct pb_reader {
        const char *name;
        uint32_t slots; /* fields of the struct */
        uint32_t count;
        bool bare; /* the wrapper of a value that is no struct */
        struct pb_slot *fields; /* in the order of their numbers */
};
#endif
