"""When a frame may be decided on: it shows the heap as it is now, and the arm does not stand before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.detections import Detections
from gpnet_ros.devices.arm import Arm, ArmState
from gpnet_ros.errors import BadInput, DeviceError, FrameRefused, HandEyeRefused
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.maps import Maps
from gpnet_ros.occlusion import blocks_view
from gpnet_ros.pose import Transform, invert
from gpnet_ros.region import counted_in_workspace

#: Longest wait for one exposure before stop requests are looked at again [s].
_SLICE = 0.25
#: A frame so much older than it may be [s] is of a recording, or of a camera with another clock.
RECORDED = 3600.0
#: The clock of a bag stands still between two of its messages: a frame of the very time [s] that it shows counts.
_SAME_TIME = 1e-6
#: Longest wait [s] for a first camera model before the arm goes home: how to get there needs no camera.
_FIRST_LOOK = 5.0


@dataclass(frozen=True, eq=False)
class Sight:
    """One exposure with what the networks say of it, as far as a decision reads it.

    Attributes:
        frame: the exposure.
        maps: of it, for the jaw; None where a suction cup is decided on.
        depth_lead: by how much depth was exposed before the frame's stamp, which is that of colour [s].
        detections: of it, for a suction cup, and for the jaw where they say whose turn it is (priority `graspnext`).
    """

    frame: Frame
    maps: Maps | None
    depth_lead: float = 0.0
    detections: Detections | None = None


class Eyes(Protocol):
    """A source of frames with their maps."""

    def newest(self, timeout: float) -> Sight | None:
        """The newest exposure that was not handed out yet; None when none came in time [s].

        Raises:
            BadInput: something came that cannot be used; the message says why.
        """

    def why_none(self) -> str:
        """Why nothing came, for a person."""


class Attention:
    """Picks the exposures that count, for a camera on a mast or on the flange.

    Attributes:
        reason: why the newest exposure was not used; empty when it was.
        cell, valid_share_min: by which frames are judged; they may be exchanged, see `Picker.use_cell`.
    """

    def __init__(
        self,
        eyes: Eyes,
        arm: Arm,
        cell: Cell,
        hand_eye: HandEye,
        controller_clock: bool,
        valid_share_min: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Watch.

        Args:
            eyes, arm, cell, hand_eye: who looks, and where.
            controller_clock: frames carry the controller's own (simulated) time.
            valid_share_min: smallest share of valid depth pixels.
            now: the clock of the frames' stamps otherwise [s]; a replayed bag has its own.
        """
        self._now = now
        self.eyes, self.arm, self.cell, self.hand_eye = eyes, arm, cell, hand_eye
        self._controller_clock, self.valid_share_min = controller_clock, valid_share_min
        self._fresh_after, self._was_in_view = -np.inf, True
        self._read, self._read_at = -np.inf, time.monotonic()  # the frames' clock when it was read last, and when
        self._intrinsics: Intrinsics | None = None
        self._kept: Sight | None = None
        self.reason = ""

    def look(self, timeout: float, stopped: Callable[[], bool], refused: Callable[[str], None]) -> Sight | None:
        """The next exposure that may be decided on; None when none came in time or `stopped`; see `reason`.

        Args:
            timeout: longest wait [s].
            stopped: asked all the time.
            refused: told why an exposure cannot be used at all.

        Raises:
            HandEyeRefused: the camera cannot be where its calibration says.
        """
        end, self.reason = time.monotonic() + timeout, ""
        while not stopped():
            try:
                sight, self._kept = self._kept or self.eyes.newest(_SLICE), None
                if sight is not None:
                    self.check_frame(sight.frame)
                    self._intrinsics = sight.frame.intrinsics
                    self.reason = self._stale(sight)
                    if not self.reason:
                        self.check_hand_eye(sight.frame)
                        return sight
            except HandEyeRefused:  # no later frame can be better
                raise
            except BadInput as error:
                self.reason = str(error)
                refused(self.reason)
            if time.monotonic() > end:
                self.reason = self.reason or self.eyes.why_none()
                return None
        return None

    def look_ahead(self, stopped: Callable[[], bool]) -> None:
        """Judge the hand-eye before anything moves, as far as the camera model alone allows; for `look` to go on from.

        Raises:
            HandEyeRefused: a fixed camera cannot be where its calibration says.
        """
        end = time.monotonic() + _FIRST_LOOK
        while self._intrinsics is None and not stopped() and time.monotonic() < end:
            try:
                self._kept = self.eyes.newest(_SLICE)
            except HandEyeRefused:
                raise
            except BadInput:  # `look` tells it
                return
            if self._kept is not None:
                self._intrinsics = self._kept.frame.intrinsics
                self.check_hand_eye(self._kept.frame, by_surface=False)

    def check_frame(self, frame: Frame) -> None:
        """Refuse what no later look could use, wherever the arm stands.

        Raises:
            HandEyeRefused: a fixed camera cannot be where its calibration says.
            FrameRefused: its depth cannot be right where it counts: of a fixed camera, in the workspace.
        """
        self.check_hand_eye(frame, by_surface=False)  # first: where depth counts, and the arm is seen, depends on it
        if self.hand_eye.mount == "fixed":
            frame = counted_in_workspace(frame, self.hand_eye.T_base_camera(), self.cell.workspace)
        frame.check(self.valid_share_min)

    def check_mapless(self, frame: Frame) -> None:
        """Refuse a frame of which there are no maps, for a reason that the frame itself gives.

        Raises:
            HandEyeRefused, FrameRefused: see `check_frame`; or the network's usual view, the square of the workspace,
                cannot be cut out of it.
        """
        self.check_frame(frame)
        if self.hand_eye.mount == "fixed" and frame.intrinsics is not None:
            seen = (frame.intrinsics, frame.depth, self.hand_eye.T_parent_camera, self.cell.workspace)
            try:
                check_hand_eye(*seen, by_surface=False, centred=True)
            except HandEyeRefused as error:  # with another view it can be true
                raise FrameRefused(str(error)) from error

    def check_hand_eye(self, frame: Frame, by_surface: bool = True) -> None:
        """Refuse a hand-eye calibration that cannot be true.

        Args:
            frame: that the camera sees.
            by_surface: the arm is not in view and stands still. Before that is known, a fixed camera is judged by
                geometry alone, and one on the flange not at all.

        Raises:
            HandEyeRefused, FrameRefused: see `hand_eye_check.check_hand_eye`; from another pose than home a camera on
                the flange may well look elsewhere.
        """
        if frame.intrinsics is None:
            return
        seen = (frame.intrinsics, frame.depth, self.hand_eye.T_parent_camera, self.cell.workspace)
        if self.hand_eye.mount == "fixed":
            check_hand_eye(*seen, by_surface=by_surface)
            return
        state = self.arm_state()
        if state is None or not by_surface:
            return
        try:
            check_hand_eye(*seen, state.T_base_tcp @ invert(self.cell.T_flange_tcp))
        except HandEyeRefused as error:
            if np.abs(state.q - np.array(self.cell.home)).max() <= self.cell.limits.start_tolerance:
                raise
            raise FrameRefused(f"{error} Or is it the arm, which does not stand at home?") from error

    def note_view(self) -> None:
        """Let frames count from when the view was first seen to be free; call it between two steps of the arm."""
        state = self.arm_state()
        if state is None:
            return
        in_view = self._in_view(state)
        if in_view or self._was_in_view or self.hand_eye.mount == "flange":
            self._fresh_after = self.time_of(state)
        self._was_in_view = in_view

    def from_now(self) -> None:
        """Frames count from now on: nobody watched arm and heap meanwhile."""
        state = self.arm_state()
        if state is not None:
            self._fresh_after = self.time_of(state)
        elif not self._controller_clock:
            self._fresh_after = self._clock()

    def arm_state(self) -> ArmState | None:
        """The arm's state; None without an arm, as in a dry run."""
        try:
            return self.arm.state()
        except DeviceError:
            return None

    def is_arm_still(self) -> bool:
        """Whether the arm stands still, or there is none."""
        state = self.arm_state()
        return state is None or state.is_still

    def is_in_view(self) -> bool:
        """Whether the arm covers the workspace now, as far as it reports."""
        state = self.arm_state()
        return state is not None and self._in_view(state)

    def T_base_camera(self) -> Transform:
        """Pose (4, 4) [m] of the camera in base now.

        Raises:
            SettingsError: the camera is on the flange of an arm that does not report.
        """
        state = self.arm_state()
        if state is None:
            return self.hand_eye.T_base_camera()
        return self.hand_eye.T_base_camera(state.T_base_tcp @ invert(self.cell.T_flange_tcp))

    def _stale(self, sight: Sight) -> str:
        """Why this exposure does not show the heap as it is now; empty when it does."""
        state = self.arm_state()
        if state is not None and not state.is_still:
            return "The arm moves."
        if state is not None and self._in_view(state):
            self._fresh_after = self.time_of(state)
            return "The arm stands between camera and workspace; move it away, or let it go home."
        if not self._controller_clock:
            self._clock()  # it may have been set back
        late = self._fresh_after - (sight.frame.stamp - sight.depth_lead)
        if late < _SAME_TIME:
            return ""
        if late > RECORDED:
            return (
                f"The frame's stamp is {late:.0f} s old: is it a bag that is replayed? Set use_sim_time:=true and play "
                "it with --clock; else set the clocks of camera and planner to one time."
            )
        return f"The frame was exposed {late:.2f} s before the view was free, or before it was asked for."

    def _clock(self) -> float:
        """The clock of the frames' stamps [s].

        Where it was set back, as that of a bag is that begins anew, what was exposed since it was read last is later
        than all that was known then, whatever its stamp.
        """
        now, read_at = self._now(), time.monotonic()
        if now < self._read:
            self._fresh_after = min(self._fresh_after, now - (read_at - self._read_at))
        self._read, self._read_at = now, read_at
        return now

    def _in_view(self, state: ArmState) -> bool:
        """Whether the arm covers the workspace now; a camera on the flange sees nothing useful while it moves."""
        if self.hand_eye.mount == "flange":
            return not state.is_still
        if self._intrinsics is None:
            return False
        return blocks_view(state.q, self.cell, self.T_base_camera(), self._intrinsics)

    def time_of(self, state: ArmState) -> float:
        """When the arm was in this state, by the clock of the frames' stamps [s]."""
        return state.stamp if self._controller_clock else state.received - time.time() + self._clock()
