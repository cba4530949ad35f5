"""The cell: where table, heap, tote, mast and camera are, how the arm may move, and the hand-eye.

One frozen dataclass for `config/cell.yaml` and one for `config/hand_eye.yaml`. Everything is in the
controller's `base` frame, whose z = 0 is the table top.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import SettingsError
from gpnet_ros.hand_eye_record import HandEyeRecord
from gpnet_ros.kinematics import ARMS, UrKinematics
from gpnet_ros.pose import Transform, from_xyz_quat, transform
from gpnet_ros.settings import Box, CupShape, GripperGeometry, Workspace, config_dir, load_settings, setting, validate

#: Radius [m] of the bracket that holds a camera on the flange, without `housing_margin`, and the names of both.
BRACKET_RADIUS, CAMERA_BODIES = 0.01, ("camera", "camera bracket")
#: What may hang at the flange.
TOOLS = ("jaw", "suction")
_HOME = (1.3158, -1.6376, 1.8901, -1.8232, -1.5708, -0.255)


@dataclass(frozen=True)
class Tote:
    """The open box into which the objects go, standing on the table."""

    centre: tuple[float, float] = setting((0.0, -0.65), "Centre in base.", unit="m", low=-2.0, high=2.0)
    inner: tuple[float, float] = setting((0.36, 0.28), "Inner size along x and y.", unit="m", low=0.05, high=1.0)
    height: float = setting(0.12, "Height of the walls.", unit="m", low=0.0, high=0.5)
    wall: float = setting(0.01, "Thickness of the walls.", unit="m", low=0.001, high=0.1)
    floor_z: float = setting(0.0, "Height of the floor in base.", unit="m", low=-1.0, high=1.0)
    spots: tuple[tuple[float, float], ...] = ((0.0, -0.05), (0.0, 0.05), (0.0, 0.0))
    """Where objects are let go, from the centre [m]; used in turn so that they do not pile up. Where an object as
    large as `Limits` assume does not fit between the walls, it is let go above them."""

    def __post_init__(self) -> None:
        validate(self)

    @property
    def walls(self) -> tuple[Box, ...]:
        """The four walls as boxes in base."""
        (cx, cy), (ix, iy), t = self.centre, self.inner, self.wall
        x, y, low, top = ix / 2, iy / 2, self.floor_z, self.floor_z + self.height
        return (
            Box("tote wall -x", (cx - x - t, cy - y - t, low), (cx - x, cy + y + t, top)),
            Box("tote wall +x", (cx + x, cy - y - t, low), (cx + x + t, cy + y + t, top)),
            Box("tote wall -y", (cx - x, cy - y - t, low), (cx + x, cy - y, top)),
            Box("tote wall +y", (cx - x, cy + y, low), (cx + x, cy + y + t, top)),
        )


@dataclass(frozen=True)
class MotionSettings:
    """Speeds, heights and forces of planned motion; `Limits` says how anything may move."""

    joint_speed: float = setting(1.4, "Leading axis of a joint move.", unit="rad/s", low=0.05, high=3.0)
    joint_acceleration: float = setting(2.0, "Leading axis of a joint move.", unit="rad/s^2", low=0.05, high=10.0)
    linear_speed: float = setting(0.3, "TCP on a straight line.", unit="m/s", low=0.01, high=1.0)
    linear_acceleration: float = setting(0.8, "TCP on a straight line.", unit="m/s^2", low=0.01, high=3.0)
    descent_speed: float = setting(0.05, "TCP on the guarded last part.", unit="m/s", low=0.005, high=0.05)
    descent_acceleration: float = setting(0.3, "TCP on the guarded last part.", unit="m/s^2", low=0.01, high=3.0)
    descent_force: float = setting(30.0, "Stop above the mean force before it.", unit="N", low=2.0, high=60.0)
    descent_contact: float = setting(0.0, "Jaw: contact so near its end ends a descent.", unit="m", low=0.0, high=0.02)
    above: float = setting(0.12, "Least height of the approach above the grasp.", unit="m", low=0.02, high=0.4)
    pregrasp: float = setting(0.05, "Where the guarded descent begins above the grasp.", unit="m", low=0.01, high=0.3)
    clearance: float = setting(0.03, "Tool or held object above the heap's top.", unit="m", low=0.005, high=0.2)
    pregrasp_least: float = setting(0.3, "The same above all that was measured.", unit="m", low=0.01, high=0.3)
    held_share: float = setting(1.0, "Of speeds and accelerations, while something is held.", low=0.1, high=1.0)
    drop: float = setting(0.0, "So far a held object may fall into the tote.", unit="m", low=0.0, high=0.3)
    waits_over_tote: bool = setting(False, "The next pick begins where the last ended, not at home.")
    hover: float = setting(0.15, "How far a hover stays above the heap.", unit="m", low=0.15, high=0.4)
    place_drop: float = setting(0.06, "Held object above the tote's floor when let go.", unit="m", low=0.0, high=0.3)
    place_low: float = setting(0.10, "Lowest fingertip above the tote's floor.", unit="m", low=0.02, high=0.4)
    grip_force: float = setting(40.0, "Grip force.", unit="N", low=5.0, high=235.0)
    grip_speed: float = setting(0.10, "Speed of the jaws.", unit="m/s", low=0.01, high=0.2)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class Limits:
    """Limits that `safety.check` enforces; frozen, so nobody loosens it while the arm is armed."""

    tcp_low: tuple[float, float, float] = setting((-0.35, -0.9, 0.0), "TCP box.", unit="m", low=-2.0, high=2.0)
    tcp_high: tuple[float, float, float] = setting((0.9, 0.35, 0.62), "TCP box.", unit="m", low=-2.0, high=2.0)
    reach_min: float = setting(0.35, "Least distance of the TCP from the axis of joint 1.", unit="m", low=0.0, high=1.0)
    tip_above_table: float = setting(0.003, "Least height of a fingertip.", unit="m", low=0.0, high=0.1)
    arm_above_table: float = setting(0.02, "Least gap between links and table.", unit="m", low=0.0, high=0.2)
    box_gap: float = setting(0.03, "Least gap to mast, camera and other boxes.", unit="m", low=0.0, high=0.2)
    tote_gap: float = setting(0.01, "Least gap to the tote's walls.", unit="m", low=0.0, high=0.2)
    heap_gap: float = setting(0.005, "Least gap to the height map while travelling.", unit="m", low=0.0, high=0.2)
    unknown_height: float = setting(0.25, "How high may be what was not seen.", unit="m", low=0.05, high=1.0)
    felt_width: float = setting(0.05, "Widest hole into which a guarded descent feels.", unit="m", low=0.0, high=0.2)
    off_map_height: float = setting(0.10, "Least height off the height map and the tote.", unit="m", low=0.0, high=1.0)
    hover_gap: float = setting(0.14, "Least gap of the tips to the height map in a hover.", unit="m", low=0.1, high=0.5)
    self_gap: float = setting(0.015, "Least gap between bodies of the arm itself.", unit="m", low=0.0, high=0.1)
    heap_touch: float = setting(0.004, "Height map above the tips at the grasp, noise.", unit="m", low=0.0, high=0.02)
    tcp_speed: float = setting(1.5, "TCP on a joint move.", unit="m/s", low=0.05, high=3.0)
    tilt_max: float = setting(0.09, "Tool axis from the vertical (5 degrees).", unit="rad", low=0.0, high=1.6)
    # A way home that is nowhere faster than these may begin and lead outside the TCP box and with a tilted tool.
    home_joint_speed: float = setting(0.3, "Every joint, slow way home.", unit="rad/s", low=0.01, high=1.0)
    home_linear_speed: float = setting(0.05, "TCP on a straight line, slow way home.", unit="m/s", low=0.005, high=0.25)
    home_body_speed: float = setting(0.25, "Any part of the arm, slow way home.", unit="m/s", low=0.01, high=1.0)
    joint_margin: float = setting(0.1, "Kept from the joint range of +-360 degrees.", unit="rad", low=0.0, high=3.0)
    joint_speed: float = setting(1.8, "Every joint, on every move.", unit="rad/s", low=0.05, high=3.15)
    joint_acceleration: float = setting(4.0, "Leading axis of a joint move.", unit="rad/s^2", low=0.1, high=20.0)
    # Universal Robots publish no figure; their MoveIt configurations plan with 5. This is what joint moves may have.
    line_joint_acceleration: float = setting(4.0, "Every joint on a straight line.", unit="rad/s^2", low=0.1, high=20.0)
    linear_speed: float = setting(0.5, "TCP on a straight line.", unit="m/s", low=0.01, high=1.0)
    linear_acceleration: float = setting(1.5, "TCP on a straight line.", unit="m/s^2", low=0.1, high=5.0)
    descent_speed: float = setting(0.05, "TCP on a guarded descent.", unit="m/s", low=0.005, high=0.05)
    descent_length: float = setting(0.26, "Longest guarded descent.", unit="m", low=0.01, high=0.5)
    descent_force: float = setting(50.0, "Greatest force threshold of a descent.", unit="N", low=1.0, high=100.0)
    touch_speed: float = setting(0.02, "TCP on the descent of a touch.", unit="m/s", low=0.002, high=0.05)
    touch_force: float = setting(30.0, "Greatest force threshold of a touch.", unit="N", low=1.0, high=60.0)
    touch_depth: float = setting(0.015, "How far below what it touches it may aim.", unit="m", low=0.0, high=0.04)
    descent_contact: float = setting(0.015, "Greatest descent_contact of the jaw.", unit="m", low=0.0, high=0.02)
    grip_force: float = setting(100.0, "Greatest grip force.", unit="N", low=5.0, high=235.0)
    grip_speed: float = setting(0.15, "Greatest speed of the jaws.", unit="m/s", low=0.01, high=0.2)
    # The jaw bounds what it holds across its opening only. These are for objects of up to 300 mm, held near the middle
    # with the long side along the pads, or upright.
    held_radius: float = setting(0.16, "Reach of a held object along the pads, each way.", unit="m", low=0.0, high=0.5)
    held_half_width: float = setting(
        0.07, "Reach across them, and every way deeper below the tips than held_radius.", unit="m", low=0.0, high=0.3
    )
    held_hang: float = setting(0.28, "Greatest reach of a held object below the tips.", unit="m", low=0.0, high=0.5)
    wrist_sine: float = setting(0.1, "Least |sin q5| on a straight line.", low=0.0, high=1.0)
    elbow_sine: float = setting(0.1, "Least |sin q3| on a straight line.", low=0.0, high=1.0)
    shoulder_radius: float = setting(0.22, "Least distance of joint 5 from axis 1.", unit="m", low=0.0, high=1.0)
    start_tolerance: float = setting(0.02, "Joints of the plan's start from the arm's.", unit="rad", low=0.0, high=0.2)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class FlangeBody:
    """A capsule that is fixed to the flange beside the gripper: its axis from start to end, and its radius."""

    name: str
    start: tuple[float, float, float] = setting((0.0, 0.0, 0.0), "In the flange.", unit="m", low=-1.0, high=1.0)
    end: tuple[float, float, float] = setting((0.0, 0.0, 0.0), "In the flange.", unit="m", low=-1.0, high=1.0)
    radius: float = setting(0.03, "Around that line.", unit="m", low=0.001, high=0.3)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class Cell:
    """Everything that planning and safety know of the cell."""

    arm: str = setting("ur10", "Model of the arm.", choices=tuple(ARMS))
    workspace: Workspace = field(default_factory=Workspace)
    """Where the heap lies."""
    fetch_border: float = setting(0.0, "So far out of the workspace strays are fetched.", unit="m", low=0.0, high=0.2)
    tool: str = setting("jaw", "What hangs at the flange: the parallel gripper or the cup.", choices=TOOLS)
    gripper: GripperGeometry = field(default_factory=GripperGeometry)
    """The parallel gripper."""
    cup: CupShape = field(default_factory=CupShape)
    """The suction cup."""
    tote: Tote = field(default_factory=Tote)
    """Where the objects go."""
    keep_out: tuple[Box, ...] = ()
    """Boxes that neither arm nor tool may touch: mast, camera, and whatever else stands there."""
    flange_bodies: tuple[FlangeBody, ...] = ()
    """What hangs at the flange beside the gripper; a camera on the flange comes from the hand-eye, see `carrying`."""
    home: tuple[float, ...] = setting(_HOME, "Looking pose over the tote.", unit="rad", low=-7.0, high=7.0)
    # A calibrated UR differs from its data sheet by some millimetres; another model by tens of them.
    arm_tolerance: float = setting(0.015, "Controller's TCP against the model's.", unit="m", low=0.001, high=0.1)
    arm_tolerance_angle: float = setting(0.026, "The same (1.5 degrees).", unit="rad", low=0.001, high=0.2)
    motion: MotionSettings = field(default_factory=MotionSettings)
    """How the planner moves."""
    limits: Limits = field(default_factory=Limits)
    """What the safety check enforces."""

    def __post_init__(self) -> None:
        validate(self)
        if len(self.home) != 6:
            raise SettingsError(f"Cell.home is {self.home}; it must hold six joint angles [rad].")
        for box in self.keep_out:
            if not np.isfinite([*box.low, *box.high]).all() or not (np.array(box.low) < box.high).all():
                raise SettingsError(f"Keep-out box {box.name!r}: low {box.low} must be below high {box.high}.")

    @property
    def kinematics(self) -> UrKinematics:
        """The arm's nominal kinematics, that of its data sheet."""
        return UrKinematics(ARMS[self.arm])

    def carrying(self, hand_eye: HandEye) -> Cell:
        """The cell with a camera on the flange among what the arm must not hit anything with."""
        own = tuple(body for body in self.flange_bodies if body.name not in CAMERA_BODIES)
        return replace(self, flange_bodies=(*own, *hand_eye.flange_bodies))

    @property
    def hand(self) -> GripperGeometry | CupShape:
        """What hangs at the flange, see `tool`."""
        return self.cup if self.tool == "suction" else self.gripper

    @property
    def T_flange_tcp(self) -> Transform:
        """Pose (4, 4) [m] in the flange of the point between the closed fingertips, or of the middle of the lip."""
        return transform(np.eye(3), (0.0, 0.0, self.hand.tcp_offset))


@dataclass(frozen=True)
class HandEye:
    """Hand-eye calibration: the pose of the camera's colour optical frame in base or in the flange."""

    mount: str = setting("fixed", "fixed: parent is base; flange: parent is the flange.", choices=("fixed", "flange"))
    position: tuple[float, float, float] = setting((0.85, 0.0, 0.85), "Of the camera.", unit="m", low=-5.0, high=5.0)
    quaternion: tuple[float, float, float, float] = setting(
        (-0.70239184, -0.70239184, 0.08152121, 0.08152121), "Of the camera, xyzw.", low=-1.0, high=1.0
    )
    # The colour sensor of a D435 stands 32.5 mm beside the middle of its 90 x 25 x 25 mm, 4 mm behind the glass.
    housing_low: tuple[float, float, float] = setting(
        (-0.0125, -0.0125, -0.021), "Camera's housing in its optical frame.", unit="m", low=-0.5, high=0.5
    )
    housing_high: tuple[float, float, float] = setting(
        (0.0775, 0.0125, 0.004), "Camera's housing in its optical frame.", unit="m", low=-0.5, high=0.5
    )
    housing_margin: float = setting(
        0.02, "Around housing and bracket: screws, plug and cable.", unit="m", low=0.0, high=0.2
    )
    measured: HandEyeRecord = field(default_factory=HandEyeRecord)  # how it was found, for check and person

    def __post_init__(self) -> None:
        far = max(abs(value) for value in self.position)
        if 5.0 < far <= 1e4:
            raise SettingsError(
                f"position is {list(self.position)}; allowed: -5 to 5 m: are these millimetres? Divide them by 1000.",
                "position",
            )
        length = float(np.linalg.norm(self.quaternion))
        if not abs(length - 1.0) < 0.02:
            raise SettingsError(
                f"quaternion is {list(self.quaternion)}, of length {length:.3g}; it must have length 1 and the "
                "order x, y, z, w: are these angles or a rotation vector?",
                "quaternion",
            )
        validate(self)
        if not (np.array(self.housing_low) < self.housing_high).all():
            raise SettingsError(
                f"housing_low {self.housing_low} must be below housing_high {self.housing_high} on every axis.",
                "housing_low",
            )

    @property
    def flange_bodies(self) -> tuple[FlangeBody, ...]:
        """Housing and bracket as capsules in the flange; none where the camera does not hang there."""
        if self.mount != "flange":
            return ()
        low, high = np.array(self.housing_low), np.array(self.housing_high)
        middle, half = (low + high) / 2, (high - low) / 2
        along = half * (np.arange(3) == np.argmax(half))  # the axis runs along the longest side, from face to face
        radius = float(np.linalg.norm(half - along)) + self.housing_margin
        T = self.T_parent_camera
        start, centre, end = (T[:3, :3] @ p + T[:3, 3] for p in (middle - along, middle, middle + along))
        return (
            FlangeBody("camera", _xyz(start), _xyz(end), radius),
            FlangeBody("camera bracket", (0.0, 0.0, 0.0), _xyz(centre), self.housing_margin + BRACKET_RADIUS),
        )

    @property
    def T_parent_camera(self) -> Transform:
        """Pose (4, 4) [m] of the camera in base (mount `fixed`) or in the flange (mount `flange`)."""
        return from_xyz_quat(self.position, self.quaternion)

    def T_base_camera(self, T_base_flange: Transform | None = None) -> Transform:
        """Pose (4, 4) [m] of the camera in base; one on the flange needs the flange's pose (4, 4) at the exposure.

        Raises:
            SettingsError: the camera is on the flange and its pose is missing.
        """
        if self.mount == "fixed":
            return self.T_parent_camera
        if T_base_flange is None:
            raise SettingsError("The camera is on the flange: give the flange's pose at the frame's exposure.")
        return T_base_flange @ self.T_parent_camera


def _xyz(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in point)
    return x, y, z


def load_cell(path: str | os.PathLike[str] | None = None) -> Cell:
    """The cell of a file, by default of `config/cell.yaml`."""
    return load_settings(Cell, path or config_dir() / "cell.yaml")


def load_hand_eye(path: str | os.PathLike[str] | None = None) -> HandEye:
    """The hand-eye calibration of a file, by default of `config/hand_eye.yaml`."""
    return load_settings(HandEye, path or config_dir() / "hand_eye.yaml")
