"""Rules of the house as tests. `lint.py RULE...` checks them; without a rule all are checked. Exit 1 when one is broken."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent

# The arrow: what a folder may include is what its library links (CMakeLists.txt), which must lie in a lower layer.
LAYERS = {
    0: ["worker/base"],
    1: ["worker/record", "worker/config", "worker/api"],
    2: ["worker/kafka", "worker/convert", "connectors/postgres", "connectors/format", "connectors/s3", "connectors/file",
        "connectors/snowflake", "connectors/dlq", "transforms"],
    3: ["worker/pipeline", "dlq"],
    4: ["worker/cluster", "worker/rest", "worker"],
}
LAYER = {folder: number for number, folders in LAYERS.items() for folder in folders}
SAME_LAYER = {
    ("connectors/format", "worker/convert"),
    ("connectors/s3", "connectors/format"),
    ("worker/rest", "worker/cluster"),
    ("dlq", "worker/pipeline"),
    ("worker/api", "worker/record"),
    ("worker/api", "worker/config"),
}
REGISTRIES = {"connectors/registry.c", "transforms/registry.c"}  # name all plugins, so they lie on top

# Foreign headers and the only places that may know them.
FOREIGN = {
    r"librdkafka/": ["worker/kafka/"],
    r"libpq|postgres_fe|pg_config": ["connectors/postgres/"],
    r"microhttpd|gnutls/": ["worker/rest/"],
    r"avro": ["worker/convert/"],
    r"curl/": ["worker/base/http"],
    r"snappy": ["connectors/format/"],
    r"lua": ["transforms/"],
}
BANNED = {
    "strcpy": "sl_buf or memcpy with a known length",
    "strcat": "sl_buf",
    "sprintf": "sl_buf_printf or snprintf",
    "vsprintf": "sl_buf_vprintf or vsnprintf",
    "gets": "fgets or getline",
    "alloca": "an arena",
    "strtok": "sl_str",
}
MACHINE_PATHS = r"/(?:root|home/\w+)/|(?<![\w.$}])/work/|\.\./shared/"
REGISTRY_HOSTS = (
    r"repo1?\.maven\.|registry\.npmjs|pypi\.org|files\.pythonhosted|deb\.debian\.org|proxy\.golang|index\.crates|docker\.io"
)
TRIMMED = (".c", ".h", ".py", ".sh", ".json", ".yaml", ".txt", ".sql")
# XXX is also a letter of SimpleDateFormat: a marker only where a comment begins.
UNFINISHED = r"(?m)\b(?:TODO|FIXME|HACK)\b|(?:/\*|//|#|^[ \t]*\*)[ \t]*XXX\b"

problems = []


def bad(path, line, text):
    where = f"{path}:{line}" if line else str(path)
    problems.append(f"{where}: {text}")


# --- Files ------------------------------------------------------------------------------------------------------------


def tracked():
    """All files of the project, as paths from the root: what git tracks or would."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:  # not a clone
        found = [p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file()]
        return sorted(str(p) for p in found if p.parts[0] not in ("build", ".git"))
    return sorted(name for name in set(done.stdout.split("\0")) if name and (ROOT / name).is_file())


def sources(suffixes=(".c", ".h")):
    folders = ("worker/", "connectors/", "transforms/", "dlq/")
    return [name for name in tracked() if name.startswith(folders) and name.endswith(suffixes)]


def text_of(name):
    return (ROOT / name).read_text(errors="replace")


def without_comments(text):
    """C without comments and string contents, lines kept."""

    def blank(match):
        found = match[0]
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[-1]

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def folder_of(name):
    """The library folder of a source file."""
    if name in REGISTRIES or name.startswith("dlq/cmd"):  # the commands are part of the program
        return "worker"
    return str(pathlib.PurePath(name).parent)


# --- Rules ------------------------------------------------------------------------------------------------------------


def libraries():
    """{folder: folders it links}, from the sluice_library lines."""
    lines = re.findall(r"^sluice_library\((\S+) (\S+) ?(.*?)\)$", text_of("CMakeLists.txt"), re.M)
    folders = {name: folder for name, folder, _ in lines}
    links = {folder: [folders[x] for x in link.split() if x in folders] for _, folder, link in lines}

    def closure(folder):
        direct = links.get(folder, [])
        return set(direct).union(*[closure(x) for x in direct]) if direct else set()

    # A sibling is reached only where it is named.
    reached = {folder: {x for x in closure(folder) if x in links[folder] or LAYER.get(x) != LAYER.get(folder)} for folder in links}
    return links, reached


def check_layers():
    """Links and includes point downward."""
    links, linked = libraries()
    for folder, direct in links.items():
        if folder not in LAYER:
            bad("CMakeLists.txt", 0, f"folder {folder} has no layer: add it to LAYERS in tests/lint/lint.py")
            continue
        for other in direct:
            if not (LAYER[other] < LAYER[folder] or (folder, other) in SAME_LAYER):
                bad("CMakeLists.txt", 0, f"{folder} (layer {LAYER[folder]}) must not link {other} (layer {LAYER[other]})")
    linked["worker"] = set(LAYER)
    linked["worker/api"] = {"worker/base", "worker/record", "worker/config"}
    for name in sources():
        folder = folder_of(name)
        if folder not in linked:
            bad(name, 0, f"folder {folder} is in no sluice_library of CMakeLists.txt")
            continue
        allowed = {folder, *linked[folder]}
        if LAYER[folder] >= 2:
            allowed.add("worker/api")  # headers only, so nothing links it
        for number, line in enumerate(text_of(name).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            target = match[1]
            found = next((c for c in (f"worker/{target}", target) if (ROOT / c).is_file()), None)
            if found is None:
                beside = str(pathlib.PurePath(name).parent / target)
                what = "write it from the include root" if (ROOT / beside).is_file() else "no such file"
                bad(name, number, f'"{target}": {what}')
            elif folder_of(found) not in allowed:
                bad(name, number, f"{folder} must not include {found}")


def check_foreign():
    """Each foreign library is known in one place."""
    for name in sources():
        for number, line in enumerate(text_of(name).splitlines(), 1):
            match = re.match(r"\s*#\s*include\s*[<\"]([^>\"]+)", line)
            for pattern, places in FOREIGN.items():
                ours = match and (ROOT / "worker" / match[1]).is_file() or match and (ROOT / match[1]).is_file()
                if match and not ours and re.match(pattern, match[1]) and not name.startswith(tuple(places)):
                    bad(name, number, f"<{match[1]}> belongs only into {', '.join(places)}")


def check_headers(options):
    """Every header compiles alone and has a guard."""
    commands = json.loads((options.build / "compile_commands.json").read_text())
    flags = set()
    for entry in commands:
        if "/tests/" not in entry["file"]:
            flags.update(re.findall(r"(?:-I|-isystem ?)\S+|-D[^ ]+", entry["command"].replace('\\"', '"')))
    flags = [part for flag in sorted(flags) for part in flag.split(" ", 1)]

    def compile_alone(name):
        command = [options.cc, "-x", "c", "-std=gnu2x", "-fsyntax-only", "-Wall", "-Wextra", *flags, "-"]
        include = name.removeprefix("worker/")
        done = subprocess.run(command, input=f'#include "{include}"\n', capture_output=True, text=True, cwd=ROOT)
        if done.returncode or done.stderr:
            bad(name, 0, f"does not compile alone:\n{done.stderr[:1500]}")
        # A list of X-macro rows is included with a macro in place, and more than once.
        if "#ifndef" not in text_of(name) and not re.search(r"#define \w+\(X\)", text_of(name)):
            bad(name, 0, "has no include guard")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_alone, sources((".h",))))


def functions(name):
    """(name, first line, lines) of each function, by its braces in the first column."""
    lines = without_comments(text_of(name)).splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and start is None:
            head = " ".join(lines[max(0, number - 6) : number - 1])
            called = re.findall(r"(\w+)\s*\(", head.rpartition(";")[2].rpartition("}")[2])
            start = number, called[0] if called else "?"
        elif line.startswith("}") and start is not None:
            yield start[1], start[0], number - start[0] + 1
            start = None


def check_sizes():
    """Files and functions stay small: a report, and a ratchet that only goes down."""
    ratchet_path = HERE / "ratchet.json"
    ratchet = json.loads(ratchet_path.read_text())
    long_functions, long_files, total, lengths = [], [], 0, []
    for name in sources():
        count = len(text_of(name).splitlines())
        total += count
        if count > 1000:
            bad(name, 0, f"{count} lines; a file has at most 800, and never more than 1000")
        if count > 800:
            long_files.append(f"{name}: {count} lines")
        for function, line, size in functions(name) if name.endswith(".c") else []:
            lengths.append(size)
            if size > 70:
                long_functions.append(f"{name}:{line}: {function}, {size} lines")
    lengths.sort()
    median = lengths[len(lengths) // 2] if lengths else 0
    print(f"{len(sources())} files, {total} lines, {len(lengths)} functions, median {median}, longest {lengths[-1:]}")
    for what, found in (("functions over 70 lines", long_functions), ("files over 800 lines", long_files)):
        print(f"{what}: {len(found)} (at most {ratchet[what]})")
        for line in found:
            print("  " + line)
        if len(found) > ratchet[what]:
            bad("tests/lint/ratchet.json", 0, f"{what}: {len(found)}, more than the {ratchet[what]} of last time")
        elif len(found) < ratchet[what]:
            print(f"  better than {ratchet_path.name} says: lower it to {len(found)}")


def check_registered(options):
    """Every test file is a test that ctest knows."""
    listed = subprocess.run(
        ["ctest", "--test-dir", options.build, "--show-only=json-v1"], capture_output=True, text=True, check=True
    )
    names = {test["name"] for test in json.loads(listed.stdout)["tests"]}
    for name in tracked():
        path = pathlib.PurePath(name)
        for folder, suffix, prefix in (("tests/unit", ".c", "unit."), ("tests/integration", ".py", "integration.")):
            if str(path.parent) != folder or path.suffix != suffix or path.name == "conftest.py":
                continue
            if not path.stem.startswith("test_"):
                bad(name, 0, f"tests are called test_<name>{suffix}")
            elif prefix + path.stem.removeprefix("test_") not in names:
                bad(name, 0, "is not registered in ctest")


def check_banned():
    """Calls that are refused, and what to use."""
    for name in sources():
        for number, line in enumerate(without_comments(text_of(name)).splitlines(), 1):
            for call, instead in BANNED.items():
                if re.search(rf"(?<![\w.>]){call}\s*\(", line):
                    bad(name, number, f"{call}: use {instead}")


def check_texts():
    """Nothing unfinished, no machine's paths, no registry's hosts; sources carry their licence."""
    this = str(pathlib.Path(__file__).resolve().relative_to(ROOT))
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if b"\0" in data or name.startswith("tests/fuzz/corpus/"):
            continue  # what fuzzers begin with is bytes
        text = data.decode(errors="replace")
        for pattern, what in (
            (UNFINISHED, "unfinished"),
            (MACHINE_PATHS, "a path of one machine"),
            (REGISTRY_HOSTS, "a registry's host"),
        ):
            for match in re.finditer(pattern, text) if name != this else ():
                bad(name, text.count("\n", 0, match.start()) + 1, f"{what}: {match[0]}")
        if name.endswith((".c", ".h")) and "SPDX-License-Identifier: Apache-2.0" not in text[:200]:
            bad(name, 1, "no SPDX-License-Identifier line")
        if text and not text.endswith("\n"):
            bad(name, text.count("\n") + 1, "no newline at the end")
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip() and (name.endswith(TRIMMED) or "." not in name):
                bad(name, number, "spaces at the end of the line")


def worker_keys():
    """Names and prefixes of the worker's keys, from its config table."""
    table = text_of("worker/cluster/workercfg.c")
    keys = set(re.findall(r'"([a-z][a-z0-9._]+)"', table))
    return keys, tuple(re.findall(r'\bCLIENT\("([^"]+)"\)', table))


def check_docker():
    """The compose file and the image's files are well formed and name only keys that the worker knows."""
    import yaml

    compose = yaml.safe_load(text_of("docker/compose.yaml"))
    services = compose["services"]
    for wanted in ("kafka", "postgres", "minio", "sluice"):
        if wanted not in services:
            bad("docker/compose.yaml", 0, f"no service {wanted}")
    for service, content in services.items():
        for needed in content.get("depends_on", {}):
            if needed not in services:
                bad("docker/compose.yaml", 0, f"{service} depends on {needed}, which is not there")
    keys, prefixes = worker_keys()
    variables = set(services["sluice"]["environment"])
    dockerfile = text_of("docker/Dockerfile")
    variables |= set(re.findall(r"\b(CONNECT_[A-Z0-9_]+)=", dockerfile))
    for variable in sorted(name for name in variables if name.startswith("CONNECT_")):
        # As the worker reads them: _ is a dot, __ an underscore, ___ a dash.
        marks = {1: ".", 2: "_", 3: "-"}
        key = re.sub("_+", lambda m: marks[len(m[0])], variable.removeprefix("CONNECT_")).lower()
        if key not in keys and not key.startswith(prefixes):
            bad("docker/compose.yaml", 0, f"{variable} is {key}, which the worker does not know")
    for path in sorted((ROOT / "docker" / "config").glob("*.json")):
        body = json.loads(path.read_text())
        if set(body) != {"name", "config"} or body["name"] != path.stem:
            bad(path.relative_to(ROOT), 0, "is not a connector called as its file")
        for key, value in body["config"].items():
            if not isinstance(value, str):
                bad(path.relative_to(ROOT), 0, f"{key} is not a string")
    # The image is built from all folders that the build names.
    cmake = text_of("CMakeLists.txt")
    needed = set(re.findall(r"^sluice_library\(\w+ (\w+)", cmake, re.M)) | set(re.findall(r"include\((\w+)/", cmake))
    for folder in sorted(needed):
        if not re.search(rf"^COPY {folder} {folder}$", dockerfile, re.M):
            bad("docker/Dockerfile", 0, f"does not copy {folder}, which is built")
    for copied in re.findall(r"^COPY (?!--from)(.+?) \S+$", dockerfile, re.M):
        for name in copied.split():
            if name != "." and not (ROOT / name).exists():
                bad("docker/Dockerfile", 0, f"copies {name}, which is not there")


def main():
    rules = {name.removeprefix("check_"): rule for name, rule in globals().items() if name.startswith("check_")}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", help=f"of {', '.join(rules)}")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "dev")
    parser.add_argument("--cc", default="gcc")
    options = parser.parse_args()
    for name in options.rules or rules:
        rule = rules[name]
        rule(options) if rule.__code__.co_argcount else rule()
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
