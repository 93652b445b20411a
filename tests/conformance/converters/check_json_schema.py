#!/usr/bin/env python3
"""JsonSchemaConverter: what we write is valid by the schema that we make for it (jsonschema), and comes back equal, values and schemas;
schemas of others are read as Confluent's converter reads them. usage: check_json_schema.py PROGRAM [SEED]"""
import json

import jsonschema
from records import Maker, check, main, payload


def plain(s):
    """A schema as JsonConverter's envelope says it."""
    out = {"type": s["type"], "optional": bool(s.get("optional"))}
    for key in ("name", "version", "parameters"):
        if key in s:
            out[key] = s[key]
    if s["type"] == "struct":
        out["fields"] = [dict(plain(f), field=f["field"]) for f in s["fields"]]
    if s["type"] == "array":
        out["items"] = plain(s["items"])
    if s["type"] == "map":
        out["keys"], out["values"] = plain(s["keys"]), plain(s["values"])
    return out


OPTIONS = [{}, {"decimal.format": "NUMERIC"}, {"object.additional.properties": False}, {"generalized.sum.type.support": True}]


def random_records(lines, seed, count):
    for i in range(count):
        maker = Maker(f"{seed}-{i}", True)
        opt = OPTIONS[i % len(OPTIONS)]
        schema = maker.struct()
        value = payload(schema, maker.value(schema))
        a = lines.ask(format="json", options=opt, record={"schema": schema, "payload": value})
        if "error" in a:
            check(f"record {i}", a["error"], None)
            continue
        text = json.loads(a["text"])
        jsonschema.Draft7Validator.check_schema(text)
        errors = [e.message for e in jsonschema.Draft7Validator(text).iter_errors(json.loads(a["json"]))]
        check(f"record {i}: valid", errors, [])
        check(f"record {i}: value read back", a["again"]["payload"], value)
        check(f"record {i}: schema read back", a["again"]["schema"], plain(schema))
    return count


def struct(*fields):
    return {"type": "struct", "optional": False, "fields": list(fields)}


def field(name, kind, optional=False, **more):
    return dict({"type": kind, "optional": optional, "field": name}, **more)


ENUM = "io.confluent.connect.json.Enum"


def texts(lines):
    """Member for member what everit-json-schema 1.14.6 prints for the schemas that JsonSchemaData builds."""
    logical = {"type": "bytes", "optional": True, "name": "T", "version": 1, "doc": "D", "default": "eA==",
               "parameters": {"p0": "2", "p31": "2", "p62": "2", "p93": "2", "p124": "2", "p155": "2"}, "field": "z"}
    a = lines.ask(format="json", record={"schema": struct(logical), "payload": {"z": None}})
    check("members in Java's order", a.get("text"),
          '{"type":"object","properties":{"z":{"connect.index":0,"oneOf":[{"type":"null"},{"type":"string","title":"T","description":"D",'
          '"default":"eA==","connect.version":1,"connect.type":"bytes","connect.parameters":{"p0":"2","p124":"2","p155":"2","p93":"2",'
          '"p62":"2","p31":"2"}}]}}}')
    check("null is written as the default", a.get("json"), '{"z":"eA=="}')
    names = ["id", "name", "value", "zulu", "alpha", "before", "after", "source", "op", "ts_ms", "transaction", "x1", "x2", "x3", "x4", "é"]
    a = lines.ask(format="json", options={"object.additional.properties": False},
                  record={"schema": struct(*[field(n, "boolean") for n in names]), "payload": {n: True for n in names}})
    check("properties in Java's order", list(json.loads(a["text"])["properties"]),
          ["op", "before", "é", "source", "alpha", "name", "x1", "x2", "id", "after", "x3", "x4", "value", "zulu", "ts_ms", "transaction"])
    check("an object", a["text"].startswith('{"type":"object","additionalProperties":false,"properties":{"op":{"connect.index":8,"type":"boolean"}'),
          True)
    check("members of the value stay in order", list(json.loads(a["json"])), names)
    symbols = {ENUM: "", **{f"{ENUM}.V{7 * i}": f"V{7 * i}" for i in range(13)}}
    a = lines.ask(format="json", record={"schema": {"type": "string", "parameters": symbols}, "payload": "V7"})
    check("an enum", a.get("text"), '{"enum":["V7","V70","V63","V84","V21","V42","V56","V77","V14","V35","V0","V49","V28"]}')
    a = lines.ask(format="json", record={"schema": {"type": "double", "default": 1.0}, "payload": 2.5})
    check("a default as org.json prints it", a.get("text"), '{"type":"number","default":1,"connect.type":"float64"}')
    a = lines.ask(format="json", record={"schema": {"type": "map", "keys": {"type": "int32"}, "values": {"type": "string"}}, "payload": [[1, "a"]]})
    check("a map without string keys", (a.get("text"), a.get("json")),
          ('{"type":"array","connect.type":"map","items":{"type":"object","properties":{"value":{"type":"string","connect.index":1},'
           '"key":{"type":"integer","connect.index":0,"connect.type":"int32"}}}}', '[{"key":1,"value":"a"}]'))
    union = {"type": "struct", "optional": True, "name": "io.confluent.connect.json.OneOf", "fields": [
        field("io.confluent.connect.json.OneOf.field.0", "string", True), field("io.confluent.connect.json.OneOf.field.1", "int64", True)]}
    value = {"io.confluent.connect.json.OneOf.field.0": None, "io.confluent.connect.json.OneOf.field.1": 3}
    a = lines.ask(format="json", record={"schema": union, "payload": value})
    check("a union", (a.get("text"), a.get("json")), ('{"oneOf":[{"type":"null"},{"type":"string","connect.index":0},{"type":"integer",'
                                                     '"connect.index":1,"connect.type":"int64"}]}', "3"))
    check("a union read back", (a.get("again") or {}).get("payload"), value)
    a = lines.ask(format="json", record={"schema": struct(field("a", "int32"), field("b", "string")), "payload": {"a": 1, "b": "x"}})
    check("two fields", a.get("json"), '{"a":1,"b":"x"}')


def read(lines, schema, value, **options):
    a = lines.ask(format="json", options=options, text=json.dumps(schema), json=json.dumps(value))
    return a.get("error") or (a["again"]["schema"], a["again"]["payload"])


EVENT = {"$schema": "http://json-schema.org/draft-04/schema#", "title": "Event", "type": "object",
         "properties": {"vehicle": {"$ref": "#/definitions/VehicleDto"}},
         "definitions": {
             "PriceDto": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number", "format": "decimal"}}},
             "VehicleDto": {"type": "object", "required": ["offerPrice", "firstRegistrationDate"], "properties": {
                 "offerPrice": {"connect.index": 1, "$ref": "#/definitions/PriceDto"},
                 "catalogPrice": {"connect.index": 2, "oneOf": [{"type": "null"}, {"$ref": "#/definitions/PriceDto"}]},
                 "firstRegistrationDate": {"connect.index": 3, "type": "string", "format": "date-time"}}}}}


def foreign(lines):
    price = [field("amount", "double")]
    vehicle = field("vehicle", "struct", True, fields=[
        field("offerPrice", "struct", fields=price), field("catalogPrice", "struct", True, fields=price), field("firstRegistrationDate", "string")])
    check("references", read(lines, EVENT, {"vehicle": {"offerPrice": {"amount": 20000}, "firstRegistrationDate": "2020"}},
                             **{"use.optional.for.nonrequired": True}),
          (dict(struct(vehicle), name="Event"), {"vehicle": {"offerPrice": {"amount": 20000.0}, "catalogPrice": None, "firstRegistrationDate": "2020"}}))
    check("a list of types", read(lines, {"type": ["null", "string"], "title": "x"}, "a"), ({"type": "string", "optional": True}, "a"))
    check("a number without connect.type", read(lines, {"type": "number"}, 1), ({"type": "double", "optional": False}, 1.0))
    check("an integer", read(lines, {"type": "integer", "connect.type": "int8", "description": "d"}, 300),
          ({"type": "int8", "optional": False, "doc": "d"}, 44))
    enum = {"type": "string", "optional": False, "parameters": {ENUM: "", ENUM + ".A": "A", ENUM + ".<NULL>": "<NULL>"}}
    check("an enum", read(lines, {"enum": ["A", None]}, "A"), (enum, "A"))
    check("an enum with its type", read(lines, {"type": "string", "enum": ["A"]}, "A"),
          ({"type": "string", "optional": False, "parameters": {ENUM: "", ENUM + ".A": "A"}}, "A"))
    check("an enum of numbers is its type", read(lines, {"type": "integer", "enum": [1, 2]}, 2), ({"type": "int64", "optional": False}, 2))
    check("a const with its type", read(lines, {"const": "money", "type": "string"}, "money"), ({"type": "string", "optional": False}, "money"))
    check("allOf", read(lines, {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}},
                                          {"type": "object", "properties": {"b": {"type": "integer"}}}]}, {"a": "x", "b": 1}),
          (struct(field("a", "string"), field("b", "int64")), {"a": "x", "b": 1}))
    name = "io.confluent.connect.json.OneOf"
    one, two = field(name + ".field.0", "int64", True), field(name + ".field.1", "struct", True, fields=[field("b", "string"), field("a", "boolean")])
    choice = {"anyOf": [{"type": "integer"}, {"type": "object", "properties": {"a": {"type": "boolean", "connect.index": 1}, "b": {"type": "string", "connect.index": 0}}}]}
    check("anyOf, the number", read(lines, choice, 5), (dict(struct(one, two), name=name), {name + ".field.0": 5, name + ".field.1": None}))
    check("anyOf, the object", read(lines, choice, {"a": True, "b": "x"})[1], {name + ".field.0": None, name + ".field.1": {"b": "x", "a": True}})
    check("a choice of one", read(lines, {"oneOf": [{"type": "string"}]}, "x"), ({"type": "string", "optional": False}, "x"))
    check("a modern draft", read(lines, {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"n": {"$anchor": "num", "type": "integer"}},
                                         "type": "array", "items": {"$ref": "#num"}}, [1, 2]),
          ({"type": "array", "optional": False, "items": {"type": "int64", "optional": False}}, [1, 2]))
    check("a default", read(lines, {"type": "object", "properties": {"a": {"type": "integer", "default": 7}}}, {}),
          (struct(field("a", "int64", default=7)), {"a": 7}))
    check("what is missing is null", read(lines, {"type": "object", "properties": {"a": {"type": "string"}}}, {}, **{"use.optional.for.nonrequired": True})[1],
          {"a": None})
    refused = {"itself": {"type": "object", "properties": {"next": {"$ref": "#"}}}, "without a type": {"type": "object", "properties": {"a": {}}},
               "items type": {"type": "array"}, "not among its references": {"$ref": "other.json"}, "not there": {"$ref": "#/definitions/x"},
               "unknown type": {"type": "text"}}
    for words, schema in refused.items():
        check(f"refused: {words}", words in str(read(lines, schema, {})), True)
    check("null where a value must be", "Invalid null value" in str(read(lines, {"type": "string"}, None)), True)
    check("no match in a choice", "Did not find matching" in str(read(lines, choice, "text")), True)


if __name__ == "__main__":
    main(texts, foreign, random_records)
