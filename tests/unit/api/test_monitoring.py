"""What `deploy/monitoring/` asks for is what the farm serves, and its alerts fire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import missing

FOLDER = Path(__file__).parents[3] / "deploy" / "monitoring"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
EXPRESSIONS = [
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
    (FOLDER / "alerts.yml").read_text(),
]


def served_names(client):
    """Names of all time series that /metrics can have, also those without a value."""
    names = set()
    for family in text_string_to_metric_families(client.get("/metrics").text):
        endings = {
            "counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"],
        }.get(family.type, [""])  # fmt: skip
        names |= {family.name + ending for ending in endings}
    return names


def test_dashboard_and_alerts_ask_only_for_what_is_served(client):
    asked = set(re.findall(r"\bimpasto_\w+", " ".join(EXPRESSIONS)))

    assert len(asked) >= 12
    assert asked <= served_names(client)


def test_the_dashboard_shows_all_that_is_served(client):
    shown = " ".join(EXPRESSIONS)
    families = text_string_to_metric_families(client.get("/metrics").text)
    ours = {one.name for one in families if one.name.startswith("impasto_")}

    assert {name for name in ours if name not in shown} == set()


@pytest.mark.parametrize(
    "command",
    [
        "check rules alerts.yml",
        "test rules alerts_test.yml",
        "check config prometheus.yml",
    ],
)
def test_prometheus_takes_the_files_and_each_alert_fires_when_it_should(
    request, command
):
    program = shutil.which("promtool")
    if program is None:
        missing(request, "promtool", "Debian's package prometheus has it")
    done = subprocess.run(
        [program, *command.split()],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
