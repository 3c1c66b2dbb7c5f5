"""People: they submit jobs and ask for things, through an API server that may die."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from chaos.hash_chain import FIRST_SEED
from chaos.records import CHAIN, ChildRequest, RequestedAction, Submission
from shared.db.models.jobs import Checkpoint
from shared.errors import DatabaseUnavailable, IdempotencyInProgress, ImpastoError
from shared.idempotency import (
    IdempotentRequest,
    RecordedResponse,
    abandon_request,
    begin_request,
    record_response,
)
from shared.jobs import actions, forks, steering
from shared.jobs.submit import (
    LOCAL_OWNER_ID,
    NewJob,
    NewJobInput,
    SubmissionLimits,
    submit_job,
)
from shared.params.segments import Changes
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.farm.processes import ApiProcess
    from tests.simulation.farm.world import World

LIMITS = SubmissionLimits(max_queued_per_owner=1000, max_queued=1000, max_attempts=4)
PATIENCE_SECONDS = 20.0  # that a client waits for an answer
PAUSE_SECONDS = 5.0  # before it asks again
LONGEST_PAUSE_SECONDS = 120.0
OK, REFUSED = 200, 409
FINISHED = "finished fork"  # name of a fork that only makes a picture
CHILD_VERBS = ("fork", "extend", "retry")
VERBS = ("cancel", "pause", "resume", "finish", "steer", *CHILD_VERBS)


def submit(world: World, rng: Random) -> None:
    """Submit a job; ask again with the same key until there is an answer."""
    number = len(world.records.submissions)
    name, seed = f"chain {number}", FIRST_SEED + world.seed * 1000 + number
    first, second = rng.randint(2, 7), rng.randint(3, 9)
    params = {
        "max_edge": 64,
        "seed": seed,
        "schedule": [[16, first], [64, second]],
        "embed_recipe": False,
    }
    keep_every = rng.choice([None, None, 3])
    sent = Submission(name, CHAIN, seed, params, None, True, world.scheduler.now, 0.0)
    world.records.submissions.append(sent)

    def ask(api: ApiProcess) -> str:
        return _submit_once(api, name, params, keep_every)

    status, job_id, _ = _ask_until_answered(world, rng, ask)
    world.records.submissions[number] = Submission(
        name, CHAIN, seed, params, job_id, status is None, sent.at, 0.0
    )


def act(world: World, verb: str, job_id: str, rng: Random) -> None:
    """Ask for an action on a job: once, or for a child until there is an answer."""
    if verb in CHILD_VERBS:
        _ask_for_child(world, verb, job_id, rng)
        return
    at = world.scheduler.now
    place = len(world.records.actions)
    world.records.actions.append(RequestedAction(job_id, verb, None, at))
    dice = rng.random()

    def ask(api: ApiProcess) -> Any:
        return _VERBS[verb](api, job_id, dice)

    status, _ = _call(world, rng.choice(world.apis), ask)
    world.records.actions[place] = RequestedAction(job_id, verb, status, at)


def _ask_for_child(world: World, relation: str, parent_id: str, rng: Random) -> None:
    """Ask for a child; ask again with the same key until there is an answer."""
    dice, number = rng.random(), len(world.children)
    asked = ChildRequest(
        parent_id, relation, None, is_unknown=True, at=world.scheduler.now, seconds=0.0
    )
    if relation == "extend":
        asked = replace(asked, iterations=1 + int(4 * dice))
    world.children.append(asked)

    def ask(api: ApiProcess) -> str:
        if relation == "fork" and world.children[number].iteration is None:
            chosen = _choose_checkpoint(api, parent_id, dice)
            weight = round(1 + dice, 3)
            world.children[number] = replace(
                asked, iteration=chosen, style_weight=weight
            )
        return _submit_child_once(api, world.children[number], number, dice)

    status, job_id, tries = _ask_until_answered(world, rng, ask)
    # A frozen server may still do what another server has refused: an earlier try
    # submits its child once the server wakes up and the job's state allows it.
    is_unknown = status is None or (status == REFUSED and tries > 1)
    world.children[number] = replace(
        world.children[number], job_id=job_id, is_unknown=is_unknown
    )


def _ask_until_answered(
    world: World, rng: Random, ask: Callable[[ApiProcess], Any]
) -> tuple[int | None, Any, int]:
    """Ask until there is an answer: its status, its value, and how often was asked."""
    pause, tries = PAUSE_SECONDS, 0
    while True:
        tries += 1
        status, value = _call(world, rng.choice(world.apis), ask)
        if status is not None:
            return status, value, tries
        world.scheduler.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)


def _call(
    world: World, api: ApiProcess, ask: Callable[[ApiProcess], Any]
) -> tuple[int | None, Any]:
    """Call an API server; (None, None): there was no answer."""
    answer: list[tuple[int | None, Any]] = []

    def serve() -> None:
        try:
            answer.append((OK, ask(api)))
        except (DatabaseUnavailable, IdempotencyInProgress):
            answer.append((None, None))
        except ImpastoError as error:
            world.scheduler.note(api.name, f"refuses: {error}")
            answer.append((REFUSED, None))

    if api.is_dead:
        return None, None
    task = api.spawn("request", serve)
    world.scheduler.join(task, PATIENCE_SECONDS)
    return answer[0] if answer else (None, None)


def _submit_once(
    api: ApiProcess, name: str, params: dict[str, Any], keep_every: int | None
) -> str:
    """Submit as `POST /v1/jobs` with an Idempotency-Key does."""
    content, style = api.world.asset_ids
    pictures = {"content": {0: content}, "style": {0: style}}
    new = NewJob(
        LOCAL_OWNER_ID,
        StyleParams(**params).with_images(pictures),
        (NewJobInput("content", 0, content), NewJobInput("style", 0, style)),
        options={"name": name, "keep_every": keep_every},
    )
    return _with_key(
        api, name, lambda begun: submit_job(api.db, new, LIMITS, begun).job_id
    )


def _submit_child_once(
    api: ApiProcess, asked: ChildRequest, number: int, dice: float
) -> str:
    """Submit as `POST /v1/jobs/{id}/forks` and the like do."""
    db, parent_id = api.db, asked.parent_id

    def submit(begun: IdempotentRequest) -> str:
        if asked.relation == "extend":
            return forks.extend(
                db, LOCAL_OWNER_ID, parent_id, asked.iterations, LIMITS, begun
            )
        if asked.relation == "retry":
            return forks.retry(
                db, LOCAL_OWNER_ID, parent_id, LIMITS, begun, from_start=dice > 0.5
            )
        finish = dice > 0.8
        request = forks.ForkRequest(
            asked.iteration or 1,
            Changes(style_weight=asked.style_weight),
            FINISHED if finish else None,
            finish,
        )
        return forks.fork(db, LOCAL_OWNER_ID, parent_id, request, LIMITS, begun)

    return _with_key(api, f"child {number}", submit)


def _with_key(
    api: ApiProcess, key: str, submit: Callable[[IdempotentRequest], str]
) -> str:
    """Submit a job unless it was submitted with this key before."""
    db = api.db
    begun = begin_request(db, LOCAL_OWNER_ID, "POST /v1/jobs", key, "same")
    if isinstance(begun, RecordedResponse):
        return str(begun.job_id)
    try:
        job_id = submit(begun)
    except DatabaseUnavailable:
        raise
    except ImpastoError:
        abandon_request(db, begun)
        raise
    record_response(db, begun, RecordedResponse(job_id, 202, {}, ""))
    api.notifier.notify(job_id, None)
    return job_id


def _choose_checkpoint(api: ApiProcess, job_id: str, dice: float) -> int:
    """Choose the iteration of a checkpoint; 1 if there is none: it is refused."""
    with api.db.read() as session:
        statement = select(Checkpoint.iteration).where(Checkpoint.job_id == job_id)
        iterations = sorted(session.scalars(statement))
    return iterations[int(dice * len(iterations))] if iterations else 1


def _simple(action: Callable[..., Any]) -> Callable[[ApiProcess, str, float], Any]:
    def ask(api: ApiProcess, job_id: str, dice: float) -> Any:
        outcome = action(api.db, LOCAL_OWNER_ID, job_id)
        if not outcome.done:
            api.notifier.notify(job_id, None)
        return outcome

    return ask


def _steer(api: ApiProcess, job_id: str, dice: float) -> Any:
    changes = Changes(style_weight=round(10 ** (2 * dice), 3))
    change = steering.JobChange(params=changes)
    return steering.update_job(api.db, LOCAL_OWNER_ID, job_id, change)


_VERBS: dict[str, Callable[[ApiProcess, str, float], Any]] = {
    "cancel": _simple(actions.cancel),
    "pause": _simple(actions.pause),
    "resume": _simple(actions.resume),
    "finish": _simple(actions.finish),
    "steer": _steer,
}
