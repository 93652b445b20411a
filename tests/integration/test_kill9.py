# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker at random points: a read_committed consumer sees every change exactly once and in commit order per key,
and the slot's confirmed LSN never passes the offset that Kafka has.

SLUICE_SEED repeats a run; SLUICE_KILLS and SLUICE_CHANGES change its size (20 kills over 300,000 changes)."""
import collections
import json
import os
import random
import threading
import time

import pytest
import stand

CHANGES = int(os.environ.get("SLUICE_CHANGES", 300_000))
KILLS = int(os.environ.get("SLUICE_KILLS", 20))
TABLE_ROWS = 100_000
GROUP = "kill9"
TOPIC = "k9.public.accounts"


@pytest.fixture(scope="module")
def seed():
    value = int(os.environ.get("SLUICE_SEED", time.time_ns() % 1_000_000))
    print(f"seed {value} (SLUICE_SEED={value} repeats it)")
    return value


class Run:
    """One database, one Kafka, one worker that gets killed."""

    def __init__(self, workdir):
        self.kafka = stand.Kafka(workdir / "kafka")
        self.postgres = stand.Postgres(workdir / "postgres")
        stand.start_all([self.kafka, self.postgres])
        self.postgres.create_db("bank")
        self.postgres.sql("CREATE TABLE accounts (id bigint PRIMARY KEY, v bigint NOT NULL, note text)", "bank")
        self.postgres.sql(f"INSERT INTO accounts SELECT i, 0, 'opened' FROM generate_series(1, {TABLE_ROWS}) i", "bank")
        self.worker = stand.Worker(os.environ["SLUICE_BINARY"], workdir / "worker", {
            "bootstrap.servers": self.kafka.bootstrap, "group.id": GROUP,
            "config.storage.topic": "k9-configs", "config.storage.replication.factor": "1",
            "offset.storage.topic": "k9-offsets", "offset.storage.replication.factor": "1",
            "status.storage.topic": "k9-status", "status.storage.replication.factor": "1",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"})

    def stop(self):
        self.worker.stop()
        stand.stop_all([self.kafka, self.postgres])

    def create_connector(self):
        answer = self.worker.rest("POST", "/connectors", json={"name": "k9", "config": {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": "127.0.0.1", "database.port": str(self.postgres.port), "database.user": "postgres",
            "database.password": "unused", "database.dbname": "bank", "topic.prefix": "k9",
            "table.include.list": "public.accounts", "plugin.name": "pgoutput", "slot.name": "k9",
            "publication.name": "k9", "publication.autocreate.mode": "filtered", "snapshot.mode": "initial",
            # Small transactions, so that kills fall between, into and inside Postgres transactions.
            "sluice.transaction.interval.ms": "50", "sluice.transaction.bytes": "1000000"}})
        assert answer.status_code == 201, answer.text

    def confirmed(self):
        rows = self.postgres.sql("SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots "
                                 "WHERE slot_name = 'k9' AND confirmed_flush_lsn IS NOT NULL", "bank")
        return int(rows[0][0]) if rows else None

    def stored_offset(self):
        """The newest committed source offset, or None."""
        newest = None
        for record in stand.consume_all(self.kafka.bootstrap, "k9-offsets"):
            if record.key and json.loads(record.key)[0] == "k9" and record.value:
                newest = json.loads(record.value)
        return newest

    def check_lsn(self):
        """Read the slot first: whatever it confirmed must be in Kafka by the time we look there."""
        confirmed = self.confirmed()
        offset = self.stored_offset()
        if confirmed is None or offset is None:
            return
        if offset.get("snapshot"):
            return  # the slot stands at the snapshot's consistent point, which needs no offset to be safe
        assert confirmed <= max(offset.get("lsn_commit") or 0, offset["lsn"]), \
            f"the slot confirmed {confirmed}, Kafka has {offset}"

    def events(self):
        """Per key the (op, v) events in topic order; a delete has v None."""
        events = collections.defaultdict(list)
        for record in stand.consume_all(self.kafka.bootstrap, TOPIC):
            if record.value is None:
                continue  # tombstone
            value = json.loads(record.value)
            events[json.loads(record.key)["id"]].append((value["op"], value["after"] and value["after"]["v"]))
        return events


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("kill9"))
    yield run
    run.stop()


def kill_at_random(run, rng, longest):
    """Start, let it work for a random while, kill -9, look at the slot."""
    run.worker.start()
    time.sleep(rng.uniform(0.02, longest))
    run.worker.kill()
    run.check_lsn()


def snapshot_is_stored(run):
    offset = run.stored_offset()
    return offset and (not offset.get("snapshot") or offset.get("snapshot_completed"))


def wait_until_caught_up(run):
    # Kills may have been so early that the slot is made only now, beyond every target.
    stand.wait_until(lambda: snapshot_is_stored(run), timeout=120, what=f"the end of the snapshot; log: {run.worker.log_path}", interval=0.5)
    target = run.postgres.sql("SELECT (pg_current_wal_lsn() - '0/0')::bigint", "bank")[0][0]
    # Something after the target, so that the confirmed LSN passes it.
    run.postgres.sql("INSERT INTO accounts VALUES (-1, 0, 'marker') ON CONFLICT (id) DO UPDATE SET v = accounts.v + 1", "bank")
    stand.wait_until(lambda: (run.confirmed() or 0) > int(target), timeout=120,
                     what=f"the slot passing {target}; log: {run.worker.log_path}")


def test_snapshot_survives_kills(run, seed):
    rng = random.Random(seed)
    run.worker.start()
    run.create_connector()
    run.worker.kill()
    for _ in range(5):
        kill_at_random(run, rng, longest=1.0)
    run.worker.start()
    wait_until_caught_up(run)
    run.worker.stop()
    events = run.events()
    events.pop(-1, None)
    wrong = {key: got for key, got in events.items() if got != [("r", 0)]}
    assert not wrong, f"seed {seed}: not exactly one snapshot row: {dict(list(wrong.items())[:5])}"
    assert len(events) == TABLE_ROWS


class Writer(threading.Thread):
    """Commits random changes and remembers, per key, what a consumer must see."""

    def __init__(self, run, seed):
        super().__init__(daemon=True)
        self.run_, self.rng = run, random.Random(seed + 1)
        self.expected = collections.defaultdict(list)
        self.version = collections.defaultdict(int)
        self.alive = set(range(1, TABLE_ROWS + 1))
        self.next_id = TABLE_ROWS + 1
        self.changes = 0
        self.failure = None

    def note(self, op, key):
        if op != "d":
            self.version[key] += op == "u"
        self.expected[key].append((op, None if op == "d" else self.version[key]))
        self.changes += 1

    def insert(self, db, count):
        first, self.next_id = self.next_id, self.next_id + count
        db.execute("INSERT INTO accounts SELECT i, 0, 'new' FROM generate_series(%s::bigint, %s::bigint) i",
                   (first, first + count - 1))
        for key in range(first, first + count):
            self.alive.add(key)
            self.note("c", key)

    def update(self, db, count):
        first = self.rng.randrange(1, self.next_id)
        keys = [r[0] for r in db.execute("UPDATE accounts SET v = v + 1, note = repeat('u', (v %% 50)::int) "
                                         "WHERE id BETWEEN %s AND %s RETURNING id", (first, first + count - 1)).fetchall()]
        for key in keys:
            self.note("u", key)

    def delete(self, db, count):
        first = self.rng.randrange(1, self.next_id)
        keys = [r[0] for r in db.execute("DELETE FROM accounts WHERE id BETWEEN %s AND %s RETURNING id",
                                         (first, first + count // 4)).fetchall()]
        for key in keys:
            self.alive.discard(key)
            self.note("d", key)

    def transaction(self, db):
        size = self.rng.choice([1, 3, 10, 100, 1000, 5000, 20000])
        before = len(self.expected), self.changes
        with db.transaction():
            for step in self.rng.choices([self.insert, self.update, self.delete], weights=[4, 4, 1], k=self.rng.randint(1, 3)):
                step(db, size)
        return before

    def run(self):
        try:
            with self.run_.postgres.connect("bank", autocommit=True) as db:
                started = time.monotonic()
                while self.changes < CHANGES:
                    self.transaction(db)
                    # About 20,000 changes a second, so that kills meet a stream and not only a backlog.
                    time.sleep(max(0, self.changes / 20_000 - (time.monotonic() - started)))
        except Exception as error:  # shown by the test
            self.failure = error


def test_stream_survives_kills(run, seed):
    rng = random.Random(seed + 2)
    writer = Writer(run, seed)
    writer.start()
    for _ in range(KILLS):
        kill_at_random(run, rng, longest=1.5)
    run.worker.start()
    writer.join()
    assert writer.failure is None
    wait_until_caught_up(run)
    run.check_lsn()
    run.worker.stop()
    events = run.events()
    events.pop(-1, None)
    total = 0
    for key, expected in writer.expected.items():
        got = [event for event in events[key] if event[0] != "r"]
        assert got == expected, f"seed {seed}: key {key} has {got[:20]}, expected {expected[:20]}"
        total += len(got)
    surplus = [key for key, got in events.items() if key not in writer.expected and got != [("r", 0)]]
    assert not surplus, f"seed {seed}: changes nobody made: {surplus[:10]}"
    assert total == writer.changes >= CHANGES
