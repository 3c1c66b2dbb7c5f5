"""How long jobs were without a worker, and people without an answer, by fault."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from chaos.faults.redis_server import FROZEN
from shared.states import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaos.analysis.evidence import JobTransition
    from chaos.records import Fault, Submission

# After these a job still waits for somebody to run it again.
_ON_THE_WAY = {Event.RESCUE, Event.RELEASE, Event.RETRY, "steer", "steered"}
_HARMLESS = {
    "cancel", "pause", "finish", "steer", "fork", "extend", "retry", "input removed",
    "notifications doubled", "foreign messages",
}  # fmt: skip
_OF_REDIS = {
    FROZEN, "FLUSHALL", "Redis killed", "connections half open", "connections reset",
    "network silent",
}  # fmt: skip
# What an answer of the API needs, or who may stand still with a lock in its hand.
_MAY_BLOCK = ("PostgreSQL", "SQLite", "disk", "API", "SIGSTOP", "freeze")


@dataclass(frozen=True, slots=True)
class Recovery:
    """A job that lost its worker, and ran again.

    Attributes:
        kind: Of the fault.
        seconds: From the fault to the next claim.
        alone: Whether nothing else was broken meanwhile.
    """

    kind: str
    seconds: float
    alone: bool


def compute_recoveries(
    faults: Sequence[Fault], events: Mapping[str, Sequence[JobTransition]]
) -> list[Recovery]:
    """Find for each fault that hit a job when the job ran again.

    Jobs that ended by themselves, or were paused or canceled meanwhile, tell nothing.
    """
    found = []
    for fault in faults:
        seconds = _until_claimed(fault, events.get(fault.job_id or "", ()))
        if seconds is not None:
            others = [one for one in faults if one is not fault]
            alone = not any(_overlaps(one, fault.at, seconds) for one in others)
            found.append(Recovery(fault.kind, seconds, alone))
    return found


def compute_delays(
    submissions: Sequence[Submission], faults: Sequence[Fault]
) -> tuple[list[float], list[float]]:
    """How long answers to POST /v1/jobs took, in seconds.

    Returns:
        Those while nothing was broken that an answer needs, and those while Redis was
        frozen and nothing else was broken.
    """
    frozen = [one for one in faults if one.kind == FROZEN]
    others = [one for one in faults if one.kind.startswith(_MAY_BLOCK)]
    of_redis = [one for one in faults if one.kind in _OF_REDIS]
    calm, waited = [], []
    for sent in submissions:
        if sent.job_id is None or _any(others, sent):
            continue
        if any(_contains(one, sent) for one in frozen):
            waited.append(sent.seconds)
        elif not any(_overlaps(one, sent.at, sent.seconds) for one in of_redis):
            calm.append(sent.seconds)
    return calm, waited


def compute_notification_delay(
    calm: Sequence[float], waited: Sequence[float]
) -> float | None:
    """What a frozen Redis added at most to the usual answer, seconds."""
    if not calm or not waited:
        return None
    return max(0.0, max(waited) - median(calm))


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that at least this share does not exceed."""
    ordered = sorted(values)
    rank = max(0, -(-len(ordered) * share // 1) - 1)
    return ordered[int(rank)]


def _until_claimed(fault: Fault, events: Sequence[JobTransition]) -> float | None:
    for one in events:
        if one.at < fault.at or fault.fence is None:
            continue
        if one.event == Event.CLAIM and one.fence > fault.fence:
            return one.at - fault.at
        if one.event not in _ON_THE_WAY:
            return None
    return None


def _overlaps(fault: Fault, at: float, seconds: float) -> bool:
    if fault.kind in _HARMLESS:
        return False
    return fault.at < at + seconds and fault.until > at - 1


def _any(faults: Iterable[Fault], sent: Submission) -> bool:
    return any(_overlaps(one, sent.at, sent.seconds) for one in faults)


def _contains(fault: Fault, sent: Submission) -> bool:
    return fault.at < sent.at and sent.at + sent.seconds < fault.until
