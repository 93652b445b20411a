/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a small text file whole: .properties files and the secrets that file and dir references name.
 * Devices, pipes and directories are refused, so that a reference can't block a worker. */
#include "config/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (16u << 20)

static enum sl_rc read_all(int fd, const char *path, struct sl_buf *out, struct sl_err *err)
{
        size_t start = out->len;
        for (;;) {
                if (!sl_buf_room(out, 4096) || out->len - start > MAX_FILE)
                        return sl_fail(err, SL_E_IO, "%s is larger than 16 MiB: is it the right file?", path);
                ssize_t n = read(fd, out->ptr + out->len, out->cap - out->len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return sl_fail(err, SL_E_IO, "%s could not be read: %s.", path, strerror(errno));
                if (n == 0)
                        break;
                out->len += (size_t)n;
        }
        if (out->len > start && memchr(out->ptr + start, 0, out->len - start))
                return sl_fail(err, SL_E_IO, "%s holds a NUL byte: it must be a text file.", path);
        return SL_OK;
}

enum sl_rc sl_textfile_read(const char *path, struct sl_buf *out, struct sl_err *err)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return sl_fail(err, SL_E_IO, "%s could not be opened: %s.", path, strerror(errno));
        enum sl_rc rc;
        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
                rc = sl_fail(err, SL_E_IO, "%s is not a regular file.", path);
        else
                rc = read_all(fd, path, out, err);
        close(fd);
        return rc;
}
