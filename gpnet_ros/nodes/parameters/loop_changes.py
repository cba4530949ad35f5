"""How parameters of the planner change under its loop: never in a move, and no plan of before moves afterwards."""

from __future__ import annotations

from gpnet_ros.cell import load_cell
from gpnet_ros.errors import SettingsError
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.nodes.arriving.sights import Sights
from gpnet_ros.nodes.parameters.declared import PlannerSettings, cell_parameters, with_parameters
from gpnet_ros.nodes.showing.planner_outputs import Outputs
from gpnet_ros.picking.loop import PickingLoop


def require_speeds(settings: PlannerSettings) -> None:
    """Refuse a speed that no plan may have.

    Raises:
        SettingsError: it is above the limit of the cell file.
    """
    limits = load_cell(settings.cell_file or None).limits
    for name in ("joint_speed", "linear_speed", "descent_speed", "grip_speed"):
        value, limit = getattr(settings, name), getattr(limits, name)
        if not value <= limit:
            raise SettingsError(f"{name} is {value:g}; allowed: up to {limit:g}, its limit in the cell file.", name)


def selecting(settings: PlannerSettings) -> SelectSettings:
    """How candidates are selected by these parameters."""
    return SelectSettings(quality_min=settings.quality_min, compare=settings.compare)


class LoopChanges:
    """Keeps changes of parameters and moves of one loop apart, and hands new values on to whoever works by them."""

    def __init__(self, loop: PickingLoop, eyes: Sights, outputs: Outputs) -> None:
        self._loop, self._eyes, self._outputs = loop, eyes, outputs
        self._is_held = False

    def hold(self, names: set[str]) -> str:
        """Let no move begin until `let_go` where workspace or speeds change; why that cannot be now, or empty."""
        if not names & cell_parameters(PlannerSettings).keys():
            return ""
        reason = self._loop.rest.hold()
        self._is_held = not reason
        return reason

    def let_go(self) -> None:
        """Moves may begin again; harmless when nothing was held."""
        if self._is_held:
            self._loop.rest.let_go()
        self._is_held = False

    def apply(self, names: set[str], settings: PlannerSettings) -> None:
        """Decide by the new settings; what was decided by others, and does not move yet, never does."""
        picker = self._loop.picker
        self._eyes.valid_share_min = settings.valid_share_min
        picker.use(selecting(settings), settings.valid_share_min)
        if names & cell_parameters(PlannerSettings).keys():
            picker.use_cell(with_parameters(picker.attention.cell, settings))
            self._outputs.cell = picker.attention.cell
