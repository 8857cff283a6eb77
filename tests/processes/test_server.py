"""The server as `streamlit run app.py` starts it: whose requests it answers, how it starts and how it ends."""

import http.client
import os
import re
import select
import signal
import socket
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.server import HEADLESS, PROJECT, Server, serving
from tests.helpers import random_bundle, sprite_set

PATHS = ("/", "/train", "/_stcore/health", "/_stcore/host-config", "/favicon.png", "/no/such/page")
WEBSOCKET = "/_stcore/stream"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one model for the app, and room for its log."""
    root = tmp_path_factory.mktemp("server")
    random_bundle(root / "checkpoints", "sprites", sprite_set())
    return root


def started(folder, **more):
    return serving(folder / "log", EXPLORER_CHECKPOINTS=str(folder / "checkpoints"), **more)


@pytest.fixture(scope="module")
def server(folder):
    """An app that may also be called vae.example.org."""
    with started(folder, EXPLORER_HOSTS="vae.example.org") as running:
        yield running


def address(server: Server) -> str:
    """Its IP address and port."""
    return urlsplit(server.url).netloc


def answer(server: Server, *hosts: str | bytes, path: str = "/", method: str = "GET") -> tuple[int, str]:
    """Status and text of the answer to a request with these Host headers."""
    with closing(http.client.HTTPConnection(address(server), timeout=30)) as connection:
        connection.putrequest(method, path, skip_host=True)
        for host in hosts:
            connection.putheader("Host", host)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")


def stream(server: Server, host: str, origin: str | None = None, path: str = WEBSOCKET):
    """The page's websocket, opened for this Host at the server's real address."""
    to = socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=30)
    return connect(f"ws://{host}{path}", sock=to, origin=origin, subprotocols=["streamlit"], max_size=None)


def drawn(server: Server, page: str, host: str | None = None) -> str:
    """All that a visitor of a page is sent, as text."""
    host = host or address(server)
    ask, sent = BackMsg(), []
    ask.rerun_script.page_name = page
    with stream(server, host, f"http://{host}") as visit:
        visit.send(ask.SerializeToString())
        while not sent or sent[-1].WhichOneof("type") != "script_finished":
            sent.append(ForwardMsg.FromString(visit.recv(timeout=60)))
    return "\n".join(map(str, sent))


def refusal(server: Server, host: str, origin: str | None = None, path: str = WEBSOCKET) -> int:
    """The status with which a websocket is refused."""
    with pytest.raises(InvalidStatus) as refused, stream(server, host, origin, path):
        pass
    return refused.value.response.status_code


def test_train_is_the_first_page_of_a_fresh_server(server):
    assert answer(server, address(server), path="/train")[0] == 200
    page = drawn(server, "train")
    assert "run-start" in page and "exception" not in page


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_name_is_refused_on_every_path(server, path):
    status, text = answer(server, "evil.example:8501", path=path)
    assert status == 403 and "EXPLORER_HOSTS=evil.example" in text
    assert answer(server, address(server), path=path)[0] != 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_a_foreign_name_is_refused_with_every_method(server, method):
    assert answer(server, "evil.example", path="/_stcore/upload_file/a/b", method=method)[0] == 403


@pytest.mark.parametrize("path", [WEBSOCKET, "/", "/no/such/page"])
def test_a_foreign_name_gets_no_websocket(server, path):
    origin = "http://evil.example:8501"  # a page whose name was mapped to this computer is of the same origin
    assert refusal(server, "evil.example:8501", origin, path) == refusal(server, "evil.example", None, path) == 403


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}", "vae.example.org", "vae.example.org:{}"])
def test_a_name_of_this_computer_is_shown_the_page(server, host):
    host = host.format(urlsplit(server.url).port)
    assert answer(server, host)[0] == 200
    assert "latent_map" in drawn(server, "", host)


@pytest.mark.parametrize(
    "hosts",
    [
        *([], [""], ["[::1"], ["a b"], ["user@localhost"], [b"l\xc3\xb6calhost"], ["localhost, localhost"], ["a" * 300]),
        *(["localhost", "localhost"], ["localhost", "evil.example"], ["evil.example", "localhost"]),
    ],
    ids=str,
)
def test_a_malformed_host_is_refused(server, hosts):
    assert answer(server, *hosts)[0] in (400, 403)  # the web server itself refuses some of them


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null"])
def test_a_page_of_another_site_gets_no_websocket(server, origin):
    assert refusal(server, address(server), origin) == 403


def test_names_in_streamlits_settings_are_answered(folder):
    names = ("--server.allowedHosts", "*.example.org", "--browser.serverAddress", "vae.example.com")
    with started(folder, options=(*HEADLESS, *names)) as server:
        for host, status in {"a.example.org": 200, "vae.example.com": 200, "example.org": 403, "evil.example": 403}.items():
            assert answer(server, host)[0] == status


def test_ctrl_c_ends_the_server_while_it_is_visited(folder):
    with started(folder) as server, stream(server, address(server)):
        drawn(server, "train")
        os.kill(server.pid, signal.SIGINT)
        assert server.process.wait(timeout=2) == 0
    assert re.findall(r"Aborted|Traceback|Error", (folder / "log").read_text()) == []


def test_the_terminal_shows_the_address_and_no_warning(folder):
    with started(folder) as server:
        drawn(server, "")
    told = (folder / "log").read_text().split()
    assert told == f"You can now view your Streamlit app in your browser. URL: {server.url}".split()


def test_the_browser_opens_by_itself(folder, tmp_path):
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    os.mkfifo(opened)
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    reader = os.open(opened, os.O_RDONLY | os.O_NONBLOCK)
    with started(folder, options=(), DISPLAY=":0", BROWSER=f"{browser} %s") as server, open(reader) as address_bar:
        assert select.select([reader], [], [], 20)[0], "no browser was opened"
        assert address_bar.readline() == f"{server.url}/\n"


def test_without_streamlit_run_it_says_how_to_start():
    done = subprocess.run([sys.executable, "app.py"], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Start it with: streamlit run app.py\n")
