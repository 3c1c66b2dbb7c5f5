"""Arguments of the client that the server defines, for type checkers.

`python -m docs.scripts.client_params` writes this module from the models of the
server; a test fails where it is not as they are. docs/parameters.md says what each
parameter does.
"""

from __future__ import annotations

# Not for type checkers alone: `typing.get_type_hints` needs the names.
from collections.abc import Mapping, Sequence  # noqa: TC003
from typing import Literal, TypedDict


class Changes(TypedDict, total=False):
    """What changes; None stays as it is."""

    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    styles: Sequence[StyleShare] | None
    iterations: int | None


class StyleShare(TypedDict):
    """The new weight of one style picture."""

    weight: float


class Segment(TypedDict):
    """Changes that hold after an iteration."""

    from_iteration: int
    changes: Changes


class StyleParams(TypedDict, total=False):
    """Parameters of a style transfer."""

    init: Literal["content", "noise", "image"]
    seed: int
    network: Literal["vgg16", "vgg19"]
    pooling: Literal["max", "average"]
    content_layers: Mapping[str, float]
    content_loss: Literal["squared", "relations"]
    style_loss: Literal["gram", "wasserstein", "neighbors"]
    style_layers: Mapping[str, float]
    guidance_weight: float
    color: Literal["style", "luminance", "chroma", "histogram"]
    loss_scale: Literal["relative", "gatys"]
    content_weight: float
    style_weight: float
    tv_weight: float
    max_edge: int
    quality: Literal["draft", "standard", "fine"]
    schedule: Sequence[tuple[int, int]] | None
    style_scale: float
    seamless: bool
    optimizer: Literal["lbfgs", "adam", "gd"] | None
    averaging: float | None
    early_stop: float
    mask_feather: float
    allow_smaller: bool
    tile_px: int | None
    format: Literal["png", "tiff", "jpeg", "webp"]
    bit_depth: Literal[8, 16]
    color_profile: Literal["srgb", "content"]
    embed_recipe: bool


class ExploreParams(TypedDict, total=False):
    """Parameters of an exploration."""

    pictures: Sequence[str]
    network: Literal["vgg16", "vgg19"]
    pooling: Literal["max", "average"]
    layers: Sequence[str]
    units: Sequence[int] | None
    top_k: int | None
    patches: int
    max_edge: int


class JobOptions(TypedDict, total=False):
    """Options of a new job."""

    priority: Literal["low", "normal", "high"]
    max_attempts: int | None
    start_deadline: str | float | None
    cancel_after: str | float | None
    reuse: Literal["never", "finished", "finished_or_active"]
    keep_every: int | None


class JobChanges(TypedDict, total=False):
    """Changes of a job; None removes a value."""

    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    styles: Sequence[StyleShare] | None
    iterations: int | None
    name: str | None
    tags: Sequence[str] | None
    metadata: Mapping[str, str] | None
    priority: Literal["low", "normal", "high"] | None
    cancel_after: str | float | None


class JobFilters(TypedDict, total=False):
    """Filters of the list of jobs."""

    state: Sequence[
        Literal[
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
    ]
    kind: Literal["style", "explore"] | None
    tag: Sequence[str]
    parent_id: str | None
    q: str | None
    created_after: str | None
    created_before: str | None


class AssetFilters(TypedDict, total=False):
    """Filters of the list of assets."""

    purpose: Literal["content", "style", "mask", "init", "any", "shipped"] | None


class KeyOptions(TypedDict, total=False):
    """Options of a new API key."""

    scopes: Sequence[Literal["read", "write", "keys", "admin"]]
    expires_in: int | None
    owner: str | None
    submits_per_minute: int | None
    requests_per_minute: int | None
    max_queued: int | None
    max_running: int | None
