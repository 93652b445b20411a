# SPDX-License-Identifier: Apache-2.0
"""Checks: reading and changing a connector: GET, expand, PUT and PATCH of the config, DELETE."""

from harness import CLASSES, check, each, empty, eq, has, invalid, ok, refused, true, wait


@check
def get_connector(c):
    config = c.sink()
    name = c.running(config)
    info = c.wait_tasks(name, 1)
    eq(list(info), ["name", "config", "tasks", "type"], "the fields")
    eq(info["config"], {**config, "name": name}, "config")
    eq(info["tasks"], [{"connector": name, "task": 0}], "tasks")
    eq(list(info["tasks"][0]), ["connector", "task"], "a task's fields")
    eq(info["type"], "sink", "type")


@check
def get_config(c):
    config = c.source(any_key="${env:PATH}")
    name = c.stopped(config)
    eq(ok(c.get(c.at(name, "/config"))), {**config, "name": name}, "config")


@check
def get_stopped_connector(c):
    name = c.stopped(c.source())
    info = ok(c.get(c.at(name)))
    eq((info["tasks"], info["type"]), ([], "source"), "tasks and type")
    eq(ok(c.get(c.at(name, "/tasks"))), [], "tasks")


@each({"source": "source", "sink": "sink"})
def get_tasks(c, kind):
    config = getattr(c, kind)()
    name = c.running(config)
    task = wait(lambda: ok(c.get(c.at(name, "/tasks"))), "a task")[0]
    eq(list(task), ["id", "config"], "the fields")
    eq(task["id"], {"connector": name, "task": 0}, "id")
    eq({k: v for k, v in task["config"].items() if k != "task.class"}, {**config, "name": name}, "config")


@each({"source": "source", "sink": "sink"})
def get_tasks_shows_the_class(c, kind):
    name = c.running(getattr(c, kind)())
    config = wait(lambda: ok(c.get(c.at(name, "/tasks"))), "a task")[0]["config"]
    eq(config.get("task.class"), CLASSES[kind].replace("Connector", "Task"), "task.class")


@check
def two_tasks(c):
    name = c.running(c.sink(tasks_max="2"), 2)
    eq(c.wait_tasks(name, 2)["tasks"], [{"connector": name, "task": i} for i in (0, 1)], "tasks")
    eq([task["id"]["task"] for task in ok(c.get(c.at(name, "/tasks")))], [0, 1], "the order")
    eq([task["id"] for task in c.status(name)["tasks"]], [0, 1], "the order of the status")


@check
def source_of_one_file_has_one_task(c):
    name = c.running(c.source(tasks_max="3"), 1)
    eq(len(c.wait_tasks(name, 1)["tasks"]), 1, "the number of tasks")


# --- Lists ------------------------------------------------------------------------------------------------------------


@check
def list_names(c):
    names = [c.create(c.sink(), state="STOPPED") for _ in range(2)]
    listed = ok(c.get("/connectors"))
    true(isinstance(listed, list) and set(names) <= set(listed), f"{names} in {listed}")


@each({"status": ["status"], "info": ["info"], "both": ["status", "info"], "both-and-unknown": ["status", "info", "zip"]})
def expand(c, what):
    name = c.running(c.sink())
    c.wait_tasks(name, 1)
    entry = ok(c.get("/connectors?" + "&".join(f"expand={word}" for word in what)))[name]
    eq(set(entry), set(what) - {"zip"}, "the entry's fields")
    if "info" in what:
        eq(entry["info"], ok(c.get(c.at(name))), "info")
    if "status" in what:
        eq(entry["status"], c.status(name), "status")


# --- PUT --------------------------------------------------------------------------------------------------------------


@check
def put_creates(c):
    name, config = c.ours(c.unique()), c.sink()
    answer = c.put(c.at(name, "/config"), config)
    eq(ok(answer, 201), {"name": name, "config": {**config, "name": name}, "tasks": [], "type": "sink"}, "the answer")
    eq(answer.headers["Location"], f"{c.url}/connectors/{name}", "Location")
    c.wait_state(name, "RUNNING", 1)


@check
def put_creates_an_untrimmed_name(c):
    name = c.ours(f" {c.unique()} ")
    answer = c.put(c.at(name, "/config"), c.sink())
    eq(ok(answer, 201)["name"], name, "name")
    eq(answer.headers["Location"], c.url + c.at(name), "Location")


@check
def put_creates_a_unicode_name(c):
    name = c.ours(c.unique() + "ü€")
    eq(ok(c.put(c.at(name, "/config"), c.sink()), 201)["config"]["name"], name, "name")


@check
def put_replaces(c):
    name = c.running(c.sink(any_key="old", other_key="x"))
    c.wait_tasks(name, 1)
    config = c.sink(any_key="new")
    answer = c.put(c.at(name, "/config"), config)
    body = ok(answer)
    eq(answer.headers["Location"], None, "Location")
    eq(body["config"], {**config, "name": name}, "config")
    eq(body["tasks"], [{"connector": name, "task": 0}], "tasks")
    eq(ok(c.get(c.at(name, "/config"))), {**config, "name": name}, "config")
    c.wait_state(name, "RUNNING", 1)


@check
def put_reaches_the_task(c):
    name = c.running(c.sink(any_key="old"))
    ok(c.put(c.at(name, "/config"), c.sink(any_key="new")))
    wait(lambda: ok(c.get(c.at(name, "/tasks")))[0]["config"]["any.key"] == "new", "the task's config is new")
    c.wait_state(name, "RUNNING", 1)


@check
def put_identical(c):
    config = c.sink()
    name = c.running(config)
    c.wait_tasks(name, 1)
    for _ in range(2):
        eq(ok(c.put(c.at(name, "/config"), {**config, "name": name}))["config"], {**config, "name": name}, "config")
    c.wait_state(name, "RUNNING", 1)


@check
def put_changes_the_number_of_tasks(c):
    config = c.sink()
    name = c.running(config)
    ok(c.put(c.at(name, "/config"), {**config, "tasks.max": "2"}))
    c.wait_state(name, "RUNNING", 2)
    c.wait_tasks(name, 2)
    ok(c.put(c.at(name, "/config"), {**config, "tasks.max": "1"}))
    c.wait_tasks(name, 1)
    c.wait_state(name, "RUNNING", 1)
    refused(c.get(c.at(name, "/tasks/1/status")), 404, f"No status found for task {name}-1")


@check
def put_changes_the_type(c):
    name = c.stopped(c.sink())
    eq(ok(c.put(c.at(name, "/config"), c.source()))["type"], "source", "type")
    eq(ok(c.get(c.at(name)))["type"], "source", "type")


@check
def put_on_a_stopped_connector(c):
    name = c.stopped(c.sink())
    eq(ok(c.put(c.at(name, "/config"), c.sink(any_key="1")))["tasks"], [], "tasks")
    c.wait_state(name, "STOPPED", 0)
    eq(ok(c.get(c.at(name, "/config")))["any.key"], "1", "any.key")


@check
def put_on_a_paused_connector(c):
    name = c.running(c.sink())
    empty(c.put(c.at(name, "/pause")), 202)
    c.wait_state(name, "PAUSED", 1)
    ok(c.put(c.at(name, "/config"), c.sink(any_key="1")))
    wait(lambda: ok(c.get(c.at(name, "/config")))["any.key"] == "1", "the new config")
    c.wait_state(name, "PAUSED", 1)


@check
def put_another_name(c):
    name = c.stopped(c.sink())
    message = f"Connector name configuration (b) doesn't match connector name in the URL ({name})"
    refused(c.put(c.at(name, "/config"), c.sink(name="b")), 400, message)


@check
def put_values_become_text(c):
    name = c.stopped(c.sink())
    body = ok(c.put(c.at(name, "/config"), c.sink(tasks_max=2, b=True, f=1.5)))["config"]
    eq((body["tasks.max"], body["b"], body["f"]), ("2", "true", "1.5"), "the values")


@check
def put_invalid_changes_nothing(c):
    config = c.sink()
    name = c.stopped(config)
    error = "Invalid value 0 for configuration tasks.max: Value must be at least 1"
    invalid(c.put(c.at(name, "/config"), {**config, "tasks.max": "0"}), error)
    refused(c.put(c.at(name, "/config"), {}), 400, f"Connector config {{name={name}}} contains no connector type")
    eq(ok(c.get(c.at(name, "/config"))), {**config, "name": name}, "config")


@check
def put_null_of_an_unknown_key(c):
    name = c.stopped(c.sink())
    error = "Null value can not be supplied as the configuration value."
    invalid(c.put(c.at(name, "/config"), c.sink(any_key=None)), error)


@each({
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "string": b'"x"',
    "cut": b'{"a":',
    "object": b'{"connector.class":"FileStreamSink","topics":"x","file":"x","x":{}}',
    "array-value": b'{"connector.class":"FileStreamSink","topics":"x","file":"x","x":[1]}',
})
def bad_body(c, raw):
    """Of PUT and of PATCH."""
    name = c.stopped(c.sink())
    refused(c.put(c.at(name, "/config"), raw=raw), 500)
    refused(c.patch(c.at(name, "/config"), raw=raw), 500)


# --- PATCH ------------------------------------------------------------------------------------------------------------


@check
def patch_sets_adds_and_removes(c):
    config = c.sink(old="1", gone="x")
    name = c.stopped(config)
    body = ok(c.patch(c.at(name, "/config"), {"old": "2", "new": "3", "gone": None, "never.there": None}))
    wanted = {**config, "name": name, "old": "2", "new": "3"}
    del wanted["gone"]
    eq(list(body), ["name", "config", "tasks", "type"], "the fields")
    eq(body["config"], wanted, "config")
    eq(ok(c.get(c.at(name, "/config"))), wanted, "config")


@check
def patch_nothing(c):
    config = c.sink()
    name = c.stopped(config)
    eq(ok(c.patch(c.at(name, "/config"), {}))["config"], {**config, "name": name}, "config")


@check
def patch_values_become_text(c):
    name = c.stopped(c.sink())
    body = ok(c.patch(c.at(name, "/config"), {"i": 5, "b": False, "f": 1.5}))["config"]
    eq((body["i"], body["b"], body["f"]), ("5", "false", "1.5"), "the values")


@check
def patch_invalid_changes_nothing(c):
    config = c.sink()
    name = c.stopped(config)
    invalid(
        c.patch(c.at(name, "/config"), {"tasks.max": "zero", "any.key": "x"}),
        "Invalid value zero for configuration tasks.max: Not a number of type INT",
        "Invalid value null for configuration tasks.max: Value must be non-null",
    )
    missing = "Must configure one of topics or topics.regex"
    invalid(c.patch(c.at(name, "/config"), {"topics": None}), missing, missing)
    eq(ok(c.get(c.at(name, "/config"))), {**config, "name": name}, "config")


@check
def patch_removes_the_class(c):
    name = c.stopped(c.sink())
    message = refused(c.patch(c.at(name, "/config"), {"connector.class": None}), 400)
    true(message.startswith("Connector config {") and message.endswith("} contains no connector type"), message)


@check
def patch_removes_the_name(c):
    name = c.stopped(c.sink())
    error = 'Missing required configuration "name" which has no default value.'
    invalid(c.patch(c.at(name, "/config"), {"name": None}), error)


@check
def patch_own_name(c):
    name = c.stopped(c.sink())
    eq(ok(c.patch(c.at(name, "/config"), {"name": name}))["config"]["name"], name, "name")


@check
def patch_other_name(c):
    name = c.stopped(c.sink())
    answer = c.patch(c.at(name, "/config"), {"name": "other"})
    if c.differs("patch-name"):
        refused(answer, 400, f"Connector name configuration (other) doesn't match connector name in the URL ({name})")
    else:
        eq(ok(answer)["config"]["name"], "other", "name")
    true("other" not in ok(c.get("/connectors")), "no connector called other")


@check
def patch_running(c):
    name = c.running(c.sink())
    ok(c.patch(c.at(name, "/config"), {"tasks.max": "2"}))
    c.wait_state(name, "RUNNING", 2)


@check
def patch_keeps_a_shown_secret(c):
    """Reading a config, changing a key and writing it back works, masked or not."""
    name = c.stopped(c.sink(any_password="hush"))
    shown = ok(c.get(c.at(name, "/config")))
    ok(c.put(c.at(name, "/config"), {**shown, "any.key": "1"}))
    eq(ok(c.get(c.at(name, "/config"))), {**shown, "any.key": "1"}, "config")


# --- DELETE -----------------------------------------------------------------------------------------------------------


@check
def delete(c):
    name = c.running(c.sink())
    empty(c.delete(c.at(name)), 204)
    refused(c.get(c.at(name)), 404, f"Connector {name} not found")
    refused(c.delete(c.at(name)), 404, f"Connector {name} not found")
    true(name not in ok(c.get("/connectors")), "not listed")
    wait(lambda: c.get(c.at(name, "/status")).status == 404, "no status")
    wait(lambda: name not in ok(c.get("/connectors?expand=status")), "not in the map")
    refused(c.get(c.at(name, "/tasks/0/status")), 404, f"No status found for task {name}-0")


@each({"paused": "/pause", "stopped": "/stop"})
def delete_when(c, change):
    name = c.running(c.sink())
    true(c.put(c.at(name, change)).status in (202, 204), change)
    empty(c.delete(c.at(name)), 204)
    wait(lambda: c.get(c.at(name, "/status")).status == 404, "no status")


@check
def created_again_starts_anew(c):
    """The state a connector was in does not outlive it."""
    name = c.running(c.sink())
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)
    empty(c.delete(c.at(name)), 204)
    c.create(c.sink(), name)
    c.wait_state(name, "RUNNING", 1)
