"""Invariants: the promises of a farm, checked with the evidence of an episode.

The checks do not depend on the faults. The tables of states are those of the product.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.hash_chain import last_link, shows
from chaos.records import CHAIN
from shared.states import (
    ACTIONS,
    EVENTS,
    LEASED,
    TERMINAL,
    Event,
    JobState,
    Relation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chaos.analysis.evidence import Evidence, JobRecord, JobTransition
    from chaos.records import ChildRequest, Submission

LOST, DOUBLED, STUCK, UNEQUAL = "lost", "doubled", "stuck", "unequal"
FAILED, UNTRUE, DISOBEYED, LEFT = "failed", "untrue", "disobeyed", "left behind"
WASTED = "wasted"

_LOSSES = {Event.RESCUE, Event.CRASH_LOOP}
_CRASH_LOOP_LOSSES = 3  # losses of a worker in a row, without a checkpoint
_OK = range(200, 300)
_CHECKPOINT_KEY = re.compile(r"checkpoints/([^/]+)/(\d+)")
_JOB_KEY = re.compile(r"(?:checkpoints|frames|results)/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Violation:
    """Broken promise."""

    kind: str
    what: str
    why: str


def check_invariants(evidence: Evidence) -> list[Violation]:
    """Find every broken promise."""
    return [found for check in CHECKS for found in check(evidence)]


def lost(evidence: Evidence) -> Iterator[Violation]:
    """Find accepted jobs without a row, unless the database lost the commit."""
    there = {row.id for row in evidence.rows}
    for sent in (*evidence.submissions, *evidence.children):
        if sent.job_id is None or sent.job_id in there:
            continue
        if not _may_be_forgotten(evidence, sent.at, sent.seconds):
            yield Violation(LOST, sent.job_id, f"accepted, and no row: {sent}")


def _may_be_forgotten(evidence: Evidence, at: float, seconds: float) -> bool:
    """Whether the commit of a request at that time may be among the lost commits."""
    return any(
        at < one.until and at + seconds > one.since for one in evidence.lost_commits
    )


def stuck(evidence: Evidence) -> Iterator[Violation]:
    """Find jobs that did not end although all faults were over."""
    for row in evidence.rows:
        if row.state not in TERMINAL:
            yield Violation(STUCK, row.id, f"{row.name}: still {row.state}")


def doubled(evidence: Evidence) -> Iterator[Violation]:
    """Find doubled rows, ends and results.

    A submission has one row. A job has one end and one result, made by its last claim.
    """
    names = Counter(row.name for row in evidence.rows if row.parent_id is None)
    for name, count in names.items():
        if count > 1:
            yield Violation(DOUBLED, str(name), f"{count} rows of one submission")
    yield from _children_nobody_asked_for(evidence)
    for row in evidence.rows:
        events = evidence.events.get(row.id, ())
        ends = [one for one in events if one.state in TERMINAL]
        if len(ends) > 1:
            yield Violation(DOUBLED, row.id, f"ended {len(ends)} times")
        yield from _result_of_the_last_claim(row, events)


def _children_nobody_asked_for(evidence: Evidence) -> Iterator[Violation]:
    """Find children beyond one per request, counting requests without an answer."""
    accepted = {one.job_id for one in evidence.children}
    unknown = Counter(
        (one.parent_id, one.relation) for one in evidence.children if one.is_unknown
    )
    unnamed = Counter(
        (row.parent_id, row.relation)
        for row in evidence.rows
        if row.parent_id is not None and row.id not in accepted
    )
    for (parent_id, relation), count in (unnamed - unknown).items():
        why = f"{count} more of {relation} than were asked for"
        yield Violation(DOUBLED, str(parent_id), why)


def _result_of_the_last_claim(
    row: JobRecord, events: Sequence[JobTransition]
) -> Iterator[Violation]:
    completions = [
        one
        for one in events
        if one.event == Event.COMPLETE and one.state == JobState.SUCCEEDED
    ]
    wanted = 1 if row.state == JobState.SUCCEEDED else 0
    if len(completions) != wanted:
        why = f"{row.state} with {len(completions)} completions"
        yield Violation(DOUBLED, row.id, why)
    if (row.result_key is not None) != bool(wanted):
        yield Violation(DOUBLED, row.id, f"{row.state} with result {row.result_key}")
    if row.result_key is not None:
        of_claim = f"results/{row.id}/{row.fence}-"
        if not row.result_key.startswith(of_claim):
            why = f"{row.result_key} is not of the last claim, {row.fence}"
            yield Violation(DOUBLED, row.id, why)


def unequal(evidence: Evidence) -> Iterator[Violation]:
    """Find results that differ from those of an undisturbed run, in any bit."""
    sent = {one.name: one for one in evidence.submissions}
    rows = {row.id: row for row in evidence.rows}
    for row in evidence.rows:
        if row.state != JobState.SUCCEEDED or row.result_key is None:
            continue
        data = evidence.results.get(row.result_key)
        if data is None:
            yield Violation(LOST, row.id, f"{row.result_key} is not in the storage")
            continue
        if hashlib.sha256(data).hexdigest() != row.result_digest:
            yield Violation(UNEQUAL, row.id, "the result has another digest")
        if not row.exact:
            yield Violation(UNEQUAL, row.id, f"not exact: {row.exact_reason}")
        first = _first_ancestor(row, rows)
        if (job := sent.get(str(first.name))) is not None and not _is_right(
            evidence, row, job, data
        ):
            why = f"{row.name}: another result than undisturbed"
            yield Violation(UNEQUAL, row.id, why)


def _first_ancestor(row: JobRecord, rows: Mapping[str, JobRecord]) -> JobRecord:
    """Return the submitted job from which a child descends."""
    while row.parent_id is not None:
        row = rows[row.parent_id]
    return row


def _is_right(
    evidence: Evidence, row: JobRecord, sent: Submission, data: bytes
) -> bool:
    if sent.kind == CHAIN:
        weights = evidence.weights[row.id]
        return shows(data, last_link(sent.variant, row.iteration, weights))
    return data == evidence.pictures[sent.variant]


def failed(evidence: Evidence) -> Iterator[Violation]:
    """Find failed jobs without a valid reason.

    Valid reasons are three lost workers in a row, and the loss of an input picture.
    """
    for row in evidence.rows:
        if row.state == JobState.EXPIRED:
            yield Violation(FAILED, row.id, "expired")
        if row.state == JobState.SUCCEEDED:
            yield from _painted_from_nothing(evidence, row)
        if row.state != JobState.FAILED:
            continue
        if row.error_code == "picture-missing" and _removals(evidence, row):
            continue
        losses = sum(one.event in _LOSSES for one in evidence.events.get(row.id, ()))
        if row.error_code != "worker-lost" or losses < _CRASH_LOOP_LOSSES:
            why = f"{row.error_code}: {row.error_message} ({losses} losses)"
            yield Violation(FAILED, row.id, why)


def _removals(evidence: Evidence, row: JobRecord) -> list[float]:
    """Return the times at which pictures of this job were removed."""
    keys = evidence.inputs.get(row.id, frozenset())
    return [one.at for one in evidence.removed_inputs if one.key in keys]


def _painted_from_nothing(evidence: Evidence, row: JobRecord) -> Iterator[Violation]:
    claims = [
        one.at for one in evidence.events.get(row.id, ()) if one.event == Event.CLAIM
    ]
    removals = _removals(evidence, row)
    if claims and removals and min(removals) < claims[-1]:
        yield Violation(FAILED, row.id, "succeeded, claimed after its picture vanished")


def untrue(evidence: Evidence) -> Iterator[Violation]:
    """Find jobs whose events have gaps or contradict the tables of transitions."""
    for row in evidence.rows:
        events = evidence.events.get(row.id, ())
        state, fence = None, 0
        for one in events:
            if one.from_state != state or one.state not in _allowed_states(one):
                why = f"{one.event}: {one.from_state} to {one.state}, was {state}"
                yield Violation(UNTRUE, row.id, why)
            grows = one.event in {Event.CLAIM, *_LOSSES}
            if one.fence < fence or (grows and one.fence == fence):
                why = f"{one.event}: fence {one.fence} after {fence}"
                yield Violation(UNTRUE, row.id, why)
            state, fence = one.state, one.fence
        if (state, fence) != (row.state, row.fence):
            why = f"row: {row.state} {row.fence}, events: {state} {fence}"
            yield Violation(UNTRUE, row.id, why)
        for shown in evidence.api_states.get(row.id, ()):
            if shown != row.state:
                why = f"{row.state}, and an API server says {shown}"
                yield Violation(UNTRUE, row.id, why)
    yield from _miscounted(evidence)


def _allowed_states(transition: JobTransition) -> set[str]:
    """Return the states that the tables allow after an event in its first state."""
    event = transition.event
    if event == "submit":
        return {JobState.QUEUED} if transition.from_state is None else set()
    if transition.from_state is None:
        return set()
    state = JobState(transition.from_state)
    allowed: set[str] = {state} if event == "steered" else set()
    if event in ACTIONS and state in ACTIONS[event]:
        allowed.add(ACTIONS[event][state].state)
    if event in EVENTS and state in EVENTS[event]:
        allowed.add(EVENTS[event][state])
    return allowed


def _miscounted(evidence: Evidence) -> Iterator[Violation]:
    queued = sum(row.state == JobState.QUEUED for row in evidence.rows)
    running = sum(row.state in LEASED for row in evidence.rows)
    for owner, counts in evidence.counts.items():
        if counts != (queued, running):
            why = f"counts {counts}, has {(queued, running)}"
            yield Violation(UNTRUE, owner, why)


def disobeyed(evidence: Evidence) -> Iterator[Violation]:
    """Find accepted actions without effect, and effects without an action."""
    rows = {row.id: row for row in evidence.rows}
    accepted: dict[str, set[str]] = {}
    for one in evidence.actions:
        forgotten = _may_be_forgotten(evidence, one.at, one.seconds)
        if one.status in _OK and not forgotten:
            accepted.setdefault(one.job_id, set()).add(one.verb)
    for job_id, verbs in accepted.items():
        row = rows.get(job_id)
        if row is None or row.state not in TERMINAL:
            continue  # reported by another check
        if "cancel" in verbs and row.state != JobState.CANCELED:
            yield Violation(DISOBEYED, job_id, f"cancel accepted, {row.state}")
    asked = {(one.job_id, one.verb) for one in evidence.actions}
    for row in evidence.rows:
        if row.state == JobState.CANCELED and (row.id, "cancel") not in asked:
            yield Violation(DISOBEYED, row.id, "canceled, and nobody asked")
        yield from _early(row, asked_for=(row.id, "finish") in asked)


def disobeyed_in_a_child(evidence: Evidence) -> Iterator[Violation]:
    """Find forks, extensions and retries that differ from their request."""
    rows = {row.id: row for row in evidence.rows}
    for asked in evidence.children:
        if asked.job_id in rows and asked.parent_id in rows:
            job, parent = rows[asked.job_id], rows[asked.parent_id]
            yield from _wrong_child(evidence, asked, job, parent)


def _early(row: JobRecord, *, asked_for: bool) -> Iterator[Violation]:
    if row.state != JobState.SUCCEEDED:
        return
    if row.completion == "full" and row.iteration != row.iterations:
        why = f"full after {row.iteration} of {row.iterations}"
        yield Violation(DISOBEYED, row.id, why)
    if row.completion == "early" and not asked_for:
        yield Violation(DISOBEYED, row.id, "early, and nobody asked")


def _wrong_child(
    evidence: Evidence, asked: ChildRequest, job: JobRecord, parent: JobRecord
) -> Iterator[Violation]:
    """Return how a child differs from its request.

    It is compared by its parent, its length and its style weights.
    """
    is_related = (job.parent_id, job.relation) == (asked.parent_id, asked.relation)
    if not is_related or asked.iteration not in {None, job.parent_iteration}:
        why = f"{job.relation} of {job.parent_id} at {job.parent_iteration}"
        yield Violation(DISOBEYED, job.id, f"{why}, asked for: {asked}")
    # A fork has no iterations that were added after the one at which it begins.
    longer = job.iterations - parent.iterations - asked.iterations
    if longer > 0 or (longer < 0 and asked.relation != Relation.FORK):
        why = f"{job.iterations} iterations, its parent has {parent.iterations}"
        yield Violation(DISOBEYED, job.id, f"{why}, asked for: {asked}")
    weights = evidence.weights[job.id]
    changed = (asked.iteration, asked.style_weight)
    if asked.style_weight is not None and changed not in weights:
        yield Violation(DISOBEYED, job.id, f"{changed} is not in force: {weights}")
    inherited = evidence.weights[parent.id]
    if asked.relation != Relation.FORK and not set(inherited) <= set(weights):
        yield Violation(DISOBEYED, job.id, f"{weights}, its parent had {inherited}")


def wasted(evidence: Evidence) -> Iterator[Violation]:
    """Find workers that a watchdog ended as hung; no iteration of this farm hangs."""
    if evidence.thought_hung:
        why = f"{evidence.thought_hung} times an iteration was thought to hang"
        yield Violation(WASTED, "workers", why)


def left_behind(evidence: Evidence) -> Iterator[Violation]:
    """Find processes and, a day later, blobs that are left without an owner."""
    for key in evidence.orphan_keys:
        if not _is_of_a_forgotten_job(evidence, key):
            yield Violation(LEFT, key, "no row names it, and nobody collects it")
    for key in evidence.missing_checkpoints:
        if not _is_of_a_row_that_came_back(evidence, key):
            why = "a row names this checkpoint, and it is not there"
            yield Violation(LOST, key, why)
    for complaint in evidence.complaints:
        yield Violation(LEFT, "processes", complaint)


def _is_of_a_forgotten_job(evidence: Evidence, key: str) -> bool:
    """Whether a blob belongs to a job whose row the database lost."""
    named = _JOB_KEY.match(key)
    is_known = named is not None and named[1] in {row.id for row in evidence.rows}
    return bool(evidence.lost_commits) and named is not None and not is_known


def _is_of_a_row_that_came_back(evidence: Evidence, key: str) -> bool:
    """Whether the row of a deleted checkpoint came back with a lost commit.

    Only an earlier claim can have made such a checkpoint.
    """
    if (named := _CHECKPOINT_KEY.match(key)) is None:
        return False
    claims = [
        one.at
        for one in evidence.events.get(named[1], ())
        if one.event == Event.CLAIM and one.fence == int(named[2])
    ]
    return any(at <= one.since for at in claims for one in evidence.lost_commits)


CHECKS: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    lost, stuck, doubled, unequal, failed, untrue, disobeyed, disobeyed_in_a_child,
    wasted, left_behind,
)  # fmt: skip
