# SPDX-License-Identifier: Apache-2.0
"""Checks: root, health, routing errors, methods, types, headers, paths, queries."""

import json
import re
import socket

from harness import check, each, empty, eq, has, ok, refused, true


@check
def root(c):
    body = ok(c.get("/"))
    eq(list(body), ["version", "commit", "kafka_cluster_id"], "the fields")
    true(all(isinstance(value, str) and value for value in body.values()), f"strings, not {body}")
    true(re.fullmatch(r"4\.2\.\d+", body["version"]), f"version 4.2.x, not {body['version']}")
    true(re.fullmatch(r"[\w-]{22}", body["kafka_cluster_id"]), f"a cluster id, not {body['kafka_cluster_id']}")


@check
def health(c):
    message = "Worker has completed startup and is ready to handle requests."
    eq(c.get("/health").text, json.dumps({"status": "healthy", "message": message}, separators=(",", ":")))
    ok(c.get("/health"))


@check
def health_takes_no_path(c):
    refused(c.get("/health/live"), 404, "HTTP 404 Not Found")


# --- Routing errors ---------------------------------------------------------------------------------------------------


@each({
    "top": "/nope",
    "below-connector": "/connectors/x/nope",
    "plugin": "/connector-plugins/FileStreamSink",
    "admin": "/admin",
    "tasks-config-is-gone": "/connectors/x/tasks-config",
    "task": "/connectors/x/tasks/0",
    "case": "/Connectors",
})
def unknown_path(c, path):
    answer = c.get(path)
    refused(answer, 404, "HTTP 404 Not Found")
    eq(answer.headers["Content-Type"], None, "the type of a router's error")


@each({
    "POST-root": ("POST", "/"),
    "DELETE-connectors": ("DELETE", "/connectors"),
    "PUT-connectors": ("PUT", "/connectors"),
    "POST-connector": ("POST", "/connectors/x"),
    "PUT-connector": ("PUT", "/connectors/x"),
    "DELETE-config": ("DELETE", "/connectors/x/config"),
    "PUT-status": ("PUT", "/connectors/x/status"),
    "GET-pause": ("GET", "/connectors/x/pause"),
    "POST-pause": ("POST", "/connectors/x/pause"),
    "GET-restart": ("GET", "/connectors/x/restart"),
    "PUT-restart": ("PUT", "/connectors/x/restart"),
    "PUT-offsets": ("PUT", "/connectors/x/offsets"),
    "POST-topics": ("POST", "/connectors/x/topics"),
    "GET-validate": ("GET", "/connector-plugins/x/config/validate"),
    "POST-validate": ("POST", "/connector-plugins/x/config/validate"),
    "DELETE-logger": ("DELETE", "/admin/loggers/root"),
    "PUT-loggers": ("PUT", "/admin/loggers"),
    "TRACE": ("TRACE", "/connectors"),
    "unknown-method": ("BREW", "/connectors"),
    "small-letters": ("get", "/connectors"),
})
def wrong_method(c, method, path):
    answer = c.call(method, path)
    refused(answer, 405, "HTTP 405 Method Not Allowed")
    eq(answer.headers["Content-Type"], None, "the type of a router's error")


@each({
    "root": ("/", "GET"),
    "connectors": ("/connectors", "GET,POST"),
    "connector": ("/connectors/x", "GET,DELETE"),
    "config": ("/connectors/x/config", "GET,PUT,PATCH"),
    "offsets": ("/connectors/x/offsets", "GET,PATCH,DELETE"),
    "pause": ("/connectors/x/pause", "PUT"),
    "logger": ("/admin/loggers/root", "GET,PUT"),
    "validate": ("/connector-plugins/x/config/validate", "PUT"),
})
def options(c, path, methods):
    """The methods in Allow and as text, HEAD with GET, OPTIONS itself; their order is a hash's."""
    answer = c.call("OPTIONS", path)
    eq(answer.status, 200, "the status")
    wanted = {*methods.split(","), "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    eq(set(re.split(", *", answer.headers["Allow"] or "")), wanted, "Allow")
    eq(answer.headers["Content-Type"], "text/plain", "the type")
    eq(set(answer.text.split(", ")), wanted, "the body")


@check
def options_of_unknown_path(c):
    refused(c.call("OPTIONS", "/nope"), 404, "HTTP 404 Not Found")


@each({"root": "/", "connectors": "/connectors", "plugins": "/connector-plugins", "missing": "/connectors/x", "nope": "/nope"})
def head(c, path):
    """As GET, without the body."""
    get, answer = c.get(path), c.call("HEAD", path)
    eq(answer.status, get.status, "the status")
    eq(answer.headers["Content-Type"], get.headers["Content-Type"], "the type")
    eq(answer.body, b"", "the body")


# --- Types ------------------------------------------------------------------------------------------------------------


@each({
    "connectors": "/connectors",
    "missing-connector": "/connectors/x",
    "root": "/",
    "health": "/health",
    "plugins": "/connector-plugins",
    "loggers": "/admin/loggers",
})
def not_acceptable(c, path):
    answer = c.get(path, headers={"Accept": "text/plain"})
    refused(answer, 406, "HTTP 406 Not Acceptable")
    eq(answer.headers["Content-Type"], None, "the type of a router's error")


@check
def not_acceptable_for_a_change(c):
    refused(c.put("/connectors/x/pause", headers={"Accept": "text/html"}), 406, "HTTP 406 Not Acceptable")


@check
def unknown_path_before_accept(c):
    refused(c.get("/nope", headers={"Accept": "text/plain"}), 404, "HTTP 404 Not Found")


@each({
    "none": None,
    "json": "application/json",
    "any": "*/*",
    "any-application": "application/*",
    "browser": "text/html,application/xhtml+xml,*/*;q=0.8",
    "quality": "application/json;q=0.1, text/plain",
    "charset": "application/json; charset=utf-8",
    "letters": "Application/JSON",
})
def acceptable(c, accept):
    answer = c.get("/connectors", headers={"Accept": accept})
    eq(answer.status, 200, "the status")
    has(answer.headers["Content-Type"], "application/json")  # Connect adds the charset when one is asked for


@each({
    "text": "text/plain",
    "xml": "application/xml",
    "json-api": "application/vnd.api+json",
    "json-text": "text/json",
    "multipart": "multipart/form-data; boundary=x",
})
def unsupported_type(c, content_type):
    for method, path in (("POST", "/connectors"), ("PUT", "/connectors/x/config"), ("PATCH", "/connectors/x/config")):
        answer = c.call(method, path, raw=b"{}", headers={"Content-Type": content_type})
        refused(answer, 415, "HTTP 415 Unsupported Media Type")
        eq(answer.headers["Content-Type"], None, "the type of a router's error")


@each({"pause": ("PUT", "/connectors/x/pause"), "restart": ("POST", "/connectors/x/restart")})
def unsupported_type_without_use(c, method, path):
    """Also where no body is read."""
    refused(c.call(method, path, raw=b"{}", headers={"Content-Type": "text/plain"}), 415, "HTTP 415 Unsupported Media Type")


@each({"get": ("GET", "/connectors/x"), "delete": ("DELETE", "/connectors/x")})
def unsupported_type_of_get_and_delete(c, method, path):
    refused(c.call(method, path, raw=b"{}", headers={"Content-Type": "text/plain"}), 415, "HTTP 415 Unsupported Media Type")


@check
def body_without_a_type(c):
    refused(c.post("/connectors", raw=b"{}", headers={"Content-Type": None}), 415, "HTTP 415 Unsupported Media Type")


@check
def body_with_curls_form_type(c):
    body = json.dumps({"name": c.ours(c.unique()), "config": c.sink(), "initial_state": "STOPPED"}).encode()
    answer = c.post("/connectors", raw=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    if c.differs("form-type"):
        ok(answer, 201)
    else:
        refused(answer, 415, "HTTP 415 Unsupported Media Type")


@each({
    "charset": "application/json; charset=utf-8",
    "letters": "APPLICATION/JSON",
    "quoted": 'application/json;charset="UTF-8"',
})
def supported_type(c, content_type):
    body = json.dumps({"name": c.ours(c.unique()), "config": c.sink(), "initial_state": "STOPPED"}).encode()
    ok(c.post("/connectors", raw=body, headers={"Content-Type": content_type}), 201)


@check
def get_with_a_json_type(c):
    """Many clients send the type with every request."""
    ok(c.get("/connectors", headers={"Content-Type": "application/json"}))
    refused(c.get("/connectors/x", headers={"Content-Type": "application/json"}), 404)
    refused(c.delete("/connectors/x", headers={"Content-Type": "application/json"}), 404)


@check
def change_without_body_and_type(c):
    for method, path in (("PUT", "/pause"), ("PUT", "/resume"), ("PUT", "/stop"), ("POST", "/restart")):
        refused(c.call(method, f"/connectors/x{path}"), 404)


@check
def change_with_an_unused_body(c):
    name = c.stopped(c.sink())
    empty(c.put(c.at(name, "/stop"), {"any": ["thing"]}), 204)


# --- Headers and HTTP -------------------------------------------------------------------------------------------------


@check
def error_type_is_json(c):
    answer = c.get("/connectors/x")
    refused(answer, 404)
    eq(answer.headers["Content-Type"], "application/json", "the type")


@check
def date_header(c):
    true(c.get("/").headers["Date"], "a Date header")


@check
def no_cors_by_default(c):
    answer = c.get("/connectors", headers={"Origin": "http://example.org"})
    ok(answer)
    eq(answer.headers["Access-Control-Allow-Origin"], None, "Access-Control-Allow-Origin")


@check
def no_content_has_no_type(c):
    name = c.stopped(c.sink())
    answer = c.put(c.at(name, "/stop"))
    empty(answer, 204)
    eq(answer.headers["Content-Type"], None, "the type")


def talk(c, request, answers=1):
    """Sends bytes as they are, and gives the answers' bytes as far as `answers` bodies."""
    with socket.create_connection((c.host, c.port), 30) as connection:
        connection.sendall(request)
        data = b""
        while True:
            more = connection.recv(65536)
            data += more
            final = re.findall(rb"HTTP/1\.1 (?!100)\d+ .*?\r\n\r\n[{\[<].*?[}\]>]", data, re.DOTALL)
            if not more or len(final) >= answers:
                return data


@check
def two_requests_on_a_connection(c):
    data = talk(c, b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /connectors/x HTTP/1.1\r\nHost: x\r\n\r\n", 2)
    eq(re.findall(rb"HTTP/1\.1 (\d+)", data), [b"200", b"404"], "the two statuses")


@check
def http_1_0(c):
    data = talk(c, b"GET /connectors/x HTTP/1.0\r\n\r\n")
    has(data, b" 404 ", b"Connector x not found")


@check
def close_is_honoured(c):
    with socket.create_connection((c.host, c.port), 30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while more := connection.recv(65536):
            data += more
    has(data.lower(), b" 200 ok", b"connection: close")


@check
def chunked_body(c):
    body = b'{"connector.class":"A"}'
    head_ = b"PUT /connector-plugins/B/config/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    data = talk(c, head_ + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    has(data, b" 400 ", b"Included connector type A does not match request type B")


@check
def expect_continue(c):
    head_ = b"PUT /connectors/x/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    data = talk(c, head_ + b"Expect: 100-continue\r\n\r\n{}")
    has(data, b" 100 Continue", b" 400 ", b"contains no connector type")


@check
def host_is_required(c):
    has(talk(c, b"GET / HTTP/1.1\r\n\r\n"), b" 400 ")


@check
def absolute_target(c):
    """As a proxy's clients write it."""
    has(talk(c, b"GET http://x/connectors/x HTTP/1.1\r\nHost: x\r\n\r\n"), b" 404 ", b"Connector x not found")


@check
def long_query_and_header(c):
    ok(c.get("/connectors?x=" + "y" * 5000))
    ok(c.get("/connectors", headers={"X-Long": "y" * 5000}))


# --- Paths and queries ------------------------------------------------------------------------------------------------


@each({
    "connectors": "/connectors/",
    "plugins": "/connector-plugins/",
    "loggers": "/admin/loggers/",
    "health": "/health/",
})
def trailing_slash(c, path):
    ok(c.get(path))


@check
def trailing_slash_below_a_connector(c):
    name = c.stopped(c.sink())
    eq(ok(c.get(c.at(name, "/")))["name"], name, "name")
    eq(ok(c.get(c.at(name, "/status/")))["name"], name, "name")
    empty(c.put(c.at(name, "/stop/")), 204)


@each({"connectors": "//connectors", "connector": "/connectors//status", "config": "/connectors//config"})
def empty_segment(c, path):
    eq(c.get(path).status, 400, "the status")


@each({"no-hex": "%GG", "not-utf8": "%FF", "nul": "a%00b", "cut": "a%4"})
def bad_escape(c, segment):
    eq(c.get(f"/connectors/{segment}").status, 400, "the status")


@check
def escapes_are_decoded(c):
    name = c.stopped(c.sink())
    escaped = "".join(f"%{ord(letter):02x}" for letter in name)
    eq(ok(c.get(f"/connectors/{escaped}"))["name"], name, "name")


@check
def plus_is_a_plus_in_a_path(c):
    refused(c.get("/connectors/a+b"), 404, "Connector a+b not found")
    refused(c.get("/connectors/a%2Bb"), 404, "Connector a+b not found")
    refused(c.get("/connectors/a%20b"), 404, "Connector a b not found")


@check
def matrix_parameter_is_ignored(c):
    name = c.stopped(c.sink())
    eq(ok(c.get(c.at(name, ";v=1")))["name"], name, "name")


@check
def name_with_a_slash(c):
    answer = c.get("/connectors/a%2Fb")
    if c.differs("name-with-slash"):
        refused(answer, 404, "Connector a/b not found")
    else:
        eq(answer.status, 400, "the status")


@each({
    "bare": ("?", list),
    "other-key": ("?foo=bar", list),
    "other-case": ("?EXPAND=info", list),
    "empty": ("?expand=", dict),
    "no-value": ("?expand", dict),
    "unknown": ("?expand=nope", dict),
    "comma": ("?expand=info,status", dict),
})
def expand_oddities(c, query, kind):
    """Any `expand` makes it a map; what is unknown adds nothing to the entries."""
    name = c.stopped(c.sink())
    body = ok(c.get("/connectors" + query))
    true(type(body) is kind and name in body, f"a {kind.__name__} with {name}, not {body}")
    if kind is dict:
        eq(body[name], {}, "the entry")


@each({"key": "?%65xpand=info", "value": "?expand=in%66o", "twice": "?expand=info&expand=info", "more": "?a=b&expand=info&&"})
def expand_spellings(c, query):
    name = c.stopped(c.sink())
    eq(list(ok(c.get("/connectors" + query))[name]), ["info"], "the entry's fields")


@each({
    "connector": ("GET", "/connectors/{}", "Connector {} not found"),
    "delete": ("DELETE", "/connectors/{}", "Connector {} not found"),
    "config": ("GET", "/connectors/{}/config", "Connector {} not found"),
    "tasks": ("GET", "/connectors/{}/tasks", "Connector {} not found"),
    "offsets": ("GET", "/connectors/{}/offsets", "Connector {} not found"),
    "reset-offsets": ("DELETE", "/connectors/{}/offsets", "Connector {} not found"),
    "status": ("GET", "/connectors/{}/status", "No status found for connector {}"),
    "task-status": ("GET", "/connectors/{}/tasks/3/status", "No status found for task {}-3"),
    "pause": ("PUT", "/connectors/{}/pause", "Unknown connector {}"),
    "resume": ("PUT", "/connectors/{}/resume", "Unknown connector {}"),
    "stop": ("PUT", "/connectors/{}/stop", "Unknown connector {}"),
    "restart": ("POST", "/connectors/{}/restart", "Unknown connector: {}"),
    "restart-with-tasks": ("POST", "/connectors/{}/restart?includeTasks=true", "Unknown connector: {}"),
    "restart-failed": ("POST", "/connectors/{}/restart?onlyFailed=true", "Unknown connector: {}"),
    "restart-task": ("POST", "/connectors/{}/tasks/0/restart", "Unknown connector: {}"),
})
def unknown_connector(c, method, path, message):
    name = c.unique()
    refused(c.call(method, path.format(name)), 404, message.format(name))


@check
def unknown_connector_patch(c):
    refused(c.patch("/connectors/x/config", {"a": "b"}), 404, "Connector x not found")
    offsets = {"offsets": [{"partition": {"filename": "x"}, "offset": {"position": 1}}]}
    refused(c.patch("/connectors/x/offsets", offsets), 404, "Connector x not found")


@check
def unknown_connector_topics(c):
    """The one read that doesn't ask whether the connector exists."""
    name = c.unique()
    eq(ok(c.get(f"/connectors/{name}/topics")), {name: {"topics": []}}, "the topics")
    empty(c.put(f"/connectors/{name}/topics/reset"), 202)


@each({"letters": "a", "too-large": "99999999999", "point": "0.5"})
def task_id_is_no_number(c, task):
    for method, path in (("GET", "status"), ("POST", "restart")):
        refused(c.call(method, f"/connectors/x/tasks/{task}/{path}"), 404, "HTTP 404 Not Found")


@check
def task_id_below_zero(c):
    refused(c.get("/connectors/x/tasks/-1/status"), 404, "No status found for task x--1")
