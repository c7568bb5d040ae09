"""One suite for each port, for its fake and its adapter alike. It is a package, so that one embedded AWS serves it."""
