"""Downloads of data sets from the pages: in a thread, one at a time for all visitors, with progress, and cancellable."""

import errno
import logging
import threading
from dataclasses import dataclass, replace
from enum import StrEnum

from explorer.core.data import catalog, torchvision_sets
from explorer.core.data.image_set import DatasetInfo
from explorer.core.errors import DataError

log = logging.getLogger(__name__)


class DownloadStatus(StrEnum):
    """Status of a download."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Download:
    """The newest download."""

    info: DatasetInfo
    status: DownloadStatus = DownloadStatus.RUNNING
    share: float = 0.0  # of the bytes, 0 to 1
    sentence: str = ""  # why it failed

    @property
    def is_running(self) -> bool:
        """Whether it has neither ended nor been cancelled."""
        return self.status == DownloadStatus.RUNNING


class _Cancelled(Exception):
    """The visitor has cancelled the download."""


class Downloader:
    """Downloads one data set at a time, in a thread. `look` may be called at any time."""

    def __init__(self):
        self._lock, self._newest, self._cancel = threading.Lock(), None, threading.Event()
        self._writing = threading.Lock()  # held by the thread: one that was cancelled may still wait for its server

    def look(self) -> Download | None:
        """The newest download, whatever its status; None if there was none."""
        return self._newest

    def is_running(self, name: str) -> bool:
        """Whether the data set is being downloaded."""
        newest = self._newest
        return newest is not None and newest.is_running and newest.info.name == name

    def start(self, name: str) -> None:
        """Starts the download of a data set, unless it is running.

        Raises DataError if another one is running, and for a set that cannot be downloaded.
        """
        if (info := catalog.find(name)) is None or not info.folder:
            raise DataError(f"The data set '{name}' cannot be downloaded.", "Choose another one.")
        with self._lock:
            if self._newest is not None and self._newest.is_running:
                if self._newest.info.name == name:
                    return
                raise DataError(f"{self._newest.info.title} is being downloaded.", "Wait until it is here, or cancel it.")
            self._newest, self._cancel = Download(info), threading.Event()
            threading.Thread(target=self._run, args=(info, self._cancel), daemon=True, name="download").start()

    def cancel(self, name: str) -> None:
        """Cancels the download of a data set, if it is running; what has been downloaded of it is deleted."""
        with self._lock:
            if self.is_running(name):
                self._cancel.set()
                self._newest = replace(self._newest, status=DownloadStatus.CANCELLED)

    def _run(self, info: DatasetInfo, cancel: threading.Event) -> None:
        def report(share: float, doing: str) -> None:
            if cancel.is_set():
                raise _Cancelled
            self._set(cancel, share=share)

        with self._writing:
            try:
                report(0.0, "")
                torchvision_sets.download(info, catalog.data_dir(), report)
            except _Cancelled:
                return
            except Exception as error:
                log.warning("%s could not be downloaded: %s", info.title, error)
                self._set(cancel, status=DownloadStatus.FAILED, sentence=_sentence(info, error))
            else:
                self._set(cancel, status=DownloadStatus.DONE, share=1.0)

    def _set(self, cancel: threading.Event, **changes) -> None:
        """Changes the newest download, if it is still the one of this thread and was not cancelled."""
        with self._lock:
            if self._cancel is cancel and not cancel.is_set():
                self._newest = replace(self._newest, **changes)


def missing(name: str) -> DatasetInfo | None:
    """The data set, if it can be downloaded and is not here, or not yet in full; else None."""
    info = catalog.find(name)
    if info is None or not info.folder:
        return None
    is_here = torchvision_sets.is_present(info, catalog.data_dir()) and not downloader.is_running(name)
    return None if is_here else info


downloader = Downloader()  # of this process, for all visitors


def _sentence(info: DatasetInfo, error: Exception) -> str:
    reason = torchvision_sets.reason(error)
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in reason:
        return f"{info.title} could not be downloaded: the disk is full."
    if "HTTP Error" in reason or "corrupted" in reason:
        return f"{info.title} could not be downloaded: its server sent something else ({reason.rstrip('.')})."
    if isinstance(error, PermissionError):
        return f"{info.title} could not be downloaded: the data folder cannot be written."
    return f"{info.title} could not be downloaded: there is no connection to its server ({reason.rstrip('.')})."
