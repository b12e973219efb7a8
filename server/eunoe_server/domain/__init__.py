"""Plain frozen dataclasses and pure rules: no I/O, and nothing of ours imported from above."""
