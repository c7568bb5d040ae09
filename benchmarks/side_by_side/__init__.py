"""Ours, the floor and other tools on one emulated Batch, in turn, in real time.

The emulated AWS runs in a process of its own (`host`), so that no driver pays for it, and so does every driver. Every
job is the same process, `sleep`. The drivers differ only in what they submit, when, and at what cost.
"""
