"""One suite for each port, which its fake and its adapter pass alike; a package, so that one embedded AWS serves it."""
