"""Examples of jobs, assets and other resources, for their OpenAPI schemas."""

from __future__ import annotations

from typing import Any

EXAMPLE_JOB_ID = "job_01JD0000000000000000000000"
EXAMPLE_PHOTO_ID = "ast_01JD0000000000000000000000"
_PAINTING = "ast_01JD0000000000000000000001"
_URL = f"/v1/jobs/{EXAMPLE_JOB_ID}"
EXAMPLE_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_AT = "2026-01-31T12:00:00Z"

ASSET: dict[str, Any] = {
    "id": EXAMPLE_PHOTO_ID,
    "object": "asset",
    "sha256": EXAMPLE_SHA256,
    "bytes": 183_220,
    "media_type": "image/jpeg",
    "width": 1024,
    "height": 768,
    "purpose": "content",
    "created_at": _AT,
    "expires_at": None,
    "urls": {
        "self": f"/v1/assets/{EXAMPLE_PHOTO_ID}",
        "content": f"/v1/assets/{EXAMPLE_PHOTO_ID}/content",
    },
}
NEW_JOB: dict[str, Any] = {
    "content": {"asset_id": EXAMPLE_PHOTO_ID},
    "styles": [{"image": {"asset_id": _PAINTING}}],
    "max_edge": 512,
    "name": "Lisbon",
    "tags": ["series-3"],
}
JOB: dict[str, Any] = {
    "id": EXAMPLE_JOB_ID,
    "object": "job",
    "revision": 3,
    "version": 41,
    "kind": "style",
    "state": "running",
    "state_reason": None,
    "name": "Lisbon",
    "tags": ["series-3"],
    "metadata": {"order": "42"},
    "owner": "own_local",
    "created_at": _AT,
    "queued_at": _AT,
    "started_at": "2026-01-31T12:00:01Z",
    "finished_at": None,
    "start_deadline": None,
    "cancel_after": None,
    "priority": "normal",
    "attempts": 1,
    "max_attempts": 4,
    "fence": 1,
    "parent": None,
    "params": {
        "content": {"asset_id": EXAMPLE_PHOTO_ID},
        "styles": [{"image": {"asset_id": _PAINTING}, "weight": 1.0}],
        "max_edge": 512,
    },
    "segments": [],
    "current": None,
    "keep_every": None,
    "allowed_actions": ["cancel", "finish", "fork", "pause", "steer"],
    "finish_requested": False,
    "completion": None,
    "queue": None,
    "progress": {
        "fraction": 0.42,
        "phase": "optimizing",
        "scale": {"index": 1, "count": 3, "width": 256, "height": 192},
        "iteration": 120,
        "iterations": 210,
        "it_per_s": 3.41,
        "elapsed_s": 31.6,
        "eta_s": 45.0,
        "eta_at": "2026-01-31T12:01:18Z",
        "eta_low_s": 40.0,
        "eta_high_s": 52.0,
        "losses": {"total": 3.2, "content": 1.1, "style": 2.0, "tv": 0.1},
        "updated_at": "2026-01-31T12:00:33Z",
    },
    "preview": {
        "iteration": 118,
        "url": f"{_URL}/frames/latest",
        "thumb_url": f"{_URL}/frames/118/thumb",
        "width": 256,
        "height": 192,
    },
    "last_checkpoint": {"iteration": 100, "at": "2026-01-31T12:00:28Z"},
    "checkpoints": [
        {
            "iteration": 100,
            "kept": False,
            "bytes": 7_204_112,
            "created_at": "2026-01-31T12:00:28Z",
            "promote_url": f"{_URL}/frames/100/promote",
        }
    ],
    "outputs": [],
    "exact": None,
    "exact_reason": None,
    "error": None,
    "worker": {"id": "wkr_01JD0000000000000000000000", "device": "cpu", "name": "CPU"},
    "warnings": [],
    "trace_id": None,
    "inputs_gone": 0,
    "params_digest": EXAMPLE_SHA256,
    "reused": False,
    "urls": {
        "self": _URL,
        "events": f"{_URL}/events",
        "cancel": f"{_URL}/cancel",
        "pause": f"{_URL}/pause",
        "resume": None,
        "finish": f"{_URL}/finish",
        "extend": None,
        "fork": f"{_URL}/fork",
        "retry": None,
        "result": None,
        "latest_frame": f"{_URL}/frames/latest",
        "frames": f"{_URL}/frames",
        "metrics": f"{_URL}/metrics",
        "logs": f"{_URL}/logs",
        "manifest": f"{_URL}/manifest",
        "tree": f"{_URL}/tree",
        "content": f"/v1/assets/{EXAMPLE_PHOTO_ID}/content",
    },
}


FRAME: dict[str, Any] = {
    "iteration": 118,
    "scale": 1,
    "width": 256,
    "height": 192,
    "losses": {"total": 3.2, "content": 1.1, "style": 2.0, "tv": 0.1},
    "has_checkpoint": False,
    "created_at": _AT,
    "url": f"{_URL}/frames/118",
    "thumb_url": f"{_URL}/frames/118/thumb",
    "promote_url": f"{_URL}/frames/118/promote",
}
QUEUE: dict[str, Any] = {
    "queued": 12,
    "running": 2,
    "workers": 2,
    "draining": 0,
    "estimated_wait": {
        "high": {
            "starts_in_s": 24.0,
            "reason": "waiting_for_worker",
        },
        "normal": {
            "starts_in_s": 410.5,
            "reason": "waiting_for_worker",
        },
        "low": {
            "starts_in_s": 1240.0,
            "reason": "waiting_for_worker",
        },
    },
}
MANIFEST: dict[str, Any] = {
    "manifest": 1,
    "job_id": EXAMPLE_JOB_ID,
    "kind": "style",
    "state": "succeeded",
    "params": {"styles": [{"weight": 1.0}], "max_edge": 512},
    "params_digest": EXAMPLE_SHA256,
    "segments": [{"from_iteration": 100, "changes": {"style_weight": 12.0}}],
    "inputs": {
        "content": [EXAMPLE_SHA256],
        "style": [EXAMPLE_SHA256],
        "weights": [EXAMPLE_SHA256],
    },
    "pictures": [
        {
            "role": "content",
            "position": 0,
            "sha256": EXAMPLE_SHA256,
            "bytes": 183_220,
            "media_type": "image/jpeg",
            "width": 1024,
            "height": 768,
            "asset_id": EXAMPLE_PHOTO_ID,
            "url": f"/v1/assets/{EXAMPLE_PHOTO_ID}/content",
        }
    ],
    "iterations": 210,
    "planned": 210,
    "completion": "full",
    "exact": True,
    "exact_reason": None,
    "made_with": {"device": "cpu CPU", "impasto": "0.1.0", "threads": "2"},
    "result": {
        "sha256": EXAMPLE_SHA256,
        "bytes": 412_007,
        "media_type": "image/png",
        "width": 512,
        "height": 384,
        "url": f"{_URL}/result",
    },
    "outputs": {},
    "parent": None,
}
