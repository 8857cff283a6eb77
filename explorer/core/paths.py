"""The project's folders, and the rules for the names of bundles and runs."""

import os
import re
from pathlib import Path
from reprlib import repr as short

from explorer.core.errors import BundleError

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_DIR = PROJECT / "checkpoints"
RECORDED_DIR = SHIPPED_DIR / ".exhibits"  # shipped runs and models of exhibits, listed nowhere
SHIPPED = ("mnist", "mnist-2d", "fashion", "sprites", "digits", "digits-2d")  # in the order in which they are listed
RESERVED = ("runs",)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # reserved names on Windows, in every folder


def checkpoints_dir() -> Path:
    """The folder of bundles and runs: EXPLORER_CHECKPOINTS, read at each call, else checkpoints/ in the project."""
    given = os.environ.get("EXPLORER_CHECKPOINTS")
    return Path(given).expanduser() if given else SHIPPED_DIR


def is_shipped(name: str, root: Path | None = None) -> bool:
    """Whether `name` in `root` (default: the checkpoints folder) is one of the bundles in the project's repository."""
    root = checkpoints_dir() if root is None else root
    return name in SHIPPED and os.path.realpath(root) == os.path.realpath(SHIPPED_DIR)


def runs_dir() -> Path:
    """The folder of training runs, one sub-folder each."""
    return checkpoints_dir() / "runs"


def exhibit_runs_dir() -> Path:
    """The folder of the runs that were made for exhibits. They are listed nowhere."""
    return runs_dir() / ".exhibits"


def checked_name(name: str) -> str:
    """`name`, if it is valid for a bundle on every system. Raises BundleError, with a valid name in the hint."""
    if _is_valid(name):
        return name
    similar = re.sub(r"[^A-Za-z0-9_-]+", "-", str(name)).strip("-")[:56]
    hint = f"For example '{similar if _is_valid(similar) else f'{similar}-vae'.strip('-')}'."
    if name and name.lower() in RESERVED:
        raise BundleError(f"The model name '{name}' is reserved.", hint)
    rule = "a name has 1 to 64 letters, digits, '.', '_' and '-', and no '.' at either end"
    raise BundleError(f"A model cannot be called {short(name)}: {rule}.", hint)


def _is_valid(name: str) -> bool:
    valid = _NAME.fullmatch(name) and not name.endswith(".") and name.lower() not in RESERVED
    return bool(valid) and not _DEVICE_NAME.fullmatch(name.lower())
