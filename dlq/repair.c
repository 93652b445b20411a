/* SPDX-License-Identifier: Apache-2.0 */
/* Repair (see repair.h): what bytes a value is in, and the converters that read and write them. AvroConverter and
 * ProtobufConverter do both sides; they are told to write with the id that was chosen. Of a Protobuf subject it is the
 * first message. The changes themselves are made in resolve.c. */
#include "dlq/repair.h"
#include <stdio.h>
#include <stdlib.h>
#include "convert/avro.h"
#include "convert/convert.h"
#include "dlq/decode.h"
#include "dlq/resolve.h"

static const struct sl_avro_options mapping = {.enhanced = true, .meta = true, .flatten_singleton = true};

struct sl_dlq_repair {
        const struct sl_dlq_opts *o;
        struct sl_chain *chain;
        struct sl_resolve resolve;
        struct sl_dlq_decode *decode;            /* NULL = no registry */
        struct sl_converter *writer;             /* the converter that writes the chosen schema */
        const struct sl_registry_schema *target; /* NULL = values keep their form */
        const struct sl_schema *schema;          /* of an Avro or Protobuf target */
        const struct sl_registry_schema *read;   /* of the value before */
        struct sl_json_writer *json;
        struct sl_buf out;
        char why[700];
};

bool sl_dlq_repair_wanted(const struct sl_dlq_opts *o)
{
        return o->value_subject || o->transforms || o->rename.count || o->defaults.count || o->cast.count ||
               o->enums.count;
}

/* ---- making ---- */

/* What a message without any field is read as: the schema is the same for all of them. */
static enum sl_rc read_protobuf(struct sl_dlq_repair *r, struct sl_err *err)
{
        struct sl_buf empty = {0};
        struct sl_arena arena;
        struct sl_value none;
        sl_arena_init(&arena, 0);
        sl_registry_prefix(&empty, r->target->id);
        sl_buf_addc(&empty, 0); /* the first message */
        enum sl_rc rc = sl_dlq_decode_value(r->decode, SL_REGISTRY_PROTOBUF, SL_STR(""), (struct sl_str){empty.ptr, empty.len}, &arena,
                                            &r->schema, &none, err);
        sl_arena_free(&arena);
        sl_buf_free(&empty);
        return rc;
}

static enum sl_rc open_target(struct sl_dlq_repair *r, struct sl_err *err)
{
        struct sl_avro *avro;
        SL_TRY(sl_registry_version(sl_dlq_decode_registry(r->decode), r->o->value_subject, r->o->value_version,
                                   &r->target, err));
        if (r->target->type == SL_REGISTRY_JSON)
                return SL_OK;
        SL_TRY(sl_dlq_decode_writer(r->decode, r->target, &r->writer, err));
        if (r->target->type == SL_REGISTRY_PROTOBUF)
                return read_protobuf(r, err);
        if (r->target->ref_count)
                return sl_fail(err, SL_E_CONFIG,
                               "The schema of subject %s refers to others: values can't be repaired to that",
                               r->o->value_subject);
        struct sl_avro_doc *doc = sl_avro_doc_new();
        enum sl_rc rc = sl_avro_parse(doc, r->target->text, &avro, err);
        if (rc == SL_OK)
                rc = sl_avro_to_connect(&mapping, avro, &r->schema, err);
        sl_avro_doc_free(doc);
        return rc;
}

static enum sl_rc open_all(struct sl_dlq_repair *r, struct sl_err *err)
{
        SL_TRY(sl_dlq_decode_new(&r->o->client, &r->decode, err));
        if (!r->o->value_subject)
                return SL_OK;
        if (!r->decode)
                return sl_fail(err, SL_E_CONFIG,
                               "--value-subject needs schema.registry.url in the file of --command-config");
        return open_target(r, err);
}

enum sl_rc sl_dlq_repair_new(const struct sl_dlq_opts *o, struct sl_chain *chain, struct sl_dlq_repair **ret,
                             struct sl_err *err)
{
        struct sl_dlq_repair *r = sl_calloc(1, sizeof(*r));
        r->o = o;
        r->chain = chain;
        r->resolve.o = o;
        r->json = sl_json_writer_new(SL_DECIMAL_BASE64, false);
        enum sl_rc rc = open_all(r, err);
        if (rc != SL_OK) {
                sl_dlq_repair_free(r);
                return rc;
        }
        *ret = r;
        return SL_OK;
}

void sl_dlq_repair_free(struct sl_dlq_repair *r)
{
        if (!r)
                return;
        sl_dlq_decode_free(r->decode);
        sl_json_writer_free(r->json);
        sl_resolve_free(&r->resolve);
        sl_buf_free(&r->out);
        free(r);
}

/* ---- one value ---- */

enum form { PLAIN_JSON, FRAMED_JSON, AVRO, PROTOBUF };

/* One reason for all records of a shape: numbers in it would make a shape of each. */
static enum sl_rc left(struct sl_dlq_repair *r, const char *what, const char *text, const char **ret_why)
{
        size_t n = 0;
        snprintf(r->why, sizeof(r->why), "%s%s", what, text);
        for (const char *p = r->why; *p; p++)
                if (*p < '0' || *p > '9')
                        r->why[n++] = *p;
                else if (!n || r->why[n - 1] != '#')
                        r->why[n++] = '#';
        r->why[n] = '\0';
        *ret_why = r->why;
        return SL_OK;
}

/* A failure of a converter or a transform: the record's, or that of a registry that doesn't answer. */
static enum sl_rc failed(struct sl_dlq_repair *r, const char *what, const struct sl_err *why, const char **ret_why,
                         struct sl_err *err)
{
        if (why->rc != SL_TRANSIENT && why->rc != SL_FATAL)
                return left(r, what, why->msg, ret_why);
        if (err && err->id == SL_E_NONE)
                *err = *why;
        return why->rc;
}

/* Has JSON a number that a 64-bit integer or a double does not hold exactly? */
static bool has_long_number(struct sl_str text)
{
        for (const char *p = text.ptr, *end = p + text.len; p < end;) {
                if (*p == '"') {
                        for (p++; p < end && *p != '"'; p++)
                                p += *p == '\\';
                        p++;
                } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
                        struct sl_str number = {p, 0};
                        int digits = 0;
                        int64_t ignored;
                        for (; p < end && *p && strchr("+-.eE0123456789", *p); p++)
                                digits += *p >= '0' && *p <= '9';
                        number.len = (size_t)(p - number.ptr);
                        if (digits > 15 && !sl_parse_i64(number, &ignored))
                                return true;
                } else {
                        p++;
                }
        }
        return false;
}

static enum sl_rc read_json(struct sl_dlq_repair *r, struct sl_str text, struct sl_record *rec, const char **ret_why)
{
        struct sl_err why = {0};
        if (sl_json_value(text, r->resolve.arena, &rec->value, &why) != SL_OK)
                return left(r, "it can't be read: ", "neither JSON nor framed by a schema registry", ret_why);
        if (!r->o->allow_lossy && has_long_number(text))
                return left(r, "", "it has a number that would lose digits (--allow-lossy)", ret_why);
        rec->value_schema = NULL;
        return SL_OK;
}

static enum sl_rc read_value(struct sl_dlq_repair *r, struct sl_record *rec, struct sl_str in, enum form *ret_form,
                             const char **ret_why, struct sl_err *err)
{
        struct sl_err why = {0};
        struct sl_str rest;
        int32_t id;

        *ret_form = PLAIN_JSON;
        if (!sl_registry_split(in, &id, &rest))
                return read_json(r, in, rec, ret_why);
        if (!r->decode)
                return left(r, "", "its schema is in a registry: schema.registry.url is missing in --command-config",
                            ret_why);
        if ((!r->read || r->read->id != id) &&
            sl_registry_read(sl_dlq_decode_registry(r->decode), id, &r->read, &why) != SL_OK)
                return failed(r, "its schema can't be had: ", &why, ret_why, err);
        *ret_form = r->read->type == SL_REGISTRY_JSON ? FRAMED_JSON : r->read->type == SL_REGISTRY_PROTOBUF ? PROTOBUF : AVRO;
        if (r->read->type == SL_REGISTRY_JSON)
                return read_json(r, rest, rec, ret_why);
        if (sl_dlq_decode_value(r->decode, r->read->type, rec->topic, in, r->resolve.arena, &rec->value_schema, &rec->value, &why) !=
            SL_OK)
                return failed(r, "it can't be read: ", &why, ret_why, err);
        return SL_OK;
}

static enum sl_rc write_value(struct sl_dlq_repair *r, const struct sl_record *rec, const struct sl_value *v,
                              enum form form, const char **ret_why, struct sl_err *err)
{
        struct sl_err why = {0};
        bool null = false;

        sl_buf_clear(&r->out);
        if (r->schema) {
                if (r->writer->ops->encode(r->writer->st, rec->topic, r->schema, v, &r->out, &null, &why) != SL_OK)
                        return failed(r, "it can't be written: ", &why, ret_why, err);
                return SL_OK;
        }
        if ((form == AVRO || form == PROTOBUF) && !r->target)
                return left(r, "", form == AVRO ? "Avro needs a schema to be written with: give --value-subject"
                                                : "Protobuf needs a schema to be written with: give --value-subject", ret_why);
        if (form == FRAMED_JSON && !r->target)
                return left(r, "", "JSON of a schema registry needs a schema to be written with: give --value-subject",
                            ret_why);
        if (r->target)
                sl_registry_prefix(&r->out, r->target->id);
        if (sl_json_write_value(r->json, rec->value_schema, v, &r->out, &why) != SL_OK)
                return failed(r, "it can't be written: ", &why, ret_why, err);
        return SL_OK;
}

static enum sl_rc repair(struct sl_dlq_repair *r, struct sl_record *rec, struct sl_str in, const char **ret_why,
                         struct sl_err *err)
{
        struct sl_err why = {0};
        struct sl_value v;
        enum form form;

        SL_TRY(read_value(r, rec, in, &form, ret_why, err));
        if (*ret_why)
                return SL_OK;
        if (r->chain && sl_chain_apply(r->chain, rec, r->resolve.arena, &why) != SL_OK)
                return failed(r, "a transform refuses it: ", &why, ret_why, err);
        if (rec->dropped)
                return left(r, "", "a transform drops it", ret_why);
        v = rec->value;
        if ((r->schema || !rec->value_schema) &&
            !sl_resolve_value(&r->resolve, rec->value_schema, &rec->value, r->schema, &v))
                return left(r, "", r->resolve.why, ret_why);
        return write_value(r, rec, &v, form, ret_why, err);
}

enum sl_rc sl_dlq_repair_value(struct sl_dlq_repair *r, const struct sl_record *rec, struct sl_str in,
                               struct sl_arena *arena, struct sl_str *ret, bool *ret_changed, const char **ret_why,
                               struct sl_err *err)
{
        struct sl_record copy = *rec;

        *ret = in;
        *ret_changed = false;
        *ret_why = NULL;
        if (!in.ptr) /* a tombstone */
                return SL_OK;
        r->resolve.arena = arena;
        SL_TRY(repair(r, &copy, in, ret_why, err));
        if (!*ret_why && !sl_buf_ok(&r->out))
                SL_TRY(left(r, "", "it is too large", ret_why));
        bool touched = sl_resolve_count(&r->resolve, !*ret_why) || r->chain || r->target;
        if (*ret_why)
                return SL_OK;
        /* JSON that no option meant keeps its spelling: 1.50, blanks, or nothing at all. */
        *ret_changed = touched && !sl_str_eq(in, (struct sl_str){r->out.ptr, r->out.len});
        if (*ret_changed)
                *ret = (struct sl_str){sl_arena_strndup(arena, r->out.ptr ? r->out.ptr : "", r->out.len), r->out.len};
        return SL_OK;
}

json_t *sl_dlq_repair_changes(const struct sl_dlq_repair *r)
{
        return sl_resolve_changes(&r->resolve);
}
