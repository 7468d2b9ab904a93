"""How uvicorn reads requests."""

import asyncio
from typing import Any, Optional

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# The most bytes of a head, or between two parts of a body. That of h11 is the same.
MAX_HEAD_BYTES = 64 * 1024
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """The quick parser of HTTP, which by itself waits for heads forever, and keeps those of any
    length in memory.

    seconds (float): How long a head may take.
    """

    def __init__(self, *args: Any, seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._n_unseen = 0
        self._seconds = seconds
        self._head_timer: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._start_head_timer(self._seconds)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Wait for nothing any more."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read bytes. Those that the application has not seen yet are counted."""
        self._n_unseen += len(data)
        super().data_received(data)
        if self._n_unseen > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Expected a shorter head")

    def on_headers_complete(self) -> None:
        """The head has come to its end."""
        self._n_unseen = 0
        self._stop_head_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        self._n_unseen = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """A request is answered. Where none has come meanwhile, wait for the next head."""
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last:
            # It may begin as late as uvicorn lets a connection be silent.
            self._start_head_timer(self.timeout_keep_alive + self._seconds)

    def _start_head_timer(self, seconds: float) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(seconds, self._refuse_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(TOO_SLOW)
            self.transport.close()
