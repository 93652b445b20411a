# SPDX-License-Identifier: Apache-2.0
"""Seeded writers on a Postgres database, whose every change is also a row of the table `audit`, written by the same statement: what
commits is there, what is rolled back is not, whatever a crash left open. audit.n is drawn under the row's lock, so that it orders the
changes of a key as they were committed. The table is in no publication.

    ledger   all writers, few keys: inserts, updates, deletes, changed keys, large values that updates leave alone
    shape    the same, REPLICA IDENTITY FULL, with columns that come, go and get other names
    bulk     large transactions, with savepoints that are rolled back
    spare    small inserts only

Rows have id (the key), ver (unique), mark ("poison" now and then), pad, and what DDL adds."""

import contextlib
import logging
import random
import threading
import time

import psycopg

import proof

TABLES = ("ledger", "shape", "bulk", "spare")
KEYS = 400
SETUP = """
create sequence versions; create sequence keys start 1000000;
create table audit (n bigserial primary key, tbl text not null, op text not null, id bigint not null, doc jsonb);
create table ledger (id bigint primary key, ver bigint not null default nextval('versions'), mark text, pad text);
create table shape (like ledger including all); create table bulk (like ledger including all); create table spare (like ledger including all);
alter table ledger alter pad set storage external; alter table shape replica identity full;
"""
MARK = "case when random() < 0.01 then 'poison' else (random() * 1000)::int::text end"
AUDITED = "insert into audit(tbl, op, id, doc) select '{table}', '{op}', id, {doc} from changed"


logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # what a server that dies leaves behind is no news here


class Undone(Exception):
    """Rolled back on purpose."""


def audited(table, op, statement, doc="to_jsonb(changed)"):
    return f"with changed as ({statement} returning *) " + AUDITED.format(table=table, op=op, doc=doc)


def insert(table, first, last, pad="'new'"):
    return audited(table, "c", f"insert into {table}(id, mark, pad) select i, {MARK}, {pad} from generate_series({first}::bigint, {last}) i "
                               "on conflict (id) do nothing")  # fmt: skip


def update(table, first, last, more=""):
    return audited(table, "u", f"update {table} set ver = nextval('versions'), mark = {MARK}{more} where id between {first} and {last}")


def delete(table, first, last):
    # Only with REPLICA IDENTITY FULL does a delete say more than its key.
    return audited(table, "d", f"delete from {table} where id between {first} and {last}",
                   "to_jsonb(changed)" if table == "shape" else "null")  # fmt: skip


def set_up(db, rows):
    """Tables with so many rows each, which a snapshot reads."""
    db.execute(SETUP)
    for table in TABLES:
        db.execute(audited(table, "r", f"insert into {table}(id, mark, pad) select i, {MARK}, 'old' from generate_series(1, {rows}) i"))


def truth(db, table):
    return [proof.Change(*row) for row in db.execute("select n, op, id, doc from audit where tbl = %s order by n", (table,))]


def rows(db, table):
    return dict(db.execute(f"select id, to_jsonb(t) from {table} t").fetchall())


class Writer(threading.Thread):
    """Goes on until `ended`, over any failure of the server; `done` counts transactions that were begun."""

    def __init__(self, connect, seed, pause):
        super().__init__(daemon=True)
        self.connect, self.pause, self.done = connect, pause, 0
        self.rng = random.Random(seed)
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            with contextlib.suppress(psycopg.Error):
                with self.connect(autocommit=True, prepare_threshold=None) as db:
                    db.execute("set lock_timeout = '3s'; set deadlock_timeout = '200ms'")
                    db.execute("select setseed(%s)", (self.rng.random(),))
                    self.write(db)
            self.ended.wait(0.3)

    def write(self, db):
        while not self.ended.wait(self.rng.uniform(0, 2 * self.pause)):
            self.done += 1
            try:
                self.transaction(db)
            except (Undone, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable, psycopg.errors.UniqueViolation):
                pass

    def transaction(self, db):
        """Some steps, each perhaps in a savepoint of its own, which perhaps is rolled back, as perhaps is all of it."""
        rng = self.rng
        with db.transaction():
            for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
                if rng.random() < 0.3:
                    with contextlib.suppress(Undone):
                        with db.transaction():
                            self.step(db)
                            if rng.random() < 0.5:
                                raise Undone
                else:
                    self.step(db)
            if rng.random() < 0.1:
                raise Undone

    def step(self, db):
        rng = self.rng
        table = rng.choices(["ledger", "shape", "spare"], [5, 3, 1])[0]
        first = rng.randrange(1, KEYS)
        last = first + rng.choice([0, 0, 0, 2, 10])
        kind = rng.choices(["insert", "update", "delete", "key", "many"], [3, 5, 2, 1, 0.1])[0]
        if table == "spare":
            fresh = db.execute("select nextval('keys')").fetchone()[0]
            db.execute(insert(table, fresh, fresh))
        elif kind == "insert":
            pad = rng.choice(["'new'", "'new'", "(select string_agg(md5(random()::text), '') from generate_series(1, 120))"])
            db.execute(insert(table, first, last, pad))
        elif kind == "update":
            db.execute(update(table, first, last, rng.choice(["", "", ", pad = 'set'"])))
        elif kind == "delete":
            db.execute(delete(table, first, last))
        elif kind == "key":
            self.change_key(db, table, first)
        else:
            fresh = db.execute("select setval('keys', nextval('keys') + 500)").fetchone()[0]
            db.execute(insert(table, fresh - 500, fresh))

    @staticmethod
    def change_key(db, table, key):
        """Two changes: a delete and a create."""
        old = db.execute(f"select to_jsonb(t)::text from {table} t where id = %s for update", (key,)).fetchone()
        if not old:
            return
        if table == "shape":
            db.execute(f"insert into audit(tbl, op, id, doc) values ('shape', 'd', {key}, %s::jsonb)", old)
        else:
            db.execute(f"insert into audit(tbl, op, id) values ('{table}', 'd', {key})")
        moved = f"update {table} set id = nextval('keys'), ver = nextval('versions') where id = {key}"
        db.execute(audited(table, "c", moved))


class Ddl(Writer):
    """Columns of `shape` come, go and are renamed, with rows before and behind in the same transaction, which may be rolled back."""

    def __init__(self, *args):
        super().__init__(*args)
        self.number = 0

    def transaction(self, db):
        rng = self.rng
        with db.transaction():
            columns = [name for (name,) in db.execute(
                "select attname from pg_attribute where attrelid = 'shape'::regclass and attnum > 4 and not attisdropped")]  # fmt: skip
            if rng.random() < 0.5:
                db.execute(update("shape", 1, 20))
            self.number += 1
            kind = rng.choice(["add", "add", "drop", "rename"]) if columns else "add"
            if kind == "add":
                db.execute(f"alter table shape add column c{self.number} text" + rng.choice(["", " default 'd'"]))
            else:
                which = rng.choice(columns)
                db.execute(f"alter table shape drop column {which}" if kind == "drop" else f"alter table shape rename {which} to c{self.number}")
            if kind != "drop":
                db.execute(update("shape", 10, 30, f", c{self.number} = 'x' || id"))
            if rng.random() < 0.25:
                raise Undone


class Bulk(Writer):
    """Large transactions, which Postgres sends while they run: size rows, and half as many that a savepoint takes back."""

    def __init__(self, connect, seed, pause, size):
        super().__init__(connect, seed, pause)
        self.size = size

    def transaction(self, db):
        rng, size = self.rng, self.size
        began = time.monotonic()
        with db.transaction():
            first = db.execute("select setval('keys', nextval('keys') + %s)", (2 * size,)).fetchone()[0] - 2 * size
            half = first + size // 2
            db.execute(insert("bulk", first, half))
            with contextlib.suppress(Undone):
                with db.transaction():
                    db.execute(insert("bulk", half + 1, first + size))
                    db.execute(delete("bulk", first, first + 50))
                    if rng.random() < 0.6:
                        raise Undone
            db.execute(update("bulk", first + 100, first + 100 + size // 10))
            db.execute(insert("bulk", first + size + 1, first + size + size // 2))
            if rng.random() < 0.15:
                raise Undone
        self.pause = max(self.pause, time.monotonic() - began)
