# SPDX-License-Identifier: Apache-2.0
"""Real failures against sluice dlq: a JVM Kafka Connect gives up the records of cases.py, each configuration to a dead-letter topic of
its own; `sluice dlq list` must say the class that a person says. Then the same records again without headers, as Connect writes them
by default: stopped connectors lend converters and transforms, and the origin must be found in the source topic. --write keeps the table
in docs/dlq-corpus.md."""

import argparse
import collections
import os
import pathlib
import sys
import tempfile

import confluent_kafka

import cases
import letters

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import jvm_connect
import stand

LEAST_WITH, LEAST_WITHOUT = 95, 90
ROOT = pathlib.Path(__file__).resolve().parents[3]


def sink(config, topic, dead, headers, out):
    return {
        **config,
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "tasks.max": "1",
        "topics": topic,
        "file": str(out),
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": str(headers).lower(),
    }


def create(connect, name, config, **more):
    answer = connect.rest("POST", "/connectors", json={"name": name, "config": config, **more}, timeout=60)
    if answer.status_code != 201:
        raise stand.StandError(f"{name}: {answer.text}")


def produce_cases(kafka, names):
    """{(topic, case): class}; the case is a header of each record."""
    labels = {}
    for name in names:
        kafka.create_topic(f"src-{name}", 2)
        records, number = [], 0
        for label, values in cases.CASES[name][1].items():
            for value in values:
                key, value = value if isinstance(value, tuple) else (f"k{number}".encode(), value)
                records.append((key, value, [("case", str(number).encode())]))
                labels[f"src-{name}", str(number)] = label
                number += 1
        kafka.produce(f"src-{name}", records)
    return labels


def case_of(record):
    return dict(record.headers)["case"].decode()


def committed(admin, group):
    """How many records the sink has gone over."""
    asked = [confluent_kafka.ConsumerGroupTopicPartitions(group)]
    parts = admin.list_consumer_group_offsets(asked)[group].result(30).topic_partitions
    return sum(max(part.offset, 0) for part in parts)


def judge(found, records, labels, topic):
    """(right, [what was wrong]) of one dead-letter topic."""
    by_place = {(r.partition, r.offset): case_of(r) for r in records}
    right, wrong = 0, []
    for one in found:
        case = by_place[one["partition"], one["offset"]]
        label = labels[topic, case]
        if one["class"] == label:
            right += 1
        else:
            wrong.append(f"{topic} {case}: {one['class']}/{one['code']} instead of {label}: {one['exception']}: {one['message']}")
    return right, wrong


def run(binary, workdir, names, libraries):
    rows, problems = [], []
    total = collections.Counter()
    with stand.Kafka(workdir / "kafka") as kafka:
        if names:
            run_connect(binary, kafka, workdir, names, rows, total, problems)
        for told, wrong in letters.rows(binary, kafka, workdir) if libraries else ():
            print(*told, flush=True)
            rows.append(told)
            problems += wrong
            total.update(failures=told[1], with_headers=told[2])
            if told[3] != "-":
                total.update(bare=told[1], apps=told[1], apps_without=told[3], apps_unknown=told[4])
    return rows, total, problems


def run_connect(binary, kafka, workdir, names, rows, total, problems):
    labels = produce_cases(kafka, names)
    counts = collections.Counter(topic for topic, _ in labels)
    sinks = {name: sink(cases.CASES[name][0], f"src-{name}", f"with-{name}", True, workdir / "out") for name in names}
    connect = jvm_connect.Standalone(workdir / "connect", kafka.bootstrap, sinks, plugins=("file",), heap="768m")
    connect.start_timeout = 240  # until all of them run
    for name in names:
        kafka.create_topic(f"with-{name}")
    admin = kafka.admin()
    with connect:
        print("the worker runs", flush=True)
        for name in names:
            ready = lambda: committed(admin, f"connect-{name}") >= counts[f"src-{name}"]  # noqa: B023, E731
            stand.wait_until(ready, 180, f"{name} at its end", 0.2)
        judge_all(binary, kafka, connect, workdir, names, labels, rows, total, problems)


def judge_all(binary, kafka, connect, workdir, names, labels, rows, total, problems):
    for name in names:
        connect.rest("PUT", f"/connectors/{name}/stop")
    for name in names:
        topic, dead = f"src-{name}", kafka.consume_all(f"with-{name}")
        if not dead:
            problems.append(f"{name}: nothing failed")
            continue
        with_headers, wrong = judge(letters.listed(binary, kafka, f"with-{name}"), dead, labels, topic)
        problems += [f"with headers: {text}" for text in wrong]
        plain = f"plain-{name}"
        kafka.create_topic(plain)
        strip(kafka, dead, plain)
        create(connect, f"again-{name}", sink(cases.CASES[name][0], topic, plain, False, workdir / "out"), initial_state="STOPPED")
        found = letters.listed(binary, kafka, plain, "--connect", connect.url)
        without, wrong = judge(found, kafka.consume_all(plain), labels, topic)
        problems += [f"without headers: {text}" for text in wrong]
        origins = sum(one["origin"] is not None and one["origin"]["topic"] == topic for one in found)
        rows.append((name, len(dead), with_headers, without, 0, origins))
        print(*rows[-1], flush=True)
        total.update(failures=len(dead), with_headers=with_headers, bare=len(dead), connect=len(dead), without=without, origins=origins)


def strip(kafka, dead, topic):
    """The records as Connect writes them without context headers: same bytes, own headers, time of the original."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for r in dead:
        own = [(name, value) for name, value in r.headers if not name.startswith("__connect.errors.")]
        producer.produce(topic, r.value, r.key, headers=own, timestamp=r.timestamp)
    producer.flush(30)


def table(rows, total):
    text = "| configuration | failures | class right with headers | right without | told as `unknown` without | origin found |\n|---|---|---|---|---|---|\n"
    for row in rows:
        text += "| " + " | ".join(map(str, row)) + " |\n"

    def share(n, of):
        return f"{n} ({100 * n / max(total[of], 1):.1f} %)"

    sums = [total["failures"], share(total["with_headers"], "failures"), share(total["without"] + total["apps_without"], "bare")]
    for name, right, of in (("of Connect", "without", "connect"), ("of applications", "apps_without", "apps")):
        sums[2] += f"; {name} {share(total[right], of)}" if total[of] else ""
    sums += [total["apps_unknown"], f"Connect's by content: {share(total['origins'], 'connect')}"]
    return text + "| **all** | " + " | ".join(f"**{value}**" for value in sums) + " |\n"


def write(text):
    page = ROOT / "docs" / "dlq-corpus.md"
    head = page.read_text().split("<!-- table -->")[0]
    page.write_text(head + "<!-- table -->\n" + text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="configurations of cases.py")
    parser.add_argument("--letters", action="store_true", help="only those that applications' libraries write")
    parser.add_argument("--write", action="store_true", help="put the table into docs/dlq-corpus.md")
    options = parser.parse_args()
    binary = os.environ.get("SLUICE_BINARY", ROOT / "build" / "dev" / "sluice")
    with tempfile.TemporaryDirectory() as workdir:
        names = [] if options.letters else options.only or list(cases.CASES)
        rows, total, problems = run(binary, pathlib.Path(workdir), names, not options.only)
    text = table(rows, total)
    print("\n".join(problems))
    print(text)
    if options.write:
        write(text)
    failures = max(total["failures"], 1)
    good = 100 * total["with_headers"] >= LEAST_WITH * failures and 100 * total["without"] >= LEAST_WITHOUT * total["connect"]
    good = good and total["apps"] == total["apps_without"] + total["apps_unknown"]  # an application's letter is never told wrong
    enough = len(rows) >= len(names) and (options.only or options.letters or total["failures"] >= 300)
    sys.exit(0 if good and enough else 1)


if __name__ == "__main__":
    main()
