"""Connections to Postgres: TLS with every kind of file that JDBC users have, several hosts, .pgpass; and a standby that is read,
and then promoted."""

import os
import re
import subprocess

import pytest

import secured
import stand
from conftest import PG_PASSWORD, Database, read, wait_until

KEY_PASSWORD = "key-s3cret-3"


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return secured.Authority(tmp_path_factory.mktemp("ca"))


class TlsPostgres(stand.Postgres):
    """Roles: cdc with a password, over TLS only; cert by its client certificate."""

    def __init__(self, workdir, authority):
        access = ["hostnossl all cdc all reject\n", "hostssl all cert all cert\n"]
        tls = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.pem"}
        super().__init__(workdir, major=15, config={**tls, "wal_sender_timeout": "20s"}, access=access)
        self.authority = authority

    def _prepare(self):
        super()._prepare()
        self._write("ca.pem", self.authority.certificate.read_text())
        for name, san in {"server": f"IP:{stand.HOST},DNS:localhost", "misnamed": "DNS:elsewhere"}.items():
            self._issue(name, san)
        self._issue("expired", f"IP:{stand.HOST}", days=-1)

    def _issue(self, name, san, **more):
        self.authority.issue(name, san, **more)
        for end in ("crt", "key"):
            self._write(f"{name}.{end}", (self.authority.directory / f"{name}.{end}").read_text(), 0o600)

    def show(self, name):
        """Serves another certificate."""
        for kind, end in {"cert": "crt", "key": "key"}.items():
            self.sql(f"alter system set ssl_{kind}_file = '{name}.{end}'")
        self.sql("select pg_reload_conf()")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory, authority):
    with TlsPostgres(tmp_path_factory.mktemp("postgres"), authority) as part:
        part.sql(f"create role cdc superuser login replication password '{PG_PASSWORD}'")
        part.sql("create role cert superuser login replication")
        yield part


@pytest.fixture(scope="session")
def files(authority, tmp_path_factory):
    """Client certificates and keys, in the ways of libpq and of JDBC."""
    made = {"ca": authority.certificate, "dir": authority.directory}
    authority.issue("cert", password=KEY_PASSWORD)
    made["pem"], made["crt"] = authority.directory / "cert.key", authority.directory / "cert.crt"
    stranger = secured.Authority(authority.directory, "stranger")
    made["stranger"] = stranger.certificate
    unlocked = ["-in", made["pem"], "-passin", f"pass:{KEY_PASSWORD}"]
    commands = {
        "plain.pem": ["pkcs8", "-topk8", "-nocrypt", *unlocked],
        "plain.pk8": ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", *unlocked],
        "locked.pk8": ["pkcs8", "-topk8", "-outform", "DER", *unlocked, "-passout", f"pass:{KEY_PASSWORD}"],
        "store.p12": ["pkcs12", "-export", "-inkey", made["pem"], "-in", made["crt"], "-passin", f"pass:{KEY_PASSWORD}",
                      "-passout", f"pass:{KEY_PASSWORD}"],
        "crt.der": ["x509", "-outform", "DER", "-in", made["crt"]],
        "ca.der": ["x509", "-outform", "DER", "-in", made["ca"]],
    }  # fmt: skip
    for name, command in commands.items():
        made[name] = authority.directory / name
        openssl(*command, "-out", made[name])
        made[name].chmod(0o600)
    made["pem"].chmod(0o600)
    made["jks"] = authority.directory / "store.jks"
    made["jks"].write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2")
    return made


@pytest.fixture
def connect(binary, postgres, tmp_path):
    """connect(key=value, ...) gives None when a connection is possible, else what `sluice validate` says."""

    def run(env=None, **more):
        config = Database.config(NoDatabase(postgres), snapshot_mode="initial_only", **{"name": "c", **more})
        path = tmp_path / "connector.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in config.items() if value is not None))
        env = {**os.environ, "PGPASSWORD": PG_PASSWORD, "HOME": str(tmp_path), **(env or {})}
        out = subprocess.run([binary, "validate", path], capture_output=True, text=True, timeout=60, env=env)
        for secret in (PG_PASSWORD, KEY_PASSWORD):
            assert secret not in out.stdout + out.stderr
        found = re.findall(r"^ERROR\s+(\S+)\s+(.*)$", out.stdout, re.M)
        assert (out.returncode == 0) == (not found), out
        return " ".join(text for _, text in found) or None

    return run


class NoDatabase:
    """Stands in for conftest's Database."""

    def __init__(self, postgres):
        self.postgres, self.name, self.prefix, self.slot, self.publication = postgres, "postgres", "x", "x", "x"


def test_tls_of_the_server(connect, postgres, files):
    ca = {"database_sslrootcert": files["ca"]}
    assert "no encryption" in connect(database_sslmode="disable")
    assert connect() is None  # prefer
    assert connect(database_sslmode="require") is None
    assert connect(database_sslmode="verify-full", **ca) is None
    assert connect(database_sslmode="verify-full", database_sslrootcert=files["ca.der"]) is None
    assert "root certificate file" in connect(database_sslmode="verify-ca")
    assert "certificate verify failed" in connect(database_sslmode="verify-ca", database_sslrootcert=files["stranger"])
    assert "database.sslrootcert" in connect(database_sslmode="verify-ca", database_sslrootcert=files["jks"])
    assert "can't read" in connect(database_sslmode="verify-ca", database_sslrootcert="/nowhere/ca.pem")
    try:
        postgres.show("misnamed")
        wait_until(lambda: connect(database_sslmode="verify-full", **ca), what="the other certificate")
        assert 'does not match host name "127.0.0.1"' in connect(database_sslmode="verify-full", **ca)
        assert connect(database_sslmode="verify-ca", **ca) is None
        postgres.show("expired")
        wait_until(lambda: connect(database_sslmode="verify-ca", **ca), what="the expired certificate")
        assert "certificate verify failed" in connect(database_sslmode="verify-ca", **ca)
    finally:
        postgres.show("server")


KEYS = {
    "PEM": ("plain.pem", "crt", None),
    "PEM with a password": ("pem", "crt", KEY_PASSWORD),
    "PKCS-8": ("plain.pk8", "crt", None),
    "PKCS-8 with a password": ("locked.pk8", "crt.der", KEY_PASSWORD),
    "PKCS#12": ("store.p12", None, KEY_PASSWORD),
}


def client(files, key, crt, password):
    keys = {"database.user": "cert", "database.password": None, "database.sslmode": "verify-full", "database.sslrootcert": files["ca"]}
    keys |= {"database.sslkey": files[key], "database.sslpassword": password}
    return keys | ({"database.sslcert": files[crt]} if crt else {})


def test_client_certificates(connect, files):
    for case in KEYS.values():
        assert connect(**client(files, *case)) is None, case
    assert "SQLSTATE 28000" in connect(database_user="cert", database_sslmode="require")
    for key in ("locked.pk8", "store.p12"):
        said = connect(**client(files, key, "crt", "wr0ng"))
        assert "check database.sslpassword" in said and "wr0ng" not in said
    assert "keytool -importkeystore" in connect(**client(files, "jks", "crt", None))
    assert "could not load private key" in connect(**client(files, "pem", "crt", "wr0ng"))


def test_hosts_and_passwords(connect, postgres, tmp_path):
    dead, port = stand.free_port(), postgres.port
    both = {"database_hostname": f"{stand.HOST}:{dead}, {stand.HOST}:{port}"}
    assert connect(**both) is None
    assert connect(database_targetServerType="secondary", **both).count("connection to server") == 2
    assert connect(database_hostname=stand.HOST, database_targetServerType="preferSecondary") is None
    assert connect(database_hostname=f"{stand.HOST}:{dead}", driver_targetServerType="any") is not None
    # libpq's own file, only when no password is given.
    passwords = tmp_path / "pass"
    passwords.write_text(f"*:*:*:cdc:{PG_PASSWORD}\n")
    passwords.chmod(0o600)
    given = {"PGPASSFILE": str(passwords), "PGPASSWORD": ""}
    assert connect(given, **{"database.password": None}) is None
    assert "SQLSTATE 28P01" in connect(given, database_sslmode="require", **{"database.password": "wr0ng"})
    assert "no password supplied" in connect({"PGPASSWORD": ""}, **{"database.password": None})
    assert connect(database_options="-c search_path=pg_catalog", database_channelBinding="require") is None


def test_a_line_over_tls(make_worker, kafka, postgres, files, unique):
    """Snapshot and stream with a PKCS#12 store; a query that is not answered in time opens the task anew; a refused role fails
    it at once, with its SQLSTATE."""
    database = Database(postgres, unique)
    database.sql("create table t (id int primary key); insert into t values (1)")
    config = database.config(table_include_list="public.t", database_query_timeout_ms="500") | client(files, *KEYS["PKCS#12"])
    worker = make_worker().start()
    worker.run("pg", {key: str(value) for key, value in config.items() if value is not None})
    database.sql("insert into t values (2)")
    records = read(kafka, f"{database.prefix}.public.t", 2)
    assert [record.value["op"] for record in records] == ["r", "c"]
    used = postgres.sql("select count(*), bool_and(s.ssl and s.client_dn like '%cert%') from pg_stat_ssl s join pg_stat_activity a"
                        " using (pid) where a.usename = 'cert'")  # fmt: skip
    assert used[0][0] >= 2 and used[0][1]
    worker.rest("PUT", "/connectors/pg/pause")
    wait_until(lambda: worker.status("pg")["tasks"][0]["state"] == "PAUSED", what="the pause")
    with database.connect(autocommit=False) as connection:
        connection.execute("lock table pg_catalog.pg_publication in access exclusive mode")
        worker.rest("PUT", "/connectors/pg/resume")
        late = "within database.query.timeout.ms"
        wait_until(lambda: late in worker.status("pg")["tasks"][0].get("trace", ""), what="the query's limit")
    worker.wait_running("pg")
    postgres.sql("alter role cert nologin")
    try:
        postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cert'")
        trace = worker.wait_failed("pg")
        assert "28000" in trace and KEY_PASSWORD not in trace + worker.log_text()
    finally:
        postgres.sql("alter role cert login")


def test_least_privilege(make_worker, kafka, postgres):
    """The statements of docs/postgres.md, as they stand there, are all that a connector needs."""
    text = (stand.PLACES["SLUICE_ROOT"] / "docs" / "postgres.md").read_text()
    minimal, more = re.findall(r"```sql\n(.*?)```", text, re.S)
    database = Database(postgres, "shop")
    database.sql(
        """create role app_owner; create schema app; create table app.orders (id int primary key, item text);
           create table app.customers (id int primary key); insert into app.orders values (1, 'one'); alter schema app owner to app_owner;
           alter table app.orders owner to app_owner; alter table app.customers owner to app_owner"""
    )
    database.sql(minimal)
    worker = make_worker().start()
    own = {"database.user": "sluice", "database.password": "change-me", "database.sslmode": "require", "table.include.list": "app.*"}
    config = database.config(publication_name="sluice_pub", publication_autocreate_mode="disabled") | own
    worker.run("pg", config)
    database.sql("insert into app.orders values (2, 'two'); delete from app.orders where id = 1")
    records = read(kafka, "shop.app.orders", 4)
    assert [record.value and record.value["op"] for record in records] == ["r", "c", "d", None]
    # Again behind a predecessor that was killed: its sessions are this role's, so it may end them.
    worker.kill()
    worker.start()
    database.sql("insert into app.customers values (1)")
    assert read(kafka, "shop.app.customers", 1)[0].value["op"] == "c"
    database.sql(more)
    filtered = {"slot.name": "filtered", "publication.name": "filtered", "publication.autocreate.mode": "filtered", "topic.prefix": "f"}
    worker.run("filtered", config | filtered)
    assert len(read(kafka, "f.app.orders", 1)) == 1
    worker.delete("filtered")
    database.sql("create table app.later (id int primary key); grant select on app.later to sluice; alter table app.later owner to app_owner")
    worker.run("filtered", config | filtered)
    database.sql("insert into app.later values (1)")
    assert read(kafka, "f.app.later", 1)[0].value["op"] == "c"


def test_promotion(make_worker, kafka, tmp_path):
    """Three connectors around one failover: with a failover slot it goes on through the second host, without loss and without
    a row twice; without one it stops and says what to do; one that reads the standby itself never notices."""
    names = {"synchronized_standby_slots": "link", "wal_sender_timeout": "20s"}
    synced = {"primary_slot_name": "link", "sync_replication_slots": "on", "hot_standby_feedback": "on", "synchronized_standby_slots": ""}
    primary = stand.Postgres(tmp_path / "primary", major=17, config=names).start()
    primary.sql(f"create role cdc superuser login replication password '{PG_PASSWORD}'; "
                "select pg_create_physical_replication_slot('link')")  # fmt: skip
    database = Database(primary, "shop")
    database.sql("create table t (id int primary key); insert into t values (1); create publication pub for table t")
    standby = stand.Standby(tmp_path / "standby", primary, config=synced, dbname="postgres").start()
    try:
        promotion(make_worker, kafka, database, primary, standby)
    finally:
        standby.stop()
        primary.stop()


def promotion(make_worker, kafka, database, primary, standby):
    hosts = {"database.hostname": f"{stand.HOST}:{primary.port},{stand.HOST}:{standby.port}"}

    def config(name, more):
        own = {"slot.name": name, "topic.prefix": name, "publication.name": "pub", "table.include.list": "public.t"}
        return database.config() | own | more

    worker = make_worker(env={"PGPASSWORD": PG_PASSWORD}).start()
    worker.run("safe", config("safe", {**hosts, "slot.failover": "true"}))
    worker.run("plain", config("plain", hosts))
    worker.create("reader", config("reader", {"database.port": str(standby.port)}))

    def running():
        primary.sql("select pg_log_standby_snapshot()")  # a slot on a standby waits for one
        return [task["state"] for task in worker.status("reader")["tasks"]] == ["RUNNING"] and \
            standby.sql("select 1 from pg_replication_slots where slot_name = 'reader' and confirmed_flush_lsn is not null")

    wait_until(running, 30, "the slot on the standby")
    database.sql("insert into t select generate_series(2, 100)")
    for name in ("safe", "plain", "reader"):
        read(kafka, f"{name}.public.t", 100, timeout=60)

    def in_step():
        database.sql("insert into t select max(id) + 1 from t")
        rows = standby.sql("select synced and not temporary and invalidation_reason is null from pg_replication_slots where slot_name = 'safe'")
        return rows == [(True,)]

    wait_until(in_step, 60, "the slot to be synchronised", 0.3)
    before = database.sql("select max(id) from t")[0][0]
    primary.kill()
    standby.promote()
    standby.sql("insert into t select generate_series(100001, 100100)", "shop")
    for name in ("safe", "reader"):
        wanted = [row[0] for row in standby.sql("select id from t order by id", "shop")]
        assert len(wanted) >= before + 100 - 1
        records = read(kafka, f"{name}.public.t", len(wanted), timeout=60)
        assert [record.value["after"]["id"] for record in records] == wanted
    trace = worker.wait_failed("plain", 60)
    assert "slot plain does not exist" in trace and "offsets" in trace
    assert worker.status("safe")["tasks"][0]["state"] == "RUNNING"
