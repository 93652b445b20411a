# SPDX-License-Identifier: Apache-2.0
"""The contender in tests/bench/run s3: a topic to Parquet objects as a careful user would write it with confluent-kafka, pyarrow and boto3.
One process, one group member. Records are taken in batches and decoded straight into columns; a Parquet writer a partition; after as many records as
the Sluice sink's flush.size the file is closed, uploaded (boto3's managed transfer: one PUT, or parts in several threads), and
only then the offset is committed. Object names carry partition and first offset, so that a crash repeats a file instead of adding one.

Reads its job as JSON from standard input, prints {"records": ...} when the group has committed everything."""
import io
import json
import sys
import time

import boto3
import boto3.s3.transfer
import botocore.config
import confluent_kafka
import fastavro
import pyarrow
import pyarrow.parquet


class File:
    """One partition's open file."""

    def __init__(self, job, schema, partition):
        self.job, self.schema, self.partition = job, schema, partition
        self.first, self.count, self.rows = None, 0, []

    def add(self, offset, row):
        if self.first is None:
            self.first, self.data = offset, io.BytesIO()
            self.writer = pyarrow.parquet.ParquetWriter(self.data, self.schema, compression=self.job["codec"], compression_level=self.job["level"])
        self.rows.append(row)
        self.count += 1

    def write(self):
        """Rows to a row group."""
        if self.rows:
            columns = [pyarrow.array([row[name] for row in self.rows], kind) for name, kind in zip(self.schema.names, self.schema.types)]
            self.writer.write_table(pyarrow.table(columns, schema=self.schema))
            self.rows = []

    def close(self):
        """(name, bytes, offset after the file)"""
        self.write()
        self.writer.close()
        name = f"{self.job['prefix']}partition={self.partition}/{self.job['topic']}+{self.partition}+{self.first:010}.parquet"
        result = name, self.data, self.first + self.count
        self.first, self.count = None, 0
        return result


def arrow_schema(fields):
    kinds = {"long": pyarrow.int64(), "int": pyarrow.int32(), "double": pyarrow.float64(), "string": pyarrow.string(), "boolean": pyarrow.bool_(),
             "timestamp": pyarrow.timestamp("ms", "UTC")}
    return pyarrow.schema([pyarrow.field(name, kinds[kind], nullable=optional) for name, kind, optional in fields])


def decoder(job):
    if job["form"] == "avro":
        schema = fastavro.parse_schema(json.loads(job["schema"]))
        return lambda value: fastavro.schemaless_reader(io.BytesIO(value[5:]), schema)
    if job["form"] == "json":
        return lambda value: json.loads(value[5:])
    return lambda value: json.loads(value)["payload"]


def main():
    job = json.loads(sys.stdin.readline())
    s3 = boto3.client("s3", endpoint_url=job["endpoint"], aws_access_key_id=job["access_key"], aws_secret_access_key=job["secret_key"],
                      region_name="us-east-1", config=botocore.config.Config(
                          s3={"addressing_style": "path"}, request_checksum_calculation="when_required"))
    transfer = boto3.s3.transfer.TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=8 << 20, max_concurrency=4)
    schema, decode = arrow_schema(job["fields"]), decoder(job)
    consumer = confluent_kafka.Consumer({"bootstrap.servers": job["bootstrap"], "group.id": job["group"], "enable.auto.commit": False,
                                         "auto.offset.reset": "earliest", "queued.max.messages.kbytes": 65536, "fetch.queue.backoff.ms": 10})
    consumer.subscribe([job["topic"]])
    files, records, end = {}, 0, time.monotonic() + job["timeout"]
    while records < job["rows"]:
        if time.monotonic() > end:
            raise SystemExit("out of time")
        done = []
        for message in consumer.consume(10_000, 1):
            if message.error():
                raise SystemExit(str(message.error()))
            partition = message.partition()
            file = files.get(partition)
            if file is None:
                file = files[partition] = File(job, schema, partition)
            file.add(message.offset(), decode(message.value()))
            if len(file.rows) == job["group_rows"]:
                file.write()
            if file.count == job["flush"]:
                done.append((partition, *file.close()))
        for partition, name, data, offset in done:
            records += job["flush"]
            data.seek(0)
            s3.upload_fileobj(data, job["bucket"], name, Config=transfer)
            consumer.commit(offsets=[confluent_kafka.TopicPartition(job["topic"], partition, offset)], asynchronous=False)
    consumer.close()
    print(json.dumps({"records": records}))


if __name__ == "__main__":
    main()
