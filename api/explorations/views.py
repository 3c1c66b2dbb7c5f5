"""/v1/explorations: what the layers of a network see."""

from __future__ import annotations

from flask import Response, request

from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.explorations.schemas import ExplorationForm, ExplorationJson
from api.explorations.service import submit_exploration
from api.http.routes import make_blueprint, post
from api.idempotency import creates
from api.job_view.schemas import JobObject
from api.jobs.long_poll import submitted_answer

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
