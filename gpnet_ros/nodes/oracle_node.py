"""oracle_node: in place of inference_node, maps from the simulation's own truth; the ceiling of every network.

It never serves a robot: it reads the states that only a simulated cell publishes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.errors import GpnetError
from gpnet_ros.nodes import params, start
from gpnet_ros.nodes.exposures import Exposures
from gpnet_ros.nodes.map_outputs import MapOutputs
from gpnet_ros.settings import setting, validate
from gpnet_ros.sim.cell.oracle import Oracle


@dataclass(frozen=True)
class OracleSettings:
    """Parameters of oracle_node."""

    autostart: bool = setting(True, "Configure and activate at once.")
    run_dir: str = setting("", "Run folder of the simulated cell.")

    def __post_init__(self) -> None:
        validate(self)


class OracleNode(start.ManagedNode):
    """Answers the newest frame with the true maps of that instant."""

    def __init__(self) -> None:
        super().__init__("oracle_node")
        self.settings = params.declare(self, OracleSettings)
        self.worker: threading.Thread | None = None
        self.running = threading.Event()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Create topics."""
        self.outputs = MapOutputs(self)
        self.exposures = Exposures(self)
        self.oracle = Oracle(Path(self.settings.run_dir), load_cell(), load_hand_eye())
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer."""
        self.running.set()
        self.worker = threading.Thread(target=self.work, daemon=True)
        self.worker.start()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop answering."""
        self.halt()
        return super().on_deactivate(state)

    def halt(self) -> None:
        """End the worker."""
        self.running.clear()
        if self.worker is not None:
            self.worker.join(timeout=10.0)

    def work(self) -> None:
        """Answer the newest frame, again and again."""
        while self.running.is_set():
            exposure = self.exposures.newest(timeout=0.2)
            if exposure is None:
                continue
            try:
                frame = exposure.frame(need_camera=True)
                frame.check()
                maps = self.oracle.maps(frame)
                if maps is not None:
                    self.outputs.publish(frame, maps)
            except GpnetError as error:
                self.get_logger().warning(str(error), throttle_duration_sec=2.0)


def main() -> None:
    """Run the node."""
    start.run(OracleNode, nice=5)


if __name__ == "__main__":
    main()
