"""Submission of explorations, which use the shipped photos by default."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from api.assets.uploads import make_upload
from api.explorations.schemas import ExplorationForm, ExplorationRequest
from api.http.json_body import collect_body_errors
from api.http.multipart import CURL_AS_JSON, FormSpec
from api.idempotency import require_free_space
from api.jobs.job_pictures import PictureName, find_pictures
from api.jobs.submission import CheckedSubmission, store_and_enqueue
from api.jobs.submission_content import read_submission
from shared.assets import AssetOptions, Purpose
from shared.errors import FieldError
from shared.params.explore import MAX_PICTURES, MIN_PICTURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from api.http.multipart import Form
    from api.jobs.job_pictures import JobPicture
    from api.jobs.submission_content import SubmissionContent
    from shared.jobs.submit import SubmittedJob

EXPLORATION_FORM = FormSpec(
    "an exploration",
    ExplorationForm,
    "curl -F picture=@one.jpg -F picture=@two.jpg ...",
    f"""{CURL_AS_JSON} -d '{{"layers": ["relu3_1"]}}'""",
    takes_asset_ids=True,
)
SHIPPED_FOLDER = Path(__file__).resolve().parents[2] / "samples" / "photos"


def submit_exploration(
    dependencies: Dependencies, owner_id: str, request: Request
) -> SubmittedJob:
    """Submit an exploration from a form or JSON; its row is committed on return.

    A picture that was sent twice counts once.

    Raises:
        InvalidParams: Values are wrong, or there are too few pictures; lists all
            errors.
        InvalidImages: Only pictures are wrong.
        StorageFull: The storage has no space for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_free_space(dependencies)
    with read_submission(
        request, dependencies, EXPLORATION_FORM, ExplorationRequest, _place_files
    ) as content:
        errors: list[FieldError] = []
        exploration = collect_body_errors(
            content.body, ExplorationRequest, errors, dependencies.database.time
        )
        if not (content.body.get("pictures") or errors or content.errors):
            _add_shipped_pictures(content)
        names = _picture_names(content.body.get("pictures"))
        pictures, unknown, refused = find_pictures(
            dependencies, owner_id, names, content.uploads
        )
        errors += unknown
        distinct: dict[str, JobPicture] = {}
        for picture in pictures:
            numbered = replace(picture, position=len(distinct))
            distinct.setdefault(picture.digest, numbered)
        if not (errors or content.errors or refused):
            errors += _count_errors(len(pictures), len(distinct))
        exploration = content.require_valid(exploration, errors, refused)
        checked = CheckedSubmission(
            exploration, list(distinct.values()), content.uploads
        )
        return store_and_enqueue(dependencies, owner_id, checked)


def _place_files(content: SubmissionContent, form: Form) -> None:
    """Append the files of a form to the assets that its parameters name."""
    named = content.body.get("params", {}).get("pictures")
    if named is None:
        content.pointers["/pictures"] = "/picture"
        named = content.body["pictures"] = []
    if isinstance(named, list):
        begin = len(named)
        named += [
            content.add_file(file, f"/pictures/{begin + number}", f"picture/{number}")
            for number, file in enumerate(form.pictures["picture"][:MAX_PICTURES])
        ]


def _add_shipped_pictures(content: SubmissionContent) -> None:
    """Add the shipped photos as if they were uploaded, always in the same order."""
    options = AssetOptions(Purpose.SHIPPED)
    uploads = [
        make_upload(BytesIO(path.read_bytes()), options)
        for path in sorted(SHIPPED_FOLDER.glob("*.jpg"))
    ]
    content.uploads.update((upload.digest, upload) for upload in uploads)
    content.body["pictures"] = [upload.digest for upload in uploads]


def _picture_names(pictures: object) -> Iterable[PictureName]:
    """Yield the valid names of pictures in a body."""
    if isinstance(pictures, list):
        for position, name in enumerate(pictures[:MAX_PICTURES]):
            if isinstance(name, str):
                yield PictureName("picture", position, f"/pictures/{position}", name)


def _count_errors(sent: int, distinct: int) -> Iterable[FieldError]:
    if distinct < MIN_PICTURES:
        repeated = f" ({sent} in all, some of them the same)" if sent > distinct else ""
        detail = f"{distinct} distinct picture(s){repeated}, at least {MIN_PICTURES}"
        yield FieldError("/pictures", "too-few", detail)
