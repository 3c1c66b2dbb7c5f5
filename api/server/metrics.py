"""/metrics, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from api.dependencies import current_services
from api.http.routes import get, make_blueprint
from shared.forecast.pace_store import NEWEST, forecast_accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.forecast.pace_store import Accuracy

blueprint = make_blueprint("metrics", "Figures for whoever watches the farm.")

_QUANTILES = (0.5, 0.9)
_MEDIA_TYPE = "text/plain"


@get(blueprint, "/metrics", s200=_MEDIA_TYPE, s503=None)
def show_figures() -> Response:
    """Tell how good foretold times are, in the text format of Prometheus."""
    database = current_services().database
    told = database.notes.recall("accuracy", lambda: forecast_accuracy(database))
    return Response(_text(told), content_type=f"{_MEDIA_TYPE}; version=0.0.4")


def _text(told: Accuracy) -> str:
    name = "impasto_eta_error_ratio"
    lines = [
        f"# HELP {name} |foretold - actual| / actual of the last {NEWEST} jobs",
        f"# TYPE {name} summary",
    ]
    if told.errors:
        lines += [
            f'{name}{{quantile="{part}"}} {_quantile(told.errors, part):.6g}'
            for part in _QUANTILES
        ]
    within = "impasto_eta_within_range_ratio"
    lines += [
        f"{name}_count {told.jobs}",
        f"# HELP {within} share of them that took a time within the range",
        f"# TYPE {within} gauge",
        f"{within} {told.within:.6g}",
    ]
    return "\n".join([*lines, ""])


def _quantile(values: Sequence[float], part: float) -> float:
    """The value that this part of all does not exceed, between two neighbors."""
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
