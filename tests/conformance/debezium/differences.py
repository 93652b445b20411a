# SPDX-License-Identifier: Apache-2.0
"""Where Sluice differs from Debezium on purpose. Scenarios name these ids where the difference occurs, and it must occur;
docs/debezium-differences.md shows the same list (`run --docs` writes its table, every run checks it)."""

# id: (case, Debezium 3.6.1, Sluice)
DIFFERENCES = {
    "name-in-stream": ("`name` column while streaming", "null", "the value, as in the snapshot"),
    "dates-in-snapshot": ("date `infinity`, `-infinity`, BC in the snapshot",
                          "other numbers than in the stream; the era is lost", "as Debezium's stream, in both"),
    "timetz-24": ("timetz `24:00`", "`00:00:00Z`", "`24:00:00Z`"),
    "negative-scale": ("`numeric(3,-2)`", "scale 2046, values of 800 bytes", "scale 0, precision 5"),
    "bit-arrays": ("`bit(n)[]`", "schema of one `bit(n)`, always null", "an array of `io.debezium.data.Bits`"),
    "nested-arrays": ("array of arrays", "an array of nulls", "null as a whole"),
    "default-quotes": ("default `'it''s'`", "`it`", "`it's`"),
    "default-current-user": ("default `CURRENT_USER`", "the text `CURRENT_USER`", '`""`, as for other computed defaults'),
    "default-concatenation": ("default `'a' \\|\\| 'b'`", "`a`", "none"),
    "toast-base64": ("unchanged (TOAST) bytea with `binary.handling.mode=base64`", "null, as if it were empty",
                     "the placeholder"),
    "default-escapes": ("default with an escape, such as `E'a\\nb'`", "none", "the text"),
    "time-arrays": ("elements of `time[]` and `timetz[]`", "cut to milliseconds and seconds", "complete, as in scalar columns"),
    "hstore-order": ("order of the keys of an `hstore`", "that of a Java hash table", "the server's"),
    "excluded-key-columns": ("key columns that `column.exclude.list` leaves out of the value",
                             "the key has 0 or `\"\"` in the snapshot, and optional fields in the stream",
                             "the key is complete and as without the filter"),
    "partition-roots": ("a partitioned table and its partitions, all captured, in the snapshot",
                        "its rows come twice, for the root and for the partition", "once, as in the stream"),
    "key-include-columns": ("a table without primary key whose unique index has `INCLUDE` columns", "they are part of the key",
                            "the key is the index's own columns"),
    "bc-arrays": ("elements of `timestamp[]` and `timestamptz[]` before Christ", "two days off", "the right day"),
    "toast-text-arrays": ("an array with an unchanged (TOAST) value, of a type whose elements are texts (`inet[]`, `citext[]`,"
                          " `timetz[]`, an enum's ...)", "null", "the placeholder as its only element"),
    "nanosecond-range": ("`time.precision.mode=nanoseconds`: times of 1677-09-21, of which the last hours fit into int64", "null",
                         "the number"),
    "unlogged-tables": ("unlogged tables", "in the snapshot only", "in neither: the server does not stream them"),
    "inherited-rows": ("rows of a table that inherits from another (`INHERITS`), in the snapshot",
                       "twice, for the parent and for the table", "once, as in the stream"),
    "snapshot-always": ("`snapshot.mode=always`: what changed while the connector was stopped",
                        "skipped, so that deletes are lost", "comes after the snapshot, from the stored offset"),
    "row-count-order": ("`snapshot.tables.order.by.row.count` with one thread", "no effect", "the planner's estimates decide"),
    "first-of-empty": ("`source.snapshot` of the first row, when the first table is empty", "`first_in_data_collection`", "`first`"),
    "nan-in-arrays": ("NaN in a `numeric[]` with `decimal.handling.mode=string`", "null", "`NAN` as an element, as in scalar columns"),
    "message-counts": ("logical messages in the counts of an END record", "under the text of a Java object, each by itself; their"
                       " `data_collection_order` is always 1", "`LOGICAL_DECODING_MESSAGE`, all together; they count up"),
    "masked-texts": ("masks of columns that are no text to JDBC but texts in Kafka (`citext`, `uuid`, `json`, `inet`, `timestamptz`, ...)",
                     "the schema says `masked`, the value is not", "masked"),
    "propagated-serial": ("propagated type of `serial` columns and of `numeric`",
                          "`SERIAL` in the snapshot, `INT4` in the stream; length 0 without a scale in the snapshot",
                          "as Debezium's stream, in both"),
    "schema-comments": ("`include.schema.comments`", "without effect",
                        "comments are the columns' `doc`, and `__debezium.source.column.comment`"),
    "notification-order": ("order of the keys of a notification's `additional_data`", "that of a Java hash table", "fixed"),
    "unknown-types-text": ("types without a mapping, `include.unknown.datatypes=true`",
                           "the text of a Java object (`(1.0,1.0),(0.0,0.0)`)", "the server's text (`(1,1),(0,0)`)"),
    "generated-columns": ("generated columns", "in the snapshot only", "in neither: the stream does not carry them, unless the server (18) publishes them: then in the stream only"),
}
PAGE = "docs/debezium-differences.md"
HEAD = "| case | Debezium 3.6.1 | Sluice |\n|---|---|---|\n"


def _table():
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in DIFFERENCES.values())


def check(root, scenarios):
    """What is wrong with the list: ids that nobody names or knows, a page that says something else."""
    named = {number for scenario in scenarios for number in scenario.differs}
    problems = [f"the difference {number} occurs in no scenario: remove it" for number in DIFFERENCES.keys() - named]
    problems += [f"scenarios name the unknown difference {number}" for number in named - DIFFERENCES.keys()]
    if _table() not in (root / PAGE).read_text():
        problems.append(f"{PAGE} does not have the table of differences.py: tests/conformance/debezium/run --docs writes it")
    return problems


def write(root):
    text = (root / PAGE).read_text()
    before, _, rest = text.partition(HEAD)
    rest = rest[rest.index("\n\n"):] if not rest.startswith("\n") else rest
    (root / PAGE).write_text(before + _table() + rest.removeprefix("\n"))
