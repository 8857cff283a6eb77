"""The processes that a test has started, and a way to call a function from several threads at the same time."""

import threading
from collections.abc import Callable

import psutil

from explorer.core.errors import ExplorerError

strangers: set[psutil.Process] = set()  # a browser that other tests have opened


def offspring() -> list[psutil.Process]:
    """The processes begun here, dead ones that nobody has asked for among them."""
    return [child for child in psutil.Process().children() if child not in strangers]


def at_once(n: int, act: Callable[[], str]) -> list[str]:
    """Call `act` in n threads at the same time: what it returns or the error it raises, sorted."""
    ready, answers = threading.Barrier(n), []

    def go() -> None:
        ready.wait()
        try:
            answers.append(act())
        except ExplorerError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=go) for _ in range(n)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return sorted(answers)
