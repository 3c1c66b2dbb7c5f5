"""Masks and label maps on their way into the engine."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from shared.errors import ImageUnreadable
from tests.support.images import encode
from worker.attempts.inputs import label_tensor, mask_tensor

CPU = torch.device("cpu")


def test_a_mask_is_one_channel_of_brightness():
    image = Image.new("RGB", (40, 30), "black")
    image.paste("white", (0, 0, 10, 30))
    image.putpixel((20, 4), (51, 51, 51))

    mask = mask_tensor(encode(image, "PNG"), 512, CPU)

    assert (mask.shape, mask.dtype) == ((1, 1, 30, 40), torch.float32)
    assert mask[..., :10].eq(1).all()
    assert mask[0, 0, 4, 20] == pytest.approx(0.2)
    assert mask[..., 10:].sum() == pytest.approx(0.2)


def test_a_large_mask_is_scaled_down_and_stays_between_its_extremes():
    image = Image.new("L", (400, 300), 51)
    image.paste(204, (200, 0, 400, 300))

    mask = mask_tensor(encode(image, "PNG"), 64, CPU)

    assert mask.shape == (1, 1, 48, 64)
    assert (mask.min().item(), mask.max().item()) == pytest.approx((0.2, 0.8))


def test_a_damaged_mask_is_refused():
    with pytest.raises(ImageUnreadable):
        mask_tensor(b"no picture", 64, CPU)


def test_labels_are_numbered_as_told_and_others_have_the_number_after():
    image = Image.new("RGB", (40, 30), "red")
    image.paste("blue", (0, 0, 10, 30))
    image.paste("lime", (30, 0, 40, 30))

    labels = label_tensor(encode(image, "PNG"), 512, ["#0000ff", "#ff0000"])

    assert (labels.shape, labels.dtype) == ((1, 1, 30, 40), torch.uint8)
    assert labels[0, 0, 7, [0, 9, 10, 29, 30, 39]].tolist() == [0, 0, 1, 1, 2, 2]


def test_a_large_label_map_is_scaled_down_without_new_labels():
    image = Image.new("L", (400, 300), 0)
    image.paste(255, (203, 0, 400, 300))

    labels = label_tensor(encode(image, "PNG"), 64, ["#000000", "#ffffff"])

    assert labels.shape == (1, 1, 48, 64)
    assert labels.unique().tolist() == [0, 1]
