/* SPDX-License-Identifier: Apache-2.0 */
/* See partition.h. What a partitioner writes is Confluent's, byte for byte; where it differs: a record whose time can't be told is the
 * record's error, not the task's; FieldPartitioner takes schemaless maps; a Connect Date is a time. The texts of time buckets are kept, so
 * that rows of a bucket that was seen lately format nothing. */
#include "connectors/s3/partition.h"

#include <stdio.h>
#include <stdlib.h>

#include "connectors/s3/fieldpath.h"
#include "connectors/s3/pathformat.h"
#include "connectors/s3/timefield.h"
#include "connectors/s3/zone.h"

#define BUCKETS 16
#define DAY_MS INT64_C(86400000)
#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

enum field_kind { FIELD_NUMBER, FIELD_STRING, FIELD_BOOLEAN, FIELD_REFUSED, FIELD_MISSING };

/* A value schema's fields: paths and what they hold. */
struct binding {
        struct sl_s3_bound *fields; /* as many as partition.field.name has */
        enum field_kind *kinds;
        struct sl_s3_bound time;
        enum sl_s3_time_kind time_kind;
};

struct bucket {
        int64_t start;
        bool used;
        struct sl_buf text;
};

struct sl_s3_partitioner {
        const struct sl_s3_cfg *cfg;
        const char *tombstone;
        struct sl_s3_layout layout;
        struct sl_s3_path *fields, time;
        uint32_t field_count; /* 0 without a field partitioner */
        bool fields_of_time;  /* timestamp.field is read */
        struct binding **bindings; /* by schema id */
        uint32_t binding_count;
        struct sl_s3_zone zone; /* tz NULL: none is configured */
        struct sl_s3_pathformat *format;
        int64_t duration_ms;
        struct bucket buckets[BUCKETS];
        struct sl_buf out;
};

/* ---- configuration ---- */

static bool by_time(const struct sl_s3_cfg *cfg)
{
        return cfg->partitioner >= SL_S3_BY_TIME;
}

static bool by_field(const struct sl_s3_cfg *cfg)
{
        return cfg->partitioner == SL_S3_BY_FIELD || cfg->partitioner == SL_S3_BY_FIELD_AND_TIME;
}

struct sl_s3_layout sl_s3_layout_of(const struct sl_s3_cfg *cfg)
{
        bool timed = by_time(cfg), wallclock = timed && cfg->extractor == SL_S3_WALLCLOCK;
        return (struct sl_s3_layout){
                .timed = timed,
                .wallclock = wallclock,
                .needs_plan = wallclock || cfg->rotate_schedule_ms > 0,
                .many = cfg->partitioner != SL_S3_BY_DEFAULT || cfg->affix != SL_S3_AFFIX_NONE,
        };
}

static bool blank(const char *s)
{
        return !s || s[strspn(s, " \t\r\n\f\v")] == 0;
}

/* The pattern of path.format, or of the hour or the day. */
static void pattern_of(const struct sl_s3_cfg *cfg, struct sl_buf *out)
{
        const char *d = cfg->dir_delim, *path = cfg->path_format;
        if (cfg->partitioner == SL_S3_BY_HOUR || cfg->partitioner == SL_S3_BY_DAY) {
                sl_buf_printf(out, "'year'=YYYY%s'month'=MM%s'day'=dd", d, d);
                if (cfg->partitioner == SL_S3_BY_HOUR)
                        sl_buf_printf(out, "%s'hour'=HH", d);
                return;
        }
        size_t n = strlen(path), end = strlen(d);
        bool cut = !blank(d) && n > end && strcmp(path + n - end, d) == 0;
        sl_buf_add(out, path, cut ? n - end : n);
}

static int64_t duration_of(const struct sl_s3_cfg *cfg)
{
        return cfg->partitioner == SL_S3_BY_HOUR  ? DAY_MS / 24
               : cfg->partitioner == SL_S3_BY_DAY ? DAY_MS
                                                  : cfg->duration_ms;
}

static void invalid(struct sl_cfg_report *r, const char *key, const char *value, const char *why)
{
        sl_cfg_add_error(r, key, "Invalid value %s for configuration %s: %s", value ? value : "null", key, why);
}

static void check_fields(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        static const char key[] = "partition.field.name";
        if (by_field(cfg) && cfg->field_names.count == 0)
                sl_cfg_add_error(r, key, "Partition field name cannot be null or empty when using %s.",
                                 cfg->partitioner == SL_S3_BY_FIELD ? "FieldPartitioner" : "FieldAndTimePartitioner");
        for (uint32_t i = 0; i < cfg->field_names.count; i++) {
                const char *name = cfg->field_names.items[i];
                if (blank(name)) {
                        invalid(r, key, name, "Field name cannot be null or empty");
                        continue;
                }
                struct sl_s3_path path;
                bool empty = false;
                sl_s3_path_init(&path, name);
                for (uint32_t k = 0; k < path.depth; k++)
                        empty |= strspn(path.names[k].ptr, " \t") >= path.names[k].len;
                sl_s3_path_free(&path);
                if (empty)
                        invalid(r, key, name, "Field name cannot contain an empty or whitespace-only path segment");
        }
        if (by_time(cfg) && cfg->extractor == SL_S3_RECORD_FIELD && blank(cfg->timestamp_field))
                invalid(r, "timestamp.field", cfg->timestamp_field, "The field to extract cannot be null or empty.");
}

static void check_format(const struct sl_s3_cfg *cfg, const struct sl_s3_zone *zone, struct sl_cfg_report *r)
{
        struct sl_buf pattern = {0}, why = {0};
        pattern_of(cfg, &pattern);
        struct sl_s3_pathformat *f = sl_s3_pathformat_new(sl_buf_cstr(&pattern), cfg->locale, zone, &why);
        if (!f)
                invalid(r, "path.format", sl_buf_cstr(&pattern), sl_buf_cstr(&why));
        sl_s3_pathformat_free(f);
        sl_buf_free(&pattern);
        sl_buf_free(&why);
}

static void check_times(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        struct sl_s3_zone zone = {0};
        struct sl_buf why = {0};
        bool custom = cfg->partitioner == SL_S3_BY_TIME || cfg->partitioner == SL_S3_BY_FIELD_AND_TIME;
        bool path = !custom || !(blank(cfg->path_format) || strcmp(cfg->path_format, cfg->dir_delim) == 0);
        if (!blank(cfg->timezone) && !sl_s3_zone_open(&zone, cfg->timezone, &why))
                invalid(r, "timezone", cfg->timezone, sl_buf_cstr(&why));
        if (by_time(cfg)) {
                char duration[24];
                snprintf(duration, sizeof(duration), "%lld", (long long)cfg->duration_ms);
                if (custom && cfg->duration_ms < 1)
                        invalid(r, "partition.duration.ms", duration, "Partition duration needs to be a positive.");
                if (!path)
                        invalid(r, "path.format", cfg->path_format, "Path format cannot be empty.");
                if (blank(cfg->locale))
                        invalid(r, "locale", cfg->locale, "Locale cannot be empty.");
                if (blank(cfg->timezone))
                        invalid(r, "timezone", cfg->timezone, "Timezone cannot be empty.");
                if (path && zone.tz && !blank(cfg->locale))
                        check_format(cfg, &zone, r);
        }
        if (cfg->rotate_schedule_ms > 0 && blank(cfg->timezone))
                sl_cfg_add_error(r, "timezone", "timezone configuration must be set when using rotate.schedule.interval.ms");
        sl_s3_zone_close(&zone);
        sl_buf_free(&why);
}

/* What is set and has no effect, which upstream does not tell. */
static void warn(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        static const char *const names[] = {"DefaultPartitioner", "FieldPartitioner", "TimeBasedPartitioner",
                                            "HourlyPartitioner",  "DailyPartitioner", "FieldAndTimePartitioner"};
        bool own = cfg->partitioner == SL_S3_BY_HOUR || cfg->partitioner == SL_S3_BY_DAY;
        const char *what = own ? "is overridden by" : "has no effect with", *name = names[cfg->partitioner];
        if ((!by_time(cfg) || own) && !blank(cfg->path_format))
                sl_cfg_add_warning(r, "path.format", "path.format %s %s", what, name);
        if ((!by_time(cfg) || own) && cfg->duration_ms > 0)
                sl_cfg_add_warning(r, "partition.duration.ms", "partition.duration.ms %s %s", what, name);
        if (!by_field(cfg) && cfg->field_names.count)
                sl_cfg_add_warning(r, "partition.field.name",
                                   "partition.field.name has no effect with %s; sluice.s3.FieldAndTimePartitioner puts "
                                   "fields and time into the path",
                                   name);
}

void sl_s3_partition_check(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        check_fields(cfg, r);
        check_times(cfg, r);
        warn(cfg, r);
}

/* ---- life ---- */

static enum sl_rc open_time(struct sl_s3_partitioner *p, struct sl_err *err)
{
        struct sl_buf pattern = {0}, why = {0};
        enum sl_rc rc = SL_OK;
        if (!blank(p->cfg->timezone) && !sl_s3_zone_open(&p->zone, p->cfg->timezone, &why))
                rc = sl_fail(err, SL_E_CONFIG, "timezone: %s", sl_buf_cstr(&why));
        if (rc == SL_OK && p->layout.timed) {
                pattern_of(p->cfg, &pattern);
                p->duration_ms = duration_of(p->cfg);
                p->format = p->zone.tz ? sl_s3_pathformat_new(sl_buf_cstr(&pattern), p->cfg->locale, &p->zone, &why) : NULL;
                if (!p->format || p->duration_ms < 1)
                        rc = sl_fail(err, SL_E_CONFIG,
                                     "path.format, partition.duration.ms or timezone is not usable: %s", sl_buf_cstr(&why));
        }
        sl_buf_free(&pattern);
        sl_buf_free(&why);
        return rc;
}

enum sl_rc sl_s3_partitioner_new(const struct sl_s3_cfg *cfg, const char *tombstone, struct sl_s3_partitioner **ret,
                                 struct sl_err *err)
{
        struct sl_s3_partitioner *p = sl_calloc(1, sizeof(*p));
        p->cfg = cfg;
        p->tombstone = tombstone;
        p->layout = sl_s3_layout_of(cfg);
        p->fields_of_time = p->layout.timed && cfg->extractor == SL_S3_RECORD_FIELD;
        if (by_field(cfg)) {
                p->field_count = cfg->field_names.count;
                p->fields = sl_calloc(p->field_count + 1, sizeof(*p->fields));
                for (uint32_t i = 0; i < p->field_count; i++)
                        sl_s3_path_init(&p->fields[i], cfg->field_names.items[i]);
        }
        if (p->fields_of_time)
                sl_s3_path_init(&p->time, cfg->timestamp_field);
        enum sl_rc rc = open_time(p, err);
        if (rc == SL_OK)
                *ret = p;
        else
                sl_s3_partitioner_free(p);
        return rc;
}

static void binding_free(const struct sl_s3_partitioner *p, struct binding *b)
{
        for (uint32_t i = 0; b && i < p->field_count; i++)
                sl_s3_bound_free(&b->fields[i]);
        if (b) {
                sl_s3_bound_free(&b->time);
                free(b->fields);
                free(b->kinds);
        }
        free(b);
}

void sl_s3_partitioner_free(struct sl_s3_partitioner *p)
{
        if (!p)
                return;
        for (uint32_t i = 0; i < p->binding_count; i++)
                binding_free(p, p->bindings[i]);
        free(p->bindings);
        for (uint32_t i = 0; i < p->field_count; i++)
                sl_s3_path_free(&p->fields[i]);
        free(p->fields);
        sl_s3_path_free(&p->time);
        for (size_t i = 0; i < BUCKETS; i++)
                sl_buf_free(&p->buckets[i].text);
        sl_s3_pathformat_free(p->format);
        sl_s3_zone_close(&p->zone);
        sl_buf_free(&p->out);
        free(p);
}

/* ---- binding ---- */

static enum field_kind kind_of(enum sl_type type)
{
        bool number = type == SL_INT8 || type == SL_INT16 || type == SL_INT32 || type == SL_INT64;
        return number               ? FIELD_NUMBER
               : type == SL_STRING  ? FIELD_STRING
               : type == SL_BOOLEAN ? FIELD_BOOLEAN
                                    : FIELD_REFUSED;
}

static struct binding *bind(const struct sl_s3_partitioner *p, const struct sl_schema *schema)
{
        struct binding *b = sl_calloc(1, sizeof(*b));
        b->fields = sl_calloc(p->field_count + 1, sizeof(*b->fields));
        b->kinds = sl_calloc(p->field_count + 1, sizeof(*b->kinds));
        for (uint32_t i = 0; i < p->field_count; i++) {
                sl_s3_path_bind(&p->fields[i], schema, &b->fields[i]);
                const struct sl_schema *leaf = b->fields[i].leaf;
                b->kinds[i] = !leaf ? FIELD_MISSING : leaf->logical ? FIELD_REFUSED : kind_of(leaf->type);
        }
        if (p->fields_of_time) {
                sl_s3_path_bind(&p->time, schema, &b->time);
                if (b->time.leaf)
                        b->time_kind = sl_s3_time_kind_of(b->time.leaf, (enum sl_s3_unit)p->cfg->timestamp_unit);
        }
        return b;
}

static const struct binding *binding_of(struct sl_s3_partitioner *p, const struct sl_schema *schema)
{
        if (schema->id >= p->binding_count) {
                uint32_t n = schema->id + 16;
                p->bindings = sl_realloc(p->bindings, n * sizeof(*p->bindings));
                memset(p->bindings + p->binding_count, 0, (n - p->binding_count) * sizeof(*p->bindings));
                p->binding_count = n;
        }
        if (!p->bindings[schema->id])
                p->bindings[schema->id] = bind(p, schema);
        return p->bindings[schema->id];
}

/* ---- errors ---- */

/* Connect's DataException instead of the PartitionException of the id. */
static enum sl_rc as_data(enum sl_rc rc, struct sl_err *err)
{
        if (err && err->id == SL_E_S3_PARTITION)
                err->java = SL_JAVA_DATA;
        return rc;
}

static enum sl_rc no_struct(struct sl_err *err)
{
        enum sl_rc rc = sl_fail(err, SL_E_S3_PARTITION, "Error encoding partition.");
        sl_err_detail(err, " The value is neither a struct nor a map, so it has no fields to partition by");
        return rc;
}

static enum sl_rc bad_time(const struct sl_s3_partitioner *p, const char *detail, struct sl_err *err)
{
        enum sl_rc rc = sl_fail(err, SL_E_S3_PARTITION, "Error extracting timestamp from record field: %s", p->time.text);
        sl_err_detail(err, detail);
        return rc;
}

/* ---- fields ---- */

static void escaped(struct sl_s3_partitioner *p, struct sl_str s)
{
        static const char hex[] = "0123456789ABCDEF";
        struct sl_buf *out = &p->out;
        for (size_t i = 0; i < s.len; i++) {
                unsigned char c = (unsigned char)s.ptr[i];
                bool plain = c >= ' ' && c != 0x7f && !strchr("\"#%'*/:=?\\{[]^", c) && c != (unsigned char)p->cfg->dir_delim[0];
                if (plain) {
                        sl_buf_addc(out, (char)c);
                } else {
                        sl_buf_addc(out, '%');
                        sl_buf_addc(out, hex[c >> 4]);
                        sl_buf_addc(out, hex[c & 15]);
                }
        }
}

static void add_text(struct sl_s3_partitioner *p, struct sl_str s)
{
        if (p->cfg->escape == SL_S3_ESCAPE_HIVE)
                escaped(p, s);
        else
                sl_buf_add_str(&p->out, s);
}

static void add_field(struct sl_s3_partitioner *p, const struct sl_s3_path *path, enum field_kind kind,
                      const struct sl_value *v)
{
        bool hive = p->cfg->escape == SL_S3_ESCAPE_HIVE;
        add_text(p, sl_str_c(path->text));
        sl_buf_addc(&p->out, '=');
        if (v->type == SL_NULL || (hive && v->type == SL_STRING && v->len == 0))
                sl_buf_adds(&p->out, hive ? HIVE_NULL : "null");
        else if (kind == FIELD_STRING)
                add_text(p, sl_v_as_str(v));
        else if (kind == FIELD_NUMBER)
                sl_buf_add_i64(&p->out, v->i64);
        else
                sl_buf_adds(&p->out, v->b ? "true" : "false");
}

static enum sl_rc bad_field(const struct sl_s3_path *path, enum field_kind kind, enum sl_type type, struct sl_err *err)
{
        if (kind == FIELD_MISSING)
                return as_data(sl_fail(err, SL_E_S3_PARTITION, "Field '%s' is not present in the schema.", path->text), err);
        char detail[200];
        snprintf(detail, sizeof(detail), " Field %.80s is %s; INT8 to INT64, STRING and BOOLEAN can be partitioned by",
                 path->text, type == SL_NULL ? "a logical type" : sl_type_name(type));
        enum sl_rc rc = sl_fail(err, SL_E_S3_PARTITION, "Error encoding partition.");
        sl_err_detail(err, detail);
        return rc;
}

/* p->out becomes the fields' directories. */
static enum sl_rc encode_fields(struct sl_s3_partitioner *p, const struct sl_record *rec, const struct binding *b,
                                struct sl_err *err)
{
        for (uint32_t i = 0; i < p->field_count; i++) {
                const struct sl_s3_path *path = &p->fields[i];
                const struct sl_value *v = b ? NULL : sl_s3_path_value(path, &rec->value);
                enum field_kind kind = b ? b->kinds[i] : !v ? FIELD_MISSING : kind_of((enum sl_type)v->type);
                if (kind == FIELD_MISSING)
                        return bad_field(path, kind, SL_NULL, err);
                if (b)
                        v = sl_s3_bound_value(path, &b->fields[i], rec->value_schema, &rec->value);
                if (kind == FIELD_REFUSED && v->type != SL_NULL)
                        return bad_field(path, kind, b && b->fields[i].leaf->logical ? SL_NULL : (enum sl_type)v->type, err);
                if (i)
                        sl_buf_adds(&p->out, p->cfg->dir_delim);
                add_field(p, path, kind, v);
        }
        return SL_OK;
}

/* ---- time ---- */

static enum sl_rc field_time(const struct sl_s3_partitioner *p, const struct sl_record *rec, const struct binding *b,
                             int64_t *ret, struct sl_err *err)
{
        enum sl_s3_unit unit = (enum sl_s3_unit)p->cfg->timestamp_unit;
        const struct sl_value *v = !b             ? sl_s3_path_value(&p->time, &rec->value)
                                   : b->time.leaf ? sl_s3_bound_value(&p->time, &b->time, rec->value_schema, &rec->value)
                                                  : NULL;
        if (!v || v->type == SL_NULL)
                return as_data(sl_fail(err, SL_E_S3_PARTITION, "The field '%s' does not exist.", p->time.text), err);
        enum sl_s3_time_kind kind = b ? b->time_kind : sl_s3_time_kind_of_value(v, unit);
        if (kind == SL_S3_TIME_NONE)
                return bad_time(p, " Its type is no time: INT32, INT64, STRING, Connect's Timestamp and Date, and Debezium's types "
                                   "of an instant or a date are", err);
        if (!sl_s3_time_read(kind, unit, v, ret))
                return bad_time(p, " Its value is neither a number of 64 bits nor an ISO 8601 time", err);
        return SL_OK;
}

static enum sl_rc time_of(const struct sl_s3_partitioner *p, const struct sl_record *rec, const struct binding *b,
                          int64_t now_ms, int64_t *ret, struct sl_err *err)
{
        if (p->cfg->extractor == SL_S3_WALLCLOCK) {
                *ret = now_ms;
                return SL_OK;
        }
        if (p->cfg->extractor == SL_S3_RECORD_FIELD)
                return field_time(p, rec, b, ret, err);
        *ret = rec->timestamp_ms;
        if (*ret >= 0)
                return SL_OK;
        return sl_fail(err, SL_E_S3_PARTITION,
                       "Unable to determine timestamp using timestamp.extractor io.confluent.connect.storage.partitioner."
                       "TimeBasedPartitioner$RecordTimestampExtractor for record: topic %.*s, partition %d, offset %lld",
                       SL_FMT(rec->topic), rec->partition, (long long)rec->offset);
}

/* The directory of an instant; kept until another bucket takes its place. */
static enum sl_rc bucket_text(struct sl_s3_partitioner *p, int64_t instant, struct sl_str *ret, struct sl_err *err)
{
        if (instant > INT64_MAX - 2 * DAY_MS || instant < INT64_MIN + 2 * DAY_MS)
                return sl_fail(err, SL_E_S3_PARTITION, "Error encoding partition. The time %lld is too far away",
                               (long long)instant);
        int64_t start = sl_s3_zone_bucket(&p->zone, instant, p->duration_ms);
        struct bucket *b = &p->buckets[(uint64_t)(start / p->duration_ms) % BUCKETS];
        if (!b->used || b->start != start) {
                sl_buf_clear(&b->text);
                sl_s3_pathformat_write(p->format, start, sl_s3_zone_offset(&p->zone, start), &b->text);
                b->start = start;
                b->used = true;
        }
        *ret = (struct sl_str){b->text.ptr, b->text.len};
        return SL_OK;
}

/* ---- the whole ---- */

static void add_schema_name(struct sl_s3_partitioner *p, const struct sl_record *rec)
{
        const char *name = rec->value_schema ? rec->value_schema->name : NULL;
        sl_buf_adds(&p->out, "schema_name=");
        add_text(p, sl_str_c(name ? name : "null"));
}

/* All parts that the configuration asks for, into p->out. */
static enum sl_rc compose(struct sl_s3_partitioner *p, const struct sl_record *rec, const struct binding *b,
                          struct sl_str time, struct sl_err *err)
{
        const char *d = p->cfg->dir_delim;
        if (p->cfg->affix == SL_S3_AFFIX_PREFIX) {
                add_schema_name(p, rec);
                sl_buf_adds(&p->out, d);
        }
        SL_TRY(encode_fields(p, rec, b, err));
        if (p->field_count && p->layout.timed)
                sl_buf_adds(&p->out, d);
        sl_buf_add_str(&p->out, time);
        if (p->cfg->partitioner == SL_S3_BY_DEFAULT) {
                sl_buf_adds(&p->out, "partition=");
                sl_buf_add_i64(&p->out, rec->partition);
        }
        if (p->cfg->affix == SL_S3_AFFIX_SUFFIX) {
                sl_buf_adds(&p->out, d);
                add_schema_name(p, rec);
        }
        return SL_OK;
}

enum sl_rc sl_s3_partition_of(struct sl_s3_partitioner *p, const struct sl_record *rec, int64_t now_ms,
                              int64_t *ret_timestamp_ms, struct sl_str *ret_encoded, struct sl_err *err)
{
        struct sl_str time = {"", 0};
        int64_t instant = rec->timestamp_ms >= 0 ? rec->timestamp_ms : SL_S3_NO_TIME;
        if (rec->value.type == SL_NULL && p->tombstone) {
                *ret_timestamp_ms = instant;
                *ret_encoded = sl_str_c(p->tombstone);
                return SL_OK;
        }
        const struct binding *b = NULL;
        if (p->field_count || p->fields_of_time) {
                bool in_struct = rec->value.type == SL_STRUCT && rec->value_schema;
                if (!in_struct && rec->value.type != SL_MAP)
                        return no_struct(err);
                b = in_struct ? binding_of(p, rec->value_schema) : NULL;
        }
        if (p->layout.timed) {
                SL_TRY(time_of(p, rec, b, now_ms, &instant, err));
                SL_TRY(bucket_text(p, instant, &time, err));
        }
        if (p->layout.timed && !p->field_count && p->cfg->affix == SL_S3_AFFIX_NONE) {
                *ret_encoded = time;
        } else {
                sl_buf_clear(&p->out);
                SL_TRY(compose(p, rec, b, time, err));
                *ret_encoded = (struct sl_str){p->out.ptr, p->out.len};
        }
        *ret_timestamp_ms = instant;
        return SL_OK;
}

int64_t sl_s3_next_schedule(struct sl_s3_partitioner *p, int64_t now_ms)
{
        if (p->cfg->rotate_schedule_ms <= 0 || !p->zone.tz)
                return INT64_MAX;
        return sl_s3_zone_next(&p->zone, now_ms, p->cfg->rotate_schedule_ms);
}
