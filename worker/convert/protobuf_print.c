/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of messages as the .proto text that Confluent's serializer registers: its order (fields, oneofs, messages, enums), its empty
 * lines (indented where they are nested) and its form of the option confluent.field_meta. */
#include "convert/protobuf.h"

static void indent(struct sl_buf *out, int depth)
{
        for (int i = 0; i < depth; i++)
                sl_buf_adds(out, "  ");
}

static void add_quoted(struct sl_buf *out, const char *text)
{
        sl_buf_addc(out, '"');
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        sl_buf_addc(out, '\\');
                sl_buf_addc(out, *text);
        }
        sl_buf_addc(out, '"');
}

/* Of precision and scale the value stands first. */
static void print_param(struct sl_buf *out, int depth, const char *key, const char *value, bool value_first, bool last)
{
        indent(out, depth);
        sl_buf_adds(out, "{\n");
        for (int i = 0; i < 2; i++) {
                bool is_value = value_first == (i == 0);
                indent(out, depth + 1);
                sl_buf_adds(out, is_value ? "value: " : "key: ");
                add_quoted(out, is_value ? value : key);
                sl_buf_adds(out, i ? "\n" : ",\n");
        }
        indent(out, depth);
        sl_buf_adds(out, last ? "}\n" : "},\n");
}

static void print_meta(const struct pb_field *f, int depth, struct sl_buf *out)
{
        if (!f->meta_type && !f->precision && !f->scale)
                return;
        sl_buf_adds(out, " [(confluent.field_meta) = {\n");
        indent(out, depth + 1);
        sl_buf_adds(out, "params: [\n");
        if (f->meta_type)
                print_param(out, depth + 2, "connect.type", f->meta_type, false, true);
        if (f->precision)
                print_param(out, depth + 2, "precision", f->precision, true, !f->scale);
        if (f->scale)
                print_param(out, depth + 2, "scale", f->scale, true, true);
        indent(out, depth + 1);
        sl_buf_adds(out, "]\n");
        indent(out, depth);
        sl_buf_adds(out, "}]");
}

static void print_field(const struct pb_field *f, int depth, struct sl_buf *out)
{
        indent(out, depth);
        sl_buf_printf(out, "%s%s %s = %u", f->repeated ? "repeated " : f->optional ? "optional " : "", f->type_name, f->name, f->number);
        print_meta(f, depth, out);
        sl_buf_adds(out, ";\n");
}

static void print_fields(const struct pb_message *m, int32_t oneof, int depth, struct sl_buf *out)
{
        for (const struct pb_field *f = m->fields; f; f = f->next)
                if (f->oneof == oneof)
                        print_field(f, depth, out);
}

static bool has_fields(const struct pb_message *m, int32_t oneof)
{
        const struct pb_field *f = m->fields;
        while (f && f->oneof != oneof)
                f = f->next;
        return f != NULL;
}

static void empty_line(struct sl_buf *out, int depth)
{
        indent(out, depth);
        sl_buf_addc(out, '\n');
}

static void print_oneofs(const struct pb_message *m, int depth, struct sl_buf *out)
{
        int32_t at = 0;
        bool first = true;
        for (const struct pb_oneof *o = m->oneofs; o; o = o->next, at++) {
                if (!has_fields(m, at))
                        continue;
                if (first && has_fields(m, -1))
                        empty_line(out, depth);
                else if (first)
                        sl_buf_addc(out, '\n');
                first = false;
                indent(out, depth + 1);
                sl_buf_printf(out, "oneof %s {\n", o->name);
                print_fields(m, at, depth + 2, out);
                indent(out, depth + 1);
                sl_buf_adds(out, "}\n");
        }
}

static void print_enum(const struct pb_enum *e, int depth, struct sl_buf *out)
{
        indent(out, depth);
        sl_buf_printf(out, "enum %s {\n", e->name);
        for (const struct pb_enum_value *v = e->values; v; v = v->next) {
                indent(out, depth + 1);
                sl_buf_printf(out, "%s = %d;\n", v->name, v->number);
        }
        indent(out, depth);
        sl_buf_adds(out, "}\n");
}

static void print_message(const struct pb_message *m, int depth, struct sl_buf *out)
{
        indent(out, depth);
        sl_buf_printf(out, "message %s {", m->name);
        if (has_fields(m, -1))
                sl_buf_addc(out, '\n');
        print_fields(m, -1, depth + 1, out);
        print_oneofs(m, depth, out);
        if (m->messages || m->enums) {
                if (m->fields)
                        empty_line(out, depth);
                else
                        sl_buf_addc(out, '\n');
        }
        for (const struct pb_message *n = m->messages; n; n = n->next)
                print_message(n, depth + 1, out);
        for (const struct pb_enum *e = m->enums; e; e = e->next)
                print_enum(e, depth + 1, out);
        if (m->fields || m->messages || m->enums)
                indent(out, depth);
        sl_buf_adds(out, "}\n");
}

void sl_pb_print(const struct pb_file *file, struct sl_buf *out)
{
        sl_buf_adds(out, "syntax = \"proto3\";\n");
        if (file->package)
                sl_buf_printf(out, "package %s;\n", file->package);
        if (file->imports)
                sl_buf_addc(out, '\n');
        for (const struct pb_import *i = file->imports; i; i = i->next)
                sl_buf_printf(out, "import \"%s\";\n", i->name);
        sl_buf_addc(out, '\n');
        for (const struct pb_message *m = file->messages; m; m = m->next)
                print_message(m, 0, out);
}
