"""A stand-in for nuclio's processor: real worker processes behind an HTTP server that keeps nuclio's rules.

Measured on nuclio 1.14: a body over the limit is 400; no free worker in time is 503; a handler past the
event's time-out is 408, its worker is killed and started anew; a handler that raises is 500 with the
traceback; a worker that dies takes its request (500) and then the whole processor along.
"""

import base64
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Client, Listener
from pathlib import Path

import psutil
from nuclio_worker import packet_of

WORKER = Path(__file__).with_name("nuclio_worker.py")


class Worker:
    """One worker process and the line to it."""

    def __init__(self, folder, environment, log, python):
        self._command, self._environment, self._log = (
            [str(python), str(WORKER), str(folder)],
            environment,
            log,
        )
        self.start()

    def start(self):
        with Listener(None) as listener:  # a socket or a pipe in a temporary folder, whatever the system has
            environment = {
                **os.environ,
                "OMP_NUM_THREADS": "1",
                **self._environment,
                "NUCLIO_ADDRESS": listener.address,
            }
            self.process = subprocess.Popen(
                self._command, env=environment, stderr=self._log, stdout=self._log
            )
            threading.Thread(
                target=self._give_up_waiting, args=(self.process, listener.address), daemon=True
            ).start()
            self.connection = listener.accept()
        if not self.connection.poll(120) or self.connection.recv_bytes() != b"ready":
            raise RuntimeError("the worker did not become ready")

    @staticmethod
    def _give_up_waiting(process, address):
        """Unblock `accept` when the process ends before it has connected (its import failed)."""
        process.wait()
        with contextlib.suppress(OSError):
            Client(address).close()

    def ask(self, packet, timeout):
        """The response packet; raises EOFError where the worker died, TimeoutError past the time-out."""
        try:
            body = packet.pop("body")
            self.connection.send_bytes(json.dumps(packet).encode())
            self.connection.send_bytes(body)
            if not self.connection.poll(timeout):
                raise TimeoutError
            return json.loads(self.connection.recv_bytes())
        except (OSError, EOFError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise EOFError("the worker died") from error

    def restart(self):
        self.kill()
        self.start()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.connection.close()


class NuclioServer:
    """Run a function's folder in processes of its own; `url` answers until `close`, or a worker dies."""

    def __init__(
        self,
        folder,
        environment=None,
        workers=1,
        max_body=4 << 20,
        event_timeout=30.0,
        wait=10.0,
        python=None,
    ):
        self.max_body, self.event_timeout, self.wait = max_body, event_timeout, wait
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object
        with ThreadPoolExecutor(workers) as pool:
            started = [
                pool.submit(Worker, folder, environment or {}, self._log, python or sys.executable)
                for _ in range(workers)
            ]
        self.workers = [worker.result() for worker in started]
        self._free = queue.LifoQueue()
        for worker in self.workers:
            self._free.put(worker)
        self.alive, self.served = True, []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def log(self):
        """What the workers wrote to their log, as text."""
        position = self._log.tell()
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        self._log.seek(position)
        return text

    def answer(self, content_type, headers, body):
        """Status, headers, content type and body, by nuclio's rules."""
        if len(body) > self.max_body:
            return 400, {}, "text/plain", b"body size exceeds the given limit"
        try:
            worker = self._free.get(timeout=self.wait)
        except queue.Empty:
            return 503, {}, "text/plain", b""
        packet = packet_of(content_type, headers, body)
        try:
            response = worker.ask(packet, self.event_timeout)
        except TimeoutError:
            worker.restart()
            self._free.put(worker)
            return 408, {}, "text/plain", b""
        except EOFError:
            self._die()
            return 500, {}, "text/plain", b"EOF"
        self.served.append((worker.process.pid, response["status_code"]))
        self._free.put(worker)
        content = response["body"]
        content = base64.b64decode(content) if response["body_encoding"] == "base64" else content.encode()
        return response["status_code"], response["headers"], response["content_type"], content

    def processes(self):
        return [worker.process.pid for worker in self.workers]

    def cpu_seconds(self):
        """What the workers have computed so far, whatever else the machine does."""
        times = [psutil.Process(process).cpu_times() for process in self.processes()]
        return sum(time.user + time.system for time in times)

    def take(self):
        """Keep a worker busy, until `give`."""
        return self._free.get(timeout=self.wait)

    def give(self, worker):
        self._free.put(worker)

    def restart_workers(self):
        """End every worker and start new ones, as a restart of the container does."""
        with ThreadPoolExecutor(len(self.workers)) as pool:
            list(pool.map(Worker.restart, self.workers))

    def _die(self):
        self.alive = False
        threading.Thread(target=self.close, daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        for worker in self.workers:
            worker.kill()


def _handler_of(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content_type, content = server.answer(
                self.headers.get("Content-Type", ""), dict(self.headers), body
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, str(value))
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    return Handler
