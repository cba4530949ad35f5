"""The whole examination: all parts of a cell, one after the other. It moves nothing, and writes to no register.

Nothing here needs ROS, a robot or a camera to be there; what is missing is a finding.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros import computer
from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.computer import Times
from gpnet_ros.devices.camera import Camera
from gpnet_ros.devices.digital_gripper import DigitalGripperSettings, ValveSettings
from gpnet_ros.devices.doctor import camera as camera_part
from gpnet_ros.devices.doctor import gripper as gripper_part
from gpnet_ros.devices.doctor import reach, registers, robot
from gpnet_ros.devices.doctor.reach import RobotFacts, reach_robot
from gpnet_ros.devices.onrobot import OnRobotSettings
from gpnet_ros.devices.realsense import RealSenseCamera, RealSenseSettings
from gpnet_ros.devices.robotiq import RobotiqSettings
from gpnet_ros.errors import SettingsError
from gpnet_ros.finding import Finding, Trouble, skipped, troubles_of
from gpnet_ros.network import doctor as torch_part
from gpnet_ros.nodes.doctor import dds, domain, ros, topic_camera
from gpnet_ros.nodes.parameters.params_file import ParamsFile
from gpnet_ros.pose import Transform
from gpnet_ros.settings import config_dir, load_settings

#: Parts in the order in which they are looked at, and the groups of those that a person may leave out by one word.
ROBOT = ("rtde", "model", "polyscope", "remote", "registers", "safety", "payload", "tcp")
PARTS = ("python", "numpy", "opencv", "torch", "ros", "cv_bridge", "dds", "domain", "disk", *ROBOT, "gripper", "camera",
         "clock")  # fmt: skip
GROUPS = {"robot": (*ROBOT, "gripper")}
#: Least time for an answer of the gripper [s]; nothing waits for it here.
PATIENCE = 3.0
_MODULES = (computer, torch_part, ros, dds, domain, reach, robot, registers, gripper_part, camera_part, topic_camera)
#: Every trouble that is known, in the order of the parts.
TROUBLES: tuple[Trouble, ...] = tuple(
    sorted(
        (trouble for module in _MODULES for trouble in troubles_of(vars(module))),
        key=lambda trouble: PARTS.index(trouble.part),
    )
)


@dataclass(frozen=True)
class VisitSettings:
    """What is examined, by the names of the nodes' parameters; see `gpnet params` for each."""

    robot_ip: str = "127.0.0.1"
    gripper: str = "robotiq"
    gripper_file: str = ""
    cell_file: str = ""
    hand_eye_file: str = ""
    source: str = "realsense"
    serial: str = ""
    camera_prefix: str = "/camera/camera"
    bag_file: str = ""
    run_dir: str = ""
    width: int = 640
    height: int = 480
    fps: int = 15
    model: str = "gpnet"
    device: str = "auto"
    runtime: str = "auto"
    precision: str = "float32"
    record_dir: str = "runs/decisions"
    namespace: str = ""
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parts that are none."""
        known = {*PARTS, *GROUPS}
        unknown = sorted(set(self.without) - known)
        if unknown:
            raise SettingsError(f"without {', '.join(unknown)}: no such part; known: {', '.join(sorted(known))}.")

    @property
    def left_out(self) -> set[str]:
        """Parts that a person does not want to be looked at."""
        return {part for word in self.without for part in GROUPS.get(word, (word,))}


def settings_of(params_file: str = "", **given: Any) -> VisitSettings:
    """What nodes with this parameter file would use; given: what a person says beside, None or empty is nothing.

    Raises:
        SettingsError: the file cannot be read, or names what no node knows.
    """
    shipped = [str(config_dir() / f"{name}.yaml") for name in ("planner", "camera", "inference")]
    files = [params_file] if params_file else shipped
    values: dict[str, Any] = {}
    known = {field.name for field in fields(VisitSettings)}
    for file in files:
        for node in ("inference_node", "camera_node", "planner_node"):
            found = ParamsFile(file, str(given.get("namespace") or "")).values(node)
            values |= {name: value for name, value in found.items() if name in known}
    return VisitSettings(**(values | {name: value for name, value in given.items() if value not in (None, "", ())}))


class Visit:
    """One examination; it reads the cell's files first, and each part then on its own."""

    def __init__(self, settings: VisitSettings, environment: Mapping[str, str] | None = None) -> None:
        """Read the files; nothing is looked at yet.

        Args:
            settings: what is examined.
            environment: of the Python that imports libraries and joins ROS; None for that of this process.

        Raises:
            SettingsError: a file that is none.
        """
        self.settings, self.environment = settings, environment
        default = "cell_suction.yaml" if settings.gripper == "suction" else "cell.yaml"
        self.cell: Cell = load_cell(settings.cell_file or config_dir() / default)
        self.hand_eye: HandEye = load_hand_eye(settings.hand_eye_file or None)
        self.robot: RobotFacts | None = None

    def findings(self) -> Iterator[Finding]:
        """Look at one part after the other; those that are left out are told, too."""
        before, out = Times.now(), self.settings.left_out
        steps: tuple[tuple[str, Callable[[], list[Finding]]], ...] = (
            ("python", lambda: computer.examine_python(environment=self.environment)),
            ("numpy", lambda: computer.examine_numpy(self.environment)),
            ("opencv", lambda: computer.examine_opencv(self.environment)),
            ("torch", self._torch),
            ("ros", lambda: ros.examine_ros(self.environment)),
            ("cv_bridge", lambda: ros.examine_cv_bridge(self.environment)),
            ("dds", lambda: dds.examine_dds(self.environment, self.settings.source == "external")),
            ("domain", lambda: domain.examine_domain(self.settings.namespace, environment=self.environment)),
            ("disk", lambda: computer.examine_disk([Path(self.settings.record_dir), Path(tempfile.gettempdir())])),
            ("rtde", self._robot),
            ("gripper", self._gripper),
            ("camera", self._camera),
            ("clock", lambda: computer.examine_clock(before, Times.now())),
        )
        for name, look in steps:
            parts = ROBOT if name == "rtde" else (name,)
            if out >= set(parts) or (name == "rtde" and "rtde" in out):
                yield from (skipped(part, "Left out.") for part in parts)
                continue
            found = look()
            yield from (finding for finding in found if finding.part not in out)
            yield from (skipped(part, "Left out.") for part in parts if part in out)

    # --- robot ------------------------------------------------------------------------------------------
    def _torch(self) -> list[Finding]:
        s = self.settings
        return torch_part.examine_torch(s.model, s.device, self.environment, runtime=s.runtime, precision=s.precision)

    def _robot(self) -> list[Finding]:
        facts = reach_robot(self.settings.robot_ip, self.cell)
        if isinstance(facts, Finding):
            why = "Not looked at: the robot cannot be reached."
            return [facts, *robot.robot_unseen(why), *registers.registers_unseen(why)]
        self.robot = facts
        judged = robot.judge_robot(facts, self.cell)
        judged += registers.judge_registers(facts, self.settings.gripper in ("digital", "suction"))
        return sorted([*facts.findings, *judged], key=lambda finding: PARTS.index(finding.part))

    def _gripper(self) -> list[Finding]:
        s = self.settings
        if s.gripper == "robotiq":
            kept = load_settings(RobotiqSettings, s.gripper_file) if s.gripper_file else RobotiqSettings()
            return gripper_part.examine_robotiq(replace(kept, robot_ip=s.robot_ip, timeout=max(kept.timeout, PATIENCE)))
        if s.gripper == "onrobot":
            box = load_settings(OnRobotSettings, s.gripper_file) if s.gripper_file else OnRobotSettings()
            return gripper_part.examine_onrobot(box)
        if self.robot is None or self.robot.report is None:
            return [skipped("gripper", "Not looked at: its lines belong to the robot, which cannot be reached.")]
        kind = ValveSettings if s.gripper == "suction" else DigitalGripperSettings
        lines = load_settings(kind, s.gripper_file) if s.gripper_file else kind()
        return gripper_part.examine_digital(lines, self.robot.report.inputs, self.robot.report.outputs)

    # --- camera -----------------------------------------------------------------------------------------
    def _camera(self) -> list[Finding]:
        s = self.settings
        if s.source == "external":
            return topic_camera.examine_topics(s.camera_prefix, self.environment)
        if s.source != "realsense":
            camera, told = self._other_camera()
            return camera_part.examine_frames(camera, None, self._place(), told, live=False)
        wanted = RealSenseSettings(s.serial, "", s.width, s.height, s.fps)
        found, plugged = camera_part.examine_plug(wanted)
        if plugged is None or any(finding.state == "fault" for finding in found):
            return found
        camera = RealSenseCamera(replace(wanted, serial=plugged.serial))
        told = f"{plugged.name} {plugged.serial}, firmware {plugged.firmware}, USB {plugged.usb}"
        frames = camera_part.examine_frames(camera, (s.width, s.height), self._place(), told)
        return [*found, *(f for f in frames if not (found and f.part == "camera" and f.state == "ok"))]

    def _other_camera(self) -> tuple[Camera, str]:
        s = self.settings
        if s.source == "bag":
            return RealSenseCamera(RealSenseSettings(bag=s.bag_file)), f"Recording {s.bag_file}"
        from gpnet_ros.sim.cell.camera import SimCamera

        return SimCamera(Path(s.run_dir), hand_eye=self.hand_eye, cell=self.cell), "The simulated camera"

    def _place(self) -> tuple[Transform, Any, Transform | None] | None:
        """Where the camera should be; None for one on the flange of an arm that is not known to stand at home."""
        workspace = self.cell.workspace
        if self.hand_eye.mount == "fixed":
            return self.hand_eye.T_parent_camera, workspace, None
        if self.robot is None or "actual_q" not in self.robot.outputs:
            return None
        q = np.array(self.robot.outputs["actual_q"])
        if np.abs(q - self.cell.home).max() > self.cell.limits.start_tolerance:
            return None
        return self.hand_eye.T_parent_camera, workspace, self.cell.kinematics.forward(q)


def table_of_troubles() -> str:
    """The table of docs/doctor.md, in Markdown."""
    rows = ["| part | finding | state | what is seen | remedy |", "|---|---|---|---|---|"]
    rows += [f"| {t.part} | `{t.name}` | {t.state} | {t.sign} | {_plain(t.remedy)} |" for t in TROUBLES]
    return "\n".join(rows)


def _plain(remedy: str) -> str:
    """A remedy with what is filled in shown as it is named."""
    return remedy.replace("{", "*").replace("}", "*").replace("|", "\\|")
