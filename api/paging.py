"""Lists, a page at a time: where the last one ended, and where the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import Field

from api import cursor
from api.auth import current_owner_id
from api.queries import Query
from api.services import current_services
from shared.errors import BadCursor
from shared.key_models import ApiKey
from shared.models import Asset, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = TypeVar("Row", Job, Asset, ApiKey)
Asked = TypeVar("Asked", bound="PageQuery")


_PLACE = {"limit", "cursor", "count"}  # not what is listed, but how


class PageQuery(Query):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(
        default=None,
        description="`next_cursor` of a page: it knows the filters of its list, which "
        "need not be sent again",
    )

    def known(self) -> dict[str, object]:
        """What the address of the next page repeats."""
        told = self.model_dump(mode="json", exclude_none=True, exclude={"cursor"})
        return {name: value for name, value in told.items() if value != []}

    def filters_told(self) -> dict[str, object]:
        """What is listed, as far as this request says."""
        return {name: told for name, told in self.known().items() if name not in _PLACE}


@dataclass(frozen=True, slots=True)
class Page(Generic[Asked, Row]):
    """A page of a list.

    Attributes:
        query: What was asked, with the filters that its cursor knows.
        rows: What is on it.
        following: The cursor of the next one, if there is one.
    """

    query: Asked
    rows: Sequence[Row]
    following: str | None


def turn(
    query: Asked,
    of: str,
    read: Callable[[Asked, int, tuple[float, str] | None], Sequence[Row]],
) -> Page[Asked, Row]:
    """Read a page.

    Args:
        query: Which page.
        of: Of which list; its cursors are good for no other.
        read: Reads what a query asks for: at most so many, older than the (created_at,
            id) it is given.

    Raises:
        BadCursor: The cursor is not of this list, or somebody else's.
    """
    secret, owner_id = current_services().secret, current_owner_id()
    before = None
    if query.cursor is not None:
        query, before = _resumed(query, cursor.read(secret, owner_id, query.cursor, of))
    found = read(query, query.limit + 1, before)
    rows = found[: query.limit]
    if len(found) == len(rows):
        return Page(query, rows, None)
    last = cursor.Place(rows[-1].created_at, rows[-1].id, query.filters_told())
    return Page(query, rows, cursor.write(secret, owner_id, last, of))


def _resumed(query: Asked, place: cursor.Place) -> tuple[Asked, tuple[float, str]]:
    """Let the cursor say what is listed.

    Raises:
        BadCursor: The request says something else.
    """
    told = query.filters_told()
    if told and told != place.filters:
        raise BadCursor(
            "the cursor is of a list with other filters",
            hint="leave them out, as the cursor knows them, or start without a cursor",
        )
    how = query.model_dump(include=_PLACE, exclude_unset=True)
    whole = type(query).model_validate({**place.filters, **how})
    return whole, (place.created_at, place.row_id)
