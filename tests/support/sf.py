# SPDX-License-Identifier: Apache-2.0
"""A Snowflake account on loopback (tests/support/snowflake, a stand-in; docs/snowflake-standin.md) as a part of the stand.

    with sf.Snowflake(workdir) as account:
        account.sql("create table ORDERS (ID int)")           # as the administrator
        ... a sink with account.config() ...
        account.rows("select * from ORDERS")                    # what landed, from DuckDB
        account.fault("lose", op="append")                      # the next append is done, nobody is told
        account.settings(commit_delay=[0, 5])
        account.quiet(); account.violations()

Operations of faults: hostname, token, access_token, open, append, status, drop, sql, sql_poll, sql_cancel. Actions: ANSWERS and
SPECIAL in server.py."""

import json
import pathlib
import sys

import pyarrow
import requests
import urllib3

import stand

urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # our own endpoint on loopback

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "snowflake"))
import sf_auth  # noqa: E402

SERVER = pathlib.Path(__file__).resolve().parent / "snowflake" / "server.py"
V4 = "com.snowflake.kafka.connector.SnowflakeStreamingSinkConnector"
V3 = "com.snowflake.kafka.connector.SnowflakeSinkConnector"


class Snowflake(stand.Part):
    """One account: user LOADER (role INGEST), database DB with schema PUBLIC, and two ingest hosts. mode: full, or count (rows are
    counted and nothing else, for benches). tls: a PEM file with key and certificate. users: {name: {"keys": [public PEM], "role",
    "roles"}} besides. one_port: hosts are 127.0.0.1, 127.0.0.2 and 127.0.0.3, all with the account's port, and discovery
    names none (as the official SDK wants it). A restart forgets everything."""

    name = "snowflake"

    def __init__(self, workdir, account="testacc", mode="full", users=None, tls=None, settings=None, oauth_clients=None, pats=None,
                 databases=None, one_port=False):  # fmt: skip
        super().__init__(workdir)
        self.account, self.user, self.role, self.db, self.schema = account, "LOADER", "INGEST", "DB", "PUBLIC"
        self.port, self.tls = stand.free_port(), tls
        self.ports = [self.port] * 2 if one_port else [stand.free_port(), stand.free_port()]
        scheme = "https" if tls else "http"
        self.control = f"{scheme}://{stand.HOST}:{self.port}"
        names = f"{account.replace('_', '-')}.snowflake.localhost", "east.ingest.localhost", "west.ingest.localhost"
        self.host, *ingest = ("127.0.0.1", "127.0.0.2", "127.0.0.3") if one_port else names
        self.url = f"{scheme}://{self.host}:{self.port}"
        self.private_pem, public = sf_auth.make_key(self.workdir)
        self.key_file = self.workdir / "rsa_key.p8"
        self.private_key = "".join(line for line in self.private_pem.splitlines() if "-----" not in line)
        self.fingerprint = sf_auth.PublicKey(public).fingerprint
        ingest = [{"host": name, "port": port} for name, port in zip(ingest, self.ports)]
        known = {self.user: {"keys": [public], "role": self.role, "roles": ["SECOND"]}, **(users or {})}
        self._config = {"port": self.port, "ingest": ingest, "account": account, "mode": mode, "users": known, "pats": pats or {},
                        "oauth_clients": oauth_clients or {}, "databases": databases or {"DB": ["PUBLIC", "OTHER"]},
                        "certificate": str(tls) if tls else None, "settings": settings or {}}  # fmt: skip

    def _prepare(self):
        (self.workdir / "config.json").write_text(json.dumps(self._config, indent=1))

    def _command(self):
        return [stand.PLACES["SLUICE_PYTHON"], "-B", SERVER, self.workdir / "config.json"]

    def _ready(self):
        return requests.get(f"{self.control}/_control/state", timeout=2, verify=False).ok

    # --- What a sink needs --------------------------------------------------------------------------------------------

    def config(self, topics, **more):
        """A sink's config without converters; keys with underscores stand for those with dots."""
        return {"connector.class": V4, "topics": topics, "sluice.snowflake.endpoint": self.url,
                "snowflake.url.name": f"https://{self.account}.eu-central-1.snowflakecomputing.com", "snowflake.user.name": self.user,
                "snowflake.private.key": self.private_key, "snowflake.database.name": self.db, "snowflake.schema.name": self.schema,
                "snowflake.role.name": self.role, "snowflake.streaming.validate.compatibility.with.classic": "false",
                **{key.replace("_", "."): str(value) for key, value in more.items()}}  # fmt: skip

    def jwt(self, **more):
        return sf_auth.make_jwt(self.key_file, self.account, self.user, self.fingerprint, **more)

    # --- What landed --------------------------------------------------------------------------------------------------

    def ask(self, what, body=None, method="POST"):
        answer = requests.request(method, f"{self.control}/_control/{what}", json=body or {}, timeout=120, verify=False)
        if not answer.ok:
            raise stand.StandError(f"{what}: {answer.text}")
        return answer

    def arrow(self, sql):
        return pyarrow.ipc.open_stream(self.ask("query", {"sql": sql}).content).read_all()

    def rows(self, sql):
        """Rows as tuples: Decimal, datetime, bytes as DuckDB has them; VARIANT as JSON text. Tables of DB.PUBLIC by name; a table's
        bad rows are in errors.TABLE; commits has a line a committed batch."""
        table = self.arrow(sql)
        return list(zip(*(column.to_pylist() for column in table.columns))) if table.num_columns else []

    def offsets(self, table, metadata="RECORD_METADATA"):
        """(topic, partition, offset) of every row that landed, sorted, with repetitions."""
        meta = f"{metadata}->>'topic', ({metadata}->>'partition')::int, ({metadata}->>'offset')::bigint"
        return self.rows(f"select {meta} from \"{table}\" order by all")

    def state(self):
        return self.ask("state").json()

    def violations(self):
        """What no client should have done."""
        return self.state()["violations"]

    def log(self):
        """The last 2000 requests: op, method, path, headers (without secrets), size, status (0: not answered)."""
        return self.ask("log").json()["requests"]

    def channels(self):
        """{name: status}."""
        return {one["channel_name"]: one for one in self.ask("channels").json()["channels"]}

    def tables(self):
        """{name: description}."""
        return {one["name"]: one for one in self.ask("tables").json()["tables"]}

    def statements(self):
        """The SQL that clients sent."""
        return [one["statement"] for one in self.ask("statements").json()["statements"]]

    def sql(self, statement, role=None, **bindings):
        """One statement of the stand-in's subset, by default as the sink's role."""
        answer = self.ask("sql", {"statement": statement, "db": self.db, "schema": self.schema, "role": role or self.role,
                                  "bindings": bindings}).json()  # fmt: skip
        if "code" in answer:
            raise stand.StandError(f"{answer['code']}: {answer['message']}")
        return answer["rows"]

    def run_tasks(self):
        """Runs every task that was resumed once, and says how many."""
        return self.ask("run_tasks").json()["ran"]

    # --- Switches -----------------------------------------------------------------------------------------------------

    def settings(self, **changed):
        return self.ask("settings", changed).json()

    def fault(self, action, op="any", **more):
        """The next `times` (1; None: all) requests of op, after `skip` of them, for `seconds` at most, with `chance`."""
        self.ask("faults", {"rules": [{"action": action, "op": op, **more}]})

    def faults(self, rules, seed=0):
        self.ask("faults", {"rules": rules, "seed": seed})

    def quiet(self):
        """No more faults; commits go on."""
        self.ask("faults", method="DELETE")
        self.freeze_commits(False)

    def freeze_commits(self, on=True):
        self.ask("freeze_commits", {"on": on})

    def invalidate(self, channel=None, code="ERR_CHANNEL_MUST_BE_REOPENED"):
        return self.ask("invalidate", {"channel": channel, "code": code}).json()["channels"]

    def failover(self):
        return self.ask("failover").json()

    def revoke_tokens(self):
        self.ask("revoke_tokens")

    def refuse_user(self, on=True, user=None):
        self.ask("refuse_user", {"on": on, "user": user or self.user})

    def pipe(self, name, table, **more):
        """A user's pipe, or a change of one; invalid="CODE": it takes rows and throws them away."""
        return self.ask("pipe", {"db": self.db, "schema": self.schema, "name": name, "table": table, **more}).json()

    def grant(self, table, role, *privileges, owner=None):
        owner = {"owner": owner} if owner else {}
        self.ask("grant", {"db": self.db, "schema": self.schema, "table": table, "role": role, "privileges": list(privileges), **owner})

    def drop_channel(self, channel):
        self.ask("drop_channel", {"channel": channel})
