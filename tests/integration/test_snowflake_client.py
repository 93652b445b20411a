# SPDX-License-Identifier: Apache-2.0
"""The Snowflake client without Kafka (tests/support/sf_tool.c) against the stand-in for an account: logins of every kind and what goes
wrong with them, channels through every fault of their state machine, statements. What landed is asked from the stand-in; secrets are looked
for in everything that the client said."""

import contextlib
import json
import os
import queue
import random
import subprocess
import threading

import pytest

import sf
import stand
from conftest import SLOW, wait_until

TOOL = os.environ.get("SLUICE_SF_TOOL", stand.PLACES["SLUICE_ROOT"] / "build/dev/tests/sf_tool")
PASSPHRASE = "a-passphrase-of-this-test"
SECRET = "client-secret-of-this-test"
REFRESH = "refresh-token-of-this-test"
PAT = "pat-of-this-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def other_key(folder):
    """A key that no user has."""
    sf.sf_auth.make_key(folder, "other")
    return folder / "other.p8"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, folder):
    _, public = sf.sf_auth.make_key(folder, "locked", passphrase=PASSPHRASE)
    users = {"LOCKED": {"keys": [public], "role": "INGEST"}}
    clients = {"client": {"secret": SECRET, "user": "LOADER", "refresh": [REFRESH]}}
    with sf.Snowflake(tmp_path_factory.mktemp("account"), account="my_acc", users=users, oauth_clients=clients, pats={PAT: "LOADER"},
                      settings={"commit_delay": [0.01, 0.05], "requests_per_second": 0}) as part:  # fmt: skip
        yield part


DEFAULTS = {"commit_delay": [0.01, 0.05], "hostname": None, "hostname_form": "plain", "token_form": "plain", "token_ttl": 600.0, "resend": "stale",
            "status_ok": "SUCCESS", "status_error_counter": "rows_error_count", "clock": 0.0, "sql_polls": 0, "requests_per_second": 0,
            "role_scope": False}  # fmt: skip


@pytest.fixture
def account(shared):
    """The account with a new table T<n>; at the end no client has done what it should not."""
    shared.quiet()
    shared.settings(**DEFAULTS)
    shared.count = getattr(shared, "count", 0) + 1
    shared.table = f"T{shared.count}"
    shared.sql(f"create table {shared.table} (ID int, PAD varchar)")
    yield shared
    shared.refuse_user(on=False)
    assert shared.violations() == []


class Tool:
    def __init__(self, part, **settings):
        given = {"url": part.url, "account": part.account, "user": part.user, "role": part.role, "key_file": part.key_file,
                 "suffix": "ingest.localhost", "db": part.db, "schema": part.schema, "pipe": f"{part.table}-STREAMING",
                 "backoff_ms": 20, "status_ms": 50} | settings  # fmt: skip
        words = [f"{k}={v}" for k, v in given.items() if v is not None]
        self.process = subprocess.Popen([TOOL, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.said = queue.Queue(), []
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.process.stdout], daemon=True).start()
        self.first = self.line()

    def line(self):
        text = self.lines.get(timeout=60 * SLOW)
        self.said.append(text)
        return json.loads(text)

    def __call__(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.line()

    def until(self, name, *states, ms=20000):
        return self("until", name, *states, ms * SLOW)

    def ready(self, name="C"):
        """Open it, see it ready."""
        self("open", name)
        told = self.until(name, "READY", "FAILED")
        assert told["state"] == "READY", told
        return told

    def send(self, first, last, *more, name="C"):
        self("append", name, first, last, *more)
        return self.until(name, "READY", "LOST", "FAILED")


@contextlib.contextmanager
def tool(part, **settings):
    t = Tool(part, **settings)
    try:
        yield t
    finally:
        t.process.stdin.close()
        errors = t.process.stderr.read()
        assert t.process.wait(30 * SLOW) == 0, errors
        assert not errors
        said = "".join(t.said)
        for secret in (PASSPHRASE, SECRET, REFRESH, PAT, "eyJ", "oa-", "Bearer", part.private_key[100:140]):
            assert secret not in said


def ids(account):
    return [row[0] for row in account.rows(f'select ID from "{account.table}" order by ID')]


def landed(account, last):
    """Every row from 0 to last, each once."""
    wait_until(lambda: len(ids(account)) > last, what="the rows")
    assert ids(account) == list(range(last + 1))


# --- Logins -----------------------------------------------------------------------------------------------------------


def test_rows_arrive_and_resume(account):
    with tool(account) as t:
        assert t.first == {"ok": True}
        told = t.ready()
        assert (told["committed"], told["opens"]) == (-1, 1)
        assert t("event", "C") == {"event": "OPENED", "committed": -1, "rewind": -1}
        assert t("event", "C")["event"] == "NONE"
        assert t.send(0, 99, "zstd")["accepted"] == 99
        assert t.send(100, 149)["state"] == "READY"
        assert t("commit", "C", 149)["committed"] == 149
    landed(account, 149)
    with tool(account) as t:  # the next task
        assert t.ready()["committed"] == 149
        assert t("event", "C") == {"event": "OPENED", "committed": 149, "rewind": 150}
        t.send(150, 160)
        assert t("commit", "C", 160)["rows"] == 161
    landed(account, 160)
    log = [one for one in account.log() if one["op"] == "open"]
    assert "my-acc" in {one["headers"]["host"].split(".")[0] for one in account.log() if one["op"] == "token"}
    assert "%22" in log[-1]["path"] and log[-1]["headers"]["authorization"] == "Bearer"


@pytest.mark.parametrize("form", ["plain", "json"])
def test_forms_of_answers(account, form):
    account.settings(hostname_form=form, token_form=form, status_ok="ACTIVE" if form == "json" else "SUCCESS",
                     status_error_counter="rows_errors" if form == "json" else "rows_error_count", sql_polls=1)  # fmt: skip
    with tool(account) as t:
        t.ready()
        t.send(0, 9)
        assert t("commit", "C", 9)["committed"] == 9


def test_logins(account, folder):
    for more in (
        {"user": "locked", "key_file": folder / "locked.p8", "passphrase": PASSPHRASE},
        {"auth": "oauth", "client_id": "client", "client_secret": SECRET},
        {"auth": "oauth", "client_id": "client", "client_secret": SECRET, "refresh_token": REFRESH, "scope": "session:role:INGEST"},
        {"auth": "pat", "pat": PAT},
    ):
        with tool(account, **more) as t:
            t.ready()
            assert t("sql", "desc table identifier(?)", f'"{account.table}"')["rows"][0] == "ID"


def test_wrong_logins(account, folder, other_key):
    cases = [
        ({"key_file": other_key}, "sf.auth", "390144"),
        ({"user": "NOBODY"}, "sf.auth", "390144"),
        ({"account": "another"}, "sf.auth", "390144"),
        ({"auth": "oauth", "client_id": "client", "client_secret": "wrong"}, "sf.auth", "ERROR_1004"),
        ({"auth": "oauth", "client_id": "client", "client_secret": SECRET, "refresh_token": "wrong"}, "sf.auth", "refresh token"),
        ({"auth": "pat", "pat": "wrong"}, "sf.auth", "ERROR_1005"),
        ({"scope_role": 1}, "sf.refused", "ole scope"),
    ]
    for more, error, text in cases:
        with tool(account, **more) as t:
            t("open", "C")
            told = wait_until(lambda: (s := t.until("C", "READY", "FAILED", ms=50)) and "error" in s and s, what="the refusal")
            assert told["state"] != "READY"
            assert (told["error"], text in told["message"]) == (error, True), told
    for more, text in [
        ({"user": "locked", "key_file": folder / "locked.p8"}, "set snowflake.private.key.passphrase"),
        ({"user": "locked", "key_file": folder / "locked.p8", "passphrase": "wrong"}, "does not open it"),
        ({"key_file": folder / "locked.pub"}, "public key"),
        ({"key_file": None}, "ERROR_0013"),
        ({"url": "nodots"}, "ERROR_0007"),
    ]:
        with tool(account, **more) as t:
            assert (t.first["ok"], text in t.first["message"]) == (False, True), t.first


def test_login_goes_on_by_itself(account):
    account.refuse_user()
    with tool(account) as t:
        t("open", "C")
        wait_until(lambda: t.until("C", "READY", ms=50).get("error") == "sf.auth", what="the refusal")
        account.refuse_user(on=False)
        assert t.until("C", "READY")["state"] == "READY"
        account.refuse_user()  # in the middle: nothing is lost, the same bytes go when it is put right
        account.revoke_tokens()
        t("append", "C", 0, 9)
        wait_until(lambda: t.until("C", "READY", ms=50).get("error") == "sf.auth", what="the refusal")
        assert t("state", "C")["state"] == "BACKPRESSURE"
        account.refuse_user(on=False)
        assert t.until("C", "READY")["accepted"] == 9
        assert t("commit", "C", 9)["losses"] == 0
    landed(account, 9)


def test_tokens_end_and_are_revoked(account):
    account.settings(token_ttl=2.0)
    with tool(account) as t:
        t.ready()
        for i in range(6):
            assert t.send(i, i)["state"] == "READY"
            t("work", 400)
        assert t("counts")["tokens"] >= 2
        account.revoke_tokens()
        assert t.send(6, 6)["accepted"] == 6
        assert t("commit", "C", 6)["losses"] == 0
    landed(account, 6)


@pytest.mark.parametrize("ahead", [-3000.0, 3000.0])
def test_clocks(account, ahead):
    """The server's clock goes ahead or behind: its Date header puts the tokens right."""
    account.settings(clock=ahead)
    with tool(account) as t:
        t.ready()
        assert t.send(0, 3)["accepted"] == 3
        assert t("commit", "C", 3)["committed"] == 3


def test_foreign_host(account):
    """A token goes to no host that is not the account's."""
    before = account.state()["requests"].get("open", 0)
    for name in ("ingest.evil.example", "x.snowflakecomputing.com", "127.0.0.1@evil.example"):
        account.settings(hostname=name)
        with tool(account) as t:
            t("open", "C")
            told = t.until("C", "FAILED")
            assert (told["state"], told["error"]) == ("FAILED", "sf.refused"), told
    account.settings(hostname=None)
    with tool(account, suffix=None) as t:
        t("open", "C")
        assert t.until("C", "FAILED")["error"] == "sf.refused"
    assert account.state()["requests"].get("open", 0) == before


# --- Faults -----------------------------------------------------------------------------------------------------------


def test_bursts(account):
    """Busy servers, errors, connections that end: the same token, the same bytes, each row once."""
    with tool(account) as t:
        for op, action in (("hostname", "503"), ("hostname", "drop"), ("token", "429"), ("open", "500_retry"), ("open", "409_open_in_progress")):
            account.fault(action, op=op)
        t.ready()
        first, shapes = 0, ("code", "error_code", "string", "status_code")
        for i, action in enumerate(("429", "429_memory", "503", "500", "500_retry", "502", "504", "408", "401", "drop")):
            account.fault(action, op="append", shape=shapes[i % 4], times=1)
            told = t.send(first, first + 2)
            assert (told["state"], told["losses"]) == ("READY", 0), (action, told)
            first += 3
        account.fault("503", op="status", times=3)
        assert t("commit", "C", first - 1)["losses"] == 0
        assert t("counts")["throttled"] > 0
    landed(account, first - 1)


def reopened(t, loss=None):
    """The channel was lost; open it again."""
    told = t("state", "C")
    assert told["state"] == "LOST", told
    assert loss is None or told["loss"] == loss, told
    t("open", "C")
    told = t.until("C", "READY", "FAILED")
    assert told["state"] == "READY", told
    return t("event", "C")


def test_answer_lost_after_accept(account):
    """The append was done and nobody was told: the resend is stale or answered again, the reopen finds the rows committed."""
    with tool(account) as t:
        t.ready()
        t("event", "C")
        t.send(0, 9)
        account.fault("lose", op="append")
        assert t.send(10, 19)["loss"] == "FENCED"
        assert reopened(t) == {"event": "REOPENED", "committed": 19, "rewind": -1}
        account.settings(resend="same")
        account.fault("lose", op="append")
        assert t.send(20, 29)["state"] == "READY"
        assert t("commit", "C", 29)["losses"] == 1
    landed(account, 29)


def test_reopen_sends_the_batch_again(account):
    """Not taken, and nothing is missing before it: the channel sends its own copy under the new token."""
    with tool(account) as t:
        t.ready()
        t("event", "C")
        t.send(0, 9)
        t("commit", "C", 9)
        for action, loss in (("409_reopen", "INVALID"), ("409_gap", "INVALID"), ("409_row_sequencer", "INVALID"), ("409_client_sequencer", "FENCED"),
                             ("400_stale", "FENCED"), ("404_channel", "GONE"), ("404_pipe_cache", "GONE"), ("200_rejected", "INVALID")):  # fmt: skip
            last = t("state", "C")["accepted"]
            account.fault(action, op="append")
            assert t.send(last + 1, last + 5, "zstd")["loss"] == loss, action
            assert reopened(t) == {"event": "REOPENED", "committed": last, "rewind": -1}, action
            t("commit", "C", last + 5)
    landed(account, 49)


def test_rows_lost_by_the_server_are_asked_for(account):
    """Accepted rows went with the session: read again from behind what is committed."""
    with tool(account) as t:
        t.ready()
        t("event", "C")
        t.send(0, 9)
        t("commit", "C", 9)
        account.freeze_commits()
        t.send(10, 19)
        account.invalidate("C")
        assert t.send(20, 29)["loss"] == "INVALID"
        assert reopened(t) == {"event": "REOPENED", "committed": 9, "rewind": 10}
        account.freeze_commits(False)
        t.send(10, 29)
        t("commit", "C", 29)
    landed(account, 29)


def test_null_token_rewinds_to_the_first_row(account):
    account.freeze_commits()
    with tool(account) as t:
        t.ready()
        t("event", "C")
        t.send(7, 9)
        account.invalidate("C")
        t.send(10, 12)
        assert reopened(t) == {"event": "REOPENED", "committed": -1, "rewind": 7}


def test_uncommitted_rows_of_the_last_session(account):
    """A safe open waits for them; after its time, by force, they are dropped and the token says so."""
    account.freeze_commits()
    with tool(account) as t:
        t.ready()
        t.send(0, 9)
        t("free", "C")
        t("open", "C")
        assert t.until("C", "WAIT_UNCOMMITTED", "READY")["state"] == "WAIT_UNCOMMITTED"
        account.freeze_commits(False)
        assert t.until("C", "READY")["committed"] == 9
        account.freeze_commits()
        t.send(10, 19)
    with tool(account, safe_open_ms=300) as t:
        assert t.ready()["committed"] == 9
        account.freeze_commits(False)
        t.send(10, 14)
        t("commit", "C", 14)
        t("free", "C")
    landed(account, 14)


def test_idle_channel_is_looked_after(account):
    """Invalidated or dropped without traffic: found by the poll."""
    with tool(account, idle_status_ms=50) as t:
        t.ready()
        t("event", "C")
        t.send(0, 9)
        t("commit", "C", 9)
        account.invalidate("C")
        assert t.until("C", "LOST")["loss"] == "INVALID"
        assert reopened(t) == {"event": "REOPENED", "committed": 9, "rewind": -1}
        account.drop_channel("C")
        assert t.until("C", "LOST")["loss"] == "GONE"
        assert reopened(t) == {"event": "REOPENED", "committed": 9, "rewind": -1}
        t.send(10, 19)
        t("commit", "C", 19)
    landed(account, 19)


def test_stalled_commits(account):
    account.freeze_commits()
    with tool(account, stall_ms=300, safe_open_ms=100) as t:
        t.ready()
        t("event", "C")
        t.send(0, 9)
        assert t.until("C", "LOST")["loss"] == "STALLED"
        assert reopened(t)["rewind"] == 0
        account.freeze_commits(False)
        t.send(0, 9)
        t("commit", "C", 9)
    landed(account, 9)


def test_failover(account):
    with tool(account) as t:
        t.ready()
        t("event", "C")
        t.send(0, 9)
        t("commit", "C", 9)
        account.failover()
        assert t.send(10, 19)["loss"] == "MOVED"
        assert reopened(t)["rewind"] == -1
        t("commit", "C", 19)
        account.failover()
    landed(account, 19)


def test_two_owners(account):
    """Opening fences; the fenced one does not open by itself, so that the other goes on."""
    with tool(account) as a, tool(account) as b:
        a.ready()
        a.send(0, 9)
        a("commit", "C", 9)
        assert b.ready()["committed"] == 9
        assert a.send(10, 14)["loss"] == "FENCED"
        b.send(10, 19)
        b("commit", "C", 19)
        a("work", 200)
        assert a("state", "C")["state"] == "LOST"
        assert a("revoke", "C")["state"] == "REVOKED"
        assert a("open", "C")["state"] == "REVOKED"
        opens = account.channels()["C"]["opens"]
        assert b.send(20, 29)["accepted"] == 29
        b("commit", "C", 29)
        assert account.channels()["C"]["opens"] == opens
    landed(account, 29)


def test_two_that_fight_end(account):
    """Two connectors of one name: after a while one fails and says why."""
    with tool(account) as a, tool(account) as b:
        a.ready(), b.ready()
        at = 0
        while a("state", "C")["state"] != "FAILED":
            for t in (a, b):
                if t("state", "C")["state"] == "LOST":
                    t("open", "C")
                    at = t.until("C", "READY")["committed"]
                if t("state", "C")["state"] == "READY":
                    if t.send(at + 1, at + 1)["state"] == "READY":
                        at = t("commit", "C", at + 1)["committed"]
                assert at < 200
        told = a("state", "C")
        assert (told["error"], "its own name" in told["message"]) == ("sf.channel", True), told


def test_seeded_faults(account):
    """Random faults on everything, lost, late and doubled requests among them: in the end each row is there once."""
    seed = int(os.environ.get("SLUICE_SEED", 0)) or random.randrange(1, 1 << 31)
    print(f"SLUICE_SEED={seed}")
    rng = random.Random(seed)
    account.settings(resend=rng.choice(["stale", "same"]), commit_delay=[0.0, 0.3])
    bad = ["lose", "drop", "late", "503", "500", "429", "401", "409_gap", "409_reopen", "400_stale", "404_channel", "200_rejected"]
    rules = [{"action": action, "op": "append", "chance": 0.04, "times": None, "delay": rng.uniform(0.05, 0.5)} for action in bad]
    rules += [{"action": action, "op": "open", "chance": 0.05, "times": None, "delay": 0.3} for action in ("lose", "drop", "late", "503", "409_uncommitted")]
    rules += [{"action": action, "op": "status", "chance": 0.1, "times": None} for action in ("503", "drop", "401")]
    account.faults(rules, seed=rng.randrange(1 << 30))
    with tool(account, safe_open_ms=rng.choice([200, 5000]), stall_ms=5000) as t:
        at, sent = 0, 0
        t("open", "C")
        while sent < 30:
            told = t.until("C", "READY", "LOST", "FAILED")
            event = t("event", "C")
            if event["event"] != "NONE" and event["rewind"] >= 0:
                at = event["rewind"]
            elif event["event"] == "OPENED":
                at = 0
            if told["state"] == "FAILED":  # the task opens anew
                assert told["error"] == "sf.channel", told
                t("free", "C")
                told["state"] = "LOST"
            if told["state"] == "LOST":
                t("open", "C", *rng.choice([[], ["forced"]]))
            elif event["event"] == "NONE":
                at = max(at, told["accepted"] + 1)
                last = at + rng.randrange(1, 20)
                t("append", "C", at, last, rng.choice(["plain", "zstd"]))
                at, sent = last + 1, sent + 1
                if rng.random() < 0.1:
                    account.invalidate("C")
        account.quiet()
        while (told := t("commit", "C", at - 1))["committed"] < at - 1:
            assert told["state"] in ("LOST", "FAILED"), told
            if told["state"] == "FAILED":
                t("free", "C")
            t("open", "C")
            t.until("C", "READY")
            event = t("event", "C")
            first = max(event["rewind"], 0) if event["event"] == "OPENED" else event["rewind"]
            if 0 <= first < at:
                t("append", "C", first, at - 1)
    landed(account, at - 1)


# --- What can't be cured ----------------------------------------------------------------------------------------------


def test_invalid_pipe(account):
    """It opens with 200, and would take rows and throw them away."""
    account.pipe(account.table, account.table, invalid="ERR_PIPE_IN_INVALID_STATE")
    with tool(account, pipe=account.table) as t:
        t("open", "C")
        told = t.until("C", "READY", "FAILED")
        assert (told["state"], told["error"]) == ("FAILED", "sf.channel"), told
        assert "thrown away" in told["message"]


def test_missing_things(account):
    with tool(account, pipe="NOT_THERE-STREAMING") as t:
        t("open", "C")
        told = t.until("C", "READY", "FAILED")
        assert (told["state"], told["error"], told["class"]) == ("FAILED", "sf.missing", "fatal"), told
    with tool(account) as t:
        t.ready()
        account.fault("409_pipe_state", op="append")
        assert t.send(0, 1)["error"] == "sf.channel"
        t("free", "C")
        t.ready()
        account.fault("404_table", op="append")
        assert t.send(0, 1)["error"] == "sf.missing"


def test_token_of_somebody_else(account):
    with tool(account) as t:
        t.ready()
        channel = requests_open(account, {"offset_token": "file-7.csv"})
        t("free", "C")
        t("open", "C")
        told = t.until("C", "READY", "FAILED")
        assert (told["state"], told["error"], "file-7.csv" in told["message"]) == ("FAILED", "sf.channel", True), (told, channel)
        requests_open(account, {"offset_token": "7"})
        t("free", "C")
        assert t.ready()["committed"] == 7
        assert t("drop", "C")["state"] == "OPENING"
        assert t.until("C", "READY")["committed"] == -1
        assert t("event", "C") == {"event": "OPENED", "committed": -1, "rewind": -1}


def requests_open(account, body):
    """Another program opens the channel."""
    import requests

    form = {"grant_type": sf.sf_auth.JWT_BEARER, "scope": account.state()["hostname"]}
    plain = {"Accept": "application/json"}
    token = requests.post(f"{account.control}/oauth/token", data=form, headers={**plain, "Authorization": f"Bearer {account.jwt()}"}, timeout=10)
    path = f"/v2/streaming/databases/{account.db}/schemas/{account.schema}/pipes/%22{account.table}-STREAMING%22/channels/C"
    answer = requests.put(f"http://127.0.0.1:{account.state()['hostname'].rpartition(':')[2]}{path}", json=body, timeout=10,
                          headers={**plain, "Authorization": f"Bearer {token.text}"})  # fmt: skip
    assert answer.ok, answer.text
    return answer.json()


def test_too_large(account):
    with tool(account) as t:
        t.ready()
        t("event", "C")
        assert t.send(0, 4, "plain", 1 << 20)["state"] == "READY"
        assert t("event", "C") == {"event": "TOO_LARGE", "committed": -1, "rewind": 0}
        assert t("back", "C")["bytes"] > 5 << 20
        assert t.send(0, 4)["accepted"] == 4
        t("commit", "C", 4)
    landed(account, 4)


def test_row_errors_against_the_baseline(account):
    account.sql(f"create table {account.table}E (ID int, N int not null)")
    with tool(account, pipe=f"{account.table}E-STREAMING") as t:
        t.ready()
        t.send(0, 4)
        told = t("commit", "C", 4)
        wait_until(lambda: t("poll") and t("work", 60) and t("state", "C")["errors"] == 5, what="the row errors")
        assert told["base_errors"] == 0 and t("state", "C")["row_error"]
        t("free", "C")
        told = t.ready()
        assert (told["errors"], told["base_errors"]) == (5, 5)


# --- Statements -------------------------------------------------------------------------------------------------------


def test_statements(account):
    with tool(account) as t:
        name = f'"{account.table}"'
        assert t("sql", "desc table identifier(?)", name) == {"ok": True, "rows": ["ID", "PAD"], "named": True}
        account.settings(sql_polls=3)
        assert t("sql", "desc table identifier(?)", name)["rows"] == ["ID", "PAD"]
        missing = t("sql", "desc table identifier(?)", '"NOT_THERE"')
        assert (missing["error"], missing["sqlstate"], "002003" in missing["message"]) == ("sf.missing", "42S02", True), missing
        wrong = t("sql", "make me a table")
        assert (wrong["error"], wrong["class"]) == ("sf.sql", "fatal"), wrong
        for action in ("503", "429", "500", "drop", "401"):
            account.fault(action, op="sql")
            assert t("sql", "desc table identifier(?)", name)["ok"], action
        before = len(account.statements())
        account.fault("lose", op="sql")  # done, and nobody was told: the same request id runs it once
        assert t("sql", "alter table identifier(?) add column if not exists \"X\" int", name)["ok"]
        assert len(account.statements()) == before + 1
        account.fault("503", op="sql", times=None)
        assert t("sql", "desc table identifier(?)", name)["error"] == "sf.retry"


def test_many_channels_share_a_status_call(account):
    with tool(account) as t:
        names = [f"C{i}" for i in range(20)]
        for name in names:
            t("open", name)
        for name in names:
            assert t.until(name, "READY")["state"] == "READY"
        before = t("counts")["statuses"]
        for name in names:
            t("append", name, 0, 9)
        for name in names:
            assert t("commit", name, 9)["committed"] == 9
        assert t("counts")["statuses"] - before < 20
    assert len(ids(account)) == 200
