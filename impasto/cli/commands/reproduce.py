"""`impasto reproduce`: reproduces a picture, and compares both."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.exit_codes import DIFFERENT
from impasto.cli.output import print_line, print_message
from impasto.cli.session import STDIO, ApiUrl, connect
from impasto.cli.watch import follow_job
from impasto.client.formats import file_extension
from impasto.errors import ApiError, CannotReproduce, InvalidId
from impasto.images.compare import Comparison, describe_differences, measure_psnr_db
from impasto.images.provenance import (
    PictureProvenance,
    read_provenance,
    reproduction_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.client.client import Client
    from impasto.client.models import Job

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Picture with its recipe, or manifest.",
    ),
]
Pictures = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PICTURE",
        exists=True,
        dir_okay=False,
        help="What it was made from, in any order; needed where the server does "
        "not have it.",
    ),
]


def reproduce(
    file: File,
    pictures: Pictures = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Path of the new picture; default: FILE with -again in its name.",
        ),
    ] = None,
    api_url: ApiUrl = None,
) -> None:
    """Reproduce a picture, and say whether it has the same bits."""
    from impasto.client.downloads import require_writable  # noqa: PLC0415

    original = read_provenance(file)
    extension = file_extension(original.recipe["params"].get("format"))
    path = output or file.with_name(f"{file.stem}-again{extension}")
    if path == STDIO:
        raise CannotReproduce(
            "standard output cannot be compared with a picture",
            hint="give the path of a file: -o PATH",
        )
    require_writable(path)
    with connect(api_url) as client:
        asset_ids = _find_or_upload_assets(client, original, pictures or ())
        job = client.jobs.submit_stored(reproduction_request(original, asset_ids))
        print_message(f"submitted {job.id}")
        job = follow_job(client.jobs, job.id)
        client.jobs.download(job.id, path)
        comparison = _compare(client, original, job, path)
    for reason in comparison.reasons:
        print_message(reason)
    print_line(f"{path}: {comparison.summary()}")
    if not comparison.equal:
        raise typer.Exit(DIFFERENT)


def _find_or_upload_assets(
    client: Client, original: PictureProvenance, pictures: Sequence[Path]
) -> dict[str, str]:
    """Upload the given inputs, find the others on the server, and return ids by digest.

    Raises:
        CannotReproduce: Some inputs are neither given nor on the server.
    """
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in pictures}
    ids, missing = {}, []
    for (role, position), digest in original.input_digests.items():
        if digest in files:
            ids[digest] = client.assets.upload(files[digest]).id
        elif (asset := client.assets.find(digest)) is not None:
            ids[digest] = asset.id
        else:
            missing.append(f"{role} {position + 1}: sha256 {digest}")
    if missing:
        raise CannotReproduce(
            f"pictures are missing: {'; '.join(missing)}",
            hint="give their files behind FILE",
        )
    return ids


def _compare(
    client: Client, original: PictureProvenance, job: Job, path: Path
) -> Comparison:
    if hashlib.sha256(path.read_bytes()).hexdigest() == original.sha256:
        return Comparison(equal=True)
    reproduced = PictureProvenance(client.jobs.manifest(job.id), None, path)
    reasons = describe_differences(original.made_with, reproduced.made_with)
    for when, provenance in (("then", original), ("now", reproduced)):
        if not provenance.recipe.get("exact", True):
            reasons.append(f"not exact {when}: {provenance.recipe.get('exact_reason')}")
    return Comparison(
        equal=False,
        psnr_db=_psnr_to_original(client, original, path),
        reasons=tuple(reasons),
    )


def _psnr_to_original(
    client: Client, original: PictureProvenance, path: Path
) -> float | None:
    """Compare a picture to the original: the given file, or the result of its job."""
    if original.picture is not None:
        return measure_psnr_db(original.picture, path)
    with TemporaryDirectory() as folder:
        original_path = Path(folder) / "original"
        try:
            client.jobs.download(str(original.recipe["job_id"]), original_path)
        except (ApiError, InvalidId):
            return None
        return measure_psnr_db(original_path, path)
