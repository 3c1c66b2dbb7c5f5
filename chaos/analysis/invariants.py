"""Whether a farm kept its promises: everything it should not have done, by job.

Knows nothing of how the chaos was made; the tables of states are the product's.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.hash_chain import last_link, shows
from chaos.records import CHAIN
from shared.states import ACTIONS, EVENTS, LEASED, TERMINAL, Event, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chaos.analysis.evidence import Evidence, JobRecord, JobTransition
    from chaos.records import Submission

LOST, DOUBLED, STUCK, UNEQUAL = "lost", "doubled", "stuck", "unequal"
FAILED, UNTRUE, DISOBEYED, LEFT = "failed", "untrue", "disobeyed", "left behind"

_LOSSES = {Event.RESCUE, Event.CRASH_LOOP}
_CRASH_LOOP_LOSSES = 3  # in a row, without a checkpoint in between
_OK = range(200, 300)


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept."""

    kind: str
    what: str
    why: str


def check_invariants(evidence: Evidence) -> list[Violation]:
    """Find every broken promise."""
    return [found for check in CHECKS for found in check(evidence)]


def lost(evidence: Evidence) -> Iterator[Violation]:
    """A job that was accepted has a row for ever."""
    there = {row.id for row in evidence.rows}
    for sent in evidence.submissions:
        if sent.job_id is not None and sent.job_id not in there:
            yield Violation(LOST, sent.job_id, f"{sent.name}: accepted, and no row")


def stuck(evidence: Evidence) -> Iterator[Violation]:
    """Every job ends once nothing is broken any more."""
    for row in evidence.rows:
        if row.state not in TERMINAL:
            yield Violation(STUCK, row.id, f"{row.name}: still {row.state}")


def doubled(evidence: Evidence) -> Iterator[Violation]:
    """One row per submission; one end and one result per job, of the last claim."""
    names = Counter(row.name for row in evidence.rows)
    for name, count in names.items():
        if count > 1:
            yield Violation(DOUBLED, str(name), f"{count} rows of one submission")
    for row in evidence.rows:
        events = evidence.events.get(row.id, ())
        ends = [one for one in events if one.state in TERMINAL]
        if len(ends) > 1:
            yield Violation(DOUBLED, row.id, f"ended {len(ends)} times")
        yield from _result_of_the_last_claim(row, events)


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
    """Every result is the one that an undisturbed run makes, to the last bit."""
    sent = {one.name: one for one in evidence.submissions}
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
        if (job := sent.get(str(row.name))) is not None and not _is_right(
            evidence, row, job, data
        ):
            why = f"{row.name}: another result than undisturbed"
            yield Violation(UNEQUAL, row.id, why)


def _is_right(
    evidence: Evidence, row: JobRecord, sent: Submission, data: bytes
) -> bool:
    if sent.kind == CHAIN:
        weights = evidence.weights[row.id]
        return shows(data, last_link(sent.variant, row.iteration, weights))
    return data == evidence.pictures[sent.variant]


def failed(evidence: Evidence) -> Iterator[Violation]:
    """No fault fails a job, but for the rule that says so: three losses in a row."""
    for row in evidence.rows:
        if row.state == JobState.EXPIRED:
            yield Violation(FAILED, row.id, "expired")
        if row.state != JobState.FAILED:
            continue
        losses = sum(one.event in _LOSSES for one in evidence.events.get(row.id, ()))
        if row.error_code != "worker_lost" or losses < _CRASH_LOOP_LOSSES:
            why = f"{row.error_code}: {row.error_message} ({losses} losses)"
            yield Violation(FAILED, row.id, why)


def untrue(evidence: Evidence) -> Iterator[Violation]:
    """The events tell the whole story, each a move of the tables."""
    for row in evidence.rows:
        events = evidence.events.get(row.id, ())
        state, fence = None, 0
        for one in events:
            if one.from_state != state or one.state not in _leads(one):
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
        shown = evidence.api_states.get(row.id, row.state)
        if shown != row.state:
            yield Violation(UNTRUE, row.id, f"{row.state}, and the API says {shown}")
    yield from _miscounted(evidence)


def _leads(one: JobTransition) -> set[str]:
    """Where the tables say that an event may lead from the state it began in."""
    if one.event == "submit":
        return {JobState.QUEUED} if one.from_state is None else set()
    if one.from_state is None:
        return set()
    was = JobState(one.from_state)
    found: set[str] = {was} if one.event == "steered" else set()
    if one.event in ACTIONS and was in ACTIONS[one.event]:
        found.add(ACTIONS[one.event][was].state)
    if one.event in EVENTS and was in EVENTS[one.event]:
        found.add(EVENTS[one.event][was])
    return found


def _miscounted(evidence: Evidence) -> Iterator[Violation]:
    queued = sum(row.state == JobState.QUEUED for row in evidence.rows)
    running = sum(row.state in LEASED for row in evidence.rows)
    for owner, counts in evidence.counts.items():
        if counts != (queued, running):
            why = f"counts {counts}, has {(queued, running)}"
            yield Violation(UNTRUE, owner, why)


def disobeyed(evidence: Evidence) -> Iterator[Violation]:
    """What was accepted is done, and what nobody asked for is not."""
    rows = {row.id: row for row in evidence.rows}
    accepted: dict[str, set[str]] = {}
    for one in evidence.actions:
        if one.status in _OK:
            accepted.setdefault(one.job_id, set()).add(one.verb)
    for job_id, verbs in accepted.items():
        row = rows.get(job_id)
        if row is None or row.state not in TERMINAL:
            continue  # said already
        if "cancel" in verbs and row.state != JobState.CANCELED:
            yield Violation(DISOBEYED, job_id, f"cancel accepted, {row.state}")
    asked = {(one.job_id, one.verb) for one in evidence.actions}
    for row in evidence.rows:
        if row.state == JobState.CANCELED and (row.id, "cancel") not in asked:
            yield Violation(DISOBEYED, row.id, "canceled, and nobody asked")
        yield from _early(row, asked_for=(row.id, "finish") in asked)


def _early(row: JobRecord, *, asked_for: bool) -> Iterator[Violation]:
    if row.state != JobState.SUCCEEDED:
        return
    if row.completion == "full" and row.iteration != row.iterations:
        why = f"full after {row.iteration} of {row.iterations}"
        yield Violation(DISOBEYED, row.id, why)
    if row.completion == "early" and not asked_for:
        yield Violation(DISOBEYED, row.id, "early, and nobody asked")


def left_behind(evidence: Evidence) -> Iterator[Violation]:
    """No process, and after a day no file, that nothing names."""
    for key in evidence.orphan_keys:
        yield Violation(LEFT, key, "no row names it, and nobody collects it")
    for key in evidence.missing_checkpoints:
        yield Violation(LOST, key, "a row names this checkpoint, and it is not there")
    for complaint in evidence.complaints:
        yield Violation(LEFT, "processes", complaint)


CHECKS: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    lost, stuck, doubled, unequal, failed, untrue, disobeyed, left_behind,
)  # fmt: skip
