"""The server of a pipeline, for a browser, a program or Label Studio."""

import gc
import socket
from functools import partial
from typing import TYPE_CHECKING, Callable, Optional, Union

from spacy.language import Language

from ...extras import require_extra
from ...pipeline.loading import load_finished_pipeline

if TYPE_CHECKING:
    from fastapi import FastAPI

# Seconds that requests get to end when the server stops.
SECONDS_TO_STOP = 10
# The most connections. More get the status 503.
MAX_CONNECTIONS = 1_000


def create_app(
    model: Union[str, Language],
    *,
    spans_key: Optional[str] = None,
    use_gpu: int = -1,
    max_bytes: int = 4 * 2**20,
    max_chars: int = 100_000,
    max_texts: int = 1_000,
    timeout: float = 60.0,
) -> "FastAPI":
    """Create an application that annotates texts over HTTP. A server such as uvicorn runs it, or
    another application mounts it.

    One thread predicts, and takes what waits at the same time together. Nothing else may use the
    pipeline meanwhile.

    model (Union[str, Language]): The pipeline, or its name or path.
    spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
    use_gpu (int): GPU ID or -1 for CPU, where the pipeline is loaded here.
    max_bytes (int): The most bytes of a request. More get the status 413.
    max_chars (int): The most characters of a text. More get the status 413.
    max_texts (int): The most texts that wait, those of all requests. If one more comes, its request
        gets the status 503.
    timeout (float): Seconds that a body, and then its prediction, may take. Later, the status is
        408 or 503.
    RETURNS (FastAPI): The application.
    RAISES (ValueError): If FastAPI is missing, or the pipeline can't be loaded.
    RAISES (OSError): If there is no such pipeline.

    DOCS: docs/serve.md
    """
    require_extra("serve", "fastapi")
    from .app import Limits, make_app
    from .service import Service

    nlp = model if isinstance(model, Language) else load_finished_pipeline(model, use_gpu=use_gpu)
    return make_app(Service(nlp, spans_key), Limits(max_bytes, max_chars, max_texts, timeout))


def serve(
    model: Union[str, Language],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    spans_key: Optional[str] = None,
    use_gpu: int = -1,
    max_bytes: int = 4 * 2**20,
    max_chars: int = 100_000,
    max_texts: int = 1_000,
    timeout: float = 60.0,
    on_start: Optional[Callable[[str], object]] = None,
) -> None:
    """Annotate texts over HTTP, until the process gets SIGINT or SIGTERM. What is asked for until
    then is answered. See `create_app` for the other arguments.

    host (str): The address to listen at. Anybody who reaches it can use the pipeline.
    port (int): The port, or 0 for any that is free.
    timeout (float): Seconds that a head may take as well.
    on_start (Optional[Callable[[str], object]]): Called with the URL as soon as there is one.
    RAISES (ValueError): If FastAPI, uvicorn or httptools is missing, or the pipeline can't be
        loaded.
    RAISES (OSError): If there is no such pipeline, or the address is taken.
    """
    for module in ("uvicorn", "httptools"):
        require_extra("serve", module)
    import uvicorn

    from .protocol import BoundedProtocol

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        app = create_app(
            model,
            spans_key=spans_key,
            use_gpu=use_gpu,
            max_bytes=max_bytes,
            max_chars=max_chars,
            max_texts=max_texts,
            timeout=timeout,
        )
        config = uvicorn.Config(
            app,
            # What makes a protocol, as a class does.
            http=partial(BoundedProtocol, seconds=timeout),  # type: ignore[arg-type]
            log_level="warning",
            access_log=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=SECONDS_TO_STOP,
        )
        if on_start is not None:
            shown = f"[{host}]" if family == socket.AF_INET6 else host
            on_start(f"http://{shown}:{listener.getsockname()[1]}")
        # What lives as long as the server is not looked through, again and again, for garbage.
        gc.collect()
        gc.freeze()
        uvicorn.Server(config).run([listener])
