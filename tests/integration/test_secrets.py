# SPDX-License-Identifier: Apache-2.0
"""One worker with literal secrets of every kind - a database's password, an S3 key, a registry's password, a broker's, a webhook with a token - used and
refused: none stands in its log at DEBUG, in what REST answers, in its arguments, or in a failed task's trace."""

import http.server
import json
import pathlib
import secrets
import threading

import pytest
import stand

from conftest import SCHEMALESS, wait_until

LOOK = [
    "/", "/connectors", "/connectors?expand=info&expand=status", "/connector-plugins", "/metrics", "/health", "/admin/loggers", "/dlq",
]  # fmt: skip


def fresh(kind):
    return f"{kind}-s3cret-{secrets.token_hex(8)}"


@pytest.fixture
def hook():
    """A receiver of webhooks, whose path has the token."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)  # final, and said in the log
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer((stand.HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        server.seen = seen
        yield server
        server.shutdown()


def test_no_secret_is_said(make_worker, kafka, database, registry, hook, unique):
    password, wrong, key, user, token = (fresh(kind) for kind in ("postgres", "wrong", "s3", "registry", "hook"))
    every = {"password": password, "wrong password": wrong, "S3 key": key, "registry": user, "webhook": token}
    database.sql(f"create role r_{unique} superuser login replication password '{password}'; create table t (id int primary key); insert into t values (1)")
    dead = f"{unique}-dead"
    worker = make_worker({
        "sluice.dlq.alert.webhook.url": f"http://{stand.HOST}:{hook.server_port}/hook?token={token}",
        "sluice.dlq.alert.interval.ms": "200", "sluice.dlq.alert.open.letters": "0",
    }).start()  # fmt: skip
    assert worker.rest("PUT", "/admin/loggers/root", json={"level": "DEBUG"}).ok
    avro = {"value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.schema.registry.url": registry.url,
            "value.converter.basic.auth.credentials.source": "USER_INFO", "value.converter.basic.auth.user.info": f"me:{user}"}  # fmt: skip
    source = database.config(table_include_list="public.t") | {"database.user": f"r_{unique}", "database.password": password} | avro
    sink = {"connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": unique, "s3.bucket.name": "lake", "s3.region": "us-east-1",
            "store.url": f"http://{stand.HOST}:{stand.free_port()}", "aws.access.key.id": "me", "aws.secret.access.key": key, "flush.size": "1",
            "format.class": "io.confluent.connect.s3.format.json.JsonFormat", **SCHEMALESS}  # fmt: skip
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b'{"id": 1}')])
    kafka.create_topic(dead)
    kafka.produce(dead, [("k", b"x", [("__connect.errors.topic", unique.encode())])])
    said = []

    def look(*paths):
        said.extend(worker.rest("GET", path).text for path in [*LOOK, *paths])

    configs = {"source": source, "refused": source | {"database.password": wrong, "slot.name": f"{unique}_other"}, "sink": sink,
               "mender": {"connector.class": "sluice.dlq", "dlq.topics": dead, "dlq.poll.interval.ms": "100"}}  # fmt: skip
    for name, config in configs.items():
        said.append(worker.rest("PUT", f"/connector-plugins/{config['connector.class']}/config/validate", json={"name": name, **config}).text)
        answer = worker.rest("POST", "/connectors", json={"name": name, "config": config})
        said.append(answer.text)
        assert answer.status_code == (400 if name == "refused" else 201), (name, answer.text)
    worker.wait_running("source")
    wait_until(lambda: kafka.consume_all(f"{database.prefix}.public.t"), what="the row")
    wait_until(lambda: any(token in path for path in hook.seen), what="the webhook, with its token")
    wait_until(lambda: "no connection" in worker.log_text(), what="the S3 server that is away")
    kept = [name for name in configs if name != "refused"]
    look(*(f"/connectors/{name}{end}" for name in kept for end in ("", "/config", "/status", "/tasks", "/topics", "/offsets")))
    said.append(pathlib.Path(f"/proc/{worker.pid}/cmdline").read_text())
    for what, secret in every.items():
        assert not [text for text in said if secret in text], what
        assert secret not in worker.log_text(), what
    for name in kept:
        worker.delete(name)
    assert worker.stop() == 0
    for what, secret in every.items():
        assert secret not in worker.log_text(), what
