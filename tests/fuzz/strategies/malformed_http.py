"""Requests that are no proper HTTP, too large, or too slow."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.raw_request import Attempt

_HOST = b"Host: localhost\r\n"
_END = b"Connection: close\r\n\r\n"
_LONG = b"a" * 70_000


def _get(
    *lines: bytes, target: bytes = b"/v1/jobs", version: bytes = b"HTTP/1.1"
) -> bytes:
    return b"GET %s %s\r\n" % (target, version) + _HOST + b"".join(lines) + _END


def _post(
    *lines: bytes, body: bytes = b"{}", target: bytes = b"/v1/explorations"
) -> bytes:
    head = (
        b"POST %s HTTP/1.1\r\n" % target + _HOST + b"Content-Type: application/json\r\n"
    )
    return head + b"".join(lines) + _END + body


_CASES = (
    _get(b"Content-Length: 0\r\nContent-Length: 5\r\n"),
    _post(b"Content-Length: 2\r\nContent-Length: 2\r\n"),
    _post(b"Content-Length: 2\r\nContent-Length: 3\r\n"),
    _post(b"Content-Length: -1\r\n"),
    _post(b"Content-Length: x\r\n"),
    _post(b"Content-Length: +2\r\n"),
    _post(b"Content-Length: 0x2\r\n"),
    _post(b"Content-Length: 99999999999999999999\r\n"),
    _post(b"Content-Length: 999999999999\r\n"),  # refused before it is read
    _post(
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        body=b"2\r\n{}\r\n0\r\n\r\n",
    ),
    _post(b"Transfer-Encoding: chunked\r\n", body=b"2\r\n{}\r\n0\r\n\r\n"),
    _post(b"Transfer-Encoding: chunked\r\n", body=b"zz\r\n{}\r\n0\r\n\r\n"),
    _post(b"Transfer-Encoding: chunked\r\n", body=b"ffffffffffffffff\r\n{}"),
    _post(b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
    _post(
        b"Transfer-Encoding: chunked\r\n",
        body=b"1;" + b"x" * 5000 + b"\r\n{\r\n0\r\n\r\n",
    ),
    _get(b"X: " + _LONG + b"\r\n"),
    _get(_LONG + b": x\r\n"),
    _get(b"X: y\r\n" * 400),
    _get(target=b"/" + _LONG),
    _get(target=b"/v1/jobs?q=" + b"a" * 30_000),
    _get(b"No colon\r\n"),
    _get(b": empty\r\n"),
    _get(b" folded: x\r\n y\r\n"),
    _get(b"X: a\x00b\r\n"),
    _get(b"X: a\rb\r\n"),
    _get(b"X\x00Y: a\r\n"),
    _get(b"X: \xff\xfe\x80\r\n"),
    _get(b"Cookie: \xff\r\n"),
    _get(b"Authorization: \xff\r\n"),
    _get(b"If-None-Match: \xff\r\nPrefer: \xff\r\nAccept: \xff\r\nRange: \xff\r\n"),
    _get(b"Host: evil.example\r\n"),
    _get(version=b"HTTP/9.9"),
    _get(version=b"HTTP/0.9"),
    _get(version=b"HTTP/1.0"),
    _get(target=b"*"),
    _get(target=b"http://evil.example/v1/jobs"),
    _get(target=b"/v1/jobs/\xff\xfe"),
    _get(target=b"/v1/jobs?q=\xff"),
    _get(target=b"v1"),
    _get(target=b"/v1/jobs#x"),
    _get(target=b"//evil.example/v1/jobs"),
    _get(target=b"/ /"),
    b"GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"\r\n" * 50 + _get(),
    b"\x16\x03\x01" * 9,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x00" * 100 + b"\r\n\r\n",
    b"A" * 200_000,
    _post(b"Content-Length: 300000\r\n", body=b'{"name":"' + b"x" * 299_989 + b'"}'),
    b"POST /v1/assets HTTP/1.1\r\n"
    + _HOST
    + b"Content-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 6000000\r\n" + _END + b"--x\r\n" + b"y" * 5_999_995,
    b"POST /v1/assets HTTP/1.1\r\n"
    + _HOST
    + b"Content-Type: multipart/form-data; boundary=x\r\n"
    b"Transfer-Encoding: chunked\r\n"
    + _END
    + b"10000\r\n--x\r\n"
    + b"y" * 65531
    + b"\r\n"
    + (b"10000\r\n" + b"z" * 65536 + b"\r\n") * 80
    + b"0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + _HOST + _END,
    b"CONNECT evil:1 HTTP/1.1\r\n" + _HOST + _END,
    b"TRACE /v1/jobs HTTP/1.1\r\n" + _HOST + b"Authorization: Bearer {mine}\r\n" + _END,
)


@st.composite
def _wire(draw):
    raw = draw(st.sampled_from(_CASES))
    if draw(st.integers(0, 4)) == 0:
        data = bytearray(raw[:3000])
        for _ in range(draw(st.integers(1, 3))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        raw = bytes(data) + b"\r\n\r\n"
    pause = 0.3 if draw(st.integers(0, 9)) == 0 else 0.0
    return Attempt("GET", raw=raw, pause=pause)


@st.composite
def _cut(draw):
    """A body that ends before its announced length: nobody may obey it."""
    target = draw(st.sampled_from((
        b"/v1/jobs/{job}/cancel", b"/v1/jobs/{job}/pause", b"/v1/jobs/{job}/retry",
        b"/v1/explorations", b"/v1/keys",
    )))  # fmt: skip
    body = draw(st.sampled_from((b"", b"{}", b'{"purge": true}', b'{"layers":')))
    length = len(body) + draw(st.integers(1, 1000))
    raw = _post(b"Content-Length: %d\r\n" % length, body=body, target=target)
    return Attempt("POST", raw=raw, allowed=frozenset({400, 404, 410}))


wires = st.one_of(_wire(), _wire(), _wire(), _cut())
