/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of key values as java.io.ObjectOutputStream writes an Object[], in hex: that is how Debezium keeps the progress
 * of an incremental snapshot in its offset. Values are texts as Postgres writes them. Format: Java Object Serialization
 * Specification, version 2 of the stream protocol. Not here: any class but the few that key columns become. */
#ifndef SL_POSTGRES_JAVASERIAL_H
#define SL_POSTGRES_JAVASERIAL_H
#include "base/arena.h"
#include "base/str.h"

/* What a column's values are to the JDBC driver. */
enum sl_java_type {
        SL_JAVA_STRING, /* also everything without a class of its own here: Debezium can't go on from those */
        SL_JAVA_INTEGER,
        SL_JAVA_LONG,
        SL_JAVA_BOOLEAN,
        SL_JAVA_FLOAT,
        SL_JAVA_DOUBLE,
        SL_JAVA_UUID,
        SL_JAVA_DECIMAL
};

/* Appends the hex of an Object[n]; texts NULL: of null. An item with ptr NULL is null; a text that its type can't hold
 * becomes a String. */
void sl_java_write_keys(const struct sl_str *texts, const enum sl_java_type *types, uint32_t n, struct sl_buf *hex);
/* The other way: *ret NULL and *ret_n 0 for null. Texts are in the arena, NUL-terminated. Reads every class above and Short,
 * Byte, Character, BigInteger. false: malformed, or a class it does not know. */
bool sl_java_read_keys(struct sl_str hex, struct sl_arena *arena, struct sl_str **ret, uint32_t *ret_n);
#endif
