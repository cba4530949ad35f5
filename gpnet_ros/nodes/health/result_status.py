"""Results and decisions as a status with its values, beside the JSON: level, one sentence, everything. No ROS here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gpnet_ros.nodes.health.parts import Health, Level
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.record import PickRecord, decision_values

#: How a turn may end that is as it should be; and without need of a person, though nothing was picked.
_WELL = ("picked", "done", "dry_run", "nothing_left")
_GOES_ON = ("missed", "slipped", "collision", "cancelled", "nothing_graspable", "not_seen", "no_frame", "timeout")


def result_level(status: str, is_halted: bool) -> Level:
    """OK, WARN, or ERROR where a person has to look, for the status of a turn."""
    if is_halted or status not in (*_WELL, *_GOES_ON):
        return Level.ERROR
    return Level.OK if status in _WELL else Level.WARN


def result_health(record: PickRecord) -> Health:
    """The result of one turn of the loop; its values are the whole record."""
    turn = record.turn
    level = result_level(turn.status, bool(turn.halt))
    message = f"{turn.status}: {turn.message}" if turn.message else turn.status
    return Health("result", level, message, flat(record.to_dict()))


def decision_health(decision: Decision, sight: Sight) -> Health:
    """One decision: what was chosen, and how many candidates lost for which reason."""
    lost = Counter(rejected.reason for rejected in decision.rejected)
    values = {
        "stamp": sight.frame.stamp, "status": decision.status, "candidates_rejected": len(decision.rejected),
        **{f"rejected_{reason}": count for reason, count in sorted(lost.items())}, **decision_values(decision),
    }  # fmt: skip
    if decision.status == "grasp":  # of a jaw or of a cup
        return Health("decision", Level.OK, decision.status, flat(values))
    level = Level.OK if decision.status == "nothing_left" else Level.WARN
    return Health("decision", level, f"{decision.status}: {decision.unseen_sentence}".rstrip(": "), flat(values))


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested values by names with dots; text stays text, everything else is JSON."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{name}.")
        else:
            found[before + name] = value if isinstance(value, str) else json.dumps(value)
    return found
