# SPDX-License-Identifier: Apache-2.0
"""What the lives share. It runs in each client's own environment: standard library only. Arguments: the worker's URL and a
file with lines; a connector that reads it goes through its whole life, and an exception says what is wrong."""

import sys
import time
import uuid

URL, FILE = sys.argv[1:]
NAME = f"life-{uuid.uuid4().hex[:8]}"
TOPIC = f"{NAME}-lines"
CONFIG = {"connector.class": "FileStreamSource", "tasks.max": "1", "topic": TOPIC, "file": FILE}


def until(fn, wanted, what):
    """Polls fn until it gives `wanted`. What clients raise for a while (no status yet, a rebalance) is waited out."""
    end = time.monotonic() + 60
    while True:
        try:
            found = fn()
        except Exception as error:
            found = error
        if not isinstance(found, Exception) and found == wanted:
            return
        if time.monotonic() > end:
            raise AssertionError(f"{what}: {found!r}, not {wanted!r}")
        time.sleep(0.1)


def patiently(fn):
    """Calls fn again while the worker rebalances, as every client of Connect must."""
    end = time.monotonic() + 60
    while True:
        try:
            return fn()
        except Exception as error:
            if "409" not in str(error) and "rebalance" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.2)


def eq(found, wanted, what):
    assert found == wanted, f"{what}: {found!r}, not {wanted!r}"
