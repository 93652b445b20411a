# SPDX-License-Identifier: Apache-2.0
"""Lets REST clients that others wrote drive a connector through its life: see `tests/conformance/clients --help`.

Each client is installed by name, with everything it needs pinned, into an environment of its own in SLUICE_CACHE; what is
there isn't installed again. lives/ has one script a client, which runs in that environment."""

import argparse
import contextlib
import fcntl
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from run import BINARY, HERE, start

import stand

REQUESTS = [
    "requests==2.34.2", "certifi==2026.10.18", "charset-normalizer==3.5.2", "idna==3.20", "urllib3==2.8.0",
]
CLIENTS = {
    "kafka_connect_py": ["kafka-connect-py==1.0.0", "click==8.5.1", *REQUESTS],
    "kafka_connect_api": ["kafka-connect-api==0.5.10", *REQUESTS],
    "kafkaconnect": ["kafkaconnect==1.3.1", *REQUESTS],
}


def environment(client):
    """The client's Python."""
    cache = stand.PLACES["SLUICE_CACHE"] / "clients"
    cache.mkdir(parents=True, exist_ok=True)
    folder, recipe = cache / client, "\n".join(CLIENTS[client])
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = folder / ".recipe"
        if mark.exists() and mark.read_text() == recipe:
            return folder / "bin" / "python"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", *CLIENTS[client]]
        for pause in (5, 20, None):
            done = subprocess.run(pip, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode == 0:
                break
            if pause is None:
                sys.exit(f"installing {client} failed:\n{done.stdout}{done.stderr}")
            print(f"trying again in {pause} s", flush=True)
            time.sleep(pause)
        mark.write_text(recipe)
    return folder / "bin" / "python"


def main():
    parser = argparse.ArgumentParser(
        prog="tests/conformance/clients",
        description="REST clients that others wrote, from PyPI, drive a connector through its life: create, look at it, pause,"
        " resume, restart, stop, change, delete.",
    )
    parser.add_argument("--target", choices=("jvm", "sluice"), default="sluice")
    parser.add_argument("--only", metavar="NAME", help="the clients whose name contains NAME")
    parser.add_argument("--url", help="a worker that runs on this machine, instead of starting Kafka and one")
    parser.add_argument("--binary", default=BINARY, help="of Sluice; by default SLUICE_BINARY or build/dev/sluice")
    options = parser.parse_args()
    clients = [client for client in CLIENTS if not options.only or options.only in client]
    if not clients:
        sys.exit(f"no client's name contains {options.only}")
    failed = 0
    with contextlib.ExitStack() as stack:
        pythons = {client: environment(client) for client in clients}
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-clients-")))
        file = work / "lines.txt"
        file.write_text("one\ntwo\n")
        url = options.url or stack.enter_context(start(options.target, options.binary, work)).url
        for client, python in pythons.items():
            began = time.monotonic()
            life = [python, "-B", HERE / "lives" / f"life_{client}.py", url.rstrip("/"), file]
            try:
                done = subprocess.run(life, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
                good, said = done.returncode == 0, done.stdout + done.stderr
            except subprocess.TimeoutExpired as error:
                good, said = False, str(error)
            print(f"{'ok  ' if good else 'FAIL'} {CLIENTS[client][0]} ({time.monotonic() - began:.1f} s)", flush=True)
            if not good:
                failed += 1
                print("     " + said.strip().replace("\n", "\n     "), flush=True)
    print(f"{options.target}: {len(clients) - failed} of {len(clients)} clients passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
