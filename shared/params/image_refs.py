"""References to stored pictures in parameters, and the style pictures of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

StyleWeight = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]

_ROLES_BY_FIELD = {
    "image": "style",
    "mask": "mask",
    "region": "region",
    "labels": "labels",
}


class ImageRef(BaseModel):
    """A picture by the id of its asset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset_id: str = Field(min_length=1, max_length=64)


class StyleImage(BaseModel):
    """One style picture, its share of the style, and where it goes.

    Without masks the styles are blended over the whole picture. A style with a `mask`
    goes where its mask is bright, as strong as its weight says; styles without one
    share what the masks leave.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: ImageRef | None = Field(
        default=None, description="filled in from the `style` file of an upload"
    )
    weight: StyleWeight = 1.0
    mask: ImageRef | None = Field(
        default=None, description="filled in from the `mask_<number>` file of an upload"
    )
    region: ImageRef | None = Field(
        default=None,
        description="filled in from the `region_<number>` file of an upload",
    )
    labels: ImageRef | None = Field(
        default=None,
        description="filled in from the `labels_<number>` file of an upload",
    )

    def with_images(
        self, asset_ids: Mapping[str, Mapping[int, str]], position: int
    ) -> Self:
        """Return the style with the stored pictures filled in.

        Args:
            asset_ids: Asset ids by role, then by position.
            position: Position of this style.
        """
        refs = {
            field: make_image_ref(asset_ids, role, position)
            for field, role in _ROLES_BY_FIELD.items()
        }
        return self.model_copy(update=refs)


def make_image_ref(
    asset_ids: Mapping[str, Mapping[int, str]], role: str, position: int
) -> ImageRef | None:
    """Return a reference to the picture of a role at a position; None without one."""
    asset_id = asset_ids.get(role, {}).get(position)
    return None if asset_id is None else ImageRef(asset_id=asset_id)
