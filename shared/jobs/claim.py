"""Claims: a worker takes the best due job that fits its device."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from sqlalchemy import Text, and_, bindparam, case, cast, func, or_, select
from typing_extensions import TypeVar

from shared.db.models.assets import Asset
from shared.db.models.auth import Owner
from shared.db.models.jobs import DEMAND_OFFSET, Checkpoint, Job, JobInput
from shared.jobs.segments import read_job_segments
from shared.jobs.transitions import transition
from shared.params.kinds import JobKind, Params, kind_of, read_params
from shared.states import EVENTS, LEASED, Event, JobState
from shared.tracing import parse_traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import CTE, BindParameter, ColumnElement, Select
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.params.segments import Segment
    from shared.tracing import TraceContext

P_co = TypeVar("P_co", bound=Params, default=Params, covariant=True)

_PLANNER_SETTINGS = select(
    func.set_config("enable_sort", "off", True),
    func.set_config("enable_bitmapscan", "off", True),
    func.set_config("enable_seqscan", "off", True),
    func.set_config("jit", "off", True),  # disabled plans look costly to it
)
_MAX_TRIES = 20  # of as many other workers, each may take the job that this one chose


@dataclass(frozen=True, slots=True)
class Device:
    """Device of a worker that claims jobs."""

    worker_id: str = field(compare=False)  # statements are built once per device
    device_class: str  # cpu, cuda, mps
    bytes: int
    uuid: str = ""  # empty if no job can exclude the device


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Reference to a blob: its key and the SHA-256 (hex) of its bytes."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class ClaimedCheckpoint:
    """Checkpoint from which a claimed job can continue."""

    iteration: int
    blob: BlobRef
    format_version: int


@dataclass(frozen=True, slots=True)
class Claim(Generic[P_co]):
    """Claimed job, to which the worker may write until a newer claim.

    `Claim[StyleParams]` is a claimed style job; `Claim` is a claimed job of any kind.
    """

    job_id: str
    fence: int
    nonce: str  # random, since a fence may repeat after a restore of the database
    attempts: int
    iteration: int  # last report of the previous attempt
    params: P_co
    inputs: dict[str, dict[int, BlobRef]]  # by role and position, with gaps
    checkpoints: tuple[ClaimedCheckpoint, ...]  # newest first
    segments: tuple[Segment, ...] = ()  # in the order in which they begin
    keep_every: int | None = None  # iterations between checkpoints kept for forks
    finish_requested: bool = False  # stop iterating and store the picture
    step_scale: float = 1.0  # factor of the steps; below 1 after a divergence
    requested_max_edge: int | None = None  # px, if params have less
    trace: TraceContext | None = None  # of the request that submitted the job
    progress: Mapping[str, Any] = field(default_factory=dict)  # last report

    @property
    def key_stem(self) -> str:
        """Prefix of the keys of all blobs of this claim, unique to the claim."""
        return claim_key_stem(self.fence, self.nonce)

    @property
    def kind(self) -> JobKind:
        """Kind of the job."""
        return kind_of(self.params)


def claim_key_stem(fence: int, nonce: str) -> str:
    """Return the prefix of the keys of all blobs of a claim."""
    return f"{fence}-{nonce}"


def claim_job(
    db: Database, device: Device, nonce: str, lease_seconds: float
) -> Claim | None:
    """Claim the best due job that fits the device; None if there is none.

    The owner with the fewest running jobs comes first, then that owner's longest
    waiting job. A repeated call with the same nonce returns the same claim, so that no
    job is lost if the response to a commit is lost.
    """
    for _ in range(_MAX_TRIES):
        # A transaction for each try: a claim that held the rows of two owners could
        # wait for another claim that waits for it.
        with db.write() as session:
            _read_along_indexes(session)
            if (claimed := _find_by_nonce(session, device, nonce)) is not None:
                return _build_claim(
                    session, claimed, claimed.fence, nonce, claimed.attempts
                )
            head = session.execute(_claim_statements(device).choose_owner).one_or_none()
            if head is None:
                return None
            job = _lock_job(session, device, head.id, head.ready_key)
            if job is None or _is_expired_now(db, session, job):
                continue
            transition(
                db,
                session,
                job,
                Event.CLAIM,
                EVENTS[Event.CLAIM][job.state],
                fence=Job.fence + 1,
                attempts=Job.attempts + 1,
                worker_id=device.worker_id,
                claim_nonce=nonce,
                lease_until=db.now + lease_seconds,
                term_seconds=lease_seconds,
                iteration_at_claim=Job.checkpoint_iteration,
                claimed_at=db.now,
                started_at=func.coalesce(Job.started_at, db.now),
                ready_key=None,
                error_code=None,
                error_message=None,
                error_hint=None,
                error_retryable=None,
            )
            return _build_claim(session, job, job.fence + 1, nonce, job.attempts + 1)
    return None


def fits_device(device: Device) -> ColumnElement[bool]:
    """SQL condition: a job is due and `device` can run it."""
    return and_(
        Job.state == JobState.QUEUED,
        Job.ready_key.is_not(None),
        or_(Job.device_class.is_(None), Job.device_class == device.device_class),
        Job.need_bytes <= device.bytes,
        or_(Job.excluded_device.is_(None), Job.excluded_device != device.uuid),
    )


def owner_may_run() -> ColumnElement[bool]:
    """SQL condition: an owner may have one more job running."""
    return and_(
        Owner.queued > 0,
        or_(Owner.max_running.is_(None), Owner.running < Owner.max_running),
    )


def _read_along_indexes(session: Session) -> None:
    """Have PostgreSQL read indexes in their order in this transaction.

    Its statistics may be those of an idle farm. Then it expects a single ready job, and
    would read and sort thousands.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_PLANNER_SETTINGS)


def _find_by_nonce(session: Session, device: Device, nonce: str) -> Job | None:
    return session.scalar(
        select(Job).where(
            Job.claim_nonce == nonce,
            Job.worker_id == device.worker_id,
            Job.state.in_(LEASED),
        )
    )


def _lock_job(
    session: Session, device: Device, owner_id: str, ready_key: float
) -> Job | None:
    """Lock an owner, and the owner's next job that fits; None if others were faster."""
    statements = _claim_statements(device)
    values = {"owner_id": owner_id, "head": ready_key}
    if session.scalar(statements.lock_owner, values) is None:
        return None
    return session.scalar(statements.lock_job, values)


def _is_expired_now(db: Database, session: Session, job: Job) -> bool:
    """Expire a job whose start deadline has passed."""
    if job.start_deadline is None or job.started_at is not None:
        return False
    if not session.scalar(select(db.now > job.start_deadline)):
        return False
    transition(db, session, job, Event.EXPIRE, EVENTS[Event.EXPIRE][job.state])
    return True


class _ClaimStatements(NamedTuple):
    """Statements of a claim; parameters are the chosen `owner_id` and its `head`."""

    choose_owner: Select[str, float]
    lock_owner: Select[str]
    lock_job: Select[Job]


@lru_cache  # building takes longer than executing
def _claim_statements(device: Device) -> _ClaimStatements:
    """Build the statements of a claim for a device."""
    head = _head_of_owner(device)
    heads = (  # materialized, or each head would be read twice: to filter and to sort
        select(Owner.id, Owner.running, head.label("ready_key"))
        .where(owner_may_run())
        .cte("heads")
        .prefix_with("MATERIALIZED")
    )
    owner_id: BindParameter[str] = bindparam("owner_id")
    oldest: BindParameter[float] = bindparam("head")
    return _ClaimStatements(
        choose_owner=select(heads.c.id, heads.c.ready_key)
        .where(heads.c.ready_key.is_not(None))
        .order_by(heads.c.running, heads.c.ready_key)
        .limit(1),
        lock_owner=select(Owner.id)
        .where(Owner.id == owner_id, owner_may_run())
        .with_for_update(),
        lock_job=select(Job)
        .where(Job.owner_id == owner_id, Job.ready_key >= oldest)
        .where(fits_device(device))
        .order_by(Job.ready_key, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True),
    )


def _head_of_owner(device: Device) -> ColumnElement[float | None]:
    """SQL expression: `ready_key` of the oldest job of an `Owner` that fits a device.

    The owner's oldest job is read first. If it does not fit, the oldest job of each
    demand is read. Jobs of the same demand fit the same devices, so one read per demand
    is enough.
    """
    ready = (Job.owner_id == Owner.id, Job.ready_key.is_not(None))
    key_if_it_fits = select(case((fits_device(device), Job.ready_key)))
    demands = _demands_within(device)
    oldest_of_demand = (
        key_if_it_fits.where(Job.owner_id == Owner.id)
        .where(Job.demand == demands.c.demand)
        .order_by(Job.ready_key)
        .limit(1)
        .correlate(Owner, demands)
        .scalar_subquery()
    )
    oldest = key_if_it_fits.where(*ready).order_by(Job.ready_key).limit(1)
    return func.coalesce(
        oldest.correlate(Owner).scalar_subquery(),
        select(func.min(oldest_of_demand))
        .select_from(demands)
        .correlate(Owner)
        .scalar_subquery(),
    )


def _demands_within(device: Device) -> CTE:
    """SQL table of the demands of an `Owner`'s ready jobs that a device may hold.

    The index leads from each demand to the next demand, and skips all jobs between.
    Rows without a demand are starts or ends.
    """
    above = DEMAND_OFFSET + device.bytes + 1
    ranges = [
        select(
            cast(f"{device_class} ", Text).label("demand"),
            cast(f"{device_class} {above}", Text).label("end"),
        )
        for device_class in ("", device.device_class)
    ]
    demands = ranges[0].cte("demands", recursive=True, nesting=True)
    following = (
        select(Job.demand)
        .where(Job.owner_id == Owner.id)
        .where(Job.demand > demands.c.demand, Job.demand < demands.c.end)
        .order_by(Job.demand)
        .limit(1)
        .correlate(Owner, demands)
        .scalar_subquery()
    )
    step = select(following, demands.c.end).where(demands.c.demand.is_not(None))
    return demands.union_all(ranges[1], step)


def _build_claim(
    session: Session, job: Job, fence: int, nonce: str, attempts: int
) -> Claim:
    return Claim(
        job_id=job.id,
        fence=fence,
        nonce=nonce,
        attempts=attempts,
        iteration=job.iteration,
        params=read_params(JobKind(job.kind), job.params),
        inputs=_read_inputs(session, job.id),
        checkpoints=_read_checkpoints(session, job.id),
        segments=read_job_segments(session, [job.id]).get(job.id, ()),
        keep_every=job.keep_every,
        finish_requested=job.finish_requested,
        step_scale=1.0 if job.step_scale is None else job.step_scale,
        requested_max_edge=job.requested_max_edge,
        trace=parse_traceparent(job.traceparent),
        progress=job.progress or {},
    )


def _read_inputs(session: Session, job_id: str) -> dict[str, dict[int, BlobRef]]:
    rows = session.execute(
        select(JobInput.role, JobInput.position, Asset.key, Asset.digest)
        .join(Asset, Asset.id == JobInput.asset_id)
        .where(JobInput.job_id == job_id)
        .order_by(JobInput.role, JobInput.position)
    )
    inputs: dict[str, dict[int, BlobRef]] = {}
    for role, position, key, digest in rows:
        # Assets of a job that has not ended cannot be deleted, so all have a key.
        inputs.setdefault(role, {})[position] = BlobRef(key or "", digest)
    return inputs


def _read_checkpoints(session: Session, job_id: str) -> tuple[ClaimedCheckpoint, ...]:
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.iteration.desc(), Checkpoint.fence.desc())
    )
    return tuple(
        ClaimedCheckpoint(
            row.iteration, BlobRef(row.key, row.digest), row.format_version
        )
        for row in rows
    )


def has_due_job(db: Database, device: Device) -> bool:
    """Return whether this device could claim a job now; for the watchdog."""
    with db.read() as session:
        _read_along_indexes(session)
        return session.scalar(_select_due(device)) is not None


@lru_cache  # building takes longer than executing
def _select_due(device: Device) -> Select[str]:
    """Statement that reads an owner with a job that the device could claim now."""
    return (
        select(Owner.id)
        .where(owner_may_run(), _head_of_owner(device).is_not(None))
        .limit(1)
    )
