# SPDX-License-Identifier: Apache-2.0
"""The stand-in for Snowflake is as strict as it says: what tests of the sink rely on. Speaks its protocol without Sluice.
Against Snowflake's own SDK: tests/conformance/snowflake/run."""

import gzip
import json
import os
import time
import uuid

import pytest
import requests
from backports import zstd

import sf_auth
import stand

JSON = {"Content-Type": "application/json"}
PIPE = "/v2/streaming/databases/DB/schemas/PUBLIC/pipes/%22T-STREAMING%22"


class Client:
    """A client by the book, over one account."""

    def __init__(self, account):
        self.account, self.session = account, requests.Session()
        self.session.headers.update({"Accept": "application/json", "User-Agent": "test/1"})
        self.own = {"Authorization": f"Bearer {account.jwt()}", "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT"}
        self.login()

    def login(self):
        self.host = self.session.get(f"{self.account.control}/v2/streaming/hostname", headers=self.own).text
        self.base = f"http://{stand.HOST}:{self.host.rpartition(':')[2]}"
        self.token = self.exchange(self.own, self.host).text
        self.auth = {"Authorization": f"Bearer {self.token}", "Host": self.host}

    def exchange(self, headers, scope):
        form = {"grant_type": sf_auth.JWT_BEARER, "scope": scope}
        return self.session.post(f"{self.account.control}/oauth/token", headers=headers, data=form)

    def open(self, channel="c", pipe=PIPE, **body):
        return self.session.put(f"{self.base}{pipe}/channels/{channel}", headers={**self.auth, **JSON}, json=body)

    def opened(self, channel="c"):
        answer = self.open(channel)
        assert answer.status_code == 200, answer.text
        return answer.json()["next_continuation_token"]

    def append(self, token, first, last, rows=None, channel="c", encoding="zstd", raw=None, pipe=PIPE):
        rows = [{"ID": n} for n in range(first, last + 1)] if rows is None else rows
        plain = raw if raw is not None else b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        body = {"zstd": zstd.compress, "gzip": gzip.compress, None: bytes}[encoding](plain)
        headers = {**self.auth, "Content-Type": "application/x-ndjson"}
        if encoding:
            headers |= {"Content-Encoding": encoding, "x-snowflake-uncompressed-content-length": str(len(plain))}
        return self.session.post(f"{self.base}{pipe.replace('streaming/', 'streaming/data/', 1)}/channels/{channel}/rows", headers=headers, data=body,
                                 params={"continuationToken": token, "startOffsetToken": first, "endOffsetToken": last})  # fmt: skip

    def status(self, *names, pipe=PIPE):
        answer = self.session.post(f"{self.base}{pipe}:bulk-channel-status", headers={**self.auth, **JSON}, json={"channel_names": names})
        assert answer.status_code == 200, answer.text
        return answer.json()["channel_statuses"]

    def wait(self, token, channel="c", pipe=PIPE):
        return stand.wait_until(lambda: (one := self.status(channel, pipe=pipe)[channel])["last_committed_offset_token"] == token and one)

    def sql(self, statement, *binds, request=None, retry=False, **body):
        bindings = {str(n): {"type": "TEXT", "value": value} for n, value in enumerate(binds, 1)}
        query = {"requestId": request or str(uuid.uuid4()), **({"retry": "true"} if retry else {})}
        return self.session.post(f"{self.account.control}/api/v2/statements", params=query, headers=self.own,
                                 json={"statement": statement, "database": "DB", "schema": "PUBLIC", "role": "INGEST", "bindings": bindings, **body})  # fmt: skip


@pytest.fixture
def account(snowflake):
    """The session's account with an empty table T and no switch on."""
    snowflake.quiet()
    snowflake.settings(commit_delay=[0, 0], resend="stale", token_ttl=600.0, clock=0.0, requests_per_second=10, sql_polls=0)
    snowflake.sql("drop table if exists T")
    snowflake.sql("create table T (ID int not null, NAME varchar(5), RECORD_METADATA variant) enable_schema_evolution = false error_logging = true")
    return snowflake


@pytest.fixture
def client(account):
    return Client(account)


def code(answer):
    return answer.status_code, answer.json().get("code")


STALE = 400, "STALE_CONTINUATION_TOKEN_SEQUENCER"


def test_a_token_is_good_for_one_append(client, account):
    token = client.opened()
    first = client.append(token, 0, 9)
    assert first.status_code == 200
    assert code(client.append(token, 0, 9)) == STALE
    assert client.append(first.json()["next_continuation_token"], 10, 19, encoding="gzip").status_code == 200
    client.wait("19")
    assert account.rows("select ID::int from T order by 1") == [(n,) for n in range(20)]


def test_the_same_answer_again_if_that_is_asked_for(client, account):
    account.settings(resend="same")
    token = client.opened()
    assert client.append(token, 0, 9).json() == client.append(token, 0, 9).json()
    client.wait("9")
    assert account.rows("select count(*) from T") == [(10,)]


def test_an_open_fences_and_discards(client, account):
    account.settings(commit_delay=[30, 30])
    old = client.append(client.opened(), 0, 9).json()["next_continuation_token"]
    assert code(client.open(fail_on_uncommitted_rows=True)) == (409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA")
    again = client.append(old, 10, 19)
    assert again.status_code == 200, "an open that failed fences nobody"
    account.settings(commit_delay=[0, 0])
    token = client.opened()
    assert code(client.append(again.json()["next_continuation_token"], 20, 29)) == STALE
    assert client.status("c")["c"]["last_committed_offset_token"] is None
    assert client.append(token, 5, 6).status_code == 200
    client.wait("6")
    assert account.rows("select ID::int from T order by 1") == [(5,), (6,)]


def test_names(client):
    client.opened("Chan")
    assert client.open("cHAN").json()["channel_status"]["channel_name"] == "Chan", "URLs know no case"
    assert sorted(client.status("Chan", "CHAN", "none")) == ["Chan"], "the body of a status does"
    assert client.session.delete(f"{client.base}{PIPE}/channels/Chan", headers=client.auth).status_code == 200
    assert code(client.append("x", 0, 0, channel="Chan")) == (404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED")
    assert code(client.open(pipe=PIPE.replace("T-", "U-"))) == (404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED")
    assert code(client.open(pipe=PIPE.replace("T-STREAMING", "U"))) == (404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED")


def test_bad_rows_are_found_after_the_append(client, account):
    rows = [{"ID": 1}, {"ID": "x"}, {"NAME": "y"}, {"ID": 2, "NAME": "too long"}, {"ID": 3, "UNKNOWN": 1}]
    assert client.append(client.opened(), 0, 4, rows).status_code == 200
    status = client.wait("4")
    assert (status["rows_inserted"], status["rows_parsed"], status["rows_error_count"]) == (2, 5, 3)
    assert "too long" in status["last_error_message"]
    assert [why.split(";")[0] for (why,) in account.rows("select why from errors.T")] == [
        "Numeric value 'x' is not recognized", "NULL result in a non-nullable column ID", "String of 8 characters is too long and would be truncated"]  # fmt: skip


@pytest.mark.parametrize("line", [b'{"ID":NaN}', b'{"ID":1,"ID":2}', b"[1]", b'{"ID":1} {"ID":2}', b'{"NAME":"\\ud800","ID":1}', b'{"NAME":"\x01","ID":1}', b'{"ID":"\xff"}'])
def test_json_is_strict(client, account, line):
    assert client.append(client.opened(), 0, 0, raw=line + b"\n").status_code == 200
    assert client.wait("0")["rows_error_count"] == 1
    assert any(repr(line.decode(errors="replace"))[1:-1][:8] in what for what in account.violations())


def test_limits(client, account):
    token = client.opened()
    noise = json.dumps({"ID": 0, "NAME": os.urandom(2_200_000).hex()}).encode()
    assert code(client.append(token, 0, 0, raw=noise, encoding=None)) == (413, "ERR_PAYLOAD_TOO_LARGE")
    account.settings(requests_per_second=2)
    for n in range(100):
        answer = client.append(token, n, n)
        if answer.status_code != 200:
            break
        token = answer.json()["next_continuation_token"]
    assert code(answer) == (429, "ERR_CHANNEL_RATE_LIMITED")


def test_an_invalid_pipe_takes_rows_and_throws_them_away(client, account):
    account.pipe("BROKEN", "T", invalid="ERR_PIPE_INVALID")
    pipe = PIPE.replace("T-STREAMING", "BROKEN")
    opened = client.open(pipe=pipe)
    assert opened.status_code == 200 and opened.json()["channel_status"]["channel_status_code"] == "ERR_PIPE_INVALID"
    assert client.append(opened.json()["next_continuation_token"], 0, 0, pipe=pipe).status_code == 200
    assert client.status("c", pipe=pipe)["c"]["last_committed_offset_token"] is None


def test_an_invalidated_channel_says_so(client, account):
    token = client.opened()
    account.invalidate("c")
    assert client.status("c")["c"]["channel_status_code"] == "ERR_CHANNEL_MUST_BE_REOPENED"
    assert code(client.append(token, 0, 0)) == (409, "ERR_CHANNEL_MUST_BE_REOPENED")
    assert client.append(client.opened(), 0, 0).status_code == 200


def test_a_pipe_moves_to_the_other_host(client, account):
    token = client.opened()
    assert account.failover()["hostname"] != client.host
    assert client.append(token, 0, 0).status_code == 410
    old = client.auth
    client.login()
    token = client.opened()
    client.auth = {**old, "Host": client.host}
    assert client.append(token, 0, 0).status_code == 401, "a token is for one host"


def test_lost_and_late_answers(client, account):
    token = client.opened()
    account.fault("lose", op="append")
    with pytest.raises(requests.ConnectionError):
        client.append(token, 0, 9)
    assert code(client.append(token, 0, 9)) == STALE
    client.wait("9")
    token = client.opened()
    account.fault("late", op="append", delay=0.3)
    with pytest.raises(requests.ConnectionError):
        client.append(token, 10, 19)
    client.wait("19")
    assert account.rows("select count(*) from T") == [(20,)]


def test_keys_and_tokens(client, account):
    def refused(**more):
        headers = {**client.own, "Authorization": f"Bearer {more.pop('jwt', None) or account.jwt(**more)}"}
        return code(client.session.get(f"{account.control}/v2/streaming/hostname", headers=headers))

    now = int(time.time())
    assert refused(now=now + 120) == (401, "390144"), "a clock that goes ahead"
    assert refused(now=now - 4000) == (401, "390318"), "expired"
    assert refused(lifetime=4000) == (401, "390144"), "more than an hour"
    head, body, signature = account.jwt().split(".")
    assert refused(jwt=f"{head}.{body}.{signature[::-1]}") == (401, "390144")
    assert refused(jwt=sf_auth.make_jwt(account.key_file, account.account, account.user, "SHA256:xyz")) == (401, "390144")
    assert refused(jwt=sf_auth.make_jwt(account.key_file, "other", account.user, account.fingerprint)) == (401, "390144")
    assert client.exchange(client.own, "elsewhere.example").status_code == 400
    token = client.opened()
    account.revoke_tokens()
    assert code(client.append(token, 0, 0)) == (401, "390303")
    client.auth = {**client.own, "Host": client.host}
    assert client.append(token, 0, 0).status_code == 401, "an ingest host takes no key-pair JWT"
    account.settings(token_ttl=-1.0)
    client.login()
    assert code(client.append(token, 0, 0)) == (401, "390318")


def test_sql(client, account):
    create = client.sql("create table if not exists identifier(?) (record_metadata variant comment 'it''s')", '"One ""table"""')
    assert create.status_code == 200, create.text
    rows = client.sql("desc table identifier(?)", '"One ""table"""').json()
    assert "resultSetMetaData" in rows, rows
    assert [c["name"] for c in rows["resultSetMetaData"]["rowType"]][:4] == ["name", "type", "kind", "null?"]
    assert rows["data"][0][:4] == ["RECORD_METADATA", "VARIANT", "COLUMN", "Y"] and rows["data"][0][9] == "it's"
    assert code(client.sql("desc table identifier(?)", '"none"')) == (422, "002003")
    assert code(client.sql("selekt 1")) == (422, "001003")
    assert code(client.sql("use database DB")) == (422, "391911")
    assert code(client.sql("desc table identifier(?)", '"T"', role="NOBODY")) == (422, "390189")
    assert code(client.sql("alter table identifier(?) add column ID int", '"T"')) == (422, "001430")
    account.settings(sql_polls=2)
    request = str(uuid.uuid4())
    first = client.sql("alter table identifier(?) add column MORE int", '"T"', request=request)
    assert first.status_code == 202 and first.json()["code"] == "333334"
    again = client.sql("alter table identifier(?) add column MORE int", '"T"', request=request, retry=True)
    assert again.json()["statementHandle"] == first.json()["statementHandle"], "one run a request id"
    done = client.session.get(account.control + first.json()["statementStatusUrl"], headers=client.own)
    assert done.status_code == 200, done.text
    client.sql("drop table identifier(?)", '"One ""table"""')
