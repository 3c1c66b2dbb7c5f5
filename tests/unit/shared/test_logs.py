from __future__ import annotations

import pytest

from shared.logs import redact

KEY = "imp_" + "aB3-_" * 8 + "xyz"


@pytest.mark.parametrize(
    "around", ["{}", "Bearer {}", "/v1/jobs/{}?x=1", '"{}"', "{}\n"]
)
def test_a_key_is_taken_out_wherever_it_stands(around):
    found = redact(around.format(KEY))

    assert found == around.format("imp_[redacted]")


def test_words_that_only_begin_like_a_key_stay():
    assert redact("imp_wrong is no key, nor is impasto") == (
        "imp_wrong is no key, nor is impasto"
    )
