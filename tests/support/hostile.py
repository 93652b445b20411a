# SPDX-License-Identifier: Apache-2.0
"""Peers that mean harm, on loopback: a TCP proxy that damages what a real server says, and an HTTP server whose answers are all bad.

    with Flipper(postgres.port, seed=7) as proxy:
        ... a client of 127.0.0.1:proxy.port ...
        proxy.rate = 1e-4        # from now on about one byte in 10,000 of what the server says is another, missing or said twice
        proxy.rate = 0
        proxy.harmed             # how many bytes were damaged so far

    with Broker(kafka.port, seed=7) as proxy:
        proxy.harm("any", 0.1)   # the first answers of each API and about one in ten of the others are damaged
        proxy.told               # {API: how many answers of it were damaged}
        proxy.spare()

    with BadHttp(seed=7) as server:
        ... a client of server.url ...
        server.told              # {kind of answer: how often}
"""

import contextlib
import random
import socket
import struct
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


def _crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _crc_table():
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        yield crc


CRC32C = list(_crc_table())


def checked(body):
    """The parts of a Fetch answer that a CRC covers: [(first, end)], of record batches that are whole."""
    found, at = [], 0
    while at + 61 <= len(body):
        length, _, magic, crc = struct.unpack_from(">iibI", body, at + 8)
        end = at + 12 + length
        if magic == 2 and 49 <= length and end <= len(body) and _crc32c(body[at + 21 : end]) == crc:
            found.append((at + 21, end))
            at = end
        else:
            at += 1
    return found


class Broker(_Listener):
    """In front of the Kafka broker 127.0.0.1:target, whose answers tell its clients this proxy's port. Answers are damaged by API; what
    becomes of the n-th answer of an API depends on seed, API and n only. There are two ways:

    "noticed": what a client can't take for an answer: cut short, an impossible size, another request's number, records that
        don't have their CRC.
    "any": any bytes behind the request's number are others, missing or said twice, small numbers and lengths more often than by chance.
    """

    FIRST = 4  # so many answers of each API suffer more, so that rare ones do as well
    APIS = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit", 9: "OffsetFetch", 10: "FindCoordinator",
            11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup", 15: "DescribeGroups", 18: "ApiVersions",
            19: "CreateTopics", 22: "InitProducerId", 23: "OffsetForLeaderEpoch", 24: "AddPartitionsToTxn", 26: "EndTxn",
            32: "DescribeConfigs"}  # fmt: skip
    WORDS = [bytes.fromhex(text) for text in (
        "ffffffff", "7fffffff", "00000000", "80000000", "0000ffff", "fffffffe", "ffffffff0f", "8080808008", "ffffffff07",
        "ffff03", "ffff", "0000", "7fff", "8000", "00", "01", "02", "7f", "80", "ff")]  # fmt: skip

    def __init__(self, target, seed):
        self.target, self.seed = target, seed
        self.spare()
        self.told, self.kept_back = {}, {}
        self.displaced = 0
        self.misnamed = False
        self._count = {}
        super().__init__()
        self._theirs, self._ours = (b"127.0.0.1" + struct.pack(">i", port) for port in (target, self.port))

    def harm(self, way, rate):
        self._way, self._rate, self.told, self._count = way, rate, {}, {}

    def spare(self):
        self._way, self._rate = None, 0

    def keep_back(self, api, count):
        """The next so many answers of this API never come."""
        self.kept_back = {api: count}

    def displace(self, count):
        """The next so many answers to Fetch that have records say that these stand far behind the partition's end."""
        self.displaced = count

    def misname(self, on):
        """From now on the broker says that it has a host name that doesn't exist; or the truth again."""
        self.misnamed = on

    def serve(self, client):
        asked = {}  # request's number: API
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            self._keep(server)
            threading.Thread(target=self._requests, args=(client, server, asked), daemon=True).start()
            with contextlib.suppress(OSError), server.makefile("rb") as answers:
                while body := self._message(answers):
                    ours = b"nowhere.x" + self._ours[-4:] if self.misnamed else self._ours
                    client.sendall(self._harm(asked.pop(body[:4], None), body.replace(self._theirs, ours)))

    @staticmethod
    def _message(stream):
        size = stream.read(4)
        return stream.read(struct.unpack(">i", size)[0]) if len(size) == 4 else b""

    def _requests(self, client, server, asked):
        with contextlib.suppress(OSError), client.makefile("rb") as requests:
            while body := self._message(requests):
                asked[body[4:8]] = struct.unpack_from(">h", body)[0]
                server.sendall(struct.pack(">i", len(body)) + body)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _harm(self, api, body):
        whole = struct.pack(">i", len(body)) + body
        api = self.APIS.get(api, str(api))
        with self._lock:
            if self.kept_back.get(api):
                self.kept_back[api] -= 1
                return b""
            if self.displaced and api == "Fetch" and (parts := checked(body)):
                self.displaced -= 1
                base = parts[0][0] - 21  # the CRC begins behind it
                return whole[: base + 4] + struct.pack(">q", 1 << 40) + whole[base + 12 :]
        if not self._way:
            return whole
        with self._lock:
            number = self._count[api] = self._count.get(api, 0) + 1
            chance = random.Random(f"{self.seed} {self._way} {api} {number}")
            told = self.told.get(api, 0)
            if chance.random() >= max(self._rate, 0.8 if not told else 0.4 if told < self.FIRST else 0):
                return whole
            self.told[api] = self.told.get(api, 0) + 1
        if self._way == "noticed":
            return self._noticed(chance, api, body)
        out = bytearray(body)
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            self._any(chance, out)
        return struct.pack(">i", len(out)) + out

    @staticmethod
    def _noticed(chance, api, body):
        if api == "Fetch" and (parts := checked(body)):
            out, (first, end) = bytearray(body), chance.choice(parts)
            out[chance.randrange(first, end)] ^= 1 << chance.randrange(8)
            return struct.pack(">i", len(out)) + out
        how = chance.randrange(6)
        if how == 0:
            return struct.pack(">i", chance.choice([-1, -(1 << 31), 0, 3, (1 << 31) - 1])) + body
        if how == 1:
            return struct.pack(">i", len(body)) + struct.pack(">i", chance.randrange(1 << 31)) + body[4:]
        out = body[: chance.randrange(4, max(5, len(body)))]
        return struct.pack(">i", len(out)) + out

    def _any(self, chance, out):
        """One place behind the request's number, in the first bytes as often as in all others."""
        if len(out) <= 4:
            return
        at = chance.randrange(4, chance.choice([len(out), min(len(out), 60)]))
        how = chance.randrange(8)
        if how == 0:
            del out[at : at + chance.randrange(1, 9)]
        elif how == 1:
            del out[at:]
        elif how == 2:
            out[at:at] = out[max(4, at - 20) : at]
        elif how < 5:
            word = chance.choice(self.WORDS)
            out[at : at + len(word)] = word
        else:
            out[at] ^= 1 << chance.randrange(8)


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
