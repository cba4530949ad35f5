"""The scene for RViz: everything in base_link, where planning believes it to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.fake_topics import FakeNode  # noqa: E402
from support.scenes import CELL, CENTRE, HEIGHT, T_BASE_CAMERA, sight, table_and_box  # noqa: E402
from support.tiny_graspnext import seen_where  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from gpnet_ros.cell import load_hand_eye  # noqa: E402
from gpnet_ros.cup_pick import decide_cup  # noqa: E402
from gpnet_ros.grasp import Rejected  # noqa: E402
from gpnet_ros.nodes import convert  # noqa: E402
from gpnet_ros.nodes.showing.frames import Frames  # noqa: E402
from gpnet_ros.nodes.showing.planner_markers import markers  # noqa: E402
from gpnet_ros.nodes.showing.planner_outputs import Outputs  # noqa: E402
from gpnet_ros.pick import Decision, decide  # noqa: E402
from gpnet_ros.picking.attention import Sight  # noqa: E402
from gpnet_ros.picking.record import DecisionBasis  # noqa: E402
from gpnet_ros.pose import transform  # noqa: E402

SEEN = sight(3.5)
DECISION = decide(SEEN.frame, SEEN.maps, T_BASE_CAMERA, CELL, CELL.home)


def scene(decision: Decision = DECISION, seen: Sight = SEEN) -> dict[str, list[Marker]]:
    """Markers by namespace."""
    found: dict[str, list[Marker]] = {}
    for marker in markers(decision, seen, T_BASE_CAMERA, CELL).markers:
        found.setdefault(marker.ns, []).append(marker)
    return found


def in_base(marker: Marker) -> np.ndarray:
    """Centre (3,) [m] of a marker in base."""
    return (convert.T_BASE_LINK_BASE @ convert.from_pose(marker.pose))[:3, 3]


def test_everything_is_in_base_link_with_the_stamp_and_an_id_of_its_own() -> None:
    all_ = markers(DECISION, SEEN, T_BASE_CAMERA, CELL).markers
    assert all_[0].action == Marker.DELETEALL
    assert {m.header.frame_id for m in all_} == {"base_link"}
    assert {convert.from_time(m.header.stamp) for m in all_} == {3.5}
    assert len({(m.ns, m.id) for m in all_}) == len(all_)


def test_the_chosen_grasp_stands_on_the_box_and_its_way_goes_through_it() -> None:
    found = scene()
    assert len(found["chosen"]) == 3
    fingers = np.array([in_base(m) for m in found["chosen"][:2]])
    np.testing.assert_allclose(fingers.mean(axis=0)[:2], CENTRE, atol=0.005)
    assert DECISION.T_base_tcp is not None
    way = np.array([(-p.x, -p.y, p.z) for p in found["way"][0].points])
    assert np.linalg.norm(way - DECISION.T_base_tcp[:3, 3], axis=1).min() < 1e-6
    assert HEIGHT - 0.03 < DECISION.T_base_tcp[2, 3] < HEIGHT


@pytest.mark.parametrize(("felt", "green"), [(False, 0.8), (True, 0.45)])
def test_a_way_that_is_felt_has_another_colour(felt: bool, green: float) -> None:
    (way,) = scene(replace(DECISION, felt=felt))["way"]
    assert (way.color.r, way.color.g, way.color.b) == pytest.approx((1.0, green, 0.0))


def test_tote_and_keep_out_boxes_are_those_of_the_cell() -> None:
    found = scene()
    for name, boxes in (("tote", CELL.tote.walls), ("keep_out", CELL.keep_out)):
        for marker, box in zip(found[name], boxes, strict=True):
            np.testing.assert_allclose(in_base(marker), (np.array(box.low) + box.high) / 2, atol=1e-9)
            size = (marker.scale.x, marker.scale.y, marker.scale.z)
            np.testing.assert_allclose(size, np.array(box.high) - box.low, atol=1e-9)


def test_a_candidate_that_lost_is_a_pale_gripper_where_it_would_have_been_with_its_reason() -> None:
    assert DECISION.grasp is not None
    lost = replace(DECISION, rejected=(Rejected(DECISION.grasp.pixel, "clearance", "for the test"),))
    found = scene(lost)
    fingers = np.array([in_base(m) for m in found["rejected"][:2]])
    np.testing.assert_allclose(fingers.mean(axis=0)[:2], CENTRE, atol=0.005)
    assert [m.text for m in found["reason"]] == ["clearance"]
    assert found["rejected"][0].color != found["chosen"][0].color
    assert "rejected" not in scene(replace(lost, rejected=()))


def test_where_no_depth_is_known_the_reason_stands_on_the_table() -> None:
    assert DECISION.grasp is not None
    blind = replace(SEEN, frame=replace(SEEN.frame, depth=np.full((480, 640), np.nan, np.float32)))
    found = scene(replace(DECISION, rejected=(Rejected(DECISION.grasp.pixel, "hole", "for the test"),)), blind)
    assert "rejected" not in found
    assert in_base(found["reason"][0])[2] == pytest.approx(CELL.workspace.table_z + 0.02)


def test_candidates_side_by_side_that_lost_for_one_reason_are_one_ghost() -> None:
    assert DECISION.grasp is not None
    u, v = DECISION.grasp.pixel

    def ghosts(*lost: tuple[float, str]) -> list[str]:
        many = tuple(Rejected((u + aside, v), reason, "for the test") for aside, reason in lost)
        return [m.text for m in scene(replace(DECISION, rejected=many))["reason"]]

    assert ghosts((0.0, "clearance"), (2.0, "clearance"), (-3.0, "clearance")) == ["clearance"]
    assert ghosts((0.0, "clearance"), (2.0, "hole")) == ["clearance", "hole"]
    assert ghosts((0.0, "clearance"), (60.0, "clearance")) == ["clearance", "clearance"]
    assert len(ghosts(*((30.0 * k, "clearance") for k in range(-10, 10)))) == 12


def test_a_ghost_that_lost_hides_less_than_the_chosen_one() -> None:
    assert DECISION.grasp is not None
    found = scene(replace(DECISION, rejected=(Rejected(DECISION.grasp.pixel, "clearance", "for the test"),)))
    volume = {n: sum(m.scale.x * m.scale.y * m.scale.z for m in found[n]) for n in ("chosen", "rejected")}
    assert volume["rejected"] < 0.5 * volume["chosen"] and found["rejected"][0].color.a < found["chosen"][0].color.a


def test_candidates_of_a_camera_on_the_flange_have_their_ghosts_too() -> None:
    """They were left out: where the camera was at the exposure is what the decision depended on."""
    assert DECISION.grasp is not None
    node = FakeNode([])
    outputs = Outputs(node, CELL, Frames(node, "none", "camera", load_hand_eye(), 0.0))
    moved = transform(np.eye(3), (0.0, 0.1, 0.0)) @ T_BASE_CAMERA
    lost = replace(DECISION, rejected=(Rejected(DECISION.grasp.pixel, "clearance", "for the test"),))
    outputs.decided(lost, SEEN, DecisionBasis(np.array(CELL.home), moved))
    found = [m for m in node.first["~/markers"].markers if m.ns == "rejected"]
    np.testing.assert_allclose(
        np.mean([in_base(m) for m in found[:2]], axis=0)[:2], np.add(CENTRE, (0.0, 0.1)), atol=0.005
    )


def test_a_cup_is_shown_as_a_cup_where_its_lip_will_be() -> None:
    assert SEEN.frame.depth is not None
    cell = replace(CELL, tool="suction")
    seen = replace(
        SEEN, maps=None, detections=seen_where(SEEN.frame, table_and_box(0.0) - SEEN.frame.depth > 0.01, 0.1)
    )
    assert seen.detections is not None
    decision = decide_cup(seen.frame, seen.detections, T_BASE_CAMERA, cell, cell.home)
    assert decision.T_base_tcp is not None
    found = [m for m in markers(decision, seen, T_BASE_CAMERA, cell).markers if m.ns == "chosen"]
    assert [m.type for m in found] == [Marker.CYLINDER] * 3
    assert np.isclose(found[0].scale.x, 2 * cell.cup.lip_radius)
    lip, rod, mount = (in_base(m) for m in found)
    np.testing.assert_allclose(lip[:2], decision.T_base_tcp[:2, 3], atol=1e-9)
    assert decision.T_base_tcp[2, 3] < lip[2] < rod[2] < mount[2], "the tool is above its lip"
    doubtful = replace(seen.detections, scores=np.array([0.1]))
    lost = decide_cup(seen.frame, doubtful, T_BASE_CAMERA, cell, cell.home)
    texts = [m.text for m in markers(lost, seen, T_BASE_CAMERA, cell).markers if m.ns == "reason"]
    assert texts[0] == "low_quality"
