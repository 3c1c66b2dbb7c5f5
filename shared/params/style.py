"""Parameters of a style transfer: names, ranges, defaults.

The API validates with this class, the job row stores it, the engine reads it.
There is no second definition.
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

# Without relu5_1, and relu4_1 at a quarter: a unit of relu5_1 sees 132 px, at the first
# scale the whole picture, one of relu4_1 60 px. With a weight of 1 each, they paint the
# faces of portraits into skies and bridges; with relu4_1 at 1 or 1/2, still eyes.
# docs/adr/0034-default-style-layers.md has the candidates.
_TEXTURE_LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 0.25}
STYLE_LAYERS: dict[StyleLoss, dict[str, float]] = {
    "gram": _TEXTURE_LAYERS,
    "wasserstein": _TEXTURE_LAYERS,
    "neighbors": {  # all of VGG-16 up to there, as published
        f"relu{block}_{index}": 1.0
        for block, count in enumerate((2, 2, 3, 3), 1)
        for index in range(1, count + 1)
    },
}

PICTURE_ROLES = ("content", "init_image", "content_labels")
STYLE_ROLES = ("mask", "region", "labels")  # of pictures that belong to a style
MAX_STYLES = 8
MAX_STYLE_EDGE_PX = 8192
ADAM_AVERAGING = 0.9  # Adam's steps keep their length, so single iterates jitter
MAX_EDGE_LBFGS_PX = 1024  # above it the history of L-BFGS outweighs its speed


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


class StyleParams(BaseModel):
    """Parameters of one optimization, immutable once accepted.

    Each field is checked on its own, never across a failed one, so that one answer
    can name every wrong value.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"title": "StyleParams"}
    )

    content: ImageRef | None = Field(
        default=None, description="filled in from the `content` file of an upload"
    )
    styles: tuple[StyleImage, ...] = Field(
        default=(StyleImage(),),
        min_length=1,
        max_length=MAX_STYLES,
        description="style pictures; their weights are normalized to sum to 1. "
        "`mask`: a picture of the photo's shape, bright where this style goes; "
        "`region`: one of the painting's shape, bright where the style is taken from; "
        "`labels`: one of the painting's shape, whose colors say what is where, as in "
        "`content_labels`",
    )
    content_labels: ImageRef | None = Field(
        default=None,
        description="with neighbors: a picture of the photo's shape, whose colors say "
        "what is where; filled in from the `content_labels` file of an upload",
    )
    init: Literal["content", "noise", "image"] = Field(
        default="content", description="what the generated image starts from"
    )
    init_image: ImageRef | None = Field(
        default=None, description="filled in from the `init_image` file of an upload"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="of the noise start")

    network: NetworkName = Field(default="vgg16", description=NETWORK_CHOICES)
    pooling: PoolingName = Field(
        default="max",
        description="max: as the network was trained; average: softer, less grain, "
        "Gatys et al. section 2",
    )
    content_layers: dict[str, Weight] = Field(
        default={"relu4_2": 1.0},
        min_length=1,
        validate_default=True,
        description="weight of each layer; shallow ones keep the photo's details, deep "
        "ones only its forms",
    )
    content_loss: ContentLoss = Field(
        default="squared",
        description="squared: differences of activations, Gatys et al.; relations: "
        "what is alike in the photo stays alike and what is unlike stays unlike, "
        "Kolkin et al., 2019; colors and light may change",
    )
    style_loss: StyleLoss = Field(
        default="gram",
        description="gram: correlations of channels, Gatys et al., with their means "
        "and deviations, Galerne et al., 2024; wasserstein: "
        "distance of mean and covariance, crowsonkb; more coherent strokes, a little "
        "slower; neighbors: each spot of the photo is painted as the spot of the "
        "painting that is most like it, Kolkin et al.; things stay clear",
    )
    style_layers: dict[str, Weight] = Field(
        default={},
        validate_default=True,
        description="weight of each layer; shallow ones hold color and grain, deep "
        "ones strokes, and relu5_1 whole things of the painting, such as faces; "
        "default: relu1_1 to relu3_1 with 1 and relu4_1 with 0.25; with neighbors all "
        "from relu1_1 to relu4_3",
    )
    guidance_weight: float = Field(
        default=0.5,  # 93 to 100 % of the cells take their label; at 1, 98 to 100 %
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="how much the same label counts where neighbors are matched, "
        "beside a likeness of -1 to 1; above 2 it decides alone, 0 ignores labels",
    )
    color: Color = Field(
        default="style",
        description="style: colors of the painting; luminance: brightness is painted, "
        "the colors stay those of the photo; chroma: painted in colors, then given the "
        "photo's; histogram: the painting's colors are first matched to the photo's",
    )
    loss_scale: Literal["relative", "gatys"] = Field(
        default="relative",
        description="relative: each layer's error over its target's size; "
        "gatys: the published constants; of gram: the correlations alone; "
        "of wasserstein: over the channels; "
        "of neighbors and relations: the distance itself",
    )
    content_weight: Weight = Field(default=1.0, description="alpha, Gatys et al. eq. 7")
    style_weight: Weight = Field(
        default=10.0,  # with _TEXTURE_LAYERS; 16 began to paint skin into skies
        description="beta, Gatys et al. eq. 7; 5 keeps more of the photo, 20 less",
    )
    tv_weight: Weight = Field(
        default=0.2,
        validate_default=True,
        description="of total variation; 0 leaves more grain",
    )

    max_edge: int = Field(
        default=512, ge=64, le=8192, description="long side of the result, px"
    )
    quality: Quality = Field(
        default="standard", description="chooses the schedule when none is given"
    )
    schedule: tuple[Stage, ...] | None = Field(
        default=None,
        validate_default=True,
        description="[long side in px, iterations] per scale, small to large",
    )
    style_scale: float = Field(
        default=1.0,
        ge=0.25,
        le=4,
        allow_inf_nan=False,
        description="long side of the style pictures over that of the result; 0.5 "
        "makes smaller strokes, 2 larger ones",
    )
    seamless: bool = Field(
        default=False,
        description="copies of the result can be laid side by side without a visible "
        "seam; its sides are multiples of 16 px, the long one at most max_edge. With "
        "content_weight 0 and init noise: a texture. Not with the colors of a photo "
        "that has seams itself",
    )
    optimizer: Literal["lbfgs", "adam", "gd"] | None = Field(
        default=None,
        validate_default=True,
        description=f"default: lbfgs up to {MAX_EDGE_LBFGS_PX} px, adam above; "
        "gd is plain gradient descent",
    )
    averaging: float | None = Field(
        default=None,
        ge=0,
        le=0.999,
        allow_inf_nan=False,
        validate_default=True,
        description=f"decay of the running average of iterates that is the result; 0 "
        f"takes the last one; default: {ADAM_AVERAGING} with adam, 0 with others",
    )
    early_stop: float = Field(
        default=0.0,
        ge=0,
        le=10,
        allow_inf_nan=False,
        description="end a scale when ten iterations change the picture by less than "
        "this, in gray levels on average; 0 never does",
    )
    mask_feather: float = Field(
        default=0.02,
        ge=0,
        le=0.25,
        allow_inf_nan=False,
        description="how far masks fade at their edges, as a share of the long side",
    )
    allow_smaller: bool = Field(
        default=False,
        description="make the picture as large as the device can hold where max_edge "
        "does not fit; the job's warnings then say so. Otherwise the job fails",
    )
    tile_px: int | None = Field(
        default=None,
        ge=64,
        le=8192,
        multiple_of=16,
        description="side of the tiles the picture is computed in, which bounds the "
        "memory and changes nothing else; default: none, or what the device holds",
    )

    format: ResultFormat = Field(
        default="png",
        description="of the result; jpeg and webp at quality 95, without transparency "
        "in jpeg",
    )
    bit_depth: Literal[8, 16] = Field(
        default=8, description="bits per channel of the result; 16 in png and tiff"
    )
    color_profile: Literal["srgb", "content"] = Field(
        default="srgb",
        description="colors of the result's file; content: in the photo's ICC profile, "
        "if it has one",
    )
    embed_recipe: bool = Field(
        default=True,
        description="embed the recipe in the result: parameters, digests of the "
        "inputs, versions; no names, no ids",
    )

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _layers_exist(
        cls, layers: dict[str, float], info: ValidationInfo
    ) -> dict[str, float]:
        if not layers and info.field_name == "style_layers":
            layers = STYLE_LAYERS[info.data.get("style_loss", "gram")]
        known = layer_names(info.data.get("network", "vgg16"))
        if unknown := sorted(set(layers) - set(known)):
            raise ValueError(
                f"unknown layer(s) {', '.join(unknown)}; use {', '.join(known)}"
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
            return schedule  # reported there
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
        """Schedule, which validation has filled in."""
        return self.schedule or make_schedule(self.quality, self.max_edge)

    @property
    def iterations(self) -> int:
        """Number of iterations over all scales."""
        return sum(count for _, count in self.stages)

    def with_images(self, asset_ids: Mapping[str, Mapping[int, str]]) -> Self:
        """Return the parameters with the stored pictures filled in.

        Args:
            asset_ids: Asset ids by role, then by position.

        Roles are `content`, `style`, `init_image`, `content_labels`, `mask`, `region`
        and `labels`; the position of the last three is that of their style.
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
