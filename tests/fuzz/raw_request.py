"""A request to be sent as it is, and the answer to it."""

from __future__ import annotations

from dataclasses import dataclass, field

BOTH, OPEN, KEYED = "both", "open", "keyed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request, byte for byte.

    Attributes:
        target: After the method; `{job}` and other names of the world are filled in.
        headers: In order; Host and Content-Length are added unless they are here.
        server: `open` asks for no keys, `keyed` does.
        allowed: Statuses that are right; None: any that is not the server's fault.
        raw: Sent instead of all the above, on a connection of its own.
        pause: Seconds of silence before the last byte of `raw`.
    """

    method: str = "GET"
    target: str = "/v1/jobs"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    server: str = OPEN
    allowed: frozenset[int] | None = None
    raw: bytes | None = None
    pause: float = 0.0

    def filled(self, world: dict[str, str]) -> bytes:
        """The bytes to send."""
        if self.raw is not None:
            return _fill(self.raw, world)
        named = {name.lower() for name, _ in self.headers}
        headers = list(self.headers)
        if "host" not in named:
            headers.insert(0, ("Host", "localhost"))
        if self.body and "content-length" not in named:
            headers.append(("Content-Length", str(len(_fill(self.body, world)))))
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        return _fill(head, world) + _fill(self.body, world)

    def target_parts(self, world: dict[str, str]) -> list[str]:
        """The segments of the path, filled in."""
        path = _fill(self.target.encode("latin-1", "replace"), world).decode("latin-1")
        return path.partition("?")[0].split("/")


@dataclass(slots=True)
class Answer:
    """What came back; status 0: nothing did, the connection was closed."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    trouble: str = ""
    hangs: bool = False  # the connection was not even closed


def _fill(text: bytes, world: dict[str, str]) -> bytes:
    if b"{" not in text:
        return text
    for name, value in world.items():
        text = text.replace(b"{%s}" % name.encode(), value.encode())
    return text
