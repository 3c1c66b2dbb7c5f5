"""What is estimated for a job follows what the engine does."""

from __future__ import annotations

from shared.estimates import LBFGS_PAIRS, need_bytes
from shared.params import StyleParams
from worker.engine.lbfgs import HISTORY


def test_the_estimate_knows_how_much_history_the_engine_keeps():
    assert LBFGS_PAIRS == HISTORY


def test_more_pixels_and_more_history_need_more_memory():
    small, large = StyleParams(max_edge=256), StyleParams(max_edge=512)

    assert need_bytes(small) < need_bytes(large)
    assert need_bytes(StyleParams(optimizer="adam")) < need_bytes(StyleParams())
