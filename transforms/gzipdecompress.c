/* SPDX-License-Identifier: Apache-2.0 */
/* Confluent's GzipDecompress$Key and $Value, by their documentation (the classes are not public): BYTES that gzip made become the BYTES
 * they were made from, read as java.util.zip.GZIPInputStream does: members that follow one another are one text, and what follows
 * the last one and does not begin as a member does is ignored. Null stays null; the schema stays. The limit is ours. */
#include <zlib.h>
#include "transforms/common.h"

extern const struct sl_transform_ops sl_gzip_decompress_key, sl_gzip_decompress_value;

#define GZIP_ONLY (15 + 16) /* the largest window, and a gzip header must stand in front */
#define SMALLEST_MEMBER 18  /* header and trailer; GZIPInputStream looks for no further member in so few bytes */

struct gzip_cfg {
        int64_t limit;
};
struct gzip {
        int side;
        bool ready; /* z is to be ended */
        size_t limit;
        z_stream z;
        struct sl_buf out; /* reused: goes to the arena when its size is known */
};

static enum sl_rc gzip_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct gzip *st = state;
        st->side = ops->side;
        st->limit = (size_t)((const struct gzip_cfg *)config)->limit;
        sl_buf_init(&st->out, st->limit + 1);
        int rc = inflateInit2(&st->z, GZIP_ONLY);
        st->ready = rc == Z_OK;
        return st->ready ? SL_OK : sl_fail(err, SL_E_INTERNAL, "GzipDecompress: zlib can't be used: %s", zError(rc));
}

/* zlib's code for one member: Z_STREAM_END = whole. Z_OK and Z_BUF_ERROR mean that it ends too soon, or that st->out is full. */
static int inflate_member(struct gzip *st, bool *ret_has_header)
{
        gz_header header = {0};
        int rc = inflateReset(&st->z);
        if (rc == Z_OK)
                rc = inflateGetHeader(&st->z, &header);
        while (rc == Z_OK && sl_buf_room(&st->out, 1)) {
                uInt room = (uInt)(st->out.cap - st->out.len);
                st->z.next_out = (Bytef *)st->out.ptr + st->out.len;
                st->z.avail_out = room;
                rc = inflate(&st->z, Z_NO_FLUSH);
                st->out.len += room - st->z.avail_out;
                if (st->z.avail_out)
                        break; /* all input was read */
        }
        *ret_has_header = header.done == 1;
        return rc;
}

static sl_cold enum sl_rc refuse(const struct gzip *st, int rc, struct sl_err *err)
{
        const char *side = st->side ? "key" : "value";
        if (!sl_buf_ok(&st->out) || st->out.len > st->limit)
                return sl_fail(err, SL_E_TOO_LARGE,
                               "The %s is larger than %zu bytes when decompressed; sluice.max.bytes of GzipDecompress allows more", side,
                               st->limit);
        if (rc == Z_OK || rc == Z_BUF_ERROR)
                return sl_fail(err, SL_E_TRANSFORM, "The %s can't be decompressed: its gzip data ends too soon", side);
        return sl_fail(err, SL_E_TRANSFORM, "The %s can't be decompressed: it is no gzip data, or damaged: %s", side,
                       st->z.msg ? st->z.msg : zError(rc));
}

static enum sl_rc gzip_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct gzip *st = state;
        struct sl_value *v = sl_side_value(rec, st->side);
        const struct sl_schema *schema = *sl_side_schema(rec, st->side);
        bool first = true, has_header;
        if (v->type == SL_NULL)
                return SL_OK;
        if (v->type != SL_BYTES || (schema && schema->logical != SL_LOGICAL_NONE))
                return sl_fail(err, SL_E_TRANSFORM, "Only BYTES can be decompressed; the %s is: %s", st->side ? "key" : "value",
                               sl_java_class(schema, v));
        sl_buf_clear(&st->out);
        st->z.next_in = (z_const Bytef *)v->ptr;
        st->z.avail_in = v->len;
        do {
                int rc = inflate_member(st, &has_header);
                if (!first && !has_header)
                        break;
                if (rc != Z_STREAM_END || st->out.len > st->limit)
                        return refuse(st, rc, err);
                first = false;
        } while (st->z.avail_in > SMALLEST_MEMBER);
        char *copy = sl_arena_alloc(arena, st->out.len);
        memcpy(copy, sl_buf_cstr(&st->out), st->out.len);
        *v = sl_v_bytes(copy, st->out.len);
        return SL_OK;
}

static void gzip_close(void *state)
{
        struct gzip *st = state;
        if (st->ready)
                inflateEnd(&st->z);
        sl_buf_free(&st->out);
        *st = (struct gzip){0};
}

static const struct sl_cfg_def gzip_config[] = {
        {SL_CFG_LONG(struct gzip_cfg, limit, "sluice.max.bytes"), .def = "67108864", .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .min = 1,
         .max = 1 << 30, .importance = SL_LOW,
         .doc = "A key or value that is larger when decompressed is an error. (Confluent's class has no limit.)"},
        {0},
};
static const char *const key_aliases[] = {"io.confluent.connect.transforms.GzipDecompress$Key", NULL};
static const char *const value_aliases[] = {"io.confluent.connect.transforms.GzipDecompress$Value", NULL};
#define GZIP                                                                                                         \
        .config = gzip_config, .config_size = sizeof(struct gzip_cfg), .state_size = sizeof(struct gzip),            \
        .open = gzip_open, .apply = gzip_apply, .close = gzip_close
const struct sl_transform_ops sl_gzip_decompress_key = {.name = "GzipDecompress$Key", .aliases = key_aliases, .side = 1, GZIP};
const struct sl_transform_ops sl_gzip_decompress_value = {.name = "GzipDecompress$Value", .aliases = value_aliases, .side = 0, GZIP};
