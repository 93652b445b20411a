# SPDX-License-Identifier: Apache-2.0
"""Our own code makes no heap allocation per row on the source line: a run over ten times the rows allocates no more per row.

sluice_counting is the worker with the malloc calls of our static libraries counted (libpq's and librdkafka's are not)."""
import os
import re

import pytest
import stand

SMALL, LARGE = 20_000, 320_000


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("allocations")
    kafka, postgres = stand.Kafka(workdir / "kafka"), stand.Postgres(workdir / "postgres")
    registry = stand.Registry(workdir / "registry")
    stand.start_all([kafka, postgres, registry])
    postgres.create_db("bank")
    postgres.sql("CREATE TABLE rows (id bigint PRIMARY KEY, amount numeric(12,2), note text, at timestamptz)", "bank")
    postgres.sql("CREATE PUBLICATION counted FOR TABLE rows", "bank")
    yield workdir, kafka, postgres, registry
    stand.stop_all([kafka, postgres, registry])


def task_allocations(parts, name, rows, converter):
    workdir, kafka, postgres, registry = parts
    postgres.sql(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')", "bank")
    postgres.sql("TRUNCATE rows", "bank")
    with postgres.connect("bank", autocommit=True) as db:
        for start in range(0, rows, 1000):
            db.execute("INSERT INTO rows SELECT i, i / 7.0, 'note ' || i, now() FROM generate_series(%s::int, %s::int) i",
                       (start, start + 999))
    worker = stand.Worker(os.environ["SLUICE_COUNTING"], workdir / name, {
        "bootstrap.servers": kafka.bootstrap, "group.id": name,
        "config.storage.topic": f"{name}-c", "config.storage.replication.factor": "1",
        "offset.storage.topic": f"{name}-o", "offset.storage.replication.factor": "1",
        "status.storage.topic": f"{name}-s", "status.storage.replication.factor": "1",
        "key.converter": converter, "key.converter.schema.registry.url": registry.url,
        "value.converter": converter, "value.converter.schema.registry.url": registry.url})
    with worker:
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": {
            "connector.class": "postgres", "database.hostname": "127.0.0.1", "database.port": str(postgres.port),
            "database.user": "postgres", "database.password": "x", "database.dbname": "bank", "topic.prefix": name,
            "plugin.name": "pgoutput", "slot.name": name, "publication.name": "counted",
            "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data",
            "transforms": "route,stamp", "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
            "transforms.route.regex": "([^.]+)\\.([^.]+)\\.([^.]+)", "transforms.route.replacement": "$1-$3",
            "transforms.stamp.type": "org.apache.kafka.connect.transforms.InsertField$Value",
            "transforms.stamp.static.field": "site", "transforms.stamp.static.value": "north"}})
        assert answer.status_code == 201, answer.text

        def sent():
            found = re.search(rf'^sluice_source_records_total{{[^}}]*connector="{name}"[^}}]*}} (\d+)',
                              worker.rest("GET", "/metrics").text, re.M)
            return found and int(found.group(1)) >= rows

        stand.wait_until(sent, timeout=120, what=f"{rows} rows; log: {worker.log_path}")
    return int(re.search(r"allocations task=(\d+)", worker.log_text()).group(1))


@pytest.mark.parametrize("name, converter, more", [("json", "org.apache.kafka.connect.json.JsonConverter", LARGE),
                                                   ("avro", "io.confluent.connect.avro.AvroConverter", LARGE // 3)])
def test_no_allocation_per_row(parts, name, converter, more):
    small = task_allocations(parts, f"small_{name}", SMALL, converter)
    large = task_allocations(parts, f"large_{name}", more, converter)
    per_row = (large - small) / (more - SMALL)
    print(f"own allocations: {small} for {SMALL} rows, {large} for {more} rows: {per_row:.5f} a row")
    # What may grow with time is a handful a commit (offset JSON, steps); a single allocation a row would give 1.
    assert per_row < 0.005
