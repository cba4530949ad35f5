"""A lifecycle node with its settings as parameters, of which some change while it runs, and with qos_overrides."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from rclpy.lifecycle import LifecycleNode

from gpnet_ros.cell import Cell
from gpnet_ros.nodes.parameters import params
from gpnet_ros.nodes.parameters.declared import NodeSettings
from gpnet_ros.nodes.parameters.live import LiveParameters
from gpnet_ros.nodes.parameters.qos_overrides import overridden, require_valid

_S = TypeVar("_S", bound=NodeSettings)


class SettingsNode(LifecycleNode, Generic[_S]):
    """Its settings are parameters; a node says when they may change, and takes what has changed.

    Attributes:
        settings: those in force.
    """

    #: Nodes that are asked before a shared parameter changes, and the one whose values are followed.
    shares_with: tuple[str, ...] = ()
    follows = ""
    _takes_overrides = False  # rclpy's own topics, which its constructor makes, stay as they are

    def __init__(self, name: str, settings: type[_S]) -> None:
        super().__init__(name)
        self.settings: _S = params.declare(self, settings)
        self._live = LiveParameters(self)
        require_valid(self)
        self._takes_overrides = True

    def require(self, settings: _S) -> None:
        """Refuse values of parameters that do not fit together.

        Raises:
            SettingsError: which, and what is allowed.
        """

    def hold(self, names: set[str]) -> str:
        """Let parameters of these names change until `let_go`; why that cannot be now, or empty."""
        return ""

    def let_go(self) -> None:
        """A change of parameters has ended; harmless when nothing was held."""

    def apply(self, names: set[str]) -> None:
        """Work with `settings`, of which these names are others than before."""

    def cell(self) -> Cell:
        """The cell of the node's file, with what its parameters say of it; those that nobody gave follow the file.

        Raises:
            SettingsError: the file cannot be read, or does not fit the parameters.
        """
        return self._live.cell()

    def create_publisher(self, msg_type: Any, topic: str, qos_profile: Any, **more: Any) -> Any:
        """As of rclpy; parameters `qos_overrides` may change the quality of service."""
        if self._takes_overrides:
            qos_profile, more["qos_overriding_options"] = overridden(self, "publisher", topic, qos_profile)
        return super().create_publisher(msg_type, topic, qos_profile, **more)

    def create_subscription(self, msg_type: Any, topic: str, callback: Any, qos_profile: Any, **more: Any) -> Any:
        """As of rclpy; parameters `qos_overrides` may change the quality of service."""
        if self._takes_overrides:
            qos_profile, more["qos_overriding_options"] = overridden(self, "subscription", topic, qos_profile)
        return super().create_subscription(msg_type, topic, callback, qos_profile, **more)
