"""The kinds of attempts, by name."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import strategies as st

from tests.fuzz.raw_request import KEYED, OPEN, Attempt
from tests.fuzz.strategies.bodies import JSON, field, form, forms, json_texts
from tests.fuzz.strategies.headers import HEADERS
from tests.fuzz.strategies.images import pictures
from tests.fuzz.strategies.malformed_http import wires
from tests.fuzz.strategies.unauthorized import KEY, origins, owners
from tests.fuzz.strategies.urls import GETS, METHODS, PIECES, QUERIES
from tests.fuzz.strategies.values import texts

_MULTIPART = ("Content-Type", "multipart/form-data; boundary=x")

_free = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f{}"),
    max_size=20,
)


@st.composite
def _json(draw):
    method, path = draw(st.sampled_from(sorted(JSON)))
    body = draw(json_texts(JSON[method, path]))
    headers = [("Content-Type", "application/json")]
    if method == "PATCH" and draw(st.booleans()):
        headers.append(("If-Match", draw(st.sampled_from(('"1"', '"2"', "*")))))
    if draw(st.integers(0, 4)) == 0:
        headers.append(("Idempotency-Key", draw(st.sampled_from(("a", "b", "c")))))
    return Attempt(method, path, tuple(headers), body)


@st.composite
def _forms(draw):
    path = draw(st.sampled_from(("/v1/jobs", "/v1/assets", "/v1/explorations")))
    return Attempt("POST", path, (_MULTIPART,), draw(forms(pictures)))


@st.composite
def _pictures(draw):
    data = draw(pictures)
    if draw(st.integers(0, 3)):
        body = form(
            [field("file", data, draw(st.sampled_from(("a.png", "", "é.tif"))))]
        )
        return Attempt("POST", "/v1/assets", (_MULTIPART,), body)
    style = draw(pictures)
    body = form([field("content", data, "a"), field("style", style, "b")])
    return Attempt("POST", "/v1/jobs", (_MULTIPART,), body)


@st.composite
def _queries(draw):
    path = draw(st.sampled_from(GETS))
    pairs = draw(st.lists(st.tuples(st.sampled_from(QUERIES), texts), max_size=3))
    query = "&".join(f"{name}={_quoted(value)}" for name, value in pairs)
    return Attempt("GET", f"{path}?{query}")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@st.composite
def _paths(draw):
    pieces = draw(st.lists(st.sampled_from(PIECES) | _safe_pieces, max_size=6))
    prefix = draw(
        st.sampled_from(("/", "/v1/", "/v1/jobs/", "//", "/static/", "/v1/.."))
    )
    method = draw(st.sampled_from(METHODS[:8] if draw(st.booleans()) else ("GET",)))
    if method in {"POST", "DELETE", "PATCH", "PUT"}:
        pieces = [one for one in pieces if one != "{asset}"]
    return Attempt(method, prefix + "/".join(pieces))


_safe_pieces = texts.map(_quoted).filter(lambda text: len(text) < 4000)


@st.composite
def _headers(draw):
    keyed = draw(st.booleans())
    method, path = "GET", draw(st.sampled_from(GETS))
    if draw(st.integers(0, 2)) == 0:
        method, path = draw(st.sampled_from(sorted(JSON)))
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), min_size=1, max_size=4))
    headers = [KEY] if keyed and draw(st.booleans()) else []
    headers += [(name, draw(st.sampled_from(HEADERS[name]) | _free)) for name in names]
    body = b"{}" if method != "GET" else b""
    if "Expect" in names:
        body = b""
    return Attempt(method, path, tuple(headers), body, KEYED if keyed else OPEN)


FAMILIES = {
    "json": _json(), "forms": _forms(), "pictures": _pictures(), "queries": _queries(),
    "paths": _paths(), "headers": _headers(), "owners": owners(),
    "origins": origins(), "wire": wires,
}  # fmt: skip
# Of 100 cases; those on the wire take a connection each, and some are slow on purpose.
SHARES = {
    "json": 20, "forms": 14, "pictures": 14, "queries": 14, "paths": 10, "headers": 14,
    "owners": 6, "origins": 6, "wire": 2,
}  # fmt: skip
