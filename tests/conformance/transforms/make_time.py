# SPDX-License-Identifier: Apache-2.0
"""Makes cases/time_random.json: random instants through TimestampConverter and TimestampRouter, over all target types, kinds of input
and some 20 patterns.

  make_time.py [SEED] > cases/time_random.json
"""
import datetime
import json
import random
import sys

TYPE = "org.apache.kafka.connect.transforms."
LOGICAL = "org.apache.kafka.connect.data."
PATTERNS = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "yyyyMMddHHmmssSSS", "EEE, d MMM yyyy HH:mm:ss Z", "dd/MM/yy hh:mm a",
            "G yyyy-DDD kk:mm", "YYYY-'W'ww-u", "yyyy MM W E", "yyyy MM F EEEE", "MMMM d, yyyy K:mm:ss a z", "yyyy-MM-dd HH:mm:ssX",
            "yyyy-MM-dd HH:mm:ssXX", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyMMdd", "h 'o''clock' a, zzzz", "D yyyy", "S s m H d M y",
            "LLL yyyy", "yyyyyy.SSSSSS", "w/yyyy u"]
TARGETS = ["string", "unix", "Date", "Time", "Timestamp"]
PRECISIONS = {"seconds": 1, "milliseconds": 1000, "microseconds": 1000000, "nanoseconds": 1000000000}


def instant(r):
    kind = r.randrange(5)
    if kind == 0:
        return r.randrange(-62135596800000, 253402300800000)
    if kind == 1:
        return -12219292800000 + r.randrange(-40 * 86400000, 40 * 86400000)
    if kind == 2:
        return r.randrange(-3 * 86400000, 3 * 86400000)
    return r.randrange(0, 4102444800000)


def text(r, ms):
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    stem = at.strftime("%m-%d")
    return r.choice([f"{at.year:04}-{stem}", f"{at.year:04}-{stem}T{at:%H:%M:%S}.{at.microsecond // 1000:03}Z",
                     f"{at.year}-{at.month}-{at.day}", f"{at.year:04}-{at.month + 12:02}-{at.day + 31}", "no date"])


def given(r, ms, precision):
    """A schema and a value of one kind."""
    kind = r.choice(["unix", "string", "Date", "Time", "Timestamp"])
    if kind == "string":
        return {"type": "string"}, text(r, ms)
    if kind == "unix":
        return {"type": "int64"}, max(-2**63, min(2**63 - 1, ms * PRECISIONS[precision] // 1000 + r.randrange(-3, 3)))
    if kind == "Date":
        return {"type": "int32", "name": LOGICAL + "Date", "version": 1}, ms // 86400000
    if kind == "Time":
        return {"type": "int32", "name": LOGICAL + "Time", "version": 1}, ms % 86400000
    return {"type": "int64", "name": LOGICAL + "Timestamp", "version": 1}, ms


def record(i, side, payload, timestamp=None):
    return {"topic": "t", "partition": 0, "offset": i, "timestamp": timestamp, side: payload}


def converter_case(r, name, i):
    side, target, precision = r.choice(["key", "value"]), TARGETS[i % 5], r.choice(list(PRECISIONS))
    pattern = PATTERNS[i // 5 % len(PATTERNS)] if target == "string" else r.choice(["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"])
    field = r.choice(["", "ts"])
    config = {"transforms": "c", "transforms.c.type": f"{TYPE}TimestampConverter${side.capitalize()}",
              "transforms.c.target.type": target, "transforms.c.format": pattern, "transforms.c.unix.precision": precision}
    if field:
        config["transforms.c.field"] = field
    records = []
    for n in range(3):
        schema, value = given(r, instant(r), precision)
        schema["optional"] = r.random() < 0.3
        if schema["optional"] and r.random() < 0.2:
            value = None
        if r.random() < 0.25 and target in ("string", "unix") and "name" not in schema:
            payload = {"schema": None, "payload": {field: value, "n": n} if field else value}
        elif field:
            payload = {"schema": {"type": "struct", "optional": False,
                                  "fields": [{"type": "int32", "optional": False, "field": "n"}, {**schema, "field": field}]},
                       "payload": {"n": n, field: value}}
        else:
            payload = {"schema": schema, "payload": value}
        records.append(record(n, side, payload))
    return {"name": name, "config": config, "direction": r.choice(["source", "sink"]), "records": records}


def router_case(r, name, i):
    config = {"transforms": "r", "transforms.r.type": TYPE + "TimestampRouter", "transforms.r.timestamp.format": PATTERNS[i]}
    return {"name": name, "config": config, "direction": "sink",
            "records": [record(n, "value", {"schema": None, "payload": n}, r.randrange(0, 4102444800000)) for n in range(2)]}


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6)
    print("seed", seed, file=sys.stderr)
    r = random.Random(seed)
    cases = [converter_case(r, f"time.random.{seed}.converter.{i}", i) for i in range(100)]
    cases += [router_case(r, f"time.random.{seed}.router.{i}", i) for i in range(len(PATTERNS))]
    print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")


if __name__ == "__main__":
    main()
