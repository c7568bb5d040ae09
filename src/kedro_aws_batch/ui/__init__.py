"""A page on this machine: the runs, a live report for each, and buttons to cancel and resume it.

It listens only on the loopback interface, and answers only requests with the key that the command printed: the first
address has it, then a cookie replaces it. Whatever changes something must also come from a form of this page.

All users of the machine can read a browser's command line. So the command opens a browser with a file that only its
user can read; the file leads to the page with a key that works once.
"""
