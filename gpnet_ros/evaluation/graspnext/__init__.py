"""How good a multi-task network is on its six tasks, with intervals by scene."""
