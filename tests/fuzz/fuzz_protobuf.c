/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: a .proto text and bytes of its first message, split by a NUL (no NUL: bytes of a fixed text with everything in it). What is
 * read must be written again, and read from that again to the same value. */
#include <stdlib.h>

#include "convert/protobuf.h"
#include "convert/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fixed[] = "syntax = \"proto3\"; package p; import \"google/protobuf/wrappers.proto\"; import \"google/type/date.proto\";\n"
                            "import \"google/protobuf/timestamp.proto\"; import \"google/type/timeofday.proto\"; import \"confluent/type/decimal.proto\";\n"
                            "message M { int32 a = 1; sint64 b = 2; fixed32 c = 3; string d = 4; bytes e = 5; repeated sint32 f = 6; repeated N g = 7;\n"
                            "  map<string, N> h = 8; map<bool, int64> i = 9; oneof o { N j = 10; string k = 11; bool l = 12; } optional E m = 13;\n"
                            "  repeated E n = 14; google.protobuf.StringValue p = 15; google.type.Date q = 16; google.type.TimeOfDay r = 17;\n"
                            "  google.protobuf.Timestamp s = 18; confluent.type.Decimal t = 19; float u = 20; double v = 21;\n"
                            "  message N { int32 x = 1; repeated string y = 2; } enum E { Z = 0; Y = 1; X = -5; } }\n";

#define OPTIONS 3
static const struct pb_options options[OPTIONS] = {
        {.optional_proto2 = true, .wrapper_raw = true, .union_index = true},
        {.wrapper_nullables = true, .struct_nulls = true, .flatten_unions = true, .int_enums = true},
        {.enhanced = true, .optional_nullables = true, .generalized = true, .scrub = true},
};

/* What rows run on. writer NULL: the message can't be made again. */
struct plan {
        const struct pb_reader *reader;
        const struct sl_schema *connect;
        struct pb_writer *writer;
};

static bool make_plan(const struct pb_options *opt, struct sl_str text, struct sl_arena *arena, struct plan *ret)
{
        struct sl_registry_schema schema = {.type = SL_REGISTRY_PROTOBUF, .text = text};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        struct pb_file *file, *made;
        if (sl_pb_load(NULL, &schema, arena, &file, &err) != SL_OK || !file->messages ||
            sl_pb_schema(opt, file->messages, 0, arena, &ret->reader, &ret->connect, &err) != SL_OK)
                return false;
        if (ret->connect->type == SL_STRUCT && sl_pb_make(opt, ret->connect, arena, &made, &err) == SL_OK &&
            sl_pb_bind(opt, ret->connect, made, arena, &ret->writer, &err) == SL_OK) {
                sl_pb_print(made, &out);
                struct sl_registry_schema again = {.type = SL_REGISTRY_PROTOBUF, .text = {out.ptr, out.len}};
                if (sl_pb_load(NULL, &again, arena, &made, &err) != SL_OK)
                        abort(); /* a text of ours that we can't read */
        }
        sl_buf_free(&out);
        return true;
}

static void read_and_write(const struct plan *plan, struct sl_str bytes, struct sl_arena *arena)
{
        static struct sl_buf out, scratch[2];
        struct sl_err err = {0};
        struct sl_value v;
        if (sl_pb_read(plan->reader, bytes, arena, &v, &err) != SL_OK || !plan->writer)
                return;
        sl_buf_clear(&out);
        enum sl_rc rc = sl_pb_write(plan->writer, &v, scratch, &out, &err);
        (void)rc; /* a union that flatten.unions took apart and the like may be refused */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* The fixed text's plans are made once: with what it imports that takes most of the time. */
        static struct sl_arena kept, arena;
        static struct plan plans[OPTIONS];
        struct sl_str bytes = {(const char *)data, size}, text = {0};
        const uint8_t *nul = size && data[0] == 's' ? memchr(data, 0, size) : NULL;
        if (nul) {
                text = (struct sl_str){(const char *)data, (size_t)(nul - data)};
                bytes = (struct sl_str){(const char *)nul + 1, size - text.len - 1};
        }
        for (size_t i = 0; i < OPTIONS; i++) {
                struct plan own = {0};
                sl_arena_reset(&arena);
                if (!plans[i].reader && !make_plan(&options[i], (struct sl_str){fixed, sizeof(fixed) - 1}, &kept, &plans[i]))
                        abort();
                if (!nul)
                        read_and_write(&plans[i], bytes, &arena);
                else if (make_plan(&options[i], text, &arena, &own))
                        read_and_write(&own, bytes, &arena);
        }
        return 0;
}
