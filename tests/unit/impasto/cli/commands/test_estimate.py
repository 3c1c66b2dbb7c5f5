"""`impasto estimate`: how long, when, and whether it has been done before."""

from __future__ import annotations

import json

import pytest

from tests.support.fake_api import Answer

JOB = "job_01J"
ESTIMATE = {
    "object": "estimate", "width": 512, "height": 341, "iterations": 210,
    "need_mb": 1120, "fits": True, "equal_job": None,
    "workers": [{"setup": "cpu, one", "fits": True, "peak_mb": 1190, "seconds": 130.0,
                 "low_s": 100.0, "high_s": 169.0}],
    "queue": {"position": 3, "ahead": 2, "starts_in_s": 300.0},
}  # fmt: skip


@pytest.fixture
def estimate(farm, impasto, monkeypatch, tmp_path):
    """Ask for an estimate, which is answered with these values."""
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)
    pictures = [tmp_path / name for name in ("photo.jpg", "painting.jpg")]
    for path in pictures:
        path.write_bytes(path.name.encode())

    def ask(*flags, **answer):
        farm.answers("POST /v1/estimates", Answer(200, ESTIMATE | answer))
        result = impasto("estimate", *pictures, *flags)
        assert result.exit_code == 0
        return result.stdout

    return ask


def test_estimate_says_how_long_and_when(farm, estimate):
    said = estimate("--max-edge", "512")

    assert "about 2 min 10 s (1 min 40 s to 2 min 49 s), 1190 MB" in said
    assert "place 3, starts in about 5 min 00 s" in said
    assert "equal" not in said
    assert b'{"max_edge": 512}' in farm.seen[0][3]


def test_estimate_of_what_does_not_fit_names_what_would(estimate):
    said = estimate(fits=False, largest_max_edge=2048, workers=[])

    assert "no worker that is up; --max-edge 2048 would" in said


def test_estimate_prints_json_when_asked(estimate):
    assert json.loads(estimate("--json")) == ESTIMATE


def test_estimate_names_the_equal_job_that_need_not_be_done_again(estimate):
    said = estimate(equal_job={"id": JOB, "state": "succeeded", "urls": {}})

    assert f"{JOB} (succeeded); --reuse finished_or_active" in said
