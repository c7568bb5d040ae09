"""The service's tree, as the wheel carries it; in a checkout it lies at the root, and here is a link to `dag` alone.

`dag` is the vocabulary that the plugin and the service share, and the only part of the service that the plugin imports.
"""
