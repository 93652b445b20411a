# SPDX-License-Identifier: Apache-2.0
"""All benchmarks one after the other, and one report of them: docs/bench-report.md, its plots in docs/bench/. What the benches print
stands in it as they printed it: medians, ranges, A/A noise. First stands what failed and what missed its aim, and then the exit status is
1: a report is never green by leaving something out. --quick takes smaller sizes and leaves some workloads out; --tiny shows that all of this
works, its figures mean nothing, and the report says so."""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time
import typing

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "support"))
import plot  # noqa: E402
import wanted  # noqa: E402

SIZES = ("full", "quick", "tiny")


def median(value):
    return value["median"] if isinstance(value, dict) else value


def table_of(result, columns):
    """[(what, {contender: median})] of a summary with one entry a contender."""
    contenders = {name: row for name, row in result.items() if isinstance(row, dict) and columns[0][1] in row}
    return [(what, {name: median(row[key]) if key in row else None for name, row in contenders.items()}) for what, key in columns]


def cdc(result):
    panels = table_of(result, [("seconds", "seconds"), ("CPU s / M rows", "cpu_seconds_per_million"), ("peak memory, MB", "rss_peak_mb")])
    rate = {name: result["rows"] / seconds for name, seconds in panels[0][1].items()}
    return [("rows/s", rate), *panels[1:]]


def snapshot(result):
    return table_of(result, [("rows/s", "rows_per_second"), ("CPU s / M rows", "cpu_seconds_per_million"), ("peak memory, MB", "rss_peak_mb")])


def latency(result):
    return table_of(result, [("p50, ms", "p50"), ("p99, ms", "p99"), ("CPU, % of a core", "cpu_percent")])


def idle(result):
    return [("CPU, % of a core", {"sluice": result["cpu_percent_median"]}), ("memory, MB", {"sluice": result["rss_mb"]})]


def rest(result):
    rows = [row for row in result["summary"]["table"] if row["way"] == "keep-alive"]
    return [(f"p99 of {row['what']}, ms", {"sluice": row["p99_ms"], "JVM": row.get("jvm_p99_ms")}) for row in rows[:5]]


def transforms(result):
    named = {f"{row['name']}, {row['form']}": row for row in result["rows"]}
    return [("records/s", {name: row["ours"] for name, row in named.items()}), ("of Java's classes", {n: r["java"] for n, r in named.items()}),
            ("times Java", {name: row["ratio"] for name, row in named.items()})]  # fmt: skip


def s3(result):
    summary = next(form["summary"] for form in result["sink"].values() if isinstance(form, dict))
    keys = [("rows/s", "rows_per_second"), ("CPU s / M rows", "cpu_seconds_per_million_rows"), ("peak memory, MB", "rss_peak_mb")]
    names = {"raw": "consumer that only reads", "peer": "Python consumer"}
    return [(what, {names.get(name, name): median(value) for name, value in summary[key].items()}) for what, key in keys]


def snowflake(result):
    runs = [run for _, run in result["throughput"]]
    middle = sorted(runs, key=lambda run: run["rows_per_second"])[len(runs) // 2]
    keys = [("rows/s", "rows_per_second"), ("CPU s / M rows", "cpu_per_million"), ("peak memory, MB", "rss_mb")]
    return [(what, {"sluice": middle[key]}) for what, key in keys]


def freshness(result):
    told = result["freshness"]
    return [(what, {"sluice": told[key]}) for what, key in (("p50, s", "p50"), ("p99, s", "p99"), ("max, s", "max"))]


def dlq(result):
    parts = {name: part for name, part in result.items() if isinstance(part, dict)}
    rate = {f"{name}, {part}": value["median"] for part, of in parts.items() for name, value in of["records_per_second"].items()}
    memory = {f"{name}, {part}": max(run["rss_peak_mb"] for run in runs) for part, of in parts.items() for name, runs in of["runs"].items()}
    return [("records/s", rate), ("peak memory, MB", memory)]


def read(path):
    return pathlib.Path(path).read_text().strip()


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return (done.stdout + done.stderr).strip()


def machine():
    """Lines of a list: what the figures were measured on, and how busy that was."""
    processor = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    memory = int(re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))[1]) / (1 << 20)
    kept = sorted(path.name for path in pathlib.Path(os.environ["SLUICE_CACHE"]).iterdir())
    parts = [name for name in kept if re.match(r"(kafka|connect|debezium|s3proxy)-", name)]
    parts.append(pathlib.Path(os.environ["SLUICE_RDKAFKA"]).name)
    parts += [f"postgres-{path.name}" for path in sorted(pathlib.Path("/usr/lib/postgresql").glob("*"))[-1:]]
    return [
        f"{os.cpu_count()} cores ({processor[1] if processor else platform.machine()}), {memory:.0f} GB, Linux {platform.release()}",
        f"load when it began: {', '.join(f'{load:.1f}' for load in os.getloadavg())} (1, 5 and 15 minutes)",
        f"commit {output('git', 'rev-parse', '--short', 'HEAD')}{' with changes' if output('git', 'status', '--porcelain', '-uno') else ''}, {output(os.environ['SLUICE_BINARY'], 'version').splitlines()[0]}",
        ", ".join(parts),
        f"{output('java', '-version').splitlines()[0]}; Python {platform.python_version()}",
    ]


class Step(typing.NamedTuple):
    name: str
    title: str
    bench: str
    draw: typing.Callable  # of the bench's result: what plot.bars takes
    options: str
    sizes: tuple  # more options for each of SIZES; None: not at this size


STEPS = [
    Step("cdc", "A backlog of Postgres into Kafka, exactly once (w1)", "cdc", cdc, "--workload w1 --debezium",
         ("--runs 5", "--rows 500000 --runs 2", "--rows 20000 --runs 1 --no-warm-up")),
    Step("cdc-5M", "The same with 5M rows, for which its rates are wanted", "cdc", cdc, "--workload w1 --rows 5000000",
         ("--runs 3", "--runs 1", None)),
    Step("cdc-wide", "Wide rows (w2)", "cdc", cdc, "--workload w2 --debezium",
         ("--runs 3", "--rows 50000 --runs 1", None)),
    Step("cdc-updates", "Updates with full images (w3)", "cdc", cdc, "--workload w3 --debezium", ("--runs 2", None, None)),
    Step("cdc-large", "One transaction of 5M rows (w5)", "cdc", cdc, "--workload w5 --rows 5000000 --no-warm-up", ("--runs 1", None, None)),
    Step("cdc-small", "One-row transactions (w6)", "cdc", cdc, "--workload w6 --debezium", ("--runs 2", None, None)),
    Step("cdc-tables", "A thousand tables (w7)", "cdc", cdc, "--workload w7 --no-warm-up", ("--runs 1", None, None)),
    Step("snapshot", "The initial snapshot", "snapshot", snapshot, "--debezium",
         ("--runs 5", "--rows 1000000 --runs 2", "--rows 20000 --runs 1")),
    Step("latency", "From commit in Postgres to a consumer", "latency", latency, "--debezium",
         ("--runs 5 --seconds 60", "--runs 2", "--runs 1 --seconds 8 --rate 500")),
    Step("idle", "Fifty connectors that have nothing to do", "idle", idle, "",
         ("", "--seconds 20 --settle 10", "--connectors 3 --seconds 2 --windows 2 --settle 1")),
    Step("rest", "REST", "rest", rest, "--jvm",
         ("", "--connectors 100 --rounds 2", "--connectors 3 --requests 100 --rounds 1")),
    Step("transforms", "Transforms beside Connect's own classes", "transforms", transforms, "",
         ("--turns 5", "--turns 2 --turn 300 --warm 1500", "--only chain --turns 1 --turn 50 --warm 100")),
    Step("s3", "Kafka into S3, Parquet", "s3", s3, "",
         ("", "--rows 1000000 --runs 2 --forms avro --encode-rows 300000", "--rows 40000 --runs 1 --forms avro --encode-rows 20000")),
    Step("snowflake", "Kafka into Snowflake (the stand-in)", "snowflake", snowflake, "",
         ("", "--rows 1000000 --rounds 2", "--rows 20000 --rounds 1 --partitions 4")),
    Step("freshness", "From commit in Postgres to a row in Snowflake (the stand-in)", "snowflake", freshness, "--freshness",
         ("--seconds 30", "", "--seconds 2 --rate 500")),
    Step("dlq", "Dead letters", "dlq", dlq, "",
         ("", "--records 250000 --runs 2", "--records 2000 --runs 1")),
]


def run(step, size, timeout):
    """Runs one; its result, or why there is none, and what it printed."""
    file = ROOT / "build" / "bench" / f"all-{step.name}.json"
    written = file.with_stem(f"cdc-{workload[1]}") if (workload := re.search(r"--workload (\S+)", step.options)) else file
    file.parent.mkdir(parents=True, exist_ok=True)
    written.unlink(missing_ok=True)
    options = f"{step.options} {step.sizes[SIZES.index(size)]}".split()
    one = {"options": " ".join(options), "result": None, "failed": None}
    began = time.monotonic()
    log = file.with_suffix(".txt")
    try:
        with log.open("w") as out:
            code = subprocess.run([sys.executable, str(HERE / f"{step.bench}.py"), "--out", str(file), *options], stdout=out, stderr=subprocess.STDOUT,
                                  timeout=timeout, cwd=ROOT).returncode
        one["failed"] = f"exit status {code}" if code else None if written.exists() else "wrote no result"
    except subprocess.TimeoutExpired:
        one["failed"] = f"took longer than {timeout} s"
    one["seconds"] = time.monotonic() - began
    said = log.read_text(errors="replace").replace(f"{ROOT}/", "").replace(str(pathlib.Path.home()), "~")  # as anybody's machine
    one["lines"] = [line.rstrip() for line in said.splitlines() if line.strip() and not line.startswith(("{", "setup: ", "Note: "))]
    if not one["failed"]:
        one["result"] = json.loads(written.read_text())
        if not verdicts(one["result"]):
            one["failed"] = "says nothing of what was wanted"
        try:
            one["plot"] = plot.bars(step.title, step.draw(one["result"]))
        except (KeyError, TypeError, StopIteration) as error:  # the others go on
            one["failed"] = one["failed"] or f"has not the figures of its plot: {error!r}"
    return one


def verdicts(result):
    return result.get("wanted") or result.get("summary", {}).get("wanted") or []


def words(lines):
    """What a reader wants of it: no single runs, no progress."""
    return [line for line in lines if not re.match(r"[\w-]+: \{|(\w+, )?(run|round) \d+: |%\d\|", line) and not line.endswith("...")]


def shortfalls(done):
    """(what failed, what missed), as lines."""
    failed = [f"**{name} failed**: {one['failed']}" + "".join(f"; `{line.strip()[:200]}`" for line in one["lines"][-1:])
              for name, one in done.items() if one["failed"]]
    missed = [f"{name}: `{' '.join(wanted.line(row).split())}`" for name, one in done.items() if one["result"]
              for row in verdicts(one["result"]) if not row["met"]]
    return failed, missed


def report(args, steps, done, about):
    failed, missed = shortfalls(done)
    count = sum(len(verdicts(one["result"])) for one in done.values() if one["result"])
    not_run = [step.name for step in steps if step.name not in done]
    out = ["# Benchmarks as run", "", "Written by `tests/bench/run all" + (f" --{args.size}" if args.size != "full" else "") + "`; the words of each block are the bench's own. "
           "[performance.md](performance.md) says what makes the figures, [comparison.md](comparison.md) what they are beside others."]  # fmt: skip
    if args.size == "tiny":
        out += ["", "**Tiny sizes: this shows that the benches run. The figures mean nothing.**"]
    out += ["", "## What failed, and what missed", ""]
    out += [f"{len(missed)} of {count} figures that were wanted are missed, {len(failed)} of {len(done)} benches failed.", ""]
    out += [f"- {line}" for line in failed + missed]
    out += [f"- **not run yet**: {', '.join(not_run)}"] if not_run else []
    out += [f"- left out by the options: {', '.join(args.left_out)}"] if args.left_out else []
    out += [""] if out[-1] else []
    out += ["## The machine", "", *(f"- {line}" for line in about), f"- took {sum(one['seconds'] for one in done.values()) / 60:.0f} minutes"]
    for step in steps:
        if step.name not in done:
            continue
        one = done[step.name]
        out += ["", f"## {step.title}", "", f"`{f'tests/bench/run {step.bench} ' + one['options']}".rstrip() + f"`: {one['seconds']:.0f} s", ""]
        if one.get("plot"):
            drawing = args.report.parent / "bench" / f"{step.name}.svg"
            drawing.parent.mkdir(parents=True, exist_ok=True)
            drawing.write_text(one["plot"])
            out += [f"![{step.title}](bench/{step.name}.svg)", ""]
        out += ["```", *words(one["lines"]), "```"]
    args.report.write_text("\n".join(out) + "\n")


def main(steps, argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", default="full")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny")
    parser.add_argument("--only", nargs="*", help="these: " + " ".join(step.name for step in steps))
    parser.add_argument("--timeout", type=int, default=3600, help="seconds that one bench may take")
    parser.add_argument("--report", type=pathlib.Path, default=ROOT / "docs" / "bench-report.md", help="plots go into bench/ beside it")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="all results as JSON")
    args = parser.parse_args(argv)
    if unknown := set(args.only or []) - {step.name for step in steps}:
        parser.error(f"no such bench: {' '.join(sorted(unknown))}")
    known = [step.name for step in steps]
    steps = [step for step in steps if step.sizes[SIZES.index(args.size)] is not None and (not args.only or step.name in args.only)]
    args.left_out = [name for name in known if name not in {step.name for step in steps}]
    about, done = machine(), {}
    for step in steps:
        print(f"{step.title} ...", flush=True)
        one = done[step.name] = run(step, args.size, args.timeout)
        print(f"  {one['seconds']:.0f} s" + (f", FAILED: {one['failed']}" if one["failed"] else ""), flush=True)
        report(args, steps, done, about)  # after each, so that one that hangs loses nothing
    failed, missed = shortfalls(done)
    args.out.write_text(json.dumps({name: one["result"] for name, one in done.items()}, indent=1) + "\n")
    print(f"{args.report}: {len(missed)} figures missed, {len(failed)} benches failed")
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main(STEPS))
