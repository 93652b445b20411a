# SPDX-License-Identifier: Apache-2.0
"""Compares two lists of Kafka records as JSON with schemas: structure, order of fields, numbers as they are written, and at
last the bytes. Masks leave out what can't be equal. Knows no scenario and no server."""

import json
import re

# When the connector saw the change, and which run of it; for all scenarios.
ALWAYS = [
    r"value\.payload\.ts_(ms|us|ns)$",
    r"headers\.__debezium\.context\.runId$",
]
# Of a row that a snapshot read: each side has its own snapshot.
SNAPSHOT = [r"value\.payload\.source\.(ts_ms|ts_us|ts_ns|txId|lsn|sequence)$"]
COMMIT_TIMES = r"\.transaction value\.payload\.ts_ms$"  # are the database's, and equal


class Number(str):
    """A number as the text shows it: 1.0 is not 1, and 1e5 is not 100000.0."""

    def __repr__(self):
        return str(self)


def decode(data):
    """What a record holds as text; bytes that are no UTF-8 are shown as such."""
    return None if data is None else data.decode(errors="backslashreplace")


def parse(text):
    if text is None:
        return None
    try:
        return json.loads(text, parse_float=Number, parse_int=Number)
    except ValueError:
        return text


def paths(ours, theirs, path):
    """Where two parsed values differ: (path, ours, theirs)."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if list(ours) != list(theirs):
            yield path + " fields", list(ours), list(theirs)
        for name in ours:
            if name in theirs:
                yield from paths(ours[name], theirs[name], f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if path.endswith(".fields") and all(isinstance(f, dict) and "field" in f for f in ours + theirs):
            yield from paths({f["field"]: f for f in ours}, {f["field"]: f for f in theirs}, path)
            return
        if len(ours) != len(theirs):
            yield path, ours, theirs
        for number, (left, right) in enumerate(zip(ours, theirs)):
            yield from paths(left, right, f"{path}[{number}]")
    elif repr(ours) != repr(theirs):
        yield path, ours, theirs


def _is_snapshot(value):
    payload = value.get("payload") if isinstance(value, dict) else None
    source = payload.get("source") if isinstance(payload, dict) else None
    return isinstance(source, dict) and source.get("snapshot") not in (None, "false")


def _without(text, keys):
    """The text with the scalars of these keys neutral."""
    for key in keys:
        text = re.sub(rf'"{re.escape(key)}":("(?:[^"\\]|\\.)*"|[^,}}\]]+)', f'"{key}":0', text)
    return text


def record_differences(topic, ours, theirs, masks):
    """Each (place, ours, theirs) of two records of one topic; place is "PHASE TOPIC PART.path"."""
    patterns = [*ALWAYS, *masks]
    texts = [(decode(r.key), decode(r.value)) for r in (ours, theirs)]
    values = [parse(text) for _, text in texts]
    if any(map(_is_snapshot, values)):
        patterns += SNAPSHOT
        topic = f"snapshot {topic}"
    else:
        topic = f"stream {topic}"
    neutral = {path.rpartition(".")[2] for path in ("a.ts_ms", "a.ts_us", "a.ts_ns", "a.txId", "a.lsn", "a.sequence")}
    found = masked = False
    heads = [{name: decode(text) for name, text in record.headers} for record in (ours, theirs)]
    parts = [("key", parse(texts[0][0]), parse(texts[1][0])), ("value", *values), ("headers", *heads)]
    for part, left, right in parts:
        for path, a, b in paths(left, right, f"{topic} {part}"):
            hidden = any(re.search(pattern, path) for pattern in patterns)
            if hidden and not re.search(COMMIT_TIMES, path):
                masked = True
                neutral.add(re.split(r"[.\]]", path)[-1])
                continue
            found = True
            yield path, a, b
    if not found:
        for part, a, b in (("key", texts[0][0], texts[1][0]), ("value", texts[0][1], texts[1][1])):
            if a != b and not (masked and a and b and _without(a, neutral) == _without(b, neutral)):
                yield f"{topic} {part} bytes", a, b


def differences(ours, theirs, masks):
    """Between {topic: records in order} of both sides: (place, which record, ours, theirs). A topic's partitions are compared
    one by one."""
    for topic in sorted(ours.keys() | theirs.keys()):
        left, right = ours.get(topic, []), theirs.get(topic, [])
        if any(re.search(pattern, f"{topic} topic") for pattern in masks):
            continue
        for partition in sorted({record.partition for record in left + right}):
            mine = [record for record in left if record.partition == partition]
            other = [record for record in right if record.partition == partition]
            for number, (a, b) in enumerate(zip(mine, other)):
                for place, x, y in record_differences(topic, a, b, masks):
                    yield place, f"record {number} of partition {partition}", x, y
            if len(mine) != len(other):
                yield f"{topic} records", f"partition {partition}", summary(mine), summary(other)


def summary(records):
    """A few words on each record, for a report of missing ones."""
    words = []
    for record in records:
        value = parse(decode(record.value))
        payload = value.get("payload") if isinstance(value, dict) else None
        op = payload.get("op") if isinstance(payload, dict) else None
        key = parse(decode(record.key))
        key = key.get("payload", key) if isinstance(key, dict) else key
        words.append(f"{op or ('tombstone' if record.value is None else '?')}{json.dumps(key, ensure_ascii=False)}")
    return f"{len(records)}: " + ", ".join(words[:12]) + (" ..." if len(words) > 12 else "")
