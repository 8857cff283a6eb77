"""The map under the pointer: hover, clicks with the right answer, the way from a click to the lanes, zoom that stays."""

from collections.abc import Iterable, Iterator

import numpy as np

from tests.benchmarks.table import Row, centiles, ms, row
from tests.browser.driver import Visit, eventually

N_HOVERS, N_PAIRS, N_CLICKS, N_RERUNS = 50, 20, 100, 20


def rows(visit: Visit, engine, naive: dict) -> Iterator[Row]:
    xy, rng = engine.map_xy(engine.planes[0]), np.random.default_rng(1)
    times, right = hovers(visit, xy, rng)
    yield row(
        f"hover to thumbnail p50/p95 ({len(times)} points)", ms(times), promise="p95 <= 33 ms", kept=centiles(times)[1] <= 33
    )
    yield row("... of the right image", f"{right} of {N_HOVERS}", promise="all", kept=right == N_HOVERS)

    times = second_clicks(visit, xy, rng)
    peer = naive["click_ms"]
    yield row(
        "second click to first lane painted p50/p95",
        ms(times),
        f"naive app: strip {ms(peer)}",
        centiles(times)[1] / centiles(peer)[1],
        "p95 <= 200 ms",
        centiles(times)[1] <= 200,
    )

    results = [("plain", *clicks(visit, visit.isolated(xy, rng)[:20]))]
    visible = filter_classes(visit, engine)
    results.append(("class filter", *clicks(visit, visit.isolated(xy, rng, visible)[:20])))
    results.append(("re-click", *clicks(visit, [p for p in visit.isolated(xy, rng, visible)[:5] for _ in range(2)])))
    darken(visit)
    results.append(("dark theme", *clicks(visit, visit.isolated(xy, rng, visible)[:10])))
    results.append(("zoom", *clicks(visit, visit.spread(xy, rng, N_CLICKS - sum(n for _, _, n in results), visible))))
    right, n = sum(t[1] for t in results), sum(t[2] for t in results)
    yield row(
        f"{n} clicks on isolated points of {len(xy):,}: right", f"{right} of {n}", promise="all", kept=right == n == N_CLICKS
    )
    for name, right, n in results:
        yield row(f"... {name}", f"{right} of {n}")

    visit.wheel(*(axis["at"] + axis["px"] / 2 for axis in visit.axes()), -4)
    before = visit.axes()
    kept = reruns(visit, before)
    yield row(
        f"zoom after {N_RERUNS} reruns: kept",
        f"{kept} of {N_RERUNS}",
        "naive app: kept by Streamlit's key",
        promise="all",
        kept=kept == N_RERUNS,
    )


def hovers(visit: Visit, xy: np.ndarray, rng) -> tuple[list[float], int]:
    """(ms from the pointer's time stamp to the picture on the screen, how many showed the right one)."""
    times, right = [], 0
    for row_, x, y in visit.spread(xy, rng, N_HOVERS):
        visit.page.evaluate("() => __probe.forget()")
        visit.page.mouse.move(x, y)
        visit.page.wait_for_timeout(200)
        moved, changes = visit.page.evaluate(
            "() => [__probe.log.pointermove, __probe.log.changes.filter(c => c.selector === '.le-card')]"
        )
        shown = [c for c in changes if c["value"] == str(row_) and c["painted"]]
        right += bool(shown)
        times += [shown[0]["painted"] - moved] if shown else []
    return times, right


def second_clicks(visit: Visit, xy: np.ndarray, rng) -> list[float]:
    """ms from pointer up on B to the painted lanes, each time from no anchors at all."""
    times = []
    points = visit.isolated(xy, rng)
    for i in range(N_PAIRS):
        (_, ax, ay), (_, bx, by) = points[2 * i % len(points)], points[(2 * i + 1) % len(points)]
        clear(visit)
        visit.click(ax, ay)
        visit.page.evaluate("() => __probe.forget()")
        visit.click(bx, by)
        up, changes = visit.page.evaluate(
            "() => [__probe.log.pointerup, __probe.log.changes.filter(c => c.selector.includes('lane'))]"
        )
        times += [c["painted"] - up for c in changes if c["painted"]][:1]
    return times


def clear(visit: Visit) -> None:
    """No anchors."""
    if visit.anchors() != (None, None):
        visit.page.evaluate("() => document.activeElement?.blur()")
        visit.page.keyboard.press("Backspace")
        visit.page.wait_for_function("() => !__probe.byId('anchor-a').dataset.index && !__probe.byId('anchor-b').dataset.index")
        visit.idle(100)


def clicks(visit: Visit, points: Iterable[tuple[int, float, float]]) -> tuple[int, int]:
    """How many clicks make their point the next anchor, A and B by turns, and pick it; of how many."""
    clear(visit)
    right, n, wanted = 0, 0, [None, None]
    for row_, x, y in points:
        visit.click(*visit.current_position(x, y))
        wanted[n % 2] = row_
        n += 1
        answer = (*wanted, str(row_))
        shown = eventually(lambda: (*visit.anchors(), visit.link().get("image")), answer)
        right += shown == answer
        if shown != answer:
            print(f"click {n} at {x:.1f}, {y:.1f} on {row_}: A, B, picked are {shown}, not {answer}")
    return right, n


def filter_classes(visit: Visit, engine, n: int = 2) -> np.ndarray:
    """Hide the first n classes by their place in the list of classes; says which points are left."""
    visit.page.locator(".le-map-tools [data-do=classes]").click()
    for i in range(n):
        visit.page.locator(".le-classes button").nth(i).click()
        visit.page.wait_for_function(
            "i => document.querySelector('.st-key-latent_map .js-plotly-plot')._fullData[i].visible === 'legendonly'", arg=i
        )
        visit.page.wait_for_timeout(400)  # Plotly's double click lasts 300 ms
    visit.page.locator(".le-map-tools [data-do=classes]").click()
    return ~np.isin(engine.gallery.labels, np.unique(engine.gallery.labels)[:n])


def darken(visit: Visit) -> None:
    """The visitor's system changes to its dark theme."""
    visit.page.emulate_media(color_scheme="dark")
    visit.page.wait_for_timeout(1000)
    visit.idle()


def reruns(visit: Visit, wanted: list[dict]) -> int:
    """After how many of 20 reruns, of the fragment and of the whole page by turns, the map shows what it showed."""
    kept, dims = 0, visit.dims()
    for i in range(N_RERUNS):
        if i % 2:
            visit.choose_colour(("KL", "recon loss", "|mu|", "class")[i // 2 % 4])
        else:
            visit.drag(dims[i % len(dims)], 0.1, end=0.1 + 0.04 * i)
        now = visit.axes()
        kept += all(np.isclose(a[key], b[key], rtol=1e-6) for a, b in zip(now, wanted) for key in ("from", "to"))
    return kept
