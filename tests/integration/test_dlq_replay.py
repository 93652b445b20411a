"""sluice dlq replay, quarantine, release and discard against a real broker: where records go, what they look like there, that each goes
once whatever happens to the process, and what the ledger remembers. Dead letters carry Connect's headers, as its reporter writes them."""

import collections
import io
import json
import os
import random
import signal
import subprocess
import threading
import time
import uuid

import confluent_kafka
import fastavro
import pytest

from conftest import SLOW, wait_until

SEED = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31)))
BASE = int(time.time() * 1000) - 86_400_000  # when originals were written
KILLS = int(os.environ.get("SLUICE_DLQ_KILLS", "20"))  # 100 in the recorded run


@pytest.fixture(scope="module", autouse=True)
def seed():
    print(f"SLUICE_SEED={SEED}")
    random.seed(SEED)


@pytest.fixture
def names():
    """A source topic's name and its dead-letter topic's."""
    base = f"orders-{uuid.uuid4().hex[:8]}"
    return base, f"{base}-dlq"


def connect_headers(topic, partition, offset, connector="sink", message="boom", stage="TASK_PUT"):
    values = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "connector.name": connector,
        "task.id": 0,
        "stage": stage,
        "class.name": "org.example.Sink",
        "exception.class.name": "org.apache.kafka.connect.errors.DataException",
        "exception.message": message,
        "exception.stacktrace": f"org.apache.kafka.connect.errors.DataException: {message}\n\tat org.example.Sink.put(Sink.java:42)\n",
    }
    return [(f"__connect.errors.{name}", str(value).encode()) for name, value in values.items()]


def produce(kafka, topic, records, **config):
    """records: dicts of what confluent_kafka's produce takes."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5, **config})
    errors = []
    for record in records:
        while True:
            try:
                producer.produce(topic, on_delivery=lambda e, _: e and errors.append(e), **record)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0 and not errors, errors


def letter(topic, partition, offset, key=b"k", value=b"v", own=(), **more):
    record = {"key": key, "value": value, "headers": [*own, *connect_headers(topic, partition, offset, **more)]}
    return {**record, "timestamp": BASE + offset}


class Dlq:
    def __init__(self, binary, kafka):
        self.binary, self.kafka = binary, kafka

    def command(self, name, topic, *args):
        return [str(self.binary), "dlq", name, "--bootstrap-server", self.kafka.bootstrap, "--topic", topic, *map(str, args)]

    def start(self, name, topic, *args):
        return subprocess.Popen(self.command(name, topic, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, name, topic, *args, code=0):
        done = subprocess.run(self.command(name, topic, *args), capture_output=True, text=True, timeout=120 * SLOW)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        self.stderr = done.stderr
        return done.stdout

    def plan(self, topic, *args, **more):
        return json.loads(self("replay", topic, "--json", *args, **more).splitlines()[-1])


@pytest.fixture
def dlq(binary, kafka):
    return Dlq(binary, kafka)


def counts(plan):
    return {name: plan[name] for name in ("selected", "replay", "duplicates", "obsolete", "repaired", "left", "shapes")}


def expect(**given):
    return {**dict.fromkeys(("selected", "replay", "duplicates", "obsolete", "repaired", "left", "shapes"), 0), **given}


def own(record):
    return [(k, v) for k, v in record.headers if not k.startswith("__sluice.")]


def lineage(record):
    return {k: v.decode() for k, v in record.headers if k.startswith("__sluice.")}


def test_a_replayed_record_is_the_original(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source, 3)
    kafka.create_topic(dead)
    headers = [("trace", b"1"), ("empty", b""), ("null", None), ("trace", b"2"), ("bin", b"\x00\xff")]
    records = [
        letter(source, 2, 5, b"key", b'{"a":1}', headers),
        letter(source, 1, 6, None, b"\x00\x01\xfe\xff"),
        letter(source, 0, 7, b"", b""),
        letter(source, 2, 8, b"tombstone", None),
    ]
    records[0]["headers"] += connect_headers(source, 2, 5, message="again")  # failed twice: two sets
    produce(kafka, dead, records)
    plan = dlq.plan(dead)
    assert counts(plan) == expect(selected=4, replay=4)
    assert kafka.consume_all(source) == []
    assert plan["targets"] == [{"topic": source, "partition": p, "count": n} for p, n in ((0, 1), (1, 1), (2, 2))]
    done = dlq.plan(dead, "--apply")
    assert {**done, "applied": False} == plan
    got = {r.partition: [] for r in kafka.consume_all(source)}
    for r in kafka.consume_all(source):
        got[r.partition].append(r)
    assert [(r.key, r.value) for r in got[2]] == [(b"key", b'{"a":1}'), (b"tombstone", None)]
    assert [(r.key, r.value) for r in got[1]] == [(None, b"\x00\x01\xfe\xff")]
    assert [(r.key, r.value) for r in got[0]] == [(b"", b"")]
    first = got[2][0]
    assert own(first) == headers
    assert first.timestamp == BASE + 5
    assert lineage(first) == {
        "__sluice.dlq.id": f"{dead}-0-0",
        "__sluice.dlq.origin.topic": source,
        "__sluice.dlq.origin.partition": "2",
        "__sluice.dlq.origin.offset": "5",
        "__sluice.dlq.hop": "1",
        "__sluice.dlq.replay_id": plan["job"],
    }
    # The job has ended: the same line takes what comes later, and another job finds these closed.
    assert counts(dlq.plan(dead, "--apply")) == expect()
    assert counts(dlq.plan(dead, "--class", "schema_mismatch", "--class", "unknown", "--class", "business")) == expect()
    produce(kafka, dead, [letter(source, 1, 9)])
    assert counts(dlq.plan(dead, "--apply")) == expect(selected=1, replay=1)
    assert len(kafka.consume_all(source)) == 5


def test_targets_are_closed_apart(kafka, dlq, names):
    source, dead = names
    copy = f"{source}-fixed"
    kafka.create_topic(source, 2)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 1, n, str(n).encode()) for n in range(4)])
    assert counts(dlq.plan(dead, "--to", f"topic:{copy}", "--offsets", "0:1-2", "--apply")) == expect(selected=2, replay=2)
    assert [(r.partition, r.key) for r in kafka.consume_all(copy)] == [(1, b"1"), (1, b"2")]
    assert counts(dlq.plan(dead, "--to", f"topic:{copy}")) == expect(selected=2, replay=2)
    assert counts(dlq.plan(dead, "--apply")) == expect(selected=4, replay=4)
    assert counts(dlq.plan(dead, "--to", f"topic:{copy}", "--apply")) == expect()  # closed for all
    assert len(kafka.consume_all(copy)) == 2
    assert counts(dlq.plan(dead, "--to", "connector:sink")) == expect()
    dlq("replay", dead, "--to", f"topic:{dead}", code=2)


def test_duplicates_and_unresolved(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead, 2)
    records = [letter(source, 0, 3), letter(source, 0, 3), letter(source, 0, 3, connector="other")]
    records += [letter("nowhere", 0, 1), letter("nowhere", 0, 1)]
    records = [{**r, "partition": n % 2} for n, r in enumerate(records)]
    records.append({"value": b"plain", "partition": 1})
    produce(kafka, dead, records)
    plan = dlq.plan(dead, "--apply")
    assert counts(plan) == expect(selected=6, replay=2, duplicates=2, left=2, shapes=2)
    assert {s["reason"]: s["count"] for s in plan["left_shapes"]} == {
        "its original topic does not exist": 1,
        "its original topic is unknown": 1,
    }
    assert len(kafka.consume_all(source)) == 2
    # A restarted connector reports the same record again: it has been replayed.
    produce(kafka, dead, [letter(source, 0, 3)])
    assert counts(dlq.plan(dead, "--offsets", "0:2-9", "--offsets", "1:2-9", "--apply"))["replay"] == 0
    assert len(kafka.consume_all(source)) == 2
    # What is left stays open, and can go elsewhere.
    plan = dlq.plan(dead, "--to", f"topic:{source}-rest", "--apply")
    assert plan["replay"] == 2
    assert sorted(r.value for r in kafka.consume_all(f"{source}-rest")) == [b"plain", b"v"]


def test_order_by_key_survives_a_shuffled_topic(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source, 2)
    kafka.create_topic(dead, 3)
    offsets = list(range(200))
    random.shuffle(offsets)
    produce(
        kafka,
        dead,
        [{**letter(source, n % 2, n, f"k{n % 2}{n % 7}".encode(), str(n).encode()), "partition": random.randrange(3)} for n in offsets],
    )
    assert dlq.plan(dead, "--apply")["replay"] == 200
    seen = collections.defaultdict(list)
    for r in kafka.consume_all(source):
        seen[r.key].append(int(r.value))
    assert sum(map(len, seen.values())) == 200
    assert all(values == sorted(values) for values in seen.values())


def test_a_left_record_holds_back_its_key(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source, 2)
    kafka.create_topic(dead)
    values = [(0, b"a", b"1"), (3, b"a", b"broken"), (4, b"b", b"1"), (5, b"a", b"2"), (6, None, b"broken"), (7, None, b"2"), (8, b"a", b"3")]
    records = [letter(source, 0, offset, key, value) for offset, key, value in values]
    records += [letter(source, 0, 5, b"a", b"2"), letter(source, 1, 9, b"a", b"4")]
    produce(kafka, dead, records[::-1])
    repair = ["--default", "more=1"]  # what is no JSON can't be repaired
    assert counts(dlq.plan(dead, *repair)) == expect(selected=9, replay=6, repaired=0, duplicates=1, left=2, shapes=1)
    plan = dlq.plan(dead, *repair, "--keep-order", "--apply")
    assert counts(plan) | {"held": plan["held"]} == expect(selected=9, replay=4, duplicates=1, left=2, shapes=1) | {"held": 2}
    assert [(r.partition, r.key, r.value) for r in kafka.consume_all(source)] == [
        (0, b"a", b"1"),
        (0, b"b", b"1"),
        (0, None, b"2"),
        (1, b"a", b"4"),
    ]
    # Once the older one is out of the way, the younger ones go; in their order.
    later = [*repair, "--keep-order", "--limit", 100]
    assert dlq.plan(dead, *later)["held"] == 2
    assert "held back 2:" in dlq("replay", dead, *later)
    dlq("discard", dead, "--offsets", "0:7")
    assert counts(dlq.plan(dead, *later, "--apply")) == expect(selected=4, replay=2, duplicates=1, left=1, shapes=1)
    assert [r.value for r in kafka.consume_all(source) if r.partition == 0][3:] == [b"2", b"3"]


def test_drill_05_overtaken_records_are_closed(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source, 1, {"cleanup.policy": "compact"})
    kafka.create_topic(dead)
    kafka.produce(source, [(b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"a", b"2"), (b"c", None), (b"d", b"1")])
    produce(kafka, dead, [letter(source, 0, n, k, b"1") for n, k in ((0, b"a"), (1, b"b"), (2, b"c"), (5, b"d"))])
    assert counts(dlq.plan(dead, "--force")) == expect(selected=4, replay=4)
    assert counts(dlq.plan(dead, "--apply", "--limit", 1)) == expect(selected=2, replay=1, obsolete=1)
    assert [(r.key, r.value) for r in kafka.consume_all(source)[6:]] == [(b"b", b"1")]
    # The copy of b stands at the place of its original: a newer failure of b is not overtaken by it.
    kafka.produce(source, [(b"b", b"3")])
    produce(kafka, dead, [letter(source, 0, kafka.consume_all(source)[-1].offset, b"b", b"3")])
    plan = dlq.plan(dead, "--apply")
    assert counts(plan) == expect(selected=3, replay=2, obsolete=1)
    assert [r.value for r in kafka.consume_all(source) if r.key == b"b"] == [b"1", b"1", b"3", b"3"]


def test_change_data_is_compared_by_lsn(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source, 1, {"cleanup.policy": "compact"})
    kafka.create_topic(dead)

    def event(lsn):
        return json.dumps({"before": None, "after": {"id": 1}, "source": {"lsn": lsn, "table": "t"}}, separators=(",", ":")).encode()

    # A snapshot read later wrote an older state behind it: by offset newer, by LSN not.
    kafka.produce(source, [(b"a", event(50)), (b"a", event(40)), (b"b", event(50)), (b"b", event(60))])
    produce(kafka, dead, [letter(source, 0, 0, b"a", event(50)), letter(source, 0, 2, b"b", event(50))])
    assert counts(dlq.plan(dead)) == expect(selected=2, replay=1, obsolete=1)


def share_headers(topic, partition, offset):
    told = {"topic": topic, "partition": partition, "offset": offset, "group": "billing", "delivery.count": 5, "message": "rejected by client"}
    return [(f"__dlq.errors.{name}", str(value).encode()) for name, value in told.items()]


def test_pointers_get_their_originals(kafka, dlq, names):
    """Share groups dead-letter coordinates only: bytes come from the source topic while they are there."""
    source, dead = names
    kafka.create_topic(source, 2)
    kafka.create_topic(dead)
    produce(
        kafka,
        source,
        [
            {"key": f"k{n}".encode(), "value": json.dumps({"n": n}).encode(), "headers": [("own", b"%d" % n)], "partition": n % 2}
            | {"timestamp": BASE + n}
            for n in range(12000)
        ],
    )
    low = confluent_kafka.TopicPartition(source, 0, 100)  # retention took what is before
    admin = kafka.admin()
    for done in admin.delete_records([low], request_timeout=30).values():
        done.result(60)
    places = [(0, 150), (1, 7), (0, 5900), (1, 7), (0, 99), (1, 6000), (7, 1), (1, 3000), (1, 3001)]
    letters = [{"headers": share_headers(source, *place)} for place in places]
    letters += [{"headers": share_headers("nowhere", 0, 0)}, {"headers": share_headers(source, 0, 160), "timestamp": BASE - 86_400_000}]
    produce(kafka, dead, letters)
    listed = [json.loads(line) for line in dlq("export", dead, "--json").splitlines()]
    gone = "its original is no longer in its topic, and the dead letter has only coordinates"
    nowhere = "its original topic does not exist, and the dead letter has only coordinates"
    other = "another record stands where its original stood, and the dead letter has only coordinates"
    assert [r["original"] for r in listed] == [
        *["fetched"] * 4,
        gone,
        gone,
        gone,
        *["fetched"] * 2,
        nowhere,
        other,
    ]
    assert [r["value"] is None for r in listed] == [r["original"] != "fetched" for r in listed]
    assert '{"n": 300}' in dlq("show", dead, "--offsets", "0:0") and "fetched from there" in dlq("show", dead, "--offsets", "0:0")
    assert [json.loads(r)["offset"] for r in dlq("list", dead, "--json", "--where", "n=6001").splitlines()] == [7]
    groups = [json.loads(line) for line in dlq("groups", dead, "--json").splitlines()]
    for group in groups:
        assert len(dlq("list", dead, "--group", group["fingerprint"]).splitlines()) == group["count"]
    before = {(r.partition, r.offset): r for r in kafka.consume_all(source)}
    plan = dlq.plan(dead, "--apply")
    assert counts(plan) == expect(selected=11, replay=5, duplicates=1, left=5, shapes=3)
    assert {s["reason"]: s["count"] for s in plan["left_shapes"]} == {gone: 3, nowhere: 1, other: 1}
    copies = [r for r in kafka.consume_all(source) if (r.partition, r.offset) not in before]
    assert sorted((r.partition, r.key, r.value, r.timestamp, *own(r)) for r in copies) == sorted(
        (r.partition, r.key, r.value, r.timestamp, *own(r)) for r in (before[place] for place in dict.fromkeys(places) if place in before)
    )
    # A copy that is dead-lettered again has been replayed once.
    copy = copies[0]
    produce(kafka, dead, [{"headers": share_headers(source, copy.partition, copy.offset)}])
    assert dlq.plan(dead, "--apply", "--offsets", "0:11-")["replay"] == 1
    again = kafka.consume_all(source)
    again = [r for r in again if r.value == copy.value and r.partition == copy.partition][-1]
    assert lineage(again)["__sluice.dlq.hop"] == "2" and lineage(again)["__sluice.dlq.origin.offset"] == lineage(copy)["__sluice.dlq.origin.offset"]
    # Put aside with its bytes: the source topic may lose them.
    produce(kafka, dead, [{"headers": share_headers(source, 1, 8)}])
    dlq("quarantine", dead, "--offsets", "0:12")
    assert [r.value for r in kafka.consume_all(f"{dead}-quarantine")] == [b'{"n": 17}']


def test_a_plan_tells_what_will_expire(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source, 1, {"retention.ms": "3600000"})
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, 0), {**letter(source, 0, 1), "timestamp": int(time.time() * 1000)}])
    assert dlq.plan(dead)["expired"] == 1


def test_drill_13_a_loop_ends(kafka, dlq, names):
    """What is replayed fails again at once, each time; however often somebody tries, it goes four times."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, 0)])
    failing = Failing(kafka, source, dead)
    try:
        for n in range(KILLS):
            plan = dlq.plan(dead, "--apply", "--limit", 10 + n)  # each another job, which may take it again
            assert (plan["selected"], plan["replay"]) == (1, n < 4), (n, plan)
            wait_until(lambda n=n: len(kafka.consume_all(dead)) == 1 + min(n + 1, 4), what="the next failure")
    finally:
        failing.ends.set()
        failing.join(60)
    assert counts(plan) == expect(selected=1, left=1, shapes=1)
    assert "circles" in plan["left_shapes"][0]["reason"]
    assert [lineage(r)["__sluice.dlq.hop"] for r in kafka.consume_all(source)] == ["1", "2", "3", "4"]
    assert all(len({k for k, _ in r.headers}) == len(r.headers) for r in kafka.consume_all(source))


def test_markers_holes_and_large_records(kafka, dlq, names):
    source, dead = names
    big = {"max.message.bytes": str(3 << 20)}
    kafka.create_topic(source, 1, big)
    kafka.create_topic(dead, 1, big)
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": kafka.bootstrap, "transactional.id": dead, "message.max.bytes": 3 << 20}
    )
    producer.init_transactions(30)
    for n in range(6):
        producer.begin_transaction()
        size = 2_000_000 if n == 4 else 10
        producer.produce(dead, **letter(source, 0, n, str(n).encode(), bytes([n]) * size))
        producer.flush()
        if n % 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    plan = dlq.plan(dead, "--apply")
    assert counts(plan) == expect(selected=3, replay=3)
    assert [(r.key, len(r.value)) for r in kafka.consume_all(source)] == [(b"0", 10), (b"2", 10), (b"4", 2_000_000)]
    # An open transaction is not waited for, and its records belong to the next job.
    producer.begin_transaction()
    producer.produce(dead, **letter(source, 0, 9))
    producer.flush()
    assert counts(dlq.plan(dead, "--apply")) == expect()
    producer.commit_transaction()
    assert counts(dlq.plan(dead, "--apply")) == expect(selected=1, replay=1)


def test_quarantine_release_discard(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, n, str(n).encode(), b"\x00poison", [("h", b"1")]) for n in range(4)])
    answer = json.loads(dlq("quarantine", dead, "--offsets", "0:0-1", "--dry-run", "--json"))
    assert answer["quarantine"] == 2 and not answer["applied"]
    answer = json.loads(dlq("quarantine", dead, "--offsets", "0:0-1", "--reason", "kills the parser", "--json"))
    assert (answer["selected"], answer["quarantine"], answer["unchanged"]) == (2, 2, 0)
    kept = kafka.consume_all(answer["quarantine_topic"])
    assert [(r.key, r.value) for r in kept] == [(b"0", b"\x00poison"), (b"1", b"\x00poison")]
    assert kept[0].headers[:-1] == kafka.consume_all(dead)[0].headers
    diagnosis = json.loads(kept[0].headers[-1][1])
    assert diagnosis["origin"] == {"topic": source, "partition": 0, "offset": 0}
    assert diagnosis["why"] == "kills the parser" and diagnosis["value_begins"] == b"\x00poison".hex()
    assert json.loads(dlq("discard", dead, "--offsets", "0:2", "--reason", "test data", "--json"))["discard"] == 1
    assert counts(dlq.plan(dead)) == expect(selected=1, replay=1)
    assert json.loads(dlq("quarantine", dead, "--offsets", "0:0-1", "--json"))["unchanged"] == 2
    assert json.loads(dlq("release", dead, "--offsets", "0:1-2", "--json"))["release"] == 2
    assert counts(dlq.plan(dead, "--apply")) == expect(selected=3, replay=3)
    assert [r.key for r in kafka.consume_all(source)] == [b"1", b"2", b"3"]
    # The same line takes only what came later, and says what it therefore does not take.
    assert json.loads(dlq("release", dead, "--offsets", "0:0", "--json"))["release"] == 1
    again = dlq.plan(dead)
    assert counts(again) == expect() and again["earlier"] == 1
    assert "not looked at: 1 open" in dlq("replay", dead)
    assert counts(dlq.plan(dead, "--offsets", "0")) == expect(selected=1, replay=1)
    actions = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode()]
    assert [a["action"] for a in actions] == ["quarantine", "discard", "quarantine", "release", "replay.begun", "replay.finished", "release"]
    assert actions[1]["why"] == "test data" and "@" in actions[1]["who"]


def test_rate(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, n) for n in range(60)])
    begin = time.monotonic()
    assert dlq.plan(dead, "--apply", "--rate", "40/s")["replay"] == 60
    assert time.monotonic() - begin >= 59 / 40  # never faster; slower is the machine's business


class Failing(threading.Thread):
    """An application that dead-letters every record it gets, as Connect does."""

    def __init__(self, kafka, source, dead):
        super().__init__(daemon=True)
        self.kafka, self.source, self.dead, self.ends = kafka, source, dead, threading.Event()
        self.start()

    def run(self):
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self.kafka.bootstrap, "group.id": self.source, "auto.offset.reset": "earliest"}
        )
        producer = confluent_kafka.Producer({"bootstrap.servers": self.kafka.bootstrap, "linger.ms": 5})
        consumer.assign([confluent_kafka.TopicPartition(self.source, 0, 0)])
        while not self.ends.is_set():
            m = consumer.poll(0.1)
            if m is None or m.error():
                continue
            failure = connect_headers(self.source, 0, m.offset())
            producer.produce(self.dead, key=m.key(), value=m.value(), headers=[*(m.headers() or []), *failure])
            producer.poll(0)
        producer.flush(30)
        consumer.close()


def test_a_replay_that_fails_again_stops(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, n, str(n).encode()) for n in range(3000)])
    failing = Failing(kafka, source, dead)
    try:
        dlq("replay", dead, "--apply", "--rate", "50/s", "--max-failures", "5%", code=1)
    finally:
        failing.ends.set()
        failing.join(60)
    assert "--max-failures" in dlq.stderr and "have come back" in dlq.stderr
    done = len(kafka.consume_all(source))
    assert 10 <= done < 3000
    actions = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode()]
    assert [a["action"] for a in actions] == ["replay.begun", "replay.stopped"]
    # Mended: the same job goes on, faster; each record went once.
    plan = dlq.plan(dead, "--apply")
    assert (plan["selected"], plan["replay"]) == (3000, 3000)
    assert sorted(int(r.key) for r in kafka.consume_all(source)) == list(range(3000))
    dlq("replay", dead, "--max-failures", "5", code=2)


def test_a_slow_start_comes_to_its_end(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, n) for n in range(60)])
    begun = time.monotonic()
    plan = dlq.plan(dead, "--apply", "--max-failures", "0.5%")
    assert (plan["replay"], plan["returned"]) == (60, 0)
    assert time.monotonic() - begun > 2.4  # 10, 20, 40 ... records after 0, 1, 2 ... s


def test_drill_04_partitions_grown(kafka, dlq, names):
    """Live records of a key go elsewhere since the topic has more partitions, and so must the replayed ones."""
    source, dead = names
    kafka.create_topic(source, 2)
    kafka.create_topic(dead)
    keys = [f"key-{n}".encode() for n in range(40)]
    kafka.produce(source, [(k, b"old") for k in keys], partitioner="murmur2_random")
    produce(kafka, dead, [letter(source, r.partition, r.offset, r.key, b"again") for r in kafka.consume_all(source)])
    admin = kafka.admin()
    admin.create_partitions([confluent_kafka.admin.NewPartitions(source, 5)])[source].result(30)
    wait_until(lambda: len(admin.list_topics(source, timeout=5).topics[source].partitions) == 5)
    kafka.produce(source, [(k, b"new") for k in keys], partitioner="murmur2_random")
    assert dlq.plan(dead, "--apply")["replay"] == 40
    now = {r.key: r.partition for r in kafka.consume_all(source) if r.value == b"new"}
    assert {r.key: r.partition for r in kafka.consume_all(source) if r.value == b"again"} == now


def test_drill_15_the_second_operator_fences_the_first(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, n, str(n).encode()) for n in range(400)])
    first = dlq.start("replay", dead, "--apply", "--rate", "20/s", "--json")
    try:
        wait_until(lambda: kafka.consume_all(source), what="the first records")
        plan = dlq.plan(dead, "--apply")  # the same job: it goes on where the first one was
        out, err = first.communicate(timeout=60 * SLOW)
    finally:
        first.kill()
    assert first.returncode == 75, err
    assert "another process" in err
    assert counts(plan) == expect(selected=400, replay=400)
    assert [r.key for r in kafka.consume_all(source)] == [str(n).encode() for n in range(400)]


def test_jobs_of_two_topics_run_side_by_side(kafka, dlq, names):
    source, dead = names
    other = f"{dead}-2"
    for topic in (source, dead, other):
        kafka.create_topic(topic)
    for topic in (dead, other):
        produce(kafka, topic, [letter(source, 0, n, str(n).encode()) for n in range(400)])
    slow = dlq.start("replay", dead, "--apply", "--rate", "20/s", "--json")  # it always has a transaction open
    try:
        wait_until(lambda: kafka.consume_all(source), what="the first records")
        assert dlq.plan(other, "--apply")["replay"] == 400
        assert slow.poll() is None
    finally:
        slow.kill()
        slow.communicate()


def test_drill_01_kill_9(kafka, dlq, names):
    """However often it is killed, and wherever: each record once for a reader of committed records, in order."""
    source, dead = names
    count = 3000 * KILLS // 20
    kafka.create_topic(source, 4)
    kafka.create_topic(dead, 2)
    produce(kafka, dead, [{**letter(source, n % 4, n, str(n % 50).encode(), str(n).encode()), "partition": n % 2} for n in range(count)])
    kills = 0
    for _ in range(KILLS):
        one = dlq.start("replay", dead, "--apply", "--rate", "4000/s", "--json")
        try:
            one.wait(random.uniform(0.05, 0.5) * SLOW)
        except subprocess.TimeoutExpired:
            kills += 1
        one.send_signal(signal.SIGKILL)
        one.communicate()
    plan = dlq.plan(dead, "--apply")
    print(f"{kills} kills")
    records = kafka.consume_all(source)
    assert sorted(int(r.value) for r in records) == list(range(count))
    assert all(int(r.value) % 4 == r.partition for r in records)
    order = collections.defaultdict(list)
    for r in records:
        order[r.partition, r.key].append(int(r.value))
    assert all(values == sorted(values) for values in order.values())
    assert plan["left"] == plan["duplicates"] == 0
    assert counts(dlq.plan(dead, "--class", "unknown", "--class", "business", "--class", "schema_mismatch")) == expect()


PAYMENT_1 = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "amt", "type": "int"},
        {"name": "kind", "type": "string"},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}
PAYMENT_2 = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "amount", "type": "double"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["CARD", "CASH"]}},
        {"name": "currency", "type": "string"},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}


def avro(schema, schema_id, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return b"\0" + schema_id.to_bytes(4, "big") + out.getvalue()


def test_an_unanswered_commit_is_no_second_job(kafka, dlq, names):
    """The try after a commit whose answer was lost goes on from what the ledger says, the last one's, too: it tells what the
    job did, not that nothing was left to do."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    # The second fault: before the job begins, when all that the ledger knows is that the job before has ended.
    for nth, fault in enumerate(["dlq.after_commit=fail@1", "dlq.before_freeze=fail@1", *(f"dlq.after_commit=fail@{n}" for n in range(2, 6))], 1):
        produce(kafka, dead, [letter(source, 0, 10 * nth + i, value=b"%d" % nth) for i in range(7)])
        env = {**os.environ, "SLUICE_FAULTS": fault}
        done = subprocess.run(dlq.command("replay", dead, "--json", "--apply"), capture_output=True, text=True, timeout=120 * SLOW, env=env)
        assert done.returncode == 0, done.stderr
        plan = json.loads(done.stdout.splitlines()[-1])
        assert (plan["replay"], plan["selected"]) == (7, 7), (fault, plan, done.stderr)
        if "fault point" not in done.stderr:
            break
    assert nth > 3, "the job was made and ended in more than one transaction"
    assert len(kafka.consume_all(source)) == 7 * nth
    audit = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode()]
    assert [a["result"]["replay"] for a in audit if a["action"] == "replay.finished"] == [7] * nth


def test_drill_09_repair_avro(kafka, registry, dlq, names, tmp_path):
    """The 23,000 payments: a string became an enum, a field was renamed and widened, another one is new."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    old = registry.register(f"{source}-old", PAYMENT_1)
    new = registry.register(f"{source}-value", PAYMENT_2)
    kinds = ["card", "CASH", "cheque", "card"]
    values = [avro(PAYMENT_1, old, {"id": n, "amt": 10 * n, "kind": k, "note": None}) for n, k in enumerate(kinds)]
    values += [b"\0\0\0\x99\x99broken", b"not framed", None]
    produce(kafka, dead, [letter(source, 0, n, str(n).encode(), v) for n, v in enumerate(values)])
    config = tmp_path / "command.properties"
    config.write_text(f"schema.registry.url={registry.url}\n")
    options = ["--command-config", config, "--value-subject", f"{source}-value", "--rename", "amt=amount", "--enum", "card=CARD"]
    plan = dlq.plan(dead, *options)
    assert (plan["repaired"], plan["left"]) == (0, 6), plan  # currency is missing in all
    options += ["--default", "currency=EUR"]
    plan = dlq.plan(dead, *options)
    assert counts(plan) == expect(selected=7, replay=4, repaired=3, left=3, shapes=3), plan
    changes = {c["change"]: (c["count"], c.get("before"), c.get("after")) for c in plan["changes"]}
    assert changes["enum kind"] == (2, "card", "CARD")
    assert changes["default currency"] == (3, None, "EUR")
    assert changes["rename to amount"][0] == changes["widen amount"][0] == 3
    assert dlq.plan(dead, *options, "--apply")["repaired"] == 3
    got = kafka.consume_all(source)
    assert [r.key for r in got] == [b"0", b"1", b"3", b"6"]
    assert got[3].value is None
    for r, n in zip(got, (0, 1, 3)):
        assert r.value[:5] == b"\0" + new.to_bytes(4, "big")
        value = fastavro.schemaless_reader(io.BytesIO(r.value[5:]), fastavro.parse_schema(PAYMENT_2))
        assert value == {"id": n, "amount": 10.0 * n, "kind": kinds[n].upper(), "currency": "EUR", "note": None}
    assert [r.value for r in kafka.consume_all(dead)] == values  # the originals stay
    # The rest, once the registry has what they need.
    assert counts(dlq.plan(dead))["selected"] == 3


PROTO_1 = """syntax = "proto3"; package shop; message Order { int32 id = 1; string note = 2; sint32 amnt = 3; Color color = 4;
  oneof how { string card = 5; int64 cash = 6; } bool gone = 7; Buyer buyer = 8; repeated int32 sizes = 9; map<string, int32> marks = 10; }
  message Buyer { string name = 1; } enum Color { RED = 0; BLUE = 1; GREEN = 2; }"""
PROTO_2 = """syntax = "proto3"; package shop; message Order { int64 id = 1; string remark = 2; string amount = 3; Color color = 4;
  oneof how { string card = 5; int64 cash = 6; } Buyer buyer = 8; repeated int32 sizes = 9; map<string, int32> marks = 10; string currency = 11;
  double rate = 12; } message Buyer { string name = 1; string city = 2; } enum Color { RED = 0; NAVY = 1; GREEN = 2; }"""


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def proto(schema_id, *fields):
    """(number, value): an int as a varint, bytes with their length."""
    out = b"\0" + schema_id.to_bytes(4, "big") + b"\0"
    for number, value in fields:
        out += varint(number << 3 | 2) + varint(len(value)) + value if isinstance(value, bytes) else varint(number << 3) + varint(value)
    return out


def fields_of(message):
    """[(number, value)] as they stand on the wire."""
    found, at = [], 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            at += 1
            n |= (message[at - 1] & 127) << shift
            shift += 7
            if message[at - 1] < 128:
                return n

    while at < len(message):
        tag = number()
        value = number()
        if tag & 7 == 2:
            at += value
            value = message[at - value : at]
        found.append((tag >> 3, value))
    return found


def test_repair_protobuf(kafka, registry, dlq, names, tmp_path):
    """Fields and symbols are their numbers, as Protobuf has it: renamed ones need no option. What is not there stays so."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    old = registry.register(f"{source}-old", PROTO_1, "PROTOBUF")
    new = registry.register(f"{source}-value", PROTO_2, "PROTOBUF")
    buyer, mark = b"\x0a\x03Ann", b"\x0a\x01m\x10\x05"
    values = [
        proto(old, (1, 7), (2, b"hi"), (3, 24), (4, 1), (6, 0), (8, buyer), (9, b"\x01\x02"), (10, mark)),  # amnt 12; the oneof is cash, and 0
        proto(old, (1, 8)),
        proto(old, (1, 9), (7, 1)),  # gone has no field any more
        proto(old, (1, 1), (4, 99)),  # a symbol that nobody knows
        b"\0" + old.to_bytes(4, "big") + b"\0\x0d",  # cut
    ]
    produce(kafka, dead, [letter(source, 0, n, str(n).encode(), v) for n, v in enumerate(values)])
    config = tmp_path / "command.properties"
    config.write_text(f"schema.registry.url={registry.url}\n")
    options = ["--command-config", config, "--value-subject", f"{source}-value", "--cast", "amount=string", "--default", "currency=EUR"]
    plan = dlq.plan(dead, *options)
    assert counts(plan) == expect(selected=5, replay=2, repaired=2, left=3, shapes=3), plan
    changes = {c["change"]: (c["count"], c.get("before"), c.get("after")) for c in plan["changes"]}
    assert changes["enum color"] == (1, "BLUE", "NAVY") and changes["rename to amount"][0] == 2 and changes["widen id"][0] == 2
    assert dlq.plan(dead, *options, "--apply")["repaired"] == 2
    first, second = [r.value for r in kafka.consume_all(source)]
    head = b"\0" + new.to_bytes(4, "big") + b"\0"
    assert first[:6] == second[:6] == head
    assert sorted(fields_of(first[6:])) == [
        (1, 7), (2, b"hi"), (3, b"12"), (4, 1), (6, 0), (8, buyer), (9, b"\x01\x02"), (10, mark), (11, b"EUR")]  # fmt: skip
    assert sorted(fields_of(second[6:])) == [(1, 8), (3, b"0"), (4, 0), (11, b"EUR")]  # an enum's zero is written out, which says the same
    # With less to lose one more goes; conditions see the values.
    lossy = dlq.plan(dead, *options, "--allow-lossy", "--where", "id=9")
    assert (lossy["selected"], lossy["repaired"]) == (1, 1), lossy


SOURCE = {"type": "record", "name": "Source", "fields": [{"name": "lsn", "type": ["null", "long"]}, {"name": "table", "type": "string"}]}
ROW = {"type": "record", "name": "Row", "fields": [{"name": "id", "type": "int"}, {"name": "lsn", "type": "long"}]}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [{"name": "before", "type": ["null", ROW]}, {"name": "after", "type": ["null", "Row"]}, {"name": "source", "type": SOURCE}],
}


def test_change_data_in_avro(kafka, registry, dlq, names, tmp_path):
    """With a registry the LSN inside Avro decides which is newer, and --where sees the value."""
    source, dead = names
    kafka.create_topic(source, 1, {"cleanup.policy": "compact"})
    kafka.create_topic(dead)
    schema = registry.register(f"{source}-value", ENVELOPE)
    config = tmp_path / "command.properties"
    config.write_text(f"schema.registry.url={registry.url}\n")

    def event(lsn, table="t"):
        return avro(ENVELOPE, schema, {"before": None, "after": {"id": 1, "lsn": 99}, "source": {"lsn": lsn, "table": table}})

    kafka.produce(source, [(b"a", event(50)), (b"a", event(40)), (b"b", event(50)), (b"b", event(60))])
    values = [event(50), event(50, "u")]
    produce(kafka, dead, [letter(source, 0, 2 * n, key, value) for n, (key, value) in enumerate(zip((b"a", b"b"), values))])
    produce(kafka, dead, [letter(source, 0, 9, b"c", b"\0\0\0\x99\x99unknown")])
    assert counts(dlq.plan(dead)) == expect(selected=3, replay=1, obsolete=2)  # by offset: nothing else is known
    assert counts(dlq.plan(dead, "--command-config", config)) == expect(selected=3, replay=2, obsolete=1)
    where = ["--command-config", config, "--where", "source.table=u"]
    assert [json.loads(line)["offset"] for line in dlq("list", dead, "--json", *where).splitlines()] == [1]
    assert counts(dlq.plan(dead, *where, "--force")) == expect(selected=1, replay=1)
    assert dlq("list", dead, "--json", "--where", "source.table=u") == ""


def test_quarantine_diagnosis(kafka, registry, dlq, names, tmp_path):
    """Schema as text, the byte where decoding fails, and the neighbours; less without a registry, nothing made up."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    schema = registry.register(f"{source}-value", PAYMENT_1)
    good = avro(PAYMENT_1, schema, {"id": 1, "amt": 10, "kind": "card", "note": None})
    config = tmp_path / "command.properties"
    config.write_text(f"schema.registry.url={registry.url}\n")
    values = [(4, good), (5, good[:9]), (7, b'{"a": 1, "b": nope}'), (0, b"plain"), (9, b"\0\0\0\x99\x99unknown"), (8, None)]
    produce(kafka, dead, [letter(source, 0, offset, b"k", value) for offset, value in values])
    answer = json.loads(dlq("quarantine", dead, "--json", "--command-config", config))
    told = [json.loads(dict(r.headers)["__sluice.dlq.quarantine"]) for r in kafka.consume_all(answer["quarantine_topic"])]
    assert json.loads(told[0]["value_schema"])["name"] == "Payment" and told[0]["value_schema_id"] == schema
    assert told[0]["value_decodes"] == {"as": "avro", "ok": True}
    broken = told[1]["value_decodes"]
    assert not broken["ok"] and 5 < broken["at"] <= 9 and "Malformed" in broken["error"], broken
    assert broken["window"] == good[broken["window_from"] : 9].hex()
    text = told[2]["value_decodes"]
    assert text["as"] == "json" and not text["ok"] and values[2][1][text["at"] - 1 :].startswith((b"nope", b" nope")), text
    assert not {"value_decodes", "value_schema_id"} & (told[3].keys() | told[5].keys())
    assert told[4]["value_decodes"]["ok"] is False and "value_schema" not in told[4]
    fates = [(t["neighbours"].get("before"), t["neighbours"]["after"]) for t in told]
    dead_, not_ = "dead-lettered", "not dead-lettered"
    assert fates == [(not_, dead_), (dead_, not_), (not_, dead_), (None, not_), (dead_, not_), (dead_, dead_)]
    # A registry that is away is no reason to leave poison where it is.
    dlq("release", dead)
    config.write_text("schema.registry.url=http://127.0.0.1:1\nmax.retries=0\n")
    dlq("quarantine", dead, "--offsets", "0:0-1", "--command-config", config)
    last = [json.loads(dict(r.headers)["__sluice.dlq.quarantine"]) for r in kafka.consume_all(answer["quarantine_topic"])][6:]
    assert [("value_schema" in t, bool(t["value_not_decoded"])) for t in last] == [(False, True)] * 2


def test_repair_json_and_transforms(kafka, dlq, names, tmp_path):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    values = [b'{"amt":1,"kind":"card","big":1234567890123456789,"f":3.0}', b"{", b'{"big":12345678901234567890}', b"17"]
    produce(kafka, dead, [letter(source, 0, n, b"k", v) for n, v in enumerate(values)])
    chain = tmp_path / "chain.json"
    smt = "org.apache.kafka.connect.transforms.InsertField$Value"
    chain.write_text(
        json.dumps({"transforms": "by", "transforms.by.type": smt, "transforms.by.static.field": "by", "transforms.by.static.value": "us"})
    )
    dlq("replay", dead, "--transforms", tmp_path / "no-such-file", code=3)
    plan = dlq.plan(dead, "--transforms", chain, "--rename", "amt=amount", "--enum", "card=CARD", "--apply")
    assert counts(plan) == expect(selected=4, replay=1, repaired=1, left=3, shapes=3), plan
    (record,) = kafka.consume_all(source)
    assert json.loads(record.value) == {"amount": 1, "kind": "CARD", "big": 1234567890123456789, "f": 3.0, "by": "us"}


def test_a_repair_leaves_the_rest_as_it_is(kafka, dlq, names):
    """What no option means keeps its bytes: blanks, 1.50, nothing at all; of scattered offsets only those go."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    values = [b'{"kind":"",  "price":1.50}', b'{ "price" : 1.50 }', b"", None, b'{"kind":"cash"}', b'"kind"']
    produce(kafka, dead, [letter(source, 0, n, b"k%d" % n, v) for n, v in enumerate(values)])
    line = (dead, "--enum", "=CASH", "--offsets", "0:0-3,0:5", "--apply")
    assert counts(dlq.plan(*line)) == expect(selected=5, replay=5, repaired=1)
    got = [record.value for record in kafka.consume_all(source)]
    assert json.loads(got[0]) == {"kind": "CASH", "price": 1.5}
    assert got[1:] == [*values[1:4], values[5]]
    assert counts(dlq.plan(*line)) == expect()


def test_nothing_of_a_record_moves_the_terminal(kafka, dlq, names):
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    odd = "\x1b[31mred\x07"
    own = [(f"name{odd}", b"1"), ("binary", b"\xff" * 40)]
    produce(kafka, dead, [letter(source, 0, 0, odd.encode(), json.dumps({"kind": odd}).encode(), own, message=odd)])
    for command in ("groups", "list", "show", "explain"):
        assert not {"\x1b", "\x07"} & set(dlq(command, dead)), command
    assert "ff" * 32 + "...\n" in dlq("show", dead)
    told = dlq("replay", dead, "--enum", f"{odd}=x")
    assert "red" in told and not {"\x1b", "\x07"} & set(told)


def test_odd_names_of_topics_are_left(kafka, dlq, names):
    """Headers may say anything: what no topic can be called isn't there, and the others go."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    odd = ["a b", "x" * 300, "a/b", "..", source + "\0", "nobody-made-this"]
    produce(kafka, dead, [letter(topic, 0, n, b"k%d" % n) for n, topic in enumerate([*odd, source])])
    plan = dlq.plan(dead, "--apply")
    assert counts(plan) == expect(selected=7, replay=1, left=6, shapes=1), plan
    assert plan["left_shapes"][0]["reason"] == "its original topic does not exist"
    assert [record.key for record in kafka.consume_all(source)] == [b"k6"]


def test_what_fails_while_it_reads_is_told(kafka, dlq, names, tmp_path):
    """It was an empty plan, and with --apply a job that had finished."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, 0, b"k", b"\0\0\0\0\1abc"), letter(source, 0, 1, b"k", b'{"a":1}')])
    away = tmp_path / "away.properties"
    away.write_text("schema.registry.url=http://127.0.0.1:1\n")
    dlq("replay", dead, "--command-config", away, "--where", "a=1", code=4)
    assert "Registry" in dlq.stderr
    produce(kafka, dead, [letter(source, 0, n, b"k", b) for n, b in ((2, b"\0\0\0\0\1abc"), (3, b'{"a":1}'))])
    where = ("--command-config", away, "--where", "a=1", "--offsets")
    assert counts(dlq.plan(dead, *where, "0:1")) == expect(selected=1, replay=1)  # of the others nothing needs to be known
    assert [one["offset"] for one in map(json.loads, dlq("list", dead, *where, "0:3,0:1", "--json").splitlines())] == [1, 3]


def test_ctrl_c_says_what_stands(kafka, dlq, names):
    """130 and a sentence, soon; the same line goes on with the rest, and each goes once."""
    source, dead = names
    kafka.create_topic(source)
    kafka.create_topic(dead)
    produce(kafka, dead, [letter(source, 0, n, b"%d" % n) for n in range(60)])

    def begun():
        return any(json.loads(r.value)["action"] == "replay.begun" for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode())

    line = ("--apply", "--rate", "1/s")  # a minute, if nobody ended it
    running = dlq.start("replay", dead, *line)
    wait_until(begun, 30, "the job has begun")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20 * SLOW)
    assert running.returncode == 130, said
    assert "interrupted; what was committed stands, and the same command line goes on" in said
    assert counts(dlq.plan(dead, "--apply", "--rate", "1000/s"))["replay"] == 60  # of the whole job
    assert sorted(int(r.key) for r in kafka.consume_all(source)) == list(range(60))
