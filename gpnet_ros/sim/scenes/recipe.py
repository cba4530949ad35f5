"""What kind of scenes to make: plain values that travel to workers and into the index of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gpnet_ros.errors import BadInput

Profile = Literal["table", "bin", "stack", "single"]
LabelSet = Literal["grasp", "all"]
Split = Literal["train", "seen", "unseen"]

#: Units in which a user's meshes may be.
MESH_UNITS = ("m", "mm", "cm", "inch")
#: Most objects of a scene: more do not fit the workspace as one heap.
OBJECTS_MAX = 20
SIDE_RANGE = (32, 2048)  # of a picture [px]
VIEWS_MAX = 64
#: The fixed test sets, scenes of each, and size of the pictures that their stored cameras belong to [px].
TEST_SETS = ("table-test", "stack-test", "unseen-test")
TEST_SET_SCENES = 500
TEST_SET_SIZE = (480, 480)


@dataclass(frozen=True)
class SceneRecipe:
    """All that a scene is made by, besides its seed.

    Attributes:
        profile: "table" mixes fallen and stacked heaps, "bin" fills a bin, "stack" piles up, "single" has one object.
        objects: least and greatest number of objects, both included; "single" ignores it.
        size: width and height of a picture [px].
        views: pictures per scene.
        labels: "grasp", or "all" with amodal masks, centres of mass and suction too.
        split: which families and object seeds; see `gpnet_ros.sim.objects.splits`.
        meshes: folder with the user's own meshes, or None.
        mesh_unit: of those meshes, a key of `user_meshes.UNITS`; None finds out.
        parents: whether to find REGRAD's parents, by removing objects in simulation.
    """

    profile: Profile = "table"
    objects: tuple[int, int] = (1, 10)
    size: tuple[int, int] = (480, 480)
    views: int = 1
    labels: LabelSet = "grasp"
    split: Split = "train"
    meshes: str | None = None
    mesh_unit: str | None = None
    parents: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("profile", Profile), ("labels", LabelSet), ("split", Split)):
            value, names = getattr(self, name), get_args(allowed)
            if value not in names:
                raise BadInput(f"A scene cannot have the {name} {value!r}: choose one of {', '.join(names)}.")
        low, high = self.objects
        if not 1 <= low <= high <= OBJECTS_MAX:
            raise BadInput(
                f"Scenes of {low} to {high} objects cannot be made: choose a range within 1 to {OBJECTS_MAX}."
            )
        if not all(SIDE_RANGE[0] <= side <= SIDE_RANGE[1] for side in self.size):
            raise BadInput(
                f"Pictures of {self.size[0]}x{self.size[1]} cannot be made: "
                f"width and height must be {SIDE_RANGE[0]} to {SIDE_RANGE[1]} pixels."
            )
        if not 1 <= self.views <= VIEWS_MAX:
            raise BadInput(f"{self.views} views of a scene cannot be made: choose 1 to {VIEWS_MAX}.")
