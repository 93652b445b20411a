# SPDX-License-Identifier: Apache-2.0
"""The checker of tests/chaos/run pipeline (tests/support/proof.py) must notice what it is there for: from data that is right, one thing
is made wrong at a time. And the relay that cuts connections must not lose a byte that it says has passed."""

import contextlib
import json
import random
import socket
import threading

import proof
import pytest
import stand
import wire

TOPIC, SINK, DLQ = "r_ledger", "r-s3", "r-s3-dlq"
PAD, OTHER = "x" * 1001, "y" * 1001


def record(partition, offset, key, value, headers=()):
    value = value if isinstance(value, bytes) else json.dumps(value).encode()
    return stand.Record(TOPIC, partition, offset, 1, json.dumps({"id": key}).encode(), value, list(headers))


class Scene:
    """A hundred keys with some changes each, one of ten poisoned; everything as it should be."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.truth, self.records = [], []
        offsets, n = [0, 0], 0
        for _ in range(500):
            n += 1
            key = self.rng.randrange(100)
            op = self.rng.choice("cud")
            mark = proof.POISON if self.rng.random() < 0.1 and op != "d" else "7"
            doc = {"id": key, "ver": n, "mark": mark, "pad": PAD} if op != "d" else None
            self.truth.append(proof.Change(n, op, key, doc))
            value = {**(doc or {"id": key, "ver": None, "mark": None}), "__op": op, "__deleted": str(op == "d").lower()}
            partition = key % 2
            self.records.append(record(partition, offsets[partition], key, value))
            offsets[partition] += 1
        self.rows = [(r.partition, r.offset, self.row(r)) for r in self.records if not proof.is_poison(r)]
        self.letters = [self.letter(r) for r in self.records if proof.is_poison(r)]
        self.replays = []
        for letter in self.letters:
            (partition, offset), _ = proof.origin(letter)
            cured = {**json.loads(letter.value), "mark": proof.CURE}
            where = {"topic": TOPIC, "partition": str(partition), "offset": str(offset)}
            headers = [(proof.DLQ + f"origin.{name}", text.encode()) for name, text in where.items()]
            again = record(partition, offsets[partition], json.loads(letter.key)["id"], cured, headers)
            offsets[partition] += 1
            self.replays.append(again)
            self.rows.append((partition, again.offset, self.row(again)))

    @staticmethod
    def row(r):
        value = json.loads(r.value)
        return {**value, "mark": value["mark"] and int(value["mark"])}

    @staticmethod
    def letter(r):
        texts = {name: "x" for name in proof.HEADERS} | {"topic": r.topic, "partition": str(r.partition), "offset": str(r.offset)}
        return r._replace(topic=DLQ, headers=[(f"__connect.errors.{name}", text.encode()) for name, text in texts.items()])

    def wrong(self, since=None):
        report, records = proof.Report(), self.records + self.replays
        proof.check_source(report, TOPIC, self.truth, records, since)
        proof.check_sink(report, SINK, TOPIC, records, self.rows, self.letters)
        proof.check_letters(report, DLQ, self.letters, {TOPIC: records})
        return report.wrong


@pytest.fixture
def scene():
    return Scene(4711)


def neighbours(scene):
    """Two records of one key, one right behind the other."""
    last = {}
    for place, one in enumerate(scene.records):
        if one.key in last:
            return last[one.key], place
        last[one.key] = place
    raise AssertionError


def put(records, place, **changed):
    records[place] = records[place]._replace(**changed)


def test_nothing_wrong(scene):
    assert scene.wrong() == []
    assert len(scene.letters) > 10


def test_lost(scene):
    scene.records.pop(100)
    assert any(text.startswith("I1") and "committed and not in Kafka: 1" in text for text in scene.wrong())


def test_doubled(scene):
    # Behind all others, so that it is the last of its key and not only another order.
    scene.records.append(scene.records[100]._replace(offset=10_000))
    assert any("more than once: 1" in text for text in scene.wrong())


def test_swapped(scene):
    a, b = neighbours(scene)
    values = scene.records[a].value, scene.records[b].value
    put(scene.records, a, value=values[1])
    put(scene.records, b, value=values[0])
    assert any(text.startswith("I2") for text in scene.wrong())


def test_rolled_back(scene):
    scene.truth.pop(next(n for n, change in enumerate(scene.truth) if change.op == "c"))
    assert any(text.startswith("I3") for text in scene.wrong())


def test_another_value(scene):
    place = next(n for n, one in enumerate(scene.records) if json.loads(one.value)["__op"] == "u")
    put(scene.records, place, value=scene.records[place].value.replace(PAD.encode(), OTHER.encode()))
    assert any(text.startswith("I3") for text in scene.wrong())


def test_unsent_values_are_no_fault(scene):
    place = next(n for n, one in enumerate(scene.records) if json.loads(one.value)["__op"] == "u" and not proof.is_poison(one))
    put(scene.records, place, value=scene.records[place].value.replace(PAD.encode(), proof.TOAST.encode()))
    report = proof.Report()
    proof.check_source(report, TOPIC, scene.truth, scene.records)
    assert report.wrong == []


def test_a_topic_that_was_made_anew(scene):
    """Changes before that may be missing, those behind it may not, and none may come twice or out of order."""
    scene.records = scene.records[200:]
    report = proof.Report()
    proof.check_source(report, TOPIC, scene.truth, scene.records, 200)
    assert report.wrong == []
    proof.check_source(report, TOPIC, scene.truth, scene.records[1:], 200)
    assert len(report.wrong) == 1 and "not in Kafka: 1" in report.wrong[0]
    proof.check_source(report, TOPIC, scene.truth, [*scene.records, scene.records[0]], 200)
    assert any("more than once: 1" in text for text in report.wrong[1:])


def test_rows_of_sinks(scene):
    """A row lost, doubled, never sent, with another value, and one that is a letter, too."""
    rows = list(scene.rows)
    scene.rows = rows[1:]
    assert any("neither a row nor a letter: 1" in text for text in scene.wrong())
    scene.rows = [*rows, rows[5]]
    assert any("more than one row: 1" in text for text in scene.wrong())
    scene.rows = [*rows, (0, 9_999, rows[0][2])]
    assert any("a row that is no record: 1" in text for text in scene.wrong())
    scene.rows = [(rows[0][0], rows[0][1], {**rows[0][2], "ver": -1}), *rows[1:]]
    assert any("other values than the record's: 1" in text for text in scene.wrong())
    (place, _), letter = proof.origin(scene.letters[0]), scene.letters[0]
    scene.rows = [*rows, (*place, {"id": json.loads(letter.key)["id"]})]
    assert any("a row and a letter: 1" in text for text in scene.wrong())


def test_letters(scene):
    letters = list(scene.letters)
    scene.letters = letters[1:]
    assert any("neither a row nor a letter: 1" in text for text in scene.wrong())
    assert any("a replay of no letter: 1" in text for text in scene.wrong())
    scene.letters = [*letters, letters[0]._replace(offset=9_999)]  # a crash between letter and commit
    assert scene.wrong() == []
    scene.letters = [letters[0]._replace(value=b"{}"), *letters[1:]]
    assert any("other bytes than its record: 1" in text for text in scene.wrong())
    scene.letters = [letters[0]._replace(headers=letters[0].headers[:-1]), *letters[1:]]
    assert any("without its headers: 1" in text for text in scene.wrong())


def test_replays(scene):
    replays, rows = list(scene.replays), list(scene.rows)
    scene.replays, scene.rows = replays[1:], [row for row in rows if row[:2] != (replays[0].partition, replays[0].offset)]
    assert scene.wrong() == ["I7 r-s3-dlq: a letter that was not replayed: 1, such as "
                             f"{str([('r_ledger', *proof.origin(scene.letters[0])[0])])}"]  # fmt: skip
    twice = replays[0]._replace(offset=9_999)
    scene.replays, scene.rows = [*replays, twice], [*rows, (twice.partition, twice.offset, Scene.row(twice))]
    assert any("replayed more than once: 1" in text for text in scene.wrong())
    scene.replays, scene.rows = [replays[0]._replace(value=replays[0].value.replace(PAD.encode(), OTHER.encode())), *replays[1:]], rows
    assert any("not its letter, cured: 1" in text for text in scene.wrong())


def test_state_after_a_new_snapshot(scene):
    report = proof.Report()
    state = proof.fold(scene.records)
    proof.check_state(report, TOPIC, state, scene.records)
    assert report.wrong == []
    key = next(iter(state))
    proof.check_state(report, TOPIC, {**state, key: {**state[key], "pad": OTHER}}, scene.records)
    proof.check_state(report, TOPIC, {**state, 1_000: {"id": 1_000}}, scene.records)
    assert len(report.wrong) == 2


@pytest.fixture
def relay():
    """A server that sends back what it gets, and the relay before it."""
    listener = socket.create_server((stand.HOST, 0))

    def echo(client):
        with client:
            with contextlib.suppress(ConnectionResetError):
                while data := client.recv(1 << 16):
                    client.sendall(data)

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    made = wire.Wire(listener.getsockname()[1])
    yield made
    made.close()
    listener.close()


def take(client, count):
    got = b""
    while len(got) < count:
        data = client.recv(count - len(got))
        if not data:
            break
        got += data
    return got


def test_relay_passes_everything(relay):
    text = random.Random(1).randbytes(3_000_000)
    with socket.create_connection((stand.HOST, relay.port)) as client:
        sender = threading.Thread(target=client.sendall, args=(text,))
        sender.start()
        stalled = threading.Thread(target=relay.stall, args=(0.3,))
        stalled.start()
        assert take(client, len(text)) == text
        sender.join()
        stalled.join()


def test_relay_cuts_in_the_middle(relay):
    with socket.create_connection((stand.HOST, relay.port)) as client:
        client.sendall(b"warm")
        assert take(client, 4) == b"warm"
        cut = threading.Thread(target=relay.cut, args=(1000,))
        cut.start()
        stand.wait_until(lambda: relay._left is not None, 10)
        client.sendall(bytes(5000))
        got = b""
        with pytest.raises(ConnectionResetError):
            while data := client.recv(5000):
                got += data
        cut.join()
        assert len(got) <= 1000 and relay.cuts == 1


def test_relay_resets_who_lost_bytes(relay):
    with socket.create_connection((stand.HOST, relay.port)) as client, socket.create_connection((stand.HOST, relay.port)) as idle:
        idle.sendall(b"idle")
        assert take(idle, 4) == b"idle"
        hole = threading.Thread(target=relay.hole, args=(0.3,))
        hole.start()
        stand.wait_until(lambda: relay._hole, 10)
        client.sendall(b"gone")
        with pytest.raises(ConnectionResetError):
            client.recv(4)
        hole.join()
        idle.sendall(b"still")
        assert take(idle, 5) == b"still"
