"""Commands for who runs a farm: devices, keys, workers."""

from __future__ import annotations

import pytest

from impasto.cli.commands.up import require_devices


@pytest.mark.parametrize("devices", ["bogus", "cpu,", "cpu*0", "cuda"])
def test_up_refuses_devices_that_no_worker_could_read(impasto, devices):
    result = impasto("up", "--devices", devices)

    assert result.exit_code == 2
    assert devices in result.stderr
    assert "cpu*N" in result.stderr


@pytest.mark.parametrize("devices", ["all", "cpu", "cpu*12", "mps", "cuda:0, cuda:1"])
def test_up_takes_devices_that_a_worker_can_read(devices):
    require_devices(devices)


@pytest.mark.parametrize(
    ("words", "module"),
    [
        ("serve", "api.serve"),
        ("worker --devices cpu*2", "worker.supervisor --devices cpu*2"),
        ("migrate --check", "shared.commands.migrate --check"),
        (
            "weights fetch --network vgg19",
            "worker.weights fetch --network vgg19",
        ),
        (
            "keys create --name me --max-running 2 --admin",
            "shared.commands.keys create --name me --max-running 2 --admin",
        ),
        ("admin keys revoke key_1", "shared.commands.keys revoke key_1"),
        ("keys list --help", "shared.commands.keys list --help"),
        ("admin workers", "shared.commands.workers list"),
        ("admin drain --host box", "shared.commands.workers drain --host box"),
        ("admin undrain wkr_1", "shared.commands.workers undrain wkr_1"),
    ],
)
def test_a_command_becomes_a_module_of_the_server_with_its_arguments(
    impasto, monkeypatch, words, module
):
    became = []
    monkeypatch.setattr("os.execv", lambda _, command: became.append(command))

    impasto(*words.split())

    assert " ".join(became[0]).endswith(f" -P -m {module}")
