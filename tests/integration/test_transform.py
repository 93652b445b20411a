# SPDX-License-Identifier: Apache-2.0
"""`sluice transform` as a command: forms of the config, exit codes, --explain. What transforms do is compared with Kafka Connect's
own classes by tests/conformance/transforms/run; here its cases only must not crash (the sanitizers look on). Needs no server."""
import json
import os
import pathlib
import subprocess

import pytest

BINARY = os.environ["SLUICE_BINARY"]
CASES = pathlib.Path(__file__).resolve().parents[1] / "conformance/transforms/cases"
FILTER = {"transforms": "f", "transforms.f.type": "Filter", "transforms.f.predicate": "p", "predicates": "p",
          "predicates.p.type": "RecordIsTombstone"}
ROUTE = {"transforms": "r", "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter",
         "transforms.r.regex": "(.*)", "transforms.r.replacement": "new-$1"}
TEXT = {"schema": {"type": "string", "optional": False}, "payload": "x"}


def transform(folder, config, lines, *options):
    form = "properties" if isinstance(config, str) and "=" in config else "json"
    path = folder / f"connector.{form}"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run([BINARY, "transform", path, *options], input=text.encode(), capture_output=True, timeout=60,
                          check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_config_forms(tmp_path):
    want = [{"topic": "new-t", "partition": None, "offset": 7, "timestamp": None, "key": None, "value": TEXT, "headers": []}]
    line = {"topic": "t", "offset": 7, "value": TEXT}
    properties = "".join(f"{k}={v}\n" for k, v in ROUTE.items())
    for config in ({"name": "a", "config": ROUTE}, ROUTE, properties):
        assert transform(tmp_path, config, [line])[:2] == (0, want)


def test_references(tmp_path, monkeypatch):
    """The environment is read; what no provider stands for stays as it is."""
    monkeypatch.setenv("SLUICE_TEST_NAME", "from-env")
    for text, topic in (("${env:SLUICE_TEST_NAME}", "from-env"), ("\\${file:/etc/hostname:a}", "${file:/etc/hostname:a}")):
        out = transform(tmp_path, {**ROUTE, "transforms.r.replacement": text}, [{"topic": "t"}])[1]
        assert out[0]["topic"] == topic


def test_direction_is_the_class_s(tmp_path):
    for connector, partition in (("file-sink", 0), ("io.confluent.connect.s3.S3SinkConnector", 0), ("file-source", None),
                                 ("org.example.Unknown", None)):
        code, out, _ = transform(tmp_path, {"connector.class": connector}, [{"topic": "t"}])
        assert (code, out[0]["partition"]) == (0, partition), connector


def test_failed_records_do_not_end_the_run(tmp_path):
    lines = [{"topic": "t", "value": TEXT}, "no JSON", "", "[]", {"topic": 5}, {"topic": "t", "partition": "x"},
             {"topic": "t", "key": 1}, {"topic": "t", "headers": {}}, {"topic": "t", "headers": [{}]}, {"topic": "t"}]
    code, out, _ = transform(tmp_path, FILTER, lines)
    assert code == 1 and len(out) == len(lines)
    assert out[0]["value"] == TEXT and out[-1] == {"dropped": True}
    assert [line["error"]["stage"] for line in out[1:-1]] == 5 * ["VALUE_CONVERTER"] + ["KEY_CONVERTER"] + 2 * ["HEADER_CONVERTER"]
    assert {line["error"]["class"] for line in out[1:-1]} == {"org.apache.kafka.connect.errors.DataException"}
    assert transform(tmp_path, FILTER, lines[:1])[0] == 0


def test_refused_configs(tmp_path):
    for config, why in (({**ROUTE, "transforms.r.regex": "("}, "Invalid regex"), ("{", "JSON"),
                        ({**ROUTE, "tasks.max": "0"}, "tasks.max"), ({**ROUTE, "transforms": "r,s"}, "transforms.s.type"),
                        ({"predicates": "p", "predicates.p.type": "HasHeaderKey"}, "predicates.p.name"),
                        ({**FILTER, "predicates": ""}, "not listed in predicates")):
        code, out, err = transform(tmp_path, config, [{"topic": "t"}])
        assert (code, out) == (3, []) and why in err, (config, err)


def test_usage(tmp_path):
    for args in ([], [tmp_path / "a", tmp_path / "b"], ["--nope"]):
        assert subprocess.run([BINARY, "transform", *args], capture_output=True, check=False).returncode == 2
    assert subprocess.run([BINARY, "transform", tmp_path / "none.json"], capture_output=True, check=False).returncode == 3


def test_lines_that_are_no_record(tmp_path):
    """Each is one error: nothing is left out in silence."""
    lines = ['{"topic":"a"}{"topic":"b"}', '{"topic":"a"} x', '{"topic":"a","partition":4294967296}', '{"topic":"a"}  ', "",
             '{"topic":"a","partition":-4294967295}']  # fmt: skip
    code, out, _ = transform(tmp_path, ROUTE, lines)
    assert code == 1 and [("error" in line) for line in out] == [True, True, True, False, True, True], out
    folder = os.open(tmp_path, os.O_RDONLY)
    command = [BINARY, "transform", tmp_path / "connector.json"]
    done = subprocess.run(command, stdin=folder, capture_output=True, check=False)
    os.close(folder)
    assert done.returncode == 1 and b"standard input can't be read" in done.stderr, done
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, input=b'{"topic":"a"}\n' * 3, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"could not be written" in done.stderr, done


def test_explain(tmp_path):
    config = {**ROUTE, **FILTER, "transforms": "r,f,q", "transforms.q.type": "RegexRouter", "transforms.q.regex": "new-(.*)",
              "transforms.q.replacement": "$1"}
    code, out, _ = transform(tmp_path, config, [{"topic": "a"}, {"topic": "b", "value": TEXT}], "--explain")
    assert code == 0
    steps = [(line["step"], line["ran"], line["record"].get("topic")) for line in out if "step" in line]
    assert steps == [("r", True, "new-a"), ("f", True, None), ("r", True, "new-b"), ("f", False, "new-b"), ("q", True, "b")]
    assert [line for line in out if "step" not in line] == [{"dropped": True}, out[5]["record"]]
    assert out[1]["record"] == {"dropped": True}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_cases_run(tmp_path, path):
    content = json.loads(path.read_text())
    content = content if isinstance(content, list) else [content]
    for case in content:
        lines = case.get("records", [])
        if isinstance(lines, str):  # another case's
            lines = next(c["records"] for c in content if c["name"] == lines)
        config = {"connector.class": f"file-{case.get('direction', 'source')}", **case["config"]}
        code, out, err = transform(tmp_path, config, lines)
        assert code == 3 if case.get("refused") else code in (0, 1) and len(out) == len(lines), (case["name"], err)
