"""Makes the two bags beside it: the simulated cell while it is cleared, and real D435 frames.

    PYTHONPATH=.:test python test/data/recordings/make.py

simulated_cell (mcap, zstd, raw images): frozen heap k5-003, one look before each pick of the topmost objects, with the
noise of a D435; the camera is that of config/hand_eye.yaml. real_d435 (sqlite3, packed images): the eight D435 frames
of test/data/real_frames (ClearGrasp, Apache-2.0), colour as its JPEG files are, depth as compressedDepth.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import cv2
from rosbags.rosbag2 import StoragePlugin, Writer
from support.bag_files import (
    COLOR,
    COLOR_INFO,
    DEPTH,
    TYPES,
    BagPlan,
    info_message,
    packed_message,
    write_bag,
)

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.heap.frozen import frozen_heap
from gpnet_ros.sim.labels.relations import relations

HERE = Path(__file__).parent
REAL_FRAMES = HERE.parent / "real_frames"
START = 1_760_000_000


def simulated_frames() -> list[Frame]:
    """What the camera of the cell sees of a heap, before each pick of a topmost object."""
    frozen = frozen_heap(5, 3)
    look = Look(frozen.heap, frozen.seed, load_hand_eye().T_base_camera())
    left, frames = list(range(len(frozen.heap.objects))), []
    while left:
        present = frozen.heap.take(left)
        frames.append(look.frame(look.view(present, left)))
        del left[int(relations(present).layer.argmin())]
    return frames


def write_real(path: Path) -> None:
    """The real frames, byte for byte where the bag can hold them so."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        known = {}
        for number, folder in enumerate(sorted(REAL_FRAMES.glob("d435_*"))):
            stamp = (START + number) * 10**9
            told = json.loads((folder / "camera.json").read_text("utf-8"))
            camera = Intrinsics(*(told[key] for key in ("width", "height", "fx", "fy", "cx", "cy")))
            depth = cv2.imread(str(folder / "depth.png"), cv2.IMREAD_UNCHANGED)
            packed = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
            jpeg = (folder / "color.jpg").read_bytes()
            messages = {
                COLOR + "/compressed": packed_message(jpeg, "rgb8; jpeg compressed bgr8", stamp),
                COLOR_INFO: info_message(camera, stamp),
                DEPTH + "/compressedDepth": packed_message(
                    struct.pack("<iff", 0, 0.0, 0.0) + packed, "16UC1; compressedDepth png", stamp
                ),
            }
            for topic, message in messages.items():
                if topic not in known:
                    name = f"/camera/camera/{topic}"
                    known[topic] = writer.add_connection(name, message.__msgtype__, typestore=TYPES)
                raw = bytes(TYPES.serialize_cdr(message, message.__msgtype__))
                writer.write(known[topic], stamp + 20_000_000, raw)


def main() -> None:
    """Make both bags anew."""
    for name in ("simulated_cell", "real_d435"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    plan = BagPlan(start=float(START), period=1.0, info="once", zstd=True)
    write_bag(HERE / "simulated_cell", simulated_frames(), plan)
    write_real(HERE / "real_d435")


if __name__ == "__main__":
    main()
