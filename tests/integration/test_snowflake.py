"""The Snowflake sink against the stand-in for an account (tests/support/snowflake): both class names, tables that grow with their
records, each row once through restarts, lost answers, fences and frozen owners, bad rows, and what somebody has to put right."""

import base64
import decimal
import json
import random
import signal
import time

import confluent_kafka
import pytest
import sf
import sf_auth

from conftest import SCHEMALESS, Metrics, committed, wait_until


@pytest.fixture(autouse=True)
def strict(snowflake):
    """A client that reads the documentation does none of what the stand-in calls a violation."""
    before = len(snowflake.violations())
    yield
    snowflake.quiet()
    assert snowflake.violations()[before:] == []


def config(snowflake, topics, **more):
    return {**snowflake.config(topics), **SCHEMALESS, **{key.replace("_", "."): str(value) for key, value in more.items()}}


def produce(kafka, topic, values, partitions=1, first=0):
    """Values (None: a tombstone, str: as it is) to partition number % partitions."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5})
    for i, value in enumerate(values, first):
        text = value if value is None or isinstance(value, str) else json.dumps(value)
        producer.produce(topic, text, f"k{i}", i % partitions)
        producer.poll(0)
    assert producer.flush(30) == 0


def wanted(topic, total, partitions=1):
    return sorted((topic, i % partitions, i // partitions) for i in range(total))


def landed(snowflake, topic, total, partitions=1, table=None, timeout=30):
    """Waits until as many rows are there; each once."""
    table = table or topic
    def count():
        try:
            return snowflake.rows(f'select count(*) from "{table}"')[0][0]
        except sf.stand.StandError:
            return 0
    wait_until(lambda: count() >= total, timeout, f"{total} rows in {table}")
    assert snowflake.offsets(table) == wanted(topic, total, partitions)


def ends(kafka, name, topic, end, timeout=30):
    wait_until(lambda: committed(kafka, f"connect-{name}", topic) == end, timeout, f"offsets of {name}")


def dead_letters(kafka, topic):
    return [(r.value, dict(r.headers)) for r in kafka.consume_all(topic)]


def restarting(worker, name, *words):
    def seen():
        tasks = worker.status(name)["tasks"]
        return tasks and tasks[0]["state"] == "RESTARTING" and tasks[0].get("trace", "")
    trace = wait_until(seen, 30, f"{name} RESTARTING")
    for word in words:
        assert word in trace, trace


def fixed_table(worker, kafka, snowflake, unique, poll_ms, retry_ms):
    """A table that the sink may not change, and a dead-letter connector for what does not fit; gives the dead-letter topic."""
    dead = f"{unique}-dlq"
    for topic in (unique, dead):
        kafka.create_topic(topic)
    snowflake.sql(f'create table "{unique}" (record_metadata variant, "id" number) enable_schema_evolution = false')
    more = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": dead, "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true", "snowflake.validation": "client_side"}  # fmt: skip
    worker.run(unique, {**config(snowflake, unique), **more})
    mender = {"connector.class": "sluice.dlq", "dlq.topics": dead, "dlq.ledger.topic": f"{unique}-ledger", "dlq.audit.topic": f"{unique}-audit",
              "dlq.poll.interval.ms": str(poll_ms), "dlq.signal.interval.ms": "1100", "dlq.target.interval.ms": "1100",
              "dlq.retry.schema_mismatch.initial.ms": str(retry_ms)}  # fmt: skip
    worker.run(f"{unique}-mend", mender)
    return dead


def columns_known(kafka, unique):
    """Has the dead-letter connector noted what fits in the table?"""
    values = [json.loads(r.value) for r in kafka.consume_all(f"{unique}-ledger") if json.loads(r.key)[0] == "worker"]
    return values and f"{unique}\n{unique}" in values[-1]["subjects"]


def test_a_letter_waits_for_its_column(worker, kafka, snowflake, unique):
    """A table that the sink may not change: its letters go back by themselves when somebody has added the column."""
    dead = fixed_table(worker, kafka, snowflake, unique, poll_ms=100, retry_ms=100)
    produce(kafka, unique, [{"id": 0}, {"id": 1, "note": "x"}, {"id": 2}])

    def waits():
        values = [s.value for s in Metrics(worker).all("sluice_dlq_waiting_letters", connector=f"{unique}-mend")]
        return sum(values) == 1

    wait_until(waits, 30, "the letter waits")
    wait_until(lambda: columns_known(kafka, unique), 30, "the columns are known")
    time.sleep(3)  # asked twice more, and nothing has changed
    assert [i for (i,) in snowflake.rows(f'select "id" from "{unique}" order by 1')] == [0, 2]
    snowflake.sql(f'alter table "{unique}" add column "note" varchar')
    landed_rows = f'select "id", "note" from "{unique}" order by 1'
    wait_until(lambda: len(snowflake.rows(landed_rows)) == 3, 30, "the row with its column")
    assert snowflake.rows(landed_rows) == [(0, None), (1, "x"), (2, None)]
    assert len(dead_letters(kafka, dead)) == 1


def test_a_column_comes_just_after_a_look(worker, kafka, snowflake, unique):
    """The sink looks at its table every two seconds at most: letters that it refused by an older look go back once more."""
    dead = fixed_table(worker, kafka, snowflake, unique, poll_ms=50, retry_ms=10)
    produce(kafka, unique, [{"id": 1, "note": "x"}])

    wait_until(lambda: columns_known(kafka, unique), 30, "the columns are known")
    time.sleep(3)  # the sink's last look is older than two seconds
    probe = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"{unique}-probe"})
    produce(kafka, unique, [{"id": 2, "never": "x"}])
    dead_end = confluent_kafka.TopicPartition(dead, 0)
    wait_until(lambda: probe.get_watermark_offsets(dead_end, timeout=10)[1] >= 2, 30, "the sink looked, and refused")
    probe.close()
    snowflake.sql(f'alter table "{unique}" add column "note" varchar')
    landed_rows = f'select "id", "note" from "{unique}" order by 1'
    wait_until(lambda: snowflake.rows(landed_rows) == [(1, "x")], 20, "the row with its column")


def test_tables_grow_with_their_records(worker, kafka, snowflake, unique):
    """Three partitions, nested and wide values, a column that comes in the middle, tombstones; a table that did not exist."""
    kafka.create_topic(unique, 3)
    name = f"c_{unique}"
    wide = {f"W{i}": i for i in range(150)}
    produce(kafka, unique, [{"ID": i, "who": f"w{i}", "Nest": {"a": [i, {"b": None}], "ü": "\u2028\n\""}} for i in range(300)], 3)
    worker.run(name, config(snowflake, unique, tasks_max=2))
    landed(snowflake, unique, 300, 3)
    produce(kafka, unique, [{"ID": i, "NEW": i / 2, "flag": i % 2 == 0, **wide} if i % 10 else None for i in range(300, 600)], 3, 300)
    landed(snowflake, unique, 600, 3)
    ends(kafka, name, unique, {0: 200, 1: 200, 2: 200})
    for number, nest in snowflake.rows(f'select "ID", "Nest" from "{unique}" where "ID" < 300'):
        assert json.loads(nest) == {"a": [number, {"b": None}], "ü": "\u2028\n\""}
    rows = snowflake.rows(f'select "ID", "NEW", flag, "W149" from "{unique}" where "ID" >= 300 order by 1')
    assert rows == [(i, i / 2, i % 2 == 0, 149) for i in range(300, 600) if i % 10]
    stones = snowflake.rows(f"select (RECORD_METADATA->>'key') from \"{unique}\" where \"ID\" is null")
    assert sorted(key for [key] in stones) == sorted(f"k{i}" for i in range(300, 600, 10))
    assert f"{name.upper()}_{unique}_0" in snowflake.channels()
    metrics = Metrics(worker)
    samples = metrics.all("sluice_snowflake_rows_total", connector=name)
    assert sum(s.value for s in samples) == 600
    assert sum(s.value for s in metrics.all("sluice_snowflake_rejected_rows_total", connector=name)) == 0


def test_a_batch_that_is_worth_a_request_goes_when_nothing_follows(worker, kafka, snowflake, unique):
    """However long a batch may wait for more rows: one of 256 KB goes as soon as its partition is read to the end, a small one waits."""
    kafka.create_topic(unique, 2)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(unique, json.dumps({"ID": 3000, "NOTE": ""}), "k", 1)
    for i in range(3000):
        producer.produce(unique, json.dumps({"ID": i, "NOTE": "x" * 100}), "k", 0)
    assert producer.flush(30) == 0
    name = f"c_{unique}"
    worker.run(name, config(snowflake, unique, buffer_flush_time=3600))
    wait_until(lambda: committed(kafka, f"connect-{name}", unique).get(0) == 3000, 30, "the large batch")
    assert snowflake.offsets(unique) == sorted((unique, 0, i) for i in range(3000))
    worker.rest("DELETE", f"/connectors/{name}")  # what waits goes out at the end
    wait_until(lambda: snowflake.rows(f'select count(*) from "{unique}"') == [(3001,)], 30, "the small batch")


FIELDS = [
    ("I8", {"type": "int8"}, -128, -128),
    ("I16", {"type": "int16"}, 32767, 32767),
    ("I32", {"type": "int32"}, -(2**31), -(2**31)),
    ("I64", {"type": "int64"}, 2**63 - 1, 2**63 - 1),
    ("F32", {"type": "float"}, 0.5, 0.5),
    ("F64", {"type": "double"}, 1e-300, 1e-300),
    ("B", {"type": "boolean"}, True, True),
    ("S", {"type": "string"}, "a\u0001\"\\\u20ac", "a\u0001\"\\\u20ac"),
    ("BY", {"type": "bytes"}, base64.b64encode(b"\x00\xff").decode(), b"\x00\xff"),
    ("D", {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "version": 1, "parameters": {"scale": "2"}},
     base64.b64encode((12345).to_bytes(2, "big")).decode(), "123.45"),
    ("DT", {"type": "int32", "name": "org.apache.kafka.connect.data.Date", "version": 1}, 20000, "2024-10-04"),
    ("TS", {"type": "int64", "name": "org.apache.kafka.connect.data.Timestamp", "version": 1}, 1700000000123, "2023-11-14 22:13:20.123"),
    ("T", {"type": "int32", "name": "org.apache.kafka.connect.data.Time", "version": 1}, 3723004, "01:02:03.004"),
    ("A", {"type": "array", "items": {"type": "int32"}}, [1, 2], [1, 2]),
    ("M", {"type": "map", "keys": {"type": "string"}, "values": {"type": "int32"}}, {"x": 1}, {"x": 1}),
    ("ST", {"type": "struct", "fields": [{"field": "in", "type": "string"}]}, {"in": "v"}, {"in": "v"}),
]  # fmt: skip


def test_every_connect_type(worker, kafka, snowflake, unique):
    kafka.create_topic(unique)
    schema = {"type": "struct", "name": "All", "fields": [{"field": f, "optional": True, **s} for f, s, _, _ in FIELDS]}
    values = [{f: v for f, _, v, _ in FIELDS}, {f: None for f, *_ in FIELDS}]
    produce(kafka, unique, [{"schema": schema, "payload": v} for v in values])
    worker.run(unique, config(snowflake, unique, value_converter_schemas_enable="true", snowflake_validation="client_side"))
    landed(snowflake, unique, 2)
    types = {c["name"]: c["type"] for c in snowflake.tables()[unique]["columns"]}
    rows = snowflake.rows("select {} from \"{}\" order by (RECORD_METADATA->>'offset')::int".format(
        ", ".join(f'"{f}"' for f, *_ in FIELDS), unique))
    assert rows[1] == (None,) * len(FIELDS)
    for (field, _, _, want), got in zip(FIELDS, rows[0]):
        if isinstance(want, (dict, list)):
            got = json.loads(got)
        elif isinstance(want, str):
            got = str(got).removesuffix("000")
        assert got == want or decimal.Decimal(str(got)) == want, (field, types[field], got)


def test_version_3_and_names(worker, kafka, snowflake, unique):
    """Version 3's class: RECORD_CONTENT, upper-case tables, channels without the connector's name, whose offsets are taken over."""
    topic = f"{unique}.old-One"
    kafka.create_topic(topic)
    old = {"connector.class": sf.V3, "snowflake.ingestion.method": "SNOWPIPE_STREAMING", "snowflake.topic2table.map": f"{topic}:{unique}",
           "buffer.flush.time": "1", "buffer.count.records": "10000", "snowflake.streaming.max.client.lag": "30"}  # fmt: skip
    snowflake.settings(v3_offsets={f"{topic}_0".upper(): 41})
    produce(kafka, topic, [{"id": i} for i in range(100)])
    worker.run(unique, config(snowflake, topic) | old)
    wait_until(lambda: committed(kafka, f"connect-{unique}", topic) == {0: 100}, what="all offsets")
    table = unique.upper()
    assert snowflake.offsets(table) == [(topic, 0, i) for i in range(42, 100)]
    rows = snowflake.rows(f'select RECORD_CONTENT from "{table}"')
    assert sorted(json.loads(r)["id"] for [r] in rows) == list(range(42, 100))
    assert f"{topic}_0" in snowflake.channels()


def test_a_token_that_is_there_says_where_to_begin(worker, kafka, snowflake, unique):
    """The group's offsets are gone; so is, later, the topic."""
    kafka.create_topic(unique)
    produce(kafka, unique, [{"ID": i} for i in range(50)])
    worker.run(unique, config(snowflake, unique))
    landed(snowflake, unique, 50)
    ends(kafka, unique, unique, {0: 50})
    worker.delete(unique)
    group = f"connect-{unique}"
    admin = kafka.admin()
    wait_until(lambda: not admin.delete_consumer_groups([group])[group].exception(), what="the group to be empty")
    produce(kafka, unique, [{"ID": i} for i in range(50, 80)], first=50)
    worker.run(unique, config(snowflake, unique))
    landed(snowflake, unique, 80)
    worker.delete(unique)
    # The topic is made anew: without a word all of it would be skipped.
    wait_until(lambda: not admin.delete_consumer_groups([group])[group].exception(), what="the group to be empty again")
    admin.delete_topics([unique])[unique].result(30)
    wait_until(lambda: unique not in admin.list_topics(timeout=5).topics, what="the topic to go")
    # Not by an admin client: a consumer that is still closing may have had the broker make it, with one partition, too.
    produce(kafka, unique, [{"ID": 1000 + i} for i in range(10)])
    worker.create(unique, config(snowflake, unique))
    trace = worker.wait_failed(unique)
    assert "up to offset 79, but the topic ends at 10" in trace and "sluice.snowflake.offset.ahead=drop" in trace
    answer = worker.rest("PUT", f"/connectors/{unique}/config", json=config(snowflake, unique, sluice_snowflake_offset_ahead="drop"))
    assert answer.ok
    wait_until(lambda: snowflake.rows(f'select count(*) from "{unique}" where "ID" >= 1000') == [(10,)], what="the new topic")


def test_bad_rows_go_to_the_dead_letter_topic(worker, kafka, snowflake, unique):
    dlq = f"{unique}-dlq"
    snowflake.sql(f'create table "{unique}" (record_metadata variant, "ID" number(5,0) not null, "AT" timestamp_ntz, "T" varchar)')
    noise = random.Random(7).randbytes(4_600_000)
    values = [{"ID": 1}, {"ID": "x"}, {"T": "no id"}, {"ID": 1234567}, "[1, 2]", {"ID": 2, "AT": "never"}, {"ID": 3, "EXTRA": 1},
              {"ID": 4, "T": base64.b85encode(noise).decode()}, {"ID": 5, "AT": "2024-01-02T03:04:05"}]  # fmt: skip
    for topic in (unique, dlq):
        kafka.create_topic(topic, 1, {"max.message.bytes": "8000000"})
    big = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap, "message.max.bytes": 8_000_000})
    for value in values:
        big.produce(unique, value if isinstance(value, str) else json.dumps(value))
    assert big.flush(30) == 0
    more = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": dlq, "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true", "snowflake.validation": "client_side"}  # fmt: skip
    worker.run(unique, config(snowflake, unique) | more | {"producer.override.max.request.size": "8000000"})
    ends(kafka, unique, unique, {0: len(values)})
    assert snowflake.rows(f'select "ID" from "{unique}" order by 1') == [(1,), (5,)]
    letters = dead_letters(kafka, dlq)
    assert len(letters) == len(values) - 2
    why = [headers["__connect.errors.exception.message"].decode() for _, headers in letters]
    for text, word in zip(why, ["ID", "ID", "ID", "5015", "AT", "EXTRA", "largest column is T"]):
        assert word in text, why
    assert sum(s.value for s in Metrics(worker).all("sluice_snowflake_rejected_rows_total", connector=unique)) == 0


def test_rows_that_snowflake_rejects(worker, kafka, snowflake, unique):
    """server_side: they are gone when it is known; the task fails, or goes on with an alarm."""
    kafka.create_topic(unique)
    snowflake.sql(f'create table "{unique}" (record_metadata variant, "N" number(5,0)) error_logging = true')
    produce(kafka, unique, [{"N": "no number" if i == 5 else i} for i in range(10)])
    worker.create(unique, config(snowflake, unique))
    trace = worker.wait_failed(unique)
    assert "ERROR_5030" in trace and "rejected 1 rows" in trace and "ERROR_TABLE" in trace
    worker.rest("PUT", f"/connectors/{unique}/config", json=config(snowflake, unique, errors_tolerance="all"))
    produce(kafka, unique, [{"N": "again" if i == 15 else i} for i in range(10, 20)], first=10)
    wait_until(lambda: sum(s.value for s in Metrics(worker).all("sluice_snowflake_rejected_rows_total", connector=unique)) >= 1,
               what="the alarm")  # fmt: skip
    assert worker.status(unique)["tasks"][0]["state"] == "RUNNING"
    assert snowflake.rows(f'select "N" from "{unique}" order by 1') == [(i,) for i in range(20) if i not in (5, 15)]


def test_what_somebody_has_to_put_right(worker, kafka, snowflake, unique, tmp_path):
    """Wrong key, refused user, wrong role, no table: the task says so and waits; nothing is dead-lettered or lost."""
    kafka.create_topic(unique)
    produce(kafka, unique, [{"ID": i} for i in range(20)])
    dlq = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": f"{unique}-dlq",
           "errors.deadletterqueue.topic.replication.factor": "1"}  # fmt: skip
    other, _ = sf_auth.make_key(tmp_path)
    base = config(snowflake, unique, snowflake_autocreate_table_type="none") | dlq
    worker.create(unique, base | {"snowflake.private.key": other})
    restarting(worker, unique, "390144")
    assert other.splitlines()[3] not in worker.log_text()
    worker.rest("PUT", f"/connectors/{unique}/config", json=base | {"snowflake.role.name": "NOBODY"})
    wait_until(lambda: "NOBODY" in str(worker.status(unique)["tasks"]), what="the wrong role")
    worker.rest("PUT", f"/connectors/{unique}/config", json=base)
    wait_until(lambda: f"able {unique}" in str(worker.status(unique)["tasks"]), what="the missing table")
    snowflake.sql(f'create table "{unique}" (record_metadata variant, "ID" number) enable_schema_evolution = true')
    landed(snowflake, unique, 20, timeout=60)
    snowflake.refuse_user()
    snowflake.revoke_tokens()
    produce(kafka, unique, [{"ID": i} for i in range(20, 40)], first=20)
    restarting(worker, unique)
    snowflake.refuse_user(False)
    landed(snowflake, unique, 40, timeout=60)
    wait_until(lambda: worker.status(unique)["tasks"][0]["state"] == "RUNNING", 60, "RUNNING")
    assert dead_letters(kafka, f"{unique}-dlq") == []


def test_a_pipe_that_throws_rows_away(worker, kafka, snowflake, unique):
    kafka.create_topic(unique)
    snowflake.sql(f'create table "{unique}" (record_metadata variant)')
    snowflake.pipe(unique, unique, invalid="ERR_PIPE_INVALID")
    produce(kafka, unique, [{"ID": 1}])
    worker.create(unique, config(snowflake, unique))
    assert "would be thrown away" in worker.wait_failed(unique)
    assert committed(kafka, f"connect-{unique}", unique) == {}


FAULTS = [("lose", "append"), ("late", "append"), ("503", "append"), ("429", "append"), ("401", "append"), ("413", "append"), ("409_gap", "append"),
          ("410", "append"), ("404_channel", "append"), ("lose", "open"), ("lose", "status"), ("lose", "sql")]  # fmt: skip


def test_each_row_once_through_faults(make_worker, kafka, snowflake, unique):
    """Answers lost, channels invalidated, the pipe moved, the worker killed, a frozen owner that wakes up."""
    seed = int(time.time())
    print("seed", seed)
    rng = random.Random(seed)
    kafka.create_topic(unique, 4)
    group = f"connect-{unique}"
    sink = config(snowflake, unique, name=unique) | {"consumer.override.group.id": group, "consumer.override.session.timeout.ms": "6000",
                                                    "consumer.override.heartbeat.interval.ms": "500"}  # fmt: skip
    first, second = (make_worker(name=f"w{i}").start() for i in range(2))
    first.run(unique, sink)
    total = 0

    def feed(seconds):
        nonlocal total
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            row = {"ID": total, "MORE": total} if total > 3000 else {"ID": total}
            produce(kafka, unique, [{**row, "ID": total + i} for i in range(100)], 4, total)
            total += 100
            time.sleep(0.03)

    feed(1)
    for action, op in FAULTS:
        snowflake.fault(action, op, skip=rng.randrange(2))
        feed(0.4)
    snowflake.invalidate()
    feed(0.5)
    first.kill()
    feed(0.5)
    first.start()
    second.run(unique, sink)
    feed(1)
    first.signal(signal.SIGSTOP)
    feed(7.5)
    first.signal(signal.SIGCONT)
    feed(1.5)
    snowflake.quiet()
    wait_until(lambda: sum(committed(kafka, group, unique).values()) == total, 90, "all offsets")
    landed(snowflake, unique, total, 4)


def test_change_events(worker, kafka, snowflake, unique):
    """sluice.snowflake.cdc: a log of changes, and the statement that makes the current rows."""
    kafka.create_topic(unique)
    source = {"lsn": 10, "ts_ms": 1700000000000, "db": "d", "schema": "s", "table": "t"}
    events = [("c", None, {"ID": 1, "V": "a"}), ("u", {"ID": 1, "V": "a"}, {"ID": 1, "V": "b"}), ("d", {"ID": 1, "V": "b"}, None)]
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap})
    for n, (op, before, after) in enumerate(events):
        value = {"op": op, "before": before, "after": after, "source": {**source, "lsn": 10 + n}, "ts_ms": 1}
        producer.produce(unique, json.dumps(value), json.dumps({"ID": 1}))
    assert producer.flush(10) == 0
    json_keys = {"key.converter": SCHEMALESS["value.converter"], "key.converter.schemas.enable": "false"}
    worker.run(unique, config(snowflake, unique, sluice_snowflake_cdc="true", sluice_snowflake_cdc_warehouse="WH") | json_keys)
    landed(snowflake, unique, 3)
    rows = snowflake.rows(f'select "V", "__OP", "__LSN" from "{unique}" order by "__LSN"')
    assert [(v, op, int(lsn)) for v, op, lsn in rows] == [("a", "c", 10), ("b", "u", 11), ("b", "d", 12)]
    wait_until(lambda: any("dynamic table" in s.lower() for s in snowflake.statements()), what="the table of current rows")
