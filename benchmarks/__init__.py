"""Whole-service measurements: `python -m benchmarks NAME`, each figure beside its yardstick.

A yardstick is a program that others know, doing what it does best on the same files or bytes, in
the same run, on the same machine: the ratio can be compared between machines, seconds cannot.

Everything is asked from outside: processes are started, files dropped, sockets read. Only `passes`
calls feedsvc, because a pass cannot be seen from outside.
"""
