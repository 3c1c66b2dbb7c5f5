from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from shared.params.style import Color
from tests.unit.worker.engine.conftest import make_inputs, picture
from worker.engine.images.color import (
    apply_color_mode,
    match_colors,
    restore_chroma,
    to_luminance,
)


def rows(image: torch.Tensor) -> np.ndarray:
    return image[0].flatten(1).numpy()


def test_luminance_by_hand() -> None:
    colors = torch.eye(3)[None, :, :, None]  # red, green and blue, below each other

    assert torch.allclose(
        to_luminance(colors)[0, 0, :, 0], torch.tensor([0.299, 0.587, 0.114])
    )
    assert float(to_luminance(torch.ones(1, 3, 1, 1))) == pytest.approx(1.0)


def test_a_picture_recolored_with_its_own_brightness_is_itself() -> None:
    image = picture(5, 7, seed=1)

    assert torch.allclose(restore_chroma(to_luminance(image), image), image, atol=1e-12)


def test_recoloring_keeps_i_and_q_as_numpy_sees_them_and_sets_y() -> None:
    image = 0.3 + 0.4 * picture(5, 7, seed=1)
    gray = to_luminance(image) + 0.1 * (picture(5, 7, seed=2)[:, :1] - 0.5)
    to_yiq = np.array(
        [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
    )

    found = to_yiq @ rows(restore_chroma(gray, image))

    assert np.allclose(found[0], rows(gray)[0])
    assert np.allclose(found[1:], (to_yiq @ rows(image))[1:], atol=1e-9)


def test_colors_that_do_not_exist_are_clamped() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)

    assert restore_chroma(torch.ones(1, 1, 1, 1), red).max() == 1
    assert restore_chroma(torch.zeros(1, 1, 1, 1), red).min() == 0


def test_matched_colors_have_the_mean_and_covariance_of_the_photo() -> None:
    style = 0.4 + 0.2 * picture(20, 16, seed=2)  # nothing is clamped
    content = 0.4 + 0.2 * picture(18, 24, seed=1)

    found = rows(match_colors(style, content))

    assert np.allclose(found.mean(axis=1), rows(content).mean(axis=1), atol=1e-9)
    expected = np.cov(rows(content), bias=True)
    assert np.allclose(np.cov(found, bias=True), expected, rtol=1e-3, atol=1e-7)


def test_matching_one_channel_shifts_and_stretches_it() -> None:
    style = torch.tensor([0.2, 0.4]).view(1, 1, 1, 2)
    content = torch.tensor([0.3, 0.7]).view(1, 1, 1, 2)

    assert torch.allclose(match_colors(style, content), content, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_picture_of_one_color_is_matched_without_dividing_by_nothing(
    value: float,
) -> None:
    flat, photo = torch.full((1, 3, 4, 4), value), picture(5, 7, seed=1).float()

    as_style, as_content = match_colors(flat, photo), match_colors(photo, flat)

    mean = photo.mean((2, 3), keepdim=True).expand_as(flat)
    assert torch.allclose(as_style, mean, atol=1e-3)
    assert torch.allclose(as_content, torch.full_like(photo, value), atol=1e-5)


def test_colors_are_left_alone_unless_asked() -> None:
    inputs = make_inputs(picture(5, 7, seed=1), picture(4, 4, seed=2))

    assert apply_color_mode("style", inputs) is inputs
    assert apply_color_mode("chroma", inputs) is inputs


@pytest.mark.parametrize("color", get_args(Color))
def test_every_color_a_client_may_ask_for_reduces_every_picture(color: Color) -> None:
    inputs = make_inputs(picture(5, 7, 1), picture(4, 4, 2), picture(3, 6, 3))

    scale_inputs = apply_color_mode(color, inputs)

    found = scale_inputs.content
    others = [style.image for style in scale_inputs.styles]
    channels = 1 if color == "luminance" else 3
    assert found.shape == (1, channels, 5, 7)
    assert [tuple(each.shape) for each in others] == [
        (1, channels, 4, 4),
        (1, channels, 3, 6),
    ]
    assert all(each.min() >= 0 and each.max() <= 1 for each in (found, *others))
