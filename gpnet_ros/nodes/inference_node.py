"""inference_node: colour, aligned depth and camera_info in; the maps of the network and an overlay out.

With `scene_model` a second network sees which objects there are, in a thread of its own: see `scene_worker`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.errors import SettingsError
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps
from gpnet_ros.network.detector import Detector
from gpnet_ros.network.onlooker import Onlooker, looked_at
from gpnet_ros.network.runtimes import Computing
from gpnet_ros.nodes.health.parts import Health
from gpnet_ros.nodes.maps_node import MapsNode
from gpnet_ros.nodes.parameters.declared import InferenceSettings
from gpnet_ros.nodes.processes import start
from gpnet_ros.nodes.scene_worker import SceneWorker
from gpnet_ros.nodes.showing.detection_outputs import DetectionOutputs
from gpnet_ros.pose import Transform
from gpnet_ros.settings import Workspace


class InferenceNode(MapsNode[InferenceSettings]):
    """Answers the newest frame with the maps of the network."""

    def __init__(self) -> None:
        super().__init__("inference_node", InferenceSettings)
        self.onlooker: Onlooker | None = None
        self.scene: SceneWorker | None = None

    @property
    def detector(self) -> Detector | None:
        """What makes the maps; None without a model for them, and while the node is inactive."""
        return None if self.onlooker is None else self.onlooker.detector

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
        self.onlooker = self.make_onlooker()
        if self.onlooker.scene is not None:
            self.scene = SceneWorker(self, self.scene_outputs, self.onlooker.scene, lambda: self.settings.scene_rate)
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
        """Stop answering and free the networks."""
        done = super().on_deactivate(state)
        self.onlooker = None
        return done

    def make_onlooker(self) -> Onlooker:
        """The networks of the parameters, which look where these say.

        Raises:
            ModelRefused: see `Onlooker`.
        """
        s, log = self.settings, self.get_logger()
        computing = Computing(s.device, s.runtime, s.precision)
        return Onlooker(s.model, s.scene_model, computing, *self._looked_at(), s.priority, log.info, log.warning)

    def _looked_at(self) -> tuple[Workspace | None, Transform | None]:
        """Whole frames where `view` says so; else see `looked_at`."""
        if self.settings.view == "whole":
            return None, None
        hand_eye = load_hand_eye(self.settings.hand_eye_file or None)
        return looked_at(hand_eye, self.cell().workspace, self.get_logger().info)

    def apply(self, names: set[str]) -> None:
        """Look at another square, or for another turn, from the next frame on."""
        s, onlooker = self.settings, self.onlooker
        if onlooker is None:
            return
        onlooker.priority = s.priority
        if onlooker.workspace is not None:
            onlooker.workspace = replace(onlooker.workspace, centre=s.workspace_centre, side=s.workspace_side)

    def answer(self, frame: Frame) -> Maps | None:
        """The maps of the network with the wanted priority; None without one, or when it was freed meanwhile."""
        onlooker = self.onlooker
        if onlooker is None:
            return None
        if doubt := onlooker.check(frame, self.settings.valid_share_min):
            self.get_logger().warning(doubt, throttle_duration_sec=5.0)
        return onlooker.maps(frame)

    def also(self, frame: Frame) -> None:
        """Let the second network see the frame."""
        if self.scene is not None:
            self.scene.offer(frame)

    def health(self) -> list[Health]:
        """What comes in, and what each network makes of it."""
        parts, scene, onlooker, s = super().health(), self.scene, self.onlooker, self.settings
        if not s.model:
            parts = parts[:1]
        if scene is None or onlooker is None:
            return parts
        about = {"model": s.scene_model, "most [1/s]": s.scene_rate}
        return [*parts, scene.health(self.exposures.arrivals, about, str(onlooker.scene.device))]

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


def main() -> None:
    """Run inference_node until it is told to end."""
    start.run(InferenceNode, nice=start.SEES)


if __name__ == "__main__":
    main()
