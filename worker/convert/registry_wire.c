/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's REST protocol as text: paths and bodies of our questions, and the meaning of its answers (Confluent's documentation:
 * "Schema Registry API reference"). Believes nothing an answer says without a look. Does no I/O. */
#include <ctype.h>
#include <stdlib.h>

#include "base/json.h"
#include "convert/registry_internal.h"

#define REFS_MAX 10000
#define WORDS_MAX 500 /* of the registry's own in a message */

static const char *const type_names[] = {[SL_REGISTRY_AVRO] = "AVRO", [SL_REGISTRY_JSON] = "JSON", [SL_REGISTRY_PROTOBUF] = "PROTOBUF"};

/* ---- questions ---- */

/* A path segment: everything but RFC 3986's unreserved characters is escaped. */
static void add_segment(struct sl_buf *out, const char *s)
{
        for (; *s; s++) {
                if (isalnum((unsigned char)*s) || strchr("-._~", *s))
                        sl_buf_addc(out, *s);
                else
                        sl_buf_printf(out, "%%%02X", (unsigned char)*s);
        }
}

void sl_rwire_path(const struct sl_rquestion *q, struct sl_buf *out)
{
        if (q->ask == SL_RASK_ID) {
                sl_buf_printf(out, "/schemas/ids/%d", q->number);
                return;
        }
        sl_buf_adds(out, "/subjects/");
        add_segment(out, q->subject);
        if (q->ask == SL_RASK_VERSION && q->number)
                sl_buf_printf(out, "/versions/%d", q->number);
        else if (q->ask == SL_RASK_VERSION)
                sl_buf_adds(out, "/versions/latest");
        else if (q->ask == SL_RASK_REGISTER)
                sl_buf_adds(out, "/versions");
        if (q->ask != SL_RASK_VERSION && q->normalize)
                sl_buf_adds(out, "?normalize=true");
}

void sl_rwire_body(const struct sl_rquestion *q, struct sl_buf *out)
{
        if (q->ask != SL_RASK_REGISTER && q->ask != SL_RASK_LOOKUP)
                return;
        sl_buf_adds(out, "{\"schema\":");
        sl_buf_add_json_str(out, q->text.ptr, q->text.len);
        if (q->type != SL_REGISTRY_AVRO) /* the default, and the only word that registries before 5.5 don't know */
                sl_buf_printf(out, ",\"schemaType\":\"%s\"", type_names[q->type]);
        for (uint32_t i = 0; i < q->ref_count; i++) {
                const struct sl_registry_ref *r = &q->refs[i];
                sl_buf_adds(out, i ? ",{\"name\":" : ",\"references\":[{\"name\":");
                sl_buf_add_json_str(out, r->name, strlen(r->name));
                sl_buf_adds(out, ",\"subject\":");
                sl_buf_add_json_str(out, r->subject, strlen(r->subject));
                sl_buf_printf(out, ",\"version\":%d}", r->version);
        }
        sl_buf_adds(out, q->ref_count ? "]}" : "}");
}

void sl_rwire_what(const struct sl_rquestion *q, struct sl_buf *out)
{
        if (q->ask == SL_RASK_ID)
                sl_buf_printf(out, "schema %d", q->number);
        else if (q->ask == SL_RASK_VERSION && q->number)
                sl_buf_printf(out, "version %d of subject \"%s\"", q->number, q->subject);
        else if (q->ask == SL_RASK_VERSION)
                sl_buf_printf(out, "the latest version of subject \"%s\"", q->subject);
        else
                sl_buf_printf(out, "a schema of subject \"%s\"", q->subject);
}

/* ---- schemas ---- */

static char *put(char **at, const char *s, size_t n)
{
        char *start = *at;
        if (n)
                memcpy(start, s, n);
        start[n] = '\0';
        *at += n + 1;
        return start;
}

struct sl_registry_schema *sl_rschema_new(int32_t id, int32_t version, enum sl_registry_type type, struct sl_str text,
                                          const struct sl_registry_ref *refs, uint32_t ref_count)
{
        size_t room = text.len + 1;
        for (uint32_t i = 0; i < ref_count; i++)
                room += strlen(refs[i].name) + strlen(refs[i].subject) + 2;
        struct sl_registry_schema *s = sl_malloc(sizeof(*s) + ref_count * sizeof(*refs) + room);
        struct sl_registry_ref *own = (struct sl_registry_ref *)(s + 1);
        char *at = (char *)(own + ref_count);
        *s = (struct sl_registry_schema){.id = id, .version = version, .type = type, .ref_count = ref_count, .refs = own};
        s->text = (struct sl_str){put(&at, text.ptr, text.len), text.len};
        for (uint32_t i = 0; i < ref_count; i++) {
                own[i].name = put(&at, refs[i].name, strlen(refs[i].name));
                own[i].subject = put(&at, refs[i].subject, strlen(refs[i].subject));
                own[i].version = refs[i].version;
        }
        return s;
}

/* ---- answers ---- */

struct reading {
        const struct sl_rquestion *q;
        const char *who, *what;
        struct sl_err *err;
};

/* An answer that says yes and can't be used: not a registry, or a broken one. */
static enum sl_rc unusable(const struct reading *r, const char *why)
{
        return sl_fail(r->err, SL_E_REGISTRY_UNREACHABLE,
                       "The answer of the Schema Registry %s about %s can't be used: %s. Check schema.registry.url and what is "
                       "between it and the worker",
                       r->who, r->what, why);
}

static bool number_of(const json_t *root, const char *key, int32_t least, int32_t *ret)
{
        const json_t *j = json_object_get(root, key);
        if (!json_is_integer(j) || json_integer_value(j) < least || json_integer_value(j) > INT32_MAX)
                return false;
        *ret = (int32_t)json_integer_value(j);
        return true;
}

static enum sl_rc read_refs(const struct reading *r, const json_t *list, struct sl_registry_ref *refs)
{
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *item = json_array_get(list, i);
                refs[i].name = sl_json_str(item, "name");
                refs[i].subject = sl_json_str(item, "subject");
                if (!refs[i].name || !refs[i].subject || !number_of(item, "version", 1, &refs[i].version))
                        return unusable(r, "a reference has no name, subject or version");
        }
        return SL_OK;
}

static enum sl_rc read_type(const struct reading *r, const json_t *root, enum sl_registry_type *ret)
{
        const json_t *type = json_object_get(root, "schemaType");
        *ret = SL_REGISTRY_AVRO;
        if (!type || json_is_null(type))
                return SL_OK;
        for (int i = 0; i < 3 && json_is_string(type); i++)
                if (strcmp(json_string_value(type), type_names[i]) == 0) {
                        *ret = (enum sl_registry_type)i;
                        return SL_OK;
                }
        return unusable(r, "its schemaType is none of AVRO, JSON and PROTOBUF");
}

/* The whole schema of an answer to ID or VERSION. */
static enum sl_rc read_schema(const struct reading *r, const json_t *root, struct sl_registry_schema **ret)
{
        const json_t *text = json_object_get(root, "schema"), *list = json_object_get(root, "references");
        enum sl_registry_type type;
        int32_t id = r->q->number, version = 0;
        size_t n = json_array_size(list);
        if (!json_is_string(text))
                return unusable(r, "it has no text \"schema\"");
        if (list && !json_is_null(list) && (!json_is_array(list) || n > REFS_MAX))
                return unusable(r, "its \"references\" are no list, or far too many");
        if (r->q->ask == SL_RASK_VERSION && !number_of(root, "id", 0, &id))
                return unusable(r, "its \"id\" is no number from 0 to 2147483647");
        if (r->q->ask == SL_RASK_VERSION && !number_of(root, "version", 0, &version))
                return unusable(r, "its \"version\" is no number");
        SL_TRY(read_type(r, root, &type));
        struct sl_registry_ref *refs = sl_calloc(n + 1, sizeof(*refs));
        enum sl_rc rc = read_refs(r, list, refs);
        if (rc == SL_OK)
                *ret = sl_rschema_new(id, version, type, (struct sl_str){json_string_value(text), json_string_length(text)}, refs,
                                      (uint32_t)n);
        free(refs);
        return rc;
}

static enum sl_rc read_yes(const struct reading *r, struct sl_str body, struct sl_registry_schema **ret)
{
        const struct sl_rquestion *q = r->q;
        sl_auto_json *root = NULL;
        int32_t id, version = 0;
        if (sl_json_parse(body, &root, NULL) != SL_OK || !json_is_object(root))
                return unusable(r, "it is no JSON object");
        if (q->ask == SL_RASK_ID || q->ask == SL_RASK_VERSION)
                return read_schema(r, root, ret);
        if (!number_of(root, "id", 0, &id))
                return unusable(r, "its \"id\" is no number from 0 to 2147483647");
        number_of(root, "version", 0, &version);
        *ret = sl_rschema_new(id, version, q->type, q->text, q->refs, q->ref_count);
        return SL_OK;
}

/* The registry's own words for a message: cut, without control characters; *ret_code 0 = it gave no error code. */
static void read_words(struct sl_str body, struct sl_buf *out, int32_t *ret_code)
{
        sl_auto_json *root = NULL;
        const char *words = NULL;
        *ret_code = 0;
        if (sl_json_parse(body, &root, NULL) == SL_OK && json_is_object(root)) {
                number_of(root, "error_code", 1, ret_code);
                words = sl_json_str(root, "message");
        }
        if (!words || !*words)
                words = "it gave no reason";
        size_t n = strlen(words);
        bool cut = n > WORDS_MAX;
        for (n = cut ? WORDS_MAX : n; cut && n > WORDS_MAX - 4 && ((unsigned char)words[n] & 0xC0) == 0x80;)
                n--; /* not within a character */
        for (size_t i = 0; i < n; i++)
                sl_buf_addc(out, (unsigned char)words[i] < ' ' ? ' ' : words[i]);
        if (cut)
                sl_buf_adds(out, "...");
        if (*ret_code)
                sl_buf_printf(out, " (error %d)", *ret_code);
}

static enum sl_rc refuse(const struct reading *r, int status, const char *words, int32_t code, bool *ret_again)
{
        struct sl_err *err = r->err;
        switch (status) {
        case 401:
        case 403:
                return sl_fail(err, SL_E_REGISTRY_AUTH, "The Schema Registry %s answers %d to the question for %s: %s. Check %s", r->who,
                               status, r->what, words,
                               status == 401 ? "basic.auth.credentials.source, basic.auth.user.info and bearer.auth.token"
                                             : "what this user may do in it");
        case 409:
                return sl_fail(err, SL_E_REGISTRY_REFUSED, "The Schema Registry %s says that %s is incompatible with an earlier one: %s",
                               r->who, r->what, words);
        case 413:
        case 422:
                return sl_fail(err, SL_E_REGISTRY_REFUSED, "The Schema Registry %s refuses %s as invalid: %s", r->who, r->what, words);
        default:
                break;
        }
        *ret_again = status == 408 || status == 429 || status >= 500;
        if (*ret_again)
                return sl_fail(err, SL_E_REGISTRY_UNREACHABLE, "The Schema Registry %s can't answer for %s now, HTTP %d: %s", r->who,
                               r->what, status, words);
        if (status == 404 && code)
                return sl_fail(err, SL_E_REGISTRY_UNKNOWN, "The Schema Registry %s does not have %s: %s", r->who, r->what, words);
        if (code)
                return sl_fail(err, SL_E_REGISTRY_REFUSED, "The Schema Registry %s refuses the question for %s, HTTP %d: %s", r->who,
                               r->what, status, words);
        return sl_fail(err, SL_E_REGISTRY_UNREACHABLE,
                       "%s answers HTTP %d to the question for %s, which is not how a Schema Registry does it: check "
                       "schema.registry.url and what is between it and the worker",
                       r->who, status, r->what);
}

enum sl_rc sl_rwire_answer(const struct sl_rquestion *q, const char *who, int status, struct sl_str body,
                           struct sl_registry_schema **ret, bool *ret_again, struct sl_err *err)
{
        struct sl_buf what = {0}, words = {0};
        int32_t code = 0;
        enum sl_rc rc;
        *ret_again = false;
        sl_rwire_what(q, &what);
        struct reading r = {q, who, sl_buf_cstr(&what), err};
        if (status >= 200 && status < 300) {
                rc = read_yes(&r, body, ret);
        } else {
                read_words(body, &words, &code);
                rc = refuse(&r, status, sl_buf_cstr(&words), code, ret_again);
        }
        if (rc != SL_OK && err)
                err->native = status;
        sl_buf_free(&what);
        sl_buf_free(&words);
        return rc;
}
