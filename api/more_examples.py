"""Examples of bodies and answers, by the names of their models in the document.

Of what has none of its own; a page of them follows by itself. A test checks each.
"""

from __future__ import annotations

from typing import Any

from api.examples import JOB

_AT = "2026-01-31T12:00:01Z"
_CHILD = "job_01JD0000000000000000000001"

_LINE: dict[str, Any] = {
    "type": "state",
    "seq": 17,
    "job_id": JOB["id"],
    "at": _AT,
    "event": "claim",
    "state": "running",
    "from_state": "queued",
}
_EVENT: dict[str, Any] = {
    "seq": 17,
    "job_id": JOB["id"],
    "at": _AT,
    "event": "claim",
    "from_state": "queued",
    "state": "running",
    "fence": 1,
    "detail": None,
}
_POINT: dict[str, Any] = {
    "iteration": 118,
    "scale": 1,
    "total": 3.2,
    "content": 1.1,
    "style": 2.0,
    "tv": 0.1,
}
_KIN: dict[str, Any] = {
    "id": _CHILD,
    "name": "Lisbon",
    "state": "queued",
    "parent_id": JOB["id"],
    "relation": "fork",
    "iteration": 100,
    "created_at": _AT,
    "deleted": False,
    "url": f"/v1/jobs/{_CHILD}",
}
MORE: dict[str, Any] = {
    "ExplorationJson": {"layers": ["relu3_1"], "top_k": 4, "name": "What relu3_1 sees"},
    "ChangeBody": {"style_weight": 12.0, "tags": ["series-3", "bold"]},
    "CancelBody": {"purge": True},
    "ForkBody": {"from": {"iteration": 100}, "params": {"style_weight": 20.0}},
    "ExtendBody": {"iterations": 100},
    "RetryBody": {"from": "start"},
    "LogPage": {"data": [_LINE], "next_after": 17},
    "Log": {"data": [_EVENT], "next_since": 17},
    "Metrics": {"job_id": JOB["id"], "data": [_POINT]},
    "Family": {"job_id": JOB["id"], "data": [_KIN], "more": False},
    "Capabilities": {
        "version": "0.1.0",
        "networks": {"vgg16": ["relu1_1", "relu1_2", "relu2_1"]},
        "optimizers": ["lbfgs", "adam", "gd"],
        "qualities": ["draft", "standard", "high"],
        "formats": ["image/jpeg", "image/png", "image/tiff", "image/webp"],
        "result_formats": {"png": "image/png", "jpeg": "image/jpeg"},
        "devices": [
            {
                "device": "cuda",
                "name": "NVIDIA L4",
                "memory_bytes": 23_034_068_992,
                "workers": 2,
                "versions": {"impasto": "0.1.0", "torch": "2.13.0"},
            }
        ],
        "limits": {"max_upload_bytes": 33_554_432, "max_json_bytes": 262_144},
        "credits": [{"what": "Impasto", "license": "Apache-2.0"}],
    },
    "Entry": {
        "object": "api",
        "version": "0.1.0",
        "urls": {
            "self": "/v1",
            "jobs": "/v1/jobs",
            "assets": "/v1/assets",
            "estimates": "/v1/estimates",
            "explorations": "/v1/explorations",
            "events": "/v1/events",
            "queue": "/v1/queue",
            "capabilities": "/v1/capabilities",
            "me": "/v1/me",
            "keys": "/v1/keys",
            "openapi": "/openapi.json",
            "docs": "/docs",
            "problems": "/problems/",
        },
    },
    "Readiness": {
        "status": "ready",
        "checks": {"database": "ok", "redis": "ok", "storage": "ok"},
    },
}
