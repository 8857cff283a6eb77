"""A link opened by somebody else, and two visitors at once."""

import math
import time
from collections.abc import Iterator

import numpy as np

from tests.benchmarks.drags import error
from tests.benchmarks.table import Row, row
from tests.browser.driver import Visit, eventually


def rows(visits: dict[str, Visit], other: Visit, engines: dict, n: int = 20) -> Iterator[Row]:
    """visits: a page on each of some models; other: a page of another context."""
    rng, same, off = np.random.default_rng(3), 0, []
    for i in range(n):
        name = list(visits)[i % len(visits)]
        wander(visits[name], engines[name], rng)
        wanted = seen(visits[name], engines[name])
        other.open(visits[name].page.url)
        found = eventually(lambda: seen(other, engines[name]), wanted)  # noqa: B023
        same += found == wanted
        off += [f"{name}: {part}" for part in wanted if found[part] != wanted[part]]
    yield row(
        f"links of {n} random states opened by another: the same",
        f"{same} of {n}",
        ", ".join(sorted(set(off)))[:34] or "-",
        promise="all",
        kept=same == n,
    )


def wander(visit: Visit, engine, rng: np.random.Generator, n: int = 4) -> None:
    """Some random things a visitor does."""
    for _ in range(n):
        match rng.integers(6):
            case 0 | 1:
                visit.drag(int(rng.choice(visit.dims())), 0.1, end=float(rng.uniform()))
            case 2:
                for _, x, y in visit.isolated(visit.map_xy(engine), rng)[:1]:
                    visit.click(x, y)
            case 3:
                names = [{"umap": "UMAP", "pca": "PCA"}[p] for p in engine.planes if isinstance(p, str)] + ["z"]
                visit.choose_plane(str(rng.choice(names)))
            case 4:
                visit.choose_colour(str(rng.choice(["class", "KL", "recon loss", "|mu|"])))
            case 5:
                for selector in ("[data-do=overshoot]", f".pager [data-do={rng.choice(['more', 'back'])}]"):
                    visit.press(selector)


def seen(visit: Visit, engine) -> dict:
    """All that a link promises to bring back."""
    visit.idle()
    return {
        "link": visit.link(),
        "z": visit.z(engine.latent_dim).tobytes(),
        "anchors": visit.anchors(),
        "dims": visit.dims(),
        "stage": visit.stage(engine.image_shape).tobytes(),
        "cursor": visit.attribute("map-overlay", "data-cursor"),
        "frames": visit.attribute("lane-lerp", "data-frames"),
        "plane": visit.plane(),
        "colour": visit.page.locator(".st-key-colour").inner_text(),
        "beyond": visit.page.evaluate("() => __probe.find('[data-do=overshoot]').checked"),
    }


def together(one: Visit, two: Visit, engine, seconds: float = 3.0) -> Iterator[Row]:
    """Two contexts drag at once, different sliders to different places."""
    hands = [(one, one.dims()[0], 0.2), (two, two.dims()[1], 0.7)]
    anchors = [visit.anchors() for visit, _, _ in hands]
    lost = 0
    for _ in range(3):
        began = time.perf_counter()
        for visit, dim, _ in hands:
            x, y, _, _ = visit.handle(dim)
            visit.page.evaluate("() => __probe.forget()")
            visit.page.mouse.move(x, y)
            visit.page.mouse.down()
        while (now := time.perf_counter() - began) < seconds / 3:
            for visit, dim, _ in hands:
                _, y, low, high = visit.handle(dim)
                visit.page.mouse.move((low + high) / 2 + 0.49 * (high - low) * math.sin(4 * now), y)
        for visit, dim, end in hands:
            _, y, low, high = visit.handle(dim)
            visit.page.mouse.move(low + end * (high - low), y)
            visit.page.mouse.up()
        for visit, _, _ in hands:
            visit.idle()
            lost += visit.page.evaluate("() => __probe.log.inputs.filter(i => i.paints !== 1).length")
    off = max(error(visit, engine) for visit, _, _ in hands)
    moved = [np.flatnonzero(visit.z(engine.latent_dim) != 0).tolist() for visit, _, _ in hands]
    alone = all(dims == [dim] for dims, (_, dim, _) in zip(moved, hands))
    apart = alone and anchors == [visit.anchors() for visit, _, _ in hands] and lost == 0 and off <= 1
    yield row(
        "two visitors drag at once: neither disturbs the other",
        "yes" if apart else "no",
        f"inputs lost {lost}, stage {off:.2f}/255",
        promise="yes",
        kept=apart,
    )
