"""errors.tolerance and dead letters: a record that fails stops the task, is skipped, or is kept untouched."""

import json
import time

import pytest
import stand

from conftest import JSON, PG_PASSWORD, STRING, Metrics, committed, json_objects, read, s3_config, wait_until

PREFIX = "__connect.errors."


def mixed():
    """Records of which every third is not JSON; with keys and headers to find again in the dead letters."""
    bad = [b"{not json", b"\xff\xfe\x00", b'{"id": }']
    return [
        (f"k{i}", bad[i % 9 // 3] if i % 3 == 2 else json.dumps({"id": i}).encode(), [("trace", f"h{i}".encode())])
        for i in range(30)
    ]


def good_ids():
    return [i for i in range(30) if i % 3 != 2]


DATA = "org.apache.kafka.connect.errors.DataException"
# What a JVM worker of Kafka Connect 4.2.0 puts into the message header; what lies under it stands in the stack trace.
BAD_JSON = "Converting byte[] to Kafka Connect data failed due to serialization error: "
BAD_ENVELOPE = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. '
    "If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."
)
NO_MAP = "Only Map objects supported in absence of schema for [field insertion], found: java.lang.String"


def dlq_config(dlq):
    return {
        "errors.deadletterqueue.topic.name": dlq,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
        "errors.log.enable": "true",
        "errors.log.include.messages": "true",
    }


def told(letter, prefix=PREFIX):
    """The last set of context headers."""
    return {name.removeprefix(prefix): text and text.decode() for name, text in letter.headers if name.startswith(prefix)}


def test_headers_and_log_as_connect(worker, kafka, tmp_path, unique):
    """Stage, class, exception and message of each kind of failure, byte for byte; and Connect's log line."""
    sink = "org.apache.kafka.connect.file.FileStreamSinkConnector"
    insert = "org.apache.kafka.connect.transforms.InsertField$Value"
    long = "org.apache.kafka.connect.converters.LongConverter"
    plain = {"key.converter": STRING, "value.converter": JSON, "value.converter.schemas.enable": "false"}
    cases = [
        (plain, ("k", b"{no", []), "VALUE_CONVERTER", JSON, BAD_JSON),
        ({**plain, "value.converter.schemas.enable": "true"}, ("k", b"1", []), "VALUE_CONVERTER", JSON, BAD_ENVELOPE),
        ({**plain, "key.converter": JSON}, ("{no", b"1", []), "KEY_CONVERTER", JSON, BAD_JSON),
        ({**plain, "header.converter": JSON}, ("k", b"1", [("h", b"{no")]), "HEADER_CONVERTER", JSON, BAD_JSON),
        ({**plain, "value.converter": long}, ("k", b"v", []), "VALUE_CONVERTER", long, "Failed to deserialize long: "),
        ({**plain, "transforms": "t", "transforms.t.type": insert, "transforms.t.static.field": "s",
          "transforms.t.static.value": "v"}, ("k", b'"x"', [("n", None)]), "TRANSFORMATION", insert, NO_MAP),
    ]
    for i, (config, record, *_) in enumerate(cases):
        topic = f"{unique}-{i}"
        kafka.create_topic(topic)
        kafka.produce(topic, [record])
        more = {"connector.class": sink, "file": str(tmp_path / "out"), "topics": topic, "errors.tolerance": "all"}
        worker.create(f"c{i}", {**more, **dlq_config(f"{topic}-dlq"), **config})
    for i, (_, (key, value, headers), stage, name, message) in enumerate(cases):
        letter = wait_until(lambda t=f"{unique}-{i}-dlq": kafka.consume_all(t), what=f"letter {i}")[0]
        assert (letter.key, letter.value) == (key.encode(), value)
        assert letter.headers[: len(headers)] == headers
        got = told(letter)
        trace = got.pop("exception.stacktrace")
        assert got == {
            "topic": f"{unique}-{i}", "partition": "0", "offset": "0", "connector.name": f"c{i}", "task.id": "0",
            "stage": stage, "class.name": name, "exception.class.name": DATA, "exception.message": message,
        }
        assert trace.startswith(f"{DATA}: {message}\n\tat sluice.{stage}(")
        if message.endswith(": "):
            assert "\nCaused by: org.apache.kafka.common.errors.SerializationException: " in trace
        assert (
            f"Error encountered in task c{i}-0. Executing stage '{stage}' with class '{name}', where consumed record is "
            f"{{topic='{unique}-{i}', partition=0, offset=0, timestamp=" in worker.log_text()
        )
        assert "timestampType=CreateTime}." in worker.log_text()


def test_none_logs_and_dead_letters_too(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b"{no", [])])
    worker.create("s3", {**s3_config(store, unique, flush_size=1), **dlq_config(f"{unique}-dlq")})
    lines = worker.wait_failed("s3").splitlines()
    assert lines[0] == "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler"
    assert f"Caused by: {DATA}: {BAD_JSON}" in lines
    assert told(kafka.consume_all(f"{unique}-dlq")[0])["exception.message"] == BAD_JSON
    assert "Error encountered in task s3-0." in worker.log_text()
    assert committed(kafka, "connect-s3", unique) == {}


def counted(worker):
    """What the task's error metrics count, without what is 0."""
    prefix = "kafka_connect_task_error_"
    counts = {s.name.removeprefix(prefix): s.value for s in Metrics(worker).samples if s.name.startswith(prefix)}
    del counts["last_error_timestamp"]
    return {name.removeprefix("total_").removeprefix("deadletterqueue_"): n for name, n in counts.items() if n}


@pytest.mark.parametrize("faults", ["converter.busy=fail@2", "converter.busy=fail"])
def test_retries(make_worker, kafka, store, unique, faults):
    """A failure that passes is waited out; one that does not fails the task when its time is over."""
    worker = make_worker(env={"SLUICE_FAULTS": faults}).start()
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b'{"id": 1}', [])])
    config = s3_config(store, unique, flush_size=1, errors_retry_timeout=1000, errors_retry_delay_max_ms=400)
    worker.create("s3", {**config, **dlq_config(f"{unique}-dlq")})
    if faults.endswith("@2"):
        wait_until(lambda: json_objects(store, unique), what="the object")
        assert list(json_objects(store, unique).values()) == [[{"id": 1}]]
        assert kafka.consume_all(f"{unique}-dlq") == []
        assert counted(worker) == {"record_failures": 1, "retries": 1}
        return
    assert "Tolerance exceeded" in worker.wait_failed("s3")
    got = told(kafka.consume_all(f"{unique}-dlq")[0])
    assert (got["stage"], got["exception.class.name"]) == (
        "KEY_CONVERTER", "org.apache.kafka.connect.errors.RetriableException",
    )
    counts = counted(worker)
    tries = counts.pop("retries") + 1
    assert tries >= 3
    assert counts == {"record_failures": tries, "record_errors": 1, "errors_logged": 1, "produce_requests": 1}


def test_stays_in_its_group_while_retrying(make_worker, kafka, store, unique):
    """A retry that takes longer than max.poll.interval.ms, and is then ended by a stop: nothing committed, no dead letter."""
    worker = make_worker(env={"SLUICE_FAULTS": "converter.busy=fail"}).start()
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b'{"id": 1}', [])])
    config = s3_config(store, unique, flush_size=1, errors_retry_timeout=-1, errors_retry_delay_max_ms=20000)
    config |= {"consumer.override.max.poll.interval.ms": "6000", "consumer.override.session.timeout.ms": "6000"}
    worker.run("s3", {**config, **dlq_config(f"{unique}-dlq")})
    began, admin = time.monotonic(), kafka.admin()

    def members():
        group = admin.describe_consumer_groups(["connect-s3"])["connect-s3"].result(10)
        return [member.member_id for member in group.members]

    first = wait_until(members, what="the member")
    wait_until(lambda: time.monotonic() - began > 8, what="more than the poll interval")
    assert members() == first
    assert worker.status("s3")["tasks"][0]["state"] == "RUNNING"
    assert worker.stop() == 0
    assert "task failed" not in worker.log_text()
    assert committed(kafka, "connect-s3", unique) == {} and kafka.consume_all(f"{unique}-dlq") == []


def test_target_away(make_worker, kafka, tmp_path, unique):
    """A put that may pass later goes round with its batch, also over a rebalance: the task says what it waits for, and nothing
    is lost or doubled."""
    with stand.S3(tmp_path / "s3") as own:
        own.create_bucket("lake")
        worker = make_worker().start()
        kafka.create_topic(unique)
        config = s3_config(own, "", flush_size=5, s3_part_retries=0, s3_retry_backoff_ms=50, topics_regex=unique + ".*")
        config["consumer.override.metadata.max.age.ms"] = "500"
        worker.run("s3", config)
        kafka.produce(unique, [("k", json.dumps({"id": i}).encode(), []) for i in range(5)])
        wait_until(lambda: len(json_objects(own, unique)) == 1, what="the first object")
        own.stop()
        kafka.produce(unique, [("k", json.dumps({"id": i}).encode(), []) for i in range(5, 10)])
        wait_until(lambda: worker.log_text().count("they are put again") >= 2, what="tries")
        task = worker.status("s3")["tasks"][0]
        assert task["state"] == "RESTARTING" and "127.0.0.1" in task["trace"], task
        kafka.create_topic(f"{unique}-2")
        kafka.produce(f"{unique}-2", [("k", b'{"id": 7}', [])] * 5)
        wait_until(lambda: "assigned 2 partitions" in worker.log_text(), what="the rebalance")
        own.start()
        wait_until(lambda: len(json_objects(own, unique)) == 2, 60, "the second object")
        wait_until(lambda: list(json_objects(own, f"{unique}-2").values()) == [[{"id": 7}] * 5], 60, "the other topic")
        rows = [row["id"] for lines in json_objects(own, unique).values() for row in lines]
        assert rows == list(range(10))
        # Puts that failed, and the time between them, don't count; what is read again after a rebalance does.
        assert Metrics(worker).value("kafka_connect_sink_task_sink_record_send_total") in (15, 20)
        worker.wait_running("s3")


def source_dlq(dlq):
    name = "sluice.errors.deadletterqueue.topic"
    return {"errors.tolerance": "all", f"{name}.name": dlq, f"{name}.replication.factor": "1"}


def test_source_dead_letters(make_worker, database, kafka, unique):
    """Changes that can't be converted, or that a transform refuses, go to the dead-letter topic; the slot moves on."""
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql("create table t (id int primary key, n numeric(10,2))")
    database.sql("insert into t values (1, 1.5), (2, 'NaN')")
    dlq = f"{unique}-dlq"
    config = database.config(table_include_list="public.t", event_converting_failure_handling_mode="fail")
    worker.run("pg", {**config, **source_dlq(dlq)})
    read(kafka, f"{unique}.public.t", 1)
    database.sql("insert into t values (3, 3), (4, 'NaN'), (5, 5)")
    database.sql("update t set n = 'NaN' where id = 5")
    position = database.wal_position()
    letters = wait_until(lambda: (r := kafka.consume_all(dlq)) and len(r) == 3 and r, what="the dead letters")
    rows = read(kafka, f"{unique}.public.t", 3)
    assert [(r.value["op"], r.value["after"]["id"]) for r in rows] == [("r", 1), ("c", 3), ("c", 5)]
    wait_until(lambda: database.confirmed() >= position, what="the slot to pass the bad rows")
    assert [letter.value[:1] for letter in letters] == [b"2", b"I", b"U"]
    assert letters[0].value == b"2\tNaN\n" and b"NaN" in letters[1].value
    got = [told(letter) | told(letter, "__sluice.source.") for letter in letters]
    assert [(g["format"], g.get("op"), g["table"], g["database"]) for g in got] == [
        ("copy", None, "public.t", unique), ("pgoutput", "I", "public.t", unique), ("pgoutput", "U", "public.t", unique),
    ]
    assert json.loads(got[1]["columns"])[1] == {"name": "n", "type": 1700, "typmod": 655366}
    assert (got[1]["stage"], got[1]["exception.class.name"], got[1]["topic"]) == ("TASK_POLL", DATA, f"{unique}.public.t")
    assert got[1]["class.name"] == "io.debezium.connector.postgresql.PostgresConnector"
    assert "public.t.n" in got[1]["exception.message"] and got[1]["lsn"].count("/") == 1
    assert "partition" not in got[1] and "offset" not in got[1]
    assert counted(worker) == {"record_failures": 3, "record_errors": 3, "records_skipped": 3, "produce_requests": 3}
    wait_until(lambda: Metrics(worker).value("kafka_connect_source_task_source_record_write_total") == 3, what="three good rows")


def test_source_dead_letters_of_a_transform(worker, kafka, tmp_path, unique):
    given = tmp_path / "given"
    given.write_text("a\nb\n")
    config = {
        "connector.class": "FileStreamSource", "file": str(given), "topic": unique, "key.converter": STRING,
        "value.converter": STRING, "transforms": "add", "errors.log.enable": "true", "errors.log.include.messages": "true",
        "transforms.add.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.add.static.field": "x", "transforms.add.static.value": "y", **source_dlq(f"{unique}-dlq"),
    }
    worker.run("file", config)
    letters = wait_until(lambda: (r := kafka.consume_all(f"{unique}-dlq")) and len(r) == 2 and r, what="the dead letters")
    assert [(letter.key, letter.value) for letter in letters] == [(None, b"a"), (None, b"b")]
    got = told(letters[1]) | told(letters[1], "__sluice.source.")
    assert (got["stage"], got["format"], got["file"], got["position"]) == ("TRANSFORMATION", "text", str(given), "4")
    assert "where source record is = {topic='" in worker.log_text()


def test_none_fails_and_keeps_the_record(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, mixed())
    worker.create("s3", s3_config(store, unique, flush_size=1))
    trace = worker.wait_failed("s3")
    assert "Tolerance exceeded in error handler" in trace and "org.apache.kafka.connect.errors." in trace
    status = worker.status("s3")
    assert status["connector"]["state"] == "RUNNING" and status["tasks"][0]["state"] == "FAILED"
    # What came before the record is done; the record and what follows are not passed over.
    assert committed(kafka, "connect-s3", unique).get(0, 0) <= 2
    assert worker.rest("GET", "/health").status_code in (200, 503)


def test_all_skips_and_counts(worker, kafka, store, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, mixed())
    config = s3_config(store, unique, flush_size=20, errors_tolerance="all", errors_log_enable="true")
    worker.run("s3", config)
    wait_until(lambda: len(json_objects(store, unique)) == 1, what="the object")
    assert [row["id"] for lines in json_objects(store, unique).values() for row in lines] == good_ids()
    metrics = worker.rest("GET", "/metrics").text
    errors = [line for line in metrics.splitlines() if line.startswith("sluice_task_records_skipped_total")]
    assert errors and float(errors[0].rpartition(" ")[2]) == 10
    assert worker.status("s3")["tasks"][0]["state"] == "RUNNING"


def test_dead_letters(worker, kafka, store, unique):
    kafka.create_topic(unique)
    sent = mixed()
    kafka.produce(unique, sent)
    dlq = f"{unique}-dlq"
    config = s3_config(
        store, unique, flush_size=20, sluice_rotate_idle_ms=700, errors_tolerance="all",
        errors_deadletterqueue_topic_name=dlq, errors_deadletterqueue_topic_replication_factor=1,
        errors_deadletterqueue_context_headers_enable="true",
    )
    worker.run("s3", config)
    letters = wait_until(lambda: (r := kafka.consume_all(dlq)) and len(r) >= 10 and r, what="the dead letters")
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 30}, what="offsets past the dead letters")
    assert len(kafka.consume_all(dlq)) == 10
    for letter, index in zip(letters, range(2, 30, 3), strict=True):
        key, value, headers = sent[index]
        assert (letter.key, letter.value) == (key.encode(), value)
        assert letter.headers[0] == headers[0]
        told = {name.removeprefix(PREFIX): text and text.decode() for name, text in letter.headers[1:]}
        assert list(told) == [
            "topic", "partition", "offset", "connector.name", "task.id", "stage", "class.name", "exception.class.name",
            "exception.message", "exception.stacktrace",
        ]
        assert (told["topic"], told["partition"], told["offset"]) == (unique, "0", str(index))
        assert (told["connector.name"], told["task.id"], told["stage"]) == ("s3", "0", "VALUE_CONVERTER")
        assert told["class.name"] == JSON
        assert told["exception.class.name"] == "org.apache.kafka.connect.errors.DataException"
        assert told["exception.stacktrace"].startswith("org.apache.kafka.connect.errors.DataException")


def test_dead_letters_from_a_transform(worker, kafka, store, unique):
    """A failing transform: stage TRANSFORMATION, and the original bytes and headers in the letter, also those that a transform
    before it changed."""
    kafka.create_topic(unique)
    headers = [("trace", b"1"), ("n", b" 12 "), ("trace", b"[1, 2]")]
    sent = [("k", b'"just text"', headers), ("k", b'{"id": 1}')]
    kafka.produce(unique, sent)
    dlq = f"{unique}-dlq"
    config = s3_config(
        store, unique, flush_size=1, errors_tolerance="all", errors_deadletterqueue_topic_name=dlq,
        errors_deadletterqueue_topic_replication_factor=1, errors_deadletterqueue_context_headers_enable="true",
    )
    config |= {
        "transforms": "drop,put,add",
        "transforms.drop.type": "org.apache.kafka.connect.transforms.DropHeaders",
        "transforms.drop.headers": "trace",
        "transforms.put.type": "org.apache.kafka.connect.transforms.InsertHeader",
        "transforms.put.header": "more",
        "transforms.put.value.literal": "1",
        "transforms.add.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.add.static.field": "source",
        "transforms.add.static.value": "bank",
    }
    worker.run("s3", config)
    letter = wait_until(lambda: kafka.consume_all(dlq), what="the dead letter")[0]
    told = dict(letter.headers)
    assert letter.value == sent[0][1] and told[PREFIX + "stage"] == b"TRANSFORMATION"
    assert letter.headers[:3] == headers and "more" not in told
    assert told[PREFIX + "class.name"] == b"org.apache.kafka.connect.transforms.InsertField$Value"
    wait_until(lambda: json_objects(store, unique), what="the good one")
    assert list(json_objects(store, unique).values()) == [[{"id": 1, "source": "bank"}]]


def test_dead_letters_from_the_sink(worker, kafka, store, unique):
    """Records that the format can't take: stage TASK_PUT."""
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b'{"no": "schema"}'), ("l", b'["no", "schema"]')])
    dlq = f"{unique}-dlq"
    config = s3_config(
        store, unique, flush_size=1, sluice_rotate_idle_ms=300, errors_tolerance="all",
        errors_deadletterqueue_topic_name=dlq, errors_deadletterqueue_topic_replication_factor=1,
        errors_deadletterqueue_context_headers_enable="true",
    )
    config["format.class"] = "io.confluent.connect.s3.format.parquet.ParquetFormat"
    worker.run("s3", config)
    letters = wait_until(lambda: (r := kafka.consume_all(dlq)) and len(r) == 2 and r, what="the dead letters")
    assert [(r.key, r.value) for r in letters] == [(b"k", b'{"no": "schema"}'), (b"l", b'["no", "schema"]')]
    told = dict(letters[0].headers)
    assert told[PREFIX + "stage"] == b"TASK_PUT"
    assert told[PREFIX + "class.name"] == b"org.apache.kafka.connect.sink.SinkTask"
    wait_until(lambda: committed(kafka, "connect-s3", unique) == {0: 2}, what="offsets past the dead letters")
    assert store.list("lake", f"topics/{unique}/") == []


def test_source_tolerance(worker, kafka, tmp_path, unique):
    """A source record that a transform refuses ends the task, or is skipped."""
    given = tmp_path / "given"
    given.write_text("a\nb\n")
    config = {
        "connector.class": "FileStreamSource", "file": str(given), "topic": unique, "key.converter": STRING,
        "value.converter": STRING, "transforms": "add",
        "transforms.add.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.add.static.field": "x", "transforms.add.static.value": "y",
    }
    worker.create("strict", config)
    assert "Tolerance exceeded" in worker.wait_failed("strict")
    worker.delete("strict")
    worker.run("lax", {**config, "errors.tolerance": "all"})
    given.write_text("a\nb\nc\n")
    metric = "sluice_task_records_skipped_total"

    def skipped():
        found = [l for l in worker.rest("GET", "/metrics").text.splitlines() if l.startswith(metric) and "lax" in l]
        return found and float(found[0].rpartition(" ")[2]) == 3

    wait_until(skipped, what="three skipped lines")
    assert kafka.consume_all(unique) == []


def test_unknown_topic_is_waited_for(worker, kafka, store, unique):
    """A sink whose topic is not there yet runs and reads it when it comes."""
    worker.run("s3", s3_config(store, unique, flush_size=1, **{"consumer.override.metadata.max.age.ms": "500"}))
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b'{"id": 1}')])
    wait_until(lambda: json_objects(store, unique), 60, "the object")
    assert read(kafka, unique, 1)[0].value == {"id": 1}
