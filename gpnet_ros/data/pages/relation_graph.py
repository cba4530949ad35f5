"""The relation graph of a picture: what may be taken first stands above, an arrow points to what an object lies on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Objects
from gpnet_ros.topmost import layers

TOP_COLOR = "#2ca02c"


def draw_relations(axis: Any, objects: Objects) -> None:
    """One node per object, rows by layer, top-level objects ringed in green."""
    assert objects.covered_by is not None
    assert objects.top_level is not None
    places = node_places(objects)
    axis.set_box_aspect(1)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    for below, above in np.argwhere(objects.covered_by):
        axis.annotate(
            "",
            xy=places[below],
            xytext=places[above],
            arrowprops={"arrowstyle": "-|>", "color": "0.35", "shrinkA": 11, "shrinkB": 11, "lw": 1.2},
        )
    for row, (x, y) in enumerate(places):
        name = "" if objects.category is None else f"\n{objects.category[row]}"
        ring = TOP_COLOR if objects.top_level[row] else "0.5"
        if objects.graspable is not None and not objects.graspable[row]:
            name += "\n(no grasp)"
        axis.plot(x, y, "o", markersize=17, markerfacecolor="white", markeredgecolor=ring, markeredgewidth=2.5)
        axis.text(x, y, str(int(objects.ids[row])), ha="center", va="center", fontsize=9)
        axis.text(x, y - 0.045, name, ha="center", va="top", fontsize=6.5)


def node_places(objects: Objects) -> NDArray[np.float64]:
    """(n, 2) in the unit square; layer 0 on top, objects of a layer side by side."""
    assert objects.covered_by is not None
    layer = layers(objects.covered_by)
    distinct = np.unique(layer)
    places = np.empty((len(layer), 2))
    for rank, level in enumerate(distinct):
        rows = np.flatnonzero(layer == level)
        # Every other row is shifted a little: an arrow over two rows must not run through a node between them.
        places[rows, 0] = (np.arange(len(rows)) + 0.5 + 0.12 * (rank % 2)) / (len(rows) + 0.12)
        places[rows, 1] = 0.9 - 0.75 * rank / max(len(distinct) - 1, 1)
    return places
