# SPDX-License-Identifier: Apache-2.0
"""A backlog in Kafka, larger than memory, through the S3 sink of a worker that has little: does it finish with every row?

A topic of some GB (Avro rows of about 500 bytes, compressed batches) is there before the sink starts. The worker gets a hard limit
from the kernel on the memory it may own (RLIMIT_DATA: heap and thread stacks, used or not, so more than what is resident), and its
resident peak (VmHWM) must stay below the same limit. Kafka and the S3 server run outside of it. At the end the objects hold every
row of each partition exactly once, counted by their columns.
"""
import argparse
import concurrent.futures
import datetime
import io
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import confluent_kafka  # noqa: E402
import fastavro  # noqa: E402
import pyarrow.compute  # noqa: E402
import pyarrow.parquet  # noqa: E402
import stand  # noqa: E402

SCHEMA = {"type": "record", "name": "Event", "namespace": "backlog", "fields": [
    {"name": "n", "type": "long"}, {"name": "p", "type": "int"},
    {"name": "device", "type": "string"}, {"name": "account", "type": "long"}, {"name": "amount", "type": "double"},
    {"name": "currency", "type": ["null", "string"], "default": None}, {"name": "ok", "type": "boolean"},
    {"name": "created", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "city", "type": ["null", "string"], "default": None}, {"name": "agent", "type": "string"},
    {"name": "note", "type": ["null", "string"], "default": None}, {"name": "trace", "type": "string"}]}  # fmt: skip
TAIL = {"type": "record", "name": "Tail", "fields": SCHEMA["fields"][2:]}
CONFLUENT = "io.confluent.connect"


def tails(count, rng):
    """Encoded rows without their first two columns; the row's own number is put before each."""
    words = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa".split()
    made = []
    for i in range(count):
        row = {"device": f"device-{rng.randrange(2000):05}", "account": rng.randrange(1 << 40), "amount": round(rng.random() * 1e4, 2),
               "currency": rng.choice(["EUR", "USD", None]), "ok": rng.random() < 0.9, "created": 1_795_000_000_000 + i * 137,
               "city": rng.choice(words + [None]), "agent": "Mozilla/5.0 (X11; Linux x86_64) " + rng.choice(words),
               "note": " ".join(rng.choice(words) for _ in range(45)), "trace": rng.randbytes(32).hex()}  # fmt: skip
        out = io.BytesIO()
        fastavro.schemaless_writer(out, TAIL, {**row, "created": datetime.datetime.fromtimestamp(row["created"] / 1000, datetime.timezone.utc)})
        made.append(out.getvalue())
    return made


def varint(number):
    """Avro's long."""
    number = number << 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def fill(args, kafka, registry, rows):
    """`rows` a partition; returns the bytes of the values."""
    kafka.create_topic("backlog", args.partitions, {"retention.bytes": "-1", "retention.ms": "-1"})
    head = b"\0" + registry.register("backlog-value", SCHEMA).to_bytes(4, "big")
    pool = tails(20_000, random.Random(7))
    failures, total = [], 0
    producer = confluent_kafka.Producer({
        "bootstrap.servers": kafka.bootstrap, "compression.type": args.compression, "linger.ms": 50, "batch.size": 1 << 20,
        "queue.buffering.max.messages": 200_000, "enable.idempotence": True, "on_delivery": lambda error, _: error and failures.append(error),
        "delivery.report.only.error": True})  # fmt: skip
    at = 0
    for n in range(rows):
        number = varint(n)
        for p in range(args.partitions):
            at = (at + 7919) % len(pool)
            value = head + number + varint(p) + pool[at]
            total += len(value)
            while True:
                try:
                    producer.produce("backlog", value, partition=p)
                    break
                except BufferError:
                    producer.poll(0.05)
        if n % 1000 == 0:
            producer.poll(0)
    if producer.flush(300) or failures:
        raise stand.StandError(f"the topic could not be filled: {failures[:1]}")
    return total


class Worker(stand.Worker):
    """Under a limit of its data, if there is one: heap and thread stacks."""

    limit = 0

    def _command(self):
        held = ["prlimit", f"--data={self.limit}", "--"] if self.limit else []
        return [*held, *super()._command()]

    def _ready(self):
        return self.rest("GET", "/connectors", timeout=5).ok


def config(args, store, registry, flush):
    return {"connector.class": f"{CONFLUENT}.s3.S3SinkConnector", "topics": "backlog", "tasks.max": str(args.tasks),
            "s3.bucket.name": "lake", "s3.region": "us-east-1", "store.url": store.endpoint,
            "aws.access.key.id": store.access_key, "aws.secret.access.key": store.secret_key,
            "storage.class": f"{CONFLUENT}.s3.storage.S3Storage", "format.class": f"{CONFLUENT}.s3.format.parquet.ParquetFormat",
            "parquet.codec": "zstd", "flush.size": str(flush), "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": registry.url,
            **dict(item.split("=", 1) for item in args.set)}  # fmt: skip


def committed(kafka, admin):
    asked = confluent_kafka.ConsumerGroupTopicPartitions("connect-backlog")
    parts = admin.list_consumer_group_offsets([asked])[asked.group_id].result(10).topic_partitions
    return sum(part.offset for part in parts if part.offset > 0)


def follow(args, worker, kafka, total, limit):
    """Until all is committed; fails when the worker ends, a task fails, or more than the limit is resident."""
    admin, shown = kafka.admin(), 0
    deadline = time.monotonic() + args.patience
    while True:
        done = committed(kafka, admin)
        peak = worker.rss_peak_kb()
        if not worker.running:
            raise stand.StandError(f"the worker ended with {worker.process.returncode} at {done} of {total} rows\n{worker.log_text()[-3000:]}")
        failed = [task for task in worker.status("backlog")["tasks"] if task["state"] == "FAILED"]
        if failed:
            raise stand.StandError(f"a task failed at {done} of {total} rows: {failed[0].get('trace')}")
        if peak * 1024 > limit:
            raise stand.StandError(f"{peak >> 10} MB were resident at {done} of {total} rows, the limit is {limit >> 20} MB")
        if done - shown >= total // 10 or done == total:
            shown = done
            print(f"  {done:>10} of {total} rows committed, peak {peak >> 10} MB resident", flush=True)
        if done == total:
            return
        if time.monotonic() > deadline:
            raise stand.StandError(f"only {done} of {total} rows after {args.patience} s\n{worker.log_text()[-3000:]}")
        time.sleep(0.25)


def check(store, partitions, rows):
    """Every (p, n) once; the number and size of the objects."""
    found = store.list("lake", "topics/backlog/")
    columns = {p: [] for p in range(partitions)}

    def read(key):
        table = pyarrow.parquet.read_table(io.BytesIO(store.get("lake", key)), columns=["p", "n"])
        return table.column("p").unique().to_pylist(), table.column("n")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for which, numbers in pool.map(read, [o.key for o in found]):
            if len(which) != 1:
                raise stand.StandError(f"an object holds partitions {which}")
            columns[which[0]] += numbers.chunks
    for p, chunks in columns.items():
        numbers = pyarrow.chunked_array(chunks, pyarrow.int64())
        bounds = pyarrow.compute.min_max(numbers).as_py()
        distinct = pyarrow.compute.count_distinct(numbers).as_py()
        if (len(numbers), distinct, bounds) != (rows, rows, {"min": 0, "max": rows - 1}):
            raise stand.StandError(f"partition {p}: {len(numbers)} rows, {distinct} distinct, {bounds}; wanted are {rows}")
    return len(found), sum(o.size for o in found)


def run(args, workdir):
    limit = args.limit << 20
    kafka, registry, store = stand.Kafka(workdir / "kafka"), stand.Registry(workdir / "registry"), stand.S3(workdir / "s3")
    parts = [kafka, registry, store]
    stand.start_all(parts)
    try:
        store.create_bucket("lake")
        sample = tails(1000, random.Random(7))
        width = 5 + 4 + 1 + sum(map(len, sample)) / len(sample)
        flush = args.flush
        rows = max(1, round(args.gigabytes * 1e9 / width / args.partitions / flush)) * flush
        began = time.monotonic()
        size = fill(args, kafka, registry, rows)
        total = rows * args.partitions
        on_disk = sum(path.stat().st_size for path in (workdir / "kafka").rglob("backlog-*/*.log"))
        print(f"{total} rows, {size / 1e9:.2f} GB of values, {on_disk / 1e9:.2f} GB on the broker's disk, "
              f"filled in {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        properties = {"bootstrap.servers": kafka.bootstrap, "group.id": "bench", "offset.storage.partitions": 1,
                      **{f"{kind}.storage.topic": f"bench-{kind}" for kind in ("config", "offset", "status")},
                      **{f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")}}  # fmt: skip
        worker = Worker(os.environ["SLUICE_BINARY"], workdir / "worker", properties)
        worker.limit = 0 if args.resident_only else limit
        worker.start()
        parts.append(worker)
        began = time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": "backlog", "config": config(args, store, registry, flush)})
        if answer.status_code != 201:
            raise stand.StandError(answer.text)
        follow(args, worker, kafka, total, limit)
        seconds = time.monotonic() - began
        peak, cpu = worker.rss_peak_kb(), worker.cpu_seconds()
        worker.stop()
        objects, stored = check(store, args.partitions, rows)
    finally:
        stand.stop_all(parts)
    return {"rows": total, "gigabytes": round(size / 1e9, 2), "partitions": args.partitions, "tasks": args.tasks,
            "limit_mb": args.limit, "peak_rss_mb": round(peak / 1024, 1), "seconds": round(seconds, 1),
            "rows_per_second": round(total / seconds), "cpu_seconds": round(cpu, 1), "objects": objects,
            "object_bytes": stored, "set": args.set}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=5, help="of values")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--limit", type=int, default=256, help="MB that the worker may have")
    parser.add_argument("--resident-only", action="store_true", help="only look at what is resident; the kernel holds it to nothing")
    parser.add_argument("--flush", type=int, default=250_000, help="flush.size; the rows of a partition are a multiple of it")
    parser.add_argument("--compression", default="lz4", help="of the batches in Kafka")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="more of the connector's configuration")
    parser.add_argument("--patience", type=float, default=1800, help="seconds after which it counts as failed")
    parser.add_argument("--dir", type=pathlib.Path, help="where the topic and the objects lie meanwhile; else the system's place")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    workdir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-backlog-", dir=args.dir))
    try:
        result = run(args, workdir)
    finally:
        shutil.rmtree(workdir, ignore_errors=True)
    print(json.dumps(result))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
