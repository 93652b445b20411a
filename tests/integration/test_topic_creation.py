"""topic.creation.*: source tasks that make their topics; and what is refused before anything starts."""

import confluent_kafka.admin as ck
from conftest import STRING, wait_until

BASE = {"topic.creation.default.replication.factor": "1", "topic.creation.default.partitions": "2"}


def groups(unique):
    return {
        **BASE,
        "topic.creation.default.retention.ms": "3600000",
        "topic.creation.groups": "logs, small",
        "topic.creation.logs.include": f".*log{unique}, x[0-9]+{unique}",
        "topic.creation.logs.exclude": f"no.*{unique}",
        "topic.creation.logs.partitions": "5",
        "topic.creation.small.include": f".*(?<!b)log{unique},c.*",
        "topic.creation.small.max.message.bytes": "99999",
        "topic.creation.small.replication.factor": "-1",
    }


def source(path, topic, **more):
    path.write_text("a\n")
    return {
        "connector.class": "FileStreamSource", "file": str(path), "topic": topic,
        "key.converter": STRING, "value.converter": STRING, **more,
    }


def described(kafka, topic):
    admin = kafka.admin()
    found = admin.list_topics(timeout=10).topics.get(topic)
    config = admin.describe_configs([ck.ConfigResource(ck.ConfigResource.Type.TOPIC, topic)])
    return len(found.partitions), {k: v.value for k, v in next(iter(config.values())).result(10).items()}


def test_groups(worker, kafka, tmp_path, unique):
    cases = [
        ("a-log", 5, "1048588", "604800000"),
        ("x12", 5, "1048588", "604800000"),
        ("no-log", 2, "99999", "604800000"),  # excluded from the first group
        ("no-blog", 2, "1048588", "3600000"),  # and from the second by a look-behind
        ("ax12", 2, "1048588", "3600000"),  # whole names only
    ]
    for name, *_ in cases:
        worker.create(name, source(tmp_path / name, name + unique, **groups(unique)))
    for name, *wanted in cases:
        wait_until(lambda topic=name + unique: kafka.consume_all(topic), what=f"the record of {name}")
        count, config = described(kafka, name + unique)
        assert [count, config["max.message.bytes"], config["retention.ms"]] == wanted


def test_existing_topics_are_left_alone_and_others_fail(worker, kafka, tmp_path, unique):
    kafka.create_topic(unique, partitions=3)
    worker.run("old", source(tmp_path / "f", unique, **groups(unique)))
    wait_until(lambda: kafka.consume_all(unique), what="the record")
    assert described(kafka, unique)[0] == 3
    worker.create("new", source(tmp_path / "g", f"{unique}-2", **{**BASE, "topic.creation.default.replication.factor": "7"}))
    trace = worker.wait_failed("new")
    assert f"Task failed to create new topic {unique}-2. Ensure that the task is authorized to create topics or that " in trace
    assert trace.startswith("org.apache.kafka.connect.errors.ConnectException: ")


def test_switched_off(make_worker, kafka, tmp_path, unique):
    worker = make_worker({"topic.creation.enable": "false"}).start()
    worker.run("file", source(tmp_path / "f", unique, **groups(unique)))
    wait_until(lambda: kafka.consume_all(unique), what="the record")
    assert described(kafka, unique)[0] == 1  # the broker's own default


def test_validation(worker, tmp_path, unique):
    def errors(**more):
        config = source(tmp_path / "f", "t", name="x", **{k.replace("_", "."): v for k, v in more.items()})
        answer = worker.rest("PUT", "/connector-plugins/FileStreamSource/config/validate", json=config).json()
        return {c["value"]["name"]: c["value"]["errors"] for c in answer["configs"] if c["value"]["errors"]}

    default = "topic.creation.default."
    assert errors() == {} and errors(**groups(unique)) == {}
    assert set(errors(**{"topic.creation.groups": "a"})) == {default + "partitions", default + "replication.factor"}
    assert errors(**{**BASE, "topic.creation.groups": "a,a"})["topic.creation.groups"][0].endswith(
        "for configuration topic.creation.groups: Duplicate alias provided."
    )
    for key, value in (("partitions", "0"), ("partitions", "x"), ("replication.factor", "-2"), ("partitions", "-5")):
        assert list(errors(**{**BASE, default + key: value})) == [default + key]
    more = {**BASE, "topic.creation.groups": "a", "topic.creation.a.include": "(", "topic.creation.a.partitions": "0"}
    assert set(errors(**more)) == {"topic.creation.a.include", "topic.creation.a.partitions"}
    assert errors(transaction_boundary="connector") == {
        "transaction.boundary": [
            "The connector does not support connector-defined transaction boundaries with the given configuration. "
            "Please reconfigure it to use a different transaction boundary definition."
        ]
    }
    assert errors(transaction_boundary="x") == {
        "transaction.boundary": [
            "Invalid value x for configuration transaction.boundary: String must be one of (case insensitive): "
            "INTERVAL, POLL, CONNECTOR"
        ]
    }
    assert errors(exactly_once_support="nope") == {
        "exactly.once.support": [
            "Invalid value nope for configuration exactly.once.support: String must be one of (case insensitive): "
            "REQUIRED, REQUESTED"
        ]
    }
    assert errors(transaction_boundary="Interval", exactly_once_support="Required") == {}
    assert errors(transaction_boundary_interval_ms="-1") == {
        "transaction.boundary.interval.ms": [
            "Invalid value -1 for configuration transaction.boundary.interval.ms: Value must be at least 0"
        ]
    }
    assert list(errors(offsets_storage_topic="")) == ["offsets.storage.topic"]
