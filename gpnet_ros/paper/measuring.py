"""What the tables are made of: judged pictures and played rounds, kept in runs/ so that none is measured twice."""

from __future__ import annotations

from pathlib import Path

from gpnet_ros.evaluation.closed_loop import core
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow, read_rounds
from gpnet_ros.evaluation.judging.evaluation import EVALUATIONS, Results, evaluate
from gpnet_ros.evaluation.judging.judge import JudgeSettings
from gpnet_ros.evaluation.judging.judged_pictures import Pictures
from gpnet_ros.evaluation.second_network import second_model, weights_of
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.sim.heap import frozen

#: Rounds of the closed loop are kept here, one file per policy.
ROUNDS = Path("runs/clearing")


def judge_model(
    model: Path, priority: str, *, pictures: Pictures, scenes: int | None = None, workers: int = 0
) -> Results:
    """Judge a model on pictures, or read from runs/evaluations how it was judged before.

    Args:
        model: its folder.
        priority: one of `RANKINGS`; graspnext asks the second network that is shipped.
        pictures: the set.
        scenes: only the first so many pictures; None takes all.
        workers: processes; 0 takes one per core.
    """
    published = priority == "published"
    ranked = "learned" if published else priority
    settings = JudgeSettings(priority=ranked, scene_model=second_model(ranked, None), as_published=published)
    return evaluate(model, pictures, settings, most=scenes, workers=workers, cache=EVALUATIONS)


def play_heaps(model: Path | None, priority: str, *, rounds: int, workers: int = 0) -> list[RoundRow]:
    """Play the first frozen heaps of each K, and those after them that were played before.

    Rounds are kept in `ROUNDS`, under a name that hashes the code that decides.

    Args:
        model: its folder; None plays the oracle.
        priority: how the maps are ranked; "oracle" for the oracle.
        rounds: heaps of each K.
        workers: processes; 0 takes one per core.
    """
    frozen.require(frozen.COUNTS[0], rounds)
    ROUNDS.mkdir(parents=True, exist_ok=True)
    weights = "oracle" if model is None else f"{model.name}-{vouched_card(model).sha256[:12]}"
    scene_model = second_model(priority, None)
    seen = "" if scene_model is None else f"-{(weights_of(scene_model) or '')[:12]}"
    log = ROUNDS / f"{weights}-{priority}{seen}-{core.core_code()}.jsonl"  # other code, other rounds
    there = {row.key for row in read_rounds(log)} if log.is_file() else set()
    heaps: list[HeapName] = []
    for number in range(frozen.HEAPS):
        block = [HeapName(count, number=number) for count in frozen.COUNTS]
        if number >= rounds and not all(heap.key in there for heap in block):
            break
        heaps += block
    policy = Policy("core", priority, None if model is None else str(model), scene_model=scene_model)
    return core.clear_heaps(heaps, policy, log, True, workers)
