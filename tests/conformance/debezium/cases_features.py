# SPDX-License-Identifier: Apache-2.0
"""What is switched on by a key of its own: heartbeats, transaction metadata, messages, masks, propagation, naming, signals and
incremental snapshots, notifications; and transforms behind both."""

from scenario import case, scenario

TWO = "create table one (id int primary key, v text); create table two (id int primary key, v text);"
STEPS = ["insert into one values (1, 'a'), (2, null); insert into two values (1, 'a')",
         "update one set v = 'b' where id = 1; delete from one where id = 2; update two set id = 5"]

# --- Heartbeats -------------------------------------------------------------------------------------------------------


def heartbeats(topic):
    return lambda pair: pair.wait_records(topic, 1)


scenario("heartbeat", TWO, *STEPS, heartbeats("__debezium-heartbeat.~"), config={"heartbeat.interval.ms": "100"},
         first=r"heartbeat")
scenario("heartbeat-prefix", TWO, *STEPS, heartbeats("beats.~"), first=r"^beats",
         config={"heartbeat.interval.ms": "100", "topic.heartbeat.prefix": "beats"})
scenario("heartbeat-topic", TWO, *STEPS, heartbeats("all-beats-~"), first=r"^all-beats",
         config={"heartbeat.interval.ms": "100", "topic.heartbeat.name": "all-beats-{prefix}"})
scenario("heartbeat-action", TWO + "create table beats (id int primary key, n int)", STEPS[0],
         heartbeats("public.beats"), first=r"heartbeat",
         config={"heartbeat.interval.ms": "100",
                 "heartbeat.action.query": "insert into beats values (1, 1) on conflict do nothing"})

# --- Transaction metadata ---------------------------------------------------------------------------------------------

TX = {"provide.transaction.metadata": "true"}
scenario("transaction-metadata", TWO, *STEPS, "insert into two select i, 'x' from generate_series(10, 14) i", config=TX)
scenario("transaction-metadata-topic", TWO, *STEPS, config=TX | {"topic.transaction": "tx"})
scenario("transaction-metadata-after-snapshot", TWO, *STEPS, rows="insert into one values (50, 's')", snapshot="initial",
         config=TX)
scenario("transaction-metadata-skipped", TWO, *STEPS, "truncate one", config=TX | {"skipped.operations": "u,t"})

# --- Logical decoding messages ----------------------------------------------------------------------------------------

MESSAGES = [
    "select pg_logical_emit_message(true, 'audit', 'hello'); insert into one values (1, 'a');"
    "select pg_logical_emit_message(true, '', ''); select pg_logical_emit_message(true, 'other', 'é😀')",
    "select pg_logical_emit_message(false, 'audit', '\\x00ff01'::bytea)",
    "insert into one values (2, 'b'); select pg_logical_emit_message(false, 'now', 'in a transaction');"
    "insert into one values (3, 'c')",
    "begin; select pg_logical_emit_message(true, 'audit', 'never'); select pg_logical_emit_message(false, 'audit', 'yet');"
    "rollback",
]
scenario("messages", TWO, *MESSAGES)
scenario("messages-hex", TWO, *MESSAGES, config={"binary.handling.mode": "hex"})
scenario("messages-base64", TWO, *MESSAGES, config={"binary.handling.mode": "base64"})
scenario("messages-include", TWO, *MESSAGES, config={"message.prefix.include.list": "aud.*"})
scenario("messages-exclude", TWO, *MESSAGES, config={"message.prefix.exclude.list": "other,now"})
scenario("messages-in-transaction-metadata", TWO, *MESSAGES, config=TX,
         differs={"message-counts": [r"value\.payload\.transaction\.data_collection_order$", r"transaction value\.payload\.data_collections"]})
scenario("messages-delimiter", TWO, *MESSAGES[:2], config={"topic.delimiter": "-"})

# --- Masks and propagated types ---------------------------------------------------------------------------------------

PEOPLE = """create type mood as enum ('sad', 'ok'); create domain mail as varchar(40);
    create table people (id int primary key, name varchar(20), note text, pin char(6), m mail, v varchar not null, ta text[],
    n numeric(6,2), j jsonb, u uuid, e mood, i int, s serial, ts timestamp(3), bin bytea);
    comment on table people is 'all of them'; comment on column people.name is 'a "name"'; comment on column people.i is 'é';"""
PEOPLE_ROWS = "insert into people values ({0}1, 'Änne', 'a long note 😀', '123', 'a@b.c', 'v', '{a,b}', 1.5, '{\"a\": 1}'," \
              " '11111111-2222-3333-4444-555555555555', 'ok', 5, 1, '2024-01-01', '\\x01');" \
              "insert into people (id, v) values ({0}2, ''), ({0}3, repeat('x', 300))"


def people(name, config, **more):
    scenario(name, PEOPLE, PEOPLE_ROWS.replace("{0}", "10"), "update people set note = 'n' where id = 101;"
             "delete from people where id = 102", rows=PEOPLE_ROWS.replace("{0}", ""), snapshot="initial", config=config, **more)


people("mask-with-chars", {"column.mask.with.5.chars": "public.people.name", "column.mask.with.0.chars": "public.people.v"})
people("mask-hash", {"column.mask.hash.SHA-256.with.salt.CzQMA0cB5K": "public.people.(name|note)"})
people("mask-hash-v2", {"column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K": ".*people.(name|note|v|pin)"})
people("mask-hash-other", {"column.mask.hash.MD5.with.salt.x": "public.people.note",
                           "column.mask.hash.v2.SHA-512.with.salt.y": "public.people.name"})
people("mask-all-types", {"column.mask.with.3.chars": "public.people.(n|j|u|e|i|ts|bin|m|ta|pin)"},
       differs={"masked-texts": r"value\.payload\.(before|after)\.(j|u)$"})
people("truncate-columns", {"column.truncate.to.3.chars": "public.people.(name|note|v)"})
SERIAL = {"propagated-serial": r"snapshot \S+ value\.schema\.fields\.(before|after)\.fields\.s( fields|\.parameters)"}
people("propagate-columns", {"column.propagate.source.type": ".*"}, differs=SERIAL)
people("propagate-datatypes", {"datatype.propagate.source.type": ".+\\.VARCHAR,.+\\.NUMERIC,.+\\.int4"}, differs=SERIAL)
people("propagate-some-columns", {"column.propagate.source.type": "public.people.(name|n|id)"})
COMMENTS = {"schema-comments": r"value\.schema\.fields\.(before|after)\.fields\.(name|i)(\.parameters)? fields$"}
people("schema-comments", {"include.schema.comments": "true"}, differs=COMMENTS)
people("schema-comments-propagated", {"include.schema.comments": "true", "column.propagate.source.type": "public.people.name"},
       differs=COMMENTS)

# --- Topic names ------------------------------------------------------------------------------------------------------

SHARDS = "create table shard_1 (id int primary key, v int); create table shard_2 (id int primary key, v int);" \
         "create table \"Ünï x\" (id int primary key);"
SHARD_STEPS = ["insert into shard_1 values (1, 1); insert into shard_2 values (1, 1); insert into \"Ünï x\" values (1)",
               "update shard_1 set v = 2; delete from shard_2"]
for name, more in {
    "SchemaTopicNamingStrategy": {},
    "DefaultTopicNamingStrategy": {},
    "DefaultRegexTopicNamingStrategy": {"topic.regex": "(.*)shard_(\\d)", "topic.replacement": "$1shards"},
    "SchemaRegexTopicNamingStrategy": {"topic.regex": "(.*)shard_(\\d)", "topic.replacement": "$1shards"},
    "SchemaUnicodeTopicNamingStrategy": {},
    "DefaultUnicodeTopicNamingStrategy": {},
}.items():
    scenario(f"naming-{name.removesuffix('TopicNamingStrategy').lower()}", SHARDS, *SHARD_STEPS,
             config={"topic.naming.strategy": f"io.debezium.schema.{name}", **more})

# --- Signals: incremental and blocking snapshots, notifications -------------------------------------------------------

SIGNALLED = "create table signals (id varchar(64) primary key, type varchar(32), data varchar(2048));" \
            "create table big (id int primary key, v text); create table two_keys (a text, b int, v int, primary key (b, a));" \
            "create table bare (v int);" \
            "insert into big select i, 'v' || i from generate_series(1, 10) i;" \
            "insert into two_keys select 'k' || i % 3, i, i from generate_series(1, 7) i; insert into bare values (1), (2);"
SIGNALS = {"signal.data.collection": "public.signals", "incremental.snapshot.chunk.size": "4"}
# The watermarks of both sides, which have random ids, pass through one table: what matters is in the other topics.
WINDOWS = {r"^public\.signals topic": "watermark rows of both connectors, with random ids"}


def signal(kind, data, count, topic="public.big"):
    def step(pair):
        pair.sql(f"insert into signals values ('s-{kind}-{count}', '{kind}', '{data}')")
        pair.wait_records(topic, count)

    return step


def snapshot_of(tables, **more):
    extra = "".join(f', "{key.replace("_", "-")}": {value}' for key, value in more.items())
    listed = ", ".join(f'"public.{table}"' for table in tables)
    return f'{{"data-collections": [{listed}], "type": "incremental"{extra}}}'


def incremental(name, *steps, config=None, **more):
    scenario(f"incremental-{name}", SIGNALLED, "insert into big values (100, 'streamed before')", *steps,
             "update big set v = 'streamed after' where id = 100", config=SIGNALS | (config or {}),
             masks=WINDOWS, **more)


incremental("one-table", signal("execute-snapshot", snapshot_of(["big"]), 12))
incremental("two-tables", signal("execute-snapshot", snapshot_of(["big", "two_keys"]), 7, "public.two_keys"))
incremental("pattern", signal("execute-snapshot", snapshot_of([".*_keys"]), 7, "public.two_keys"))
incremental("condition", signal("execute-snapshot", snapshot_of(
    ["big"], additional_conditions='[{"data-collection": "public.big", "filter": "id > 7"}]').replace("'", "''"), 5))
incremental("surrogate-key", signal("execute-snapshot", snapshot_of(["two_keys"], surrogate_key='"b"'), 7, "public.two_keys"))
incremental("insert-delete", signal("execute-snapshot", snapshot_of(["big"]), 12),
            config={"incremental.snapshot.watermarking.strategy": "insert_delete"})
incremental("blocking", signal("execute-snapshot", snapshot_of(["big", "two_keys"]).replace("incremental", "blocking"), 12))
incremental("keyless", signal("execute-snapshot", snapshot_of(["bare", "two_keys"]), 7, "public.two_keys"))


def notified(*types):
    def step(pair):
        def there(side):
            text = b"".join(record.value for record in pair.records(side, "notes-~"))
            return all(kind.encode() in text for kind in types)

        for side in pair.sides:
            pair.wait(lambda: there(side), f"notifications {types}")

    return step


NOTES = {"notification.enabled.channels": "sink", "notification.sink.topic.name": "notes-{prefix}"}
ID = {r"notes-~ (key|value)\.payload\.id$": "a random id", r"notes-~ value\.payload\.timestamp$": "the time"}
scenario("notifications-initial", TWO, STEPS[1], notified("COMPLETED"), rows=STEPS[0], snapshot="initial", config=NOTES,
         masks=ID, needs="notifications of each table of the initial snapshot")
scenario("notifications-incremental", SIGNALLED, signal("execute-snapshot", snapshot_of(["big"]), 10),
         notified("STARTED", "COMPLETED"), config=SIGNALS | NOTES, masks=ID | WINDOWS,
         differs={"notification-order": r"notes-~ value\.payload\.additional_data fields$"})

# --- Transforms and converters behind both ----------------------------------------------------------------------------

UNWRAP = {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}
PLAIN = {r"value\.payload\.__(ts_ms|source_ts_ms)$": "processing and snapshot times",
         r"headers\.__(ts_ms|source_lsn)$": "snapshot positions"}
for mode in ("tombstone", "drop", "delete-to-tombstone", "rewrite", "rewrite-with-tombstone"):
    scenario(f"unwrap-{mode}", TWO, *STEPS, rows="insert into one values (50, 'x')", snapshot="initial",
             config=UNWRAP | {"transforms.unwrap.delete.tombstone.handling.mode": mode})
scenario("unwrap-with-fields", TWO, *STEPS, "truncate one", masks=PLAIN,
         config=UNWRAP | {"transforms.unwrap.add.fields": "op,table,lsn,source.ts_ms,source.txId:tx,ts_ms",
                          "transforms.unwrap.add.headers": "op,db,source.lsn", "skipped.operations": "none",
                          "transforms.unwrap.delete.tombstone.handling.mode": "rewrite"})
scenario("unwrap-full-identity", TWO + "alter table one replica identity full;", *STEPS,
         config=UNWRAP | {"transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
                          "transforms.unwrap.add.fields.prefix": "meta_", "transforms.unwrap.add.fields": "before.v,op"})
scenario("outbox", "create table outbox (id uuid primary key, aggregatetype text not null, aggregateid text not null,"
         " type text not null, payload jsonb, at timestamp not null default '2024-01-01');",
         "insert into outbox values ('11111111-2222-3333-4444-555555555555', 'order', '7', 'Created', '{\"a\": 1}')",
         "delete from outbox",
         config={"transforms": "outbox", "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
                 "transforms.outbox.route.topic.replacement": "{prefix}.outbox.${routedByValue}",
                 "transforms.outbox.table.fields.additional.placement": "type:header:eventType",
                 "transforms.outbox.predicate": "mine", "predicates": "mine",
                 "predicates.mine.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
                 "predicates.mine.pattern": ".*public.outbox"})
scenario("routed-by-logical-table", "create table shard_1 (id int primary key, v int); create table shard_2 (id int primary key,"
         " v int);", "insert into shard_1 values (1, 1); insert into shard_2 values (1, 1)", "delete from shard_2",
         config={"transforms": "shards", "transforms.shards.type": "io.debezium.transforms.ByLogicalTableRouter",
                 "transforms.shards.topic.regex": "(.*)shard_(\\d)", "transforms.shards.topic.replacement": "$1shards"})
scenario("schemaless-json", TWO, *STEPS, masks={r" value\.ts_(ms|us|ns)$": "processing times"},
         config={"value.converter.schemas.enable": "false", "key.converter.schemas.enable": "false"})
scenario("source-xmin", TWO, *STEPS, masks={r"value\.payload\.source\.xmin$": "asked from time to time"},
         config={"xmin.fetch.interval.ms": "50"})
