# SPDX-License-Identifier: Apache-2.0
"""Snowflake sinks under faults. Several runs go on side by side, each a topic that is filled while a sink with one to three tasks
writes it into a table of the stand-in (tests/support/snowflake), which loses answers, refuses, invalidates channels, moves the
pipe and commits late, by what the round's seed says. Meanwhile the three workers are killed (also all at once, at the moment an append
is accepted and nobody was told), frozen for longer than their session (one, or two at a time, which wake up as zombies), stopped, and
the sinks given other numbers of tasks. In the middle of a load rows get a column more.

Then the faults end, the sinks catch up, and of each run must be true:
- the table's multiset of (topic, partition, offset) is the topic's, each once, with the values that were sent;
- committed tokens and the group's offsets stand at the end, all tasks are RUNNING;
- the stand-in saw no request that a client must not send."""
import argparse
import collections
import json
import pathlib
import random
import sys
import threading
import time

import confluent_kafka

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import chaos as base  # noqa: E402
import sf  # noqa: E402
import stand  # noqa: E402
from chaos import SLOW, Violation  # noqa: E402

SESSION = 3.0  # of workers and of the sinks' consumers
PARTITIONS = 3
WORKERS = 3
JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
# kind: (weight, seconds that it lasts)
FAULTS = {
    "kill": (3, (0.0, 2.0)),
    "freeze": (2, (SESSION + 0.7, SESSION + 2.5)),
    "zombies": (2, (SESSION + 0.7, SESSION + 2.5)),
    "boundary": (3, (0.0, 1.5)),
    "stop": (1, (0.0, 1.0)),
    "tasks": (2, (0.0, 0.0)),
    "restart": (1, (0.0, 0.0)),
}
HARD = ("kill", "freeze", "zombies", "boundary")
# What the account does to requests, by chance: (operation, action): chance. A round has two of them.
WEATHER = {
    "lost answers": {("append", "lose"): 0.12, ("open", "lose"): 0.08, ("status", "lose"): 0.05, ("token", "lose"): 0.05, ("hostname", "drop"): 0.05,
                     ("append", "drop"): 0.05, ("sql", "lose"): 0.1},
    "late": {("append", "late"): 0.08, ("append", "slow"): 0.08, ("open", "late"): 0.04, ("status", "slow"): 0.05, ("append", "hold"): 0.04},
    "busy": {("append", "429"): 0.08, ("append", "503"): 0.08, ("append", "500_retry"): 0.05, ("append", "504"): 0.03, ("open", "503"): 0.05,
             ("open", "409_open_in_progress"): 0.08, ("status", "429"): 0.08, ("sql", "503"): 0.05},
    "sequencers": {("append", "409_reopen"): 0.03, ("append", "409_gap"): 0.02, ("append", "409_row_sequencer"): 0.02, ("append", "400_stale"): 0.02,
                   ("append", "404_pipe_cache"): 0.02, ("open", "409_uncommitted"): 0.1},
    "tokens": {("append", "401"): 0.03, ("status", "401"): 0.04, ("open", "401"): 0.04, ("append", "403"): 0.02},
    "moves": {("append", "410"): 0.02},
    "slow commits": {},
}  # fmt: skip


class Run:
    """One topic and its table."""

    def __init__(self, chaos, number, account):
        self.chaos, self.number, self.account = chaos, number, account
        self.seed = chaos.args.seed * 1000 + number
        self.rng = random.Random(self.seed)
        self.name = self.topic = f"events_{self.seed}"
        self.tasks = self.rng.randint(1, 3)
        self.batch = self.rng.choice([0, 0, 11, 40])
        self.evolves = self.rng.randrange(60, 240)  # the row from which on there is a column more
        self.rows = chaos.args.rows
        self.violations, self.failure = [], None
        self.thread = threading.Thread(target=self.fill, daemon=True)
        self.report = {"run": number, "seed": self.seed, "tasks": self.tasks, "batch": self.batch}

    def config(self):
        more = {"buffer_count_records": self.batch} if self.batch else {}
        return {**self.account.config(self.topic, tasks_max=self.tasks, **more), "key.converter": STRING, "value.converter": JSON,
                "value.converter.schemas.enable": "false"}  # fmt: skip

    def row(self, p, n):
        """None: a tombstone, which is a row with its metadata only."""
        if random.Random(f"{self.seed}/{p}/{n}").random() < 0.03:
            return None
        row = {"ID": n, "PART": p, "NAME": f"row {n} of {p}"}
        return {**row, "MORE": f"{p}/{n}"} if n >= self.evolves else row

    def begin(self):
        self.chaos.kafka.create_topic(self.topic, PARTITIONS)
        self.chaos.ask("POST", "/connectors", {"name": self.name, "config": self.config()})
        self.thread.start()

    def fill(self):
        """Sends all rows over about the time that the faults take, in bursts."""
        try:
            producer = confluent_kafka.Producer({"bootstrap.servers": self.chaos.kafka.bootstrap, "enable.idempotence": True, "linger.ms": 5})
            rng, sent, began, refused = random.Random(f"{self.seed}/fill"), [0] * PARTITIONS, time.monotonic(), []
            while any(n < self.rows for n in sent):
                share = min(1.0, (time.monotonic() - began) / self.chaos.lasts)
                p = rng.randrange(PARTITIONS)
                upto = min(self.rows, int(share * self.rows) + rng.randrange(1, 20))
                while sent[p] < upto:
                    row = self.row(p, sent[p])
                    producer.produce(self.topic, json.dumps(row) if row else None, f"{p}/{sent[p]}", p,
                                     on_delivery=lambda error, _: refused.append(error) if error else None)  # fmt: skip
                    producer.poll(0)
                    sent[p] += 1
                if share < 1:
                    time.sleep(rng.uniform(0.01, 0.1))
            if producer.flush(60) or refused:
                raise stand.StandError(f"the topic could not be filled: {refused[:1]}")
        except Exception as error:  # raised by finish
            self.failure = error

    def committed(self):
        asked = confluent_kafka.ConsumerGroupTopicPartitions(f"connect-{self.name}")
        parts = self.chaos.admin.list_consumer_group_offsets([asked])[asked.group_id].result(10).topic_partitions
        return {part.partition: part.offset for part in parts if part.topic == self.topic}

    def failed(self):
        tasks = self.chaos.ask("GET", f"/connectors/{self.name}/status").json()["tasks"]
        return [task["trace"][:1500] for task in tasks if task["state"] == "FAILED"]

    def finish(self):
        self.thread.join(120)
        if self.failure:
            raise self.failure
        wanted = {p: self.rows for p in range(PARTITIONS)}

        def done():
            return self.committed() == wanted or self.failed()

        try:
            stand.wait_until(done, 60 * SLOW, "offsets at the end", 0.1)
            self.expect("tasks that failed", self.failed())
        except TimeoutError:
            status = self.chaos.ask("GET", f"/connectors/{self.name}/status").json()
            self.violations.append(f"the sink does not come to its end: {self.committed()} of {wanted}; {json.dumps(status)[:3000]}")
        self.check_table()
        self.check_channels()
        self.chaos.wait_running(self.name)

    def check_table(self):
        """The table against the topic, each row with its values."""
        if self.topic not in self.account.tables():
            raise Violation("there is no table")
        names = [column["name"] for column in self.account.tables()[self.topic]["columns"]]
        self.expect("columns", sorted({"RECORD_METADATA", "ID", "PART", "NAME", "MORE"} ^ set(names)))
        columns = ", ".join(f'"{name}"' if name in names else "null" for name in ("ID", "PART", "NAME", "MORE"))
        landed = self.account.rows(f"select RECORD_METADATA->>'topic', (RECORD_METADATA->>'partition')::int,"
                                   f" (RECORD_METADATA->>'offset')::bigint, {columns} from \"{self.topic}\"")  # fmt: skip
        seen = collections.Counter((topic, p, n) for topic, p, n, *_ in landed)
        wanted = {(self.topic, p, n) for p in range(PARTITIONS) for n in range(self.rows)}
        self.expect("lost", sorted(wanted - seen.keys()))
        self.expect("more than once", sorted((row, count) for row, count in seen.items() if count > 1))
        self.expect("never sent", sorted(seen.keys() - wanted))
        wrong = []
        for _, p, n, *values in landed:
            row = self.row(p, n) or {}
            if values != [row.get(name) for name in ("ID", "PART", "NAME", "MORE")]:
                wrong.append((p, n, values))
        self.expect("other values than sent", wrong)
        self.report["rows"] = len(landed)

    def check_channels(self):
        tokens = {name: one for name, one in self.account.channels().items() if self.topic in name}
        self.expect("channels", [] if len(tokens) == PARTITIONS else sorted(tokens))
        self.expect("committed tokens that are not at the end",
                    [(n, c["last_committed_offset_token"]) for n, c in tokens.items() if c["last_committed_offset_token"] != str(self.rows - 1)])  # fmt: skip
        self.expect("row errors", [(n, c["rows_error_count"]) for n, c in tokens.items() if c["rows_error_count"]])
        self.report["opens"] = sum(c["opens"] for c in tokens.values())

    def expect(self, what, wrong):
        if wrong:
            self.violations.append(f"{what}: {len(wrong)}, such as {wrong[:4]}")

    def say(self):
        self.report["violations"] = self.violations
        verdict = "ok" if not self.violations else "BROKEN\n    " + "\n    ".join(self.violations)
        self.chaos.say(f"run {self.number + 1:3}/{self.chaos.args.runs} seed {self.seed} tasks {self.tasks} {self.report.get('rows', '?')} rows, "
                       f"{self.report.get('opens', '?')} opens; {verdict}")  # fmt: skip


class Chaos(base.Run):
    def __init__(self, args, workdir):
        super().__init__(args, workdir)
        self.kafka = stand.Kafka(workdir / "kafka", config={"group.min.session.timeout.ms": 1000})
        self.account = None
        self.injected, self.counters = collections.Counter(), collections.Counter()

    def set_up(self):
        self.kafka.start()
        self.admin = self.kafka.admin(log_level=0)
        self.make_workers(WORKERS, SESSION, 800, offset_flush_interval_ms=1000, consumer_session_timeout_ms=int(SESSION * 1000),
                          consumer_heartbeat_interval_ms=800, consumer_auto_offset_reset="earliest")

    def parts(self):
        return [self.kafka, self.account]

    # --- Faults of workers --------------------------------------------------------------------------------------------

    def faults(self, plan, runs):
        actions = []
        for step in plan:
            time.sleep(step["after"])
            self.hits[step["kind"]] += 1
            if step["kind"] == "tasks":
                for run in runs:
                    run.tasks = run.tasks % 3 + 1
                    actions.append(self.aside(lambda run=run: self.ask("PUT", f"/connectors/{run.name}/config", run.config())))
            elif step["kind"] == "restart":
                for run in runs:
                    actions.append(self.aside(lambda run=run: self.ask("POST", f"/connectors/{run.name}/restart?includeTasks=true")))
            elif step["kind"] == "boundary":
                actions.append(self.aside(lambda step=step: self.boundary(step)))
            else:
                count = 2 if step["kind"] == "zombies" else 1
                for worker in self.pick(step["worker"], count):
                    actions.append(self.aside(lambda step=step, worker=worker: self.hit(step, worker)))
        for action in actions:
            action.join()

    def boundary(self, step):
        """All workers that are fit are killed when an append is accepted whose answer got lost."""
        before = self.account.state()["injected"].get("append lose", 0)
        self.account.fault("lose", op="append")
        deadline = time.monotonic() + 3
        while self.account.state()["injected"].get("append lose", 0) == before and time.monotonic() < deadline:
            time.sleep(0.005)
        killed = self.take_all()
        for worker in killed:
            worker.kill()
        time.sleep(step["lasts"])
        self.give_back(killed)

    # --- Faults of the account ----------------------------------------------------------------------------------------

    def weather(self, rng):
        """Rates and switches of a round; returns what goes on beside them."""
        kinds = rng.sample(sorted(WEATHER), 2)
        rules = [{"op": op, "action": action, "chance": chance, "times": None, "delay": rng.uniform(0.3, 2.0)}
                 for kind in kinds for (op, action), chance in WEATHER[kind].items()]  # fmt: skip
        slow = "slow commits" in kinds
        self.account.settings(resend=rng.choice(["stale", "same"]), commit_delay=[0.2, 2.5] if slow else [0.02, rng.choice([0.1, 0.6])],
                              token_form=rng.choice(["plain", "json"]), hostname_form=rng.choice(["plain", "json"]),
                              status_ok=rng.choice(["SUCCESS", "ACTIVE"]), status_error_counter=rng.choice(["rows_errors", "rows_error_count"]),
                              token_ttl=rng.choice([600.0, 70.0]), clock=rng.choice([0.0, 0.0, -900.0, 1800.0]),
                              alter_invalidates=rng.random() < 0.3, evolve=rng.random() < 0.5)  # fmt: skip
        if self.args.faults:
            self.account.faults(rules, seed=rng.random())
        return kinds

    def weather_goes_on(self, kinds, rng, ended):
        while not ended.wait(rng.uniform(0.5, 2.0)):
            if "moves" in kinds and rng.random() < 0.3:
                self.counters["failovers"] += 1
                self.account.failover()
            elif "tokens" in kinds and rng.random() < 0.6:
                self.counters["revoked tokens"] += 1
                self.account.revoke_tokens()
            elif "sequencers" in kinds and rng.random() < 0.5:
                names = sorted(self.account.channels())
                if names:
                    self.counters["invalidated channels"] += 1
                    self.account.invalidate(rng.choice(names), rng.choice(["ERR_CHANNEL_MUST_BE_REOPENED", "ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER"]))
            elif "slow commits" in kinds and rng.random() < 0.5:
                self.counters["frozen commits"] += 1
                self.account.freeze_commits()
                ended.wait(rng.uniform(0.5, 2.5))
                self.account.freeze_commits(False)

    # --- Rounds -------------------------------------------------------------------------------------------------------

    def round(self, number, first, count):
        rng = random.Random(f"{self.args.seed}/{number}")
        plan = base.schedule(rng, FAULTS, self.args.faults, WORKERS, HARD)
        self.lasts = max(3.0, sum(step["after"] for step in plan) + 2)
        self.broken = []
        self.account = sf.Snowflake(self.workdir / f"account-{number}", settings={"seed": rng.randrange(10**6)}).start()
        kinds = self.weather(rng)
        runs = [Run(self, n, self.account) for n in range(first, first + count)]
        self.say(f"round {number}: {', '.join(kinds)}; " + (", ".join(f"{s['kind']} {s['worker']}" for s in plan) or "no faults"))
        ended = threading.Event()
        beside = self.aside(lambda: self.weather_goes_on(kinds if self.args.faults else (), rng, ended))
        for run in runs:
            run.begin()
        self.faults(plan, runs)
        ended.set()
        beside.join()
        self.account.quiet()
        for run in runs:
            try:
                run.finish()
            except Exception as error:
                run.violations.append(str(error) or repr(error))
        state = self.account.state()
        # A request that came late meets the one that was sent again.
        seen = [what for what in state["violations"] if not what.startswith("two appends in flight")]
        for run in runs:
            run.expect("what the account complains of", seen)
            run.violations += self.broken
            run.say()
            self.reports.append(run.report)
        self.injected.update(state["injected"])
        self.counters.update({key: state["counters"].get(key, 0) for key in ("stale", "discarded_rows", "appends")})
        if any(run.violations for run in runs):
            print(f"         plan of the round: {json.dumps(plan)}", flush=True)
        for run in runs:
            self.ask("DELETE", f"/connectors/{run.name}")
        self.account.stop()

    def run(self):
        self.set_up()
        self.say(f"seed {self.args.seed}: {self.args.runs} runs, {self.args.together} side by side")
        for number, first in enumerate(range(0, self.args.runs, self.args.together)):
            self.round(number, first, min(self.args.together, self.args.runs - first))
            if self.args.stop_at_first and any(report["violations"] for report in self.reports):
                break


def summary(chaos):
    return {"seed": chaos.args.seed, "runs": len(chaos.reports), "broken": sum(bool(report["violations"]) for report in chaos.reports),
            "rows": sum(report.get("rows", 0) for report in chaos.reports), "opens": sum(report.get("opens", 0) for report in chaos.reports),
            "worker_faults": dict(chaos.hits), "account_faults": dict(chaos.injected), "account": dict(chaos.counters),
            "seconds": round(time.monotonic() - chaos.started)}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    base.options(parser, runs=100)
    parser.add_argument("--rows", type=int, default=300, help="rows of each of the three partitions")
    parser.add_argument("--faults", type=int, default=6, help="faults of workers in a round; 0: of the account none either")
    parser.add_argument("--together", type=int, default=5, help="runs side by side")
    parser.add_argument("--stop-at-first", action="store_true", help="no more rounds after one that broke a rule")
    args = parser.parse_args()
    again = f"--runs {args.runs} --rows {args.rows} --faults {args.faults} --together {args.together}"
    base.drive("snowflake", Chaos, args, summary, again)


if __name__ == "__main__":
    main()
