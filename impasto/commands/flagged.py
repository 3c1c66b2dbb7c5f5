"""Flags that several commands share, from one table."""

from __future__ import annotations

import inspect
from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints

from impasto.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable


def with_flags(
    parameter: str, kind: type
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of a dataclass in place of its argument `parameter`.

    Typer reads a function's signature; so commands would spell out shared flags anew,
    and take more arguments than anybody can follow.
    """
    flags = get_type_hints(kind, include_extras=True)
    more = [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=each.default,
            annotation=flags[each.name],
        )
        for each in fields(kind)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        signature = inspect.signature(command)
        own = [
            each.replace(annotation=hints[each.name])
            for each in signature.parameters.values()
            if each.name != parameter
        ]

        @wraps(command)
        def wrapper(**given: Any) -> None:
            value = kind(**{name: given.pop(name) for name in flags})
            command(**given, **{parameter: value})

        del wrapper.__wrapped__  # else Typer reads that one
        every = [*own, *more]
        wrapper.__annotations__ = {each.name: each.annotation for each in every}
        wrapper.__signature__ = signature.replace(parameters=every)  # type: ignore[attr-defined]
        return wrapper

    return decorate


with_recipe = with_flags("recipe", Recipe)
