"""The S3 sink: every layout, format and rotation holds each record once; plans survive kill -9 and frozen owners; what
can't be written or can't be reached."""

import contextlib
import io
import json
import re
import signal
import time
import uuid

import confluent_kafka
import fastavro
import pyarrow.parquet
import pytest
import s3

from conftest import SLOW, Metrics, committed, s3_config, wait_until

FORMAT = "io.confluent.connect.s3.format."
PARTITIONER = "io.confluent.connect.storage.partitioner."
SCHEMA = {
    "type": "struct",
    "name": "Row",
    "optional": False,
    "fields": [
        {"field": "id", "type": "int64", "optional": False},
        {"field": "who", "type": "string", "optional": True},
        {"field": "at", "type": "int64", "optional": False},
    ],
}
DAY = 86_400_000
BEGIN = 1_763_596_800_000  # 2025-11-20T00:00:00Z


def enveloped(value):
    return json.dumps({"schema": SCHEMA, "payload": value})


def produce(kafka, topic, rows, partitions=1):
    """rows: (id, key, value text or None, timestamp or None, headers); to partition id % partitions."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5})
    for number, key, value, timestamp, headers in rows:
        producer.produce(topic, value, key, number % partitions, timestamp=timestamp or 0, headers=headers)
    assert producer.flush(30) == 0


def plain(first, count):
    return [(i, f"k{i}", json.dumps({"id": i}), None, None) for i in range(first, first + count)]


def decode(key, body):
    if key.endswith(".parquet"):
        return pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
    if key.endswith(".avro"):
        return list(fastavro.reader(io.BytesIO(body)))
    return [json.loads(line) for line in body.splitlines()]


def objects(store, prefix, bucket="lake"):
    found = {}
    for entry in store.list(bucket, prefix):
        with contextlib.suppress(s3.S3Error):  # s3proxy lists files that it is still writing
            found[entry.key] = decode(entry.key, store.get(bucket, entry.key))
    return found


def ids(found):
    return sorted(row["id"] for rows in found.values() for row in rows)


def metadata(kafka, group, topic, partition=0):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    with contextlib.closing(consumer):
        [part] = consumer.committed([confluent_kafka.TopicPartition(topic, partition)], 10)
        return part.offset, re.sub("^sluice-doubt/2 [^;]*;", "", part.metadata or "")


TIMED = {"locale": "en-US", "timezone": "UTC", "timestamp.extractor": "Record"}
LAYOUTS = {
    "default": ({}, "partition="),
    "field": ({"partitioner.class": PARTITIONER + "FieldPartitioner", "partition.field.name": "who"}, "who="),
    "hourly": (TIMED | {"partitioner.class": PARTITIONER + "HourlyPartitioner"}, "year=2025/month=11/day=20/hour="),
    "wallclock": (TIMED | {"partitioner.class": PARTITIONER + "TimeBasedPartitioner", "timestamp.extractor": "Wallclock",
                           "partition.duration.ms": "500", "path.format": "'s'=ss.SSS"}, "s="),
    "both": (TIMED | {"partitioner.class": "sluice.s3.FieldAndTimePartitioner", "partition.field.name": "who",
                      "timestamp.extractor": "RecordField", "timestamp.field": "at", "partition.duration.ms": str(DAY),
                      "path.format": "'day'=dd"}, "who="),
}  # fmt: skip
# name: layout, format, what ends files, does everything arrive?
MATRIX = {
    "a": ("default", "json.JsonFormat", {"flush.size": "50"}, True),
    "b": ("default", "parquet.ParquetFormat", {"flush.size": "100000", "sluice.rotate.idle.ms": "500"}, True),
    "c": ("field", "parquet.ParquetFormat", {"flush.size": "75"}, True),
    "d": ("field", "avro.AvroFormat", {"flush.size": "1000000", "partitioner.max.open.files": "3"}, False),
    "e": ("hourly", "avro.AvroFormat", {"flush.size": "1000000", "rotate.interval.ms": "1200000"}, False),
    "f": ("hourly", "json.JsonFormat", {"flush.size": "60", "rotate.schedule.interval.ms": "700"}, True),
    "g": ("wallclock", "json.JsonFormat", {"flush.size": "40", "rotate.interval.ms": "300"}, True),
    "h": ("wallclock", "parquet.ParquetFormat", {"flush.size": "1000000", "sluice.rotate.idle.ms": "800"}, True),
    "i": ("both", "avro.AvroFormat", {"flush.size": "30"}, True),
    "j": ("both", "json.JsonFormat", {"flush.size": "1000000", "sluice.flush.bytes": "4096",
                                      "sluice.rotate.idle.ms": "600"}, True),
}  # fmt: skip


def test_layouts_formats_and_rotation(worker, kafka, store, unique):
    kafka.create_topic(unique, 2)
    rows = []
    for i in range(600):
        at = BEGIN + i * 20_000
        value = {"id": i, "who": None if i % 7 == 0 else f"w{i % 5}", "at": at}
        rows.append((i, f"k{i}", enveloped(value), at, None))
    produce(kafka, unique, rows, 2)
    base = s3_config(store, unique) | {"value.converter.schemas.enable": "true"}
    for name, (layout, kind, rotation, _) in MATRIX.items():
        worker.create(name, base | LAYOUTS[layout][0] | {"format.class": FORMAT + kind, "topics.dir": name} | rotation)
    for name, (layout, _, _, whole) in MATRIX.items():
        end = {0: 300, 1: 300}
        if whole:
            wait_until(lambda: committed(kafka, f"connect-{name}", unique) == end, what=f"all offsets of {name}")
        else:
            wait_until(lambda: len(committed(kafka, f"connect-{name}", unique)) == 2, what=f"offsets of {name}")
        if not whole:  # nothing is left behind but what waits for its files to end

            def agree():
                done = committed(kafka, f"connect-{name}", unique)
                wanted = [i for i in range(600) if i // 2 < done[i % 2]]
                return min(done.values()) > 200 and ids(objects(store, f"{name}/{unique}/")) == wanted

            wait_until(agree, what=f"objects and offsets of {name} to agree")
        found = objects(store, f"{name}/{unique}/")
        if whole:
            assert ids(found) == list(range(600)), name
        assert all(key.startswith(f"{name}/{unique}/{LAYOUTS[layout][1]}") for key in found), list(found)[:3]
        for key, lines in found.items():
            if "who=" in key:
                assert {str(row["who"]).replace("None", "null") for row in lines} == {key.split("who=")[1].split("/")[0]}
            # a file's name says where it starts
            partition, start = key.rsplit("/", 1)[1].split(".")[0].split("+")[1:]
            assert lines[0]["id"] == int(start) * 2 + int(partition)
        # pure layouts need no plans, and no plan is left behind
        assert metadata(kafka, f"connect-{name}", unique)[1] == "", name


@pytest.mark.parametrize("fault", ["s3.before_complete", "s3.before_durable"])
def test_a_successor_repeats_a_planned_cut(make_worker, kafka, store, unique, fault):
    """Killed between plan and Complete, or between Complete and offset: the cut falls where it was planned."""
    kafka.create_topic(unique)
    worker = make_worker(env={"SLUICE_FAULTS": f"{fault}=kill@2"}).start()
    worker.run("s3", s3_config(store, unique, flush_size=100, sluice_rotate_idle_ms=600))
    produce(kafka, unique, plain(0, 100))  # a full cut
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 100}, what="the first cut")
    produce(kafka, unique, plain(100, 37))  # an idle one
    wait_until(lambda: not worker.running, what="the kill")
    worker.kill()
    offset, plan = metadata(kafka, "connect-s3", unique)
    assert offset == 100 and plan.startswith("sluice-s3/1 100 37:")
    before = {o.key: o.etag for o in store.list("lake", f"topics/{unique}/")}
    assert len(before) == (1 if fault == "s3.before_complete" else 2)
    produce(kafka, unique, plain(137, 100))  # left to itself the next cut would be 100 to 200
    worker.env.clear()
    worker.start()
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 237}, what="the rest")
    found = objects(store, f"topics/{unique}/")
    assert [len(rows) for _, rows in sorted(found.items())] == [100, 37, 100]
    assert ids(found) == list(range(237))
    after = {o.key: o.etag for o in store.list("lake", f"topics/{unique}/")}
    assert {key: after[key] for key in before} == before
    assert metadata(kafka, "connect-s3", unique) == (237, "")


def test_a_frozen_owner_wakes_up(make_worker, kafka, store, unique):
    """Two workers with the same consumer group; one is stopped by SIGSTOP with cuts at every stage, and goes on later."""
    kafka.create_topic(unique, 4)
    config = s3_config(store, unique, flush_size=90, rotate_schedule_interval_ms=300, timezone="UTC", name="s3")
    config |= {"consumer.override.session.timeout.ms": "6000", "consumer.override.heartbeat.interval.ms": "500"}
    group = f"connect-{unique}"
    config["consumer.override.group.id"] = group
    first, second = (make_worker(name=f"w{i}").start() for i in range(2))
    first.run("s3", config)
    second.run("s3", config)
    total = 0

    def feed(seconds):
        nonlocal total
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            produce(kafka, unique, plain(total, 200), 4)
            total += 200
            time.sleep(0.02)

    feed(1)
    first.signal(signal.SIGSTOP)
    feed(7.5)
    first.signal(signal.SIGCONT)
    feed(1.5)
    wait_until(lambda: sum(committed(kafka, group, unique).values()) == total, 60, "all offsets")
    assert ids(objects(store, f"topics/{unique}/")) == list(range(total))


def test_keys_headers_and_tombstones(worker, kafka, store, unique):
    kafka.create_topic(unique)
    rows = [(0, f"k{i}", None if i % 10 == 5 else json.dumps({"id": i}), None, [("h", f"v{i}")]) for i in range(40)]
    rows += [(0, None, json.dumps({"id": 40}), None, [("h", "x")])]  # no key: it can't be stored
    rows += [(0, f"k{i}", json.dumps({"id": i}), None, [("h", f"v{i}")]) for i in range(41, 45)]
    produce(kafka, unique, rows)
    dlq = f"{unique}-dlq"
    config = s3_config(store, unique, behavior_on_null_values="write", store_kafka_keys="true", flush_size=20,
                       store_kafka_headers="true", sluice_rotate_idle_ms=500, errors_tolerance="all",
                       errors_deadletterqueue_topic_name=dlq,
                       errors_deadletterqueue_topic_replication_factor=1)  # fmt: skip
    config |= {"keys.format.class": FORMAT + "json.JsonFormat", "headers.format.class": FORMAT + "json.JsonFormat"}
    worker.run("s3", config)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 45}, what="all offsets")
    found = objects(store, f"topics/{unique}/")
    stones = {key: rows for key, rows in found.items() if "/tombstone/" in key}
    assert all(key.endswith(".keys.json") for key in stones)
    assert sorted(k for rows in stones.values() for k in rows) == ["k15", "k25", "k35", "k5"]
    values = {key: rows for key, rows in found.items() if key.endswith(".json") and key.count(".") == 1}
    assert ids(values) == [i for i in range(45) if i % 10 != 5 and i != 40]
    for key, rows in values.items():
        stem = key.removesuffix(".json")
        assert found[stem + ".keys.json"] == [f"k{row['id']}" for row in rows]
        assert [h["headers"] for h in found[stem + ".headers.json"]] == [
            [{"key": "h", "value": f"v{row['id']}"}] for row in rows
        ]
    [letter] = kafka.consume_all(dlq)
    assert json.loads(letter.value) == {"id": 40}


def test_poison_records(worker, kafka, store, unique):
    """A record without the partition field, or without a schema: dead-lettered, and the others of the batch are written."""
    kafka.create_topic(unique)
    other = SCHEMA | {"name": "Other", "fields": [SCHEMA["fields"][0]]}
    rows = []
    for i in range(30):
        value = enveloped({"id": i, "who": "w", "at": BEGIN})
        if i == 7:
            value = json.dumps({"schema": other, "payload": {"id": i}})
        if i == 19:
            value = json.dumps({"schema": None, "payload": {"id": i}})
        rows.append((0, f"k{i}", value, None, None))
    produce(kafka, unique, rows)
    dlq = f"{unique}-dlq"
    config = s3_config(store, unique, flush_size=28, errors_tolerance="all", errors_deadletterqueue_topic_name=dlq,
                       errors_deadletterqueue_topic_replication_factor=1,
                       errors_deadletterqueue_context_headers_enable="true")  # fmt: skip
    config |= LAYOUTS["field"][0] | {"value.converter.schemas.enable": "true"}
    config["format.class"] = FORMAT + "parquet.ParquetFormat"
    worker.run("s3", config)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 30}, what="all offsets")
    assert ids(objects(store, f"topics/{unique}/")) == [i for i in range(30) if i not in (7, 19)]
    letters = kafka.consume_all(dlq)
    assert [letter.offset for letter in letters] == [0, 1]
    assert [json.loads(letter.value)["payload"]["id"] for letter in letters] == [7, 19]
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["__connect.errors.stage"] == b"TASK_PUT"
        assert b"Exception" in headers["__connect.errors.exception.class.name"]


def test_a_missing_bucket_is_waited_for(worker, kafka, store, unique):
    kafka.create_topic(unique)
    bucket = f"b{uuid.uuid4().hex[:12]}"
    store.create_bucket(bucket)
    dlq = f"{unique}-dlq"
    config = s3_config(store, unique, flush_size=10, errors_tolerance="all", errors_deadletterqueue_topic_name=dlq,
                       errors_deadletterqueue_topic_replication_factor=1, s3_retry_backoff_ms=10)  # fmt: skip
    config["s3.bucket.name"] = bucket
    worker.run("s3", config)
    store.client.request("DELETE", bucket)
    produce(kafka, unique, plain(0, 30))

    def alarmed():
        [task] = worker.status("s3")["tasks"]
        return task["state"] == "RESTARTING" and "NoSuchBucket" in task["trace"]

    wait_until(alarmed, what="the alarm")
    assert committed(kafka, "connect-s3", unique) == {}
    store.create_bucket(bucket)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 30}, what="the rest")
    worker.wait_running("s3")
    assert ids(objects(store, f"topics/{unique}/", bucket)) == list(range(30))
    assert kafka.consume_all(dlq) == []


def test_an_object_of_somebody_else_is_not_replaced(worker, kafka, store, unique):
    kafka.create_topic(unique)
    key = f"topics/{unique}/partition=0/{unique}+0+0000000000.json"
    store.put("lake", key, b"not ours")
    produce(kafka, unique, plain(0, 10))
    worker.create("s3", s3_config(store, unique, sluice_rotate_idle_ms=60000))

    def alarmed():
        tasks = worker.status("s3")["tasks"]
        return tasks and tasks[0]["state"] == "RESTARTING" and "enable.conditional.writes" in tasks[0]["trace"]

    wait_until(alarmed, what="the alarm")
    assert store.get("lake", key) == b"not ours"
    store.client.delete("lake", key)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 10}, what="the object once there is room")
    assert ids(objects(store, f"topics/{unique}/")) == list(range(10))


def test_many_open_files_in_little_memory(worker, kafka, store, unique):
    """120 directories, and memory for a few MiB: cuts for want of memory, and each record once."""
    kafka.create_topic(unique)
    fields = [SCHEMA["fields"][0], SCHEMA["fields"][1], {"field": "pad", "type": "string", "optional": False}]

    def row(i, who, pad=""):
        value = {"schema": SCHEMA | {"fields": fields}, "payload": {"id": i, "who": who, "pad": pad}}
        return i, None, json.dumps(value), None, None

    produce(kafka, unique, [row(i, f"w{i % 120}", f"{i}{'x' * 4000}") for i in range(4000)])
    config = s3_config(store, unique, flush_size=4000, sluice_task_memory_bytes=4 << 20) | LAYOUTS["field"][0]
    worker.run("s3", config | {"value.converter.schemas.enable": "true"})
    wait_until(lambda: Metrics(worker).value("sluice_s3_memory_cuts_total") > 0, what="a cut for want of memory")
    produce(kafka, unique, [row(i, "w0") for i in range(4000, 8000)])
    wait_until(lambda: committed(kafka, "connect-s3", unique).get(0, 0) > 4000, 60, "the offset")

    def agree():
        done = committed(kafka, "connect-s3", unique)[0]
        return ids(objects(store, f"topics/{unique}/")) == list(range(done))

    wait_until(agree, what="objects and offset to agree")
    if SLOW == 1:  # sanitizers keep what was freed, 256 MB of it
        assert worker.rss_peak_kb() < 200_000


def test_large_open_files_do_not_stop_reading(worker, kafka, store, unique):
    """What open files hold is not on its way: it must not count as that, or nothing would ever go on."""
    kafka.create_topic(unique, 4)
    pad = "x" * 10_000
    produce(kafka, unique, [(i, None, json.dumps({"id": i, "pad": pad}), None, None) for i in range(1600)], 4)
    worker.run("s3", s3_config(store, unique, flush_size=400, sluice_task_memory_bytes=4 << 20))
    wait_until(lambda: sum(committed(kafka, "connect-s3", unique).values()) == 1600, what="all offsets")
    assert ids(objects(store, f"topics/{unique}/")) == list(range(1600))
