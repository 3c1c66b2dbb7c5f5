"""Parameters of an exploration of a network's layers: names, ranges, defaults."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from shared.params.networks import NETWORK_CHOICES, NetworkName, layer_names
from shared.params.style import PoolingName

MIN_PICTURES = 9  # equal to the most patches per unit, each from another picture
MAX_PICTURES = 200
MAX_UNITS = 64  # per layer: a larger contact sheet is unreadable
DEFAULT_TOP_K = 9

# Channels by block, the same in both networks: Simonyan & Zisserman (2015), table 1.
_CHANNELS = (64, 128, 256, 512, 512)

UnitIndex = Annotated[int, Field(ge=0)]
AssetId = Annotated[str, Field(min_length=1, max_length=64)]


def unit_count(layer: str) -> int:
    """Return the number of units (channels) of a layer; they are numbered from 0."""
    return _CHANNELS[int(layer.removeprefix("relu")[0]) - 1]


class ExploreParams(BaseModel):
    """Parameters of one exploration, immutable once accepted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"title": "ExploreParams"}
    )

    pictures: tuple[AssetId, ...] = Field(
        default=(),
        max_length=MAX_PICTURES,
        description="asset ids of stored pictures; the form's `picture` files are "
        "added after them; default: the pictures that Impasto ships. At least "
        f"{MIN_PICTURES} distinct pictures, at most {MAX_PICTURES}",
    )
    network: NetworkName = Field(
        default="vgg16", description=f"network: {NETWORK_CHOICES}"
    )
    pooling: PoolingName = Field(
        default="max",
        description="pooling of the network: `max`: as it was trained; `average`: "
        "mean of 2 x 2 values",
    )
    layers: tuple[str, ...] = Field(
        default=tuple(f"relu{block}_1" for block in range(1, 6)),
        min_length=1,
        validate_default=True,
        description="layers; a contact sheet is made of each",
    )
    units: tuple[UnitIndex, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_UNITS,
        description="channels of every layer, from 0; default: chosen by `top_k`",
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        le=MAX_UNITS,
        validate_default=True,
        description="number of units of each layer: those with the strongest mean "
        f"activation by their patches; default: {DEFAULT_TOP_K} without `units`",
    )
    patches: int = Field(
        default=9,
        ge=1,
        le=MIN_PICTURES,
        description="number of patches per unit, each from another picture",
    )
    max_edge: int = Field(
        default=320,
        ge=64,
        le=1024,
        description="long side to which larger pictures are shrunk, px; with a smaller "
        "side, a patch shows a larger part of its picture",
    )

    @field_validator("layers")
    @classmethod
    def _layers_exist(
        cls, layers: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        names = layer_names(info.data.get("network", "vgg16"))
        if unknown := sorted(set(layers) - set(names)):
            raise ValueError(
                f"unknown layer(s) {', '.join(unknown)[:200]}; use {', '.join(names)}"
            )
        if len(set(layers)) < len(layers):
            raise ValueError("a layer is named twice")
        return layers

    @field_validator("units")
    @classmethod
    def _units_exist(
        cls, units: tuple[int, ...] | None, info: ValidationInfo
    ) -> tuple[int, ...] | None:
        if units is None:
            return None
        if len(set(units)) < len(units):
            raise ValueError("a unit is named twice")
        for layer in info.data.get("layers", ()):
            if max(units) >= (count := unit_count(layer)):
                raise ValueError(
                    f"{layer} has no unit {max(units)}; its units are 0 to {count - 1}"
                )
        return units

    @field_validator("top_k")
    @classmethod
    def _chosen_in_one_way(cls, top_k: int | None, info: ValidationInfo) -> int | None:
        units = info.data.get("units")
        if top_k is not None and units is not None:
            raise ValueError("choose by units or by top_k, not by both")
        return DEFAULT_TOP_K if top_k is None and units is None else top_k

    @property
    def iterations(self) -> int:
        """Number of steps of the job: one per picture."""
        return len(self.pictures)

    def with_pictures(self, asset_ids: list[str]) -> Self:
        """Return the parameters with these asset ids as pictures."""
        return self.model_copy(update={"pictures": tuple(asset_ids)})
