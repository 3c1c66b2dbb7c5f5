"""The client against real HTTP: what it sends, what it makes of the answers."""

from __future__ import annotations

import json
import ssl

import httpx2
import pytest

import impasto
from impasto import __all__
from impasto.client.client import Client
from impasto.client.uploads import StyleImage
from impasto.errors import (
    ApiError,
    FieldError,
    InvalidId,
    JobFailed,
    QueueFull,
    ResultNotReady,
    ServerUnreachable,
    ValidationFailed,
    WaitTimeout,
)
from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"


@pytest.fixture
def pictures(tmp_path):
    for name in ("photo.jpg", "painting.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path / "photo.jpg", tmp_path / "painting.jpg"


def test_submitting_sends_the_pictures_and_the_parameters(farm, client, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))
    photo, painting = pictures

    client.jobs.submit(photo, [painting, painting], params={"max_edge": 64}, name="me")

    (_, _, headers, body) = farm.seen[0]
    assert headers["User-Agent"].startswith("impasto-python/")
    assert body.count(b'name="content"; filename="photo.jpg"') == 1
    assert body.count(b'name="style"; filename="painting.jpg"') == 2
    assert b'{"max_edge": 64}' in body
    assert b'name="name"' in body


def test_a_picture_is_a_path_a_text_bytes_or_an_open_file(farm, client, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))
    photo, painting = pictures

    with painting.open("rb") as file:
        client.jobs.submit(
            str(photo), [b"bytes", file], tags=["a"], metadata={"b": "c"}
        )

    body = farm.seen[0][3]
    assert b'name="content"; filename="photo.jpg"' in body
    assert b"\r\nbytes\r\n" in body
    assert b"\r\npainting.jpg\r\n" in body
    assert b'["a"]' in body
    assert b'{"b": "c"}' in body


def test_all_jobs_are_read_page_after_page(farm, client):
    first = {"data": [job(name="a")], "next_cursor": "x"}
    farm.answers("GET /v1/jobs", Answer(body=first), Answer(body={"data": [job()]}))

    names = [found.name for found in client.jobs.iterate(tag="sea")]

    assert names == ["a", None]
    queries = [seen[1].partition("?")[2] for seen in farm.seen]
    assert queries == ["limit=100&tag=sea", "limit=100&cursor=x&tag=sea"]


def test_masks_and_planned_changes_travel_with_the_job(farm, client, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job("succeeded")))
    farm.answers(SELF, Answer(body=job("succeeded")))
    photo, painting = pictures
    segments = [{"from_iteration": 9, "changes": {"tv_weight": 1}}]

    client.run(
        photo,
        [painting, StyleImage(painting, mask=photo, region=painting, labels=photo)],
        content_labels=str(painting),
        segments=segments,
    )

    body = farm.seen[0][3]
    assert body.count(b'name="style"; filename="painting.jpg"') == 2
    assert b'name="mask_1"; filename="photo.jpg"' in body
    assert b'name="region_1"; filename="painting.jpg"' in body
    assert b'name="labels_1"; filename="photo.jpg"' in body
    assert b'name="content_labels"; filename="painting.jpg"' in body
    assert b"mask_0" not in body
    assert json.dumps(segments).encode() in body


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "busy"), (409, "idempotency-in-progress"), (429, "rate-limited")],
)
def test_a_submit_is_sent_again_whole_and_as_the_same(
    farm, client, pictures, status, code
):
    farm.answers("POST /v1/jobs", Answer(status, problem(code)), Answer(202, job()))

    assert client.jobs.submit(pictures[0], [pictures[1]]).id == JOB

    (_, _, first, body), (_, _, again, body_again) = farm.seen
    assert first["Idempotency-Key"] == again["Idempotency-Key"]
    for sent in (body, body_again):
        assert b"photo.jpg" in sent.partition(b"filename=")[2]
        assert sent.count(b"\r\n\r\nphoto.jpg\r\n") == 1
        assert sent.count(b"\r\n\r\npainting.jpg\r\n") == 1


def test_each_thing_to_be_made_has_a_key_of_its_own(farm, client, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))
    farm.answers("POST /v1/explorations", Answer(202, job()))
    for verb in ("fork", "extend", "retry"):
        farm.answers(f"POST /v1/jobs/{JOB}/{verb}", Answer(202, job()))

    for _ in range(2):
        client.jobs.submit(pictures[0], [pictures[1]])
    client.jobs.explore()
    client.jobs.fork(JOB, 20)
    client.jobs.extend(JOB, 10)
    client.jobs.retry(JOB)

    keys = {headers["Idempotency-Key"] for _, _, headers, _ in farm.seen}
    assert len(keys) == len(farm.seen) == 6


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "queue-full"), (429, "quota-exceeded"), (503, "storage-full")],
)
def test_want_of_room_is_told_at_once(farm, client, pictures, pauses, status, code):
    full = Answer(status, problem(code), {"Retry-After": "60"})
    farm.answers("POST /v1/jobs", full)

    with pytest.raises(QueueFull if status == 429 else ApiError) as caught:
        client.jobs.submit(pictures[0], [pictures[1]])

    assert caught.value.code == code
    assert (len(farm.seen), pauses) == (1, [])


def test_the_key_travels_as_a_bearer_token(farm, connect, monkeypatch):
    monkeypatch.setenv("IMPASTO_API_KEY", "imp_1")
    farm.answers(SELF, Answer(body=job()))

    with connect(farm.url) as client:
        client.jobs.get(JOB)

    assert farm.seen[0][2]["Authorization"] == "Bearer imp_1"


def test_unknown_fields_and_states_are_kept(farm, client):
    body = job("dreaming", mood="blue", progress={"fraction": 0.5, "phase": "new"})
    farm.answers(SELF, Answer(body=body))

    found = client.jobs.get(JOB)

    assert found.state == "dreaming"
    assert json.loads(found.as_json())["mood"] == "blue"
    assert not found.is_over


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"id": "j", "state": "s", "created_at": "noon"}'],
)
def test_an_answer_that_is_no_job_comes_from_no_server_of_ours(farm, client, body):
    farm.answers(SELF, Answer(body=body))

    with pytest.raises(ServerUnreachable, match="not answer as Impasto"):
        client.jobs.get(JOB)


def test_a_state_unheard_of_that_has_finished_is_an_end(farm, client):
    farm.answers(SELF, Answer(body=job("expired", finished_at="2026-01-01T00:00:00Z")))

    assert client.jobs.wait(JOB).is_over


def test_each_known_problem_is_an_error_of_its_own(farm, client):
    for code, kind in ApiError.classes.items():
        farm.answers(SELF, Answer(400, problem(code, hint="do better")))

        with pytest.raises(kind) as caught:
            client.jobs.get(JOB)

        assert (caught.value.code, caught.value.hint) == (code, "do better")


def test_a_problem_names_every_wrong_value(farm, client):
    wrong = {"pointer": "/seed", "code": "greater_than_equal", "detail": "too small"}
    said = problem("validation", errors=[wrong])
    farm.answers(SELF, Answer(422, said, {"Request-Id": "r1"}))

    with pytest.raises(ValidationFailed) as caught:
        client.jobs.get(JOB)

    assert caught.value.errors == (FieldError(**wrong),)
    assert caught.value.problem.request_id == "r1"


def test_an_answer_that_is_no_problem_json_still_says_something(farm, client):
    farm.answers(SELF, Answer(418, b"<html>teapot</html>"))

    with pytest.raises(ApiError, match="418") as caught:
        client.jobs.get(JOB)

    assert caught.value.code == "http-418"


def test_reading_is_tried_again_after_what_the_server_asks(farm, client, pauses):
    busy = Answer(429, problem("rate-limited"), {"Retry-After": "3"})
    farm.answers(SELF, busy, Answer(503, b""), Answer(body=job()))

    assert client.jobs.get(JOB).id == JOB

    assert pauses[0] == 3
    assert 0.25 < pauses[1] < 1


def test_a_minute_is_waited_for_and_no_longer(farm, client, pauses):
    busy, later = (
        Answer(429, problem("rate-limited"), {"Retry-After": seconds})
        for seconds in ("60", "61")
    )
    farm.answers(SELF, busy, later)

    with pytest.raises(ApiError) as caught:
        client.jobs.get(JOB)

    assert pauses == [60]
    assert caught.value.problem.retry_after_seconds == 61


def test_a_server_that_is_away_is_unreachable(connect, pauses):
    def refuse(request):
        raise httpx2.ConnectError("refused", request=request)

    transport = httpx2.MockTransport(refuse)
    with (
        connect("http://x", transport=transport, sleep=pauses.append) as client,
        pytest.raises(ServerUnreachable, match="refused"),
    ):
        client.jobs.get(JOB)

    assert len(pauses) == 2


def test_a_server_that_holds_no_answers_is_polled_with_the_etag(farm, client, pauses):
    farm.answers(
        SELF,
        Answer(body=job(), headers={"ETag": '"1"', "Retry-After": "7"}),
        Answer(304),
        Answer(body=job("running"), headers={"ETag": '"2"'}),
        Answer(body=job("succeeded")),
    )

    states = [found.state for found in client.jobs.watch(JOB)]

    assert states == ["queued", "running", "succeeded"]
    sent = [headers.get("If-None-Match") for _, _, headers, _ in farm.seen]
    assert sent == [None, '"1"', '"1"', '"2"']
    asked = [headers.get("Prefer") for _, _, headers, _ in farm.seen]
    assert asked == [None, "wait=1", None, None]
    assert pauses == [0, 1, 1]


def test_watching_outlives_a_server_that_restarts(farm, client, pauses):
    down = [Answer(503, b"")] * 6
    farm.answers(SELF, Answer(body=job()), *down, Answer(body=job("succeeded")))

    assert [found.state for found in client.jobs.watch(JOB)] == ["queued", "succeeded"]


@pytest.mark.parametrize("timeout", [2.5, 0])
@pytest.mark.parametrize("is_held", [True, False], ids=["long poll", "short poll"])
def test_waiting_ends_in_time_and_leaves_the_job_alone(farm, connect, timeout, is_held):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    held = {"Preference-Applied": "wait"} if is_held else {}
    farm.answers(SELF, Answer(body=job("running")), Answer(304, headers=held))
    with (
        connect(farm.url, sleep=sleep, clock=lambda: now[0]) as client,
        pytest.raises(WaitTimeout) as caught,
    ):
        client.jobs.wait(JOB, timeout_seconds=timeout)

    assert caught.value.job.state == "running"
    assert timeout <= now[0] < timeout + 0.01


def test_a_download_replaces_the_file_only_when_it_is_whole(farm, client, tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    result = f"GET /v1/jobs/{JOB}/result"
    farm.answers(result, Answer(409, problem("result-not-ready")), Answer(body=b"new"))

    with pytest.raises(ResultNotReady):
        client.jobs.download(JOB, path)
    assert path.read_bytes() == b"old"

    client.jobs.download(JOB, path)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.glob(".out*")) == []


def test_run_submits_waits_and_saves(farm, client, pictures, tmp_path):
    farm.answers("POST /v1/jobs", Answer(202, job()))
    farm.answers(SELF, Answer(body=job("running")), Answer(body=job("succeeded")))
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"png"))

    done = client.run(*pictures[:1], pictures[1:], save_to=tmp_path / "o.png", seed=3)

    assert done.state == "succeeded"
    assert (tmp_path / "o.png").read_bytes() == b"png"


def test_run_raises_when_the_job_fails(farm, client, pictures):
    error = {"code": "diverged", "message": "loss is NaN", "hint": "lower it"}
    farm.answers("POST /v1/jobs", Answer(202, job()))
    farm.answers(SELF, Answer(body=job("failed", error=error)))

    with pytest.raises(JobFailed, match="loss is NaN") as caught:
        client.run(pictures[0], [pictures[1]])

    assert caught.value.hint == "lower it"


def test_every_public_name_can_be_imported():
    assert all(getattr(impasto, name) for name in __all__)
    with pytest.raises(AttributeError):
        _ = impasto.nothing


def test_plain_http_trusts_no_certificate_and_https_those_of_the_system():
    with Client("https://x") as secure, Client("http://x") as plain:
        for client, some in ((secure, True), (plain, False)):
            context = client._network._http._transport._pool._ssl_context  # noqa: SLF001 - httpx2 has no other way to tell

            assert bool(context.get_ca_certs()) is some
            assert context.verify_mode == ssl.CERT_REQUIRED


CALLS = {
    "get": lambda jobs, job_id, _: jobs.get(job_id),
    "manifest": lambda jobs, job_id, _: jobs.manifest(job_id),
    "cancel": lambda jobs, job_id, _: jobs.cancel(job_id),
    "pause": lambda jobs, job_id, _: jobs.pause(job_id),
    "resume": lambda jobs, job_id, _: jobs.resume(job_id),
    "finish": lambda jobs, job_id, _: jobs.finish(job_id),
    "change": lambda jobs, job_id, _: jobs.change(job_id, {"name": "x"}),
    "extend": lambda jobs, job_id, _: jobs.extend(job_id, 5),
    "fork": lambda jobs, job_id, _: jobs.fork(job_id, 5),
    "retry": lambda jobs, job_id, _: jobs.retry(job_id),
    "watch": lambda jobs, job_id, _: next(jobs.watch(job_id)),
    "wait": lambda jobs, job_id, _: jobs.wait(job_id),
    "download": lambda jobs, job_id, path: jobs.download(job_id, path),
    "frame": lambda jobs, job_id, path: jobs.download_frame(job_id, path),
    "delete": lambda jobs, job_id, _: jobs.delete(job_id),
    "logs": lambda jobs, job_id, _: jobs.logs(job_id),
    "frames": lambda jobs, job_id, _: jobs.frames(job_id),
}


@pytest.mark.parametrize(
    "job_id", ["../keys", "..", "", "job_", f"{JOB}/cancel", f"{JOB}?a=1", f"{JOB}\n"]
)
def test_no_request_leaves_for_what_is_not_the_id_of_a_job(
    farm, client, tmp_path, job_id
):
    for call in CALLS.values():
        with pytest.raises(InvalidId) as refused:
            call(client.jobs, job_id, tmp_path / "picture.png")

        assert repr(job_id) in str(refused.value)
        assert "job_01J" in refused.value.hint
    assert farm.seen == []


def test_no_request_leaves_for_what_is_not_a_digest(farm, client):
    for digest in ("../../keys", "..", "", "ab?c"):
        assert client.assets.find(digest) is None

    assert farm.seen == []


def test_a_preview_without_a_checkpoint_is_promoted_to_an_asset(farm, client):
    asset = {"id": "ast_1", "sha256": "ab", "object": "asset"}
    path = f"POST /v1/jobs/{JOB}/frames/5/promote"
    farm.answers(path, Answer(503, problem("busy")), Answer(201, asset))

    assert client.jobs.promote(JOB, 5).sha256 == "ab"

    keys = [headers["Idempotency-Key"] for _, _, headers, _ in farm.seen]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_no_request_leaves_for_what_is_not_the_id_of_an_asset_or_a_key(farm, client):
    for wrong in ("../jobs", "ast_", JOB, "ast_1/content"):
        for call in (client.assets.get, client.assets.delete, client.keys.revoke):
            with pytest.raises(InvalidId):
                call(wrong)

    assert farm.seen == []


def test_one_style_needs_no_list(farm, client, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))

    for style in (str(pictures[1]), pictures[1], b"bytes", StyleImage(b"bytes")):
        client.jobs.submit(pictures[0], style)

    assert [body.count(b' name="style"') for *_, body in farm.seen] == [1] * 4


def test_no_retry_goes_on_beyond_the_end_of_a_wait(farm, connect):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    farm.answers(SELF, Answer(body=job("running")), Answer(503, problem("busy")))
    with (
        connect(farm.url, sleep=sleep, clock=lambda: now[0]) as client,
        pytest.raises(ApiError, match="busy"),
    ):
        client.jobs.wait(JOB, timeout_seconds=2)

    assert now[0] <= 2


def test_a_server_that_hangs_does_not_hold_a_wait(connect):
    """Without its own timeout the request would be given 30 s."""
    timeouts = []

    def hang(request):
        timeouts.append(request.extensions["timeout"]["read"])
        raise httpx2.ReadTimeout("no byte", request=request)

    transport = httpx2.MockTransport(hang)
    with (
        connect("http://x", transport=transport, clock=lambda: 0.0) as client,
        pytest.raises(ServerUnreachable, match="no byte"),
    ):
        client.jobs.wait(JOB, timeout_seconds=0)

    assert timeouts == [5]
