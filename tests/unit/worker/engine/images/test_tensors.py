from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from worker.engine.images.tensors import to_pil_image, to_tensor

CPU = torch.device("cpu")


def test_a_picture_survives_the_way_there_and_back() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    picture = Image.fromarray(levels)

    back = to_pil_image(to_tensor(picture, CPU))

    assert back.mode == "RGB"
    assert back.size == (7, 5)
    assert np.array_equal(np.asarray(back), levels)


def test_a_tensor_has_planes_of_red_green_and_blue_from_0_to_1() -> None:
    picture = Image.new("RGB", (2, 1), (255, 51, 0))

    tensor = to_tensor(picture, CPU)

    assert tensor.shape == (1, 3, 1, 2)
    assert tensor.dtype == torch.float32
    assert torch.allclose(tensor[0, :, 0, 0], torch.tensor([1.0, 0.2, 0.0]))
    assert tensor.is_contiguous()


def test_colors_are_rounded_and_clamped() -> None:
    values = torch.tensor([-0.5, 1.5, 0.4999 / 255]).view(1, 3, 1, 1)

    assert to_pil_image(values).getpixel((0, 0)) == (0, 255, 0)
    assert to_pil_image(values + 0.0005 / 255).getpixel((0, 0)) == (0, 255, 1)
