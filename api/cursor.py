"""Page cursors: where the last page ended, signed, and only for who asked."""

from __future__ import annotations

from itsdangerous import BadSignature, URLSafeSerializer

from shared.errors import BadCursor


def write(secret: bytes, owner_id: str, position: tuple[float, str], of: str) -> str:
    """Sign the (created_at, id) of the last one on a page; `of` which kind."""
    return str(_signer(secret, owner_id, of).dumps(position))


def read(secret: bytes, owner_id: str, cursor: str, of: str) -> tuple[float, str]:
    """Return the (created_at, id) that `write` signed for this owner.

    Raises:
        BadCursor: This server did not sign it, or for somebody else or another list.
    """
    try:
        created_at, row_id = _signer(secret, owner_id, of).loads(cursor)
    except BadSignature as error:
        raise BadCursor("the cursor is not one of this server's") from error
    return float(created_at), str(row_id)


def _signer(secret: bytes, owner_id: str, of: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=f"{of}-cursor:{owner_id}")
