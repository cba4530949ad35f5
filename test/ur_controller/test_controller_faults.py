"""Stops, lost links and dead clients: what the simulated controller does when things go wrong."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest
from support.controller_process import PRELUDE, ROOT, Running, controller

pytest.importorskip("rtde_control")


def _until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def _moving(robot: Running) -> bool:
    return max(abs(x) for x in robot.admin("state")["qd"]) > 1e-6


def test_protective_stop_pauses_until_unlocked_and_uploaded_again():
    with controller() as robot:
        answer = robot.client("""
            r, c, d = receive(), control(), dashboard()
            p = r.getActualTCPPose(); goal = p[:2] + [p[2] - 0.3] + p[3:]
            c.moveL(goal, 0.1, 1.0, True)
            until(lambda: p[2] - r.getActualTCPPose()[2] > 0.01)
            stopped_at = time.monotonic(); admin("pstop")
            until(r.isProtectiveStopped)
            until(lambda: far(r.getActualQd(), [0] * 6) < 1e-9)
            z, runtime, mode = r.getActualTCPPose()[2], r.getRuntimeState(), d.safetymode()
            refused = c.moveL(goal, 0.1, 1.0)
            try:
                d.unlockProtectiveStop(); early = ""
            except Exception as error:
                early = str(error)
            until(lambda: admin("state")["time"] and time.monotonic() - stopped_at > 5.2)
            d.closeSafetyPopup(); d.unlockProtectiveStop()
            until(lambda: not r.isProtectiveStopped())
            held = abs(r.getActualTCPPose()[2] - z), r.getRuntimeState()
            c.reuploadScript()
            until(c.isProgramRunning)
            moved = c.moveL(p, 0.25, 1.0)
            done(runtime=runtime, mode=mode, refused=refused, early=early, held=held, moved=moved)
        """)
    assert answer["runtime"] == 4 and "PROTECTIVE" in answer["mode"] and not answer["refused"]
    assert "5s" in answer["early"] or "nlock" in answer["early"]
    assert answer["held"][0] < 1e-9 and answer["held"][1] == 4, "unlocking alone must not move the arm"
    assert answer["moved"]


def test_emergency_stop_needs_release_power_brakes_and_upload():
    with controller(factor=2) as robot:
        answer = robot.client("""
            r, c, d = receive(), control(), dashboard()
            q = r.getActualQ(); goal = [q[0] + 1.5] + q[1:]
            c.moveJ(goal, 0.5, 1.0, True)
            until(lambda: far(q, r.getActualQ()) > 0.05)
            admin("estop")
            until(r.isEmergencyStopped)
            until(lambda: far(r.getActualQd(), [0] * 6) < 1e-9)
            stopped = r.getRuntimeState(), r.getRobotMode(), far(q, r.getActualQ())
            d.powerOn(); d.brakeRelease()                      # the twin: the button is still pressed
            pressed = admin("state")["robot_mode"]
            admin("release"); d.powerOn(); d.brakeRelease()
            until(lambda: r.getRobotMode() == 7 and not r.isEmergencyStopped())
            idle = r.getRuntimeState()
            c.reuploadScript(); until(c.isProgramRunning)
            done(stopped=stopped, pressed=pressed, idle=idle, moved=c.moveJ(q, 1.0, 3.0))
        """)
    assert answer["stopped"][:2] == [1, 3] and 0.05 < answer["stopped"][2] < 1.0
    assert answer["pressed"] == 3 and answer["idle"] == 1 and answer["moved"]


def test_safeguard_stop_pauses_and_play_goes_on_to_the_goal():
    with controller(factor=2) as robot:
        answer = robot.client("""
            r, c, d = receive(), control(), dashboard()
            q = r.getActualQ(); goal = [q[0] + 1.0] + q[1:]
            c.moveJ(goal, 0.5, 1.0, True)
            until(lambda: far(q, r.getActualQ()) > 0.05)
            admin("safeguard")
            until(lambda: r.getSafetyMode() == 5 and far(r.getActualQd(), [0] * 6) < 1e-9)
            bits, protective, at = r.getSafetyStatusBits(), r.isProtectiveStopped(), r.getActualQ()
            admin("release")
            until(lambda: r.getSafetyMode() == 1)
            still = far(at, r.getActualQ())
            d.play()
            until(lambda: far(goal, r.getActualQ()) < 1e-9)
            done(bits=bits, protective=protective, still=still)
        """)
    assert answer["bits"] == 0x410 and not answer["protective"] and answer["still"] < 1e-9


@pytest.mark.parametrize("watched", [True, False])
def test_only_the_watchdog_stops_the_arm_of_a_killed_client(watched):
    with controller() as robot:
        client = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + f"""
r, c = receive(), control()
def started():  # on a crowded machine even this client may be late with its sign of life: then once more
    if not c.isProgramRunning():
        c.reuploadScript()
        until(c.isProgramRunning)
    if {watched}:
        c.setWatchdog(1)
    while r.getActualQd()[0] < 0.19:
        if not c.speedJ([0.2, 0, 0, 0, 0, 0], 1.0, 0.02):  # a sign of life, as a kick is
            return False
        time.sleep(0.005)
    return True
until(started)
print("moving", flush=True)
while True:
    c.kickWatchdog() if {watched} else None
    time.sleep(0.02)
""", robot.ip], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert client.stdout is not None and client.stdout.readline() == "moving\n"
        time_before = robot.admin("state")["time"]
        _until(lambda: robot.admin("state")["time"] > time_before + 0.3)
        assert _moving(robot) and robot.admin("state")["runtime_state"] == 2, "a kicked watchdog stays quiet"
        client.kill()
        client.communicate()
        killed = robot.admin("state")
        if watched:
            _until(lambda: not _moving(robot))
            after = robot.admin("state")
            assert after["runtime_state"] == 1 and "watchdog" in after["reason"]
            _until(lambda: robot.admin("state")["time"] > after["time"] + 0.5)
            later = robot.admin("state")
            assert later["runtime_state"] == 1 and later["q"] == after["q"], "nothing runs again by itself"
            assert after["q"][0] - killed["q"][0] < 0.2 * 2.0, "1 s of watchdog, a short ramp, a late machine"
        else:
            _until(lambda: robot.admin("state")["time"] > killed["time"] + 1.0)
            assert _moving(robot), "without a watchdog the program goes on: that is why it is needed"


def test_dropped_link_is_seen_and_a_new_client_works():
    with controller() as robot:
        answer = robot.client("""
            r = receive(); q = r.getActualQ()
            admin("drop", reset=True, refuse=1.0)
            until(lambda: not r.isConnected())
            try:
                socket.create_connection((ip, 30004), timeout=1); refused = False
            except OSError:
                refused = True
            def again():
                try:
                    return r.reconnect()
                except Exception:
                    return False
            until(again)
            stamp = r.getTimestamp()
            until(lambda: r.getTimestamp() > stamp)
            c = control()
            done(refused=refused, moved=c.moveJ([q[0] + 0.1] + q[1:], 2.0, 6.0))
        """)
    assert answer == {"refused": True, "moved": True}


def test_frozen_link_trips_the_watchdog_although_the_socket_lives():
    with controller() as robot:
        answer = robot.client("""
            r, c = receive(), control()
            c.setWatchdog(1)
            # The command itself is a sign of life; a kick right behind it could overwrite it unseen.
            until(lambda: c.speedJ([0.1, 0, 0, 0, 0, 0], 1.0, 0.02) and r.getActualQd()[0] > 0.09)
            admin("freeze", seconds=3.0)
            while admin("state")["runtime_state"] == 2:
                c.kickWatchdog(); time.sleep(0.02)
            links = admin("state")["clients"]
            until(lambda: far(admin("state")["qd"], [0] * 6) < 1e-9)
            done(reason=admin("state")["reason"], links=links)
        """)
    assert "watchdog" in answer["reason"] and answer["links"] >= 2, "stopped although the sockets are open"


def test_script_is_refused_outside_remote_control():
    with controller("--model", "ur10e") as robot:
        robot.admin("remote", on=False)
        with socket.create_connection((robot.ip, 30002), timeout=5) as link:
            link.sendall(b"def p():\n set_standard_digital_out(0, True)\n sleep(100)\nend\n")
            start = robot.admin("state")["time"]
            _until(lambda: robot.admin("state")["time"] > start + 0.2)
            assert robot.admin("state")["runtime_state"] == 1
            robot.admin("remote", on=True)
            link.sendall(b"def p():\n sleep(100)\nend\n")
            _until(lambda: robot.admin("state")["runtime_state"] == 2)


def test_admin_port_names_what_it_does_not_know():
    with controller() as robot:
        assert "pstop" in robot.admin("explode")["error"]
        assert not robot.admin("freeze")["ok"]
        assert "input_int_register_0" in robot.admin("busy", variable="nonsense")["error"]
        with socket.create_connection((robot.ip, 29998), timeout=5) as link:
            link.sendall(b"not json\n")
            assert b'"ok": false' in link.makefile("rb").readline()


@pytest.mark.parametrize(
    "arguments", [["--ip", "192.168.0.1"], ["--ip", "nonsense"], ["--factor", "0"], ["--joints", "1,2"]]
)
def test_bad_arguments_end_with_one_sentence(arguments):
    finished = subprocess.run(
        [sys.executable, "-m", "gpnet_ros.ur_controller", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert finished.returncode == 2 and len(finished.stderr.splitlines()) == 1
    assert "Traceback" not in finished.stderr
