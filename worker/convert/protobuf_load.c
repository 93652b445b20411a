/* SPDX-License-Identifier: Apache-2.0 */
/* A schema of the registry with all the files that it imports: each is one of its references (asked by subject and version) or a known
 * file. */
#include "convert/protobuf.h"
#include "convert/registry.h"

/* Files of one schema. */
#define FILES 200

struct loader {
        struct sl_registry *registry;
        struct sl_arena *arena;
        struct sl_err *err;
        struct sl_map symbols;
        const char *names[FILES];
        struct pb_file *files[FILES];
        uint32_t count;
};

static enum sl_rc load(struct loader *l, const char *name, struct sl_str text, const struct sl_registry_schema *schema, int depth);

static enum sl_rc load_import(struct loader *l, const char *name, const struct sl_registry_schema *schema, int depth)
{
        const struct sl_registry_schema *found;
        for (uint32_t i = 0; i < l->count; i++)
                if (strcmp(l->names[i], name) == 0)
                        return SL_OK;
        for (uint32_t i = 0; schema && l->registry && i < schema->ref_count; i++) {
                if (strcmp(schema->refs[i].name, name) != 0)
                        continue;
                SL_TRY(sl_registry_version(l->registry, schema->refs[i].subject, schema->refs[i].version, &found, l->err));
                return load(l, name, found->text, found, depth);
        }
        const char *known = sl_pb_known(name);
        if (known)
                return load(l, name, sl_str_c(known), NULL, depth);
        return sl_fail(l->err, SL_E_DECODE, "the Protobuf schema imports %s, which is not among its references in the registry", name);
}

static enum sl_rc load(struct loader *l, const char *name, struct sl_str text, const struct sl_registry_schema *schema, int depth)
{
        struct pb_file *file;
        if (l->count == FILES || depth > PB_DEPTH)
                return sl_fail(l->err, SL_E_DECODE, "a Protobuf schema imports more than %d files, or deeper than %d", FILES, PB_DEPTH);
        uint32_t at = l->count++;
        l->names[at] = name;
        enum sl_rc rc = sl_pb_parse(text, l->arena, &file, l->err);
        if (rc != SL_OK) {
                if (*name)
                        sl_err_prefix(l->err, "in the imported %s", name);
                return rc;
        }
        l->files[at] = file;
        for (const struct pb_import *i = file->imports; i; i = i->next)
                SL_TRY(load_import(l, i->name, schema, depth + 1));
        return sl_pb_define(file, &l->symbols, l->arena, l->err);
}

enum sl_rc sl_pb_load(struct sl_registry *registry, const struct sl_registry_schema *schema, struct sl_arena *arena,
                      struct pb_file **ret, struct sl_err *err)
{
        struct loader l = {.registry = registry, .arena = arena, .err = err};
        enum sl_rc rc = load(&l, "", schema->text, schema, 0);
        for (uint32_t i = 0; rc == SL_OK && i < l.count; i++)
                rc = sl_pb_link(l.files[i], &l.symbols, err);
        sl_map_free(&l.symbols, NULL);
        *ret = l.files[0];
        return rc;
}
