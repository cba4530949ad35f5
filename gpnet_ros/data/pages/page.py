"""One page of a picture of any data set: what it shows and everything that is known of it, nothing else.

What the data set does not have gets no panel. Pixels without depth are hatched, for unknown is not far away.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.dataset import LAYER_FACTOR
from gpnet_ros.data.pages.object_panels import draw_ids, draw_shapes, has_shapes, outline, pale
from gpnet_ros.data.pages.relation_graph import draw_relations
from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.overlay import base_image
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.rectangle_metric import iou

#: The two kinds of edges must be told apart at a glance, on any picture and by any eye.
OPENING_COLOR, PAD_COLOR, NEGATIVE_COLOR = "#00e5ff", "#ff7f0e", "#ff2020"
_PER_OBJECT = 6  # rectangles drawn; a page of hundreds shows nothing
_WITHOUT_OBJECTS = 30
_COLUMNS = 4

Draw = Callable[[Any], None]
#: Left, top, width and height [px] of the part of a picture that is shown.
Window = tuple[float, float, float, float]


def save_page(path: Path, sample: Sample, note: str = "") -> tuple[str, ...]:
    """Write the page of a sample; the ending of `path` chooses the format.

    Returns:
        The titles of the panels.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    panels = panels_of(sample)
    height, width = sample.frame.shape
    rows = -(-len(panels) // _COLUMNS)
    columns = min(len(panels), _COLUMNS)
    size = (4.4 * columns, (3.8 * min(max(height / width, 0.6), 1.5) + 0.4) * rows + 0.5)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_visible(False)
    window = window_of(sample)
    for axis, (title, draw) in zip(axes.flat, panels, strict=False):
        axis.set_visible(True)
        axis.set_title(title, fontsize=10)
        draw(axis)
        if title.startswith(("colour", "depth")):
            _frame(axis, window)
        elif not title.startswith("relations"):
            _zoom(axis, window)
    scene = "" if sample.scene == sample.name else f"   scene {sample.scene}"
    figure.suptitle(f"{sample.name}{scene}   {width}x{height}{note}")
    try:
        figure.savefig(path, dpi=80)
    finally:
        plt.close(figure)
    return tuple(title for title, _ in panels)


def panels_of(sample: Sample) -> list[tuple[str, Draw]]:
    """Title and drawing of each panel that the sample has something for."""
    frame, objects, image = sample.frame, sample.objects, base_image(sample.frame)
    panels: list[tuple[str, Draw]] = []
    if frame.color is not None:
        panels.append(("colour", lambda axis: axis.imshow(frame.color)))
    if frame.depth is not None:
        known = float(np.isfinite(frame.depth).mean())
        depth = frame.depth
        panels.append((f"depth [m], unknown hatched ({1 - known:.1%})", lambda axis: _depth(axis, depth)))
    if sample.ids is not None:
        ids = sample.ids
        more = "" if objects is None or objects.top_level is None else ", top-level outlined white"
        panels.append((f"objects{more}", lambda axis: draw_ids(axis, ids, objects)))
    if objects is not None and objects.covered_by is not None:
        panels.append(("relations: an arrow is 'lies on'", lambda axis: draw_relations(axis, objects)))
    if sample.grasps is not None:
        panels += _dense(sample, sample.grasps)
    if sample.ids is not None and objects is not None and objects.top_level is not None:
        priority = priority_of(sample.ids, objects)
        panels.append(("priority P", lambda axis: _map(axis, priority, "magma", (0, 1), sample)))
    if sample.rectangles is not None:
        panels.append(_rectangles(image, sample.rectangles, "rectangles", OPENING_COLOR))
    if sample.negatives is not None:
        panels.append(_rectangles(image, sample.negatives, "no grasps", NEGATIVE_COLOR))
    if sample.suction is not None:
        suction = sample.suction
        panels.append(("suction quality", lambda axis: _map(axis, suction, "magma", (0, 1), sample)))
    if objects is not None and has_shapes(objects):
        panels.append(("boxes, whole outlines, centres of mass", lambda axis: draw_shapes(axis, image, objects)))
    return panels


def priority_of(ids: NDArray[np.int32], objects: Objects) -> NDArray[np.float32]:
    """Target of P (H, W): 1 on top-level objects; on the layers below 1/2, 1/4, ..., or 0 if layers are not known."""
    if objects.layer is not None:
        values = LAYER_FACTOR ** objects.layer.astype(np.float64)
    else:
        assert objects.top_level is not None
        values = objects.top_level.astype(np.float64)
    by_id = np.zeros(int(max(ids.max(initial=0), objects.ids.max(initial=0))) + 1, dtype=np.float32)
    by_id[objects.ids] = values
    return np.asarray(by_id[ids])


def page_rows(rectangles: Rectangles) -> NDArray[np.int64]:
    """Rows (k,) of the rectangles that a page draws: the best of each object that hardly overlap.

    Where the objects are not known, some that are spread over all.
    """
    order = np.arange(len(rectangles))
    if rectangles.score is not None:
        order = np.argsort(-rectangles.score, kind="stable")
    if rectangles.object_id is None:
        return order[np.unique(np.linspace(0, len(order) - 1, min(len(order), _WITHOUT_OBJECTS)).astype(np.int64))]
    kept: list[int] = []
    for number in np.unique(rectangles.object_id):
        mine: list[int] = []
        for row in order[rectangles.object_id[order] == number][:200]:
            here = rectangles.take(np.array([row]))
            if (
                len(mine) < _PER_OBJECT
                and not (iou(here, rectangles.take(np.array(mine, dtype=np.int64))) > 0.15).any()
            ):
                mine.append(int(row))
        kept += mine
    return np.array(kept, dtype=np.int64)


def draw_rectangles(axis: Any, rectangles: Rectangles, color: str = OPENING_COLOR) -> None:
    """Openings as thin lines in `color`, pads as thick ones in `PAD_COLOR`."""
    from matplotlib.collections import LineCollection

    corners = rectangles.corners()
    openings = np.concatenate([corners[:, [0, 1]], corners[:, [3, 2]]])
    pads = np.concatenate([corners[:, [1, 2]], corners[:, [0, 3]]])
    axis.add_collection(LineCollection(list(openings), colors=color, linewidths=1.0))
    axis.add_collection(LineCollection(list(pads), colors="black", linewidths=3.6))
    axis.add_collection(LineCollection(list(pads), colors=PAD_COLOR, linewidths=2.4))


def _depth(axis: Any, depth: NDArray[np.float32]) -> None:
    known = np.isfinite(depth)
    axis.set_facecolor("0.8")
    _hatch(axis)
    if known.any():
        low, high = np.percentile(depth[known], [1, 99])
        picture = axis.imshow(depth, cmap="viridis_r", vmin=float(low), vmax=float(max(high, low + 1e-4)))
        axis.figure.colorbar(picture, ax=axis, shrink=0.8)
    else:
        axis.imshow(np.full(depth.shape, np.nan), cmap="viridis_r", vmin=0, vmax=1)


def _dense(sample: Sample, grasps: DenseGrasps) -> list[tuple[str, Draw]]:
    found = grasps.quality > 0
    angle = np.where(found, np.degrees(grasps.angle), np.nan)
    opening = np.where(found, grasps.opening * 1e3, np.nan)
    return [
        ("quality Q", lambda axis: _map(axis, grasps.quality, "magma", (0, 1), sample)),
        ("angle of the opening [deg]", lambda axis: _map(axis, angle, "hsv", (-90, 90), sample)),
        ("opening W [mm]", lambda axis: _map(axis, opening, "viridis", (0, 85), sample)),
    ]


def _map(axis: Any, values: NDArray[np.floating], colors: str, limits: tuple[float, float], sample: Sample) -> None:
    """A map of whatever resolution over the whole picture, with the outlines of the objects."""
    height, width = sample.frame.shape
    axis.set_facecolor("0.15")
    box = (-0.5, width - 0.5, height - 0.5, -0.5)
    picture = axis.imshow(values, cmap=colors, vmin=limits[0], vmax=limits[1], extent=box, interpolation="nearest")
    axis.figure.colorbar(picture, ax=axis, shrink=0.8)
    if sample.ids is not None:
        for number in np.unique(sample.ids[sample.ids > 0]):
            outline(axis, sample.ids == number, "0.6", 0.6)


def _rectangles(image: NDArray[np.uint8], rectangles: Rectangles, name: str, color: str) -> tuple[str, Draw]:
    rows = page_rows(rectangles)
    count = f"{len(rectangles)}" if len(rows) == len(rectangles) else f"{len(rows)} of {len(rectangles)}"

    def draw(axis: Any) -> None:
        axis.imshow(pale(image))
        draw_rectangles(axis, rectangles.take(rows), color)

    return f"{name}: {count} (thin: opening, thick: pads)", draw


def window_of(sample: Sample) -> Window:
    """The square part of the picture that holds objects and grasps with a margin; the whole where nothing is known."""
    height, width = sample.frame.shape
    points = [r.corners().reshape(-1, 2) for r in (sample.rectangles, sample.negatives) if r is not None]
    if sample.ids is not None:
        points.append(np.argwhere(sample.ids > 0)[:, ::-1].astype(np.float64))
    every = np.concatenate([np.empty((0, 2)), *points])
    if len(every) == 0:
        return 0.0, 0.0, float(width), float(height)
    low, high = np.clip(every.min(axis=0), 0, [width, height]), np.clip(every.max(axis=0), 0, [width, height])
    side = max(1.15 * float((high - low).max()), max(height, width) / 5)
    left, top = np.clip((low + high) / 2 - side / 2, 0, np.maximum([width - side, height - side], 0))
    return float(left), float(top), min(side, float(width)), min(side, float(height))


def _zoom(axis: Any, window: Window) -> None:
    left, top, width, height = window
    axis.set_xlim(left - 0.5, left + width - 0.5)
    axis.set_ylim(top + height - 0.5, top - 0.5)


def _frame(axis: Any, window: Window) -> None:
    """Where in the whole picture the other panels look."""
    from matplotlib.patches import Rectangle

    left, top, width, height = window
    axis.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, ec="white", ls="--", lw=0.8))


def _hatch(axis: Any) -> None:
    from matplotlib.patches import Rectangle

    whole = Rectangle((0, 0), 1, 1, transform=axis.transAxes, zorder=-1, facecolor="0.8", edgecolor="0.6", hatch="////")
    axis.add_patch(whole)
