"""The flags of one style transfer, defined once for `run` and `submit`."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from impasto.errors import BadFlag

if TYPE_CHECKING:
    from collections.abc import Callable


OPTIONS = ("priority", "max_attempts", "keep_every", "start_deadline", "cancel_after")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What was asked for; None leaves the choice to the server."""

    max_edge: Annotated[
        int | None, typer.Option(help="Long side of the result, px.")
    ] = None
    quality: Annotated[str | None, typer.Option(help="draft, standard or fine.")] = None
    schedule: Annotated[
        str | None,
        typer.Option(
            help='Iterations by long side, instead of --quality: "128:60,256:30".'
        ),
    ] = None
    style_weight: Annotated[
        float | None, typer.Option(help="How strong the style is (beta).")
    ] = None
    content_weight: Annotated[
        float | None, typer.Option(help="How faithful to the photo (alpha).")
    ] = None
    tv_weight: Annotated[float | None, typer.Option(help="How smooth.")] = None
    optimizer: Annotated[str | None, typer.Option(help="lbfgs, adam or gd.")] = None
    init: Annotated[
        str | None, typer.Option(help="Start from content, noise or image.")
    ] = None
    init_image: Annotated[
        Path | None,
        typer.Option(help="The picture to start from.", exists=True, dir_okay=False),
    ] = None
    seed: Annotated[int | None, typer.Option(help="Of the noise start.")] = None
    network: Annotated[str | None, typer.Option(help="vgg16 or vgg19.")] = None
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=JSON", help="Any other parameter; may be repeated."
        ),
    ] = None
    name: Annotated[str | None, typer.Option(help="A name for the job.")] = None
    priority: Annotated[
        str | None, typer.Option(help="low, normal or high: an hour of waiting each.")
    ] = None
    max_attempts: Annotated[int | None, typer.Option(help="Tries.")] = None
    keep_every: Annotated[
        int | None, typer.Option(help="Keep a checkpoint for forks every so often.")
    ] = None
    start_deadline: Annotated[
        str | None,
        typer.Option(help="Expire if not started by then: a time, or seconds."),
    ] = None
    cancel_after: Annotated[
        str | None,
        typer.Option(help="Cancel if not done by then: a time, or seconds."),
    ] = None

    def options(self) -> dict[str, str]:
        """Return how the job shall be treated, as far as that was asked for."""
        given = {name: getattr(self, name) for name in OPTIONS}
        return {name: str(value) for name, value in given.items() if value is not None}

    def params(self) -> dict[str, object]:
        """Return the fields of StyleParams that were asked for.

        Raises:
            BadFlag: The schedule or a `--set` cannot be read.
        """
        elsewhere = {"set_", "name", "init_image", "schedule", *OPTIONS}
        params: dict[str, object] = {
            field.name: value
            for field in fields(self)
            if field.name not in elsewhere
            and (value := getattr(self, field.name)) is not None
        }
        if self.init_image is not None:
            params.setdefault("init", "image")
        if self.schedule is not None:
            stages = read_schedule(self.schedule)
            params["schedule"] = stages
            params.setdefault("max_edge", stages[-1][0])  # where a schedule must end
        return params | dict(_read_setting(each) for each in self.set_ or ())


def read_schedule(text: str) -> list[list[int]]:
    """Read `128:60,256:30` as [[long side in px, iterations], ...].

    Raises:
        BadFlag: It is written in another way.
    """
    try:
        stages = [[int(part) for part in each.split(":")] for each in text.split(",")]
    except ValueError as error:
        raise _bad_schedule(text) from error
    if any(len(stage) != 2 for stage in stages):  # noqa: PLR2004 - a pair
        raise _bad_schedule(text)
    return stages


def _bad_schedule(text: str) -> BadFlag:
    return BadFlag(f"--schedule {text!r}: write SIDE:ITERATIONS,... like 128:60,256:30")


def _read_setting(text: str) -> tuple[str, object]:
    key, found, value = text.partition("=")
    try:
        return key, json.loads(value if found else "")
    except ValueError as error:
        raise BadFlag(
            f"--set {text!r}: write KEY=JSON, like tv_weight=0.1 or init='\"noise\"'"
        ) from error


def with_recipe(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags of `Recipe` in place of its argument `recipe`.

    Typer reads a function's signature; so two commands would spell out all flags twice.
    """
    hints = get_type_hints(command, include_extras=True)
    flags = get_type_hints(Recipe, include_extras=True)
    signature = inspect.signature(command)
    own = [
        each.replace(annotation=hints[each.name])
        for each in signature.parameters.values()
        if each.name != "recipe"
    ]
    more = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=flag
        )
        for name, flag in flags.items()
    ]

    @wraps(command)
    def wrapper(**given: Any) -> None:
        recipe = Recipe(**{name: given.pop(name) for name in flags})
        command(**given, recipe=recipe)

    del wrapper.__wrapped__  # else Typer reads that one
    wrapper.__annotations__ = {each.name: each.annotation for each in (*own, *more)}
    wrapper.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    return wrapper
