"""What goes wrong in production, made to go wrong on purpose: `make test-faults`. Minutes; loopback alone."""
