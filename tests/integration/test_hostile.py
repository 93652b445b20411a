# SPDX-License-Identifier: Apache-2.0
"""Servers that mean harm: whatever Postgres, a Kafka broker, a schema registry, S3 or Snowflake says, the worker lives, answers, stays
within its memory, and works again when it is told the truth. SLUICE_SEED repeats a run.

A broker's answers are damaged in two ways. What a client can notice (answers cut short, sizes that can't be, records without
their CRC) costs nothing but time: every line is in the topic once and in an object once. What it can't notice, since nothing but the
records has a check, is believed: a wrong offset or error code may lose or double records, as it may with Kafka's own client;
of that only life is asked, and that all works when it has ended and the worker was started again: what a client took for the
cluster's address, coordinator or version it may keep for longer than a test can wait."""

import json
import os
import pathlib
import random
import time

import pytest
import requests
import stand

from conftest import JSON, PG_PASSWORD, SLOW, STRING, json_objects, read, s3_config, wait_until
from hostile import BadHttp, Broker, Flipper

SEED = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31)))
AVRO = "io.confluent.connect.avro.AvroConverter"


@pytest.fixture(scope="module", autouse=True)
def seed():
    print(f"SLUICE_SEED={SEED}")


def open_files(worker):
    return len(list(pathlib.Path(f"/proc/{worker.pid}/fd").iterdir()))


def must_live(worker):
    if not worker.running:
        raise stand.StandError(f"the worker ended with {worker.kill()}:\n{worker.log_text()[-4000:]}")


def restart_what_is_down(worker, name):
    must_live(worker)
    status = worker.status(name)
    if any(part["state"] != "RUNNING" for part in [status["connector"], *status["tasks"]]):
        worker.rest("POST", f"/connectors/{name}/restart?includeTasks=true")


def harm(worker, proxy, name, feed, rates, least):
    """Damages at each rate until so many more bytes are other than the server sent."""
    for rate in rates:
        proxy.rate, until = rate, proxy.harmed + least

        def enough():
            feed()
            restart_what_is_down(worker, name)
            return proxy.harmed >= until

        wait_until(enough, 150, f"damage at {rate}", 0.2)  # chance and the pauses between tries decide how soon
    proxy.rate = 0
    proxy.cut()


@pytest.mark.timeout(550)
def test_postgres(make_worker, kafka, database):
    """Damaged everywhere: greetings, catalogs, COPY, pgoutput. Rows may be damaged too, as nothing but the link protects them; then
    a new connector reads what is there."""
    database.sql("create table t (id int primary key, at timestamptz, n numeric, v text[], j jsonb)")
    database.sql("insert into t select i, now(), i / 7.0, array['a', null, 'b'], '{\"a\": 1}' from generate_series(1, 2000) i")
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    numbers = iter(range(10_000, 1 << 30))

    def feed():
        first = next(numbers) * 20
        database.sql(f"insert into t select i, now(), i / 7.0, array['a', null], null from generate_series({first}, {first + 19}) i")
        database.sql(f"update t set n = n + 1 where id between {first} and {first + 9}; delete from t where id = {first}")

    with Flipper(database.postgres.port, SEED) as proxy:
        config = database.config(table_include_list="public.t", retriable_restart_connector_wait_ms="100")
        config["database.port"] = str(proxy.port)
        worker.run("pg", config)
        files = open_files(worker)
        harm(worker, proxy, "pg", feed, (1e-5, 1e-4, 1e-3, 1e-2), 20)
        worker.delete("pg")
        wait_until(lambda: open_files(worker) <= files + 8, what="the connections to end")
        if SLOW == 1:
            assert worker.rss_peak_kb() < 400_000
        rows = database.sql("select count(*) from t")[0][0]
        config |= {"topic.prefix": f"{database.prefix}x", "slot.name": f"{database.slot}x"}
        worker.run("again", config)
        got = read(kafka, f"{database.prefix}x.public.t", rows)
        assert len({record.value["after"]["id"] for record in got}) == rows
        worker.delete("again")


QUICK = {"reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50, "request.timeout.ms": 5000}
ASKED = {"Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "FindCoordinator", "JoinGroup", "Heartbeat",
         "SyncGroup", "ApiVersions", "InitProducerId", "AddPartitionsToTxn", "EndTxn"}  # fmt: skip


class Lines:
    """A worker behind a damaging broker, with a source of lines and a sink of them."""

    def __init__(self, make_worker, proxy, store, path, topic):
        self.proxy, self.path, self.topic, self.count = proxy, path, topic, 0
        base = {"bootstrap.servers": f"127.0.0.1:{proxy.port}", "key.converter": STRING, "value.converter": STRING}
        kinds = ["", *(f"{kind}." for kind in ("producer", "consumer", "admin"))]
        base |= {"rebalance.timeout.ms": 10000, "consumer.max.poll.interval.ms": 10000}  # so long a member waits for a lost answer
        self.worker = make_worker(base | {f"{kind}{key}": value for kind in kinds for key, value in QUICK.items()})
        self.source = {"connector.class": "FileStreamSource", "file": str(path), "topic": topic}
        self.sink = s3_config(store, topic, flush_size=5, s3_retry_backoff_ms=10)

    def start(self):
        self.feed()
        self.worker.start()
        self.worker.run("source", self.source)
        self.worker.run("sink", self.sink)

    def feed(self):
        with self.path.open("a") as out:
            out.write("".join(f'{{"n":{n}}}\n' for n in range(self.count, self.count + 20)))
        self.count += 20

    def restart(self, all_of_them=False):
        """What is down; it may not be possible while answers are damaged, but the worker says so soon."""
        must_live(self.worker)
        for name in ("source", "sink"):
            asked = time.monotonic()
            try:
                status = self.worker.status(name)
                if all_of_them or any(part["state"] == "FAILED" for part in [status["connector"], *status["tasks"]]):
                    self.worker.rest("POST", f"/connectors/{name}/restart?includeTasks=true", timeout=100 * SLOW)
            except requests.HTTPError as error:
                print(error)
            except requests.RequestException as error:
                must_live(self.worker)
                raise stand.StandError(f"no answer in {time.monotonic() - asked:.0f} s: {error}") from error

    def suffer(self, way, rates, least):
        """At each rate until so many answers were damaged, and of each API some at the first."""
        for rate in rates:
            self.proxy.harm(way, rate)
            rounds, few = iter(range(1 << 30)), 1 if rate == rates[0] else 0

            def enough(rounds=rounds, few=few):
                self.feed()
                self.restart(all_of_them=next(rounds) % 20 == 19)  # clients begin and end, and so do their APIs
                told = self.proxy.told
                return sum(told.values()) >= least and all(told.get(api, 0) >= few for api in ASKED)

            try:
                wait_until(enough, 120, f"damage at {rate}", 0.2)
            finally:
                print(way, rate, self.proxy.told)
        self.proxy.spare()

    def all_run(self):
        self.restart()
        down = [
            part
            for status in map(self.worker.status, ("source", "sink"))
            for part in [status["connector"], *status["tasks"]]
            if part["state"] != "RUNNING"
        ]
        assert not down, down
        return True


@pytest.mark.timeout(550)
def test_broker_noticed(make_worker, kafka, store, tmp_path, unique):
    with Broker(kafka.port, SEED) as proxy:
        lines = Lines(make_worker, proxy, store, tmp_path / "lines", unique)
        lines.start()
        lines.suffer("noticed", (0.05, 0.3), 60)
        ended = time.monotonic()
        lines.feed()
        wait_until(lines.all_run, 60, "both running")
        expect = list(range(lines.count))

        def numbers():
            return [row["n"] for rows in json_objects(store, unique).values() for row in rows]

        wait_until(lambda: len(numbers()) >= lines.count, 60, "all lines in objects")
        print(f"{lines.count} lines, the last {time.monotonic() - ended:.1f} s after the damage")
        assert [record.value["n"] for record in read(kafka, unique, lines.count)] == expect
        assert sorted(numbers()) == expect


@pytest.mark.timeout(550)
def test_broker_any(make_worker, kafka, store, tmp_path, unique):
    with Broker(kafka.port, SEED) as proxy:
        lines = Lines(make_worker, proxy, store, tmp_path / "lines", unique)
        lines.start()
        lines.suffer("any", (0.02, 0.1, 0.5), 60)
        if SLOW == 1:
            assert lines.worker.rss_peak_kb() < 500_000
        proxy.cut()
        must_live(lines.worker)
        lines.worker.restart()
        for name in ("source", "sink"):
            wait_until(lambda name=name: lines.worker.rest("DELETE", f"/connectors/{name}").status_code in (204, 404), 60, "deletion")
        lines.worker.run("again", lines.source | {"topic": f"{unique}x"})
        lines.worker.run("read again", lines.sink | {"topics": f"{unique}x"})
        wait_until(lambda: len(json_objects(store, f"{unique}x")) == lines.count // 5, 60, "the objects")
        assert [record.value["n"] for record in read(kafka, f"{unique}x", lines.count)] == list(range(lines.count))


def test_a_place_that_does_not_exist(make_worker, kafka, tmp_path, unique):
    """The worker's own topics are read to their end also after a record that claimed to stand far behind it."""
    with Broker(kafka.port, SEED) as proxy:
        worker = make_worker({"bootstrap.servers": f"127.0.0.1:{proxy.port}", "key.converter": STRING, "value.converter": STRING}).start()
        config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "none"), "topic": unique}
        proxy.displace(4)
        worker.create("first", config)
        wait_until(lambda: not proxy.displaced, what="the record is read")
        for n in range(5):
            assert worker.create(f"later-{n}", config)["config"]["topic"] == unique


def test_a_wrong_listener(make_worker, kafka, store, tmp_path, unique):
    """A broker that told a name for itself that doesn't exist, and then the right one: clients find it again."""
    with Broker(kafka.port, SEED) as proxy:
        lines = Lines(make_worker, proxy, store, tmp_path / "lines", unique)
        lines.start()
        proxy.misname(True)
        proxy.cut()
        began = time.monotonic()
        while time.monotonic() < began + 15:
            lines.feed()
            lines.worker.rest("POST", "/connectors/source/restart?includeTasks=true", timeout=100 * SLOW)
            time.sleep(0.5)
        proxy.misname(False)
        wait_until(lines.all_run, 60, "both running")
        assert [record.value["n"] for record in read(kafka, unique, lines.count, timeout=60)] == list(range(lines.count))


@pytest.mark.timeout(550)
def test_http(make_worker, kafka, store, snowflake, tmp_path, unique):
    """Registry, S3 and Snowflake give every bad answer that there is; nothing crashes, hangs or grows, and then each works."""
    kafka.create_topic(unique)
    kafka.produce(unique, [(f"k{i}", json.dumps({"id": i}), []) for i in range(30)])
    path = tmp_path / "lines"
    path.write_text("a\nb\nc\n")
    worker = make_worker().start()
    with BadHttp(SEED) as registry, BadHttp(SEED + 1) as s3, BadHttp(SEED + 2) as sf:
        configs = {
            "registry": {
                "connector.class": "FileStreamSource", "file": str(path), "topic": f"{unique}-avro", "value.converter": AVRO,
                "value.converter.schema.registry.url": registry.url, "errors.retry.timeout": "0"},
            "s3": s3_config(store, unique, flush_size=10, s3_retry_backoff_ms=10, s3_part_retries=1) | {"store.url": s3.url},
            "sf": snowflake.config(unique, **{"value.converter": JSON, "value.converter.schemas.enable": "false",
                                              "key.converter": STRING, "sluice.snowflake.endpoint": sf.url}),
        }  # fmt: skip
        servers = {"registry": registry, "s3": s3, "sf": sf}
        for name, config in configs.items():
            worker.create(name, config)
        files = open_files(worker)

        def all_told():
            must_live(worker)
            for name, server in servers.items():
                if len(server.told) < len(server.kinds):
                    restart_what_is_down(worker, name)
            return all(len(server.told) == len(server.kinds) for server in servers.values())

        started = time.monotonic()
        try:
            wait_until(all_told, 120, "all answers", 0.3)
        except TimeoutError:
            pytest.fail(f"not asked for: { {n: sorted(set(s.kinds) - set(s.told)) for n, s in servers.items()} }")
        print(f"{sum(sum(s.told.values()) for s in servers.values())} bad answers in {time.monotonic() - started:.0f} s")
        if SLOW == 1:
            assert worker.rss_peak_kb() < 500_000
        for name in configs:
            worker.delete(name)
        wait_until(lambda: open_files(worker) <= files + 8, what="the connections to end")
    worker.run("s3", s3_config(store, unique, flush_size=10))
    wait_until(lambda: len(store.list("lake", f"topics/{unique}/")) == 3, 90, "the objects")
