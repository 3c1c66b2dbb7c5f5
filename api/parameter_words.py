"""What parameters of paths and queries mean that say nothing themselves, by name."""

from __future__ import annotations

PARAMETERS: dict[str, str] = {
    "job_id": "`id` of a job",
    "asset_id": "`id` of an asset",
    "key_id": "`id` of a key",
    "sha256": "of the picture's bytes, in hex",
    "iteration": "one of those that the list of frames has",
    "name": "of one of the job's `outputs`",
    "limit": "how many at most",
    "state": "only jobs in it",
    "kind": "only jobs of it",
    "tag": "only jobs that have it",
    "parent_id": "only jobs that go on from this one",
    "created_after": "only jobs from then on",
    "created_before": "only jobs from before",
    "format": "of the answer; without it, by default or by Accept",
}
