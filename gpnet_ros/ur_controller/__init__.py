"""A simulated Universal Robots controller: real protocols, interpreted programs, faults on demand. Not URSim."""
