"""The command that says what a job would take."""

from __future__ import annotations

from impasto.cli.commands.run import Photo, Styles  # noqa: TC001 - Typer reads them
from impasto.cli.options import Recipe, with_recipe
from impasto.cli.output import print_line
from impasto.cli.render import foretold
from impasto.cli.session import ApiUrl, AsJson, connect


@with_recipe
def estimate(
    photo: Photo,
    styles: Styles,
    *,
    recipe: Recipe,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say how long a picture would take, and when it would start; queues nothing."""
    wanted = recipe.read(styles)
    with connect(api_url) as client:
        said = client.jobs.estimate(
            photo,
            wanted.paintings,
            params=wanted.params,
            init_image=wanted.init_image,
            options=wanted.options,
            segments=wanted.segments,
        )
    print_line(said.as_json(indent=2) if as_json else foretold(said))
