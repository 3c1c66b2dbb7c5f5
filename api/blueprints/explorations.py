"""/v1/explorations: what the layers of a network see."""

from __future__ import annotations

from flask import Response, request

from api.answers import job_answer
from api.auth import current_owner_id
from api.creating import creates
from api.explorations import submit_exploration
from api.finding import find_job
from api.form_schemas import ExplorationForm, ExplorationJson
from api.openapi import make_blueprint, post
from api.presenters import present
from api.schemas import JobObject
from api.services import current_services

blueprint = make_blueprint("explorations", "What excites the units of a network.")


@post(
    blueprint, "/v1/explorations", ExplorationForm, ExplorationJson,
    s202=JobObject, s400=None, s413=None, s415=None, s429=None, s503=None,
)  # fmt: skip
@creates
def submit() -> Response:
    """Submit a job of kind explore: pictures, or none for the shipped set; layers."""
    services = current_services()
    job_id = submit_exploration(services, current_owner_id(), request)
    return job_answer(present(services.database, find_job(job_id)), 202)
