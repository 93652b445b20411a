"""sluice dlq groups, list, show, explain, export, stats: dead-letter topics of every kind, read without a trace."""

import base64
import json
import re
import struct
import subprocess

import confluent_kafka
import pytest

from conftest import JSON, STRING, wait_until

CONNECT = "__connect.errors."


@pytest.fixture
def dlq(binary, kafka):
    """dlq("list", topic, *options) runs the command with --json and gives its objects; code is its expected exit code."""

    def run(command, topic, *options, code=0, json_lines=True):
        line = [binary, "dlq", command, "--bootstrap-server", kafka.bootstrap, "--topic", topic, *options]
        done = subprocess.run(line + (["--json"] if json_lines else []), capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr + done.stdout
        run.stderr = done.stderr
        return [json.loads(text) for text in done.stdout.splitlines()] if json_lines and code == 0 else done.stdout

    return run


def connect_headers(topic="orders", partition=0, offset=0, error="", message=None, stage="VALUE_CONVERTER", trace=None):
    told = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "connector.name": "sink",
        "task.id": "0",
        "stage": stage,
        "class.name": JSON,
        "exception.class.name": error,
        "exception.message": message,
        "exception.stacktrace": trace or f"{error}: {message}\n\tat org.apache.kafka.connect.X.y(X.java:1)\n",
    }
    return [(CONNECT + name, None if text is None else text.encode()) for name, text in told.items()]


def groups_of(kinds):
    return {kind["class"]: kind["count"] for kind in kinds}


def test_connect_topic(dlq, kafka, unique):
    """list, groups and filters agree; several partitions; each record once."""
    kafka.create_topic(unique, 3)
    magic, down = "org.apache.kafka.common.errors.SerializationException", "java.net.SocketTimeoutException"
    records = []
    for i in range(300):
        error, message = (magic, "Unknown magic byte!") if i % 3 else (down, f"Read timed out after {i} ms")
        records.append((f"k{i % 7}", json.dumps({"id": i, "a": {"b": [i % 5]}}), connect_headers("orders", i % 4, 1000 + i, error, message)))
    kafka.produce(unique, records)
    listed = dlq("list", unique)
    assert len(listed) == 300
    assert len({(one["partition"], one["offset"]) for one in listed}) == 300
    assert {one["origin"]["offset"] for one in listed} == {1000 + i for i in range(300)}
    assert {(one["class"], one["code"]) for one in listed} == {("deserialization", "framing"), ("transient", "timeout")}
    kinds = dlq("groups", unique)
    assert [kind["count"] for kind in kinds] == [200, 100]
    for kind in kinds:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", kind["first"]) and kind["first"] <= kind["last"]
        own = dlq("list", unique, "--group", kind["fingerprint"])
        assert len(own) == kind["count"]
        assert (kind["example"]["partition"], kind["example"]["offset"]) in {(one["partition"], one["offset"]) for one in own}
    assert len(dlq("list", unique, "--class", "transient")) == 100
    assert len(dlq("list", unique, "--where", "a.b[0]=3")) == 60
    assert len(dlq("list", unique, "--key", "k3", "--key", "k4")) == len([i for i in range(300) if i % 7 in (3, 4)])
    assert len(dlq("list", unique, "--header", CONNECT + "partition=2")) == 75
    some = dlq("list", unique, "--offsets", "0:3-7,2:1")
    assert [(one["partition"], one["offset"]) for one in some] == [(0, n) for n in range(3, 8)] + [(2, 1)] or len(some) == 6
    some = dlq("list", unique, "--offsets", "0:3-4,0:9,0:6-6", "--offsets", "0:3")
    assert [(one["partition"], one["offset"]) for one in some] == [(0, n) for n in (3, 4, 6, 9)]
    assert dlq("list", unique, "--until", "-1h") == []
    assert len(dlq("list", unique, "--since", "-1h")) == 300
    assert len(dlq("list", unique, "--limit", "17")) == 17
    assert sum(kind["count"] for kind in dlq("explain", unique, "--limit", "17")) == 17
    counted = dlq("stats", unique)[0]
    assert counted["records"] == 300 and counted["classes"]["transient"] == 100 and counted["families"] == {"connect": 300}


def test_bytes_stay(dlq, kafka, unique):
    """export gives null, empty and binary back as they are."""
    odd = [(None, None), (b"", b""), (b"\xff\x00", b"\x00\x01\xfe")]
    kafka.produce(unique, [(key, value, [("h", None), ("h", b""), ("h", b"\xff")]) for key, value in odd])
    got = dlq("export", unique)

    def bytes_of(text):
        return None if text is None else base64.b64decode(text)

    assert [(bytes_of(one["key"]), bytes_of(one["value"])) for one in got] == odd
    assert [bytes_of(header["value"]) for header in got[0]["headers"]] == [None, b"", b"\xff"]
    assert all(one["origin"] is None and one["class"] == "unknown" for one in got)
    text = dlq("show", unique, "--offsets", "0:2", json_lines=False)
    assert "00 01 fe" in text


def test_holes_and_open_transactions(dlq, kafka, unique):
    """Aborted records are not there, control records at the end don't hang, and an open transaction is told."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": unique})
    producer.init_transactions()
    for end in (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for i in range(5):
            producer.produce(unique, f"{end.__name__}{i}")
        producer.flush()
        end()
    assert len(dlq("list", unique)) == 10
    assert dlq.stderr == ""
    producer.begin_transaction()
    producer.produce(unique, "open")
    producer.flush()
    assert len(dlq("list", unique)) == 10
    assert "open transaction" in dlq.stderr
    producer.abort_transaction()
    assert len(dlq("list", unique)) == 10


def test_compacted_to_its_end(dlq, kafka, unique):
    kafka.create_topic(unique, 1, {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.0", "delete.retention.ms": "0"})
    for round in range(3):
        kafka.produce(unique, [(f"k{i}", str(round)) for i in range(50)])
    assert {one["offset"] for one in dlq("list", unique)} >= set(range(100, 150))


def test_families(dlq, kafka, unique):
    spring = [
        ("kafka_dlt-original-topic", b"orders"),
        ("kafka_dlt-original-partition", struct.pack(">i", 5)),
        ("kafka_dlt-original-offset", struct.pack(">q", 1 << 33)),
        ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
        ("kafka_dlt-exception-cause-fqcn", b"java.net.ConnectException"),
        ("kafka_dlt-exception-message", b"Listener failed; Connection refused"),
    ]
    cloud = [("x-original-topic", b"in"), ("x-original-partition", b"7"), ("x-original-offset", struct.pack(">q", 12))]
    smallrye = [("dead-letter-topic", b"in"), ("dead-letter-partition", b"1"), ("dead-letter-offset", b"2"), ("dead-letter-reason", b"timed out")]
    streams = [("__streams.errors.exception", b"java.lang.ClassCastException"), ("__streams.errors.topic", b"in"), ("__streams.errors.offset", b"3")]
    share = [("__dlq.errors.topic", b"in"), ("__dlq.errors.partition", b"1"), ("__dlq.errors.offset", b"4"), ("__dlq.errors.group", b"g")]
    envelope = json.dumps({"metadata": {"originalTopic": "w", "failureReason": "Connection refused", "retryCount": 3}, "payload": {"a": 1}})
    flat = json.dumps({"topic": "w2", "message": "hello", "error": "duplicate entry", "retryCount": 1})
    kafka.produce(unique, [("k", "v", spring), ("k", "v", cloud), ("k", "v", smallrye), ("k", "v", streams), ("k", None, share), ("k", envelope), ("k", flat), ("k", "v")])
    got = dlq("list", unique)
    assert [one["family"] for one in got] == ["spring", "cloud-stream", "smallrye", "streams", "share-group", "wrapper", "wrapper", "none"]
    origins = [one["origin"] and tuple(one["origin"].values()) for one in got]
    assert origins == [("orders", 5, 1 << 33), ("in", 7, 12), ("in", 1, 2), ("in", None, 3), ("in", 1, 4), ("w", None, None), ("w2", None, None), None]
    assert [one["class"] for one in got][:4] == ["transient", "unknown", "transient", "schema_mismatch"]
    assert got[5]["class"] == "transient" and got[6]["class"] == "business" and got[7]["class"] == "unknown"


def test_rules(dlq, kafka, unique, tmp_path):
    rules = {
        "rules": [{"id": "late", "when": {"message": {"prefix": "too late"}}, "class": "business", "code": "stale", "examples": [{"message": "too late by 3 s"}]}],
        "headers": [{"id": "acme", "topic": "acme-src", "offset": "acme-off", "message": "acme-why", "example": {"header.acme-src": "t"}}],
    }
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(rules))
    kafka.produce(unique, [("k", "v", [("acme-src", b"orders"), ("acme-off", b"5"), ("acme-why", b"too late by 99 s")])])
    (one,) = dlq("list", unique, "--rules", str(path))
    assert (one["code"], one["origin"], one["evidence"]) == (
        "stale",
        {"topic": "orders", "partition": None, "offset": 5},
        [{"by": "rule", "what": "late"}],
    )
    rules["rules"][0]["examples"] = [{"message": "soon"}]
    path.write_text(json.dumps(rules))
    dlq("list", unique, "--rules", str(path), code=3)
    assert "does not match its own example" in dlq.stderr


def test_exit_codes(dlq, binary, kafka, unique):
    dlq("list", unique, code=1)
    assert "no topic" in dlq.stderr
    dlq("list", unique, "--frob", code=2)
    dlq("list", unique, "--apply", code=2)
    dlq("list", unique, "--rules", "/no/such/file", code=3)
    assert dlq.stderr.count("/no/such/file") == 1
    dlq("list", unique, "--command-config", "/no/such/file", code=3)
    assert dlq.stderr.count("/no/such/file") == 1 and "usage" not in dlq.stderr
    line = [binary, "dlq", "list", "--bootstrap-server", "127.0.0.1:1", "--topic", unique]
    assert subprocess.run(line, capture_output=True, timeout=60).returncode == 4
    dlq("groups", unique, "--connect", "http://127.0.0.1:1", code=4)
    for options in (("--source", "nobody-made-this"), ("--find-origin",)):
        dlq("list", unique, *options, code=3)
    dlq("replay", unique, "--cast", "amount=number", code=2)
    assert "float64" in dlq.stderr
    dlq("replay", unique, "--transforms", "{}", code=3)
    assert "transforms" in dlq.stderr
    kafka.create_topic(unique)
    assert dlq("groups", unique) == [] and dlq("list", unique) == []
    for command in ("list", "replay", "discard"):
        dlq(command, unique, "--offsets", "0:1,9:0", code=1)
        assert "has no partition 9: it has 1" in dlq.stderr, command
    assert dlq("explain", unique, json_lines=False) == "0 records read, 0 groups\n"
    help_text = subprocess.run([binary, "dlq", "list", "--help"], capture_output=True, text=True, check=True).stdout
    assert "--where" in help_text and "--apply" not in help_text
    for asked, status in (("dlq list", 0), ("dlq", 0), ("transform", 0), ("frob", 2), ("dlq frob", 2)):
        done = subprocess.run([binary, "help", *asked.split()], capture_output=True, text=True)
        assert done.returncode == status, (asked, done)
        assert (f"usage: sluice {asked}" in done.stdout) == (status == 0), (asked, done)
    with open("/dev/full", "w") as full:
        assert subprocess.run([binary, "plugins"], stdout=full, stderr=subprocess.DEVNULL).returncode == 1


def test_neighbours_are_evidence(dlq, kafka, unique):
    """No headers and nothing to run again: a record that looks like none of its topic has a class, one that looks like them has none."""
    source, dead = unique, f"{unique}-dlq"
    kafka.create_topic(source)
    kafka.create_topic(dead)
    letters = [("bad", "{bad"), ("fine", '{"id":7}')]
    kafka.produce(source, [(f"k{n}", '{"id":%d}' % n) for n in range(30)] + letters)
    kafka.produce(dead, letters)
    assert {one["class"] for one in dlq("list", dead)} == {"unknown"}  # nobody has looked
    bad, fine = dlq("list", dead, "--find-origin")
    assert (bad["class"], bad["code"], bad["evidence"][0]["by"]) == ("deserialization", "json", "neighbours")
    assert bad["origin"] == {"topic": source, "partition": 0, "offset": 30}
    assert (fine["class"], fine["evidence"]) == ("unknown", []) and fine["origin"]["offset"] == 31


def test_second_run_and_origin(dlq, kafka, make_worker, unique, tmp_path):
    """A topic without headers: the connector that wrote it, stopped, lends converters, transforms and topics."""
    worker = make_worker()
    worker.start()
    source, letters = unique, f"{unique}-dlq"
    kafka.create_topic(source, 2)
    config = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "file": str(tmp_path / "out"),
        "topics": source,
        "key.converter": STRING,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "transforms": "insert",
        "transforms.insert.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.insert.static.field": "x",
        "transforms.insert.static.value": "y",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters,
        "errors.deadletterqueue.topic.replication.factor": "1",
    }
    worker.run("sink", config)
    records = [(f"k{i}", ["{bad", '{"id":%d}' % i, '"text"'][i % 3]) for i in range(60)]
    kafka.produce(source, records)
    wait_until(lambda: len(kafka.consume_all(letters)) == 40, 30, "dead letters")
    assert worker.rest("PUT", "/connectors/sink/stop").ok
    assert {one["origin"] for one in dlq("list", letters)} == {None}
    found = dlq("list", letters, "--connect", worker.url)
    places = {(r.partition, r.offset): r for r in kafka.consume_all(source)}
    letters_by_place = {(r.partition, r.offset): r for r in kafka.consume_all(letters)}
    for one in found:
        letter = letters_by_place[one["partition"], one["offset"]]
        origin = places[one["origin"]["partition"], one["origin"]["offset"]]
        assert one["origin"]["topic"] == source
        assert (origin.key, origin.value, origin.timestamp) == (letter.key, letter.value, letter.timestamp)
        bad = letter.value == b"{bad"
        assert (one["class"], one["stage"]) == (("deserialization", "VALUE_CONVERTER") if bad else ("schema_mismatch", "TRANSFORMATION"))
        assert one["evidence"][0]["by"] == "re-execution"
    assert groups_of(dlq("groups", letters, "--connect", worker.url)) == {"deserialization": 20, "schema_mismatch": 20}
    by_name = dlq("list", letters, "--find-origin")
    assert {one["origin"]["topic"] for one in by_name} == {source}
    told = dlq("explain", letters, "--connect", worker.url)
    assert all(group["advice"] for group in told) and len(told) == 2
    dlq("list", source, "--connect", worker.url, code=3)
    assert "errors.deadletterqueue.topic.name" in dlq.stderr


def test_same_content_twice_is_not_guessed(dlq, kafka, unique):
    letters = f"{unique}-dlq"
    kafka.produce(unique, [("k", "same"), ("k", "same"), ("k", "alone")])
    kafka.produce(letters, [("k", "same"), ("k", "alone"), ("k", "never")])
    assert [one["origin"] for one in dlq("list", letters, "--source", unique)] == [None, {"topic": unique, "partition": 0, "offset": 2}, None]
