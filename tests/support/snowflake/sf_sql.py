# SPDX-License-Identifier: Apache-2.0
"""SQL API v2: the statements that connectors issue, each read strictly; what is not known is a syntax error (422, 001003). Queries
(SELECT ... FROM a table) and dynamic tables go to DuckDB, with the few rewrites that `to_duck` names."""

import gzip
import json
import re
import threading
import time
import uuid

from sf_tables import Column, SqlError, Table, Type, missing, quoted

NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*)'
PATH = rf"(?:identifier\(\s*(?:\?|'(?:[^']|'')*')\s*\)|{NAME}(?:\.{NAME}){{0,2}})"


def parts(text):
    """The parts of a name, quotes taken off, unquoted upper-cased."""
    found = re.findall(NAME, text)
    if not re.fullmatch(rf"{NAME}(?:\.{NAME}){{0,2}}", text):
        raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error: invalid identifier '{text}'.")
    return [p[1:-1].replace('""', '"') if p[0] == '"' else p.upper() for p in found]


def split_top(text, separator=","):
    """At separators outside of quotes and parentheses."""
    out, depth, start, i, quote = [], 0, 0, 0, None
    while i < len(text):
        c = text[i]
        if quote:
            if c == quote:
                if text[i + 1 : i + 2] == quote:
                    i += 1
                else:
                    quote = None
        elif c in "'\"":
            quote = c
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif c == separator and depth == 0:
            out.append(text[start:i])
            start = i + 1
        i += 1
    out.append(text[start:])
    return [part.strip() for part in out]


def like(pattern, value):
    """Snowflake's SHOW ... LIKE: case-insensitive, % and _ and backslash."""
    out, i = "", 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\" and i + 1 < len(pattern):
            i += 1
            out += re.escape(pattern[i])
        else:
            out += ".*" if c == "%" else "." if c == "_" else re.escape(c)
        i += 1
    return re.fullmatch(out, value, re.I | re.S) is not None


class Result:
    """Columns as (name, type), rows as lists of str or None."""

    def __init__(self, columns, rows):
        self.columns = [c if isinstance(c, tuple) else (c, "text") for c in columns]
        self.rows = [[None if v is None else str(v) for v in row] for row in rows]


def said(message):
    return Result(["status"], [[message]])


class Session:
    """Who asks, and what names without a path mean."""

    def __init__(self, user, role, db, schema, warehouse, bindings):
        self.user, self.role, self.db, self.schema, self.warehouse = user, role, db, schema, warehouse
        self.bindings = bindings
        self.used = 0


class Sql:
    def __init__(self, store, streaming, users, settings):
        self.store, self.streaming, self.users, self.settings = store, streaming, users, settings
        self.lock = threading.Lock()
        self.answers = {}  # requestId: (fingerprint, handle)
        self.handles = {}  # handle: {"status", "body", "ready": when, "partitions"}
        self.log = []  # (statement, bindings, role)
        self.dynamic = {}  # (db, schema, name): select
        self.streams = {}  # (db, schema, name): [table, rows that were consumed]
        self.tasks = {}
        self.ones = [(re.compile(pattern, re.I | re.S), run) for pattern, run in self._statements()]

    def _statements(self):
        p = PATH
        return [
            (rf"desc(?:ribe)?\s+table\s+({p})", self.desc_table),
            (rf"desc(?:ribe)?\s+pipe\s+({p})", self.desc_pipe),
            (rf"show\s+(iceberg\s+)?tables(?:\s+like\s+(\?|'(?:[^']|'')*'))?(?:\s+in\s+(?:schema\s+)?({p}))?", self.show_tables),
            (rf"show\s+grants\s+on\s+table\s+({p})", self.show_grants),
            (r"show\s+databases(?:\s+like\s+(\?|'(?:[^']|'')*'))?", self.show_databases),
            (rf"show\s+schemas(?:\s+like\s+(\?|'(?:[^']|'')*'))?(?:\s+in\s+(?:database\s+)?({p}))?", self.show_schemas),
            (rf"show\s+pipes(?:\s+like\s+(\?|'(?:[^']|'')*'))?(?:\s+in\s+(?:schema\s+)?({p}))?", self.show_pipes),
            (rf"create\s+(iceberg\s+)?table\s+(if\s+not\s+exists\s+)?({p})\s*\((.*)", self.create_table),
            (rf"alter\s+(iceberg\s+)?table\s+({p})\s+(add\s+column|add|alter|modify|set)\s+(.*)", self.alter_table),
            (rf"drop\s+table\s+(if\s+exists\s+)?({p})", self.drop_table),
            (r"select\s+system\$migrate_ssv1_channel_offset\(\s*\?\s*,\s*\?\s*,\s*\?\s*,\s*\?\s*\)(?:\s+as\s+(\w+))?", self.migrate),
            (r"select\s+current_role\(\)", lambda s: Result(["CURRENT_ROLE()"], [[s.role]])),
            (r"select\s+current_version\(\)", lambda s: Result(["CURRENT_VERSION()"], [["10.0.0"]])),
            (r"select\s+1", lambda s: Result([("1", "fixed")], [["1"]])),
            (rf"create\s+(or\s+replace\s+)?dynamic\s+table\s+(if\s+not\s+exists\s+)?({p})\s+(.*?)\s+as\s+(select\b.*)", self.create_dynamic),
            (rf"create\s+(or\s+replace\s+)?(?:dynamic\s+table|view)\s+(if\s+not\s+exists\s+)?({p})\s+as\s+(select\b.*)", self.create_view),
            (rf"create\s+(or\s+replace\s+)?task\s+(if\s+not\s+exists\s+)?({p})\s+(.*?)\s+as\s+(.*)", self.create_task),
            (rf"create\s+stream\s+(if\s+not\s+exists\s+)?({p})\s+on\s+table\s+({p})\s+append_only\s*=\s*true\s+show_initial_rows\s*=\s*true",
             self.create_stream),
            (rf"alter\s+task\s+(if\s+exists\s+)?({p})\s+(resume|suspend)", self.alter_task),
            (r"(?:select|with)\b.*", self.select),
        ]

    # --- Names --------------------------------------------------------------------------------------------------------

    def bind(self, session):
        session.used += 1
        given = session.bindings.get(str(session.used))
        if not isinstance(given, dict) or given.get("value") is None:
            raise SqlError("002049", "42601", f"SQL compilation error: bind variable {session.used} is not set.")
        if given.get("type") != "TEXT":
            raise SqlError("002049", "42601", f"Bind variable {session.used} has type {given.get('type')}, TEXT is wanted.")
        return str(given["value"])

    def text(self, session, word):
        return self.bind(session) if word == "?" else word[1:-1].replace("''", "'")

    def name(self, session, word):
        """(db, schema, name) of a path, which may be identifier(?)."""
        match = re.fullmatch(r"identifier\(\s*(.*?)\s*\)", word, re.I | re.S)
        found = parts(self.text(session, match[1]) if match else word)
        if len(found) < 2 and session.schema is None or len(found) < 3 and session.db is None:
            raise SqlError("090105", "22000", "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.")
        return tuple([session.db, session.schema, None][: 3 - len(found)]) + tuple(found)

    def table(self, session, word):
        return self.visible(session, self.name(session, word))

    def visible(self, session, key):
        """A table that is there and that the role may know of."""
        table = self.store.get(*key)
        if not (table.grants.get(session.role) or table.owner == session.role):
            raise missing("Table", ".".join((table.db, table.schema, table.name)))
        return table

    # --- Statements ---------------------------------------------------------------------------------------------------

    def desc_table(self, session, word):
        key = self.name(session, word)
        if key in self.dynamic:
            return self._desc_dynamic(key)
        table = self.visible(session, key)
        rows = [[c.name, c.type.text, "COLUMN", "N" if c.not_null else "Y", c.default if not c.autoincrement else "IDENTITY START 1 INCREMENT 1",
                 "N", "N", None, None, c.comment, None, None] for c in table.columns.values()]  # fmt: skip
        return Result(["name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment",
                       "policy name", "privacy domain"], rows)  # fmt: skip

    def _desc_dynamic(self, key):
        kinds = {"VARCHAR": "VARCHAR(16777216)", "JSON": "VARIANT", "DOUBLE": "FLOAT", "BLOB": "BINARY(8388608)", "TIMESTAMP": "TIMESTAMP_NTZ(9)",
                 "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ(9)", "TIME": "TIME(9)"}  # fmt: skip
        with self.store.lock:
            found = self.store.duck.execute(f"describe {quoted(f'{key[0]}.{key[1]}')}.{quoted(key[2])}").fetchall()
        return Result(["name", "type", "kind", "null?", "default", "comment"],
                      [[name, kinds.get(kind, kind.replace("DECIMAL", "NUMBER")), "COLUMN", "Y", None, None] for name, kind, *_ in found])  # fmt: skip

    def desc_pipe(self, session, word):
        db, schema, name = self.name(session, word)
        pipe = self.streaming.pipes.get((db, schema, name))
        if pipe is None:
            raise missing("Pipe", f"{db}.{schema}.{name}")
        return Result(["created_on", "name", "database_name", "schema_name", "definition", "owner", "notification_channel", "comment"],
                      [[stamp(), pipe.name, db, schema, f"COPY INTO {quoted(pipe.table)} FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING'))",
                        session.role, None, None]])  # fmt: skip

    def _scope(self, session, where):
        if where is None:
            return session.db, session.schema
        found = self.name(session, where)[1:] if "." in where or "identifier" in where.lower() else (session.db, parts(where)[0])
        return found[-2], found[-1]

    def show_tables(self, session, iceberg, pattern, where):
        pattern = self.text(session, pattern) if pattern else "%"
        db, schema = self._scope(session, where)
        rows = [[stamp(t.created), t.name, t.db, t.schema, "TABLE", t.comment, "", t.rows, 0, t.owner, "1", "OFF", "OFF",
                 "Y" if t.evolution else "N", "ROLE", "Y" if t.iceberg else "N", "Y" if t.error_logging else "N"]
                for t in self.store.tables.values()
                if (db, schema) == (t.db, t.schema) and like(pattern, t.name) and (t.iceberg or not iceberg)
                and (t.grants.get(session.role) or t.owner == session.role)]  # fmt: skip
        return Result(["created_on", "name", "database_name", "schema_name", "kind", "comment", "cluster_by", "rows", "bytes", "owner",
                       "retention_time", "automatic_clustering", "change_tracking", "enable_schema_evolution", "owner_role_type",
                       "is_iceberg", "error_logging"], rows)  # fmt: skip

    def show_grants(self, session, word):
        table = self.table(session, word)
        rows = [[stamp(), "OWNERSHIP", "TABLE", f"{table.db}.{table.schema}.{table.name}", "ROLE", table.owner, "true", table.owner]]
        rows += [[stamp(), privilege, "TABLE", f"{table.db}.{table.schema}.{table.name}", "ROLE", role, "false", table.owner]
                 for role, held in sorted(table.grants.items()) for privilege in sorted(held)]  # fmt: skip
        return Result(["created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by"], rows)

    def show_databases(self, session, pattern):
        pattern = self.text(session, pattern) if pattern else "%"
        names = sorted({db for db, _ in self.store.schemas if like(pattern, db)})
        return Result(["created_on", "name", "is_default", "is_current", "owner"], [[stamp(), n, "N", "N", "SYSADMIN"] for n in names])

    def show_schemas(self, session, pattern, where):
        pattern = self.text(session, pattern) if pattern else "%"
        db = self.name(session, where)[2] if where else session.db
        if db not in {d for d, _ in self.store.schemas}:
            raise SqlError("002043", "02000", f"SQL compilation error:\nObject does not exist, or operation cannot be performed: database {db}.")
        return Result(["created_on", "name", "is_default", "is_current", "database_name", "owner"],
                      [[stamp(), s, "N", "N", d, "SYSADMIN"] for d, s in sorted(self.store.schemas) if d == db and like(pattern, s)])  # fmt: skip

    def show_pipes(self, session, pattern, where):
        pattern = self.text(session, pattern) if pattern else "%"
        db, schema = self._scope(session, where)
        return Result(["created_on", "name", "database_name", "schema_name", "owner"],
                      [[stamp(), p.name, p.db, p.schema, session.role] for p in self.streaming.pipes.values()
                       if (p.db, p.schema) == (db, schema) and like(pattern, p.name)])  # fmt: skip

    def _need_schema(self, db, schema):
        if (db, schema) not in self.store.schemas:
            raise SqlError("002003", "02000", f"SQL compilation error:\nSchema '{db}.{schema}' does not exist or not authorized.")

    def create_table(self, session, iceberg, if_not_exists, word, rest):
        db, schema, name = self.name(session, word)
        self._need_schema(db, schema)
        depth = 1
        end = next((i for i, c in enumerate(_blank(rest)) if (depth := depth + (c == "(") - (c == ")")) == 0), None)
        if end is None:
            raise SqlError("001003", "42000", "SQL compilation error:\nsyntax error: ')' is missing.")
        columns = [self._column(text) for text in split_top(rest[:end])]
        options = self._options(rest[end + 1 :], iceberg)
        if session.role in self.settings["no_create_table"]:
            raise SqlError("003001", "42501", f"SQL access control error:\nInsufficient privileges to operate on schema '{schema}'.")
        with self.store.lock:
            if (db, schema, name) in self.store.tables:
                if not if_not_exists:
                    raise SqlError("002002", "42710", f"SQL compilation error:\nObject '{db}.{schema}.{name}' already exists.")
                return said(f"{name} already exists, statement succeeded.")
            if iceberg and not self.settings["iceberg_variant"] and any(c.type.base == "VARIANT" for c in columns):
                raise SqlError("002040", "42601", "SQL compilation error:\nUnsupported data type 'VARIANT'. for iceberg tables")
            table = Table(db, schema, name, session.role)
            table.iceberg = bool(iceberg)
            table.evolution = options.get("ENABLE_SCHEMA_EVOLUTION") == "TRUE"
            table.error_logging = options.get("ERROR_LOGGING") == "TRUE"
            table.comment = options.get("COMMENT", "")
            self.store.create(table, columns)
        return said(f"Table {name} successfully created.")

    def _column(self, text):
        match = re.fullmatch(rf"({NAME})\s+([A-Za-z_0-9]+(?:\s+precision)?(?:\s*\([^()]*(?:\([^()]*\)[^()]*)*\))?)(.*)", text, re.I | re.S)
        if not match:
            raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error at '{text}'.")
        rest = match[3].strip()
        column = Column(parts(match[1])[0], Type(match[2]))
        while rest:
            for pattern, run in ((r"not\s+null", lambda m: setattr(column, "not_null", True)), (r"null", lambda m: None),
                                 (r"comment\s+'((?:[^']|'')*)'", lambda m: setattr(column, "comment", m[1].replace("''", "'"))),
                                 (r"(?:autoincrement|identity)", lambda m: setattr(column, "autoincrement", True)),
                                 (r"default\s+('(?:[^']|'')*'|[\w.()]+)", lambda m: setattr(column, "default", m[1]))):  # fmt: skip
                found = re.match(pattern + r"(?!\w)\s*", rest, re.I)
                if found:
                    run(found)
                    rest = rest[found.end() :]
                    break
            else:
                raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error at '{rest}'.")
        return column

    @staticmethod
    def _options(text, iceberg):
        known = {"ENABLE_SCHEMA_EVOLUTION", "ERROR_LOGGING", "COMMENT", "CHANGE_TRACKING", "DATA_RETENTION_TIME_IN_DAYS"}
        if iceberg:
            known |= {"CATALOG", "EXTERNAL_VOLUME", "BASE_LOCATION", "ICEBERG_VERSION", "STORAGE_SERIALIZATION_POLICY", "TARGET_FILE_SIZE"}
        found, rest = {}, text.strip()
        while rest:
            match = re.match(r"([A-Za-z_]+)\s*=\s*('((?:[^']|'')*)'|[A-Za-z0-9_]+)\s*,?\s*", rest)
            if not match or match[1].upper() not in known:
                raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error at '{rest}'.")
            found[match[1].upper()] = match[3] if match[3] is not None else match[2].upper()
            rest = rest[match.end() :]
        return found

    def alter_table(self, session, iceberg, word, verb, rest):
        table = self.table(session, word)
        verb = re.sub(r"\s+", " ", verb.upper())
        if bool(iceberg) != table.iceberg:
            raise SqlError("001420", "42601", f"SQL compilation error:\n{table.name} is {'an' if table.iceberg else 'no'} iceberg table.")
        if verb in ("ADD", "ADD COLUMN"):
            need = ("EVOLVE SCHEMA",)
        else:
            need = ("EVOLVE SCHEMA",) if "drop not null" in rest.lower() else ("OWNERSHIP",)
        if not table.may(session.role, *need):
            raise SqlError("003001", "42501", f"SQL access control error:\nInsufficient privileges to operate on table '{table.name}'.")
        with self.store.lock:
            if verb.startswith("ADD"):
                self._add(table, rest)
            elif verb in ("ALTER", "MODIFY"):
                self._relax(table, rest)
            else:
                options = self._options(rest, iceberg)
                table.evolution = options.get("ENABLE_SCHEMA_EVOLUTION", str(table.evolution).upper()) == "TRUE"
                table.error_logging = options.get("ERROR_LOGGING", str(table.error_logging).upper()) == "TRUE"
        self._altered(table)
        return said("Statement executed successfully.")

    def _altered(self, table):
        """Switch: channels of a table that changed must be reopened."""
        if self.settings["alter_invalidates"]:
            for channel in self.streaming.all_channels():
                if (channel.pipe.db, channel.pipe.schema, channel.pipe.table) == (table.db, table.schema, table.name):
                    self.streaming.invalidate(channel.name)

    def _add(self, table, rest):
        added = []
        for text in split_top(rest):
            match = re.match(r"(?:column\s+)?(if\s+not\s+exists\s+)?(.*)", text, re.I | re.S)
            column = self._column(match[2])
            if column.name in table.columns or column.name in [c.name for c in added]:
                if not match[1]:
                    raise SqlError("001430", "42601", f"SQL compilation error:\ncolumn '{column.name}' already exists")
                continue
            if column.not_null and column.default is None and table.rows:
                raise SqlError("002028", "42601", f"Non-nullable column '{column.name}' cannot be added to non-empty table.")
            added.append(column)
        for column in added:
            self.store.add_column(table, column)

    def _relax(self, table, rest):
        for text in split_top(rest):
            match = re.fullmatch(rf"(?:(?:alter|modify)\s+)?(?:column\s+)?({NAME})\s+drop\s+not\s+null", text, re.I | re.S)
            if not match:
                raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error at '{text}'.")
            name = parts(match[1])[0]
            if name not in table.columns:
                raise SqlError("000904", "42000", f"SQL compilation error: error line 1\ninvalid identifier '{name}'")
            table.columns[name].not_null = False

    def drop_table(self, session, if_exists, word):
        key = self.name(session, word)
        if key not in self.store.tables:
            if if_exists:
                return said("Drop statement executed successfully.")
            raise missing("Table", ".".join(key))
        self.drop(key)
        return said(f"{key[2]} successfully dropped.")

    def drop(self, key):
        with self.streaming.lock, self.store.lock:
            for pipe_key in [k for k, p in self.streaming.pipes.items() if (p.db, p.schema, p.table) == key]:
                del self.streaming.pipes[pipe_key]
            self.store.drop(self.store.tables[key])

    def migrate(self, session, alias):
        """Channels of version 3 are known by their names in upper case."""
        table, old, channel, pipe = (self.bind(session) for _ in range(4))
        key = self.name(session, table)
        offset = {name.upper(): offset for name, offset in self.settings["v3_offsets"].items()}.get(old.upper())
        self.store.get(*key)
        made = self.streaming.pipe(key[0], key[1], f'"{parts(pipe)[-1] if NAME_RE.fullmatch(pipe) else pipe}"', session.role, create=True)
        with self.streaming.lock:
            found = made.channels.get(channel)
            if found is None:
                self.streaming.open(made, channel, session.role, {})
                found = made.channels[channel]
            if found.committed is None and offset is not None:
                found.committed = str(offset)
        return Result([(alias or "SYSTEM$MIGRATE_SSV1_CHANNEL_OFFSET").upper()], [[json.dumps({"ssv1_channel_found": offset is not None, "migrated_offset": None if offset is None else int(offset)})]])

    # --- Queries ------------------------------------------------------------------------------------------------------

    def to_duck(self, session, sql):
        """Snowflake's path and cast syntax on JSON, and table names by their physical ones."""
        sql = re.sub(r'((?:"[^"]+"|\b[A-Za-z_]\w*)(?:\.(?:"[^"]+"|[A-Za-z_]\w*))?)((?::(?:"[^"]+"|[A-Za-z_]\w*)(?:\.(?:"[^"]+"|[A-Za-z_]\w*))*))(?=\s*(::|[^:\w]|$))',
                     lambda m: f"({m[1]}->>'$" + "".join(f".{p}" for p in re.findall(r'"[^"]+"|[A-Za-z_]\w*', m[2])) + "')", sql)  # fmt: skip
        sql = re.sub(r"::\s*number\b", "::decimal(38,0)", sql, flags=re.I)
        sql = re.sub(r"::\s*(?:variant|object|array)\b", "::json", sql, flags=re.I)
        sql = re.sub(r"::\s*(?:string|text)\b", "::varchar", sql, flags=re.I)
        sql = re.sub(r"\bidentifier\(\s*(?:\?|'(?:[^']|'')*')\s*\)", lambda m: self.store.path(self.table(session, m[0])), sql, flags=re.I)

        def path(match):
            key = tuple(parts(match[0]))
            key = tuple([session.db, session.schema][: 3 - len(key)]) + key
            table = self.store.tables.get(key)
            if table:
                return self.store.path(table)
            known = key in self.streams or key in self.dynamic
            return f"{quoted(f'{key[0]}.{key[1]}')}.{quoted(key[2])}" if known else match[0]

        return re.sub(rf"(?:(?<=\bfrom\s)|(?<=\bjoin\s)|(?<=\binto\s)){NAME}(?:\.{NAME}){{0,2}}", path, sql, flags=re.I)

    def _duck(self, session, sql):
        with self.store.lock:
            try:
                return self.store.duck.execute(sql)
            except Exception as error:
                raise SqlError("001003", "42000", f"SQL compilation error:\n{error}") from None

    def create_dynamic(self, session, replace, if_not_exists, word, options, select):
        for wanted in ("target_lag", "warehouse"):
            if not re.search(rf"\b{wanted}\s*=", options, re.I):
                raise SqlError("001003", "42000", f"SQL compilation error:\n{wanted} is missing.")
        return self.create_view(session, replace, if_not_exists, word, select)

    def create_view(self, session, replace, if_not_exists, word, select):
        db, schema, name = self.name(session, word)
        self._need_schema(db, schema)
        if (db, schema, name) in self.dynamic and not replace:
            if if_not_exists:
                return said(f"{name} already exists, statement succeeded.")
            raise SqlError("002002", "42710", f"SQL compilation error:\nObject '{name}' already exists.")
        self.dynamic[db, schema, name] = select
        self._duck(session, f"create or replace view {quoted(f'{db}.{schema}')}.{quoted(name)} as {self.to_duck(session, select)}")
        return said(f"Dynamic table {name} successfully created.")

    def create_task(self, session, replace, if_not_exists, word, options, body):
        key = self.name(session, word)
        if key in self.tasks and not replace and not if_not_exists:
            raise SqlError("002002", "42710", f"SQL compilation error:\nObject '{key[2]}' already exists.")
        if replace or key not in self.tasks:
            self.tasks[key] = {"options": options, "body": body, "state": "suspended"}
        return said(f"Task {key[2]} successfully created.")

    def create_stream(self, session, if_not_exists, word, table):
        key = self.name(session, word)
        if key in self.streams:
            if not if_not_exists:
                raise SqlError("002002", "42710", f"SQL compilation error:\nObject '{key[2]}' already exists.")
            return said(f"{key[2]} already exists, statement succeeded.")
        self.streams[key] = [self.table(session, table), 0]
        return said(f"Stream {key[2]} successfully created.")

    def run_tasks(self):
        """Each task that was resumed, once: its statement sees what its streams have not given yet."""
        ran = 0
        for key, task in self.tasks.items():
            if task["state"] != "started":
                continue
            session = Session("TASK", None, key[0], key[1], "WH", {})
            sql = self.to_duck(session, task["body"])
            with self.store.lock:
                reach = {}
                for name, (table, done) in self.streams.items():
                    path = f"{quoted(f'{name[0]}.{name[1]}')}.{quoted(name[2])}"
                    self._duck(session, f"create or replace view {path} as select * from {self.store.path(table)} where rowid >= {done}")
                    if quoted(name[2]) in task["body"]:
                        reach[name] = table.rows
                self._duck(session, sql)
                for name, rows in reach.items():
                    self.streams[name][1] = rows
            ran += 1
        return ran

    def alter_task(self, session, if_exists, word, verb):
        key = self.name(session, word)
        if key not in self.tasks:
            raise missing("Task", key[2])
        self.tasks[key]["state"] = "started" if verb.lower() == "resume" else "suspended"
        return said("Statement executed successfully.")

    def select(self, session):
        if not session.warehouse:
            raise SqlError("000606", "57P03", "No active warehouse selected in the current session.")
        found = self._duck(session, self.to_duck(session, session.statement))
        return Result([(d[0], "text") for d in found.description], found.fetchall())

    # --- The API ------------------------------------------------------------------------------------------------------

    def run(self, session, statement):
        statement = statement.strip().rstrip(";").strip()
        session.statement = statement
        if re.match(r"(use|put|get|begin|commit|rollback|alter\s+session)\b", statement, re.I):
            raise SqlError("391911", "0A000", "Unsupported feature: this statement is not supported by the SQL API.")
        for pattern, run in self.ones:
            match = pattern.fullmatch(statement)
            if match:
                result = run(session, *match.groups())
                if session.used < len(session.bindings) and run != self.select:
                    raise SqlError("002049", "42601", "SQL compilation error: more bind variables than the statement has.")
                return result
        raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error line 1 at position 0 unexpected '{statement.split()[0] if statement else ''}'.")

    def submit(self, user, request_id, retry, body):
        """(status, answer) of POST /api/v2/statements."""
        if not isinstance(body.get("statement"), str):
            return 400, {"code": "391904", "message": "The body has no statement."}
        known = {"statement", "timeout", "database", "schema", "role", "warehouse", "bindings", "parameters"}
        if set(body) - known:
            return 400, {"code": "391904", "message": f"Unknown fields {sorted(set(body) - known)}."}
        with self.lock:
            known = self.answers.get(request_id) if request_id else None
            if known:
                return self.poll(known)
        role = body.get("role") or user["role"]
        handle = str(uuid.uuid4())
        session = Session(user["user"], role, body.get("database"), body.get("schema"), body.get("warehouse"), body.get("bindings") or {})
        self.log.append((body["statement"], session.bindings, role))
        try:
            if role not in user["roles"]:
                raise SqlError("390189", "08004", f"Role '{role}' specified in the connect string does not exist or not authorized.")
            if session.db is not None and session.db not in {d for d, _ in self.store.schemas}:
                raise SqlError("390201", "08004", f"The requested database '{session.db}' does not exist or not authorized.")
            if session.schema is not None and (session.db, session.schema) not in self.store.schemas:
                raise SqlError("390201", "08004", f"The requested schema '{session.schema}' does not exist or not authorized.")
            status, answer = 200, self.result(handle, self.run(session, body["statement"]))
        except SqlError as error:
            status, answer = 422, {"code": error.code, "sqlState": error.state, "message": error.message, "statementHandle": handle,
                                   "createdOn": int(time.time() * 1000), "statementStatusUrl": f"/api/v2/statements/{handle}"}  # fmt: skip
        polls = self.settings["sql_polls"]
        with self.lock:
            self.handles[handle] = {"status": status, "body": answer, "polls": polls, "canceled": False}
            if request_id:
                self.answers[request_id] = handle
        return self.poll(handle)

    def result(self, handle, result):
        size = self.settings["sql_partition_rows"]
        cut = [result.rows[i : i + size] for i in range(0, len(result.rows), size)] or [[]]
        kinds = [{"name": name, "database": "", "schema": "", "table": "", "type": kind, "nullable": True, "length": 16777216,
                  "byteLength": 16777216, "precision": None, "scale": None, "collation": None} for name, kind in result.columns]  # fmt: skip
        return {"resultSetMetaData": {"numRows": len(result.rows), "format": "jsonv2", "partitionInfo": [
                    {"rowCount": len(c), "uncompressedSize": len(json.dumps(c))} for c in cut], "rowType": kinds},
                "data": cut[0], "_rest": cut, "code": "090001", "statementStatusUrl": f"/api/v2/statements/{handle}?requestId={uuid.uuid4()}",
                "sqlState": "00000", "statementHandle": handle, "message": "Statement executed successfully.",
                "createdOn": int(time.time() * 1000)}  # fmt: skip

    def poll(self, handle, partition=None):
        one = self.handles.get(handle)
        if one is None:
            return 404, {"code": "391902", "message": f"No statement {handle}."}
        if one["polls"] > 0:
            one["polls"] -= 1
            return 202, {"code": "333334", "message": "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.",
                         "statementHandle": handle, "statementStatusUrl": f"/api/v2/statements/{handle}?requestId={uuid.uuid4()}"}  # fmt: skip
        if one["canceled"]:
            return 422, {"code": "000604", "sqlState": "57014", "message": "SQL execution canceled", "statementHandle": handle}
        body = {k: v for k, v in one["body"].items() if k != "_rest"}
        if partition and one["status"] == 200:
            cut = one["body"]["_rest"]
            if partition >= len(cut):
                return 400, {"code": "391912", "message": f"No partition {partition}."}
            return 200, gzip.compress(json.dumps({"data": cut[partition]}).encode())
        return one["status"], body

    def cancel(self, handle):
        one = self.handles.get(handle)
        if one is None:
            return 404, {"code": "391902", "message": f"No statement {handle}."}
        one["canceled"] = one["polls"] > 0
        one["polls"] = 0
        return 200, {"code": "000604", "sqlState": "57014", "message": "SQL execution canceled", "statementHandle": handle}


NAME_RE = re.compile(NAME)


def _blank(text):
    """The text with quoted parts blanked."""
    return re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", lambda m: " " * len(m[0]), text)


def stamp(at=None):
    return f"{at or time.time():.3f}"
