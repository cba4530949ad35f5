"""The picking loop with fakes: what moves, what never moves, and what is said about it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.cameras import mistaken
from support.loop_bench import PATIENCE, Bench, Scene, bench
from support.scenes import CELL, sight, table_and_box

from gpnet_ros.cell import HandEye, load_cell, load_hand_eye
from gpnet_ros.devices.arm import MoveResult, MoveStatus
from gpnet_ros.devices.fake import FakeArm, FakeGripper
from gpnet_ros.errors import DeviceError, FrameRefused, HandEyeRefused
from gpnet_ros.grasp import Rejected
from gpnet_ros.look_again import LOOKS
from gpnet_ros.motion import Move, plan_pick
from gpnet_ros.pick import Decision, decide
from gpnet_ros.picking import picker
from gpnet_ros.picking.attention import Attention, Sight
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.record import Turn
from gpnet_ros.pose import invert, look_at, to_xyz_quat, transform
from gpnet_ros.region import counted_in_workspace
from gpnet_ros.settings import config_dir

FAST = load_cell(config_dir() / "cell_fast.yaml")


@pytest.mark.parametrize(("border", "standing"), [(0.18, ()), (0.0, None)])
def test_it_picks_the_box_and_then_finds_nothing_left(border: float, standing: tuple[()] | None) -> None:
    with bench(cell=replace(CELL, fetch_border=border)) as b:
        b.until_state("idle")
        assert b.loop.start() == (True, "Started.")
        first, last = b.result(0), b.result(1)
    assert first["status"] == "picked"
    assert first["finished"] is None
    looked = [basis.standing for basis in b.notes.bases]
    assert looked == [standing] * 2, "it looks around before the first pick where it may fetch from there"
    assert b.names().count("descend") == 1
    assert np.allclose(np.array(first["T_base_tcp"])[:2, 3], (0.66, 0.03), atol=0.004)
    assert {"look", "decide", "approach", "descend", "home"} <= set(first["time_s"])
    assert last["status"] == last["finished"] == "nothing_left"
    assert b.loop.picker.tally.placed == 1


def test_a_fast_cell_goes_home_only_when_there_is_nothing_to_pick() -> None:
    with bench(cell=FAST) as b:
        b.eyes.boxes = 2
        b.until_state("idle")
        b.loop.start()
        statuses = [b.result(k)["status"] for k in range(3)]
        b.until_state("idle")
        assert b.loop.manipulator.is_home()
    assert statuses == ["picked", "picked", "nothing_left"]
    pick = ["approach", "pregrasp", "descend", "lift", "carry"]
    assert b.names() == [*pick, *pick, "rise", "home"]
    starts = [basis.q_start for basis in b.notes.bases]
    assert np.allclose(starts[0], CELL.home) and not np.allclose(starts[1], CELL.home, atol=0.01)


def test_a_fast_cell_goes_home_before_it_looks_where_it_may_not_stay() -> None:
    with bench(cell=FAST, object_width=None) as b:  # nothing is ever between the pads
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == "missed"
        assert b.names()[-2:] == ["rise", "home"], "a missed pick ends at home"
    with bench(cell=FAST) as b:
        b.eyes.boxes = 2
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == "picked"
        b.until_state("idle")
        b.arm._q = b.arm._q + 0.1  # somebody has moved the arm
        b.loop.pick()
        assert b.result(1)["status"] == "picked"
    assert b.names()[5:7] == ["rise", "home"]


def hide(look: Sight) -> Sight:
    """The same look with a square of the table, 60 px wide, that gives no depth."""
    assert look.frame.depth is not None
    depth = look.frame.depth.copy()
    depth[210:270, 300:360] = np.nan
    return replace(look, frame=replace(look.frame, depth=depth))


def test_what_stays_unseen_ends_the_task_and_says_where() -> None:
    with bench() as b:
        b.eyes.boxes, b.eyes.spoil = 0, hide
        b.until_state("idle")
        b.loop.start()
        looks = [b.result(k) for k in range(3)]
    assert [r["status"] for r in looks] == ["not_seen"] * 3
    assert [r["finished"] for r in looks] == [None, None, "not_seen"]
    (part,) = looks[-1]["unseen"]
    assert f"({part['centre'][0]:.3f}, {part['centre'][1]:.3f}) m" in looks[-1]["message"]
    assert part["area_m2"] > 0.003
    assert not b.arm.moves


def test_what_is_seen_at_the_second_look_is_picked() -> None:
    with bench() as b:
        shown = iter((hide(sight(time.time(), 0.0)),))
        b.eyes.spoil = lambda s: replace(hide(sight(s.frame.stamp, 0.0)), maps=s.maps) if next(shown, None) else s
        b.until_state("idle")
        b.loop.start()
        statuses = [b.result(k)["status"] for k in range(3)]
    assert statuses == ["not_seen", "picked", "nothing_left"]


@pytest.mark.parametrize(("lost", "looks"), [(1, 2), (LOOKS - 1, LOOKS), (LOOKS, LOOKS)])
def test_a_pick_looks_again_where_nothing_is_graspable(lost: int, looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first = iter([Decision("nothing_graspable", (Rejected((0.0, 0.0), "clearance", "for the test"),))] * lost)
    monkeypatch.setattr(picker, "decide", lambda *a, **k: next(first, None) or decide(*a, **k))
    with bench() as b:
        b.until_state("idle")
        b.loop.pick()
        status = b.result()["status"]
        b.until_state("idle")
    assert len(b.notes.decisions) == looks
    assert status == ("picked" if lost < LOOKS else "nothing_graspable")
    assert b.loop.picker.tally.failures == (lost == LOOKS)


def test_one_pick_is_one_pick() -> None:
    with bench() as b:
        b.eyes.boxes = 2
        b.until_state("idle")
        assert b.loop.pick()[0]
        assert b.result()["status"] == "picked"
        b.until_state("idle")
        assert b.names().count("descend") == 1
        assert len(b.notes.results) == 1


def test_three_failures_in_a_row_end_the_loop_and_no_grasp_is_tried_twice() -> None:
    with bench(object_width=None) as b:
        b.until_state("idle")
        b.loop.start()
        b.notes.wait(lambda: any(r["finished"] for r in b.notes.results))
        assert np.allclose(b.arm.state().q, CELL.home)
    assert b.notes.results[-1]["finished"] == "failures"
    assert b.notes.results[-1]["failures"] == 3
    assert b.notes.results[0]["status"] == "missed"
    grasps = [r["T_base_tcp"] for r in b.notes.results if "T_base_tcp" in r]
    assert len(grasps) == len({str(g) for g in grasps})
    assert "failed_before" in str(b.notes.results[1]["rejected"])


def test_the_loop_ends_after_its_number_of_picks() -> None:
    with bench(max_picks=2) as b:
        b.eyes.boxes = 9
        b.until_state("idle")
        b.loop.start()
        assert b.result(1)["finished"] == "max_picks"


def test_a_dry_run_decides_and_moves_nothing() -> None:
    with bench("dry_run", auto=False) as b:
        b.until_state("idle")
        assert b.loop.pick()[0]
        assert b.result()["status"] == "dry_run"
        assert "T_base_grasp" in b.result()
    assert b.arm.moves == []
    assert b.gripper.commands == []


def test_a_hover_moves_but_stays_high_and_never_grips() -> None:
    with bench("hover", auto=False) as b:
        b.until_state("needs_resume")
        assert not b.loop.pick()[0]
        b.loop.resume()
        b.until_state("idle")
        assert b.loop.pick()[0]
        assert b.result()["status"] == "done"
    assert b.names() == ["approach", "hover", "retreat", "home"]
    assert b.gripper.commands == []
    assert not b.gripper.is_active


def test_in_step_mode_nothing_moves_before_the_approval() -> None:
    with bench("step", auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.loop.pick()
        b.until_state("awaiting_approval")
        assert b.arm.moves == []
        assert b.notes.decisions[0].grasp is not None
        approved, told = b.loop.pick()
        assert approved and told.startswith("Approved: the grasp at pixel")
        assert b.result()["status"] == "picked"


def test_a_stop_instead_of_the_approval_moves_nothing() -> None:
    with bench("step", auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.loop.pick()
        b.until_state("awaiting_approval")
        b.loop.stop()
        b.until_state("needs_resume")
        assert not b.loop.pick()[0]
    assert b.arm.moves == []


def test_after_a_start_nothing_moves_until_resume_and_the_gripper_is_not_activated() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        accepted, why = b.loop.start()
        assert not accepted
        assert "resume" in why
        assert not b.gripper.is_active
        b.loop.resume()
        b.until_state("idle")
        assert b.gripper.is_active
        assert b.arm.moves == []
        assert b.loop.start()[0]
        assert b.result()["status"] == "picked"


@pytest.mark.parametrize("status", [MoveStatus.STOPPED, MoveStatus.LINK_LOST])
def test_after_a_stop_on_the_way_the_grip_is_held_until_resume_and_then_put_down(status: MoveStatus) -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.arm.script.extend([MoveStatus.ARRIVED] * 4 + [status])  # the fifth move carries
        b.loop.start()
        assert b.result()["status"] == status.value
        assert b.result()["holding"]
        b.until_state("needs_resume")
        moves, commands = len(b.arm.moves), list(b.gripper.commands)
        assert b.gripper.state().object_detected
        assert not b.loop.start()[0]
        assert (len(b.arm.moves), b.gripper.commands) == (moves, commands)
        b.loop.resume()
        b.until_state("idle")  # made ready, and nothing more
        assert (len(b.arm.moves), b.gripper.commands) == (moves, commands)
        assert b.loop.start()[0]
        assert b.result(1)["status"] == "nothing_left"  # the held object was put down first
    assert b.names()[moves:][-4:] == ["carry", "place", "retreat", "home"]
    assert not b.gripper.state().object_detected
    assert b.gripper.commands == [*commands, CELL.gripper.stroke]


def test_a_stop_while_resuming_is_the_newer_word() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.loop.stop()
        b.until_state("needs_resume")
        activate, begun, go_on = b.arm.resume, threading.Event(), threading.Event()

        def slow() -> None:
            begun.set()
            assert go_on.wait(PATIENCE)
            activate()

        b.arm.stop_with("protective_stop")
        b.arm.resume = slow  # type: ignore[method-assign]
        b.loop.resume()
        assert begun.wait(PATIENCE)
        b.loop.stop()
        go_on.set()
        b.until_state("needs_resume")
        assert not b.loop.start()[0]
        b.arm.resume = activate  # type: ignore[method-assign]
        b.loop.resume()
        b.until_state("idle")


def test_a_resume_while_moving_is_no_word_for_a_later_stop() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        move, begun, go_on = b.arm.move, threading.Event(), threading.Event()

        def slow(*arguments: Any, **more: Any) -> Any:
            begun.set()
            assert go_on.wait(PATIENCE)
            return move(*arguments, **more)

        b.arm.move = slow  # type: ignore[method-assign]
        b.loop.start()
        assert begun.wait(PATIENCE)
        accepted, answer = b.loop.resume()
        assert accepted
        assert "Nothing had stopped" in answer
        b.arm.script.append(MoveStatus.STOPPED)
        resumed = b.notes.states.count("resuming")
        go_on.set()
        assert b.result()["status"] == "stopped"
        b.until_state("needs_resume")
        assert not b.loop.start()[0]
        assert b.notes.states.count("resuming") == resumed
        b.arm.move = move  # type: ignore[method-assign]
        assert b.loop.resume() == (True, "Resuming; the state tells when it is done.")
        b.until_state("idle")
        moves = len(b.arm.moves)
        assert len(b.notes.results) == 1  # ready, and nothing more
        assert b.loop.start()[0]
        assert b.result(1)["status"] == "picked"
        assert len(b.arm.moves) > moves


def test_a_stop_between_two_picks_needs_a_start_after_the_resume() -> None:
    with bench(auto=False) as b:
        b.eyes.boxes = 9
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.loop.start()
        b.result()
        b.loop.pause()
        b.until_state("paused")
        b.arm.stop_with("needs_resume")  # a stop that has gone when a person looks
        b.until_state("needs_resume")
        moves, results = len(b.arm.moves), len(b.notes.results)
        b.loop.resume()
        b.until_state("idle")
        assert (len(b.arm.moves), len(b.notes.results)) == (moves, results)
        assert b.loop.start()[0]
        b.result(results)
        assert len(b.arm.moves) > moves


def test_a_stop_takes_a_resume_back_that_has_not_begun() -> None:
    made = Bench(LoopSettings(mode="run"), 0.03)  # its thread does not run: the order is ours
    made.arm.connect()
    assert made.loop.resume()[0]
    made.loop.stop()
    made.loop._make_ready()
    assert made.loop._stopping.is_set()
    assert "resuming" not in made.notes.states
    assert not made.gripper.is_active
    made.loop.resume()
    made.loop._make_ready()
    assert made.gripper.is_active


def test_a_resume_before_the_arm_is_connected_is_refused_and_not_kept() -> None:
    made = Bench(LoopSettings(mode="run"), 0.03)
    accepted, why = made.loop.resume()
    assert not accepted
    assert "not connected" in why
    made.loop.open()
    try:
        made.until_state("needs_resume")
        assert not made.gripper.is_active
    finally:
        made.loop.close()


@pytest.mark.parametrize("ends_by", ["slider", "stop"])
def test_a_move_that_waits_for_the_slider_is_told_and_a_stop_ends_it(ends_by: str) -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        raised, move, state = threading.Event(), b.arm.move, b.arm.state

        def waiting(_: Move, cancelled: Callable[[], bool]) -> MoveResult:
            b.arm.state = lambda: replace(state(), status="moving", message="The slider is low.")  # type: ignore[method-assign]
            while not (raised.is_set() or cancelled()):
                raised.wait(0.01)
            b.arm.state = state  # type: ignore[method-assign]
            if not raised.is_set():
                return MoveResult(MoveStatus.CANCELLED, "Cancelled.", state().T_base_tcp)
            b.arm.move = move  # type: ignore[method-assign]
            return move(_, cancelled)

        b.arm.move = waiting  # type: ignore[method-assign]
        b.loop.start()
        b.until_state("waiting")
        assert "The slider is low." in b.notes.reasons
        assert b.notes.results == []
        raised.set() if ends_by == "slider" else b.loop.stop()
        assert b.result()["status"] == ("picked" if ends_by == "slider" else "cancelled")
        assert b.notes.states.count("waiting") == 1
        assert "moving" in b.notes.states[b.notes.states.index("waiting") :] or ends_by == "stop"


def test_the_simulation_goes_on_by_itself() -> None:
    with bench(auto=True) as b:
        b.until_state("idle")
        b.arm.script.extend([MoveStatus.ARRIVED] * 4 + [MoveStatus.STOPPED])
        b.loop.start()
        b.notes.wait(lambda: any(r["finished"] for r in b.notes.results))
    assert [r["status"] for r in b.notes.results] == ["stopped", "nothing_left"]


def test_a_pause_waits_after_the_pick_and_resume_goes_on() -> None:
    with bench() as b:
        b.eyes.boxes = 2
        b.until_state("idle")
        b.loop.pause()
        b.loop.start()
        b.until_state("paused")
        assert b.arm.moves == []
        b.loop.resume()
        assert b.result(1)["status"] == "picked"


def test_a_second_start_is_refused_while_it_works() -> None:
    with bench() as b:
        b.eyes.silent = True
        b.until_state("idle")
        assert b.loop.start()[0]
        assert not b.loop.start()[0]
        b.loop.stop()
        b.until_state("idle")
        b.eyes.silent = False
        assert b.loop.start()[0]
        assert b.result()["status"] == "picked"


def millimetres(s: Sight) -> Sight:
    assert s.frame.depth is not None
    return replace(s, frame=replace(s.frame, depth=s.frame.depth * 1000))


def filled(value: float) -> Callable[[Sight], Sight]:
    return lambda s: replace(s, frame=replace(s.frame, depth=np.full_like(table_and_box(), value)))


def no_camera(s: Sight) -> Sight:
    raise FrameRefused("No color/camera_info came with the image; the camera node must publish it.")


@pytest.mark.parametrize(
    ("spoil", "word"),
    [(filled(0.0), "valid"), (filled(float("nan")), "valid"), (millimetres, "unit"), (no_camera, "camera_info")],
)
def test_a_bad_frame_is_refused_with_its_reason_and_nothing_moves(spoil: Callable, word: str) -> None:
    with bench(look_timeout=0.3) as b:
        b.eyes.spoil = spoil
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == b.result()["finished"] == "no_frame"
        assert b.arm.moves == []
        assert b.gripper.commands == []
        b.eyes.spoil = lambda s: s
        b.loop.pick()
        assert b.result(1)["status"] == "picked"
    assert word in b.result()["message"]
    assert word in b.notes.reasons[0]


def test_a_frame_of_before_the_arm_left_the_view_is_not_decided_on() -> None:
    with bench(look_timeout=0.3) as b:
        b.eyes.boxes = 2
        b.until_state("idle")
        old = time.time()
        b.loop.pick()
        assert b.result()["status"] == "picked"
        moves = len(b.arm.moves)
        b.eyes.spoil = lambda s: replace(s, frame=replace(s.frame, stamp=old))
        b.loop.pick()
        assert b.result(1)["status"] == "no_frame"
        assert "before the view was free" in b.result(1)["message"]
        assert len(b.arm.moves) == moves


def test_an_arm_that_stands_in_the_view_is_said_so() -> None:
    with bench("dry_run", auto=False, look_timeout=0.3) as b:
        b.until_state("idle")
        over = transform(np.diag([1.0, -1.0, -1.0]), (0.65, 0.0, 0.05))
        approach = plan_pick(over, 0.06, CELL.home, CELL, 0.1).steps[1]
        assert isinstance(approach, Move)
        b.arm._q = np.array(approach.q)
        b.loop.pick()
        assert "between camera and workspace" in b.result()["message"]


def given(T: np.ndarray, mount: str = "fixed") -> HandEye:
    position, quaternion = to_xyz_quat(T)
    return HandEye(mount, tuple(position.tolist()), tuple(quaternion.tolist()))


@pytest.mark.parametrize("away", [0.0, 0.5], ids=["at home", "elsewhere"])
@pytest.mark.parametrize("kind", ["base_link", "inverted", "camera_link"])
def test_with_a_wrong_hand_eye_nothing_moves_and_the_mistake_is_named(kind: str, away: float) -> None:
    wrong = given(mistaken(load_hand_eye().T_base_camera(), kind))
    with bench(hand_eye=wrong, look_timeout=PATIENCE) as b:
        b.arm._q = np.array(CELL.home) + [0.0, 0.0, 0.0, 0.0, 0.0, away]
        b.until_state("idle")
        b.loop.start()
        assert b.result()["status"] == b.result()["finished"] == "hand_eye"
        assert kind in b.result()["message"]
        assert kind in b.notes.reasons[0]
        b.until_state("idle")
        assert b.arm.moves == []
        assert b.gripper.commands == []
        assert b.notes.decisions == []


def test_an_arm_away_from_home_goes_there_when_no_camera_shows_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpnet_ros.picking.attention._FIRST_LOOK", 0.1)
    with bench(look_timeout=0.2) as b:
        b.eyes.silent = True
        b.arm._q = np.array(CELL.home) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == "no_frame"
        assert np.allclose(b.arm.state().q, CELL.home)


@pytest.mark.parametrize("status", [MoveStatus.STOPPED, MoveStatus.LINK_LOST])
def test_a_stop_on_the_way_home_before_the_look_tells_where_and_how_long_it_was_under_way(status: MoveStatus) -> None:
    with bench(auto=False) as b:
        b.arm._q = np.array(CELL.home) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.arm.script.append(status)
        b.loop.start()
        result = b.result()
        assert result["status"] == status.value and result["message"].startswith("On the way home, at 'home': ")
        assert set(result["time_s"]) == {"home"} == set(b.names())
        b.until_state("needs_resume")


def test_a_surface_that_nothing_explains_is_a_refused_frame_and_the_next_one_counts() -> None:
    with bench("dry_run", auto=False, look_timeout=0.3) as b:
        b.eyes.spoil = lambda s: replace(s, frame=replace(s.frame, depth=s.frame.depth * np.float32(1.3)))
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == "no_frame"
        assert "below the table" in b.result()["message"]
        b.eyes.spoil = lambda s: s
        b.loop.pick()
        assert b.result(1)["status"] == "dry_run"


def test_where_no_maps_come_a_workspace_that_is_cut_beyond_its_centre_is_the_reason() -> None:
    x, y = CELL.workspace.centre
    aside = given(look_at((x, y + 0.42, 0.85), (x, y + 0.42, 0.0), right=(1.0, 0.0, 0.0)))
    s = sight(1.0)
    depth = np.full_like(table_and_box(), 0.85)
    watch = Attention(Scene(FakeGripper()), FakeArm(CELL), CELL, aside, False, 0.3)
    watch.check_frame(replace(s.frame, depth=depth))  # with the whole frame in view it can be true
    with pytest.raises(FrameRefused, match="partly outside the picture") as refusal:
        watch.check_mapless(replace(s.frame, depth=depth))
    assert not isinstance(refusal.value, HandEyeRefused)


def test_holes_beside_the_workspace_are_no_reason_to_refuse_a_frame() -> None:
    def only(inside: bool) -> Callable[[Sight], Sight]:
        def change(s: Sight) -> Sight:
            counted = counted_in_workspace(s.frame, load_hand_eye().T_base_camera(), CELL.workspace).region
            assert counted is not None and s.frame.depth is not None
            kept = np.where(counted == inside, s.frame.depth, np.float32(np.nan))
            return replace(s, frame=replace(s.frame, depth=kept))

        return change

    with bench("dry_run", auto=False, look_timeout=0.3) as b:
        b.eyes.spoil = only(False)
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == "no_frame"
        assert "0% of the depth pixels that count" in b.result()["message"]
        b.eyes.spoil = only(True)
        b.loop.pick()
        b.result(1)
    assert b.result(1)["status"] != "no_frame"


def test_a_camera_on_the_flange_is_judged_where_it_looks_from() -> None:
    """It sees what the fixed one sees: the arm stands where that is so, and is at home there, or is not."""
    at_home = FakeArm(CELL)
    at_home.connect()
    T_flange = at_home.state().T_base_tcp @ invert(CELL.T_flange_tcp)
    right = invert(T_flange) @ load_hand_eye().T_base_camera()
    with bench("dry_run", auto=False, hand_eye=given(right, "flange"), look_timeout=0.3) as b:
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] in ("dry_run", "nothing_graspable")  # so far from the flange it is in its own way
        np.testing.assert_allclose(b.notes.bases[0].T_base_camera, load_hand_eye().T_base_camera(), atol=1e-6)
    with bench("dry_run", auto=False, hand_eye=given(mistaken(right, "camera_link"), "flange"), look_timeout=0.3) as b:
        b.until_state("idle")
        b.loop.pick()
        assert b.result()["status"] == "hand_eye"
        assert "camera_link" in b.result()["message"]
        b.arm._q = np.array(CELL.home) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.1]
        b.loop.pick()
        assert b.result(1)["status"] == "no_frame"
        assert "does not stand at home" in b.result(1)["message"]


def test_a_defect_is_seen_and_nothing_moves_after_it() -> None:
    def broken(_: Sight) -> Sight:
        raise RuntimeError("a defect")

    with bench(auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.eyes.spoil = broken
        b.loop.start()
        assert b.result()["status"] == "defect"
        b.until_state("needs_resume")
    assert b.arm.moves == []


def test_without_any_frame_the_reason_is_that_nobody_publishes() -> None:
    with bench(look_timeout=0.2) as b:
        b.eyes.silent = True
        b.until_state("idle")
        b.loop.start()
        assert b.result()["message"] == "Nobody publishes."
    assert b.arm.moves == []


def test_an_arm_that_cannot_be_reached_is_tried_again_and_the_loop_lives() -> None:
    made = Bench(LoopSettings(mode="run", auto_resume=True), 0.03)
    tries = []
    connect = made.arm.connect

    def stubborn() -> None:
        tries.append(1)
        if len(tries) < 2:
            raise DeviceError("The controller does not answer.")
        connect()

    made.arm.connect = stubborn  # type: ignore[method-assign]
    made.loop.open()
    try:
        made.until_state("connecting")
        made.until_state("idle")
        made.loop.start()
        assert made.result()["status"] == "picked"
    finally:
        made.loop.close()
    assert made.notes.reasons[0] == "The controller does not answer."


def test_closing_ends_a_wait_for_a_controller_that_does_not_answer() -> None:
    made = Bench(LoopSettings(mode="run", auto_resume=True), 0.03)
    let_go, waits = threading.Event(), threading.Event()

    def silent() -> None:
        waits.set()
        assert let_go.wait(PATIENCE), "nobody ended the wait"
        raise DeviceError("The controller did not answer in time.")

    made.arm.connect = silent  # type: ignore[method-assign]
    made.arm.disconnect = let_go.set  # type: ignore[method-assign]
    made.loop.open()
    assert waits.wait(PATIENCE)
    made.loop.close()
    assert let_go.is_set() and made.arm.moves == []


# --- a gripper that lost its activation -----------------------------------------------------------------
def over_the_heap(b: Bench) -> None:
    """The arm stands over the heap with something in its jaws, and the gripper has lost its power."""
    b.arm._q = CELL.kinematics.inverse_near(
        transform(np.diag([1.0, -1.0, -1.0]), (0.65, 0.0, 0.25)) @ invert(CELL.T_flange_tcp), np.array(CELL.home)
    )
    b.gripper._closed_to, b.gripper._width = 0.0, 0.03
    b.loop.manipulator._hang = 0.05  # as of a pick of its own


def opened_at(b: Bench) -> list[np.ndarray]:
    """Where the arm stands at each activation from now on, (6,) [rad]."""
    places, activate = [], b.gripper.activate

    def note() -> None:
        places.append(b.arm.state().q)
        activate()

    b.gripper.activate = note  # type: ignore[method-assign]
    return places


def test_a_resume_away_from_the_tote_opens_nothing_and_says_what_would_fall_where() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        over_the_heap(b)
        places = opened_at(b)
        b.loop.resume()
        b.until_state("idle")
        assert places == [] and b.arm.moves == [] and b.gripper._closed_to == 0.0
        assert "0.25 m" in b.notes.reasons[-1] and "resume again" in b.notes.reasons[-1]


def test_a_start_then_goes_home_with_what_is_held_and_opens_over_the_tote() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        over_the_heap(b)
        places = opened_at(b)
        b.loop.resume()
        b.until_state("idle")
        assert b.loop.start()[0]
        assert b.result()["status"] == "picked"
        assert len(places) == 1 and np.allclose(places[0], CELL.home)
        assert b.names()[0] == "rise"


def test_what_hangs_down_nobody_knows_how_far_is_not_carried_across_the_totes_wall() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        over_the_heap(b)
        b.loop.manipulator._hang = None
        places = opened_at(b)
        b.loop.resume()
        b.until_state("idle")
        b.loop.start()
        assert b.result()["status"] == "refused" and "resume to open the jaws" in b.result()["message"]
        assert places == [] and b.arm.moves == []
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        assert len(places) == 1 and b.arm.moves == []


def test_a_second_resume_elsewhere_is_a_first_one() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        over_the_heap(b)
        b.loop.resume()
        b.until_state("idle")
        b.arm._q = b.arm._q + np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.0])
        places, told = opened_at(b), len(b.notes.reasons)
        b.loop.stop()
        b.until_state("needs_resume")
        b.loop.resume()
        b.notes.wait(lambda: len(b.notes.reasons) > told)
        assert places == []


def test_a_second_resume_opens_where_the_arm_stands_and_moves_nothing_else() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        over_the_heap(b)
        b.loop.resume()
        b.until_state("idle")
        accepted, answer = b.loop.resume()
        assert accepted and "open" in answer
        b.notes.wait(lambda: b.notes.states.count("idle") == 2)
        assert b.gripper.is_active and b.arm.moves == []


def test_a_second_resume_before_the_first_has_told_is_none() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        over_the_heap(b)
        resume, begun, go_on = b.arm.resume, threading.Event(), threading.Event()

        def slow() -> None:
            begun.set()
            assert go_on.wait(PATIENCE)
            resume()

        b.arm.resume = slow  # type: ignore[method-assign]
        b.loop.resume()
        assert begun.wait(PATIENCE)
        b.loop.resume()
        go_on.set()
        b.until_state("idle")
        assert not b.gripper.is_active


def test_power_lost_between_two_picks_ends_the_task_and_opens_nothing() -> None:
    with bench(auto=False) as b:
        b.eyes.boxes = 9
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        places = opened_at(b)
        execute = b.loop.picker.execute

        def lose(turn: Turn) -> Turn:
            done = execute(turn)
            b.gripper._active = False
            return done

        b.loop.picker.execute = lose  # type: ignore[method-assign]
        b.loop.start()
        b.result()
        b.until_state("needs_resume")
        assert places == [] and not b.loop.start()[0]


def test_in_simulation_too_it_goes_home_before_it_opens() -> None:
    made = Bench(LoopSettings(mode="run", auto_resume=True), 0.03)
    over_the_heap(made)
    places = opened_at(made)
    made.loop.open()
    try:
        made.until_state("idle")
        assert places == []
        made.loop.start()
        assert made.result()["status"] == "picked"
        assert len(places) == 1 and np.allclose(places[0], CELL.home)
    finally:
        made.loop.close()
