"""The processes that a test has begun, and what several who act at once are told."""

import threading
from collections.abc import Callable

import psutil

from explorer.core.errors import ExplorerError

strangers: set[psutil.Process] = set()  # a browser that other tests have opened


def offspring() -> list[psutil.Process]:
    """The processes begun here, dead ones that nobody has asked for among them."""
    return [child for child in psutil.Process().children() if child not in strangers]


def at_once(n: int, act: Callable[[], str]) -> list[str]:
    """What n threads that begin together are told, sorted: what `act` returns, or the sentence of its refusal."""
    ready, told = threading.Barrier(n), []

    def go() -> None:
        ready.wait()
        try:
            told.append(act())
        except ExplorerError as error:
            told.append(str(error))

    threads = [threading.Thread(target=go) for _ in range(n)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return sorted(told)
