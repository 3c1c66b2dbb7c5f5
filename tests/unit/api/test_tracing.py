"""Requests that belong to a trace: their logs and jobs say so."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}


def submitted_lines(api, headers):
    with capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        made = api.submit(headers=headers).json
    return made, [one for one in lines if one["event"] == "job_submitted"]


def test_a_job_and_its_log_belong_to_the_trace_it_was_sent_with(api):
    made, (line,) = submitted_lines(api, TRACED)

    assert made["trace_id"] == line["trace_id"] == TRACE_ID
    assert api.claimed().trace.traceparent == TRACED["traceparent"]


@pytest.mark.parametrize("headers", [{}, {"traceparent": "nonsense"}])
def test_a_request_outside_of_any_trace_leaves_nothing_of_the_last_one(api, headers):
    submitted_lines(api, TRACED)

    made, (line,) = submitted_lines(api, headers)

    assert made["trace_id"] is None
    assert "trace_id" not in line


def test_a_fork_belongs_to_the_trace_of_who_asked_for_it(api):
    parent = api.submit(headers=TRACED).json
    cancel(api.db, LOCAL_OWNER_ID, parent["id"])

    child = api.client.post(parent["urls"]["self"] + "/retry").json

    assert (parent["trace_id"], child["trace_id"]) == (TRACE_ID, None)
