"""Methods written once: blocking, or awaited."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from impasto.client.calls import Awaited, Blocking, call, stream
from impasto.client.client import AsyncClient, Client
from impasto.client.downloads import DownloadCalls
from impasto.client.jobs import AsyncJobs, JobCalls, Jobs
from tests.support.fake_api import Answer, job

JOB = job()["id"]


class Counter:
    def __init__(self):
        self.closed = False

    @call
    async def add(self, first: int, *, second: int = 1) -> int:
        """Add."""
        return first + second

    @call
    async def suspend(self) -> None:
        await asyncio.sleep(0)

    @stream
    async def count(self, last: int):
        try:
            for number in range(last):
                yield await Counter.add(self, number)
        finally:
            self.closed = True


class BlockingCounter(Counter, Blocking):
    pass


class AwaitedCounter(Counter, Awaited):
    pass


def test_a_call_blocks_or_is_awaited_by_the_class_of_its_object():
    assert BlockingCounter().add(1, second=2) == 3
    assert asyncio.run(AwaitedCounter().add(1, second=2)) == 3


def test_a_stream_is_an_iterator_or_an_asynchronous_one():
    async def collect():
        return [number async for number in AwaitedCounter().count(3)]

    assert list(BlockingCounter().count(3)) == [1, 2, 3]
    assert asyncio.run(collect()) == [1, 2, 3]


def test_a_stream_that_is_left_early_is_closed_at_once():
    """Below an event loop, which would close it some time later."""
    counter = BlockingCounter()

    async def cell():
        for _ in counter.count(3):
            break
        return counter.closed

    assert asyncio.run(cell())


def test_blocking_calls_work_below_a_running_event_loop():
    async def cell():  # as in a notebook
        return BlockingCounter().add(1)

    assert asyncio.run(cell()) == 2


def test_a_blocking_call_that_would_wait_for_an_event_loop_says_so():
    with pytest.raises(RuntimeError, match="event loop"):
        BlockingCounter().suspend()


def test_help_shows_the_signature_and_the_text():
    add = BlockingCounter().add

    assert (
        str(inspect.signature(add)) == "(first: 'int', *, second: 'int' = 1) -> 'int'"
    )
    assert add.__doc__ == Counter.add.__doc__ == "Add."


@pytest.mark.parametrize("pair", [(Jobs, AsyncJobs), (Client, AsyncClient)])
def test_nothing_is_defined_for_one_kind_of_code_alone(pair):
    own = [{name for name in vars(cls) if not name.startswith("_")} for cls in pair]

    assert own == [set(), set()]


def test_every_public_method_of_jobs_is_a_call():
    members = {**vars(DownloadCalls), **vars(JobCalls)}
    methods = {name: value for name, value in members.items() if name[0] != "_"}

    assert all(isinstance(value, call | stream) for value in methods.values())
    assert len(methods) > 25


def test_a_job_without_a_style_is_a_type_error(client):
    with pytest.raises(TypeError, match=r"submit\(\) missing 1 .*'styles'"):
        client.jobs.submit("a.jpg")


def test_long_polls_of_asyncio_wait_side_by_side(farm):
    """With one request after the other, no poll would see the third one arrive."""
    arrived = asyncio.Event()
    waiting = 0

    async def sleep(_seconds):
        nonlocal waiting
        waiting += 1
        if waiting == 3:
            arrived.set()
        await arrived.wait()

    farm.answers(
        f"GET /v1/jobs/{JOB}",
        *[Answer(body=job())] * 3,
        Answer(body=job("succeeded")),
    )

    async def wait_for_three():
        async with AsyncClient(farm.url, sleep=sleep) as client:
            return await asyncio.gather(*[client.jobs.wait(JOB) for _ in range(3)])

    jobs = asyncio.run(asyncio.wait_for(wait_for_three(), 60))

    assert [found.state for found in jobs] == ["succeeded"] * 3
