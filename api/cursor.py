"""Page cursors: where the last page ended, signed, and only for who asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from shared.errors import BadCursor


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


def read(secret: bytes, owner_id: str, cursor: str, of: str) -> Place:
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
