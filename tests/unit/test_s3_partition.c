/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3: directories of records, their times, and the checks of the keys that say so. What Joda-Time prints is compared at large by
 * tests/conformance/s3_paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "allocations.h"
#include "connectors/s3/partition.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define T INT64_C(1793900096789) /* 2026-11-05T17:34:56.789Z */
#define PACKAGE "io.confluent.connect.storage.partitioner."

/* ---- what is partitioned ---- */

static const struct sl_schema *field_schema(enum sl_type type, const char *name, bool optional)
{
        struct sl_schema s = {.type = type, .name = name, .optional = optional};
        return sl_schema_intern(&s);
}

static const struct sl_schema *struct_schema(const char *name, const struct sl_field *fields, uint32_t n)
{
        struct sl_schema s = {.type = SL_STRUCT, .name = name, .fields = fields, .field_count = n};
        return sl_schema_intern(&s);
}

enum { ID, SMALL, NAME, FLAG, PRICE, AT, INNER, WITH_DEFAULT, DATE, FIELDS };

/* id INT64, small INT8, name STRING?, flag BOOLEAN, price FLOAT64, at Timestamp?, inner {device STRING?, at INT64}?, deflt STRING? = "d",
 * date Date. */
static const struct sl_schema *schema(void)
{
        static const struct sl_schema *made;
        if (made)
                return made;
        struct sl_field inner[] = {{"device", 0, field_schema(SL_STRING, NULL, true)}, {"at", 0, field_schema(SL_INT64, NULL, false)}};
        struct sl_schema in = {.type = SL_STRUCT, .optional = true, .fields = inner, .field_count = 2};
        struct sl_schema deflt = {.type = SL_STRING, .optional = true, .has_default = true, .def = sl_v_str(SL_STR("d"))};
        struct sl_field f[FIELDS] = {[ID] = {"id", 0, field_schema(SL_INT64, NULL, false)},
                                     [SMALL] = {"small", 0, field_schema(SL_INT8, NULL, false)},
                                     [NAME] = {"name", 0, field_schema(SL_STRING, NULL, true)},
                                     [FLAG] = {"flag", 0, field_schema(SL_BOOLEAN, NULL, false)},
                                     [PRICE] = {"price", 0, field_schema(SL_FLOAT64, NULL, false)},
                                     [AT] = {"at", 0, field_schema(SL_INT64, SL_NAME_TIMESTAMP, true)},
                                     [INNER] = {"inner", 0, sl_schema_intern(&in)},
                                     [WITH_DEFAULT] = {"deflt", 0, sl_schema_intern(&deflt)},
                                     [DATE] = {"date", 0, field_schema(SL_INT32, SL_NAME_DATE, false)}};
        made = struct_schema("com.acme.Order", f, FIELDS);
        return made;
}

struct row {
        struct sl_value inner[2], fields[FIELDS];
        struct sl_record rec;
};

static struct sl_record *row(struct row *r)
{
        r->inner[0] = sl_v_str(SL_STR("pump"));
        r->inner[1] = sl_v_i64(SL_INT64, T);
        r->fields[ID] = sl_v_i64(SL_INT64, -42);
        r->fields[SMALL] = sl_v_i64(SL_INT8, 7);
        r->fields[NAME] = sl_v_str(SL_STR("a b"));
        r->fields[FLAG] = sl_v_bool(true);
        r->fields[PRICE] = sl_v_f64(SL_FLOAT64, 1.5);
        r->fields[AT] = sl_v_i64(SL_INT64, T);
        r->fields[INNER] = sl_v_items(SL_STRUCT, r->inner, 2);
        r->fields[WITH_DEFAULT] = SL_V_NULL;
        r->fields[DATE] = sl_v_i64(SL_INT32, 20762);
        r->rec = (struct sl_record){.topic = SL_STR("orders"), .partition = 3, .offset = 9, .timestamp_ms = T,
                                    .value_schema = schema(), .value = sl_v_items(SL_STRUCT, r->fields, FIELDS)};
        return &r->rec;
}

/* ---- partitioners ---- */

static struct sl_s3_cfg base(void)
{
        return (struct sl_s3_cfg){.dir_delim = "/", .locale = "en", .timezone = "UTC", .timestamp_field = "timestamp", .duration_ms = -1,
                                  .path_format = "", .rotate_schedule_ms = -1};
}

static struct sl_s3_partitioner *open(const struct sl_s3_cfg *cfg, const char *tombstone)
{
        struct sl_err err = {0};
        struct sl_s3_partitioner *p = NULL;
        if (sl_s3_partitioner_new(cfg, tombstone, &p, &err) != SL_OK)
                fail_msg("%s", err.msg);
        return p;
}

static void expect_time(const struct sl_s3_cfg *cfg, const struct sl_record *rec, const char *want, int64_t want_ms)
{
        struct sl_s3_partitioner *p = open(cfg, "gone");
        struct sl_err err = {0};
        struct sl_str got;
        int64_t ms;
        if (sl_s3_partition_of(p, rec, T + DAY, &ms, &got, &err) != SL_OK)
                fail_msg("%s", err.msg);
        char text[300];
        snprintf(text, sizeof(text), "%.*s", SL_FMT(got));
        assert_string_equal(text, want);
        assert_int_equal(ms, want_ms);
        sl_s3_partitioner_free(p);
}

static void expect(const struct sl_s3_cfg *cfg, const struct sl_record *rec, const char *want)
{
        expect_time(cfg, rec, want, T);
}

static void expect_error(const struct sl_s3_cfg *cfg, const struct sl_record *rec, const char *java, const char *message)
{
        struct sl_s3_partitioner *p = open(cfg, NULL);
        struct sl_err err = {0};
        struct sl_str got;
        int64_t ms;
        assert_int_equal(sl_s3_partition_of(p, rec, T, &ms, &got, &err), SL_BUSINESS);
        assert_int_equal(err.id, SL_E_S3_PARTITION);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_string_equal(strrchr(err.java, '.') + 1, java);
        char text[400];
        snprintf(text, sizeof(text), "%.*s", SL_FMT(sl_err_message(&err)));
        assert_string_equal(text, message);
        sl_s3_partitioner_free(p);
}

static struct sl_s3_cfg by_fields(const char *const *names, uint32_t n)
{
        struct sl_s3_cfg cfg = base();
        cfg.partitioner = SL_S3_BY_FIELD;
        cfg.field_names = (struct sl_cfg_list){names, n};
        return cfg;
}

static struct sl_s3_cfg by_field(const char *const *name)
{
        return by_fields(name, 1);
}

static struct sl_s3_cfg by_time(const char *format, int64_t duration_ms)
{
        struct sl_s3_cfg cfg = base();
        cfg.partitioner = SL_S3_BY_TIME;
        cfg.path_format = format;
        cfg.duration_ms = duration_ms;
        cfg.extractor = SL_S3_RECORD_TIME;
        return cfg;
}

static struct sl_s3_cfg by_time_field(const char *field)
{
        struct sl_s3_cfg cfg = by_time("YYYY-MM-dd HH:mm:ss.SSS", 1);
        cfg.extractor = SL_S3_RECORD_FIELD;
        cfg.timestamp_field = field;
        return cfg;
}

static void default_partitioner(void **state)
{
        (void)state;
        struct row r;
        struct sl_s3_cfg cfg = base();
        expect(&cfg, row(&r), "partition=3");
        r.rec.timestamp_ms = -1;
        expect_time(&cfg, &r.rec, "partition=3", SL_S3_NO_TIME);
        r.rec.value_schema = NULL;
        r.rec.value = sl_v_str(SL_STR("no struct"));
        expect_time(&cfg, &r.rec, "partition=3", SL_S3_NO_TIME);
        assert_false(sl_s3_layout_of(&cfg).timed);
        assert_false(sl_s3_layout_of(&cfg).many);
        assert_false(sl_s3_layout_of(&cfg).needs_plan);
        cfg.rotate_schedule_ms = 1000;
        assert_true(sl_s3_layout_of(&cfg).needs_plan);
}

static void field_partitioner(void **state)
{
        (void)state;
        static const char *const names[] = {"id", "small", "name", "flag", "inner.device", "deflt"};
        struct row r;
        struct sl_s3_cfg cfg = by_fields(names, 6);
        expect(&cfg, row(&r), "id=-42/small=7/name=a b/flag=true/inner.device=pump/deflt=d");
        r.fields[NAME] = SL_V_NULL;
        r.fields[FLAG] = sl_v_bool(false);
        r.fields[INNER] = SL_V_NULL;
        r.fields[WITH_DEFAULT] = sl_v_str(SL_STR(""));
        cfg.dir_delim = "__";
        expect(&cfg, &r.rec, "id=-42__small=7__name=null__flag=false__inner.device=null__deflt=");
        assert_true(sl_s3_layout_of(&cfg).many);
        assert_false(sl_s3_layout_of(&cfg).timed);
}

static void field_partitioner_errors(void **state)
{
        (void)state;
        static const char *const missing[] = {"nmae"}, *const nested[] = {"inner.nmae"}, *const through[] = {"id.x"},
                                 *const price[] = {"price"}, *const at[] = {"at"}, *const inner[] = {"inner"};
        struct row r;
        struct sl_s3_cfg cfg = by_field(missing);
        expect_error(&cfg, row(&r), "DataException", "Field 'nmae' is not present in the schema.");
        cfg = by_field(nested);
        expect_error(&cfg, &r.rec, "DataException", "Field 'inner.nmae' is not present in the schema.");
        cfg = by_field(through);
        expect_error(&cfg, &r.rec, "DataException", "Field 'id.x' is not present in the schema.");
        cfg = by_field(price);
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition.");
        cfg = by_field(at);
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition.");
        cfg = by_field(inner);
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition.");
        r.fields[INNER] = SL_V_NULL; /* a null has no type to refuse */
        expect(&cfg, &r.rec, "inner=null");
        r.rec.value = sl_v_str(SL_STR("text"));
        r.rec.value_schema = sl_schema_of(SL_STRING, false);
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition.");
}

/* Confluent's FieldPartitioner takes no maps; ours does. */
static void field_partitioner_maps(void **state)
{
        (void)state;
        static const char *const names[] = {"a", "b.c", "s", "n"}, *const missing[] = {"zz"}, *const deep[] = {"a.x"}, *const real[] = {"f"};
        struct sl_value inner[] = {sl_v_str(SL_STR("c")), sl_v_bool(true)};
        struct sl_value items[] = {sl_v_str(SL_STR("a")), sl_v_i64(SL_INT64, 5),      sl_v_str(SL_STR("b")), sl_v_items(SL_MAP, inner, 1),
                                   sl_v_str(SL_STR("s")), sl_v_str(SL_STR("x/y")),    sl_v_str(SL_STR("n")), SL_V_NULL,
                                   sl_v_str(SL_STR("f")), sl_v_f64(SL_FLOAT64, 0.25), sl_v_i64(SL_INT64, 1), SL_V_NULL};
        struct sl_record rec = {.timestamp_ms = T, .value = sl_v_items(SL_MAP, items, 6)};
        struct sl_s3_cfg cfg = by_fields(names, 4);
        expect(&cfg, &rec, "a=5/b.c=true/s=x/y/n=null");
        cfg = by_field(missing);
        expect_error(&cfg, &rec, "DataException", "Field 'zz' is not present in the schema.");
        cfg = by_field(deep);
        expect_error(&cfg, &rec, "DataException", "Field 'a.x' is not present in the schema.");
        cfg = by_field(real);
        expect_error(&cfg, &rec, "PartitionException", "Error encoding partition.");
}

static void escapes(void **state)
{
        (void)state;
        static const char *const names[] = {"name"};
        struct row r;
        struct sl_s3_cfg cfg = by_field(names);
        row(&r);
        r.fields[NAME] = sl_v_str(SL_STR("a/b=c %\n\x7f\"#'*:?\\{[]^|+ü"));
        expect(&cfg, &r.rec, "name=a/b=c %\n\x7f\"#'*:?\\{[]^|+ü");
        cfg.escape = SL_S3_ESCAPE_HIVE;
        expect(&cfg, &r.rec, "name=a%2Fb%3Dc %25%0A%7F%22%23%27%2A%3A%3F%5C%7B%5B%5D%5E|+ü");
        cfg.dir_delim = "|";
        r.fields[NAME] = sl_v_str(SL_STR("a|b"));
        expect(&cfg, &r.rec, "name=a%7Cb");
        r.fields[NAME] = sl_v_str(SL_STR(""));
        expect(&cfg, &r.rec, "name=__HIVE_DEFAULT_PARTITION__");
        r.fields[NAME] = SL_V_NULL;
        expect(&cfg, &r.rec, "name=__HIVE_DEFAULT_PARTITION__");
}

static void time_partitioners(void **state)
{
        (void)state;
        struct row r;
        struct sl_s3_cfg cfg = by_time("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", HOUR);
        expect(&cfg, row(&r), "year=2026/month=11/day=05/hour=17");
        cfg.path_format = "'dt'=YYYY-MM-dd/"; /* the delimiter at the end goes */
        cfg.duration_ms = DAY;
        expect(&cfg, &r.rec, "dt=2026-11-05");
        cfg.timezone = "Asia/Tokyo";
        expect(&cfg, &r.rec, "dt=2026-11-06");
        cfg.timezone = "-18:30";
        cfg.path_format = "YYYY-MM-dd'T'HH:mm ZZ";
        expect(&cfg, &r.rec, "2026-11-04T00:00 -18:30");
        cfg = base();
        cfg.extractor = SL_S3_RECORD_TIME;
        cfg.partitioner = SL_S3_BY_HOUR;
        cfg.path_format = "ignored";
        expect(&cfg, &r.rec, "year=2026/month=11/day=05/hour=17");
        cfg.partitioner = SL_S3_BY_DAY;
        cfg.dir_delim = "|";
        expect(&cfg, &r.rec, "year=2026|month=11|day=05");
        cfg.extractor = SL_S3_WALLCLOCK;
        expect_time(&cfg, &r.rec, "year=2026|month=11|day=06", T + DAY);
        assert_true(sl_s3_layout_of(&cfg).timed && sl_s3_layout_of(&cfg).wallclock && sl_s3_layout_of(&cfg).needs_plan);
        cfg.extractor = SL_S3_RECORD_TIME;
        assert_true(sl_s3_layout_of(&cfg).timed && !sl_s3_layout_of(&cfg).wallclock && !sl_s3_layout_of(&cfg).needs_plan);
        r.rec.timestamp_ms = -1;
        expect_error(&cfg, &r.rec, "PartitionException",
                     "Unable to determine timestamp using timestamp.extractor " PACKAGE
                     "TimeBasedPartitioner$RecordTimestampExtractor for record: topic orders, partition 3, offset 9");
}

/* Summer time ends in Berlin on 2026-10-25 at 01:00 UTC and begins on 2026-03-29. */
static void summer_time(void **state)
{
        (void)state;
        static const int64_t end = 1792890000000, start = 1774746000000;
        struct sl_s3_cfg cfg = by_time("MM-dd HH ZZ", HOUR);
        struct row r;
        cfg.timezone = "Europe/Berlin";
        row(&r)->timestamp_ms = end - 1;
        expect_time(&cfg, &r.rec, "10-25 02 +01:00", end - 1); /* both hours named 02 are one bucket, as in Joda */
        r.rec.timestamp_ms = end;
        expect_time(&cfg, &r.rec, "10-25 02 +01:00", end);
        r.rec.timestamp_ms = end - HOUR - 1;
        expect_time(&cfg, &r.rec, "10-25 01 +02:00", end - HOUR - 1);
        r.rec.timestamp_ms = start - 1;
        expect_time(&cfg, &r.rec, "03-29 01 +01:00", start - 1);
        r.rec.timestamp_ms = start;
        expect_time(&cfg, &r.rec, "03-29 03 +02:00", start);
        cfg.duration_ms = DAY;
        r.rec.timestamp_ms = end + 20 * HOUR;
        expect_time(&cfg, &r.rec, "10-25 00 +02:00", end + 20 * HOUR);
}

/* Toward zero, as Java divides: the days round 1970 are one. */
static void before_1970(void **state)
{
        (void)state;
        struct sl_s3_cfg cfg = by_time_field("inner.at");
        struct row r;
        cfg.duration_ms = DAY;
        cfg.path_format = "YYYY-MM-dd";
        row(&r);
        r.inner[1] = sl_v_i64(SL_INT64, -1);
        expect_time(&cfg, &r.rec, "1970-01-01", -1);
        r.inner[1] = sl_v_i64(SL_INT64, -DAY - 1);
        expect_time(&cfg, &r.rec, "1969-12-31", -DAY - 1);
        r.inner[1] = sl_v_i64(SL_INT64, INT64_MIN);
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition. The time -9223372036854775808 is too far away");
        r.inner[1] = sl_v_i64(SL_INT64, INT64_MAX);
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition. The time 9223372036854775807 is too far away");
}

static void field_and_time(void **state)
{
        (void)state;
        static const char *const names[] = {"inner.device", "flag"};
        struct row r;
        struct sl_s3_cfg cfg = by_time("'date'=YYYY-MM-dd", DAY);
        cfg.partitioner = SL_S3_BY_FIELD_AND_TIME;
        cfg.field_names = (struct sl_cfg_list){names, 2};
        expect(&cfg, row(&r), "inner.device=pump/flag=true/date=2026-11-05");
        cfg.affix = SL_S3_AFFIX_PREFIX;
        expect(&cfg, &r.rec, "schema_name=com.acme.Order/inner.device=pump/flag=true/date=2026-11-05");
        assert_true(sl_s3_layout_of(&cfg).timed);
        r.rec.value = SL_V_NULL; /* a tombstone that is not written has no fields */
        struct sl_s3_partitioner *p = open(&cfg, NULL);
        struct sl_str got;
        int64_t ms;
        assert_int_equal(sl_s3_partition_of(p, &r.rec, T, &ms, &got, NULL), SL_BUSINESS);
        sl_s3_partitioner_free(p);
}

static void schema_names(void **state)
{
        (void)state;
        struct row r;
        struct sl_s3_cfg cfg = base();
        cfg.affix = SL_S3_AFFIX_PREFIX;
        expect(&cfg, row(&r), "schema_name=com.acme.Order/partition=3");
        assert_true(sl_s3_layout_of(&cfg).many);
        cfg.affix = SL_S3_AFFIX_SUFFIX;
        expect(&cfg, &r.rec, "partition=3/schema_name=com.acme.Order");
        r.rec.value_schema = sl_schema_of(SL_STRING, true);
        r.rec.value = sl_v_str(SL_STR("x"));
        expect(&cfg, &r.rec, "partition=3/schema_name=null");
        r.rec.value_schema = NULL;
        cfg.partitioner = SL_S3_BY_DAY;
        cfg.extractor = SL_S3_RECORD_TIME;
        expect(&cfg, &r.rec, "year=2026/month=11/day=05/schema_name=null");
        r.rec.value = SL_V_NULL; /* the directory of tombstones has neither a schema's name nor a time */
        expect(&cfg, &r.rec, "gone");
        r.rec.timestamp_ms = -1;
        expect_time(&cfg, &r.rec, "gone", SL_S3_NO_TIME);
}

/* ---- times of fields ---- */

static void expect_field_time(enum sl_type type, const char *name, struct sl_value v, enum sl_s3_unit unit, int64_t want)
{
        struct sl_field f = {"t", 0, field_schema(type, name, true)};
        struct sl_record rec = {.value_schema = struct_schema(NULL, &f, 1), .value = sl_v_items(SL_STRUCT, &v, 1), .timestamp_ms = 5};
        struct sl_s3_cfg cfg = by_time_field("t");
        cfg.path_format = "'x'";
        cfg.timestamp_unit = (int)unit;
        expect_time(&cfg, &rec, "x", want);
}

static void times_of_fields(void **state)
{
        (void)state;
        expect_field_time(SL_INT64, NULL, sl_v_i64(SL_INT64, T), SL_S3_UNIT_MS, T);
        expect_field_time(SL_INT32, NULL, sl_v_i64(SL_INT32, 1234567890), SL_S3_UNIT_MS, 1234567890);
        expect_field_time(SL_INT32, NULL, sl_v_i64(SL_INT32, 1234567890), SL_S3_UNIT_S, 1234567890000);
        expect_field_time(SL_INT64, NULL, sl_v_i64(SL_INT64, T * 1000 + 999), SL_S3_UNIT_US, T);
        expect_field_time(SL_INT64, NULL, sl_v_i64(SL_INT64, -1), SL_S3_UNIT_NS, -1);
        expect_field_time(SL_INT64, SL_NAME_TIMESTAMP, sl_v_i64(SL_INT64, T), SL_S3_UNIT_NS, T);
        expect_field_time(SL_INT32, SL_NAME_DATE, sl_v_i64(SL_INT32, 20762), SL_S3_UNIT_MS, 20762 * DAY);
        expect_field_time(SL_INT64, "io.debezium.time.MicroTimestamp", sl_v_i64(SL_INT64, T * 1000), SL_S3_UNIT_MS, T);
        expect_field_time(SL_INT64, "io.debezium.time.NanoTimestamp", sl_v_i64(SL_INT64, T * 1000000), SL_S3_UNIT_MS, T);
        expect_field_time(SL_INT64, "io.debezium.time.Timestamp", sl_v_i64(SL_INT64, T), SL_S3_UNIT_US, T);
        expect_field_time(SL_INT32, "io.debezium.time.Date", sl_v_i64(SL_INT32, -1), SL_S3_UNIT_MS, -DAY);
        expect_field_time(SL_INT64, "com.acme.Time", sl_v_i64(SL_INT64, T), SL_S3_UNIT_MS, T);
        expect_field_time(SL_STRING, "io.debezium.time.ZonedTimestamp", sl_v_str(SL_STR("2026-11-05T18:34:56.789123+01:00")), SL_S3_UNIT_MS, T);
        expect_field_time(SL_STRING, NULL, sl_v_str(SL_STR("1793900096")), SL_S3_UNIT_S, T / 1000 * 1000);
        expect_field_time(SL_STRING, NULL, sl_v_str(SL_STR("-5")), SL_S3_UNIT_MS, -5);
        expect_field_time(SL_STRING, NULL, sl_v_str(SL_STR("2026-11-05")), SL_S3_UNIT_S, 20762 * DAY);
}

static void times_that_are_none(void **state)
{
        (void)state;
        struct row r;
        struct sl_s3_cfg cfg = by_time_field("at");
        row(&r);
        expect(&cfg, &r.rec, "2026-11-05 17:34:56.789");
        r.fields[AT] = SL_V_NULL;
        expect_error(&cfg, &r.rec, "DataException", "The field 'at' does not exist.");
        cfg.timestamp_field = "inner.nope";
        expect_error(&cfg, &r.rec, "DataException", "The field 'inner.nope' does not exist.");
        cfg.timestamp_field = "price";
        expect_error(&cfg, &r.rec, "PartitionException", "Error extracting timestamp from record field: price");
        cfg.timestamp_field = "name";
        expect_error(&cfg, &r.rec, "PartitionException", "Error extracting timestamp from record field: name");
        cfg.timestamp_field = "small";
        expect_error(&cfg, &r.rec, "PartitionException", "Error extracting timestamp from record field: small");
        cfg.timestamp_unit = SL_S3_UNIT_S;
        cfg.timestamp_field = "inner.at";
        r.inner[1] = sl_v_i64(SL_INT64, INT64_MAX / 10);
        expect_error(&cfg, &r.rec, "PartitionException", "Error extracting timestamp from record field: inner.at");
        r.rec.value = sl_v_i64(SL_INT64, 1);
        r.rec.value_schema = NULL;
        expect_error(&cfg, &r.rec, "PartitionException", "Error encoding partition.");
}

static void times_of_maps(void **state)
{
        (void)state;
        struct sl_value inner[] = {sl_v_str(SL_STR("t")), sl_v_f64(SL_FLOAT64, (double)T + 0.75)};
        struct sl_value items[] = {sl_v_str(SL_STR("t")), sl_v_str(SL_STR("2026-11-05T17:34:56.789Z")), sl_v_str(SL_STR("m")),
                                   sl_v_items(SL_MAP, inner, 1), sl_v_str(SL_STR("b")), sl_v_bool(true)};
        struct sl_record rec = {.value = sl_v_items(SL_MAP, items, 3)};
        struct sl_s3_cfg cfg = by_time_field("t");
        expect(&cfg, &rec, "2026-11-05 17:34:56.789");
        cfg.timestamp_field = "m.t";
        expect(&cfg, &rec, "2026-11-05 17:34:56.789");
        inner[1] = sl_v_f64(SL_FLOAT64, 0.0 / 0.0);
        expect_error(&cfg, &rec, "PartitionException", "Error extracting timestamp from record field: m.t");
        cfg.timestamp_field = "b";
        expect_error(&cfg, &rec, "PartitionException", "Error extracting timestamp from record field: b");
        cfg.timestamp_field = "none";
        expect_error(&cfg, &rec, "DataException", "The field 'none' does not exist.");
        items[1] = (struct sl_value){.type = SL_INT64, .flags = SL_V_DATE, .i64 = T};
        cfg.timestamp_field = "t";
        cfg.timestamp_unit = SL_S3_UNIT_NS; /* a java.util.Date says itself what it counts */
        expect(&cfg, &rec, "2026-11-05 17:34:56.789");
}

/* ---- the clock ---- */

static void schedule(void **state)
{
        (void)state;
        struct sl_s3_cfg cfg = base();
        struct sl_s3_partitioner *p = open(&cfg, NULL);
        assert_int_equal(sl_s3_next_schedule(p, T), INT64_MAX);
        sl_s3_partitioner_free(p);
        int64_t midnight = T / DAY * DAY;
        cfg.rotate_schedule_ms = 600000;
        p = open(&cfg, NULL);
        assert_int_equal(sl_s3_next_schedule(p, T), midnight + 17 * HOUR + 40 * 60000);
        assert_int_equal(sl_s3_next_schedule(p, midnight), midnight + 600000); /* later than now, never now */
        assert_int_equal(sl_s3_next_schedule(p, midnight - 1), midnight);
        sl_s3_partitioner_free(p);
        cfg.rotate_schedule_ms = 7 * HOUR;
        p = open(&cfg, NULL);
        assert_int_equal(sl_s3_next_schedule(p, midnight + 22 * HOUR), midnight + DAY); /* midnight cuts it short */
        sl_s3_partitioner_free(p);
        cfg.rotate_schedule_ms = INT64_MAX;
        cfg.timezone = "Europe/Berlin";
        p = open(&cfg, NULL);
        assert_int_equal(sl_s3_next_schedule(p, 1792890000000), 1792882800000 + 24 * HOUR); /* a day of 25 hours */
        sl_s3_partitioner_free(p);
        cfg.timezone = "America/Goose_Bay"; /* 1987-10-25 00:01 became 23:01, and midnight came twice */
        p = open(&cfg, NULL);
        assert_int_equal(sl_s3_next_schedule(p, 562129260000 - 1), 562129200000 + 25 * HOUR);
        assert_int_equal(sl_s3_next_schedule(p, 562129260000), 562129200000 + HOUR);
        sl_s3_partitioner_free(p);
}

/* Rows of directories that were seen lately allocate nothing, whatever the partitioner. */
static void no_allocations(void **state)
{
        (void)state;
        static const char *const names[] = {"inner.device", "id"};
        struct row r;
        struct sl_s3_cfg cfg = by_time("'date'=YYYY-MM-dd/'h'=HH", HOUR);
        cfg.partitioner = SL_S3_BY_FIELD_AND_TIME;
        cfg.field_names = (struct sl_cfg_list){names, 2};
        cfg.affix = SL_S3_AFFIX_SUFFIX;
        cfg.timezone = "America/New_York";
        struct sl_s3_partitioner *p = open(&cfg, NULL);
        struct sl_str got;
        int64_t ms;
        row(&r);
        for (int warm = 1; warm >= 0; warm--) {
                uint64_t before = allocations();
                for (int i = 0; i < 1000; i++) {
                        r.rec.timestamp_ms = T + i % 7 * HOUR;
                        r.fields[ID] = sl_v_i64(SL_INT64, 1000000 + i);
                        assert_int_equal(sl_s3_partition_of(p, &r.rec, 0, &ms, &got, NULL), SL_OK);
                }
                if (!warm)
                        assert_int_equal(allocations(), before);
        }
        sl_s3_partitioner_free(p);
}

/* ---- configuration ---- */

static void check(const char *const *pairs, const char *key, const char *want, bool warning)
{
        struct sl_props props = {0};
        struct sl_arena arena = {0};
        struct sl_cfg_report r = {0};
        struct sl_s3_cfg cfg = {0};
        const char *found = NULL;
        sl_props_set(&props, "format.class", "JsonFormat");
        sl_props_set(&props, "flush.size", "3");
        sl_props_set(&props, "s3.bucket.name", "b");
        for (; *pairs; pairs += 2)
                sl_props_set(&props, pairs[0], pairs[1]);
        sl_cfg_parse(sl_s3_defs, &props, &cfg, &arena, &r);
        if (r.errors == 0)
                sl_s3_check(&cfg, "c", &r);
        for (uint32_t i = 0; i < r.count; i++) {
                if (key && strcmp(r.findings[i].key, key) == 0 && r.findings[i].warning == warning && !found)
                        found = r.findings[i].text;
                else if (!r.findings[i].warning && !key)
                        fail_msg("%s: %s", r.findings[i].key, r.findings[i].text);
        }
        if (key) {
                assert_non_null(found);
                assert_string_equal(found, want);
        }
        sl_props_free(&props);
        sl_cfg_report_free(&r);
        sl_arena_free(&arena);
}

#define CONF(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TIMED "partitioner.class", PACKAGE "TimeBasedPartitioner", "partition.duration.ms", "3600000", "locale", "en-US", "timezone", "UTC"
#define FINE NULL, NULL, false

static void configurations(void **state)
{
        (void)state;
        check(CONF("partitioner.class", PACKAGE "FieldPartitioner", "partition.field.name", "a,b.c"), FINE);
        check(CONF(TIMED, "path.format", "'d'=YYYY-MM-dd", "timestamp.extractor", PACKAGE "TimeBasedPartitioner$RecordFieldTimestampExtractor"), FINE);
        check(CONF("partitioner.class", PACKAGE "HourlyPartitioner", "locale", "de", "timezone", "+05:30", "timestamp.extractor", "Record"), FINE);
        check(CONF("partitioner.class", "sluice.s3.FieldAndTimePartitioner", "partition.duration.ms", "1", "path.format", "YYYY", "locale", "en",
                   "timezone", "Europe/Berlin", "partition.field.name", "a", "sluice.timestamp.unit", "us", "sluice.s3.partition.escape", "hive"),
              FINE);
        check(CONF("partitioner.class", "FieldPartitioner"), "partition.field.name",
              "Partition field name cannot be null or empty when using FieldPartitioner.", false);
        check(CONF("partitioner.class", "FieldPartitioner", "partition.field.name", "a..b"), "partition.field.name",
              "Invalid value a..b for configuration partition.field.name: Field name cannot contain an empty or whitespace-only path segment", false);
        check(CONF(TIMED), "path.format", "Invalid value  for configuration path.format: Path format cannot be empty.", false);
        check(CONF(TIMED, "path.format", "/"), "path.format", "Invalid value / for configuration path.format: Path format cannot be empty.", false);
        check(CONF(TIMED, "path.format", "YYYY-bb"), "path.format",
              "Invalid value YYYY-bb for configuration path.format: Illegal pattern component: bb", false);
        check(CONF(TIMED, "path.format", "YYYY", "partition.duration.ms", "0"), "partition.duration.ms",
              "Invalid value 0 for configuration partition.duration.ms: Partition duration needs to be a positive.", false);
        check(CONF("partitioner.class", "DailyPartitioner", "timezone", "UTC"), "locale",
              "Invalid value  for configuration locale: Locale cannot be empty.", false);
        check(CONF("partitioner.class", "DailyPartitioner", "locale", "en"), "timezone",
              "Invalid value  for configuration timezone: Timezone cannot be empty.", false);
        check(CONF("timezone", "Mars/Base"), "timezone",
              "Invalid value Mars/Base for configuration timezone: The datetime zone id 'Mars/Base' is not recognised", false);
        check(CONF("timezone", "GMT+0"), FINE); /* a file of the tz database, and no offset of Joda's form */
        check(CONF("timezone", "GMT+2"), "timezone",
              "Invalid value GMT+2 for configuration timezone: The datetime zone id 'GMT+2' is not recognised", false);
        check(CONF("timezone", "GMT+02"), FINE);
        check(CONF(TIMED, "path.format", "MMMM", "locale", "pl"), "path.format",
              "Invalid value MMMM for configuration path.format: MMMM prints a text, and the texts of locale pl are not built in: use en, de, fr, "
              "es, it, nl or pt, or letters that print numbers", false);
        check(CONF(TIMED, "path.format", "MM", "locale", "pl"), FINE);
        check(CONF(TIMED, "path.format", "zzzz"), "path.format",
              "Invalid value zzzz for configuration path.format: zzzz prints the name of a time zone, and only short ones are built in: ZZZ "
              "prints its id (UTC), and Z or ZZ the offset", false);
        check(CONF(TIMED, "timezone", "America/Sao_Paulo", "path.format", "z"), "path.format",
              "Invalid value z for configuration path.format: z prints the name of a time zone, and this one has no short name in the tz "
              "database: ZZZ prints its id (America/Sao_Paulo), and Z or ZZ the offset", false);
        check(CONF(TIMED, "timezone", "Europe/Berlin", "locale", "de", "path.format", "z"), "path.format",
              "Invalid value z for configuration path.format: z prints the name of a time zone, and only English ones are built in: ZZZ "
              "prints its id (Europe/Berlin), and Z or ZZ the offset", false);
        check(CONF("partitioner.class", "HourlyPartitioner", "locale", "en", "timezone", "UTC", "path.format", "YYYY"), "path.format",
              "path.format is overridden by HourlyPartitioner", true);
        check(CONF("path.format", "YYYY"), "path.format", "path.format has no effect with DefaultPartitioner", true);
}

/* A configuration of Aiven's sink: what means the same is taken, the rest is refused by name. */
static void aiven_names(void **state)
{
        (void)state;
        struct sl_props props = {0};
        struct sl_arena arena = {0};
        struct sl_cfg_report r = {0};
        struct sl_s3_cfg cfg = {0};
        static const char *const pairs[] = {"format.class", "JsonFormat", "file.max.records", "500", "aws.s3.bucket.name", "b",
                                            "aws.s3.region", "eu-central-1", "aws.s3.endpoint", "http://localhost:9000",
                                            "aws.s3.part.size.bytes", "6291456", "aws_access_key_id", "AK",
                                            "aws_secret_access_key", "SK", "format.output.envelope", "false",
                                            "format.output.fields", "value", NULL};
        for (const struct sl_cfg_def *d = sl_s3_defs; d->name; d++)
                if (d->alias_of && strcmp(sl_cfg_find(sl_s3_defs, d->name)->name, d->alias_of) != 0)
                        fail_msg("%s is another name of %s, which is no key", d->name, d->alias_of);
        for (const char *const *p = pairs; *p; p += 2)
                sl_props_set(&props, p[0], p[1]);
        sl_cfg_parse(sl_s3_defs, &props, &cfg, &arena, &r);
        for (uint32_t i = 0; i < r.count; i++)
                fail_msg("%s: %s", r.findings[i].key, r.findings[i].text);
        assert_int_equal(cfg.flush_size, 500);
        assert_string_equal(cfg.bucket, "b");
        assert_string_equal(cfg.region, "eu-central-1");
        assert_string_equal(cfg.store_url, "http://localhost:9000");
        assert_int_equal(cfg.part_size, 6291456);
        assert_string_equal(cfg.secret, "SK");
        sl_props_free(&props);
        sl_cfg_report_free(&r);
        sl_arena_free(&arena);
        check(CONF("file.name.template", "{{topic}}-{{partition}}-{{start_offset}}"), "file.name.template",
              "Invalid value {{topic}}-{{partition}}-{{start_offset}} for configuration file.name.template: objects are named "
              "<topics.dir>/<topic>/<directories>/<topic>+<partition>+<offset>; choose the directories with partitioner.class, and "
              "remove the key.", false);
        check(CONF("format.output.type", "csv"), "format.output.type",
              "Invalid value csv for configuration format.output.type: use format.class: JsonFormat is jsonl, AvroFormat avro, "
              "ParquetFormat parquet; csv, and json as one array a file, are not built in.", false);
        check(CONF("format.output.fields", "key,value"), "format.output.fields",
              "Invalid value key,value for configuration format.output.fields: a record of a file is the value; keys and headers go "
              "to files of their own (store.kafka.keys, store.kafka.headers).", false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(default_partitioner),
                cmocka_unit_test(field_partitioner),
                cmocka_unit_test(field_partitioner_errors),
                cmocka_unit_test(field_partitioner_maps),
                cmocka_unit_test(escapes),
                cmocka_unit_test(time_partitioners),
                cmocka_unit_test(summer_time),
                cmocka_unit_test(before_1970),
                cmocka_unit_test(field_and_time),
                cmocka_unit_test(schema_names),
                cmocka_unit_test(times_of_fields),
                cmocka_unit_test(times_that_are_none),
                cmocka_unit_test(times_of_maps),
                cmocka_unit_test(schedule),
                cmocka_unit_test(no_allocations),
                cmocka_unit_test(configurations),
                cmocka_unit_test(aiven_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
