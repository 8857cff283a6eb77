"""Slider drags: frames painted while dragging, traffic, and the time until new films arrive."""

import time
from collections.abc import Iterator

import numpy as np

from tests.benchmarks.table import Row, centiles, ms, row
from tests.browser.driver import Visit

N_SLIDERS, N_SHORT, N_RANDOM = 5, 20, 50
LIMITS_MS = {"rgb64": 1000.0}  # release to fresh films; 250 for the others


def rows(visit: Visit, engine, naive: dict) -> Iterator[Row]:
    """The whole of it on one model; naive: what `naive.measure` found in the same run."""
    dims, ends = visit.dims()[:N_SLIDERS], np.linspace(0.13, 0.87, N_SLIDERS)
    first = [visit.drag(dim, 2.0, end=end) for dim, end in zip(dims, ends)]
    n_inputs, n_painted = sum(d.n_inputs for d in first), sum(d.n_painted for d in first)
    yield row(
        f"{N_SLIDERS} drags of 2 s: inputs painted",
        f"{n_painted} of {n_inputs}",
        f"naive app shows {naive['images_in_drags']} images",
        promise="all",
        kept=n_painted == n_inputs > 0,
    )
    painted = [t for d in first for t in d.input_to_paint]
    pointer = [t for d in first for t in d.pointer_to_paint]
    own = visit.page.evaluate("() => window.__latentExplorer.stats().input_to_paint_ms")
    yield row("input to paint p50/p95", ms(painted), promise="p95 <= 16 ms", kept=centiles(painted)[1] <= 16)
    yield row(
        "the same by the page's own stats()", ms(own), f"our probe {ms(painted)}", centiles(own)[0] / centiles(painted)[0]
    )
    yield row("pointer's time stamp to paint p50/p95", ms(pointer), "a frame is 16.7 ms")
    sent = sum(d.sent_while_down for d in first)
    yield row("websocket frames sent, pointer down to up", str(sent), promise="0", kept=sent == 0)

    short = [visit.drag(dims[i % len(dims)], 0.3, end=0.1 + 0.8 * (i * 0.618 % 1)) for i in range(N_SHORT)]
    films = [d.release_to_films for d in [*first, *short] if d.release_to_films is not None]
    peer = naive["release_ms"]
    yield row(
        f"release to fresh films p50/p95 ({len(films)} releases)",
        ms(films),
        f"naive app: one image {ms(peer)}",
        centiles(films)[1] / centiles(peer)[1],
        "p95 <= 250 ms",
        centiles(films)[1] <= 250,
    )
    received = max(d.received_bytes for d in short)
    yield row("bytes received per release, the most", f"{received / 1e3:.0f} kB", promise="< 1 MB", kept=received < 1e6)

    lost, blind = 0, 0
    for i, dim in enumerate(dims):
        visit.drag(dim, 0.3, end=0.2 + 0.1 * i, wait=False)
        again = visit.drag(dim, 0.6, end=0.8 - 0.1 * i, sums=True)
        lost += again.n_inputs - again.n_painted
        blind += len(set(again.values)) - len(set(again.sums))
    yield row("second drag right after a release: inputs lost", str(lost), promise="0", kept=lost == 0)
    yield row("... frames that looked like another one", str(blind))

    off = random_drags(visit, engine, np.random.default_rng(0), N_RANDOM)
    yield row(
        f"after {N_RANDOM} random drags: stage against decode(z)",
        f"{off:.3f}/255",
        "rounding alone 0.5/255",
        promise="<= 1/255",
        kept=off <= 1,
    )


def random_drags(visit: Visit, engine, rng: np.random.Generator, n: int) -> float:
    """n short drags of random sliders with random pauses, then the greatest error of the stage, in units of 1/255."""
    dims = visit.dims()
    for _ in range(n):
        visit.drag(int(rng.choice(dims)), float(rng.uniform(0.05, 0.3)), end=float(rng.uniform()), wait=False)
        time.sleep(float(rng.choice([0, 0.05, 0.2, 0.5])))
    visit.idle()
    return error(visit, engine)


def error(visit: Visit, engine) -> float:
    """The greatest difference between the stage and `engine.decode` of the session's z, in units of 1/255."""
    shown = visit.stage(engine.image_shape).astype(float)
    return float(np.abs(shown - 255 * engine.decode(visit.z(engine.latent_dim)[None])[0]).max())


def model_rows(visit: Visit, engine) -> Iterator[Row]:
    """The short version, for each of the other models."""
    dims = visit.dims()
    done = [visit.drag(dims[i % min(N_SLIDERS, len(dims))], 0.5, end=0.1 + 0.8 * (i * 0.618 % 1)) for i in range(10)]
    n_inputs, n_painted = sum(d.n_inputs for d in done), sum(d.n_painted for d in done)
    films = [d.release_to_films for d in done if d.release_to_films is not None]
    received, off, sent = max(d.received_bytes for d in done), error(visit, engine), sum(d.sent_while_down for d in done)
    limit = LIMITS_MS.get(engine.name, 250.0)
    shape = "x".join(map(str, engine.image_shape))
    yield row(
        f"{engine.name} ({shape}, D = {engine.latent_dim}): release to films",
        ms(films),
        f"{n_painted} of {n_inputs} painted",
        promise=f"p95 <= {limit:.0f} ms, all",
        kept=centiles(films)[1] <= limit and n_painted == n_inputs > 0 == sent,
    )
    yield row(
        "... bytes per release; stage against decode(z)",
        f"{received / 1e3:.0f} kB",
        f"{off:.2f}/255",
        promise="< 1 MB, <= 1/255",
        kept=received < 1e6 and off <= 1,
    )
