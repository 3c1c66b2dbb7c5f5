"""The proxy cuts, swallows and abandons connections, before a real Redis."""

from __future__ import annotations

import socket

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaos.farm.proxy import Proxy


@pytest.fixture
def proxy(redis_server):
    proxy = Proxy(redis_server.socket)
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def connect(proxy):
    made = []

    def connect():
        never = Retry(NoBackoff(), 0)
        client = redis.Redis(port=proxy.port, socket_timeout=0.5, retry=never)
        client.ping()
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()


def test_everything_gets_through_while_nothing_is_broken(connect):
    connect().set("a", "x" * 10**6)

    assert len(connect().get("a")) == 10**6


def test_a_reset_cuts_all_lines_and_new_ones_work(proxy, connect):
    connect()
    with socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.sendall(b"PING\r\n")
        assert line.recv(99) == b"+PONG\r\n"

        proxy.reset()

        with pytest.raises(ConnectionResetError):
            line.recv(99)
    assert connect().ping()


def test_an_abandoned_line_says_nothing_more_and_new_ones_work(proxy, connect):
    client = connect()

    proxy.abandon()

    with pytest.raises(redis.TimeoutError):
        client.ping()
    assert connect().ping()


def test_while_silent_nothing_gets_through_and_afterwards_new_lines_do(proxy, connect):
    client = connect()

    proxy.silence(wanted=True)
    with pytest.raises(redis.TimeoutError):
        client.ping()
    proxy.silence(wanted=False)

    assert connect().ping()


def test_what_redis_hands_to_an_abandoned_line_is_gone(proxy, connect):
    """The reason why a message cannot be what a job depends on."""
    waiting = connect()
    pool = waiting.connection_pool
    line = pool.get_connection()
    line.send_command("BRPOP", "list", 5)
    other = connect()
    while other.info("clients")["blocked_clients"] == 0:
        continue

    proxy.abandon()
    sender = connect()
    sender.lpush("list", "message")

    assert sender.llen("list") == 0
    line.disconnect()
