"""Pagination of lists: query parameters, signed cursors and pages of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from api.dependencies import current_dependencies
from shared.db.models.assets import Asset
from shared.db.models.auth import ApiKey
from shared.db.models.jobs import Job
from shared.errors import InvalidCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Query(BaseModel):
    """Base of the models of query parameters; unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Position in a list: the last row of a page.

    Attributes:
        created_at: Creation time of the row, in seconds since 1970.
        row_id: Id of the row.
        filters: Filters of the list, by query parameter.
    """

    created_at: float
    row_id: str
    filters: dict[str, Any] = field(default_factory=dict)


def sign_cursor(
    secret: bytes, owner_id: str, position: PagePosition, list_name: str
) -> str:
    """Return the signed cursor of a position in the list of this name."""
    members = [position.created_at, position.row_id, position.filters]
    return str(_signer(secret, owner_id, list_name).dumps(members))


def read_cursor(
    secret: bytes, owner_id: str, cursor: str, list_name: str
) -> PagePosition:
    """Return the position that `sign_cursor` signed for this owner.

    Raises:
        InvalidCursor: The cursor was not signed by this server for this owner and list.
    """
    try:
        created_at, row_id, filters = _signer(secret, owner_id, list_name).loads(cursor)
    except (
        BadSignature,
        ValueError,
    ) as error:  # cursors of older versions have no filters
        raise InvalidCursor("the cursor is not one of this server's") from error
    return PagePosition(float(created_at), str(row_id), filters)


def _signer(secret: bytes, owner_id: str, list_name: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=f"{list_name}-cursor:{owner_id}")


Row = TypeVar("Row", Job, Asset, ApiKey)
PageQueryT = TypeVar("PageQueryT", bound="PageQuery")


_PAGE_PARAMS = {"limit", "cursor", "count", "fields"}  # all others are filters


def _split_commas(value: object) -> list[str]:
    texts = value if isinstance(value, list | tuple) else [value]
    return [name.strip() for text in texts for name in str(text).split(",")]


class PageQuery(Query):
    """Query parameters of a list."""

    item_model: ClassVar[type[BaseModel]]

    fields: Annotated[list[str], BeforeValidator(_split_commas)] = Field(
        default=[],
        description="members of each item to return, repeated or separated by commas; "
        "default: all",
    )
    limit: int = Field(default=50, ge=1, le=200, description="maximum items per page")
    cursor: str | None = Field(
        default=None,
        description="`next_cursor` of the previous page; it contains the filters of "
        "the list, so that they need not be sent again",
    )

    @field_validator("fields")
    @classmethod
    def _are_members(cls, fields: list[str]) -> list[str]:
        members = cls.item_model.model_fields
        if unknown := [name for name in fields if name not in members]:
            names = ", ".join(members)
            raise ValueError(f"{unknown[0][:40]!r} is no member; known: {names}")
        return fields

    def link_params(self) -> dict[str, object]:
        """Return the parameters that the URL of the next page repeats."""
        params = self.model_dump(mode="json", exclude_none=True, exclude={"cursor"})
        written = {True: "true", False: "false"}
        return {
            name: written[value] if isinstance(value, bool) else value
            for name, value in params.items()
            if value != []
        }

    def active_filters(self) -> dict[str, object]:
        """Return the filters of this request, by query parameter."""
        params = self.link_params()
        return {
            name: value for name, value in params.items() if name not in _PAGE_PARAMS
        }


@dataclass(frozen=True, slots=True)
class Page(Generic[PageQueryT, Row]):
    """Page of a list, with its query and the next cursor.

    Attributes:
        query: Query of the request, with the filters of its cursor.
        rows: Rows of the page.
        next_cursor: Cursor of the next page, or None if this is the last.
    """

    query: PageQueryT
    rows: Sequence[Row]
    next_cursor: str | None


def read_page(
    query: PageQueryT,
    owner_id: str,
    list_name: str,
    read: Callable[[PageQueryT, int, tuple[float, str] | None], Sequence[Row]],
) -> Page[PageQueryT, Row]:
    """Read a page of a list.

    Args:
        query: Query of the request.
        owner_id: Owner of the rows; cursors are signed for one owner.
        list_name: Name of the list; its cursors are invalid for other lists.
        read: Function that reads the rows of a query, newest first. It takes the
            maximum number of rows and the (created_at, id) that they must precede.

    Raises:
        InvalidCursor: The cursor was not signed for this owner and this list.
    """
    secret = current_dependencies().secret
    before = None
    if query.cursor is not None:
        query, before = _resume(
            query, read_cursor(secret, owner_id, query.cursor, list_name)
        )
    rows_and_next = read(query, query.limit + 1, before)
    rows = rows_and_next[: query.limit]
    if len(rows_and_next) == len(rows):
        return Page(query, rows, None)
    last = PagePosition(rows[-1].created_at, rows[-1].id, query.active_filters())
    return Page(query, rows, sign_cursor(secret, owner_id, last, list_name))


def _resume(
    query: PageQueryT, position: PagePosition
) -> tuple[PageQueryT, tuple[float, str]]:
    """Return the query with the filters of the cursor, and where its page begins.

    Raises:
        InvalidCursor: The request has other filters than the cursor.
    """
    filters = query.active_filters()
    if filters and filters != position.filters:
        raise InvalidCursor(
            "the cursor is of a list with other filters",
            hint="leave them out, as the cursor knows them, or start without a cursor",
        )
    page_params = query.model_dump(include=_PAGE_PARAMS, exclude_unset=True)
    resumed_query = type(query).model_validate({**position.filters, **page_params})
    return resumed_query, (position.created_at, position.row_id)
