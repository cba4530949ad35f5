"""One simulated UR controller on one IP: its ports and its loop in simulated time."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable

from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.ur_controller.dashboard import DashboardService
from gpnet_ros.ur_controller.faults import AdminService, Command, Faults
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.plant import Plant
from gpnet_ros.ur_controller.robot import FORCE_LIMIT, Robot
from gpnet_ros.ur_controller.robotiq import RobotiqService
from gpnet_ros.ur_controller.rtde import RtdeService
from gpnet_ros.ur_controller.script_port import ScriptService
from gpnet_ros.ur_controller.signals import Snapshot
from gpnet_ros.ur_controller.streams import STATE_PERIOD, StreamService, realtime_message, state_message
from gpnet_ros.ur_controller.wire import Ports, Service, wait

RTDE_PORT, DASHBOARD_PORT, GRIPPER_PORT, ADMIN_PORT = 30004, 29999, 63352, 29998
SCRIPT_PORTS = (30001, 30002, 30003)
# Time that the loop may spend on overdue cycles before it looks at the sockets again [s].
_CATCH_UP = 0.02
# A debt beyond this [s] is forgiven: the machine is too slow for the factor, and simulated time falls behind.
_FORGIVE = 2.0


class Controller:
    """A protocol simulator of a UR controller; it is not URSim and runs no PolyScope."""

    def __init__(
        self,
        plant: Plant,
        ip: str = "127.0.0.1",
        model: str = "ur10-cb3",
        factor: float = 1.0,
        force_limit: float = FORCE_LIMIT,
    ) -> None:
        """Open the ports; clients may connect from now on and are served by `serve`.

        Args:
            plant: the arm behind the controller.
            ip: loopback address, one per controller (127.0.0.0/8 all is this machine on Linux).
            model: a key of `model.MODELS`.
            factor: simulated seconds per second of wall time.
            force_limit: contact force that trips a protective stop [N].

        Raises:
            BadInput: unknown model, no loopback address, or a factor that is not positive.
            DeviceError: a port is taken.
        """
        if not _is_loopback(ip):
            raise BadInput(f"Address {ip!r} is not a loopback address: choose one such as 127.0.0.2.")
        if not (math.isfinite(factor) and factor > 0):
            raise BadInput(f"Speed factor {factor} is not usable: it must be a positive number such as 1.")
        self.ip, self.factor, self.plant = ip, factor, plant
        self.robot = Robot(plant, find_model(model), force_limit)
        self.rtde = RtdeService(self.robot)
        self.gripper = RobotiqService(self.robot, plant)
        script, self.admin = ScriptService(self.robot), AdminService()
        state = StreamService(self.robot, script, state_message, STATE_PERIOD)
        realtime = StreamService(self.robot, script, realtime_message)
        self._streams = (state, realtime)
        services: dict[int, Service] = dict(zip(SCRIPT_PORTS, (state, state, realtime), strict=True))
        dashboard = DashboardService(self.robot)
        services |= {
            RTDE_PORT: self.rtde,
            DASHBOARD_PORT: dashboard,
            GRIPPER_PORT: self.gripper,
        }
        try:
            self.network = Ports(ip, services)
            self._admin_port = Ports(ip, {ADMIN_PORT: self.admin})
        except OSError as error:
            raise DeviceError(f"A controller's port on {ip} is taken ({error}); choose another loopback IP.") from error
        self._faults = Faults(self.robot, self.rtde, self.gripper, self.network, dashboard)
        self.admin.commands |= self._faults.commands()

    @property
    def commands(self) -> dict[str, Command]:
        """Commands of the admin port; add to it what the world around the arm can do."""
        return self.admin.commands

    def serve(self, stop: Callable[[], bool]) -> None:
        """Run until `stop` says so; closes the ports at the end."""
        dt = self.robot.arm.dt
        owed, before = dt, time.monotonic()  # simulated time that is due [s], and the wall time of that sum
        try:
            while not stop():
                # Faster than life the cycles of one real period are done in one go. A loop that is late catches
                # up at twice its speed only: a client must keep the chance to react to what it sees.
                due = before + (max(1.0, self.factor) * dt - owed) / self.factor
                self._serve_sockets(until=max(due, before + dt / 2))
                now = time.monotonic()
                owed = min(owed + (now - before) * self.factor, _FORGIVE * max(1.0, self.factor))
                before = now
                if owed >= dt:
                    owed = self._advance(owed)
                    if not self.network.frozen:
                        self._publish()
                    self._faults.shown()
        finally:
            self.close()

    def _publish(self) -> None:
        """Tell the state at the end of a cycle to whoever listens."""
        snapshot = Snapshot(self.robot)
        self.rtde.publish(snapshot)
        for stream in self._streams:
            stream.publish(snapshot)

    def close(self) -> None:
        """Close all ports of the controller."""
        self.network.close()
        self._admin_port.close()

    def _serve_sockets(self, until: float) -> None:
        """Serve what arrives until the next cycle is due, then judge the watchdog."""
        groups = (self.network, self._admin_port)
        while True:
            left = until - time.monotonic()
            ready = wait(groups, left)
            for ports in groups:
                ports.serve(ready)
            if left <= 0 or not ready:
                break
        self.robot.check_watchdog()

    def _advance(self, owed: float) -> float:
        """Run one cycle or more of those that are due; what cannot be done in one go is owed further."""
        dt, end = self.robot.arm.dt, time.monotonic() + _CATCH_UP
        for _ in range(math.ceil(max(1.0, self.factor))):
            self.robot.cycle()
            owed -= dt
            if owed < dt or time.monotonic() > end:
                break
        return owed


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False
