"""What may stand after the ? of an address.

Page cursors: where the last page ended, signed, and only for who asked.

Lists, a page at a time: where the last one ended, and where the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import override

from api.dependencies import current_services
from api.http.validation import field_errors
from shared.db.models.assets import Asset
from shared.db.models.auth import ApiKey
from shared.db.models.jobs import Job
from shared.errors import BadCursor, InvalidParams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self


class Query(BaseModel):
    """What may stand there; anything else is refused, and what may is named.

    flask-openapi asks for the schema at each request, and pydantic would make it anew:
    that takes longer than all else that a poll does.
    """

    model_config = ConfigDict(extra="forbid")

    @classmethod
    @override
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the schema, made once."""
        return dict(_schema(cls, args, tuple(kwargs.items())))

    @classmethod
    @override
    def model_validate(cls, obj: Any, **kwargs: Any) -> Self:
        """Check it.

        Raises:
            InvalidParams: Values are wrong or unknown; all are named.
        """
        try:
            return super().model_validate(obj, **kwargs)
        except ValidationError as error:
            raise InvalidParams(field_errors(error, cls, lists_known=True)) from error


@cache
def _schema(
    model: type[Query], args: tuple[Any, ...], named: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    return super(Query, model).model_json_schema(*args, **dict(named))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended.

    Attributes:
        created_at: Of the last one on it, seconds since 1970.
        row_id: Of the same.
        filters: What the list is of, as the next page is told in its address.
    """

    created_at: float
    row_id: str
    filters: dict[str, Any] = field(default_factory=dict)


def write(secret: bytes, owner_id: str, place: Place, of: str) -> str:
    """Sign where a page ended; `of` which kind."""
    told = [place.created_at, place.row_id, place.filters]
    return str(_signer(secret, owner_id, of).dumps(told))


def read_cursor(secret: bytes, owner_id: str, cursor: str, of: str) -> Place:
    """Return the place that `write` signed for this owner.

    Raises:
        BadCursor: This server did not sign it, or for somebody else or another list.
    """
    try:
        created_at, row_id, filters = _signer(secret, owner_id, of).loads(cursor)
    except (BadSignature, ValueError) as error:  # older ones know no filters
        raise BadCursor("the cursor is not one of this server's") from error
    return Place(float(created_at), str(row_id), filters)


def _signer(secret: bytes, owner_id: str, of: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=f"{of}-cursor:{owner_id}")


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


def read_page(
    query: Asked,
    owner_id: str,
    of: str,
    read: Callable[[Asked, int, tuple[float, str] | None], Sequence[Row]],
) -> Page[Asked, Row]:
    """Read a page.

    Args:
        query: Which page.
        owner_id: Owner of the rows; cursors are signed for one owner.
        of: Of which list; its cursors are good for no other.
        read: Reads what a query asks for: at most so many, older than the (created_at,
            id) it is given.

    Raises:
        BadCursor: The cursor is not of this list, or somebody else's.
    """
    secret = current_services().secret
    before = None
    if query.cursor is not None:
        query, before = _resumed(query, read_cursor(secret, owner_id, query.cursor, of))
    found = read(query, query.limit + 1, before)
    rows = found[: query.limit]
    if len(found) == len(rows):
        return Page(query, rows, None)
    last = Place(rows[-1].created_at, rows[-1].id, query.filters_told())
    return Page(query, rows, write(secret, owner_id, last, of))


def _resumed(query: Asked, place: Place) -> tuple[Asked, tuple[float, str]]:
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
