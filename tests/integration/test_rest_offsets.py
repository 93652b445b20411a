"""REST: a connector's offsets, read, altered and reset; log levels for a whole cluster."""

import json

import confluent_kafka
import pytest

from conftest import committed, read, wait_until

STRINGS = {f"{side}.converter": "org.apache.kafka.connect.storage.StringConverter" for side in ("key", "value")}
DONE = {
    "altered": {"message": "The offsets for this connector have been altered successfully"},
    "reset": {"message": "The offsets for this connector have been reset successfully"},
}


def source(path, topic):
    return {"connector.class": "FileStreamSource", "file": str(path), "topic": topic, **STRINGS}


def sink(path, topic, **more):
    return {"connector.class": "FileStreamSink", "file": str(path), "topics": topic, **STRINGS, **more}


def offsets(worker, name):
    answer = worker.rest("GET", f"/connectors/{name}/offsets")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"offsets"}
    return answer.json()["offsets"]


def patch(worker, name, *pairs):
    body = {"offsets": [{"partition": partition, "offset": offset} for partition, offset in pairs]}
    return worker.rest("PATCH", f"/connectors/{name}/offsets", json=body)


def stop(worker, name):
    assert worker.rest("PUT", f"/connectors/{name}/stop").status_code == 204


def refused(answer, status, words):
    assert answer.status_code == status and words in answer.json()["message"], answer.text


def stored(kafka, worker):
    """The raw records of the worker's offsets topic."""
    return kafka.consume_all(worker.properties["offset.storage.topic"])


def test_source(worker, kafka, tmp_path, unique):
    path = tmp_path / "in"
    path.write_text("one\ntwo\nthree\n")
    partition = {"filename": str(path)}
    worker.run(unique, source(path, unique))
    wait_until(lambda: offsets(worker, unique) == [{"partition": partition, "offset": {"position": 14}}], what="offsets")
    refused(patch(worker, unique, (partition, {"position": 4})), 400, f"'/connectors/{unique}/stop' endpoint")
    refused(worker.rest("DELETE", f"/connectors/{unique}/offsets"), 400, "must be in the STOPPED state")
    stop(worker, unique)
    # The last one for a partition counts; a tombstone for what was never there is fine.
    answer = patch(worker, unique, (partition, {"position": 1}), ({"filename": "x"}, None), (partition, {"position": 4}))
    assert answer.status_code == 200 and answer.json() == DONE["altered"], answer.text
    assert offsets(worker, unique) == [{"partition": partition, "offset": {"position": 4}}]
    assert worker.rest("PUT", f"/connectors/{unique}/resume").status_code == 202
    lines = lambda: [record.value for record in kafka.consume_all(unique)]  # noqa: E731
    wait_until(lambda: lines() == [b"one", b"two", b"three", b"two", b"three"], what="the lines from byte 4 on")
    stop(worker, unique)
    for number in range(2):  # with something stored, and without
        answer = worker.rest("DELETE", f"/connectors/{unique}/offsets")
        assert answer.status_code == 200 and answer.json() == DONE["reset"], answer.text
        assert offsets(worker, unique) == []
    keys = {record.key for record in stored(kafka, worker) if json.loads(record.key)[1] == partition}
    assert keys == {f'["{unique}",{json.dumps(partition, separators=(",", ":"))}]'.encode()}
    refused(worker.rest("GET", "/connectors/nope/offsets"), 404, "Connector nope not found")
    refused(patch(worker, "nope", (partition, None)), 404, "Connector nope not found")
    refused(worker.rest("DELETE", "/connectors/nope/offsets"), 404, "Connector nope not found")


@pytest.mark.parametrize(
    "body, status, words",
    [
        ("{}", 400, "Partitions / offsets need to be provided for an alter offsets request"),
        ('{"offsets":[]}', 400, "Partitions / offsets need to be provided for an alter offsets request"),
        ('{"x":1}', 500, 'Unrecognized field "x"'),
        ('{"offsets":{}}', 500, "Cannot deserialize value"),
        ('{"offsets":[{"partition":{"filename":"a"},"z":1}]}', 500, 'Unrecognized field "z"'),
        ('{"offsets":[{"partition":5}]}', 500, "Cannot deserialize value"),
        ('{"offsets":[{"offset":{"position":1}}]}', 500, "Partition objects cannot be null"),
        ('{"offsets":[{"partition":{"filename":"a"},"offset":{"position":"1"}}]}', 500, "expected to be a Long value"),
        ('{"offsets":[{"partition":{"filename":["a"]},"offset":null}]}', 500, "field filename contains ARRAY"),
        ("[]", 500, "Cannot deserialize value"),
        ("{", 500, "can't be read"),
    ],
)
def test_bad_requests(shared, body, status, words):
    answer = shared.rest("PATCH", "/connectors/bad/offsets", raw=body, headers={"Content-Type": "application/json"})
    refused(answer, status, words)
    assert offsets(shared, "bad") == []


@pytest.fixture(scope="module")
def shared(binary, kafka, tmp_path_factory):
    """A worker with the stopped source `bad`, for requests that change nothing."""
    import conftest

    work = tmp_path_factory.mktemp("shared")
    made = conftest.Sluice(binary, work, kafka, {
        "bootstrap.servers": kafka.bootstrap, "offset.storage.file.filename": work / "offsets",
        "offset.storage.topic": "shared-offsets",
    })
    with made.start() as worker:
        body = {"name": "bad", "config": source(work / "in", "t"), "initial_state": "STOPPED"}
        assert worker.rest("POST", "/connectors", json=body).status_code == 201
        yield worker


def test_stored_spelling_and_fence(worker, kafka, tmp_path, unique):
    """The bytes of a key that another worker wrote are used again; a task that still runs somewhere is fenced."""
    topic, group = worker.properties["offset.storage.topic"], worker.properties["group.id"]
    body = {"name": unique, "config": source(tmp_path / "in", unique), "initial_state": "STOPPED"}
    assert worker.rest("POST", "/connectors", json=body).status_code == 201
    spelled = f'["{unique}", {{"z": 1, "filename": "f"}}]'
    kafka.produce(topic, [(spelled, '{"position":1}')], partitioner="murmur2_random")  # as Java's producers
    assert offsets(worker, unique) == [{"partition": {"filename": "f", "z": 1}, "offset": {"position": 1}}]
    zombie = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"{group}-{unique}-0"})
    zombie.init_transactions(30)
    zombie.begin_transaction()
    zombie.produce(topic, key=spelled, value='{"position":99}')
    zombie.flush(10)
    answer = patch(worker, unique, ({"filename": "f", "z": 1}, {"position": 7}))
    assert answer.status_code == 200, answer.text
    with pytest.raises(confluent_kafka.KafkaException):
        zombie.commit_transaction(10)
    assert offsets(worker, unique) == [{"partition": {"filename": "f", "z": 1}, "offset": {"position": 7}}]
    assert [record.key for record in stored(kafka, worker)] == [spelled.encode()] * 2


def test_own_topic(worker, kafka, tmp_path, unique):
    """A connector's own offsets topic wins; what is not in it is looked for in the worker's; both are changed."""
    config = {**source(tmp_path / "in", unique), "offsets.storage.topic": f"{unique}-offsets"}
    body = {"name": unique, "config": config, "initial_state": "STOPPED"}
    assert worker.rest("POST", "/connectors", json=body).status_code == 201
    record = (f'["{unique}",{{"filename":"below"}}]', '{"position":1}')
    kafka.produce(worker.properties["offset.storage.topic"], [record], partitioner="murmur2_random")  # as Java's producers
    below, own = ({"filename": "below"}, {"position": 1}), ({"filename": "own"}, {"position": 2})
    assert patch(worker, unique, own).status_code == 200
    found = {row["partition"]["filename"]: row["offset"] for row in offsets(worker, unique)}
    assert found == {"own": own[1], "below": below[1]}
    for topic in (f"{unique}-offsets", worker.properties["offset.storage.topic"]):
        assert own[1] in [json.loads(record.value) for record in kafka.consume_all(topic)], topic
    assert worker.rest("DELETE", f"/connectors/{unique}/offsets").json() == DONE["reset"]
    assert offsets(worker, unique) == []
    newest = {record.key: record.value for record in stored(kafka, worker)}
    assert len(newest) == 2 and not any(newest.values())


def test_sink(worker, kafka, tmp_path, unique):
    kafka.create_topic(unique)
    kafka.produce(unique, [(None, "a"), (None, "b"), (None, "c")])
    out, at = tmp_path / "out", {"kafka_topic": unique, "kafka_partition": 0}
    worker.run(unique, sink(out, unique))
    wait_until(lambda: out.exists() and out.read_text() == "a\nb\nc\n", what="three lines")
    stop(worker, unique)
    answer = patch(worker, unique, (at, {"kafka_offset": "1"}))
    assert answer.status_code == 200 and answer.json() == DONE["altered"], answer.text
    assert committed(kafka, f"connect-{unique}", unique) == {0: 1}
    assert offsets(worker, unique) == [{"partition": at, "offset": {"kafka_offset": 1}}]
    missing = {"kafka_topic": unique, "kafka_partition": 7}
    refused(patch(worker, unique, (missing, {"kafka_offset": 1})), 500, f"Failed to alter consumer group offsets for connector {unique}")
    refused(patch(worker, unique, (at, {"kafka_offset": -1})), 500, f"Failed to modify offsets for sink connector {unique}")
    refused(patch(worker, unique, ({"kafka_topic": unique}, None)), 400, "must contain the keys 'kafka_topic' and")
    assert worker.rest("PUT", f"/connectors/{unique}/resume").status_code == 202
    wait_until(lambda: out.read_text() == "a\nb\nc\nb\nc\n", what="the lines from offset 1 on")
    stop(worker, unique)
    assert patch(worker, unique, (at, None)).json() == DONE["altered"]
    assert offsets(worker, unique) == []
    for number in range(2):  # the second time there is no group
        assert worker.rest("DELETE", f"/connectors/{unique}/offsets").json() == DONE["reset"]


def test_sink_group_with_members(worker, kafka, tmp_path, unique):
    """The group is the one the config names; while it has members nothing is changed, and the answer says why."""
    kafka.create_topic(unique)
    config = sink(tmp_path / "out", unique, **{"consumer.override.group.id": f"own-{unique}"})
    body = {"name": unique, "config": config, "initial_state": "STOPPED"}
    assert worker.rest("POST", "/connectors", json=body).status_code == 201
    member = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"own-{unique}"})
    member.subscribe([unique])
    wait_until(lambda: member.poll(0.1) or member.assignment(), what="the member has its partition")
    at = {"kafka_topic": unique, "kafka_partition": 0}
    words = f"Failed to alter consumer group offsets for connector {unique} either because its tasks haven't stopped"
    refused(patch(worker, unique, (at, {"kafka_offset": 1})), 500, words)
    words = f"Failed to reset consumer group offsets for connector {unique} either because its tasks haven't stopped"
    refused(worker.rest("DELETE", f"/connectors/{unique}/offsets"), 500, words)
    member.close()
    assert patch(worker, unique, (at, {"kafka_offset": 0})).status_code == 200
    assert committed(kafka, f"own-{unique}", unique, 0) == {0: 0}


def test_postgres(worker, kafka, database):
    database.sql("create table t (id int primary key)")
    database.sql("insert into t values (1)")
    name, partition = database.name, {"server": database.name}
    worker.run(name, database.config())
    read(kafka, f"{name}.public.t", 1)
    database.sql("insert into t values (2)")
    read(kafka, f"{name}.public.t", 2)
    wait_until(lambda: "lsn_commit" in offsets(worker, name)[0]["offset"], what="an offset of the stream")
    stop(worker, name)
    wait_until(lambda: worker.status(name)["tasks"] == [], what="no tasks")
    [row] = offsets(worker, name)
    assert row["partition"] == partition
    refused(patch(worker, name, (partition, {"position": 1})), 500, "it has none of lsn_commit, lsn_proc, lsn")
    refused(patch(worker, name, ({"server": "other"}, row["offset"])), 500, 'its own is {"server":')
    assert offsets(worker, name) == [row]
    answer = patch(worker, name, (partition, row["offset"]))
    assert answer.status_code == 200 and "Connect framework-managed offsets" in answer.json()["message"], answer.text
    assert offsets(worker, name) == [row]
    assert {record.key for record in stored(kafka, worker)} == {f'["{name}",{{"server":"{name}"}}]'.encode()}
    assert worker.rest("PUT", f"/connectors/{name}/resume").status_code == 202
    database.sql("insert into t values (3)")
    rows = read(kafka, f"{name}.public.t", 3)
    assert len(rows) == 3  # nothing again, nothing lost


def test_cluster_log_levels(make_worker):
    """A level for the cluster reaches every worker that runs, and none that starts later."""
    first = make_worker().start()
    second = make_worker({k: v for k, v in first.properties.items() if k != "listeners"}, name="second").start()
    put = lambda worker, query, level: worker.rest("PUT", f"/admin/loggers/io.debezium{query}", json={"level": level})  # noqa: E731
    level = lambda worker: worker.rest("GET", "/admin/loggers/io.debezium")  # noqa: E731
    assert put(first, "", "debug").json() == ["io.debezium"]
    assert level(second).status_code == 404
    assert put(first, "?scope=cluster", "TRACE").status_code == 204
    for worker in (first, second):
        wait_until(lambda: level(worker).ok and level(worker).json()["level"] == "TRACE", what="the level")
        assert level(worker).json()["last_modified"] > 0
    third = make_worker({k: v for k, v in first.properties.items() if k != "listeners"}, name="third").start()
    assert level(third).status_code == 404
