"""Versions change while requests are answered: the rollout, and the registry that the workers share."""
