# SPDX-License-Identifier: Apache-2.0
"""Drill 10: a record that kills the process that works on it is found after some restarts and given up unread; all others flow, each
once. The killer is a plugin that ends the process by SIGKILL, as the kernel does when memory is out."""

import json

import pytest

from conftest import SCHEMALESS, committed, json_objects, s3_config, wait_until
from stand import StandError
from test_errors import dlq_config, told
from test_hooks import build

KILLER = r"""
#include <signal.h>
#include <unistd.h>
#include "api/plugin.h"
static enum sl_rc apply(void *st, struct sl_record *rec, struct sl_arena *a, struct sl_err *e)
{
        (void)st, (void)a, (void)e;
        if (rec->raw_value.len && memmem(rec->raw_value.ptr, rec->raw_value.len, "poison", 6))
                kill(getpid(), SIGKILL);
        return SL_OK;
}
static const struct sl_cfg_def rows[] = {{0}};
static const char *const names[] = {"com.example.Killer", NULL};
static const struct sl_transform_ops killer = {.name = "Killer", .aliases = names, .config = rows, .config_size = 8, .state_size = 8,
        .apply = apply};
static const struct sl_transform_ops *const transforms[] = {&killer, NULL};
extern const struct sl_plugin sl_plugin_v1;
const struct sl_plugin sl_plugin_v1 = {SL_PLUGIN_HEAD, .name = "killer", .version = "1", .transforms = transforms};
"""
KILLS = {"transforms": "k", "transforms.k.type": "com.example.Killer"}
LIVES = 12  # 4 deaths are the least for one; both are found one after the other


@pytest.fixture
def plugins(tmp_path):
    return build(tmp_path / "p", "killer", KILLER)


def live(worker, done):
    """Start it as often as it takes, as a supervisor does; returns how often."""
    for life in range(1, LIVES + 1):
        try:
            worker.start()
        except StandError:
            continue
        if wait_until(lambda: "done" if done() else not worker.running, 60, "the worker's end or the poison's", 0.1) == "done":
            return life
    raise AssertionError(f"after {LIVES} lives it is still killed\n{worker.log_text()[-4000:]}")


def test_drill_10_poison_is_given_up_and_others_flow(make_worker, kafka, store, plugins, unique):
    worker = make_worker({"plugin.path": plugins}).start()
    kafka.create_topic(unique, 2)
    name, dead = f"c-{unique}", f"{unique}-dlq"
    config = s3_config(store, unique, errors_tolerance="all", sluice_rotate_idle_ms="1500") | dlq_config(dead) | KILLS
    worker.run(name, config)
    total, poison = 400, {131, 262}  # one a partition, and not at the same place of a round
    records = [(f"k{i}", json.dumps({"id": i, **({"why": "poison"} if i in poison else {})}), i % 2) for i in range(total)]
    half = len(records) // 2
    admin_free = {i for i in range(half) if i not in poison and i < min(poison)}
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for key, value, partition in records[: min(poison)]:
        producer.produce(unique, value, key, partition)
    assert producer.flush(30) == 0
    wait_until(lambda: admin_free <= {row["id"] for rows in json_objects(store, unique).values() for row in rows}, 60, "what comes before", 0.5)
    for key, value, partition in records[min(poison) :]:
        producer.produce(unique, value, key, partition)
    assert producer.flush(30) == 0
    wait_until(lambda: not worker.running, 30, "the first death")
    lives = live(worker, lambda: len({r.value for r in kafka.consume_all(dead)}) == len(poison))
    assert lives >= 4
    good = {i for i in range(total) if i not in poison}

    def landed():
        return [row["id"] for rows in json_objects(store, unique).values() for row in rows]

    wait_until(lambda: good <= set(landed()), 60, "all others", 0.5)
    assert sorted(landed()) == sorted(good), "nothing lost, nothing doubled"
    letters = kafka.consume_all(dead)
    assert {json.loads(r.value)["id"] for r in letters} == poison
    for r in letters:
        number = json.loads(r.value)["id"]
        context = told(r)
        assert (context["topic"], context["partition"], context["offset"]) == (unique, str(number % 2), str(number // 2))
        assert "[poison]" in context["exception.stacktrace"]
    wait_until(lambda: committed(kafka, f"connect-{name}", unique) == {0: 200, 1: 200}, 30, "the offsets")
    # A good end, and a beginning without doubts.
    assert worker.stop() == 0
    worker.start()
    worker.wait_running(name)
    assert sorted(landed()) == sorted(good)


def test_without_a_dead_letter_topic_the_task_fails_and_says_which(make_worker, kafka, plugins, tmp_path, unique):
    worker = make_worker({"plugin.path": plugins})
    kafka.create_topic(unique)
    kafka.produce(unique, [(b"k", b'{"id": 0}'), (b"k", b'"poison"'), (b"k", b'{"id": 2}')])
    worker.start()
    out = tmp_path / "out.txt"
    config = {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": unique, "file": str(out)}
    worker.create("c", {**config, **SCHEMALESS, **KILLS})
    wait_until(lambda: not worker.running, 30, "the first death")

    def failed():
        try:
            return worker.status("c")["tasks"][0]["state"] == "FAILED"
        except Exception:
            return False

    live(worker, failed)
    trace = worker.wait_failed("c")
    assert f"{unique}-0@1" in trace and "errors.deadletterqueue.topic.name" in trace
    # It stays so, and the worker lives; behind it all is well.
    worker.rest("POST", "/connectors/c/restart?includeTasks=true")
    assert f"{unique}-0@1" in worker.wait_failed("c")
    assert worker.rest("PUT", "/connectors/c/stop").ok
    body = {"offsets": [{"partition": {"kafka_topic": unique, "kafka_partition": 0}, "offset": {"kafka_offset": 2}}]}
    wait_until(lambda: worker.rest("PATCH", "/connectors/c/offsets", json=body).ok, 30, "the offset behind it")
    assert worker.rest("PUT", "/connectors/c/resume").ok
    wait_until(lambda: out.exists() and "{id=2}" in out.read_text(), 30, "what comes behind it")
