"""The clients of `serve.py`, in one process, which takes as little computing time as it can, since
it shares the machine with the server. Each client sends a request when it has its answer.
"""

import json
import selectors
import socket
import sys
import time
from itertools import cycle
from statistics import quantiles
from typing import Any, Dict, Iterator, List, Sequence

HEAD = "POST /annotate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
LENGTH = b"\r\ncontent-length: "


class Client:
    """A connection that is kept."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.send()

    def send(self) -> None:
        self.answer = b""
        self.missing = -1
        self.socket.sendall(next(self.requests))
        self.sent = time.perf_counter()

    def receive(self) -> bool:
        """RETURNS (bool): Whether the answer is complete."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("The server has closed a connection")
        if self.missing < 0:
            self.answer += data
            end = self.answer.find(b"\r\n\r\n")
            if end < 0:
                return False
            start = self.answer.index(LENGTH) + len(LENGTH)
            length = int(self.answer[start : self.answer.index(b"\r", start)])
            self.missing = length - (len(self.answer) - end - 4)
        else:
            self.missing -= len(data)
        return self.missing == 0


def main(port: int, bodies: Sequence[str], n_clients: int, seconds: float) -> Dict[str, Any]:
    """Let clients send requests.

    port (int): The port of the server.
    bodies (Sequence[str]): The bodies of the requests, which are sent again and again.
    n_clients (int): The number of clients.
    seconds (float): How long they do so.
    RETURNS (Dict[str, Any]): The answers as "requests", the "seconds" that they took, the "median"
        and the "p99" of the seconds of one, the number of "errors", and the "cpu_seconds" of the
        clients.
    """
    requests = cycle([make_request(body) for body in bodies])
    latencies: List[float] = []
    errors = 0
    start, cpu_start = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as selector:
        for _ in range(n_clients):
            client = Client(port, requests)
            selector.register(client.socket, selectors.EVENT_READ, client)
        while time.perf_counter() < start + seconds:
            for key, _ in selector.select(timeout=1):
                client = key.data
                if client.receive():
                    latencies.append(time.perf_counter() - client.sent)
                    errors += not client.answer.startswith(b"HTTP/1.1 200 ")
                    client.send()
        end, cpu_end = time.perf_counter(), time.process_time()
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    cuts = quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "seconds": end - start,
        "median": cuts[49],
        "p99": cuts[98],
        "errors": errors,
        "cpu_seconds": cpu_end - cpu_start,
    }


def make_request(body: str) -> bytes:
    """RETURNS (bytes): The request that sends a body."""
    data = body.encode()
    return f"{HEAD}Content-Length: {len(data)}\r\n\r\n".encode() + data


if __name__ == "__main__":
    print(json.dumps(main(**json.load(sys.stdin))))
