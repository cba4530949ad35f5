"""The page of a search: the front of Pareto, the story of the winner, and how far the ranking can be trusted."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpnet_ros.training.search.indicator import Price
from gpnet_ros.training.search.latency import LatencyCheck
from gpnet_ros.training.search.proxy import accuracy
from gpnet_ros.training.search.score import front, spearman
from gpnet_ros.training.search.search import Found, Search, Tried

PAGE, PICTURE = "page.html", "pareto.png"
_AXES = (("gmac", "GMAC at 1200 px"), ("millions", "parameters [M]"), ("milliseconds", "estimated time [ms]"))


def save_search_page(folder: Path, found: Found, search: Search, check: LatencyCheck | None) -> None:
    """Write page.html and pareto.png of a finished search into a folder."""
    prices = [search.price(tried) for tried in found.tried]
    _picture(folder / PICTURE, found, prices)
    parts = [
        f"<h1>A search for a network: {html.escape(search.settings.space)} space</h1>",
        f"<p>{_summary(found, search)}</p>",
        f'<img src="{PICTURE}" alt="accuracy proxy against cost" style="width:100%">',
        "<p>Grey: taught trunk, proposals and dense heads. Line: not beaten in both. Star: the winner, by what it "
        "learned in the same short lesson. The proxy is a mean of early figures (training/search/figures.py); it "
        "ranks, it is no accuracy.</p>",
        "<h2>The winner</h2>",
        _story(found, search),
        "<h2>How far the ranking can be trusted</h2>",
        _trust(found, check),
        "<h2>Generations</h2>",
        _generations(found),
        "<h2>All that was taught</h2>",
        _all(found, search, prices),
    ]
    style = "body{font:15px sans-serif;max-width:64em;margin:2em auto}td,th{padding:.1em .7em;text-align:right}"
    head = f"<!doctype html><meta charset=utf-8><title>gpnet search</title><style>{style}</style>"
    (folder / PAGE).write_text(head + "\n".join(parts) + "\n", encoding="utf-8")


def _picture(path: Path, found: Found, prices: Sequence[Price]) -> None:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    heights = [accuracy(tried.dense[0]["figures"]) for tried in found.tried]
    for axis, (name, label) in zip(figure.subplots(1, 3, sharey=True), _AXES, strict=True):
        assert isinstance(axis, Axes)
        costs = [float(getattr(price, name)) for price in prices]
        rows = front(costs, heights)
        axis.scatter(costs, heights, color="0.6", s=18)
        axis.plot([costs[r] for r in rows], [heights[r] for r in rows], "-o", color="C0", ms=4)
        star = found.tried.index(found.winner)
        axis.plot(costs[star], heights[star], "*", color="C3", ms=16)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("accuracy proxy after the dense lesson")
    figure.savefig(path, dpi=75)


def _summary(found: Found, search: Search) -> str:
    settings, table = search.settings, search.indicator.table
    return html.escape(
        f"{search.space.size:.2g} points; {len(found.tried)} taught, in {settings.generations} generations of "
        f"{settings.population}, for {settings.dense_steps} steps of {settings.batch} views of {settings.side} px "
        f"each; seed {settings.seed}. Allowed: at most {settings.millions_max} million parameters, "
        f"{settings.gmac_min:g} to below {settings.gmac_max:g} GMAC (1200 px, 1000 proposals, 100 detections), "
        f"a condenser in each stage, and {search.indicator.budget:.0f} ms by the table of this machine "
        f"({table.machine}, one thread, float32, {table.protocol.side} px, "
        f"{table.protocol.detections} detections). Log sha256 {found.log.digest}."
    )


def _story(found: Found, search: Search) -> str:
    winner, price = found.winner, search.price(found.winner)
    order = sorted(found.tried, key=lambda tried: -search.dense_score(tried))
    born = (
        "after the last generation, with other regional heads"
        if winner.generation == search.settings.generations
        else (f"in generation {winner.generation}")
    )
    words = (
        f"Drawn {born}; of {len(order)} it was number {order.index(winner) + 1} by the dense lesson, and first of "
        f"{sum(bool(tried.whole) for tried in order)} that learned all tasks from {len(winner.whole)} seeds: NetScore "
        f"{search.final_score(winner):.2f}. It has {price.millions:.2f} M parameters, {price.gmac:.1f} GMAC and an "
        f"estimated {price.milliseconds:.0f} ms."
    )
    chosen, start = search.space.values(winner.point), search.space.values(search.start)
    chances = [line["chances"] for line in found.log.lines if "generation" in line][-1]
    rows = [["variable", "winner", "reference", "chance of the winner's value at the end"]]
    for variable, index in zip(search.space.variables, winner.point, strict=True):
        name = variable.name
        rows.append([name, str(chosen[name]), str(start[name]), f"{chances[name][index]:.2f}"])
    figures = [["figure", *(f"seed {k}" for k in range(len(winner.whole)))]]
    for name in winner.whole[0]["figures"]:
        figures.append([name, *(f"{answer['figures'][name]:.3f}" for answer in winner.whole)])
    return f"<p>{html.escape(words)}</p>{_table(figures)}<p>Against the net that sets the budget:</p>{_table(rows)}"


def _trust(found: Found, check: LatencyCheck | None) -> str:
    rows = [["rank correlation (Spearman)", "value"]]
    rows += [[name, _number(value)] for name, value in found.trust.items() if name != "finalists"]
    again = [tried for tried in found.tried if len(tried.dense) > 1 and not tried.whole]
    again += [tried for tried in found.tried if len(tried.dense) > 1 and tried.whole]
    said = (
        f"Points taught from two seeds: {len({tried.point for tried in again})}; finalists: "
        f"{found.trust['finalists']:.0f}. A correlation of 1 would be the same ranking, 0 none: below about 0.5 the "
        "order of neighbours is chance, and only large differences count. The score ranks more steadily than the "
        "accuracy because half of it is cost, which is exact."
    )
    timing = ""
    if check is not None:
        both = [["estimated [ms]", *(f"{ms:.0f}" for ms in check.estimated)]]
        both += [["measured [ms]", *(f"{ms:.0f}" for ms in check.measured)]]
        agreement = _number(spearman(check.estimated, check.measured))
        timing = f"<p>Latency by the table and of whole networks (rank correlation {agreement}):</p>{_table(both)}"
    return f"<p>{html.escape(said)}</p>{_table(rows)}{timing}"


def _generations(found: Found) -> str:
    rows = [["generation", "best score", "refused", "largest gains per GMAC if a quarter narrower"]]
    for line in found.log.lines:
        if "generation" in line:
            gains = sorted(line["gains"].items(), key=lambda item: -item[1])
            told = ", ".join(f"{name} {gain:+.3f}" for name, gain in gains[:3])
            refused = ", ".join(f"{word} {count}" for word, count in line["refused"].items()) or "none"
            rows.append([str(line["generation"]), f"{line['best']:.2f}", refused, told])
    return _table(rows)


def _all(found: Found, search: Search, prices: Sequence[Price]) -> str:
    rows = [["generation", "dense score", "accuracy by seed", "all tasks", "M", "GMAC", "ms"]]
    order = sorted(zip(found.tried, prices, strict=True), key=lambda pair: -search.dense_score(pair[0]))
    for tried, price in order:
        seeds = ", ".join(f"{accuracy(answer['figures']):.3f}" for answer in tried.dense)
        last = f"{search.final_score(tried):.2f}" if tried.whole else ""
        costs = [f"{price.millions:.2f}", f"{price.gmac:.1f}", f"{price.milliseconds:.0f}"]
        rows.append([_born(tried, found), f"{search.dense_score(tried):.2f}", seeds, last, *costs])
    return _table(rows)


def _born(tried: Tried, found: Found) -> str:
    return f"{tried.generation}{' (winner)' if tried is found.winner else ''}"


def _number(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.2f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows[1:]]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
