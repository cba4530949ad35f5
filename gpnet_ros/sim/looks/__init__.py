"""What things, tables and bins look like: surfaces, prints, light, and the camera that develops the picture."""
