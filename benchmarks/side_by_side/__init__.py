"""Ours, the floor and peers on one emulated Batch, in turn, in real time.

The emulated AWS runs in a process of its own (`host`), so that no driver pays for it; so does every driver. Every job
is the same process, `sleep`, whoever submits it: what is compared is who submits what, when, and at what cost.
"""
