"""Every physical constant of the simulated cell, with its source.

Units are SI. Contact parameters follow the advice of the MuJoCo documentation ("Modeling",
section "Preventing slip"): elliptic cones, a large `impratio` and a Newton solver with a small
tolerance; the figures marked "tuned" were chosen on lifts of single objects.
"""

from __future__ import annotations

import numpy as np

# --- UR10 (CB3) -----------------------------------------------------------------------------------
#: Masses of the six links [kg]; Universal Robots, support article "DH parameters for calculations of kinematics
#: and dynamics". The DH table itself is `kinematics.UR10`.
UR10_LINK_MASS = (7.1, 12.7, 4.27, 2.0, 2.0, 0.365)
#: Centres of mass in the DH frame of each link [m]; same article.
UR10_LINK_COM = (
    (0.021, 0.0, 0.027),
    (0.38, 0.0, 0.158),
    (0.24, 0.0, 0.068),
    (0.0, 0.007, 0.018),
    (0.0, 0.007, 0.018),
    (0.0, 0.0, -0.026),
)
#: Greatest joint torques [Nm]; Universal Robots, support article "Max. joint torques".
UR10_TORQUE_MAX = (330.0, 330.0, 150.0, 56.0, 56.0, 56.0)
#: Joint range [rad]; UR10 data sheet: +-360 deg.
UR10_JOINT_RANGE = (-2 * np.pi, 2 * np.pi)

# --- Robotiq 2F-85 --------------------------------------------------------------------------------
# Robotiq, "2F-85 & 2F-140 Instruction Manual", section 6 (specifications).
GRIPPER_STROKE = 0.085  # greatest opening between the pads [m]
GRIPPER_TCP_Z = 0.1628  # flange to fingertips of the closed gripper [m]
GRIPPER_MASS = 0.925  # with coupling [kg]
GRIPPER_FORCE_RANGE = (20.0, 235.0)  # grip force [N]
GRIPPER_SPEED_RANGE = (0.020, 0.150)  # closing speed [m/s]
GRIPPER_FORCE = 40.0  # grip force that the cell uses, in the manual's range [N]
#: Pads: width and height as the 22 x 37.5 mm rubber pads of the manual's drawing.
PAD_WIDTH = 0.022  # along grasp y [m]
PAD_HEIGHT = 0.0375  # along grasp z [m]
PAD_THICKNESS = 0.006  # along grasp x [m]
FINGER_THICKNESS = 0.012  # pad and the finger behind it, along grasp x [m]
FINGER_LENGTH = 0.060  # from the tip up to the palm [m]; free depth between the fingers
PALM_SIZE = (0.130, 0.080, 0.060)  # bounding box of palm and linkages, x, y, z of the grasp frame [m]
FINGER_MASS = 0.050  # each moving finger, estimate; its inertia is dominated by FINGER_ARMATURE [kg]
FINGER_ARMATURE = 0.2  # inertia of spindle and linkage seen at the finger [kg]; tuned
FINGER_DAMPING = 20.0  # [N s/m]; tuned
FINGER_KP = 2000.0  # position drive of a finger [N/m]; tuned
FINGER_KV = 40.0  # [N s/m]; tuned

# --- contact --------------------------------------------------------------------------------------
TIMESTEP_SETTLE = 0.004  # [s]
TIMESTEP_GRASP = 0.002  # [s]
SOLVER_ITERATIONS = 50
SOLVER_TOLERANCE = 1e-8  # 1e-6 leaves 0.8 mm of penetration
IMPRATIO = 10.0  # MuJoCo documentation, "Preventing slip"
GRAVITY = 9.81  # [m/s^2]

CONDIM = 4  # sliding and torsional friction
OBJECT_FRICTION_RANGE = (0.4, 0.9)  # dry friction of plastics, wood, painted metal on each other
OBJECT_TORSION = 0.003  # [m]; tuned
OBJECT_ROLLING = 0.0001  # [m]; MuJoCo default
OBJECT_SOLREF = (0.005, 1.0)  # contact time constant [s], damping ratio; tuned
OBJECT_SOLIMP = (0.95, 0.99, 0.001, 0.5, 2.0)  # MuJoCo Menagerie, robotiq_2f85 (pads)
TABLE_FRICTION = 0.7
#: Rolling resistance of table and bin floor [m]: Coulomb's 0.5 mm of hard wood on hard wood, as in engineering
#: tables. Without it a can that is nudged rolls off any table.
FLOOR_ROLLING = 0.0005
FLOOR_CONDIM = 6  # sliding, torsional and rolling friction
BIN_FRICTION = 0.4  # smooth plastic on most things: the low end of OBJECT_FRICTION_RANGE
WALL_FRICTION = 0.1  # of the funnel walls that keep a falling heap together; low, so nothing leans
# MuJoCo Menagerie, robotiq_2f85: priority 1, solref .004 1, solimp .95 .99 .001.
PAD_FRICTION = (0.8, 0.005, 0.0001)
PAD_PRIORITY = 1
PAD_SOLREF = (0.004, 1.0)
PAD_SOLIMP = (0.95, 0.99, 0.001, 0.5, 2.0)

# --- cell -----------------------------------------------------------------------------------------
HEAP_CENTRE = (0.65, 0.0)  # on the table, world = base [m]
WORKSPACE_RADIUS = 0.20  # an object whose origin is farther from the heap's centre fell out [m]
TOTE_CENTRE = (0.0, -0.65)  # on the table [m]
TOTE_INNER = (0.36, 0.28)  # inside, along x and y [m]
TOTE_WALL_HEIGHT = 0.12  # [m]
TABLE_SIZE = (1.2, 1.2)  # top, centred on the heap [m]
#: Contact force at which a guarded descent stops [N]. Own choice: well above the noise of the force
#: estimate of a UR, well below the force at which its safety system would stop the arm by itself.
DESCENT_FORCE_MAX = 50.0
