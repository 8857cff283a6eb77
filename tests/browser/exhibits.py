"""Drives the page of an exhibit in a real browser."""

import math
import time
from collections.abc import Callable

PATIENCE_S = 20.0
SETTLED = """() => {
  const app = document.querySelector('.stApp');
  return document.querySelector('.le-exhibit') && app?.dataset.testScriptState === 'notRunning';
}"""


class ExhibitPage:
    """The page of an exhibit, and the numbers on it."""

    def __init__(self, page, url: str):
        self.page, self.url = page, url

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}/{path}")
        self.page.locator("[data-testid^=num-]").first.wait_for(state="attached")
        self.settled()

    def settled(self, quiet_s: float = 0.4) -> None:
        """Waits until the script has not run for `quiet_s`."""
        since = time.monotonic()
        end = since + PATIENCE_S
        while time.monotonic() - since < quiet_s:
            if not self.page.evaluate(SETTLED):
                since = time.monotonic()
            assert time.monotonic() < end, "the page does not come to rest"
            self.page.wait_for_timeout(50)

    def number(self, name: str) -> float:
        """The value of a live number; NaN if it is not known yet."""
        value = self.page.evaluate("name => document.querySelector(`[data-testid=num-${name}]`)?.dataset.value", name)
        return float(value) if value is not None else math.nan

    def numbers(self, *names: str) -> list[float]:
        return [self.number(name) for name in names]

    def wait_for_number(self, name: str) -> float:
        self.wait_until(lambda: math.isfinite(self.number(name)))
        return self.number(name)

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not is_true():
            assert time.monotonic() < end, "it did not happen"
            self.page.wait_for_timeout(50)
