"""How the processes run, and nothing else; the knobs are in service/settings.py.

    gunicorn --config gunicorn.conf.py          # http://127.0.0.1:1200
    BIND=unix:/run/daylight/gunicorn.sock WORKERS=4 gunicorn --config gunicorn.conf.py

The master runs this file, so nothing here may import numpy, scikit-learn or torch: their
thread pools do not survive a fork. Another deployment is another file, not an `if`.
"""

import os
import shutil
import signal
import sys
import tempfile
import time

from service.errors import StartupError, UnknownKind
from service.models import KINDS
from service.observability.metrics import merge_ended
from service.server.keepalive_worker import KeepAliveWorker, choose, slowness
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.server.rolling_reload import new_workers_first, worker_gone
from service.settings import PREFIX, Settings
from service.store.versions import Store
from service.web.access.exposure import check_exposure

try:
    settings = Settings.from_environ()
except StartupError as error:
    sys.exit(f"daylight refuses to start: {error}")  # a sentence, where an exception would be a traceback

wsgi_app = "wsgi:app"
bind = settings.bind or f"{settings.host}:{settings.port}"
umask = 0o007  # of the unix socket only: its peers are trusted, so only gunicorn's user and group may connect
backlog = 128  # whoever waits longer than this behind busy workers has given up already

workers = settings.workers
worker_class, why_this_class = choose(settings)  # told when the server starts
threads = settings.threads
# A thread that wants to say no, or that it is alive, asks for the interpreter about ten times, and would wait 5 ms each
# for every thread that computes in Python. The workers inherit this.
sys.setswitchinterval(0.0002)
preload_app = False  # each worker loads its models after the fork; before it, torch and OpenMP hang the children
# Files in memory where the system has them: a heartbeat on a slow disk makes a busy moment look like a dead worker.
memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
worker_tmp_dir = memory
run_folder = settings.run_folder or f"{memory}/daylight-{os.getuid()}-{os.getpid()}"  # the same after a HUP
# BLAS, OpenMP and torch would each start a thread a core in every worker. Read once, when numpy is imported.
raw_env = [f"{library}_NUM_THREADS={settings.compute_threads}" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")]
raw_env.append(f"{PREFIX}RUN_FOLDER={run_folder}")
worker_connections = settings.max_connections  # a worker takes what it can get: few enough that the others have some
max_requests = settings.max_requests  # 0 as it comes: nothing leaks that recycling would cure
max_requests_jitter = settings.max_requests // 10  # or all would load their models at the same moment

timeout = 120  # for a heartbeat, and for one prediction of a table; a worker has neither while it loads its models
graceful_timeout = 60  # TERM lets running requests finish, but waits no longer than this
keepalive = 75  # longer than nginx keeps its idle connections (60), or it would write into closed ones

http_parser = "python"  # "auto" takes the C one where it happens to be installed, and that one accepts bare LF
limit_request_fields = settings.max_headers
limit_request_field_size = settings.max_header_bytes
limit_request_line = 8190  # GET /predict?text=... carries the prompt in its first line
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}  # the one such header that deploy/nginx.conf overwrites
forwarder_headers = ""  # no proxy of ours renames SCRIPT_NAME or PATH_INFO, so nobody may
control_socket_disable = True  # it asks nobody for a password
CANNOT_BOOT, CANNOT_IMPORT = 190, 191  # what a worker ends with on which the whole server has to


def on_starting(server):
    """Check the whole store before the first fork: what cannot be served is refused here, in one line."""
    # gunicorn's own are 3 and 4, and any model may end its process with those.
    server.WORKER_BOOT_ERROR, server.APP_LOAD_ERROR = CANNOT_BOOT, CANNOT_IMPORT
    try:
        check_exposure(settings, server.cfg.address)
        store = Store(settings.store, only=settings.models)
        for version in map(store.open, store.check()):
            if version.manifest.kind not in KINDS:
                raise UnknownKind(f"{version} is of kind {version.manifest.kind!r}; there are {', '.join(KINDS)}")
            version.verify()
        server.log.info("worker class %s: %s", worker_class, why_this_class)
        make_run_folder()
    except (StartupError, OSError, ValueError) as error:  # an unreadable file, a folder that cannot be a model's
        server.log.error("daylight refuses to start: %s", error)
        sys.exit(CANNOT_BOOT)


def make_run_folder():
    """Empty, and nobody else's: what a killed master of the same number left goes, a stranger's folder is refused."""
    if settings.run_folder:
        os.makedirs(run_folder, mode=0o700, exist_ok=True)
    else:
        shutil.rmtree(run_folder, ignore_errors=True)
        os.mkdir(run_folder, mode=0o700)
    WorkerRegistry(run_folder, master=os.getpid()).wipe()  # in a container every master has the same number


def on_reload(server):
    """HUP: the new workers are ready before the old ones leave; where they do not get ready, the old ones stay."""
    new_workers_first(server, WorkerRegistry(run_folder, master=server.pid), seconds=settings.swap_seconds)


def pre_exec(server):
    """USR2: run anew as it was run. By its path, the module's own folder would hide the library's `http`."""
    python, program, *rest = server.START_CTX["args"]
    if os.path.basename(program) == "__main__.py":
        server.START_CTX["args"] = [python, "-m", "gunicorn", *rest]


def child_exit(server, worker):
    """A worker has ended, whatever way: the others count on it no more, and what it counted stays in the sums."""
    merge_ended(run_folder)
    worker_gone(worker.pid, WorkerRegistry(run_folder, master=server.pid))


def on_exit(server):
    """The master ends: what the workers shared goes, unless the operator named the folder."""
    WorkerRegistry(run_folder, master=server.pid).wipe()
    if not settings.run_folder:
        shutil.rmtree(run_folder, ignore_errors=True)


def post_worker_init(worker):
    """Models that do not load stop the server at its first start; later, a worker waits for better ones.

    gunicorn halts as a whole when a worker cannot boot. That is right for a first worker, and
    would be an outage for one that replaces a killed worker while its siblings answer well.
    One worker speaks for the first ones: gunicorn 27 trips over a second boot error while it halts.
    """
    services = worker.wsgi.extensions["daylight"]
    predictor, rollout = services.predictor, services.rollout
    if predictor.failure is not None and worker.age == 1:
        worker.log.error("daylight refuses to start: %s", predictor.failure)
        sys.exit(CANNOT_BOOT)
    rollout.grace, rollout.workers = worker.cfg.graceful_timeout, worker.cfg.workers
    if isinstance(worker, KeepAliveWorker) and not settings.worker_class:
        predictor.unfit = too_slow
    on_term(rollout.drain)
    end_with_what_hangs(worker, predictor.admission)
    rollout.start()
    # Where others answer, one that cannot takes no requests; where nobody can, all say why.
    while predictor.failure is not None and rollout.others_serve() and worker.alive:
        worker.notify()
        time.sleep(0.1)


def too_slow(stored):
    """Why a version cannot come into a running server whose worker class was chosen without it, or None."""
    why = slowness(stored)
    return why and f"{why}, and the workers that run serve quick ones alone: HUP to process {os.getppid()} changes them"


def end_with_what_hangs(worker, admission):
    """A thread that hangs cannot be ended, and the heart of gthread beats on beside it: so the worker ends itself.

    What else it was answering is lost with it; nginx and the client send that again.
    """
    beat = worker.notify

    def notify():
        name, seconds = admission.oldest()
        if 0 < worker.cfg.timeout < seconds:
            worker.log.critical("a prediction of %s has not ended in %.0f s, so this worker does", name, seconds)
            os.kill(os.getpid(), signal.SIGKILL)  # anything gentler waits for the thread
        beat()

    worker.notify = notify


def on_term(call):
    """gunicorn has no hook for the beginning of a worker's end."""
    before = signal.getsignal(signal.SIGTERM)

    def handle(number, frame):
        call()
        before(number, frame)

    signal.signal(signal.SIGTERM, handle)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it: running requests are not interrupted


def worker_exit(server, worker):
    """A worker ends in order."""
    if worker.booted:
        worker.wsgi.extensions["daylight"].rollout.leave()
