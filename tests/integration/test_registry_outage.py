# SPDX-License-Identifier: Apache-2.0
"""A worker whose Schema Registry is not there yet, or there and silent: rows wait and then arrive, states stay true, a stop does not wait."""

import signal
import time

from conftest import Metrics, wait_until

import stand

AVRO = "io.confluent.connect.avro.AvroConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"


def avro(registry, **more):
    settings = {"schema.registry.url": registry.url, "max.retries": "1", "retries.wait.ms": "20"} | more
    return {"key.converter": STRING, "value.converter": AVRO, **{f"value.converter.{k}": v for k, v in settings.items()}}


def file_source(path, topic, registry, **more):
    return {"connector.class": "FileStreamSource", "file": str(path), "topic": topic, **avro(registry, **more)}


def requests(worker, result):
    found = Metrics(worker).all("sluice_registry_requests_total", result=result)
    return found[0].value if found else 0


def test_rows_wait_for_the_registry(worker, kafka, tmp_path, unique):
    rows, copied = tmp_path / "rows", tmp_path / "copied"
    rows.write_text("one\ntwo\n")
    registry = stand.Registry(tmp_path / "registry")
    # An outage is nobody's bad row: none is skipped.
    worker.create("source", file_source(rows, unique, registry) | {"errors.tolerance": "all"})
    wait_until(lambda: requests(worker, "unreachable") >= 4, what="tries of a registry that is not there")
    trace = wait_until(lambda: worker.status("source")["tasks"][0].get("trace"), what="the reason")
    assert "registry.unreachable" in trace and registry.url in trace and "RetriableException" in trace
    with registry:
        records = wait_until(lambda: kafka.consume_all(unique), what="rows")
        number = registry.latest(f"{unique}-value")["id"]
        assert {r.value[:5] for r in records} == {b"\0" + number.to_bytes(4, "big")}
        sink = {"connector.class": "FileStreamSink", "topics": unique, "file": str(copied), **avro(registry)}
        worker.run("sink", sink)
        wait_until(lambda: copied.exists() and copied.read_text() == "one\ntwo\n", what="rows in the file")
        assert requests(worker, "ok") == 2  # one to write, one to read, for all rows
        types = Metrics(worker).types()
        assert (types["sluice_registry_requests_total"], types["sluice_registry_request_seconds"]) == ("counter", "histogram")
    with rows.open("a") as file:
        file.write("three\n")
    # Known schemas need no registry.
    wait_until(lambda: copied.read_text() == "one\ntwo\nthree\n", what="a row while the registry is down")


def test_with_a_limit_of_restarts_the_task_fails(worker, tmp_path, unique):
    rows = tmp_path / "rows"
    rows.write_text("one\n")
    registry = stand.Registry(tmp_path / "registry")
    worker.create("source", file_source(rows, unique, registry) | {"sluice.task.restart.max": "1"})
    assert "registry.unreachable" in worker.wait_failed("source")


def test_a_stop_does_not_wait_for_a_silent_registry(worker, tmp_path, unique):
    rows = tmp_path / "rows"
    rows.write_text("one\n")
    with stand.Registry(tmp_path / "registry") as registry:
        registry.signal(signal.SIGSTOP)
        worker.run("source", file_source(rows, unique, registry, **{"http.read.timeout.ms": "3000000"}))
        wait_until(lambda: "sl-registry" in threads(worker.pid), what="the registry's thread")
        worker.delete("source")
        wait_until(lambda: "sl-registry" not in threads(worker.pid), what="the end of the registry's thread")


def test_a_sink_stays_in_its_group_while_it_waits(worker, kafka, tmp_path, unique):
    rows, copied = tmp_path / "rows", tmp_path / "copied"
    rows.write_text("one\n")
    with stand.Registry(tmp_path / "registry") as registry:
        worker.run("source", file_source(rows, unique, registry))
        wait_until(lambda: kafka.consume_all(unique), what="rows")
        registry.signal(signal.SIGSTOP)
        # Other settings than the source's: another registry, which knows no schema yet.
        sink = {"connector.class": "FileStreamSink", "topics": unique, "file": str(copied), **avro(registry, **{"max.retries": "9"})}
        # A consumer that is not polled for 6 s leaves the group.
        worker.run("sink", sink | {"consumer.override.max.poll.interval.ms": "6000"})
        assigned = time.monotonic()
        wait_until(lambda: time.monotonic() > assigned + 9, what="a wait longer than max.poll.interval.ms")
        registry.signal(signal.SIGCONT)
        wait_until(lambda: copied.exists() and copied.read_text() == "one\n", what="rows in the file")
        assert "MAXPOLL" not in worker.log_text() and worker.log_text().count("[sink|task-0] assigned") == 1


def threads(pid):
    found = []
    for path in stand.pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            found.append((path / "comm").read_text().strip())
        except OSError:
            continue
    return found
