"""How uvicorn reads requests."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# The most bytes of a head, or between two parts of a body. That of h11 is the same.
MAX_HEAD_BYTES = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """The quick parser of HTTP, which by itself keeps heads of any length in memory."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._n_unseen = 0

    def data_received(self, data: bytes) -> None:
        """Read bytes. Those that the application has not seen yet are counted."""
        self._n_unseen += len(data)
        super().data_received(data)
        if self._n_unseen > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Expected a shorter head")

    def on_headers_complete(self) -> None:
        """The head has come to its end."""
        self._n_unseen = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        self._n_unseen = 0
        super().on_body(body)
