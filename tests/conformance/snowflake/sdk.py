# SPDX-License-Identifier: Apache-2.0
"""Does what it is told with Snowflake's own SDK: one JSON object a line in, one out. Runs in the SDK's environment."""

import json
import sys
import time

from snowflake.ingest.streaming import StreamingIngestClient

clients, channels_of = {}, {}


def shown(status):
    return {"code": status.status_code, "committed": status.latest_committed_offset_token, "inserted": status.rows_inserted_count,
            "errors": status.rows_error_count, "error": status.last_error_message, "channel": status.channel_name,
            "upper": status.last_error_offset_token_upper_bound}  # fmt: skip


def client(name, database, schema, pipe, properties):
    clients[name] = StreamingIngestClient(name, database, schema, pipe, properties=properties)


def open(name, channel):
    channels_of[name, channel], status = clients[name].open_channel(channel)
    return shown(status)


def append(name, channel, rows):
    for row, token in rows:
        channels_of[name, channel].append_row(row, token)


def flush(name, channel):
    channels_of[name, channel].initiate_flush()


def wait(name, channel, token, timeout=30):
    deadline = time.monotonic() + timeout
    while (found := channels_of[name, channel].get_latest_committed_offset_token()) != token and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def status(name, channel):
    return shown(channels_of[name, channel].get_channel_status())


def close(name, channel, drop=False):
    channels_of.pop((name, channel)).close(drop=drop)


def end(name):
    clients.pop(name).close(wait_for_flush=False, timeout_seconds=0)


for line in sys.stdin:
    order = json.loads(line)
    what = order.pop("do")
    try:
        answer = {"result": globals()[what](**order)}
    except Exception as error:
        answer = {"error": repr(error)[:1500]}
    print("=" + json.dumps(answer), flush=True)
