# SPDX-License-Identifier: Apache-2.0
"""Drill 10: a record that kills the process that works on it is found after some restarts and given up unread; all others flow, each
once. In a sink task, in a replay and in the dead-letter connector. The killer is a plugin that ends the process by SIGKILL, as the kernel
does when memory is out."""

import collections
import json
import os
import random
import signal
import subprocess

import pytest

from conftest import SCHEMALESS, SLOW, committed, json_objects, s3_config, wait_until
from stand import StandError
from test_dlq_replay import Dlq, connect_headers, letter, produce
from test_errors import dlq_config, told
from test_hooks import build

SEED = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31)))

KILLER = r"""
#include <signal.h>
#include <unistd.h>
#include "api/plugin.h"
static enum sl_rc apply(void *st, struct sl_record *rec, struct sl_arena *a, struct sl_err *e)
{
        (void)st, (void)a, (void)e;
        if (rec->raw_value.len && memmem(rec->raw_value.ptr, rec->raw_value.len, "slow", 4))
                usleep(2000);
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


# ---- dead letters ----


class Poisoned:
    """A dead-letter topic, a command that may load the plugin, and what a supervisor does."""

    def __init__(self, dlq, kafka, plugins, folder, unique):
        self.dlq, self.kafka, self.source, self.dead = dlq, kafka, unique, f"{unique}-dlq"
        kafka.create_topic(self.source, 2)
        kafka.create_topic(self.dead, 2)
        self.config = folder / "command.properties"
        self.config.write_text(f"plugin.path={plugins}\n")
        self.args = ["--command-config", self.config, "--transforms", json.dumps(KILLS), "--apply", "--json"]

    def fill(self, values):
        produce(self.kafka, self.dead, [{**letter(self.source, i % 2, i, b"k%d" % i, v), "partition": i % 2} for i, v in enumerate(values)])

    def replay(self, *more):
        """Again until it lives; returns its lives and its plan."""
        for life in range(1, LIVES + 1):
            job = self.dlq.start("replay", self.dead, *self.args, *more)
            out, err = job.communicate(timeout=120 * SLOW)
            if job.returncode != -signal.SIGKILL:
                assert job.returncode == 0, err
                return life, json.loads(out.splitlines()[-1])
        raise AssertionError(f"after {LIVES} lives it is still killed\n{err}")


@pytest.fixture
def poisoned(binary, kafka, plugins, tmp_path, unique):
    return Poisoned(Dlq(binary, kafka), kafka, plugins, tmp_path, unique)


def value(i, poison=()):
    return json.dumps({"id": i, **({"why": "poison"} if i in poison else {})}).encode()


def test_a_replay_puts_poison_aside_and_replays_all_others(poisoned, kafka):
    poison = {137, 260}  # one a partition
    poisoned.fill([value(i, poison) for i in range(400)])
    lives, plan = poisoned.replay()
    assert lives in (8, 9), "four deaths find the first, and the last of them or the next one is the second's first"
    assert plan["replay"] == 398
    arrived = collections.Counter(json.loads(r.value)["id"] for r in kafka.consume_all(poisoned.source))
    assert arrived == {i: 1 for i in range(400) if i not in poison}
    aside = kafka.consume_all(f"{poisoned.dead}-quarantine")
    assert {r.value for r in aside} == {value(i, poison) for i in poison}
    for r in aside:
        number = json.loads(r.value)["id"]
        own = dict(r.headers)
        diagnosis = json.loads(own.pop("__sluice.dlq.quarantine"))
        assert own == dict(connect_headers(poisoned.source, number % 2, number)), "untouched"
        assert diagnosis["code"] == "poison" and "not read" in diagnosis["why"] and "value_decodes" not in diagnosis
        assert (diagnosis["partition"], diagnosis["offset"]) == (number % 2, number // 2)
    audits = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-audit") if r.key == poisoned.dead.encode()]
    assert sorted((a["result"]["partition"], a["result"]["offset"]) for a in audits if a["action"] == "poison") == [(0, 130), (1, 68)]
    # Another job does not look at it, a good end leaves no doubts, and a person may take it back.
    assert poisoned.replay("--force")[0] == 1
    assert marks(kafka, poisoned.dead)[-1] is None
    assert json.loads(poisoned.dlq("release", poisoned.dead, "--json"))["release"] == 2
    job = poisoned.dlq.start("replay", poisoned.dead, *poisoned.args, "--key", "k137")
    assert job.wait(60 * SLOW) == -signal.SIGKILL


def marks(kafka, dead):
    """What the ledger said of who works on it, oldest first; None = nothing is doubted."""
    keys = [(json.loads(r.key), r.value) for r in kafka.consume_all("sluice-dlq-ledger")]
    return [json.loads(v) if v else None for k, v in keys if k[:2] == ["doubt", dead]]


def test_kill_9_at_random_costs_time(poisoned, kafka):
    """Each letter arrives once, whatever the process was at, but for one that was killed twice while it was tried alone. That is rare;
    then it is put aside, and the ledger has told it alone for two processes."""
    print(f"SLUICE_SEED={SEED}")
    chance = random.Random(SEED)
    poisoned.fill([b'{"id":%d,"slow":1}' % i for i in range(600)])
    kills = 0
    for _ in range(14):
        job = poisoned.dlq.start("replay", poisoned.dead, *poisoned.args)
        try:
            job.wait(chance.uniform(0.05, 1.2))  # sanitized, too, which leaves more to be killed
        except subprocess.TimeoutExpired:
            job.kill()
            kills += 1
        job.communicate()
    assert kills >= 5, "it was faster than the kills"
    poisoned.replay()
    arrived = collections.Counter(json.loads(r.value)["id"] for r in kafka.consume_all(poisoned.source))
    aside = set()
    if f"{poisoned.dead}-quarantine" in kafka.admin().list_topics(timeout=10).topics:
        aside = {json.loads(r.value)["id"] for r in kafka.consume_all(f"{poisoned.dead}-quarantine")}
    assert {i: n for i in range(600) if (n := arrived[i] + (i in aside)) != 1} == {} and len(aside) <= 2
    alone = collections.defaultdict(set)
    for mark in filter(None, marks(kafka, poisoned.dead)):
        process, _, first, end, tries = mark["doubt"].split(";")[0].split()[1:6]
        if int(end) - int(first) == 1 and int(tries):
            alone[2 * int(first) + mark["partition"]].add(process)
    assert all(len(alone[i]) >= 2 for i in aside), (aside, alone)


def test_the_connector_puts_poison_aside_and_retries_all_others(make_worker, kafka, plugins, tmp_path, unique):
    worker = make_worker({"plugin.path": plugins}).start()
    source, dead = unique, f"{unique}-dlq"
    kafka.create_topic(source, 2)
    kafka.create_topic(dead, 2)
    rules = {"rules": [{"id": "mend", "when": {"message": {"contains": "boom"}}, "class": "business", "action": "repair",
                        "repair": {"transforms": KILLS}, "examples": [{"message": "boom"}]}]}  # fmt: skip
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    config = {"connector.class": "sluice.dlq", "dlq.topics": dead, "dlq.rules.file": str(tmp_path / "rules.json"),
              "dlq.ledger.topic": f"{unique}-ledger", "dlq.audit.topic": f"{unique}-audit", "dlq.poll.interval.ms": "100",
              "dlq.retry.transient.initial.ms": "100"}  # fmt: skip
    worker.create(f"mend-{unique}", config)
    poison = {137}
    produce(kafka, dead, [{**letter(source, i % 2, i, b"k%d" % i, value(i, poison)), "partition": i % 2} for i in range(300)])
    wait_until(lambda: not worker.running, 60, "the first death")
    aside = f"{dead}-quarantine"
    lives = live(worker, lambda: aside in kafka.admin().list_topics(timeout=10).topics and kafka.consume_all(aside))
    assert lives >= 4
    arrived = {}

    def all_there():
        arrived.update(collections.Counter(json.loads(r.value)["id"] for r in kafka.consume_all(source)))
        return len(arrived) == 299

    wait_until(all_there, 60, "all others", 0.3)
    assert arrived == {i: 1 for i in range(300) if i not in poison}
    assert [r.value for r in kafka.consume_all(aside)] == [value(137, poison)]
    # A good end, and a beginning without doubts: the letter is not looked at again.
    assert worker.stop() == 0
    doubts = [r for r in kafka.consume_all(f"{unique}-ledger") if json.loads(r.key)[0] == "doubt"]
    assert doubts[-1].value is None
    worker.start()
    produce(kafka, dead, [{**letter(source, 0, 1000, b"k", value(1000)), "partition": 0}])
    wait_until(lambda: len(kafka.consume_all(source)) == 300, 60, "what comes later", 0.3)
    assert worker.running
