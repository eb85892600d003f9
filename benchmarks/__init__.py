"""Whole-service measurements: `python -m benchmarks NAME`, each figure beside its yardstick.

A yardstick is a well-known program that does its best on the same files or bytes, in the same run,
on the same machine: the ratio can be compared between machines, seconds cannot.

The benchmarks start processes, drop files and read sockets. Only `passes` calls feedsvc, because
nobody can see a pass from outside.
"""
