"""Fast GraspNeXt (Wong et al. 2023, "Fast GraspNeXt: a fast self-attention neural network architecture for multi-task
learning in computer vision tasks for robotic grasping on the edge"): one RGB image in, six outputs.

No code or weights of it are public; this is a reconstruction. `architecture` names its sizes, `blocks` and `trunk` its
layers, `heads` its tasks, `network` puts them together, `losses` says what is learned, `cost` counts.
"""
