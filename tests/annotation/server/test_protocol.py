import asyncio
import socket
import time

import pytest

from serve_util import KEEP_ALIVE, SECONDS, running

pytest.importorskip("uvicorn")

REQUEST = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer(scope, receive, send):
    """Answer with the path of the request, and the one for /slow later."""
    if scope["type"] != "http":
        return
    await asyncio.sleep(1.5 if scope["path"] == "/slow" else 0)
    headers = [(b"content-length", b"%d" % len(scope["path"]))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.fixture(scope="module")
def port():
    """The port of a server for heads that take 0.3 seconds at most."""
    with running(answer, seconds=0.3) as port:
        yield port


@pytest.fixture
def connection(port):
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        yield connection


def receive(connection, end):
    """RETURNS: What is received until it ends in some bytes, or to its end."""
    answer = b""
    while not (end and answer.endswith(end)) and (data := connection.recv(1_000)):
        answer += data
    return answer


@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET /a HTTP/1.1\r\nHost"])
def test_head_that_does_not_come(connection, start):
    connection.sendall(start)
    assert receive(connection, b"").startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_head_that_comes_byte_by_byte(connection):
    with pytest.raises(ConnectionError):
        for byte in REQUEST % (b"a" * 100):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)


def test_answers_may_take_longer_than_heads(connection):
    connection.sendall(REQUEST % b"a" + REQUEST % b"slow")
    assert receive(connection, b"/slow").count(b"HTTP/1.1 200 OK") == 2


def test_connection_is_kept_between_requests(connection):
    for path in (b"a", b"b"):
        connection.sendall(REQUEST % path)
        assert receive(connection, b"/" + path).startswith(b"HTTP/1.1 200 OK")
        time.sleep(KEEP_ALIVE / 2)
    connection.sendall(b"GET")
    assert receive(connection, b"").startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_silent_connection_is_closed_after_a_request(connection):
    connection.sendall(REQUEST % b"a")
    assert receive(connection, b"").endswith(b"/a")
