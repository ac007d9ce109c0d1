"""Daylight: the shortest way from a trained model to a production endpoint.

Importing this package imports nothing else, so that a gunicorn master, the
command line and a notebook each pay only for the rooms they enter.
"""
