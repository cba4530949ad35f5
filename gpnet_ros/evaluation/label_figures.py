"""Are the grasp labels true? Labels executed in physics, counted by their scores and kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import share_of
from gpnet_ros.sim.hand.label_trials import LabelTrial, scene_trials
from gpnet_ros.sim.scenes.arrangement import arrange
from gpnet_ros.sim.scenes.recipe import SceneRecipe
from gpnet_ros.workers import spread

#: Bounds of the bands of scores.
_BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_SIDE = 240  # of the picture whose pixels are sampled [px]
#: A rate with Wilson's 95 % interval and the count that it is of; see `intervals.share_of`.
Share = dict[str, float | int | None]


@dataclass(frozen=True)
class LabelScenes:
    """Scenes whose labels are executed.

    Attributes:
        scenes: how many; seed: of the first, the next has seed + 1, ...
        profile: of `gpnet generate`.
        positives, negatives: most labels with and without a grasp, per scene.
    """

    scenes: int
    seed: int
    profile: str
    positives: int
    negatives: int


@dataclass(frozen=True)
class LabelFigures:
    """Executed labels, counted; shares of nothing have the rate None.

    Attributes:
        scenes, seed, profile: of the scenes, see `LabelScenes`.
        scenes_without_heap: whose objects did not come to rest.
        positives_lifted, negatives_lifted, best_lifted: objects that came up by labels with a grasp, by those without
            one, and by the best label of each object.
        bands: the same by score of the label, for labels with a grasp.
        moved_top, moved_not_top: lifted by their best label, topmost or not, while another object moved by over 2 cm.
        positives_status, negatives_status: how often each pick ended how.
        families: objects that came up by labels with a grasp, by family.
    """

    scenes: int
    seed: int
    profile: str
    scenes_without_heap: int
    positives_lifted: Share
    negatives_lifted: Share
    bands: dict[str, Share]
    best_lifted: Share
    moved_top: Share
    moved_not_top: Share
    positives_status: dict[str, int]
    negatives_status: dict[str, int]
    families: dict[str, Share]


def try_labels(which: LabelScenes, workers: int = 0) -> LabelFigures:
    """Execute labels of several scenes, in processes; 0 workers are one per core."""
    jobs = [(which.seed + k, which.profile, which.positives, which.negatives) for k in range(which.scenes)]
    found = list(tqdm(spread(trials_of_scene, jobs, workers), total=len(jobs), unit="scene", disable=None))
    return count_labels(which, found)


def trials_of_scene(job: tuple[int, str, int, int]) -> list[LabelTrial] | None:
    """Trials of one scene: its seed, profile, positives and negatives; None if no heap came to rest."""
    seed, profile, positives, negatives = job
    recipe = SceneRecipe(profile=profile, size=(_SIDE, _SIDE))  # type: ignore[arg-type]
    try:
        arrangement = arrange(seed, recipe)
    except BadInput:
        return None
    return scene_trials(arrangement, positives, negatives)


def count_labels(which: LabelScenes, found: Sequence[Sequence[LabelTrial] | None]) -> LabelFigures:
    """Count the trials of some scenes; None is a scene without a heap."""
    trials = [trial for scene in found for trial in scene or ()]
    by_kind = {kind: [t for t in trials if t.kind == kind] for kind in ("positive", "negative", "best")}
    positive, negative, best = by_kind.values()
    scored = positive + best
    picked = [t for t in best if t.lifted]  # what was not lifted says nothing about its place in the heap
    return LabelFigures(
        scenes=which.scenes,
        seed=which.seed,
        profile=which.profile,
        scenes_without_heap=sum(scene is None for scene in found),
        positives_lifted=_lifted(positive),
        negatives_lifted=_lifted(negative),
        bands={
            f"{low:.1f}-{high:.1f}": _lifted([t for t in scored if low <= t.score < high or t.score == high == 1.0])
            for low, high in zip(_BANDS[:-1], _BANDS[1:], strict=True)
        },
        best_lifted=_lifted(best),
        moved_top=share_of([t.disturbed for t in picked if t.top]),
        moved_not_top=share_of([t.disturbed for t in picked if not t.top]),
        positives_status=_counts(positive),
        negatives_status=_counts(negative),
        families={
            family: _lifted([t for t in scored if t.family == family]) for family in sorted({t.family for t in scored})
        },
    )


def _lifted(trials: Sequence[LabelTrial]) -> Share:
    return share_of([t.lifted for t in trials])


def _counts(trials: Sequence[LabelTrial]) -> dict[str, int]:
    return dict(sorted(Counter(t.status for t in trials).items()))


def labels_table(found: LabelFigures) -> str:
    """A table for a person with all figures of executed labels."""
    rows = [
        ("positive labels: object lifted", found.positives_lifted),
        ("negative labels: object lifted", found.negatives_lifted),
        *((f"  score {band}: lifted", value) for band, value in found.bands.items()),
        ("best grasp of each object: lifted", found.best_lifted),
        ("pick moved another object > 2 cm, top-level", found.moved_top),
        ("pick moved another object > 2 cm, not top-level", found.moved_not_top),
    ]
    lines = [f"simulated, profile {found.profile}, {found.scenes} scenes from seed {found.seed}"]
    lines += [f"{name:50}{_interval(value)}" for name, value in rows]
    for kind, status in (("positives", found.positives_status), ("negatives", found.negatives_status)):
        lines.append(f"{kind} ended as {', '.join(f'{name} {count}' for name, count in status.items())}")
    return "\n".join(lines)


def _interval(value: Share) -> str:
    if value["n"] == 0:
        return "      -"
    return f"{value['rate']:7.1%}   [{value['low']:.1%}, {value['high']:.1%}] of {value['n']}"
