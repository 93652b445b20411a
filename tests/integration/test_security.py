"""Kafka that asks who we are: TLS, mutual TLS, SASL PLAIN, SCRAM and OAUTHBEARER, with Java's keys; what is said when it
refuses us or we refuse it; and that no secret is ever said."""

import base64
import subprocess
import threading

import pytest

import secured
import stand
from conftest import STRING, wait_until

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
STRINGS = {"key.converter": STRING, "value.converter": STRING}
KEY_PASSWORD, STORE_PASSWORD = "key-s3cret-1", "store-s3cret-2"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    with secured.SecuredKafka(tmp_path_factory.mktemp("kafka")) as part:
        yield part


@pytest.fixture(scope="session")
def certificates(kafka):
    """Files of the client's side."""
    client = kafka.authority.issue("client")
    locked = kafka.authority.issue("locked", password=KEY_PASSWORD)
    p12 = kafka.authority.directory / "client.jks"  # as keytool would call it
    command = ["openssl", "pkcs12", "-export", "-in", client, "-out", p12, "-passout", f"pass:{STORE_PASSWORD}"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    expired = kafka.authority.issue("expired-client", days=-1)
    stranger = secured.Authority(kafka.authority.directory, "stranger")
    return {"client": client, "locked": locked, "p12": p12, "expired": expired, "stranger": stranger.certificate}


def tls(kafka, protocol="SSL"):
    return {
        "security.protocol": protocol,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": kafka.authority.certificate,
    }


def sasl(kafka, mechanism, password=None):
    module = secured.PLAIN if mechanism == "PLAIN" else secured.SCRAM
    options = f"{secured.jaas('username', kafka.user)} {secured.jaas('password', password or kafka.password)}"
    return {
        **tls(kafka, "SASL_SSL"),
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f"{module} required\n  {options};",
    }


def oauth(kafka, secret=None):
    keys = f"{secured.jaas('clientId', kafka.client_id)} {secured.jaas('clientSecret', secret or kafka.client_secret)}"
    return {
        **tls(kafka, "SASL_SSL"),
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.login.callback.handler.class":
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
        "sasl.oauthbearer.token.endpoint.url": f"{kafka.tokens.url}/token",
        "sasl.jaas.config": f'{secured.OAUTH} required {keys} scope="kafka other";',
    }  # fmt: skip


def everywhere(values):
    """As a Connect user writes it: for the worker's own clients and for those of connectors."""
    return {f"{prefix}{key}": value for prefix in ("", "producer.", "consumer.", "admin.") for key, value in values.items()}


def one_line(path):
    return " ".join(path.read_text().split("\n"))


CASES = {
    "plain": ("sasl", lambda k, c: sasl(k, "PLAIN")),
    "scram-256": ("sasl", lambda k, c: sasl(k, "SCRAM-SHA-256")),
    "scram-512": ("sasl", lambda k, c: sasl(k, "SCRAM-SHA-512")),
    "mtls-pem": (
        "mtls",
        lambda k, c: {
            **tls(k),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": c["locked"],
            "ssl.key.password": KEY_PASSWORD,
        },
    ),
    "mtls-inline": (
        "mtls",
        lambda k, c: {
            "security.protocol": "SSL",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": one_line(k.authority.certificate),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": one_line(k.authority.directory / "client.key"),
            "ssl.keystore.certificate.chain": one_line(k.authority.directory / "client.crt"),
        },
    ),
    "mtls-pkcs12": (
        "mtls",
        lambda k, c: {**tls(k), "ssl.keystore.location": c["p12"], "ssl.keystore.password": STORE_PASSWORD},
    ),
    "oauth-unsecured": (
        "oauth",
        lambda k, c: {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.jaas.config": f'{secured.OAUTH} required unsecuredLoginStringClaim_sub="alice";',
        },
    ),
    "oauth-endpoint": ("jwt", lambda k, c: oauth(k)),
    "oauth-assertion": (
        "jwt",
        lambda k, c: {
            **{key: value for key, value in oauth(k).items() if key != "sasl.jaas.config"},
            "sasl.oauthbearer.jwt.retriever.class":
                "org.apache.kafka.common.security.oauthbearer.JwtBearerJwtRetriever",
            "sasl.oauthbearer.assertion.private.key.file": k.tokens.key,
            "sasl.oauthbearer.assertion.claim.sub": "sluice",
            "sasl.oauthbearer.scope": "kafka",
        },
    ),
}


def secrets_of(kafka):
    """Everything that must not be said; a PEM key by one of its lines."""
    keys = [(kafka.authority.directory / f"{name}.key").read_text().splitlines()[3] for name in ("client", "locked")]
    basic = base64.b64encode(f"{kafka.client_id}:{kafka.client_secret}".encode()).decode()
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (kafka.password, kafka.client_secret)]
    return [kafka.password, kafka.client_secret, KEY_PASSWORD, STORE_PASSWORD, basic, WRONG, *keys, *escaped]


WRONG = "wr0ng-s3cret"


@pytest.fixture(autouse=True)
def nothing_is_said(kafka, certificates, tmp_path):
    """After each test: no secret in any log of it."""
    yield
    for log in tmp_path.rglob("*.log"):
        for secret in secrets_of(kafka):
            assert secret not in log.read_text(errors="replace"), f"{log} has {secret[:4]}..."


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("case", CASES)
def test_a_line_runs(make_worker, kafka, certificates, tmp_path, unique, case):
    """Worker, source and sink all over the secured listener, end to end."""
    listener, keys = CASES[case]
    given, copied = tmp_path / "given.txt", tmp_path / "copied.txt"
    given.write_text("one\ntwo\n")
    values = {**everywhere(keys(kafka, certificates)), "bootstrap.servers": kafka.address[listener], **STRINGS}
    worker = make_worker(values).start()
    worker.run("source", {"connector.class": SOURCE, "file": str(given), "topic": unique}, 1)
    worker.run("sink", {"connector.class": SINK, "file": str(copied), "topics": unique}, 1)
    wait_until(lambda: lines(copied) == ["one", "two"], what="the lines at the other end")
    assert [record.value for record in kafka.consume_all(unique)] == [b"one", b"two"]
    if case == "oauth-assertion":
        assert "jwt-bearer" in kafka.tokens.requests[-1]["grant_type"][0]
    if case == "oauth-endpoint":
        assert kafka.tokens.requests[-1] == {"grant_type": ["client_credentials"], "scope": ["kafka other"]}


REFUSALS = {
    "wrong password": (
        "sasl",
        lambda k, c: sasl(k, "PLAIN", WRONG),
        ["check username and password in sasl.jaas.config"],
    ),
    "wrong scram password": (
        "sasl",
        lambda k, c: sasl(k, "SCRAM-SHA-512", WRONG),
        ["check username and password in sasl.jaas.config"],
    ),
    "a mechanism the broker lacks": (
        "oauth",
        lambda k, c: {**sasl(k, "PLAIN"), "security.protocol": "SASL_PLAINTEXT"},
        ["set sasl.mechanism to one that this listener of the broker has"],
    ),
    "untrusted CA": (
        "sasl",
        lambda k, c: {**sasl(k, "PLAIN"), "ssl.truststore.location": c["stranger"]},
        ["certificate", "ssl.truststore.location", "must hold the CA that signed it"],
    ),
    "expired certificate": ("expired", lambda k, c: tls(k), ["certificate has expired", "renew it on the broker"]),
    "another host name": (
        "localhost",
        lambda k, c: sasl(k, "PLAIN"),
        ["mismatch", "ssl.endpoint.identification.algorithm"],
    ),
    "no client certificate": ("mtls", lambda k, c: tls(k), ["ssl.keystore"]),
    "expired client certificate": (
        "mtls",
        lambda k, c: {**tls(k), "ssl.keystore.type": "PEM", "ssl.keystore.location": c["expired"]},
        ["ssl.keystore"],
    ),
    "wrong key password": (
        "mtls",
        lambda k, c: {
            **tls(k),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": c["locked"],
            "ssl.key.password": WRONG,
        },
        ["ssl.key.password"],
    ),
    "wrong client secret": (
        "jwt",
        lambda k, c: oauth(k, secret=WRONG),
        ["check sasl.oauthbearer.token.endpoint.url, the client's id and secret"],
    ),
    "kerberos": ("sasl", lambda k, c: {**tls(k, "SASL_SSL"), "sasl.mechanism": "GSSAPI"}, ["GSSAPI", "SCRAM-SHA-512"]),
    "JKS": (
        "mtls",
        lambda k, c: {"security.protocol": "SSL", "ssl.truststore.location": "/etc/hostname"},
        ["keytool -list -rfc -keystore /etc/hostname > ca.pem", "ssl.truststore.type=PEM"],
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_to_do(make_worker, kafka, certificates, case):
    """The worker ends by itself, with a sentence in the log."""
    listener, keys, words = REFUSALS[case]
    address = f"localhost:{kafka.address['sasl'].split(':')[1]}" if listener == "localhost" else kafka.address[listener]
    worker = make_worker({**everywhere(keys(kafka, certificates)), "bootstrap.servers": address})
    with pytest.raises(stand.StandError):
        worker.start()
    log = worker.log_text()
    code = worker.process.returncode
    assert code in (3, 4), f"{code}\n{log}"
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert any(all(word in line for word in words) for line in errors), log


def test_a_token_endpoint_that_is_away_for_a_moment(make_worker, kafka, certificates):
    """The worker waits for it, and starts."""
    worker = make_worker({**everywhere(oauth(kafka)), "bootstrap.servers": kafka.address["jwt"]})
    kafka.tokens.status = 503
    asked = len(kafka.tokens.requests)

    def come_back():
        wait_until(lambda: len(kafka.tokens.requests) > asked, what="a request for a token")
        kafka.tokens.status = None

    helper = threading.Thread(target=come_back)
    helper.start()
    try:
        worker.start()
    finally:
        helper.join()
        kafka.tokens.status = None


def test_overrides(make_worker, kafka, certificates, tmp_path, unique):
    """A connector with credentials and brokers of its own on a worker without; the policy; what Connect forces."""
    given, copied = tmp_path / "given.txt", tmp_path / "copied.txt"
    given.write_text("one\n")

    def overriding(kind, values):
        return {f"{kind}.override.{key}": str(value) for key, value in values.items()}

    scram = {**sasl(kafka, "SCRAM-SHA-512"), "bootstrap.servers": kafka.address["sasl"]}
    source = {"connector.class": SOURCE, "file": str(given), "topic": unique, **overriding("producer", scram)}
    source |= {"producer.override.transactional.id": "mine", "producer.override.client.id": "its-own-name"}
    sink = {"connector.class": SINK, "file": str(copied), "topics": unique, **overriding("consumer", scram)}
    worker = make_worker(STRINGS).start()
    worker.run("source", source, 1)
    worker.run("sink", sink, 1)
    wait_until(lambda: lines(copied) == ["one"], what="the line at the other end")
    assert "for the 'producer.override.transactional.id' property will be ignored" in worker.log_text()
    for path in ("/connectors/source/config", "/connectors?expand=info&expand=status", "/connectors/source/tasks"):
        text = worker.rest("GET", path).text
        assert not [secret for secret in secrets_of(kafka) if secret in text]
    wrong = {**source, "producer.override.sasl.mechanism": "PLAIN", "producer.override.acks": "1"}
    answer = worker.create("wrong", wrong, status=400)["message"]
    assert "has ScramLoginModule, but sasl.mechanism=PLAIN needs PlainLoginModule" not in answer  # one thing at a time
    assert "Sluice can't honour 1 for configuration producer.override.acks" in answer
    assert worker.stop() == 0

    principal = {"connector.client.config.override.policy": "Principal"}
    worker = make_worker({**STRINGS, **principal}, name="principal").start()
    answer = worker.create("source", source, status=400)["message"]
    text = "The 'Principal' policy does not allow '{}' to be overridden in the connector configuration."
    assert text.format("bootstrap.servers") in answer and text.format("sasl.jaas.config") not in answer


@pytest.mark.parametrize("password", [None, WRONG])
def test_commands_on_dead_letters_say_no_secret(binary, kafka, tmp_path, unique, password):
    """--command-config holds the secrets; at the most verbose level the right one is used and the wrong one refused without a word of it."""
    kafka.create_topic(unique)
    kafka.produce(unique, [("k", b"v", [("__connect.errors.topic", b"t")])])
    file = tmp_path / "client.properties"
    stand.write_properties(file, sasl(kafka, "SCRAM-SHA-512", password))
    command = [binary, "dlq", "list", "--bootstrap-server", kafka.address["sasl"], "--topic", unique, "--command-config", file,
               "--log-level", "debug"]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) == (password is None), done.stderr
    if password:
        assert "check username and password" in done.stderr
    (tmp_path / "said.log").write_text(done.stdout + done.stderr)


def test_snowflakes_key_is_not_said(make_worker, kafka, snowflake, tmp_path, unique):
    """At DEBUG, in a config that is shown, in the answer of validate, and in a failed login: not the key, not its passphrase."""
    kafka.create_topic(unique)
    worker = make_worker({"bootstrap.servers": kafka.bootstrap}).start()
    assert worker.rest("PUT", "/admin/loggers/root", json={"level": "DEBUG"}).ok
    config = snowflake.config(unique, **STRINGS) | {"snowflake.private.key.passphrase": WRONG}
    wrong_user = config | {"snowflake.user.name": "NOBODY"}
    wrong_user.pop("snowflake.private.key.passphrase")
    seen = ""
    for name, one in (("passphrase", config), ("user", wrong_user)):
        seen += worker.rest("PUT", "/connector-plugins/SnowflakeStreamingSinkConnector/config/validate", json=one | {"name": name}).text
        seen += worker.rest("POST", "/connectors", json={"name": name, "config": one}).text
        seen += worker.rest("GET", f"/connectors/{name}/config").text

    def refused():
        return "390144" in worker.log_text() or any("390144" in t.get("trace", "") for t in worker.status("user")["tasks"])

    wait_until(refused, what="the refusal")
    seen += worker.rest("GET", "/connectors?expand=status&expand=info").text + worker.rest("GET", "/metrics").text + worker.log_text()
    key = snowflake.private_key
    for secret in (WRONG, key, key[200:260], snowflake.private_pem.splitlines()[5]):
        assert secret not in seen
