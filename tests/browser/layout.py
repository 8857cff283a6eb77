"""The layout of a page as numbers: what is too small, uneven, cut or covered, at the sizes that the app is made for."""

from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("layout.js").read_text("utf-8")
PHONE_BELOW = 700


@dataclass(frozen=True)
class Size:
    """A window: CSS pixels, and device pixels per CSS pixel."""

    width: int
    height: int
    ratio: float = 1

    def __str__(self) -> str:
        return f"{self.width}x{self.height}" + (f"@{self.ratio:g}" if self.ratio != 1 else "")


SIZES = (Size(1280, 800), Size(1920, 1080), Size(1024, 768), Size(820, 1180), Size(390, 844), Size(640, 400, 2))


def faults(page, size: Size) -> dict[str, list[str]]:
    """What is wrong with the layout of a page at rest, by kind; kinds without a fault are left out."""
    page.evaluate(SCRIPT)
    kinds = ["scrollsSideways", "smallText", "cutText", "cutValues", "overlaps", "unevenControls"]
    kinds += ["smallTargets"] * (size.width < PHONE_BELOW)
    found = {kind: page.evaluate(f"() => [...new Set(__layout.{kind}())]") for kind in kinds}
    return {kind: items for kind, items in found.items() if items}
