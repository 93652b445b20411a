"""The dead-letter connector on a real broker and a schema registry: letters that wait, come back, are given up, mended by rules, and what
happens beside a command, a crash and REST. The application whose letters these are is played by the test: it fails records again as Kafka
Connect's reporter writes them."""

import collections
import io
import json
import random
import struct
import subprocess
import time

import confluent_kafka
import fastavro
import pytest

from conftest import SLOW, Metrics, wait_until

BASE = int(time.time() * 1000) - 3_600_000  # when originals were written
RETRIABLE = "org.apache.kafka.connect.errors.RetriableException"
DATA = "org.apache.kafka.connect.errors.DataException"


def connect_headers(topic, partition, offset, cause=RETRIABLE, message="target away", connector="sink", stage="TASK_PUT"):
    values = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "connector.name": connector,
        "task.id": 0,
        "stage": stage,
        "class.name": "org.example.Sink",
        "exception.class.name": cause,
        "exception.message": message,
        "exception.stacktrace": f"{cause}: {message}\n\tat org.example.Sink.put(Sink.java:42)\n",
    }
    return [(f"__connect.errors.{name}", str(value).encode()) for name, value in values.items()]


def letter(topic, partition, offset, key=b"k", value=b"v", **why):
    return {"key": key, "value": value, "headers": connect_headers(topic, partition, offset, **why), "timestamp": BASE + offset}


def produce(kafka, topic, records):
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5})
    for record in records:
        producer.produce(topic, **record)
    assert producer.flush(60) == 0


def fail_again(kafka, dead, record, **why):
    """What a sink's reporter does with a record that failed: its headers, and Connect's behind them."""
    headers = [*(record.headers or []), *connect_headers(record.topic, record.partition, record.offset, **why)]
    produce(kafka, dead, [{"key": record.key, "value": record.value, "headers": headers, "timestamp": record.timestamp}])


def lineage(record):
    return {k: v.decode() for k, v in record.headers if k.startswith("__sluice.dlq.")}


def wait_records(kafka, topic, count, timeout=30):
    def enough():
        records = kafka.consume_all(topic)
        return records if len(records) >= count else None

    return wait_until(enough, timeout, f"{count} records in {topic}", interval=0.2)


class Stand:
    """A worker with one dead-letter connector, and topics that only this test uses."""

    def __init__(self, worker, kafka, name, partitions=2):
        self.worker, self.kafka, self.name = worker, kafka, f"mend-{name}"
        self.source, self.dead = f"orders-{name}", f"orders-{name}-dlq"
        self.ledger, self.audit = f"ledger-{name}", f"audit-{name}"
        kafka.create_topic(self.source, partitions)
        kafka.create_topic(self.dead)

    def config(self, **more):
        return {
            "connector.class": "sluice.dlq",
            "dlq.topics": self.dead,
            "dlq.ledger.topic": self.ledger,
            "dlq.audit.topic": self.audit,
            "dlq.poll.interval.ms": "100",
            "dlq.signal.interval.ms": "1100",
            "dlq.operator.wait.ms": "3000",
            "dlq.retry.transient.initial.ms": "300",
            **{key: str(value) for key, value in more.items()},
        }

    def run(self, **more):
        self.worker.run(self.name, self.config(**more), tasks=1)

    def fail(self, *letters):
        produce(self.kafka, self.dead, letters)

    def arrived(self, count):
        return wait_records(self.kafka, self.source, count)

    def metrics(self):
        return Metrics(self.worker)

    def value(self, name, **labels):
        found = self.metrics().all(name, connector=self.name, **labels)
        return sum(s.value for s in found) if found else None

    def wait_value(self, name, value, **labels):
        wait_until(lambda: self.value(name, **labels) == value, 30, f"{name} {labels} = {value}", interval=0.2)

    def audits(self, action="connector"):
        entries = [json.loads(r.value) for r in self.kafka.consume_all(self.audit)]
        return [e["result"] for e in entries if e["action"] == action]


@pytest.fixture
def made(worker, kafka, unique):
    return Stand(worker, kafka, unique)


@pytest.fixture
def command(binary, kafka, made, tmp_path):
    """Runs a dlq command with the ledger of the connector."""
    config = tmp_path / "command.properties"
    config.write_text(f"sluice.dlq.ledger.topic={made.ledger}\nsluice.dlq.audit.topic={made.audit}\n")

    def start(name, *args):
        return subprocess.Popen(
            [str(binary), "dlq", name, "--bootstrap-server", kafka.bootstrap, "--topic", made.dead, "--command-config", str(config), *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip

    def run(name, *args):
        done = start(name, *args)
        out, err = done.communicate(timeout=120 * SLOW)
        assert done.returncode == 0, f"{done.returncode}\n{out}\n{err}"
        return out

    run.start = start
    return run


def test_transient_letters_are_retried_once(made, kafka):
    """Each lands once, as the original was; failures of other classes stay, duplicates count once, nothing is retried early."""
    made.fail(letter(made.source, 1, 5, b"a", b"\x00\xff"), letter(made.source, 1, 5, b"a", b"\x00\xff"))
    made.fail(letter(made.source, 0, 7, None, None), letter(made.source, 1, 8, b"b", b"late", cause="com.acme.PriceRuleException"))
    made.run(**{"consumer.override.message.max.bytes": 2_000_000})  # more than a scan fetches at a time
    begun = time.time() * 1000
    records = made.arrived(2)
    made.wait_value("sluice_dlq_retried_total", 2, **{"class": "transient"})
    made.wait_value("sluice_dlq_open_letters", 0, **{"class": "transient"})
    records = made.kafka.consume_all(made.source)
    assert sorted((r.partition, r.key, r.value, r.timestamp) for r in records) == [
        (0, None, None, BASE + 7),
        (1, b"a", b"\x00\xff", BASE + 5),
    ]
    told = lineage(next(r for r in records if r.key == b"a"))
    first = int(told.pop("__sluice.dlq.first"))
    assert begun - 60_000 * SLOW < first <= time.time() * 1000
    assert told.pop("__sluice.dlq.id") in (f"{made.dead}-0-0", f"{made.dead}-0-1")  # whichever was due first
    assert told == {
        "__sluice.dlq.origin.topic": made.source,
        "__sluice.dlq.origin.partition": "1",
        "__sluice.dlq.origin.offset": "5",
        "__sluice.dlq.retry": "1",
        "__sluice.dlq.replay_id": f"connector {made.name}",
    }
    assert all(k.startswith("__sluice.") for r in records for k, _ in r.headers)
    # What waits for a person is counted, and a command sees what was done.
    open_ones = sum(made.value("sluice_dlq_open_letters", **{"class": c}) for c in ("business", "unknown"))
    assert open_ones == 1 and made.value("sluice_dlq_waiting_letters") == 0
    assert 3500 < made.value("sluice_dlq_oldest_open_seconds") < 3800
    assert 600_000 < made.value("sluice_dlq_retention_left_seconds") < 604_800 - 3000
    assert sum(a["retried"] for a in made.audits()) == 2 and sum(a["duplicates"] for a in made.audits()) == 1
    assert all(a["connector"] == made.name for a in made.audits())


def test_what_comes_back_is_tried_again_then_quarantined(made, kafka, command):
    """Attempts are counted from letter to letter, more than a command would make; what was given up a person may still replay."""
    made.run(**{"dlq.retry.transient.attempts.max": 6, "dlq.retry.transient.max.ms": 300, "dlq.quarantine.topic": f"{made.dead}-aside"})
    made.fail(letter(made.source, 0, 3, b"k", b"v"))
    seen = set()
    for attempt in range(1, 7):
        records = made.arrived(attempt)
        assert len(records) == attempt
        new = next(r for r in records if r.offset not in seen)
        seen.add(new.offset)
        told = lineage(new)
        assert told["__sluice.dlq.retry"] == str(attempt) and "__sluice.dlq.hop" not in told
        assert told["__sluice.dlq.origin.offset"] == "3"
        fail_again(kafka, made.dead, new)
    aside = wait_records(kafka, f"{made.dead}-aside", 1)
    assert len(aside) == 1 and (aside[0].key, aside[0].value) == (b"k", b"v")
    diagnosis = json.loads(dict(aside[0].headers)["__sluice.dlq.quarantine"])
    assert diagnosis["class"] == "transient" and diagnosis["retried"] == 6 and diagnosis["by"] == made.name
    assert diagnosis["why"] == "it was retried attempts.max times"
    assert diagnosis["origin"] == {"topic": made.source, "partition": 0, "offset": 3}
    assert len(kafka.consume_all(made.source)) == 6
    made.wait_value("sluice_dlq_quarantined_total", 1, **{"class": "transient"})
    command("release", "--key", "k")
    assert json.loads(command("replay", "--apply", "--json").splitlines()[-1])["replay"] == 1
    assert lineage(made.arrived(7)[-1])["__sluice.dlq.hop"] == "1"


def test_a_killed_worker_keeps_due_times_and_doubles_nothing(make_worker, kafka, unique):
    """kill -9 while letters wait and while they are sent: none is early, none is late by a new start, none is doubled."""
    worker = make_worker().start()
    made = Stand(worker, kafka, unique)
    far = 5000 * SLOW
    made.fail(*[letter(made.source, n % 2, n, str(n).encode()) for n in range(300)])
    made.run(**{"dlq.retry.transient.initial.ms": far, "dlq.retry.transient.max.ms": far})
    made.wait_value("sluice_dlq_waiting_letters", 300)
    seen = wait_until(lambda: seen_at(kafka, made), what="the record of what was seen")
    for sent in (0, 1, 100):  # while all wait, and while they are sent
        wait_until(lambda sent=sent: len(kafka.consume_all(made.source)) >= sent, 60, f"{sent} records", interval=0.02)
        worker.kill()
        worker.start()
        worker.wait_running(made.name, 1, timeout=60 * SLOW)
    assert seen_at(kafka, made) == seen
    records = made.arrived(300)
    made.wait_value("sluice_dlq_waiting_letters", 0)
    records = made.kafka.consume_all(made.source)
    assert collections.Counter(r.key for r in records) == {str(n).encode(): 1 for n in range(300)}
    assert {lineage(r)["__sluice.dlq.first"] for r in records} == {str(seen)}
    # Sent not before half of the delay behind that, whoever sent it.
    audits = [json.loads(r.value) for r in kafka.consume_all(made.audit)]
    first = min(r.timestamp for r in kafka.consume_all(made.audit))
    assert audits and first >= seen + far / 2


def seen_at(kafka, made):
    """When the letters of partition 0 were seen, by the connector's record in the ledger."""
    records = [r for r in kafka.consume_all(made.ledger) if json.loads(r.key)[0] == "worker"]
    runs = json.loads(records[-1].value)["seen"].get("0") if records else None
    return runs[0][1] if runs else None


def framed(schema_id, schema, row):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, row)
    return struct.pack(">bI", 0, schema_id) + out.getvalue()


AVRO = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "int"}, {"name": "note", "type": "string"}]}


def test_schema_failures_wait_for_the_registry(made, kafka, registry):
    """An id that is registered later, and a subject's new version: replayed within 5 s, unchanged. Others go on meanwhile."""
    subject = f"{made.source}-value"
    first = registry.register(subject, {**AVRO, "fields": AVRO["fields"][:1]})
    missing = framed(first + 1, AVRO, {"id": 1, "note": "x"})
    made.run(**{"schema.registry.url": registry.url, "dlq.retry.schema_mismatch.initial.ms": 100,
                "dlq.retry.deserialization.initial.ms": 100})  # fmt: skip
    gone = f"Error retrieving Avro value schema version for id {first + 1}"
    made.fail(
        letter(made.source, 0, 1, b"id", missing, stage="VALUE_CONVERTER", cause="org.apache.kafka.common.errors.SerializationException",
               message=f"{gone}; Schema {first + 1} not found; error code: 40403"),
        letter(made.source, 0, 2, b"subject", b"{}", stage="VALUE_CONVERTER", cause=DATA,
               message="Invalid value: null used for required field: \"note\", schema type: STRING"),
        letter(made.source, 0, 3, b"other"),
    )  # fmt: skip
    assert [r.key for r in made.arrived(1)] == [b"other"]
    made.wait_value("sluice_dlq_waiting_letters", 2)
    wait_until(lambda: subject_known(kafka, made, subject), what="the subject's version is known")
    asked = time.time()
    fields = [*AVRO["fields"][:1], {"name": "note", "type": "string", "default": ""}]
    assert registry.register(subject, {**AVRO, "fields": fields}) == first + 1
    records = made.arrived(3)
    assert time.time() - asked < 5 * SLOW
    assert {r.key: r.value for r in records} == {b"id": missing, b"subject": b"{}", b"other": b"v"}


def subject_known(kafka, made, subject):
    records = [r for r in kafka.consume_all(made.ledger) if json.loads(r.key)[0] == "worker"]
    return records and subject in json.loads(records[-1].value)["subjects"]


def rule(name, message, action, **more):
    return {"id": name, "when": {"message": {"contains": message}}, "class": "business", "action": action,
            "examples": [{"message": message}], **more}  # fmt: skip


def test_rules_mend_quarantine_and_discard(made, kafka, tmp_path):
    """What a rule tells is done, counted and audited; the file is read again when it changes, and a broken one changes nothing."""
    path = tmp_path / "rules.json"
    mend = rule("mend", "too long", "repair", repair={
        "rename": ["amnt=amount"], "cast": ["amount=int64"],
        "transforms": {"transforms": "cut", "transforms.cut.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
                       "transforms.cut.exclude": "junk"},
    })  # fmt: skip
    path.write_text(json.dumps({"rules": [mend, rule("bad", "poison", "quarantine")]}))
    made.run(**{"dlq.rules.file": path})
    made.fail(
        letter(made.source, 0, 1, b"mend", b'{"amnt":"12","junk":1}', cause=DATA, message="value too long"),
        letter(made.source, 0, 2, b"bad", b"{}", cause=DATA, message="poison"),
        letter(made.source, 0, 3, b"later", b"{}", cause=DATA, message="noise 17"),
    )
    records = made.arrived(1)
    assert [(r.key, json.loads(r.value)) for r in records] == [(b"mend", {"amount": 12})]
    assert [r.key for r in wait_records(kafka, f"{made.dead}-quarantine", 1)] == [b"bad"]
    made.wait_value("sluice_dlq_rule_uses_total", 1, rule="mend")
    made.wait_value("sluice_dlq_rule_uses_total", 1, rule="bad")
    made.wait_value("sluice_dlq_open_letters", 1)
    # Broken: those before stay. Then one that discards what is left.
    path.write_text('{"rules": [')
    made.fail(letter(made.source, 0, 4, b"bad2", b"{}", cause=DATA, message="poison"))
    assert len(wait_records(kafka, f"{made.dead}-quarantine", 2)) == 2
    path.write_text(json.dumps({"rules": [rule("noise", "noise", "discard")]}))
    made.wait_value("sluice_dlq_rule_uses_total", 1, rule="noise")
    made.wait_value("sluice_dlq_open_letters", 0)
    made.wait_value("sluice_dlq_discarded_total", 1)
    used = collections.Counter()
    for entry in made.audits():
        used.update(entry["rules"])
    assert used == {"mend": 1, "bad": 2, "noise": 1}
    assert len(kafka.consume_all(made.source)) == 1


def test_a_command_beside_the_connector(made, kafka, command):
    """A slow replay is not disturbed while letters come due, what it did is not done again, and the connector goes on after it."""
    made.fail(*[letter(made.source, 0, n, str(n).encode(), cause="com.acme.RuleException", message="rule") for n in range(100, 160)])
    made.run(**{"dlq.retry.transient.initial.ms": 1, "dlq.retry.transient.max.ms": 1, "dlq.retry.transient.attempts.max": 5})
    made.wait_value("sluice_dlq_open_letters", 60)
    job = command.start("replay", "--apply", "--rate", "15/s", "--json", "--offsets", "0:0-59")
    made.arrived(5)
    made.fail(letter(made.source, 1, 1, b"mine"))  # due at once: the connector finds that it was fenced
    made.wait_value("sluice_dlq_standing_back", 1)
    out, err = job.communicate(timeout=120 * SLOW)
    assert job.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["replay"] == 60
    records = made.arrived(61)
    made.wait_value("sluice_dlq_standing_back", 0)
    made.wait_value("sluice_dlq_open_letters", 0)
    assert collections.Counter(r.key for r in records) == {b"mine": 1, **{str(n).encode(): 1 for n in range(100, 160)}}
    # What a person takes back stays open, though it had all its attempts, until a person replays it.
    worn = letter(made.source, 1, 2, b"worn")
    made.fail({**worn, "headers": [("__sluice.dlq.retry", b"9"), *worn["headers"]]})
    made.wait_value("sluice_dlq_quarantined_total", 1)
    command("release", "--offsets", "0:61-")
    made.wait_value("sluice_dlq_open_letters", 1)
    made.fail(letter(made.source, 1, 3, b"next"))
    assert len(made.arrived(62)) == 62
    assert json.loads(command("replay", "--apply", "--json").splitlines()[-1])["replay"] == 1
    assert len(made.arrived(63)) == 63
    assert len(kafka.consume_all(f"{made.dead}-quarantine")) == 1


def test_a_breaker_stops_retries_to_a_target(made, kafka):
    """When most of what is retried comes back, nothing goes to that topic for a while, but to others."""
    other = f"{made.source}-well"
    kafka.create_topic(other)
    made.run(**{"dlq.breaker.failures.min": 3, "dlq.breaker.open.ms": 600_000, "dlq.retry.transient.initial.ms": 50})
    made.fail(*[letter(made.source, 0, n, str(n).encode()) for n in range(4)])
    for record in made.arrived(4):
        fail_again(kafka, made.dead, record)
    made.wait_value("sluice_dlq_breaker_state", 1, target=made.source)
    sent = len(kafka.consume_all(made.source))
    made.fail(letter(made.source, 0, 9, b"held"), letter(other, 0, 1, b"well"))
    assert [r.key for r in wait_records(kafka, other, 1)] == [b"well"]
    assert len(kafka.consume_all(made.source)) == sent
    assert made.value("sluice_dlq_waiting_letters") >= 1


def restarted(worker, made):
    worker.kill()
    worker.start()
    worker.wait_running(made.name, 1, timeout=60 * SLOW)


def test_budget_and_breaker_survive_a_kill(make_worker, kafka, unique):
    """A budget is of any hour, and an open breaker stays open: a worker that is killed and started again gets no second one."""
    worker = make_worker().start()
    made = Stand(worker, kafka, unique)
    other = f"{made.source}-well"
    kafka.create_topic(other)
    made.run(**{"dlq.retry.transient.budget.per.hour": 7, "dlq.retry.transient.initial.ms": 50, "dlq.breaker.failures.min": 3,
                "dlq.breaker.open.ms": 600_000})  # fmt: skip
    made.fail(*[letter(made.source, 0, n, str(n).encode()) for n in range(4)])
    for record in made.arrived(4):
        fail_again(kafka, made.dead, record)
    made.wait_value("sluice_dlq_breaker_state", 1, target=made.source)
    wait_until(lambda: made.source in last_record(kafka, made)["breakers"], what="it is written down")
    restarted(worker, made)
    made.wait_value("sluice_dlq_breaker_state", 1, target=made.source)
    # 3 of 7 are left for the other topic; those to the broken one take none of them.
    made.fail(letter(made.source, 0, 9, b"held"), *[letter(other, 0, n, str(n).encode()) for n in range(6)])
    wait_records(kafka, other, 3)
    made.wait_value("sluice_dlq_waiting_letters", 8)
    restarted(worker, made)
    made.wait_value("sluice_dlq_waiting_letters", 8)
    time.sleep(2)  # its letters are due, and looked at
    assert (len(kafka.consume_all(other)), len(kafka.consume_all(made.source))) == (3, 4)
    assert sum(last_record(kafka, made)["budgets"]["transient"].values()) == 7


def test_what_was_not_sent_is_not_counted(make_worker, kafka, unique, tmp_path):
    """Killed when what goes into quarantine is committed, and the retries of the same batch are not sent: the whole budget is there."""
    worker = make_worker(env={"SLUICE_FAULTS": "dlq.after_commit=kill@3"})  # the first two: who acts, what was seen
    made = Stand(worker, kafka, unique)
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"rules": [rule("bad", "poison", "quarantine")]}))
    letters = [letter(made.source, n % 2, n, str(n).encode()) for n in range(5)]
    made.fail(letter(made.source, 0, 9, b"bad", cause=DATA, message="poison"), *letters)
    worker.start()
    config = made.config(**{"dlq.rules.file": path, "dlq.retry.transient.budget.per.hour": 5, "dlq.retry.transient.initial.ms": 0})
    worker.create(made.name, config)
    wait_until(lambda: not worker.running, 60, "its death")
    assert [r.key for r in kafka.consume_all(f"{made.dead}-quarantine")] == [b"bad"], "the third commit is another one: mend the test"
    assert not kafka.consume_all(made.source)
    assert not last_record(kafka, made)["budgets"]
    del worker.env["SLUICE_FAULTS"]
    worker.start()
    assert {r.key for r in made.arrived(5)} == {str(n).encode() for n in range(5)}
    wait_until(lambda: sum(last_record(kafka, made)["budgets"].get("transient", {}).values()) == 5, what="they are counted")


def test_what_is_not_committed_is_not_counted(make_worker, kafka, unique, tmp_path):
    """Another one may fence the connector before its commit: metrics must not say before it what then has not happened."""
    worker = make_worker(env={"SLUICE_FAULTS": "dlq.before_commit=sleep:5000@3"})  # the first two: who acts, what was seen
    made = Stand(worker, kafka, unique)
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"rules": [rule("bad", "poison", "quarantine")]}))
    made.fail(letter(made.source, 0, 9, b"bad", cause=DATA, message="poison"))
    worker.start()
    worker.create(made.name, made.config(**{"dlq.rules.file": path}))
    seen = set()

    def counted():
        at_once = made.metrics()
        names = ("open_letters", "quarantined_total", "rule_uses_total")
        _, ended, _ = found = tuple(sum(s.value for s in at_once.all(f"sluice_dlq_{name}", connector=made.name)) for name in names)
        seen.add(found)
        assert found in ((0, 0, 0), (1, 0, 0)) or len(kafka.consume_all(f"{made.dead}-quarantine")) == 1, found
        return ended

    wait_until(counted, what="it is quarantined and counted")
    assert (1, 0, 0) in seen, seen


def test_a_death_while_nothing_is_read_accuses_no_letter(make_worker, kafka, unique):
    """Behind a scan the ledger names no letters any more, also before what follows from them is committed."""
    worker = make_worker(env={"SLUICE_FAULTS": "dlq.before_commit=kill@2"})  # one life that ends without a word: from now on steps are told
    made = Stand(worker, kafka, unique)
    made.fail(letter(made.source, 0, 1, b"one"))
    worker.start()
    worker.create(made.name, made.config(**{"dlq.retry.transient.initial.ms": 0}))
    wait_until(lambda: not worker.running, 60, "its death")
    # Who acts; the letter is told, and withdrawn; it was seen; told to be sent, and withdrawn.
    worker.env["SLUICE_FAULTS"] = "dlq.after_commit=kill@6"
    worker.start()
    wait_until(lambda: not worker.running, 60, "its death before it sends")
    texts = [r.value for r in kafka.consume_all(made.ledger) if json.loads(r.key)[0] == "doubt"]
    doubts = [text and json.loads(text)["doubt"].split()[2:6] for text in texts]
    begun, told = ["2", "0", "0", "0"], ["2", "0", "1", "0"]
    assert doubts == [["1", "0", "0", "0"], begun, told, begun, told, begun]
    assert not kafka.consume_all(made.source)
    del worker.env["SLUICE_FAULTS"]
    worker.start()
    assert [r.key for r in made.arrived(1)] == [b"one"]


def last_record(kafka, made):
    """The connector's in the ledger."""
    records = [r for r in kafka.consume_all(made.ledger) if json.loads(r.key)[0] == "worker"]
    return json.loads(records[-1].value) if records else {"breakers": {}}


def test_a_topic_that_got_more_partitions(made, kafka):
    """Retried records go where live ones of their keys go now; what the growth does not explain keeps its partition."""
    keys = [f"key-{n}".encode() for n in range(40)]
    kafka.produce(made.source, [(k, b"old") for k in keys], partitioner="murmur2_random")
    letters = [letter(r.topic, r.partition, r.offset, r.key, b"again") for r in kafka.consume_all(made.source)]
    admin = kafka.admin()
    admin.create_partitions([confluent_kafka.admin.NewPartitions(made.source, 5)])[made.source].result(30)
    wait_until(lambda: len(admin.list_topics(made.source, timeout=5).topics[made.source].partitions) == 5)
    kafka.produce(made.source, [(k, b"new") for k in keys], partitioner="murmur2_random")
    fresh = [r for r in kafka.consume_all(made.source) if r.value == b"new"][:10]  # failed since: they must not hide what the others tell
    made.fail(*[letter(r.topic, r.partition, r.offset, r.key, b"fresh") for r in fresh], *letters)
    made.run(**{"dlq.retry.transient.initial.ms": 1})
    made.arrived(90)
    made.wait_value("sluice_dlq_open_letters", 0)
    now = {r.key: r.partition for r in kafka.consume_all(made.source) if r.value == b"new"}
    assert {r.key: r.partition for r in kafka.consume_all(made.source) if r.value == b"again"} == now
    assert {r.key: r.partition for r in kafka.consume_all(made.source) if r.value == b"fresh"} == {r.key: r.partition for r in fresh}


def test_the_workers_connectors_lend(made, kafka, tmp_path):
    """Letters without headers: their origin is found in the topics of the connector that gave them up, and its converter says what is wrong
    with them; what is ambiguous stays without one. Those that come later are searched, too."""
    sink = {
        "connector.class": "file-sink", "file": str(tmp_path / "out"), "topics": made.source, "errors.tolerance": "all",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter", "errors.deadletterqueue.topic.name": made.dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
    }  # fmt: skip
    name = f"lender-{made.name}"
    answer = made.worker.rest("POST", "/connectors", json={"name": name, "config": sink, "initial_state": "STOPPED"})
    assert answer.status_code == 201, answer.text
    records = [{"key": b"k%d" % n, "value": b"{broken %d" % n, "timestamp": BASE + n, "partition": n % 2} for n in range(6)]
    twin = {"key": b"twin", "value": b"{broken twin"}
    produce(kafka, made.source, [*records, {**twin, "partition": 0}, {**twin, "partition": 1}])
    plain = [{k: v for k, v in r.items() if k != "partition"} for r in records]
    headed = letter(made.source, 1, 9, b"headed", b"v")
    made.fail(*plain[:4], twin, {"key": b"good", "value": b'{"n":1}'}, {"key": b"x", "value": b"{never there"}, headed)
    made.run(**{"dlq.retry.deserialization.age.max.ms": 3000 * SLOW})
    made.wait_value("sluice_dlq_open_letters", 1, **{"class": "unknown"})
    made.fail(*plain[4:])
    aside = wait_records(kafka, f"{made.dead}-quarantine", 8)
    told = {r.key: json.loads(dict(r.headers)["__sluice.dlq.quarantine"]) for r in aside}
    assert {d["class"] for d in told.values()} == {"deserialization"} and len(told) == 8
    assert {k: d.get("origin") for k, d in told.items()} == {
        **{b"k%d" % n: {"topic": made.source, "partition": n % 2, "offset": n // 2} for n in range(6)}, b"twin": None, b"x": None}  # fmt: skip
    made.wait_value("sluice_dlq_open_letters", 1, **{"class": "unknown"})
    assert [r.key for r in kafka.consume_all(made.source) if r.key == b"headed"] == [b"headed"]
    made.worker.delete(name)


def test_a_record_that_its_topic_refuses_stays(made, kafka):
    """It would stop the task each time; others go on."""
    small = f"{made.source}-small"
    kafka.create_topic(small, config={"max.message.bytes": "2000"})
    made.run(**{"dlq.retry.transient.initial.ms": 1})
    made.fail(letter(small, 0, 1, b"large", random.Random(1).randbytes(1900)), letter(small, 0, 2, b"fits"))
    assert [r.key for r in wait_records(kafka, small, 1)] == [b"fits"]
    made.wait_value("sluice_dlq_open_letters", 1)
    assert made.worker.status(made.name)["tasks"][0]["state"] == "RUNNING"


def test_a_letter_of_a_name_that_no_topic_has_holds_nothing_up(made, kafka):
    made.fail(letter("no such topic!", 0, 1, b"odd"), letter(made.source, 0, 7, b"good"))
    made.run()
    made.wait_value("sluice_dlq_retried_total", 1, **{"class": "transient"})
    assert [record.key for record in made.arrived(1)] == [b"good"]
    assert made.value("sluice_dlq_open_letters", **{"class": "transient"}) == 1


def test_two_connectors_do_not_fence_each_other(made, kafka):
    """A topic in two connectors: the second one stands back, the first goes on."""
    made.run()
    made.fail(letter(made.source, 0, 1, b"1"))
    made.arrived(1)
    made.worker.run(f"{made.name}-too", made.config(), tasks=1)
    labels = {"connector": f"{made.name}-too"}
    wait_until(lambda: [s.value for s in made.metrics().all("sluice_dlq_standing_back", **labels)] == [1], what="it stands back")
    made.fail(letter(made.source, 0, 2, b"2"))
    assert {lineage(r)["__sluice.dlq.replay_id"] for r in made.arrived(2)} == {f"connector {made.name}"}
    made.worker.delete(f"{made.name}-too")


def test_rest_shows_pauses_and_deletes_it(worker, kafka, unique):
    """The life of the connector as of any other; topics are shared out, and what does not exist yet is waited for."""
    made = Stand(worker, kafka, unique)
    later = f"{made.dead}-later"
    config = {**made.config(), "dlq.topics": f"{made.dead},{later}", "tasks.max": "5"}
    body = worker.create(made.name, config)
    assert body["type"] == "sink"
    worker.wait_running(made.name, 2, timeout=30 * SLOW)
    status = worker.status(made.name)
    assert status["type"] == "sink" and [t["state"] for t in status["tasks"]] == ["RUNNING", "RUNNING"]
    listed = worker.rest("GET", "/connector-plugins").json()
    assert {"class": "sluice.dlq", "type": "sink"}.items() <= next(p for p in listed if p["class"] == "sluice.dlq").items()
    assert worker.rest("PUT", f"/connectors/{made.name}/pause").status_code == 202
    wait_until(lambda: {t["state"] for t in worker.status(made.name)["tasks"]} == {"PAUSED"}, what="PAUSED")
    kafka.create_topic(later)
    produce(kafka, later, [letter(made.source, 0, 1, b"1")])
    made.fail(letter(made.source, 0, 2, b"2"))
    assert worker.rest("PUT", f"/connectors/{made.name}/resume").status_code == 202
    assert sorted(r.key for r in made.arrived(2)) == [b"1", b"2"]
    assert worker.rest("PUT", f"/connectors/{made.name}/stop").status_code == 204
    wait_until(lambda: worker.status(made.name)["connector"]["state"] == "STOPPED", what="STOPPED")
    made.fail(letter(made.source, 0, 3, b"3"))
    assert worker.rest("PUT", f"/connectors/{made.name}/resume").status_code == 202
    assert len(made.arrived(3)) == 3
    worker.delete(made.name)
    wait_until(lambda: not made.metrics().all("sluice_dlq_open_letters"), what="no metrics of it")
    # What is wrong is said before it is made.
    for bad, text in [
        ({"dlq.topics": ""}, "dlq.topics"),
        ({"dlq.quarantine.topic": made.dead}, "one of dlq.topics"),
        ({"dlq.rules.file": "/nowhere/rules.json"}, "nowhere"),
        ({"topics": "x"}, "remove topics"),
        ({"dlq.retry.transient.initial.ms": "soon"}, "Not a number"),
        ({"dlq.connect.url": "elsewhere"}, "self, none or the http address"),
    ]:
        answer = worker.rest("POST", "/connectors", json={"name": f"{made.name}-bad", "config": {**made.config(), **bad}})
        assert answer.status_code == 400 and text in answer.text, answer.text
