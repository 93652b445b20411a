# SPDX-License-Identifier: Apache-2.0
"""Checks: status, failures and their traces, pause, resume, stop, restarts."""

import pathlib
import re

from harness import check, each, empty, eq, has, ok, refused, true, wait


def broken(c):
    """A sink whose task fails as long as its folder is missing; gives the name and the folder."""
    folder = pathlib.Path(c.path(c.unique("missing")))
    name = c.create(c.sink(file=str(folder / "out")))
    c.wait_state(name, "RUNNING", 1, "FAILED")
    return name, folder


# --- Status -----------------------------------------------------------------------------------------------------------


@each({"source": "source", "sink": "sink"})
def status(c, kind):
    name = c.running(getattr(c, kind)())
    body = c.status(name)
    eq(list(body), ["name", "connector", "tasks", "type"], "the fields")
    eq((body["name"], body["type"]), (name, kind), "name and type")
    eq(list(body["connector"]), ["state", "worker_id", "version"], "the connector's fields")
    eq(list(body["tasks"][0]), ["id", "state", "worker_id", "version"], "a task's fields")
    eq(body["tasks"][0]["id"], 0, "id")


@check
def worker_id(c):
    body = c.status(c.running(c.sink()))
    eq(body["connector"]["worker_id"], c.worker_id, "the connector's worker_id")
    eq(body["tasks"][0]["worker_id"], c.worker_id, "the task's worker_id")


@check
def version(c):
    """The plugin's, as the list of plugins shows it."""
    body = c.status(c.running(c.sink()))
    versions = {plugin["class"]: plugin["version"] for plugin in ok(c.get("/connector-plugins"))}
    wanted = versions["org.apache.kafka.connect.file.FileStreamSinkConnector"]
    eq((body["connector"]["version"], body["tasks"][0]["version"]), (wanted, wanted), "the versions")


@check
def status_appears(c):
    """There is none for a moment; then all of it comes."""
    name = c.create(c.sink())
    wait(lambda: c.get(c.at(name, "/status")).status == 200, "a status")
    c.wait_state(name, "RUNNING", 1)


@check
def task_status(c):
    name = c.running(c.sink())
    body = ok(c.get(c.at(name, "/tasks/0/status")))
    eq(list(body), ["id", "state", "worker_id", "version"], "the fields")
    eq(body, c.status(name)["tasks"][0], "the task's status")
    refused(c.get(c.at(name, "/tasks/1/status")), 404, f"No status found for task {name}-1")


@check
def task_id_with_zeros_and_sign(c):
    name = c.running(c.sink())
    eq(ok(c.get(c.at(name, "/tasks/00/status")))["id"], 0, "id")
    eq(ok(c.get(c.at(name, "/tasks/+0/status")))["id"], 0, "id")


@check
def failed_task(c):
    """A failed task leaves its connector running."""
    name, _ = broken(c)
    body = c.status(name)
    eq(body["connector"]["state"], "RUNNING", "the connector's state")
    true("trace" not in body["connector"], "no trace of the connector")
    task = body["tasks"][0]
    eq(list(task), ["id", "state", "worker_id", "version", "trace"], "the task's fields")
    eq(ok(c.get(c.at(name, "/tasks/0/status"))), task, "the task's own status")
    eq(ok(c.get("/connectors?expand=status"))[name]["status"], body, "the status in the map")


@check
def trace(c):
    """First the class and a message, then indented lines."""
    lines = c.status(broken(c)[0])["tasks"][0]["trace"].split("\n")
    true(re.match(r"org\.apache\.kafka\.connect\.errors\.ConnectException: \S", lines[0]), lines[0])
    true(len(lines) > 1 and lines[1].startswith("\tat "), str(lines[:2]))


@check
def failed_task_can_be_deleted(c):
    name, _ = broken(c)
    empty(c.delete(c.at(name)), 204)
    wait(lambda: c.get(c.at(name, "/status")).status == 404, "no status")


@check
def failed_task_comes_back_with_a_new_config(c):
    name, _ = broken(c)
    ok(c.put(c.at(name, "/config"), c.sink()))
    body = c.wait_state(name, "RUNNING", 1)
    true("trace" not in body["tasks"][0], "no trace any more")


# --- Pause, resume, stop ----------------------------------------------------------------------------------------------


@each({"source": "source", "sink": "sink"})
def pause_and_resume(c, kind):
    name = c.running(getattr(c, kind)())
    empty(c.put(c.at(name, "/pause")), 202)
    body = c.wait_state(name, "PAUSED", 1)
    eq(body["type"], kind, "type")
    eq(len(ok(c.get(c.at(name, "/tasks")))), 1, "the number of tasks")
    eq(ok(c.get(c.at(name)))["tasks"], [{"connector": name, "task": 0}], "tasks")
    empty(c.put(c.at(name, "/resume")), 202)
    c.wait_state(name, "RUNNING", 1)


@check
def pause_and_resume_twice(c):
    name = c.running(c.sink())
    for change, state in (("/pause", "PAUSED"), ("/resume", "RUNNING")):
        for _ in range(2):
            empty(c.put(c.at(name, change)), 202)
        c.wait_state(name, state, 1)


@each({"source": "source", "sink": "sink"})
def stop(c, kind):
    name = c.running(getattr(c, kind)())
    empty(c.put(c.at(name, "/stop")), 204)
    body = c.wait_state(name, "STOPPED", 0)
    eq((body["type"], body["tasks"]), (kind, []), "type and tasks")
    eq(list(body["connector"]), ["state", "worker_id", "version"], "the connector's fields")
    eq(ok(c.get(c.at(name, "/tasks"))), [], "tasks")
    eq(ok(c.get(c.at(name)))["tasks"], [], "tasks")
    refused(c.get(c.at(name, "/tasks/0/status")), 404, f"No status found for task {name}-0")
    true(name in ok(c.get("/connectors")), "listed")
    eq(ok(c.get(c.at(name, "/config")))["name"], name, "its config stays")


@check
def stop_twice(c):
    name = c.stopped(c.sink())
    for _ in range(2):
        empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)


@check
def stop_and_resume(c):
    name = c.running(c.sink())
    for _ in range(2):
        empty(c.put(c.at(name, "/stop")), 204)
        c.wait_state(name, "STOPPED", 0)
        empty(c.put(c.at(name, "/resume")), 202)
        c.wait_state(name, "RUNNING", 1)


@check
def stop_then_pause(c):
    """Paused, but still without tasks: those are made when it runs again."""
    name = c.stopped(c.sink())
    empty(c.put(c.at(name, "/pause")), 202)
    c.wait_state(name, "PAUSED", 0)
    eq(ok(c.get(c.at(name, "/tasks"))), [], "tasks")
    empty(c.put(c.at(name, "/resume")), 202)
    c.wait_state(name, "RUNNING", 1)


@check
def pause_then_stop(c):
    name = c.running(c.sink())
    empty(c.put(c.at(name, "/pause")), 202)
    c.wait_state(name, "PAUSED", 1)
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)


@check
def pause_leaves_a_failed_task_failed(c):
    name, _ = broken(c)
    empty(c.put(c.at(name, "/pause")), 202)
    body = c.wait_state(name, "PAUSED", 1, "FAILED")
    true("trace" in body["tasks"][0], "the trace stays")


@check
def stop_and_resume_mend_a_failed_task(c):
    name, folder = broken(c)
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)
    folder.mkdir()
    empty(c.put(c.at(name, "/resume")), 202)
    c.wait_state(name, "RUNNING", 1)


@check
def lines_flow_after_resume(c):
    """What a source wrote while its sink was paused arrives afterwards."""
    topic = c.unique("flow")
    file, out = pathlib.Path(c.path(f"{topic}.txt", "one\n")), pathlib.Path(c.path(f"{topic}.out"))
    c.running(c.source(topic=topic, file=str(file)))
    sink = c.running(c.sink(topics=topic, file=str(out)))
    wait(lambda: out.read_text() == "one\n", "the first line")
    empty(c.put(c.at(sink, "/pause")), 202)
    c.wait_state(sink, "PAUSED", 1)
    with file.open("a") as more:
        more.write("two\n")
    empty(c.put(c.at(sink, "/resume")), 202)
    wait(lambda: out.read_text() == "one\ntwo\n", "the second line")


# --- Restarts ---------------------------------------------------------------------------------------------------------


@each({"bare": "", "false": "?includeTasks=false&onlyFailed=false", "no-boolean": "?includeTasks=maybe", "empty": "?includeTasks"})
def restart_connector(c, query):
    """No tasks, so no plan."""
    name = c.running(c.sink())
    empty(c.post(c.at(name, "/restart" + query)), 204)
    c.wait_state(name, "RUNNING", 1)


@check
def restart_with_tasks(c):
    name = c.running(c.sink())
    plan = ok(c.post(c.at(name, "/restart?includeTasks=true")), 202)
    eq(list(plan), ["name", "connector", "tasks", "type"], "the fields")
    eq((plan["name"], plan["type"]), (name, "sink"), "name and type")
    eq(plan["connector"]["state"], "RESTARTING", "the connector's state")
    eq([(task["id"], task["state"]) for task in plan["tasks"]], [(0, "RESTARTING")], "the tasks")
    eq(list(plan["tasks"][0]), ["id", "state", "worker_id", "version"], "a task's fields")
    c.wait_state(name, "RUNNING", 1)


@check
def restart_spellings(c):
    name = c.running(c.sink())
    eq(c.post(c.at(name, "/restart?includeTasks=TRUE")).status, 202, "the status")
    c.wait_state(name, "RUNNING", 1)
    eq(c.post(c.at(name, "/restart?onlyFailed=true&other=1")).status, 202, "the status")


@each({"connector": "?onlyFailed=true", "with-tasks": "?includeTasks=true&onlyFailed=true"})
def restart_failed_of_a_healthy_one(c, query):
    name = c.running(c.sink())
    plan = ok(c.post(c.at(name, "/restart" + query)), 202)
    eq((plan["connector"]["state"], plan["tasks"][0]["state"]), ("RUNNING", "RUNNING"), "the states")


@check
def restart_failed_tasks(c):
    name, folder = broken(c)
    plan = ok(c.post(c.at(name, "/restart?includeTasks=true&onlyFailed=true")), 202)
    eq((plan["connector"]["state"], plan["tasks"][0]["state"]), ("RUNNING", "RESTARTING"), "the states")
    has(plan["tasks"][0]["trace"], "ConnectException")
    c.wait_state(name, "RUNNING", 1, "FAILED")
    folder.mkdir()
    ok(c.post(c.at(name, "/restart?includeTasks=true&onlyFailed=true")), 202)
    c.wait_state(name, "RUNNING", 1)


@check
def restart_failed_without_tasks(c):
    name, _ = broken(c)
    plan = ok(c.post(c.at(name, "/restart?onlyFailed=true")), 202)
    eq((plan["connector"]["state"], plan["tasks"][0]["state"]), ("RUNNING", "FAILED"), "the states")


@check
def restart_all_of_a_failed_one(c):
    name, folder = broken(c)
    folder.mkdir()
    plan = ok(c.post(c.at(name, "/restart?includeTasks=true")), 202)
    eq((plan["connector"]["state"], plan["tasks"][0]["state"]), ("RESTARTING", "RESTARTING"), "the states")
    c.wait_state(name, "RUNNING", 1)


@check
def restart_connector_leaves_a_failed_task(c):
    name, _ = broken(c)
    empty(c.post(c.at(name, "/restart")), 204)
    c.wait_state(name, "RUNNING", 1, "FAILED")


@check
def restart_task(c):
    name, folder = broken(c)
    folder.mkdir()
    empty(c.post(c.at(name, "/tasks/0/restart")), 204)
    c.wait_state(name, "RUNNING", 1)
    empty(c.post(c.at(name, "/tasks/0/restart")), 204)
    c.wait_state(name, "RUNNING", 1)


@check
def restart_unknown_task(c):
    name = c.running(c.sink())
    refused(c.post(c.at(name, "/tasks/7/restart")), 404, f"Unknown task: {name}-7")


@check
def restart_paused(c):
    """Stays paused."""
    name = c.running(c.sink())
    empty(c.put(c.at(name, "/pause")), 202)
    c.wait_state(name, "PAUSED", 1)
    plan = ok(c.post(c.at(name, "/restart?includeTasks=true")), 202)
    eq((plan["connector"]["state"], plan["tasks"][0]["state"]), ("RESTARTING", "RESTARTING"), "the states")
    c.wait_state(name, "PAUSED", 1)
    empty(c.post(c.at(name, "/restart")), 204)
    empty(c.post(c.at(name, "/tasks/0/restart")), 204)
    c.wait_state(name, "PAUSED", 1)


@check
def restart_stopped(c):
    """Stays stopped; there are no tasks to restart."""
    name = c.stopped(c.sink())
    plan = ok(c.post(c.at(name, "/restart?includeTasks=true")), 202)
    eq((plan["connector"]["state"], plan["tasks"]), ("RESTARTING", []), "the plan")
    c.wait_state(name, "STOPPED", 0)
    eq(ok(c.post(c.at(name, "/restart?onlyFailed=true")), 202)["connector"]["state"], "STOPPED", "the state")
    empty(c.post(c.at(name, "/restart")), 204)
    c.wait_state(name, "STOPPED", 0)


@check
def restart_task_of_a_stopped_one(c):
    name = c.running(c.sink())
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)
    answer = c.post(c.at(name, "/tasks/0/restart"), patient=False)
    if c.differs("task-of-stopped"):
        refused(answer, 404, f"Unknown task: {name}-0")
    else:
        refused(answer, 409)


@check
def restart_two_tasks(c):
    name = c.running(c.sink(tasks_max="2"), 2)
    plan = ok(c.post(c.at(name, "/restart?includeTasks=true")), 202)
    eq({task["id"]: task["state"] for task in plan["tasks"]}, {0: "RESTARTING", 1: "RESTARTING"}, "the tasks")
    c.wait_state(name, "RUNNING", 2)
