"""A real server and a real browser: `serve` starts `streamlit run`, `visit` opens it in headless Chromium."""

import shutil
from contextlib import ExitStack

import pytest

from explorer import open_bundle
from explorer.core.paths import SHIPPED as SHIPPED_NAMES
from explorer.core.paths import SHIPPED_DIR
from tests.browser.driver import Visit
from tests.browser.exhibits import ExhibitPage
from tests.browser.server import FLAGS, PROJECT, serving
from tests.helpers import noise_set, random_bundle

SHIPPED = PROJECT / "checkpoints" / "mnist"


@pytest.fixture(scope="module")
def serve(request, tmp_path_factory):
    """serve(**environment) -> address; the servers stop with the module and show their logs if a test failed in it."""
    folder, logs, failed_before = tmp_path_factory.mktemp("servers"), [], request.session.testsfailed
    try:
        with ExitStack() as servers:

            def start(**environment: str) -> str:
                logs.append(folder / f"{len(logs)}.log")
                return servers.enter_context(serving(logs[-1], **environment)).url

            yield start
    finally:
        if request.session.testsfailed > failed_before:
            for log in logs:
                print(f"--- the server's log, {log} ---\n{log.read_text('utf-8', 'replace')}")


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, or a skip that says what is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TEST: pip install -r tests/requirements.txt")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("NO BROWSER TEST: there is no chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


def is_complaint(message) -> bool:
    """Streamlit itself looks for its server below a page's address first, and does not find it there."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


@pytest.fixture
def visit(chromium):
    """visit(url, theme="light") -> page; when the test ends, no page may have shown an error."""
    opened = []

    def go(url: str, theme: str = "light"):
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
        page, complaints = context.new_page(), []
        page.set_default_timeout(60_000)
        page.on("console", lambda said: complaints.append(f"{said.text} {said.location}") if is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        opened.append((context, page, complaints))
        page.goto(url)
        return page

    yield go
    for context, page, complaints in opened:
        text = page.inner_text("body")
        context.close()
        assert "Traceback" not in text and "Error" not in text
        assert complaints == []


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with the shipped MNIST model, and `wide`, untrained, of 40 dimensions."""
    if not (SHIPPED / "config.json").is_file():
        pytest.skip("NO SHIPPED MODEL: checkpoints/mnist is not there")
    root = tmp_path_factory.mktemp("explore") / "checkpoints"
    shutil.copytree(SHIPPED, root / "mnist")
    random_bundle(root, "wide", noise_set(300), latent_dim=40, gain=2.5)
    return root


@pytest.fixture(scope="session")
def app(models):
    """The app with these models."""
    with serving(models.parent / "log", EXPLORER_CHECKPOINTS=str(models)) as server:
        yield server


@pytest.fixture(scope="session")
def shipped_app(tmp_path_factory):
    """The app with copies of all shipped models."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in SHIPPED_NAMES:
        shutil.copytree(SHIPPED_DIR / name, folder / "checkpoints" / name)
    with serving(folder / "log", EXPLORER_CHECKPOINTS=str(folder / "checkpoints")) as server:
        yield server


@pytest.fixture
def exhibit_page(shipped_app, visit):
    """An ExhibitPage, not opened yet."""
    return ExhibitPage(visit("about:blank"), shipped_app.url)


@pytest.fixture(scope="session")
def engine():
    """The shipped MNIST model, here."""
    return open_bundle(SHIPPED)


@pytest.fixture
def explore(app, visit):
    """explore(query, quiet=False) -> Visit of the page at rest, by default without the example with which a visit begins.

    quiet: the hover pictures too have come, nothing else will.
    """

    def go(query: str = "?ab=none", quiet: bool = False) -> Visit:
        page = Visit(visit("about:blank")).open(f"{app.url}/{query}")
        if quiet:
            page.sprites()
        return page

    return go
