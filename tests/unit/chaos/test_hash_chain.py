"""A chain shows every way in which a job can be resumed wrongly."""

from __future__ import annotations

from io import BytesIO

import torch
from PIL import Image

from chaos.hash_chain import FIRST_SEED, last_link, pixels, shows
from chaos.workers.hash_chain_run import wrap_stylize
from shared.params.segments import Changes, Segment
from shared.params.style import StyleParams
from worker.checkpoint_file import Provenance, dump, parse
from worker.engine.images.inputs import TransferInputs
from worker.engine.images.tensors import to_pil_image

PARAMS = StyleParams(max_edge=64, seed=FIRST_SEED, schedule=((48, 3), (64, 4)))
SOURCES = TransferInputs(torch.zeros(1, 3, 30, 45), (), None)
TURN = (Segment(from_iteration=4, changes=Changes(style_weight=2)),)


def run(resume=None, segments=()):
    chain = wrap_stylize(None)
    return list(chain(SOURCES, PARAMS, None, resume=resume, segments=segments))


def shown(iterate):
    buffer = BytesIO()
    to_pil_image(iterate.image).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_chain_gives_the_same_last_link_as_computed_at_once():
    link = last_link(FIRST_SEED, 7, [(0, PARAMS.style_weight)])

    assert shows(shown(run()[-1]), link)


def test_a_chain_resumed_from_a_stored_checkpoint_ends_as_the_whole_one():
    whole = run()

    for iterate in whole[:-1]:
        stored = dump(iterate.snapshot(), Provenance({}, {}))
        resumed = run(parse(stored)[0])
        assert resumed[0].iteration == iterate.iteration + 1
        assert shown(resumed[-1]) == shown(whole[-1])


def test_a_change_of_weight_changes_the_links_after_it():
    steered, plain = run(segments=TURN), run()

    assert shown(steered[3]) == shown(plain[3])
    weights = [(0, PARAMS.style_weight), (4, 2.0)]
    assert shows(shown(steered[-1]), last_link(FIRST_SEED, 7, weights))
    assert shown(steered[-1]) != shown(plain[-1])


def test_one_wrong_pixel_is_not_the_picture_of_a_link():
    link = last_link(FIRST_SEED, 1, [(0, 8.0)])
    wrong = pixels(link, 4, 4).copy()
    wrong[3, 3, 2] ^= 1
    buffer = BytesIO()
    Image.fromarray(wrong).save(buffer, "PNG")

    assert not shows(buffer.getvalue(), link)


def test_pictures_are_left_to_the_engine():
    given = []

    def stylize(*arguments, **more):
        given.append((arguments, more))
        return iter(())

    wrap_stylize(stylize)(SOURCES, StyleParams(), "network", resume=None, segments=())

    assert given[0][0][2] == "network"
