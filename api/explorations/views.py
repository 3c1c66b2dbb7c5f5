"""View of /v1/explorations: submits jobs that show what layers respond to."""

from __future__ import annotations

from flask import Response, request

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.explorations.schemas import ExplorationForm, ExplorationRequest
from api.explorations.service import submit_exploration
from api.http.header_sets import JOB, TRACE, WAIT
from api.http.routes import make_blueprint, post
from api.idempotency import idempotent
from api.job_view.schemas import JobObject
from api.jobs.long_poll import respond_to_submission

blueprint = make_blueprint(
    "explorations", "Explorations of what the units of a network respond to."
)


@post(
    blueprint, "/v1/explorations", JOB, WAIT, TRACE, form=ExplorationForm,
    json=ExplorationRequest, s200=JobObject, s202=JobObject,
)  # fmt: skip
@idempotent
def explore() -> Response:
    """Submit a job of kind explore: layers, and pictures; default: the shipped photos.

    200: with `reuse`, an equal job was found. `Prefer: wait=N` works as in POST
        /v1/jobs.
    """
    dependencies, owner_id = current_dependencies(), current_owner_id()
    submitted = submit_exploration(dependencies, owner_id, request)
    return respond_to_submission(
        dependencies, owner_id, submitted.job_id, reused=submitted.reused
    )
