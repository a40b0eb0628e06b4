"""What a window stands on: directories, limits, walls, and what it takes of the machine."""
