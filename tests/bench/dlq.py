# SPDX-License-Identifier: Apache-2.0
"""Dead-letter topics of 1 KB and 5 KB records (key, value and Connect's headers together), 4 partitions, one node, no compression.

scan    `sluice dlq groups` against `kcat -C` to /dev/null, and against bench_consume (librdkafka in C, our build of it, records dropped):
        both leave the headers alone. The 5 KB topic has a fifth of the records. kcat is told not to wait: by itself it spends half a
        second on seeing the end, and a second whenever 64 MB are queued.
replay  `sluice dlq replay --apply` to another topic, exactly once, against `kcat -C | kcat -P`, which drops headers and timestamps and
        gives no such promise. After each run the target is read at read_committed: each record is there once.
repair  the same with Avro values that are brought to another schema. What arrives is counted, and every 997th value decoded.

Contenders alternate; ratios are of one round. kcat and sluice run twice a round: A/A is the first run by the second one. Memory is the
peak of a run over all records and of one over a quarter of them (--offsets); growth is the difference by a million records."""
import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import confluent_kafka  # noqa: E402
import fastavro  # noqa: E402
import stand  # noqa: E402
from wanted import row, show  # noqa: E402

PARTITIONS = 4
SIZES = {"1 KB": (1024, 1), "5 KB": (5120, 5)}  # bytes of a record; records are divided by
AIM = 500_000  # scanned records a second of 1 KB: reported, not wanted
BASE_MS = int(time.time() * 1000) - 3_600_000
DIGITS = "0123456789" * 600

OLD = {"type": "record", "name": "Payment", "fields": [
    {"name": "id", "type": "int"}, {"name": "amt", "type": "int"}, {"name": "kind", "type": "string"},
    {"name": "note", "type": ["null", "string"], "default": None}, {"name": "account", "type": "string"}]}
NEW = {"type": "record", "name": "Payment", "fields": [
    {"name": "id", "type": "long"}, {"name": "amount", "type": "double"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["CARD", "CASH"]}}, {"name": "currency", "type": "string"},
    {"name": "note", "type": ["null", "string"], "default": None}, {"name": "account", "type": "string"}]}
REPAIRS = ["--value-subject", "payments-value", "--rename", "amt=amount", "--enum", "card=CARD", "--enum", "cash=CASH", "--default", "currency=EUR"]


# ---- dead letters ----

DATA, RETRIABLE = "org.apache.kafka.connect.errors.DataException", "org.apache.kafka.connect.errors.RetriableException"
# stage, operation, exception, message (with the record's number), cause
FAILURES = [
    ("VALUE_CONVERTER", "org.apache.kafka.connect.json.JsonConverter", DATA, "Converting byte[] to Kafka Connect data failed due to serialization error: ",
     "org.apache.kafka.common.errors.SerializationException: com.fasterxml.jackson.core.JsonParseException: Unexpected character ('b' (code 98)): was "
     "expecting double-quote to start field name\n at [Source: (byte[])\"{bad%d\"; line: 1, column: 3]"),
    ("TASK_PUT", "org.example.jdbc.Sink", DATA, "Batch entry %d: ERROR: value too long for type character varying(12)",
     "java.sql.BatchUpdateException: Batch entry %d INSERT INTO \"orders\" was aborted: ERROR: value too long for type character varying(12)"),
    ("TRANSFORMATION", "org.apache.kafka.connect.transforms.ReplaceField$Value", DATA, "Only Struct objects supported for [field replacement], record %d", None),
    ("TASK_PUT", "org.example.jdbc.Sink", RETRIABLE, "Connection to db-0.prod.example.com:5432 refused, attempt %d",
     "java.net.ConnectException: Connection refused (request %d)"),
    ("VALUE_CONVERTER", "io.confluent.connect.avro.AvroConverter", DATA, "Failed to deserialize data for topic orders to Avro: ",
     "org.apache.kafka.common.errors.SerializationException: Error retrieving Avro value schema for id %d"),
    ("TASK_PUT", "org.example.shop.OrderSink", "java.lang.IllegalStateException", "order %d is closed", None),
]  # fmt: skip
FRAMES = [
    "org.apache.kafka.connect.runtime.WorkerSinkTask.lambda$convertAndTransformRecord$4(WorkerSinkTask.java:518)",
    "org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndRetry(RetryWithToleranceOperator.java:180)",
    "org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndHandleError(RetryWithToleranceOperator.java:214)",
    "org.example.shop.OrderSink.put(OrderSink.java:88)",
    "java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)",
]


def templates(size):
    """Per failure: headers that all its records share, message and trace to be completed with a number."""
    out, room = [], (size - 700 if size > 2048 else 0)
    for stage, operation, exception, message, cause in FAILURES:
        frames = "".join(f"\tat {FRAMES[i % len(FRAMES)]}\n" for i in range(max(1, room // 240)))
        trace = f"{exception}: {message}\n{frames}" + (f"Caused by: {cause}\n{frames}" if cause else "")
        shared = [(f"__connect.errors.{name}", value.encode()) for name, value in
                  (("topic", "orders"), ("connector.name", "orders-sink"), ("task.id", "0"), ("stage", stage), ("class.name", operation),
                   ("exception.class.name", exception))]
        out.append((shared, message, message.count("%d"), trace, trace.count("%d")))
    return out


def letters(count, size, value_of):
    """What produce takes, of each record: partition i % 4 there and where it failed."""
    kinds = templates(size)
    for i in range(count):
        shared, message, m, trace, t = kinds[i * 7 // 5 % len(kinds)]
        message, trace = message % ((i,) * m), trace % ((i,) * t)
        headers = [*shared, ("__connect.errors.partition", str(i % PARTITIONS).encode()), ("__connect.errors.offset", str(i // PARTITIONS).encode()),
                   ("__connect.errors.exception.message", message.encode()), ("__connect.errors.exception.stacktrace", trace.encode())]
        key = b"order-%09d" % i
        taken = len(key) + sum(len(name) + len(value) for name, value in headers)
        yield {"partition": i % PARTITIONS, "key": key, "value": value_of(i, size - taken), "headers": headers, "timestamp": BASE_MS + i // 1000}


def json_value(i, size):
    text = f'{{"id":{i},"account":"DE{i * 7919:012}","note":"'
    return (text + DIGITS[:max(0, size - len(text) - 2)] + '"}').encode()


def avro_value(schema_id):
    head, parsed = b"\0" + schema_id.to_bytes(4, "big"), fastavro.parse_schema(OLD)

    def make(i, size):
        data = io.BytesIO(head)
        data.seek(len(head))
        row = {"id": i, "amt": i % 9000, "kind": ("card", "cash")[i % 2], "note": None, "account": DIGITS[:max(12, size - 25)]}
        fastavro.schemaless_writer(data, parsed, row)
        return data.getvalue()

    return make


def fill(parts, topic, records):
    parts.kafka.create_topic(topic, PARTITIONS)
    failures, started, count, size = [], time.monotonic(), 0, 0
    producer = confluent_kafka.Producer({"bootstrap.servers": parts.kafka.bootstrap, "enable.idempotence": True, "linger.ms": 50, "log_level": 0,
                                         "batch.size": 500_000, "queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 128 << 10,
                                         "delivery.report.only.error": True})
    for record in records:
        count += 1
        size += len(record["key"]) + len(record["value"]) + sum(len(name) + len(value) for name, value in record["headers"])
        while True:
            try:
                producer.produce(topic, on_delivery=lambda error, _: error and failures.append(error), **record)
                break
            except BufferError:
                producer.poll(0.1)
        if count % 10_000 == 0:
            producer.poll(0)
    if producer.flush(300) or failures:
        raise SystemExit(f"bench: producing failed: {failures[:3]}")
    print(f"{topic}: {count} records, {size / count:.0f} bytes each with headers, written in {time.monotonic() - started:.0f} s", flush=True)


# ---- runs ----


def cpu_of(part):
    fields = pathlib.Path(f"/proc/{part.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(parts, *commands, answer=False):
    """A pipe of commands: seconds, CPU seconds and peak memory of all of them, what the broker took, and the last one's output."""
    broker, started, children, feed = cpu_of(parts.kafka), time.monotonic(), [], subprocess.DEVNULL
    with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as errors:
        for command in commands:
            last = command is commands[-1]
            out = (text if answer else subprocess.DEVNULL) if last else subprocess.PIPE
            children.append(subprocess.Popen(list(map(str, command)), stdin=feed, stdout=out, stderr=errors))
            if feed is not subprocess.DEVNULL:
                feed.close()
            feed = children[-1].stdout
        peaks, left = dict.fromkeys(children, 0), list(children)
        while left:
            for child in list(left):
                if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    left.remove(child)
                    continue
                found = re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{child.pid}/status").read_text())
                peaks[child] = int(found.group(1)) / 1024 if found else peaks[child]
            time.sleep(0.01 if left else 0)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": 0.0, "rss_peak_mb": sum(peaks.values())}
        for child, command in zip(children, commands):
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            result["cpu_seconds"] += usage.ru_utime + usage.ru_stime
            if child.returncode:
                errors.seek(0)
                raise SystemExit(f"bench: {' '.join(map(str, command))} ended with {child.returncode}: {errors.read().decode()[-2000:]}")
        result["kafka_cpu_seconds"] = cpu_of(parts.kafka) - broker
        text.seek(0)
        return result, [json.loads(line) for line in text.read().decode().splitlines()]


def kcat(parts, topic, *more):
    return ["kcat", "-b", parts.kafka.bootstrap, "-t", topic, "-q", *more]


def kcat_all(parts, topic, *more):
    patience = ["-X", "fetch.wait.max.ms=50", "-X", "queued.max.messages.kbytes=1048576", "-X", "queued.min.messages=1000000"]
    return kcat(parts, topic, "-C", "-o", "beginning", "-e", *patience, *more)


def dlq(parts, command, topic, *more):
    return [os.environ["SLUICE_BINARY"], "dlq", command, "--bootstrap-server", parts.kafka.bootstrap, "--topic", topic, "--json", *more]


def quarter(count):
    return ["--offsets", ",".join(f"{p}:0-{count // PARTITIONS // 4 - 1}" for p in range(PARTITIONS))]


def run_kcat(parts, topic):
    return run(parts, kcat_all(parts, topic))[0]


def run_consume(args, parts, topic, count):
    return run(parts, [args.tools / "bench_consume", parts.kafka.bootstrap, topic, PARTITIONS, count, 65536])[0]


def run_groups(parts, topic, count, *more):
    result, groups = run(parts, dlq(parts, "groups", topic, *more), answer=True)
    if sum(g["count"] for g in groups) != count or len(groups) != len(FAILURES):
        raise SystemExit(f"bench: {len(groups)} groups of {len(FAILURES)}, {sum(g['count'] for g in groups)} records of {count}")
    return result


@contextlib.contextmanager
def target(parts, name):
    parts.kafka.create_topic(name, PARTITIONS)
    yield name
    parts.admin.delete_topics([name])[name].result(60)


def arrived(parts, topic, look=lambda value: None):
    """How many records stand in the topic, for readers of what is committed; none twice."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": parts.kafka.bootstrap, "group.id": "bench-arrived", "enable.auto.commit": False,
                                         "enable.partition.eof": True, "isolation.level": "read_committed"})
    consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    keys, count, ends = set(), 0, set()
    while len(ends) < PARTITIONS:
        for message in consumer.consume(10_000, 1):
            if message.error():
                if message.error().code() != confluent_kafka.KafkaError._PARTITION_EOF:
                    raise SystemExit(f"bench: {topic}: {message.error()}")
                ends.add(message.partition())
                continue
            keys.add(int(message.key()[6:]))
            if count % 997 == 0:
                look(message.value())
            count += 1
    consumer.close()
    if len(keys) != count:
        raise SystemExit(f"bench: of {count} records in {topic} only {len(keys)} are different")
    return count


def run_floor(parts, topic, count, name):
    with target(parts, name):
        result, _ = run(parts, kcat_all(parts, topic, "-K", "|"), kcat(parts, name, "-P", "-K", "|"))
        there = arrived(parts, name)
    if there != count:
        raise SystemExit(f"bench: kcat wrote {there} records of {count}")
    return result


def run_replay(parts, topic, count, name, *more, look=lambda value: None):
    with target(parts, name):
        result, lines = run(parts, dlq(parts, "replay", topic, "--apply", "--to", f"topic:{name}", *more), answer=True)
        plan, there = lines[-1], arrived(parts, name, look)
    repaired = plan["repaired"] if "--value-subject" in more else count
    if (plan["replay"], repaired, there) != (count, count, count):
        raise SystemExit(f"bench: {there} records arrived of {count}, the plan says {plan}")
    return result


# ---- report ----


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def twice(runs):
    """A/A: of the contenders that run two times a round, the first run's time by the second one's."""
    return {name: spread([a["seconds"] / b["seconds"] for a, b in zip(runs[name], runs[f"{name} again"])]) for name in runs if f"{name} again" in runs}


def report(title, count, runs):
    noise = twice(runs)
    print(f"\n{title}: {count} records\n{'':24} {'records/s, median':>18} {'min':>11} {'max':>11} {'CPU s / M':>10} {'Kafka':>6} {'RSS MB':>7}   A/A")
    rates = {}
    for name, of in runs.items():
        rates[name] = spread([count / r["seconds"] for r in of])
        per_million = [statistics.median(r[k] for r in of) / count * 1e6 for k in ("cpu_seconds", "kafka_cpu_seconds")]
        aa = f"{noise[name]['min']:.2f} .. {noise[name]['max']:.2f}" if name in noise else ""
        print(f"{name:24} {rates[name]['median']:18,.0f} {rates[name]['min']:11,.0f} {rates[name]['max']:11,.0f} {per_million[0]:10.2f} "
              f"{per_million[1]:6.2f} {max(r['rss_peak_mb'] for r in of):7.1f}   {aa}", flush=True)
    return {"records": count, "records_per_second": rates, "a_a": noise, "runs": runs}


def ratio(runs, ours, floor):
    """Times the floor's rate, each round by itself."""
    return spread([f["seconds"] / o["seconds"] for f, o in zip(runs[floor], runs[ours])])


def memory(result, what, of_all, of_quarter, count):
    """Peak memory over all records, and how it grows."""
    growth = (of_all - of_quarter) / (count * 0.75 / 1e6)
    result["memory"] = {"all_mb": of_all, "quarter_mb": of_quarter, "mb_per_million": growth}
    print(f"memory of {what}: {of_all:.1f} MB at {count} records, {of_quarter:.1f} MB at a quarter: {growth:+.1f} MB a million")
    return [row(f"{what}: peak RSS in MB at {count} records", of_all, 64.0, at_most=True)]


def rounds(args, contenders):
    runs = {name: [] for name, _ in contenders}
    for number in range(args.runs):
        for name, start in contenders:
            runs[name].append(start(f"{name.replace(' ', '-')}-{number}"))
        print(f"round {number + 1}: " + ", ".join(f"{name} {of[-1]['seconds']:.2f} s" for name, of in runs.items()), flush=True)
    return runs


def scan(args, parts, label):
    size, divide = SIZES[label]
    topic, count = filled(args, parts, label)
    run_kcat(parts, topic)  # warms the page cache and the broker
    runs = rounds(args, [("kcat -C", lambda _: run_kcat(parts, topic)), ("sluice groups", lambda _: run_groups(parts, topic, count)),
                         ("bench_consume", lambda _: run_consume(args, parts, topic, count)), ("kcat -C again", lambda _: run_kcat(parts, topic)),
                         ("sluice groups again", lambda _: run_groups(parts, topic, count))])
    result = report(f"scan and group, {label}", count, runs)
    result["by_kcat"], result["by_consume"] = ratio(runs, "sluice groups", "kcat -C"), ratio(runs, "sluice groups", "bench_consume")
    print(f"times bench_consume: {result['by_consume']['median']:.2f}" + (f"; {AIM:,} records/s is the aim" if divide == 1 else ""))
    small = run_groups(parts, topic, count // 4, *quarter(count))
    result["wanted"] = [row(f"scan and group, {label}: times kcat -C (median)", result["by_kcat"]["median"], 0.7, noise=result["a_a"])]
    result["wanted"] += memory(result, f"groups, {label}", max(r["rss_peak_mb"] for r in runs["sluice groups"]), small["rss_peak_mb"], count)
    return result


def filled(args, parts, label):
    size, divide = SIZES[label]
    topic, count = f"letters-{size}", args.records // divide // 16 * 16
    if topic not in parts.topics:
        parts.topics.add(topic)
        fill(parts, topic, letters(count, size, json_value))
    return topic, count


def replay(args, parts):
    topic, count = filled(args, parts, "1 KB")
    again = [(f"{name}{more}", start) for more in ("", " again") for name, start in
             (("kcat -C, kcat -P", lambda name: run_floor(parts, topic, count, f"floor-{name.replace(',', '')}")),
              ("sluice replay", lambda name: run_replay(parts, topic, count, name)))]
    runs = rounds(args, again)
    result = report("replay, 1 KB", count, runs)
    result["by_floor"] = ratio(runs, "sluice replay", "kcat -C, kcat -P")
    print(f"times kcat -C | kcat -P: {result['by_floor']['median']:.2f}")
    small = run_replay(parts, topic, count // 4, "quarter", *quarter(count))
    result["wanted"] = [row("replay: records/s (median)", result["records_per_second"]["sluice replay"]["median"], 150_000, noise=result["a_a"])]
    result["wanted"] += memory(result, "replay", max(r["rss_peak_mb"] for r in runs["sluice replay"]), small["rss_peak_mb"], count)
    return result


def repair(args, parts):
    old, new = parts.registry.register("payments-old", OLD), parts.registry.register("payments-value", NEW)
    count, parsed, config = args.records // 16 * 16, fastavro.parse_schema(NEW), parts.workdir / "command.properties"
    config.write_text(f"schema.registry.url={parts.registry.url}\n")
    fill(parts, "letters-avro", letters(count, 1024, avro_value(old)))

    def look(value):
        decoded = fastavro.schemaless_reader(io.BytesIO(value[5:]), parsed)
        if int.from_bytes(value[1:5], "big") != new or decoded["amount"] != decoded["id"] % 9000 or decoded["currency"] != "EUR":
            raise SystemExit(f"bench: a repaired value is {decoded}")

    def start(name, count=count, more=()):
        return run_replay(parts, "letters-avro", count, name, "--command-config", config, *REPAIRS, *more, look=look)

    runs = rounds(args, [("sluice repair", start), ("sluice repair again", start)])
    result = report("replay with values re-serialised, Avro, 1 KB", count, runs)
    small = start("repair-quarter", count // 4, quarter(count))
    result["wanted"] = [row("repair: records/s (median)", result["records_per_second"]["sluice repair"]["median"], 150_000, noise=result["a_a"])]
    result["wanted"] += memory(result, "repair", max(r["rss_peak_mb"] for r in runs["sluice repair"]), small["rss_peak_mb"], count)
    return result


def measure(args, workdir):
    parts = types.SimpleNamespace(workdir=workdir, kafka=stand.Kafka(workdir / "kafka"), registry=stand.Registry(workdir / "registry"), topics=set())
    servers, results = [parts.kafka, parts.registry], {}
    with contextlib.ExitStack() as stack:
        stack.callback(stand.stop_all, servers)
        stand.start_all(servers)
        parts.admin = parts.kafka.admin(log_level=0)
        parts.kafka.create_topic("orders", PARTITIONS)
        if args.only in (None, "scan"):
            for label in SIZES:
                results[f"scan, {label}"] = scan(args, parts, label)
        if args.only in (None, "replay"):
            results["replay"] = replay(args, parts)
        if args.only in (None, "repair"):
            results["repair"] = repair(args, parts)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000, help="of 1 KB; the disk holds about four times as many KB at a time. With fewer than a million, start and "
                        "filling queues are in all figures, also in the growth")
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--only", choices=("scan", "replay", "repair"))
    parser.add_argument("--out", type=pathlib.Path, default="build/bench/dlq.json")
    args = parser.parse_args()
    args.tools = pathlib.Path(os.environ["SLUICE_BINARY"]).parent / "tests"
    if args.only in (None, "scan", "replay") and not shutil.which("kcat"):
        raise SystemExit("bench: kcat is missing (Debian package kcat)")
    if args.records < 1000:
        raise SystemExit("--records must be at least 1000")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as tmp:
        results = measure(args, pathlib.Path(tmp))
    wanted = [w for part in results.values() for w in part["wanted"]]
    results["wanted"] = show(wanted)
    print(f"load 1 min {os.getloadavg()[0]:.1f}; {time.monotonic() - started:.0f} s in all; --runs 2 or --only PART take less")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps({"wanted": wanted}))


if __name__ == "__main__":
    main()
