"""Requests that nobody should send. Each gets a status from 400 to 499, or none if it is cut off,
and the next one is answered as ever."""

import gzip
import json
import socket
from itertools import product

import pytest

from serve_util import SECONDS, ask, send_raw

VALUES = [None, True, 0, -1.5, 10**400, "", "a", [], [[]], [1], [None], {}, {"b": "a"}]
DEEP = 9_000
PATHS = ["/annotate", "/predict", "/setup"]


def post(body, path="/annotate", **headers):
    lines = {
        "Host": "a",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def get(target, method="GET", version="HTTP/1.1", headers="Host: a\r\n"):
    return f"{method} {target} {version}\r\n{headers}\r\n".encode("utf8", "surrogateescape")


def make_values():
    """Other values than the texts, thresholds, tasks and configs that are asked for."""
    for path, value in product(PATHS, VALUES):
        yield post(json.dumps(value).encode(), path)
    for value in VALUES:
        if value not in ("", "a", []):
            yield post(json.dumps({"text": value}).encode())
        if value is not None:
            yield post(json.dumps({"text": "a", "threshold": value}).encode())
        yield post(json.dumps({"text": "a", "other": value}).encode())
        yield post(json.dumps({"tasks": value, "label_config": "<View/>"}).encode(), "/predict")
        yield post(json.dumps({"tasks": [], "label_config": value}).encode(), "/predict")
        yield post(json.dumps({"schema": value}).encode(), "/setup")
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "0x1", "1" * 5_000, "0.0", "1.0001"):
        yield post(b'{"text": "a", "threshold": %s}' % number.encode())


def make_nested():
    for path, (start, end) in product(PATHS, [("[", "]"), ('{"text":', "}"), ('{"a":[', "]}")]):
        yield post((start * DEEP + end * DEEP)[:19_000].encode(), path)
        yield post((start * DEEP)[:19_000].encode(), path)
        text = start * 2_000 + "1" + end * 2_000
        yield post(b'{"text": %s}' % text.encode(), path)
    data = '{"data":' + '{"a":' * 2_000 + "1" + "}" * 2_001
    yield post(b'{"tasks": [%s], "label_config": ""}' % data.encode(), "/predict")


def make_encodings():
    text = '{"text": "\xe9"}'
    for encoding in ("latin-1", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037"):
        yield post(text.encode(encoding))
    for string in (
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\0",
        b"\n",
        b"\\x",
    ):
        yield post(b'{"text": "%s"}' % string)
    for escape in (b"\\ud800", b"\\udc00\\ud800", b"\\u12", b"\\uD83D"):
        yield post(b'{"text": "%s"}' % escape)
    yield post(gzip.compress(text.encode()), Content_Encoding="gzip")
    for content_type in ("", "text/plain", "multipart/form-data; boundary=a", "application/xml"):
        yield post(b'{"text": "a"}', Content_Type=content_type)


def make_sizes():
    yield post(b'{"text": "%s"}' % (b"a" * 100_000))
    yield post(json.dumps({"text": "a " * 1_001}).encode())
    yield post(json.dumps({"text": [""] * 4_000}).encode())
    yield post(json.dumps({"text": "(" * 1_999}).encode())
    yield post(b'{"%s": 1}' % (b"k" * 10_000))
    yield post(b"%s" % (b" " * 19_000))
    for length in ("1000000000000", "-1", "1e3", "+5", "0x5", "1_0", "\xb2", "9" * 500):
        yield post(b'{"text": "a"}', Content_Length=length)
    yield get("/" + "a" * 100_000)
    yield get("/none", headers="Host: a\r\nX: " + "a" * 100_000 + "\r\n")
    yield get("/none", headers="Host: a\r\n" + "X: a\r\n" * 20_000)


def make_http():
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G\0T"):
        yield get("/annotate", method)
    for path in ("/health", "/metrics", "/", "/page.js", "/openapi.json"):
        yield get(path, "POST")
    for target in (
        *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/page.js/../app.py", "//annotate"),
        *("/annotate/", "/%00", "/%ff", "/\udcff", "*", "http://example.org/x", "/app.py", "a b"),
        *("/docs", "/redoc", "/page.html", "/;", "/?" + "a=b&" * 1_000 + "/..", "/{{7*7}}"),
    ):
        if not target.startswith("/?"):
            yield get(target)
    for version in ("HTTP/9.9", "HTTP/1", "HTCPCP/1.0", ""):
        yield get("/none", version=version)
    for headers in (
        "",
        "Host\r\n",
        ": a\r\n",
        "Host: a\nHost: b\r\n",
        "Host: \0\r\n",
        "Ho st: a\r\n",
    ):
        yield get("/none", headers=headers)
    chunked = {"Transfer_Encoding": "chunked"}
    for body in (b"zz\r\na\r\n", b"-1\r\na\r\n", b"ffffffffffffffffff\r\na"):
        yield post(body, **chunked).replace(b"Content-Length", b"X-Length")
    yield post(b"0\r\n\r\n", **chunked)
    yield from (b"\0" * 100, b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\n")


def make_xml():
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    for config in (
        f'<!DOCTYPE v [<!ENTITY a0 "a">{bomb}]><View>&a9;</View>',
        '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><View>&x;</View>',
        '<!DOCTYPE v SYSTEM "http://127.0.0.1:9/a.dtd"><View/>',
        "<a>" * 4_000,
        "<a>" * 2_000 + "</a>" * 2_000,
        '<Labels name="a" toName="b"/>',
        "</Labels>",
        "<Label/>",
        "\0",
        "<View>\ud83d\ude00</View>".encode("utf-16", "surrogatepass").decode("utf-16"),
        "<?xml version='1.0' encoding='utf-7'?><View/>",
        "<?xml version='1.0' encoding='none'?><View/>",
    ):
        yield post(json.dumps({"schema": config}).encode(), "/setup")
        message = {"tasks": [{"data": {}}], "label_config": config}
        yield post(json.dumps(message).encode(), "/predict")


KINDS = [make_values, make_nested, make_encodings, make_sizes, make_http, make_xml]


def test_there_are_200_of_them():
    assert len({data for make in KINDS for data in make()}) >= 200


@pytest.mark.parametrize("make", KINDS)
def test_hostile_requests_are_refused(port, make):
    answered = 0
    for data in make():
        status = send_raw(port, data)
        assert status is None or 400 <= status < 500, (status, data[:300])
        answered += status is not None
    assert answered > 0
    assert ask(port, "/annotate", {"text": "IL-2"})[0] == 200


def test_heads_without_an_end_are_cut_off(port):
    chunked = b"POST /annotate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    endless = b"a" * 60_000
    for start in (b"GET /", b"GET / HTTP/1.1\r\nX: ", chunked + b"0\r\nX: ", chunked + b"1;"):
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(start)
            with pytest.raises(ConnectionError):
                for _ in range(1_000):
                    connection.sendall(endless)
    assert ask(port, "/annotate", {"text": "IL-2"})[0] == 200


def test_requests_that_never_end(port):
    whole = post(b'{"text": "a"}')
    chunked = post(b"5\r\n{", Transfer_Encoding="chunked").replace(b"Content-Length", b"X-Length")
    heads, bodies = [b"", b"\r\n\r\n", b"GET", whole[:60]], [whole[:-1], whole[:-13], chunked]
    connections = []
    for start in (heads + bodies) * 20:
        connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        connection.sendall(start)
        connections.append(connection)
    assert ask(port, "/annotate", {"text": "IL-2"})[0] == 200
    for connection in connections:
        assert connection.recv(12) == b"HTTP/1.1 408"
        connection.close()
    assert ask(port, "/annotate", {"text": "IL-2"})[0] == 200
