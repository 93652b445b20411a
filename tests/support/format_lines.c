/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines to a file of any format, through the sink's own writers and the sink's own keys. For tests/conformance.
 *   format_lines OUT [key=value ...] < lines       keys: the S3 sink's (format.class=AvroFormat, avro.codec=xz, ...)
 * First line: the schema as JsonConverter writes it, or null for schemaless values. Every further line: a record's value in
 * JsonConverter's payload form; what plain JSON lacks is spelled as strings: "NaN", "Infinity", "-Infinity", "-0.0" where the
 * schema says float or double. Answers on stdout {"row":<from 0>,"id":...,"error":...} for each record that was refused and at
 * the end {"rows":<written>,"bytes":...,"pending":<most bytes held by the writer>,"ext":<what the name would end with>}. A schema
 * or a configuration that is refused: {"error":...} and exit status 1. With AGAIN=1 in the environment the writer then begins the
 * file once more, is left in the middle of it, and writes it a third time, to OUT.again: {"error":...} unless that is the same
 * bytes; then it is removed. */
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

struct run {
        const struct sl_format_ops *ops;
        struct sl_format_opts opts;
        struct sl_json_reader reader;
        struct sl_arena arena;
        const struct sl_schema *schema;
        void *writer;
        struct sl_buf out;
        FILE *file;
        struct sl_str *lines;
        size_t line_count;
        json_int_t rows, bytes, pending;
};

static bool parse_options(int argc, char **argv, struct sl_arena *arena, struct run *ret)
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
        sl_s3_check(&cfg, "format_lines", &report);
        ret->ops = sl_s3_format_ops(cfg.format);
        ret->opts = sl_s3_format_opts(&cfg, cfg.format);
        bool ok = report.count == 0; /* warnings too: an option without effect would be a test without effect */
        if (!ok)
                refuse(NULL, report.findings[0].text);
        sl_props_free(&props);
        sl_cfg_report_free(&report);
        return ok;
}

static void read_lines(struct run *r, struct sl_arena *arena)
{
        char *line = NULL;
        size_t cap = 0, room = 0;
        for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
                if (r->line_count == room) {
                        room = room ? 2 * room : 256;
                        r->lines = sl_realloc(r->lines, room * sizeof(*r->lines));
                }
                r->lines[r->line_count++] = (struct sl_str){sl_arena_strndup(arena, line, (size_t)n), (size_t)n};
        }
        free(line);
}

static enum sl_rc read_schema(struct run *r, struct sl_str line, struct sl_err *err)
{
        struct sl_value tree;
        bool missing;
        SL_TRY(sl_json_read(&r->reader, line, true, &r->arena, &tree, &missing, err));
        return tree.type == SL_NULL ? SL_OK : sl_json_schema_from(&tree, false, &r->arena, &r->schema, err);
}

static enum sl_rc write_row(struct run *r, struct sl_str line, struct sl_err *err)
{
        struct sl_value tree, v;
        bool missing;
        SL_TRY(sl_json_read(&r->reader, line, true, &r->arena, &tree, &missing, err));
        SL_TRY(sl_json_bind(r->schema, &tree, false, &r->arena, &v, err));
        if (r->schema)
                patch_floats(r->schema, &tree, &v);
        SL_TRY(r->ops->append(r->writer, &v, err));
        r->rows++;
        return SL_OK;
}

static void drain(struct run *r)
{
        if (r->out.len)
                fwrite(r->out.ptr, 1, r->out.len, r->file);
        r->bytes += (json_int_t)r->out.len;
        sl_buf_clear(&r->out);
        json_int_t held = (json_int_t)r->ops->pending(r->writer);
        r->pending = held > r->pending ? held : r->pending;
}

/* Rows up to the line `end`; finished when that is all. quiet: what is refused has been told before. */
static int write_file(struct run *r, size_t end, bool quiet, struct sl_err *err)
{
        r->rows = r->bytes = r->pending = 0;
        bool ok = r->line_count > 0 && read_schema(r, r->lines[0], err) == SL_OK &&
                  r->ops->begin(r->writer, r->schema, &r->out, err) == SL_OK;
        for (size_t i = 1; ok && i < end; i++) {
                struct sl_err why = {0};
                if (write_row(r, r->lines[i], &why) != SL_OK && !quiet) {
                        json_t *o = json_pack("{s:I,s:s,s:s}", "row", (json_int_t)i - 1, "id", sl_errid_text(why.id), "error", why.msg);
                        json_dumpf(o, stdout, JSON_COMPACT);
                        putchar('\n');
                        json_decref(o);
                }
                drain(r);
                sl_arena_reset(&r->arena);
        }
        ok = ok && (end < r->line_count || r->ops->finish(r->writer, err) == SL_OK);
        if (ok)
                drain(r);
        return ok ? 0 : refuse(sl_errid_text(err->id), err->id ? err->msg : "no schema on standard input");
}

static void slurp(const char *path, struct sl_buf *ret)
{
        char chunk[65536];
        FILE *in = fopen(path, "rb");
        for (size_t n; in && (n = fread(chunk, 1, sizeof(chunk), in)) > 0;)
                sl_buf_add(ret, chunk, n);
        if (in)
                fclose(in);
}

/* The same file with the same writer, after one that was left in the middle. */
static int write_again(struct run *r, const char *path, struct sl_err *err)
{
        struct sl_buf first = {0}, again = {0}, name = {0};
        struct run before = *r;
        sl_buf_printf(&name, "%s.again", path);
        r->file = fopen("/dev/null", "wb");
        int status = write_file(r, r->line_count / 2 + 1, true, err);
        fclose(r->file);
        sl_buf_clear(&r->out);
        r->file = fopen(sl_buf_cstr(&name), "wb");
        status = status ? status : write_file(r, r->line_count, true, err);
        fclose(r->file);
        slurp(path, &first);
        slurp(sl_buf_cstr(&name), &again);
        if (status == 0 && (again.len != first.len || (again.len && memcmp(again.ptr, first.ptr, again.len) != 0)))
                status = refuse(NULL, "the same writer's next file is not the same");
        else
                remove(sl_buf_cstr(&name));
        r->rows = before.rows;
        r->bytes = before.bytes;
        r->pending = before.pending;
        r->file = NULL;
        sl_buf_free(&first);
        sl_buf_free(&again);
        sl_buf_free(&name);
        return status;
}

int main(int argc, char **argv)
{
        struct run r = {0};
        struct sl_err err = {0};
        sl_arena_init(&r.arena, 0);
        struct sl_arena options;
        sl_arena_init(&options, 0);
        int status = argc < 2 ? refuse(NULL, "usage: format_lines OUT [key=value ...] < lines")
                              : !parse_options(argc, argv, &options, &r);
        if (status == 0 && !(r.file = fopen(argv[1], "wb")))
                status = refuse(NULL, "the file can't be written");
        if (status == 0) {
                r.writer = r.ops->create(&r.opts);
                read_lines(&r, &options);
                status = write_file(&r, r.line_count, false, &err);
        }
        if (r.file && fclose(r.file) != 0)
                status = refuse(NULL, "the file could not be written");
        if (status == 0 && getenv("AGAIN"))
                status = write_again(&r, argv[1], &err);
        if (r.writer)
                r.ops->destroy(r.writer);
        free(r.lines);
        if (status == 0)
                printf("{\"rows\":%lld,\"bytes\":%lld,\"pending\":%lld,\"ext\":\"%s\"}\n", (long long)r.rows,
                       (long long)r.bytes, (long long)r.pending, r.ops->ext(&r.opts));
        sl_json_reader_free(&r.reader);
        sl_buf_free(&r.out);
        sl_arena_free(&r.arena);
        sl_arena_free(&options);
        return status;
}
