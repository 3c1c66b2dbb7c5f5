"""Text and values that have broken other servers."""

from __future__ import annotations

from hypothesis import strategies as st

SQL = (
    "' OR '1'='1", "'; DROP TABLE jobs; --", "\" OR 1=1 --", "1) UNION SELECT secret",
    "%' ESCAPE '", "\\'; --", "_%", "$1", ":id", "?", "{0}", "%s%n",
)  # fmt: skip
LOGS = (
    'x\r\n{"event": "forged", "level": "info"}',
    "a\nforged_line b=1",
    "\x1b[2J\x1b[31m",
    "\u2028forged",
    "\x85forged",
    '","event":"forged","x":"',
)
ODD = (
    "", " ", "\x00", "a\x00b", "\x7f", "\ud800", "\udfff", "\U0010ffff", "\ufeff",
    "\u202eevil", "A" * 10_000, "é" * 300, "../../etc/passwd", "..\\..\\x", "%00",
    "null", "true", "NaN", "-0", "1e999", "0x10", "९", "١٢", "\u0130" * 70, "{job}",
    "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "imp_" + "x" * 43,
    "e\u0301" * 120, "2026-13-45T99:99:99Z", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59", "2026-11-24T10:00:00", "job_" + "0" * 26,
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.1, -0.0,
    1e308, 5e-324, 1e-400, 3.0, 1e16,
)  # fmt: skip
MOMENTS = (
    "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "2100-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00Z", "2030-01-01T24:00:00Z",
    "2030-02-30T00:00:00Z", "2030-06-30T23:59:60Z", "2030-01-01", "2030-01-01T00:00:00",
    "2030-01-01T00:00:00.123456789Z", "2030-W01-1T00:00:00Z", 1e9, 1_000_000_001,
)  # fmt: skip

texts = st.one_of(
    st.sampled_from(SQL + LOGS + ODD),
    st.text(max_size=30),
    st.text(st.characters(max_codepoint=127), max_size=12),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.integers(),
    st.floats(allow_nan=False, allow_infinity=False), texts,
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=8,
)
