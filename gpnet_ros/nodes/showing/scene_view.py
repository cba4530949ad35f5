"""What RViz would show of a running cell, as one picture: the same messages, drawn without a display."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from sensor_msgs.msg import Image, JointState, PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.collision import base_column, capsules
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import Intrinsics
from gpnet_ros.kinematics import Joints
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.processes.start import LATCHED_QOS, SENSOR_QOS
from gpnet_ros.nodes.showing.planner_markers import BLUE, GRAY, GREEN, PALE_RED, YELLOW
from gpnet_ros.pose import Transform, look_at
from gpnet_ros.scene_picture import ScenePicture

#: Pictures below the scene, in a row: topic and title.
PICTURES = (
    ("overlay", "camera, with the best grasp of the maps"), ("maps/q_star/color", "Q*"),
    ("maps/priority/color", "P"), ("maps/angle/color", "angle where Q* is high"), ("maps/width/color", "width"),
)  # fmt: skip
_TOPICS: dict[str, tuple[type, Any]] = {
    **{topic: (Image, SENSOR_QOS) for topic, _ in PICTURES},
    "maps/points": (PointCloud2, SENSOR_QOS),
    "joint_states": (JointState, SENSOR_QOS),
    "planner_node/markers": (MarkerArray, LATCHED_QOS),
}
#: Size of each of the two views of the scene, height of a picture below, and of a line of words [px].
_WIDTH, _HEIGHT, _PICTURE, _WORDS = 800, 560, 300, 28
#: Where the whole is seen from, and towards what, in base [m]; and the workspace, seen from its middle.
_EYE, _TARGET = np.array([2.0, -1.65, 1.35]), np.array([0.45, -0.22, 0.34])
_NEAR_EYE, _NEAR_TARGET = np.array([0.40, -0.50, 0.44]), np.array([0.0, 0.0, 0.035])
_ARM, _TOOL = (0.78, 0.83, 0.90, 1.0), (0.30, 0.33, 0.38, 1.0)
_TABLE = (0.90, 0.85, 0.76, 1.0)
#: What the colours of the scene mean.
_LEGEND = (
    ("chosen grasp", GREEN), ("its way", YELLOW), ("rejected, with the reason", GRAY), ("workspace, tote", BLUE),
    ("keep out", PALE_RED),
)  # fmt: skip


@dataclass
class Heard:
    """The newest message of each topic."""

    messages: dict[str, Any] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Topics on which nothing has come yet."""
        return [topic for topic in _TOPICS if topic not in self.messages]


def listen(timeout: float, namespace: str = "", domain_id: int | None = None) -> Heard:
    """The newest message of every topic of the scene.

    Args:
        timeout: longest wait [s].
        namespace: of the cell's nodes.
        domain_id: of the ROS graph; None takes that of the environment.

    Raises:
        DeviceError: names the topics on which nothing came in time.
    """
    heard, all_there = Heard(), threading.Event()
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    node = rclpy.create_node("gpnet_view", namespace=namespace, context=context)

    def keeper(topic: str) -> Any:
        def keep(message: Any) -> None:
            heard.messages[topic] = message
            if not heard.missing:
                all_there.set()

        return keep

    for topic, (kind, qos) in _TOPICS.items():
        node.create_subscription(kind, topic, keeper(topic), qos)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    end = time.monotonic() + timeout
    try:
        while not all_there.is_set() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
    except ExternalShutdownException:
        pass
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    if heard.missing:
        raise DeviceError(
            f"Nothing came on {', '.join(heard.missing)} within {timeout:.0f} s: start the nodes in this ROS_DOMAIN_ID "
            "and namespace, and let the planner decide once (~/pick, or ~/start)."
        )
    return heard


def draw(heard: Heard, cell: Cell, hand_eye: HandEye) -> NDArray[np.uint8]:
    """The scene of complete messages, (H, W, 3) RGB: the cell and its workspace in space, below them camera and maps.

    cell and hand_eye are those of the nodes: the arm's shape, and where the points lie that the camera saw.
    """
    middle = np.array([*cell.workspace.centre, cell.workspace.table_z])
    views = [
        ("the cell", _EYE, _TARGET, 0.95, False),
        ("the workspace, coloured by Q*", middle + _NEAR_EYE, middle + _NEAR_TARGET, 1.25, True),
    ]
    scenes = [_titled(_scene(heard, cell, hand_eye, *how), title, _WIDTH) for title, *how in views]
    pictures = []
    for topic, title in PICTURES:
        image = convert.color_from_image(heard.messages[topic])
        pictures.append(_titled(image, title, round(image.shape[1] * _PICTURE / image.shape[0])))
    row = np.concatenate(pictures, axis=1)
    width = max(2 * _WIDTH, row.shape[1])
    return np.concatenate([_widened(part, width) for part in (np.concatenate(scenes, axis=1), row, _legend(width))])


def _scene(
    heard: Heard,
    cell: Cell,
    hand_eye: HandEye,
    eye: NDArray[np.float64],
    target: NDArray[np.float64],
    zoom: float,
    is_labelled: bool,
) -> NDArray[np.uint8]:
    """Everything in space, seen from a point towards another (3,) [m] of base; zoom is of the focal length."""
    camera = Intrinsics(_WIDTH, _HEIGHT, zoom * _WIDTH, zoom * _WIDTH, _WIDTH / 2, _HEIGHT / 2)
    scene = ScenePicture(camera, look_at(eye, target, np.cross(target - eye, (0.0, 0.0, 1.0))))
    q = np.array(heard.messages["joint_states"].position, dtype=np.float64)
    _draw_table(scene, cell)
    _draw_points(scene, heard.messages["maps/points"], hand_eye.T_base_camera(cell.kinematics.forward(q)))
    _draw_arm(scene, cell, q)
    markers = [m for m in heard.messages["planner_node/markers"].markers if m.action == Marker.ADD]
    for marker in sorted(markers, key=lambda m: -m.color.a):  # what shines through comes last
        if is_labelled or marker.type != Marker.TEXT_VIEW_FACING:
            _draw_marker(scene, marker)
    return scene.image


def _draw_table(scene: ScenePicture, cell: Cell) -> None:
    x, y = cell.workspace.centre
    half = 0.35
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]]) + (x, y)
    scene.face(np.column_stack([corners, np.full(4, cell.workspace.table_z - 0.004)]), _TABLE)


def _draw_points(scene: ScenePicture, cloud: PointCloud2, T_base_camera: Transform) -> None:
    words = np.frombuffer(cloud.data, np.uint8).reshape(-1, cloud.point_step)
    points = np.ascontiguousarray(words[:, :12]).view("<f4").astype(np.float64)
    blue_green_red = words[:, 12:15]
    scene.dots(points @ T_base_camera[:3, :3].T + T_base_camera[:3, 3], blue_green_red[:, ::-1], 0.0025)


def _draw_arm(scene: ScenePicture, cell: Cell, q: Joints) -> None:
    """The shapes that the safety check judges, the jaws open."""
    frames = cell.kinematics.link_frames(q)
    for body in (base_column(cell), *capsules(cell, cell.gripper.stroke)):
        T = frames[body.frame]
        start, end = (T[:3, :3] @ np.array(point, dtype=np.float64) + T[:3, 3] for point in (body.start, body.end))
        scene.capsule(start, end, body.radius, _TOOL if body.frame == 6 else _ARM)


def _draw_marker(scene: ScenePicture, marker: Marker) -> None:
    """A marker of `planner_markers`, brought from base_link into base."""
    T = convert.T_BASE_LINK_BASE @ convert.from_pose(marker.pose)
    color = (marker.color.r, marker.color.g, marker.color.b, marker.color.a)
    if marker.type == Marker.CUBE:
        scene.box(T, (marker.scale.x, marker.scale.y, marker.scale.z), color)
    elif marker.type == Marker.LINE_STRIP:
        points = np.array([(p.x, p.y, p.z) for p in marker.points])
        scene.line(points @ T[:3, :3].T + T[:3, 3], color)
    elif marker.type == Marker.TEXT_VIEW_FACING:
        scene.label(T[:3, 3], marker.text, color)


def _titled(image: NDArray[np.uint8], title: str, width: int) -> NDArray[np.uint8]:
    """A picture of this width [px] with its title above."""
    size = (width, round(image.shape[0] * width / image.shape[1]))
    bar = np.full((_WORDS, width, 3), 255, np.uint8)
    _put(bar, title, 8)
    return np.concatenate([bar, cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)])


def _legend(width: int) -> NDArray[np.uint8]:
    """What the colours mean, in one line of this width [px]."""
    line = np.full((_WORDS, width, 3), 255, np.uint8)
    at = 8
    for words, color in _LEGEND:
        rgb = tuple(round(255 * (color[3] * c + 1 - color[3])) for c in color[:3])
        cv2.rectangle(line, (at, 8), (at + 22, _WORDS - 8), rgb, -1)
        at = _put(line, words, at + 30) + 36
    return line


def _put(line: NDArray[np.uint8], words: str, left: int) -> int:
    """Write words into a line from a column [px] on; the column where they end."""
    cv2.putText(line, words, (left, _WORDS - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    return int(left + cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0])


def _widened(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """A picture with white on its right, up to this width [px]."""
    return np.pad(image, ((0, 0), (0, width - image.shape[1]), (0, 0)), constant_values=255)
