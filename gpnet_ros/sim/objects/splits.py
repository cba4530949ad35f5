"""Which objects training may see, and which only tests: held out by family and by seed."""

from __future__ import annotations

from gpnet_ros.sim.objects.model import FAMILIES, GRASPABLE, HELD_OUT
from gpnet_ros.sim.scenes.recipe import Split

#: Object seeds from the first to before the last, per split. Seen shapes are of the families of training with other
#: sizes; unseen ones are of families that training never had, so their seeds are free.
OBJECT_SEEDS: dict[Split, tuple[int, int]] = {
    "train": (0, 800_000),
    "seen": (800_000, 1_000_000),
    "unseen": (0, 1_000_000),
}


def families(split: Split, graspable: bool = False) -> tuple[str, ...]:
    """Families of a split, in their fixed order.

    Args:
        split: which.
        graspable: leave out those that a vertical jaw cannot take in every pose.
    """
    pool = GRASPABLE if graspable else FAMILIES
    return tuple(family for family in pool if (family in HELD_OUT) == (split == "unseen"))
