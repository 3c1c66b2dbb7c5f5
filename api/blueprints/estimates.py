"""/v1/estimates: how long a job would take."""

from __future__ import annotations

from flask import Response, request

from api.answers import answer
from api.auth import current_owner_id
from api.estimate_schemas import Estimate
from api.estimation import estimate
from api.form_schemas import JobForm, JobJson
from api.openapi import make_blueprint, post
from api.services import current_services

blueprint = make_blueprint("estimates", "What jobs would take.")


@post(
    blueprint, "/v1/estimates", JobForm, JobJson, s200=Estimate, s400=None, s413=None,
    s415=None, s503=None,
)  # fmt: skip
def estimate_job() -> Response:
    """Say how long a job would take, whether it fits, and when it would run.

    Takes what `POST /v1/jobs` takes, checks it alike, and makes nothing.
    """
    return answer(estimate(current_services(), current_owner_id(), request))
