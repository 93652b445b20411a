"""What packages bring: `cmake --install` and the Debian package, the man pages and the shells' completion that the program makes from its own
tables; and the files of docker/ that other programs read, checked by those programs' own readers or by their schemas."""

import json
import pathlib
import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import stand
import yaml

from conftest import Sluice, wait_until

ROOT = stand.PLACES["SLUICE_ROOT"]
DEPLOY = stand.PLACES["SLUICE_DEPLOY"] / "deploy"


def run(*command, code=0, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(binary, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", pathlib.Path(binary).parent, "--prefix", prefix)
    return prefix


def options_of(text):
    return set(re.findall(r"^  (--[a-z-]+)", text, re.M))


def commands(program):
    """{command: its options} as the program's own help has them; those of dlq as "dlq replay"."""
    found = {}
    for name in re.findall(r"^  sluice (\w+)", run(program, "help"), re.M):
        if name != "dlq":
            found[name] = options_of(run(program, name, "--help"))
    for name in re.findall(r"^  ([a-z]+)  +\S", run(program, "dlq", "--help"), re.M):
        found[f"dlq {name}"] = options_of(run(program, "dlq", name, "--help"))
    assert len(found) > 12 and all(found.values()), found
    return found


def test_installed_program_runs_with_its_first_configuration(installed, kafka, tmp_path):
    program = installed / "bin" / "sluice"
    assert "librdkafka" in run(program, "version")
    properties = (installed / "share/sluice/worker.properties").read_text()
    assert properties == (ROOT / "packaging/worker.properties").read_text()
    worker = Sluice(program, tmp_path / "worker", kafka, {})
    worker.properties = dict(re.findall(r"^([a-z.]+)=(.*)$", properties, re.M))
    worker.properties.update({"bootstrap.servers": kafka.bootstrap, "listeners": worker.url})
    worker.start()
    assert worker.rest("GET", "/health").json()["status"] == "healthy"
    assert worker.stop() == 0
    assert "worker configuration" not in worker.log_text()


def test_a_plugin_builds_against_the_installed_headers(installed, tmp_path):
    page = (ROOT / "docs/hooks.md").read_text()
    (tmp_path / "stamp.c").write_text(re.search(r"```c\n(/\* stamp\.c.*?)```", page, re.S)[1])
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    run("gcc", "-std=gnu2x", "-D_GNU_SOURCE", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-I", installed / "include/sluice",
        "-o", plugins / "stamp.so", tmp_path / "stamp.c")  # fmt: skip
    (tmp_path / "worker.properties").write_text(f"plugin.path={plugins}\n")
    assert "com.example.Stamp" in run(installed / "bin/sluice", "plugins", "--worker", tmp_path / "worker.properties")


def test_man_pages(installed):
    """Every command has a page with all of its options; nothing in them is wrong to a man page's own reader."""
    pages = {path.stem: path.read_text() for path in (installed / "share/man/man1").glob("*.1")}
    program = installed / "bin/sluice"
    for name, options in commands(program).items():
        if name == "version":
            continue
        page = pages[f"sluice-{name.split()[0]}"].replace("\\-", "-")
        missing = {option for option in options if f"\\fB{option}\\fR" not in page}
        assert not missing, (name, missing)
    assert "\\fBoffset.storage.topic\\fR" in pages["sluice-worker"] and "\\fBworker\\fR" in pages["sluice"]
    for path in sorted((installed / "share/man/man1").glob("*.1")):
        if shutil.which("mandoc"):
            said = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path], capture_output=True, text=True).stdout
            assert not said, said
        elif shutil.which("groff"):
            said = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", path], capture_output=True, text=True).stderr
            assert not said, said


def complete(script, *words):
    """What bash offers behind `sluice WORDS`, the last of which is being typed."""
    text = f"""source {script}
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return set(run("bash", "-c", text, "bash", "sluice", *words).split())


def test_bash_completes(installed):
    script = installed / "share/bash-completion/completions/sluice"
    known = commands(installed / "bin/sluice")
    assert complete(script, "") == {name.split()[0] for name in known} | {"help", "--help", "--version"}
    assert complete(script, "dlq", "") == {name.split()[1] for name in known if " " in name} | {"--help"}
    for name, options in known.items():
        assert complete(script, *name.split(), "-") - {"-h"} >= options, name
    assert complete(script, "worker", "--log-format", "") == {"text", "json"}
    assert complete(script, "worker", "--log-format", "=", "j") == {"json"}
    assert complete(script, "dlq", "groups", "--class", "t") == {"transient"}
    assert "io.debezium.connector.postgresql.PostgresConnector" in complete(script, "plugins", "--markdown", "io.")
    assert complete(script, "dlq", "groups", "--topic", "") == set()
    assert complete(script, "validate", "--worker", f"{ROOT}/packaging/w") == {f"{ROOT}/packaging/worker.properties"}
    assert complete(script, "worker", f"{ROOT}/packaging/w") == {f"{ROOT}/packaging/worker.properties"}


ZSH = """
_arguments() { print -rl -- "$@" }
_describe() { print -rl -- "${(@P)2}" }
words=("$@"); CURRENT=$#
source %s
"""


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
def test_zsh_completes(installed):
    script = installed / "share/zsh/vendor-completions/_sluice"
    known = commands(installed / "bin/sluice")

    def offered(*words):
        return run("zsh", "-f", "-c", ZSH % script, "zsh", "sluice", *words)

    assert {line.partition(":")[0] for line in offered("").splitlines()} == {name.split()[0] for name in known}
    for name, options in known.items():
        found = set(re.findall(r"^\*(--[a-z-]+)", offered(*name.split(), ""), re.M))
        assert found == options, name


def test_options_that_a_command_does_not_take_are_refused(binary):
    done = subprocess.run([binary, "plugins", "--explain"], capture_output=True, text=True)
    assert done.returncode == 2 and "--explain is not an option of plugins" in done.stderr


def test_debian_package(binary, tmp_path):
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("no dpkg-dev here")
    run("cpack", "--config", pathlib.Path(binary).parent / "CPackConfig.cmake", "-B", tmp_path)
    [package] = tmp_path.glob("sluice_*.deb")
    files = set(re.findall(r" \.(/\S*[^/\s])(?: -> \S+)?$", run("dpkg-deb", "-c", package), re.M))
    for wanted in ("bin/sluice", "lib/systemd/system/sluice.service", "share/man/man1/sluice.1", "share/doc/sluice/copyright",
                   "share/bash-completion/completions/sluice", "share/zsh/vendor-completions/_sluice", "include/sluice/api/plugin.h",
                   "share/sluice/worker.properties"):  # fmt: skip
        assert f"/usr/{wanted}" in files, (wanted, files)
    fields = dict(re.findall(r"^ ([A-Z][\w-]+): (.*)$", run("dpkg-deb", "-I", package), re.M))
    assert fields["Package"] == "sluice" and "ca-certificates" in fields["Depends"] and "libpq5" in fields["Depends"], fields
    # The program as it was packed, with the libraries that it says it needs: those of this machine.
    root = tmp_path / "root"
    run("dpkg-deb", "-x", package, root)
    assert "sluice" in run(root / "usr/bin/sluice", "version")
    licences = (root / "usr/share/doc/sluice/copyright").read_text()
    assert "Apache License" in licences and "librdkafka" in licences and "jemalloc" in licences
    run("dpkg-deb", "-e", package, tmp_path / "control")
    for script in ("postinst", "postrm"):
        assert (tmp_path / "control" / script).stat().st_mode & 0o111
        run("sh", "-n", tmp_path / "control" / script)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_unit(installed, tmp_path):
    unit = tmp_path / "sluice.service"
    text = (installed / "lib/systemd/system/sluice.service").read_text()
    # Where this machine has a program and a user; the rest as it stands.
    unit.write_text(text.replace("ExecStart=sluice ", f"ExecStart={installed}/bin/sluice ").replace("User=sluice", "User=daemon"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert "sluice.service" not in done.stderr, done.stderr


def test_kubernetes_manifests():
    text = (ROOT / "docker/k8s/sluice.yaml").read_text()
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        for version in ("1.29", "1.34"):
            kubernetes_validate.validate(document, version, strict=True)
    by_kind = {document["kind"]: document for document in documents}
    pod = by_kind["StatefulSet"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 8083
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}  # fmt: skip
    assert {volume["mountPath"] for volume in container["volumeMounts"]} == {"/etc/sluice", "/var/tmp"}


def test_kubernetes_probes_and_keys(make_worker):
    """The worker's properties of the ConfigMap on a real broker, asked by the probes of the StatefulSet."""
    documents = {d["kind"]: d for d in yaml.safe_load_all((ROOT / "docker/k8s/sluice.yaml").read_text())}
    properties = dict(re.findall(r"^([a-z.]+)=(.*)$", documents["ConfigMap"]["data"]["worker.properties"], re.M))
    worker = make_worker()
    kept = {key: worker.properties[key] for key in worker.properties if key in ("bootstrap.servers", "listeners", "group.id") or "storage" in key}
    worker.properties = {**properties, **kept}
    worker.start()
    [container] = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    wait_until(lambda: worker.rest("GET", "/health").status_code == 200, what="ready")
    probe = [word.replace("127.0.0.1:8083", f"127.0.0.1:{worker.port}") for word in container["livenessProbe"]["exec"]["command"]]
    run(*probe)
    assert worker.stop() == 0 and "worker configuration" not in worker.log_text()
    run(*probe, code=1)


def test_compose_file_and_rules_by_their_own_readers(tmp_path):
    project = json.loads(run(DEPLOY, "compose", ROOT / "docker/compose.yaml"))
    assert {"kafka", "postgres", "minio", "registry", "sluice", "prometheus", "grafana"} <= set(project["services"])
    for service in project["services"].values():
        for port in service.get("ports") or []:
            assert port["host_ip"] == "127.0.0.1", port
        for volume in service.get("volumes") or []:
            assert pathlib.Path(volume["source"]).exists(), volume
    run(DEPLOY, "rules", ROOT / "docker/prometheus/rules.yaml")
    board = json.loads((ROOT / "docker/grafana/dashboards/sluice.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 40
    run(DEPLOY, "promql", input="\n".join(queries).replace("$__rate_interval", "5m"))
    # A reader that takes everything would prove nothing.
    (tmp_path / "compose.yaml").write_text("services: {a: {image: b, depend_on: [c]}}\n")
    run(DEPLOY, "compose", tmp_path / "compose.yaml", code=1)
    (tmp_path / "rules.yaml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'sum(('}]}]\n")
    run(DEPLOY, "rules", tmp_path / "rules.yaml", code=1)
    run(DEPLOY, "promql", input="sum by (a (b)", code=1)
