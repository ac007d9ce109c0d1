"""Which request may run now: admission, batching, cancellation."""
