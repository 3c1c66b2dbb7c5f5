"""Flags that several commands share, from one table."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints

from impasto.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable


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
