# SPDX-License-Identifier: Apache-2.0
"""Whole pipelines under faults: seeded writers on Postgres (tests/support/ledger.py), a source with a chain of transforms on a cluster of
three workers, Kafka, and from there an S3 sink and a Snowflake sink (a stand-in), each with transforms of its own and a dead-letter topic
for the poisoned hundredth of the records, which `sluice dlq replay` cures and sends again. Workers reach Postgres and Kafka through
relays (tests/support/wire.py), the stores through faults of their own.

A round is a database, topics and connectors of its own: a snapshot, then some forty seconds of faults, then quiet, in which all is
led to its end and proved from outside (tests/support/proof.py; the invariants' numbers are explained there and in docs/chaos-pipeline.md).
At its end the slot is dropped while changes are missing, which must be noticed and mended by a new snapshot.

While it goes on: I4, the slot never confirms what Kafka does not have; I8, the workers' memory, and what they hold at the end."""
import argparse
import collections
import concurrent.futures
import contextlib
import functools
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time

import confluent_kafka
import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import chaos as base  # noqa: E402
import ledger  # noqa: E402
import proof  # noqa: E402
import s3_faults  # noqa: E402
import sf  # noqa: E402
import stand  # noqa: E402
from chaos import SLOW, Violation  # noqa: E402
from wire import Wire  # noqa: E402

SESSION = 3.0
WORKERS = 3
BUCKET = "lake"
SPOOL_MB = 48
STRING = "org.apache.kafka.connect.storage.StringConverter"
# kind: (weight, (least, most seconds that it lasts))
FAULTS = {
    "kill": (4, (0.0, 2.0)),
    "freeze": (3, (SESSION + 0.7, SESSION + 2.5)),
    "stop": (1, (0.0, 1.0)),
    "all": (1, (0.0, 1.0)),
    "restart": (1, (0.0, 0.0)),
    "kafka": (1, (0.0, 1.0)),
    "postgres": (2, (0.0, 1.0)),
    "walsender": (2, (0.0, 0.0)),
    "stall kafka": (2, (0.5, 4.0)),
    "stall postgres": (2, (0.5, 4.0)),
    "cut kafka": (3, (100, 60_000)),  # bytes
    "cut postgres": (3, (100, 60_000)),
    "hole kafka": (1, (0.3, 2.0)),
    "hole postgres": (1, (0.3, 2.0)),
    "reset": (1, (0.0, 0.0)),
    "replay": (2, (0.05, 2.0)),
    "full disk": (2, (2.0, 4.0)),
    "topic": (1, (0.0, 0.0)),
    "clock": (2, (-600, 600)),  # seconds that it is off from then on
}
CLOCK = pathlib.Path(os.environ["SLUICE_BINARY"]).resolve().parent / "tests" / "support" / "libclock_step.so"
WEATHER_S3 = {("put", "lose"): 0.05, ("put", "internal"): 0.05, ("put", "drop_mid"): 0.04, ("put", "slow_down"): 0.03, ("put", "late"): 0.04}
WEATHER_SF = {("append", "lose"): 0.05, ("append", "503"): 0.05, ("append", "429"): 0.04, ("open", "lose"): 0.04, ("append", "late"): 0.04}


def schedule(rng, seconds, density):
    """Faults by their time in the round, so that one can be left out and the others stay where they are."""
    weights = [weight for weight, _ in FAULTS.values()]
    count = max(1, int(seconds * density))
    plan = []
    for at in sorted(rng.uniform(0, seconds) for _ in range(count)):
        kind = rng.choices(list(FAULTS), weights)[0]
        plan.append({"at": round(at, 2), "kind": kind, "worker": rng.randrange(WORKERS), "lasts": round(rng.uniform(*FAULTS[kind][1]), 2)})
    return plan


class Watch(threading.Thread):
    """Looks at the slot and the stored offset (I4) and at the workers' memory (I8), all the time."""

    def __init__(self, chaos, pipe):
        super().__init__(daemon=True)
        self.chaos, self.pipe = chaos, pipe
        self.ended, self.quiet = threading.Event(), threading.Event()
        self.wrong, self.looks, self.doubts, self.memory = [], 0, 0, 0
        self.since, self.newest = {}, None

    def stored(self):
        """The newest offset that is committed in Kafka, as of now."""
        for record in stand.consume_all(self.chaos.kafka.bootstrap, "chaos-offset", timeout=10, since=self.since):
            self.since[record.partition] = record.offset + 1
            self.newest = self.own(record) or self.newest
        return self.newest

    def own(self, record):
        """What the record says of our source's offset, if it does."""
        return json.loads(record.value) if record.key and record.value and json.loads(record.key)[0] == self.pipe.source else None

    @staticmethod
    def reaches(offset, confirmed):
        return offset and confirmed <= max(offset.get("lsn_commit") or 0, offset["lsn"])

    def doubt(self, confirmed):
        """A broker answers a commit when that is certain, and lets readers of committed records see it a moment later. So the offset
        must be written now, and be seen as committed soon."""
        written = stand.consume_all(self.chaos.kafka.bootstrap, "chaos-offset", "read_uncommitted", timeout=10)
        if not any(self.reaches(self.own(record), confirmed) for record in written):
            self.wrong.append(f"the slot confirmed {confirmed}, Kafka has {self.newest}")
            return
        self.doubts += 1
        try:
            stand.wait_until(lambda: self.reaches(self.stored(), confirmed), 60 * SLOW, "the commit", 0.2)
        except TimeoutError as error:
            self.wrong.append(f"the slot confirmed {confirmed}, Kafka has only {self.newest} as committed: {error}")

    def run(self):
        while not self.ended.wait(0.5):
            for worker in self.chaos.workers:
                with contextlib.suppress(OSError, AttributeError, TypeError):
                    status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
                    self.memory = max(self.memory, int(re.search(r"VmRSS:\s*(\d+)", status)[1]) // 1024)
            if self.quiet.is_set():
                continue
            try:
                confirmed = self.pipe.confirmed()
                offset = self.stored()
            except Exception:  # a server is away: nothing to compare
                continue
            if confirmed is None or offset is None or (offset.get("snapshot") and not offset.get("snapshot_completed")):
                continue
            self.looks += 1
            if not self.reaches(offset, confirmed):
                with contextlib.suppress(Exception):  # away before it could answer
                    self.doubt(confirmed)


class Pipe:
    """One round: a database, its topics, connectors, and what came of it."""

    def __init__(self, chaos, number, name):
        self.chaos, self.number, self.name = chaos, number, name
        self.seed = f"{chaos.args.seed}/{number}"
        self.source, self.s3, self.sf = f"{name}-source", f"{name}-s3", f"{name}-sf"
        self.topics = {table: f"{name}_{table}" for table in ledger.TABLES}
        self.fed = {self.s3: ["ledger", "shape", "bulk"], self.sf: ["ledger", "shape"]}
        self.dlq = {sink: f"{sink}-dlq" for sink in self.fed}
        self.report = proof.Report()
        self.writers, self.since, self.counts = [], None, {}
        self.seen = collections.defaultdict(list)
        self.watch = Watch(chaos, self)
        self.lost = "fail"  # sluice.slot.lost

    # --- Connectors ---------------------------------------------------------------------------------------------------

    def source_config(self):
        chaos = self.chaos
        return {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": stand.HOST,
                "database.port": str(chaos.wires["postgres"].port), "database.user": "postgres", "database.password": "unused",
                "database.dbname": self.name, "topic.prefix": self.name, "plugin.name": "pgoutput", "slot.name": self.name,
                "table.include.list": ",".join(f"public.{table}" for table in ledger.TABLES), "publication.name": self.name,
                "publication.autocreate.mode": "filtered", "key.converter": base.JSON, "key.converter.schemas.enable": "false",
                "value.converter": base.JSON, "value.converter.schemas.enable": "false", "slot.retry.delay.ms": "500", "slot.max.retries": "20",
                "transforms": "unwrap,stamp,route", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
                "transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
                "transforms.unwrap.add.fields": "op,source.lsn:lsn",
                "transforms.stamp.type": "org.apache.kafka.connect.transforms.InsertField$Value",
                "transforms.stamp.static.field": "__pipe", "transforms.stamp.static.value": self.name,
                "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
                "transforms.route.regex": r"(.*)\.public\.(.*)", "transforms.route.replacement": "$1_$2",
                "sluice.transaction.interval.ms": "50", "sluice.transaction.bytes": "1000000", "sluice.backlog.bytes": "4194304",
                "sluice.spool.directory": str(chaos.spool), "sluice.spool.memory.bytes": "65536", "sluice.slot.lost": self.lost}  # fmt: skip

    def sink_config(self, sink):
        """What both have: the poison is what Cast can't make a number of."""
        return {"topics": ",".join(self.topics[table] for table in self.fed[sink]), "tasks.max": "2", "key.converter": STRING,
                "value.converter": base.JSON, "value.converter.schemas.enable": "false", "transforms": "place,number",
                "transforms.number.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.number.spec": "mark:int32",
                "transforms.place.type": "org.apache.kafka.connect.transforms.InsertField$Value",
                "transforms.place.partition.field": "__p", "transforms.place.offset.field": "__o",
                "errors.tolerance": "all", "errors.deadletterqueue.topic.name": self.dlq[sink],
                "errors.deadletterqueue.topic.replication.factor": "1",
                "errors.deadletterqueue.context.headers.enable": "true"}  # fmt: skip

    def s3_config(self):
        chaos = self.chaos
        return {"connector.class": "io.confluent.connect.s3.S3SinkConnector", **self.sink_config(self.s3), "s3.bucket.name": BUCKET,
                "s3.region": "us-east-1", "store.url": chaos.front.url, "aws.access.key.id": chaos.store.access_key,
                "aws.secret.access.key": chaos.store.secret_key, "storage.class": "io.confluent.connect.s3.storage.S3Storage",
                "format.class": "io.confluent.connect.s3.format.json.JsonFormat", "flush.size": "1000",
                "sluice.rotate.idle.ms": "900", "s3.retry.backoff.ms": "50"}  # fmt: skip

    def sf_config(self):
        return {**self.chaos.account.config(""), **self.sink_config(self.sf)}

    def begin(self):
        chaos = self.chaos
        chaos.postgres.create_db(self.name)
        with self.connect(autocommit=True) as db:
            ledger.set_up(db, 200)
        for topic in self.topics.values():
            chaos.kafka.create_topic(topic, 2)
        for topic in self.dlq.values():
            chaos.kafka.create_topic(topic, 1)
        chaos.front.random(self.seed, WEATHER_S3 if chaos.args.weather else {})
        if chaos.args.weather:
            chaos.account.faults([{"op": op, "action": action, "chance": chance, "times": None, "delay": 0.7}
                                  for (op, action), chance in WEATHER_SF.items()], seed=self.number)  # fmt: skip
        self.watch.start()
        for name, config in ((self.source, self.source_config()), (self.s3, self.s3_config()), (self.sf, self.sf_config())):
            chaos.ask("POST", "/connectors", {"name": name, "config": config})
        self.writers = [ledger.Writer(self.connect, f"{self.seed}/{n}", 0.04) for n in range(3)]
        self.writers += [ledger.Ddl(self.connect, f"{self.seed}/ddl", 1.5),
                         ledger.Bulk(self.connect, f"{self.seed}/bulk", 4.0, chaos.args.bulk)]  # fmt: skip
        chaos.aside(self.write)

    def write(self):
        """The writers begin when the snapshot is over, so that each of their changes has a record of its own."""
        def is_read():
            offset = self.watch.newest
            return offset and (not offset.get("snapshot") or offset.get("snapshot_completed"))

        stand.wait_until(is_read, 90 * SLOW, "the end of the snapshot")
        for writer in self.writers:
            writer.start()

    # --- What is asked of servers -------------------------------------------------------------------------------------

    def connect(self, **options):
        return self.chaos.postgres.connect(self.name, **options)

    def confirmed(self):
        rows = self.chaos.postgres.sql("select (confirmed_flush_lsn - '0/0')::bigint from pg_replication_slots "
                                       f"where slot_name = '{self.name}' and confirmed_flush_lsn is not null")  # fmt: skip
        return int(rows[0][0]) if rows else None

    def read(self, topic):
        """All committed records of a topic; each is read once."""
        seen = self.seen[topic]
        since = {number: 1 + max(record.offset for record in seen if record.partition == number)
                 for number in {record.partition for record in seen}}  # fmt: skip
        seen += stand.consume_all(self.chaos.kafka.bootstrap, topic, since=since)
        return seen

    def failed(self):
        found = []
        for name in (self.source, self.s3, self.sf):
            for task in self.chaos.ask("GET", f"/connectors/{name}/status").json()["tasks"]:
                if task["state"] == "FAILED":
                    found.append(f"{name}-{task['id']}: {task['trace'][:1500]}")
        return found

    def wait(self, what, check, timeout):
        """Waits; a task that is FAILED ends the waiting, and who waited in vain is told what the tasks say."""
        deadline = time.monotonic() + timeout * SLOW
        while True:
            if check():
                return
            failed = self.failed()
            if failed:
                raise Violation(f"FAILED while waiting for {what}: {failed}")
            if time.monotonic() > deadline:
                states = {name: self.chaos.ask("GET", f"/connectors/{name}/status").json() for name in (self.source, self.s3, self.sf)}
                raise Violation(f"{what}: not within {timeout} s; {json.dumps(states)[:4000]}")
            time.sleep(0.2)

    def wait_source(self):
        """Until all that is committed now is confirmed."""
        with self.connect(autocommit=True) as db:
            target = int(db.execute("select (pg_current_wal_lsn() - '0/0')::bigint").fetchone()[0])
            db.execute(ledger.insert("spare", "nextval('keys')", "currval('keys')"))
        self.wait("the slot at the end", lambda: (self.confirmed() or 0) > target, 90)

    def all_visible(self):
        """A commit is answered before its markers stand in all partitions: until then readers don't see its records."""
        latest, known = confluent_kafka.admin.OffsetSpec.latest(), self.chaos.admin.list_topics(timeout=10).topics
        asked = {confluent_kafka.TopicPartition(topic, number): latest for topic in self.topics.values() for number in known[topic].partitions}
        ends = []
        for level in (confluent_kafka.IsolationLevel.READ_COMMITTED, confluent_kafka.IsolationLevel.READ_UNCOMMITTED):
            answers = self.chaos.admin.list_offsets(asked, isolation_level=level, request_timeout=10)
            ends.append({(place.topic, place.partition): answer.result().offset for place, answer in answers.items()})
        return ends[0] == ends[1]

    def wait_sinks(self):
        """Until the groups' offsets are behind the last records."""
        self.wait("the end of the last transactions", self.all_visible, 90)
        for sink, tables in self.fed.items():
            wanted = {}
            for topic in (self.topics[table] for table in tables):
                for record in self.read(topic):
                    wanted[topic, record.partition] = record.offset + 1

            def through(sink=sink, wanted=wanted):
                asked = confluent_kafka.ConsumerGroupTopicPartitions(f"connect-{sink}")
                parts = self.chaos.admin.list_consumer_group_offsets([asked])[asked.group_id].result(10).topic_partitions
                there = {(part.topic, part.partition): part.offset for part in parts}
                return all(there.get(place, -1) >= end for place, end in wanted.items())

            self.wait(f"{sink} at the end of its topics", through, 90)

    # --- Dead letters -------------------------------------------------------------------------------------------------

    def replay(self, bootstrap):
        """The command that cures and sends again what the S3 sink could not take; the Snowflake sink's letters stay."""
        command = [os.environ["SLUICE_BINARY"], "dlq", "replay", "--bootstrap-server", bootstrap, "--topic", self.dlq[self.s3],
                   "--enum", f"{proof.POISON}={proof.CURE}", "--reason", "chaos", "--json", "--apply"]  # fmt: skip
        with open(self.chaos.workdir / "replay.log", "ab") as log:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)

    def replay_all(self):
        """In peace: until nothing is left."""
        for _ in range(5):
            running = self.replay(self.chaos.kafka.bootstrap)
            out, _ = running.communicate(timeout=120 * SLOW)
            if running.returncode:
                raise Violation(f"sluice dlq replay ended with {running.returncode}: {out[-1000:]}")
            told = json.loads(out.splitlines()[-1])
            if told.get("left"):
                raise Violation(f"sluice dlq replay leaves letters: {told}")
            if not told.get("selected"):
                return
        raise Violation(f"sluice dlq replay finds something each time: {told}")

    # --- The end ------------------------------------------------------------------------------------------------------

    def stop_writers(self):
        for writer in self.writers:
            writer.ended.set()
        for writer in self.writers:
            if writer.ident:
                writer.join(60)

    def finish(self):
        """Leads all to its end and proves it."""
        self.stop_writers()
        self.wait_source()
        self.wait_sinks()
        self.replay_all()
        self.wait_sinks()
        self.prove()
        self.watch.quiet.set()

    def prove(self):
        report, records = self.report, {table: self.read(topic) for table, topic in self.topics.items()}
        with self.connect() as db:
            for table, topic in self.topics.items():
                truth = ledger.truth(db, table)
                self.counts[table] = proof.check_source(report, topic, truth, records[table], self.since if table == "spare" else None)
        for sink, tables in self.fed.items():
            letters = self.read(self.dlq[sink])
            landed = 0
            for table in tables:
                topic = self.topics[table]
                mine = [letter for letter in letters if proof.header(letter, "__connect.errors.topic") == topic]
                rows = self.objects(topic) if sink == self.s3 else self.table(topic)
                landed += proof.check_sink(report, sink, topic, records[table], rows, mine)
            self.counts[sink], self.counts[self.dlq[sink]] = landed, len(letters)
        topics = {self.topics[table]: records[table] for table in self.fed[self.s3]}
        proof.check_letters(report, self.dlq[self.s3], self.read(self.dlq[self.s3]), topics)
        report.expect("I4 the slot is ahead of Kafka", self.watch.wrong)
        # A request that came late meets the one that was sent again.
        seen = [what for what in self.chaos.account.violations() if not what.startswith("two appends in flight")]
        report.expect("what the account complains of", seen[self.chaos.complaints :])
        self.chaos.complaints = len(seen)

    def objects(self, topic):
        store = self.chaos.store

        def listing():
            store.sweep()
            return store.list(BUCKET, f"topics/{topic}/")

        found = []
        for one in stand.wait_until(listing, 20, f"objects of {topic}"):
            for line in store.get(BUCKET, one.key).splitlines():
                row = json.loads(line)
                found.append((row.pop("__p"), row.pop("__o"), row))
        return found

    def table(self, topic):
        columns = ("id", "ver", "mark", "__op")
        names = ", ".join(f'"{name}"' for name in columns)
        rows = self.chaos.account.rows(f"select (RECORD_METADATA->>'partition')::int, (RECORD_METADATA->>'offset')::bigint, {names} from \"{topic}\"")
        return [(partition, offset, {name: value if isinstance(value, str) or value is None else int(value)
                                     for name, value in zip(columns, values)}) for partition, offset, *values in rows]  # fmt: skip

    # --- A lost slot --------------------------------------------------------------------------------------------------

    def lose_slot(self, rng):
        """Changes that nobody read go with the slot: the task must say so and write nothing; with a new snapshot all is there."""
        chaos, made_anew = self.chaos, rng.random() < 0.5
        workers = chaos.take_all()
        for worker in workers:
            worker.kill()
        with self.connect(autocommit=True) as db:
            db.execute(ledger.update("ledger", 1, 50))
            stand.wait_until(lambda: chaos.drop_slot(self.name), 20, "an end of the slot")
            if made_anew:
                db.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,))
            db.execute(ledger.update("ledger", 60, 90))
        chaos.give_back(workers)
        before = {topic: len(self.read(topic)) for topic in self.topics.values()}
        try:
            stand.wait_until(lambda: [text for text in self.failed() if "pg.slot.lost" in text], 60 * SLOW, "pg.slot.lost", 0.2)
        except TimeoutError:
            self.report.expect("a slot that was lost is not noticed", [self.name])
        written = {topic: len(self.read(topic)) - count for topic, count in before.items() if len(self.read(topic)) > count}
        self.report.expect("rows written behind a slot that was lost", sorted(written.items()))
        self.lost = "snapshot"
        chaos.ask("PUT", f"/connectors/{self.source}/config", self.source_config())
        chaos.wait_running(self.source)
        with self.connect(autocommit=True) as db:
            stand.wait_until(lambda: (self.confirmed() or 0) > 0, 60 * SLOW, "a new slot")
            db.execute(ledger.update("ledger", 100, 150))
            self.wait_source()
            for table in ("ledger", "shape"):
                proof.check_state(self.report, self.topics[table], ledger.rows(db, table), self.read(self.topics[table]))

    def tear_down(self):
        chaos = self.chaos
        chaos.front.quiet()
        chaos.account.quiet()
        self.stop_writers()
        self.watch.ended.set()
        for name in (self.source, self.s3, self.sf):
            with contextlib.suppress(Violation):
                chaos.ask("DELETE", f"/connectors/{name}")
        with contextlib.suppress(TimeoutError):
            stand.wait_until(lambda: chaos.drop_slot(self.name), 20, "an end of the slot")


class Worker(base.Worker):
    """One whose wall clock can be set; clocks that only go on are left alone (tests/support/clock_step.c)."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.clock = self.workdir / "clock"
        self.set_clock(0)
        if CLOCK.exists():
            self.env |= {"LD_PRELOAD": str(CLOCK), "SLUICE_TEST_CLOCK": str(self.clock)}

    def set_clock(self, seconds):
        with open(self.clock, "r+b" if self.clock.exists() else "wb") as file:  # in place: it is mapped
            file.write(struct.pack("=q", int(seconds * 1e9)))


class Chaos(base.Run):
    def __init__(self, args, workdir):
        super().__init__(args, workdir)
        inner = stand.free_port()
        self.wires = {"kafka": Wire(inner)}
        self.kafka = stand.Kafka(workdir / "kafka", config={"group.min.session.timeout.ms": 1000, "num.partitions": 2},
                                 inner_port=inner, outer_port=self.wires["kafka"].port)  # fmt: skip
        self.postgres = stand.Postgres(workdir / "postgres", config={"max_connections": 100, "logical_decoding_work_mem": "256kB",
                                                                     "wal_sender_timeout": "10s"})  # fmt: skip
        self.wires["postgres"] = Wire(self.postgres.port)
        self.store = stand.S3(workdir / "s3")
        self.account = sf.Snowflake(workdir / "account")
        for part in self.parts():
            part.start_timeout *= SLOW
        self.front = s3_faults.Faults(self.store.endpoint)
        self.spool, self.mounted = workdir / "spool", False
        self.locks = collections.defaultdict(threading.Lock)  # one restart of a part at a time
        self.rounds = self.looks = self.memory = self.complaints = self.injected = 0
        self.totals = collections.Counter()

    # --- The stand ----------------------------------------------------------------------------------------------------

    def set_up(self):
        self.spool.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SPOOL_MB}m,mode=777", "sluice-chaos", str(self.spool)]
        self.mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if not self.mounted:
            self.say("no tmpfs can be mounted here: the disk of the spool will not be full")
        if not CLOCK.exists():
            self.say(f"{CLOCK} is not built: no clock will be set")
        stand.start_all([self.kafka, self.postgres, self.store, self.account])
        self.admin = self.kafka.admin(log_level=0)
        self.store.create_bucket(BUCKET)
        self.make_workers(WORKERS, SESSION, 800, bootstrap=f"{stand.HOST}:{self.wires['kafka'].port}", offset_flush_interval_ms=1000,
                          consumer_session_timeout_ms=int(SESSION * 1000), consumer_heartbeat_interval_ms=800,
                          consumer_auto_offset_reset="earliest")  # fmt: skip

    def make_worker(self, workdir, properties):
        return Worker(os.environ["SLUICE_BINARY"], workdir, properties)

    def parts(self):
        return [self.kafka, self.postgres, self.store, self.account]

    def tear_down(self):
        super().tear_down()
        for wire in self.wires.values():
            wire.close()
        self.front.close()
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.spool)], check=False)

    def drop_slot(self, name):
        """Whoever reads it is ended first; true when it is gone."""
        self.postgres.sql(f"select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{name}' and active")
        with contextlib.suppress(Exception):
            self.postgres.sql(f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}'")
        return not self.postgres.sql(f"select 1 from pg_replication_slots where slot_name = '{name}'")

    # --- Faults -------------------------------------------------------------------------------------------------------

    def give_back(self, workers):
        """As a supervisor does it: all at once, and again those that ended because Kafka was away for too long."""
        def back(worker):
            deadline = time.monotonic() + 120 * SLOW
            while not worker.running:
                try:
                    worker.start()
                except stand.StandError as error:
                    if "kafka.unreachable" not in str(error) or time.monotonic() > deadline:
                        raise
            worker.fit = True

        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(back, workers))

    def faults(self, plan, pipe):
        began, actions = time.monotonic(), []
        for step in plan:
            time.sleep(max(0, began + step["at"] - time.monotonic()))
            self.hits[step["kind"]] += 1
            actions.append(self.aside(functools.partial(self.fault, step, pipe)))
        for action in actions:
            action.join()
        if self.broken:  # what could not be done or undone: nothing would come to its end
            raise stand.StandError("a fault could not be undone")

    def fault(self, step, pipe):
        kind, _, part = step["kind"].partition(" ")
        if kind in ("stall", "hole"):
            getattr(self.wires[part], kind)(step["lasts"])
        elif kind == "cut":
            self.wires[part].cut(int(step["lasts"]))
        elif kind in ("kill", "freeze", "stop"):
            self.hit(step, self.pick(step["worker"])[0])
        else:
            getattr(self, f"do_{kind}")(step, pipe)

    def do_all(self, step, _):
        workers = self.take_all()
        for worker in workers:
            worker.kill()
        time.sleep(step["lasts"])
        self.give_back(workers)

    def do_restart(self, _, pipe):
        for name in (pipe.source, pipe.s3, pipe.sf):
            self.ask("POST", f"/connectors/{name}/restart?includeTasks=true")

    def do_clock(self, step, _):
        """A worker's wall clock is set, forward or back."""
        self.workers[step["worker"]].set_clock(step["lasts"])

    def do_reset(self, *_):
        for wire in self.wires.values():
            wire.reset()

    def do_kafka(self, step, _):
        self.crash(self.kafka, step)

    def do_postgres(self, step, _):
        self.crash(self.postgres, step)

    def crash(self, part, step):
        lock = self.locks[part.name]
        if lock.acquire(blocking=False):  # else it is down already
            try:
                part.kill()
                time.sleep(step["lasts"])
                for left in (2, 1, 0):
                    try:
                        part.start()
                        break
                    except stand.StandError:  # a broker with many topics on a machine that is busy with else
                        if not left:
                            raise
            finally:
                lock.release()

    def do_walsender(self, *_):
        with contextlib.suppress(Exception):  # the server may be away
            self.postgres.sql("select pg_terminate_backend(pid) from pg_stat_replication")

    def do_replay(self, step, pipe):
        """A replay in the midst of it, ended by SIGKILL."""
        running = pipe.replay(f"{stand.HOST}:{self.wires['kafka'].port}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(step["lasts"])
        running.send_signal(signal.SIGKILL)
        running.wait()

    def do_full(self, step, _):
        """No room where large transactions are kept until they commit."""
        if not self.mounted:
            return
        with self.locks["spool"]:
            filler = self.spool / "filler"
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 20))
            time.sleep(step["lasts"])
            filler.unlink()

    def do_topic(self, _, pipe):
        """The topic of `spare` is deleted and made again; what commits from then on must be in the new one."""
        topic = pipe.topics["spare"]
        with self.locks["topic"]:
            stand.wait_until(lambda: self.make_anew(topic), 180 * SLOW, f"a new {topic}", 0.2)
            pipe.seen.pop(topic, None)
            pipe.since = stand.wait_until(lambda: self.postgres.sql("select last_value from audit_n_seq", pipe.name)[0][0], 60, "audit's end")

    def make_anew(self, topic):
        for answer in self.admin.delete_topics([topic], operation_timeout=10).values():
            with contextlib.suppress(confluent_kafka.KafkaException):  # a second try, or one that got no answer
                answer.result(15)
        with contextlib.suppress(confluent_kafka.KafkaException):  # who writes to it may have made it already
            self.kafka.create_topic(topic, 2)
        return topic in self.admin.list_topics(timeout=10).topics

    # --- Rounds -------------------------------------------------------------------------------------------------------

    def round(self, number, plan, name):
        """One round with that plan; its report."""
        pipe = Pipe(self, number, name)
        self.broken, before = [], self.hits.copy()
        try:
            pipe.begin()
            self.faults(plan, pipe)
            self.front.quiet()
            self.account.quiet()
            pipe.finish()
            if not pipe.report.wrong and self.args.slot:
                pipe.lose_slot(random.Random(f"{pipe.seed}/slot"))
                self.hits["slot lost"] += 1
        except Exception as error:
            pipe.report.wrong.append(f"{type(error).__name__}: {error}")
        pipe.tear_down()
        violations = pipe.report.wrong + self.broken
        violations += self.at_rest(pipe) if not violations else []
        if not violations:
            self.forget(name)
        with contextlib.suppress(requests.RequestException):
            self.injected = sum(self.account.state()["injected"].values())
        self.looks += pipe.watch.looks
        self.memory = max(self.memory, pipe.watch.memory)
        self.totals.update({key.removeprefix(f"{name}-"): count for key, count in pipe.counts.items()})
        faults = self.hits - before
        self.say(f"round {number}: {sum(faults.values())} faults; {pipe.counts}; slot and offset compared {pipe.watch.looks} times, "
                 f"a worker's memory at most {pipe.watch.memory} MB; {'BROKEN' if violations else 'ok'}")  # fmt: skip
        for violation in violations:
            print(f"         {violation}", flush=True)
        return {"round": number, "counts": pipe.counts, "faults": dict(faults), "looks": pipe.watch.looks, "memory": pipe.watch.memory,
                "plan": plan, "violations": violations}  # fmt: skip

    def forget(self, name):
        """A round's topics, which nothing reads any more: after SIGKILL a broker reads again what all topics hold before it answers."""
        with contextlib.suppress(confluent_kafka.KafkaException):
            old = [topic for topic in self.admin.list_topics(timeout=10).topics if re.match(rf"{name}\D", topic)]
            for answer in self.admin.delete_topics(old, operation_timeout=10).values() if old else ():
                answer.result(15)

    def at_rest(self, pipe):
        """I8: what the workers still hold when they have nothing to do."""
        wrong = []
        if pipe.watch.memory > self.args.memory * SLOW:
            wrong.append(f"I8: a worker took {pipe.watch.memory} MB")

        def held():
            found = []
            for number, worker in enumerate(self.workers):
                files = [os.readlink(path) for path in pathlib.Path(f"/proc/{worker.pid}/fd").iterdir() if path.is_symlink()]
                threads = len(list(pathlib.Path(f"/proc/{worker.pid}/task").iterdir()))
                spooled = [path for path in files if path.startswith(str(self.spool))]
                self.last_held = (len(files), threads)
                if spooled or len(files) > 120 or threads > 80:
                    found.append(f"I8: worker {number} holds {len(files)} files, {threads} threads, {spooled}")
            return found

        with contextlib.suppress(TimeoutError):
            stand.wait_until(lambda: not held(), 20 * SLOW, "rest")
        return wrong + held()

    def run(self):
        self.set_up()
        until = self.started + self.args.minutes * 60
        self.say(f"seed {self.args.seed}: rounds of {self.args.round} s of faults for {self.args.minutes} minutes")
        numbers = [self.args.only] if self.args.only is not None else range(10_000)
        for number in numbers:
            rng = random.Random(f"{self.args.seed}/{number}")
            plan = schedule(rng, self.args.round, self.args.density)
            self.say(f"round {number}: " + ", ".join(f"{step['at']} {step['kind']}" for step in plan))
            report = self.round(number, plan, f"r{number}")
            self.reports.append(report)
            self.rounds += 1
            if report["violations"]:
                if self.args.reduce:
                    self.reduce(number, plan, time.monotonic() + self.args.reduce * 60)
                return
            # Half a minute for what comes behind the faults.
            if time.monotonic() + self.args.round + 30 > until:
                return

    def reduce(self, number, plan, until):
        """The shortest schedule with which the round still breaks, as far as time allows: parts are left out, halves first."""
        parts, tries = 2, 0
        while len(plan) > 1 and time.monotonic() < until:
            size = -(-len(plan) // parts)
            for at in range(0, len(plan), size):
                shorter = plan[:at] + plan[at + size :]
                tries += 1
                self.say(f"reducing: {len(shorter)} faults of {len(plan)}")
                if shorter and self.round(number, shorter, f"r{number}_{tries}")["violations"]:
                    plan, parts = shorter, max(2, parts - 1)
                    break
                if time.monotonic() > until:
                    break
            else:
                if parts >= len(plan):
                    break
                parts = min(len(plan), 2 * parts)
        self.violations.append(f"reduced to {len(plan)} faults in {tries} tries: {json.dumps(plan)}")

    def epilogue(self):
        broken = [report for report in self.reports if report["violations"]]
        plans = [f"round {report['round']}: --only {report['round']}, schedule {json.dumps(report['plan'])}" for report in broken]
        return [*self.violations, *plans]


def summary(chaos):
    return {"seed": chaos.args.seed, "rounds": chaos.rounds, "broken": sum(bool(report["violations"]) for report in chaos.reports),
            "faults": sum(chaos.hits.values()), "kinds": dict(chaos.hits.most_common()), "checked": dict(chaos.totals),
            "s3_faults": sum(chaos.front.counts.values()), "account_faults": chaos.injected,
            "cuts": {name: wire.cuts for name, wire in chaos.wires.items()},
            "resets": {name: wire.resets for name, wire in chaos.wires.items()}, "slot_and_offset_compared": chaos.looks,
            "memory_mb": chaos.memory, "seconds": round(time.monotonic() - chaos.started)}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    base.options(parser)
    parser.add_argument("--round", type=float, default=40, help="seconds of faults in a round")
    parser.add_argument("--density", type=float, default=0.5, help="faults a second")
    parser.add_argument("--bulk", type=int, default=200_000, help="rows of a large transaction, half as many more are rolled back or not")
    parser.add_argument("--memory", type=int, default=400, help="MB that a worker may take")
    parser.add_argument("--only", type=int, help="only the round of this number")
    parser.add_argument("--reduce", type=float, default=0, help="minutes to look for a shorter schedule when a rule was broken")
    parser.add_argument("--no-slot", dest="slot", action="store_false", help="no slot is lost at the end of a round")
    parser.add_argument("--no-weather", dest="weather", action="store_false", help="no faults of the stores")
    args = parser.parse_args()
    again = f"--minutes {args.minutes} --round {args.round} --density {args.density} --bulk {args.bulk}"
    base.drive("pipeline", Chaos, args, summary, again)


if __name__ == "__main__":
    main()
