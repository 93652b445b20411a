"""Several workers with one group.id: who runs what, who answers what, and what happens when one goes away."""

import json
import os
import signal
import time
import uuid

import confluent_kafka
import pytest

from conftest import STRING, Metrics, wait_until

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@pytest.fixture
def cluster(make_worker, tmp_path):
    """cluster(n) starts n workers of one group, sessions of 6 s."""
    group = f"cluster-{uuid.uuid4().hex[:8]}"
    shared = {"group.id": group, "session.timeout.ms": 6000, "heartbeat.interval.ms": 1500}
    for kind in ("config", "offset", "status"):
        shared[f"{kind}.storage.topic"] = f"{group}-{kind}"
    shared |= {"key.converter": STRING, "value.converter": STRING}

    def make(n, **more):
        return [make_worker({**shared, **more}, name=f"worker-{i}-{uuid.uuid4().hex[:4]}") for i in range(n)]

    return make


def source(path, topic):
    return {"connector.class": SOURCE, "file": str(path), "topic": topic}


def owners(worker, names):
    """Who runs which task, by what one worker says; None while not all run."""
    found = {}
    for name in names:
        answer = worker.rest("GET", f"/connectors/{name}/status")
        if not answer.ok:
            return None
        status = answer.json()
        parts = [status["connector"], *status["tasks"]]
        if len(parts) < 2 or any(part["state"] != "RUNNING" for part in parts):
            return None
        found |= {(name, task["id"]): task["worker_id"] for task in status["tasks"]}
    return found


def last(kafka, topic, key):
    """The newest value of a key that is committed."""
    values = [record.value for record in kafka.consume_all(topic) if record.key == key.encode()]
    return values[-1].decode() if values and values[-1] else ""


def settled(workers, names, timeout=40):
    """Waits until all tasks run, balanced over these workers, and all of them say the same."""
    ids = {worker.url.removeprefix("http://") for worker in workers}

    def agree():
        seen = [owners(worker, names) for worker in workers]
        if not seen[0] or any(other != seen[0] for other in seen):
            return None
        load = {i: list(seen[0].values()).count(i) for i in ids}
        return seen[0] if set(seen[0].values()) <= ids and max(load.values()) - min(load.values()) <= 1 else None

    try:
        return wait_until(agree, timeout, f"{len(names)} connectors settled on {sorted(ids)}")
    except TimeoutError as failure:
        told = [f"{worker.url}: {owners(worker, names)}\n{worker.log_text()[-4000:]}" for worker in workers]
        raise TimeoutError("\n\n".join([str(failure), *told])) from None


def measured(workers, names):
    """Each connector and task is measured by one worker, and all of them say the same about their cluster."""
    task, rebalance = "kafka_connect_connector_task_running_ratio", "kafka_connect_worker_rebalance_"

    def once():
        found = [Metrics(worker) for worker in workers]
        totals = [sum(m.value(f"kafka_connect_worker_{kind}_count") for m in found) for kind in ("connector", "task")]
        leaders = {s.labels["leader_name"] for m in found for s in m.all(rebalance + "leader_name")}
        done = (
            totals == [len(names)] * 2
            and all(len(m.all(task)) == m.value("kafka_connect_coordinator_assigned_tasks") for m in found)
            and all(m.value(rebalance + "rebalancing") == 0 for m in found)
            and len({m.value(rebalance + "epoch") for m in found}) == len(leaders) == 1
        )
        return done and found

    found = wait_until(once, 20, "metrics of the cluster")
    for kind, name in (("connector", "kafka_connect_connector_status"), ("task", "kafka_connect_connector_task_status")):
        shown = [s.labels["connector"] for m in found for s in m.all(name, status="running")]
        assert sorted(shown) == sorted(names), kind
    (leader,) = [m for m in found if m.value("kafka_connect_worker_connector_count")]
    assert leader.value("kafka_connect_worker_connector_startup_success_total") >= len(names)
    return [m.value(rebalance + "completed_rebalances_total") for m in found]


def test_three_workers(cluster, kafka, tmp_path, unique):
    first, second, third = cluster(3)
    first.start()
    names = [f"{unique}-{i}" for i in range(6)]
    files = [tmp_path / f"{name}.txt" for name in names]
    for name, file in zip(names[:3], files):
        file.write_text("1\n")
        first.run(name, source(file, name))

    # A second one gets half of them; it says so itself, and answers for all.
    second.start()
    before = settled([first, second], names[:3])
    # Whoever is asked: the follower sends it on, and shows at once what it was asked for.
    for name, file in zip(names[3:], files[3:]):
        file.write_text("1\n")
        answer = second.rest("POST", "/connectors", json={"name": name, "config": source(file, name)})
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"{second.url}/connectors/{name}"
        assert second.rest("GET", f"/connectors/{name}").status_code == 200
    before = settled([first, second], names)

    # A third one takes two from the others, and they keep the rest.
    third.start()
    after = settled([first, second, third], names)
    assert sum(before[task] != after[task] for task in before) == 2
    rebalances = measured([first, second, third], names)
    assert rebalances[0] >= rebalances[1] >= rebalances[2] >= 1, rebalances

    # Every change works from everywhere.
    for worker in (first, second, third):
        assert worker.rest("PUT", f"/connectors/{names[0]}/pause").status_code == 202
        for other in (first, second, third):
            wait_until(lambda: other.status(names[0])["tasks"][0]["state"] == "PAUSED", 20, "paused everywhere")
        assert worker.rest("PUT", f"/connectors/{names[0]}/resume").status_code == 202
        settled([first, second, third], names)
        assert worker.rest("POST", f"/connectors/{names[1]}/tasks/0/restart").status_code == 204
        assert worker.rest("POST", f"/connectors/{names[1]}/restart?includeTasks=true").status_code == 202
        assert worker.rest("PUT", f"/connectors/{names[2]}/stop").status_code == 204
        assert worker.rest("PUT", f"/connectors/{names[2]}/resume").status_code == 202
        config = {**source(files[3], names[3]), "batch.size": "7"}
        assert worker.rest("PUT", f"/connectors/{names[3]}/config", json=config).status_code == 200
        assert worker.rest("GET", f"/connectors/{names[3]}/config").json()["batch.size"] == "7"
        settled([first, second, third], names)
    assert second.rest("DELETE", f"/connectors/{names[5]}").status_code == 204
    for worker in (first, second, third):
        wait_until(lambda: worker.rest("GET", f"/connectors/{names[5]}").status_code == 404, 10, "gone everywhere")
    names.pop()

    # One that stops hands over at once, without waiting for its session.
    began = time.monotonic()
    assert third.stop() == 0
    settled([first, second], names)
    assert time.monotonic() - began < 5 + 6, "the session need not end first"
    assert measured([first, second], names)[0] > rebalances[0]

    # Lines written all the while are there once.
    for file in files[:5]:
        with file.open("a") as out:
            out.write("2\n")
    for name in names:
        wait_until(lambda: [r.value for r in kafka.consume_all(name)] == [b"1", b"2"], 20, "each line once")


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_killed(cluster, kafka, tmp_path, unique, who):
    workers = cluster(2)
    for worker in workers:
        worker.start()
    names = [f"{unique}-{i}" for i in range(4)]
    for name in names:
        (tmp_path / f"{name}.txt").write_text("1\n")
        workers[0].create(name, source(tmp_path / f"{name}.txt", name))
    settled(workers, names)
    if who == "follower":
        workers.reverse()
    dead, alive = workers
    began = time.monotonic()
    dead.kill()
    settled([alive], names)
    assert time.monotonic() - began < 6 + 5, "the session's end and 5 s"
    measured([alive], names)
    for name in names:
        with (tmp_path / f"{name}.txt").open("a") as out:
            out.write("2\n")
    dead.start()
    settled([dead, alive], names)
    for name in names:
        wait_until(lambda: [r.value for r in kafka.consume_all(name)] == [b"1", b"2"], 20, "each line once")


def test_frozen_worker_comes_back(cluster, kafka, tmp_path, unique):
    """Its tasks run elsewhere by then; it must not write, and gets its share again; what it has led before doesn't keep
    it from giving tasks up."""
    *workers, third = cluster(3)
    for worker in workers:
        worker.start()
    names = [f"{unique}-{i}" for i in range(6)]
    for name in names:
        (tmp_path / f"{name}.txt").write_text("1\n")
        workers[0].create(name, source(tmp_path / f"{name}.txt", name))
    settled(workers, names)
    os.kill(workers[0].pid, signal.SIGSTOP)
    try:
        settled(workers[1:], names)
        for name in names:
            with (tmp_path / f"{name}.txt").open("a") as out:
                out.write("2\n")
            wait_until(lambda: len(kafka.consume_all(name)) == 2, 20, "the second line")
    finally:
        os.kill(workers[0].pid, signal.SIGCONT)
    settled(workers, names)
    for name in names:
        with (tmp_path / f"{name}.txt").open("a") as out:
            out.write("3\n")
        wait_until(lambda: [r.value for r in kafka.consume_all(name)] == [b"1", b"2", b"3"], 20, "each line once")
    third.start()
    settled([*workers, third], names)


def test_leader_frozen_while_it_writes(cluster, kafka, tmp_path, unique):
    """It has a transaction open in the cluster's topic, and the other worker has something to say there: that one must not wait
    for the transaction's end, for who is elected ends it. The frozen one is a member again soon after it is continued."""
    first, second = cluster(2)
    first.start()
    names = [f"{unique}-{i}" for i in range(4)]
    for name in names:
        (tmp_path / f"{name}.txt").write_text("1\n")
        first.create(name, source(tmp_path / f"{name}.txt", name))
    second.start()
    placed = settled([first, second], names)
    group = first.properties["group.id"]
    topic = f"sluice-cluster-{group}"

    os.kill(second.pid, signal.SIGSTOP)  # it can't give up yet what is about to be moved away from it
    try:
        for (name, _), worker in placed.items():
            if first.url.endswith(worker):
                assert first.rest("DELETE", f"/connectors/{name}").status_code == 204
        names = [name for name in names if not first.url.endswith(placed[(name, 0)])]
        wait_until(lambda: f'"from":"{second.url.removeprefix("http://").replace(":", "_")}"' in last(kafka, topic, "placement"), 4, "a move")
        os.kill(first.pid, signal.SIGSTOP)
        frozen = time.monotonic()
        writer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic, "transaction.timeout.ms": 120000})
        writer.init_transactions(10)
        writer.begin_transaction()
        writer.produce(topic, key="x", value="never")
        writer.flush(10)
    finally:
        os.kill(second.pid, signal.SIGCONT)
    try:
        wait_until(lambda: "leader of the cluster" in second.log_text(), 40, "the other one leads")
        settled([second], names)
        took = time.monotonic() - frozen
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert "could not be read to its end" not in second.log_text(), second.log_text()[-3000:]
    assert took < 6 + 5, "the session's end and 5 s"
    continued = time.monotonic()
    settled([first, second], names)
    assert time.monotonic() - continued < 10


def test_sink_of_a_killed_worker(cluster, kafka, tmp_path, unique):
    """Its partitions are read elsewhere when its worker's session has ended, not when that of its consumer has (45 s)."""
    workers = cluster(2, **{"consumer.session.timeout.ms": 45000})
    for worker in workers:
        worker.start()
    (tmp_path / "in").write_text("1\n")
    copies = tmp_path / "out"
    sink = {"connector.class": SINK, "topics": unique, "file": str(copies), "tasks.max": "3"}
    workers[0].create(f"{unique}-sink", sink)
    workers[0].create(f"{unique}-source", source(tmp_path / "in", unique))
    names = [f"{unique}-sink", f"{unique}-source"]
    owner = settled(workers, names)
    wait_until(lambda: copies.exists() and copies.read_text() == "1\n", 20, "the first line")
    admin, group = kafka.admin(), f"connect-{unique}-sink"

    def members():
        return admin.describe_consumer_groups([group])[group].result(10).members

    reads = next(m.group_instance_id for m in members() if m.assignment.topic_partitions)
    dead = owner[(f"{unique}-sink", int(reads.rpartition("-")[2]))]
    dead, alive = sorted(workers, key=lambda worker: not worker.url.endswith(dead))
    dead.kill()
    settled([alive], names)
    with (tmp_path / "in").open("a") as out:
        out.write("2\n")
    wait_until(lambda: copies.read_text().endswith("2\n"), 10, "the second line, long before the dead consumer's session ends")
    # Deleted: the group is empty at once.
    alive.delete(f"{unique}-sink")
    wait_until(lambda: not members(), 10, "an empty group")


def test_two_workers_with_one_address(cluster, make_worker):
    first, second = cluster(2, **{"rest.advertised.host.name": "127.0.0.1", "rest.advertised.port": 7})
    first.start()
    second.start()
    # The elder loses its place and says why.
    wait_until(lambda: not first.running, 40, "the end of the elder")
    assert "rest.advertised.host.name" in first.log_text()


def test_restarted_worker_goes_on_at_once(cluster, kafka, tmp_path, unique):
    """A worker that is killed and started within its session is the same member: nothing moves, nobody waits."""
    (worker,) = cluster(1)
    worker.start()
    (tmp_path / "f").write_text("1\n")
    worker.run(unique, source(tmp_path / "f", unique))
    worker.kill()
    began = time.monotonic()
    worker.start()
    worker.wait_running(unique, 1)
    assert time.monotonic() - began < 5, "less than a session"
    assert measured([worker], [unique])[0] >= 1


def test_status_before_its_config(cluster, kafka, tmp_path, unique):
    """The config and the status topic are read apart: a worker may see a connector's status before the connector."""
    workers = cluster(2)
    for worker in workers:
        worker.start()
    settled_names = [f"{unique}-first"]
    (tmp_path / settled_names[0]).write_text("1\n")
    workers[0].create(settled_names[0], source(tmp_path / settled_names[0], unique))
    settled(workers, settled_names)
    follower = next(worker for worker in workers if "leader of the cluster" not in worker.log_text())
    leader = next(worker for worker in workers if worker is not follower)
    names = [f"{unique}-{i}" for i in range(6)]
    os.kill(follower.pid, signal.SIGSTOP)
    try:
        for name in names:
            (tmp_path / name).write_text("1\n")
            leader.create(name, source(tmp_path / name, unique))
        wait_until(lambda: sum(leader.status(name)["tasks"] != [] for name in names) >= 3, 4, "what the leader runs")
    finally:
        os.kill(follower.pid, signal.SIGCONT)
    settled(workers, names + settled_names)


def test_stale_status_is_corrected(cluster, kafka, tmp_path, unique):
    """What a frozen worker had to say about a task that runs elsewhere now may arrive late. The last record counts for who
    reads the topic later, so the owner says it once more."""
    workers = cluster(2)
    workers[0].start()
    (tmp_path / unique).write_text("1\n")
    workers[0].create(unique, source(tmp_path / unique, unique))
    found = settled(workers[:1], [unique])
    status_topic, key = workers[0].properties["status.storage.topic"], f"status-task-{unique}-0"
    stale = {"state": "RUNNING", "trace": None, "worker_id": "127.0.0.1:1", "generation": 0}
    kafka.produce(status_topic, [(key, json.dumps(stale))], partitioner="murmur2_random")

    def last_word():
        said = [json.loads(r.value) for r in kafka.consume_all(status_topic) if r.key == key.encode() and r.value]
        return any(s["worker_id"] == "127.0.0.1:1" for s in said) and said[-1]["worker_id"] == found[unique, 0]

    wait_until(last_word, 20, "the owner's word after the stale one")
    workers[1].start()
    settled(workers, [unique])


def test_connector_of_an_unknown_class(cluster, kafka, unique):
    """A topic of JVM workers may hold connectors that are not built in: they are shown as FAILED, and hold up nothing."""
    workers = cluster(2)
    topic = workers[0].properties["config.storage.topic"]
    workers[0].start()
    properties = {"connector.class": "org.example.Foreign", "name": unique, "tasks.max": "2"}
    records = [(f"connector-{unique}", {"properties": properties})]
    records += [(f"task-{unique}-{i}", {"properties": {**properties, "task.class": "org.example.ForeignTask"}}) for i in (0, 1)]
    kafka.produce(topic, [(key, json.dumps(value)) for key, value in [*records, (f"commit-{unique}", {"tasks": 2})]])
    workers[1].start()
    for worker in workers:
        wait_until(lambda: worker.rest("GET", f"/connectors/{unique}/status").ok, 20, "a status")
        assert "org.example.Foreign" in worker.wait_failed(unique)
        assert worker.rest("GET", f"/connectors/{unique}").json()["type"] == "unknown"
        assert worker.rest("GET", f"/connectors/{unique}/config").json() == properties
        assert worker.rest("GET", f"/connectors/{unique}/tasks").json() == []
        assert worker.rest("GET", f"/connectors/{unique}/offsets").status_code in (200, 500)
        assert unique in worker.rest("GET", "/connectors?expand=status&expand=info").json()
    workers[1].delete(unique)
    for worker in workers:
        wait_until(lambda: worker.rest("GET", "/connectors").json() == [], 10, "gone")
