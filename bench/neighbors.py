"""`python -m bench.neighbors --peer-dir DIR`: compare the neighbors loss with NNST.

NNST is a checkout of nkolkin13/NeuralNeighborStyleTransfer. Both have the same
pictures, network and threads. Both are measured by the loss of NNST's last pass, which
Impasto does not optimize.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch.nn import functional as F

from bench.engine.measured_process import Task
from bench.engine.peers.weights import write
from bench.engine.pictures import prepare_inputs, save_sheet
from bench.engine.processes import ROOT, measure
from shared.params.style import STYLE_LAYERS
from worker.engine.images.tensors import to_tensor
from worker.engine.vgg.network import build_network
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.vgg.network import Network

_MARK = Path("utils") / "stylize.py"
_GRID = 64  # compared positions along the long side, as in NNST
_CPU = torch.device("cpu")


def main() -> int:
    """Run both, print a table, and save a sheet of the pictures."""
    arguments = _parse()
    work: Path = arguments.work.resolve()
    weights = load_weights("vgg16", default_folder())
    work.mkdir(parents=True, exist_ok=True)
    write(weights, work)
    photo, painting = prepare_inputs(
        arguments.photo, arguments.painting, arguments.edge, work
    )
    task = Task("", str(photo), str(painting), str(work), arguments.edge, [200])
    network = build_network("vgg16", weights, _CPU)
    style = to_tensor(Image.open(painting), _CPU)

    def loss_of(path: str | Path) -> float:
        image = to_tensor(Image.open(path), _CPU)
        return measure_matching_loss(network, image, style)

    peer = replace(
        task, folder=str(work / "nnst"), source=str(_find_checkout(arguments.peer_dir))
    )
    theirs = measure("bench.engine.peers.nnst", peer, arguments.threads)
    ours = replace(
        task,
        folder=str(work / "neighbors"),
        weights=str(default_folder()),
        settings={"style_loss": "neighbors"},
        precision=arguments.precision,
    )
    found = measure("bench.engine.ours.painting", ours, arguments.threads)
    goal = loss_of(peer.picture)
    moments = [(each, loss_of(each["picture"])) for each in found["moments"]]
    last, last_loss = moments[-1]
    rows = [
        ("NNST", theirs["seconds"], goal),
        ("ours, whole", last["seconds"], last_loss),
    ]
    rows += [
        (f"ours, {each['iteration']} iterations", each["seconds"], loss)
        for each, loss in moments
        if loss <= goal
    ][:1]
    sys.stdout.write("| picture | seconds | matching loss | NNST's time over it |\n")
    sys.stdout.write("| --- | ---: | ---: | ---: |\n")
    for name, seconds, loss in rows:
        ratio = theirs["seconds"] / seconds
        sys.stdout.write(f"| {name} | {seconds:.1f} | {loss:.3f} | {ratio:.1f} |\n")
    for name, path in (("photo", photo), ("painting", painting)):
        sys.stdout.write(f"| {name} itself | | {loss_of(path):.3f} | |\n")
    pictures = [("photo", photo), ("painting", painting), ("NNST", peer.picture)]
    save_sheet([*pictures, ("ours", Path(last["picture"]))], work / "neighbors.jpg")
    return 0


def measure_matching_loss(network: Network, image: Tensor, style: Tensor) -> float:
    """Compute the loss of NNST's last pass at an image.

    It is the sum over ten layers of mean_p min_q (1 - cos(F_p - mean F, S_q - mean S)),
    at positions on a grid.

    Args:
        network: VGG-16 in float32.
        image: Picture to measure, (1, 3, H, W).
        style: Painting, (1, 3, h, w).
    """
    names = STYLE_LAYERS["neighbors"]
    features, targets = (
        network.compute_activations(each, names) for each in (image, style)
    )
    total = 0.0
    for name in names:
        one, other = (_center(maps[name]) for maps in (features, targets))
        total += float((1 - one @ other.T).min(dim=1).values.mean())
    return total


def _center(features: Tensor) -> Tensor:
    """Return unit vectors from the mean, at positions on a grid, (N, C)."""
    stride = max(1, max(features.shape[2:]) // _GRID)
    rows = features[..., ::stride, ::stride].flatten(2)[0].T
    return F.normalize(rows - rows.mean(0), dim=1)


def _find_checkout(folders: list[Path]) -> Path:
    inside = [each for folder in folders for each in sorted(folder.iterdir())]
    found = [each for each in [*folders, *inside] if (each / _MARK).is_file()]
    if not found:
        raise SystemExit(f"--peer-dir must hold a checkout of NNST, with {_MARK}")
    return found[0].resolve()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="neighbors", description=__doc__)
    samples = ROOT / "samples"
    parser.add_argument("--photo", type=Path, default=samples / "tubingen.jpg")
    parser.add_argument("--painting", type=Path, default=samples / "starry_night.jpg")
    parser.add_argument("--edge", type=int, default=512, help="long side, px")
    parser.add_argument("--precision", choices=("auto", "float32"), default="auto")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--peer-dir", type=Path, action="append", default=[], metavar="DIR"
    )
    parser.add_argument("--work", type=Path, default=ROOT / "bench" / ".work")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
