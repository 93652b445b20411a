# SPDX-License-Identifier: Apache-2.0
"""Peers that mean harm, on loopback: a TCP proxy that damages what a real server says, and an HTTP server whose answers are all bad.

    with Flipper(postgres.port, seed=7) as proxy:
        ... a client of 127.0.0.1:proxy.port ...
        proxy.rate = 1e-4        # from now on about one byte in 10,000 of what the server says is another, missing or said twice
        proxy.rate = 0
        proxy.harmed             # how many bytes were damaged so far

    with BadHttp(seed=7) as server:
        ... a client of server.url ...
        server.told              # {kind of answer: how often}
"""

import contextlib
import random
import socket
import threading

CHUNK = 64 << 10


class _Listener:
    """Accepts on a free port, and gives each connection a thread."""

    def __init__(self):
        self._sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._sock.getsockname()[1]
        self._open = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._sock.accept()
                threading.Thread(target=self._run, args=(client,), daemon=True).start()

    def _run(self, client):
        with client, contextlib.suppress(OSError):
            self._keep(client)
            self.serve(client)

    def _keep(self, sock):
        with self._lock:
            self._open.add(sock)

    def close(self):
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self.cut()

    def cut(self):
        """Ends all connections."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Flipper(_Listener):
    """In front of 127.0.0.1:target. rewrite: {bytes: bytes of the same length} in what the server says, so that a server
    that tells its clients where to connect tells them this proxy."""

    def __init__(self, target, seed, rewrite=None):
        self.target, self.rate, self.harmed = target, 0.0, 0
        self.rewrite = rewrite or {}
        self._random = random.Random(seed)
        super().__init__()

    def serve(self, client):
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            self._keep(server)
            threading.Thread(target=self._pump, args=(client, server, lambda data: data), daemon=True).start()
            self._pump(server, client, self._harm)

    @staticmethod
    def _pump(source, sink, change):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(change(data))
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _harm(self, data):
        for old, new in self.rewrite.items():
            data = data.replace(old, new)
        if not self.rate:
            return data
        out = bytearray(data)
        at = int(self._random.expovariate(self.rate))
        while at < len(out):
            how = self._random.randrange(6)
            if how == 0:
                del out[at : at + self._random.randrange(1, 9)]
            elif how == 1:
                out[at:at] = out[max(0, at - 20) : at]
            elif how == 2:
                out[at : at + 4] = self._random.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"])
            else:
                out[at] ^= 1 << self._random.randrange(8)
            self.harmed += 1
            at += 1 + int(self._random.expovariate(self.rate))
        return bytes(out)


def _answer(body, status="200 OK", headers=(), length=None):
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _endless(head, piece):
    yield head
    while True:
        yield piece


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
DEEP = 200_000


def kinds(url):
    """{name: function that gives the bytes of an answer, or pieces of them until the client has enough}"""
    return {
        "endless": lambda: _endless(CHUNKED + b'10000\r\n{"a":"' + b"x" * 0xFFFA + b"\r\n", b"10000\r\n" + b"x" * 0x10000 + b"\r\n"),
        "endless_error": lambda: _endless(b"HTTP/1.1 500 Oops\r\n\r\n<Error><Code>", b"A" * CHUNK),
        "endless_headers": lambda: _endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 4000 + b"\r\n"),
        "one_header": lambda: _endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"y" * CHUNK),
        "continues": lambda: _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        "deep_json": lambda: _answer(b'{"a":' * DEEP),
        "deep_array": lambda: _answer(b"[" * DEEP + b"]" * DEEP),
        "deep_xml": lambda: _answer(b"<Error>" * DEEP + b"<Code>x</Code>", "400 Bad"),
        "many_keys": lambda: _answer(b"{" + b",".join(b'"k%d":[]' % n for n in range(100_000)) + b"}"),
        "large_number": lambda: _answer(b'{"id":' + b"9" * 100_000 + b',"version":1e999999}'),
        "wrong_types": lambda: _answer(b'{"id":{"x":[]},"schema":7,"hostname":[],"access_token":{},"channel_status":"x"}'),
        "nulls": lambda: _answer(b'{"id":null,"schema":"\\u0000","hostname":"\\u0000"}'),
        "redirect": lambda: _answer(b"", "302 Found", [f"Location: {url}/"]),
        "moved": lambda: _answer(b"<Error><Region>../x\r\ny</Region></Error>", "301 Moved", ["x-amz-bucket-region: evil/@x"]),
        "bomb": lambda: _answer(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xec\xc1\1\1" * 1000, headers=["Content-Encoding: gzip"]),
        "short": lambda: _answer(b"{}", length=1000),
        "negative": lambda: _answer(b"{}", length=-5),
        "huge_length": lambda: _answer(b"{}", length=9_223_372_036_854_775_807),
        "bad_chunk": lambda: CHUNKED + b"fffffffffffffffff\r\nxx",
        "no_http": lambda: bytes(range(256)) * 100,
        "status": lambda: _answer(b"{}", "999 What"),
        "status_text": lambda: _answer(b"%s%n%n" * 1000, "400 %s%n%n"),
        "retry_after": lambda: _answer(b"{}", "503 Later", ["Retry-After: -99999999999999999999"]),
        "date": lambda: _answer(b"<Error><Code>RequestTimeTooSkewed</Code></Error>", "403 No", ["Date: Sun, 22 Nov 999999 05:00:00 GMT"]),
        "empty": lambda: _answer(b""),
        "nothing": lambda: b"",
        "bytes": lambda: _answer(bytes(range(256)) * 40, "400 Bad"),
    }


class BadHttp(_Listener):
    """Each request gets the next kind of answer, in an order that the seed decides, and the connection ends."""

    def __init__(self, seed):
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kinds = kinds(self.url)
        self.told = {}
        self._order = sorted(self.kinds)
        random.Random(seed).shuffle(self._order)
        self._next = 0

    def serve(self, client):
        client.settimeout(5)
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(CHUNK)
            if not data:
                return
            head += data
        with self._lock:
            kind = self._order[self._next % len(self._order)]
            self._next += 1
            self.told[kind] = self.told.get(kind, 0) + 1
        answer = self.kinds[kind]()
        for piece in [answer] if isinstance(answer, bytes) else answer:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        while client.recv(CHUNK):
            pass
