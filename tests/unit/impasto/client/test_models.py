"""Jobs as Python has them, and as a notebook shows them."""

from __future__ import annotations

import json
import pickle
from base64 import b64decode
from dataclasses import fields
from pathlib import Path

import pytest

from impasto.client import models
from tests.support.fake_api import Answer, job

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"
JPEG = {"Content-Type": "image/jpeg"}
SCHEMAS = json.loads((Path(__file__).parents[4] / "docs" / "openapi.json").read_text())[
    "components"
]["schemas"]


@pytest.mark.parametrize(
    ("schema", "model"),
    [
        ("JobObject", models.Job),
        ("AssetObject", models.Asset),
        ("NewKeyObject", models.Key),
        ("Output", models.Output),
        ("JobError", models.JobError),
    ],
)
def test_all_that_the_server_sends_is_an_attribute(schema, model):
    sent = SCHEMAS[schema]["properties"].keys() - {"object", "iteration", "attempt"}

    assert sent <= {field.name for field in fields(model)}


def test_tags_and_metadata_are_attributes(farm, client):
    farm.answers(SELF, Answer(body=job(tags=["sea"], metadata={"order": "42"})))

    found = client.jobs.get(JOB)

    assert (found.tags, found.metadata) == (["sea"], {"order": "42"})


def test_a_notebook_shows_a_finished_job_as_its_picture(farm, client):
    farm.answers(SELF, Answer(body=job("succeeded")))
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"picture", headers=JPEG))

    shown = client.jobs.get(JOB)._repr_mimebundle_(include=None, exclude=None)

    assert b64decode(shown["image/jpeg"]) == b"picture"
    assert shown["text/plain"].startswith("Job(")
    assert farm.seen[1][1].endswith("result?format=jpeg&max_edge=768")


def test_a_notebook_shows_a_running_job_as_its_latest_preview(farm, client):
    preview = {"url": f"/v1/jobs/{JOB}/frames/5"}
    farm.answers("GET /v1/jobs", Answer(body={"data": [job(preview=preview)]}))
    farm.answers(f"GET {preview['url']}", Answer(body=b"preview", headers=JPEG))

    [found] = client.jobs.list().data

    assert b64decode(found._repr_mimebundle_()["image/jpeg"]) == b"preview"


@pytest.mark.parametrize("answer", [Answer(410), Answer(body={}), None])
def test_a_notebook_shows_text_where_there_is_no_picture(farm, client, answer):
    farm.answers(SELF, Answer(body=job("succeeded" if answer else "queued")))
    if answer:
        farm.answers(f"GET /v1/jobs/{JOB}/result", answer)

    assert list(client.jobs.get(JOB)._repr_mimebundle_()) == ["text/plain"]


def test_a_pickled_job_has_no_key(farm, connect):
    farm.answers(SELF, Answer(body=job(tags=["sea"])))
    with connect(farm.url, "imp_secret") as client:
        found = client.jobs.get(JOB)

    pickled = pickle.dumps(found)

    assert b"imp_secret" not in pickled
    assert "imp_secret" not in repr(found)
    assert pickle.loads(pickled) == found  # noqa: S301 - it was made here
