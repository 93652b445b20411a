# SPDX-License-Identifier: Apache-2.0
"""Runs the records of cases.py through avro_tool (ours) and Oracle.java (Apicurio's copy of Confluent's AvroData, and Avro's own
library), and compares: the text of the Avro schema, the bytes, and what is read back from them; fastavro must read our bytes, too.
Maps of several entries are compared as values: Java writes them in the order of its hash table."""
import argparse
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import fastavro

import cases

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]

# What differs from this oracle: name -> why, and what our answer must contain.
EXPECTED = json.loads((HERE / "expected.json").read_text())


def jars():
    folders = os.environ["SLUICE_KAFKA"], os.environ["SLUICE_AVRODATA"]
    return ":".join(str(jar) for folder in folders for jar in sorted(pathlib.Path(folder).glob("*.jar")))


def java(lines, work):
    if not (pathlib.Path(work) / "Oracle.class").exists():
        subprocess.run(["javac", "-proc:none", "-cp", jars(), "-d", work, HERE / "Oracle.java"], check=True)
    done = subprocess.run(["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC",
                           "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{work}:{jars()}", "Oracle"],
                          input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(lines, tool):
    done = subprocess.run([tool], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or a != a and b != b


def fast(schema, data):
    source = io.BytesIO(bytes.fromhex(data))
    value = fastavro.schemaless_reader(source, fastavro.parse_schema(plain(json.loads(schema))), return_record_name=True)
    if source.read():
        raise ValueError("bytes are left")
    return value


def raw(schema):
    text = json.loads(schema)
    return text == "bytes" or isinstance(text, dict) and text["type"] == "bytes"


def differs(a, b):
    """Sentences about what differs between Java's answer a and ours."""
    if ("error" in a) != ("error" in b):
        return ["only one side fails"]
    if "error" in a:
        return []
    if "schema" not in b:
        return [] if a == b or "record" in b else ["null on one side"]
    found = []
    if a["schema"] != b["schema"]:
        found.append("the texts of the schemas differ" + ("" if json.loads(a["schema"]) == json.loads(b["schema"]) else ", as JSON too"))
    if a["data"] != b["data"] and (raw(b["schema"]) or not same(fast(a["schema"], a["data"]), fast(b["schema"], b["data"]))):
        found.append("the bytes differ")
    if not raw(b["schema"]):
        fast(b["schema"], b["data"])
    return found


def read_differs(a, b):
    if ("error" in a) != ("error" in b):
        return ["only one side fails"]
    if "error" in a:
        return []
    found = [] if a["printed"] == b["printed"] else ["the schemas printed again differ"]
    values = [r["record"] and json.loads(r["record"]) for r in (a, b)]
    return found if same(*values) else [*found, "the records differ"]


def report(name, found, a, b):
    """0 or 1."""
    if name in EXPECTED:
        if not found:
            print(f"FAIL {name}: listed as different, but it is not")
            return 1
        if EXPECTED[name][1] not in json.dumps(b):
            found.append(f"expected ours to have {EXPECTED[name][1]}")
        else:
            return 0
    if os.environ.get("SLUICE_SHOW_ERRORS") and "error" in a:
        print(f"both fail: {name}: {a['error']} | {b.get('error')}")
    if found:
        print(f"FAIL {name}: {'; '.join(found)}\n   java: {json.dumps(a)[:1500]}\n   ours: {json.dumps(b)[:1500]}")
    return bool(found)


def hexed(schema, value):
    if schema == "bytes":
        return value.hex()
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return out.getvalue().hex()


def plain(schema):
    """Without logical types: the values of the cases are what is in the bytes."""
    if isinstance(schema, dict):
        return {k: plain(v) for k, v in schema.items() if k != "logicalType"}
    return [plain(s) for s in schema] if isinstance(schema, list) else schema


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--only", default="", help="cases whose name contains this")
    args.add_argument("--tool", default=os.environ.get("SLUICE_AVRO_TOOL", str(ROOT / "build/dev/tests/support/avro_tool")))
    args = args.parse_args()
    writes = [w for w in cases.WRITES if args.only in w[0]]
    lines = "".join(json.dumps({"op": "write", "options": o, "record": json.dumps({"schema": s, "payload": p})}) + "\n"
                    for _, o, s, p in writes)
    bad = total = 0
    with tempfile.TemporaryDirectory() as work:
        theirs, mine = java(lines, work), ours(lines, args.tool)
        back = [("back: " + n, o, a["schema"], a["data"], None) for (n, o, _, _), a in zip(writes, theirs) if "schema" in a]
        for (name, *_), a, b in zip(writes, theirs, mine, strict=True):
            bad += report(name, differs(a, b), a, b)
        total += len(writes)
        reads = back + [("read: " + n, o, json.dumps(s), hexed(plain(s), v), r and json.dumps(r)) for n, o, s, v, r in cases.READS
                        if args.only in n]
        lines = "".join(json.dumps({"op": "read", "options": o, "schema": s, "data": d, **({"reader": r} if r else {})}) + "\n"
                        for _, o, s, d, r in reads)
        for (name, *_), a, b in zip(reads, java(lines, work), ours(lines, args.tool), strict=True):
            bad += report(name, read_differs(a, b), a, b)
        total += len(reads)
    print(f"{total} records ({len(writes)} written, {len(reads)} read), {bad} differ")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
