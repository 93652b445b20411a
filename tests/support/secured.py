"""A Kafka broker with listeners that ask who you are - SASL over TLS, mutual TLS, OAuth - the certificates for it, and a
token endpoint. All on loopback, all made anew."""

import base64
import http.server
import json
import pathlib
import secrets
import subprocess
import threading
import time
import urllib.parse

import confluent_kafka.admin

import stand


def _openssl(*args, **options):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, **options)
    if done.returncode:
        raise stand.StandError(f"openssl {args[0]} failed:\n{done.stderr.decode()}")
    return done.stdout


class Authority:
    """A certificate authority with its files in a directory."""

    def __init__(self, directory, name="ca"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key, self.certificate = self.directory / f"{name}.key", self.directory / f"{name}.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.certificate,
                 "-subj", f"/CN={name}", "-days", "10")  # fmt: skip

    def issue(self, name, san="", days=5, password=None):
        """A PEM file with a PKCS8 key and its certificate, as Kafka's PEM keystores are; a negative number of days gives
        one that has expired."""
        key, request, certificate = (self.directory / f"{name}.{end}" for end in ("key", "csr", "crt"))
        secret = ["-aes256", "-pass", f"pass:{password}"] if password else []
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key, *secret)
        secret = ["-passin", f"pass:{password}"] if password else []
        _openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}", *secret)
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san}\n" if san else "")
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days",
                 days, "-extfile", extensions, "-out", certificate)  # fmt: skip
        both = self.directory / f"{name}-both.pem"
        both.write_text(key.read_text() + certificate.read_text())
        return both


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenEndpoint:
    """An OAuth server: client credentials for a signed token at /token, its public key at /jwks. It keeps what it was
    asked, and can be told to fail with a status."""

    def __init__(self, directory, client_id, client_secret):
        self.key = pathlib.Path(directory) / "token.key"
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self.requests = []  # parsed forms
        self.status = None
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, endpoint._jwks())

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                endpoint.requests.append(form)
                if endpoint.status:
                    self.answer(endpoint.status, {"error": "server_error"})
                elif self.headers.get("Authorization") == f"Basic {endpoint._basic}" or "assertion" in form:
                    self.answer(200, {"access_token": endpoint._token(), "token_type": "Bearer", "expires_in": 3600})
                else:
                    self.answer(401, {"error": "invalid_client", "error_description": "no such client"})

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((stand.HOST, 0), Handler)
        self.url = f"http://{stand.HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _jwks(self):
        text = _openssl("rsa", "-in", self.key, "-modulus", "-noout").decode()
        modulus = bytes.fromhex(text.strip().partition("=")[2])
        key = {"kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig", "n": _b64(modulus), "e": _b64(b"\x01\x00\x01")}
        return {"keys": [key]}

    def _token(self):
        now = int(time.time())
        claims = {"sub": "sluice", "iat": now, "exp": now + 3600, "scope": ["kafka"], "jti": secrets.token_hex(8)}
        parts = [{"alg": "RS256", "typ": "JWT", "kid": "k1"}, claims]
        signed = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_b64(_openssl('dgst', '-sha256', '-sign', self.key, input=signed.encode()))}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


class SecuredKafka(stand.Kafka):
    """Listeners: the plain one, for the test; `sasl` (TLS with PLAIN and SCRAM), `mtls`, `expired` (TLS, its certificate
    has expired), `oauth` (unsecured tokens, no TLS) and `jwt` (TLS, tokens of the endpoint). address[name] is where."""

    def __init__(self, workdir):
        workdir = pathlib.Path(workdir)
        self.authority = Authority(workdir / "tls")
        self.user, self.password = "alice", "pa ss\"w;'o=rd\\" + secrets.token_hex(6)
        self.client_id, self.client_secret = "sluice-client", "cs/+ %" + secrets.token_hex(8)
        self.tokens = TokenEndpoint(workdir / "tls", self.client_id, self.client_secret)
        broker = self.authority.issue("broker", san=f"IP:{stand.HOST}")
        expired = self.authority.issue("expired", san=f"IP:{stand.HOST}", days=-1)
        names = {"sasl": "SASL_SSL", "mtls": "SSL", "expired": "SSL", "oauth": "SASL_PLAINTEXT", "jwt": "SASL_SSL"}
        ports = {name: stand.free_port() for name in names}
        self.address = {name: f"{stand.HOST}:{port}" for name, port in ports.items()}
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | {n.upper(): p for n, p in names.items()}
        tls = {"keystore.type": "PEM", "truststore.type": "PEM", "truststore.location": self.authority.certificate}
        config = {
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.sasl.plain.sasl.jaas.config": f"{PLAIN} required {jaas(f'user_{self.user}', self.password)};",
            "listener.name.sasl.scram-sha-256.sasl.jaas.config": f"{SCRAM} required;",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.oauth.oauthbearer.sasl.jaas.config": f"{OAUTH} required;",
            "listener.name.jwt.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.jwt.oauthbearer.sasl.jaas.config": f"{OAUTH} required;",
            "listener.name.jwt.oauthbearer.sasl.server.callback.handler.class":
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
            "sasl.oauthbearer.jwks.endpoint.url": f"{self.tokens.url}/jwks",
        }  # fmt: skip
        for name in ("sasl", "mtls", "jwt", "expired"):
            store = expired if name == "expired" else broker
            for key, value in {**tls, "keystore.location": store}.items():
                config[f"listener.name.{name}.ssl.{key}"] = value
        super().__init__(workdir, config)
        for key in ("listeners", "advertised.listeners"):
            config = "".join(f",{name.upper()}://{address}" for name, address in self.address.items())
            self._config[key] += config
        # A properties file eats one backslash of two.
        self._config = {key: str(value).replace("\\", "\\\\") for key, value in self._config.items()}

    def _command(self):
        java, *rest = super()._command()
        return [java, f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.tokens.url}/jwks", *rest]

    def start(self):
        super().start()
        admin = self.admin()  # must outlive its requests
        for mechanism in ("SCRAM_SHA_256", "SCRAM_SHA_512"):
            info = confluent_kafka.admin.ScramCredentialInfo(confluent_kafka.admin.ScramMechanism[mechanism], 4096)
            change = confluent_kafka.admin.UserScramCredentialUpsertion(self.user, info, self.password.encode())
            admin.alter_user_scram_credentials([change])[self.user].result(30)
        return self

    def stop(self):
        code = super().stop()
        self.tokens.stop()
        return code


def jaas(key, value):
    """An option of a login module, quoted."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"'
