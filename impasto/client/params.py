"""Arguments of the client that the server defines, and their allowed values.

`python -m docs.scripts.client_params` writes this module from the server's models;
a test fails if they differ. docs/parameters.md describes the parameters.
"""

from __future__ import annotations

# Not for type checkers alone: `typing.get_type_hints` needs the names.
from collections.abc import Mapping, Sequence  # noqa: TC003
from typing import Literal, TypedDict

Init = Literal["content", "noise", "image"]
Network = Literal["vgg16", "vgg19"]
Pooling = Literal["max", "average"]
ContentLoss = Literal["squared", "relations"]
StyleLoss = Literal["gram", "wasserstein", "neighbors"]
Color = Literal["style", "luminance", "chroma", "histogram"]
LossScale = Literal["relative", "gatys"]
Quality = Literal["draft", "standard", "fine"]
Optimizer = Literal["lbfgs", "adam", "gd"]
Format = Literal["png", "tiff", "jpeg", "webp"]
ColorProfile = Literal["srgb", "content"]
Priority = Literal["low", "normal", "high"]
Reuse = Literal["never", "finished", "finished_or_active"]
State = Literal[
    "queued",
    "running",
    "pausing",
    "paused",
    "canceling",
    "succeeded",
    "failed",
    "canceled",
    "expired",
    "active",
]
Kind = Literal["style", "explore"]
Purpose = Literal["content", "style", "mask", "init", "any", "shipped"]
Scope = Literal["read", "write", "keys", "admin"]


class Changes(TypedDict, total=False):
    """Changes of parameters; a parameter that is None stays the same."""

    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    styles: Sequence[StyleShare] | None
    iterations: int | None


class StyleShare(TypedDict):
    """New weight of one style picture."""

    weight: float


class Segment(TypedDict):
    """Changes that hold after an iteration."""

    from_iteration: int
    changes: Changes


class StyleParams(TypedDict, total=False):
    """Parameters of a style transfer."""

    init: Init
    seed: int
    network: Network
    pooling: Pooling
    content_layers: Mapping[str, float]
    content_loss: ContentLoss
    style_loss: StyleLoss
    style_layers: Mapping[str, float]
    guidance_weight: float
    color: Color
    loss_scale: LossScale
    content_weight: float
    style_weight: float
    tv_weight: float
    max_edge: int
    quality: Quality
    schedule: Sequence[tuple[int, int]] | None
    style_scale: float
    seamless: bool
    optimizer: Optimizer | None
    averaging: float | None
    early_stop: float
    mask_feather: float
    allow_smaller: bool
    tile_px: int | None
    format: Format
    bit_depth: Literal[8, 16]
    color_profile: ColorProfile
    embed_recipe: bool


class ExploreParams(TypedDict, total=False):
    """Parameters of an exploration."""

    pictures: Sequence[str]
    network: Network
    pooling: Pooling
    layers: Sequence[str]
    units: Sequence[int] | None
    top_k: int | None
    patches: int
    max_edge: int


class JobOptions(TypedDict, total=False):
    """Options of a new job."""

    priority: Priority
    max_attempts: int | None
    start_deadline: str | float | None
    cancel_after: str | float | None
    reuse: Reuse
    keep_every: int | None


class JobChanges(TypedDict, total=False):
    """Changes of a job; None removes a value."""

    content_weight: float
    style_weight: float
    tv_weight: float
    styles: Sequence[StyleShare]
    iterations: int
    name: str | None
    tags: Sequence[str]
    metadata: Mapping[str, str]
    priority: Priority
    cancel_after: str | float | None


class JobFilters(TypedDict, total=False):
    """Filters of the list of jobs."""

    state: Sequence[State]
    kind: Kind | None
    tag: Sequence[str]
    parent_id: str | None
    q: str | None
    created_after: str | None
    created_before: str | None


class AssetFilters(TypedDict, total=False):
    """Filters of the list of assets."""

    purpose: Purpose | None


class KeyOptions(TypedDict, total=False):
    """Options of a new API key."""

    scopes: Sequence[Scope]
    expires_in: int | None
    owner: str | None
    submits_per_minute: int | None
    requests_per_minute: int | None
    max_queued: int | None
    max_running: int | None
