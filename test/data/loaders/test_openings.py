"""In every public format, the opening that a loader reports lies across the object that the picture shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.grasp_files import Bar, write_cornell, write_jacquard, write_ocid, write_vmrd

from gpnet_ros.data.loaders.cornell.cornell import Cornell
from gpnet_ros.data.loaders.jacquard import Jacquard
from gpnet_ros.data.loaders.ocid import Ocid
from gpnet_ros.data.loaders.vmrd import Vmrd
from gpnet_ros.data.sample import DataSet, Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.rectangle import Rectangles

FORMATS: dict[str, tuple[Callable[..., None], Callable[[Path], DataSet]]] = {
    "cornell": (write_cornell, Cornell),
    "jacquard": (write_jacquard, Jacquard),
    "ocid": (write_ocid, Ocid),
    "vmrd": (write_vmrd, Vmrd),
}


def lies_across(sample: Sample, rectangles: Rectangles) -> bool:
    """Whether pads are beside the dark object, the centre is on it, and the object goes on past both jaw sides."""
    assert sample.frame.color is not None and len(rectangles) == 1
    dark = sample.frame.color.astype(int).sum(axis=-1) < 300
    c, s = np.cos(rectangles.angle[0]), np.sin(rectangles.angle[0])
    half = rectangles.opening[0] / 2

    def on_object(along: float, across: float) -> bool:
        u, v = rectangles.center[0] + along * np.array([c, s]) + across * np.array([-s, c])
        return bool(dark[round(v), round(u)])

    pads_free = not on_object(half, 0.0) and not on_object(-half, 0.0)
    goes_on = on_object(0.0, 1.5 * half) and on_object(0.0, -1.5 * half)
    return on_object(0.0, 0.0) and pads_free and goes_on


@pytest.mark.parametrize("turn", [0.0, 25.0, -60.0, 90.0])
@pytest.mark.parametrize("name", FORMATS)
def test_opening_lies_across_a_bar(name: str, turn: float, tmp_path: Path) -> None:
    write, load = FORMATS[name]
    bar = Bar(turn)
    write(tmp_path, bar)
    data = load(tmp_path)
    assert len(data) == len(data.names) == len(data.scenes) == 1
    sample = data[0]
    assert sample.rectangles is not None
    assert lies_across(sample, sample.rectangles)
    np.testing.assert_allclose(sample.rectangles.center, [[bar.u, bar.v]], atol=0.01)
    np.testing.assert_allclose(sample.rectangles.opening, bar.opening, rtol=1e-3)
    np.testing.assert_allclose(sample.rectangles.jaw, bar.jaw, rtol=1e-3)
    expected = turn + 90.0  # clockwise as one sees it, which is from +u towards +v
    off = (np.degrees(sample.rectangles.angle[0]) - expected + 90.0) % 180.0 - 90.0
    assert abs(off) < 0.1


def test_the_question_itself_can_fail(tmp_path: Path) -> None:
    """A swapped edge order or a mirrored angle does not lie across, so the test above could notice them."""
    write_cornell(tmp_path, Bar(25.0))
    sample = Cornell(tmp_path)[0]
    r = sample.rectangles
    assert r is not None
    assert not lies_across(sample, Rectangles(r.center, r.angle + np.pi / 2, r.jaw, r.opening))
    assert not lies_across(sample, Rectangles(r.center, -r.angle, r.opening, r.jaw))


@pytest.mark.parametrize("name", FORMATS)
def test_a_wrong_root_says_what_was_expected_and_what_is_there(name: str, tmp_path: Path) -> None:
    load = FORMATS[name][1]
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"expected there, but it holds holiday\.jpg"):
        load(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_picture_is_one_sentence_with_its_name(name: str, tmp_path: Path) -> None:
    write, load = FORMATS[name]
    write(tmp_path, Bar(0.0))
    data = load(tmp_path)
    (picture,) = (p for p in tmp_path.rglob("*") if p.suffix in (".png", ".jpg") and "mask" not in p.name)
    data[0]
    picture.write_bytes(picture.read_bytes()[:-40])
    with pytest.raises(BadInput, match=picture.name):
        data[0]


@pytest.mark.parametrize("name", FORMATS)
def test_without_annotation_rectangles_are_absent_and_not_none_at_all(name: str, tmp_path: Path) -> None:
    write, load = FORMATS[name]
    write(tmp_path, Bar(0.0))
    annotations = [p for p in tmp_path.rglob("*.txt")]
    for path in annotations:
        path.write_text("")
    empty = load(tmp_path)[0].rectangles
    assert empty is not None and len(empty) == 0  # somebody looked
    for path in annotations:
        path.unlink()
    assert load(tmp_path)[0].rectangles is None  # nobody looked


@pytest.mark.parametrize("name", FORMATS)
def test_split_files_choose_scenes(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    write, load = FORMATS[name]
    write(root, Bar(0.0))
    scene = load(root).scenes[0]
    split = tmp_path / "split.txt"
    split.write_text(f"# mine\n{scene}\n")
    assert load(root, split).scenes == (scene,)  # type: ignore[call-arg]
    split.write_text(f"{scene}\n../../etc/passwd\n")
    with pytest.raises(BadInput, match="split"):
        load(root, split)  # type: ignore[call-arg]
