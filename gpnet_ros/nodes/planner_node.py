"""planner_node: from frame and maps to an object in the tote; topics and services around the picking loop."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger

from gpnet_ros.cell import Cell, load_hand_eye
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.robots import is_simulated, make_robot
from gpnet_ros.errors import DeviceError, SettingsError
from gpnet_ros.nodes.arriving.sights import Sights
from gpnet_ros.nodes.bags.decision_recorder import DecisionRecorder, setup_values
from gpnet_ros.nodes.bags.shift_record import shift_log
from gpnet_ros.nodes.health.checkup import Checkup
from gpnet_ros.nodes.health.parts import Health
from gpnet_ros.nodes.parameters.declared import PlannerSettings
from gpnet_ros.nodes.parameters.loop_changes import LoopChanges, require_speeds, selecting
from gpnet_ros.nodes.processes import start
from gpnet_ros.nodes.showing.frames import Frames
from gpnet_ros.nodes.showing.planner_outputs import Outputs
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.mode_gate import Connected, require_mode
from gpnet_ros.picking.record import LoopListener
from gpnet_ros.picking.shift.log import ShiftLog
from gpnet_ros.settings import config_dir


class PlannerNode(start.ManagedNode[PlannerSettings]):
    """Converts between topics and the loop; configure loads, activate connects, `~/resume` arms."""

    shares_with = ("inference_node", "oracle_node")

    def __init__(self) -> None:
        super().__init__("planner_node", PlannerSettings)
        self.simulated = is_simulated(self.settings.robot)
        self.loop: PickingLoop | None = None
        self.changes: LoopChanges | None = None
        self.recorder: DecisionRecorder | None = None
        self.shift: ShiftLog | None = None

    def configure(self) -> None:
        """Read cell and hand-eye, create topics; the limits in force are those until the next configure."""
        s = self.settings
        cell, hand_eye = self.cell(), load_hand_eye(s.hand_eye_file or None)
        connected = Connected(cell, s.hand_eye_file or str(config_dir() / "hand_eye.yaml"), s.camera_serial)
        serial = require_mode(s.mode, self.simulated, s.calibration_check_file, connected, s.calibration_max_age)
        s = self.settings
        arm, gripper = make_robot(s.robot, s.robot_ip, s.gripper, s.gripper_file, s.auto_resume, cell, serial)
        frames = Frames(self, s.tf, s.camera_frame, hand_eye, self.seconds())
        self.outputs = Outputs(self, cell, frames)
        how = LoopSettings(
            mode=s.mode, auto_resume=s.auto_resume, controller_clock=s.robot == "sim", max_picks=s.max_picks,
            failures_max=s.failures_max, look_timeout=s.look_timeout, valid_share_min=s.valid_share_min,
        )  # fmt: skip
        cup = cell.tool == "suction"
        eyes = Sights(self, s, with_maps=not cup, with_detections=cup or s.priority == "graspnext")
        listener = self._listener(eyes, setup_values(cell, hand_eye), arm, cell)
        self.loop = PickingLoop(arm, gripper, cell, hand_eye, eyes, listener, how, selecting(s), self._frame_clock())
        eyes.judge = self.loop.attention.check_mapless
        self.changes = LoopChanges(self.loop, eyes, self.outputs)
        self.checkup = Checkup(self, self.loop, eyes.exposures, self.outputs)

    def require(self, settings: PlannerSettings) -> None:
        """Refuse a speed above the limit of the cell file."""
        require_speeds(settings)

    def hold(self, names: set[str]) -> str:
        """Let no move begin until `let_go`; why that cannot be now, or empty."""
        return "" if self.changes is None else self.changes.hold(names)

    def let_go(self) -> None:
        """Moves may begin again."""
        if self.changes is not None:
            self.changes.let_go()

    def apply(self, names: set[str]) -> None:
        """Decide by the new settings."""
        if self.changes is not None:
            self.changes.apply(names, self.settings)

    def _listener(self, eyes: Sights, setup: dict[str, Any], arm: Arm, cell: Cell) -> LoopListener:
        """Who is told of the loop: the topics, and a bag and the shift's page if parameters ask for them."""
        self.recorder = self.shift = None
        s, warn = self.settings, self.get_logger().warning
        listener: LoopListener = self.outputs
        if s.record:
            folder = Path(s.record_dir)
            self.recorder = listener = DecisionRecorder(listener, lambda: eyes.last, folder, setup, warn)
        if s.shift_dir:
            self.shift = listener = shift_log(s, listener, arm, cell, warn)
        return listener

    def _frame_clock(self) -> Callable[[], float]:
        """The clock of the frames' stamps [s]: the node's own, which may be that of a bag.

        Raises:
            SettingsError: a real arm would move by frames of a bag.
        """
        if self.simulated or self.settings.mode == "dry_run":
            return self.seconds
        if self.get_parameter("use_sim_time").value:
            raise SettingsError(
                f"use_sim_time with robot 'ur' in mode {self.settings.mode!r}: a real arm never moves by "
                "the clock of a bag; use mode:=dry_run, or use_sim_time:=false."
            )
        return time.time  # also if somebody sets use_sim_time later

    def activate(self) -> None:
        """Connect and watch; nothing moves before a service is called."""
        assert self.loop is not None
        loop = self.loop
        loop.open()
        services = {"start": loop.start, "stop": loop.stop, "pause": loop.pause, "resume": loop.resume}
        for name, action in {**services, "pick": loop.pick}.items():
            self.create_service(Trigger, f"~/{name}", _trigger(action))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._arm_timer = self.create_timer(0.019, self.publish_arm, clock=steady)  # a little over the promised 50 Hz

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the arm, hold the grip, let go of the robot."""
        self.destroy_timer(self._arm_timer)
        for service in [s for s in self.services if s.srv_name.startswith(self.get_fully_qualified_name() + "/")]:
            if service.srv_type is Trigger:
                self.destroy_service(service)
        return super().on_deactivate(state)

    def halt(self) -> None:
        """Stop the arm, hold the grip, let go of the robot."""
        if self.loop is not None:
            self.loop.close()
        for kept in (self.recorder, self.shift):
            if kept is not None:
                kept.close()

    def publish_arm(self) -> None:
        """Joints and flange, 50 times a second."""
        try:
            assert self.loop is not None
            state = self.loop.arm.state()
        except DeviceError:
            return
        self.outputs.arm(state, self.loop.attention.time_of(state))

    def watch(self) -> None:
        """Publish the health; a planner whose loop has died is no longer active."""
        if self.is_active and self.loop is not None and self.loop.has_died:
            self.failure = "The picking loop died, see the log."
            self.outputs.refused(f"{self.failure} The planner is inactive now: activate it again or restart it.")
        super().watch()

    def health(self) -> list[Health]:
        """How arm, loop, input and inference are."""
        return self.checkup.parts()


def _trigger(action: Callable[[], tuple[bool, str]]) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
    def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = action()
        return response

    return answer


def main() -> None:
    """Run planner_node until it is told to end."""
    sys.setswitchinterval(0.001)  # the heartbeat thread gets its turn sooner while a picture is unpacked
    start.run(PlannerNode, nice=start.LEADS)


if __name__ == "__main__":
    main()
