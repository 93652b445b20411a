# SPDX-License-Identifier: Apache-2.0
"""Layouts of an S3 sink's objects for the chaos runs: what is produced, how the sink is configured, what must be there at the end.

A record carries its partition `p` and its number `n` in it, which is its offset, as the topic is new and filled by one idempotent
producer. Everything about it follows from (seed, p, n). For layouts whose cuts depend on records only, `expected` says which object
holds which offsets - our own small model of the rotation rules - and what is found must be equal to it.
"""

import dataclasses
import datetime
import gzip
import io
import json
import random
from collections.abc import Callable

import fastavro
import pyarrow.parquet

CONFLUENT = "io.confluent.connect"
JSON_FORMAT = f"{CONFLUENT}.s3.format.json.JsonFormat"
AVRO_FORMAT = f"{CONFLUENT}.s3.format.avro.AvroFormat"
BYTES_FORMAT = f"{CONFLUENT}.s3.format.bytearray.ByteArrayFormat"
PARQUET_FORMAT = f"{CONFLUENT}.s3.format.parquet.ParquetFormat"
PARTITIONER = f"{CONFLUENT}.storage.partitioner."
JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
BYTES_CONVERTER = "org.apache.kafka.connect.converters.ByteArrayConverter"
STRING_CONVERTER = "org.apache.kafka.connect.storage.StringConverter"

BASE_MS = int(datetime.datetime(2026, 11, 5, 9, 30, tzinfo=datetime.timezone.utc).timestamp() * 1000)
FAR = 10 * 24 * 3600 * 1000  # what a sentinel's time is ahead; brokers refuse times in the future
REGIONS = ("eu", "us", "ap", None)
HOURLY = "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH"


def _field(name, kind, optional=False):
    return {"field": name, "type": kind, "optional": optional}


FIELDS = [_field("p", "int32"), _field("n", "int64"), _field("region", "string", True), _field("ts", "int64"), _field("pad", "string", True)]
# Two versions of the value's schema, so that schema.compatibility=NONE has something to cut.
SCHEMAS = [
    json.dumps({"type": "struct", "name": "Row", "optional": False, "fields": fields})
    for fields in (FIELDS, FIELDS + [_field("more", "string", True)])
]


@dataclasses.dataclass
class Row:
    p: int
    n: int
    ts: int  # the Kafka timestamp
    field_ts: int  # what stands in the record
    region: str | None
    version: int  # of its schema
    null: bool
    pad: str

    def payload(self):
        row = {"p": self.p, "n": self.n, "region": self.region, "ts": self.field_ts, "pad": self.pad}
        return {**row, "more": "m"} if self.version else row


def _hour(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("year=%Y/month=%m/day=%d/hour=%H")


def _day(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("date=%Y-%m-%d")


def read_json(body):
    return [(row["p"], row["n"]) for row in map(json.loads, body.splitlines())]


def read_gzip(body):
    return read_json(gzip.decompress(body))


def read_parquet(body):
    table = pyarrow.parquet.read_table(io.BytesIO(body), columns=["p", "n"])
    return list(zip(table.column("p").to_pylist(), table.column("n").to_pylist()))


def read_avro(body):
    return [(row["p"], row["n"]) for row in fastavro.reader(io.BytesIO(body))]


@dataclasses.dataclass
class Layout:
    """`ending`: how the tail gets written. exact: the rows fill the last files; sentinel: one more record, which is never written,
    cuts them; clock: the sink's own clock."""

    name: str
    config: dict
    read: Callable
    ext: str
    ending: str
    rows: int = 900  # a partition
    flush: int = 75
    values: str = "struct"  # or map, bytes
    place: Callable | None = None  # row -> encoded partition; None: not foreseeable
    time: Callable | None = None  # row -> the timestamp that rotation goes by
    interval: int = -1  # rotate.interval.ms
    versions: bool = False  # two schemas, in stretches
    nulls: float = 0.0
    disorder: int = 0  # ms that timestamps go back at most
    pad: int = 20
    keys: bool = False  # key and header files beside each
    same_bytes: bool = True  # one range of offsets makes the same bytes at each attempt

    # --- Records ------------------------------------------------------------------------------------------------------

    def row(self, seed, p, n):
        rng = random.Random(f"{seed}/{p}/{n}")
        stamp = BASE_MS + n * 9_000
        version = rng.random() < 0.03 if self.versions else False
        row = Row(p, n, stamp, stamp - (rng.randrange(self.disorder) if self.disorder else 0), rng.choice(REGIONS), int(version),
                  rng.random() < self.nulls, rng.choice("abcdef") * self.pad)  # fmt: skip
        if n >= self.rows:  # the sentinel
            row.ts = row.field_ts = BASE_MS + FAR
            row.version, row.null = 1 - self.row(seed, p, n - 1).version if self.versions else 0, False
        return row

    def encode(self, row):
        if row.null:
            return None
        payload = json.dumps(row.payload())
        if self.values == "struct":
            return f'{{"schema":{SCHEMAS[row.version]},"payload":{payload}}}'
        return payload

    def total(self):
        """Records of a partition, with the sentinel."""
        return self.rows + (self.ending == "sentinel")

    # --- The sink -----------------------------------------------------------------------------------------------------

    def settings(self):
        converter = {
            "struct": {"value.converter": JSON_CONVERTER, "value.converter.schemas.enable": "true"},
            "map": {"value.converter": JSON_CONVERTER, "value.converter.schemas.enable": "false"},
            "bytes": {"value.converter": BYTES_CONVERTER},
        }[self.values]
        timed = {"rotate.interval.ms": str(self.interval)} if self.interval > 0 else {}
        return {"flush.size": str(self.flush), "key.converter": STRING_CONVERTER, **converter, **timed, **self.config}

    # --- What must come out -------------------------------------------------------------------------------------------

    def expected(self, seed, p, topic):
        """{key of an object: its offsets} of one partition, or None when that depends on the clock."""
        if self.ending == "clock" or self.place is None:
            return None
        objects, files, versions = {}, {}, {}
        count, base, last = 0, None, None

        def commit():
            nonlocal count, base
            for place, offsets in files.items():
                objects[f"topics/{topic}/{place}/{topic}+{p}+{offsets[0]:010d}{self.ext}"] = offsets
            files.clear()
            count, base = 0, None

        for n in range(self.total()):
            row = self.row(seed, p, n)
            if row.null:
                continue
            place, stamp = self.place(row), self.time(row) if self.time else row.ts
            if count and self.interval > 0 and (stamp - base >= self.interval or place != last):
                commit()
            if count and place in files and versions[place] != row.version:
                commit()
            files.setdefault(place, []).append(n)
            versions[place], last = row.version, place
            count, base = count + 1, stamp if base is None else base
            if count >= self.flush:
                commit()
        return objects


def _default(row):
    return f"partition={row.p}"


_UTC = {"locale": "en-US", "timezone": "UTC"}

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("default-json-idle", {"format.class": JSON_FORMAT, "behavior.on.null.values": "ignore", "sluice.rotate.idle.ms": "900"},
               read_json, ".json", "clock", values="map", nulls=0.03),
        Layout("default-parquet", {"format.class": PARQUET_FORMAT, "parquet.codec": "zstd"}, read_parquet, ".zstd.parquet", "sentinel",
               place=_default, versions=True),
        # Objects of several parts.
        Layout("default-json-parts", {"format.class": JSON_FORMAT, "s3.part.size": "5242880"}, read_json, ".json", "exact", values="map",
               place=_default, rows=300, flush=150, pad=50_000),
        Layout("field-json", {"format.class": JSON_FORMAT, "partitioner.class": PARTITIONER + "FieldPartitioner",
                              "partition.field.name": "region"},
               read_json, ".json", "exact", place=lambda row: f"region={row.region or 'null'}"),
        Layout("time-record-avro", {"format.class": AVRO_FORMAT, "avro.codec": "deflate",
                                    "partitioner.class": PARTITIONER + "HourlyPartitioner", "timestamp.extractor": "Record", **_UTC},
               read_avro, ".avro", "sentinel", place=lambda row: _hour(row.ts), interval=600_000, same_bytes=False),
        Layout("time-field-parquet", {"format.class": PARQUET_FORMAT, "partitioner.class": PARTITIONER + "TimeBasedPartitioner",
                                      "partition.duration.ms": "3600000", "path.format": HOURLY,
                                      "timestamp.extractor": "RecordField", "timestamp.field": "ts", **_UTC},
               read_parquet, ".snappy.parquet", "sentinel", place=lambda row: _hour(row.field_ts), time=lambda row: row.field_ts,
               interval=900_000, disorder=600_000),
        Layout("time-wallclock-json", {"format.class": JSON_FORMAT, "s3.compression.type": "gzip", "sluice.rotate.idle.ms": "900",
                                       "partitioner.class": PARTITIONER + "TimeBasedPartitioner", "partition.duration.ms": "2000",
                                       "path.format": "'minute'=mm/'second'=ss", "timestamp.extractor": "Wallclock", **_UTC},
               read_gzip, ".json.gz", "clock", values="map", interval=1500),
        Layout("default-schedule-bytes", {"format.class": BYTES_FORMAT, "rotate.schedule.interval.ms": "1500",
                                          "format.bytearray.separator": "\n", **_UTC},
               read_json, ".bin", "clock", values="bytes"),
        Layout("default-schedule-avro", {"format.class": AVRO_FORMAT, "rotate.schedule.interval.ms": "1500", **_UTC},
               read_avro, ".avro", "clock", same_bytes=False),
        Layout("field-time-keys", {"format.class": JSON_FORMAT, "partitioner.class": "sluice.s3.FieldAndTimePartitioner",
                                   "partition.field.name": "region", "partition.duration.ms": "86400000",
                                   "path.format": "'date'=YYYY-MM-dd", "timestamp.extractor": "RecordField", "timestamp.field": "ts",
                                   "store.kafka.keys": "true", "keys.format.class": JSON_FORMAT, "store.kafka.headers": "true",
                                   "headers.format.class": JSON_FORMAT, **_UTC},
               read_json, ".json", "exact", place=lambda row: f"region={row.region or 'null'}/{_day(row.field_ts)}", keys=True,
               time=lambda row: row.field_ts),
    )
}  # fmt: skip
