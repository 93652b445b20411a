#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sinks' files read by others: Avro object container files by fastavro with every codec, whole-file compression by zlib, zstd,
pyarrow and cramjam (Rust's snap and lz4), random schemas and sizes round the block limits. Each file is written twice and must be
the same. usage: check_formats.py PROGRAM(format_lines) [SEED]"""
import gzip
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import cramjam
import fastavro
import pyarrow
from backports import zstd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "converters"))
import records  # noqa: E402
from records import Maker, check, payload  # noqa: E402

AVRO_CODECS = ["null", "deflate", "snappy", "bzip2", "zstandard", "xz"]
WHOLE = {  # codec: ending, readers
    "none": ("", [bytes]),
    "gzip": (".gz", [gzip.decompress]),
    "zstd": (".zst", [zstd.decompress, lambda b: arrow(b, "zstd")]),
    "snappy": (".sz", [lambda b: bytes(cramjam.snappy.decompress(b))]),
    "lz4": (".lz4", [lambda b: bytes(cramjam.lz4.decompress(b)), lambda b: arrow(b, "lz4")]),
}
fastavro.read.LOGICAL_READERS.clear()  # what is in the bytes counts


def arrow(data, codec):
    return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), codec).read()


class Program:
    def __init__(self, path):
        self.path = path
        self.dir = tempfile.TemporaryDirectory()

    def write(self, schema, payloads, refused=0, **options):
        """The file's bytes and the last line of answer; written twice."""
        lines = "\n".join(json.dumps(x) for x in [schema, *payloads]) + "\n"
        files = []
        for name in ("a", "b"):
            out = pathlib.Path(self.dir.name) / name
            done = subprocess.run([self.path, out, *(f"{k}={v}" for k, v in options.items())], input=lines.encode(),
                                  stdout=subprocess.PIPE)
            answer = [json.loads(line) for line in done.stdout.splitlines()]
            check("exit status", done.returncode, 0)
            check("refused records", [a for a in answer if "error" in a][refused:], [])
            files.append(out.read_bytes())
        check("the same records give the same file", files[0] == files[1], True)
        return files[0], answer[-1]


def plain_map(s):
    return s["keys"]["type"] == "string" and not s["keys"].get("optional")


def avro_value(s, v):
    """A value of the Maker's as fastavro reads it."""
    if v is None:
        return None
    if s.get("name", "").endswith(".Decimal"):
        n = v["unscaled"]
        return n.to_bytes(((n if n >= 0 else ~n).bit_length() + 8) // 8, "big", signed=True)
    if s["type"] == "array":
        return [avro_value(s["items"], x) for x in v]
    if s["type"] == "map":
        pairs = [(avro_value(s["keys"], k), avro_value(s["values"], x)) for k, x in v]
        return dict(pairs) if plain_map(s) else [{"key": k, "value": x} for k, x in pairs]
    if s["type"] == "struct":
        return {f["field"]: avro_value(f, v[f["field"]]) for f in s["fields"]}
    return v


def read_avro(program, data):
    path = pathlib.Path(program.dir.name) / "read"
    path.write_bytes(data)
    with path.open("rb") as f:
        reader = fastavro.reader(f)
        return reader, list(reader)


def avro_random(program, r, codec):
    for _ in range(6):
        m = Maker(r.randrange(10**9), True)
        s = m.struct() if r.random() < 0.7 else dict(m.schema(), optional=False)
        values = [m.value(s) for _ in range(r.choice([0, 1, 50]))]
        data, _ = program.write(s, [payload(s, v) for v in values], **{"format.class": "AvroFormat", "avro.codec": codec})
        reader, got = read_avro(program, data)
        check(f"codec in the file of {codec}", reader.metadata["avro.codec"], codec)
        check(f"avro {codec}: {json.dumps(s)}", got, [avro_value(s, v) for v in values])


def avro_blocks(program, r, codec):
    """Blocks end with the record that makes 64,000 bytes; 3 bytes a record's length take, and the number."""
    s = {"type": "struct", "name": "S", "fields": [{"field": "n", "type": "int64"}, {"field": "t", "type": "string"}]}
    rows = [{"n": r.randrange(64), "t": r.choice("abc") * (1000 - 3)} for _ in range(64 + 64 + 1)] + [{"n": 0, "t": "z" * 200000}]
    data, end = program.write(s, rows, **{"format.class": "AvroFormat", "avro.codec": codec})
    path = pathlib.Path(program.dir.name) / "read"
    path.write_bytes(data)
    with path.open("rb") as f:
        blocks = [b.num_records for b in fastavro.block_reader(f)]
    check(f"records in the blocks of {codec}", blocks, [64, 64, 2])
    check(f"records of {codec}", read_avro(program, data)[1], rows)
    check("ending", end["ext"], ".avro")


def avro_options(program):
    enum = "io.confluent.connect.avro.Enum"
    s = {"type": "struct", "name": "a.b.S", "version": 3, "fields": [
        {"field": "e", "type": "string", "name": "a.E", "parameters": {enum: "a.E", enum + ".X": "X", enum + ".Y": "Y"}},
        {"field": "m", "type": "map", "keys": {"type": "string", "optional": True}, "values": {"type": "int32"}}]}
    rows = [{"e": "Y", "m": {"k": 1}}]

    def schema(**options):
        data, _ = program.write(s, rows, **{"format.class": "AvroFormat", **options})
        reader, got = read_avro(program, data)
        return json.loads(reader.metadata["avro.schema"]), got

    text, got = schema()
    check("enum by default", text["fields"][0]["type"]["type"], "enum")
    check("version kept", text["connect.version"], 3)
    check("optional keys by default", got, [{"e": "Y", "m": [{"key": "k", "value": 1}]}])
    check("no enum", schema(**{"enhanced.avro.schema.support": "false"})[0]["fields"][0]["type"]["type"], "string")
    check("no metadata", "connect" in json.dumps(schema(**{"connect.meta.data": "false"})[0]["fields"][0]), False)
    check("optional keys", schema(**{"allow.optional.map.keys": "true"})[1], [{"e": "Y", "m": {"k": 1}}])
    # Schemaless values are Confluent's Anything records.
    data, _ = program.write(None, [{"a": [1, "x", None, True, 0.5]}], **{"format.class": "AvroFormat"})
    reader, (one,) = read_avro(program, data)
    check("schemaless name", json.loads(reader.metadata["avro.schema"])["namespace"], "io.confluent.connect.avro")
    entry = one["map"][0]
    check("schemaless key", entry["key"]["string"], "a")
    check("schemaless members", [{k: v for k, v in x.items() if v is not None} for x in entry["value"]["array"]],
          [{"long": 1}, {"string": "x"}, {}, {"boolean": True}, {"double": 0.5}])


def json_lines(program, r, codec):
    ending, readers = WHOLE[codec]
    for _ in range(4):
        m = Maker(r.randrange(10**9), True)
        s = m.struct()
        values = [m.value(s) for _ in range(r.choice([0, 1, 200]))]
        options = {"format.class": "JsonFormat"}
        data, end = program.write(s, [payload(s, v) for v in values], **options, **{"s3.compression.type": codec})
        check("ending", end["ext"], ".json" + ending)
        for read in readers:
            text = read(data)
            check(f"json {codec}: {json.dumps(s)}", [json.loads(x) for x in text.decode().split("\n")[:-1]],
                  [payload(s, v) for v in values])
            check("a line feed at the end", text[-1:], b"\n" if values else b"")


def raw_bytes(program, r, codec):
    ending, readers = WHOLE[codec]
    for level, total in [("-1", 0), ("1", 4), ("-1", 65535), ("6", 65536), ("-1", 65537), ("9", 300000)]:
        for noise in (False, True):
            left, rows = total, []
            while left > 0:  # a record and its separator
                n = r.randrange(4, 40000)
                n = left if left - n < 4 else n
                rows.append(r.randbytes(n - 4) if noise else bytes([r.randrange(65, 70)]) * (n - 4))
                left -= n
            data, end = program.write({"type": "bytes"}, [records.base64.b64encode(x).decode() for x in rows], **{
                "format.class": "ByteArrayFormat", "format.bytearray.separator": " ;\t\n", "format.bytearray.extension": ".raw",
                "s3.compression.type": codec, "s3.compression.level": level})
            check("ending", end["ext"], ".raw" + ending)
            for read in readers:
                check(f"{len(rows)} rows of bytes {codec}", read(data) == b"".join(x + b" ;\t\n" for x in rows), True)
    data, end = program.write(None, [], **{"format.class": "ByteArrayFormat"})
    check("nothing", (data, end["ext"]), (b"", ".bin"))


def main():
    seed = sys.argv[2] if len(sys.argv) > 2 else str(random.randrange(10**9))
    print(f"seed {seed}")
    r, program = random.Random(seed), Program(sys.argv[1])
    for codec in AVRO_CODECS:
        avro_random(program, r, codec)
        avro_blocks(program, r, codec)
    avro_options(program)
    for codec in WHOLE:
        json_lines(program, r, codec)
        raw_bytes(program, r, codec)
    print(f"{records.failures} failures")
    sys.exit(records.failures != 0)


main()
