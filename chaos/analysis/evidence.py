"""What is left once the farm stands still: rows, events, blobs. Not judged here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.clock import Clock
from shared.db.blob_refs import unreferenced_keys
from shared.db.models.assets import Asset
from shared.db.models.auth import Owner
from shared.db.models.jobs import Checkpoint, Job, JobEvent, JobInput, JobSegment
from shared.errors import BlobMissing
from shared.maintenance.orphans import OrphanCollector
from shared.storage.backends import open_storage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.farm.infrastructure import FarmEnvironment
    from chaos.records import (
        ChildRequest,
        LostCommits,
        RemovedInput,
        RequestedAction,
        Submission,
    )

_DAY_SECONDS = 86_400.0
_ROW = (
    "id", "name", "state", "fence", "result_key", "result_digest", "completion",
    "iteration", "iterations", "error_code", "error_message", "exact", "exact_reason",
    "params", "parent_id", "parent_iteration", "relation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job at the end, as its row says."""

    id: str
    name: str | None
    state: str
    fence: int
    result_key: str | None
    result_digest: str | None
    completion: str | None
    iteration: int
    iterations: int
    error_code: str | None
    error_message: str | None
    exact: bool | None
    exact_reason: str | None
    params: Mapping[str, Any]
    parent_id: str | None = None
    parent_iteration: int | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class JobTransition:
    """One event of a job."""

    job_id: str
    event: str
    from_state: str | None
    state: str
    fence: int
    at: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the judge looks at.

    Attributes:
        submissions: What was sent.
        actions: Requested actions.
        children: Requested forks, extensions and retries.
        removed_inputs: Pictures that vanished from the storage.
        lost_commits: Times whose commits the database forgot.
        rows: All jobs.
        events: By job, in order.
        weights: By job: (iteration after which it holds, style weight), in order.
        results: Bytes of results by key; keys whose blob is missing are not there.
        pictures: What undisturbed jobs made, by variant.
        inputs: Keys of each job's pictures.
        api_states: States of each job in the API servers at the end.
        counts: By owner: (queued, running), as the owners' table has it.
        orphan_keys: Keys of blobs that no row names after a day's collection.
        missing_checkpoints: Keys of checkpoints in rows that the storage lacks.
        complaints: What went wrong with processes.
        thought_hung: How often a watchdog said that an iteration does not end.
    """

    submissions: Sequence[Submission]
    actions: Sequence[RequestedAction]
    rows: Sequence[JobRecord]
    events: Mapping[str, Sequence[JobTransition]]
    weights: Mapping[str, Sequence[tuple[int, float]]]
    results: Mapping[str, bytes]
    pictures: Mapping[int, bytes]
    children: Sequence[ChildRequest] = ()
    removed_inputs: Sequence[RemovedInput] = ()
    lost_commits: Sequence[LostCommits] = ()
    inputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    api_states: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    orphan_keys: Sequence[str] = ()
    missing_checkpoints: Sequence[str] = ()
    complaints: Sequence[str] = ()
    thought_hung: int = 0


def read_rows(ground: FarmEnvironment) -> list[JobRecord]:
    """Read all jobs."""
    columns = [getattr(Job, name) for name in _ROW]
    with ground.db.read() as session:
        found = session.execute(select(*columns).order_by(Job.id)).all()
    return [JobRecord(*one) for one in found]


def read_events(ground: FarmEnvironment) -> dict[str, list[JobTransition]]:
    """Read all events, by job."""
    events: dict[str, list[JobTransition]] = {}
    with ground.db.read() as session:
        for one in session.scalars(select(JobEvent).order_by(JobEvent.seq)):
            moved = JobTransition(
                one.job_id, one.event, one.from_state, one.state, one.fence, one.at
            )
            events.setdefault(one.job_id, []).append(moved)
    return events


def read_weights(
    ground: FarmEnvironment, rows: Sequence[JobRecord]
) -> dict[str, list[Any]]:
    """Read which style weight held from which iteration on; pending ones never did."""
    weights = {row.id: [(0, float(row.params["style_weight"]))] for row in rows}
    begun = select(JobSegment).where(JobSegment.from_iteration.is_not(None))
    with ground.db.read() as session:
        for one in session.scalars(
            begun.order_by(JobSegment.from_iteration, JobSegment.id)
        ):
            if "style_weight" in one.changes:
                weight = float(one.changes["style_weight"])
                weights[one.job_id].append((one.from_iteration, weight))
    return weights


def read_results(
    ground: FarmEnvironment, rows: Sequence[JobRecord]
) -> dict[str, bytes]:
    """Read all results that rows name and the storage has."""
    storage, results = open_storage(f"file://{ground.blobs}"), {}
    for key in {row.result_key for row in rows} - {None}:
        try:
            results[key] = storage.get(key)
        except BlobMissing:
            continue
    return results


def read_inputs(ground: FarmEnvironment) -> dict[str, frozenset[str]]:
    """Read the keys of each job's pictures."""
    keys: dict[str, set[str]] = {}
    pictures = select(JobInput.job_id, Asset.key).join(
        Asset, Asset.id == JobInput.asset_id
    )
    with ground.db.read() as session:
        for job_id, key in session.execute(pictures):
            keys.setdefault(job_id, set()).add(key)
    return {job_id: frozenset(found) for job_id, found in keys.items()}


def read_counts(ground: FarmEnvironment) -> dict[str, tuple[int, int]]:
    """Read how many jobs the owners' table counts."""
    with ground.db.read() as session:
        owners = session.scalars(select(Owner)).all()
    return {one.id: (one.queued, one.running) for one in owners}


class _Tomorrow(Clock):
    """This host's clock, a day later."""

    def time(self) -> float:
        return super().time() + _DAY_SECONDS


def collect_orphans(ground: FarmEnvironment) -> tuple[list[str], list[str]]:
    """Let the collector of orphans run as it would a day later.

    Returns:
        Keys of blobs that no row names even then, and of checkpoints that are missing.
    """
    storage = open_storage(f"file://{ground.blobs}")
    sweep = OrphanCollector(ground.db, storage, _DAY_SECONDS / 2, _Tomorrow())
    while sweep.collect_batch():
        continue
    there = [blob.key for blob in storage.blobs()]
    with ground.db.read() as session:
        left = unreferenced_keys(session, there)
        named = set(session.scalars(select(Checkpoint.key)))
    return left, sorted(named - set(there))
