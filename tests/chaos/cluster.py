# SPDX-License-Identifier: Apache-2.0
"""A cluster of workers under faults: kill -9, frozen for less and for more than the session, stopped in peace, in a seeded
random order and overlapping, while every table is written all the time. Now and then a kill comes alone, when everything is
at rest again.

At the end, with all workers up again: a read_committed reader sees every change exactly once and each key's changes in
their order, every task runs, no worker has two tasks more than another, and all workers' REST tells the same (that is
looked at before each kill that comes alone, too). After a kill that comes alone, with other workers alive, the worker's
tasks run elsewhere within the session and 5 s.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import chaos as base  # noqa: E402
import stand  # noqa: E402
from chaos import Violation  # noqa: E402

SESSION = 6.0
MOVE_WITHIN = SESSION + 5
# kind: (weight, seconds that it lasts)
FAULTS = {
    "kill, back soon": (3, (0.1, 3.0)),
    "kill, back late": (3, (7.0, 12.0)),
    "freeze short": (2, (0.5, 4.0)),
    "freeze long": (3, (8.0, 12.0)),
    "stop": (2, (0.1, 4.0)),
    "kill, alone": (1, (13.0, 14.0)),
}


def schedule(rng, faults, workers):
    """What is done when: (seconds after the one before, kind, worker, seconds that it lasts)."""
    kinds, weights = list(FAULTS), [weight for weight, _ in FAULTS.values()]
    plan = []
    for _ in range(faults):
        kind = rng.choices(kinds, weights)[0]
        plan.append({"after": round(rng.uniform(0.5, 3.5), 2), "kind": kind, "worker": rng.randrange(workers),
                     "lasts": round(rng.uniform(*FAULTS[kind][1]), 2)})
    if all(step["kind"] != "kill, alone" for step in plan):
        plan[-1] = {**plan[-1], "kind": "kill, alone", "lasts": 13.5}
    return plan


class Writer(threading.Thread):
    """Commits small transactions on one table and remembers, per key, what a reader must see."""

    def __init__(self, postgres, number, seed, per_second):
        super().__init__(daemon=True)
        self.postgres, self.number, self.pause = postgres, number, 1 / per_second
        self.rng = random.Random(f"{seed}/{number}")
        self.expected = collections.defaultdict(list)
        self.versions = []
        self.ended = threading.Event()
        self.failure = None

    def transaction(self, db):
        done = []
        with db.transaction():
            for _ in range(self.rng.randint(1, 4)):
                if self.versions and self.rng.random() < 0.4:
                    id = self.rng.randrange(max(0, len(self.versions) - 200), len(self.versions))
                    self.versions[id] += 1
                    db.execute(f"update t{self.number} set v = %s where id = %s", (self.versions[id], id))
                    done.append(("u", id, self.versions[id]))
                else:
                    id = len(self.versions)
                    self.versions.append(0)
                    db.execute(f"insert into t{self.number} values (%s, 0)", (id,))
                    done.append(("c", id, 0))
        for op, id, v in done:
            self.expected[id].append((op, v))

    def run(self):
        try:
            with self.postgres.connect("chaos") as db:
                while not self.ended.wait(self.pause):
                    self.transaction(db)
        except Exception as error:  # shown at the end
            self.failure = error


class Worker(base.Worker):
    """One of the cluster, which may be hurt as soon as its REST listens."""

    def _ready(self):
        return stand.Worker._ready(self)

    @property
    def worker_id(self):
        return f"{stand.HOST}:{self.port}"

    def statuses(self, timeout=3):
        """{connector: status} as this worker tells it."""
        answer = self.rest("GET", "/connectors?expand=status", timeout=timeout)
        answer.raise_for_status()
        return {name: entry["status"] for name, entry in answer.json().items()}


class Chaos(base.Run):
    def __init__(self, args, workdir):
        super().__init__(args, workdir)
        self.rng = random.Random(args.seed)
        self.plan = schedule(self.rng, args.faults, args.workers)
        self.kafka = stand.Kafka(workdir / "kafka", config={"group.min.session.timeout.ms": 1000})
        self.postgres = stand.Postgres(workdir / "postgres", config={"max_connections": 200})
        self.names = [f"c{number}" for number in range(args.connectors)]
        self.writers, self.actions, self.moves, self.changes = [], [], [], None

    # --- The stand ----------------------------------------------------------------------------------------------------

    def set_up(self):
        stand.start_all([self.kafka, self.postgres])
        self.postgres.create_db("chaos")
        for number in range(self.args.connectors):
            self.postgres.sql(f"create table t{number} (id int primary key, v int not null)", "chaos")
        self.make_workers(self.args.workers, SESSION, 2000, key_converter_schemas_enable="false", value_converter_schemas_enable="false")
        for number, name in enumerate(self.names):
            worker = self.rng.choice(self.workers)
            stand.wait_until(lambda w=worker: w.rest("GET", "/connectors").ok, 60, "the worker's REST")
            answer = self.post(worker, name, self.connector(number))
            if answer.status_code != 201:
                raise Violation(f"{name} was refused by {worker.worker_id}: {answer.status_code} {answer.text}")
        self.settled("before the faults")
        self.writers = [Writer(self.postgres, number, self.args.seed, self.args.rate)
                        for number in range(self.args.connectors)]
        for writer in self.writers:
            writer.start()

    def make_worker(self, workdir, properties):
        return Worker(os.environ["SLUICE_BINARY"], workdir, properties)

    @staticmethod
    def post(worker, name, config):
        """Clients try again on 409 (a rebalance), as Connect tells them to."""
        for _ in range(30):
            answer = worker.rest("POST", "/connectors", json={"name": name, "config": config}, timeout=90)
            if answer.status_code != 409 or "already exists" in answer.text:
                break
            time.sleep(0.5)
        return answer

    def connector(self, number):
        return {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": stand.HOST,
                "database.port": str(self.postgres.port), "database.user": "postgres", "database.password": "unused",
                "database.dbname": "chaos", "topic.prefix": f"c{number}", "table.include.list": f"public.t{number}",
                "plugin.name": "pgoutput", "slot.name": f"chaos_{number}", "publication.name": f"chaos_{number}",
                "publication.autocreate.mode": "filtered", "heartbeat.interval.ms": "0"}

    def tear_down(self):
        for writer in self.writers:
            writer.ended.set()
        for action in self.actions:
            action.join(60)
        super().tear_down()

    def parts(self):
        return [self.kafka, self.postgres]

    # --- Faults -------------------------------------------------------------------------------------------------------

    def fit_others(self, worker):
        return [other for other in self.workers if other.fit and other is not worker]

    def choose(self, step):
        """The wanted worker, or the next fit one; one fit worker always stays, unless there is only one at all."""
        return self.pick(step["worker"], leave=min(1, len(self.workers) - 1))[0]

    def faults(self):
        for number, step in enumerate(self.plan, 1):
            time.sleep(step["after"])
            if step["kind"] == "kill, alone":
                for action in self.actions:
                    action.join()
                self.settled(f"before fault {number}")
                self.fault(number, step, self.choose(step))
                continue
            worker = self.choose(step)
            action = threading.Thread(target=self.fault, args=(number, step, worker), daemon=True)
            self.actions.append(action)
            action.start()
        for action in self.actions:
            action.join()

    def fault(self, number, step, worker):
        try:
            note = self.strike(step, worker)
        except Exception as error:
            note = f"VIOLATION: {error}"
            with self.lock:
                self.violations.append(f"fault {number} ({step['kind']} of worker {self.workers.index(worker)}): {error}")
        self.give_back([worker])
        self.say(f"fault {number:3}/{len(self.plan)}: {step['kind']:15} worker {self.workers.index(worker)} "
                 f"{step['lasts']:5.1f} s{'; ' + note if note else ''}")

    def strike(self, step, worker):
        note = ""
        if step["kind"].startswith("freeze"):
            worker.signal(signal.SIGSTOP)
            time.sleep(step["lasts"])
            worker.signal(signal.SIGCONT)
            time.sleep(1.0)  # a worker that was taken out of the cluster may end itself; it must then say so with a code
            if not worker.running:
                raise Violation(f"it ended with {worker.process.returncode} after it was frozen")
            return note
        if step["kind"] == "stop":
            code = worker.stop()
            if code != 0:
                raise Violation(f"it ended with {code} when it was stopped")
            time.sleep(step["lasts"])
        else:
            its = self.tasks_of(worker) if step["kind"] == "kill, alone" else []
            worker.kill()
            killed = time.monotonic()
            if its and len(self.workers) > 1:
                note = self.measure_move(worker, its, killed, step["lasts"])
            time.sleep(max(0, killed + step["lasts"] - time.monotonic()))
        return note

    def tasks_of(self, worker):
        """What runs there; a worker that has just come back gets some seconds to have something."""
        deadline = time.monotonic() + 5
        its = []
        while not its and time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                its = [name for name, status in worker.statuses().items() if any(
                    task["state"] == "RUNNING" and task["worker_id"] == worker.worker_id for task in status["tasks"])]
            time.sleep(0.1)
        return its

    def measure_move(self, dead, its, killed, longest):
        """From the kill until every task that ran there runs elsewhere, as another worker tells it."""
        witness, left = self.fit_others(dead)[0], set(its)
        while left and time.monotonic() < killed + longest:
            with contextlib.suppress(Exception):
                statuses = witness.statuses()
                left -= {name for name in left if statuses[name]["tasks"] and all(
                    task["state"] == "RUNNING" and task["worker_id"] != dead.worker_id for task in statuses[name]["tasks"])}
            time.sleep(0.05)
        took = time.monotonic() - killed
        if left:
            raise Violation(f"{sorted(left)} did not run elsewhere {took:.1f} s after the kill")
        with self.lock:
            self.moves.append(round(took, 2))
        if took > MOVE_WITHIN:
            raise Violation(f"its {len(its)} tasks ran elsewhere only {took:.1f} s after the kill")
        return f"its {len(its)} tasks ran elsewhere after {took:.1f} s"

    # --- Checks -------------------------------------------------------------------------------------------------------

    def settled(self, when):
        """All tasks run, evenly placed, and every worker tells the same."""
        def there():
            seen = [worker.statuses() for worker in self.workers]
            counts = collections.Counter(task["worker_id"] for status in seen[0].values() for task in status["tasks"])
            loads = [counts[worker.worker_id] for worker in self.workers]
            self.last_seen = seen
            return (len(seen[0]) == len(self.names) and all(other == seen[0] for other in seen[1:]) and
                    all(status["connector"]["state"] == "RUNNING" and len(status["tasks"]) == 1 and
                        status["tasks"][0]["state"] == "RUNNING" for status in seen[0].values()) and
                    sum(loads) == len(self.names) and max(loads) - min(loads) <= 1)

        started = time.monotonic()
        try:
            stand.wait_until(there, 60, "all tasks running, evenly, and all workers telling the same", 0.2)
        except TimeoutError as error:
            lines = [f"{worker.worker_id}: " + ", ".join(
                f"{name} {status['connector']['state']} " + "".join(f"{task['state']}@{task['worker_id']}" for task in
                                                                    status["tasks"])
                for name, status in sorted(seen.items())) for worker, seen in zip(self.workers, self.last_seen)]
            raise Violation(f"{when}: {error}\n" + "\n".join(lines)) from None
        self.say(f"{when}: all {len(self.names)} tasks run, evenly placed, after {time.monotonic() - started:.1f} s")

    def check_rows(self):
        total = 0
        for writer in self.writers:
            if writer.failure:
                raise writer.failure
            expected = sum(map(len, writer.expected.values()))
            topic = f"c{writer.number}.public.t{writer.number}"
            deadline = time.monotonic() + 60
            while True:
                records = [record for record in stand.consume_all(self.kafka.bootstrap, topic) if record.value]
                if len(records) >= expected or time.monotonic() > deadline:
                    break
                time.sleep(0.5)
            got = collections.defaultdict(list)
            for record in records:
                value = json.loads(record.value)
                got[value["after"]["id"]].append((value["op"], value["after"]["v"]))
            wrong = sorted(id for id in got.keys() | writer.expected.keys() if got.get(id) != writer.expected.get(id))
            if wrong:
                shown = {id: {"got": got.get(id), "expected": writer.expected.get(id)} for id in wrong[:3]}
                raise Violation(f"{topic}: {len(records)} records for {expected} changes; {len(wrong)} keys differ: {shown}")
            total += expected
        return total

    def run(self):
        self.set_up()
        self.say(f"seed {self.args.seed}: {len(self.plan)} faults on {len(self.workers)} workers, {len(self.names)} connectors")
        self.faults()
        self.settled("after the faults")
        for writer in self.writers:
            writer.ended.set()
        for writer in self.writers:
            writer.join()
        self.changes = self.check_rows()
        self.say(f"{self.changes} changes, each exactly once and in its key's order")

    def epilogue(self):
        return [*self.violations, f"schedule: {json.dumps(self.plan)}"]


def summary(chaos):
    kinds = collections.Counter(step["kind"] for step in chaos.plan)
    told = {"seed": chaos.args.seed, "faults": dict(kinds), "workers": chaos.args.workers,
               "connectors": chaos.args.connectors, "changes": chaos.changes, "seconds": round(time.monotonic() - chaos.started),
               "session_seconds": SESSION, "violations": chaos.violations}
    if chaos.moves:
        told["from_kill_to_running_elsewhere_seconds"] = {
            "min": min(chaos.moves), "median": statistics.median(chaos.moves), "max": max(chaos.moves), "n": len(chaos.moves)}
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200)
    base.options(parser)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--connectors", type=int, default=6)
    parser.add_argument("--rate", type=float, default=10, help="transactions a second and table")
    args = parser.parse_args()
    base.drive("cluster", Chaos, args, summary, f"--faults {args.faults} --workers {args.workers} --connectors {args.connectors}")


if __name__ == "__main__":
    main()
