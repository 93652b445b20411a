# SPDX-License-Identifier: Apache-2.0
"""Answer times of REST reads with 200 connectors (file sources: two of three STOPPED or PAUSED, the others RUNNING).

Each GET is asked by a few clients at the same time, over connections that are kept and over a new one each. The clients are
processes of their own that write the request and read the answer by its Content-Length, so that what is measured is the worker
and not a Python HTTP library. One series is measured twice: the ratio is the noise (A/A). With --jvm the same series run
against a JVM Kafka Connect 4.2 with the same connectors; the two take turns.
"""
import argparse
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import random
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import jvm_connect  # noqa: E402
import stand  # noqa: E402
import wanted  # noqa: E402

STATES = ("STOPPED", "PAUSED", "RUNNING")
ALL = "all with status and info"
NO_WORKER = "GET / (no model)"


def paths(names):
    """What is asked: a name and the paths that take turns."""
    running = [name for number, name in enumerate(names) if STATES[number % 3] == "RUNNING"]
    return {
        NO_WORKER: ["/"],
        "list": ["/connectors"],
        "info": [f"/connectors/{name}" for name in names],
        "config": [f"/connectors/{name}/config" for name in names],
        "status": [f"/connectors/{name}/status" for name in names],
        "tasks": [f"/connectors/{name}/tasks" for name in names],
        "task status": [f"/connectors/{name}/tasks/0/status" for name in running],
        "plugins": ["/connector-plugins"],
        ALL: ["/connectors?expand=status&expand=info"],
    }


def one(connection, request):
    """Sends a request and reads its answer; returns the number of bytes of the body."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionError("closed before the answer")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if " 200 " not in lines[0] + " ":
        raise RuntimeError(f"{lines[0]} for {request.split()[1]!r}")
    length = next((int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")), None)
    if length is None:
        return unmeasured(connection, body, b"transfer-encoding: chunked" in head.lower())
    have = len(body)
    while have < length:
        part = connection.recv(1 << 20)
        if not part:
            raise ConnectionError("closed inside the answer")
        have += len(part)
    return length


def unmeasured(connection, body, chunked):
    """The JVM's answer that is larger than its buffer: in chunks, or up to the connection's end."""
    while not (chunked and body.endswith(b"\r\n0\r\n\r\n")):
        part = connection.recv(1 << 20)
        if not part and chunked:
            raise ConnectionError("closed inside the answer")
        if not part:
            break
        body += part
    return len(body)


def connect(port):
    connection = socket.create_connection((stand.HOST, port), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def client(port, asked, count, keep, seed):
    """One client: its times in seconds, in the order of the requests."""
    rng, times = random.Random(seed), []
    requests = [f"GET {path} HTTP/1.1\r\nHost: {stand.HOST}:{port}\r\nAccept: application/json\r\n"
                f"{'' if keep else 'Connection: close' + chr(13) + chr(10)}\r\n".encode() for path in asked]
    connection = connect(port) if keep else None
    for _ in range(count):
        request = rng.choice(requests)
        started = time.perf_counter()
        if keep:
            one(connection, request)
        else:
            with connect(port) as fresh:
                one(fresh, request)
        times.append(time.perf_counter() - started)
    if keep:
        connection.close()
    return times


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def series(pool, port, asked, count, clients, keep):
    """p50 and p99 in milliseconds."""
    runs = [pool.submit(client, port, asked, count // clients, keep, number) for number in range(clients)]
    times = [value * 1000 for run in runs for value in run.result()]
    return {"p50_ms": statistics.median(times), "p99_ms": percentile(times, 0.99), "max_ms": max(times), "requests": len(times)}


def create(worker, workdir, names):
    """The connectors in their states; each has a source file with one line."""
    for number, name in enumerate(names):
        path = workdir / f"{name}.txt"
        path.write_text("one line\n")
        config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
                  "file": str(path), "topic": "rest-bench"}
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": config,
                                                          "initial_state": STATES[number % 3]}, timeout=90)
        if answer.status_code != 201:
            raise SystemExit(f"bench: {name} was refused: {answer.text}")

    def settled():
        entries = worker.rest("GET", "/connectors?expand=status", timeout=60).json()
        wanted = {name: STATES[number % 3] for number, name in enumerate(names)}
        return len(entries) == len(names) and all(
            entry["status"]["connector"]["state"] == wanted[name] and
            [task["state"] for task in entry["status"]["tasks"]] == (["RUNNING"] if wanted[name] == "RUNNING" else [])
            for name, entry in entries.items())

    stand.wait_until(settled, 300, f"{len(names)} connectors in their states; log: {worker.log_path}", 1)


def properties(kafka, group):
    own = {"bootstrap.servers": kafka.bootstrap, "group.id": group}
    for kind in ("config", "offset", "status"):
        own |= {f"{kind}.storage.topic": f"{group}-{kind}", f"{kind}.storage.replication.factor": 1}
    return own


def measure(pool, workers, names, args):
    """results[worker][what][keep-alive or fresh]: a list with one entry a round; the workers take turns."""
    results = {kind: {} for kind in workers}
    for what, asked in paths(names).items():
        count = args.requests // 10 if what == ALL else args.requests
        for keep in (True, False):
            way = "keep-alive" if keep else "fresh"
            for _ in range(args.rounds):
                for kind, worker in workers.items():
                    got = series(pool, worker.port, asked, count, args.clients, keep)
                    results[kind].setdefault(what, {}).setdefault(way, []).append(got)
    return results


def summarize(results, args):
    def median(kind, what, way, key):
        return statistics.median(entry[key] for entry in results[kind][what][way])

    table = []
    for what in results["sluice"]:
        for way in ("keep-alive", "fresh"):
            row = {"what": what, "way": way, **{key: median("sluice", what, way, key) for key in ("p50_ms", "p99_ms")}}
            if "jvm" in results:
                row |= {f"jvm_{key}": median("jvm", what, way, key) for key in ("p50_ms", "p99_ms")}
            table.append(row)
    again = [entry["p99_ms"] for entry in results["sluice"]["status"]["keep-alive"]]
    return {"connectors": args.connectors, "clients": args.clients, "requests": args.requests, "rounds": args.rounds,
            "noise_a_a_p99_status": max(again) / min(again), "table": table}


def show(summary):
    print(f"\n{'GET':28} {'connection':11} {'p50 ms':>8} {'p99 ms':>8} {'JVM p50':>8} {'JVM p99':>8}")
    for row in summary["table"]:
        jvm = f"{row['jvm_p50_ms']:8.2f} {row['jvm_p99_ms']:8.2f}" if "jvm_p50_ms" in row else ""
        print(f"{row['what']:28} {row['way']:11} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} {jvm}")
    print(f"A/A noise (p99 of status, largest / smallest round): {summary['noise_a_a_p99_status']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connectors", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--requests", type=int, default=2000, help="of a series; a tenth for the one with all connectors")
    parser.add_argument("--rounds", type=int, default=3, help="series of each kind")
    parser.add_argument("--jvm", action="store_true", help="a JVM Kafka Connect too")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    names = [f"bench-{number:03}" for number in range(args.connectors)]
    with tempfile.TemporaryDirectory(prefix="sluice-rest-") as tmp:
        workdir = pathlib.Path(tmp)
        kafka = stand.Kafka(workdir / "kafka")
        workers = {"sluice": stand.Worker(os.environ["SLUICE_BINARY"], workdir / "worker", properties(kafka, "sluice"))}
        if args.jvm:
            workers["jvm"] = jvm_connect.Distributed(workdir / "jvm", kafka.bootstrap, "jvm")
        try:
            kafka.start()
            for worker in workers.values():
                worker.start()
                stand.wait_until(lambda w=worker: w.rest("GET", "/connectors").ok, 60, "the worker's REST")
                create(worker, workdir, names)
            # spawn: a forked child would carry this process's Kafka and thread state.
            context = multiprocessing.get_context("spawn")
            with concurrent.futures.ProcessPoolExecutor(args.clients, mp_context=context) as pool:
                for worker in workers.values():  # clients and workers are warm then
                    series(pool, worker.port, ["/connectors"], args.requests // 2, args.clients, True)
                results = measure(pool, workers, names, args)
        finally:
            for worker in workers.values():
                worker.stop()
            kafka.stop()
    summary = summarize(results, args)
    show(summary)
    summary["wanted"] = wanted.show([wanted.row(f"{row['what']}, {row['way']}: p99 in ms", row["p99_ms"], 20.0 if row["what"] == ALL else 5.0, at_most=True)
                                     for row in summary["table"]])
    args.out.write_text(json.dumps({"summary": summary, "runs": results}, indent=2) + "\n")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
