# SPDX-License-Identifier: Apache-2.0
"""Catch-up of a Postgres backlog: Sluice (exactly-once, into Kafka) against pg_recvlogical (TCP, to /dev/null).

With --workload w1..w7 (tests/support/workloads.py) the contenders read that one: pg_recvlogical, Sluice by streaming only
(sluice.backlog.bytes=-1), Sluice as it comes, and with --debezium Debezium on a JVM Kafka Connect: at its defaults, tuned, and
tuned with exactly.once.source.support=enabled (without that it is at least once).

The same WAL is read each time through a copy of one slot. The runs alternate; the pairs' ratios, the minimum and the
median are reported, and the spread of pg_recvlogical's own runs as the noise of this machine (A/A). After each run
of Sluice the topic is read back and every row must be there exactly once, or the bench fails.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import jvm_connect  # noqa: E402
import stand  # noqa: E402
import wanted  # noqa: E402
import workloads  # noqa: E402
from confluent_kafka import Consumer, TopicPartition  # noqa: E402
from confluent_kafka.admin import NewTopic  # noqa: E402

ROWS_PER_TRANSACTION = 1000
PUBLICATION = "bench_pub"


def fill(postgres, rows):
    """The table, its publication, the slot from which all runs are copied, and the rows: 1,000 a transaction, a marker last."""
    with postgres.connect("bench", autocommit=True) as db:
        db.execute("""CREATE TABLE bench_rows (id bigint PRIMARY KEY, account int NOT NULL, amount numeric(12,2),
                      currency varchar(3), note text, created_at timestamptz NOT NULL)""")
        db.execute(f"CREATE PUBLICATION {PUBLICATION} FOR TABLE bench_rows")
        db.execute("SELECT pg_create_logical_replication_slot('bench_base', 'pgoutput')")
        db.execute(f"""DO $$ BEGIN
            FOR t IN 0..{rows // ROWS_PER_TRANSACTION - 1} LOOP
                INSERT INTO bench_rows SELECT i, i % 10000, (i % 100000) / 100.0, 'EUR', 'payment number ' || i, now()
                FROM generate_series(t * {ROWS_PER_TRANSACTION} + 1, (t + 1) * {ROWS_PER_TRANSACTION}) i;
                COMMIT;
            END LOOP; END $$""")
        db.execute("INSERT INTO bench_rows VALUES (0, 0, 0, 'END', 'marker', now())")
        db.execute("CHECKPOINT")
        return db.execute("SELECT pg_current_wal_lsn()::text").fetchone()[0]


def copy_slot(postgres, name):
    postgres.sql(f"SELECT pg_copy_logical_replication_slot('bench_base', '{name}')", "bench")


def children_cpu():
    t = os.times()
    return t.children_user + t.children_system


def run_recvlogical(postgres, slot, end, socket=False):
    copy_slot(postgres, slot)
    host = postgres.socket_dir if socket else "127.0.0.1"
    pg_bin = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True).stdout.strip()
    cpu, started = children_cpu(), time.monotonic()
    subprocess.run([f"{pg_bin}/pg_recvlogical", "-h", host, "-p", str(postgres.port), "-U", "postgres", "-d", "bench",
                    "--slot", slot, "--start", "--endpos", end, "--no-loop", "-f", "/dev/null",
                    "-o", "proto_version=1", "-o", f"publication_names={PUBLICATION}"], check=True)
    result = {"seconds": time.monotonic() - started, "cpu_seconds": children_cpu() - cpu}
    postgres.sql(f"SELECT pg_drop_replication_slot('{slot}')", "bench")
    return result


def connector(postgres, name, host):
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": host, "database.port": str(postgres.port), "database.user": "postgres",
        "database.password": "unused", "database.dbname": "bench", "topic.prefix": name,
        "table.include.list": "public.bench_rows", "plugin.name": "pgoutput", "slot.name": name,
        "publication.name": PUBLICATION, "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
    }


class Tail:
    """Sees committed records at the end of a topic without reading it all (that would take CPU from what is measured)."""

    def __init__(self, bootstrap, topic):
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-tail", "enable.auto.commit": False,
                                  "isolation.level": "read_committed", "fetch.wait.max.ms": 5})
        self.partition = TopicPartition(topic, 0)

    def high(self):
        with contextlib.suppress(Exception):
            return self.consumer.get_watermark_offsets(self.partition, timeout=5)[1]
        return 0

    def has_marker(self):
        high = self.high()
        if not high:
            return False
        self.consumer.assign([TopicPartition(self.partition.topic, 0, max(0, high - 20))])
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            message = self.consumer.poll(0.05)
            if message is None or message.error():
                continue
            if message.value() and json.loads(message.value())["after"]["currency"] == "END":
                return True
            if message.offset() >= high - 2:
                return False
        return False

    def close(self):
        self.consumer.close()


def check_exactly_once(kafka, topic, rows):
    """Every id once, in commit order, marker last."""
    expected = 1
    records = stand.consume_all(kafka.bootstrap, topic)
    for record in records[:-1]:
        got = json.loads(record.key)["id"]
        if got != expected:
            raise SystemExit(f"bench: row {expected} expected, {got} found at offset {record.offset}")
        expected += 1
    if expected != rows + 1 or json.loads(records[-1].key)["id"] != 0:
        raise SystemExit(f"bench: {expected - 1} rows of {rows} found")


def worker_properties(kafka, group):
    return {"bootstrap.servers": kafka.bootstrap, "group.id": group,
            "config.storage.topic": f"{group}-configs", "config.storage.replication.factor": "1",
            "offset.storage.topic": f"{group}-offsets", "offset.storage.replication.factor": "1",
            "status.storage.topic": f"{group}-status", "status.storage.replication.factor": "1",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter"}


def run_sluice(binary, workdir, kafka, postgres, name, rows, check, socket=False):
    copy_slot(postgres, name)
    topic = f"{name}.public.bench_rows"
    kafka.create_topic(topic)
    tail = Tail(kafka.bootstrap, topic)
    config = connector(postgres, name, postgres.socket_dir if socket else "127.0.0.1")
    with stand.Worker(binary, workdir / name, worker_properties(kafka, name)) as worker:
        started = time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": config})
        if getattr(answer, "status_code", 201) != 201:
            raise SystemExit(f"bench: the connector was refused: {answer.text}")
        stand.wait_until(tail.has_marker, timeout=180, what=f"the last row of {name}; log: {worker.log_path}", interval=0.02)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": worker.cpu_seconds(),
                  "rss_peak_mb": worker.rss_peak_kb() / 1024}
        worker.rest("DELETE", f"/connectors/{name}")
    tail.close()
    if check:
        check_exactly_once(kafka, topic, rows)
    postgres.sql(f"SELECT pg_drop_replication_slot('{name}')", "bench")
    return result


def first_record(binary, workdir, kafka, postgres, name, backlog):
    """From exec of a worker whose connector is already stored (a restart) to its first committed record: one row was
    written while it was down, or with backlog all of the bench's rows wait."""
    if backlog:
        copy_slot(postgres, name)
    else:
        postgres.sql(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')", "bench")
    topic = f"{name}.public.bench_rows"
    kafka.create_topic(topic)
    properties = worker_properties(kafka, name)
    with stand.Worker(binary, workdir / name, properties) as worker:
        body = {"name": name, "config": connector(postgres, name, "127.0.0.1"), "initial_state": "PAUSED" if backlog else "RUNNING"}
        answer = worker.rest("POST", "/connectors", json=body)
        if answer.status_code != 201:
            raise SystemExit(f"bench: the connector was refused: {answer.text}")
        if backlog:  # started by the target state in the config topic, as after an upgrade
            worker.rest("PUT", f"/connectors/{name}/resume")
        else:
            worker.wait_running(name)
    tail = Tail(kafka.bootstrap, topic)
    start_from = tail.high()
    if not backlog:
        postgres.sql(f"INSERT INTO bench_rows VALUES ({-time.time_ns() // 1000}, 0, 0, 'EUR', 'first', now())", "bench")
    started = time.monotonic()
    with stand.Worker(binary, workdir / f"{name}-again", properties):
        stand.wait_until(lambda: tail.high() > start_from, timeout=30, what="the first record", interval=0.005)
        seconds = time.monotonic() - started
    tail.close()
    postgres.sql(f"SELECT pg_drop_replication_slot('{name}')", "bench")
    return seconds


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def report(results, rows):
    base, ours = results["pg_recvlogical_tcp"], results["sluice_tcp"]
    ratios = [o["seconds"] / b["seconds"] for o, b in zip(ours, base)]
    summary = {
        "rows": rows, "runs": len(ours),
        "wall_seconds": {k: spread([r["seconds"] for r in v]) for k, v in results.items() if not k.startswith("first")},
        "ratio_to_pg_recvlogical_tcp": spread(ratios),
        "noise_a_a": max(r["seconds"] for r in base) / min(r["seconds"] for r in base),
        "cpu_seconds_per_million_rows": spread([r["cpu_seconds"] / rows * 1e6 for r in ours]),
        "rss_peak_mb": spread([r["rss_peak_mb"] for r in ours]),
        "first_record_seconds": spread(results["first_record"]),
        "first_record_of_a_backlog_seconds": spread(results["first_record_backlog"]),
    }
    limits = [("wall time / pg_recvlogical TCP (median)", summary["ratio_to_pg_recvlogical_tcp"]["median"], 0.9),
              ("CPU seconds per million rows (median)", summary["cpu_seconds_per_million_rows"]["median"], 3.5),
              ("peak RSS in MB (max)", summary["rss_peak_mb"]["max"], 64.0)]
    for key, what in (("first_record_seconds", "first record after start in s (median)"),
                      ("first_record_of_a_backlog_seconds", "... with all the rows waiting (median)")):
        limits.append((what, summary[key]["median"], 0.5))
    print(f"\n{'part':24} {'min s':>8} {'median s':>9} {'max s':>8}")
    for part, values in summary["wall_seconds"].items():
        print(f"{part:24} {values['min']:8.2f} {values['median']:9.2f} {values['max']:8.2f}")
    print(f"\nA/A noise (slowest / fastest pg_recvlogical run): {summary['noise_a_a']:.2f}")
    summary["wanted"] = wanted.show([wanted.row(what, measured, most, at_most=True) for what, measured, most in limits])
    return summary


# ---- workloads ----

# What tuning guides and our own tries agree on; both run with JSON without schemas, as Sluice does.
DEBEZIUM_TUNED = {"max.batch.size": "16384", "max.queue.size": "65536", "poll.interval.ms": "50",
                  "producer.override.linger.ms": "20", "producer.override.batch.size": "262144",
                  "producer.override.compression.type": "lz4"}


def create_topics(kafka, workload, name):
    """So that none is made while the clock runs."""
    topics = [NewTopic(f"{name}.public.{table}", 1, 1) for table in (*workload.tables, "bench_end")]
    admin = kafka.admin()  # the futures end with it
    for future in admin.create_topics(topics, request_timeout=120).values():
        future.result(120)


def wait_for_end(kafka, name, timeout):
    tail = Tail(kafka.bootstrap, f"{name}.public.bench_end")
    stand.wait_until(lambda: tail.high() > 0, timeout=timeout, what=f"the last row of {name}", interval=0.02)
    tail.close()


def workload_config(postgres, name, **more):
    config = connector(postgres, name, "127.0.0.1")
    del config["table.include.list"]
    return {**config, **more}


class WalsenderWatch(threading.Thread):
    """The CPU time of the sessions that read a slot, as last seen."""

    def __init__(self, postgres, slot):
        super().__init__(daemon=True)
        self.postgres, self.slot, self.seen, self.over = postgres, slot, {}, threading.Event()
        self.start()

    def run(self):
        with self.postgres.connect("bench") as db:
            while not self.over.wait(0.1):
                for (pid,) in db.execute("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", (self.slot,)):
                    if pid:
                        with contextlib.suppress(OSError):
                            self.seen[pid] = process_cpu(pid)

    def stop(self):
        self.over.set()
        self.join()
        return sum(self.seen.values())


def read_with_recvlogical(args, parts, name, end):
    watch = WalsenderWatch(parts.postgres, name)
    result = run_recvlogical(parts.postgres, name, end)
    return {**result, "walsender_cpu_seconds": watch.stop()}


def read_with_sluice(args, parts, name, more):
    copy_slot(parts.postgres, name)
    watch = WalsenderWatch(parts.postgres, name)
    with stand.Worker(os.environ["SLUICE_BINARY"], parts.workdir / name, worker_properties(parts.kafka, name)) as worker:
        stand.wait_until(lambda: " is ready after " in worker.log_path.read_text(), timeout=30, what="the worker", interval=0.02)
        broker, started = process_cpu(parts.kafka.pid), time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": workload_config(parts.postgres, name, **more)})
        if answer.status_code != 201:
            raise SystemExit(f"bench: the connector was refused: {answer.text}")
        wait_for_end(parts.kafka, name, args.timeout)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": worker.cpu_seconds(),
                  "rss_peak_mb": worker.rss_peak_kb() / 1024, "walsender_cpu_seconds": watch.stop(),
                  "broker_cpu_seconds": process_cpu(parts.kafka.pid) - broker}
        worker.rest("DELETE", f"/connectors/{name}")
    return result


def read_with_debezium(args, parts, name, more, exactly_once=False):
    """From the start of a connector on a worker that runs, so that the JVM's start is not counted."""
    copy_slot(parts.postgres, name)
    heap = "2g" if more else "1g"
    own = {"connector.client.config.override.policy": "All"}
    if exactly_once:
        own["exactly.once.source.support"] = "enabled"
    with jvm_connect.Distributed(parts.workdir / name, parts.kafka.bootstrap, name, own, ("debezium",), heap) as worker:
        before, broker, started = process_cpu(worker.pid), process_cpu(parts.kafka.pid), time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": workload_config(parts.postgres, name, **more)})
        if answer.status_code != 201:
            raise SystemExit(f"bench: Debezium was refused: {answer.text}")
        wait_for_end(parts.kafka, name, args.timeout)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": process_cpu(worker.pid) - before,
                  "rss_peak_mb": process_peak_mb(worker.pid), "broker_cpu_seconds": process_cpu(parts.kafka.pid) - broker}
        worker.rest("DELETE", f"/connectors/{name}")
    return result


def process_cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_peak_mb(pid):
    return int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def drop_slot(postgres, name):
    """The reader's session may still be ending."""
    drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{}'"

    def gone():
        postgres.sql(drop.format(name), "bench")
        return True

    stand.wait_until(gone, timeout=30, what=f"slot {name} to be dropped")


def run_workload(args, parts):
    workload = workloads.ALL[args.workload]()
    rows = args.rows or workload.rows
    print(f"bench cdc {args.workload} ({workload.__doc__}): writing {rows} changes ...", flush=True)
    end = workload.fill(parts.postgres, rows)
    contenders = {
        "pg_recvlogical": lambda name: read_with_recvlogical(args, parts, name, end),
        "sluice_streaming": lambda name: read_with_sluice(args, parts, name, {"sluice.backlog.bytes": "-1"}),
        "sluice": lambda name: read_with_sluice(args, parts, name, {}),
    }
    if args.debezium:
        contenders["debezium"] = lambda name: read_with_debezium(args, parts, name, {})
        contenders["debezium_tuned"] = lambda name: read_with_debezium(args, parts, name, DEBEZIUM_TUNED)
        contenders["debezium_exactly_once"] = lambda name: read_with_debezium(args, parts, name, DEBEZIUM_TUNED, exactly_once=True)
    if args.only:
        contenders = {who: read for who, read in contenders.items() if who in ("pg_recvlogical", *args.only)}
    results = {who: [] for who in contenders}
    for i in range(args.runs + (not args.no_warm_up)):
        for who, read in contenders.items():
            if i == 0 and not args.no_warm_up and who.startswith("debezium"):
                continue  # a JVM of its own each time: nothing to warm up
            name = f"{who}_{i}"
            if who != "pg_recvlogical":
                create_topics(parts.kafka, workload, name)
            result = read(name)
            if who != "pg_recvlogical":
                workloads.check(workload, parts.kafka, parts.postgres, name, rows)
                drop_slot(parts.postgres, name)
                topics = [f"{name}.public.{table}" for table in workload.tables]
                admin = parts.kafka.admin()
                for future in admin.delete_topics(topics).values():
                    future.result(60)
            if i or args.no_warm_up:
                results[who].append(result)
            print(f"{name}: {result}", flush=True)
    return workload_report(args, results, rows)


def workload_report(args, results, rows):
    base = results["pg_recvlogical"]
    summary = {"workload": args.workload, "rows": rows, "runs": args.runs,
               "noise_a_a": max(r["seconds"] for r in base) / min(r["seconds"] for r in base)}
    print(f"\n{args.workload}, {rows} changes, medians (fastest to slowest)")
    print(f"{'':18} {'seconds':>24} {'rate : pg_recvlogical':>22} {'CPU-s/M':>8} {'walsender':>9} {'broker':>7} {'RSS MB':>7}")
    for who, runs in results.items():
        seconds = spread([r["seconds"] for r in runs])
        row = {"seconds": seconds, "rate_to_pg_recvlogical": spread([b["seconds"] / r["seconds"] for b, r in zip(base, runs)])}
        for key in ("cpu_seconds", "walsender_cpu_seconds", "broker_cpu_seconds", "rss_peak_mb"):
            if key in runs[0]:
                name, scale = (key, 1) if key == "rss_peak_mb" else (f"{key}_per_million", 1e6 / rows)
                row[name] = spread([r[key] * scale for r in runs])
        summary[who] = row
        cell = lambda key, pick="median": f"{row[key][pick]:.2f}" if key in row else ""  # noqa: E731
        wall = f"{seconds['median']:.2f} ({seconds['min']:.2f}-{seconds['max']:.2f})"
        print(f"{who:18} {wall:>24} {cell('rate_to_pg_recvlogical'):>22} {cell('cpu_seconds_per_million'):>8}"
              f" {cell('walsender_cpu_seconds_per_million'):>9} {cell('broker_cpu_seconds_per_million'):>7} {cell('rss_peak_mb', 'max'):>7}")
    print(f"A/A noise (slowest / fastest pg_recvlogical run): {summary['noise_a_a']:.2f}")
    summary["wanted"] = wanted.show(workload_wanted(args.workload, summary))
    return summary


def workload_wanted(name, summary):
    """Rates are wanted of w1, where 5M rows are meant; memory of all."""
    rows = []
    for who in [who for who in ("sluice_streaming", "sluice") if who in summary]:
        of = summary[who]
        if name == "w1":
            rows.append(wanted.row(f"{who}: rate by pg_recvlogical's (median)", of["rate_to_pg_recvlogical"]["median"], 1.1 if who == "sluice_streaming" else 1.8))
            rows.append(wanted.row(f"{who}: CPU seconds per million (median)", of["cpu_seconds_per_million"]["median"], 3.0, at_most=True))
        rows.append(wanted.row(f"{who}: peak RSS in MB (max)", of["rss_peak_mb"]["max"], 128.0 if name == "w5" else 64.0, at_most=True))
    peers = [summary[who]["seconds"]["median"] for who in summary if who.startswith("debezium")]
    if name == "w1" and peers and "sluice" in summary:
        rows.append(wanted.row("sluice: rate by the fastest Debezium's (median)", min(peers) / summary["sluice"]["seconds"]["median"], 7.0))
    return rows


@contextlib.contextmanager
def servers():
    """Kafka and Postgres with the database `bench`, in a directory that goes away with them."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as tmp, contextlib.ExitStack() as stack:
        workdir = pathlib.Path(tmp)
        parts = types.SimpleNamespace(workdir=workdir, kafka=stand.Kafka(workdir / "kafka"),
                                      postgres=stand.Postgres(workdir / "postgres"))
        stack.callback(stand.stop_all, [parts.kafka, parts.postgres])
        stand.start_all([parts.kafka, parts.postgres])
        parts.postgres.create_db("bench")
        yield parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="changes to write (1,000,000, or what the workload says)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--no-socket", action="store_true", help="leave the Unix socket runs out")
    parser.add_argument("--workload", choices=sorted(workloads.ALL), help="; ".join(
        f"{name}: {cls.__doc__}" for name, cls in workloads.ALL.items()).replace("%", "%%"))
    parser.add_argument("--debezium", action="store_true", help="with --workload: Debezium as a contender, three times")
    parser.add_argument("--only", nargs="*", help="with --workload: these contenders (and pg_recvlogical), as the table names them")
    parser.add_argument("--no-warm-up", action="store_true", help="with --workload: count the first round too")
    parser.add_argument("--timeout", type=int, default=900, help="with --workload: seconds that one reading may take")
    args = parser.parse_args()
    if args.workload:
        with servers() as parts:
            summary = run_workload(args, parts)
        args.out.with_stem(f"cdc-{args.workload}").write_text(json.dumps(summary, indent=2) + "\n")
        print(json.dumps(summary))
        return
    args.rows = args.rows or 1_000_000
    binary = os.environ["SLUICE_BINARY"]
    results = {"pg_recvlogical_tcp": [], "sluice_tcp": [], "pg_recvlogical_socket": [], "sluice_socket": [],
               "first_record": [], "first_record_backlog": []}
    with servers() as parts:
        workdir, kafka, postgres = parts.workdir, parts.kafka, parts.postgres
        print(f"bench cdc: writing {args.rows} rows ...", flush=True)
        end = fill(postgres, args.rows)
        run_recvlogical(postgres, "warm_base", end)
        run_sluice(binary, workdir, kafka, postgres, "warm_up", args.rows, check=True)
        for i in range(args.runs):
            results["pg_recvlogical_tcp"].append(run_recvlogical(postgres, f"base_{i}", end))
            results["sluice_tcp"].append(run_sluice(binary, workdir, kafka, postgres, f"tcp_{i}", args.rows, check=True))
            if not args.no_socket:
                results["pg_recvlogical_socket"].append(run_recvlogical(postgres, f"base_s_{i}", end, socket=True))
                results["sluice_socket"].append(run_sluice(binary, workdir, kafka, postgres, f"socket_{i}", args.rows,
                                                           check=False, socket=True))
            print(f"run {i + 1}: pg_recvlogical {results['pg_recvlogical_tcp'][-1]['seconds']:.2f} s, "
                  f"sluice {results['sluice_tcp'][-1]}", flush=True)
        for i in range(args.runs):
            results["first_record"].append(first_record(binary, workdir, kafka, postgres, f"first_{i}", backlog=False))
            results["first_record_backlog"].append(first_record(binary, workdir, kafka, postgres, f"first_b_{i}", backlog=True))
        if args.no_socket:
            del results["pg_recvlogical_socket"], results["sluice_socket"]
        summary = report(results, args.rows)
    args.out.write_text(json.dumps({"summary": summary, "runs": results}, indent=2) + "\n")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
