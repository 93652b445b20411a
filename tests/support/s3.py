"""A small S3 client with its own SigV4 signer, so that tests check ours against another implementation than ours."""

import datetime
import hashlib
import hmac
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import requests

UNSIGNED = "UNSIGNED-PAYLOAD"


class S3Object(NamedTuple):
    key: str
    size: int
    etag: str


class S3Error(Exception):
    """An answer other than 2xx. `code` is S3's own word for it, such as SignatureDoesNotMatch."""

    def __init__(self, response):
        found = re.search(r"<Code>([^<]*)</Code>", response.text)
        self.status = response.status_code
        self.code = found.group(1) if found else ""
        super().__init__(f"{self.status} {self.code}: {response.text[:500]}")


def quote(text, safe=""):
    return urllib.parse.quote(text, safe="-_.~" + safe)


def canonical_query(query):
    return "&".join(f"{k}={v}" for k, v in sorted((quote(k), quote(str(v))) for k, v in query.items()))


def authorization(method, path, query, headers, payload_hash, access_key, secret_key, region, service="s3"):
    """The Authorization header. All of `headers` are signed; host and x-amz-date must be there. `path` is encoded."""
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(signed))
    timestamp = signed["x-amz-date"]
    canonical = "\n".join(
        [method, path, canonical_query(query)]
        + [f"{name}:{signed[name]}" for name in sorted(signed)]
        + ["", names, payload_hash]
    )
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"


class Client:
    """Path style, or with `virtual_host` the bucket in the Host header (the connection still goes to `endpoint`)."""

    def __init__(self, endpoint, access_key, secret_key, region="us-east-1", virtual_host=None):
        self.endpoint = endpoint.rstrip("/")
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = region
        self.virtual_host = virtual_host
        self.session = requests.Session()

    def raw_request(self, method, bucket="", key="", query=None, body=b"", headers=None, unsigned_payload=False):
        """Sends one signed request and returns the answer of `requests`, whatever its status."""
        query = query or {}
        host = urllib.parse.urlsplit(self.endpoint).netloc
        path = "/" + quote(key, "/")
        if bucket and self.virtual_host:
            host = f"{bucket}.{self.virtual_host}:{host.rpartition(':')[2]}"
        elif bucket:
            path = f"/{bucket}" + (path if key else "")
        payload_hash = UNSIGNED if unsigned_payload else hashlib.sha256(body).hexdigest()
        headers = {
            "Host": host,
            "x-amz-content-sha256": payload_hash,
            "x-amz-date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
            **(headers or {}),
        }
        headers["Authorization"] = authorization(
            method, path, query, headers, payload_hash, self.access_key, self.secret_key, self.region
        )
        url = self.endpoint + path + ("?" + canonical_query(query) if query else "")
        # Prepared by hand: requests would normalise the signed path and drop an escaped dot segment.
        request = requests.Request(method, url, headers=headers, data=body).prepare()
        request.url = url
        return self.session.send(request, timeout=60, allow_redirects=False)

    def request(self, *args, **kwargs):
        """raw_request that raises S3Error unless the answer is 2xx."""
        response = self.raw_request(*args, **kwargs)
        if not response.ok or response.status_code >= 300:
            raise S3Error(response)
        return response

    def create_bucket(self, bucket):
        """Makes the bucket; it may be there already."""
        response = self.raw_request("PUT", bucket)
        if not response.ok and response.status_code != 409:
            raise S3Error(response)

    def put(self, bucket, key, body, headers=None):
        """Uploads an object and returns its etag."""
        return self.request("PUT", bucket, key, body=body, headers=headers).headers["ETag"]

    def get(self, bucket, key):
        return self.request("GET", bucket, key).content

    def head(self, bucket, key):
        """The object's headers, without case."""
        return self.request("HEAD", bucket, key).headers

    def delete(self, bucket, key):
        self.request("DELETE", bucket, key)

    def list(self, bucket, prefix="", page_size=1000):
        """All objects, in key order, as S3Object."""
        objects = []
        query = {"list-type": 2, "max-keys": page_size, "prefix": prefix}
        while True:
            page = ElementTree.fromstring(self.request("GET", bucket, query=query).content)
            tag = page.tag.partition("}")
            space = tag[0] + tag[1] if tag[1] else ""
            for item in page.iter(f"{space}Contents"):
                etag = item.findtext(f"{space}ETag", "").strip('"')
                objects.append(S3Object(item.findtext(f"{space}Key"), int(item.findtext(f"{space}Size")), etag))
            if page.findtext(f"{space}IsTruncated") != "true":
                return objects
            query["continuation-token"] = page.findtext(f"{space}NextContinuationToken")

    def multipart_uploads(self, bucket):
        """(key, upload id) of every upload that is neither completed nor aborted."""
        page = ElementTree.fromstring(self.request("GET", bucket, query={"uploads": ""}).content)
        space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
        return [(u.findtext(f"{space}Key"), u.findtext(f"{space}UploadId")) for u in page.iter(f"{space}Upload")]
