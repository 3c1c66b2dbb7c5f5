"""`impasto sheet`: one photo and one style, over content layers and style weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.commands.run import Photo, client_of_some_farm
from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.options import Recipe, with_flags, with_recipe
from impasto.cli.output import print_line, say
from impasto.cli.session import ApiUrl  # noqa: TC001 - Typer reads it
from impasto.cli.signals import stop_signals_raise
from impasto.errors import BadFlag
from impasto.local.components import require_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SMALL: dict[str, object] = {"max_edge": 256, "quality": "draft"}
_OURS = {"style_weight", "content_layers"}


@dataclass(frozen=True, slots=True)
class Axes:
    """What the pictures of the sheet differ in."""

    layers: Annotated[
        str, typer.Option(help="Content layers, a row each, shallow to deep.")
    ] = "relu1_2,relu2_2,relu3_2,relu4_2,relu5_2"
    style_weights: Annotated[
        str, typer.Option(help="Beta, a column each; alpha is --content-weight.")
    ] = "1,8,60"


@with_recipe
@with_flags("axes", Axes)
def sheet(
    photo: Photo,
    style: Annotated[
        Path,
        typer.Argument(metavar="STYLE", exists=True, dir_okay=False, help="Painting."),
    ],
    *,
    recipe: Recipe,
    axes: Axes,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where the sheet goes.")
    ] = Path("sheet.png"),
    api_url: ApiUrl = None,
) -> None:
    """Paint PHOTO like STYLE in many small ways, and lay them out as one sheet.

    Ctrl-C, or any other end, cancels all of its jobs. Without other flags, they are
    256 px drafts.
    """
    require_parts("sheet")
    # Both load httpx or Pillow, which no other command should pay.
    from impasto.cli.contact_sheet import Grid, paint, require_ending, save_grid  # noqa: PLC0415
    from impasto.client.downloads import require_place  # noqa: PLC0415

    require_place(output)
    require_ending(output)
    wanted = recipe.read([style])
    grid = Grid(
        photo=photo,
        style=wanted.paintings[0],
        layers=_words("--layers", axes.layers),
        style_weights=_numbers(axes.style_weights),
        params=_params(wanted.params),
        name=wanted.name,
        init_image=wanted.init_image,
        segments=wanted.segments,
    )
    with client_of_some_farm(api_url) as (client, _is_ours), stop_signals_raise():
        try:
            pictures = paint(client.jobs, grid, say)
        except KeyboardInterrupt:
            say("canceled the jobs of the sheet")
            raise typer.Exit(INTERRUPTED) from None
    print_line(str(save_grid(grid, pictures, output)))


def _params(asked: Mapping[str, object]) -> dict[str, object]:
    """What all jobs of the sheet have in common."""
    if taken := _OURS & asked.keys():
        raise BadFlag(f"{', '.join(sorted(taken))}: use --layers and --style-weights")
    return _SMALL | dict(asked)


def _words(flag: str, text: str) -> Sequence[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words) or len(set(words)) < len(words):
        raise BadFlag(f"{flag} {text!r}: name each once, by commas")
    return words


def _numbers(text: str) -> Sequence[float]:
    try:
        numbers = [float(word) for word in _words("--style-weights", text)]
    except ValueError as error:
        raise BadFlag(
            f"--style-weights {text!r}: write numbers by commas, like 1,8,60"
        ) from error
    if len(set(numbers)) < len(numbers) or not all(map(math.isfinite, numbers)):
        raise BadFlag(f"--style-weights {text!r}: name each once, as a finite number")
    return numbers
