"""How the processes run. Daylight's own settings are environment variables: docs/settings.md lists them.

    gunicorn --config gunicorn.conf.py          # http://127.0.0.1:1200
    BIND=unix:/run/daylight/gunicorn.sock WORKERS=4 gunicorn --config gunicorn.conf.py

The values, and the reason for each, are in service/server/config.py; `daylight serve` uses the same. Change a value
here for this deployment; another deployment is another file, not an `if`.
"""

from types import SimpleNamespace

from service.server.config import gunicorn_settings

configured = SimpleNamespace(**gunicorn_settings())

wsgi_app = "wsgi:app"
bind = configured.bind  # HOST and PORT, or BIND
umask = configured.umask  # of a unix socket
backlog = configured.backlog  # connections that wait behind busy workers

workers = configured.workers  # WORKERS
worker_class = configured.worker_class  # WORKER_CLASS, or what suits the models; chosen anew on SIGHUP
threads = configured.threads  # THREADS, of each worker
worker_connections = configured.worker_connections  # DAYLIGHT_MAX_CONNECTIONS, of each worker
max_requests = configured.max_requests  # MAX_REQUESTS, then a worker is replaced
max_requests_jitter = configured.max_requests_jitter
preload_app = configured.preload_app  # models are loaded in each worker, after the fork
worker_tmp_dir = configured.worker_tmp_dir
raw_env = configured.raw_env

timeout = configured.timeout  # seconds: a heartbeat, and one table prediction
graceful_timeout = configured.graceful_timeout  # seconds: running requests after TERM
keepalive = configured.keepalive  # seconds: an idle connection

http_parser = configured.http_parser
limit_request_fields = configured.limit_request_fields  # DAYLIGHT_MAX_HEADERS
limit_request_field_size = configured.limit_request_field_size  # DAYLIGHT_MAX_HEADER_BYTES
limit_request_line = configured.limit_request_line  # bytes
secure_scheme_headers = configured.secure_scheme_headers
forwarder_headers = configured.forwarder_headers
logger_class = configured.logger_class  # DAYLIGHT_LOG_FORMAT
control_socket_disable = configured.control_socket_disable

on_starting = configured.on_starting  # check the store
when_ready = configured.when_ready  # make the run folder
on_reload = configured.on_reload  # SIGHUP: new workers first
on_exit = configured.on_exit
pre_exec = configured.pre_exec  # SIGUSR2
pre_fork = configured.pre_fork
post_fork = configured.post_fork
post_worker_init = configured.post_worker_init  # refuse to start without models, join the rollout
worker_exit = configured.worker_exit
child_exit = configured.child_exit
