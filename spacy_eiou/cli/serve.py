import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..annotation import serve
from ._util import CODE_OPTION, GPU_OPTION, app, reporting


@app.command("serve")
def serve_cli(
    model: str = Arg(..., help="Model name or path"),
    host: str = Opt(
        "127.0.0.1",
        "--host",
        "-h",
        help="Address to listen at. Anybody who reaches it can use the model",
    ),
    port: int = Opt(8000, "--port", "-p", help="Port, or 0 for any that is free", min=0, max=65535),
    spans_key: Optional[str] = Opt(
        None, "--spans-key", "-sk", help="Spans key to show. Defaults to that of the pipeline"
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    max_bytes: int = Opt(4 * 2**20, "--max-bytes", help="Most bytes of a request", min=1),
    max_chars: int = Opt(100_000, "--max-chars", help="Most characters of a text", min=1),
    max_texts: int = Opt(
        1_000, "--max-texts", help="Most texts that wait, those of all requests", min=1
    ),
    timeout: float = Opt(
        60.0, "--timeout", help="Most seconds for a request, and then its prediction", min=0.1
    ),
) -> None:
    """
    Let a browser, programs or Label Studio use a model.

    POST /annotate takes {"text": "..."}, or a list of texts, and returns spans as
    "eiou annotate" does. The page / shows the entities of a text. Label Studio
    takes the address as that of a model, for pre-annotations. /metrics is for
    Prometheus.
    """
    import_code(code_path)
    # Both signals let the server answer what it was asked, and end it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with reporting(f"Can't serve '{model}'"), suppress(KeyboardInterrupt):
        serve(
            model,
            host=host,
            port=port,
            spans_key=spans_key,
            use_gpu=use_gpu,
            max_bytes=max_bytes,
            max_chars=max_chars,
            max_texts=max_texts,
            timeout=timeout,
            on_start=lambda url: print_url(model, url),
        )
    msg.good("Stopped")


def print_url(model: str, url: str) -> None:
    """Print where the server is, at once, for what waits for it.

    model (str): The name or path of the pipeline.
    url (str): The URL.
    """
    msg.good(f"Serving '{model}' at {url}, until Ctrl+C")
    sys.stdout.flush()
