# SPDX-License-Identifier: Apache-2.0
"""A pipeline moves from a JVM Kafka Connect to Sluice and back with nothing but one worker stopped and the other started:
same group.id, same internal topics, same worker properties. Debezium and Sluice take turns at one slot while a writer
keeps committing; at the end every change is there exactly once and in order, and no second snapshot was taken. What is
PAUSED or STOPPED stays so, and goes on from its own offset when it is resumed.

SLUICE_SEED repeats a run's load."""
import collections
import json
import os
import random
import threading
import time
import warnings

import confluent_kafka.admin
import jvm_connect
import pytest
import stand
from conftest import PG_PASSWORD, Sluice, wait_until

pytestmark = pytest.mark.timeout(300)  # a JVM on a busy machine
HELD = {"PAUSED": "pause", "STOPPED": "stop"}


class Writer(threading.Thread):
    """Commits transactions of a few rows, and now and then one larger than a Debezium batch, until it is told to end; knows
    what a reader must see of each key."""

    def __init__(self, database, seed):
        super().__init__(daemon=True)
        self.database, self.rng = database, random.Random(seed)
        self.expected = collections.defaultdict(list)
        self.transactions = 0
        self.next_id = 1
        self.ended = threading.Event()
        self.failure = None

    def rows(self, count):
        db = self.db
        if self.next_id > 50 and self.rng.random() < 0.5:
            first = self.rng.randrange(1, self.next_id)
            found = db.execute("update load set v = v + 1 where id between %s and %s returning id, v",
                               (first, first + count - 1)).fetchall()
            op = "u"
        else:
            found = db.execute("insert into load select i, 0 from generate_series(%s::int, %s::int) i returning id, v",
                               (self.next_id, self.next_id + count - 1)).fetchall()
            self.next_id += count
            op = "c"
        return [(op, id, v) for id, v in found]

    def transaction(self):
        done = []
        with self.db.transaction():
            if self.transactions % 40 == 39:
                done += self.rows(3000)
            for _ in range(self.rng.randint(1, 3)):
                done += self.rows(self.rng.randint(1, 6))
        for op, id, v in done:
            self.expected[id].append((op, v))
        self.transactions += 1

    def run(self):
        try:
            with self.database.connect(autocommit=True) as self.db:
                while not self.ended.is_set():
                    self.transaction()
                    time.sleep(0.02)
        except Exception as error:  # shown by the test
            self.failure = error

    def more(self, count):
        """Waits until so many more transactions are committed."""
        goal = self.transactions + count
        wait_until(lambda: self.failure or self.transactions >= goal, 60, f"{count} transactions")
        assert self.failure is None

    def finish(self):
        self.ended.set()
        self.join()
        assert self.failure is None


class Move:
    """One group of workers, of which one runs at a time; three connectors on tables of one database."""

    def __init__(self, kafka, database, binary, workdir, exactly_once):
        self.kafka, self.database, self.binary, self.workdir = kafka, database, binary, workdir
        self.group = f"{database.name}-connect"
        self.exactly_once = exactly_once
        self.names = {"RUNNING": "running", "PAUSED": "paused", "STOPPED": "stopped"}
        self.count = 0
        self.more = {}  # for the connectors' configs
        self.sluice_env = {}
        self.worker = None

    def config(self, name):
        table = "load" if name == "running" else name
        secret = {"database_password": PG_PASSWORD} if name == "stopped" else {}  # the others have it by reference
        return self.database.config(
            **secret,
            **{"topic_prefix": f"{self.database.prefix}-{name}",
               "table_include_list": f"public.{table}", "slot_name": f"{self.database.name}_{name}",
               "publication_name": f"{self.database.name}_{name}", "publication_autocreate_mode": "filtered",
               "poll_interval_ms": "50", **self.more})

    def topic(self, name):
        return f"{self.database.prefix}-{name}.public.{'load' if name == 'running' else name}"

    def start(self, kind):
        self.count += 1
        jvm = jvm_connect.Distributed(
            self.workdir / f"jvm-{self.count}", self.kafka.bootstrap, self.group, plugins=("debezium",), heap="700m",
            properties={"exactly.once.source.support": self.exactly_once, "offset.flush.interval.ms": 500,
                        "task.shutdown.graceful.timeout.ms": 2000,
                        "config.providers": "env",
                        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider"})
        if kind == "jvm":
            self.worker = jvm.start()
        else:  # the very properties of the JVM; Sluice's default for exactly.once.source.support is enabled
            properties = {key: value for key, value in jvm.properties.items()
                          if key not in ("listeners", "exactly.once.source.support")}
            self.worker = Sluice(self.binary, self.workdir / f"sluice-{self.count}", self.kafka, properties,
                                 env=self.sluice_env).start()
        return self.worker

    def stop(self):
        """As SIGTERM does it; the next one may only start when the group has no members."""
        self.worker.stop()
        wait_until(lambda: not self.members(), 60, "the group being empty", 0.2)

    def members(self):
        # A JVM's group has the protocol type "connect", of which the newer call knows nothing.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            groups = self.kafka.admin().list_groups(self.group, timeout=10)
        return groups[0].members if groups else []

    def create(self, name):
        """It has taken its snapshot when this returns."""
        answer = self.worker.rest("POST", "/connectors", json={"name": name, "config": self.config(name)}, timeout=90)
        assert answer.status_code == 201, answer.text
        self.worker.wait_running(name, 1, timeout=60)
        wait_until(lambda: self.ops(name), 60, f"the snapshot of {name}", 0.2)

    def create_all(self):
        for state, name in self.names.items():
            self.create(name)
            if state in HELD:
                answer = self.worker.rest("PUT", f"/connectors/{name}/{HELD[state]}")
                assert answer.status_code in (202, 204), answer.text
                self.wait_state(name, state)

    def wait_state(self, name, state):
        """The connector and its tasks; a stopped one has none."""
        def there():
            status = self.worker.status(name)
            tasks = [task["state"] for task in status["tasks"]]
            return status["connector"]["state"] == state and tasks == ([] if state == "STOPPED" else [state])

        wait_until(there, 60, f"{name} {state}", 0.2)

    def check_taken_over(self, configs):
        """Everything is as it was under the other worker. Sluice answers for the list only when all is read; the JVM's worker was seen
        to say [] first."""
        def listed():
            found = sorted(self.worker.rest("GET", "/connectors").json())
            assert found == sorted(configs), (found, self.stored_connectors(), self.worker.log_text()[-6000:])
            return True

        wait_until(listed, 30, "the connectors") if isinstance(self.worker, jvm_connect.Distributed) else listed()
        for state, name in self.names.items():
            self.wait_state(name, state)
        assert self.configs() == configs

    def stored_connectors(self):
        """The config topic's records of connectors, tombstones too, as they lie there."""
        return [(record.offset, record.key, record.value is None) for record in self.kafka.consume_all(f"{self.group}-config")
                if record.key and record.key.startswith(b"connector-")]

    def configs(self):
        """As REST shows them, but for the password that Sluice doesn't show; what is stored is in the config topic."""
        shown = {name: self.worker.rest("GET", f"/connectors/{name}/config").json() for name in self.names.values()}
        assert shown["stopped"].pop("database.password") in (PG_PASSWORD, "****")
        stored = [record.value for record in self.kafka.consume_all(f"{self.group}-config")
                  if record.key == b"connector-stopped"]
        assert json.loads(stored[-1])["properties"]["database.password"] == PG_PASSWORD
        return shown

    def records(self, name):
        return [json.loads(record.value) for record in self.kafka.consume_all(self.topic(name)) if record.value]

    def ops(self, name):
        return [value["op"] for value in self.records(name)]

    def seen(self):
        """How many changes of the load are in Kafka."""
        return len(self.kafka.consume_all(self.topic("running")))

    def end(self):
        """The end of the load's topic, quickly; markers of transactions count too."""
        spec = {confluent_kafka.TopicPartition(self.topic("running"), 0): confluent_kafka.admin.OffsetSpec.latest()}
        admin = self.kafka.admin()  # must outlive its request
        return next(iter(admin.list_offsets(spec).values())).result(10).offset

    def wait_progress(self, count=200):
        """The worker of now has written something."""
        before = self.seen()
        wait_until(lambda: self.seen() >= before + count, 60, "records of this worker", 0.2)


@pytest.fixture(params=["enabled", "disabled"])
def exactly_once(request):
    return request.param


@pytest.fixture
def move(kafka, database, binary, tmp_path, exactly_once, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PG_PASSWORD)
    database.sql("create table load (id int primary key, v int not null); insert into load values (0, 0);"
                 "create table paused (id int primary key); insert into paused values (0);"
                 "create table stopped (id int primary key); insert into stopped values (0)")
    made = Move(kafka, database, binary, tmp_path, exactly_once)
    yield made
    if made.worker and made.worker.running:
        made.worker.stop()


def check_load(move, writer):
    expected = sum(map(len, writer.expected.values()))
    wait_until(lambda: move.seen() > expected, 90, f"{expected} changes and one snapshot row", 0.5)
    events, places = collections.defaultdict(list), set()
    records = move.records("running")
    for value in records:
        source = value["source"]
        events[value["after"]["id"]].append((value["op"], value["after"]["v"]))
        place = (value["after"]["id"], source["lsn"])
        assert place not in places, f"twice: {value}"
        places.add(place)
    assert events.pop(0) == [("r", 0)], "not exactly one snapshot record"
    wrong = {id: (got, writer.expected[id]) for id, got in events.items() if got != writer.expected[id]}
    assert not wrong, f"{len(wrong)} keys differ: {dict(list(wrong.items())[:3])}"
    missing = writer.expected.keys() - events.keys()
    assert not missing, f"{len(missing)} keys are missing: {sorted(missing)[:10]}"
    assert len(records) == expected + 1


def check_held(move, count):
    """The paused and the stopped connector, resumed at last: one snapshot row, then a row for each worker's time."""
    for name in ("paused", "stopped"):
        assert move.worker.rest("PUT", f"/connectors/{name}/resume").status_code == 202
        move.worker.wait_running(name, 1, timeout=60)
        wait_until(lambda: len(move.ops(name)) > count, 60, f"the rows of {name}", 0.2)
        assert [(value["op"], value["after"]["id"]) for value in move.records(name)] == \
            [("r", 0)] + [("c", id) for id in range(1, count + 1)], name


# Each way once; SLUICE_ORDERS=both begins with Sluice, too, which takes two minutes more.
BOTH = [("jvm", "sluice", "jvm"), ("sluice", "jvm", "sluice")]
ORDERS = pytest.mark.parametrize("order", BOTH[:2 if os.environ.get("SLUICE_ORDERS") == "both" else 1], ids="-".join)


@ORDERS
def test_there_and_back(move, order):
    seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed} (SLUICE_SEED={seed} repeats it)")
    writer = Writer(move.database, seed)
    for number, kind in enumerate(order, 1):
        move.start(kind)
        if number == 1:
            move.create_all()
            configs = move.configs()
            writer.start()
        else:
            move.check_taken_over(configs)
        move.database.sql(f"insert into paused values ({number}); insert into stopped values ({number})")
        if number < len(order):
            move.wait_progress()
            writer.more(60)
            move.stop()
    writer.more(60)
    writer.finish()
    check_load(move, writer)
    check_held(move, len(order))


@pytest.mark.parametrize("exactly_once", ["enabled"], indirect=True)
@ORDERS
def test_inside_a_transaction(move, order):
    """A worker that stops in the middle of a transaction, the first one after the snapshot too: the next goes on there."""
    # Small steps that take long, so that a stop falls between them: it goes on for some seconds to reach the transaction's end.
    move.more = {"max_batch_size": "200", "max_queue_size": "400", "sluice_transaction_bytes": "65536"}
    move.sluice_env = {"SLUICE_FAULTS": "source.before_commit=sleep:400"}
    last, expected = 0, [("r", 0, 0)]
    for number, kind in enumerate(order, 1):
        move.start(kind)
        if number == 1:
            move.create("running")
        else:
            move.wait_state("running", "RUNNING")
        for attempt in range(3 if number < len(order) else 0): # one that was fast enough to end the transaction gets another
            before = move.end()
            first, last = last + 1, last + (60_000 << attempt)
            move.database.sql(f"begin; insert into load select i, 0 from generate_series({first}, {last}) i;"
                              f"update load set v = {number} where id % 100 = 7; commit")
            expected += [("c", id, 0) for id in range(first, last + 1)]
            expected += [("u", id, number) for id in range(1, last + 1) if id % 100 == 7]
            wait_until(lambda: move.end() > before + 1000, 60, "the first part of the transaction", 0.01)
            move.stop()
            if move.seen() < len(expected):
                break
            assert attempt < 2, "it was not stopped inside the transaction"
            move.start(kind)
            move.wait_state("running", "RUNNING")
    wait_until(lambda: move.end() > len(expected) and move.seen() >= len(expected), 120, "all changes", 1)
    got = [(value["op"], value["after"]["id"], value["after"]["v"]) for value in move.records("running")]
    assert sorted(got) == sorted(expected), (len(got), len(expected))
