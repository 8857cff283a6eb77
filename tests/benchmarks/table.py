"""Rows of the one table: (figure, value, peer or floor, ratio, promise)."""

import numpy as np

Row = tuple[str, str, str, str, str]


def row(figure: str, value: str, peer: str = "-", ratio: float | None = None, promise: str = "-", kept: bool = True) -> Row:
    """A promise that this run did not keep says so."""
    return figure, value, peer, "-" if ratio is None else f"{ratio:.2f}", promise if kept else f"{promise} MISSED"


def centiles(times: list[float]) -> tuple[float, float]:
    """(median, 95th percentile); NaN of nothing."""
    return tuple(map(float, np.percentile(times, [50, 95]))) if len(times) else (np.nan, np.nan)


def ms(times: list[float]) -> str:
    middle, high = centiles(times)
    return f"{middle:.1f}/{high:.1f} ms" if high < 100 else f"{middle:.0f}/{high:.0f} ms"
