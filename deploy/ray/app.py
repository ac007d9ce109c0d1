"""Daylight as a deployment of Ray Serve: the server's routes and bodies, from replicas that Ray starts and stops.

    cd deploy/ray && DAYLIGHT_STORE=/mnt/models serve run app:app       (docs/ray.md)

Each replica is the server's application in one process, with threads. It has the models that were current when it
started.
"""

from a2wsgi import WSGIMiddleware
from daylight.app import create_app
from daylight.settings import Settings
from ray import serve


def application() -> WSGIMiddleware:
    """What a replica runs; called in it. Raises what keeps it from serving, which `serve status` then tells."""
    settings = Settings.from_environ()
    flask = create_app(settings)
    if failure := flask.extensions["daylight"].predictor.failure:
        raise failure
    return WSGIMiddleware(without_id(flask), workers=settings.threads)


def without_id(flask):
    """The application without X-Request-Id in its answers: Serve, which makes the id, adds it once more."""

    def answer(environ, start_response):
        def start(status, headers, *more):
            return start_response(status, [pair for pair in headers if pair[0].lower() != "x-request-id"], *more)

        return flask(environ, start)

    return answer


@serve.deployment(
    autoscaling_config={"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 4},
    max_ongoing_requests=100,  # the application queues and refuses by its own settings
    ray_actor_options={"num_cpus": 1},
)
@serve.ingress(application)
class Daylight:
    """One replica."""


app = Daylight.bind()
