"""The command that says what a job would take."""

from __future__ import annotations

from impasto.commands.flagged import with_recipe
from impasto.commands.run import Photo, Styles  # noqa: TC001 - Typer reads them
from impasto.recipe import Recipe  # noqa: TC001 - Typer reads it
from impasto.session import ApiUrl, AsJson, connect
from impasto.talk import print_line
from impasto.wording import foretold


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
