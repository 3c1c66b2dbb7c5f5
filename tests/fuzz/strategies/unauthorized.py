"""What belongs to others, and pages of other sites: nothing of it may be reached."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.raw_request import KEYED, OPEN, Attempt
from tests.fuzz.strategies.bodies import JSON, json_texts
from tests.fuzz.strategies.urls import GETS, OF_JOB

KEY = ("Authorization", "Bearer {mine}")


@st.composite
def owners(draw):
    """What belongs to somebody else does not exist."""
    at = draw(st.sampled_from(sorted(_THEIRS)))
    method, path = at
    body, headers = b"", (KEY,)
    if method in {"POST", "PATCH"}:
        body = draw(json_texts(JSON.get((method, path.replace("their_", "")), {})))
        headers += (("Content-Type", "application/json"), ("If-Match", '"1"'))
        if draw(st.booleans()):
            headers += (("Idempotency-Key", draw(st.sampled_from("abc"))),)
    elif draw(st.booleans()):
        headers += (("If-None-Match", "*"), ("Range", "bytes=0-"))
    allowed = frozenset({404})
    return Attempt(method, path, headers, body, KEYED, allowed)


_THEIRS = {
    *(("GET", f"/v1/jobs/{{their_job}}{one}") for one in OF_JOB),
    *(
        (method, path.replace("{job}", "{their_job}"))
        for method, path in JSON
        if "{job}" in path
    ),
    ("DELETE", "/v1/jobs/{their_job}"),
    ("DELETE", "/v1/assets/{their_asset}"),
    ("GET", "/v1/assets/{their_asset}"),
    ("GET", "/v1/assets/{their_asset}/content"),
    ("GET", "/v1/assets/by-digest/{their_digest}"),
    ("DELETE", "/v1/keys/{their_key}"),
    ("HEAD", "/v1/assets/by-digest/{their_digest}"),
    ("GET", "/v1/events?jobs={their_job}"),
    ("GET", "/v1/events?jobs={job},{their_job}"),
}
_HOSTS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost@evil",
    "evil.example:80",
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "[::]",
    "127.0.0.2",
    "2130706433",
    "0x7f.1",
    "",
    "[::1",
    "localhost:x",
    "localhost:99999",
    "é",
    "local host",
    "127.1",
    "[::ffff:127.0.0.1]",
)
_ORIGINS = (
    "http://evil.example", "null", "http://localhost:1", "https://localhost", "file://",
    "http://localhost.evil.example", "http://127.0.0.1", "//", "é", "http://[", "",
)  # fmt: skip

_SIGNS = (
    ("Via", "1.1 proxy"), ("Forwarded", "for=127.0.0.1"), ("X-Real-IP", "127.0.0.1"),
    ("X-Forwarded-For", "127.0.0.1"), ("x-forwarded-anything", ""),
    ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"),
)  # fmt: skip


@st.composite
def origins(draw):
    """Pages of other sites, by DNS rebinding, a proxy, or straight across."""
    refused = frozenset({400, 403})  # 400: of granian, for what is no name of a host
    method, path = draw(
        st.sampled_from([("GET", path) for path in GETS] + sorted(JSON))
    )
    body = draw(json_texts(JSON[method, path])) if method != "GET" else b""
    kind = ("Content-Type", draw(st.sampled_from(("text/plain", "application/json"))))
    if draw(st.booleans()):
        sign = draw(st.sampled_from(_SIGNS))
        return Attempt(method, path, (sign, kind), body, OPEN, refused)
    if draw(st.booleans()):
        host = ("Host", draw(st.sampled_from(_HOSTS)))
        return Attempt(method, path, (host, kind), body, OPEN, refused)
    origin = ("Origin", draw(st.sampled_from(_ORIGINS)))
    if draw(st.booleans()):
        return Attempt(method, path, (origin, kind), body, OPEN, refused)
    method, path = draw(
        st.sampled_from([one for one in sorted(JSON) if one[1] != "/session"])
    )
    if origin[1] == "https://localhost":  # our own page, behind a proxy with TLS
        origin = ("Origin", "https://evil.example")
    told = (origin, kind, ("Cookie", "impasto_session={session}"))
    if draw(st.booleans()):  # the right token does not help a foreign page
        told += (("CSRF-Token", "{csrf}"),)
    return Attempt(method, path, told, body or b"{}", KEYED, refused)
