"""The list of pairs is complete, split in two, and can be had everywhere."""

from __future__ import annotations

import re

from bench.quality.pairs import HELD_OUT, SOURCES, TUNE, Packaged
from bench.quality.pictures import PACKAGES

PAIRS = TUNE + HELD_OUT


def test_what_is_held_out_was_not_tuned_with() -> None:
    tuned, held_out = (
        {name for pair in pairs for name in (pair.photo, pair.painting)}
        for pairs in (TUNE, HELD_OUT)
    )

    assert not tuned & held_out
    members = [
        {each.member for name in names if isinstance(each := SOURCES[name], Packaged)}
        for names in (tuned, held_out)
    ]
    assert not members[0] & members[1]


def test_the_list_of_sources_has_what_the_pairs_need_and_no_more() -> None:
    needed = {name for pair in PAIRS for name in (pair.photo, pair.painting)}

    assert needed == set(SOURCES)


def test_every_package_is_pinned() -> None:
    pin = re.compile(r"([\w-]+)==\S+ --hash=sha256:[0-9a-f]{64}")
    lines = [line for line in PACKAGES.read_text().splitlines() if line[0] != "#"]
    pinned = {match[1] for line in lines if (match := pin.fullmatch(line))}

    needed = {each.package for each in SOURCES.values() if isinstance(each, Packaged)}

    assert len(pinned) == len(lines)
    assert pinned == {"lpips"} | {name.lower().replace("_", "-") for name in needed}
