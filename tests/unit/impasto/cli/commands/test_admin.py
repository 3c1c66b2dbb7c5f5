"""Commands for who runs a farm: devices, keys, workers."""

from __future__ import annotations

import pytest

from impasto.cli.commands.admin import require_devices


@pytest.mark.parametrize("devices", ["bogus", "cpu,", "cpu*0", "cuda"])
def test_up_refuses_devices_that_no_worker_could_read(impasto, devices):
    result = impasto("up", "--devices", devices)

    assert result.exit_code == 2
    assert devices in result.stderr
    assert "cpu*N" in result.stderr


@pytest.mark.parametrize("devices", ["all", "cpu", "cpu*12", "mps", "cuda:0, cuda:1"])
def test_up_takes_devices_that_a_worker_can_read(devices):
    require_devices(devices)


@pytest.mark.parametrize("group", [("keys",), ("admin", "keys")])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create",), "create --name  --scope read --scope write"),
        (("create", "--admin"), "create --name  --scope admin"),
        (
            ("create", "--read-only", "--keys"),
            "create --name  --scope read --scope keys",
        ),
        (
            ("create", "--name", "me", "--max-running", "2"),
            "create --name me --scope read --scope write --max-running 2",
        ),
        (
            ("create", "--read-only", "--expires-days", "9"),
            "create --name  --scope read --expires-days 9.0",
        ),
        (("list",), "list"),
        (("revoke", "key_1"), "revoke key_1"),
    ],
)
def test_keys_are_made_listed_and_revoked_by_the_server_part(
    impasto, monkeypatch, group, words, said
):
    became = []
    monkeypatch.setattr("os.execv", lambda _, command: became.append(command))

    impasto(*group, *words)

    _, _, after = " ".join(became[0]).partition("shared.commands.keys ")
    assert after == said


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("workers",), ["list"]),
        (("drain", "wkr_1"), ["drain", "wkr_1"]),
        (("drain", "--host", "box"), ["drain", "--host", "box"]),
        (("undrain", "wkr_1"), ["undrain", "wkr_1"]),
    ],
)
def test_workers_are_listed_and_drained_by_the_server_part(
    impasto, monkeypatch, words, module
):
    became = []
    monkeypatch.setattr("os.execv", lambda _, command: became.append(command))

    impasto("admin", *words)

    assert became[0][-len(module) - 1 :] == ["shared.commands.workers", *module]


@pytest.mark.parametrize("words", [(), ("wkr_1", "--host", "box")])
def test_a_drain_names_a_worker_or_a_host(impasto, words):
    result = impasto("admin", "drain", *words)

    assert result.exit_code == 2
    assert "--host HOST" in result.stderr
