"""What lies in docker/, proved where no Docker engine is.

`compose` starts the services of docker/compose.yaml one after the other, in a network of their own in which their names and ports are those
of the file: with their commands, environment and health checks as written, wherever the image's program is at hand (Kafka, Postgres,
MinIO, Sluice). Then the commands at the head of that file are run, and the rows of the bank's table must lie in the bucket. `image`
builds docker/Dockerfile with buildah on a Debian that debootstrap made, and measures it; then it does the same as `compose` with the image
as sluice: its root read-only, its user, no capability, its health check. `compose` also types docs/tutorial.md.
"""

import argparse
import contextlib
import ctypes
import fcntl
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pyarrow.parquet

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
import stand  # noqa: E402

ROOT = stand.PLACES["SLUICE_ROOT"]
DOCKER = ROOT / "docker"
SKIPPED = 77  # what ctest takes for skipped
LIMIT_MB = 60
ROWS, FIRST = 500, 100000
SLOW = int(os.environ.get("SLUICE_SLOW", "1"))


STARTED = time.monotonic()
S3PROXY = "--s3proxy" in sys.argv


def say(text):
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


def skip(reason):
    say(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


# --- A network and mounts of our own ----------------------------------------------------------------------------------


def enter_namespace():
    """This very program again, in namespaces of its own for the network and for mounts."""
    if os.geteuid() != 0:
        skip("needs root, for a network of its own")
    try:
        os.unshare(os.CLONE_NEWNET | os.CLONE_NEWNS) if hasattr(os, "unshare") else _unshare(0x40000000 | 0x20000)
    except OSError as error:
        skip(f"no namespaces here: {error}")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = b"lo"
        flags = struct.unpack("16sh", fcntl.ioctl(control, 0x8913, struct.pack("16sh", name, 0)))[1]
        fcntl.ioctl(control, 0x8914, struct.pack("16sh", name, flags | 1))  # up


def _unshare(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def bind(source, target, *options):
    subprocess.run(["mount", "--bind", source, target], check=True)
    if options:
        subprocess.run(["mount", "-o", ",".join(("remount", "bind", *options)), target], check=True)


# --- The file ---------------------------------------------------------------------------------------------------------


def load_compose():
    """The project as Docker Compose's loader understands it."""
    done = subprocess.run([stand.PLACES["SLUICE_DEPLOY"] / "deploy", "compose", DOCKER / "compose.yaml"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"docker/compose.yaml: {done.stderr}")
    return json.loads(done.stdout)["services"]


class Service(stand.Part):
    """One of the services: a command, its environment, and what says that it is healthy."""

    start_timeout = 180 * SLOW

    def __init__(self, name, workdir, command, env, check, port, identity=()):
        self.name = name
        super().__init__(workdir / name)
        self._argv, self._env, self._check, self._port, self._who = command, env, check, port, list(identity)

    def _command(self):
        return self._argv

    def _environ(self):
        return self._env

    def _identity(self):
        return self._who

    def _ready(self):
        # A check that starts a JVM is not worth it before somebody listens.
        with socket.create_connection(("127.0.0.1", self._port), 1):
            pass
        return subprocess.run(self._check, env=self._env, capture_output=True).returncode == 0


def image_name(service):
    return service["image"].partition(":")[0]


def health_of(service):
    kind, *words = service["healthcheck"]["test"]
    return words if kind == "CMD" else ["sh", "-c", *words]


def kafka(service, workdir):
    """apache/kafka's start: its wrapper makes the properties from KAFKA_* and formats the storage."""
    env = {**os.environ, **service["environment"], "KAFKA_LOG_DIRS": str(workdir / "kafka" / "data"), "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"}
    java = stand.Kafka._kafka
    folders = [workdir / "kafka" / name for name in ("defaults", "mounted", "final")]
    for folder in folders:
        folder.mkdir(parents=True)
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folders[0] / name).write_text("")
    options = ["--default-configs-dir", folders[0], "--mounted-configs-dir", folders[1], "--final-configs-dir", folders[2]]
    done = subprocess.run([*java("kafka.docker.KafkaDockerWrapper", "-XX:TieredStopAtLevel=1"), "setup", *options], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"kafka: {done.stdout}{done.stderr}")
    check = health_of(service)
    assert check[0].endswith("/kafka-broker-api-versions.sh"), check
    ready = [*java("org.apache.kafka.tools.BrokerApiVersionsCommand", "-XX:TieredStopAtLevel=1"), *check[1:]]
    return Service("kafka", workdir, [*java("kafka.Kafka", "-Xmx700m"), folders[2] / "server.properties"], env, ready, 9092)


def postgres(service, workdir):
    """The official image's start: initdb, a database, its scripts, then the command."""
    server = stand.POSTGRES_MAJORS[int(service["image"].partition(":")[2])] / "bin"
    env = {**os.environ, **service["environment"], "PGDATA": str(workdir / "postgres" / "data")}
    home = workdir / "postgres"
    home.mkdir()
    shutil.chown(home, "postgres", "postgres")
    who = ["--reuid=postgres", "--regid=postgres", "--init-groups"]

    def run(*command, **more):
        subprocess.run(["setpriv", *who, "--", *map(str, command)], check=True, capture_output=True, cwd=home, env=env, **more)

    secret = home / "password"
    secret.write_text(env["POSTGRES_PASSWORD"])
    run(server / "initdb", "-U", "postgres", f"--pwfile={secret}", "--no-sync")
    (home / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all all scram-sha-256\n")
    sockets = f"-c listen_addresses=* -k {home}"
    run(server / "pg_ctl", "-w", "-o", f"-c listen_addresses= -k {home}", "start", "-l", home / "init.log")
    run(server / "createdb", "-h", home, "-U", "postgres", env["POSTGRES_DB"])
    for volume in service["volumes"]:
        assert pathlib.Path(volume["target"]).parent == pathlib.Path("/docker-entrypoint-initdb.d"), volume
        with open(volume["source"]) as script:
            run(server / "psql", "-h", home, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", env["POSTGRES_DB"], stdin=script)
    run(server / "pg_ctl", "-w", "stop")
    program, *words = service["command"]
    part = Service("postgres", workdir, [server / program, *words, *sockets.split()], env, health_of(service), 5432, who)
    part.stop_signal, part.current_dir = signal.SIGINT, home
    part.log_path.touch()
    return part


def minio(service, workdir):
    """Its command; where MinIO is not built, s3proxy on the same port instead."""
    keys = service["environment"]
    if stand.Minio.present() and not S3PROXY:
        command = [word.replace("/data", str(workdir / "objects")) for word in service["entrypoint"]]
        path = f"{stand.PLACES['SLUICE_MINIO']}:{os.environ['PATH']}"
        env = {**os.environ, **keys, "PATH": path, "HOME": str(workdir), "MINIO_UPDATE": "off"}
        # mc is the image's, and asks for the same.
        assert health_of(service) == ["mc", "ready", "local"]
        part = Service("minio", workdir, command, env, ["curl", "-fsS", "http://localhost:9000/minio/health/ready"], 9000)
    else:
        say("minio: not built (tests/setup --minio); s3proxy stands for it")
        part = stand.S3(workdir / "minio")
        (part.workdir / "objects" / "lake").mkdir(parents=True)  # a bucket is a folder here, too
        part.port, part.access_key, part.secret_key = 9000, keys["MINIO_ROOT_USER"], keys["MINIO_ROOT_PASSWORD"]
        part.client = stand.s3.Client("http://127.0.0.1:9000", part.access_key, part.secret_key)
    return part


def registry(service, workdir):
    """The image's program is not at hand: the tests' registry on the same port, asked by the same health check."""
    program = stand.PLACES["SLUICE_REGISTRY"] / "schema-registry"
    listen = service["environment"]["SCHEMA_REGISTRY_LISTENERS"].removeprefix("http://")
    return Service("registry", workdir, [program, "-listen", listen], dict(os.environ), health_of(service), 8081)


class Image:
    """What buildah built: its root and its configuration."""

    def __init__(self, root, config):
        self.root, self.config = pathlib.Path(root), json.loads(pathlib.Path(config).read_text())

    def enter(self, service, workdir, stack):
        """Mounts it as a container would have it, until stack ends; returns the words before a command in it."""
        root = workdir / "root"
        root.mkdir()
        stack.callback(subprocess.run, ["umount", "-R", root], check=True)
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
        bind(self.root, root, "ro")
        subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", root / "dev"], check=True)
        for device in ("null", "urandom", "random", "zero"):
            (root / "dev" / device).touch()
            bind(f"/dev/{device}", root / "dev" / device)
        for place in service["tmpfs"]:
            target, _, options = place.partition(":")
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", f"{root}{target}"], check=True)
        bind("/etc/hosts", root / "etc/hosts")
        uid, _, gid = self.config["User"].partition(":")
        assert int(uid) > 0 and int(gid) > 0, "runs as root"
        who = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        # setpriv of the outside can't run inside, so chroot comes first: the image's own setpriv drops the rest.
        return ["chroot", str(root), "/usr/bin/setpriv", *who, "--"]


def sluice(service, workdir, binary, image, stack):
    if image:
        inside = image.enter(service, workdir, stack)
        env = {**dict(pair.split("=", 1) for pair in image.config["Env"]), **service["environment"]}
        command = [*inside, *image.config["Entrypoint"], *image.config["Cmd"]]
        kind, *words = image.config["Healthcheck"]["Test"]
        assert kind == "CMD-SHELL" and image.config["ExposedPorts"] == {"8083/tcp": {}}, image.config
        check = [*inside, "/bin/sh", "-c", *words]
        return Service("sluice", workdir, command, env, check, 8083)
    text = (DOCKER / "Dockerfile").read_text()
    env = {**os.environ, **dict(re.findall(r"^ENV (\w+)=(.*)$", text, re.M)), **service["environment"]}
    check = ["sh", "-c", re.search(r"^HEALTHCHECK .*? CMD (.*)$", text, re.M)[1]]
    words = json.loads(re.search(r"^CMD (.*)$", text, re.M)[1])
    copied = dict(reversed(pair) for pair in re.findall(r"^COPY (docker/\S+) (\S+)$", text, re.M))
    command = [binary, *(ROOT / copied[word] if word in copied else word for word in words)]
    return Service("sluice", workdir, command, env, check, 8083)


# --- The tutorial -----------------------------------------------------------------------------------------------------

STAND_IN = """#!/bin/bash
# docker compose -f FILE exec -T SERVICE COMMAND...: the command on this machine, with the service's environment
[[ "$1 $2 $4 $5" == "compose -f exec -T" ]] || { echo "docker: not by this stand-in: $*" >&2; exit 1; }
exec env $(cat "$(dirname "$0")/$6.env") "${@:7}"
"""


def type_tutorial(services, workdir, binary, write):
    """Types docs/tutorial.md into one shell, block by block; each command must end with 0. write: puts what they print into the page."""
    tools = workdir / "tools"
    tools.mkdir()
    (tools / "docker").write_text(STAND_IN)
    (tools / "docker").chmod(0o755)
    for name, service in services.items():
        (tools / f"{name}.env").write_text(" ".join(f"{k}={v}" for k, v in (service.get("environment") or {}).items()))
    with open(tools / "postgres.env", "a") as file:
        file.write(f" PGPASSWORD={services['postgres']['environment']['POSTGRES_PASSWORD']}")
    (tools / "sluice").symlink_to(binary)
    (tools / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python3").chmod(0o755)
    home = workdir / "checkout"
    home.mkdir()
    (home / "docker").symlink_to(DOCKER)
    path = f"{tools}:{stand.POSTGRES_MAJORS[15] / 'bin'}:{os.environ['PATH']}"
    shell = subprocess.Popen(["bash", "-O", "expand_aliases"], cwd=home, env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def type_in(command):
        shell.stdin.write(f"{{\n{command}\n}} </dev/null\nprintf '\\n<<%s>>\\n' $?\n")
        shell.stdin.flush()
        lines, watch = [], threading.Timer(60 * SLOW, shell.kill)
        watch.start()
        while not (end := re.fullmatch(r"<<(\d+)>>\n", line := shell.stdout.readline())):
            assert line, f"the shell ended, or took too long, in: {command}\n{''.join(lines)}"
            lines.append(line)
        watch.cancel()
        text = "".join(lines)
        return text.removesuffix("\n") if text == "\n" or text.endswith("\n\n") else text, int(end[1])

    page, typed = DOCKER.parent / "docs" / "tutorial.md", 0
    parts = re.split(r"(^```console\n.*?^```\n|^<!-- wait: .*? -->\n)", page.read_text(), flags=re.M | re.S)
    for number, part in enumerate(parts):
        if part.startswith("<!-- wait: "):
            command = part.removeprefix("<!-- wait: ").removesuffix(" -->\n")
            try:
                stand.wait_until(lambda: type_in(command)[1] == 0, 60 * SLOW, command, 0.3)
            except TimeoutError as error:
                raise SystemExit(f"{error}\n" + type_in("curl -s 'http://127.0.0.1:8083/connectors?expand=status'")[0]) from None
        elif part.startswith("```console\n"):
            shown = ""
            for words in re.findall(r"^\$ .*\n(?:> .*\n)*", part, re.M):
                answer = []

                def typed_well():
                    # 409: the group of workers settles, try again, as clients of Connect do.
                    answer[:] = type_in(re.sub(r"^[$>] ", "", words, flags=re.M))
                    return '"error_code":409' not in answer[0]

                stand.wait_until(typed_well, 60 * SLOW, words, 0.5)
                text, code = answer
                assert code == 0 and '"error_code"' not in text, f"docs/tutorial.md: {words}{text}"
                shown += words + text + ("" if not text or text.endswith("\n") else "\n")
                typed += 1
            parts[number] = f"```console\n{shown}```\n"
    shell.stdin.close()
    shell.wait()
    if write:
        page.write_text("".join(parts))
    say(f"docs/tutorial.md: {typed} commands, each ended with 0")


# --- The walk ---------------------------------------------------------------------------------------------------------


def advertised_commands():
    """The curl commands that the compose file tells people to type, and the connectors of the Avro variant, in the same words."""
    head = (DOCKER / "compose.yaml").read_text().partition("name:")[0]
    found = re.findall(r"^#\s+(curl .*)$", head, re.M)
    files = re.findall(r"docker/config/(\S+?)\.json", "\n".join(found))
    assert files == ["postgres-source", "s3-sink"], found
    return found + [line.replace(".json", "-avro.json") for line in found]


def parquet_rows(store, topic):
    """{id: status} of our rows as the objects' last word on them, and the count of events."""
    state, events = {}, 0
    for item in store.list("lake", f"topics/{topic}/"):
        for row in pyarrow.parquet.read_table(io.BytesIO(store.get("lake", item.key))).to_pylist():
            if row["after"] and row["after"]["id"] > FIRST:
                events += 1
                state[row["after"]["id"]] = row["after"]["status"]
    return state, events


def walk(services, parts, image, workdir):
    # Without the image the tutorial has posted the first two already.
    for command in advertised_commands()[0 if image else 2 :]:

        def posted():
            done = subprocess.run(["sh", "-c", command + " -sS"], cwd=ROOT, capture_output=True, text=True)
            if done.returncode or '"error_code"' in done.stdout and '"error_code":409' not in done.stdout:
                raise stand.StandError(f"{command}: {done.stderr}{done.stdout}\n{parts['sluice'].log_text()[-3000:]}")
            return '"error_code"' not in done.stdout

        stand.wait_until(posted, 60 * SLOW, command, 0.5)
    password = services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    import psycopg  # needs no more than TCP here

    with psycopg.connect(host="postgres", port=5432, dbname="bank", user="postgres", password=password, autocommit=True) as db:
        db.execute(f"insert into transactions select i, i, i, 'EUR', 'booked' from generate_series({FIRST + 1}, {FIRST + ROWS}) i")
        db.execute(f"update transactions set status = 'settled' where id % 2 = 0 and id > {FIRST}")
    keys = services["minio"]["environment"]
    store = stand.s3.Client("http://minio:9000", keys["MINIO_ROOT_USER"], keys["MINIO_ROOT_PASSWORD"])
    wanted = {FIRST + i: "settled" if i % 2 == 0 else "booked" for i in range(1, ROWS + 1)}
    seen = {}

    def landed():
        for topic in ("transactions", "transactions-avro"):
            seen[topic] = parquet_rows(store, topic)
        # The snapshot may have some of the rows already, and a row that is updated before it has one event less.
        return all(state == wanted and events <= ROWS + ROWS // 2 for state, events in seen.values())

    try:
        stand.wait_until(landed, 60 * SLOW, "the rows in the bucket", 0.3)
    except TimeoutError:
        counts = {topic: (len(state), events) for topic, (state, events) in seen.items()}
        raise SystemExit(f"rows in the bucket: {counts}\n{parts['sluice'].log_text()[-3000:]}") from None
    say(f"{ROWS} rows and {ROWS // 2} updates lie in the bucket, as JSON's and as Avro's Parquet")
    if image:
        inside = parts["sluice"]._check[:-3]
        refused = subprocess.run([*inside, "/bin/sh", "-c", ": > /etc/sluice/x"], capture_output=True, text=True)
        assert refused.returncode and re.search("Read-only|Permission", refused.stderr), refused
        subprocess.run([*inside, "/bin/sh", "-c", ": > /var/tmp/x"], check=True)
        refused = subprocess.run(["touch", workdir / "root" / "etc" / "x"], capture_output=True, text=True)
        assert "Read-only" in refused.stderr, "root itself could write"
        status = pathlib.Path(f"/proc/{parts['sluice'].pid}/status").read_text()
        uid = re.search(r"^Uid:\s+(\d+)", status, re.M)[1]
        caps = re.search(r"^CapEff:\s+(\w+)", status, re.M)[1]
        peak = int(re.search(r"^VmHWM:\s+(\d+)", status, re.M)[1])
        assert uid == "8083" and int(caps, 16) == 0, (uid, caps)
        say(f"in the image: uid {uid}, no capabilities, read-only root, peak RSS {peak // 1024} MB")


def compose(binary, image, write=False):
    services = load_compose()
    enter_namespace()
    with tempfile.TemporaryDirectory(prefix="sluice-compose-") as place, contextlib.ExitStack() as stack:
        workdir = pathlib.Path(place)
        workdir.chmod(0o755)
        names = set(services) | {alias for s in services.values() for net in (s.get("networks") or {}).values() for alias in (net or {}).get("aliases", [])}
        (workdir / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()} {' '.join(sorted(names))}\n")
        bind(workdir / "hosts", "/etc/hosts")
        parts, makers = {}, {"kafka": kafka, "postgres": postgres, "minio": minio, "registry": registry}
        waiting = {name: s for name, s in services.items() if not s.get("profiles")}
        while waiting:
            name = next(n for n, s in waiting.items() if set(s.get("depends_on") or {}) <= set(parts))
            service = waiting.pop(name)
            part = sluice(service, workdir, binary, image, stack) if name == "sluice" else makers[name](service, workdir)
            parts[name] = stack.enter_context(part)
            say(f"{name}: healthy")
        if not image:
            type_tutorial(services, workdir, binary, write)
        walk(services, parts, image, workdir)
        code = parts["sluice"].stop()
        assert code == 0, f"sluice ended with {code}\n{parts['sluice'].log_text()[-3000:]}"
        for name in ("kafka", "registry", "minio"):
            parts[name].kill()
        say("sluice ended with 0")


# --- The image --------------------------------------------------------------------------------------------------------


class Buildah:
    """buildah with a storage of its own in the cache."""

    def __init__(self):
        home = stand.PLACES["SLUICE_CACHE"] / "containers"
        home.mkdir(exist_ok=True)
        self._words = ["buildah", "--root", str(home / "storage"), "--runroot", str(home / "run")]
        for driver in ("overlay", "vfs"):
            words = [*self._words, "--storage-driver", driver]
            if subprocess.run([*words, "info"], capture_output=True).returncode == 0:
                self._words = words
                break

    def __call__(self, *words):
        """Its last line. What it says meanwhile goes to a file, so that somebody can look."""
        log = stand.PLACES["SLUICE_CACHE"] / "containers" / "log"
        with open(log, "w") as file:
            done = subprocess.run([*self._words, *map(str, words)], cwd=ROOT, stdout=file, stderr=file)
        said = log.read_text(errors="replace")
        if done.returncode:
            raise SystemExit(f"buildah {words[0]}: {said[-6000:]}")
        return said.strip().rpartition("\n")[2]


def megabytes(root):
    done = subprocess.run(["du", "-sxB1", "--apparent-size", root], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0]) / 1e6


def image(binary, whole):
    base = stand.PLACES["SLUICE_DEBIAN"]
    if os.geteuid() != 0:
        skip("building an image needs root here")
    if not shutil.which("buildah") or not base.exists():
        skip("no buildah, or no Debian for it: run tests/setup --container")
    buildah = Buildah()
    # In place of the official image, which can't be pulled everywhere: made anew only when the base is.
    name = "localhost/debian:12-slim"
    stamp = f"{(base / '.recipe').stat().st_mtime_ns}"
    known = subprocess.run([*buildah._words, "inspect", "--type", "image", "--format", "{{.OCIv1.Config.Labels.made}}", name], capture_output=True, text=True)
    if known.stdout.strip() != stamp:
        made = buildah("from", "scratch")
        buildah("add", "--quiet", made, base / "tree", "/")
        # npm has authorities of its own; behind a proxy those of the machine count.
        env = ["--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--env", "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"]
        buildah("config", "--label", f"made={stamp}", *env, made)
        buildah("commit", "--quiet", "--rm", made, name)
    started = time.monotonic()
    # setup in the image finds librdkafka as setup on this machine has built it, or builds it as Docker would.
    library = stand.PLACES["SLUICE_RDKAFKA"]
    lent = [] if whole else ["--volume", f"{library}:/cache/{library.name}:ro"]
    buildah("build", *lent, "--isolation", "chroot", "--layers", "--pull-never", "--format", "docker", "-f", DOCKER / "Dockerfile", "-t", "sluice", ".")
    say(f"docker/Dockerfile built in {time.monotonic() - started:.0f} s, librdkafka {'too' if whole else 'from this machine'}")
    box = buildah("from", "--pull-never", "localhost/sluice")
    try:
        root = pathlib.Path(buildah("mount", box))
        size, bare = megabytes(root), megabytes(base / "tree")
        say(f"image {size:.0f} MB, {size - bare:.1f} MB beyond the base")
        assert size - bare < LIMIT_MB, f"more than {LIMIT_MB} MB"
        licences = (root / "usr/share/doc/sluice/copyright").read_text()
        for wanted in ("Apache License", "librdkafka", "jemalloc"):
            assert wanted in licences, f"no licence of {wanted}"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
            done = subprocess.run([*buildah._words, "inspect", "--type", "image", "localhost/sluice"], capture_output=True, text=True, check=True)
            json.dump(json.loads(done.stdout)["Docker"]["config"], config)
            config.flush()
            compose(binary, Image(root, config.name))
    finally:
        subprocess.run([*buildah._words, "rm", box], capture_output=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compose", "image"])
    parser.add_argument("--binary", default=os.environ.get("SLUICE_BINARY", ROOT / "build" / "dev" / "sluice"))
    parser.add_argument("--s3proxy", action="store_true", help="for the bucket, where MinIO is built too")
    parser.add_argument("--whole", action="store_true", help="image: builds librdkafka too, as Docker would (many minutes)")
    parser.add_argument("--write", action="store_true", help="compose: what the tutorial's commands print goes into docs/tutorial.md")
    options = parser.parse_args()
    if options.what == "image":
        image(options.binary, options.whole)
    else:
        compose(pathlib.Path(options.binary).resolve(), None, options.write)


main()
