"""Draining is for a while, the end is for good."""

from __future__ import annotations

import threading

from worker.registration import DrainState


def test_a_drain_can_be_lifted():
    draining = threading.Event()
    heard = []
    drain_state = DrainState(draining, heard.append)

    drain_state.set_draining(draining=True)
    drain_state.set_draining(draining=True)
    assert draining.is_set()
    assert not drain_state.is_shutting_down
    drain_state.set_draining(draining=False)
    assert not draining.is_set()
    assert heard == [False, True]


def test_the_end_cannot():
    draining = threading.Event()
    drain_state = DrainState(draining, lambda _: None)

    drain_state.shut_down()
    drain_state.set_draining(draining=False)

    assert draining.is_set()
    assert drain_state.is_shutting_down
    assert drain_state.wait_for_shutdown(60)
