"""What holds for every answer: problems, headers, outages."""

from __future__ import annotations

import re
import sqlite3

import pytest
from structlog.testing import capture_logs

from api.http.problems import list_error_classes, list_problem_types
from shared.errors import WeightsMissing

PATHS = ["/", "/livez", "/v1/jobs", "/v1/jobs/none", "/nowhere", "/static/base.css"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_names_its_request_and_fences_browsers_in(client, path):
    headers = client.get(path).headers

    assert headers["Request-Id"].startswith("req_")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_two_requests_have_two_ids(client):
    assert (
        client.get("/livez").headers["Request-Id"]
        != client.get("/livez").headers["Request-Id"]
    )


def test_a_problem_is_complete_and_its_type_is_a_page(client):
    response = client.get("/v1/jobs/job_none")

    problem = response.json
    assert response.mimetype == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "request_id",
            "retryable"} <= set(problem)  # fmt: skip
    assert problem["status"] == response.status_code == 404
    assert problem["instance"] == "/v1/jobs/job_none"
    assert problem["request_id"] == response.headers["Request-Id"]
    assert client.get(problem["type"]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/v1/jobs", 405, "method-not-allowed"),
        ("GET", "/problems/no-such-problem", 404, "not-found"),
    ],
)
def test_what_flask_refuses_is_a_problem_too(client, method, path, status, code):
    response = client.open(path, method=method)

    assert (response.status_code, response.json["code"]) == (status, code)
    assert client.get(response.json["type"]).status_code == 200


def test_a_wrong_method_names_the_right_ones(client):
    assert "POST" in client.delete("/v1/jobs").headers["Allow"]


def test_every_kind_of_problem_has_a_page(client):
    for error in list_problem_types():
        response = client.get(f"/problems/{error.code}")
        assert "What to do" in response.text
        assert response.status_code == 200, error.code
        assert error.title in response.text.replace("&#39;", "'"), error.code


def test_codes_are_written_with_hyphens_and_each_has_one_status():
    statuses = {}
    for error in list_error_classes():
        assert re.fullmatch("[a-z]+(-[a-z]+)*", error.code), error
        statuses.setdefault(error.code, set()).add(error.status)

    del statuses["internal"]  # of errors without a code of their own
    assert all(len(found) == 1 for found in statuses.values()), statuses


def test_an_unforeseen_error_is_500_without_its_text(new_api):
    def explode():
        raise RuntimeError("secret detail")

    new_api.app.add_url_rule("/explode", view_func=explode)

    response = new_api.client.get("/explode")

    assert (response.status_code, response.json["code"]) == (500, "internal")
    assert "secret" not in response.text
    assert response.json["request_id"]


def test_an_expected_error_that_is_not_meant_for_clients_is_500(new_api):
    def explode():
        raise WeightsMissing("not here")

    new_api.app.add_url_rule("/explode", view_func=explode)

    assert new_api.client.get("/explode").json["code"] == "internal"


def test_a_locked_database_is_503_and_worth_another_try(api):
    api.db.close()
    locked = type(api)(api.settings, None, busy_seconds=0.05)
    blocker = sqlite3.connect(api.db.url.database, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        response = locked.submit()
    finally:
        blocker.close()
        locked.db.close()

    assert response.status_code == 503
    assert response.json["code"] == "database-unavailable"
    assert response.headers["Retry-After"]
    assert response.json["retryable"] is True
    assert response.json["hint"]


def test_a_database_out_of_reach_is_503_everywhere_but_livez(make_api, tmp_path):
    api = make_api(database_url=f"sqlite:///{tmp_path}/no/folder/x.sqlite")

    assert api.client.get("/v1/jobs").status_code == 503
    assert api.submit().status_code == 503
    assert api.client.get("/livez").status_code == 200
    ready = api.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["checks"]["storage"] == "ok"
    assert ready.json["checks"]["database"] == "down"


@pytest.mark.parametrize(
    "error", [error for error in list_problem_types() if error.status >= 500]
)
def test_what_an_outage_says_of_the_deployment_is_for_the_log_only(new_api, error):
    def fail():
        raise error("connection to db.internal, user impasto, port 5432 refused")

    new_api.app.add_url_rule("/fail", view_func=fail)

    with capture_logs() as logged:
        response = new_api.client.get("/fail")

    assert response.status_code == error.status
    assert not any(word in response.text for word in ("db.internal", "5432", "refused"))
    assert response.json["detail"]
    assert "db.internal" in logged[0]["error"]


def test_readyz_says_that_the_database_is_down_and_only_the_log_says_why(
    make_api, tmp_path
):
    api = make_api(database_url=f"sqlite:///{tmp_path}/no/folder/x.sqlite")

    with capture_logs() as logged:
        response = api.client.get("/readyz")

    assert response.json["detail"] == "database: down"
    assert "unable to open" not in response.text
    assert "unable to open" in logged[0]["error"]


def test_a_redirect_is_no_problem(new_api):
    new_api.app.add_url_rule("/folder/", view_func=str)

    response = new_api.client.get("/folder")

    assert response.status_code == 308
    assert response.headers["Location"].endswith("/folder/")


@pytest.fixture(autouse=True)
def host_clock(monkeypatch, clock):
    """The clock of the host, which shows the same as the test's at its start."""
    host_clock = type(clock)()
    monkeypatch.setattr("api.server.health.SYSTEM_CLOCK", host_clock)
    return host_clock


def test_readyz_says_ready(client):
    response = client.get("/readyz")

    assert (response.status_code, response.json["status"]) == (200, "ready")
    assert response.json["checks"] == {
        "database": "ok",
        "redis": "ok",
        "storage": "ok",
        "clock": "ok",
    }


@pytest.mark.parametrize(("step", "found"), [(-31, "off"), (-29, "ok"), (31, "off")])
def test_readyz_warns_of_a_clock_of_the_database_that_is_not_the_hosts(
    api, clock, step, found
):
    clock.advance(step)

    ready = api.client.get("/readyz")

    status = {"ok": "ready", "off": "degraded"}[found]
    assert (ready.status_code, ready.json["status"]) == (200, status)
    assert ready.json["checks"]["clock"] == found


def test_readyz_warns_of_rows_from_the_future(api, clock, host_clock):
    response = api.submit()
    api.client.post(f"{response.headers['Location']}/cancel")
    clock.advance(-3600)
    host_clock.advance(-3600)

    ready = api.client.get("/readyz")

    assert (ready.status_code, ready.json["checks"]["clock"]) == (200, "off")


def test_without_redis_the_server_is_degraded_but_ready(api):
    api.notifier.works = False

    response = api.client.get("/readyz")

    assert (response.status_code, response.json["status"]) == (200, "degraded")
    assert response.json["checks"]["redis"] == "down"


def test_with_a_full_disk_the_server_is_not_ready(make_api):
    response = make_api(min_free_bytes=2**62).client.get("/readyz")

    assert response.status_code == 503
    assert response.json["checks"]["storage"] == "full"


def test_capabilities_name_the_choices_the_limits_and_the_credits(client):
    response = client.get("/v1/capabilities")

    said = response.json
    assert set(said["networks"]) == {"vgg16", "vgg19"}
    assert said["optimizers"] == ["lbfgs", "adam", "gd"]
    assert said["limits"]["max_edge"] == 8192
    assert "image/png" in said["formats"]
    assert said["result_formats"]["tiff"] == "image/tiff"
    assert any("Visual Geometry Group" in credit["by"] for credit in said["credits"])
    credited = {credit["what"] for credit in said["credits"]}
    assert "weights of torchvision's VGG-19 (IMAGENET1K_V1)" in credited
    assert "Andreas Praefcke" in {credit["by"] for credit in said["credits"]}
    etag = {"If-None-Match": response.headers["ETag"]}
    assert client.get("/v1/capabilities", headers=etag).status_code == 304


def test_programs_read_the_problems_as_json_each_with_a_remedy(client):
    accept = {"Accept": "application/json"}
    listed = client.get("/problems/", headers=accept)

    assert listed.mimetype == "application/json"
    data = listed.json["data"]
    assert {each["code"] for each in data} == {e.code for e in list_problem_types()}
    for each in data:
        assert each["remedy"], each
        assert each["title"]
        assert each["status"] >= 400
    one = client.get("/problems/queue-full", headers=accept)
    assert one.json in data
    assert one.json["retryable"] is True
    missing = client.get("/problems/nothing", headers=accept)
    assert missing.json["code"] == "not-found"


@pytest.mark.parametrize("accept", ["*/*", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_people_read_the_problems_as_pages(client, accept):
    for path in ("/problems/", "/problems/validation"):
        assert client.get(path, headers={"Accept": accept}).mimetype == "text/html"
