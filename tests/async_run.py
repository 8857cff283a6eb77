"""Runs a coroutine in a test: Playwright's sync API leaves a running event loop in the main thread, where asyncio.run fails."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor


def run_async(coroutine: Coroutine):
    """The coroutine's result, from an event loop in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
