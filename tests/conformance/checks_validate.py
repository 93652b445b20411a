# SPDX-License-Identifier: Apache-2.0
"""Checks: PUT /connector-plugins/{plugin}/config/validate."""

from harness import CLASSES, check, each, eq, has, ok, refused, true, without_ours
from checks_plugins import DEFINITION, ROUTER

VALUE = ["name", "value", "recommended_values", "errors", "visible"]


def validate(c, config, plugin=None):
    return ok(c.put(f"/connector-plugins/{plugin or config['connector.class']}/config/validate", config))


def errors(body):
    """{key: errors} of the keys that have some."""
    return {entry["value"]["name"]: [without_ours(text) for text in entry["value"]["errors"]]
            for entry in body["configs"] if entry["value"]["errors"]}


def expect(c, config, wanted, count=None):
    body = validate(c, config)
    eq(errors(body), wanted, "the errors")
    eq(body["error_count"], sum(map(len, wanted.values())) if count is None else count, "error_count")
    return body


def value(body, key):
    return next(entry["value"] for entry in body["configs"] if entry["value"]["name"] == key)


# --- The answer -------------------------------------------------------------------------------------------------------


@each({"source": "source", "sink": "sink"})
def good(c, kind):
    config = getattr(c, kind)(name="x")
    body = expect(c, config, {})
    eq(list(body), ["name", "error_count", "groups", "configs"], "the fields")
    eq(body["name"], config["connector.class"], "name")
    for entry in body["configs"]:
        eq(list(entry), ["definition", "value"], "an entry's fields")
        eq(list(entry["definition"]), DEFINITION, "a definition's fields")
        eq(list(entry["value"]), VALUE, "a value's fields")
        eq(entry["definition"]["name"], entry["value"]["name"], "the two names")
        eq(entry["value"]["visible"], True, "visible")


@check
def name_is_the_class_as_given(c):
    eq(validate(c, c.source(connector_class=CLASSES["source"]))["name"], CLASSES["source"], "name")


COMMON = [
    "name", "connector.class", "connector.plugin.version", "tasks.max", "tasks.max.enforce", "key.converter",
    "key.converter.plugin.version", "value.converter", "value.converter.plugin.version", "header.converter",
    "header.converter.plugin.version", "transforms", "predicates", "config.action.reload", "errors.retry.timeout",
    "errors.retry.delay.max.ms", "errors.tolerance", "errors.log.enable", "errors.log.include.messages",
]
SOURCE = [
    "topic.creation.groups", "exactly.once.support", "transaction.boundary", "transaction.boundary.interval.ms",
    "offsets.storage.topic", "file", "topic", "batch.size",
]
SINK = [
    "topics", "topics.regex", "errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.replication.factor",
    "errors.deadletterqueue.context.headers.enable", "file",
]


@each({"source": ("source", COMMON + SOURCE), "sink": ("sink", COMMON + SINK)})
def order_of_keys(c, kind, wanted):
    """The target's own keys (sluice.*) may stand between."""
    body = validate(c, getattr(c, kind)(name="x"))
    names = [entry["value"]["name"] for entry in body["configs"]]
    eq([name for name in names if not name.startswith("sluice.")], wanted, "the names")


@each({
    "source": ("source", ["Common", "Transforms", "Predicates", "Error Handling", "Topic Creation", "Exactly Once Support",
                          "offsets.topic"]),
    "sink": ("sink", ["Common", "Transforms", "Predicates", "Error Handling"]),
})
def groups(c, kind, wanted):
    body = validate(c, getattr(c, kind)(name="x"))
    eq([group for group in body["groups"] if group != "Sluice"], wanted, "the groups")


@check
def group_of_a_transformation(c):
    config = c.sink(name="x", transforms="a") | router()
    body = expect(c, config, {})
    true("Transforms: a" in body["groups"], f"a group of the transformation, not {body['groups']}")
    names = [entry["value"]["name"] for entry in body["configs"]]
    wanted = ["type", "plugin.version", "regex", "replacement", "negate", "predicate"]
    eq([name for name in names if name.startswith("transforms.a.")], [f"transforms.a.{key}" for key in wanted], "its keys")


@check
def values(c):
    body = validate(c, c.sink(name=" x ", tasks_max=" 3 ", errors_log_enable="TRUE"))
    for key, wanted in (("name", "x"), ("tasks.max", "3"), ("errors.log.enable", "true"), ("errors.tolerance", "none"),
                        ("transforms", ""), ("errors.retry.timeout", "0")):
        eq(value(body, key)["value"], wanted, key)


@check
def list_value(c):
    eq(value(validate(c, c.sink(name="x", topics=" a , b,c ")), "topics")["value"], "a,b,c", "topics")


@check
def class_value_is_the_full_name(c):
    body = validate(c, c.sink(name="x", value_converter="StringConverter"))
    eq(value(body, "value.converter")["value"], "org.apache.kafka.connect.storage.StringConverter", "value.converter")
    eq(value(body, "key.converter")["value"], "org.apache.kafka.connect.json.JsonConverter", "key.converter")


@check
def converters_are_recommended(c):
    recommended = value(validate(c, c.sink(name="x")), "value.converter")["recommended_values"]
    for name in ("org.apache.kafka.connect.json.JsonConverter", "org.apache.kafka.connect.storage.StringConverter"):
        true(name in recommended, f"{name} in {recommended}")


@check
def versions(c):
    """The plugin's own version is value, default and the one recommendation."""
    version = {plugin["class"]: plugin["version"] for plugin in ok(c.get("/connector-plugins"))}[CLASSES["sink"]]
    found = value(validate(c, c.sink(name="x")), "connector.plugin.version")
    eq((found["value"], found["recommended_values"]), (version, [version]), "connector.plugin.version")


@check
def nothing_is_stored(c):
    name = c.unique()
    validate(c, c.sink(name=name))
    refused(c.get(c.at(name)), 404)


# --- Which plugin -----------------------------------------------------------------------------------------------------


@each({"ending": "Source", "with-suffix": "FileStreamSourceConnector", "same": "FileStreamSource"})
def class_in_the_path(c, plugin):
    """The body's class must end with the path's, both without their last `Connector`."""
    eq(errors(validate(c, c.source(name="x"), plugin)), {}, "the errors")


@check
def full_class_in_the_body(c):
    eq(errors(validate(c, c.source(name="x", connector_class=CLASSES["source"]), "FileStreamSource")), {}, "the errors")


@each({"other": ("FileStreamSource", "FileStreamSink"), "unknown": ("NoSuch", "FileStreamSink"),
       "longer": ("org.apache.kafka.connect.file.FileStreamSink", "FileStreamSink"),
       "unknown-in-body": ("FileStreamSink", "NoSuch")})
def classes_differ(c, path, body):
    answer = c.put(f"/connector-plugins/{path}/config/validate", c.sink(connector_class=body))
    refused(answer, 400, f"Included connector type {body} does not match request type {path}")


FRONT = "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: "


@check
def class_is_needed(c):
    answer = c.put("/connector-plugins/FileStreamSink/config/validate", {})
    refused(answer, 500, FRONT + "Connector config {} contains no connector type")


@check
def class_is_unknown(c):
    answer = c.put("/connector-plugins/NoSuch/config/validate", {"connector.class": "NoSuch"})
    message = refused(answer, 500, None, "Failed to find any class that implements Connector and which name matches NoSuch,")
    true(message.startswith(FRONT), message[:200])


@each({"nothing": b"", "null": b"null", "array": b"[]", "cut": b"{", "object-value": b'{"connector.class":{}}'})
def bad_body(c, raw):
    refused(c.put("/connector-plugins/FileStreamSink/config/validate", raw=raw), 500)


# --- Errors -----------------------------------------------------------------------------------------------------------


def not_null(key):
    return f"Invalid value null for configuration {key}: Value must be non-null"


NULL = "Null value can not be supplied as the configuration value."


def missing(key):
    return f'Missing required configuration "{key}" which has no default value.'


@check
def missing_name(c):
    expect(c, c.sink(), {"name": [missing("name")]})


@check
def empty_name(c):
    expect(c, c.sink(name=""), {"name": ["Invalid value  for configuration name: String may not be empty"]})


@check
def missing_topic(c):
    config = c.source(name="x")
    del config["topic"]
    expect(c, config, {"topic": [missing("topic")]})


@check
def empty_topic(c):
    expect(c, c.source(name="x", topic=""), {"topic": ["Invalid value  for configuration topic: String must be non-empty"]})


def number(key, text, kind, null=True):
    found = [f"Invalid value {text} for configuration {key}: Not a number of type {kind}"]
    return (key, text, [*found, not_null(key)] if null else found)


def one_of(key, text, words):
    return (key, text, [f"Invalid value {text} for configuration {key}: String must be one of: {words}"])


def truth(key, text):
    return (key, text, [f"Invalid value {text} for configuration {key}: Expected value to be either true or false"])


@each({
    "tasks-max-text": number("tasks.max", "abc", "INT"),
    "tasks-max-exponent": number("tasks.max", "1e3", "INT"),
    "tasks-max-large": number("tasks.max", "99999999999", "INT"),
    "tasks-max-zero": ("tasks.max", "0", ["Invalid value 0 for configuration tasks.max: Value must be at least 1"]),
    "tasks-max-null": ("tasks.max", None, [not_null("tasks.max"), NULL]),
    "boolean": truth("errors.log.enable", "maybe"),
    "boolean-enforce": truth("tasks.max.enforce", "yes"),
    "tolerance": one_of("errors.tolerance", "some", "none, all"),
    "tolerance-letters": one_of("errors.tolerance", "ALL", "none, all"),
    "reload": one_of("config.action.reload", "sometimes", "none, restart"),
    "reload-letters": one_of("config.action.reload", "RESTART", "none, restart"),
    "retry-timeout": number("errors.retry.timeout", "x", "LONG", False),
    "dlq-replication": number("errors.deadletterqueue.topic.replication.factor", "x", "SHORT", False),
    "converter": (
        "value.converter", "Nope", ["Invalid value Nope for configuration value.converter: Class Nope could not be found."],
    ),
    "header-converter": (
        "header.converter", "Nope", ["Invalid value Nope for configuration header.converter: Class Nope could not be found."],
    ),
    "converter-is-no-converter": (
        "value.converter", CLASSES["sink"], [f"Class class {CLASSES['sink']} does not implement the Converter interface"],
    ),
    "unknown-key": ("no.such.key", "1", []),
    "unknown-key-null": ("no.such.key", None, [NULL]),
    "aliases-twice": (
        "transforms", "a,a", ["Invalid value [a, a] for configuration transforms: Duplicate alias provided."],
    ),
})
def sink_key(c, key, text, wanted):
    transforms = router() if key == "transforms" else {}
    expect(c, {**c.sink(name="x"), **transforms, key: text}, {key: wanted} if wanted else {})


@each({
    "retry-timeout-below-zero": ("errors.retry.timeout", "-2", []),
    "batch-size": number("batch.size", "x", "INT", False),
    "batch-size-null": ("batch.size", None, []),
    "topic-null": ("topic", None, []),
    "boundary-letters": ("transaction.boundary", "POLL", []),
    "boundary": ("transaction.boundary", "x", [
        "Invalid value x for configuration transaction.boundary: String must be one of (case insensitive): INTERVAL, POLL,"
        " CONNECTOR",
    ]),
    "boundary-connector": ("transaction.boundary", "connector", [
        "The connector does not support connector-defined transaction boundaries with the given configuration. Please"
        " reconfigure it to use a different transaction boundary definition.",
    ]),
    "exactly-once": ("exactly.once.support", "maybe", [
        "Invalid value maybe for configuration exactly.once.support: String must be one of (case insensitive): REQUIRED,"
        " REQUESTED",
    ]),
    "offsets-topic-blank": ("offsets.storage.topic", " ", [
        "Invalid value  for configuration offsets.storage.topic: String must be non-empty",
    ]),
})
def source_key(c, key, text, wanted):
    expect(c, {**c.source(name="x"), key: text}, {key: wanted} if wanted else {})


@check
def wrong_value_is_shown_as_null(c):
    body = validate(c, c.sink(name="x", tasks_max="abc", value_converter="Nope", errors_tolerance="some"))
    eq(value(body, "tasks.max")["value"], None, "what can't be parsed")
    eq(value(body, "value.converter")["value"], None, "a class that isn't there")
    eq(value(body, "errors.tolerance")["value"], "some", "what can be parsed but isn't allowed")


@check
def null_of_an_unknown_key_has_no_definition(c):
    body = validate(c, c.sink(name="x", no_such_key=None))
    eq([entry["definition"] for entry in body["configs"] if entry["value"]["name"] == "no.such.key"], [None], "definition")


@check
def converter_key(c):
    """Of a converter that the connector sets: under its whole name."""
    config = c.sink(name="x", value_converter="org.apache.kafka.connect.json.JsonConverter")
    body = validate(c, {**config, "value.converter.schemas.enable": "x"})
    eq(body["error_count"], 1, "error_count")
    found = errors(body)
    eq(list(found), ["value.converter.schemas.enable"], "the keys")
    has(found["value.converter.schemas.enable"][0], "schemas.enable: Expected value to be either true or false")


NO_TOPICS = "Must configure one of topics or topics.regex"
BOTH = "topics and topics.regex are mutually exclusive options, but both are set."


@each({
    "none": ({"topics": ""}, {"topics": [NO_TOPICS], "topics.regex": [NO_TOPICS]}),
    "both": ({"topics.regex": "a"}, {"topics": [BOTH], "topics.regex": [BOTH]}),
    "dlq-is-input": (
        {"topics": "a,b", "errors.deadletterqueue.topic.name": "b"},
        {"topics": ["The DLQ topic 'b' may not be included in the list of topics ('topics=[a, b]') consumed by the connector"]},
    ),
    "dlq-matches": (
        {"topics": "", "topics.regex": "d.*", "errors.deadletterqueue.topic.name": "dlq"},
        {"topics.regex": ["The DLQ topic 'dlq' may not be matched by the regex for the topics ('topics.regex=d.*') consumed"
                          " by the connector"]},
    ),
})
def sink_topics(c, change, wanted):
    expect(c, {**c.sink(name="x"), **change}, wanted)


@check
def topics_regex_is_wrong(c):
    body = validate(c, {**c.sink(name="x"), "topics": "", "topics.regex": "("})
    eq((body["error_count"], list(errors(body))), (1, ["topics.regex"]), "the errors")
    has(errors(body)["topics.regex"][0], "Invalid value ( for configuration topics.regex: Invalid regex: ")


# --- Transformations --------------------------------------------------------------------------------------------------


def router(**more):
    own = {"transforms.a.type": ROUTER, "transforms.a.regex": ".", "transforms.a.replacement": "x"}
    return {**own, **{f"transforms.a.{key}": text for key, text in more.items()}}


@check
def transformation_needs_a_type(c):
    expect(c, c.sink(name="x", transforms="a"), {"transforms.a.type": [missing("transforms.a.type")]})


@check
def transformation_type_is_unknown(c):
    wanted = "Invalid value Nope for configuration transforms.a.type: Class Nope could not be found."
    expect(c, {**c.sink(name="x", transforms="a"), "transforms.a.type": "Nope"}, {"transforms.a.type": [wanted]})


@check
def transformation_needs_its_keys(c):
    config = {**c.sink(name="x", transforms="a"), "transforms.a.type": ROUTER}
    found = errors(validate(c, config))
    eq(list(found), ["transforms.a.regex", "transforms.a.replacement"], "the keys")
    eq(found["transforms.a.regex"][0], missing("transforms.a.regex"), "the first error of regex")
    eq(found["transforms.a.replacement"], [missing("transforms.a.replacement")], "the errors of replacement")


@check
def transformation_regex_is_wrong(c):
    body = validate(c, {**c.sink(name="x", transforms="a"), **router(regex="(")})
    eq((body["error_count"], list(errors(body))), (1, ["transforms.a.regex"]), "the errors")
    has(errors(body)["transforms.a.regex"][0], "Invalid value ( for configuration regex: Invalid regex: ")


@check
def negate_needs_a_predicate(c):
    wanted = (
        "Config 'transforms.a.negate' was provided but there is no config 'transforms.a.predicate' defining a predicate to be"
        " negated."
    )
    expect(c, {**c.sink(name="x", transforms="a"), **router(negate="true")}, {"transforms.a.type": [wanted]})


def filtered(**keys):
    """Keys of a Filter with a predicate p."""
    own = {f"predicates.p.{key}": value for key, value in keys.items()}
    return {"transforms": "a", "transforms.a.type": "org.apache.kafka.connect.transforms.Filter",
            "transforms.a.predicate": "p", "predicates": "p"} | own


MATCHES = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"


@check
def predicate(c):
    body = expect(c, c.sink(name="x") | filtered(type=MATCHES, pattern="a.*"), {})
    true("Predicates: p" in body["groups"], f"a group of the predicate, not {body['groups']}")
    names = [entry["value"]["name"] for entry in body["configs"]]
    eq([name for name in names if name.startswith(("transforms.", "predicates."))],
       ["transforms.a.type", "transforms.a.plugin.version", "transforms.a.negate", "transforms.a.predicate",
        "predicates.p.type", "predicates.p.plugin.version", "predicates.p.pattern"], "the keys")
    eq(value(body, "predicates.p.pattern")["value"], "a.*", "predicates.p.pattern")
    recommended = value(body, "predicates.p.type")["recommended_values"]
    for name in (MATCHES, MATCHES.replace("TopicNameMatches", "HasHeaderKey")):
        true(name in recommended, f"{name} in {recommended}")


@check
def predicate_definitions(c):
    body = validate(c, c.sink(name="x") | filtered(type=MATCHES, pattern="a.*"))
    definitions = {entry["definition"]["name"]: entry["definition"] for entry in body["configs"] if entry["definition"]}
    seen = {}
    for key in ("type", "plugin.version", "pattern"):
        d = definitions[f"predicates.p.{key}"]
        seen[key] = [d[k] for k in ("type", "required", "importance", "group", "order_in_group", "width", "display_name")]
    eq(seen, {"type": ["CLASS", True, "HIGH", "Predicates: p", 0, "LONG", "Predicate type for p"],
              "plugin.version": ["STRING", False, "HIGH", "Predicates: p", 1, "LONG", "Predicate version for p"],
              "pattern": ["STRING", True, "MEDIUM", "Predicates: p", 2, "NONE", "pattern"]}, "the definitions")


@check
def predicate_regex_is_wrong(c):
    body = validate(c, c.sink(name="x") | filtered(type=MATCHES, pattern="("))
    eq((body["error_count"], list(errors(body))), (1, ["predicates.p.pattern"]), "the errors")
    has(errors(body)["predicates.p.pattern"][0], "Invalid value ( for configuration pattern: Invalid regex: ")


@check
def predicate_key_is_missing(c):
    """Connect's second sentence for it is of the JVM."""
    body = validate(c, c.sink(name="x") | filtered(type=MATCHES))
    eq(errors(body)["predicates.p.pattern"][0],
       'Missing required configuration "predicates.p.pattern" which has no default value.', "the error")


@check
def predicate_key_is_empty(c):
    expect(c, c.sink(name="x") | filtered(type=MATCHES, pattern=""), {
        "predicates.p.pattern": ["Invalid value  for configuration pattern: String must be non-empty"]})


@check
def predicate_class_is_unknown(c):
    expect(c, c.sink(name="x") | filtered(type="org.example.Nope"), {"predicates.p.type": [
        "Invalid value org.example.Nope for configuration predicates.p.type: Class org.example.Nope could not be found."]})


@check
def predicate_twice(c):
    expect(c, c.sink(name="x", predicates="p,p") | {"predicates.p.type": MATCHES, "predicates.p.pattern": "x"}, {
        "predicates": ["Invalid value [p, p] for configuration predicates: Duplicate alias provided."]})


# --- Overrides, topics that sources make ------------------------------------------------------------------------------


@check
def good_override(c):
    expect(c, {**c.source(name="x"), "producer.override.acks": "all", "producer.override.linger.ms": "5"}, {})


@check
def unknown_override(c):
    expect(c, {**c.source(name="x"), "producer.override.no.such": "1"}, {})


@check
def override_that_cannot_be_honoured(c):
    body = validate(c, {**c.source(name="x"), "producer.override.acks": "7"})
    eq(body["error_count"], 1 if c.differs("override-values") else 0, "error_count")


@check
def override_that_cannot_be_parsed(c):
    answer = c.put("/connector-plugins/FileStreamSource/config/validate",
                   {**c.source(name="x"), "producer.override.batch.size": "x"})
    if c.differs("override-values"):
        eq(list(errors(ok(answer))), ["producer.override.batch.size"], "the keys")
    else:
        refused(answer, 500, None, "Invalid value x for configuration batch.size: Not a number of type INT")


@check
def good_topic_creation(c):
    keys = {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1"}
    expect(c, {**c.source(name="x"), **keys}, {})


@each({
    "zero-partitions": {"topic.creation.default.partitions": "0", "topic.creation.default.replication.factor": "1"},
    "no-default": {"topic.creation.groups": "a"},
    "no-number": {"topic.creation.default.partitions": "x", "topic.creation.default.replication.factor": "1"},
})
def wrong_topic_creation(c, keys):
    body = validate(c, {**c.source(name="x"), **keys})
    true(body["error_count"] > 0 if c.differs("topic-creation") else body["error_count"] == 0, f"{body['error_count']} errors")
