"""Uploaded pictures: kept once per owner and digest, listed, deleted.

Each upload that is kept has a blob of its own, which no other owner's row names: so a
deletion can remove it at once. The row outlives the bytes, as jobs that are over tell
the digests of what they were made from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import exists, select, tuple_
from sqlalchemy.exc import IntegrityError

from shared.db.models.assets import Asset
from shared.db.models.jobs import Job, JobInput
from shared.errors import AssetInUse, NotFound
from shared.ids import new_id
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from shared.db.database import Database


class Purpose(StrEnum):
    """What its owner says that a picture is for; it may be used for anything."""

    CONTENT = "content"
    STYLE = "style"
    MASK = "mask"
    INIT = "init"
    ANY = "any"
    SHIPPED = "shipped"  # Impasto brought it, nobody sent it


SENT_FOR = tuple(one for one in Purpose if one is not Purpose.SHIPPED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner says of a picture besides its bytes.

    Attributes:
        purpose: None: nothing, or as it was said before.
        expires_in_seconds: It may go then, once no job needs it; None: it may not.
    """

    purpose: Purpose | None = None
    expires_in_seconds: float | None = None

    @property
    def counts(self) -> bool:
        """Whether it changes a picture that is there: Impasto's own wishes do not."""
        return self.purpose is not Purpose.SHIPPED


@dataclass(frozen=True, slots=True)
class NewAsset:
    """A checked picture whose blob is stored.

    Attributes:
        wish: None: nothing is said of it, nor changed of one that is there.
    """

    owner_id: str
    digest: str
    key: str
    bytes: int
    media_type: str
    width: int
    height: int
    wish: Wish | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a picture.

    Attributes:
        id: Of the asset.
        key: Of the blob that it has; another one is of no use.
        is_new: Whether the owner did not have it.
    """

    id: str
    key: str
    is_new: bool


def add_asset(db: Database, new: NewAsset) -> str:
    """Return the id of the owner's asset with these bytes, made if it is new."""
    return keep_asset(db, new).id


def keep_asset(db: Database, new: NewAsset) -> Kept:
    """Give the owner a picture whose blob is durable; one that was deleted comes back.

    Of two at once the first one's blob counts.
    """
    wish = new.wish or Wish()
    try:
        with db.write() as session:
            if (known := _locked(session, new.owner_id, new.digest)) is None:
                row = _row(db, new)
                _fulfil(db, session, row, wish)
                session.add(row)
                known = session.scalars(_with(new.owner_id, new.digest)).one()
            elif known.key is None:
                known.key, known.purpose = new.key, Purpose.ANY
                _fulfil(db, session, known, wish)
            else:
                if new.wish is not None:
                    _prolong(db, session, known, new.wish)
                return Kept(known.id, known.key, is_new=False)
            return Kept(known.id, new.key, is_new=True)
    except IntegrityError:
        found = known_asset(db, new.owner_id, new.digest, new.wish)
        if found is None or found.key is None:
            raise
        return Kept(found.id, found.key, is_new=False)


def known_asset(
    db: Database, owner_id: str, digest: str, wish: Wish | None
) -> Asset | None:
    """Find the owner's picture, and do what is wished of it; None: it is not there."""
    if wish is None or not wish.counts:
        return asset_by_digest(db, owner_id, digest)
    return renew_asset(db, owner_id, digest, wish)


def renew_asset(db: Database, owner_id: str, digest: str, wish: Wish) -> Asset | None:
    """Do as the owner says, who has sent a picture again; None: it was not there.

    It lives as long as the longest of the owner's wishes.
    """
    with db.write() as session:
        known = _locked(session, owner_id, digest)
        if known is None or known.key is None:
            return None
        _prolong(db, session, known, wish)
    return known


def asset_by_digest(db: Database, owner_id: str, digest: str) -> Asset | None:
    """Read the owner's picture with this SHA-256, unless it was deleted."""
    with db.read() as session:
        mine = _with(owner_id, digest).where(Asset.key.is_not(None))
        return session.scalar(mine)


def get_asset(db: Database, owner_id: str, asset_id: str) -> Asset:
    """Read one uploaded picture's row.

    Raises:
        NotFound: This owner has no such asset.
    """
    mine = (Asset.id == asset_id, Asset.owner_id == owner_id, Asset.key.is_not(None))
    with db.read() as session:
        asset = session.scalar(select(Asset).where(*mine))
    if asset is None:
        raise NotFound(f"asset {asset_id} does not exist")
    return asset


def query_assets(
    db: Database,
    owner_id: str,
    limit: int,
    before: tuple[float, str] | None = None,
    purpose: Purpose | None = None,
) -> Sequence[Asset]:
    """Read an owner's pictures, newest first.

    Args:
        db: The database.
        owner_id: Whose.
        limit: At most so many.
        before: (created_at, id) of the last one already seen.
        purpose: Only those that are for this; None: all but shipped ones.
    """
    mine = select(Asset).where(Asset.owner_id == owner_id, Asset.key.is_not(None))
    if before is not None:
        mine = mine.where(tuple_(Asset.created_at, Asset.id) < before)
    wanted = Asset.purpose != Purpose.SHIPPED
    mine = mine.where(wanted if purpose is None else Asset.purpose == purpose)
    ordered = mine.order_by(Asset.created_at.desc(), Asset.id.desc()).limit(limit)
    with db.read() as session:
        return session.scalars(ordered).all()


def remove_asset(db: Database, owner_id: str, asset_id: str) -> str | None:
    """Let go of a picture that no job needs any more.

    Returns:
        The key of its blob, which no row names now; None if it was gone before.

    Raises:
        NotFound: The owner has never had it.
        AssetInUse: A job that is not over uses it.
    """
    mine = (Asset.id == asset_id, Asset.owner_id == owner_id)
    with db.write() as session:
        asset = session.scalar(select(Asset).where(*mine).with_for_update())
        if asset is None:
            raise NotFound(f"asset {asset_id} does not exist")
        if users := _users(session, asset_id):
            raise AssetInUse(asset_id, users)
        key, asset.key = asset.key, None
        return None if key is None or _is_named(session, key) else key


def _users(session: Session, asset_id: str) -> list[str]:
    """Some of the jobs that still need it."""
    wanted = (
        select(Job.id)
        .join(JobInput, JobInput.job_id == Job.id)
        .where(JobInput.asset_id == asset_id, Job.state.not_in(TERMINAL))
    )
    return sorted(set(session.scalars(wanted.limit(10))))


def _is_named(session: Session, key: str) -> bool:
    """Whether another owner has the same blob: before 0006 they shared them."""
    session.flush()
    return bool(session.scalar(select(exists().where(Asset.key == key))))


def _locked(session: Session, owner_id: str, digest: str) -> Asset | None:
    return session.scalar(_with(owner_id, digest).with_for_update())


def _with(owner_id: str, digest: str) -> Select[Asset]:
    return select(Asset).where(Asset.owner_id == owner_id, Asset.digest == digest)


def _prolong(db: Database, session: Session, known: Asset, wish: Wish) -> None:
    if not wish.counts:
        return
    until = known.expires_at
    if known.purpose == Purpose.SHIPPED:
        known.purpose = Purpose.ANY  # it is the owner's own now
    _fulfil(db, session, known, wish)
    if until is None or known.expires_at is None:
        known.expires_at = None
    else:
        known.expires_at = max(until, known.expires_at)


def _fulfil(db: Database, session: Session, asset: Asset, wish: Wish) -> None:
    if wish.purpose is not None:
        asset.purpose = wish.purpose
    asset.expires_at = None
    if wish.expires_in_seconds is not None:
        now = session.scalar(select(db.now)) or 0.0
        asset.expires_at = now + wish.expires_in_seconds


def _row(db: Database, new: NewAsset) -> Asset:
    return Asset(
        id=new_id("ast"),
        owner_id=new.owner_id,
        digest=new.digest,
        key=new.key,
        bytes=new.bytes,
        media_type=new.media_type,
        width=new.width,
        height=new.height,
        created_at=db.now,
    )
