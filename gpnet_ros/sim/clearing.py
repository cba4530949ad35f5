"""Clearing a heap in fast simulation: look, decide, pick with the gripper alone, until the round ends.

The arm is left out, everything else is the same code as on the robot: the frame is rendered with the
D435's noise, the network or the truth gives maps, and `pick.decide` chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.data.noise import DepthNoise, color_noise, d435_depth
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import TRUE_QUALITY_MIN, SelectSettings
from gpnet_ros.maps import WINDOW, Grid, Maps, encode_angle, encode_width, workspace_grid
from gpnet_ros.pick import Decision, Memory, decide
from gpnet_ros.pose import Transform
from gpnet_ros.sim.d435 import D435_640x480
from gpnet_ros.sim.hand import Hand, PickOutcome
from gpnet_ros.sim.heap import Heap
from gpnet_ros.sim.labels import grasp_labels
from gpnet_ros.sim.meshes import table_mesh
from gpnet_ros.sim.raycast import Mesh, RayScene
from gpnet_ros.sim.relations import relations
from gpnet_ros.sim.render import View, render
from gpnet_ros.sim.style import Style, random_object, random_style

#: A round ends after this many failures in a row, or after K + EXTRA_PICKS picks.
FAILURES_MAX, EXTRA_PICKS = 3, 5
#: From a frame to its maps; the network, or the truth in its place.
Perceive = Callable[[Frame], Maps]


@dataclass(frozen=True, eq=False)
class Pick:
    """One pick of a round.

    Attributes:
        decision: what was decided and why; `nothing_graspable` has no outcome.
        outcome: what came of it.
        topmost: whether the object that came up was top-level before the pick.
        frame, maps: on which was decided.
    """

    decision: Decision
    outcome: PickOutcome | None
    topmost: bool
    frame: Frame
    maps: Maps

    @property
    def ok(self) -> bool:
        """Whether an object is in the tote by this pick."""
        return self.outcome is not None and self.outcome.status == "lifted"


@dataclass(frozen=True, eq=False)
class Round:
    """A whole round: K objects at the start, the picks, and which objects are in the tote."""

    objects: int
    picks: tuple[Pick, ...]
    removed: tuple[int, ...]

    @property
    def cleared(self) -> bool:
        """All objects are in the tote."""
        return len(self.removed) == self.objects

    @property
    def all_right(self) -> bool:
        """All objects are in the tote, and every single pick took a top-level one (the paper's Table 3)."""
        return self.cleared and all(p.ok and p.topmost for p in self.picks)


class Look:
    """The camera over a heap whose objects keep their surfaces from look to look."""

    def __init__(self, heap: Heap, seed: int, T_base_camera: Transform, noise: bool = True) -> None:
        """Args: the whole heap, the seed of light, surfaces and noise, the camera, and whether it is noisy."""
        self._rng = np.random.default_rng([7, seed])
        self._style: Style = random_style(int(self._rng.integers(2**31)))
        self._surfaces = [random_object(int(self._rng.integers(2**31))) for _ in heap.objects]
        self._objects, self._noise, self.T_base_camera = heap.objects, noise, T_base_camera
        self._depth_noise = DepthNoise()  # as fitted to real frames; training varies it

    def view(self, heap: Heap, remaining: list[int]) -> View:
        """The true picture of what remains; ids are 1 + the index within `remaining`."""
        meshes = [table_mesh()]
        for k, i in enumerate(remaining):
            model = self._objects[i]
            meshes.append(Mesh(model.vertices, model.faces, k + 1, self._surfaces[i]))
        poses = [np.eye(4), *heap.T_base_object]
        return render(RayScene(meshes), poses, D435_640x480, self.T_base_camera, self._style, "fast", self._rng)

    def frame(self, view: View) -> Frame:
        """What the camera hands out of a view."""
        if not self._noise:
            return Frame(view.color, view.depth, D435_640x480)
        depth = d435_depth(view.depth, D435_640x480, self._depth_noise, self._rng, view.color)
        return Frame(color_noise(view.color, self._rng), depth, D435_640x480)


def true_maps(view: View, heap: Heap, grid: Grid, T_base_camera: Transform, cell: Cell) -> Maps:
    """What a perfect network would say: at each labelled grasp its score, angle and opening; P by layer.

    Each grasp fills the decoder's window around its pixel, so that decoding returns exactly this grasp.
    """
    camera = grid.intrinsics(D435_640x480)
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    pixels = np.round(grid.to_image(np.stack([columns, rows], axis=-1))).astype(int)
    u, v = pixels[..., 0].clip(0, D435_640x480.width - 1), pixels[..., 1].clip(0, D435_640x480.height - 1)
    depth, ids = view.depth[v, u], view.ids[v, u]
    meshes = [(o.vertices, o.faces) for o in heap.objects]
    square = cell.workspace
    fit = (cell.gripper, square.table_z, square.table_clearance)
    labels = grasp_labels(meshes, heap.T_base_object, depth, ids, camera, T_base_camera, *fit)
    # A top-level object without a grasp must not stop the round: the next layer comes after it.
    layer = relations(heap).layer
    maps = np.zeros((5, grid.height, grid.width), dtype=np.float32)
    points = camera.deproject(np.stack([columns, rows], axis=-1), depth) @ T_base_camera[:3, :3].T
    xy = (points + T_base_camera[:3, 3])[..., :2]
    for grasp in sorted(labels.grasps, key=lambda g: g.score * 0.5 ** layer[g.object]):
        away = np.where(ids == grasp.object + 1, np.linalg.norm(xy - grasp.T_base_tcp[:2, 3], axis=-1), np.inf)
        r, c = np.unravel_index(int(np.argmin(away)), away.shape)
        values = (*encode_angle(labels.angle[r, c]), encode_width(grasp.opening, depth[r, c], camera.fx))
        near = (np.abs(rows - r) <= WINDOW) & (np.abs(columns - c) <= WINDOW)
        bump = grasp.score * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * 3.0**2))
        maps[:, near] = np.stack([bump[near], *(np.full(near.sum(), x) for x in values), bump[near]])
        maps[4, near] = 0.5 ** layer[grasp.object]
    return Maps(maps[0], maps[1], maps[2], maps[3], maps[4], grid)


def clear_heap(
    heap: Heap,
    seed: int,
    perceive: Perceive | None,
    cell: Cell,
    hand_eye: HandEye,
    *,
    plan_arm: bool = True,
    select: SelectSettings | None = None,
    noise: bool = True,
) -> Round:
    """One round.

    Args:
        heap: at rest.
        seed: of light, surfaces and noise.
        perceive: from frame to maps; None plans from the truth (the oracle).
        cell: the cell.
        hand_eye: a fixed camera.
        plan_arm: also demand that the arm could do it safely, from its home pose.
        select: how candidates are selected.
        noise: of the camera.
    """
    T_base_camera = hand_eye.T_base_camera()
    look, hand, memory = Look(heap, seed, T_base_camera, noise), Hand(heap), Memory()
    picks: list[Pick] = []
    removed: list[int] = []
    failures = 0
    while len(picks) < len(heap.objects) + EXTRA_PICKS and failures < FAILURES_MAX:
        present, remaining = hand.heap, list(hand.remaining)
        view = look.view(present, remaining)
        frame = look.frame(view)
        maps = perceive(frame) if perceive else _oracle(view, present, frame, look, cell)
        q_start = np.array(cell.home) if plan_arm else None
        chosen_by = select if perceive else SelectSettings(quality_min=TRUE_QUALITY_MIN)
        decision = decide(frame, maps, T_base_camera, cell, q_start, memory=memory, select=chosen_by)
        if decision.status == "nothing_left":
            break
        pick = _execute(decision, hand, remaining, present, frame, maps)
        picks.append(pick)
        if pick.ok and pick.outcome is not None:
            removed.extend(pick.outcome.removed)
            memory.forget()
            failures = 0
        else:
            failures += 1
            if decision.T_base_tcp is not None:
                memory.remember(decision.T_base_tcp)
    return Round(len(heap.objects), tuple(picks), tuple(removed))


def _oracle(view: View, heap: Heap, frame: Frame, look: Look, cell: Cell) -> Maps:
    grid = workspace_grid(frame, look.T_base_camera, cell.workspace)
    return true_maps(view, heap, grid, look.T_base_camera, cell)


def _execute(decision: Decision, hand: Hand, remaining: list[int], present: Heap, frame: Frame, maps: Maps) -> Pick:
    """Carry a decision out and judge it; top-level is what the heap was before the pick."""
    if decision.T_base_tcp is None or decision.opening is None:
        return Pick(decision, None, False, frame, maps)
    top = relations(present).top_level
    outcome = hand.pick(decision.T_base_tcp, decision.opening)
    topmost = outcome.object is not None and bool(top[remaining.index(outcome.object)])
    return Pick(decision, outcome, topmost, frame, maps)
