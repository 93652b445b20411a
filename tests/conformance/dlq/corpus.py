# SPDX-License-Identifier: Apache-2.0
"""Real failures against sluice dlq: a JVM Kafka Connect gives up the records of cases.py, each configuration to a dead-letter topic of
its own; `sluice dlq list` must say the class that a person says. Then the same records again without headers, as Connect writes them
by default: stopped connectors lend converters and transforms, and the origin must be found in the source topic. --write keeps the table
in docs/dlq-corpus.md."""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import confluent_kafka

import cases

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import jvm_connect
import stand

LEAST_WITH, LEAST_WITHOUT = 95, 90
ROOT = pathlib.Path(__file__).resolve().parents[3]


def sluice(binary, kafka, command, topic, *options):
    line = [binary, "dlq", command, "--bootstrap-server", kafka.bootstrap, "--topic", topic, "--json", *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise stand.StandError(f"{' '.join(map(str, line))}: {done.returncode}\n{done.stderr}")
    return [json.loads(text) for text in done.stdout.splitlines()]


def sink(config, topic, letters, headers, out):
    return {
        **config,
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "tasks.max": "1",
        "topics": topic,
        "file": str(out),
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters,
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


def committed(kafka, group, topic):
    """How many records the sink has gone over."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    try:
        parts = consumer.committed([confluent_kafka.TopicPartition(topic, n) for n in range(2)], timeout=10)
        return sum(max(part.offset, 0) for part in parts)
    finally:
        consumer.close()


def judge(found, letters, labels, topic):
    """(right, [what was wrong]) of one dead-letter topic."""
    by_place = {(r.partition, r.offset): case_of(r) for r in letters}
    right, wrong = 0, []
    for one in found:
        case = by_place[one["partition"], one["offset"]]
        label = labels[topic, case]
        if one["class"] == label:
            right += 1
        else:
            wrong.append(f"{topic} {case}: {one['class']}/{one['code']} instead of {label}: {one['exception']}: {one['message']}")
    return right, wrong


def run(binary, workdir, names):
    rows, problems = [], []
    total = collections.Counter()
    with stand.Kafka(workdir / "kafka") as kafka, jvm_connect.Distributed(workdir / "connect", kafka.bootstrap, "corpus", heap="768m") as connect:
        labels = produce_cases(kafka, names)
        counts = collections.Counter(topic for topic, _ in labels)
        for name in names:
            create(connect, name, sink(cases.CASES[name][0], f"src-{name}", f"with-{name}", True, workdir / "out"))
        for name in names:
            stand.wait_until(lambda: committed(kafka, f"connect-{name}", f"src-{name}") >= counts[f"src-{name}"], 180, f"{name} at its end", 0.5)
        for name in names:
            connect.rest("PUT", f"/connectors/{name}/stop")
        for name in names:
            topic, letters = f"src-{name}", kafka.consume_all(f"with-{name}")
            if not letters:
                problems.append(f"{name}: nothing failed")
                continue
            with_headers, wrong = judge(sluice(binary, kafka, "list", f"with-{name}"), letters, labels, topic)
            problems += [f"with headers: {text}" for text in wrong]
            plain = f"plain-{name}"
            kafka.create_topic(plain)
            strip(kafka, letters, plain)
            create(connect, f"{name}-plain", sink(cases.CASES[name][0], topic, plain, False, workdir / "out"), initial_state="STOPPED")
            found = sluice(binary, kafka, "list", plain, "--connect", connect.url)
            without, wrong = judge(found, kafka.consume_all(plain), labels, topic)
            problems += [f"without headers: {text}" for text in wrong]
            origins = sum(one["origin"] is not None and one["origin"]["topic"] == topic for one in found)
            rows.append((name, len(letters), with_headers, without, origins))
            total.update(failures=len(letters), with_headers=with_headers, without=without, origins=origins)
    return rows, total, problems


def strip(kafka, letters, topic):
    """The records as Connect writes them without context headers: same bytes, own headers, time of the original."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for r in letters:
        own = [(name, value) for name, value in r.headers if not name.startswith("__connect.errors.")]
        producer.produce(topic, r.value, r.key, headers=own, timestamp=r.timestamp)
    producer.flush(30)


def table(rows, total):
    text = "| configuration | failures | class right with headers | without headers | origin found by content |\n|---|---|---|---|---|\n"
    for row in rows:
        text += "| " + " | ".join(map(str, row)) + " |\n"

    def share(n):
        return f"{n} ({100 * n / max(total['failures'], 1):.1f} %)"

    sums = [total["failures"], share(total["with_headers"]), share(total["without"]), share(total["origins"])]
    return text + "| **all** | " + " | ".join(f"**{value}**" for value in sums) + " |\n"


def write(text):
    page = ROOT / "docs" / "dlq-corpus.md"
    head = page.read_text().split("<!-- table -->")[0]
    page.write_text(head + "<!-- table -->\n" + text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="configurations of cases.py")
    parser.add_argument("--write", action="store_true", help="put the table into docs/dlq-corpus.md")
    options = parser.parse_args()
    binary = os.environ.get("SLUICE_BINARY", ROOT / "build" / "dev" / "sluice")
    with tempfile.TemporaryDirectory() as workdir:
        rows, total, problems = run(binary, pathlib.Path(workdir), options.only or list(cases.CASES))
    text = table(rows, total)
    print("\n".join(problems))
    print(text)
    if options.write:
        write(text)
    failures = max(total["failures"], 1)
    good = 100 * total["with_headers"] >= LEAST_WITH * failures and 100 * total["without"] >= LEAST_WITHOUT * failures
    enough = options.only or total["failures"] >= 300
    sys.exit(0 if good and enough else 1)


if __name__ == "__main__":
    main()
