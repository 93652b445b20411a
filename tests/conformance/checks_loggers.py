# SPDX-License-Identifier: Apache-2.0
"""Checks: /admin/loggers. Loggers can't be removed, so each check uses names of its own."""

from harness import check, each, empty, eq, ok, refused, true, wait

NEEDS_LEVEL = "Desired 'level' parameter was not specified in request."


def put(c, logger, level, query=""):
    return c.put(f"/admin/loggers/{logger}{query}", {"level": level})


def get(c, logger):
    return ok(c.get(f"/admin/loggers/{logger}"))


@check
def list_loggers(c):
    loggers = ok(c.get("/admin/loggers"))
    true("root" in loggers, "root is listed")
    eq(list(loggers), sorted(loggers), "the order")
    for logger in loggers.values():
        eq(list(logger), ["level", "last_modified"], "the fields")


@check
def root(c):
    logger = get(c, "root")
    eq(list(logger), ["level", "last_modified"], "the fields")
    true(logger["level"] in ("INFO", "WARN"), f"a level, not {logger}")
    eq(get(c, "ROOT"), logger, "root in other letters")
    eq(ok(c.get("/admin/loggers"))["root"], logger, "root in the list")


@check
def root_to_its_own_level(c):
    """It reaches all loggers, and names those that changed."""
    level_, name = get(c, "root")["level"], c.unique("test.logger")
    ok(put(c, name, "TRACE"))
    changed = ok(put(c, "root", level_))
    true("root" not in changed and name in changed, f"changed are {changed}")
    eq(get(c, name)["level"], level_, "the other logger's level")
    eq(ok(put(c, "root", level_.lower())), [], "the changed loggers")


@check
def set_a_new_logger(c):
    name = c.unique("test.logger")
    eq(ok(put(c, name, "DEBUG")), [name], "the changed loggers")
    logger = get(c, name)
    eq(logger["level"], "DEBUG", "level")
    true(isinstance(logger["last_modified"], int) and logger["last_modified"] > 1_600_000_000_000, f"a time in {logger}")
    eq(ok(c.get("/admin/loggers"))[name], logger, "in the list")


@check
def set_the_same_level(c):
    name = c.unique("test.logger")
    ok(put(c, name, "DEBUG"))
    before = get(c, name)
    eq(ok(put(c, name, "debug")), [], "the changed loggers")
    eq(get(c, name), before, "the logger")


@check
def set_a_namespace(c):
    """A plain prefix: loggers that begin with the name change too, and the name itself."""
    name = c.unique("test.logger")
    ok(put(c, name + ".b", "DEBUG"))
    ok(put(c, name + "c", "DEBUG"))
    eq(ok(put(c, name, "ERROR")), [name, name + ".b", name + "c"], "the changed loggers")
    eq([get(c, name + end)["level"] for end in ("", ".b", "c")], ["ERROR"] * 3, "the levels")


@each({level: level for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF", "ALL")})
def level(c, word):
    """In any letters. What has this level already, here from root, doesn't change."""
    name = c.unique("test.logger")
    changed = [] if get(c, "root")["level"] == word else [name]
    eq(ok(put(c, name, word.lower())), changed, "the changed loggers")
    if changed:
        eq(get(c, name)["level"], word, "level")


@check
def unknown_logger(c):
    name = c.unique("no.such")
    refused(c.get(f"/admin/loggers/{name}"), 404, f"Logger {name} not found.")


@each({"bare": "", "cluster": "?scope=cluster"})
def unknown_level(c, query):
    refused(put(c, "test.logger", "BOGUS", query), 404, "invalid log level 'BOGUS'.")


@each({"missing": {}, "null": {"level": None}, "other": {"levels": "INFO"}})
def needs_a_level(c, body):
    refused(c.put("/admin/loggers/root", body), 400, NEEDS_LEVEL)
    refused(c.put("/admin/loggers/root?scope=cluster", body), 400, NEEDS_LEVEL)


@check
def number_as_level(c):
    refused(put(c, "test.logger", 5), 404, "invalid log level '5'.")


@check
def more_fields_are_ignored(c):
    name = c.unique("test.logger")
    eq(ok(c.put(f"/admin/loggers/{name}", {"level": "ERROR", "more": "x"})), [name], "the changed loggers")


@each({"nothing": b"", "null": b"null", "array": b"[]", "cut": b"{", "object": b'{"level":{}}'})
def bad_body(c, raw):
    refused(c.put("/admin/loggers/test.logger", raw=raw), 500)


@each({"worker": "?scope=worker", "letters": "?scope=WORKER", "unknown": "?scope=galaxy", "empty": "?scope=", "bare": "?scope"})
def scope_worker(c, query):
    name = c.unique("test.logger")
    eq(ok(put(c, name, "ERROR", query)), [name], "the changed loggers")


@each({"small": "?scope=cluster", "letters": "?scope=CLUSTER"})
def scope_cluster(c, query):
    name = c.unique("test.logger")
    ok(put(c, name, "ERROR"))
    empty(put(c, name, "TRACE", query), 204)
    wait(lambda: get(c, name)["level"] == "TRACE", "the new level")


@check
def scope_cluster_new_logger(c):
    name = c.unique("test.logger")
    empty(put(c, name, "TRACE", "?scope=cluster"), 204)
    wait(lambda: get(c, name)["level"] == "TRACE", "the new logger")


@check
def name_is_decoded(c):
    name = c.unique("test logger")
    eq(ok(put(c, name.replace(" ", "%20"), "ERROR")), [name], "the changed loggers")
    eq(get(c, name.replace(" ", "%20"))["level"], "ERROR", "level")
