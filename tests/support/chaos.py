# SPDX-License-Identifier: Apache-2.0
"""What the kinds of tests/chaos have in common: a cluster of workers that get hurt, requests that outlive it, seeded schedules, and
the frame of a run. A kind derives its Chaos from Run and says what the parts are, which faults there are and what must be true.

A worker on which a fault lies is not `fit`: nothing is asked of it, and no second fault falls on it."""

import collections
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time

import stand

SLOW = int(os.environ.get("SLUICE_SLOW", "1"))
JSON = "org.apache.kafka.connect.json.JsonConverter"


class Violation(Exception):
    """A rule was broken."""


class Worker(stand.Worker):
    """One of the cluster; `fit` while no fault is on it."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.fit = True
        self.start_timeout *= SLOW

    def _ready(self):
        return self.rest("GET", "/connectors", timeout=5).ok


def schedule(rng, kinds, count, workers, hard):
    """What is done to the workers when: (seconds after the one before, kind, worker, seconds that it lasts). kinds:
    {kind: (weight, (least, most))}; at least one fault is of those in `hard`."""
    weights = [weight for weight, _ in kinds.values()]
    plan = [{"after": round(rng.uniform(0.4, 2.5), 2), "kind": kind, "worker": rng.randrange(workers),
             "lasts": round(rng.uniform(*kinds[kind][1]), 2)} for kind in rng.choices(list(kinds), weights, k=count)]  # fmt: skip
    if plan and all(step["kind"] not in hard for step in plan):
        plan[0] |= {"kind": "kill", "lasts": 0.5}
    return plan


class Run:
    """The frame: parts, workers, and a clock. `violations` are those of the run as a whole; what a kind's own reports say comes
    beside them (`is_broken`)."""

    def __init__(self, args, workdir):
        self.args, self.workdir = args, workdir
        self.kafka = None
        self.workers, self.reports, self.violations, self.broken = [], [], [], []
        self.lock = threading.Lock()  # over fit and the lists of results
        self.hits = collections.Counter()
        self.started = time.monotonic()

    def say(self, text):
        print(f"{time.monotonic() - self.started:7.1f} s  {text}", flush=True)

    def run(self):
        raise NotImplementedError

    def is_broken(self):
        return bool(self.violations) or any(report["violations"] for report in self.reports)

    def epilogue(self):
        """Lines for who has to find out why."""
        return self.violations

    # --- The stand ----------------------------------------------------------------------------------------------------

    def make_workers(self, count, session, heartbeat, bootstrap=None, **more):
        """Workers of one group, started; session in seconds, heartbeat in ms. Keys with underscores stand for those with dots."""
        kinds = {f"{kind}.storage.{key}": value for kind in ("config", "offset", "status")
                 for key, value in (("topic", f"chaos-{kind}"), ("replication.factor", 1))}  # fmt: skip
        properties = {"bootstrap.servers": bootstrap or self.kafka.bootstrap, "group.id": "chaos", **kinds, "offset.storage.partitions": 5,
                      "session.timeout.ms": int(session * 1000), "heartbeat.interval.ms": heartbeat, "key.converter": JSON,
                      "value.converter": JSON, **{key.replace("_", "."): value for key, value in more.items()}}  # fmt: skip
        self.workers = [self.make_worker(self.workdir / f"worker-{number}", properties) for number in range(count)]
        stand.start_all(self.workers)

    def make_worker(self, workdir, properties):
        return Worker(os.environ["SLUICE_BINARY"], workdir, properties)

    def parts(self):
        """What is stopped behind the workers."""
        return [self.kafka]

    def tear_down(self):
        for worker in self.workers:
            if worker.running:
                worker.signal(signal.SIGCONT)
        stand.stop_all(self.workers)
        stand.stop_all([part for part in self.parts() if part])

    # --- Requests -----------------------------------------------------------------------------------------------------

    def ask(self, method, path, body=None):
        """A request to any worker that is fit; clients try again on 409 (a rebalance) and where nobody listens."""
        deadline = time.monotonic() + 60 * SLOW
        answer = error = None
        while time.monotonic() < deadline:
            for worker in [worker for worker in self.workers if worker.fit and worker.running]:
                try:
                    answer = worker.rest(method, path, json=body, timeout=20)
                except Exception as failed:
                    error = failed
                    continue
                # A POST that went through although its answer was lost says 409 the next time.
                if answer.ok or (answer.status_code == 409 and "already exists" in answer.text):
                    return answer
                if answer.status_code not in (404, 409, 500, 503):
                    raise Violation(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
            time.sleep(0.2)
        raise Violation(f"{method} {path}: no good answer, last {answer.text[:1000] if answer is not None else repr(error)}")

    def wait_running(self, name):
        def runs():
            # Of two changes that were asked for at the same time either may be the last.
            tasks = int(self.ask("GET", f"/connectors/{name}/config").json().get("tasks.max", "1"))
            status = self.ask("GET", f"/connectors/{name}/status").json()
            return len(status["tasks"]) == tasks and all(task["state"] == "RUNNING" for task in status["tasks"]) or None

        try:
            stand.wait_until(runs, 60 * SLOW, "all tasks RUNNING", 0.1)
        except TimeoutError:
            status = self.ask("GET", f"/connectors/{name}/status").json()
            raise Violation(f"tasks do not run: {json.dumps(status)[:3000]}") from None

    # --- Faults of workers --------------------------------------------------------------------------------------------

    def pick(self, wanted, count=1, leave=0):
        """The wanted worker and those behind it, as far as they are fit, once so many are fit that `leave` of them stay so."""
        while True:
            with self.lock:
                fit = [worker for worker in self.workers[wanted:] + self.workers[:wanted] if worker.fit]
                if len(fit) >= count + leave:
                    for worker in fit[:count]:
                        worker.fit = False
                    return fit[:count]
            time.sleep(0.05)

    def take_all(self):
        """All that are fit, which they no longer are."""
        with self.lock:
            taken = [worker for worker in self.workers if worker.fit]
            for worker in taken:
                worker.fit = False
        return taken

    def give_back(self, workers):
        for worker in workers:
            if not worker.running:
                worker.start()
            worker.fit = True

    def aside(self, what):
        """In a thread of its own; what it raises is in self.broken."""
        def run():
            try:
                what()
            except Exception as error:
                with self.lock:
                    self.broken.append(str(error) or repr(error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def hit(self, step, worker):
        """Kill, freeze or stop one worker for as long as the step lasts."""
        try:
            if step["kind"] in ("freeze", "zombies"):
                worker.signal(signal.SIGSTOP)
                time.sleep(step["lasts"])
                worker.signal(signal.SIGCONT)
                time.sleep(0.5)
                if not worker.running:
                    raise Violation(f"a worker ended with {worker.process.returncode} after it was frozen")
            elif step["kind"] == "stop":
                code = worker.stop()
                if code != 0:
                    raise Violation(f"a worker ended with {code} when it was stopped")
                time.sleep(step["lasts"])
            else:
                if not worker.running:
                    raise Violation(f"a worker ended with {worker.process.returncode} by itself")
                worker.kill()
                time.sleep(step["lasts"])
        finally:
            self.give_back([worker])


def options(parser, runs=None):
    """What every kind can be told."""
    if runs:
        parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--json", type=pathlib.Path, help="a file for all reports")
    parser.add_argument("--keep", action="store_true", help="keep the work directory; a run that broke a rule keeps it anyway")


def drive(kind, make, args, summary, again):
    """One run: make(args, workdir).run(), the report of summary(chaos) as a line of JSON, and on a broken rule `again`, the options
    that repeat it, and exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit that ends the run lets it stop its servers
    workdir = pathlib.Path(tempfile.mkdtemp(prefix=f"sluice-chaos-{kind}-"))
    chaos = make(args, workdir)
    try:
        chaos.run()
    except (Violation, stand.StandError, TimeoutError) as error:
        chaos.violations.append(str(error))
    finally:
        chaos.tear_down()
    told = summary(chaos)
    print(json.dumps(told))
    if args.json:
        args.json.write_text(json.dumps({**told, "reports": chaos.reports}, indent=1))
    if chaos.is_broken():
        print(f"\nchaos {kind}: broken with --seed {args.seed} {again}; logs in {workdir}", file=sys.stderr)
        for line in chaos.epilogue():
            print(f"  {line}", file=sys.stderr)
        sys.exit(1)
    if not args.keep:
        shutil.rmtree(workdir, ignore_errors=True)
