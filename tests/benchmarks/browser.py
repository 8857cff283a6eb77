"""The page in headless Chromium beside a naive app on the same engine. Every figure and every ratio is of this run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import clicks, drags, links, naive, soak
from tests.benchmarks.table import Row, row
from tests.browser.driver import Visit
from tests.browser.server import FLAGS, PROJECT, serving

MAIN = "mnist"  # the model of the figures that are not asked of every model
SHIPPED = ("mnist", "mnist-2d", "fashion", "sprites", "digits", "digits-2d")
RANDOM = {"rgb64": (16, (3, 64, 64)), "d1": (1, (1, 28, 28)), "d2": (2, (1, 28, 28)), "d64": (64, (1, 28, 28))}


def rows(is_soak: bool = False) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    from explorer import open_bundle

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder) / "checkpoints"
        names = models(root)
        engines = {name: open_bundle(name, root) for name in names}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))

        def visit(url: str) -> Visit:
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            made = Visit(page).open(url)
            made.sprites()
            return made

        with serving(Path(folder) / "log", EXPLORER_CHECKPOINTS=str(root)) as server:
            if is_soak:
                yield from soak.rows(visit(f"{server.url}/?model={MAIN}"), server)
                return
            peer = naive.measure(browser, engines[MAIN], root)
            main = visit(f"{server.url}/?model={MAIN}")
            yield from whole(drags.rows(main, engines[MAIN], peer))
            yield from whole(clicks.rows(main, engines[MAIN], peer))
            main.close()
            for name in names[names.index(MAIN) + 1 :]:
                other = visit(f"{server.url}/?model={name}")
                yield from whole(drags.model_rows(other, engines[name]))
                other.close()
            one, two, wide = (visit(f"{server.url}/?model={name}") for name in (MAIN, MAIN, "d64"))
            yield from whole(links.together(one, two, engines[MAIN]))
            yield from whole(links.rows({MAIN: one, "d64": wide}, two, engines))


def whole(part: Iterator[Row]) -> Iterator[Row]:
    """The rows of a part; one that breaks says so and leaves the others their turn."""
    from playwright.sync_api import Error

    try:
        yield from part
    except (AssertionError, Error) as error:
        yield row(f"{part.__name__} broke off", "-", " ".join(str(error).split())[:80], promise="all of it", kept=False)


def models(root: Path) -> list[str]:
    """The shipped bundles that are here, and untrained models of other shapes; their names, MAIN the first."""
    from tests.helpers import noise_set, random_bundle

    here = [name for name in SHIPPED if (PROJECT / "checkpoints" / name / "config.json").is_file()]
    for name in here:
        shutil.copytree(PROJECT / "checkpoints" / name, root / name)
    for name, (latent_dim, shape) in RANDOM.items():
        random_bundle(root, name, noise_set(1000, shape), thumbs=True, latent_dim=latent_dim, gain=2.5)
    return here + list(RANDOM)
