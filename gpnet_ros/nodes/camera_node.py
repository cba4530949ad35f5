"""camera_node: a D435, a recording, or the simulated camera; topics as realsense2_camera publishes them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.devices.camera import Camera
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import Frame
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH
from gpnet_ros.nodes.health.parts import CameraHealth, Health
from gpnet_ros.nodes.parameters.declared import CameraSettings
from gpnet_ros.nodes.processes import start

DEPTH_INFO = "aligned_depth_to_color/camera_info"


class CameraNode(start.WorkerNode[CameraSettings]):
    """Publishes what the camera delivers; a camera that fails is reported and opened again."""

    def __init__(self) -> None:
        super().__init__("camera_node", CameraSettings)
        self.camera: Camera | None = None
        self.delivery = CameraHealth()

    def configure(self) -> None:
        """Create the topics and the camera; it starts streaming on `activate`."""
        super().configure()
        self.camera = make_camera(self.settings)
        kinds: dict[str, type] = {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo, DEPTH_INFO: CameraInfo}
        self.outputs: dict[str, Any] = {t: self.create_publisher(k, t, start.PUBLISH_QOS) for t, k in kinds.items()}

    def work(self) -> None:
        """Open, read and publish; after a failure say so, close, and try again."""
        assert self.camera is not None
        self.delivery.begin()
        while self.running.is_set():
            try:
                self.camera.open()
                while self.running.is_set():
                    self.delivery.times.begin()
                    frame = self.camera.read()
                    self.delivery.times.lap("read")
                    self.publish_frame(frame)
                    self.delivery.times.lap("publish")
            except DeviceError as error:
                self.delivery.failed(str(error))
                self.get_logger().error(str(error), throttle_duration_sec=5.0)
                threading.Event().wait(1.0)
            finally:
                self.camera.close()

    def publish_frame(self, frame: Frame) -> None:
        """Colour, aligned depth in millimetres, and both camera_info with one stamp."""
        assert frame.color is not None and frame.depth is not None and frame.intrinsics is not None
        # A recording is played as if it happened now: the planner never decides on frames of the past.
        is_played = self.settings.source == "bag"
        stamp = self.seconds() if is_played else frame.stamp
        name = self.settings.frame_id
        millimetres = np.nan_to_num(np.round(frame.depth * 1000.0), nan=0.0).clip(0, 65535).astype(np.uint16)
        info = convert.to_camera_info(frame.intrinsics, stamp, name)
        self.outputs[CAMERA_INFO].publish(info)
        self.outputs[DEPTH_INFO].publish(info)
        self.outputs[COLOR].publish(convert.to_image(frame.color, "rgb8", stamp, name))
        self.outputs[DEPTH].publish(convert.to_image(millimetres, "16UC1", stamp, name))
        self.delivery.delivered(float((millimetres > 0).mean()))

    def health(self) -> list[Health]:
        """How the camera is."""
        return [self.delivery.judge(getattr(self.camera, "serial", "") or self.settings.serial)]


def make_camera(s: CameraSettings) -> Camera:
    """The camera that the parameters name."""
    if s.source == "sim":
        from gpnet_ros.sim.cell.camera import SimCamera

        cell, hand_eye = load_cell(s.cell_file or None), load_hand_eye(s.hand_eye_file or None)
        return SimCamera(Path(s.run_dir), noise=s.noise, hand_eye=hand_eye, cell=cell)
    from gpnet_ros.devices.realsense import RealSenseCamera, RealSenseSettings

    bag = s.bag_file if s.source == "bag" else ""
    return RealSenseCamera(RealSenseSettings(s.serial, bag, s.width, s.height, s.fps, s.frame_id))


def main() -> None:
    """Run camera_node until it is told to end."""
    start.run(CameraNode, nice=start.SEES)


if __name__ == "__main__":
    main()
