"""Parameters set while nodes run, as by `ros2 param set`: what changes, what is refused, what two nodes share."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rcl_interfaces.msg import ParameterType  # noqa: E402
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically  # noqa: E402
from rclpy.exceptions import InvalidHandle  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.task import Future  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from gpnet_ros.cell import load_cell  # noqa: E402
from gpnet_ros.network.onlooker import Onlooker  # noqa: E402
from gpnet_ros.network.runtimes import Computing  # noqa: E402
from gpnet_ros.nodes.inference_node import InferenceNode  # noqa: E402
from gpnet_ros.nodes.oracle_node import OracleNode  # noqa: E402
from gpnet_ros.nodes.parameters import live  # noqa: E402
from gpnet_ros.nodes.parameters.declared import PARAMETERS, READ_ONLY, PlannerSettings, cell_parameters, change_of  # noqa: E402
from gpnet_ros.nodes.planner_node import PlannerNode  # noqa: E402
from gpnet_ros.nodes.processes.starter import ros_environment  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 93
SUCCESS = TransitionCallbackReturn.SUCCESS
PATIENCE = 30.0
CELL = load_cell()
_PAUSE = threading.Event()
SHARED = {"workspace_centre": [0.6, 0.02], "workspace_side": 0.25, "valid_share_min": 0.2}


class Graph:
    """Nodes that spin in a thread each, as processes do, and a client that calls their parameter services."""

    def __init__(self, folder: Path) -> None:
        os.environ.update(ros_environment(DOMAIN))
        rclpy.init(
            args=["--ros-args", "-p", "robot:=fake", "-p", "mode:=run", "-p", "autostart:=false"], domain_id=DOMAIN
        )
        self.folder = folder
        self.running: dict[Node, tuple[threading.Event, threading.Thread]] = {}
        self.client = Node("client")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.client)

    def add(self, node: Any) -> Any:
        """Spin a node."""
        over, executor = threading.Event(), SingleThreadedExecutor()
        executor.add_node(node)

        def spin() -> None:
            while not over.is_set():
                with contextlib.suppress(InvalidHandle):  # the test takes a topic away while this thread waits for it
                    executor.spin_once(timeout_sec=0.1)
            executor.remove_node(node)
            executor.shutdown()  # else it holds the node's services, and others still see them

        thread = threading.Thread(target=spin, daemon=True)
        thread.start()
        self.running[node] = (over, thread)
        return node

    def pause(self, node: Any) -> None:
        """Let a node answer nothing any more."""
        over, thread = self.running.pop(node)
        over.set()
        thread.join()

    def end(self, node: Any) -> None:
        """End a node, as a process ends."""
        if node in self.running:
            self.pause(node)
        node.halt()
        node.destroy_node()
        gc.collect()  # what is left of it in a cycle would keep its services, and others would still see them

    def close(self) -> None:
        for node in list(self.running):
            self.end(node)
        self.client.destroy_node()
        rclpy.try_shutdown()

    def call(self, kind: type, name: str, request: Any) -> Any:
        """A service's answer."""
        service = self.client.create_client(kind, name)
        try:
            assert service.wait_for_service(PATIENCE), name
            future = service.call_async(request)
            self.executor.spin_until_future_complete(future, PATIENCE)
            assert future.done(), name
            return future.result()
        finally:
            self.client.destroy_client(service)

    def set(self, node: Node, atomically: bool = False, **values: Any) -> list[str]:
        """Reasons of refusals, empty where it was granted; atomically: of all at once."""
        parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        if atomically:
            request = SetParametersAtomically.Request(parameters=parameters)
            results = [
                self.call(SetParametersAtomically, f"{node.get_name()}/set_parameters_atomically", request).result
            ]
        else:
            request = SetParameters.Request(parameters=parameters)
            results = self.call(SetParameters, f"{node.get_name()}/set_parameters", request).results
        for result in results:
            assert result.successful == (not result.reason)
        return [result.reason for result in results]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        _PAUSE.wait(0.02)


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    made = Graph(tmp_path)
    yield made
    made.close()


@pytest.fixture
def planner(graph: Graph) -> PlannerNode:
    node = PlannerNode()
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    return graph.add(node)


def values_of(node: Any) -> dict[str, Any]:
    """What ROS shows of a node's own parameters, after it was compared with what the node works with."""
    shown = {name: node.get_parameter(name).value for name in vars(node.settings)}
    for name, value in vars(node.settings).items():
        assert (tuple(shown[name]) if isinstance(value, tuple) else shown[name]) == value, name
    return shown


def test_thresholds_compare_workspace_and_speeds_change_at_once(graph: Graph, planner: PlannerNode) -> None:
    loop = planner.loop
    assert loop is not None
    wanted = {"quality_min": 0.4, "compare": 3, "joint_speed": 0.7, "linear_speed": 0.2, "descent_speed": 0.02}
    wanted |= {"grip_speed": 0.05, **SHARED}
    assert graph.set(planner, **wanted) == [""] * len(wanted)
    assert {name: value for name, value in values_of(planner).items() if name in wanted} == {
        name: pytest.approx(value) for name, value in wanted.items()
    }
    assert (loop.picker.select.quality_min, loop.picker.select.compare) == (0.4, 3)
    for cell in (loop.attention.cell, loop.manipulator.cell, planner.outputs.cell):
        assert (cell.workspace.centre, cell.workspace.side) == ((0.6, 0.02), 0.25)
        assert (cell.motion.joint_speed, cell.motion.descent_speed) == (0.7, 0.02)
        assert cell.limits == CELL.limits
    assert loop.attention.valid_share_min == loop.attention.eyes.valid_share_min == 0.2  # type: ignore[attr-defined]
    # They outlive another configure; what nobody set follows the file.
    assert planner.trigger_deactivate() == SUCCESS
    assert planner.trigger_cleanup() == SUCCESS
    assert planner.trigger_configure() == SUCCESS
    assert planner.loop is not None and planner.loop is not loop
    assert planner.loop.attention.cell.workspace.side == 0.25
    assert planner.loop.attention.cell.workspace.table_z == CELL.workspace.table_z


#: What cannot be, and words of its refusal.
BAD: list[tuple[str, Any, list[str]]] = [
    ("quality_min", math.nan, ["nan", "0.0 to 1.0"]),
    ("quality_min", 1.5, ["1.5", "0.0 to 1.0"]),
    ("quality_min", 1, ["double", "1.0"]),
    ("quality_min", "0.5", ["double"]),
    ("valid_share_min", math.inf, ["inf", "0.0 to 1.0"]),
    ("compare", 0, ["compare is 0", "1 to 100"]),
    ("compare", 2.0, ["integer"]),
    ("workspace_side", 0.0, ["0.05 to 1.5"]),
    ("workspace_side", -0.3, ["0.05 to 1.5"]),
    ("workspace_side", math.nan, ["nan"]),
    ("workspace_centre", [0.6], ["2 numbers"]),
    ("workspace_centre", [0.6, 0.0, 0.0], ["2 numbers"]),
    ("workspace_centre", [0.6, math.nan], ["nan", "-2.0 to 2.0"]),
    ("workspace_centre", [650.0, 0.0], ["650", "-2.0 to 2.0"]),
    ("joint_speed", 2.5, ["1.8", "limit"]),
    ("joint_speed", -1.0, ["0.05 to 3.0"]),
    ("descent_speed", math.inf, ["inf"]),
    ("nonsense", 1.0, ["no parameter of planner_node"]),
]


def test_what_cannot_be_is_refused_in_one_sentence_and_nothing_changes(graph: Graph, planner: PlannerNode) -> None:
    assert planner.loop is not None
    before, version = values_of(planner), planner.loop.rest.version
    for name, value, words in BAD:
        for atomically in (False, True):
            (reason,) = graph.set(planner, atomically, **{name: value})
            assert name in reason and all(word in reason for word in words), reason
            assert reason.endswith(".") and "\n" not in reason
        assert values_of(planner) == before, name
    assert planner.loop.rest.version == version


def test_an_atomic_set_is_all_or_nothing_and_others_are_each_for_themselves(graph: Graph, planner: PlannerNode) -> None:
    before = values_of(planner)
    for last in ({"workspace_side": 9.0}, {"robot_ip": "10.0.0.1"}, {"nonsense": 1}):
        (reason,) = graph.set(planner, atomically=True, quality_min=0.4, joint_speed=0.7, **last)
        assert next(iter(last)) in reason
        assert values_of(planner) == before
    assert graph.set(planner, atomically=True, quality_min=0.4, joint_speed=0.7) == [""]
    first, second, third = graph.set(planner, quality_min=0.5, workspace_side=9.0, joint_speed=0.6)
    assert (first, third) == ("", "") and "workspace_side" in second
    assert (planner.settings.quality_min, planner.settings.joint_speed) == (0.5, 0.6)


def test_everything_else_says_that_it_is_read_only_and_why(graph: Graph, planner: PlannerNode) -> None:
    before = values_of(planner)
    fixed = [n for n, f in PlannerSettings.__dataclass_fields__.items() if change_of(f) == READ_ONLY]
    assert {"mode", "robot_ip", "cell_file", "max_picks", "image_qos", "autostart"} <= set(fixed)
    reasons = graph.set(planner, **{name: before[name] for name in fixed})
    for name, reason in zip(fixed, reasons, strict=True):
        assert reason.startswith(f"{name} is read-only, ") and "at the start" in reason
        described = planner.describe_parameter(name)
        assert described.read_only
        assert described.additional_constraints in reason
    (reason,) = graph.set(planner, **{"qos_overrides./planner_node/state.publisher.depth": 3})
    assert "read-only" in reason and "topics are made once" in reason
    assert values_of(planner) == before


def test_descriptors_carry_bounds_and_when_it_changes(planner: PlannerNode) -> None:
    bounds = planner.describe_parameter("workspace_side").floating_point_range[0]
    assert (bounds.from_value, bounds.to_value) == (0.05, 1.5)
    for name in ("quality_min", "joint_speed", "workspace_centre"):
        described = planner.describe_parameter(name)
        assert not described.read_only
        assert described.additional_constraints.startswith("live")
    assert "nothing moves" in planner.describe_parameter("joint_speed").additional_constraints
    assert planner.describe_parameter("workspace_centre").type == ParameterType.PARAMETER_DOUBLE_ARRAY


def test_every_parameter_of_every_node_says_when_it_changes() -> None:
    for node, kind in PARAMETERS.items():
        for field in kind.__dataclass_fields__.values():
            assert "change" in field.metadata, (
                f"{node}.{field.name}: say when it changes, see nodes/parameters/declared.py"
            )


def test_a_value_of_the_start_wins_over_the_cell_file_and_its_limit_over_both(graph: Graph) -> None:
    file = graph.folder / "cell.yaml"
    file.write_text("workspace: {centre: [0.6, 0.1], side: 0.2}\nmotion: {joint_speed: 0.9}\n")
    start = [Parameter("cell_file", value=str(file)), Parameter("workspace_side", value=0.25)]
    made = {}
    for speed in (0.8, 1.9):
        rclpy.shutdown()
        words = [w for p in (*start, Parameter("joint_speed", value=speed)) for w in ("-p", f"{p.name}:={p.value}")]
        rclpy.init(args=["--ros-args", "-p", "robot:=fake", "-p", "autostart:=false", *words], domain_id=DOMAIN)
        node = PlannerNode()
        made[speed] = (node.trigger_configure(), node.loop and node.loop.attention.cell)
        node.destroy_node()
    assert made[0.8][0] == SUCCESS
    cell = made[0.8][1]
    assert cell is not None
    assert (cell.workspace.centre, cell.workspace.side, cell.motion.joint_speed) == ((0.6, 0.1), 0.25, 0.8)
    assert made[1.9][0] != SUCCESS  # above limits.joint_speed


def test_while_something_moves_only_thresholds_change(graph: Graph, planner: PlannerNode) -> None:
    loop, before = planner.loop, values_of(planner)
    assert loop is not None
    with loop.rest.moving():
        for name in cell_parameters(PlannerSettings):
            (reason,) = graph.set(planner, **{name: SHARED.get(name, before[name] / 2 if name not in SHARED else 0)})
            assert name in reason and "wait until nothing does" in reason
        assert graph.set(planner, quality_min=0.4, compare=2, valid_share_min=0.2) == ["", "", ""]
        assert graph.set(planner, workspace_side=before["workspace_side"]) == [""]  # it is that already
    assert values_of(planner) == before | {"quality_min": 0.4, "compare": 2, "valid_share_min": 0.2}
    assert graph.set(planner, workspace_side=0.25) == [""]


def pair(graph: Graph, planner: PlannerNode, kind: Callable[[], Any] = InferenceNode) -> Any:
    """The node that makes maps beside the planner; both know each other."""
    maps = graph.add(kind())
    name = maps.get_name()
    until(planner._live._peers[name].service_is_ready)
    until(maps._live._peers["planner_node"].service_is_ready)
    return maps


@pytest.mark.parametrize("asked", ["planner", "maps"])
def test_what_is_shared_is_switched_in_both(graph: Graph, planner: PlannerNode, asked: str) -> None:
    maps = pair(graph, planner)
    one = {"planner": planner, "maps": maps}[asked]
    assert graph.set(one, atomically=True, **SHARED) == [""]
    for node in (planner, maps):
        values = values_of(node)
        assert {name: values[name] for name in SHARED} == {n: pytest.approx(v) for n, v in SHARED.items()}


@pytest.mark.parametrize("asked", ["planner", "maps"])
def test_or_refused_by_both(graph: Graph, planner: PlannerNode, asked: str) -> None:
    maps = pair(graph, planner)
    before = values_of(planner), values_of(maps)
    one = {"planner": planner, "maps": maps}[asked]
    assert planner.loop is not None
    with planner.loop.rest.moving():
        (reason,) = graph.set(one, workspace_side=0.25)
        assert "wait until nothing does" in reason
        assert ("planner_node refuses" in reason) == (asked == "maps")
    other = maps if asked == "planner" else planner
    other._live._is_changing = True
    (reason,) = graph.set(one, workspace_side=0.25)
    assert f"{other.get_name()} refuses" in reason and "try again" in reason
    other._live._is_changing = False
    assert (values_of(planner), values_of(maps)) == before
    assert graph.set(one, workspace_side=0.25) == [""]


def test_who_has_taken_it_takes_it_back_when_the_next_one_refuses(graph: Graph, planner: PlannerNode) -> None:
    maps, oracle = pair(graph, planner), pair(graph, planner, OracleNode)
    maps._live._leader = None  # else it would follow the planner, too
    oracle._live._is_changing = True
    turns = maps._live._turns
    (reason,) = graph.set(planner, workspace_side=0.25)
    assert "oracle_node refuses" in reason
    assert maps._live._turns == turns + 2  # there and back
    assert {n.settings.workspace_side for n in (planner, maps, oracle)} == {CELL.workspace.side}
    oracle._live._is_changing = False
    assert graph.set(planner, workspace_side=0.25) == [""]
    assert {n.settings.workspace_side for n in (planner, maps, oracle)} == {0.25}


def test_an_answer_that_comes_too_late_changes_nothing_in_the_end(
    graph: Graph, planner: PlannerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.5)
    maps = pair(graph, planner)
    maps._live._leader = None
    turns = maps._live._turns
    graph.pause(maps)
    (reason,) = graph.set(planner, workspace_side=0.25)
    assert "has not answered" in reason
    graph.add(maps)  # now it reads both requests
    until(lambda: maps._live._turns == turns + 2)
    assert maps.settings.workspace_side == planner.settings.workspace_side == CELL.workspace.side


@pytest.mark.parametrize("asked", ["planner", "maps"])
def test_a_node_that_does_not_answer_is_waited_for_no_longer_than_promised_and_a_stop_comes_through(
    graph: Graph, planner: PlannerNode, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PATIENCE", 1.0)
    maps = pair(graph, planner)
    one, other = (planner, maps) if asked == "planner" else (maps, planner)
    before = values_of(one)
    graph.pause(other)
    if asked == "maps":
        graph.running[planner] = (threading.Event(), threading.Thread(target=lambda: None))  # for `close`
        graph.running[planner][1].start()
    service = graph.client.create_client(SetParameters, f"{one.get_name()}/set_parameters")
    assert service.wait_for_service(PATIENCE)
    wanted = [Parameter("workspace_side", value=0.25).to_parameter_msg()]
    future = service.call_async(SetParameters.Request(parameters=wanted))
    until(lambda: one._live._is_changing)
    if asked == "planner":
        assert graph.call(Trigger, "planner_node/stop", Trigger.Request()).success
    graph.executor.spin_until_future_complete(future, PATIENCE)
    (result,) = future.result().results
    assert not result.successful
    assert "has not answered" in result.reason
    assert values_of(one) == before
    assert planner.loop is not None
    assert planner.loop.rest.hold() == ""  # nobody holds it any more
    planner.loop.rest.let_go()
    graph.client.destroy_client(service)


def test_two_that_are_asked_at_one_time_end_both_with_one_value(graph: Graph, planner: PlannerNode) -> None:
    maps = pair(graph, planner)
    futures = []
    for node, side in ((planner, 0.21), (maps, 0.22)):
        service = graph.client.create_client(SetParameters, f"{node.get_name()}/set_parameters")
        assert service.wait_for_service(PATIENCE)
        wanted = [Parameter("workspace_side", value=side).to_parameter_msg()]
        futures.append(service.call_async(SetParameters.Request(parameters=wanted)))
    for future in futures:
        graph.executor.spin_until_future_complete(future, PATIENCE)
        assert future.done()
    granted = [f.result().results[0].successful for f in futures]
    until(lambda: planner.settings.workspace_side == maps.settings.workspace_side)
    side = planner.settings.workspace_side
    assert side in ([s for s, g in zip((0.21, 0.22), granted, strict=True) if g] or [CELL.workspace.side])


@pytest.mark.parametrize("kind", [InferenceNode, OracleNode])
def test_a_node_that_starts_anew_follows_the_planner(graph: Graph, planner: PlannerNode, kind: type) -> None:
    maps = pair(graph, planner, kind)
    assert graph.set(planner, workspace_side=0.25) == [""]
    assert maps.settings.workspace_side == 0.25
    client = planner._live._peers[maps.get_name()]
    graph.end(maps)
    until(lambda: not client.service_is_ready())
    assert graph.set(planner, workspace_centre=[0.6, 0.02]) == [""]  # it is taken alone
    maps = kind()
    assert maps.settings.workspace_side == CELL.workspace.side
    graph.add(maps)
    until(lambda: maps.settings.workspace_side == 0.25 and maps.settings.workspace_centre == (0.6, 0.02))
    values_of(maps)


@pytest.mark.parametrize("is_stale", [True, False])
def test_an_answer_from_before_a_set_is_not_followed(graph: Graph, is_stale: bool) -> None:
    maps = InferenceNode()
    asked = maps._live._turns
    if is_stale:
        assert maps._live.set_here([Parameter("workspace_side", value=0.3)]) == ""
    answer = Future()
    answer.set_result(GetParameters.Response(values=[Parameter("workspace_side", value=0.25).get_parameter_value()]))
    maps._live._follower(["workspace_side"], asked)(answer)
    assert maps.settings.workspace_side == (0.3 if is_stale else 0.25)
    maps.destroy_node()


def test_a_planner_in_mid_change_is_not_followed_back_to_what_it_had(graph: Graph, planner: PlannerNode) -> None:
    maps = pair(graph, planner)
    peer, asked = maps._live._peers["planner_node"], []
    ask = peer.call_async
    peer.call_async = lambda request: asked.append(request) or ask(request)
    planner._live._is_changing = True  # it has asked maps, which took the new value, and waits for another node
    assert maps._live.set_here([Parameter("workspace_side", value=0.25)]) == ""
    before = len(asked)
    until(lambda: len(asked) >= before + 3)
    assert maps.settings.workspace_side == 0.25
    planner._live._is_changing = False
    until(lambda: maps.settings.workspace_side == CELL.workspace.side)  # the change came to nothing


def test_maps_follow_a_planner_that_starts_anew(graph: Graph, planner: PlannerNode) -> None:
    maps = pair(graph, planner)
    assert graph.set(planner, workspace_side=0.25) == [""]
    graph.end(planner)
    graph.add(PlannerNode())  # with the value of the file
    until(lambda: maps.settings.workspace_side == CELL.workspace.side)


def test_inference_alone_takes_what_is_set_and_looks_at_the_other_square(graph: Graph) -> None:
    maps = graph.add(InferenceNode())
    looker = maps.onlooker = Onlooker("", "", Computing(), *maps._looked_at())
    assert graph.set(maps, priority="height", workspace_side=0.25, valid_share_min=0.2) == ["", "", ""]
    assert looker.workspace is not None and looker.workspace.side == 0.25
    assert looker.priority == maps.settings.priority == "height"
    (reason,) = graph.set(maps, priority="oracle")
    assert "learned, height, none" in reason
    (reason,) = graph.set(maps, model="other")
    assert "read-only, a network is loaded" in reason


def test_a_node_in_mid_change_is_not_configured_anew(graph: Graph) -> None:
    node = PlannerNode()  # its new loop would know nothing of the hold
    node._live._is_changing = True
    assert node.trigger_configure() != SUCCESS
    node._live._is_changing = False
    assert node.trigger_configure() == SUCCESS
    node.destroy_node()


def test_within_the_process_nothing_changes_unjudged(planner: PlannerNode) -> None:
    before = values_of(planner)
    for name, value in (("quality_min", 0.4), ("workspace_side", 0.25), ("robot_ip", "10.0.0.1")):
        assert not planner.set_parameters([Parameter(name, value=value)])[0].successful
    assert values_of(planner) == before
