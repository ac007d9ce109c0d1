"""A request without a framework: middleware, context, handlers and the fast path."""
