# SPDX-License-Identifier: Apache-2.0
"""A topic of JSON records to a Snowflake table: the sink against the stand-in (tests/support/snowflake) in its counting mode, which checks
tokens and sequencers, decompresses and counts lines. Over TLS, one channel a partition. The clock runs from the POST of the connector until the
stand-in commits the last row; "loading" leaves out what comes before the first record is read (the group, table, pipe and channels). The
first round warms broker and stand-in up and is not counted.

--freshness measures something else: Postgres, a topic of 12 partitions keyed by account_id, 4 sink tasks, the stand-in with its table:
from the commit in Postgres to the commit of the row in the table."""
import argparse
import datetime
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

import confluent_kafka
import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance" / "snowflake"))
import sdk_client  # noqa: E402
import stand  # noqa: E402

import sf  # noqa: E402
import wanted  # noqa: E402

JSON = "org.apache.kafka.connect.json.JsonConverter"
COLUMNS = ("ID int, CUSTOMER int, ACCOUNT varchar, AMOUNT number(12,2), CURRENCY varchar, STATUS varchar, DEVICE varchar, SCORE float, ACTIVE boolean,"
           " NOTE varchar, RECORD_METADATA variant")  # fmt: skip
SETTINGS = {"commit_delay": [0.0, 0.1]}


def rows(count, seed=7):
    """Distinct rows but for their ids, as dicts."""
    rng = random.Random(seed)
    words = "payment order refund card transfer pending review customer north south invoice monthly rent salary gift".split()
    return [{"ID": 0, "CUSTOMER": rng.randrange(200_000), "ACCOUNT": f"DE{rng.randrange(10**12):012}", "AMOUNT": rng.randrange(10**6) / 100,
             "CURRENCY": rng.choice(("EUR", "USD", "CHF")), "STATUS": rng.choice(("NEW", "BOOKED", "FAILED")), "DEVICE": f"device-{rng.randrange(5000):05}",
             "SCORE": rng.random(), "ACTIVE": rng.random() < 0.8, "NOTE": " ".join(rng.choices(words, k=rng.randint(3, 8)))}
            for _ in range(count)]  # fmt: skip


def counters(account, session):
    """What the stand-in counted, over a connection that stays: a TLS handshake for each look would take CPU from what is measured."""
    return session.get(f"{account.control}/_control/state", timeout=60, verify=False).json()


def wait_for_rows(account, before, count):
    """The state when all rows are committed."""
    with requests.Session() as session:
        def ready():
            state = counters(account, session)
            return state["counters"].get("committed_rows", 0) - before.get("committed_rows", 0) >= count and state

        return stand.wait_until(ready, 170, "all rows", 0.1)


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(kafka, topic, partitions, count):
    kafka.create_topic(topic, partitions, {"segment.bytes": 256 << 20, "retention.ms": "-1"})
    texts = [json.dumps(row, separators=(",", ":")).partition("0")[2] for row in rows(20_011)]
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 50, "compression.type": "lz4", "batch.size": 1 << 20,
                                         "queue.buffering.max.messages": 500_000})  # fmt: skip
    size = 0
    for i in range(count):
        value = f'{{"ID":{i}{texts[i % len(texts)]}'
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, partition=i // 500 % partitions)
                break
            except BufferError:
                producer.poll(0.1)
        if i % 1000 == 0:
            producer.poll(0)
    if producer.flush(120):
        raise stand.StandError("the topic could not be filled")
    return size / count


def worker_of(args, directory, kafka, env=None):
    properties = {"bootstrap.servers": kafka.bootstrap, "offset.storage.file.filename": directory / "offsets", "offset.storage.topic": "bench-offsets",
                  "key.converter": JSON, "value.converter": JSON, "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
                  "consumer.auto.offset.reset": "earliest", "offset.flush.interval.ms": 5000}  # fmt: skip
    if args.distributed:
        del properties["offset.storage.file.filename"], properties["offset.storage.topic"]
        properties |= {"group.id": "bench", **{f"{k}.storage.topic": f"bench-{k}" for k in ("config", "offset", "status")},
                       **{f"{k}.storage.replication.factor": 1 for k in ("config", "offset", "status")}}  # fmt: skip
    worker = stand.Worker(os.environ["SLUICE_BINARY"], directory, properties, env=env or {})
    worker._ready = lambda: worker.rest("GET", "/connectors", timeout=5).ok
    return worker


def sluice(args, kafka, account, directory, name):
    """One run of the sink over the whole topic."""
    before = account.state()["counters"]
    with worker_of(args, directory / name, kafka) as worker:
        config = {**account.config("bench", tasks_max=args.tasks), "sluice.snowflake.ca.file": str(account.authority),
                  "snowflake.topic2table.map": "bench:ORDERS"}  # fmt: skip
        used = [cpu_of(pid) for pid in (worker.pid, account.pid, kafka.pid)]
        began = time.time()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": config})
        if not answer.ok:
            raise stand.StandError(answer.text)
        state = wait_for_rows(account, before, args.rows)
        cpu, stand_cpu, broker_cpu = (cpu_of(pid) - was for pid, was in zip((worker.pid, account.pid, kafka.pid), used))
        seconds = state["last_commit"] - began
        first = next(line for line in worker.log_path.read_text().splitlines() if " table ORDERS, pipe " in line)
        loading = state["last_commit"] - datetime.datetime.fromisoformat(first.split()[0]).timestamp()

        def counted(key):
            return state["counters"].get(key, 0) - before.get(key, 0)

        if counted("committed_rows") != args.rows or account.violations():
            raise stand.StandError(f"{counted('committed_rows')} of {args.rows} rows; {account.violations()[:3]}")
        return {"rows": args.rows, "seconds": seconds, "rows_per_second": args.rows / seconds, "loading_rows_per_second": args.rows / loading,
                "appends": counted("appends"), "cpu_per_million": cpu / args.rows * 1e6, "rss_mb": worker.rss_peak_kb() / 1024,
                "stand_in_cpu": stand_cpu, "broker_cpu": broker_cpu, "sent_mb": counted("bytes") / 1e6,
                "row_bytes": counted("uncompressed_bytes") / args.rows}  # fmt: skip


def show(results):
    print(f"{'':10} {'rows/s':>10} {'loading':>10} {'CPU-s/1M':>9} {'RSS MB':>7} {'appends':>8} {'B/row':>6} {'sent MB':>8} {'stand-in CPU-s':>15} {'broker':>7}")
    for name, one in results:
        print(f"{name:10} {one['rows_per_second']:10,.0f} {one['loading_rows_per_second']:10,.0f} {one['cpu_per_million']:9.2f} {one['rss_mb']:7.0f} "
              f"{one['appends']:8} {one['row_bytes']:6.0f} {one['sent_mb']:8.1f} {one['stand_in_cpu']:15.1f} {one['broker_cpu']:7.1f}", flush=True)  # fmt: skip


def throughput(args, directory):
    # Brokers wait for a new group's members (3 s by default), those of the tests don't: the second task's join would be a rebalance in the
    # middle of the load, which the first one hears of at its next heartbeat.
    with stand.Kafka(directory / "kafka", {"group.initial.rebalance.delay.ms": 300}) as kafka:
        size = fill(kafka, "bench", args.partitions, args.rows)
        print(f"{args.rows:,} records of {size:.0f} bytes in {args.partitions} partitions; {args.tasks} tasks", flush=True)
        results = []
        for number in range(args.rounds + 1):
            with sdk_client.account(directory / f"account-{number}", False, mode="count", settings=SETTINGS) as account:
                account.sql(f"create table ORDERS ({COLUMNS})")
                run = sluice(args, kafka, account, directory, f"sluice{number}")
            show([("sluice" if number else "(first)", run)])
            if number:
                results.append(("sluice", run))
    rates = sorted(one["rows_per_second"] for _, one in results)
    summary = {"min": rates[0], "median": statistics.median(rates), "max": rates[-1], "a_a": rates[-1] / rates[0]}
    print(f"rows/s min {rates[0]:,.0f}, median {summary['median']:,.0f}, max {rates[-1]:,.0f}; A/A {summary['a_a']:.2f}")
    memory = max(one["rss_mb"] for _, one in results)
    verdicts = wanted.show([wanted.row("rows/s (median)", summary["median"], 250_000), wanted.row("peak RSS in MB (max)", memory, 128.0, at_most=True)])
    return {"wanted": verdicts, "throughput": results, "summary": summary, "rows": args.rows, "partitions": args.partitions, "tasks": args.tasks}


# --- Freshness --------------------------------------------------------------------------------------------------------


def freshness(args, directory):
    kafka, postgres, account = stand.Kafka(directory / "kafka"), stand.Postgres(directory / "pg"), sf.Snowflake(directory / "account")
    stand.start_all([kafka, postgres, account])
    args.distributed = True
    worker = worker_of(args, directory / "worker", kafka)
    try:
        postgres.create_db("bank")
        postgres.sql("create table payments (id bigint primary key, account_id int, amount numeric(12,2), note text, written timestamptz)", "bank")
        account.sql("create table PAYMENTS (id number(38,0), account_id int, amount varchar, note varchar, written varchar, RECORD_METADATA variant)")
        worker.start()
        source = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": stand.HOST,
                  "database.port": str(postgres.port), "database.user": "postgres", "database.dbname": "bank", "topic.prefix": "bank",
                  "plugin.name": "pgoutput", "slot.name": "s", "publication.name": "p", "message.key.columns": "public.payments:account_id",
                  "decimal.handling.mode": "string", "topic.creation.default.partitions": "12", "topic.creation.default.replication.factor": "1",
                  "snapshot.mode": "no_data", "transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}  # fmt: skip
        sink = {**account.config("bank.public.payments", tasks_max=4), "snowflake.topic2table.map": "bank.public.payments:PAYMENTS",
                "snowflake.compatibility.enable.column.identifier.normalization": "true"}  # fmt: skip
        kafka.create_topic("bank.public.payments", 12)
        for name, config, tasks in (("source", source, 1), ("sink", sink, 4)):
            answer = worker.rest("POST", "/connectors", json={"name": name, "config": config})
            if not answer.ok:
                raise stand.StandError(answer.text)
            worker.wait_running(name, tasks)
        total = write(postgres, args)
        stand.wait_until(lambda: account.rows("select count(*) from PAYMENTS")[0][0] >= total, 120, "all rows", 0.2)
        late = [row[0] for row in account.rows(
            "select c.landed - epoch(p.written::timestamptz) from (select rowid as r, written from PAYMENTS where id >= 0) p"
            " join commits c on c.tbl = 'PAYMENTS' and p.r >= c.row_from and p.r < c.row_to order by 1")]  # fmt: skip
        twice = account.rows("select count(*) from (select id from PAYMENTS group by id having count(*) > 1)")[0][0]
        if len(late) != total or twice or account.violations():
            raise stand.StandError(f"{len(late)} of {total} rows, {twice} twice, {account.violations()[:3]}")
        told = {"rows": total, "rate": args.rate, "p50": late[total // 2], "p99": late[int(total * 0.99)], "max": late[-1], "mean": statistics.fmean(late)}
        print(f"{total:,} rows at {args.rate:,} a second, from commit in Postgres to commit in the table (the stand-in's own delay of 50-300 ms included): "
              f"p50 {told['p50']:.2f} s, p99 {told['p99']:.2f} s, max {told['max']:.2f} s; worker: {worker.cpu_seconds():.1f} CPU-s, "
              f"{worker.rss_peak_kb() / 1024:.0f} MB", flush=True)  # fmt: skip
        return {"wanted": wanted.show([wanted.row("freshness: p99 in s", told["p99"], 5.0, at_most=True)]), "freshness": told}
    finally:
        stand.stop_all([worker, account, kafka, postgres])


def write(postgres, args):
    """Transactions of 100 rows at an even pace; `written` is the clock when the insert ran, right before its commit."""
    total, began = 0, time.monotonic()
    with postgres.connect("bank", autocommit=False) as connection:
        while total < args.rate * args.seconds:
            pause = began + total / args.rate - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            connection.execute("insert into payments select i, (i * 7919) %% 10000, i / 100.0, 'payment ' || i, clock_timestamp()"
                               " from generate_series(%s::bigint, %s) i", (total, total + 99))  # fmt: skip
            connection.commit()
            total += 100
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--tasks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="besides the first one")
    parser.add_argument("--freshness", action="store_true")
    parser.add_argument("--rate", type=int, default=10_000, help="rows a second, for --freshness")
    parser.add_argument("--seconds", type=int, default=20, help="for --freshness")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    args.distributed = False
    with tempfile.TemporaryDirectory(prefix="sluice-bench-sf-") as directory:
        pathlib.Path(directory).chmod(0o755)
        told = (freshness if args.freshness else throughput)(args, pathlib.Path(directory))
    print(json.dumps(told))
    if args.out:
        args.out.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
