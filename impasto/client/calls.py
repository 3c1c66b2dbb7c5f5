"""Calls: methods that are written once, for blocking code and for asyncio.

A call is a coroutine in which only the network waits. A blocking network never suspends
the coroutine, so a single step runs it to its end, without an event loop.
"""

from __future__ import annotations

from functools import wraps
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    overload,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """Base of classes with blocking calls."""


class Awaited:
    """Base of classes with calls as coroutines."""


class call(Generic[P, T]):  # noqa: N801 - a decorator, as `property` is one
    """Decorator of a coroutine method, which becomes blocking in `Blocking` objects.

    The class attribute is the plain coroutine function, for use in other calls.
    """

    def __init__(
        self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]
    ) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(
        self, owner: None, owner_class: type
    ) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, owner: Blocking, owner_class: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, owner: Awaited, owner_class: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, owner: object, owner_class: type) -> object:
        """Return the method in the form of its object's class."""
        return _bind(self._method, owner, _run)


class stream(Generic[P, T]):  # noqa: N801 - a decorator, too
    """Decorator of an asynchronous generator; a plain one in `Blocking` objects."""

    def __init__(
        self, method: Callable[Concatenate[Any, P], AsyncGenerator[T, None]]
    ) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(
        self, owner: None, owner_class: type
    ) -> Callable[Concatenate[Any, P], AsyncGenerator[T, None]]: ...
    @overload
    def __get__(
        self, owner: Blocking, owner_class: type
    ) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(
        self, owner: Awaited, owner_class: type
    ) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, owner: object, owner_class: type) -> object:
        """Return the method in the form of its object's class."""
        return _bind(self._method, owner, _iterate)


def _bind(
    method: Callable[..., Any], owner: object, block: Callable[[Any], Any]
) -> Callable[..., Any]:
    if owner is None:
        return method
    bound: Callable[..., Any] = method.__get__(owner)
    if not isinstance(owner, Blocking):
        return bound

    @wraps(bound)
    def blocking(*args: Any, **kwargs: Any) -> Any:
        return block(bound(*args, **kwargs))

    return blocking


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that is never suspended."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a blocking call waits for an event loop")


def _iterate(items: AsyncGenerator[T, None]) -> Iterator[T]:
    try:
        while True:
            try:
                item = _run(items.asend(None))
            except StopAsyncIteration:
                return
            yield item
    finally:
        _run(items.aclose())
