"""Tables and plot of results.json for people: docs/benchmarks.md and docs/images/benchmarks.svg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.networks import TRAINED, USED
from glassnet.io import atomic_write

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PLOT = DOCS / "benchmarks.md", DOCS / "images" / "benchmarks.svg"
BEGIN, END = "<!-- measured: make bench writes from here -->", "<!-- to here -->"
Row = dict[str, Any]
ALONE = "one thread, "  # begins the names of what ran on one thread


def show(rows: list[Row]) -> None:
    """Print rows as they come."""
    for row in rows:
        print(f"  {row['name']:60} {row['ours_ms']:9.3f} ms  {row['peer']:36}"
              f"{row['theirs_ms']:9.3f} ms  {_ratio(row)}", flush=True)  # fmt: skip


def write() -> None:
    """Put the tables between the page's marks, and draw the plot."""
    rows = results.read()
    if not rows:
        return
    head, rest = PAGE.read_text().split(BEGIN)
    _, tail = rest.split(END)
    atomic_write(PAGE, f"{head}{BEGIN}\n\n{_tables(rows)}\n{END}{tail}")
    plot([row for row in rows if _is_whole(row["name"])])


def _tables(rows: list[Row]) -> str:
    parts = []
    for title, chosen in _sections(rows).items():
        if chosen:
            parts.append(f"### {title}\n\n{_measured(chosen)}\n\n{_table(chosen)}")
    layers = {
        "Layer by layer": "layers of ",
        "Layer by layer on one thread": f"{ALONE}layers of ",
    }
    for title, begin in layers.items():
        chosen = [row for row in rows if row["name"].startswith(begin)]
        if chosen:
            parts.append(f"### {title}\n\n{_measured(chosen)}\n\n{_layer_tables(rows, begin)}")
    return "\n".join(parts)


def _measured(rows: list[Row]) -> str:
    """Where and with what; a page may hold what different machines measured."""
    machines = sorted({f"{row['machine']}; {row['versions']}" for row in rows})
    load = max(row.get("load", 0.0) for row in rows)
    return f"Measured on {'; and on '.join(machines)}, at a load of up to {load:.0f}."


def _sections(rows: list[Row]) -> dict[str, list[Row]]:
    starts = {
        "Whole steps and inference": ("step ", "EfficientNet"),
        "On one thread": (ALONE,),
        "Tape, an operation forward and backward": ("tape",),
        "From starting the process to the end of the first step": ("start",),
        "Input": ("input",),
    }
    return {
        title: [r for r in rows if r["name"].startswith(names) and ": " not in r["name"]]
        for title, names in starts.items()
    }


def _table(rows: list[Row]) -> str:
    lines = ["| what | glassnet | beside | its time | ratio (quartiles) |", "|---|---|---|---|---|"]
    for row in rows:
        name = row["name"]
        if "tape_us_per_operation" in row:
            name += f" ({row['tape_us_per_operation']:.1f} µs are the tape's)"
        if "ours_processor_ms" in row:
            used = row["ours_processor_ms"] / 1e3, row["theirs_processor_ms"] / 1e3
            name += f" (processor: {used[0]:.1f} s, {used[1]:.1f} s)"
        lines.append(f"| {name} | {row['ours_ms']:.2f} ms | {row['peer']} | {row['theirs_ms']:.2f} "
                     f"ms | {_ratio(row)} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _layer_tables(rows: list[Row], begin: str) -> str:
    """A table a network; beside each pass PyTorch's better layout, and the sum of all below."""
    parts = []
    for network in (*TRAINED, *USED):
        prefix = f"{begin}{network}: "
        best: dict[str, Row] = {}
        for row in rows:
            if row["name"].startswith(prefix):
                known = best.get(row["name"])
                if known is None or row["theirs_ms"] < known["theirs_ms"]:
                    best[row["name"]] = row
        if best:
            parts.append(_layers_of(network, prefix, list(best.values())))
    return "\n".join(parts)


def _layers_of(network: str, prefix: str, rows: list[Row]) -> str:
    lines = [f"**{network}**\n", "| layer and pass | times | glassnet | PyTorch's best | ratio |"]
    lines.append("|---|---|---|---|---|")
    for row in rows:
        lines.append(f"| {row['name'].removeprefix(prefix)} | {row['count']} | {row['ours_ms']:.3f}"
                     f" ms | {row['theirs_ms']:.3f} ms | {_ratio(row)} |")  # fmt: skip
    ours, theirs = (sum(row[side] * row["count"] for row in rows)
                    for side in ("ours_ms", "theirs_ms"))  # fmt: skip
    lines.append(f"| all | | {ours:.2f} ms | {theirs:.2f} ms | {theirs / ours:.2f} |")
    return "\n".join(lines) + "\n"


def _ratio(row: Row) -> str:
    low, high = row["spread"]
    return f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})"


def _is_whole(name: str) -> bool:
    begins = name.removeprefix(ALONE).startswith(("step ", "EfficientNet"))
    return begins and ": " not in name


# What whole networks are compared with, and the colour of each: dark where malloc is tuned
COLOURS = {
    "PyTorch": "#9ecae1",
    "PyTorch, malloc tuned": "#3182bd",
    "PyTorch channels-last": "#fdae6b",
    "PyTorch channels-last, malloc tuned": "#e6550d",
    "torch.compile, malloc tuned": "#969696",
    "ONNX Runtime": "#a1d99b",
    "ONNX Runtime, malloc tuned": "#31a354",
}


def plot(rows: list[Row]) -> None:
    """Ratios of whole networks as bars with their quartiles; 1 is as fast as the peer."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    alone = [row for row in rows if row["name"].startswith(ALONE)]
    panels = {"all threads": [r for r in rows if r not in alone], "one thread": alone}
    panels = {title: chosen for title, chosen in panels.items() if chosen}
    if not panels:
        return
    heights = [_lines(chosen) for chosen in panels.values()]
    figure, all_axes = plt.subplots(
        len(panels), figsize=(9, 1.4 + 0.17 * sum(heights)), height_ratios=heights, sharex=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes, (title, chosen) in zip(all_axes[:, 0], panels.items(), strict=True):
        _draw(axes, chosen)
        axes.set_title(title, loc="left", fontsize="medium")
    axes.set_xlabel("times as long as glassnet (beyond the line glassnet is faster)")
    used = [peer for peer in COLOURS if any(row["peer"] == peer for row in rows)]
    patches = [Patch(color=COLOURS[peer], label=peer) for peer in used]
    figure.legend(handles=patches, fontsize="small", ncols=3, loc="outside upper center")
    plt.rcParams["svg.hashsalt"] = "glassnet"  # the same numbers give the same file
    figure.savefig(PLOT, metadata={"Date": None})
    plt.close(figure)


def _lines(rows: list[Row]) -> float:
    """The room for these bars, in their heights: a gap behind those of each network."""
    return len(rows) + 1.2 * len({row["name"] for row in rows})


def _draw(axes: Any, rows: list[Row]) -> None:
    """Bars of one network under the other, those of a network without a gap."""
    at, ticks = 0.0, {}
    for name in dict.fromkeys(row["name"] for row in rows):
        mine = {row["peer"]: row for row in rows if row["name"] == name}
        peers = [peer for peer in COLOURS if peer in mine]
        ticks[name.removeprefix(ALONE)] = at + (len(peers) - 1) / 2
        for peer in peers:
            ratio, (low, high) = mine[peer]["ratio"], mine[peer]["spread"]
            axes.barh(at, ratio, 1, color=COLOURS[peer])
            axes.plot([low, high], [at, at], color="black", linewidth=0.8)
            axes.annotate(f"{ratio:.2f}", (high, at), (4, 0), textcoords="offset points",
                          va="center", fontsize="x-small")  # fmt: skip
            at += 1
        at += 1.2
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(list(ticks.values()), list(ticks))
    axes.set_ylim(at - 1.2, -1)
    axes.spines[["top", "right"]].set_visible(False)
