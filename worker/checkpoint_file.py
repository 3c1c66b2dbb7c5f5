"""Checkpoint files: their format, and the search for the one to resume from.

The format is safetensors, never pickle: tensors, and everything else as JSON.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from shared.errors import BlobDamaged, BlobMissing, WeightsDamaged
from shared.params.style import StyleParams
from worker.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from shared.jobs.claim import BlobRef, Claim, ClaimedCheckpoint
    from shared.storage import Storage

log = structlog.get_logger(__name__)

FORMAT_VERSION = 2  # files of other versions are skipped
_METADATA_KEY = "impasto"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Provenance of a picture: its inputs, and the environment that computed it.

    Attributes:
        inputs: SHA-256 of every picture and of the weights, by role. With other inputs
            the picture would be another one, so resuming is refused.
        maker: Device, threads, versions, tiles. With another environment the picture
            differs slightly, so resuming is allowed, but no longer exact.
        inexact: Reason why the picture is not exact; empty if it is.
    """

    inputs: dict[str, str]
    maker: dict[str, str]
    inexact: str = ""

    def to_dict(self) -> dict[str, dict[str, str]]:
        """Return the part that the job's row stores, for reproducing the picture."""
        return {"inputs": self.inputs, "maker": self.maker}


def inexact_reason(claim: Claim) -> str:
    """Return the reason in the job's row why the picture is not exact, or empty."""
    if claim.requested_max_edge is not None:
        edge = claim.params.max_edge
        return f"made at {edge} px, as {claim.requested_max_edge} px did not fit"
    return (
        "went on with smaller steps after it diverged" if claim.step_scale < 1 else ""
    )


def checkpoint_key(job_id: str, key_stem: str, iteration: int) -> str:
    """Return the key of a checkpoint; no two claims ever write the same key."""
    return f"checkpoints/{job_id}/{key_stem}-{iteration}.safetensors"


def input_digests(inputs: Mapping[str, Mapping[int, BlobRef]]) -> dict[str, str]:
    """Return the digests of a job's pictures by role, in order; "" for a gap."""
    return {
        role: ",".join(
            blobs[position].digest if position in blobs else ""
            for position in range(max(blobs) + 1)
        )
        for role, blobs in inputs.items()
    }


def dump(snapshot: Snapshot, provenance: Provenance) -> bytes:
    """Serialize a snapshot with its provenance."""
    entry: dict[str, Any] = {
        "iteration": snapshot.iteration,
        "scale": snapshot.scale,
        "scale_iteration": snapshot.scale_iteration,
        "numbers": dict(snapshot.numbers),
        "provenance": asdict(provenance),
        "aliases": _aliases(snapshot.tensors),
    }
    tensors = {
        name: tensor.cpu().contiguous()
        for name, tensor in snapshot.tensors.items()
        if name not in entry["aliases"]
    }
    return save(tensors, {_METADATA_KEY: json.dumps(entry)})


def parse(data: bytes) -> tuple[Snapshot, Provenance]:
    """Parse a checkpoint into a snapshot on the CPU and its provenance.

    Raises:
        BlobDamaged: The bytes are not a checkpoint.
    """
    try:
        entry = _read_metadata(data)
        provenance = Provenance(**entry.pop("provenance"))
        aliases, tensors = entry.pop("aliases"), load(data)
        tensors |= {name: tensors[first] for name, first in aliases.items()}
        return Snapshot(tensors=tensors, **entry), provenance
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BlobDamaged(f"not a checkpoint: {error}") from error


def find_resumption(
    storage: Storage, claim: Claim, provenance: Provenance
) -> tuple[Snapshot | None, Provenance]:
    """Find the newest checkpoint that is whole and was made from the same inputs.

    If a checkpoint is damaged or missing, the one before is tried. Only checkpoints in
    the table are used: a stale worker may have left others in the storage.

    Returns:
        The snapshot, or None if the attempt starts at the beginning; and the
        provenance, with the reason why the result will not be exact, if there is one.

    Raises:
        WeightsDamaged: The checkpoint was made with other weights.
        BlobDamaged: The checkpoint was made from other pictures.
        StorageError: The storage is not available; then the job must not start again
            from the beginning.
    """
    for checkpoint in claim.checkpoints:
        try:
            candidate = _read(storage, checkpoint, claim)
        except (BlobMissing, BlobDamaged) as error:
            log.warning("checkpoint_rejected", job_id=claim.job_id, error=str(error))
            continue
        if candidate is not None:
            snapshot, stored = candidate
            return snapshot, _continued_provenance(stored, provenance)
    return None, provenance


def read_verified(storage: Storage, blob: BlobRef) -> bytes:
    """Read a blob and compare it with its digest.

    Raises:
        BlobDamaged: The digests differ.
        StorageError: The blob cannot be read.
    """
    data = storage.get(blob.key)
    if hashlib.sha256(data).hexdigest() != blob.digest:
        raise BlobDamaged(f"blob {blob.key!r} does not have the digest in its row")
    return data


def _read(
    storage: Storage, checkpoint: ClaimedCheckpoint, claim: Claim
) -> tuple[Snapshot, Provenance] | None:
    """Read a checkpoint; return None if it is valid but cannot be used."""
    if checkpoint.format_version != FORMAT_VERSION:
        return None
    snapshot, provenance = parse(read_verified(storage, checkpoint.blob))
    if not isinstance(claim.params, StyleParams):
        return snapshot, provenance
    if not _is_finite(snapshot):
        log.info("checkpoint_not_finite", iteration=snapshot.iteration)
        return None
    if not _matches_schedule(snapshot, claim.params.stages):
        log.info("checkpoint_size_mismatched", iteration=snapshot.iteration)
        return None
    return snapshot, provenance


def _is_finite(snapshot: Snapshot) -> bool:
    """Whether all values are finite; before a divergence, some may not be."""
    return all(
        bool(torch.isfinite(tensor).all()) for tensor in snapshot.tensors.values()
    )


def _matches_schedule(snapshot: Snapshot, stages: Sequence[tuple[int, int]]) -> bool:
    """Whether the image has the size of its scale, which a smaller job changes."""
    sides = [side for side, _ in stages[snapshot.scale : snapshot.scale + 1]]
    return sides == [max(snapshot.image.shape[-2:])]


def _continued_provenance(stored: Provenance, current: Provenance) -> Provenance:
    if changed := _changed_names(stored.inputs, current.inputs):
        if changed == "weights":
            raise WeightsDamaged("the checkpoint was made with other weights")
        raise BlobDamaged(f"the checkpoint was made from another {changed}")
    inexact = stored.inexact or current.inexact
    if changed := _changed_names(stored.maker, current.maker):
        inexact = inexact or f"continued with another {changed}"
    return replace(current, inexact=inexact)


def _changed_names(stored: dict[str, str], current: dict[str, str]) -> str:
    names = stored.keys() | current.keys()
    return ", ".join(
        sorted(name for name in names if stored.get(name) != current.get(name))
    )


def _aliases(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Map the names of repeated tensors to the first name of the same tensor.

    The same tensor can be the picture, the iterate average and the reference of early
    stopping; it is stored once.
    """
    first: dict[int, str] = {}
    first_names = {
        name: first.setdefault(id(tensor), name) for name, tensor in tensors.items()
    }
    return {name: other for name, other in first_names.items() if name != other}


def _read_metadata(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    return dict(
        json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_METADATA_KEY])
    )
