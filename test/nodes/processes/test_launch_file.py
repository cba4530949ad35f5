"""What the launch file starts, by the real launch; skipped where there is none (PyPI has no wheel of it)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

launch = pytest.importorskip("launch")
pytest.importorskip("launch_ros")

from launch.actions import ExecuteProcess, RegisterEventHandler, TimerAction  # noqa: E402
from launch_ros.actions import Node  # noqa: E402

from gpnet_ros.errors import SettingsError  # noqa: E402
from gpnet_ros.settings import resource_dir  # noqa: E402


@pytest.fixture
def file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grasp_launch", resource_dir("launch") / "grasp.launch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(file: ModuleType, **given: str) -> list[Any]:
    """The actions of a launch with these arguments."""
    context = launch.LaunchContext()
    for argument in file.arguments(file.RunSettings):
        context.launch_configurations[argument.name] = launch.utilities.perform_substitutions(
            context, argument.default_value
        )
    context.launch_configurations.update(given)
    return list(file.start(context))


def names(actions: list[Any]) -> list[str]:
    return [action.node_executable for action in actions if isinstance(action, Node)]


def test_on_hardware_all_nodes_start_at_once(file: ModuleType) -> None:
    actions = started(file)
    assert names(actions) == ["camera_node", "inference_node", "planner_node"]
    assert not any(isinstance(action, RegisterEventHandler) for action in actions)


def test_in_simulation_camera_and_planner_wait_for_the_cell_and_start_once(file: ModuleType) -> None:
    actions = started(file, sim="true", namespace="waits")
    assert names(actions) == ["inference_node"]
    (cell,) = [action for action in actions if type(action) is ExecuteProcess]
    (handler,) = [action for action in actions if isinstance(action, RegisterEventHandler)]
    assert actions.index(handler) < actions.index(cell)

    def says(text: bytes) -> list[str]:
        event = SimpleNamespace(text=text, from_stdout=True)
        return names(handler.event_handler.handle(event, launch.LaunchContext()) or [])

    assert says(b"a warning") == []
    assert says(b'{"ready": true}') == ["camera_node", "planner_node"]
    assert says(b'{"ready": true}') == []


def again(node: Node, status: int, is_shutdown: bool = False) -> list[str]:
    """The nodes that launch starts when the process of one has ended with a status."""
    handler = node._ExecuteLocal__on_exit  # type: ignore[attr-defined]
    if handler is None:
        return []
    context = SimpleNamespace(is_shutdown=is_shutdown)
    actions = handler(SimpleNamespace(returncode=status), context)
    timers = [action for action in actions if isinstance(action, TimerAction)]
    return [name for timer in timers for name in names(list(timer.actions))]


def test_camera_and_network_come_back_when_they_die_and_the_planner_never(file: ModuleType) -> None:
    nodes = {node.node_executable: node for node in started(file) if isinstance(node, Node)}
    for name in ("camera_node", "inference_node"):
        for status in (-9, -11, 1):
            assert again(nodes[name], status) == [name]
        assert again(nodes[name], 2) == [], "it refuses its settings"
        assert again(nodes[name], 0) == []
        assert again(nodes[name], -9, is_shutdown=True) == []
    assert again(nodes["planner_node"], -9) == []


def test_nothing_comes_back_where_that_is_not_wanted(file: ModuleType) -> None:
    nodes = {node.node_executable: node for node in started(file, respawn="false") if isinstance(node, Node)}
    assert [again(node, -9) for node in nodes.values()] == [[]] * 3


def test_robot_model_and_rviz_follow_the_clock_that_the_nodes_follow(
    file: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("robot_state_publisher", "rviz2"):
        (tmp_path / "lib" / package).mkdir(parents=True)
        (tmp_path / "lib" / package / package).touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))

    def clocks(**given: str) -> dict[str, bool]:
        seen: dict[str, bool] = {}
        monkeypatch.setattr(file, "program", lambda p, _, **m: seen.update({p: m["parameters"][0]["use_sim_time"]}))
        started(file, rviz="true", **given)
        return seen

    own = {"sim": "true", "namespace": "clocks"}
    assert clocks(**own) == {"robot_state_publisher": False, "rviz2": False}
    for given in ({**own, "factor": "2.0"}, {"use_sim_time": "true"}):
        assert clocks(**given) == {"robot_state_publisher": True, "rviz2": True}


def test_a_simulated_cell_at_a_robots_address_starts_nothing(file: ModuleType) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        started(file, sim="true", robot_ip="192.168.0.10")
