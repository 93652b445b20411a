# SPDX-License-Identifier: Apache-2.0
"""A connector's life through kafka-connect-py: its class, and its command kc."""

import json
import pathlib
import subprocess
import sys

import kafka_connect
from requests.exceptions import HTTPError

from common import CONFIG, NAME, TOPIC, URL, eq, patiently, until

client = kafka_connect.KafkaConnect(url=URL)


def states():
    status = client.get_connector_status(NAME)
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


eq(set(client.get_cluster_info()), {"version", "commit", "kafka_cluster_id"}, "info")
plugins = [plugin["class"] for plugin in client.list_connector_plugins()]
assert "org.apache.kafka.connect.file.FileStreamSourceConnector" in plugins, plugins
eq(client.validate_connector_config("FileStreamSource", {**CONFIG, "name": NAME})["error_count"], 0, "validate")
eq(client.validate_connector_config("FileStreamSource", CONFIG)["error_count"], 1, "validate without a name")

created = patiently(lambda: client.create_connector({"name": NAME, "config": CONFIG}))
eq((created["name"], created["config"]["topic"]), (NAME, TOPIC), "create")
until(states, ["RUNNING", "RUNNING"], "after create")
assert NAME in client.list_connectors()
eq(client.list_connectors(expand="status", state="RUNNING")[NAME]["status"]["name"], NAME, "list by state")
eq(client.get_connector(NAME)["type"], "source", "get")
eq(client.get_connector_config(NAME), {**CONFIG, "name": NAME}, "config")
until(lambda: [task["id"] for task in client.list_connector_tasks(NAME)], [{"connector": NAME, "task": 0}], "tasks")
eq(client.get_connector_task_status(NAME, 0)["state"], "RUNNING", "task status")
until(lambda: client.list_connector_topics(NAME), {NAME: {"topics": [TOPIC]}}, "topics")
client.reset_connector_topics(NAME)
until(lambda: client.list_connector_topics(NAME), {NAME: {"topics": []}}, "topics after reset")

client.pause_connector(NAME)
until(states, ["PAUSED", "PAUSED"], "after pause")
eq(list(client.list_connectors(expand="status", pattern=NAME, state="PAUSED")), [NAME], "paused connectors")
client.resume_connector(NAME)
until(states, ["RUNNING", "RUNNING"], "after resume")
patiently(lambda: client.restart_connector(NAME))
until(states, ["RUNNING", "RUNNING"], "after restart")
plan = patiently(lambda: client.restart_connector(NAME, include_tasks=True))
eq([task["state"] for task in plan["tasks"]], ["RESTARTING"], "the plan of a restart")
until(states, ["RUNNING", "RUNNING"], "after restart with tasks")
patiently(lambda: client.restart_connector_task(NAME, 0))
until(states, ["RUNNING", "RUNNING"], "after restart of the task")
patiently(lambda: client.stop_connector(NAME))
until(states, ["STOPPED"], "after stop")
client.resume_connector(NAME)
until(states, ["RUNNING", "RUNNING"], "after stop and resume")
updated = patiently(lambda: client.update_connector(NAME, {**CONFIG, "batch.size": "100"}))
eq(updated["config"]["batch.size"], "100", "update")
until(states, ["RUNNING", "RUNNING"], "after update")

kc = [pathlib.Path(sys.executable).with_name("kc"), "--url", URL]
for command in (["info"], ["list"], ["status", NAME], ["config", NAME], ["list-tasks", NAME], ["list-topics", NAME]):
    done = subprocess.run([*kc, *command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout), f"kc {command}: {done.stdout}{done.stderr}"

patiently(lambda: client.delete_connector(NAME))
until(lambda: NAME in client.list_connectors(), False, "after delete")
try:
    client.get_connector(NAME)
except HTTPError as error:
    eq(error.response.status_code, 404, "get after delete")
else:
    raise AssertionError("the connector is there after its deletion")
