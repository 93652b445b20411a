/* SPDX-License-Identifier: Apache-2.0 */
/* snowflake.validation=client_side: may this value go into that column, and how is it written there? The rules are
 * those of the Java connector (its RowValidator), so what it would have put into the dead-letter topic goes there here
 * too. @thread any. */
#ifndef SL_SF_VALIDATE_H
#define SL_SF_VALIDATE_H
#include "connectors/snowflake/types.h"

/* A value as the connector converted it. */
enum sl_sf_given {
        SL_SF_GIVEN_BOOL,
        SL_SF_GIVEN_INT,
        SL_SF_GIVEN_FLOAT,
        SL_SF_GIVEN_DECIMAL,
        SL_SF_GIVEN_STRING,
        SL_SF_GIVEN_BYTES,
        SL_SF_GIVEN_ARRAY,
        SL_SF_GIVEN_OBJECT
};
struct sl_sf_value {
        enum sl_sf_given kind;
        int64_t i64; /* BOOL, INT */
        struct sl_str
                text; /* FLOAT, DECIMAL: as a JSON number; STRING: its characters; BYTES; ARRAY, OBJECT: JSON text */
};
/* Append v as JSON for the column. hex: bytes go into BINARY columns as hexadecimal digits, else as base64.
 * SL_E_SF_RECORD (record scope): column and reason, never the value. out is then as it was. */
enum sl_rc sl_sf_validate(const struct sl_sf_column *col, const struct sl_sf_value *v, bool hex, struct sl_buf *out,
                          struct sl_err *err);
/* Append text if it is one JSON value (RFC 8259, no key twice in an object), without the blanks between its tokens, and
 * well-formed UTF-8. *ret_type: its first character ('{', '[', '"', ...; 0 for an empty text, which appends nothing).
 * false: it is none. */
bool sl_sf_json_compact(struct sl_str text, struct sl_buf *out, char *ret_type);
/* Can the table's columns be validated at all? SL_E_SF_REFUSED names the first that can't: collated ones. */
enum sl_rc sl_sf_validate_table(const struct sl_sf_desc *d, struct sl_err *err);
#endif
