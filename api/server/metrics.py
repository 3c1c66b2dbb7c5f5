"""/metrics, for Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Response

from api.dependencies import current_dependencies
from api.http.routes import get, make_blueprint
from shared.workers.pace_table import load_pace_table

if TYPE_CHECKING:
    from shared.workers.pace_table import PaceTable

blueprint = make_blueprint("metrics", "Figures for whoever watches the farm.")

_MEDIA_TYPE = "text/plain"
_NAME = "impasto_pace_deviation_ratio"


@get(blueprint, "/metrics", s200=_MEDIA_TYPE, s503=None)
def show_figures() -> Response:
    """Return how good estimated times are, in the text format of Prometheus."""
    database = current_dependencies().database
    paces = database.read_cache.get("paces", lambda: load_pace_table(database))
    return Response(
        _prometheus_text(paces), content_type=f"{_MEDIA_TYPE}; version=0.0.4"
    )


def _prometheus_text(paces: PaceTable) -> str:
    lines = [
        f"# HELP {_NAME} moving mean of |measured / expected - 1| of jobs' paces",
        f"# TYPE {_NAME} gauge",
    ]
    for (setup, method), by_size in sorted(paces.paces.items()):
        # Prometheus escapes a label as JSON does.
        labels = f"setup={_quote(setup)},method={_quote(method)}"
        lines += [
            f'{_NAME}{{{labels},size_class="{size}"}} {deviation:.6g}'
            for size, (_, deviation) in sorted(by_size.items())
        ]
    return "\n".join([*lines, ""])


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
