"""Processes of runs: start one in the background, check whether it is alive, lower its priority."""

import os
import platform
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from explorer.core.paths import PROJECT
from explorer.core.runs.event_schema import is_time
from explorer.core.runs.folder import LOG
from explorer.core.storage import atomic

lock = threading.Lock()  # held while a process is started, or a run is renamed, copied or deleted

_children: set[subprocess.Popen] = set()


def spawn(folder: Path, module: str, *arguments: str) -> int:
    """Start `python -m module arguments` in a process that outlives this one; its output goes to the run's log.

    Returns the process id. `reap` must be called now and then. Raises BundleError if the process cannot be started.
    """
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))}
    env.pop("OMP_WAIT_POLICY", None)  # set for the page, whose threads should sleep while they wait; training is faster without
    with atomic.saving(f"the run '{folder.name}'", folder), open(folder / LOG, "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.add(child)
    return child.pid


def reap() -> None:
    """Collect the exit status of processes that have ended, so that none stays a zombie."""
    for child in list(_children):
        if child.poll() is not None:
            _children.discard(child)


def is_alive(pid, started) -> bool:
    """Whether the process `pid` that began at `started` (Unix time) is running; another process that reuses the id is not."""
    if type(pid) is not int or not is_time(started):  # psutil takes None for the current process
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


def this_process() -> dict:
    """The fields of run.json that identify the training process; `begun` is in the clock of the events."""
    return process_of(os.getpid())


def process_of(pid: int) -> dict:
    """The fields for another process. Raises psutil.Error if there is none."""
    return {"pid": pid, "pid_started": psutil.Process(pid).create_time(), "begun": round(time.time(), 3)}


def limit_threads() -> None:
    """Leave one core to the page where there are more than two. Call before torch is imported.

    On two cores training keeps both: MNIST reaches 100.9 nats in 45 s with two threads, 103.8 with one.
    """
    n_cores = os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(n_cores - 1 if n_cores > 2 else n_cores))


def give_way() -> None:
    """Lower the priority of this process, with the threads it has and those it will start.

    Linux shares a core among sessions before it looks at niceness within one, so the niceness of the session
    (/proc/PID/autogroup) is set as well (sched(7), "The autogroup feature").
    """
    if platform.system() == "Linux":
        _set_session_niceness(19)
        for thread in map(int, os.listdir("/proc/self/task")):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, 19)
            with suppress(OSError):
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    else:
        with suppress(psutil.Error, OSError):
            psutil.Process().nice(19 if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)


def take_priority() -> None:
    """Undo `give_way` for the session, which any user may do; the niceness of the threads then counts within it only."""
    if platform.system() == "Linux":
        _set_session_niceness(0)


def _set_session_niceness(niceness: int) -> None:
    if os.getsid(0) == os.getpid():  # no other process shares this session
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness))
