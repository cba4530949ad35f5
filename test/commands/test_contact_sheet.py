"""Sheets of many scenes' pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.labelled_pictures import labelled_sample

from gpnet_ros.cli import main
from gpnet_ros.data.pages.contact_sheet import contact_sheet, in_turn
from gpnet_ros.data.sample import Sample
from gpnet_ros.data.shards.writer import ShardPlan, ShardWriter, scene_members
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame


def plain_sample(level: int, size: tuple[int, int] = (120, 160)) -> Sample:
    return Sample(f"{level:012d}/view_0", f"{level:012d}", Frame(np.full((*size, 3), level, np.uint8), None))


def test_pictures_stand_in_rows_and_keep_their_shape() -> None:
    sheet = contact_sheet([plain_sample(k) for k in (10, 20, 30, 40, 50)], columns=3, side=80)
    assert sheet.shape == (2 * 80 + 6, 3 * 80 + 2 * 6, 3)
    middles = [sheet[row * 86 + 40, col * 86 + 40, 0] for row in (0, 1) for col in (0, 1, 2)]
    assert middles == [10, 20, 30, 40, 50, 255]
    # 160x120 becomes 80x60: paper above and below, none at the sides.
    assert (sheet[:10, :80] == 255).all()
    assert (sheet[10:70, :80] == 10).all()
    assert (sheet[70:86, :80] == 255).all()


def test_a_picture_without_colour_shows_its_depth() -> None:
    depth = np.tile(np.linspace(0.5, 0.9, 64, dtype=np.float32), (64, 1))
    depth[:8] = np.nan
    sheet = contact_sheet([replace(labelled_sample(), frame=Frame(None, depth))], 4, side=64)
    assert sheet.shape == (64, 64, 3)
    assert sheet[32, 2, 0] > 240, "near is bright"
    assert sheet[32, -3, 0] < 20
    assert (sheet[:7] == 0).all()
    with pytest.raises(BadInput, match="neither colour nor depth"):
        contact_sheet([replace(labelled_sample(), frame=Frame(None, np.full((4, 4), np.nan, np.float32)))], 4)
    with pytest.raises(BadInput, match="1 or more"):
        contact_sheet([], 4)


def test_sets_take_turns_until_there_are_no_more() -> None:
    assert in_turn([[0, 1], [0, 2, 4, 6]], 5) == [(0, 0), (1, 0), (0, 1), (1, 2), (1, 4)]
    assert len(in_turn([[0, 1], [0, 2, 4, 6]], 6)) == 6
    with pytest.raises(BadInput, match="only 6 scenes"):
        in_turn([[0, 1], [0, 2, 4, 6]], 7)


def test_the_command_writes_one_picture_per_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, levels in (("a", (10, 20)), ("b", (200,))):
        scenes = tuple(f"{level:012d}" for level in levels)
        with ShardWriter(tmp_path / name, ShardPlan("test", {}, scenes, 2), resume=False) as writer:
            for number, level in enumerate(levels):
                writer.add(number, scene_members([plain_sample(level)]))
    out = tmp_path / "sheet.png"
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    wanted = ["--side", "40", "--out", str(out), "--json"]
    assert main(["data", "sheet", *folders, "--scenes", "3", *wanted]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["pictures"] == ["000000000010/view_0", "000000000200/view_0", "000000000020/view_0"]
    sheet = cv2.imread(str(out))
    assert [abs(int(sheet[20, 20 + 46 * k, 0]) - level) < 3 for k, level in enumerate((10, 200, 20))] == [True] * 3
    assert main(["data", "sheet", *folders, "--scenes", "4", *wanted]) == 2
    assert "only 3 scenes" in capsys.readouterr().err
    assert main(["data", "sheet", *folders, "--out", str(tmp_path / "sheet.gif")]) == 2
    assert ".jpg, .png" in capsys.readouterr().err
