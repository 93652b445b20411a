# SPDX-License-Identifier: Apache-2.0
"""Checks: POST /connectors - the answer, names, values, initial states, everything that is refused."""

import json

from harness import check, each, eq, has, invalid, ok, refused, true


def post(c, name, config, **more):
    return c.post("/connectors", {"name": name, "config": config, "initial_state": "STOPPED", **more})


@each({"source": "source", "sink": "sink"})
def answer(c, kind):
    config, name = getattr(c, kind)(), c.ours(c.unique())
    created = c.post("/connectors", {"name": name, "config": config})
    body = ok(created, 201)
    eq(list(body), ["name", "config", "tasks", "type"], "the fields")
    eq(body, {"name": name, "config": {**config, "name": name}, "tasks": [], "type": kind}, "the answer")
    eq(created.headers["Location"], f"{c.url}/connectors/{name}", "Location")


@check
def listed_at_once(c):
    name = c.create(c.sink(), state="STOPPED")
    true(name in ok(c.get("/connectors")), "listed")


@each({
    "space": ("a b", "a%20b"),
    "latin": ("ä", "%C3%A4"),
    "beyond-bmp": ("ü€😀", "%C3%BC%E2%82%AC%F0%9F%98%80"),
    "question-hash": ("p?q#r", "p%3Fq%23r"),
    "quote": ('a"b', "a%22b"),
    "unreserved": ("p~q-_.r", "p~q-_.r"),
    "sub-delims": ("p:q@r!s$t'(u)*v,w;x&y=z+1", "p:q@r!s$t'(u)*v,w;x&y=z+1"),
    "nbsp": ("\u00a0x\u00a0", "%C2%A0x%C2%A0"),
})
def name_and_location(c, suffix, escaped):
    """The name as it was given, and a Location as Connect writes it."""
    front = c.unique()
    created = post(c, c.ours(front + suffix), c.sink())
    body = ok(created, 201)
    eq(body["name"], front + suffix, "name")
    eq(body["config"]["name"], front + suffix, "config.name")
    eq(created.headers["Location"], f"{c.url}/connectors/{front}{escaped}", "Location")
    eq(ok(c.get(c.at(front + suffix)))["name"], front + suffix, "name")
    true(front + suffix in ok(c.get("/connectors")), "listed")


@check
def name_is_trimmed(c):
    name = c.ours(c.unique())
    eq(ok(post(c, f"  {name}\t", c.sink()), 201)["name"], name, "name")
    refused(post(c, f"{name} ", c.sink()), 409, f"Connector {name} already exists")


@each({"missing": {}, "null": {"name": None}, "empty": {"name": ""}, "blank": {"name": "  "}})
def name_is_needed(c, name):
    answer_ = c.post("/connectors", {**name, "config": c.sink()})
    invalid(answer_, "Invalid value  for configuration name: String may not be empty")


@each({"tab": ("\t", "9"), "delete": ("\x7f", "127"), "two": ("\x01\x02", "1, 2")})
def name_with_control_characters(c, character, number):
    name = f"a{character}b"
    message = refused(post(c, name, c.sink()), 400)
    has(message, "the following 1 error(s)", f"Invalid value {name} for configuration name: String may not contain control "
        f"sequences but had the following ASCII chars: {number}")


@each({"number": (5, "5"), "boolean": (True, "true")})
def name_becomes_text(c, name, text):
    c.ours(text)
    c.delete(c.at(text))
    eq(ok(post(c, name, c.sink()), 201)["name"], text, "name")


@each({"array": ["x"], "object": {"x": 1}})
def name_of_another_type(c, name):
    refused(c.post("/connectors", {"name": name, "config": c.sink()}), 500)


@check
def long_name(c):
    name = c.ours(c.unique() + "x" * 300)
    eq(ok(post(c, name, c.sink()), 201)["name"], name, "name")
    eq(ok(c.get(c.at(name)))["name"], name, "name")


@check
def name_in_config_may_be_equal(c):
    name = c.ours(c.unique())
    eq(ok(post(c, name, c.sink(name=name)), 201)["config"]["name"], name, "name")


@check
def name_in_config_null(c):
    name = c.ours(c.unique())
    eq(ok(post(c, name, c.sink(name=None)), 201)["config"]["name"], name, "name")


@each({"other": "other", "not-trimmed": " {} ", "empty": ""})
def name_in_config_differs(c, other):
    name = c.unique()
    other = other.format(name)
    message = f"Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
    refused(post(c, name, c.sink(name=other)), 400, message)


@check
def twice(c):
    name = c.stopped(c.sink())
    refused(post(c, name, c.sink()), 409, f"Connector {name} already exists")
    refused(post(c, name, c.source()), 409, f"Connector {name} already exists")


@check
def twice_with_a_wrong_config(c):
    """The config is looked at before the name."""
    name = c.stopped(c.sink())
    refused(post(c, name, {}), 400, f"Connector config {{name={name}}} contains no connector type")
    invalid(post(c, name, c.sink(tasks_max="0")), "Invalid value 0 for configuration tasks.max: Value must be at least 1")
    other = f"Connector name configuration (other) doesn't match connector name in the URL ({name})"
    refused(post(c, name, c.sink(name="other")), 400, other)


@check
def again_after_delete(c):
    name = c.stopped(c.sink())
    eq(c.delete(c.at(name)).status, 204, "the status")
    eq(ok(post(c, name, c.source()), 201)["type"], "source", "type")


# --- Config values ----------------------------------------------------------------------------------------------------


@each({
    "int": ("2", "2"),
    "float": ("1.5", "1.5"),
    "float-as-written": ("1.50", "1.50"),
    "exponent": ("1e3", "1e3"),
    "large": ("12345678901234567890", "12345678901234567890"),
    "negative": ("-7", "-7"),
    "true": ("true", "true"),
    "false": ("false", "false"),
    "empty": ('""', ""),
    "blanks": ('"  a  "', "  a  "),
    "unicode": ('"\\u00e4\\ud83d\\ude00\\n"', "ä😀\n"),
    "nul": ('"a\\u0000b"', "a\0b"),
})
def value_becomes_text(c, written, text):
    name = c.ours(c.unique())
    config = json.dumps(c.sink())[:-1] + f', "any.key": {written}}}'
    raw = f'{{"name": "{name}", "initial_state": "STOPPED", "config": {config}}}'.encode()
    if "\0" in text and c.differs("nul-in-value"):
        return refused(c.post("/connectors", raw=raw), 500, None, "u0000")
    eq(ok(c.post("/connectors", raw=raw), 201)["config"]["any.key"], text, "any.key")
    eq(ok(c.get(c.at(name, "/config")))["any.key"], text, "any.key")


@each({"object": {"a": 1}, "array": [1], "empty-object": {}})
def value_of_another_type(c, value):
    refused(post(c, c.unique(), c.sink(any_key=value)), 500)


@check
def null_of_an_unknown_key(c):
    invalid(post(c, c.unique(), c.sink(any_key=None)), "Null value can not be supplied as the configuration value.")


@check
def null_of_a_framework_key(c):
    invalid(
        post(c, c.unique(), c.sink(tasks_max=None)),
        "Invalid value null for configuration tasks.max: Value must be non-null",
        "Null value can not be supplied as the configuration value.",
    )


@check
def null_of_a_connectors_own_key(c):
    name = c.ours(c.unique())
    eq(ok(post(c, name, c.source(batch_size=None)), 201)["config"]["batch.size"], None, "batch.size")
    true("batch.size" in ok(c.get(c.at(name, "/config"))), "the key is kept")


@check
def large_config(c):
    name, text = c.ours(c.unique()), "y" * 900_000
    ok(post(c, name, c.sink(any_key=text)), 201)
    eq(ok(c.get(c.at(name, "/config")))["any.key"], text, "any.key")


@check
def very_large_body(c):
    body = {**c.sink(name="x"), "any.key": "y" * 3_000_000}
    checked = c.put("/connector-plugins/FileStreamSink/config/validate", body)
    if c.differs("large-body"):
        refused(checked, 413)
    else:
        eq(ok(checked)["error_count"], 0, "error_count")


@check
def literal_secret(c):
    name = c.ours(c.unique())
    config = ok(post(c, name, c.sink(any_password="hush", reference_password="${env:PATH}")), 201)["config"]
    eq(config["reference.password"], "${env:PATH}", "a reference")
    eq(config["any.password"], "****" if c.differs("secrets") else "hush", "a literal")
    eq(ok(c.get(c.at(name, "/config")))["any.password"], config["any.password"], "the same in GET")


# --- Classes ----------------------------------------------------------------------------------------------------------


@each({
    "alias": "FileStreamSink",
    "simple": "FileStreamSinkConnector",
    "full": "org.apache.kafka.connect.file.FileStreamSinkConnector",
})
def connector_class(c, spelling):
    name = c.ours(c.unique())
    body = ok(post(c, name, c.sink(connector_class=spelling)), 201)
    eq((body["type"], body["config"]["connector.class"]), ("sink", spelling), "type and class")


@each({
    "unknown": "NoSuch",
    "unknown-package": "org.example.NoSuch",
    "small-letters": "filestreamsink",
    "not-a-connector": "org.apache.kafka.connect.json.JsonConverter",
    "blanks": " FileStreamSink ",
    "empty": "",
})
def connector_class_is_unknown(c, spelling):
    """Connect writes an exception's class before it, from the second time on."""
    text = f"Failed to find any class that implements Connector and which name matches {spelling}, available connectors are: "
    message = refused(post(c, c.ours(c.unique()), c.sink(connector_class=spelling)), 400)
    has(message, text, "org.apache.kafka.connect.file.FileStreamSinkConnector")


@each({"empty": {}, "some": {"topics": "x"}, "null": {"connector.class": None}})
def connector_class_is_needed(c, config):
    name = c.unique()
    message = refused(post(c, name, config), 400)
    true(message.startswith("Connector config {") and message.endswith("} contains no connector type"), message)
    has(message, f"name={name}")


# --- Invalid configs --------------------------------------------------------------------------------------------------

NO_TOPICS = "Must configure one of topics or topics.regex"
BOTH_TOPICS = "topics and topics.regex are mutually exclusive options, but both are set."


@each({
    "tasks-max": ({"tasks.max": "0"}, "Invalid value 0 for configuration tasks.max: Value must be at least 1"),
    "two-keys": (
        {"tasks.max": "abc", "errors.tolerance": "some"},
        "Invalid value abc for configuration tasks.max: Not a number of type INT",
        "Invalid value null for configuration tasks.max: Value must be non-null",
        "Invalid value some for configuration errors.tolerance: String must be one of: none, all",
    ),
    "no-topics": ({"topics": ""}, NO_TOPICS, NO_TOPICS),
    "both-topics": ({"topics.regex": "x"}, BOTH_TOPICS, BOTH_TOPICS),
    "converter": (
        {"value.converter": "Nope"},
        "Invalid value Nope for configuration value.converter: Class Nope could not be found.",
    ),
    "transform": (
        {"transforms": "a"},
        'Missing required configuration "transforms.a.type" which has no default value.',
    ),
})
def invalid_sink(c, change, *errors):
    name = c.ours(c.unique())
    invalid(post(c, name, {**c.sink(), **change}), *errors)
    refused(c.get(c.at(name)), 404)


@check
def invalid_source(c):
    missing = 'Missing required configuration "topic" which has no default value.'
    config = c.source()
    del config["topic"]
    invalid(post(c, c.unique(), config), missing)


# --- Bodies -----------------------------------------------------------------------------------------------------------


@each({
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "string": b'"x"',
    "number": b"5",
    "cut": b'{"name":"x","config":{"connector.class":"FileStreamSink"',
    "trailing": b'{"name":"x","config":{}} trailing',
    "single-quotes": b"{'name':'x'}",
    "comment": b'{"name":"x" /* no */}',
    "not-utf8": b'{"name":"\xff"}',
    "config-missing": b'{"name":"x"}',
    "config-null": b'{"name":"x","config":null}',
    "config-string": b'{"name":"x","config":"y"}',
    "config-array": b'{"name":"x","config":[]}',
    "unknown-field": b'{"name":"x","config":{},"more":1}',
})
def bad_body(c, raw):
    answer_ = c.post("/connectors", raw=raw)
    refused(answer_, 500)
    eq(answer_.headers["Content-Type"], "application/json", "the type")


@check
def unknown_field_is_named(c):
    answer_ = c.post("/connectors", {"name": "x", "config": c.sink(), "more": 1})
    refused(answer_, 500, None, 'Unrecognized field "more"')


@check
def last_of_equal_fields_wins(c):
    name = c.ours(c.unique())
    config = json.dumps(c.sink())[:-1] + ', "k": "1", "k": "2"}'
    raw = f'{{"name": "nobody", "name": "{name}", "initial_state": "STOPPED", "config": {config}}}'.encode()
    body = ok(c.post("/connectors", raw=raw), 201)
    eq((body["name"], body["config"]["k"]), (name, "2"), "name and k")


# --- initial_state ----------------------------------------------------------------------------------------------------


@each({
    "running": ("RUNNING", "RUNNING", 1),
    "small": ("running", "RUNNING", 1),
    "null": (None, "RUNNING", 1),
    "paused": ("PAUSED", "PAUSED", 0),
    "stopped": ("STOPPED", "STOPPED", 0),
    "mixed": ("Stopped", "STOPPED", 0),
})
def initial_state(c, given, state, tasks):
    """Tasks are made when the connector first runs, so a paused one has none."""
    name = c.ours(c.unique())
    ok(c.post("/connectors", {"name": name, "config": c.sink(), "initial_state": given}), 201)
    c.wait_state(name, state, tasks)
    eq(len(ok(c.get(c.at(name, "/tasks")))), tasks, "the number of tasks")


@each({"empty": "", "unknown": "BOGUS", "blank": "STOPPED ", "number": 5, "array": ["STOPPED"], "started": "STARTED"})
def initial_state_is_unknown(c, given):
    name = c.ours(c.unique())
    refused(c.post("/connectors", {"name": name, "config": c.sink(), "initial_state": given}), 500)
    refused(c.get(c.at(name)), 404)


@check
def initial_state_in_the_config_means_nothing(c):
    name = c.ours(c.unique())
    ok(c.post("/connectors", {"name": name, "config": c.sink(initial_state="x") | {"initial_state": "STOPPED"}}), 201)
    c.wait_state(name, "RUNNING", 1)


@check
def resume_after_initial_stop(c):
    name = c.stopped(c.sink())
    eq(c.put(c.at(name, "/resume")).status, 202, "the status")
    c.wait_state(name, "RUNNING", 1)
