"""clock_node: publishes /clock from the simulated cell, so that nodes with use_sim_time run on its time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from gpnet_ros.errors import GpnetError
from gpnet_ros.nodes import convert, params
from gpnet_ros.settings import setting, validate
from gpnet_ros.sim.state import StateReader


@dataclass(frozen=True)
class ClockSettings:
    """Parameters of clock_node."""

    run_dir: str = setting("", "Run folder of the simulated cell.")
    rate: float = setting(100.0, "Messages per second of wall time.", unit="1/s", low=1.0, high=1000.0)

    def __post_init__(self) -> None:
        validate(self)


class ClockNode(Node):
    """Copies the newest simulated time to /clock; a cell that has ended leaves the clock standing."""

    def __init__(self) -> None:
        super().__init__("clock_node")
        self.settings = params.declare(self, ClockSettings)
        self.reader = StateReader(Path(self.settings.run_dir))
        self.output = self.create_publisher(Clock, "/clock", 10)

    def tick(self) -> None:
        """Publish the simulated time of this instant."""
        state = self.reader.newest()
        if state is not None:
            self.output.publish(Clock(clock=convert.to_time(state.time)))


def main() -> None:
    """Run the node; its own time is the wall's, since it makes the other one."""
    rclpy.init()
    try:
        node = ClockNode()
        period = 1.0 / node.settings.rate
        while rclpy.ok():
            node.tick()
            time.sleep(period)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except GpnetError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
