"""The suction tool's two lines at the flange: the valve of its ejector, and its vacuum switch."""

from __future__ import annotations

from gpnet_ros.sim.cell.world import World
from gpnet_ros.sim.hand.cup import MujocoCup

#: Tool output 0 opens the valve; tool input 0 is on while the lip is sealed. Bits as in RTDE's words.
VALVE = SWITCH = 1 << 16


class Vacuum:
    """Valve and switch of the cup of a world."""

    def __init__(self, world: World) -> None:
        """Valve as the cup has it."""
        self.attach(world)

    def attach(self, world: World) -> None:
        """Go on with the cup of another world, which stands where this one stood."""
        assert isinstance(world.tool, MujocoCup)
        self._cup = world.tool

    def set_outputs(self, bits: int) -> None:
        """Open or shut the valve as the digital outputs say."""
        on = bool(bits & VALVE)
        if on != self._cup.valve:
            self._cup.set_valve(on)

    @property
    def digital_inputs(self) -> int:
        """Digital inputs that the switch drives."""
        return SWITCH if self._cup.vacuum else 0
