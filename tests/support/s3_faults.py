# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of a real S3 server that fails on purpose, by rule or by a seeded chance.

It passes requests on byte for byte, the Host header too, so that signatures stay right: clients get `Faults.url` as their
endpoint and the server behind sees what they signed. Plain HTTP/1.1 on loopback only; a thread a connection.

    with Faults(store.endpoint) as proxy:
        proxy.rule("lose", op="complete")                      # the next Complete is done, but nobody is told
        proxy.rule("slow_down", op="part", times=5, retry_after=1)
        proxy.rule("denied", seconds=3)                        # everything, for three seconds
        proxy.random(seed=7, rates={"internal": 0.02, "drop_mid": 0.01, ("put", "lose"): 0.05})
        ...
        proxy.quiet()                                          # no more faults
        proxy.counts, proxy.log

Operations (`op`): put, create, part, complete, abort, list_uploads, list, get, head, tags, get_tags, delete, bucket, other.

Faults. Answered here, the server never hears of it:
    slow_down        503 SlowDown, with Retry-After if retry_after is given (seconds)
    internal         500 InternalError; internal_mid: after half of the body, then the connection ends
    timeout          400 RequestTimeout, then the connection ends
    exists           412 PreconditionFailed
    conflict         409 ConditionalRequestConflict
    aborted          409 OperationAborted
    no_upload        404 NoSuchUpload
    expired          403 ExpiredToken
    denied           403 AccessDenied
    skewed           403 RequestTimeTooSkewed
    moved            301 PermanentRedirect to `region`, by header and body
    wrong_region     400 AuthorizationHeaderMalformed with `region` in the body
    error_200        200 whose body is <Error> InternalError, as Complete may answer
    page             200 with a page of HTML, as from what stands in front of a network; nothing is stored
    drop_before      the connection ends before the body is read; drop_mid: in the midst of it, of which the server sees as much;
    drop_after       when the whole body was read, of which the server sees nothing
Passed on, but:
    lose             the answer is swallowed and the connection ends: it was done, and nobody knows
    error_200_done   the answer is swallowed, the client gets error_200: a Complete that was done, told as failed
    late             the connection ends at once, and the server gets the request `delay` seconds later
    slow             the answer comes `delay` seconds late
    slow_body        the body is passed on at `rate` bytes a second
"""

import collections
import contextlib
import random
import re
import select
import socket
import threading
import time
import urllib.parse
from typing import NamedTuple

CHUNK = 256 << 10
MAX_HEAD = 64 << 10

# name: (status, code, message)
ANSWERS = {
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "internal": (500, "InternalError", "We encountered an internal error. Please try again."),
    "internal_mid": (500, "InternalError", "We encountered an internal error. Please try again."),
    "timeout": (400, "RequestTimeout", "Your socket connection to the server was not read from within the timeout period."),
    "exists": (412, "PreconditionFailed", "At least one of the preconditions you specified did not hold."),
    "conflict": (409, "ConditionalRequestConflict", "A conflicting operation occurred during this request."),
    "aborted": (409, "OperationAborted", "A conflicting conditional operation is currently in progress."),
    "no_upload": (404, "NoSuchUpload", "The specified upload does not exist."),
    "expired": (403, "ExpiredToken", "The provided token has expired."),
    "denied": (403, "AccessDenied", "Access Denied"),
    "skewed": (403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large."),
    "moved": (301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint."),
    "wrong_region": (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region is wrong."),
    "error_200": (200, "InternalError", "We encountered an internal error. Please try again."),
    "error_200_done": (200, "InternalError", "We encountered an internal error. Please try again."),
    "page": (200, "", ""),
}
DROPS = {"drop_before", "drop_mid", "drop_after"}
PASSED = {"lose", "late", "slow", "slow_body", "error_200_done"}
FAULTS = set(ANSWERS) | DROPS | PASSED
REASONS = {200: "OK", 301: "Moved Permanently", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict",
           412: "Precondition Failed", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class Request(NamedTuple):
    """One line of the log, written when the client is told (or not told) the outcome."""

    time: float  # seconds since the proxy started
    method: str
    op: str
    key: str  # decoded, without the bucket
    query: dict
    headers: dict  # names in lower case
    size: int  # of the body, as announced
    fault: str  # empty: passed on as it is
    status: int  # what the client was told, 0: nothing
    served: int  # what the server said, 0: it was not asked, or did not hear all of it


class _Gone(Exception):
    """One of both sides has ended its connection."""


class _Drop(Exception):
    """The client's connection is to end now."""


def operation(method, key, query):
    """What S3 calls the request."""
    if not key:
        if method == "GET":
            return "list_uploads" if "uploads" in query else "list"
        return "bucket" if method in ("HEAD", "PUT") else "other"
    if "tagging" in query:
        return {"PUT": "tags", "GET": "get_tags"}.get(method, "other")
    if method == "POST":
        return "create" if "uploads" in query else "complete" if "uploadId" in query else "other"
    if "uploadId" in query:
        return {"PUT": "part", "DELETE": "abort"}.get(method, "other")
    return {"PUT": "put", "GET": "get", "HEAD": "head", "DELETE": "delete"}.get(method, "other")


class Rule:
    """A fault for the next `times` requests (None: all) that match, and for `seconds` at most (from the first match on)."""

    def __init__(self, fault, op=None, method=None, key=None, times=1, seconds=None, skip=0, **how):
        if fault not in FAULTS:
            raise ValueError(f"no such fault: {fault}")
        self.fault, self.op, self.method, self.key = fault, op, method, key and re.compile(key)
        self.times = None if seconds is not None and times == 1 else times
        self.seconds, self.skip, self.how = seconds, skip, how
        self.hits = 0
        self.active = True
        self._first = None

    def matches(self, method, op, key):
        return (self.active and (self.op is None or op == self.op or (isinstance(self.op, (set, tuple, list)) and op in self.op))
                and (self.method is None or method == self.method) and (self.key is None or self.key.search(key) is not None))  # fmt: skip

    def take(self):
        """Called under the proxy's lock with a request that matches: is it hit?"""
        now = time.monotonic()
        if self.skip > 0:
            self.skip -= 1
            return False
        if self._first is None:
            self._first = now
        if self.seconds is not None and now - self._first > self.seconds:
            self.active = False
            return False
        self.hits += 1
        if self.times is not None and self.hits >= self.times:
            self.active = False
        return True


class Faults:
    """The proxy; `url` is what clients get for the server's. It listens from the start, until close()."""

    def __init__(self, upstream_url):
        split = urllib.parse.urlsplit(upstream_url)
        self._upstream = (split.hostname, split.port)
        self._lock = threading.Lock()
        self._rules, self._rates, self._rng = [], {}, None
        self._burst = 0
        self._open = set()
        self.late = 0  # requests that have yet to reach the server
        self.counts = collections.Counter()  # of faults injected, by name
        self.log = []
        self.started = time.monotonic()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, name="s3-faults", daemon=True).start()

    # --- What tests say -----------------------------------------------------------------------------------------------

    def rule(self, fault, op=None, method=None, key=None, times=1, seconds=None, skip=0, **how):
        """Adds a rule, asked in the order of their making and before chance; returns it (rule.hits, rule.active).
        op: one or several of the operations; key: a regular expression searched in the key; skip: let so many pass first;
        how: retry_after, region, delay, rate; call: called with the log's line before the client is told anything."""
        made = Rule(fault, op, method, key, times, seconds, skip, **how)
        with self._lock:
            self._rules.append(made)
        return made

    def random(self, seed, rates, burst=(3, 12)):
        """From now on each request is hit by chance. rates: {fault: chance} or {(op, fault): chance}; once slow_down is drawn, a
        burst of that many requests gets it."""
        for name in rates:
            fault = name[1] if isinstance(name, tuple) else name
            if fault not in FAULTS:
                raise ValueError(f"no such fault: {fault}")
        with self._lock:
            self._rng, self._rates, self._burst_range, self._burst = random.Random(seed), dict(rates), burst, 0

    def quiet(self):
        """No rules and no chance from now on."""
        with self._lock:
            self._rules, self._rates, self._rng, self._burst = [], {}, None, 0

    def requests(self, op=None, key=None):
        """The log's lines of these operations."""
        with self._lock:
            log = list(self.log)
        return [line for line in log if (op is None or line.op == op) and (key is None or re.search(key, line.key))]

    def close(self):
        """Ends the proxy and all connections through it."""
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for sock in left:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- What is to happen to a request -------------------------------------------------------------------------------

    def _draw(self, method, op, key):
        """(fault or "", how)."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(method, op, key) and rule.take():
                    self.counts[rule.fault] += 1
                    return rule.fault, rule.how
            fault, how = self._chance(op) if self._rng else ("", {})
            if fault:
                self.counts[fault] += 1
            return fault, how

    def _chance(self, op):
        rng = self._rng
        retry_after = {"retry_after": 1} if rng.random() < 0.3 else {}
        if self._burst > 0:
            self._burst -= 1
            return "slow_down", retry_after
        drawn = rng.random()
        for name, rate in self._rates.items():
            wanted, fault = name if isinstance(name, tuple) else (None, name)
            if wanted not in (None, op) or (fault.startswith("error_200") and op != "complete"):
                continue
            if drawn < rate:
                if fault == "slow_down":
                    self._burst = rng.randint(*self._burst_range) - 1
                    return fault, retry_after
                return fault, {"delay": rng.uniform(0.05, 2.0), "rate": rng.choice([20_000, 200_000, 2_000_000])}
            drawn -= rate
        return "", {}

    def _note(self, head, fault, status, served=0, how=None):
        line = Request(time.monotonic() - self.started, head.method, head.op, head.key, head.query, head.headers, head.length or 0,
                       fault, status, served)  # fmt: skip
        with self._lock:
            self.log.append(line)
        if how and "call" in how:
            how["call"](line)

    # --- Connections --------------------------------------------------------------------------------------------------

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        reader, server = _Reader(client), None
        try:
            while True:
                raw = reader.head()
                if not raw:
                    return
                head = _Head(raw)
                fault, how = self._draw(head.method, head.op, head.key)
                server = self._one(head, fault, how, client, reader, server)
                if head.headers.get("connection", "").lower() == "close":
                    return
        except (_Gone, _Drop, OSError):
            pass
        finally:
            with self._lock:
                self._open.discard(client)
            for sock in (client, server and server.sock):
                if sock:
                    with contextlib.suppress(OSError):
                        sock.close()

    def _one(self, head, fault, how, client, reader, server):
        """One request; returns the connection to the server, if one is open. _Drop ends the client's connection."""
        if fault == "drop_before":
            self._note(head, fault, 0, how=how)
            raise _Drop
        if head.headers.get("expect", "").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault in ANSWERS and fault != "error_200_done":
            return self._answer_here(head, fault, how, client, reader, server)
        if fault == "drop_after":
            reader.body(head, lambda _: None)
            self._note(head, fault, 0, how=how)
            raise _Drop
        if fault == "late":
            parts = [head.raw]
            reader.body(head, lambda piece: parts.append(bytes(piece)))
            with self._lock:
                self.late += 1
            threading.Thread(target=self._send_late, args=(head, parts, how), daemon=True).start()
            raise _Drop
        server = self._pass_on(head, fault, how, reader, server)
        return self._bring_back(head, fault, how, client, server)

    def _pass_on(self, head, fault, how, reader, server):
        if server is None or server.stale():
            server = _Reader(socket.create_connection(self._upstream, 30))
            server.sock.settimeout(None)
            server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.sock.sendall(head.raw)
        if fault == "drop_mid":
            reader.body(head, server.sock.sendall, limit=(head.length or 0) // 2)
            server.sock.close()
            self._note(head, fault, 0, how=how)
            raise _Drop
        rate = how.get("rate", 200_000) if fault == "slow_body" else 0

        def forward(piece):
            for at in range(0, len(piece), 16384) if rate else (0,):
                part = piece[at : at + 16384] if rate else piece
                server.sock.sendall(part)
                if rate:
                    time.sleep(len(part) / rate)

        reader.body(head, forward)
        return server

    def _bring_back(self, head, fault, how, client, server):
        raw = server.head()
        while raw and raw.startswith(b"HTTP/1.1 1"):
            raw = server.head()
        if not raw:
            raise _Gone
        answer = _Head(raw, answer_to=head.method)
        if fault in ("lose", "error_200_done"):
            server.body(answer, lambda _: None)
            self._note(head, fault, 200 if fault == "error_200_done" else 0, answer.status, how)
            if fault == "lose":
                server.sock.close()
                raise _Drop
            client.sendall(self._error(fault, how, head))
            return server
        if fault == "slow":
            time.sleep(how.get("delay", 1.0))
        # Before the answer, so that who has an answer finds it in the log.
        self._note(head, fault, answer.status, answer.status, how)
        client.sendall(raw)
        server.body(answer, client.sendall)
        if answer.headers.get("connection", "").lower() == "close" or answer.length is None and not answer.chunked:
            server.sock.close()
            raise _Drop
        return server

    def _answer_here(self, head, fault, how, client, reader, server):
        mid = fault == "internal_mid"
        reader.body(head, lambda _: None, limit=(head.length or 0) // 2 if mid else None)
        self._note(head, fault, ANSWERS[fault][0], how=how)
        ends = mid or fault == "timeout"
        client.sendall(self._error(fault, how, head, ends))
        if ends:
            # What the client still sends must not become a reset that takes the answer from it.
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                client.settimeout(2)
                while client.recv(CHUNK):
                    pass
            raise _Drop
        return server

    def _send_late(self, head, parts, how):
        time.sleep(how.get("delay", 2.0))
        served = 0
        with contextlib.suppress(OSError, _Gone):
            server = _Reader(socket.create_connection(self._upstream, 30))
            with server.sock:
                for part in parts:
                    server.sock.sendall(part)
                raw = server.head()
                while raw and raw.startswith(b"HTTP/1.1 1"):
                    raw = server.head()
                served = _Head(raw, answer_to=head.method).status if raw else 0
        self._note(head, "late", 0, served, how)
        with self._lock:
            self.late -= 1

    @staticmethod
    def _error(fault, how, head, ends=False):
        status, code, message = ANSWERS[fault]
        region = how.get("region", "eu-west-3")
        more, headers = "", {}
        if fault == "moved":
            headers["x-amz-bucket-region"] = region
            more = f"<Endpoint>bucket.s3.{region}.amazonaws.com</Endpoint>"
        elif fault == "wrong_region":
            more = f"<Region>{region}</Region>"
        if "retry_after" in how and status == 503:
            headers["Retry-After"] = how["retry_after"]
        if ends:
            headers["Connection"] = "close"
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}'
                "<RequestId>FAULT</RequestId><HostId>proxy</HostId></Error>").encode()  # fmt: skip
        if fault == "page":
            body = b"<html><body>Please log in</body></html>"
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", "Content-Type: application/xml", f"Content-Length: {len(body)}",
                 "Date: " + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
                 *(f"{name}: {value}" for name, value in headers.items())]  # fmt: skip
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head.method == "HEAD" else body)


class _Head:
    """The head of a request, or of an answer to a request of that method."""

    def __init__(self, raw, answer_to=None):
        self.raw = raw
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        length = self.headers.get("content-length")
        self.length = int(length) if length is not None and not self.chunked else None
        if answer_to is None:
            self.method, target, _ = first.split(" ", 2)
            path, _, query = target.partition("?")
            self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            self.key = urllib.parse.unquote(path.lstrip("/").partition("/")[2])
            self.op = operation(self.method, self.key, self.query)
            if not self.chunked and self.length is None:
                self.length = 0
        else:
            self.status = int(first.split(" ")[1])
            if answer_to == "HEAD" or self.status in (204, 304):
                self.length, self.chunked = 0, False


class _Reader:
    """A socket with what was read ahead of it."""

    def __init__(self, sock):
        self.sock = sock
        self._ahead = b""
        self._buffer = memoryview(bytearray(CHUNK))

    def stale(self):
        """Has the other side of an idle connection ended it, or said something unasked?"""
        if self._ahead or self.sock.fileno() < 0:
            return True
        return bool(select.select([self.sock], [], [], 0)[0])

    def _more(self):
        piece = self.sock.recv(CHUNK)
        if not piece:
            raise _Gone
        self._ahead += piece

    def head(self):
        """Up to and with the empty line; b"" when the other side has ended between two requests."""
        while b"\r\n\r\n" not in self._ahead:
            if len(self._ahead) > MAX_HEAD:
                raise _Gone
            try:
                self._more()
            except _Gone:
                if self._ahead:
                    raise
                return b""
        raw, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        return raw + b"\r\n\r\n"

    def body(self, head, sink, limit=None):
        """Gives the body to sink, piece by piece as it stands on the wire; no more than `limit` bytes."""
        if head.chunked:
            self._chunks(sink)
        elif head.length is None:
            self._until_end(sink)
        else:
            self._bytes(head.length if limit is None else limit, sink)

    def _bytes(self, left, sink):
        if self._ahead and left:
            piece, self._ahead = self._ahead[:left], self._ahead[left:]
            left -= len(piece)
            sink(piece)
        while left:
            n = self.sock.recv_into(self._buffer[: min(left, CHUNK)])
            if n == 0:
                raise _Gone
            left -= n
            sink(self._buffer[:n])

    def _line(self):
        while b"\r\n" not in self._ahead:
            self._more()
        line, _, self._ahead = self._ahead.partition(b"\r\n")
        return line + b"\r\n"

    def _chunks(self, sink):
        while True:
            line = self._line()
            sink(line)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            self._bytes(size + 2, sink)
        while True:  # trailers
            line = self._line()
            sink(line)
            if line == b"\r\n":
                return

    def _until_end(self, sink):
        if self._ahead:
            sink(self._ahead)
            self._ahead = b""
        while True:
            n = self.sock.recv_into(self._buffer)
            if n == 0:
                return
            sink(self._buffer[:n])
