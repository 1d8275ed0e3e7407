"""Side-by-side timings of minidl against what its users would pick instead: ``make bench``."""
