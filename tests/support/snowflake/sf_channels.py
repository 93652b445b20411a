# SPDX-License-Identifier: Apache-2.0
"""Pipes and channels of the high-performance Snowpipe Streaming REST API.

A channel has a client sequencer, which every open bumps (that is the fence), and a row sequencer, which every append bumps; the
continuation token is an opaque form of both and good for one append. Accepted rows are committed later, by a thread; until then
a reopen throws them away. Row errors are found when rows are committed: an append that was answered with 200 was not validated.

`violations` collects what a client that reads the documentation would never do."""

import collections
import random
import secrets
import threading
import time

import sf_tables

MAX_BODY = 4 << 20
MAX_CHANNELS = 2000


class Refused(Exception):
    """An answer other than 200: status, code, message, and the shape in which errors come."""

    def __init__(self, status, code, message, shape="code"):
        super().__init__(message)
        self.status, self.code, self.message, self.shape = status, code, message, shape


class Batch:
    def __init__(self, rows, errors, lines, size, first, last, due):
        self.rows, self.errors, self.lines, self.size, self.first, self.last, self.due = rows, errors, lines, size, first, last, due


class Channel:
    def __init__(self, pipe, name):
        self.pipe, self.name = pipe, name
        self.client, self.row = -1, 0
        self.token = None
        self.last_answer = None  # (token, next token) of the last append
        self.pending = collections.deque()
        self.committing = False
        self.committed = None
        self.appended = None  # the end token of the last append in this session
        self.created = int(time.time() * 1000)
        self.inserted = self.parsed = self.errors = 0
        self.last_error = (None, None, None)  # message, upper bound, time
        self.code = "SUCCESS"
        self.role = None
        self.busy = 0
        self.recent = collections.deque()
        self.opens = self.appends = 0
        self.last_due = 0.0

    def new_token(self):
        self.token = f"{self.client}_{self.row}_{secrets.token_urlsafe(6)}~+/="
        return self.token

    def status(self, counter="rows_error_count", ok="SUCCESS"):
        message, upper, at = self.last_error
        pipe = self.pipe
        code = pipe.invalid or (ok if self.code == "SUCCESS" else self.code)
        return {"database_name": pipe.db, "schema_name": pipe.schema, "pipe_name": pipe.name, "channel_name": self.name,
                "channel_status_code": code, "last_committed_offset_token": self.committed, "created_on_ms": self.created,
                "rows_inserted": self.inserted, "rows_parsed": self.parsed, counter: self.errors, "last_error_offset_upper_bound": upper,
                "last_error_message": message, "last_error_timestamp": at, "last_error_timestamp_ms": at, "snowflake_avg_processing_latency_ms": 120,
                "last_refreshed_on_ms": int(time.time() * 1000)}  # fmt: skip


class Pipe:
    def __init__(self, db, schema, name, table, default):
        self.db, self.schema, self.name, self.table, self.default = db, schema, name, table, default
        self.channels = {}
        self.invalid = None  # a status code: channels open with it, take rows and throw them away
        self.match = "exact"

    def channel(self, name):
        found = self.channels.get(name)
        if found is None:
            same = [c for c in self.channels.values() if c.name.upper() == name.upper()]
            found = same[0] if len(same) == 1 else None
        return found


class Streaming:
    """All pipes and channels. count_only: rows are counted, neither parsed nor kept."""

    def __init__(self, store, settings, count_only=False):
        self.store, self.settings, self.count_only = store, settings, count_only
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.pipes = {}  # (db, schema, name): Pipe
        self.violations = []
        self.rng = random.Random(settings.get("seed", 0))
        self.frozen = False
        self.counters = collections.Counter()
        self.dirty = set()
        self.first_at = self.last_at = self.committed_at = None
        threading.Thread(target=self._commit_loop, daemon=True).start()

    def violation(self, what):
        if len(self.violations) < 1000:
            self.violations.append(what)

    # --- Names --------------------------------------------------------------------------------------------------------

    @staticmethod
    def resolve(text):
        """A name of a URL: quoted keeps its case, unquoted is upper-cased; (name, was it quoted)."""
        if len(text) >= 2 and text[0] == text[-1] == '"':
            return text[1:-1].replace('""', '"'), True
        return text.upper(), False

    def _find(self, known, db, schema, name):
        """The key of a known object that a URL names: URLs are case-insensitive, an exact one wins."""
        if (db, schema, name) in known:
            return db, schema, name
        wanted = (db.upper(), schema.upper(), name.upper())
        same = [key for key in known if tuple(part.upper() for part in key) == wanted]
        return same[0] if len(same) == 1 else None

    def pipe(self, db, schema, name, role, create=False):
        db, schema, name = self.resolve(db)[0], self.resolve(schema)[0], self.resolve(name)[0]
        with self.lock:
            key = self._find(self.pipes, db, schema, name)
            if key:
                pipe = self.pipes[key]
                if pipe.default and self._table_key(pipe) not in self.store.tables:
                    raise Refused(404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", f"The supplied table {pipe.table} does not exist or is not authorized.")
                return pipe
            if create and name.upper().endswith("-STREAMING"):
                table_key = self._find(self.store.tables, db, schema, name[: -len("-STREAMING")])
                table = self.store.tables.get(table_key) if table_key else None
                if table is None or not table.may(role, "INSERT"):
                    raise Refused(404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", "The supplied table does not exist or is not authorized.")
                if not self.settings["create_default_pipe"]:
                    raise Refused(404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", f"The supplied pipe {name} does not exist or is not authorized.")
                made = Pipe(table.db, table.schema, table.name + "-STREAMING", table.name, True)
                made.match = self.settings["match"]
                self.pipes[made.db, made.schema, made.name] = made
                return made
        raise Refused(404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", f"The supplied pipe {name} does not exist or is not authorized.")

    @staticmethod
    def _table_key(pipe):
        return pipe.db, pipe.schema, pipe.table

    # --- Requests -----------------------------------------------------------------------------------------------------

    def open(self, pipe, name, role, body):
        with self.lock:
            channel = pipe.channel(name)
            if channel is None:
                if len(pipe.channels) >= MAX_CHANNELS:
                    raise Refused(400, "ERR_TOO_MANY_CHANNELS", f"The pipe has {MAX_CHANNELS} channels.")
                channel = pipe.channels[name] = Channel(pipe, name)
            while channel.committing:
                self.changed.wait(1)
            if channel.pending:
                if body.get("fail_on_uncommitted_rows"):
                    raise Refused(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "The channel has rows that are not committed yet.")
                self.counters["discarded_rows"] += sum(b.lines for b in channel.pending)
                channel.pending.clear()
            channel.last_due = 0.0
            channel.client += 1
            channel.row = 0
            channel.code = "SUCCESS"
            channel.role = role
            channel.last_answer = None
            channel.appended = None
            channel.opens += 1
            if body.get("offset_token") is not None:
                channel.committed = str(body["offset_token"])
            return {"next_continuation_token": channel.new_token(), "channel_status": channel.status(ok=self.settings["status_ok"])}

    def drop(self, pipe, name, body):
        with self.lock:
            channel = pipe.channel(name)
            if channel is None:
                raise Refused(404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED", f"Channel {name} does not exist or is not authorized.")
            if body.get("fail_on_uncommitted_rows") and (channel.pending or channel.committing):
                raise Refused(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "The channel has rows that are not committed yet.")
            while channel.committing:
                self.changed.wait(1)
            channel.pending.clear()
            channel.code = "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"
            channel.token = None
            del pipe.channels[channel.name]

    def status(self, pipe, names):
        counter = self.settings["status_error_counter"]
        with self.lock:
            # Names are case-sensitive here, unlike in URLs; what is not there is left out.
            return {"channel_statuses": {name: pipe.channels[name].status(counter, self.settings["status_ok"])
                                         for name in names if name in pipe.channels}}  # fmt: skip

    def append(self, pipe, name, query, body, sent):
        """body: decoded NDJSON; sent: its size as it came."""
        token = query.get("continuationToken")
        first, last = query.get("startOffsetToken"), query.get("endOffsetToken", query.get("offsetToken"))
        if token is None:
            self.violation("append without continuationToken")
            raise Refused(400, "ERR_MISSING_CONTINUATION_TOKEN", "continuationToken is missing.")
        if not body.strip():
            self.violation("append of an empty body")
        with self.lock:
            channel = pipe.channel(name)
            if channel is None:
                raise Refused(404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED", f"Channel {name} does not exist or is not authorized.")
            self._limit(channel)
            self._check_token(channel, token)
            if channel.last_answer and channel.last_answer[0] == token:
                self.counters["same_answer"] += 1
                return {"next_continuation_token": channel.last_answer[1]}
            if channel.busy:
                self.violation(f"two appends in flight on {name}")
            channel.busy += 1
        try:
            # The lines are parsed without the lock: other channels go on.
            if self.count_only:
                rows, errors, lines = [], [], body.count(b"\n") + (not body.endswith(b"\n"))
                if body[:1] != b"{" or body.rstrip()[-1:] != b"}":
                    self.violation("a body that is no NDJSON")
            else:
                rows, errors = sf_tables.parse_lines(body)
                lines = len(rows) + len(errors)
            if errors:
                self.violation(f"a line that is no JSON: {errors[0]}"[:500])
            with self.lock:
                self._check_token(channel, token)
                self._check_order(channel, first, last)
                channel.row += 1
                following = channel.new_token()
                channel.last_answer = (token, following)
                channel.appends += 1
                if last is not None:
                    channel.appended = last
                self.counters["rows"] += lines
                self.counters["bytes"] += sent
                self.counters["uncompressed_bytes"] += len(body)
                self.counters["appends"] += 1
                self.last_at = time.time()
                self.first_at = self.first_at or self.last_at
                if lines and not pipe.invalid:
                    low, high = self.settings["commit_delay"]
                    due = max(channel.last_due, time.monotonic() + self.rng.uniform(low, high))
                    channel.last_due = due
                    channel.pending.append(Batch(rows, errors, lines, sent, first, last, due))
                    self.dirty.add(channel)
                    self.changed.notify_all()
                return {"next_continuation_token": following}
        finally:
            with self.lock:
                channel.busy -= 1

    def _limit(self, channel):
        rate = self.settings["requests_per_second"]
        now = time.monotonic()
        while channel.recent and channel.recent[0] < now - 1:
            channel.recent.popleft()
        if rate and len(channel.recent) >= rate:
            self.counters["throttled"] += 1
            raise Refused(429, "ERR_CHANNEL_RATE_LIMITED", f"More than {rate} requests a second on one channel.")
        channel.recent.append(now)

    def _check_token(self, channel, token):
        if channel.code != "SUCCESS":
            raise Refused(409, channel.code, "The channel must be reopened.")
        if token == channel.token:
            return
        if self.settings["resend"] == "same" and channel.last_answer and channel.last_answer[0] == token:
            return
        self.counters["stale"] += 1
        raise Refused(400, "STALE_CONTINUATION_TOKEN_SEQUENCER", "The continuation token is stale. Please reopen the channel.")

    def _check_order(self, channel, first, last):
        """Offset tokens are opaque to Snowflake; a Kafka sink's are offsets, and go up."""
        try:
            a, b = int(first if first is not None else last), int(last)
        except (TypeError, ValueError):
            return
        reached = max([int(t) for t in (channel.appended, channel.committed) if t is not None and t.lstrip("-").isdigit()], default=-1)
        if a > b or a <= reached and self.settings["ordered_offsets"]:
            self.violation(f"append of {a}..{b} on {channel.name}, which stands at {reached}")

    # --- Commits ------------------------------------------------------------------------------------------------------

    def _take_due(self):
        """(channel, batches) whose time has come, and the seconds until the next."""
        now, wait, found = time.monotonic(), 5.0, []
        if self.frozen:
            return [], wait
        for channel in list(self.dirty):
            batches = []
            while channel.pending and channel.pending[0].due <= now:
                batches.append(channel.pending.popleft())
            if batches:
                channel.committing = True
                found.append((channel, batches))
            if channel.pending:
                wait = min(wait, channel.pending[0].due - now)
            else:
                self.dirty.discard(channel)
        return found, wait

    def _commit_loop(self):
        while True:
            with self.lock:
                found, wait = self._take_due()
                if not found:
                    self.changed.wait(max(wait, 0.001))
                    continue
            for channel, batches in found:
                try:
                    self._commit(channel, batches)
                except Exception as error:  # a bug of the stand-in must show in every test
                    self.violation(f"the stand-in failed to commit: {error!r}")
                finally:
                    with self.lock:
                        channel.committing = False
                        self.changed.notify_all()

    def _commit(self, channel, batches):
        """Each batch is atomic: its rows, counters and offset token."""
        pipe = channel.pipe
        for batch in batches:
            good, errors = batch.lines, []
            if not self.count_only:
                with self.store.lock:
                    table = self.store.tables.get(self._table_key(pipe))
                    if table is None:
                        with self.lock:
                            channel.code = "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"
                        return
                    arrays, good, errors = self.store.land(table, batch.rows, channel.role, pipe.match, pipe.default and self.settings["evolve"])
                    errors = batch.errors + errors
                    self.store.insert(table, arrays, good, errors, channel.name, batch.first, batch.last)
            with self.lock:
                channel.inserted += good
                channel.parsed += batch.lines
                channel.errors += len(errors)
                if errors:
                    channel.last_error = (errors[-1][1], batch.last, int(time.time() * 1000))
                self.committed_at = time.time()
                if batch.last is not None:
                    channel.committed = batch.last
                self.counters["committed_rows"] += good
                self.counters["error_rows"] += len(errors)

    # --- For tests ----------------------------------------------------------------------------------------------------

    def all_channels(self):
        with self.lock:
            return [channel for pipe in self.pipes.values() for channel in pipe.channels.values()]

    def invalidate(self, name=None, code="ERR_CHANNEL_MUST_BE_REOPENED"):
        """The channel's session ends on the server's side; rows that are not committed are lost."""
        with self.lock:
            hit = [c for c in self.all_channels() if name in (None, c.name)]
            for channel in hit:
                channel.code = code
                self.counters["discarded_rows"] += sum(b.lines for b in channel.pending)
                channel.pending.clear()
            return len(hit)

    def told(self):
        with self.lock:
            return [{**c.status(), "client_sequencer": c.client, "opens": c.opens, "appends": c.appends, "appended": c.appended,
                     "pending_rows": sum(b.lines for b in c.pending), "default_pipe": c.pipe.default} for c in self.all_channels()]  # fmt: skip
