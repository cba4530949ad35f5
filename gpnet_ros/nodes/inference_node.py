"""inference_node: colour, aligned depth and camera_info in; the maps of the network and an overlay out.

With `scene_model` a second network sees which objects there are, in a thread of its own: see `scene_worker`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.errors import FrameRefused, HandEyeRefused, SettingsError
from gpnet_ros.frame import Frame
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.maps import P_SOURCES, Grid, Maps, prioritise, workspace_grid
from gpnet_ros.network.detector import Detector, cell_threads, gray_note
from gpnet_ros.network.onlooker import load_scene_detector
from gpnet_ros.nodes.health.parts import Health
from gpnet_ros.nodes.maps_node import MapsNode
from gpnet_ros.nodes.parameters.declared import InferenceSettings
from gpnet_ros.nodes.processes import start
from gpnet_ros.nodes.scene_worker import SceneWorker
from gpnet_ros.nodes.showing.detection_outputs import DetectionOutputs
from gpnet_ros.pose import Transform
from gpnet_ros.region import counted_in_workspace
from gpnet_ros.settings import Workspace


class InferenceNode(MapsNode[InferenceSettings]):
    """Answers the newest frame with the maps of the network."""

    def __init__(self) -> None:
        super().__init__("inference_node", InferenceSettings)
        self.detector: Detector | None = None
        self.scene: SceneWorker | None = None
        self.T_base_camera: Transform | None = None
        self._workspace: Workspace | None = None
        self._looked_for_gray = False
        self._scene_device, self._told_note = "", ""

    def configure(self) -> None:
        """Create the topics; those of detections only where there will be some.

        Raises:
            SettingsError: there is neither a model nor a scene_model.
        """
        if not self.settings.model and not self.settings.scene_model:
            raise SettingsError(
                "model and scene_model are both empty; name at least one of them, such as model:=gpnet."
            )
        super().configure()
        if self.settings.scene_model:
            self.scene_outputs = DetectionOutputs(self)

    def activate(self) -> None:
        """Load the weights and their self test, then answer every frame."""
        self._looked_for_gray, s = False, self.settings
        grid = self.make_grid()
        if s.model:
            self.detector = Detector(s.model, s.device, grid, False, cell_threads(), s.runtime, s.precision)
            self._told_note = ""
            self._tell_runtime(self.detector)
        if s.scene_model:
            detector = load_scene_detector(s.scene_model, s.device, grid)
            self._scene_device = str(detector.device)
            self.scene = SceneWorker(self, self.scene_outputs, detector, lambda: self.settings.scene_rate)
            self.get_logger().info(f"scene_model {s.scene_model} runs on {detector.device}")
        super().activate()

    def halt(self) -> None:
        """End both networks' threads and wait for them."""
        super().halt()
        if self.scene is not None:
            self.scene.halt(self.patience)
        self.scene = None

    def watch(self) -> None:
        """Publish the health; a node whose second network has died is no longer active."""
        if self.scene is not None and self.scene.failure:
            self.failure = self.scene.failure
        super().watch()

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop answering and free the network."""
        done = super().on_deactivate(state)
        self.detector = None
        return done

    def make_grid(self) -> Any:
        """The network's view of a frame: a function that makes its grid, or None for the whole frame.

        A camera on the flange sees the whole frame: the square lies elsewhere in each frame, and where the
        arm was is the planner's knowledge, not this node's.
        """
        self.T_base_camera = None
        if self.settings.view == "whole":
            return None
        self._workspace = self.cell().workspace
        hand_eye = load_hand_eye(self.settings.hand_eye_file or None)
        if hand_eye.mount == "flange":
            self.get_logger().info("the camera is on the flange: the network sees the whole frame")
            return None
        T_base_camera = self.T_base_camera = hand_eye.T_base_camera()

        def grid(frame: Frame) -> Grid:
            assert self._workspace is not None
            return workspace_grid(frame, T_base_camera, self._workspace)

        return grid

    def apply(self, names: set[str]) -> None:
        """Look at another square from the next frame on."""
        s = self.settings
        if self._workspace is not None:
            self._workspace = replace(self._workspace, centre=s.workspace_centre, side=s.workspace_side)

    def answer(self, frame: Frame) -> Maps | None:
        """The maps of the network with the wanted priority; None without one, or when it was freed meanwhile."""
        detector = self.detector
        self._check(frame)
        if detector is None:
            return None
        if not self._looked_for_gray:
            self._looked_for_gray = True
            if note := gray_note(frame, detector.card):
                self.get_logger().warning(note)
        maps = detector(frame)
        if detector.note != self._told_note:  # a runtime was refused at this size of picture
            self._tell_runtime(detector)
        return self.prioritise(maps, frame)

    def _tell_runtime(self, detector: Detector) -> None:
        self.get_logger().info(f"model {self.settings.model} runs on {detector.device} by {detector.told}")
        if detector.note != self._told_note:
            self._told_note = detector.note
            self.get_logger().warning(detector.note)

    def also(self, frame: Frame) -> None:
        """Let the second network see the frame."""
        if self.scene is not None:
            self.scene.offer(frame)

    def health(self) -> list[Health]:
        """What comes in, and what each network makes of it."""
        parts, scene, s = super().health(), self.scene, self.settings
        if not s.model:
            parts = parts[:1]
        if scene is None:
            return parts
        about = {"model": s.scene_model, "most [1/s]": s.scene_rate}
        return [*parts, scene.health(self.exposures.arrivals, about, self._scene_device)]

    def _check(self, frame: Frame) -> None:
        """Refuse what cannot be used, and warn of a hand-eye that does not fit what is seen.

        Raises:
            HandEyeRefused: the workspace cannot be in the picture.
            FrameRefused: the depth cannot be right where it counts: in the workspace, where that is seen.
        """
        if self.T_base_camera is None or self._workspace is None or frame.intrinsics is None:
            frame.check(self.settings.valid_share_min)
            return
        seen = (frame.intrinsics, frame.depth, self.T_base_camera, self._workspace)
        check_hand_eye(*seen, by_surface=False, centred=True)
        counted_in_workspace(frame, self.T_base_camera, self._workspace).check(self.settings.valid_share_min)
        try:
            check_hand_eye(*seen)
        except HandEyeRefused as doubt:  # the planner decides: it knows whether it is the arm that is seen
            self.get_logger().warning(str(doubt), throttle_duration_sec=5.0)
        except FrameRefused:  # something stands before the camera, such as the arm
            return

    def about(self) -> dict[str, Any]:
        """The model, what runs it, and its modes."""
        s, detector = self.settings, self.detector
        told = "" if detector is None else detector.told
        return {
            "model": s.model, "runtime": told, "priority": s.priority, "view": s.view, "device": self.hardware(),
        }  # fmt: skip

    def hardware(self) -> str:
        """Where the network runs."""
        detector = self.detector
        return "" if detector is None else str(detector.device)

    def prioritise(self, maps: Maps, frame: Frame) -> Maps:
        """Maps with the priority that the parameter asks for."""
        source = self.settings.priority
        return prioritise(maps, frame, source if source in P_SOURCES else "learned", self.T_base_camera)


def main() -> None:
    """Run inference_node until it is told to end."""
    start.run(InferenceNode, nice=start.SEES)


if __name__ == "__main__":
    main()
