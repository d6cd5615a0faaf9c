"""Foobar & Co., makers of lamps: a small shop window that shows every part of the stack at work."""

__version__ = "1.0.0"
