"""REST under /dlq of a worker: the same answers and the same jobs as the commands of sluice dlq, on the same brokers."""

import http.server
import json
import random
import threading
import time
import urllib.parse
import uuid

import pytest
from conftest import SLOW, Sluice, wait_until
from test_dlq_replay import Dlq, Failing, connect_headers, letter, produce


@pytest.fixture(scope="module")
def hook():
    """What alarms are posted to: .alarms is what came."""

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            server.alarms.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.alarms = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def worker(binary, kafka, hook, tmp_path_factory):
    yield from run_worker(binary, kafka, hook, tmp_path_factory)


def run_worker(binary, kafka, hook, tmp_path_factory, env=None):
    group = f"group-{uuid.uuid4().hex[:8]}"
    properties = {"bootstrap.servers": kafka.bootstrap, "group.id": group, "offset.storage.partitions": 1}
    alert = "sluice.dlq.alert"
    properties[f"{alert}.webhook.url"] = f"http://127.0.0.1:{hook.server_port}/hook?token=s3cret"
    properties |= {f"{alert}.interval.ms": 200, f"{alert}.open.letters": 5, f"{alert}.new.failure.seconds": -1}
    properties |= {f"{alert}.oldest.seconds": -1, f"{alert}.retention.left.seconds": -1}
    for kind in ("config", "offset", "status"):
        properties[f"{kind}.storage.topic"] = f"{group}-{kind}"
        properties[f"{kind}.storage.replication.factor"] = 1
    worker = Sluice(binary, tmp_path_factory.mktemp("worker"), kafka, properties, env=env).start()
    yield worker
    code = worker.stop()
    for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer"):
        assert word not in worker.log_text(), worker.log_text()[-8000:]
    assert code == 0, worker.log_text()[-4000:]


@pytest.fixture
def dlq(binary, kafka):
    return Dlq(binary, kafka)


@pytest.fixture
def names(kafka):
    """A source topic and its dead-letter topic, which are there."""
    base = f"orders-{uuid.uuid4().hex[:8]}"
    kafka.create_topic(base, 2)
    kafka.create_topic(f"{base}-dlq", 2)
    return base, f"{base}-dlq"


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def get(worker, path, status=200, **params):
    query = "?" + urllib.parse.urlencode(params, doseq=True) if params else ""
    answer = worker.rest("GET", f"/dlq/{path}{query}")
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def post(worker, path, body, status=200):
    answer = worker.rest("POST", f"/dlq/{path}", json=body)
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    return answer.json()


def wait_state(worker, dead, job, *states):
    def there():
        shown = get(worker, f"{dead}/replays/{job}")
        return shown if shown["state"] in states else None

    return wait_until(there, 60, f"replay {job} is {states}")


def fill(kafka, source, dead, n=20):
    produce(
        kafka,
        dead,
        [
            {
                **letter(
                    source,
                    i % 2,
                    i,
                    key=b"k%d" % (i % 5),
                    value=b'{"n":%d}' % i,
                    own=[("shop", b"a" if i % 4 else b"b")],
                    message="no table orders" if i % 3 else "Read timed out",
                ),
                "partition": i % 2,
            }
            for i in range(n)
        ],
    )


def test_reads_are_those_of_the_commands(kafka, worker, dlq, names):
    source, dead = names
    fill(kafka, source, dead)
    groups = get(worker, f"{dead}/groups")
    assert groups == lines(dlq("groups", dead, "--json"))
    assert sum(g["count"] for g in groups) == 20 and len(groups) == 2
    for filters in (
        {},
        {"class": ["transient", "business"]},
        {"group": groups[0]["fingerprint"]},
        {"since": "-3d", "until": "-1h"},
        {"offsets": "1:2-5"},
        {"key": ["k1", "k2"]},
        {"header": "shop=b", "where": "n=8"},
        {"limit": 3},
    ):
        args = [f"--{k}={v}" for k, vs in filters.items() for v in (vs if isinstance(vs, list) else [vs])]
        assert get(worker, f"{dead}/records", **filters) == lines(dlq("list", dead, "--json", *args)), filters
    assert len(get(worker, f"{dead}/records", limit=3)) == 3
    assert get(worker, f"{dead}/records", key="nobody") == []
    assert get(worker, f"{dead}/records/1/4") == json.loads(dlq("show", dead, "--json", "--offsets", "1:4"))
    assert get(worker, f"{dead}/explain") == lines(dlq("explain", dead, "--json"))
    stats, command = get(worker, f"{dead}/stats"), json.loads(dlq("stats", dead, "--json"))
    for moving in ("oldest_age_ms", "retention_left_ms"):
        assert abs(stats.pop(moving) - command.pop(moving)) < 60_000 * SLOW
    assert stats == command and stats["records"] == 20


def test_answers_are_bounded(kafka, worker, names):
    _, dead = names
    produce(kafka, dead, [{"key": b"k", "value": b"v"}] * 1100)
    assert len(get(worker, f"{dead}/records")) == 1000
    assert len(get(worker, f"{dead}/records", limit=1050)) == 1050


def test_wrong_input_says_what_to_do(kafka, worker, names):
    source, dead = names
    fill(kafka, source, dead, 4)
    for method, path, body, status, text in (
        ("GET", f"{dead}/records?class=none", None, 400, "class is deserialization, schema_mismatch"),
        ("GET", f"{dead}/records?group=12", None, 400, "group is a fingerprint"),
        ("GET", f"{dead}/records?since=yesterday", None, 400, "since is a time as"),
        ("GET", f"{dead}/records?offsets=0:9-1", None, 400, "offsets is PARTITION:FIRST-LAST"),
        ("GET", f"{dead}/records?limit=0", None, 400, "limit is a number from 1"),
        ("GET", f"{dead}/records?limit=10001", None, 400, "limit is at most 10000 here"),
        ("GET", f"{dead}/records?colour=red", None, 400, "colour is no option"),
        ("GET", f"{dead}/records?key=%FF", None, 400, "percent-encoded"),
        ("GET", f"{dead}/groups?limit=1", None, 400, "limit is not an option of dlq groups"),
        ("GET", f"{dead}/groups?find-origin=perhaps", None, 400, "find-origin is true or false"),
        ("GET", f"{dead}/groups?connect=http://127.0.0.1:1", None, 400, "connect can only be self"),
        ("GET", f"{dead}/groups?connect=self", None, 400, "No connector of this worker has"),
        ("GET", f"{dead}/records?rules=/etc/passwd", None, 400, "rules is a JSON object here"),
        ("GET", f"{dead}/records?bootstrap-server=elsewhere:9092", None, 400, "can't be given through REST"),
        ("GET", f"{dead}/records/x/1", None, 400, "two numbers"),
        ("GET", f"{dead}/records/9/0", None, 404, "has no partition 9"),
        ("GET", f"{dead}/records/0/99", None, 404, "no such record"),
        ("GET", "nobody-made-this/groups", None, 404, "There is no topic nobody-made-this"),
        ("GET", "no%20topic/stats", None, 404, "There is no topic no topic"),
        ("GET", f"{dead}/replays?state=running", None, 400, "no parameters"),
        ("GET", f"{dead}/replays/0123456789abcdef", None, 404, "There is no replay 0123456789abcdef"),
        ("DELETE", f"{dead}/replays/0123456789abcdef", None, 404, "There is no replay"),
        ("POST", f"{dead}/replays", "[]", 400, "must be a JSON object"),
        ("POST", f"{dead}/replays", "{", 400, "can't be read"),
        ("POST", f"{dead}/replays", "", 400, "{} means all records"),
        ("POST", f"{dead}/discard", "", 400, "{} means all records"),
        ("POST", f"{dead}/discard", '{"apply": true, "dry-run": true}', 400, "exclude each other"),
        ("POST", f"{dead}/replays", '{"to": "moon"}', 400, "to is original, topic:NAME"),
        ("POST", f"{dead}/replays", f'{{"to": "topic:{dead}"}}', 400, "is the dead-letter topic itself"),
        ("POST", f"{dead}/replays", f'{{"to": "topic:{dead}", "apply": true}}', 400, "is the dead-letter topic itself"),
        ("POST", f"{dead}/replays", '{"to": "connector:nobody", "connect": "self"}', 400, "has no connector nobody"),
        ("POST", f"{dead}/replays", '{"rate": "fast"}', 400, "rate is"),
        ("POST", f"{dead}/replays", '{"class": {"a": 1}}', 400, "class is a text, a number"),
        ("POST", f"{dead}/replays", '{"transforms": "/etc/passwd"}', 400, "transforms is a JSON object here"),
        ("POST", f"{dead}/replays", '{"value-version": 3}', 400, "value-version needs value-subject"),
        ("POST", f"{dead}/replays?class=transient", "{}", 400, "in the body"),
    ):
        headers = {"Content-Type": "application/json"} if body else {}
        answer = worker.rest(method, f"/dlq/{path}", raw=body, headers=headers)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.json()["error_code"] == status and text in answer.json()["message"], answer.text
    assert worker.rest("PUT", f"/dlq/{dead}/replays", json={}).status_code == 405
    assert worker.rest("GET", f"/dlq/{dead}/nothing").status_code == 404


@pytest.fixture
def slow_reader(binary, kafka, hook, tmp_path_factory):
    """A worker that thinks for 2 s over what the ledger said when it is asked for replays, from the second time on."""
    sleeps = ",".join(f"dlq.jobs_read=sleep:2000@{n}" for n in range(2, 14))
    yield from run_worker(binary, kafka, hook, tmp_path_factory, {"SLUICE_FAULTS": sleeps})


def test_a_replay_that_ends_while_it_is_looked_at(kafka, slow_reader, names):
    """Its state and its counts are of one moment: never finished with what had been replayed before."""
    source, dead = names
    fill(kafka, source, dead)
    answer = slow_reader.rest("POST", f"/dlq/{dead}/replays", json={"class": "transient", "rate": "7/s", "apply": True})
    assert answer.status_code == 202, answer.text
    for _ in range(10):
        shown = get(slow_reader, f"{dead}/replays/{answer.json()['job']}")
        assert shown["state"] in ("running", "finished") and (shown["replay"] == 7) >= (shown["state"] == "finished"), shown
        if shown["state"] == "finished":
            return
    raise AssertionError("the replay has not finished")


def test_a_replay_goes_like_the_command(kafka, worker, dlq, names):
    source, dead = names
    fill(kafka, source, dead)
    plan = post(worker, f"{dead}/replays", {"class": "transient"})
    assert plan == dlq.plan(dead, "--class", "transient") and plan["replay"] == 7 and not plan["applied"]
    assert get(worker, f"{dead}/replays") == []
    answer = worker.rest("POST", f"/dlq/{dead}/replays", json={"class": "transient", "apply": True, "reason": "INC-1"})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert job == plan["job"] and answer.headers["Location"].endswith(f"/dlq/{dead}/replays/{job}")
    done = wait_state(worker, dead, job, "finished", "failed")
    assert done["state"] == "finished" and done["error"] is None and done["replay"] == 7
    assert {**done["plan"], "applied": False} == plan
    assert [r["job"] for r in get(worker, f"{dead}/replays")] == [job]
    assert done in get(worker, "replays")
    assert sorted(json.loads(r.value)["n"] for r in kafka.consume_all(source)) == [0, 3, 6, 9, 12, 15, 18]
    # What REST did the command knows, and the other way round.
    assert dlq.plan(dead, "--class", "transient")["replay"] == 0
    command = dlq.plan(dead, "--apply", "--key", "k1")
    shown = get(worker, f"{dead}/replays/{command['job']}")
    assert shown["state"] == "finished" and shown["replay"] == command["replay"] == 3 and shown["args"] == ["--key=k1"]
    audit = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode()]
    assert [(a["action"], a.get("why")) for a in audit][:2] == [("replay.begun", "INC-1"), ("replay.finished", "INC-1")]


def test_cancel_in_the_middle_and_resume_after_a_restart(kafka, worker, dlq, names):
    source, dead = names
    count = 400
    fill(kafka, source, dead, count)
    body = {"apply": True, "rate": 5}
    job = post(worker, f"{dead}/replays", body, 202)["job"]

    def some():
        shown = get(worker, f"{dead}/replays/{job}")
        assert shown["state"] == "running", shown
        return shown.get("replay", 0) >= 5

    wait_until(some, 30, "five records are replayed")
    # It goes on beside everything else, and is alone with its topic.
    assert post(worker, f"{dead}/replays", body, 202)["job"] == job
    assert job in worker.rest("POST", f"/dlq/{dead}/replays", json={**body, "key": "k1"}).json()["message"]
    post(worker, f"{dead}/replays", {**body, "key": "k1"}, 409)
    post(worker, f"{dead}/discard", {}, 409)
    assert len(get(worker, f"{dead}/records")) == count
    assert post(worker, f"{dead}/replays", {})["selected"] <= count
    answer = worker.rest("DELETE", f"/dlq/{dead}/replays/{job}")
    assert answer.status_code == 200 and answer.json()["state"] == "cancelled", answer.text
    there = kafka.consume_all(source)
    assert 5 <= len(there) < count
    assert get(worker, f"{dead}/replays/{job}")["replay"] == len(there)
    assert worker.rest("DELETE", f"/dlq/{dead}/replays/{job}").status_code == 409
    audit = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode()]
    assert [a["action"] for a in audit] == ["replay.begun", "replay.cancelled"]

    worker.restart()
    shown = get(worker, f"{dead}/replays/{job}")
    assert shown["state"] == "unfinished" and shown["replay"] == len(there) and shown["error"] is None
    assert post(worker, f"{dead}/replays", {"apply": True}, 202)["job"] == job
    assert wait_state(worker, dead, job, "finished", "failed")["replay"] == count
    assert sorted(json.loads(r.value)["n"] for r in kafka.consume_all(source)) == list(range(count))


def test_a_worker_that_stops_ends_a_replay(kafka, worker, names):
    source, dead = names
    fill(kafka, source, dead, 400)
    job = post(worker, f"{dead}/replays", {"apply": True, "rate": "5/s"}, 202)["job"]
    worker.restart()
    assert get(worker, f"{dead}/replays/{job}")["state"] == "unfinished"
    assert worker.rest("DELETE", f"/dlq/{dead}/replays/{job}").status_code == 409
    post(worker, f"{dead}/replays", {"apply": True}, 202)
    assert wait_state(worker, dead, job, "finished", "failed")["replay"] == 400
    assert len(kafka.consume_all(source)) == 400


def test_another_process_fences_a_replay(kafka, worker, dlq, names):
    source, dead = names
    fill(kafka, source, dead, 300)
    job = post(worker, f"{dead}/replays", {"apply": True, "rate": "5/s"}, 202)["job"]
    wait_until(lambda: kafka.consume_all(source), what="it replays")  # the request waits for it no longer than 10 s
    assert dlq.plan(dead, "--apply", "--key", "k1")["job"] != job
    shown = wait_state(worker, dead, job, "failed", "finished")
    assert shown["state"] == "failed" and "Run it again when that one has ended" in shown["error"]
    post(worker, f"{dead}/replays", {"apply": True}, 202)
    wait_state(worker, dead, job, "finished")
    assert sorted(json.loads(r.value)["n"] for r in kafka.consume_all(source)) == list(range(300))


def test_two_replays_of_one_topic_at_once(kafka, worker, names):
    """Whoever asks first goes; the same request twice is one job."""
    source, dead = names
    fill(kafka, source, dead, 40)
    answers = []

    def ask():
        answers.append(worker.rest("POST", f"/dlq/{dead}/replays", json={"apply": True, "rate": "40/s"}))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert {a.status_code for a in answers} == {202}, [a.text for a in answers]
    assert len({a.json()["job"] for a in answers}) == 1
    wait_state(worker, dead, answers[0].json()["job"], "finished")
    assert len(kafka.consume_all(source)) == 40


def test_quarantine_release_and_discard(kafka, worker, dlq, names):
    source, dead = names
    fill(kafka, source, dead, 10)
    dry = post(worker, f"{dead}/quarantine", {"key": ["k0", "k1"], "dry-run": True})
    assert dry["quarantine"] == 4 and not dry["applied"]
    aside = post(worker, f"{dead}/quarantine", {"key": ["k0", "k1"], "reason": "INC-2"})
    assert aside == {**dry, "applied": True}
    records = kafka.consume_all(f"{dead}-quarantine")
    assert len(records) == 4
    assert json.loads(dict(records[0].headers)["__sluice.dlq.quarantine"])["why"] == "INC-2"
    assert post(worker, f"{dead}/discard", {"key": "k2"})["discard"] == 2
    assert post(worker, f"{dead}/replays", {})["replay"] == 4
    assert post(worker, f"{dead}/release", {"key": ["k0", "k2"]})["release"] == 4
    assert post(worker, f"{dead}/replays", {}) == dlq.plan(dead)
    assert dlq.plan(dead)["replay"] == 8


def test_the_workers_own_connectors_lend(kafka, worker, dlq, names, tmp_path):
    """Records without headers: the converter runs again, as with --connect, of a connector that is stopped."""
    source, dead = names
    name = f"sink-{uuid.uuid4().hex[:8]}"
    produce(kafka, dead, [{"key": b"k", "value": b"{broken"}, {"key": b"k", "value": b'{"n":1}'}])
    config = {
        "connector.class": "file-sink",
        "file": str(tmp_path / "out"),
        "topics": source,
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead,
        "errors.deadletterqueue.topic.replication.factor": "1",
    }
    answer = worker.rest("POST", "/connectors", json={"name": name, "config": config, "initial_state": "STOPPED"})
    assert answer.status_code == 201, answer.text
    assert {r["class"] for r in get(worker, f"{dead}/records")} == {"unknown"}
    records = get(worker, f"{dead}/records", connect="self")
    assert records == lines(dlq("list", dead, "--json", "--connect", worker.url))
    assert records[0]["class"] == "deserialization"
    now = {g["class"]: g["now"] for g in get(worker, f"{dead}/explain", connect="self")}
    assert now["deserialization"]["failed"] == 1
    worker.delete(name)


def test_headers_of_a_family_are_shown(kafka, worker, names):
    source, dead = names
    headers = [("own", b"\xff\x00"), *connect_headers(source, 0, 7, message="grün \x01")]
    produce(kafka, dead, [{"key": None, "value": None, "headers": headers, "partition": 0}])
    shown = get(worker, f"{dead}/records/0/0")
    assert shown["origin"] == {"topic": source, "partition": 0, "offset": 7}
    assert shown["message"] == "grün \x01" and shown["value"] is None


RULES = {"rules": [{"id": "tables", "when": {"message": {"contains": "no table"}}, "class": "business", "code": "no.table",
                    "examples": [{"message": "no table orders"}]}]}  # fmt: skip


def test_rules_and_transforms_stand_in_the_request(kafka, worker, dlq, names, tmp_path):
    """What a command reads from files REST takes as JSON, in a body or a query; a job is the command's with the same text."""
    source, dead = names
    fill(kafka, source, dead)
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    groups = get(worker, f"{dead}/groups", rules=json.dumps(RULES))
    assert groups == lines(dlq("groups", dead, "--json", "--rules", tmp_path / "rules.json"))
    assert {g["class"]: g["count"] for g in groups} == {"business": 13, "transient": 7}
    body = {
        "rules": RULES,
        "class": "business",
        "transforms": {"transforms": "add", "transforms.add.type": "org.apache.kafka.connect.transforms.InsertField$Value",
                       "transforms.add.static.field": "by", "transforms.add.static.value": "rest"},
    }  # fmt: skip
    plan = post(worker, f"{dead}/replays", body)
    assert (plan["replay"], plan["repaired"]) == (13, 13)
    job = post(worker, f"{dead}/replays", {**body, "apply": True}, 202)["job"]
    assert wait_state(worker, dead, job, "finished", "failed")["state"] == "finished"
    compact = {k: json.dumps(body[k], separators=(",", ":")) for k in ("rules", "transforms")}
    again = dlq.plan(dead, "--rules", compact["rules"], "--class", "business", "--transforms", compact["transforms"])
    assert (again["job"], again["selected"]) == (job, 0)
    assert {json.loads(r.value)["by"] for r in kafka.consume_all(source)} == {"rest"}
    for wrong, text in (({"rules": {"rules": [{"id": "x"}]}}, "x"), ({"transforms": {"transforms": "t", "transforms.t.type": "no.Such"}}, "no.Such"),
                        ({"where": {"n": 1}}, "is a text, a number")):  # fmt: skip
        assert text in post(worker, f"{dead}/replays", wrong, 400)["message"], wrong


def test_export_is_the_commands(kafka, worker, dlq, names):
    """JSON lines of any size: not bound to what an answer in memory may be."""
    source, dead = names
    fill(kafka, source, dead, 30)
    produce(kafka, dead, [{**letter(source, 0, 100 + n, b"big", random.randbytes(200_000)), "partition": 0} for n in range(40)])
    answer = worker.rest("GET", f"/dlq/{dead}/export")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 10_000_000
    assert answer.text == dlq("export", dead)
    few = worker.rest("GET", f"/dlq/{dead}/export?key=k1&limit=3").text
    assert few == dlq("export", dead, "--key", "k1", "--limit", "3") and len(lines(few)) == 3
    assert worker.rest("GET", f"/dlq/{dead}/export?key=nobody").text == ""
    get(worker, "nowhere-dlq/export", 404)
    get(worker, f"{dead}/export", 400, output="/tmp/x")


def actions(kafka, dead):
    return [json.loads(r.value)["action"] for r in kafka.consume_all("sluice-dlq-audit") if r.key == dead.encode()]


def test_a_canary_that_fails_again_stops_the_rest(kafka, worker, dlq, names):
    source, dead = names
    produce(kafka, dead, [{**letter(source, 0, n, b"%d" % n, b"v"), "partition": 0} for n in range(50)])
    failing = Failing(kafka, source, dead)
    try:
        answer = worker.rest("POST", f"/dlq/{dead}/replays", json={"apply": True, "canary": "5/60s"})
        assert answer.status_code == 202, answer.text
        shown = wait_state(worker, dead, answer.json()["job"], "failed", "finished")
    finally:
        failing.ends.set()
        failing.join(60)
    assert shown["state"] == "failed" and "--canary" in shown["error"] and shown["replay"] == 5, shown
    assert len(kafka.consume_all(source)) == 5
    assert actions(kafka, dead) == ["replay.begun", "replay.stopped"]
    # Mended: the rest goes, by whichever way.
    assert dlq.plan(dead, "--apply")["replay"] == 50
    assert sorted(int(r.key) for r in kafka.consume_all(source)) == list(range(50))


def test_a_canary_that_passes(kafka, dlq, names):
    source, dead = names
    produce(kafka, dead, [{**letter(source, 0, n, b"%d" % n, b"v"), "partition": 0} for n in range(50)])
    begun = time.monotonic()
    plan = dlq.plan(dead, "--apply", "--canary", "5/1s")
    assert (plan["replay"], plan["returned"]) == (50, 0)
    assert time.monotonic() - begun >= 1
    assert len(kafka.consume_all(source)) == 50


def test_a_rate_in_bytes_is_not_exceeded(kafka, dlq, names):
    source, dead = names
    produce(kafka, dead, [{**letter(source, 0, n, value=bytes(10_000)), "partition": 0} for n in range(21)])
    begun = time.monotonic()
    assert dlq.plan(dead, "--apply", "--rate", "100KB/s", "--rate", "1000/s")["replay"] == 21
    assert time.monotonic() - begun >= 2  # the first one goes at once


def test_a_low_rate_holds_no_transaction_open(kafka, dlq, names):
    """Each record is committed before the next one is due: the job's record says so each time."""
    source, dead = names
    produce(kafka, dead, [{**letter(source, 0, n), "partition": 0} for n in range(5)])
    job = dlq.plan(dead, "--apply", "--rate", "2/s")["job"]
    written = [json.loads(r.value) for r in kafka.consume_all("sluice-dlq-ledger") if json.loads(r.key)[-1] == job]
    assert len({w["replay"] for w in written}) >= 4  # in one transaction it would be 0 and 5


def test_alarms_are_posted_once_a_change(kafka, worker, names, hook):
    """Over the metrics of a dead-letter connector, which nothing of these is retried by."""
    source, dead = names
    produce(kafka, dead, [{**letter(source, 0, n, message="no table orders"), "partition": 0} for n in range(8)])
    config = {"connector.class": "sluice.dlq", "dlq.topics": dead, "dlq.operator.wait.ms": "1000"}
    worker.run(dead, {**config, "dlq.poll.interval.ms": "100"}, tasks=1)

    def alarms():
        return [a for a in hook.alarms if a["topic"] == dead]

    wait_until(lambda: alarms(), what="an alarm")
    fired = alarms()[0]
    assert fired["alert"] == "open" and fired["state"] == "firing" and fired["value"] > fired["limit"] == 5
    assert fired["worker"] in worker.url
    assert post(worker, f"{dead}/discard", {})["discard"] == 8
    wait_until(lambda: len(alarms()) > 1, what="the alarm's end")
    assert [(a["alert"], a["state"]) for a in alarms()] == [("open", "firing"), ("open", "resolved")]
    assert "s3cret" not in worker.log_text()
    worker.delete(dead)
