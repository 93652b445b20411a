# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a Snowflake account: Snowpipe Streaming REST (high performance) and SQL API v2, as their public documentation has
them, strict about what a client may send, over HTTP/1.1 on loopback. Rows land in DuckDB. tests/support/sf.py starts it and talks to
its control endpoint; docs/snowflake-standin.md says what it does not know.

    python server.py CONFIG.json      ports, account, users, databases; see sf.py

Three listeners: the account's host, and two ingest hosts of which one is current (a pipe fails over by `failover`).
/_control/... (on the account's port) is for tests: state, query, faults, switches."""

import collections
import gzip
import http.server
import io
import json
import pathlib
import random
import re
import signal
import socket
import ssl
import sys
import threading
import time
import traceback
import urllib.parse

import pyarrow
import sf_auth
import sf_channels
import sf_sql
import sf_tables
from backports import zstd
from sf_channels import Refused

MAX_REQUEST = 16 << 20
SETTINGS = {
    "commit_delay": [0.05, 0.3],  # seconds between an append and its commit
    "requests_per_second": 10,  # a channel's appends; 0: any
    "resend": "stale",  # an append whose token was used: stale, or "same" for the same answer again
    "status_ok": "SUCCESS",  # or ACTIVE
    "status_error_counter": "rows_error_count",  # or rows_errors, in bulk status
    "create_default_pipe": True,  # may the role create default pipes
    "match": "exact",  # column names of default pipes; or any_case
    "evolve": True,  # server-side schema evolution
    "ordered_offsets": True,  # offset tokens that go back are violations
    "hostname_form": "plain",  # or json
    "hostname": None,  # what discovery says instead of the truth
    "sql_polls": 0,  # times that a statement answers 202 before its result
    "sql_partition_rows": 10000,
    "alter_invalidates": False,  # ALTER TABLE ends the sessions of the table's channels
    "iceberg_variant": True,
    "no_create_table": [],  # roles
    "v3_offsets": {},  # channel of the v3 connector: offset
    "token_ttl": 600.0, "token_form": "plain", "oauth_ttl": 600.0, "role_scope": False,
    "clock": 0.0,  # seconds that the server's clock goes ahead
    "seed": 0,
}  # fmt: skip
# name: (status, code, message); what an answer may be besides. Not processed.
ANSWERS = {
    "401": (401, "390318", "Authentication token has expired. The user must authenticate again."),
    "403": (403, "390403", "Forbidden"),
    "408": (408, "000630", "Request timeout."),
    "413": (413, "ERR_PAYLOAD_TOO_LARGE", "The payload is too large."),
    "429": (429, "ERR_RECEIVER_SATURATED", "ReceiverSaturated"),
    "429_memory": (429, "ERR_MEMORY_THRESHOLD_EXCEEDED", "MemoryThresholdExceeded"),
    "500": (500, "ERR_INTERNAL", "Internal error."),
    "500_retry": (500, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST", "The pipe is not owned by this node yet."),
    "502": (502, "ERR_BAD_GATEWAY", "Bad gateway."),
    "503": (503, "ERR_SERVICE_UNAVAILABLE", "Service unavailable."),
    "504": (504, "ERR_GATEWAY_TIMEOUT", "Gateway timeout."),
    "409_reopen": (409, "ERR_CHANNEL_MUST_BE_REOPENED", "The channel must be reopened."),
    "409_gap": (409, "ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP", "The channel must be reopened: gap in row sequencers."),
    "409_row_sequencer": (409, "ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER", "Invalid row sequencer."),
    "409_client_sequencer": (409, "ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER", "Invalid client sequencer."),
    "409_open_in_progress": (409, "ERR_OPEN_CHANNEL_IN_PROGRESS", "Another open of the channel is in progress."),
    "409_uncommitted": (409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "The channel has rows that are not committed yet."),
    "409_pipe_state": (409, "ERR_PIPE_IN_INVALID_STATE", "The pipe is in an invalid state."),
    "410": (410, "ERR_PIPE_FAILED_OVER", "The pipe failed over to another deployment."),
    "400_stale": (400, "STALE_CONTINUATION_TOKEN_SEQUENCER", "The continuation token is stale. Please reopen the channel."),
    "404_channel": (404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED", "The channel does not exist or is not authorized."),
    "404_pipe_cache": (404, "STALE_PIPE_CACHE", "The pipe cache is stale."),
    "404_table": (404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", "The supplied table does not exist or is not authorized."),
    "404_pipe": (404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", "The supplied pipe does not exist or is not authorized."),
    "200_rejected": (200, 7, "The rows were rejected."),  # a 200 that is none
}  # fmt: skip
# lose: done, the connection ends unanswered; drop: it ends before anything; late: it ends, and the request is done `delay` seconds
# later; slow: done, answered `delay` seconds later; hold: not done for `delay` seconds
SPECIAL = {"lose", "drop", "late", "slow", "hold"}


class Lost(Exception):
    """The connection is to end without an answer."""


class Rule:
    def __init__(self, spec):
        self.action = spec["action"]
        if self.action not in ANSWERS and self.action not in SPECIAL:
            raise ValueError(f"no action {self.action}; there is {sorted([*ANSWERS, *SPECIAL])}")
        self.op, self.times, self.skip = spec.get("op", "any"), spec.get("times", 1), spec.get("skip", 0)
        self.chance, self.channel, self.delay = spec.get("chance", 1.0), spec.get("channel"), spec.get("delay", 1.0)
        self.shape, self.seconds, self.until = spec.get("shape"), spec.get("seconds"), None
        self.retry_after = spec.get("retry_after")
        self.hits = 0

    def takes(self, op, channel, rng):
        if self.times == 0 or self.op not in ("any", op) or self.channel not in (None, channel):
            return False
        if self.seconds is not None:
            self.until = self.until or time.monotonic() + self.seconds
            if time.monotonic() > self.until:
                return False
        if rng.random() >= self.chance:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True


class Account:
    """All that the listeners share."""

    def __init__(self, config):
        self.config = config
        self.settings = {**SETTINGS, **config.get("settings", {})}
        self.users = sf_auth.Users(config["account"], lambda: time.time() + self.settings["clock"])
        self.users.settings = self.settings
        for name, user in config["users"].items():
            self.users.add(name, user["keys"], user["role"], user.get("roles", ()))
        self.users.pats = dict(config.get("pats", {}))
        for name, client in config.get("oauth_clients", {}).items():
            self.users.oauth_clients[name] = {**client, "refresh": set(client.get("refresh", ()))}
        self.store = sf_tables.Store()
        for name, schemas in config["databases"].items():
            for schema in schemas:
                self.store.add_schema(name, schema)
        self.streaming = sf_channels.Streaming(self.store, self.settings, config.get("mode") == "count")
        self.sql = sf_sql.Sql(self.store, self.streaming, self.users, self.settings)
        self.ingest = config["ingest"]  # [{"host", "port"}, ...]
        self.current = 0
        self.rules, self.rng = [], random.Random(self.settings["seed"])
        self.lock = threading.RLock()
        self.requests = {}  # op: count
        self.answers = {}  # "op status": count
        self.injected = {}
        self.log = collections.deque(maxlen=2000)  # requests: op, method, path, headers without secrets, size; answer's status

    def ingest_hosts(self):
        return [f"{one['host']}:{one['port']}" for one in self.ingest]

    def hostname(self):
        if self.settings["hostname"] is not None:
            return self.settings["hostname"]
        one = self.ingest[self.current]
        return one["host"] if one["port"] == self.config["port"] else f"{one['host']}:{one['port']}"

    def fault(self, op, channel):
        with self.lock:
            self.requests[op] = self.requests.get(op, 0) + 1
            for rule in self.rules:
                if rule.takes(op, channel, self.rng):
                    key = f"{op} {rule.action}"
                    self.injected[key] = self.injected.get(key, 0) + 1
                    return rule
        return None


PIPE = r"/v2/streaming/databases/([^/]+)/schemas/([^/]+)/pipes/([^/:]+)"
ROUTES = [
    ("hostname", "GET", re.compile(r"/v2/streaming/hostname")),
    ("token", "POST", re.compile(r"/oauth/token")),
    ("access_token", "POST", re.compile(r"/oauth/token-request")),
    ("open", "PUT", re.compile(PIPE + r"/channels/([^/]+)")),
    ("drop", "DELETE", re.compile(PIPE + r"/channels/([^/]+)")),
    ("append", "POST", re.compile(PIPE.replace("streaming/", "streaming/data/", 1) + r"/channels/([^/]+)/rows")),
    ("status", "POST", re.compile(PIPE + r":bulk-channel-status")),
    ("pipe_info", "POST", re.compile(PIPE + r":pipe-info")),
    ("sql", "POST", re.compile(r"/api/v2/statements")),
    ("sql_poll", "GET", re.compile(r"/api/v2/statements/([0-9a-f-]+)")),
    ("sql_cancel", "POST", re.compile(r"/api/v2/statements/([0-9a-f-]+)/cancel")),
    ("telemetry", "POST", re.compile(r"/telemetry/.*")),
    ("control", None, re.compile(r"/_control/(.*)")),
]
ON_INGEST = {"open", "drop", "append", "status", "pipe_info"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sf-stand-in", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    account = None  # set by a subclass
    role = "control"  # or the number of an ingest host

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string((time.time() if timestamp is None else timestamp) + self.account.settings["clock"])

    def do_GET(self):
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET

    # --- In and out ---------------------------------------------------------------------------------------------------

    def _body(self, limit):
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            data = bytearray()
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
                if len(data) > MAX_REQUEST:
                    raise Refused(413, "ERR_PAYLOAD_TOO_LARGE", "The payload is too large.")
            self.rfile.readline()
        else:
            length = int(self.headers.get("content-length") or 0)
            if length > MAX_REQUEST:
                self.close_connection = True
                raise Refused(413, "ERR_PAYLOAD_TOO_LARGE", "The payload is too large.")
            data = self.rfile.read(length)
            if len(data) < length:
                raise Lost
        self.sent = len(data)
        if len(data) > limit:
            raise Refused(413, "ERR_PAYLOAD_TOO_LARGE", f"The payload is larger than {limit} bytes.")
        return bytes(data)

    def _decoded(self, data):
        encoding = self.headers.get("content-encoding")
        try:
            if encoding == "zstd":
                data = zstd.decompress(data)
            elif encoding == "gzip":
                data = gzip.decompress(data)
            elif encoding is not None:
                raise Refused(415, "ERR_UNSUPPORTED_ENCODING", f"Content-Encoding {encoding} is not supported.")
        except (zstd.ZstdError, OSError, EOFError) as error:
            self.account.streaming.violation(f"a body that is not {encoding}: {error}")
            raise Refused(400, "ERR_BAD_ENCODING", f"The body is not {encoding}.") from None
        said = self.headers.get("x-snowflake-uncompressed-content-length")
        if said is not None and said != str(len(data)):
            self.account.streaming.violation(f"x-snowflake-uncompressed-content-length {said}, but {len(data)} bytes")
            raise Refused(400, "ERR_LENGTH_MISMATCH", "x-snowflake-uncompressed-content-length is wrong.")
        return data

    def _json(self, data):
        try:
            body = json.loads(self._decoded(data) or b"{}")
        except ValueError:
            raise Refused(400, "391904", "The body is no JSON.") from None
        if not isinstance(body, dict):
            raise Refused(400, "391904", "The body is no JSON object.")
        return body

    def _answer(self, status, body=b"", kind="application/json", **headers):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self._count(status)

    def _count(self, status):
        account = self.account
        if self.op != "control":
            headers = {k.lower(): v if k.lower() != "authorization" else v.partition(" ")[0] for k, v in self.headers.items()}
            with account.lock:
                key = f"{self.op} {status}"
                account.answers[key] = account.answers.get(key, 0) + 1
                account.log.append({"at": time.time(), "host": self.role, "op": self.op, "method": self.command, "path": self.path,
                                    "headers": headers, "size": self.sent, "status": status})  # fmt: skip

    def _refuse(self, refused, retry_after=None):
        """Errors come in four shapes."""
        code, message = refused.code, refused.message
        body = {"code": {"code": code, "message": message}, "error_code": {"error_code": code, "message": message},
                "string": f"{code}: {message}", "status_code": {"status_code": 7, "message": f"{code}: {message}"}}[refused.shape]  # fmt: skip
        more = {"Retry_After": str(retry_after)} if retry_after is not None else {}
        self._answer(refused.status, json.dumps(body), **more)

    # --- One request --------------------------------------------------------------------------------------------------

    def _serve(self):
        self.op, self.sent = "other", 0
        try:
            path, _, query = self.path.partition("?")
            self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            for op, method, pattern in ROUTES:
                match = pattern.fullmatch(path)
                if match and method in (None, self.command):
                    self.op = op
                    return self._route([urllib.parse.unquote(g) for g in match.groups()])
            self._body(MAX_REQUEST)
            self.account.streaming.violation(f"unknown request {self.command} {path}")
            self._refuse(Refused(404, "390404", "Not found."))
        except Refused as refused:
            self._refuse(refused)
        except sf_auth.Denied as denied:
            self._refuse(Refused(denied.status, denied.code, denied.message))
        except (Lost, ConnectionError, TimeoutError):
            self._end()
        except Exception as error:
            traceback.print_exc()
            self.account.streaming.violation(f"the stand-in failed at {self.command} {self.path[:200]}: {error!r}")
            self._refuse(Refused(500, "ERR_STAND_IN", repr(error)))

    def _end(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._count(0)

    def _route(self, words):
        if self.op == "control":
            if self.role != "control":
                raise Refused(404, "390404", "Not found.")
            return self._control(words[0])
        account = self.account
        channel = words[3] if len(words) > 3 else None
        rule = account.fault(self.op, channel)
        if rule is None:
            return self._do(words, self._read())
        if rule.action == "drop":
            raise Lost
        body = self._read()
        if rule.action == "lose":
            self._quiet(words, body)
            raise Lost
        if rule.action == "late":
            self._count(0)
            self.connection.shutdown(socket.SHUT_RDWR)
            time.sleep(rule.delay)
            self._quiet(words, body)
            raise Lost
        if rule.action in ("slow", "hold"):
            if rule.action == "hold":
                time.sleep(rule.delay)
            else:
                self.delay = rule.delay
            return self._do(words, body)
        status, code, message = ANSWERS[rule.action]
        if rule.action == "200_rejected":
            return self._answer(200, {"status_code": code, "message": message})
        return self._refuse(Refused(status, code, message, rule.shape or "code"), rule.retry_after)

    def _read(self):
        if self.op == "append":
            return self._body(sf_channels.MAX_BODY)
        return self._body(MAX_REQUEST)

    def _quiet(self, words, body):
        """The request is done, nobody is told."""
        try:
            self._answer_of(words, body)
        except (Refused, sf_auth.Denied):
            pass

    def _do(self, words, body):
        status, answer, kind, headers = self._answer_of(words, body)
        delay, self.delay = getattr(self, "delay", 0), 0
        if delay:
            time.sleep(delay)
        self._answer(status, answer, kind, **headers)

    def _answer_of(self, words, data):
        """(status, body, content type, headers) of a request that is done now."""
        made = getattr(self, f"_{self.op}")(words, data)
        if not isinstance(made, tuple):
            made = (200, made)
        return (*made, *("application/json", {})[len(made) - 2 :])

    def _user(self, scoped=False):
        """Whoever asks; the headers that all requests must have are checked here."""
        if self.headers.get("accept") is None or "json" not in self.headers["accept"] and "*/*" not in self.headers["accept"]:
            self.account.streaming.violation(f"{self.op} without Accept: application/json")
            raise Refused(406, "391902", "Unsupported Accept header null is specified.")
        if not self.headers.get("user-agent"):
            self.account.streaming.violation(f"{self.op} without User-Agent")
            raise Refused(400, "391903", "User-Agent is missing.")
        host = self.account.ingest_hosts()[self.role] if self.role != "control" else None
        said = self.headers.get("host", "")
        if "_" in said:
            self.account.streaming.violation(f"a host name with an underscore: {said}")
        return self.account.users.check(self.headers, host, scoped_only=scoped)

    def _here(self):
        """Streaming requests belong to the current ingest host."""
        if self.role == "control":
            self.account.streaming.violation(f"{self.op} on the account's host")
            raise Refused(404, "390404", "Not found.")
        user = self._user(scoped=True)
        if self.role != self.account.current:
            raise Refused(410, "ERR_PIPE_FAILED_OVER", "The pipe failed over to another deployment.")
        return user

    def _want_type(self, kind):
        if (self.headers.get("content-type") or "").partition(";")[0].strip().lower() != kind:
            self.account.streaming.violation(f"{self.op} with Content-Type {self.headers.get('content-type')}")
            raise Refused(415, "391904", f"Content-Type must be {kind}.")

    # --- Account ------------------------------------------------------------------------------------------------------

    def _hostname(self, _, __):
        self._user()
        name = self.account.hostname()
        if self.account.settings["hostname_form"] == "json":
            return 200, {"hostname": name}
        return 200, name, "text/plain"

    def _token(self, _, data):
        self._want_type("application/x-www-form-urlencoded")
        form = dict(urllib.parse.parse_qsl(self._decoded(data).decode("ascii"), strict_parsing=True))
        text = self.account.users.scoped(self.headers, form, self.account.ingest_hosts())
        return 200, text, "text/plain" if self.account.settings["token_form"] == "plain" else "application/json"

    def _access_token(self, _, data):
        self._want_type("application/x-www-form-urlencoded")
        return self.account.users.access_token(self.headers, dict(urllib.parse.parse_qsl(data.decode("ascii"), strict_parsing=True)))

    def _telemetry(self, _, __):
        return {"data": "Log Received", "code": None, "message": None, "success": True}

    # --- Streaming ----------------------------------------------------------------------------------------------------

    def _open(self, words, data):
        user = self._here()
        body = self._json(data)
        if set(body) - {"offset_token", "fail_on_uncommitted_rows"}:
            self.account.streaming.violation(f"open with {sorted(body)}")
        pipe = self.account.streaming.pipe(*words[:3], user["role"], create=True)
        return self.account.streaming.open(pipe, words[3], user["role"], body)

    def _drop(self, words, data):
        user = self._here()
        pipe = self.account.streaming.pipe(*words[:3], user["role"])
        self.account.streaming.drop(pipe, words[3], self._json(data))
        return {}

    def _append(self, words, data):
        user = self._here()
        self._want_type("application/x-ndjson")
        if self.headers.get("content-encoding") and self.headers.get("x-snowflake-uncompressed-content-length") is None:
            self.account.streaming.violation("a compressed append without x-snowflake-uncompressed-content-length")
        pipe = self.account.streaming.pipe(*words[:3], user["role"])
        return self.account.streaming.append(pipe, words[3], self.query, self._decoded(data), self.sent)

    def _status(self, words, data):
        user = self._user() if self.role == "control" else self._here()
        self._want_type("application/json")
        names = self._json(data).get("channel_names")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(400, "391904", "channel_names must be a list of names.")
        return self.account.streaming.status(self.account.streaming.pipe(*words[:3], user["role"]), names)

    def _pipe_info(self, words, data):
        """Undocumented; the official SDK asks it first."""
        user = self._here()
        pipe = self.account.streaming.pipe(*words[:3], user["role"], create=True)
        limits = {"max_client_lag_seconds": 1, "rowset_flush_threshold_kb": 1024, "max_buffered_kb_for_rowset_mode": 10240,
                  "rowset_threshold_lookback_seconds": 60, "rowset_threshold_ewma_weight": 50, "target_file_size_compressed_mb": 16,
                  "cpu_throttle_high_watermark_percent": 90, "cpu_throttle_low_watermark_percent": 50,
                  "mem_throttle_high_watermark_percent": 90, "mem_throttle_low_watermark_percent": 50}  # fmt: skip
        stage = {"expiry_time_ms": int(time.time() * 1000) + 3600_000, "location_type": "S3", "location": "s3://none/", "region": "us-east-1",
                 "use_s3_regional_url": False, "storage_account": "", "storage_endpoint": "", "bucket_name": "none", "path_prefix": "",
                 "creds": {"AWS_KEY_ID": "none", "AWS_SECRET_KEY": "none", "AWS_TOKEN": ""}, "parameters": limits}  # fmt: skip
        return {"database": pipe.db, "schema": pipe.schema, "pipe": pipe.name, "owner": user["role"], "valid": True, "stage_location": stage,
                "rowset_stage_location": stage, "durable_stage_location": stage,
                "encryption_info": {"pipe_key": "", "pipe_key_id": "", "diversifier": ""}, "parameter_overrides": limits}  # fmt: skip

    # --- SQL ----------------------------------------------------------------------------------------------------------

    def _on_account(self):
        if self.role != "control":
            self.account.streaming.violation("the SQL API on an ingest host")
            raise Refused(404, "390404", "Not found.")
        return self._user()

    def _sql(self, _, data):
        user = self._on_account()
        self._want_type("application/json")
        retry = self.query.get("retry") == "true"
        if retry and "requestId" not in self.query:
            raise Refused(400, "391904", "retry without requestId.")
        return self.account.sql.submit(user, self.query.get("requestId"), retry, self._json(data))

    def _sql_poll(self, words, _):
        self._on_account()
        status, body = self.account.sql.poll(words[0], int(self.query.get("partition", 0)))
        return (status, body, "application/json", {"Content_Encoding": "gzip"}) if isinstance(body, bytes) else (status, body)

    def _sql_cancel(self, words, _):
        self._on_account()
        return self.account.sql.cancel(words[0])

    # --- Control ------------------------------------------------------------------------------------------------------

    def _control(self, what):
        data = self._body(MAX_REQUEST)
        body = json.loads(data) if data else {}
        account, streaming = self.account, self.account.streaming
        if what == "query":
            try:
                table = account.store.query(body["sql"])
            except Exception as error:
                return self._answer(400, {"message": str(error)})
            sink = io.BytesIO()
            with pyarrow.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
            return self._answer(200, sink.getvalue(), "application/vnd.apache.arrow.stream")
        with account.lock:
            if what == "settings":
                unknown = set(body) - set(account.settings)
                if unknown:
                    return self._answer(400, {"message": f"no settings {sorted(unknown)}"})
                account.settings.update(body)
                made = account.settings
            elif what == "faults":
                if self.command == "DELETE":
                    account.rules.clear()
                else:
                    account.rules += [Rule(spec) for spec in body["rules"]]
                    account.rng.seed(body.get("seed", account.rng.random()))
                made = {"rules": len(account.rules), "injected": account.injected}
            else:
                made = self._switch(what, body)
        if made is None:
            return self._answer(404, {"message": f"no control {what}"})
        with streaming.lock:
            streaming.changed.notify_all()
        self._answer(200, made)

    def _switch(self, what, body):
        account, streaming = self.account, self.account.streaming
        if what == "state":
            return {"settings": account.settings, "counters": dict(streaming.counters), "violations": streaming.violations,
                    "requests": account.requests, "answers": account.answers, "injected": account.injected, "hostname": account.hostname(),
                    "tokens_issued": account.users.issued, "first_append": streaming.first_at, "last_append": streaming.last_at,
                    "last_commit": streaming.committed_at,
                    "tasks": [{"name": key, **task} for key, task in account.sql.tasks.items()]}  # fmt: skip
        if what == "log":
            with account.lock:
                return {"requests": list(account.log)}
        if what == "channels":
            return {"channels": streaming.told()}
        if what == "tables":
            return {"tables": [{"db": t.db, "schema": t.schema, "name": t.name, "physical": t.physical, "rows": t.rows, "owner": t.owner,
                                "evolution": t.evolution, "error_logging": t.error_logging, "iceberg": t.iceberg,
                                "columns": [{"name": c.name, "type": c.type.text, "not_null": c.not_null, "comment": c.comment,
                                             "physical": c.physical} for c in t.columns.values()]}
                               for t in account.store.tables.values()]}  # fmt: skip
        if what == "run_tasks":
            return {"ran": account.sql.run_tasks()}
        if what == "statements":
            return {"statements": [{"statement": s, "bindings": b, "role": r} for s, b, r in account.sql.log]}
        if what == "freeze_commits":
            streaming.frozen = bool(body.get("on", True))
            return {"frozen": streaming.frozen}
        if what == "invalidate":
            return {"channels": streaming.invalidate(body.get("channel"), body.get("code", "ERR_CHANNEL_MUST_BE_REOPENED"))}
        if what == "failover":
            account.current = 1 - account.current
            lost = streaming.invalidate() if body.get("invalidate", True) else 0
            return {"hostname": account.hostname(), "channels": lost}
        if what == "revoke_tokens":
            account.users.revoke()
            return {}
        if what == "refuse_user":
            (account.users.refused_users.add if body.get("on", True) else account.users.refused_users.discard)(body["user"].upper())
            return {}
        if what == "pipe":
            return self._make_pipe(body)
        if what == "grant":
            table = account.store.get(body["db"], body["schema"], body["table"])
            table.owner = body.get("owner", table.owner)
            if "privileges" in body:
                table.grants[body["role"]] = set(body["privileges"])
            return {}
        if what == "sql":  # as the account's administrator
            session = sf_sql.Session("ADMIN", body.get("role", "ACCOUNTADMIN"), body.get("db"), body.get("schema"), "WH", body.get("bindings", {}))
            try:
                result = account.sql.run(session, body["statement"])
            except sf_tables.SqlError as error:
                return {"code": error.code, "message": error.message}
            return {"columns": [name for name, _ in result.columns], "rows": result.rows}
        if what == "drop_channel":
            for pipe in streaming.pipes.values():
                if body["channel"] in pipe.channels:
                    streaming.drop(pipe, body["channel"], {})
            return {}
        return None

    def _make_pipe(self, body):
        streaming = self.account.streaming
        key = body["db"], body["schema"], body["name"]
        pipe = streaming.pipes.get(key)
        if pipe is None:
            pipe = streaming.pipes[key] = sf_channels.Pipe(*key, body["table"], body.get("default", False))
        pipe.match = body.get("match", pipe.match)
        pipe.invalid = body.get("invalid", pipe.invalid)
        return {"name": pipe.name, "invalid": pipe.invalid}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            traceback.print_exc()


def main():
    config = json.loads(pathlib.Path(sys.argv[1]).read_text())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.setswitchinterval(0.001)
    account = Account(config)
    listeners = [("control", "127.0.0.1", config["port"])]
    for number, one in enumerate(config["ingest"]):
        listeners.append((number, one["host"] if one["port"] == config["port"] else "127.0.0.1", one["port"]))
    servers = []
    for role, address, port in listeners:
        server = Server((address, port), type("Bound", (Handler,), {"account": account, "role": role}))
        if config.get("certificate"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(config["certificate"])
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        servers.append(server)
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
