"""Starting a run and following it to its end, on AWS or on this machine; and finding one that was started before."""
