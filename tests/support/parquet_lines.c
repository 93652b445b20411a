/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines to a Parquet file, through the sink's own writer and the sink's own keys. For tests/conformance/parquet.
 *   parquet_lines OUT [key=value ...] < lines          keys: the S3 sink's (parquet.codec=zstd, ...)
 * First line: the schema as JsonConverter writes it. Every further line: a record's value in JsonConverter's payload
 * form; what plain JSON lacks is spelled as strings: "NaN", "Infinity", "-Infinity", "-0.0" where the schema says float
 * or double. Answers on stdout {"row":<from 0>,"id":...,"error":...} for each record that was refused and at the end
 * {"rows":<written>, "bytes":...,"pending":<most bytes held by the writer>}. A schema or a configuration that is
 * refused: {"error":...} and exit status 1. */
#include "connectors/s3/config.h"
#include "convert/json.h"
#include "tests/support/lines.h"

static int refuse(const char *id, const char *text)
{
        json_t *o = json_object();
        if (id)
                json_object_set_new(o, "id", json_string(id));
        json_object_set_new(o, "error", json_string(text));
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(o);
        return 1;
}

/* Jackson reads floats that are strings as 0: give them their value. node is the raw tree that v was bound from. */
static void patch_floats(const struct sl_schema *s, const struct sl_value *node, struct sl_value *v)
{
        double d;
        struct sl_value *items = (struct sl_value *)(uintptr_t)v->items;
        if (v->type == SL_NULL || node->type == SL_NULL)
                return;
        if ((s->type == SL_FLOAT32 || s->type == SL_FLOAT64) && node->type == SL_STRING &&
            sl_parse_f64(sl_v_as_str(node), &d)) {
                v->f64 = d;
        } else if (s->type == SL_STRUCT && node->type == SL_MAP) {
                for (uint32_t i = 0; i < v->len; i++) {
                        const struct sl_value *m = sl_json_member(node, s->fields[i].name, s->fields[i].name_len);
                        if (m)
                                patch_floats(s->fields[i].schema, m, &items[i]);
                }
        } else if (s->type == SL_ARRAY && node->type == SL_ARRAY) {
                for (uint32_t i = 0; i < v->len; i++)
                        patch_floats(s->value, &node->items[i], &items[i]);
        } else if (s->type == SL_MAP && node->type == SL_MAP) {
                for (uint32_t i = 0; i < v->len; i++)
                        patch_floats(s->value, &node->items[2 * i + 1], &items[2 * i + 1]);
        } else if (s->type == SL_MAP && node->type == SL_ARRAY) {
                for (uint32_t i = 0; i < v->len; i++)
                        for (uint32_t k = 0; k < 2 && node->items[i].type == SL_ARRAY; k++)
                                patch_floats(k ? s->value : s->key, &node->items[i].items[k], &items[2 * i + k]);
        }
}

static bool parse_options(int argc, char **argv, struct sl_arena *arena, struct sl_format_opts *ret)
{
        struct sl_props props = {0};
        struct sl_cfg_report report = {0};
        struct sl_s3_cfg cfg = {0};
        const struct sl_cfg_def *tables[] = {sl_s3_defs};
        sl_props_set(&props, "s3.bucket.name", "none");
        sl_props_set(&props, "format.class", "ParquetFormat");
        sl_props_set(&props, "flush.size", "1");
        for (int i = 2; i < argc; i++) {
                char *eq = strchr(argv[i], '=');
                if (eq)
                        *eq = 0;
                sl_props_set(&props, argv[i], eq ? eq + 1 : "");
        }
        sl_cfg_parse(sl_s3_defs, &props, &cfg, arena, &report);
        sl_cfg_check_unknown(tables, 1, &props, &report);
        sl_s3_check(&cfg, "parquet_lines", &report);
        *ret = sl_s3_format_opts(&cfg);
        bool ok = report.count == 0; /* warnings too: an option without effect would be a test without effect */
        if (!ok)
                refuse(NULL, report.findings[0].text);
        sl_props_free(&props);
        sl_cfg_report_free(&report);
        return ok;
}

struct run {
        struct sl_json_reader reader;
        struct sl_arena arena;
        const struct sl_schema *schema;
        void *writer;
        struct sl_buf out;
        FILE *file;
        json_int_t rows, bytes, pending;
};

static enum sl_rc read_schema(struct run *r, struct sl_str line, struct sl_err *err)
{
        struct sl_value tree;
        bool missing;
        SL_TRY(sl_json_read(&r->reader, line, true, &r->arena, &tree, &missing, err));
        return sl_json_schema_from(&tree, false, &r->arena, &r->schema, err);
}

static enum sl_rc write_row(struct run *r, struct sl_str line, struct sl_err *err)
{
        struct sl_value tree, v;
        bool missing;
        SL_TRY(sl_json_read(&r->reader, line, true, &r->arena, &tree, &missing, err));
        SL_TRY(sl_json_bind(r->schema, &tree, false, &r->arena, &v, err));
        patch_floats(r->schema, &tree, &v);
        SL_TRY(sl_format_parquet.append(r->writer, &v, err));
        r->rows++;
        return SL_OK;
}

static void drain(struct run *r)
{
        fwrite(r->out.ptr, 1, r->out.len, r->file);
        r->bytes += (json_int_t)r->out.len;
        sl_buf_clear(&r->out);
        json_int_t held = (json_int_t)sl_format_parquet.pending(r->writer);
        r->pending = held > r->pending ? held : r->pending;
}

static int write_file(struct run *r, struct sl_err *err)
{
        char *line = NULL;
        size_t cap = 0;
        ssize_t n = getline(&line, &cap, stdin);
        bool ok = n > 0 && read_schema(r, (struct sl_str){line, (size_t)n}, err) == SL_OK &&
                  sl_format_parquet.begin(r->writer, r->schema, &r->out, err) == SL_OK;
        for (json_int_t row = 0; ok && (n = getline(&line, &cap, stdin)) > 0; row++) {
                struct sl_err why = {0};
                if (write_row(r, (struct sl_str){line, (size_t)n}, &why) != SL_OK) {
                        json_t *o =
                                json_pack("{s:I,s:s,s:s}", "row", row, "id", sl_errid_text(why.id), "error", why.msg);
                        json_dumpf(o, stdout, JSON_COMPACT);
                        putchar('\n');
                        json_decref(o);
                }
                drain(r);
                sl_arena_reset(&r->arena);
        }
        ok = ok && sl_format_parquet.finish(r->writer, err) == SL_OK;
        if (ok)
                drain(r);
        free(line);
        return ok ? 0 : refuse(sl_errid_text(err->id), err->id ? err->msg : "no schema on standard input");
}

int main(int argc, char **argv)
{
        struct run r = {0};
        struct sl_format_opts opts;
        struct sl_err err = {0};
        sl_arena_init(&r.arena, 0);
        struct sl_arena options;
        sl_arena_init(&options, 0);
        int status = argc < 2 ? refuse(NULL, "usage: parquet_lines OUT [key=value ...] < lines")
                              : !parse_options(argc, argv, &options, &opts);
        if (status == 0 && !(r.file = fopen(argv[1], "wb")))
                status = refuse(NULL, "the file can't be written");
        if (status == 0) {
                r.writer = sl_format_parquet.create(&opts);
                status = write_file(&r, &err);
                sl_format_parquet.destroy(r.writer);
        }
        if (r.file && fclose(r.file) != 0)
                status = refuse(NULL, "the file could not be written");
        if (status == 0)
                printf("{\"rows\":%lld,\"bytes\":%lld,\"pending\":%lld}\n", (long long)r.rows, (long long)r.bytes,
                       (long long)r.pending);
        sl_json_reader_free(&r.reader);
        sl_buf_free(&r.out);
        sl_arena_free(&r.arena);
        sl_arena_free(&options);
        return status;
}
