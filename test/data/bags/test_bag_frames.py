"""Bags of every storage, transport and encoding give the frames that were recorded; damaged ones are one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.bag_files import (
    CAMERA,
    COLOR,
    COLOR_INFO,
    COMPRESSED,
    DEPTH,
    DEPTH_INFO,
    FRAME_ID,
    IMAGE,
    INFO,
    BagPlan,
    small_frames,
    write_bag,
)

from gpnet_ros.cell import HandEye, load_cell, load_hand_eye
from gpnet_ros.data.bags.bag import Bag, BagTopic, stamp_of, with_stamp
from gpnet_ros.data.bags.cell_check import check_camera
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.data.bags.topics import find_camera
from gpnet_ros.errors import BagRefused, FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.lens import Lens

FRAMES = small_frames(4)
COLORS = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "mono16", "yuv422_yuy2", "yuyv", "yuv422", "uyvy", "jpeg", "png")
DEPTHS = ("16UC1", "16UC1/big", "mono16", "32FC1", "32FC1/big", "compressedDepth", "compressedDepth/rvl")


def topic(name: str, kind: str) -> BagTopic:
    return BagTopic(name, kind, 4)


def read(path: Path, prefix: str | None = None, tolerance: float = 0.02) -> list[Frame]:
    with Bag(path) as bag:
        return [frame for _, frame in BagFrames(bag, prefix, tolerance).frames()]


def same(seen: list[Frame], color_off: float = 0.0) -> None:
    """The frames are those that were recorded."""
    assert len(seen) == len(FRAMES)
    for one, other in zip(seen, FRAMES, strict=True):
        assert one.color is not None and other.color is not None
        assert np.abs(one.color.astype(int) - other.color).max() <= color_off
        np.testing.assert_allclose(one.depth, other.depth, atol=1e-6)  # type: ignore[arg-type]
        assert (one.intrinsics, one.frame_id) == (CAMERA, FRAME_ID)


@pytest.mark.parametrize("encoding", COLORS)
def test_every_colour_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    off = {"jpeg": 12, "mono8": 1, "mono16": 1}.get(encoding, 0 if "rgb" in encoding or "bgr" in encoding else 3)
    same(read(write_bag(tmp_path / "bag", FRAMES, BagPlan(color=encoding, padding=0 if off == 12 else 4))), off)


@pytest.mark.parametrize("encoding", DEPTHS)
def test_every_depth_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    same(read(write_bag(tmp_path / "bag", FRAMES, BagPlan(depth=encoding, padding=6))))


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("zstd", [False, True])
def test_folder_and_single_file_are_read(tmp_path: Path, storage: str, zstd: bool) -> None:
    path = write_bag(tmp_path / "bag", FRAMES, BagPlan(storage=storage, zstd=zstd))
    same(read(path))
    if not (zstd and storage == "sqlite3"):  # there the file itself is packed
        (file,) = [p for p in path.iterdir() if p.suffix in (".mcap", ".db3")]
        same(read(file))
        (path / "metadata.yaml").unlink()  # the recorder was killed
        same(read(path))


@pytest.mark.parametrize(
    "plan", [BagPlan(info="once"), BagPlan(prefix=""), BagPlan(prefix="/cell/left"), BagPlan(skew=0.015)]
)
def test_models_sent_once_other_names_and_streams_apart_are_read(tmp_path: Path, plan: BagPlan) -> None:
    same(read(write_bag(tmp_path / "bag", FRAMES, plan)))


def test_the_stamp_is_that_of_the_colour_image(tmp_path: Path) -> None:
    seen = read(write_bag(tmp_path / "bag", FRAMES, BagPlan(start=1000.5, period=0.25, skew=0.01)))
    assert [f.stamp for f in seen] == [1000.5, 1000.75, 1001.0, 1001.25]


def test_some_frames_are_those_of_all(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "bag", FRAMES)) as bag:
        some = list(BagFrames(bag).frames([1, 3]))
    assert [messages.number for messages, _ in some] == [1, 3]
    np.testing.assert_array_equal(some[1][1].color, FRAMES[3].color)


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (BagPlan(leave_out=(DEPTH, DEPTH_INFO)), "align_depth.enable:=true"),
        (BagPlan(leave_out=(COLOR, COLOR_INFO)), "No colour image"),
        (BagPlan(info="none"), "color/camera_info is not in the bag"),
        (BagPlan(types={COLOR: "std_msgs/msg/String"}), "is a std_msgs/msg/String"),
        (BagPlan(skew=0.03), "30.0 ms apart"),
    ],
)
def test_what_is_missing_is_one_sentence(tmp_path: Path, plan: BagPlan, word: str) -> None:
    with pytest.raises(BagRefused) as refusal:
        read(write_bag(tmp_path / "bag", FRAMES, plan))
    assert word in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_two_cameras_ask_for_a_prefix_and_a_wrong_one_tells_those_there(tmp_path: Path) -> None:
    from rosbags.rosbag2 import Reader, Writer
    from support.bag_files import TYPES

    one, other = (write_bag(tmp_path / n, FRAMES, BagPlan(prefix=f"/{n}")) for n in ("left", "right"))
    with Writer(tmp_path / "both", version=9) as writer:
        for path in (one, other):
            with Reader(path) as reader:
                known = {c.id: writer.add_connection(c.topic, c.msgtype, typestore=TYPES) for c in reader.connections}
                for connection, time, raw in reader.messages():
                    writer.write(known[connection.id], time, raw)
    with pytest.raises(BagRefused, match=r"/left, /right: give one of them as --prefix"):
        read(tmp_path / "both")
    same(read(tmp_path / "both", "/right"))
    same(read(tmp_path / "both", "left/"))
    with pytest.raises(BagRefused, match=r"begin with /left"):
        read(tmp_path / "both", "/camera/camera")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
def test_a_truncated_bag_is_one_sentence(tmp_path: Path, storage: str, share: float) -> None:
    path = write_bag(tmp_path / "bag", FRAMES, BagPlan(storage=storage))
    (file,) = [p for p in path.iterdir() if p.suffix != ".yaml"]
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BagRefused, match="cannot be read") as refusal:
        read(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_bytes_that_are_no_message_are_one_sentence(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", FRAMES, BagPlan(types={COLOR: "sensor_msgs/msg/Image"}))
    with Bag(path) as bag:
        message = next(iter(bag.messages([f"/camera/camera/{COLOR}"])))
        with pytest.raises(BagRefused, match="is no sensor_msgs"):
            bag.read(message._replace(raw=message.raw[:60]))


@pytest.mark.parametrize("name", ["nothing", "old.bag", "text.txt", "empty"])
def test_what_is_no_bag_is_refused(tmp_path: Path, name: str) -> None:
    if name == "empty":
        (tmp_path / name).mkdir()
    elif name != "nothing":
        (tmp_path / name).write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(BagRefused, match=name):
        read(tmp_path / name)


def test_a_lens_distortion_is_made_straight_and_an_unknown_one_is_refused_with_the_frame(tmp_path: Path) -> None:
    bent = BagPlan(distortion=(-0.0555, 0.0659, 5.7e-05, 0.00144, -0.0213))
    seen = read(write_bag(tmp_path / "bag", FRAMES, bent))
    lens = Lens(CAMERA, bent.model, bent.distortion)
    for one, other in zip(seen, FRAMES, strict=True):
        color, depth = lens.straight(other.color, other.depth)
        np.testing.assert_array_equal(one.color, color)
        np.testing.assert_allclose(one.depth, depth, atol=1e-6)  # type: ignore[arg-type]
    with pytest.raises(FrameRefused, match=r"frame 0: .*distortion .* 'made_up'"):
        read(write_bag(tmp_path / "other", FRAMES, BagPlan(distortion=(0.1, 0.0, 0.0, 0.0, 0.0), model="made_up")))


def test_depth_of_another_view_under_the_right_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameRefused, match=r"align_depth\.enable:=true enable_sync:=true"):
        read(write_bag(tmp_path / "bag", FRAMES, BagPlan(depth_frame="camera_depth_optical_frame")))


def test_a_transport_chooses_among_the_images_of_a_bag() -> None:
    raw = [topic(f"/camera/camera/{name}", IMAGE) for name in (COLOR, DEPTH)]
    packed = [topic(f"/camera/camera/{COLOR}/compressed", COMPRESSED)]
    packed += [topic(f"/camera/camera/{DEPTH}/compressedDepth", COMPRESSED)]
    info = [topic(f"/camera/camera/{COLOR_INFO}", INFO)]
    for transport, wanted in (("auto", raw), ("raw", raw), ("compressed", packed)):
        found = find_camera([*packed, *raw, *info], transport=transport)
        assert [found.color, found.depth] == [t.name for t in wanted] and not found.missing
    assert "No colour image" in find_camera([*raw, *info], transport="compressed").missing[0]
    seen = find_camera([*packed, *info])
    assert [seen.color, seen.depth] == [t.name for t in packed]


def test_a_stamp_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "bag", FRAMES)) as bag:
        message = next(iter(bag.messages([f"/camera/camera/{DEPTH}"])))
        other = bag.read(message._replace(raw=with_stamp(message.raw, 5_000_000_007)))
        before = bag.read(message)
    assert stamp_of(with_stamp(message.raw, 5_000_000_007)) == (5, 7)
    assert (other.header.stamp.sec, other.header.stamp.nanosec) == (5, 7)
    np.testing.assert_array_equal(other.data, before.data)


def test_another_camera_than_the_cells_is_refused() -> None:
    from support.scenes import sight

    frame = sight().frame
    cell, hand_eye = load_cell(), load_hand_eye()
    check_camera(frame, cell, hand_eye)
    higher = HandEye("fixed", (0.85, 0.0, 1.45), hand_eye.quaternion)
    turned = HandEye("fixed", hand_eye.position, (0.0, 0.0, 0.0, 1.0))
    for wrong in (higher, turned):
        with pytest.raises(BagRefused, match="another than that of the cell"):
            check_camera(frame, cell, wrong)
    check_camera(frame, cell, HandEye("flange", (0.0, 0.0, 0.1), (0.0, 0.0, 0.0, 1.0)))


def test_a_picture_is_as_it_was_taken_whatever_the_lens(tmp_path: Path) -> None:
    """What a replay unpacks goes out with the lens's own model: it must not be straight already."""
    plan = BagPlan(color="png", depth="compressedDepth", distortion=(-0.2, 0.06, 0.0, 0.001, 0.0))
    with Bag(write_bag(tmp_path / "bag", FRAMES, plan)) as bag:
        frames = BagFrames(bag)
        for messages, other in zip(frames.messages(), FRAMES, strict=True):
            np.testing.assert_array_equal(frames.picture(messages.color), other.color)
            np.testing.assert_array_equal(frames.picture(messages.depth), other.depth)
            assert not np.array_equal(frames.frame(messages).color, other.color)  # type: ignore[arg-type]
