"""Counts the words of a few thousand texts, on twenty machines."""
