"""Report of the benchmark: tables in Markdown, JSON, and a contact sheet."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench.engine.pictures import save_sheet
from bench.engine.processes import ROOT
from bench.engine.results import (
    compute_product_bound,
    find_at_equal_time,
    find_first_as_good,
    find_lowest_memory,
    group_by_precision,
    summarize,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.engine.options import Options
    from bench.engine.results import (
        DeliveredPicture,
        Findings,
        PairFindings,
        PeerRun,
        Races,
    )

README = ROOT / "bench" / "README.md"
SHEET = "engine.jpg"
SECTION = "bench-engine"

# Speed relative to neural-style-pt over all pairs: geometric mean, and worst pair.
_SUMMARY_GOALS = {"bf16": (10.0, 6.0), "float32": (6.0, 4.0)}
_FLOOR_GOALS = {256: 1.1, 512: 0.8}  # time of an iteration over its first lower bound
_MEMORY_GOAL = 0.6  # share of the lowest memory of a peer
_CHECKPOINT_GOAL = 0.01  # share of the run time


def save_report(findings: Findings, options: Options) -> str:
    """Write JSON and the sheet into the work folder; publish if the options say so."""
    text = format_report(findings)
    (options.work / "engine.json").write_text(json.dumps(asdict(findings), indent=1))
    shown = _pictures(findings)
    if shown:
        save_sheet(shown, options.work / SHEET)
    if options.publish:
        README.write_text(replace_section(README.read_text(), text, SECTION))
        if shown:
            save_sheet(shown, README.parent / SHEET)
    return text


def replace_section(page: str, text: str, section: str) -> str:
    """Put the text between the markers of a section of a page."""
    begin, end = f"<!-- begin: {section} -->", f"<!-- end: {section} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{text}{end}{after}"


def format_report(findings: Findings) -> str:
    """Return all tables, except those of parts that did not run."""
    tables = [_machine(findings), _summary(findings)]
    for pair in findings.pairs:
        tables += [_engines(pair), _race(pair)]
    tables += [part(findings) for part in (_pace, _memory, _checkpoint, _absent)]
    return "\n".join(text for text in tables if text)


def _machine(findings: Findings) -> str:
    rows = [f"{name}: {value}  " for name, value in findings.machine.items()]
    return "\n".join(rows) + "\n"


def _summary(findings: Findings) -> str:
    """Return the speed relative to a peer over all pairs, which must all be reached."""
    rows = []
    for summary in summarize(findings.pairs):
        reached = (
            f"{len(summary.ratios) - len(summary.missed)} of {len(summary.ratios)}"
        )
        goals = _SUMMARY_GOALS.get(summary.precision, (0.0, 0.0))
        judged = [
            f"{value:.1f} x (goal {goal:g}, {_format_goal(value >= goal)})"
            if value
            else f"none (goal {goal:g}, missed)"
            for value, goal in zip((summary.mean, summary.worst), goals, strict=True)
        ]
        rows.append((summary.peer, summary.precision, reached, *judged))
    heads = ("peer", "activations", "pairs reached", "geometric mean", "worst")
    return _table("Times faster, over all pairs", heads, rows) if rows else ""


def _engines(pair: PairFindings) -> str:
    """Compare each engine's picture with Impasto's picture after the same time."""
    rows = [_format_peer(run) for run in pair.peers]
    for name, race in pair.races.items():
        told = f"{race[-1].iteration} iterations"
        rows.append((f"impasto, {name}", told, *_figures(race[-1]), ""))
    heads = ("engine", "iterations", "seconds", "J", "C_rel", "S_rel", "peak MiB")
    title = f"Pictures at the end of each run: {pair.name}"
    return _table(title, heads, rows) if rows else ""


def _format_peer(run: PeerRun) -> tuple[str, ...]:
    name = f"{run.peer.name} ({run.source})"
    return (name, run.told, *_figures(run.delivered), f"{run.peak_mib:.0f}")


def _figures(delivered: DeliveredPicture) -> tuple[str, ...]:
    verdict = delivered.verdict
    seconds = f"{delivered.seconds:.1f}"
    return (
        seconds,
        f"{verdict.j:.3g}",
        f"{verdict.c_rel:.3f}",
        f"{verdict.s_rel:.3f}",
    )


def _race(pair: PairFindings) -> str:
    """Return when Impasto had a picture as good as each peer's."""
    if not pair.races or not pair.peers:
        return ""
    parts = group_by_precision(pair.races)
    rows = [_raced(races, run) for run in pair.peers for races in parts]
    title = f"Time to a picture with J and C_rel no higher than the peer's: {pair.name}"
    told = ("seconds", "J", "C_rel", "faster", "goal", "")
    return _table(title, ("peer", "its seconds", "ours", *told), rows)


def _raced(races: Races, run: PeerRun) -> tuple[str, ...]:
    seconds, goal = run.delivered.seconds, run.peer.goal
    name, ours = find_first_as_good(races, run.delivered.verdict)
    row: tuple[str, ...] = ("not reached", "", "", "", "")
    times = 0.0
    if ours is not None:
        times = seconds / ours.seconds
        row = (f"impasto, {name}", *_figures(ours)[:3], f"{times:.1f} x")
    judged = (f"{goal:g} x", _format_goal(times >= goal)) if goal else ("none", "")
    return (f"{run.peer.name}, {run.told}", f"{seconds:.1f}", *row, *judged)


def _pace(findings: Findings) -> str:
    rows = []
    for pace in findings.pace.values():
        ours, product = pace["iteration_seconds"], compute_product_bound(pace)
        # The lower bound is that of float32, which bfloat16 may fall below.
        has_goal = pace["precision"] == "float32"
        edge = max(pace["width"], pace["height"])
        goal = _FLOOR_GOALS.get(edge) if has_goal else None
        rows.append(
            (
                f"{pace['width']} x {pace['height']}",
                pace["precision"],
                f"{ours:.3f} ({pace['fastest_seconds']:.3f})",
                f"{product:.3f} at {pace['gemm_gflops']:.0f} GFLOP/s",
                f"{ours / product:.2f}",
                f"{goal:g}, {_format_goal(ours / product <= goal)}" if goal else "none",
                f"{pace['direct_seconds']:.3f}",
                f"{ours / pace['direct_seconds']:.2f}",
            )
        )
    heads = (
        "px",
        "activations",
        "s/iteration: median (min)",
        "product floor (float32), s",
        "ours over it",
        "goal",
        "convolution floor (same activations), s",
        "ours over it",
    )
    return _table("Seconds per iteration over two floors", heads, rows) if rows else ""


def _memory(findings: Findings) -> str:
    best = find_lowest_memory(findings)
    rows = []
    for name, found in findings.memory.items():
        peak, goal = found["peak_mib"], ""
        if best is not None and name == "512":
            share = peak / best.peak_mib
            goal = f"{share:.2f} of {best.peer.name}'s, goal {_MEMORY_GOAL:g}, "
            goal += _format_goal(share <= _MEMORY_GOAL)
        took = f"{found['last_iteration_seconds']:.1f}"
        words = (f"{found['iterations']} {found['optimizer']}", took, f"{peak:.0f}")
        rows.append((name, found["precision"], *words, goal))
    heads = (
        "long side, px",
        "activations",
        "iterations",
        "s, the last",
        "peak MiB",
        "",
    )
    title = "Memory above `import torch`"
    return _table(title, heads, rows) if rows else ""


def _checkpoint(findings: Findings) -> str:
    cost = findings.checkpoint
    if not cost:
        return ""
    row = (
        f"{cost['history']}",
        f"{cost['bytes'] / 1e6:.1f}",
        f"{cost['write_seconds']:.3f}",
        f"{cost['interval_seconds']:.0f}",
        f"{100 * cost['share']:.2f} %",
        f"1 %, {_format_goal(cost['share'] < _CHECKPOINT_GOAL)}",
    )
    heads = (
        "history of L-BFGS",
        "MB",
        "s to write, synced",
        "every s",
        "of the run time",
        "goal",
    )
    return _table("Checkpoints", heads, [row])


def _absent(findings: Findings) -> str:
    rows = findings.absent.items()
    return _table("Not measured", ("part", "why"), rows) if rows else ""


def _pictures(findings: Findings) -> list[tuple[str, Path]]:
    """Return each peer's picture of the first pair, and Impasto's at equal time."""
    if not findings.pairs:
        return []
    pair, shown = findings.pairs[0], []
    for run in pair.peers:
        shown.append((_caption(run.peer.name, run.delivered), run.delivered))
        if ours := find_at_equal_time(pair.races, run):
            shown.append((_caption("impasto", ours), ours))
    if not shown:
        ends = [(name, race[-1]) for name, race in pair.races.items()]
        shown = [(_caption(f"impasto, {name}", last), last) for name, last in ends]
    return [(caption, Path(each.picture)) for caption, each in shown]


def _caption(name: str, delivered: DeliveredPicture) -> str:
    verdict = delivered.verdict
    return (
        f"{name}: {delivered.seconds:.0f} s, J {verdict.j:.3g}, C {verdict.c_rel:.2f}"
    )


def _format_goal(met: bool) -> str:
    return "met" if met else "missed"


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return f"### {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
