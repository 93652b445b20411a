# SPDX-License-Identifier: Apache-2.0
"""A topic of records with 12 columns to Parquet objects, zstd, on s3proxy: the Sluice sink against a careful Python consumer
(tests/bench/s3/peer.py: confluent-kafka, pyarrow, boto3) and against raw consumption (bench_consume: librdkafka in C, records
dropped) as the ceiling; and the encoder alone against pyarrow on one core, from the same columns in memory.

Forms: avro and json (registry; plain JSON behind the schema's id), and envelope on request (JsonConverter with the schema in every
record). One topic a form, 4 partitions. The contenders alternate; ratios are of one round. After each run all objects are read: the ids in
an object must be exactly those that stand in its partition from the offset in its name on, and together all, so that every (topic,
partition, offset) is there once. s3proxy is a JVM on the same cores: what it takes by itself is measured too."""
import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import confluent_kafka  # noqa: E402
import fastavro  # noqa: E402
import pyarrow.parquet  # noqa: E402
import s3  # noqa: E402
import stand  # noqa: E402
from wanted import row, show  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "s3"
PARTITIONS = 4
RUN = 1000  # records that go to one partition in a row
TAILS = 300_007  # distinct records but for id and time; no multiple of the partitions' pattern
BUCKET = "lake"
MB = 1 << 20
FORMS = {"avro": 300_000, "json": 200_000, "envelope": None}  # wanted rows a second

# name, type, optional
FIELDS = [("id", "long", False), ("created_at", "timestamp", False), ("customer", "int", False), ("account", "string", False),
          ("amount", "double", False), ("currency", "string", False), ("status", "string", False), ("device", "string", False),
          ("score", "double", False), ("active", "boolean", False), ("updated_at", "timestamp", True), ("note", "string", True)]
WORDS = ("payment order refund card transfer pending review customer north south invoice late monthly rent salary gift books coffee "
         "train ticket hotel flight grocery pharmacy insurance premium energy water phone internet").split()
BASE_MS = 1_760_000_000_000


# ---- records ----


def tail_row(rng):
    """All columns but id and created_at."""
    return {"customer": rng.randrange(200_000), "account": f"DE{rng.randrange(10**12):012}", "amount": rng.randrange(10**6) / 100,
            "currency": rng.choice(("EUR", "EUR", "EUR", "USD", "GBP", "CHF")), "status": rng.choice(("NEW", "BOOKED", "BOOKED", "FAILED")),
            "device": f"device-{rng.randrange(5000):05}", "score": rng.random(), "active": rng.random() < 0.8,
            "updated_at": BASE_MS + rng.randrange(10**9) if rng.random() < 0.3 else None,
            "note": " ".join(rng.choices(WORDS, k=rng.randint(3, 8))) if rng.random() < 0.6 else None}


def avro_schema(logical=True):
    kinds = {"timestamp": {"type": "long", "logicalType": "timestamp-millis"} if logical else "long"}
    fields = [{"name": n, "type": ["null", kinds.get(k, k)], "default": None} if o else {"name": n, "type": kinds.get(k, k)} for n, k, o in FIELDS]
    return {"type": "record", "name": "Payment", "namespace": "bench", "fields": fields}


def json_schema():
    kinds = {"long": ("integer", "int64"), "int": ("integer", "int32"), "double": ("number", "float64"), "timestamp": ("integer", "int64")}
    properties = {}
    for index, (name, kind, optional) in enumerate(FIELDS):
        json_kind, connect = kinds.get(kind, (kind, None))
        one = {"type": json_kind, **({"connect.type": connect} if connect else {})}
        if kind == "timestamp":
            one |= {"title": "org.apache.kafka.connect.data.Timestamp", "connect.version": 1}
        properties[name] = {"connect.index": index, **({"oneOf": [{"type": "null"}, one]} if optional else one)}
    return {"type": "object", "title": "bench.Payment", "properties": properties}


def connect_schema():
    kinds = {"long": "int64", "int": "int32", "timestamp": "int64"}
    fields = []
    for name, kind, optional in FIELDS:
        logical = {"name": "org.apache.kafka.connect.data.Timestamp", "version": 1} if kind == "timestamp" else {}
        fields.append({"field": name, "type": kinds.get(kind, kind), "optional": optional, **logical})
    return {"type": "struct", "name": "bench.Payment", "optional": False, "fields": fields}


def tails(form, rows):
    """Encoded records without id and created_at."""
    rng = random.Random(7)
    picked = [tail_row(rng) for _ in range(min(TAILS, rows))]
    if form != "avro":
        return [json.dumps(row)[1:] for row in picked]
    schema = avro_schema(logical=False)
    schema["fields"] = schema["fields"][2:]
    parsed, out = fastavro.parse_schema(schema), []
    for row in picked:
        data = io.BytesIO()
        fastavro.schemaless_writer(data, parsed, row)
        out.append(data.getvalue())
    return out


def zigzag(value):
    value, out = value << 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def created(i):
    return BASE_MS + i * 3 + i * 7919 % 50


def records(form, rows, schema_id):
    """(partition, value) of every record, in order."""
    ends = tails(form, rows)
    head = b"\0" + schema_id.to_bytes(4, "big")
    envelope = '{"schema":' + json.dumps(connect_schema()) + ',"payload":'
    for i in range(rows):
        end, partition = ends[i % len(ends)], i // RUN % PARTITIONS
        if form == "avro":
            yield partition, head + zigzag(i) + zigzag(created(i)) + end
            continue
        text = f'{{"id": {i}, "created_at": {created(i)}, {end}'
        yield partition, head + text.encode() if form == "json" else (envelope + text + "}").encode()


def id_at(partition, offset):
    return offset // RUN * RUN * PARTITIONS + partition * RUN + offset % RUN


def fill(parts, form, rows):
    topic = f"payments-{form}"
    schema_id = 0
    if form == "avro":
        schema_id = parts.registry.register(f"{topic}-value", avro_schema())
    elif form == "json":
        schema_id = parts.registry.register(f"{topic}-value", json_schema(), kind="JSON")
    parts.kafka.create_topic(topic, PARTITIONS)
    failures, started, size = [], time.monotonic(), 0

    def delivered(error, _):
        if error:
            failures.append(error)

    producer = confluent_kafka.Producer({"bootstrap.servers": parts.kafka.bootstrap, "enable.idempotence": True, "compression.type": "lz4",
                                         "log_level": 0, "linger.ms": 50, "batch.size": 1_000_000, "queue.buffering.max.kbytes": 256 << 10,
                                         "queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True})
    for number, (partition, value) in enumerate(records(form, rows, schema_id)):
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, partition=partition, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 10_000 == 0:
            producer.poll(0)
    if producer.flush(300) or failures:
        raise SystemExit(f"bench: producing failed: {failures[:3]}")
    print(f"{topic}: {rows} records, {size / rows:.0f} bytes each, written in {time.monotonic() - started:.0f} s", flush=True)
    return topic, size / rows


# ---- contenders: each returns seconds, cpu_seconds, rss_peak_mb ----


def run_process(command, text):
    """A child's answer with its own CPU time and peak memory (sampled: the kernel's final figure has our memory before exec in it)."""
    started, peak = time.monotonic(), 0
    child = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(text.encode())
    child.stdin.close()
    while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        found = re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{child.pid}/status").read_text())
        peak = int(found.group(1)) / 1024 if found else peak
        time.sleep(0.02)
    seconds = time.monotonic() - started
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"bench: {command[0]} ended with {child.returncode}")
    return json.loads(child.stdout.read()), {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "rss_peak_mb": peak}


def cpu_of(part):
    fields = pathlib.Path(f"/proc/{part.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def servers_cpu(parts, result):
    """What the servers, which share the cores, took meanwhile."""
    before = {"kafka": cpu_of(parts.kafka), "s3proxy": cpu_of(parts.store)}
    yield
    result["servers_cpu_seconds"] = {"kafka": cpu_of(parts.kafka) - before["kafka"], "s3proxy": cpu_of(parts.store) - before["s3proxy"]}


def run_raw(args, parts, topic):
    servers = {}
    with servers_cpu(parts, servers):
        _, result = run_process([args.tools / "bench_consume", parts.kafka.bootstrap, topic, PARTITIONS, args.rows, 65536], "")
    return result | servers


def run_peer(args, parts, form, topic, name):
    job = {"form": form, "bootstrap": parts.kafka.bootstrap, "topic": topic, "group": name, "rows": args.rows, "flush": args.flush,
           "group_rows": min(args.flush, 100_000), "codec": "zstd", "level": args.level, "endpoint": parts.store.endpoint, "bucket": BUCKET,
           "access_key": parts.store.access_key, "secret_key": parts.store.secret_key, "prefix": f"{name}/{topic}/", "fields": FIELDS,
           "schema": json.dumps(avro_schema(logical=False)), "timeout": args.timeout}
    servers = {}
    with servers_cpu(parts, servers):
        answer, result = run_process([sys.executable, HERE / "peer.py"], json.dumps(job) + "\n")
    if answer["records"] != args.rows:
        raise SystemExit(f"bench: the Python consumer wrote {answer['records']} records")
    return result | servers | check(parts, args, f"{name}/{topic}/")


def worker_properties(kafka, group):
    kinds = {f"{kind}.storage.{key}": value for kind in ("config", "offset", "status")
             for key, value in (("topic", f"{group}-{kind}"), ("replication.factor", 1))}
    return {"bootstrap.servers": kafka.bootstrap, "group.id": group, **kinds, "offset.flush.interval.ms": 1000,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter"}


def connector(args, parts, form, topic, name):
    converters = {"avro": "io.confluent.connect.avro.AvroConverter", "json": "io.confluent.connect.json.JsonSchemaConverter",
                  "envelope": "org.apache.kafka.connect.json.JsonConverter"}
    config = {"connector.class": "io.confluent.connect.s3.S3SinkConnector", "tasks.max": "1", "topics": topic, "s3.bucket.name": BUCKET,
              "s3.region": "us-east-1", "store.url": parts.store.endpoint, "aws.access.key.id": parts.store.access_key,
              "aws.secret.access.key": parts.store.secret_key, "storage.class": "io.confluent.connect.s3.storage.S3Storage",
              "format.class": "io.confluent.connect.s3.format.parquet.ParquetFormat", "parquet.codec": "zstd", "sluice.parquet.codec.level": str(args.level),
              "flush.size": str(args.flush), "s3.part.size": str(5 * MB), "topics.dir": name, "value.converter": converters[form],
              "consumer.override.queued.max.messages.kbytes": "8192"}
    if form == "envelope":
        return config | {"value.converter.schemas.enable": "true"} | dict(args.config)
    return config | {"value.converter.schema.registry.url": parts.registry.url} | dict(args.config)


def run_sluice(args, parts, form, topic, name):
    """From the connector's creation, on a worker that is ready, to the last object's being there."""
    objects, servers = args.rows // args.flush, {}
    with stand.Worker(os.environ["SLUICE_BINARY"], parts.workdir / name, worker_properties(parts.kafka, name)) as worker:
        stand.wait_until(lambda: worker.rest("GET", "/connectors").ok, 60, "a worker that is ready")
        started = time.monotonic()
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": connector(args, parts, form, topic, name)})
        if answer.status_code != 201:
            raise SystemExit(f"bench: the connector was refused: {answer.text}")

        def complete():
            status = worker.status(name)
            failed = [t for t in status["tasks"] if t["state"] == "FAILED"]
            if failed:
                raise stand.StandError(failed[0].get("trace"))
            return len(parts.store.list(BUCKET, f"{name}/{topic}/")) == objects

        with servers_cpu(parts, servers):
            stand.wait_until(complete, args.timeout, f"{objects} objects of {name}; log: {worker.log_path}", 0.1)
        result = {"seconds": time.monotonic() - started, "cpu_seconds": worker.cpu_seconds(), "rss_peak_mb": worker.rss_peak_kb() / 1024}
        wait_committed(args, parts, topic, f"connect-{name}")
        worker.rest("DELETE", f"/connectors/{name}")
    return result | servers | check(parts, args, f"{name}/{topic}/")


def wait_committed(args, parts, topic, group):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": parts.kafka.bootstrap, "group.id": group, "enable.auto.commit": False})
    wanted = [confluent_kafka.TopicPartition(topic, p) for p in range(PARTITIONS)]
    stand.wait_until(lambda: sum(max(t.offset, 0) for t in consumer.committed(wanted, 10)) == args.rows, 30, "the last commit", 0.2)
    consumer.close()


def check(parts, args, prefix):
    """Every record once, in the object that its name promises; then the objects are removed."""
    seen, size = [0] * PARTITIONS, 0
    found = parts.store.list(BUCKET, prefix)
    for item in sorted(found, key=lambda o: o.key):
        data = parts.store.get(BUCKET, item.key)
        name = item.key.rpartition("/")[2].split("+")
        partition, first = int(name[1]), int(name[2].partition(".")[0])
        ids = pyarrow.parquet.read_table(io.BytesIO(data), columns=["id"]).column(0).to_pylist()
        if first != seen[partition] or ids != [id_at(partition, first + k) for k in range(len(ids))]:
            raise SystemExit(f"bench: {item.key} has not the records from offset {seen[partition]} on, or not once")
        seen[partition] += len(ids)
        size += len(data)
        parts.store.client.delete(BUCKET, item.key)
    if seen != [args.rows // PARTITIONS] * PARTITIONS:
        raise SystemExit(f"bench: {prefix} holds {seen} records by partition")
    return {"object_bytes": size, "objects": len(found)}


def put_alone(parts, megabytes):
    """MB/s that s3proxy takes by itself: uploads in parts of 5 MiB, four at a time."""
    body = random.Random(3).randbytes(5 * MB)
    each = max(1, megabytes // 5 // 4)

    def upload(number):
        client = s3.Client(parts.store.endpoint, parts.store.access_key, parts.store.secret_key)
        key = f"alone/{number}"
        answer = client.request("POST", BUCKET, key, query={"uploads": ""}).text
        upload_id = answer.partition("<UploadId>")[2].partition("<")[0]
        tags = [client.request("PUT", BUCKET, key, query={"partNumber": n + 1, "uploadId": upload_id}, body=body).headers["ETag"] for n in range(each)]
        text = "".join(f"<Part><PartNumber>{n + 1}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags))
        client.request("POST", BUCKET, key, query={"uploadId": upload_id}, body=f"<CompleteMultipartUpload>{text}</CompleteMultipartUpload>".encode())
        client.delete(BUCKET, key)

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(upload, range(4)))
    return 4 * each * 5 * MB / 1e6 / (time.monotonic() - started)


# ---- report ----


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def noise(runs):
    seconds = [r["seconds"] for r in runs]
    return max(seconds) / min(seconds)


def report_form(args, form, runs, record_bytes):
    ours, raw, peer = runs["sluice"], runs["raw"], runs["peer"]
    rate = [args.rows / r["seconds"] for r in ours]
    summary = {"rows": args.rows, "record_bytes": record_bytes, "rows_per_second": {name: spread([args.rows / r["seconds"] for r in of])
                                                                                   for name, of in runs.items() if of},
               "cpu_seconds_per_million_rows": {name: spread([r["cpu_seconds"] / args.rows * 1e6 for r in of]) for name, of in runs.items() if of},
               "rss_peak_mb": {name: spread([r["rss_peak_mb"] for r in of]) for name, of in runs.items() if of},
               "share_of_raw": spread([r["seconds"] / o["seconds"] for r, o in zip(raw, ours)]),
               "noise_a_a": {name: noise(of) for name, of in runs.items() if len(of) > 1},
               "object_bytes_per_row": {name: of[0]["object_bytes"] / args.rows for name, of in runs.items() if of and "object_bytes" in of[0]}}
    print(f"\n{form}: {record_bytes:.0f} bytes a record\n{'':28} {'rows/s, median':>15} {'CPU s / M rows':>15} {'peak RSS MB':>12} {'bytes/row':>10} {'A/A':>6}"
          "   CPU s / M rows of Kafka, s3proxy")
    for name, of in runs.items():
        if of:
            print(f"{name:28} {summary['rows_per_second'][name]['median']:15,.0f} {summary['cpu_seconds_per_million_rows'][name]['median']:15.2f} "
                  f"{summary['rss_peak_mb'][name]['max']:12.1f} {summary['object_bytes_per_row'].get(name, 0):10.1f} {summary['noise_a_a'].get(name, 1):6.2f}   "
                  + ", ".join(f"{statistics.median(r['servers_cpu_seconds'][part] for r in of) / args.rows * 1e6:.2f}" for part in ("kafka", "s3proxy")))
    wanted = [row(f"{form}: peak RSS in MB (max)", max(r["rss_peak_mb"] for r in ours), 128.0, at_most=True)]
    if FORMS[form]:
        wanted.insert(0, row(f"{form}: sink rows/s (median)", statistics.median(rate), FORMS[form]))
    if peer:
        summary["ratio_to_peer"] = spread([p["seconds"] / o["seconds"] for p, o in zip(peer, ours)])
        wanted.append(row(f"{form}: times the Python consumer (median)", summary["ratio_to_peer"]["median"], 5.0))
    summary["wanted"] = wanted
    return summary


def measure_form(args, parts, form):
    topic, record_bytes = fill(parts, form, args.rows)
    runs = {"raw": [], "sluice": [], "peer": []}
    run_raw(args, parts, topic)  # warms the page cache and the broker
    for i in range(args.runs):
        runs["raw"].append(run_raw(args, parts, topic))
        runs["sluice"].append(run_sluice(args, parts, form, topic, f"sluice-{form}-{i}"))
        if i < args.peer_runs:
            runs["peer"].append(run_peer(args, parts, form, topic, f"peer-{form}-{i}"))
        print(f"{form}, round {i + 1}: " + ", ".join(f"{name} {of[-1]['seconds']:.1f} s" for name, of in runs.items() if of), flush=True)
    summary = report_form(args, form, runs, record_bytes)
    admin = parts.kafka.admin(log_level=0)
    admin.delete_topics([topic])[topic].result(60)
    return {"summary": summary, "runs": runs}


def sink(args, workdir):
    parts = types.SimpleNamespace(workdir=workdir, kafka=stand.Kafka(workdir / "kafka"), store=stand.S3(workdir / "s3"),
                                  registry=stand.Registry(workdir / "registry"))
    servers = [parts.kafka, parts.store, parts.registry]
    with contextlib.ExitStack() as stack:
        stack.callback(stand.stop_all, servers)
        stand.start_all(servers)
        parts.store.create_bucket(BUCKET)
        put_alone(parts, 20)
        alone = put_alone(parts, min(1000, max(100, args.rows // 5000)))
        results = {"s3proxy_mb_per_second": alone}
        for form in args.forms.split(","):
            results[form] = measure_form(args, parts, form)
            rate = alone * 1e6 / results[form]["summary"]["object_bytes_per_row"]["sluice"]
            results[form]["summary"]["s3proxy_rows_per_second"] = rate
            print(f"s3proxy alone takes {alone:.0f} MB/s, {rate:,.0f} of these rows/s", flush=True)
    return results


# ---- the encoder alone ----

CODECS = {"zstd": 1.0, "snappy": 1.0, "none": 1.3}  # wanted: rows/s against pyarrow's


def pinned(args, command):
    """A child on one core."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {args.core}))
    return json.loads(done.stdout)


def encode_ours(args, codec, *more):
    level = [f"level={args.level}"] if codec == "zstd" else []
    return pinned(args, [args.tools / "bench_parquet", f"rows={args.encode_rows}", "rounds=2", f"codec={codec}", *level, *more])


def encode_pyarrow(args, file, codec, indexes):
    job = {"file": str(file), "codec": codec, "level": args.level if codec == "zstd" else None, "rounds": 2, "indexes": indexes}
    return pinned(args, [sys.executable, HERE / "encode_peer.py", json.dumps(job)])


def encoder(args, workdir):
    """Ours and pyarrow's in turns, over the same columns: bench_parquet makes them and leaves them in a file."""
    file, results = workdir / "columns.parquet", {}
    encode_ours(args, "none", f"out={file}")
    print(f"\nencoder, {args.encode_rows} rows of 12 columns, one core, zstd level {args.level}\n{'':28} {'rows/s, median':>15} {'bytes/row':>10} {'A/A':>6}")
    for codec, wanted in CODECS.items():
        runs = {"sluice": [], "pyarrow": [], "pyarrow, indexes and CRC": []}
        for _ in range(args.runs):
            runs["sluice"].append(encode_ours(args, codec))
            runs["pyarrow"].append(encode_pyarrow(args, file, codec, False))
            runs["pyarrow, indexes and CRC"].append(encode_pyarrow(args, file, codec, True))
        for name, of in runs.items():
            print(f"{codec + ', ' + name:28} {statistics.median(r['rows'] / r['seconds'] for r in of):15,.0f} {of[0]['bytes'] / of[0]['rows']:10.2f} {noise(of):6.2f}")
        ratios = [p["seconds"] / o["seconds"] for p, o in zip(runs["pyarrow"], runs["sluice"])]
        size = runs["sluice"][0]["bytes"] / runs["pyarrow"][0]["bytes"]
        results[codec] = {"runs": runs, "ratio_to_pyarrow": spread(ratios), "size_to_pyarrow": size, "noise_a_a": {n: noise(of) for n, of in runs.items()},
                          "wanted": [row(f"encoder, {codec}: times pyarrow's rows/s (median)", statistics.median(ratios), wanted),
                                     row(f"encoder, {codec}: size by pyarrow's", size, 1.0, at_most=True)]}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-runs", type=int, default=1, help="of the Python consumer, which takes longest")
    parser.add_argument("--forms", default="avro,json", help="of avro, json, envelope")
    parser.add_argument("--level", type=int, default=1, help="zstd's, for all contenders; 1 is the sink's default")
    parser.add_argument("--config", type=lambda text: tuple(text.split("=", 1)), action="append", default=[], help="KEY=VALUE for our connector")
    parser.add_argument("--timeout", type=int, default=900, help="seconds that one run may take")
    parser.add_argument("--encode-rows", type=int, default=1_000_000, help="of the encoder alone")
    parser.add_argument("--only", choices=("sink", "encoder"))
    parser.add_argument("--out", type=pathlib.Path, default="build/bench/s3.json")
    args = parser.parse_args()
    args.tools = pathlib.Path(os.environ["SLUICE_BINARY"]).parent / "tests"
    each = args.rows // PARTITIONS
    if args.rows % (PARTITIONS * RUN):
        raise SystemExit(f"--rows must be a multiple of {PARTITIONS * RUN}")
    args.flush = each // next(n for n in range(max(1, each // 250_000), 0, -1) if each % n == 0)
    args.core = max(os.sched_getaffinity(0))
    results = {}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as tmp:
        if args.only != "encoder":
            results["sink"] = sink(args, pathlib.Path(tmp))
        if args.only != "sink":
            results["encoder"] = encoder(args, pathlib.Path(tmp))
    wanted = [w for form in results.get("sink", {}).values() if isinstance(form, dict) for w in form["summary"]["wanted"]]
    wanted += [w for codec in results.get("encoder", {}).values() for w in codec["wanted"]]
    results["wanted"] = show(wanted)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps({"wanted": wanted}))


if __name__ == "__main__":
    main()
