"""API keys: issued, stored only as their SHA-256, and deleted when revoked."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, not_, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from shared.db.base import new_id
from shared.db.models.auth import ApiKey, Owner
from shared.errors import FieldError, InvalidParams, NotFound, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

KEY_PREFIX = "imp_"
MAX_KEYS_PER_OWNER = 50  # limited, since each key has its own rate limits
OWNER_ID_PATTERN = r"^own_[A-Za-z0-9]{1,32}$"
MAX_KEY_DAYS = 3660
MAX_QUOTA = 1_000_000  # of requests per minute, and of an owner's jobs
LAST_USED_RESOLUTION_SECONDS = 60.0  # precision of `last_used_at`


class Scope(StrEnum):
    """Scope of an API key: its permissions."""

    READ = "read"  # read the owner's jobs and pictures
    WRITE = "write"  # create, steer and delete jobs and pictures
    KEYS = "keys"  # create, list and revoke the owner's keys
    ADMIN = "admin"  # everything, with the keys of all owners


DEFAULT_SCOPES = frozenset({Scope.READ, Scope.WRITE})


@dataclass(frozen=True, slots=True)
class NewKey:
    """API key to be issued.

    Attributes:
        name: Name for people.
        owner_id: Owner of the key, or None for a new owner.
        scopes: Scopes of the key.
        expires_in_seconds: Lifetime, or None for no expiry.
        submits_per_minute: Rate limit of submissions; None for the limit of the
            settings, 0 for none.
        requests_per_minute: Rate limit of all other requests, likewise.
        quotas: New values of `max_queued` and `max_running` of its owner.
        creator_key_id: Id of the key that issues this key, which must not expire later;
            None without such a key, or if it has the scope `admin`.
    """

    name: str = ""
    owner_id: str | None = None
    scopes: frozenset[Scope] = DEFAULT_SCOPES
    expires_in_seconds: float | None = None
    submits_per_minute: int | None = None
    requests_per_minute: int | None = None
    quotas: dict[str, int | None] = field(default_factory=dict)
    creator_key_id: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class ValidKey:
    """Valid API key, with the values that requests need.

    Attributes:
        expires_in_seconds: Remaining lifetime, or None for no expiry.
    """

    id: str
    owner_id: str
    scopes: frozenset[Scope]
    submits_per_minute: int | None
    requests_per_minute: int | None
    expires_in_seconds: float | None


def issue_key(db: Database, new_key: NewKey) -> tuple[ApiKey, str]:
    """Issue a key.

    Returns:
        Row of the key, and its token, which is not stored.

    Raises:
        InvalidParams: The owner has too many keys.
        Unauthenticated: The creating key has expired or was revoked meanwhile.
    """
    token = f"{KEY_PREFIX}{secrets.token_urlsafe(32)}"
    owner_id = new_key.owner_id or new_id("own")
    ensure_owner(db, owner_id)
    with db.write() as session:
        owner = session.get_one(Owner, owner_id, with_for_update=True)
        _enforce_key_limit(db, session, owner_id)
        for name, value in new_key.quotas.items():
            setattr(owner, name, value)
        now = session.scalar(select(db.now)) or 0.0
        key = ApiKey(
            id=new_id("key"),
            owner_id=owner_id,
            digest=key_digest(token),
            name=new_key.name,
            scopes=" ".join(sorted(new_key.scopes)),
            submits_per_minute=new_key.submits_per_minute,
            requests_per_minute=new_key.requests_per_minute,
            created_at=now,
            expires_at=_expiry_time(db, session, new_key, now),
        )
        session.add(key)
    return key, token


def find_key_by_token(db: Database, token: str) -> ValidKey | None:
    """Find the valid key of a token."""
    return _find_valid_key(db, ApiKey.digest == key_digest(token))


def find_key_by_id(db: Database, key_id: str) -> ValidKey | None:
    """Find a valid key by its id."""
    return _find_valid_key(db, ApiKey.id == key_id)


def filter_valid_keys(db: Database, key_ids: Collection[str]) -> set[str]:
    """Select the ids of the keys that are valid, in one query."""
    with db.read() as session:
        statement = select(ApiKey.id).where(ApiKey.id.in_(key_ids), _is_valid(db))
        return set(session.scalars(statement))


def query_keys(
    db: Database,
    owner_id: str | None = None,
    limit: int | None = None,
    before: tuple[float, str] | None = None,
) -> list[ApiKey]:
    """Read keys, newest first, including expired keys.

    Args:
        db: The database.
        owner_id: Owner of the keys, or None for all owners.
        limit: Maximum number of keys, or None for no limit.
        before: (created_at, id) of the last key of the previous page.
    """
    statement = select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
    statement = statement.limit(limit)
    if owner_id is not None:
        statement = statement.where(ApiKey.owner_id == owner_id)
    if before is not None:
        statement = statement.where(tuple_(ApiKey.created_at, ApiKey.id) < before)
    with db.read() as session:
        return list(session.scalars(statement))


def read_key(db: Database, key_id: str, owner_id: str | None = None) -> ApiKey:
    """Read a key, expired or not.

    Args:
        db: The database.
        key_id: Id of the key.
        owner_id: Owner that the key must have, or None for any.

    Raises:
        NotFound: No such key exists.
    """
    with db.read() as session:
        key = session.get(ApiKey, key_id)
    if key is None or owner_id not in {None, key.owner_id}:
        raise NotFound(f"there is no key {key_id}")
    return key


def delete_key(db: Database, key_id: str, owner_id: str | None = None) -> None:
    """Revoke a key by deleting it.

    Args:
        db: The database.
        key_id: Id of the key.
        owner_id: Owner that the key must have, or None for any.

    Raises:
        NotFound: No such key exists.
    """
    conditions = [ApiKey.id == key_id]
    if owner_id is not None:
        conditions.append(ApiKey.owner_id == owner_id)
    with db.write() as session:
        deleted = session.execute(
            delete(ApiKey).where(*conditions).returning(ApiKey.id)
        )
        if deleted.one_or_none() is None:
            raise NotFound(f"there is no key {key_id}")


def record_key_use(db: Database, key_ids: Iterable[str]) -> None:
    """Store the current time as the last use of these keys."""
    with db.write() as session:
        session.execute(
            update(ApiKey)
            .where(
                ApiKey.id.in_(list(key_ids)),
                or_(
                    ApiKey.last_used_at.is_(None),
                    ApiKey.last_used_at < db.now - LAST_USED_RESOLUTION_SECONDS / 2,
                ),
            )
            .values(last_used_at=db.now)
            .execution_options(synchronize_session=False)
        )


def get_owner(db: Database, owner_id: str) -> Owner | None:
    """Read the counts and quotas of an owner; None if it has no row yet."""
    with db.read() as session:
        return session.get(Owner, owner_id)


def parse_scopes(key: ApiKey) -> frozenset[Scope]:
    """Parse the scopes of a key; unknown scopes of later versions are ignored."""
    valid = set(Scope)
    return frozenset(Scope(word) for word in key.scopes.split() if word in valid)


def key_digest(token: str) -> str:
    """Compute the stored form of a token: its SHA-256 in hex."""
    # A key has 256 random bits, so its plain digest cannot be inverted by guessing.
    return hashlib.sha256(token.encode()).hexdigest()


def _enforce_key_limit(db: Database, session: Session, owner_id: str) -> None:
    """Check that the owner may have one more key; delete expired ones if necessary."""
    owned = ApiKey.owner_id == owner_id
    count = session.scalar(select(func.count()).where(owned)) or 0
    if count < MAX_KEYS_PER_OWNER:
        return
    expired = delete(ApiKey).where(owned, not_(_is_valid(db))).returning(ApiKey.id)
    expired_ids = session.scalars(
        expired.execution_options(synchronize_session=False)
    ).all()
    if count - len(expired_ids) >= MAX_KEYS_PER_OWNER:
        detail = f"{owner_id} has {MAX_KEYS_PER_OWNER} keys; revoke some"
        raise InvalidParams([FieldError("/owner", "too-many", detail)])


def _expiry_time(
    db: Database, session: Session, new_key: NewKey, now: float
) -> float | None:
    """Compute the expiry of a new key, not later than that of its creator.

    The creator is read again, since the cached key of the request may be outdated.
    """
    lifetime = new_key.expires_in_seconds
    candidates = [] if lifetime is None else [now + lifetime]
    if new_key.creator_key_id is not None:
        statement = select(ApiKey).where(
            ApiKey.id == new_key.creator_key_id, _is_valid(db)
        )
        creator = session.scalar(statement.with_for_update())
        if creator is None:
            raise Unauthenticated("the key that makes another has expired, or is gone")
        if creator.expires_at is not None:
            candidates.append(creator.expires_at)
    return min(candidates, default=None)


def _find_valid_key(db: Database, condition: Any) -> ValidKey | None:
    remaining = (ApiKey.expires_at - db.now).label("remaining")
    with db.read() as session:
        statement = select(ApiKey, remaining).where(condition, _is_valid(db))
        row = session.execute(statement).one_or_none()
    if row is None:
        return None
    key, expires_in_seconds = row
    return ValidKey(
        id=key.id,
        owner_id=key.owner_id,
        scopes=parse_scopes(key),
        submits_per_minute=key.submits_per_minute,
        requests_per_minute=key.requests_per_minute,
        expires_in_seconds=expires_in_seconds,
    )


def _is_valid(db: Database) -> ColumnElement[bool]:
    return or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > db.now)


def ensure_owner(db: Database, owner_id: str) -> None:
    """Insert the row of an owner if it is missing."""
    with db.read() as session:
        if session.get(Owner, owner_id) is not None:
            return
    try:
        with db.write() as session:
            session.add(Owner(id=owner_id, queued=0, running=0, created_at=db.now))
    except IntegrityError:
        return  # another process created the row meanwhile
