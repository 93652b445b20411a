# SPDX-License-Identifier: Apache-2.0
"""Snowflake's own SDK in a process of its own (sdk.py), in an environment with nothing else in it."""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "support"))
import secured  # noqa: E402
import sf  # noqa: E402
import stand  # noqa: E402

PACKAGES = {"snowpipe-streaming": ["snowpipe-streaming==1.9.1"], "snowduck": ["snowduck[server]==0.3.0", "sqlglot[c]==30.18.0"]}


class SdkError(Exception):
    """What the SDK raised."""


def environment(name):
    """The Python that has the package."""
    cache = stand.PLACES["SLUICE_CACHE"] / "clients"
    cache.mkdir(parents=True, exist_ok=True)
    folder, recipe = cache / name, "\n".join(PACKAGES[name])
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = folder / ".recipe"
        if not (mark.exists() and mark.read_text() == recipe):
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--retries", "5", *PACKAGES[name]],
                           check=True, stdin=subprocess.DEVNULL)  # fmt: skip
            mark.write_text(recipe)
    return folder / "bin" / "python"


NAMES = "IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3,DNS:*.snowflake.localhost,DNS:*.ingest.localhost"


def account(workdir, one_port=True, **more):
    """A stand-in over TLS; with one_port the SDK takes it for Snowflake."""
    authority = secured.Authority(pathlib.Path(workdir) / "ca")
    made = sf.Snowflake(workdir, tls=authority.issue("account", NAMES), one_port=one_port, **more)
    made.authority = authority.certificate
    return made


class Sdk:
    """sdk.py; its functions are methods here."""

    def __init__(self, workdir):
        self.log = pathlib.Path(workdir) / "sdk.log"

    def __enter__(self):
        self.python = environment("snowpipe-streaming")
        self.process = None
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()

    def start(self, authority):
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", self.python, "-B", HERE / "sdk.py"], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.log, "w"),
                                        env={**os.environ, "SSL_CERT_FILE": str(authority), "SS_LOG_LEVEL": "warn"})  # fmt: skip

    def client(self, name, account, pipe="ORDERS-STREAMING"):
        if self.process is None:
            self.start(account.authority)
        properties = {"account": account.account, "user": account.user, "private_key": account.private_key, "url": account.url}
        return self.call("client", name=name, database=account.db, schema=account.schema, pipe=pipe, properties=properties)

    def call(self, what, **order):
        self.process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        for line in self.process.stdout:
            if line.startswith("="):
                answer = json.loads(line[1:])
                if "error" in answer:
                    raise SdkError(answer["error"])
                return answer["result"]
        raise SdkError("the SDK's process ended")

    def __getattr__(self, what):
        return lambda **order: self.call(what, **order)
