# SPDX-License-Identifier: Apache-2.0
"""The change workloads of `tests/bench/run cdc --workload`, and the check that what came out is what went in.

All tables have id (the key), v and note; a workload makes the tables, says what replica identity they have, and writes. The
number of rows is the workload's own measure (changes), so that the smallest try and the full run are the same code."""

import bisect
import collections
import os
import pathlib
import random
import subprocess

PUBLICATION = "bench_pub"
SEED = 4711
NOTE = "substr(md5(i::text), 1, 20)"


class Workload:
    rows = 1_000_000  # changes, when not told otherwise
    per_transaction = 1000
    columns = "id bigint PRIMARY KEY, v int NOT NULL, at timestamptz NOT NULL DEFAULT now(), note text"
    tables = ("bench_rows",)
    identity = "DEFAULT"
    changed = "true"  # which rows of a table were written while the slot was there

    def prepare(self, db, rows):
        """Before the slot: what is there already."""

    def write(self, db, rows):
        self.loop(db, rows, "INSERT INTO bench_rows(id, v, note) SELECT i, i % 1000, " + NOTE + " FROM generate_series(a, b) i;")

    def loop(self, db, rows, body):
        """body for every transaction, with a and b the numbers of its first and last change."""
        size = self.per_transaction
        db.execute(f"""DO $$ DECLARE a bigint; b bigint; BEGIN
            FOR t IN 0..{(rows + size - 1) // size - 1} LOOP
                a := t * {size} + 1; b := least((t + 1) * {size}, {rows});
                {body}
                COMMIT;
            END LOOP; END $$""")

    def fill(self, postgres, rows):
        """Tables, publication, the slot `bench_base`, the changes, a last row in bench_end. Returns the end's LSN."""
        with postgres.connect("bench", autocommit=True) as db:
            for table in self.tables:
                db.execute(f"CREATE TABLE {table} ({self.columns}); ALTER TABLE {table} REPLICA IDENTITY {self.identity}")
            db.execute("CREATE TABLE bench_end (id bigint PRIMARY KEY)")
            db.execute(f"CREATE PUBLICATION {PUBLICATION} FOR ALL TABLES")
            self.prepare(db, rows)
            db.execute("SELECT pg_create_logical_replication_slot('bench_base', 'pgoutput')")
            self.write(db, rows)
            db.execute("INSERT INTO bench_end VALUES (1)")
            db.execute("CHECKPOINT")
            end = db.execute("SELECT pg_current_wal_lsn()::text").fetchone()[0]
            db.execute("INSERT INTO bench_end VALUES (2)")  # pg_recvlogical ends when it has passed the end
            return end


class W1(Workload):
    """narrow inserts, 1,000 a transaction"""


class W2(Workload):
    """wide rows: 60 mixed columns, about 1.5 kB"""

    rows = 200_000
    kinds = ("int", "bigint", "numeric(12,2)", "text", "boolean", "date", "timestamp", "uuid", "double precision")
    values = ("(i % 1000)::int", "i", "i / 100.0", "'text of row ' || i", "i % 2 = 0", "date '2024-01-01' + (i % 365)::int",
              "timestamp '2024-01-01' + i * interval '1 s'", "md5(i::text)::uuid", "i / 3.0")
    count = 56
    columns = Workload.columns + ", doc jsonb" + "".join(f", c{n} {kinds[n % 9]}" for n, kinds in enumerate([kinds] * count))

    def write(self, db, rows):
        values = ", ".join(self.values[n % 9] for n in range(self.count))
        names = ", ".join(f"c{n}" for n in range(self.count))
        self.loop(db, rows, f"INSERT INTO bench_rows(id, v, note, doc, {names}) SELECT i, i % 1000, {NOTE}, "
                            f"jsonb_build_object('n', i, 'pad', repeat('x', 470)), {values} FROM generate_series(a, b) i;")


class W3(Workload):
    """updates of one of 20 columns with REPLICA IDENTITY FULL"""

    rows, identity, kept = 500_000, "FULL", 50_000
    changed = "v > 0"
    columns = Workload.columns + "".join(f", c{n} {'int DEFAULT 7' if n % 2 else 'text DEFAULT md5(random()::text)'}" for n in range(16))

    def prepare(self, db, rows):
        db.execute(f"INSERT INTO bench_rows(id, v, note) SELECT i, 0, {NOTE} FROM generate_series(0, {self.kept - 1}) i")
        db.execute("VACUUM ANALYZE bench_rows")

    def write(self, db, rows):
        self.loop(db, rows, f"UPDATE bench_rows SET v = v + 1 WHERE id IN (SELECT i % {self.kept} FROM generate_series(a, b) i);")


class W4(Workload):
    """16 kB of incompressible text a row, 70 % of the updates leave it as it is"""

    rows, per_transaction, kept = 20_000, 20, 2_000
    changed = "v > 0"
    columns = Workload.columns + ", big text"
    big = "(SELECT string_agg(md5(i::text || '.' || a || '.' || k), '') FROM generate_series(1, 512) k)"

    def prepare(self, db, rows):
        db.execute("ALTER TABLE bench_rows ALTER big SET STORAGE EXTERNAL")
        db.execute(f"INSERT INTO bench_rows(id, v, note, big) SELECT i, 0, {NOTE}, {self.big.replace('a ||', '0 ||')} "
                   f"FROM generate_series(0, {self.kept - 1}) i")

    def write(self, db, rows):
        self.loop(db, rows, f"""IF t % 10 < 7 THEN
            UPDATE bench_rows SET v = v + 1 WHERE id IN (SELECT i % {self.kept} FROM generate_series(a, b) i);
            ELSE UPDATE bench_rows r SET v = r.v + 1, big = {self.big} FROM generate_series(a, b) i WHERE r.id = i % {self.kept};
            END IF;""")


class W5(Workload):
    """one transaction"""

    rows = 5_000_000

    def write(self, db, rows):
        db.execute(f"INSERT INTO bench_rows(id, v, note) SELECT i, i % 1000, {NOTE} FROM generate_series(1, {rows}) i")


class W6(Workload):
    """one row a transaction"""

    rows, per_transaction = 300_000, 1


class W7(Workload):
    """1,000 tables, written to by Zipf's law"""

    rows = 500_000
    tables = tuple(f"bench_t{n}" for n in range(1000))

    def write(self, db, rows):
        rng, total, sums = random.Random(SEED), 0.0, []
        for n in range(len(self.tables)):
            total += 1 / (n + 1)
            sums.append(total)
        for start in range(1, rows + 1, self.per_transaction):
            picked = collections.defaultdict(list)
            for i in range(start, min(start + self.per_transaction, rows + 1)):
                picked[bisect.bisect_left(sums, rng.random() * total)].append(i)
            with db.transaction():
                for table, ids in picked.items():
                    db.execute(f"INSERT INTO bench_t{table}(id, v, note) SELECT i, i %% 1000, {NOTE} FROM unnest(%s::bigint[]) i", (ids,))


ALL = {cls.__name__.lower(): cls for cls in (W1, W2, W3, W4, W5, W6, W7)}


def check(workload, kafka, postgres, prefix, rows):
    """Every change once, commits in order, and each table's rows as the last changes left them (rows that were there before are
    only looked at when they changed); SystemExit otherwise. bench_check (tests/bench/check.c) reads the topics."""
    tool = pathlib.Path(os.environ["SLUICE_BINARY"]).parent / "tests" / "bench_check"
    done = subprocess.run([tool, kafka.bootstrap, prefix], input="\n".join(workload.tables), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {done.stderr.strip()}")
    came = {}
    for line in done.stdout.splitlines():
        table, *numbers = line.split()
        came[table] = list(map(int, numbers))
    for table, (_, *got) in came.items():
        want = in_table(workload, postgres, table)
        if want != got:
            raise SystemExit(f"bench: {prefix}.{table}: {got} came, {want} is in the table")
    changes = sum(numbers[0] for numbers in came.values())
    if changes != rows:
        raise SystemExit(f"bench: {prefix}: {changes} changes of {rows}")


def in_table(workload, postgres, table):
    """What bench_check says of the rows, from the table, which no longer changes: asked once."""
    known = workload.__dict__.setdefault("known", {})
    if table not in known:
        with postgres.connect("bench") as db:
            known[table] = list(map(int, db.execute(
                f"SELECT count(*), sum(id), sum(v), sum(('x' || substr(note, 1, 10))::bit(40)::bigint),"
                f" sum(('x' || substr(note, 11, 10))::bit(40)::bigint) FROM {table} WHERE {workload.changed}").fetchone()))
    return known[table]
