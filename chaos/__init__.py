"""A fleet under every fault at once: seeded, bounded, and counted, so that "it survives" is a figure and no hope."""
