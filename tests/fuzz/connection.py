"""A connection that sends bytes as they are, and reads one answer."""

from __future__ import annotations

import gzip
import http.client
import select
import socket
import time

from tests.fuzz.raw_request import Answer

LIMIT_SECONDS = 20.0  # for an answer, on a machine that others use too
_ALONE_SECONDS = 2.0  # for what may be no whole request, and so waits for the rest


class Line:
    """Keeps its connection while the server does."""

    def __init__(self, port: int) -> None:
        self.port, self._socket = port, None

    def ask(self, data: bytes, method: str, *, alone=False, pause=0.0) -> Answer:
        """Send a request and read the answer; `alone`: on a connection of its own."""
        if alone:
            self.close()
        began, was_open = time.monotonic(), self._socket is not None
        try:
            self._send(data, pause)
            if alone:
                self._end_if_silent()
            answer = self._answer(method)
        except http.client.RemoteDisconnected as error:
            self.close()
            if was_open:  # the server may hang up between two requests: once more
                return self.ask(data, method, alone=alone, pause=pause)
            answer = Answer(0, trouble=f"hung up: {error}")
        except TimeoutError:
            trouble = f"no answer within {LIMIT_SECONDS:.0f} s"
            answer = Answer(0, trouble=trouble, hangs=True)
        except (OSError, http.client.HTTPException) as error:
            answer = Answer(0, trouble=f"{type(error).__name__}: {error}")
        answer.seconds = time.monotonic() - began
        if alone or answer.status == 0 or answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, data, pause):
        if self._socket is None:
            place = ("127.0.0.1", self.port)
            self._socket = socket.create_connection(place, LIMIT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if pause:
                self._socket.sendall(data[:-1])
                time.sleep(pause)
                self._socket.sendall(data[-1:])
            else:
                self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent: the answer may be there

    def _end_if_silent(self):
        """Say that no more will come, for which the server may be waiting."""
        readable, _, _ = select.select([self._socket], [], [], _ALONE_SECONDS)
        if not readable:
            self._socket.shutdown(socket.SHUT_WR)

    def _answer(self, method):
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        if body and headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        response.close()
        if response.will_close:
            self.close()
        return Answer(response.status, headers, body)
