"""`impasto sheet`: makes a grid of one photo and style, by layers and weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.commands.run import Photo, connect_or_start_farm, read_photo
from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.options import StyleOptions, with_options, with_style_options
from impasto.cli.output import print_line, print_message
from impasto.cli.session import ApiUrl  # noqa: TC001 - Typer reads it
from impasto.cli.signals import raise_on_stop_signals
from impasto.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.client.params import StyleParams

_DRAFT_PARAMS: StyleParams = {"max_edge": 256, "quality": "draft"}
_GRID_PARAMS = {"style_weight", "content_layers"}


@dataclass(frozen=True, slots=True)
class GridOptions:
    """Options of the grid: its two parameters."""

    layers: Annotated[
        str, typer.Option(help="Content layers, one row each, shallow to deep.")
    ] = "relu1_2,relu2_2,relu3_2,relu4_2,relu5_2"
    style_weights: Annotated[
        str,
        typer.Option(
            help="Style weights (beta), one column each; --content-weight sets alpha."
        ),
    ] = "1,8,60"


@with_style_options
@with_options("grid_options", GridOptions)
def sheet(
    photo: Photo,
    style: Annotated[
        Path,
        typer.Argument(metavar="STYLE", exists=True, dir_okay=False, help="Painting."),
    ],
    *,
    options: StyleOptions,
    grid_options: GridOptions,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Path of the sheet.")
    ] = Path("sheet.png"),
    api_url: ApiUrl = None,
) -> None:
    """Paint PHOTO like STYLE in many small variants, and save them as one sheet.

    Ctrl-C, or another interruption, cancels all of its jobs. By default, they are
    drafts of 256 px.
    """
    # Imported here, since httpx2 and Pillow are slow to load.
    from impasto.cli.contact_sheet import (  # noqa: PLC0415
        Grid,
        render_cells,
        require_image_extension,
        save_contact_sheet,
    )
    from impasto.client.downloads import require_writable  # noqa: PLC0415

    require_writable(output)
    require_image_extension(output)
    request = options.to_request([style])
    grid = Grid(
        photo=read_photo(photo),
        style=request.styles[0],
        layers=_parse_names("--layers", grid_options.layers),
        style_weights=_parse_weights(grid_options.style_weights),
        params=_common_params(request.params),
        name=request.name,
        init_image=request.init_image,
        content_labels=request.content_labels,
        segments=request.segments,
    )
    with (
        connect_or_start_farm(api_url) as (client, _owns_farm),
        raise_on_stop_signals(),
    ):
        try:
            pictures = render_cells(client.jobs, grid, print_message)
        except KeyboardInterrupt:
            print_message("canceled the jobs of the sheet")
            raise typer.Exit(INTERRUPTED) from None
    print_line(str(save_contact_sheet(grid, pictures, output)))


def _common_params(params: StyleParams) -> StyleParams:
    """Return the parameters of all jobs of the sheet."""
    if conflicting := _GRID_PARAMS & params.keys():
        names = ", ".join(sorted(conflicting))
        raise InvalidOption(f"{names}: use --layers and --style-weights")
    return {**_DRAFT_PARAMS, **params}


def _parse_names(option: str, text: str) -> Sequence[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise InvalidOption(f"{option} {text!r}: name each once, by commas")
    return names


def _parse_weights(text: str) -> Sequence[float]:
    try:
        weights = [float(name) for name in _parse_names("--style-weights", text)]
    except ValueError as error:
        raise InvalidOption(
            f"--style-weights {text!r}: write numbers by commas, like 1,8,60"
        ) from error
    if len(set(weights)) < len(weights) or not all(map(math.isfinite, weights)):
        raise InvalidOption(
            f"--style-weights {text!r}: name each once, as a finite number"
        )
    return weights
