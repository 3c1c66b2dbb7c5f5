"""JSON bodies and multipart forms: valid ones, with something wrong in them."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.fuzz.strategies.values import MOMENTS, texts, values

_JOB = {
    "content": {"asset_id": "{asset}"}, "styles": [{"image": {"asset_id": "{asset}"},
    "weight": 1.0}], "max_edge": 64, "quality": "draft", "schedule": [[64, 2]],
    "optimizer": "adam", "seed": 1, "name": "n", "tags": ["a"], "metadata": {"a": "b"},
    "priority": "low", "max_attempts": 2, "keep_every": 1, "start_deadline": 60,
    "cancel_after": "2030-01-01T00:00:00Z", "reuse": "never", "segments": [],
    "style_layers": {"relu1_1": 1.0}, "content_weight": 1.0, "format": "png",
    "embed_recipe": True,
}  # fmt: skip
_SEGMENT = {"from_iteration": 1, "changes": {"style_weight": 2.0}}
_EXPLORE = {
    "layers": ["relu1_1"], "top_k": 2, "patches": 9, "max_edge": 320, "pictures": [],
    "network": "vgg16", "pooling": "max", "name": "n",
    "reuse": "never",
}  # fmt: skip
_CHANGE = {
    "style_weight": 3.0,
    "iterations": 20,
    "name": "n",
    "tags": ["t"],
    "priority": "low",
    "metadata": {"k": "v"},
    "cancel_after": 100,
    "styles": [{"weight": 2.0}],
    "tv_weight": 1.0,
}
_FORK = {"from": {"iteration": 1}, "params": {"style_weight": 2.0}, "iterations": 5}
_KEY = {
    "name": "n", "scopes": ["read"], "expires_in": 100, "owner": "own_x",
    "submits_per_minute": 1, "max_queued": 1,
}  # fmt: skip
_MOMENTS = {"start_deadline", "cancel_after"}
# By address: what is well formed there.
JSON = {
    ("POST", "/v1/jobs"): _JOB,
    ("POST", "/v1/estimates"): _JOB,
    ("POST", "/v1/explorations"): _EXPLORE,
    ("PATCH", "/v1/jobs/{job}"): _CHANGE,
    ("POST", "/v1/jobs/{job}/fork"): _FORK,
    ("POST", "/v1/jobs/{job}/extend"): {"iterations": 3},
    ("POST", "/v1/jobs/{job}/retry"): {"from": "start"},
    ("POST", "/v1/jobs/{job}/cancel"): {},
    ("POST", "/v1/jobs/{job}/pause"): {},
    ("POST", "/v1/jobs/{job}/resume"): {},
    ("POST", "/v1/jobs/{job}/finish"): {},
    ("POST", "/v1/jobs/{job}/frames/1/promote"): {},
    ("DELETE", "/v1/jobs/{job}"): {},
    ("DELETE", "/v1/assets/{asset}"): {},
    ("POST", "/v1/keys"): _KEY,
    ("POST", "/session"): {},
}
BROKEN = (
    b"{",
    b"[]",
    b"null",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b'{"seed":' + b"9" * 4400 + b"}",
    b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'{"name":"\\ud800"}',
    b'{"name":"\\u0000"}',
    b"{'a':1}",
    b'{"a":1}}',
    b"\x00",
    b'{"\\ud800":1}',
    b'{"iterations":1e999}',
    b'{"iterations":-1e-999}',
    b" " * 300_000,
    b'{"name":"' + b"x" * 262_000 + b'"}',
)


@st.composite
def damaged(draw, base):
    """An object with members taken away, changed, added."""
    said = json.loads(json.dumps(base))
    for _ in range(draw(st.integers(0, 3))):
        place, names = said, [*said]
        if not names:
            break
        name = draw(st.sampled_from(names))
        inner = place[name]
        while isinstance(inner, dict | list) and inner and draw(st.booleans()):
            place = inner
            name = draw(st.sampled_from([*inner] if isinstance(inner, dict) else [0]))
            inner = place[name]
        place[name] = draw(values)
    if draw(st.integers(0, 3)) == 0:
        said[draw(texts)] = draw(values)
    kept = draw(st.integers(0, 3))
    if kept == 0 and said:
        del said[draw(st.sampled_from([*said]))]
    return said


@st.composite
def one_changed(draw, base):
    """An object as it should be, but for one member: what is wrong with it counts."""
    said = json.loads(json.dumps(base))
    if said:
        name = draw(st.sampled_from([*said]))
        said[name] = draw(st.sampled_from(MOMENTS) if name in _MOMENTS else values)
    return said


def written(value: object, *, ascii_only: bool) -> bytes:
    """As JSON; lone surrogates escaped, or as the bytes that UTF-8 forbids."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def json_texts(draw, base):
    """Bytes of a JSON body."""
    how = draw(st.integers(0, 9))
    if how == 0:
        return draw(st.sampled_from(BROKEN))
    if how == 1:
        return draw(st.binary(max_size=60))
    if how > 6:
        return written(draw(one_changed(base)), ascii_only=draw(st.booleans()))
    value = draw(values) if how == 2 else draw(damaged(base))
    text = written(value, ascii_only=draw(st.booleans()))
    return text[: draw(st.integers(0, len(text)))] if how == 3 else text


FIELDS = (
    "content",
    "style",
    "init_image",
    "mask_0",
    "mask_7",
    "mask_99",
    "region_0",
    "content_labels",
    "labels_0",
    "params",
    "segments",
    "tags",
    "metadata",
    "name",
    "priority",
    "max_attempts",
    "keep_every",
    "start_deadline",
    "cancel_after",
    "reuse",
    "picture",
    "file",
    "sha256",
    "purpose",
    "expires_in",
)
_TYPES = (
    "",
    "image/png",
    "text/plain; charset=utf-16",
    "application/json",
    "text/plain; charset=nonsense",
    "multipart/mixed; boundary=y",
    "x",
)


@st.composite
def _part(draw, pictures):
    name = draw(st.sampled_from(FIELDS) | texts)
    quoted = name.replace("\r", "").replace("\n", "")
    disposition = f'form-data; name="{quoted}"'
    is_file = draw(st.booleans())
    if is_file:
        file_name = draw(texts).replace("\r", "").replace("\n", "")
        star = draw(st.sampled_from(("filename", "filename*=UTF-8''x; filename")))
        disposition += f'; {star}="{file_name}"'
    kind = draw(st.sampled_from(_TYPES))
    head = f"Content-Disposition: {disposition}\r\n"
    head += f"Content-Type: {kind}\r\n" if kind else ""
    head += draw(st.sampled_from(("", "Content-Transfer-Encoding: base64\r\n",
                                  "Content-Length: 3\r\n", "X: " + "y" * 9000 + "\r\n",
                                  "Content-Digest: sha-256=:AAAA:\r\n")))  # fmt: skip
    if is_file and draw(st.integers(0, 2)):
        data = draw(pictures)
    else:
        data = draw(json_texts(_JOB) | texts.map(_bytes))
    return head.encode("utf-8", "surrogatepass") + b"\r\n" + data


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def field(name: str, data: bytes, file_name: str | None = None) -> bytes:
    """A part that is well formed."""
    named = f'form-data; name="{name}"'
    if file_name is not None:
        named += f'; filename="{file_name}"'
    return f"Content-Disposition: {named}\r\n\r\n".encode() + data


def form(parts: list[bytes], end: bytes = b"--x--\r\n") -> bytes:
    """Parts with the boundary `x` between them."""
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


@st.composite
def forms(draw, pictures):
    """Bytes of a multipart body with the boundary `x`."""
    parts = draw(st.lists(_part(pictures), max_size=5))
    if draw(st.integers(0, 3)):
        picture = draw(pictures)
        parts += [field("content", picture, "a.png"), field("style", picture, "b.png")]
    end = draw(
        st.sampled_from((b"--x--\r\n",) * 6 + (b"", b"--x", b"--x--junk", b"--y--"))
    )
    body = form(parts, end)
    cut = draw(st.integers(0, 9)) == 0
    return body[: draw(st.integers(0, len(body)))] if cut else body
