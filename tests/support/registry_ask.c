/* SPDX-License-Identifier: Apache-2.0 */
/* The registry client without a worker: asks each question of its command line in turn and prints a line of JSON for each answer.
 * registry_ask KEY=VALUE... -- QUESTION...    keys are a converter's; questions:
 * write SUBJECT AVRO|JSON|PROTOBUF TEXT | ref NAME SUBJECT VERSION (of the next write) | read ID | version SUBJECT N */
#include <stdio.h>
#include <stdlib.h>

#include "convert/registry.h"

#define REFS_MAX 16

struct holder {
        struct sl_registry_cfg registry;
};
static const struct sl_cfg_def rows[] = {SL_REGISTRY_ROWS(struct holder, registry), {0}};
static const char *const types[] = {"AVRO", "JSON", "PROTOBUF"};

static int usage(void)
{
        fputs("usage: registry_ask KEY=VALUE... -- QUESTION...\n", stderr);
        return 2;
}

static void text(struct sl_buf *out, const char *key, struct sl_str value)
{
        sl_buf_printf(out, ",\"%s\":", key);
        sl_buf_add_json_str(out, value.ptr, value.len);
}

static void answer(enum sl_rc rc, const struct sl_registry_schema *s, const struct sl_err *err)
{
        struct sl_buf out = {0};
        sl_buf_printf(&out, "{\"ok\":%s", rc == SL_OK ? "true" : "false");
        if (rc == SL_OK) {
                sl_buf_printf(&out, ",\"id\":%d,\"version\":%d,\"references\":%u", s->id, s->version, s->ref_count);
                text(&out, "type", sl_str_c(types[s->type]));
                text(&out, "schema", s->text);
        } else {
                text(&out, "class", sl_str_c(sl_rc_name(rc)));
                text(&out, "error", sl_str_c(sl_errid_text(err->id)));
                text(&out, "message", sl_str_c(err->msg));
        }
        sl_buf_addc(&out, '}');
        puts(sl_buf_cstr(&out));
        sl_buf_free(&out);
}

static enum sl_registry_type type_of(const char *name)
{
        return strcmp(name, "JSON") == 0 ? SL_REGISTRY_JSON : strcmp(name, "PROTOBUF") == 0 ? SL_REGISTRY_PROTOBUF : SL_REGISTRY_AVRO;
}

static int questions(struct sl_registry *r, char **at)
{
        struct sl_registry_ref refs[REFS_MAX];
        uint32_t ref_count = 0;
        for (; *at; at++) {
                const struct sl_registry_schema *s = NULL;
                struct sl_err err = {0};
                enum sl_rc rc;
                char **word = at;
                size_t words = 0;
                while (words < 4 && word[words])
                        words++;
                if (strcmp(*word, "ref") == 0 && words == 4 && ref_count < REFS_MAX) {
                        refs[ref_count++] = (struct sl_registry_ref){word[1], word[2], atoi(word[3])};
                        at += 3;
                } else if (strcmp(*word, "write") == 0 && words == 4) {
                        rc = sl_registry_write(r, word[1], type_of(word[2]), sl_str_c(word[3]), refs, ref_count, &s, &err);
                        answer(rc, s, &err);
                        ref_count = 0;
                        at += 3;
                } else if (strcmp(*word, "version") == 0 && words >= 3) {
                        rc = sl_registry_version(r, word[1], atoi(word[2]), &s, &err);
                        answer(rc, s, &err);
                        at += 2;
                } else if (strcmp(*word, "read") == 0 && words >= 2) {
                        rc = sl_registry_read(r, atoi(word[1]), &s, &err);
                        answer(rc, s, &err);
                        at += 1;
                } else {
                        return usage();
                }
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct sl_props props = {0};
        struct sl_arena arena = {0};
        struct sl_cfg_report report = {0};
        struct holder h = {0};
        struct sl_registry *r = NULL;
        struct sl_err err = {0};
        int i = 1, rc = 0;
        for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
                char *equals = strchr(argv[i], '=');
                if (!equals)
                        return usage();
                *equals = '\0';
                sl_props_set(&props, argv[i], equals + 1);
        }
        sl_cfg_parse(rows, &props, &h, &arena, &report);
        for (uint32_t k = 0; k < report.count; k++)
                if (!report.findings[k].warning)
                        fprintf(stderr, "%s\n", report.findings[k].text);
        if (report.errors)
                rc = 1;
        else if (sl_registry_open(&h.registry, NULL, &r, &err) != SL_OK)
                answer(err.rc, NULL, &err);
        else
                rc = questions(r, argv + (i < argc ? i + 1 : i));
        sl_registry_close(r);
        sl_cfg_report_free(&report);
        sl_arena_free(&arena);
        sl_props_free(&props);
        return rc;
}
