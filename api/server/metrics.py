"""/metrics, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from api.dependencies import current_dependencies
from api.http.routes import get, make_blueprint
from shared.forecast.pace_store import ACCURACY_SAMPLE, forecast_accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.forecast.pace_store import ForecastAccuracy

blueprint = make_blueprint("metrics", "Figures for whoever watches the farm.")

_QUANTILES = (0.5, 0.9)
_MEDIA_TYPE = "text/plain"


@get(blueprint, "/metrics", s200=_MEDIA_TYPE, s503=None)
def show_figures() -> Response:
    """Return how good forecasts are, in the text format of Prometheus."""
    database = current_dependencies().database
    accuracy = database.read_cache.get("accuracy", lambda: forecast_accuracy(database))
    return Response(
        _prometheus_text(accuracy), content_type=f"{_MEDIA_TYPE}; version=0.0.4"
    )


def _prometheus_text(accuracy: ForecastAccuracy) -> str:
    name = "impasto_eta_error_ratio"
    lines = [
        f"# HELP {name} |forecast - actual| / actual, last {ACCURACY_SAMPLE} jobs",
        f"# TYPE {name} summary",
    ]
    if accuracy.errors:
        lines += [
            f'{name}{{quantile="{part}"}} {_quantile(accuracy.errors, part):.6g}'
            for part in _QUANTILES
        ]
    within = "impasto_eta_within_range_ratio"
    lines += [
        f"{name}_count {accuracy.forecast_count}",
        f"# HELP {within} share of them that took a time within the range",
        f"# TYPE {within} gauge",
        f"{within} {accuracy.share_within_range:.6g}",
    ]
    return "\n".join([*lines, ""])


def _quantile(values: Sequence[float], part: float) -> float:
    """The value that this part of all does not exceed, between two neighbors."""
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
