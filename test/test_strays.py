"""What rolled out of the square is fetched; what stood there before, goes on out of sight or lies too far is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.boxes import CELL as SHIPPED
from support.boxes import D435, T_CAMERA, BoxBounds, box, see

from gpnet_ros.fit import Fit, Memory, Rejected
from gpnet_ros.frame import Frame
from gpnet_ros.height_map import height_map
from gpnet_ros.maps import Grid, Maps
from gpnet_ros.pick import Decision, decide, something_left
from gpnet_ros.picking.record import DecisionBasis
from gpnet_ros.plan import Move
from gpnet_ros.pose import transform
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.hand.cup_hand import hand_of
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import make_object
from gpnet_ros.strays import around, fetching, note_standing, standing_spots, stray_fits, strays

CELL = replace(SHIPPED, fetch_border=0.18)  # the shipped cell fetches nothing
HOME = np.array(CELL.home)
SIZE = (0.04, 0.09, 0.03)
EMPTY = see([])
NOTHING_STOOD = Memory(standing=())
EDGE = CELL.workspace.side / 2


def says_nothing() -> Maps:
    """Maps of a network that sees no grasp at all."""
    square = CELL.workspace
    grid = Grid.workspace(D435, T_CAMERA, square.centre, square.side)
    zeros, ones = np.zeros((2, grid.height, grid.width), np.float32) + [[[0]], [[1]]]
    none, one = (each.astype(np.float32) for each in (zeros, ones))
    return Maps(none, one, none, none, none, grid)


def begun(first: Frame = EMPTY, cell: object = CELL) -> Memory:
    """The memory of a task that began with a frame."""
    memory = Memory()
    note_standing(memory, first, T_CAMERA, cell)  # type: ignore[arg-type]
    return memory


def decided(boxes: list[BoxBounds], memory: Memory | None, border: float = CELL.fetch_border) -> Decision:
    cell = replace(CELL, fetch_border=border)
    return decide(see(boxes), says_nothing(), T_CAMERA, cell, HOME, memory=memory)


@pytest.mark.parametrize(
    ("x", "y", "long_side"), [(0.65, 0.25, 1), (0.76, 0.24, 0), (0.55, -0.24, 1), (0.42, 0.05, 1), (0.88, -0.05, 1)]
)
def test_a_box_that_came_to_lie_outside_is_taken_across_its_thin_side(x: float, y: float, long_side: int) -> None:
    size = SIZE if long_side == 1 else (SIZE[1], SIZE[0], SIZE[2])
    decision = decided([box(x, y, size)], NOTHING_STOOD)
    assert decision.status == "grasp"
    assert decision.plan is not None and decision.T_base_tcp is not None and decision.opening is not None
    assert np.linalg.norm(decision.T_base_tcp[:2, 3] - (x, y)) < 0.008
    assert abs(decision.T_base_tcp[1 - long_side, 0]) > np.cos(0.15)  # the opening axis
    assert SIZE[0] <= decision.opening <= CELL.gripper.stroke
    (descent,) = [s for s in decision.plan.steps if isinstance(s, Move) and s.kind == "descend"]
    assert descent.T_base_tcp is not None
    assert np.allclose(descent.T_base_tcp[:3, 3], decision.T_base_tcp[:3, 3])


LYING = box(0.65, 0.25, SIZE)


@pytest.mark.parametrize(
    ("boxes", "memory", "border"),
    [
        ([LYING], Memory(standing=((0.65, 0.25),)), CELL.fetch_border),
        ([LYING], Memory(standing=((0.65 + SIZE[0] / 2 + 0.005, 0.25),)), CELL.fetch_border),
        ([LYING], Memory(), CELL.fetch_border),
        ([LYING], None, CELL.fetch_border),
        ([LYING], NOTHING_STOOD, 0.0),
        ([LYING], NOTHING_STOOD, 0.05),
        ([box(0.65, 0.40, (0.05, 0.30, 0.03))], NOTHING_STOOD, CELL.fetch_border),
        ([box(0.94, 0.0, SIZE)], NOTHING_STOOD, CELL.fetch_border),
        ([box(0.65, 0.25, (0.12, 0.12, 0.03))], NOTHING_STOOD, CELL.fetch_border),
        ([box(0.65, 0.25, (0.006, 0.006, 0.03))], NOTHING_STOOD, CELL.fetch_border),
    ],
    ids=["stood there", "beside", "nobody looked", "no memory", "off", "too far", "an arm", "reach", "wide", "tiny"],
)
def test_nothing_else_is_fetched(boxes: list[BoxBounds], memory: Memory | None, border: float) -> None:
    decision = decided(boxes, memory, border)
    assert (decision.status, decision.plan) == ("nothing_left", None)


def test_what_stands_there_when_a_task_begins_is_left_alone() -> None:
    assert decided([LYING], begun()).status == "grasp"
    assert decided([LYING], begun(see([LYING]))).status == "nothing_left"


def test_what_the_network_cannot_grasp_does_not_keep_from_fetching() -> None:
    heap = box(0.65, 0.0, SIZE)
    assert decided([heap], NOTHING_STOOD).status == "nothing_graspable"
    fetched = decided([heap, LYING], NOTHING_STOOD)
    assert fetched.status == "grasp" and fetched.T_base_tcp is not None
    assert fetched.T_base_tcp[1, 3] > EDGE
    assert [r.reason for r in fetched.rejected] == ["low_quality"]


def test_a_fetch_that_failed_is_not_tried_again_the_same_way() -> None:
    memory = Memory(standing=())
    first = decided([LYING], memory)
    assert first.T_base_tcp is not None
    memory.remember(first.T_base_tcp)
    second = decided([LYING], memory)
    assert second.T_base_tcp is not None
    assert not memory.knows(second.T_base_tcp)


def test_what_stood_there_at_first_stays_so_for_the_task() -> None:
    memory = begun(see([LYING]))
    assert memory.standing and set(memory.unseen) < set(memory.standing)
    stood = set(memory.standing) - set(memory.unseen)
    note_standing(memory, EMPTY, T_CAMERA, CELL)
    memory.forget()
    assert set(memory.standing) == stood, "what was only hidden is bare table now; what stood is gone for a moment"
    assert memory.unseen == ()
    memory.begin()
    assert memory.standing is None
    note_standing(memory, EMPTY, T_CAMERA, CELL)
    assert memory.standing == ()
    assert begun(cell=replace(CELL, fetch_border=0.0)).standing is None


def test_what_the_heap_hid_at_first_is_left_alone_until_bare_table_was_seen_there() -> None:
    """A high wall of a heap hides a low box behind it: when the wall is gone, the box looks as if it came now."""
    wall, behind = box(0.50, 0.0, (0.02, 0.20, 0.12)), box(0.468, 0.0, (0.024, 0.05, 0.02))
    first = see([wall, behind])
    memory = begun(first)
    assert memory.unseen
    assert not strays(height_map(first, T_CAMERA, fetching(CELL)), CELL), "nothing is seen of it"
    after = see([behind])
    note_standing(memory, after, T_CAMERA, CELL)
    assert decided([behind], memory).status == "nothing_left"
    note_standing(memory, EMPTY, T_CAMERA, CELL)
    assert decided([behind], memory).status == "grasp", "what comes onto ground that was seen bare is fetched"


def test_what_the_heap_leaned_on_stays_when_the_heap_has_gone() -> None:
    clamp, heap = box(0.65, 0.22, SIZE), box(0.65, 0.11, (0.04, 0.131, 0.03))
    memory = begun(see([clamp, heap]))
    assert memory.standing
    assert decided([clamp], memory).status == "nothing_left"
    assert decided([clamp], begun(see([]))).status == "grasp", "had it come later, it would be fetched"


@pytest.mark.parametrize("off", [-0.008, 0.0, 0.008])
def test_a_table_that_lies_off_the_cell_file_makes_no_strays_of_noise(off: float) -> None:
    """What stands is told from the table in one way around the workspace and in it (`pick.something_left`)."""
    cell, empty = replace(CELL, workspace=replace(CELL.workspace, table_z=-off)), Heap((), np.zeros((0, 4, 4)))
    for seed in range(2):
        look = Look(empty, seed, T_CAMERA)
        heights = height_map(look.frame(look.view(empty, [])), T_CAMERA, fetching(cell))
        assert not strays(heights, cell) and not something_left(heights, cell)
        assert not standing_spots(heights, cell)
    stray = height_map(see([LYING], noise=0.002), T_CAMERA, fetching(cell))
    assert len(strays(stray, cell)) == 1 and not something_left(stray, cell)
    heap = height_map(see([box(0.65, 0.0, SIZE)], noise=0.002), T_CAMERA, fetching(cell))
    assert not strays(heap, cell) and something_left(heap, cell)


def test_what_hides_in_a_hole_counts_as_standing_there() -> None:
    hidden = see([])
    assert hidden.depth is not None
    depth = hidden.depth.copy()
    on = see([box(0.65, 0.25, (0.08, 0.08, 0.001))]).depth
    assert on is not None
    depth[depth - on > 1e-4] = np.nan
    spots = np.array(begun(replace(hidden, depth=depth)).standing)
    assert np.linalg.norm(spots - (0.65, 0.25), axis=1).min() < 0.01
    assert decided([box(0.65, 0.25, (0.04, 0.05, 0.03))], begun(replace(hidden, depth=depth))).status == "nothing_left"


def test_a_map_around_a_stray_reaches_over_it_and_no_unknown_edge() -> None:
    wide = height_map(see([box(0.42, 0.05, SIZE)]), T_CAMERA, fetching(CELL))
    (stray,) = strays(wide, CELL)
    part = around(wide, stray, CELL)
    assert part.covers([[0.42, 0.05], CELL.workspace.centre]).all()
    assert not np.isnan(part.z).all(axis=0)[[0, -1]].any()
    assert not np.isnan(part.z).all(axis=1)[[0, -1]].any()
    assert part.at([0.42, 0.05]) == wide.at([0.42, 0.05])
    assert standing_spots(wide, CELL)
    fits = stray_fits(stray, see([box(0.42, 0.05, SIZE)]), part, T_CAMERA, fetching(CELL), Memory())
    assert isinstance(fits[0], Fit)
    assert [isinstance(fit, Rejected) for fit in fits] == sorted(isinstance(fit, Rejected) for fit in fits)


def test_beside_the_workspace_nothing_is_felt_for() -> None:
    shown = see([box(0.42, 0.05, SIZE)])
    wide = height_map(shown, T_CAMERA, fetching(CELL))
    (stray,) = strays(wide, CELL)
    part = around(wide, stray, CELL)
    z, (row, column) = part.z.copy(), part.cells([0.42 + SIZE[0] / 2 + 0.012, 0.05])
    z[row - 22 : row + 23, column - 2 : column + 3] = np.nan  # under a finger of every grasp across it
    hole, feels = replace(part, z=z), replace(fetching(CELL), limits=CELL.limits)
    for cell, felt in ((fetching(CELL), False), (feels, True)):
        fits = stray_fits(stray, shown, hole, T_CAMERA, cell, Memory())
        assert any(isinstance(fit, Fit) and fit.felt for fit in fits) is felt


def test_the_basis_of_a_decision_tells_what_stood_there() -> None:
    of = (HOME, T_CAMERA)
    assert DecisionBasis(*of, standing=((0.65, 0.25),)).to_dict()["standing"] == [[0.65, 0.25]]
    assert "standing" not in DecisionBasis(*of).to_dict()


def test_what_can_be_fetched_has_not_fallen_in_the_simulation() -> None:
    model = make_object("box", 3)
    low = float(model.vertices[:, 2].min())
    poses = np.array([transform(np.eye(3), (x, 0.0, -low)) for x in (0.65, 0.65 + EDGE + 0.1)])
    high = transform(np.diag([1.0, -1.0, -1.0]), (0.65, 0.0, 0.15))  # closes above it all
    for border, fallen in ((0.18, ()), (0.0, (1,))):
        hand = hand_of(replace(CELL, fetch_border=border), Heap((model, model), poses))
        assert hand.pick(high, 0.08).fallen == fallen
