"""A table with board and cylinder, touched by jaws whose true place nobody was told; and who answers there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.devices.arm import ArmState, MoveResult, MoveStatus
from gpnet_ros.devices.fake import FakeArm
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.kinematics import ARMS, UrKinematics
from gpnet_ros.motion import Move
from gpnet_ros.picking.touch.toucher import side_of, yaw_pose
from gpnet_ros.pose import Transform, invert, to_xyz_quat, transform
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.cell.arm import calibrated_dh
from gpnet_ros.touch_look import chosen_corners
from gpnet_ros.touch_off import Probe, Sighting, Touch, TouchErrors, errors_of

CELL, CAMERA = load_cell(), D435_640x480
#: Inner corners of an 8 x 5 board of 33 mm.
POINTS = np.stack(np.meshgrid(np.arange(1, 8), np.arange(1, 5)), axis=-1).reshape(-1, 2) * 0.033
#: Stiffness of what is met [N/m], and how deep the tips are in it when they stand [m].
STIFFNESS, PRESSED = 20_000.0, 0.0008


@dataclass
class TouchWorld:
    """Hidden truths of one trial, by its seed, and a hand-eye that is `off` [m] by that much in a random direction.

    The tips stand up to 1 mm beside and above where the cell has them, and the table up to 6 mm from its height.
    """

    seed: int
    off: float = 0.0
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng = np.random.default_rng([22, self.seed])
        self.T_base_camera = load_hand_eye().T_base_camera()
        way = rng.normal(size=3)
        T = self.T_base_camera.copy()
        T[:3, 3] += self.off * way / np.linalg.norm(way)
        position, quaternion = to_xyz_quat(T)
        self.hand_eye = HandEye(position=tuple(position.tolist()), quaternion=tuple(quaternion.tolist()))
        self.table = float(rng.uniform(-0.006, 0.006))
        self.tips = rng.uniform(-0.001, 0.001, 3)
        self.radius, self.tall = float(rng.uniform(0.025, 0.045)), float(rng.uniform(0.04, 0.09))
        self.cylinder = np.array([0.76, 0.04]) + rng.uniform(-0.008, 0.008, 2)
        turn = np.pi / 2 + rng.uniform(-0.15, 0.15)
        self.R = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), -np.cos(turn)]])  # y of the print runs down
        place = np.array([0.60, 0.0]) + rng.uniform(-0.01, 0.01, 2)
        flat = place + (POINTS - POINTS.mean(axis=0)) @ self.R.T
        self.corners = np.column_stack([flat, np.full(len(flat), self.table)])
        self.kinematics = UrKinematics(calibrated_dh(1 + self.seed, ARMS[CELL.arm]))

    def tip(self, T_base_tcp: Transform) -> NDArray[np.float64]:
        """Where the middle of the closed tips truly is (3,) [m] when the controller reports this pose."""
        return T_base_tcp[:3, :3] @ self.tips + T_base_tcp[:3, 3]

    def contact(self, T_base_tcp: Transform) -> float:
        """Height [m] of the TCP, as reported, at which the tips meet something below this pose."""
        tip, gripper = self.tip(T_base_tcp), CELL.gripper
        beside = (self.cylinder - tip[:2]) @ T_base_tcp[:2, :2]
        away = np.maximum(np.abs(beside) - (gripper.finger_thickness, gripper.pad_width / 2), 0.0)
        ground = self.table + (self.tall if np.linalg.norm(away) < self.radius else 0.0)
        return ground - float(tip[2] - T_base_tcp[2, 3])

    def read(self, corner: int, T_base_tcp: Transform) -> tuple[float, float]:
        """What a person reads beside a corner [m]: by half millimetres, and half a millimetre off."""
        beside = (self.tip(T_base_tcp)[:2] - self.corners[corner, :2]) @ self.R
        read = np.round((beside + self.rng.normal(scale=0.0005, size=2)) * 2e3) / 2e3
        return float(read[0]), float(read[1])

    def pixels(self) -> NDArray[np.float64]:
        """Where the corners are found, 0.3 px off."""
        T = invert(self.T_base_camera)
        return CAMERA.project(self.corners @ T[:3, :3].T + T[:3, 3]) + self.rng.normal(scale=0.3, size=(len(POINTS), 2))

    def sighting(self) -> Sighting:
        """What a camera measures that errs as a D435 does after some exposures."""
        rng, T = self.rng, invert(self.T_base_camera)
        normal = T[:3, :3] @ Rotation.from_rotvec(rng.normal(scale=0.002, size=3)).apply([0.0, 0.0, -1.0])
        at = T[:3, :3] @ self.corners.mean(axis=0) + T[:3, 3]
        plane = np.array([*normal, normal @ at + rng.normal(scale=0.0005)])
        # A D435 loses a band along edges, more on one side: the middle of a top is 1 to 2 mm off, its radius too small.
        aside, lost = rng.normal(size=2), rng.uniform(0.001, 0.005)
        middle = self.cylinder + 0.0015 * aside / np.linalg.norm(aside) + rng.normal(scale=0.0004, size=2)
        top = T[:3, :3] @ [*middle, self.table + self.tall] + T[:3, 3]
        seen = [*CAMERA.project(top), top[2] + rng.normal(scale=0.0005), self.radius - lost]
        return Sighting(CAMERA, None, plane, POINTS, self.pixels(), np.array(seen))

    def met(self, T_base_tcp: Transform, depth: float = 0.012) -> tuple[Transform, bool]:
        """Where a descent that aims `depth` [m] below a pose ends, and whether by contact."""
        T = T_base_tcp.copy()
        low = float(T[2, 3]) - depth
        T[2, 3] = max(low, self.contact(T_base_tcp) - PRESSED)
        return T, bool(T[2, 3] > low)


def measured(world: TouchWorld) -> tuple[Sighting, list[Touch], list[Probe]]:
    """All that a touch-off measures, without an arm."""
    sighting, touches, probes = world.sighting(), [], []
    corners = sighting.corners(world.hand_eye)
    for k, row in enumerate(chosen_corners(corners, CELL.workspace)[:6]):
        T, hit = world.met(yaw_pose(corners[row], 1.3 + k * np.pi / 2))
        assert hit
        touches.append(Touch(row, T, 18.0, np.array(world.read(row, T))))
    top = sighting.cylinder_top(world.hand_eye)

    def meets(beside: NDArray[np.float64]) -> bool:
        aim = yaw_pose(top, 1.3)
        aim[:2, 3] += aim[:2, :2] @ beside
        T, hit = world.met(aim)
        probes.append(Probe(T, hit, 18.0 if hit else 0.5))
        return hit

    assert meets(np.zeros(2))
    halves = (CELL.gripper.finger_thickness, CELL.gripper.pad_width / 2)
    for axis, sign in ((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)):
        way = sign * np.eye(2)[axis]
        side_of(lambda at, way=way: meets(at * way), float(sighting.cylinder[3]) + halves[axis])
    return sighting, touches, probes


def errors(world: TouchWorld) -> TouchErrors:
    """The errors of a touch-off in this world."""
    return errors_of(*measured(world), world.hand_eye)


class TouchingArm(FakeArm):
    """A fake arm with true kinematics of its own whose descents end where they meet something."""

    def __init__(self, world: TouchWorld, cell: Cell = CELL) -> None:
        super().__init__(cell, auto_resume=True, true_kinematics=world.kinematics)
        self.world = world

    def state(self) -> ArmState:
        """The state, with a serial number."""
        from dataclasses import replace

        return replace(super().state(), serial="20200000001")

    def move(self, move: Move, cancelled: Any) -> MoveResult:
        """Jump to the goal, or to what is met on the way down."""
        if move.kind != "descend":
            return super().move(move, cancelled)
        assert move.T_base_tcp is not None and move.force_limit is not None
        T = move.T_base_tcp.copy()
        T[2, 3] = max(float(T[2, 3]), self.world.contact(T) - PRESSED)
        self.moves.append(move)
        assert self._jump(Move(move.name, "linear", move.speed, move.acceleration, T_base_tcp=T))
        hit = bool(T[2, 3] > move.T_base_tcp[2, 3])
        status = MoveStatus.CONTACT if hit else MoveStatus.ARRIVED
        return MoveResult(status, "", self.state().T_base_tcp, 1.2 * move.force_limit if hit else 0.5)


class WorldCamera:
    """Frames of the world: depth by rays onto table and cylinder, colour white; its corners come from `corners`."""

    def __init__(self, world: TouchWorld, noise: Any = None) -> None:
        self.world, self.noise = world, noise
        self._depth = true_depth(world)

    def read(self, timeout: float | None = None) -> Frame:
        """A frame, with noise where there is any."""
        depth = self._depth if self.noise is None else self.noise(self._depth)
        color = np.full((*self._depth.shape, 3), 200, np.uint8)
        return Frame(color, depth.astype(np.float32), CAMERA)

    def corners(self, _: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The corners in the board's frame and their pixels, as `find_board` has them."""
        return POINTS, self.world.pixels()


def true_depth(world: TouchWorld, camera: Intrinsics = CAMERA) -> NDArray[np.float64]:
    """Depth (H, W) [m] of table and cylinder; its side is taken for vertical as seen."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = camera.deproject(np.stack([u, v], axis=-1), np.ones(u.shape))
    T = world.T_base_camera
    ways = rays @ T[:3, :3].T

    def at(height: float) -> NDArray[np.float64]:
        return (height - T[2, 3]) / ways[..., 2]

    depth = at(world.table)
    for height in np.linspace(world.table, world.table + world.tall, 12):
        t = at(height)
        xy = ways[..., :2] * t[..., None] + T[:2, 3]
        depth = np.where(np.linalg.norm(xy - world.cylinder, axis=-1) < world.radius, np.minimum(depth, t), depth)
    return depth


class Script:
    """In a person's place: says yes to all, and reads beside corners; ends after so many words."""

    def __init__(self, world: TouchWorld, arm: Any, words: int = 10_000, lies: bool = False) -> None:
        self.world, self.arm, self.words, self.lies = world, arm, words, lies
        self.asked: list[str] = []
        self.told: list[str] = []
        self.homeward: list[str] = []
        self.goes_home = True

    def word(self, what: str) -> bool:
        """Yes; who has ended leaves the arm where it is unless they are said to let it go home."""
        from gpnet_ros.errors import BadInput

        if "up and home" in what:
            self.homeward.append(what)
            return self.goes_home
        self.asked.append(what)
        if len(self.asked) > self.words:
            raise BadInput("Ended by a person.")
        return True

    def aside(self, what: str) -> tuple[float, float]:
        """What is read, or 0 0 from somebody who does not look."""
        if self.lies:
            return 0.0, 0.0
        T = self.arm.state().T_base_tcp
        nearest = int(np.argmin(np.linalg.norm(self.world.corners[:, :2] - T[:2, 3], axis=1)))
        return self.world.read(nearest, T)

    def tell(self, what: str) -> None:
        """Remember it."""
        self.told.append(what)


def flat_pose(x: float, y: float, z: float) -> Transform:
    """T_base_tcp (4, 4) straight down at a point [m]."""
    return transform(np.diag([1.0, -1.0, -1.0]), (x, y, z))
