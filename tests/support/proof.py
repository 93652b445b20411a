# SPDX-License-Identifier: Apache-2.0
"""What must be true of a pipeline, whatever was done to it: Postgres' audit table against the topics, the topics against what the
sinks wrote. Only data goes in, no server is asked, so that a test can give it data that is wrong.

A truth is a table's rows of the audit table, which each transaction writes beside its changes, so that what was rolled back is not
in it: Change(n, op, key, doc), in the order of the row's locks. A record is a stand.Record whose value is the flat row that the
source's transforms make, with __op and __deleted. The invariants' numbers: I1 each committed change once, I2 in its key's order,
I3 nothing that was rolled back, I6 each offset once in the store, I7 letters and rows are the records."""

import collections
import json
from typing import NamedTuple

TOAST = "__debezium_unavailable_value"
HEADERS = ("topic", "partition", "offset", "connector.name", "task.id", "stage", "class.name", "exception.class.name",
           "exception.message", "exception.stacktrace")  # fmt: skip
DLQ = "__sluice.dlq."
LARGE = 1000
POISON, CURE = "poison", "0"


class Change(NamedTuple):
    n: int
    op: str  # r c u d
    key: int
    doc: dict | None  # None: not known, as of a delete without REPLICA IDENTITY FULL


class Report:
    """Collects what is wrong, each kind with its count and first examples."""

    def __init__(self):
        self.wrong = []

    def expect(self, what, wrong):
        if wrong:
            self.wrong.append(f"{what}: {len(wrong)}, such as {str(wrong[:3])[:1500]}")


def change_of(record):
    """(op, key, doc) of a record of the source."""
    value = json.loads(record.value)
    doc = {name: one for name, one in value.items() if not name.startswith("__")}
    return value["__op"], json.loads(record.key)["id"], doc


def is_replayed(record):
    return any(name.startswith(DLQ) for name, _ in record.headers)


def same(change, op, doc):
    """Is this record that change? A large value that the server did not send again, as it stayed the same, counts as equal."""
    if op != change.op:
        return False
    if change.doc is None:
        return True
    return doc.keys() == change.doc.keys() and all(
        one == change.doc[name] or (one == TOAST and op in "uc" and len(change.doc[name]) > LARGE) for name, one in doc.items())


def describe(change):
    return f"{change.n} {change.op} {change.key} {str(change.doc)[:200]}"


def check_source(report, topic, truth, records, since=None):
    """I1 to I3 of one topic. since: the topic was made anew; changes up to that n may be missing. Returns how many changes came."""
    wanted, got = collections.defaultdict(list), collections.defaultdict(list)
    for change in truth:
        wanted[change.key].append(change)
    for record in records:
        if record.value is not None and not is_replayed(record):
            op, key, doc = change_of(record)
            got[key].append((op, doc, f"{record.partition}:{record.offset}"))
    lost, twice, order, never = [], [], [], []
    for key in wanted.keys() | got.keys():
        check_key(wanted[key], got[key], since, lost, twice, order, never)
    report.expect(f"I1 {topic}: committed and not in Kafka", sorted(lost))
    report.expect(f"I1 {topic}: more than once", sorted(twice))
    report.expect(f"I2 {topic}: not in its key's order", sorted(order))
    report.expect(f"I3 {topic}: in Kafka and never committed", sorted(never))
    return sum(map(len, got.values()))


def check_key(wanted, got, since, lost, twice, order, never):
    """One key. Versions are unique, so that each record is one change; deletes without a row are told apart by their place, from
    the end, as what may be missing are the first ones."""
    if since is None and len(wanted) == len(got) and all(same(change, op, doc) for change, (op, doc, _) in zip(wanted, got)):
        return
    taken, last = set(), len(wanted)
    for op, doc, where in reversed(got):
        fits = [place for place, change in enumerate(wanted) if same(change, op, doc)]
        free = [place for place in fits if place not in taken]
        if not fits:
            never.append((where, op, str(doc)[:200]))
        elif not free:
            twice.append((where, describe(wanted[fits[0]])))
        else:
            place = max((place for place in free if place < last), default=free[-1])
            if place > last:
                order.append((where, describe(wanted[place])))
            taken.add(place)
            last = place
    lost += [describe(change) for place, change in enumerate(wanted) if place not in taken and (since is None or change.n > since)]


def is_poison(record):
    return record.value is not None and json.loads(record.value).get("mark") == POISON


def check_sink(report, sink, topic, records, rows, letters):
    """I6 and I7 of one sink and topic. rows: [(partition, offset, row)] with row a dict of what landed; letters: what it
    dead-lettered, as records. A letter may be there twice after a crash; a row may not."""
    by_place = {(record.partition, record.offset): record for record in records if record.value is not None}
    poisoned = {place for place, record in by_place.items() if is_poison(record)}
    landed = collections.Counter((partition, offset) for partition, offset, _ in rows)
    told = {place for place, _ in map(origin, letters)}
    name = f"{sink} {topic}"
    report.expect(f"I6 {name}: neither a row nor a letter", sorted(by_place.keys() - landed.keys() - told))
    report.expect(f"I6 {name}: more than one row", sorted(place for place, count in landed.items() if count > 1))
    report.expect(f"I6 {name}: a row that is no record", sorted(landed.keys() - by_place.keys()))
    report.expect(f"I7 {name}: a row and a letter", sorted(landed.keys() & told))
    report.expect(f"I7 {name}: a letter of a good record", sorted(told - poisoned))
    report.expect(f"I7 {name}: a bad record without a letter", sorted(poisoned - told))
    wrong = []
    for partition, offset, row in rows:
        record = by_place.get((partition, offset))
        if record and not same_row(json.loads(record.value), row):
            wrong.append((partition, offset, str(row)[:300], record.value[:300]))
    report.expect(f"I6 {name}: other values than the record's", wrong)
    bad = [(letter.partition, letter.offset) for letter in letters
           if (place := origin(letter)[0]) in by_place and (letter.value != by_place[place].value or letter.key != by_place[place].key)]
    report.expect(f"I7 {name}: a letter with other bytes than its record", bad)
    return len(landed)


def same_row(value, row):
    """Does the row, as far as it has the columns, hold the record's values? mark is cast to a number on the way."""
    return all(column not in value or column == "mark" or value[column] == one for column, one in row.items()) and (
        "mark" not in row or value.get("mark") is None or str(row["mark"]) == value["mark"])  # fmt: skip


def header(record, name):
    """The last header of that name as text."""
    found = [value for key, value in record.headers if key == name]
    return found[-1].decode() if found and found[-1] is not None else None


def origin(letter):
    """((partition, offset), topic) of a dead letter."""
    prefix = "__connect.errors."
    return (int(header(letter, prefix + "partition")), int(header(letter, prefix + "offset"))), header(letter, prefix + "topic")


def check_letters(report, dlq, letters, topics):
    """I7: full headers, and each dead letter replayed once, cured, into its partition. topics: {topic: records}."""
    bare = [(letter.partition, letter.offset) for letter in letters
            if any(header(letter, f"__connect.errors.{name}") in (None, "") for name in HEADERS)]  # fmt: skip
    report.expect(f"I7 {dlq}: a letter without its headers", bare)
    if bare:
        return
    dead = {(topic, *place): letter for letter in letters for place, topic in [origin(letter)]}
    back = collections.defaultdict(list)
    for topic, records in topics.items():
        for record in filter(is_replayed, records):
            names = (header(record, DLQ + f"origin.{what}") for what in ("topic", "partition", "offset"))
            came, partition, offset = names
            back[came, int(partition), int(offset)].append((topic, record))
    report.expect(f"I7 {dlq}: a letter that was not replayed", sorted(dead.keys() - back.keys()))
    report.expect(f"I7 {dlq}: replayed more than once", sorted(place for place, copies in back.items() if len(copies) > 1))
    report.expect(f"I7 {dlq}: a replay of no letter", sorted(back.keys() - dead.keys()))
    wrong = []
    for place in dead.keys() & back.keys():
        topic, record = back[place][0]
        cured = {**json.loads(dead[place].value), "mark": CURE}
        if (topic, record.partition) != place[:2] or record.key != dead[place].key or json.loads(record.value) != cured:
            wrong.append((place, topic, record.partition, record.value[:200]))
    report.expect(f"I7 {dlq}: a replay that is not its letter, cured", wrong)


def fold(records):
    """{key: doc} as the last records of a source's topic leave them, without what was replayed."""
    state = {}
    for record in records:
        if record.value is not None and not is_replayed(record):
            op, key, doc = change_of(record)
            if op == "d":
                state.pop(key, None)
            else:
                state[key] = doc
    return state


def check_state(report, topic, rows, records):
    """After a slot was lost and a new snapshot read: what is in the table is in the topic. rows: {key: doc}. Rows that were deleted
    while nobody looked may still be in the topic."""
    state = fold(records)
    wrong = [(key, str(doc)[:200], str(state.get(key))[:200]) for key, doc in rows.items()
             if key not in state or not same(Change(0, "u", key, doc), "u", state[key])]  # fmt: skip
    report.expect(f"I1 {topic}: not as the table after a new snapshot", wrong)
