"""The doorbell on a real Redis: heard, bounded, and never an error."""

from __future__ import annotations

import signal
import time

import pytest

from shared.queue import Doorbell, broker_url
from shared.settings import Settings


@pytest.fixture
def doorbell(redis_server, tmp_path):
    doorbell = Doorbell(Settings(home=tmp_path, redis_url=redis_server.url))
    yield doorbell
    doorbell.close()


def test_each_ring_waits_in_the_list_of_its_device_class(doorbell):
    assert doorbell.ring("job_1", None)
    assert doorbell.ring("job_2", "cuda")
    assert doorbell.ring("job_3", "cuda")

    assert [doorbell.pending(name) for name in (None, "cuda", "cpu")] == [1, 2, 0]


def test_ringing_while_redis_is_down_says_so_and_works_once_it_is_back(
    doorbell, redis_server
):
    doorbell.ring("job_1", None)
    redis_server.stop()

    assert doorbell.ring("job_2", None) is False
    assert doorbell.ping() is False
    assert doorbell.pending(None) is None

    redis_server.start()
    assert doorbell.ring("job_3", None) is True


def test_a_frozen_redis_delays_a_ring_by_half_a_second_at_most(doorbell, redis_server):
    doorbell.ring("job_1", None)
    redis_server.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert doorbell.ring("job_2", None) is False
        assert time.monotonic() - began < 0.5 + 0.3  # and a little for a busy machine
    finally:
        redis_server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("url", "celery_url"),
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("unix:///run/r.sock?db=3", "redis+socket:///run/r.sock?virtual_host=3"),
        ("unix:///run/r.sock", "redis+socket:///run/r.sock?virtual_host=0"),
    ],
)
def test_celery_is_told_the_same_redis(url, celery_url):
    assert broker_url(url) == celery_url
