"""Views of results: the finished picture, converted on request, and other outputs."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import Response, request
from PIL import Image
from pydantic import Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.header_sets import PICTURE
from api.http.pagination import Query
from api.http.problems import PROBLEM_TYPE
from api.http.responses import file_stem, image_response
from api.http.routes import get, make_blueprint
from api.job_view.lookup import JobPath, OutputPath, find_job, find_output
from api.job_view.serializer import read_job_object
from shared.errors import (
    NotAcceptable,
    ResultNotReady,
    ResultPurged,
    ResultUnavailable,
)
from shared.images.decode import open_image
from shared.params.formats import FORMATS, ResultFormat, format_of_key
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from api.dependencies import Dependencies
    from shared.db.models.jobs import Job

# Equal to the options of results that workers write.
_ENCODER_OPTIONS: Mapping[ResultFormat, dict[str, Any]] = {
    "png": {},
    "tiff": {"compression": "tiff_adobe_deflate"},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95, "exact": True},
}


def make_rendition(
    dependencies: Dependencies, key: str, format_: ResultFormat, max_edge: int | None
) -> bytes:
    """Convert a stored picture, to 8 bits per channel and without its recipe.

    Args:
        dependencies: Dependencies of the app; limit concurrent decoding.
        key: Key of the stored file.
        format_: Format of the rendition.
        max_edge: Maximum long side, px; None for the stored size. Pictures are never
            enlarged.

    Raises:
        ServerBusy: Too many pictures are being decoded.
        StorageError: The file is missing, or cannot be read.
        ImageUnreadable: The stored file is damaged.
    """
    slot = dependencies.decoder_slots.hold(current_owner_id())
    with slot, open_image(dependencies.storage.get(key)) as image:
        image.load()
        profile = image.info.get("icc_profile")
        picture = _to_8_bit(image, FORMATS[format_].supports_alpha)
        if max_edge is not None:
            picture.thumbnail((max_edge, max_edge), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        picture.save(buffer, format_, icc_profile=profile, **_ENCODER_OPTIONS[format_])
    return buffer.getvalue()


def _to_8_bit(image: Image.Image, supports_alpha: bool) -> Image.Image:
    """Convert a picture to RGB or RGBA, on white if the format has no transparency."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    if supports_alpha:
        return picture
    opaque = Image.new("RGB", picture.size, "white")
    opaque.paste(picture, mask=picture.getchannel("A"))
    return opaque


blueprint = make_blueprint("results", "Results and other files of jobs.")

_RESULTS = ", ".join(format_.media_type for format_ in FORMATS.values())
_IMMUTABLE = "private, max-age=31536000, immutable"


class ResultQuery(Query):
    """Query parameters of the result: format and size; default: as stored."""

    format: ResultFormat | None = Field(
        default=None,
        description="format of the picture; default: by Accept, or the format of the "
        "job",
    )
    max_edge: int | None = Field(
        default=None,
        ge=16,
        le=8192,
        description="maximum long side, px; the picture is never enlarged",
    )


@get(
    blueprint, "/v1/jobs/<job_id>/result", *PICTURE, s200=_RESULTS, s406=None, s409=None
)
def show_result(path: JobPath, query: ResultQuery) -> Response:
    """Download the finished picture, in the format that the job requested.

    `format`, or an Accept without the original format, converts the picture to another
    format, with 8 bits per channel and without recipe. A job with several files sends
    the first. 406: Accept allows no picture.
    """
    job = find_job(path.job_id)
    key, digest = _finished_result(job)
    original_format = _format_name(key)
    format_ = query.format or _negotiate_format(original_format)
    is_original = format_ == original_format and (
        query.max_edge is None
        or query.max_edge >= max(job.result_width or 0, job.result_height or 0)
    )
    etag = digest if is_original else f"{digest}-{format_}-{query.max_edge or 0}"
    name = f"{file_stem(job.name, job.id)}{FORMATS[format_].extension}"
    response = _not_modified(etag)
    if response is None:
        file = _open_result(key, format_, query.max_edge, is_original=is_original)
        media_type = FORMATS[format_].media_type
        response = image_response(file, media_type, etag, _IMMUTABLE, name)
    response.vary.add("Accept")
    return response


@get(blueprint, "/v1/jobs/<job_id>/outputs/<name>", *PICTURE, s200="*/*")
def show_output(path: OutputPath) -> Response:
    """Download one file of a job that produces several files."""
    output = find_output(path.job_id, path.name)
    file = current_dependencies().storage.open(output.key)
    return image_response(
        file, output.media_type, output.digest, _IMMUTABLE, output.name
    )


def _finished_result(job: Job) -> tuple[str, str]:
    """Return the key and the digest of the result of a job.

    Raises:
        ResultPurged: The retention time of the result is over.
        ResultUnavailable: The job has ended without a result.
        ResultNotReady: The job has no result yet.
    """
    if job.result_key is None and job.result_digest is not None:
        raise ResultPurged(f"the picture of job {job.id} is kept no longer")
    if job.result_key is None or job.result_digest is None:
        if job.state in TERMINAL:
            raise _never_comes(job)
        hint = "wait until its state is succeeded"
        raise ResultNotReady(f"job {job.id} is {job.state}", hint=hint)
    return job.result_key, job.result_digest


def _never_comes(job: Job) -> ResultUnavailable:
    view = read_job_object(current_dependencies().database, job)
    reason = view.error.message if view.error else view.state_reason
    hints = {
        "retry": f"POST /v1/jobs/{job.id}/retry makes a new job that tries again",
        "fork": f"POST /v1/jobs/{job.id}/fork one that goes on from a checkpoint",
    }
    applicable = [text for name, text in hints.items() if name in view.allowed_actions]
    return ResultUnavailable(
        f"job {job.id} is {job.state}{f': {reason}' if reason else ''}; it has no "
        "picture",
        job.state,
        view.allowed_actions,
        hint="there will be none; " + "; ".join(applicable or ["submit it again"]),
    )


def _format_name(key: str) -> ResultFormat:
    format_ = format_of_key(key)
    return next(name for name, candidate in FORMATS.items() if candidate is format_)


def _negotiate_format(original: ResultFormat) -> ResultFormat:
    """Return the original format, unless Accept allows only other formats.

    Generated clients name the type of errors only, and take any result.

    Raises:
        NotAcceptable: Accept allows no picture, such as JSON only.
    """
    accepted = request.accept_mimetypes
    if not accepted or accepted.quality(FORMATS[original].media_type) > 0:
        return original
    qualities = {
        name: accepted.quality(format_.media_type) for name, format_ in FORMATS.items()
    }
    best = max(qualities, key=lambda name: qualities[name])
    if qualities[best] > 0:
        return best
    named = set(accepted.values())
    if PROBLEM_TYPE in named and not any(name.startswith("image/") for name in named):
        return original
    raise NotAcceptable(
        f"the result is a picture, and Accept is {request.headers['Accept'][:60]!r}",
        hint=f"{NotAcceptable.hint}; GET /v1/jobs/{{id}} describes the result as JSON",
    )


def _not_modified(etag: str) -> Response | None:
    """Return 304 if If-None-Match has the ETag, before anything is decoded."""
    if not request.if_none_match.contains(etag):
        return None
    response = Response(status=304)
    response.set_etag(etag)
    response.headers["Cache-Control"] = _IMMUTABLE
    return response


def _open_result(
    key: str, format_: ResultFormat, max_edge: int | None, *, is_original: bool
) -> IO[bytes]:
    dependencies = current_dependencies()
    if is_original:
        return dependencies.storage.open(key)
    return BytesIO(make_rendition(dependencies, key, format_, max_edge))
