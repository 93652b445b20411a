# SPDX-License-Identifier: Apache-2.0
"""The registry client against a registry that keeps, compares and refuses schemas, in the clear and behind TLS and passwords. Faults of
other kinds are played by tests/unit/test_registry.c."""

import json
import os
import subprocess

import pytest

import secured
import stand

ASK = os.environ.get("SLUICE_REGISTRY_ASK", stand.PLACES["SLUICE_ROOT"] / "build/dev/tests/registry_ask")
SSL = "schema.registry.ssl."
INT = '"int"'


def ask(settings, *questions):
    """The answers to questions (each a tuple of words), as dicts."""
    words = [str(word) for question in questions for word in question]
    done = subprocess.run([ASK, *(f"{k}={v}" for k, v in settings.items()), "--", *words], capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def at(registry, **more):
    return {"schema.registry.url": registry.url, "max.retries": "0"} | {k.replace("_", "."): v for k, v in more.items()}


def record(**fields):
    return json.dumps({"type": "record", "name": "Row", "fields": [{"name": n, "type": t} for n, t in fields.items()]})


def test_registers_and_reads(registry, unique):
    subject, first = f"orders/{unique} x", record(a="int")
    answers = ask(at(registry), ("write", subject, "AVRO", first), ("version", subject, 1), ("write", subject, "AVRO", first))
    assert [a["ok"] for a in answers] == [True] * 3
    assert answers[0]["id"] == answers[1]["id"] == answers[2]["id"]
    assert answers[1]["schema"] == first and answers[1]["version"] == 1
    assert registry.latest(subject)["schema"] == first
    assert ask(at(registry), ("read", answers[0]["id"]))[0]["schema"] == first


def test_kinds_and_references(registry, unique):
    base, user = f"base-{unique}", f"user-{unique}"
    text = 'syntax = "proto3";\nimport "base.proto";\nmessage User { Base b = 1; }\n'
    answers = ask(
        at(registry),
        ("write", base, "PROTOBUF", 'syntax = "proto3";\nmessage Base { int32 a = 1; }\n'),
        ("ref", "base.proto", base, 1),
        ("write", user, "PROTOBUF", text),
        ("version", user, 1),
        ("write", f"json-{unique}", "JSON", '{"type":"object"}'),
        ("version", f"json-{unique}", 1),
    )
    assert all(a["ok"] for a in answers), answers
    assert answers[2]["references"] == 1 and answers[2]["schema"] == text and answers[2]["type"] == "PROTOBUF"
    assert registry.latest(user)["references"] == [{"name": "base.proto", "subject": base, "version": 1}]
    assert answers[4]["type"] == "JSON"


def test_refuses_what_is_incompatible_or_invalid(registry, unique):
    subject = f"strict-{unique}"
    answers = ask(at(registry), ("write", subject, "AVRO", record(a="int")), ("write", subject, "AVRO", record(b="string")),
                  ("write", f"{subject}-bad", "AVRO", '{"type":"nonsense"}'))  # fmt: skip
    assert answers[0]["ok"]
    assert (answers[1]["class"], answers[1]["error"]) == ("schema_mismatch", "registry.refused")
    assert "incompatible" in answers[1]["message"] and subject in answers[1]["message"] and "error 409" in answers[1]["message"]
    assert (answers[2]["class"], answers[2]["error"]) == ("schema_mismatch", "registry.refused")
    assert "error 42201" in answers[2]["message"]


def test_only_looks_up_without_auto_register(registry, unique):
    subject, settings = f"looked-{unique}", at(registry, auto_register_schemas="false")
    unknown = ask(settings, ("write", subject, "AVRO", record(a="int")))[0]
    assert (unknown["class"], unknown["error"]) == ("schema_mismatch", "registry.unknown")
    assert "auto.register.schemas=false" in unknown["message"] and "error 40401" in unknown["message"]
    assert subject not in registry.subjects()
    number = registry.register(subject, record(a="int"))
    known, other = ask(settings, ("write", subject, "AVRO", record(a="int")), ("write", subject, "AVRO", record(z="int")))
    assert known["id"] == number and known["version"] == 1
    assert other["error"] == "registry.unknown" and "error 40403" in other["message"]


def test_latest_and_given_ids(registry, unique):
    subject = f"latest-{unique}"
    first = registry.register(subject, record(a="int"))
    second = registry.register(subject, record(a="long"))
    latest = ask(at(registry, auto_register_schemas="false", use_latest_version="true"), ("write", subject, "AVRO", INT))[0]
    assert latest["id"] == second and latest["version"] == 2 and latest["schema"] == record(a="long")
    given = ask(at(registry, auto_register_schemas="false", use_schema_id=first), ("write", subject, "AVRO", INT))[0]
    assert given["id"] == first and given["schema"] == record(a="int")
    assert ask(at(registry), ("write", f"{subject}-n", "AVRO", INT))[0]["ok"]
    unknown = ask(at(registry), ("read", 123456), ("version", subject, 9), ("version", "no-such", 1))
    assert [a["error"] for a in unknown] == ["registry.unknown"] * 3


def test_basic_auth(tmp_path):
    with stand.Registry(tmp_path, user="al ice:p:w%") as registry:
        host = registry.url.removeprefix("http://")
        info = {"basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "al ice:p:w%"}
        in_url = {"schema.registry.url": f"http://al%20ice:p:w%25@{host}"}
        assert ask(at(registry) | info, ("write", "s", "AVRO", INT))[0]["ok"]
        assert ask(at(registry) | in_url, ("write", "s", "AVRO", INT))[0]["ok"]
        for wrong in ({}, info | {"basic.auth.user.info": "alice:s3cret"}):
            answer = ask(at(registry) | wrong, ("write", "s", "AVRO", INT))[0]
            assert (answer["class"], answer["error"]) == ("fatal", "registry.auth")
            assert "error 40101" in answer["message"] and "s3cret" not in answer["message"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return secured.Authority(tmp_path_factory.mktemp("ca"))


def pem(path):
    return path.read_text()


def test_tls(tmp_path, authority):
    with stand.Registry(tmp_path, cert=authority.issue("server", f"IP:{stand.HOST}")) as registry:
        trust = {SSL + "truststore.type": "PEM", SSL + "truststore.location": authority.certificate}
        as_text = {SSL + "truststore.certificates": pem(authority.certificate).replace("\n", " ")}
        for settings in (trust, as_text):
            assert ask(at(registry) | settings, ("write", "s", "AVRO", INT))[0]["ok"]
        answer = ask(at(registry), ("write", "s", "AVRO", INT))[0]
        assert (answer["class"], answer["error"]) == ("fatal", "registry.auth") and "truststore" in answer["message"]
        plain = {"schema.registry.url": registry.url.replace("https", "http")}
        assert not ask(at(registry) | plain, ("write", "s", "AVRO", INT))[0]["ok"]


def test_the_certificate_must_be_of_the_host(tmp_path, authority):
    with stand.Registry(tmp_path, cert=authority.issue("elsewhere", "DNS:elsewhere")) as registry:
        trust = {SSL + "truststore.type": "PEM", SSL + "truststore.location": authority.certificate}
        answer = ask(at(registry) | trust, ("write", "s", "AVRO", INT))[0]
        assert (answer["class"], answer["error"]) == ("fatal", "registry.auth")
        assert "no alternative certificate subject name matches" in answer["message"]
        any_host = {SSL + "endpoint.identification.algorithm": ""}
        assert ask(at(registry) | trust | any_host, ("write", "s", "AVRO", INT))[0]["ok"]


def test_a_certificate_that_has_expired(tmp_path, authority):
    with stand.Registry(tmp_path, cert=authority.issue("late", f"IP:{stand.HOST}", days=-1)) as registry:
        trust = {SSL + "truststore.type": "PEM", SSL + "truststore.location": authority.certificate}
        answer = ask(at(registry) | trust, ("write", "s", "AVRO", INT))[0]
        assert (answer["class"], answer["error"]) == ("fatal", "registry.auth")
        assert "certificate has expired" in answer["message"]


def test_mutual_tls(tmp_path, authority):
    client = authority.issue("client", password="pem-pw")
    key, certificate = client.with_name("client.key"), client.with_name("client.crt")
    store = tmp_path / "client.p12"
    secured._openssl("pkcs12", "-export", "-inkey", key, "-in", certificate, "-passin", "pass:pem-pw", "-out", store,
                     "-passout", "pass:p12-pw")  # fmt: skip
    server = authority.issue("server2", f"IP:{stand.HOST}")
    with stand.Registry(tmp_path / "registry", cert=server, client_ca=authority.certificate) as registry:
        trust = {SSL + "truststore.type": "PEM", SSL + "truststore.location": authority.certificate}
        keystores = (
            {SSL + "keystore.type": "PEM", SSL + "keystore.location": client, SSL + "key.password": "pem-pw"},
            {SSL + "keystore.type": "PKCS12", SSL + "keystore.location": store, SSL + "keystore.password": "p12-pw"},
            {SSL + "keystore.location": store, SSL + "keystore.password": "p12-pw"},  # Java reads a PKCS12 file as JKS too
            {SSL + "keystore.key": pem(key), SSL + "keystore.certificate.chain": pem(certificate), SSL + "key.password": "pem-pw"},
        )
        for keystore in keystores:
            assert ask(at(registry) | trust | keystore, ("write", "s", "AVRO", INT))[0]["ok"], keystore
        answer = ask(at(registry) | trust, ("write", "s", "AVRO", INT))[0]
        assert not answer["ok"] and answer["error"] == "registry.unreachable"
        wrong = keystores[1] | {SSL + "keystore.password": "s3cret"}
        answer = ask(at(registry) | trust | wrong, ("write", "s", "AVRO", INT))[0]
        assert answer["error"] == "config.invalid" and "s3cret" not in answer["message"]
