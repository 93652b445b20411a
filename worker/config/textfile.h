/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a small text file whole. */
#ifndef SL_CONFIG_TEXTFILE_H
#define SL_CONFIG_TEXTFILE_H
#include "base/err.h"
#include "base/str.h"

/* Append the bytes of a regular file of at most 16 MiB to out. SL_E_IO names the file and the reason; a file with a NUL
 * byte is refused, because configuration values are C strings. */
enum sl_rc sl_textfile_read(const char *path, struct sl_buf *out, struct sl_err *err);
#endif
