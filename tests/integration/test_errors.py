"""errors.tolerance and dead letters: a record that fails stops the task, is skipped, or is kept untouched."""

import json

from conftest import JSON, STRING, committed, json_objects, read, s3_config, wait_until

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
    """A failing transform: stage TRANSFORMATION, and the original bytes in the letter."""
    kafka.create_topic(unique)
    sent = [("k", b'"just text"'), ("k", b'{"id": 1}')]
    kafka.produce(unique, sent)
    dlq = f"{unique}-dlq"
    config = s3_config(
        store, unique, flush_size=1, errors_tolerance="all", errors_deadletterqueue_topic_name=dlq,
        errors_deadletterqueue_topic_replication_factor=1, errors_deadletterqueue_context_headers_enable="true",
    )
    config |= {
        "transforms": "add",
        "transforms.add.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.add.static.field": "source",
        "transforms.add.static.value": "bank",
    }
    worker.run("s3", config)
    letter = wait_until(lambda: kafka.consume_all(dlq), what="the dead letter")[0]
    told = dict(letter.headers)
    assert letter.value == sent[0][1] and told[PREFIX + "stage"] == b"TRANSFORMATION"
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
