"""A page on this machine: the runs, the live report of one, and the buttons that cancel and resume it.

It listens on the loopback interface alone, and answers only whoever has the key that the command printed: the first
address carries it, a cookie stands for it. Whatever changes something must also come from a form of this page.

The command line of a browser can be read by all users of the machine. So a browser that the command opens is given a
file which only its user can read; it leads to the page by a key that works once.
"""
