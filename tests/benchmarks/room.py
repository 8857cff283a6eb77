"""Many visitors and many models: first page and releases of a hundred visitors at once, beside a trivial page of the same
parts; opening Explore and the Library beside 200 models."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.start import SEEN
from tests.benchmarks.table import Row, centiles, ms, row
from tests.benchmarks.train_page import openings
from tests.benchmarks.viewers import Recording, Viewer, record
from tests.browser.server import FLAGS, PROJECT, Server, serving

SHIPPED = ("mnist", "mnist-2d", "fashion", "sprites", "digits", "digits-2d")
N_VIEWERS, SECONDS, PAUSE_S = 100, 40.0, 8.0
N_COPIES, N_OPENINGS = 202, 9
TRIVIAL = Path(__file__).with_name("trivial_page.py")
LIBRARY_SEEN = """() => {
  const row = document.querySelector('.st-key-book_0'), image = row?.querySelector('img');
  return row?.querySelector('h2') && image?.complete && image.naturalWidth > 50; }"""


@dataclass
class Load:
    """What the viewers of one crowd saw, and what it cost."""

    first_page_s: list[float] = field(default_factory=list)
    release_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # a viewer each
    own_shares: list[float] = field(default_factory=list)  # of the CPU time: while all arrive, while they release


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        few, many = checkpoints(Path(folder))
        yield from crowd_rows(Path(folder), few)
        yield from opening_rows(Path(folder), few, many)


def checkpoints(folder: Path) -> tuple[Path, Path]:
    """Two checkpoints folders: the shipped bundles, and the same with N_COPIES copies of one of them."""
    few, many = folder / "few", folder / "many"
    for root in (few, many):
        for name in SHIPPED:
            shutil.copytree(PROJECT / "checkpoints" / name, root / name)
    for i in range(N_COPIES):
        shutil.copytree(many / "digits", many / f"digits-{i}", copy_function=os.link)
    return few, many


def crowd_rows(folder: Path, root: Path) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    with serving(folder / "log", EXPLORER_CHECKPOINTS=str(root)) as server:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            recording = record(browser.new_context(viewport={"width": 1280, "height": 800}).new_page(), server.url)
            browser.close()
        floor = trivial_page(folder, recording)
        busy, before_mb = os.getloadavg()[0], server.rss_mb()
        load = asyncio.run(crowd(server, recording))
        after_mb = server.rss_mb()
    (middle, high), (floor_middle, floor_high) = centiles(load.first_page_s), centiles(floor.first_page_s)
    yield row(
        f"{N_VIEWERS} raw viewers arrive at once: first page p50/p95",
        f"{middle:.1f}/{high:.1f} s",
        f"trivial page {floor_middle:.1f}/{floor_high:.1f} s",
        high / floor_high,
        "p95 <= 4 s, ratio <= 2",
        high <= 4 and high <= 2 * floor_high,
    )
    released = centiles(load.release_ms)[1]
    figure = f"then each releases every {PAUSE_S:.0f} s: {len(load.release_ms)} releases p50/p95"
    yield row(figure, ms(load.release_ms), promise="p95 <= 250 ms", kept=released <= 250)
    failures = floor.failures + load.failures
    failed = len(failures)
    yield row("... viewers that failed", str(failed), failures[0][:34] if failed else "-", promise="0", kept=failed == 0)
    yield row("... server memory before / after", f"{before_mb:.0f} / {after_mb:.0f} MB")
    shares = " / ".join(f"{share:.0%}" for share in load.own_shares)
    machine = f"{os.cpu_count()} cores, load before {busy:.1f}"
    yield row("... the viewers' own share of CPU time, arrivals / releases", shares, machine)


def trivial_page(folder: Path, recording: Recording) -> Load:
    """The same viewers arrive at a page of the same parts."""
    with serving(folder / "trivial.log", script=str(TRIVIAL)) as server:
        asyncio.run(crowd(server, recording, n_viewers=1, has_releases=False))  # makes what all share
        return asyncio.run(crowd(server, recording, has_releases=False))


async def crowd(server: Server, recording: Recording, n_viewers: int = N_VIEWERS, has_releases: bool = True) -> Load:
    """All arrive at once; when the last has its page, each releases a slider at random times."""
    load = Load()
    viewers = [Viewer(server.url, recording, seed) for seed in range(n_viewers)]

    async def attempt(viewer: Viewer, work) -> None:
        try:
            await work(viewer)
        except Exception as error:  # of whatever kind: the other viewers go on
            load.failures.append(f"{type(error).__name__} {error}")
            viewers.remove(viewer)
            await viewer.leave()

    async def arrive(viewer: Viewer) -> None:
        load.first_page_s.append(await viewer.arrive())

    async def release(viewer: Viewer) -> None:
        await asyncio.sleep(viewer.rng.uniform(0, PAUSE_S) if has_releases else 0)
        while has_releases and time.monotonic() < end:
            load.release_ms.append(await viewer.release())
            await asyncio.sleep(viewer.rng.expovariate(1 / PAUSE_S))
        await viewer.leave()

    for work in (arrive, release):
        own, of_server, end = time.process_time(), server.cpu_s(), time.monotonic() + SECONDS
        await asyncio.gather(*(attempt(viewer, work) for viewer in viewers))
        own, of_server = time.process_time() - own, server.cpu_s() - of_server
        load.own_shares.append(own / (own + of_server))
    return load


def opening_rows(folder: Path, few: Path, many: Path) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    pages = {"page": ("/", SEEN, 1.15), "Library": ("/library", LIBRARY_SEEN, 1.2)}
    times = {(name, root): [] for name in pages for root in (few, many)}
    with sync_playwright() as playwright, ExitStack() as servers:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        urls = {}
        for root in (few, many):
            server = serving(folder / f"{root.name}.log", EXPLORER_CHECKPOINTS=str(root))
            urls[root] = servers.enter_context(server).url
            for path, seen, _ in pages.values():  # opens the models and reads the bundles
                openings(browser, urls[root] + path, 1, seen)
        for i in range(N_OPENINGS):
            for root in (few, many) if i % 2 else (many, few):
                for name, (path, seen, _) in pages.items():
                    times[name, root] += openings(browser, urls[root] + path, 1, seen)
        browser.close()
    for name, (_, _, most) in pages.items():
        ratio = centiles(times[name, many])[0] / centiles(times[name, few])[0]
        yield row(
            f"{name} opens, {len(SHIPPED) + N_COPIES} bundles, p50/p95",
            ms(times[name, many]),
            f"{len(SHIPPED)} bundles {ms(times[name, few])}",
            ratio,
            f"<= {most}",
            ratio <= most,
        )
