# SPDX-License-Identifier: Apache-2.0
"""What the checks of REST conformance are made of: their registry, one target to talk to, and words to compare answers.

A check is a function of a Target. It knows REST and files only, never Kafka or which program answers; where the two are
meant to differ it asks `c.differs(ID)`, and ID must stand in DIFFERENCES with its reason. It makes connectors of its own
under unique names (removed when it ends), polls instead of sleeping, and may run alone or in any order.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import time
import urllib.parse
import uuid

# Where Sluice answers something else on purpose. What is not listed here must be equal.
DIFFERENCES = {
    "patch-name": "Connect stores a PATCHed name that is not the connector's own, which breaks it; Sluice refuses it",
    "secrets": "Connect shows literal secrets of a stored config to everybody; Sluice shows ****",
    "topic-creation": "Connect accepts topic.creation.* values that fail in the task; Sluice refuses them when validated",
    "override-values": "Connect accepts client overrides that it can't honour or parse; Sluice refuses them by name",
    "form-type": "curl -d without -H sends a form's type: Connect answers 415, Sluice reads the body as JSON",
    "name-with-slash": "Connect accepts a name with / but can't reach it (%2F is a 400); Sluice reaches it",
    "large-body": "Sluice reads bodies of up to 1 MiB, which is more than a config record may have; 413 above",
    "nul-in-value": "Connect stores a NUL character in a config's value; Sluice refuses it, no key has a use for one",
    "task-of-stopped": "Connect answers 409 (no leader) for a task that its stopped connector had before; Sluice 404",
}

PATIENCE = 30 * int(os.environ.get("SLUICE_SLOW", "1"))  # seconds
CHECKS = {}  # name -> (function, arguments), in the order of definition


class CheckFailed(Exception):
    pass


def _name(function):
    area = function.__module__.rpartition("checks_")[2]
    return f"{area}.{function.__name__}".replace("_", "-")


def check(function):
    """Registers one check as AREA.FUNCTION, the area being the file's name after checks_."""
    _register(_name(function), function, ())
    return function


def each(cases):
    """Registers one check for every entry of {word: argument or tuple of arguments}, as AREA.FUNCTION[WORD]."""

    def decorate(function):
        for word, arguments in cases.items():
            arguments = arguments if isinstance(arguments, tuple) else (arguments,)
            _register(f"{_name(function)}[{word}]", function, arguments)
        return function

    return decorate


def _register(name, function, arguments):
    assert name not in CHECKS, f"two checks are called {name}"
    CHECKS[name] = (function, arguments)


# --- Comparing --------------------------------------------------------------------------------------------------------


def _short(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:300]}...({len(text)} characters)"


def true(condition, what):
    if not condition:
        raise CheckFailed(what)


def eq(actual, expected, what="it"):
    if actual != expected or type(actual) is not type(expected):
        raise CheckFailed(f"{what} is {_short(actual)}, not {_short(expected)}")


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise CheckFailed(f"{_short(part)} is missing in {_short(text)}")


def wait(fn, what):
    """Polls fn until it gives something true. What it raises counts as not yet."""
    end = time.monotonic() + PATIENCE
    while True:
        last = None
        try:
            result = fn()
            if result:
                return result
        except (CheckFailed, LookupError, ValueError, TypeError, FileNotFoundError) as error:
            last = error
        if time.monotonic() > end:
            raise CheckFailed(f"not within {PATIENCE} s: {what}" + (f" (last: {last})" if last else ""))
        time.sleep(0.03)


class Answer:
    """One HTTP answer."""

    def __init__(self, request, response, body):
        self.request, self.status, self.headers, self.body = request, response.status, response.headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckFailed(f"{self}: the body is no JSON") from None

    def __str__(self):
        return f"{self.request} answers {self.status} {_short(self.body.decode(errors='replace'))}"


def ok(answer, status=200):
    """The answer has this status; gives its parsed body, or None when it must have none."""
    if answer.status != status:
        raise CheckFailed(f"{answer}, not {status}")
    if status in (202, 204) and not answer.body:
        return None
    eq(answer.headers["Content-Type"], "application/json", f"the type of {answer.request}")
    return answer.json()


def empty(answer, status):
    true(answer.status == status, f"{answer}, not {status}")
    eq(answer.body, b"", f"the body of {answer.request}")


def refused(answer, status, message=None, *parts):
    """Connect's error body, with this whole message, or with these parts of it; gives the message."""
    if answer.status != status:
        raise CheckFailed(f"{answer}, not {status}")
    body = answer.json()
    eq(list(body), ["error_code", "message"], f"the fields of {answer.request}")
    eq(body["error_code"], status, f"error_code of {answer.request}")
    text = without_ours(body["message"])
    if message is not None:
        eq(text, message, f"the message of {answer.request}")
    has(text, *parts)
    return text


def without_ours(text):
    """Sluice puts a sentence of its own behind Connect's where a class is not there."""
    return re.sub(r" Sluice has no such class.*? see docs/\w+\.md\.", "", text)


INVALID = "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the above list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`"


def invalid(answer, *errors):
    """A 400 that lists exactly these errors."""
    refused(answer, 400, INVALID.format(len(errors), "\n".join(errors)))


# --- The target -------------------------------------------------------------------------------------------------------

# Connect asks its clients to try again while it rebalances, which here is after every created or removed connector.
MOMENTARILY = (
    (409, "(e.g. worker rebalance)"),
    (409, "no known leader URL"),
    (409, "due to stale configuration"),
    (500, "because a rebalance is expected"),
)
CLASSES = {
    "source": "org.apache.kafka.connect.file.FileStreamSourceConnector",
    "sink": "org.apache.kafka.connect.file.FileStreamSinkConnector",
}
LINES = ["one", "two", "three"]  # what is in the seed topic


class Target:
    """A worker at `url`, which is "jvm" or "sluice". Files are made in workdir, which the worker must be able to see."""

    def __init__(self, kind, url, workdir):
        self.kind, self.url, self.workdir = kind, url.rstrip("/"), pathlib.Path(workdir)
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port = parts.hostname, parts.port
        self.worker_id = f"{self.host}:{self.port}"
        self.asked = set()  # of DIFFERENCES
        self._made = []

    def differs(self, difference):
        """True when the target is Sluice, which here does what DIFFERENCES says."""
        assert difference in DIFFERENCES, difference
        self.asked.add(difference)
        return self.kind == "sluice"

    def unique(self, prefix="c"):
        return f"{prefix}-{uuid.uuid4().hex[:10]}"

    def path(self, name, content=None):
        """A file of this name; written when there is content."""
        path = self.workdir / name
        if content is not None:
            path.write_text(content)
        return str(path)

    # Requests

    def call(self, method, path, body=None, raw=None, headers=None, patient=True):
        """One request; body is sent as JSON, raw as it is. A header that is None is not sent."""
        sent = {"Content-Type": "application/json"} if body is not None or raw is not None else {}
        sent = {k: v for k, v in {**sent, **(headers or {})}.items() if v is not None}
        raw = json.dumps(body).encode() if body is not None else raw
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=100)) as connection:
                connection.request(method, path, body=raw, headers=sent)
                response = connection.getresponse()
                answer = Answer(f"{method} {path[:100]}", response, response.read())
            again = any(answer.status == status and text in answer.text for status, text in MOMENTARILY)
            if not patient or not again or time.monotonic() > end:
                return answer
            time.sleep(0.1)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)

    # Connectors

    def source(self, **more):
        """A source's config; keys with underscores stand for those with dots."""
        own = self.unique("topic")
        config = {"connector.class": "FileStreamSource", "topic": own, "file": self.path(f"{own}.txt")}
        return {**config, **{k.replace("_", "."): v for k, v in more.items()}}

    def sink(self, **more):
        config = {"connector.class": "FileStreamSink", "topics": self.seed, "file": self.path(self.unique("out"))}
        return {**config, **{k.replace("_", "."): v for k, v in more.items()}}

    def ours(self, name):
        """Remembers a connector that goes away when the check ends; gives its name."""
        self._made.append(name)
        return name

    def create(self, config, name=None, state=None):
        """POST /connectors with success; gives the name."""
        name = self.ours(name or self.unique())
        body = {"name": name, "config": config, **({"initial_state": state} if state else {})}
        ok(self.post("/connectors", body), 201)
        return name

    def stopped(self, config):
        """A connector that is there but does nothing, which is quick."""
        name = self.create(config, state="STOPPED")
        self.wait_state(name, "STOPPED", 0)
        return name

    def running(self, config, tasks=1):
        name = self.create(config)
        self.wait_state(name, "RUNNING", tasks)
        return name

    def at(self, name, rest=""):
        return f"/connectors/{urllib.parse.quote(name, safe='')}{rest}"

    def status(self, name):
        return ok(self.get(self.at(name, "/status")))

    def wait_state(self, name, state, tasks=None, task_state=None):
        """Waits for the connector's and its tasks' state, and for the number of tasks; gives the status."""

        def there():
            status = self.status(name)
            states = [task["state"] for task in status["tasks"]]
            right = tasks is None or len(states) == tasks
            return (
                status
                if right and status["connector"]["state"] == state and all(s == (task_state or state) for s in states)
                else None
            )

        try:
            return wait(there, f"{name} {state} with {tasks} tasks")
        except CheckFailed as error:
            raise CheckFailed(f"{error}; its status is {self.get(self.at(name, '/status')).text}") from None

    def wait_tasks(self, name, count):
        """Waits until GET /connectors/NAME lists this many tasks; gives the answer."""

        def there():
            info = ok(self.get(self.at(name)))
            return info if len(info["tasks"]) == count else None

        return wait(there, f"{name} lists {count} tasks")

    def clean(self):
        """Removes what the check made."""
        for name in self._made:
            with contextlib.suppress(OSError, CheckFailed):
                self.delete(self.at(name))
        self._made.clear()

    def prepare(self):
        """The topic `seed` with LINES in it, made by a source and read by a sink."""
        self.seed = self.unique("seed")
        file = self.path(f"{self.seed}.txt", "".join(f"{line}\n" for line in LINES))
        self.running(self.source(topic=self.seed, file=file))
        out = pathlib.Path(self.path(f"{self.seed}.out"))
        self.running(self.sink(file=str(out)))
        wait(lambda: out.exists() and out.read_text().splitlines() == LINES, "three lines from a source to a sink")
        self.clean()
