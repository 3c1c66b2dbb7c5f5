"""Bearer keys: made once, kept as their SHA-256 only, gone when they are revoked."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, not_, or_, select, tuple_, update

from shared.auth.owners import ensure_owner
from shared.db.models.auth import ApiKey
from shared.db.models.owners import Owner
from shared.errors import FieldError, InvalidParams, NotFound, Unauthenticated
from shared.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

KEY_PREFIX = "imp_"
MAX_KEYS_PER_OWNER = 50  # each has request budgets of its own
USE_SECONDS = 60.0  # how exactly the last use of a key is known


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"  # look at the owner's jobs and pictures
    WRITE = "write"  # make, steer and delete them
    KEYS = "keys"  # make, list and revoke the owner's keys
    ADMIN = "admin"  # everything, with the keys of all owners


USUAL = frozenset({Scope.READ, Scope.WRITE})


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made.

    Attributes:
        name: For people.
        owner_id: Whose; None: of a new owner.
        scopes: What it may do.
        expires_in_seconds: None: it never does.
        submits_per_minute: None: as the settings say; 0: no limit.
        requests_per_minute: The same, of all other requests.
        quotas: `max_queued` and `max_running` of its owner, where they change.
        made_with: Id of the key that makes it, which it must not outlive; None: none,
            or one that may do everything.
    """

    name: str = ""
    owner_id: str | None = None
    scopes: frozenset[Scope] = USUAL
    expires_in_seconds: float | None = None
    submits_per_minute: int | None = None
    requests_per_minute: int | None = None
    quotas: dict[str, int | None] = field(default_factory=dict)
    made_with: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that is valid now, as far as requests need to know.

    Attributes:
        expires_in_seconds: None: never.
    """

    id: str
    owner_id: str
    scopes: frozenset[Scope]
    submits_per_minute: int | None
    requests_per_minute: int | None
    expires_in_seconds: float | None


def issue_key(db: Database, new: NewKey) -> tuple[ApiKey, str]:
    """Make a key; the text of it is shown this once.

    Raises:
        InvalidParams: The owner has too many keys.
        Unauthenticated: The key that makes it has expired meanwhile, or was revoked.
    """
    token = f"{KEY_PREFIX}{secrets.token_urlsafe(32)}"
    owner_id = new.owner_id or new_id("own")
    ensure_owner(db, owner_id)
    with db.write() as session:
        owner = session.get_one(Owner, owner_id, with_for_update=True)
        _make_room(db, session, owner_id)
        for name, value in new.quotas.items():
            setattr(owner, name, value)
        now = session.scalar(select(db.now)) or 0.0
        key = ApiKey(
            id=new_id("key"),
            owner_id=owner_id,
            digest=key_digest(token),
            name=new.name,
            scopes=" ".join(sorted(new.scopes)),
            submits_per_minute=new.submits_per_minute,
            requests_per_minute=new.requests_per_minute,
            created_at=now,
            expires_at=_end(db, session, new, now),
        )
        session.add(key)
    return key, token


def find_key(db: Database, token: str) -> KnownKey | None:
    """Read the key that `token` is, if it is a valid one."""
    return _find(db, ApiKey.digest == key_digest(token))


def key_digests(db: Database) -> frozenset[str]:
    """Read what `key_digest` says of every key that there is, expired ones too."""
    with db.read() as session:
        return frozenset(session.scalars(select(ApiKey.digest)))


def get_key(db: Database, key_id: str) -> KnownKey | None:
    """Read a key by its id, if it is valid."""
    return _find(db, ApiKey.id == key_id)


def valid_keys(db: Database, key_ids: Collection[str]) -> set[str]:
    """Tell which of these keys still let somebody in, in one query."""
    with db.read() as session:
        known = select(ApiKey.id).where(ApiKey.id.in_(key_ids), _is_valid(db))
        return set(session.scalars(known))


def query_keys(
    db: Database,
    owner_id: str | None = None,
    limit: int | None = None,
    before: tuple[float, str] | None = None,
) -> list[ApiKey]:
    """Read keys, newest first; expired ones too.

    Args:
        db: The database.
        owner_id: Whose; None: everybody's.
        limit: At most so many; None: all.
        before: (created_at, id) of the last one already seen.
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
        key_id: Which.
        owner_id: Whose it must be; None: anybody's.

    Raises:
        NotFound: There is none.
    """
    with db.read() as session:
        key = session.get(ApiKey, key_id)
    if key is None or owner_id not in {None, key.owner_id}:
        raise NotFound(f"there is no key {key_id}")
    return key


def withdraw_key(db: Database, key_id: str, owner_id: str | None = None) -> None:
    """Delete a key, so that nobody is let in with it any more.

    Args:
        db: The database.
        key_id: Which.
        owner_id: Whose it must be; None: anybody's.

    Raises:
        NotFound: There is none.
    """
    which = [ApiKey.id == key_id]
    if owner_id is not None:
        which.append(ApiKey.owner_id == owner_id)
    with db.write() as session:
        gone = session.execute(delete(ApiKey).where(*which).returning(ApiKey.id))
        if gone.one_or_none() is None:
            raise NotFound(f"there is no key {key_id}")


def used_keys(db: Database, key_ids: Iterable[str]) -> None:
    """Note that these keys have just been used."""
    with db.write() as session:
        session.execute(
            update(ApiKey)
            .where(
                ApiKey.id.in_(list(key_ids)),
                or_(
                    ApiKey.last_used_at.is_(None),
                    ApiKey.last_used_at < db.now - USE_SECONDS / 2,
                ),
            )
            .values(last_used_at=db.now)
            .execution_options(synchronize_session=False)
        )


def get_owner(db: Database, owner_id: str) -> Owner | None:
    """Read an owner's counts and quotas; None: nothing was ever made by it."""
    with db.read() as session:
        return session.get(Owner, owner_id)


def scopes_of(key: ApiKey) -> frozenset[Scope]:
    """Read what a key may do; words of later versions grant nothing here."""
    known = set(Scope)
    return frozenset(Scope(word) for word in key.scopes.split() if word in known)


def key_digest(token: str) -> str:
    """Return what is kept of a key: its SHA-256 in hex."""
    # A key has 256 random bits: a plain digest cannot be guessed back.
    return hashlib.sha256(token.encode()).hexdigest()


def _make_room(db: Database, session: Session, owner_id: str) -> None:
    """Let there be room for one more; expired ones make room, and go only then."""
    mine = ApiKey.owner_id == owner_id
    count = session.scalar(select(func.count()).where(mine)) or 0
    if count < MAX_KEYS_PER_OWNER:
        return
    expired = delete(ApiKey).where(mine, not_(_is_valid(db))).returning(ApiKey.id)
    gone = session.scalars(expired.execution_options(synchronize_session=False)).all()
    if count - len(gone) >= MAX_KEYS_PER_OWNER:
        detail = f"{owner_id} has {MAX_KEYS_PER_OWNER} keys; revoke some"
        raise InvalidParams([FieldError("/owner", "too-many", detail)])


def _end(db: Database, session: Session, new: NewKey, now: float) -> float | None:
    """When the key ends: what its maker is known to have left is seconds old."""
    lasts = new.expires_in_seconds
    ends = [] if lasts is None else [now + lasts]
    if new.made_with is not None:
        still = select(ApiKey).where(ApiKey.id == new.made_with, _is_valid(db))
        maker = session.scalar(still.with_for_update())
        if maker is None:
            raise Unauthenticated("the key that makes another has expired, or is gone")
        ends += [] if maker.expires_at is None else [maker.expires_at]
    return min(ends, default=None)


def _find(db: Database, which: Any) -> KnownKey | None:
    left = (ApiKey.expires_at - db.now).label("left")
    with db.read() as session:
        valid = select(ApiKey, left).where(which, _is_valid(db))
        found = session.execute(valid).one_or_none()
    if found is None:
        return None
    key, expires_in_seconds = found
    return KnownKey(
        id=key.id,
        owner_id=key.owner_id,
        scopes=scopes_of(key),
        submits_per_minute=key.submits_per_minute,
        requests_per_minute=key.requests_per_minute,
        expires_in_seconds=expires_in_seconds,
    )


def _is_valid(db: Database) -> ColumnElement[bool]:
    return or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > db.now)
