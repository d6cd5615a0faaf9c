"""A library beside its application."""

WORDS = "in common"
