# SPDX-License-Identifier: Apache-2.0
"""Checks: active topics, and reading and changing offsets of sources and sinks."""

import pathlib

from harness import LINES, check, each, empty, eq, ok, refused, true, wait

ALTERED = {"message": "The offsets for this connector have been altered successfully"}
RESET = {"message": "The offsets for this connector have been reset successfully"}
STOP_FIRST = (
    "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified"
    " connector by issuing a 'PUT' request to the '/connectors/{}/stop' endpoint"
)


def offsets(c, name):
    body = ok(c.get(c.at(name, "/offsets")))
    eq(list(body), ["offsets"], "the fields")
    for entry in body["offsets"]:
        eq(list(entry), ["partition", "offset"], "an entry's fields")
    return body["offsets"]


def wait_offsets(c, name, wanted):
    """A read right after a change may be stale."""

    def there():
        found = offsets(c, name)
        return sorted(map(str, found)) == sorted(map(str, wanted)) or eq(found, wanted, "the offsets")

    wait(there, f"{name} has the offsets {wanted}")


def entry(partition, offset):
    return {"partition": partition, "offset": offset}


def at_line(config, position):
    return entry({"filename": config["file"]}, {"position": position})


def in_topic(topic, partition, offset):
    return entry({"kafka_partition": partition, "kafka_topic": topic}, offset)


# --- Topics -----------------------------------------------------------------------------------------------------------


@check
def topics_of_a_source(c):
    config = c.source()
    pathlib.Path(config["file"]).write_text("one\n")
    name = c.running(config)
    wait(lambda: ok(c.get(c.at(name, "/topics"))) == {name: {"topics": [config["topic"]]}}, "the topic is shown")


@check
def topics_of_a_sink(c):
    name = c.running(c.sink())
    wait(lambda: ok(c.get(c.at(name, "/topics"))) == {name: {"topics": [c.seed]}}, "the topic is shown")


@check
def topics_of_a_source_that_wrote_nothing(c):
    name = c.running(c.source())
    eq(ok(c.get(c.at(name, "/topics"))), {name: {"topics": []}}, "the topics")


@check
def topics_reset(c):
    config = c.source()
    pathlib.Path(config["file"]).write_text("one\n")
    name = c.running(config)
    wait(lambda: ok(c.get(c.at(name, "/topics")))[name]["topics"], "the topic is shown")
    empty(c.put(c.at(name, "/topics/reset")), 202)
    wait(lambda: ok(c.get(c.at(name, "/topics"))) == {name: {"topics": []}}, "no topic is shown")
    with open(config["file"], "a") as more:
        more.write("two\n")
    wait(lambda: ok(c.get(c.at(name, "/topics")))[name]["topics"] == [config["topic"]], "it is shown again")


@check
def topics_end_with_the_connector(c):
    name = c.running(c.sink())
    wait(lambda: ok(c.get(c.at(name, "/topics")))[name]["topics"] == [c.seed], "the topic is shown")
    empty(c.delete(c.at(name)), 204)
    wait(lambda: ok(c.get(c.at(name, "/topics")))[name]["topics"] == [], "no topic is shown")


# --- Offsets of a source ----------------------------------------------------------------------------------------------


@each({"source": "source", "sink": "sink"})
def none_yet(c, kind):
    eq(offsets(c, c.stopped(getattr(c, kind)())), [], "the offsets")


@check
def source_reads(c):
    config = c.source()
    pathlib.Path(config["file"]).write_text("one\ntwo\n")
    name = c.running(config)
    wait_offsets(c, name, [at_line(config, 8)])


@check
def source_alters(c):
    """From a stopped connector that never ran; the new offset is where it starts."""
    config, out = c.source(), pathlib.Path(c.path(c.unique("out")))
    pathlib.Path(config["file"]).write_text("one\ntwo\nthree\n")
    name = c.stopped(config)
    eq(ok(c.patch(c.at(name, "/offsets"), {"offsets": [at_line(config, 4)]})), ALTERED, "the answer")
    wait_offsets(c, name, [at_line(config, 4)])
    empty(c.put(c.at(name, "/resume")), 202)
    c.wait_state(name, "RUNNING", 1)
    c.running(c.sink(topics=config["topic"], file=str(out)))
    wait(lambda: out.read_text() == "two\nthree\n", "the lines after the offset")
    wait_offsets(c, name, [at_line(config, 14)])


@check
def source_alters_some(c):
    """What is not named stays; null removes one."""
    config = c.source()
    name = c.stopped(config)
    other = entry({"filename": "other"}, {"position": 3})
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [at_line(config, 4), other]}))
    wait_offsets(c, name, [at_line(config, 4), other])
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [at_line(config, 5)]}))
    wait_offsets(c, name, [at_line(config, 5), other])
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [{**other, "offset": None}]}))
    wait_offsets(c, name, [at_line(config, 5)])


@check
def source_offset_missing_is_null(c):
    config = c.source()
    name = c.stopped(config)
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [at_line(config, 4)]}))
    eq(ok(c.patch(c.at(name, "/offsets"), {"offsets": [{"partition": {"filename": config["file"]}}]})), ALTERED, "the answer")
    wait_offsets(c, name, [])


@check
def source_resets(c):
    config = c.source()
    name = c.stopped(config)
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [at_line(config, 4), entry({"filename": "x"}, {"position": 1})]}))
    wait(lambda: len(offsets(c, name)) == 2, "two offsets")
    eq(ok(c.delete(c.at(name, "/offsets"))), RESET, "the answer")
    wait_offsets(c, name, [])
    eq(ok(c.delete(c.at(name, "/offsets"))), RESET, "the answer to a second one")


@check
def source_reset_reads_again(c):
    config, out = c.source(), pathlib.Path(c.path(c.unique("out")))
    pathlib.Path(config["file"]).write_text("one\n")
    name = c.running(config)
    c.running(c.sink(topics=config["topic"], file=str(out)))
    wait_offsets(c, name, [at_line(config, 4)])
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)
    ok(c.delete(c.at(name, "/offsets")))
    empty(c.put(c.at(name, "/resume")), 202)
    wait(lambda: out.read_text() == "one\none\n", "the line a second time")


@each({
    "null-partition": ({"partition": None, "offset": {"position": 1}}, "Partition objects cannot be null"),
    "no-partition": ({"offset": {"position": 1}}, "Partition objects cannot be null"),
    "other-partition": (entry({"no": "x"}, {"position": 1}), "Partition objects should contain the key 'filename'"),
    "empty-partition": (entry({}, {"position": 1}), "Partition objects should contain the key 'filename'"),
    "empty-offset": (entry({"filename": "x"}, {}), "Offset objects should either be null or contain the key 'position'"),
    "text": (
        entry({"filename": "x"}, {"position": "4"}),
        "The value for the 'position' key in the offset is expected to be a Long value",
    ),
    "fraction": (
        entry({"filename": "x"}, {"position": 4.5}),
        "The value for the 'position' key in the offset is expected to be a Long value",
    ),
    "negative": (
        entry({"filename": "x"}, {"position": -4}),
        "The value for the 'position' key in the offset should be a non-negative value",
    ),
})
def source_refuses(c, wrong, message):
    """The connector's own checks are 500 with its message, and nothing is written."""
    name = c.stopped(c.source())
    refused(c.patch(c.at(name, "/offsets"), {"offsets": [entry({"filename": "good"}, {"position": 1}), wrong]}), 500, message)
    eq(offsets(c, name), [], "the offsets")


# --- Both -------------------------------------------------------------------------------------------------------------


@each({"empty": {"offsets": []}, "missing": {}, "null": {"offsets": None}})
def nothing_to_alter(c, body):
    name = c.stopped(c.source())
    message = "Partitions / offsets need to be provided for an alter offsets request"
    refused(c.patch(c.at(name, "/offsets"), body), 400, message)
    refused(c.patch("/connectors/x/offsets", body), 400, message)


@each({
    "array": b"[]",
    "cut": b"{",
    "offsets-object": b'{"offsets":{}}',
    "offsets-string": b'{"offsets":"x"}',
    "entry-number": b'{"offsets":[5]}',
    "partition-string": b'{"offsets":[{"partition":"x","offset":{}}]}',
    "offset-number": b'{"offsets":[{"partition":{"filename":"x"},"offset":5}]}',
    "unknown-field": b'{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}}],"x":1}',
    "unknown-field-of-entry": b'{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1},"x":1}]}',
})
def bad_body(c, raw):
    refused(c.patch(c.at(c.stopped(c.source()), "/offsets"), raw=raw), 500)


@each({
    "source-running": ("source", None),
    "source-paused": ("source", "/pause"),
    "sink-running": ("sink", None),
    "sink-paused": ("sink", "/pause"),
})
def only_when_stopped(c, kind, change):
    name = c.running(getattr(c, kind)())
    if change:
        empty(c.put(c.at(name, change)), 202)
        c.wait_state(name, "PAUSED", 1)
    offset = in_topic("t", 0, {"kafka_offset": 1}) if kind == "sink" else entry({"filename": "x"}, {"position": 1})
    refused(c.patch(c.at(name, "/offsets"), {"offsets": [offset]}), 400, STOP_FIRST.format(name))
    refused(c.delete(c.at(name, "/offsets")), 400, STOP_FIRST.format(name))


# --- Offsets of a sink ------------------------------------------------------------------------------------------------


def stopped_sink(c):
    return c.stopped(c.sink())


@check
def sink_reads(c):
    name = c.running(c.sink())
    wait_offsets(c, name, [in_topic(c.seed, 0, {"kafka_offset": len(LINES)})])
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)
    eq(offsets(c, name), [in_topic(c.seed, 0, {"kafka_offset": len(LINES)})], "the offsets when stopped")


@check
def sink_alters(c):
    out = pathlib.Path(c.path(c.unique("out")))
    name = c.stopped(c.sink(file=str(out)))
    wanted = in_topic(c.seed, 0, {"kafka_offset": 1})
    eq(ok(c.patch(c.at(name, "/offsets"), {"offsets": [wanted]})), ALTERED, "the answer")
    eq(offsets(c, name), [wanted], "the offsets")
    empty(c.put(c.at(name, "/resume")), 202)
    wait(lambda: out.read_text().splitlines() == LINES[1:], "the lines from the offset on")


@check
def sink_alters_after_running(c):
    """Once it has really stopped."""
    out = pathlib.Path(c.path(c.unique("out")))
    name = c.running(c.sink(file=str(out)))
    wait_offsets(c, name, [in_topic(c.seed, 0, {"kafka_offset": len(LINES)})])
    empty(c.put(c.at(name, "/stop")), 204)
    c.wait_state(name, "STOPPED", 0)
    body = {"offsets": [in_topic(c.seed, 0, {"kafka_offset": 2})]}
    wait(lambda: ok(c.patch(c.at(name, "/offsets"), body)) == ALTERED, "the offsets can be altered")
    empty(c.put(c.at(name, "/resume")), 202)
    wait(lambda: out.read_text().splitlines() == [*LINES, LINES[2]], "the last line a second time")


@check
def sink_numbers_as_text(c):
    name = stopped_sink(c)
    eq(ok(c.patch(c.at(name, "/offsets"), {"offsets": [in_topic(c.seed, "0", {"kafka_offset": "2"})]})), ALTERED, "the answer")
    eq(offsets(c, name), [in_topic(c.seed, 0, {"kafka_offset": 2})], "the offsets")


@check
def sink_null_removes(c):
    name = stopped_sink(c)
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [in_topic(c.seed, 0, {"kafka_offset": 2})]}))
    eq(ok(c.patch(c.at(name, "/offsets"), {"offsets": [in_topic(c.seed, 0, None)]})), ALTERED, "the answer")
    eq(offsets(c, name), [], "the offsets")


@check
def sink_offset_beyond_the_end(c):
    name = stopped_sink(c)
    wanted = in_topic(c.seed, 0, {"kafka_offset": 1000})
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [wanted]}))
    eq(offsets(c, name), [wanted], "the offsets")


@check
def sink_more_keys_are_ignored(c):
    name = stopped_sink(c)
    more = entry({"kafka_topic": c.seed, "kafka_partition": 0, "x": 1}, {"kafka_offset": 1, "x": 1})
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [more]}))
    eq(offsets(c, name), [in_topic(c.seed, 0, {"kafka_offset": 1})], "the offsets")


@check
def sink_resets(c):
    name = stopped_sink(c)
    eq(ok(c.delete(c.at(name, "/offsets"))), RESET, "the answer without a group")
    ok(c.patch(c.at(name, "/offsets"), {"offsets": [in_topic(c.seed, 0, {"kafka_offset": 2})]}))
    eq(ok(c.delete(c.at(name, "/offsets"))), RESET, "the answer")
    eq(offsets(c, name), [], "the offsets")


NEEDS_KEYS = "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"
NEEDS_PARTITION = "The partition for a sink connector offset cannot be null or missing"
NEEDS_OFFSET = "The offset for a sink connector should either be null or contain the key 'kafka_offset'"
PARSE_PARTITION = (
    "Failed to parse the following Kafka partition value in the provided offsets: '{}'. Partition values for sink"
    " connectors need to be integers."
)
PARSE_OFFSET = (
    "Failed to parse the following Kafka offset value in the provided offsets: '{}'. Offset values for sink connectors"
    " need to be integers."
)


@each({
    "null-partition": (entry(None, {"kafka_offset": 1}), NEEDS_PARTITION),
    "no-partition": ({"offset": {"kafka_offset": 1}}, NEEDS_PARTITION),
    "empty-partition": (entry({}, {"kafka_offset": 1}), NEEDS_KEYS),
    "only-topic": (entry({"kafka_topic": "t"}, {"kafka_offset": 1}), NEEDS_KEYS),
    "only-partition": (entry({"kafka_partition": 0}, {"kafka_offset": 1}), NEEDS_KEYS),
    "null-topic": (in_topic(None, 0, {"kafka_offset": 1}), "Kafka topic names must be valid strings and may not be null"),
    "null-number": (in_topic("t", None, {"kafka_offset": 1}), "Kafka partitions must be valid numbers and may not be null"),
    "number-text": (in_topic("t", "abc", {"kafka_offset": 1}), PARSE_PARTITION.format("abc")),
    "number-fraction": (in_topic("t", 1.5, {"kafka_offset": 1}), PARSE_PARTITION.format("1.5")),
    "empty-offset": (in_topic("t", 0, {}), NEEDS_OFFSET),
    "other-offset": (in_topic("t", 0, {"x": 1}), NEEDS_OFFSET),
    "offset-text": (in_topic("t", 0, {"kafka_offset": "abc"}), PARSE_OFFSET.format("abc")),
    "offset-fraction": (in_topic("t", 0, {"kafka_offset": 1.5}), PARSE_OFFSET.format("1.5")),
    "offset-null": (in_topic("t", 0, {"kafka_offset": None}), PARSE_OFFSET.format("null")),
})
def sink_refuses(c, wrong, message):
    refused(c.patch(c.at(stopped_sink(c), "/offsets"), {"offsets": [wrong]}), 400, message)


@each({
    "no-topic": ("conformance-no-such-topic", 0, 1, "alter consumer group offsets for connector"),
    "no-partition": (None, 99, 1, "alter consumer group offsets for connector"),
    "negative-partition": (None, -1, 1, "alter consumer group offsets for connector"),
    "negative-offset": (None, 0, -1, "modify offsets for sink connector"),
})
def sink_kafka_refuses(c, topic, partition, offset, words):
    name = stopped_sink(c)
    body = {"offsets": [in_topic(topic or c.seed, partition, {"kafka_offset": offset})]}
    refused(c.patch(c.at(name, "/offsets"), body), 500, f"Failed to {words} {name}")


@check
def sink_group_is_the_overridden_one(c):
    group = c.unique("group")
    first = c.stopped(c.sink(consumer_override_group_id=group))
    second = c.stopped(c.sink(consumer_override_group_id=group))
    wanted = in_topic(c.seed, 0, {"kafka_offset": 2})
    ok(c.patch(c.at(first, "/offsets"), {"offsets": [wanted]}))
    true(offsets(c, second) == [wanted], "both see the same group")
