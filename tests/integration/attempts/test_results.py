"""Whole attempts in this process: what the finished picture is, and what it tells."""

from __future__ import annotations

import hashlib
import io
import json
import socket

import numpy as np
import pytest
from PIL import Image

from impasto.images.recipe_reader import read_recipe
from shared.params.formats import FORMATS
from shared.states import JobState
from tests.integration.attempts.conftest import SMALL
from tests.support.farm import picture
from tests.support.icc_profiles import colored, gamma, gray
from tests.support.sixteen_bit_images import deep_png, icc_chunk, noise
from worker.images.high_bit_depth import decode_high_bit_depth
from worker.runner import Runner


def test_a_result_tells_how_it_was_made_and_nothing_of_who_or_when(farm, tools):
    job_id = farm.submit(notify=False, seed=7, style_weight=9.0, **SMALL)

    Runner(tools()).run_one()

    job = farm.job(job_id)
    path = farm.settings.home / "blobs" / job.result_key
    recipe = read_recipe(path)
    assert recipe["params"]["style_weight"] == 9.0
    assert recipe["params"]["styles"] == [{"weight": 1.0}]
    assert (recipe["iterations"], recipe["exact"]) == (8, True)
    assert recipe["inputs"]["content"] == [hashlib.sha256(picture(7)).hexdigest()]
    assert set(recipe["inputs"]) == {"content", "style", "weights"}
    assert {"torch", "impasto", "device", "threads"} <= set(recipe["made_with"])
    assert job.provenance["inputs"]["content"] == recipe["inputs"]["content"][0]
    assert job.provenance["maker"] == recipe["made_with"]
    text = path.read_bytes()
    for name in (job_id, job.owner_id, "wkr_here", "ast_"):
        assert name.encode() not in text
    # A short name may be in the bytes of the pixels by chance.
    assert socket.gethostname() not in json.dumps(recipe)


def test_a_photo_of_sixteen_bits_with_alpha_and_a_profile_gives_such_a_result(
    farm, tools
):
    levels = np.asarray(Image.open(io.BytesIO(picture(1)))).astype(np.uint16) * 257
    alpha = np.full((64, 96, 1), 40_000, np.uint16)
    photo = deep_png(np.concatenate((levels, alpha), axis=-1), icc_chunk(colored()))
    asked = {"bit_depth": 16, "color_profile": "content"}
    job_id = farm.submit(notify=False, content=photo, **asked, **SMALL)

    Runner(tools()).run_one()

    job = farm.job(job_id)
    result = decode_high_bit_depth(farm.result(job))
    assert (job.warnings, result.profile) == ([], colored())
    assert abs(result.alpha.astype(int) - 40_000).max() <= 1
    assert len(np.unique(result.levels)) > 3 * 256


def test_a_profile_that_cannot_be_used_is_told_as_a_warning(farm, tools):
    photo = deep_png(noise(1, (96, 64)), icc_chunk(gray(gamma(2.2))))
    asked = {"color_profile": "content"}
    job_id = farm.submit(notify=False, content=photo, **asked, **SMALL)

    Runner(tools()).run_one()

    job = farm.job(job_id)
    assert job.state == JobState.SUCCEEDED
    assert [warning["code"] for warning in job.warnings] == ["profile-not-used"]


@pytest.mark.parametrize(
    "asked",
    [{"format": "tiff", "bit_depth": 16}, {"format": "webp", "embed_recipe": False}],
)
def test_an_interrupted_job_gives_the_same_bytes_in_other_formats(farm, tools, asked):
    undisturbed = farm.submit(notify=False, **asked, **SMALL)
    Runner(tools()).run_one()
    job_id = farm.submit(notify=False, **asked, **SMALL)
    leaving = tools()
    leaving.storage.mood = lambda verb, key: (
        leaving.draining.set() if key.startswith("checkpoints/") else None
    )
    Runner(leaving).run_one()
    assert farm.job(job_id).checkpoint_iteration > 0

    Runner(tools()).run_one()

    job = farm.job(job_id)
    data = farm.result(job)
    assert data == farm.result(farm.job(undisturbed))
    assert job.result_key.endswith(FORMATS[asked["format"]].extension)
    assert (b"impasto" in data) is asked.get("embed_recipe", True)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format.lower(), image.size) == (asked["format"], (64, 43))
