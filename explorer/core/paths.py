"""Where bundles and runs lie, and what they may be called. Knows paths; reads no file and needs no torch."""

import os
import re
from pathlib import Path
from reprlib import repr as short

from explorer.core.errors import BundleError

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_DIR = PROJECT / "checkpoints"
SHIPPED = ("mnist", "mnist-2d", "fashion", "sprites", "digits")  # in the order of the lecture
RESERVED = ("runs",)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows opens these whatever the folder


def checkpoints_dir() -> Path:
    """EXPLORER_CHECKPOINTS, else checkpoints/ in the project."""
    given = os.environ.get("EXPLORER_CHECKPOINTS")
    return Path(given).expanduser() if given else SHIPPED_DIR


def is_shipped(name: str, root: Path | None = None) -> bool:
    """Whether `name` is a model that comes with the project, in the project's own checkpoints folder."""
    root = checkpoints_dir() if root is None else root
    return name in SHIPPED and os.path.realpath(root) == os.path.realpath(SHIPPED_DIR)


def runs_dir() -> Path:
    """Where training runs lie, a folder each."""
    return checkpoints_dir() / "runs"


def checked_name(name: str) -> str:
    """The name itself where a bundle may have it on every system. Raises BundleError with a name that would do."""
    if _is_name(name):
        return name
    near = re.sub(r"[^A-Za-z0-9_-]+", "-", str(name)).strip("-")[:56]
    hint = f"For example '{near if _is_name(near) else f'{near}-vae'.strip('-')}'."
    if name and name.lower() in RESERVED:
        raise BundleError(f"The bundle name '{name}' is reserved.", hint)
    rule = "a name has 1 to 64 letters, digits, '.', '_' and '-', and no '.' at either end"
    raise BundleError(f"A bundle cannot be called {short(name)}: {rule}.", hint)


def _is_name(name: str) -> bool:
    good = _NAME.fullmatch(name) and not name.endswith(".") and name.lower() not in RESERVED
    return bool(good) and not _DEVICE_NAME.fullmatch(name.lower())
