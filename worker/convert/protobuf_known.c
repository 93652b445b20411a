/* SPDX-License-Identifier: Apache-2.0 */
/* The .proto files that schemas import without a reference, as every registry takes them as given: Google's well-known and common types
 * and Confluent's. Written from their published field names and numbers; files of which only options are used are empty here. */
#include "convert/protobuf.h"

#define PROTO3 "syntax=\"proto3\";"
#define GOOGLE PROTO3 "package google.protobuf;"
#define TYPE PROTO3 "package google.type;"

const char sl_pb_wrappers[] = "syntax = \"proto3\";\n"
                              "package google.protobuf;\n\n"
                              "option java_package = \"com.google.protobuf\";\n"
                              "option java_outer_classname = \"WrappersProto\";\n"
                              "option java_multiple_files = true;\n"
                              "option go_package = \"google.golang.org/protobuf/types/known/wrapperspb\";\n"
                              "option cc_enable_arenas = true;\n"
                              "option objc_class_prefix = \"GPB\";\n"
                              "option csharp_namespace = \"Google.Protobuf.WellKnownTypes\";\n\n"
                              "message DoubleValue {\n  double value = 1;\n}\n"
                              "message FloatValue {\n  float value = 1;\n}\n"
                              "message Int64Value {\n  int64 value = 1;\n}\n"
                              "message UInt64Value {\n  uint64 value = 1;\n}\n"
                              "message Int32Value {\n  int32 value = 1;\n}\n"
                              "message UInt32Value {\n  uint32 value = 1;\n}\n"
                              "message BoolValue {\n  bool value = 1;\n}\n"
                              "message StringValue {\n  string value = 1;\n}\n"
                              "message BytesValue {\n  bytes value = 1;\n}\n";

static const struct {
        const char *import, *text;
} known[] = {
        {"google/protobuf/wrappers.proto", sl_pb_wrappers},
        {"google/protobuf/timestamp.proto", GOOGLE "message Timestamp{int64 seconds=1;int32 nanos=2;}"},
        {"google/protobuf/duration.proto", GOOGLE "message Duration{int64 seconds=1;int32 nanos=2;}"},
        {"google/protobuf/any.proto", GOOGLE "message Any{string type_url=1;bytes value=2;}"},
        {"google/protobuf/empty.proto", GOOGLE "message Empty{}"},
        {"google/protobuf/field_mask.proto", GOOGLE "message FieldMask{repeated string paths=1;}"},
        {"google/protobuf/source_context.proto", GOOGLE "message SourceContext{string file_name=1;}"},
        {"google/protobuf/struct.proto",
         GOOGLE "message Struct{map<string,Value> fields=1;}"
                "message Value{oneof kind{NullValue null_value=1;double number_value=2;string string_value=3;bool bool_value=4;"
                "Struct struct_value=5;ListValue list_value=6;}}"
                "enum NullValue{NULL_VALUE=0;}message ListValue{repeated Value values=1;}"},
        {"google/protobuf/descriptor.proto", GOOGLE},
        {"google/type/date.proto", TYPE "message Date{int32 year=1;int32 month=2;int32 day=3;}"},
        {"google/type/timeofday.proto", TYPE "message TimeOfDay{int32 hours=1;int32 minutes=2;int32 seconds=3;int32 nanos=4;}"},
        {"google/type/datetime.proto",
         PROTO3 "package google.type;import \"google/protobuf/duration.proto\";"
                "message DateTime{int32 year=1;int32 month=2;int32 day=3;int32 hours=4;int32 minutes=5;int32 seconds=6;int32 nanos=7;"
                "oneof time_offset{google.protobuf.Duration utc_offset=8;TimeZone time_zone=9;}}"
                "message TimeZone{string id=1;string version=2;}"},
        {"google/type/dayofweek.proto", TYPE "enum DayOfWeek{DAY_OF_WEEK_UNSPECIFIED=0;MONDAY=1;TUESDAY=2;WEDNESDAY=3;THURSDAY=4;"
                                             "FRIDAY=5;SATURDAY=6;SUNDAY=7;}"},
        {"google/type/month.proto", TYPE "enum Month{MONTH_UNSPECIFIED=0;JANUARY=1;FEBRUARY=2;MARCH=3;APRIL=4;MAY=5;JUNE=6;JULY=7;"
                                         "AUGUST=8;SEPTEMBER=9;OCTOBER=10;NOVEMBER=11;DECEMBER=12;}"},
        {"google/type/money.proto", TYPE "message Money{string currency_code=1;int64 units=2;int32 nanos=3;}"},
        {"google/type/latlng.proto", TYPE "message LatLng{double latitude=1;double longitude=2;}"},
        {"google/type/color.proto", PROTO3 "package google.type;import \"google/protobuf/wrappers.proto\";"
                                           "message Color{float red=1;float green=2;float blue=3;google.protobuf.FloatValue alpha=4;}"},
        {"google/type/fraction.proto", TYPE "message Fraction{int64 numerator=1;int64 denominator=2;}"},
        {"google/type/interval.proto",
         PROTO3 "package google.type;import \"google/protobuf/timestamp.proto\";"
                "message Interval{google.protobuf.Timestamp start_time=1;google.protobuf.Timestamp end_time=2;}"},
        {"google/type/decimal.proto", TYPE "message Decimal{string value=1;}"},
        {"google/type/quaternion.proto", TYPE "message Quaternion{double x=1;double y=2;double z=3;double w=4;}"},
        {"google/type/expr.proto", TYPE "message Expr{string expression=1;string title=2;string description=3;string location=4;}"},
        {"confluent/meta.proto", PROTO3},
        {"confluent/type/decimal.proto", PROTO3 "package confluent.type;message Decimal{bytes value=1;uint32 precision=2;int32 scale=3;}"},
};

const char *sl_pb_known(const char *import)
{
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (strcmp(known[i].import, import) == 0)
                        return known[i].text;
        return NULL;
}

static const struct {
        const char *full;
        enum pb_type type;
} wrappers[] = { /* in the file's order */
        {"google.protobuf.DoubleValue", PB_DOUBLE}, {"google.protobuf.FloatValue", PB_FLOAT},
        {"google.protobuf.Int64Value", PB_INT64},   {"google.protobuf.UInt64Value", PB_UINT64},
        {"google.protobuf.Int32Value", PB_INT32},   {"google.protobuf.UInt32Value", PB_UINT32},
        {"google.protobuf.BoolValue", PB_BOOL},     {"google.protobuf.StringValue", PB_STRING},
        {"google.protobuf.BytesValue", PB_BYTES},
};

enum pb_type sl_pb_wrapped(const char *full)
{
        for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++)
                if (strcmp(wrappers[i].full, full) == 0)
                        return wrappers[i].type;
        return PB_NAMED;
}

const char *sl_pb_wrapper_of(enum sl_type type, uint32_t *ret_index)
{
        static const int8_t at[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = 7, [SL_INT8] = 5,    [SL_INT16] = 5,   [SL_INT32] = 5,  [SL_INT64] = 3,
                [SL_FLOAT32] = 2, [SL_FLOAT64] = 1, [SL_STRING] = 8,  [SL_BYTES] = 9,
        };
        if (!at[type])
                return NULL;
        *ret_index = (uint32_t)at[type] - 1;
        return wrappers[*ret_index].full;
}
