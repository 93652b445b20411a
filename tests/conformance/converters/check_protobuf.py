#!/usr/bin/env python3
"""ProtobufConverter against Google's own Protobuf: protoc compiles the texts we make, its messages read our bytes and write the same
bytes, and we read what it writes. usage: check_protobuf.py PROGRAM [SEED]"""
import base64
import os
import site
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc
from records import Maker, check, main, payload

CONFLUENT = {
    "confluent/meta.proto": 'syntax="proto3";package confluent;import "google/protobuf/descriptor.proto";'
    "message Meta{string doc=1;map<string,string> params=2;}extend google.protobuf.FieldOptions{Meta field_meta=1088;}",
    "confluent/type/decimal.proto": 'syntax="proto3";package confluent.type;message Decimal{bytes value=1;uint32 precision=2;int32 scale=3;}',
}
OPTIONS = [{}, {"optional.for.nullables": True}, {"wrapper.for.nullables": True}, {"enhanced.protobuf.schema.support": True}]


def compile_texts(texts):
    """{file name: text} -> a pool with them all, as protoc understands them."""
    with tempfile.TemporaryDirectory() as d:
        for name, text in {**texts, **CONFLUENT}.items():
            os.makedirs(os.path.dirname(f"{d}/{name}"), exist_ok=True)
            with open(f"{d}/{name}", "w") as f:
                # What is registered uses Confluent's option without importing it; the registry knows it.
                f.write(text.replace("\n\n", '\n\nimport "confluent/meta.proto";\n', 1) if "confluent.field_meta" in text else text)
        packages = [p for p in site.getsitepackages() + sys.path if os.path.exists(f"{p}/google/type/date.proto")][0]
        include = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
        args = ["protoc", f"-I{d}", f"-I{include}", f"-I{packages}", "--include_imports", f"--descriptor_set_out={d}/set"]
        assert protoc.main(args + list(texts)) == 0, "protoc refuses a text that we made"
        files = descriptor_pb2.FileDescriptorSet.FromString(open(f"{d}/set", "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for f in files.file:
        pool.Add(f)
    return pool


def seen(m, s, v, wrapped):
    """A Connect value as the message's field value should be."""
    name = s.get("name", "")
    if name.endswith(".Decimal"):
        return int.from_bytes(m.value, "big", signed=True) == v["unscaled"] and m.scale == int(s["parameters"]["scale"]) and m.precision == len(
            str(abs(v["unscaled"]))
        )
    if name.endswith(".Time"):
        return ((m.hours * 60 + m.minutes) * 60 + m.seconds) * 1000 + m.nanos // 10**6 == v
    if name.endswith(".Timestamp"):
        return m.seconds * 1000 + m.nanos // 10**6 == v and m.nanos >= 0
    if name.endswith(".Date"):
        import datetime

        if v < -141427:  # the Julian calendar
            return 0 < m.month <= 12 and 0 < m.day <= 31
        return datetime.date(m.year, m.month, m.day).toordinal() - 719163 == v
    if s["type"] == "struct":
        return all(field_seen(m, f, v[f["field"]], wrapped) for f in s["fields"])
    if wrapped and s.get("optional"):
        m = m.value
    return m == v


def field_seen(m, f, v, wrapped):
    got = getattr(m, f["field"])
    if f["type"] == "array":
        return len(got) == len(v or []) and all(seen(g, f["items"], x, wrapped) for g, x in zip(got, v or []))
    if f["type"] == "map":
        return len(got) == len(v or []) and all(
            seen(e.key, f["keys"], k, wrapped) and (x is None or seen(e.value, f["values"], x, wrapped)) for e, (k, x) in zip(got, v or [])
        )
    if v is None:
        return not m.HasField(f["field"]) if m.DESCRIPTOR.fields_by_name[f["field"]].has_presence else not got
    return seen(got, f, v, wrapped)


def message_type(s, wrapped):
    return s["type"] == "struct" or ".data." in s.get("name", "") or (wrapped and s.get("optional"))


def read_back(s, v, opt, element=False):
    """What proto3 leaves of a payload: without presence null becomes zero."""
    wrapped, labelled = opt.get("wrapper.for.nullables"), opt.get("optional.for.nullables") and not element
    zero = {"string": "", "bytes": "", "boolean": False, "array": [], "map": [] if s["type"] == "map" and s["keys"]["type"] != "string" else {}}
    if v is None:
        if s["type"] in ("array", "map"):
            return zero[s["type"]]
        keeps = message_type(s, wrapped) or (labelled and s.get("optional"))
        return None if keeps else zero.get(s["type"], 0)
    if s["type"] == "array":
        return [read_back(s["items"], x, opt, True) for x in v]
    if s["type"] == "map":
        if s["keys"]["type"] == "string":
            return {k: read_back(s["values"], x, opt, True) for k, x in v.items()}
        return [[k, read_back(s["values"], x, opt, True)] for k, x in v]
    if s["type"] == "struct":
        return {f["field"]: read_back(f, v[f["field"]], opt) for f in s["fields"]}
    return v


def random_records(lines, seed, count):
    made = []
    for i in range(count):
        maker = Maker(f"{seed}-{i}", False)
        opt = OPTIONS[i % len(OPTIONS)]
        schema = dict(maker.struct(), name=f"p{i}.Rec")
        value = maker.value(schema)
        answer = lines.ask(format="protobuf", options=opt, record={"schema": schema, "payload": payload(schema, value)})
        if "error" in answer:
            check(f"record {i}", answer["error"], None)
            continue
        made.append((i, opt, schema, value, answer))
    pool = compile_texts({f"r{i}.proto": a["text"] for i, _, _, _, a in made})
    for i, opt, schema, value, answer in made:
        m = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"p{i}.Rec"))()
        m.ParseFromString(bytes.fromhex(answer["hex"]))
        check(f"record {i}: protobuf's own reading", seen(m, schema, value, opt.get("wrapper.for.nullables")), True)
        check(f"record {i}: protobuf's own bytes", m.SerializeToString(deterministic=True).hex(), answer["hex"])
        check(f"record {i}: read back", answer["again"]["payload"], read_back(schema, payload(schema, value), opt))
    return len(made)


PROTO3 = """syntax = "proto3"; package a.b;
import "google/protobuf/wrappers.proto"; import "google/protobuf/timestamp.proto"; import "google/type/date.proto";
/* a comment */ option java_package = "x";
message Outer {
  option deprecated = true; reserved 90 to 99, 120; reserved "old";
  enum Color { RED = 0; GREEN = 1; BLUE = 5 [deprecated = true]; }
  int32 i = 1; sint32 si = 2; sfixed32 sf = 3; uint32 u = 4; fixed32 fx = 5; int64 l = 6; sint64 sl = 7; uint64 ul = 8; fixed64 fl = 9;
  repeated int32 packed = 10; repeated int32 loose = 11 [packed = false]; repeated Color colors = 12;
  map<string, Inner> inners = 13; map<int32, string> names = 14;
  oneof choice { string text = 15; Inner inner = 16; int32 number = 17; }
  optional string maybe = 18; Color color = 19; google.protobuf.StringValue wrapped = 20;
  google.protobuf.Timestamp at = 21; google.type.Date day = 22; Inner single = 23; bool flag = 24; bytes raw = 25; float f = 26; double d = 27;
  message Inner { string name = 1; repeated Inner2 more = 2; message Inner2 { int64 n = 1; } }
}
message Second { string s = 1; message Deep { int32 x = 1; } }
service S { rpc Call (Outer) returns (stream Second) { option idempotency_level = NO_SIDE_EFFECTS; } }
"""
PROTO2 = """syntax = "proto2"; package c;
message Two { required int32 need = 1; optional string maybe = 2 [default = "x\\n"]; optional int32 n = 3 [default = -7];
  enum E { A = 1; B = 2; } optional E e = 4; repeated E es = 5; optional Nest nest = 6; message Nest { optional bool b = 1 [default = true]; }
  extensions 100 to max; }
"""


def fields(answer):
    check("no error", answer.get("error"), None)
    return answer.get("again", {}).get("payload", {})


def foreign(lines):
    pool = compile_texts({"one.proto": PROTO3, "two.proto": PROTO2})
    outer = message_factory.GetMessageClass(pool.FindMessageTypeByName("a.b.Outer"))
    m = outer(i=-1, si=-2, sf=-3, u=4000000000, fx=4000000001, l=-5, sl=-6, ul=2**63 + 1, fl=7, packed=[1, -1, 300], loose=[5, 6], colors=[0, 5])
    m.inners["k"].name = "n"
    m.inners["k"].more.add(n=9)
    m.names[7] = "seven"
    m.inner.name = "chosen"
    m.maybe = ""
    m.color = 5
    m.wrapped.value = ""
    m.at.seconds = 5
    m.day.year, m.day.month, m.day.day = 2024, 2, 29
    m.flag, m.raw, m.f, m.d = True, b"\x00\xff", 1.5, -0.25
    raw = m.SerializeToString()
    out = fields(lines.ask(format="protobuf", text=PROTO3, index=[0], hex=raw.hex()))
    want = {"i": -1, "si": -2, "sf": -3, "u": 4000000000, "fx": 4000000001, "l": -5, "sl": -6, "ul": -(2**63) + 1, "fl": 7,
            "packed": [1, -1, 300], "loose": [5, 6], "colors": ["RED", "BLUE"], "inners": {"k": {"name": "n", "more": [{"n": 9}]}},
            "names": [[7, "seven"]], "choice_0": {"text": None, "inner": {"name": "chosen", "more": []}, "number": None}, "maybe": "",
            "color": "BLUE", "wrapped": {"value": ""}, "at": 5000, "day": 19782, "single": None, "flag": True,
            "raw": base64.b64encode(b"\x00\xff").decode(), "f": 1.5, "d": -0.25}
    check("proto3, all types", out, want)
    # A singular message in two parts is merged; the last of a oneof counts; unknown fields and wire types are stepped over.
    parts = outer(single=outer.Inner(name="a")).SerializeToString() + outer(text="t").SerializeToString()
    parts += outer(single=outer.Inner(more=[outer.Inner.Inner2(n=1)])).SerializeToString() + outer(number=3).SerializeToString()
    parts += bytes.fromhex("b03f01") + bytes.fromhex("0d00000000") + bytes.fromhex("fb3f0801fc3f")
    out = fields(lines.ask(format="protobuf", text=PROTO3, index=[0], hex=parts.hex()))
    check("merged message", out.get("single"), {"name": "a", "more": [{"n": 1}]})
    check("last of a oneof", out.get("choice_0"), {"text": None, "inner": None, "number": 3})
    check("foreign wire type", out.get("i"), 0)
    check("unknown number of an enum", fields(lines.ask(format="protobuf", text=PROTO3, index=[0], hex="980109")).get("color"),
          "UNKNOWN_ENUM_VALUE_Color_9")
    check("another message", fields(lines.ask(format="protobuf", text=PROTO3, index=[1, 0], hex="0805")), {"x": 5})
    for key, option, at, value in [("flatten.unions", True, "inner", {"name": "chosen", "more": []}), ("int.for.enums", True, "colors", [0, 5]),
                                   ("wrapper.for.nullables", True, "wrapped", ""), ("generate.index.for.unions", False, "choice", want["choice_0"]),
                                   ("generate.struct.for.nulls", True, "single", {"name": "", "more": []})]:
        out = fields(lines.ask(format="protobuf", options={key: option}, text=PROTO3, index=[0], hex=raw.hex()))
        check(key, out.get(at), value)
    two = message_factory.GetMessageClass(pool.FindMessageTypeByName("c.Two"))(need=0, es=[2, 1])
    two.nest.SetInParent()
    line = {"format": "protobuf", "text": PROTO2, "index": [0], "hex": two.SerializeToString().hex()}
    check("proto2", fields(lines.ask(**line)), {"need": 0, "maybe": None, "n": None, "e": None, "es": ["B", "A"], "nest": {"b": None}})
    check("proto2 with its defaults", fields(lines.ask(options={"optional.for.proto2": False}, **line)),
          {"need": 0, "maybe": "x\n", "n": -7, "e": "A", "es": ["B", "A"], "nest": {"b": True}})
    check("a closed enum drops what it does not know", fields(lines.ask(format="protobuf", text=PROTO2, index=[0], hex="080028092802"))["es"], ["B"])
    for what, text, data in [("required", PROTO2, ""), ("cut off", PROTO3, "0a"), ("long varint", PROTO3, "08" + "ff" * 10 + "01"),
                             ("field 0", PROTO3, "0001"), ("length", PROTO3, "7aff"), ("UTF-8", PROTO3, "7a01ff"), ("end group", PROTO3, "0c")]:
        check(f"{what} is refused", "error" in lines.ask(format="protobuf", text=text, index=[0], hex=data), True)
    cut = sum("error" in lines.ask(format="protobuf", text=PROTO3, index=[0], hex=raw[:n].hex()) for n in range(len(raw)))
    check("cut messages are refused", cut > len(raw) / 2, True)


def texts(lines):
    """Bare values, names, unions and enums as Confluent writes them."""
    a = lines.ask(format="protobuf", record={"schema": {"type": "string"}, "payload": "hi"})
    check("a string's wrapper", (a["hex"], a["index"], a["again"]["payload"]), ("0a026869", 7, "hi"))
    check("its schema has no parameters", a["again"]["schema"], {"type": "string", "optional": False})
    field = {"type": "int32", "optional": False, "field": "a-b"}
    a = lines.ask(format="protobuf", record={"schema": {"type": "struct", "fields": [field]}, "payload": {"a-b": 1}})
    check("an invalid name", "scrub.invalid.names" in a.get("error", ""), True)
    a = lines.ask(format="protobuf", options={"scrub.invalid.names": True}, record={"schema": {"type": "struct", "fields": [field]}, "payload": {"a-b": 1}})
    check("a scrubbed name", a["text"], 'syntax = "proto3";\n\nmessage ConnectDefault1 {\n  int32 a_b = 1;\n}\n')
    enum = "io.confluent.connect.protobuf.Enum"
    schema = {"type": "struct", "name": "x.Y", "fields": [
        {"type": "string", "optional": True, "name": "Status", "field": "st", "parameters": {enum: "Status", enum + ".A": "0", enum + ".B": "3"}},
        {"type": "struct", "optional": True, "name": "io.confluent.connect.protobuf.Union.pick", "field": "pick_0", "fields": [
            {"type": "string", "optional": True, "field": "s", "parameters": {"io.confluent.connect.protobuf.Tag": "5"}},
            {"type": "int32", "optional": True, "field": "n", "parameters": {"io.confluent.connect.protobuf.Tag": "6"}}]}]}
    a = lines.ask(format="protobuf", record={"schema": schema, "payload": {"st": "B", "pick_0": {"s": None, "n": 0}}})
    check("enum and oneof", a.get("text"), 'syntax = "proto3";\npackage x;\n\nmessage Y {\n  Status st = 1;\n\n  oneof pick {\n    string s = 5;\n'
          "    int32 n = 6;\n  }\n\n  enum Status {\n    A = 0;\n    B = 3;\n  }\n}\n")
    check("enum and oneof, bytes", a.get("hex"), "08033000")
    check("enum and oneof, read", a.get("again", {}).get("payload"), {"pick_0": {"s": None, "n": 0}, "st": "B"})


if __name__ == "__main__":
    main(texts, foreign, random_records)
