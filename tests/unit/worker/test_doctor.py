"""`impasto doctor`: devices and weights of a worker."""

from __future__ import annotations

from worker import doctor
from worker.weights.catalog import weights_path


def test_missing_weights_come_with_the_command_that_fetches_them(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(tmp_path))

    assert doctor.main() == 1

    said = capsys.readouterr().out
    assert "WRONG vgg16" in said
    assert "run: impasto weights fetch --network vgg16" in said
    assert "ok    vgg19" in said  # needed by nobody who does not ask for it
    assert "ok    device" in said


def test_damaged_weights_are_wrong_for_every_network(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(tmp_path))
    weights_path("vgg19", tmp_path).write_bytes(b"broken")

    assert doctor.main() == 1
    assert "WRONG vgg19" in capsys.readouterr().out


def test_whole_weights_are_well(weights_dir, monkeypatch, capsys):
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", str(weights_dir))

    assert doctor.main() == 0
    assert f"whole, in {weights_dir}" in capsys.readouterr().out


def test_a_device_that_does_not_compute_is_named(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "is_usable", lambda device: False)

    assert doctor.main() == 1
    assert "WRONG device" in capsys.readouterr().out
