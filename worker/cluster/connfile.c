/* SPDX-License-Identifier: Apache-2.0 */
/* Reading connector files (see connfile.h). A file whose first character is "{" or whose name ends with .json is JSON,
 * everything else Java properties. Unknown fields beside name and config are allowed here, as in Connect's standalone worker. */
#include "cluster/connfile.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

#define FILE_MAX (4 << 20)

static enum sl_rc read_file(const char *path, struct sl_buf *out, struct sl_err *err)
{
        FILE *f = fopen(path, "re");
        if (!f)
                return sl_fail(err, SL_E_IO, "%s can't be read: %s", path, strerror(errno));
        char part[8192];
        size_t n;
        while ((n = fread(part, 1, sizeof(part), f)) > 0 && sl_buf_ok(out))
                sl_buf_add(out, part, n);
        bool bad = ferror(f) != 0;
        fclose(f);
        if (bad || !sl_buf_ok(out))
                return sl_fail(err, SL_E_IO, "%s can't be read: %s", path,
                               bad ? "input error" : "it is larger than 4 MiB");
        return SL_OK;
}

static enum sl_rc read_target(const char *text, enum sl_target *ret, struct sl_err *err)
{
        static const char *const names[] = {"RUNNING", "PAUSED", "STOPPED"};
        for (int i = 0; i < 3; i++) {
                if (text && strcasecmp(text, names[i]) == 0) {
                        *ret = (enum sl_target)i;
                        return SL_OK;
                }
        }
        return text ? sl_fail(err, SL_E_CONFIG, "initial_state must be RUNNING, PAUSED or STOPPED") : SL_OK;
}

static enum sl_rc from_json(const json_t *json, struct sl_herder_initial *ret, struct sl_err *err)
{
        const json_t *inner = json_object_get(json, "config");
        if (!json_is_object(inner))
                return sl_props_from_json(&ret->config, json, err);
        SL_TRY(read_target(sl_json_str(json, "initial_state"), &ret->target, err));
        SL_TRY(sl_props_from_json(&ret->config, inner, err));
        const char *name = sl_json_str(json, "name"), *own = sl_props_get(&ret->config, "name");
        if (name && own && strcmp(name, own) != 0)
                return sl_fail(err, SL_E_CONFIG, "Connector name configuration (%s) doesn't match connector name (%s)",
                               own, name);
        if (name)
                sl_props_set(&ret->config, "name", name);
        return SL_OK;
}

static bool named_json(const char *path)
{
        size_t n = strlen(path);
        return n > 5 && strcasecmp(path + n - 5, ".json") == 0;
}

enum sl_rc sl_connfile_load(const char *path, struct sl_herder_initial *ret, struct sl_err *err)
{
        struct sl_buf text = {0};
        json_t *json = NULL;
        sl_buf_init(&text, FILE_MAX);
        enum sl_rc rc = read_file(path, &text, err);
        const char *p = sl_buf_cstr(&text), *end = p + text.len;
        if (strncmp(p, "\xef\xbb\xbf", 3) == 0) /* Windows begins files with it */
                p += 3;
        if (rc == SL_OK && (p[strspn(p, " \t\r\n")] == '{' || named_json(path))) {
                rc = sl_json_parse((struct sl_str){p, (size_t)(end - p)}, &json, err);
                if (rc == SL_OK && !json_is_object(json))
                        rc = sl_fail(err, SL_E_CONFIG, "a JSON object is expected");
                if (rc == SL_OK)
                        rc = from_json(json, ret, err);
                if (rc != SL_OK)
                        sl_err_prefix(err, "%s", path);
        } else if (rc == SL_OK) {
                rc = sl_props_load(&ret->config, path, err);
        }
        json_decref(json);
        sl_buf_free(&text);
        if (rc != SL_OK)
                return rc;
        const char *name = sl_props_get(&ret->config, "name");
        ret->name = sl_strdup(name ? name : "");
        ret->path = sl_strdup(path);
        return SL_OK;
}

void sl_connfile_free(struct sl_herder_initial *c)
{
        free(c->name);
        free(c->path);
        sl_props_free(&c->config);
        memset(c, 0, sizeof(*c));
}
