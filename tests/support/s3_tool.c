/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 client without a worker and without Kafka: takes a line of standard input as one order and prints a line of JSON
 * for each answer. s3_tool KEY=VALUE...   keys are the sink's. Orders, their words apart by tabs:
 *   put KEY BYTES [once] [NAME=VALUE]... an object of that many bytes in the background; once: If-None-Match;
 *                                        NAME=VALUE is user metadata, with # before the name a tag
 *   wait                                 until all objects have ended; a line for each
 *   retry                                all that failed, then wait
 *   drop                                 free all objects, finished or not
 *   open KEY BYTES                       as put, but is neither finished nor waited for
 *   stop KEY BYTES                       as put, until it is READY (a plan would be committed now)
 *   head KEY | tags KEY | bucket | sweep PREFIX NAME SUFFIX | sign METHOD PATH QUERY HASH REGION DATE HEADER=VALUE... */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "connectors/s3/config.h"
#include "connectors/s3/object.h"
#include "connectors/s3/sigv4.h"

#define OBJECTS_MAX 4096
#define WORDS_MAX 48
#define PIECE 700001

static struct sl_s3_client *client;
static struct sl_s3_object *objects[OBJECTS_MAX];
static char *keys[OBJECTS_MAX];
static bool left_open[OBJECTS_MAX];
static int count;

static const char *const states[] = {"OPEN", "BUSY", "READY", "DONE", "EXISTS", "FAILED"};

static void print_err(struct sl_buf *out, const struct sl_err *err)
{
        if (err->rc == SL_OK)
                return;
        sl_buf_printf(out, ",\"class\":\"%s\",\"scope\":%d,\"error\":\"%s\",\"native\":%d,\"message\":", sl_rc_name(err->rc),
                      (int)err->scope, sl_errid_text(err->id), err->native);
        sl_buf_add_json_str(out, err->msg, strlen(err->msg));
}

static void print(struct sl_buf *out)
{
        puts(sl_buf_cstr(out));
        fflush(stdout);
        sl_buf_free(out);
}

static void answer(const struct sl_err *err)
{
        struct sl_buf out = {0};
        sl_buf_printf(&out, "{\"ok\":%s", err->rc == SL_OK ? "true" : "false");
        print_err(&out, err);
        sl_buf_addc(&out, '}');
        print(&out);
}

static void work(int most_ms)
{
        struct sl_err err = {0};
        struct sl_wait w = {.timeout_ms = most_ms};
        sl_s3_client_wait(client, &w);
        poll(w.fds, w.count, w.timeout_ms);
        if (sl_s3_client_work(client, &err) != SL_OK) {
                fprintf(stderr, "%s\n", err.msg);
                exit(1);
        }
}

/* Byte number i of an object is i * 31 % 251: pieces of another length than parts, so that cuts go through them. */
static void add_bytes(struct sl_s3_object *o, size_t bytes)
{
        struct sl_buf piece = {0};
        for (size_t at = 0; at < bytes;) {
                size_t n = bytes - at < PIECE ? bytes - at : PIECE;
                sl_buf_room(&piece, n);
                for (size_t i = 0; i < n; i++)
                        piece.ptr[i] = (char)((at + i) * 31 % 251);
                piece.len = n;
                sl_s3_object_add(o, &piece);
                at += n;
                while (sl_s3_client_held(client) > ((size_t)64 << 20) && sl_s3_object_state(o, NULL) != SL_S3_FAILED)
                        work(100);
        }
        sl_buf_free(&piece);
}

static void put(char **word, int words)
{
        struct sl_s3_object_opts opts = {0};
        for (int i = 3; i < words; i++)
                opts.if_none_match |= strcmp(word[i], "once") == 0;
        struct sl_s3_object *o = sl_s3_object_new(client, sl_str_c(word[1]), &opts);
        for (int i = 3; i < words; i++) {
                char *eq = strchr(word[i], '=');
                if (!eq)
                        continue;
                *eq = '\0';
                if (*word[i] == '#')
                        sl_s3_object_set_tag(o, word[i] + 1, eq + 1);
                else
                        sl_s3_object_set_meta(o, word[i], eq + 1);
        }
        objects[count] = o;
        keys[count] = strdup(word[1]);
        left_open[count] = strcmp(word[0], "open") == 0;
        count++;
        add_bytes(o, strtoull(word[2], NULL, 10));
        if (strcmp(word[0], "open") != 0)
                sl_s3_object_finish(o);
}

static bool ended(struct sl_s3_object *o)
{
        enum sl_s3_state s = sl_s3_object_state(o, NULL);
        if (s == SL_S3_READY) {
                sl_s3_object_complete(o);
                return false;
        }
        return s == SL_S3_DONE || s == SL_S3_EXISTS || s == SL_S3_FAILED;
}

static void tell(int i)
{
        struct sl_err why = {0};
        struct sl_buf out = {0};
        enum sl_s3_state s = sl_s3_object_state(objects[i], &why);
        sl_buf_printf(&out, "{\"key\":\"%s\",\"state\":\"%s\",\"held\":%zu,\"bytes\":%llu", keys[i], states[s],
                      sl_s3_object_held(objects[i]), (unsigned long long)sl_s3_object_bytes(objects[i]));
        print_err(&out, &why);
        sl_buf_addc(&out, '}');
        print(&out);
}

static void wait_all(void)
{
        for (bool busy = true; busy;) {
                busy = false;
                for (int i = 0; i < count; i++)
                        busy |= !left_open[i] && !ended(objects[i]);
                if (busy)
                        work(1000);
        }
        for (int i = 0; i < count; i++)
                tell(i);
}

static void until_ready(int i)
{
        enum sl_s3_state s;
        while ((s = sl_s3_object_state(objects[i], NULL)) == SL_S3_BUSY)
                work(1000);
        tell(i);
}

static void drop_all(void)
{
        for (int i = 0; i < count; i++) {
                sl_s3_object_free(objects[i]);
                free(keys[i]);
        }
        count = 0;
}

static void head(const char *key)
{
        struct sl_s3_info info = {0};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        enum sl_rc rc = sl_s3_head(client, sl_str_c(key), &info, &err);
        struct sl_str id = sl_s3_info_meta(&info, "sluice-write"), start = sl_s3_info_meta(&info, "start");
        sl_buf_printf(&out, "{\"ok\":%s,\"found\":%s,\"bytes\":%llu,\"id\":\"%.*s\",\"start\":\"%.*s\"", rc == SL_OK ? "true" : "false",
                      info.found ? "true" : "false", (unsigned long long)info.bytes, SL_FMT(id), SL_FMT(start));
        print_err(&out, &err);
        sl_buf_addc(&out, '}');
        print(&out);
        sl_s3_info_free(&info);
}

static void one_tag(void *arg, struct sl_str name, struct sl_str value)
{
        struct sl_buf *out = arg;
        sl_buf_adds(out, out->len > 1 ? "," : "");
        sl_buf_add_json_str(out, name.ptr, name.len);
        sl_buf_addc(out, ':');
        sl_buf_add_json_str(out, value.ptr, value.len);
}

static void tags(const char *key)
{
        struct sl_err err = {0};
        struct sl_buf out = {0};
        sl_buf_addc(&out, '{');
        if (sl_s3_get_tags(client, sl_str_c(key), one_tag, &out, &err) != SL_OK) {
                sl_buf_free(&out);
                answer(&err);
                return;
        }
        sl_buf_addc(&out, '}');
        print(&out);
}

/* With fixed example keys: for comparing signatures. */
static void sign(char **word, int words)
{
        struct sl_sigv4_header headers[WORDS_MAX];
        size_t n = 0;
        for (int i = 7; i < words; i++) {
                char *eq = strchr(word[i], '=');
                *eq = '\0';
                headers[n++] = (struct sl_sigv4_header){word[i], eq + 1};
        }
        struct sl_buf path = {0}, out = {0};
        sl_sigv4_encode(&path, sl_str_c(word[2]), true);
        struct sl_sigv4_request req = {.method = word[1],
                                       .path = {path.ptr, path.len},
                                       .query = sl_str_c(strcmp(word[3], "-") ? word[3] : ""),
                                       .headers = headers,
                                       .header_count = n,
                                       .payload_hash = word[4]};
        sl_sigv4_authorization(&req, &(struct sl_sigv4_keys){"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
                               word[5], "s3", word[6], &out);
        print(&out);
        sl_buf_free(&path);
}

static void order(char *line)
{
        char *word[WORDS_MAX];
        int words = 0;
        struct sl_err err = {0};
        line[strcspn(line, "\n")] = '\0';
        while (line && words < WORDS_MAX)
                word[words++] = strsep(&line, "\t");
        if ((!strcmp(*word, "put") || !strcmp(*word, "open") || !strcmp(*word, "stop")) && words >= 3 && count < OBJECTS_MAX) {
                put(word, words);
                if (**word == 's')
                        until_ready(count - 1);
        } else if (!strcmp(*word, "wait")) {
                wait_all();
        } else if (!strcmp(*word, "retry")) {
                for (int i = 0; i < count; i++)
                        if (!sl_s3_object_retry(objects[i]))
                                left_open[i] = true; /* can't be: it stays as it is */
                wait_all();
        } else if (!strcmp(*word, "drop")) {
                drop_all();
        } else if (!strcmp(*word, "head") && words == 2) {
                head(word[1]);
        } else if (!strcmp(*word, "tags") && words == 2) {
                tags(word[1]);
        } else if (!strcmp(*word, "bucket")) {
                (void)!sl_s3_head_bucket(client, &err);
                answer(&err);
        } else if (!strcmp(*word, "sweep") && words == 4) {
                sl_s3_sweep(client, sl_str_c(word[1]), (const char *const *)&word[2], 1, word[3]);
        } else if (!strcmp(*word, "sign") && words >= 8) {
                sign(word, words);
        }
}

int main(int argc, char **argv)
{
        struct sl_props props = {0};
        struct sl_arena arena = {0};
        struct sl_cfg_report report = {0};
        struct sl_s3_cfg cfg = {0};
        struct sl_task_env env = {0};
        struct sl_err err = {0};
        for (int i = 1; i < argc; i++) {
                char *eq = strchr(argv[i], '=');
                *eq = '\0';
                sl_props_set(&props, argv[i], eq + 1);
        }
        sl_cfg_parse(sl_s3_defs, &props, &cfg, &arena, &report);
        sl_s3_check(&cfg, "tool", &report);
        for (uint32_t i = 0; i < report.count; i++)
                fprintf(stderr, "%s\n", report.findings[i].text);
        if (report.errors || sl_s3_client_open(&cfg, &env, &client, &err) != SL_OK)
                return 2;
        static char line[65536];
        while (fgets(line, sizeof(line), stdin))
                order(line);
        drop_all();
        sl_s3_client_free(client);
        sl_cfg_report_free(&report);
        sl_props_free(&props);
        sl_arena_free(&arena);
        return 0;
}
