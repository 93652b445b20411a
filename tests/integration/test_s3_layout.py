"""The S3 sink's directories, end to end: fields and time as a Hive layout that DuckDB reads back, records that no directory can be told
for, and configurations of Aiven's sink."""

import datetime
import json

import confluent_kafka
import duckdb

from conftest import committed, s3_config, wait_until

DAY = 86_400_000
NOON = 1_793_880_000_000  # 2026-11-05T12:00:00Z
SCHEMA = {
    "type": "struct",
    "name": "Reading",
    "optional": False,
    "fields": [
        {"field": "n", "type": "int64", "optional": False},
        {"field": "device", "type": "struct", "optional": True, "fields": [{"field": "id", "type": "string", "optional": True}]},
        {"field": "ts", "type": "int64", "name": "io.debezium.time.MicroTimestamp", "optional": True},
    ],
}
TIMED = {"timestamp.extractor": "RecordField", "timestamp.field": "ts", "locale": "en", "timezone": "Europe/Berlin"}


def send(kafka, topic, values):
    kafka.create_topic(topic)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5})
    for value in values:
        producer.produce(topic, value if isinstance(value, str) else json.dumps({"schema": SCHEMA, "payload": value}))
    assert producer.flush(30) == 0


def test_fields_and_time_as_a_hive_layout(worker, kafka, store, unique, tmp_path):
    devices = ["pump 1", "a/b=c", "50%", None, "ü"]
    rows = [
        {"n": i, "device": {"id": devices[i % 5]} if i % 10 != 8 else None, "ts": (NOON + i * DAY // 20) * 1000} for i in range(100)
    ]
    send(kafka, unique, rows)
    config = s3_config(store, unique, flush_size=100, sluice_s3_partition_escape="hive")
    config |= TIMED | {
        "format.class": "io.confluent.connect.s3.format.parquet.ParquetFormat",
        "value.converter.schemas.enable": "true",
        "partitioner.class": "sluice.s3.FieldAndTimePartitioner",
        "partition.field.name": "device.id",
        "partition.duration.ms": str(DAY),
        "path.format": "'date'=YYYY-MM-dd",
    }
    worker.run("s3", config)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 100}, what="all offsets")
    keys = [found.key for found in store.list("lake", f"topics/{unique}/")]
    assert {key.split("/")[2] for key in keys} == {
        f"device.id={d}" for d in ("pump 1", "a%2Fb%3Dc", "50%25", "__HIVE_DEFAULT_PARTITION__", "ü")
    }
    assert f"topics/{unique}/device.id=a%2Fb%3Dc/date=2026-11-05/{unique}+0+0000000001.snappy.parquet" in keys
    for key in keys:
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get("lake", key))
    got = duckdb.sql(
        f"""select n, "device.id", date from read_parquet('{tmp_path}/**/*.parquet', hive_partitioning=true,
            hive_types={{'date': DATE}}) order by n"""
    ).fetchall()
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    assert got == [
        (row["n"], row["device"] and row["device"]["id"], datetime.datetime.fromtimestamp(row["ts"] / 1e6, berlin).date()) for row in rows
    ]


def test_records_without_a_place(worker, kafka, store, unique):
    text = {"type": "struct", "fields": [{"field": "n", "type": "int64"}, {"field": "ts", "type": "string"}]}
    send(
        kafka,
        unique,
        [
            {"n": 0, "device": {"id": "d"}, "ts": NOON * 1000},
            {"n": 1, "device": {"id": "d"}, "ts": None},
            json.dumps({"schema": text, "payload": {"n": 2, "ts": "2026-11-05T13:00:00+01:00"}}),
            json.dumps({"schema": text, "payload": {"n": 3, "ts": "yesterday"}}),
            json.dumps({"schema": {"type": "int64"}, "payload": 4}),
            {"n": 5, "device": None, "ts": NOON * 1000 + 1},
        ],
    )
    config = s3_config(store, unique, flush_size=1, errors_tolerance="all", errors_deadletterqueue_topic_name=f"{unique}-dlq",
                       errors_deadletterqueue_topic_replication_factor=1, errors_deadletterqueue_context_headers_enable="true")  # fmt: skip
    config |= TIMED | {"value.converter.schemas.enable": "true", "partitioner.class": "HourlyPartitioner"}
    worker.run("s3", config)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 6}, what="all offsets")
    found = store.list("lake", f"topics/{unique}/")
    assert sorted(f.key.rsplit("+", 1)[1] for f in found) == [f"{n:010}.json" for n in (0, 2, 5)]
    assert {f.key.rsplit("/", 1)[0] for f in found} == {f"topics/{unique}/year=2026/month=11/day=05/hour=13"}
    want = [
        ("org.apache.kafka.connect.errors.DataException", "The field 'ts' does not exist."),
        ("io.confluent.connect.storage.errors.PartitionException", "Error extracting timestamp from record field: ts"),
        ("io.confluent.connect.storage.errors.PartitionException", "Error encoding partition."),
    ]
    letters = [dict(letter.headers) for letter in kafka.consume_all(f"{unique}-dlq")]
    assert [
        (h["__connect.errors.exception.class.name"].decode(), h["__connect.errors.exception.message"].decode()) for h in letters
    ] == want


def test_aivens_names(worker, kafka, store, unique):
    send(kafka, unique, [json.dumps({"n": i}) for i in range(4)])
    config = s3_config(store, unique)
    for ours, theirs in {"s3.bucket.name": "aws.s3.bucket.name", "s3.region": "aws.s3.region", "store.url": "aws.s3.endpoint",
                         "flush.size": "file.max.records"}.items():  # fmt: skip
        config[theirs] = config.pop(ours)
    config |= {"connector.class": "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector", "file.max.records": "2",
               "format.output.envelope": "false"}  # fmt: skip
    worker.run("s3", config)
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 4}, what="all offsets")
    assert [f.key for f in store.list("lake", f"topics/{unique}/")] == [
        f"topics/{unique}/partition=0/{unique}+0+{n:010}.json" for n in (0, 2)
    ]
    refused = {"file.name.template": "{{topic}}", "format.output.type": "csv", "aws.s3.prefix": "p/", "file.compression.type": "gzip"}
    answer = worker.rest("PUT", f"/connector-plugins/{config['connector.class']}/config/validate", json=config | refused | {"name": "x"})
    wrong = {c["value"]["name"] for c in answer.json()["configs"] if c["value"]["errors"]}
    assert wrong == set(refused)
