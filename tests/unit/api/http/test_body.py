"""A body must arrive whole and in time; how fast, measured on a clock of its own."""

from __future__ import annotations

import pytest

from api.http import body as body_module
from api.http.body import GRACE_SECONDS, MIN_BYTES_PER_SECOND, BodyStream
from shared.errors import BodyTooSlow, IncompleteBody


class Sender:
    """Sends `length` bytes as the server hands them over, at the rate of `speed`.

    Args:
        clock: Clock that moves while a read waits.
        length: How many bytes it sends before it ends.
        speed: Function from the number of bytes sent to bytes per second.
    """

    def __init__(self, clock, length, speed):
        self.clock, self.left, self.speed, self.sent = clock, length, speed, 0

    def read(self, size):
        size = min(size, self.left)
        for _ in range(size):
            self.clock.advance(1 / self.speed(self.sent))
            self.sent += 1
        self.left -= size
        return bytes(size)


@pytest.fixture
def make_body(clock, monkeypatch):
    monkeypatch.setattr(body_module.time, "monotonic", clock)

    def make(length, speed, sent=None):
        sender = Sender(clock, length if sent is None else sent, speed)
        return BodyStream(sender, length), sender

    return make


def read_all(stream):
    pieces = list(iter(lambda: stream.read(65536), b""))
    return sum(map(len, pieces))


def test_a_slow_mobile_upload_of_some_megabytes_is_received(make_body):
    length = 2_000_000  # 20 MB take ten times as long, and end the same way

    stream, _ = make_body(length, lambda _: 50_000)

    assert read_all(stream) == length


def test_a_pause_shorter_than_the_grace_is_allowed(make_body):
    def pausing(sent):
        return 1 / (GRACE_SECONDS - 2) if sent == 1000 else 50_000

    stream, _ = make_body(200_000, pausing)

    assert read_all(stream) == 200_000


def test_a_byte_each_three_seconds_ends_soon_after_the_grace(make_body, clock):
    stream, sender = make_body(5000, lambda _: 1 / 3)
    start = clock()

    with pytest.raises(BodyTooSlow) as refused:
        stream.read(5000)

    assert GRACE_SECONDS < clock() - start < GRACE_SECONDS + 4
    assert sender.sent == 7
    assert f"{MIN_BYTES_PER_SECOND:,} bytes/s" in str(refused.value)


def test_below_the_least_rate_a_body_ends_however_it_began(make_body, clock):
    def burst_then_bytes(sent):
        return 10**6 if sent < 100_000 else 1 / 3

    stream, _ = make_body(10**6, burst_then_bytes)
    start = clock()

    with pytest.raises(BodyTooSlow):
        read_all(stream)

    allowed = GRACE_SECONDS + 100_000 / MIN_BYTES_PER_SECOND
    assert allowed < clock() - start < allowed + 64 * 3 + 1


@pytest.mark.parametrize("sent", [0, 1, 63, 64, 65, 99])
def test_a_body_that_ends_early_is_incomplete(make_body, sent):
    stream, _ = make_body(100, lambda _: 10**6, sent)

    with pytest.raises(IncompleteBody, match=f"after {sent} of 100 bytes"):
        stream.read()
    with pytest.raises(IncompleteBody):
        stream.read(10)


def test_it_reads_no_further_than_its_length(make_body):
    stream, sender = make_body(100, lambda _: 10**6, 200)

    assert len(stream.read(1000)) == 100
    assert stream.read(10) == stream.read() == b""
    assert sender.sent == 100


def test_what_is_there_is_read_in_steps_as_large_as_they_may_be():
    length, steps = 2 * 10**6, []

    class Ready:
        def read(self, size):
            steps.append(size)
            return bytes(size)

    assert read_all(BodyStream(Ready(), length)) == length
    assert max(steps) == 64
    assert len(steps) < 1.05 * length / 64
