"""The standalone worker: connectors from files, file source and sink, where it left off."""

import json
import pathlib

import confluent_kafka
import pytest

from conftest import SLOW, STRING, wait_until

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
STRINGS = {"key.converter": STRING, "value.converter": STRING}


def properties(path, values):
    path.write_text("# a comment\n! another\n" + "".join(f"{key} = {value}\n" for key, value in values.items()))
    return path


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_file_to_file(make_worker, kafka, tmp_path, unique):
    given, copied = tmp_path / "given.txt", tmp_path / "copied.txt"
    given.write_text("eins\nzwei é😀\n\nvier\n")
    source = {"name": "from file", "connector.class": SOURCE, "file": given, "topic": unique}
    sink = {"name": "to-file", "config": {"connector.class": SINK, "file": str(copied), "topics": unique}}
    files = [properties(tmp_path / "source.properties", source), tmp_path / "sink.json"]
    files[1].write_text(json.dumps(sink))
    worker = make_worker(STRINGS, standalone=True, connectors=files).start()
    worker.wait_running("from file", 1)
    worker.wait_running("to-file", 1)
    wait_until(lambda: lines(copied) == ["eins", "zwei é😀", "", "vier"], what="the copy")
    with open(given, "a") as file:
        file.write("fünf\nohne Ende")  # a line is one when it ends
    wait_until(lambda: lines(copied)[4:] == ["fünf"], what="the appended line")
    with open(given, "a") as file:
        file.write(" doch\n")
    wait_until(lambda: lines(copied)[5:] == ["ohne Ende doch"], what="the ended line")
    assert sorted(worker.rest("GET", "/connectors").json()) == ["from file", "to-file"]

    # What was written while it was away comes once, and nothing else again.
    assert worker.stop() == 0
    with open(given, "a") as file:
        file.write("".join(f"{i}\n" for i in range(5000)))
    worker.start()
    wait_until(lambda: len(lines(copied)) == 5006, what="the rest")
    assert lines(copied)[6:] == [str(i) for i in range(5000)]
    worker.kill()
    with open(given, "a") as file:
        file.write("last\n")
    worker.start()
    # A file can't take part in a transaction: after a kill the sink may repeat lines, but the topic has each once.
    wait_until(lambda: lines(copied)[-1] == "last", what="the line after the kill")
    values = [record.value.decode() for record in kafka.consume_all(unique)]
    assert values == lines(given)


def test_flat_json_and_rest(make_worker, kafka, tmp_path, unique):
    """A connector file may be the flat map; REST works the same, and what REST made is gone after a restart."""
    given, out = tmp_path / "given", tmp_path / "out"
    given.write_text("a\nb\n")
    flat = tmp_path / "flat.json"
    flat.write_text(json.dumps({"name": "flat", "connector.class": SOURCE, "file": str(given), "topic": unique}))
    worker = make_worker(STRINGS, standalone=True, connectors=[flat]).start()
    worker.wait_running("flat", 1)
    worker.run("made", {"connector.class": SINK, "file": str(out), "topics": unique})
    wait_until(lambda: lines(out) == ["a", "b"], what="the lines")
    worker.restart()
    worker.wait_running("flat", 1)
    assert worker.rest("GET", "/connectors").json() == ["flat"]


def test_environment_and_command_line_override(make_worker, kafka, tmp_path, unique):
    worker = make_worker(
        {**STRINGS, "bootstrap.servers": "127.0.0.1:1"},
        standalone=True,
        env={"CONNECT_BOOTSTRAP_SERVERS": "127.0.0.1:2"},
        args=["--set", f"bootstrap.servers={kafka.bootstrap}"],
    ).start()
    assert worker.rest("GET", "/").json()["kafka_cluster_id"]


@pytest.mark.parametrize("body", ["{", '{"name": "x"}', '{"name": "x", "config": {"connector.class": "nope"}}'])
def test_wrong_connector_file(make_worker, tmp_path, body):
    """Ends with 3 and says which file."""
    import subprocess

    path = tmp_path / "wrong.json"
    path.write_text(body)
    worker = make_worker(STRINGS, standalone=True, connectors=[path])
    worker._prepare()
    done = subprocess.run(list(map(str, worker._command())), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr
    assert "wrong.json" in done.stderr


@pytest.mark.skipif(SLOW > 1, reason="sanitizers need large stacks")
def test_threads_have_small_stacks(make_worker):
    """Limits on data count all of them."""
    worker = make_worker(STRINGS).start()
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{worker.pid}/status").read_text().splitlines())
    threads = int(status["Threads"])
    assert threads > 5 and int(status["VmData"].split()[0]) < threads * 4 << 10


def test_json_log(make_worker, tmp_path):
    worker = make_worker(STRINGS, standalone=True, args=["--log-format", "json"]).start()
    assert worker.stop() == 0
    for line in worker.log_text().splitlines():
        assert isinstance(json.loads(line), dict)


def test_internal_topics_match_no_regex(make_worker, kafka, tmp_path, unique):
    """As in Java, unless exclude.internal.topics=false."""
    kafka.produce(unique, [(None, b"row")])
    first = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": unique})
    first.commit(offsets=[confluent_kafka.TopicPartition(unique, 0, 0)], asynchronous=False)  # makes the topic
    first.close()
    assert "__consumer_offsets" in kafka.admin().list_topics(timeout=10).topics
    worker = make_worker(STRINGS, standalone=True).start()
    config = {"connector.class": SINK, "topics.regex": f"__consumer_offsets|{unique}", "file": str(tmp_path / "out")}

    def topics_of(name, more):
        worker.run(name, {**config, **more}, 1)
        group = f"connect-{name}"

        def assigned():
            admin = kafka.admin()
            members = admin.describe_consumer_groups([group])[group].result(10).members
            return {part.topic for member in members for part in member.assignment.topic_partitions}

        return wait_until(assigned, what="an assignment")

    assert topics_of(f"{unique}-default", {}) == {unique}
    other = topics_of(f"{unique}-all", {"consumer.override.exclude.internal.topics": "false"})
    assert other == {unique, "__consumer_offsets"}
