"""Detector and decision over the frames of a bag: one answer for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.cell_check import check_camera
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.errors import BadInput, BagRefused, FrameRefused
from gpnet_ros.evaluation.detection import choose_in_view
from gpnet_ros.evaluation.replay_testing.expectation import FrameAnswer, ReplaySetup
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Grasp, Rejected, SelectSettings
from gpnet_ros.maps import Grid, workspace_grid
from gpnet_ros.network.detector import Detector
from gpnet_ros.pick import decide
from gpnet_ros.pose import Transform, lift, to_xyz_quat
from gpnet_ros.region import counted_in_workspace


@dataclass(frozen=True, eq=False)
class ReplayedFrame:
    """A frame of a bag and what came of it; no frame where its messages could not be read."""

    answer: FrameAnswer
    frame: Frame | None = None


class BagJudge:
    """Detector, cell and hand-eye, ready to judge frames."""

    def __init__(self, setup: ReplaySetup, folder: Path) -> None:
        """Load model and files; paths are relative to folder.

        Raises:
            BadInput: a file cannot be used, or the camera is on the flange, whose pose no bag holds.
        """
        self.setup = setup
        self._select = SelectSettings(quality_min=setup.quality_min)
        self._cell: Cell = load_cell(_beside(folder, setup.cell_file) if setup.cell_file else None)
        self._hand_eye: HandEye | None = None
        if setup.hand_eye_file:
            self._hand_eye = load_hand_eye(_beside(folder, setup.hand_eye_file))
            if self._hand_eye.mount != "fixed":
                raise BadInput(
                    f"Hand-eye file {setup.hand_eye_file} is of a camera on the flange, and the bag does not say where "
                    "the arm was: leave the hand-eye out, then the grasp is judged in the camera's frame."
                )
        model = _beside(folder, setup.model)
        self._detector = Detector(
            model if model.is_dir() else setup.model, device="cpu", grid=self._grid if self._hand_eye else None
        )

    def _grid(self, frame: Frame) -> Grid:
        assert self._hand_eye is not None
        return workspace_grid(frame, self._hand_eye.T_base_camera(), self._cell.workspace)

    def answer(self, number: int, stamp: int, frame: Frame) -> FrameAnswer:
        """What detector and decision make of a frame with its number and stamp [ns].

        Raises:
            BagRefused: the bag is of another camera than the hand-eye's.
        """
        try:
            if self._hand_eye is None:
                frame.check()
                return self._in_view(number, stamp, frame)
            check_camera(frame, self._cell, self._hand_eye)
            T_base_camera = self._hand_eye.T_base_camera()
            counted_in_workspace(frame, T_base_camera, self._cell.workspace).check()
            return self._in_cell(number, stamp, frame, T_base_camera)
        except FrameRefused as error:
            return FrameAnswer(number, stamp, "refused", str(error))

    def _in_cell(self, number: int, stamp: int, frame: Frame, T_base_camera: Transform) -> FrameAnswer:
        maps = self._detector(frame)
        home = np.array(self._cell.home)
        decision = decide(frame, maps, T_base_camera, self._cell, home, select=self._select)
        lost = _reasons(decision.rejected)
        if decision.grasp is None or decision.T_base_grasp is None or decision.opening is None:
            return FrameAnswer(number, stamp, decision.status, rejected=lost)
        return _grasp_answer(
            number, stamp, decision.grasp, maps.grid.scale, decision.opening, "base", decision.T_base_grasp, lost
        )

    def _in_view(self, number: int, stamp: int, frame: Frame) -> FrameAnswer:
        maps = self._detector(frame)
        grasp, rejected = choose_in_view(maps, frame, self._select)
        if grasp is None or grasp.depth is None or grasp.width is None or frame.intrinsics is None:
            return FrameAnswer(number, stamp, "nothing_graspable", rejected=_reasons(rejected))
        T = lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics)
        return _grasp_answer(number, stamp, grasp, maps.grid.scale, grasp.width, frame.frame_id, T, _reasons(rejected))


def judge_bag(judge: BagJudge, bag: Path, numbers: Collection[int] | None = None) -> Iterator[ReplayedFrame]:
    """What comes of the frames of a bag with these numbers, all without.

    Raises:
        BagRefused: the bag cannot be used.
    """
    with Bag(bag) as opened:
        frames = BagFrames(opened, judge.setup.prefix or None, judge.setup.pair_within)
        for messages in frames.messages(numbers):
            try:
                frame = frames.frame(messages)
            except FrameRefused as error:
                yield ReplayedFrame(FrameAnswer(messages.number, messages.stamp, "refused", str(error)))
                continue
            try:
                yield ReplayedFrame(judge.answer(messages.number, messages.stamp, frame), frame)
            except BagRefused as error:
                raise BagRefused(f"Bag {bag}, frame {messages.number}: {error}") from error


def frame_count(bag: Path, setup: ReplaySetup) -> int:
    """How many frames a bag holds.

    Raises:
        BagRefused: the bag cannot be used.
    """
    with Bag(bag) as opened:
        frames = BagFrames(opened, setup.prefix or None, setup.pair_within)
        frames.require()
        return len(frames.pairs)


def camera_values(camera: Intrinsics | None) -> dict[str, float]:
    """A camera model as the expectation has it, rounded to 0.001 px; empty without one."""
    return {} if camera is None else {key: round(value, 3) for key, value in asdict(camera).items()}


def _grasp_answer(
    number: int, stamp: int, grasp: Grasp, scale: float, opening: float, name: str, T: Transform, lost: dict[str, int]
) -> FrameAnswer:
    position, quaternion = to_xyz_quat(T)
    return FrameAnswer(
        number=number,
        stamp=stamp,
        status="grasp",
        pixel=tuple(round(x, 2) for x in grasp.pixel),
        opening_px=round(grasp.width_px / scale, 2),
        angle_deg=round(grasp.angle_deg, 2),
        width_mm=round(opening * 1e3, 2),
        frame=name,
        position_mm=tuple(round(float(x) * 1e3, 2) for x in position),
        quaternion=tuple(round(float(x), 5) for x in quaternion),
        rejected=lost,
    )


def _reasons(rejected: Collection[Rejected]) -> dict[str, int]:
    return dict(sorted(Counter(r.reason for r in rejected).items()))


def _beside(folder: Path, name: str) -> Path:
    return folder / name  # an absolute name stays what it is
