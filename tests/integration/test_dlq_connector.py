# SPDX-License-Identifier: Apache-2.0
"""sluice dlq replay --to connector:NAME: records go into the put path of one sink connector, with the coordinates of their originals, and
nobody else sees them. S3 (JSON, keys and headers), the Snowflake stand-in and the file sink, with the replay and the worker killed."""

import json
import os
import random
import re
import time

import confluent_kafka
import pytest

from conftest import SCHEMALESS, committed, s3_config
from conftest import wait_until as wait
from test_dlq_replay import BASE, Dlq, counts, expect, letter, lineage, produce
from test_errors import dlq_config, told

SEED = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31)))
ROUNDS = int(os.environ.get("SLUICE_DLQ_KILLS", "4"))
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
CAST = {"transforms": "cast", "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.cast.spec": "x:int32"}


@pytest.fixture(scope="module", autouse=True)
def seed():
    print(f"SLUICE_SEED={SEED}")
    random.seed(SEED)


@pytest.fixture
def dlq(binary, kafka):
    return Dlq(binary, kafka)


def wait_until(fn, timeout, what):
    """All conditions here read whole topics or buckets."""
    return wait(fn, timeout, what, 0.3)


def replay_topic(name):
    return f"__sluice.replay.{name}"


def file_sink(path, topics, **more):
    return {"connector.class": FILE_SINK, "topics": topics, "file": str(path), **SCHEMALESS, **more}


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def partitions(kafka, topic):
    return len(kafka.admin().list_topics(timeout=10).topics[topic].partitions)


def reconfigure(worker, name, config):
    answer = worker.rest("PUT", f"/connectors/{name}/config", json=config)
    assert answer.ok, answer.text
    worker.wait_running(name, timeout=60)


def stored(store, name, topic):
    """{id: (partition of its directory, file's name, headers)} of all objects of a topic; fails when a record is there twice."""
    found = {}
    for o in store.list("lake", f"topics/{topic}/"):
        if ".headers." in o.key or ".keys." in o.key:
            continue
        folder, file = re.fullmatch(r"topics/[^/]+/partition=(\d)/([^/]+)", o.key).groups()
        rows = store.get("lake", o.key).splitlines()
        headers = store.get("lake", o.key.replace(".json", ".headers.json")).splitlines()
        assert len(rows) == len(headers)
        for row, header in zip(rows, headers):
            row = json.loads(row)
            assert row["id"] not in found, (row, o.key, found[row["id"]])
            found[row["id"]] = int(folder), file, json.loads(header)
    return found


def test_drill_02_each_once_in_the_failed_connector_only(make_worker, kafka, store, snowflake, dlq, tmp_path, unique):
    """Drill 2: the replay and the worker are killed while records go into an S3 sink and a Snowflake sink, from two topics."""
    worker = make_worker().start()
    topics = [f"{unique}-a", f"{unique}-b"]
    for topic in topics:
        kafka.create_topic(topic, 3)
    lake, flake, other = f"lake-{unique}", f"flake-{unique}", f"other-{unique}"
    joined = ",".join(topics)
    configs = {
        lake: s3_config(store, joined, store_kafka_keys="true", store_kafka_headers="true", errors_tolerance="all",
                        keys_format_class="io.confluent.connect.s3.format.json.JsonFormat",
                        headers_format_class="io.confluent.connect.s3.format.json.JsonFormat") | dlq_config(f"{lake}-dlq"),
        flake: snowflake.config(joined) | SCHEMALESS | {"errors.tolerance": "all"} | dlq_config(f"{flake}-dlq"),
    }  # fmt: skip
    for name, config in configs.items():
        worker.run(name, {**config, **CAST})
    seen = tmp_path / "other.txt"
    watcher = file_sink(seen, "")
    del watcher["topics"]
    worker.run(other, {**watcher, "topics.regex": f"({unique}-[ab]|__sluice[.]replay[.].*)"})
    total, bad = 240, {i for i in range(240) if i % 4 == 1}
    records = {i: (topics[i % 2], i // 2 % 3, i // 6) for i in range(total)}  # topic, partition, offset
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for i, (topic, partition, _) in records.items():
        value = {"id": i, **({"x": "no number"} if i in bad else {})}
        producer.produce(topic, json.dumps(value), f"k{i}", partition, timestamp=BASE + i, headers=[("own", str(i))])
    assert producer.flush(30) == 0
    for name in configs:
        wait_until(lambda n=name: len(kafka.consume_all(f"{n}-dlq")) == len(bad), 60, f"dead letters of {name}")
    wait_until(lambda: len(lines(seen)) == total, 60, "the other connector's lines")
    for name, config in configs.items():
        reconfigure(worker, name, config)  # what was wrong is mended
    before = {topic: len(kafka.consume_all(topic)) for topic in topics}
    for name in configs:
        plan = dlq.plan(f"{name}-dlq", "--to", f"connector:{name}")
        assert counts(plan) == expect(selected=len(bad), replay=len(bad))
        assert {t["topic"] for t in plan["targets"]} == {replay_topic(name)}
        assert replay_topic(name) not in kafka.admin().list_topics(timeout=10).topics, "a dry run makes nothing"

    def begin(name):
        return dlq.start("replay", f"{name}-dlq", "--to", f"connector:{name}", "--apply", "--rate", "40/s", "--connect", worker.url)

    running = {name: begin(name) for name in configs}
    for _ in range(ROUNDS):
        time.sleep(random.uniform(0.2, 1.2))
        for name, process in running.items():
            process.kill()
            process.communicate()
        if random.random() < 0.7:
            worker.kill()
            worker.start()
        running = {name: begin(name) for name in configs}
    for name, process in running.items():
        process.communicate(timeout=60)
        done = dlq.plan(f"{name}-dlq", "--to", f"connector:{name}", "--apply")
        assert done["left"] == 0
        # Each once in the replay topic, and nothing of it is open for this target any more.
        assert len(kafka.consume_all(replay_topic(name))) == len(bad)
        assert counts(dlq.plan(f"{name}-dlq", "--to", f"connector:{name}", "--reason", "again", "--limit", 1000))["replay"] == 0
        assert partitions(kafka, replay_topic(name)) == 3
    for topic in topics:
        mine = {i for i in bad if records[i][0] == topic}
        wait_until(lambda: mine <= set(stored(store, lake, topic)), 60, f"replayed records of {topic} in S3")
        found = stored(store, lake, topic)
        for i, (partition, file, headers) in found.items():
            assert partition == records[i][1], (i, file)
            assert "own" in json.dumps(headers) and "__sluice" not in json.dumps(headers)
            assert re.fullmatch(rf"{re.escape(replay_topic(lake) if i in bad else topic)}\+\d\+\d{{10}}\.json", file), (i, file)
        everything = sorted(records[i] for i in records if records[i][0] == topic)
        wait_until(lambda: len(snowflake.offsets(topic)) >= len(everything), 60, f"rows of {topic}")
        assert snowflake.offsets(topic) == everything
        times = dict(snowflake.rows(f"select \"ID\"::int, (RECORD_METADATA->>'CreateTime')::bigint from \"{topic}\""))
        assert times == {i: BASE + i for i in records if records[i][0] == topic}
    assert replay_topic(flake) not in snowflake.tables()
    for name in configs:
        end = {p: len([r for r in kafka.consume_all(replay_topic(name)) if r.partition == p]) for p in range(3)}
        held = lambda n=name: committed(kafka, f"connect-{n}", replay_topic(n))
        wait_until(lambda e=end, h=held: all(h().get(p, 0) >= n for p, n in e.items() if n), 30, f"offsets of {name}")
        assert len(kafka.consume_all(f"{name}-dlq")) == len(bad)
    # Nobody else saw any of it: neither the topics, nor the connector that takes every name.
    assert before == {topic: len(kafka.consume_all(topic)) for topic in topics}
    assert len(set(lines(seen))) == total


def test_it_fails_again_and_ends_in_circles(worker, kafka, dlq, tmp_path, unique):
    """The dead letter of a replayed record has the coordinates of its original; after four hops it is left."""
    kafka.create_topic(unique, 2)
    name, out, dead = f"c-{unique}", tmp_path / "out.txt", f"{unique}-dlq"
    config = {**file_sink(out, unique), **CAST, **dlq_config(dead), "errors.tolerance": "all"}
    worker.run(name, config)
    values = [b'{"x": "no"}', b'{"x": 1}', None, b'{"x": "never"}']
    produce(kafka, unique, [{"key": b"k", "value": v, "partition": 1, "headers": [("own", b"1")]} for v in values])
    wait_until(lambda: len(kafka.consume_all(dead)) == 2, 30, "two dead letters")
    for hop in range(1, 5):
        plan = dlq.plan(dead, "--to", f"connector:{name}", "--apply", "--connect", worker.url)
        assert counts(plan) == expect(selected=2, replay=2), hop
        letters = wait_until(lambda h=hop: (r := kafka.consume_all(dead)) and len(r) == 2 + 2 * h and r, 30, f"hop {hop}")
        for again, offset in zip(letters[-2:], (0, 3)):
            context = told(again)
            assert (context["topic"], context["partition"], context["offset"]) == (unique, "1", str(offset))
            assert again.value == values[offset] and again.key == b"k" and again.headers[0] == ("own", b"1")
            assert lineage(again)["__sluice.dlq.hop"] == str(hop)
            assert again.timestamp == kafka.consume_all(unique)[offset].timestamp
    listed = [json.loads(line) for line in dlq("list", dead, "--json").splitlines()]
    assert {(o["origin"]["topic"], o["origin"]["partition"]) for o in listed} == {(unique, 1)}
    assert sorted({o["origin"]["offset"] for o in listed}) == [0, 3]
    plan = dlq.plan(dead, "--to", f"connector:{name}", "--apply")
    assert counts(plan) == expect(selected=2, left=2, shapes=1)
    assert "goes in circles" in plan["left_shapes"][0]["reason"]
    assert lines(out) == ["{x=1}", "null"] and len(kafka.consume_all(unique)) == 4


def test_what_a_connector_takes(worker, kafka, dlq, tmp_path, unique):
    """Nulls, empty and binary bytes; letters without coordinates are left; read from the beginning whatever auto.offset.reset says; who does not
    read replays is told; what somebody else wrote into the topic fails as itself."""
    kafka.create_topic(unique, 2)
    name, out, dead = f"c-{unique}", tmp_path / "out.txt", f"{unique}-dlq"
    kafka.create_topic(dead)
    records = [letter(unique, 1, 5, None, b"one"), letter(unique, 0, 6, b"", b""), letter(unique, 1, 7, b"k", None)]
    produce(kafka, dead, [*records, {"value": b"without headers"}])
    plan = dlq.plan(dead, "--to", f"connector:{name}", "--apply")
    assert counts(plan) == expect(selected=4, replay=3, left=1, shapes=1)
    assert plan["left_shapes"][0]["reason"] == "its original topic is unknown"
    assert [(r.partition, r.key, r.value) for r in kafka.consume_all(replay_topic(name))] == [(0, b"", b""), (1, None, b"one"), (1, b"k", None)]
    config = file_sink(out, unique, **{"consumer.override.auto.offset.reset": "latest", "value.converter": SCHEMALESS["key.converter"],
                                       "errors.tolerance": "all"}, **dlq_config(dead))  # fmt: skip
    worker.run(name, config)
    wait_until(lambda: len(lines(out)) == 3, 30, "replayed records")
    assert sorted(lines(out)) == ["", "null", "one"]
    produce(kafka, replay_topic(name), [{"value": b"by hand", "partition": 0}])
    stray = wait_until(lambda: (r := kafka.consume_all(dead)) and len(r) == 5 and r[-1], 30, "the stray record's dead letter")
    assert told(stray)["topic"] == replay_topic(name)
    assert json.loads(dlq("list", dead, "--json").splitlines()[-1])["code"] == "replay.origin"
    # Who is asked says no.
    off = {**config, "sluice.replay.topic.enable": "false"}
    worker.run(f"{name}-off", off)
    dlq("replay", dead, "--to", f"connector:{name}-off", "--connect", worker.url, code=3)
    assert "sluice.replay.topic.enable=false" in dlq.stderr
    dlq("replay", dead, "--to", "connector:nobody", "--connect", worker.url, code=3)
    assert "has no connector nobody" in dlq.stderr
