"""Report of the benchmark: scores in Markdown and JSON, and a contact sheet."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from bench.engine.report import README, replace_section
from bench.quality.candidates import Candidate
from bench.quality.pictures import resize_to_edge
from bench.quality.scores import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.engine.processes import Figures
    from bench.quality.options import Options
    from bench.quality.scores import Scores

SECTION = "bench-quality"
IDT, TGT = "IDT: the photo itself", "TGT: the painting itself"

_HEADS: Mapping[str, str] = {
    "style": "style ↓",
    "deep_style": "relu5_2 of it ↓",
    "coverage": "coverage ↓",
    "palette": "palette ↓",
    "cfsd": "CFSD ↓",
    "lpips": "LPIPS, own VGG-16 weights ↓",
    "edges": "edges ↑",
}
_RELATIVE_HEAD = "CFSD over TGT's ↓"
_CELL_PX, _GAP_PX, _CAPTION_PX = 256, 6, 16


@dataclass(frozen=True, slots=True)
class PairResult:
    """Results of one pair.

    Attributes:
        pair: Name of the pair.
        scores: Scores by the name of a candidate or a control.
        figures: CPU seconds and other figures of each engine that ran now, by name; for
            a peer also its limit and its evaluations.
        pictures: Photo, painting and pictures of the candidates, by caption.
    """

    pair: str
    scores: dict[str, Scores]
    figures: dict[str, Figures]
    pictures: dict[str, Image.Image]


def save_report(
    results: Sequence[PairResult], machine: Mapping[str, str], options: Options
) -> str:
    """Write JSON and the sheet into the work folder, and return the table.

    Args:
        results: Results, pair by pair; at least one.
        machine: Properties of the machine, by name.
        options: Options of the run; with `publish` the table is written into
            bench/README.md.
    """
    text = format_report(results, machine, options)
    figures = {
        result.pair: {
            "scores": {name: asdict(each) for name, each in result.scores.items()},
            "figures": result.figures,
        }
        for result in results
    }
    (options.work / "quality.json").write_text(json.dumps(figures, indent=1))
    draw_sheet(results).save(options.work / "quality.jpg", quality=90)
    if options.publish:
        README.write_text(replace_section(README.read_text(), text, SECTION))
    return text


def format_report(
    results: Sequence[PairResult], machine: Mapping[str, str], options: Options
) -> str:
    """Format the conditions, and a table of means and medians over the pairs."""
    head = {
        **machine,
        "pairs": f"{len(results)} of the set `{options.set_name}`",
        "painted": f"{options.edge_px} px, activations: {options.precision}",
    }
    lines = [f"{name}: {value}  " for name, value in head.items()]
    lines += ["", *_format_table(results), "", *_format_peers(results)]
    lines += [
        f"- {candidate.name}: `{json.dumps(candidate.params)}`"
        for candidate in options.candidates
        if isinstance(candidate, Candidate) and candidate.params
    ]
    return "\n".join(lines).rstrip() + "\n"


def draw_sheet(results: Sequence[PairResult]) -> Image.Image:
    """Draw all pictures: a row for each pair, with its photo and painting first."""
    columns = max(len(result.pictures) for result in results)
    side = _CELL_PX + _GAP_PX
    size = columns * side, len(results) * (side + _CAPTION_PX)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for row, result in enumerate(results):
        top = row * (side + _CAPTION_PX)
        for column, (caption, picture) in enumerate(result.pictures.items()):
            title = caption if column else f"{result.pair}: {caption}"
            pen.text((column * side + 2, top + 2), title, fill="black")
            small = resize_to_edge(picture, _CELL_PX)
            sheet.paste(small, (column * side, top + _CAPTION_PX))
    return sheet


def _format_table(results: Sequence[PairResult]) -> list[str]:
    heads = (*(_HEADS[metric] for metric in METRICS), _RELATIVE_HEAD)
    rows = [["mean / median", *heads], ["---"] * (len(heads) + 1)]
    for name in results[0].scores:
        scored = [result.scores[name] for result in results]
        columns = [[getattr(each, metric) for each in scored] for metric in METRICS]
        columns.append([_relative_cfsd(result, name) for result in results])
        rows.append([name, *map(_format_cell, columns)])
    return [f"| {' | '.join(row)} |" for row in rows]


def _format_peers(results: Sequence[PairResult]) -> list[str]:
    """Format the time limit of each peer, and its evaluations, if any peer ran.

    A peer whose first step ended after the limit has the picture of that step.
    """
    if not any("limit_s" in each for each in results[0].figures.values()):
        return []
    heads = ["painted now", "CPU seconds", "allowed", "evaluations", "long side, px"]
    rows = [[*heads, "pairs without a picture in time"], ["---"] * (len(heads) + 1)]
    for name in results[0].figures:
        found = [result.figures[name] for result in results]
        edges = [max(result.pictures[name].size) for result in results]
        columns = [
            [each[key] for each in found if key in each]
            for key in ("cpu_s", "limit_s", "evaluations")
        ]
        late = str(columns[-1].count(1)) if columns[-1] else ""
        rows.append([name, *map(_format_range, [*columns, edges]), late])
    return [f"| {' | '.join(row)} |" for row in rows] + [""]


def _format_range(values: Sequence[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f}" if values else ""


def _relative_cfsd(result: PairResult, name: str) -> float:
    """Return the CFSD divided by the painting's, which depends on its contrast."""
    return result.scores[name].cfsd / result.scores[TGT].cfsd


def _format_cell(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} / {median(values):.3f}"
