"""The recipe in a picture file is found, and no file makes the reader fall."""

from __future__ import annotations

import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import NoRecipe
from impasto.images.recipe_reader import read_recipe
from shared.params.formats import FORMATS
from shared.params.style import StyleParams
from tests.support.images import encode as encode_picture
from tests.support.images import picture
from worker.images.encode import encode as write
from worker.images.load import Picture

IMAGE = torch.zeros(1, 3, 20, 30)
RECIPE = {"recipe": 1, "params": {"seed": 3, "note": "é"}}


def file_of(name, text):
    photo = Picture(IMAGE, None, None)
    return write(IMAGE, StyleParams(format=name), photo, text).data


def read(tmp_path, data):
    path = tmp_path / "picture"
    path.write_bytes(data)
    return read_recipe(path)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_recipe_back(tmp_path, name):
    assert read(tmp_path, file_of(name, json.dumps(RECIPE))) == RECIPE


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_without_a_recipe_says_so_with_a_reason(tmp_path, name):
    with pytest.raises(NoRecipe, match="there is no recipe") as caught:
        read(tmp_path, file_of(name, None))

    assert "--no-embed-recipe" in caught.value.hint


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "MPO"])
def test_a_picture_of_another_program_has_none(tmp_path, kind):
    with pytest.raises(NoRecipe):
        read(tmp_path, encode_picture(picture(), kind))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"II",
        b"MM*\0",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe1",
        b"RIFF\0\0\0\0WEBPEXIF\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 270, 2, 2**32 - 1, 2**32 - 1),
    ],
)
def test_what_is_no_picture_has_none(tmp_path, data):
    with pytest.raises(NoRecipe):
        read(tmp_path, data)


@pytest.mark.parametrize("text", ["not json", "[1]", '{"other": 1}', "[" * 100_000])
def test_text_that_is_no_recipe_is_none(tmp_path, text):
    with pytest.raises(NoRecipe):
        read(tmp_path, file_of("png", text))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.integers(0, 10**6))
def test_damage_is_never_worse_than_no_recipe(tmp_path_factory, name, place, byte, cut):
    data = bytearray(file_of(name, json.dumps(RECIPE)))
    data[place % len(data)] = byte
    damaged = bytes(data[: len(data) - cut % len(data)])

    try:
        found = read(tmp_path_factory.getbasetemp(), damaged)
    except NoRecipe:
        return
    assert "recipe" in found
