# SPDX-License-Identifier: Apache-2.0
"""The initial snapshot of one table (the columns of cdc's w1): Sluice with one connection and with several
(snapshot.max.threads), against COPY TO STDOUT into /dev/null, and with --debezium against Debezium 3.6.1 on a JVM Kafka
Connect at its defaults and tuned. JSON without schemas; Sluice in one Kafka transaction.

The clock runs from the POST of the connector, on a worker that is ready, to the table's last row as a read_committed
consumer sees it; then every row must be there once. The contenders alternate; COPY's own spread is the noise (A/A)."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import cdc
import jvm_connect
import stand
import wanted
import workloads

CHUNK = 100_000
DEBEZIUM_TUNED = {**cdc.DEBEZIUM_TUNED, "snapshot.fetch.size": "20000"}


def fill(postgres, rows):
    with postgres.connect("bench", autocommit=True) as db:
        db.execute("CREATE TABLE bench_rows (id bigint PRIMARY KEY, v int NOT NULL, at timestamptz NOT NULL DEFAULT now(), note text)")
        for at in range(0, rows, CHUNK):
            db.execute(f"INSERT INTO bench_rows(id, v, note) SELECT i, i % 1000, substr(md5(i::text), 1, 20) "
                       f"FROM generate_series({at + 1}, {min(at + CHUNK, rows)}) i")
        db.execute("VACUUM ANALYZE bench_rows")
        db.execute(f"CREATE PUBLICATION {cdc.PUBLICATION} FOR TABLE bench_rows")
        db.execute("CHECKPOINT")


def copy_out(args, parts, name):
    """What the server gives at best: one session, text, over TCP."""
    cpu, started = cdc.children_cpu(), time.monotonic()
    with open(os.devnull, "w", encoding="ascii") as null:
        subprocess.run(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(parts.postgres.port), "-U", "postgres", "-d", "bench",
                        "-c", "COPY bench_rows TO STDOUT"], check=True, stdout=null)
    return {"seconds": time.monotonic() - started, "cpu_seconds": cdc.children_cpu() - cpu}


def config(parts, name, more):
    made = cdc.connector(parts.postgres, name, "127.0.0.1")
    return {**made, "snapshot.mode": "initial", **more}


def wait_for_rows(args, parts, name):
    """high() is the last stable offset: the rows of an open transaction don't count."""
    tail = cdc.Tail(parts.kafka.bootstrap, f"{name}.public.bench_rows")
    stand.wait_until(lambda: tail.high() >= args.rows, timeout=args.timeout, what=f"the last row of {name}", interval=0.05)
    tail.close()


def with_sluice(args, parts, name, more):
    with stand.Worker(os.environ["SLUICE_BINARY"], parts.workdir / name, cdc.worker_properties(parts.kafka, name)) as worker:
        stand.wait_until(lambda: " is ready after " in worker.log_path.read_text(), timeout=30, what="the worker", interval=0.02)
        started = time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": config(parts, name, more)})
        if answer.status_code != 201:
            raise SystemExit(f"bench: the connector was refused: {answer.text}")
        wait_for_rows(args, parts, name)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": worker.cpu_seconds(),
                  "rss_peak_mb": worker.rss_peak_kb() / 1024}
        worker.rest("DELETE", f"/connectors/{name}")
    return result


def with_debezium(args, parts, name, more):
    own = {"connector.client.config.override.policy": "All"}
    with jvm_connect.Distributed(parts.workdir / name, parts.kafka.bootstrap, name, own, ("debezium",), "2g" if more else "1g") as worker:
        before, started = cdc.process_cpu(worker.pid), time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": config(parts, name, more)})
        if answer.status_code != 201:
            raise SystemExit(f"bench: Debezium was refused: {answer.text}")
        wait_for_rows(args, parts, name)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": cdc.process_cpu(worker.pid) - before,
                  "rss_peak_mb": cdc.process_peak_mb(worker.pid)}
        worker.rest("DELETE", f"/connectors/{name}")
    return result


def run(args, parts):
    print(f"bench snapshot: writing {args.rows} rows ...", flush=True)
    fill(parts.postgres, args.rows)
    workload = workloads.W1()
    who = {"copy": lambda name: copy_out(args, parts, name)}
    for threads in args.threads:
        who[f"sluice_{threads}"] = lambda name, n=threads: with_sluice(args, parts, name, {"snapshot.max.threads": str(n)})
    if args.debezium:
        who["debezium"] = lambda name: with_debezium(args, parts, name, {})
        who["debezium_tuned"] = lambda name: with_debezium(args, parts, name, DEBEZIUM_TUNED)
    results = {w: [] for w in who}
    for i in range(args.runs + 1):
        for w, read in who.items():
            if i == 0 and w.startswith("debezium"):
                continue  # a JVM of its own each time: nothing to warm up
            name = f"{w}_{i}"
            topic = f"{name}.public.bench_rows"
            if w != "copy":
                parts.kafka.create_topic(topic)
            result = read(name)
            if w != "copy":
                workloads.check(workload, parts.kafka, parts.postgres, name, args.rows)
                cdc.drop_slot(parts.postgres, name)
                admin = parts.kafka.admin()
                for future in admin.delete_topics([topic]).values():
                    future.result(60)
            if i:
                results[w].append(result)
            print(f"{name}: {result}", flush=True)
    return report(args, results)


def report(args, results):
    summary = {"rows": args.rows, "runs": args.runs}
    copies = [r["seconds"] for r in results["copy"]]
    summary["noise_a_a"] = max(copies) / min(copies)
    print(f"\nsnapshot of {args.rows} rows, medians (slowest to fastest)\n{'':16} {'rows/s':>26} {'CPU-s/M':>8} {'RSS MB':>7}")
    for w, runs in results.items():
        rate = cdc.spread([args.rows / r["seconds"] for r in runs])
        cpu = cdc.spread([r["cpu_seconds"] * 1e6 / args.rows for r in runs])
        row = summary[w] = {"rows_per_second": rate, "cpu_seconds_per_million": cpu}
        if "rss_peak_mb" in runs[0]:
            row["rss_peak_mb"] = cdc.spread([r["rss_peak_mb"] for r in runs])
        rss = f"{row['rss_peak_mb']['max']:.0f}" if "rss_peak_mb" in row else ""
        print(f"{w:16} {rate['median']:10.0f} ({rate['min']:.0f}-{rate['max']:.0f}) {cpu['median']:8.2f} {rss:>7}")
    print(f"A/A noise (slowest / fastest COPY): {summary['noise_a_a']:.2f}")
    best = max((summary[w]["rows_per_second"]["median"], w) for w in results if w.startswith("sluice"))
    rows = [wanted.row(f"{best[1]}: rows/s (median)", best[0], 350_000)]
    if args.debezium:
        peer = max(summary[w]["rows_per_second"]["median"] for w in results if w.startswith("debezium"))
        rows.append(wanted.row(f"{best[1]}: times the fastest Debezium (median)", best[0] / peer, 5.0))
    summary["wanted"] = wanted.show(rows)
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--debezium", action="store_true")
    parser.add_argument("--timeout", type=int, default=900)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    with cdc.servers() as parts:
        summary = run(args, parts)
    args.out.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))


if __name__ == "__main__":
    sys.exit(main())
