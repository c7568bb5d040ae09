"""The options, arguments and help of each command. This needs only click.

The code of a command is in the module of the same name one folder up, imported when the command is called.
"""
