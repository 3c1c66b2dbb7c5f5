"""Both clients behind one face, so that each test of the client is one of both."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from inspect import isasyncgen, iscoroutine

from impasto.client.client import AsyncClient, Client

KINDS = ("blocking", "asyncio")


@contextmanager
def connecting(kind, url, token=None, *, sleep=None, **options):
    """A client that blocks: the blocking one, or the other one in an event loop.

    Args:
        kind: One of KINDS.
        url: Address of the server.
        token: API key.
        sleep: Plain function that waits.
        options: As for both clients.
    """
    if kind == "blocking":
        slept = {"sleep": sleep} if sleep else {}
        with Client(url, token, **options, **slept) as client:
            yield client
        return

    async def awaited_sleep(seconds):
        sleep(seconds)

    slept = {"sleep": awaited_sleep} if sleep else {}
    with asyncio.Runner() as runner:
        client = AsyncClient(url, token, **options, **slept)
        try:
            yield Driven(client, runner)
        finally:
            runner.run(client.close())


class Driven:
    """What awaits, used as if it blocked: each call is run by an event loop."""

    def __init__(self, awaited, runner):
        self._awaited, self._runner = awaited, runner

    def __getattr__(self, name):
        value = getattr(self._awaited, name)
        if not callable(value):
            is_ours = type(value).__module__.startswith("impasto.client")
            return Driven(value, self._runner) if is_ours else value

        def run(*args, **options):
            result = value(*args, **options)
            if iscoroutine(result):
                return self._runner.run(result)
            return self._each(result) if isasyncgen(result) else result

        return run

    def _each(self, items):
        async def read_next():
            return await anext(items)

        try:
            while True:
                try:
                    yield self._runner.run(read_next())
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(items.aclose())
