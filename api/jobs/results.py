"""A finished picture in another format or smaller, made on the way out.

The pictures that a job has made: its result, and all files of one with several.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import Response, request
from PIL import Image
from pydantic import Field

from api.dependencies import current_services
from api.http.pagination import Query
from api.http.responses import picture_answer
from api.http.routes import get, make_blueprint
from api.http.slots import one_decoder
from api.job_view.lookup import JobPath, OutputPath, find_job, find_output
from api.job_view.serializer import present
from shared.errors import ResultNeverComes, ResultNotReady, ResultPurged
from shared.images.decode import opened
from shared.params.formats import FORMATS, ResultFormat, format_of_key
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from api.dependencies import Services
    from shared.db.models.jobs import Job

# As results are written themselves.
_OPTIONS: Mapping[ResultFormat, dict[str, Any]] = {
    "png": {},
    "tiff": {"compression": "tiff_adobe_deflate"},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95, "exact": True},
}


def rendition(
    services: Services, key: str, format_: ResultFormat, max_edge: int | None
) -> bytes:
    """Write a stored picture anew, with 8 bits per channel and without its recipe.

    Args:
        services: Bound how many pictures are decoded, and in memory, at once.
        key: Of the stored file.
        format_: What it becomes.
        max_edge: Long side, px; a picture is never made larger. None: as it is.

    Raises:
        ServerBusy: Too many pictures are being decoded.
        StorageError: The file is gone, or cannot be read.
        ImageUnreadable: The stored file is damaged.
    """
    with one_decoder(services), opened(services.storage.get(key)) as image:
        image.load()
        profile = image.info.get("icc_profile")
        picture = _plain(image, FORMATS[format_].transparent)
        if max_edge is not None:
            picture.thumbnail((max_edge, max_edge), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        picture.save(buffer, format_, icc_profile=profile, **_OPTIONS[format_])
    return buffer.getvalue()


def _plain(image: Image.Image, is_transparent: bool) -> Image.Image:
    """Reduce to RGB or RGBA; on white, where the format knows no transparency."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    if is_transparent:
        return picture
    laid = Image.new("RGB", picture.size, "white")
    laid.paste(picture, mask=picture.getchannel("A"))
    return laid


blueprint = make_blueprint("pictures", "What jobs have made.")

_RESULTS = ", ".join(each.media_type for each in FORMATS.values())
_FOREVER = "private, max-age=31536000, immutable"


class ResultQuery(Query):
    """How the picture is wanted; as it was made, if nothing is said."""

    format: ResultFormat | None = None
    max_edge: int | None = Field(
        default=None, ge=16, le=8192, description="long side in px; never enlarged"
    )


@get(
    blueprint, "/v1/jobs/<job_id>/result", s200=_RESULTS, s404=None, s409=None,
    s410=None,
)  # fmt: skip
def show_result(path: JobPath, query: ResultQuery) -> Response:
    """Download the finished picture, in the format that its job asked for.

    In another one with `format`, or with an Accept that leaves its own out; that has 8
    bits per channel and no recipe. Of a job that makes several files, the first.
    """
    job = find_job(path.job_id)
    key, digest = _finished(job)
    own = _name_of(key)
    wanted = query.format or _acceptable(own)
    is_own = wanted == own and (
        query.max_edge is None
        or query.max_edge >= max(job.result_width or 0, job.result_height or 0)
    )
    etag = digest if is_own else f"{digest}-{wanted}-{query.max_edge or 0}"
    name = f"impasto-{job.id}{FORMATS[wanted].ending}"
    response = _known(etag)
    if response is None:
        file = _file(key, wanted, query.max_edge, is_own=is_own)
        media_type = FORMATS[wanted].media_type
        response = picture_answer(file, media_type, etag, _FOREVER, name)
    response.vary.add("Accept")
    return response


@get(blueprint, "/v1/jobs/<job_id>/outputs/<name>", s200="*/*", s404=None)
def show_output(path: OutputPath) -> Response:
    """Download one of the files of a job that makes several."""
    output = find_output(path.job_id, path.name)
    file = current_services().storage.open(output.key)
    return picture_answer(file, output.media_type, output.digest, _FOREVER, output.name)


def _finished(job: Job) -> tuple[str, str]:
    """The key and the digest of a job's picture.

    Raises:
        ResultPurged: It was kept long enough.
        ResultNeverComes: There will be none.
        ResultNotReady: There is none yet.
    """
    if job.result_key is None and job.result_digest is not None:
        raise ResultPurged(f"the picture of job {job.id} is kept no longer")
    if job.result_key is None or job.result_digest is None:
        if job.state in TERMINAL:
            raise _never(job)
        hint = "wait until its state is succeeded"
        raise ResultNotReady(f"job {job.id} is {job.state}", hint=hint)
    return job.result_key, job.result_digest


def _never(job: Job) -> ResultNeverComes:
    said = present(current_services().database, job)
    why = said.error.message if said.error else said.state_reason or ""
    return ResultNeverComes(job.id, job.state, said.allowed_actions, why)


def _name_of(key: str) -> ResultFormat:
    kind = format_of_key(key)
    return next(name for name, each in FORMATS.items() if each is kind)


def _acceptable(own: ResultFormat) -> ResultFormat:
    """The picture's own format, unless the caller takes only others."""
    accepted = request.accept_mimetypes
    if not accepted or accepted.quality(FORMATS[own].media_type) > 0:
        return own
    taken = {name: accepted.quality(each.media_type) for name, each in FORMATS.items()}
    best = max(taken, key=lambda name: taken[name])
    return best if taken[best] > 0 else own


def _known(etag: str) -> Response | None:
    """304, before anything is computed for a caller who has it."""
    if not request.if_none_match.contains(etag):
        return None
    response = Response(status=304)
    response.set_etag(etag)
    response.headers["Cache-Control"] = _FOREVER
    return response


def _file(
    key: str, wanted: ResultFormat, max_edge: int | None, *, is_own: bool
) -> IO[bytes]:
    services = current_services()
    if is_own:
        return services.storage.open(key)
    return BytesIO(rendition(services, key, wanted, max_edge))
