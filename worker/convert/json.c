/* SPDX-License-Identifier: Apache-2.0 */
/* JsonConverter: values as JSON text, with (schemas.enable=true) or without the envelope {"schema":...,"payload":...}.
 * Ties the parts together: json_write.c and json_read.c do the rows; this file keeps the envelope's head per schema
 * when writing and the parsed schema per distinct bytes when reading. A null value with a schema is a payload of null,
 * not a tombstone, as in Java. Unlike Java, an integer beyond 64 bits without a schema becomes a double (Java cuts it).
 */
#include "base/map.h"
#include "convert/json.h"
#include "record/plans.h"

#include <stdlib.h>

struct json_cfg {
        bool enable, replace_null;
        int32_t cache_size;
        const char *content;
        int decimals; /* enum sl_decimal_format */
};

struct seen {
        char *text; /* bytes of a schema member */
        size_t len;
        const struct sl_schema *schema;
};

struct json_state {
        const struct json_cfg *cfg;
        struct sl_json_writer *writer;
        struct sl_plans heads; /* struct sl_buf: {"schema":...,"payload": */
        struct sl_json_reader reader;
        struct sl_map seen; /* schema bytes -> struct seen */
        const struct seen *last;
        const struct sl_schema *content; /* schema.content */
};

/* ---- encode ---- */

static void head_free(void *head)
{
        sl_buf_free(head);
        free(head);
}

static sl_cold struct sl_buf *make_head(struct json_state *st, const struct sl_schema *schema)
{
        struct sl_buf *head = sl_calloc(1, sizeof(*head));
        sl_plans_put(&st->heads, schema, head);
        sl_buf_adds(head, "{\"schema\":");
        sl_json_render_schema(st->writer, schema, head);
        sl_buf_adds(head, ",\"payload\":");
        return head;
}

static enum sl_rc json_encode(void *state, struct sl_str topic sl_unused, const struct sl_schema *schema,
                              const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        struct json_state *st = state;
        if (!schema && value->type == SL_NULL) {
                *ret_null = true;
                return SL_OK;
        }
        if (st->cfg->enable) {
                if (schema) {
                        const struct sl_buf *head = sl_plans_get(&st->heads, schema);
                        if (sl_unlikely(!head))
                                head = make_head(st, schema);
                        sl_buf_add(out, head->ptr, head->len);
                } else {
                        sl_buf_adds(out, "{\"schema\":null,\"payload\":");
                }
        }
        SL_TRY(sl_json_write_value(st->writer, schema, value, out, err));
        if (st->cfg->enable)
                sl_buf_addc(out, '}');
        if (sl_unlikely(!sl_buf_ok(out)))
                return sl_fail(err, SL_E_TOO_LARGE, "the JSON text of a record passes the limit of its buffer");
        *ret_null = false;
        return SL_OK;
}

/* ---- decode ---- */

static void seen_free(void *p)
{
        struct seen *seen = p;
        free(seen->text);
        free(seen);
}

static enum sl_rc parse_schema(struct json_state *st, struct sl_str text, const struct sl_schema **ret,
                               struct sl_err *err)
{
        struct sl_arena arena;
        struct sl_value tree;
        bool missing;
        sl_arena_init(&arena, 0);
        enum sl_rc rc = sl_json_read(&st->reader, text, true, &arena, &tree, &missing, err);
        if (rc == SL_OK && !missing)
                rc = sl_json_schema_from(&tree, st->cfg->replace_null, &arena, ret, err);
        sl_arena_free(&arena);
        return rc;
}

static enum sl_rc schema_of(struct json_state *st, struct sl_str text, const struct sl_schema **ret, struct sl_err *err)
{
        if (sl_str_eqc(text, "null")) {
                *ret = NULL;
                return SL_OK;
        }
        if (st->last && sl_str_eq(text, (struct sl_str){st->last->text, st->last->len})) {
                *ret = st->last->schema;
                return SL_OK;
        }
        const struct seen *known = sl_map_get(&st->seen, text);
        if (!known) {
                const struct sl_schema *schema = NULL;
                SL_TRY(parse_schema(st, text, &schema, err));
                if (st->seen.live >= (size_t)(st->cfg->cache_size > 0 ? st->cfg->cache_size : 1)) {
                        st->last = NULL; /* full: start again, rather than book-keeping on every row */
                        sl_map_free(&st->seen, seen_free);
                        st->seen = (struct sl_map){0};
                }
                struct seen *seen = sl_calloc(1, sizeof(*seen));
                *seen = (struct seen){sl_strndup(text.ptr, text.len), text.len, schema};
                sl_map_put(&st->seen, text, seen);
                known = seen;
        }
        st->last = known;
        *ret = known->schema;
        return SL_OK;
}

static sl_cold enum sl_rc bad_text(enum sl_rc rc, struct sl_err *err)
{
        sl_err_wrap(err, "Converting byte[] to Kafka Connect data failed due to serialization error: ", SL_JAVA_SERIALIZATION);
        return rc;
}

/* The whole text is the payload: no envelope, or schema.content. */
static enum sl_rc decode_plain(struct json_state *st, struct sl_str bytes, struct sl_arena *arena, struct sl_value *ret,
                               struct sl_err *err)
{
        bool missing, raw = st->content != NULL;
        struct sl_value v;
        enum sl_rc rc = sl_json_read(&st->reader, bytes, raw, arena, &v, &missing, err);
        if (rc != SL_OK)
                return bad_text(rc, err);
        if (raw)
                return sl_json_bind(st->content, &v, st->cfg->replace_null, arena, ret, err);
        *ret = v;
        return SL_OK;
}

static enum sl_rc json_decode(void *state, struct sl_str topic sl_unused, struct sl_str bytes, struct sl_arena *arena,
                              const struct sl_schema **ret_schema, struct sl_value *ret_value, struct sl_err *err)
{
        struct json_state *st = state;
        const struct sl_schema *schema = NULL;
        struct sl_json_envelope env;
        if (!bytes.ptr) {
                *ret_schema = NULL;
                *ret_value = SL_V_NULL;
                return SL_OK;
        }
        if (!st->cfg->enable || st->content) {
                SL_TRY(decode_plain(st, bytes, arena, ret_value, err));
                *ret_schema = st->content;
                return SL_OK;
        }
        struct sl_str known = st->last ? (struct sl_str){st->last->text, st->last->len} : SL_STR_NULL;
        enum sl_rc rc = sl_json_read_envelope(&st->reader, bytes, known, arena, &env, err);
        if (sl_unlikely(rc != SL_OK))
                return bad_text(rc, err);
        if (sl_unlikely(!env.ok))
                return sl_fail(
                        err, SL_E_DECODE,
                        "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields "
                        "and may not contain additional fields. If you are trying to deserialize plain JSON data, set "
                        "schemas.enable=false in your converter configuration.");
        SL_TRY(schema_of(st, env.schema, &schema, err));
        if (schema)
                SL_TRY(sl_json_bind(schema, &env.payload, st->cfg->replace_null, arena, ret_value, err));
        else
                *ret_value = env.payload;
        *ret_schema = schema;
        return SL_OK;
}

/* ---- life ---- */

static enum sl_rc json_open(void *state, const void *cfg, bool is_key sl_unused,
                            const struct sl_converter_env *env sl_unused, struct sl_err *err)
{
        struct json_state *st = state;
        st->cfg = cfg;
        st->writer = sl_json_writer_new((enum sl_decimal_format)st->cfg->decimals, st->cfg->replace_null);
        if (!st->cfg->enable || !st->cfg->content || !*st->cfg->content)
                return SL_OK;
        enum sl_rc rc = parse_schema(st, sl_str_c(st->cfg->content), &st->content, err);
        if (rc == SL_OK && !st->content)
                return sl_fail(err, SL_E_CONFIG,
                               "schema.content must hold a schema in JSON, as JsonConverter writes it");
        if (rc != SL_OK && err) {
                err->rc = SL_FATAL;
                err->id = SL_E_CONFIG;
                err->java = SL_JAVA_CONFIG;
                err->scope = SL_SCOPE_TASK;
                sl_err_prefix(err, "schema.content can't be read");
        }
        return rc == SL_OK ? SL_OK : SL_FATAL;
}

static void json_close(void *state)
{
        struct json_state *st = state;
        sl_plans_free(&st->heads, head_free);
        sl_map_free(&st->seen, seen_free);
        sl_json_reader_free(&st->reader);
        sl_json_writer_free(st->writer);
        *st = (struct json_state){0};
}

static const struct sl_cfg_def json_config[] = {
        {SL_CFG_BOOL(struct json_cfg, enable, "schemas.enable"), .def = "true", .importance = SL_HIGH,
         .group = "Schemas", .display = "Enable Schemas",
         .doc = "Write and expect the schema beside every key or value."},
        {SL_CFG_INT(struct json_cfg, cache_size, "schemas.cache.size"), .def = "1000", .importance = SL_HIGH,
         .group = "Schemas", .display = "Schema Cache Size",
         .doc = "How many distinct schema texts are remembered when reading."},
        {SL_CFG_STR(struct json_cfg, content, "schema.content"), .importance = SL_HIGH, .group = "Schemas",
         .display = "Schema Content",
         .doc = "When set, every message read is a bare payload of this schema. Only with schemas.enable=true, and "
                "only for "
                "reading."},
        {SL_CFG_ENUM(struct json_cfg, decimals, "decimal.format", sl_decimal_formats), .def = "BASE64",
         .flags = SL_CFG_CASE_INSENSITIVE, .group = "Serialization", .display = "Decimal Format",
         .doc = "How decimals are written: BASE64 (the unscaled bytes) or NUMERIC (a JSON number). Both are read."},
        {SL_CFG_BOOL(struct json_cfg, replace_null, "replace.null.with.default"), .def = "true",
         .group = "Serialization", .display = "Replace null with default",
         .doc = "Write and read the default of a field's schema where the field is null."},
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};

static const char *const json_aliases[] = {"org.apache.kafka.connect.json.JsonConverter", NULL};

extern const struct sl_converter_ops sl_json_converter;
const struct sl_converter_ops sl_json_converter = {
        .name = "JsonConverter",
        .aliases = json_aliases,
        .header = true,
        .config = json_config,
        .config_size = sizeof(struct json_cfg),
        .state_size = sizeof(struct json_state),
        .open = json_open,
        .encode = json_encode,
        .decode = json_decode,
        .close = json_close,
};
