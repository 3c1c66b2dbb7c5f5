"""/v1/explorations: what the layers of a network see."""

from __future__ import annotations

from flask import Response, request

from api.auth import current_owner_id
from api.blocking import submitted_answer
from api.creating import creates
from api.explorations import submit_exploration
from api.form_schemas import ExplorationForm, ExplorationJson
from api.openapi import make_blueprint, post
from api.schemas import JobObject
from api.services import current_services

blueprint = make_blueprint("explorations", "What excites the units of a network.")


@post(
    blueprint, "/v1/explorations", ExplorationForm, ExplorationJson,
    s200=JobObject, s202=JobObject, s400=None, s413=None, s415=None, s429=None,
    s503=None,
)  # fmt: skip
@creates
def explore() -> Response:
    """Submit a job of kind explore: pictures, or none for the shipped set; layers.

    200: with `reuse`, an equal job was there. `Prefer: wait=N` as of POST /v1/jobs.
    """
    services, owner_id = current_services(), current_owner_id()
    said = submit_exploration(services, owner_id, request)
    return submitted_answer(services, owner_id, said.job_id, reused=said.reused)
