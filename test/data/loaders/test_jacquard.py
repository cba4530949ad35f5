"""Jacquard: text of several origins, archives in parts, the choice of depth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.grasp_files import HEIGHT, WIDTH, Bar, write_jacquard, write_text

from gpnet_ros.data.loaders.jacquard import Jacquard
from gpnet_ros.errors import BadInput
from gpnet_ros.rectangle import Rectangles

NAME = "1a9fa4c269cf"


def grasps(root: Path, text: str) -> Rectangles:
    write_jacquard(root, Bar(0.0))
    write_text(root / NAME / f"0_{NAME}_grasps.txt", text)
    rectangles = Jacquard(root)[0].rectangles
    assert rectangles is not None
    return rectangles


@pytest.mark.parametrize(
    "text",
    [
        "500.5;300;30;80;20\n510;310;-60;90;25\n",
        "500.5;300;30;80;20\r\n510;310;-60;90;25\r\n",
        "500.5;300;30;80;20\n510;310;-60;90;25",  # no newline at the end
        "\n500.5;300;30;80;20\n\n 510;310;-60;90;25 \n\n",
    ],
)
def test_all_line_ends_give_the_same_grasps(text: str, tmp_path: Path) -> None:
    rectangles = grasps(tmp_path, text)
    np.testing.assert_allclose(rectangles.center, [[500.5, 300], [510, 310]])
    np.testing.assert_allclose(np.degrees(rectangles.angle), [30, -60])  # not mirrored: y is down here and there
    np.testing.assert_allclose(rectangles.opening, [80, 90])
    np.testing.assert_allclose(rectangles.jaw, [20, 25])  # the last digit of the last line is there


def test_repeated_jaws_are_grasps_of_their_own(tmp_path: Path) -> None:
    rectangles = grasps(tmp_path, "5;5;56.2782;177;26.9836\n5;5;56.2782;177;13.4918\n5;5;56.2782;177;40.4754\n")
    np.testing.assert_allclose(rectangles.jaw, [26.9836, 13.4918, 40.4754])
    assert len(set(rectangles.angle.tolist())) == 1


def test_empty_means_no_grasp_and_nonsense_is_left_out_or_refused(tmp_path: Path) -> None:
    assert len(grasps(tmp_path, "")) == 0
    assert len(grasps(tmp_path, "1;1;0;0;5\n1;1;nan;4;5\n1;1;0;4;5\n")) == 1
    for line in ("1;2;3;4", "1;2;3;4;5;6", "1,2,3,4,5", "1;2;x;4;5"):
        with pytest.raises(BadInput, match=rf"0_{NAME}_grasps\.txt"):
            grasps(tmp_path, f"5;5;0;10;5\n{line}\n")


def test_depth_is_chosen(tmp_path: Path) -> None:
    write_jacquard(tmp_path, Bar(0.0))
    stem = tmp_path / NAME / f"0_{NAME}"
    perfect = np.full((HEIGHT, WIDTH), 1.5, dtype=np.float32)
    stereo = perfect + 0.1
    stereo[5, 7] = 0
    cv2.imwrite(f"{stem}_perfect_depth.tiff", perfect)
    assert Jacquard(tmp_path, depth="stereo")[0].frame.depth is None
    cv2.imwrite(f"{stem}_stereo_depth.tiff", stereo)
    np.testing.assert_array_equal(Jacquard(tmp_path)[0].frame.depth, perfect)
    depth = Jacquard(tmp_path, depth="stereo")[0].frame.depth
    assert depth is not None and np.isnan(depth[5, 7]) and abs(depth[0, 0] - 1.6) < 1e-6
    assert Jacquard(tmp_path, depth="none")[0].frame.depth is None
    with pytest.raises(BadInput, match="cloud"):
        Jacquard(tmp_path, depth="cloud")  # type: ignore[arg-type]
    cv2.imwrite(f"{stem}_perfect_depth.tiff", perfect[:9])
    with pytest.raises(BadInput, match=r"perfect_depth\.tiff has 640x9"):
        Jacquard(tmp_path)[0]


def test_depth_alone_is_a_picture_and_neither_is_not(tmp_path: Path) -> None:
    write_jacquard(tmp_path, Bar(0.0))
    stem = tmp_path / NAME / f"0_{NAME}"
    Path(f"{stem}_RGB.png").unlink()
    with pytest.raises(BadInput, match=r"_RGB\.png is missing"):
        Jacquard(tmp_path)[0]
    cv2.imwrite(f"{stem}_perfect_depth.tiff", np.full((HEIGHT, WIDTH), 1.5, dtype=np.float32))
    frame = Jacquard(tmp_path)[0].frame
    assert frame.color is None and frame.depth is not None


def test_mask_is_the_one_object_that_all_grasps_belong_to(tmp_path: Path) -> None:
    bar = Bar(20.0)
    write_jacquard(tmp_path, bar)
    sample = Jacquard(tmp_path)[0]
    np.testing.assert_array_equal(sample.ids, bar.mask())
    assert sample.objects is not None and sample.objects.ids.tolist() == [1]
    top = sample.top_rectangles()
    assert top is not None and len(top) == 1
    (tmp_path / NAME / f"0_{NAME}_mask.png").unlink()
    assert Jacquard(tmp_path)[0].ids is None


def test_archives_lie_side_by_side_and_views_of_an_object_stay_together(tmp_path: Path) -> None:
    for part, name, view in (("Jacquard_Dataset_0", "aa", 0), ("Jacquard_Dataset_0", "aa", 10), ("Samples", "b_b", 2)):
        write_jacquard(tmp_path / "Jacquard" / part, Bar(0.0), view, name)
    write_jacquard(tmp_path / "Jacquard" / "Jacquard_Dataset_11", Bar(0.0), 2, "aa")
    data = Jacquard(tmp_path)
    assert data.names == ("aa/0_aa", "aa/2_aa", "aa/10_aa", "b_b/2_b_b")
    assert data.scenes == ("aa", "aa", "aa", "b_b")
    split = tmp_path / "split.txt"
    split.write_text("aa\n")
    assert len(Jacquard(tmp_path, split)) == 3
    assert len(Jacquard(tmp_path / "Jacquard" / "Samples" / "b_b")) == 1
