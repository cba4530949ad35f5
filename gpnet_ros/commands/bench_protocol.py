"""The paper's Table 3 on your own cell: it says what to lay how, picks, asks what came of each pick, and counts.

For each number of objects so many rounds; each line of --log is a round, and the same command goes on after the last.
Lay what it says, hands off, Enter. After each pick say which things came up, which lie in the tote, and whether nothing
had lain on them. A round is all right when all came into the tote and every pick took a topmost thing. q leaves: the
round under way is laid anew. --report prints the table of any log, of `gpnet bench clearing` too, and picks nothing.
The other options are those of `gpnet run`.
Exit status: 0 all rounds are there, 1 not yet, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from html import escape
from pathlib import Path

from gpnet_ros.cell import load_cell
from gpnet_ros.commands import run_shift
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import OBJECTS_RANGE, HeapName, objects_range
from gpnet_ros.evaluation.closed_loop.judged_round import Left, Witness, judged_round
from gpnet_ros.evaluation.closed_loop.layout import Layout, layout, read_things
from gpnet_ros.evaluation.closed_loop.players import Policy, played_code
from gpnet_ros.evaluation.closed_loop.ros import row_of
from gpnet_ros.evaluation.closed_loop.rows import PlayedBy, RoundLog, RoundRow, read_rounds
from gpnet_ros.evaluation.closed_loop.tally import OWN_CELL, rounds_answer, rounds_sentence
from gpnet_ros.paper.table3 import own_table
from gpnet_ros.picking.shift.session import Shift
from gpnet_ros.sim.clearing.rounds import EXTRA_PICKS

#: What decides a round beside its policy.
_CODE = ("gpnet_ros.picking.loop", "gpnet_ros.network.onlooker")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench protocol`."""
    add = parser.add_argument
    add("--objects", type=objects_range, default=(3, 7), dest="counts", help="K, or a range (3-7)")
    add("--rounds", type=int, default=18, help="of each K (18)")
    add("--things", type=Path, help="your things, a line each (default: they are numbered)")
    add("--layouts", type=int, default=0, help="seed of what is laid how; two methods need the same (0)")
    add("--log", type=Path, default=Path("runs/protocol.jsonl"), help="a line per round (runs/protocol.jsonl)")
    add("--report", type=Path, help="print the table of this log, and play nothing")
    run_shift.add_arguments(parser, of_shift=False)


def run(args: argparse.Namespace) -> int:
    """Play the rounds that the log does not have yet, and print the table."""
    if args.report:
        tell(read_rounds(args.report), args.json)
        return 0
    (least, most), (low, high) = args.counts, OBJECTS_RANGE
    if not low <= least <= most <= high or args.rounds < 1:
        raise BadInput(f"--objects {least}-{most}, --rounds {args.rounds}; allowed: {low} to {high} objects, 1 round.")
    if args.simulate:
        raise BadInput("Nobody can lay things into a simulated cell: use `gpnet bench clearing`, or --robot-ip.")
    args.mode, args.picks = "run", most + EXTRA_PICKS
    things = read_things(args.things, most)
    side = load_cell(args.cell).workspace.side
    wanted = [
        layout(count, number, things, args.layouts, side)
        for count in range(least, most + 1)
        for number in range(1, args.rounds + 1)
    ]
    args.log.parent.mkdir(parents=True, exist_ok=True)
    kept = RoundLog(args.log, _played_by(args), resume=True)
    with run_shift.shift_of(args) as (shift, person, _):
        play(wanted, shift, person, kept, args.layouts)
    tell(kept.rows, args.json)
    page = args.log.with_suffix(".html")
    page.write_text(protocol_html(kept.rows, wanted), encoding="utf-8")
    print(f"Page: {page}", flush=True)
    return 0 if all(kept.done(_name(each, args.layouts)) for each in wanted) else 1


def _played_by(args: argparse.Namespace) -> PlayedBy:
    model, scene = run_shift.networks_of(args)
    gripper = "suction" if args.gripper == "suction" else "jaw"
    policy = Policy(OWN_CELL, args.priority, model or None, scene_model=scene or None, gripper=gripper)
    by = policy.played_by(played_code(_CODE, []))
    if by.model is None or args.precision == "float32":
        return by
    return replace(by, model=f"{by.model} in {args.precision}")  # other maps: rounds of both do not belong together


def _name(laid: Layout, seed: int) -> HeapName:
    return HeapName(len(laid.things), 1000 * seed + laid.number)


def play(wanted: list[Layout], shift: Shift, person: Witness, kept: RoundLog, seed: int) -> None:
    """Play the rounds that are not there yet, until a person leaves.

    Args:
        wanted: what is laid for each round.
        shift: of the loop that picks, in mode run.
        person: lays, and says what came of each pick.
        kept: takes each round.
        seed: of the layouts.
    """
    todo = [each for each in wanted if kept.done(_name(each, seed)) is None]
    with shift.opened():
        for number, laid in enumerate(todo, len(wanted) - len(todo) + 1):
            person.tell(f"\nRound {number} of {len(wanted)}, {len(laid.things)} objects. The table is empty. Lay:")
            person.tell(laid.text())
            if not shift.is_allowed("All lies, hands off, it picks"):
                return
            try:
                done = judged_round(shift.paused_turns(), laid, person)
            except Left:
                return
            row = row_of(_name(laid, seed), kept.by, done)
            kept.add(row)
            right = "all right" if row.all_right else ", ".join(row.faults) or row.ended
            person.tell(f"Round {number}: {len(row.removed)} of {row.objects} in the tote, {right.replace('_', ' ')}.")


def tell(rows: list[RoundRow], as_json: bool) -> None:
    """Print the table, and the sentence of each K as `gpnet bench clearing` does."""
    if not rows:
        print("No round is over yet.", flush=True)
        return
    answers = _answers(rows)
    print("\n".join(rounds_sentence(answer) for answer in answers), flush=True)
    if any(not row.failed for row in rows):
        print(f"\n{own_table(rows, _title(rows)).markdown()}", flush=True)
    if as_json:
        print(json.dumps({"rows": answers, "all": _answer(rows)}), flush=True)


def _answers(rows: list[RoundRow]) -> list[dict[str, object]]:
    return [_answer([row for row in rows if row.objects == k]) for k in sorted({row.objects for row in rows})]


def _answer(rows: list[RoundRow]) -> dict[str, object]:
    by = rows[0].by
    policy = Policy(by.path, by.priority, by.model, scene_model=by.scene_model, gripper=by.gripper)
    return rounds_answer(rows, policy, "laid" if by.path == OWN_CELL else "logged", rows[0].seed, 1.0)


def _title(rows: list[RoundRow]) -> str:
    by = rows[0].by
    return f"{'own cell' if by.path == OWN_CELL else 'simulated, path ' + by.path}, {by.model or by.scene_model}"


def protocol_html(rows: list[RoundRow], wanted: list[Layout]) -> str:
    """The page of a protocol: the table beside the paper's, each round with what was laid and what went wrong."""
    whole = any(not row.failed for row in rows)
    table = own_table(rows, _title(rows)).markdown() if whole else "No round is over yet."
    laid = {(len(each.things), each.number): each.text() for each in wanted}
    rounds = "".join(
        f"<tr><td>{row.objects}</td><td>{escape(row.heap)}</td><td>{len(row.removed)}</td>"
        f"<td>{'yes' if row.all_right else 'no'}</td><td>{escape(', '.join(row.faults) or row.ended)}</td>"
        f"<td><pre>{escape(laid.get((row.objects, row.seed % 1000), ''))}</pre></td></tr>"
        for row in rows
    )
    sentences = "".join(f"<p>{escape(rounds_sentence(answer))}</p>" for answer in _answers(rows)) if rows else ""
    heads = "".join(f"<th>{name}</th>" for name in ("K", "round", "in the tote", "all right", "faults", "laid"))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Table 3</title><style>body{font:16px/1.45 system-ui;"
        "margin:2rem auto;max-width:68rem}td,th{text-align:left;padding:.3rem 1rem;vertical-align:top}</style>"
        f"<h1>{escape(_title(rows)) if rows else 'Table 3'}</h1><pre>{escape(table)}</pre>{sentences}"
        f"<table><tr>{heads}</tr>{rounds}</table></html>"
    )
