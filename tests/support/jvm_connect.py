# SPDX-License-Identifier: Apache-2.0
"""A JVM Kafka Connect worker as a part of the stand, to compare Sluice with: jars from Maven, standalone or distributed.

Jars are fetched by their coordinates and kept in SLUICE_CACHE (by default ~/.cache/sluice); what is there isn't fetched
again. This knows no connector: the caller says which plugins the worker has and gives its properties.
"""

import fcntl
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import stand

KAFKA, DEBEZIUM, LOG4J = "4.2.0", "3.6.1.Final", "2.25.3"
RUNTIME = [
    f"org.apache.kafka:connect-runtime:{KAFKA}",
    f"org.apache.kafka:connect-json:{KAFKA}",
    f"org.apache.kafka:connect-transforms:{KAFKA}",
    # The backend that /admin/loggers needs.
    f"org.apache.logging.log4j:log4j-core:{LOG4J}",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J}",
]
PLUGINS = {
    "file": (f"connect-file-{KAFKA}", [f"org.apache.kafka:connect-file:{KAFKA}"]),
    "debezium": (f"debezium-{DEBEZIUM}", [f"io.debezium:debezium-connector-postgres:{DEBEZIUM}"]),
}
WORKERS_OWN = ("connect-api-", "connect-json-", "kafka-", "slf4j-")  # jars that a plugin's folder must not repeat
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
JSON = "org.apache.kafka.connect.json.JsonConverter"


def fetch(name, coordinates):
    """A folder with the artifacts and all they depend on, from the cache or from Maven with three tries."""
    cache = stand.PLACES["SLUICE_CACHE"]
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".jars.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may want the same folder at the same time
        return _fetch(cache / name, coordinates)


def _fetch(folder, coordinates):
    recipe = " ".join(coordinates) + "\n"
    mark = folder / ".recipe"
    if mark.exists() and mark.read_text() == recipe:
        return folder
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        wanted = "".join(
            "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
                *coordinate.split(":")
            )
            for coordinate in coordinates
        )
        pom, result = pathlib.Path(work) / "pom.xml", pathlib.Path(work) / "jars"
        pom.write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>sluice</groupId><artifactId>oracle</artifactId>"
            f"<version>1</version><dependencies>{wanted}</dependencies></project>"
        )
        command = ["mvn", "-B", "-q", "-f", pom, COPY, "-DincludeScope=runtime", f"-DoutputDirectory={result}"]
        for pause in (5, 20, None):
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode == 0:
                break
            if pause is None:
                raise stand.StandError(f"fetching {recipe} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
            print(f"trying again in {pause} s")
            time.sleep(pause)
        (result / ".recipe").write_text(recipe)
        shutil.rmtree(folder, ignore_errors=True)
        result.rename(folder)
    return folder


class _Connect(stand.ConnectApi, stand.Part):
    """What both modes share. `plugins` are names in PLUGINS; `properties` add to and win over the settings given here."""

    name = "connect"
    start_timeout = 120
    grace = 30
    main_class = None

    def __init__(self, workdir, bootstrap, properties, plugins, heap):
        super().__init__(workdir)
        self.port = stand.free_port()
        self.url = f"http://{stand.HOST}:{self.port}"
        self._heap = heap
        self._jars = fetch(f"connect-{KAFKA}-log4j2", RUNTIME)
        path = self.workdir / "plugins"
        path.mkdir(exist_ok=True)
        for plugin in plugins:
            own = path / plugin
            own.mkdir(exist_ok=True)
            for jar in fetch(*PLUGINS[plugin]).glob("*.jar"):
                if not jar.name.startswith(WORKERS_OWN):
                    (own / jar.name).unlink(missing_ok=True)
                    (own / jar.name).symlink_to(jar)
        self.properties = {
            "bootstrap.servers": bootstrap,
            "listeners": self.url,
            "plugin.path": path,
            "plugin.discovery": "only_scan",
            "key.converter": JSON,
            "value.converter": JSON,
            "offset.flush.interval.ms": 1000,
            **(properties or {}),
        }

    def _prepare(self):
        stand.write_properties(self.workdir / "worker.properties", self.properties)
        (self.workdir / "log4j2.properties").write_text(
            "rootLogger.level = warn\nrootLogger.appenderRef.out.ref = out\n"
            "appender.out.type = Console\nappender.out.name = out\n"
            "appender.out.layout.type = PatternLayout\nappender.out.layout.pattern = %d %-5p %c{1} %m%n\n"
        )

    def _command(self):
        options = [
            f"-Xmx{self._heap}",
            "-Duser.timezone=UTC",
            f"-Dlog4j2.configurationFile={self.workdir / 'log4j2.properties'}",
        ]
        java = stand._java(*options, "-cp", f"{self._jars}/*", self.main_class)
        return [*java, self.workdir / "worker.properties"]

    def _ready(self):
        """REST listens before the herder serves; a list of connectors needs the herder."""
        return self.rest("GET", "/connectors", timeout=10).ok


class Standalone(_Connect):
    """With the connectors {name: config}, which all run when the start is over."""

    main_class = "org.apache.kafka.connect.cli.ConnectStandalone"

    def __init__(self, workdir, bootstrap, connectors, properties=None, plugins=("debezium",), heap="1000m"):
        properties = {"offset.storage.file.filename": pathlib.Path(workdir).resolve() / "offsets", **(properties or {})}
        super().__init__(workdir, bootstrap, properties, plugins, heap)
        self._connectors = connectors

    def _prepare(self):
        super()._prepare()
        for name, config in self._connectors.items():
            (self.workdir / f"{name}.json").write_text(json.dumps({"name": name, "config": config}))

    def _command(self):
        return [*super()._command(), *(self.workdir / f"{name}.json" for name in self._connectors)]

    def _ready(self):
        for status in map(self.status, self._connectors):
            failed = [task["trace"] for task in status["tasks"] if task["state"] == "FAILED"]
            if failed:
                raise stand.StandError(failed[0])
            if not status["tasks"] or any(task["state"] != "RUNNING" for task in status["tasks"]):
                return False
        return super()._ready()


class Distributed(_Connect):
    """One member of the group `group`. Its internal topics are GROUP-config, GROUP-offset and GROUP-status."""

    main_class = "org.apache.kafka.connect.cli.ConnectDistributed"

    def __init__(self, workdir, bootstrap, group, properties=None, plugins=("file",), heap="512m"):
        own = {"group.id": group}
        for kind in ("config", "offset", "status"):
            own |= {f"{kind}.storage.topic": f"{group}-{kind}", f"{kind}.storage.replication.factor": 1}
        own |= {"offset.storage.partitions": 5, "status.storage.partitions": 1, "scheduled.rebalance.max.delay.ms": 0}
        super().__init__(workdir, bootstrap, {**own, **(properties or {})}, plugins, heap)
