# SPDX-License-Identifier: Apache-2.0
"""Tables that change while they are streamed, with rows before, after and in the same transaction."""

from scenario import scenario

GROWING = "create table growing (id int primary key, name text);"
ROWS = "insert into growing values (1, 'a'), (2, null), (3, 'c')"

scenario("alter-add-column", GROWING, ROWS, "alter table growing add column city text, add column zip int not null default 7",
         "insert into growing values (4, 'after', 'Ulm', 1); update growing set name = 'z' where id = 2",
         "delete from growing where id = 4")
scenario("alter-drop-column", GROWING + "alter table growing add more int default 5, add last text;",
         "insert into growing values (1, 'a', 2, 'l')", "alter table growing drop column name",
         "insert into growing values (2, 3, 'm'); update growing set more = 4 where id = 1",
         "alter table growing drop column more", "insert into growing values (3, 'n'); delete from growing where id = 1")
scenario("alter-rename-column", GROWING, ROWS, "alter table growing rename name to title",
         "insert into growing values (4, 'b'); update growing set title = 'x' where id = 1",
         "alter table growing rename id to number", "insert into growing values (5, 'b'); delete from growing where number = 2")
scenario("alter-type", GROWING + "alter table growing add zip int, add at timestamp;",
         "insert into growing values (1, 'a', 5, '2024-01-01')",
         "alter table growing alter zip type bigint, alter at type timestamptz using at at time zone 'UTC'",
         "insert into growing values (2, 'b', 3000000000, '2024-01-01 00:00:00+00')",
         "alter table growing alter name type varchar(5), alter zip type numeric(12,2)",
         "insert into growing values (3, 'c', 1.5, null); delete from growing where id = 2")
scenario("alter-not-null-and-default", GROWING, ROWS, "update growing set name = '' where name is null",
         "alter table growing alter name set not null, alter name set default 'new'",
         "insert into growing values (4); delete from growing where id = 1",
         "alter table growing alter name drop not null, alter name drop default", "insert into growing values (5)")
scenario("alter-key", GROWING, ROWS, "alter table growing drop constraint growing_pkey", "insert into growing values (4, 'd')",
         "alter table growing replica identity full", "update growing set name = '' where name is null",
         "alter table growing replica identity default; alter table growing add primary key (name, id)",
         "insert into growing values (5, 'e'); update growing set name = 'moved' where id = 5", "delete from growing where id = 4")
scenario("alter-rename-table", GROWING, ROWS, "alter table growing rename to grown",
         "insert into grown values (4, 'd'); update grown set name = 'x' where id = 1; delete from grown where id = 2")
scenario("alter-schema-of-table", GROWING + "create schema attic;", ROWS, "alter table growing set schema attic",
         "insert into attic.growing values (4, 'd')")
scenario("drop-and-create-table", GROWING, ROWS, "drop table growing", "create table growing (id bigint primary key, other int)",
         "insert into growing values (1, 2)", "drop table growing")
scenario("create-table-in-stream", GROWING, "create table newer (id serial primary key, v text not null default 'v')",
         "insert into newer default values; insert into growing values (1, 'a')", "delete from newer")
scenario("ddl-and-rows-in-one-transaction", GROWING, ROWS,
         "insert into growing values (4, 'before'); alter table growing add city text;"
         "insert into growing values (5, 'after', 'Ulm'); update growing set city = 'Bonn' where id = 4")
# The catalog may not yet show the transaction whose rows are read. Sluice waits for that, Debezium has no key then.
scenario("create-table-and-rows-in-one-transaction", GROWING, "create table inner_one (id int primary key, v int);"
         "insert into inner_one values (1, 1); alter table inner_one add w int; update inner_one set w = 2",
         needs="a Debezium that waits for the catalog")
scenario("ddl-rolled-back", GROWING, ROWS, "begin; alter table growing add city text; insert into growing values (4, 'd', 'x');"
         "rollback; insert into growing values (4, 'e')",
         "begin; insert into growing values (5, 'a'); savepoint s; alter table growing add more int; insert into growing"
         " values (6, 'b', 1); rollback to s; insert into growing values (7, 'c'); commit")
scenario("ddl-without-effect", GROWING, ROWS, "create index on growing (name)", "update growing set name = 'i' where id = 1",
         "comment on column growing.name is 'a comment'; analyze growing", "update growing set name = 'j' where id = 1",
         "alter table growing set (fillfactor = 50); grant select on growing to public", "delete from growing where id = 1")
scenario("rewrite-of-table", GROWING, ROWS, "alter table growing add r float8 default random(); update growing set r = 0.5",
         "cluster growing using growing_pkey", "update growing set r = 1.5 where id = 1")
