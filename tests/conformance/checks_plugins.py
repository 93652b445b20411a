# SPDX-License-Identifier: Apache-2.0
"""Checks: the list of plugins, their definitions, validation."""

from harness import CLASSES, check, each, eq, has, ok, refused, true

DEFINITION = [
    "name", "type", "required", "default_value", "importance", "documentation", "group", "order_in_group", "width",
    "display_name", "dependents",
]
ORDER = ["sink", "source", "transformation", "predicate", "converter", "header_converter"]
CONVERTERS = [
    "org.apache.kafka.connect.converters.BooleanConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.storage.StringConverter",
]
SIMPLE = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"


def listed(c, query=""):
    return ok(c.get("/connector-plugins" + query))


# --- The list ---------------------------------------------------------------------------------------------------------


@each({"bare": "", "true": "?connectorsOnly=true", "letters": "?connectorsOnly=TRUE", "empty": "?connectorsOnly="})
def connectors_only(c, query):
    plugins = listed(c, query)
    eq({plugin["type"] for plugin in plugins}, {"sink", "source"}, "the types")
    for kind, name in CLASSES.items():
        eq([plugin["type"] for plugin in plugins if plugin["class"] == name], [kind], f"the type of {name}")


@check
def fields(c):
    for plugin in listed(c, "?connectorsOnly=false"):
        eq(list(plugin), ["class", "type", "version"], "the fields")
        true(isinstance(plugin["version"], str) and plugin["version"], f"a version of {plugin}")


@each({"false": "false", "other": "no", "letters": "False"})
def everything(c, value):
    """Connectors, then transformations, predicates, converters and header converters, each sorted by class."""
    plugins = listed(c, f"?connectorsOnly={value}")
    kinds = [plugin["type"] for plugin in plugins]
    eq(sorted(kinds, key=ORDER.index), kinds, "the order of the types")
    true({"sink", "source", "transformation", "converter", "header_converter"} <= set(kinds), f"all types, not {set(kinds)}")


@check
def sorted_by_class(c):
    plugins = listed(c, "?connectorsOnly=false")
    for kind in ORDER:
        classes = [plugin["class"] for plugin in plugins if plugin["type"] == kind]
        eq(classes, sorted(classes), f"the order of {kind}")


@check
def transformations(c):
    classes = [plugin["class"] for plugin in listed(c, "?connectorsOnly=false") if plugin["type"] == "transformation"]
    for name in ("InsertField$Key", "InsertField$Value", "RegexRouter"):
        true(f"org.apache.kafka.connect.transforms.{name}" in classes, f"{name} is listed")


@each({"converter": CONVERTERS, "header_converter": sorted([*CONVERTERS, SIMPLE])})
def converters(c, wanted):
    kind = "header_converter" if SIMPLE in wanted else "converter"
    plugins = [plugin["class"] for plugin in listed(c, "?connectorsOnly=false") if plugin["type"] == kind]
    eq([name for name in plugins if name.startswith("org.apache.kafka.connect.")], wanted, kind)


# --- Definitions ------------------------------------------------------------------------------------------------------


def config(c, plugin):
    return ok(c.get(f"/connector-plugins/{plugin}/config"))


@check
def source_config(c):
    """Its own keys first, then those of every connector."""
    keys = config(c, "FileStreamSource")
    eq([key["name"] for key in keys[:3]], ["file", "topic", "batch.size"], "the first names")
    true({"name", "connector.class", "tasks.max", "errors.tolerance"} <= {key["name"] for key in keys}, "the common names")


@check
def definition_fields(c):
    for key in config(c, "FileStreamSource"):
        eq(list(key), DEFINITION, f"the fields of {key['name']}")


@check
def own_definition(c):
    keys = {key["name"]: key for key in config(c, "FileStreamSource")}
    wanted = {
        "name": "topic", "type": "STRING", "required": True, "default_value": None, "importance": "HIGH", "group": None,
        "order_in_group": -1, "width": "NONE", "display_name": "topic", "dependents": [],
    }
    eq({k: v for k, v in keys["topic"].items() if k != "documentation"}, wanted, "topic")
    eq((keys["batch.size"]["type"], keys["batch.size"]["default_value"]), ("INT", "2000"), "batch.size")


@each({
    "name": ("STRING", True, None, "HIGH", "Common", 1, "MEDIUM", "Connector name"),
    "connector.class": ("STRING", True, None, "HIGH", "Common", 2, "LONG", "Connector class"),
    "tasks.max": ("INT", False, "1", "HIGH", "Common", 4, "SHORT", "Tasks max"),
    "tasks.max.enforce": ("BOOLEAN", False, "true", "LOW", "Common", 5, "SHORT", "Enforce tasks max"),
    "key.converter": ("CLASS", False, CONVERTERS[2], "LOW", "Common", 6, "SHORT", "Key converter class"),
    "value.converter": ("CLASS", False, CONVERTERS[2], "LOW", "Common", 8, "SHORT", "Value converter class"),
    "header.converter": ("CLASS", False, SIMPLE, "LOW", "Common", 10, "SHORT", "Header converter class"),
    "transforms": ("LIST", False, "", "LOW", "Transforms", 12, "LONG", "Transforms"),
    "predicates": ("LIST", False, "", "LOW", "Predicates", 13, "LONG", "Predicates"),
    "config.action.reload": ("STRING", False, "restart", "LOW", "Common", 14, "MEDIUM", "Reload Action"),
    "errors.retry.timeout": ("LONG", False, "0", "MEDIUM", "Error Handling", 1, "MEDIUM", "Retry Timeout for Errors"),
    "errors.retry.delay.max.ms": (
        "LONG", False, "60000", "MEDIUM", "Error Handling", 2, "MEDIUM", "Maximum Delay Between Retries for Errors",
    ),
    "errors.tolerance": ("STRING", False, "none", "MEDIUM", "Error Handling", 3, "SHORT", "Error Tolerance"),
    "errors.log.enable": ("BOOLEAN", False, "false", "MEDIUM", "Error Handling", 4, "SHORT", "Log Errors"),
    "errors.log.include.messages": ("BOOLEAN", False, "false", "MEDIUM", "Error Handling", 5, "SHORT", "Log Error Details"),
    "topic.creation.groups": ("LIST", False, "", "LOW", "Topic Creation", 1, "LONG", "Topic Creation Groups"),
    "exactly.once.support": (
        "STRING", False, "requested", "MEDIUM", "Exactly Once Support", 2, "SHORT", "Exactly once support",
    ),
    "transaction.boundary": ("STRING", False, "poll", "MEDIUM", "Exactly Once Support", 3, "SHORT", "Transaction Boundary"),
    "transaction.boundary.interval.ms": (
        "LONG", False, None, "LOW", "Exactly Once Support", 4, "SHORT", "Transaction boundary interval",
    ),
    "offsets.storage.topic": ("STRING", False, None, "LOW", "offsets.topic", 1, "LONG", "Offsets topic"),
})
def source_definition(c, *wanted):
    """The definition that /validate shows, field by field but for the documentation."""
    display = wanted[-1]
    body = ok(c.put("/connector-plugins/FileStreamSource/config/validate", c.source(name="x")))
    found = {tuple(entry["definition"][field] for field in (
        "type", "required", "default_value", "importance", "group", "order_in_group", "width", "display_name"))
        for entry in body["configs"] if entry["definition"]["display_name"] == display}
    eq(found, {wanted}, f"the definition shown as {display}")


@each({
    "topics": ("LIST", False, "", "HIGH", "Common", 4, "LONG", "Topics"),
    "topics.regex": ("STRING", False, "", "HIGH", "Common", 4, "LONG", "Topics regex"),
    "dlq-name": ("STRING", False, "", "MEDIUM", "Error Handling", 6, "MEDIUM", "Dead Letter Queue Topic Name"),
    "dlq-replication": (
        "SHORT", False, "3", "MEDIUM", "Error Handling", 7, "MEDIUM", "Dead Letter Queue Topic Replication Factor",
    ),
    "dlq-headers": ("BOOLEAN", False, "false", "MEDIUM", "Error Handling", 8, "MEDIUM", "Enable Error Context Headers"),
})
def sink_definition(c, *wanted):
    display = wanted[-1]
    body = ok(c.put("/connector-plugins/FileStreamSink/config/validate", c.sink(name="x")))
    found = {tuple(entry["definition"][field] for field in (
        "type", "required", "default_value", "importance", "group", "order_in_group", "width", "display_name"))
        for entry in body["configs"] if entry["definition"]["display_name"] == display}
    eq(found, {wanted}, f"the definition shown as {display}")


@each({
    "alias": ("FileStreamSink", "file"),
    "simple": ("FileStreamSinkConnector", "file"),
    "full": ("org.apache.kafka.connect.file.FileStreamSinkConnector", "file"),
    "converter": ("JsonConverter", "schemas.enable"),
    "converter-full": ("org.apache.kafka.connect.storage.StringConverter", "converter.encoding"),
    "transformation": ("RegexRouter", "regex"),
    "inner-class": ("org.apache.kafka.connect.transforms.InsertField$Value", "topic.field"),
})
def config_of(c, plugin, key):
    true(key in {definition["name"] for definition in config(c, plugin)}, f"{key} in the definitions")


@check
def config_of_a_converter(c):
    names = [key["name"] for key in config(c, "JsonConverter")]
    wanted = ["converter.type", "schemas.enable", "schemas.cache.size", "schema.content", "decimal.format"]
    eq(names[:5], wanted, "the names")


@check
def config_may_be_empty(c):
    eq(config(c, "SimpleHeaderConverter"), [], "the definitions")


@each({"short": "NoSuch", "full": "org.example.NoSuch", "ambiguous": "InsertField", "inner": "InsertField$Value"})
def config_of_unknown(c, plugin):
    refused(c.get(f"/connector-plugins/{plugin}/config"), 404, f"Unknown plugin {plugin}.")


@check
def config_of_a_version(c):
    version = {plugin["class"]: plugin["version"] for plugin in listed(c)}[CLASSES["source"]]
    eq(config(c, "FileStreamSource"), ok(c.get(f"/connector-plugins/FileStreamSource/config?version={version}")), "the same")


@check
def config_of_an_unknown_version(c):
    message = refused(c.get("/connector-plugins/FileStreamSource/config?version=0.0.1"), 400)
    has(message, f"Plugin {CLASSES['source']} not found that matches the version range [0.0.1,0.0.1], available versions: [")
