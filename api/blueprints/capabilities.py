"""/v1/capabilities: what this server can do, and whom it owes that to."""

from __future__ import annotations

from importlib.metadata import version
from typing import get_args

from flask import Response  # noqa: TC002 - flask-openapi reads the annotations

from api.answers import answer, conditional
from api.limits import MAX_FIELD_BYTES, max_body_bytes, most_streams_each
from api.openapi import get, make_blueprint
from api.server_schemas import Capabilities
from api.services import current_services
from shared.formats import FORMATS
from shared.networks import Network, layer_names
from shared.opening import MEDIA_TYPES
from shared.params import MAX_EDGE_LBFGS_PX, MAX_STYLES, StyleParams
from shared.schedules import MAX_ITERATIONS, Quality

blueprint = make_blueprint("capabilities", "What this server can do.")

_CREDITS = [
    {
        "what": "Impasto",
        "by": "the Impasto contributors",
        "license": "Apache-2.0",
        "url": "https://www.apache.org/licenses/LICENSE-2.0",
    },
    {
        "what": "weights of VGG-16 and VGG-19",
        "by": "Visual Geometry Group, University of Oxford",
        "license": "CC BY 4.0",
        "url": "https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
    },
    {
        "what": "two of the photos that explorations look at: china, flower (cropped)",
        "by": "danielbuechele, vultilion",
        "license": "CC BY 2.0",
        "url": "https://creativecommons.org/licenses/by/2.0/",
    },
]


@get(blueprint, "/v1/capabilities", s200=Capabilities)
def show_capabilities() -> Response:
    """Tell networks, optimizers, formats, limits and credits."""
    settings = current_services().settings
    edge = StyleParams.model_json_schema()["properties"]["max_edge"]
    optimizer = StyleParams.model_fields["optimizer"].annotation
    body = Capabilities(
        version=version("impasto"),
        networks={name: list(layer_names(name)) for name in get_args(Network)},
        optimizers=[name for part in get_args(optimizer) for name in get_args(part)],
        qualities=list(get_args(Quality)),
        formats=sorted(set(MEDIA_TYPES.values())),
        result_formats={name: one.media_type for name, one in FORMATS.items()},
        limits={
            "max_upload_bytes": settings.max_upload_bytes,
            "max_request_bytes": max_body_bytes(settings),
            "max_json_bytes": MAX_FIELD_BYTES,
            "max_pixels": settings.max_pixels,
            "max_styles": MAX_STYLES,
            "max_iterations": MAX_ITERATIONS,
            "min_edge": edge["minimum"],
            "max_edge": edge["maximum"],
            "max_edge_lbfgs_default": MAX_EDGE_LBFGS_PX,
            "max_queued_per_owner": settings.max_queued_per_owner,
            "max_streams": settings.max_streams,
            "max_streams_per_owner": most_streams_each(settings),
        },
        credits=_CREDITS,
    )
    response = answer(body)
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    return conditional(response)
