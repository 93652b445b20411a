"""The HTTP server under REST: TLS, passwords, headers, listeners of their own, hostile clients, access log.

REST answers GET / and /health before Kafka is there, so most of these workers have none."""

import base64
import contextlib
import re
import socket
import ssl
import subprocess
import threading

import pytest
import requests

import stand
from conftest import SLOW, wait_until

EXTENSION = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
MODULE = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
PASSWORD = "n0body-may-read-this"


class Rest(stand.Worker):
    """A worker without Kafka, with the given REST keys."""

    def __init__(self, binary, workdir, properties, **more):
        base = {"bootstrap.servers": f"{stand.HOST}:1", "offset.storage.file.filename": workdir / "offsets"}
        super().__init__(binary, workdir, {**base, **properties}, **more)
        self.start_timeout *= SLOW

    def _ready(self):
        return ", worker id " in self.log_text()

    def rss_kb(self):
        status = open(f"/proc/{self.pid}/status").read()
        return int(re.search(r"VmRSS:\s*(\d+)", status).group(1))

    def dial(self):
        return socket.create_connection((stand.HOST, self.port), timeout=30 * SLOW)

    def raw(self, data):
        """Sends bytes, reads until the server closes; gives what came."""
        with self.dial() as sock:
            with contextlib.suppress(OSError):
                sock.sendall(data)
            return read_all(sock)


def read_all(sock):
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            got += chunk
    return got


@pytest.fixture
def rest_worker(binary, tmp_path):
    made = []

    def make(properties, **more):
        worker = Rest(binary, tmp_path / f"worker{len(made)}", properties, **more)
        made.append(worker)
        return worker

    yield make
    for worker in made:
        if worker.running:
            assert worker.stop() == 0, worker.log_text()[-4000:]
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", PASSWORD):
            assert word not in worker.log_text(), worker.log_text()[-8000:]


def url(scheme="http"):
    return f"{scheme}://{stand.HOST}:{stand.free_port()}"


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """A CA, a server's and a client's certificate, and a stranger's, in all the forms that the keys take."""
    there = tmp_path_factory.mktemp("pki")
    script = f"""
    set -e
    ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl req -x509 $ec -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
    openssl req -x509 $ec -keyout stranger.key -out stranger.pem -days 2 -subj /CN=stranger
    echo "subjectAltName=IP:{stand.HOST}" > server.ext
    echo "extendedKeyUsage=clientAuth" > client.ext
    for who in server client; do
        openssl req $ec -keyout $who.key -out $who.csr -subj /CN=$who
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext -out $who.pem
    done
    openssl pkcs8 -topk8 -in server.key -out server.enc -passout pass:{PASSWORD}
    cat server.key server.pem > both.pem
    cat server.pem server.enc > encrypted.pem
    cat client.pem server.key > mixed.pem
    openssl pkcs12 -export -in server.pem -inkey server.key -certfile ca.pem -out server.p12 -passout pass:{PASSWORD}
    openssl pkcs12 -export -nokeys -in ca.pem -out trust.p12 -passout pass:{PASSWORD}
    printf '\\376\\355\\376\\355\\000\\000\\000\\002' > store.jks
    """
    subprocess.run(["bash", "-c", script], cwd=there, check=True, capture_output=True)
    return there


def keystore(pki, prefix="ssl.", name="both.pem", **more):
    return {f"{prefix}keystore.type": "PEM", f"{prefix}keystore.location": pki / name,
            **{prefix + key.replace("_", "."): value for key, value in more.items()}}


def ask(address, pki, cert=None, **more):
    pair = (str(pki / f"{cert}.pem"), str(pki / f"{cert}.key")) if cert else None
    return requests.get(address + "/", verify=str(pki / "ca.pem"), cert=pair, timeout=30, **more)


def test_http_and_https_together(rest_worker, pki):
    secure, plain, admin = url("https"), url(), url("HTTPS")
    worker = rest_worker({
        "listeners": f"{secure},{plain}",
        "admin.listeners": admin,
        **keystore(pki, "listeners.https.ssl.", enabled_protocols="TLSv1.3"),
        **keystore(pki, "admin.listeners.https.ssl.", "encrypted.pem", key_password=PASSWORD),
        "ssl.keystore.location": "/nonexistent",  # hidden by the prefixed keys
    }).start()
    assert ask(secure, pki).json()["version"]
    assert requests.get(plain, timeout=30).json() == ask(secure, pki).json()
    assert f"worker id {plain[7:]}" in worker.log_text()  # http is advertised when there is one
    assert requests.get(admin.lower() + "/admin/loggers", verify=str(pki / "ca.pem"), timeout=30).ok
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secure, timeout=30)  # doesn't know the CA
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    address = (stand.HOST, int(secure.rpartition(":")[2]))
    with socket.create_connection(address) as sock, pytest.raises(OSError):
        context.wrap_socket(sock, server_hostname=stand.HOST)
    with socket.create_connection(address) as sock:  # http to the https port: an alert, or the end
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in read_all(sock)
    assert ask(secure, pki).ok


@pytest.mark.parametrize("store", ["encrypted", "pkcs12", "inline"])
def test_keystores(rest_worker, pki, store):
    secure = url("https")
    keys = {
        "encrypted": keystore(pki, name="encrypted.pem", key_password=PASSWORD),
        # Java takes PKCS12 for the default type JKS too
        "pkcs12": {"ssl.keystore.location": pki / "server.p12", "ssl.keystore.password": PASSWORD},
        "inline": {"ssl.keystore.type": "PEM", "ssl.keystore.key": (pki / "server.key").read_text(),
                   "ssl.keystore.certificate.chain": (pki / "server.pem").read_text().replace("\n", " ")},
    }[store]
    worker = rest_worker({"listeners": secure, **keys}).start()
    assert ask(secure, pki).ok
    assert f"worker id {secure[8:]}" in worker.log_text()


@pytest.mark.parametrize("how", ["none", "requested", "required"])
def test_client_certificates(rest_worker, pki, how):
    secure = url("https")
    trust = {"truststore_location": pki / "trust.p12", "truststore_password": PASSWORD}
    rest_worker({"listeners": secure, **keystore(pki, client_auth=how, **trust)}).start()

    def served(cert):
        try:
            return ask(secure, pki, cert).ok
        except requests.exceptions.ConnectionError:
            return False

    assert served("client")
    assert served(None) == (how != "required")
    assert served("stranger") == (how == "none")
    assert served("client")


REFUSED = {
    "no keystore": ({}, ["ssl.keystore.location"]),
    "missing file": (lambda p: keystore(p, name="nope"), ["nope", "No such file"]),
    "wrong key password": (lambda p: keystore(p, name="encrypted.pem", key_password=PASSWORD + "x"), ["key.password"]),
    "key of another": (lambda p: keystore(p, name="mixed.pem"), ["ssl.keystore", "can't be used"]),
    "no key": (lambda p: keystore(p, name="ca.pem"), ["ssl.keystore", "can't be used"]),
    "JKS": (lambda p: keystore(p, name="store.jks"),
            ["keytool -importkeystore -srckeystore", "openssl pkcs12 -in", "ssl.keystore.type=PEM"]),
    "wrong PKCS12 password": (lambda p: {"ssl.keystore.location": p / "server.p12", "ssl.keystore.password": PASSWORD + "x"},
                              ["server.p12", "password"]),
    "client auth without CA": (lambda p: keystore(p, client_auth="required"), ["ssl.truststore.location"]),
    "client auth word": (lambda p: keystore(p, client_auth="maybe"), ["maybe", "required, requested, none"]),
    "old protocol": (lambda p: keystore(p, enabled_protocols="TLSv1.1,TLSv1.2"), ["TLSv1.1"]),
    "cipher names": (lambda p: keystore(p, cipher_suites="TLS_AES_128_GCM_SHA256"), ["ssl.cipher.suites"]),
    "foreign extension": ({"rest.extension.classes": "com.example.Oauth"}, ["com.example.Oauth"]),
    "no users": ({"rest.extension.classes": EXTENSION}, ["sluice.rest.jaas.config"]),
    "header rule": ({"response.http.headers.config": "put X: y"}, ["put X: y"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_the_start(binary, tmp_path, pki, case):
    properties, words = REFUSED[case]
    properties = properties(pki) if callable(properties) else properties
    stand.write_properties(tmp_path / "w.properties", {
        "bootstrap.servers": f"{stand.HOST}:1", "offset.storage.file.filename": tmp_path / "offsets",
        "listeners": url("https"), **properties})
    ended = subprocess.run([binary, "worker", tmp_path / "w.properties"], capture_output=True, text=True, timeout=60)
    assert ended.returncode not in (0, 99), ended.stderr
    assert all(word in ended.stderr for word in words), ended.stderr
    assert PASSWORD not in ended.stderr


# --- Passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["line", "file", "KAFKA_OPTS"])
def test_passwords(rest_worker, tmp_path, way):
    users, jaas = tmp_path / "users", tmp_path / "jaas.conf"
    users.write_text(f"joe={PASSWORD}\n")
    line = f'{MODULE} required file="{users}";'
    jaas.write_text(f"KafkaConnect {{\n    {line}\n}};\n")
    key = "sluice.rest.jaas.config"
    more = {
        "line": {"properties": {key: line}},
        "file": {"properties": {key: jaas}},
        "KAFKA_OPTS": {"properties": {}, "env": {"KAFKA_OPTS": f"-Xmx1g -Djava.security.auth.login.config={jaas}"}},
    }[way]
    admin, metrics = url(), url()
    worker = rest_worker({"rest.extension.classes": EXTENSION, "admin.listeners": admin,
                          "sluice.metrics.listeners": metrics, **more.pop("properties")}, **more).start()

    def answer(password=None, path="/", **headers):
        auth = ("joe", password) if password else None
        return requests.get(worker.url + path, auth=auth, headers=headers, timeout=30)

    assert answer(PASSWORD).ok
    for refused in (answer(), answer(PASSWORD + "x"), answer(path="/connectors"), answer(path="/health"),
                    answer(Authorization="Basic %%%"), answer(Authorization="Bearer x")):
        assert refused.status_code == 401
        assert refused.text == "User cannot access the resource."
        # As Connect's filter answers: this type, and no challenge
        assert refused.headers["Content-Type"] == "application/json" and "WWW-Authenticate" not in refused.headers
    refused = requests.post(worker.url + "/connectors", data=b"x" * 20_000_000, timeout=60)
    assert refused.status_code == 401  # before the body is read, and the answer arrives
    assert requests.get(admin + "/admin/loggers", timeout=30).ok  # as in Connect, these ask nobody
    assert requests.get(metrics + "/metrics", timeout=30).ok
    users.write_text(f"joe={PASSWORD}2\n")  # read once
    assert answer(PASSWORD).ok
    assert '- joe [' in worker.log_text()
    assert base64.b64encode(f"joe:{PASSWORD}".encode()).decode() not in worker.log_text()


def test_empty_and_unreadable_password_files(rest_worker, tmp_path):
    (tmp_path / "users").write_text("# nobody\n")
    for name, status, words in (("users", 200, "all requests are permitted"), ("none", 401, "nobody can log in")):
        worker = rest_worker({"rest.extension.classes": EXTENSION,
                              "sluice.rest.jaas.config": f'{MODULE} required file="{tmp_path / name}";'}).start()
        assert worker.rest("GET", "/").status_code == status
        assert requests.get(worker.url, auth=("a", "b"), timeout=30).status_code == status
        assert words in worker.log_text()


# --- Headers, listeners -----------------------------------------------------------------------------------------------


def test_headers_and_cross_origin(rest_worker):
    admin = url()
    worker = rest_worker({
        "admin.listeners": admin,
        "access.control.allow.origin": r"http://ui.example,https://.*\.dom\.com",
        "access.control.allow.methods": "GET,PUT",
        "response.http.headers.config": 'add Cache-Control: no-cache, "set X-A: b,c", setDate Expires: 31540000000,'
                                        "set Content-Type: text/html",
    }).start()

    def headers(method="GET", path="/", origin=None, **more):
        extra = {**({"Origin": origin} if origin else {}), **more}
        return worker.rest(method, path, headers=extra).headers

    plain = headers()
    assert plain["Vary"] == "Origin" and plain["Cache-Control"] == "no-cache" and plain["X-A"] == "b,c"
    assert plain["Expires"].endswith(" GMT") and plain["Content-Type"] == "application/json"
    assert "Access-Control-Allow-Origin" not in headers(origin="http://no.example")
    simple = headers(origin="https://x.dom.com")
    assert simple["Access-Control-Allow-Origin"] == "https://x.dom.com"
    assert "Access-Control-Allow-Methods" not in simple
    preflight = headers("OPTIONS", "/connectors", "http://ui.example", **{"Access-Control-Request-Method": "PUT"})
    assert {name: value for name, value in preflight.items() if name.startswith("Access-Control")} == {
        "Access-Control-Allow-Origin": "http://ui.example",
        "Access-Control-Allow-Methods": "GET,PUT",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "60",
    }
    assert headers(path="/nonesuch")["X-A"] == "b,c"
    bare = requests.get(admin + "/admin/loggers", headers={"Origin": "http://ui.example"}, timeout=30)
    assert bare.ok and not {"Vary", "X-A", "Access-Control-Allow-Origin"} & set(bare.headers)


def test_listeners_of_their_own(rest_worker):
    admin, metrics = url(), url()
    worker = rest_worker({"admin.listeners": admin, "sluice.metrics.listeners": metrics}).start()

    def served(base):
        return [path for path in ("/", "/health", "/admin/loggers", "/metrics")
                if requests.get(base + path, timeout=30).status_code != 404]

    assert served(worker.url) == ["/", "/health"]
    assert served(admin) == ["/admin/loggers"]
    assert served(metrics) == ["/metrics"]
    off = rest_worker({"admin.listeners": "", "sluice.metrics.listeners": ""}).start()
    assert served(off.url) == ["/", "/health"]
    both = url()
    together = rest_worker({"admin.listeners": both, "sluice.metrics.listeners": both}).start()
    assert served(together.url) == ["/", "/health"] and served(both) == ["/admin/loggers", "/metrics"]


# --- Hostile clients --------------------------------------------------------------------------------------------------


def test_slow_clients_are_ended_and_hold_up_nobody(rest_worker):
    worker = rest_worker({"sluice.rest.idle.timeout.ms": 1500, "sluice.rest.request.timeout.ms": 2500}).start()
    head = b"POST /connectors HTTP/1.1\r\nHost: x\r\n"
    starts = {
        "idle": b"",
        "head": b"GET / HT",
        "body": head + b"Content-Length: 1000\r\n\r\n{",
        "chunks": head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        "kept alive": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    }
    with contextlib.ExitStack() as stack:
        socks = {name: stack.enter_context(worker.dial()) for name in starts}
        for name, sock in socks.items():
            sock.sendall(starts[name])
        done = threading.Event()

        def drip():  # a byte now and then, which would hold off a timeout that counts from the last byte
            while not done.wait(0.1):
                for name, byte in (("head", b"x"), ("body", b" "), ("chunks", b"1\r\n \r\n")):
                    with contextlib.suppress(OSError):
                        socks[name].sendall(byte)

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            assert worker.rest("GET", "/").ok
            for name, sock in socks.items():
                answer = read_all(sock)  # ends: the server has closed
                assert answer.startswith(b"HTTP/1.1 200") if name == "kept alive" else not answer, (name, answer)
        finally:
            done.set()
            thread.join()
        assert worker.rest("GET", "/").ok


def test_more_connections_than_there_may_be(rest_worker):
    worker = rest_worker({"sluice.rest.max.connections": 32}).start()
    assert worker.rest("GET", "/").ok
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(worker.dial()) for _ in range(300)]
        for sock in socks:
            with contextlib.suppress(OSError):  # the first ones are gone by now
                sock.sendall(b"GET / HT")
        for _ in range(10):
            assert worker.rest("GET", "/").ok  # a client that sends its request in one go is served
        assert read_all(socks[0]) == b""  # who has waited longest had to go
        socks[-1].sendall(b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(socks[-1]).startswith(b"HTTP/1.1 200")  # the newest are still there


def test_large_bodies_are_not_kept(rest_worker):
    worker = rest_worker({}).start()
    worker.rest("GET", "/")
    before = worker.rss_kb()
    body = b"x" * 100_000_000
    answer = requests.post(worker.url + "/connectors", data=body, timeout=120)
    assert answer.status_code == 413 and answer.json()["error_code"] == 413
    answer = requests.post(worker.url + "/connectors", data=(body[:1_000_000] for _ in range(100)), timeout=120)
    assert answer.status_code == 413
    # Announced, and never sent: nobody waits for it
    answer = worker.raw(b"PUT /connectors/a/config HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    assert b" 413 " in answer and b"Connection: close" in answer
    assert worker.rss_kb() - before < 20_000 * SLOW
    assert worker.rest("GET", "/").ok


def request(line, *headers, body=b""):
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: x", *headers, b"Connection: close", b"", body])


MALFORMED = {
    "NUL in the path": (request(b"DELETE /connectors/a\0b"), 400),
    "NUL at its end": (request(b"GET /health\0"), 400),
    "encoded NUL": (request(b"GET /connectors/a%00b"), 400),
    "path not UTF-8": (request(b"GET /connectors/a\xff"), 400),
    "broken escape": (request(b"GET /connectors/a%2"), 400),
    "huge head": (request(b"GET /", b"X: " + b"a" * 1_000_000), 431),
    "many headers": (request(b"GET /", *[b"X: a"] * 50_000), 431),
    "huge path": (request(b"GET /" + b"a" * 1_000_000), 414),
    "two lengths": (request(b"PUT /a", b"Content-Length: 2", b"Content-Length: 3", body=b"{}"), 400),
    "length and chunks": (request(b"PUT /a", b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "negative length": (request(b"PUT /a", b"Content-Length: -2", body=b"{}"), 400),
    "length beyond numbers": (request(b"PUT /a", b"Content-Length: " + b"9" * 40, body=b"{}"), 413),
    "broken chunks": (request(b"PUT /a", b"Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n"), 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
}


def test_malformed_requests(rest_worker):
    worker = rest_worker({}).start()
    validate = b"PUT /connector-plugins/FileStreamSink/config/validate"
    for name, (data, status) in MALFORMED.items():
        answer = worker.raw(data)
        assert answer.startswith(b"HTTP/1.1 %d " % status), (name, answer[:200])
    for body in (b'{"name": "\xff\xfe"}', b"[" * 500_000, b'{"a":' * 100_000, b"\0" * 1000, b"{" + b'"a":1,' * 100_000):
        length = b"Content-Length: %d" % len(body)
        answer = worker.raw(request(validate, b"Content-Type: application/json", length, body=body))
        assert answer.startswith(b"HTTP/1.1 500 "), answer[:200]
    three = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + request(b"GET /nonesuch")
    assert re.findall(rb"HTTP/1.1 (\d+)", worker.raw(three)) == [b"200", b"200", b"404"]
    assert worker.rest("GET", "/").ok


# --- Access log -------------------------------------------------------------------------------------------------------


def test_access_log(rest_worker):
    worker = rest_worker({}).start()
    worker.rest("GET", "/nonesuch?a=%22\xfc", headers={"User-Agent": 'a "b"', "Authorization": "Basic " + PASSWORD})
    line = wait_until(lambda: re.search(r'.*nonesuch.*', worker.log_text()), what="the line").group(0)
    assert re.search(r'INFO +127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /nonesuch\?a=%22%C3%BC HTTP/1.1"'
                     r' 404 49 "" "a \\x22b\\x22" \d+$', line), line
