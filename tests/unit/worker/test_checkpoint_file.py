"""Checkpoints: exact through bytes, verified, and one before when one is damaged."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch

from shared.errors import BlobDamaged, StorageError, WeightsDamaged
from shared.jobs.claim import BlobRef, Claim, ClaimedCheckpoint, claim_key_stem
from shared.params.style import StyleParams
from shared.storage import Storage
from worker.checkpoint_file import (
    FORMAT_VERSION,
    Provenance,
    checkpoint_key,
    dump,
    find_resumption,
    inexact_reason,
    input_digests,
    parse,
)
from worker.engine.snapshot import Snapshot

ORIGIN = Provenance({"content": "aa", "weights": "bb"}, {"torch": "2", "threads": "1"})


def snapshot(iteration=7):
    tensors = {"image": torch.rand(1, 3, 4, 256), "optimizer.s": torch.randn(2, 60)}
    return Snapshot(iteration, 1, 3, tensors, {"step": 0.1 + 0.2, "count": 3})


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path)


def stored(storage, key, data, version=FORMAT_VERSION, iteration=7):
    storage.put(key, data)
    digest = hashlib.sha256(data).hexdigest()
    return ClaimedCheckpoint(iteration, BlobRef(key, digest), version)


def claim(*found):
    return Claim("job_1", 3, "n", 1, 0, StyleParams(), {}, found)


def test_a_snapshot_comes_back_bit_for_bit():
    before = snapshot()

    after, origin = parse(dump(before, ORIGIN))

    assert origin == ORIGIN
    assert (after.iteration, after.scale, after.scale_iteration) == (7, 1, 3)
    assert after.numbers == before.numbers
    assert after.tensors.keys() == before.tensors.keys()
    for name, tensor in before.tensors.items():
        assert torch.equal(after.tensors[name], tensor)


@pytest.mark.parametrize("data", [b"", b"short", bytes(100), b"\xff" * 400])
def test_bytes_that_are_no_checkpoint_are_refused(data):
    with pytest.raises(BlobDamaged):
        parse(data)


def test_an_attempt_goes_on_from_the_newest(storage):
    newest = stored(storage, "b", dump(snapshot(20), ORIGIN))
    older = stored(storage, "a", dump(snapshot(10), ORIGIN))

    found, provenance = find_resumption(storage, claim(newest, older), ORIGIN)

    assert (found.iteration, provenance.inexact) == (20, "")


@pytest.mark.parametrize("damage", ["flipped", "truncated", "gone", "from the future"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(storage, damage):
    data = dump(snapshot(20), ORIGIN)
    version = 99 if damage == "from the future" else FORMAT_VERSION
    newest = stored(storage, "b", data, version)
    older = stored(storage, "a", dump(snapshot(10), ORIGIN))
    if damage == "flipped":
        storage.put("b", data[:-1] + bytes([data[-1] ^ 1]))
    if damage == "truncated":
        storage.put("b", data[:-9])
    if damage == "gone":
        storage.delete("b")

    found, _ = find_resumption(storage, claim(newest, older), ORIGIN)

    assert found.iteration == 10


@pytest.mark.parametrize("spoilt", ["image", "optimizer.s"])
def test_one_that_diverged_falls_back_to_the_last_finite_one(storage, spoilt):
    diverged = snapshot(20)
    diverged.tensors[spoilt].view(-1)[3] = float("nan")
    newest = stored(storage, "b", dump(diverged, ORIGIN))
    older = stored(storage, "a", dump(snapshot(10), ORIGIN))

    found, _ = find_resumption(storage, claim(newest, older), ORIGIN)

    assert found.iteration == 10


@pytest.mark.parametrize("max_edge", [300, 128])
def test_one_of_a_size_that_the_job_has_no_more_is_of_no_use(storage, max_edge):
    """Made at scale 1 of 256 px; the job was made smaller since."""
    made = stored(storage, "b", dump(snapshot(20), ORIGIN))
    smaller = replace(claim(made), params=StyleParams(max_edge=max_edge))

    assert find_resumption(storage, smaller, ORIGIN)[0] is None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, ""),
        ({"step_scale": 0.3}, "went on with smaller steps after it diverged"),
        ({"requested_max_edge": 1024}, "made at 512 px, as 1024 px did not fit"),
    ],
)
def test_a_job_that_is_not_done_as_asked_says_why(storage, more, reason):
    told = inexact_reason(replace(claim(), **more))
    made = stored(storage, "a", dump(snapshot(), ORIGIN))

    _, resumed = find_resumption(storage, claim(made), replace(ORIGIN, inexact=told))

    assert (told, resumed.inexact) == (reason, reason)


def test_without_a_usable_checkpoint_the_attempt_starts_anew(storage):
    missing = ClaimedCheckpoint(9, BlobRef("none", "00"), FORMAT_VERSION)

    assert find_resumption(storage, claim(missing), ORIGIN)[0] is None
    assert find_resumption(storage, claim(), ORIGIN)[0] is None


def test_an_unreachable_storage_is_no_reason_to_start_anew():
    class Away:
        def get(self, key):
            raise StorageError("away")

    found = ClaimedCheckpoint(9, BlobRef("a", "00"), FORMAT_VERSION)

    with pytest.raises(StorageError, match="away"):
        find_resumption(Away(), claim(found), ORIGIN)


def test_going_on_with_other_threads_is_not_exact_and_says_why(storage):
    found = stored(storage, "a", dump(snapshot(), ORIGIN))
    now = Provenance(ORIGIN.inputs, {**ORIGIN.maker, "threads": "2"})

    _, resumed = find_resumption(storage, claim(found), now)

    assert resumed.inexact == "continued with another threads"


def test_what_was_inexact_once_stays_so(storage):
    was = Provenance(ORIGIN.inputs, ORIGIN.maker, "continued with another device")
    found = stored(storage, "a", dump(snapshot(), was))

    _, resumed = find_resumption(storage, claim(found), ORIGIN)

    assert resumed.inexact == "continued with another device"


def test_a_checkpoint_of_other_pictures_is_refused(storage):
    found = stored(storage, "a", dump(snapshot(), ORIGIN))
    now = Provenance({**ORIGIN.inputs, "content": "cc"}, ORIGIN.maker)

    with pytest.raises(BlobDamaged, match="made from another content"):
        find_resumption(storage, claim(found), now)


def test_a_checkpoint_made_with_other_weights_is_refused_as_such(storage):
    found = stored(storage, "a", dump(snapshot(), ORIGIN))
    now = Provenance({**ORIGIN.inputs, "weights": "cc"}, ORIGIN.maker)

    with pytest.raises(WeightsDamaged, match="other weights"):
        find_resumption(storage, claim(found), now)


def test_a_mask_is_not_taken_for_that_of_another_style():
    blob = BlobRef("a", "aa")

    first = input_digests({"mask": {0: blob}, "style": {0: blob, 1: blob}})
    second = input_digests({"mask": {1: blob}, "style": {0: blob, 1: blob}})

    assert first == {"mask": "aa", "style": "aa,aa"}
    assert second == {"mask": ",aa", "style": "aa,aa"}


def test_no_two_claims_share_a_key():
    keys = {
        checkpoint_key("job_1", claim_key_stem(fence, nonce), iteration)
        for fence in (1, 2)
        for nonce in ("ab", "cd")
        for iteration in (10, 20)
    }
    assert len(keys) == 8
