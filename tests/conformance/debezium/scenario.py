# SPDX-License-Identifier: Apache-2.0
"""What a scenario is, and the list of all. Knows no server: runner.py runs them, the cases_*.py files write them down."""

import dataclasses
import itertools
from collections.abc import Callable

SCENARIOS = {}  # name -> Scenario, in the order of definition


@dataclasses.dataclass
class Scenario:
    """DDL, config and steps. Each step is one transaction (a text) or a function of the Pair, and both sides have written
    what it gave before the next one begins; the stream starts between `rows` and the first step.

    snapshot: None: both read copies of one slot, nothing is read before (no_data); all positions must be equal. Otherwise
        the snapshot.mode, with slots that the connectors make: positions and times of the snapshot's rows are masked.
    marker: how a step's end is made visible; "insert", or "update" where inserts give no records, None: steps wait by
        themselves.
    masks: {pattern: reason}; patterns are searched in "PHASE TOPIC PART.path", as reports show it.
    first: a pattern of topics of which only the first record is compared; how many come is a matter of time.
    differs: {id of differences.py: pattern or list of them}: the only places that may differ, and each id must.
    needs: a feature that other branches bring: as long as Sluice refuses it or differs, the scenario is skipped loudly.
    """

    name: str
    setup: str
    steps: tuple
    rows: str = ""
    config: dict = dataclasses.field(default_factory=dict)
    snapshot: str | None = None
    partitions: int = 0  # of the tables' topics; otherwise one, which Kafka makes
    publication: str | None = "create publication conformance for all tables"
    marker: str | None = "insert"
    masks: dict = dataclasses.field(default_factory=dict)
    differs: dict = dataclasses.field(default_factory=dict)
    first: str | None = None
    needs: str | None = None
    body: Callable | None = None  # instead of starting both sides and running the steps
    alone: bool = False  # not while others run: it holds what all databases share


def scenario(name, setup, *steps, **more):
    assert name not in SCENARIOS, f"two scenarios are called {name}"
    SCENARIOS[name] = Scenario(name, setup, steps, **more)


def case(name, setup, *steps, **more):
    """Decorator: the scenario's own course is a function of the Pair."""

    def decorate(function):
        scenario(name, setup, *steps, body=function, **more)
        return function

    return decorate


def both(name, setup, rows, *steps, **more):
    """One scenario whose rows are read by the snapshot, and then, as other rows, by the stream. `rows` are texts with {0}
    where the key begins: "0" in the snapshot, "1" in the stream."""
    first = ";\n".join(text.replace("{0}", "") for text in rows)
    again = [text.replace("{0}", "100 + ") for text in rows]
    scenario(name, setup, *itertools.chain(again, steps), rows=first, snapshot="initial", **more)
