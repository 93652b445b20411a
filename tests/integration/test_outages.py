"""The brokers go away and come back while rows are written: every row exactly once, without a hand."""

import signal

import pytest
import stand

from conftest import PG_PASSWORD, json_objects, read, s3_config, wait_until


@pytest.fixture
def own_kafka(tmp_path):
    """A broker that this test may stop."""
    broker = stand.Kafka(tmp_path / "kafka").start()
    yield broker
    broker.stop()


def test_broker_restarts(own_kafka, make_worker, database):
    worker = make_worker({"bootstrap.servers": own_kafka.bootstrap}, env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql("create table accounts (id int primary key, name text)")
    worker.run("pg", database.config(table_include_list="public.accounts"))
    topic = f"{database.prefix}.public.accounts"
    written = 0
    for turn in range(2):
        for step in range(4):
            database.sql(f"insert into accounts select i, 'x' from generate_series({written + 1}, {written + 5000}) i")
            written += 5000
            if step == 1:
                own_kafka.kill() if turn else own_kafka.stop()
        confirmed = database.confirmed()
        own_kafka.start()
        read(own_kafka, topic, written, timeout=90)
        assert database.confirmed() >= confirmed
    records = read(own_kafka, topic, written)
    assert [record.value["after"]["id"] for record in records] == list(range(1, written + 1))
    wait_until(lambda: worker.status("pg")["tasks"][0]["state"] == "RUNNING", 30, "the task")
    assert worker.stop() == 0


def test_stop_while_brokers_are_silent(own_kafka, make_worker, database, store, unique):
    """A frozen broker holds connections open and answers nothing: tasks end all the same, long before Kafka's timeouts."""
    properties = {"bootstrap.servers": own_kafka.bootstrap, "task.shutdown.graceful.timeout.ms": 25000}
    worker = make_worker(properties, env={"PGPASSWORD": PG_PASSWORD}).start()
    database.sql("create table t (id int primary key)")
    own_kafka.create_topic(unique)
    worker.run("pg", database.config(table_include_list="public.t"))
    worker.run("s3", s3_config(store, unique, flush_size=1))
    own_kafka.produce(unique, [("k", b'{"id": 1}', [])])
    wait_until(lambda: json_objects(store, unique), what="the object")
    own_kafka.signal(signal.SIGSTOP)
    database.sql("insert into t values (1)")
    worker.grace = 90
    worker.stop()
    own_kafka.signal(signal.SIGCONT)
    assert "did not end in time" not in worker.log_text()
    assert json_objects(store, unique)
