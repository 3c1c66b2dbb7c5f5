"""Snapshots of the engine as bytes, and which stored one an attempt may go on from.

safetensors, never pickle: tensors as they are, everything else as JSON beside them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import structlog
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from shared.errors import BlobMissing, DamagedBlob, WeightsDamaged
from shared.params.style import StyleParams
from worker.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from shared.jobs.claim import Blob, Claim, StoredCheckpoint
    from shared.storage.base import Storage

log = structlog.get_logger(__name__)

FORMAT_VERSION = 2  # others are skipped: 1 had one owner of all numbers
_ENTRY = "impasto"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a snapshot's numbers depend on.

    Attributes:
        inputs: SHA-256 of every picture and of the weights, by role. Others make
            another picture: going on from there would be wrong.
        maker: Device, threads, versions, tiles. Others make a slightly different
            picture: going on is fine, but no longer exact.
        inexact: Why the picture is not exact any more; empty while it is.
    """

    inputs: dict[str, str]
    maker: dict[str, str]
    inexact: str = ""

    def told(self) -> dict[str, dict[str, str]]:
        """What the job's row keeps of it, for whoever makes the picture again."""
        return {"inputs": self.inputs, "maker": self.maker}


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where an attempt goes on, and why the result will not be exact, if so."""

    snapshot: Snapshot
    inexact: str


def inexact_by(claim: Claim) -> str:
    """Why the picture cannot be what was asked for, as far as the row tells."""
    if claim.requested_max_edge is not None:
        edge = claim.params.max_edge
        return f"made at {edge} px, as {claim.requested_max_edge} px did not fit"
    return (
        "went on with smaller steps after it diverged" if claim.step_scale < 1 else ""
    )


def checkpoint_key(job_id: str, fence: int, iteration: int) -> str:
    """Name the blob so that no two claims ever write the same one."""
    return f"checkpoints/{job_id}/{fence}-{iteration}.safetensors"


def digests(inputs: Mapping[str, Mapping[int, Blob]]) -> dict[str, str]:
    """Name the pictures of a job by role: digests in order, "" where there is none."""
    return {
        role: ",".join(
            blobs[position].digest if position in blobs else ""
            for position in range(max(blobs) + 1)
        )
        for role, blobs in inputs.items()
    }


def dump(snapshot: Snapshot, origin: Origin) -> bytes:
    """Serialize a snapshot with what it depends on."""
    entry: dict[str, Any] = {
        "iteration": snapshot.iteration,
        "scale": snapshot.scale,
        "scale_iteration": snapshot.scale_iteration,
        "numbers": dict(snapshot.numbers),
        "origin": asdict(origin),
        "aliases": _aliases(snapshot.tensors),
    }
    tensors = {
        name: each.cpu().contiguous()
        for name, each in snapshot.tensors.items()
        if name not in entry["aliases"]
    }
    return save(tensors, {_ENTRY: json.dumps(entry)})


def parse(data: bytes) -> tuple[Snapshot, Origin]:
    """Read a snapshot back, onto the CPU.

    Raises:
        DamagedBlob: The bytes are not a checkpoint.
    """
    try:
        entry = _entry(data)
        origin = Origin(**entry.pop("origin"))
        aliases, tensors = entry.pop("aliases"), load(data)
        tensors |= {name: tensors[first] for name, first in aliases.items()}
        return Snapshot(tensors=tensors, **entry), origin
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedBlob(f"not a checkpoint: {error}") from error


def resume(storage: Storage, claim: Claim, origin: Origin) -> Resumption | None:
    """Find the newest stored checkpoint that is whole and made from the same inputs.

    A damaged or missing one falls back to the one before. Which ones there are is
    told by the table alone: a stale worker may have left others in the storage.

    Returns:
        None if there is none: the attempt starts anew.

    Raises:
        WeightsDamaged: It was made with other weights.
        DamagedBlob: It was made from other pictures.
        StorageError: The storage cannot be reached; that is no reason to start anew.
    """
    for stored in claim.checkpoints:
        try:
            found = _read(storage, stored, claim)
        except (BlobMissing, DamagedBlob) as error:
            log.warning("checkpoint_rejected", job_id=claim.job_id, error=str(error))
            continue
        if found is not None:
            return _resumption(*found, origin)
    return None


def read_verified(storage: Storage, blob: Blob) -> bytes:
    """Read a blob and compare it with its digest.

    Raises:
        DamagedBlob: They differ.
        StorageError: It cannot be read.
    """
    data = storage.get(blob.key)
    if hashlib.sha256(data).hexdigest() != blob.digest:
        raise DamagedBlob(f"blob {blob.key!r} does not have the digest in its row")
    return data


def _read(
    storage: Storage, stored: StoredCheckpoint, claim: Claim
) -> tuple[Snapshot, Origin] | None:
    """Read a checkpoint; None: it is whole, but of no use."""
    if stored.format_version != FORMAT_VERSION:
        return None
    snapshot, origin = parse(read_verified(storage, stored.blob))
    if not isinstance(claim.params, StyleParams):
        return snapshot, origin
    if not _is_finite(snapshot):
        log.info("checkpoint_not_finite", iteration=snapshot.iteration)
        return None
    if not _is_of_schedule(snapshot, claim.params.stages):
        log.info("checkpoint_size_mismatched", iteration=snapshot.iteration)
        return None
    return snapshot, origin


def _is_finite(snapshot: Snapshot) -> bool:
    """Whether it can be gone on from: the one before a divergence may be spoilt."""
    return all(bool(torch.isfinite(each).all()) for each in snapshot.tensors.values())


def _is_of_schedule(snapshot: Snapshot, stages: Sequence[tuple[int, int]]) -> bool:
    """Whether it has the size of its scale, which a job made smaller has changed."""
    sides = [side for side, _ in stages[snapshot.scale : snapshot.scale + 1]]
    return sides == [max(snapshot.image.shape[-2:])]


def _resumption(snapshot: Snapshot, was: Origin, now: Origin) -> Resumption:
    if changed := _differing(was.inputs, now.inputs):
        if changed == "weights":
            raise WeightsDamaged("the checkpoint was made with other weights")
        raise DamagedBlob(f"the checkpoint was made from another {changed}")
    inexact = was.inexact or now.inexact
    if changed := _differing(was.maker, now.maker):
        inexact = inexact or f"continued with another {changed}"
    return Resumption(snapshot, inexact)


def _differing(was: dict[str, str], now: dict[str, str]) -> str:
    names = was.keys() | now.keys()
    return ", ".join(sorted(name for name in names if was.get(name) != now.get(name)))


def _aliases(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Names of what is there already under another: the first of each, by the others.

    The picture may be the average, and what stillness compares with; it is written
    once.
    """
    first: dict[int, str] = {}
    found = {name: first.setdefault(id(each), name) for name, each in tensors.items()}
    return {name: other for name, other in found.items() if name != other}


def _entry(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_ENTRY]))
