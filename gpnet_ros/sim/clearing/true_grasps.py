"""What the truth knows of a heap that is being cleared: grasps, maps of a perfect network, the oracle's decision."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.errors import Unreachable, UnsafePlan
from gpnet_ros.fit import Memory
from gpnet_ros.frame import Frame
from gpnet_ros.height_map import height_map
from gpnet_ros.maps import WINDOW, Grid, Maps, encode_angle, encode_width, workspace_grid
from gpnet_ros.pick import Decision, safe_plan
from gpnet_ros.pose import Transform
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.render import View
from gpnet_ros.sim.clearing.true_cups import true_cups
from gpnet_ros.sim.hand.cup_hand import hand_of
from gpnet_ros.sim.hand.foresight import REHEARSALS, ranked, rehearsed
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.grasps import FRICTION, GraspLabels, LabelledGrasp, LabelSettings, grasp_labels
from gpnet_ros.sim.labels.relations import relations

#: What P is multiplied by for each layer above an object in the maps of a perfect network.
PRIORITY_BASE = 0.25  # so that a good grasp that must wait does not outrank a fair one whose turn it is
#: Friction with which the oracle looks for places to rehearse where labels know none: faces up to 72 degrees.
EDGE_FRICTION = 3.0


def true_labels(
    view: View, heap: Heap, grid: Grid, T_base_camera: Transform, cell: Cell, friction: float = FRICTION
) -> tuple[GraspLabels, NDArray[np.float32]]:
    """Labels of the pixels of the network's grid, and their exact depth (h, w) [m]."""
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    pixels = np.round(grid.to_image(np.stack([columns, rows], axis=-1))).astype(int)
    u, v = pixels[..., 0].clip(0, D435_640x480.width - 1), pixels[..., 1].clip(0, D435_640x480.height - 1)
    depth, ids = view.depth[v, u], view.ids[v, u]
    solids = replace(Solids.of(heap), table_z=cell.workspace.table_z)
    settings = LabelSettings(cell.gripper, cell.workspace.table_clearance, friction=friction)
    return grasp_labels(solids, ExactView(depth, ids, grid.intrinsics(D435_640x480), T_base_camera), settings), depth


def perfect_maps(view: View, heap: Heap, grid: Grid, T_base_camera: Transform, cell: Cell) -> Maps:
    """The maps (h, w) of a perfect network: at each labelled grasp its score, angle and opening; P by layer.

    Each grasp fills the decoder's window around its pixel, so that decoding returns exactly this grasp.
    """
    labels, depth = true_labels(view, heap, grid, T_base_camera, cell)
    camera, ids = grid.intrinsics(D435_640x480), labels.ids
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    # A topmost object without a grasp must not stop the round: those of the next layer come after it.
    layer = relations(heap).layer
    maps = np.zeros((5, grid.height, grid.width), dtype=np.float32)
    points = camera.deproject(np.stack([columns, rows], axis=-1), depth) @ T_base_camera[:3, :3].T
    xy = (points + T_base_camera[:3, 3])[..., :2]
    for grasp in reversed(ranked(labels.grasps, layer)):  # where windows overlap, the better one stays
        away = np.where(ids == grasp.object + 1, np.linalg.norm(xy - grasp.T_base_tcp[:2, 3], axis=-1), np.inf)
        r, c = np.unravel_index(int(np.argmin(away)), away.shape)
        values = (*encode_angle(labels.angle[r, c]), encode_width(grasp.opening, depth[r, c], camera.fx))
        near = (np.abs(rows - r) <= WINDOW) & (np.abs(columns - c) <= WINDOW)
        bump = grasp.score * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * 3.0**2))
        maps[:, near] = np.stack([bump[near], *(np.full(near.sum(), x) for x in values), bump[near]])
        maps[4, near] = PRIORITY_BASE ** layer[grasp.object]
    return Maps(maps[0], maps[1], maps[2], maps[3], maps[4], grid)


def true_decision(
    view: View,
    heap: Heap,
    T_base_camera: Transform,
    cell: Cell,
    q_start: ArrayLike | None,
    memory: Memory,
    rehearsals: int = REHEARSALS,
) -> Decision:
    """Decide as the oracle does: the best true grasp for the cell's tool that did not fail and that the arm can do.

    Args:
        view: exact picture of the heap; ids are 1 + the index of an object.
        heap: objects that are left, at rest.
        T_base_camera: (4, 4), the camera.
        cell: workspace, tool and furniture.
        q_start: joint angles (6,) [rad] from which the arm starts; None demands no plan of the arm.
        memory: grasps that failed since something was taken.
        rehearsals: see `foresight.rehearsed`.
    """
    if not heap.objects:
        return Decision("nothing_left")
    frame = Frame(None, view.depth, D435_640x480)
    heights = height_map(frame, T_base_camera, cell)
    layer = relations(heap).layer
    if cell.tool == "suction":
        grasps = true_cups(view, heap, T_base_camera, cell)
    else:
        grid = workspace_grid(frame, T_base_camera, cell.workspace)
        grasps = _known_grasps(view, heap, grid, T_base_camera, cell, layer, rehearsals > 0)
    left = [grasp for grasp in grasps if not memory.knows(grasp.T_base_tcp)]
    while left:
        grasp = rehearsed(heap, left, layer, rehearsals, partial(hand_of, cell))
        assert grasp is not None
        T_base_grasp = grasp.T_base_tcp.copy()
        T_base_grasp[2, 3] = grasp.surface
        try:
            plan = None if q_start is None else safe_plan(grasp.T_base_tcp, grasp.opening, q_start, cell, heights)
            return Decision("grasp", (), None, T_base_grasp, grasp.T_base_tcp, grasp.opening, plan)
        except (Unreachable, UnsafePlan):
            left.remove(grasp)
    return Decision("nothing_graspable")


def _known_grasps(
    view: View,
    heap: Heap,
    grid: Grid,
    T_base_camera: Transform,
    cell: Cell,
    layer: NDArray[np.integer],
    rehearsing: bool,
) -> list[LabelledGrasp]:
    """All labelled grasps; with rehearsal, for topmost objects without one, places where the jaw finds room, too.

    What leans at 45 degrees has no faces for a vertical jaw, yet pads that close on its edges often turn it and
    hold it. Labels do not vouch for that; a rehearsal does.
    """
    known = list(true_labels(view, heap, grid, T_base_camera, cell)[0].grasps)
    lacking = set(np.flatnonzero(layer == 0).tolist()) - {grasp.object for grasp in known}
    if rehearsing and lacking:
        anywhere, _ = true_labels(view, heap, grid, T_base_camera, cell, EDGE_FRICTION)
        known += [grasp for grasp in anywhere.grasps if grasp.object in lacking]
    return known
