"""A page on this machine: the runs, the live report of one, and the buttons that cancel and resume it.

It listens on the loopback interface alone, and answers only whoever has the key that the command printed: the first
address carries it, a cookie keeps it. Whatever changes something must also come from a form of this page.
"""
