"""Changes of parameters that are planned when a job is submitted."""

from __future__ import annotations

import io
import json

import pytest
from sqlalchemy import select

from shared.db.models.jobs import JobSegment

TWO = [
    {"from_iteration": 20, "changes": {"style_weight": 20.0}},
    {"from_iteration": 120, "changes": {"iterations": 80, "tv_weight": 0.0}},
]


def errors(response):
    assert response.status_code == 422, response.text
    return {error["pointer"]: error["code"] for error in response.json["errors"]}


def plan(api, segments, **params):
    text = segments if isinstance(segments, str) else json.dumps(segments)
    return api.submit(params={"max_edge": 256, **params}, segments=text)


def test_planned_changes_are_stored_shown_and_handed_to_the_worker(api):
    job = plan(api, TWO).json

    assert job["segments"] == TWO
    assert api.client.get(job["urls"]["self"]).json["segments"] == TWO
    assert api.client.get("/v1/jobs").json["data"][0]["segments"] == TWO
    assert job["params"]["style_weight"] == 10.0  # as it begins
    claim = api.claimed()
    assert [one.model_dump(mode="json", exclude_none=True) for one in claim.segments] \
        == TWO  # fmt: skip
    with api.db.read() as session:
        assert len(session.scalars(select(JobSegment)).all()) == 2


def test_a_job_without_changes_has_none(api):
    assert api.submit().json["segments"] == []


def test_planned_iterations_count_in_the_length_and_in_the_time_left(api):
    job_id = plan(api, TWO).json["id"]
    claim = api.claimed()

    times = [2 * 128 * 64 / 1e6, 2 * 256 * 128 / 1e6]  # 2 s per megapixel and iteration
    api.beat(claim, iteration=110, scale=1, scale_iteration=10, iteration_seconds=times)

    job = api.client.get(f"/v1/jobs/{job_id}").json["progress"]
    done = 128**2 * 100 + 256**2 * 10
    assert job["iterations"] == 100 + 80
    assert job["fraction"] == round(done / (128**2 * 100 + 256**2 * 80), 4)
    assert job["eta_s"] == round(70 * times[1], 1)


def test_planned_changes_may_come_as_a_file_as_curl_sends_them(api, a_picture):
    form = {
        "content": (io.BytesIO(a_picture()), "a.png"),
        "style": (io.BytesIO(a_picture()), "b.png"),
        "segments": (io.BytesIO(json.dumps(TWO).encode()), "segments.json"),
    }

    assert api.client.post("/v1/jobs", data=form).json["segments"] == TWO


def test_everything_wrong_is_named_at_once(api):
    wrong = [
        {"from_iteration": 1, "changes": {"style_weight": -1}},
        {"from_iteration": "2", "changes": {"styl_weight": 1}},
        {"changes": {"seed": 3}},
        {"from_iteration": 4},
        5,
    ]

    response = plan(api, wrong, quality="best")

    assert set(errors(response)) == {
        "/params/quality",
        "/segments/0/changes/style_weight",
        "/segments/1/from_iteration",
        "/segments/1/changes/styl_weight",
        "/segments/2/from_iteration",
        "/segments/2/changes/seed",
        "/segments/3/changes",
        "/segments/4",
    }
    assert "did you mean 'style_weight'?" in response.text


@pytest.mark.parametrize(
    ("segments", "found"),
    [
        (  # 100 + 50 are planned
            [{"from_iteration": 151, "changes": {"tv_weight": 1}}],
            {"/segments/0/from_iteration": "too-late"},
        ),
        (
            [
                {"from_iteration": 10, "changes": {"iterations": 5}},
                {"from_iteration": 106, "changes": {"tv_weight": 1}},
            ],
            {"/segments/1/from_iteration": "too-late"},
        ),
        (
            [
                {"from_iteration": 10, "changes": {"tv_weight": 1}},
                {"from_iteration": 9, "changes": {"tv_weight": 2}},
            ],
            {"/segments/1/from_iteration": "out-of-order"},
        ),
        (
            [{"from_iteration": 10, "changes": {}}],
            {"/segments/0/changes": "missing"},
        ),
        (
            [{"from_iteration": 10, "changes": {"styles": [{"weight": 1}] * 2}}],
            {"/segments/0/changes/styles": "length"},
        ),
        (
            [{"from_iteration": 10, "changes": {"iterations": 19_999}}],
            {"/segments/0/changes/iterations": "value-error"},
        ),
        (
            [{"from_iteration": 10,
              "changes": {"content_weight": 0, "style_weight": 0, "tv_weight": 0}}],
            {"/segments/0/changes/tv_weight": "value-error"},
        ),
        (
            [{"from_iteration": 1, "changes": {"tv_weight": 1}}] * 101,
            {"/segments": "too-long"},
        ),
    ],
)  # fmt: skip
def test_changes_that_do_not_fit_the_job_are_pointed_at(api, segments, found):
    assert errors(plan(api, segments)) == found


def test_a_fault_shared_with_the_parameters_is_that_of_all_changes(api):
    segments = [{"from_iteration": 1, "changes": {"style_weight": 0}}]

    response = plan(api, segments, tv_weight=0, content_weight=0)

    assert errors(response) == {"/segments/0/changes": "value-error"}


def test_a_later_iteration_is_fine_once_more_are_planned(api):
    segments = [
        {"from_iteration": 149, "changes": {"iterations": 100}},
        {"from_iteration": 149, "changes": {"tv_weight": 1.0}},
        {"from_iteration": 199, "changes": {"tv_weight": 2.0}},
    ]

    assert plan(api, segments).json["segments"] == segments


@pytest.mark.parametrize(
    "segments",
    [
        [  # extended twice, each time where it had ended
            {"from_iteration": 150, "changes": {"iterations": 80}},
            {"from_iteration": 180, "changes": {"iterations": 90}},
        ],
        [  # ended by fewer iterations than were done, then extended
            {"from_iteration": 130, "changes": {"iterations": 1}},
            {"from_iteration": 130, "changes": {"iterations": 301}},
        ],
        [{"from_iteration": 150, "changes": {"style_weight": 2.0}}],  # forked there
    ],
)
def test_a_change_may_begin_where_the_run_would_end(api, segments):
    assert plan(api, segments).json["segments"] == segments


@pytest.mark.parametrize("text", ["{}", "[", '"x"', "[NaN]", '[{"a": 1, "a": 2}]'])
def test_text_that_is_no_strict_json_array_is_400(api, text):
    response = plan(api, text)

    assert response.status_code == 400
    assert response.json["code"] == "malformed-json"
    assert "segments: " in response.json["detail"]
