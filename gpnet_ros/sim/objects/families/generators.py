"""The object families: each is a generator that draws its sizes from a random generator.

All sizes in metres; the frame is arbitrary, `make_object` moves it to the centre of mass. Objects are
4 to 17 cm long and made of at most 30 exact convex parts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gpnet_ros.sim.objects.families.blocks import BLOCKS
from gpnet_ros.sim.objects.families.food import FOOD
from gpnet_ros.sim.objects.families.household import HOUSEHOLD
from gpnet_ros.sim.objects.families.parts import PARTS
from gpnet_ros.sim.objects.families.tools import TOOLS
from gpnet_ros.sim.objects.shapes import Part

#: Family name to generator, in a fixed order: the order is part of what a heap's seed means.
GENERATORS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    **BLOCKS,
    **HOUSEHOLD,
    **FOOD,
    **TOOLS,
    **PARTS,
}
