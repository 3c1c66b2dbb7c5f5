"""View of /v1/capabilities: networks, formats, devices, limits and credits."""

from __future__ import annotations

import json
from importlib.metadata import version
from operator import itemgetter
from typing import TYPE_CHECKING, get_args

from flask import Response  # noqa: TC002 - read_parameters reads the annotations

from api.dependencies import current_dependencies
from api.http.header_sets import ETAG
from api.http.responses import json_response, make_conditional
from api.http.routes import get, make_blueprint
from api.http.slots import MAX_FIELD_BYTES, max_body_bytes, max_streams_per_owner
from api.server.schemas import Capabilities, DeviceKind
from shared.images.decode import MEDIA_TYPES
from shared.params.formats import FORMATS
from shared.params.networks import VGG19_WEIGHTS, NetworkName, layer_names
from shared.params.schedule import MAX_ITERATIONS, Quality
from shared.params.style import MAX_EDGE_LBFGS_PX, MAX_STYLES, StyleParams
from shared.queries.jobs import read_live_workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.db.models.workers import Worker

blueprint = make_blueprint(
    "capabilities", "Networks, formats, devices and limits of the server."
)

_CREDITS = [
    {
        "what": "Impasto",
        "by": "the Impasto contributors",
        "license": "Apache-2.0",
        "url": "https://www.apache.org/licenses/LICENSE-2.0",
    },
    {
        "what": "weights of VGG-16",
        "by": "Visual Geometry Group, University of Oxford",
        "license": "CC BY 4.0",
        "url": "https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
    },
    {
        "what": f"weights of {VGG19_WEIGHTS}",
        "by": "the torchvision contributors",
        "license": "BSD-3-Clause, as torchvision",
        "url": "https://github.com/pytorch/vision",
    },
    {
        "what": "sample photo: Tuebingen Neckarfront (shrunk)",
        "by": "Andreas Praefcke",
        "license": "CC BY 3.0",
        "url": "https://creativecommons.org/licenses/by/3.0/",
    },
    {
        "what": "two of the photos that explorations look at: china, flower (cropped)",
        "by": "danielbuechele, vultilion",
        "license": "CC BY 2.0",
        "url": "https://creativecommons.org/licenses/by/2.0/",
    },
]


@get(blueprint, "/v1/capabilities", ETAG, s200=Capabilities)
def show_capabilities() -> Response:
    """Get networks, optimizers, formats, devices, limits and credits."""
    dependencies = current_dependencies()
    settings = dependencies.settings
    edge = StyleParams.model_json_schema()["properties"]["max_edge"]
    optimizer = StyleParams.model_fields["optimizer"].annotation
    body = Capabilities(
        version=version("impasto"),
        networks={name: list(layer_names(name)) for name in get_args(NetworkName)},
        optimizers=[name for part in get_args(optimizer) for name in get_args(part)],
        qualities=list(get_args(Quality)),
        formats=sorted(set(MEDIA_TYPES.values())),
        result_formats={
            name: result_format.media_type for name, result_format in FORMATS.items()
        },
        devices=_devices(read_live_workers(dependencies.database)),
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
            "max_streams_per_owner": max_streams_per_owner(settings),
        },
        credits=_CREDITS,
    )
    response = json_response(body)
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    return make_conditional(response)


def _devices(workers: Iterable[Worker]) -> list[DeviceKind]:
    """Group the live workers that have the same device and versions."""
    groups: dict[tuple[str, str, int, str], list[Worker]] = {}
    for worker in workers:
        versions = json.dumps(worker.versions, sort_keys=True)
        kind = (worker.device_class, worker.device_name, worker.device_bytes, versions)
        groups.setdefault(kind, []).append(worker)
    return [
        DeviceKind(
            device=kind[0],
            name=kind[1],
            memory_bytes=kind[2],
            workers=len(same_devices),
            versions=same_devices[0].versions,
        )
        for kind, same_devices in sorted(groups.items(), key=itemgetter(0))
    ]
