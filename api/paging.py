"""Lists, a page at a time: where the last one ended, and where the next one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import Field

from api import cursor
from api.auth import current_owner_id
from api.openapi import Query
from api.services import current_services
from shared.key_models import ApiKey
from shared.models import Asset, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = TypeVar("Row", Job, Asset, ApiKey)


class PageQuery(Query):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, description="`next_cursor` of a page")

    def known(self) -> dict[str, object]:
        """What the address of the next page repeats."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"cursor"})


def turn(
    query: PageQuery,
    of: str,
    read: Callable[[int, tuple[float, str] | None], Sequence[Row]],
) -> tuple[Sequence[Row], str | None]:
    """Read a page; return it, and the cursor of the next one if there is one.

    Args:
        query: Which page.
        of: Of which list; its cursors are good for no other.
        read: Reads at most so many, older than the (created_at, id) it is given.

    Raises:
        BadCursor: The cursor is not of this list, or somebody else's.
    """
    secret, owner_id = current_services().secret, current_owner_id()
    before = None
    if query.cursor is not None:
        before = cursor.read(secret, owner_id, query.cursor, of)
    found = read(query.limit + 1, before)
    page = found[: query.limit]
    if len(found) == len(page):
        return page, None
    last = (page[-1].created_at, page[-1].id)
    return page, cursor.write(secret, owner_id, last, of)
