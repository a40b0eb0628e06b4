"""Speed and memory, beside a floor and any other agent: `make bench`."""
