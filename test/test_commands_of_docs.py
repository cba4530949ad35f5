"""Every command of README and of the pages on install, ROS, networks and bags is run, or says what it needs.

What bears a mark is looked up: the options of `gpnet`, the launch files with their arguments, services and topics.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.doc_commands import MARKS, Command, commands, parser_of, spoken
from support.graph import documented_services, documented_topics

from gpnet_ros.cli import COMMANDS, main
from gpnet_ros.nodes.parameters.declared import PARAMETERS
from gpnet_ros.nodes.processes.replay_table import ReplayRun
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.settings import config_dir

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *(ROOT / "docs" / name for name in ("install.md", "ros.md", "network.md", "bags.md"))]
SPOKEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LAUNCH = {"grasp.launch.py": RunSettings(), "replay.launch.py": ReplayRun(bag="x")}
#: Programs of others in commands that bear a mark.
OTHERS = {"cd", "cp", "docker", "export", "mkdir", "rosdep", "source", "sudo", "touch"}
#: First words of commands that are several.
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}


def mistake(command: Command) -> str:
    """What is wrong with a command that no test runs; empty for nothing."""
    if set(command.marks) - set(MARKS):
        return f"marks are {', '.join(MARKS)}"
    for part in re.split(r" && ", command.text):
        words = [word for word in Command("", part, ()).words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        told = _mistake(words) if words else ""
        if told:
            return told
    return ""


def _mistake(words: list[str]) -> str:
    program = words[0]
    if program == "gpnet":
        return _mistake_of_gpnet(words[1:])
    if program == "ros2":
        return _mistake_of_ros2(words[1:])
    if program == "make":
        known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
        return "" if words[-1] in known else f"Makefile has no {words[-1]}"
    if program == "python":
        return "" if words[1:3] == ["-m", "colcon"] else "only colcon is run so"
    return "" if program in OTHERS else f"who is {program}?"


def _mistake_of_gpnet(words: list[str]) -> str:
    try:
        parser, rest = parser_of(words)
        parser.parse_args(rest)
    except (ValueError, argparse.ArgumentError) as error:
        return f"{type(error).__name__}: {error}"
    except SystemExit:
        return "its arguments are refused"
    return ""


def _mistake_of_ros2(words: list[str]) -> str:
    if words[:2] == ["launch", "gpnet_ros"]:
        given = {word.partition(":=")[0] for word in words[3:]}
        known = set(vars(LAUNCH[words[2]])) if words[2] in LAUNCH else set()
        return f"{words[2]} has no {given - known}" if given - known or not known else ""
    if words[:2] == ["service", "call"]:
        known = {f"/planner_node/{name}" for name in documented_services()}
        return "" if words[2] in known and words[3] == "std_srvs/srv/Trigger" else f"no such service: {words[2:]}"
    if words[0] == "topic":
        topics = [word for word in words if word.startswith("/")]
        return "" if set(topics) <= set(documented_topics()) else f"no such topic among {topics}"
    if words[0] == "param":
        node = words[2].strip("/")
        named = words[3:4] if words[1] in ("get", "set") else []
        if node not in PARAMETERS or not set(named) <= set(vars(PARAMETERS[node]())):
            return f"no such parameter: {words[2:]}"
        return ""
    known_of_others = {"bag", "launch", "node", "daemon", "doctor", "security", "run", "lifecycle"}
    return "" if words[0] in known_of_others else f"ros2 {words[0]} is not looked up here"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_no_test_runs_bears_a_mark_and_is_looked_up(page: Path) -> None:
    found = commands(page)
    assert found, "no commands found: has the page other fences?"
    unmarked = [c.text for c in found if not c.marks and c.words[0] not in ("gpnet", "pytest")]
    assert not unmarked, "a test can run gpnet and pytest --bag only; mark the others"
    wrong = {c.text: mistake(c) for c in found if c.marks and mistake(c)}
    assert not wrong


@pytest.mark.parametrize(
    "line",
    [
        "gpnet demo --dance",
        "gpnet dance",
        "ros2 launch gpnet_ros grasp.launch.py speed:=9",
        "ros2 launch gpnet_ros other.launch.py",
        "ros2 service call /planner_node/jump std_srvs/srv/Trigger",
        "ros2 topic echo /maps/beauty",
        "ros2 param set /planner_node beauty 1",
        "make coffee",
        "unheard of",
    ],
)
def test_a_command_that_is_none_is_found_out(line: str) -> None:
    assert mistake(Command("x", line, ("ROS",)))
    assert mistake(Command("x", "gpnet demo", ("beauty",)))
    assert not mistake(Command("x", "gpnet demo --seed 3", ("long",)))


@pytest.mark.parametrize("page", SPOKEN, ids=lambda page: page.name)
def test_commands_in_sentences_and_tables_exist_with_their_options(page: Path) -> None:
    for text in spoken(page):
        words = text.split()[1:]
        if words[0] in ("COMMAND", "...", "--help") or (len(words) == 1 and words[0] in GROUPS):
            continue
        named = [word for word in words if not word.startswith(("-", "["))]
        first = next((k for k, word in enumerate(named) if "|" in word), None)
        names = [[*named[:first], one] for one in named[first].split("|")] if first == 1 else [named]
        for name in names:
            parser, _ = parser_of(name)
            known = set(parser._option_string_actions)
            options = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
            assert options <= known, f"{page.name}: `{text}`: {options - known}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the pages stands: with a bag and the hand-eye of its camera."""
    shutil.copytree(ROOT / "test" / "data" / "recordings" / "simulated_cell", tmp_path / "shelf")
    shutil.copy(config_dir() / "hand_eye.yaml", tmp_path / "shelf_hand_eye.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def status_of(words: list[str], folder: Path) -> int:
    """The exit status of `gpnet ...`, here, or of `pytest ...`, in a process of its own."""
    if words[0] == "gpnet":
        return main(words[1:])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", *words, "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=240, check=False
    ).returncode


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_without_a_mark_do_what_they_should(page: Path, folder: Path) -> None:
    for command in commands(page):
        if not command.marks:
            assert status_of(command.words, folder) == 0, command.text


def test_a_command_that_fails_is_told_from_one_that_works(folder: Path) -> None:
    assert status_of(["gpnet", "bag", "info", "no_such_bag"], folder) == 2
    assert status_of(["pytest", "--bag", "shelf"], folder) != 0  # without what `--bag-update` writes
