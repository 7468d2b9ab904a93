"""What answers requests."""

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AsyncIterator, Dict, List, Optional, Sequence, Type, TypeVar

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from ...corpora import CorpusError
from ...pipeline.prediction import FLOOR
from ..prediction import PredictedText
from .deadline import time_limit
from .label_studio import get_texts, make_prediction, parse_interface
from .messages import AnnotateRequest, PredictRequest, SetupRequest
from .metrics import Metrics
from .service import MAX_WORD_CHARS, Service
from .worker import QueueFullError, Worker

logger = logging.getLogger("spacy_eiou")

PAGE = Path(__file__).parent / "page"
# Nothing is loaded from elsewhere, and no other page may show this one.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
PREDICTING = ("/annotate", "/predict")
# With more labels, the page shows only those that are found.
MAX_LABELS = 30
# The most problems of a request that the answer tells.
MAX_PROBLEMS = 3

Message = TypeVar("Message", bound=BaseModel)


@dataclass(frozen=True)
class Limits:
    """What a request may ask for.

    bytes (int): The most bytes of its body.
    chars (int): The most characters of a text.
    texts (int): The most texts that wait, those of all requests.
    seconds (float): How long its body may take, and then its prediction.
    """

    bytes: int
    chars: int
    texts: int
    seconds: float


def make_app(service: Service, limits: Limits) -> FastAPI:
    """Make the application.

    service (Service): The pipeline.
    limits (Limits): What a request may ask for.
    RETURNS (FastAPI): The application.
    """
    worker = Worker(service.predict, max_waiting=limits.texts)
    metrics = Metrics()
    handlers = Handlers(service, limits, worker, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(worker.close)

    # The pages of FastAPI load scripts from elsewhere.
    app = Application(
        metrics,
        title=service.name,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    for path, handler, message in (
        ("/annotate", handlers.annotate, AnnotateRequest),
        ("/predict", handlers.predict, PredictRequest),
        ("/setup", handlers.setup, SetupRequest),
        ("/webhook", handlers.ignore_event, None),
    ):
        extra = {"requestBody": _describe(path, message)} if message else None
        app.add_api_route(path, handler, methods=["POST"], openapi_extra=extra, response_model=None)
    for path, handler in (
        ("/health", handlers.health),
        ("/versions", handlers.versions),
        ("/metrics", handlers.metrics),
    ):
        _add_get(app, path, handler)
    for path, content, media_type in (
        ("/", _render_page(service, limits), "text/html"),
        ("/page.css", (PAGE / "page.css").read_text(encoding="utf8"), "text/css"),
        ("/page.js", (PAGE / "page.js").read_text(encoding="utf8"), "text/javascript"),
    ):
        _add_get(app, path, _make_static(content, media_type), include_in_schema=False)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    routes = {getattr(route, "path", ""): route for route in app.routes}
    app.direct = {path: routes[path] for path in PREDICTING}
    return app


class Application(FastAPI):
    """Counts answers, adds the headers that all of them have, and hands the requests of some routes
    to their functions itself: what FastAPI does before takes half as long as a prediction.

    direct (Dict[str, Any]): These routes, by path.
    """

    def __init__(self, metrics: Metrics, **settings: Any) -> None:
        super().__init__(**settings)
        self.metrics = metrics
        self.direct: Dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        start = time.perf_counter()

        async def send_observed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *RAW_HEADERS]}
                # Only paths that there are, so that nobody can make up many.
                path = getattr(scope.get("route"), "path", "other")
                self.metrics.requests[path, message["status"]] += 1
                if path in PREDICTING:
                    self.metrics.observe(time.perf_counter() - start)
            await send(message)

        route = self.direct.get(scope["path"].removeprefix(scope.get("root_path", "")))
        # What a user adds to the application, such as passwords, comes before all routes.
        if route is None or scope["method"] != "POST" or self.user_middleware:
            await super().__call__(scope, receive, send_observed)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request)
        except HTTPException as err:
            response = await http_exception_handler(request, err)
        except ClientDisconnect:
            response = _answer_nobody()
        await response(scope, receive, send_observed)


class Handlers:
    """What answers the requests of each path."""

    def __init__(self, service: Service, limits: Limits, worker: Worker, metrics: Metrics) -> None:
        self._service = service
        self._limits = limits
        self._worker = worker
        self._metrics = metrics

    async def annotate(self, request: Request) -> Response:
        """Annotate a text, or several."""
        message = await self._read(request, AnnotateRequest)
        texts = [message.text] if isinstance(message.text, str) else message.text
        predicted = await self._predict(texts, message.threshold)
        annotations = [
            {"text": text, "spans": found.spans} for text, found in zip(texts, predicted)
        ]
        return _answer(annotations[0] if isinstance(message.text, str) else annotations)

    async def predict(self, request: Request) -> Response:
        """Annotate tasks of Label Studio."""
        message = await self._read(request, PredictRequest)
        try:
            controls = parse_interface(message.label_config, self._service.labels)
            tasks = [
                get_texts(task.data, controls, f"task {number}")
                for number, task in enumerate(message.tasks, start=1)
            ]
        except CorpusError as err:
            raise HTTPException(422, str(err)) from err
        texts = [text for task in tasks for text in task.values()]
        predicted = iter(await self._predict(texts, None))
        version = self._service.version

        def answer() -> Response:
            results = [
                make_prediction({key: next(predicted) for key in task}, controls, version)
                for task in tasks
            ]
            return _answer({"results": results, "model_version": version})

        # With many spans and tags this takes long, and others wait for the event loop.
        return await asyncio.to_thread(answer)

    async def setup(self, request: Request) -> Response:
        """Tell Label Studio whether its labeling interface fits."""
        message = await self._read(request, SetupRequest)
        try:
            parse_interface(message.label_config, self._service.labels)
        except CorpusError as err:
            raise HTTPException(422, str(err)) from err
        return _answer({"model_version": self._service.version})

    async def ignore_event(self) -> Response:
        """Label Studio tells each annotation. Nothing is learned from it here."""
        return _answer({"status": "ignored"})

    async def health(self) -> Response:
        """Tell whether the server works."""
        if self._worker.has_died:
            raise HTTPException(503, "Nothing is predicted any more. Start the server again")
        return _answer(
            {
                "status": "UP",
                "model_class": self._service.name,
                "model_version": self._service.version,
                "spans_key": self._service.spans_key,
                "labels": self._service.labels,
            }
        )

    async def versions(self) -> Response:
        """Tell Label Studio which versions of the model there are."""
        return _answer({"versions": [self._service.version]})

    async def metrics(self) -> Response:
        """Tell Prometheus what was done."""
        text = self._metrics.render(
            batches_total=self._worker.n_batches, waiting_texts=self._worker.n_waiting
        )
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _read(self, request: Request, kind: Type[Message]) -> Message:
        """Read the body of a request, which may be hostile."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        # A page of another site can send other types, unseen by the user.
        if content_type != "application/json":
            raise HTTPException(415, "Expected the header 'Content-Type: application/json'")
        try:
            with time_limit(self._limits.seconds):
                body = await self._read_body(request)
        except asyncio.TimeoutError:
            message = f"Expected the body within {self._limits.seconds:g} seconds"
            raise HTTPException(408, message) from None
        try:
            return kind.model_validate_json(body)
        except ValidationError as err:
            raise HTTPException(422, _describe_problems(err)) from err

    async def _read_body(self, request: Request) -> bytes:
        stated = request.headers.get("content-length", "")
        body = bytearray()
        if not stated.isdecimal() or int(stated) <= self._limits.bytes:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._limits.bytes:
                    break
            else:
                return bytes(body)
        raise HTTPException(413, f"Expected at most {self._limits.bytes:,} bytes")

    async def _predict(
        self, texts: Sequence[str], threshold: Optional[float]
    ) -> List[PredictedText]:
        self._check(texts, threshold)
        try:
            jobs = self._worker.submit(texts, threshold)
        except QueueFullError as err:
            raise HTTPException(503, str(err), {"Retry-After": "1"}) from err
        try:
            with time_limit(self._limits.seconds):
                outcomes = [await job.future for job in jobs]
        except asyncio.TimeoutError:
            message = f"The prediction took longer than {self._limits.seconds:g} seconds"
            raise HTTPException(503, message, {"Retry-After": "1"}) from None
        finally:
            for job in jobs:
                job.future.cancel()
        predicted: List[PredictedText] = []
        for outcome in outcomes:
            # What a pipeline raises depends on its components.
            if isinstance(outcome, BaseException):
                logger.error("The pipeline failed", exc_info=outcome)
                raise HTTPException(500, f"The pipeline failed: {outcome!r}") from outcome
            predicted += outcome
        self._metrics.counts["texts_total"] += len(predicted)
        self._metrics.counts["words_total"] += sum(found.n_words for found in predicted)
        self._metrics.counts["spans_total"] += sum(len(found.spans) for found in predicted)
        return predicted

    def _check(self, texts: Sequence[str], threshold: Optional[float]) -> None:
        if len(texts) > self._limits.texts:
            message = f"Expected at most {self._limits.texts:,} texts, not {len(texts):,}"
            raise HTTPException(413, message)
        max_chars = min(self._limits.chars, self._service.nlp.max_length)
        for number, text in enumerate(texts, start=1):
            if len(text) > max_chars:
                raise HTTPException(
                    413,
                    f"Expected at most {max_chars:,} characters, not {len(text):,} as in text "
                    f"{number}",
                )
            if self._service.has_long_word(text):
                raise HTTPException(
                    422,
                    f"Expected words of at most {MAX_WORD_CHARS:,} characters, unlike in text "
                    f"{number}",
                )
        if threshold is not None and self._service.component is None:
            raise HTTPException(
                422,
                f"Expected no threshold: no nested_spancat writes the spans of "
                f"'{self._service.spans_key}'",
            )


def _add_get(app: FastAPI, path: str, handler: Any, *, include_in_schema: bool = True) -> None:
    # Monitors ask for the head alone, which the schema need not tell.
    for method, in_schema in (("GET", include_in_schema), ("HEAD", False)):
        app.add_api_route(
            path, handler, methods=[method], include_in_schema=in_schema, response_model=None
        )


def _answer_nobody(*_: Any) -> Response:
    return Response(status_code=400)


def _answer(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")


def _describe(path: str, message: Type[BaseModel]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What OpenAPI says of a body."""
    place = f"#/paths/~1{path[1:]}/post/requestBody/content/application~1json/schema"
    schema = message.model_json_schema(ref_template=place + "/$defs/{model}")
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _describe_problems(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    shown = [
        ": ".join(filter(None, [".".join(map(str, problem["loc"])), problem["msg"]]))
        for problem in problems[:MAX_PROBLEMS]
    ]
    # What is quoted may hold half characters.
    return "; ".join(shown).encode("utf8", "backslashreplace").decode()


def _make_static(content: str, media_type: str) -> Any:
    async def get_content() -> Response:
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return get_content


def _render_page(service: Service, limits: Limits) -> str:
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(
        name=service.name,
        version=service.version,
        labels=service.labels,
        max_labels=MAX_LABELS,
        threshold=None if service.component is None else service.component.cfg["threshold"],
        has_label_thresholds=service.component is not None
        and bool(service.component.cfg["label_thresholds"]),
        floor=FLOOR,
        max_chars=min(limits.chars, service.nlp.max_length),
        language=service.nlp.lang,
    )
