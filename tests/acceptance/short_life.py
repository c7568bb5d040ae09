"""Ends a function's process after so many seconds, whatever it is doing; put on its path as `sitecustomize`."""

import os
import signal

# The kernel's timer, whose signal kills: it works even on a machine too busy to run any other process.
signal.setitimer(signal.ITIMER_REAL, float(os.environ["LONGEST_LIFE_SECONDS"]))
