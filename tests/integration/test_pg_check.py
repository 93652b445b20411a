"""`sluice validate` against a real server: each thing that would keep a connector from running is said with the SQL that mends
it, and that SQL, run as it is printed, mends it."""

import re
import socket
import subprocess

import pytest

import stand
from conftest import Database

USER, PASSWORD = "limited", "l1mited-s3cret"
TABLES = """
    create schema app;
    create table app.orders (id int primary key, item text);
    create table app."Order Lines" (id int primary key, place point, area box);
    create table app.notes (note text);
    insert into app.orders values (1, 'one');
"""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    with stand.Postgres(tmp_path_factory.mktemp("postgres"), major=18) as part:
        part.sql(f"create role {USER} login password '{PASSWORD}'; create role owner login")
        yield part


@pytest.fixture
def check(binary, database, tmp_path):
    """check(key=value, ...) gives {key: [sentences]} of errors and of warnings."""

    def run(**more):
        config = {"name": "c", "database.password": PASSWORD, **database.config(**{"database_user": USER, **more})}
        config["database.password"] = more.get("database_password", PASSWORD)
        path = tmp_path / "connector.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in config.items() if value is not None))
        out = subprocess.run([binary, "validate", path], capture_output=True, text=True, timeout=60)
        assert PASSWORD not in out.stdout + out.stderr and out.returncode in (0, 3), out
        found = {"ERROR": {}, "WARNING": {}}
        for kind, key, text in re.findall(r"^(ERROR|WARNING)\s+(\S+)\s+(.*)$", out.stdout, re.M):
            found[kind].setdefault(key, []).append(text)
        return found["ERROR"], found["WARNING"]

    return run


def has(found, key, *words):
    assert any(all(word in text for word in words) for text in found.get(key, [])), (key, words, found)


def test_least_privilege(check, database, postgres):
    """A role without superuser: what is missing is named one after the other, and the printed SQL is enough."""
    database.sql(TABLES)
    more = {"table_include_list": "app.orders,app.order lines", "publication_autocreate_mode": "disabled"}
    errors, warnings = check(**more)
    assert set(errors) == {"database.user", "publication.name"}, errors
    has(errors, "database.user", f'run ALTER ROLE "{USER}" REPLICATION')
    has(errors, "database.user", f'run GRANT USAGE ON SCHEMA "app" TO "{USER}"')
    has(errors, "database.user", f'run GRANT SELECT ON "app"."orders", "app"."Order Lines" TO "{USER}"')
    has(errors, "publication.name", "disabled", f'CREATE PUBLICATION "{database.publication}" FOR TABLE "app"."Order Lines", "app"."orders"')
    has(warnings, "include.unknown.datatypes", "app.Order Lines.area (box)")
    assert not any("notes" in text for found in (errors, warnings) for texts in found.values() for text in texts)
    for texts in errors.values():
        for text in texts:
            sql = re.search(r"(?:run )((?:ALTER ROLE|GRANT|CREATE PUBLICATION).*?)(?: as a superuser)?$", text)
            database.sql(sql.group(1))
    assert check(**more)[0] == {}

    # filtered: the user must own the tables and may create in the database.
    filtered = {"table_include_list": "app.orders", "publication_autocreate_mode": "filtered", "publication_name": "other"}
    errors, _ = check(**filtered)
    assert set(errors) == {"publication.autocreate.mode"}, errors
    has(errors, "publication.autocreate.mode", 'tables of other owners: "app"."orders"')
    has(errors, "publication.autocreate.mode", f'run GRANT CREATE ON DATABASE "{database.name}" TO "{USER}"')
    database.sql(f"grant create on database {database.name} to {USER}; alter table app.orders owner to {USER}")
    assert check(**filtered)[0] == {}
    errors, _ = check(publication_name="all")
    has(errors, "publication.autocreate.mode", "Only a superuser", "CREATE PUBLICATION \"all\" FOR ALL TABLES")
    postgres.sql(f"alter role {USER} noreplication")


def test_publication_and_identities(check, database, postgres):
    postgres.sql(f"alter role {USER} replication")
    database.sql(TABLES + f"grant usage on schema app to {USER}; grant select on all tables in schema app to {USER};"
                 "alter table app.orders replica identity nothing;"
                 "create table app.derived (id int primary key, twice int generated always as (id * 2) stored);"
                 "alter table app.derived replica identity full;"
                 f"grant select on app.derived to {USER};"
                 f"create publication {database.publication} for table app.orders with (publish = 'insert, update')")  # fmt: skip
    errors, warnings = check(table_include_list="app.*", slot_failover="true", publish_via_partition_root="true")
    assert errors == {}, errors
    has(warnings, "publication.name", "leaves out every delete")
    has(warnings, "publication.name", "does not publish", '"app"."notes"', "ADD TABLE")
    has(warnings, "table.include.list", "REPLICA IDENTITY FULL for each", '"app"."notes", "app"."orders"')
    has(warnings, "table.include.list", "generated columns", '"app"."derived"')
    has(warnings, "publish.via.partition.root", "= false")
    has(warnings, "slot.failover", "synchronized_standby_slots is empty")
    _, warnings = check(table_include_list="app.nowhere")
    has(warnings, "table.include.list", "No table of database")
    database.sql(f"alter table app.orders enable row level security; create policy p on app.orders using (id > 5)")
    _, warnings = check(table_include_list="app.orders")
    has(warnings, "database.user", "Row level security", f'ALTER ROLE "{USER}" BYPASSRLS')
    # The snapshot may be done when there is a slot: missing rights are then a warning.
    database.sql(f"select pg_create_logical_replication_slot('{database.slot}', 'pgoutput'); revoke select on app.orders from {USER}")
    errors, warnings = check(table_include_list="app.orders")
    assert errors == {}
    has(warnings, "database.user", 'GRANT SELECT ON "app"."orders"')
    errors, _ = check(table_include_list="app.orders", slot_name="fresh")
    has(errors, "database.user", 'GRANT SELECT ON "app"."orders"')


def test_slots_and_settings(check, database, postgres):
    database.sql(TABLES + f"grant usage on schema app to {USER}; grant select on all tables in schema app to {USER}")
    postgres.sql(f"alter role {USER} replication")
    database.sql(f"create publication {database.publication} for table app.orders")
    database.sql("select pg_create_physical_replication_slot('physical')")
    database.sql("select pg_create_logical_replication_slot('text_slot', 'test_decoding')")
    database.sql("select pg_create_logical_replication_slot('two', 'pgoutput', false, true)")
    postgres.sql("select pg_create_logical_replication_slot('elsewhere', 'pgoutput')")
    for slot, words in {"physical": "physical", "text_slot": "test_decoding", "two": "two_phase", "elsewhere": "another database"}.items():
        errors, _ = check(slot_name=slot, table_include_list="app.orders")
        assert set(errors) == {"slot.name"}
        has(errors, "slot.name", words)
    errors, _ = check(slot_name="Bad-Name", table_include_list="app.orders")
    has(errors, "slot.name", "is invalid")
    for setting, value in {"idle_replication_slot_timeout": "'1h'", "max_slot_wal_keep_size": "'1GB'", "max_replication_slots": "4",
                           "wal_level": "replica"}.items():  # fmt: skip
        postgres.sql(f"alter system set {setting} = {value}")
    with_slots = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where plugin is not null"
    for name in (database.name, "postgres"):
        postgres.sql(with_slots + f" and database = '{name}'", name)
    for i in range(3):
        postgres.sql(f"select pg_create_physical_replication_slot('full{i}')")
    # The stand's own file would win over ALTER SYSTEM's only if it came later: it does not.
    postgres.restart()
    try:
        errors, warnings = check(table_include_list="app.orders")
        has(errors, "database.hostname", "wal_level is replica", "ALTER SYSTEM SET wal_level = logical")
        has(errors, "slot.name", "All 4 replication slots", "max_replication_slots = 9")
        has(warnings, "slot.name", "max_slot_wal_keep_size is 1GB")
        has(warnings, "slot.name", "idle_replication_slot_timeout is 1h")
        errors, _ = check(table_include_list="app.orders", snapshot_mode="initial_only")
        assert errors == {}, errors
    finally:
        postgres.sql("alter system reset all")
        postgres.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
        postgres.restart()


def test_no_connection(check, database, postgres):
    """What is said when the server can't be reached or refuses us: the SQLSTATE, no secret, within the time allowed."""
    errors, _ = check(database_password="wr0ng-s3cret")
    has(errors, "database.hostname", "Unable to connect", "password authentication failed", "SQLSTATE 28P01")
    assert "wr0ng" not in str(errors) and "LOCATION" not in str(errors)
    errors, _ = check(database_dbname="nowhere")
    has(errors, "database.hostname", 'database "nowhere" does not exist', "SQLSTATE 3D000")
    errors, _ = check(database_port=str(stand.free_port()))
    has(errors, "database.hostname", "Connection refused")
    errors, _ = check(database_sslmode="require")
    has(errors, "database.hostname", "server does not support SSL")
    database.sql(TABLES)
    # A server that accepts and says nothing.
    with socket.socket() as silent:
        silent.bind((stand.HOST, 0))
        silent.listen()
        errors, _ = check(database_port=str(silent.getsockname()[1]), connection_validation_timeout_ms="300")
    has(errors, "database.hostname", "no answer from Postgres", "within 300 ms")
    # One that does not answer a query in time: the catalog is locked.
    with database.connect(autocommit=False) as connection:
        connection.execute("lock table pg_catalog.pg_publication in access exclusive mode")
        errors, _ = check(connection_validation_timeout_ms="1500", database_user="postgres")
    has(errors, "database.hostname", "could not be checked", "connection.validation.timeout.ms")


def test_pass_through(check, database):
    _, warnings = check(database_targetServerType="preferSlave", driver_socketTimeout="3", database_prepareThreshold="0",
                        database_ssl="true")  # fmt: skip
    for key, word in {"driver.socketTimeout": "libpq", "database.prepareThreshold": "libpq", "database.ssl": "sslmode"}.items():
        has(warnings, key, word)
    assert "database.targetServerType" not in warnings
    errors, _ = check(database_targetServerType="preferPrimary")
    has(errors, "database.targetServerType", "use primary")
    errors, _ = check(database_sslfactory="org.postgresql.ssl.NonValidatingFactory")
    has(errors, "database.sslfactory", "database.sslmode=require")
