"""`impasto recipe`: shows the recipe that a picture file contains."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import Annotated

import typer

from impasto.cli.output import print_line
from impasto.images.recipe_reader import read_recipe


def recipe(
    picture: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True),
    ],
) -> None:
    """Print the recipe that a picture file contains, as JSON."""
    print_line(json.dumps(read_recipe(picture), indent=2, ensure_ascii=False))
