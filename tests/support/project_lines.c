/* SPDX-License-Identifier: Apache-2.0 */
/* record/project.h as a filter, for tests/conformance/projection. One JSON object a line:
 *   {"mode":0..3,"file":<schema>,"record":{"schema":...,"payload":...}}       (JsonConverter's forms)
 *     -> {"fit":"KEEP"|"ROTATE"|"PROJECT","why":...,"value":<the payload, projected>} or {"error":...,"java":...} */
#include "convert/json.h"
#include "record/project.h"
#include "tests/support/lines.h"

static enum sl_rc schema_of(const json_t *j, struct sl_arena *arena, const struct sl_schema **ret, struct sl_err *err)
{
        struct sl_json_reader reader = {0};
        struct sl_value tree;
        bool missing;
        char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
        const char *copy = sl_arena_strdup(arena, text);
        free(text);
        *ret = NULL;
        enum sl_rc rc = sl_json_read(&reader, sl_str_c(copy), true, arena, &tree, &missing, err);
        if (rc == SL_OK && tree.type != SL_NULL)
                rc = sl_json_schema_from(&tree, false, arena, ret, err);
        sl_json_reader_free(&reader);
        return rc;
}

static enum sl_rc answer(struct json_side *json, struct sl_projector *const *projectors, const json_t *in,
                         struct sl_json_writer *writer, struct sl_arena *arena, json_t *out, struct sl_err *err)
{
        static const char *const names[] = {"KEEP", "ROTATE", "PROJECT"};
        const struct sl_schema *file, *schema;
        struct sl_value v, projected;
        struct sl_fit fit;
        char *text = json_dumps(json_object_get(in, "record"), JSON_COMPACT);
        struct sl_str record = sl_str_c(sl_arena_strdup(arena, text));
        free(text);
        SL_TRY(schema_of(json_object_get(in, "file"), arena, &file, err));
        SL_TRY(json->ops->decode(json->st, SL_STR("t"), record, arena, &schema, &v, err));
        json_int_t mode = json_integer_value(json_object_get(in, "mode"));
        SL_TRY(sl_projector_fit(projectors[mode], file, schema, &fit, err));
        json_object_set_new(out, "fit", json_string(names[fit.action]));
        if (fit.why)
                json_object_set_new(out, "why", json_string(fit.why));
        if (fit.action == SL_FIT_ROTATE)
                return SL_OK;
        projected = v;
        if (fit.action == SL_FIT_PROJECT)
                SL_TRY(sl_project(fit.projection, &v, arena, &projected, err));
        struct sl_buf line = {0};
        enum sl_rc rc = sl_json_write_value(writer, file, &projected, &line, err);
        if (rc == SL_OK)
                json_object_set_new(out, "value", json_stringn(line.ptr, line.len));
        sl_buf_free(&line);
        return rc;
}

int main(void)
{
        struct json_side json = open_json();
        struct sl_json_writer *writer = sl_json_writer_new(SL_DECIMAL_BASE64, false);
        struct sl_projector *projectors[4];
        struct sl_arena arena;
        char *line = NULL;
        size_t cap = 0;
        sl_arena_init(&arena, 0);
        for (int i = 0; i < 4; i++)
                projectors[i] = sl_projector_new((enum sl_compatibility)i);
        for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
                json_t *in = json_loadb(line, (size_t)n, 0, NULL), *out = json_object();
                struct sl_err err = {0};
                if (answer(&json, projectors, in, writer, &arena, out, &err) != SL_OK) {
                        json_object_clear(out);
                        json_object_set_new(out, "error", json_string(err.msg));
                        json_object_set_new(out, "java", json_string(err.java));
                }
                json_dumpf(out, stdout, JSON_COMPACT);
                putchar('\n');
                fflush(stdout);
                json_decref(in);
                json_decref(out);
                sl_arena_reset(&arena);
        }
        for (int i = 0; i < 4; i++)
                sl_projector_free(projectors[i]);
        sl_json_writer_free(writer);
        close_json(&json);
        sl_arena_free(&arena);
        free(line);
        return 0;
}
