"""The shift that planner_node keeps, where its parameter `shift_dir` asks for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.robots import is_simulated
from gpnet_ros.nodes.parameters.declared import PlannerSettings
from gpnet_ros.picking.record import LoopListener
from gpnet_ros.picking.shift.lines import ShiftHead, check_name
from gpnet_ros.picking.shift.log import ShiftLog, slider_of


def shift_log(
    settings: PlannerSettings, listener: LoopListener, arm: Arm, cell: Cell, warn: Callable[[str], object]
) -> ShiftLog:
    """The log of a shift that begins now, in a folder of its own; a folder is made with the first line only.

    Args:
        settings: of the node; its speeds as a share of the cell file's are the shift's speed.
        listener: told everything, too.
        arm: asked for its speed slider.
        cell: with the node's speeds.
        warn: told of drift, and of what cannot be written.
    """
    now, s = datetime.now().astimezone(), settings
    share = cell.motion.joint_speed / load_cell(s.cell_file or None).motion.joint_speed
    head = ShiftHead(
        now.isoformat(timespec="seconds"), s.mode, is_simulated(s.robot), round(share, 3), "", s.cell_file,
        check_name(s.calibration_check_file), cell.tool,
    )  # fmt: skip
    folder = Path(s.shift_dir) / now.strftime("%Y%m%d-%H%M%S-%f")[:-3]
    return ShiftLog(listener, folder, head, lambda: slider_of(arm), warn)
