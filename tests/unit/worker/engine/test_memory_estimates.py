"""What is estimated for a job follows what the engine does."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from shared.params.memory import (
    LBFGS_HISTORY,
    MAX_CANDIDATES,
    SMALLEST_TILE_BYTES,
    activation_bytes,
    need_bytes,
)
from shared.params.networks import NetworkName, layer_names
from shared.params.style import StyleParams
from worker.attempts.memory_plan import count_cell_values
from worker.engine.images.tiling import (
    MIN_TILE_PX,
    compute_halo_px,
    estimate_bytes_per_pixel,
)
from worker.engine.losses.neighbors import CELL_PX
from worker.engine.optimizers.lbfgs import HISTORY_SIZE
from worker.engine.vgg.network import build_network

CHANNELS = (64, 128, 256, 512, 512)  # by block


def full_width(name):
    """A network of the real widths, without weights: only its sizes count."""
    tensors, position, inputs = {}, 0, 3
    for layer in layer_names(name):
        outputs = CHANNELS[int(layer[4]) - 1]
        position += int(layer.endswith("_1") and position > 0)
        shape = (outputs, inputs, 3, 3)
        tensors[f"features.{position}.weight"] = torch.zeros(shape)
        tensors[f"features.{position}.bias"] = torch.zeros(outputs)
        position, inputs = position + 2, outputs
    return build_network(name, tensors, torch.device("cpu"))


def test_the_estimate_knows_how_much_history_the_engine_keeps():
    assert LBFGS_HISTORY == HISTORY_SIZE


@pytest.mark.parametrize("name", get_args(NetworkName))
def test_the_estimate_of_the_smallest_tile_is_above_what_the_engine_counts(name):
    layers = full_width(name).layers_up_to(layer_names(name))
    side = MIN_TILE_PX + 2 * compute_halo_px(layers)

    assert side**2 * estimate_bytes_per_pixel(layers) < SMALLEST_TILE_BYTES


@pytest.mark.parametrize("name", get_args(NetworkName))
def test_the_neighbors_loss_has_its_candidates_and_its_cells_counted(name):
    names = layer_names(name)
    layers = {"style_layers": dict.fromkeys(names, 1.0), "network": name}
    params = StyleParams(style_loss="neighbors", max_edge=512, **layers)
    network = full_width(name)
    side = MIN_TILE_PX + 2 * compute_halo_px(network.layers_up_to(names))
    cell_bytes = 4 * count_cell_values(params, network.layers_up_to(names)) / CELL_PX**2
    channels = sum(layer.channels for layer in network.layers_up_to(names))

    plain = need_bytes(params.model_copy(update={"style_loss": "gram"}))

    candidates = 3 * 4 * MAX_CANDIDATES * channels
    counted = 0.8 * (need_bytes(params) - plain)
    assert counted == pytest.approx(candidates + side**2 * cell_bytes, rel=0.06)
    assert counted >= candidates + side**2 * cell_bytes


def test_more_pixels_and_more_history_need_more_memory():
    small, large = StyleParams(max_edge=256), StyleParams(max_edge=512)

    assert need_bytes(small) < need_bytes(large)
    assert need_bytes(StyleParams(optimizer="adam")) < need_bytes(StyleParams())


def test_a_device_that_a_job_just_fits_has_the_smallest_tile_left():
    params = StyleParams(max_edge=8192)

    left = activation_bytes(params, need_bytes(params))

    assert left == pytest.approx(SMALLEST_TILE_BYTES, abs=1)
    assert activation_bytes(params, 2 * need_bytes(params)) > 2 * left


def test_8192_px_fit_a_device_of_32_gb():
    assert need_bytes(StyleParams(max_edge=8192)) < 32 * 10**9
