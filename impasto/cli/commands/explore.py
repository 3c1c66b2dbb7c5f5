"""`impasto explore`: saves contact sheets of patches that excite a network's layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from impasto.cli.commands.run import connect_or_start_farm
from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.options import with_options
from impasto.cli.output import print_line, print_message
from impasto.cli.session import ApiUrl  # noqa: TC001 - Typer reads it
from impasto.cli.watch import detached_message, farm_stopping_message, follow_job
from impasto.errors import InvalidOption

if TYPE_CHECKING:
    from impasto.client.params import ExploreParams, JobOptions


@dataclass(frozen=True, slots=True)
class ExploreOptions:
    """Options of an exploration; None leaves the choice to the server."""

    layers: Annotated[
        str | None, typer.Option(help='Layers, separated by commas: "relu3_1,relu4_1".')
    ] = None
    units: Annotated[
        str | None,
        typer.Option(help='Units of each layer, separated by commas: "3,7".'),
    ] = None
    top_k: Annotated[
        int | None, typer.Option(help="Number of units per layer, the strongest.")
    ] = None
    patches: Annotated[
        int | None, typer.Option(help="Patches per unit, at most 9.")
    ] = None
    max_edge: Annotated[
        int | None, typer.Option(help="Long side to which pictures are shrunk, px.")
    ] = None
    network: Annotated[
        str | None,
        typer.Option(help="vgg16, or vgg19: torchvision's VGG-19 (IMAGENET1K_V1)."),
    ] = None
    pooling: Annotated[str | None, typer.Option(help="max or average.")] = None
    name: Annotated[str | None, typer.Option(help="Name of the job.")] = None
    reuse: Annotated[
        str | None,
        typer.Option(help="Return an equal job: never, finished, finished_or_active."),
    ] = None

    def params(self) -> ExploreParams:
        """Return the given fields of ExploreParams.

        Raises:
            InvalidOption: The units are no numbers.
        """
        names = ("top_k", "patches", "max_edge", "network", "pooling")
        given = {
            name: value for name in names if (value := getattr(self, name)) is not None
        }
        params = cast("ExploreParams", given)  # the server checks the values
        if self.layers is not None:
            params["layers"] = [layer.strip() for layer in self.layers.split(",")]
        if self.units is not None:
            params["units"] = _parse_units(self.units)
        return params


@with_options("options", ExploreOptions)
def explore(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PICTURE",
            exists=True,
            dir_okay=False,
            help="At least nine pictures; default: the shipped photos.",
        ),
    ] = None,
    *,
    options: ExploreOptions,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the sheets.")
    ] = Path("explored"),
    api_url: ApiUrl = None,
) -> None:
    """Show which patches of pictures excite the units of a network's layers."""
    from impasto.client.downloads import make_folder  # noqa: PLC0415 - for this alone

    params = options.params()
    make_folder(output)
    with connect_or_start_farm(api_url) as (client, owns_farm):
        job_id = client.jobs.explore(
            pictures or (),
            params=params,
            name=options.name,
            options=cast("JobOptions", {"reuse": options.reuse}),
        ).id
        try:
            print_message(f"submitted {job_id}")
            job = follow_job(client.jobs, job_id)
            for path in client.jobs.download_outputs(job, output):
                print_line(str(path))
        except KeyboardInterrupt:
            print_message(
                farm_stopping_message(job_id) if owns_farm else detached_message(job_id)
            )
            raise typer.Exit(INTERRUPTED) from None


def _parse_units(text: str) -> list[int]:
    try:
        return [int(unit) for unit in text.split(",")]
    except ValueError as error:
        raise InvalidOption(
            f"--units {text!r}: write numbers by commas, like 3,7"
        ) from error
