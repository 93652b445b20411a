/* SPDX-License-Identifier: Apache-2.0 */
/* What is usual in a topic (see usual.h): JSON or not, which kind of value, which fields of which types at the top; the registry's framing;
 * one length. Only what all records have in common counts. Values are not compared: an amount or a name that no other record has says
 * nothing about a failure. */
#include "dlq/usual.h"
#include <jansson.h>
#include "base/map.h"
#include "convert/registry.h"

#define ALL 2000  /* so many records are looked at, then */
#define EACH 64   /* one of so many */
#define SHORT 16  /* numbers and ids: longer values of one length are chance */

static json_t *parse(struct sl_str value)
{
        return value.len ? json_loadb(value.ptr, value.len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL) : NULL;
}

static unsigned kind_of(const json_t *j)
{
        return 1u << (json_typeof(j) == JSON_FALSE ? JSON_TRUE : json_typeof(j));
}

static bool is_framed(struct sl_str value)
{
        int32_t id;
        struct sl_str rest;
        return sl_registry_split(value, &id, &rest) && rest.len;
}

static const struct sl_dlq_usual_field *find(const struct sl_dlq_usual *u, const char *name)
{
        for (uint32_t i = 0; i < u->field_count; i++)
                if (sl_str_eqc(u->fields[i].name, name))
                        return &u->fields[i];
        return NULL;
}

static void add_fields(struct sl_dlq_usual *u, json_t *object, struct sl_arena *arena)
{
        const char *name;
        json_t *v;
        json_object_foreach(object, name, v) {
                struct sl_dlq_usual_field *f = (struct sl_dlq_usual_field *)find(u, name);
                if (!f && u->field_count == SL_DLQ_USUAL_FIELDS) {
                        u->more_fields = true;
                        continue;
                }
                if (!f) {
                        f = &u->fields[u->field_count++];
                        *f = (struct sl_dlq_usual_field){.name = sl_str_c(sl_arena_strdup(arena, name))};
                }
                f->count++;
                f->kinds |= kind_of(v);
        }
}

void sl_dlq_usual_add(struct sl_dlq_usual *u, struct sl_str value, struct sl_arena *arena)
{
        if (!value.ptr || (u->passed++ >= ALL && u->passed % EACH))
                return;
        if (!u->looked++)
                u->length = value.len;
        u->differ |= value.len != u->length;
        u->framed += is_framed(value);
        json_t *j = parse(value);
        if (j) {
                u->json++;
                u->kinds |= kind_of(j);
                if (json_is_object(j))
                        add_fields(u, j, arena);
        }
        json_decref(j);
}

static void say(const struct sl_dlq_usual *u, struct sl_dlq_item *it, struct sl_arena *arena, struct sl_dlq_says says, const char *field)
{
        const char *what = sl_arena_printf(arena, "%s%s%s: unlike all of the %llu looked at that %s has besides", says.what, *field ? " " : "", field,
                                           (unsigned long long)u->looked, u->topic);
        it->class = says.class;
        it->code = says.code;
        it->confidence = says.confidence;
        it->evidence[0] = (struct sl_dlq_evidence){SL_DLQ_BY_NEIGHBOURS, sl_str_c(what)};
        it->evidence_count = 1;
        it->fingerprint = (it->fingerprint ^ sl_hash(says.code, strlen(says.code)) ^ sl_hash(field, strlen(field))) * 0x9E3779B97F4A7C15u;
}

/* The first field that differs. */
static void judge_fields(const struct sl_dlq_usual *u, struct sl_dlq_item *it, json_t *object, struct sl_arena *arena)
{
        const char *name;
        json_t *v;
        json_object_foreach(object, name, v) {
                const struct sl_dlq_usual_field *f = find(u, name);
                if (f && f->count >= SL_DLQ_USUAL_LEAST && !(f->kinds & kind_of(v))) {
                        bool null = json_is_null(v);
                        say(u, it, arena, (struct sl_dlq_says){SL_SCHEMA, 70, null ? "field.null" : "type", null ? "null in" : "the type of"}, name);
                        return;
                }
        }
        for (uint32_t i = 0; i < u->field_count; i++)
                if (u->fields[i].count == u->looked && !json_object_get(object, u->fields[i].name.ptr)) {
                        say(u, it, arena, (struct sl_dlq_says){SL_SCHEMA, 70, "field.missing", "there is no"}, u->fields[i].name.ptr);
                        return;
                }
        json_object_foreach(object, name, v)
                if (!u->more_fields && !find(u, name)) {
                        say(u, it, arena, (struct sl_dlq_says){SL_SCHEMA, 60, "field.unknown", "there is"}, sl_arena_strdup(arena, name));
                        return;
                }
}

static void judge_json(const struct sl_dlq_usual *u, struct sl_dlq_item *it, struct sl_arena *arena)
{
        json_t *j = parse(it->payload);
        if (!j)
                say(u, it, arena, (struct sl_dlq_says){SL_DESERIALIZATION, 85, "json", "no JSON"}, "");
        else if (!(u->kinds & kind_of(j)))
                say(u, it, arena, (struct sl_dlq_says){SL_SCHEMA, 75, "type", "another kind of JSON value"}, "");
        else if (json_is_object(j))
                judge_fields(u, it, j, arena);
        json_decref(j);
}

void sl_dlq_usual_judge(const struct sl_dlq_usual *u, struct sl_dlq_item *it, struct sl_arena *arena)
{
        if (u->looked < SL_DLQ_USUAL_LEAST || !it->payload.ptr || it->binary_payload)
                return;
        if (u->json == u->looked) {
                judge_json(u, it, arena);
        } else if (!u->differ && u->length && u->length <= SHORT) { /* a small number begins like a frame */
                if (it->payload.len != u->length)
                        say(u, it, arena, (struct sl_dlq_says){SL_DESERIALIZATION, 85, "size", "its length"}, "");
        } else if (u->framed == u->looked && !is_framed(it->payload)) {
                say(u, it, arena, (struct sl_dlq_says){SL_DESERIALIZATION, 85, "framing", "no schema id in front"}, "");
        }
}
