"""Starts the real parts that tests and demos need - Kafka, Postgres, an S3 server, Sluice itself - on loopback.

Every part takes a work directory of its own, keeps its ports and data over restarts, and stops exactly what it started;
if this process dies, the kernel stops the parts. By hand: `python tests/support/stand.py up --dir D`.
"""

import argparse
import atexit
import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import queue
import random
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
from typing import NamedTuple

import confluent_kafka
import confluent_kafka.admin
import psycopg
import requests

import s3

HOST = "127.0.0.1"
SUPPORT = pathlib.Path(__file__).resolve().parent


def _environment():
    """What env.sh says, which alone knows where things are."""
    shown = subprocess.run(
        ["bash", "-c", '. "$0" && env -0', SUPPORT / "env.sh"], check=True, capture_output=True, text=True
    ).stdout
    pairs = (entry.partition("=") for entry in shown.split("\0"))
    return {name: pathlib.Path(value) for name, _, value in pairs if name.startswith("SLUICE_")}


PLACES = _environment()


# --- Helpers ----------------------------------------------------------------------------------------------------------


class StandError(Exception):
    """A part did not do what was asked of it."""


_given_ports = set()


def free_port():
    """A port nobody listens on, never given twice. It lies below the range that outgoing connections use: a client that
    keeps trying a stopped server's port inside that range can end up connected to itself."""
    ephemeral = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(10000, max(ephemeral, 20000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            if port not in _given_ports:
                _given_ports.add(port)
                return port
    raise StandError("no free port")


def wait_until(fn, timeout=30, what="the condition", interval=0.05):
    """Calls fn until it returns something true, and returns that. What fn raises counts as false until the time is up;
    only StandError, which says that waiting is of no use, passes through."""
    deadline = time.monotonic() + timeout
    while True:
        last = None
        try:
            result = fn()
            if result:
                return result
        except StandError:
            raise
        except Exception as error:
            last = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s" + (f" (last: {last!r})" if last else ""))
        time.sleep(interval)


def _tail(path, lines=30):
    try:
        return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _java(*options):
    home = os.environ.get("JAVA_HOME")
    return [f"{home}/bin/java" if home else "java", "-Djava.net.preferIPv4Stack=true", *options]


# --- Processes --------------------------------------------------------------------------------------------------------


class _Spawner:
    """Starts processes from one thread that lives as long as this process. The kernel's parent-death signal follows the
    thread that started the child, so a part started from a worker thread would else die with that thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._pid = None

    def __call__(self, *args, **kwargs):
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._orders = queue.SimpleQueue()
                threading.Thread(target=self._run, args=(self._orders,), name="stand-spawner", daemon=True).start()
        result = concurrent.futures.Future()
        self._orders.put((args, kwargs, result))
        return result.result()

    @staticmethod
    def _run(orders):
        while True:
            args, kwargs, result = orders.get()
            try:
                result.set_result(subprocess.Popen(*args, **kwargs))
            except BaseException as error:
                result.set_exception(error)


_spawn = _Spawner()


class Part:
    """A server process with a work directory and a log. Subclasses say how to prepare, start and reach it."""

    name = "part"
    stop_signal = signal.SIGTERM
    death_signal = "KILL"  # what the kernel sends when we die
    grace = 20  # seconds from the stop signal to SIGKILL
    start_timeout = 60

    def __init__(self, workdir):
        self.workdir = pathlib.Path(workdir).resolve()
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.log_path = self.workdir / f"{self.name}.log"
        self.current_dir = self.workdir
        self.process = None

    def _prepare(self):
        """Before the first start: configuration and data."""

    def _command(self):
        raise NotImplementedError

    def _ready(self):
        """True when the part answers its clients."""
        raise NotImplementedError

    def _environ(self):
        return None

    def _identity(self):
        """More options for setpriv."""
        return []

    def start(self):
        """Starts it and waits until it can be used; returns self."""
        if self.running:
            raise StandError(f"{self.name} runs already")
        self._prepare()
        command = ["setpriv", "--pdeathsig", self.death_signal, *self._identity(), "--", *map(str, self._command())]
        with open(self.log_path, "ab") as log:
            self.process = _spawn(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.current_dir,
                env=self._environ(),
                start_new_session=True,
            )
        atexit.register(self._at_exit)
        try:
            wait_until(self._alive_and_ready, self.start_timeout, f"start of {self.name}")
        except BaseException as error:
            self.kill()
            if isinstance(error, TimeoutError):
                raise StandError(f"{error}\n{_tail(self.log_path)}") from None
            raise
        return self

    def _alive_and_ready(self):
        code = self.process.poll()
        if code is not None:
            raise StandError(f"{self.name} ended with {code} at its start:\n{_tail(self.log_path)}")
        return self._ready()

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def stop(self):
        """Asks it to end, forces it after the grace period, and returns its exit code."""
        if self.running:
            self.process.send_signal(self.stop_signal)
            self.process.send_signal(signal.SIGCONT)  # a test may have stopped it
            deadline = time.monotonic() + self.grace
            # Not reaped yet, so that its process group is still ours to kill.
            ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
            # The second signal reaps one that has ended at once.
            with contextlib.suppress(ChildProcessError):
                while not os.waitid(os.P_PID, self.process.pid, ended) and time.monotonic() < deadline:
                    time.sleep(0.01)
        return self.kill()

    def kill(self):
        """SIGKILL for it and what it started; returns its exit code."""
        if self.process is None:
            return None
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        atexit.unregister(self._at_exit)
        return self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def signal(self, number):
        """Sends the process a signal, such as SIGSTOP."""
        self.process.send_signal(number)

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _at_exit(self):
        self.grace = 5
        self.stop()

    def __enter__(self):
        return self if self.running else self.start()

    def __exit__(self, *_):
        self.stop()


# --- Kafka ------------------------------------------------------------------------------------------------------------


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int | None  # milliseconds
    key: bytes | None
    value: bytes | None
    headers: list  # of (name, bytes or None), in order


class Kafka(Part):
    """One KRaft node. `config` overrides or adds broker settings. inner_port: it also listens there, and tells clients that come
    that way to come to outer_port, where somebody passes them on."""

    name = "kafka"

    def __init__(self, workdir, config=None, inner_port=None, outer_port=None):
        super().__init__(workdir)
        self.port, self._controller_port = free_port(), free_port()
        self.bootstrap = f"{HOST}:{self.port}"
        self._config = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "log.dirs": self.workdir / "data",
            "num.partitions": 1,
            "auto.create.topics.enable": "true",
            "default.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.num.partitions": 5,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 5,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.max.timeout.ms": 900000,
            "share.coordinator.state.topic.num.partitions": 5,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # A killed broker can come back only when its last session has run out; the default is 9 s.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "log.cleaner.dedupe.buffer.size": 16 << 20,  # of the heap; the default would take 128 MB
            **(config or {}),
        }
        if inner_port:
            self._config["listeners"] += f",RELAYED://{HOST}:{inner_port}"
            self._config["advertised.listeners"] += f",RELAYED://{HOST}:{outer_port}"
            names = ("PLAINTEXT", "CONTROLLER", "RELAYED")
            self._config["listener.security.protocol.map"] = ",".join(f"{name}:PLAINTEXT" for name in names)

    def _prepare(self):
        settings = self.workdir / "server.properties"
        settings.write_text("".join(f"{key}={value}\n" for key, value in self._config.items()))
        if (self.workdir / "data" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode().replace("-", "_")
        command = self._kafka("kafka.tools.StorageTool", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        done = subprocess.run([*command, "format", "-t", cluster, "-c", settings], capture_output=True, text=True)
        if done.returncode:
            raise StandError(f"formatting Kafka's storage failed:\n{done.stdout}{done.stderr}")

    @staticmethod
    def _kafka(main_class, *options):
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return _java(*options, quiet, "-cp", f"{PLACES['SLUICE_KAFKA']}/*", main_class)

    def _command(self):
        return [*self._kafka("kafka.Kafka", "-Xms256m", "-Xmx700m"), self.workdir / "server.properties"]

    def _ready(self):
        with socket.create_connection((HOST, self.port), 1):
            pass
        admin = self.admin(**{"log_level": 0})
        # A node that is fenced still answers, but names no broker.
        return len(admin.list_topics(timeout=5).brokers) == 1

    def admin(self, **config):
        """A confluent_kafka AdminClient."""
        return confluent_kafka.admin.AdminClient({"bootstrap.servers": self.bootstrap, **config})

    def create_topic(self, topic, partitions=1, config=None):
        new = confluent_kafka.admin.NewTopic(topic, partitions, 1, config=config or {})
        admin = self.admin()  # must outlive its request
        admin.create_topics([new])[topic].result(30)

    def produce(self, topic, records, **config):
        """Sends (key, value) or (key, value, headers) tuples in order and waits until all are written."""
        failures = []

        def delivered(error, _):
            if error:
                failures.append(error)

        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5, **config})
        for key, value, *headers in records:
            while True:
                try:
                    producer.produce(topic, value, key, headers=headers[0] if headers else None, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
        if producer.flush(60) or failures:
            raise StandError(f"producing to {topic} failed: {failures[:3] or 'timed out'}")

    def consume_all(self, topic, isolation="read_committed"):
        return consume_all(self.bootstrap, topic, isolation)


def consume_all(bootstrap, topic, isolation="read_committed", timeout=180, since=None):
    """All records of a topic that are there now - up to the last stable offset, or the high watermark with
    read_uncommitted - by partition and offset. A topic that isn't there has none. since: {partition: offset} to begin at."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})  # a failure is raised
    known = admin.list_topics(timeout=timeout).topics.get(topic)
    if known is None:
        return []
    level = confluent_kafka.IsolationLevel[isolation.upper()]

    def offsets(spec):
        asked = {confluent_kafka.TopicPartition(topic, number): spec for number in known.partitions}
        answers = admin.list_offsets(asked, isolation_level=level, request_timeout=timeout)
        return {partition.partition: answer.result().offset for partition, answer in answers.items()}

    # Real numbers to start from: with OFFSET_BEGINNING librdkafka's first look-up fails and is repeated after 500 ms.
    starts = {number: max(start, (since or {}).get(number, 0))
              for number, start in offsets(confluent_kafka.admin.OffsetSpec.earliest()).items()}  # fmt: skip
    ends = offsets(confluent_kafka.admin.OffsetSpec.latest())

    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "group.id": f"stand-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
        }
    )
    records = []
    unfinished = {number for number, end in ends.items() if end > starts[number]}
    deadline = time.monotonic() + timeout
    try:
        consumer.assign([confluent_kafka.TopicPartition(topic, number, starts[number]) for number in unfinished])
        while unfinished:
            if time.monotonic() > deadline:
                raise TimeoutError(f"reading {topic} took longer than {timeout} s")
            for message in consumer.consume(5000, 0.02):
                number = message.partition()
                error = message.error()
                if error and error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    # At the end of an empty, compacted or aborted stretch no record says that we are there.
                    unfinished.discard(number)
                elif error:
                    raise StandError(f"reading {topic}: {error}")
                else:
                    if message.offset() < ends[number]:
                        kind, stamp = message.timestamp()
                        records.append(
                            Record(
                                topic,
                                number,
                                message.offset(),
                                None if kind == confluent_kafka.TIMESTAMP_NOT_AVAILABLE else stamp,
                                message.key(),
                                message.value(),
                                message.headers() or [],
                            )
                        )
                    if message.offset() >= ends[number] - 1:
                        unfinished.discard(number)
    finally:
        consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))


# --- Postgres ---------------------------------------------------------------------------------------------------------

# Debian 12 has 15; tests/setup fetches the others.
POSTGRES_MAJORS = {15: pathlib.Path("/usr/lib/postgresql/15")} | {
    int(version.split(".")[0]): PLACES["SLUICE_POSTGRES"] / version.split(".")[0]
    for version in str(PLACES["SLUICE_POSTGRES_VERSIONS"]).split()
}


class Postgres(Part):
    """A cluster of its own, superuser `postgres` without a password; other roles need theirs over TCP.

    version_dir holds bin/ and lib/ of a server; by default the newest that Debian's packages installed. major asks for one
    of POSTGRES_MAJORS instead; access holds first lines of pg_hba.conf. As root the server runs as user postgres. Where that user can't reach the work directory, or its path is too long for a socket,
    the cluster lies in a temporary directory, removed at the end, and the work directory has a link to it.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown
    death_signal = "QUIT"  # immediate shutdown, which removes shared memory

    def __init__(self, workdir, version_dir=None, fsync=False, config=None, major=None, access=()):
        super().__init__(workdir)
        self._access = list(access)
        self.port = free_port()
        version_dir = POSTGRES_MAJORS[major] if major else version_dir
        self._as_root = os.geteuid() == 0
        home = self.workdir
        if len(str(home)) > 80 or (self._as_root and not _open_to_all(home)):
            home = pathlib.Path(tempfile.mkdtemp(prefix="sluice-postgres-"))
            home.chmod(0o755)
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            link = self.workdir / "cluster"
            link.unlink(missing_ok=True)
            link.symlink_to(home)
        self.socket_dir = str(home)
        self.current_dir = home
        self._data = home / "pgdata"
        self.version_dir = self._find_server(home, version_dir)
        self._bin = self.version_dir / "bin"
        self.config = config or {}
        self._config = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": home,
            "wal_level": "logical",
            "max_wal_senders": 20,
            "max_replication_slots": 20,
            "max_prepared_transactions": 10,
            "max_wal_size": "8GB",
            "fsync": "on" if fsync else "off",
            **(config or {}),
        }
        if self._as_root:
            shutil.chown(home, "postgres", "postgres")

    def _find_server(self, home, version_dir):
        if version_dir is None:
            found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
            if not found:
                raise StandError("no Postgres server is installed: run tests/setup")
            return found[-1].parent.parent
        version_dir = pathlib.Path(version_dir).resolve()
        if self._as_root and not _open_to_all(version_dir):
            shutil.copytree(version_dir, home / "server", symlinks=True, dirs_exist_ok=True)
            return home / "server"
        return version_dir

    def _identity(self):
        return ["--reuid=postgres", "--regid=postgres", "--init-groups"] if self._as_root else []

    def _prepare(self):
        if not (self._data / "PG_VERSION").exists():
            options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
            self._run("initdb", "-D", self._data, *options)
        settings = "".join(f"{key} = '{value}'\n" for key, value in self._config.items())
        self._write("sluice.conf", settings)
        main = self._data / "postgresql.conf"
        if "sluice.conf" not in main.read_text():
            with open(main, "a") as file:
                file.write("include 'sluice.conf'\n")
        access = self._access + [
            line
            for database in ("all", "replication")
            for line in (
                f"local {database} all trust\n",
                f"host {database} postgres {HOST}/32 trust\n",
                f"host {database} all {HOST}/32 scram-sha-256\n",
            )
        ]
        self._write("pg_hba.conf", "".join(access))

    def _write(self, name, text, mode=0o644):
        path = self._data / name
        path.write_text(text)
        path.chmod(mode)
        if self._as_root:
            shutil.chown(path, "postgres", "postgres")

    def _run(self, program, *args):
        command = ["setpriv", *self._identity(), "--", self._bin / program, *args]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise StandError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _command(self):
        return [self._bin / "postgres", "-D", self._data]

    def _ready(self):
        self.connect().close()
        return True

    def kill(self):
        """As a power cut: the backends, which have sessions of their own, get SIGKILL too."""
        backends = _children(self.process.pid) if self.running else []
        code = super().kill()
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(_exists, backends)), 10, "end of Postgres's backends", 0.01)
        return code

    def dsn(self, dbname="postgres", user="postgres", password=None):
        """A libpq connection string over TCP."""
        secret = f" password={password}" if password is not None else ""
        return f"host={HOST} port={self.port} dbname={dbname} user={user}{secret}"

    def connect(self, dbname="postgres", user="postgres", password=None, **options):
        """A psycopg connection with autocommit, unless told otherwise."""
        options = {"autocommit": True, "connect_timeout": 10, **options}
        return psycopg.connect(self.dsn(dbname, user, password), **options)

    def sql(self, text, dbname="postgres"):
        """Runs one or more statements; returns the rows of the last one that has any."""
        rows = []
        with self.connect(dbname) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            while True:
                if cursor.description:
                    rows = cursor.fetchall()
                if not cursor.nextset():
                    return rows

    def copy_data(self, target):
        """Copies the files of the cluster, which may run: then within a base backup. Slots stay behind."""

        def copy(source, destination):
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                shutil.copy2(source, destination)
                if self._as_root:
                    shutil.chown(destination, "postgres", "postgres")

        def left_out(folder, names):
            mine = {"postmaster.pid", "postmaster.opts"} if pathlib.Path(folder) == self._data else set()
            return names if pathlib.Path(folder).name == "pg_replslot" else mine

        shutil.copytree(self._data, target, copy_function=copy, ignore=left_out, symlinks=True)
        for path in (target, *filter(pathlib.Path.is_dir, target.rglob("*"))):
            if self._as_root:
                shutil.chown(path, "postgres", "postgres")

    def create_db(self, dbname):
        """Makes an empty database; one of that name is dropped first."""
        self.sql(f'drop database if exists "{dbname}" with (force)')
        self.sql(f'create database "{dbname}"')


class Standby(Postgres):
    """A physical standby of a running Postgres, of its major: a base backup, then streaming (through primary_slot_name if
    config has one). The primary's superuser needs no password, so the link has none."""

    def __init__(self, workdir, primary, config=None, dbname=""):
        linked = {"primary_conninfo": primary.dsn(dbname) if dbname else f"host={HOST} port={primary.port} user=postgres"}
        super().__init__(workdir, primary.version_dir, config={**primary.config, **linked, **(config or {})})
        self._primary = primary

    def _prepare(self):
        if not (self._data / "PG_VERSION").exists():
            with self._primary.connect() as connection:
                modern = connection.info.server_version >= 150000
                connection.execute("select pg_backup_start('s', true)" if modern else "select pg_start_backup('s', true, false)")
                self._primary.copy_data(self._data)
                stop = "select labelfile from pg_backup_stop(false)" if modern else "select labelfile from pg_stop_backup(false, false)"
                label = connection.execute(stop).fetchone()[0]
            self._write("backup_label", label)
            self._write("standby.signal", "")
        super()._prepare()

    def promote(self):
        self.sql("select pg_promote()")


def _open_to_all(path):
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents))


def _children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def _exists(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- S3 ---------------------------------------------------------------------------------------------------------------


class Store(Part):
    """What every S3 server here offers, at self.endpoint with access_key and secret_key."""

    def __init__(self, workdir, host=HOST):
        super().__init__(workdir)
        self.port = free_port()
        self.endpoint = f"http://{host}:{self.port}"
        self.access_key = "sluice-test"
        self.secret_key = secrets.token_hex(20)
        self.client = s3.Client(self.endpoint, self.access_key, self.secret_key)

    def _ready(self):
        return self.client.raw_request("GET").ok

    def open_uploads(self, bucket):
        """(key, upload id) of every multipart upload that is neither completed nor aborted."""
        return self.client.multipart_uploads(bucket)

    def create_bucket(self, bucket):
        self.client.create_bucket(bucket)

    def list(self, bucket, prefix=""):
        """All objects as s3.S3Object(key, size, etag), in key order."""
        return self.client.list(bucket, prefix)

    def get(self, bucket, key):
        return self.client.get(bucket, key)

    def put(self, bucket, key, body, headers=None):
        return self.client.put(bucket, key, body, headers)

    def raw_request(self, method, bucket="", key="", query=None, body=b"", headers=None):
        """One signed request; the answer of `requests`, whatever its status."""
        return self.client.raw_request(method, bucket, key, query, body, headers)


class S3(Store):
    """s3proxy over a folder. It checks SigV4 signatures. Path style; with virtual_host the endpoint is on `localhost`
    and takes both path style and http://BUCKET.localhost:PORT (it then knows no other host name, nor 127.0.0.1)."""

    name = "s3"

    def __init__(self, workdir, virtual_host=False):
        self.virtual_host = "localhost" if virtual_host else None
        super().__init__(workdir, self.virtual_host or HOST)

    def _prepare(self):
        data = self.workdir / "objects"
        data.mkdir(exist_ok=True)
        settings = {
            "s3proxy.endpoint": f"http://{HOST}:{self.port}",
            "s3proxy.authorization": "aws-v4",
            "s3proxy.identity": self.access_key,
            "s3proxy.credential": self.secret_key,
            **({"s3proxy.virtual-host": self.virtual_host} if self.virtual_host else {}),
            "jclouds.provider": "filesystem-nio2",
            "jclouds.filesystem.basedir": data,
            "jclouds.identity": "unused",
            "jclouds.credential": "unused",
        }
        (self.workdir / "s3proxy.properties").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        (self.workdir / "logback.xml").write_text(
            "<configuration>"
            '<appender name="log" class="ch.qos.logback.core.ConsoleAppender">'
            "<encoder><pattern>%d %-5level %logger{0} %msg%n</pattern></encoder></appender>"
            '<root level="WARN"><appender-ref ref="log"/></root></configuration>\n'
        )

    def _command(self):
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]
        quiet = f"-Dlogback.configurationFile={self.workdir / 'logback.xml'}"
        settings = ["--properties", self.workdir / "s3proxy.properties"]
        return [*_java(*quick, quiet, "-cp", f"{PLACES['SLUICE_S3PROXY']}/*", "org.gaul.s3proxy.Main"), *settings]

    def sweep(self):
        """Removes what bodies that broke off left behind: s3proxy can't list a folder that has such a file."""
        for path in (self.workdir / "objects").rglob("*"):
            if re.search(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", path.name) and time.time() - path.stat().st_mtime > 2:
                path.unlink(missing_ok=True)


class Minio(Store):
    """MinIO over a folder (`tests/setup --minio` builds it): signatures, tags, SSE-C, and conditional writes that have one
    winner (s3proxy looks first and then writes, and its Complete knows no condition)."""

    name = "minio"

    def _prepare(self):
        if not self.present():
            raise StandError("MinIO is not built: run tests/setup --minio")

    @staticmethod
    def present():
        return (PLACES["SLUICE_MINIO"] / "minio").exists()

    def _environ(self):
        return {**os.environ, "HOME": str(self.workdir), "MINIO_ROOT_USER": self.access_key, "MINIO_ROOT_PASSWORD": self.secret_key,
                "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}  # fmt: skip

    def _command(self):
        return [PLACES["SLUICE_MINIO"] / "minio", "server", "--address", f"{HOST}:{self.port}", self.workdir / "objects"]


# --- Schema Registry --------------------------------------------------------------------------------------------------


class Registry(Part):
    """A Schema Registry in memory (tests/support/registry): Confluent's protocol, with checks of Avro's compatibility. A restart
    forgets everything. user: "name:password" that it asks for. cert: a PEM file with key and certificate, for TLS; client_ca: PEM
    file of the CA whose certificates clients must show."""

    name = "registry"

    def __init__(self, workdir, user=None, cert=None, client_ca=None):
        super().__init__(workdir)
        self.port = free_port()
        self.user, self.cert, self.client_ca = user, cert, client_ca
        self.url = f"{'https' if cert else 'http'}://{HOST}:{self.port}"

    def _command(self):
        options = ["-listen", f"{HOST}:{self.port}"]
        if self.user:
            options += ["-user", self.user]
        if self.cert:
            options += ["-cert", self.cert, "-key", self.cert]
        if self.client_ca:
            options += ["-client-ca", self.client_ca]
        return [PLACES["SLUICE_REGISTRY"] / "schema-registry", *options]

    def _ready(self):
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
            return True
        return False

    def rest(self, method, path, body=None):
        """The answer's JSON, of a request that must succeed; for registries without TLS."""
        answer = requests.request(method, self.url + path, json=body, timeout=10,
                                  auth=tuple(self.user.split(":", 1)) if self.user else None)  # fmt: skip
        answer.raise_for_status()
        return answer.json()

    def register(self, subject, schema, kind="AVRO", references=()):
        """Registers a schema (text, or what is to be JSON) and returns its id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        body = {"schema": text, "schemaType": kind, "references": list(references)}
        if kind == "AVRO" and not references:
            body = {"schema": text}
        return self.rest("POST", f"/subjects/{urllib.parse.quote(subject, safe='')}/versions", body)["id"]

    def schema(self, schema_id):
        return self.rest("GET", f"/schemas/ids/{schema_id}")

    def latest(self, subject):
        return self.rest("GET", f"/subjects/{urllib.parse.quote(subject, safe='')}/versions/latest")

    def subjects(self):
        return self.rest("GET", "/subjects")


# --- Sluice -----------------------------------------------------------------------------------------------------------


def write_properties(path, properties):
    """A Java properties file, escaped so that any key and value comes back."""

    def escape(text, is_key=False):
        text = str(text).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        if is_key:
            text = re.sub(r"([ =:#!])", r"\\\1", text)
        return "\\" + text if text.startswith(" ") else text

    lines = (f"{escape(key, True)}={escape(value)}\n" for key, value in properties.items())
    pathlib.Path(path).write_text("".join(lines))


class ConnectApi:
    """What clients of a Connect worker at self.url do."""

    def rest(self, method, path, json=None, raw=None, headers=None, timeout=30):
        """One REST call; the answer of `requests`, whatever its status. `raw` is a body sent as it is."""
        return requests.request(method, self.url + path, json=json, data=raw, headers=headers, timeout=timeout)

    def status(self, name):
        """What GET /connectors/NAME/status says."""
        answer = self.rest("GET", f"/connectors/{requests.utils.quote(name, safe='')}/status")
        answer.raise_for_status()
        return answer.json()

    def wait_running(self, name, tasks=None, timeout=30, fail_fast=True):
        """Waits until the connector and all its tasks (at least one, or exactly `tasks`) run, and returns the status. A
        failed one ends the waiting, unless fail_fast is off because the test expects it to recover."""

        seen = "no answer"

        def running():
            nonlocal seen
            seen = status = self.status(name)
            parts = [status["connector"], *status["tasks"]]
            failed = [part for part in parts if part["state"] == "FAILED"]
            if failed and fail_fast:
                raise StandError(f"connector {name} failed: {failed[0].get('trace')}")
            count = len(status["tasks"])
            right = count == tasks if tasks is not None else count > 0
            return status if right and all(part["state"] == "RUNNING" for part in parts) else None

        try:
            return wait_until(running, timeout, f"connector {name} running")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {seen}\n{self.log_text()[-6000:]}") from None


class Worker(ConnectApi, Part):
    """`sluice worker` with REST on a free port. Connectors, on the command line, are files or configs as dicts."""

    name = "worker"

    def __init__(self, binary, workdir, properties, connectors=(), env=None, args=()):
        super().__init__(workdir)
        self.binary = pathlib.Path(binary).resolve()
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.properties = {"listeners": self.url, **properties}
        self.connectors = list(connectors)
        self.env = dict(env or {})
        self.args = list(args)
        self._last = (0, 0.0)

    def _prepare(self):
        write_properties(self.workdir / "worker.properties", self.properties)
        self._files = []
        for number, connector in enumerate(self.connectors):
            if isinstance(connector, dict):
                path = self.workdir / f"connector-{number}.json"
                path.write_text(json.dumps(connector, indent=2))
                connector = path
            self._files.append(connector)

    def _command(self):
        return [self.binary, "worker", self.workdir / "worker.properties", *self._files, *self.args]

    def _environ(self):
        return {**os.environ, **self.env}

    def _ready(self):
        return requests.get(self.url + "/", timeout=2).ok

    def stop(self):
        self._measure()
        return super().stop()

    def kill(self):
        self._measure()
        return super().kill()

    def rss_peak_kb(self):
        """The largest resident size so far; of the last run when it has ended."""
        self._measure()
        return self._last[0]

    def cpu_seconds(self):
        """User and system time so far; of the last run, as of its stop, when it has ended."""
        self._measure()
        return self._last[1]

    def _measure(self):
        if not self.running:
            return
        proc = pathlib.Path(f"/proc/{self.pid}")
        with contextlib.suppress(OSError, AttributeError, IndexError):
            peak = re.search(r"VmHWM:\s*(\d+)", (proc / "status").read_text())
            fields = (proc / "stat").read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            self._last = (int(peak.group(1)), ticks / os.sysconf("SC_CLK_TCK"))


# --- By hand ----------------------------------------------------------------------------------------------------------


def start_all(parts):
    """Starts parts at the same time; if one fails, all are stopped."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = [pool.submit(part.start) for part in parts]
        concurrent.futures.wait(started)
    try:
        for future in started:
            future.result()
    except BaseException:
        stop_all(parts)
        raise


def stop_all(parts):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda part: part.stop(), parts))


def _up(directory):
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    directory = pathlib.Path(directory)
    kafka, postgres, store = Kafka(directory / "kafka"), Postgres(directory / "postgres"), S3(directory / "s3")
    parts = [kafka, postgres, store]
    start_all(parts)
    addresses = {
        "kafka": {"bootstrap": kafka.bootstrap},
        "postgres": {"host": HOST, "port": postgres.port, "user": "postgres", "socket_dir": postgres.socket_dir},
        "s3": {"endpoint": store.endpoint, "access_key": store.access_key, "secret_key": store.secret_key},
    }
    print(json.dumps(addresses), flush=True)

    # A pipe or a terminal that closes ends it; /dev/null, which is always at its end, doesn't count.
    if stat.S_ISFIFO(os.fstat(0).st_mode) or os.isatty(0):

        def watch():
            while os.read(0, 4096):
                pass
            ended.set()

        threading.Thread(target=watch, daemon=True).start()
    dead = []
    while not ended.wait(0.5) and not dead:
        dead = [part.name for part in parts if not part.running]
    stop_all(parts)
    if dead:
        sys.exit(f"ended by itself: {', '.join(dead)}")


def main():
    parser = argparse.ArgumentParser(description="Kafka, Postgres and an S3 server on loopback, to try things by hand.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start them, print their addresses as one line of JSON, run until stopped")
    up.add_argument("--dir", required=True, help="where they keep their data and logs")
    up.set_defaults(run=lambda options: _up(options.dir))
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
