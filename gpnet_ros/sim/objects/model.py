"""Objects of the heap: everyday and workshop shapes, each from a family and a seed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.constants import OBJECT_FRICTION_RANGE
from gpnet_ros.sim.objects.families.blocks import BLOCKS
from gpnet_ros.sim.objects.families.food import FOOD
from gpnet_ros.sim.objects.families.household import HOUSEHOLD
from gpnet_ros.sim.objects.families.parts import PARTS
from gpnet_ros.sim.objects.families.tools import TOOLS
from gpnet_ros.sim.objects.shapes import Part, union, volume_moments

#: Family name to generator, in a fixed order: the order is part of what a heap's seed means. Sizes in metres, 4 to 17
#: cm long, at most 30 exact convex parts; the frame is arbitrary, `make_object` moves it to the centre of mass.
GENERATORS = {**BLOCKS, **HOUSEHOLD, **FOOD, **TOOLS, **PARTS}
FAMILIES: tuple[str, ...] = tuple(GENERATORS)
#: Families that a vertical 85 mm jaw cannot take in every resting pose: too flat or too wide in some. They stay
#: in the scenes as distractors. Decided by the truth alone, before any training: `gpnet bench families`.
DISTRACTORS: tuple[str, ...] = ("bowl", "plate", "scissors", "wrench", "pipe")
GRASPABLE: tuple[str, ...] = tuple(f for f in FAMILIES if f not in DISTRACTORS)
#: Families that a vertical cup of 18 mm takes by its best label at the first try, in 90 % of 20 drops or more: with a
#: flat or gently round face in every resting pose, and light or held near the middle. By the truth alone, too.
CUP_GRASPABLE: tuple[str, ...] = (
    "box", "flat_box", "superquadric", "mug", "bowl", "cup", "plate", "detergent_bottle", "lemon", "tube",
)  # fmt: skip
#: Families that no training scene holds: something round, flat, hollow, a package, a tool and a profile.
HELD_OUT: tuple[str, ...] = ("pear", "soap_bar", "pipe_tee", "gable_carton", "padlock", "beam")
#: What heaps to be cleared are made of by default: of what was trained on, all that can be taken.
BENCHMARK: tuple[str, ...] = tuple(f for f in GRASPABLE if f not in HELD_OUT)
#: What heaps are made of, by the tool of the cell that clears them.
GRASPABLE_BY: dict[str, tuple[str, ...]] = {"jaw": BENCHMARK, "suction": CUP_GRASPABLE}

#: Bounds of an object's mass [kg]: from a plastic part to a hand tool; far below the payload.
MASS_RANGE = (0.03, 0.25)
#: Mean densities [kg/m^3] between a hollow package and a solid plastic or wooden part.
DENSITY_RANGE = (350.0, 1200.0)


@dataclass(frozen=True, eq=False)
class ObjectModel:
    """A rigid object. The origin of its frame is the centre of mass.

    Attributes:
        family: one of `FAMILIES`, or the name of a user's mesh.
        seed: with the family, all there is to know to make it again.
        parts: convex parts whose union is the object.
        vertices: (n, 3) of the closed outer surface [m].
        faces: (m, 3) int32, counter-clockwise seen from outside.
        mass: [kg].
        inertia: (3, 3) about the centre of mass [kg m^2].
        friction: sliding friction coefficient.
        texture_seed: for whoever paints it.
    """

    family: str
    seed: int
    parts: tuple[Part, ...]
    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    mass: float
    inertia: NDArray[np.float64]
    friction: float
    texture_seed: int

    @property
    def extent(self) -> NDArray[np.float64]:
        """Edge lengths (3,) of the bounding box in the object frame [m]."""
        return np.ptp(self.vertices, axis=0)

    @property
    def radius(self) -> float:
        """Distance from the centre of mass to the farthest point [m]."""
        return float(np.linalg.norm(self.vertices, axis=1).max())


@lru_cache(maxsize=512)
def make_object(family: str, seed: int) -> ObjectModel:
    """The object of a family and a seed; the same two give the same object.

    Raises:
        BadInput: no such family, or a negative seed.
    """
    if family not in GENERATORS:
        raise BadInput(f"There is no object family '{family}': choose one of {', '.join(FAMILIES)}.")
    if seed < 0:
        raise BadInput(f"Object seed {seed} is negative: it must be 0 or greater.")
    rng = object_rng(family, seed)
    parts = GENERATORS[family](rng)
    return build_object(family, seed, parts, union(parts), rng)


def object_rng(family: str, seed: int) -> np.random.Generator:
    """Random generator that draws sizes, mass, friction and texture of an object."""
    return np.random.default_rng([zlib.crc32(family.encode()), seed])


def build_object(
    family: str,
    seed: int,
    parts: Sequence[Part],
    surface: tuple[NDArray[np.float64], NDArray[np.int32]],
    rng: np.random.Generator,
    mass_range: tuple[float, float] = MASS_RANGE,
) -> ObjectModel:
    """An object of a shape: uniform, of a random density, friction and texture.

    Args:
        family, seed: its name.
        parts: convex parts that physics collides with, in any frame.
        surface: closed outer surface in that frame, vertices (n, 3) [m] and faces (m, 3).
        rng: for mass, friction and texture.
        mass_range: bounds of the mass [kg].
    """
    vertices, faces = surface
    volume, centroid, moments = volume_moments(vertices, faces)
    mass = float(np.clip(volume * rng.uniform(*DENSITY_RANGE), *mass_range))
    # Inertia from second moments: trace(C) 1 - C.
    inertia = mass / volume * (np.trace(moments) * np.eye(3) - moments)
    vertices = vertices - centroid
    for array in (vertices, faces, inertia):
        array.setflags(write=False)
    return ObjectModel(
        family=family,
        seed=seed,
        parts=tuple(part.placed(offset=-centroid) for part in parts),
        vertices=vertices,
        faces=faces,
        mass=mass,
        inertia=inertia,
        friction=float(rng.uniform(*OBJECT_FRICTION_RANGE)),
        texture_seed=int(rng.integers(2**31)),
    )
