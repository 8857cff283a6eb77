"""Ten minutes of dragging: what stays in the page and in the server."""

import time
from collections.abc import Iterator

import numpy as np

from tests.benchmarks.table import Row, row
from tests.browser.driver import Visit
from tests.browser.server import Server

SECONDS, EVERY = 600, 10
LIMITS_MB = {"page": 20, "server": 80}


def rows(visit: Visit, server: Server, seconds: float = SECONDS) -> Iterator[Row]:
    rng, wire = np.random.default_rng(4), visit.page.context.new_cdp_session(visit.page)
    dims, samples, releases, began = visit.dims(), [], 0, time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        if now >= EVERY * len(samples):
            samples.append((now, page_mb(wire), server.rss_mb()))
        visit.drag(int(rng.choice(dims)), 0.4, end=float(rng.uniform()), wait=False)
        time.sleep(0.3)
        releases += 1
    at, page, rss = np.array(samples).T
    for name, values in (("page", page), ("server", rss)):
        first, last = np.median(values[at < max(60, seconds / 10)]), np.median(values[at >= seconds / 2])
        yield row(
            f"{seconds / 60:.0f} min of dragging, {releases} releases: {name} grew",
            f"{last - first:+.1f} MB",
            f"first minute {first:.0f}, most {values.max():.0f} MB",
            promise=f"<= {LIMITS_MB[name]} MB",
            kept=last - first <= LIMITS_MB[name],
        )


def page_mb(wire) -> float:
    """The page's heap with its array buffers, after a collection, in MB."""
    wire.send("HeapProfiler.collectGarbage")
    usage = wire.send("Runtime.getHeapUsage")
    return (usage["usedSize"] + usage.get("embedderHeapUsedSize", 0) + usage.get("backingStorageSize", 0)) / 2**20
