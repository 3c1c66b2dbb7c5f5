"""The header `traceparent`: what is one, and what says nothing."""

from __future__ import annotations

import pytest

from shared.tracing import TraceContext, parse_traceparent

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{ID}-{PARENT}-01"


@pytest.mark.parametrize("header", [GOOD, f" {GOOD} ", GOOD.removesuffix("1") + "0"])
def test_a_traceparent_is_read(header):
    assert parse_traceparent(header) == TraceContext(header.strip(), ID)


def test_of_a_later_version_the_known_part_is_read():
    assert parse_traceparent(f"cc-{ID}-{PARENT}-01-more") == TraceContext(
        f"cc-{ID}-{PARENT}-01", ID
    )


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
    assert parse_traceparent(header) is None
