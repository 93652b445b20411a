"""Kafka to S3: names, cuts, offsets after uploads, kill -9, idle rotation, multipart, a server that goes and comes."""

import gzip
import io
import json
import random

import pyarrow.parquet
import pytest

from conftest import JSON, committed, json_objects, s3_config, wait_until


def rows(first, count, size=0):
    pad = "x" * size
    return [(f"k{i}", json.dumps({"id": i, "pad": pad})) for i in range(first, first + count)]


def key_of(topic, partition, offset, ext=".json"):
    return f"topics/{topic}/partition={partition}/{topic}+{partition}+{offset:010d}{ext}"


def objects(store, topic):
    return [found.key for found in store.list("lake", f"topics/{topic}/")]


def ids(found):
    """All ids in the objects of json_objects(), in key order."""
    return [row["id"] for _, lines in sorted(found.items()) for row in lines]


def test_json_names_cuts_and_offsets(worker, kafka, store, unique):
    kafka.create_topic(unique, 2)
    kafka.produce(unique, rows(0, 25), partitioner="murmur2_random")
    by_partition = {0: 0, 1: 0}
    for record in kafka.consume_all(unique):
        by_partition[record.partition] += 1
    worker.run("s3", s3_config(store, unique))
    wanted = [key_of(unique, p, o) for p, n in by_partition.items() for o in range(0, n // 10 * 10, 10)]
    wait_until(lambda: objects(store, unique) == sorted(wanted), what="the objects of full cuts")
    # Offsets stand at the last cut: what is open is not committed.
    cuts = {p: n // 10 * 10 for p, n in by_partition.items() if n >= 10}
    wait_until(lambda: committed(kafka, "connect-s3", unique) == cuts, what="committed offsets")
    found = json_objects(store, unique)
    assert all(len(lines) == 10 for lines in found.values())
    written = {(r.partition, r.offset): json.loads(r.value)["id"] for r in kafka.consume_all(unique)}
    for key, lines in found.items():
        partition, start = int(key.split("+")[1]), int(key.split("+")[2].split(".")[0])
        assert [row["id"] for row in lines] == [written[partition, start + i] for i in range(10)]


def test_restart_rewrites_the_open_cut_only(make_worker, kafka, store, unique):
    worker = make_worker().start()
    kafka.create_topic(unique)
    kafka.produce(unique, rows(0, 17))
    worker.run("s3", s3_config(store, unique))
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 10}, what="the first cut")
    assert worker.stop() == 0
    assert objects(store, unique) == [key_of(unique, 0, 0)]  # nothing is cut early at a stop
    kafka.produce(unique, rows(17, 3))
    worker.start()
    wait_until(lambda: len(objects(store, unique)) == 2, what="the second cut")
    assert ids(json_objects(store, unique)) == list(range(20))


def test_idle_rotation(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, rows(0, 13))
    worker.run("s3", s3_config(store, unique, sluice_rotate_idle_ms=700))
    wait_until(lambda: len(objects(store, unique)) == 2, what="the tail after the idle time")
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 13}, what="the tail's offset")
    assert objects(store, unique) == [key_of(unique, 0, 0), key_of(unique, 0, 10)]
    assert ids(json_objects(store, unique)) == list(range(13))


def test_null_values(worker, kafka, store, unique):
    kafka.create_topic(unique)
    mixed = rows(0, 4) + [("gone", None)] + rows(4, 6)
    kafka.produce(unique, mixed)
    worker.create("fails", s3_config(store, unique))
    trace = worker.wait_failed("fails")
    assert "behavior.on.null.values" in trace or "null value" in trace.lower()
    worker.delete("fails")
    worker.run("s3", s3_config(store, unique, behavior_on_null_values="ignore"))
    wait_until(lambda: len(objects(store, unique)) == 1, what="the object")
    assert ids(json_objects(store, unique)) == list(range(10))


def test_every_record_once_over_kills(make_worker, kafka, store, unique):
    """kill -9 at random moments; deterministic names and cuts make repeated uploads the same objects."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    worker = make_worker().start()
    kafka.create_topic(unique, 4)
    total = 0
    config = s3_config(store, unique, flush_size=500, tasks_max=2, sluice_rotate_idle_ms=1500)
    worker.run("s3", config, tasks=2)
    for _ in range(6):
        kafka.produce(unique, rows(total, 7_000), partitioner="murmur2_random")
        total += 7_000
        done = chance.random()
        wait_until(lambda: sum(committed(kafka, "connect-s3", unique).values()) >= (total - 7_000 * done) * 0.8, 60)
        worker.kill()
        worker.start()
    wait_until(lambda: sum(committed(kafka, "connect-s3", unique).values()) == total, 90, "all offsets")
    found = json_objects(store, unique)
    assert sorted(ids(found)) == list(range(total)), f"seed {seed}"
    # Each object starts where its name says and ends where the next begins.
    for partition in range(4):
        keys = [key for key in sorted(found) if f"+{partition}+" in key]
        starts = [int(key.split("+")[2].split(".")[0]) for key in keys]
        ends = [start + len(found[key]) for start, key in zip(starts, keys)]
        assert starts == [0, *ends[:-1]], f"seed {seed}"


def test_multipart(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, rows(0, 130, size=100_000), **{"message.max.bytes": 1_000_000})
    config = s3_config(store, unique, flush_size=130, s3_part_size=5 << 20)
    worker.run("s3", config)
    wait_until(lambda: objects(store, unique) == [key_of(unique, 0, 0)], 60, "the large object")
    found = json_objects(store, unique)[key_of(unique, 0, 0)]
    assert [row["id"] for row in found] == list(range(130))
    assert store.list("lake", f"topics/{unique}/")[0].size > 13_000_000
    assert not [key for key, _ in store.client.multipart_uploads("lake") if unique in key]
    # Parts are uploaded while records come in: the file is never in memory as a whole.
    assert worker.rss_peak_kb() < 400_000


def test_server_down_for_a_while(worker, kafka, store, unique):
    kafka.create_topic(unique)
    worker.run("s3", s3_config(store, unique, s3_retry_backoff_ms=50, retry_backoff_ms=200))
    kafka.produce(unique, rows(0, 10))
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 10}, what="the first object")
    store.stop()
    try:
        kafka.produce(unique, rows(10, 40))
        # It notices, and neither moves offsets nor gives up.
        wait_until(lambda: "s3.retry" in worker.log_text(), what="a line about the missing server")
        assert committed(kafka, "connect-s3", unique) == {0: 10}
        assert worker.status("s3")["connector"]["state"] == "RUNNING"
    finally:
        store.start()
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 50}, 60, "the rest")
    worker.wait_running("s3")
    assert ids(json_objects(store, unique)) == list(range(50))


def test_pause_and_resume(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, rows(0, 10))
    worker.run("s3", s3_config(store, unique))
    wait_until(lambda: len(objects(store, unique)) == 1, what="the first object")
    assert worker.rest("PUT", "/connectors/s3/pause").status_code == 202
    paused = lambda: [t["state"] for t in worker.status("s3")["tasks"]] == ["PAUSED"]
    wait_until(paused, what="PAUSED")
    kafka.produce(unique, rows(10, 10))
    assert objects(store, unique) == [key_of(unique, 0, 0)]
    assert worker.rest("PUT", "/connectors/s3/resume").status_code == 202
    wait_until(lambda: len(objects(store, unique)) == 2, what="the second object")
    assert ids(json_objects(store, unique)) == list(range(20))


def test_read_committed_only(worker, kafka, store, unique):
    """Aborted rows never reach S3, and control records do not disturb cuts."""
    import confluent_kafka

    kafka.create_topic(unique)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": unique})
    producer.init_transactions(30)
    for turn in range(6):
        producer.begin_transaction()
        for key, value in rows(turn * 5, 5):
            producer.produce(unique, value, key)
        producer.flush()
        if turn % 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    worker.run("s3", s3_config(store, unique, flush_size=15))
    wait_until(lambda: len(objects(store, unique)) == 1, what="the object")
    assert ids(json_objects(store, unique)) == [*range(0, 5), *range(10, 15), *range(20, 25)]


SCHEMA = {
    "type": "struct",
    "optional": False,
    "name": "Row",
    "fields": [{"field": "id", "type": "int64", "optional": False}, {"field": "who", "type": "string", "optional": True}],
}


@pytest.mark.parametrize("codec, ext", [("snappy", ".snappy.parquet"), ("none", ".parquet")])
def test_parquet_names_and_rows(worker, kafka, store, unique, codec, ext):
    kafka.create_topic(unique)
    values = [{"id": i, "who": f"w{i}" if i % 3 else None} for i in range(45)]
    kafka.produce(unique, [(None, json.dumps({"schema": SCHEMA, "payload": value})) for value in values])
    config = s3_config(store, unique, flush_size=20, sluice_rotate_idle_ms=1000, parquet_codec=codec)
    config |= {
        "format.class": "io.confluent.connect.s3.format.parquet.ParquetFormat",
        "value.converter": JSON,
        "value.converter.schemas.enable": "true",
    }
    worker.run("s3", config)
    wait_until(lambda: objects(store, unique) == [key_of(unique, 0, o, ext) for o in (0, 20, 40)], what="3 objects")
    found = [pyarrow.parquet.read_table(io.BytesIO(store.get("lake", key))) for key in objects(store, unique)]
    assert [row for table in found for row in table.to_pylist()] == values


def test_gzip_json(worker, kafka, store, unique):
    """The common option is done or refused by name; never ignored."""
    kafka.create_topic(unique)
    kafka.produce(unique, rows(0, 10))
    config = s3_config(store, unique, s3_compression_type="gzip")
    answer = worker.rest("POST", "/connectors", json={"name": "s3", "config": config})
    if answer.status_code == 400:
        assert "s3.compression.type" in answer.json()["message"]
        return
    wait_until(lambda: objects(store, unique) == [key_of(unique, 0, 0, ".json.gz")], what="the object")
    lines = gzip.decompress(store.get("lake", key_of(unique, 0, 0, ".json.gz"))).splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(10))
