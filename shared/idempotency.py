"""Idempotency: repeated requests with the same Idempotency-Key get the first response.

The first request holds the row of its key from the time when its body is read until its
response is recorded. The job is bound to the row in the transaction that inserts it,
which checks that the request still holds the row. So only one of many requests on many
servers submits a job.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import IntegrityError

from shared.db.models.auth import IdempotencyKey
from shared.errors import IdempotencyInProgress, IdempotencyKeyReused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

HOLD_SECONDS = 60.0  # after which the server of a request counts as crashed
REPLAY_SECONDS = 24 * 3600.0
BATCH_SIZE = 500  # rows deleted per transaction


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """Request that holds the row of its Idempotency-Key.

    Attributes:
        owner_id: Owner who sent the request.
        scope: Method and path.
        key: Idempotency-Key.
        holder: Random id of this request, different from others with the same key.
    """

    owner_id: str
    scope: str
    key: str
    holder: str


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """Response to the first request, or only its job if no response was recorded."""

    job_id: str | None
    status: int | None
    headers: Mapping[str, Any]
    body: str


def begin_request(
    db: Database, owner_id: str, scope: str, key: str, fingerprint: str
) -> IdempotentRequest | RecordedResponse:
    """Begin a request with an Idempotency-Key, or read the response to the first one.

    Raises:
        IdempotencyKeyReused: The key was used for a different request.
        IdempotencyInProgress: The first request has no response yet.
    """
    request = IdempotentRequest(owner_id, scope, key, secrets.token_hex(16))
    try:
        with db.write() as session:
            session.add(
                IdempotencyKey(
                    owner_id=owner_id,
                    scope=scope,
                    token=key,
                    fingerprint=fingerprint,
                    holder=request.holder,
                    held_until=db.now + HOLD_SECONDS,
                    created_at=db.now,
                )
            )
    except IntegrityError:
        return _take_over(db, request, fingerprint)
    return request


def has_request(db: Database, owner_id: str, scope: str, key: str) -> bool:
    """Return whether a request had this key, with any body."""
    conditions = _row_conditions(IdempotentRequest(owner_id, scope, key, holder=""))
    with db.read() as session:
        return bool(session.scalar(select(exists().where(*conditions))))


def bind_job(session: Session, request: IdempotentRequest, job_id: str) -> None:
    """Bind a job to the row of its request, in the job's own transaction.

    Raises:
        IdempotencyInProgress: Another request holds the row and submits the job.
    """
    row = session.execute(
        update(IdempotencyKey)
        .where(*_held_by(request))
        .values(job_id=job_id)
        .returning(IdempotencyKey.token)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        raise IdempotencyInProgress("another request with this key has taken over")


def record_response(
    db: Database, request: IdempotentRequest, response: RecordedResponse
) -> None:
    """Record the response, for requests with the same key."""
    with db.write() as session:
        session.execute(
            update(IdempotencyKey)
            .where(*_held_by(request))
            .values(
                status=response.status,
                headers=dict(response.headers),
                body=response.body,
            )
        )


def abandon_request(db: Database, request: IdempotentRequest) -> None:
    """Delete the row of a request that failed, so that it can be sent again."""
    with db.write() as session:
        session.execute(
            delete(IdempotencyKey).where(
                *_held_by(request),
                IdempotencyKey.job_id.is_(None),
                IdempotencyKey.status.is_(None),
            )
        )


def delete_expired_responses(db: Database) -> int:
    """Delete responses older than 24 hours in batches, and count them."""
    with db.write() as session:
        expired = session.scalars(
            select(IdempotencyKey)
            .where(IdempotencyKey.created_at < db.now - REPLAY_SECONDS)
            .limit(BATCH_SIZE)
            .with_for_update(skip_locked=True)
        ).all()
        for row in expired:
            session.delete(row)
    return len(expired)


def _take_over(
    db: Database, request: IdempotentRequest, fingerprint: str
) -> IdempotentRequest | RecordedResponse:
    with db.write() as session:
        now = session.scalar(select(db.now)) or 0.0
        is_abandoned = db.is_over(IdempotencyKey.held_until, HOLD_SECONDS)
        locked = session.execute(
            select(IdempotencyKey, is_abandoned)
            .where(*_row_conditions(request))
            .with_for_update()
        ).one_or_none()
        if locked is None:  # another request has deleted the row meanwhile
            raise IdempotencyInProgress("the same request has just failed")
        row, abandoned = locked
        # Expired rows may be deleted late, so their age is checked, too.
        if row.created_at >= now - REPLAY_SECONDS:
            response = _recorded_response(row, fingerprint, abandoned=abandoned)
            if response is not None:
                return response
        row.fingerprint, row.created_at = fingerprint, now
        row.job_id = row.status = row.headers = row.body = None
        row.holder, row.held_until = request.holder, now + HOLD_SECONDS
    return request


def _recorded_response(
    row: IdempotencyKey, fingerprint: str, *, abandoned: bool
) -> RecordedResponse | None:
    """Return the response in a row; None if the server of the request has crashed.

    Raises:
        IdempotencyKeyReused: The key was used for a different request.
        IdempotencyInProgress: The request has no response yet.
    """
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key came with another request")
    if row.status is not None:
        return RecordedResponse(
            row.job_id, row.status, row.headers or {}, row.body or ""
        )
    if row.job_id is not None:  # the job is committed, maybe without a response yet
        return RecordedResponse(row.job_id, None, {}, "")
    if not abandoned:
        raise IdempotencyInProgress("the same request is being answered")
    return None


def _held_by(request: IdempotentRequest) -> tuple[ColumnElement[bool], ...]:
    return (*_row_conditions(request), IdempotencyKey.holder == request.holder)


def _row_conditions(request: IdempotentRequest) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKey.owner_id == request.owner_id,
        IdempotencyKey.scope == request.scope,
        IdempotencyKey.token == request.key,
    )
