"""docs/ros.md holds what the code says: parameters, launch arguments, topics."""

from __future__ import annotations

import ast
import dataclasses

import pytest

from gpnet_ros.cli import main
from gpnet_ros.nodes.parameters.declared import PARAMETERS
from gpnet_ros.nodes.parameters.reference import reference
from gpnet_ros.nodes.processes.replay_table import ReplayRun
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.settings import config_dir

PAGE = (config_dir().parent / "docs" / "ros.md").read_text("utf-8")


def test_the_page_ends_with_the_tables_that_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["params"]) == 0
    printed = capsys.readouterr().out
    assert PAGE.endswith(printed), "replace the tables at the end of docs/ros.md by what `gpnet params` prints"


@pytest.mark.parametrize("kind", [RunSettings, ReplayRun, *PARAMETERS.values()])
def test_every_setting_has_a_row_with_its_default(kind: type) -> None:
    text = reference()
    for field in dataclasses.fields(kind):
        assert f"| `{field.name}` |" in text
        assert field.metadata["doc"] in text


def test_every_part_of_the_diagnostics_is_on_the_page() -> None:
    """The parts are the first words of `Health(...)` and of the `judge(...)` that takes one, in the nodes' source."""
    folder = config_dir().parent / "gpnet_ros" / "nodes"
    calls = [
        node
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    words = {"Health", "judge"}
    parts = {c.args[0].value for c in calls if getattr(c.func, "attr", getattr(c.func, "id", "")) in words}  # type: ignore[attr-defined]
    section = PAGE.split("## Health")[1].split("\n## ")[0]
    assert parts >= {"lifecycle", "camera", "input", "maps", "arm", "loop", "inference", "clock", "bag"}
    assert not [part for part in parts - {"result", "decision"} if f"`{part}`" not in section]


def test_every_topic_of_the_nodes_is_on_the_page() -> None:
    pytest.importorskip("rclpy")
    from gpnet_ros.nodes.showing.map_outputs import MAP_TOPICS
    from gpnet_ros.nodes.showing.planner_outputs import TOPICS

    for topic in TOPICS:
        assert topic.removeprefix("~/") in PAGE, topic
    for name in MAP_TOPICS:
        assert f"{name}`" in PAGE.replace("maps/", ""), name
        assert f"{name}/color" in PAGE
