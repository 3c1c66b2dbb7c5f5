"""Jobs in words, lines and columns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from impasto.cli.render import (
    format_details,
    format_duration,
    format_status,
    format_table,
)
from impasto.cli.watch import LineDisplay, ProgressBarDisplay
from impasto.client.models import Job

RUNNING = {
    "id": "job_1",
    "state": "running",
    "progress": {
        "fraction": 0.42,
        "scale": {"index": 1, "count": 3},
        "iteration": 110,
        "iterations": 210,
        "it_per_s": 3.41,
        "eta_s": 85,
        "losses": {"content": 0.5, "style": 0.25, "tv": None},
    },
}


def running(fraction):
    progress = {**RUNNING["progress"], "fraction": fraction}
    return Job.from_json({**RUNNING, "progress": progress})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59, "59 s"), (125, "2 min 05 s"), (11220, "3 h 07 min")],
)
def test_time_is_written_as_people_say_it(seconds, said):
    assert format_duration(seconds) == said


def test_a_running_job_says_how_far_how_well_and_how_long():
    assert format_status(Job.from_json(RUNNING)) == (
        "42%, scale 2/3, iteration 110/210, content 0.5, style 0.25, 3.41 it/s, "
        "1 min 25 s left"
    )


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"state": "queued"}, "queued"),
        ({"state": "queued", "queue": {"position": 4}}, "queued, place 4"),
        (
            {"state": "queued", "queue": {"reason": "backing_off"}},
            "queued, waiting (backing off)",
        ),
        ({"state": "running"}, "running"),
        (
            {"state": "canceling", "progress": {"phase": "saving"}},
            "canceling, 0%, saving",
        ),
        (
            {"state": "failed", "error": {"code": "diverged", "message": "NaN"}},
            "failed: NaN (diverged)",
        ),
        (
            {
                "state": "succeeded",
                "started_at": "2026-01-01T00:00:00Z",
                "finished_at": "2026-01-01T00:01:02Z",
            },
            "succeeded in 1 min 02 s",
        ),
    ],
)
def test_every_state_has_its_words(job, said):
    assert format_status(Job.from_json({"id": "job_1", **job})) == said


def test_plain_lines_come_every_tenth(capsys):
    lines = LineDisplay()
    for percent in range(0, 101, 2):
        lines.show(running(percent / 100))

    assert len(capsys.readouterr().err.splitlines()) == 11


def test_details_align_what_is_known():
    job = Job.from_json(
        {
            **RUNNING,
            "created_at": "2026-01-01T00:00:00Z",
            "attempts": 1,
            "max_attempts": 4,
            "worker": {"name": "w", "device": "cpu"},
            "outputs": [{"url": "/r", "width": 64, "height": 48, "bytes": 2_500_000}],
            "exact": False,
            "exact_reason": "other threads",
            "params": {"seed": 3},
        }
    )

    lines = format_details(job).splitlines()

    assert "worker    w (cpu)" in lines
    assert "picture   64 x 48 px, 2.50 MB, /r" in lines
    assert "exact     no: other threads" in lines


def test_the_table_has_a_column_for_each_fact():
    jobs = [
        Job.from_json({**RUNNING, "created_at": "2026-01-01T00:00:00Z", "name": "cat"}),
        Job.from_json({"id": "job_22", "state": "queued", "queue": {"position": 3}}),
    ]

    text = format_table(jobs, datetime(2026, 1, 1, 2, 30, tzinfo=UTC))

    assert text.splitlines() == [
        "ID      STATE    DONE  AGE  NAME",
        "job_1   running  42%   2 h  cat",
        "job_22  queued   #3",
    ]


def test_the_bar_shows_the_place_then_the_work():
    drawn = []

    class Progress:
        def update(self, task, **fields):
            drawn.append((task, fields["completed"], fields["status"]))

    bar = ProgressBarDisplay(Progress(), 0)
    bar.show(Job.from_json({"id": "j", "state": "queued", "queue": {"position": 2}}))
    bar.show(Job.from_json(RUNNING))
    bar.show(Job.from_json({"id": "j", "state": "succeeded"}))
    bar.show(Job.from_json({**RUNNING, "state": "canceled"}))

    assert drawn == [
        (0, 0.0, "queued, place 2"),
        (0, 0.42, "scale 2/3, iteration 110/210"),
        (0, 1.0, "succeeded"),
        (0, 0.42, "canceled"),
    ]


def test_a_job_says_once_each_how_it_was_steered_and_what_can_be_done_with_it():
    told = format_details(
        Job.from_json(
            {
                **RUNNING,
                "segments": [
                    {"from_iteration": 40, "changes": {"style_weight": 3.0}},
                    {"from_iteration": None, "changes": {"tv_weight": 1.0}},
                ],
                "parent": {"job_id": "job_0", "iteration": 20, "relation": "fork"},
                "checkpoints": [{"iteration": 20}, {"iteration": 100}],
                "allowed_actions": ["finish", "steer"],
            }
        )
    )

    lines = {line.partition("  ")[2].strip() for line in told.splitlines()}
    steered = [line for line in told.splitlines() if "_weight" in line]
    assert [" ".join(line.split()) for line in steered] == [
        "steered from iteration 40: style_weight=3.0",
        "steered from the next iteration: tv_weight=1.0",
    ]
    assert "fork of job_0 at iteration 20" in lines
    assert "20, 100" in lines
    assert "finished now, changed (set)" in lines


def test_pausing_and_finishing_are_told():
    paused = {**RUNNING, "state": "paused"}
    assert (
        format_status(Job.from_json(paused))
        == "paused, 42%, scale 2/3, iteration 110/210"
    )
    finishing = {**RUNNING, "finish_requested": True}
    assert format_status(Job.from_json(finishing)).startswith("finishing, 42%")
    early = {**RUNNING, "state": "succeeded", "completion": "early"}
    assert (
        format_status(Job.from_json(early)) == "succeeded early (110 of 210 iterations)"
    )
