"""`impasto estimate`: estimates the duration and the start of a job."""

from __future__ import annotations

from impasto.cli.commands.run import Photo, Styles, read_photo
from impasto.cli.options import StyleOptions, with_style_options
from impasto.cli.output import print_line
from impasto.cli.render import format_estimate
from impasto.cli.session import ApiUrl, AsJson, connect


@with_style_options
def estimate(
    photo: Photo,
    styles: Styles,
    *,
    options: StyleOptions,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Estimate the duration and the start of a job; queues nothing."""
    request = options.to_request(styles)
    with connect(api_url) as client:
        result = client.jobs.estimate(
            read_photo(photo),
            request.styles,
            params=request.params,
            init_image=request.init_image,
            content_labels=request.content_labels,
            options=request.options,
            segments=request.segments,
        )
    print_line(result.as_json(indent=2) if as_json else format_estimate(result))
