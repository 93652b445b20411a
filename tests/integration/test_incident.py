"""docs/incident.md, typed: the incident is made, each of the page's commands runs in its order against a real broker and a schema registry, and
must print what the page says it prints, apart from times, job ids and counts that depend on when the replay is killed. With SLUICE_WRITE_DOCS=1
what they print goes into the page."""

import getpass
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import wait_until
from test_dlq_replay import PAYMENT_1, PAYMENT_2, avro, letter, produce

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "incident.md"
WIDTH = 150  # of a line on the page
PAYMENTS, TWICE = 2300, (0, 4, 8)
CHEQUES, EMPTY = 29, 22
BLOCK = re.compile(r"^```\n(.*?)^```$", re.M | re.S)
ELSEWHERE = re.compile(r"^\.\.\. \((\d+) more lines\)$", re.M)


def kind(n):
    if n % 79 == 40 and n < 79 * CHEQUES:
        return "cheque"
    if n % 104 == 37 and n < 104 * EMPTY:
        return ""
    return "CASH" if n % 8 in (0, 3, 6) else "card"


def make_incident(kafka, registry):
    kafka.create_topic("payments", 4)
    kafka.create_topic("payments-dlq")
    old = registry.register("payments-old", PAYMENT_1)
    registry.register("payments-value", PAYMENT_2)
    now, letters = int(time.time() * 1000), []
    for n in [*range(PAYMENTS), *TWICE]:
        payment = 5 * n + 2
        value = avro(PAYMENT_1, old, {"id": payment, "amt": payment, "kind": kind(n), "note": None})
        message = f"Cannot make a payment of kind '{kind(n)}' (id {payment}): not one of [CARD, CASH]"
        one = letter("payments", n % 4, n, str(payment).encode(), value, [("traceparent", b"00-%032x" % payment)], connector="ledger-sink", message=message)
        letters.append({**one, "timestamp": now + n // 100})
    produce(kafka, "payments-dlq", letters)


class Shell:
    """Runs the page's commands; what it gives is the page's view: addresses and people replaced, long lines cut."""

    def __init__(self, binary, kafka, registry, tmp_path):
        self.kafka, self.names, self.cwd = kafka, {kafka.bootstrap: "kafka:9092", registry.url.removeprefix("http://"): "registry:8081"}, tmp_path
        (tmp_path / "client.properties").write_text(f"schema.registry.url={registry.url}\n")
        (tmp_path / "sluice").symlink_to(pathlib.Path(binary).resolve())
        self.variables = ""

    def real(self, text):
        for real, name in self.names.items():
            text = text.replace(name, real)
        return text

    def shown(self, text):
        for real, name in {**self.names, f"{getpass.getuser()}@{socket.gethostname()}": "ops@laptop"}.items():
            text = text.replace(real, name)
        return "".join((line if len(line) <= WIDTH else line[: WIDTH - 3] + "...") + "\n" for line in text.splitlines())

    def start(self, command):
        environment = {**os.environ, "PATH": f"{self.cwd}:{os.environ['PATH']}"}
        line = ["bash", "-c", f"{self.variables}\n{self.real(command)}"]
        return subprocess.Popen(line, cwd=self.cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, command):
        process = self.start(command)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, f"{command}: {process.returncode}\n{out}"
        return self.shown(out)

    def run_and_kill(self, command):
        process = self.start(command)
        try:
            wait_until(lambda: len(self.kafka.consume_all("payments")) > 300, what="some hundred copies", interval=0.1)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        return "Killed\n"


def shortened(output, before):
    """As much of the output as the page has of it."""
    left_out, lines = ELSEWHERE.search(before), output.splitlines(keepends=True)
    if not left_out:
        return output
    keep = before[: left_out.start()].count("\n")
    return "".join(lines[:keep]) + f"... ({len(lines) - keep} more lines)\n"


def lasting(text, resumed):
    """What is the same each time."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\d+ (milli)?seconds? ago", "AGO", text)
    text = re.sub(r"(job |\"job\":\")[0-9a-f]{4,16}", r"\1JOB", text)
    text = re.sub(r"[0-9a-f]+\.\.\.$", "...", text, flags=re.M)  # an id that is cut
    if not resumed:
        return text
    return sorted(re.sub(r"^(  (?:widen|rename|default|enum) .*): .*", r"\1", text, flags=re.M).splitlines())


@pytest.mark.timeout(300)
def test_the_page_is_true(kafka, registry, binary, tmp_path):
    make_incident(kafka, registry)
    shell, page = Shell(binary, kafka, registry, tmp_path), PAGE.read_text()
    said, typed, killed, wrong, end = [], 0, False, [], 0
    for block in BLOCK.finditer(page):
        said.append(page[end : block.start(1)])
        end = block.end(1)
        text = block[1]
        if text.startswith("AT="):
            shell.variables = shell.real(text)
        if not text.startswith("$ "):
            said.append(text)
            continue
        line, _, before = text.partition("\n")
        kill, typed = before == "Killed\n", typed + 1
        output = shell.run_and_kill(line[2:]) if kill else shortened(shell.run(line[2:]), before)
        if lasting(output, killed) != lasting(before, killed):
            wrong.append(f"{line}\nthe page:\n{before}\nnow:\n{output}")
        said.append(f"{line}\n{output}")
        killed = kill
    said.append(page[end:])
    if os.environ.get("SLUICE_WRITE_DOCS"):
        PAGE.write_text("".join(said))
    else:
        assert not wrong, "\n".join([*wrong, "SLUICE_WRITE_DOCS=1 writes the page"])
    assert typed >= 12
    payments = [int(r.key) for r in kafka.consume_all("payments")]
    assert len(payments) == len(set(payments)) == PAYMENTS - EMPTY
