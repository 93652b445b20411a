# SPDX-License-Identifier: Apache-2.0
"""Every durable step of a pipeline and of a replay: the process kills itself there (SLUICE_FAULTS, base/fault.h), or the step
fails, and after it each row stands once in Kafka and once in S3 or Snowflake, each poisoned record in the dead-letter topic,
the slot was never told more than Kafka has, and a connector that was created is there and runs, or can be created again."""

import collections
import contextlib
import json
import os
import re
import subprocess

import pytest
import requests
import stand

from conftest import PG_PASSWORD, SCHEMALESS, SLOW, STRING, committed, json_objects, read, s3_config, wait_until
from test_snowflake import landed

SOURCE = [
    "source.after_batch",
    "source.before_offset",
    "source.before_commit",
    "source.after_commit",
    "source.after_ack",
    "postgres.before_feedback",
    "postgres.after_feedback",
]
SINK = [
    "sink.before_put",
    "sink.after_put",
    "sink.after_letter",
    "sink.letters_stored",
    "sink.before_commit",
    "sink.after_commit",
    "s3.before_complete",
    "s3.after_complete",
    "s3.before_durable",
]
# The slot is moved every 5 s while a backlog is read, so that has to take so long.
BACKLOG = ["postgres.before_advance", "postgres.after_advance"]
PARTS = ["s3.after_create", "s3.after_part"]
SNOWFLAKE = [
    "snowflake.after_open",
    "snowflake.before_append",
    "snowflake.after_append",
    "sink.before_commit",
    "sink.after_commit",
]
CLUSTER = [f"cluster.{when}_{what}" for what in ("config", "tasks", "placement") for when in ("before", "after")]
REPLAY = [
    "dlq.after_fence",
    *(f"dlq.{step}@{n}" for step in ("before_ledger", "before_commit", "after_commit") for n in (1, 2, 3)),
    "dlq.after_send@2",
    "dlq.after_send@30",
]


def script(point, action):
    name, _, hit = point.partition("@")
    return f"{name}={action}@{hit or 1}"


def die(worker, point, feed, before=""):
    """Starts it to be killed at the point, and feeds it until then."""
    worker.env["SLUICE_FAULTS"] = before + script(point, "kill")
    feed()
    try:
        worker.start()
    except stand.StandError as error:
        assert "ended with -9" in str(error), f"{point}: {error}"
        return

    def died():
        if worker.running:
            feed()
        return not worker.running

    wait_until(died, 60, f"the kill at {point}; log: {worker.log_path}", 0.3)
    assert worker.kill() == -9, point


class Pipeline:
    """Postgres -> Kafka -> S3; the sink gets poison from elsewhere, too."""

    def __init__(self, worker, kafka, store, database):
        self.worker, self.kafka, self.store, self.database = worker, kafka, store, database
        self.topic, self.dead = f"{database.prefix}.public.t", f"{database.prefix}-dlq"
        self.rows = self.poison = 0
        database.sql("create table t (id bigint primary key, pad text)")

    def create(self):
        source = self.database.config(
            table_include_list="public.t", sluice_transaction_interval_ms="20", sluice_transaction_bytes="65536",
            sluice_backlog_bytes="0",
        )  # fmt: skip
        sink = s3_config(
            self.store,
            self.topic,
            flush_size=25,
            sluice_rotate_idle_ms=200,
            s3_part_size=5 << 20,
            errors_tolerance="all",
            errors_deadletterqueue_topic_name=self.dead,
            errors_deadletterqueue_topic_replication_factor=1,
            errors_deadletterqueue_context_headers_enable="true",
        )
        self.worker.run("source", source)
        self.worker.run("sink", sink)

    def feed(self, count=10, pad=1):
        first, self.rows = self.rows, self.rows + count
        self.database.sql(
            f"insert into t select i, repeat(md5(i::text), {pad}) from generate_series({first}, {self.rows - 1}) i"
        )
        self.kafka.produce(self.topic, [("poison", b"{not json", [])])
        self.poison += 1

    def die_at(self, point, before="", **feed):
        die(self.worker, point, lambda: self.feed(**feed), before)

    def check_slot(self, point):
        """The slot first: what it confirmed must be in Kafka by the time we look there."""
        confirmed, newest = self.database.confirmed(), {}
        for record in self.kafka.consume_all(self.worker.properties["offset.storage.topic"]):
            newest = json.loads(record.value) if record.value else {}
        if newest and not newest.get("snapshot"):
            assert confirmed <= max(newest.get("lsn_commit") or 0, newest["lsn"]), (point, confirmed, newest)

    def check(self):
        wanted = list(range(self.rows))
        wait_until(lambda: len(self.kafka.consume_all(self.topic)) >= self.rows + self.poison, 60, "all rows in Kafka")
        records = self.kafka.consume_all(self.topic)
        poisoned = {(r.partition, r.offset) for r in records if r.value == b"{not json"}
        rows = [json.loads(r.value)["after"]["id"] for r in records if r.value != b"{not json"]
        assert rows == wanted, [key for key, n in collections.Counter(rows).items() if n != 1][:10]
        end = max(r.offset for r in records) + 1

        def handled():
            return committed(self.kafka, "connect-sink", self.topic).get(0, 0) >= end

        wait_until(handled, 60, "the sink's offset")
        # Each life ends in the first records that it puts. Two may end in the same single one: that is what poison looks like.
        gone = {int(n) for n in re.findall(r"@(\d+) is given up: each of the last 2 processes", self.worker.log_text())}
        assert len(gone) <= 2, gone
        wanted = [row for row, at in zip(rows, (r.offset for r in records if r.value != b"{not json"), strict=True) if at not in gone]
        objects = {key: [row["after"]["id"] for row in lines] for key, lines in json_objects(self.store, self.topic).items()}
        stored = collections.Counter(number for ids in objects.values() for number in ids)
        wrong = {number for number in {*stored, *wanted} if stored[number] != 1}
        assert len(stored) == len(wanted) and not wrong, {key: ids for key, ids in objects.items() if wrong & set(ids)}
        letters = [dict(r.headers) for r in self.kafka.consume_all(self.dead)]
        told = {(int(h["__connect.errors.partition"]), int(h["__connect.errors.offset"])) for h in letters}
        assert told == poisoned | {(0, at) for at in gone} and len(poisoned) == self.poison


@pytest.fixture
def pipeline(make_worker, kafka, store, database):
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    made = Pipeline(worker, kafka, store, database)
    made.create()
    return made


@pytest.mark.timeout(600)
def test_kills_at_every_step(pipeline):
    pipeline.worker.stop()
    for point in SOURCE + SINK:
        pipeline.die_at(point)
        pipeline.check_slot(point)
    for point in BACKLOG:
        pipeline.die_at(point, before="source.after_commit=sleep:5100,", count=3000)
        pipeline.check_slot(point)
    for point in PARTS:
        pipeline.die_at(point, count=30, pad=8000)
    del pipeline.worker.env["SLUICE_FAULTS"]
    pipeline.worker.start()
    pipeline.check()


def test_what_was_stored_is_not_given_up(make_worker, kafka, store, unique):
    """Its object is there, and then one process after the other ends at its first put: these records are not what kills. Without
    the first of them the object would be made again under another name."""
    worker = make_worker()
    kafka.produce(unique, [(f"k{i}", json.dumps({"n": i}), []) for i in range(10)])
    config = s3_config(
        store, unique, flush_size=25, sluice_rotate_idle_ms=200, errors_tolerance="all",
        errors_deadletterqueue_topic_name=f"{unique}-dlq", errors_deadletterqueue_topic_replication_factor=1,
    )  # fmt: skip
    die(worker, "s3.before_durable", lambda: worker.running and not worker.rest("GET", "/connectors").json() and worker.create("sink", config))
    for _ in range(5):
        die(worker, "sink.before_put", lambda: None)
    del worker.env["SLUICE_FAULTS"]
    worker.start()
    wait_until(lambda: committed(kafka, "connect-sink", unique).get(0, 0) >= 10, 60, "the sink's offset")
    assert sorted(row["n"] for rows in json_objects(store, unique).values() for row in rows) == list(range(10))
    assert not kafka.consume_all(f"{unique}-dlq")


@pytest.mark.timeout(300)
def test_every_step_fails_once(pipeline):
    """A step that fails ends the line or is tried again; nothing is lost or done twice by that."""
    worker = pipeline.worker
    worker.stop()
    points = SOURCE + SINK
    worker.env["SLUICE_FAULTS"] = ",".join(script(point, "fail") for point in points)
    pipeline.feed()
    worker.start()

    def all_failed():
        pipeline.feed()
        text = worker.log_text()
        return all(f"fault point {point} struck" in text for point in points)

    wait_until(all_failed, 90, f"every point in {worker.log_path}", 0.5)
    pipeline.check()
    worker.wait_running("source")
    worker.wait_running("sink")


@pytest.mark.parametrize("point", ["postgres.after_slot", "source.before_offset", "source.before_commit", "source.after_commit"])
def test_kills_in_the_snapshot(make_worker, kafka, database, point):
    database.sql("create table t (id bigint primary key); insert into t select generate_series(0, 199)")
    config = database.config(table_include_list="public.t")
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD, "SLUICE_FAULTS": script(point, "kill")}).start()
    with contextlib.suppress(requests.RequestException):  # it may die before it answers
        worker.create("source", config)
    wait_until(lambda: not worker.running, what=f"the kill at {point}")
    assert worker.kill() == -9
    del worker.env["SLUICE_FAULTS"]
    worker.start()
    if "source" not in worker.rest("GET", "/connectors").json():
        worker.create("source", config)
    # The slot may be new, then nothing but the snapshot has these rows.
    wait_until(lambda: len(kafka.consume_all(f"{database.prefix}.public.t")) >= 200, what="the snapshot")
    database.sql("insert into t select generate_series(200, 249)")
    records = read(kafka, f"{database.prefix}.public.t", 250)
    got = [(r.value["op"], r.value["after"]["id"]) for r in records]
    assert got == [("r", i) for i in range(200)] + [("c", i) for i in range(200, 250)]


def test_kills_in_snowflake(make_worker, kafka, snowflake, unique):
    """Last, rows that the account took without our hearing of it, as far as the channel knows."""
    kafka.create_topic(unique)
    total = 0

    def feed():
        nonlocal total
        kafka.produce(unique, [("k", json.dumps({"ID": i}).encode()) for i in range(total, total + 20)])
        total += 20

    worker = make_worker().start()
    worker.run("sink", {**snowflake.config(unique), **SCHEMALESS})
    worker.stop()
    for point in SNOWFLAKE:
        die(worker, point, feed)
    worker.env["SLUICE_FAULTS"] = script("snowflake.after_append", "fail")
    feed()
    worker.start()
    landed(snowflake, unique, total, timeout=60)
    feed()
    landed(snowflake, unique, total)
    assert snowflake.violations() == []


@pytest.mark.parametrize("action", ["kill", "fail"])
def test_every_step_of_a_new_connector(make_worker, kafka, tmp_path, unique, action):
    """Its config, its tasks and the placement are records of their own."""
    worker = make_worker().start()
    for number, point in enumerate(CLUSTER):
        worker.stop()
        name, topic, given = f"line-{number}", f"{unique}-{number}", tmp_path / f"{number}.txt"
        given.write_text("one\n")
        config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "file": str(given), "topic": topic,
                  "key.converter": STRING, "value.converter": STRING}  # fmt: skip
        worker.env["SLUICE_FAULTS"] = script(point, action)
        with contextlib.suppress(requests.RequestException, stand.StandError):  # it may die before it answers
            worker.start()
            worker.rest("POST", "/connectors", json={"name": name, "config": config})
        if action == "kill":
            wait_until(lambda: not worker.running, what=f"the kill at {point}")
            assert worker.kill() == -9, point
            del worker.env["SLUICE_FAULTS"]
            worker.start()
        else:
            wait_until(lambda p=point: f"fault point {p}" in worker.log_text(), 20, f"the failure at {point}")
        if name not in worker.rest("GET", "/connectors").json():
            worker.create(name, config)
        worker.wait_running(name, 1, 60, fail_fast=False)
        assert [r.value for r in wait_until(lambda t=topic: kafka.consume_all(t), what=f"the line, after {point}")] == [b"one"], point


def test_a_join_that_fails(make_worker):
    """Joining is tried once more; a worker that still can't join ends and says so."""
    worker = make_worker(env={"SLUICE_FAULTS": script("cluster.before_join@1", "fail")}).start()
    assert "fault point cluster.before_join struck" in worker.log_text() and "tried once more" in worker.log_text()
    assert worker.stop() == 0
    worker.env["SLUICE_FAULTS"] = ",".join(script(f"cluster.before_join@{n}", "fail") for n in (1, 2))
    with pytest.raises(stand.StandError, match="ended with 4"):
        worker.start()
    assert "the worker can't start: joining the cluster" in worker.log_text()


def connect_headers(topic, partition, offset):
    values = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "connector.name": "sink",
        "stage": "TASK_PUT",
        "exception.class.name": "org.apache.kafka.connect.errors.DataException",
        "exception.message": "boom",
    }
    return [(f"__connect.errors.{name}", str(value).encode()) for name, value in values.items()]


def test_kills_in_a_replay(binary, kafka, unique):
    """Each record once, in the order of its key, wherever the replay of it dies; three commits and more a job."""
    broken = []
    for number, point in enumerate(REPLAY):
        source, dead = f"{unique}-{number}", f"{unique}-{number}-dlq"
        kafka.create_topic(source)
        kafka.create_topic(dead)
        kafka.produce(dead, [(f"k{n % 5}", str(n), connect_headers(source, 0, n)) for n in range(60)])
        command = [binary, "dlq", "replay", "--bootstrap-server", kafka.bootstrap, "--topic", dead, "--apply", "--json"]
        command += ["--rate", "150/s"]
        faults = {"SLUICE_FAULTS": script(point, "kill")}
        killed = subprocess.run(command, env={**os.environ, **faults}, capture_output=True, timeout=60 * SLOW)
        assert killed.returncode == -9, (point, killed)
        done = subprocess.run(command[:-2], capture_output=True, timeout=60 * SLOW, check=True)
        plan = json.loads(done.stdout.splitlines()[-1])
        got = [int(r.value) for r in kafka.consume_all(source)]
        if got != list(range(60)) or plan["left"] or plan["duplicates"]:
            broken.append((point, got, plan))
    assert not broken
