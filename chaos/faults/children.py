"""Requests for forks, extensions and retries, at random moments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from chaos.farm.api_process import is_answer
from chaos.farm.load_generator import ACCEPTED
from chaos.faults.users import pick_style_weight
from chaos.hash_chain import FIRST_SEED
from chaos.records import ChildRequest, Fault
from shared.db.models.jobs import Checkpoint, Job
from shared.states import JobState, Relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.farm.running_farm import RunningFarm

_NEWEST = 30  # newest jobs, among which one is chosen
_EXTENSION = (5, 60)  # iterations


def fork(scene: RunningFarm) -> Fault | None:
    """Fork a job, ended or not, at a checkpoint; a chain gets a new style weight."""
    with scene.environment.db.read() as session:
        found = session.execute(
            select(Job.id, Job.params, Checkpoint.iteration)
            .join(Checkpoint, Checkpoint.job_id == Job.id)
            .order_by(Job.created_at.desc())
            .limit(_NEWEST)
        ).all()
    if not found:
        return None
    parent = scene.rng.choice(found)
    body: dict[str, Any] = {"from": {"iteration": parent.iteration}}
    weight = None
    if parent.params["seed"] >= FIRST_SEED:
        weight = pick_style_weight(scene)
        body["params"] = {"style_weight": weight}
    return _request(
        scene, Relation.FORK, parent.id, body,
        iteration=parent.iteration, style_weight=weight,
    )  # fmt: skip


def extend(scene: RunningFarm) -> Fault | None:
    """Add iterations to a chain that has succeeded."""
    if (parent_id := _pick_over(scene, JobState.SUCCEEDED, chains_only=True)) is None:
        return None
    iterations = scene.rng.randint(*_EXTENSION)
    body = {"iterations": iterations}
    return _request(scene, Relation.EXTEND, parent_id, body, iterations=iterations)


def retry(scene: RunningFarm) -> Fault | None:
    """Retry a canceled or failed job, from its checkpoint or from the start."""
    parent_id = _pick_over(scene, JobState.CANCELED, JobState.FAILED)
    if parent_id is None:
        return None
    origin = scene.rng.choice(["checkpoint", "start"])
    return _request(scene, Relation.RETRY, parent_id, {"from": origin})


def _pick_over(
    scene: RunningFarm, *states: JobState, chains_only: bool = False
) -> str | None:
    newest = select(Job.id, Job.params).where(Job.state.in_(states))
    with scene.environment.db.read() as session:
        rows = session.execute(
            newest.order_by(Job.created_at.desc()).limit(_NEWEST)
        ).all()
    ids = [
        row.id for row in rows if not chains_only or row.params["seed"] >= FIRST_SEED
    ]
    return scene.rng.choice(ids) if ids else None


def _request(
    scene: RunningFarm,
    relation: Relation,
    parent_id: str,
    body: Mapping[str, Any],
    **asked: Any,
) -> Fault:
    """Send a request in a thread: a response may take as long as an outage."""
    now, client = time.time(), scene.pick_client()

    def ask() -> None:
        status, answer, is_repeated = client.request_child(parent_id, relation, body)
        is_accepted = status == ACCEPTED
        is_known = is_accepted or (is_answer(status, answer) and not is_repeated)
        scene.records.children.append(
            ChildRequest(
                parent_id=parent_id,
                relation=relation,
                job_id=answer["id"] if is_accepted else None,
                is_unknown=not is_known,
                at=now,
                seconds=time.time() - now,
                **asked,
            )
        )

    scene.threads.submit(ask)
    return Fault(str(relation), now, now)
