"""The networks that look at a cell, behind one call: maps of grasps, objects, or both; of nodes and of `gpnet run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpnet_ros.cell import HandEye
from gpnet_ros.detections import Detections
from gpnet_ros.errors import FrameRefused, HandEyeRefused, ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.maps import P_SOURCES, Grid, Maps, prioritise, workspace_grid
from gpnet_ros.network.detector import Detector, cell_threads, gray_note
from gpnet_ros.network.runtimes import Computing
from gpnet_ros.pose import Transform
from gpnet_ros.region import counted_in_workspace
from gpnet_ros.settings import Workspace


class Onlooker:
    """Looks where a camera on a mast sees the workspace; at whole frames where that is not known.

    Attributes:
        workspace: whose square is looked at, or None; another may be put in its place.
        priority: one of `free_objects.PRIORITIES`; another may be put in its place.
        detector: makes the maps; None without a model for them.
        scene: makes the detections; None without a model for them.
    """

    def __init__(
        self,
        model: str,
        scene_model: str,
        computing: Computing,
        workspace: Workspace | None,
        T_base_camera: Transform | None,
        priority: str = "learned",
        tell: Callable[[str], object] = lambda _: None,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Load the networks.

        Args:
            model: of maps of grasps, by name or path; empty for none, as of a suction cup.
            scene_model: the multi-task model; empty for none.
            computing: on and by what they are run; the multi-task one is always run by torch in float32.
            workspace: of the cell, and T_base_camera, pose (4, 4) [m] of a camera that stays where it is; both None
                for whole frames.
            priority: whose turn it is.
            tell: takes a sentence about what runs each network.
            warn: takes a sentence about what a person may not have wanted.

        Raises:
            ModelRefused: a model cannot be used, or its packages are missing.
        """
        self.workspace, self.priority, self._T_base_camera = workspace, priority, T_base_camera
        self._tell, self._warn, self._model, self._told_note = tell, warn, model, ""
        self._looked_for_gray = False
        grid = None if T_base_camera is None else self._grid
        self.detector: Detector | None = None
        if model:
            how, threads = computing, cell_threads()
            self.detector = Detector(model, how.device, grid, False, threads, how.runtime, how.precision)
            self._tell_runtime(self.detector)
        self.scene: Any = load_scene_detector(scene_model, computing.device, grid) if scene_model else None
        if self.scene is not None:
            tell(f"scene_model {scene_model} runs on {self.scene.device}")

    def __call__(self, frame: Frame) -> tuple[Maps | None, Detections | None]:
        """Maps and detections of a frame, each None without its network.

        Raises:
            BadInput: the frame lacks what a network needs.
        """
        seen = None if self.scene is None else self.scene(frame)
        return self.maps(frame), seen

    def maps(self, frame: Frame) -> Maps | None:
        """The maps of a frame with the wanted priority; None without a network for them.

        Raises:
            BadInput: the frame lacks what the network needs.
        """
        detector = self.detector
        if detector is None:
            return None
        if not self._looked_for_gray:
            self._looked_for_gray = True
            if note := gray_note(frame, detector.card):
                self._warn(note)
        maps = detector(frame)
        if detector.note != self._told_note:  # a runtime was refused at this size of picture
            self._tell_runtime(detector)
        source = self.priority if self.priority in P_SOURCES else "learned"
        return prioritise(maps, frame, source, self._T_base_camera)

    def check(self, frame: Frame, valid_share_min: float) -> str:
        """Refuse what cannot be used; why the hand-eye does not fit what is seen, which may be the arm, or empty.

        Raises:
            HandEyeRefused: the workspace cannot be in the picture.
            FrameRefused: the depth cannot be right where it counts: in the workspace, where that is seen.
        """
        if self.workspace is None or self._T_base_camera is None or frame.intrinsics is None:
            frame.check(valid_share_min)
            return ""
        seen = (frame.intrinsics, frame.depth, self._T_base_camera, self.workspace)
        check_hand_eye(*seen, by_surface=False, centred=True)
        counted_in_workspace(frame, self._T_base_camera, self.workspace).check(valid_share_min)
        try:
            check_hand_eye(*seen)
        except HandEyeRefused as doubt:  # the planner decides: it knows whether it is the arm that is seen
            return str(doubt)
        except FrameRefused:  # something stands before the camera, such as the arm
            pass
        return ""

    def _grid(self, frame: Frame) -> Grid:
        assert self.workspace is not None and self._T_base_camera is not None
        return workspace_grid(frame, self._T_base_camera, self.workspace)

    def _tell_runtime(self, detector: Detector) -> None:
        self._tell(f"model {self._model} runs on {detector.device} by {detector.told}")
        if detector.note != self._told_note:
            self._told_note = detector.note
            self._warn(detector.note)


def looked_at(
    hand_eye: HandEye, workspace: Workspace, tell: Callable[[str], object]
) -> tuple[Workspace | None, Transform | None]:
    """The workspace, and where the camera is that sees it, (4, 4) [m]; None both where networks see whole frames.

    With a camera on the flange they do: the square lies elsewhere in each frame, and where the arm was is knowledge of
    who leads it, not of who looks.
    """
    if hand_eye.mount == "flange":
        tell("the camera is on the flange: the networks see the whole frame")
        return None, None
    return workspace, hand_eye.T_base_camera()


def load_scene_detector(model: str, device: str, grid: Callable[[Frame], Grid] | None) -> Any:
    """The detector of a multi-task model, which looks where a grasp network's grid lies, and a little around it.

    Raises:
        ModelRefused: torchvision, which it needs, is not installed; or see `graspnext.detector.load_scene_detector`.
    """
    try:
        from gpnet_ros.network.graspnext import detector
    except ImportError as error:
        raise ModelRefused(f"scene_model needs torchvision ({error}): pip install 'gpnet_ros[graspnext]'.") from error
    return detector.load_scene_detector(model, device, cell_threads(), grid)
