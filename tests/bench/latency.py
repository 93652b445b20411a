# SPDX-License-Identifier: Apache-2.0
"""From commit to consumer: pgbench commits rows at a steady rate while a read_committed consumer notes when each record
comes; the latency is that time less source.ts_us, Postgres' time of the commit, by the same machine's clock.

Contenders: Sluice exactly-once, Sluice with exactly.once.source.support=disabled, and with --debezium Debezium 3.6.1 on a
JVM Kafka Connect with exactly-once and without (poll.interval.ms=5, so that its own pause is not what is measured). They
alternate. One round of Sluice goes before and is not counted: a broker that has just been started takes twice as long for
a transaction. The first seconds of each run are left out. The same load with a plain INSERT ... RETURNING is not compared:
what is measured begins at the commit."""
import argparse
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import time

import cdc
import jvm_connect
import stand
import wanted
from confluent_kafka import Consumer, TopicPartition

SKIP_SECONDS = 3


def consume(bootstrap, topic, seconds, queue):
    """In a process of its own: latencies in ms, and how many records came."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "latency", "enable.auto.commit": False,
                         "isolation.level": "read_committed", "fetch.wait.max.ms": 100, "fetch.min.bytes": 1})
    consumer.assign([TopicPartition(topic, 0, 0)])
    began, end, seen, late = None, time.time() + seconds + 60, 0, []
    quiet_since = time.time()
    while time.time() < end:
        message = consumer.poll(0.05)  # consume() would wait for more
        now = time.time()
        if message is not None and not message.error() and message.value():
            quiet_since = now
            seen += 1
            began = began or now
            if now - began > SKIP_SECONDS:
                late.append((now, message.value()))
        if began and now - quiet_since > 5:
            break
    consumer.close()
    queue.put((seen, [at * 1e3 - json.loads(value)["source"]["ts_us"] / 1e3 for at, value in late]))


def load(args, parts):
    script = parts.workdir / "load.sql"
    script.write_text("INSERT INTO bench_rows(v, note) SELECT i, 'latency' FROM generate_series(1, %d) i;\n" % args.rows_per_commit)
    commits = args.rate // args.rows_per_commit
    subprocess.run(["pgbench", "-n", "-h", "127.0.0.1", "-p", str(parts.postgres.port), "-U", "postgres", "-c", "4", "-j", "1",
                    "-M", "prepared", "-R", str(commits), "-T", str(args.seconds), "-f", str(script), "bench"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return parts.postgres.sql("SELECT count(*) FROM bench_rows", "bench")[0][0]


def measure(args, parts, name, worker):
    """The connector runs; write, and collect what the consumer saw."""
    queue = multiprocessing.get_context("spawn").Queue()
    reader = multiprocessing.get_context("spawn").Process(
        target=consume, args=(parts.kafka.bootstrap, f"{name}.public.bench_rows", args.seconds, queue))
    reader.start()
    written = load(args, parts)
    seen, late = queue.get(timeout=args.seconds + 120)
    reader.join()
    if seen != written:
        raise SystemExit(f"bench: {name} has {seen} records of {written}")
    late.sort()
    pick = lambda q: late[min(len(late) - 1, int(len(late) * q))]  # noqa: E731
    return {"records": seen, "p50": pick(0.5), "p90": pick(0.9), "p99": pick(0.99), "p999": pick(0.999), "max": late[-1]}


def prepare(parts, name):
    parts.postgres.sql("TRUNCATE bench_rows", "bench")
    parts.postgres.sql(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')", "bench")
    parts.kafka.create_topic(f"{name}.public.bench_rows")
    return cdc.connector(parts.postgres, name, "127.0.0.1")


def with_sluice(args, parts, name, more):
    config = prepare(parts, name)
    properties = {**cdc.worker_properties(parts.kafka, name), **more}
    with stand.Worker(os.environ["SLUICE_BINARY"], parts.workdir / name, properties) as worker:
        stand.wait_until(lambda: " is ready after " in worker.log_path.read_text(), timeout=30, what="the worker", interval=0.02)
        worker.rest("POST", "/connectors", json={"name": name, "config": config}).raise_for_status()
        worker.wait_running(name)
        before = worker.cpu_seconds()
        result = measure(args, parts, name, worker)
        result["cpu_percent"] = (worker.cpu_seconds() - before) / args.seconds * 100
        worker.rest("DELETE", f"/connectors/{name}")
    return result


def with_debezium(args, parts, name, more):
    config = {**prepare(parts, name), "poll.interval.ms": "5"}
    own = {"connector.client.config.override.policy": "All", **more}
    with jvm_connect.Distributed(parts.workdir / name, parts.kafka.bootstrap, name, own, ("debezium",), "1g") as worker:
        worker.rest("POST", "/connectors", json={"name": name, "config": config}).raise_for_status()
        stand.wait_until(lambda: parts.postgres.sql(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{name}'")[0][0],
                         timeout=60, what="Debezium to stream")
        before = cdc.process_cpu(worker.pid)
        result = measure(args, parts, name, worker)
        result["cpu_percent"] = (cdc.process_cpu(worker.pid) - before) / args.seconds * 100
        worker.rest("DELETE", f"/connectors/{name}")
    return result


WANTED = {"sluice": (15, 75), "sluice_at_least_once": (10, 50)}


def run(args, parts):
    with parts.postgres.connect("bench", autocommit=True) as db:
        db.execute("CREATE TABLE bench_rows (id bigserial PRIMARY KEY, v int NOT NULL, at timestamptz NOT NULL DEFAULT now(), note text)")
        db.execute(f"CREATE PUBLICATION {cdc.PUBLICATION} FOR TABLE bench_rows")
    who = {"sluice": lambda name: with_sluice(args, parts, name, {}),
           "sluice_at_least_once": lambda name: with_sluice(args, parts, name, {"exactly.once.source.support": "disabled"})}
    if args.debezium:
        who["debezium_exactly_once"] = lambda name: with_debezium(args, parts, name, {"exactly.once.source.support": "enabled"})
        who["debezium"] = lambda name: with_debezium(args, parts, name, {})
    results = {w: [] for w in who}
    for i in range(args.runs + 1):
        for w, one in who.items():
            if i == 0 and w.startswith("debezium"):
                continue
            result = one(f"{w}_{i}")
            cdc.drop_slot(parts.postgres, f"{w}_{i}")
            if i:
                results[w].append(result)
            print(f"{w}_{i}: {result}", flush=True)
    summary = {"rate": args.rate, "rows_per_commit": args.rows_per_commit, "seconds": args.seconds, "runs": args.runs}
    print(f"\nms from commit to consumer at {args.rate} rows/s, {args.rows_per_commit} a commit; medians of {args.runs} runs (lowest to highest)")
    print(f"{'':24} {'p50':>20} {'p99':>22} {'max':>8} {'CPU %':>6}")
    for w, runs in results.items():
        row = summary[w] = {k: cdc.spread([r[k] for r in runs]) for k in ("p50", "p90", "p99", "p999", "max", "cpu_percent")}
        cell = lambda k: f"{row[k]['median']:.1f} ({row[k]['min']:.1f}-{row[k]['max']:.1f})"  # noqa: E731
        print(f"{w:24} {cell('p50'):>20} {cell('p99'):>22} {row['max']['max']:8.0f} {row['cpu_percent']['median']:6.1f}")
    again = [run["p50"] for run in results["sluice"]]
    summary["noise_a_a"] = max(again) / min(again)
    print(f"A/A noise (slowest / fastest p50 of sluice): {summary['noise_a_a']:.2f}")
    summary["wanted"] = wanted.show([wanted.row(f"{w}: {key} in ms (median)", summary[w][key]["median"], most, at_most=True)
                                     for w, limits in WANTED.items() for key, most in zip(("p50", "p99"), limits)])
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5000, help="rows a second")
    parser.add_argument("--rows-per-commit", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--debezium", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    if args.seconds <= SKIP_SECONDS:
        parser.error(f"the first {SKIP_SECONDS} seconds of a run are left out: --seconds must be more")
    with cdc.servers() as parts:
        summary = run(args, parts)
    args.out.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))


if __name__ == "__main__":
    sys.exit(main())
