# SPDX-License-Identifier: Apache-2.0
"""record/project.c against Kafka Connect's SchemaProjector, on random pairs of schemas: what we project must be what Java projects,
and what Java refuses we must not project. With --storage-common (a checkout of Confluent's kafka-connect-storage-common, which is not
ours to keep) also the decisions and their reasons are compared, one by one."""
import argparse
import copy
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "converters"))
from records import LOGICAL, RANGES, Maker, payload  # noqa: E402

WIDER = ["int8", "int16", "int32", "int64", "float", "double"]
REMARKS = ["connect.record.doc", "connect.record.aliases", "connect.record.namespace", "io.confluent.connect.avro.field.doc.x"]
ENUMS = ["io.confluent.connect.avro.Enum", "org.apache.kafka.connect.data.Enum", "io.confluent.connect.protobuf.Enum"]
# Constants of two classes that storage-common takes from elsewhere.
STUBS = {"avro/AvroData": 'public static final String GENERALIZED_TYPE_ENUM = "org.apache.kafka.connect.data.Enum", '
                          'AVRO_TYPE_ENUM = "io.confluent.connect.avro.Enum";',
         "protobuf/ProtobufData": 'public static final String PROTOBUF_TYPE_ENUM = "io.confluent.connect.protobuf.Enum";'}
SOURCES = ["SchemaCompatibility", "SchemaCompatibilityResult", "SchemaIncompatibilityType", "StorageSchemaCompatibility", "SchemaProjector"]


class Pairs(Maker):
    """A record's schema, and that of a file which another version of it began."""

    def with_default(self, s):
        if '"struct"' in json.dumps(s):
            return  # Connect's JSON form has no defaults with structs
        v = self.value(dict(s, optional=False))
        s["default"] = payload(s, v)

    def named(self, s):
        if self.r.random() < 0.3 and "name" not in s:
            s["name"] = self.name("N")
        if self.r.random() < 0.3 and not s.get("name", "").endswith("Decimal"):
            s["parameters"] = {self.r.choice(["p", "q", *REMARKS]): self.r.choice("xy") for _ in range(2)}
        elif s["type"] == "string" and self.r.random() < 0.2:
            kind = self.r.choice(ENUMS)
            s["parameters"] = {kind: "E", **{f"{kind}.{x}": x for x in "ABC" if self.r.random() < 0.7}}
        return s

    def schema(self, depth=0):
        s = self.named(super().schema(depth))
        if depth and self.r.random() < 0.3 and s["type"] in (*RANGES, "float", "double", "boolean", "string", "array"):
            self.with_default(s)
        return s

    def change_number(self, s):
        """Mostly such that it widens from the record's to the file's."""
        i = WIDER.index(s["type"])
        s["type"] = self.r.choice(WIDER[i:] if self.r.random() < 0.9 else WIDER)
        if "default" in s:
            self.with_default(s)

    def change(self, s, odds):
        """The file's schema of a record's."""
        s = copy.deepcopy(s)
        if self.r.random() < odds:
            kind = self.r.random()
            if kind < 0.3 and s["type"] in WIDER and s.get("name") not in LOGICAL:
                self.change_number(s)
            elif kind < 0.6:
                s["optional"] = not s.get("optional")
                if not s["optional"] and self.r.random() < 0.7:
                    self.with_default(s)
            elif kind < 0.7 and "default" in s:
                del s["default"]
            elif kind < 0.75 and not s.get("name", "").startswith("org."):
                s["name"] = self.name("Other")
            elif kind < 0.9 and not s.get("name", "").endswith("Decimal"):
                s["parameters"] = dict(s.get("parameters", {}), **{self.r.choice(["p", *REMARKS, ENUMS[0] + ".Z"]): "z"})
            elif kind < 0.93:
                return self.schema(2)
        if s["type"] == "array":
            s["items"] = self.change(s["items"], odds)
        elif s["type"] == "map":
            s["values"] = self.change(s["values"], odds)
        if s["type"] in ("array", "map") and "default" in s:
            del s["default"]
            self.with_default(s)
        if s["type"] == "struct":
            s["fields"] = [dict(self.change(f, odds), field=f["field"]) for f in s["fields"] if self.r.random() > odds]
            self.r.shuffle(s["fields"])
            if self.r.random() < 2 * odds:
                more = dict(self.schema(2), field=self.name("new"))
                if self.r.random() < 0.5 and not more.get("optional"):
                    self.with_default(more)
                s["fields"].append(more)
        return s

    def pair(self):
        s = self.schema()
        while s["type"] != "struct" and self.r.random() < 0.9:
            s = self.named(self.struct())
        f = self.change(s, self.r.choice([0, 0.02, 0.05, 0.2]))
        if self.r.random() < 0.97:
            s["version"], f["version"] = self.r.choice([(1, 1), (1, 2), (2, 1), (1, 1)])
        if self.r.random() < 0.01:
            f = None
        return {"mode": self.r.choice([0, 1, 2, 3, 1, 2]), "file": f, "record": {"schema": s, "payload": payload(s, self.value(s))}}


def jars():
    return ":".join(map(str, sorted(pathlib.Path(os.environ["SLUICE_KAFKA"]).glob("*.jar"))))


def compile_java(work, storage):
    sources = [HERE / "Oracle.java"]
    for name, body in STUBS.items() if storage else ():
        path = pathlib.Path(work, "stubs", name + ".java")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"package io.confluent.connect.{path.parent.name}; public class {path.stem} {{ {body} }}")
        sources.append(path)
    if storage:
        sources += [storage / f"core/src/main/java/io/confluent/connect/storage/schema/{n}.java" for n in SOURCES]
    subprocess.run(["javac", "-proc:none", "-nowarn", "-cp", jars(), "-d", work, *sources], check=True)


def ask(command, lines):
    done = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def number(x):
    """Old JDKs write a float with a digit more than it takes: of what can be a float, the float counts."""
    if len(repr(x).partition("e")[0].strip("-0.").replace(".", "")) > 9 or abs(x) > 3.4e38:
        return x
    return struct.unpack("f", struct.pack("f", x))[0]


def same(a, b):
    """Equal as JSON, entries of maps in any order."""
    def order(x):
        if isinstance(x, list):
            x = [order(p) for p in x]
            return sorted(x, key=json.dumps) if all(isinstance(p, list) and len(p) == 2 for p in x) else x
        if isinstance(x, float):
            return number(x)
        return {k: order(v) for k, v in x.items()} if isinstance(x, dict) else x
    return json.dumps(order(json.loads(a)), sort_keys=True) == json.dumps(order(json.loads(b)), sort_keys=True)


def against_connect(line, ours, java):
    """What is wrong, or None. Only the mode's versions and remarks of parameters are not Connect's to know."""
    if java is None or ours.get("fit") == "KEEP" and line["mode"] == 0:
        return None
    if ours.get("fit") == "PROJECT":
        if "parameters" in java.get("error", "") and "not equal" in java["error"] or "Error projecting" in java.get("error", ""):
            return None  # remarks and symbols of enums: stricter, see docs
        return None if "value" in java and same(java["value"], ours["value"]) else "not what Java projects"
    return None


def against_storage(ours, java):
    if ours.get("fit") == "KEEP" and java.get("error", "").startswith("Schema version required"):
        return None  # equal schemas without a version: see record/project.h
    if "error" in java or "error" in ours:
        return None if (java.get("error"), java.get("java")) == (ours.get("error"), ours.get("java")) else "the errors differ"
    # Where Java's projection is the very object that went in (null, a number), it says KEEP.
    if java["fit"] != ours["fit"] and (java["fit"], ours["fit"]) != ("KEEP", "PROJECT") or java.get("why") != ours.get("why"):
        return "the decisions differ"
    return None if "value" not in java or same(java["value"], ours["value"]) else "the values differ"


def floats(program, expected):
    """NaN and infinities as JsonConverter has them, in a file of ours."""
    schema = {"type": "struct", "fields": [{"field": "f", "type": "array", "items": {"type": "float"}},
                                           {"field": "d", "type": "array", "items": {"type": "double"}}]}
    row = {"f": ["NaN", "Infinity", "-Infinity", "-0.0", 1.1, 1e10, 3.4028235e38],
           "d": ["NaN", "Infinity", "-Infinity", "-0.0", 1.1, 1e10, 1e-5, 4.9e-324]}
    with tempfile.NamedTemporaryFile() as f:
        ask([program, f.name, "format.class=JsonFormat"], json.dumps(schema) + "\n" + json.dumps(row) + "\n")
        got = f.read().decode()
    if got != expected + "\n":
        print(f"FAIL floats\n   java: {expected}\n   ours: {got}")
    return got != expected + "\n"


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("programs", help="directory of project_lines and format_lines")
    args.add_argument("--seed", default=str(random.randrange(10**9)))
    args.add_argument("--pairs", type=int, default=3000)
    args.add_argument("--storage-common", type=pathlib.Path, help="also compare with its StorageSchemaCompatibility")
    args = args.parse_args()
    print(f"seed {args.seed}")
    maker = Pairs(args.seed, True)
    lines = [maker.pair() for _ in range(args.pairs)]
    text = "".join(json.dumps(x) + "\n" for x in lines)
    bad, seen = 0, {}
    with tempfile.TemporaryDirectory() as work:
        compile_java(work, args.storage_common)
        special, *theirs = ask(["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC",
                                "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{work}:{jars()}", "Oracle"], text)
        mine = ask([f"{args.programs}/project_lines"], text)
    bad += floats(f"{args.programs}/format_lines", special["value"])
    for line, a, b in zip(lines, theirs, mine, strict=True):
        found = against_connect(line, b, a.get("connect")) or ("storage" in a and against_storage(b, a["storage"]))
        key = b.get("why") or b.get("fit") or b["error"]
        seen[key] = seen.get(key, 0) + 1
        if found:
            bad += 1
            if bad < 10:
                print(f"FAIL {found}\n   line: {json.dumps(line)}\n   java: {json.dumps(a)[:1500]}\n   ours: {json.dumps(b)[:1500]}")
    print(f"{len(lines)} pairs, {bad} failures; {json.dumps(seen, sort_keys=True)}")
    for wanted in ("PROJECT", "DIFFERENT_TYPE", "DIFFERENT_NAME", "DIFFERENT_PARAMS", "DIFFERENT_VERSION", "MISSING_REQUIRED_FIELD",
                   "INCOMPATIBLE_OPTIONALITY", "DIFFERENT_SCHEMA", "KEEP"):
        if not seen.get(wanted):
            print(f"FAIL no pair was {wanted}")
            bad += 1
    sys.exit(bad != 0)


main()
