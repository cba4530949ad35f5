"""Two simulated cells in one ROS domain, each in its namespace: both pick, and none hears of the other."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from gpnet_ros.nodes.processes.client import PlannerClient
from gpnet_ros.nodes.processes.running_cell import free_domain
from gpnet_ros.nodes.processes.starter import start_nodes
from gpnet_ros.nodes.processes.table import RunSettings, address
from gpnet_ros.sim.cell.door import CellDoor

#: A busy machine is slow; this is no promise.
PATIENCE = 240.0
SEEDS = {"a": 3, "b": 4}


def pick(client: PlannerClient) -> str:
    """One pick; on a busy machine a watchdog may stop the arm, in simulation the next try follows by itself."""
    for number in range(4):
        client.wait_until(lambda: client.state == "idle", PATIENCE, "the planner")
        client.call("pick", 60.0)
        status = str(client.next_result(number, PATIENCE)["status"])
        if status not in ("stopped", "link_lost"):
            break
    return status


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_cells_side_by_side_both_pick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    domain = free_domain()
    with ExitStack() as stack:
        runs, nodes = {}, {}
        for name, seed in SEEDS.items():
            run = RunSettings(sim=True, namespace=name, priority="oracle", device="cpu", seed=seed, objects=1)
            runs[name], nodes[name] = run, stack.enter_context(start_nodes(run, domain, tmp_path / f"logs_{name}"))
        clients = {name: stack.enter_context(PlannerClient(domain, namespace=name)) for name in SEEDS}
        doors = {name: CellDoor(address(run)) for name, run in runs.items()}
        for name, other in (("a", "b"), ("b", "a")):
            before = doors[other].truth().in_tote, len(clients[other].results)
            assert pick(clients[name]) == "picked", nodes[name].last_line("planner_node")
            assert doors[name].truth_at_rest(30.0).in_tote == (0,)
            assert (doors[other].truth().in_tote, len(clients[other].results)) == before
        for running in nodes.values():
            running.require_alive()
    for name in SEEDS:
        assert (tmp_path / "runs" / "launch" / name / "state.ring").is_file()
        for log in (tmp_path / f"logs_{name}").glob("*.log"):
            assert "Traceback" not in log.read_text(), log
