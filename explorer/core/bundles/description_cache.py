"""Caches the description of each bundle until its folder or one of its files changes, as seen by os.stat."""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from explorer.core.bundles.format import CONFIG, LIMITS, METRICS, BundleInfo
from explorer.core.storage import safe_read

SETTLE_S = 2.0  # timestamps are up to 2 s coarse: two writes within that time can leave the same one
MAX_BYTES = 64_000_000  # size on disk of all cached JSON; parsed it takes about twice as much memory


class _State(NamedTuple):
    """The os.stat values of a bundle. Equal states mean equal contents."""

    stamp: str  # as in BundleInfo
    folder: tuple[int, int]  # device, inode
    times_ns: tuple[int, ...]  # mtime and ctime of the folder and each file; ctime also covers permissions and renames
    json_bytes: int


class _Entry(NamedTuple):
    state: _State
    info: BundleInfo
    n_bytes: int  # counts towards MAX_BYTES


class DescriptionCache:
    """Thread-safe. A hit costs five stat calls and opens no file."""

    def __init__(self):
        self._entries: dict[Path, _Entry] = {}
        self._lock = threading.Lock()  # one thread reads a bundle, the others wait for its result

    def get(self, folder: Path, read: Callable[[], tuple[BundleInfo, bool]]) -> BundleInfo:
        """The cached description of the bundle in `folder`, or the result of `read`.

        `read` returns (description, whether it may be cached).
        Exceptions of `read` propagate.
        """
        if info := self._find(folder, _state(folder)):
            return info
        with self._lock:
            began, before = time.time(), _state(folder)
            if info := self._find(folder, before):
                return info
            self._entries.pop(folder, None)
            info, is_cacheable = read()
            if is_cacheable and before and before.stamp == info.stamp and _is_settled(before, began):
                self._add(folder, _Entry(before, info, 0 if info.error else before.json_bytes))
            return info

    def keep_only(self, folders: Iterable[Path]) -> None:
        """Drops the entries of all other folders."""
        with self._lock:
            for removed in self._entries.keys() - set(folders):
                del self._entries[removed]

    def _find(self, folder: Path, state: _State | None) -> BundleInfo | None:
        entry = self._entries.get(folder)
        return entry.info if entry and entry.state == state else None

    def _add(self, folder: Path, entry: _Entry) -> None:
        if entry.n_bytes + sum(other.n_bytes for other in self._entries.values()) <= MAX_BYTES:
            self._entries[folder] = entry


def _state(folder: Path) -> _State | None:
    """None, for "do not cache", if there is no folder or it is a link."""
    try:
        own = os.lstat(folder)
    except OSError:
        return None
    if not stat.S_ISDIR(own.st_mode):
        return None
    found = safe_read.stats(folder, LIMITS)
    times_ns = tuple(t for s in (own, *found.values()) if s for t in (s.st_mtime_ns, s.st_ctime_ns))
    json_bytes = sum(found[name].st_size for name in (CONFIG, METRICS) if found[name])
    return _State(safe_read.stamp(found), (own.st_dev, own.st_ino), times_ns, json_bytes)


def _is_settled(state: _State, now_s: float) -> bool:
    """Whether every later write will change a timestamp."""
    return all(abs(now_s - t / 1e9) > SETTLE_S for t in state.times_ns)
