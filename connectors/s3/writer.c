/* SPDX-License-Identifier: Apache-2.0 */
/* A topic-partition's files: append, cut, hand over. Records are encoded at once, so nothing points into the batch, and
 * nothing here waits: objects are uploaded in the background (object.h), in sets of one cut each (cutset.h).
 *
 * EXACTLY ONCE, when a successor may begin at any moment and we may be frozen at any moment and wake up later.
 *
 * Words. The group's committed offset c says: every record below c is in exactly one complete object. A cut [s, e) is the
 * set of files with the records of offsets s to e; names follow from the first offset of each file and from where the
 * records are placed. The first record at or behind c starts a cut, for whoever reads: nothing open survives its owner.
 *
 * 1. Configurations in which cuts and places depend on the records alone (no schedule, no idle time, no Wallclock
 *    extractor, no sluice.flush.bytes). Two owners that begin at the same c make the same cuts under the same names with
 *    the same records: a cut is a function of the records from its start on (rotation.c keeps no state over a cut). So a
 *    plain PUT is idempotent: what was complete before a crash is replaced by the same records, and a frozen owner that
 *    wakes up in a PUT or Complete does the same. c moves behind complete cuts only, in order.
 *
 * 2. All others are CLOCKED: another owner would cut elsewhere. There, before any object of a cut is completed, the
 *    UNCHANGED offset is committed with the plan as metadata (plan.h): where the cut ends, as of which times its records
 *    were placed, and an id.
 *    - Who is no longer a member of the group's generation can't commit (the broker fences it), hence stores no plan,
 *      hence completes nothing that it had not planned before its successor began.
 *    - A successor reads offset and metadata together, at assignment, after the fence. If there is a plan, it makes
 *      exactly those cuts, with rules switched off, and only then goes on by the rules. If there is none, then no object
 *      behind c was completed nor ever will be by a predecessor.
 *    - So all owners that ever complete an object of [s, e) agree on s, e, names and records. An owner that was frozen
 *      between plan and Complete wakes up and completes the same object.
 *    - The belt: objects are completed with If-None-Match: *, so that the first one stays. Who comes second asks for the
 *      metadata x-amz-meta-sluice-cut: with the plan's id it is this very cut, and counts as there. With another id it is
 *      nobody's we know (a topic made anew, an offset set back by hand): the task stops with an alarm and replaces
 *      nothing. enable.conditional.writes=false takes the belt off.
 *    - The plan is a list: several cuts may be planned at a time. It only grows at its end; a commit that moves c carries
 *      all of it that is left, also what a predecessor planned and we have not read again yet. A cut whose plan is not
 *      stored yet holds back every later one, even where the rules alone decided (its start depends on it).
 *
 * 3. A cut for want of memory, in a configuration of kind 1, is planned in the same way, without the belt. So is that of replayed
 *    records when no more of them come: nobody would wait for the rest of flush.size. Their cuts and names count by where they
 *    were read, as all others'; only the directory is that of their original.
 *
 * A plan outranks the configuration: when flush.size or a schedule is changed between crash and restart, planned cuts are
 * repeated as they were. What names or places records (partitioner, topics.dir, delimiters, padding, extension) can't be
 * repeated after it was changed: then a crash between plan and commit may leave an object of the old layout beside its
 * records in the new one. In kind 1 any change of what cuts does that. A worker that stops in peace ends what is planned.
 *
 * Does not decide when to cut (rotation.c), where a record belongs (partition.h), or what a file looks like (format.h). */
#include "connectors/s3/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

#define PIECE ((size_t)256 << 10) /* encoded bytes are handed to the upload in pieces of about this size */
#define OUT_KEPT (4 * PIECE)      /* memory of that size stays with a file for its next bytes */
#define FEW_FILES 8               /* up to here names are compared one by one */
#define REPLAY_IDLE_MS 3000       /* no further replayed record for so long: their files end */
#define SIZE_EVERY 16             /* records between two looks at a file's size */

struct stream {
        void *writer; /* NULL: the file has no objects of this kind */
        struct sl_buf out;
        struct sl_s3_object *object; /* made with the first bytes handed over */
        char *key;
        bool failed;
};
struct sl_s3_file {
        struct sl_str encoded; /* behind the struct */
        bool tombstone;
        const struct sl_schema *schema, *key_schema;
        int64_t start, last, count; /* first and last offset */
        struct stream streams[SL_S3_VARIANTS];
};
/* A record on its way into a file. */
struct entry {
        const struct sl_record *rec;
        bool tombstone;
        int64_t timestamp_ms, wall_ms;
        bool new_run;
        struct sl_str encoded;
        struct {
                const struct sl_schema *schema;
                struct sl_value value;
        } kinds[SL_S3_VARIANTS];
};

/* ---- writers ---- */

static void *take_writer(struct sl_s3_kind *k)
{
        return k->spares ? k->spare[--k->spares] : k->ops->create(&k->opts);
}

static size_t memory_of(const struct sl_s3_kind *k, const void *writer)
{
        return (k->ops->memory ? k->ops->memory : k->ops->pending)(writer);
}

/* A large one is not kept: a cut for want of memory must set it free, or the next file would be cut for the same at once. */
static void give_writer(struct sl_s3_kind *k, void *writer)
{
        if (writer && k->spares < SL_S3_SPARE_WRITERS && memory_of(k, writer) <= PIECE)
                k->spare[k->spares++] = writer;
        else if (writer)
                k->ops->destroy(writer);
}

void sl_s3_kind_free(struct sl_s3_kind *k)
{
        while (k->spares)
                k->ops->destroy(k->spare[--k->spares]);
        if (k->probe)
                k->ops->destroy(k->probe);
        sl_buf_free(&k->probe_out);
        k->probe = NULL;
        k->probe_schema = NULL;
}

/* Can this value be written? Files of keys and headers must have a record for each of the values, so it has to be known
 * before the value is written. JSON takes everything. */
static enum sl_rc probe(struct sl_s3_kind *k, const struct sl_schema *schema, const struct sl_value *value, struct sl_err *err)
{
        if (k->format == SL_S3_JSON)
                return SL_OK;
        if (!k->probe)
                k->probe = k->ops->create(&k->opts);
        if (k->probe_schema != schema || k->probe_out.len > PIECE || k->ops->pending(k->probe) > PIECE || !k->probe_out.cap) {
                sl_buf_clear(&k->probe_out);
                if (!sl_buf_grow(&k->probe_out, 64))
                        return sl_fail(err, SL_E_IO, "no memory");
                k->probe_schema = NULL;
                SL_TRY(k->ops->begin(k->probe, schema, &k->probe_out, err));
                k->probe_schema = schema;
        }
        return k->ops->append(k->probe, value, err);
}

/* ---- files ---- */

static void free_file(struct sl_s3_file *f, struct sl_s3_shared *sh)
{
        for (int i = 0; i < SL_S3_VARIANTS; i++) {
                struct stream *s = &f->streams[i];
                give_writer(&sh->kinds[i], s->writer);
                sl_s3_object_free(s->object);
                sh->sets.failed -= s->failed;
                sl_buf_free(&s->out);
                free(s->key);
        }
        free(f);
}

static struct sl_s3_file *find_file(struct sl_s3_part *p, struct sl_str encoded)
{
        if (p->last && sl_str_eq(p->last->encoded, encoded))
                return p->last;
        if (p->open.files > FEW_FILES)
                return sl_map_get(&p->by_name, encoded);
        for (uint32_t i = 0; i < p->open.files; i++)
                if (sl_str_eq(p->files[i]->encoded, encoded))
                        return p->files[i];
        return NULL;
}

static enum sl_rc open_stream(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_s3_file *f, int i, const struct entry *e,
                              struct sl_err *err)
{
        struct stream *s = &f->streams[i];
        struct sl_buf key = {0};
        enum sl_rc rc = sl_s3_object_key(&sh->names, p->tp.topic, p->tp.partition, f->encoded, f->start, (enum sl_s3_variant)i,
                                         &key, err);
        if (rc == SL_OK)
                s->key = sl_strndup(key.ptr, key.len);
        sl_buf_free(&key);
        SL_TRY(rc);
        s->writer = take_writer(&sh->kinds[i]);
        return sh->kinds[i].ops->begin(s->writer, e->kinds[i].schema, &s->out, err);
}

static enum sl_rc open_file(struct sl_s3_part *p, struct sl_s3_shared *sh, const struct entry *e, struct sl_s3_file **ret,
                            struct sl_err *err)
{
        struct sl_s3_file *f = sl_calloc(1, sizeof(*f) + e->encoded.len);
        memcpy(f + 1, e->encoded.ptr, e->encoded.len);
        f->encoded = (struct sl_str){(const char *)(f + 1), e->encoded.len};
        f->tombstone = e->tombstone;
        f->schema = e->kinds[SL_S3_VALUES].schema;
        f->key_schema = e->kinds[SL_S3_KEYS].schema;
        f->start = sl_read_offset(e->rec);
        for (int i = e->tombstone ? SL_S3_KEYS : SL_S3_VALUES; i < (e->tombstone ? SL_S3_HEADERS : SL_S3_VARIANTS); i++) {
                enum sl_rc rc = sh->kinds[i].ops ? open_stream(p, sh, f, i, e, err) : SL_OK;
                if (rc != SL_OK) {
                        free_file(f, sh);
                        return rc;
                }
        }
        *ret = f;
        return SL_OK;
}

static void keep_file(struct sl_s3_part *p, struct sl_s3_file *f)
{
        if (p->open.files == p->cap) {
                p->cap = p->cap ? p->cap * 2 : 4;
                p->files = sl_realloc(p->files, p->cap * sizeof(struct sl_s3_file *));
        }
        p->files[p->open.files++] = f;
        if (p->open.files == FEW_FILES + 1)
                for (uint32_t i = 0; i < FEW_FILES; i++)
                        sl_map_put(&p->by_name, p->files[i]->encoded, p->files[i]);
        if (p->open.files > FEW_FILES)
                sl_map_put(&p->by_name, f->encoded, f);
}

/* Hand over what is encoded. */
static void hand_over(struct sl_s3_part *p, struct sl_s3_shared *sh, struct stream *s)
{
        if (!s->object) {
                char id[17];
                snprintf(id, sizeof(id), "%016" PRIx64, p->plan.id);
                struct sl_s3_pair meta[] = {{"sluice-cut", id}, {NULL, NULL}};
                struct sl_s3_object_opts opts = {.if_none_match = sh->sets.conditional, .meta = sh->clocked ? meta : NULL};
                s->object = sl_s3_object_new(sh->sets.client, sl_str_c(s->key), &opts);
        }
        if (s->out.len)
                sl_s3_object_add(s->object, &s->out);
        if (s->out.cap > OUT_KEPT) /* a row group at once */
                sl_buf_free(&s->out);
}

/* ---- cuts ---- */

static void tag(const struct sl_s3_shared *sh, const struct sl_s3_file *f, struct sl_s3_object *o)
{
        char text[24];
        if (sh->tagged) {
                snprintf(text, sizeof(text), "%" PRId64, f->start);
                sl_s3_object_set_tag(o, "startOffset", text);
                snprintf(text, sizeof(text), "%" PRId64, f->last);
                sl_s3_object_set_tag(o, "endOffset", text);
                snprintf(text, sizeof(text), "%" PRId64, f->count);
                sl_s3_object_set_tag(o, "recordCount", text);
        }
        for (const struct sl_s3_pair *t = sh->tags; t && t->name; t++)
                sl_s3_object_set_tag(o, t->name, t->value);
}

static enum sl_rc finish_file(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_s3_file *f, struct sl_s3_set *set,
                              struct sl_err *err)
{
        for (int i = 0; i < SL_S3_VARIANTS; i++) {
                struct stream *s = &f->streams[i];
                if (!s->writer)
                        continue;
                SL_TRY(sh->kinds[i].ops->finish(s->writer, err));
                hand_over(p, sh, s);
                tag(sh, f, s->object);
                sl_s3_object_finish(s->object);
                sl_s3_set_add(set, s->object, s->key, s->failed);
                s->object = NULL;
                s->key = NULL;
                s->failed = false;
        }
        return SL_OK;
}

static void forget_open(struct sl_s3_part *p, struct sl_s3_shared *sh)
{
        for (uint32_t i = 0; i < p->open.files; i++)
                free_file(p->files[i], sh);
        sl_map_free(&p->by_name, NULL);
        p->by_name = (struct sl_map){0};
        p->open = (struct sl_s3_open){0};
        p->last = NULL;
        p->plan.run_count = 0;
}

enum sl_rc sl_s3_part_cut(struct sl_s3_part *p, struct sl_s3_shared *sh, enum sl_s3_cut why, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        if (p->open.count == 0)
                return SL_OK;
        p->plan.end = sl_s3_part_replays(p) && why == SL_S3_CUT_PLAN ? p->replay.cuts[p->replayed].end : p->seen;
        bool planned = sh->clocked || sl_s3_part_replays(p) || why == SL_S3_CUT_MEMORY || why == SL_S3_CUT_REPLAY ||
                       why == SL_S3_CUT_PLAN;
        struct sl_s3_set *set = sl_s3_set_new(p->open_start, &p->plan, why, planned);
        set->records = p->open.count;
        for (uint32_t i = 0; i < p->open.files && rc == SL_OK; i++)
                rc = finish_file(p, sh, p->files[i], set, err);
        sl_s3_queue_push(&p->queue, &sh->sets, set);
        forget_open(p, sh);
        return rc;
}

/* End planned cuts that end at or before offset. */
static enum sl_rc replay_to(struct sl_s3_part *p, struct sl_s3_shared *sh, int64_t offset, struct sl_err *err)
{
        while (sl_s3_part_replays(p) && offset >= p->replay.cuts[p->replayed].end) {
                SL_TRY(sl_s3_part_cut(p, sh, SL_S3_CUT_PLAN, err));
                p->replayed++;
        }
        return SL_OK;
}

/* ---- records ---- */

/* The record's directory below topics.dir/topic; of a replayed one below topics.dir, as its files are those of several topics. */
static enum sl_rc directory(struct sl_s3_shared *sh, const struct sl_record *rec, int64_t wall_ms, int64_t *ret_timestamp_ms,
                            struct sl_str *ret, struct sl_err *err)
{
        SL_TRY(sl_s3_partition_of(sh->partitioner, rec, wall_ms, ret_timestamp_ms, ret, err));
        if (sl_likely(!rec->read))
                return SL_OK;
        char *path = sl_arena_printf(&sh->scratch, "%.*s%s%.*s", SL_FMT(rec->topic), sh->names.dir_delim, SL_FMT(*ret));
        *ret = sl_str_c(path);
        return SL_OK;
}

/* As of which time is this record placed? With the Wallclock extractor the time of the run, as long as now gives the same
 * place: so a plan has to name few times. */
static enum sl_rc place(struct sl_s3_part *p, struct sl_s3_shared *sh, struct entry *e, struct sl_s3_now now, struct sl_err *err)
{
        struct sl_s3_planned *plan = &p->plan;
        e->wall_ms = now.wall_ms;
        if (sl_s3_part_replays(p))
                e->wall_ms = sl_s3_planned_wall(&p->replay.cuts[p->replayed], sl_read_offset(e->rec), now.wall_ms);
        SL_TRY(directory(sh, e->rec, e->wall_ms, &e->timestamp_ms, &e->encoded, err));
        if (!sh->rules.wallclock || sl_s3_part_replays(p) || plan->run_count == 0 || p->same_ms == now.wall_ms ||
            (p->last && sl_str_eq(p->last->encoded, e->encoded)))
                return SL_OK;
        int64_t ignored; /* another place: for its fields, or for the time? */
        struct sl_str here = {sl_arena_strndup(&sh->scratch, e->encoded.ptr, e->encoded.len), e->encoded.len}, then;
        SL_TRY(directory(sh, e->rec, plan->runs[plan->run_count - 1].wall_ms, &ignored, &then, err));
        e->new_run = !sl_str_eq(here, then);
        e->encoded = here;
        if (!e->new_run)
                p->same_ms = now.wall_ms;
        return SL_OK;
}

/* What is written of the record: value, key, headers. */
static enum sl_rc view(struct sl_s3_shared *sh, struct entry *e, struct sl_err *err)
{
        struct sl_s3_kind *keys = &sh->kinds[SL_S3_KEYS], *headers = &sh->kinds[SL_S3_HEADERS];
        e->kinds[SL_S3_VALUES].schema = e->rec->value_schema;
        e->kinds[SL_S3_VALUES].value = e->rec->value;
        if (keys->ops) {
                SL_TRY(sl_s3_key_view(&sh->views, keys->format, e->rec, &sh->scratch, &e->kinds[SL_S3_KEYS].schema,
                                      &e->kinds[SL_S3_KEYS].value, err));
                SL_TRY(probe(keys, e->kinds[SL_S3_KEYS].schema, &e->kinds[SL_S3_KEYS].value, err));
        }
        if (headers->ops && !e->tombstone) {
                SL_TRY(sl_s3_header_view(&sh->views, headers->format, e->rec, &sh->scratch, &e->kinds[SL_S3_HEADERS].schema,
                                         &e->kinds[SL_S3_HEADERS].value, err));
                SL_TRY(probe(headers, e->kinds[SL_S3_HEADERS].schema, &e->kinds[SL_S3_HEADERS].value, err));
        }
        return SL_OK;
}

/* Does it fit the schemas of its file? Its value may be projected. */
static enum sl_rc fit(struct sl_s3_shared *sh, const struct sl_s3_file *f, struct entry *e, bool *ret_misfits, struct sl_err *err)
{
        struct sl_fit fit = {0};
        *ret_misfits = f->key_schema != e->kinds[SL_S3_KEYS].schema && sh->kinds[SL_S3_KEYS].format != SL_S3_JSON;
        if (f->tombstone || *ret_misfits || f->schema == e->kinds[SL_S3_VALUES].schema)
                return SL_OK;
        SL_TRY(sl_projector_fit(sh->projector, f->schema, e->kinds[SL_S3_VALUES].schema, &fit, err));
        *ret_misfits = fit.action == SL_FIT_ROTATE;
        if (fit.action != SL_FIT_PROJECT)
                return SL_OK;
        struct sl_value value = e->kinds[SL_S3_VALUES].value;
        return sl_project(fit.projection, &value, &sh->scratch, &e->kinds[SL_S3_VALUES].value, err);
}

static enum sl_s3_cut must_cut(const struct sl_s3_part *p, const struct sl_s3_shared *sh, const struct sl_s3_next *next,
                               const struct entry *e, int64_t wall_ms)
{
        enum sl_s3_cut why = sl_s3_cut_before(&sh->rules, &p->open, next, wall_ms);
        if (sl_s3_part_replays(p)) /* only what can't be in one file; rules have no say */
                return why != SL_S3_KEEP && next->flipped ? SL_S3_CUT_NULLS : why != SL_S3_KEEP && next->misfits ? SL_S3_CUT_SCHEMA
                                                                                                               : SL_S3_KEEP;
        return why == SL_S3_KEEP && e->new_run && p->plan.run_count == SL_S3_RUNS_MAX ? SL_S3_CUT_PLAN : why;
}

/* Make room for the record: end files when the rules say so. *ret: its file, NULL when it is not open. */
static enum sl_rc rotate(struct sl_s3_part *p, struct sl_s3_shared *sh, struct entry *e, struct sl_s3_now now,
                         struct sl_s3_file **ret, struct sl_err *err)
{
        struct sl_s3_file *f = find_file(p, e->encoded);
        struct sl_s3_next next = {
                .timestamp_ms = sh->rules.wallclock ? now.wall_ms : e->timestamp_ms,
                .moved = p->last && p->last != f && !p->last->tombstone && !e->tombstone,
                .flipped = f && f->tombstone != e->tombstone,
                .opens = !f,
        };
        enum sl_s3_cut why = must_cut(p, sh, &next, e, now.wall_ms);
        if (why == SL_S3_KEEP && f) {
                SL_TRY(fit(sh, f, e, &next.misfits, err));
                why = must_cut(p, sh, &next, e, now.wall_ms);
        }
        e->timestamp_ms = next.timestamp_ms;
        *ret = why == SL_S3_KEEP ? f : NULL;
        return why == SL_S3_KEEP ? SL_OK : sl_s3_part_cut(p, sh, why, err);
}

/* The first record of a cut. */
static void begin_cut(struct sl_s3_part *p, int64_t offset)
{
        p->open_start = offset;
        if (sl_s3_part_replays(p)) {
                p->plan = p->replay.cuts[p->replayed];
                return;
        }
        p->plan = (struct sl_s3_planned){0};
        if (getrandom(&p->plan.id, sizeof(p->plan.id), 0) != sizeof(p->plan.id))
                p->plan.id = (uint64_t)sl_wall_ns();
}

static enum sl_rc append(struct sl_s3_shared *sh, struct sl_s3_file *f, const struct entry *e, struct sl_err *err)
{
        for (int i = 0; i < SL_S3_VARIANTS; i++) {
                struct stream *s = &f->streams[i];
                if (!s->writer)
                        continue;
                enum sl_rc rc = sh->kinds[i].ops->append(s->writer, &e->kinds[i].value, err);
                if (rc == SL_OK)
                        continue;
                if (i == SL_S3_VALUES || f->tombstone || err->scope != SL_SCOPE_RECORD)
                        return rc;
                err->rc = SL_FATAL; /* the probe took it */
                err->scope = SL_SCOPE_TASK;
                return SL_FATAL;
        }
        return SL_OK;
}

static uint64_t bytes_of(const struct sl_s3_shared *sh, const struct sl_s3_file *f)
{
        int kind = f->tombstone ? SL_S3_KEYS : SL_S3_VALUES;
        const struct stream *s = &f->streams[kind];
        return (s->object ? sl_s3_object_bytes(s->object) : 0) + s->out.len + sh->kinds[kind].ops->pending(s->writer);
}

/* It is in its file: note that, and end files when it was the last that they take. */
static enum sl_rc written(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_s3_file *f, const struct entry *e,
                          struct sl_s3_now now, struct sl_err *err)
{
        bool first = p->open.count == 0;
        if (sh->rules.wallclock && !sl_s3_part_replays(p) && (p->plan.run_count == 0 || e->new_run)) {
                p->plan.runs[p->plan.run_count++] = (struct sl_s3_run){sl_read_offset(e->rec), e->wall_ms};
                p->same_ms = e->wall_ms;
        }
        sl_s3_added(&p->open, e->timestamp_ms, now.mono_ms,
                    first && sh->rules.scheduled ? sl_s3_next_schedule(sh->partitioner, now.wall_ms) : SL_S3_NEVER);
        f->count++;
        f->last = sl_read_offset(e->rec);
        p->last = f;
        p->seen = sl_read_offset(e->rec) + 1;
        for (int i = 0; i < SL_S3_VARIANTS; i++)
                if (f->streams[i].out.len >= PIECE)
                        hand_over(p, sh, &f->streams[i]);
        if (sl_s3_part_replays(p))
                return replay_to(p, sh, p->seen, err);
        bool look = sh->rules.flush_bytes > 0 && f->count % SIZE_EVERY == 0;
        enum sl_s3_cut why = sl_s3_cut_after(&sh->rules, &p->open, look ? bytes_of(sh, f) : 0);
        return why == SL_S3_KEEP ? SL_OK : sl_s3_part_cut(p, sh, why, err);
}

enum sl_rc sl_s3_part_write(struct sl_s3_part *p, struct sl_s3_shared *sh, const struct sl_record *rec, struct sl_s3_now now,
                            struct sl_err *err)
{
        struct entry e = {.rec = rec, .tombstone = rec->value.type == SL_NULL};
        struct sl_s3_file *f;
        sl_arena_reset(&sh->scratch);
        SL_TRY(replay_to(p, sh, sl_read_offset(rec), err));
        SL_TRY(place(p, sh, &e, now, err));
        SL_TRY(view(sh, &e, err));
        SL_TRY(rotate(p, sh, &e, now, &f, err));
        bool fresh = !f;
        if (fresh) {
                if (p->open.count == 0)
                        begin_cut(p, sl_read_offset(rec));
                SL_TRY(open_file(p, sh, &e, &f, err));
        }
        enum sl_rc rc = append(sh, f, &e, err);
        if (rc != SL_OK) {
                if (fresh)
                        free_file(f, sh);
                return rc;
        }
        if (fresh)
                keep_file(p, f);
        return written(p, sh, f, &e, now, err);
}

enum sl_rc sl_s3_part_handled(struct sl_s3_part *p, struct sl_s3_shared *sh, int64_t offset, struct sl_err *err)
{
        p->seen = offset + 1;
        return replay_to(p, sh, p->seen, err);
}

enum sl_rc sl_s3_part_clock(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_s3_now now, struct sl_err *err)
{
        if (sl_s3_part_replays(p))
                return SL_OK;
        enum sl_s3_cut why = sl_s3_cut_clock(&sh->rules, &p->open, now.wall_ms, now.mono_ms);
        if (why == SL_S3_KEEP && sl_tp_replays(p->tp) && p->open.count && now.mono_ms - p->open.last_ms >= REPLAY_IDLE_MS)
                why = SL_S3_CUT_REPLAY;
        return why == SL_S3_KEEP ? SL_OK : sl_s3_part_cut(p, sh, why, err);
}

/* ---- uploads and offsets ---- */

enum sl_rc sl_s3_part_init(struct sl_s3_part *p, const struct sl_tp_offset *start, struct sl_err *err)
{
        *p = (struct sl_s3_part){.tp = start->tp, .seen = start->offset, .handed = start->offset};
        SL_TRY(sl_s3_plan_read(start->metadata, start->offset, &p->replay, err));
        if (p->replay.count)
                p->handed_plan = p->queue.handed_to = p->queue.stored_to = p->replay.cuts[p->replay.count - 1].end;
        return SL_OK;
}

enum sl_rc sl_s3_part_work(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_err *err)
{
        enum sl_rc failed = SL_OK;
        for (uint32_t i = 0; i < p->open.files; i++)
                for (int k = 0; k < SL_S3_VARIANTS; k++) {
                        struct stream *s = &p->files[i]->streams[k];
                        struct sl_err why = {0};
                        if (!s->object || sl_s3_object_state(s->object, &why) != SL_S3_FAILED)
                                continue;
                        sh->sets.failed += !s->failed;
                        s->failed = true;
                        if (failed == SL_OK) {
                                failed = why.rc;
                                *err = why;
                        }
                }
        enum sl_rc rc = sl_s3_queue_work(&p->queue, &sh->sets, err);
        return failed == SL_OK ? rc : failed;
}

enum sl_rc sl_s3_part_retry(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_err *err)
{
        for (uint32_t i = 0; i < p->open.files; i++)
                for (int k = 0; k < SL_S3_VARIANTS; k++) {
                        struct stream *s = &p->files[i]->streams[k];
                        if (!s->failed)
                                continue;
                        sh->sets.failed--;
                        s->failed = false;
                        SL_TRY(sl_s3_send_again(&sh->sets, s->object, s->key, err));
                }
        return sl_s3_queue_retry(&p->queue, &sh->sets, err);
}

/* Everything below this offset is in complete objects, or was skipped. */
static int64_t durable_of(const struct sl_s3_part *p)
{
        return p->queue.first ? p->queue.first->start : p->open.count ? p->open_start : p->seen;
}

void sl_s3_part_flush(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_offsets *durable)
{
        struct sl_buf text = {0};
        int64_t at = durable_of(p), from;
        if (at < 0)
                return;
        bool all = sl_s3_queue_plan(&p->queue, &sh->sets, at, &text);
        from = p->queue.last ? p->queue.last->plan.end : at;
        if (sl_s3_part_replays(p) && text.len == 0)
                sl_s3_plan_start(&text, at);
        for (uint32_t i = p->replayed; all && i < p->replay.count; i++) {
                all = sl_s3_plan_add(&text, from, &p->replay.cuts[i], SL_OFFSET_METADATA_MAX);
                from = p->replay.cuts[i].end;
        }
        if (at != p->handed || p->queue.handed_to != p->handed_plan)
                sl_offsets_add_with(durable, p->tp, at,
                                    text.len ? sl_arena_strndup(durable->arena, text.ptr, text.len) : NULL);
        p->handed = at;
        p->handed_plan = p->queue.handed_to;
        sl_buf_free(&text);
}

void sl_s3_part_committed(struct sl_s3_part *p)
{
        sl_s3_queue_stored(&p->queue);
}

size_t sl_s3_part_held(const struct sl_s3_part *p, const struct sl_s3_shared *sh, size_t *ret_tails)
{
        size_t sum = 0, memory;
        *ret_tails = 0;
        for (uint32_t i = 0; i < p->open.files; i++)
                for (int k = 0; k < SL_S3_VARIANTS; k++) {
                        const struct stream *s = &p->files[i]->streams[k];
                        sum += s->writer ? s->out.cap + memory_of(&sh->kinds[k], s->writer) : 0;
                        memory = s->object ? sl_s3_object_tail(s->object) : 0;
                        sum += memory;
                        *ret_tails += memory;
                }
        return sum;
}

void sl_s3_part_free(struct sl_s3_part *p, struct sl_s3_shared *sh)
{
        forget_open(p, sh);
        free(p->files);
        sl_s3_queue_free(&p->queue, &sh->sets);
        sl_s3_plan_free(&p->replay);
        *p = (struct sl_s3_part){0};
}
