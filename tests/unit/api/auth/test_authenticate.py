from __future__ import annotations

import re

import pytest

OPEN = ["/", "/livez", "/readyz", "/openapi.json", "/docs", "/problems/validation",
        "/static/studio.js", "/static/base.css",
        "/docs/swagger-ui/css/swagger-ui.css",
        "/docs/swagger-ui/js/swagger-ui-bundle.js"]  # fmt: skip


def bearer(api, name="me"):
    return api.bearer(name=name)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8470", "127.0.0.1:8470", "[::1]:8470", "LOCALHOST"]
)
def test_without_keys_this_machine_is_served(client, host):
    assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.0.5:8470",
     "", "localhost:port", "[::1"],
)  # fmt: skip
def test_without_keys_a_foreign_host_is_turned_away(client, host):
    for path in ("/", "/v1/jobs", "/livez"):
        response = client.get(path, headers={"Host": host})

        assert (response.status_code, response.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:1234", "https://localhost", "null",
     "http://localhost.evil.example", "file://", "http://[::1"],
)  # fmt: skip
def test_without_keys_another_pages_requests_are_turned_away(api, origin):
    response = api.submit(headers={"Origin": origin})

    assert (response.status_code, response.json["code"]) == (403, "forbidden")


def test_the_servers_own_page_is_let_in(client):
    headers = {"Host": "localhost:8470", "Origin": "http://localhost:8470"}

    assert client.get("/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-anything",
     "X-Real-IP", "Via", "CF-Connecting-IP"],
)  # fmt: skip
def test_without_keys_what_came_through_a_proxy_is_turned_away(client, header):
    for path in ("/", "/v1/jobs", "/livez"):
        response = client.get(path, headers={header: "127.0.0.1"})

        assert (response.status_code, response.json["code"]) == (403, "forbidden")
        assert header.lower() in response.json["detail"].lower()
        assert "IMPASTO_AUTH=keys" in response.json["hint"]


def test_with_keys_a_proxy_may_stand_in_front(keyed):
    proxy = {"Forwarded": "for=8.8.8.8", "X-Forwarded-For": "8.8.8.8", "Via": "1.1 p"}

    response = keyed.client.get("/v1/jobs", headers=bearer(keyed) | proxy)

    assert response.status_code == 200


def fetched(site, mode="cors", dest="empty"):
    """What a browser says of a request, which no page can change."""
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}


@pytest.mark.parametrize(
    ("mode", "dest"),
    [("no-cors", "image"), ("no-cors", "script"), ("cors", "empty"),
     ("navigate", "iframe"), ("navigate", "object"), ("no-cors", "document")],
)  # fmt: skip
def test_without_keys_another_sites_page_reads_and_embeds_nothing(client, mode, dest):
    for site in ("cross-site", "same-site", "x"):
        for path in ("/", "/v1/jobs", "/v1/events"):
            response = client.get(path, headers=fetched(site, mode, dest))

            assert (response.status_code, response.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_without_keys_another_sites_form_changes_nothing(api, site):
    """A form opens its answer in a tab, but is no link; old browsers send no Origin."""
    response = api.submit(headers=fetched(site, "navigate", "document"))

    assert (response.status_code, response.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_without_keys_a_link_on_another_site_opens_in_a_tab(client, site):
    for path in ("/", "/docs", "/problems/validation", "/v1/jobs"):
        response = client.get(path, headers=fetched(site, "navigate", "document"))

        assert response.status_code == 200
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_without_keys_the_page_itself_reads_and_writes(api, site):
    assert api.client.get("/v1/jobs", headers=fetched(site)).status_code == 200
    assert api.submit(headers=fetched(site)).status_code == 202


@pytest.mark.parametrize("address", ["192.168.0.7", "8.8.8.8", "::ffff:8.8.8.8", ""])
def test_without_keys_another_machine_is_turned_away(client, address):
    response = client.get("/v1/jobs", environ_overrides={"REMOTE_ADDR": address})

    assert response.status_code == 403
    assert response.json["hint"]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]
)
def test_without_keys_every_loopback_address_is_this_machine(client, address):
    environ = {"REMOTE_ADDR": address}

    assert client.get("/v1/jobs", environ_overrides=environ).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer imp_wrong",
        "Basic abc",
        "imp_x",
        "Bearer \xff",
    ],
)
def test_with_keys_a_missing_or_unknown_key_is_401(keyed, sent):
    headers = {} if sent is None else {"Authorization": sent}

    response = keyed.client.get("/v1/jobs", headers=headers)

    assert (response.status_code, response.json["code"]) == (401, "unauthenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json["hint"]


def test_with_keys_another_machine_with_a_key_is_served(keyed):
    response = keyed.client.get(
        "/v1/jobs",
        headers={**bearer(keyed), "Host": "farm.example"},
        environ_overrides={"REMOTE_ADDR": "8.8.8.8"},
    )

    assert response.status_code == 200


def test_with_keys_pages_and_health_stay_open(keyed):
    for path in OPEN:
        assert keyed.client.get(path).status_code == 200, path


def test_every_address_below_v1_wants_a_key(keyed):
    rules = [
        rule for rule in keyed.app.url_map.iter_rules() if rule.rule.startswith("/v1/")
    ]
    assert rules
    for rule in rules:
        url = re.sub("<[^>]*>", "job_1", rule.rule)
        (method,) = rule.methods - {"HEAD", "OPTIONS"}
        assert keyed.client.open(url, method=method).status_code == 401, rule


def test_jobs_of_others_do_not_exist(keyed):
    mine, theirs = bearer(keyed, "mine"), bearer(keyed, "theirs")
    done = keyed.submit(headers=mine).json["urls"]["self"]
    claim = keyed.claimed()
    keyed.frame(claim)
    keyed.finish(claim)
    made = keyed.client.get(done, headers=mine).json["urls"]
    urls = keyed.submit(headers=mine).json["urls"]

    for url in (urls["self"], made["result"], made["latest_frame"], urls["content"]):
        assert keyed.client.get(url, headers=theirs).status_code == 404
    assert keyed.client.post(urls["cancel"], headers=theirs).status_code == 404
    assert keyed.client.get("/v1/jobs", headers=theirs).json["data"] == []
    assert keyed.client.get(urls["self"], headers=mine).status_code == 200


def test_a_cursor_is_only_for_who_asked(keyed, clock):
    mine, theirs = bearer(keyed, "mine"), bearer(keyed, "theirs")
    for _ in range(2):
        clock.advance(1)
        keyed.submit(headers=mine)
    cursor = keyed.client.get("/v1/jobs?limit=1", headers=mine).json["next_cursor"]

    response = keyed.client.get(f"/v1/jobs?cursor={cursor}", headers=theirs)

    assert response.json["code"] == "bad-cursor"
