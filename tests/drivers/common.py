"""What the Python drivers share: eight workers, a transcript each, and the statements every driver checks state with.

Rules that keep a pool of two from waiting for itself: at a barrier, and when a worker waits for `alone`, it holds no
connection (no transaction, temporary table, LISTEN, advisory lock, held cursor). Whoever needs two connections
at once takes `alone` first.
"""
import asyncio
import contextlib
import os
import sys
import threading
import traceback

WORKERS = int(os.environ.get("WORKERS", "8"))
ZONES = ["Asia/Tokyo", "America/New_York", "Europe/Paris", "Australia/Sydney", "UTC", "Asia/Kolkata", "America/Lima", "Africa/Cairo"]

# On the analytic side through Tidegate; an ordinary table directly.
ORDERS = "SELECT count(*), sum(qty) FROM orders"

# app.user_id is '' rather than NULL where any session of the connection ever had it: that no pool can take back.
STATE = """SELECT current_setting('search_path'), current_setting('TimeZone'), current_setting('application_name'),
    nullif(current_setting('app.user_id', true), ''), current_user::text, current_setting('statement_timeout'),
    '2024-06-01 12:00+00'::timestamptz::text"""


def schema(n):
    """A schema for each worker with a table `who`, of the same name everywhere and of two shapes."""
    shape = f"SELECT {n} AS n" if n % 2 else f"SELECT 'w{n}' AS name, {n}.5 AS n"
    return [f"CREATE SCHEMA w{n}", f"GRANT USAGE ON SCHEMA w{n} TO PUBLIC", f"CREATE TABLE w{n}.who AS {shape}", f"GRANT ALL ON w{n}.who TO PUBLIC"]


def settings(n):
    return [
        f"SET search_path TO w{n}, public",
        f"SET TIME ZONE '{ZONES[n % 8]}'",
        f"SET application_name = 'worker {n}'",
        f"SELECT set_config('app.user_id', '{n}', false)",
        f"SET statement_timeout = '{40 + n}s'",
        f"SET ROLE w{n}",
    ]


def sqlstate(error):
    while error is not None:
        for name in ("pgcode", "sqlstate"):
            if getattr(error, name, None):
                return getattr(error, name)
        error = getattr(error, "orig", None) or error.__cause__
    return None


class Worker:
    def __init__(self, n):
        self.n = n
        self.lines = []
        self.done = self.broken = False

    def say(self, step, *values):
        self.lines.append(f"{step}: " + " | ".join(str(value) for value in values))

    @contextlib.contextmanager
    def fails(self, step):
        """Notes the error that the block raises, or that it raises none."""
        try:
            yield
        except Exception as error:
            state = sqlstate(error)
            if state is None and isinstance(error, (AttributeError, TypeError, NameError)):
                raise  # a mistake of the script
            text = str(error).splitlines()[0] if str(error) else ""
            self.say(step, f"{type(error).__name__} {state} {text}")
        else:
            self.say(step, "no error")


def report(workers):
    broken = False
    for worker in workers:
        if not worker.done:
            worker.broken = True
            worker.say("BROKEN", "it hangs after this")
    for worker in workers:
        print(f"== worker {worker.n}")
        for line in worker.lines:
            print(line)
        broken |= worker.broken
    sys.stdout.flush()
    os._exit(1 if broken else 0)  # a driver's thread that hangs must not hold the run up


def watch(workers):
    timer = threading.Timer(float(os.environ.get("HANGS", "60")), report, (workers,))
    timer.daemon = True
    timer.start()


alone = threading.Lock()
barrier = threading.Barrier(WORKERS, timeout=60)


def run(body):
    """body(worker) in eight threads."""
    workers = [Worker(n) for n in range(WORKERS)]

    def one(worker):
        try:
            body(worker)
        except BaseException:
            worker.broken = True
            worker.say("BROKEN", traceback.format_exc())
            barrier.abort()
        worker.done = True

    threads = [threading.Thread(target=one, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    watch(workers)
    for thread in threads:
        thread.join()
    report(workers)


def run_async(body):
    """body(worker, barrier, alone) in eight tasks."""

    async def main():
        workers = [Worker(n) for n in range(WORKERS)]
        meet, lock = asyncio.Barrier(WORKERS), asyncio.Lock()

        async def one(worker):
            try:
                await body(worker, meet, lock)
            except BaseException:
                worker.broken = True
                worker.say("BROKEN", traceback.format_exc())
                await meet.abort()
            worker.done = True

        watch(workers)
        await asyncio.gather(*(one(worker) for worker in workers))
        report(workers)

    asyncio.run(main())
