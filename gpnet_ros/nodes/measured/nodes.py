"""The real camera_node and inference_node with a stopwatch in each, for `gpnet bench ros`.

    python -m gpnet_ros.nodes.measured.nodes camera RATE FILE --ros-args ...
    python -m gpnet_ros.nodes.measured.nodes inference FILE --ros-args ...

Nothing of the nodes is replaced but the camera's driver: a picture of the cell is shown RATE times a second. FILE gets
the times of all exposures as JSON when the node ends. All clocks are `time.time`: stamps are of it, too.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.maps import Maps
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.arrivals import COLOR
from gpnet_ros.nodes.arriving.gatherer import Exposure
from gpnet_ros.nodes.camera_node import CameraNode
from gpnet_ros.nodes.inference_node import InferenceNode
from gpnet_ros.nodes.processes import start

#: Nominal colour camera of a RealSense D435 at 640x480.
CAMERA = Intrinsics(640, 480, 615.0, 615.0, 319.5, 239.5)
#: Boxes on the table: left, top, width, height [px] in the picture, and height [m].
_BOXES = ((270, 180, 60, 45, 0.04), (330, 250, 45, 80, 0.06), (230, 260, 70, 40, 0.03))


class SteadyCamera:
    """Implements `Camera`: one picture, exposed anew every 1 / rate seconds."""

    def __init__(self, frame: Frame, rate: float) -> None:
        """Args: rate is exposures per second."""
        self._frame, self._period = frame, 1.0 / rate
        self._next = 0.0

    def open(self) -> None:
        """Begin now."""
        self._next = time.time()

    def read(self, timeout: float | None = None) -> Frame:
        """The next exposure, once its time has come; those that nobody waited for are skipped."""
        self._next += self._period
        late = time.time() - self._next
        if late > self._period:
            self._next += self._period * int(late / self._period)
        time.sleep(max(self._next - time.time(), 0.0))
        f = self._frame
        return Frame(f.color, f.depth, f.intrinsics, time.time(), f.frame_id)

    def close(self) -> None:
        """Nothing to close."""


def table_picture(cell: Cell, hand_eye: HandEye) -> Frame:
    """The table with three boxes as the cell's camera sees it, with a D435's kind of noise and holes."""
    T, rng = hand_eye.T_base_camera(), np.random.default_rng(0)
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays = CAMERA.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ T[:3, :3].T
    height = np.full(u.shape, cell.workspace.table_z)
    color = np.full((*u.shape, 3), (120, 110, 100), np.uint8)
    for left, top, wide, high, up in _BOXES:
        box = (slice(top, top + high), slice(left, left + wide))
        height[box] += up
        color[box] = rng.integers(40, 255, 3)
    depth = (height - T[2, 3]) / rays[..., 2] + rng.normal(0, 0.0015, u.shape)
    depth[(rng.random(u.shape) < 0.03) | (depth <= 0) | (depth > 6)] = np.nan
    noisy = np.clip(color + rng.normal(0, 4, color.shape), 0, 255).astype(np.uint8)
    return Frame(noisy, depth.astype(np.float32), CAMERA)


class MeasuredCamera(CameraNode):
    """camera_node that shows a picture at a steady rate, and notes when it sent what."""

    def __init__(self, rate: float, file: Path) -> None:
        super().__init__()
        self._rate, self._file = rate, file
        self._sent: list[dict[str, float]] = []

    def configure(self) -> None:
        """Create the topics; the picture takes the driver's place."""
        super().configure()
        picture = table_picture(load_cell(), load_hand_eye(self.settings.hand_eye_file or None))
        self.camera = SteadyCamera(picture, self._rate)

    def publish_frame(self, frame: Frame) -> None:
        """Publish, and note when that was done and what it cost."""
        cpu = time.thread_time()
        super().publish_frame(frame)
        self._sent.append({"stamp": frame.stamp, "sent": time.time(), "cpu": time.thread_time() - cpu})

    def halt(self) -> None:
        """Stop, and write what was noted."""
        super().halt()
        _write(self._file, {"sent": self._sent, "cpu": time.process_time()})


class MeasuredInference(InferenceNode):
    """inference_node that notes when each exposure was complete, taken, understood, answered and published."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._complete: dict[float, float] = {}  # stamp -> when
        self._answers: list[dict[str, float]] = []
        self._now: dict[str, float] = {}

    def configure(self) -> None:
        """Create the topics, and listen to what becomes complete."""
        super().configure()
        exposures, add = self.exposures, self.exposures.add

        def add_and_note(topic: str, message: Any) -> None:
            add(topic, message)
            newest = exposures.complete
            if newest is not None:
                self._note_complete(newest)

        exposures.add = add_and_note  # type: ignore[method-assign]

    def _note_complete(self, exposure: Exposure) -> None:
        self._complete.setdefault(_stamp(exposure), time.time())

    def respond(self, exposure: Exposure) -> None:
        """Answer, and note the time after each step [s], and what CPU time it took."""
        self._note_complete(exposure)  # it may have been taken before it was noted
        self._now = {"stamp": _stamp(exposure), "taken": time.time(), "cpu_taken": time.thread_time()}
        super().respond(exposure)
        if "answered" in self._now:
            self._answers.append({**self._now, "published": time.time(), "cpu_published": time.thread_time()})

    def answer(self, frame: Frame) -> Maps | None:
        """The maps; grid, normalise and net are the detector's own stopwatch [s]."""
        self._now |= {"framed": time.time(), "cpu_framed": time.thread_time()}
        maps = super().answer(frame)
        if maps is not None and self.detector is not None:
            self._now |= {name: 1e-3 * took for name, took in self.detector.time_ms.items()}
            self._now |= {"answered": time.time(), "cpu_answered": time.thread_time()}
        return maps

    def halt(self) -> None:
        """Stop, and write what was noted."""
        super().halt()
        noted = {"complete": [list(pair) for pair in self._complete.items()], "answers": self._answers}
        _write(self._file, {**noted, "cpu": time.process_time()})


def _stamp(exposure: Exposure) -> float:
    return convert.from_time(exposure.messages[COLOR].header.stamp)


def _write(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")


def main(words: list[str]) -> None:
    """Run one of the two until it is told to end.

    Raises:
        BadInput: neither of them is named.
    """
    if words[:1] == ["camera"]:
        start.run(lambda: MeasuredCamera(float(words[1]), Path(words[2])), nice=start.SEES)
    elif words[:1] == ["inference"]:
        start.run(lambda: MeasuredInference(Path(words[1])), nice=start.SEES)
    else:
        raise BadInput(f"{words[:1]} is no measured node; allowed are camera and inference.")


if __name__ == "__main__":
    main(sys.argv[1:])
