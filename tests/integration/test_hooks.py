# SPDX-License-Identifier: Apache-2.0
"""Hooks of the user's own: the plugin of docs/hooks.md as it stands there, plugins that are refused, crash or never return, and a
Lua hook in a real worker."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from conftest import JSON, wait_until
from test_errors import dlq_config, told
from test_transform import TEXT, transform

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ["SLUICE_BINARY"]
SANITIZED = int(os.environ.get("SLUICE_SLOW", "1")) > 1
STAMP = {"transforms": "s", "transforms.s.type": "com.example.Stamp", "transforms.s.text": "hello"}
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"

CRASHER = r"""
#include <stdio.h>
#include <stdlib.h>
#include "api/plugin.h"
struct cfg { const char *how; };
static int deeper(volatile char *up) { volatile char room[4096]; room[0] = up[0]; return deeper(room) + room[0]; }
static int broken(const char *how)
{
        volatile int zero = 0;
        char *volatile nowhere = NULL;
        if (strcmp(how, "write") == 0) *nowhere = 1;
        if (strcmp(how, "libc") == 0) return (int)strlen(nowhere);
        if (strcmp(how, "abort") == 0) abort();
        if (strcmp(how, "divide") == 0) zero = 5 / zero;
        if (strcmp(how, "trap") == 0) __builtin_trap();
        if (strcmp(how, "stack") == 0) return deeper("x");
        if (strcmp(how, "loop") == 0) fprintf(stderr, "the plugin loops\n");
        while (strcmp(how, "loop") == 0) zero = 0;
        return 0;
}
static void check(const void *c, struct sl_cfg_report *r) { (void)r; if (!strcmp(((const struct cfg *)c)->how, "check")) broken("write"); }
static enum sl_rc open(void *st, const void *c, const struct sl_transform_ops *o, struct sl_err *e)
{ (void)o, (void)e; *(const void **)st = c; fprintf(stderr, "opened %s\n", ((const struct cfg *)c)->how); if (!strcmp(((const struct cfg *)c)->how, "open")) broken("write"); return SL_OK; }
static enum sl_rc apply(void *st, struct sl_record *rec, struct sl_arena *a, struct sl_err *e)
{
        const struct cfg *c = *(const struct cfg **)st;
        (void)a;
        if (!strcmp(c->how, "silent")) return SL_BUSINESS;
        if (rec->value.type == SL_STRING && rec->value.len == 3) (void)sl_fail(e, SL_E_TRANSFORM, "half done"), broken(c->how);
        return SL_OK;
}
static void close(void *st) { const struct cfg *c = *(const struct cfg **)st; fprintf(stderr, "closed %s\n", c->how); }
static enum sl_rc test(void *st, const struct sl_record *rec, bool *ret, struct sl_err *e)
{ (void)st, (void)e; if (rec->value.type == SL_STRING && rec->value.len == 3) broken("write"); *ret = rec->value.type != SL_NULL; return SL_OK; }
static const struct sl_cfg_def rows[] = {{SL_CFG_STR(struct cfg, how, "how"), .def = ""}, {0}};
static const char *const names[] = {"com.example.NAME", NULL}, *const predicate_names[] = {"com.example.IsNAME", NULL};
static const struct sl_transform_ops one = {.name = "NAME", .aliases = names, .config = rows, .config_size = sizeof(struct cfg),
        .state_size = 8, .check = check, .open = open, .apply = apply, .close = close};
static const struct sl_predicate_ops two = {.name = "IsNAME", .aliases = predicate_names, .config = rows,
        .config_size = sizeof(struct cfg), .state_size = 8, .test = test};
static const struct sl_transform_ops *const transforms[] = {&one, NULL};
static const struct sl_predicate_ops *const predicates[] = {&two, NULL};
extern const struct sl_plugin sl_plugin_v1;
const struct sl_plugin sl_plugin_v1 = {SL_PLUGIN_HEAD, .name = "crasher", .version = "0.1", .transforms = transforms,
        .predicates = predicates};
"""


def build(folder, name, source):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.c").write_text(source)
    command = ["cc", "-std=gnu2x", "-D_GNU_SOURCE", "-O1", "-Wall", "-shared", "-fPIC", "-I", ROOT / "worker", "-o",
               folder / f"{name}.so", folder / f"{name}.c"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def properties(folder, plugins):
    path = folder / "w.properties"
    path.write_text(f"bootstrap.servers=localhost:1\nplugin.path={plugins}\n")
    return str(path)


def template():
    return re.search(r"```c\n(.*?)```", (ROOT / "docs/hooks.md").read_text(), re.S)[1]


def listed(folder, plugins, *args):
    done = subprocess.run([BINARY, "plugins", "--worker", properties(folder, plugins), *args], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def test_template(tmp_path):
    plugins = build(tmp_path / "p", "stamp", template())
    (plugins / "some.jar").touch()
    code, out, err = listed(tmp_path, plugins)
    assert code == 0 and re.search(r"^transformation +com\.example\.Stamp +1\.0$", out, re.M)
    assert f"1 Java archives in {plugins} are left out" in err
    assert "| `text` | STRING | required |" in listed(tmp_path, plugins, "--markdown", "Stamp")[1]
    worker = ["--worker", properties(tmp_path, plugins)]
    code, out, err = transform(tmp_path, STAMP, [{"topic": "t", "value": TEXT}, {"value": TEXT}], *worker)
    assert out[0]["headers"] == [{"name": "stamp", "schema": {"type": "string", "optional": False}, "payload": "hello"}]
    assert out[1]["error"]["message"] == "transform s: a record without topic can't be stamped"
    code, out, err = transform(tmp_path, {k: v for k, v in STAMP.items() if "text" not in k}, [], *worker)
    assert code == 3 and 'Missing required configuration "transforms.s.text"' in err
    assert transform(tmp_path, STAMP, [])[0] == 3  # without the worker's properties it is not there


def test_refused(tmp_path):
    plugins = tmp_path / "p"
    stamp = template()
    again = stamp.replace("com.example.Stamp", "org.other.Stamp")
    taken = stamp.replace("com.example.Stamp", "org.apache.kafka.connect.transforms.Filter").replace('"Stamp"', '"Own"')
    for name, source in (("a", stamp), ("b", again), ("c", taken),
                         ("d", stamp.replace("SL_PLUGIN_HEAD", ".abi = 99, .size = sizeof(struct sl_plugin)")),
                         ("e", stamp.replace("SL_PLUGIN_HEAD", ".abi = SL_PLUGIN_ABI, .size = sizeof(struct sl_plugin)")),
                         ("f", stamp.replace("sl_plugin_v1", "sl_plugin_v0")),
                         ("g", stamp.replace(".apply = stamp_apply", ".apply = NULL").replace("Stamp", "Stump"))):
        build(plugins, name, source)
    (plugins / "h.so").write_text("no shared object")
    code, out, err = listed(tmp_path, f"{plugins},{tmp_path}/none")
    assert code == 1 and out.count(".Stamp ") == 1
    lines = err.splitlines()
    for i, why in enumerate((
            "b.so is refused: there is a transform Stamp already; give its own another name",
            "c.so is refused: there is a transform org.apache.kafka.connect.transforms.Filter already; give its own another name",
            "d.so is refused: it has the plugin ABI number 99 and this program has 2: build it again with the headers of Sluice ",
            "e.so is refused: it was built with other headers than this program: build it again with those of Sluice ",
            "f.so is refused: it exports no sl_plugin_v1, so it is no plugin for Sluice",
            "g.so is refused: its transform Stump lacks a name, aliases, a config table or its call", "h.so is refused: ",
            f"The directory {tmp_path}/none of plugin.path can't be read: No such file or directory")):
        assert why in lines[i], lines


CRASHES = {"write": "SIGSEGV", "libc": "SIGSEGV", "abort": "SIGABRT", "divide": "SIGFPE", "trap": "SIGILL", "stack": "SIGSEGV"}


@pytest.mark.skipif(SANITIZED, reason="the sanitizers have the signals")
def test_crashes(tmp_path):
    plugins = build(tmp_path / "p", "crasher", CRASHER.replace("NAME", "Crasher"))
    worker = ["--worker", properties(tmp_path, plugins)]
    bad, good = {"topic": "t", "value": {"schema": None, "payload": "bad"}}, {"topic": "t", "value": TEXT}
    config = {"transforms": "c", "transforms.c.type": "Crasher"}
    for how, signal in CRASHES.items():
        code, out, err = transform(tmp_path, {**config, "transforms.c.how": how}, [good, bad, good, *9 * [bad], good], *worker)
        assert code == 1 and out[0]["value"] == out[2]["value"] == TEXT, (how, code, out, err)
        messages = [line["error"]["message"] for line in out if "error" in line]
        assert all(m.startswith("transform c: the plugin crasher crashed: ") for m in messages[:10])
        assert all(m.endswith(f" ({signal})") for m in messages[:10]), messages
        assert messages[10:] == ["transform c: the plugin crasher crashed in 10 records and is not called again: mend it and restart "
                                 "the worker"]
        assert err.count(f"opened {how}") == 10 and "closed" not in err
    code, out, err = transform(tmp_path, {**config, "transforms.c.how": "silent"}, [good], *worker)
    assert out[0]["error"]["message"] == "transform c: the plugin crasher failed without a reason" and "closed silent" in err
    for how, why in (("check", "The plugin crasher crashed in its check: "), ("open", "the plugin crasher crashed: ")):
        code, out, err = transform(tmp_path, {**config, "transforms.c.how": how}, [good], *worker)
        assert code == 3 and why in err
    predicate = {**config, "transforms.c.predicate": "p", "predicates": "p", "predicates.p.type": "com.example.IsCrasher"}
    code, out, err = transform(tmp_path, predicate, [good, bad], *worker)
    assert out[0]["value"] == TEXT and "crashed: Segmentation fault (SIGSEGV)" in out[1]["error"]["message"]


def lua_sink(name, topic, folder, script, **more):
    return {"connector.class": FILE_SINK, "file": str(folder / name), "topics": topic, "value.converter": JSON,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter.schemas.enable": "false",
            "errors.tolerance": "all", "transforms": "hook", "transforms.hook.type": "sluice.transforms.Lua",
            "transforms.hook.script": script, **dlq_config(f"{topic}-dlq"), **more}


SCRIPT = """
function apply(record)
  local v = record.value
  if v.id % 2 == 1 then return false end
  while v.id == 8 do end
  v.id = v.id * 10
  v.note = "seen"
  return true
end"""


def test_lua_in_a_worker(worker, kafka, tmp_path, unique):
    """Rows are dropped and changed; the one that loops is dead-lettered as it came, and those behind it flow."""
    kafka.create_topic(unique)
    kafka.produce(unique, [(f"k{i}", json.dumps({"id": i}).encode(), []) for i in range(20)])
    worker.create("l", lua_sink("out", unique, tmp_path, SCRIPT))
    letter = wait_until(lambda: kafka.consume_all(f"{unique}-dlq"), what="the dead letter")[0]
    assert (letter.key, letter.value) == (b"k8", b'{"id": 8}')
    got = told(letter)
    assert (got["stage"], got["class.name"]) == ("TRANSFORMATION", "sluice.transforms.Lua")
    assert got["exception.message"] == ("transform hook: script:4: it used up its 1000000 instructions for one record "
                                        "(instructions.max)")
    want = [f"{{id={i * 10}, note=seen}}" for i in range(0, 20, 2) if i != 8]
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text().splitlines() == want, what="the rows")
    assert len(kafka.consume_all(f"{unique}-dlq")) == 1


def test_lua_is_validated(worker, tmp_path, unique):
    config = {"name": "x", **lua_sink("out", unique, tmp_path, "function apply(r)\n  if r then\nend")}
    answer = worker.rest("PUT", "/connector-plugins/FileStreamSinkConnector/config/validate", json=config)
    found = {c["value"]["name"]: c["value"]["errors"] for c in answer.json()["configs"] if c["value"]["errors"]}
    assert found == {"transforms.hook.script": ["script: script:3: 'end' expected (to close 'function' at line 1) near <eof>"]}


@pytest.mark.skipif(SANITIZED, reason="the sanitizers have the signals")
def test_plugin_in_a_worker(make_worker, kafka, tmp_path, unique):
    """A crash is dead-lettered and the next rows flow; without tolerance it fails the task, and only that."""
    plugins = build(tmp_path / "p", "crasher", CRASHER.replace("NAME", "Crasher"))
    worker = make_worker({"plugin.path": str(plugins)}).start()
    rows = [c for c in worker.rest("GET", "/connector-plugins?connectorsOnly=false").json() if "Crasher" in c["class"]]
    assert rows == [{"class": "com.example.Crasher", "type": "transformation", "version": "0.1"},
                    {"class": "com.example.IsCrasher", "type": "predicate", "version": "0.1"}]
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", json.dumps(v).encode(), []) for v in ("first", "bad", "second")])
    more = {"transforms.hook.type": "Crasher", "transforms.hook.how": "write"}
    crash = {k: v for k, v in lua_sink("out", unique, tmp_path, "").items() if not k.endswith(".script")}
    worker.create("c", {**crash, **more})
    letter = wait_until(lambda: kafka.consume_all(f"{unique}-dlq"), what="the dead letter")[0]
    assert told(letter)["exception.message"] == "transform hook: the plugin crasher crashed: Segmentation fault (SIGSEGV)"
    worker.create("d", {**crash, **more, "file": str(tmp_path / "d"), "errors.tolerance": "none"})
    assert "the plugin crasher crashed: Segmentation fault (SIGSEGV)" in worker.wait_failed("d")
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text() == "first\nsecond\n", what="the rows")


@pytest.mark.skipif(SANITIZED, reason="the plain build shows it")
def test_plugin_that_never_returns(make_worker, kafka, tmp_path, unique):
    """Its task can't be ended, which is said; the worker still answers, and stops."""
    plugins = build(tmp_path / "p", "crasher", CRASHER.replace("NAME", "Crasher"))
    worker = make_worker({"plugin.path": str(plugins), "task.shutdown.graceful.timeout.ms": 500}).start()
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b'"bad"', [])])
    loop = {k: v for k, v in lua_sink("out", unique, tmp_path, "").items() if not k.endswith(".script")}
    worker.create("c", {**loop, "transforms.hook.type": "Crasher", "transforms.hook.how": "loop"})
    wait_until(lambda: "the plugin loops" in worker.log_text(), what="the loop")
    worker.delete("c")
    wait_until(lambda: "task c-0 did not end in time and is left to itself" in worker.log_text(), what="the warning")
    assert worker.rest("GET", "/connectors").json() == []
    assert worker.stop() == 0
    assert "stopped with tasks that did not end in time" in worker.log_text()
