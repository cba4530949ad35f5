"""The faults of the matrix: how each is made, how it goes away, and one row of what was measured."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from support.fault_rig import FaultRig, TrueState
from support.full_disk import fill, make_room
from support.moving_arm import CB3, E_SERIES, until

from gpnet_ros.devices.ur.rtde import RtdeClient

Act = Callable[[FaultRig], object]
#: Full speed of a joint move is 1.4 rad/s; the guarded descent runs at 0.05 m/s from 50 mm above the grasp, at 0.025 m.
FAST, LOW = 1.2, 0.062
#: How long nobody says anything after the fault has gone [s], and after `resume`.
UNTOUCHED, AFTER_RESUME = 3.0, 1.5
#: What ends well, and how often a pick is tried after a fault: a machine that does other work may stop one.
PICKED, TRIES = "picked", 3
#: A whole pick at a speed slider of 5 % takes some two minutes [s].
PICK = 240.0


def nothing(_: FaultRig) -> None:
    """No act."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: in the table.
        strike: makes it, in mid-move.
        says: what the software says of it, in part.
        clear: what lets it go once the arm stands, as its cause would; nothing when it goes by itself.
        before_resume: what a person does besides.
        phases: in which moves it is tried.
        models: on which controllers.
        stops: whether the arm has to stop at once.
        resumed: whether only `resume` allows motion again.
        word: what the planner was told.
    """

    name: str
    strike: Act
    says: str
    clear: Act = nothing
    before_resume: Act = nothing
    phases: tuple[str, ...] = ("approach", "descent")
    models: tuple[str, ...] = (CB3, E_SERIES)
    stops: bool = True
    resumed: bool = True
    word: str = "pick"


@dataclass(frozen=True)
class Row:
    """What one fault did.

    Attributes:
        fault, phase, model: what, in which move, on which controller.
        seconds: by the controller's clock until standstill [s]; NaN where the move goes on.
        way: of the TCP until standstill [mm]; NaN likewise.
        said: how the pick ended, and the states of the arm.
        again: way of the TCP while nobody said a word [mm].
        by_resume: way of the TCP after `resume` alone [mm]; NaN where none was needed.
        then: how the pick after it ended.
    """

    fault: str
    phase: str
    model: str
    seconds: float
    way: float
    said: str
    again: float
    by_resume: float
    then: str


def play(rig: FaultRig, fault: Fault, phase: str) -> Row:
    """Pick, break it in that phase, and see what moves until the next pick is done."""
    truth, since = rig.truth, _reach(rig, fault.word, phase)
    first, seconds, way = len(truth.trace) - 1, math.nan, math.nan
    fault.strike(rig)
    if fault.stops:
        rest, seconds = truth.standstill(first)
        way = 1e3 * truth.way(first, rest + 1)
    else:
        _wait_for_end(rig, since)
        rest = truth.standstill(len(truth.trace) - 1)[0]
    fault.clear(rig)
    said = _said(rig, since)
    truth.rest_for(UNTOUCHED)
    again, by_resume = 1e3 * truth.way(rest), math.nan
    if fault.resumed:
        fault.before_resume(rig)
        assert not rig.planner.ask("pick")[0], "a pick without a resume"
        rig.resume()
        truth.rest_for(AFTER_RESUME)
        by_resume = 1e3 * truth.way(rest) - again
    return Row(fault.name, phase, rig.model, seconds, way, said, again, by_resume, _next_pick(rig))


def line_of(row: Row) -> str:
    """One line of the table."""
    r = row
    after, way = (f"{r.seconds:.2f} s", f"{r.way:.0f} mm") if r.seconds == r.seconds else ("goes on", "")
    resumed = f"{r.by_resume:.1f} mm" if r.by_resume == r.by_resume else "not needed"
    series = "CB3" if r.model == CB3 else "e-Series"
    return (
        "| " + " | ".join((r.fault, r.phase, series, after, way, r.said, f"{r.again:.1f} mm", resumed, r.then)) + " |"
    )


def markdown(rows: list[Row]) -> str:
    """The table."""
    head = "| fault | in the | controller | stands after | TCP way | said | moves again | by `resume` | then `pick` |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *map(line_of, rows)])


def _reach(rig: FaultRig, word: str, phase: str) -> int:
    """Begin, and wait for that phase; the number of the news then. A late machine may stop a pick: then once more."""
    for _ in range(TRIES):
        rig.child = rig.planner.child()
        since = len(rig.planner.news)
        assert rig.planner.ask(word)[0]
        rig.truth.until(lambda now: _is_in(phase, rig, now) or rig.planner.has("result", since))  # noqa: B023
        if not rig.planner.has("result", since):
            return since
        _wait_for_end(rig, since)
        if rig.planner.newest("state") == "needs_resume":
            rig.resume()
    raise AssertionError(f"never in the {phase}: {rig.planner.news[-6:]}")


def _is_in(phase: str, rig: FaultRig, now: TrueState) -> bool:
    if phase == "approach":
        return now.speed > FAST
    return now.speed > 0.01 and float(rig.truth.position(now)[2]) < LOW


def _wait_for_end(rig: FaultRig, since: int) -> None:
    """Until the task is over: a loop has several results, the last with a reason."""
    rig.planner.wait("result", since=since, seconds=PICK)
    rig.planner.wait("state", "idle", "needs_resume", since=rig.planner.index_of("result", since), seconds=PICK)


def _said(rig: FaultRig, since: int) -> str:
    """How the task ended, and what the arm was meanwhile; a planner that has died says nothing."""
    if rig.planner.process.poll() is not None:
        return "(the planner is gone)"
    rig.planner.wait("result", since=since)
    news = rig.planner.news[since:]
    result = [entry["result"] for entry in news if "result" in entry][-1]
    states = dict.fromkeys(entry["arm"][0] for entry in news if "arm" in entry)
    told = [status for status in states if status not in ("ready", "moving")]
    told += dict.fromkeys(entry["arm"][1] for entry in news if "arm" in entry and entry["arm"][0] == "moving")
    told = [text for text in told if text]
    text = f"{result['status']}: {result['message']}" if result["message"] else result["status"]
    return " ".join(text.split()) + (f" (arm: {', '.join(told)})" if told else "")


def _next_pick(rig: FaultRig) -> str:
    """How a pick after all of it ends; a busy machine may stop it, which needs another resume, and is told."""
    for number in range(1, TRIES + 1):
        since = len(rig.planner.news)
        accepted, why = rig.planner.ask("pick")
        if not accepted:
            return f"refused: {why}"
        result = rig.planner.wait("result", since=since)
        _wait_for_end(rig, since)
        if result["status"] == "picked":
            return PICKED if number == 1 else f"{PICKED} at try {number}; before: {why}"
        why = f"{result['status']}: {result['message']}"
        if rig.planner.newest("state") == "needs_resume":
            rig.resume()
    return why


# --- how they are made --------------------------------------------------------------------------------------
def admin(command: str, **arguments: object) -> Act:
    return lambda rig: rig.admin(command, **arguments)


def say(word: str) -> Act:
    return lambda rig: rig.planner.say(word)


def signal_planner(number: signal.Signals) -> Act:
    return lambda rig: rig.planner.process.send_signal(number)


def signal_child(number: signal.Signals) -> Act:
    return lambda rig: os.kill(rig.child, number)


def reap(rig: FaultRig) -> None:
    rig.planner.process.wait()


def new_planner(rig: FaultRig) -> None:
    rig.planner.close()
    rig.new_planner()


def needs_resume(rig: FaultRig) -> None:
    """The planner has found back to the controller, and asks for a person."""
    assert until(lambda: rig.planner.newest("state") == "needs_resume", 30.0), rig.planner.news[-6:]


def flicker(rig: FaultRig) -> None:
    """Open for 30 ms, closed for 30 ms, five times."""
    for _ in range(5):
        rig.admin("safeguard")
        time.sleep(0.03)
        rig.admin("release", resumes=True)
        time.sleep(0.03)


def opened(seconds: float) -> Act:
    """The guard opens, and closes with an automatic reset."""

    def act(rig: FaultRig) -> None:
        rig.admin("safeguard")
        time.sleep(seconds)
        rig.admin("release", resumes=True)

    return act


def paused(seconds: float) -> Act:
    """Pause and play on the pendant."""

    def act(rig: FaultRig) -> None:
        rig.admin("pendant", button="pause")
        time.sleep(seconds)
        rig.admin("pendant", button="play")

    return act


def reset_by_hand(rig: FaultRig) -> None:
    """The guard is reset, and somebody presses play as well."""
    rig.admin("release")
    rig.admin("pendant", button="play")


def slid_to_zero(rig: FaultRig) -> None:
    """The slider goes to zero, the arm stands and says what it waits for, and a person raises the slider."""
    since = len(rig.planner.news)
    rig.admin("slider", value=0.0)
    rig.truth.standstill(len(rig.truth.trace) - 1)
    assert until(lambda: any("slider" in news["arm"][1] for news in rig.planner.news[since:] if "arm" in news), 30.0)
    rig.admin("slider", value=1.0)


def full_disk(rig: FaultRig) -> None:
    """Planner and ur_rtde process may write no file any more."""
    for process in (rig.planner.process.pid, rig.child):
        fill(process)


def room_on_the_disk(rig: FaultRig) -> None:
    for process in (rig.planner.process.pid, rig.child):
        make_room(process)


def guard_in_local_mode(rig: FaultRig) -> None:
    rig.admin("remote", on=False)
    rig.admin("safeguard")


def back_in_remote(rig: FaultRig) -> None:
    """`resume` in local mode is refused with the reason; then somebody switches back."""
    needs_resume(rig)
    refused_resume(rig, "remote control")
    rig.admin("remote")


def another_client(rig: FaultRig) -> None:
    """Another RTDE client takes an input: `resume` is refused with the remedy; then it goes."""
    needs_resume(rig)
    client = RtdeClient(rig.running.ip)
    client.write({"input_double_register_3": 0.0})
    refused_resume(rig, "in use")
    client.close()


def refused_resume(rig: FaultRig, why: str) -> None:
    since = len(rig.planner.news)
    assert rig.planner.ask("resume")[0]
    assert why in rig.planner.wait("refused", since=since)
    rig.planner.wait("state", "needs_resume", since=since)
    needs_resume(rig)


SIG = signal.Signals
APPROACH, DESCENT = ("approach",), ("descent",)
STOPS = (
    Fault("`stop` by a person", say("stop"), "cancelled", phases=APPROACH),
    Fault("planner killed", signal_planner(SIG.SIGKILL), "gone", reap, new_planner),
    Fault("planner frozen, goes on", signal_planner(SIG.SIGSTOP), "heartbeat", signal_planner(SIG.SIGCONT)),
    Fault("ur_rtde process killed", signal_child(SIG.SIGKILL), "link_lost", needs_resume),
    Fault("ur_rtde process frozen", signal_child(SIG.SIGSTOP), "link_lost", needs_resume, phases=APPROACH),
    Fault("link cut for 1 s", admin("drop", reset=True, refuse=1.0), "link_lost", needs_resume),
    Fault("link silent for 3 s", admin("freeze", seconds=3.0), "link_lost", needs_resume, phases=APPROACH),
    Fault("protective stop", admin("pstop"), "protective_stop"),
    Fault("emergency stop", admin("estop"), "emergency_stop", admin("release")),
    Fault("safeguard, reset by hand", admin("safeguard"), "safeguard_stop", reset_by_hand),
    Fault("safeguard open for 1 s, resets itself", opened(1.0), "safeguard_stop", phases=APPROACH),
    Fault("safeguard open for 0.1 s, resets itself", opened(0.1), "safeguard", phases=APPROACH),
    Fault("safeguard flickers, 5 times 30 ms", flicker, "safeguard"),
    Fault("pause and play on the pendant, 80 ms", paused(0.08), "not running"),
    Fault("pause and play on the pendant, 1 s", paused(1.0), "not running", phases=APPROACH),
    Fault("safeguard in local mode, resets itself", guard_in_local_mode, "safeguard_stop",
          admin("release", resumes=True), back_in_remote),
    Fault("link cut for 1 s, then another client has an input register", admin("drop", reset=True, refuse=1.0),
          "link_lost", needs_resume, another_client, phases=APPROACH),
)  # fmt: skip
#: Moves that go on, or end as the task says.
GOES_ON = (
    Fault("reduced mode", admin("reduced"), "picked", admin("reduced", on=False), phases=APPROACH, stops=False,
          resumed=False),
    Fault("local mode", admin("remote", on=False), "picked", admin("remote"), models=(E_SERIES,), stops=False,
          resumed=False),
    Fault("speed slider to 5 %", admin("slider", value=0.05), "picked", admin("slider", value=1.0), phases=APPROACH,
          stops=False, resumed=False),
    Fault("speed slider to 0, then raised", slid_to_zero, "slider", phases=APPROACH, stops=False, resumed=False),
    Fault("gripper closes on nothing", admin("grip", result="fail"), "missed", admin("grip", result="ok"),
          phases=APPROACH, stops=False, resumed=False),
    Fault("gripper fault 14 (too much current)", admin("gripper_fault", code=14), "fault 14", phases=APPROACH,
          stops=False),
    Fault("disk full", full_disk, "picked", room_on_the_disk, phases=APPROACH, stops=False, resumed=False),
    Fault("camera silent", say("blind"), "no_frame", say("see"), phases=APPROACH, stops=False, resumed=False,
          word="start"),
)  # fmt: skip
