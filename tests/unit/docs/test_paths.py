"""Paths that the guides name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/glossary.md")
PATH = re.compile(r"`((?:api|chaos|docs|impasto|shared|tests|worker)/[\w/.-]*)`")


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_in_a_guide_exists(guide):
    named = PATH.findall((ROOT / guide).read_text(encoding="utf-8"))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_architecture_names_at_most_fifteen_files():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    assert len({path for path in PATH.findall(text) if path.endswith(".py")}) <= 15
