"""Parameters of a style transfer: names, ranges, defaults.

This is their only definition: the API validates with it, the job's row stores it, and
the engine reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from shared.params.formats import ResultFormat, require_bit_depth
from shared.params.networks import NETWORK_CHOICES, NetworkName, layer_names
from shared.params.schedule import Quality, Stage, make_schedule, validate_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

PoolingName = Literal["max", "average"]
StyleLoss = Literal["gram", "wasserstein", "neighbors"]
ContentLoss = Literal["squared", "relations"]
Color = Literal["style", "luminance", "chroma", "histogram"]
Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
StyleWeight = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]

# relu5_1 is left out, and relu4_1 has a quarter of the weight. A unit of relu5_1 sees
# 132 px, which is the whole picture at the first scale; one of relu4_1 sees 60 px. With
# a weight of 1 each, they paint the faces of portraits into skies and bridges. With
# relu4_1 at 1 or 1/2, eyes still appear. docs/adr/0034-default-style-layers.md compares
# the candidates.
_TEXTURE_LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 0.25}
STYLE_LAYERS: dict[StyleLoss, dict[str, float]] = {
    "gram": _TEXTURE_LAYERS,
    "wasserstein": _TEXTURE_LAYERS,
    "neighbors": {  # all layers of VGG-16 up to relu4_3, as published
        f"relu{block}_{index}": 1.0
        for block, count in enumerate((2, 2, 3, 3), 1)
        for index in range(1, count + 1)
    },
}

PICTURE_ROLES = ("content", "init_image", "content_labels")
STYLE_ROLES = ("mask", "region", "labels")  # roles of pictures that belong to a style
MAX_STYLES = 8
MAX_STYLE_EDGE_PX = 8192
ADAM_AVERAGING = 0.9  # Adam's steps do not get shorter, so single iterates jitter
MAX_EDGE_LBFGS_PX = 1024  # above it, the history of L-BFGS takes too much memory


class ImageRef(BaseModel):
    """Reference to a picture: the id of its asset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset_id: str = Field(min_length=1, max_length=64)


class StyleImage(BaseModel):
    """Style picture with its weight, and with the part of the result that it paints.

    Without masks, the styles are blended over the whole picture. A style with a `mask`
    is applied where its mask is bright, with the strength of its weight. Styles without
    a mask share the rest of the picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: ImageRef | None = Field(
        default=None, description="painting; set from the form's `style` file"
    )
    weight: StyleWeight = 1.0
    mask: ImageRef | None = Field(
        default=None,
        description="picture that is bright where this style is applied; set from the "
        "form's `mask_<number>` file",
    )
    region: ImageRef | None = Field(
        default=None,
        description="picture that is bright where the painting is used; set from the "
        "form's `region_<number>` file",
    )
    labels: ImageRef | None = Field(
        default=None,
        description="picture whose colors say which thing is where in the painting; "
        "set from the form's `labels_<number>` file",
    )


class StyleParams(BaseModel):
    """Parameters of one style transfer, immutable once accepted.

    Each validator skips fields that failed before, so that one answer names every
    wrong value.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"title": "StyleParams"}
    )

    content: ImageRef | None = Field(
        default=None, description="photo; set from the form's `content` file"
    )
    styles: tuple[StyleImage, ...] = Field(
        default=(StyleImage(),),
        min_length=1,
        max_length=MAX_STYLES,
        description="paintings; their weights are normalized to sum to 1. "
        "`mask`: picture of the photo's shape, bright where this style is applied; "
        "`region`: picture of the painting's shape, bright where the painting is used; "
        "`labels`: picture of the painting's shape, whose colors say which thing is "
        "where, as in `content_labels`",
    )
    content_labels: ImageRef | None = Field(
        default=None,
        description="picture of the photo's shape, whose colors say which thing is "
        "where; needs `style_loss: neighbors`; set from the form's `content_labels` "
        "file",
    )
    init: Literal["content", "noise", "image"] = Field(
        default="content",
        description="start of the optimization: `content`: the photo; `noise`: white "
        "noise; `image`: the picture `init_image`",
    )
    init_image: ImageRef | None = Field(
        default=None,
        description="picture to start from; set from the form's `init_image` file",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="seed of the noise of `init: noise`"
    )

    network: NetworkName = Field(
        default="vgg16", description=f"network: {NETWORK_CHOICES}"
    )
    pooling: PoolingName = Field(
        default="max",
        description="pooling of the network: `max`: as it was trained; `average`: "
        "softer strokes and less grain (Gatys et al., section 2)",
    )
    content_layers: dict[str, Weight] = Field(
        default={"relu4_2": 1.0},
        min_length=1,
        validate_default=True,
        description="weight of each layer; shallow layers keep the photo's details, "
        "deep layers only its forms",
    )
    content_loss: ContentLoss = Field(
        default="squared",
        description="comparison with the photo: `squared`: squared differences of "
        "activations (Gatys et al.); `relations`: similarities between positions "
        "(Kolkin et al., 2019), so that colors and light may change",
    )
    style_loss: StyleLoss = Field(
        default="gram",
        description="comparison with the paintings: `gram`: correlations of channels "
        "(Gatys et al.), with means and standard deviations (Galerne et al., 2024); "
        "`wasserstein`: distance of means and covariances (crowsonkb), with more "
        "coherent strokes, a little slower; `neighbors`: each spot of the photo is "
        "painted like the most similar spot of the painting (Kolkin et al., 2022), so "
        "that things stay recognizable",
    )
    style_layers: dict[str, Weight] = Field(
        default={},
        validate_default=True,
        description="weight of each layer; shallow layers give color and grain, deep "
        "layers strokes, and relu5_1 whole things of the painting, such as faces; "
        "default: relu1_1 to relu3_1 with 1 and relu4_1 with 0.25; with `style_loss: "
        "neighbors` all layers from relu1_1 to relu4_3 with 1",
    )
    guidance_weight: float = Field(
        default=0.5,  # 93 to 100 % of the cells get their label; with 1, 98 to 100 %
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="weight of an equal label in the search for the most similar spot, "
        "where similarities are -1 to 1; above 2, only labels count; 0 ignores them",
    )
    color: Color = Field(
        default="style",
        description="colors of the result: `style`: those of the painting; "
        "`luminance`: only brightness is painted, and the photo's colors are added; "
        "`chroma`: painted in color, then the photo's colors replace those of the "
        "painting; `histogram`: the painting's colors are first matched to the "
        "photo's",
    )
    loss_scale: Literal["relative", "gatys"] = Field(
        default="relative",
        description="scale of each layer's loss: `relative`: divided by the size of "
        "its target; `gatys`: as published: `gram` compares correlations only, "
        "`wasserstein` is divided by the number of channels, `neighbors` and "
        "`relations` are not divided",
    )
    content_weight: Weight = Field(
        default=1.0, description="weight of the photo: alpha, Gatys et al., eq. 7"
    )
    style_weight: Weight = Field(
        default=10.0,  # with _TEXTURE_LAYERS and 16, skin appears in skies
        description="weight of the paintings: beta, Gatys et al., eq. 7; 5 keeps more "
        "of the photo, 20 less",
    )
    tv_weight: Weight = Field(
        default=0.2,
        validate_default=True,
        description="weight of the total variation, which smooths; 0 leaves more grain",
    )

    max_edge: int = Field(
        default=512, ge=64, le=8192, description="long side of the result, px"
    )
    quality: Quality = Field(
        default="standard",
        description="quality that decides the default of `schedule`",
    )
    schedule: tuple[Stage, ...] | None = Field(
        default=None,
        validate_default=True,
        description="[long side in px, iterations] of each scale, from small to large",
    )
    style_scale: float = Field(
        default=1.0,
        ge=0.25,
        le=4,
        allow_inf_nan=False,
        description="long side of the paintings, divided by that of the result; 0.5 "
        "makes smaller strokes, 2 larger strokes",
    )
    seamless: bool = Field(
        default=False,
        description="whether copies of the result, side by side, show no seam. The "
        "sides are multiples of 16 px then, the long side at most `max_edge`. With "
        "`content_weight: 0` and `init: noise` the result is a texture",
    )
    optimizer: Literal["lbfgs", "adam", "gd"] | None = Field(
        default=None,
        validate_default=True,
        description="optimizer: `lbfgs`, `adam`, or plain gradient descent, `gd`; "
        f"default: `lbfgs` up to {MAX_EDGE_LBFGS_PX} px, `adam` above",
    )
    averaging: float | None = Field(
        default=None,
        ge=0,
        le=0.999,
        allow_inf_nan=False,
        validate_default=True,
        description="decay of the moving average of iterates that is the result; with "
        "0 the result is the last iterate; default: "
        f"{ADAM_AVERAGING} with `adam`, 0 with others",
    )
    early_stop: float = Field(
        default=0.0,
        ge=0,
        le=10,
        allow_inf_nan=False,
        description="mean change of the picture over ten iterations, in gray levels, "
        "below which a scale ends early; 0: never",
    )
    mask_feather: float = Field(
        default=0.02,
        ge=0,
        le=0.25,
        allow_inf_nan=False,
        description="width over which masks fade at their edges, as a share of the "
        "long side",
    )
    allow_smaller: bool = Field(
        default=False,
        description="whether the result may be smaller than `max_edge` if the device "
        "has too little memory; a warning of the job then says so. If not, the job "
        "fails",
    )
    tile_px: int | None = Field(
        default=None,
        ge=64,
        le=8192,
        multiple_of=16,
        description="side of the tiles in which the picture is computed, which limits "
        "the memory; results differ by rounding only; default: no tiles if the device "
        "has enough memory, else the largest tiles that fit",
    )

    format: ResultFormat = Field(
        default="png",
        description="file format of the result; `jpeg` and `webp` have quality 95; "
        "`jpeg` has no transparency",
    )
    bit_depth: Literal[8, 16] = Field(
        default=8,
        description="bits per channel of the result; 16 only with `png` and `tiff`",
    )
    color_profile: Literal["srgb", "content"] = Field(
        default="srgb",
        description="color profile of the result's file: `srgb`, or `content`: the "
        "photo's ICC profile, if it has one",
    )
    embed_recipe: bool = Field(
        default=True,
        description="whether the result's file contains the recipe: parameters, "
        "digests of the inputs, versions; no names, no ids",
    )

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _layers_exist(
        cls, layers: dict[str, float], info: ValidationInfo
    ) -> dict[str, float]:
        if not layers and info.field_name == "style_layers":
            layers = STYLE_LAYERS[info.data.get("style_loss", "gram")]
        names = layer_names(info.data.get("network", "vgg16"))
        if unknown := sorted(set(layers) - set(names)):
            raise ValueError(
                f"unknown layer(s) {', '.join(unknown)[:200]}; use {', '.join(names)}"
            )
        if not any(layers.values()):
            raise ValueError("at least one layer needs a weight above 0")
        return layers

    @field_validator("tv_weight")
    @classmethod
    def _something_to_minimize(cls, tv_weight: float, info: ValidationInfo) -> float:
        others = [info.data.get(name, 1) for name in ("content_weight", "style_weight")]
        if not any((tv_weight, *others)):
            raise ValueError(
                "content_weight, style_weight and tv_weight must not all be 0"
            )
        return tv_weight

    @field_validator("init_image")
    @classmethod
    def _init_image_is_used(
        cls, image: ImageRef | None, info: ValidationInfo
    ) -> ImageRef | None:
        if image is not None and info.data.get("init", "image") != "image":
            raise ValueError("needs init: image")
        return image

    @field_validator("schedule")
    @classmethod
    def _schedule_grows(
        cls, schedule: tuple[Stage, ...] | None, info: ValidationInfo
    ) -> tuple[Stage, ...] | None:
        if "max_edge" not in info.data or "quality" not in info.data:
            return schedule  # the errors of those fields are reported
        max_edge = info.data["max_edge"]
        if schedule is None:
            return make_schedule(info.data["quality"], max_edge)
        validate_schedule(schedule, max_edge)
        return schedule

    @field_validator("style_scale")
    @classmethod
    def _styles_stay_small_enough(cls, scale: float, info: ValidationInfo) -> float:
        side = scale * info.data.get("max_edge", 0)
        if side > MAX_STYLE_EDGE_PX:
            raise ValueError(
                f"style_scale x max_edge is {side:.0f} px, at most {MAX_STYLE_EDGE_PX}"
            )
        return scale

    @field_validator("optimizer")
    @classmethod
    def _optimizer_fits(cls, optimizer: str | None, info: ValidationInfo) -> str | None:
        if optimizer is not None or "max_edge" not in info.data:
            return optimizer
        return "lbfgs" if info.data["max_edge"] <= MAX_EDGE_LBFGS_PX else "adam"

    @field_validator("averaging")
    @classmethod
    def _averaging_fits(cls, decay: float | None, info: ValidationInfo) -> float:
        if decay is not None:
            return decay
        return ADAM_AVERAGING if info.data.get("optimizer") == "adam" else 0.0

    @field_validator("bit_depth")
    @classmethod
    def _format_holds(cls, bit_depth: int, info: ValidationInfo) -> int:
        if "format" in info.data:
            require_bit_depth(info.data["format"], bit_depth)
        return bit_depth

    @property
    def stages(self) -> tuple[tuple[int, int], ...]:
        """(Long side in px, iterations) of each scale, from small to large."""
        return self.schedule or make_schedule(self.quality, self.max_edge)

    @property
    def iterations(self) -> int:
        """Number of iterations over all scales."""
        return sum(count for _, count in self.stages)

    def with_images(self, asset_ids: Mapping[str, Mapping[int, str]]) -> Self:
        """Return the parameters with references to stored pictures.

        Args:
            asset_ids: Asset ids by role, then by position. Roles are `content`,
                `style`, `init_image`, `content_labels`, `mask`, `region` and `labels`;
                the position of the last three is that of their style.
        """

        def ref(role: str, position: int = 0) -> ImageRef | None:
            asset_id = asset_ids.get(role, {}).get(position)
            return None if asset_id is None else ImageRef(asset_id=asset_id)

        styles = tuple(
            style.model_copy(
                update={
                    "image": ref("style", position),
                    **{role: ref(role, position) for role in STYLE_ROLES},
                }
            )
            for position, style in enumerate(self.styles)
        )
        own = {role: ref(role) for role in PICTURE_ROLES}
        return self.model_copy(update={"styles": styles, **own})
