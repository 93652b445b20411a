/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of a profile: the shared credentials and config files (AWS documentation: "Shared config and credentials
 * files", "Process credential provider"). INI: [name] in the credentials file, [profile name] or [default] in the config
 * file; a line that begins with a blank belongs to the key above and is passed over. A key of the credentials file goes
 * before the same of the config file. Single sign-on and multi-factor authentication need a person: refused by name. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "connectors/s3/creds_internal.h"

#define FILE_MAX ((size_t)1 << 20)
#define DEPTH_MAX 5
#define PROCESS_MS 60000
#define WORDS_MAX 64

bool sl_s3_read_file(const char *path, struct sl_buf *out)
{
        FILE *f = fopen(path, "re");
        size_t n = 1;
        if (!f)
                return false;
        while (n && out->len <= FILE_MAX && sl_buf_room(out, 4096)) {
                n = fread(out->ptr + out->len, 1, 4096, f);
                out->len += n;
        }
        bool ok = !ferror(f) && out->len <= FILE_MAX;
        fclose(f);
        if (!ok)
                errno = errno ?: EFBIG;
        return ok;
}

/* --- INI */

static struct sl_str trim(struct sl_str s)
{
        while (s.len && (unsigned char)s.ptr[0] <= ' ')
                s.ptr++, s.len--;
        while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
                s.len--;
        return s;
}

static struct sl_str next_line(struct sl_str *text)
{
        const char *nl = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
        struct sl_str line = {text->ptr, nl ? (size_t)(nl - text->ptr) : text->len};
        size_t taken = line.len + (nl ? 1 : 0);
        text->ptr += taken;
        text->len -= taken;
        return line;
}

/* A comment may follow a value, behind a blank. */
static struct sl_str without_comment(struct sl_str s)
{
        for (size_t i = 1; i < s.len; i++)
                if ((s.ptr[i] == '#' || s.ptr[i] == ';') && (s.ptr[i - 1] == ' ' || s.ptr[i - 1] == '\t'))
                        s.len = i;
        return trim(s);
}

/* key NULL: only the section is looked for. The last one counts. */
static bool ini_find(struct sl_str text, const char *section, const char *key, struct sl_str *ret)
{
        bool inside = false, found = false;
        while (text.len) {
                struct sl_str line = next_line(&text), bare = trim(line);
                if (!bare.len || bare.ptr[0] == '#' || bare.ptr[0] == ';')
                        continue;
                if (bare.ptr[0] == '[') {
                        const char *close = memchr(bare.ptr, ']', bare.len);
                        size_t end = close ? (size_t)(close - bare.ptr) : bare.len;
                        inside = sl_str_eqc(trim((struct sl_str){bare.ptr + 1, end - 1}), section);
                        found |= inside && !key;
                        continue;
                }
                const char *eq = memchr(bare.ptr, '=', bare.len);
                if (!inside || !key || !eq || line.ptr[0] == ' ' || line.ptr[0] == '\t')
                        continue;
                size_t n = (size_t)(eq - bare.ptr);
                if (!sl_str_eqc(trim((struct sl_str){bare.ptr, n}), key))
                        continue;
                *ret = without_comment((struct sl_str){eq, bare.len - n}); /* "=" is never a comment */
                ret->ptr++, ret->len--;
                *ret = trim(*ret);
                found = true;
        }
        return found;
}

struct sl_str sl_s3_ini_get(struct sl_str text, const char *section, const char *key)
{
        struct sl_str value = SL_STR_NULL;
        return ini_find(text, section, key, &value) ? value : SL_STR_NULL;
}

bool sl_s3_ini_has(struct sl_str text, const char *section)
{
        return ini_find(text, section, NULL, NULL);
}

/* --- programs */

int sl_s3_split_command(const char *line, struct sl_buf *out)
{
        int words = 0;
        while (*(line += strspn(line, " \t"))) {
                char quote = 0;
                for (; *line && (quote || (*line != ' ' && *line != '\t')); line++) {
                        if (!quote && (*line == '"' || *line == '\''))
                                quote = *line;
                        else if (quote && *line == quote)
                                quote = 0;
                        else if (*line == '\\' && quote != '\'' && line[1])
                                sl_buf_addc(out, *++line);
                        else
                                sl_buf_addc(out, *line);
                }
                if (quote)
                        return -1;
                sl_buf_addc(out, '\0');
                words++;
        }
        return words;
}

static int spawn(char **argv, int *ret_fd, pid_t *ret_pid)
{
        extern char **environ;
        int ends[2];
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attr;
        sigset_t none, pipes;
        *ret_fd = -1;
        if (pipe2(ends, O_CLOEXEC))
                return errno;
        sigemptyset(&none);
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclosefrom_np(&actions, 3); /* libraries' sockets are not all close-on-exec */
        posix_spawnattr_init(&attr);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigdefault(&attr, &pipes);
        posix_spawnattr_setsigmask(&attr, &none);
        int failed = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
        posix_spawnattr_destroy(&attr);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        if (failed)
                close(ends[0]);
        *ret_fd = ends[0];
        return failed;
}

/* Until it closes its output; false when time is over, too much came, or the task stops. */
static bool read_output(const struct sl_s3_fetch *f, int fd, int64_t until_ms, struct sl_buf *out)
{
        while (!atomic_load(f->stop) && sl_mono_ms() < until_ms && out->len < FILE_MAX) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                if (poll(&p, 1, 50) <= 0)
                        continue;
                if (!sl_buf_room(out, 4096))
                        return false;
                ssize_t n = read(fd, out->ptr + out->len, 4096);
                if (n <= 0)
                        return n == 0;
                out->len += (size_t)n;
        }
        return false;
}

/* Its exit status; one that does not end in time is killed, with its children. */
static int reap(const struct sl_s3_fetch *f, pid_t pid, int64_t until_ms, bool *killed)
{
        int status;
        while (waitpid(pid, &status, WNOHANG) == 0) {
                if (!*killed && !atomic_load(f->stop) && sl_mono_ms() < until_ms) {
                        poll(NULL, 0, 5);
                        continue;
                }
                *killed = true;
                kill(-pid, SIGKILL);
                waitpid(pid, &status, 0);
                break;
        }
        return status;
}

enum sl_rc sl_s3_run_program(const struct sl_s3_fetch *f, const char *line, int64_t timeout_ms, struct sl_buf *out,
                             struct sl_err *err)
{
        struct sl_buf words = {0};
        char *argv[WORDS_MAX + 1];
        int n = sl_s3_split_command(line, &words), fd = -1, failed;
        pid_t pid = -1;
        if (n < 1 || n > WORDS_MAX) {
                sl_buf_free(&words);
                return sl_fail(err, SL_E_S3_SETUP, "AWS credentials: credential_process is %s",
                               n < 0 ? "a command line with an open quote" : "empty or has too many words");
        }
        char *p = words.ptr;
        for (int i = 0; i < n; i++, p += strlen(p) + 1)
                argv[i] = p;
        argv[n] = NULL;
        if ((failed = spawn(argv, &fd, &pid)))
                (void)sl_fail(err, SL_E_S3_SETUP, "AWS credentials: credential_process %.200s can't be started: %s", argv[0],
                              strerror(failed));
        int64_t until = sl_mono_ms() + timeout_ms;
        if (!failed) {
                bool killed = !read_output(f, fd, until, out);
                int status = reap(f, pid, until, &killed);
                close(fd);
                failed = killed || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
                if (failed)
                        (void)sl_fail(err, SL_E_S3_SETUP, "AWS credentials: credential_process %.200s %s (%d)", argv[0],
                                      killed ? "did not end in time or printed too much" : "failed",
                                      WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        }
        sl_buf_free(&words);
        return failed ? SL_TRANSIENT : SL_OK;
}

/* --- profiles */

struct files {
        struct sl_buf credentials, config;
};

static void load(const char *variable, const char *name, struct sl_buf *out)
{
        const char *path = getenv(variable), *home = getenv("HOME");
        struct sl_buf where = {0};
        if (sl_s3_set(path))
                sl_buf_adds(&where, path);
        else
                sl_buf_printf(&where, "%s/.aws/%s", home ? home : "", name);
        if (!sl_s3_read_file(sl_buf_cstr(&where), out))
                sl_buf_clear(out);
        sl_buf_free(&where);
}

static void unload(struct sl_buf *b)
{
        if (b->ptr)
                OPENSSL_cleanse(b->ptr, b->cap);
        sl_buf_free(b);
}

/* "profile x" in the config file; "default" stands as it is. */
static void section_of(const char *profile, struct sl_buf *out)
{
        sl_buf_printf(out, "%s%s", strcmp(profile, "default") == 0 ? "" : "profile ", profile);
        sl_buf_cstr(out);
}

/* A value of a profile as text of its own; NULL if neither file has it. */
static char *value(const struct files *all, const char *profile, const char *key)
{
        struct sl_buf section = {0};
        struct sl_str v = sl_s3_ini_get((struct sl_str){all->credentials.ptr, all->credentials.len}, profile, key);
        section_of(profile, &section);
        if (!v.ptr)
                v = sl_s3_ini_get((struct sl_str){all->config.ptr, all->config.len}, section.ptr, key);
        if (!v.ptr && strcmp(profile, "default") == 0)
                v = sl_s3_ini_get((struct sl_str){all->config.ptr, all->config.len}, "profile default", key);
        sl_buf_free(&section);
        return v.ptr && v.len ? sl_strndup(v.ptr, v.len) : NULL;
}

static bool exists(const struct files *all, const char *profile)
{
        struct sl_buf section = {0};
        section_of(profile, &section);
        bool there = sl_s3_ini_has((struct sl_str){all->credentials.ptr, all->credentials.len}, profile) ||
                     sl_s3_ini_has((struct sl_str){all->config.ptr, all->config.len}, section.ptr);
        sl_buf_free(&section);
        return there;
}

/* What a profile says, as far as it matters here. */
struct profile {
        char *access, *secret, *token, *role, *source_profile, *source, *external_id, *session, *seconds, *mfa, *web, *process,
                *sso, *sso_url, *region;
};

static void read_profile(const struct files *all, const char *name, struct profile *p)
{
        *p = (struct profile){.access = value(all, name, "aws_access_key_id"),
                              .secret = value(all, name, "aws_secret_access_key"),
                              .token = value(all, name, "aws_session_token"),
                              .role = value(all, name, "role_arn"),
                              .source_profile = value(all, name, "source_profile"),
                              .source = value(all, name, "credential_source"),
                              .external_id = value(all, name, "external_id"),
                              .session = value(all, name, "role_session_name"),
                              .seconds = value(all, name, "duration_seconds"),
                              .mfa = value(all, name, "mfa_serial"),
                              .web = value(all, name, "web_identity_token_file"),
                              .process = value(all, name, "credential_process"),
                              .sso = value(all, name, "sso_session"),
                              .sso_url = value(all, name, "sso_start_url"),
                              .region = value(all, name, "region")};
}

static void free_profile(struct profile *p)
{
        char **all[] = {&p->access, &p->secret, &p->token, &p->role, &p->source_profile, &p->source, &p->external_id,
                        &p->session, &p->seconds, &p->mfa, &p->web, &p->process, &p->sso, &p->sso_url, &p->region};
        if (p->secret)
                OPENSSL_cleanse(p->secret, strlen(p->secret));
        for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
                free(*all[i]);
}

static enum sl_s3_found resolve(struct sl_s3_fetch *f, const struct files *all, const char *name, int depth,
                                struct sl_s3_keys *ret, struct sl_err *err);

static enum sl_s3_found broken(struct sl_err *err, const char *name, const char *why)
{
        (void)sl_fail(err, SL_E_S3_SETUP, "AWS credentials: profile %.100s %.200s", name, why);
        return SL_S3_BROKEN;
}

static enum sl_s3_found of_source(struct sl_s3_fetch *f, const char *name, const char *source, struct sl_s3_keys *ret,
                                  struct sl_err *err)
{
        enum sl_s3_found found = SL_S3_ABSENT;
        if (strcmp(source, "Environment") == 0)
                found = sl_s3_fetch_environment(f, ret, err);
        else if (strcmp(source, "EcsContainer") == 0)
                found = sl_s3_fetch_container(f, ret, err);
        else if (strcmp(source, "Ec2InstanceMetadata") == 0)
                found = sl_s3_fetch_instance(f, ret, err);
        else
                return broken(err, name, "has an unknown credential_source");
        return found == SL_S3_ABSENT ? broken(err, name, "names a credential_source that has no credentials") : found;
}

/* Keys with which the profile's role is assumed. */
static enum sl_s3_found role_base(struct sl_s3_fetch *f, const struct files *all, const char *name,
                                  const struct profile *p, int depth, struct sl_s3_keys *ret, struct sl_err *err)
{
        if (p->source)
                return of_source(f, name, p->source, ret, err);
        if (!p->source_profile)
                return broken(err, name, "has role_arn without source_profile, credential_source or web_identity_token_file");
        if (strcmp(p->source_profile, name) == 0 && p->access && p->secret) {
                sl_s3_keys_set(ret, p->access, p->secret, p->token, "a profile");
                return SL_S3_FOUND;
        }
        if (depth >= DEPTH_MAX)
                return broken(err, name, "is part of a chain of source_profile that is too long, or a circle");
        enum sl_s3_found found = resolve(f, all, p->source_profile, depth + 1, ret, err);
        return found == SL_S3_ABSENT ? broken(err, p->source_profile, "(a source_profile) holds no credentials") : found;
}

static enum sl_s3_found of_role(struct sl_s3_fetch *f, const struct files *all, const char *name,
                                const struct profile *p, int depth, struct sl_s3_keys *ret, struct sl_err *err)
{
        int64_t seconds = 0;
        struct sl_s3_role role = {.arn = p->role,
                                  .session = p->session,
                                  .external_id = p->external_id,
                                  .region = p->region ?: f->opts->sts_region};
        if (p->seconds && sl_parse_i64(sl_str_c(p->seconds), &seconds))
                role.seconds = seconds;
        if (p->web)
                return sl_s3_assume_web_identity(f, &role, p->web, ret, err) == SL_OK ? SL_S3_FOUND : SL_S3_BROKEN;
        if (p->mfa)
                return broken(err, name, "uses mfa_serial, which needs a person: not supported");
        struct sl_s3_keys base = {0};
        enum sl_s3_found found = role_base(f, all, name, p, depth, &base, err);
        if (found == SL_S3_FOUND && sl_s3_assume_role(f, &role, &base, ret, err) != SL_OK)
                found = SL_S3_BROKEN;
        sl_s3_keys_free(&base);
        return found;
}

static enum sl_s3_found of_process(struct sl_s3_fetch *f, const char *line, struct sl_s3_keys *ret, struct sl_err *err)
{
        struct sl_buf out = {0};
        sl_auto_json *j = NULL;
        enum sl_rc rc = sl_s3_run_program(f, line, PROCESS_MS, &out, err);
        struct sl_str text = {out.ptr ? out.ptr : "", out.len};
        if (rc == SL_OK && (sl_json_parse(text, &j, NULL) != SL_OK || sl_json_int(j, "Version", 0) != 1))
                rc = sl_fail(err, SL_E_S3_SETUP, "AWS credentials: credential_process did not print JSON of Version 1");
        if (rc == SL_OK)
                rc = sl_s3_keys_of_json(text, "a credential_process", ret, err);
        unload(&out);
        return rc == SL_OK ? SL_S3_FOUND : SL_S3_BROKEN;
}

static enum sl_s3_found resolve(struct sl_s3_fetch *f, const struct files *all, const char *name, int depth,
                                struct sl_s3_keys *ret, struct sl_err *err)
{
        struct profile p;
        enum sl_s3_found found = SL_S3_ABSENT;
        read_profile(all, name, &p);
        if (p.sso || p.sso_url) {
                found = broken(err, name, "uses single sign-on (sso_session, sso_start_url), which needs a person: not supported");
        } else if (p.role) {
                found = of_role(f, all, name, &p, depth, ret, err);
        } else if (p.process) {
                found = of_process(f, p.process, ret, err);
        } else if (p.access && p.secret) {
                sl_s3_keys_set(ret, p.access, p.secret, p.token, "a profile");
                found = SL_S3_FOUND;
        } else if (exists(all, name)) {
                sl_buf_printf(&f->tried, "; profile %.100s holds no credentials", name);
        } else {
                sl_buf_printf(&f->tried, "; there is no profile %.100s in the credentials and config files", name);
        }
        free_profile(&p);
        return found;
}

enum sl_s3_found sl_s3_fetch_profile(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err)
{
        const char *name = getenv("AWS_PROFILE");
        struct files all = {0};
        load("AWS_SHARED_CREDENTIALS_FILE", "credentials", &all.credentials);
        load("AWS_CONFIG_FILE", "config", &all.config);
        enum sl_s3_found found = resolve(f, &all, sl_s3_set(name) ? name : "default", 0, ret, err);
        unload(&all.credentials);
        unload(&all.config);
        return found;
}
