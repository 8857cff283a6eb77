"""Which Host headers are answered, through Starlette's own stack of middleware, and what the others are told."""

import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from explorer.web.host_check import HostCheck, name_in_setting
from tests.async_run import run_async

ANSWERED = [
    *("127.0.0.1", "127.0.0.1:8501", "127.0.0.1.", "10.0.0.7:80", "0.0.0.0:8501"),
    *("[::1]", "[::1]:8501", "[2001:DB8::7]:443", "[::ffff:127.0.0.1]:8501"),
    *("localhost", "localhost:8501", "LocalHost:9000", "localhost.", "localhost.:8501", "localhost:"),
    *("laptop.lan", "Laptop.LAN:8501", "laptop", "laptop.", "laptop.local:8501"),
]
FOREIGN = [
    *("evil.example", "evil.example:8501", "EVIL.example.", "localhost.evil.example", "127.0.0.1.evil.example"),
    *("laptop.evil.example", "sub.localhost", "evillocalhost", "my_box", "lan", "local", "127.1", "2130706433", "0x7f000001"),
]
MALFORMED = [
    *(b"", b" ", b".", b"..", b"-.", b".localhost", b"localhost..", b"a b", b" localhost", b"localhost\n", b"localhost\x00"),
    *(b"[::1", b"::1", b"::1]", b"[]", b"[:]", b"[::1]x", b"[::1].", b"[localhost]", b"[127.0.0.1]", b"[fe80::1%25eth0]"),
    *(b"user@localhost", b"localhost@evil.example", b"http://localhost", b"localhost/", b"localhost?", b"localhost#"),
    *(b"localhost,evil.example", b"localhost:port", b"localhost:-1", b"localhost:8501:8501", b"localhost:123456", b":8501"),
    *(b"l\xc3\xb6calhost", b"\xff", "١٢٧.٠.٠.١".encode(), b"*", b"*.example", b"a" * 254, b"localhost:" + b"1" * 100_000),
]
GOOD, BAD = [(b"host", b"localhost")], [(b"host", b"evil.example")]


async def page(_request):
    return PlainTextResponse("the page")


async def accept(websocket):
    await websocket.accept()
    await websocket.close()


@pytest.fixture(autouse=True)
def computer(monkeypatch):
    """A computer that is called Laptop.lan and has no DNS."""

    def no_dns(*_):
        raise AssertionError("DNS was asked")

    monkeypatch.delenv("EXPLORER_HOSTS", raising=False)
    monkeypatch.setattr(socket, "gethostname", lambda: "Laptop.lan")
    for name in ("getaddrinfo", "getfqdn", "gethostbyaddr", "gethostbyname", "gethostbyname_ex"):
        monkeypatch.setattr(socket, name, no_dns)


def sent(headers: list[tuple[bytes, bytes]], kind: str = "http", names=(), path: str = "/") -> list[dict]:
    """What a request with these headers is answered, message by message."""
    routes = [Route("/", page), WebSocketRoute("/", accept)]
    app = Starlette(routes=routes, middleware=[Middleware(HostCheck, names=names)])
    scope = {"type": kind, "path": path, "query_string": b"", "headers": headers, "method": "GET", "root_path": ""}
    messages = []

    async def receive() -> dict:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    async def send(message: dict) -> None:
        messages.append(message)

    run_async(app(scope, receive, send))
    return messages


def status(headers: list[tuple[bytes, bytes]], names=()) -> int:
    return sent(headers, names=names)[0]["status"]


def told(*hosts: bytes) -> str:
    """The sentence of a refusal."""
    start, body = sent([(b"host", host) for host in hosts])
    assert start["status"] == 403
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/plain; charset=utf-8" and headers[b"x-content-type-options"] == b"nosniff"
    return body["body"].decode("ascii")


@pytest.mark.parametrize("host", ANSWERED)
def test_this_computer_is_answered(host):
    start, body = sent([(b"host", host.encode())])
    assert (start["status"], body["body"]) == (200, b"the page")
    assert [message["type"] for message in sent([(b"host", host.encode())], "websocket")] == [
        "websocket.accept",
        "websocket.close",
    ]


@pytest.mark.parametrize("host", [*map(str.encode, FOREIGN), *MALFORMED], ids=lambda host: ascii(host[:40]))
def test_every_other_host_is_refused(host):
    assert status([(b"host", host)]) == 403
    assert sent([(b"host", host)], "websocket") == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/no/such/page"])
def test_the_path_does_not_matter(path):
    assert sent(BAD, path=path)[0]["status"] == 403


@pytest.mark.parametrize("headers", [[], GOOD + GOOD, GOOD + BAD, BAD + GOOD], ids=["none", "twice", "good first", "bad first"])
def test_one_host_header_is_needed(headers):
    assert status(headers) == 403
    assert f"has {len(headers)} Host headers instead of one" in told(*(value for _, value in headers))


@pytest.mark.parametrize(
    "header", [(b"x-forwarded-host", b"localhost"), (b"forwarded", b"host=localhost"), (b"x-host", b"localhost")]
)
def test_what_a_client_says_of_a_proxy_is_not_believed(header):
    assert status([header, *BAD]) == 403
    assert status([(header[0], b"evil.example"), *GOOD]) == 200


@pytest.mark.parametrize(
    "setting", ["vae.example.org", " VAE.example.org. ", "a.example, vae.example.org:80 ,,", "https://vae.example.org/lab"]
)
def test_a_name_in_explorer_hosts_is_answered(monkeypatch, setting):
    monkeypatch.setenv("EXPLORER_HOSTS", setting)
    assert status([(b"host", b"Vae.Example.org:8501")]) == status(GOOD) == status([(b"host", b"127.0.0.1")]) == 200
    assert status(BAD) == status([(b"host", b"example.org")]) == status([(b"host", b"a.vae.example.org")]) == 403


@pytest.mark.parametrize(
    "setting", ["", ",", "[::1", "evil", "example", "http://", "//", "evil.example.org", "*.evil.example", ".example"]
)
def test_a_setting_opens_nothing_it_does_not_name(monkeypatch, setting):
    monkeypatch.setenv("EXPLORER_HOSTS", setting)
    assert status(BAD, names=[setting]) == status([(b"host", b"")]) == 403
    assert status(GOOD) == 200


def test_names_are_given_by_the_app_as_streamlit_writes_them():
    assert status([(b"host", b"a.b.Example.org")], names=["*.example.org"]) == 200
    assert status([(b"host", b"example.org")], names=["*.example.org"]) == 403
    assert status([(b"host", b"badexample.org")], names=["*.example.org"]) == 403
    assert status(BAD, names=["*"]) == 200
    assert status([(b"host", b"a b")], names=["*"]) == 403


def test_a_setting_may_be_a_whole_address():
    texts = {"VAE.example.org": "vae.example.org", "https://u:p@h.example:1/x?y": "h.example", "[::1]:8501": "::1", "[x": ""}
    assert {text: name_in_setting(text) for text in texts} == texts


def test_a_foreign_name_is_told_what_to_do():
    assert told(b"Evil.example:8501") == (
        "This app does not answer to the name evil.example: open it as localhost or by its IP address, "
        "or, if the name is yours, start the app with EXPLORER_HOSTS=evil.example in its environment.\n"
    )


@pytest.mark.parametrize(
    "host", [b"<script>alert(1)</script>", b"\xff\x1b[31m", b"a\r\nSet-Cookie: b", b"$(reboot)", b"x" * 60_000]
)
def test_a_malformed_host_is_shown_as_text_and_not_recommended(host):
    sentence = told(host)
    assert "is no valid name" in sentence and "EXPLORER_HOSTS" not in sentence
    assert sentence.endswith("\n") and sentence[:-1].isprintable() and len(sentence) < 300


def test_the_life_of_the_server_passes():
    passed = []

    async def app(scope, _receive, _send):
        passed.append(scope["type"])

    run_async(HostCheck(app)({"type": "lifespan"}, None, None))
    assert passed == ["lifespan"]
