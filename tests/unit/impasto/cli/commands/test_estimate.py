"""The command line tells that the work has been done before."""

from __future__ import annotations

import pytest

from tests.support.fake_api import Answer

JOB = "job_01J"
ESTIMATE = {"object": "estimate", "width": 512, "height": 341, "iterations": 210}


@pytest.fixture
def pictures(farm, monkeypatch, tmp_path):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)
    for name in ("photo.jpg", "painting.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path / "photo.jpg", tmp_path / "painting.jpg"


def test_estimate_names_the_equal_job_that_need_not_be_done_again(
    farm, impasto, pictures
):
    equal = {"id": JOB, "state": "succeeded", "urls": {}}
    farm.answers("POST /v1/estimates", Answer(200, ESTIMATE | {"equal_job": equal}))

    result = impasto("estimate", *pictures)

    assert f"{JOB} (succeeded); --reuse finished_or_active" in result.stdout


def test_estimate_of_new_work_names_no_job(farm, impasto, pictures):
    farm.answers("POST /v1/estimates", Answer(200, ESTIMATE | {"equal_job": None}))

    assert "equal" not in impasto("estimate", *pictures).stdout
