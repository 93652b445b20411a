# SPDX-License-Identifier: Apache-2.0
"""Servers that mean harm: whatever Postgres, a schema registry, S3 or Snowflake says, the worker lives, answers, stays
within its memory, and works again when it is told the truth. SLUICE_SEED repeats a run."""

import json
import os
import pathlib
import random
import time

import pytest
import stand

from conftest import JSON, PG_PASSWORD, SLOW, STRING, read, s3_config, wait_until
from hostile import BadHttp, Flipper

SEED = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31)))
AVRO = "io.confluent.connect.avro.AvroConverter"


@pytest.fixture(scope="module", autouse=True)
def seed():
    print(f"SLUICE_SEED={SEED}")


def open_files(worker):
    return len(list(pathlib.Path(f"/proc/{worker.pid}/fd").iterdir()))


def must_live(worker):
    if not worker.running:
        raise stand.StandError(f"the worker ended with {worker.kill()}:\n{worker.log_text()[-4000:]}")


def restart_what_is_down(worker, name):
    must_live(worker)
    status = worker.status(name)
    if any(part["state"] != "RUNNING" for part in [status["connector"], *status["tasks"]]):
        worker.rest("POST", f"/connectors/{name}/restart?includeTasks=true")


def harm(worker, proxy, name, feed, rates, least):
    """Damages at each rate until so many more bytes are other than the server sent."""
    for rate in rates:
        proxy.rate, until = rate, proxy.harmed + least

        def enough():
            feed()
            restart_what_is_down(worker, name)
            return proxy.harmed >= until

        wait_until(enough, 150, f"damage at {rate}", 0.2)  # chance and the pauses between tries decide how soon
    proxy.rate = 0
    proxy.cut()


@pytest.mark.timeout(550)
def test_postgres(make_worker, kafka, database):
    """Damaged everywhere: greetings, catalogs, COPY, pgoutput. Rows may be damaged too, as nothing but the link protects them; then
    a new connector reads what is there."""
    database.sql("create table t (id int primary key, at timestamptz, n numeric, v text[], j jsonb)")
    database.sql("insert into t select i, now(), i / 7.0, array['a', null, 'b'], '{\"a\": 1}' from generate_series(1, 2000) i")
    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    numbers = iter(range(10_000, 1 << 30))

    def feed():
        first = next(numbers) * 20
        database.sql(f"insert into t select i, now(), i / 7.0, array['a', null], null from generate_series({first}, {first + 19}) i")
        database.sql(f"update t set n = n + 1 where id between {first} and {first + 9}; delete from t where id = {first}")

    with Flipper(database.postgres.port, SEED) as proxy:
        config = database.config(table_include_list="public.t", retriable_restart_connector_wait_ms="100")
        config["database.port"] = str(proxy.port)
        worker.run("pg", config)
        files = open_files(worker)
        harm(worker, proxy, "pg", feed, (1e-5, 1e-4, 1e-3, 1e-2), 20)
        worker.delete("pg")
        wait_until(lambda: open_files(worker) <= files + 8, what="the connections to end")
        if SLOW == 1:
            assert worker.rss_peak_kb() < 400_000
        rows = database.sql("select count(*) from t")[0][0]
        config |= {"topic.prefix": f"{database.prefix}x", "slot.name": f"{database.slot}x"}
        worker.run("again", config)
        got = read(kafka, f"{database.prefix}x.public.t", rows)
        assert len({record.value["after"]["id"] for record in got}) == rows
        worker.delete("again")


@pytest.mark.timeout(550)
def test_http(make_worker, kafka, store, snowflake, tmp_path, unique):
    """Registry, S3 and Snowflake give every bad answer that there is; nothing crashes, hangs or grows, and then each works."""
    kafka.create_topic(unique)
    kafka.produce(unique, [(f"k{i}", json.dumps({"id": i}), []) for i in range(30)])
    path = tmp_path / "lines"
    path.write_text("a\nb\nc\n")
    worker = make_worker().start()
    with BadHttp(SEED) as registry, BadHttp(SEED + 1) as s3, BadHttp(SEED + 2) as sf:
        configs = {
            "registry": {
                "connector.class": "FileStreamSource", "file": str(path), "topic": f"{unique}-avro", "value.converter": AVRO,
                "value.converter.schema.registry.url": registry.url, "errors.retry.timeout": "0"},
            "s3": s3_config(store, unique, flush_size=10, s3_retry_backoff_ms=10, s3_part_retries=1) | {"store.url": s3.url},
            "sf": snowflake.config(unique, **{"value.converter": JSON, "value.converter.schemas.enable": "false",
                                              "key.converter": STRING, "sluice.snowflake.endpoint": sf.url}),
        }  # fmt: skip
        servers = {"registry": registry, "s3": s3, "sf": sf}
        for name, config in configs.items():
            worker.create(name, config)
        files = open_files(worker)

        def all_told():
            must_live(worker)
            for name, server in servers.items():
                if len(server.told) < len(server.kinds):
                    restart_what_is_down(worker, name)
            return all(len(server.told) == len(server.kinds) for server in servers.values())

        started = time.monotonic()
        try:
            wait_until(all_told, 120, "all answers", 0.3)
        except TimeoutError:
            pytest.fail(f"not asked for: { {n: sorted(set(s.kinds) - set(s.told)) for n, s in servers.items()} }")
        print(f"{sum(sum(s.told.values()) for s in servers.values())} bad answers in {time.monotonic() - started:.0f} s")
        if SLOW == 1:
            assert worker.rss_peak_kb() < 500_000
        for name in configs:
            worker.delete(name)
        wait_until(lambda: open_files(worker) <= files + 8, what="the connections to end")
    worker.run("s3", s3_config(store, unique, flush_size=10))
    wait_until(lambda: len(store.list("lake", f"topics/{unique}/")) == 3, 90, "the objects")
