"""Which object families a top-down jaw can take: lone objects, dropped and taken by their best true grasp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.hand.lone_object import try_family
from gpnet_ros.sim.objects import model as objects
from gpnet_ros.sim.objects.model import ObjectModel
from gpnet_ros.sim.objects.user_meshes import load_user_meshes
from gpnet_ros.workers import spread

#: Least share of drops that end with the object lifted, for a family to be called graspable.
_LIFTED_MIN = 0.9


@dataclass(frozen=True)
class MeshFolder:
    """A user's meshes, each file a family of its own; `unit` None is told by their sizes."""

    folder: str
    unit: str | None = None


@dataclass(frozen=True)
class FamilyFigures:
    """Drops of one family, counted.

    Attributes:
        family: name.
        drops: that came to rest; rolled_away: those that did not.
        has_grasp: drops with a true grasp.
        lifted, collision, missed_or_slipped: how the picks ended.
        graspable: at least 90 % of the drops were lifted; listed: it is listed as graspable.
    """

    family: str
    drops: int
    rolled_away: int
    has_grasp: int
    lifted: int
    collision: int
    missed_or_slipped: int
    graspable: bool
    listed: bool


def known_families(meshes: MeshFolder | None = None) -> tuple[str, ...]:
    """Families that can be tried: the built-in ones, or those of a user's meshes.

    Raises:
        BadInput: meshes that cannot be used.
    """
    return objects.FAMILIES if meshes is None else load_user_meshes(meshes.folder, meshes.unit).families


def try_families(
    names: Sequence[str], drops: int, seed: int, meshes: MeshFolder | None = None, workers: int = 0
) -> list[FamilyFigures]:
    """Drop and take objects of each family, in processes.

    Args:
        names: families to try.
        drops: of each family.
        seed: of the first drop; the next has seed + 1, ...
        meshes: the user's, in place of the built-in families.
        workers: processes; 0 is one per core.
    """
    jobs = [(name, seed + k, meshes) for name in names for k in range(drops)]
    statuses = list(tqdm(spread(_try, jobs, workers, chunk=4), total=len(jobs), unit="drop", disable=None))
    return [count_drops(name, statuses[k * drops : (k + 1) * drops]) for k, name in enumerate(names)]


def _try(job: tuple[str, int, MeshFolder | None]) -> str:
    """Status of one drop; "no rest" when the object rolled away."""
    family, seed, meshes = job
    make: Callable[[str, int], ObjectModel] = objects.make_object
    if meshes is not None:
        make = load_user_meshes(meshes.folder, meshes.unit).make
    try:
        return try_family(family, seed, make).status
    except BadInput:
        return "no rest"


def count_drops(family: str, statuses: Sequence[str]) -> FamilyFigures:
    """Count how the drops of a family ended: status of the pick, "no grasp" or "no rest"."""
    tried = [status for status in statuses if status != "no rest"]
    lifted = tried.count("lifted")
    return FamilyFigures(
        family=family,
        drops=len(tried),
        rolled_away=len(statuses) - len(tried),
        has_grasp=len(tried) - tried.count("no grasp"),
        lifted=lifted,
        collision=tried.count("collision"),
        missed_or_slipped=tried.count("missed") + tried.count("slipped"),
        graspable=bool(tried) and lifted >= _LIFTED_MIN * len(tried),
        listed=family in objects.GRASPABLE,
    )


def families_table(found: Sequence[FamilyFigures]) -> str:
    """The families as a Markdown table, the best first."""
    head = "| family | drops | with a grasp | lifted | collided | lost | graspable | listed |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for each in sorted(found, key=lambda f: (-f.lifted / max(f.drops, 1), f.family)):
        counts = f"{each.drops} | {each.has_grasp} | {each.lifted} | {each.collision} | {each.missed_or_slipped}"
        verdicts = " | ".join("yes" if said else "no" for said in (each.graspable, each.listed))
        lines.append(f"| {each.family} | {counts} | {verdicts} |")
    return "\n".join(lines)
