"""Every error this package raises on purpose.

A message names the value, what is allowed and the next step, in one sentence.
"""

from __future__ import annotations


class GpnetError(Exception):
    """Base of all errors of the package; commands print it as one sentence."""


class BadInput(GpnetError):
    """The user handed in something that cannot be used (exit status 2)."""


class FrameRefused(BadInput):
    """The frame cannot be trusted: wrong unit, wrong camera, too many holes, wrong size."""


class BagRefused(BadInput):
    """A bag is truncated or damaged, lacks a topic, holds an unknown type, or is of another camera."""


class HandEyeRefused(FrameRefused):
    """The camera cannot be where the hand-eye calibration says: nothing that is seen can be placed in base."""


class BoardNotSeen(BadInput):
    """The calibration board is not in the picture, too little of it, or it is another one."""


class HandEyeUnsolved(BadInput):
    """The views of a board give no hand-eye calibration that can be trusted."""


class SettingsError(BadInput):
    """A configuration file holds an unknown key or a value outside its bounds.

    Attributes:
        setting: name of the setting whose value is not allowed; empty when it is not about one.
    """

    def __init__(self, message: str, setting: str = "") -> None:
        """Args: message for a person, and the name of the setting that it begins with."""
        super().__init__(message)
        self.setting = setting


class ModelRefused(BadInput):
    """The weights, their card, or this machine's torch cannot be trusted."""


class NoDepth(GpnetError):
    """There is no usable depth at the place that was asked for."""


class NoClearance(GpnetError):
    """The open jaw does not fit around the object without touching its surroundings."""


class NotSeen(NoClearance):
    """What lies under the fingers or the palm has not been seen, and may be of any height."""


class Unreachable(GpnetError):
    """The arm cannot reach the pose."""


class UnsafePlan(GpnetError):
    """The safety check refused a motion plan; the message names the move and the limit."""


class DeviceError(GpnetError):
    """A camera, arm or gripper failed, stalled or was unplugged."""


class LinkLost(DeviceError):
    """The connection to a device is gone; nothing further was sent."""


class RobotStopped(DeviceError):
    """The robot is in a protective, emergency or safeguard stop, or waits for `resume`."""
