"""`gpnet bench clearing --path core`: whole rounds with the gripper alone, on all cores."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.cup import CupGrasp, CupSelect
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.play_rounds import RoundJob, play_rounds
from gpnet_ros.evaluation.closed_loop.players import Policy, played_code
from gpnet_ros.evaluation.closed_loop.rows import PickRow, RoundRow
from gpnet_ros.evaluation.second_network import ObjectTeller
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import Grid, Maps, prioritise, workspace_grid
from gpnet_ros.pose import Transform

if TYPE_CHECKING:
    from gpnet_ros.sim.clearing.rounds import CorePick

#: What a row tells of a grasp by the jaw, and by the cup.
_TOLD = ("score", "quality", "priority", "width", "depth")
_TOLD_OF_CUP = ("score", "suction", "arm", "unevenness", "depth", "rises")


def core_code() -> str:
    """Sum of all that decides a round of the core path beside its policy, see `played_code`."""
    return played_code(["gpnet_ros.evaluation.closed_loop.core"], ["cell", "hand_eye"])


def clear_heaps(
    heaps: Sequence[HeapName],
    policy: Policy,
    log: Path | None = None,
    resume: bool = True,
    workers: int = 0,
) -> list[RoundRow]:
    """One round per heap, in their order.

    Args:
        heaps: what to clear.
        policy: who picks.
        log: file of rows to which each round is appended.
        resume: rounds that the log has are not played again.
        workers: processes; 0 for one per core.

    Raises:
        BadInput: no such model or heap, or a log of another policy or of other code.
    """
    return play_rounds(core_round, heaps, policy, core_code(), log, resume, workers)


def core_round(job: RoundJob) -> RoundRow:
    """Play one round, which `clear_heaps` gives to a worker."""
    from gpnet_ros.sim.clearing.rounds import RoundOptions, clear_heap

    name, policy, by = job
    began = time.perf_counter()
    perceive = None if policy.is_oracle else Perception.of(policy.model, policy.priority, policy.scene_model)
    try:
        heap, seed = name.load()
    except BadInput as error:  # this seed's heap does not come to rest; the ros path cannot show it either
        if name.number is not None:
            raise
        return RoundRow(
            name.label, name.seed, name.objects, by, (), False, False, str(error), True, 0.0, faults=(), picks=()
        )
    options = RoundOptions(
        select=SelectSettings(quality_min=policy.min_quality),
        cup=CupSelect(quality_min=policy.min_quality),
        errors=policy.errors,
        objects=None if perceive is None else perceive.objects,
        exposures=policy.exposures,
    )
    done = clear_heap(heap, seed, perceive, policy.cell, load_hand_eye(), options)
    return RoundRow(
        heap=name.label,
        seed=seed,
        objects=name.objects,
        by=by,
        removed=tuple(int(i) for i in done.removed),
        cleared=done.cleared,
        all_right=done.all_right,
        ended=done.ended,
        failed=False,
        seconds=round(time.perf_counter() - began, 2),
        faults=done.faults,
        picks=tuple(_pick_row(pick) for pick in done.picks),
    )


def _pick_row(pick: CorePick) -> PickRow:
    decision, outcome = pick.decision, pick.outcome
    grasp = decision.grasp or decision.cup
    details: dict[str, Any] = {
        "target": pick.target,
        "target_topmost": pick.target_topmost if pick.target is not None else None,
        "rejected": dict(Counter(r.reason for r in decision.rejected)),
    }
    if grasp is not None:
        details |= {"pixel": [round(x, 1) for x in grasp.pixel], "angle_deg": round(grasp.angle_deg, 1)}
        told = _TOLD_OF_CUP if isinstance(grasp, CupGrasp) else _TOLD
        details |= {k: round(float(getattr(grasp, k)), 4) for k in told}
    if outcome is not None and decision.opening is not None:
        moved = outcome.moved[np.isfinite(outcome.moved)]
        details |= {
            "opening": round(decision.opening, 4),
            "insertion": round(decision.insertion, 4),
            "removed": [int(i) for i in outcome.removed],
            "fallen": [int(i) for i in outcome.fallen],
            "moved_max": round(float(moved.max(initial=0.0)), 4),
            "force_peak_n": round(outcome.force_peak, 1),
        }
    return PickRow(outcome is not None, pick.ok, pick.topmost, pick.fault, details)


class Perception:
    """The networks that look at the workspace of the cell, with the priority that was asked for.

    Attributes:
        objects: the second network; None where the priority does not ask it.
    """

    def __init__(self, model: str | None, priority: str, scene_model: str | None = None) -> None:
        """Load the models.

        Args:
            model: name in models/ or path of a model folder; None for a cup, which needs no maps.
            priority: one of `free_objects.PRIORITIES`.
            scene_model: see `second_network.second_model`.

        Raises:
            ModelRefused: see `network.checkpoint.load`.
        """
        import cv2
        import torch

        from gpnet_ros.network.detector import Detector

        torch.set_num_threads(1)  # one process per core is faster than one network on all of them
        cv2.setNumThreads(1)
        self._priority, self._square = priority, load_cell().workspace
        self._T_base_camera = load_hand_eye().T_base_camera()
        self._detector = None if model is None else Detector(model, device="cpu", grid=self._grid)
        self.objects = None if scene_model is None else ObjectTeller(scene_model, self._grid)

    def _grid(self, frame: Frame) -> Grid:
        return workspace_grid(frame, self._T_base_camera, self._square)

    @staticmethod
    @lru_cache(maxsize=1)
    def of(model: str | None, priority: str, scene_model: str | None) -> Perception:
        """The one that this process has loaded already, or a new one."""
        return Perception(model, priority, scene_model)

    def __call__(self, frame: Frame, T_base_camera: Transform) -> Maps:
        """The maps of a frame whose camera is believed to be at a pose."""
        assert self._detector is not None
        self._T_base_camera = T_base_camera
        return prioritise(self._detector(frame), frame, self._priority, T_base_camera)
