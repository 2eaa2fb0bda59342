"""Benchmarks of the accounting database: much at once, beside what a person would write by hand."""
