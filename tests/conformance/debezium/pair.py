# SPDX-License-Identifier: Apache-2.0
"""One scenario's two sides: a database, two connectors with one config on two workers, and the records that both wrote.

Topics of Debezium's side begin with "theirs.", by a RegexRouter at the end of its transforms; all else is equal, even the
topic.prefix. That a step is done is seen by a row of the table zz.marker, which is written after it and in no comparison.
"""

import json
import os
import re
import threading
import time

import confluent_kafka
import confluent_kafka.admin

import stand

THEIRS = "theirs."
SLOW = int(os.environ.get("SLUICE_SLOW", "1"))
PATIENCE = 90 * SLOW  # seconds
ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"
JSON = "org.apache.kafka.connect.json.JsonConverter"


class Refused(Exception):
    """Sluice refuses the scenario's config by name."""


class Collector(threading.Thread):
    """Reads all topics of Kafka, committed records only, as they come."""

    def __init__(self, kafka):
        super().__init__(name="collector", daemon=True)
        self._consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": kafka.bootstrap,
                "group.id": "collector",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 30,
                "allow.auto.create.topics": False,
                "log_level": 2,  # at the end Kafka stops first
            }
        )
        self._known, self.topics, self.markers, self._ends = set(), {}, {}, {}
        self._admin = kafka.admin()
        self.news = threading.Condition()
        self._ended = False

    def run(self):
        looked = 0
        while not self._ended:
            if time.monotonic() - looked > 0.15:
                self._look()
                looked = time.monotonic()
            messages = self._consumer.consume(2000, 0.03)
            if messages:
                with self.news:
                    for message in messages:
                        self._take(message)
                    self.news.notify_all()
        self._consumer.close()

    def _look(self):
        found = self._consumer.list_topics(timeout=30).topics
        new = [
            confluent_kafka.TopicPartition(name, number, confluent_kafka.OFFSET_BEGINNING)
            for name, topic in found.items()
            for number in topic.partitions
            if not name.startswith("__consumer") and not name.startswith("__transaction") and (name, number) not in self._known
        ]
        if new:
            self._known |= {(one.topic, one.partition) for one in new}
            self._consumer.incremental_assign(new)

    def _take(self, message):
        topic = message.topic()
        if message.error():
            if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                self._ends[topic, message.partition()] = message.offset()
            return
        record = stand.Record(
            topic, message.partition(), message.offset(), None, message.key(), message.value(), message.headers() or []
        )
        self.topics.setdefault(topic, []).append(record)
        if topic.endswith("marker") and record.value:
            found = re.findall(rb'"n":(\d+)', record.value)
            self.markers[topic] = max(self.markers.get(topic, -1), *map(int, found), -1)

    def catch_up(self, prefix):
        """Returns when all is read that was committed to a scenario's topics before."""
        found = self._admin.list_topics(timeout=30).topics
        asked = {confluent_kafka.TopicPartition(name, number): confluent_kafka.admin.OffsetSpec.latest()
                 for name, topic in found.items() if prefix in name for number in topic.partitions}
        if not asked:
            return
        level = confluent_kafka.IsolationLevel.READ_COMMITTED
        answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=30)
        ends = {(at.topic, at.partition): answer.result().offset for at, answer in answers.items()}
        with self.news:
            if not self.news.wait_for(lambda: all(self._ends.get(at, -1) >= end for at, end in ends.items()), PATIENCE):
                raise stand.StandError(f"the topics of {prefix} could not be read to their ends")

    def stop(self):
        self._ended = True
        self.join()

    def of(self, prefix, side):
        """{topic without the side's mark: records} of a scenario; "~" stands for its prefix."""
        result = {}
        with self.news:
            for topic, records in self.topics.items():
                mine = topic.startswith(THEIRS) == (side == THEIRS)
                if mine and prefix in topic and not topic.endswith("marker"):
                    short = topic.removeprefix(side).replace(prefix, "~").removeprefix("~.")
                    result[short] = sorted(records, key=lambda record: (record.partition, record.offset))
        return result


class Side:
    """One connector on one worker."""

    def __init__(self, pair, worker, mark, slot):
        self.pair, self.worker, self.mark, self.slot = pair, worker, mark, slot
        self.connectors = []

    def config(self, more=None, mark=None):
        """The connector's config; more wins. A None removes a key."""
        pair = self.pair
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": "1",
            "database.hostname": stand.HOST,
            "database.port": str(pair.postgres.port),
            "database.user": "postgres",
            "database.password": "none",
            "database.dbname": pair.prefix,
            "topic.prefix": pair.prefix,
            "plugin.name": "pgoutput",
            "slot.name": self.slot,
            "publication.name": "conformance",
            "publication.autocreate.mode": "disabled",
            "snapshot.mode": pair.scenario.snapshot or "no_data",
            "key.converter": JSON,
            "key.converter.schemas.enable": "true",
            "value.converter": JSON,
            "value.converter.schemas.enable": "true",
            "poll.interval.ms": "50",
            **{key: value.replace("{prefix}", pair.prefix).replace("{slot}", self.slot)
               for key, value in pair.scenario.config.items()},
            **(more or {}),
        }
        for key, marker in (("schema.include.list", "zz"), ("table.include.list", "zz.marker"),
                            ("column.include.list", "zz.marker.*")):
            if key in config:
                config[key] += f",{marker}"
        mark = self.mark if mark is None else mark
        if mark:
            chain = [name for name in config.get("transforms", "").split(",") if name]
            config["transforms"] = ",".join([*chain, "route"])
            config |= {
                "transforms.route.type": ROUTER,
                "transforms.route.regex": ".*",
                "transforms.route.replacement": f"{mark}$0",
            }
        return {key: value for key, value in config.items() if value is not None}

    def create(self, more=None, name=None, mark=None, state="RUNNING"):
        name = name or self.pair.prefix
        body = {"name": name, "config": self.config(more, mark), "initial_state": state}
        answer = self.worker.rest("POST", "/connectors", json=body, timeout=60)
        if not answer.ok:
            raise Refused(answer.json().get("message", answer.text)) if not self.mark else stand.StandError(answer.text)
        self.connectors.append(name)

    def put(self, what, name=None):
        """stop, pause or resume, and waits until it is so."""
        name = name or self.pair.prefix
        self.worker.rest("PUT", f"/connectors/{name}/{what}", timeout=60).raise_for_status()
        if what == "stop":
            stand.wait_until(lambda: self.worker.status(name)["connector"]["state"] == "STOPPED"
                             and not self.worker.status(name)["tasks"], PATIENCE, f"{name} stopped")
            self.pair.wait_slot(self.slot, False)

    def offsets(self, name=None):
        answer = self.worker.rest("GET", f"/connectors/{name or self.pair.prefix}/offsets", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def set_offsets(self, offsets, name=None):
        answer = self.worker.rest("PATCH", f"/connectors/{name or self.pair.prefix}/offsets", json=offsets, timeout=60)
        if not answer.ok:
            raise stand.StandError(f"offsets {json.dumps(offsets)} are refused: {answer.text}")

    def check(self):
        """Raises what stopped a task."""
        if not self.worker.running:
            raise stand.StandError(f"{self.worker.name} ended:\n{self.worker.log_text()[-3000:]}")
        for name in self.connectors:
            status = self.worker.status(name)
            for part in [status["connector"], *status["tasks"]]:
                if part["state"] == "FAILED":
                    who = "Debezium" if self.mark else "Sluice"
                    raise stand.StandError(f"{who}'s task failed: {part.get('trace', '')[-2500:]}")

    def delete(self):
        for name in self.connectors:
            self.worker.rest("DELETE", f"/connectors/{name}", timeout=60)
        self.connectors.clear()


class Pair:
    def __init__(self, number, scenario, kafka, postgres, collector, ours, theirs):
        self.prefix = f"s{number:03d}"
        self.scenario, self.kafka, self.postgres, self.collector = scenario, kafka, postgres, collector
        self.ours = Side(self, ours, "", f"{self.prefix}_ours")
        self.theirs = Side(self, theirs, THEIRS, f"{self.prefix}_theirs")
        self.sides, self.others = (self.ours, self.theirs), []
        self._markers = 0

    # --- The database -------------------------------------------------------------------------------------------------

    def prepare(self):
        scenario = self.scenario
        self.postgres.sql(f"create database {self.prefix} strategy file_copy")
        self.sql("create schema zz; create table zz.marker (id int primary key, n int)")
        self.sql(scenario.setup)
        if scenario.marker == "update":
            self.sql("alter table zz.marker replica identity full; insert into zz.marker values (0, -1)")
        if scenario.publication:
            self.sql(scenario.publication)
        if scenario.rows:
            self.sql(scenario.rows)
        if scenario.partitions:
            self._make_topics(scenario.partitions)
        if not scenario.snapshot:
            self.make_slots()

    def make_slots(self, *more):
        """Copies of one slot, for both sides and for `more` names."""
        self.sql(f"select pg_create_logical_replication_slot('{self.ours.slot}', 'pgoutput')")
        for copy in (self.theirs.slot, *more):
            self.sql(f"select pg_copy_logical_replication_slot('{self.ours.slot}', '{copy}')")

    def _make_topics(self, partitions):
        tables = self.sql("select relnamespace::regnamespace::text, relname from pg_class where relkind in ('r', 'p')"
                          " and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'zz')")
        for schema, table in tables:
            for side in self.sides:
                self.kafka.create_topic(f"{side.mark}{self.prefix}.{schema}.{table}", partitions)

    def sql(self, text):
        return self.postgres.sql(text, self.prefix)

    def connect(self, **options):
        return self.postgres.connect(self.prefix, **options)

    def wait_slot(self, name, streaming):
        """Until somebody streams from the slot, or nobody uses it."""

        def there():
            if not streaming:
                return not self.postgres.sql(f"select 1 from pg_replication_slots where slot_name = '{name}' and active")
            return self.postgres.sql("select 1 from pg_replication_slots join pg_stat_replication on pid = active_pid where"
                                     f" slot_name = '{name}' and state in ('catchup', 'streaming')")

        self.wait(there, f"slot {name} {'in use' if streaming else 'free'}")

    # --- Waiting ------------------------------------------------------------------------------------------------------

    def wait(self, condition, what, interval=0.1):
        """Until it is true; a task that failed ends the waiting."""
        end, looked = time.monotonic() + PATIENCE, time.monotonic()
        while not condition():
            if time.monotonic() - looked > 2:
                looked = time.monotonic()
                self.check()
            if time.monotonic() > end:
                self.check()
                raise stand.StandError(f"not within {PATIENCE} s: {what}")
            with self.collector.news:
                self.collector.news.wait(interval)

    def check(self):
        for side in (*self.sides, *self.others):
            side.check()

    def sync(self, *sides):
        """Returns when these sides (both, if none is named) have written all that was committed before."""
        if not self.scenario.marker:
            return
        number = self._markers
        self._markers += 1
        if self.scenario.marker == "update":
            self.sql(f"update zz.marker set n = {number}")
        else:
            self.sql(f"insert into zz.marker values ({number}, {number})")
        for side in sides or self.sides:
            self.wait(lambda: self._marker(side) >= number,
                      f"marker {number} by {'Debezium' if side.mark else 'Sluice'}", 0.05)

    def _marker(self, side):
        with self.collector.news:
            return max((n for topic, n in self.collector.markers.items()
                        if topic.startswith(THEIRS) == bool(side.mark) and self.prefix in topic), default=-1)

    def records(self, side, topic=None):
        """The side's records: {topic: [...]}, or of one topic."""
        found = self.collector.of(self.prefix, side.mark)
        return found if topic is None else found.get(topic, [])

    def wait_records(self, topic, count, *sides):
        """Until a topic has at least so many records."""
        for side in sides or self.sides:
            self.wait(lambda: len(self.records(side, topic)) >= count,
                      f"{count} records in {topic} of {'Debezium' if side.mark else 'Sluice'},"
                      f" has {len(self.records(side, topic))}")

    # --- The course of a scenario -------------------------------------------------------------------------------------

    def start(self):
        """Both connectors; returns when both stream."""
        for side in self.sides:
            side.create()
        self.streaming()

    def streaming(self, *sides):
        if self.scenario.snapshot:
            for side in sides or self.sides:
                self.wait_slot(side.slot, True)
        self.sync(*sides)

    def steps(self):
        for step in self.scenario.steps:
            if callable(step):
                step(self)
            else:
                self.sql(step)
            self.sync()

    def run(self):
        if self.scenario.body:
            self.scenario.body(self)
        else:
            self.start()
            self.steps()

    def outcome(self):
        """What both sides wrote; waits a little when they have not equally many, for records that are still under way."""
        first = self.scenario.first

        def cut(topics):
            return {topic: records[:1] if first and re.search(first, topic) else records for topic, records in topics.items()}

        def counts(topics):
            return {topic: len(records) for topic, records in topics.items()}

        end, seen = 0, None
        while True:
            self.collector.catch_up(self.prefix)
            ours, theirs = (cut(self.records(side)) for side in self.sides)
            if counts(ours) == counts(theirs):
                return ours, theirs
            if (counts(ours), counts(theirs)) != seen:
                end, seen = time.monotonic() + 5 * SLOW, (counts(ours), counts(theirs))
            elif time.monotonic() > end:
                return ours, theirs
            with self.collector.news:
                self.collector.news.wait(0.2)

    def close(self):
        for side in (*self.sides, *self.others):
            side.delete()
        # A slot that stays would keep WAL, and decoding it costs the others.
        slots = self.postgres.sql(f"select slot_name from pg_replication_slots where slot_name like '{self.prefix}%'"
                                  " and not temporary")
        for (slot,) in slots:
            stand.wait_until(lambda: self.postgres.sql(
                f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{slot}'") or True,
                30, f"slot {slot} dropped", 0.2)
