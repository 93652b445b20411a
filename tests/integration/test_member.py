"""Membership and the compacted store against a real broker, one small process (kafka_member) a worker, so that workers can be
killed, stopped and doubled. Groups with a short session are for deaths, those with a long one for what must happen at once."""

import json
import os
import random
import signal
import subprocess
import time

import confluent_kafka
import pytest

import stand
from conftest import wait_until
from hostile import Broker

BINARY = os.environ.get("SLUICE_KAFKA_MEMBER", stand.PLACES["SLUICE_ROOT"] / "build" / "dev" / "tests" / "kafka_member")
SHORT, LONG = 3000, 60000
SEED = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31)))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    with stand.Kafka(tmp_path_factory.mktemp("kafka"), config={"group.min.session.timeout.ms": 1000}) as part:
        part.start_timeout = 120
        part.create_topic("cluster")
        yield part


class Process:
    def __init__(self, log, *args):
        self.log = log
        self.seen = []  # all records that a store has applied
        with open(log, "ab") as errors:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", BINARY, *map(str, args)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def send(self, command):
        self.popen.stdin.write(command + "\n")
        self.popen.stdin.flush()

    def receive(self):
        line = self.popen.stdout.readline()
        assert line, self.log.read_text()[-4000:]
        answer = json.loads(line)
        self.seen += answer.get("applied", [])
        return answer

    def ask(self, command):
        self.send(command)
        return self.receive()

    def must(self, command):
        answer = self.ask(command)
        assert answer["ok"], answer
        return answer

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def end(self):
        self.popen.stdin.close()
        self.popen.send_signal(signal.SIGCONT)
        return self.popen.wait(60)

    # A member's.
    @property
    def state(self):
        return self.ask("state")

    @property
    def joined(self):
        return self.must("state")["joined"]

    @property
    def leader(self):
        return self.must("state")["leader"]

    @property
    def proved(self):
        return self.ask("prove 5000")["ok"]

    def list(self):
        """The members once no rebalance is under way."""

        def stable():
            answer = self.must("list")
            return answer["stable"] and (sorted(answer["ids"]),)

        return wait_until(stable, what="a stable group")[0]


@pytest.fixture
def start(kafka, tmp_path):
    made = []

    def make(*args, bootstrap=kafka.bootstrap):
        process = Process(tmp_path / f"{len(made)}.log", bootstrap, *args)
        made.append(process)
        return process

    yield make
    codes = [process.end() for process in made if process.popen.poll() is None]
    assert not any(codes), [process.log.read_text()[-4000:] for process in made]


@pytest.fixture
def cluster(start, unique):
    """cluster("a", "b", session=SHORT) gives members that have joined one after the other: the first is the leader."""

    def join(*names, session=LONG, rebalance=LONG, wait=True, **where):
        members = []
        for name in names:
            members.append(start(unique, "cluster", name, session, 500, rebalance, **where))
            if wait:
                wait_until(lambda: members[-1].joined, what=f"{name} joined")
        return members

    join.group = unique
    return join


@pytest.fixture
def store(start, unique):
    def make():
        process = start(unique)
        process.must("state")
        return process

    make.topic = unique
    return make


def seen(process):
    """All that a store has read by a refresh now."""
    process.must("refresh 15000")
    return process.seen


# --- Membership -------------------------------------------------------------------------------------------------------


def test_deaths_are_noticed(cluster):
    a, b, c = cluster("a", "b", "c", session=SHORT)
    assert [m.leader for m in (a, b, c)] == [True, False, False]
    assert a.list() == ["a", "b", "c"]
    assert a.proved and b.proved and c.proved

    before = a.state["changes"]
    c.kill()
    wait_until(lambda: a.state["changes"] > before, what="the leader hears of a follower's death")
    assert a.leader and a.list() == ["a", "b"]

    a.kill()
    wait_until(lambda: b.leader, what="the follower leads")
    assert b.list() == ["b"] and b.proved


def test_a_new_member_is_noticed(cluster):
    (a,) = cluster("a")
    before = a.state["changes"]
    (b,) = cluster("b")
    wait_until(lambda: a.state["changes"] > before, what="the leader hears of a new member")
    assert a.leader and not b.leader and a.list() == ["a", "b"]


def test_stopped_for_longer_than_the_session(cluster):
    a, b = cluster("a", "b", session=SHORT)
    assert a.proved
    a.popen.send_signal(signal.SIGSTOP)
    wait_until(lambda: b.leader, what="the follower leads")
    assert b.list() == ["b"]
    a.send("prove 0")  # the first thing it does
    a.popen.send_signal(signal.SIGCONT)
    answer = a.receive()
    assert not answer["ok"] and answer["class"] == "transient", answer
    wait_until(lambda: a.joined and a.proved, what="it is back")
    assert not a.leader and b.leader and b.list() == ["a", "b"]


def test_restart_within_the_session_is_no_rebalance(cluster):
    a, b = cluster("a", "b")
    assert a.list() == ["a", "b"]
    state = b.state
    a.kill()
    (a,) = cluster("a")
    wait_until(lambda: a.leader, what="the leader is the leader again")
    assert a.proved and b.proved
    after = b.state
    assert (after["changes"], after["generation"]) == (state["changes"], state["generation"])
    assert b.list() == ["a", "b"]


def test_leaving_is_at_once(cluster):
    a, b, c = cluster("a", "b", "c")
    before = a.state["changes"]
    b.must("leave")
    assert sorted(c.must("list")["ids"]) == ["a", "c"]
    wait_until(lambda: a.state["changes"] > before, what="the leader hears of it")
    assert a.end() == 0  # an orderly end leaves too
    assert c.must("list")["ids"] == ["c"]
    wait_until(lambda: c.leader, what="the last one leads")
    assert c.list() == ["c"]


def test_leaving_while_joining(cluster):
    """The member has no id yet to leave with when it is told to end."""
    (a,) = cluster("a")
    (b,) = cluster("b", wait=False)
    b.must("leave")
    assert a.list() == ["a"]


def test_the_older_of_two_with_one_name_is_fenced(cluster):
    old, other, new = cluster("a", "b", "a")
    wait_until(lambda: not old.state["ok"], what="the older one is fenced")
    state = old.state
    assert state["class"] == "fatal" and "same address" in state["error"], state
    assert not state["joined"] and not state["leader"]
    assert not old.proved
    assert new.leader and new.proved and other.list() == ["a", "b"]
    assert old.end() == 0  # and does not take the newer one's place along
    assert new.proved and other.list() == ["a", "b"]


def test_a_session_of_a_quarter_of_an_hour(cluster):
    """Longer than librdkafka lets a request wait."""
    (a,) = cluster("a", session=900000)
    assert a.list() == ["a"]


def test_a_lost_answer_to_joining(cluster, kafka):
    """As when the coordinator's machine or a firewall between vanishes while the group waits for others: no reset, no answer."""
    with Broker(kafka.port, SEED) as proxy:
        proxy.keep_back("JoinGroup", 2)  # the first one only gives a new member its id
        (a,) = cluster("a", session=SHORT, rebalance=4000, bootstrap=f"127.0.0.1:{proxy.port}")
        assert proxy.kept_back["JoinGroup"] == 0 and a.list() == ["a"]


def test_polled_more_seldom_than_a_rebalance_waits(cluster):
    a, b = cluster("a", "b", session=SHORT, rebalance=SHORT)
    a.must("sleep 5000")
    wait_until(lambda: a.joined and a.proved and b.joined and a.list() == ["a", "b"], what="both are members again")


def test_members_of_another_kind(cluster, kafka):
    """A group whose members speak another protocol: wait until they are gone."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": cluster.group,
            "partition.assignment.strategy": "range",
            "session.timeout.ms": LONG,
        }
    )
    consumer.subscribe(["cluster"])
    wait_until(lambda: consumer.poll(0.1) or consumer.assignment(), what="the other member has joined")
    (a,) = cluster("a", wait=False)
    wait_until(lambda: a.must("state") and "members of another kind" in a.log.read_text(), what="the reason in the log")
    assert not a.joined and not a.proved
    consumer.close()
    wait_until(lambda: a.leader, what="the member joins after all")
    assert a.log.read_text().count("members of another kind") == 1


# --- The compacted store ----------------------------------------------------------------------------------------------


def test_the_older_writer_is_fenced(store):
    a, b = store(), store()
    a.must("put plain=1")
    a.must("fence leader")
    a.must("put k=1 l=1")
    assert a.seen == ["plain=1", "k=1", "l=1"]
    b.must("fence leader")
    for _ in range(2):
        answer = a.ask("put k=2 l=2")
        assert not answer["ok"] and answer["id"] == "kafka.fenced", answer
    b.must("put k=3 k=")
    assert b.seen == seen(a) == seen(store()) == ["plain=1", "k=1", "l=1", "k=3", "k="]
    a.must("fence leader")  # leads again
    a.must("put k=4")
    assert b.ask("put k=5")["id"] == "kafka.fenced"
    b.must("fence -")
    b.must("put plain=2")
    assert b.seen == seen(a) == ["plain=1", "k=1", "l=1", "k=3", "k=", "k=4", "plain=2"]


def test_a_record_that_is_too_large(store):
    a = store()
    for fence in ("-", "leader"):
        a.must(f"fence {fence}")
        answer = a.ask("put k=1 large=@2000000")
        assert not answer["ok"] and answer["class"] == "fatal", answer
        a.must(f"put after={fence}")
    # Without a transaction the record before it may be written.
    assert [entry for entry in seen(a) if entry != "k=1"] == ["after=-", "after=leader"]
    assert seen(a).count("k=1") <= 1 and seen(store()) == a.seen


def test_all_records_or_none(store, kafka):
    a, reader = store(), store()
    a.must("fence leader")
    for number in range(20):
        a.must(f"put a={number} b={number} c={number}")
    a.send("put " + " ".join(f"k{number}={'x' * 50}" for number in range(900)))
    a.kill()  # in the middle of it, or after it
    b = store()
    b.must("fence leader")
    b.must("put end=1")
    records = seen(reader)
    assert records[:60] == [f"{key}={number}" for number in range(20) for key in "abc"]
    assert len(records) in (61, 961) and records[-1] == "end=1"
    assert len(kafka.consume_all(store.topic)) == len(records)


def test_an_open_transaction_of_a_dead_writer(store, kafka):
    reader, writer = store(), store()
    dead = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "leader"})
    dead.init_transactions(30)
    dead.begin_transaction()
    dead.produce(store.topic, key="k", value="never")
    dead.flush(30)
    answer = reader.ask("refresh 200")
    assert not answer["ok"] and "open transaction" in answer["error"], answer
    writer.must("fence leader")
    assert seen(reader) == []  # ends at once behind the aborted records
    writer.must("put k=1")
    assert writer.seen == seen(reader) == seen(store()) == ["k=1"]
    with pytest.raises(confluent_kafka.KafkaException):
        dead.commit_transaction(30)
    assert seen(reader) == ["k=1"]


def test_a_watcher_is_woken(store):
    writer, watcher = store(), store()
    before = watcher.must("state")["wakes"]
    for fenced in ("-", "leader"):
        writer.must(f"fence {fenced}")
        writer.must(f"put k={fenced}")
        wait_until(lambda: watcher.must("state") and f"k={fenced}" in watcher.seen, what="it arrives without a refresh")
    assert watcher.must("state")["wakes"] > before


# --- Outages (last: the broker restarts) ------------------------------------------------------------------------------


def test_broker_away_for_longer_than_the_session(cluster, store, start, kafka):
    """Proofs that were under way when the broker went come to it late, with another member id; they must not end the
    membership. And a store that is opened meanwhile waits."""
    a, b = cluster("a", "b", session=8000)
    writer = store()
    writer.must("fence leader")
    a.must("hammer")
    b.must("hammer")
    kafka.kill()
    late = start(store.topic)
    for member in (a, b):
        wait_until(lambda: not member.joined, what="the session has run out")
    assert not a.proved and not b.proved
    kafka.start()
    wait_until(lambda: a.joined and b.joined, 60, what="both are members again")
    wait_until(lambda: a.proved and b.proved, 60, what="and can prove it")
    assert a.list() == ["a", "b"]
    assert a.leader != b.leader
    writer.must("put k=1")
    assert seen(late) == ["k=1"]


def test_broker_that_stands_still(cluster, kafka):
    """For longer than the session, again and again: answers to proofs of the membership before come when the next one stands
    already. They call the member fenced; but nobody has taken its place. And proofs that never get an answer don't keep a member
    from joining again for longer than a session."""
    rng = random.Random(SEED)
    members = cluster("a", "b", "c", session=SHORT)
    for member in members:
        member.must("hammer")
    for _ in range(8):
        pause = rng.uniform(2.5, 6)
        os.kill(kafka.pid, signal.SIGSTOP)
        time.sleep(pause)
        os.kill(kafka.pid, signal.SIGCONT)
        wait_until(lambda: all(member.joined for member in members), 20, f"all are members again after {pause:.1f} s (SLUICE_SEED={SEED})")
    assert members[0].list() == ["a", "b", "c"]
