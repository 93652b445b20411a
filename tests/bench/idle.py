# SPDX-License-Identifier: Apache-2.0
"""An idle worker with many Postgres sources: CPU over a minute, RSS and PSS, after everything has settled.

Each connector has a slot, a table and a publication of its own in one database; every table gets one row after the
snapshot, so that every line has streamed and committed. Then nothing is written. CPU is read from /proc (user and system
of all threads) in several windows: the spread between the windows of one process is the noise that is reported.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import stand  # noqa: E402
import wanted  # noqa: E402

JSON = "org.apache.kafka.connect.json.JsonConverter"


def properties(kafka):
    kinds = {f"{kind}.storage.{key}": value for kind in ("config", "offset", "status")
             for key, value in (("topic", f"idle-{kind}"), ("replication.factor", 1))}
    return {"bootstrap.servers": kafka.bootstrap, "group.id": "idle", **kinds, "key.converter": JSON,
            "value.converter": JSON, "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}


def connector(postgres, number):
    return {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": stand.HOST,
            "database.port": str(postgres.port), "database.user": "postgres", "database.password": "unused",
            "database.dbname": "idle", "topic.prefix": f"i{number}", "table.include.list": f"public.t{number}",
            "plugin.name": "pgoutput", "slot.name": f"idle_{number}", "publication.name": f"idle_{number}",
            "publication.autocreate.mode": "filtered"}


def cpu_seconds(pid):
    """User and system time of all threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def precise_cpu_seconds(pid):
    """The same from the scheduler's nanoseconds, which count what the clock's ticks miss; ended threads are not in it."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(path.read_text().split()[0])
    return total / 1e9


def switches(pid):
    """Voluntary context switches of all threads: wake-ups."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", path.read_text(), re.M).group(1))
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/status"))


def memory_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {key: int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1)) / 1024 for key in ("Rss", "Pss")}


def settle(worker, kafka, postgres, count):
    def running():
        answer = worker.rest("GET", "/connectors?expand=status").json()
        return len(answer) == count and all(
            entry["status"]["tasks"] and all(task["state"] == "RUNNING" for task in entry["status"]["tasks"])
            for entry in answer.values())

    stand.wait_until(running, 180, f"{count} connectors running; log: {worker.log_path}", 0.5)
    for number in range(count):
        postgres.sql(f"insert into t{number} values (2, 'streamed')", "idle")

    def streamed():
        return all(kafka.consume_all(f"i{number}.public.t{number}")[1:] for number in (0, count // 2, count - 1))

    stand.wait_until(streamed, 120, "the rows in Kafka", 1)


def measure(pid, seconds):
    started = time.monotonic(), cpu_seconds(pid), precise_cpu_seconds(pid), switches(pid)
    time.sleep(seconds)
    wall = time.monotonic() - started[0]
    return {"cpu_percent": (cpu_seconds(pid) - started[1]) / wall * 100,
            "cpu_percent_scheduler": (precise_cpu_seconds(pid) - started[2]) / wall * 100,
            "wakeups_per_second": (switches(pid) - started[3]) / wall}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connectors", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60, help="length of one window")
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--settle", type=float, default=20, help="seconds between the last row and the first window")
    parser.add_argument("--hold", action="store_true", help="print the process id and wait for a signal before measuring")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    count = args.connectors
    with tempfile.TemporaryDirectory(prefix="sluice-idle-") as tmp:
        workdir = pathlib.Path(tmp)
        kafka = stand.Kafka(workdir / "kafka")
        postgres = stand.Postgres(workdir / "postgres", config={
            "max_wal_senders": count + 10, "max_replication_slots": count + 10, "max_connections": 4 * count + 50})
        try:
            stand.start_all([kafka, postgres])
            postgres.create_db("idle")
            for number in range(count):
                postgres.sql(f"create table t{number} (id int primary key, note text); "
                             f"insert into t{number} values (1, 'snapshot')", "idle")
            with stand.Worker(os.environ["SLUICE_BINARY"], workdir / "worker", properties(kafka)) as worker:
                stand.wait_until(lambda: worker.rest("GET", "/connectors").ok, 30, "the worker's REST")
                before = memory_mb(worker.pid)
                for number in range(count):
                    answer = worker.rest("POST", "/connectors", json={"name": f"idle-{number}",
                                                                      "config": connector(postgres, number)})
                    if answer.status_code != 201:
                        raise SystemExit(f"bench: connector {number} was refused: {answer.text}")
                settle(worker, kafka, postgres, count)
                time.sleep(args.settle)
                if args.hold:
                    print(f"pid {worker.pid}; press Enter", flush=True)
                    sys.stdin.readline()
                windows = [measure(worker.pid, args.seconds) for _ in range(args.windows)]
                memory = memory_mb(worker.pid)
                threads = len(list(pathlib.Path(f"/proc/{worker.pid}/task").iterdir()))
                peak = worker.rss_peak_kb() / 1024
                sessions = postgres.sql("select count(*) from pg_stat_activity where datname = 'idle'")[0][0]
        finally:
            stand.stop_all([kafka, postgres])
    # The scheduler's nanoseconds: ticks miss most of what wakes and sleeps at once, in either direction.
    cpu = [window["cpu_percent_scheduler"] for window in windows]
    summary = {"connectors": count, "seconds": args.seconds, "windows": windows, "threads": threads,
               "sessions": sessions, "rss_mb_without_connectors": before["Rss"], "rss_mb": memory["Rss"],
               "pss_mb": memory["Pss"], "rss_peak_mb": peak, "cpu_percent_median": statistics.median(cpu),
               "noise_a_a": max(cpu) / max(min(cpu), 1e-9)}
    print(f"{count} connectors, {threads} threads, {sessions} database sessions; RSS without connectors "
          f"{before['Rss']:.1f} MB, peak {peak:.1f} MB, PSS {memory['Pss']:.1f} MB")
    for window in windows:
        print("  ".join(f"{key} {value:.2f}" for key, value in window.items()))
    print(f"A/A noise (largest / smallest window): {summary['noise_a_a']:.2f}")
    summary["wanted"] = wanted.show([wanted.row("CPU % of one core (median)", summary["cpu_percent_median"], 1.0, at_most=True),
                                     wanted.row("RSS in MB", memory["Rss"], 96.0, at_most=True)])
    args.out.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
