"""Clearing a heap in fast simulation: look, decide, pick with the tool alone, until the round ends.

The arm is left out, everything else is the same code as on the robot: the frame is rendered with the D435's noise, the
network gives maps, and `pick.decide` chooses; for a cup the second network gives detections, and `decide_cup` chooses.
The oracle, the ceiling of all of them, sees exact depth, knows every true grasp and rehearses what it does; arm,
physics and rules are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.cup import CupSelect
from gpnet_ros.cup_pick import decide_cup
from gpnet_ros.detections import Detections
from gpnet_ros.fit import Memory
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.look_again import LOOKS, look_again
from gpnet_ros.maps import Maps
from gpnet_ros.pick import Decision, decide
from gpnet_ros.pose import Transform
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.render import View
from gpnet_ros.sim.clearing.injected import Errors
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.clearing.true_grasps import true_decision
from gpnet_ros.sim.hand.cup_hand import hand_of
from gpnet_ros.sim.hand.foresight import REHEARSALS
from gpnet_ros.sim.hand.hand import PickOutcome
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.relations import relations
from gpnet_ros.sim.labels.true_detections import true_detections
from gpnet_ros.strays import note_standing

#: A round ends after this many failures in a row, or after K + EXTRA_PICKS picks.
FAILURES_MAX, EXTRA_PICKS = 3, 5
#: Half side of the window around a grasp's pixel in which the object that it is meant for is looked up [px].
_AIM = 3
#: From a frame and the believed pose of its camera to its maps.
Perceive = Callable[[Frame, Transform], Maps]
#: From a frame, and a way to its true detections, to the detections of a second network.
TellObjects = Callable[[Frame, Callable[[], Detections]], Detections]
#: Why a round ended: the table looked empty, parts of it were not seen in so many looks, too many failures in a row, or
#: too many picks.
Ended = Literal["nothing_left", "not_seen", "three_failures", "max_picks"]


@dataclass(frozen=True, eq=False)
class CorePick:
    """One pick of a round on the core path.

    Attributes:
        decision: what was decided and why; `nothing_graspable` has no outcome.
        outcome: of the executed pick; None where nothing was executed.
        topmost: whether something came up, and all of it was topmost before the pick; see `topmost.layers`.
        target: index, of all objects of the round, of the one under the grasp's pixel; None where there is none,
            and of the oracle.
        target_topmost: whether that object was topmost.
        frame: on which was decided.
        maps: on which was decided, with the P of the network that made them; None of the oracle.
    """

    decision: Decision
    outcome: PickOutcome | None
    topmost: bool
    target: int | None
    target_topmost: bool
    frame: Frame
    maps: Maps | None

    @property
    def ok(self) -> bool:
        """Whether this pick brought an object into the tote."""
        return self.outcome is not None and self.outcome.status == "lifted"

    @property
    def fault(self) -> str | None:
        """The flaw that keeps the pick from being right, in a word; None if it is right."""
        if self.outcome is None:
            return "nothing_graspable"
        if not self.ok:
            return self.outcome.status
        if self.topmost:
            return None
        return "two_at_once" if len(self.outcome.removed) > 1 else "not_topmost"


@dataclass(frozen=True, eq=False)
class CoreRound:
    """A whole round on the core path, from a heap at rest to its end.

    Attributes:
        objects: K, at the start.
        picks: in order.
        removed: indices of objects in the tote.
        ended: why.
        strayed: how many objects lie on the table in the end, but outside of the workspace that is looked at.
    """

    objects: int
    picks: tuple[CorePick, ...]
    removed: tuple[int, ...]
    ended: Ended
    strayed: int = 0

    @property
    def cleared(self) -> bool:
        """Whether all objects are in the tote."""
        return len(self.removed) == self.objects

    @property
    def all_right(self) -> bool:
        """Whether all objects are in the tote, and every single pick took topmost ones (the paper's Table 3)."""
        return self.cleared and all(p.ok and p.topmost for p in self.picks)

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that went wrong, in order: flaws of picks, objects pushed out of reach, objects overlooked."""
        found: list[str] = []
        for pick in self.picks:
            found += [pick.fault] if pick.fault else []
            found += ["pushed_out"] * (0 if pick.outcome is None else len(pick.outcome.fallen))
        out = found.count("pushed_out") + self.strayed
        left = self.ended in ("nothing_left", "not_seen")
        overlooked = self.objects - len(self.removed) - out if left else 0
        return (*found, *["pushed_out"] * self.strayed, *["overlooked"] * overlooked)


@dataclass(frozen=True)
class RoundOptions:
    """Options of a round on the core path: its camera, its selection, and what is demanded of a pick.

    Attributes:
        plan_arm: also demand that the arm could do it safely, from its home pose.
        select: how candidates are selected; the oracle knows the truth and does not ask it.
        noise: whether the camera is noisy; the oracle sees exact depth.
        rehearsals: of the oracle, see `foresight.rehearsed`.
        errors: put into camera and gripper; who decides does not know them. The oracle has none.
        whole_picture: render all of the picture finely, not only what the network sees of it.
        objects: the second network, whose free objects come first; None leaves the turn to the maps' own P. For a cup
            it alone decides, and None plans from the truth.
        cup: how places for a cup are selected.
        exposures: of the camera for each look, merged (`merged_frame`).
    """

    plan_arm: bool = True
    select: SelectSettings = field(default_factory=SelectSettings)
    noise: bool = True
    rehearsals: int = REHEARSALS
    errors: Errors = field(default_factory=Errors)
    whole_picture: bool = False
    objects: TellObjects | None = None
    cup: CupSelect = field(default_factory=CupSelect)
    exposures: int = 1


def clear_heap(
    heap: Heap,
    seed: int,
    perceive: Perceive | None,
    cell: Cell,
    hand_eye: HandEye,
    options: RoundOptions | None = None,
) -> CoreRound:
    """Play one round: look, decide and pick until nothing is left or the round is lost.

    Args:
        heap: at rest.
        seed: of light, surfaces, noise and directions of errors.
        perceive: from frame to maps; None plans from the truth (the oracle). Not asked for a cup.
        cell: workspace, tote, tool and home pose.
        hand_eye: a fixed camera.
        options: how it is played; defaults if not given.
    """
    player = _Player(heap, seed, perceive, cell, hand_eye, options or RoundOptions())
    picks: list[CorePick] = []
    failures = 0
    ended: Ended = "nothing_left"
    while len(picks) < len(heap.objects) + EXTRA_PICKS and failures < FAILURES_MAX:
        sight = player.look()
        if sight.decision.status == "nothing_left":
            break
        if sight.decision.status == "not_seen":  # no pick; another exposure may show what is there
            failures += 1
            ended = "not_seen" if failures >= FAILURES_MAX else "nothing_left"
            continue
        picks.append(player.execute(sight))
        failures = 0 if picks[-1].ok else failures + 1
    else:
        if ended != "not_seen":
            ended = "three_failures" if failures >= FAILURES_MAX else "max_picks"
    removed = tuple(i for pick in picks if pick.ok and pick.outcome is not None for i in pick.outcome.removed)
    return CoreRound(len(heap.objects), tuple(picks), removed, ended, strayed(player.hand.heap, cell))


@dataclass(frozen=True, eq=False)
class _Sight:
    """One look: what is there, what is seen of it, and what is decided on it."""

    view: View
    frame: Frame
    maps: Maps | None
    decision: Decision


class _Player:
    """Camera, gripper and memory over one heap that is being cleared."""

    def __init__(
        self, heap: Heap, seed: int, perceive: Perceive | None, cell: Cell, hand_eye: HandEye, options: RoundOptions
    ) -> None:
        """Put the errors in; nothing is seen yet."""
        self._perceive, self._cell, self._options = perceive, cell, options
        self._errors = options.errors.drawn(seed)
        T_base_camera = hand_eye.T_base_camera()
        self._T_base_believed = T_base_camera @ self._errors.T_camera_believed
        workspace = None if options.whole_picture else cell.workspace
        self._camera = Look(heap, seed, T_base_camera, options.noise, workspace, options.exposures)
        self._q_start = np.array(cell.home) if options.plan_arm else None
        self._memory = Memory()
        self.hand = hand_of(cell, heap)

    def look(self) -> _Sight:
        """Look at what is left and decide, on another exposure where nothing is graspable; the oracle's are all one."""
        return look_again(lambda _: self._one_look(), lambda sight: sight.decision.status, 1 if self._knows else LOOKS)

    @property
    def _knows(self) -> bool:
        """Whether the truth decides (the oracle)."""
        return (self._options.objects if self._cell.tool == "suction" else self._perceive) is None

    def _one_look(self) -> _Sight:
        camera, cell, options, present = self._camera, self._cell, self._options, self.hand.heap
        if self._knows:
            view = camera.depth(present)
            told = (camera.T_base_camera, cell, self._q_start, self._memory, options.rehearsals)
            return _Sight(view, Frame(None, view.depth, D435_640x480), None, true_decision(view, present, *told))
        view = camera.view(present, list(self.hand.remaining))
        frame = self._errors.frame(camera.frame(view))
        seen: Detections | None = None
        if options.objects is not None:
            exact = view.depth if cell.tool == "suction" else None
            told_of = (present, view.ids, frame, camera.T_base_camera)
            seen = options.objects(frame, lambda: true_detections(*told_of, exact))
        believed = (self._T_base_believed, cell, self._q_start)
        if cell.tool == "suction":
            assert seen is not None
            place = decide_cup(frame, seen, *believed, memory=self._memory, select=options.cup)
            return _Sight(view, frame, None, place)
        assert self._perceive is not None
        maps = self._perceive(frame, self._T_base_believed)
        note_standing(self._memory, frame, self._T_base_believed, cell)
        decision = decide(frame, maps, *believed, memory=self._memory, select=options.select, detections=seen)
        return _Sight(view, frame, maps, decision)

    def execute(self, sight: _Sight) -> CorePick:
        """Carry a decision out, judge it and remember it; topmost is what the heap was before the pick."""
        decision, aimed = sight.decision, target_of(sight.decision, sight.view)
        remaining = list(self.hand.remaining)
        target = None if aimed is None else remaining[aimed]
        if decision.T_base_tcp is None or decision.opening is None:
            return CorePick(decision, None, False, target, False, sight.frame, sight.maps)
        top = relations(self.hand.heap).top_level
        outcome = self.hand.pick(decision.T_base_tcp @ self._errors.T_tcp_true, decision.opening)
        came_up = [remaining.index(i) for i in outcome.removed]
        topmost = bool(came_up) and bool(top[came_up].all())
        aimed_at_top = aimed is not None and bool(top[aimed])
        pick = CorePick(decision, outcome, topmost, target, aimed_at_top, sight.frame, sight.maps)
        if pick.ok:
            self._memory.forget()
        else:
            self._memory.remember(decision.T_base_tcp)
        return pick


def strayed(heap: Heap, cell: Cell) -> int:
    """Number of objects whose origin is outside of the workspace's square."""
    away = np.abs(heap.T_base_object[:, :2, 3] - cell.workspace.centre).max(axis=1, initial=0.0)
    return int((away > cell.workspace.side / 2).sum())


def target_of(decision: Decision, view: View) -> int | None:
    """Index, within the heap of the view, of the object that most pixels around the chosen one show."""
    chosen = decision.grasp or decision.cup
    if chosen is None:
        return None
    u, v = (round(x) for x in chosen.pixel)
    seen = view.ids[max(v - _AIM, 0) : v + _AIM + 1, max(u - _AIM, 0) : u + _AIM + 1]
    counts = np.bincount(seen[seen > 0])
    return int(counts.argmax()) - 1 if counts.size else None
