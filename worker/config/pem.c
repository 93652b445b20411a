/* SPDX-License-Identifier: Apache-2.0 */
/* PEM text and what a store's file is (RFC 7468; Java's keystore magic). Decrypts nothing and checks no certificate: OpenSSL does. */
#include "config/pem.h"

#include <errno.h>
#include <stdio.h>

enum sl_pem_content sl_pem_look(const char *path)
{
        FILE *file = fopen(path, "rbe");
        char head[512] = "";

        if (!file)
                return SL_PEM_UNREADABLE;
        size_t n = fread(head, 1, sizeof(head) - 1, file);
        int error = ferror(file) ? errno : 0; /* a directory opens, but can't be read */
        fclose(file);
        if (error) {
                errno = error;
                return SL_PEM_UNREADABLE;
        }
        if (n >= 4 && memcmp(head, "\xfe\xed\xfe\xed", 4) == 0)
                return SL_PEM_JKS;
        if (n >= 2 && head[0] == 0x30)
                return SL_PEM_DER;
        return memmem(head, n, "-----BEGIN", 10) || memmem(head, n, "Bag Attributes", 14) ? SL_PEM_TEXT : SL_PEM_OTHER;
}

/* Base64 in lines of 64, whatever blanks were between. */
static void wrap(struct sl_buf *out, const char *p, const char *end)
{
        size_t n = 0;

        for (; p < end; p++) {
                if (strchr(" \t\r\n", *p))
                        continue;
                if (n && n % 64 == 0)
                        sl_buf_addc(out, '\n');
                sl_buf_addc(out, *p);
                n++;
        }
        sl_buf_addc(out, '\n');
}

bool sl_pem_lines(const char *text, struct sl_buf *out)
{
        const char *begin = strstr(text, "-----BEGIN ");

        for (const char *p = begin; p; p = strstr(p, "-----BEGIN ")) {
                const char *body = strstr(p + 11, "-----"), *end = body ? strstr(body + 5, "-----END ") : NULL;
                const char *stop = end ? strstr(end + 9, "-----") : NULL;
                if (!stop)
                        return false;
                body += 5;
                stop += 5;
                sl_buf_add(out, p, (size_t)(body - p));
                sl_buf_addc(out, '\n');
                if (memchr(body, ':', (size_t)(end - body))) /* header lines, which only real lines can have */
                        sl_buf_add(out, body + strspn(body, " \t\r\n"),
                                   (size_t)(end - body) - strspn(body, " \t\r\n"));
                else
                        wrap(out, body, end);
                sl_buf_add(out, end, (size_t)(stop - end));
                sl_buf_addc(out, '\n');
                p = stop;
        }
        return begin != NULL;
}
