"""What `gpnet train` needs beside the training itself: recipes, judge, log, profile."""
