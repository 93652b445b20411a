"""GET /metrics: valid Prometheus text, the names that common dashboards query, values that agree with what was done; and the documents
that are built on it: docs/metrics.md, the dashboard and the alert rules."""

import json
import math
import re

import pytest
import stand
import yaml

from conftest import PG_PASSWORD, STRING, Metrics, json_objects, s3_config, wait_until

ROOT = stand.PLACES["SLUICE_ROOT"]
ROWS, BAD = 40, 3


def documented():
    """The rows of docs/metrics.md: {name: (type, labels)}."""
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (\w+) \| ([^|]*) \|", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert len(rows) > 100 and len(rows) == len({row[0] for row in rows})
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def check_text(text):
    """What the parser lets pass: one head a family, its samples directly after it, no sample twice."""
    family, seen, samples = None, set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in seen, family
            seen.add(family)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family
        else:
            sample = line.rpartition(" ")[0]
            assert re.fullmatch(rf"{family}(_bucket|_sum|_count)?", sample.partition("{")[0]), line
            assert sample not in samples, line
            samples.add(sample)


@pytest.fixture
def busy(make_worker, kafka, database, store, unique):
    """A worker with a Postgres source whose topic an S3 sink reads; some of the sink's records can't be read."""
    worker = make_worker(
        {"sluice.kafka.statistics.interval.ms": 300, "metrics.sample.window.ms": 60000}, env={"PGPASSWORD": PG_PASSWORD}
    ).start()
    topic = f"{database.prefix}.public.t"
    kafka.create_topic(topic)
    kafka.produce(topic, [(f"k{i}", b"{not json") for i in range(BAD)])
    database.sql("create table t (id int primary key, note text)")
    database.sql(f"insert into t select i, 'n' from generate_series(1, {ROWS // 2}) i")
    worker.run("pg", database.config(table_include_list="public.t"))
    database.sql(f"insert into t select i, 'n' from generate_series({ROWS // 2 + 1}, {ROWS}) i")
    wait_until(lambda: Metrics(worker).value("kafka_connect_source_task_source_record_write_total") == ROWS, what="rows")
    # The topic now ends with the end of a transaction, which no consumer reads as a record.
    worker.run("s3", s3_config(
        store, topic, flush_size=ROWS, sluice_rotate_idle_ms=500, errors_tolerance="all", errors_log_enable="true",
        errors_deadletterqueue_topic_name=f"{unique}-dlq", errors_deadletterqueue_topic_replication_factor=1,
        value_converter_schemas_enable="false", key_converter=STRING,
    ))
    wait_until(lambda: json_objects(store, topic), what="the object")
    worker.topic = topic
    return worker


def settled(worker):
    """Metrics in which all that was done has arrived, the clients' statistics too."""
    topic = {"topic": worker.topic}
    wanted = [
        # librdkafka counts the end markers of transactions as records read.
        ("kafka_consumer_fetch_manager_records_consumed_total", topic, lambda v: v >= ROWS + BAD),
        ("kafka_consumer_fetch_manager_records_lag", topic, lambda v: v == 0),
        ("kafka_producer_topic_record_send_total", topic, lambda v: v >= 1),  # of this handle: a restarted line has a new one
        ("kafka_producer_record_send_total", {"clientid": "connector-dlq-producer-s3-0"}, lambda v: v == BAD),
        ("kafka_connect_sink_task_sink_record_active_count", {}, lambda v: v == 0),
        ("sluice_sink_lag_records", {}, lambda v: v == 0),
    ]
    left = []

    def done():
        m = Metrics(worker)
        found = [(name, [s.value for s in m.all(name, **labels)], right) for name, labels, right in wanted]
        left[:] = [(name, values) for name, values, right in found if len(values) != 1 or not right(values[0])]
        return not left and m

    try:
        return wait_until(done, what="settled metrics")
    except TimeoutError:
        raise AssertionError(f"{left}\n{worker.log_text()[-3000:]}") from None


def test_values_and_documents(busy, kafka):
    m = settled(busy)
    check_text(m.text)

    # docs/metrics.md says what is served, with type and labels, and nothing else.
    types, documents = m.types(), documented()
    # These are there with a registry's first request, with a Snowflake sink and with a dead-letter connector.
    others = {name for name in documents if name.startswith(("sluice_registry_", "sluice_snowflake_", "sluice_dlq_"))}
    assert set(types) == set(documents) - others
    for family in m.families:
        for sample in family.samples:
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name) if sample.name not in types else sample.name
            kind, labels = documents[name]
            assert types[name] == kind, name
            assert set(sample.labels) - {"le"} <= labels, sample

    pg, s3 = {"connector": "pg", "task": "0"}, {"connector": "s3", "task": "0"}
    source, sink, task = "kafka_connect_source_task_", "kafka_connect_sink_task_", "kafka_connect_connector_task_"
    assert m.value(source + "source_record_poll_total", **pg) == ROWS
    assert m.value(source + "source_record_write_total", **pg) == ROWS
    assert 0 < m.value(source + "source_record_write_rate", **pg) <= ROWS / 60
    assert m.value(source + "source_record_active_count", **pg) == 0
    assert 1 <= m.value(source + "source_record_active_count_max", **pg) <= ROWS
    assert 1 <= m.value(source + "transaction_size_min", **pg) <= m.value(source + "transaction_size_max", **pg) <= ROWS
    assert m.value(source + "poll_batch_max_time_ms", **pg) >= m.value(source + "poll_batch_avg_time_ms", **pg) >= 0
    assert m.value(sink + "sink_record_read_total", **s3) == ROWS + BAD
    assert m.value(sink + "sink_record_send_total", **s3) == ROWS
    assert m.value(sink + "partition_count", **s3) == 1
    assert m.value(sink + "offset_commit_seq_no", **s3) == m.value(sink + "offset_commit_completion_total", **s3) >= 1
    assert m.value(sink + "put_batch_max_time_ms", **s3) > 0
    for labels in (pg, s3):
        assert m.value(task + "running_ratio", **labels) > 0 and m.value(task + "pause_ratio", **labels) == 0
        assert m.value(task + "offset_commit_success_percentage", **labels) == 1
        assert m.value(task + "offset_commit_failure_percentage", **labels) == 0
        assert m.value(task + "offset_commit_max_time_ms", **labels) > 0
        assert 1 <= m.value(task + "batch_size_avg", **labels) <= m.value(task + "batch_size_max", **labels) <= ROWS + BAD
        assert m.value(task + "status", **labels, status="running") == 1
        assert m.value("sluice_task_commit_seconds_count", **labels) >= 1

    error = "kafka_connect_task_error_"
    for name in ("record_failures", "record_errors", "records_skipped", "errors_logged"):
        assert m.value(f"{error}total_{name}", **s3) == BAD, name
        assert m.value(f"{error}total_{name}", **pg) == 0, name
    assert m.value(error + "deadletterqueue_produce_requests", **s3) == BAD
    assert m.value(error + "deadletterqueue_produce_failures", **s3) == 0
    assert m.value(error + "last_error_timestamp", **s3) > 1e12 and m.value(error + "last_error_timestamp", **pg) == 0
    assert m.value("sluice_task_errors_total", **s3, **{"class": "deserialization"}) == BAD
    assert sum(s.value for s in m.all("sluice_task_errors_total", **s3)) == BAD

    worker = "kafka_connect_worker_"
    assert m.value(worker + "connector_count") == m.value(worker + "task_count") == 2
    assert m.value(worker + "connector_startup_success_total") == m.value(worker + "task_startup_success_total") == 2
    assert m.value(worker + "task_startup_success_percentage") == 1
    assert m.value(worker + "connector_running_task_count", connector="pg") == 1
    assert m.value("kafka_connect_connector_status", connector="s3", status="running") == 1
    assert m.value("kafka_connect_connector_connector_type", connector="s3", connector_type="sink") == 1
    rebalance = worker + "rebalance_"
    assert m.value(rebalance + "leader_name", leader_name=f"{busy.url}/") == 1
    assert m.value(rebalance + "rebalancing") == 0 and m.value(rebalance + "epoch") >= 1
    assert m.value(rebalance + "completed_rebalances_total") >= 1
    assert m.value(rebalance + "rebalance_max_time_ms") >= m.value(rebalance + "rebalance_avg_time_ms") >= 0
    assert 0 <= m.value(rebalance + "time_since_last_rebalance_ms") < 600000
    assert m.value("kafka_connect_version_info", version=busy.rest("GET", "/").json()["version"]) == 1

    client = {"clientid": "connector-consumer-s3-0"}
    assert m.value("kafka_consumer_fetch_manager_records_lag", **client, topic=busy.topic, partition="0") == 0
    assert m.value("kafka_consumer_coordinator_assigned_partitions", **client) == 1
    assert m.value("kafka_consumer_connection_count", **client) >= 1
    assert m.value("kafka_producer_request_latency_avg", clientid="connector-producer-pg-0") >= 0 or math.isnan(
        m.value("kafka_producer_request_latency_avg", clientid="connector-producer-pg-0"))
    assert m.value("sluice_source_lag_bytes", **pg) >= 0 and m.value("sluice_source_lag_seconds", **pg) < 60


def check_documents(m, prefix):
    """What is served under the prefix is documented so. The names of docs/metrics.md that are not served."""
    check_text(m.text)
    documents = {name: facts for name, facts in documented().items() if name.startswith(prefix)}
    served = {name: kind for name, kind in m.types().items() if name.startswith(prefix)}
    assert served.items() <= {name: kind for name, (kind, labels) in documents.items()}.items()
    for family in m.families:
        for sample in family.samples:
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name)
            for known in documents.keys() & {sample.name, name}:
                assert set(sample.labels) - {"le"} <= documents[known][1], sample
    return documents.keys() - served.keys()


def test_snowflake(make_worker, kafka, snowflake, unique):
    """A Snowflake sink's metrics are those of docs/metrics.md."""
    worker = make_worker().start()
    kafka.create_topic(unique)
    kafka.produce(unique, [(f"k{i}", b'{"id": 1}') for i in range(ROWS)])
    worker.run("sf", {**snowflake.config(unique), "key.converter": STRING,
                      "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"})
    m = wait_until(lambda: (m := Metrics(worker)).value("sluice_snowflake_rows_total") == ROWS
                   and m.value("sluice_snowflake_commit_seconds_count") and m, what="the rows")
    assert not check_documents(m, "sluice_snowflake_")


def test_dead_letter_connector(make_worker, kafka, unique):
    """A dead-letter connector's metrics are those of docs/metrics.md; two are there when what they count has happened."""
    worker = make_worker().start()
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b"what no class fits")])
    worker.run("letters", {"connector.class": "sluice.dlq", "dlq.topics": unique})
    wait_until(lambda: Metrics(worker).value("sluice_dlq_open_letters", **{"class": "unknown"}) == 1, what="the letter")
    m = Metrics(worker)
    assert check_documents(m, "sluice_dlq_") == {"sluice_dlq_breaker_state", "sluice_dlq_rule_uses_total"}


def test_lag_of_a_sink_that_does_not_keep_up(make_worker, kafka, tmp_path, unique):
    """The lag is what was not read yet; a paused task says so, and keeps nothing of the partitions it gave up."""
    worker = make_worker({"sluice.kafka.statistics.interval.ms": 300}).start()
    kafka.create_topic(unique)
    kafka.produce(unique, [(None, str(i).encode()) for i in range(10)])
    worker.run("file", {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": unique,
        "file": str(tmp_path / "out"), "key.converter": STRING, "value.converter": STRING,
    })
    name = "kafka_connect_sink_task_sink_record_send_total"
    wait_until(lambda: Metrics(worker).value(name) == 10, what="ten lines")
    assert worker.rest("PUT", "/connectors/file/pause").status_code == 202
    wait_until(lambda: Metrics(worker).all("kafka_connect_connector_task_status", status="paused"), what="a paused task")
    m = Metrics(worker)
    assert m.value("kafka_connect_worker_connector_paused_task_count", connector="file") == 1
    assert m.value("kafka_connect_sink_task_partition_count") == 0
    assert not m.all("kafka_consumer_fetch_manager_records_lag")
    wait_until(lambda: Metrics(worker).value("kafka_connect_connector_task_pause_ratio") > 0, what="a share of time")
    assert worker.rest("PUT", "/connectors/file/resume").status_code == 202
    wait_until(lambda: Metrics(worker).all("kafka_consumer_fetch_manager_records_lag"), what="the lag of a new consumer")


def test_failures_and_what_is_gone(make_worker, kafka, tmp_path, unique):
    worker = make_worker({"metrics.sample.window.ms": 200, "sluice.kafka.statistics.interval.ms": 0}).start()
    kafka.create_topic(unique)
    kafka.produce(unique, [(None, b"{")])
    odd = f'o"{unique}'
    worker.create(odd, {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": unique,
        "file": str(tmp_path / "out"), "value.converter.schemas.enable": "false",
    })
    worker.wait_failed(odd)
    m = Metrics(worker)
    check_text(m.text)
    assert m.value("kafka_connect_worker_connector_failed_task_count", connector=odd) == 1
    assert m.value("kafka_connect_connector_task_status", connector=odd, status="failed") == 1
    assert m.value("kafka_connect_connector_status", connector=odd, status="running") == 1
    assert m.value("sluice_worker_failed_tasks") == 1
    assert m.value("sluice_task_errors_total", connector=odd, **{"class": "deserialization"}) == 1
    assert m.value("kafka_connect_task_error_total_record_errors", connector=odd) == 1
    assert m.value("kafka_connect_worker_task_startup_attempts_total") == 1
    assert not m.all("kafka_consumer_request_total") and not m.all("kafka_producer_request_total")

    # The windows run out: nothing was read for a while.
    def forgotten():
        later = Metrics(worker)
        return math.isnan(later.value("kafka_connect_connector_task_batch_size_max")) and later

    later = wait_until(forgotten, what="an empty window")
    assert later.value("kafka_connect_sink_task_sink_record_read_rate") == 0
    assert later.value("kafka_connect_sink_task_sink_record_read_total") == 1

    # A task that can't even start.
    worker.create("never", {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": unique,
        "file": str(tmp_path / "no" / "such" / "folder"),
    })
    worker.wait_failed("never")
    m = Metrics(worker)
    assert m.value("kafka_connect_worker_task_startup_failure_total") == 1
    assert m.value("kafka_connect_worker_task_startup_failure_percentage") == 0.5
    for name in (odd, "never"):
        stand.wait_until(lambda name=name: worker.rest("DELETE", f"/connectors/{name}").status_code in (204, 404))
    wait_until(lambda: not [s for s in Metrics(worker).samples if "connector" in s.labels], what="nothing left of them")


# --- What is built on the names ---------------------------------------------------------------------------------------


def queried(expression):
    """The names of metrics in a PromQL expression."""
    names = re.findall(r"\b(?:kafka|sluice)_[a-z0-9_]+", re.sub(r'"[^"]*"', "", expression))
    assert names or "up{" in expression, expression
    return {re.sub(r"_(bucket|sum|count)$", "", name) if name not in documented() else name for name in names}


def test_dashboard_asks_for_what_is_served():
    board = json.loads((ROOT / "docker/grafana/dashboards/sluice.json").read_text())
    variables = {v["name"]: v for v in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    rows = [p["title"] for p in board["panels"] if p["type"] == "row"]
    assert rows == ["Worker", "Connectors", "Source tasks", "Sink tasks", "Errors", "Postgres lag", "S3", "Kafka clients"]
    panels = [p for p in board["panels"] if p["type"] != "row"]
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])
    known = documented()
    for panel in panels:
        assert panel["targets"] and panel["datasource"]["uid"] == "${datasource}", panel["title"]
        for target in panel["targets"]:
            assert queried(target["expr"]) <= set(known), (panel["title"], target["expr"])
            used = set(re.findall(r"\bby \(([^)]*)\)", target["expr"]))
            labels = {label.strip() for text in used for label in text.split(",")} - {"instance", "le"}
            for name in queried(target["expr"]):
                assert labels <= known[name][1], (panel["title"], target["expr"])
    for variable in variables.values():
        if variable["type"] == "query":
            assert queried(variable["query"]["query"]) <= set(known)


def test_alert_rules_ask_for_what_is_served():
    rules = yaml.safe_load((ROOT / "docker/prometheus/rules.yaml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({alert["alert"] for alert in alerts}) == len(alerts) >= 6
    for alert in alerts:
        assert queried(alert["expr"]) <= set(documented()), alert["expr"]
        assert alert["labels"]["severity"] and alert["annotations"]["summary"]
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yaml").read_text())
    assert config["rule_files"] == ["rules.yaml"]
