/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice transform`: a connector config's transforms and predicates over records from standard input, one JSON object a line in
 * and out, without Kafka. Keys, values and headers are JsonConverter's envelopes. What the lines look like is in
 * docs/transforms.md. The config is checked, its connector is not: the class only says whether records are a source's or a sink's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cluster/connfile.h"
#include "cluster/validate.h"
#include "cmd.h"
#include "convert/convert.h"
#include "pipeline/chain.h"

enum { M_TOPIC, M_PARTITION, M_OFFSET, M_TIMESTAMP, M_KEY, M_VALUE, M_HEADERS, M_COUNT };
static const char *const members[M_COUNT] = {"topic", "partition", "offset", "timestamp", "key", "value", "headers"};
enum { H_NAME, H_SCHEMA, H_PAYLOAD, H_COUNT };
static const char *const header_members[H_COUNT] = {"name", "schema", "payload"};

struct run {
        struct sl_chain *chain;
        struct sl_codec codec;
        bool sink, explain;
        struct sl_arena arena; /* of one line */
        struct sl_buf out, one;
        int64_t offset; /* as given: a source's record has none of its own */
};

/* ---- in ---- */

static enum sl_rc fail_at(enum sl_rc rc, enum sl_stage stage, struct sl_err *err)
{
        if (rc != SL_OK && err->stage == SL_STAGE_NONE)
                err->stage = stage;
        return rc;
}

/* A number of the record itself; null or nothing leaves ret as it is. */
static enum sl_rc read_number(struct run *r, const char *name, struct sl_str text, int64_t *ret, struct sl_err *err)
{
        struct sl_value v;
        if (!text.ptr)
                return SL_OK;
        SL_TRY(sl_json_value(text, &r->arena, &v, err));
        if (v.type == SL_INT64)
                *ret = v.i64;
        else if (v.type != SL_NULL)
                return sl_fail(err, SL_E_DECODE, "\"%s\" of a record must be an integer or null", name);
        return SL_OK;
}

static enum sl_rc read_text(struct run *r, const char *name, struct sl_str text, struct sl_str *ret, struct sl_err *err)
{
        struct sl_value v = SL_V_NULL;
        if (text.ptr)
                SL_TRY(sl_json_value(text, &r->arena, &v, err));
        if (v.type != SL_STRING && v.type != SL_NULL)
                return sl_fail(err, SL_E_DECODE, "\"%s\" must be a string or null", name);
        *ret = v.type == SL_STRING ? sl_v_as_str(&v) : SL_STR_NULL;
        return SL_OK;
}

/* null and absent are a null of no schema, as a converter has it for a message without bytes. */
static struct sl_str envelope_of(struct sl_str text)
{
        return text.ptr && sl_str_eqc(text, "null") ? SL_STR_NULL : text;
}

static enum sl_rc decode(struct sl_converter *conv, enum sl_stage stage, struct run *r, struct sl_str topic, struct sl_str text,
                         const struct sl_schema **schema, struct sl_value *value, struct sl_err *err)
{
        return fail_at(conv->ops->decode(conv->st, topic, text, &r->arena, schema, value, err), stage, err);
}

static enum sl_rc read_headers(struct run *r, struct sl_str text, struct sl_record *rec, struct sl_err *err)
{
        struct sl_str *items = NULL;
        uint32_t n;
        if (!text.ptr || sl_str_eqc(text, "null"))
                return SL_OK;
        SL_TRY(sl_json_split_array(text, &r->arena, &items, &n, err));
        struct sl_header *h = sl_headers_grow(rec, n, &r->arena);
        for (uint32_t i = 0; i < n; i++, h++, rec->header_count++) {
                *h = (struct sl_header){0};
                struct sl_str part[H_COUNT];
                SL_TRY(sl_json_split_object(items[i], header_members, H_COUNT, &r->arena, part, err));
                SL_TRY(read_text(r, "name", part[H_NAME], &h->key, err));
                if (!h->key.ptr)
                        return sl_fail(err, SL_E_DECODE, "a header must have a \"name\"");
                for (int k = H_SCHEMA; k <= H_PAYLOAD; k++)
                        part[k] = part[k].ptr ? part[k] : SL_STR("null");
                char *env = sl_arena_printf(&r->arena, "{\"schema\":%.*s,\"payload\":%.*s}", SL_FMT(part[H_SCHEMA]),
                                            SL_FMT(part[H_PAYLOAD]));
                SL_TRY(decode(&r->codec.header, SL_STAGE_HEADER_CONVERTER, r, rec->topic, sl_str_c(env), &h->schema,
                              &h->value, err));
        }
        return SL_OK;
}

static enum sl_rc read_line(struct run *r, struct sl_str line, struct sl_record *rec, struct sl_err *err)
{
        struct sl_str part[M_COUNT];
        int64_t partition = r->sink ? 0 : -1, offset = r->sink ? 0 : -1;
        *rec = (struct sl_record){.timestamp_ms = -1};
        SL_TRY(sl_json_split_object(line, members, M_COUNT, &r->arena, part, err));
        SL_TRY(read_text(r, "topic", part[M_TOPIC], &rec->topic, err));
        SL_TRY(read_number(r, "partition", part[M_PARTITION], &partition, err));
        SL_TRY(read_number(r, "offset", part[M_OFFSET], &offset, err));
        SL_TRY(read_number(r, "timestamp", part[M_TIMESTAMP], &rec->timestamp_ms, err));
        if (partition != (int32_t)partition)
                return sl_fail(err, SL_E_DECODE, "\"partition\" of a record is at most %d", INT32_MAX);
        rec->partition = (int32_t)partition;
        r->offset = offset;
        rec->offset = r->sink ? offset : -1;
        SL_TRY(decode(&r->codec.key, SL_STAGE_KEY_CONVERTER, r, rec->topic, envelope_of(part[M_KEY]), &rec->key_schema,
                      &rec->key, err));
        SL_TRY(decode(&r->codec.value, SL_STAGE_VALUE_CONVERTER, r, rec->topic, envelope_of(part[M_VALUE]),
                      &rec->value_schema, &rec->value, err));
        return fail_at(read_headers(r, part[M_HEADERS], rec, err), SL_STAGE_HEADER_CONVERTER, err);
}

/* ---- out ---- */

static void add_text(struct sl_buf *out, struct sl_str s)
{
        if (s.ptr)
                sl_buf_add_json_str(out, s.ptr, s.len);
        else
                sl_buf_adds(out, "null");
}

static void add_number(struct sl_buf *out, const char *name, int64_t v)
{
        sl_buf_printf(out, ",\"%s\":", name);
        if (v < 0)
                sl_buf_adds(out, "null");
        else
                sl_buf_add_i64(out, v);
}

/* The envelope into r->one; *ret_null: there is none. */
static enum sl_rc encode(struct run *r, struct sl_converter *conv, enum sl_stage stage, struct sl_str topic,
                         const struct sl_schema *schema, const struct sl_value *v, bool *ret_null, struct sl_err *err)
{
        sl_buf_clear(&r->one);
        return fail_at(conv->ops->encode(conv->st, topic, schema, v, &r->one, ret_null, err), stage, err);
}

static enum sl_rc write_side(struct run *r, const char *name, struct sl_converter *conv, enum sl_stage stage,
                             struct sl_str topic, const struct sl_schema *schema, const struct sl_value *v,
                             struct sl_err *err)
{
        bool null = false;
        SL_TRY(encode(r, conv, stage, topic, schema, v, &null, err));
        sl_buf_printf(&r->out, ",\"%s\":", name);
        if (null)
                sl_buf_adds(&r->out, "null");
        else
                sl_buf_add(&r->out, r->one.ptr, r->one.len);
        return SL_OK;
}

static enum sl_rc write_headers(struct run *r, const struct sl_record *rec, struct sl_err *err)
{
        sl_buf_adds(&r->out, ",\"headers\":[");
        for (uint32_t i = 0; i < rec->header_count; i++) {
                const struct sl_header *h = rec->headers[i];
                bool null = false;
                SL_TRY(encode(r, &r->codec.header, SL_STAGE_HEADER_CONVERTER, rec->topic, h->schema, &h->value, &null,
                              err));
                sl_buf_adds(&r->out, i ? ",{\"name\":" : "{\"name\":");
                add_text(&r->out, h->key);
                sl_buf_addc(&r->out, ',');
                if (null)
                        sl_buf_adds(&r->out, "\"schema\":null,\"payload\":null}");
                else
                        sl_buf_add(&r->out, r->one.ptr + 1, r->one.len - 1);
        }
        sl_buf_addc(&r->out, ']');
        return SL_OK;
}

static enum sl_rc write_record(struct run *r, const struct sl_record *rec, struct sl_err *err)
{
        if (rec->dropped) {
                sl_buf_adds(&r->out, "{\"dropped\":true}");
                return SL_OK;
        }
        sl_buf_adds(&r->out, "{\"topic\":");
        add_text(&r->out, rec->topic);
        add_number(&r->out, "partition", rec->partition);
        add_number(&r->out, "offset", r->sink ? rec->offset : r->offset);
        add_number(&r->out, "timestamp", rec->timestamp_ms);
        SL_TRY(write_side(r, "key", &r->codec.key, SL_STAGE_KEY_CONVERTER, rec->topic, rec->key_schema, &rec->key, err));
        SL_TRY(write_side(r, "value", &r->codec.value, SL_STAGE_VALUE_CONVERTER, rec->topic, rec->value_schema,
                          &rec->value, err));
        SL_TRY(write_headers(r, rec, err));
        sl_buf_addc(&r->out, '}');
        return SL_OK;
}

static void write_error(struct sl_buf *out, const struct sl_err *err)
{
        sl_buf_printf(out, "{\"error\":{\"stage\":\"%s\",\"class\":\"%s\",\"message\":", sl_stage_name(err->stage),
                      err->java);
        add_text(out, sl_err_message(err));
        sl_buf_adds(out, "}}");
}

/* The record, or why it can't be written, behind what out holds. */
static enum sl_rc write_or_say(struct run *r, const struct sl_record *rec, struct sl_err *err)
{
        size_t mark = r->out.len;
        enum sl_rc rc = write_record(r, rec, err);
        if (rc != SL_OK) {
                r->out.len = mark;
                write_error(&r->out, err);
        }
        return rc;
}

/* ---- the run ---- */

static void explain_step(struct run *r, uint32_t i, bool ran, const struct sl_record *rec)
{
        struct sl_err err = {0};
        sl_buf_adds(&r->out, "{\"step\":");
        add_text(&r->out, sl_str_c(sl_chain_alias(r->chain, i)));
        sl_buf_printf(&r->out, ",\"ran\":%s,\"record\":", ran ? "true" : "false");
        if (write_or_say(r, rec, &err) != SL_OK)
                sl_err_clear(&err);
        sl_buf_adds(&r->out, "}\n");
}

static enum sl_rc apply(struct run *r, struct sl_record *rec, struct sl_err *err)
{
        if (!r->explain)
                return sl_chain_apply(r->chain, rec, &r->arena, err);
        for (uint32_t i = 0; i < sl_chain_count(r->chain) && !rec->dropped; i++) {
                bool ran;
                SL_TRY(sl_chain_step(r->chain, i, rec, &r->arena, &ran, err));
                explain_step(r, i, ran, rec);
        }
        return SL_OK;
}

static bool one_line(struct run *r, struct sl_str line)
{
        struct sl_record rec;
        struct sl_err err = {0};
        sl_arena_reset(&r->arena);
        sl_buf_clear(&r->out);
        enum sl_rc rc = fail_at(read_line(r, line, &rec, &err), SL_STAGE_VALUE_CONVERTER, &err);
        if (rc == SL_OK)
                rc = apply(r, &rec, &err);
        if (rc != SL_OK)
                write_error(&r->out, &err);
        else
                rc = write_or_say(r, &rec, &err);
        sl_buf_addc(&r->out, '\n');
        fwrite(r->out.ptr, 1, r->out.len, stdout);
        fflush(stdout);
        return rc == SL_OK;
}

static int all_lines(struct run *r)
{
        char *line = NULL;
        size_t cap = 0;
        int code = SL_EXIT_OK;
        if (isatty(STDIN_FILENO))
                fputs("sluice: records are read from the terminal, one JSON object a line; Ctrl-D ends\n", stderr);
        for (ssize_t n; !ferror(stdout) && (n = getline(&line, &cap, stdin)) > 0;) {
                while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
                        n--;
                if (!one_line(r, (struct sl_str){line, (size_t)n}))
                        code = SL_EXIT_FAILED;
        }
        free(line);
        if (ferror(stdin)) {
                fprintf(stderr, "sluice: standard input can't be read: %s\n", strerror(errno));
                code = SL_EXIT_FAILED;
        }
        return code;
}

/* ---- the config ---- */

static enum sl_rc open_codec(struct sl_codec *c, struct sl_err *err)
{
        static const char *const sides[] = {"key", "value", "header"};
        struct sl_props props = {0};
        for (size_t i = 0; i < 3; i++) {
                char key[80];
                snprintf(key, sizeof(key), "%s.converter", sides[i]);
                sl_props_set(&props, key, "org.apache.kafka.connect.json.JsonConverter");
                snprintf(key, sizeof(key), "%s.converter.replace.null.with.default", sides[i]);
                sl_props_set(&props, key, "false");
        }
        enum sl_rc rc = sl_codec_open(c, &(struct sl_converter_env){0}, &props, &props, err);
        sl_props_free(&props);
        return rc;
}

/* References to the environment are resolved; file and dir are only where a worker declares them. */
static enum sl_rc open_run(struct run *r, const struct sl_plugins *plugins, const struct sl_props *config, struct sl_err *err)
{
        struct sl_validate_opts opts = {.plugins = plugins, .offline = true};
        struct sl_providers *providers = NULL;
        struct sl_props none = {0};
        struct sl_validation v = {0};
        enum sl_rc rc = sl_providers_new(&none, &providers, err);
        opts.providers = providers;
        if (rc == SL_OK)
                rc = sl_validate_chain(&opts, config, &v);
        if (rc == SL_OK)
                rc = sl_chain_new(plugins, &v.resolved, &v.common, &r->chain, err);
        for (uint32_t i = 0; i < v.report.count; i++)
                if (!v.report.findings[i].warning)
                        fprintf(stderr, "sluice: %s\n", v.report.findings[i].text);
        if (err->id != SL_E_NONE)
                fprintf(stderr, "sluice: %s\n", err->msg);
        r->sink = v.sink != NULL;
        sl_validation_free(&v);
        sl_providers_free(providers);
        return rc;
}

int sl_cmd_transform(const struct sl_args *args)
{
        struct sl_herder_initial conn = {0};
        struct run r = {.explain = args->explain};
        struct sl_err err = {0};
        int code = SL_EXIT_CONFIG;
        if (args->nfiles != 1) {
                fprintf(stderr, "sluice: transform needs one connector file\n");
                return SL_EXIT_USAGE;
        }
        struct sl_plugin_set set = {0};
        (void)sl_cmd_load_plugins(args, &set);
        sl_arena_init(&r.arena, 0);
        if (sl_connfile_load(args->files[0], &conn, &err) != SL_OK || open_codec(&r.codec, &err) != SL_OK)
                fprintf(stderr, "sluice: %s\n", err.msg);
        else if (open_run(&r, &set.all, &conn.config, &err) == SL_OK)
                code = all_lines(&r);
        sl_chain_free(r.chain);
        sl_codec_close(&r.codec);
        sl_arena_free(&r.arena);
        sl_buf_free(&r.out);
        sl_buf_free(&r.one);
        sl_connfile_free(&conn);
        sl_plugin_set_free(&set);
        return code;
}
