"""The header `traceparent`: what is one, and what says nothing."""

from __future__ import annotations

import pytest

from shared.tracing import Trace, read_trace

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{ID}-{PARENT}-01"


@pytest.mark.parametrize("header", [GOOD, f" {GOOD} ", GOOD.removesuffix("1") + "0"])
def test_a_traceparent_is_read(header):
    assert read_trace(header) == Trace(header.strip(), ID)


def test_of_a_later_version_the_known_part_is_read():
    assert read_trace(f"cc-{ID}-{PARENT}-01-more") == Trace(f"cc-{ID}-{PARENT}-01", ID)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        GOOD.upper(),
        f"ff-{ID}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"{GOOD}-more",
        f"00-{ID}-{PARENT}",
    ],
)
def test_what_says_nothing_is_no_trace(header):
    assert read_trace(header) is None
