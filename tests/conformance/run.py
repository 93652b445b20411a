# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of REST conformance: see `tests/conformance/rest --help`."""

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import harness  # noqa: E402
import jvm_connect  # noqa: E402
import stand  # noqa: E402

import checks_server, checks_create, checks_config, checks_states  # noqa: E401,E402,F401
import checks_offsets, checks_plugins, checks_validate, checks_loggers  # noqa: E401,E402,F401

SLOW = int(os.environ.get("SLUICE_SLOW", "1"))  # how much longer things may take under sanitizers
BINARY = os.environ.get("SLUICE_BINARY", HERE.parents[1] / "build" / "dev" / "sluice")


class Sluice(stand.Worker):
    def _ready(self):
        return self.rest("GET", "/connectors", timeout=10).ok


def worker(kind, binary, work, kafka):
    group = f"conformance-{kind}"
    if kind == "jvm":
        provider = "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
        properties = {"config.providers": "env", "config.providers.env.class": provider}
        return jvm_connect.Distributed(work / "connect", kafka.bootstrap, group, properties)
    properties = {"bootstrap.servers": kafka.bootstrap, "group.id": group, "offset.flush.interval.ms": 1000}
    for topic in ("config", "offset", "status"):
        properties |= {f"{topic}.storage.topic": f"{group}-{topic}", f"{topic}.storage.replication.factor": 1}
    properties |= {"key.converter": jvm_connect.JSON, "value.converter": jvm_connect.JSON}
    part = Sluice(binary, work / "sluice", properties)
    part.start_timeout *= SLOW
    return part


@contextlib.contextmanager
def start(kind, binary, work):
    """Kafka and a worker. At the end Sluice must stop by itself with 0: sanitizers report leaks by the exit code."""
    with stand.Kafka(work / "kafka") as kafka:
        with worker(kind, binary, work, kafka) as part:
            yield part
            if kind == "sluice" and (not part.running or part.stop()):
                raise stand.StandError(f"Sluice ended with {part.kill()}:\n{part.log_text()[-6000:]}")


def run(target, names):
    """Runs the checks one after the other, a line each; gives the names of those that failed."""
    failed = []
    start = time.monotonic()
    target.prepare()
    for name in names:
        function, arguments = harness.CHECKS[name]
        began = time.monotonic()
        try:
            function(target, *arguments)
            word = "ok  "
        except harness.CheckFailed as error:
            failed.append(name)
            word, reason = "FAIL", str(error)
        except Exception:
            failed.append(name)
            word, reason = "FAIL", traceback.format_exc()
        target.clean()
        print(f"{word} {name} ({time.monotonic() - began:.1f} s)", flush=True)
        if word == "FAIL":
            print("     " + reason.replace("\n", "\n     "), flush=True)
    took = time.monotonic() - start
    print(f"{target.kind}: {len(names) - len(failed)} of {len(names)} checks passed in {took:.0f} s", flush=True)
    unused = set(harness.DIFFERENCES) - target.asked
    if unused and len(names) == len(harness.CHECKS):
        failed.append("differences")
        print(f"FAIL differences: no check asks for {', '.join(sorted(unused))}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(
        prog="tests/conformance/rest",
        description="Black-box checks of Kafka Connect's REST API. They hold for a real Kafka Connect 4.2 on the JVM, and"
        " must hold for Sluice but for the differences that --differences lists.",
    )
    parser.add_argument("--target", choices=("jvm", "sluice", "both"), default="sluice")
    parser.add_argument("--only", metavar="NAME", help="the checks whose name contains NAME")
    parser.add_argument("--url", help="a worker that runs on this machine, instead of starting Kafka and one")
    parser.add_argument("--binary", default=BINARY, help="of Sluice; by default SLUICE_BINARY or build/dev/sluice")
    parser.add_argument("--dir", type=pathlib.Path, help="where data and logs are kept; by default a temporary folder")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--differences", action="store_true", help="only print what Sluice does otherwise on purpose")
    options = parser.parse_args()

    names = [name for name in harness.CHECKS if not options.only or options.only in name]
    if options.list:
        print("\n".join(names))
        return
    if options.differences:
        for name, reason in harness.DIFFERENCES.items():
            print(f"{name}: {reason}")
        return
    kinds = ["jvm", "sluice"] if options.target == "both" else [options.target]
    if not names:
        sys.exit(f"no check's name contains {options.only}")
    if options.url and len(kinds) > 1:
        sys.exit("--url is one worker: --target says which it is, jvm or sluice")

    failed = []
    with contextlib.ExitStack() as stack:
        work = options.dir or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-conformance-")))
        files = work / "files"
        files.mkdir(parents=True, exist_ok=True)
        if options.url:
            failed = run(harness.Target(kinds[0], options.url, files), names)
        else:
            for kind in kinds:
                with start(kind, options.binary, work / kind) as part:
                    failed += run(harness.Target(kind, part.url, files), names)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
