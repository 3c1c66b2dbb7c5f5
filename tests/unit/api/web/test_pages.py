from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import api as package
from shared.params.style import StyleParams

WEB = Path(package.__file__).parent / "web"
PAGES = ["/", "/docs", "/problems/", "/problems/validation"]


class Page(HTMLParser):
    """The parts of a page that tests ask about."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.append((tag, named))
        self.addresses += [named[name] for name in ("src", "href") if named.get(name)]
        self.ids += [named["id"]] if "id" in named else []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere_and_nothing_inline(client, path):
    page = Page(client.get(path).text)

    assert all(address.startswith(("/", "#")) for address in page.addresses)
    for tag, attributes in page.tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or "src" in attributes


@pytest.mark.parametrize("path", PAGES)
def test_every_file_and_page_that_a_page_names_exists(client, path):
    for address in Page(client.get(path).text).addresses:
        if address.startswith("/"):
            assert client.get(address).status_code == 200, address


def test_scripts_and_sheets_load_nothing_from_elsewhere():
    for path in (WEB / "static").iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|\beval\(|innerHTML", text), path.name


def test_every_module_that_a_script_imports_is_served(client):
    for path in (WEB / "static").glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', path.read_text()):
            assert client.get(f"/static/{name}").status_code == 200


def test_every_element_that_a_script_asks_for_is_on_the_page(client):
    ids = Page(client.get("/").text).ids
    asked = {
        name
        for path in (WEB / "static").glob("*.js")
        for name in re.findall(
            r'(?:getElementById|\bat)\("([^"]+)"\)', path.read_text()
        )
    }

    assert asked <= set(ids)
    assert len(ids) == len(set(ids))


def test_every_control_has_a_name_for_those_who_do_not_see_it(client):
    text = client.get("/").text
    page = Page(text)
    labels = {attributes.get("for") for tag, attributes in page.tags if tag == "label"}
    depth_free = re.sub(
        r"<label.*?</label>", "", text, flags=re.DOTALL
    )  # labels that wrap
    for tag, attributes in Page(depth_free).tags:
        if tag in {"input", "select"}:
            assert "aria-label" in attributes or attributes["id"] in labels, attributes


def test_the_page_asks_for_a_key_only_where_keys_are_used(make_api):
    assert 'data-keys="no"' in make_api().client.get("/").text
    keyed = make_api(auth="keys", host="0.0.0.0")  # noqa: S104 - nothing is bound
    assert 'data-keys="yes"' in keyed.client.get("/").text


def test_the_docs_page_shows_the_document_in_swagger_ui_of_this_server(client):
    page = client.get("/docs")

    scripts = [a["src"] for tag, a in Page(page.text).tags if tag == "script"]
    texts = [client.get(path).text for path in scripts]
    assert "SwaggerUIBundle" in texts[0]
    assert 'url: "/openapi.json"' in texts[1]
    assert "validatorUrl: null" in texts[1]  # it would be asked on another host


def test_only_the_docs_page_may_show_images_of_data_urls(client):
    policies = {
        path: client.get(path).headers["Content-Security-Policy"] for path in PAGES
    }

    assert "img-src 'self' data: blob:;" in policies.pop("/docs")
    for policy in policies.values():
        assert "data:" not in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy


def test_the_form_starts_with_the_defaults_of_the_parameters(client):
    page = Page(client.get("/").text)
    inputs = [attributes for tag, attributes in page.tags if tag == "input"]
    defaults = StyleParams()

    chosen = {one["name"]: one["value"] for one in inputs if "checked" in one}
    assert chosen == {
        "max_edge": str(defaults.max_edge),
        "quality": defaults.quality,
        "color": defaults.color,
    }
    values = {one.get("name") or one.get("id"): one for one in inputs}
    assert float(values["tv_weight"]["value"]) == defaults.tv_weight
    assert float(values["style_weight"]["data-balanced"]) == defaults.style_weight


def test_every_choice_of_the_form_is_a_valid_parameter(client):
    page, name, offered = Page(client.get("/").text), None, []
    for tag, attributes in page.tags:
        name = attributes.get("name") if tag in {"select", "input"} else name
        value = attributes.get("value")
        if tag == "option" or attributes.get("type") == "radio":
            offered.append({name: value} if value else {})

    assert len(offered) > 20
    for params in offered:
        StyleParams(**params)


def test_the_form_knows_how_large_a_picture_may_be(make_api):
    text = make_api(max_upload_bytes=12_345).client.get("/").text

    assert 'data-max-bytes="12345"' in text


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/jbos", "/problems/nothing", "/v1/nothing"])
def test_a_browser_is_shown_a_page_where_nothing_is(client, path):
    response = client.get(path, headers={"Accept": BROWSER})

    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "There is no such page" in response.text
    assert "/" in Page(response.text).addresses


@pytest.mark.parametrize("accept", ["*/*", "application/json", None])
def test_a_program_is_told_so_in_a_problem_document(client, accept):
    response = client.get("/jbos", headers={"Accept": accept} if accept else {})

    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.json["detail"] == "/jbos is no address of this server"


def test_each_job_has_a_page(client):
    assert client.get("/jobs/job_1").text == client.get("/").text
