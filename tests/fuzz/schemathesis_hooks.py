"""For schemathesis: where the document says `binary`, pictures that can be taken."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

from tests.fuzz.server import png

schemathesis.openapi.format(
    "binary",
    st.sampled_from([png("red"), png("lime"), png("blue")]) | st.binary(max_size=64),
)
