"""Many rounds in processes of their own, each kept in a log as it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import PlayedBy, Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundLog, RoundRow
from gpnet_ros.workers import spread

#: What a worker gets: which heap, who picks, and what a row tells of who picks.
RoundJob = tuple[HeapName, Policy, PlayedBy]


def play_rounds(
    play: Callable[[RoundJob], RoundRow],
    heaps: Sequence[HeapName],
    policy: Policy,
    code: str,
    log: Path | None,
    resume: bool,
    workers: int,
) -> list[RoundRow]:
    """One round per heap, in their order.

    Args:
        play: plays one of them; a function of a module, for workers call it by its name.
        heaps: what to clear.
        policy: who picks.
        code: `played_code` of what plays.
        log: file of rows to which each round is appended.
        resume: rounds that the log has are not played again.
        workers: processes; 0 for one per core.

    Raises:
        BadInput: no such model or heap, or a log of another policy or of other code.
    """
    by = policy.played_by(code)
    kept = RoundLog(log, by, resume)
    todo = [(heap, policy, by) for heap in heaps if kept.done(heap) is None]
    for row in tqdm(spread(play, todo, workers), total=len(todo), unit="round", disable=None):
        kept.add(row)
    found = [kept.done(heap) for heap in heaps]
    return [row for row in found if row is not None]
