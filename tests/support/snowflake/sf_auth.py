# SPDX-License-Identifier: Apache-2.0
"""Who may speak: key-pair JWTs (RS256, checked to the letter), OAuth access tokens, programmatic access tokens, and the scoped tokens
that ingest hosts take. Formats: Snowflake's public documentation; what it leaves open is said in docs/snowflake-standin.md."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import subprocess
import time
import urllib.parse

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
SKEW = 60  # seconds


class Denied(Exception):
    """An authentication failure: HTTP status, Snowflake's code, message."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def bad_jwt(why):
    return Denied(401, "390144", f"JWT token is invalid. [{why}]")


def unb64(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class PublicKey:
    """An RSA public key, from PEM text."""

    def __init__(self, pem):
        def run(*args):
            return subprocess.run(["openssl", "rsa", "-pubin", *args], input=pem.encode(), check=True, capture_output=True).stdout

        self.der = run("-outform", "DER")
        self.fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(self.der).digest()).decode()
        self.n = int(run("-modulus", "-noout").decode().strip().partition("=")[2], 16)
        text = run("-text", "-noout").decode()
        self.e = int(re.search(r"Exponent: (\d+)", text)[1])
        self.size = (self.n.bit_length() + 7) // 8

    def verifies(self, signature, data):
        """PKCS#1 v1.5 with SHA-256."""
        if len(signature) != self.size:
            return False
        padded = pow(int.from_bytes(signature, "big"), self.e, self.n).to_bytes(self.size, "big")
        digest = SHA256_INFO + hashlib.sha256(data).digest()
        return padded == b"\x00\x01" + b"\xff" * (self.size - len(digest) - 3) + b"\x00" + digest


class Users:
    """The account's users, and every token that is valid."""

    def __init__(self, account, clock):
        self.account, self.clock = account.upper(), clock
        self.users = {}  # NAME: {"keys": [PublicKey], "role": default role, "roles": set}
        self.pats = {}  # token: user
        self.oauth_clients = {}  # id: {"secret", "user", "refresh": set of refresh tokens}
        self.access = {}  # OAuth access token: (user, exp)
        self.secret = secrets.token_bytes(32)
        self.epoch = 0  # scoped tokens of an earlier one are revoked
        self.refused_users = set()
        self.settings = {"token_ttl": 600.0, "token_form": "plain", "oauth_ttl": 600.0, "role_scope": False}
        self.issued = 0

    def add(self, name, keys, role, roles=()):
        self.users[name.upper()] = {"keys": [PublicKey(pem) for pem in keys], "role": role, "roles": {role, *roles}}

    def now(self):
        return self.clock()

    def _user(self, name):
        if name in self.refused_users:
            raise Denied(401, "390303", "Invalid OAuth access token or user disabled.")
        return {"user": name, **self.users[name]}

    def check_jwt(self, token):
        """The user of a key-pair JWT."""
        parts = token.split(".")
        if len(parts) != 3:
            raise bad_jwt("not three parts")
        try:
            head, body, signature = json.loads(unb64(parts[0])), json.loads(unb64(parts[1])), unb64(parts[2])
        except ValueError as error:
            raise bad_jwt(f"not decodable: {error}") from None
        if head.get("alg") != "RS256" or head.get("typ", "JWT") != "JWT":
            raise bad_jwt("header")
        subject, issuer = body.get("sub", ""), body.get("iss", "")
        name = subject[len(self.account) + 1 :]
        if not subject.startswith(self.account + ".") or name not in self.users:
            raise bad_jwt(f"unknown sub {subject}")
        user = self._user(name)
        key = next((key for key in user["keys"] if issuer == f"{subject}.{key.fingerprint}"), None)
        if key is None:
            raise bad_jwt("iss does not name a public key of the user")
        if not key.verifies(signature, f"{parts[0]}.{parts[1]}".encode()):
            raise bad_jwt("signature")
        issued, ends, now = body.get("iat"), body.get("exp"), self.now()
        if type(issued) is not int or type(ends) is not int:
            raise bad_jwt("iat and exp must be integers")
        if issued > 10**11:  # the official SDK sends milliseconds
            issued, ends = issued // 1000, ends // 1000
        if issued > now + SKEW or ends - issued > 3600:
            raise bad_jwt(f"iat {issued} lies ahead of {now:.0f}, or more than one hour between it and exp {ends}")
        if ends <= now:
            raise Denied(401, "390318", "Authentication token has expired. The user must authenticate again.")
        return user

    def check_scoped(self, token, host=None):
        """The user of a scoped token; host: what it must have been made for."""
        head, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        if not hmac.compare_digest(signature, b64(hmac.digest(self.secret, f"{head}.{body}".encode(), "sha256"))):
            raise Denied(401, "390303", "Invalid OAuth access token.")
        claims = json.loads(unb64(body))
        if claims["epoch"] != self.epoch:
            raise Denied(401, "390303", "Invalid OAuth access token.")
        if claims["exp"] <= self.now():
            raise Denied(401, "390318", "OAuth access token expired.")
        if host is not None and claims["host"] not in (None, bare(host)):
            raise Denied(401, "390303", "Invalid OAuth access token: it is for another host.")
        return self._user(claims["user"])

    def check(self, headers, host=None, scoped_only=False):
        """The user of a request's Authorization header. scoped_only: an ingest host, which takes no key-pair JWT."""
        kind = headers.get("x-snowflake-authorization-token-type")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Denied(401, "390101", "Authorization header not found.")
        if kind not in (None, "KEYPAIR_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"):
            raise Denied(400, "391903", f"Unknown token type {kind}.")
        if token in self.pats:
            self._kind(kind, "PROGRAMMATIC_ACCESS_TOKEN")
            return self._user(self.pats[token])
        if token in self.access:
            self._kind(kind, "OAUTH")
            name, ends = self.access[token]
            if ends <= self.now():
                raise Denied(401, "390318", "OAuth access token expired.")
            return self._user(name)
        head = {}
        try:
            head = json.loads(unb64(token.partition(".")[0]))
        except ValueError:
            pass
        if head.get("kid") == "stand-in":
            self._kind(kind, "OAUTH")
            return self.check_scoped(token, host)
        if scoped_only:
            raise Denied(401, "390303", "Invalid OAuth access token.")
        self._kind(kind, "KEYPAIR_JWT")
        return self.check_jwt(token)

    @staticmethod
    def _kind(said, right):
        if said not in (None, right):
            raise Denied(401, "390144", f"The token is no {said}.")

    def scoped(self, headers, form, ingest_hosts):
        """POST /oauth/token: a scoped token; the answer's text."""
        if form.get("grant_type") != JWT_BEARER:
            raise Denied(400, "390303", "Unsupported grant type.")
        scope = form.get("scope")
        if "assertion" in form:
            user = self.check_jwt(form["assertion"])
        else:
            user = self.check(headers)
        if scope is None and "assertion" not in form:
            raise Denied(400, "390317", "A scope is missing.")
        host = None
        if scope is not None:
            *role, host = scope.split(" ")
            if role and not (self.settings["role_scope"] and role == [f"session:role:{user['role']}"]):
                raise Denied(400, "390317", f"Role scope {role} is not supported here.")
            if bare(host) not in {bare(h) for h in ingest_hosts}:
                raise Denied(400, "390317", f"Scope {host} is not an ingest host of this account.")
        self.issued += 1
        head = b64(b'{"alg":"HS256","typ":"JWT","kid":"stand-in"}')
        claims = {"user": user["user"], "host": bare(host) if host else None, "epoch": self.epoch, "iat": int(self.now()),
                  "exp": int(self.now() + self.settings["token_ttl"]), "n": self.issued}  # fmt: skip
        body = b64(json.dumps(claims).encode())
        token = f"{head}.{body}.{b64(hmac.digest(self.secret, f'{head}.{body}'.encode(), 'sha256'))}"
        return token if self.settings["token_form"] == "plain" else json.dumps({"token": token})

    def access_token(self, headers, form):
        """POST /oauth/token-request: an access token for an OAuth client."""
        scheme, _, word = headers.get("authorization", "").partition(" ")
        try:
            name, _, secret = base64.b64decode(word).decode().partition(":")
        except ValueError:
            name = secret = ""
        name, secret = urllib.parse.unquote(name), urllib.parse.unquote(secret)
        client = self.oauth_clients.get(name)
        if scheme != "Basic" or client is None or client["secret"] != secret:
            raise Denied(401, "390302", "This is an invalid client.")
        grant = form.get("grant_type")
        if grant == "refresh_token":
            if form.get("refresh_token") not in client["refresh"]:
                raise Denied(400, "390305", "Invalid refresh token.")
        elif grant != "client_credentials":
            raise Denied(400, "390306", "Unsupported grant type.")
        token = f"oa-{secrets.token_urlsafe(24)}"
        ttl = self.settings["oauth_ttl"]
        self.access[token] = client["user"], self.now() + ttl
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(ttl), "username": client["user"]}

    def revoke(self):
        """All scoped and access tokens so far are worth nothing."""
        self.epoch += 1
        self.access.clear()


def bare(host):
    """A host without its port."""
    return host.rpartition(":")[0] if ":" in host else host


def make_key(directory, name="rsa_key", passphrase=None, bits=2048, form="pkcs8"):
    """An RSA key pair as files; (private PEM, public PEM). form: pkcs8 or pkcs1."""

    def run(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    plain, private, public = directory / f"{name}.plain", directory / f"{name}.p8", directory / f"{name}.pub"
    run("genrsa", "-out", plain, bits)
    if form == "pkcs1":
        run("rsa", "-in", plain, "-traditional", "-out", private)
    elif passphrase:
        run("pkcs8", "-topk8", "-in", plain, "-out", private, "-v2", "aes-256-cbc", "-passout", f"pass:{passphrase}")
    else:
        run("pkcs8", "-topk8", "-nocrypt", "-in", plain, "-out", private)
    run("rsa", "-in", plain, "-pubout", "-out", public)
    plain.unlink()
    return private.read_text(), public.read_text()


def make_jwt(private_pem_path, account, user, fingerprint, now=None, lifetime=3540):
    """A key-pair JWT, for checks of the stand-in itself."""
    now = int(time.time() if now is None else now)
    subject = f"{account.upper()}.{user.upper()}"
    claims = {"iss": f"{subject}.{fingerprint}", "sub": subject, "iat": now, "exp": now + lifetime}
    text = f"{b64(json.dumps({'alg': 'RS256', 'typ': 'JWT'}).encode())}.{b64(json.dumps(claims).encode())}"
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(private_pem_path)], input=text.encode(), check=True,
                            capture_output=True).stdout  # fmt: skip
    return f"{text}.{b64(signed)}"
