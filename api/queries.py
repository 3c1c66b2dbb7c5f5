"""What may stand after the ? of an address."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import override

from api.validation import field_errors
from shared.errors import InvalidParams

if TYPE_CHECKING:
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
