"""The notifier on a real Redis: heard, bounded, and never an error."""

from __future__ import annotations

import signal
import socket

import pytest

from shared.queue import NOTIFY_TIMEOUT_SECONDS, Notifier, broker_url
from shared.settings import Settings


@pytest.fixture
def notifier(redis_server, tmp_path):
    notifier = Notifier(Settings(home=tmp_path, redis_url=redis_server.url))
    yield notifier
    notifier.close()


def test_each_notification_waits_in_the_list_of_its_device_class(notifier):
    assert notifier.notify("job_1", None)
    assert notifier.notify("job_2", "cuda")
    assert notifier.notify("job_3", "cuda")

    assert [notifier.pending_count(name) for name in (None, "cuda", "cpu")] == [1, 2, 0]


def test_ringing_while_redis_is_down_says_so_and_works_once_it_is_back(
    notifier, redis_server
):
    notifier.notify("job_1", None)
    redis_server.stop()

    assert notifier.notify("job_2", None) is False
    assert notifier.ping() is False
    assert notifier.pending_count(None) is None

    redis_server.start()
    assert notifier.notify("job_3", None) is True


def test_a_frozen_redis_delays_a_notification_by_the_notifiers_limit_only(
    notifier, redis_server, monkeypatch
):
    """Half a second; whoever else talks to Redis would wait for five."""
    assert notifier.notify("job_1", None)
    waits, receive = [], socket.socket.recv

    def note_and_receive(self, *arguments):
        waits.append(self.gettimeout())
        return receive(self, *arguments)

    monkeypatch.setattr(socket.socket, "recv", note_and_receive)
    redis_server.process.send_signal(signal.SIGSTOP)
    try:
        assert notifier.notify("job_2", None) is False
    finally:
        redis_server.process.send_signal(signal.SIGCONT)
    assert 0 < sum(waits) <= NOTIFY_TIMEOUT_SECONDS


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
