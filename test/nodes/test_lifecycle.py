"""Lifecycle of the nodes: shutdown and errors end the work first, and cleanup undoes configure."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from support.scenes import sight  # noqa: E402

from gpnet_ros.errors import DeviceError  # noqa: E402
from gpnet_ros.nodes import camera_node, inference_node, oracle_node, planner_node  # noqa: E402
from gpnet_ros.nodes.arriving.exposures import COLOR, DEPTH  # noqa: E402
from gpnet_ros.nodes.camera_node import CameraNode  # noqa: E402
from gpnet_ros.nodes.clock_node import ClockNode  # noqa: E402
from gpnet_ros.nodes.convert import from_time  # noqa: E402
from gpnet_ros.nodes.health.parts import Level  # noqa: E402
from gpnet_ros.nodes.planner_node import PlannerNode  # noqa: E402
from gpnet_ros.nodes.processes import start  # noqa: E402
from gpnet_ros.nodes.processes.starter import ros_environment  # noqa: E402
from gpnet_ros.nodes.replay_node import ReplayNode  # noqa: E402

DOMAIN = 67
SUCCESS = TransitionCallbackReturn.SUCCESS


def begun(*parameters: str) -> None:
    """ROS with parameters for the node that is made next."""
    os.environ.update(ros_environment(DOMAIN))
    words = [word for parameter in parameters for word in ("-p", parameter)]
    rclpy.init(args=["--ros-args", *words], domain_id=DOMAIN)


@pytest.fixture
def planner() -> Iterator[PlannerNode]:
    begun("robot:=fake", "mode:=run", "autostart:=false")
    node = PlannerNode()
    yield node
    node.halt()
    node.destroy_node()
    rclpy.try_shutdown()


def counts(node: Any) -> list[int]:
    return [len(list(of)) for of in (node.publishers, node.subscriptions, node.services, node.timers)]


def test_cleanup_undoes_configure_and_activate(planner: PlannerNode) -> None:
    bare = counts(planner)
    assert planner.trigger_configure() == SUCCESS
    configured = counts(planner)
    assert planner.trigger_activate() == SUCCESS
    active = counts(planner)
    for _ in range(2):
        assert planner.trigger_deactivate() == SUCCESS
        assert planner.trigger_cleanup() == SUCCESS
        assert counts(planner) == bare
        assert planner.trigger_configure() == SUCCESS
        assert counts(planner) == configured
        assert planner.trigger_activate() == SUCCESS
        assert counts(planner) == active
    assert configured[0] > bare[0]
    assert configured[1] > bare[1]
    assert active[2] > configured[2]


def test_a_shutdown_of_the_active_planner_stops_the_arm_and_takes_no_more_wishes(planner: PlannerNode) -> None:
    bare = counts(planner)
    assert planner.trigger_configure() == SUCCESS
    assert planner.trigger_activate() == SUCCESS
    assert planner.loop is not None and planner.loop._thread is not None
    assert planner.trigger_shutdown() == SUCCESS
    assert planner.loop._thread is None
    assert counts(planner) == bare


def test_an_error_stops_the_arm_too(planner: PlannerNode, monkeypatch: pytest.MonkeyPatch) -> None:
    assert planner.trigger_configure() == SUCCESS
    assert planner.trigger_activate() == SUCCESS
    assert planner.loop is not None
    closed: list[bool] = []
    close = planner.loop.close

    def broken() -> None:
        closed.append(True)
        close()
        if len(closed) == 1:
            raise RuntimeError("a defect")

    monkeypatch.setattr(planner.loop, "close", broken)
    assert planner.trigger_deactivate() == TransitionCallbackReturn.ERROR
    assert len(closed) == 2
    assert planner.loop._thread is None
    assert planner.trigger_configure() == SUCCESS  # as before configure


class Reads:
    """A camera whose `read` does what a test wants."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self.read, self.open, self.close = read, lambda: None, lambda: None


def broken() -> None:
    raise AttributeError("'ndarray' object has no attribute 'newbyteorder'")


def until(node: Any, condition: Callable[[], bool]) -> None:
    """Spin until something holds."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    end = time.monotonic() + 30.0
    while not condition():
        executor.spin_once(timeout_sec=0.1)
        assert time.monotonic() < end
    executor.remove_node(node)


def state_of(node: Any) -> str:
    return node._state_machine.current_state[1]


@pytest.mark.parametrize("dies", [True, False])
def test_a_worker_that_dies_takes_its_node_out_of_active_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], dies: bool
) -> None:
    begun("autostart:=false")
    node = CameraNode()
    wait = threading.Event()
    told: list[DiagnosticStatus] = []
    try:
        monkeypatch.setattr(
            camera_node, "make_camera", lambda s: Reads(broken if dies else lambda: wait.wait(0.1) or sight(0.0).frame)
        )
        lifecycle = f"{node.get_fully_qualified_name()}: lifecycle"

        def hear(message: DiagnosticArray) -> None:
            told.extend(status for status in message.status if status.name == lifecycle)

        node.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
        if dies:
            until(node, lambda: state_of(node) == "inactive" and bool(told) and "newbyteorder" in told[-1].message)
            assert told[-1].level == DiagnosticStatus.ERROR
            assert "Traceback" in capfd.readouterr().err
            monkeypatch.setattr(node.camera, "read", lambda: wait.wait(0.1) or sight(0.0).frame)
            assert node.trigger_activate() == SUCCESS  # a person's word
        until(node, lambda: bool(told) and told[-1].message == "active")
        assert state_of(node) == "active"
    finally:
        node.halt()
        node.destroy_node()
        rclpy.try_shutdown()


def broken_camera() -> None:
    raise DeviceError("The camera has stalled.")


@pytest.mark.parametrize("namespace", ["/", "/cell_a"])
def test_a_nodes_parts_bear_its_full_name_and_a_camera_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    os.environ.update(ros_environment(DOMAIN))
    words = ["-p", "autostart:=false", *(["-r", f"__ns:={namespace}"] if namespace != "/" else [])]
    rclpy.init(args=["--ros-args", *words], domain_id=DOMAIN)
    node = CameraNode()
    told: list[DiagnosticStatus] = []
    wait = threading.Event()
    reads = Reads(lambda: wait.wait(0.1) or sight(0.0).frame)
    try:
        monkeypatch.setattr(camera_node, "make_camera", lambda s: reads)
        node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: told.extend(m.status), 10)
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
        until(node, lambda: any(s.name.endswith("camera") and s.values[1].value > "0" for s in told))
        name = f"{namespace.rstrip('/')}/camera_node"
        assert {s.name for s in told} == {f"{name}: lifecycle", f"{name}: camera"}
        assert (told[-1].level, told[-1].message) == (DiagnosticStatus.OK, "ok")
        reads.read = broken_camera
        until(node, lambda: told[-1].level == DiagnosticStatus.WARN)
        assert told[-1].message == "No frames: The camera has stalled."
    finally:
        node.halt()
        node.destroy_node()
        rclpy.try_shutdown()


def test_a_defect_in_the_diagnostics_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun("autostart:=false")
    node = CameraNode()
    wait, told = threading.Event(), list[DiagnosticStatus]()
    try:
        monkeypatch.setattr(camera_node, "make_camera", lambda s: Reads(lambda: wait.wait(0.1) or sight(0.0).frame))
        monkeypatch.setattr(node, "health", broken)
        node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: told.extend(m.status), 10)
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
        until(node, lambda: any("newbyteorder" in status.message for status in told))
        assert state_of(node) == "active"
        assert "Traceback" in capfd.readouterr().err
    finally:
        node.halt()
        node.destroy_node()
        rclpy.try_shutdown()


def test_clock_and_bag_tell_whether_their_time_goes_on() -> None:
    for make, part in ((ClockNode, "clock"), (ReplayNode, "bag")):
        begun("autostart:=false")
        node = make()
        try:
            (health,) = node.health()
            assert (health.part, health.level) == (part, Level.WARN)
            node.time.tell(1.0)
            assert node.health()[0].level == Level.OK
        finally:
            node.destroy_node()
            rclpy.try_shutdown()


def test_a_picking_loop_that_dies_takes_the_planner_out_of_active(
    planner: PlannerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planner.trigger_configure() == SUCCESS
    assert planner.loop is not None

    monkeypatch.setattr(planner.loop, "_step", lambda: None)
    monkeypatch.setattr(planner.loop, "_closing", SimpleNamespace(is_set=broken, set=lambda: None, clear=lambda: None))
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    assert planner.trigger_activate() == SUCCESS
    until(planner, lambda: state_of(planner) == "inactive")
    assert "died" in planner.outputs.last_refusal


def test_a_defect_in_configure_is_told(
    planner: PlannerNode, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(planner, "configure", broken)
    assert planner.trigger_configure() == TransitionCallbackReturn.ERROR
    assert "newbyteorder" in capfd.readouterr().err


@pytest.mark.parametrize(("source", "is_now"), [("bag", True), ("realsense", False)])
def test_only_frames_of_a_recording_carry_the_time_at_which_they_are_played(source: str, is_now: bool) -> None:
    begun(f"source:={source}", "bag_file:=any.bag", "autostart:=false")
    node = CameraNode()
    try:
        assert node.trigger_configure() == SUCCESS
        sent: list[Any] = []

        class Ear:
            publish = sent.append

        node.outputs = dict.fromkeys(node.outputs, Ear)
        recorded = 1.6e9
        before = node.get_clock().now().nanoseconds * 1e-9
        node.publish_frame(replace(sight(0.0).frame, stamp=recorded))
        stamps = {from_time(message.header.stamp) for message in sent}
        assert len(sent) == len({COLOR, DEPTH}) * 2
        assert len(stamps) == 1
        assert (stamps.pop() >= before - 1e-6) if is_now else np.isclose(stamps.pop(), recorded)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def test_who_sees_for_the_arm_goes_before_other_programs_and_after_who_leads_it() -> None:
    """A camera that yields to a busy machine brings no frame, and a pick without one never ends."""
    assert start.LEADS < start.SEES < 0
    asked: dict[str, int] = {}
    for module in (camera_node, inference_node, oracle_node, planner_node):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(start, "run", lambda make, nice=0, name=module.__name__: asked.update({name: nice}))
            module.main()
    assert asked[planner_node.__name__] == start.LEADS
    assert {n for name, n in asked.items() if name != planner_node.__name__} == {start.SEES}
