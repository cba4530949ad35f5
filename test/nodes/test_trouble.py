"""Whatever the nodes complain of stands in docs/ros.md under *Trouble*; what stands there, they can say."""

from __future__ import annotations

import re

from support.sentences import HOLE, Sentence, missing, of_files, quotes, says, sentences

from gpnet_ros.settings import config_dir

ROOT = config_dir().parent
#: Modules whose sentences a node, its launch file or its services can say.
SPEAKERS = (
    "picking/shift/log.py", "drift.py", "devices/onrobot.py", "devices/modbus.py",
    "nodes/**/*.py", "picking/*.py", "devices/realsense.py", "devices/robotiq.py", "devices/digital_gripper.py",
    "devices/robots.py", "devices/ur/*.py", "frame.py", "hand_eye_check.py", "encodings.py", "camera_info.py",
    "lens.py", "rvl.py", "cell.py", "settings.py",
    "maps.py", "pick.py", "homeward.py", "network/checkpoint.py", "network/detector.py",
    "network/running.py", "network/runtimes.py", "network/onlooker.py",
    "network/graspnext/detector.py", "detection_encoding.py", "sim/cell/camera.py",
    "sim/cell/state.py", "sim/cell/oracle.py", "data/bags/bag.py", "data/bags/topics.py",
    "data/bags/frames.py", "data/bags/cell_check.py",
)  # fmt: skip
#: Modules of nodes/ that only commands use: their sentences are of a terminal.
COMMANDS = ("processes/client.py", "processes/running_cell.py", "processes/rung.py", "processes/starter.py",
            "showing/scene_view.py", "bags/recording.py", "doctor/", "measured/",
            "parameters/reference.py")  # fmt: skip


def spoken() -> list[Sentence]:
    """Every sentence of the speakers."""
    files = [f for pattern in SPEAKERS for f in sorted((ROOT / "gpnet_ros").glob(pattern))]
    return of_files([f for f in files if not any(f"nodes/{of_command}" in str(f) for of_command in COMMANDS)], ROOT)


QUOTES = quotes((ROOT / "docs" / "ros.md").read_text(encoding="utf-8"), "Trouble")


def test_every_complaint_of_the_nodes_is_in_the_trouble_section() -> None:
    found = missing(spoken(), QUOTES)
    assert not found, "docs/ros.md, Trouble, lacks a row for:\n" + "\n".join(found)


def test_nothing_is_quoted_that_nobody_says() -> None:
    said = spoken()
    assert not [quote for quote in QUOTES if not any(says(sentence, quote) for sentence in said)]


def test_quotes_are_long_enough_to_be_looked_for() -> None:
    assert not [quote for quote in QUOTES if len(re.findall("[A-Za-z]", quote)) < 8]


def test_a_planted_complaint_is_missed() -> None:
    source = '''
"""A docstring is no complaint."""
from x import y

def go(node, name):
    """Nor is this one of a function."""
    node.get_logger().warning(f"The {name} has caught fire.", throttle_duration_sec=2.0)
    node.get_logger().error("Fire broke out")
    node.get_logger().info("This line tells of no trouble at all.")
    if name:
        raise DeviceError(f"{name} is " f"too hot: let it cool.")
    return False, f"Nothing goes on before {name} is out."
'''
    said = list(sentences(source, "planted"))
    assert sorted(s.text.replace(HOLE, "…") for s in said) == [
        "Fire broke out", "Nothing goes on before … is out.", "The … has caught fire.", "… is too hot: let it cool.",
    ]  # fmt: skip
    assert len(missing(said, QUOTES)) == len(said)
    assert missing(said, ["has caught fire", "is too hot: let", "Fire broke", "Nothing goes on before … is out"]) == []
    assert len(missing(said, ["Nothing goes … after"])) == len(said)


def test_messages_of_diagnostics_are_among_what_is_looked_for() -> None:
    said = {s.text for s in spoken() if "nodes/health/" in s.where}
    for words in ("inference_node has ended", "has the camera stalled", "no sign of life", "The arm is not connected"):
        assert any(words in text for text in said), words
