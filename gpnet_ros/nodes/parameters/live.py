"""Parameters that change while a node runs: judged as a whole, shared with the other node or refused by both.

A set is all or nothing. What the planner and the node that makes its maps share is asked of the other node first, by
its hidden service `~/_set_shared`; if that refuses or does not answer, nothing changes in either. Where the other node
is not there the value is taken alone, and the node that makes maps follows the planner as soon as it is. No callback
waits: the answer to a set is a coroutine, so that a `~/stop` that comes meanwhile is answered.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.parameter import Parameter
from rclpy.task import Future

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.parameters import params
from gpnet_ros.nodes.parameters.declared import cell_parameters, shared_names, with_parameters
from gpnet_ros.nodes.parameters.declaring import QOS_READ_ONLY

#: Longest wait for the other node's answer [s], and how often that and its values are looked at [s].
PATIENCE, _TICK = 5.0, 0.5
_BUSY = "parameters are being changed already; try again."


class LiveParameters:
    """Answers every set of a node's parameters.

    The node says by `hold` and `let_go` when they may change, by `require` which values fit together, and takes new
    ones by `apply`; `follows` is the node whose shared values it takes, `shares_with` those that it asks.
    """

    def __init__(self, node: Any) -> None:
        """Take over the node's services; its settings are declared already."""
        self._node = node
        self._is_changing = self._is_granted = False
        self._turns = 0  # sets so far, to know an answer that is older than the last
        self._asked: dict[Future[Any], tuple[Any, float]] = {}
        self.given = {name for name in cell_parameters(type(node.settings)) if name in node._parameter_overrides}
        group = ReentrantCallbackGroup()  # an answer that is waited for must not hold up another callback
        for service in node.services:
            answer = {SetParameters: self._set, SetParametersAtomically: self._set_atomically}.get(service.srv_type)
            if answer is not None:
                service.callback, service.callback_group = answer, group
                group.add_entity(service)
        node.add_on_set_parameters_callback(self._refuse_others)
        self._peers: dict[str, Any] = {}
        self._leader: Any = None
        if shared_names(type(node.settings)):
            node.create_service(SetParametersAtomically, "~/_set_shared", self._set_by_peer)
            for peer in node.shares_with:
                name = f"{peer}/_set_shared"
                self._peers[peer] = node.create_client(SetParametersAtomically, name, callback_group=group)
            if node.follows:
                self._leader = node.create_client(GetParameters, f"{node.follows}/get_parameters", callback_group=group)
            node.create_timer(_TICK, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # --- the services ---------------------------------------------------------------------------------------------
    async def _set(self, request: Any, response: Any) -> Any:
        """Each parameter for itself, as `ros2 param set` and `ros2 param load` do."""
        for message in request.parameters:
            response.results.append(_result(await self._change([Parameter.from_parameter_msg(message)])))
        return response

    async def _set_atomically(self, request: Any, response: Any) -> Any:
        """All of them or none."""
        response.result = _result(await self._change([Parameter.from_parameter_msg(m) for m in request.parameters]))
        return response

    def _set_by_peer(self, request: Any, response: Any) -> Any:
        """The other node's set of what is shared; it asks nobody else, so that two that ask each other both end.

        Without any parameter: whether the values that this node shows are to last.
        """
        known = shared_names(type(self._node.settings))  # oracle_node has fewer than the planner
        wanted = [Parameter.from_parameter_msg(m) for m in request.parameters if m.name in known]
        busy = f"{self._node.get_name()}: {_BUSY}" if self._is_changing else ""
        response.result = _result(self.set_here(wanted) if wanted else busy)
        return response

    # --- a change -------------------------------------------------------------------------------------------------
    async def _change(self, wanted: list[Parameter]) -> str:
        """Why nothing has changed, in one sentence; empty when all has."""
        if self._is_changing:
            return f"{self._node.get_name()}: {_BUSY}"
        self._is_changing = True
        try:
            new, names, refusal = self._judge(wanted)
            if refusal:
                return refusal
            try:
                refusal = await self._ask_peers(names & shared_names(type(new)), new)
                if refusal:
                    return refusal
                refusal = self._commit(wanted, new, names)
                if refusal:
                    await self._ask_peers(names & shared_names(type(new)), self._node.settings)  # as it was
                return refusal
            finally:
                self._node.let_go()
        finally:
            self._is_changing = False

    def set_here(self, wanted: list[Parameter]) -> str:
        """Set without asking another node; why nothing has changed, in one sentence, or empty."""
        if self._is_changing:
            return f"{self._node.get_name()}: {_BUSY}"
        new, names, refusal = self._judge(wanted)
        if refusal:
            return refusal
        try:
            return self._commit(wanted, new, names)
        finally:
            self._node.let_go()

    def _judge(self, wanted: list[Parameter]) -> tuple[Any, set[str], str]:
        """The new settings and which of them are others than now, if the node may take them: then it is held."""
        node, settings = self._node, self._node.settings
        unknown = [p.name for p in wanted if not node.has_parameter(p.name)]
        if unknown:
            return settings, set(), f"{', '.join(unknown)} is no parameter of {node.get_name()}; see ros2 param list."
        made = [p.name for p in wanted if p.name.startswith("qos_overrides.")]
        if made:
            return settings, set(), f"{', '.join(made)} is read-only, {QOS_READ_ONLY}"
        try:
            new = params.changed(settings, [p for p in wanted if hasattr(settings, p.name)])
            node.require(new)
        except SettingsError as error:
            return settings, set(), str(error)
        names = {p.name for p in wanted if hasattr(settings, p.name) and params.differs(settings, p)}
        reason = node.hold(names)
        return new, names, f"{', '.join(sorted(names))} cannot change now: {reason}" if reason else ""

    def _commit(self, wanted: list[Parameter], new: Any, names: set[str]) -> str:
        """Take what was judged; why ROS does not, or empty."""
        self._is_granted = True
        try:
            result = self._node.set_parameters_atomically(wanted)
        except ParameterNotDeclaredException as error:
            return str(error)
        finally:
            self._is_granted = False
        if result.successful and names:
            self._turns += 1
            self.given |= names & cell_parameters(type(new)).keys()
            self._node.settings = new
            self._node.apply(names)
        return "" if result.successful else str(result.reason)

    def _refuse_others(self, wanted: Iterable[Parameter]) -> SetParametersResult:
        """Within the process, too, nothing changes that was not judged here."""
        own = [p.name for p in wanted if hasattr(self._node.settings, p.name)]
        return _result(f"{', '.join(own)}: set it by ros2 param set." if own and not self._is_granted else "")

    def cell(self) -> Cell:
        """As of `ManagedNode.cell`; not in mid-change, whose plans are held back by the loop of before."""
        if self._is_changing:
            raise SettingsError(f"{self._node.get_name()}: {_BUSY}")
        settings = self._node.settings
        cell = load_cell(getattr(settings, "cell_file", "") or None)
        places = cell_parameters(type(settings))
        of_file = {
            name: getattr(getattr(cell, part), inner)
            for name, (part, inner) in places.items()
            if name not in self.given
        }
        new = dataclasses.replace(settings, **of_file)
        self._node.require(new)
        self._is_granted = True
        self._node.set_parameters([params.to_parameter(name, value) for name, value in of_file.items()])
        self._is_granted, self._node.settings = False, new
        return with_parameters(cell, new)

    # --- the other node ---------------------------------------------------------------------------------------------
    async def _ask_peers(self, names: set[str], settings: Any) -> str:
        """Have those of the others that are there take shared values; if one refuses, all take back what they had."""
        values, took = [params.to_parameter(name, getattr(settings, name)) for name in sorted(names)], []
        if not values:
            return ""
        before = [params.to_parameter(name, getattr(self._node.settings, name)) for name in sorted(names)]
        for peer in [name for name, client in self._peers.items() if client.service_is_ready()]:
            took.append(peer)
            refusal = await self._ask(peer, values)
            if refusal:
                for one in took:  # who did not answer in time may have taken it, too
                    await self._ask(one, before)
                return f"{peer} refuses what it shares: {refusal}"
        return ""

    async def _ask(self, peer: str, values: list[Parameter]) -> str:
        request = SetParametersAtomically.Request(parameters=[p.to_parameter_msg() for p in values])
        answer = await self._call(self._peers[peer], request)
        if answer is None:
            return f"it has not answered within {PATIENCE:g} s."
        return "" if answer.result.successful else str(answer.result.reason)

    async def _call(self, client: Any, request: Any) -> Any:
        """The answer, or None when none comes in time."""
        future = client.call_async(request)
        self._asked[future] = (client, time.monotonic() + PATIENCE)
        try:
            return await future
        finally:
            self._asked.pop(future, None)

    def _tick(self) -> None:
        for future, (client, end) in list(self._asked.items()):
            if time.monotonic() > end and not future.done():
                client.remove_pending_request(future)
                future.set_result(None)
        if self._leader is not None and not self._is_changing and not self._asked and self._leader.service_is_ready():
            # In mid-change it still shows what it had, and may just have asked for another value here.
            is_free, turns = SetParametersAtomically.Request(), self._turns
            self._then(self._peers[self._node.follows], is_free, lambda answer: self._follow(answer, turns))

    def _follow(self, is_free: Future[Any], turns: int) -> None:
        """Ask the leader for its values, if they are to last."""
        answer = is_free.result()
        if answer is not None and answer.result.successful:
            names = sorted(shared_names(type(self._node.settings)))
            self._then(self._leader, GetParameters.Request(names=names), self._follower(names, turns))

    def _then(self, client: Any, request: Any, take: Callable[[Future[Any]], None]) -> None:
        """Ask, and hand over the answer; its result is None when none comes in time."""
        future = client.call_async(request)
        self._asked[future] = (client, time.monotonic() + PATIENCE)

        def answered(answer: Future[Any]) -> None:
            self._asked.pop(answer, None)
            take(answer)

        future.add_done_callback(answered)

    def _follower(self, names: list[str], turns: int) -> Callable[[Future[Any]], None]:
        """Takes the leader's values, unless something was set since they were asked for."""

        def follow(answer: Future[Any]) -> None:
            found = answer.result()
            if found is None or len(found.values) != len(names) or turns != self._turns:
                return
            pairs = zip(names, found.values, strict=True)
            theirs = [Parameter.from_parameter_msg(ParameterMessage(name=n, value=v)) for n, v in pairs]
            other = [p for p in theirs if params.differs(self._node.settings, p)]
            refusal = self.set_here(other) if other else ""
            if other:
                told = ", ".join(f"{p.name} {p.value}" for p in other)
                how = f"cannot take it: {refusal}" if refusal else "has taken it."
                self._node.get_logger().warning(
                    f"{self._node.follows} has {told}; {self._node.get_name()} {how}", throttle_duration_sec=5.0
                )

        return follow


def _result(refusal: str) -> SetParametersResult:
    return SetParametersResult(successful=not refusal, reason=refusal)
