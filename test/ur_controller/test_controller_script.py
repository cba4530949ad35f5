"""The interpreter of uploaded programs, without sockets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpnet_ros.ur_controller.kinematic import KinematicPlant
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.robot import Robot, RuntimeState
from gpnet_ros.ur_controller.script_port import ScriptService
from gpnet_ros.ur_controller.tokens import ScriptError, split_program, tokenize


@pytest.fixture
def robot() -> Robot:
    return Robot(KinematicPlant(), find_model("ur10-cb3"))


def run(robot: Robot, body: str, cycles: int = 50) -> list[int]:
    """Run a program's body; its integer output registers."""
    ScriptService(robot).receive(f"def p():\n{body}\nend\n")
    for _ in range(cycles):
        robot.cycle()
    return robot.output_int


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 * 3 + 10", 4),
        ("2 ^ 3 * 2", 16),
        ("10 - 4 - 3", 3),
        ("7 % 4", 3),
        ("[4, 5, 6][1]", 5),
        ("p[1, 2, 3, 0, 0, 0][2]", 3),
        ("floor(3.7)", 3),
        ("norm([3, 4, 0])", 5),
        ("1.5e1", 15),
        ("007", 7),
        ("length([1, 2])", 2),
    ],
)
def test_expressions(robot, expression, value):
    assert run(robot, f"write_output_integer_register(0, {expression})")[0] == value


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("1 < 2 and 2 < 3", True),
        ("1 > 2 or not 2 > 3", True),
        ("not 1 == 1", False),
        ("True xor True", False),
        ("1 != 2 and False", False),
    ],
)
def test_conditions(robot, condition, holds):
    body = f"if {condition}:\n write_output_integer_register(0, 1)\nelse:\n write_output_integer_register(0, 2)\nend"
    assert run(robot, body)[0] == (1 if holds else 2)


def test_line_breaks_are_white_space_even_inside_an_assignment(robot):
    body = 'global x = # a comment\n3    global y = # "another"\n4\nwrite_output_integer_register(0, x + y)'
    assert run(robot, body)[0] == 7


def test_lists_have_value_semantics(robot):
    body = """
    a = [1, 2, 3]
    b = a
    b[0] = 9
    def change(list):
      list[1] = 7
      return list
    end
    c = change(a)
    write_output_integer_register(0, a[0] * 100 + a[1] * 10 + c[1])
    write_output_integer_register(1, b[0])
    """
    assert run(robot, body)[:2] == [127, 9]


def test_variable_p_is_not_a_pose(robot):
    body = """
    def double(p):
      p[0] = p[0] * 2
      return p
    end
    q = double(p[1, 2, 3, 4, 5, 6])
    write_output_integer_register(0, q[0] * 10 + q[5])
    """
    assert run(robot, body)[0] == 26


def test_globals_are_shared_and_locals_are_not(robot):
    body = """
    global seen = 1
    hidden = 1
    def change():
      seen = 5
      hidden = 5
    end
    change()
    write_output_integer_register(0, seen * 10 + hidden)
    """
    assert run(robot, body)[0] == 51


def test_loops_break_continue_and_return(robot):
    body = """
    def count(limit):
      i = 0
      sum = 0
      while True:
        i = i + 1
        if i == 3:
          continue
        elif i > limit:
          return sum
        end
        sum = sum + i
        if sum > 1000:
          break
        end
      end
      return -1
    end
    write_output_integer_register(0, count(5))
    """
    assert run(robot, body)[0] == 1 + 2 + 4 + 5


def test_threads_run_in_the_cycle_that_starts_them_and_die_with_kill(robot):
    body = """
    global ticks = 0
    thread clock():
      while True:
        ticks = ticks + 1
        write_output_integer_register(0, ticks)
        sync()
      end
    end
    handle = run clock()
    sleep(0.08)
    kill handle
    kill 0
    write_output_integer_register(1, ticks)
    sleep(0.08)
    """
    ScriptService(robot).receive(f"def p():\n{body}\nend\n")
    robot.cycle()
    assert robot.output_int[0] == 1
    for _ in range(30):
        robot.cycle()
    assert robot.output_int[:2] == [10, 10]
    assert robot.runtime == RuntimeState.STOPPED


def test_join_waits_for_a_thread(robot):
    body = """
    thread work():
      sleep(0.08)
      write_output_integer_register(0, 1)
    end
    handle = run work()
    join handle
    write_output_integer_register(1, 1)
    """
    assert run(robot, body)[:2] == [1, 1]


def test_two_threads_must_not_move_the_arm(robot):
    body = """
    thread mover():
      speedj([0.1, 0, 0, 0, 0, 0], 1, 10)
    end
    handle = run mover()
    sleep(0.1)
    {stop}
    movej([3, -1.5, 1.7, -1.7, -1.5, 0], a=9, v=9)
    write_output_integer_register(0, 1)
    """
    assert run(robot, body.format(stop=""), 400)[0] == 0
    assert "Another thread" in robot.reason
    assert run(robot, body.format(stop="kill handle\nstopj(5)"), 400)[0] == 1


@pytest.mark.parametrize(
    "body",
    [
        "x = unknown_function(1)",
        "x = never_assigned + 1",
        "x = [1, 2][5]",
        "q = get_inverse_kin(p[9, 9, 9, 0, 0, 0])",
        "while True:\n x = 1\nend",
        "x = 1 / 0",
    ],
)
def test_runtime_exceptions_end_the_program_and_not_the_controller(robot, body):
    registers = run(
        robot, f"write_output_integer_register(0, 1)\n{body}\nwrite_output_integer_register(0, 2)\nsleep(9)"
    )
    assert registers[0] == 1 and robot.runtime == RuntimeState.STOPPED and robot.program is None
    assert run(robot, "write_output_integer_register(0, 3)\nsleep(9)")[0] == 3
    assert robot.runtime == RuntimeState.PLAYING


@pytest.mark.parametrize(
    "text", ["def p():\n x = = 1\nend\n", "def p(:\nend\n", "def p():\n ?\nend\n", "end\n", "def p():\n break\nend\n"]
)
def test_text_that_is_no_program_is_refused_with_a_reason(robot, text):
    ScriptService(robot).receive("def before():\n sleep(100)\nend\n")
    ScriptService(robot).receive(text)
    assert robot.runtime == RuntimeState.STOPPED and robot.reason
    ScriptService(robot).receive("sleep(100)\n")
    assert robot.runtime == RuntimeState.PLAYING


@pytest.mark.parametrize("body", ["x = __import__('os')", "x = open('f')", "x = ''.__class__", "x = int.__class__"])
def test_programs_cannot_reach_python(robot, body):
    run(robot, f"{body}\nwrite_output_integer_register(0, 1)")
    assert robot.output_int[0] == 0 and robot.reason != "the program ended"


def test_a_line_is_a_program_and_a_new_program_replaces_the_old(robot):
    run(robot, "while True:\n write_output_integer_register(0, 1)\n sync()\nend")
    ScriptService(robot).receive("set_standard_digital_out(2, True)\n")
    robot.cycle()
    assert robot.digital_outputs == 4 and robot.runtime == RuntimeState.STOPPED


def test_a_secondary_program_leaves_the_running_one_alone(robot):
    run(robot, "sleep(100)")
    ScriptService(robot).receive("sec side():\n set_standard_digital_out(1, True)\nend\n")
    robot.cycle()
    assert robot.digital_outputs == 2 and robot.runtime == RuntimeState.PLAYING
    ScriptService(robot).receive("sec bad():\n x = nothing + 1\nend\n")
    robot.cycle()
    assert robot.runtime == RuntimeState.PLAYING


PROGRAMS = """def a():
 if True:
  sleep(1)
 end # end
end
stopl(2)
def b():
 textmsg("end")
 while True:
  sync()
 end
end
"""


@given(st.lists(st.integers(1, 30), max_size=20))
@settings(max_examples=60, deadline=None)
def test_fragments_of_a_stream_make_the_same_programs(sizes):
    buffer, found, at = "", [], 0
    for size in [*sizes, len(PROGRAMS)]:
        buffer += PROGRAMS[at : at + size]
        at += size
        while (parts := split_program(buffer)) is not None:
            found.append(parts[0].strip())
            buffer = parts[1]
    assert [program.split("(")[0] for program in found] == ["def a", "stopl", "def b"]
    assert not tokenize(buffer)


SOME = (
    "def thread if while end ( ) [ ] : , = == 1 2.5 p q x run kill return break global sync movej elif else not - * f"
)
WORDS = st.sampled_from(SOME.split())


@given(st.lists(WORDS, max_size=25))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_the_controller(words):
    robot = Robot(KinematicPlant(), find_model("ur10-cb3"))
    script = ScriptService(robot)
    for text in (" ".join(words) + "\n", "def f():\n" + " ".join(words) + "\nend\n", "(" * 300 + "\n"):
        script.receive(text)
        for _ in range(3):
            robot.cycle()
    # A program may still be arriving at the first one.
    ScriptService(robot).receive("set_standard_digital_out(0, True)\n")
    robot.cycle()
    assert robot.digital_outputs == 1


def test_tokens_name_the_place_of_what_is_wrong():
    with pytest.raises(ScriptError, match="offset 4"):
        tokenize("x = ?")
