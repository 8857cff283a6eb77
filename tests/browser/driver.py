"""Drives a page in a real browser: drags, clicks, what the screen shows, and the traffic of the WebSocket."""

import base64
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from scipy.spatial import KDTree

from explorer.ui.state.link import colour_name

PROBE = Path(__file__).with_name("probe.js").read_text("utf-8")
ISOLATED_PX = 6  # from the nearest other point, on the screen
PATIENCE_MS = 60_000
CHART = "document.querySelector('.st-key-latent_map .js-plotly-plot')"


def eventually(get: Callable, wanted, seconds: float = 3.0):
    """Call `get` until it returns `wanted` or the time is up; returns the last value."""
    end = time.monotonic() + seconds
    while (found := get()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class Drag:
    """Measurements of one drag, from pointer down to the pause after pointer up. Times in ms."""

    n_inputs: int
    n_painted: int  # of them, those whose handler painted exactly once
    input_to_paint: list[float]
    pointer_to_paint: list[float]  # from the pointer's own time stamp: the browser's wait for a frame is in it
    values: list[str]  # what the slider said at each input
    sums: list[int | None]  # of the stage's pixels at each input, where asked for
    sent_while_down: int  # websocket frames
    release_to_films: float | None  # None: it was released where it began
    received_bytes: int


class Visit:
    """One page of one browser context. Give it `context.new_page()` before anything is opened."""

    def __init__(self, page, chart: str = CHART):
        self.page, self.chart, self.frames_sent = page, chart, 0
        self.isolated_axes = []  # axes at the last call of `isolated`
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(PROBE)
        page.on("websocket", lambda socket: socket.on("framesent", self._count))

    def _count(self, _) -> None:
        self.frames_sent += 1

    def open(self, url: str) -> "Visit":
        self.page.goto(url)
        self.idle()
        self.watch()
        return self

    def watch(self) -> None:
        """Record from now on when the films, the lanes and the hover card change."""
        for selector, attribute in (
            ("[data-testid=stage]", "data-seq"),
            ("[data-testid=lane-lerp]", "data-seq"),
            (".le-card", "data-row"),
        ):
            self.page.wait_for_function("([s, a]) => __probe.watch(s, a)", arg=[selector, attribute])

    def idle(self, quiet_ms: int = 300) -> None:
        """Wait until no request is pending and the page shows the latest reply."""
        from playwright.sync_api import TimeoutError

        try:
            self.page.wait_for_function("quiet => !__probe.busy(quiet)", arg=quiet_ms, polling=50)
        except TimeoutError:
            raise AssertionError(f"the page does not come to rest: {self.page.evaluate('() => __probe.busy(0)')}") from None

    def sprites(self) -> None:
        """Wait until the hover pictures have loaded, so that no other traffic is pending."""
        self.page.wait_for_function("() => window.__latentExplorer?.sprites", polling=100)
        self.idle()

    # What is on the screen

    def attribute(self, testid: str, name: str) -> str | None:
        return self.page.evaluate("([id, name]) => __probe.byId(id)?.getAttribute(name)", [testid, name])

    def dims(self) -> list[int]:
        """The dimensions that have a slider, in their order."""
        return self.page.evaluate(
            "() => [...__probe.find('.stage .rows').querySelectorAll('input[type=range]')].map(e => +e.dataset.testid.slice(2))"
        )

    def link(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.evaluate("() => location.href")).query).items()}

    def z(self, latent_dim: int) -> np.ndarray:
        """The session's z, bit for bit, from the address line."""
        text = self.link().get("z")
        if text is None:
            return np.zeros(latent_dim, np.float32)
        return np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "<f4")

    def stage(self, shape: tuple[int, int, int]) -> np.ndarray:
        """The pixels of the stage, uint8 (C, H, W), without the border of small images."""
        flat, width = self.page.evaluate(
            "() => { const p = __probe.pixels(__probe.byId('stage')); return [Array.from(p.data), p.width]; }"
        )
        channels, height, wide = shape
        image, pad = np.array(flat, np.uint8).reshape(-1, width, 4), (width - wide) // 2
        return image[pad : pad + height, pad : pad + wide, :channels].transpose(2, 0, 1)

    def anchors(self) -> tuple[int | None, int | None]:
        a, b = (self.attribute(f"anchor-{name}", "data-index") for name in "ab")
        return (None if a is None else int(a)), (None if b is None else int(b))

    def axes(self) -> list[dict]:
        """Range in map units, length and start in pixels of the window, of x and y."""
        return self.page.evaluate(f"() => __probe.axes({self.chart})")

    def settled(self, n: int = 4) -> None:
        """Wait until the chart fills its box and stops resizing; it renders after the stage, in steps."""
        seen, end = [], time.monotonic() + PATIENCE_MS / 1000
        while not (len(seen) >= n and all(axes == seen[-1] for axes in seen[-n:])):
            assert time.monotonic() < end, "the chart does not stand still"
            fits = self.page.evaluate(
                f"() => {{ const gd = {self.chart}, l = gd?._fullLayout; return Boolean(l?.xaxis)"
                " && Math.abs(l.width - gd.clientWidth) < 2 && Math.abs(l.height - gd.clientHeight) < 2; }"
            )
            seen = [*seen, self.axes()] if fits else []
            self.page.wait_for_timeout(150)

    def on_screen(self, xy: np.ndarray) -> np.ndarray:
        """Map units (N, 2) -> pixels of the window; NaN outside the chart's frame."""
        pixels = np.empty((len(xy), 2))
        for i, axis in enumerate(self.axes()):
            share = (xy[:, i] - axis["from"]) / (axis["to"] - axis["from"])
            pixels[:, i] = axis["at"] + axis["px"] * (1 - share if i else share)
            pixels[(share < 0.01) | (share > 0.99)] = np.nan
        return pixels

    def isolated(self, xy: np.ndarray, rng, visible: np.ndarray | bool = True) -> list[tuple[int, float, float]]:
        """All points as (row, x, y), in random order, whose nearest other visible point is more than 6 px away."""
        self.settled()
        self.isolated_axes = self.axes()
        pixels = self.on_screen(xy)
        rows = np.flatnonzero(np.isfinite(pixels).all(1) & visible)
        if len(rows) < 2:
            return []
        far = KDTree(pixels[rows]).query(pixels[rows], 2)[0][:, 1] > ISOLATED_PX
        return [(int(row), *map(float, pixels[row])) for row in rng.permutation(rows[far])]

    def current_position(self, x: float, y: float) -> tuple[float, float]:
        """Current window position of a point that `isolated` returned, in case the chart has moved since."""
        now = [
            axis["at"] + axis["px"] * (1 - share if i else share)
            for i, axis in enumerate(self.axes())
            for share in [self._share(i, (x, y)[i], axis)]
        ]
        return now[0], now[1]

    def _share(self, i: int, at: float, axis: dict) -> float:
        old = self.isolated_axes[i]
        share = (at - old["at"]) / old["px"]
        unit = old["from"] + (1 - share if i else share) * (old["to"] - old["from"])
        return (unit - axis["from"]) / (axis["to"] - axis["from"])

    def spread(self, xy: np.ndarray, rng, n: int, visible: np.ndarray | bool = True) -> Iterator[tuple[int, float, float]]:
        """n isolated points, a few at each of many random places that are zoomed in on and left again."""
        found = set()
        while len(found) < n:
            shown = self.on_screen(xy)[np.broadcast_to(visible, len(xy))]
            x, y = rng.choice(shown[np.isfinite(shown).all(1)])
            self.wheel(x, y, -5)
            for row, left, top in self.isolated(xy, rng, visible)[:5]:
                if row not in found and len(found) < n:
                    found.add(row)
                    yield row, left, top
            self.wheel(x, y, 5)

    # Input

    def handle(self, dim: int) -> tuple[float, float, float, float]:
        """(x of the handle, y, leftmost x, rightmost x) of a slider."""
        left, top, width, height, share = self.page.evaluate("id => __probe.slider(id)", f"z-{dim}")
        low, high = left + 8, left + width - 8
        return low + share * (high - low), top + height / 2, low, high

    def drag(self, dim: int, seconds: float = 2.0, end: float | None = None, sums: bool = False, wait: bool = True) -> Drag:
        """Drag back and forth over the whole slider in small steps, released at the share `end` of it (None: anywhere)."""
        page, (x, y, low, high) = self.page, self.handle(dim)
        page.evaluate("on => { __probe.forget(); __probe.sums = on; }", sums)
        middle, reach = (low + high) / 2, (high - low) / 2
        phase = math.asin(max(-1.0, min(1.0, (x - middle) / reach)))
        page.mouse.move(x, y)
        frames_before = self.frames_sent
        page.mouse.down()
        began = time.perf_counter()
        while (now := time.perf_counter() - began) < seconds:
            page.mouse.move(middle + reach * math.sin(phase + 3 * now), y)
        if end is not None:
            page.mouse.move(low + end * (high - low), y, steps=3)
        page.evaluate("() => new Promise(done => __probe.afterPaint(done))")
        frames_while_down = self.frames_sent - frames_before
        page.mouse.up()
        if wait:
            self.idle()
        log = page.evaluate("() => __probe.log")
        inputs, up = log["inputs"], log["pointerup"]
        films = [
            c["painted"] for c in log["changes"] if c["selector"] == "[data-testid=stage]" and c["at"] > up and c["painted"]
        ]
        in_page = sum(log["pointerdown"] < at < up for at, _ in log["sent"])
        return Drag(
            n_inputs=len(inputs),
            n_painted=sum(i["paints"] == 1 for i in inputs),
            input_to_paint=[i["painted"] - i["at"] for i in inputs if i["painted"]],
            pointer_to_paint=[i["painted"] - i["pointer"] for i in inputs if i["painted"] and i["pointer"]],
            values=[i["value"] for i in inputs],
            sums=[i["sum"] for i in inputs],
            sent_while_down=max(frames_while_down, in_page),
            release_to_films=films[0] - up if films else None,
            received_bytes=sum(size for at, size in log["received"] if at > up),
        )

    def wheel(self, x: float, y: float, notches: int) -> None:
        """Scroll over a point; negative notches zoom in."""
        self.page.mouse.move(x, y)
        for _ in range(abs(notches)):
            self.page.mouse.wheel(0, 120 if notches > 0 else -120)
            self.page.wait_for_timeout(60)
        self.page.wait_for_timeout(400)  # the chart takes the wheel's end for the end of the zoom

    def click(self, x: float, y: float, wait: bool = True, **more) -> None:
        self.page.mouse.move(x, y)
        self.page.mouse.click(x, y, **more)
        if wait:
            self.page.wait_for_function("() => (__probe.log.sent.at(-1)?.[0] ?? 0) > __probe.log.pointerup")
            self.idle(100)

    def choose(self, key: str, option: str) -> None:
        """An option of a select box."""
        self.page.locator(f".st-key-{key} input").click()
        self.page.get_by_role("option", name=option, exact=True).click()
        self.page.wait_for_timeout(50)
        self.idle()

    def choose_colour(self, colour: str) -> None:
        self.choose("colour", f"colour: {colour_name(colour)}")

    def choose_plane(self, name: str) -> None:
        self.page.locator(".st-key-map_controls button", has_text=name).first.click()
        self.page.wait_for_timeout(50)
        self.idle()

    def press(self, selector: str) -> bool:
        """Click a button or box inside a component, if it is there to be clicked."""
        if pressed := self.page.evaluate("selector => __probe.press(selector)", selector):
            self.page.wait_for_timeout(50)
            self.idle()
        return pressed

    def plane(self) -> str:
        """Name of the plane that the map shows."""
        return self.page.evaluate("() => window.__latentExplorer.cursor?.plane")

    def map_xy(self, engine) -> np.ndarray:
        """The points of the map in the plane that is shown."""
        plane = self.plane()
        return engine.map_xy(plane if plane in ("umap", "pca") else tuple(int(d) for d in plane.strip("()").split(",")))

    def close(self) -> None:
        self.page.context.close()
