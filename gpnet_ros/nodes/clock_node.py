"""clock_node: the simulated cell's time as /clock, for simulations that run at another speed than life."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rosgraph_msgs.msg import Clock as ClockMessage

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.health.parts import Health, StillHealth
from gpnet_ros.nodes.parameters.declared import ClockSettings
from gpnet_ros.nodes.processes import start
from gpnet_ros.sim.cell.state import StateReader


class ClockNode(start.ManagedNode[ClockSettings]):
    """Publishes the time of the newest state; the other nodes follow it with use_sim_time."""

    def __init__(self) -> None:
        super().__init__("clock_node", ClockSettings)
        self.time = StillHealth()

    def configure(self) -> None:
        """Attach to the cell's states, waiting for the cell to begin."""
        end = time.monotonic() + self.settings.start_timeout
        while True:
            try:
                self.reader = StateReader(Path(self.settings.run_dir))
                break
            except DeviceError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        self.output: Any = self.create_publisher(ClockMessage, "/clock", start.SENSOR_QOS)

    def activate(self) -> None:
        """Publish, by the computer's own clock."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.timer = self.create_timer(1.0 / self.settings.rate, self.publish_time, clock=steady)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the clock: time stands still."""
        self.destroy_timer(self.timer)
        return super().on_deactivate(state)

    def publish_time(self) -> None:
        """Publish the time of the newest state."""
        newest = self.reader.newest()
        if newest is not None:
            self.output.publish(ClockMessage(clock=convert.to_time(newest.time)))
            self.time.tell(newest.time)

    def health(self) -> list[Health]:
        """Whether the cell's time goes on."""
        return [self.time.judge("clock", "the simulated cell")]


def main() -> None:
    """Run clock_node until it is told to end."""
    start.run(ClockNode)


if __name__ == "__main__":
    main()
