# SPDX-License-Identifier: Apache-2.0
"""Runs the cases in cases/*.json through `sluice transform` and through Kafka Connect's own classes (Oracle.java, one JVM for
all), and compares what they print, line by line: schemas, values and their order in structs, numbers with their kind (3 is not
3.0), errors with stage, class and message.

A case: {"name", "config", "direction": "source" | "sink", "records": [...]}; a file holds one or a list of them. A record is an
object, or a string: the line as it is; a name in place of the list stands for the records of that case in the file.
"expect": {"<index>": output} stands for Java's where its class has a plain bug (with "why"); "refused": true says that both sides must refuse the config (neither may otherwise), "sluice" that only we do (with
"why"): Java then fails on the records.

"recorded": [...] holds what Java's classes answered once, for those that Maven can't get whole (Debezium's scripting: 3.5.0.Final is the
last that is published, without its parent): "dropped", the topic of what came out, or {"error"}. Such cases are "offline": the classes run
only with --jars (their jar, groovy, groovy-jsr223), and must still say so.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import jvm_connect  # noqa: E402
# Their messages speak of the JVM (variables, casts, class loaders).
JVM = ("java.lang.NullPointerException", "java.lang.ClassCastException", "java.lang.IndexOutOfBoundsException",
       "java.lang.ArrayIndexOutOfBoundsException", "java.lang.StringIndexOutOfBoundsException")


def records_of(case, content):
    given = case.get("records", [])
    return next(c["records"] for c in content if c["name"] == given) if isinstance(given, str) else given


def load(only):
    cases = []
    for path in sorted((HERE / "cases").glob("*.json")):
        content = json.loads(path.read_text())
        content = content if isinstance(content, list) else [content]
        for case in content:
            if not only or only in case["name"]:
                case["lines"] = [r if isinstance(r, str) else json.dumps(r) for r in records_of(case, content)]
                case.setdefault("direction", "source")
                cases.append(case)
    return cases


def java_sides(cases, work, more_jars):
    debezium = jvm_connect.fetch(*jvm_connect.PLUGINS["debezium"])
    jars = sorted(pathlib.Path(os.environ["SLUICE_KAFKA"]).glob("*.jar")) + sorted(debezium.glob("debezium-*.jar"))
    jars += sorted(more_jars.glob("*.jar")) if more_jars else []
    path = ":".join(map(str, jars))
    subprocess.run(["javac", "-proc:none", "-cp", path, "-d", work, HERE / "Oracle.java"],
                   check=True)
    text = "".join(json.dumps({k: c[k] for k in ("config", "direction", "lines")}) + "\n" for c in cases)
    # Of two jars with one class the one that stands first is used: Connect's.
    done = subprocess.run(
        ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-Duser.language=en",
         "-Duser.country=US", "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{work}:{path}",
         "Oracle"], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def our_side(binary, case, work):
    config = dict(case["config"])
    config.setdefault("connector.class", "file-sink" if case["direction"] == "sink" else "file-source")
    path = pathlib.Path(work) / "connector.json"
    path.write_text(json.dumps({"name": "case", "config": config}))
    done = subprocess.run([binary, "transform", path, "--log-level", "off"], input="".join(x + "\n" for x in case["lines"]).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          env={**os.environ, "TZ": "UTC"})
    if done.returncode == 3:
        return {"refused": done.stderr.decode().strip()}
    if done.returncode not in (0, 1):
        return {"crashed": done.returncode, "stderr": done.stderr.decode()[-2000:]}
    try:
        lines = [json.loads(line) for line in done.stdout.splitlines()]
    except ValueError as e:
        return {"crashed": f"the output is no JSON: {e}"}
    failed = any("error" in line for line in lines)
    if failed != (done.returncode == 1):
        return {"crashed": f"exit {done.returncode} with{'' if failed else 'out'} failed records"}
    return {"lines": lines}


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def struct_order(schema, payload):
    """False when the members of a struct don't stand in its schema's order."""
    if not isinstance(schema, dict) or payload is None:
        return True
    kind = schema.get("type")
    if kind == "struct":
        names = [f["field"] for f in schema["fields"]]
        return list(payload) == names and all(struct_order(f, payload[f["field"]]) for f in schema["fields"])
    if kind == "array":
        return all(struct_order(schema["items"], item) for item in payload)
    if kind == "map":
        values = payload.values() if isinstance(payload, dict) else [pair[1] for pair in payload]
        return all(struct_order(schema["values"], value) for value in values)
    return True


def line_differs(java, ours):
    if "error" in java and "error" in ours:
        a, b = dict(java["error"]), dict(ours["error"])
        if a["class"] in JVM:
            a.pop("message")
            b.pop("message")
        return not same(a, b)
    if not same(java, ours):
        return True
    parts = [ours.get("key"), ours.get("value"), *ours.get("headers", [])]
    return not all(struct_order(p["schema"], p["payload"]) for p in parts if p)


def summary(line):
    return "dropped" if "dropped" in line else line if "error" in line else line["topic"]


def agrees(wanted, line):
    if isinstance(wanted, dict):
        return "error" in line and not line_differs(wanted, line)
    return summary(line) == wanted


def compare(case, java, ours):
    """Sentences about what differs. java is None where there is a record of what it said."""
    if "crashed" in ours:
        return [f"sluice: {ours}"]
    if "recorded" in case:
        sides = [ours, *([java] if java else [])]
        if any("refused" in side for side in sides):
            return [f"refused: {sides}"]
        return [f"record {i}: {case['lines'][i]}\n    recorded: {wanted}\n    now: {summary(side['lines'][i])}"
                for side in sides for i, wanted in enumerate(case["recorded"])
                if not agrees(wanted, side["lines"][i])]
    if java is None:
        java = {"refused": "as recorded"} if case.get("refused") is True else {}
    refused = case.get("refused", False)
    if ("refused" in java, "refused" in ours) != (refused is True, bool(refused)):
        return [f"who refuses the config (the case expects: {refused or 'nobody'})\n"
                f"    java:   {java.get('refused')}\n    sluice: {ours.get('refused')}"]
    if refused:
        return []
    if len(ours["lines"]) != len(case["lines"]):
        return [f"{len(case['lines'])} lines in, {len(ours['lines'])} out"]
    found = []
    for i, (a, b) in enumerate(zip(java["lines"], ours["lines"])):
        wanted = case.get("expect", {}).get(str(i))
        if line_differs(wanted or a, b):
            found.append(f"record {i}: {case['lines'][i]}\n    {'wanted' if wanted else 'java'}:   "
                         f"{json.dumps(wanted or a)}\n    sluice: {json.dumps(b)}")
        elif wanted and not line_differs(a, b):
            found.append(f"record {i}: \"expect\" is not needed, Java does the same")
    return found


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--only", help="cases whose name contains this")
    args.add_argument("--binary", default=os.environ.get("SLUICE_BINARY", str(ROOT / "build/dev/sluice")))
    args.add_argument("--jars", type=pathlib.Path, help="a folder of jars for the cases that are recorded")
    args.add_argument("--show", action="store_true", help="print Java's lines, too")
    args = args.parse_args()
    cases = load(args.only)
    if not cases:
        sys.exit("no such case")
    names = [c["name"] for c in cases]
    if len(set(names)) != len(names):
        sys.exit(f"two cases have one name: {sorted(n for n in set(names) if names.count(n) > 1)}")
    bad = records = 0
    with tempfile.TemporaryDirectory() as work:
        live = [c for c in cases if args.jars or not c.get("offline")]
        answers = dict(zip((c["name"] for c in live), java_sides(live, work, args.jars), strict=True))
        for case in cases:
            java = answers.get(case["name"])
            found = compare(case, java, our_side(args.binary, case, work))
            records += len(case["lines"])
            bad += bool(found)
            print(f"{'FAIL' if found else 'ok':5}{case['name']}: {len(case['lines'])} records", *found, sep="\n  ")
            if args.show:
                print(*map(json.dumps, (java or {}).get("lines", [java])), sep="\n")
    print(f"{len(cases)} cases, {records} records, {bad} cases differ")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
