"""The controller's state: program, safety, power, registers and the arm, advanced cycle by cycle."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from gpnet_ros.ur_controller.arm import MotionGenerator
from gpnet_ros.ur_controller.model import Model
from gpnet_ros.ur_controller.plant import Plant, Vector
from gpnet_ros.ur_controller.program import Program
from gpnet_ros.ur_controller.tokens import ScriptError

_log = logging.getLogger(__name__)


class RuntimeState(IntEnum):
    """State of the program (RTDE guide, `runtime_state`)."""

    STOPPED, PLAYING, PAUSED = 1, 2, 4


class SafetyMode(IntEnum):
    """State of the safety system (RTDE guide, `safety_mode`)."""

    NORMAL, REDUCED, PROTECTIVE_STOP, SAFEGUARD_STOP, ROBOT_EMERGENCY_STOP = 1, 2, 3, 5, 7


class RobotMode(IntEnum):
    """State of power and brakes (RTDE guide, `robot_mode`)."""

    POWER_OFF, IDLE, RUNNING = 3, 5, 7


#: RTDE's `safety_status_bits` of each safety mode.
SAFETY_BITS = {
    SafetyMode.NORMAL: 0x1,
    SafetyMode.REDUCED: 0x2,
    SafetyMode.PROTECTIVE_STOP: 0x404,
    SafetyMode.SAFEGUARD_STOP: 0x410,
    SafetyMode.ROBOT_EMERGENCY_STOP: 0x4C0,
}
# UR user manual: a protective stop can be unlocked after 5 s.
UNLOCK_AFTER = 5.0
# CB3 safety settings, "default": force limit 150 N; e-Series likewise. A test or a cell may set another.
FORCE_LIMIT = 150.0
_LATE = 0.05  # ours: longest time between two passes of the loop that a watchdog counts [s]
_TOUCH = 10.0  # ours: force [N] that counts as contact for `tool_contact`


@dataclass
class Watchdog:
    """Stops the program when an input variable is not written for `period` seconds of wall time.

    Attributes:
        waited: wall time since the variable was last written [s].
        looked: when `waited` was last brought up to date.
    """

    name: str
    period: float
    action: str
    looked: float
    waited: float = 0.0


class Robot:
    """One controller without its sockets."""

    def __init__(self, plant: Plant, model: Model, force_limit: float = FORCE_LIMIT) -> None:
        """Begin powered, without a program; `force_limit` [N] trips a protective stop."""
        self.plant, self.model, self.force_limit = plant, model, force_limit
        self.arm = MotionGenerator(plant, 1.0 / model.frequency, model.joint_speed)
        self.inputs: dict[str, Any] = {}
        self.output_int, self.output_double = [0] * 48, [0.0] * 48
        self.output_bits = 0
        self.digital_outputs = self.digital_inputs = 0
        self.analog_out, self.analog_out_voltage = [0.0, 0.0], 0
        self.payload, self.payload_cog = 0.0, [0.0, 0.0, 0.0]
        self.runtime, self.safety, self.mode = RuntimeState.STOPPED, SafetyMode.NORMAL, RobotMode.RUNNING
        self.remote = True
        self.reduced = False  # whether the reduced mode is on while no stop is
        self.program: Program | None = None
        self.secondary: list[Program] = []
        self.watchdog: Watchdog | None = None
        self.reason = ""  # of the last stop
        self.when_power_goes: list[Callable[[], None]] = []  # who loses its power with the arm's
        self.contact_cycles = 0
        self.history: deque[Vector] = deque([np.array(plant.q)], maxlen=512)
        self._stopped_at = self._stopped_wall = 0.0
        self._allowed_force = force_limit

    # --- programs ---------------------------------------------------------------------------------------
    @property
    def unstopped(self) -> bool:
        """Whether no stop is active: normal or reduced mode."""
        return self.safety in (SafetyMode.NORMAL, SafetyMode.REDUCED)

    @property
    def accepts_programs(self) -> bool:
        """Whether a program may start: powered, not stopped, and in remote control."""
        return self.unstopped and self.mode == RobotMode.RUNNING and self.remote

    def start_program(self, program: Program) -> None:
        """Let a program run in place of the one that runs."""
        self.stop_program("another program was sent")
        self.program, self.runtime = program, RuntimeState.PLAYING

    def stop_program(self, reason: str) -> None:
        """End the program, if there is one; the arm brakes, and nothing starts again by itself."""
        if self.program is not None:
            _log.info("Program %s ended: %s", self.program.name, reason)
            self.reason = reason
        self.program, self.runtime, self.watchdog = None, RuntimeState.STOPPED, None
        self.arm.force_mode = None

    def play(self) -> bool:
        """Go on with a paused program; False if there is none or the robot is stopped."""
        if self.program is None or not self.unstopped or self.mode != RobotMode.RUNNING:
            return False
        self.runtime = RuntimeState.PLAYING
        return True

    def pause(self) -> bool:
        """Suspend the program, so that the arm brakes; False if none plays."""
        if self.runtime != RuntimeState.PLAYING:
            return False
        self.runtime = RuntimeState.PAUSED
        self.arm.interrupt()
        return True

    # --- safety and power -------------------------------------------------------------------------------
    def protective_stop(self, reason: str) -> None:
        """Stop: the arm brakes and the program is paused until somebody unlocks and plays."""
        if self.unstopped:
            self._halt(SafetyMode.PROTECTIVE_STOP, reason)

    def safeguard_stop(self) -> None:
        """Stop because the safeguard input opened."""
        if self.unstopped:
            self._halt(SafetyMode.SAFEGUARD_STOP, "safeguard stop")

    def emergency_stop(self) -> None:
        """Stop and cut the power: the program is lost."""
        self._halt(SafetyMode.ROBOT_EMERGENCY_STOP, "emergency stop")
        self.stop_program("emergency stop")
        self._cut_power()

    def set_reduced(self, on: bool) -> None:
        """Switch the reduced mode on or off; during a stop it shows once that is left."""
        self.reduced = on
        if self.unstopped:
            self._leave_stop()

    def release(self, resumes: bool = False) -> None:
        """Leave an emergency or safeguard stop; a program goes on by itself only after an automatic reset.

        Args:
            resumes: the safeguard resets automatically, so that a program it paused goes on.
        """
        guarded = self.safety == SafetyMode.SAFEGUARD_STOP
        if guarded or self.safety == SafetyMode.ROBOT_EMERGENCY_STOP:
            self._leave_stop()
        if resumes and guarded:
            self.play()

    def _leave_stop(self) -> None:
        self.safety = SafetyMode.REDUCED if self.reduced else SafetyMode.NORMAL

    def unlock(self) -> str:
        """Unlock a protective stop; returns the reason why it cannot be, or ""."""
        # Clients wait by their own clock, so the sooner of simulated and wall time counts.
        waited = max(self.plant.time - self._stopped_at, time.monotonic() - self._stopped_wall)
        if self.safety == SafetyMode.PROTECTIVE_STOP and waited < UNLOCK_AFTER:
            return "Cannot unlock protective stop until 5s after occurrence. Always inspect cause of protective stop"
        if self.safety == SafetyMode.PROTECTIVE_STOP:
            self._leave_stop()
            # An arm that still presses must be able to move away; pressing harder stops it again.
            self._allowed_force = max(self.force_limit, 1.2 * self._force())
        return ""

    def power(self, on: bool) -> None:
        """Switch power on, to idle with brakes closed, or off."""
        if not on:
            self.stop_program("power off")
            self._cut_power()
        elif self.unstopped and self.mode == RobotMode.POWER_OFF:
            self.mode = RobotMode.IDLE

    def release_brakes(self) -> None:
        """Go from idle to running."""
        if self.unstopped and self.mode != RobotMode.RUNNING:
            self.mode = RobotMode.RUNNING

    def _cut_power(self) -> None:
        self.mode = RobotMode.POWER_OFF
        for lose in self.when_power_goes:
            lose()

    def _halt(self, safety: SafetyMode, reason: str) -> None:
        _log.warning("Safety mode %d: %s", safety, reason)
        self.safety, self.reason = safety, reason
        self._stopped_at, self._stopped_wall = self.plant.time, time.monotonic()
        self.arm.interrupt()
        if self.runtime == RuntimeState.PLAYING:
            self.runtime = RuntimeState.PAUSED

    # --- inputs -----------------------------------------------------------------------------------------
    def receive_inputs(self, values: dict[str, Any]) -> None:
        """Take one RTDE input package; it feeds the watchdog of each variable in it, changed or not."""
        self.inputs.update(values)
        if self.watchdog is not None and self.watchdog.name in values:
            self.watchdog.waited = 0.0
        for group, shift in (("standard", 0), ("configurable", 8), ("tool", 16)):
            mask = values.get(f"{group}_digital_output_mask", 0)
            if mask:
                self.set_outputs(mask << shift, values.get(f"{group}_digital_output", 0) << shift)
        fraction = values.get("speed_slider_fraction", 1.0)
        if values.get("speed_slider_mask") and np.isfinite(fraction):
            self.arm.rate = float(np.clip(fraction, 0.0, 1.0))
        for i in range(2):
            if values.get("standard_analog_output_mask", 0) >> i & 1:
                self.analog_out[i] = float(values.get(f"standard_analog_output_{i}", 0.0))
                self.analog_out_voltage = int(values.get("standard_analog_output_type", 0))

    def set_outputs(self, mask: int, values: int) -> None:
        """Set the digital outputs of a mask: bits 0-7 standard, 8-15 configurable, 16-17 tool."""
        self.digital_outputs = self.digital_outputs & ~mask | values & mask
        self.plant.set_outputs(self.digital_outputs)

    def set_output_bit(self, index: int, value: bool) -> None:
        """Write one of the 64 boolean output registers."""
        self.output_bits = self.output_bits & ~(1 << index) | value << index

    def set_watchdog(self, name: str, frequency: float, action: str) -> None:
        """Set the watchdog of `rtde_set_watchdog` at `frequency` [Hz] of wall time, in which its client lives."""
        active = frequency > 0 and action.lower() != "ignore"
        self.watchdog = Watchdog(name, 1 / frequency, action.lower(), time.monotonic()) if active else None

    def check_watchdog(self) -> None:
        """Judge the watchdog; to be called in each pass of the loop, after everything that arrived has been read.

        A pass that comes late counts for little: while this process stood still the arm did too, and a client
        that waits for an answer is not to blame.
        """
        watchdog = self.watchdog
        if watchdog is None or self.runtime != RuntimeState.PLAYING:
            return
        now = time.monotonic()
        watchdog.waited += min(now - watchdog.looked, _LATE)
        watchdog.looked = now
        if watchdog.waited <= watchdog.period:
            return
        if watchdog.action == "pause":
            self.pause()
        else:
            self.stop_program(f"watchdog: {watchdog.name} was not written for {watchdog.period:.3f} s")

    # --- one cycle --------------------------------------------------------------------------------------
    def cycle(self) -> None:
        """Advance by one control period: programs, motion, physics, supervision."""
        try:
            if self.program is not None and self.runtime == RuntimeState.PLAYING:
                self.program.cycle()
                if self.program is not None and not self.program.running:
                    self.stop_program("the program ended")
        except ScriptError as error:
            self.stop_program(str(error))
        self._run_secondary()
        self.arm.finish_cycle()
        if self.arm.refused:
            self.protective_stop(self.arm.refused)
            self.arm.refused = ""
        force = self._force()
        self.contact_cycles = self.contact_cycles + 1 if force > _TOUCH else 0
        if force > self._allowed_force:
            self.protective_stop(f"contact force {force:.0f} N exceeds {self._allowed_force:.0f} N")
        elif force < self.force_limit:
            self._allowed_force = self.force_limit
        self.history.append(np.array(self.plant.q))

    def _force(self) -> float:
        return float(np.linalg.norm(self.arm.wrench()[:3]))

    def _run_secondary(self) -> None:
        for program in self.secondary:
            try:
                program.cycle()
            except ScriptError as error:
                _log.warning("Secondary program: %s", error)
                program.halt()
        self.secondary = [program for program in self.secondary if program.running]
