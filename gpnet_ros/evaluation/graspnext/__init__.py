"""How good a multi-task network is: average precision, occlusion, centres of mass, suction."""
