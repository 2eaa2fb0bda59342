"""Side-by-side benchmarks: srctl against what a person would use instead."""
