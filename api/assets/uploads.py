"""Uploaded pictures: checked, then stored once per owner and digest."""

from __future__ import annotations

from dataclasses import dataclass
from io import SEEK_END
from typing import TYPE_CHECKING

from ulid import ULID

from api.http.problems import PictureRefused
from api.http.slots import one_decoder
from api.idempotency import digest_of
from shared.assets import Kept, NewAsset, keep_asset, known_asset
from shared.auth.owners import ensure_owner
from shared.errors import ImageTooLarge, ImageUnreadable
from shared.images.inspect import PictureInfo, inspect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from werkzeug.datastructures import FileStorage

    from api.dependencies import Services
    from api.jobs.submission import Checked
    from shared.assets import Wish
    from shared.errors import ImpastoError

_REPEATED = {"style", "picture"}  # fields that may hold several files


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of a form, what it is for, and where it stands among its kind."""

    role: str
    position: int
    file: FileStorage

    @property
    def pointer(self) -> str:
        """Where the form has it."""
        if self.role in _REPEATED:
            return f"/{self.role}/{self.position}"
        if self.role in {"mask", "region"}:
            return f"/{self.role}_{self.position}"
        return f"/{self.role}"

    def read(self) -> bytes:
        """Read all of it, however often."""
        return self.rewound().read()

    def rewound(self) -> IO[bytes]:
        """Let it be read from its start."""
        self.file.stream.seek(0)
        return self.file.stream

    @property
    def size_bytes(self) -> int:
        """How many it has."""
        return self.file.stream.seek(0, SEEK_END)

    def digest(self) -> str:
        """Return its SHA-256 in hex."""
        return digest_of(self.file.stream)


_REPEATED = {"style", "picture"}  # fields that may hold several files


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture of the owner's in a role of a new job."""

    role: str
    position: int
    asset_id: str
    digest: str
    is_new: bool = False


def inspect_all(services: Services, pictures: Sequence[Picture]) -> list[Checked]:
    """Check all pictures.

    Raises:
        PictureRefused: Some are no pictures that we take; all are named.
    """
    checked, refused = _inspected(services, pictures)
    if refused is not None:
        raise refused
    return checked


def keep_all(
    services: Services,
    owner_id: str,
    checked: Sequence[Checked],
    wish: Wish | None = None,
) -> tuple[Stored, ...]:
    """Store pictures that have been checked.

    Args:
        services: The parts of the deployment.
        owner_id: Whose.
        checked: They are.
        wish: What their owner says of them; None: nothing.

    Raises:
        StorageFull: There is no room for them.
    """
    ensure_owner(services.database, owner_id)
    return tuple(_keep(services, owner_id, *one, wish) for one in checked)


def _inspected(
    services: Services, pictures: Sequence[Picture]
) -> tuple[list[Checked], PictureRefused | None]:
    """Look at all, and say what is wrong with those that are none."""
    checked: list[Checked] = []
    causes: dict[str, ImpastoError] = {}
    for one in pictures:
        try:
            with one_decoder(services):  # who waits for it has nothing in memory
                info = inspect(one.read(), services.settings.max_pixels)
        except (ImageUnreadable, ImageTooLarge) as error:
            causes[one.pointer] = error
        else:
            checked.append((one, info))
    return checked, PictureRefused(causes) if causes else None


def _keep(
    services: Services,
    owner_id: str,
    picture: Picture,
    info: PictureInfo,
    wish: Wish | None,
) -> Stored:
    digest = picture.digest()
    kept = _known(services, owner_id, digest, wish) or _store(
        services,
        picture,
        NewAsset(
            owner_id=owner_id,
            digest=digest,
            # A blob of this upload alone: a deletion of another cannot take it away.
            key=f"assets/{digest}-{ULID()}",
            bytes=picture.size_bytes,
            media_type=info.media_type,
            width=info.width,
            height=info.height,
            wish=wish,
        ),
    )
    return Stored(picture.role, picture.position, kept.id, digest, kept.is_new)


def _known(
    services: Services, owner_id: str, digest: str, wish: Wish | None
) -> Kept | None:
    found = known_asset(services.database, owner_id, digest, wish)
    if found is None or found.key is None:
        return None
    return Kept(found.id, found.key, is_new=False)


def _store(services: Services, picture: Picture, asset: NewAsset) -> Kept:
    services.storage.put(asset.key, picture.rewound())  # blob before row
    kept = keep_asset(services.database, asset)
    if kept.key != asset.key:  # another request was faster
        services.storage.delete(asset.key)
    return kept
