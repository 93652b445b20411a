# SPDX-License-Identifier: Apache-2.0
"""Is the stand-in for Snowflake (tests/support/snowflake) what real clients expect?

1. Snowflake's own SDK (snowpipe-streaming from PyPI, closed source, only run here) is pointed at it over TLS with a test CA and must get
   through: tokens, open, rows, commits, row errors, fencing, bursts of 429/503, lost answers, tokens that end, a pipe that is not there.
2. snowduck (PyPI), an independent emulation that is tested with the same SDK, gets the same requests; where the two answer
   differently must be in DIFFERENCES, with the reason.

Both are installed by name, pinned, into environments of their own in SLUICE_CACHE. docs/snowflake-standin.md has the findings."""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

import requests

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "support"))
sys.path.insert(0, str(HERE))
import sdk_client  # noqa: E402
import sf  # noqa: E402
import stand  # noqa: E402

PIPE = "/v2/streaming/databases/DB/schemas/PUBLIC/pipes/{}"
# What snowduck does otherwise: step: (stand-in, snowduck, why the stand-in does it)
DIFFERENCES = {
    "append with a token that was used": (400, 200, "the row sequencer is part of the token; a second answer would double rows"),
    "append to a channel that is not there": (404, 400, "documented as ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"),
    "append that is no JSON": (200, 400, "documented: 200 means accepted, rows are validated later"),
    "open with a pipe whose table is not there": (404, 200, "documented as ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"),
    "open without a token": (401, 200, "snowduck does not check tokens"),
    "bulk status in another case": ([], ["ch_0"], "the names in this body are case-sensitive"),
    "committed at once": (False, True, "Snowflake commits later; snowduck at once"),
}  # fmt: skip


class Failed(Exception):
    pass


def check(what, right):
    print(f"{'ok  ' if right else 'BAD '} {what}", flush=True)
    if not right:
        raise Failed(what)


# --- The SDK ----------------------------------------------------------------------------------------------------------


def with_sdk(workdir):
    account = sdk_client.account(workdir / "account")
    with account, sdk_client.Sdk(workdir) as sdk:
        account.sql("create table ORDERS (ID int, NAME varchar(10), AMOUNT number(10,2), AT timestamp, RECORD_METADATA variant) error_logging = true")
        sdk.client("one", account)
        check("open a new channel", sdk.open(name="one", channel="ch_0")["committed"] is None)
        rows = [({"ID": i, "NAME": f"n{i}", "AMOUNT": i / 4, "AT": "2026-01-02T03:04:05.678Z", "RECORD_METADATA": {"offset": i}}, str(i)) for i in range(500)]
        sdk.append(name="one", channel="ch_0", rows=rows)
        check("committed token of 500 rows", sdk.wait(name="one", channel="ch_0", token="499") == "499")
        landed = account.rows('select "ID", NAME, AMOUNT::varchar, "AT"::varchar from ORDERS order by 1')
        check("500 rows with their values", landed == [(i, f"n{i}", f"{i / 4:.2f}", "2026-01-02 03:04:05.678") for i in range(500)])

        sdk.append(name="one", channel="ch_0", rows=[({"ID": "x"}, "500"), ({"NAME": "much too long a name"}, "501"), ({"ID": 502}, "502")])
        check("a batch with bad rows", sdk.wait(name="one", channel="ch_0", token="502") == "502")
        status = sdk.status(name="one", channel="ch_0")
        check("two errors, counted and told", (status["errors"], status["inserted"]) == (2, 501) and "too long" in status["error"])
        check("in the error table", account.rows("select count(*) from errors.ORDERS") == [(2,)])

        for action, times in (("503", 2), ("429", 2), ("500_retry", 1), ("lose", 1), ("slow", 1)):
            account.fault(action, op="append", times=times)
        sdk.append(name="one", channel="ch_0", rows=[({"ID": 503}, "503")])
        found = sdk.wait(name="one", channel="ch_0", token="503", timeout=20)
        account.quiet()
        # A lost answer: the SDK sends again with the same token, is told that it is stale, and opens the channel anew or gives it up.
        print(f"     after 503, 429, 500 and a lost answer the token is {found}; {account.state()['answers']}")
        check("no row twice for all that", account.rows("select count(*) from ORDERS where \"ID\" = 503")[0][0] <= 1)

        account.settings(token_ttl=2.0)
        account.revoke_tokens()
        again = sdk.open(name="one", channel="ch_1")
        check("open after all tokens were revoked", again["committed"] is None)
        account.settings(token_ttl=600.0)

        sdk.client("two", account)
        check("a second client opens the same channel", sdk.open(name="two", channel="ch_1")["code"] in ("SUCCESS", "ACTIVE"))
        sdk.append(name="two", channel="ch_1", rows=[({"ID": 1000}, "0")])
        check("and writes", sdk.wait(name="two", channel="ch_1", token="0") == "0")
        with contextlib.suppress(sdk_client.SdkError):  # it may have noticed already
            sdk.append(name="one", channel="ch_1", rows=[({"ID": 1001}, "1")])
            sdk.flush(name="one", channel="ch_1")
        stand.wait_until(lambda: account.state()["counters"].get("stale"), 20, "a stale token")
        check("the first one is fenced: none of its rows", account.rows("select count(*) from ORDERS where \"ID\" = 1001") == [(0,)])

        sdk.close(name="two", channel="ch_1", drop=True)
        check("a dropped channel is gone", "ch_1" not in account.channels())
        try:
            sdk.client("three", account, pipe="NOTHING-STREAMING")
            told = ""
        except sdk_client.SdkError as error:
            told = str(error)
        check("a pipe whose table is not there", "ERR_TABLE_DOES_NOT_EXIST" in told or "404" in told)
        check(f"nothing that the stand-in has to complain of: {account.violations()}", not account.violations())


# --- snowduck ---------------------------------------------------------------------------------------------------------


class Duck(stand.Part):
    name = "snowduck"

    def __init__(self, workdir):
        super().__init__(workdir)
        self.port = stand.free_port()
        self.url = f"http://{stand.HOST}:{self.port}"

    def _command(self):
        return [sdk_client.environment("snowduck"), "-m", "snowduck.server.server", "--host", stand.HOST, "--port", self.port]

    def _environ(self):
        return {**os.environ, "SNOWDUCK_STREAMING_HOSTNAME": f"{stand.HOST}:{self.port}"}

    def _ready(self):
        return requests.get(self.url + "/v2/streaming/hostname", timeout=2).ok


def walk(control, ingest, jwt):
    """{step: what came of it} of the same requests to either."""
    seen, session = {}, requests.Session()
    session.headers.update({"Accept": "application/json", "User-Agent": "conformance/1"})
    own = {"Authorization": f"Bearer {jwt}", "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT"}
    host = session.get(control + "/v2/streaming/hostname", headers=own)
    seen["hostname is plain text"] = host.headers["Content-Type"].startswith("text/plain") and "{" not in host.text
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": host.text}
    token = session.post(control + "/oauth/token", headers=own, data=form)
    seen["token is a JWT in plain text"] = token.headers["Content-Type"].startswith("text/plain") and token.text.count(".") == 2
    auth = {"Authorization": f"Bearer {token.text}", "Content-Type": "application/json"}
    orders, channel = PIPE.format("ORDERS-STREAMING"), "/channels/ch_0"

    def opened(path, headers=auth):
        return session.put(ingest + path, headers=headers, data="{}")

    def append(token, body=b'{"ID":1}\n', channel=channel):
        return session.post(ingest + orders.replace("streaming/", "streaming/data/", 1) + channel + "/rows", params={"continuationToken": token,
                            "offsetToken": "1"}, headers={**auth, "Content-Type": "application/x-ndjson"}, data=body)  # fmt: skip

    def status(names):
        return session.post(ingest + orders + ":bulk-channel-status", headers=auth, json={"channel_names": names}).json()["channel_statuses"]

    first = opened(orders + channel)
    seen["open"] = first.status_code
    fields = {"database_name", "schema_name", "pipe_name", "channel_name", "channel_status_code", "last_committed_offset_token", "rows_inserted",
              "rows_parsed", "rows_error_count", "created_on_ms", "snowflake_avg_processing_latency_ms"}  # fmt: skip
    seen["fields of a status that are missing"] = sorted(fields - set(first.json()["channel_status"]))
    name = first.json()["channel_status"]["channel_name"]
    zero = first.json()["next_continuation_token"]
    one = append(zero)
    seen["append"] = one.status_code if one.ok else (one.status_code, one.text)
    seen["committed at once"] = status([name])[name]["last_committed_offset_token"] == "1"
    seen["append with a token that was used"] = append(zero).status_code
    second = opened(orders + channel)
    seen["open again"] = second.status_code
    stale = append(one.json().get("next_continuation_token", "none"))
    seen["append of the old session"] = (stale.status_code, stale.json()["code"])
    seen["append that is no JSON"] = append(second.json()["next_continuation_token"], b"nonsense\n").status_code
    seen["append to a channel that is not there"] = append(zero, channel="/channels/none").status_code
    seen["bulk status of a channel that is not there"] = sorted(status([name, "none"])) == [name]
    seen["bulk status in another case"] = sorted(status([name.swapcase()]))
    seen["open with a pipe whose table is not there"] = opened(PIPE.format("NONE-STREAMING") + channel).status_code
    seen["open without a token"] = opened(orders + "/channels/ch_9", {"Content-Type": "application/json"}).status_code
    seen["drop"] = session.delete(ingest + orders + channel, headers=auth).status_code
    seen["drop again"] = session.delete(ingest + orders + channel, headers=auth).status_code
    return seen


def with_snowduck(workdir):
    with sf.Snowflake(workdir / "plain", settings={"commit_delay": [0.5, 0.5]}) as account, Duck(workdir / "duck") as duck:
        account.sql("create table ORDERS (ID int)")
        # 127.0.0.1 with the ingest host's port: names under .localhost are for curl
        ours = walk(account.control, f"http://{stand.HOST}:{account.ports[0]}", account.jwt())
        theirs = walk(duck.url, duck.url, account.jwt())
    bad = []
    for step, one in ours.items():
        other, known = theirs[step], DIFFERENCES.get(step)
        right = one == other and known is None or one != other and known and (one, other) == known[:2]
        print(f"{'ok  ' if right else 'BAD '} {step}: {one}" + (f", snowduck {other}" if one != other else "") + (f": {known[2]}" if known else ""), flush=True)
        if not right:
            bad.append(step)
    if bad:
        raise Failed(", ".join(bad))


def main():
    parser = argparse.ArgumentParser(prog="tests/conformance/snowflake/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="?", choices=("sdk", "snowduck"))
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="sluice-sf-") as directory:
        for name, run in (("sdk", with_sdk), ("snowduck", with_snowduck)):
            if args.only not in (None, name):
                continue
            print(f"--- {name}", flush=True)
            try:
                run(pathlib.Path(directory) / name)
            except (Failed, sdk_client.SdkError, subprocess.CalledProcessError, TimeoutError) as error:
                print(f"FAILED: {error}")
                failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
