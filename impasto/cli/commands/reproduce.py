"""The command that makes a picture again and compares: reproduce."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.exit_codes import DIFFERENT
from impasto.cli.output import print_line, say
from impasto.cli.session import ApiUrl, connect
from impasto.cli.watch import follow
from impasto.client.downloads import require_place
from impasto.client.formats import ending
from impasto.errors import ApiError, CannotReproduce
from impasto.images.compare import Verdict, differences, psnr_db
from impasto.images.provenance import Origin, read_origin, same_job
from impasto.local.components import require_parts

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
        help="A picture with its recipe, or a manifest.",
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
        typer.Option("-o", "--output", help="Default: FILE with -again in its name."),
    ] = None,
    api_url: ApiUrl = None,
) -> None:
    """Make a picture again and say whether it is the same, bit by bit."""
    require_parts("reproduce")
    origin = read_origin(file)
    media = origin.said["params"].get("format")
    path = output or file.with_name(f"{file.stem}-again{ending(media)}")
    require_place(path)
    with connect(api_url) as client:
        job = client.jobs.submit_stored(
            same_job(origin, _assets(client, origin, pictures or ()))
        )
        say(f"submitted {job.id}")
        job = follow(client.jobs, job.id)
        client.jobs.download(job.id, path)
        verdict = _compared(client, origin, job, path)
    for reason in verdict.reasons:
        say(reason)
    print_line(f"{path}: {verdict.told()}")
    if not verdict.equal:
        raise typer.Exit(DIFFERENT)


def _assets(client: Client, origin: Origin, given: Sequence[Path]) -> dict[str, str]:
    """Find every picture on the server, or send it; ids by digest.

    Raises:
        CannotReproduce: Some are neither there nor given.
    """
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in given}
    ids, missing = {}, []
    for (role, position), digest in origin.digests.items():
        if digest in files:
            ids[digest] = client.assets.upload(files[digest]).id
        elif (known := client.assets.find(digest)) is not None:
            ids[digest] = known.id
        else:
            missing.append(f"{role} {position + 1}: sha256 {digest}")
    if missing:
        raise CannotReproduce(
            f"pictures are missing: {'; '.join(missing)}",
            hint="give their files behind FILE",
        )
    return ids


def _compared(client: Client, origin: Origin, job: Job, path: Path) -> Verdict:
    if hashlib.sha256(path.read_bytes()).hexdigest() == origin.sha256:
        return Verdict(equal=True)
    now = Origin(client.jobs.manifest(job.id), None, path)
    reasons = differences(origin.made_with, now.made_with)
    for when, each in (("then", origin), ("now", now)):
        if not each.said.get("exact", True):
            reasons.append(f"not exact {when}: {each.said.get('exact_reason')}")
    return Verdict(
        equal=False, psnr_db=_psnr(client, origin, path), reasons=tuple(reasons)
    )


def _psnr(client: Client, origin: Origin, path: Path) -> float | None:
    """Compare to the first picture: the file itself, or what its job still has."""
    if origin.picture is not None:
        return psnr_db(origin.picture, path)
    with TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        try:
            client.jobs.download(str(origin.said["job_id"]), first)
        except ApiError:
            return None
        return psnr_db(first, path)
