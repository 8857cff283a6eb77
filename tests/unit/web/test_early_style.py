"""The style sheet in the page: HTML gets it before the end of its body, everything else stays as it is."""

import asyncio
import gzip

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from explorer.web.early_style import EarlyStyle
from tests.async_run import run_async

PAGE = "<html><head></head><body><script></script>\u00e9</body></html>"
STYLED = PAGE.replace("</body>", "<style>a { color: red; }</style></body>")
HEADERS = {"ETag": "x", "Last-Modified": "yesterday", "Cache-Control": "no-cache"}


def page(request):
    return HTMLResponse(PAGE, headers=HEADERS)


def parts(request):
    return StreamingResponse(iter(PAGE.partition("</bo")), media_type="text/html")


ROUTES = [
    Route("/", page),
    Route("/parts", parts),
    Route("/no-body", lambda request: HTMLResponse("<p>part</p>")),
    Route("/text", lambda request: PlainTextResponse(PAGE, headers=HEADERS)),
    Route("/error", lambda request: HTMLResponse(PAGE, 404)),
]


class Response:
    """Status, headers and body of a request through the app."""

    def __init__(self, method: str, path: str, **headers: str):
        inner = Middleware(GZipMiddleware, minimum_size=1)
        app = Starlette(routes=ROUTES, middleware=[Middleware(EarlyStyle, css="a { color: red; }"), inner])
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b"", "http_version": "1.1"}
        sent = []

        requests = iter([{"type": "http.request", "body": b""}])

        async def receive():
            return next(requests, None) or await asyncio.Event().wait()

        async def send(message):
            sent.append(message)

        run_async(app(scope, receive, send))
        self.headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        self.body = b"".join(message["body"] for message in sent[1:])
        self.text = self.body.decode("utf-8", "replace")


@pytest.mark.parametrize("path", ["/", "/parts"])
def test_a_page_gets_the_style_sheet(path):
    got = Response("GET", path, accept="text/html,*/*", accept_encoding="gzip")
    assert got.text == STYLED and int(got.headers["content-length"]) == len(got.body)
    assert "etag" not in got.headers and "last-modified" not in got.headers
    assert path != "/" or got.headers["cache-control"] == "no-cache"


def test_head_announces_the_length_of_the_styled_page():
    got = Response("HEAD", "/", accept="text/html")
    assert int(got.headers["content-length"]) == len(STYLED.encode())


@pytest.mark.parametrize("path, text", [("/text", PAGE), ("/error", PAGE), ("/no-body", "<p>part</p>")])
def test_other_responses_stay_as_they_are(path, text):
    got = Response("GET", path, accept="text/html")
    assert got.text == text
    assert path != "/text" or got.headers["etag"] == "x"


def test_files_are_still_compressed():
    got = Response("GET", "/text", accept="*/*", accept_encoding="gzip")
    assert got.headers["content-encoding"] == "gzip" and gzip.decompress(got.body).decode() == PAGE
