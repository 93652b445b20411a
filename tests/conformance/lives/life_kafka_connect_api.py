# SPDX-License-Identifier: Apache-2.0
"""A connector's life through kafka-connect-api, which has objects for cluster, connector and task. It has no stop, no
topics, and creates with a PUT of the config. Its exists() raises what it should answer, so it is not used."""

from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

from common import CONFIG, NAME, URL, eq, patiently, until

cluster = Cluster(Api(url=URL))
assert cluster.version.startswith("4.2.") and cluster.kafka_cluster, cluster
eq(set(cluster.root_logger), {"level", "last_modified"}, "root logger")
cluster.root_logger = "INFO"
eq(cluster.root_logger["level"], "INFO", "root logger")

connector = Connector(cluster, NAME)
assert NAME not in cluster.connectors


def states():
    status = connector.status
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


connector.config = CONFIG
until(states, ["RUNNING", "RUNNING"], "after create")
assert NAME in cluster.connectors
eq(connector.config, {**CONFIG, "name": NAME}, "config")
eq(connector.connector_class, "FileStreamSource", "class")
until(lambda: [task.id for task in connector.tasks], [0], "tasks")
task = connector.tasks[0]
eq((task.state, task.is_running(), task.config["topic"]), ("RUNNING", True, CONFIG["topic"]), "task")

connector.pause()
until(states, ["PAUSED", "PAUSED"], "after pause")
eq(connector.state, "PAUSED", "state")
connector.resume()
until(states, ["RUNNING", "RUNNING"], "after resume")
patiently(lambda: connector.api.post_raw(f"/connectors/{NAME}/restart"))
until(states, ["RUNNING", "RUNNING"], "after restart")
patiently(connector.restart_all_tasks)
until(states, ["RUNNING", "RUNNING"], "after restart of all tasks")
patiently(connector.cycle_connector)
until(states, ["RUNNING", "RUNNING"], "after a cycle")
connector.config = {**CONFIG, "batch.size": "100"}
until(lambda: connector.config.get("batch.size"), "100", "new config")
until(states, ["RUNNING", "RUNNING"], "after a new config")
patiently(connector.delete)
until(lambda: NAME in cluster.connectors, False, "after delete")
