"""Clearing a heap in fast simulation: look, decide, pick with the gripper alone, until the round ends.

The arm is left out, everything else is the same code as on the robot: the frame is rendered with the
D435's noise, the network gives maps, and `pick.decide` chooses. The oracle, the ceiling of all of them, sees exact
depth, knows every true grasp and rehearses what it does; arm, physics and rules are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.clearance import height_map
from gpnet_ros.data.noise import DepthNoise, color_noise, d435_depth
from gpnet_ros.errors import Unreachable, UnsafePlan
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import WINDOW, Grid, Maps, encode_angle, encode_width, workspace_grid
from gpnet_ros.pick import Decision, Memory, decide, safe_plan
from gpnet_ros.pose import Transform
from gpnet_ros.sim.d435 import D435_640x480
from gpnet_ros.sim.foresight import REHEARSALS, ranked, rehearsed, turns
from gpnet_ros.sim.hand import Hand, PickOutcome
from gpnet_ros.sim.heap import Heap
from gpnet_ros.sim.labels import FRICTION, GraspLabels, LabelledGrasp, grasp_labels
from gpnet_ros.sim.looks.style import Style, random_object, random_style
from gpnet_ros.sim.meshes import table_mesh
from gpnet_ros.sim.raycast import Mesh, RayScene
from gpnet_ros.sim.relations import relations
from gpnet_ros.sim.render import View, render

#: A round ends after this many failures in a row, or after K + EXTRA_PICKS picks.
FAILURES_MAX, EXTRA_PICKS = 3, 5
#: What P is multiplied by for each turn that an object has to wait in the maps of a perfect network.
PRIORITY_BASE = 0.25  # so that a good grasp that must wait does not outrank a fair one whose turn it is
#: Friction with which the oracle looks for places to rehearse where labels know none: faces up to 72 degrees.
EDGE_FRICTION = 3.0
#: From a frame to its maps.
Perceive = Callable[[Frame], Maps]


@dataclass(frozen=True, eq=False)
class Pick:
    """One pick of a round.

    Attributes:
        decision: what was decided and why; `nothing_graspable` has no outcome.
        outcome: what came of it.
        topmost: whether something came up, and all of it was topmost before the pick, as of `foresight.turns`.
        frame: on which was decided.
        maps: on which was decided; None of the oracle.
    """

    decision: Decision
    outcome: PickOutcome | None
    topmost: bool
    frame: Frame
    maps: Maps | None

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
        """All objects are in the tote, and every single pick took topmost ones (the paper's Table 3)."""
        return self.cleared and all(p.ok and p.topmost for p in self.picks)


class Look:
    """The camera over a heap whose objects keep their surfaces from look to look."""

    def __init__(self, heap: Heap, seed: int, T_base_camera: Transform, noise: bool = True) -> None:
        """Args: the whole heap, the seed of light, surfaces and noise, the camera, and whether it is noisy."""
        self._rng = np.random.default_rng([7, seed])
        self._style: Style = random_style(int(self._rng.integers(2**31)))
        self._surfaces = [random_object(int(self._rng.integers(2**31)), model.family) for model in heap.objects]
        self._objects, self._noise, self.T_base_camera = heap.objects, noise, T_base_camera
        self._depth_noise = DepthNoise()  # as fitted to real frames; training varies it

    def depth(self, heap: Heap) -> View:
        """Exact depth and ids, without colour: a tenth of the time of `view`."""
        meshes = [table_mesh(), *(Mesh(o.vertices, o.faces, k + 1) for k, o in enumerate(heap.objects))]
        placed = RayScene(meshes).place([np.eye(4), *heap.T_base_object])
        depth, ids = placed.depth(D435_640x480, self.T_base_camera)
        return View(np.zeros((*depth.shape, 3), dtype=np.uint8), depth, ids)

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


def true_labels(
    view: View, heap: Heap, grid: Grid, T_base_camera: Transform, cell: Cell, friction: float = FRICTION
) -> tuple[GraspLabels, NDArray[np.float32]]:
    """Labels of the pixels of the network's grid, and their exact depth (h, w) [m]."""
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    pixels = np.round(grid.to_image(np.stack([columns, rows], axis=-1))).astype(int)
    u, v = pixels[..., 0].clip(0, D435_640x480.width - 1), pixels[..., 1].clip(0, D435_640x480.height - 1)
    depth, ids = view.depth[v, u], view.ids[v, u]
    meshes = [(o.vertices, o.faces) for o in heap.objects]
    fit = (cell.gripper, cell.workspace.table_z, cell.workspace.table_clearance)
    camera = grid.intrinsics(D435_640x480)
    seen = (depth, ids, camera, T_base_camera)
    return grasp_labels(meshes, heap.T_base_object, *seen, *fit, friction=friction), depth


def true_maps(view: View, heap: Heap, grid: Grid, T_base_camera: Transform, cell: Cell) -> Maps:
    """What a perfect network would say: at each labelled grasp its score, angle and opening; P by layer.

    Each grasp fills the decoder's window around its pixel, so that decoding returns exactly this grasp.
    """
    labels, depth = true_labels(view, heap, grid, T_base_camera, cell)
    camera, ids = grid.intrinsics(D435_640x480), labels.ids
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    # A topmost object without a grasp must not stop the round: those whose turn is next come after it.
    turn = turns(relations(heap).before)
    maps = np.zeros((5, grid.height, grid.width), dtype=np.float32)
    points = camera.deproject(np.stack([columns, rows], axis=-1), depth) @ T_base_camera[:3, :3].T
    xy = (points + T_base_camera[:3, 3])[..., :2]
    for grasp in reversed(ranked(labels.grasps, turn)):  # where windows overlap, the better one stays
        away = np.where(ids == grasp.object + 1, np.linalg.norm(xy - grasp.T_base_tcp[:2, 3], axis=-1), np.inf)
        r, c = np.unravel_index(int(np.argmin(away)), away.shape)
        values = (*encode_angle(labels.angle[r, c]), encode_width(grasp.opening, depth[r, c], camera.fx))
        near = (np.abs(rows - r) <= WINDOW) & (np.abs(columns - c) <= WINDOW)
        bump = grasp.score * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * 3.0**2))
        maps[:, near] = np.stack([bump[near], *(np.full(near.sum(), x) for x in values), bump[near]])
        maps[4, near] = PRIORITY_BASE ** turn[grasp.object]
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
    rehearsals: int = REHEARSALS,
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
        noise: of the camera; the oracle sees exact depth.
        rehearsals: of the oracle, see `foresight.rehearsed`.
    """
    T_base_camera = hand_eye.T_base_camera()
    look, hand, memory = Look(heap, seed, T_base_camera, noise), Hand(heap), Memory()
    q_start = np.array(cell.home) if plan_arm else None
    picks: list[Pick] = []
    removed: list[int] = []
    failures = 0
    while len(picks) < len(heap.objects) + EXTRA_PICKS and failures < FAILURES_MAX:
        present, remaining = hand.heap, list(hand.remaining)
        maps = None
        if perceive is None:
            view = look.depth(present)
            frame = Frame(None, view.depth, D435_640x480)
            decision = true_decision(view, present, T_base_camera, cell, q_start, memory, rehearsals)
        else:
            frame = look.frame(look.view(present, remaining))
            maps = perceive(frame)
            decision = decide(frame, maps, T_base_camera, cell, q_start, memory=memory, select=select)
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


def true_decision(
    view: View,
    heap: Heap,
    T_base_camera: Transform,
    cell: Cell,
    q_start: ArrayLike | None,
    memory: Memory,
    rehearsals: int = REHEARSALS,
) -> Decision:
    """What the oracle does: the best true grasp that did not fail before and that the arm can do safely."""
    if not heap.objects:
        return Decision("nothing_left")
    frame = Frame(None, view.depth, D435_640x480)
    heights = height_map(frame, T_base_camera, cell)
    turn = turns(relations(heap).before)
    grid = workspace_grid(frame, T_base_camera, cell.workspace)
    grasps = _known_grasps(view, heap, grid, T_base_camera, cell, turn, rehearsals > 0)
    left = [grasp for grasp in grasps if not memory.knows(grasp.T_base_tcp)]
    while left:
        grasp = rehearsed(heap, left, turn, rehearsals)
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
    turn: NDArray[np.integer],
    rehearsing: bool,
) -> list[LabelledGrasp]:
    """All labelled grasps; with rehearsal, for topmost objects without one, places where the jaw finds room, too.

    What leans at 45 degrees has no faces for a vertical jaw, yet pads that close on its edges often turn it and
    hold it. Labels do not vouch for that; a rehearsal does.
    """
    known = list(true_labels(view, heap, grid, T_base_camera, cell)[0].grasps)
    lacking = set(np.flatnonzero(turn == 0).tolist()) - {grasp.object for grasp in known}
    if rehearsing and lacking:
        anywhere, _ = true_labels(view, heap, grid, T_base_camera, cell, EDGE_FRICTION)
        known += [grasp for grasp in anywhere.grasps if grasp.object in lacking]
    return known


def _execute(
    decision: Decision, hand: Hand, remaining: list[int], present: Heap, frame: Frame, maps: Maps | None
) -> Pick:
    """Carry a decision out and judge it; topmost is what the heap was before the pick."""
    if decision.T_base_tcp is None or decision.opening is None:
        return Pick(decision, None, False, frame, maps)
    turn = turns(relations(present).before)
    outcome = hand.pick(decision.T_base_tcp, decision.opening)
    came_up = [remaining.index(i) for i in outcome.removed]
    return Pick(decision, outcome, bool(came_up) and not turn[came_up].any(), frame, maps)
