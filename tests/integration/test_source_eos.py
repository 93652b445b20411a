"""Exactly-once for sources: where transactions end, offsets topics of a connector's own, what is refused."""

import json

from conftest import PG_PASSWORD, STRING, read, wait_until

OFF = {"exactly.once.source.support": "disabled"}


def source(path, topic, **more):
    return {
        "connector.class": "FileStreamSource", "file": str(path), "topic": topic, "key.converter": STRING,
        "value.converter": STRING, **{key.replace("_", "."): value for key, value in more.items()},
    }


def offsets(worker, kafka, topic=None, isolation="read_committed"):
    """The positions stored in an offsets topic, in order."""
    topic = topic or worker.properties["offset.storage.topic"]
    return [json.loads(r.value)["position"] for r in kafka.consume_all(topic, isolation) if r.value]


def numbered(path, count, mode="w"):
    with open(path, mode) as file:
        file.writelines(f"{i}\n" for i in range(count))


def test_poll_boundary(worker, kafka, tmp_path, unique):
    numbered(tmp_path / "f", 5000)
    size = (tmp_path / "f").stat().st_size
    worker.run("file", source(tmp_path / "f", unique, transaction_boundary="poll", batch_size="100"))
    wait_until(lambda: size in offsets(worker, kafka), what="the last offset")
    assert len(offsets(worker, kafka)) == 50
    assert [int(r.value) for r in kafka.consume_all(unique)] == list(range(5000))


def test_interval_boundary(make_worker, kafka, tmp_path, unique):
    """The interval comes from the worker; a stop ends the transaction at once."""
    worker = make_worker({"offset.flush.interval.ms": 60000}).start()
    numbered(tmp_path / "f", 3000)
    worker.run("file", source(tmp_path / "f", unique, transaction_boundary="interval"))
    wait_until(lambda: len(kafka.consume_all(unique, "read_uncommitted")) == 3000, what="the open transaction")
    assert kafka.consume_all(unique) == [] and offsets(worker, kafka, isolation="read_uncommitted") == []
    assert worker.stop() == 0
    assert len(kafka.consume_all(unique)) == 3000
    assert offsets(worker, kafka) == [(tmp_path / "f").stat().st_size]


def test_connector_boundary(make_worker, kafka, database, unique):
    """Postgres: a transaction of the database is never split, however short the interval."""
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql("create table t (id int primary key, v text)")
    config = database.config(table_include_list="public.t", sluice_transaction_interval_ms="1", transaction_boundary="connector")
    worker.run("pg", config)
    for i in range(4):
        database.sql(f"insert into t select i, repeat('x', 200) from generate_series({i * 5000}, {i * 5000 + 4999}) i")
    records = read(kafka, f"{unique}.public.t", 20000, timeout=60)
    assert [r.value["after"]["id"] for r in records] == list(range(20000))
    topic = worker.properties["offset.storage.topic"]
    wait_until(lambda: len(kafka.consume_all(topic)) >= 2, what="offsets")
    assert not [r for r in kafka.consume_all(topic, "read_uncommitted") if b"sluice_txn" in (r.value or b"")]


def test_own_offsets_topic(worker, kafka, tmp_path, unique):
    """Written first to the connector's topic, then to the worker's; the connector's wins, the worker's is a fallback."""
    own, path = f"{unique}-own", tmp_path / "f"
    shared = worker.properties["offset.storage.topic"]
    numbered(path, 10)
    config = source(path, unique, offsets_storage_topic=own)
    worker.run("file", config)
    wait_until(lambda: offsets(worker, kafka, own) == [20], what="the offset")
    wait_until(lambda: offsets(worker, kafka) == [20], what="its copy")
    policy = kafka.admin().list_topics(timeout=10).topics[own]
    assert len(policy.partitions) == 5  # as offset.storage.partitions says
    key = kafka.consume_all(own)[0].key
    assert worker.stop() == 0
    kafka.produce(shared, [(key, b'{"position":0}', [])])
    numbered(path, 10, "a")
    worker.start()
    wait_until(lambda: offsets(worker, kafka, own)[-1:] == [40], what="the second half")
    assert len(kafka.consume_all(unique)) == 20
    # Nothing in a new topic of its own: the worker's counts.
    assert worker.stop() == 0
    worker.start()
    worker.rest("PUT", "/connectors/file/config", json={**config, "offsets.storage.topic": f"{own}-2"}).raise_for_status()
    numbered(path, 1, "a")
    wait_until(lambda: offsets(worker, kafka, f"{own}-2") == [42], what="the offset in the third topic")
    assert len(kafka.consume_all(unique)) == 21


def test_producing_to_the_own_offsets_topic(worker, tmp_path, unique):
    numbered(tmp_path / "f", 2)
    config = source(tmp_path / "f", unique, offsets_storage_topic=unique)
    worker.create("file", config)
    trace = worker.wait_failed("file")
    assert trace.startswith(
        "org.apache.kafka.connect.errors.ConnectException: Source tasks may not produce to their own offsets topics when "
        "exactly-once support is enabled\n"
    )
    assert "sluice.NONE" not in trace


def test_required_on_a_worker_without(make_worker, tmp_path, unique):
    worker = make_worker(OFF).start()
    for more in ({"exactly_once_support": "required"}, {"transaction_boundary": "connector"}):
        answer = worker.create("file", source(tmp_path / "f", unique, **more), status=400)
        assert "This worker does not have exactly-once source support enabled." in answer["message"]


def test_transaction_expires(worker, kafka, tmp_path, unique):
    """The brokers end a transaction that takes too long: said in Connect's words, and tried again from the stored offset."""
    numbered(tmp_path / "f", 10)
    config = source(
        tmp_path / "f", unique, transaction_boundary="interval", transaction_boundary_interval_ms="25000",
        **{"producer.override.transaction.timeout.ms": "2000"},
    )
    worker.run("file", config)
    text = "The task file-0 was unable to finish writing records to Kafka before its producer transaction expired."
    wait_until(lambda: text in worker.log_text(), 60, "the explanation")
    worker.rest("PUT", "/connectors/file/config", json={**config, "transaction.boundary": "poll"}).raise_for_status()
    wait_until(lambda: len(kafka.consume_all(unique)) == 10, 60, "the rows")


def test_too_large_outside_transactions(make_worker, kafka, tmp_path, unique):
    """A record that Kafka refuses for its size: tolerated outside transactions, as in Connect; it fails the task inside."""
    (tmp_path / "f").write_text("a\n" + "x" * 2_000_000 + "\nb\n")
    worker = make_worker(OFF, name="lax").start()
    worker.run("file", source(tmp_path / "f", unique, errors_tolerance="all", errors_log_enable="true"))
    wait_until(lambda: [r.value for r in kafka.consume_all(unique)] == [b"a", b"b"], what="the other rows")
    wait_until(lambda: offsets(worker, kafka)[-1:] == [2_000_005], what="the offset past all")
    assert "Executing stage 'KAFKA_PRODUCE'" in worker.log_text()
    strict = make_worker(name="strict").start()
    strict.create("file", source(tmp_path / "f", unique, errors_tolerance="all"))
    trace = strict.wait_failed("file")
    assert "sluice.KAFKA_PRODUCE(" in trace and "Tolerance exceeded" not in trace
