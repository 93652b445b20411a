# SPDX-License-Identifier: Apache-2.0
"""The demo with a Snowflake sink: changes of a Postgres table walk through Kafka into a table of the stand-in for Snowflake
(tests/support/snowflake: the documented protocols on this machine, rows in DuckDB; no account is reached), as a change log, and
queries prove that each change landed exactly once. Started by ./demo --snowflake."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import types

import requests

import demo
import sf
import stand

TABLE = "TRANSACTIONS"
STATE = f"""with state as (select * from "{TABLE}" qualify row_number() over (partition by "ID" order by __LSN desc,
        (RECORD_METADATA->>'offset')::bigint desc) = 1)
    select "ID", "ACCOUNT", "AMOUNT"::decimal(12, 2), "CURRENCY", "STATUS", "NOTE" from state where __OP <> 'd' order by 1"""


def walk(options, screen, directory, parts):
    kafka, postgres = stand.Kafka(directory / "kafka"), stand.Postgres(directory / "postgres")
    account = sf.Snowflake(directory / "snowflake")
    screen.step("starting Kafka, Postgres and the stand-in for Snowflake")
    stand.start_all([kafka, postgres, account])
    parts += [kafka, postgres, account]
    demo.prepare_database(postgres)
    truth = [("r", *row[2:]) for row in postgres.sql(demo.INSERT.format(first=1, last=demo.SNAPSHOT_ROWS), demo.DATABASE)]
    screen.step(f"the bank's table has {len(truth):,} rows; starting Sluice")
    worker = demo.make_worker(options.binary, directory / "worker", kafka, types.SimpleNamespace(access_key="", secret_key=""))
    worker.properties["offset.flush.interval.ms"] = 2000
    parts.append(worker)
    worker.start()
    stand.wait_until(lambda: worker.rest("GET", "/health").ok, demo.ENDS_WITHIN, "the worker's start")
    demo.post(worker, "postgres-source", {"database.hostname": stand.HOST, "database.port": str(postgres.port), "database.user": demo.USER,
                                          "tombstones.on.delete": "false"})  # fmt: skip
    sink = {**account.config(demo.TOPIC, tasks_max=4), "sluice.snowflake.cdc": "true", "sluice.snowflake.cdc.target": "none",
            "snowflake.topic2table.map": f"{demo.TOPIC}:{TABLE}",
            "snowflake.compatibility.enable.column.identifier.normalization": "true"}  # fmt: skip
    answer = worker.rest("POST", "/connectors", json={"name": "snowflake-sink", "config": sink})
    if not answer.ok:
        raise demo.Failed(answer.text)
    screen.step("posted postgres-source and snowflake-sink (sluice.snowflake.cdc=true: a change log)")

    def landed():
        return account.tables().get(TABLE, {"rows": 0})["rows"]

    demo.wait_for(screen, "snapshot", landed, len(truth), worker)
    screen.step(f"snapshot: {len(truth):,} rows are in the table")
    events = []
    demo.write_changes(postgres, events)
    truth += [(row[0], *row[2:]) for row in events]
    screen.step(f"wrote {len(events):,} inserts, updates and deletes")
    began = time.monotonic()
    demo.wait_for(screen, "in the table", landed, len(truth), worker)
    screen.step(f"all {len(truth):,} events are in the table {time.monotonic() - began:.1f} s after the last commit")
    good = prove(account, postgres, truth, screen)
    screen.detail(f"the worker's peak memory {worker.rss_peak_kb() / 1024:.0f} MB, {worker.cpu_seconds():.1f} CPU-seconds")
    if not good:
        raise demo.Failed("not every change arrived exactly once")
    screen.step("every change arrived exactly once")
    return worker, account


def prove(account, postgres, truth, screen):
    """Looks at the table; True when all is as Postgres says."""
    screen.step(f"DuckDB over the table {TABLE}")
    counts = dict(account.rows(f'select __OP, count(*) from "{TABLE}" group by 1'))
    written = {op: sum(1 for row in truth if row[0] == op) for op in "rcud"}
    for op, kind in (("r", "snapshot"), ("c", "insert"), ("u", "update"), ("d", "delete")):
        screen.detail(f"{kind:9} {written[op]:>8,} written  {counts.get(op, 0):>8,} in the table")
    twice = account.rows(f'select count(*) from (select __LSN, "ID", __OP from "{TABLE}" where __OP <> \'r\' group by all having count(*) > 1)')[0][0]
    offsets = account.rows(f"""select count(*), count(distinct ((RECORD_METADATA->>'partition')::int, (RECORD_METADATA->>'offset')::bigint))
                               from "{TABLE}\"""")[0]  # fmt: skip
    now = postgres.sql("select id, account, amount, currency, status, note from transactions order by id", demo.DATABASE)
    state = account.rows(STATE)
    checks = {
        "rows (topic, partition, offset) that are there twice": offsets[0] - offsets[1],
        "events (lsn, id, op) that are there twice": twice,
        "rows whose last event is not what Postgres says": sum(a != b for a, b in zip(state, now)) + abs(len(state) - len(now)),
        "rows that Snowflake would have refused": sum(one["rows_error_count"] for one in account.channels().values()),
        "requests that Snowflake would have refused": len(account.violations()),
    }
    for what, found in checks.items():
        screen.detail(f"{'ok  ' if found == 0 else 'BAD '} {found} {what}")
    screen.detail("the newest of them:")
    for row in account.rows(f'select __OP, "ID", "ACCOUNT", "AMOUNT", "CURRENCY", "STATUS", __COMMIT_TS from "{TABLE}" order by __LSN desc limit 5'):
        screen.detail("  " + "  ".join(map(str, row)))
    return counts == {op: n for op, n in written.items() if n} and not any(checks.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen, parts, code = demo.Screen(), [], 1
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    directory.chmod(0o755)
    try:
        worker, account = walk(options, screen, directory, parts)
        code = 0
        if options.keep:
            screen.step("left running; Ctrl-C stops it")
            screen.detail(f"Sluice    {worker.url}/connectors")
            screen.detail(f"stand-in  {account.url}, tables: {account.control}/_control/tables")
            while all(part.running for part in parts):
                time.sleep(0.5)
            raise demo.Failed("a part ended by itself")
    except KeyboardInterrupt:
        code = code if options.keep else 130
    except (demo.Failed, stand.StandError, TimeoutError, requests.RequestException) as error:
        code = 1
        screen.step(f"FAILED: {error}")
        for part in parts:
            if part.name == "worker":
                screen.detail(f"the worker's last lines:\n{part.log_text()[-4000:]}")
    finally:
        stand.stop_all(list(reversed(parts)))
        if os.environ.get("SLUICE_DEMO_FILES"):
            screen.detail(f"files are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
        screen.step("stopped everything")
    sys.exit(code)


if __name__ == "__main__":
    main()
