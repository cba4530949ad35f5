"""Camera model of the simulated RealSense D435."""

from __future__ import annotations

from gpnet_ros.frame import Intrinsics

#: Colour stream of a D435 at 640x480, to which depth is aligned: a typical factory calibration
#: (units differ by about 1 %). The full 16:9 sensor has a horizontal field of view of 69 degrees
#: (Intel RealSense D400 series data sheet); 4:3 modes crop its sides, hence about 55 degrees.
D435_640x480 = Intrinsics(width=640, height=480, fx=615.0, fy=615.0, cx=320.0, cy=240.0)
