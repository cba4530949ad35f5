"""Rounds through the nodes and `gpnet demo`, with scripted planners in place of processes."""

from __future__ import annotations

import json
import math
import mmap
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.full_disk import fill, make_room
from support.rounds import BY
from support.truths import grip, truth_of

from gpnet_ros.cli import main
from gpnet_ros.commands import bench_clearing, demo
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.evaluation.closed_loop import ros as clearing_ros
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.ros_round import RosRound, play_round
from gpnet_ros.evaluation.closed_loop.rows import RoundRow, read_rounds
from gpnet_ros.evaluation.closed_loop.tally import rounds_answer
from gpnet_ros.nodes.processes import running_cell, starter
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.sim.cell.door import CellDoor
from gpnet_ros.sim.cell.report import GripReport, TruthReport

Record = dict[str, Any]


class Said:
    """A report of the planner."""

    def __init__(self, record: Record) -> None:
        self.record: Record = record
        self.messages: dict[str, Any] = {}

    def sight(self) -> None:
        """No frame was kept."""


class World:
    """A planner that gives scripted results, and the truth that goes with them.

    Each entry of `script` is (status, object lifted or None, was it top-level, does it reach the tote).
    """

    def __init__(self, script: list[tuple[str, int | None, bool, bool]], objects: int = 2, ended: str = "x") -> None:
        self.script, self.ended = list(script), ended
        self.families = [f"object{i}" for i in range(objects)]
        self.grips: list[GripReport] = []
        self.in_tote: list[int] = []
        self.started = False
        self.broken: Callable[[], None] = lambda: None

    def start(self) -> None:
        self.started = True

    def next(self, timeout: float) -> Said | None:
        assert self.started
        if not self.script:
            return None
        status, lifted, top, reached = self.script.pop(0)
        if lifted is not None:
            self.grips.append(grip(lifted, top=top))
            self.in_tote += [lifted] if reached else []
        record: Record = {"status": status, "message": "", "finished": None, "time_s": {"decide": 0.2}, "stamp": 1.0}
        record |= dict[str, Any](rejected=[]) if status.startswith("nothing") else dict[str, Any](step="home")
        if not self.script:
            record["finished"] = self.ended
        return Said(record)

    def truth(self) -> TruthReport:
        return truth_of(self.families, self.grips, self.in_tote)

    def truth_at_rest(self, patience: float) -> TruthReport:
        return self.truth()

    def check(self) -> str:
        self.broken()
        return "its state is 'looking'"

    def quiet(self) -> float:
        return math.inf

    def play(self, **more: Any) -> RosRound:
        return play_round(FakeCell([], {0: self}, 0), **more)


PERFECT = [("picked", 1, True, True), ("picked", 0, True, True), ("nothing_left", None, False, False)]


# --- a round -------------------------------------------------------------------------------------------------
def test_round_of_two_good_picks_is_all_right() -> None:
    done = World(PERFECT).play()
    assert done.cleared and done.all_right and not done.failed
    assert [p.number for p in done.picks if p.executed] == [1, 2] and done.removed == (1, 0)


@pytest.mark.parametrize(
    "flaw", [("picked", 0, False, True), ("picked", 0, True, False), ("missed", None, True, False)]
)
def test_round_with_one_flaw_is_not_all_right(flaw: tuple[str, int | None, bool, bool]) -> None:
    assert not World([PERFECT[0], flaw, PERFECT[2]]).play().all_right


def test_cleared_round_with_a_wrong_order_is_cleared_all_the_same() -> None:
    done = World([PERFECT[0], ("picked", 0, False, True), PERFECT[2]]).play()
    assert done.cleared and not done.all_right


def test_refusal_spoils_a_round_that_is_cleared_in_the_end() -> None:
    done = World([("nothing_graspable", None, False, False), *PERFECT]).play()
    assert done.cleared and not done.all_right


def test_planner_that_hangs_ends_the_round_with_what_it_was_doing() -> None:
    done = World(PERFECT[:1], ended="").play(result_limit=0.05)
    assert done.failed and "no result" in done.ended and "looking" in done.ended
    assert done.removed == (1,) and len(done.picks) == 1


class Slow(World):
    """Gives a result only when asked for the fifth time; in between the arm has rested for `rested` [s]."""

    def __init__(self, rested: float) -> None:
        super().__init__(PERFECT)
        self.asked, self.rested = 0, rested

    def next(self, timeout: float) -> Said | None:
        self.asked += 1
        return super().next(timeout) if self.asked % 5 == 0 else None

    def quiet(self) -> float:
        return self.rested


def test_pick_that_takes_long_is_waited_for_as_long_as_the_arm_moves() -> None:
    moment = 1e-9  # s, over at once
    assert Slow(rested=0.0).play(result_limit=moment).cleared
    assert Slow(rested=math.inf).play(result_limit=moment).failed


def test_process_that_dies_ends_the_round_with_its_reason() -> None:
    world = World(PERFECT[:1], ended="")

    def broken() -> None:
        raise DeviceError("planner_node has ended with status 1")

    world.broken = broken
    done = world.play(result_limit=5.0)
    assert done.failed and "planner_node has ended" in done.ended


def test_round_that_ends_blind_asks_for_new_processes() -> None:
    assert World([("no_frame", None, False, False)], ended="no_frame").play().failed
    assert not World([("missed", None, False, False)], ended="three_failures").play().failed


def test_grips_of_an_earlier_round_do_not_count() -> None:
    world = World([("missed", None, False, False)])
    world.grips.append(grip(0))
    assert not any(p.ok for p in world.play().picks)


def interrupted(*later: GripReport) -> RosRound:
    """A pick that is stopped while it holds object 0; afterwards `later` grips, and the object is in the tote."""
    world = World([("stopped", 0, True, False), ("nothing_left", None, False, False)], objects=1)
    first = world.next

    def following(timeout: float) -> Said | None:
        said = first(timeout)
        if not world.script:
            world.grips += later
            world.in_tote = [0]
        return said

    world.next = following  # type: ignore[method-assign]
    return world.play()


def test_object_that_reaches_the_tote_after_an_interruption_counts_for_its_pick() -> None:
    assert interrupted().all_right
    assert not interrupted(grip(0)).picks[0].ok


# --- the benchmark ---------------------------------------------------------------------------------------------
ROS = Policy("ros")


def heap_names(rounds: int, first: int = 7) -> list[HeapName]:
    return [HeapName(2, seed=first + k) for k in range(rounds)]


def answer(played: list[RosRound], factor: float = 1.0) -> dict[str, Any]:
    pairs = zip(heap_names(len(played)), played, strict=True)
    return rounds_answer([clearing_ros.row_of(heap, BY, done) for heap, done in pairs], ROS, "seeds", 7, factor)


def test_counts_agree_with_the_rounds() -> None:
    flawed = World(
        [("nothing_graspable", None, False, False), ("picked", 0, False, True), ("missed", None, False, False)]
    )
    a = answer([World(PERFECT).play(), flawed.play()])
    counted = {k: a[k] for k in ("rounds", "rounds_cleared", "rounds_all_right", "objects", "objects_removed")}
    assert counted == {"rounds": 2, "rounds_cleared": 1, "rounds_all_right": 1, "objects": 4, "objects_removed": 3}
    assert (a["picks"], a["picks_ok"], a["picks_topmost"], a["refusals"]) == (4, 3, 2, 1)
    assert a["time_ms"]["decide"] == 200.0


def test_figures_of_time_exist_only_at_factor_one() -> None:
    rounds = [replace(World(PERFECT).play(), seconds=30.0)]
    fast = answer(rounds, factor=3.0)
    assert fast["picks_per_hour"] is None and fast["time_ms"] == {}
    assert answer(rounds)["picks_per_hour"] > 0


class FakeCell:
    """Stands for cell and nodes: worlds by seed."""

    def __init__(self, opened: list[int], worlds: dict[int, World], seed: int) -> None:
        self.worlds, self.seed = worlds, seed
        opened.append(seed)

    @property
    def world(self) -> World:
        return self.worlds[self.seed]

    recording = door = property(lambda self: self.world)

    def start(self) -> None:
        self.world.start()

    def check(self) -> str:
        return self.world.check()

    def quiet(self) -> float:
        return self.world.quiet()

    def load_heap(self, seed: int, objects: int) -> None:
        self.seed = seed

    def put_heap(self, heap: int) -> None:
        self.seed = heap


def bench(
    worlds: dict[int, World], heaps: list[HeapName], log: Path | None = None
) -> tuple[list[RoundRow], list[int], list[int]]:
    """Run the rounds; their rows, and with which heaps processes were started and ended."""
    opened: list[int] = []
    closed: list[int] = []

    @contextmanager
    def fake(seed: int, objects: int, folder: Path, planner: Record) -> Iterator[FakeCell]:
        assert planner["max_picks"] == objects + 5 and planner["quality_min"] == ROS.min_quality
        if seed not in worlds:
            raise DeviceError("The simulated cell did not become ready.")
        yield FakeCell(opened, worlds, seed)
        closed.append(seed)

    return clearing_ros.run_rounds(heaps, ROS, fake, log), opened, closed


def test_processes_serve_all_rounds_and_end() -> None:
    rows, opened, closed = bench({k: World(PERFECT) for k in (7, 8, 9)}, heap_names(3))
    assert opened == closed == [7] and all(row.all_right for row in rows)


def test_broken_round_costs_only_itself(tmp_path: Path) -> None:
    hanging = World(PERFECT[:1], ended="")

    def broken() -> None:
        raise DeviceError("camera_node has ended")

    hanging.broken = broken
    log = tmp_path / "log.jsonl"
    rows, opened, closed = bench({7: World(PERFECT), 8: hanging, 9: World(PERFECT)}, heap_names(3), log)
    assert opened == closed == [7, 9]
    assert [row.failed for row in rows] == [False, True, False]
    assert [len(row.removed) for row in rows] == [2, 1, 2]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["seed"] for line in lines] == [7, 8, 9] and [line["failed"] for line in lines] == [False, True, False]
    assert "camera_node has ended" in lines[1]["ended"]


def test_log_that_cannot_be_written_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        bench({}, heap_names(3), log=tmp_path / "absent" / "log.jsonl")


def test_cell_that_does_not_start_is_a_lost_round() -> None:
    rows, opened, _ = bench({7: World(PERFECT), 9: World(PERFECT)}, heap_names(2, first=6))
    assert opened == [7] and [len(row.removed) for row in rows] == [0, 2] and rows[0].failed


def test_frozen_heaps_are_put_into_a_cell_that_starts_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(HeapName, "load", lambda self: (10 * self.objects + self.number, 0))  # stands for the heap
    worlds = {20: World(PERFECT), 21: World(PERFECT), 30: World(PERFECT)}
    starts: list[tuple[int, int]] = []

    @contextmanager
    def fake(seed: int, objects: int, folder: Path, planner: Record) -> Iterator[FakeCell]:
        starts.append((objects, planner["max_picks"]))
        yield FakeCell([], worlds, -1)

    heaps = [HeapName(2, number=0), HeapName(2, number=1), HeapName(3, number=0)]
    log = tmp_path / "log.jsonl"
    rows = clearing_ros.run_rounds(heaps, ROS, fake, log)
    assert [row.heap for row in rows] == ["k2-000", "k2-001", "k3-000"] and all(row.all_right for row in rows)
    assert starts == [(0, 7), (0, 8)]  # another K needs another planner: it bounds the picks
    again = clearing_ros.run_rounds(heaps, ROS, fake, log, resume=True)
    assert again == read_rounds(log) and len(starts) == 2  # the log has them all


# --- the demo ----------------------------------------------------------------------------------------------------
def run_demo(monkeypatch: pytest.MonkeyPatch, world: World, folder: Path) -> int:
    @contextmanager
    def fake(run: RunSettings, folder: Path, planner: Record, say: Any = None) -> Iterator[FakeCell]:
        yield FakeCell([], {run.seed: world}, run.seed)

    monkeypatch.setattr(demo, "open_cell", fake)
    return main(["demo", "--objects", "2", "--out", str(folder), "--no-video", "--json"])


def test_demo_tells_each_pick_and_leaves_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_demo(monkeypatch, World(PERFECT, ended="nothing_left"), tmp_path / "run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("pick 1 " in line or "pick 2 " in line for line in lines) == 2
    answer = json.loads(lines[-1])
    assert answer["cleared"] and answer["picks_topmost"] == 2 and answer["simulated"]
    assert "2 of 2 objects" in (tmp_path / "run" / "summary.html").read_text()
    told = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())
    assert told["run"]["objects"] == 2 and told["planner_node"]["max_picks"] == 7 and "numpy" in told["versions"]


def test_demo_that_breaks_says_why_and_keeps_what_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(PERFECT[:1], ended="")

    def broken() -> None:
        raise DeviceError("inference_node has ended with status 2")

    world.broken = broken
    assert run_demo(monkeypatch, world, tmp_path / "run") == 1
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "inference_node has ended" in answer["ended"] and answer["objects_removed"] == 1
    assert "inference_node" in (tmp_path / "run" / "summary.html").read_text()


@pytest.mark.parametrize("room", [True, False], ids=["room is made", "full to the end"])
def test_full_disk_costs_what_is_written_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], room: bool
) -> None:
    world = World(PERFECT, ended="nothing_left")
    following = world.next

    def filling(timeout: float) -> Said | None:
        if len(world.script) == 2:  # the first pick is written
            fill(os.getpid())
        if room and len(world.script) == 1:
            make_room(os.getpid())
        return following(timeout)

    world.next = filling  # type: ignore[method-assign]
    try:
        assert run_demo(monkeypatch, world, tmp_path / "run") == 0
    finally:
        make_room(os.getpid())
    lines = capsys.readouterr().out.splitlines()
    answer = json.loads(lines[-1])
    assert answer["cleared"] and answer["picks_ok"] == 2
    assert any("not kept: tables and summary" in line and "make room" in line for line in lines)
    assert answer["not_kept"]
    kept = json.loads((tmp_path / "run" / "picks.json").read_text())
    assert len(kept["picks"]) == (3 if room else 1)
    assert len((tmp_path / "run" / "picks.csv").read_text().splitlines()) == 1 + len(kept["picks"])
    assert not list((tmp_path / "run").glob("*.new"))


def test_demo_that_is_interrupted_leaves_a_readable_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(PERFECT[:1], ended="")

    def interrupt() -> None:
        raise KeyboardInterrupt

    world.broken = interrupt  # type: ignore[assignment]
    assert run_demo(monkeypatch, world, tmp_path / "run") == 130
    stored = json.loads((tmp_path / "run" / "picks.json").read_text())
    assert "interrupted" in stored["ended"] and len(stored["picks"]) == 1
    assert "1 of 2 objects" in (tmp_path / "run" / "summary.html").read_text()


@pytest.mark.parametrize("bad", [["--objects", "0"], ["--objects", "11"], ["--factor", "0"], ["--seed", "-1"]])
def test_demo_refuses_bad_arguments_before_it_makes_a_folder(bad: list[str], tmp_path: Path) -> None:
    assert main(["demo", *bad, "--out", str(tmp_path / "run")]) == 2
    assert not (tmp_path / "run").exists()


# --- addresses and the way out -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("number", "host"), [(0, ""), (1, ""), (1, "127.0.0.1"), (119, "127.0.0.1")])
def test_address_and_domain_that_are_taken_are_not_given_again(number: int, host: str) -> None:
    """Whoever is left in a domain of which the first has gone would be found there under a name of ours."""
    ip, domain = running_cell.free_address(), running_cell.free_domain()
    with socket.create_server((ip, CellDoor.PORT)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind((host, 7410 + 250 * domain + 2 * number))
        assert running_cell.free_address() != ip and running_cell.free_domain() != domain
    assert running_cell.free_address() == ip and running_cell.free_domain() == domain


def test_second_interrupt_does_not_spoil_the_orderly_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    tidied = []

    def work() -> None:
        with running_cell.one_interrupt():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(5.0)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                tidied.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert tidied == [True] and signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("broken", "status"), [(3, 1), (2, 0)])
def test_bench_fails_only_when_every_round_broke(
    broken: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worlds = {k: World(PERFECT) for k in range(7 + broken, 10)}

    @contextmanager
    def fake(run: RunSettings, folder: Path, planner: Record, say: Any = None) -> Iterator[FakeCell]:
        if run.seed not in worlds:
            raise DeviceError("The simulated cell did not become ready.")
        yield FakeCell([], worlds, run.seed)

    monkeypatch.setattr(bench_clearing, "open_cell", fake)
    words = ["bench", "clearing", "--path", "ros", "--rounds", "3", "--objects", "2", "--seed", "7", "--json"]
    assert main(words) == status
    assert json.loads(capsys.readouterr().out.strip().split("\n")[-1])["rounds_broken"] == broken


def test_shared_memory_that_is_left_is_removed_and_what_is_in_use_is_kept() -> None:
    before = starter._shared_memory(91)
    left, used = (Path("/dev/shm") / f"fastrtps_gpnet{os.getpid()}_{name}" for name in ("left", "used"))
    try:
        for path in (left, used):
            path.write_bytes(bytes(4096))
            os.utime(path, (1.0, 1.0))  # a fresh file may still be on its way to its reader
        with used.open("r+b") as file, mmap.mmap(file.fileno(), 4096):
            starter._clean_shared_memory(91, before)
            assert used.exists() and not left.exists()
    finally:
        for path in (left, used):
            path.unlink(missing_ok=True)


# --- the admin door --------------------------------------------------------------------------------------------------
@contextmanager
def cell(answers: list[Record | None]) -> Iterator[str]:
    """A cell that gives these answers, one per request, then repeats the last; None closes without a word."""
    ip = running_cell.free_address()
    server = socket.create_server((ip, CellDoor.PORT))

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link, link.makefile() as requests:
                requests.readline()
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if answer is not None:
                    link.sendall(json.dumps(answer).encode() + b"\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield ip
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5.0)


def moving(objects_move: bool) -> Record:
    return {"ok": True, **truth_of(["box"], at_rest=not objects_move).to_dict()}


def test_truth_is_waited_for_until_nothing_moves() -> None:
    with cell([moving(True), moving(False)]) as ip:
        assert CellDoor(ip).truth_at_rest(5.0).at_rest


def test_truth_of_what_never_rests_is_told_after_a_while() -> None:
    with cell([moving(True)]) as ip:
        assert not CellDoor(ip).truth_at_rest(0.01).at_rest


def test_heap_is_waited_for() -> None:
    status = [{"ok": True, "version": v, "error": ""} for v in (1, 1, 2)]
    with cell([{"ok": True, "version": 2}, *status]) as ip:
        CellDoor(ip).load_heap(3, 2, 10.0)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([None], "did not answer"),
        ([{"ok": False, "error": "A heap is being made already."}], "being made already"),
        ([{"ok": True, "version": 2}, {"ok": True, "version": 1, "error": "no rest"}], "could not be made: no rest"),
    ],
)
def test_cell_that_fails_is_an_error(answers: list[Record | None], message: str) -> None:
    with cell(answers) as ip, pytest.raises(DeviceError, match=message):
        CellDoor(ip).load_heap(3, 2, 10.0)


def test_heap_that_never_comes_is_an_error() -> None:
    with (
        cell([{"ok": True, "version": 2}, {"ok": True, "version": 1, "error": ""}]) as ip,
        pytest.raises(DeviceError, match="was not there after"),
    ):
        CellDoor(ip).load_heap(3, 2, 0.01)


def test_absent_cell_is_an_error() -> None:
    with pytest.raises(DeviceError, match="did not answer"):
        CellDoor(running_cell.free_address()).truth()
