"""REST: the life of a connector, error shapes, wrong configs; secrets are nowhere."""

import json

import pytest
import requests

from conftest import PG_PASSWORD, SCHEMALESS, read, s3_config, wait_until

SECRET = "n0body-must-see-this"
FILE_SINK = {
    "connector.class": "FileStreamSink",
    "topics": "rest-topic",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
}


def refused(answer, status):
    """Checks Connect's error shape and gives the message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"error_code", "message"} and body["error_code"] == status
    return body["message"]


def test_root_health_metrics_plugins(worker, kafka):
    root = worker.rest("GET", "/").json()
    assert set(root) == {"version", "commit", "kafka_cluster_id"}
    assert root["kafka_cluster_id"]
    wait_until(lambda: worker.rest("GET", "/health").status_code == 200, what="healthy")
    assert set(worker.rest("GET", "/health").json()) == {"status", "message"}
    metrics = worker.rest("GET", "/metrics")
    assert metrics.ok and metrics.headers["Content-Type"].startswith("text/plain")
    plugins = worker.rest("GET", "/connector-plugins").json()
    classes = {plugin["class"]: plugin["type"] for plugin in plugins}
    assert classes["io.debezium.connector.postgresql.PostgresConnector"] == "source"
    assert classes["io.confluent.connect.s3.S3SinkConnector"] == "sink"
    assert set(classes.values()) == {"source", "sink"}
    everything = worker.rest("GET", "/connector-plugins?connectorsOnly=false").json()
    assert {"source", "sink", "transformation", "converter"} <= {plugin["type"] for plugin in everything}
    keys = worker.rest("GET", "/connector-plugins/S3SinkConnector/config").json()
    assert {"flush.size", "s3.bucket.name", "format.class"} <= {key["name"] for key in keys}


def test_life_of_a_connector(worker, kafka, tmp_path):
    assert worker.rest("GET", "/connectors").json() == []
    config = {**FILE_SINK, "file": str(tmp_path / "out")}
    answer = worker.rest("POST", "/connectors", json={"name": "sink one", "config": config})
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith("/connectors/sink%20one")
    assert answer.json() == {"name": "sink one", "config": {**config, "name": "sink one"}, "tasks": [], "type": "sink"}
    worker.wait_running("sink one", 1)
    path = "/connectors/sink%20one"
    assert "already exists" in refused(worker.rest("POST", "/connectors", json={"name": "sink one", "config": config}), 409)
    info = worker.rest("GET", path).json()
    assert info["tasks"] == [{"connector": "sink one", "task": 0}] and info["type"] == "sink"
    assert worker.rest("GET", path + "/config").json() == {**config, "name": "sink one"}
    tasks = worker.rest("GET", path + "/tasks").json()
    assert [task["id"] for task in tasks] == [{"connector": "sink one", "task": 0}]
    status = worker.status("sink one")
    assert status["connector"]["worker_id"] == f"127.0.0.1:{worker.port}"
    assert worker.rest("GET", path + "/tasks/0/status").json()["state"] == "RUNNING"
    listed = worker.rest("GET", "/connectors?expand=status&expand=info").json()
    assert listed["sink one"]["status"]["name"] == listed["sink one"]["info"]["name"] == "sink one"

    kafka.produce("rest-topic", [(None, "line 1"), (None, "line 2")])
    wait_until(lambda: (tmp_path / "out").read_text() == "line 1\nline 2\n", what="the file")

    def state(word):
        wait_until(lambda: {p["state"] for p in [worker.status("sink one")["connector"], *worker.status("sink one")["tasks"]]}
                   == {word}, what=word)

    assert worker.rest("PUT", path + "/pause").status_code == 202
    state("PAUSED")
    assert worker.rest("PUT", path + "/resume").status_code == 202
    state("RUNNING")
    assert worker.rest("PUT", path + "/config", json={**config, "tasks.max": "1", "errors.log.enable": "true"}).status_code == 200
    worker.wait_running("sink one", 1)
    assert worker.rest("GET", path + "/config").json()["errors.log.enable"] == "true"
    assert worker.rest("POST", path + "/restart").status_code == 204
    worker.wait_running("sink one", 1)
    answer = worker.rest("POST", path + "/restart?includeTasks=true")
    assert answer.status_code == 202 and answer.json()["name"] == "sink one"
    worker.wait_running("sink one", 1)
    assert worker.rest("POST", path + "/tasks/0/restart").status_code == 204
    worker.wait_running("sink one", 1)
    kafka.produce("rest-topic", [(None, "line 3")])
    wait_until(lambda: (tmp_path / "out").read_text().endswith("line 3\n"), what="the third line")
    assert worker.rest("DELETE", path).status_code == 204
    wait_until(lambda: worker.rest("GET", "/connectors").json() == [], what="no connectors")
    refused(worker.rest("GET", path), 404)
    wait_until(lambda: worker.rest("GET", path + "/status").status_code == 404, what="no status")


def test_put_config_creates_and_worker_remembers(make_worker, tmp_path):
    worker = make_worker().start()
    config = {**FILE_SINK, "file": str(tmp_path / "out")}
    answer = worker.rest("PUT", "/connectors/made/config", json=config)
    assert answer.status_code == 201 and answer.json()["config"]["name"] == "made"
    worker.wait_running("made", 1)
    assert worker.rest("PUT", "/connectors/made/pause").status_code == 202
    wait_until(lambda: worker.status("made")["connector"]["state"] == "PAUSED", what="PAUSED")
    worker.restart()
    assert worker.rest("GET", "/connectors").json() == ["made"]
    wait_until(lambda: worker.status("made")["connector"]["state"] == "PAUSED", what="PAUSED after the restart")


def test_curl_form_post(worker, tmp_path):
    body = json.dumps({"name": "form", "config": {**FILE_SINK, "file": str(tmp_path / "out")}}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert worker.rest("POST", "/connectors", raw=body, headers=form).status_code == 201
    worker.wait_running("form", 1)
    assert worker.rest("POST", "/connectors", raw=body, headers={"Content-Type": "text/csv"}).status_code == 415


@pytest.mark.parametrize(
    "body, status, words",
    [
        (b"{", 500, ""),
        (b"[]", 500, ""),
        (b'{"name": "x", "konfig": {}}', 500, "konfig"),
        (b'{"name": "x"}', 500, ""),
        (b'{"name": "x", "config": {"a": {"b": 1}}}', 500, ""),
        (b'{"name": "x", "config": {}}', 400, "contains no connector type"),
        (b'{"name": "x", "config": {"connector.class": "org.example.NoSuch"}}', 400, "org.example.NoSuch"),
        (b'{"name": "", "config": {"connector.class": "FileStreamSink", "topics": "t", "file": "f"}}', 400, "name"),
        (b'{"name": "x", "config": {"connector.class": "FileStreamSink", "name": "y"}}', 400, "y"),
        (b'{"name": "x", "config": {"connector.class": "FileStreamSink"}}', 400, "Must configure one of topics or topics.regex"),
        (b'{"name": "x", "config": {"connector.class": "FileStreamSink", "topics": "t", "tasks.max": "abc"}}', 400, "tasks.max"),
        (b'{"name": "x", "config": {"connector.class": "FileStreamSink", "topics": "t", "errors.tolerance": "some"}}', 400,
         "errors.tolerance"),
        (b'{"name": "x", "config": {"connector.class": "s3", "topics": "t"}}', 400, "s3.bucket.name"),
        (b'{"name": "x", "config": {"connector.class": "postgres"}}', 400, "database.hostname"),
        (b'{"name": "x", "config": {"connector.class": "FileStreamSink", "topics": "t", "transforms": "a",'
         b' "transforms.a.type": "org.example.Nope"}}', 400, "org.example.Nope"),
    ],
)
def test_wrong_bodies(worker_of_module, body, status, words):
    worker = worker_of_module
    message = refused(worker.rest("POST", "/connectors", raw=body, headers={"Content-Type": "application/json"}), status)
    assert words in message
    assert worker.rest("GET", "/connectors").json() == []


@pytest.fixture(scope="module")
def worker_of_module(binary, kafka, tmp_path_factory):
    from conftest import Sluice

    topics = {f"{kind}.storage.topic": f"module-{kind}" for kind in ("config", "offset", "status")}
    factors = {f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")}
    properties = {"bootstrap.servers": kafka.bootstrap, "group.id": "module", **topics, **factors}
    with Sluice(binary, tmp_path_factory.mktemp("worker"), kafka, properties, env={"PGPASSWORD": PG_PASSWORD}) as made:
        yield made
        assert made.stop() == 0, made.log_text()[-3000:]


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/connectors/none"),
        ("GET", "/connectors/none/config"),
        ("GET", "/connectors/none/status"),
        ("GET", "/connectors/none/tasks"),
        ("GET", "/connectors/none/tasks/0/status"),
        ("DELETE", "/connectors/none"),
        ("PUT", "/connectors/none/pause"),
        ("PUT", "/connectors/none/resume"),
        ("POST", "/connectors/none/restart"),
        ("POST", "/connectors/none/tasks/0/restart"),
        ("GET", "/connector-plugins/none/config"),
    ],
)
def test_unknown_names(worker_of_module, method, path):
    assert "none" in refused(worker_of_module.rest(method, path), 404)


def test_unknown_paths_and_methods(worker_of_module):
    assert worker_of_module.rest("GET", "/nowhere").status_code == 404
    assert worker_of_module.rest("DELETE", "/connectors").status_code == 405
    huge = worker_of_module.rest("POST", "/connectors", raw=b"[" * (1 << 20), headers={"Content-Type": "application/json"})
    assert huge.status_code in (400, 413, 500)


def test_unknown_and_refused_keys(worker_of_module, store):
    """Keys of the Java connectors that are not built in are refused by name."""
    worker = worker_of_module
    config = s3_config(store, "t", s3_wan_mode="true")
    assert "s3.wan.mode" in refused(worker.rest("POST", "/connectors", json={"name": "x", "config": config}), 400)
    pg = {"connector.class": "postgres", "database.hostname": "127.0.0.1", "database.user": "u",
          "database.dbname": "d", "plugin.name": "decoderbufs"}
    assert "plugin.name" in refused(worker.rest("POST", "/connectors", json={"name": "x", "config": pg}), 400)
    # A key nobody knows is warned about and kept.
    body = {**s3_config(store, "t"), "flush.sise": "10"}
    worker.rest("POST", "/connectors", json={"name": "typo", "config": body}).raise_for_status()
    wait_until(lambda: "flush.sise" in worker.log_text(), what="a warning about the unknown key")
    worker.rest("DELETE", "/connectors/typo").raise_for_status()
    wait_until(lambda: worker.rest("GET", "/connectors").json() == [], what="no connectors")


def test_validate(worker_of_module, store):
    worker = worker_of_module
    good = worker.rest("PUT", "/connector-plugins/S3SinkConnector/config/validate", json={**s3_config(store, "t"), "name": "v"})
    body = good.json()
    assert good.status_code == 200 and body["error_count"] == 0, body
    assert body["name"] == "io.confluent.connect.s3.S3SinkConnector" and "Common" in body["groups"]
    entries = {entry["value"]["name"]: entry for entry in body["configs"]}
    definition = entries["flush.size"]["definition"]
    assert list(definition) == [
        "name", "type", "required", "default_value", "importance", "documentation", "group", "order_in_group", "width",
        "display_name", "dependents",
    ] or {"name", "type", "required", "default_value"} <= set(definition)
    assert definition["type"] == "INT" and definition["required"] is True and definition["default_value"] is None
    assert entries["flush.size"]["value"]["value"] == "10"
    assert entries["aws.secret.access.key"]["value"]["value"] in (None, "[hidden]")
    assert store.secret_key not in good.text
    wrong = {**s3_config(store, "t"), "name": "v", "flush.size": "many", "tasks.max": "0"}
    body = worker.rest("PUT", "/connector-plugins/S3SinkConnector/config/validate", json=wrong).json()
    errors = {entry["value"]["name"]: entry["value"]["errors"] for entry in body["configs"] if entry["value"]["errors"]}
    assert "Invalid value many for configuration flush.size: Not a number of type INT" in errors["flush.size"]
    assert "tasks.max" in errors and body["error_count"] >= 2
    refused(worker.rest("PUT", "/connector-plugins/S3SinkConnector/config/validate", json={}), 500)


def failing(worker, name, config, *words):
    """Creates a connector that must end FAILED with a trace that has these words; the worker goes on."""
    answer = worker.rest("POST", "/connectors", json={"name": name, "config": config})
    if answer.status_code == 400:  # found out before the start already
        trace = answer.json()["message"]
    else:
        assert answer.status_code == 201, answer.text
        trace = worker.wait_failed(name)
        worker.delete(name)
    for word in words:
        assert word in trace, trace
    assert worker.rest("GET", "/").ok
    return trace


def test_wrong_password(worker, database):
    config = database.config(table_include_list="public.t", database_password=SECRET)
    trace = failing(worker, "pg", config, "cdc")
    assert "password" in trace.lower() and SECRET not in trace


def test_wrong_host_fails_or_keeps_trying(worker, database):
    """Nobody listens: a failure that may pass, so the task tries again, and says so."""
    config = database.config(table_include_list="public.t", database_port="1", sluice_task_restart_max="0")
    failing(worker, "pg", config, "127.0.0.1")


def test_wrong_database(worker, database):
    failing(worker, "pg", database.config(table_include_list="public.t", database_dbname="no-such-db"), "no-such-db")


def test_wrong_table_pattern(worker, database):
    database.sql("create table t (id int primary key)")
    failing(worker, "pattern", database.config(table_include_list="public.(t"), "table.include.list")


def test_no_such_table(worker, kafka, database):
    """No table matches yet: allowed by Debezium with a warning; one made later is captured."""
    config = database.config(table_include_list="public.later")
    worker.create("pg", config)
    worker.wait_running("pg")
    wait_until(lambda: "No table of database" in worker.log_text(), what="a warning that no table matches")
    database.sql("create table later (id int primary key); insert into later values (1)")
    assert read(kafka, f"{database.prefix}.public.later", 1)[0].value["op"] == "c"


def test_wrong_bucket(worker, kafka, store, unique):
    kafka.produce(unique, [(None, '{"a": 1}')])
    config = s3_config(store, unique, s3_bucket_name="no-such-bucket", sluice_task_restart_max="0")
    failing(worker, "s3", config, "no-such-bucket")


def test_wrong_s3_secret(worker, kafka, store, unique):
    kafka.produce(unique, [(None, '{"a": 1}')] * 10)
    config = {**s3_config(store, unique, sluice_task_restart_max="0"), "aws.secret.access.key": SECRET}
    trace = failing(worker, "s3", config)
    assert SECRET not in trace
    assert SECRET not in worker.log_text()


def test_missing_variable(worker, database):
    config = database.config(table_include_list="public.t", database_password="${env:NO_SUCH_VARIABLE_HERE}")
    failing(worker, "pg", config, "NO_SUCH_VARIABLE_HERE")


def test_secrets_are_nowhere(make_worker, kafka, database, store, tmp_path, unique):
    database.sql("create table t (id int primary key); insert into t values (1)")
    secrets = tmp_path / "secrets.properties"
    secrets.write_text(f"s3={store.secret_key}\n")
    worker = make_worker(
        {
            "config.providers": "file",
            "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        },
        env={"PGPASSWORD": PG_PASSWORD},
    ).start()
    assert worker.rest("PUT", "/admin/loggers/root", json={"level": "DEBUG"}).ok
    worker.run("pg", database.config(table_include_list="public.t"))
    # A literal password, which works first and later not.
    role = f"role_{unique}"
    database.sql(f"create role {role} superuser login replication password '{SECRET}'")
    literal = {**database.config(table_include_list="public.t"), "database.user": role, "database.password": SECRET}
    literal |= {"slot.name": database.slot + "x", "topic.prefix": "literal"}
    worker.run("refused", literal)
    database.sql(f"alter role {role} password 'another'")
    assert worker.rest("POST", "/connectors/refused/restart?includeTasks=true").status_code == 202
    assert role in worker.wait_failed("refused")
    sink = {**s3_config(store, unique, sluice_rotate_idle_ms=500), "aws.secret.access.key": f"${{file:{secrets}:s3}}"}
    kafka.create_topic(unique)
    kafka.produce(unique, [(None, '{"a": 1}')])
    worker.run("s3", sink)
    wait_until(lambda: store.list("lake", f"topics/{unique}/"), what="an object")
    answers = []
    for path in (
        "/connectors?expand=status&expand=info", "/connectors/pg", "/connectors/pg/tasks", "/connectors/s3/config",
        "/connectors/s3/tasks", "/connectors/refused/status", "/metrics", "/health",
    ):
        answers.append(worker.rest("GET", path).text)
    for config, plugin in ((sink, "S3SinkConnector"), (literal, "PostgresConnector")):
        answers.append(worker.rest("PUT", f"/connector-plugins/{plugin}/config/validate", json=config).text)
    stored = [str(r) for kind in ("config", "status", "offset")
              for r in kafka.consume_all(worker.properties[f"{kind}.storage.topic"])]
    for secret in (PG_PASSWORD, store.secret_key):
        assert not [answer for answer in answers if secret in answer]
        assert not [record for record in stored if secret in record], "resolved secrets must not be stored"
        assert secret not in worker.log_text()
    # One written into the config itself is in the stored config, as with Connect, but in no trace and no log.
    assert SECRET not in worker.log_text()
    assert SECRET not in worker.rest("GET", "/connectors/refused/status").text


def test_loopback_only_by_default(make_worker):
    """Without `listeners` REST answers on loopback alone; here that is seen in what the socket is bound to."""
    worker = make_worker().start()
    bound = [line.split()[1] for line in open(f"/proc/{worker.pid}/net/tcp").readlines()[1:] if line.split()[3] == "0A"]
    assert f"0100007F:{worker.port:04X}" in bound
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://[::1]:{worker.port}/", timeout=2)


def test_kafka_not_there(binary, tmp_path):
    """A worker without Kafka ends with 4 or keeps trying; it must not hang silently."""
    import subprocess

    import stand

    path = tmp_path / "worker.properties"
    stand.write_properties(path, {
        "bootstrap.servers": f"127.0.0.1:{stand.free_port()}", "group.id": "g", "config.storage.topic": "c",
        "offset.storage.topic": "o", "status.storage.topic": "s", "listeners": f"http://127.0.0.1:{stand.free_port()}",
    })
    done = subprocess.run([binary, "worker", str(path)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 4, done.stderr[-2000:]
    assert "bootstrap.servers" in done.stderr


def test_command_line(binary, tmp_path):
    import subprocess

    def run(*args):
        return subprocess.run([binary, *args], capture_output=True, text=True, timeout=30)

    version = run("version")
    assert version.returncode == 0 and "2.15.1" in version.stdout
    assert run().returncode == 2 and run("no-such-command").returncode == 2
    assert run("worker", str(tmp_path / "missing.properties")).returncode in (1, 3)
    plugins = run("plugins")
    assert plugins.returncode == 0 and "io.confluent.connect.s3.S3SinkConnector" in plugins.stdout
    (tmp_path / "c.json").write_text(json.dumps({"name": "x", "config": {"connector.class": "s3", "topics": "t"}}))
    checked = run("validate", str(tmp_path / "c.json"))
    assert checked.returncode == 3 and "s3.bucket.name" in checked.stdout + checked.stderr
