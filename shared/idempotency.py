"""Requests that may be sent again: the first is answered, the others get that answer.

The first request holds the row from when its body is known until its answer is. The
job it makes enters the row in the job's own transaction, which checks that the row is
still held: of any number of requests, over any number of servers, one makes a job.
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

HOLD_SECONDS = 60.0  # after which a request is thought dead with its server
REPLAY_SECONDS = 24 * 3600.0
SLICE = 500  # rows swept at once


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that holds its row.

    Attributes:
        owner_id: Whose.
        scope: Method and path.
        token: The Idempotency-Key.
        holder: Which of the requests that sent it.
    """

    owner_id: str
    scope: str
    token: str
    holder: str


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """What the first request was answered; of a lost answer, only the job it made."""

    job_id: str | None
    status: int | None
    headers: Mapping[str, Any]
    body: str


def begin_request(
    db: Database, owner_id: str, scope: str, token: str, fingerprint: str
) -> IdempotentRequest | RecordedResponse:
    """Begin to answer a request, or find out what was answered.

    Raises:
        IdempotencyKeyReused: The key came with another request before.
        IdempotencyInProgress: That request is not answered yet.
    """
    mine = IdempotentRequest(owner_id, scope, token, secrets.token_hex(16))
    try:
        with db.write() as session:
            session.add(
                IdempotencyKey(
                    owner_id=owner_id,
                    scope=scope,
                    token=token,
                    fingerprint=fingerprint,
                    holder=mine.holder,
                    held_until=db.now + HOLD_SECONDS,
                    created_at=db.now,
                )
            )
    except IntegrityError:
        return _take_over(db, mine, fingerprint)
    return mine


def was_asked(db: Database, owner_id: str, scope: str, token: str) -> bool:
    """Whether a request with this key has come, whatever it asked for."""
    place = _place(IdempotentRequest(owner_id, scope, token, holder=""))
    with db.read() as session:
        return bool(session.scalar(select(exists().where(*place))))


def bind(session: Session, once: IdempotentRequest, job_id: str) -> None:
    """Enter the job into the row, in the job's own transaction.

    Raises:
        IdempotencyInProgress: Another request holds the row by now; it makes the job.
    """
    found = session.execute(
        update(IdempotencyKey)
        .where(*_held_by(once))
        .values(job_id=job_id)
        .returning(IdempotencyKey.token)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if found is None:
        raise IdempotencyInProgress("another request with this key has taken over")


def record_response(
    db: Database, once: IdempotentRequest, answer: RecordedResponse
) -> None:
    """Keep the answer for whoever asks again."""
    with db.write() as session:
        session.execute(
            update(IdempotencyKey)
            .where(*_held_by(once))
            .values(
                status=answer.status, headers=dict(answer.headers), body=answer.body
            )
        )


def abandon_request(db: Database, once: IdempotentRequest) -> None:
    """Forget a request that came to nothing, so that it can be sent again."""
    with db.write() as session:
        session.execute(
            delete(IdempotencyKey).where(
                *_held_by(once),
                IdempotencyKey.job_id.is_(None),
                IdempotencyKey.status.is_(None),
            )
        )


def drop_old_answers(db: Database) -> int:
    """Sweep answers that nobody may ask for any more; return how many went."""
    with db.write() as session:
        old = session.scalars(
            select(IdempotencyKey)
            .where(IdempotencyKey.created_at < db.now - REPLAY_SECONDS)
            .limit(SLICE)
            .with_for_update(skip_locked=True)
        ).all()
        for row in old:
            session.delete(row)
    return len(old)


def _take_over(
    db: Database, mine: IdempotentRequest, fingerprint: str
) -> IdempotentRequest | RecordedResponse:
    with db.write() as session:
        now = session.scalar(select(db.now)) or 0.0
        row = session.scalar(
            select(IdempotencyKey).where(*_place(mine)).with_for_update()
        )
        if row is None:  # let go in between: it came to nothing
            raise IdempotencyInProgress("the same request has just failed")
        # The sweeper may be late; the promise of 24 hours is not.
        is_old = row.created_at < now - REPLAY_SECONDS
        if not is_old and (known := _known(row, fingerprint, now)) is not None:
            return known
        row.fingerprint, row.created_at = fingerprint, now
        row.job_id = row.status = row.headers = row.body = None
        row.holder, row.held_until = mine.holder, now + HOLD_SECONDS
    return mine


def _known(
    row: IdempotencyKey, fingerprint: str, now: float
) -> RecordedResponse | None:
    """The answer that a row holds; None: whoever was to give it is gone."""
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key came with another request")
    if row.status is not None:
        return RecordedResponse(
            row.job_id, row.status, row.headers or {}, row.body or ""
        )
    if row.job_id is not None:  # committed: whoever answers may be gone, or waiting
        return RecordedResponse(row.job_id, None, {}, "")
    if row.held_until > now:
        raise IdempotencyInProgress("the same request is being answered")
    return None


def _held_by(once: IdempotentRequest) -> tuple[ColumnElement[bool], ...]:
    return (*_place(once), IdempotencyKey.holder == once.holder)


def _place(once: IdempotentRequest) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKey.owner_id == once.owner_id,
        IdempotencyKey.scope == once.scope,
        IdempotencyKey.token == once.token,
    )
