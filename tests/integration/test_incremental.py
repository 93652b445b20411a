"""Snapshots on demand: incremental ones beside a writer, with everything signals can say, and blocking ones; notifications."""

import json
import random
import threading
import uuid

import pytest

from conftest import PG_PASSWORD, read, wait_until

SIGNALS = "create table signals (id varchar(64) primary key, type varchar(40), data text);"
MANY = SIGNALS + """
    create table rows (a int, b text, v int not null, primary key (b, a));
    insert into rows select i, 'k' || i % 7, 0 from generate_series(1, 3000) i;
"""


@pytest.fixture
def env_worker(make_worker):
    return make_worker(env={"PGPASSWORD": PG_PASSWORD})


def on_demand(database, **more):
    """A connector that read no rows at its start, with a signal table, small chunks and notifications."""
    base = {
        "snapshot.mode": "no_data",
        "table.include.list": r"public\..*",
        "signal.data.collection": "public.signals",
        "incremental.snapshot.chunk.size": "100",
        "notification.enabled.channels": "sink,log,jmx",
        "notification.sink.topic.name": f"{database.prefix}.notes",
    }
    return database.config() | base | more


def signal(database, kind, **data):
    """Inserts a signal; keys with underscores stand for those with hyphens. Returns its id."""
    name = uuid.uuid4().hex
    data = {key.replace("_", "-"): value for key, value in data.items()}
    with database.connect() as connection:
        connection.execute("insert into signals values (%s, %s, %s)", (name, kind, json.dumps(data)))
    return name


def notes(kafka, database, name=None):
    """What was notified, as [(type, additional_data)]; of one snapshot."""
    values = [json.loads(r.value) for r in kafka.consume_all(f"{database.prefix}.notes") if r.value]
    return [(v["type"], v["additional_data"]) for v in values if name in (None, v["id"])]


def wait_note(kafka, database, name, kind="COMPLETED", count=1, timeout=60):
    def there():
        found = [data for got, data in notes(kafka, database, name) if got == kind]
        return found if len(found) >= count else None

    return wait_until(there, timeout, f"a notification {kind} of {name}")[-1]


def started(worker, kafka, database, config, name="pg"):
    """Runs it, and waits until changes come through."""
    worker.run(name, config)
    wait_until(database.confirmed, what="the slot")


def state_of(kafka, topic, key=("b", "a")):
    """What a consumer that applies every record holds at the end: {key: row}."""
    rows = {}
    for record in kafka.consume_all(topic):
        value = record.value and json.loads(record.value)
        if value is None:
            continue
        row = value["after"] or value["before"]
        if value["op"] == "d":
            rows.pop(tuple(row[k] for k in key), None)
        else:
            rows[tuple(row[k] for k in key)] = row
    return rows


def reads(kafka, topic):
    return [v for r in kafka.consume_all(topic) if r.value and (v := json.loads(r.value))["op"] == "r"]


class Writer(threading.Thread):
    """Changes rows of the table all the time: inserts, updates, deletes, changed keys."""

    def __init__(self, database):
        super().__init__()
        self.database, self.over, self.count = database, threading.Event(), 0
        self.seed = random.randrange(1 << 30)

    def run(self):
        dice = random.Random(self.seed)
        with self.database.connect() as connection:
            while not self.over.is_set():
                a = dice.randint(1, 3300)
                b = f"k{a % 7}"
                change = dice.randrange(4)
                if change == 0:
                    connection.execute(
                        "insert into rows values (%s, %s, 1) on conflict (b, a) do update set v = rows.v + 1", (a, b)
                    )
                elif change == 1:
                    connection.execute("delete from rows where a = %s", (a,))
                elif change == 2:
                    connection.execute("update rows set a = %s where a = %s", (10000 + self.count, a))
                else:
                    connection.execute("update rows set v = v + 1 where a between %s and %s", (a, a + 3))
                self.count += 1

    def __enter__(self):
        print(f"writer's seed: {self.seed}")
        self.start()
        wait_until(lambda: self.count > 20, what="the writer")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def same_as_table(kafka, database, topic):
    """Kafka shows the table as it is: waits for the last change, then compares all."""
    database.sql("insert into rows values (-1, 'end', 1) on conflict (b, a) do update set v = rows.v + 1")
    last = database.sql("select v from rows where a = -1")[0][0]
    wait_until(lambda: state_of(kafka, topic).get(("end", -1), {}).get("v") == last, 60, "the last change")
    table = {(b, a): {"a": a, "b": b, "v": v} for a, b, v in database.sql("select a, b, v from rows")}
    assert state_of(kafka, topic) == table


@pytest.mark.parametrize("strategy", ["insert_insert", "insert_delete", "read_only"])
def test_beside_a_writer(worker, kafka, database, tmp_path, strategy):
    database.sql(MANY)
    more = {"incremental.snapshot.watermarking.strategy": strategy}
    file = tmp_path / "signals.txt"
    if strategy == "read_only":
        more = {
            "read.only": "true",
            "signal.enabled.channels": "file",
            "signal.file": str(file),
            "signal.poll.interval.ms": "50",
        }
    started(worker, kafka, database, on_demand(database, **more))
    topic = f"{database.prefix}.public.rows"
    with Writer(database):
        if strategy == "read_only":
            name = "from-the-file"
            order = {"id": name, "type": "execute-snapshot", "data": {"data-collections": ["public.rows"]}}
            file.write_text(json.dumps({"id": "x"}) + "\nnonsense\n\n" + json.dumps(order) + "\n")
        else:
            name = signal(database, "execute-snapshot", data_collections=[r"public\.ro.*"], type="INCREMENTAL")
        wait_note(kafka, database, name)
    same_as_table(kafka, database, topic)
    rows = reads(kafka, topic)
    assert len(rows) > 1500  # most rows were not changed just while their chunk was read
    assert len({(r["after"]["b"], r["after"]["a"]) for r in rows}) == len(rows)
    source = rows[0]["source"]
    assert source["snapshot"] == "incremental" and source["txId"] is None and source["lsn"] is None and source["xmin"] is None
    assert len(json.loads(source["sequence"])) == 2 and source["ts_ms"] == source["ts_us"] // 1000
    kinds = [kind for kind, _ in notes(kafka, database, name)]
    assert kinds[0] == "STARTED" and kinds[-2:] == ["TABLE_SCAN_COMPLETED", "COMPLETED"]
    assert set(kinds[1:-2]) == {"IN_PROGRESS"}
    done = wait_note(kafka, database, name, "TABLE_SCAN_COMPLETED")
    assert done["scanned_collection"] == "public.rows" and done["status"] == "SUCCEEDED"
    assert done["connector_name"] == database.prefix
    marks = [json.loads(r.value) for r in kafka.consume_all(f"{database.prefix}.public.signals") if r.value]
    kinds = [mark["after"]["type"] for mark in marks if mark["op"] == "c"]
    if strategy == "read_only":
        assert marks == [] and file.read_text() == ""
    else:
        assert kinds[0] == "execute-snapshot" and kinds.count("snapshot-window-open") > 20
        assert kinds.count("snapshot-window-close") == (0 if strategy == "insert_delete" else kinds.count("snapshot-window-open"))
        left = database.sql("select count(*) from signals")[0][0]
        assert left == 1 if strategy == "insert_delete" else left > 40
    worker.delete("pg")


def test_killed_in_the_middle(env_worker, kafka, database):
    """Every row once or as a change, however often the worker dies; the offset has Debezium's keys meanwhile."""
    database.sql(MANY)
    env_worker.start()
    config = on_demand(database, **{"incremental.snapshot.chunk.size": "20"})
    started(env_worker, kafka, database, config)
    topic = f"{database.prefix}.public.rows"
    name = signal(database, "execute-snapshot", data_collections=["public.rows"])
    seen = 0
    for _ in range(3):
        wait_until(lambda: len(reads(kafka, topic)) > seen, 60, "more rows")
        env_worker.kill()
        seen = len(reads(kafka, topic))
        assert seen < 3000
        env_worker.start()
    wait_note(kafka, database, name)
    rows = [(r["after"]["b"], r["after"]["a"]) for r in reads(kafka, topic)]
    assert sorted(rows) == sorted(set(rows)) and len(rows) == 3000
    offsets = [json.loads(r.value) for r in kafka.consume_all(env_worker.properties["offset.storage.topic"]) if r.value]
    running = [o for o in offsets if "incremental_snapshot_collections" in o]
    assert running and "incremental_snapshot_collections" not in offsets[-1]
    items = json.loads(running[-1]["incremental_snapshot_collections"])
    assert items == [
        {
            "incremental_snapshot_collections_id": "public.rows",
            "incremental_snapshot_collections_additional_condition": None,
            "incremental_snapshot_collections_surrogate_key": None,
        }
    ]
    assert running[-1]["incremental_snapshot_correlation_id"] == name
    assert running[-1]["incremental_snapshot_primary_key"].startswith("aced0005757200135b4c6a6176612e6c616e672e4f626a656374")


def test_what_signals_can_say(worker, kafka, database):
    """Pause, resume, stop, conditions, a surrogate key, several tables, and requests that can't be met."""
    database.sql(
        MANY
        + """create table other (id int primary key, part text); insert into other select i, 'p' || i % 3 from generate_series(1, 300) i;
             create table empty (id int primary key);
             create table keyless (n int, s text); insert into keyless select i, 's' from generate_series(1, 250) i;
             create table uniq (n int unique, s text); insert into uniq select i, 's' from generate_series(1, 250) i;
             insert into uniq values (null, 'x'), (null, 'y');"""
    )
    started(worker, kafka, database, on_demand(database))
    prefix = f"{database.prefix}.public"

    # Conditions, by an expression and for one table; an empty table; one without a key; one that is not there.
    name = signal(
        database,
        "execute-snapshot",
        data_collections=["public.(other|empty)", "public.keyless", "public.missing", "public.uniq"],
        additional_conditions=[{"data-collection": "public.OTHER", "filter": "part = 'p1' and id < 100 -- so"}],
    )
    wait_note(kafka, database, name)
    assert [r["after"]["id"] for r in reads(kafka, f"{prefix}.other")] == list(range(1, 100, 3))
    assert len(reads(kafka, f"{prefix}.uniq")) == 252  # ordered by a column with nulls
    ends = [(d["scanned_collection"], d["status"]) for k, d in notes(kafka, database, name) if k == "TABLE_SCAN_COMPLETED"]
    assert ends == [
        ("public.empty", "EMPTY"),
        ("public.other", "SUCCEEDED"),
        ("public.keyless", "NO_PRIMARY_KEY"),
        ("public.missing", "UNKNOWN_SCHEMA"),
        ("public.uniq", "SUCCEEDED"),
    ]

    # A surrogate key makes the keyless one readable.
    name = signal(database, "execute-snapshot", data_collections=["public.keyless"], surrogate_key="n")
    wait_note(kafka, database, name)
    assert [r["after"]["n"] for r in reads(kafka, f"{prefix}.keyless")] == list(range(1, 251))

    # SQL that fails leaves its table out; the next one is read, and changes go on.
    name = signal(
        database,
        "execute-snapshot",
        data_collections=["public.rows", "public.other"],
        additional_conditions=[{"data-collection": "public.rows", "filter": "no such thing"}],
    )
    wait_note(kafka, database, name)
    ends = [(d["scanned_collection"], d["status"]) for k, d in notes(kafka, database, name) if k == "TABLE_SCAN_COMPLETED"]
    assert ends == [("public.rows", "SQL_EXCEPTION"), ("public.other", "SUCCEEDED")]
    assert len(reads(kafka, f"{prefix}.other")) == 33 + 300

    # Pause: no more rows than the chunk that is on its way; stop of a part, then of all.
    name = signal(database, "execute-snapshot", data_collections=["public.rows", "public.other", "public.uniq"])
    signal(database, "pause-snapshot")
    wait_note(kafka, database, name, "PAUSED")
    database.sql("insert into other values (1000, 'now')")
    read(kafka, f"{prefix}.other", 33 + 300 + 1)
    paused = len(reads(kafka, f"{prefix}.rows"))
    assert paused < 3000
    signal(database, "stop-snapshot", data_collections=["public.uniq"])
    assert wait_note(kafka, database, name, "ABORTED")["data_collections"] == "public.uniq"
    signal(database, "resume-snapshot")
    wait_note(kafka, database, name)
    assert len(reads(kafka, f"{prefix}.rows")) == 3000 and len(reads(kafka, f"{prefix}.uniq")) == 252
    assert len(reads(kafka, f"{prefix}.other")) == 33 + 300 + 301
    with database.connect(autocommit=False) as connection:  # in one transaction: there is no time for the first chunk
        for kind, data in (("execute-snapshot", '{"data-collections": ["public.rows"]}'), ("stop-snapshot", None)):
            connection.execute("insert into signals values (%s, %s, %s)", (uuid.uuid4().hex, kind, data))
        connection.commit()
    name = signal(database, "execute-snapshot", data_collections=["public.other"])
    wait_note(kafka, database, name)
    assert len(reads(kafka, f"{prefix}.rows")) == 3000

    # Nonsense has no effect but a line in the log.
    for kind, data in (("execute-snapshot", "{}"), ("execute-snapshot", "no json"), ("what", "{}"), ("stop-snapshot", "{}")):
        with database.connect() as connection:
            connection.execute("insert into signals values (%s, %s, %s)", (uuid.uuid4().hex, kind, data))
    signal(database, "log", message="position {} as asked")
    wait_until(lambda: "as asked" in worker.log_text(), what="the line in the log")
    for text in ("needs data-collections", "is no JSON object", "type 'what' is not known", "no incremental snapshot is running"):
        assert text in worker.log_text(), text
    assert 'position {"lsn_proc":' in worker.log_text()


def test_blocking(env_worker, kafka, database):
    """The stream stands still for it, and a crash in the middle repeats it whole."""
    database.sql(MANY)
    env_worker.start()
    started(env_worker, kafka, database, on_demand(database))
    topic = f"{database.prefix}.public.rows"
    with Writer(database):
        signal(
            database,
            "execute-snapshot",
            type="blocking",
            data_collections=["public.rows"],
            additional_conditions=[{"data-collection": "public.rows", "filter": "SELECT * FROM rows WHERE a <= 2900"}],
        )
        read(kafka, topic, 1)
        wait_until(lambda: any(r["source"]["snapshot"] == "last" for r in reads(kafka, topic)), 60, "the last row")
    rows = reads(kafka, topic)
    assert [r["source"]["snapshot"] for r in rows[:2]] == ["first", "true"] and len(rows) > 1000
    assert max(r["after"]["a"] for r in rows) <= 2900
    assert all(r["after"]["a"] for r in rows)
    database.sql("delete from rows where a > 2900 and a < 10000")
    inside = {k: v for k, v in state_of(kafka, topic).items()}
    assert inside
    marks = [json.loads(r.value)["after"]["type"] for r in kafka.consume_all(f"{database.prefix}.public.signals") if r.value]
    assert marks == ["execute-snapshot"]
    database.sql("update rows set v = v + 1")
    same_as_table(kafka, database, topic)


def jdk(text, number):
    """What Java's ObjectOutputStream makes of new Object[]{text, number}, in hex."""
    head = "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000002"
    integer = (
        "737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d"
        "62657286ac951d0b94e08b0200007870"
    )
    return f"{head}74{len(text):04x}{text.encode().hex()}{integer}{number:08x}"


def test_an_offset_of_debezium(worker, kafka, database):
    """An incremental snapshot that Debezium left in its offset goes on behind its last key, up to its largest one."""
    database.sql(MANY)
    started(worker, kafka, database, on_demand(database))
    database.sql("insert into rows values (5000, 'k6', 1)")
    read(kafka, f"{database.prefix}.public.rows", 1)
    worker.rest("PUT", "/connectors/pg/stop")
    wait_until(lambda: not worker.status("pg")["tasks"], what="the connector stopped")
    stored = worker.rest("GET", "/connectors/pg/offsets").json()["offsets"]
    stored[0]["offset"] |= {
        "incremental_snapshot_primary_key": jdk("k3", 1500),
        "incremental_snapshot_maximum_key": jdk("k5", 100000),
        "incremental_snapshot_collections": '[{"incremental_snapshot_collections_id":"public.rows",'
        '"incremental_snapshot_collections_additional_condition":null,"incremental_snapshot_collections_surrogate_key":null}]',
        "incremental_snapshot_correlation_id": "theirs",
    }
    assert worker.rest("PATCH", "/connectors/pg/offsets", json={"offsets": stored}).ok
    worker.rest("PUT", "/connectors/pg/resume")
    wait_note(kafka, database, "theirs")
    rows = [(r["after"]["b"], r["after"]["a"]) for r in reads(kafka, f"{database.prefix}.public.rows")]
    wanted = "select b, a from rows where (b, a) > ('k3', 1500) and (b, a) <= ('k5', 100000) order by b, a"
    assert rows == database.sql(wanted)
    kinds = [kind for kind, _ in notes(kafka, database)]
    assert "SKIPPED" in kinds
