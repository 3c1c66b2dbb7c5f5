"""docs/python.md, which the wheel has as its README."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from impasto.client.assets import AssetCalls
from impasto.client.calls import call, stream
from impasto.client.client import ClientCalls
from impasto.client.downloads import DownloadCalls
from impasto.client.jobs import JobCalls
from impasto.client.keys import KeyCalls

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_it_is_the_readme_of_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["readme"] == "docs/python.md"


def test_it_has_no_link_or_picture_that_only_the_checkout_resolves():
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)\"", PAGE)

    assert [
        target for target in targets if not "".join(target).startswith("http")
    ] == []


@pytest.mark.parametrize(
    "calls", [ClientCalls, JobCalls, DownloadCalls, AssetCalls, KeyCalls]
)
def test_it_names_every_method(calls):
    methods = [
        name for name, value in vars(calls).items() if isinstance(value, call | stream)
    ]

    assert [name for name in methods if f"`{name}`" not in PAGE] == []
