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
LETTERS = [
    "org.springframework.kafka:spring-kafka:4.0.0",
    "org.apache.kafka:kafka-streams:4.2.0",
    "org.apache.kafka:connect-json:4.2.0",
    "org.apache.kafka:kafka-clients:4.2.0",
    "org.slf4j:slf4j-nop:2.0.17",
]
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


def committed(admin, group):
    """How many records the sink has gone over."""
    asked = [confluent_kafka.ConsumerGroupTopicPartitions(group)]
    parts = admin.list_consumer_group_offsets(asked)[group].result(30).topic_partitions
    return sum(max(part.offset, 0) for part in parts)


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


def run(binary, workdir, names, libraries):
    rows, problems = [], []
    total = collections.Counter()
    with stand.Kafka(workdir / "kafka") as kafka:
        if names:
            run_connect(binary, kafka, workdir, names, rows, total, problems)
        for others in (spring, streams) if libraries else ():
            told, wrong = others(binary, kafka, workdir)
            print(*told, flush=True)
            rows.append(told)
            problems += wrong
            total.update(failures=told[1], with_headers=told[2], apps=told[1], apps_without=told[3])
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
        topic, letters = f"src-{name}", kafka.consume_all(f"with-{name}")
        if not letters:
            problems.append(f"{name}: nothing failed")
            continue
        with_headers, wrong = judge(sluice(binary, kafka, "list", f"with-{name}"), letters, labels, topic)
        problems += [f"with headers: {text}" for text in wrong]
        plain = f"plain-{name}"
        kafka.create_topic(plain)
        strip(kafka, letters, plain)
        create(connect, f"again-{name}", sink(cases.CASES[name][0], topic, plain, False, workdir / "out"), initial_state="STOPPED")
        found = sluice(binary, kafka, "list", plain, "--connect", connect.url)
        without, wrong = judge(found, kafka.consume_all(plain), labels, topic)
        problems += [f"without headers: {text}" for text in wrong]
        origins = sum(one["origin"] is not None and one["origin"]["topic"] == topic for one in found)
        rows.append((name, len(letters), with_headers, without, origins))
        print(*rows[-1], flush=True)
        total.update(failures=len(letters), with_headers=with_headers, connect=len(letters), without=without, origins=origins)


def java(workdir, writer, recipe):
    """(labels, run): the classes that a person gives the exceptions of Failures.java, and what run(arguments) begins WRITER.java with."""
    here, jars = pathlib.Path(__file__).parent, jvm_connect.fetch(*recipe)
    classes = workdir / f"classes-{writer}"
    sources = [here / f"{name}.java" for name in ("Failures", writer)]
    path = ["-cp", f"{classes}:{jars}/*"]
    subprocess.run(["javac", "-nowarn", "-proc:none", *path, "-d", classes, *sources], check=True)
    told = subprocess.run(["java", *path, "Failures"], stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.split(), lambda *arguments: ["java", *path, writer, *arguments]


def row(binary, kafka, title, family, topic, labels, places):
    """A row of letters that are told by case, and again without any header: nothing runs an application again, so what is left is the bytes."""
    letters = kafka.consume_all(topic)
    plain = f"{topic}-plain"
    kafka.create_topic(plain)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for r in letters:
        producer.produce(plain, r.value, r.key, timestamp=r.timestamp)
    producer.flush(30)
    found, bare = sluice(binary, kafka, "list", topic), sluice(binary, kafka, "list", plain)
    wrong = [f"{title} {n}: {one['family']} {one['class']}/{one['code']} instead of {label}: {one['cause']}: {one['message']}"
             for n, (one, label) in enumerate(zip(found, labels, strict=True)) if (one["class"], one["family"]) != (label, family)]  # fmt: skip
    right = len(labels) - len(wrong)
    without = sum(one["class"] == label for one, label in zip(bare, labels, strict=True))
    origins = sum(one["origin"] == place for one, place in zip(found, places, strict=True))
    return (title, len(labels), right, without, f"{origins} by headers"), wrong


def place(topic, partition, offset):
    return {"topic": topic, "partition": partition, "offset": offset}


def spring(binary, kafka, workdir):
    """A row of Spring Kafka's own letters, and what was wrong."""
    labels, command = java(workdir, "Letters", ("dlq-letters", LETTERS))
    subprocess.run(command("spring", kafka.bootstrap, "spring-dlt"), check=True, timeout=120)
    return row(binary, kafka, "Spring Kafka", "spring", "spring-dlt", labels, [place("orders", 5, (1 << 33) + n) for n in range(len(labels))])


def application(kafka, command, topic, count):
    """Runs it until it has written so many letters."""
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as app:
        try:
            stand.wait_until(lambda: len(kafka.consume_all(topic)) == count, 90, f"{count} letters in {topic}", 0.5)
        except TimeoutError as error:
            log.seek(0)
            raise stand.StandError(f"{error}: {log.read().decode(errors='replace')[-3000:]}") from error
        finally:
            app.stdin.close()
            try:
                app.wait(30)
            except subprocess.TimeoutExpired:
                app.kill()


def streams(binary, kafka, workdir):
    """A row of Kafka Streams' own letters."""
    topic = "streams-dlq"
    kafka.create_topic(f"{topic}-in")
    kafka.create_topic(topic)
    kafka.produce(f"{topic}-in", [(f"k{i}", b"x" * i) for i in range(1, 20) if i != 8])
    _, command = java(workdir, "Letters", ("dlq-letters", LETTERS))
    application(kafka, command("streams", kafka.bootstrap, topic), topic, 18)
    return row(binary, kafka, "Kafka Streams", "streams", topic, ["deserialization"] * 18, [place(f"{topic}-in", 0, n) for n in range(18)])


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

    def share(n, of):
        return f"{n} ({100 * n / max(total[of], 1):.1f} %)"

    sums = [total["failures"], share(total["with_headers"], "failures"), f"Connect: {share(total['without'], 'connect')}", share(total["origins"], "connect")]
    if total["apps"]:
        sums[2] += f"; applications: {share(total['apps_without'], 'apps')}"
    return text + "| **all** | " + " | ".join(f"**{value}**" for value in sums) + " |\n"


def write(text):
    page = ROOT / "docs" / "dlq-corpus.md"
    head = page.read_text().split("<!-- table -->")[0]
    page.write_text(head + "<!-- table -->\n" + text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="configurations of cases.py")
    parser.add_argument("--letters", action="store_true", help="only those of Spring Kafka and Kafka Streams")
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
    enough = len(rows) >= len(names) and (options.only or options.letters or total["failures"] >= 300)
    sys.exit(0 if good and enough else 1)


if __name__ == "__main__":
    main()
