# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios of cases_*.py against the real Debezium and Sluice: see `tests/conformance/debezium/run --help`."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]

import differ  # noqa: E402
import differences  # noqa: E402
import jvm_connect  # noqa: E402
import pair  # noqa: E402
import stand  # noqa: E402
from scenario import SCENARIOS  # noqa: E402

import cases_types, cases_more, cases_rows, cases_ddl, cases_snapshot, cases_features  # noqa: E401,E402,F401

BINARY = os.environ.get("SLUICE_BINARY", ROOT / "build" / "dev" / "sluice")
WIDE = 500  # characters of a value in a report


class Jvm(jvm_connect.Standalone):
    """A short life on few cores: one compiler, one collector. One change at a time: its StandaloneHerder and its config store take each
    other's locks in the other order, so a connector that is resumed while another one is deleted stops both for ever."""

    changes = threading.Lock()

    def rest(self, method, *args, **more):
        with contextlib.nullcontext() if method == "GET" else self.changes:
            return super().rest(method, *args, **more)

    def _environ(self):
        return {**os.environ, "JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}


@contextlib.contextmanager
def start(binary, work):
    """One Kafka, one Postgres, one worker of each kind."""
    kafka = stand.Kafka(work / "kafka", {"log.index.size.max.bytes": 65536})
    postgres = stand.Postgres(work / "postgres", config={
        "max_wal_senders": 60, "max_replication_slots": 250, "max_connections": 200, "autovacuum": "off",
        "checkpoint_timeout": "1h"})
    theirs = Jvm(work / "connect", kafka.bootstrap, {}, heap="800m")
    properties = {"bootstrap.servers": kafka.bootstrap, "group.id": "sluice", "offset.flush.interval.ms": 1000}
    for topic in ("config", "offset", "status"):
        properties |= {f"{topic}.storage.topic": f"sluice-{topic}", f"{topic}.storage.replication.factor": 1}
    properties |= {"key.converter": jvm_connect.JSON, "value.converter": jvm_connect.JSON}
    ours = stand.Worker(binary, work / "sluice", properties)
    try:
        stand.start_all([kafka, postgres])
        stand.start_all([ours, theirs])
        collector = pair.Collector(kafka)
        collector.start()
        yield kafka, postgres, collector, ours, theirs
        collector.stop()
    finally:
        stand.stop_all([ours, theirs])
        stand.stop_all([kafka, postgres])


class Result:
    def __init__(self, name):
        self.name, self.word, self.lines, self.count, self.seconds, self.used = name, "ok", [], 0, 0.0, set()

    def end(self, word, *lines):
        self.word = word
        self.lines += lines
        return self


def short(value):
    text = str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= WIDE else f"{text[:WIDE]}... ({len(text)} characters)"


def compare(scenario, result, ours, theirs):
    """Puts what is not declared into the result, and what is declared and did not occur."""
    result.count = sum(map(len, theirs.values()))
    declared = [(number, pattern) for number, patterns in scenario.differs.items()
                for pattern in ([patterns] if isinstance(patterns, str) else patterns)]
    places, unknown = set(), []
    for place, which, mine, other in differ.differences(ours, theirs, scenario.masks):
        known = [(number, pattern) for number, pattern in declared if re.search(pattern, place)]
        result.used |= set(known)
        place = re.sub(r"\[\d+\]", "[]", place)
        if not known and place not in places:
            places.add(place)
            unknown.append((place, which, mine, other))
    for place, which, mine, other in unknown[:6]:
        result.end("FAIL", f"{place} ({which})", f"    Sluice   {short(mine)}", f"    Debezium {short(other)}")
    if len(unknown) > 6:
        result.lines.append(f"and {len(unknown) - 6} other places: {', '.join(one[0] for one in unknown[6:20])}")
    for number, pattern in declared:
        if (number, pattern) not in result.used:
            result.end("FAIL", f"the difference {number} ({pattern}) did not occur")
    if not result.count:
        result.end("FAIL", "Debezium wrote no records")
    return result


def plain(topics):
    return {topic: [{"partition": r.partition, "key": differ.parse(differ.decode(r.key)),
                     "value": differ.parse(differ.decode(r.value)),
                     "headers": [(name, differ.decode(text)) for name, text in r.headers]} for r in records]
            for topic, records in topics.items()}


def run_one(number, scenario, parts, keep):
    result = Result(scenario.name)
    began = time.monotonic()
    both = pair.Pair(number, scenario, *parts)
    try:
        both.prepare()
        both.run()
        compare(scenario, result, *both.outcome())
    except pair.Refused as error:
        result.end("FAIL", f"Sluice refuses: {error}")
    except (stand.StandError, TimeoutError) as error:
        result.end("FAIL", str(error))
    except Exception:
        result.end("FAIL", traceback.format_exc())
    if keep:
        for side, name in ((both.ours, "ours"), (both.theirs, "theirs")):
            text = json.dumps(plain(both.records(side)), indent=1, ensure_ascii=False)
            (keep / f"{scenario.name}-{name}.json").write_text(text)
    try:
        both.close()
    except Exception as error:
        result.end("FAIL", f"cleaning up: {error!r}")
    result.seconds = time.monotonic() - began
    if scenario.needs:
        if result.word == "FAIL":
            result.word = "SKIP"
            result.lines.insert(0, f"waits for: {scenario.needs}")
        else:
            result.lines.append(f"its mark needs={scenario.needs!r} can be removed")
    return result


def show(result):
    print(f"{result.word:4} {result.name} ({result.count} records, {result.seconds:.1f} s)", flush=True)
    for line in result.lines:
        print("     " + line.replace("\n", "\n     "), flush=True)


def run_all(names, parts, jobs, keep):
    """Several at a time; those that must be alone at last. Gives the results."""
    results, lock = [], threading.Lock()

    def run(number, name):
        result = run_one(number, SCENARIOS[name], parts, keep)
        with lock:
            show(result)
            results.append(result)

    numbered = list(enumerate(names))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda one: run(*one), [one for one in numbered if not SCENARIOS[one[1]].alone]))
    for one in numbered:
        if SCENARIOS[one[1]].alone:
            run(*one)
    return results


def main():
    parser = argparse.ArgumentParser(
        prog="tests/conformance/debezium/run",
        description="The same SQL through the real Debezium 3.6.1.Final on a JVM Kafka Connect worker and through Sluice:"
        " records must be equal in topic, partition, order, key, value, schema and headers.")
    parser.add_argument("--only", metavar="NAME", help="the scenarios whose name contains NAME; several with commas")
    parser.add_argument("--keep", nargs="?", const="", metavar="DIR", help="keep logs and both sides' records, and say where")
    parser.add_argument("--jobs", type=int, default=6, help="how many scenarios run at a time (6)")
    parser.add_argument("--binary", default=BINARY, help="of Sluice; by default SLUICE_BINARY or build/dev/sluice")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--docs", action="store_true", help="only write the table of docs/debezium-differences.md")
    options = parser.parse_args()
    if options.docs:
        differences.write(ROOT)
        return
    wanted = (options.only or "").split(",")
    names = [name for name in SCENARIOS if any(part in name for part in wanted)]
    if options.list:
        print("\n".join(names))
        return
    if not names:
        sys.exit(f"no scenario's name contains {options.only}")
    problems = differences.check(ROOT, SCENARIOS.values())
    work = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="sluice-debezium-"))
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        sys.exit(f"{work} is not empty")
    began = time.monotonic()
    try:
        with start(options.binary, work) as parts:
            ready = time.monotonic() - began
            results = run_all(names, parts, options.jobs, work if options.keep is not None else None)
    except stand.StandError as error:
        sys.exit(f"the real Debezium or another part can't run here: {error}\n"
                 "Its jars come from Maven once (see tests/support/jvm_connect.py) and stay in SLUICE_CACHE.")
    finally:
        if options.keep is None:
            shutil.rmtree(work, ignore_errors=True)
        else:
            print(f"kept in {work}")
    by = {word: [result.name for result in results if result.word == word] for word in ("ok", "FAIL", "SKIP")}
    if by["SKIP"]:
        print(f"SKIPPED, they wait for features: {', '.join(sorted(by['SKIP']))}")
    for problem in problems:
        print(f"FAIL {problem}")
    if by["FAIL"]:
        print(f"FAILED: {', '.join(sorted(by['FAIL']))}")
    print(f"{len(by['ok'])} of {len(results)} scenarios equal, {len(by['SKIP'])} skipped, {len(by['FAIL'])} failed;"
          f" {sum(result.count for result in results)} records, {time.monotonic() - began:.0f} s of which {ready:.0f} s start")
    sys.exit(1 if by["FAIL"] or problems else 0)


if __name__ == "__main__":
    main()
