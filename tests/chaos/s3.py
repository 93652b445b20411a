# SPDX-License-Identifier: Apache-2.0
"""S3 sinks under faults. Each run is one layout (tests/support/lake.py): a topic that is filled while a sink with two or three tasks
on two workers writes it through a proxy of its own (tests/support/s3_faults.py), which drops, refuses, delays and swallows
what the run's seed says. Several runs go on side by side, as connectors of the same workers, which meanwhile are killed (also
all at once, at the moment a request is done, or just not), frozen for longer than their session (and wake up as zombies),
stopped, and given other numbers of tasks.

Then the faults end, the sink catches up, and of each run must be true:
- the objects hold every (partition, offset) exactly once, null values aside, in order within an object;
- an object's name says its partition and its first offset; where cuts depend on records only, the objects are exactly those that a
  model of the rotation rules foresees, and an object that was written twice got the same bytes;
- the group's offsets stand at the end, all tasks are RUNNING, and after a restart of the tasks no multipart upload is open.
"""
import argparse
import collections
import contextlib
import json
import pathlib
import random
import re
import sys
import threading
import time

import confluent_kafka

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import chaos as base  # noqa: E402
import lake  # noqa: E402
import s3_faults  # noqa: E402
import stand  # noqa: E402
from chaos import SLOW, Violation  # noqa: E402

SESSION = 3.0  # of workers and of the sinks' consumers
PARTITIONS = 3
WORKERS = 2
BUCKET = "lake"
SIX = ["default-parquet", "field-json", "time-record-avro", "time-field-parquet", "time-wallclock-json", "default-schedule-avro"]
# kind: (weight, seconds that it lasts)
FAULTS = {
    "kill": (3, (0.0, 2.0)),
    "freeze": (3, (SESSION + 0.7, SESSION + 2.5)),
    "boundary": (4, (0.0, 2.0)),
    "stop": (1, (0.0, 1.0)),
    "tasks": (2, (0.0, 0.0)),
    "restart": (1, (0.0, 0.0)),
}
HARD = ("kill", "freeze", "boundary")
# What a proxy does to requests, by chance; a run has two of them. Only what S3 may do to a sink that asks rightly.
WEATHER = {
    "lost answers": {("put", "lose"): 0.12, ("part", "lose"): 0.08, ("complete", "lose"): 0.2, ("create", "lose"): 0.04,
                     ("head", "lose"): 0.05, ("complete", "error_200_done"): 0.1},
    "throttled": {("put", "slow_down"): 0.04, ("part", "slow_down"): 0.04, ("create", "slow_down"): 0.05, ("complete", "slow_down"): 0.1},
    "errors": {("put", "internal"): 0.08, ("put", "internal_mid"): 0.05, ("part", "internal_mid"): 0.08, ("part", "timeout"): 0.05,
               ("complete", "internal"): 0.1, ("complete", "error_200"): 0.15, ("put", "aborted"): 0.03, ("head", "internal"): 0.05},
    "drops": {("put", "drop_before"): 0.04, ("put", "drop_mid"): 0.05, ("put", "drop_after"): 0.04, ("part", "drop_mid"): 0.08,
              ("part", "drop_after"): 0.05, ("complete", "drop_before"): 0.08, ("create", "drop_before"): 0.08},
    "late": {("put", "late"): 0.08, ("part", "late"): 0.05, ("complete", "late"): 0.1, ("put", "slow"): 0.08, ("part", "slow_body"): 0.03},
    # and all denied for a while
    "credentials": {("put", "expired"): 0.02, ("create", "expired"): 0.04, ("part", "expired"): 0.02, ("complete", "expired"): 0.04},
}  # fmt: skip


class Run:
    """One layout with one seed."""

    def __init__(self, chaos, number, layout):
        self.chaos, self.number, self.layout = chaos, number, layout
        self.seed = chaos.args.seed * 1000 + number
        self.rng = random.Random(self.seed)
        self.name = self.topic = f"{layout.name}-{self.seed}"
        self.weather = self.rng.sample(sorted(WEATHER), 2)
        self.tasks = 2
        # Each layout meets each server.
        self.store = chaos.stores[(number + number // len(chaos.names)) % len(chaos.stores)]
        self.proxy = s3_faults.Faults(self.store.endpoint)
        self.violations, self.failure = [], None
        self.thread = threading.Thread(target=self.fill, daemon=True)
        self.report = {"run": number, "seed": self.seed, "layout": layout.name, "server": self.store.name}

    # --- The sink and its topic ---------------------------------------------------------------------------------------

    def config(self):
        store = self.store
        return {"connector.class": f"{lake.CONFLUENT}.s3.S3SinkConnector", "topics": self.topic, "tasks.max": str(self.tasks),
                "s3.bucket.name": BUCKET, "s3.region": "us-east-1", "store.url": self.proxy.url,
                "aws.access.key.id": store.access_key, "aws.secret.access.key": store.secret_key,
                "storage.class": f"{lake.CONFLUENT}.s3.storage.S3Storage", "s3.retry.backoff.ms": "50",
                **self.layout.settings()}  # fmt: skip

    def begin(self):
        # The records are as old as their timestamps say.
        self.chaos.kafka.create_topic(self.topic, PARTITIONS, {"retention.ms": "-1"})
        rates = {}
        for kind in self.weather if self.chaos.args.faults else ():
            rates |= WEATHER[kind]
        self.proxy.random(self.seed, rates)
        if ("put", "expired") in rates:
            self.proxy.rule("denied", skip=self.rng.randrange(5, 30), seconds=self.rng.uniform(0.3, 3))
        self.chaos.ask("POST", "/connectors", {"name": self.name, "config": self.config()})
        self.thread.start()

    def fill(self):
        """Sends all records, over about the time that the faults take, in bursts."""
        try:
            producer = confluent_kafka.Producer({"bootstrap.servers": self.chaos.kafka.bootstrap, "enable.idempotence": True,
                                                 "linger.ms": 5, "compression.type": "lz4"})  # fmt: skip
            layout, rng = self.layout, random.Random(f"{self.seed}/fill")
            sent, began, refused = [0] * PARTITIONS, time.monotonic(), []
            while any(n < layout.total() for n in sent):
                share = min(1.0, (time.monotonic() - began) / self.chaos.lasts)
                p = rng.randrange(PARTITIONS)
                upto = min(layout.total(), int(share * layout.total()) + rng.randrange(1, layout.flush))
                while sent[p] < upto:
                    row = layout.row(self.seed, p, sent[p])
                    producer.produce(self.topic, layout.encode(row), f"{p}/{row.n}", p, timestamp=row.ts,
                                     headers=[("n", str(row.n))],
                                     on_delivery=lambda error, _: refused.append(error) if error else None)  # fmt: skip
                    producer.poll(0)
                    sent[p] += 1
                if share < 1:
                    time.sleep(rng.uniform(0.01, 0.1))
            if producer.flush(60) or refused:
                raise stand.StandError(f"the topic could not be filled: {refused[:1]}")
        except Exception as error:  # raised by finish
            self.failure = error

    # --- The end ------------------------------------------------------------------------------------------------------

    def committed(self):
        admin = self.chaos.admin
        asked = confluent_kafka.ConsumerGroupTopicPartitions(f"connect-{self.name}")
        parts = admin.list_consumer_group_offsets([asked])[asked.group_id].result(10).topic_partitions
        return {part.partition: part.offset for part in parts if part.topic == self.topic}

    def finish(self):
        """Waits until the sink is through, and checks all."""
        self.thread.join(120)
        if self.failure:
            raise self.failure
        wanted = {p: self.layout.rows for p in range(PARTITIONS)}  # a sentinel stays unwritten
        try:
            stand.wait_until(lambda: self.committed() == wanted, 90 * SLOW, "offsets at the end", 0.1)
        except TimeoutError:
            status = self.chaos.ask("GET", f"/connectors/{self.name}/status").json()
            raise Violation(f"the sink does not come to its end: {self.committed()} of {wanted}; {json.dumps(status)[:3000]}") from None
        stand.wait_until(lambda: self.proxy.late == 0, 10, "late requests")
        self.check_objects()
        self.check_rewritten()
        self.check_uploads()

    def objects(self):
        """{key: body} of the topic, without key and header files; those come second."""
        store = self.store

        def listing():
            if isinstance(store, stand.S3):
                store.sweep()
            return store.list(BUCKET, f"topics/{self.topic}/")

        listed = stand.wait_until(listing, 20, "a list of the objects")
        found = {o.key: store.get(BUCKET, o.key) for o in listed}
        beside = {key: body for key, body in found.items() if re.search(r"\.(keys|headers)\.[^/]*$", key)}
        return {key: body for key, body in found.items() if key not in beside}, beside

    def check_objects(self):
        bodies, beside = self.objects()
        found = {key: self.layout.read(body) for key, body in bodies.items()}
        seen = collections.Counter(row for rows in found.values() for row in rows)
        wanted = {(p, n) for p in range(PARTITIONS) for n in range(self.layout.rows) if not self.layout.row(self.seed, p, n).null}
        self.expect("lost", sorted(wanted - seen.keys()))
        self.expect("more than once", sorted((row, [key for key, rows in found.items() if row in rows])
                                             for row, count in seen.items() if count > 1))  # fmt: skip
        self.expect("never sent or not to be written", sorted(seen.keys() - wanted))
        for key, rows in sorted(found.items()):
            name = re.fullmatch(re.escape(self.topic) + r"\+(\d+)\+(\d{10})" + re.escape(self.layout.ext), key.rpartition("/")[2])
            if not name or not rows or rows[0] != (int(name[1]), int(name[2])):
                self.expect("a name that does not fit its first record", [(key, rows[:1])])
            if any(row[0] != rows[0][0] for row in rows) or rows != sorted(rows):
                self.expect("out of order", [(key, rows[:5])])
        self.check_names({key: [n for _, n in rows] for key, rows in found.items()})
        if self.layout.keys:
            self.check_beside(found, beside)
        self.report |= {"records": len(wanted), "objects": len(found)}

    def check_names(self, found):
        """Against the model: the very objects, with the very offsets."""
        parts = [self.layout.expected(self.seed, p, self.topic) for p in range(PARTITIONS)]
        if None in parts:
            return
        wanted = {key: offsets for part in parts for key, offsets in part.items()}
        self.expect("foreseen and not there", sorted(wanted.keys() - found.keys()))
        self.expect("there and not foreseen", sorted(found.keys() - wanted.keys()))
        self.expect("other offsets than foreseen", sorted((key, (wanted[key][0], wanted[key][-1]), (found[key][0], found[key][-1]))
                                                          for key in wanted.keys() & found.keys() if wanted[key] != found[key]))  # fmt: skip

    def check_beside(self, found, beside):
        """Key and header files: one line a record of the value file, in its order."""
        for key, rows in found.items():
            stem = key[: -len(self.layout.ext)]
            lines = {kind: beside.pop(f"{stem}.{kind}.json", b"").splitlines() for kind in ("keys", "headers")}
            keys = [json.loads(line) for line in lines["keys"]]
            if keys != [f"{p}/{n}" for p, n in rows]:
                self.expect("a key file that does not fit", [(key, keys[:3], rows[:3])])
            headers = [json.loads(line) for line in lines["headers"]]
            if [(h["headers"] if isinstance(h, dict) else h)[0]["value"] for h in headers] != [str(n) for _, n in rows]:
                self.expect("a header file that does not fit", [(key, headers[:2], rows[:2])])
        self.expect("key or header files without a value file", sorted(beside))

    def check_rewritten(self):
        """Objects that the server took twice, by the hash of the body that the signature holds."""
        taken = collections.defaultdict(list)
        for line in self.proxy.requests("put"):
            if 200 <= line.served < 300:
                taken[line.key].append(line.headers.get("x-amz-content-sha256"))
        self.report["rewritten"] = sum(len(hashes) - 1 for hashes in taken.values())
        if self.layout.same_bytes:
            self.expect("written again with other bytes", sorted(key for key, hashes in taken.items() if len(set(hashes)) > 1))

    def check_uploads(self):
        """What a killed task left open is aborted by its successor, at the latest when that starts."""
        if isinstance(self.store, stand.S3):
            self.store.sweep()
        self.chaos.ask("POST", f"/connectors/{self.name}/restart?includeTasks=true")
        self.chaos.wait_running(self.name)
        if not any(line.op == "create" for line in self.proxy.requests()):
            return

        def left():
            return [upload for upload in self.store.open_uploads(BUCKET) if self.topic in upload[0]]

        with contextlib.suppress(TimeoutError):
            stand.wait_until(lambda: not left(), 10 * SLOW, "no open uploads", 0.2)
        self.expect("uploads that stay open", left())

    def expect(self, what, wrong):
        if wrong:
            self.violations.append(f"{what}: {len(wrong)}, such as {wrong[:4]}")

    def say(self):
        faults = " ".join(f"{name} {count}" for name, count in sorted(self.proxy.counts.items()))
        self.report |= {"injected": dict(self.proxy.counts), "weather": self.weather, "violations": self.violations,
                        "requests": len(self.proxy.log)}  # fmt: skip
        verdict = "ok" if not self.violations else "BROKEN\n    " + "\n    ".join(self.violations)
        self.chaos.say(f"run {self.number + 1:3}/{self.chaos.args.runs} seed {self.seed} {self.layout.name:22} {self.store.name:5} "
                       f"{self.report.get('records', '?')} records in {self.report.get('objects', '?')} objects, "
                       f"{self.report.get('rewritten', '?')} written again; {', '.join(self.weather)}: {faults or 'nothing'}; {verdict}")  # fmt: skip


class Chaos(base.Run):
    def __init__(self, args, workdir):
        super().__init__(args, workdir)
        self.kafka = stand.Kafka(workdir / "kafka", config={"group.min.session.timeout.ms": 1000})
        self.names = args.layout or SIX
        self.stores = []
        if args.server != "minio":
            self.stores.append(stand.S3(workdir / "s3proxy"))
        if args.server == "minio" or (args.server == "both" and stand.Minio.present()):
            self.stores.append(stand.Minio(workdir / "minio"))

    # --- The stand ----------------------------------------------------------------------------------------------------

    def set_up(self):
        stand.start_all([self.kafka, *self.stores])
        self.admin = self.kafka.admin(log_level=0)
        for store in self.stores:
            store.create_bucket(BUCKET)
        self.make_workers(WORKERS, SESSION, 800, consumer_session_timeout_ms=int(SESSION * 1000), consumer_heartbeat_interval_ms=800,
                          consumer_auto_offset_reset="earliest")

    def parts(self):
        return [self.kafka, *self.stores]

    # --- Faults -------------------------------------------------------------------------------------------------------

    def faults(self, plan, runs):
        actions = []
        for step in plan:
            time.sleep(step["after"])
            self.hits[step["kind"]] += 1
            if step["kind"] == "tasks":
                for run in runs:
                    run.tasks = 5 - run.tasks
                    actions.append(self.aside(lambda run=run: self.ask("PUT", f"/connectors/{run.name}/config", run.config())))
            elif step["kind"] == "boundary":
                actions.append(self.aside(lambda step=step: self.boundary(step, runs)))
            elif step["kind"] == "restart":
                for run in runs:
                    actions.append(self.aside(
                        lambda run=run: self.ask("POST", f"/connectors/{run.name}/restart?includeTasks=true")))  # fmt: skip
            else:
                actions.append(self.aside(lambda step=step, worker=self.pick(step["worker"])[0]: self.hit(step, worker)))
        for action in actions:
            action.join()

    def boundary(self, step, runs):
        """All workers that are fit are killed at the very moment at which one request of one run is done, or just not."""
        rng = random.Random(json.dumps(step))
        run = rng.choice(runs)
        op = rng.choice(["create", "part", "complete"] if "s3.part.size" in run.layout.config else ["put"])
        killed, done = [], threading.Event()

        def kill(_):
            killed.extend(self.take_all())
            for worker in killed:
                worker.kill()
            done.set()

        rule = run.proxy.rule(rng.choice(["lose", "lose", "drop_after", "drop_before"]), op=op, call=kill)
        try:
            done.wait(4)
            rule.active = False
            if rule.hits:
                done.wait(20)
                time.sleep(step["lasts"])
        finally:
            self.give_back(killed)

    # --- Rounds -------------------------------------------------------------------------------------------------------

    def round(self, number, runs):
        rng = random.Random(f"{self.args.seed}/{number}")
        plan = base.schedule(rng, FAULTS, self.args.faults, WORKERS, HARD)
        self.lasts = max(3.0, sum(step["after"] for step in plan) + 2)
        self.broken = []
        self.say(f"round {number}: " + (", ".join(f"{s['kind']} {s['worker']}" for s in plan) or "no faults"))
        for run in runs:
            run.begin()
        self.faults(plan, runs)
        for run in runs:
            run.proxy.quiet()
        for run in runs:
            try:
                run.finish()
            except Exception as error:
                run.violations.append(str(error) or repr(error))
            run.violations += self.broken
            run.say()
            self.reports.append(run.report)
        if any(run.violations for run in runs):
            print(f"         plan of the round: {json.dumps(plan)}", flush=True)
        for run in runs:
            self.ask("DELETE", f"/connectors/{run.name}")
            run.proxy.close()
            if not run.violations:
                self.admin.delete_topics([run.topic])

    def run(self):
        self.set_up()
        self.say(f"seed {self.args.seed}: {self.args.runs} runs against {' and '.join(store.name for store in self.stores)}, "
                 f"{', '.join(self.names)}")  # fmt: skip
        if self.args.server == "both" and len(self.stores) == 1:
            self.say("MinIO is not built (tests/setup --minio): all against s3proxy")
        todo = [(number, lake.LAYOUTS[self.names[number % len(self.names)]]) for number in range(self.args.runs)]
        for number, at in enumerate(range(0, len(todo), self.args.together)):
            self.round(number, [Run(self, run, layout) for run, layout in todo[at : at + self.args.together]])
            if self.args.stop_at_first and any(report["violations"] for report in self.reports):
                break


def summary(chaos):
    injected = collections.Counter()
    for report in chaos.reports:
        injected.update(report["injected"])
    return {"seed": chaos.args.seed, "servers": [store.name for store in chaos.stores], "runs": len(chaos.reports),
            "broken": sum(bool(report["violations"]) for report in chaos.reports),
            "layouts": dict(collections.Counter(report["layout"] for report in chaos.reports)),
            "records": sum(report.get("records", 0) for report in chaos.reports),
            "objects": sum(report.get("objects", 0) for report in chaos.reports),
            "written_again": sum(report.get("rewritten", 0) for report in chaos.reports),
            "worker_faults": dict(chaos.hits), "s3_faults": dict(injected),
            "s3_requests": sum(report["requests"] for report in chaos.reports),
            "seconds": round(time.monotonic() - chaos.started)}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    base.options(parser, runs=100)
    parser.add_argument("--layout", action="append", choices=sorted(lake.LAYOUTS), help="only these; the six of SIX otherwise")
    parser.add_argument("--server", choices=("s3proxy", "minio", "both"), default="both",
                        help="both: in turns, MinIO only where it is built")
    parser.add_argument("--faults", type=int, default=7, help="faults of workers in a round; 0: of S3 none either")
    parser.add_argument("--together", type=int, default=5, help="runs side by side")
    parser.add_argument("--stop-at-first", action="store_true", help="no more rounds after one that broke a rule")
    args = parser.parse_args()
    again = (f"--runs {args.runs} --faults {args.faults} --together {args.together} --server {args.server}"
             f"{''.join(f' --layout {name}' for name in args.layout or [])}")  # fmt: skip
    base.drive("s3", Chaos, args, summary, again)


if __name__ == "__main__":
    main()
