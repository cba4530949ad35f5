"""The unmodified ur_rtde client against the simulated controller."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.controller_process import PRELUDE, ROOT, controller

pytest.importorskip("rtde_control")


@pytest.mark.parametrize("model", ["ur10-cb3", "ur10e"])
def test_all_interfaces_connect_and_moves_arrive(model):
    with controller("--model", model, factor=4) as robot:
        answer = robot.client("""
            r, c, io = receive(), control(), outputs()
            q = [a + d for a, d in zip(r.getActualQ(), [0.4, 0.1, -0.2, 0.1, 0.2, -0.3])]
            joint = c.moveJ(q, 1.5, 3.0)
            until(lambda: far(q, r.getActualQ()) < 1e-9)
            start = r.getActualTCPPose()
            goal = [a + d for a, d in zip(start, [0.05, -0.08, -0.1, 0, 0, 0])]
            c.moveL(goal, 0.3, 1.0, True)
            path, speeds = [], []
            until(lambda: c.getAsyncOperationProgress() >= 0)
            while c.getAsyncOperationProgress() >= 0:
                path.append(r.getActualTCPPose()[:3]); speeds.append(r.getActualTCPSpeed()[:3])
                time.sleep(0.002)
            until(lambda: far(goal[:3], r.getActualTCPPose()[:3]) < 1e-6)
            done(joint=joint, start=start, goal=goal, path=path, speeds=speeds,
                 inverse=c.getInverseKinematics(goal, q), q=r.getActualQ(), stamp=r.getTimestamp(), now=time.time())
        """)
    assert answer["joint"]
    assert max(abs(a - b) for a, b in zip(answer["inverse"], answer["q"], strict=True)) < 1e-6
    direction = [b - a for a, b in zip(answer["start"][:3], answer["goal"][:3], strict=True)]
    length = sum(d * d for d in direction) ** 0.5
    offsets = [[x - s for x, s in zip(p, answer["start"], strict=False)] for p in answer["path"]]
    for offset in offsets:
        along = sum(o * d for o, d in zip(offset, direction, strict=True)) / length
        assert sum(o * o for o in offset) - along**2 < 1e-10, "the tool leaves the straight line"
    fastest = max(sum(v * v for v in speed) ** 0.5 for speed in answer["speeds"])
    assert 0.2 < fastest < 0.3001
    assert len({tuple(p) for p in answer["path"]}) > 10


def test_asynchronous_moves_stop_short():
    with controller() as robot:
        answer = robot.client("""
            r, c = receive(), control()
            q0 = r.getActualQ(); q = [q0[0] + 2.0] + q0[1:]
            c.moveJ(q, 1.0, 2.0, True)
            until(lambda: far(q0, r.getActualQ()) > 0.1)
            c.stopJ(3.0)
            joint = r.getActualQ()[0] - q0[0]
            p0 = r.getActualTCPPose(); p = p0[:2] + [p0[2] - 0.3] + p0[3:]
            c.moveL(p, 0.2, 1.0, True)
            until(lambda: p0[2] - r.getActualTCPPose()[2] > 0.03)
            c.stopL(2.0)
            until(c.isSteady)
            line = p0[2] - r.getActualTCPPose()[2]
            again = c.moveJ(q0, 2.0, 6.0)
            until(lambda: far(q0, r.getActualQ()) < 1e-9)
            done(joint=joint, line=line, again=again,
                 progress=c.getAsyncOperationProgress())
        """)
    assert 0.1 < answer["joint"] < 1.5 and 0.03 < answer["line"] < 0.2
    assert answer["progress"] < 0 and answer["again"]


def test_guarded_descent_meets_a_table_and_reports_its_force():
    with controller("--contact-height", "0.35", "--force-limit", "140", factor=2) as robot:
        answer = robot.client("""
            r, c = receive(), control()
            until(lambda: r.getActualTCPForce() is not None)
            free = r.getActualTCPForce()[2]
            c.speedL([0, 0, -0.05, 0, 0, 0], 1.0, 0.02)
            until(lambda: r.getActualTCPForce()[2] > 20, 30)
            c.speedStop(5.0)
            until(lambda: c.isSteady())
            first, mode = r.getActualTCPPose()[2], r.getSafetyMode()
            c.speedL([0, 0, -0.05, 0, 0, 0], 1.0, 0.02)     # the twin: nobody stops it
            until(lambda: r.isProtectiveStopped(), 30)
            done(free=free, z=first, mode=mode)
        """)
        assert answer["free"] == 0 and answer["mode"] == 1
        assert 0.345 < answer["z"] < 0.35
        state = robot.admin("state")
        assert state["safety_mode"] == 3 and "force" in state["reason"]


def test_e_series_moves_until_contact_and_cb3_does_not_know_how():
    script = """
        r, c = receive(), control()
        z = r.getActualTCPPose()[2]
        found = c.moveUntilContact([0, 0, -0.1, 0, 0, 0], [0, 0, -1, 0, 0, 0], 1.0)
        done(found=found, start=z, end=r.getActualTCPPose()[2])
    """
    with controller("--model", "ur10e", "--contact-height", "0.5", factor=2) as robot:
        answer = robot.client(script)
        assert answer["found"] and 0.497 < answer["end"] < 0.5005
    with controller("--contact-height", "0.5") as robot:  # the client's own script leaves it out below 5.4
        answer = robot.client(script)
        assert answer["found"] and answer["end"] == answer["start"]


def test_outputs_slider_payload_and_tcp_are_read_back():
    with controller() as robot:
        answer = robot.client("""
            r, c, io = receive(), control(), outputs()
            bits = []
            for call in (lambda: io.setStandardDigitalOut(3, True), lambda: io.setConfigurableDigitalOut(1, True),
                         lambda: io.setToolDigitalOut(0, True), lambda: io.setStandardDigitalOut(3, False)):
                before = r.getActualDigitalOutputBits(); call()
                until(lambda: r.getActualDigitalOutputBits() != before)
                bits.append(r.getActualDigitalOutputBits())
            io.setSpeedSlider(0.5)
            until(lambda: r.getTargetSpeedFraction() == 0.5)
            admin("input", index=5)
            until(lambda: r.getDigitalInState(5))
            p0 = r.getActualTCPPose()
            c.setTcp([0, 0, 0.15, 0, 0, 0])
            until(lambda: far(p0[:3], r.getActualTCPPose()[:3]) > 0.1)
            c.setPayload(1.5, [0, 0, 0.05])
            until(lambda: r.getPayload() == 1.5)
            far_away = [p0[0] * 5] + p0[1:]
            done(bits=bits, shift=far(p0[:3], r.getActualTCPPose()[:3]), offset=c.getTCPOffset(), cog=r.getPayloadCog(),
                 safe=c.isPoseWithinSafetyLimits(p0), unsafe=c.isPoseWithinSafetyLimits(far_away),
                 solution=c.getInverseKinematicsHasSolution(p0), none=c.getInverseKinematicsHasSolution(far_away))
        """)
    assert answer["bits"] == [0b1000, 0b1000 | 1 << 9, 0b1000 | 1 << 9 | 1 << 16, 1 << 9 | 1 << 16]
    assert abs(answer["shift"] - 0.15) < 1e-9 and answer["offset"][2] == 0.15 and answer["cog"] == [0, 0, 0.05]
    assert answer["safe"] and not answer["unsafe"] and answer["solution"] and not answer["none"]


def test_paths_servo_and_custom_functions():
    with controller(factor=4) as robot:
        answer = robot.client("""
            r, c = receive(), control()
            p0, q0 = r.getActualTCPPose(), r.getActualQ()
            corners = [[p0[0] + x, p0[1] + y] + p0[2:] + [0.3, 1.0, 0.0] for x, y in ((0.05, 0), (0.05, 0.05), (0, 0))]
            path = c.moveL(corners, False)
            until(lambda: far(p0[:3], r.getActualTCPPose()[:3]) < 1e-6)  # a half turn has two rotation vectors
            goal = [q0[0] + 0.1] + q0[1:]
            for _ in range(60):
                begin = c.initPeriod(); c.servoJ(goal, 0, 0, 0.008, 0.1, 300); c.waitPeriod(begin)
            until(lambda: far(goal, r.getActualQ()) < 1e-3)
            c.servoStop()
            custom = c.sendCustomScriptFunction("SIDE", "set_standard_digital_out(2, True)\\n")
            until(lambda: r.getDigitalOutState(2))
            until(c.isProgramRunning)
            done(path=path, custom=custom, moved=c.moveJ(q0, 2.0, 6.0))
        """)
    assert answer["path"] and answer["custom"] and answer["moved"]


def test_unreachable_line_ends_in_a_protective_stop():
    with controller(factor=4) as robot:
        answer = robot.client("""
            r, c = receive(), control()
            p = r.getActualTCPPose()
            moved = c.moveL([p[0] * 4] + p[1:], 0.3, 1.0)
            until(r.isProtectiveStopped)  # the receiving half may hear of the stop after the commanding half
            done(moved=moved, stopped=r.isProtectiveStopped(), bits=r.getSafetyStatusBits(), mode=r.getSafetyMode(),
                 runtime=r.getRuntimeState())
        """)
    assert not answer["moved"] and answer["stopped"]
    assert (answer["bits"], answer["mode"], answer["runtime"]) == (0x404, 3, 4)


def test_two_controllers_do_not_know_each_other():
    with controller() as left, controller() as right:
        script = "r, c = receive(), control(); q = r.getActualQ(); q[0] += {0}; done(ok=c.moveJ(q, 2.0, 6.0))"
        assert left.client(script.format(0.2))["ok"] and right.client(script.format(-0.1))["ok"]
        difference = left.admin("state")["q"][0] - right.admin("state")["q"][0]
        assert abs(difference - 0.3) < 1e-9


def test_register_in_use_is_refused_and_freed():
    script = """
        try:
            control(); done(error="")
        except Exception as error:
            done(error=str(error))
    """
    with controller() as robot:
        robot.admin("busy", variable="input_int_register_0")
        assert "in use" in robot.client(script)["error"]
        robot.admin("busy", variable="input_int_register_0", on=False)
        assert robot.client(script)["error"] == ""
        robot.admin("busy", variable="no_such_register")
        # A client that is still connected holds its registers too.
        holder = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + "\nc = control(); print('held', flush=True); time.sleep(60)", robot.ip],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            assert "in use" in robot.client(script)["error"]
        finally:
            holder.kill()
            holder.communicate()


@pytest.mark.slow
def test_random_commands_leave_the_controller_whole():
    with controller(factor=5) as robot:
        answer = robot.client(
            """
            import random
            random.seed(3)
            r, c, io = receive(), control(), outputs()
            q0, failed, n = r.getActualQ(), 0, 0
            def near(spread): return [x + random.uniform(-spread, spread) for x in q0]
            for _ in range(120):
                kind = random.randrange(7); n += 1
                if kind == 0: failed += not c.moveJ(near(0.4), 2.0, 5.0)
                elif kind == 1: c.moveJ(near(0.4), 1.0, 3.0, True); time.sleep(random.uniform(0, 0.1)); c.stopJ(4.0)
                elif kind == 2: c.moveL_FK(near(0.1), 0.2, 1.0, True); time.sleep(random.uniform(0, 0.1)); c.stopL(2.0)
                elif kind == 3: failed += not c.moveL_FK(near(0.1), 0.5, 2.0)
                elif kind == 4: failed += not io.setStandardDigitalOut(random.randrange(8), random.random() < 0.5)
                elif kind == 5:
                    c.speedJ([random.uniform(-0.2, 0.2) for _ in q0], 1.0, 0.05); time.sleep(0.05); c.speedStop(5.0)
                else: failed += not c.setPayload(random.uniform(0, 3), [0, 0, 0.05])
                until(c.isSteady)
            done(failed=failed, n=n, running=c.isProgramRunning(), safety=r.getSafetyMode())
            """,
            limit=200,
        )
    assert answer == {"failed": 0, "n": 120, "running": True, "safety": 1}
