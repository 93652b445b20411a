# SPDX-License-Identifier: Apache-2.0
"""Dead letters of applications, by the libraries that write them (from Maven, kept in SLUICE_CACHE): Spring Kafka, Kafka Streams, SmallRye,
Spring Cloud Stream. Each fails with the exceptions of Failures.java, or at bytes and messages given here, while other records of its topic
pass; a row says how often sluice is right about them, with their headers and without any. About those without, the other records are all
that it can look at (--source): it must be right or say `unknown`, and nothing else."""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import confluent_kafka

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import jvm_connect
import stand

SLF4J = "org.slf4j:slf4j-nop:2.0.17"
LIBRARIES = {  # main class: (folder in the cache, artifacts)
    "Letters": ("dlq-letters", [
        "org.springframework.kafka:spring-kafka:4.0.0",
        "org.apache.kafka:kafka-streams:4.2.0",
        "org.apache.kafka:connect-json:4.2.0",
        "org.apache.kafka:kafka-clients:4.2.0",
        SLF4J,
    ]),
    "SmallRye": ("dlq-smallrye", [
        "io.smallrye.reactive:smallrye-reactive-messaging-kafka:4.31.0",
        "io.smallrye.config:smallrye-config:3.14.1",
        "org.eclipse.microprofile.reactive-streams-operators:microprofile-reactive-streams-operators-api:3.0.1",
        "org.jboss.weld.se:weld-se-core:5.1.5.Final",
        "org.apache.kafka:connect-json:4.1.0",
        SLF4J,
    ]),
    "CloudStream": ("dlq-cloud-stream", [
        "org.springframework.cloud:spring-cloud-stream-binder-kafka:4.3.0",
        "org.apache.kafka:connect-json:3.9.1",
        "org.apache.kafka:kafka-clients:3.9.1",
        "org.slf4j:slf4j-api:2.0.17",
    ]),
}  # fmt: skip
D, S = "deserialization", "schema_mismatch"
PASS = 60  # records of each topic that no application refuses
ORDERS = [json.dumps({"id": n, "color": "RED", "items": [n]} if n % 3 else {"id": n}).encode() for n in range(PASS)]
LONGS = [n.to_bytes(8, "big") for n in range(PASS)]
WRONG_LONGS = [(b"x" * n, D) for n in range(1, 20) if n != 8]
WRONG_ORDERS = [(value, D) for value in (b"{bad", b"tru", b"hello", b'{"id":1', b"<x/>", b'{"id":1,}', b"\0\1")]
WRONG_ORDERS += [(value, S) for value in (b'{"id":"x"}', b'{"color":"PURPLE"}', b"[]", b'{"items":{}}', b'{"items":["a"]}', b'"text"', b"5")]


def listed(binary, kafka, topic, *options):
    line = [binary, "dlq", "list", "--bootstrap-server", kafka.bootstrap, "--topic", topic, "--json", *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise stand.StandError(f"{' '.join(map(str, line))}: {done.returncode}\n{done.stderr}")
    return [json.loads(text) for text in done.stdout.splitlines()]


def java(workdir, main):
    """(failures, run): [(value, class)] of Failures.java, and what run(arguments) begins."""
    here, jars, classes = pathlib.Path(__file__).parent, jvm_connect.fetch(*LIBRARIES[main]), workdir / f"classes-{main}"
    path = ["-cp", f"{classes}:{jars}/*"]
    sources = [here / f"{name}.java" for name in ("Failures", main)]
    subprocess.run(["javac", "-nowarn", "-proc:none", "-parameters", *path, "-d", classes, *sources], check=True)
    (classes / "META-INF").mkdir()
    (classes / "META-INF" / "beans.xml").write_text('<beans xmlns="https://jakarta.ee/xml/ns/jakartaee" bean-discovery-mode="annotated"/>')
    told = subprocess.run(["java", *path, "Failures"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    failures = [(base64.b64decode(value), label) for label, _, value in (line.partition(" ") for line in told)]
    return failures, lambda *arguments: ["java", *path, main, *arguments]


def produce(kafka, topic, failures, others):
    """The application's topic: the records k0, k1 ... which fail, then those that pass; and a topic for the letters."""
    kafka.create_topic(topic)
    kafka.create_topic(f"{topic}-in")
    kafka.produce(f"{topic}-in", [(f"k{n}", value) for n, (value, _) in enumerate(failures)] + [(f"ok{n}", value) for n, value in enumerate(others)])


def application(kafka, command, counts):
    """Runs it until it has written so many letters into each topic."""
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as app:
        try:
            for topic, count in counts.items():
                stand.wait_until(lambda: len(kafka.consume_all(topic)) >= count, 150, f"{count} letters in {topic}", 0.5)  # noqa: B023
        except TimeoutError as error:
            log.seek(0)
            raise stand.StandError(f"{error}: {log.read().decode(errors='replace')[-3000:]}") from error
        finally:
            app.stdin.close()
            try:
                app.wait(30)
            except subprocess.TimeoutExpired:
                app.kill()


def row(binary, kafka, title, family, topic, labels, first=None):
    """A row of the table, and what was wrong. The letter of key k<n> is labels[n]'s and comes from offset n of TOPIC-in, or from where `first`
    says that k0 came from."""
    letters, plain = kafka.consume_all(topic), f"{topic}-plain"
    kafka.create_topic(plain)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for r in letters:
        producer.produce(plain, r.value, r.key, timestamp=r.timestamp)
    producer.flush(30)
    where = first or {"topic": f"{topic}-in", "partition": 0, "offset": 0}
    numbers = [int(r.key[1:]) for r in letters]
    found, bare = listed(binary, kafka, topic), listed(binary, kafka, plain, "--source", f"{topic}-in")
    wrong, right, without, unknown, origins = [], 0, 0, 0, 0
    for n, one, less in zip(numbers, found, bare, strict=True):
        ok = (one["class"], one["family"]) == (labels[n], family)
        right += ok
        origins += one["origin"] == {**where, "offset": where["offset"] + n}
        without += less["class"] == labels[n]
        unknown += less["class"] == "unknown" != labels[n]
        if not ok:
            wrong.append(f"{title} k{n}: {one['family']} {one['class']}/{one['code']} instead of {labels[n]}: {one['cause']}: {one['message']}")
        if less["class"] not in (labels[n], "unknown"):
            wrong.append(f"{title} k{n} without headers: {less['class']}/{less['code']} instead of {labels[n]}: {less['evidence']}")
    if sorted(numbers) != list(range(len(labels))) or origins != len(labels):
        wrong.append(f"{title}: {len(letters)} letters of {len(labels)}, {origins} origins")
    return (title, len(letters), right, without, unknown, f"{origins} by headers"), wrong


def labels_of(failures):
    return [label for _, label in failures]


def rows(binary, kafka, workdir):
    yield from spring_and_streams(binary, kafka, workdir)
    yield from smallrye(binary, kafka, workdir)
    yield from cloud_stream(binary, kafka, workdir)


def spring_and_streams(binary, kafka, workdir):
    failures, command = java(workdir, "Letters")
    produce(kafka, "spring", failures, ORDERS)
    subprocess.run(command("spring", kafka.bootstrap, "spring"), check=True, timeout=120)
    yield row(binary, kafka, "Spring Kafka", "spring", "spring", labels_of(failures), {"topic": "orders", "partition": 5, "offset": 1 << 33})
    produce(kafka, "streams", WRONG_LONGS, LONGS)
    application(kafka, command("streams", kafka.bootstrap, "streams"), {"streams": len(WRONG_LONGS)})
    yield row(binary, kafka, "Kafka Streams", "streams", "streams", labels_of(WRONG_LONGS))


def smallrye(binary, kafka, workdir):
    failures, command = java(workdir, "SmallRye")
    labels = labels_of(failures)
    produce(kafka, "rye-app", failures, ORDERS)
    produce(kafka, "rye-retry", failures, ORDERS)
    produce(kafka, "rye-bytes", WRONG_LONGS, LONGS)
    for topic in ("rye-retry_100", "rye-retry_200"):
        kafka.create_topic(topic)
    application(kafka, command(kafka.bootstrap, "rye"), {"rye-app": len(failures), "rye-bytes": len(WRONG_LONGS), "rye-retry": len(failures)})
    yield row(binary, kafka, "SmallRye", "smallrye", "rye-app", labels)
    yield row(binary, kafka, "SmallRye, bytes", "smallrye", "rye-bytes", labels_of(WRONG_LONGS))
    yield retried(row(binary, kafka, "SmallRye, retry topics", "smallrye", "rye-retry", labels[2:] + labels[:2]))


def retried(told):
    """The third failure counts, the value is that of the first: without headers there is nothing to judge."""
    (title, count, right, _, _, origins), wrong = told
    return (title, count, right, "-", "-", origins), [one for one in wrong if "without headers" not in one]


def cloud_stream(binary, kafka, workdir):
    failures, command = java(workdir, "CloudStream")
    produce(kafka, "cloud-app", failures, ORDERS)
    produce(kafka, "cloud-json", WRONG_ORDERS, ORDERS)
    application(kafka, command(kafka.bootstrap, "cloud"), {"cloud-app": len(failures), "cloud-json": len(WRONG_ORDERS)})
    yield row(binary, kafka, "Spring Cloud Stream", "cloud-stream", "cloud-app", labels_of(failures))
    yield row(binary, kafka, "Spring Cloud Stream, conversion", "cloud-stream", "cloud-json", labels_of(WRONG_ORDERS))
