"""A new job, step by step: pictures checked, blobs stored, row committed, bell rung."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from ulid import ULID

from api.forms import JOB_FORM, received
from api.job_requests import job_request, pictures_of
from api.limits import one_decoder
from api.mask_checks import mask_errors
from api.problems import PictureRefused
from api.replays import asked_by, current_once, recognize, require_room
from api.ringing import ring
from api.work_digests import work_digest
from shared import images, jobs
from shared.errors import ImageTooLarge, ImageUnreadable, InvalidParams
from shared.estimates import need_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Request

    from api.forms import Form
    from api.job_options import JobOptions
    from api.job_requests import JobRequest, Picture
    from api.services import Services
    from shared.errors import FieldError, ImpastoError
    from shared.params import StyleParams
    from shared.steering import Segment

    Checked = tuple[Picture, images.PictureInfo]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture of the owner's in a role of a new job."""

    role: str
    position: int
    asset_id: str
    digest: str
    is_new: bool = False


class Wanted(Protocol):
    """What a request says of a job besides its parameters and pictures."""

    @property
    def name(self) -> str | None:
        """For people."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Planned changes."""

    @property
    def options(self) -> JobOptions:
        """How it is treated."""


def submit(services: Services, owner_id: str, request: Request) -> jobs.Submitted:
    """Take a job in a form, with its pictures; it is durable by then.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named.
        PictureRefused: A file is not a picture we take.
        StorageFull: There is no room for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_room(services)
    with received(request, services, JOB_FORM) as form:
        recognize(asked_by(form))
        wanted, checked = checked_form(services, form)
        stored = keep_all(services, owner_id, checked)
    return enqueue(services, new_job(owner_id, wanted.params, stored, wanted))


def checked_form(services: Services, form: Form) -> tuple[JobRequest, list[Checked]]:
    """Check all that a form says and all of its pictures.

    Raises:
        MalformedJson: A field that holds JSON does not.
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named, also pictures that we do not take.
        PictureRefused: There is nothing wrong but some of the pictures.
    """
    wanted: JobRequest | None = None
    errors: list[FieldError] = []
    try:
        wanted = job_request(form, services.database.time)
    except InvalidParams as error:
        errors += error.errors
    checked, refused = _inspected(services, pictures_of(form))
    errors += mask_errors(services, checked)
    if refused is not None and not errors:
        raise refused
    if refused is not None or wanted is None or errors:
        raise InvalidParams([*errors, *(refused.errors if refused else ())])
    return wanted, checked


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
    wish: jobs.Wish | None = None,
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
    jobs.ensure_owner(services.database, owner_id)
    return tuple(_keep(services, owner_id, *one, wish) for one in checked)


def enqueue(services: Services, new: jobs.NewJob) -> jobs.Submitted:
    """Make the row, and ring for it; or find the job that may be taken for it.

    Raises:
        QueueFull: Too many jobs are waiting.
    """
    said = jobs.submit_or_reuse(
        services.database, new, limits_of(services), current_once()
    )
    event = "job_reused" if said.reused else "job_submitted"
    log.info(event, job_id=said.job_id, owner_id=new.owner_id)
    if not said.reused:
        ring(services, said.job_id)
    return said


def new_job(
    owner_id: str, params: StyleParams, stored: Sequence[Stored], wanted: Wanted
) -> jobs.NewJob:
    """Put a style job together, whose pictures are the owner's by now."""
    named: dict[str, dict[int, str]] = {}
    for one in stored:
        named.setdefault(one.role, {})[one.position] = one.asset_id
    digests = {(one.role, one.position): one.digest for one in stored}
    return jobs.NewJob(
        owner_id=owner_id,
        params=params.with_images(named),
        inputs=tuple(
            jobs.Input(one.role, one.position, one.asset_id) for one in stored
        ),
        name=wanted.name,
        need_bytes=need_bytes(params),
        segments=wanted.segments,
        params_digest=work_digest(params, wanted.segments, digests),
        **asdict(wanted.options),
    )


def _inspected(
    services: Services, pictures: Sequence[Picture]
) -> tuple[list[Checked], PictureRefused | None]:
    """Look at all, and say what is wrong with those that are none."""
    checked: list[Checked] = []
    causes: dict[str, ImpastoError] = {}
    for one in pictures:
        try:
            with one_decoder(services):  # who waits for it has nothing in memory
                info = images.inspect(one.read(), services.settings.max_pixels)
        except (ImageUnreadable, ImageTooLarge) as error:
            causes[one.pointer] = error
        else:
            checked.append((one, info))
    return checked, PictureRefused(causes) if causes else None


def _keep(
    services: Services,
    owner_id: str,
    picture: Picture,
    info: images.PictureInfo,
    wish: jobs.Wish | None,
) -> Stored:
    digest = picture.digest()
    kept = _known(services, owner_id, digest, wish) or _store(
        services,
        picture,
        jobs.NewAsset(
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
    services: Services, owner_id: str, digest: str, wish: jobs.Wish | None
) -> jobs.Kept | None:
    found = jobs.known_asset(services.database, owner_id, digest, wish)
    if found is None or found.key is None:
        return None
    return jobs.Kept(found.id, found.key, is_new=False)


def _store(services: Services, picture: Picture, asset: jobs.NewAsset) -> jobs.Kept:
    services.storage.put(asset.key, picture.rewound())  # blob before row
    kept = jobs.keep_asset(services.database, asset)
    if kept.key != asset.key:  # another request was faster
        services.storage.delete(asset.key)
    return kept


def limits_of(services: Services) -> jobs.Limits:
    """How many jobs may wait here, and how often one is tried."""
    settings = services.settings
    return jobs.Limits(
        max_queued_per_owner=settings.max_queued_per_owner,
        max_queued=settings.max_queued,
        max_attempts=settings.max_attempts,
    )
