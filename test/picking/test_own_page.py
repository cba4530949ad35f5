"""Pages of picking need no other file: their pictures are within them, and one that is gone leaves no trace."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gpnet_ros.file_sum import file_sum
from gpnet_ros.picking.own_page import page_head, picture_within


@pytest.mark.parametrize(("name", "kind"), [("a.png", "png"), ("a.jpg", "jpeg")])
def test_a_picture_is_within_the_page(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"pixels")
    assert f"data:image/{kind};base64,{base64.b64encode(b'pixels').decode()}'" in picture_within(tmp_path / name)


def test_what_is_gone_or_no_picture_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert [picture_within(tmp_path / name) for name in ("none.png", "a.txt", "folder.png")] == ["", "", ""]
    assert [file_sum(tmp_path / name) for name in ("none.png", "folder.png")] == ["", ""]


def test_a_title_is_text() -> None:
    assert "<title>&lt;b&gt;</title>" in page_head("<b>")
