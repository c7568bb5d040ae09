"""Starting runs and following them to their end, on AWS or on this machine, and finding earlier ones."""
