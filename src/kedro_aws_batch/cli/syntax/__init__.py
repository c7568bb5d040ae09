"""What is typed: the options, arguments and help of each command, for which click alone is imported.

What a command does stands in the module of the same name one folder up, and is imported when it is called.
"""
