"""What tests of the server share."""

import json
import socket
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from threading import Thread

SECONDS = 20
HARD_TEXT = "😀 The human IL-2 gene is expressed.\n<b> The mouse IL-4 gene is not. </b>"
JSON = {"Content-Type": "application/json"}
# How long a connection may be silent between two requests.
KEEP_ALIVE = 1


@contextmanager
def running(app, seconds=SECONDS):
    """Run an application, for heads that take so many seconds at most. YIELDS: Its port."""
    import uvicorn

    from spacy_eiou.annotation.server.protocol import BoundedProtocol

    config = uvicorn.Config(
        app,
        http=partial(BoundedProtocol, seconds=seconds),
        log_level="critical",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(SECONDS)
    assert not thread.is_alive()


def request(port, path, body=None, headers=JSON):
    """Send a request: a GET if there is no body. RETURNS: The response and its content."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def ask(port, path, value=None, headers=JSON):
    """Send a value as JSON. RETURNS: The status, and the value of the answer."""
    body = None if value is None else json.dumps(value)
    response, content = request(port, path, body, headers)
    return response.status, json.loads(content)


def send_raw(port, data, seconds=2):
    """Send bytes, which may be no request. RETURNS: The status, or None if there is no answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with suppress(OSError):  # What is too long is not read to the end.
            connection.sendall(data)
        try:
            answer = connection.recv(100)
        except (ConnectionResetError, TimeoutError):
            return None
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None
