# SPDX-License-Identifier: Apache-2.0
"""A connector's life through kafkaconnect: texts in, texts out; it makes a sentence of an error. It has no stop and no
restart of a task."""

import json

from kafkaconnect.connect import Connect

from common import CONFIG, NAME, TOPIC, URL, eq, until

client = Connect(connect_url=URL)
REBALANCE = "Kafka cluster rebalance is in process."


def patiently(fn):
    """The client hides a 409 behind a sentence."""
    answer = REBALANCE

    def over():
        nonlocal answer
        answer = fn()
        return answer != REBALANCE

    until(over, True, "the end of a rebalance")
    return answer


def states():
    status = json.loads(client.status(NAME))
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


assert "FileStreamSourceConnector" in client.plugins()
wrong = json.dumps({"connector.class": "FileStreamSource", "name": NAME})
eq(json.loads(client.validate_and_create(NAME, wrong))["error_count"], 1, "a wrong config is only validated")
assert NAME not in json.loads(client.list())

config = json.dumps({**CONFIG, "name": NAME})
created = json.loads(patiently(lambda: client.validate_and_create(NAME, config)))
eq((created["name"], created["type"]), (NAME, "source"), "create")
until(states, ["RUNNING", "RUNNING"], "after create")
assert NAME in json.loads(client.list())
eq(json.loads(client.info(NAME))["config"], json.loads(config), "info")
eq(json.loads(client.config(NAME)), json.loads(config), "config")
until(lambda: [task["id"]["task"] for task in json.loads(client.tasks(NAME))], [0], "tasks")
until(lambda: json.loads(client.topics(NAME)), {NAME: {"topics": [TOPIC]}}, "topics")
eq(client.pause(NAME), "", "pause")
until(states, ["PAUSED", "PAUSED"], "after pause")
eq(client.resume(NAME), "", "resume")
until(states, ["RUNNING", "RUNNING"], "after resume")
eq(patiently(lambda: client.restart(NAME)), "", "restart")
until(states, ["RUNNING", "RUNNING"], "after restart")
eq(patiently(lambda: client.remove(NAME)), "", "delete")
until(lambda: NAME in json.loads(client.list()), False, "after delete")
eq(client.info(NAME), f"Resource {URL}/connectors/{NAME} not found.", "info after delete")
