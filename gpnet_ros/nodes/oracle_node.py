"""oracle_node: in place of inference_node, maps from the simulation's own truth; the ceiling of every network.

It never serves a robot: it reads the states that only a simulated cell publishes.
"""

from __future__ import annotations

from pathlib import Path

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps
from gpnet_ros.nodes.maps_node import MapsNode
from gpnet_ros.nodes.parameters.declared import OracleSettings, with_parameters
from gpnet_ros.nodes.processes import start
from gpnet_ros.sim.cell.oracle import Oracle


class OracleNode(MapsNode[OracleSettings]):
    """Answers the newest frame with the true maps of that instant."""

    patience = 10.0

    def __init__(self) -> None:
        super().__init__("oracle_node", OracleSettings)
        self.oracle: Oracle | None = None

    def apply(self, names: set[str]) -> None:
        """Look at another square from the next frame on."""
        if self.oracle is not None:
            self.oracle.cell = with_parameters(self.oracle.cell, self.settings)

    def configure(self) -> None:
        """Create topics, and look for the truth in the run folder."""
        super().configure()
        s = self.settings
        self.oracle = Oracle(Path(s.run_dir), self.cell(), load_hand_eye(s.hand_eye_file or None))

    def answer(self, frame: Frame) -> Maps | None:
        """The true maps at a frame's exposure; None when the cell's states of then are gone."""
        frame.check()
        assert self.oracle is not None
        return self.oracle.maps(frame)


def main() -> None:
    """Run oracle_node until it is told to end."""
    start.run(OracleNode, nice=start.SEES)


if __name__ == "__main__":
    main()
