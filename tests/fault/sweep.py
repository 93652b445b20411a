# SPDX-License-Identifier: Apache-2.0
"""The n-th allocation, or the n-th I/O call, of each unit test fails, for n = 1, 2, 3 ... as far as there are so many.

What may follow: the test passes (what failed was tried again, or was not needed), fails in its own words, or ends with the one sentence
for want of memory (base/err.c: that ends the process). What must not: a crash, an abort without that sentence, or a hang. Tests with many
allocations are sampled: all of the first ones, then further and further apart, by --runs. Of the tests of a preset without sanitizers that are
built. Exit 1 when something was found."""

import argparse
import concurrent.futures
import os
import pathlib
import random
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SENTENCE = "sluice: out of memory"
STRUCK = "fail_nth: this one fails"
# Why not: brokers of librdkafka's own in the process, whose allocations are not ours; children that the test itself kills; real Postgres.
SKIP = {"test_kafka", "test_fault", "test_pg_live"}
SKIP_IO = {"test_http"}  # its server is a part of it, and waits for ever for what was not sent


def once(test, library, kind, n):
    env = {**os.environ, "LD_PRELOAD": str(library), f"SLUICE_FAIL_{kind}": str(n), "SLUICE_SEED": "7"}
    process = subprocess.Popen([test], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True)
    try:
        _, said = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[1]
        return True, f"hangs: {said[-300:].decode(errors='replace')}"
    text = said.decode(errors="replace")
    struck, code = STRUCK in text, process.returncode
    if code >= 0 and code not in (99, 139, 134):
        return struck, None
    # cmocka turns signals into failures of its own, but for SIGABRT
    if code == -signal.SIGABRT and SENTENCE in text:
        return struck, None
    return struck, f"ends with {code}: {text[-300:]}"


def numbers(runs):
    """1, 2, 3 ... and then further apart, without an end."""
    n, seed = 0, random.Random(7)
    while True:
        n += 1 if n < runs // 2 else max(1, int(n * seed.uniform(0.05, 0.3)))
        yield n


def sweep(test, library, kind, runs):
    found, count = [], 0
    for n in numbers(runs):
        struck, what = once(test, library, kind, n)
        count += 1
        if what:
            found.append((test.name, kind, n, what))
        if not struck or count >= runs or len(found) >= 3:
            return found, count, n
    return found, count, n


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build" / "dev", type=pathlib.Path)
    parser.add_argument("--only", default="", help="tests whose name contains this")
    parser.add_argument("--runs", type=int, default=40, help="runs a test and kind, at most")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    library = given.build / "tests" / "support" / "libfail_nth.so"
    tests = sorted(p for p in (given.build / "tests").glob("test_*") if given.only in p.name and p.name not in SKIP and os.access(p, os.X_OK) and p.is_file())
    if not tests or not library.exists():
        sys.exit(f"nothing to run in {given.build}: build it first")
    found, count = [], 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        jobs = {pool.submit(sweep, test, library, kind, given.runs): (test, kind) for test in tests for kind in ("ALLOC", "IO")
                if kind == "ALLOC" or test.name not in SKIP_IO}  # fmt: skip
        for job in concurrent.futures.as_completed(jobs):
            test, kind = jobs[job]
            bad, runs, last = job.result()
            count += runs
            found += bad
            print(f"{test.name} {kind.lower()} up to {last}: {runs} runs, {len(bad)} bad", flush=True)
            for name, kind, n, what in bad:
                print(f"    SLUICE_FAIL_{kind}={n}: {what}", flush=True)
    print(f"{count} runs of {len(tests)} tests, {len(found)} bad")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
