"""Options of a style transfer, shared by the commands that submit or estimate one.

`StyleOptions` defines them once, as a dataclass; `with_options` adds the fields of
such a dataclass to the signature of a command.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

import typer

from impasto.cli.option_parsers import (
    parse_layers,
    parse_numbered_files,
    parse_param,
    parse_schedule,
    parse_segment,
)
from impasto.client.params import (  # noqa: TC001 - Typer reads them
    Color,
    ColorProfile,
    ContentLoss,
    Format,
    Init,
    Network,
    Optimizer,
    Pooling,
    Priority,
    Quality,
    Reuse,
    StyleLoss,
)
from impasto.client.uploads import StyleImage
from impasto.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.client.params import JobOptions, Segment, StyleParams

Texts = list[str] | None
Tags = Annotated[
    Texts,
    typer.Option("--tag", help="Tag to find the job by; may be repeated."),
]
JOB_OPTIONS = (
    *("priority", "max_attempts", "keep_every"),
    *("start_deadline", "cancel_after", "reuse"),
)
_FILES = ("init_image", "content_labels", "mask", "region", "labels")
_NOT_PARAMS = frozenset(
    {"set_", "name", "tags", "schedule", "steer", *_FILES, *JOB_OPTIONS}
)
_LAYER_PARAMS = frozenset({"content_layers", "style_layers"})


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Request for a style job, with all options parsed."""

    styles: list[StyleImage]
    params: StyleParams
    segments: list[Segment]
    init_image: Path | None
    content_labels: Path | None
    name: str | None
    tags: list[str]
    options: JobOptions


@dataclass(frozen=True, slots=True)
class StyleOptions:
    """Options of a style transfer; None leaves the choice to the server."""

    max_edge: Annotated[
        int | None, typer.Option(help="Long side of the result, px.")
    ] = None
    quality: Annotated[
        Quality | None, typer.Option(help="Number of iterations at each size.")
    ] = None
    schedule: Annotated[
        str | None,
        typer.Option(
            help='Iterations by long side, instead of --quality: "128:60,256:30".'
        ),
    ] = None
    style_weight: Annotated[
        float | None, typer.Option(help="Strength of the style (beta).")
    ] = None
    content_weight: Annotated[
        float | None, typer.Option(help="Similarity to the photo (alpha).")
    ] = None
    tv_weight: Annotated[float | None, typer.Option(help="Strength of smoothing.")] = (
        None
    )
    optimizer: Annotated[
        Optimizer | None, typer.Option(help="Method of the optimization.")
    ] = None
    init: Annotated[Init | None, typer.Option(help="Start of the optimization.")] = None
    init_image: Annotated[
        Path | None,
        typer.Option(help="Picture to start from.", exists=True, dir_okay=False),
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Seed of the noise, with --init noise.")
    ] = None
    network: Annotated[
        Network | None,
        typer.Option(help="vgg19: torchvision's VGG-19 (IMAGENET1K_V1)."),
    ] = None
    content_layers: Annotated[
        str | None,
        typer.Option(help='Layers that compare the photo: "relu4_2,relu3_1=0.5".'),
    ] = None
    style_layers: Annotated[
        str | None, typer.Option(help="Layers that compare the style, likewise.")
    ] = None
    content_loss: Annotated[
        ContentLoss | None, typer.Option(help="Method to compare the photo.")
    ] = None
    style_loss: Annotated[
        StyleLoss | None, typer.Option(help="Method to compare the painting.")
    ] = None
    pooling: Annotated[
        Pooling | None, typer.Option(help="Method of pooling in the network.")
    ] = None
    seamless: Annotated[
        bool | None,
        typer.Option(
            "--seamless/--no-seamless", help="Make a picture that tiles without seams."
        ),
    ] = None
    style_scale: Annotated[
        float | None, typer.Option(help="Size of the strokes; default: 1.")
    ] = None
    color: Annotated[Color | None, typer.Option(help="Source of the colors.")] = None
    averaging: Annotated[
        float | None,
        typer.Option(help="Decay of the average of iterates; 0: no average."),
    ] = None
    early_stop: Annotated[
        float | None,
        typer.Option(help="End a size when the picture changes by fewer gray levels."),
    ] = None
    tile_px: Annotated[
        int | None, typer.Option(help="Side of the tiles, px, to save memory.")
    ] = None
    mask: Annotated[
        Texts,
        typer.Option(
            metavar="N=FILE",
            help="Mask of the Nth STYLE, counted from 1: a picture of the photo's "
            "shape, bright where the style is applied; may be repeated.",
        ),
    ] = None
    region: Annotated[
        Texts,
        typer.Option(
            metavar="N=FILE",
            help="Region of the Nth STYLE: a picture of its shape, bright where the "
            "style is taken from; may be repeated.",
        ),
    ] = None
    content_labels: Annotated[
        Path | None,
        typer.Option(
            help="Label map, with neighbors: a picture of the photo's shape, in which "
            "each color stands for one thing.",
            exists=True,
            dir_okay=False,
        ),
    ] = None
    labels: Annotated[
        Texts,
        typer.Option(
            metavar="N=FILE",
            help="Label map of the Nth STYLE: areas of equal colors are matched; may "
            "be repeated.",
        ),
    ] = None
    guidance_weight: Annotated[
        float | None, typer.Option(help="Weight of the labels; 0: no effect.")
    ] = None
    mask_feather: Annotated[
        float | None,
        typer.Option(
            help="Width of the masks' soft edges, as a share of the long side."
        ),
    ] = None
    steer: Annotated[
        Texts,
        typer.Option(
            metavar="ITERATION:NAME=NUMBER,...",
            help='Change weights or iterations during the run: "120:style_weight=20"; '
            "may be repeated, in order.",
        ),
    ] = None
    format: Annotated[
        Format | None,
        typer.Option(help="Format of the result; default: by the name of -o."),
    ] = None
    bit_depth: Annotated[
        int | None, typer.Option(help="8 or 16 bits per channel (png, tiff).")
    ] = None
    color_profile: Annotated[
        ColorProfile | None, typer.Option(help="content: profile of the photo.")
    ] = None
    embed_recipe: Annotated[
        bool | None,
        typer.Option(
            "--embed-recipe/--no-embed-recipe", help="Embed the recipe in the file."
        ),
    ] = None
    set_: Annotated[
        Texts,
        typer.Option(
            "--set", metavar="KEY=JSON", help="Any other parameter; may be repeated."
        ),
    ] = None
    name: Annotated[str | None, typer.Option(help="Name of the job.")] = None
    tags: Tags = None
    priority: Annotated[
        Priority | None, typer.Option(help="Each level counts as an hour of waiting.")
    ] = None
    max_attempts: Annotated[
        int | None, typer.Option(help="Maximum number of attempts.")
    ] = None
    keep_every: Annotated[
        int | None, typer.Option(help="Iterations between checkpoints kept for forks.")
    ] = None
    start_deadline: Annotated[
        str | None,
        typer.Option(
            help="The job expires if it has not started by then: a time, or seconds."
        ),
    ] = None
    cancel_after: Annotated[
        str | None,
        typer.Option(
            help="The job is canceled if it has not ended by then: a time, or seconds."
        ),
    ] = None
    reuse: Annotated[
        Reuse | None,
        typer.Option(help="Return an equal job of yours instead of a new one."),
    ] = None

    def _job_options(self) -> dict[str, str]:
        """Return the given job options, which are not parameters of the picture."""
        given = {name: getattr(self, name) for name in JOB_OPTIONS}
        return {name: str(value) for name, value in given.items() if value is not None}

    def to_request(self, styles: Sequence[Path]) -> JobRequest:
        """Parse all options, for these style images.

        Raises:
            InvalidOption: The value of an option cannot be parsed.
        """
        masks = parse_numbered_files("mask", self.mask or (), len(styles))
        regions = parse_numbered_files("region", self.region or (), len(styles))
        labels = parse_numbered_files("labels", self.labels or (), len(styles))
        return JobRequest(
            styles=[
                StyleImage(
                    path, masks.get(index), regions.get(index), labels.get(index)
                )
                for index, path in enumerate(styles)
            ],
            # The server checks the values, and names those that are invalid.
            params=cast("StyleParams", self._params()),
            segments=[
                cast("Segment", parse_segment(text)) for text in self.steer or ()
            ],
            init_image=self.init_image,
            content_labels=self.content_labels,
            name=self.name,
            tags=self.tags or [],
            options=cast("JobOptions", self._job_options()),
        )

    def _params(self) -> dict[str, object]:
        """Return the given fields of StyleParams."""
        params: dict[str, Any] = {
            field.name: value
            for field in fields(self)
            if field.name not in _NOT_PARAMS
            and (value := getattr(self, field.name)) is not None
        }
        for name, value in params.items():
            if isinstance(value, float) and not math.isfinite(value):
                option = name.replace("_", "-")
                raise InvalidOption(f"--{option} {value}: write a finite number")
        if self.init_image is not None:
            params.setdefault("init", "image")
        for name in _LAYER_PARAMS & params.keys():
            params[name] = parse_layers(name.replace("_", "-"), params[name])
        if self.schedule is not None:
            stages = params["schedule"] = parse_schedule(self.schedule)
            params.setdefault("max_edge", stages[-1][0])  # end of the schedule
        return params | dict(parse_param(text) for text in self.set_ or ())


def with_options(
    argument: str, options_class: type
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's parameter `argument` by the fields of a dataclass.

    Typer reads a function's signature; without this, each command would repeat the
    shared options, and have too many arguments.
    """
    annotations = get_type_hints(options_class, include_extras=True)
    added_parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=annotations[field.name],
        )
        for field in fields(options_class)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        signature = inspect.signature(command)
        own_parameters = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in signature.parameters.values()
            if parameter.name != argument
        ]

        @wraps(command)
        def wrapper(**values: Any) -> None:
            options = options_class(**{name: values.pop(name) for name in annotations})
            command(**values, **{argument: options})

        del wrapper.__wrapped__  # so that Typer does not read the wrapped function
        parameters = [*own_parameters, *added_parameters]
        wrapper.__annotations__ = {item.name: item.annotation for item in parameters}
        wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return wrapper

    return decorate


with_style_options = with_options("options", StyleOptions)
