# SPDX-License-Identifier: Apache-2.0
"""Snapshot modes and markers, restarts, and offsets that one side writes and the other reads."""

import pair as pairs
from scenario import case, scenario

TABLES = "create table a (id int primary key, v text); create table b (id int primary key, v text);" \
         "create table c (id int primary key, v text); create table d (v text);"
STEP = "insert into a values (101, 'streamed'); update b set v = 'x'; insert into d values ('streamed')"

# --- Markers of the snapshot's rows -----------------------------------------------------------------------------------

MARKERS = {
    "one-row": "insert into b values (1, 'only')",
    "one-row-each": "insert into a values (1, 'a'); insert into b values (1, 'b'); insert into d values ('d')",
    "last-table-empty": "insert into a values (1, 'a'), (2, 'b'); insert into b values (1, 'a'), (2, 'b'), (3, 'c')",
    "first-table-empty": "insert into c values (1, 'a'), (2, 'b'), (3, 'c'); insert into d values ('a'), ('b')",
    "nothing": "",
}
for name, rows in MARKERS.items():
    scenario(f"snapshot-{name}", TABLES, STEP, rows=rows, snapshot="initial",
             differs={"first-of-empty": r"snapshot public\.c value\.payload\.source\.snapshot$"} if name == "first-table-empty" else {})
ROWS = "insert into a select i, 'v' || i from generate_series(1, 20) i; insert into b values (1, 'b'), (2, null);" \
       "insert into c select i, 'c' from generate_series(1, 3) i; insert into d values ('d'), ('d')"
scenario("snapshot-of-some-tables", TABLES, STEP, rows=ROWS, snapshot="initial",
         config={"snapshot.include.collection.list": "public.a,public.d"})
scenario("snapshot-no-data", TABLES, STEP, rows=ROWS, snapshot="no_data")
scenario("snapshot-after-deletes", TABLES, STEP, snapshot="initial",
         rows=ROWS + "; delete from a where id % 2 = 0; update a set v = 'again' where id < 9")
scenario("snapshot-isolation", TABLES, STEP, rows=ROWS, snapshot="initial",
         config={"snapshot.isolation.mode": "repeatable_read"})
scenario("snapshot-locking-shared", TABLES, STEP, rows=ROWS, snapshot="initial",
         config={"snapshot.locking.mode": "shared"})
scenario("snapshot-fetch-size", TABLES, STEP, rows=ROWS, snapshot="initial", config={"snapshot.fetch.size": "3"})
for order in ("ascending", "descending"):
    scenario(f"snapshot-order-{order}", TABLES, STEP, rows=ROWS + "; analyze", snapshot="initial",
             config={"snapshot.tables.order.by.row.count": order},
             differs={"row-count-order": r"snapshot public\.\w+ value\.payload\.source\.snapshot$"} if order == "ascending" else {})
scenario("snapshot-select-overrides", TABLES, STEP, rows=ROWS, snapshot="initial",
         config={"snapshot.select.statement.overrides": "public.a,public.b",
                 "snapshot.select.statement.overrides.public.a": "select * from public.a where id > 15 order by id desc",
                 "snapshot.select.statement.overrides.public.b": "select * from public.b where false"})
PARTED = """create table parted (id int, k int, v text, primary key (k, id)) partition by list (k);
    create table parted_1 partition of parted for values in (1); create table parted_2 partition of parted for values in (2);"""
PARTED_ROWS = "insert into parted values (1, 1, 'a'), (2, 2, 'b')"
PARTED_STEP = "insert into parted values (3, 1, 'c'); update parted set v = 'd' where id = 2"
scenario("snapshot-of-partitions", PARTED, PARTED_STEP, rows=PARTED_ROWS, snapshot="initial",
         config={"table.include.list": "public.parted_.*"})
scenario("snapshot-of-partitions-and-root", PARTED, PARTED_STEP, rows=PARTED_ROWS, snapshot="initial",
         differs={"partition-roots": [r"^public\.parted records$", r"snapshot \S+parted_\d value\.payload\.source\.snapshot$"]})
scenario("snapshot-of-root", PARTED, PARTED_STEP, rows=PARTED_ROWS, snapshot="initial",
         config={"table.include.list": "public.parted"},
         publication="create publication conformance for all tables with (publish_via_partition_root = true)")
scenario("snapshot-of-views-and-others", TABLES + "create view seen as select * from a; create materialized view kept as select"
         " * from a; create unlogged table volatile (id int primary key); create table parent (id int primary key, v int);"
         " create table heir (w int) inherits (parent); create sequence numbers;",
         "insert into heir values (2, 2, 2); insert into parent values (3, 3)", snapshot="initial",
         rows=ROWS + "; insert into volatile values (1); insert into parent values (1, 1); insert into heir values (9, 9, 9)",
         differs={"unlogged-tables": r"^public\.volatile records$",
                  "inherited-rows": [r"^public\.parent records$", r"public\.parent (key|value)\.payload\."]})


@case("snapshot-initial-only", TABLES, rows=ROWS, snapshot="initial_only", marker=None)
def initial_only(pair):
    for side in pair.sides:
        side.create()
    for topic, count in {"public.a": 20, "public.b": 2, "public.c": 3, "public.d": 2}.items():
        pair.wait_records(topic, count)
    pair.sql(STEP)


def always(pair, between):
    pair.start()
    pair.sql(STEP)
    pair.sync()
    for side in pair.sides:
        side.put("stop")
    pair.sql(f"delete from zz.marker; {between}")
    rows = pair.sql("select (select count(*) from a), (select count(*) from c)")[0]
    for side in pair.sides:
        side.put("resume")
    pair.wait_records("public.a", 21 + rows[0])
    pair.wait_records("public.c", 3 + rows[1])
    pair.streaming()
    pair.sql("insert into a values (200, 'later')")
    pair.sync()


@case("snapshot-always", TABLES, rows=ROWS, snapshot="always")
def always_again(pair):
    always(pair, "")


@case("snapshot-always-after-changes", TABLES, rows=ROWS, snapshot="always",
      differs={"snapshot-always": [r"^public\.(a|c) records$", r"stream public\.a (key|value)\."]})
def always_after_changes(pair):
    always(pair, "delete from a where id > 3; insert into c values (50, 'meanwhile')")


@case("snapshot-with-own-slot", TABLES, snapshot="initial")
def own_slot(pair):
    """Slots that were made before, rows of which some were written before and some after the slot."""
    pair.sql("insert into a values (1, 'before')")
    pair.make_slots()
    pair.sql("insert into a values (2, 'after'); insert into b values (1, 'after'); delete from a where id = 1")
    pair.start()
    pair.sql(STEP)
    pair.sync()


@case("snapshot-when-needed", TABLES, rows=ROWS, snapshot="when_needed")
def when_needed(pair):
    pair.start()
    pair.sql(STEP)
    pair.sync()
    for side in pair.sides:
        side.put("stop")
        pair.sql(f"select pg_drop_replication_slot('{side.slot}')")
    pair.sql("delete from zz.marker; delete from a where id > 3; insert into c values (50, 'meanwhile')")
    for side in pair.sides:
        side.put("resume")
    pair.wait_records("public.c", 3 + 4)
    pair.streaming()
    pair.sql("insert into a values (200, 'later')")
    pair.sync()


BASED = "snapshot.mode.configuration.based"
scenario("snapshot-by-configuration", TABLES, STEP, rows=ROWS, snapshot="configuration_based",
         config={f"{BASED}.snapshot.data": "true", f"{BASED}.snapshot.schema": "true", f"{BASED}.start.stream": "true"})
scenario("snapshot-by-configuration-none", TABLES, STEP, rows=ROWS, snapshot="configuration_based",
         config={f"{BASED}.snapshot.data": "false", f"{BASED}.snapshot.schema": "true", f"{BASED}.start.stream": "true"})

# --- Publications that the connector makes ----------------------------------------------------------------------------

OWN = {"publication.name": "pub_{slot}"}
PUBLICATIONS = {
    "all-tables": {"publication.autocreate.mode": "all_tables"},
    "filtered": {"publication.autocreate.mode": "filtered", "table.include.list": "public.a,public.b"},
}
for name, config in PUBLICATIONS.items():
    scenario(f"publication-{name}", TABLES, STEP, "truncate c", rows=ROWS, snapshot="initial", publication=None,
             config=OWN | config)
scenario("publication-via-root", PARTED, PARTED_STEP, rows=PARTED_ROWS, snapshot="initial", publication=None,
         config=OWN | {"publication.autocreate.mode": "all_tables", "publish.via.partition.root": "true",
                       "table.include.list": "public.parted"})


@case("publication-publish-list", TABLES, snapshot="no_data", publication=None,
      config=OWN | {"publication.autocreate.mode": "all_tables", "skipped.operations": "d"})
def publish_list(pair):
    pair.start()
    pair.sql("insert into a values (1, 'x'); update a set v = 'y'; delete from a; truncate a")
    pair.sync()
    lists = pair.sql("select pubinsert, pubupdate, pubdelete, pubtruncate from pg_publication order by pubname")
    assert lists[0] == lists[1], f"Sluice's publication publishes {lists[0]}, Debezium's {lists[1]}"


# --- Restarts ---------------------------------------------------------------------------------------------------------

RUNNING = "create table a (id int primary key, v text); create table bare (v int);"


def churn(n):
    return (f"insert into a select {n * 100} + i, 'v' from generate_series(1, 5) i; insert into bare select {n} from"
            f" generate_series(1, 3); update a set v = 'u{n}' where id % 100 = 1; delete from a where id = {n * 100 + 2}")


@case("restart", RUNNING)
def restart(pair):
    pair.start()
    for n in (1, 3, 5):
        pair.sql(churn(n))
        pair.sync()
        for side in pair.sides:
            side.put("stop")
        pair.sql(churn(n + 1))
        for side in pair.sides:
            side.put("resume")
        pair.sync()


@case("restart-after-snapshot", RUNNING, rows=churn(1), snapshot="initial")
def restart_after_snapshot(pair):
    pair.start()
    for side in pair.sides:
        side.put("stop")
    pair.sql(churn(2))
    for side in pair.sides:
        side.put("resume")
    pair.sync()


def hand_over(pair, turns):
    """Debezium takes turns with Sluice on one slot, each from the offset that the other stored; another Debezium that was
    never stopped says what must come out."""
    name = f"{pair.prefix}-before"
    before = pairs.Side(pair, pair.theirs.worker, "", pair.ours.slot)
    pair.others.append(before)
    pair.theirs.create()
    before.create({"custom.metric.tags": "side=before"}, name)  # two with one topic.prefix in one JVM
    if pair.scenario.snapshot:
        pair.wait_slot(before.slot, True)
        pair.wait_slot(pair.theirs.slot, True)
    pair.sync()
    pair.ours.create(state="STOPPED")
    here, there, names = before, pair.ours, {before: name, pair.ours: pair.prefix}
    for turn in range(1, turns + 1):
        pair.sql(churn(2 * turn))
        pair.sync()
        here.put("stop", names[here])
        pair.sql(churn(2 * turn + 1))
        there.set_offsets(here.offsets(names[here]), names[there])
        there.put("resume", names[there])
        pair.sync()
        here, there = there, here


@case("offsets-of-debezium-read-by-sluice", RUNNING)
def hand_over_once(pair):
    hand_over(pair, 1)


@case("offsets-there-and-back", RUNNING)
def hand_over_twice(pair):
    hand_over(pair, 4)


@case("offsets-after-debezium-snapshot", RUNNING, rows=churn(1), snapshot="initial")
def hand_over_snapshot(pair):
    hand_over(pair, 2)
