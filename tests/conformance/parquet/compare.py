# SPDX-License-Identifier: Apache-2.0
"""Random schemas and rows (generate.py), written by our Parquet writer with random options through format_lines, and held against
three readers - pyarrow, DuckDB, parquet-java: the rows, the rows that a filter on a column lets through, pyarrow's full validation,
checksums, bloom filters - and against the rows themselves: statistics, page index, size statistics, page headers (layout.py).

A case is made from the seed and its number alone: `--seed S --only N` runs it again. One that fails is made smaller as long as it
fails in the same way, and kept in build/parquet."""
import argparse
import collections
import copy
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile
import time

import pyarrow

import generate
import layout
import readers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
KEEP = ROOT / "build" / "parquet"
BIG = (1000, 3000, 12_000)

# What the writer can do; the values are drawn for each case, None leaves the key out.
OPTIONS = {
    "parquet.codec": ("none", "snappy", "gzip", "zstd", "lz4_raw"),
    "parquet.writer.version": ("v1", "v2"),
    "parquet.page.size": (None, None, "1024", "4096"),
    "parquet.page.row.count.limit": (None, None, None, "32", "100"),
    "parquet.enable.dictionary": (None, None, None, "false"),
    "parquet.dictionary.page.size": (None, None, None, "1024"),
    "parquet.page.write-checksum.enabled": (None, None, None, None, "false"),
    "parquet.bloom.filter.max.bytes": (None, None, "32", "4096"),
    "sluice.parquet.row.group.bytes": (None, "1048576"),
    "sluice.parquet.encodings": (None, "plain", "all", "all"),
    "sluice.parquet.list.two.level": (None, None, "true"),
    "sluice.parquet.enum": (None, "enum"),
    "sluice.parquet.decimal": (None, "fixed", "smallest"),
    "sluice.parquet.decimal.precision": (None, None, "38", "9"),
    "sluice.parquet.exact.types": (None, "true"),
    "sluice.parquet.field.ids": (None, "iceberg"),
}
# What a run of 500 cases or more must have met.
COVERAGE = {"none", "snappy", "gzip", "zstd", "lz4_raw", "v1", "v2", "bloom filter", "row groups", "BOOLEAN PLAIN", "BOOLEAN RLE",
            *(f"{kind} {encoding}" for kind in ("INT32", "INT64", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
              for encoding in ("PLAIN", "RLE_DICTIONARY")),
            *(f"{kind} BYTE_STREAM_SPLIT" for kind in ("FLOAT", "DOUBLE")),
            *(f"{kind} DELTA_BINARY_PACKED" for kind in ("INT32", "INT64")),
            "BYTE_ARRAY DELTA_LENGTH_BYTE_ARRAY", "BYTE_ARRAY DELTA_BYTE_ARRAY"}


class Filter:
    """A predicate on a column outside of lists, with the n of the rows that pass."""

    def __init__(self, path, schema, op, value, rows, nan=False):
        self.path, self.schema, self.op, self.value, self.rows, self.nan = path, schema, op, value, rows, nan


class Case:
    def __init__(self, schema, rows, options, seed):
        self.schema, self.rows, self.options, self.seed = schema, rows, options, seed

    def lines(self):
        yield json.dumps(self.schema, ensure_ascii=False)
        for row in self.rows:
            yield json.dumps(generate.payload(self.schema, row), ensure_ascii=False)

    def filters(self):
        """Up to five, of the same case always the same."""
        rng = random.Random(self.seed)
        paths = [(path, leaf) for path, leaf in flat_paths(self.schema, ()) if leaf.get("name") != generate.UUID]
        return [f for path, leaf in rng.sample(paths, min(len(paths), 5)) if (f := self.filter(rng, path, leaf))]

    def filter(self, rng, path, leaf):
        values = []
        for row in self.rows:
            for name in path:
                row = row and row[name]
            values.append(row)
        here = [v for v in values if v is not None and not layout.is_nan(v) and v != 0]
        kind = generate.kind_of(leaf)
        if (rng.random() < 0.15 and leaf["optional"]) or not here:
            op = rng.choice(("eq", "ne"))
            return Filter(path, leaf, op, None, [n for n, v in enumerate(values) if (v is None) == (op == "eq")])
        value = rng.choice(here)
        # Where a NaN stands among numbers, readers don't agree; nor do they on decimals that are none.
        nan = any(layout.is_nan(v) for v in values)
        odd = kind == "boolean" or kind == "decimal" and not generate.is_decimal(leaf)
        op = rng.choice(("eq",) if odd else ("eq", "lt", "le") if nan else ("eq", "lt", "le", "gt", "ge"))
        a = layout.comparable(leaf, value)
        passes = {"eq": lambda v: v == a, "lt": lambda v: v < a, "le": lambda v: v <= a, "gt": lambda v: v > a, "ge": lambda v: v >= a}[op]
        return Filter(path, leaf, op, value, [n for n, v in enumerate(values) if v is not None and passes(layout.comparable(leaf, v))],
                      nan)


def flat_paths(schema, path):
    for f in schema["fields"]:
        here = (*path, f["field"])
        if f["type"] == "struct":
            yield from flat_paths(f, here)
        elif f["type"] not in ("array", "map"):
            yield here, f


def make(seed, number, most):
    rng = random.Random(f"{seed}/{number}")
    what = rng.random()
    options = {key: value for key, values in OPTIONS.items() if (value := rng.choice(values)) is not None}
    generate.use(options)
    if what > 0.98:  # several row groups
        options["sluice.parquet.row.group.bytes"] = "1048576"
        schema = generate.wide_schema()
        return Case(schema, generate.noise_rows(rng, schema, min(most, 9000)), options, f"{seed}/{number}/filters")
    count = rng.choice(generate.BOUNDARIES) if what < 0.75 else rng.randint(600, 1500) if what < 0.95 else rng.choice(BIG)
    schema = generate.record_schema(rng, rng.choice(("boolean", "int32", "int64", "float", "double", "string", "bytes")) if what < 0.1 else None)
    paths = [c.path for c in generate.columns_of(schema, []) if c.schema["type"] != "boolean" and not any("." in name for name in c.path)]
    if rng.random() < 0.4 and "sluice.parquet.list.two.level" not in options:
        picked = rng.sample(paths, min(len(paths), 2))
        options["sluice.parquet.bloom.columns"] = ",".join(".".join(path) for path in picked if not any(n != n.strip() for n in path))
    count = min(count, most, 30_000 // len(generate.columns_of(schema, [])))
    return Case(schema, generate.rows_of(rng, schema, count), options, f"{seed}/{number}/filters")


class Tools:
    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.java, self.duck = readers.Java(work), readers.Duck()
        self.seen = collections.Counter()
        self.rows = self.leaves = self.filters = self.bytes = 0

    def write(self, case, path):
        command = [os.environ["SLUICE_FORMAT_LINES"], str(path), *(f"{k}={v}" for k, v in case.options.items())]
        done = subprocess.run(command, input="".join(line + "\n" for line in case.lines()).encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, env={**os.environ, "AGAIN": "1"})
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        wrong = [f"writer: {a}" for a in answers if "error" in a][:3]
        if done.returncode or not answers:
            wrong.append(f"writer: exit status {done.returncode}, {done.stderr.decode()[-2000:]}")
        return wrong

    def problems(self, case):
        """Sentences; the first word of each says who found it."""
        path = self.work / "case.parquet"
        generate.use(case.options)
        want = {"crc": "parquet.page.write-checksum.enabled" not in case.options}
        blooms = [c for c in case.options.get("sluice.parquet.bloom.columns", "").split(",") if c]
        if wrong := self.write(case, path):
            return wrong
        filters, found = case.filters(), []
        wanted = [generate.canon(case.schema, row) for row in case.rows]
        self.java.ask(path, filters)

        def attempt(who, fn):
            try:
                found.extend(f"{who}: {text}" if who == "layout" else text for text in fn())
            except Exception as error:  # a reader's verdict, whatever it is
                found.append(f"{who}: {type(error).__name__}: {error}")

        check = None

        def laid_out():
            nonlocal check
            check = layout.Check(path.read_bytes(), case.schema, case.rows, want)
            return check.run()

        attempt("layout", laid_out)
        attempt("pyarrow", lambda: readers.with_pyarrow(path, case.schema, wanted, filters))
        # DuckDB lacks one encoding of those that only `all` has, and takes some two-level lists for three-level ones.
        lacks = check and "FIXED_LEN_BYTE_ARRAY BYTE_STREAM_SPLIT" in check.seen
        if not lacks and not ("sluice.parquet.list.two.level" in case.options and generate.one_member_lists(case.schema)):
            attempt("DuckDB", lambda: self.duck.check(path, case.schema, case.rows, filters))
        if check:  # a column of nulls has nothing to filter
            there = {".".join(leaf.path) for leaf, c in zip(check.file.leaves, check.columns) if any(e[3] is not None for e in c.entries)}
            blooms = [path for path in blooms if path in there]
        found += self.java.check(wanted, filters, blooms, "parquet.bloom.filter.max.bytes" in case.options)
        if check:
            self.seen.update(check.seen)
            self.seen.update(["bloom filter"] * bool(blooms) + ["row groups"] * (len(check.file.groups) > 1))
        self.rows += len(case.rows)
        self.leaves += sum(len(c.entries) for c in check.columns) if check else 0
        self.filters += len(filters)
        self.bytes += path.stat().st_size
        return found


# ---- making a failing case smaller ----


def smaller(case):
    """Cases with less in them."""
    rows = len(case.rows)
    for part in (2, 4, 8, 16):
        for i in range(part if rows >= part else 0):
            kept = case.rows[: rows * i // part] + case.rows[rows * (i + 1) // part :]
            yield Case(case.schema, [{**row, "n": n} for n, row in enumerate(kept)], case.options, case.seed)
    if 1 < rows <= 16:
        for i in range(rows):
            kept = case.rows[:i] + case.rows[i + 1 :]
            yield Case(case.schema, [{**row, "n": n} for n, row in enumerate(kept)], case.options, case.seed)
    for path in struct_members(case.schema, ()):
        schema, rows = copy.deepcopy(case.schema), copy.deepcopy(case.rows)
        drop(schema, rows, path)
        yield Case(schema, rows, case.options, case.seed)
    for key in case.options:
        yield Case(case.schema, case.rows, {k: v for k, v in case.options.items() if k != key}, case.seed)


def struct_members(schema, path):
    """Paths of fields that a struct can spare, through structs only."""
    for i, f in enumerate(schema["fields"]):
        here = (*path, f["field"])
        if len(schema["fields"]) > 1 and here != ("n",):
            yield here
        if f["type"] == "struct":
            yield from struct_members(f, here)


def drop(schema, rows, path):
    for name in path[:-1]:
        schema = next(f for f in schema["fields"] if f["field"] == name)
        rows = [row and row[name] for row in rows]
    schema["fields"] = [f for f in schema["fields"] if f["field"] != path[-1]]
    for row in rows:
        if row:
            del row[path[-1]]


def signature(found):
    return found[0].partition(":")[0]


def shrink(tools, case, found, seconds):
    end, progress = time.monotonic() + seconds, True
    while progress and time.monotonic() < end:
        progress = False
        for candidate in smaller(case):
            if time.monotonic() > end:
                break
            now = tools.problems(candidate)
            if now and signature(now) == signature(found):
                case, found, progress = candidate, now, True
                break
    return case, found


def keep(case, found, name):
    KEEP.mkdir(parents=True, exist_ok=True)
    path = KEEP / f"{name}.jsonl"
    path.write_text("".join(line + "\n" for line in case.lines()))
    command = ["env", "AGAIN=1", "build/dev/tests/support/format_lines", "/tmp/out.parquet", *(f"{k}={v}" for k, v in case.options.items())]
    text = "\n".join(found) + f"\n\n{shlex.join(command)} <{path}\n"
    path.with_suffix(".txt").write_text(text)
    return text


# ----------------------------------------------------------------------------------------------------------------------


def run(args, tools):
    failed, started = 0, time.monotonic()
    for number in args.only or range(args.cases):
        case = make(args.seed, number, args.rows)
        if args.show:
            print(json.dumps({"schema": case.schema, "rows": len(case.rows), "options": case.options}), flush=True)
        found = tools.problems(case)
        if not found:
            continue
        failed += 1
        print(f"FAIL case {number} ({len(case.rows)} rows): {found[0]}", flush=True)
        case, found = shrink(tools, case, found, args.shrink)
        print(f"  --seed {args.seed} --only {number}; smaller, {len(case.rows)} rows: {json.dumps(case.schema, ensure_ascii=False):.600}\n  "
              + keep(case, found, f"{args.seed}-{number}").replace("\n", "\n  "), flush=True)
        if failed >= args.failures:
            print("too many failures, the rest is left out")
            break
    print(f"{tools.rows} rows, {tools.leaves} values and nulls, {tools.bytes / 1e6:.1f} MB, {tools.filters} filters; parquet-java: "
          f"{tools.java.filters} filters, of which {tools.java.pruned} skipped rows unread, {tools.java.blooms} bloom filters; "
          f"{time.monotonic() - started:.0f} s")
    print("met: " + ", ".join(f"{name} {count}" for name, count in sorted(tools.seen.items())))
    missed = COVERAGE - tools.seen.keys() if not args.only and args.cases >= 500 else set()
    if missed:
        print(f"FAIL: no case met {sorted(missed)}")
    return failed + len(missed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--only", type=int, action="append", help="this case of the seed; may be given again")
    parser.add_argument("--rows", type=int, default=100_000, help="at most, a case")
    parser.add_argument("--failures", type=int, default=5, help="stop after so many")
    parser.add_argument("--shrink", type=int, default=10, help="seconds to make a failing case smaller")
    parser.add_argument("--show", action="store_true", help="print schemas and options")
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.randrange(10**6)
    os.environ.setdefault("SLUICE_FORMAT_LINES", str(ROOT / "build/dev/tests/support/format_lines"))
    print(f"seed {args.seed}, {len(args.only) if args.only else args.cases} cases; pyarrow {pyarrow.__version__}, "
          f"DuckDB {readers.duckdb.__version__}, parquet-java {os.environ['SLUICE_PARQUET_VERSION']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sluice-parquet-") as work:
        tools = Tools(work)
        failed = run(args, tools)
        tools.java.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
