# SPDX-License-Identifier: Apache-2.0
"""A TCP relay on loopback that can be told to fail: it knows bytes only, so that it stands in front of anything.

    wire = Wire(server_port)                # listens at wire.port at once, until close()
    wire.stall(3)                           # nothing passes for 3 s, in neither direction; then all of it
    wire.cut(1000)                          # so many bytes from the server pass, then that connection is reset, in mid-message
    wire.hole(2)                            # bytes vanish for 2 s, then the connections that lost some are reset
    wire.reset()                            # all connections, now

What it does not do: bandwidth, latency, or anything that a protocol would notice as wrong bytes (TCP has a checksum)."""

import socket
import struct
import threading
import time

import stand

TICK = 0.1  # how soon a pump sees that its connection is to end


class _Pair:
    """Both halves of a connection."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.dead = self.spoiled = False
        self.pumps = 2


class Wire:
    def __init__(self, target):
        self.target, self.port = target, stand.free_port()
        self.cuts = self.resets = 0
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self._pairs, self._left, self._hole = set(), None, False
        self._listener = socket.create_server((stand.HOST, self.port), backlog=256)
        threading.Thread(target=self._accept, name="wire", daemon=True).start()

    # --- What tests say -----------------------------------------------------------------------------------------------

    def stall(self, seconds):
        self._open.clear()
        time.sleep(seconds)
        self._open.set()

    def cut(self, after, seconds=5):
        """Waits until it has happened, for so long at most; says whether it has."""
        with self._lock:
            before, self._left = self.cuts, after
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.cuts == before:
            time.sleep(TICK)
        with self._lock:
            self._left = None
        return self.cuts > before

    def hole(self, seconds):
        self._hole = True
        time.sleep(seconds)
        self._hole = False
        self._end(lambda pair: pair.spoiled)

    def reset(self):
        self._end(lambda pair: True)

    def close(self):
        self._listener.close()
        self._open.set()
        self.reset()

    # --- Connections --------------------------------------------------------------------------------------------------

    def _end(self, which):
        with self._lock:
            for pair in self._pairs:
                if which(pair) and not pair.dead:
                    pair.dead = True
                    self.resets += 1

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((stand.HOST, self.target), 5)
            except OSError:
                client.close()
                continue
            pair = _Pair(client, server)
            for sock in (client, server):
                sock.settimeout(TICK)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._pump, args=(pair, client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(pair, server, client, True), daemon=True).start()

    def _pump(self, pair, source, sink, down):
        try:
            while not pair.dead:
                try:
                    data = source.recv(1 << 16)
                except TimeoutError:
                    continue
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    break
                self._open.wait()
                if self._hole:
                    pair.spoiled = True
                    continue
                passes = self._passes(len(data)) if down else len(data)
                self._send(pair, sink, data[:passes])
                if passes < len(data):
                    pair.dead = True
        except OSError:
            pair.dead = True
        with self._lock:
            pair.pumps -= 1
            if pair.pumps:
                return
            self._pairs.discard(pair)
        for sock in (pair.client, pair.server):
            if pair.dead:  # a reset, not an end in good order
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def _passes(self, size):
        """How many bytes may pass before the cut."""
        with self._lock:
            if self._left is None or self._left >= size:
                self._left = None if self._left is None else self._left - size
                return size
            passes, self._left = self._left, None
            self.cuts += 1
            return passes

    @staticmethod
    def _send(pair, sink, data):
        view = memoryview(data)
        while view and not pair.dead:
            try:
                view = view[sink.send(view) :]
            except TimeoutError:
                continue
