"""Requests that are sent twice with one Idempotency-Key."""

from __future__ import annotations

import io
import json

KEY = {"Idempotency-Key": "6b0f-1"}


def listed(api):
    return [job["id"] for job in api.client.get("/v1/jobs").json["data"]]


def explore(api, pictures, headers, **params):
    form = {"picture": [(io.BytesIO(data), "x.png") for data in pictures]}
    if params:
        form["params"] = json.dumps(params)
    return api.client.post("/v1/explorations", data=form, headers=headers)
