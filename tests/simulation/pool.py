"""Pool of child processes, each of which plays one seed after the other."""

from __future__ import annotations

import gc
import multiprocessing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.farm.databases import SeedDatabase
from tests.simulation.play import play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.play import Outcome

_home: SeedDatabase | None = None  # of this child process


def play_all(seeds: range, urls: list[str]) -> Iterator[Outcome]:
    """Play all seeds, in a few processes, or in this one."""
    if len(urls) == 1:
        home = SeedDatabase(urls[0])
        yield from (replace(play(seed, home), trace=()) for seed in seeds)
        home.close()
        return
    context = multiprocessing.get_context("fork")  # nothing is imported again
    addresses = context.Queue()
    for url in urls:
        addresses.put(url)
    with context.Pool(len(urls), partial(_prepare, addresses)) as pool:
        yield from pool.imap_unordered(_play_one, seeds)


def _prepare(addresses: multiprocessing.Queue) -> None:
    global _home  # noqa: PLW0603 - a child process has one
    _home = SeedDatabase(addresses.get())
    gc.disable()  # a collected greenlet would run its `finally` blocks
    gc.freeze()  # what is there now stays: a collection need not look through it


def _play_one(seed: int) -> Outcome:
    assert _home is not None
    outcome = play(seed, _home)
    gc.collect()
    return replace(outcome, trace=())
