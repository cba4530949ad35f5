"""A whole touch-off: with an arm that meets things, broken off and gone on with, and the gate that reads its file."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.touch_world import CELL, Script, TouchingArm, TouchWorld, WorldCamera

from gpnet_ros.devices.arm import MoveResult, MoveStatus
from gpnet_ros.devices.fake import FakeGripper
from gpnet_ros.devices.robots import make_robot
from gpnet_ros.devices.ur.start import agreement
from gpnet_ros.errors import BadInput, DeviceError, SettingsError
from gpnet_ros.picking.mode_gate import GRIPPING, MODES, Connected, require_mode
from gpnet_ros.picking.touch.session import Bench, check_by_touch
from gpnet_ros.plan import Grip, Move
from gpnet_ros.touch_record import read_record

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def write_hand_eye(world: TouchWorld, folder: Path) -> Path:
    eye = world.hand_eye
    file = folder / "hand_eye.yaml"
    values = {"mount": "fixed", "position": list(eye.position), "quaternion": list(eye.quaternion)}
    file.write_text(yaml.safe_dump(values))
    return file


def bench(world: TouchWorld, folder: Path, **changes: object) -> Bench:
    arm, gripper, camera = TouchingArm(world), FakeGripper(active=True), WorldCamera(world)
    arm.connect()
    file = write_hand_eye(world, folder)
    person = Script(world, arm)
    made = Bench(arm, gripper, camera, "123456", CELL, file, camera.corners, person, lambda: NOW, 2)
    return replace(made, **changes)  # type: ignore[arg-type]


def away(made: Bench) -> float:
    """How far the arm is from home [rad]."""
    return float(np.abs(made.arm.state().q - np.array(CELL.home)).max())


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A good check that was broken off twice, and its hand-eye file."""
    folder = tmp_path_factory.mktemp("check")
    world, out = TouchWorld(2, 0.001), folder / "check.yaml"
    done = []
    for words in (3, 6):
        made = bench(world, folder)
        made.person.words = words  # type: ignore[attr-defined]
        with pytest.raises(BadInput, match="Ended"):
            check_by_touch(made, out)
        assert not out.exists()
        done.append(len(read_record(folder / "check.unfinished.yaml").touches))
        assert len(made.person.homeward) == 1 and away(made) < 0.02  # type: ignore[attr-defined]
    assert done == [3, 6]
    made = bench(world, folder)
    assert check_by_touch(made, out).refusal == ""
    assert any("Goes on: 6 corners" in told for told in made.person.told)  # type: ignore[attr-defined]
    assert not (folder / "check.unfinished.yaml").exists()
    return out, made.hand_eye_file


def connected(file: Path, **changes: object) -> Connected:
    return replace(Connected(CELL, str(file), "123456"), **changes)  # type: ignore[arg-type]


def test_a_bad_hand_eye_is_refused_and_its_file_opens_no_mode(tmp_path: Path) -> None:
    made = bench(TouchWorld(4, 0.005), tmp_path)
    errors = check_by_touch(made, tmp_path / "check.yaml")
    assert "mm in all" in errors.refusal
    with pytest.raises(BadInput, match="mm in all"):
        require_mode("run", False, str(tmp_path / "check.yaml"), connected(tmp_path / "hand_eye.yaml"), 30, NOW)
    # Each descent was asked for, and made with closed jaws.
    descents = [move for move in made.arm.moves if move.kind == "descend"]  # type: ignore[attr-defined]
    assert len(descents) == len(made.person.asked) and 17 <= len(descents) <= 26  # type: ignore[attr-defined]
    assert set(made.gripper.commands) == {0.0}  # type: ignore[attr-defined]
    assert all(move.speed <= CELL.limits.touch_speed for move in descents)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda b: {"camera_serial": " "}, "camera tells no serial"),
        (lambda b: {"gripper": FakeGripper(object_width=0.02, active=True)}, "between the closed pads"),
        (lambda b: {"cell": replace(CELL, tool="suction")}, "only closed jaws"),
        (lambda b: {"find": lambda _: (np.zeros((3, 2)), np.zeros((3, 2)))}, "corners are seen"),
    ],
)
def test_what_cannot_be_checked_is_refused(change, word: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    made = bench(TouchWorld(2), tmp_path)
    with pytest.raises((BadInput, DeviceError), match=word):
        check_by_touch(replace(made, **change(made)), tmp_path / "check.yaml")
    assert not (tmp_path / "check.yaml").exists()


def test_a_board_that_is_lower_than_the_camera_says_is_not_looked_for_deeper(tmp_path: Path) -> None:
    world = TouchWorld(2)
    made = bench(world, tmp_path)
    world.table -= 0.02
    with pytest.raises(DeviceError, match="Nothing was met"):
        check_by_touch(made, tmp_path / "check.yaml")
    assert np.abs(made.arm.state().q - np.array(CELL.home)).max() < 0.02


@pytest.mark.parametrize("why", ["ended", "collision"])
def test_without_a_word_the_arm_stays_where_it_is_and_says_where(why: str, tmp_path: Path) -> None:
    world = TouchWorld(2)
    made = bench(world, tmp_path)
    person = made.person
    person.goes_home = False  # type: ignore[attr-defined]
    person.words = 2 if why == "ended" else 1000  # type: ignore[attr-defined]
    if why == "collision":
        world.table += 0.016
    with pytest.raises((BadInput, DeviceError), match="Ended" if why == "ended" else "above where the camera"):
        check_by_touch(made, tmp_path / "check.yaml")
    assert away(made) > 0.05 and made.arm.moves[-1].kind == "descend"  # type: ignore[attr-defined]
    (asked,) = person.homeward  # type: ignore[attr-defined]
    x, y, z = made.arm.state().T_base_tcp[:3, 3]
    where = f"({x:.3f}, {y:.3f}, {z:.3f}) m in base"
    assert where in asked and where in person.told[-1] and "stay there" in person.told[-1]  # type: ignore[attr-defined]
    if why == "collision":  # before anybody says a word, the reason is told
        assert "above where the camera" in person.told[-2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [MoveStatus.STOPPED, MoveStatus.LINK_LOST])
def test_an_arm_that_was_stopped_is_made_ready_on_a_word_and_goes_home_on_another(
    status: MoveStatus, tmp_path: Path
) -> None:
    made = bench(TouchWorld(2), tmp_path)
    made.arm.script.extend([MoveStatus.ARRIVED] * 2 + [status])  # type: ignore[attr-defined]
    with pytest.raises(DeviceError, match=f"The touch ended with {status.value}") as raised:
        check_by_touch(made, tmp_path / "check.yaml")
    assert "is not home" not in str(raised.value) and away(made) < 0.02
    assert "make the arm ready" in made.person.asked[-1]  # type: ignore[attr-defined]
    assert len(made.person.homeward) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("home", [False, True])
def test_an_arm_that_was_jogged_while_its_stop_was_seen_to_goes_home_from_where_it_is(
    home: bool, tmp_path: Path
) -> None:
    made = bench(TouchWorld(2), tmp_path)
    made.arm.script.extend([MoveStatus.ARRIVED] * 2 + [MoveStatus.STOPPED])  # type: ignore[attr-defined]
    word, q = made.person.word, np.array(CELL.home) + [0.0, 0.0, 0.0, 0.0, 0.0, 0.0 if home else 0.3]

    def jogs(what: str) -> bool:
        if "make the arm ready" in what:
            made.arm._q = q.copy()  # type: ignore[attr-defined]
        return word(what)

    made.person.word = jogs  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="The touch ended with stopped") as raised:
        check_by_touch(made, tmp_path / "check.yaml")
    assert "is not home" not in str(raised.value) and away(made) < 0.02
    asked, ready = made.person.homeward, made.person.asked[-1]  # type: ignore[attr-defined]
    assert len(asked) == (0 if home else 1)
    assert not any(ready.startswith(homeward.partition(":")[0]) for homeward in asked), "of where the tips were before"


def test_without_a_word_an_arm_that_was_stopped_is_not_made_ready(tmp_path: Path) -> None:
    made = bench(TouchWorld(2), tmp_path)
    made.arm.script.extend([MoveStatus.ARRIVED] * 2 + [MoveStatus.STOPPED])  # type: ignore[attr-defined]
    made.person.words = 2  # type: ignore[attr-defined]
    with pytest.raises(DeviceError, match="The touch ended with stopped"):
        check_by_touch(made, tmp_path / "check.yaml")
    assert made.arm.state().status == "protective_stop" and away(made) > 0.05
    assert made.person.homeward == [] and "stay there" in made.person.told[-1]  # type: ignore[attr-defined]


def test_ctrl_c_in_a_descent_stops_the_arm_at_once_and_leaves_it_there(tmp_path: Path) -> None:
    made = bench(TouchWorld(2), tmp_path)
    before = signal.getsignal(signal.SIGINT)
    move, stopped = made.arm.move, []

    def pressed(ordered: Move, cancelled: Callable[[], bool]) -> MoveResult:
        if ordered.kind != "descend":
            return move(ordered, cancelled)
        assert not cancelled()
        signal.raise_signal(signal.SIGINT)
        stopped.append(cancelled())  # an arm asks all the time while it moves
        return MoveResult(MoveStatus.CANCELLED, "Cancelled.", made.arm.state().T_base_tcp)

    made.arm.move = pressed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        check_by_touch(made, tmp_path / "check.yaml")
    assert stopped == [True] and away(made) > 0.05
    assert made.person.homeward == []  # type: ignore[attr-defined]
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_begun_does_not_go_on_with_a_board_that_was_moved(tmp_path: Path) -> None:
    world, out = TouchWorld(2), tmp_path / "check.yaml"
    made = bench(world, tmp_path)
    made.person.words = 1  # type: ignore[attr-defined]
    with pytest.raises(BadInput):
        check_by_touch(made, out)
    world.corners = world.corners + [0.005, 0.0, 0.0]
    again = bench(world, tmp_path)
    again.person.words = 0  # type: ignore[attr-defined]
    with pytest.raises(BadInput):
        check_by_touch(again, out)
    assert any("place of the board" in told for told in again.person.told)  # type: ignore[attr-defined]


# --- the gate -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_simulation_may_do_anything(mode: str) -> None:
    assert require_mode(mode, True, "", connected(Path("none")), 30, NOW) == ""


@pytest.mark.parametrize("mode", MODES)
def test_without_a_check_hardware_ends_at_hover(mode: str) -> None:
    if mode in GRIPPING:
        with pytest.raises(BadInput, match="hover"):
            require_mode(mode, False, "", connected(Path("none")), 30, NOW)
    else:
        assert require_mode(mode, False, "", connected(Path("none")), 30, NOW) == ""


def test_an_unknown_mode_is_refused_even_in_simulation() -> None:
    with pytest.raises(SettingsError, match="dry_run"):
        require_mode("fly", True, "", connected(Path("none")), 30, NOW)


def test_a_fresh_check_of_what_is_connected_opens_the_gate_for_its_arm_alone(checked: tuple[Path, Path]) -> None:
    out, eye = checked
    for mode in GRIPPING:
        assert require_mode(mode, False, str(out), connected(eye), 30, NOW + timedelta(days=29)) == "20200000001"


def test_a_check_of_anything_else_keeps_it_shut(checked: tuple[Path, Path], tmp_path: Path) -> None:
    out, eye = checked
    other = tmp_path / "hand_eye.yaml"
    other.write_text(eye.read_text() + "\n# edited\n")
    longer = replace(CELL, gripper=replace(CELL.gripper, tcp_offset=CELL.gripper.tcp_offset + 0.001))
    cases = [
        (connected(eye, camera_serial="999"), NOW, "camera 123456, in use is 999"),
        (connected(eye, camera_serial=""), NOW, "camera_serial is empty"),
        (connected(eye, cell=longer), NOW, "TCP"),
        (connected(eye, cell=replace(CELL, tool="suction")), NOW, "suction"),
        (connected(other), NOW, "another hand-eye file"),
        (connected(tmp_path / "none.yaml"), NOW, "cannot be read"),
        (connected(eye), NOW + timedelta(days=31), "31 days old"),
        (connected(eye), NOW - timedelta(days=2), "days old"),
    ]
    for what, now, word in cases:
        with pytest.raises(BadInput, match=word):
            require_mode("run", False, str(out), what, 30, now)


def test_neither_two_lines_nor_an_edited_file_open_it(checked: tuple[Path, Path], tmp_path: Path) -> None:
    out, eye = checked
    whole = yaml.safe_load(out.read_text())
    texts = {
        "two lines": "date: 2026-05-20\ncamera_serial: '123456'\n",
        "nothing": "",
        "no yaml": "{",
        "a list": "[1, 2]",
        "later date": yaml.safe_dump({**whole, "date": "2026-06-20T12:00:00+00:00"}),
        "other camera": yaml.safe_dump({**whole, "camera_serial": "999"}),
        "no sum": yaml.safe_dump({k: v for k, v in whole.items() if k != "sum"}),
        "no touches": yaml.safe_dump({**whole, "touches": []}),
        "no probes": yaml.safe_dump({k: v for k, v in whole.items() if k != "probes"}),
        "a row that ends early": yaml.safe_dump({**whole, "touches": [row[:7] for row in whole["touches"]]}),
        "no number": yaml.safe_dump({**whole, "corners": [[float("inf")] * 4, *whole["corners"][1:]]}),
        "a word for a number": yaml.safe_dump({**whole, "plane": ["a", 0, 0, 1]}),
    }
    for name, text in texts.items():
        file = tmp_path / "check.yaml"
        file.write_text(text)
        with pytest.raises(BadInput, match="gpnet check"):
            require_mode("run", False, str(file), connected(eye), 30, NOW), name
    told = yaml.safe_dump({**whole, "errors_mm": {"mean": [0, 0, 0]}})  # what nothing reads may say anything
    (tmp_path / "check.yaml").write_text(told)
    require_mode("run", False, str(tmp_path / "check.yaml"), connected(eye), 30, NOW)


def test_the_sum_alone_is_not_enough(checked: tuple[Path, Path], tmp_path: Path) -> None:
    out, eye = checked
    record = read_record(out)
    record = replace(record, touches=tuple(replace(t, aside=np.zeros(2)) for t in record.touches[:2]))
    record.write(tmp_path / "check.yaml")
    with pytest.raises(BadInput, match="2 corners were touched"):
        require_mode("run", False, str(tmp_path / "check.yaml"), connected(eye), 30, NOW)
    nobody = replace(read_record(out), checked=replace(read_record(out).checked, arm_serial=""))
    nobody.write(tmp_path / "check.yaml")
    with pytest.raises(BadInput, match="no serial number of the arm"):
        require_mode("run", False, str(tmp_path / "check.yaml"), connected(eye), 30, NOW)


def test_the_arm_of_the_check_is_asked_for_when_it_is_made_ready() -> None:
    arm, _ = make_robot("ur", "127.0.0.1", "robotiq", "", False, CELL, "20200000001")
    settings = arm.settings  # type: ignore[attr-defined]
    for serial in ("", "20200000002"):
        said = agreement(None, "UR10 3.15.8", settings, CELL, serial)  # type: ignore[arg-type]
        assert "the calibration check is of 20200000001" in said
    with pytest.raises(AttributeError):  # it goes on to ask the link
        agreement(None, "UR10 3.15.8", settings, CELL, "20200000001")  # type: ignore[arg-type]


def test_the_plan_of_a_touch_begins_with_closing() -> None:
    from support.judged_plans import touch

    assert isinstance(touch()[0].steps[0], Grip) and touch()[0].steps[0].width == 0.0
