"""Draining is for a while, the end is for good."""

from __future__ import annotations

import threading

from worker.registration import Duty


def test_a_drain_can_be_lifted():
    draining = threading.Event()
    heard = []
    duty = Duty(draining, heard.append)

    duty.drain(wanted=True)
    duty.drain(wanted=True)
    assert draining.is_set()
    assert not duty.has_ended
    duty.drain(wanted=False)
    assert not draining.is_set()
    assert heard == [False, True]


def test_the_end_cannot():
    draining = threading.Event()
    duty = Duty(draining, lambda _: None)

    duty.end()
    duty.drain(wanted=False)

    assert draining.is_set()
    assert duty.has_ended
    assert duty.wait(60)
