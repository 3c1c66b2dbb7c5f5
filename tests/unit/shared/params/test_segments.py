"""Changes in mid-run: what they may say, and what the parameters are then."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.params.segments import Changes, Segment, StyleShare, apply_segments
from shared.params.style import StyleParams


def segment(**changes):
    return Segment(from_iteration=3, changes=Changes(**changes))


def test_a_change_leaves_everything_else_as_it_was():
    params = StyleParams(max_edge=128, style_weight=5.0, tv_weight=0.3)

    found = apply_segments(params, [segment(style_weight=20.0)])

    assert found == params.model_copy(update={"style_weight": 20.0})


def test_later_segments_win_over_earlier_ones():
    found = apply_segments(
        StyleParams(), [segment(content_weight=2.0), segment(content_weight=3.0)]
    )

    assert found.content_weight == 3.0


def test_iterations_change_the_last_scale_only():
    params = StyleParams(max_edge=64, schedule=((32, 5), (64, 7)))

    found = apply_segments(params, [segment(iterations=40)])

    assert found.schedule == ((32, 5), (64, 40))


def test_the_blend_of_the_styles_changes_weights_and_keeps_the_pictures():
    styles = [{"image": {"asset_id": "a"}}, {"image": {"asset_id": "b"}}]
    params = StyleParams(styles=styles)

    found = apply_segments(
        params, [segment(styles=(StyleShare(weight=3), {"weight": 1}))]
    )

    assert [style.weight for style in found.styles] == [3, 1]
    assert [style.image.asset_id for style in found.styles] == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"styles": ({"weight": 1}, {"weight": 2})}, "2 weights for 1 styles"),
        (
            {"content_weight": 0, "style_weight": 0, "tv_weight": 0},
            "must not all be 0",
        ),
    ],
)
def test_changes_that_do_not_fit_the_job_are_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        apply_segments(StyleParams(), [segment(**changes)])


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"style_weight": -1}, {"iterations": 0}]
)
def test_what_cannot_be_steered_is_refused(changes):
    with pytest.raises(ValidationError):
        Changes(**changes)


def test_what_stays_is_not_stored():
    assert Changes(tv_weight=0.0).to_json() == {"tv_weight": 0.0}
