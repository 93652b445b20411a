# SPDX-License-Identifier: Apache-2.0
"""The S3 client without Kafka (tests/support/s3_tool.c): objects in the background against real servers and through a proxy that
fails on purpose, credentials from services that are played here (no AWS can be reached), signatures against botocore's."""

import base64
import contextlib
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import queue
import random
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest
import requests

import s3
import secured
import stand
from conftest import SLOW, wait_until
from s3_faults import Faults

TOOL = os.environ.get("SLUICE_S3_TOOL", stand.PLACES["SLUICE_ROOT"] / "build/dev/tests/s3_tool")
PART = 5 << 20
QUICK = {"s3.retry.backoff.ms": "10", "s3.part.size": str(PART)}
ALPHABET = bytes(i * 31 % 251 for i in range(251))


def content(size):
    return (ALPHABET * (size // 251 + 1))[:size]


class Tool:
    """A running s3_tool. Its environment knows no AWS but what is given."""

    def __init__(self, settings, env=None):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        plain |= {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"} | (env or {})
        words = [f"{k}={v}" for k, v in settings.items() if v is not None]
        self.process = subprocess.Popen([TOOL, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=plain)  # fmt: skip
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.process.stdout], daemon=True).start()

    def order(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def line(self):
        return self.lines.get(timeout=40 * SLOW).strip()

    def ask(self, *words):
        self.order(*words)
        return json.loads(self.line())

    def put(self, key, size, *more):
        """One object from its start to its end."""
        self.order("put", key, size, *more)
        self.order("wait")
        answer = json.loads(self.line())
        self.order("drop")
        return answer

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(20 * SLOW)
        text = self.process.stderr.read()
        assert code == 0, text
        return text

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.end()
        finally:
            self.process.kill()
            self.process.wait()


def settings(server, url=None, **more):
    return {
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        "flush.size": "1",
        "s3.bucket.name": "lake",
        "s3.region": "us-east-1",
        "store.url": url or server.endpoint,
        "aws.access.key.id": server.access_key,
        "aws.secret.access.key": server.secret_key,
        **QUICK,
        **{k.replace("_", "."): v for k, v in more.items()},
    }


@pytest.fixture
def strict(minio):
    """MinIO, which knows conditions on Complete, tags and customers' keys."""
    return minio


@pytest.fixture
def proxy(store):
    with Faults(store.endpoint) as made:
        yield made


@pytest.fixture
def tool(store, proxy):
    with Tool(settings(store, proxy.url)) as made:
        yield made


def uploads(server, unique):
    """Keys of unfinished uploads. s3proxy answers 500 while a part that was broken off is being removed."""
    unfinished = server.client.multipart_uploads
    return wait_until(lambda: [[key for key, _ in unfinished("lake") if unique in key]], what="the list of uploads")[0]


# --- Signatures -------------------------------------------------------------------------------------------------------


def test_signatures_equal_botocores(store):
    auth = pytest.importorskip("botocore.auth", reason="botocore is not in the tests' environment")
    import botocore.awsrequest
    import botocore.credentials

    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    letters = "abcXYZ019-_.~/ =+%&?#@!$'()*,;:<>[]{}|^`\"\\äß日本🎉"
    text = lambda n, some=letters: "".join(chance.choice(some) for _ in range(chance.randint(1, n)))
    keys = botocore.credentials.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    with Tool(settings(store)) as tool:
        for turn in range(150):
            region = chance.choice(["us-east-1", "eu-central-1", "cn-north-1"])
            signer = auth.S3SigV4Auth(keys, "s3", region)
            when = datetime.datetime(2026, chance.randint(1, 12), chance.randint(1, 28), 1, 2, 3)
            stamp = when.strftime("%Y%m%dT%H%M%SZ")
            path = "/" + text(40)
            query = {text(8, "abcXY09-_.~= +%/"): text(12, "abcXY09-_.~= +%/&?ä") for _ in range(chance.randint(0, 4))}
            if chance.random() < 0.3:
                query["uploads"] = ""
            encoded = s3.canonical_query(query)
            headers = {"host": "lake.example.com:8443"}
            for _ in range(chance.randint(0, 5)):
                headers["x-amz-meta-" + text(6, "abcxyz0-")] = text(20, "abc XYZ  09-_=/+") or "v"
            digest = hashlib.sha256(text(9).encode()).hexdigest()
            request = botocore.awsrequest.AWSRequest(
                "PUT", "https://lake.example.com:8443" + s3.quote(path, "/") + ("?" + encoded if encoded else "")
            )
            for name, value in headers.items():
                request.headers[name] = value
            request.headers["X-Amz-Content-SHA256"] = digest
            request.headers["X-Amz-Date"] = stamp
            request.context["timestamp"] = stamp
            request.context["payload_signing_enabled"] = True
            wanted = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
            all_headers = headers | {"x-amz-content-sha256": digest, "x-amz-date": stamp}
            tool.order("sign", "PUT", path, encoded or "-", digest, region, stamp, *(f"{k}={v}" for k, v in all_headers.items()))
            assert tool.line().endswith("Signature=" + wanted), f"seed {seed} turn {turn}: {path!r} {query} {headers}"


# --- Objects ----------------------------------------------------------------------------------------------------------


def test_sizes_around_parts_and_odd_keys(store, proxy, tool, unique):
    sizes = [0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 17]
    names = ["a=1+b", "x y%z", "ä日", "q?a#b&c", "+plus", "pc%2F", "t'(!)*"]
    keys = [f"{unique}/{name}" for name in names]
    for key, size in zip(keys, sizes):
        tool.order("put", key, size, "start=7")
    tool.order("wait")
    for key, size in zip(keys, sizes):
        assert json.loads(tool.line()) == {"key": key, "state": "DONE", "held": 0, "bytes": size}
        assert store.get("lake", key) == content(size)
        assert len(proxy.requests("part", re.escape(key))) == (-(-size // PART) if size > PART else 0)
    found = tool.ask("head", keys[1])
    assert found["found"] and found["bytes"] == 1 and found["start"] == "7" and len(found["id"]) == 16
    assert not tool.ask("head", f"{unique}/nothing")["found"]
    assert tool.ask("bucket")["ok"]
    assert not uploads(store, unique)
    # A PUT for what fits one part: no other requests.
    assert {r.op for r in proxy.requests(key=re.escape(keys[3]))} == {"put", "get"} - {"get"}
    assert not any("expect" in r.headers for r in proxy.requests("put", re.escape(keys[1])))
    assert all("expect" in r.headers for r in proxy.requests("part", re.escape(keys[5])))


def test_many_at_once_are_bounded(store, proxy, unique):
    proxy.rule("slow", op="put", times=None, delay=0.02)
    with Tool(settings(store, proxy.url, sluice_s3_parallel_parts="3")) as tool:
        for i in range(60):
            tool.order("put", f"{unique}/{i}", 1000)
        tool.order("wait")
        assert [json.loads(tool.line())["state"] for _ in range(60)] == ["DONE"] * 60
        assert len(proxy._open) <= 3  # connections, kept for the next object
    assert len(store.list("lake", unique)) == 60


@pytest.mark.parametrize("size", [1000, 2 * PART + 5])
@pytest.mark.parametrize("fault, op", [
    ("slow_down", None), ("internal", None), ("internal_mid", {"put", "part"}), ("drop_before", None),
    ("drop_mid", {"put", "part"}), ("drop_after", None), ("timeout", {"put", "part"}), ("skewed", None),
    ("error_200", "complete"), ("error_200_done", "complete"), ("lose", None), ("conflict", {"put", "complete"}), ("expired", None),
])  # fmt: skip
def test_one_fault_is_not_seen(store, proxy, tool, unique, fault, op, size):
    """Each kind of fault once at each kind of request; the static keys of the config can't expire, so that one is."""
    if fault == "expired":
        proxy.rule(fault, op=("put", "create"))
        assert tool.put(unique, size)["error"] == "s3.setup"
        return
    ops = ["put"] if size < PART else ["create", "part", "complete"]
    for one in ops:
        if op is None or one == op or one in op:
            proxy.rule(fault, op=one)
    answer = tool.put(unique, size)
    assert answer["state"] == "DONE", answer
    assert store.get("lake", unique) == content(size)
    if not (op and not set(ops) & set([op] if isinstance(op, str) else op)):
        assert proxy.counts[fault]
    if fault != "lose":  # the answer to a Create that was lost leaves an upload that nobody knows
        assert not uploads(store, unique)


def test_tries_run_out_and_bodies_are_kept(store, proxy, tool, unique):
    proxy.rule("slow_down", op={"put", "part"}, times=None, retry_after=0)
    for i, size in enumerate([1000, 2 * PART + 5]):
        tool.order("put", f"{unique}/{i}", size)
    tool.order("wait")
    for _ in range(2):
        answer = json.loads(tool.line())
        assert (answer["state"], answer["error"], answer["class"], answer["native"]) == ("FAILED", "s3.retry", "transient", 503)
        assert "tried 3 times: SlowDown" in answer["message"]
    assert len(proxy.requests("put")) == 3
    proxy.quiet()
    tool.order("retry")
    assert [json.loads(tool.line())["state"] for _ in range(2)] == ["DONE"] * 2
    assert store.get("lake", f"{unique}/1") == content(2 * PART + 5)


def test_denied_waits_for_a_person(store, proxy, tool, unique):
    proxy.rule("denied", times=None)
    answer = tool.put(unique, 1000)
    assert (answer["error"], answer["class"], answer["scope"], answer["native"]) == ("s3.setup", "transient", 1, 403)
    assert store.secret_key not in json.dumps(answer)
    proxy.quiet()
    assert tool.put(unique, 1000)["state"] == "DONE"


@pytest.mark.parametrize("size, op", [(1000, "put"), (2 * PART + 5, "complete")])
def test_who_is_no_s3_has_stored_nothing(store, proxy, tool, unique, size, op):
    """A page with 200 is no proof of an object: it is written again, when somebody has put right what stands in between."""
    proxy.rule("page", op=op, times=None)
    answer = tool.put(unique, size)
    assert (answer["error"], answer["class"]) == ("s3.setup", "transient") and "without an ETag" in answer["message"], answer
    assert unique not in store.list("lake", unique)
    proxy.quiet()
    assert tool.put(unique, size)["state"] == "DONE"
    assert store.get("lake", unique) == content(size)


def test_an_upload_that_is_gone(store, proxy, tool, unique):
    """Before any part is there it starts over by itself on retry; afterwards the records are needed again."""
    proxy.rule("no_upload", op="part", times=None)
    tool.order("put", f"{unique}/a", PART + 5)
    tool.order("wait")
    assert json.loads(tool.line())["state"] == "FAILED"
    proxy.quiet()
    tool.order("retry")
    assert json.loads(tool.line())["state"] == "DONE"
    assert store.get("lake", f"{unique}/a") == content(PART + 5)
    tool.order("drop")
    proxy.rule("no_upload", op="complete")
    tool.order("put", f"{unique}/b", PART + 5)
    tool.order("wait")
    answer = json.loads(tool.line())
    assert answer["state"] == "FAILED" and answer["error"] == "s3.retry" and "gone on the server" in answer["message"]
    tool.order("retry")
    assert json.loads(tool.line())["state"] == "FAILED"


def test_the_region_is_corrected_once(store, proxy, tool, unique):
    proxy.rule("wrong_region", op="put", region="eu-west-3")
    assert tool.put(f"{unique}/a", 10)["state"] == "DONE"
    assert tool.put(f"{unique}/b", 10)["state"] == "DONE"
    scopes = [r.headers["authorization"].split("/")[2] for r in proxy.requests("put")]
    assert scopes == ["us-east-1", "eu-west-3", "eu-west-3"]
    proxy.rule("moved", op="put", region="ap-south-1")
    assert tool.put(f"{unique}/c", 10)["state"] == "DONE"
    assert proxy.requests("put")[-1].headers["authorization"].split("/")[2] == "ap-south-1"


def test_the_memory_of_a_body_is_its_part(tool, unique):
    """No room is made for more, however the bytes come."""
    assert PART - 5 <= tool.ask("stop", unique, PART - 5)["held"] <= PART


def check_janitor(store, unique):
    names = [f"{unique}/topics/t/p=1/t+3+000000.json", f"{unique}/topics/t/p=1/t+13+000000.json",
             f"{unique}/topics/t/p=1/t+3+000000.avro", f"{unique}/elsewhere/t+3+000000.json"]  # fmt: skip
    crashed = Tool(settings(store))
    for name in names:
        assert crashed.ask("stop", name, PART + 1)["state"] == "READY"
    assert len(uploads(store, unique)) == 4
    crashed.process.kill()
    crashed.process.wait()
    with Tool(settings(store)) as tool:
        tool.order("sweep", f"{unique}/topics/t/", "t+3+", ".json")
        assert tool.put(f"{unique}/topics/t/p=1/t+3+000009.json", PART + 1)["state"] == "DONE"
    assert sorted(uploads(store, unique)) == sorted(names[1:])
    for key, upload in store.client.multipart_uploads("lake"):
        if unique in key:
            store.client.request("DELETE", "lake", key, query={"uploadId": upload})


def test_the_janitor_takes_what_a_crash_left(store, unique):
    """s3proxy says of all uploads that they began just now."""
    check_janitor(store, unique)


def test_extras_are_in_the_requests(store, proxy, unique):
    """What servers here can't all do is at least sent: the answer is not waited for."""
    more = {"s3_acl_canned": "bucket-owner-full-control", "s3_ssea_name": "aws:kms", "s3_sse_kms_key_id": "alias/k",
            "s3_send_digest": "true", "s3_http_send_expect_continue": "false"}  # fmt: skip
    proxy.rule("denied", times=None)
    with Tool(settings(store, proxy.url, **more)) as tool:
        tool.put(unique, PART - 1, "#a b=c&d", "#n=ä")
        tool.put(unique, PART + 1)
    put, create = proxy.requests("put")[0].headers, proxy.requests("create")[0].headers
    for headers in (put, create):
        assert headers["x-amz-acl"] == "bucket-owner-full-control"
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/k"
        assert "expect" not in headers
    assert put["content-md5"] == base64.b64encode(hashlib.md5(content(PART - 1)).digest()).decode()
    assert put["x-amz-content-sha256"] == hashlib.sha256(content(PART - 1)).hexdigest()
    assert put["x-amz-tagging"] == "a%20b=c%26d&n=%C3%A4"


def test_amazons_addresses(store, unique):
    """Nothing leaves this machine: a proxy that is told the address refuses."""
    class Asked(http.server.BaseHTTPRequestHandler):
        seen = []

        def do_CONNECT(self):
            self.seen.append((self.path, self.headers.get("Proxy-Authorization")))
            self.send_error(403)

        def log_message(self, *_):
            pass

    with serving(Asked) as url:
        cases = [
            ({}, {}, "lake.s3.us-east-1.amazonaws.com"),
            ({"s3.region": "cn-north-1"}, {}, "lake.s3.cn-north-1.amazonaws.com.cn"),
            ({"s3.bucket.name": "la.ke"}, {}, "s3.us-east-1.amazonaws.com"),
            ({}, {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_USE_FIPS_ENDPOINT": "true"},
             "lake.s3-fips.dualstack.us-east-1.amazonaws.com"),
            ({"s3.wan.mode": "true", "s3.path.style.access.enabled": "false"}, {}, "lake.s3-accelerate.amazonaws.com"),
            ({"store.url": "s3.example.com:8443"}, {}, "s3.example.com:8443"),
            ({"store.url": "https://s3.example.com", "s3.path.style.access.enabled": "false"}, {}, "lake.s3.example.com"),
        ]  # fmt: skip
        for more, env, host in cases:
            base = settings(store) | {"store.url": None, "s3.proxy.url": url, "s3.proxy.user": "me", "s3.proxy.password": "p:w"}
            with Tool(base | {"s3.part.retries": "1"} | more, env) as tool:
                answer = tool.ask("bucket")
                assert answer["error"] == "s3.retry" and "p:w" not in json.dumps(answer)
            path, password = Asked.seen[-1]
            assert path == (host if ":" in host else host + ":443")
            assert base64.b64decode(password.split()[1]) == b"me:p:w"


# --- A server that knows more -----------------------------------------------------------------------------------------


def test_what_is_unfinished_is_aborted(strict, unique):
    """Not with s3proxy, whose abort can leave an upload in its lists when others end at the same time."""
    with Faults(strict.endpoint) as proxy:
        with Tool(settings(strict, proxy.url)) as tool:
            tool.order("open", f"{unique}/a", 3 * PART)
            tool.order("put", f"{unique}/b", 2 * PART)
            assert tool.ask("stop", f"{unique}/c", 2 * PART)["state"] == "READY"
        assert len(proxy.requests("create")) == 3 and not proxy.requests("complete")
        aborted = {r.query["uploadId"] for r in proxy.requests("abort")}  # also one that was created and has no part yet
        assert aborted >= {r.query["uploadId"] for r in proxy.requests("part")} and len(aborted) <= 3
        assert not uploads(strict, unique) and not strict.list("lake", unique)


def test_the_janitor_takes_what_a_crash_left_on_minio(strict, unique):
    """Which has no prefixes in its lists of uploads."""
    check_janitor(strict, unique)


def test_who_comes_first_wins(strict, unique):
    with Faults(strict.endpoint) as proxy, Tool(settings(strict, proxy.url)) as tool:
        for size in (1000, PART + 5):
            key = f"{unique}/{size}"
            strict.put("lake", key, b"theirs")
            assert tool.put(key, size, "once")["state"] == "EXISTS"
            assert strict.get("lake", key) == b"theirs"
            assert tool.put(key, size)["state"] == "DONE"  # without the condition it is replaced
            key += "/ours"
            proxy.rule("lose", op=("put", "complete"))
            assert tool.put(key, size, "once")["state"] == "DONE"  # 412, or no upload any more: and it is ours
            assert strict.get("lake", key) == content(size)
            proxy.rule("exists", op=("put", "complete"))
            assert tool.put(key + "/x", size, "once")["state"] == "DONE"  # 412 and nothing there: once more
        assert proxy.counts["lose"] == 2 and proxy.counts["exists"] == 2
        assert not uploads(strict, unique)


def test_tags(strict, unique):
    with Faults(strict.endpoint) as proxy:
        with Tool(settings(strict, proxy.url)) as tool:
            for size in (10, PART + 5):
                assert tool.put(f"{unique}/{size}", size, "#startOffset=7", "#a b=x+y=z:/@ _.", "#n=")["state"] == "DONE"
                assert tool.ask("tags", f"{unique}/{size}") == {"startOffset": "7", "a b": "x+y=z:/@ _.", "n": ""}
            proxy.rule("internal", op="tags", times=None)
            assert tool.put(f"{unique}/c", PART + 5, "#a=1")["state"] == "DONE"  # ignored
            proxy.quiet()
        with Tool(settings(strict, proxy.url, s3_object_behavior_on_tagging_error="fail")) as tool:
            proxy.rule("internal", op="tags", times=3)
            tool.order("put", f"{unique}/d", PART + 5, "#a=1")
            tool.order("wait")
            assert json.loads(tool.line())["error"] == "s3.retry"
            tool.order("retry")
            assert json.loads(tool.line())["state"] == "DONE"
            assert tool.ask("tags", f"{unique}/d") == {"a": "1"}


CRC_TABLE = [0] * 256
for _i in range(256):
    _v = _i
    for _ in range(8):
        _v = _v >> 1 ^ (0x82F63B78 if _v & 1 else 0)
    CRC_TABLE[_i] = _v


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return base64.b64encode((crc ^ 0xFFFFFFFF).to_bytes(4, "big")).decode()


@contextlib.contextmanager
def tls_in_front(port, pem):
    """Ends TLS and passes bytes on to a port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(a, b):
        with contextlib.suppress(OSError, ValueError):
            while data := a.recv(65536):
                b.sendall(data)
        with contextlib.suppress(OSError):
            b.shutdown(socket.SHUT_WR)

    def accept():
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                client, server = context.wrap_socket(raw, server_side=True), socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=pump, args=(client, server), daemon=True).start()
                threading.Thread(target=pump, args=(server, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.close()


REFUSED = {
    "expired": ({"san": "DNS:localhost", "days": -1}, "certificate has expired"),
    "of another host": ({"san": "DNS:elsewhere"}, "no alternative certificate subject name matches target host name"),
    "of another authority": ({"san": "DNS:localhost"}, "unable to get local issuer certificate"),
}


def test_certificates(store, unique, tmp_path):
    """Our authority's is taken; one that is not right is refused, and the answer says why."""
    authority = secured.Authority(tmp_path)
    trust = {"sluice_s3_ca_file": str(authority.certificate), "s3_checksum_algorithm": "none"}  # s3proxy knows no trailers and no unsigned bodies
    with tls_in_front(store.port, authority.issue("s3", "DNS:localhost")) as url, Tool(settings(store, url, **trust)) as tool:
        answer = tool.put(f"{unique}/tls", 1000)
        assert answer["state"] == "DONE", answer
        assert store.get("lake", f"{unique}/tls") == content(1000)
    for case, (issued, words) in REFUSED.items():
        issuer = secured.Authority(tmp_path / "other", "other") if "authority" in case else authority
        with tls_in_front(store.port, issuer.issue("wrong", **issued)) as url, Tool(settings(store, url, **trust)) as tool:
            answer = tool.ask("bucket")
            assert answer["error"] == "s3.retry" and words in answer["message"], (case, answer)


def test_tls_and_checksums_and_customer_keys(strict, unique, tmp_path):
    authority = secured.Authority(tmp_path)
    pem = authority.issue("s3", "DNS:localhost")
    with Faults(strict.endpoint) as proxy, tls_in_front(proxy.port, pem) as url:
        ours = {"sluice_s3_ca_file": str(authority.certificate)}
        with Tool(settings(strict, url, **ours)) as tool:
            for size in (1000, PART + 5):
                answer = tool.put(f"{unique}/{size}", size, "#a=1")
                assert answer["state"] == "DONE", answer
                assert strict.get("lake", f"{unique}/{size}") == content(size)
            put = proxy.requests("put")[0].headers
            assert put["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD" and put["x-amz-checksum-crc32c"] == crc32c(content(1000))
            parts = [r.headers["x-amz-checksum-crc32c"] for r in sorted(proxy.requests("part"), key=lambda r: r.query["partNumber"])]
            assert parts[1] == crc32c(content(PART + 5)[PART:])
        with Tool(settings(strict, url, s3_checksum_algorithm="none", **ours)) as tool:
            assert tool.put(f"{unique}/n", 1000)["state"] == "DONE"
            assert "x-amz-checksum-crc32c" not in proxy.requests("put")[-1].headers
            assert proxy.requests("put")[-1].headers["x-amz-content-sha256"] == hashlib.sha256(content(1000)).hexdigest()
        key = base64.b64encode(bytes(range(32))).decode()
        for more in ({}, {"s3_checksum_algorithm": "none"}):
            with Tool(settings(strict, url, s3_sse_customer_key=key, s3_ssea_name="AES256", **ours, **more)) as tool:
                for size in (1000, PART + 5):
                    name = f"{unique}/c{size}{len(more)}"
                    answer = tool.put(name, size, "once")
                    # MinIO takes these keys over TLS only, and TLS ends before it here: it must have got them all the same.
                    assert answer["state"] == "FAILED" or tool.ask("head", name)["bytes"] == size
                    sent = proxy.requests(("put", "create")[size > PART])[-1].headers
                    assert sent["x-amz-server-side-encryption-customer-key"] == key
                    digest = hashlib.md5(bytes(range(32))).digest()
                    assert sent["x-amz-server-side-encryption-customer-key-md5"] == base64.b64encode(digest).decode()
        with Tool(settings(strict, url)) as tool:
            answer = tool.ask("bucket")
            assert answer["error"] == "s3.retry" and "certificate" in answer["message"]


# --- Credentials ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(handler):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Amazon:
    """STS, the instance's metadata and a container's service, played. The keys they give are real session keys of MinIO's STS,
    which knows no shorter life than 15 minutes: what they say about their end is made up."""

    def __init__(self, store, life=3600):
        self.store, self.life, self.asked, self.count, self.broken, self.ends = store, life, [], 0, False, {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, body, status=200):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_PUT(self):
                assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                self.answer("imds-token")

            def do_GET(self):
                if outer.broken:
                    return self.answer("no", 500)
                outer.asked.append((self.path, dict(self.headers)))
                if self.path == "/creds":
                    return self.answer(json.dumps(outer.keys()))
                if self.headers["X-aws-ec2-metadata-token"] != "imds-token":
                    return self.answer("", 401)
                role = "/latest/meta-data/iam/security-credentials/"
                if self.path == role:
                    return self.answer("my-role\n")
                return self.answer(json.dumps(outer.keys()) if self.path == role + "my-role" else "")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                form = dict(urllib.parse.parse_qsl(body.decode()))
                outer.asked.append((form, dict(self.headers)))
                refusal = "<ErrorResponse><Error><Code>{}</Code><Message>not you</Message></Error></ErrorResponse>"
                if form["Action"] == "AssumeRole" and not outer.signed(self.headers, body):
                    return self.answer(refusal.format("SignatureDoesNotMatch"), 403)
                if form["RoleArn"].endswith("denied"):
                    return self.answer(refusal.format("AccessDenied"), 403)
                k = outer.keys() | {"Token": None}
                k["SessionToken"] = list(outer.ends)[-1]
                return self.answer("<R><Credentials>" + "".join(f"<{n}>{v}</{n}>" for n, v in k.items() if v) + "</Credentials></R>")

            def log_message(self, *_):
                pass

        self.handler = Handler

    def keys(self):
        body = b"Action=AssumeRole&Version=2011-06-15&DurationSeconds=900"
        host = urllib.parse.urlsplit(self.store.endpoint).netloc
        headers = {"host": host, "x-amz-date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")}
        said = s3.authorization("POST", "/", {}, headers, hashlib.sha256(body).hexdigest(), self.store.access_key, self.store.secret_key,
                                "us-east-1", "sts")  # fmt: skip
        headers |= {"Authorization": said, "Content-Type": "application/x-www-form-urlencoded"}
        answer = requests.post(self.store.endpoint + "/", data=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        found = {name: re.search(f"<{name}>([^<]*)<", answer.text)[1] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        self.count += 1
        ends = time.time() + self.life
        token = found.pop("SessionToken")
        self.ends[token] = ends
        text = datetime.datetime.fromtimestamp(ends, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"Code": "Success"} | {**found, "Token": token, "Expiration": text}

    @staticmethod
    def signed(headers, body):
        said = headers["Authorization"]
        names = re.search("SignedHeaders=([^,]*)", said)[1].split(";")
        region = said.split("/")[2]
        wanted = s3.authorization("POST", "/", {}, {n: headers[n] for n in names}, hashlib.sha256(body).hexdigest(), "BASE", "base-secret",
                                  region, "sts")  # fmt: skip
        return wanted.replace(", ", ",") == said.replace(", ", ",")


@pytest.fixture
def amazon(strict):
    return Amazon(strict)


def anonymous(store, url=None, **more):
    return settings(store, url, **more) | {"aws.access.key.id": None, "aws.secret.access.key": None}


BASE = {"AWS_ACCESS_KEY_ID": "BASE", "AWS_SECRET_ACCESS_KEY": "base-secret"}
ROLE = "arn:aws:iam::123456789012:role/lake"


def ways(amazon, url, directory):
    """(name, settings, environment) of every step of the chain that comes to the store's keys."""
    store = amazon.store
    (directory / "token").write_text("web-identity\n")
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(directory / "credentials"), "AWS_CONFIG_FILE": str(directory / "config")}
    imds = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
    sts = {"AWS_ENDPOINT_URL_STS": url}
    keys = f"aws_access_key_id = {store.access_key}\naws_secret_access_key={store.secret_key} # a comment\n"
    (directory / "process.json").write_text(json.dumps(amazon.keys() | {"Version": 1}))
    (directory / "credentials").write_text(f"[default]\n{keys}\n[base]\naws_access_key_id=BASE\naws_secret_access_key=base-secret\n")
    (directory / "config").write_text(
        f"[profile role]\nrole_arn={ROLE}\nsource_profile=base\nexternal_id=x-1\nregion=eu-west-1\ns3 =\n  role_arn = no\n"
        f"[profile from-env]\nrole_arn={ROLE}\ncredential_source=Environment\n"
        f"[profile web]\nrole_arn={ROLE}\nweb_identity_token_file={directory}/token\n"
        f"[profile process]\ncredential_process = cat \"{directory}/process.json\"\n"
        f"[profile circle]\nrole_arn={ROLE}\nsource_profile=circle\n[profile sso]\nsso_session=x\n"
        f"[profile hangs]\ncredential_process = false\n"
    )
    provider = "s3_credentials_provider_class"
    assume = {provider: "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider",
              "s3_credentials_provider_sts_role_arn": ROLE}  # fmt: skip
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(directory / "token"), "AWS_ROLE_ARN": ROLE}
    return [
        ("environment", {}, {"AWS_ACCESS_KEY_ID": store.access_key, "AWS_SECRET_ACCESS_KEY": store.secret_key}),
        ("web identity", {}, web | sts),
        ("profile", {}, files),
        ("profile role", {}, files | sts | {"AWS_PROFILE": "role"}),
        ("profile from-env", {provider: "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider"},
         files | sts | BASE | {"AWS_PROFILE": "from-env"}),
        ("profile web", {}, files | sts | {"AWS_PROFILE": "web"}),
        ("profile process", {}, files | {"AWS_PROFILE": "process"}),
        ("container", {}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "tok"}),
        ("instance", {}, imds),
        ("instance by name", {provider: "com.amazonaws.auth.InstanceProfileCredentialsProvider"}, imds | BASE),
        ("assumed role", assume, BASE | sts),
        ("assumed role of a real STS", assume, {"AWS_ENDPOINT_URL_STS": store.endpoint, "AWS_ACCESS_KEY_ID": store.access_key,
                                                "AWS_SECRET_ACCESS_KEY": store.secret_key}),
        ("assumed role with the config's keys", assume | {"aws_access_key_id": "BASE", "aws_secret_access_key": "base-secret"}, sts),
    ]  # fmt: skip


def test_every_step_of_the_chain(strict, amazon, unique, tmp_path):
    with serving(amazon.handler) as url:
        for name, more, env in ways(amazon, url, tmp_path):
            more = {k.replace("_", "."): v for k, v in more.items()}
            with Tool(anonymous(strict) | more, env) as tool:
                answer = tool.put(f"{unique}/{name}", 10)
                assert answer["state"] == "DONE", (name, answer)
    forms = [form for form, _ in amazon.asked if isinstance(form, dict)]
    assert [form["Action"] for form in forms] == ["AssumeRoleWithWebIdentity", "AssumeRole", "AssumeRole", "AssumeRoleWithWebIdentity",
                                                  "AssumeRole", "AssumeRole"]  # fmt: skip
    assert forms[0]["WebIdentityToken"] == "web-identity" and forms[1]["ExternalId"] == "x-1" and "ExternalId" not in forms[2]
    assert [h["Authorization"] for path, h in amazon.asked if path == "/creds"] == ["tok"]


def test_what_is_wrong_is_said(strict, amazon, unique, tmp_path):
    with serving(amazon.handler) as url:
        ways(amazon, url, tmp_path)
        files = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_CONFIG_FILE": str(tmp_path / "config")}
        sts = {"AWS_ENDPOINT_URL_STS": url}
        cases = [
            ({}, "AWS_EC2_METADATA_DISABLED"),
            (files | {"AWS_PROFILE": "sso"}, "single sign-on"),
            (files | {"AWS_PROFILE": "circle"}, "circle"),
            (files | {"AWS_PROFILE": "hangs"}, "credential_process false failed (1)"),
            (files | {"AWS_PROFILE": "nobody"}, "there is no profile nobody"),
            ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/creds"}, "must be https"),
            ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/t", "AWS_ROLE_ARN": ROLE} | sts, "/nonexistent/t can't be read"),
            ({"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": ROLE + "-denied"} | sts, "AccessDenied (not you)"),
        ]  # fmt: skip
        for env, text in cases:
            with Tool(anonymous(strict), env) as tool:
                answer = tool.put(unique, 10)
                assert (answer["state"], answer["error"], answer["class"]) == ("FAILED", "s3.setup", "transient")
                assert text in answer["message"], answer
                assert strict.secret_key not in answer["message"] and "web-identity" not in answer["message"]


def tokens(proxy, amazon):
    """(seconds of life left when the request was answered, token) of each request that was signed with one."""
    found = [(r.time, r.headers["x-amz-security-token"]) for r in proxy.requests() if "x-amz-security-token" in r.headers]
    return [(amazon.ends[token] - (time.time() - time.monotonic() + proxy.started + when), token) for when, token in found]


def test_keys_that_end_in_the_midst_of_an_upload(strict, unique):
    """Keys of one to two seconds; an upload of four. Each request has keys that live, and nobody waited for them."""
    amazon = Amazon(strict, life=2)
    with Faults(strict.endpoint) as proxy, serving(amazon.handler) as url:
        proxy.rule("slow", op="part", times=None, delay=0.6)
        env = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
        with Tool(anonymous(strict, proxy.url, sluice_s3_parallel_parts="1"), env) as tool:
            assert tool.put(unique, 7 * PART)["state"] == "DONE"
        found = tokens(proxy, amazon)
        assert len({token for _, token in found}) >= 3
        assert min(left for left, _ in found) > -1  # it was alive when it was sent
        assert strict.get("lake", unique) == content(7 * PART)


def test_keys_that_the_server_says_have_expired(strict, amazon, unique):
    with Faults(strict.endpoint) as proxy, serving(amazon.handler) as url:
        env = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
        with Tool(anonymous(strict, proxy.url), env) as tool:
            proxy.rule("expired", op=("part", "complete"), times=2)
            assert tool.put(f"{unique}/a", 3 * PART)["state"] == "DONE"
            assert 2 <= amazon.count <= 3
            # Always: others are fetched once, and then somebody has to look.
            proxy.rule("expired", times=None)
            assert tool.put(f"{unique}/b", 10)["error"] == "s3.setup"
            proxy.quiet()
            # The service is away for a while: it says so, and goes on by itself.
            amazon.broken = True
            proxy.rule("expired", op="put")
            answer = tool.put(f"{unique}/c", 10)
            assert answer["error"] == "s3.setup" and "instance" in answer["message"]
            amazon.broken = False
            wait_until(lambda: tool.put(f"{unique}/c", 10)["state"] == "DONE", what="keys again")


def test_a_process_that_hangs_is_left_at_the_end(strict, unique, tmp_path):
    (tmp_path / "config").write_text(f"[default]\ncredential_process = sleep 600\n")
    started = time.monotonic()
    with Tool(anonymous(strict), {"AWS_CONFIG_FILE": str(tmp_path / "config")}) as tool:
        tool.order("open", unique, PART + 1)
    assert time.monotonic() - started < 30 * SLOW


def test_unsigned(store, proxy, unique):
    more = {"s3.credentials.provider.class": "software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider"}
    with Tool(anonymous(store, proxy.url) | more) as tool:
        assert tool.put(unique, 10)["error"] == "s3.setup"
    assert "authorization" not in proxy.requests("put")[0].headers
