"""Assets: uploaded pictures, stored once per owner and digest.

Each asset has its own blob, which no row of another owner names, so that a deletion can
remove it at once. The row is kept after the blob, since ended jobs report the digests
of their inputs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import exists, select, tuple_
from sqlalchemy.exc import IntegrityError

from shared.db.base import new_id
from shared.db.models.assets import Asset
from shared.db.models.jobs import Job, JobInput, bump_versions
from shared.errors import AssetInUse, NotFound
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

    from shared.db.database import Database


class Purpose(StrEnum):
    """Purpose of a picture, set by its owner; it does not restrict the use."""

    CONTENT = "content"
    STYLE = "style"
    MASK = "mask"
    INIT = "init"
    ANY = "any"
    SHIPPED = "shipped"  # part of Impasto, not uploaded


UPLOAD_PURPOSES = tuple(
    purpose for purpose in Purpose if purpose is not Purpose.SHIPPED
)


@dataclass(frozen=True, slots=True)
class AssetOptions:
    """Options of an asset, set by its owner.

    Attributes:
        purpose: Purpose of the picture, or None for no change.
        expires_in_seconds: Lifetime after which the asset is deleted, unless a job
            needs it; None for no expiry.
    """

    purpose: Purpose | None = None
    expires_in_seconds: float | None = None

    @property
    def changes_existing(self) -> bool:
        """Return whether existing assets get the options; not for shipped pictures."""
        return self.purpose is not Purpose.SHIPPED


@dataclass(frozen=True, slots=True)
class NewAsset:
    """Checked picture with a stored blob, for a new asset.

    Attributes:
        options: Options of the asset, or None for no change of an existing asset.
    """

    owner_id: str
    digest: str
    key: str
    bytes: int
    media_type: str
    width: int
    height: int
    options: AssetOptions | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """Result of storing a picture as an asset.

    Attributes:
        id: Id of the asset.
        key: Key of its blob; a different blob of the caller is unused.
        is_new: True if the owner did not have the asset before.
    """

    id: str
    key: str
    is_new: bool


def add_asset(db: Database, new_asset: NewAsset) -> str:
    """Store a picture as an asset and return the asset's id."""
    return store_asset(db, new_asset).id


def store_asset(db: Database, new_asset: NewAsset) -> StoredAsset:
    """Store a picture with a durable blob as an asset of its owner.

    A deleted asset with the same digest is restored. If two calls run at the same time,
    the blob of the first is used.
    """
    owner_id, digest = new_asset.owner_id, new_asset.digest
    options = new_asset.options or AssetOptions()
    try:
        with db.write() as session:
            asset = _lock_asset(session, owner_id, digest)
            if asset is None:
                row = _asset_row(db, new_asset)
                _apply_options(db, session, row, options)
                session.add(row)
                asset = session.scalars(_by_digest(owner_id, digest)).one()
            elif asset.key is None:
                asset.key, asset.purpose = new_asset.key, Purpose.ANY
                bump_versions(session, _has_input(asset.id))
                _apply_options(db, session, asset, options)
            else:
                if new_asset.options is not None:
                    _extend_asset(db, session, asset, new_asset.options)
                return StoredAsset(asset.id, asset.key, is_new=False)
            return StoredAsset(asset.id, new_asset.key, is_new=True)
    except IntegrityError:
        existing = find_or_renew_asset(db, owner_id, digest, new_asset.options)
        if existing is None or existing.key is None:
            raise
        return StoredAsset(existing.id, existing.key, is_new=False)


def find_or_renew_asset(
    db: Database, owner_id: str, digest: str, options: AssetOptions | None
) -> Asset | None:
    """Find an asset of the owner, and apply options for existing assets."""
    if options is None or not options.changes_existing:
        return read_asset_by_digest(db, owner_id, digest)
    return renew_asset(db, owner_id, digest, options)


def renew_asset(
    db: Database, owner_id: str, digest: str, options: AssetOptions
) -> Asset | None:
    """Apply the options of a repeated upload to the existing asset, if there is one.

    The later of the old and the new expiry is stored.
    """
    with db.write() as session:
        asset = _lock_asset(session, owner_id, digest)
        if asset is None or asset.key is None:
            return None
        _extend_asset(db, session, asset, options)
    return asset


def read_asset_by_digest(db: Database, owner_id: str, digest: str) -> Asset | None:
    """Read the owner's asset with this SHA-256, unless it was deleted."""
    with db.read() as session:
        statement = _by_digest(owner_id, digest).where(Asset.key.is_not(None))
        return session.scalar(statement)


def get_asset(db: Database, owner_id: str, asset_id: str) -> Asset:
    """Read an asset of the owner.

    Raises:
        NotFound: This owner has no such asset.
    """
    owned = (Asset.id == asset_id, Asset.owner_id == owner_id, Asset.key.is_not(None))
    with db.read() as session:
        asset = session.scalar(select(Asset).where(*owned))
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
    """Read the assets of an owner, newest first.

    Args:
        db: The database.
        owner_id: Owner of the assets.
        limit: Maximum number of assets.
        before: (created_at, id) of the last asset of the previous page.
        purpose: Purpose of the assets, or None for all but `shipped`.
    """
    statement = select(Asset).where(Asset.owner_id == owner_id, Asset.key.is_not(None))
    if before is not None:
        statement = statement.where(tuple_(Asset.created_at, Asset.id) < before)
    not_shipped = Asset.purpose != Purpose.SHIPPED
    statement = (
        statement.where(not_shipped if purpose is None else Asset.purpose == purpose)
        .order_by(Asset.created_at.desc(), Asset.id.desc())
        .limit(limit)
    )
    with db.read() as session:
        return session.scalars(statement).all()


def remove_asset(db: Database, owner_id: str, asset_id: str) -> str | None:
    """Delete an asset that no job needs any more; its row is kept.

    Returns:
        Key of its blob, which no row names any more; None if it was deleted before.

    Raises:
        NotFound: The owner has never had the asset.
        AssetInUse: A job that has not ended uses the asset.
    """
    owned = (Asset.id == asset_id, Asset.owner_id == owner_id)
    with db.write() as session:
        # Before the asset, since a fork also locks its parent first.
        bump_versions(session, _has_input(asset_id))
        asset = session.scalar(select(Asset).where(*owned).with_for_update())
        if asset is None:
            raise NotFound(f"asset {asset_id} does not exist")
        if job_ids := _active_job_ids(session, asset_id):
            raise AssetInUse(asset_id, job_ids)
        key, asset.key = asset.key, None
        return None if key is None or _is_blob_referenced(session, key) else key


def _has_input(asset_id: str) -> ColumnElement[bool]:
    """SQL condition: a job has the asset among its inputs."""
    of_asset = select(JobInput.job_id).where(JobInput.asset_id == asset_id)
    return Job.id.in_(of_asset)


def _active_job_ids(session: Session, asset_id: str) -> list[str]:
    """Read the ids of at most 10 unfinished jobs that use the asset."""
    statement = (
        select(Job.id)
        .join(JobInput, JobInput.job_id == Job.id)
        .where(JobInput.asset_id == asset_id, Job.state.not_in(TERMINAL))
    )
    return sorted(set(session.scalars(statement.limit(10))))


def _is_blob_referenced(session: Session, key: str) -> bool:
    """Return whether another asset names the blob."""
    session.flush()
    return bool(session.scalar(select(exists().where(Asset.key == key))))


def _lock_asset(session: Session, owner_id: str, digest: str) -> Asset | None:
    return session.scalar(_by_digest(owner_id, digest).with_for_update())


def _by_digest(owner_id: str, digest: str) -> Select[Asset]:
    return select(Asset).where(Asset.owner_id == owner_id, Asset.digest == digest)


def _extend_asset(
    db: Database, session: Session, asset: Asset, options: AssetOptions
) -> None:
    if not options.changes_existing:
        return
    old_expiry = asset.expires_at
    if asset.purpose == Purpose.SHIPPED:
        asset.purpose = Purpose.ANY  # the owner has also uploaded it
    _apply_options(db, session, asset, options)
    if old_expiry is None or asset.expires_at is None:
        asset.expires_at = None
    else:
        asset.expires_at = max(old_expiry, asset.expires_at)


def _apply_options(
    db: Database, session: Session, asset: Asset, options: AssetOptions
) -> None:
    if options.purpose is not None:
        asset.purpose = options.purpose
    asset.expires_at = None
    if options.expires_in_seconds is not None:
        now = session.scalar(select(db.now)) or 0.0
        asset.expires_at = now + options.expires_in_seconds


def _asset_row(db: Database, new_asset: NewAsset) -> Asset:
    columns = asdict(new_asset)
    del columns["options"]
    return Asset(id=new_id("ast"), created_at=db.now, **columns)
