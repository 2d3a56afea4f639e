"""A small GitHub on loopback: to try craftkit without an account, and for the tests.

`server.serve` starts it.  What is known is one immutable `World`; a write makes another one, so a
refused write leaves no trace and an old world can still be read (a list that lags behind).
"""
