"""Whether the process of a run is alive."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from explorer.core.runs import process as run_process
from explorer.core.runs.process import is_alive


def test_this_process_is_alive_and_its_number_in_other_hands_is_not():
    me = run_process.this_process()
    assert is_alive(me["pid"], me["pid_started"]) and me["pid"] == os.getpid()
    assert not is_alive(me["pid"], me["pid_started"] - 60), "the number was given anew"


@pytest.mark.parametrize(
    "pid, started",
    [
        (None, None),
        (None, 0),
        ("1", 0),
        (1.5, 0),
        (True, 0),
        (-1, 0),
        (10**30, 0),
        (os.getpid(), None),
        (os.getpid(), "today"),
        (os.getpid(), 10**400),
    ],
)
def test_nobody_is_not_alive(pid, started):
    assert not is_alive(pid, started)


def test_no_number_is_not_this_process():
    assert not is_alive(None, run_process.this_process()["pid_started"])


def test_a_zombie_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = run_process.process_of(child.pid)
    assert is_alive(**{"pid": who["pid"], "started": who["pid_started"]})
    child.kill()
    end = time.monotonic() + 30
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_alive(who["pid"], who["pid_started"])
    child.communicate()


@pytest.mark.skipif(not os.path.exists("/proc/self/autogroup"), reason="Linux without autogroups")
def test_a_session_gives_way_and_takes_its_priority_again():
    code = """
import time
from explorer.core.runs import process
for act in (process.give_way, process.take_priority, process.give_way):
    act()
    print(open("/proc/self/autogroup").read().split()[-1])
    time.sleep(0.2)  # Linux takes one change in a tenth of a second
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, start_new_session=True)
    assert done.stdout.split() == ["19", "0", "19"], done.stderr
