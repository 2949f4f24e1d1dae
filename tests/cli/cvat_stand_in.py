"""A stand-in for the few REST endpoints of a CVAT server that `gcvos cvat` uses.

What it answers and takes is checked with cvat-sdk's own models, and a test can make it fail in the ways of networks.
"""

import io
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cvat_sdk import models
from PIL import Image

TOKEN = "a-secret-token"
PASSWORD = "a-secret-password"
WHEN = "2026-01-01T00:00:00Z"


class CvatStandIn:
    """One task (id 7) with one job (id 3) over a part of it.

    Args:
        images: frame number to uint8 RGB (H, W, 3).
        labels: as CVAT has them: {"id", "name", "type", "attributes"}.
        shapes: annotations that are there, as `LabeledShape` has them; they get ids.
        job: the job's first and last frame.
        deleted: deleted frames.
    """

    def __init__(self, images, labels, shapes, job=None, deleted=(), included=None):
        self.images, self.labels, self.deleted, self.included = images, labels, list(deleted), included
        self.job = job or (0, len(images) - 1)
        self.next_id = 100
        self.annotations = {"version": 0, "tags": [], "shapes": [], "tracks": []}
        self.store("shapes", shapes)
        self.faults = []  # (method, pattern of the path, what: "before", "after" or a status); each happens once
        self.asked = []
        self.lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def store(self, kind, items):
        """Put annotations in as the server does: with ids and its defaults, and all or nothing."""
        defaults = {"group": 0, "source": "manual", "attributes": []}
        if kind == "shapes":
            defaults |= {"occluded": False, "outside": False, "z_order": 0, "rotation": 0.0, "elements": []}
        for item in items:
            stored = {**defaults, **item, "id": self.new_id()}
            if kind == "tracks":
                shapes = [
                    {"occluded": False, "z_order": 0, "rotation": 0.0, **shape} for shape in item["shapes"]
                ]
                stored["shapes"] = [{**shape, "id": self.new_id()} for shape in shapes]
                stored["elements"] = []
            self.annotations[kind].append(stored)

    def new_id(self):
        self.next_id += 1
        return self.next_id

    def fault(self, method, path):
        """What is to go wrong with this request, if anything."""
        for fault in self.faults:
            if fault[0] == method and re.search(fault[1], path):
                self.faults.remove(fault)
                return fault[2]
        return None

    def answer(self, method, path, query, body):
        """Status and JSON (or bytes) of a request."""
        match = re.fullmatch(r"/api/(tasks|jobs)/(\d+)(/.*?)?/?", path)
        if path == "/api/labels":
            return 200, self.label_page(query)
        if not match or (match[1], match[2]) not in (("tasks", "7"), ("jobs", "3")):
            return 404, {"detail": "Not found."}
        is_job, rest = match[1] == "jobs", match[3]
        if rest is None:
            return 200, checked(models.JobRead, self.job_of()) if is_job else checked(
                models.TaskRead, self.task_of()
            )
        if rest == "/data/meta":
            return 200, checked(models.DataMetaRead, self.meta_of(is_job))
        if rest == "/data":
            assert query["type"] == "frame"
            return self.frame(int(query["number"]), query.get("quality"))
        if rest == "/annotations" and method == "GET":
            return 200, checked(models.LabeledData, self.annotations)
        if rest == "/annotations" and method == "PATCH":
            assert query["action"] == "create"
            return self.create(json.loads(body))
        return 404, {"detail": "Not found."}

    def create(self, data):
        checked(models.PatchedLabeledDataRequest, data)
        assert set(data) <= {"shapes", "tracks"}
        for track in data.get("tracks", []):
            assert all(shape["type"] != "mask" for shape in track["shapes"])  # CVAT stores them, and breaks
        with self.lock:
            for kind, items in data.items():
                self.store(kind, items)
        return 200, data

    def frame(self, number, quality):
        assert quality in ("original", "compressed")
        if number not in self.images:
            return 404, {"detail": "no such frame"}
        buffer = io.BytesIO()
        Image.fromarray(self.images[number]).save(buffer, "PNG")
        return 200, buffer.getvalue()

    def label_page(self, query):
        assert query.get("task_id") == "7" or query.get("job_id") == "3"
        page = {"count": len(self.labels), "next": None, "previous": None, "results": self.labels}
        return checked(models.PaginatedLabelList, page)

    def common(self):
        return {
            "dimension": "2d", "mode": "interpolation", "media_type": "video", "organization": None,
            "labels": {"url": f"{self.url}/api/labels"}, "created_date": WHEN, "updated_date": WHEN,
            "project_id": None, "bug_tracker": "", "assignee": None,
        }  # fmt: skip

    def task_of(self):
        jobs = {"count": 1, "completed": 0, "validation": 0, "url": f"{self.url}/api/jobs"}
        return {**self.common(), "id": 7, "name": "clip", "size": len(self.images), "jobs": jobs}

    def job_of(self):
        start, stop = self.job
        issues = {"count": 0, "url": f"{self.url}/api/issues"}
        return {
            **self.common(), "id": 3, "task_id": 7, "start_frame": start, "stop_frame": stop,
            "frame_count": stop - start + 1, "issues": issues, "type": "annotation",
        }  # fmt: skip

    def meta_of(self, is_job):
        """Every second frame of a video from frame 10 on: what annotations are numbered by does not show it."""
        first, last = self.job if is_job else (0, len(self.images) - 1)
        height, width = self.images[0].shape[:2]
        return {
            "chunks_updated_date": WHEN, "size": last - first + 1, "start_frame": 10 + 2 * first,
            "stop_frame": 10 + 2 * last, "frame_filter": "step=2", "deleted_frames": self.deleted,
            "included_frames": self.included if is_job else None, "image_quality": 70,
            "frames": [{"width": width, "height": height, "name": "clip.mp4", "related_files": 0}],
        }  # fmt: skip


def checked(model, data):
    """The data, once the SDK's model has taken it."""
    model._from_openapi_data(**json.loads(json.dumps(data)), _check_type=True)
    return data


def handler_of(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self):
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with server.lock:
                server.asked.append((self.command, self.path))
                fault = server.fault(self.command, self.path)
            if fault == "before":
                return self.hang_up()
            cookies = []
            if url.path == "/api/auth/login":
                status, content = (
                    (200, {"key": "x"}) if json.loads(body)["password"] == PASSWORD else (400, {})
                )
                cookies = ["sessionid=s; Path=/", "csrftoken=c; Path=/"]
            elif not self.allowed():
                status, content = 401, {"detail": "Authentication credentials were not provided."}
            elif isinstance(fault, int):
                status, content = fault, {"detail": "made to fail"}
            else:
                status, content = server.answer(self.command, url.path, query, body)
            if fault == "after":
                return self.hang_up()
            return self.reply(status, content, cookies)

        do_GET = do_POST = do_PATCH = handle_request

        def allowed(self):
            return self.headers.get(
                "Authorization"
            ) == f"Bearer {TOKEN}" or "sessionid=s" in self.headers.get("Cookie", "")

        def hang_up(self):
            self.close_connection = True
            self.connection.close()

        def reply(self, status, content, cookies):
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "image/png" if isinstance(content, bytes) else "application/json"
            )
            self.send_header("Content-Length", str(len(data)))
            for cookie in cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    return Handler
