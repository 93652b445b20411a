"""Random Connect schemas and records, and the program that puts them through the Protobuf and JSON Schema converters (convert_lines)."""
import base64
import json
import random
import string
import subprocess
import sys

SCALARS = ["int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes"]
RANGES = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
LOGICAL = {
    "org.apache.kafka.connect.data.Decimal": "bytes",
    "org.apache.kafka.connect.data.Date": "int32",
    "org.apache.kafka.connect.data.Time": "int32",
    "org.apache.kafka.connect.data.Timestamp": "int64",
}


failures = 0


def check(what, got, expected):
    global failures
    if got != expected:
        failures += 1
        print(f"FAILED {what}:\n  got      {str(got)[:400]}\n  expected {str(expected)[:400]}")


class Lines:
    """convert_lines as a function."""

    def __init__(self, program):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **line):
        self.p.stdin.write(json.dumps(line) + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        assert self.p.wait(20) == 0, "convert_lines failed"


class Maker:
    """nested_arrays: arrays and maps may hold arrays and maps."""

    def __init__(self, seed, nested_arrays):
        self.r = random.Random(seed)
        self.nested = nested_arrays
        self.names = 0

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def scalar(self):
        if self.r.random() < 0.3:
            name = self.r.choice(list(LOGICAL))
            s = {"type": LOGICAL[name], "name": name, "version": 1}
            if name.endswith("Decimal"):
                s["parameters"] = {"scale": str(self.r.randint(0, 6))}
            return s
        return {"type": self.r.choice(SCALARS)}

    def schema(self, depth=0):
        kind = self.r.random()
        if depth < 3 and kind < 0.15:
            s = self.struct(depth + 1)
        elif depth < 3 and kind < 0.3:
            s = {"type": "array", "items": self.schema(depth + 1) if self.nested else self.flat(depth + 1)}
        elif depth < 3 and kind < 0.4:
            key = {"type": self.r.choice(["string", "int32", "int64", "boolean"])}
            s = {"type": "map", "keys": key, "values": self.schema(depth + 1) if self.nested else self.flat(depth + 1), "name": self.name("M")}
        else:
            s = self.scalar()
        if self.r.random() < 0.4:
            s["optional"] = True
        return s

    def flat(self, depth):
        return self.struct(depth + 1) if depth < 3 and self.r.random() < 0.3 else self.scalar()

    def struct(self, depth=0):
        fields = [dict(self.schema(depth), field=self.name("f")) for _ in range(self.r.randint(1, 7))]
        return {"type": "struct", "name": self.name("S"), "fields": fields}

    def text(self):
        return "".join(self.r.choice(string.ascii_letters + " \"\\/\n\täß漢😀") for _ in range(self.r.choice([0, 1, 5, 200])))

    def number(self, bits):
        return self.r.choice([0, 1, -1, 2**bits - 1, -(2**bits), self.r.randint(-(2**bits), 2**bits - 1), self.r.randint(-99, 99)])

    def value(self, s):
        if s.get("optional") and self.r.random() < 0.3:
            return None
        name, kind = s.get("name", ""), s["type"]
        if name.endswith(".Decimal"):
            return {"unscaled": self.r.choice([0, 5, -5, self.number(63), self.r.randint(-(10**30), 10**30)])}
        if name.endswith(".Date"):
            return self.r.choice([0, 19000, -1, -141427, -141428, 2932896, self.r.randint(-719162, 2932896)])
        if name.endswith(".Time"):
            return self.r.choice([0, 86399999, self.r.randint(0, 86399999)])
        if name.endswith(".Timestamp"):
            return self.r.choice([0, -1, 1, -62135596800000, 253402300799999, self.r.randint(-(10**13), 10**14)])
        if kind in RANGES:
            return self.number(RANGES[kind])
        if kind in ("float", "double"):
            return self.r.choice([0.0, 1.5, -2.25, 1e10, 0.5, float(self.r.randint(-1000, 1000)) / 8])
        if kind == "boolean":
            return self.r.random() < 0.5
        if kind == "string":
            return self.text()
        if kind == "bytes":
            return bytes(self.r.randrange(256) for _ in range(self.r.choice([0, 1, 3, 100])))
        if kind == "array":
            return [self.element(s["items"]) for _ in range(self.r.choice([0, 1, 3, 40]))]
        if kind == "map":
            pairs = {self.value(dict(s["keys"], optional=False)): self.value(s["values"]) for _ in range(self.r.choice([0, 1, 4]))}
            return list(pairs.items())
        return {f["field"]: self.value(f) for f in s["fields"]}

    def element(self, s):
        """Protobuf has no null in an array."""
        return self.value(s if self.nested else dict(s, optional=False))


def payload(s, v):
    """A value as JsonConverter's envelope has it."""
    if v is None:
        return None
    if s.get("name", "").endswith(".Decimal"):
        n = v["unscaled"]
        return base64.b64encode(n.to_bytes(((n if n >= 0 else ~n).bit_length() + 8) // 8, "big", signed=True)).decode()
    if s["type"] == "bytes":
        return base64.b64encode(v).decode()
    if s["type"] == "array":
        return [payload(s["items"], x) for x in v]
    if s["type"] == "map":
        pairs = [(payload(s["keys"], k), payload(s["values"], x)) for k, x in v]
        return dict(pairs) if s["keys"]["type"] == "string" else [list(p) for p in pairs]
    if s["type"] == "struct":
        return {f["field"]: payload(f, v[f["field"]]) for f in s["fields"]}
    return v


def main(texts, foreign, random_records):
    seed = sys.argv[2] if len(sys.argv) > 2 else str(random.randrange(10**9))
    print(f"seed {seed}")
    lines = Lines(sys.argv[1])
    texts(lines)
    foreign(lines)
    count = random_records(lines, seed, 240)
    lines.close()
    print(f"{count} random records, {failures} failures")
    sys.exit(failures != 0 or count != 240)
