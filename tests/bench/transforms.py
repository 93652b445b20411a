# SPDX-License-Identifier: Apache-2.0
"""Transforms against the Java classes: records a second on one core, ours and Java's in turns, and our heap allocations.

Both sides are one process each on the same core (never at the same time), get the same chain and the same 256 records with the four
headers that Debezium puts on every record, and run for
a while per turn; Java is warmed up before the first. "records": transforms alone, on records in memory. "json" and "avro": bytes to
bytes, JsonConverter with schemas or AvroConverter on both ends. Rates are records by seconds of the processor (the JVM's compiler and
collector with it), so that other work on the machine counts for neither. The spread of one side's turns is the noise that is reported.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import jvm_connect  # noqa: E402
import stand  # noqa: E402
import wanted  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "transforms"
ROOT = HERE.parents[2]
WANTED = 5.0
LUA_WANTED = 1e6  # records a second; there is no Java side
LUA = {"script": "function apply(record) return record.value.balance >= 0 end"}


def field(field, kind, **more):
    return {"type": kind, "optional": False, "field": field, **more}


FLAT = {"type": "struct", "optional": False, "name": "bank.accounts.Value", "fields": [
    field("id", "int64"), field("iban", "string"), field("name", "string", optional=True), field("city", "string", optional=True),
    field("balance", "double"), field("active", "boolean"), field("opened", "int64", name="org.apache.kafka.connect.data.Timestamp", version=1),
    field("branch", "int32"), field("rating", "int16", optional=True), field("note", "string", optional=True)]}
CONTEXT = {"__debezium.context." + k: v for k, v in (("connectorLogicalName", "bank"), ("taskId", "0"), ("connectorName", "postgresql"),
                                                     ("runId", "00000000-0000-0000-0000-000000000000"))}
KEY = {"type": "struct", "optional": False, "name": "bank.accounts.Key", "fields": [field("id", "int64")]}
NESTED = {"type": "struct", "optional": False, "name": "bank.customer.Value", "fields": [
    field("id", "int64"),
    field("address", "struct", optional=True, fields=[field("street", "string"), field("city", "string"), field("zip", "string", optional=True)]),
    field("contact", "struct", optional=True, fields=[field("mail", "string"), field("phone", "string", optional=True)])]}
SOURCE = {"type": "struct", "optional": False, "name": "io.debezium.connector.postgresql.Source", "field": "source", "fields": [
    field("version", "string"), field("connector", "string"), field("name", "string"), field("ts_ms", "int64"), field("db", "string"),
    field("schema", "string"), field("table", "string"), field("txId", "int64", optional=True), field("lsn", "int64", optional=True)]}
ROW = {**FLAT, "optional": True}
ENVELOPE = {"type": "struct", "optional": False, "name": "bank.accounts.Envelope", "version": 1, "fields": [
    {**ROW, "field": "before"}, {**ROW, "field": "after"}, SOURCE, field("op", "string"), field("ts_ms", "int64", optional=True)]}


def flat(i):
    return {"id": i, "iban": f"DE89370400440532{i:06}", "name": f"Customer number {i}", "city": ["Berlin", "Bremen", "Ulm"][i % 3],
            "balance": i * 1.25, "active": i % 2 == 0, "opened": 1700000000000 + i, "branch": i % 17, "rating": i % 5,
            "note": None if i % 3 else "something that was said"}


def nested(i):
    return {"id": i, "address": {"street": f"Main street {i}", "city": "Ulm", "zip": f"{i:05}"}, "contact": {"mail": f"c{i}@example.com", "phone": None}}


def envelope(i):
    return {"before": None if i % 2 else flat(i), "after": flat(i), "op": "c" if i % 2 else "u", "ts_ms": 1700000000123,
            "source": {"version": "3.6.1.Final", "connector": "postgresql", "name": "bank", "ts_ms": 1700000000100, "db": "bank",
                       "schema": "public", "table": "accounts", "txId": 1000 + i, "lsn": 33554432 + i}}


SHAPES = {"flat": (FLAT, flat), "nested": (NESTED, nested), "envelope": (ENVELOPE, envelope)}
KAFKA = "org.apache.kafka.connect.transforms."
DEBEZIUM = "io.debezium.transforms."

# name, shape of the records, type, its keys
SINGLE = [
    ("Cast", "flat", KAFKA + "Cast$Value", {"spec": "balance:string,branch:int64"}),
    ("Cast$Key", "flat", KAFKA + "Cast$Key", {"spec": "id:string"}),
    ("DropHeaders", "flat", KAFKA + "DropHeaders", {"headers": "__debezium.context.runId"}),
    ("ExtractField", "flat", KAFKA + "ExtractField$Value", {"field": "name"}),
    ("Flatten", "nested", KAFKA + "Flatten$Value", {}),
    ("HeaderFrom", "flat", KAFKA + "HeaderFrom$Value", {"fields": "city", "headers": "city", "operation": "copy"}),
    ("HeaderFrom, move", "flat", KAFKA + "HeaderFrom$Value", {"fields": "city", "headers": "city", "operation": "move"}),
    ("HeaderFrom$Key", "flat", KAFKA + "HeaderFrom$Key", {"fields": "id", "headers": "id", "operation": "copy"}),
    ("HeaderFrom$Key, move", "flat", KAFKA + "HeaderFrom$Key", {"fields": "id", "headers": "id", "operation": "move"}),
    ("HoistField", "flat", KAFKA + "HoistField$Value", {"field": "row"}),
    ("InsertField", "flat", KAFKA + "InsertField$Value", {"static.field": "site", "static.value": "north", "timestamp.field": "at"}),
    ("InsertHeader", "flat", KAFKA + "InsertHeader", {"header": "site", "value.literal": "north"}),
    ("MaskField", "flat", KAFKA + "MaskField$Value", {"fields": "iban,name"}),
    ("RegexRouter", "flat", KAFKA + "RegexRouter", {"regex": "bank\\.public\\.(.*)", "replacement": "lake-$1"}),
    ("ReplaceField", "flat", KAFKA + "ReplaceField$Value", {"exclude": "note", "renames": "iban:account"}),
    ("SetSchemaMetadata", "flat", KAFKA + "SetSchemaMetadata$Value", {"schema.name": "lake.Account", "schema.version": "2"}),
    ("TimestampConverter", "flat", KAFKA + "TimestampConverter$Value", {"field": "opened", "target.type": "string", "format": "yyyy-MM-dd HH:mm:ss"}),
    ("TimestampRouter", "flat", KAFKA + "TimestampRouter", {"topic.format": "${topic}-${timestamp}"}),
    ("ValueToKey", "flat", KAFKA + "ValueToKey", {"fields": "iban,id"}),
    ("ExtractNewRecordState", "envelope", DEBEZIUM + "ExtractNewRecordState", {"add.fields": "op,source.lsn", "delete.tombstone.handling.mode": "rewrite"}),
    ("ByLogicalTableRouter", "envelope", DEBEZIUM + "ByLogicalTableRouter", {"topic.regex": "(.*)\\.envelope", "topic.replacement": "$1.all"}),
]
FIVE = [
    (KAFKA + "ReplaceField$Value", {"exclude": "note", "renames": "iban:account"}),
    (KAFKA + "InsertField$Value", {"static.field": "site", "static.value": "north"}),
    (KAFKA + "Cast$Value", {"spec": "branch:int64"}),
    (KAFKA + "ValueToKey", {"fields": "id"}),
    (KAFKA + "RegexRouter", {"regex": "bank\\.public\\.(.*)", "replacement": "lake-$1"}),
]


def job(shape, steps, form, registry):
    schema, make = SHAPES[shape]
    config = {"transforms": ",".join(f"t{i}" for i in range(len(steps)))}
    for i, (kind, keys) in enumerate(steps):
        config[f"transforms.t{i}.type"] = kind
        config.update({f"transforms.t{i}.{k}": v for k, v in keys.items()})
    lines = [{"key": {"schema": KEY, "payload": {"id": i}}, "value": {"schema": schema, "payload": make(i)}} for i in range(256)]
    return {"config": config, "form": form, "registry": registry, "topic": f"bank.public.{shape}", "headers": CONTEXT, "lines": lines}


class Side:
    def __init__(self, command, core):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "failed" in answer:
            raise SystemExit(f"{self.process.args[0]}: {answer['failed']}")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def jars():
    debezium = jvm_connect.fetch(*jvm_connect.PLUGINS["debezium"])
    folders = (os.environ["SLUICE_KAFKA"], "*.jar"), (debezium, "debezium-*.jar"), (os.environ["SLUICE_AVRODATA"], "*.jar")
    return ":".join(str(jar) for folder, pattern in folders for jar in sorted(pathlib.Path(folder).glob(pattern)))


def measure(sides, name, job, args):
    ours, *others = sides
    for side in sides:
        side.ask(json.dumps(job))
    for java in others:
        java.ask(f"go {args.warm}")
    ours.ask(f"go {args.turn // 4}")
    rates, allocations = {side: [] for side in sides}, 0
    for _ in range(args.turns):
        for side in sides:
            answer = side.ask(f"go {args.turn}")
            rates[side].append(answer["records"] / answer["seconds"])
            allocations += answer["allocations"] if side is ours else 0
    a = statistics.median(rates[ours])
    b = statistics.median(rates[others[0]]) if others else None
    noise = max(max(r) / min(r) for r in rates.values())
    row = {"name": name, "form": job["form"], "ours": a, "java": b, "ratio": b and a / b, "allocations": allocations, "noise_a_a": noise}
    shown = f"{b:12,.0f} {a / b:7.1f}" if others else f"{'-':>12} {'-':>7}"
    print(f"{name:24} {job['form']:8} {a:12,.0f} {shown} {allocations:8} {noise:6.2f}", flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build/bench/transforms.json")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--turn", type=int, default=600, help="ms of the processor")
    parser.add_argument("--warm", type=int, default=3000, help="ms of the processor of Java before its first turn")
    args = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    binary = pathlib.Path(os.environ["SLUICE_BINARY"]).parent / "tests" / "bench_transforms"
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as work, stand.Registry(pathlib.Path(work) / "registry") as registry:
        subprocess.run(["javac", "-proc:none", "-cp", jars(), "-d", work, HERE / "Bench.java"], check=True)
        sides = (Side([binary], core),
                 Side(["java", "-Xmx1g", "-XX:+UseSerialGC", "-Duser.timezone=UTC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp",
                       f"{work}:{jars()}", "Bench"], core))
        jobs = [(name, job(shape, [(kind, keys)], "records", None)) for name, shape, kind, keys in SINGLE]
        jobs += [("chain of five", job("flat", FIVE, form, registry.url)) for form in ("records", "json", "avro")]
        jobs += [("ExtractNewRecordState", job("envelope", [SINGLE[-2][2:]], form, registry.url)) for form in ("json", "avro")]
        print(f"{'':24} {'':8} {'ours, 1/s':>12} {'Java, 1/s':>12} {'ratio':>7} {'mallocs':>8} {'A/A':>6}")
        rows = [measure(sides, name, made, args) for name, made in jobs if args.only.lower() in name.lower()]
        if args.only.lower() in "lua filter":
            rows.append(measure(sides[:1], "Lua filter", job("flat", [("sluice.transforms.Lua", LUA)], "records", None), args))
        for side in sides:
            side.close()
    verdicts = [wanted.row(f"{r['name']} ({r['form']}): times Java", r["ratio"], WANTED) if r["java"] else
                wanted.row(f"{r['name']} ({r['form']}): records/s", r["ours"], LUA_WANTED) for r in rows]
    verdicts += [wanted.row(f"{r['name']} ({r['form']}): allocations", r["allocations"], 0, at_most=True) for r in rows]
    report = {"rows": rows, "wanted": wanted.show(verdicts)}
    pathlib.Path(args.out).write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
